//! SQL of what was brought over before. Keys travel as hexadecimal, because they may hold any character.

use std::collections::{HashMap, HashSet};

use protocol::{BoardId, CardId};
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::kanban::KanbanError;
use crate::kanban::import_rows::hex;

const SOURCE: &str = "SELECT id, board_id FROM import_source WHERE identity = ?1";
const INSERT_SOURCE: &str = "INSERT INTO import_source (identity, board_id, first_at) VALUES (?1, ?2, ?3) RETURNING id";
const SET_BOARD: &str = "UPDATE import_source SET board_id = ?2 WHERE id = ?1";
const SOURCES_OF: &str = "SELECT s.id, s.board_id, count(*) FROM import_ref r JOIN import_source s ON s.id = r.source
    WHERE r.kind = 'card' AND r.key IN (SELECT CAST(unhex(value) AS TEXT) FROM json_each(?1))
    GROUP BY s.id ORDER BY count(*) DESC, s.id LIMIT 50";
const HAS_CARDS: &str = "SELECT EXISTS (SELECT 1 FROM import_ref WHERE kind = 'card' AND source = ?1)";
const KNOWN: &str = "SELECT key, id, event FROM import_ref
    WHERE kind = ?1 AND source = ?2 AND key IN (SELECT CAST(unhex(value) AS TEXT) FROM json_each(?3))";
const INSERT_REFS: &str = "INSERT INTO import_ref (kind, key, source, id, held)
    SELECT value ->> 0, CAST(unhex(value ->> 1) AS TEXT), ?2, unhex(value ->> 2), value ->> 3 FROM json_each(?1)
    WHERE true ON CONFLICT DO NOTHING";
const SET_EVENT: &str = "UPDATE import_ref SET event = max(event, ?3)
    WHERE kind = 'card' AND source = ?1 AND key IN (SELECT CAST(unhex(value) AS TEXT) FROM json_each(?2))";
const HELD: &str = "SELECT r.key, r.id FROM import_ref r JOIN kanban_card c ON c.id = r.id
    WHERE r.source = ?1 AND r.held = 1 AND c.state = 'triage' AND c.revision = 1 AND c.deleted_at IS NULL
    ORDER BY c.number LIMIT ?2";
const COUNT_HELD: &str = "SELECT count(*) FROM import_ref r JOIN kanban_card c ON c.id = r.id
    WHERE r.source = ?1 AND r.held = 1 AND c.state = 'triage' AND c.revision = 1 AND c.deleted_at IS NULL";
const RELEASE: &str = "UPDATE import_ref SET held = 0 WHERE kind = 'card' AND source = ?1 AND key = ?2";
const CARDS_OF: &str = "SELECT DISTINCT c.id FROM import_ref r JOIN kanban_card c ON c.id = r.id
    WHERE r.kind = 'card' AND r.key = ?1 AND c.deleted_at IS NULL ORDER BY c.number LIMIT 50";

/// A board of an old home that was seen before, and its board here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KnownSource {
    pub(super) id: i64,
    pub(super) board: BoardId,
}

/// Something that is here already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KnownRow {
    pub(super) id: Uuid,
    /// Of a card: its newest event that was taken.
    pub(super) event: i64,
}

/// What is about to be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewRef {
    pub(super) kind: &'static str,
    pub(super) key: String,
    pub(super) id: Uuid,
    pub(super) held: bool,
}

fn hex_array<'a>(keys: impl Iterator<Item = &'a str>) -> String {
    serde_json::Value::from_iter(keys.map(hex)).to_string()
}

pub(super) async fn source(tx: &mut SqliteConnection, identity: &str) -> Result<Option<KnownSource>, KanbanError> {
    let row: Option<(i64, Uuid)> = sqlx::query_as(SOURCE).bind(identity).fetch_optional(tx).await?;
    Ok(row.map(|(id, board)| KnownSource { id, board: BoardId(board) }))
}

pub(super) async fn insert_source(
    tx: &mut SqliteConnection,
    identity: &str,
    board: BoardId,
    now: i64,
) -> Result<i64, KanbanError> {
    Ok(sqlx::query_scalar(INSERT_SOURCE).bind(identity).bind(board.0).bind(now).fetch_one(tx).await?)
}

pub(super) async fn set_board(tx: &mut SqliteConnection, source: i64, board: BoardId) -> Result<(), KanbanError> {
    sqlx::query(SET_BOARD).bind(source).bind(board.0).execute(tx).await?;
    Ok(())
}

/// Sources that have cards of these ids, with how many, most first.
pub(super) async fn sources_of(
    connection: &mut SqliteConnection,
    cards: impl Iterator<Item = &str>,
) -> Result<Vec<(KnownSource, usize)>, KanbanError> {
    let rows: Vec<(i64, Uuid, i64)> = sqlx::query_as(SOURCES_OF).bind(hex_array(cards)).fetch_all(connection).await?;
    let known = |(id, board, cards): (i64, Uuid, i64)| {
        (KnownSource { id, board: BoardId(board) }, usize::try_from(cards).unwrap_or(0))
    };
    Ok(rows.into_iter().map(known).collect())
}

/// Whether a card of the source was ever taken.
pub(super) async fn has_cards(tx: &mut SqliteConnection, source: i64) -> Result<bool, KanbanError> {
    Ok(sqlx::query_scalar(HAS_CARDS).bind(source).fetch_one(tx).await?)
}

/// Which of the keys are here already.
pub(super) async fn known(
    connection: &mut SqliteConnection,
    source: i64,
    kind: &str,
    keys: impl Iterator<Item = &str>,
) -> Result<HashMap<String, KnownRow>, KanbanError> {
    let rows: Vec<(String, Uuid, i64)> =
        sqlx::query_as(KNOWN).bind(kind).bind(source).bind(hex_array(keys)).fetch_all(connection).await?;
    Ok(rows.into_iter().map(|(key, id, event)| (key, KnownRow { id, event })).collect())
}

/// The same, keys only.
pub(super) async fn known_keys(
    connection: &mut SqliteConnection,
    source: i64,
    kind: &str,
    keys: impl Iterator<Item = &str>,
) -> Result<HashSet<String>, KanbanError> {
    Ok(known(connection, source, kind, keys).await?.into_keys().collect())
}

pub(super) async fn insert_refs(tx: &mut SqliteConnection, source: i64, refs: &[NewRef]) -> Result<(), KanbanError> {
    let rows: Vec<serde_json::Value> = refs
        .iter()
        .map(|new| serde_json::json!([new.kind, hex(&new.key), new.id.simple().to_string(), i64::from(new.held)]))
        .collect();
    sqlx::query(INSERT_REFS).bind(serde_json::Value::from(rows).to_string()).bind(source).execute(tx).await?;
    Ok(())
}

/// Every event of these cards up to that row was taken.
pub(super) async fn set_event(
    tx: &mut SqliteConnection,
    source: i64,
    cards: impl Iterator<Item = &str>,
    event: i64,
) -> Result<(), KanbanError> {
    sqlx::query(SET_EVENT).bind(source).bind(hex_array(cards)).bind(event).execute(tx).await?;
    Ok(())
}

/// Cards that were put into triage and that nobody has touched since.
pub(super) async fn held(
    tx: &mut SqliteConnection,
    source: i64,
    limit: u32,
) -> Result<Vec<(String, CardId)>, KanbanError> {
    let rows: Vec<(String, Uuid)> = sqlx::query_as(HELD).bind(source).bind(limit).fetch_all(tx).await?;
    Ok(rows.into_iter().map(|(key, id)| (key, CardId(id))).collect())
}

pub(super) async fn count_held(connection: &mut SqliteConnection, source: i64) -> Result<u64, KanbanError> {
    let rows: i64 = sqlx::query_scalar(COUNT_HELD).bind(source).fetch_one(connection).await?;
    Ok(rows.unsigned_abs())
}

pub(super) async fn release(tx: &mut SqliteConnection, source: i64, key: &str) -> Result<(), KanbanError> {
    sqlx::query(RELEASE).bind(source).bind(key).execute(tx).await?;
    Ok(())
}

/// The cards that had this id, in whichever home.
pub(super) async fn cards_of(connection: &mut SqliteConnection, key: &str) -> Result<Vec<CardId>, KanbanError> {
    let rows: Vec<Uuid> = sqlx::query_scalar(CARDS_OF).bind(key).fetch_all(connection).await?;
    Ok(rows.into_iter().map(CardId).collect())
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] =
    &[SOURCE, INSERT_SOURCE, SET_BOARD, SOURCES_OF, KNOWN, INSERT_REFS, SET_EVENT, HELD, COUNT_HELD, RELEASE, CARDS_OF];
