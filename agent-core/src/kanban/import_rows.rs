//! Rows of another product's board. Whole stories are written as they were, which no sequence of transitions could
//! tell: ids, times and states come from the caller.
//!
//! It only ever adds. What is here already changes in one way only: counters follow what was added.

use std::collections::HashMap;

use protocol::{BoardId, CardId, CardState, CommentId, DecisionId, DecisionKind, RunId, RunOutcome};
use serde_json::{Value, json};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::KanbanError;

/// A statement's rows are sent off when they are longer than this.
const MAX_PART_BYTES: usize = 1 << 20;

const BOARD_EXISTS: &str = "SELECT EXISTS (SELECT 1 FROM kanban_board WHERE id = ?1)";
const BOARD_OF_SLUG: &str = "SELECT id, archived_at IS NULL FROM kanban_board WHERE slug = ?1";
const INSERT_BOARD: &str = "INSERT INTO kanban_board
    (id, slug, name, description, icon, color, default_dir, created_at, archived_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const SLUG_OF_BOARD: &str = "SELECT slug FROM kanban_board WHERE id = ?1";
const COLUMN_ENDS: &str =
    "SELECT state, max(rank) FROM kanban_card WHERE board_id = ?1 AND deleted_at IS NULL GROUP BY state";
const TAKE_NUMBERS: &str =
    "UPDATE kanban_counter SET next_number = next_number + ?1 WHERE only = 1 RETURNING next_number - ?1";
const KEY_IS_TAKEN: &str = "SELECT EXISTS (SELECT 1 FROM kanban_card
    WHERE board_id = ?1 AND idempotency_key = ?2 AND state <> 'archived' AND deleted_at IS NULL)";
const CARD_STATES: &str = "SELECT id, state, deleted_at IS NOT NULL FROM kanban_card
    WHERE id IN (SELECT unhex(value) FROM json_each(?1))";
const INSERT_CARD: &str = "INSERT INTO kanban_card
    (id, number, board_id, title, body, state, rank, priority, assignee, created_by, workspace_kind, workspace_path,
     repository, branch, scheduled_at, max_attempts, max_runtime_s, idempotency_key, failures, last_error, attempts,
     fence, open_decision_id, summary, comment_count, attachment_count, tenant, skills, model, created_at, updated_at,
     state_at, started_at, done_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?21, ?22,
            ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33)";
// Rows that come by the ten thousand travel as JSON arrays, their texts and ids as hexadecimal: JSON in SQLite ends
// a text at its first NUL.
const INSERT_RUNS: &str = "INSERT INTO kanban_run
    (id, card_id, attempt, fence, profile, executor, lease_owner, heartbeat_at, claimed_at, started_at, ended_at,
     outcome, summary, metadata, error)
    SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, 0, CAST(unhex(value ->> 3) AS TEXT), 'agent', 'import',
           value ->> 4, value ->> 5, value ->> 5, value ->> 6, value ->> 7, CAST(unhex(value ->> 8) AS TEXT),
           CAST(unhex(value ->> 9) AS TEXT), CAST(unhex(value ->> 10) AS TEXT)
      FROM json_each(?1)";
const INSERT_COMMENTS: &str = "INSERT INTO kanban_comment (id, card_id, author, by_worker, body, created_at)
    SELECT unhex(value ->> 0), unhex(value ->> 1), CAST(unhex(value ->> 2) AS TEXT), value ->> 3,
           CAST(unhex(value ->> 4) AS TEXT), value ->> 5
      FROM json_each(?1)";
const INSERT_ATTACHMENT: &str = "INSERT INTO kanban_attachment
    (id, card_id, name, media_type, bytes, sha256, author, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const INSERT_DECISION: &str = "INSERT INTO decision
    (id, kind, card_id, run_id, profile, ask, summary, options, created_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, '[]', ?8)";
const INSERT_LINK: &str = "INSERT INTO kanban_link (parent_id, child_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
const INSERT_EVENTS: &str = "INSERT INTO kanban_event (board_id, card_id, run_id, kind, actor, detail, at)
    SELECT unhex(value ->> 0), unhex(value ->> 1), unhex(value ->> 2), CAST(unhex(value ->> 3) AS TEXT),
           CAST(unhex(value ->> 4) AS TEXT), CAST(unhex(value ->> 5) AS TEXT), value ->> 6
      FROM json_each(?1)";
const LAST_ATTEMPT: &str = "SELECT COALESCE(max(attempt), 0) FROM kanban_run WHERE card_id = ?1";
// Attempts never fall: a run that another process has just begun counts already.
const RECOUNT: &str = "UPDATE kanban_card SET
    comment_count = (SELECT count(*) FROM kanban_comment m WHERE m.card_id = kanban_card.id),
    attachment_count = (SELECT count(*) FROM kanban_attachment a WHERE a.card_id = kanban_card.id
        AND a.removed_at IS NULL),
    attempts = max(attempts, (SELECT COALESCE(max(attempt), 0) FROM kanban_run r WHERE r.card_id = kanban_card.id))
    WHERE id = ?1";

/// A board that is about to exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewBoard {
    pub(crate) id: BoardId,
    pub(crate) slug: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) icon: String,
    pub(crate) color: String,
    pub(crate) default_dir: Option<String>,
    pub(crate) created_at: i64,
    pub(crate) archived_at: Option<i64>,
}

/// A card with everything that was so about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewCard {
    pub(crate) id: CardId,
    pub(crate) number: i64,
    pub(crate) board: BoardId,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) state: CardState,
    pub(crate) rank: String,
    pub(crate) priority: i32,
    pub(crate) assignee: Option<String>,
    pub(crate) created_by: String,
    /// A word of the column's list.
    pub(crate) workspace_kind: &'static str,
    pub(crate) workspace_path: Option<String>,
    pub(crate) repository: Option<String>,
    pub(crate) branch: Option<String>,
    pub(crate) scheduled_at: Option<i64>,
    pub(crate) max_attempts: Option<u32>,
    pub(crate) max_runtime_s: Option<u32>,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) failures: u32,
    pub(crate) last_error: Option<String>,
    pub(crate) attempts: u32,
    pub(crate) decision: Option<DecisionId>,
    pub(crate) summary: Option<String>,
    pub(crate) comments: u32,
    pub(crate) attachments: u32,
    pub(crate) tenant: Option<String>,
    /// JSON array of names.
    pub(crate) skills: String,
    pub(crate) model: Option<String>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
    pub(crate) state_at: i64,
    pub(crate) started_at: Option<i64>,
    pub(crate) done_at: Option<i64>,
}

/// A run that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewRun {
    pub(crate) id: RunId,
    pub(crate) card: CardId,
    pub(crate) attempt: u32,
    pub(crate) profile: String,
    pub(crate) heartbeat_at: Option<i64>,
    pub(crate) started_at: i64,
    pub(crate) ended_at: i64,
    pub(crate) outcome: RunOutcome,
    pub(crate) summary: Option<String>,
    pub(crate) metadata: Option<String>,
    pub(crate) error: Option<String>,
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewComment {
    pub(crate) id: CommentId,
    pub(crate) card: CardId,
    pub(crate) author: String,
    pub(crate) by_worker: bool,
    pub(crate) body: String,
    pub(crate) created_at: i64,
}

/// A file that lies in its place already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewAttachment {
    pub(crate) id: Uuid,
    pub(crate) card: CardId,
    pub(crate) name: String,
    pub(crate) media_type: String,
    pub(crate) bytes: i64,
    pub(crate) sha256: Vec<u8>,
    pub(crate) author: String,
    pub(crate) created_at: i64,
}

/// An open decision, for which nobody is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenDecision {
    pub(crate) id: DecisionId,
    pub(crate) kind: DecisionKind,
    pub(crate) card: CardId,
    pub(crate) run: Option<RunId>,
    pub(crate) profile: String,
    pub(crate) ask: String,
    pub(crate) summary: String,
    pub(crate) created_at: i64,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PastEvent {
    pub(crate) card: CardId,
    pub(crate) run: Option<Uuid>,
    pub(crate) kind: String,
    pub(crate) actor: String,
    pub(crate) detail: String,
    pub(crate) at: i64,
}

pub(crate) async fn board_exists(tx: &mut SqliteConnection, board: BoardId) -> Result<bool, KanbanError> {
    Ok(sqlx::query_scalar(BOARD_EXISTS).bind(board.0).fetch_one(tx).await?)
}

/// The board of that slug, archived or not, and whether it is in use.
pub(crate) async fn board_of_slug(
    tx: &mut SqliteConnection,
    slug: &str,
) -> Result<Option<(BoardId, bool)>, KanbanError> {
    let row: Option<(Uuid, bool)> = sqlx::query_as(BOARD_OF_SLUG).bind(slug).fetch_optional(tx).await?;
    Ok(row.map(|(id, active)| (BoardId(id), active)))
}

pub(crate) async fn slug_of_board(tx: &mut SqliteConnection, board: BoardId) -> Result<String, KanbanError> {
    Ok(sqlx::query_scalar(SLUG_OF_BOARD).bind(board.0).fetch_one(tx).await?)
}

pub(crate) async fn insert_board(tx: &mut SqliteConnection, board: &NewBoard) -> Result<(), KanbanError> {
    sqlx::query(INSERT_BOARD)
        .bind(board.id.0)
        .bind(&board.slug)
        .bind(&board.name)
        .bind(&board.description)
        .bind(&board.icon)
        .bind(&board.color)
        .bind(&board.default_dir)
        .bind(board.created_at)
        .bind(board.archived_at)
        .execute(tx)
        .await?;
    Ok(())
}

/// The last rank of each column.
pub(crate) async fn column_ends(
    tx: &mut SqliteConnection,
    board: BoardId,
) -> Result<HashMap<CardState, String>, KanbanError> {
    let rows: Vec<(String, String)> = sqlx::query_as(COLUMN_ENDS).bind(board.0).fetch_all(tx).await?;
    rows.into_iter().map(|(state, rank)| Ok((state_word(&state)?, rank))).collect()
}

fn state_word(word: &str) -> Result<CardState, KanbanError> {
    word.parse().map_err(|error: protocol::UnknownWord| sqlx::Error::Decode(Box::new(error)).into())
}

/// Takes so many card numbers that follow each other; returns the first.
pub(crate) async fn take_numbers(tx: &mut SqliteConnection, count: u32) -> Result<i64, KanbanError> {
    Ok(sqlx::query_scalar(TAKE_NUMBERS).bind(count).fetch_one(tx).await?)
}

pub(crate) async fn key_is_taken(tx: &mut SqliteConnection, board: BoardId, key: &str) -> Result<bool, KanbanError> {
    Ok(sqlx::query_scalar(KEY_IS_TAKEN).bind(board.0).bind(key).fetch_one(tx).await?)
}

/// The state of each of these cards that is still here, and whether it was deleted.
pub(crate) async fn card_states(
    tx: &mut SqliteConnection,
    cards: &[CardId],
) -> Result<HashMap<CardId, (CardState, bool)>, KanbanError> {
    let ids: Vec<String> = cards.iter().map(|card| card.0.simple().to_string()).collect();
    let json = serde_json::json!(ids).to_string();
    let rows: Vec<(Uuid, String, bool)> = sqlx::query_as(CARD_STATES).bind(json).fetch_all(tx).await?;
    rows.into_iter().map(|(id, state, deleted)| Ok((CardId(id), (state_word(&state)?, deleted)))).collect()
}

pub(crate) async fn insert_card(tx: &mut SqliteConnection, card: &NewCard) -> Result<(), KanbanError> {
    sqlx::query(INSERT_CARD)
        .bind(card.id.0)
        .bind(card.number)
        .bind(card.board.0)
        .bind(&card.title)
        .bind(&card.body)
        .bind(card.state.as_str())
        .bind(&card.rank)
        .bind(card.priority)
        .bind(&card.assignee)
        .bind(&card.created_by)
        .bind(card.workspace_kind)
        .bind(&card.workspace_path)
        .bind(&card.repository)
        .bind(&card.branch)
        .bind(card.scheduled_at)
        .bind(card.max_attempts)
        .bind(card.max_runtime_s)
        .bind(&card.idempotency_key)
        .bind(card.failures)
        .bind(&card.last_error)
        .bind(card.attempts)
        .bind(card.decision.map(|id| id.0))
        .bind(&card.summary)
        .bind(card.comments)
        .bind(card.attachments)
        .bind(&card.tenant)
        .bind(&card.skills)
        .bind(&card.model)
        .bind(card.created_at)
        .bind(card.updated_at)
        .bind(card.state_at)
        .bind(card.started_at)
        .bind(card.done_at)
        .execute(tx)
        .await?;
    Ok(())
}

/// Writes runs, in their order.
pub(crate) async fn insert_runs(tx: &mut SqliteConnection, runs: &[NewRun]) -> Result<(), KanbanError> {
    in_parts(tx, INSERT_RUNS, runs, |run| {
        json!([
            id(run.id.0),
            id(run.card.0),
            run.attempt,
            hex(&run.profile),
            run.heartbeat_at,
            run.started_at,
            run.ended_at,
            run.outcome.as_str(),
            run.summary.as_deref().map(hex),
            run.metadata.as_deref().map(hex),
            run.error.as_deref().map(hex),
        ])
    })
    .await
}

/// Writes comments, in their order.
pub(crate) async fn insert_comments(tx: &mut SqliteConnection, comments: &[NewComment]) -> Result<(), KanbanError> {
    in_parts(tx, INSERT_COMMENTS, comments, |comment| {
        json!([
            id(comment.id.0),
            id(comment.card.0),
            hex(&comment.author),
            i64::from(comment.by_worker),
            hex(&comment.body),
            comment.created_at,
        ])
    })
    .await
}

pub(crate) async fn insert_attachment(tx: &mut SqliteConnection, file: &NewAttachment) -> Result<(), KanbanError> {
    sqlx::query(INSERT_ATTACHMENT)
        .bind(file.id)
        .bind(file.card.0)
        .bind(&file.name)
        .bind(&file.media_type)
        .bind(file.bytes)
        .bind(&file.sha256)
        .bind(&file.author)
        .bind(file.created_at)
        .execute(tx)
        .await?;
    Ok(())
}

pub(crate) async fn insert_decision(tx: &mut SqliteConnection, decision: &OpenDecision) -> Result<(), KanbanError> {
    sqlx::query(INSERT_DECISION)
        .bind(decision.id.0)
        .bind(decision.kind.as_str())
        .bind(decision.card.0)
        .bind(decision.run.map(|run| run.0))
        .bind(&decision.profile)
        .bind(&decision.ask)
        .bind(&decision.summary)
        .bind(decision.created_at)
        .execute(tx)
        .await?;
    Ok(())
}

pub(crate) async fn insert_link(tx: &mut SqliteConnection, parent: CardId, child: CardId) -> Result<(), KanbanError> {
    sqlx::query(INSERT_LINK).bind(parent.0).bind(child.0).execute(tx).await?;
    Ok(())
}

/// Writes events, in their order.
pub(crate) async fn insert_events(
    tx: &mut SqliteConnection,
    board: BoardId,
    events: &[PastEvent],
) -> Result<(), KanbanError> {
    in_parts(tx, INSERT_EVENTS, events, |event| {
        json!([
            id(board.0),
            id(event.card.0),
            event.run.map(id),
            hex(&event.kind),
            hex(&event.actor),
            hex(&event.detail),
            event.at,
        ])
    })
    .await
}

/// Writes rows in statements of bounded size.
async fn in_parts<T>(
    tx: &mut SqliteConnection,
    statement: &'static str,
    rows: &[T],
    row: impl Fn(&T) -> Value,
) -> Result<(), KanbanError> {
    let mut part = String::new();
    for (index, item) in rows.iter().enumerate() {
        part.push(if part.is_empty() { '[' } else { ',' });
        part.push_str(&row(item).to_string());
        if part.len() > MAX_PART_BYTES || index + 1 == rows.len() {
            part.push(']');
            sqlx::query(statement).bind(std::mem::take(&mut part)).execute(&mut *tx).await?;
        }
    }
    Ok(())
}

fn id(id: Uuid) -> String {
    id.simple().to_string()
}

/// The bytes of a text as JSON can carry them, whatever they are.
pub(crate) fn hex(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut hex = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        hex.push(char::from(DIGITS[usize::from(byte >> 4)]));
        hex.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    hex
}

/// The number of the card's newest attempt.
pub(crate) async fn last_attempt(tx: &mut SqliteConnection, card: CardId) -> Result<u32, KanbanError> {
    Ok(sqlx::query_scalar(LAST_ATTEMPT).bind(card.0).fetch_one(tx).await?)
}

/// Brings a card's counters up to what hangs on it.
pub(crate) async fn recount(tx: &mut SqliteConnection, card: CardId) -> Result<(), KanbanError> {
    sqlx::query(RECOUNT).bind(card.0).execute(tx).await?;
    Ok(())
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[
    BOARD_EXISTS,
    BOARD_OF_SLUG,
    INSERT_BOARD,
    SLUG_OF_BOARD,
    COLUMN_ENDS,
    TAKE_NUMBERS,
    KEY_IS_TAKEN,
    CARD_STATES,
    INSERT_CARD,
    INSERT_RUNS,
    INSERT_COMMENTS,
    INSERT_ATTACHMENT,
    INSERT_DECISION,
    INSERT_LINK,
    INSERT_EVENTS,
    LAST_ATTEMPT,
    RECOUNT,
];
