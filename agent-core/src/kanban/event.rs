//! The event log: everything that happened, in order, and the only source of live updates.

use sqlx::SqliteConnection;

use protocol::RunId;

use super::KanbanError;
use super::card_row::CardRow;
use crate::Actor;

const APPEND: &str = "INSERT INTO kanban_event (board_id, card_id, run_id, kind, actor, detail, at)
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

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
    sqlx::query(APPEND)
        .bind(event.card.board_id.0)
        .bind(event.card.id.0)
        .bind(event.run.map(|run| run.0))
        .bind(event.kind)
        .bind(event.actor.label())
        .bind(event.detail.to_string())
        .bind(event.at)
        .execute(tx)
        .await?;
    Ok(())
}
