//! Sample cards: for a first look, for screenshots and for benchmarks.
//!
//! They are ordinary rows marked `demo`, which the dispatcher, the sweep and the push outbox pass over. This is the one
//! place besides `kanban` that writes `kanban_` tables, because ten thousand finished stories cannot be told one
//! transition at a time; it writes whole stories only and never touches a card that is not its own.

mod rows;
mod store;

use protocol::{CardId, CardRef, CardState};

use crate::kanban::{self, Cause, KanbanError, Transition};
use crate::{Actor, Core, audit};

/// Cards that can be made at once.
pub const MAX_CARDS: u32 = 100_000;
/// Cards of one transaction: short enough for other writers, long enough to be fast.
const BATCH: u32 = 1_000;

/// Adds sample cards to the default board. Returns how many.
///
/// # Errors
/// `Invalid` for none or too many; otherwise when the database fails. What was added until then stays, marked as
/// samples.
pub async fn add(core: &Core, actor: &Actor, cards: u32) -> Result<u64, KanbanError> {
    if cards == 0 || cards > MAX_CARDS {
        return Err(KanbanError::Invalid(format!("say how many sample cards, from 1 to {MAX_CARDS}")));
    }
    let samples = rows::samples()?;
    let board = kanban::board_page(core, "", &protocol::BoardView::default()).await?.board;
    // Whole rounds of stories, so that a card and the one it waits for are in the same transaction.
    let round = u32::try_from(samples.len()).unwrap_or(1).max(1);
    let batch = (BATCH / round).max(1) * round;
    let mut added = 0;
    while added < cards {
        let count = batch.min(cards - added);
        let mut tx = core.write().await?;
        let ends = store::column_ends(&mut tx, board.id).await?;
        let first_number = store::take_numbers(&mut tx, count).await?;
        let plan = rows::Plan { first: added, count, first_number, now: core.now_ms(), actor: &actor.label() };
        let stories = rows::stories(&samples, &plan, ends);
        store::insert(&mut tx, board.id, &stories).await?;
        let detail = serde_json::json!({ "cards": count });
        audit::record(&mut tx, core.now_ms(), actor, "samples_added", "board:default", &detail).await?;
        tx.commit().await?;
        added += count;
    }
    Ok(u64::from(added))
}

/// Takes every sample card away, with its runs, comments, decisions and events, and nothing else. Returns how many.
///
/// # Errors
/// When the database fails; nothing is removed then.
pub async fn remove(core: &Core, actor: &Actor) -> Result<u64, KanbanError> {
    let mut tx = core.write().await?;
    let waiting: Vec<CardId> = store::waiting_for_samples(&mut tx).await?;
    let removed = store::delete_all(&mut tx, &actor.label(), core.now_ms()).await?;
    // Somebody's own card may have waited for a sample.
    for id in waiting {
        if kanban::has_unfinished_parent(&mut tx, id).await? {
            continue;
        }
        let card = kanban::load_card(&mut tx, CardRef::Id(id)).await?;
        let transition = Transition::new(Cause::Promote, CardState::Ready, "promoted");
        kanban::apply(core, &mut tx, &Actor::System, &card, transition).await?;
    }
    if removed > 0 {
        let detail = serde_json::json!({ "cards": removed });
        audit::record(&mut tx, core.now_ms(), actor, "samples_removed", "board:default", &detail).await?;
    }
    tx.commit().await?;
    Ok(removed)
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn every_statement_prepares() {
        crate::store::tests::prepare_all(super::store::ALL_SQL).await;
    }
}
