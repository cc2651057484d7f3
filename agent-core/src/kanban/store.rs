//! SQL of cards, runs and links that writes need. Reads for pages are in `view`.

use protocol::{
    BoardId, CardId, CardState, CommentId, DecisionId, ExecutorKind, LineAnchor, RunId, SessionId, WorkspaceKind,
};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use uuid::Uuid;

use super::KanbanError;
use super::card_row::{CardRow, card_columns};
use super::transition::RunEnd;

const NEXT_NUMBER: &str = "UPDATE kanban_counter SET next_number = next_number + 1 WHERE only = 1
    RETURNING next_number - 1, (SELECT rank FROM kanban_card
        WHERE board_id = ?1 AND state = ?2 AND deleted_at IS NULL ORDER BY rank DESC, id DESC LIMIT 1)";
const INSERT_CARD: &str = concat!(
    "INSERT INTO kanban_card
    (id, number, board_id, title, body, state, rank, priority, assignee, created_by, workspace_kind, workspace_path,
     scheduled_at, max_attempts, max_runtime_s, idempotency_key, created_at, updated_at, state_at, branch, repository,
     shared_dir, tenant, skills, model, max_tokens, max_cost_micros, due_at, repeat, previous, created_run)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?17, ?17, ?18, ?19, ?20, ?21,
            ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29)
    RETURNING ",
    card_columns!(bare)
);
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
const SET_STATE: &str = concat!(
    "UPDATE kanban_card
    SET state = ?3, rank = ?4, current_run_id = ?5, fence = ?6, attempts = ?7, failures = ?8, last_error = ?9,
        hold_until = ?10, backoff_until = ?11, summary = ?12, open_decision_id = NULL,
        state_at = ?13, updated_at = ?13, revision = revision + 1, scheduled_at = ?14,
        started_at = CASE WHEN ?3 = 'running' THEN COALESCE(started_at, ?13) ELSE started_at END,
        done_at = CASE WHEN ?3 = 'done' THEN ?13 WHEN ?3 = 'archived' THEN done_at END,
        stale = CASE WHEN ?3 = 'archived' THEN stale ELSE 0 END,
        tokens_before = CASE WHEN ?15 THEN tokens ELSE tokens_before END,
        cost_micros_before = CASE WHEN ?15 THEN COALESCE(cost_micros, 0) ELSE cost_micros_before END,
        -- While it was put away its key was free. Whoever has it by now keeps it.
        idempotency_key = CASE WHEN state = 'archived' AND ?3 <> 'archived' AND EXISTS (
                SELECT 1 FROM kanban_card o WHERE o.board_id = kanban_card.board_id
                   AND o.idempotency_key = kanban_card.idempotency_key AND o.state <> 'archived'
                   AND o.deleted_at IS NULL AND o.id <> kanban_card.id)
            THEN NULL ELSE idempotency_key END
    WHERE id = ?1 AND revision = ?2 AND deleted_at IS NULL
    RETURNING ",
    card_columns!(bare)
);
const SET_RANK: &str = "UPDATE kanban_card SET rank = ?3, updated_at = ?4, revision = revision + 1
                        WHERE id = ?1 AND revision = ?2 AND deleted_at IS NULL";
const SET_FIELDS: &str = "UPDATE kanban_card
    SET title = ?3, body = ?4, priority = ?5, assignee = ?6, failures = ?7, updated_at = ?8, revision = revision + 1,
        tenant = ?9, skills = ?10, model = ?11, due_at = ?12, repeat = ?13, max_attempts = ?14, max_runtime_s = ?15,
        max_tokens = ?16, max_cost_micros = ?17, workspace_kind = ?18, workspace_path = ?19, repository = ?20,
        branch = ?21, shared_dir = ?22
    WHERE id = ?1 AND revision = ?2 AND deleted_at IS NULL";
// No new revision: it goes with the change of state that found the rule useless.
const CLEAR_REPEAT: &str = "UPDATE kanban_card SET repeat = NULL WHERE id = ?1";
const LABELS_OF: &str = "SELECT label FROM kanban_card_label WHERE card_id = ?1 ORDER BY label";
const ADD_LABEL: &str =
    "INSERT INTO kanban_card_label (card_id, label, board_id) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
const REMOVE_LABEL: &str = "DELETE FROM kanban_card_label WHERE card_id = ?1 AND label = ?2";
const MARK_STALE: &str = "UPDATE kanban_card SET stale = 1, updated_at = ?2, revision = revision + 1
    WHERE id = ?1 AND stale = 0";
const FINISHED_BELOW: &str = concat!(
    "WITH RECURSIVE below (id) AS (
        SELECT l.child_id FROM kanban_link l CROSS JOIN kanban_card k ON k.id = l.child_id
         WHERE l.parent_id = ?1 AND k.state = 'done' AND k.deleted_at IS NULL
        UNION
        SELECT l.child_id FROM below CROSS JOIN kanban_link l ON l.parent_id = below.id
          CROSS JOIN kanban_card k ON k.id = l.child_id WHERE k.state = 'done' AND k.deleted_at IS NULL)
    SELECT ",
    card_columns!(),
    " FROM below CROSS JOIN kanban_card c ON c.id = below.id WHERE c.stale = 0"
);
const SET_SUMMARY: &str = "UPDATE kanban_card SET summary = ?3, updated_at = ?4, revision = revision + 1
                           WHERE id = ?1 AND revision = ?2 AND deleted_at IS NULL";
const SET_SCHEDULED: &str = "UPDATE kanban_card SET scheduled_at = ?3, updated_at = ?4, revision = revision + 1
                             WHERE id = ?1 AND revision = ?2 AND state = 'scheduled' AND deleted_at IS NULL";
// A repeated card that comes back when another has taken its place repeats nothing any more.
const SET_DELETED: &str = "UPDATE kanban_card SET deleted_at = ?3, updated_at = ?4, revision = revision + 1,
        previous = CASE WHEN ?3 IS NULL AND EXISTS (
                SELECT 1 FROM kanban_card o WHERE o.previous = kanban_card.previous
                   AND o.deleted_at IS NULL AND o.id <> kanban_card.id)
            THEN NULL ELSE previous END
    WHERE id = ?1 AND revision = ?2";
const SET_DECISION: &str = "UPDATE kanban_card SET open_decision_id = ?2 WHERE id = ?1";
const END_RUN: &str = "UPDATE kanban_run
    SET ended_at = ?2, outcome = ?3, summary = ?4, error = ?5, metadata = ?6, lease_until = NULL
    WHERE id = ?1 AND ended_at IS NULL";
const NEXT_OCCURRENCE: &str = "SELECT id FROM kanban_card
    WHERE previous = ?1 AND deleted_at IS NULL AND attempts = 0 AND state IN ('scheduled', 'todo', 'ready')";
const HAS_COME_AGAIN: &str = "SELECT EXISTS (SELECT 1 FROM kanban_card WHERE previous = ?1 AND deleted_at IS NULL)";
const CHILDREN_IN: &str = concat!(
    "SELECT ",
    card_columns!(),
    " FROM kanban_link l JOIN kanban_card c ON c.id = l.child_id
      WHERE l.parent_id = ?1 AND c.state = ?2 AND c.deleted_at IS NULL ORDER BY c.number"
);
/// Whether a card waits for another.
macro_rules! waits_for_parent {
    ($card:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM kanban_link l JOIN kanban_card p ON p.id = l.parent_id WHERE l.child_id = ",
            $card,
            " AND p.state NOT IN ('done', 'archived') AND p.deleted_at IS NULL)"
        )
    };
}
pub(super) use waits_for_parent;
const HAS_UNFINISHED_PARENT: &str = concat!("SELECT ", waits_for_parent!("?1"));
const INSERT_LINK: &str = "INSERT INTO kanban_link (parent_id, child_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
const DELETE_LINK: &str = "DELETE FROM kanban_link WHERE parent_id = ?1 AND child_id = ?2";
// UNION, not UNION ALL: visits every card once, so it ends even on a graph that has a cycle.
const IS_REACHABLE: &str = "WITH RECURSIVE below (id) AS (
        SELECT ?1 UNION SELECT l.child_id FROM kanban_link l JOIN below ON l.parent_id = below.id)
    SELECT EXISTS (SELECT 1 FROM below WHERE id = ?2)";
const INSERT_COMMENT: &str = "INSERT INTO kanban_comment (id, card_id, author, by_worker, body, created_at, path, line)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const DELETE_COMMENT: &str = "DELETE FROM kanban_comment WHERE id = ?1 AND card_id = ?2";
const COUNT_COMMENTS: &str = "UPDATE kanban_card SET comment_count =
    (SELECT count(*) FROM kanban_comment m WHERE m.card_id = kanban_card.id) WHERE id = ?1";
const INSERT_SESSIONS: &str = "INSERT INTO session (id, kind, card_id, title, created_at, updated_at) ";
const INSERT_RUNS: &str = "INSERT INTO kanban_run
    (id, card_id, attempt, fence, profile, executor, lease_owner, lease_until, session_id, claimed_at) ";

/// Makes a fresh UUIDv7.
pub(crate) fn new_id() -> Uuid {
    Uuid::now_v7()
}

/// The number of a new card, and the last rank of the column it goes to.
pub(super) async fn next_number(
    tx: &mut SqliteConnection,
    board: BoardId,
    state: CardState,
) -> Result<(i64, Option<String>), KanbanError> {
    Ok(sqlx::query_as(NEXT_NUMBER).bind(board.0).bind(state.as_str()).fetch_one(tx).await?)
}

/// A card that is about to exist.
#[derive(Debug, Clone)]
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
    pub(super) workspace_kind: WorkspaceKind,
    pub(super) workspace_path: Option<&'a str>,
    pub(super) repository: Option<&'a str>,
    pub(super) branch: Option<&'a str>,
    pub(super) shared_dir: bool,
    pub(super) scheduled_at: Option<i64>,
    pub(super) max_attempts: Option<u32>,
    pub(super) max_runtime_s: Option<u32>,
    pub(super) max_tokens: Option<i64>,
    pub(super) max_cost_micros: Option<i64>,
    pub(super) idempotency_key: Option<&'a str>,
    pub(super) tenant: Option<&'a str>,
    pub(super) skills: &'a str,
    pub(super) model: Option<&'a str>,
    pub(super) due_at: Option<i64>,
    pub(super) repeat: Option<&'a str>,
    pub(super) previous: Option<CardId>,
    pub(super) created_run: Option<RunId>,
    pub(super) now: i64,
}

/// The card as it is stored now.
pub(super) async fn insert_card(tx: &mut SqliteConnection, card: &NewCard<'_>) -> Result<CardRow, KanbanError> {
    let card = sqlx::query_as(INSERT_CARD)
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
        .bind(card.workspace_kind.as_str())
        .bind(card.workspace_path)
        .bind(card.scheduled_at)
        .bind(card.max_attempts)
        .bind(card.max_runtime_s)
        .bind(card.idempotency_key)
        .bind(card.now)
        .bind(card.branch)
        .bind(card.repository)
        .bind(card.shared_dir)
        .bind(card.tenant)
        .bind(card.skills)
        .bind(card.model)
        .bind(card.max_tokens)
        .bind(card.max_cost_micros)
        .bind(card.due_at)
        .bind(card.repeat)
        .bind(card.previous.map(|card| card.0))
        .bind(card.created_run.map(|run| run.0))
        .fetch_one(tx)
        .await?;
    Ok(card)
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
    pub(super) scheduled_at: Option<i64>,
    /// A person allows the budget anew.
    pub(super) new_budget: bool,
}

/// The card afterwards; `None` when it no longer had the revision.
pub(super) async fn set_state(tx: &mut SqliteConnection, change: &StateChange) -> Result<Option<CardRow>, KanbanError> {
    let after = sqlx::query_as(SET_STATE)
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
        .bind(change.scheduled_at)
        .bind(change.new_budget)
        .fetch_optional(tx)
        .await?;
    Ok(after)
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

/// The card does not come again.
pub(super) async fn clear_repeat(tx: &mut SqliteConnection, card: CardId) -> Result<(), KanbanError> {
    sqlx::query(CLEAR_REPEAT).bind(card.0).execute(tx).await?;
    Ok(())
}

/// Writes what people can edit as `to` has it, if the card still has `from`'s revision. Labels are rows of their own.
pub(super) async fn set_fields(
    tx: &mut SqliteConnection,
    from: &CardRow,
    to: &CardRow,
    now: i64,
) -> Result<bool, KanbanError> {
    let done = sqlx::query(SET_FIELDS)
        .bind(from.id.0)
        .bind(from.revision)
        .bind(&to.title)
        .bind(&to.body)
        .bind(to.priority)
        .bind(&to.assignee)
        .bind(to.failures)
        .bind(now)
        .bind(&to.tenant)
        .bind(&to.skills)
        .bind(&to.model)
        .bind(to.due_at)
        .bind(&to.repeat)
        .bind(to.max_attempts)
        .bind(to.max_runtime_s)
        .bind(to.max_tokens)
        .bind(to.max_cost_micros)
        .bind(to.workspace_kind.as_str())
        .bind(&to.workspace_path)
        .bind(&to.repository)
        .bind(&to.branch)
        .bind(to.shared_dir)
        .execute(tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// A card's labels, in order.
pub(super) async fn labels_of(tx: &mut SqliteConnection, card: CardId) -> Result<Vec<String>, KanbanError> {
    Ok(sqlx::query_scalar(LABELS_OF).bind(card.0).fetch_all(tx).await?)
}

/// Gives the card these labels and no others.
pub(super) async fn set_labels(
    tx: &mut SqliteConnection,
    card: &CardRow,
    from: &[String],
    to: &[String],
) -> Result<(), KanbanError> {
    for label in from.iter().filter(|label| !to.contains(label)) {
        sqlx::query(REMOVE_LABEL).bind(card.id.0).bind(label).execute(&mut *tx).await?;
    }
    for label in to.iter().filter(|label| !from.contains(label)) {
        sqlx::query(ADD_LABEL).bind(card.id.0).bind(label).bind(card.board_id.0).execute(&mut *tx).await?;
    }
    Ok(())
}

/// Finished cards that build on this one, directly or not.
pub(super) async fn finished_below(tx: &mut SqliteConnection, card: CardId) -> Result<Vec<CardRow>, KanbanError> {
    Ok(sqlx::query_as(FINISHED_BELOW).bind(card.0).fetch_all(tx).await?)
}

pub(super) async fn mark_stale(tx: &mut SqliteConnection, card: CardId, now: i64) -> Result<(), KanbanError> {
    sqlx::query(MARK_STALE).bind(card.0).bind(now).execute(tx).await?;
    Ok(())
}

/// The card that repeats this one, unless it was started already.
pub(super) async fn next_occurrence(tx: &mut SqliteConnection, card: CardId) -> Result<Option<CardId>, KanbanError> {
    let id: Option<Uuid> = sqlx::query_scalar(NEXT_OCCURRENCE).bind(card.0).fetch_optional(tx).await?;
    Ok(id.map(CardId))
}

/// Whether a card repeats this one, started or not.
pub(super) async fn has_come_again(tx: &mut SqliteConnection, card: CardId) -> Result<bool, KanbanError> {
    Ok(sqlx::query_scalar(HAS_COME_AGAIN).bind(card.0).fetch_one(tx).await?)
}

pub(super) async fn set_summary(
    tx: &mut SqliteConnection,
    card: &CardRow,
    summary: Option<&str>,
    now: i64,
) -> Result<bool, KanbanError> {
    let done = sqlx::query(SET_SUMMARY).bind(card.id.0).bind(card.revision).bind(summary).bind(now).execute(tx).await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn set_scheduled(
    tx: &mut SqliteConnection,
    card: &CardRow,
    at: Option<i64>,
    now: i64,
) -> Result<bool, KanbanError> {
    let done = sqlx::query(SET_SCHEDULED).bind(card.id.0).bind(card.revision).bind(at).bind(now).execute(tx).await?;
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
    anchor: Option<&LineAnchor>,
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
        .bind(anchor.map(|anchor| anchor.path.as_str()))
        .bind(anchor.and_then(|anchor| anchor.line))
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

/// Writes the runs of claims, before the cards point to them (the references are checked at commit). All in one trip.
pub(super) async fn insert_runs(tx: &mut SqliteConnection, runs: &[NewRun<'_>]) -> Result<(), KanbanError> {
    if runs.is_empty() {
        return Ok(());
    }
    let sessions: Vec<SessionId> = runs.iter().map(|_| SessionId(new_id())).collect();
    let both = || runs.iter().zip(&sessions);
    let mut insert = QueryBuilder::<Sqlite>::new(INSERT_SESSIONS);
    insert.push_values(both(), |mut row, (run, session)| {
        row.push_bind(session.0)
            .push("'run'")
            .push_bind(run.card.id.0)
            .push_bind(&run.card.title)
            .push_bind(run.now)
            .push_bind(run.now);
    });
    insert.push("; ").push(INSERT_RUNS);
    insert.push_values(both(), |mut row, (run, session)| {
        row.push_bind(run.id.0)
            .push_bind(run.card.id.0)
            .push_bind(run.card.attempts + 1)
            .push_bind(run.card.fence + 1)
            .push_bind(run.profile)
            .push_bind(run.executor.as_str())
            .push_bind(run.owner)
            .push_bind(run.lease_until)
            .push_bind(session.0)
            .push_bind(run.now);
    });
    insert.build().persistent(runs.len() == 1).execute(tx).await?;
    Ok(())
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[
    NEXT_NUMBER,
    INSERT_CARD,
    BY_IDEMPOTENCY_KEY,
    FIRST_RANK,
    LAST_RANK,
    RANK_AFTER,
    RANK_BEFORE,
    SET_STATE,
    SET_RANK,
    SET_FIELDS,
    CLEAR_REPEAT,
    LABELS_OF,
    ADD_LABEL,
    REMOVE_LABEL,
    MARK_STALE,
    FINISHED_BELOW,
    NEXT_OCCURRENCE,
    HAS_COME_AGAIN,
    SET_SUMMARY,
    SET_SCHEDULED,
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
];
