//! The one error a page sees, and the only place where errors of the core become one.
//!
//! Internals stop here: what a person cannot act on is logged and replaced by a plain sentence.
use std::fmt;

use protocol::{CardField, ErrorCode};
use serde::{Deserialize, Serialize};
use server_fn::codec::JsonEncoding;
use server_fn::error::{FromServerFnError, ServerFnErrorErr};

use crate::i18n::t;

/// What a server function answers when it refuses or fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiError {
    /// What kind of failure it is.
    pub code: ErrorCode,
    /// A sentence for people.
    pub message: String,
    /// Seconds until it is worth trying again, when that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u32>,
    /// The field of a card that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<CardField>,
}

impl ApiError {
    /// An error with a sentence for people.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after_s: None, field: None }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ApiError {}

impl FromServerFnError for ApiError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Request(_) | ServerFnErrorErr::Response(_) => {
                Self::new(ErrorCode::Network, t::error_network())
            }
            // The server reads arguments only, and has said what is wrong with them.
            #[cfg(feature = "ssr")]
            ServerFnErrorErr::Deserialization(message) => Self::new(ErrorCode::Invalid, message),
            // What answered was not this server function: a proxy, a server that is starting, or a newer one.
            #[cfg(not(feature = "ssr"))]
            ServerFnErrorErr::Deserialization(_) => Self::new(ErrorCode::Network, t::error_unreadable()),
            ServerFnErrorErr::Args(message) | ServerFnErrorErr::MissingArg(message) => {
                Self::new(ErrorCode::Invalid, message)
            }
            other => {
                report(&other);
                Self::new(ErrorCode::Internal, t::error_internal())
            }
        }
    }
}

#[cfg(feature = "ssr")]
fn report(error: &ServerFnErrorErr) {
    tracing::error!(%error, "a server function failed");
}

#[cfg(not(feature = "ssr"))]
fn report(error: &ServerFnErrorErr) {
    leptos::logging::error!("{error}");
}

#[cfg(feature = "ssr")]
mod from_core {
    use agent_core::accounts::AccountError;
    use agent_core::kanban::KanbanError;
    use agent_core::llm::ModelError;
    use agent_core::profiles::ProfileError;
    use agent_core::push::PushError;
    use agent_core::store::StoreError;
    use protocol::ErrorCode;

    use super::{ApiError, t};

    impl From<StoreError> for ApiError {
        fn from(error: StoreError) -> Self {
            match error.code() {
                ErrorCode::Unavailable => {
                    if !matches!(error, StoreError::DiskFull | StoreError::Busy) {
                        tracing::error!(%error, "the database cannot be used");
                    }
                    Self::new(ErrorCode::Unavailable, sentence(&error.to_string()))
                }
                _ if matches!(error, StoreError::Flush(_)) => {
                    tracing::error!(%error, "the disk is failing");
                    Self::new(ErrorCode::Internal, sentence(&error.to_string()))
                }
                _ => {
                    tracing::error!(%error, "the database failed");
                    Self::new(ErrorCode::Internal, t::error_internal())
                }
            }
        }
    }

    impl From<KanbanError> for ApiError {
        fn from(error: KanbanError) -> Self {
            match error {
                KanbanError::Internal(source) => source.into(),
                refused => {
                    let text = sentence(without_command(&refused.to_string()));
                    Self { field: refused.field(), ..Self::new(refused.code(), text) }
                }
            }
        }
    }

    impl From<AccountError> for ApiError {
        fn from(error: AccountError) -> Self {
            let mut retry_after_s = None;
            let code = match error {
                AccountError::Invalid(_) => ErrorCode::Invalid,
                AccountError::Denied(_) => ErrorCode::Denied,
                AccountError::TooMany { retry_after_ms } => {
                    retry_after_s = u32::try_from(retry_after_ms.div_ceil(1000)).ok();
                    ErrorCode::TooMany
                }
                AccountError::Unavailable(_) => ErrorCode::Unavailable,
                AccountError::Internal(source) => return source.into(),
            };
            Self { retry_after_s, ..Self::new(code, sentence(&error.to_string())) }
        }
    }

    impl From<PushError> for ApiError {
        fn from(error: PushError) -> Self {
            let code = match error {
                PushError::Invalid(_) => ErrorCode::Invalid,
                PushError::NotFound(_) => ErrorCode::NotFound,
                PushError::Unavailable(_) => ErrorCode::Unavailable,
                PushError::Internal(source) => return source.into(),
            };
            Self::new(code, sentence(&error.to_string()))
        }
    }

    impl From<ModelError> for ApiError {
        fn from(error: ModelError) -> Self {
            let code = match error {
                ModelError::Invalid(_) | ModelError::NotSetUp => ErrorCode::Invalid,
                _ => ErrorCode::Unavailable,
            };
            Self::new(code, sentence(&error.to_string()))
        }
    }

    impl From<ProfileError> for ApiError {
        fn from(error: ProfileError) -> Self {
            Self::new(ErrorCode::Unavailable, sentence(&error.to_string()))
        }
    }

    /// What to type at a command line helps nobody on a page, which has its own ways.
    fn without_command(text: &str) -> &str {
        text.split_once("; `hermes ").map_or(text, |(said, _)| said)
    }

    /// Errors of the core are written to follow a colon; on a page they stand alone.
    fn sentence(text: &str) -> String {
        let mut chars = text.chars();
        let Some(first) = chars.next() else { return String::new() };
        let end = if text.ends_with(['.', '?', '!']) { "" } else { "." };
        first.to_uppercase().chain(chars).collect::<String>() + end
    }
}
