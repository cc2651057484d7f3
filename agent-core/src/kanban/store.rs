//! SQL of cards, runs and links that writes need. Reads for pages are in `view_store`.

use protocol::{
    BoardId, BoardSummary, CardId, CardState, CommentId, DecisionId, ExecutorKind, RunId, SessionId, UndoId,
};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::KanbanError;
use super::card_row::{CardRow, card_columns};
use super::transition::RunEnd;

const BOARD_BY_SLUG: &str = "SELECT id, slug, name FROM kanban_board WHERE slug = ?1 AND archived_at IS NULL";
const BOARD_BY_ID: &str = "SELECT id, slug, name FROM kanban_board WHERE id = ?1";
const BOARDS: &str = "SELECT id, slug, name FROM kanban_board WHERE archived_at IS NULL
                      ORDER BY slug <> 'default', slug LIMIT 500";
const INSERT_BOARD: &str = "INSERT INTO kanban_board (id, slug, name, created_at) VALUES (?1, ?2, ?3, ?4)
                            ON CONFLICT (slug) DO NOTHING";
const NEXT_NUMBER: &str =
    "UPDATE kanban_counter SET next_number = next_number + 1 WHERE only = 1 RETURNING next_number - 1";
const INSERT_CARD: &str = "INSERT INTO kanban_card
    (id, number, board_id, title, body, state, rank, priority, assignee, created_by, workspace_kind, workspace_path,
     scheduled_at, max_attempts, max_runtime_s, idempotency_key, created_at, updated_at, state_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?17, ?17)";
const BY_IDEMPOTENCY_KEY: &str = "SELECT id FROM kanban_card
    WHERE board_id = ?1 AND idempotency_key = ?2 AND state <> 'archived' AND deleted_at IS NULL";
const FIRST_RANK: &str =
    "SELECT rank FROM kanban_card WHERE board_id = ?1 AND state = ?2 AND deleted_at IS NULL ORDER BY rank, id LIMIT 1";
const LAST_RANK: &str = "SELECT rank FROM kanban_card WHERE board_id = ?1 AND state = ?2 AND deleted_at IS NULL
                         ORDER BY rank DESC, id DESC LIMIT 1";
const RANK_AFTER: &str = "SELECT rank FROM kanban_card WHERE board_id = ?1 AND state = ?2 AND deleted_at IS NULL
                          AND rank > ?3 AND id <> ?4 ORDER BY rank LIMIT 1";
const RANK_BEFORE: &str = "SELECT rank FROM kanban_card WHERE board_id = ?1 AND state = ?2 AND deleted_at IS NULL
                           AND rank < ?3 AND id <> ?4 ORDER BY rank DESC LIMIT 1";
const SET_STATE: &str = "UPDATE kanban_card
    SET state = ?3, rank = ?4, current_run_id = ?5, fence = ?6, attempts = ?7, failures = ?8, last_error = ?9,
        hold_until = ?10, backoff_until = ?11, summary = ?12, open_decision_id = NULL,
        state_at = ?13, updated_at = ?13, revision = revision + 1
    WHERE id = ?1 AND revision = ?2 AND deleted_at IS NULL";
const SET_RANK: &str = "UPDATE kanban_card SET rank = ?3, updated_at = ?4, revision = revision + 1
                        WHERE id = ?1 AND revision = ?2 AND deleted_at IS NULL";
const SET_TEXT: &str = "UPDATE kanban_card
    SET title = ?3, body = ?4, priority = ?5, assignee = ?6, failures = ?7, updated_at = ?8, revision = revision + 1
    WHERE id = ?1 AND revision = ?2 AND deleted_at IS NULL";
const SET_DELETED: &str = "UPDATE kanban_card SET deleted_at = ?3, updated_at = ?4, revision = revision + 1
                           WHERE id = ?1 AND revision = ?2";
const SET_DECISION: &str = "UPDATE kanban_card SET open_decision_id = ?2 WHERE id = ?1";
const END_RUN: &str = "UPDATE kanban_run
    SET ended_at = ?2, outcome = ?3, summary = ?4, error = ?5, metadata = ?6, lease_until = NULL
    WHERE id = ?1 AND ended_at IS NULL";
const CHILDREN_IN: &str = concat!(
    "SELECT ",
    card_columns!(),
    " FROM kanban_link l JOIN kanban_card c ON c.id = l.child_id
      WHERE l.parent_id = ?1 AND c.state = ?2 AND c.deleted_at IS NULL ORDER BY c.number"
);
const HAS_UNFINISHED_PARENT: &str = "SELECT EXISTS (
    SELECT 1 FROM kanban_link l JOIN kanban_card p ON p.id = l.parent_id
     WHERE l.child_id = ?1 AND p.state NOT IN ('done', 'archived') AND p.deleted_at IS NULL)";
const INSERT_LINK: &str = "INSERT INTO kanban_link (parent_id, child_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
const DELETE_LINK: &str = "DELETE FROM kanban_link WHERE parent_id = ?1 AND child_id = ?2";
// UNION, not UNION ALL: visits every card once, so it ends even on a graph that has a cycle.
const IS_REACHABLE: &str = "WITH RECURSIVE below (id) AS (
        SELECT ?1 UNION SELECT l.child_id FROM kanban_link l JOIN below ON l.parent_id = below.id)
    SELECT EXISTS (SELECT 1 FROM below WHERE id = ?2)";
const INSERT_COMMENT: &str =
    "INSERT INTO kanban_comment (id, card_id, author, by_worker, body, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const DELETE_COMMENT: &str = "DELETE FROM kanban_comment WHERE id = ?1 AND card_id = ?2";
const COUNT_COMMENTS: &str = "UPDATE kanban_card SET comment_count =
    (SELECT count(*) FROM kanban_comment m WHERE m.card_id = kanban_card.id) WHERE id = ?1";
const INSERT_RUN: &str = "INSERT INTO kanban_run
    (id, card_id, attempt, fence, profile, executor, lease_owner, lease_until, session_id, claimed_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const INSERT_SESSION: &str = "INSERT INTO session (id, kind, card_id, title, created_at, updated_at)
                              VALUES (?1, 'run', ?2, ?3, ?4, ?4)";
const INSERT_UNDO: &str =
    "INSERT INTO kanban_undo (id, actor, card_id, inverse, revision, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const TAKE_UNDO: &str = "UPDATE kanban_undo SET used_at = ?2 WHERE id = ?1 AND used_at IS NULL AND created_at > ?3
                         RETURNING card_id, inverse, revision";
const UNDO_STATE: &str = "SELECT used_at FROM kanban_undo WHERE id = ?1";
const PURGE_UNDO: &str = "DELETE FROM kanban_undo WHERE created_at < ?1";

/// Makes a fresh UUIDv7.
pub(crate) fn new_id() -> Uuid {
    Uuid::now_v7()
}

fn board(row: (Uuid, String, String)) -> BoardSummary {
    BoardSummary { id: BoardId(row.0), slug: row.1, name: row.2 }
}

pub(super) async fn board_by_slug(
    connection: &mut SqliteConnection,
    slug: &str,
) -> Result<Option<BoardSummary>, KanbanError> {
    let row: Option<(Uuid, String, String)> =
        sqlx::query_as(BOARD_BY_SLUG).bind(slug).fetch_optional(connection).await?;
    Ok(row.map(board))
}

pub(super) async fn board_by_id(connection: &mut SqliteConnection, id: BoardId) -> Result<BoardSummary, KanbanError> {
    let row: Option<(Uuid, String, String)> = sqlx::query_as(BOARD_BY_ID).bind(id.0).fetch_optional(connection).await?;
    row.map(board).ok_or_else(|| KanbanError::NotFound("there is no such board any more".to_owned()))
}

pub(super) async fn boards(connection: &mut SqliteConnection) -> Result<Vec<BoardSummary>, KanbanError> {
    let rows: Vec<(Uuid, String, String)> = sqlx::query_as(BOARDS).fetch_all(connection).await?;
    Ok(rows.into_iter().map(board).collect())
}

/// Whether a row was written: a taken slug is left as it is.
pub(super) async fn insert_board(
    tx: &mut SqliteConnection,
    slug: &str,
    name: &str,
    now: i64,
) -> Result<bool, KanbanError> {
    let done = sqlx::query(INSERT_BOARD).bind(new_id()).bind(slug).bind(name).bind(now).execute(tx).await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn next_number(tx: &mut SqliteConnection) -> Result<i64, KanbanError> {
    Ok(sqlx::query_scalar(NEXT_NUMBER).fetch_one(tx).await?)
}

/// A card that is about to exist.
pub(super) struct NewCard<'a> {
    pub(super) id: CardId,
    pub(super) number: i64,
    pub(super) board: BoardId,
    pub(super) title: &'a str,
    pub(super) body: &'a str,
    pub(super) state: CardState,
    pub(super) rank: &'a str,
    pub(super) priority: i32,
    pub(super) assignee: Option<&'a str>,
    pub(super) created_by: &'a str,
    pub(super) workspace_dir: Option<&'a str>,
    pub(super) scheduled_at: Option<i64>,
    pub(super) max_attempts: Option<u32>,
    pub(super) max_runtime_s: Option<u32>,
    pub(super) idempotency_key: Option<&'a str>,
    pub(super) now: i64,
}

pub(super) async fn insert_card(tx: &mut SqliteConnection, card: &NewCard<'_>) -> Result<(), KanbanError> {
    sqlx::query(INSERT_CARD)
        .bind(card.id.0)
        .bind(card.number)
        .bind(card.board.0)
        .bind(card.title)
        .bind(card.body)
        .bind(card.state.as_str())
        .bind(card.rank)
        .bind(card.priority)
        .bind(card.assignee)
        .bind(card.created_by)
        .bind(if card.workspace_dir.is_some() { "dir" } else { "scratch" })
        .bind(card.workspace_dir)
        .bind(card.scheduled_at)
        .bind(card.max_attempts)
        .bind(card.max_runtime_s)
        .bind(card.idempotency_key)
        .bind(card.now)
        .execute(tx)
        .await?;
    Ok(())
}

pub(super) async fn by_idempotency_key(
    tx: &mut SqliteConnection,
    board: BoardId,
    key: &str,
) -> Result<Option<CardId>, KanbanError> {
    let id: Option<Uuid> = sqlx::query_scalar(BY_IDEMPOTENCY_KEY).bind(board.0).bind(key).fetch_optional(tx).await?;
    Ok(id.map(CardId))
}

pub(super) async fn first_rank(
    tx: &mut SqliteConnection,
    board: BoardId,
    state: CardState,
) -> Result<Option<String>, KanbanError> {
    Ok(sqlx::query_scalar(FIRST_RANK).bind(board.0).bind(state.as_str()).fetch_optional(tx).await?)
}

pub(super) async fn last_rank(
    tx: &mut SqliteConnection,
    board: BoardId,
    state: CardState,
) -> Result<Option<String>, KanbanError> {
    Ok(sqlx::query_scalar(LAST_RANK).bind(board.0).bind(state.as_str()).fetch_optional(tx).await?)
}

/// The rank right after `rank` in a column, not counting `card` itself.
pub(super) async fn rank_after(
    tx: &mut SqliteConnection,
    board: BoardId,
    state: CardState,
    rank: &str,
    card: CardId,
) -> Result<Option<String>, KanbanError> {
    let query = sqlx::query_scalar(RANK_AFTER).bind(board.0).bind(state.as_str()).bind(rank).bind(card.0);
    Ok(query.fetch_optional(tx).await?)
}

/// The rank right before `rank` in a column, not counting `card` itself.
pub(super) async fn rank_before(
    tx: &mut SqliteConnection,
    board: BoardId,
    state: CardState,
    rank: &str,
    card: CardId,
) -> Result<Option<String>, KanbanError> {
    let query = sqlx::query_scalar(RANK_BEFORE).bind(board.0).bind(state.as_str()).bind(rank).bind(card.0);
    Ok(query.fetch_optional(tx).await?)
}

/// Everything a change of state writes into the card.
pub(super) struct StateChange {
    pub(super) id: CardId,
    pub(super) revision: i64,
    pub(super) state: CardState,
    pub(super) rank: String,
    pub(super) now: i64,
    pub(super) run: Option<RunId>,
    pub(super) fence: i64,
    pub(super) attempts: u32,
    pub(super) failures: u32,
    pub(super) last_error: Option<String>,
    pub(super) hold_until: Option<i64>,
    pub(super) backoff_until: Option<i64>,
    pub(super) summary: Option<String>,
}

/// Whether the card still had the revision.
pub(super) async fn set_state(tx: &mut SqliteConnection, change: &StateChange) -> Result<bool, KanbanError> {
    let done = sqlx::query(SET_STATE)
        .bind(change.id.0)
        .bind(change.revision)
        .bind(change.state.as_str())
        .bind(&change.rank)
        .bind(change.run.map(|run| run.0))
        .bind(change.fence)
        .bind(change.attempts)
        .bind(change.failures)
        .bind(&change.last_error)
        .bind(change.hold_until)
        .bind(change.backoff_until)
        .bind(&change.summary)
        .bind(change.now)
        .execute(tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn set_rank(
    tx: &mut SqliteConnection,
    card: &CardRow,
    rank: &str,
    now: i64,
) -> Result<bool, KanbanError> {
    let done = sqlx::query(SET_RANK).bind(card.id.0).bind(card.revision).bind(rank).bind(now).execute(tx).await?;
    Ok(done.rows_affected() == 1)
}

/// Writes the card's text fields as `to` has them, if it still has `from`'s revision.
pub(super) async fn set_text(
    tx: &mut SqliteConnection,
    from: &CardRow,
    to: &CardRow,
    now: i64,
) -> Result<bool, KanbanError> {
    let done = sqlx::query(SET_TEXT)
        .bind(from.id.0)
        .bind(from.revision)
        .bind(&to.title)
        .bind(&to.body)
        .bind(to.priority)
        .bind(&to.assignee)
        .bind(to.failures)
        .bind(now)
        .execute(tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn set_deleted(
    tx: &mut SqliteConnection,
    card: &CardRow,
    deleted_at: Option<i64>,
    now: i64,
) -> Result<bool, KanbanError> {
    let done =
        sqlx::query(SET_DELETED).bind(card.id.0).bind(card.revision).bind(deleted_at).bind(now).execute(tx).await?;
    Ok(done.rows_affected() == 1)
}

pub(crate) async fn set_open_decision(
    tx: &mut SqliteConnection,
    card: CardId,
    decision: Option<DecisionId>,
) -> Result<(), KanbanError> {
    sqlx::query(SET_DECISION).bind(card.0).bind(decision.map(|id| id.0)).execute(tx).await?;
    Ok(())
}

pub(super) async fn end_run(tx: &mut SqliteConnection, run: RunId, now: i64, end: &RunEnd) -> Result<(), KanbanError> {
    sqlx::query(END_RUN)
        .bind(run.0)
        .bind(now)
        .bind(end.outcome.as_str())
        .bind(&end.summary)
        .bind(&end.error)
        .bind(&end.metadata)
        .execute(tx)
        .await?;
    Ok(())
}

pub(super) async fn children_in(
    tx: &mut SqliteConnection,
    parent: CardId,
    state: CardState,
) -> Result<Vec<CardRow>, KanbanError> {
    Ok(sqlx::query_as(CHILDREN_IN).bind(parent.0).bind(state.as_str()).fetch_all(tx).await?)
}

pub(crate) async fn has_unfinished_parent(tx: &mut SqliteConnection, card: CardId) -> Result<bool, KanbanError> {
    Ok(sqlx::query_scalar(HAS_UNFINISHED_PARENT).bind(card.0).fetch_one(tx).await?)
}

/// Whether the link is new.
pub(super) async fn insert_link(tx: &mut SqliteConnection, parent: CardId, child: CardId) -> Result<bool, KanbanError> {
    let done = sqlx::query(INSERT_LINK).bind(parent.0).bind(child.0).execute(tx).await?;
    Ok(done.rows_affected() == 1)
}

/// Whether there was such a link.
pub(super) async fn delete_link(tx: &mut SqliteConnection, parent: CardId, child: CardId) -> Result<bool, KanbanError> {
    let done = sqlx::query(DELETE_LINK).bind(parent.0).bind(child.0).execute(tx).await?;
    Ok(done.rows_affected() == 1)
}

/// Whether `target` is `start` or a descendant of it.
pub(crate) async fn is_reachable(
    tx: &mut SqliteConnection,
    start: CardId,
    target: CardId,
) -> Result<bool, KanbanError> {
    Ok(sqlx::query_scalar(IS_REACHABLE).bind(start.0).bind(target.0).fetch_one(tx).await?)
}

pub(crate) async fn insert_comment(
    tx: &mut SqliteConnection,
    card: CardId,
    author: &crate::Actor,
    body: &str,
    now: i64,
) -> Result<CommentId, KanbanError> {
    let id = CommentId(new_id());
    sqlx::query(INSERT_COMMENT)
        .bind(id.0)
        .bind(card.0)
        .bind(author.name())
        .bind(matches!(author, crate::Actor::Worker { .. }))
        .bind(body)
        .bind(now)
        .execute(&mut *tx)
        .await?;
    sqlx::query(COUNT_COMMENTS).bind(card.0).execute(tx).await?;
    Ok(id)
}

pub(super) async fn delete_comment(
    tx: &mut SqliteConnection,
    card: CardId,
    comment: CommentId,
) -> Result<(), KanbanError> {
    sqlx::query(DELETE_COMMENT).bind(comment.0).bind(card.0).execute(&mut *tx).await?;
    sqlx::query(COUNT_COMMENTS).bind(card.0).execute(tx).await?;
    Ok(())
}

/// A run that is about to exist.
pub(super) struct NewRun<'a> {
    pub(super) id: RunId,
    pub(super) card: &'a CardRow,
    pub(super) profile: &'a str,
    pub(super) executor: ExecutorKind,
    pub(super) owner: &'a str,
    pub(super) lease_until: i64,
    pub(super) now: i64,
}

/// Writes the run of a claim, before the card points to it (the reference is checked at commit).
pub(super) async fn insert_run(tx: &mut SqliteConnection, run: &NewRun<'_>) -> Result<(), KanbanError> {
    let session = SessionId(new_id());
    sqlx::query(INSERT_SESSION)
        .bind(session.0)
        .bind(run.card.id.0)
        .bind(&run.card.title)
        .bind(run.now)
        .execute(&mut *tx)
        .await?;
    sqlx::query(INSERT_RUN)
        .bind(run.id.0)
        .bind(run.card.id.0)
        .bind(run.card.attempts + 1)
        .bind(run.card.fence + 1)
        .bind(run.profile)
        .bind(run.executor.as_str())
        .bind(run.owner)
        .bind(run.lease_until)
        .bind(session.0)
        .bind(run.now)
        .execute(tx)
        .await?;
    Ok(())
}

pub(super) async fn insert_undo(
    tx: &mut SqliteConnection,
    actor: &str,
    card: CardId,
    inverse: &str,
    revision: i64,
    now: i64,
) -> Result<UndoId, KanbanError> {
    let id = UndoId(new_id());
    sqlx::query(INSERT_UNDO)
        .bind(id.0)
        .bind(actor)
        .bind(card.0)
        .bind(inverse)
        .bind(revision)
        .bind(now)
        .execute(tx)
        .await?;
    Ok(id)
}

/// Takes the entry, once, if it is younger than `oldest`.
pub(super) async fn take_undo(
    tx: &mut SqliteConnection,
    id: UndoId,
    now: i64,
    oldest: i64,
) -> Result<Option<(CardId, String, i64)>, KanbanError> {
    let row: Option<(Uuid, String, i64)> =
        sqlx::query_as(TAKE_UNDO).bind(id.0).bind(now).bind(oldest).fetch_optional(tx).await?;
    Ok(row.map(|(card, inverse, revision)| (CardId(card), inverse, revision)))
}

/// `None`: no such entry; `Some(true)`: used already; `Some(false)`: too old.
pub(super) async fn undo_was_used(tx: &mut SqliteConnection, id: UndoId) -> Result<Option<bool>, KanbanError> {
    let row: Option<(Option<i64>,)> = sqlx::query_as(UNDO_STATE).bind(id.0).fetch_optional(tx).await?;
    Ok(row.map(|(used,)| used.is_some()))
}

pub(super) async fn purge_undo(tx: &mut SqliteConnection, before: i64) -> Result<(), KanbanError> {
    sqlx::query(PURGE_UNDO).bind(before).execute(tx).await?;
    Ok(())
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[
    BOARD_BY_SLUG,
    BOARD_BY_ID,
    BOARDS,
    INSERT_BOARD,
    NEXT_NUMBER,
    INSERT_CARD,
    BY_IDEMPOTENCY_KEY,
    FIRST_RANK,
    LAST_RANK,
    RANK_AFTER,
    RANK_BEFORE,
    SET_STATE,
    SET_RANK,
    SET_TEXT,
    SET_DELETED,
    SET_DECISION,
    END_RUN,
    CHILDREN_IN,
    HAS_UNFINISHED_PARENT,
    INSERT_LINK,
    DELETE_LINK,
    IS_REACHABLE,
    INSERT_COMMENT,
    DELETE_COMMENT,
    COUNT_COMMENTS,
    INSERT_RUN,
    INSERT_SESSION,
    INSERT_UNDO,
    TAKE_UNDO,
    UNDO_STATE,
    PURGE_UNDO,
];
