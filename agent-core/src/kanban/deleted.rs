//! Cards that were deleted: which can still be had back, and having one back after the time of undo is over.

use protocol::{CardId, CardRef, CardState, CardWritten, DecisionId, DeletedCard, DeletedCursor, DeletedPage};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use uuid::Uuid;

use super::boards::require_open;
use super::card_row::{self, CardRow, word};
use super::edit::written;
use super::housekeeping::{DAY_MS, KEPT_MS};
use super::undo::{self, Inverse};
use super::{KanbanError, view};
use crate::{Actor, Core};

/// Cards of a list.
const MAX_LIST: u32 = 10_000;

// What is older is left out, as housekeeping may be at it.
const DELETED: &str = "SELECT c.id, c.number, c.title, c.deleted_at, COALESCE(
        (SELECT json_extract(e.detail, '$.was.state') FROM kanban_event e
          WHERE e.card_id = c.id AND e.kind = 'deleted' ORDER BY e.seq DESC LIMIT 1), c.state) AS state
    FROM kanban_card AS c INDEXED BY kanban_card_deleted
    WHERE c.deleted_at >= ?2 AND (c.deleted_at, c.id) < (?3, ?4) AND c.board_id = ?1
    ORDER BY c.deleted_at DESC, c.id DESC LIMIT ?5";
const DELETION: &str = "SELECT detail FROM kanban_event
    WHERE card_id = ?1 AND kind = 'deleted' ORDER BY seq DESC LIMIT 1";

/// Where a card was when it was deleted. Deleting leads through the archive, where all of this is lost; the rest of the
/// card stays as it is. It stands in the event of the deletion, which is kept as long as the card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Was {
    pub(super) state: CardState,
    pub(super) rank: String,
    pub(super) scheduled_at: Option<i64>,
    pub(super) decision: Option<DecisionId>,
}

impl Was {
    pub(super) fn of(card: &CardRow) -> Self {
        Self {
            state: card.state,
            rank: card.rank.clone(),
            scheduled_at: card.scheduled_at,
            decision: card.open_decision_id,
        }
    }

    /// As its deletion says; where it is now for a card that was deleted before deletions said so, which is the archive.
    async fn before_deletion(tx: &mut SqliteConnection, card: &CardRow) -> Result<Self, KanbanError> {
        /// What matters of the event's particulars.
        #[derive(Deserialize)]
        struct Deletion {
            was: Option<Was>,
        }
        let detail: Option<String> = sqlx::query_scalar(DELETION).bind(card.id.0).fetch_optional(tx).await?;
        // silent-ok: what another version wrote in another way counts as not written
        let deletion = detail.and_then(|detail| serde_json::from_str::<Deletion>(&detail).ok());
        Ok(deletion.and_then(|deletion| deletion.was).unwrap_or_else(|| Self::of(card)))
    }
}

/// A board's deleted cards, newest deletion first, at most `limit` of them, from where an earlier page ended. An empty slug
/// means the default board.
///
/// # Errors
/// `NotFound` for an unknown board.
pub async fn deleted_cards(
    core: &Core,
    slug: &str,
    after: Option<DeletedCursor>,
    limit: u32,
) -> Result<DeletedPage, KanbanError> {
    let board = view::find_board(core, slug).await?;
    let after = after.unwrap_or(DeletedCursor { deleted_at: i64::MAX, id: CardId(Uuid::max()) });
    let (now, limit) = (core.now_ms(), limit.clamp(1, MAX_LIST));
    let rows: Vec<SqliteRow> = sqlx::query(DELETED)
        .bind(board.id.0)
        .bind(now - KEPT_MS)
        .bind(after.deleted_at)
        .bind(after.id.0)
        // One more says whether there are more.
        .bind(limit + 1)
        .fetch_all(core.store().reader())
        .await?;
    let mut cards = rows.iter().map(|row| from_row(row, now)).collect::<Result<Vec<_>, sqlx::Error>>()?;
    let is_cut = cards.len() > limit as usize;
    cards.truncate(limit as usize);
    let last = cards.last().map(|card| DeletedCursor { deleted_at: card.deleted_at, id: card.id });
    Ok(DeletedPage { next: last.filter(|_| is_cut), cards })
}

fn from_row(row: &SqliteRow, now: i64) -> Result<DeletedCard, sqlx::Error> {
    let deleted_at: i64 = row.try_get("deleted_at")?;
    let left = deleted_at + KEPT_MS - now;
    Ok(DeletedCard {
        id: CardId(row.try_get("id")?),
        number: row.try_get("number")?,
        title: row.try_get("title")?,
        state: word(row, "state")?,
        deleted_at,
        // The last day counts while it lasts.
        days_left: u32::try_from(((left + DAY_MS - 1) / DAY_MS).max(1)).unwrap_or(u32::MAX),
    })
}

/// Brings a deleted card back to where it was, as taking the deletion back does. That can be taken back itself.
///
/// # Errors
/// `Denied` for anybody but a person, `NotFound` for a card that is gone for good, `Conflict` when it was not deleted or
/// its board is archived.
pub async fn restore_card(core: &Core, actor: &Actor, card: CardRef) -> Result<CardWritten, KanbanError> {
    if !actor.is_person() {
        return Err(KanbanError::Denied("only a person can bring back what was deleted".into()));
    }
    let mut tx = core.write().await?;
    let deleted = card_row::load_any(&mut tx, card).await?;
    let label = deleted.label();
    match deleted.deleted_at {
        None => {
            let state = deleted.state.title();
            return Err(KanbanError::Conflict(format!("{label} is not deleted; it is in {state}")));
        }
        // Its files may be gone already.
        Some(at) if at < core.now_ms() - KEPT_MS => {
            return Err(KanbanError::NotFound(format!("{label} was deleted more than 30 days ago and is gone")));
        }
        Some(_) => require_open(&mut tx, deleted.board_id).await?,
    }
    let was = Was::before_deletion(&mut tx, &deleted).await?;
    let inverse = Inverse::restore(&mut tx, &deleted).await?;
    let id = CardRef::Id(deleted.id);
    undo::bring_back(core, &mut tx, actor, deleted, was).await?;
    let restored = card_row::load(&mut tx, id).await?;
    let undo = undo::offer(core, &mut tx, actor, &restored, &inverse).await?;
    tx.commit().await?;
    written(core, restored.id, undo).await
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[DELETED, DELETION];
