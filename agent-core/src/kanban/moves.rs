//! What people do with cards: move, schedule, block, finish, take back from a worker, delete.

use protocol::{BoardId, CardField, CardId, CardRef, CardState, CardWritten, EditCardParams, MoveCardParams};
use sqlx::SqliteConnection;

use super::boards::load_for_write;
use super::card_row::{self, CardRow, load};
use super::comments::comment_in;
use super::create::open_question;
use super::deleted::Was;
use super::edit::{changed_meanwhile, edit_in, require_revision, written};
use super::event::{self, NewEvent};
use super::transition::{self, Cause, Failures, Place, RunEnd, Transition};
use super::undo::{self, Inverse};
use super::{KanbanError, input, rank, store, view};
use crate::{Actor, Core, audit};

/// The furthest a card can be scheduled ahead: five years.
pub(crate) const MAX_AHEAD_MS: i64 = 5 * 366 * 24 * 3_600_000;

/// Moves a card by hand, or gives it another place in its column.
///
/// # Errors
/// `Conflict` for an illegal move, with the legal ones, and for a stale revision.
pub async fn move_card(core: &Core, actor: &Actor, params: MoveCardParams) -> Result<CardWritten, KanbanError> {
    let mut tx = core.write().await?;
    let before = load_for_write(&mut tx, CardRef::Id(params.id)).await?;
    require_revision(&before, params.revision)?;
    let neighbours = Neighbours { after: params.after, before: params.before };
    let Some((card, inverse)) = move_in(core, &mut tx, actor, &before, params.to, neighbours).await? else {
        return written(core, before.id, None).await;
    };
    let undo = undo::offer(core, &mut tx, actor, &card, &inverse).await?;
    tx.commit().await?;
    written(core, card.id, undo).await
}

/// Where in a column a card is put.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Neighbours {
    pub(super) after: Option<CardId>,
    pub(super) before: Option<CardId>,
}

/// Moves a card inside a transaction; `None` when it is there already.
pub(super) async fn move_in(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    before: &CardRow,
    to: CardState,
    neighbours: Neighbours,
) -> Result<Option<(CardRow, Inverse)>, KanbanError> {
    let inverse = Inverse::restore(tx, before).await?;
    let place = wanted_place(tx, before.id, before.board_id, to, neighbours).await?;
    if to == before.state {
        let Place::At(rank) = place else { return Ok(None) };
        return Ok(Some((reorder(core, tx, actor, before, &rank).await?, inverse)));
    }
    let target = with_parents(tx, before, to).await?;
    let mut transition = Transition::new(Cause::Person, target, "moved");
    transition.place = if target == to { place } else { Place::Usual };
    transition.failures = Failures::Reset;
    transition.new_budget = true;
    if before.state == CardState::Running {
        transition.run_end = Some(RunEnd::reclaimed(format!("{} moved the card to {target}", actor.name())));
    }
    if !transition::is_legal(Cause::Person, before.state, to) {
        transition.to = to; // refused with the target the person chose
    }
    Ok(Some((transition::apply(core, tx, actor, before, transition).await?, inverse)))
}

/// Between waiting for parents and waiting for a worker the parents decide.
async fn with_parents(tx: &mut SqliteConnection, card: &CardRow, to: CardState) -> Result<CardState, KanbanError> {
    if !matches!(to, CardState::Ready | CardState::Todo) {
        return Ok(to);
    }
    let waits = store::has_unfinished_parent(tx, card.id).await?;
    match (to, waits) {
        (CardState::Ready, true) if card.state == CardState::Todo => Err(waits_for_parents(tx, card).await?),
        (_, true) => Ok(CardState::Todo),
        (_, false) => Ok(CardState::Ready),
    }
}

pub(super) async fn waits_for_parents(tx: &mut SqliteConnection, card: &CardRow) -> Result<KanbanError, KanbanError> {
    let first = view::unfinished_parents(tx, card.id).await?;
    let names: Vec<String> = first.iter().map(|(number, _)| format!("T-{number}")).collect();
    let total = first.first().map_or(0, |(_, total)| *total);
    let more = total - i64::try_from(names.len()).unwrap_or(total);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Ok(KanbanError::Conflict(format!(
        "{} waits for {}{more}; finish or archive what it waits for, or remove the link",
        card.label(),
        names.join(", ")
    )))
}

async fn reorder(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    card: &CardRow,
    rank: &str,
) -> Result<CardRow, KanbanError> {
    let now = core.now_ms();
    if !store::set_rank(tx, card, rank, now).await? {
        return Err(changed_meanwhile(card));
    }
    let detail = serde_json::json!({});
    audit::record(tx, now, actor, "reordered", &card.object(), &detail).await?;
    event::append(tx, NewEvent { card, run: None, kind: "reordered", actor, detail, at: now }).await?;
    load(tx, CardRef::Id(card.id)).await
}

/// The rank between the neighbours the mover named. A neighbour that has left the column meanwhile is ignored.
async fn wanted_place(
    tx: &mut SqliteConnection,
    card: CardId,
    board: BoardId,
    state: CardState,
    neighbours: Neighbours,
) -> Result<Place, KanbanError> {
    if let Some(after) = neighbours.after {
        let neighbour = load(tx, CardRef::Id(after)).await?;
        if neighbour.state == state && neighbour.board_id == board {
            let high = store::rank_after(tx, board, state, &neighbour.rank, card).await?;
            return Ok(Place::At(rank::between(Some(&neighbour.rank), high.as_deref())));
        }
    }
    if let Some(before) = neighbours.before {
        let neighbour = load(tx, CardRef::Id(before)).await?;
        if neighbour.state == state && neighbour.board_id == board {
            let low = store::rank_before(tx, board, state, &neighbour.rank, card).await?;
            return Ok(Place::At(rank::between(low.as_deref(), Some(&neighbour.rank))));
        }
    }
    Ok(Place::Usual)
}

/// Starts a card later: it waits in `scheduled` until `at`, Unix ms. A worker that has it is ended.
///
/// # Errors
/// `Invalid` for a time that is past or more than five years ahead; `Conflict` for a finished or asking card.
pub async fn schedule_card(core: &Core, actor: &Actor, card: CardRef, at: i64) -> Result<CardWritten, KanbanError> {
    schedule_with(core, actor, card, at, "").await
}

/// The same, with the reason as a comment, which is taken back with it.
///
/// # Errors
/// As [`schedule_card`]; `Invalid` for an endless reason.
pub async fn schedule_with(
    core: &Core,
    actor: &Actor,
    card: CardRef,
    at: i64,
    reason: &str,
) -> Result<CardWritten, KanbanError> {
    let reason = input::long_text("reason", reason)?.trim();
    let mut tx = core.write().await?;
    let before = load_for_write(&mut tx, card).await?;
    let (card, inverse) = schedule_in(core, &mut tx, actor, &before, at).await?;
    let comment = match reason {
        "" => None,
        text => Some(comment_in(&mut tx, actor, &card, text, None, core.now_ms()).await?),
    };
    let undo = undo::offer(core, &mut tx, actor, &card, &inverse.with_comment(comment)).await?;
    tx.commit().await?;
    written(core, card.id, undo).await
}

pub(super) async fn schedule_in(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    before: &CardRow,
    at: i64,
) -> Result<(CardRow, Inverse), KanbanError> {
    let now = core.now_ms();
    if at <= now || at > now + MAX_AHEAD_MS {
        return Err(KanbanError::at(CardField::ScheduledAt, "choose a time in the future, at most five years ahead"));
    }
    let inverse = Inverse::restore(tx, before).await?;
    if before.state == CardState::Scheduled {
        if !store::set_scheduled(tx, before, Some(at), now).await? {
            return Err(changed_meanwhile(before));
        }
        let detail = serde_json::json!({ "at": at });
        audit::record(tx, now, actor, "scheduled", &before.object(), &detail).await?;
        event::append(tx, NewEvent { card: before, run: None, kind: "scheduled", actor, detail, at: now }).await?;
        return Ok((load(tx, CardRef::Id(before.id)).await?, inverse));
    }
    let mut transition = Transition::new(Cause::Schedule, CardState::Scheduled, "scheduled");
    transition.scheduled_at = Some(at);
    transition.detail = serde_json::json!({ "at": at });
    if before.state == CardState::Running {
        transition.run_end = Some(RunEnd::reclaimed(format!("{} scheduled the card for later", actor.name())));
    }
    Ok((transition::apply(core, tx, actor, before, transition).await?, inverse))
}

/// Blocks a card that no worker has, which opens a question; ends the run of one that is running.
///
/// # Errors
/// `Conflict` when the card is finished or asks already.
pub async fn block_card(core: &Core, actor: &Actor, card: CardRef, reason: &str) -> Result<CardWritten, KanbanError> {
    let reason = input::needed_text("reason", reason)?;
    let mut tx = core.write().await?;
    let before = load_for_write(&mut tx, card).await?;
    let inverse = Inverse::restore(&mut tx, &before).await?;
    let mut transition = Transition::new(Cause::AskInput, CardState::Blocked, "blocked");
    transition.detail = serde_json::json!({ "reason": crate::text::excerpt(reason, 400) });
    transition.run_end = Some(RunEnd::reclaimed(format!("{} blocked the card", actor.name())));
    let blocked = transition::apply(core, &mut tx, actor, &before, transition).await?;
    open_question(core, &mut tx, &blocked, reason).await?;
    let undo = undo::offer(core, &mut tx, actor, &blocked, &inverse).await?;
    tx.commit().await?;
    written(core, blocked.id, undo).await
}

/// Finishes a card by hand.
///
/// # Errors
/// `Conflict` when it is finished already.
pub async fn complete_card(
    core: &Core,
    actor: &Actor,
    card: CardRef,
    summary: &str,
) -> Result<CardWritten, KanbanError> {
    let summary = input::long_text("summary", summary)?.trim();
    let mut tx = core.write().await?;
    let before = load_for_write(&mut tx, card).await?;
    let inverse = Inverse::restore(&mut tx, &before).await?;
    let mut transition = Transition::new(Cause::Person, CardState::Done, "completed");
    transition.failures = Failures::Reset;
    transition.summary = (!summary.is_empty()).then(|| summary.to_owned());
    transition.run_end = Some(RunEnd::reclaimed(format!("{} finished the card", actor.name())));
    let done = transition::apply(core, &mut tx, actor, &before, transition).await?;
    let undo = undo::offer(core, &mut tx, actor, &done, &inverse).await?;
    tx.commit().await?;
    written(core, done.id, undo).await
}

/// Rewrites the result of a finished card.
///
/// # Errors
/// `Conflict` when it is not finished, `Invalid` for a blank or endless text.
pub async fn edit_result(core: &Core, actor: &Actor, card: CardRef, summary: &str) -> Result<CardWritten, KanbanError> {
    let summary = input::needed_text("summary", summary)?.trim();
    let mut tx = core.write().await?;
    let before = load_for_write(&mut tx, card).await?;
    if before.state != CardState::Done {
        return Err(KanbanError::Conflict(format!(
            "{} is in {}; only a finished card has a result to rewrite",
            before.label(),
            before.state.title()
        )));
    }
    let inverse = Inverse::restore(&mut tx, &before).await?;
    let now = core.now_ms();
    if !store::set_summary(&mut tx, &before, Some(summary), now).await? {
        return Err(changed_meanwhile(&before));
    }
    let detail = serde_json::json!({ "summary": crate::text::excerpt(summary, 400) });
    audit::record(&mut tx, now, actor, "edited", &before.object(), &detail).await?;
    event::append(&mut tx, NewEvent { card: &before, run: None, kind: "edited", actor, detail, at: now }).await?;
    let after = load(&mut tx, CardRef::Id(before.id)).await?;
    let undo = undo::offer(core, &mut tx, actor, &after, &inverse).await?;
    tx.commit().await?;
    written(core, after.id, undo).await
}

/// Takes a running card back from its worker, which is ended; another attempt follows at once.
///
/// # Errors
/// `Conflict` when no worker has it.
pub async fn reclaim_card(core: &Core, actor: &Actor, card: CardRef, reason: &str) -> Result<CardWritten, KanbanError> {
    let reason = input::long_text("reason", reason)?.trim();
    let mut tx = core.write().await?;
    // Also on a board that was put away: no worker is kept because of it.
    let before = load(&mut tx, card).await?;
    if before.state != CardState::Running {
        return Err(KanbanError::Conflict(format!(
            "{} is in {}; no worker has it",
            before.label(),
            before.state.title()
        )));
    }
    let inverse = Inverse::restore(&mut tx, &before).await?;
    let after = reclaim_in(core, &mut tx, actor, &before, reason).await?;
    let undo = undo::offer(core, &mut tx, actor, &after, &inverse).await?;
    tx.commit().await?;
    written(core, after.id, undo).await
}

async fn reclaim_in(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    before: &CardRow,
    reason: &str,
) -> Result<CardRow, KanbanError> {
    let waits = store::has_unfinished_parent(tx, before.id).await?;
    let to = if waits { CardState::Todo } else { CardState::Ready };
    let mut transition = Transition::new(Cause::Person, to, "reclaimed");
    transition.failures = Failures::Reset;
    transition.new_budget = true;
    let said = if reason.is_empty() { String::new() } else { format!(": {}", crate::text::excerpt(reason, 400)) };
    transition.detail = serde_json::json!({ "manual": true, "reason": crate::text::excerpt(reason, 400) });
    transition.run_end = Some(RunEnd::reclaimed(format!("{} took the card back{said}", actor.name())));
    transition::apply(core, tx, actor, before, transition).await
}

/// Gives a card to another profile; with a reason to reclaim it, also one that a worker has, which is ended then. Both
/// happen, or neither, and both are taken back together.
///
/// # Errors
/// `Invalid` for what can be no profile, `Conflict` while a worker has it and there is no reason to reclaim it.
pub async fn reassign_card(
    core: &Core,
    actor: &Actor,
    card: CardRef,
    profile: &str,
    reclaim: Option<&str>,
) -> Result<CardWritten, KanbanError> {
    let reason = reclaim.map(|reason| input::long_text("reason", reason)).transpose()?.map(str::trim);
    let mut tx = core.write().await?;
    let before = load_for_write(&mut tx, card).await?;
    let inverse = Inverse::restore(&mut tx, &before).await?;
    let taken = match reason.filter(|_| before.state == CardState::Running) {
        Some(reason) => Some(reclaim_in(core, &mut tx, actor, &before, reason).await?),
        None => None,
    };
    let now_is = taken.as_ref().unwrap_or(&before);
    let params =
        EditCardParams { assignee: Some(profile.to_owned()), ..EditCardParams::of(now_is.id, now_is.revision) };
    let edited = edit_in(core, &mut tx, actor, now_is, &params).await?.map(|(card, _)| card);
    let Some(after) = edited.or(taken) else { return written(core, before.id, None).await };
    let undo = undo::offer(core, &mut tx, actor, &after, &inverse).await?;
    tx.commit().await?;
    written(core, after.id, undo).await
}

/// Deletes softly. A running card's worker is ended; children stop waiting for it.
///
/// # Errors
/// `NotFound` when it is deleted already.
pub async fn delete_card(core: &Core, actor: &Actor, card: CardRef) -> Result<CardWritten, KanbanError> {
    let mut tx = core.write().await?;
    let before = load_for_write(&mut tx, card).await?;
    let (deleted, inverse) = delete_in(core, &mut tx, actor, &before).await?;
    let undo = undo::offer(core, &mut tx, actor, &deleted, &inverse).await?;
    tx.commit().await?;
    let mut face = view::face_of_deleted(core, deleted.id).await?;
    face.state = before.state;
    Ok(CardWritten { card: face, undo })
}

pub(super) async fn delete_in(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    before: &CardRow,
) -> Result<(CardRow, Inverse), KanbanError> {
    let inverse = Inverse::restore(tx, before).await?;
    // Through the archive, so that run, decision and children are told by the one function that does it.
    let archived = if before.state == CardState::Archived {
        before.clone()
    } else {
        let transition = Transition::new(Cause::Person, CardState::Archived, "moved");
        transition::apply(core, tx, actor, before, transition).await?
    };
    let now = core.now_ms();
    if !store::set_deleted(tx, &archived, Some(now), now).await? {
        return Err(changed_meanwhile(&archived));
    }
    let detail = serde_json::json!({ "title": before.title, "was": Was::of(before) });
    audit::record(tx, now, actor, "deleted", &before.object(), &detail).await?;
    event::append(tx, NewEvent { card: before, run: None, kind: "deleted", actor, detail, at: now }).await?;
    Ok((card_row::load_any(tx, CardRef::Id(before.id)).await?, inverse))
}
