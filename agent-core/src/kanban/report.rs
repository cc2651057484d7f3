//! What the command line tells about a board: counts, history, what a worker reads.

use protocol::{BoardEvent, BoardStats, CardRef, CardState};
use sqlx::Row;

use super::card_row::load;
use super::view::newest_seq;
use super::{KanbanError, boards, context};
use crate::{Core, profiles};

const BY_STATE: &str = "SELECT state, cards FROM kanban_column_count WHERE board_id = ?1 AND cards > 0";
const BY_ASSIGNEE: &str = "SELECT assignee, state, cards FROM kanban_assignee_count
     WHERE board_id = ?1 AND state <> 'archived' AND cards > 0";
// The longest waiting of those that wait for a worker or a person; it stops at the first that is ready.
const OLDEST_READY: &str = "SELECT state_at FROM kanban_card INDEXED BY kanban_card_waiting
     WHERE board_id = ?1 AND state IN ('ready', 'blocked', 'review') AND deleted_at IS NULL AND demo = 0
       AND state = 'ready' ORDER BY state_at LIMIT 1";
const EVENTS: &str = "SELECT e.seq, e.kind, e.actor, e.detail, e.at, c.number, c.title, c.assignee, c.tenant
      FROM kanban_event e LEFT JOIN kanban_card c ON c.id = e.card_id
     WHERE e.board_id = ?1 AND e.seq > ?2 ORDER BY e.seq LIMIT ?3";
const CARD_EVENTS: &str = "SELECT e.seq, e.kind, e.actor, e.detail, e.at, c.number, c.title, c.assignee, c.tenant
      FROM kanban_event e LEFT JOIN kanban_card c ON c.id = e.card_id
     WHERE e.card_id = ?1 AND e.seq > ?2 ORDER BY e.seq LIMIT ?3";
const MAX_EVENTS: i64 = 500;

/// How many cards there are, where and whose.
///
/// # Errors
/// `NotFound` for an unknown board.
pub async fn stats(core: &Core, board: &str) -> Result<BoardStats, KanbanError> {
    let (board, _) = boards::board_settings(core, board).await?;
    let mut tx = core.store().reader().begin().await?;
    let by_state: Vec<(String, i64)> = sqlx::query_as(BY_STATE).bind(board.id.0).fetch_all(&mut *tx).await?;
    let rows: Vec<(String, String, i64)> = sqlx::query_as(BY_ASSIGNEE).bind(board.id.0).fetch_all(&mut *tx).await?;
    let oldest: Option<i64> = sqlx::query_scalar(OLDEST_READY).bind(board.id.0).fetch_optional(&mut *tx).await?;
    tx.rollback().await?;
    let now = core.now_ms();
    let mut stats = BoardStats { board: board.slug, now, ..BoardStats::default() };
    stats.oldest_ready_ms = oldest.map(|at| now.saturating_sub(at).max(0));
    stats.by_state = by_state.into_iter().filter_map(|(state, cards)| Some((state.parse().ok()?, cards))).collect();
    stats.by_state.sort();
    for (assignee, state, cards) in rows {
        let Ok(state) = state.parse::<CardState>() else { continue };
        stats.by_assignee.entry(assignee).or_default().insert(state, cards);
    }
    for profile in profiles::list(core.home()).map_err(|error| KanbanError::Invalid(error.to_string()))? {
        stats.by_assignee.entry(profile.id).or_default();
    }
    Ok(stats)
}

/// What happened on a board, or to a card, after `after`; at most 500 entries.
///
/// # Errors
/// `NotFound` for an unknown board or card.
pub async fn events(
    core: &Core,
    board: &str,
    card: Option<CardRef>,
    after: i64,
) -> Result<Vec<BoardEvent>, KanbanError> {
    let rows = match card {
        Some(card) => {
            let mut tx = core.store().reader().begin().await?;
            let card = load(&mut tx, card).await?;
            let query = sqlx::query(CARD_EVENTS).bind(card.id.0).bind(after).bind(MAX_EVENTS);
            let rows = query.fetch_all(&mut *tx).await?;
            tx.rollback().await?;
            rows
        }
        None => {
            let (board, _) = boards::board_settings(core, board).await?;
            let query = sqlx::query(EVENTS).bind(board.id.0).bind(after).bind(MAX_EVENTS);
            query.fetch_all(core.store().reader()).await?
        }
    };
    let events = rows
        .iter()
        .map(|row| {
            Ok(BoardEvent {
                seq: row.try_get("seq")?,
                kind: row.try_get("kind")?,
                actor: row.try_get("actor")?,
                card: row.try_get("number")?,
                title: row.try_get("title")?,
                assignee: row.try_get("assignee")?,
                tenant: row.try_get("tenant")?,
                detail: row.try_get("detail")?,
                at: row.try_get("at")?,
            })
        })
        .collect::<Result<_, sqlx::Error>>()?;
    Ok(events)
}

/// The newest event's number, from where to follow.
///
/// # Errors
/// When the database fails.
pub async fn newest_event(core: &Core) -> Result<i64, KanbanError> {
    let mut reader = core.store().reader().acquire().await?;
    newest_seq(&mut reader).await
}

/// The text that a worker of this card reads first.
///
/// # Errors
/// `NotFound` for an unknown card.
pub async fn worker_context(core: &Core, card: CardRef) -> Result<String, KanbanError> {
    let mut tx = core.store().reader().begin().await?;
    let row = load(&mut tx, card).await?;
    let config = core.config();
    let profile = row.assignee.clone().unwrap_or_else(|| config.kanban.default_assignee.clone());
    let text = context::text(core, &mut tx, &row, &profile).await?;
    tx.rollback().await?;
    Ok(text)
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[BY_STATE, BY_ASSIGNEE, OLDEST_READY, EVENTS, CARD_EVENTS];
