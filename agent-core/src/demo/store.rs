//! SQL of the sample cards. Rows travel as one JSON array per table, so that a thousand cards are seven statements.

use std::collections::HashMap;

use protocol::{BoardId, CardId, CardState};
use serde_json::Value;
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::rows::Batch;
use crate::kanban::KanbanError;

const COLUMN_ENDS: &str =
    "SELECT state, max(rank) FROM kanban_card WHERE board_id = ?1 AND deleted_at IS NULL GROUP BY state";
const TAKE_NUMBERS: &str =
    "UPDATE kanban_counter SET next_number = next_number + ?1 WHERE only = 1 RETURNING next_number - ?1";
const INSERT_CARDS: &str = "INSERT INTO kanban_card
    (id, number, board_id, title, body, state, rank, priority, assignee, created_by, scheduled_at, failures, last_error,
     attempts, fence, current_run_id, open_decision_id, summary, comment_count, cost_micros, demo, created_at,
     updated_at, state_at)
    SELECT unhex(value ->> 'id'), value ->> 'number', ?2, value ->> 'title', value ->> 'body', value ->> 'state',
           value ->> 'rank', value ->> 'priority', value ->> 'assignee', value ->> 'by', value ->> 'scheduled_at',
           value ->> 'failures', value ->> 'error', value ->> 'attempts', value ->> 'attempts',
           unhex(value ->> 'run'), unhex(value ->> 'decision'), value ->> 'summary', value ->> 'comments',
           value ->> 'cost', 1, value ->> 'created_at', value ->> 'state_at', value ->> 'state_at'
      FROM json_each(?1)";
const INSERT_LINKS: &str = "INSERT INTO kanban_link (parent_id, child_id)
    SELECT unhex(value ->> 'parent'), unhex(value ->> 'child') FROM json_each(?1)";
const INSERT_RUNS: &str = "INSERT INTO kanban_run
    (id, card_id, attempt, fence, profile, executor, lease_owner, heartbeat_at, claimed_at, started_at, ended_at,
     outcome, summary, error, tokens_in, tokens_out, cost_micros, events)
    SELECT unhex(value ->> 'id'), unhex(value ->> 'card'), value ->> 'attempt', value ->> 'attempt',
           value ->> 'profile', 'agent', 'samples', value ->> 'heartbeat_at', value ->> 'claimed_at',
           value ->> 'started_at', value ->> 'ended_at', value ->> 'outcome', value ->> 'summary', value ->> 'error',
           value ->> 'tokens_in', value ->> 'tokens_out', value ->> 'cost', value ->> 'events'
      FROM json_each(?1)";
const INSERT_RUN_EVENTS: &str = "INSERT INTO kanban_run_event (run_id, seq, kind, name, detail, ok, at)
    SELECT unhex(value ->> 'run'), value ->> 'seq', value ->> 'kind', value ->> 'name', value ->> 'detail',
           value ->> 'ok', value ->> 'at' FROM json_each(?1)";
const INSERT_COMMENTS: &str = "INSERT INTO kanban_comment (id, card_id, author, by_worker, body, created_at)
    SELECT unhex(value ->> 'id'), unhex(value ->> 'card'), value ->> 'author', value ->> 'by_worker',
           value ->> 'body', value ->> 'at' FROM json_each(?1)";
const INSERT_DECISIONS: &str = "INSERT INTO decision
    (id, kind, card_id, run_id, profile, ask, summary, options, created_at)
    SELECT unhex(value ->> 'id'), value ->> 'kind', unhex(value ->> 'card'), unhex(value ->> 'run'),
           value ->> 'profile', value ->> 'ask', value ->> 'summary', value ->> 'options', value ->> 'at'
      FROM json_each(?1)";
const INSERT_EVENTS: &str = "INSERT INTO kanban_event (board_id, card_id, kind, actor, detail, at)
    SELECT ?2, unhex(value ->> 'card'), 'created', value ->> 'actor', value ->> 'detail', value ->> 'at'
      FROM json_each(?1)";

const WAITING_FOR_SAMPLES: &str = "SELECT DISTINCT c.id
    FROM kanban_card p JOIN kanban_link l ON l.parent_id = p.id JOIN kanban_card c ON c.id = l.child_id
   WHERE p.demo = 1 AND c.demo = 0 AND c.state = 'todo' AND c.deleted_at IS NULL";
const DELETE_EVENTS: &str = "DELETE FROM kanban_event WHERE card_id IN (SELECT id FROM kanban_card WHERE demo = 1)";
// One last event per card tells every open browser that it is gone.
const TELL_GONE: &str = "INSERT INTO kanban_event (board_id, card_id, kind, actor, detail, at)
    SELECT board_id, id, 'deleted', ?1, '{\"sample\":true}', ?2 FROM kanban_card WHERE demo = 1";
const DELETE_CARDS: &str = "DELETE FROM kanban_card WHERE demo = 1";

/// The last rank of each column.
pub(super) async fn column_ends(
    tx: &mut SqliteConnection,
    board: BoardId,
) -> Result<HashMap<CardState, String>, KanbanError> {
    let rows: Vec<(String, String)> = sqlx::query_as(COLUMN_ENDS).bind(board.0).fetch_all(tx).await?;
    let known = |(state, rank): (String, String)| match state.parse() {
        Ok(state) => Ok((state, rank)),
        Err(error) => Err(sqlx::Error::Decode(Box::new(error) as Box<protocol::UnknownWord>).into()),
    };
    rows.into_iter().map(known).collect()
}

/// Takes so many card numbers that follow each other; returns the first.
pub(super) async fn take_numbers(tx: &mut SqliteConnection, count: u32) -> Result<i64, KanbanError> {
    Ok(sqlx::query_scalar(TAKE_NUMBERS).bind(count).fetch_one(tx).await?)
}

pub(super) async fn insert(tx: &mut SqliteConnection, board: BoardId, batch: &Batch) -> Result<(), KanbanError> {
    let tables: [(&'static str, &[Value]); 7] = [
        (INSERT_CARDS, &batch.cards),
        (INSERT_LINKS, &batch.links),
        (INSERT_RUNS, &batch.runs),
        (INSERT_RUN_EVENTS, &batch.run_events),
        (INSERT_COMMENTS, &batch.comments),
        (INSERT_DECISIONS, &batch.decisions),
        (INSERT_EVENTS, &batch.events),
    ];
    for (statement, rows) in tables {
        let json = Value::from(rows).to_string();
        sqlx::query(statement).bind(json).bind(board.0).execute(&mut *tx).await?;
    }
    Ok(())
}

/// Cards of the owner that wait for a sample.
pub(super) async fn waiting_for_samples(tx: &mut SqliteConnection) -> Result<Vec<CardId>, KanbanError> {
    let ids: Vec<Uuid> = sqlx::query_scalar(WAITING_FOR_SAMPLES).fetch_all(tx).await?;
    Ok(ids.into_iter().map(CardId).collect())
}

/// Deletes every sample with everything that hangs on it.
pub(super) async fn delete_all(tx: &mut SqliteConnection, actor: &str, now: i64) -> Result<u64, KanbanError> {
    sqlx::query(DELETE_EVENTS).execute(&mut *tx).await?;
    sqlx::query(TELL_GONE).bind(actor).bind(now).execute(&mut *tx).await?;
    Ok(sqlx::query(DELETE_CARDS).execute(&mut *tx).await?.rows_affected())
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[
    COLUMN_ENDS,
    TAKE_NUMBERS,
    INSERT_CARDS,
    INSERT_LINKS,
    INSERT_RUNS,
    INSERT_RUN_EVENTS,
    INSERT_COMMENTS,
    INSERT_DECISIONS,
    INSERT_EVENTS,
    WAITING_FOR_SAMPLES,
    DELETE_EVENTS,
    TELL_GONE,
    DELETE_CARDS,
];
