//! What helps when a card fails: another attempt, its runs and their logs, what is wrong with it, what it hangs on.

use serde::{Deserialize, Serialize};

use super::words::closed_enum;
use super::{CardLink, DiagnosisKind, RunSummary, Severity};
use crate::{CardId, RunId};

/// Runs of one page of a card's history.
pub const RUN_PAGE: u32 = 20;

/// Another attempt at a card. A running one is taken back from its worker first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryCardParams {
    /// Card.
    pub id: CardId,
    /// Who works on it from now on; `Some("")` is the board's default, `None` leaves it.
    #[serde(default)]
    pub assignee: Option<String>,
    /// The model from now on; `Some("")` is the profile's, `None` leaves it.
    #[serde(default)]
    pub model: Option<String>,
    /// What the next run shall know; Markdown, may be blank.
    #[serde(default)]
    pub comment: String,
}

/// Earlier runs of a card, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunPage {
    /// At most [`RUN_PAGE`].
    pub runs: Vec<RunSummary>,
    /// There are runs before these.
    pub more: bool,
}

closed_enum! {
    /// Where a run's log comes from.
    LogSource {
        /// What the agent said and did.
        Activity => "activity",
        /// What the program wrote.
        Output => "output",
        /// What the worker process itself wrote.
        Worker => "worker",
    }
}

/// Which part of a log is wanted. Positions are opaque: they come from an earlier answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogPart {
    /// Its end.
    End,
    /// What comes before this position.
    Before(u64),
    /// What has come after this position.
    After(u64),
}

/// Asks for a part of a run's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLogParams {
    /// Run.
    pub run: RunId,
    /// `None` for the one that says most.
    #[serde(default)]
    pub source: Option<LogSource>,
    /// Which part.
    pub part: LogPart,
}

/// A part of a run's log: plain text without terminal codes, secrets blacked out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLog {
    /// Where it comes from.
    pub source: LogSource,
    /// The logs that this run has, the one that says most first.
    pub sources: Vec<LogSource>,
    /// The text; empty when there is nothing new.
    pub text: String,
    /// Where the part begins. What continues another part begins where that one ends.
    pub from: u64,
    /// Where it ends.
    pub to: u64,
    /// There is more before it.
    pub earlier: bool,
    /// The run is under way, so more will come.
    pub live: bool,
}

/// Something wrong with the card that is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What.
    pub kind: DiagnosisKind,
    /// How bad.
    pub severity: Severity,
    /// How often, where that is counted.
    pub count: u32,
    /// Since when, Unix ms.
    pub since: i64,
    /// When it was last seen to happen, Unix ms.
    #[serde(default)]
    pub last_at: i64,
    /// The run that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// What is named, or the reason, plain text; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
}

/// The cards around a card, two steps each way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardGraph {
    /// From what comes first to what comes last; the card itself is alone in its column.
    pub columns: Vec<GraphColumn>,
    /// Links between cards that are shown.
    pub edges: Vec<GraphEdge>,
}

/// Cards that are equally far from the one that is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphColumn {
    /// −2 and −1 come before the card, 1 and 2 after it.
    pub level: i32,
    /// Cards, unfinished ones first.
    pub cards: Vec<CardLink>,
    /// Cards that are not shown; counted up to a limit.
    pub more: u32,
}

/// One card waits for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphEdge {
    /// The card that comes first.
    pub parent: CardId,
    /// The card that waits.
    pub child: CardId,
}
