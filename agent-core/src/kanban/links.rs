//! Which card waits for which.

use protocol::{CardRef, CardState, LinkWritten};
use sqlx::SqliteConnection;

use super::boards::load_for_write;
use super::card_row::{CardRow, load};
use super::event::{self, NewEvent};
use super::transition::{self, Cause, Transition};
use super::undo::{self, Inverse};
use super::{KanbanError, store};
use crate::{Actor, Core, audit};

/// Makes `child` wait for `parent`.
///
/// # Errors
/// `Invalid` for a link to itself, a cycle, or another board.
pub async fn link(core: &Core, actor: &Actor, parent: CardRef, child: CardRef) -> Result<LinkWritten, KanbanError> {
    let mut tx = core.write().await?;
    let parent = load(&mut tx, parent).await?;
    let child = load_for_write(&mut tx, child).await?;
    let is_new = link_in(core, &mut tx, actor, &parent, &child).await?;
    let inverse = Inverse::Unlink { parent: parent.id, child: child.id };
    let undo = if is_new { undo::offer(core, &mut tx, actor, &child, &inverse).await? } else { None };
    tx.commit().await?;
    Ok(LinkWritten { undo })
}

/// Links inside a transaction; says whether the link is new.
pub(super) async fn link_in(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    parent: &CardRow,
    child: &CardRow,
) -> Result<bool, KanbanError> {
    if parent.id == child.id {
        return Err(KanbanError::Invalid(format!("{} cannot wait for itself", child.label())));
    }
    if parent.board_id != child.board_id {
        return Err(KanbanError::Invalid("the cards are on different boards; links stay within one".into()));
    }
    if store::is_reachable(tx, child.id, parent.id).await? {
        return Err(KanbanError::Invalid(format!(
            "{} already waits for {}, so this link would close a circle and neither could start",
            parent.label(),
            child.label()
        )));
    }
    if !store::insert_link(tx, parent.id, child.id).await? {
        return Ok(false);
    }
    told(core, tx, actor, parent, child, "linked").await?;
    if child.state == CardState::Ready && !parent.state.is_finished() {
        let transition = Transition::new(Cause::Demote, CardState::Todo, "demoted");
        transition::apply(core, tx, &Actor::System, child, transition).await?;
    }
    Ok(true)
}

/// Removes a link; the child starts when it waits for nothing else.
///
/// # Errors
/// `NotFound` when there is no such link.
pub async fn unlink(core: &Core, actor: &Actor, parent: CardRef, child: CardRef) -> Result<LinkWritten, KanbanError> {
    let mut tx = core.write().await?;
    let parent = load(&mut tx, parent).await?;
    let child = load_for_write(&mut tx, child).await?;
    unlink_in(core, &mut tx, actor, &parent, &child).await?;
    let inverse = Inverse::Link { parent: parent.id, child: child.id };
    let undo = undo::offer(core, &mut tx, actor, &child, &inverse).await?;
    tx.commit().await?;
    Ok(LinkWritten { undo })
}

pub(super) async fn unlink_in(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    parent: &CardRow,
    child: &CardRow,
) -> Result<(), KanbanError> {
    if !store::delete_link(tx, parent.id, child.id).await? {
        return Err(KanbanError::NotFound(format!("{} does not wait for {}", child.label(), parent.label())));
    }
    told(core, tx, actor, parent, child, "unlinked").await?;
    if child.state == CardState::Todo && !store::has_unfinished_parent(tx, child.id).await? {
        let transition = Transition::new(Cause::Promote, CardState::Ready, "promoted");
        transition::apply(core, tx, &Actor::System, child, transition).await?;
    }
    Ok(())
}

async fn told(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    parent: &CardRow,
    child: &CardRow,
    kind: &'static str,
) -> Result<(), KanbanError> {
    let now = core.now_ms();
    let detail = serde_json::json!({ "parent": parent.number, "child": child.number });
    audit::record(tx, now, actor, kind, &child.object(), &detail).await?;
    event::append(tx, NewEvent { card: child, run: None, kind, actor, detail: detail.clone(), at: now }).await?;
    event::append(tx, NewEvent { card: parent, run: None, kind, actor, detail, at: now }).await
}
