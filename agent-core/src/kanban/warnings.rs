//! What events say is wrong with a card, whatever column it is in: cards that its worker invented, and a model that
//! could not be asked. A later event that mends it takes the warning away; nothing else is remembered.

use std::collections::HashMap;

use protocol::{BoardId, CardId, CardState, DiagnosisKind, Finding, RunId, Severity};
use serde_json::Value;
use sqlx::{Row, SqliteConnection};
use uuid::Uuid;

use super::KanbanError;
use crate::text;

/// The newest warnings of a board whose cards are looked at.
const MAX_WARNINGS: i64 = 200;
/// Of one card's newest events.
const MAX_EVENTS: i64 = 100;
/// Names that a finding tells.
const MAX_NAMES: usize = 5;
const MAX_REASON_CHARS: usize = 300;

const WARNED: &str = "SELECT DISTINCT card_id FROM (
    SELECT card_id FROM kanban_event INDEXED BY kanban_event_warning
     WHERE board_id = ?1 AND kind IN ('completion_refused', 'proposal_failed', 'unknown_references')
     ORDER BY seq DESC LIMIT ?2) WHERE card_id IS NOT NULL";
// What warns, and what ends a warning; only what warns is read whole.
const TOLD: &str = "SELECT e.card_id, e.run_id, e.kind, e.at,
        CASE WHEN e.kind IN ('completion_refused', 'proposal_failed', 'unknown_references') THEN e.detail END AS detail
    FROM json_each(?1) c CROSS JOIN kanban_event e
      ON e.seq IN (SELECT n.seq FROM kanban_event n WHERE n.card_id = unhex(c.value) ORDER BY n.seq DESC LIMIT ?2)
    WHERE e.kind IN ('completion_refused', 'unknown_references', 'completed', 'edited', 'blocked', 'decision_settled',
        'proposal_failed', 'proposal_asked', 'proposed', 'proposal_discarded') ORDER BY e.seq DESC";

/// Why no model could be asked, as an event has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unavailable {
    /// There are no settings for one.
    NotSetUp,
    /// It did not answer, or let nobody in.
    Unreachable,
}

impl Unavailable {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::NotSetUp => "not_set_up",
            Self::Unreachable => "unreachable",
        }
    }
}

/// An event that counts.
pub(super) struct Told {
    kind: String,
    run: Option<RunId>,
    detail: Value,
    at: i64,
}

/// Cards of a board that events warn of, as far as the newest warnings go.
pub(super) async fn warned(connection: &mut SqliteConnection, board: BoardId) -> Result<Vec<CardId>, KanbanError> {
    let ids: Vec<Uuid> = sqlx::query_scalar(WARNED).bind(board.0).bind(MAX_WARNINGS).fetch_all(connection).await?;
    Ok(ids.into_iter().map(CardId).collect())
}

/// What the newest events of these cards tell, newest first.
pub(super) async fn told(
    connection: &mut SqliteConnection,
    cards: &[CardId],
) -> Result<HashMap<CardId, Vec<Told>>, KanbanError> {
    let mut told: HashMap<CardId, Vec<Told>> = HashMap::new();
    if cards.is_empty() {
        return Ok(told);
    }
    let ids: Vec<String> = cards.iter().map(|card| card.0.as_simple().to_string()).collect();
    let list = serde_json::json!(ids).to_string();
    for row in sqlx::query(TOLD).bind(list).bind(MAX_EVENTS).fetch_all(connection).await? {
        let detail: Option<String> = row.try_get("detail")?;
        let event = Told {
            kind: row.try_get("kind")?,
            run: row.try_get::<Option<Uuid>, _>("run_id")?.map(RunId),
            // silent-ok: what cannot be read has no particulars; that it happened is told all the same.
            detail: detail.and_then(|detail| serde_json::from_str(&detail).ok()).unwrap_or_default(),
            at: row.try_get("at")?,
        };
        told.entry(CardId(row.try_get("card_id")?)).or_default().push(event);
    }
    Ok(told)
}

/// What that says about a card in this state. `provider_ready`: whether a model is set up by now.
pub(super) fn findings(state: CardState, told: &[Told], provider_ready: bool) -> Vec<Finding> {
    let found = [invented(state, told), unknown(state, told), unavailable(state, told, provider_ready)];
    found.into_iter().flatten().collect()
}

/// Its worker named cards that it did not make, and has not finished since.
fn invented(state: CardState, told: &[Told]) -> Option<Finding> {
    if state.is_finished() {
        return None;
    }
    let since = told.iter().take_while(|event| !matches!(event.kind.as_str(), "completed" | "edited"));
    let refused: Vec<&Told> = since.filter(|event| event.kind == "completion_refused").collect();
    let about = names(refused.first()?.detail.get("invented"));
    finding(DiagnosisKind::HallucinatedCards, Severity::Error, &refused, about)
}

/// Its result speaks of cards that do not exist.
fn unknown(state: CardState, told: &[Told]) -> Option<Finding> {
    if !matches!(state, CardState::Review | CardState::Done) {
        return None;
    }
    let ends = ["unknown_references", "completed", "edited", "blocked", "decision_settled"];
    let newest = told.iter().find(|event| ends.contains(&event.kind.as_str()))?;
    let newest = Some(newest).filter(|event| event.kind == "unknown_references")?;
    finding(DiagnosisKind::PhantomReferences, Severity::Warning, &[newest], names(newest.detail.get("unknown")))
}

/// A proposal was asked for, and no model could be asked.
fn unavailable(state: CardState, told: &[Told], provider_ready: bool) -> Option<Finding> {
    if state != CardState::Triage {
        return None;
    }
    let why = |event: &Told| event.detail.get("unavailable").and_then(Value::as_str).map(str::to_owned);
    let ends = ["proposal_failed", "proposal_asked", "proposed", "proposal_discarded", "edited"];
    let mut newest = told.iter().filter(|event| ends.contains(&event.kind.as_str()));
    let first = newest.next()?;
    if why(first)? == Unavailable::NotSetUp.as_str() && provider_ready {
        return None;
    }
    let earlier = newest.filter(|event| event.kind != "proposal_asked").take_while(|event| why(event).is_some());
    let failed: Vec<&Told> = std::iter::once(first).chain(earlier).collect();
    let about = first.detail.get("reason").and_then(Value::as_str).unwrap_or_default();
    let about = text::excerpt(about, MAX_REASON_CHARS);
    finding(DiagnosisKind::TriageUnavailable, Severity::Warning, &failed, about)
}

/// Of events, newest first.
fn finding(kind: DiagnosisKind, severity: Severity, events: &[&Told], about: String) -> Option<Finding> {
    let (newest, oldest) = (events.first()?, events.last()?);
    let count = u32::try_from(events.len()).unwrap_or(u32::MAX);
    Some(Finding { kind, severity, count, since: oldest.at, last_at: newest.at, run: newest.run, about })
}

/// Names or numbers of cards, as people read them.
fn names(listed: Option<&Value>) -> String {
    let listed = listed.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let name = |card: &Value| match card {
        Value::Number(number) => format!("T-{number}"),
        other => text::excerpt(other.as_str().unwrap_or_default(), 40),
    };
    let mut names: Vec<String> = listed.iter().take(MAX_NAMES).map(name).collect();
    if listed.len() > MAX_NAMES {
        names.push("…".to_owned());
    }
    names.join(", ")
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[WARNED, TOLD];
