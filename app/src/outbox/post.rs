//! One try to send a write.
use leptos::prelude::*;
use protocol::ErrorCode;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::Entry;
use crate::error::ApiError;

/// A tailnet that is switched off swallows packets instead of refusing them.
const TIMEOUT_MS: u32 = 10_000;

/// What came of it.
pub(super) enum Reply {
    /// The answer, as JSON.
    Done(String),
    Refused(ApiError),
    /// No answer, or none of Hermes', or it is starting or busy, or nobody is signed in: it is sent again later.
    Unreachable,
}

pub(super) async fn post(entry: &Entry) -> Reply {
    match answer(entry).await {
        Ok((true, body)) => Reply::Done(body),
        Ok((false, body)) => match serde_json::from_str::<ApiError>(&body) {
            Ok(error) if !may_pass(error.code) => Reply::Refused(error),
            _ => Reply::Unreachable,
        },
        Err(_) => Reply::Unreachable,
    }
}

const fn may_pass(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::Network | ErrorCode::Unavailable | ErrorCode::TooMany | ErrorCode::Unauthenticated)
}

/// Whether it was done, and what the server says.
async fn answer(entry: &Entry) -> Result<(bool, String), JsValue> {
    let options = web_sys::RequestInit::new();
    options.set_method("POST");
    options.set_body(&JsValue::from_str(&entry.body));
    options.set_signal(Some(&web_sys::AbortSignal::timeout_with_u32(TIMEOUT_MS)));
    let headers = web_sys::Headers::new()?;
    headers.set("content-type", "application/json")?;
    headers.set("accept", "application/json")?;
    headers.set("idempotency-key", &entry.id)?;
    options.set_headers(&headers);
    let response = JsFuture::from(window().fetch_with_str_and_init(&entry.path, &options)).await?;
    let response: web_sys::Response = response.dyn_into()?;
    // A proxy's page says nothing of ours.
    let kind = response.headers().get("content-type")?.unwrap_or_default();
    if !kind.starts_with("application/json") {
        return Err(JsValue::NULL);
    }
    let body = JsFuture::from(response.text()?).await?;
    Ok((response.ok(), body.as_string().unwrap_or_default()))
}
