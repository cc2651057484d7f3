//! What happened to a card, and who did it.

use serde::{Deserialize, Serialize};

use super::CardState;
use crate::DecisionVerb;

/// Entries of one page of a card's history.
pub const HISTORY_PAGE: u32 = 20;

/// One thing that happened to a card. Put into words by whoever shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// The event's number; what came before it is asked for with it.
    pub seq: i64,
    /// What happened, a word of the event log.
    pub kind: String,
    /// Who did it: a person's or a profile's name, or Hermes.
    pub by: String,
    /// Unix ms.
    pub at: i64,
    /// Where the card went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<CardState>,
    /// How a question was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verb: Option<DecisionVerb>,
    /// The attempt that began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// When the card starts, Unix ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<i64>,
    /// Numbers of other cards it is about, at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cards: Vec<i64>,
    /// What of the card was changed, as the fields of its parameters are called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// What was said, or the name of what it is about: a file, a branch, a profile. One line of plain text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub said: String,
}

/// A part of a card's history, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryPage {
    /// At most [`HISTORY_PAGE`].
    pub entries: Vec<HistoryEntry>,
    /// There is more before these.
    pub more: bool,
    /// How many days after the card was finished what happened before that was tidied up; `None` when all is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tidied_days: Option<u32>,
}
