//! The server as a browser meets it: requests in, answers out, on a database of its own.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod accounts;
mod attachments;
mod guard;
mod idempotency;
mod routes;
mod serve;
mod stream;

use std::net::SocketAddr;

use agent_core::accounts::{SESSION_USER, StoredSession, save_session};
use agent_core::{Core, Home, OpenOptions};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::response::Response;
use http::{Method, Request};
use protocol::UserId;
use server::{AppState, router};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

const HOST: &str = "localhost:8787";
const ORIGIN: &str = "http://localhost:8787";
/// 16 zero bytes as the cookie writes them.
const SESSION: &str = "AAAAAAAAAAAAAAAAAAAAAA";
const USER: &str = "018f0000-0000-7000-8000-000000000001";

struct Site {
    core: Core,
    router: Router,
    stop: CancellationToken,
    _dir: tempfile::TempDir,
}

impl Site {
    async fn new() -> Self {
        Self::with_config("").await
    }

    async fn with_config(yaml: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        home.create().unwrap();
        if !yaml.is_empty() {
            std::fs::write(home.config(), yaml).unwrap();
        }
        let core = Core::open(OpenOptions::new(home)).await.unwrap();
        let stop = CancellationToken::new();
        let router = router(AppState::new(core.clone(), stop.clone()));
        Self { core, router, stop, _dir: dir }
    }

    async fn with_user() -> Self {
        let site = Self::new().await;
        site.sign_in().await;
        site
    }

    async fn sign_in(&self) {
        let user: UserId = USER.parse().unwrap();
        let mut tx = self.core.write().await.unwrap();
        sqlx::query("INSERT INTO account_user (id, name, password_hash, created_at) VALUES (?1, 'Ada', '', 0)")
            .bind(user.0.as_bytes().as_slice())
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let data = serde_json::json!({ SESSION_USER: user }).to_string();
        let session = StoredSession { data, expires_at: self.core.now_ms() + 3_600_000 };
        save_session(&self.core, SESSION, Some(user), &session).await.unwrap();
    }

    async fn disable_user(&self) {
        let mut tx = self.core.write().await.unwrap();
        sqlx::query("UPDATE account_user SET disabled_at = 1").execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn send(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }
}

/// A request as curl sends it, to be extended.
fn request(method: Method, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path).header("host", HOST)
}

fn get(path: &str) -> http::request::Builder {
    request(Method::GET, path)
}

fn cookie() -> String {
    format!("hermes={SESSION}")
}

/// As if it came over `tailscale serve` on this machine, or from elsewhere.
fn via(mut request: Request<Body>, peer: &str) -> Request<Body> {
    let peer: SocketAddr = peer.parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    request
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

async fn body(response: Response) -> String {
    String::from_utf8(to_bytes(response.into_body(), 10_000_000).await.unwrap().to_vec()).unwrap()
}

/// A path of that pattern, with something in place of every parameter.
fn fill(pattern: &str) -> String {
    let filled = pattern.split('/').map(|part| if part.starts_with('{') || part.starts_with(':') { "x" } else { part });
    filled.collect::<Vec<_>>().join("/")
}
