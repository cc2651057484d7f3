//! Writes that are sent again are made once.
//!
//! A request with the header `Idempotency-Key` gets the answer that the first one with this key got, from anybody who is
//! signed in as the same person. Whoever is asked first is heard to the end, also when the client hangs up meanwhile:
//! else nobody could say whether the write was made.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use agent_core::accounts::{StoredAnswer, load_answer, save_answer};
use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use protocol::{ErrorCode, UserId};
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, oneshot};
use tokio_util::task::TaskTracker;

use crate::guard::SignedIn;
use crate::headers::MAX_BODY_BYTES;
use crate::reply::{fault, problem};
use crate::router::AppState;

/// The request's header, which the browser's outbox sends.
pub(crate) const HEADER: &str = "idempotency-key";
const MAX_KEY_BYTES: usize = 100;
/// Larger answers are given and not kept. One of a thousand cards is smaller.
const MAX_ANSWER_BYTES: usize = 4_000_000;

type Key = (UserId, String);

/// The keys that are being worked on. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct UnderWay {
    keys: Arc<Mutex<HashMap<Key, Arc<AsyncMutex<()>>>>>,
    writes: TaskTracker,
}

impl UnderWay {
    /// Waits for its turn; whoever has it is the only one with this key.
    async fn turn(&self, key: Key) -> Turn {
        let lock = {
            let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(keys.entry(key.clone()).or_default())
        };
        let mine = Arc::clone(&lock).lock_owned().await;
        Turn { under_way: self.clone(), key, held: Some((mine, lock)) }
    }

    /// Waits for writes whose clients have hung up.
    pub(crate) async fn finish(&self) {
        self.writes.close();
        self.writes.wait().await;
    }
}

/// The right to work on a key; the key is forgotten with the last of them.
struct Turn {
    under_way: UnderWay,
    key: Key,
    held: Option<(OwnedMutexGuard<()>, Arc<AsyncMutex<()>>)>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut keys = self.under_way.keys.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.held.take());
        if keys.get(&self.key).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            keys.remove(&self.key);
        }
    }
}

/// Middleware: answers a write that was answered before as before. Behind the sign-in, and where the body is read.
pub(crate) async fn once(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let (Some(key), Some(SignedIn(user)), true) = (
        request.headers().get(HEADER),
        request.extensions().get::<SignedIn>().copied(),
        request.uri().path().starts_with("/api/kanban/"),
    ) else {
        return next.run(request).await;
    };
    let key = match key.to_str() {
        Ok(key) if !key.is_empty() && key.len() <= MAX_KEY_BYTES => (user, key.to_owned()),
        _ => {
            return problem(
                StatusCode::BAD_REQUEST,
                ErrorCode::Invalid,
                "The header Idempotency-Key must be 1 to 100 printable ASCII characters. Nothing was changed.",
            );
        }
    };
    let (tell, told) = oneshot::channel();
    let under_way = state.under_way().clone();
    let write = async move {
        let turn = state.under_way().turn(key.clone()).await;
        let response = answer(&state, &key, request, next).await;
        drop(turn);
        // silent-ok: the client has hung up; its next try is answered from what was kept.
        let _ = tell.send(response);
    };
    agent_core::task::spawn("idempotent-write", under_way.writes.track_future(write));
    told.await.unwrap_or_else(|error| fault("a write ended without an answer", &error))
}

async fn answer(state: &AppState, key: &Key, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
        return problem(StatusCode::BAD_REQUEST, ErrorCode::Invalid, "The request was not read to its end.");
    };
    let asked = fingerprint(parts.method.as_str(), parts.uri.path(), &body);
    match load_answer(state.core(), key.0, &key.1).await {
        Ok(Some(kept)) if kept.request == asked => return again(kept),
        Ok(Some(_)) => {
            return problem(
                StatusCode::UNPROCESSABLE_ENTITY,
                ErrorCode::Invalid,
                "This Idempotency-Key was used for another request. Nothing was changed; use a new key.",
            );
        }
        Ok(None) => {}
        Err(error) => return fault("the answers that were given cannot be read", &error),
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    keep(state, key, asked, response).await
}

fn fingerprint(method: &str, path: &str, body: &Bytes) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in [method.as_bytes(), path.as_bytes(), body] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().to_vec()
}

/// Every answer of the API is JSON.
fn again(kept: StoredAnswer) -> Response {
    let status = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
    (status, [(header::CONTENT_TYPE, "application/json")], kept.body).into_response()
}

/// Whether asking again would be answered the same way.
fn is_final(status: StatusCode) -> bool {
    status.is_success()
        || (status.is_client_error()
            && !matches!(
                status,
                StatusCode::UNAUTHORIZED | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
            ))
}

async fn keep(state: &AppState, (user, key): &Key, asked: Vec<u8>, response: Response) -> Response {
    let small = response.body().size_hint().upper().is_some_and(|size| size <= MAX_ANSWER_BYTES as u64);
    if !small || !is_final(response.status()) {
        return response;
    }
    let (parts, body) = response.into_parts();
    let body = match to_bytes(body, MAX_ANSWER_BYTES).await {
        Ok(body) => body,
        Err(error) => return fault("an answer cannot be read", &error),
    };
    let kept = StoredAnswer { request: asked, status: parts.status.as_u16(), body: body.to_vec() };
    if let Err(error) = save_answer(state.core(), *user, key, &kept).await {
        // The write was made, which is what counts; only its being sent again would not be noticed.
        tracing::error!(%error, "an answer cannot be kept");
    }
    Response::from_parts(parts, Body::from(body))
}
