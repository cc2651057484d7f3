//! A card's history for people: the event log, newest first, a page at a time, without its JSON.

use protocol::{CardRef, HISTORY_PAGE, HistoryEntry, HistoryPage};
use serde_json::Value;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row, SqliteConnection};

use super::KanbanError;
use super::card_row::{self, CardRow};
use crate::{Actor, Core, text};

const MAX_CARDS: usize = 20;
const MAX_FIELDS: usize = 20;
const MAX_SAID_CHARS: usize = 300;

// What another Hermes wrote may be large; its words are not for people.
const BEFORE: &str =
    "SELECT seq, kind, actor, CASE WHEN length(detail) <= 16384 THEN detail ELSE '{}' END AS detail, at
      FROM kanban_event WHERE card_id = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3";

const TIDIED: &str = "SELECT history_tidied_days FROM kanban_card WHERE id = ?1";

/// What happened to a card before an event, newest first; `None` begins with the newest.
///
/// # Errors
/// `NotFound` for an unknown card.
pub async fn card_history(core: &Core, card: CardRef, before: Option<i64>) -> Result<HistoryPage, KanbanError> {
    let mut tx = core.store().reader().begin().await?;
    let card = card_row::load(&mut tx, card).await?;
    let query = sqlx::query(BEFORE).bind(card.id.0).bind(before.unwrap_or(i64::MAX)).bind(HISTORY_PAGE + 1);
    let rows = query.fetch_all(&mut *tx).await?;
    let tidied_days: Option<u32> = sqlx::query_scalar(TIDIED).bind(card.id.0).fetch_one(&mut *tx).await?;
    tx.rollback().await?;
    let mut entries = rows
        .iter()
        .map(|row| Ok(entry(Event::from_row(row)?, card.number)))
        .collect::<Result<Vec<_>, sqlx::Error>>()?;
    let more = entries.len() > HISTORY_PAGE as usize;
    entries.truncate(HISTORY_PAGE as usize);
    Ok(HistoryPage { entries, more, tidied_days })
}

/// The last things that happened to a card, oldest first.
pub(super) async fn recent(
    db: &mut SqliteConnection,
    card: &CardRow,
    most: u32,
) -> Result<Vec<HistoryEntry>, KanbanError> {
    let rows = sqlx::query(BEFORE).bind(card.id.0).bind(i64::MAX).bind(most).fetch_all(db).await?;
    let mut entries = rows
        .iter()
        .map(|row| Ok(entry(Event::from_row(row)?, card.number)))
        .collect::<Result<Vec<_>, sqlx::Error>>()?;
    entries.reverse();
    Ok(entries)
}

/// An event as it was written.
struct Event {
    seq: i64,
    kind: String,
    actor: String,
    detail: String,
    at: i64,
}

impl<'r> FromRow<'r, SqliteRow> for Event {
    fn from_row(row: &'r SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            seq: row.try_get("seq")?,
            kind: row.try_get("kind")?,
            actor: row.try_get("actor")?,
            detail: row.try_get("detail")?,
            at: row.try_get("at")?,
        })
    }
}

fn entry(event: Event, own: i64) -> HistoryEntry {
    // silent-ok: what cannot be read has no particulars; that it happened is told all the same.
    let detail: Value = serde_json::from_str(&event.detail).unwrap_or_default();
    let word = |name: &str| detail.get(name).and_then(Value::as_str);
    let is_edit = matches!(event.kind.as_str(), "edited" | "undone");
    HistoryEntry {
        seq: event.seq,
        by: name_of(&event.actor),
        at: event.at,
        to: word("to").and_then(|state| state.parse().ok()),
        verb: word("verb").and_then(|verb| verb.parse().ok()),
        attempt: detail.get("attempt").and_then(Value::as_u64).and_then(|attempt| attempt.try_into().ok()),
        starts_at: detail.get("at").and_then(Value::as_i64),
        cards: cards(&detail, own),
        fields: if is_edit { fields(&detail) } else { Vec::new() },
        // Of what was written anew it is enough that it was.
        said: if is_edit { String::new() } else { said(&detail) },
        kind: event.kind,
    }
}

/// `person:Ada` is Ada; what nobody did, Hermes did.
fn name_of(actor: &str) -> String {
    match actor.split_once(':') {
        Some((_, name)) if !name.is_empty() => name.to_owned(),
        _ => Actor::System.name().to_owned(),
    }
}

/// The other cards that are named.
fn cards(detail: &Value, own: i64) -> Vec<i64> {
    let ends = ["parent", "child", "repeats"].into_iter().filter_map(|name| detail.get(name)?.as_i64());
    let lists = ["children", "unknown"].into_iter().filter_map(|name| detail.get(name)?.as_array());
    ends.chain(lists.flatten().filter_map(Value::as_i64)).filter(|number| *number != own).take(MAX_CARDS).collect()
}

/// What is noted with what it was and what it became. Where a card went is noted so, too, but in plain words.
fn fields(detail: &Value) -> Vec<String> {
    let noted = detail.as_object().into_iter().flatten();
    let changed = noted.filter(|(name, value)| value.is_object() || name.as_str() == "summary");
    changed.map(|(name, _)| name.clone()).take(MAX_FIELDS).collect()
}

fn said(detail: &Value) -> String {
    let names = ["reason", "error", "summary", "file", "target", "profile", "rule"];
    let found = names.into_iter().find_map(|name| detail.get(name)?.as_str().filter(|text| !text.trim().is_empty()));
    found.map(|text| text::excerpt(text, MAX_SAID_CHARS)).unwrap_or_default()
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[BEFORE, TIDIED];
