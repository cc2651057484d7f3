//! What is wrong with cards. Nothing is remembered: each answer is read from the cards as they are, and what was
//! mended is gone from it. A card costs a few rows of its newest history, however long that is. What events alone tell
//! is in `warnings`.

use std::collections::HashMap;

use protocol::{
    Attention, BoardId, CardId, CardState, DecisionKind, Diagnosis, DiagnosisKind, Finding, RunId, RunOutcome,
    Severity, TaskCard, WaitReason,
};
use sqlx::{Row, SqliteConnection};
use uuid::Uuid;

use super::view::{self, stuck_cards};
use super::warnings::{self, Told};
use super::{KanbanError, boards};
use crate::{Core, llm};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// A ready card that nothing starts is worth a word after this.
const STRANDED_MS: i64 = 30 * MINUTE;
/// A question that nobody answers is worth a word after this.
const UNANSWERED_MS: i64 = 24 * HOUR;
/// Questions within a day that say that answers do not help.
const CYCLES: u32 = 3;
/// Deaths of its worker in a row that are no accident.
const CRASHES: u32 = 2;
/// Cards that a page lists.
const LISTED: usize = 50;

const HISTORY: &str = "SELECT c.id,
    (SELECT group_concat(outcome, ' ') FROM (SELECT r.outcome AS outcome FROM kanban_run r
      WHERE r.card_id = c.id AND r.ended_at IS NOT NULL ORDER BY r.attempt DESC LIMIT 8)) AS outcomes,
    (SELECT r.id FROM kanban_run r WHERE r.card_id = c.id AND r.ended_at IS NOT NULL
      ORDER BY r.attempt DESC LIMIT 1) AS run,
    (SELECT count(*) FROM (SELECT e.kind AS kind, e.actor AS actor, e.detail AS detail, e.at AS at FROM kanban_event e
      WHERE e.card_id = c.id ORDER BY e.seq DESC LIMIT 100)
      WHERE kind = 'blocked' AND at > ?2 AND actor LIKE 'worker:%' AND detail ->> 'to' = 'blocked') AS blocks,
    (SELECT m.created_at FROM kanban_comment m WHERE m.card_id = c.id ORDER BY m.id DESC LIMIT 1) AS commented_at
    FROM kanban_card c WHERE c.id IN (SELECT unhex(value) FROM json_each(?1))";

/// What of a card's newest history counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct History {
    /// Runs in a row, the newest among them, whose worker died.
    crashes: u32,
    /// Questions of its workers within a day.
    blocks: u32,
    /// The newest run that has ended.
    run: Option<RunId>,
    commented_at: Option<i64>,
}

/// What is wrong on a board: cards that fail, wait too long, or wait for what will not come. Worst first, one entry
/// per card.
///
/// # Errors
/// `NotFound` for an unknown board.
pub async fn diagnostics(core: &Core, board: &str) -> Result<Vec<Diagnosis>, KanbanError> {
    let (board, _) = boards::board_settings(core, board).await?;
    of_board(core, board.id).await
}

/// The same, as many as a page lists.
///
/// # Errors
/// `NotFound` for an unknown board.
pub async fn attention(core: &Core, board: &str) -> Result<Attention, KanbanError> {
    let mut worst = diagnostics(core, board).await?;
    let total = u32::try_from(worst.len()).unwrap_or(u32::MAX);
    worst.truncate(LISTED);
    Ok(Attention { total, worst })
}

async fn of_board(core: &Core, board: BoardId) -> Result<Vec<Diagnosis>, KanbanError> {
    let mut cards = stuck_cards(core, board).await?;
    let mut reader = core.store().reader().acquire().await?;
    let now = core.now_ms();
    let histories = histories(&mut reader, &cards, now).await?;
    let warned = warnings::warned(&mut reader, board).await?;
    let told = warnings::told(&mut reader, &warned).await?;
    drop(reader);
    let elsewhere: Vec<CardId> = warned.into_iter().filter(|id| !cards.iter().any(|card| card.id == *id)).collect();
    if !elsewhere.is_empty() {
        // In the other columns; what was moved to another board is that one's.
        cards.extend(view::cards(core, &elsewhere).await?.into_iter().filter(|card| card.board_id == board));
    }
    let rules = Rules::of(core, now);
    let mut found: Vec<Diagnosis> = cards
        .into_iter()
        .filter_map(|card| {
            let history = histories.get(&card.id).copied().unwrap_or_default();
            let told = told.get(&card.id).map(Vec::as_slice).unwrap_or_default();
            let worst = rules.findings(&card, history, told).into_iter().next()?;
            let Finding { kind, severity, count, since, last_at, run, about } = worst;
            Some(Diagnosis { kind, severity, card, count, since, last_at, run, about })
        })
        .collect();
    found.sort_by_key(|diagnosis| (diagnosis.severity, diagnosis.since));
    Ok(found)
}

/// What is wrong with one card, worst first.
pub(super) async fn of_card(
    core: &Core,
    connection: &mut SqliteConnection,
    card: &TaskCard,
) -> Result<Vec<Finding>, KanbanError> {
    if card.state == CardState::Archived {
        return Ok(Vec::new());
    }
    let now = core.now_ms();
    let told = warnings::told(connection, &[card.id]).await?.remove(&card.id).unwrap_or_default();
    let history = match card.state {
        CardState::Ready | CardState::Blocked | CardState::Review => {
            histories(connection, std::slice::from_ref(card), now).await?.remove(&card.id).unwrap_or_default()
        }
        _ => History::default(),
    };
    Ok(Rules::of(core, now).findings(card, history, &told))
}

async fn histories(
    connection: &mut SqliteConnection,
    cards: &[TaskCard],
    now: i64,
) -> Result<HashMap<CardId, History>, KanbanError> {
    if cards.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<String> = cards.iter().map(|card| card.id.0.as_simple().to_string()).collect();
    let list = serde_json::json!(ids).to_string();
    let rows = sqlx::query(HISTORY).bind(list).bind(now - UNANSWERED_MS).fetch_all(connection).await?;
    let histories = rows
        .iter()
        .map(|row| {
            let outcomes: Option<String> = row.try_get("outcomes")?;
            let history = History {
                crashes: crashes(outcomes.as_deref().unwrap_or_default()),
                blocks: row.try_get("blocks")?,
                run: row.try_get::<Option<Uuid>, _>("run")?.map(RunId),
                commented_at: row.try_get("commented_at")?,
            };
            Ok((CardId(row.try_get::<Uuid, _>("id")?), history))
        })
        .collect::<Result<_, sqlx::Error>>()?;
    Ok(histories)
}

/// How many of the newest runs, newest first, ended with the death of their worker.
fn crashes(outcomes: &str) -> u32 {
    let died = |word: &&str| matches!(word.parse(), Ok(RunOutcome::Crashed | RunOutcome::Lost));
    u32::try_from(outcomes.split(' ').take_while(died).count()).unwrap_or(u32::MAX)
}

/// The rules, and what they go by beside the card.
struct Rules {
    now: i64,
    failure_limit: u32,
    provider_ready: bool,
}

impl Rules {
    fn of(core: &Core, now: i64) -> Self {
        let failure_limit = core.config().kanban.failure_limit.max(1);
        Self { now, failure_limit, provider_ready: llm::is_ready(core) }
    }

    /// What is wrong with a card, worst first.
    fn findings(&self, card: &TaskCard, history: History, told: &[Told]) -> Vec<Finding> {
        let mut found = warnings::findings(card.state, told, self.provider_ready);
        found.extend(self.in_queue(card, history));
        let waits_for_person = matches!(card.state, CardState::Blocked | CardState::Review);
        let quiet_since = card.state_at.max(history.commented_at.unwrap_or_default());
        if waits_for_person && self.now.saturating_sub(quiet_since) > UNANSWERED_MS {
            found.push(finding(DiagnosisKind::Unanswered, Severity::Warning, 0, quiet_since));
        }
        if history.blocks >= CYCLES {
            found.push(finding(DiagnosisKind::BlockCycling, Severity::Warning, history.blocks, card.state_at));
        }
        found.sort_by_key(|finding| finding.severity);
        found
    }

    /// Why it does not run, or runs in vain.
    fn in_queue(&self, card: &TaskCard, history: History) -> Option<Finding> {
        let failing = |severity| {
            let (kind, count) = match history.crashes {
                crashes if crashes >= CRASHES => (DiagnosisKind::RepeatedCrashes, crashes),
                _ => (DiagnosisKind::RepeatedFailures, card.failures),
            };
            Finding { run: history.run, ..finding(kind, severity, count, card.state_at) }
        };
        let given_up = card.ask.as_ref().is_some_and(|ask| ask.kind == DecisionKind::Failed);
        match card.state {
            CardState::Ready => {
                let waited = self.now.saturating_sub(card.state_at);
                let severity = match waited {
                    waited if waited > 6 * STRANDED_MS => Severity::Critical,
                    waited if waited > 2 * STRANDED_MS || card.failures >= self.failure_limit => Severity::Error,
                    _ => Severity::Warning,
                };
                if let Some(kind) = hopeless(card.wait.as_ref()) {
                    Some(finding(kind, severity, 0, card.state_at))
                } else if card.failures > 0 {
                    Some(failing(severity))
                } else if waited > STRANDED_MS && should_have_started(card.wait.as_ref()) {
                    Some(finding(DiagnosisKind::Stranded, severity, 0, card.state_at))
                } else {
                    None
                }
            }
            CardState::Blocked if card.failures > 0 && (given_up || card.failures >= self.failure_limit) => {
                let much = card.failures >= 2 * self.failure_limit;
                Some(failing(if much { Severity::Critical } else { Severity::Error }))
            }
            _ => None,
        }
    }
}

fn finding(kind: DiagnosisKind, severity: Severity, count: u32, since: i64) -> Finding {
    Finding { kind, severity, count, since, last_at: since, run: None, about: String::new() }
}

/// What a ready card waits for that no time brings.
fn hopeless(wait: Option<&WaitReason>) -> Option<DiagnosisKind> {
    match wait? {
        WaitReason::UnknownProfile { .. } => Some(DiagnosisKind::UnknownProfile),
        WaitReason::NoProvider => Some(DiagnosisKind::NoProvider),
        WaitReason::OverBudget => Some(DiagnosisKind::OverBudget),
        _ => None,
    }
}

/// A card in a queue waits for its turn; one that waits for nothing should be running.
fn should_have_started(wait: Option<&WaitReason>) -> bool {
    matches!(wait, None | Some(WaitReason::EarlierWorker | WaitReason::NoDispatcher))
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[HISTORY];

#[cfg(test)]
mod tests {
    use super::crashes;

    #[test]
    fn deaths_count_until_another_end() {
        assert_eq!(crashes(""), 0);
        assert_eq!(crashes("crashed lost crashed completed crashed"), 3);
        assert_eq!(crashes("timed_out crashed crashed"), 0);
        assert_eq!(crashes("crashed"), 1);
    }
}
