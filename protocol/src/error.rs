//! The closed set of error codes a caller can branch on.

use serde::{Deserialize, Serialize};

/// What kind of failure a request met. The sentence for people travels beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Nobody is signed in. HTTP 401.
    Unauthenticated,
    /// Signed in, but not allowed. HTTP 403.
    Denied,
    /// No such thing. HTTP 404.
    NotFound,
    /// Somebody else was faster, or the move is not legal now. HTTP 409.
    Conflict,
    /// The input is not acceptable. HTTP 422.
    Invalid,
    /// Too many attempts; try later. HTTP 429.
    TooMany,
    /// The machine cannot do it now, for instance the disk is full. HTTP 503.
    Unavailable,
    /// The request did not reach the server or its answer was lost.
    Network,
    /// A fault of ours. HTTP 500.
    Internal,
}

impl ErrorCode {
    /// The word for it, as it travels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::Denied => "denied",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Invalid => "invalid",
            Self::TooMany => "too_many",
            Self::Unavailable => "unavailable",
            Self::Network => "network",
            Self::Internal => "internal",
        }
    }
}

/// A field of a card that a refusal is about, so that a form can say it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CardField {
    /// What shall be done, in a few words.
    Title,
    /// The description.
    Body,
    /// Who works on it.
    Assignee,
    /// Labels.
    Labels,
    /// Names of skills.
    Skills,
    /// Tenant.
    Tenant,
    /// Model.
    Model,
    /// The directory or repository to work in.
    WorkspacePath,
    /// The branch of its worktree.
    Branch,
    /// What it waits for.
    Parents,
    /// When it starts.
    ScheduledAt,
    /// When it is due.
    DueAt,
    /// The rule by which it comes again.
    Repeat,
    /// Its money.
    MaxCost,
    /// Its tokens.
    MaxTokens,
    /// How long a run may take.
    MaxRuntime,
    /// How often it is tried.
    MaxAttempts,
}
