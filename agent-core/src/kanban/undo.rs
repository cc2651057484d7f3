//! Taking a write back: the inverse operation is stored with the write, for ten minutes, usable from any device.

use protocol::{CardRef, CardState, CardWritten, CommentId, DecisionId, UndoId};
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;

use super::card_row::{self, CardRow};
use super::event::{self, NewEvent};
use super::transition::{self, Cause, Failures, Place, Transition};
use super::{KanbanError, cards, store};
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
    Restore {
        title: String,
        body: String,
        priority: i32,
        assignee: Option<String>,
        state: CardState,
        rank: String,
        failures: u32,
        decision: Option<DecisionId>,
        /// The comment that the write added.
        comment: Option<CommentId>,
    },
}

impl Inverse {
    pub(crate) fn restore(before: &CardRow) -> Self {
        Self::Restore {
            title: before.title.clone(),
            body: before.body.clone(),
            priority: before.priority,
            assignee: before.assignee.clone(),
            state: before.state,
            rank: before.rank.clone(),
            failures: before.failures,
            decision: before.open_decision_id,
            comment: None,
        }
    }

    pub(crate) fn with_comment(self, added: Option<CommentId>) -> Self {
        match self {
            Self::Restore { title, body, priority, assignee, state, rank, failures, decision, .. } => {
                Self::Restore { title, body, priority, assignee, state, rank, failures, decision, comment: added }
            }
            Self::Delete => Self::Delete,
        }
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
    if !actor.is_person() {
        return Ok(None);
    }
    let json = serde_json::to_string(inverse)
        .map_err(|error| KanbanError::Invalid(format!("this change cannot be remembered for undo: {error}")))?;
    let now = core.now_ms();
    store::purge_undo(tx, now - 6 * UNDO_WINDOW_MS).await?;
    let id = store::insert_undo(tx, &actor.label(), after.id, &json, after.revision, now).await?;
    Ok(Some(id))
}

/// Takes a write back. Returns the card as it is then, and how to do the write again is left to the person.
///
/// # Errors
/// `Conflict` when ten minutes have passed, it was taken back already, or the card has moved on since.
pub async fn undo(core: &Core, actor: &Actor, id: UndoId) -> Result<CardWritten, KanbanError> {
    let mut tx = core.write().await?;
    let now = core.now_ms();
    let Some((card_id, json, revision)) = store::take_undo(&mut tx, id, now, now - UNDO_WINDOW_MS).await? else {
        return Err(match store::undo_was_used(&mut tx, id).await? {
            Some(true) => KanbanError::Conflict("this was taken back already".into()),
            Some(false) => KanbanError::Conflict("ten minutes have passed; change the card by hand instead".into()),
            None => KanbanError::NotFound("there is nothing to take back any more".into()),
        });
    };
    let inverse: Inverse = serde_json::from_str(&json)
        .map_err(|error| KanbanError::Conflict(format!("this change cannot be taken back: {error}")))?;
    let card = card_row::load_any(&mut tx, CardRef::Id(card_id)).await?;
    if card.revision != revision {
        return Err(KanbanError::Conflict(format!(
            "{} has moved on since and is {} now, so this can no longer be taken back",
            card.label(),
            card.state
        )));
    }
    match inverse {
        Inverse::Delete => remove(core, &mut tx, actor, &card).await?,
        Inverse::Restore { .. } => restore(core, &mut tx, actor, card, inverse).await?,
    }
    tx.commit().await?;
    let face = super::view::face_of_deleted(core, card_id).await?;
    Ok(CardWritten { card: face, undo: None })
}

async fn remove(core: &Core, tx: &mut SqliteConnection, actor: &Actor, card: &CardRow) -> Result<(), KanbanError> {
    let archived = if card.state == CardState::Archived {
        card.clone()
    } else {
        transition::apply(core, tx, actor, card, Transition::new(Cause::Undo, CardState::Archived, "undone")).await?
    };
    let now = core.now_ms();
    if !store::set_deleted(tx, &archived, Some(now), now).await? {
        return Err(cards::changed_meanwhile(&archived));
    }
    let detail = serde_json::json!({ "undo": true });
    crate::audit::record(tx, now, actor, "deleted", &card.object(), &detail).await?;
    event::append(tx, NewEvent { card, run: None, kind: "deleted", actor, detail, at: now }).await
}

async fn restore(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    card: CardRow,
    inverse: Inverse,
) -> Result<(), KanbanError> {
    let Inverse::Restore { title, body, priority, assignee, state, rank, failures, decision, comment } = inverse else {
        return Ok(());
    };
    let now = core.now_ms();
    let mut card = card;
    if card.deleted_at.is_some() {
        if !store::set_deleted(tx, &card, None, now).await? {
            return Err(cards::changed_meanwhile(&card));
        }
        card = card_row::load(tx, CardRef::Id(card.id)).await?;
    }
    let wanted = CardRow { title, body, priority, assignee, failures, ..card.clone() };
    if wanted != card {
        card = cards::write_text(core, tx, actor, &card, &wanted, "undone").await?;
    }
    // A worker that was stopped does not come back; the card waits for the next one. Between waiting for parents and
    // waiting for a worker the parents decide, as they are now.
    let target =
        match state {
            // A worker that is still at it goes on.
            CardState::Running if card.state == CardState::Running => CardState::Running,
            CardState::Running | CardState::Ready | CardState::Todo => {
                if store::has_unfinished_parent(tx, card.id).await? { CardState::Todo } else { CardState::Ready }
            }
            other => other,
        };
    if card.state == target {
        if card.rank != rank && state == target && !store::set_rank(tx, &card, &rank, now).await? {
            return Err(cards::changed_meanwhile(&card));
        }
        let detail = serde_json::json!({ "undo": true });
        event::append(tx, NewEvent { card: &card, run: None, kind: "undone", actor, detail, at: now }).await?;
    } else {
        let mut transition = Transition::new(Cause::Undo, target, "undone");
        transition.failures = Failures::Keep;
        if state == target {
            transition.place = Place::At(rank);
        }
        card = transition::apply(core, tx, actor, &card, transition).await?;
    }
    if let Some(decision) = decision {
        decisions::reopen(tx, decision).await?;
        store::set_open_decision(tx, card.id, Some(decision)).await?;
    }
    if let Some(comment) = comment {
        store::delete_comment(tx, card.id, comment).await?;
    }
    Ok(())
}
