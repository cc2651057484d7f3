//! Another attempt at a card, with what a person wants to be different about it.

use protocol::{CardRef, CardState, CardWritten, RetryCardParams};

use sqlx::SqliteConnection;

use super::boards::load_for_write;
use super::card_row::{CardRow, load};
use super::comments::comment_in;
use super::edit::{write_fields, written};
use super::event::{self, NewEvent};
use super::pause;
use super::transition::{self, Cause, Failures, RunEnd, Transition};
use super::undo::{self, Inverse};
use super::{KanbanError, input, store};
use crate::{Actor, Core, audit, decisions};

/// Lets a card run again, with another profile, another model or a comment. A running card is taken back from its
/// worker; a blocked one no longer asks: where another attempt is an answer to its question, it is answered. Held for a
/// moment, so that it can be taken back.
///
/// # Errors
/// `Conflict` for a card that waits or asks for review, `Denied` for anyone but a person.
pub async fn retry_card(core: &Core, actor: &Actor, params: RetryCardParams) -> Result<CardWritten, KanbanError> {
    if !actor.is_person() {
        return Err(KanbanError::Denied("only a person can let a card run again".into()));
    }
    let comment = input::long_text("comment", &params.comment)?.trim();
    let mut tx = core.write().await?;
    let found = load_for_write(&mut tx, CardRef::Id(params.id)).await?;
    if !matches!(found.state, CardState::Running | CardState::Blocked | CardState::Done | CardState::Ready) {
        return Err(KanbanError::Conflict(format!(
            "{} is in {}; only a ready, running, blocked or finished card can be tried again",
            found.label(),
            found.state.title()
        )));
    }
    let inverse = Inverse::restore(&mut tx, &found).await?;
    let mut wanted = found.clone();
    if let Some(assignee) = &params.assignee {
        wanted.assignee = input::card_assignee(assignee)?;
    }
    if let Some(model) = &params.model {
        wanted.model = input::model(model)?;
    }
    let added = match comment {
        "" => None,
        text => Some(comment_in(&mut tx, actor, &found, text, None, core.now_ms()).await?),
    };
    let is_changed = wanted != found || added.is_some();
    let card = if wanted == found {
        found
    } else {
        let labels = store::labels_of(&mut tx, found.id).await?;
        write_fields(core, &mut tx, actor, &found, &wanted, &labels, "edited").await?
    };
    if card.state == CardState::Ready {
        let after = start_now(core, &mut tx, actor, &card).await?;
        // That it started sooner cannot be taken back.
        let undo = match is_changed {
            true => undo::offer(core, &mut tx, actor, &after, &inverse.with_comment(added)).await?,
            false => None,
        };
        tx.commit().await?;
        return written(core, after.id, undo).await;
    }
    let settled = decisions::settle_by_retry(&mut tx, actor, &card, comment, core.now_ms()).await?;
    let waits = store::has_unfinished_parent(&mut tx, card.id).await?;
    let to = if waits { CardState::Todo } else { CardState::Ready };
    let mut transition = Transition::new(Cause::Person, to, "retried");
    transition.failures = Failures::Reset;
    transition.new_budget = true;
    transition.settled = settled;
    transition.hold_until = Some(core.now_ms() + decisions::RELEASE_HOLD_MS);
    transition.run_end = Some(RunEnd::reclaimed(format!("{} started another attempt", actor.name())));
    transition.detail = serde_json::json!({ "assignee": card.assignee, "model": card.model });
    let after = transition::apply(core, &mut tx, actor, &card, transition).await?;
    let undo = undo::offer(core, &mut tx, actor, &after, &inverse.with_comment(added)).await?;
    if let Some(settled) = settled {
        decisions::remember_undo(&mut tx, settled, undo).await?;
    }
    tx.commit().await?;
    written(core, after.id, undo).await
}

/// A ready card no longer waits for the rest after a failure, its own or its profile's.
pub(super) async fn start_now(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    card: &CardRow,
) -> Result<CardRow, KanbanError> {
    let now = core.now_ms();
    pause::end_backoff(tx, card.id, now).await?;
    pause::resume_for(core, tx, actor, card).await?;
    let detail = serde_json::json!({ "assignee": card.assignee, "model": card.model });
    audit::record(tx, now, actor, "retried", &card.object(), &detail).await?;
    let after = load(tx, CardRef::Id(card.id)).await?;
    event::append(tx, NewEvent { card: &after, run: None, kind: "retried", actor, detail, at: now }).await?;
    Ok(after)
}
