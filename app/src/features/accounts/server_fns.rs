//! What the browser asks about signing in. Three of these answer people who are not signed in yet.
use leptos::prelude::*;
use protocol::{SetUpParams, SignInParams, SignInState, Viewer};

use crate::error::ApiError;
use crate::json::Json;

/// Whether an owner exists, and who is signed in.
#[server(endpoint = "accounts/state", input = Json)]
pub async fn read_sign_in_state() -> Result<SignInState, ApiError> {
    let core = crate::ctx::core()?;
    let viewer = super::session::viewer(&core).await?;
    Ok(SignInState { set_up: agent_core::accounts::is_set_up(&core).await?, viewer })
}

/// Makes the owner's account with the token of the set-up link, and signs in.
#[server(endpoint = "accounts/set_up", input = Json)]
pub async fn set_up(params: SetUpParams) -> Result<Viewer, ApiError> {
    let core = crate::ctx::core()?;
    let viewer = agent_core::accounts::set_up(&core, params).await?;
    super::session::begin(&viewer).await?;
    Ok(viewer)
}

/// Signs in.
#[server(endpoint = "accounts/sign_in", input = Json)]
pub async fn sign_in(params: SignInParams) -> Result<Viewer, ApiError> {
    let core = crate::ctx::core()?;
    let viewer = agent_core::accounts::sign_in(&core, &params.password, &super::session::client_address()).await?;
    super::session::begin(&viewer).await?;
    Ok(viewer)
}

/// Ends the session of this browser.
#[server(endpoint = "accounts/sign_out", input = Json)]
pub async fn sign_out() -> Result<(), ApiError> {
    crate::ctx::ctx().await?;
    super::session::end().await
}
