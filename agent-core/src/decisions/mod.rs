//! Decisions: what only a person can settle. Only a decision pushes, and nothing but a person's answer releases one.

mod snooze;
mod store;

use protocol::{
    CardRef, CardState, DecisionId, DecisionKind, DecisionVerb, DecisionView, ExecutorKind, Inbox, RunId,
    SettleDecisionOutcome, SettleDecisionParams, UndoId,
};
use sqlx::SqliteConnection;

use crate::kanban::{self, CardRow, Cause, Failures, Inverse, KanbanError, Transition};
use crate::{Actor, Core, audit, profiles, push};

pub(crate) use snooze::put_off;
pub use snooze::{snooze, start_waking, wake_due};

/// How long a settled decision's effect on workers is held, so that the person can take it back.
pub const RELEASE_HOLD_MS: i64 = 5_000;
const MAX_OPTIONS: usize = 6;
const MAX_OPTION_CHARS: usize = 120;

/// A decision that is about to be asked.
pub(crate) struct NewDecision<'a> {
    pub(crate) kind: DecisionKind,
    pub(crate) card: &'a CardRow,
    pub(crate) run: Option<RunId>,
    pub(crate) profile: &'a str,
    pub(crate) ask: &'a str,
    pub(crate) summary: &'a str,
    pub(crate) options: &'a [String],
    pub(crate) then_continue: bool,
}

/// Opens a decision on a card that was just moved to `review` or `blocked`, and queues its push messages, all in the
/// caller's transaction.
pub(crate) async fn open(
    core: &Core,
    tx: &mut SqliteConnection,
    new: NewDecision<'_>,
) -> Result<DecisionId, KanbanError> {
    let id = DecisionId(kanban::new_id());
    let options: Vec<String> = new
        .options
        .iter()
        .map(|option| crate::text::excerpt(option, MAX_OPTION_CHARS))
        .filter(|option| !option.is_empty())
        .take(MAX_OPTIONS)
        .collect();
    let now = core.now_ms();
    store::insert(tx, id, &new, &serde_json::json!(options).to_string(), now).await?;
    kanban::set_open_decision(tx, new.card.id, Some(id)).await?;
    call(core, tx, new.card, (id, new.kind, new.ask)).await?;
    Ok(id)
}

/// Calls people because a decision waits for them from now on.
async fn call(
    core: &Core,
    tx: &mut SqliteConnection,
    card: &CardRow,
    (decision, kind, ask): (DecisionId, DecisionKind, &str),
) -> Result<(), KanbanError> {
    // Sample cards look real, but nobody is called for them.
    if card.demo {
        return Ok(());
    }
    let open = store::open_count(tx).await?;
    let message = push::DecisionPush { decision, kind, card_number: card.number, card_title: &card.title, ask, open };
    push::enqueue(core, tx, &message).await?;
    Ok(())
}

/// Ends an open decision because its card moved on without it.
pub(crate) async fn withdraw(tx: &mut SqliteConnection, id: DecisionId, now: i64) -> Result<(), KanbanError> {
    store::withdraw(tx, id, now).await
}

/// Opens a settled or withdrawn decision again, with a new version, so that a late answer to the old one is told.
pub(crate) async fn reopen(tx: &mut SqliteConnection, id: DecisionId) -> Result<(), KanbanError> {
    store::reopen(tx, id).await
}

/// Open decisions, oldest first, at most 100, and apart from them those that were put off.
///
/// # Errors
/// When the database fails.
pub async fn inbox(core: &Core) -> Result<Inbox, KanbanError> {
    let mut tx = core.store().reader().begin().await?;
    let open = store::open_views(&mut tx).await?;
    let total = store::open_count(&mut tx).await?;
    let snoozed = store::snoozed_views(&mut tx).await?;
    let snoozed_total = store::snoozed_count(&mut tx).await?;
    let running = kanban::open_runs(&mut tx).await?;
    let seq = kanban::newest_seq(&mut tx).await?;
    tx.rollback().await?;
    Ok(Inbox { open, total, snoozed, snoozed_total, running, seq, now: core.now_ms() })
}

/// Which decisions are open, as a mark that differs from what it was when they did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenMark {
    /// How many wait, without those that were put off.
    pub count: i64,
    newest: Vec<u8>,
    oldest: Vec<u8>,
    versions: i64,
    snoozed: i64,
}

/// Which are open now.
///
/// # Errors
/// When the database fails.
pub async fn open_mark(core: &Core) -> Result<OpenMark, KanbanError> {
    let mut reader = core.store().reader().acquire().await?;
    store::open_mark(&mut reader).await
}

/// How many are open and were not put off.
///
/// # Errors
/// When the database fails.
pub async fn open_count(core: &Core) -> Result<i64, KanbanError> {
    let mut reader = core.store().reader().acquire().await?;
    store::open_count(&mut reader).await
}

/// One decision, whatever its state.
///
/// # Errors
/// `NotFound` when there is none.
pub async fn decision(core: &Core, id: DecisionId) -> Result<DecisionView, KanbanError> {
    let mut reader = core.store().reader().acquire().await?;
    let view = view_in(&mut reader, id, core.now_ms()).await?;
    drop(reader);
    // silent-ok: of a profile that is gone or cannot be read nothing is known, so that everything is offered.
    let runs_program = matches!(
        profiles::find(core.home(), &view.profile),
        Ok(Some(profile)) if profile.executor == ExecutorKind::Command
    );
    Ok(DecisionView { runs_program, ..view })
}

/// One decision, inside the caller's transaction.
pub(crate) async fn view_in(
    connection: &mut SqliteConnection,
    id: DecisionId,
    now: i64,
) -> Result<DecisionView, KanbanError> {
    store::view(connection, id, now)
        .await?
        .ok_or_else(|| KanbanError::NotFound("there is no such decision; it may belong to a deleted card".into()))
}

/// What an approval of finished work leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Approval {
    /// What the worker asked for: usually done.
    AsAsked,
    /// The worker goes on.
    Continue,
}

/// Settles once and only once. Whoever is second gets the decision as the first one left it, with `by_you: false`.
///
/// # Errors
/// `Denied` for anyone but a person, `Conflict` for an old version, `Invalid` for a wrong verb or a missing comment.
pub async fn settle(
    core: &Core,
    actor: &Actor,
    params: SettleDecisionParams,
) -> Result<SettleDecisionOutcome, KanbanError> {
    settle_with(core, actor, params, Approval::AsAsked).await
}

/// What `hermes kanban unblock` does: approves a review so that the worker goes on, answers a question with the
/// reason, or tries again.
///
/// # Errors
/// As [`settle`]; `Conflict` when the card asks nothing.
pub async fn unblock(
    core: &Core,
    actor: &Actor,
    card: CardRef,
    reason: &str,
) -> Result<SettleDecisionOutcome, KanbanError> {
    let id = kanban::open_decision_of(core, card).await?;
    let open = decision(core, id).await?;
    let verb = open.kind.verbs().first().copied().unwrap_or(DecisionVerb::Approve);
    let comment = if reason.trim().is_empty() && verb.needs_comment() { "Go on." } else { reason };
    let params = SettleDecisionParams { id, version: open.version, verb, comment: comment.to_owned() };
    settle_with(core, actor, params, Approval::Continue).await
}

async fn settle_with(
    core: &Core,
    actor: &Actor,
    params: SettleDecisionParams,
    approval: Approval,
) -> Result<SettleDecisionOutcome, KanbanError> {
    if !actor.is_person() {
        return Err(KanbanError::Denied("only a person can settle a decision".into()));
    }
    let comment = kanban::long_text("comment", &params.comment)?.trim().to_owned();
    let mut tx = core.write().await?;
    let now = core.now_ms();
    let found = view_in(&mut tx, params.id, now).await?;
    if found.state != protocol::DecisionState::Open {
        drop(tx);
        return outcome(core, params.id, false).await;
    }
    check(&found, &params, &comment)?;
    let row = store::settle(&mut tx, &params, &comment, actor, now).await?;
    let Some(row) = row else {
        return Err(KanbanError::Conflict("the question has changed since you opened it; look at it again".into()));
    };
    let card = kanban::load_card(&mut tx, CardRef::Id(found.card.id)).await?;
    record_settled(&mut tx, actor, &card, &found, params.verb, now).await?;
    let added = match comment.as_str() {
        "" => None,
        text => Some(kanban::comment_in(&mut tx, actor, &card, text, None, now).await?),
    };
    let card = kanban::load_card(&mut tx, CardRef::Id(card.id)).await?;
    let go_on = approval == Approval::Continue || row.then_continue;
    let inverse = Inverse::restore(&mut tx, &card).await?.with_comment(added);
    let transition = effect(core, &mut tx, &card, &found, &params, go_on, row.summary).await?;
    let after = kanban::apply(core, &mut tx, actor, &card, transition).await?;
    let undo = kanban::offer_undo(core, &mut tx, actor, &after, &inverse).await?;
    store::set_undo(&mut tx, params.id, undo).await?;
    tx.commit().await?;
    outcome(core, params.id, true).await
}

/// Settles what a card asks by another attempt, where that is one of the answers; with the transition goes the rest.
/// Returns what was settled, for [`remember_undo`].
pub(crate) async fn settle_by_retry(
    tx: &mut SqliteConnection,
    actor: &Actor,
    card: &CardRow,
    comment: &str,
    now: i64,
) -> Result<Option<DecisionId>, KanbanError> {
    let Some(id) = card.open_decision_id else { return Ok(None) };
    let found = view_in(tx, id, now).await?;
    let verb = DecisionVerb::Retry;
    if !found.kind.verbs().contains(&verb) {
        return Ok(None);
    }
    let params = SettleDecisionParams { id, version: found.version, verb, comment: comment.to_owned() };
    if store::settle(tx, &params, comment, actor, now).await?.is_none() {
        return Ok(None);
    }
    record_settled(tx, actor, card, &found, verb, now).await?;
    Ok(Some(id))
}

/// How a settled decision's answer is taken back.
pub(crate) async fn remember_undo(
    tx: &mut SqliteConnection,
    id: DecisionId,
    undo: Option<UndoId>,
) -> Result<(), KanbanError> {
    store::set_undo(tx, id, undo).await
}

async fn record_settled(
    tx: &mut SqliteConnection,
    actor: &Actor,
    card: &CardRow,
    found: &DecisionView,
    verb: DecisionVerb,
    now: i64,
) -> Result<(), KanbanError> {
    let detail = serde_json::json!({ "decision": found.id, "kind": found.kind.as_str(), "verb": verb.as_str() });
    audit::record(tx, now, actor, "decision_settled", &card.object(), &detail).await?;
    Ok(())
}

fn check(found: &DecisionView, params: &SettleDecisionParams, comment: &str) -> Result<(), KanbanError> {
    if found.version != params.version {
        return Err(KanbanError::Conflict("the question has changed since you opened it; look at it again".into()));
    }
    if !found.kind.verbs().contains(&params.verb) {
        let verbs: Vec<&str> = found.kind.verbs().iter().map(|verb| verb.as_str()).collect();
        return Err(KanbanError::Invalid(format!(
            "a {} is settled by {}, not by {}",
            found.kind,
            verbs.join(" or "),
            params.verb
        )));
    }
    if params.verb.needs_comment() && comment.is_empty() {
        return Err(KanbanError::Invalid("say in a sentence what the worker shall know".into()));
    }
    Ok(())
}

/// What the answer does to the card.
async fn effect(
    core: &Core,
    tx: &mut SqliteConnection,
    card: &CardRow,
    found: &DecisionView,
    params: &SettleDecisionParams,
    go_on: bool,
    summary: String,
) -> Result<Transition, KanbanError> {
    let to = match params.verb {
        DecisionVerb::Approve if found.kind == DecisionKind::Review && !go_on => CardState::Done,
        DecisionVerb::Archive => CardState::Archived,
        DecisionVerb::Approve | DecisionVerb::SendBack | DecisionVerb::Answer | DecisionVerb::Retry => {
            if kanban::has_unfinished_parent(tx, card.id).await? {
                CardState::Todo
            } else {
                CardState::Ready
            }
        }
    };
    let mut transition = Transition::new(Cause::Settle, to, "decision_settled");
    transition.detail = serde_json::json!({ "verb": params.verb.as_str(), "kind": found.kind.as_str() });
    transition.failures = Failures::Reset;
    transition.new_budget = true;
    transition.hold_until = Some(core.now_ms() + RELEASE_HOLD_MS);
    transition.settled = Some(params.id);
    if to == CardState::Done && !summary.trim().is_empty() {
        transition.summary = Some(summary);
    }
    Ok(transition)
}

async fn outcome(core: &Core, id: DecisionId, by_you: bool) -> Result<SettleDecisionOutcome, KanbanError> {
    let mut reader = core.store().reader().begin().await?;
    let mut decision = view_in(&mut reader, id, core.now_ms()).await?;
    if let Some(settlement) = &mut decision.settlement {
        settlement.by_you = by_you;
    }
    let next = store::first_open(&mut reader).await?;
    let left = store::open_count(&mut reader).await?;
    reader.rollback().await?;
    Ok(SettleDecisionOutcome { card_id: decision.card.id, decision, next, left })
}
