//! What every answer carries, and how much and how long a request may be.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::StatusCode;
use http::header::{self, HeaderValue};
use leptos::nonce::use_nonce;
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;
use protocol::ErrorCode;

use crate::attachments::UPLOAD_PATH;
use crate::guard::Scheme;
use crate::reply::problem;

/// Longest request body. The largest card text is 1 MB; the rest is for its encoding.
pub const MAX_BODY_BYTES: usize = 1_200_000;
/// Longest wait for an answer to begin.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest wait for a file to arrive over a slow line.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(600);

const CSP_OTHER: &str = "default-src 'none'; frame-ancestors 'none'";
/// The offline page brings its own script, style and icon.
pub(crate) const CSP_OFFLINE: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";
/// A worker's policy is that of its script: without `connect-src` it could fetch nothing, without `img-src` its
/// notifications would show no icon.
pub(crate) const CSP_WORKER: &str = "default-src 'none'; connect-src 'self'; img-src 'self'; frame-ancestors 'none'";

const FIXED: &[(&str, &str)] = &[
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()"),
];

/// Gives the page being rendered its policy, with the nonce of this answer. Called where the document is built.
pub(crate) fn set_page_policy() {
    let (Some(options), Some(nonce)) = (use_context::<ResponseOptions>(), use_nonce()) else { return };
    let policy = format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' blob: data:; connect-src 'self'; font-src 'self'; manifest-src 'self'; worker-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    match HeaderValue::from_str(&policy) {
        Ok(value) => options.insert_header(header::CONTENT_SECURITY_POLICY, value),
        // The page then gets the policy of everything else, which runs nothing.
        Err(error) => tracing::error!(%error, "the page's policy cannot be written"),
    }
}

/// Middleware, outermost: also refusals get these.
pub(crate) async fn add(request: Request, next: Next) -> Response {
    let scheme = Scheme::of(&request);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in FIXED {
        headers.insert(*name, HeaderValue::from_static(value));
    }
    if scheme == Scheme::Https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    // Pages hold what belongs to a person; so does whatever does not say otherwise.
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CSP_OTHER));
    }
    response
}

fn too_large() -> Response {
    problem(
        StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::Invalid,
        "This is more than the 1.2 MB Hermes takes in one request; nothing was changed. Send less text at once.",
    )
}

/// Middleware: reads the body whole, up to the limit. Files are read by their handler, which has a limit of its own.
pub(crate) async fn limit_body(request: Request, next: Next) -> Response {
    if request.uri().path() == UPLOAD_PATH {
        return next.run(request).await;
    }
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if announced.is_some_and(|length| length.parse::<usize>().is_ok_and(|length| length > MAX_BODY_BYTES)) {
        return too_large();
    }
    let (parts, body) = request.into_parts();
    match to_bytes(body, MAX_BODY_BYTES).await {
        Ok(bytes) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Err(error) => {
            tracing::debug!(%error, "a request's body was not read to its end");
            too_large()
        }
    }
}

/// Middleware: gives up on answers that do not begin in time. The stream begins at once and then stays.
pub(crate) async fn limit_time(request: Request, next: Next) -> Response {
    if request.uri().path() == "/stream" {
        return next.run(request).await;
    }
    let patience = if request.uri().path() == UPLOAD_PATH { UPLOAD_TIMEOUT } else { TIMEOUT };
    match tokio::time::timeout(patience, next.run(request)).await {
        Ok(response) => response,
        Err(_) => problem(
            StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::Unavailable,
            "Hermes waited too long and gave up. Look whether it happened before you try again.",
        ),
    }
}
