//! Files of cards and logs of runs: files are sent as they are and received in a stream. What a browser gets can run nothing and is taken for nothing
//! but what its bytes are.

use std::str::FromStr;

use agent_core::kanban::attachments::{self, Incoming, Opened};
use agent_core::kanban::{self, KanbanError};
use agent_core::{Actor, accounts};
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures_util::{StreamExt, stream};
use http::{HeaderMap, StatusCode, header};
use protocol::{AttachmentId, AttachmentWritten, CardRef, ErrorCode, MAX_ATTACHMENT_BYTES, RunId};
use serde::Deserialize;
use tokio::io::AsyncReadExt;

use crate::guard::SignedIn;
use crate::reply::{Asked, fault, problem, status_of};
use crate::router::AppState;

/// Where files are sent to.
pub(crate) const UPLOAD_PATH: &str = "/attachments";
const CSP: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";
/// Shown in the browser; everything else is saved.
const INLINE: &[&str] =
    &["image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf", "text/plain", "text/markdown"];
const CHUNK: usize = 64 * 1024;

fn refused(error: KanbanError) -> Response {
    match error.code() {
        ErrorCode::Internal => fault("a file of a card cannot be used", &error),
        code => {
            if code == ErrorCode::Unavailable {
                tracing::error!(%error, "a file of a card cannot be used");
            }
            problem(status_of(code), code, &error.to_string())
        }
    }
}

/// A file's bytes.
pub(crate) async fn read(State(state): State<AppState>, Path(id): Path<String>) -> Response {
    let Ok(id) = AttachmentId::from_str(&id) else { return crate::reply::not_found() };
    let Opened { view, file } = match attachments::open(state.core(), id).await {
        Ok(opened) => opened,
        Err(error) => return refused(error),
    };
    let inline = INLINE.contains(&view.media_type.as_str());
    let media_type = match view.media_type.as_str() {
        // As text whatever it is: a browser that renders Markdown would render what is in it.
        "text/plain" | "text/markdown" => "text/plain; charset=utf-8",
        _ if inline => view.media_type.as_str(),
        _ => "application/octet-stream",
    };
    let chunks = stream::unfold(tokio::fs::File::from_std(file), |mut file| async move {
        let mut chunk = vec![0_u8; CHUNK];
        match file.read(&mut chunk).await {
            Ok(0) => None,
            Ok(count) => {
                chunk.truncate(count);
                Some((Ok(chunk), file))
            }
            Err(error) => Some((Err(error), file)),
        }
    })
    // Compression asks once more after the end.
    .fuse();
    let headers = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (header::CONTENT_LENGTH, view.bytes.to_string()),
        (header::CONTENT_DISPOSITION, disposition(inline, &view.name)),
        (header::CONTENT_SECURITY_POLICY, CSP.to_owned()),
        // What an id names never changes; it is a person's all the same.
        (header::CACHE_CONTROL, "private, max-age=86400, immutable".to_owned()),
    ];
    (headers, Body::from_stream(chunks)).into_response()
}

/// Which log of a run.
#[derive(Debug, Deserialize)]
pub(crate) struct LogQuery {
    #[serde(default)]
    source: String,
}

/// The end of a run's log as a file to be saved, with the secrets blacked out.
pub(crate) async fn run_log(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Asked(query): Asked<LogQuery>,
) -> Response {
    let Ok(id) = RunId::from_str(&id) else { return crate::reply::not_found() };
    match kanban::run_log_file(state.core(), id, query.source.parse().ok()).await {
        Ok((name, text)) => {
            let headers = [
                (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
                (header::CONTENT_DISPOSITION, disposition(false, &name)),
                (header::CONTENT_SECURITY_POLICY, CSP.to_owned()),
                (header::CACHE_CONTROL, "no-store".to_owned()),
            ];
            (headers, text).into_response()
        }
        Err(error) => refused(error),
    }
}

/// RFC 6266: a plain name for old programs, the real one for all others.
fn disposition(inline: bool, name: &str) -> String {
    use std::fmt::Write;
    let kind = if inline { "inline" } else { "attachment" };
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || " ._-()".contains(c) { c } else { '_' }).collect();
    let mut coded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            coded.push(char::from(byte));
        } else {
            // silent-ok: writing to a String cannot fail
            let _ = write!(coded, "%{byte:02X}");
        }
    }
    format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{coded}")
}

/// To which card, and under which name.
#[derive(Debug, Deserialize)]
pub(crate) struct UploadQuery {
    #[serde(default)]
    card: String,
    #[serde(default)]
    name: String,
}

/// Receives a file: the body is its bytes, kept as they come, up to the limit.
pub(crate) async fn upload(
    State(state): State<AppState>,
    Extension(SignedIn(user)): Extension<SignedIn>,
    Asked(query): Asked<UploadQuery>,
    request: Request,
) -> Response {
    let core = state.core();
    let Ok(card) = CardRef::from_str(&query.card) else {
        return problem(
            StatusCode::UNPROCESSABLE_ENTITY,
            ErrorCode::Invalid,
            "Name the card that gets the file: ?card= and its number or id.",
        );
    };
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if announced.and_then(|length| length.parse::<i64>().ok()).is_some_and(|length| length > MAX_ATTACHMENT_BYTES) {
        return too_large();
    }
    let viewer = match accounts::viewer(core, user).await {
        Ok(Some(viewer)) => viewer,
        Ok(None) => return problem(StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated, "You are signed out."),
        Err(error) => return fault("the person of a session cannot be read", &error),
    };
    let actor = Actor::Person { id: viewer.id, name: viewer.name, device: device(request.headers()) };
    match receive(&state, &actor, card, &query.name, request.into_body()).await {
        Ok(written) => Json(written).into_response(),
        Err(response) => response,
    }
}

fn too_large() -> Response {
    let limit = MAX_ATTACHMENT_BYTES / (1024 * 1024);
    let message = format!("A card's file has at most {limit} MiB; nothing was kept. Make it smaller or send parts.");
    problem(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::Invalid, &message)
}

fn device(headers: &HeaderMap) -> String {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    app::ctx::device_name(agent.unwrap_or_default())
}

async fn receive(
    state: &AppState,
    actor: &Actor,
    card: CardRef,
    name: &str,
    body: Body,
) -> Result<AttachmentWritten, Response> {
    let core = state.core();
    // Before the first byte is kept: an unknown card is told at once.
    agent_core::kanban::card(core, card).await.map_err(refused)?;
    let mut incoming = Incoming::begin(core, name).await.map_err(refused)?;
    let mut chunks = body.into_data_stream();
    let mut bytes = 0_i64;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| {
            tracing::debug!(%error, "a file was not received to its end");
            problem(StatusCode::BAD_REQUEST, ErrorCode::Network, "The file did not arrive whole. Send it again.")
        })?;
        bytes = bytes.saturating_add(i64::try_from(chunk.len()).unwrap_or(i64::MAX));
        if bytes > MAX_ATTACHMENT_BYTES {
            return Err(too_large());
        }
        incoming.write(&chunk).await.map_err(refused)?;
    }
    let staged = incoming.finish().await.map_err(refused)?;
    attachments::add(core, actor, card, staged).await.map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::disposition;

    #[test]
    fn names_cannot_break_out_of_the_header() {
        assert_eq!(
            disposition(false, "a\"b\r\n; x=ü.pdf"),
            "attachment; filename=\"a_b___ x__.pdf\"; filename*=UTF-8''a%22b%0D%0A%3B%20x%3D%C3%BC.pdf"
        );
        assert!(disposition(true, "x.png").starts_with("inline; filename=\"x.png\""));
    }
}
