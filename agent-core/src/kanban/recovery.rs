//! Taking cards back from workers that died, went quiet or ran too long, and making sure that they are gone.

use protocol::{CardId, CardRef, CardState, DecisionKind, RunId, RunOutcome};
use rustix::process::Signal;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use uuid::Uuid;

use super::card_row::{CardRow, load};
use super::pause::{self, Verdict};
use super::transition::{self, Cause, Failures, RunEnd, Transition};
use super::{KanbanError, store, worker};
use crate::process::{self, Identity};
use crate::text::{self, LAST_WORDS};
use crate::{Actor, Core, decisions};

/// Between SIGTERM and SIGKILL.
const KILL_AFTER_MS: i64 = 5_000;
/// A worker that reported its end is given this long to leave by itself.
const LEAVE_MS: i64 = 3_000;
/// Three beats of a worker.
const AFTER_SLEEP_MS: i64 = 60_000;
const FIRST_BACKOFF_MS: i64 = 2_000;
const LONGEST_BACKOFF_MS: i64 = 5 * 60_000;
const RATE_LIMIT_BACKOFF_MS: i64 = 30_000;
/// After its profile's rest the card that was tried in vain lets the others go first for so long.
pub(super) const AFTER_REST_MS: i64 = 60_000;

const OVERDUE: &str = "SELECT r.id, r.started_at, r.lease_until, r.claimed_at, c.max_runtime_s, r.pid, r.pid_started,
        p.host
    FROM kanban_run r JOIN kanban_card c ON c.id = r.card_id LEFT JOIN kanban_process p ON p.run_id = r.id
    WHERE r.ended_at IS NULL AND c.demo = 0 LIMIT 1000";
const EXTEND: &str = "UPDATE kanban_run SET lease_until = ?1
    WHERE ended_at IS NULL AND lease_until IS NOT NULL AND lease_until < ?1";
// Somebody outside of Hermes, who has no process here, may have asked for longer.
const SHORTEN: &str =
    "UPDATE kanban_run SET lease_until = CASE WHEN pid IS NULL AND started_at IS NOT NULL THEN ?2 ELSE ?1 END
    WHERE ended_at IS NULL
      AND lease_until > CASE WHEN pid IS NULL AND started_at IS NOT NULL THEN ?2 ELSE ?1 END";
const OPEN_RUN: &str = "SELECT card_id, profile, events FROM kanban_run WHERE id = ?1 AND ended_at IS NULL";
const LEFT_OVER: &str = "SELECT p.run_id, p.pid, p.pid_started, p.asked_at, p.host, r.ended_at, r.outcome
    FROM kanban_process p CROSS JOIN kanban_run r ON r.id = p.run_id
    WHERE r.ended_at IS NOT NULL LIMIT 1000";
const ASKED: &str = "UPDATE kanban_process SET asked_at = ?2 WHERE run_id = ?1";
const FORGET: &str = "DELETE FROM kanban_process WHERE run_id = ?1";

/// An open run that failed.
pub(super) struct FailedRun<'a> {
    pub(super) run: RunId,
    pub(super) card: &'a CardRow,
    pub(super) profile: &'a str,
    pub(super) events: i64,
}

/// How a run failed.
pub(super) struct Failure<'a> {
    pub(super) outcome: RunOutcome,
    pub(super) error: &'a str,
    pub(super) retry_after_ms: Option<i64>,
    /// Whether the worker or its exit said so. What is only found out afterwards comes from a machine that went off, a
    /// server that was killed or a signal from outside, and says nothing of the profile.
    pub(super) is_reported: bool,
}

/// Ends a run that failed: the card goes back to ready with a pause, or to a person after too many failures.
pub(super) async fn fail_in(
    core: &Core,
    tx: &mut SqliteConnection,
    failed: &FailedRun<'_>,
    failure: &Failure<'_>,
) -> Result<(), KanbanError> {
    let &Failure { outcome, error, retry_after_ms, is_reported } = failure;
    let now = core.now_ms();
    let card = failed.card;
    let limit = card.max_attempts.unwrap_or(core.config().kanban.failure_limit).max(1);
    let verdict = match is_reported && pause::may_be_the_profiles(outcome) {
        true => pause::judge(tx, failed.run, card, failed.profile, error, now).await?,
        false => Verdict::OfTheCard,
    };
    let rest = match verdict {
        Verdict::Known { until } => Some(until),
        Verdict::OfTheCard | Verdict::PausesProfile { .. } => None,
    };
    let counted = outcome.is_failure() && rest.is_none();
    let failures = card.failures + u32::from(counted);
    let systemic = matches!(verdict, Verdict::PausesProfile { .. });
    let gives_up = outcome == RunOutcome::Budget || systemic || (counted && failures >= limit);
    worker::end_activity(tx, failed.run, failed.events, outcome, (false, error), now).await?;

    let (cause, to) = if gives_up {
        (Cause::GiveUp, CardState::Blocked)
    } else if store::has_unfinished_parent(tx, card.id).await? {
        // A parent was brought back while the card ran.
        (Cause::Recover, CardState::Todo)
    } else {
        (Cause::Recover, CardState::Ready)
    };
    let mut transition = Transition::new(cause, to, if gives_up { "gave_up" } else { "run_failed" });
    transition.detail = serde_json::json!({
        "outcome": outcome.as_str(), "error": text::excerpt(error, 400), "failures": failures, "limit": limit,
    });
    transition.failures = if counted { Failures::Add(error.to_owned()) } else { Failures::Note(error.to_owned()) };
    transition.run_end = Some(RunEnd { outcome, summary: None, error: Some(error.to_owned()), metadata: None });
    let pause = now + backoff(outcome, failures, retry_after_ms);
    transition.backoff_until = Some(rest.map_or(pause, |until| pause.max(until + AFTER_REST_MS)));
    let after = transition::apply(core, tx, &Actor::System, card, transition).await?;
    if gives_up {
        ask_a_person(core, tx, failed, &after, outcome, verdict, error).await?;
    }
    Ok(())
}

/// The question that stops a card after a failure.
async fn ask_a_person(
    core: &Core,
    tx: &mut SqliteConnection,
    failed: &FailedRun<'_>,
    card: &CardRow,
    outcome: RunOutcome,
    verdict: Verdict,
    error: &str,
) -> Result<(), KanbanError> {
    let kind = if outcome == RunOutcome::Budget { DecisionKind::Budget } else { DecisionKind::Failed };
    let error_line = headline(error);
    let ask = match (kind, verdict) {
        (DecisionKind::Failed, Verdict::PausesProfile { cards }) => {
            format!("{cards} cards of the profile {} failed the same way, so it rests: {error_line}", failed.profile)
        }
        (DecisionKind::Failed, _) => format!("{} in a row: {error_line}", failures_in_words(card.failures)),
        _ => error_line,
    };
    let new = decisions::NewDecision {
        kind,
        card,
        run: Some(failed.run),
        profile: failed.profile,
        ask: &ask,
        summary: error,
        options: &[],
        then_continue: false,
    };
    decisions::open(core, tx, new).await?;
    Ok(())
}

/// What went wrong, in a line. A worker's last words stand in the summary, whole.
fn headline(error: &str) -> String {
    text::excerpt(error.split_once(LAST_WORDS).map_or(error, |(what, _)| what), 300)
}

fn failures_in_words(failures: u32) -> String {
    if failures == 1 { "1 failure".to_owned() } else { format!("{failures} failures") }
}

fn backoff(outcome: RunOutcome, failures: u32, retry_after_ms: Option<i64>) -> i64 {
    if let Some(wanted) = retry_after_ms {
        return wanted.clamp(0, 24 * 3_600_000);
    }
    if outcome == RunOutcome::RateLimited {
        return RATE_LIMIT_BACKOFF_MS;
    }
    let doublings = failures.saturating_sub(1).min(16);
    (FIRST_BACKOFF_MS << doublings).min(LONGEST_BACKOFF_MS)
}

/// Ends a run from outside its worker, if it is still open. Returns whether it was.
pub(super) async fn fail_run(core: &Core, run: RunId, failure: Failure<'_>) -> Result<bool, KanbanError> {
    let mut tx = core.write().await?;
    let row: Option<(Uuid, String, i64)> = sqlx::query_as(OPEN_RUN).bind(run.0).fetch_optional(&mut *tx).await?;
    let Some((card, profile, events)) = row else { return Ok(false) };
    let card = load(&mut tx, CardRef::Id(CardId(card))).await?;
    let failed = FailedRun { run, card: &card, profile: &profile, events };
    let error = text::redact(failure.error);
    fail_in(core, &mut tx, &failed, &Failure { error: &error, ..failure }).await?;
    tx.commit().await?;
    Ok(true)
}

/// The machine slept: workers that slept with it get a moment for their next sign of life.
pub(super) async fn extend_leases(core: &Core) -> Result<(), KanbanError> {
    let until = core.now_ms() + AFTER_SLEEP_MS;
    let mut tx = core.write().await?;
    sqlx::query(EXTEND).bind(until).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}

/// The clock was set back: leases that nobody gives end as if they were given now, so that a worker that is quiet loses
/// its card in time.
async fn shorten_leases(core: &Core, rows: &[SqliteRow], now: i64) -> Result<(), KanbanError> {
    let config = core.config();
    let given = i64::from(config.kanban.claim_ttl_seconds.max(config.kanban.start_ttl_seconds)) * 1000;
    // Workers report while this looks, and the clock goes on.
    let longest = |given: i64| now.saturating_add(given).saturating_add(AFTER_SLEEP_MS);
    let (own, outside) = (longest(given), longest(given.max(i64::from(worker::LONGEST_LEASE_SECONDS) * 1000)));
    let mut too_long = false;
    for row in rows {
        let is_outside =
            row.try_get::<Option<i64>, _>("pid")?.is_none() && row.try_get::<Option<i64>, _>("started_at")?.is_some();
        let longest = if is_outside { outside } else { own };
        too_long |= row.try_get::<Option<i64>, _>("lease_until")?.is_some_and(|until| until > longest);
    }
    if too_long {
        let mut tx = core.write().await?;
        sqlx::query(SHORTEN).bind(own).bind(outside).execute(&mut *tx).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Looks at every open run of this machine: dead, quiet and overlong ones are ended. Cost grows with the runs under
/// way, not with the board. Returns whether there was any. One that cannot be ended does not keep the others.
///
/// # Errors
/// When the database fails, or after all of them when one could not be ended.
pub async fn sweep_runs(core: &Core) -> Result<bool, KanbanError> {
    sweep_runs_at(core, core.now_ms()).await
}

/// The same by a time of which the caller knows that the machine has not slept since its workers could last report.
pub(super) async fn sweep_runs_at(core: &Core, now: i64) -> Result<bool, KanbanError> {
    let rows = sqlx::query(OVERDUE).fetch_all(core.store().reader()).await?;
    shorten_leases(core, &rows, now).await?;
    let mut ended = Ok(!rows.is_empty());
    for row in rows {
        let run = RunId(row.try_get("id")?);
        let started: Option<i64> = row.try_get("started_at")?;
        let lease: Option<i64> = row.try_get("lease_until")?;
        let claimed: i64 = row.try_get("claimed_at")?;
        let limit = row.try_get::<Option<u32>, _>("max_runtime_s")?.unwrap_or(core.config().kanban.max_runtime_seconds);
        let host: Option<String> = row.try_get("host")?;
        let ours = host.as_deref() == Some(super::host_name());
        let process = match (row.try_get::<Option<u32>, _>("pid")?, row.try_get::<Option<i64>, _>("pid_started")?) {
            (Some(pid), Some(started)) if ours => Some(Identity { pid, started }),
            _ => None,
        };
        // The server's clock may have jumped; a process that is seen to be dead is a fact whatever the clock says.
        let overlong;
        let (outcome, error) = if let Some(process) = process
            && !process::is_alive(process).unwrap_or(true)
        {
            (RunOutcome::Crashed, "the worker's process is gone")
        } else if now.saturating_sub(claimed) > i64::from(limit) * 1000 {
            overlong = format!("the run took longer than the {} allowed", duration_in_words(limit));
            (RunOutcome::TimedOut, overlong.as_str())
        } else if lease.is_some_and(|until| until < now) {
            match (started, process) {
                (None, None) => (RunOutcome::SpawnFailed, "the server ended before it had started the worker"),
                (None, Some(_)) => (RunOutcome::SpawnFailed, "the worker was started but never reported; see its log"),
                (Some(_), _) => (RunOutcome::Lost, "the worker gave no sign of life within its lease"),
            }
        } else {
            continue;
        };
        let failure = Failure { outcome, error, retry_after_ms: None, is_reported: false };
        if let Err(error) = fail_run(core, run, failure).await {
            tracing::error!(%error, %run, "a run that is over cannot be ended");
            ended = Err(error);
        }
    }
    ended
}

pub(super) fn duration_in_words(seconds: u32) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

/// A process of a run that is over.
struct LeftOver {
    run: RunId,
    process: Identity,
    asked: Option<i64>,
    ended: i64,
    outcome: String,
}

/// Ends what is left of workers whose run is over: SIGTERM, 5 s, SIGKILL, and forgets a process only when it and its
/// whole session are gone. Returns whether any is left.
///
/// # Errors
/// When the database fails.
pub async fn reap(core: &Core) -> Result<bool, KanbanError> {
    let now = core.now_ms();
    let rows = sqlx::query(LEFT_OVER).fetch_all(core.store().reader()).await?;
    let mut left_over = Vec::with_capacity(rows.len());
    let mut gone = Vec::new();
    for row in rows {
        // The machine has another name now, or this is a new container: what ran under the old one ended with it. One
        // server owns a home, so no other machine is at work on it.
        if row.try_get::<String, _>("host")? != super::host_name() {
            gone.push(RunId(row.try_get("run_id")?));
            continue;
        }
        left_over.push(LeftOver {
            run: RunId(row.try_get("run_id")?),
            process: Identity { pid: row.try_get("pid")?, started: row.try_get("pid_started")? },
            asked: row.try_get("asked_at")?,
            ended: row.try_get("ended_at")?,
            outcome: row.try_get("outcome")?,
        });
    }
    let leaders: Vec<Identity> = left_over.iter().map(|left| left.process).collect();
    let alive = match process::sessions_alive(&leaders) {
        Ok(alive) => alive,
        Err(error) => {
            tracing::warn!(%error, "cannot tell whether workers are still running");
            return Ok(!left_over.is_empty());
        }
    };
    let (alive, ended): (Vec<_>, Vec<_>) = left_over.into_iter().zip(alive).partition(|(_, alive)| *alive);
    gone.extend(ended.into_iter().map(|(left, _)| left.run));
    forget(core, &gone).await?;
    for (left, _) in &alive {
        // Whoever reported its own end is on its way out.
        let reported = matches!(left.outcome.as_str(), "completed" | "review" | "blocked");
        if !reported || is_past(left.ended, LEAVE_MS, now) {
            ask_to_end(core, left.run, left.process, left.asked, now).await?;
        }
    }
    Ok(!alive.is_empty())
}

/// Whether so much time has gone by since. A moment that is as far ahead as that was written before the clock was set
/// back, and nobody is waited for until it comes again.
fn is_past(since: i64, pause: i64, now: i64) -> bool {
    now.abs_diff(since) >= pause.unsigned_abs()
}

/// A worker's process has exited: forgets it when nothing of its session is left, else asks the rest to end.
pub(super) async fn reap_exited(core: &Core, run: RunId, process: Identity) -> Result<(), KanbanError> {
    if process::session_is_alive(process).unwrap_or(true) {
        return ask_to_end(core, run, process, None, core.now_ms()).await;
    }
    forget(core, &[run]).await
}

async fn ask_to_end(
    core: &Core,
    run: RunId,
    process: Identity,
    asked: Option<i64>,
    now: i64,
) -> Result<(), KanbanError> {
    let signal = match asked {
        None => Signal::TERM,
        Some(at) if is_past(at, KILL_AFTER_MS, now) => Signal::KILL,
        Some(_) => return Ok(()),
    };
    if let Err(error) = process::signal_session(process, signal) {
        tracing::warn!(%error, pid = process.pid, "a worker cannot be signalled");
    }
    if asked.is_none() {
        let mut tx = core.write().await?;
        sqlx::query(ASKED).bind(run.0).bind(now).execute(&mut *tx).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn forget(core: &Core, runs: &[RunId]) -> Result<(), KanbanError> {
    if runs.is_empty() {
        return Ok(());
    }
    let mut tx = core.write().await?;
    for run in runs {
        sqlx::query(FORGET).bind(run.0).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[OVERDUE, EXTEND, SHORTEN, OPEN_RUN, LEFT_OVER, ASKED, FORGET];

#[cfg(test)]
mod tests {
    use protocol::RunOutcome;

    use super::{backoff, headline, is_past};

    #[test]
    fn a_pause_is_over_when_the_clock_went_back_by_more_than_it() {
        for (now, over) in [(1_000, false), (5_999, false), (6_000, true), (-3_999, false), (-4_000, true)] {
            assert_eq!(is_past(1_000, 5_000, now), over, "{now}");
        }
        assert!(is_past(i64::MAX, 5_000, i64::MIN));
    }

    #[test]
    fn a_question_tells_what_went_wrong_and_leaves_the_last_words_to_the_summary() {
        let check = |error: &str, line: &str| assert_eq!(headline(error), line);
        check("the program ended with exit code 3. Its last words:\nboom\nbang", "the program ended with exit code 3");
        check("the agent stopped. Its last words: I am done", "the agent stopped");
        check("its lease ran out", "its lease ran out");
    }

    #[test]
    fn pauses_double_and_end_somewhere_and_the_providers_word_counts() {
        assert_eq!(backoff(RunOutcome::Crashed, 1, None), 2_000);
        assert_eq!(backoff(RunOutcome::Crashed, 3, None), 8_000);
        assert_eq!(backoff(RunOutcome::Crashed, 60, None), 300_000);
        assert_eq!(backoff(RunOutcome::RateLimited, 0, None), 30_000);
        assert_eq!(backoff(RunOutcome::RateLimited, 0, Some(7_000)), 7_000);
    }
}
