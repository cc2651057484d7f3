//! The event log: everything that happened, in order, and the only source of live updates.

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use protocol::RunId;

use super::KanbanError;
use super::card_row::CardRow;
use crate::Actor;

/// Rows of one statement: SQLite takes 32,766 values.
const MAX_ROWS: usize = 1_000;
const APPEND: &str = "INSERT INTO kanban_event (board_id, card_id, run_id, kind, actor, detail, at) ";

/// Every kind of event that is written.
pub const EVENT_KINDS: &[&str] = &[
    "attached",
    "blocked",
    "claimed",
    "commented",
    "completed",
    "completion_refused",
    "created",
    "decision_settled",
    "decomposed",
    "deleted",
    "demoted",
    "detached",
    "due",
    "edited",
    "gave_up",
    "imported",
    "linked",
    "merged",
    "moved",
    "promoted",
    "proposal_asked",
    "proposal_discarded",
    "proposal_failed",
    "proposed",
    "reclaimed",
    "reordered",
    "repetition_dropped",
    "restored",
    "retried",
    "run_failed",
    "scheduled",
    "snoozed",
    "specified",
    "stale",
    "started",
    "undone",
    "unknown_references",
    "unlinked",
    "woken",
];

/// An event about a card.
pub(crate) struct NewEvent<'a> {
    pub(crate) card: &'a CardRow,
    pub(crate) run: Option<RunId>,
    pub(crate) kind: &'static str,
    pub(crate) actor: &'a Actor,
    pub(crate) detail: serde_json::Value,
    pub(crate) at: i64,
}

pub(crate) async fn append(tx: &mut SqliteConnection, event: NewEvent<'_>) -> Result<(), KanbanError> {
    append_all(tx, &[event]).await
}

/// Appends events in this order, in one statement.
pub(crate) async fn append_all(tx: &mut SqliteConnection, events: &[NewEvent<'_>]) -> Result<(), KanbanError> {
    debug_assert!(events.iter().all(|event| EVENT_KINDS.contains(&event.kind)), "a kind that EVENT_KINDS leaves out");
    for some in events.chunks(MAX_ROWS) {
        let mut insert = QueryBuilder::<Sqlite>::new(APPEND);
        insert.push_values(some, |mut row, event| {
            row.push_bind(event.card.board_id.0)
                .push_bind(event.card.id.0)
                .push_bind(event.run.map(|run| run.0))
                .push_bind(event.kind)
                .push_bind(event.actor.label())
                .push_bind(event.detail.to_string())
                .push_bind(event.at);
        });
        insert.build().persistent(some.len() == 1).execute(&mut *tx).await?;
    }
    Ok(())
}
