//! The statements of undo.

use protocol::{BoardId, CardId, UndoId};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::KanbanError;
use super::store::new_id;

const CARD_OF_UNDO: &str =
    "SELECT c.id, c.number FROM kanban_undo u JOIN kanban_card c ON c.id = u.card_id WHERE u.id = ?1";
// Those that nobody can take back any more go with it, in one trip.
const INSERT_UNDO: &str = "DELETE FROM kanban_undo WHERE created_at < ?8;
    INSERT INTO kanban_undo (id, actor, card_id, board_id, inverse, revision, created_at, batch, kind)
        VALUES (?1, ?2, ?3, ?10, ?4, ?5, ?6, ?7, ?9)";
const UNDO_BATCH: &str = "SELECT id FROM kanban_undo WHERE batch = ?1 ORDER BY id DESC LIMIT 1000";
const LAST_UNDO: &str = "SELECT COALESCE(batch, id) FROM kanban_undo
    WHERE actor = ?1 AND used_at IS NULL AND kind <> 1 AND created_at > ?2 ORDER BY created_at DESC, id DESC LIMIT 1";
// A new write begins a new history: what was taken back before it is not done again.
const LAST_REDO: &str = "SELECT COALESCE(u.batch, u.id) FROM kanban_undo u
    WHERE u.actor = ?1 AND u.used_at IS NULL AND u.kind = 1 AND u.created_at > ?2 AND NOT EXISTS (
        SELECT 1 FROM kanban_undo w WHERE w.created_at >= u.created_at AND w.actor = ?1 AND w.kind = 0
           AND (w.created_at, w.id) > (u.created_at, u.id))
    ORDER BY u.created_at DESC, u.id DESC LIMIT 1";
const TAKE_UNDO: &str = "UPDATE kanban_undo SET used_at = ?2 WHERE id = ?1 AND used_at IS NULL AND created_at > ?3
                         RETURNING card_id, board_id, inverse, revision, kind";
// The card is again as an earlier step left it, under a new revision.
const REBASE_UNDO: &str = "UPDATE kanban_undo SET revision = ?3
    WHERE card_id = ?1 AND used_at IS NULL AND revision = ?2";
const UNDO_STATE: &str = "SELECT used_at FROM kanban_undo WHERE id = ?1";

pub(super) async fn card_of_undo(
    tx: &mut SqliteConnection,
    undo: UndoId,
) -> Result<Option<(CardId, i64)>, KanbanError> {
    let row: Option<(Uuid, i64)> = sqlx::query_as(CARD_OF_UNDO).bind(undo.0).fetch_optional(tx).await?;
    Ok(row.map(|(card, number)| (CardId(card), number)))
}

/// What an entry takes back, as `kanban_undo.kind` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UndoKind {
    /// A write.
    Write = 0,
    /// The taking back of one: it is done again.
    TakenBack = 1,
    /// The doing again.
    DoneAgain = 2,
}

/// What was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// A card, and its revision as the write left it.
    Card(CardId, i64),
    /// A board: what is set on it, or saved with it.
    Board(BoardId),
}

/// An entry that is being used.
pub(super) struct TakenUndo {
    pub(super) subject: Subject,
    pub(super) inverse: String,
    pub(super) kind: UndoKind,
}

/// A write that can be taken back.
pub(super) struct NewUndo<'a> {
    pub(super) actor: &'a str,
    pub(super) subject: Subject,
    pub(super) inverse: &'a str,
    pub(super) batch: Option<UndoId>,
    pub(super) kind: UndoKind,
    pub(super) now: i64,
    /// Older ones are deleted.
    pub(super) keep_after: i64,
}

pub(super) async fn insert_undo(tx: &mut SqliteConnection, undo: &NewUndo<'_>) -> Result<UndoId, KanbanError> {
    let id = UndoId(new_id());
    let (card, board, revision) = match undo.subject {
        Subject::Card(card, revision) => (Some(card.0), None, revision),
        Subject::Board(board) => (None, Some(board.0), 0),
    };
    sqlx::query(INSERT_UNDO)
        .bind(id.0)
        .bind(undo.actor)
        .bind(card)
        .bind(undo.inverse)
        .bind(revision)
        .bind(undo.now)
        .bind(undo.batch.map(|batch| batch.0))
        .bind(undo.keep_after)
        .bind(undo.kind as i64)
        .bind(board)
        .execute(tx)
        .await?;
    Ok(id)
}

/// The entries that were written together, last first; empty when the id is that of a single one.
pub(super) async fn undo_batch(tx: &mut SqliteConnection, batch: UndoId) -> Result<Vec<UndoId>, KanbanError> {
    let ids: Vec<Uuid> = sqlx::query_scalar(UNDO_BATCH).bind(batch.0).fetch_all(tx).await?;
    Ok(ids.into_iter().map(UndoId).collect())
}

/// The newest write of an actor that can still be taken back, or the newest that was taken back and can be done again.
pub(super) async fn last_undo(
    tx: &mut SqliteConnection,
    actor: &str,
    again: bool,
    oldest: i64,
) -> Result<Option<UndoId>, KanbanError> {
    let statement = if again { LAST_REDO } else { LAST_UNDO };
    let id: Option<Uuid> = sqlx::query_scalar(statement).bind(actor).bind(oldest).fetch_optional(tx).await?;
    Ok(id.map(UndoId))
}

/// Steps that led to the card's revision `before` fit the present one, which is the same.
pub(super) async fn rebase_undo(
    tx: &mut SqliteConnection,
    card: CardId,
    before: i64,
    present: i64,
) -> Result<(), KanbanError> {
    sqlx::query(REBASE_UNDO).bind(card.0).bind(before).bind(present).execute(tx).await?;
    Ok(())
}

/// Takes the entry, once, if it is younger than `oldest`.
pub(super) async fn take_undo(
    tx: &mut SqliteConnection,
    id: UndoId,
    now: i64,
    oldest: i64,
) -> Result<Option<TakenUndo>, KanbanError> {
    /// Card, board, inverse, revision, kind.
    type Entry = (Option<Uuid>, Option<Uuid>, String, i64, i64);
    let row: Option<Entry> = sqlx::query_as(TAKE_UNDO).bind(id.0).bind(now).bind(oldest).fetch_optional(tx).await?;
    let Some((card, board, inverse, revision, kind)) = row else { return Ok(None) };
    let subject = match (card, board) {
        (Some(card), _) => Subject::Card(CardId(card), revision),
        (None, Some(board)) => Subject::Board(BoardId(board)),
        // The table allows no such row.
        (None, None) => return Ok(None),
    };
    Ok(Some(TakenUndo {
        subject,
        inverse,
        kind: if kind == UndoKind::TakenBack as i64 { UndoKind::TakenBack } else { UndoKind::Write },
    }))
}

/// `None`: no such entry; `Some(true)`: used already; `Some(false)`: too old.
pub(super) async fn undo_was_used(tx: &mut SqliteConnection, id: UndoId) -> Result<Option<bool>, KanbanError> {
    let row: Option<(Option<i64>,)> = sqlx::query_as(UNDO_STATE).bind(id.0).fetch_optional(tx).await?;
    Ok(row.map(|(used,)| used.is_some()))
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] =
    &[CARD_OF_UNDO, INSERT_UNDO, UNDO_BATCH, LAST_UNDO, LAST_REDO, TAKE_UNDO, REBASE_UNDO, UNDO_STATE];
