//! Rows of proposals.

use protocol::{CardId, ProposalKind};
use sqlx::{Row, SqliteConnection};
use uuid::Uuid;

use crate::kanban::KanbanError;
use crate::kanban::card_row::word;

const PUT: &str = "INSERT INTO kanban_proposal (card_id, kind, revision, state, detail, asked_at, token)
    VALUES (?1, ?2, ?3, 'working', '', ?4, ?5)
    ON CONFLICT (card_id) DO UPDATE
       SET kind = ?2, revision = ?3, state = 'working', detail = '', asked_at = ?4, token = ?5";
const ANSWER: &str = "UPDATE kanban_proposal SET state = ?3, detail = ?4 WHERE token = ?1 AND card_id = ?2
    AND state = 'working'";
const OF_CARD: &str = "SELECT kind, revision, state, detail, asked_at FROM kanban_proposal WHERE card_id = ?1";
const REMOVE: &str = "DELETE FROM kanban_proposal WHERE card_id = ?1";
const EDITING: &str = "UPDATE kanban_card SET editing_until = ?2 WHERE id = ?1 AND state = 'triage'";
const HOLD: &str = "UPDATE kanban_card SET hold_until = ?2 WHERE id = ?1 AND state = 'ready'";
// The oldest card that its board's owner wants taken apart without being asked, and that nobody has in hand.
const NEXT_AUTOMATIC: &str = "SELECT c.id FROM kanban_board b CROSS JOIN kanban_card c ON c.board_id = b.id
    WHERE b.auto_decompose = 1 AND b.archived_at IS NULL AND c.state = 'triage' AND c.deleted_at IS NULL
      AND c.demo = 0 AND c.updated_at <= ?1 AND COALESCE(c.editing_until, 0) < ?2
      AND NOT EXISTS (SELECT 1 FROM kanban_proposal p WHERE p.card_id = c.id
                       AND (p.state <> 'failed' OR p.revision = c.revision))
    ORDER BY c.priority DESC, c.created_at, c.id LIMIT 1";

const IS_EDITING: &str = "SELECT COALESCE(editing_until, 0) >= ?2 FROM kanban_card WHERE id = ?1";
const SWARM_SIZE: &str = "SELECT json_extract(detail, '$.swarm') FROM kanban_event
    WHERE card_id = ?1 AND kind = 'completed' AND json_extract(detail, '$.swarm') > 0 ORDER BY seq LIMIT 1";

/// A proposal as it is stored.
pub(super) struct Stored {
    pub(super) kind: ProposalKind,
    pub(super) revision: i64,
    pub(super) state: String,
    pub(super) detail: String,
    pub(super) asked_at: i64,
}

pub(super) async fn put(
    tx: &mut SqliteConnection,
    card: CardId,
    kind: ProposalKind,
    revision: i64,
    now: i64,
    token: Uuid,
) -> Result<(), KanbanError> {
    let query = sqlx::query(PUT).bind(card.0).bind(kind.as_str()).bind(revision).bind(now).bind(token);
    query.execute(tx).await?;
    Ok(())
}

/// Whether the asking was still waited for.
pub(super) async fn answer(
    tx: &mut SqliteConnection,
    card: CardId,
    token: Uuid,
    state: &str,
    detail: &str,
) -> Result<bool, KanbanError> {
    let done = sqlx::query(ANSWER).bind(token).bind(card.0).bind(state).bind(detail).execute(tx).await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn of_card(db: &mut SqliteConnection, card: CardId) -> Result<Option<Stored>, KanbanError> {
    let Some(row) = sqlx::query(OF_CARD).bind(card.0).fetch_optional(db).await? else { return Ok(None) };
    Ok(Some(Stored {
        kind: word(&row, "kind")?,
        revision: row.try_get("revision")?,
        state: row.try_get("state")?,
        detail: row.try_get("detail")?,
        asked_at: row.try_get("asked_at")?,
    }))
}

/// Whether there was one.
pub(super) async fn remove(tx: &mut SqliteConnection, card: CardId) -> Result<bool, KanbanError> {
    Ok(sqlx::query(REMOVE).bind(card.0).execute(tx).await?.rows_affected() == 1)
}

pub(super) async fn set_editing(tx: &mut SqliteConnection, card: CardId, until: i64) -> Result<(), KanbanError> {
    sqlx::query(EDITING).bind(card.0).bind(until).execute(tx).await?;
    Ok(())
}

/// A ready card is not started before this time.
pub(super) async fn hold(tx: &mut SqliteConnection, card: CardId, until: i64) -> Result<(), KanbanError> {
    sqlx::query(HOLD).bind(card.0).bind(until).execute(tx).await?;
    Ok(())
}

pub(super) async fn next_automatic(
    db: &mut SqliteConnection,
    untouched_since: i64,
    now: i64,
) -> Result<Option<CardId>, KanbanError> {
    let query = sqlx::query_scalar(NEXT_AUTOMATIC).bind(untouched_since).bind(now);
    let id: Option<Uuid> = query.fetch_optional(db).await?;
    Ok(id.map(CardId))
}

/// Whether a person has the card's form open.
pub(super) async fn is_editing(db: &mut SqliteConnection, card: CardId, now: i64) -> Result<bool, KanbanError> {
    let editing: Option<bool> = sqlx::query_scalar(IS_EDITING).bind(card.0).bind(now).fetch_optional(db).await?;
    Ok(editing.unwrap_or(false))
}

/// How many cards were made with the card that a swarm shares; `None` when it is no swarm's.
pub(super) async fn swarm_size(db: &mut SqliteConnection, root: CardId) -> Result<Option<i64>, KanbanError> {
    Ok(sqlx::query_scalar(SWARM_SIZE).bind(root.0).fetch_optional(db).await?)
}

#[cfg(test)]
pub(in crate::kanban) const ALL_SQL: &[&str] =
    &[PUT, ANSWER, OF_CARD, REMOVE, EDITING, HOLD, NEXT_AUTOMATIC, IS_EDITING, SWARM_SIZE];
