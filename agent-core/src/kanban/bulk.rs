//! One change to many cards: each card is changed or refused by itself, and all of it is taken back together.

use protocol::{BulkChange, BulkParams, BulkRefusal, BulkResult, CardId, CardRef, EditCardParams, MAX_BULK, UndoId};
use sqlx::{Connection, SqliteConnection};

use super::boards::load_for_write;
use super::card_row::{CardRow, load};
use super::moves::Neighbours;
use super::undo::{self, Inverse};
use super::{KanbanError, edit, moves, store, view};
use crate::{Actor, Core};

/// Cards changed in one transaction: the writer is free for others in between.
const CHUNK: usize = 100;

/// Changes many cards.
///
/// # Errors
/// `Invalid` for too many; what is refused of a single card is in the result. When the database fails, nothing of that
/// hundred is changed; hundreds before it are, and can be taken back.
pub async fn change_cards(core: &Core, actor: &Actor, params: BulkParams) -> Result<BulkResult, KanbanError> {
    if params.cards.len() > MAX_BULK {
        return Err(KanbanError::Invalid(format!("at most {MAX_BULK} cards can be changed at once; select fewer")));
    }
    let batch = UndoId(store::new_id());
    let mut wanted: Vec<CardId> = Vec::with_capacity(params.cards.len());
    for card in params.cards {
        if !wanted.contains(&card) {
            wanted.push(card);
        }
    }
    let mut change = params.change;
    let (mut changed, mut refused, mut undoable) = (Vec::new(), Vec::new(), false);
    for chunk in wanted.chunks(CHUNK) {
        let mut tx = core.write().await?;
        for id in chunk {
            // A savepoint each, so that a refusal leaves no half of a change behind.
            let mut step = tx.begin().await?;
            match change_in(core, &mut step, actor, *id, &change).await {
                Ok(None) => {}
                Ok(Some((card, inverse))) => {
                    let undo = undo::offer_in(core, &mut step, actor, &card, &inverse, Some(batch)).await?;
                    undoable |= undo.is_some();
                    step.commit().await?;
                    follow(&mut change, *id);
                    changed.push(*id);
                    continue;
                }
                Err(error @ KanbanError::Internal(_)) => return Err(error),
                Err(error) => {
                    step.rollback().await?;
                    let number = match load(&mut tx, CardRef::Id(*id)).await {
                        Ok(card) => Some(card.number),
                        Err(error @ KanbanError::Internal(_)) => return Err(error),
                        Err(_) => None, // gone
                    };
                    refused.push(BulkRefusal { id: *id, number, reason: error.to_string() });
                    continue;
                }
            }
            step.rollback().await?;
        }
        tx.commit().await?;
    }
    let deleted = matches!(change, BulkChange::Delete);
    let changed = if deleted { Vec::new() } else { view::cards(core, &changed).await? };
    Ok(BulkResult { changed, refused, undo: undoable.then_some(batch) })
}

/// Cards that are moved together stand one after the other.
fn follow(change: &mut BulkChange, card: CardId) {
    if let BulkChange::Move { after, before, .. } = change
        && (after.is_some() || before.is_some())
    {
        *after = Some(card);
        *before = None;
    }
}

async fn change_in(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    id: CardId,
    change: &BulkChange,
) -> Result<Option<(CardRow, Inverse)>, KanbanError> {
    let card = load_for_write(tx, CardRef::Id(id)).await?;
    let none = EditCardParams::of(id, card.revision);
    let params = match change {
        BulkChange::Move { to, after, before } => {
            let neighbours = Neighbours { after: *after, before: *before };
            return moves::move_in(core, tx, actor, &card, *to, neighbours).await;
        }
        BulkChange::Schedule(at) => return moves::schedule_in(core, tx, actor, &card, *at).await.map(Some),
        BulkChange::Delete => return moves::delete_in(core, tx, actor, &card).await.map(Some),
        BulkChange::Assign(profile) => EditCardParams { assignee: Some(profile.clone()), ..none },
        BulkChange::Priority(priority) => EditCardParams { priority: Some(*priority), ..none },
        BulkChange::AddLabel(label) | BulkChange::RemoveLabel(label) => {
            let mut labels = store::labels_of(tx, id).await?;
            labels.retain(|present| present != label.trim());
            if matches!(change, BulkChange::AddLabel(_)) {
                labels.push(label.clone());
            }
            EditCardParams { labels: Some(labels), ..none }
        }
    };
    edit::edit_in(core, tx, actor, &card, &params).await
}
