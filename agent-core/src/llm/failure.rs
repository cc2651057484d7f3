//! Why a call of a model failed: told apart so that callers can wait, try again, or tell a person what to do.

use super::ModelError;

/// The kinds of failure that callers treat differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// Nothing listens there, or the connection broke before an answer.
    Unreachable,
    /// The host name is unknown.
    UnknownHost,
    /// No trusted connection.
    Tls,
    /// Too long without a sign of life.
    Timeout,
    /// The key is missing, wrong or has no right to this.
    Unauthorized,
    /// Nothing at this path.
    NotFound,
    /// The server does not have this model.
    ModelNotFound,
    /// The provider asks to slow down.
    RateLimited,
    /// The account has no credit left.
    NoCredit,
    /// The conversation is longer than the model can read.
    ContextTooLong,
    /// The provider is down or overloaded (5xx).
    Overloaded,
    /// The request was refused for another reason.
    Refused,
    /// The answer is not what the protocol says, or broke off.
    Broken,
    /// The answer is too long.
    TooLarge,
}

/// A failed call. The text holds the provider's own words with secrets removed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CallError {
    /// Kind.
    pub kind: FailureKind,
    /// HTTP status, when there was an answer.
    pub status: Option<u16>,
    /// What happened.
    pub message: String,
    /// How long the provider asks to wait.
    pub retry_after_ms: Option<i64>,
}

impl CallError {
    /// A failure without an HTTP answer.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, status: None, message: message.into(), retry_after_ms: None }
    }

    /// Whether the same call may succeed a little later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        use FailureKind::{Broken, Overloaded, RateLimited, Timeout, UnknownHost, Unreachable};
        matches!(self.kind, Unreachable | UnknownHost | Timeout | RateLimited | Overloaded | Broken)
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self.kind {
            FailureKind::Unreachable => {
                "Nothing answers at this address. Is the server running, and is the port right?"
            }
            FailureKind::UnknownHost => "The host name is not known. Check its spelling and this machine's network.",
            FailureKind::Tls => {
                "The connection is not trusted. Check https and http, the machine's clock, and the server's certificate."
            }
            FailureKind::Timeout => {
                "The server did not answer in time. A local model may still be loading: try again in a minute."
            }
            FailureKind::Unauthorized => "The key was not accepted. Enter it again, or make a new one at the provider.",
            FailureKind::NotFound => "The server has nothing at this path. Most base addresses end in /v1.",
            FailureKind::ModelNotFound => {
                "The server does not have this model. Check its name, or load it there first."
            }
            FailureKind::RateLimited => "The provider asks to slow down. Wait a little and try again.",
            FailureKind::NoCredit => "The account has no credit left. Top it up at the provider.",
            FailureKind::ContextTooLong => {
                "The text is longer than the model can read. Choose one with a larger window."
            }
            FailureKind::Overloaded => "The provider has trouble right now. Try again in a few minutes.",
            FailureKind::Refused => "The provider refused the request. Its message says why; check the model's name.",
            FailureKind::Broken => {
                "The answer is not an OpenAI-compatible one. Check that the address is the API, usually ending in /v1."
            }
            FailureKind::TooLarge => "The answer was far too long. Try another model.",
        }
    }
}

impl From<CallError> for ModelError {
    fn from(error: CallError) -> Self {
        Self::Provider { status: error.status, message: error.message, retry_after_ms: error.retry_after_ms }
    }
}

/// Turns an HTTP refusal into a failure. `body` is what the server said, secrets removed.
pub(super) fn from_status(status: u16, body: &str, retry_after_ms: Option<i64>) -> CallError {
    let said = provider_words(body);
    let lower = said.to_lowercase();
    let kind = match status {
        300..=399 => FailureKind::NotFound,
        401 | 403 => FailureKind::Unauthorized,
        402 => FailureKind::NoCredit,
        404 if is_about_model(&lower) => FailureKind::ModelNotFound,
        404 | 405 => FailureKind::NotFound,
        408 | 504 => FailureKind::Timeout,
        413 => FailureKind::ContextTooLong,
        429 if lower.contains("insufficient_quota") || lower.contains("billing") => FailureKind::NoCredit,
        // 529 is Anthropic's and some gateways' "overloaded".
        429 | 529 => FailureKind::RateLimited,
        500..=599 => FailureKind::Overloaded,
        _ if is_about_context(&lower) => FailureKind::ContextTooLong,
        400 | 422 if is_about_model(&lower) => FailureKind::ModelNotFound,
        _ => FailureKind::Refused,
    };
    let message = if said.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}: {said}") };
    CallError { kind, status: Some(status), message, retry_after_ms }
}

fn is_about_model(lower: &str) -> bool {
    lower.contains("model")
        && ["not found", "not exist", "unknown", "invalid model", "no such", "not a valid", "not_found"]
            .iter()
            .any(|words| lower.contains(words))
}

fn is_about_context(lower: &str) -> bool {
    [
        "context length",
        "context_length",
        "context window",
        "maximum context",
        "too many tokens",
        "prompt is too long",
        "exceeds the available context",
        "exceed_context_size",
    ]
    .iter()
    .any(|words| lower.contains(words))
}

/// The sentence inside an error body: `{"error":{"message":…}}` and its relatives, else the text itself, shortened.
pub(super) fn provider_words(body: &str) -> String {
    let parsed: Option<serde_json::Value> = serde_json::from_str(body).ok();
    let from_json = parsed.as_ref().and_then(|value| {
        let value = value.as_array().and_then(|list| list.first()).unwrap_or(value);
        let error = value.get("error").unwrap_or(value);
        let text = error.as_str().or_else(|| {
            ["message", "detail", "error", "title"].iter().find_map(|key| error.get(key).and_then(|said| said.as_str()))
        })?;
        let code = error.get("code").and_then(|code| code.as_str()).filter(|code| !text.contains(code));
        Some(code.map_or_else(|| text.to_owned(), |code| format!("{text} ({code})")))
    });
    let text = from_json.unwrap_or_else(|| if looks_like_page(body) { String::new() } else { body.to_owned() });
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut short: String = flat.chars().take(600).collect();
    if short.len() < flat.len() {
        short.push('…');
    }
    short
}

fn looks_like_page(body: &str) -> bool {
    let start = body.trim_start().get(..15).unwrap_or_default().to_ascii_lowercase();
    start.starts_with("<!doctype") || start.starts_with("<html")
}

#[cfg(test)]
mod tests {
    use super::{FailureKind, from_status, provider_words};

    #[test]
    fn the_providers_sentence_is_found() {
        let cases = [
            (
                r#"{"error":{"message":"Incorrect API key","code":"invalid_api_key"}}"#,
                "Incorrect API key (invalid_api_key)",
            ),
            (r#"{"error":"model 'x' not found"}"#, "model 'x' not found"),
            (r#"[{"error":{"message":"bad"}}]"#, "bad"),
            (r#"{"detail":"Not Found"}"#, "Not Found"),
            ("plain\n words", "plain words"),
            ("<!DOCTYPE html><html>long page</html>", ""),
            ("", ""),
        ];
        for (body, expected) in cases {
            assert_eq!(provider_words(body), expected);
        }
    }

    #[test]
    fn statuses_are_told_apart() {
        let cases = [
            (401, "", FailureKind::Unauthorized),
            (403, "", FailureKind::Unauthorized),
            (404, r#"{"detail":"Not Found"}"#, FailureKind::NotFound),
            (404, r#"{"error":{"message":"The model `gpt-9` does not exist"}}"#, FailureKind::ModelNotFound),
            (400, r#"{"error":{"message":"llama is not a valid model ID"}}"#, FailureKind::ModelNotFound),
            (400, r#"{"error":{"message":"maximum context length is 8192 tokens"}}"#, FailureKind::ContextTooLong),
            (400, r#"{"error":{"message":"bad schema"}}"#, FailureKind::Refused),
            (429, "slow down", FailureKind::RateLimited),
            (
                429,
                r#"{"error":{"message":"You exceeded your quota","code":"insufficient_quota"}}"#,
                FailureKind::NoCredit,
            ),
            (503, "", FailureKind::Overloaded),
            (529, "", FailureKind::RateLimited),
        ];
        for (status, body, kind) in cases {
            assert_eq!(from_status(status, body, None).kind, kind, "{status} {body}");
        }
    }
}
