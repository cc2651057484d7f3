//! Putting a decision off: it stays open, is out of the inbox until its time, and then calls people once more.
//!
//! Nothing but a row says what is put off, so that a server that was off, or a clock that was set, loses nothing: what is
//! due at the next look comes back then.

use std::time::Duration;

use protocol::{CardRef, DecisionId, SnoozeDecisionOutcome, SnoozeDecisionParams};
use sqlx::SqliteConnection;

use super::store;
use crate::kanban::{self, CardRow, Inverse, KanbanError, NewEvent};
use crate::task::Tasks;
use crate::{Actor, Core, audit};

const DAY_MS: i64 = 24 * 3_600_000;
/// How far ahead a decision may be put off.
const MAX_AHEAD_MS: i64 = 30 * DAY_MS;
/// Who waits for later than this was put off while the clock was ahead. A day more than allowed: clocks are put right by
/// a little all the time.
const LATEST_MS: i64 = MAX_AHEAD_MS + DAY_MS;
/// Decisions that are brought back before the rest is looked for again.
const AT_ONCE: i64 = 50;
/// The clock is looked at so often at least: it goes on while a machine sleeps, and it may be set.
const LOOK: Duration = Duration::from_secs(15);
const AGAIN: Duration = Duration::from_secs(5);

/// Puts an open decision off until a time, or brings it back. Its card stays where it is.
///
/// # Errors
/// `Denied` for anyone but a person, `Invalid` for a time that is past or more than 30 days ahead, `NotFound` for an
/// unknown decision, `Conflict` for one that is no longer open.
pub async fn snooze(
    core: &Core,
    actor: &Actor,
    params: SnoozeDecisionParams,
) -> Result<SnoozeDecisionOutcome, KanbanError> {
    if !actor.is_person() {
        return Err(KanbanError::Denied("only a person can put a decision off".into()));
    }
    let SnoozeDecisionParams { id, until } = params;
    let mut tx = core.write().await?;
    let now = core.now_ms();
    if let Some(until) = until {
        check(until, now)?;
    }
    let card = super::view_in(&mut tx, id, now).await?.card.id;
    let card = kanban::load_card(&mut tx, CardRef::Id(card)).await?;
    let before = put_off(&mut tx, actor, &card, (id, until), now).await?;
    let undo = match before == until {
        true => None,
        false => {
            let inverse = Inverse::Snooze { decision: id, until: before };
            kanban::offer_undo(core, &mut tx, actor, &card, &inverse).await?
        }
    };
    let left = store::open_count(&mut tx).await?;
    tx.commit().await?;
    Ok(SnoozeDecisionOutcome { until, undo, left })
}

fn check(until: i64, now: i64) -> Result<(), KanbanError> {
    if until <= now {
        return Err(KanbanError::Invalid("that time is past; choose one that is still to come".into()));
    }
    if until > now.saturating_add(MAX_AHEAD_MS) {
        return Err(KanbanError::Invalid("a decision can wait for 30 days at most; choose an earlier time".into()));
    }
    Ok(())
}

/// Writes until when a decision is put off, in the caller's transaction. Returns what was written there before.
pub(crate) async fn put_off(
    tx: &mut SqliteConnection,
    actor: &Actor,
    card: &CardRow,
    (id, until): (DecisionId, Option<i64>),
    now: i64,
) -> Result<Option<i64>, KanbanError> {
    let Some(before) = store::snoozed_until(tx, id).await? else {
        let label = card.label();
        return Err(KanbanError::Conflict(format!("{label} no longer asks this: it was settled or has moved on")));
    };
    if before != until {
        store::set_snoozed(tx, id, until).await?;
        note(tx, actor, card, (id, until), now).await?;
    }
    Ok(before)
}

/// Audit row and event.
async fn note(
    tx: &mut SqliteConnection,
    actor: &Actor,
    card: &CardRow,
    (id, until): (DecisionId, Option<i64>),
    now: i64,
) -> Result<(), KanbanError> {
    let (action, kind, detail) = match until {
        Some(until) => ("decision_snoozed", "snoozed", serde_json::json!({ "decision": id, "until": until })),
        None => ("decision_woken", "woken", serde_json::json!({ "decision": id })),
    };
    audit::record(tx, now, actor, action, &card.object(), &detail).await?;
    kanban::append_event(tx, NewEvent { card, run: None, kind, actor, detail, at: now }).await
}

/// Brings decisions back when their time has come, until shutdown; woken by every commit and by the next one's time.
pub fn start_waking(core: Core, tasks: &Tasks) {
    let stop = tasks.stopping();
    tasks.spawn("decision-waking", async move {
        let mut changes = core.changes().subscribe();
        loop {
            // Armed before looking, so that a change during the look is not missed.
            changes.mark_unchanged();
            let pause = match wake_due(&core).await {
                Ok(Some(at)) => Duration::from_millis(u64::try_from(at - core.now_ms()).unwrap_or(0)).min(LOOK),
                Ok(None) => LOOK,
                Err(error) => {
                    tracing::error!(%error, "not all decisions that were put off can be brought back; trying again");
                    AGAIN
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                changed = changes.changed() => if changed.is_err() { break },
                () = tokio::time::sleep(pause) => {}
            }
        }
    });
}

/// Brings back every decision whose time has come, and calls people as when it was opened. Returns when the next one's
/// time comes. One that cannot be brought back does not keep the others.
///
/// # Errors
/// When the database fails, or after all of them when one could not be brought back.
pub async fn wake_due(core: &Core) -> Result<Option<i64>, KanbanError> {
    loop {
        let now = core.now_ms();
        let mut reader = core.store().reader().acquire().await?;
        let due = store::due(&mut reader, now, now + LATEST_MS, AT_ONCE).await?;
        if due.is_empty() {
            return store::next_due(&mut reader).await;
        }
        drop(reader);
        let mut woken = Ok(());
        for id in due {
            if let Err(error) = wake(core, id).await {
                tracing::error!(%error, decision = %id, "a decision cannot be brought back");
                woken = Err(error);
            }
        }
        woken?;
    }
}

async fn wake(core: &Core, id: DecisionId) -> Result<(), KanbanError> {
    let mut tx = core.write().await?;
    let now = core.now_ms();
    let Some(woken) = store::wake(&mut tx, id, now, now + LATEST_MS).await? else { return Ok(()) };
    let card = kanban::load_card(&mut tx, CardRef::Id(woken.card)).await?;
    note(&mut tx, &Actor::System, &card, (id, None), now).await?;
    super::call(core, &mut tx, &card, (id, woken.kind, &woken.ask)).await?;
    tx.commit().await?;
    Ok(())
}
