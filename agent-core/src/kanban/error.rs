//! What can go wrong with a card, in sentences for people.

use protocol::{CardField, ErrorCode};

use crate::store::StoreError;

/// A refusal or a fault. Every text says what is wrong and, where there is one, the next step.
#[derive(Debug, thiserror::Error)]
pub enum KanbanError {
    /// No such board, card, run or decision.
    #[error("{0}")]
    NotFound(String),
    /// Not legal now: somebody was faster, or the state forbids it.
    #[error("{0}")]
    Conflict(String),
    /// The input is not acceptable.
    #[error("{0}")]
    Invalid(String),
    /// A field of a card is not acceptable.
    #[error("{text}")]
    Field {
        /// Which one.
        field: CardField,
        /// What kind of failure it is.
        code: ErrorCode,
        /// Why, and what would be.
        text: String,
    },
    /// Not this caller's to do.
    #[error("{0}")]
    Denied(String),
    /// The run is no longer the card's: the lease was lost or the card moved on. A worker that meets this stops.
    #[error("this run no longer owns its card: {0}")]
    Fenced(String),
    /// The database failed.
    #[error(transparent)]
    Internal(#[from] StoreError),
}

impl KanbanError {
    /// A field of a card is not acceptable, and why.
    pub(super) fn at(field: CardField, text: impl Into<String>) -> Self {
        Self::Field { field, code: ErrorCode::Invalid, text: text.into() }
    }

    /// The same, about a field of a card.
    pub(super) fn about(self, field: CardField) -> Self {
        let code = self.code();
        match self {
            Self::Invalid(text) | Self::NotFound(text) | Self::Conflict(text) => Self::Field { field, code, text },
            other => other,
        }
    }

    /// The field of a card that it is about.
    #[must_use]
    pub const fn field(&self) -> Option<CardField> {
        match self {
            Self::Field { field, .. } => Some(*field),
            _ => None,
        }
    }

    /// What kind of failure it is, for programs.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound(_) => ErrorCode::NotFound,
            Self::Conflict(_) | Self::Fenced(_) => ErrorCode::Conflict,
            Self::Invalid(_) => ErrorCode::Invalid,
            Self::Field { code, .. } => *code,
            Self::Denied(_) => ErrorCode::Denied,
            Self::Internal(error) => error.code(),
        }
    }
}

impl From<sqlx::Error> for KanbanError {
    fn from(error: sqlx::Error) -> Self {
        Self::Internal(error.into())
    }
}
