//! Cards in triage of boards whose owner wants them taken apart without being asked: one at a time, and never while a
//! person has a card in hand.

use std::time::Duration;

use protocol::{AcceptProposalParams, CardRef, ProposalKind, ProposalState};

use super::{accept_proposal, propose, store};
use crate::kanban::KanbanError;
use crate::task::Tasks;
use crate::{Actor, Core, llm};

/// A card that was changed since is still being written.
const UNTOUCHED_MS: i64 = 120_000;
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// Runs until shutdown.
pub fn start(core: Core, tasks: &Tasks) {
    let stop = tasks.stopping();
    tasks.spawn("triage-automatic", async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            // Stopping does not wait for a model: what it would answer is asked for again.
            tokio::select! {
                () = stop.cancelled() => break,
                looked = run_once(&core) => if let Err(error) = looked {
                    tracing::warn!(%error, "a card in triage could not be taken apart");
                }
            }
        }
    });
}

/// Takes the next card apart, if there is one to take apart. Says whether there was.
///
/// # Errors
/// When the card changed meanwhile, or the database fails. What the model does wrong stands on the card.
pub async fn run_once(core: &Core) -> Result<bool, KanbanError> {
    if !llm::is_ready(core) {
        return Ok(false);
    }
    let now = core.now_ms();
    let mut reader = core.store().reader().acquire().await.map_err(crate::store::StoreError::from)?;
    let next = store::next_automatic(&mut reader, now - UNTOUCHED_MS, now).await?;
    drop(reader);
    let Some(card) = next else { return Ok(false) };
    let view = propose(core, &Actor::System, CardRef::Id(card), ProposalKind::Decompose).await?;
    if let ProposalState::Ready(proposal) = view.state {
        // Somebody may have begun to write while the model was thinking; then it stays a proposal.
        let mut reader = core.store().reader().acquire().await.map_err(crate::store::StoreError::from)?;
        let editing = store::is_editing(&mut reader, card, core.now_ms()).await?;
        drop(reader);
        if !editing {
            let params = AcceptProposalParams { id: card, revision: view.revision, proposal };
            accept_proposal(core, &Actor::System, params).await?;
        }
    }
    Ok(true)
}
