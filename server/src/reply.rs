//! Answers of the server's own: a code for programs and a sentence for people.

use agent_core::text::{Notation, misread};
use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Query, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use protocol::ErrorCode;
use serde::{Deserialize, Serialize};
use server_fn::error::SERVER_FN_ERROR_HEADER;

/// Longest refusal of a server function; a sentence is far below it.
const MAX_REFUSAL_BYTES: usize = 64 * 1024;

#[derive(Serialize)]
struct Problem<'a> {
    code: ErrorCode,
    message: &'a str,
}

/// `{code, message}` with that status.
pub(crate) fn problem(status: StatusCode, code: ErrorCode, message: &str) -> Response {
    (status, Json(Problem { code, message })).into_response()
}

/// A fault of ours: the cause goes to the log, not to the client.
pub(crate) fn fault(what: &'static str, error: &dyn std::fmt::Display) -> Response {
    tracing::error!(%error, "{what}");
    problem(
        StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::Internal,
        "Hermes could not answer because of a fault of its own; the server's log says more. Try again.",
    )
}

/// What an address says after its `?`. Where it makes no sense, the answer names the part.
#[derive(Debug)]
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: serde::de::DeserializeOwned, S: Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        Query::try_from_uri(&parts.uri).map(|Query(asked)| Self(asked)).map_err(|rejection| {
            let text = rejection.body_text();
            // "Failed to deserialize query string: <name>: <what is wrong>"
            let text = text.split_once("query string: ").map_or(text.as_str(), |(_, reason)| reason);
            let (name, reason) = match text.split_once(": ") {
                Some((name, reason)) if !name.contains(' ') => (name, reason),
                _ => ("", text),
            };
            let message = format!("The address was not understood: {}.", misread(name, reason, Notation::Json));
            problem(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::Invalid, &message)
        })
    }
}

/// The address is right, the method is not. Which one is stands in the header `allow`.
pub(crate) async fn method_not_allowed() -> Response {
    problem(
        StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::Invalid,
        "This address does not answer to that method; the header \"allow\" names those it answers to.",
    )
}

/// No such address.
pub(crate) fn not_found() -> Response {
    problem(StatusCode::NOT_FOUND, ErrorCode::NotFound, "There is nothing at this address.")
}

/// The part of a server function's refusal that decides the status.
#[derive(Deserialize)]
struct Refusal {
    code: ErrorCode,
    #[serde(default)]
    retry_after_s: Option<u32>,
}

/// The status of each kind of failure.
pub(crate) const fn status_of(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorCode::Denied => StatusCode::FORBIDDEN,
        ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::Conflict => StatusCode::CONFLICT,
        ErrorCode::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::TooMany => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Network | ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Middleware: server functions refuse with 500 whatever the reason; this gives each refusal the status of its code.
pub(crate) async fn refusal_status(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if response.status() != StatusCode::INTERNAL_SERVER_ERROR
        || !response.headers().contains_key(SERVER_FN_ERROR_HEADER)
    {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let bytes = match to_bytes(body, MAX_REFUSAL_BYTES).await {
        Ok(bytes) => bytes,
        Err(error) => return fault("a server function's refusal cannot be read", &error),
    };
    // Whatever is no refusal of ours stays the fault it says it is.
    if let Ok(refusal) = serde_json::from_slice::<Refusal>(&bytes) {
        parts.status = status_of(refusal.code);
        if let Some(seconds) = refusal.retry_after_s {
            parts.headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
    }
    Response::from_parts(parts, Body::from(bytes))
}
