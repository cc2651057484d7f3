//! The browser session around an account: who it belongs to, how it begins and ends. On the server only.
use std::net::SocketAddr;

use agent_core::Core;
use agent_core::accounts::SESSION_USER;
use axum::extract::ConnectInfo;
use leptos::prelude::use_context;
use protocol::{UserId, Viewer};

use crate::ctx::{session, session_failed};
use crate::error::ApiError;

/// The person of this session, if there is one.
pub(super) async fn viewer(core: &Core) -> Result<Option<Viewer>, ApiError> {
    let id: Option<UserId> = session()?.get(SESSION_USER).await.map_err(session_failed)?;
    match id {
        Some(id) => Ok(agent_core::accounts::viewer(core, id).await?),
        None => Ok(None),
    }
}

/// Begins a session under a new id, so that an id known from before signing in is worth nothing.
pub(super) async fn begin(viewer: &Viewer) -> Result<(), ApiError> {
    let session = session()?;
    session.cycle_id().await.map_err(session_failed)?;
    session.insert(SESSION_USER, viewer.id).await.map_err(session_failed)
}

/// Ends the session and forgets all it held.
pub(super) async fn end() -> Result<(), ApiError> {
    session()?.flush().await.map_err(session_failed)
}

/// Where the request comes from, for slowing down guesses. Only a proxy on this machine is believed about others.
pub(super) fn client_address() -> String {
    let Some(parts) = use_context::<http::request::Parts>() else { return String::new() };
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip().to_canonical());
    let forwarded = parts.headers.get("x-forwarded-for").and_then(|value| value.to_str().ok());
    match (peer, forwarded) {
        // The last entry is the proxy's own; those before it are the client's claims.
        (Some(peer), Some(list)) if peer.is_loopback() => {
            list.rsplit(',').next().map(str::trim).unwrap_or_default().to_owned()
        }
        (Some(peer), _) => peer.to_string(),
        (None, _) => String::new(),
    }
}
