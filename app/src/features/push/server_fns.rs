//! What the browser and its service worker ask about devices.
use leptos::prelude::*;
use protocol::{PushState, SubscribeParams, SubscriptionId};

use crate::error::ApiError;
use crate::json::Json;

/// The server's public key and the person's devices.
#[server(endpoint = "push/state", input = Json)]
pub async fn read_push_state() -> Result<PushState, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::push::state(&cx.core, cx.viewer.id).await?)
}

/// Adds this device, or renews it. Without a name it gets that of its browser.
#[server(endpoint = "push/subscribe", input = Json)]
pub async fn subscribe(params: SubscribeParams) -> Result<SubscriptionId, ApiError> {
    let cx = crate::ctx::ctx().await?;
    let device = if params.device.trim().is_empty() { crate::ctx::device() } else { params.device };
    Ok(agent_core::push::subscribe(&cx.core, cx.viewer.id, SubscribeParams { device, ..params }).await?)
}

/// Removes a device.
#[server(endpoint = "push/unsubscribe", input = Json)]
pub async fn unsubscribe(id: SubscriptionId) -> Result<(), ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::push::unsubscribe(&cx.core, cx.viewer.id, id).await?)
}

/// Sends a test message to one device.
#[server(endpoint = "push/test", input = Json)]
pub async fn send_push_test(id: SubscriptionId) -> Result<(), ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::push::send_test(&cx.core, cx.viewer.id, id).await?)
}

/// The service worker says that it showed a message.
#[server(endpoint = "push/displayed", input = Json)]
pub async fn push_displayed(endpoint: String) -> Result<(), ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::push::displayed(&cx.core, cx.viewer.id, &endpoint).await?)
}
