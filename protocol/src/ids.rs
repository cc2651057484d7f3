//! Identifiers: one newtype each over a UUIDv7 (RFC 9562), so they sort by creation time.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text was not a UUID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseIdError;

impl fmt::Display for ParseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a valid id")
    }
}

impl std::error::Error for ParseIdError {}

macro_rules! new_id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                Uuid::parse_str(text).map(Self).map_err(|_| ParseIdError)
            }
        }
    )+};
}

new_id! {
    /// A board.
    BoardId,
    /// A card (a task).
    CardId,
    /// One attempt of one worker at a card.
    RunId,
    /// A comment on a card.
    CommentId,
    /// Something only a person can settle.
    DecisionId,
    /// A conversation.
    SessionId,
    /// A person who can sign in.
    UserId,
    /// A browser that receives push messages.
    SubscriptionId,
    /// A file of a card.
    AttachmentId,
    /// A saved view of a board.
    ViewId,
    /// What a new card can start from.
    TemplateId,
    /// A write, or several made together, that can still be taken back.
    UndoId,
}
