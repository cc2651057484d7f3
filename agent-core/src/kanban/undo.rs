//! Taking a write back: the inverse operation is stored with the write, for ten minutes, usable from any device.

use protocol::{
    AttachmentId, BoardId, BulkRefusal, CardId, CardRef, CardState, CommentId, DecisionId, UndoId, UndoResult,
};
use serde::{Deserialize, Serialize};
use sqlx::{Connection, SqliteConnection};

use super::board_undo::{self, BoardInverse};
use super::card_row::{self, CardRow};
use super::deleted::Was;
use super::edit::{changed_meanwhile, write_fields};
use super::event::{self, NewEvent};
use super::place::PlaceSaid;
use super::transition::{self, Cause, Failures, Place, Transition};
use super::undo_store::{self, Subject, TakenUndo, UndoKind};
use super::{KanbanError, attachments, board_store, links, store, view};
use crate::{Actor, Core, decisions};

/// How long a write can be taken back.
pub(crate) const UNDO_WINDOW_MS: i64 = 10 * 60 * 1000;

/// What takes a write back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Inverse {
    /// The card did not exist before.
    Delete,
    /// The card was like this before.
    Restore(Box<Before>),
    /// The comment was not there before.
    Uncomment {
        /// The comment.
        comment: CommentId,
    },
    /// The file was not there before.
    Detach {
        /// The file.
        attachment: AttachmentId,
    },
    /// The file was there before.
    Attach {
        /// The file.
        attachment: AttachmentId,
    },
    /// The link was there before.
    Link {
        /// The card that has to be finished first.
        parent: CardId,
        /// The card that waits.
        child: CardId,
    },
    /// The link was not there before.
    Unlink {
        /// The card that has to be finished first.
        parent: CardId,
        /// The card that waits.
        child: CardId,
    },
    /// The decision was put off until then, or was not.
    Snooze {
        /// The decision.
        decision: DecisionId,
        /// Until when.
        until: Option<i64>,
    },
}

/// What of a card a person can change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Before {
    title: String,
    body: String,
    priority: i32,
    assignee: Option<String>,
    labels: Vec<String>,
    tenant: Option<String>,
    skills: String,
    model: Option<String>,
    due_at: Option<i64>,
    repeat: Option<String>,
    max_attempts: Option<u32>,
    max_runtime_s: Option<u32>,
    max_tokens: Option<i64>,
    max_cost_micros: Option<i64>,
    scheduled_at: Option<i64>,
    summary: Option<String>,
    state: CardState,
    rank: String,
    failures: u32,
    deleted: bool,
    decision: Option<DecisionId>,
    /// The comment that the write added.
    comment: Option<CommentId>,
    /// The card's revision then.
    #[serde(default)]
    revision: i64,
    /// Where its worker worked, when the write changed that. Else it is left alone: a run that begins says where it works
    /// without being a write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<PlaceSaid>,
}

impl Before {
    async fn of(tx: &mut SqliteConnection, before: &CardRow) -> Result<Self, KanbanError> {
        let labels = store::labels_of(tx, before.id).await?;
        Ok(Self {
            title: before.title.clone(),
            body: before.body.clone(),
            priority: before.priority,
            assignee: before.assignee.clone(),
            labels,
            tenant: before.tenant.clone(),
            skills: before.skills.clone(),
            model: before.model.clone(),
            due_at: before.due_at,
            repeat: before.repeat.clone(),
            max_attempts: before.max_attempts,
            max_runtime_s: before.max_runtime_s,
            max_tokens: before.max_tokens,
            max_cost_micros: before.max_cost_micros,
            scheduled_at: before.scheduled_at,
            summary: before.summary.clone(),
            state: before.state,
            rank: before.rank.clone(),
            failures: before.failures,
            deleted: before.deleted_at.is_some(),
            decision: before.open_decision_id,
            comment: None,
            revision: before.revision,
            place: None,
        })
    }
}

impl Inverse {
    pub(crate) async fn restore(tx: &mut SqliteConnection, before: &CardRow) -> Result<Self, KanbanError> {
        Ok(Self::Restore(Box::new(Before::of(tx, before).await?)))
    }

    /// The same, and where its worker worked.
    pub(crate) fn with_place(mut self, card: &CardRow) -> Self {
        if let Self::Restore(before) = &mut self {
            before.place = Some(PlaceSaid::by(card));
        }
        self
    }

    pub(crate) fn with_comment(mut self, added: Option<CommentId>) -> Self {
        if let Self::Restore(before) = &mut self {
            before.comment = added;
        }
        self
    }

    /// Whether the card must still be as the write left it. Comments and links stand beside the card.
    fn needs_revision(&self) -> bool {
        matches!(self, Self::Delete | Self::Restore(_))
    }
}

/// Remembers how to take back a person's write that led to `after`. Other actors get no undo.
pub(crate) async fn offer(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    after: &CardRow,
    inverse: &Inverse,
) -> Result<Option<UndoId>, KanbanError> {
    offer_in(core, tx, actor, after, inverse, None).await
}

/// The same, as one of several writes that are taken back together.
pub(super) async fn offer_in(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    after: &CardRow,
    inverse: &Inverse,
    batch: Option<UndoId>,
) -> Result<Option<UndoId>, KanbanError> {
    let subject = Subject::Card(after.id, after.revision);
    remember(core, tx, actor, subject, inverse, (UndoKind::Write, batch)).await
}

/// Keeps an entry, for a person.
pub(super) async fn remember(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    subject: Subject,
    inverse: &impl Serialize,
    (kind, batch): (UndoKind, Option<UndoId>),
) -> Result<Option<UndoId>, KanbanError> {
    if !actor.is_person() {
        return Ok(None);
    }
    let json = serde_json::to_string(inverse)
        .map_err(|error| KanbanError::Invalid(format!("this change cannot be remembered for undo: {error}")))?;
    let now = core.now_ms();
    let undo = undo_store::NewUndo {
        actor: &actor.label(),
        subject,
        inverse: &json,
        batch,
        kind,
        now,
        keep_after: now - 6 * UNDO_WINDOW_MS,
    };
    Ok(Some(undo_store::insert_undo(tx, &undo).await?))
}

/// The newest write of this person that can still be taken back, from whatever device it was made.
///
/// # Errors
/// When the database fails.
pub async fn last_undo(core: &Core, actor: &Actor) -> Result<Option<UndoId>, KanbanError> {
    let mut reader = core.store().reader().acquire().await?;
    undo_store::last_undo(&mut reader, &actor.label(), false, core.now_ms() - UNDO_WINDOW_MS).await
}

/// What this person took back last and can have again, unless they have written something since.
///
/// # Errors
/// When the database fails.
pub async fn last_redo(core: &Core, actor: &Actor) -> Result<Option<UndoId>, KanbanError> {
    let mut reader = core.store().reader().acquire().await?;
    undo_store::last_undo(&mut reader, &actor.label(), true, core.now_ms() - UNDO_WINDOW_MS).await
}

/// Takes a write back, or several that were made together. Of several, those whose card has moved on are refused and
/// the others are taken back.
///
/// # Errors
/// `Conflict` when ten minutes have passed, it was taken back already, or the card or the board has moved on since.
pub async fn undo(core: &Core, actor: &Actor, id: UndoId) -> Result<UndoResult, KanbanError> {
    let mut tx = core.write().await?;
    let batch = undo_store::undo_batch(&mut tx, id).await?;
    let redo = UndoId(store::new_id());
    let mut result =
        UndoResult { cards: Vec::new(), removed: Vec::new(), boards: Vec::new(), refused: Vec::new(), redo: None };
    let (mut touched, mut boards) = (Vec::new(), Vec::new());
    let mut note = |subject| match subject {
        Touched::Card(card) => touched.push(card),
        Touched::Board(board) => boards.push(board),
    };
    if batch.is_empty() {
        let (subject, again) = take_back(core, &mut tx, actor, id, redo).await?;
        note(subject);
        result.redo = again.then_some(redo);
    }
    for entry in batch {
        let mut step = tx.begin().await?;
        match take_back(core, &mut step, actor, entry, redo).await {
            Ok((subject, again)) => {
                step.commit().await?;
                note(subject);
                if again {
                    result.redo = Some(redo);
                }
            }
            // The whole is rolled back, and can be tried again.
            Err(error @ KanbanError::Internal(_)) => return Err(error),
            Err(error) => {
                step.rollback().await?;
                // A write to a board stands alone.
                let Some((id, number)) = undo_store::card_of_undo(&mut tx, entry).await? else { return Err(error) };
                result.refused.push(BulkRefusal { id, number: Some(number), reason: error.to_string() });
            }
        }
    }
    if touched.is_empty()
        && let Some(first) = result.refused.first()
    {
        return Err(KanbanError::Conflict(first.reason.clone()));
    }
    for board in boards {
        result.boards.push(board_store::by_id(&mut tx, board).await?);
    }
    tx.commit().await?;
    result.cards = view::cards(core, &touched).await?;
    result.removed = touched.into_iter().filter(|id| !result.cards.iter().any(|card| card.id == *id)).collect();
    Ok(result)
}

/// What was taken back was a write to this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Touched {
    Card(CardId),
    Board(BoardId),
}

/// Takes one write back. Also says whether it can be done again.
async fn take_back(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    id: UndoId,
    redo: UndoId,
) -> Result<(Touched, bool), KanbanError> {
    let now = core.now_ms();
    let Some(taken) = undo_store::take_undo(tx, id, now, now - UNDO_WINDOW_MS).await? else {
        return Err(match undo_store::undo_was_used(tx, id).await? {
            Some(true) => KanbanError::Conflict("this was taken back already".into()),
            Some(false) => KanbanError::Conflict("ten minutes have passed; change the card by hand instead".into()),
            None => KanbanError::NotFound("there is nothing to take back any more".into()),
        });
    };
    let TakenUndo { subject, inverse: json, kind } = taken;
    let next = if kind == UndoKind::TakenBack { UndoKind::DoneAgain } else { UndoKind::TakenBack };
    let unreadable = |error| KanbanError::Conflict(format!("this change cannot be taken back: {error}"));
    let (card_id, revision) = match subject {
        Subject::Card(card, revision) => (card, revision),
        Subject::Board(board) => {
            let inverse: BoardInverse = serde_json::from_str(&json).map_err(unreadable)?;
            let again = board_undo::take_back(core, tx, actor, board, inverse).await?;
            let offered = remember(core, tx, actor, subject, &again, (next, Some(redo))).await?;
            return Ok((Touched::Board(board), offered.is_some()));
        }
    };
    let inverse: Inverse = serde_json::from_str(&json).map_err(unreadable)?;
    let card = card_row::load_any(tx, CardRef::Id(card_id)).await?;
    if inverse.needs_revision() && card.revision != revision {
        return Err(KanbanError::Conflict(format!(
            "{} has moved on since and is {} now, so this can no longer be taken back",
            card.label(),
            card.state
        )));
    }
    let again = match inverse {
        Inverse::Delete => {
            let again = Inverse::restore(tx, &card).await?;
            remove(core, tx, actor, &card).await?;
            Some(again)
        }
        Inverse::Restore(before) => {
            // What a decision's answer set in motion is asked again, not done again.
            let repeatable = before.decision.is_none() && before.comment.is_none();
            let mut again = Inverse::restore(tx, &card).await?;
            if before.place.is_some() {
                again = again.with_place(&card);
            }
            let seen = before.revision;
            restore(core, tx, actor, card, *before, "undone").await?;
            let now_is = card_row::load_any(tx, CardRef::Id(card_id)).await?;
            undo_store::rebase_undo(tx, card_id, seen, now_is.revision).await?;
            repeatable.then_some(again)
        }
        Inverse::Uncomment { comment } => {
            store::delete_comment(tx, card_id, comment).await?;
            told(tx, actor, &card, ("undone", now)).await?;
            None
        }
        Inverse::Detach { attachment } => {
            attachments::undo_in(core, tx, actor, &card, attachment, true).await?;
            Some(Inverse::Attach { attachment })
        }
        Inverse::Attach { attachment } => {
            attachments::undo_in(core, tx, actor, &card, attachment, false).await?;
            Some(Inverse::Detach { attachment })
        }
        Inverse::Link { parent, child } => {
            let (parent_row, child_row) = ends(tx, parent, child).await?;
            links::link_in(core, tx, actor, &parent_row, &child_row).await?;
            Some(Inverse::Unlink { parent, child })
        }
        Inverse::Unlink { parent, child } => {
            let (parent_row, child_row) = ends(tx, parent, child).await?;
            links::unlink_in(core, tx, actor, &parent_row, &child_row).await?;
            Some(Inverse::Link { parent, child })
        }
        Inverse::Snooze { decision, until } => {
            // What would have come back by now comes back.
            let until = until.filter(|until| *until > now);
            let before = decisions::put_off(tx, actor, &card, (decision, until), now).await?;
            Some(Inverse::Snooze { decision, until: before })
        }
    };
    let Some(again) = again else { return Ok((Touched::Card(card_id), false)) };
    let after = card_row::load_any(tx, CardRef::Id(card_id)).await?;
    let after = Subject::Card(card_id, after.revision);
    let offered = remember(core, tx, actor, after, &again, (next, Some(redo))).await?;
    Ok((Touched::Card(card_id), offered.is_some()))
}

async fn ends(tx: &mut SqliteConnection, parent: CardId, child: CardId) -> Result<(CardRow, CardRow), KanbanError> {
    Ok((card_row::load(tx, CardRef::Id(parent)).await?, card_row::load(tx, CardRef::Id(child)).await?))
}

async fn told(
    tx: &mut SqliteConnection,
    actor: &Actor,
    card: &CardRow,
    (kind, at): (&'static str, i64),
) -> Result<(), KanbanError> {
    let detail = serde_json::json!({ "undo": true });
    crate::audit::record(tx, at, actor, kind, &card.object(), &detail).await?;
    event::append(tx, NewEvent { card, run: None, kind, actor, detail, at }).await
}

async fn remove(core: &Core, tx: &mut SqliteConnection, actor: &Actor, card: &CardRow) -> Result<(), KanbanError> {
    let archived = if card.state == CardState::Archived {
        card.clone()
    } else {
        transition::apply(core, tx, actor, card, Transition::new(Cause::Undo, CardState::Archived, "undone")).await?
    };
    let now = core.now_ms();
    if !store::set_deleted(tx, &archived, Some(now), now).await? {
        return Err(changed_meanwhile(&archived));
    }
    let detail = serde_json::json!({ "undo": true, "was": Was::of(card) });
    crate::audit::record(tx, now, actor, "deleted", &card.object(), &detail).await?;
    event::append(tx, NewEvent { card, run: None, kind: "deleted", actor, detail, at: now }).await
}

/// Brings a deleted card back to where it was. Nothing else of it can have changed since.
pub(super) async fn bring_back(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    card: CardRow,
    was: Was,
) -> Result<(), KanbanError> {
    let Was { state, rank, scheduled_at, decision } = was;
    let before = Before { deleted: false, state, rank, scheduled_at, decision, ..Before::of(tx, &card).await? };
    restore(core, tx, actor, card, before, "restored").await
}

/// Makes a card what it was before; `kind` is what the history calls it.
async fn restore(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    card: CardRow,
    before: Before,
    kind: &'static str,
) -> Result<(), KanbanError> {
    if before.deleted {
        return remove(core, tx, actor, &card).await;
    }
    let now = core.now_ms();
    let mut card = card;
    if card.deleted_at.is_some() {
        if !store::set_deleted(tx, &card, None, now).await? {
            return Err(changed_meanwhile(&card));
        }
        card = card_row::load(tx, CardRef::Id(card.id)).await?;
    }
    withdraw_next_occurrence(core, tx, actor, &card, before.state).await?;
    card = restore_fields(core, tx, actor, card, &before, kind).await?;
    // A worker that was stopped does not come back; the card waits for the next one. Between waiting for parents and
    // waiting for a worker the parents decide, as they are now.
    let target =
        match before.state {
            // A worker that is still at it goes on.
            CardState::Running if card.state == CardState::Running => CardState::Running,
            CardState::Running | CardState::Ready | CardState::Todo => {
                if store::has_unfinished_parent(tx, card.id).await? { CardState::Todo } else { CardState::Ready }
            }
            other => other,
        };
    if card.state == target {
        restore_place(tx, actor, &card, &before, target, (kind, now)).await?;
    } else {
        let mut transition = Transition::new(Cause::Undo, target, kind);
        transition.failures = Failures::Keep;
        transition.scheduled_at = before.scheduled_at;
        if before.state == target {
            transition.place = Place::At(before.rank);
        }
        card = transition::apply(core, tx, actor, &card, transition).await?;
    }
    if let Some(decision) = before.decision {
        decisions::reopen(tx, decision).await?;
        store::set_open_decision(tx, card.id, Some(decision)).await?;
    }
    if let Some(comment) = before.comment {
        store::delete_comment(tx, card.id, comment).await?;
    }
    Ok(())
}

/// A repeating card is no longer finished: the one that would come next goes, unless it was started.
async fn withdraw_next_occurrence(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    card: &CardRow,
    state: CardState,
) -> Result<(), KanbanError> {
    if card.state != CardState::Done || state == CardState::Done || card.repeat.is_none() {
        return Ok(());
    }
    if let Some(next) = store::next_occurrence(tx, card.id).await? {
        let next = card_row::load(tx, CardRef::Id(next)).await?;
        remove(core, tx, actor, &next).await?;
    }
    Ok(())
}

async fn restore_fields(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    card: CardRow,
    before: &Before,
    kind: &'static str,
) -> Result<CardRow, KanbanError> {
    let mut wanted = CardRow {
        title: before.title.clone(),
        body: before.body.clone(),
        priority: before.priority,
        assignee: before.assignee.clone(),
        failures: before.failures,
        tenant: before.tenant.clone(),
        skills: before.skills.clone(),
        model: before.model.clone(),
        due_at: before.due_at,
        repeat: before.repeat.clone(),
        max_attempts: before.max_attempts,
        max_runtime_s: before.max_runtime_s,
        max_tokens: before.max_tokens,
        max_cost_micros: before.max_cost_micros,
        ..card.clone()
    };
    if let Some(place) = &before.place {
        place.put_into(&mut wanted);
    }
    let mut card = card;
    if wanted != card || store::labels_of(tx, card.id).await? != before.labels {
        card = write_fields(core, tx, actor, &card, &wanted, &before.labels, kind).await?;
    }
    if card.summary != before.summary {
        if !store::set_summary(tx, &card, before.summary.as_deref(), core.now_ms()).await? {
            return Err(changed_meanwhile(&card));
        }
        card = card_row::load(tx, CardRef::Id(card.id)).await?;
    }
    Ok(card)
}

async fn restore_place(
    tx: &mut SqliteConnection,
    actor: &Actor,
    card: &CardRow,
    before: &Before,
    target: CardState,
    (kind, now): (&'static str, i64),
) -> Result<(), KanbanError> {
    let mut current = card.clone();
    if before.state == target && current.rank != before.rank {
        if !store::set_rank(tx, &current, &before.rank, now).await? {
            return Err(changed_meanwhile(card));
        }
        current = card_row::load(tx, CardRef::Id(card.id)).await?;
    }
    if target == CardState::Scheduled && current.scheduled_at != before.scheduled_at {
        store::set_scheduled(tx, &current, before.scheduled_at, now).await?;
    }
    told(tx, actor, card, (kind, now)).await
}
