//! What is kept of cards that were finished long ago. Their runs stay with how they ended and what they cost, their
//! history with its beginning, its end and its newest entry; the activity and the logs of the runs go, and, where that is
//! asked for, the rest of the history.
//!
//! Everything is done in small steps, each of which looks first whether the card is still finished.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;

use protocol::{CardId, CardRef};
use uuid::Uuid;

use super::KanbanError;
use super::card_row::{self, CardRow};
use super::housekeeping::{CHUNK, DAY_MS, Tidied, old_files};
use crate::store::WriteTx;
use crate::{Actor, Core, audit};

/// Cards that are read at once.
const BATCH: i64 = 100;
/// Before all cards.
const FIRST: (i64, Uuid) = (i64::MIN, Uuid::nil());
/// What a run's log files are called after the numbers of its card and its attempt.
const LOG_ENDINGS: [&str; 4] = [".log", ".log.1", ".worker.log", ".worker.log.1"];

const RUNS_KEPT: &str = "SELECT state_at, id FROM kanban_card INDEXED BY kanban_card_runs_kept
    WHERE state IN ('done', 'archived') AND deleted_at IS NULL AND COALESCE(runs_tidied_at < state_at, 1)
      AND state_at < ?1 AND (state_at, id) > (?2, ?3) ORDER BY state_at, id LIMIT ?4";
const HISTORY_KEPT: &str = "SELECT state_at, id FROM kanban_card INDEXED BY kanban_card_history_kept
    WHERE state IN ('done', 'archived') AND deleted_at IS NULL AND COALESCE(history_tidied_at < state_at, 1)
      AND state_at < ?1 AND (state_at, id) > (?2, ?3) ORDER BY state_at, id LIMIT ?4";
const ATTEMPTS: &str = "SELECT attempt FROM kanban_run
    WHERE card_id = ?1 AND attempt > ?2 AND tidied_days IS NULL AND ended_at IS NOT NULL ORDER BY attempt LIMIT ?3";
const TIDY_ACTIVITY: &str = "DELETE FROM kanban_run_event WHERE (run_id, seq) IN (
    SELECT e.run_id, e.seq FROM kanban_run r JOIN kanban_run_event e ON e.run_id = r.id
     WHERE r.card_id = ?1 AND r.ended_at IS NOT NULL LIMIT ?2)";
const TIDY_MESSAGES: &str = "DELETE FROM message WHERE (session_id, seq) IN (
    SELECT m.session_id, m.seq FROM session s JOIN message m ON m.session_id = s.id
     WHERE s.card_id = ?1 AND s.kind = 'run' LIMIT ?2)";
const FORGET_MACHINES: &str =
    "UPDATE session SET machine = NULL WHERE card_id = ?1 AND kind = 'run' AND machine IS NOT NULL";
// Each run that ended by a worker's word has at least that as its activity.
const RUNS_TIDIED: &str = "UPDATE kanban_run
    SET tidied_days = CASE WHEN events > 0 OR attempt IN (SELECT value FROM json_each(?3)) THEN ?2 ELSE 0 END
    WHERE card_id = ?1 AND tidied_days IS NULL AND ended_at IS NOT NULL RETURNING tidied_days";
const CARD_RUNS_TIDIED: &str = "UPDATE kanban_card SET runs_tidied_at = ?2 WHERE id = ?1";
// Who made it and what it became stays, and the newest entry, from which a browser that slept sees that it changed.
const TIDY_HISTORY: &str = "DELETE FROM kanban_event WHERE seq IN (
    SELECT seq FROM kanban_event WHERE card_id = ?1 AND at < ?2 AND kind NOT IN ('created', 'imported', 'completed')
       AND seq < (SELECT max(seq) FROM kanban_event WHERE card_id = ?1) LIMIT ?3)";
const HISTORY_TIDIED: &str = "UPDATE kanban_card SET history_tidied_at = COALESCE(?2, history_tidied_at),
    history_tidied_days = COALESCE(?3, history_tidied_days) WHERE id = ?1";
const LOG_IS_KEPT: &str = "SELECT EXISTS (SELECT 1 FROM kanban_card
    WHERE number = ?1 AND (deleted_at IS NOT NULL OR state NOT IN ('done', 'archived') OR state_at >= ?2))";

/// For how long finished cards keep what they left, in days; 0 is for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Their history but for its beginning and its end.
    pub events: u32,
    /// What their runs did and wrote.
    pub logs: u32,
}

impl Retention {
    /// What the settings say.
    #[must_use]
    pub fn configured(core: &Core) -> Self {
        let config = core.config();
        Self { events: config.kanban.event_retention_days, logs: config.kanban.log_retention_days }
    }
}

/// Before which moment a card must have been finished; `None` keeps everything.
fn before(core: &Core, days: u32) -> Option<i64> {
    (days > 0).then(|| core.now_ms().saturating_sub(i64::from(days) * DAY_MS))
}

pub(super) async fn tidy(core: &Core, retention: Retention, done: &mut Tidied) -> Result<(), KanbanError> {
    if let Some(before) = before(core, retention.logs) {
        let mut last = FIRST;
        while let Some(cards) = finished(core, RUNS_KEPT, before, &mut last).await? {
            for card in cards {
                runs(core, card, before, retention.logs, done).await?;
            }
        }
        stray_logs(core, before, done).await?;
    }
    if let Some(before) = before(core, retention.events) {
        let mut last = FIRST;
        while let Some(cards) = finished(core, HISTORY_KEPT, before, &mut last).await? {
            for card in cards {
                history(core, card, before, retention.events, done).await?;
            }
        }
    }
    Ok(())
}

/// The next cards that a statement finds, the longest finished first. Those that could not be tidied up are passed and
/// found again by the next round.
async fn finished(
    core: &Core,
    sql: &'static str,
    before: i64,
    last: &mut (i64, Uuid),
) -> Result<Option<Vec<CardId>>, KanbanError> {
    let query = sqlx::query_as(sql).bind(before).bind(last.0).bind(last.1).bind(BATCH);
    let cards: Vec<(i64, Uuid)> = query.fetch_all(core.store().reader()).await?;
    let Some(end) = cards.last() else { return Ok(None) };
    *last = *end;
    Ok(Some(cards.into_iter().map(|(_, id)| CardId(id)).collect()))
}

/// A transaction, and the card if it is still what it was when it was found.
async fn begin(core: &Core, card: CardId, before: i64) -> Result<Option<(WriteTx<'_>, CardRow)>, KanbanError> {
    let mut tx = core.write().await?;
    let card = card_row::load_any(&mut tx, CardRef::Id(card)).await?;
    let is_due = card.state.is_finished() && card.deleted_at.is_none() && card.state_at < before;
    Ok(is_due.then_some((tx, card)))
}

/// What the runs of a card did and wrote goes. That they were, and what came of them, stays.
async fn runs(core: &Core, id: CardId, before: i64, days: u32, done: &mut Tidied) -> Result<(), KanbanError> {
    let mut reader = core.store().reader().acquire().await.map_err(crate::store::StoreError::from)?;
    let number = card_row::load_any(&mut reader, CardRef::Id(id)).await?.number;
    drop(reader);
    // Files go first: while the runs say that they are kept, the next round finds what an interrupted one left.
    let Some(with_files) = log_files(core, id, number, done).await? else { return Ok(()) };
    for sql in [TIDY_ACTIVITY, TIDY_MESSAGES] {
        loop {
            let Some((mut tx, _)) = begin(core, id, before).await? else { return Ok(()) };
            let gone = sqlx::query(sql).bind(id.0).bind(CHUNK).execute(&mut *tx).await?.rows_affected();
            if gone > 0 {
                tx.commit().await?;
            }
            if gone < CHUNK.unsigned_abs() {
                break;
            }
        }
    }
    let Some((mut tx, card)) = begin(core, id, before).await? else { return Ok(()) };
    sqlx::query(FORGET_MACHINES).bind(id.0).execute(&mut *tx).await?;
    let with_files = serde_json::json!(with_files).to_string();
    let query = sqlx::query_scalar(RUNS_TIDIED).bind(id.0).bind(days).bind(with_files);
    let tidied: Vec<i64> = query.fetch_all(&mut *tx).await?;
    let runs = tidied.into_iter().filter(|days| *days > 0).count();
    let now = core.now_ms();
    sqlx::query(CARD_RUNS_TIDIED).bind(id.0).bind(now).execute(&mut *tx).await?;
    if runs > 0 {
        let detail = serde_json::json!({ "days": days, "runs": runs });
        audit::record(&mut tx, now, &Actor::System, "logs_tidied", &card.object(), &detail).await?;
    }
    tx.commit().await?;
    done.runs += u32::try_from(runs).unwrap_or(u32::MAX);
    Ok(())
}

/// Removes the log files of a card's runs. The attempts that had one; `None` when one cannot be removed.
async fn log_files(core: &Core, card: CardId, number: i64, done: &mut Tidied) -> Result<Option<Vec<i64>>, KanbanError> {
    let mut removed = Vec::new();
    let mut last = -1;
    loop {
        let query = sqlx::query_scalar(ATTEMPTS).bind(card.0).bind(last).bind(BATCH);
        let attempts: Vec<i64> = query.fetch_all(core.store().reader()).await?;
        for attempt in &attempts {
            for ending in LOG_ENDINGS {
                let path = core.home().logs().join(format!("{number}-{attempt}{ending}"));
                match std::fs::remove_file(&path) {
                    Ok(()) => {
                        done.logs += 1;
                        removed.push(*attempt);
                    }
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => {
                        tracing::warn!(%error, path = %path.display(), "an old log cannot be removed");
                        return Ok(None);
                    }
                }
            }
        }
        let Some(end) = attempts.last() else { return Ok(Some(removed)) };
        last = *end;
    }
}

/// The history of a card goes, but for its beginning, its end and what happened since.
async fn history(core: &Core, id: CardId, before: i64, days: u32, done: &mut Tidied) -> Result<(), KanbanError> {
    loop {
        let Some((mut tx, card)) = begin(core, id, before).await? else { return Ok(()) };
        let query = sqlx::query(TIDY_HISTORY).bind(id.0).bind(before).bind(CHUNK);
        let gone = query.execute(&mut *tx).await?.rows_affected();
        let is_last = gone < CHUNK.unsigned_abs();
        let now = core.now_ms();
        let query = sqlx::query(HISTORY_TIDIED).bind(id.0).bind(is_last.then_some(now));
        query.bind((gone > 0).then_some(days)).execute(&mut *tx).await?;
        if gone > 0 {
            let detail = serde_json::json!({ "days": days, "events": gone });
            audit::record(&mut tx, now, &Actor::System, "history_tidied", &card.object(), &detail).await?;
        }
        tx.commit().await?;
        done.events += gone;
        if is_last {
            return Ok(());
        }
    }
}

/// The card's number in `12-3.log`, `12-3.log.1` or `12-3.worker.log`.
fn card_of_log(name: &str) -> Option<i64> {
    let (number, rest) = name.split_once('-')?;
    let attempt = rest.split('.').next()?;
    if !rest.contains(".log") || attempt.parse::<u32>().is_err() {
        return None;
    }
    number.parse().ok()
}

/// Log files that no run speaks of any more.
async fn stray_logs(core: &Core, before: i64, done: &mut Tidied) -> Result<(), KanbanError> {
    let mut kept: HashMap<i64, bool> = HashMap::new();
    for (name, path) in old_files(&core.home().logs(), before)? {
        let Some(number) = card_of_log(&name) else { continue };
        let is_kept = match kept.get(&number) {
            Some(is_kept) => *is_kept,
            None => {
                let query = sqlx::query_scalar(LOG_IS_KEPT).bind(number).bind(before);
                let is_kept = query.fetch_one(core.store().reader()).await?;
                kept.insert(number, is_kept);
                is_kept
            }
        };
        done.logs += u32::from(!is_kept && is_removed(&path));
    }
    Ok(())
}

/// The logs of a card that goes for good.
pub(super) fn remove_logs(core: &Core, card: i64, done: &mut Tidied) -> Result<(), KanbanError> {
    for (name, path) in old_files(&core.home().logs(), i64::MAX)? {
        done.logs += u32::from(card_of_log(&name) == Some(card) && is_removed(&path));
    }
    Ok(())
}

fn is_removed(path: &Path) -> bool {
    std::fs::remove_file(path).is_ok()
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[
    RUNS_KEPT,
    HISTORY_KEPT,
    ATTEMPTS,
    TIDY_ACTIVITY,
    TIDY_MESSAGES,
    FORGET_MACHINES,
    RUNS_TIDIED,
    CARD_RUNS_TIDIED,
    TIDY_HISTORY,
    HISTORY_TIDIED,
    LOG_IS_KEPT,
];

#[cfg(test)]
mod tests {
    use super::card_of_log;

    #[test]
    fn logs_name_their_card() {
        for (name, card) in [
            ("12-3.log", Some(12)),
            ("12-3.log.1", Some(12)),
            ("12-3.worker.log", Some(12)),
            ("server.log", None),
            ("a-1.log", None),
            ("12-x.log", None),
            ("12-3.txt", None),
        ] {
            assert_eq!(card_of_log(name), card, "{name}");
        }
    }
}
