//! Browser sessions: the cookie, and their place in the core's database.

use std::collections::HashMap;

use agent_core::accounts::{self, SESSION_USER, StoredSession};
use agent_core::{Core, store::StoreError};
use async_trait::async_trait;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use protocol::UserId;
use time::{Duration, OffsetDateTime};
use tower::{Layer, ServiceExt};
use tower_sessions::cookie::SameSite;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{self, SessionStore};
use tower_sessions::{Expiry, SessionManagerLayer};

use crate::guard::Scheme;
use crate::router::AppState;

/// The cookie over plain http.
pub const COOKIE: &str = "hermes";
/// The cookie over https: the prefix makes browsers insist on Secure, Path=/ and no Domain.
pub const SECURE_COOKIE: &str = "__Host-hermes";
const LIFETIME: Duration = Duration::days(30);

/// Sessions in the core's database.
#[derive(Debug, Clone)]
pub struct Sessions(Core);

impl Sessions {
    /// The sessions of that core.
    #[must_use]
    pub fn new(core: Core) -> Self {
        Self(core)
    }
}

fn backend(error: StoreError) -> session_store::Error {
    session_store::Error::Backend(error.to_string())
}

fn user_of(record: &Record) -> Result<Option<UserId>, session_store::Error> {
    let Some(value) = record.data.get(SESSION_USER) else { return Ok(None) };
    serde_json::from_value(value.clone())
        .map(Some)
        .map_err(|error| session_store::Error::Encode(format!("{SESSION_USER} is not a user's id: {error}")))
}

fn stored(record: &Record) -> Result<StoredSession, session_store::Error> {
    let data = serde_json::to_string(&record.data).map_err(|error| session_store::Error::Encode(error.to_string()))?;
    let expires_at = i64::try_from(record.expiry_date.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX);
    Ok(StoredSession { data, expires_at })
}

#[async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        // 128 random bits: a collision is not a case.
        let session = stored(record)?;
        accounts::save_session(&self.0, &record.id.to_string(), user_of(record)?, &session).await.map_err(backend)
    }

    async fn save(&self, record: &Record) -> session_store::Result<()> {
        let session = stored(record)?;
        let id = record.id.to_string();
        if !accounts::update_session(&self.0, &id, user_of(record)?, &session).await.map_err(backend)? {
            tracing::debug!("a session ended while a request of it was under way; it stays ended");
        }
        Ok(())
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        let Some(stored) = accounts::load_session(&self.0, &id.to_string()).await.map_err(backend)? else {
            return Ok(None);
        };
        let decode = |error: &dyn std::fmt::Display| session_store::Error::Decode(error.to_string());
        let data: HashMap<String, serde_json::Value> =
            serde_json::from_str(&stored.data).map_err(|error| decode(&error))?;
        let expiry_date = OffsetDateTime::from_unix_timestamp_nanos(i128::from(stored.expires_at) * 1_000_000)
            .map_err(|error| decode(&error))?;
        Ok(Some(Record { id: *id, data, expiry_date }))
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        accounts::delete_session(&self.0, &id.to_string()).await.map_err(backend)
    }
}

/// One layer per scheme: a Secure cookie would never come back over plain http.
#[derive(Debug, Clone)]
pub(crate) struct SessionLayers {
    plain: SessionManagerLayer<Sessions>,
    secure: SessionManagerLayer<Sessions>,
}

impl SessionLayers {
    pub(crate) fn new(core: &Core) -> Self {
        let layer = |name: &'static str, secure: bool| {
            SessionManagerLayer::new(Sessions::new(core.clone()))
                .with_name(name)
                .with_secure(secure)
                .with_http_only(true)
                // Strict would make a tapped notification look signed out.
                .with_same_site(SameSite::Lax)
                .with_path("/")
                .with_expiry(Expiry::OnInactivity(LIFETIME))
        };
        Self { plain: layer(COOKIE, false), secure: layer(SECURE_COOKIE, true) }
    }
}

/// Gives the routes of a router the session of each request.
pub fn with_sessions(router: Router, state: &AppState) -> Router {
    router.layer(from_fn_with_state(state.clone(), attach))
}

/// Middleware: puts the session of the request's scheme into its extensions.
pub(crate) async fn attach(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let layers = state.sessions();
    let layer = match Scheme::of(&request) {
        Scheme::Http => &layers.plain,
        Scheme::Https => &layers.secure,
    };
    layer.layer(next).oneshot(request).await.into_response()
}
