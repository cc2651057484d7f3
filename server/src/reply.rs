//! Answers of the server's own: a code for programs and a sentence for people.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use protocol::ErrorCode;
use serde::Serialize;

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

/// No such address.
pub(crate) fn not_found() -> Response {
    problem(StatusCode::NOT_FOUND, ErrorCode::NotFound, "There is nothing at this address.")
}
