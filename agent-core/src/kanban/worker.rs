//! What a worker may do with its own card, and nothing else. Every call names the run and its fencing token;
//! a late one is refused and changes nothing.

use protocol::{BlockKind, CardRef, ExecutorKind, RunEventKind, RunId, RunOutcome, SessionId};

use super::KanbanError;
use crate::Core;

/// A worker's proof that the card is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunTicket {
    /// The run.
    pub run: RunId,
    /// The fencing token of the claim.
    pub fence: i64,
}

/// What a worker shall do.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The proof for every later call.
    pub ticket: RunTicket,
    /// Card number, title and body.
    pub number: i64,
    /// Title.
    pub title: String,
    /// Body.
    pub body: String,
    /// Board slug.
    pub board: String,
    /// Profile that works.
    pub profile: String,
    /// How it works.
    pub executor: ExecutorKind,
    /// Program and arguments of a `command` profile.
    pub command: Vec<String>,
    /// Working directory; exists.
    pub workspace: std::path::PathBuf,
    /// The run's conversation.
    pub session: SessionId,
    /// The bounded text an agent reads first: card, earlier attempts, parents' results, comments.
    pub context: String,
    /// The whole card as JSON for `command` executors.
    pub card_json: serde_json::Value,
    /// Unix ms at which the run must be over.
    pub deadline: i64,
    /// Model calls allowed.
    pub max_turns: u32,
    /// Lease in seconds; heartbeat at least three times within it.
    pub lease_seconds: u32,
}

/// A new entry of the run's activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRunEvent {
    /// Kind.
    pub kind: RunEventKind,
    /// Tool name or empty.
    pub name: String,
    /// Text; cut at 16 KB by the store.
    pub detail: String,
    /// Success of a tool.
    pub ok: bool,
}

/// Tokens and money of one model call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Prompt tokens.
    pub tokens_in: i64,
    /// Completion tokens.
    pub tokens_out: i64,
    /// Millionths of a dollar, when the price is known.
    pub cost_micros: Option<i64>,
}

/// The worker's first words: takes the lease over from the dispatcher and returns what to do.
/// `pid` and `pid_started` are those of the calling process (see [`crate::process`]).
pub async fn start(core: &Core, ticket: RunTicket, pid: u32, pid_started: i64) -> Result<Assignment, KanbanError> { unimplemented!() }
/// Renews the lease. `Fenced` means stop at once.
pub async fn heartbeat(core: &Core, ticket: RunTicket) -> Result<(), KanbanError> { unimplemented!() }
/// Appends activity; renews the lease too.
pub async fn record(core: &Core, ticket: RunTicket, events: Vec<NewRunEvent>) -> Result<(), KanbanError> { unimplemented!() }
/// Adds to the run's tokens and cost.
pub async fn add_usage(core: &Core, ticket: RunTicket, usage: Usage) -> Result<(), KanbanError> { unimplemented!() }
/// Comments on any card, in the profile's name.
pub async fn comment(core: &Core, ticket: RunTicket, card: CardRef, body: &str) -> Result<(), KanbanError> { unimplemented!() }
/// Finishes the card. `summary` must not be blank.
pub async fn complete(core: &Core, ticket: RunTicket, summary: &str, metadata: Option<serde_json::Value>) -> Result<(), KanbanError> { unimplemented!() }
/// Stops for a person (or a dependency). A reason starting "review-required:" is a review whatever the kind.
pub async fn block(core: &Core, ticket: RunTicket, kind: Option<BlockKind>, reason: &str, summary: &str, options: Vec<String>) -> Result<BlockKind, KanbanError> { unimplemented!() }
/// Ends the run without a result: counts as the outcome says. `retry_after_ms` delays the next attempt.
pub async fn fail(core: &Core, ticket: RunTicket, outcome: RunOutcome, error: &str, retry_after_ms: Option<i64>) -> Result<(), KanbanError> { unimplemented!() }
/// Whether the run still owns its card.
pub async fn owns(core: &Core, ticket: RunTicket) -> Result<bool, KanbanError> { unimplemented!() }
/// A card as JSON for `kanban_show`: fields, parents, children, comments, runs.
pub async fn show(core: &Core, card: CardRef) -> Result<serde_json::Value, KanbanError> { unimplemented!() }
