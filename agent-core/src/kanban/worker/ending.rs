//! How a run ends by its worker's own word: finished, stopped for a person or for another card, or failed.

use std::path::PathBuf;

use protocol::{BlockKind, CardRef, CardState, DecisionKind, RunOutcome};
use sqlx::SqliteConnection;

use super::files::{keep, stage};
use super::{Owned, RunTicket, end_activity, own, planning};
use crate::kanban::card_row::CardRow;
use crate::kanban::transition::{self, Cause, Failures, RunEnd, Transition};
use crate::kanban::{KanbanError, input, pause, recovery, store};
use crate::{Core, decisions, text};

/// What a worker hands over with its card.
#[derive(Debug, Clone, Default)]
pub struct Handover {
    /// Files of its workspace that become files of the card.
    pub artifacts: Vec<PathBuf>,
    /// Cards it says it made; invented ones are refused.
    pub created_cards: Vec<CardRef>,
    /// After an approval the worker goes on, instead of the card being done.
    pub then_continue: bool,
}

/// Finishes the card.
///
/// # Errors
/// `Fenced`, or `Invalid` for a blank summary.
pub async fn complete(
    core: &Core,
    ticket: RunTicket,
    summary: &str,
    metadata: Option<serde_json::Value>,
) -> Result<(), KanbanError> {
    complete_with(core, ticket, summary, metadata, &Handover::default()).await
}

/// Finishes the card and keeps files of the workspace with it.
///
/// # Errors
/// `Fenced`, or `Invalid` for a blank summary or a file that is missing, outside the workspace or too big; nothing is
/// changed then.
pub async fn complete_with(
    core: &Core,
    ticket: RunTicket,
    summary: &str,
    metadata: Option<serde_json::Value>,
    handover: &Handover,
) -> Result<(), KanbanError> {
    let summary = text::redact(input::needed_text("summary", summary)?);
    let metadata = check_metadata(metadata)?;
    let created = planning::check_created(core, ticket, &handover.created_cards).await?;
    let files = stage(core, ticket, &handover.artifacts).await?;
    let mut tx = core.write().await?;
    let mut owned = own(&mut tx, ticket).await?;
    let kept = keep(core, &mut tx, ticket, &mut owned, files).await?;
    let mut transition = Transition::new(Cause::Complete, CardState::Done, "completed");
    transition.failures = Failures::Reset;
    transition.summary = Some(summary.clone());
    transition.detail = serde_json::json!({ "summary": text::excerpt(&summary, 400) });
    if !created.is_empty() {
        transition.detail["created"] = created.into();
    }
    let said = Some(summary.clone());
    transition.run_end = Some(RunEnd { outcome: RunOutcome::Completed, summary: said, error: None, metadata });
    finish(core, &mut tx, ticket, &owned, transition, RunOutcome::Completed).await?;
    planning::note_unknown(core, &mut tx, ticket, &owned, &summary).await?;
    tx.commit().await?;
    kept.done();
    Ok(())
}

fn check_metadata(metadata: Option<serde_json::Value>) -> Result<Option<String>, KanbanError> {
    match metadata {
        None | Some(serde_json::Value::Null) => Ok(None),
        Some(value @ serde_json::Value::Object(_)) => {
            let json = value.to_string();
            Ok(Some(text::redact(input::long_text("metadata", &json)?)))
        }
        Some(_) => Err(KanbanError::Invalid("metadata must be a JSON object".into())),
    }
}

/// The last entry of the activity, and the change of state.
async fn finish(
    core: &Core,
    tx: &mut SqliteConnection,
    ticket: RunTicket,
    owned: &Owned,
    transition: Transition,
    outcome: RunOutcome,
) -> Result<CardRow, KanbanError> {
    let why = transition.run_end.as_ref().and_then(|end| end.error.as_deref()).unwrap_or_default();
    let said = (!outcome.is_failure(), why);
    end_activity(tx, ticket.run, owned.events, outcome, said, core.now_ms()).await?;
    // The others first: what was tried in vain may fail once more.
    pause::resume(tx, &owned.profile, core.now_ms() + recovery::AFTER_REST_MS).await?;
    transition::apply(core, tx, &owned.actor(ticket), &owned.card, transition).await
}

/// Stops for a person, or for a parent that is unfinished. A reason starting "review-required:" is a review whatever
/// the kind. Returns the kind it became.
///
/// # Errors
/// `Fenced`, or `Invalid` for a blank reason.
pub async fn block(
    core: &Core,
    ticket: RunTicket,
    kind: Option<BlockKind>,
    reason: &str,
    summary: &str,
    options: Vec<String>,
) -> Result<BlockKind, KanbanError> {
    let words = BlockWords { kind, reason, summary, options: &options };
    block_with(core, ticket, words, &Handover::default()).await
}

/// Why a worker stops, in its words.
#[derive(Debug, Clone, Copy)]
pub struct BlockWords<'a> {
    /// What it needs; a question when it does not say.
    pub kind: Option<BlockKind>,
    /// What it asks, not blank.
    pub reason: &'a str,
    /// What it did so far.
    pub summary: &'a str,
    /// Answers to choose from.
    pub options: &'a [String],
}

/// The same, with files of the workspace, and with what an approval leads to.
///
/// # Errors
/// As [`block`]; `Invalid` for a file that is missing, outside the workspace or too big, and when anything but a
/// review shall go on after an approval. Nothing is changed then.
pub async fn block_with(
    core: &Core,
    ticket: RunTicket,
    words: BlockWords<'_>,
    handover: &Handover,
) -> Result<BlockKind, KanbanError> {
    let BlockWords { kind, reason, summary, options } = words;
    let reason = text::redact(input::needed_text("reason", reason)?.trim());
    let summary = text::redact(input::long_text("summary", summary)?.trim());
    let options: Vec<String> = options.iter().map(|option| text::redact(option)).collect();
    let (kind, reason) = match reason.strip_prefix("review-required:") {
        Some(rest) => {
            (BlockKind::Review, if rest.trim().is_empty() { summary.clone() } else { rest.trim().to_owned() })
        }
        None => (kind.unwrap_or(BlockKind::NeedsInput), reason),
    };
    if handover.then_continue && kind != BlockKind::Review {
        return Err(KanbanError::Invalid(
            "only a review says what follows an approval; any other answer brings the card back to you".into(),
        ));
    }
    let files = stage(core, ticket, &handover.artifacts).await?;
    let mut tx = core.write().await?;
    let mut owned = own(&mut tx, ticket).await?;
    let kept = keep(core, &mut tx, ticket, &mut owned, files).await?;
    let waits = store::has_unfinished_parent(&mut tx, owned.card.id).await?;
    let kind = if kind == BlockKind::Dependency && !waits { BlockKind::NeedsInput } else { kind };
    let (cause, to, outcome) = match kind {
        BlockKind::Review => (Cause::AskReview, CardState::Review, RunOutcome::Review),
        BlockKind::Dependency => (Cause::AwaitParent, CardState::Todo, RunOutcome::Blocked),
        BlockKind::NeedsInput | BlockKind::Capability | BlockKind::Transient => {
            (Cause::AskInput, CardState::Blocked, RunOutcome::Blocked)
        }
    };
    let mut transition = Transition::new(cause, to, "blocked");
    transition.failures = Failures::Reset;
    transition.detail = serde_json::json!({ "kind": kind.as_str(), "reason": text::excerpt(&reason, 400) });
    let said = if summary.is_empty() { reason.clone() } else { summary.clone() };
    if kind == BlockKind::Review {
        // It is the card's result, however the review ends: by an answer, or by hand.
        transition.summary = Some(said.clone());
    }
    transition.run_end = Some(RunEnd { outcome, summary: Some(said.clone()), error: None, metadata: None });
    let card = finish(core, &mut tx, ticket, &owned, transition, outcome).await?;
    if kind == BlockKind::Review {
        planning::note_unknown(core, &mut tx, ticket, &owned, &said).await?;
    }
    if to != CardState::Todo {
        let new = decisions::NewDecision {
            kind: if kind == BlockKind::Review { DecisionKind::Review } else { DecisionKind::Question },
            card: &card,
            run: Some(ticket.run),
            profile: &owned.profile,
            ask: &reason,
            summary: &summary,
            options: &options,
            then_continue: handover.then_continue,
        };
        decisions::open(core, &mut tx, new).await?;
    }
    tx.commit().await?;
    kept.done();
    Ok(kind)
}

/// Ends the run without a result: counts as the outcome says. `retry_after_ms` delays the next attempt.
///
/// # Errors
/// `Fenced` when the card is no longer this run's.
pub async fn fail(
    core: &Core,
    ticket: RunTicket,
    outcome: RunOutcome,
    error: &str,
    retry_after_ms: Option<i64>,
) -> Result<(), KanbanError> {
    let error = text::redact(error);
    let mut tx = core.write().await?;
    let owned = own(&mut tx, ticket).await?;
    let failed =
        recovery::FailedRun { run: ticket.run, card: &owned.card, profile: &owned.profile, events: owned.events };
    let failure = recovery::Failure { outcome, error: &error, retry_after_ms, is_reported: true };
    recovery::fail_in(core, &mut tx, &failed, &failure).await?;
    tx.commit().await?;
    Ok(())
}
