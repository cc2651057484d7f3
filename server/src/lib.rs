//! The web server.

use std::net::SocketAddr;

use agent_core::Core;

/// How to serve.
#[derive(Debug, Clone, Copy)]
pub struct ServeOptions {
    /// Where to listen.
    pub addr: SocketAddr,
}

/// The server could not start or broke.
#[derive(Debug, thiserror::Error)]
#[error("this build has no web server")]
pub struct ServeError;

/// Serves.
pub async fn serve(core: Core, options: ServeOptions) -> Result<(), ServeError> {
    let _ = (core, options);
    Err(ServeError)
}
