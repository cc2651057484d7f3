//! Makes a proposal real, in one transaction that can be taken back as one.

use std::collections::VecDeque;

use protocol::{
    AcceptProposalParams, CardId, CardLink, CardRef, CardState, CreateCardParams, EditCardParams, MAX_PROPOSED,
    Proposal, ProposalAccepted, ProposedTask, UndoId, WorkspaceKind,
};
use sqlx::SqliteConnection;

use super::{require_triage, store};
use crate::decisions::RELEASE_HOLD_MS;
use crate::kanban::card_row::{CardRow, load};
use crate::kanban::comments::comment_in;
use crate::kanban::create::create_in;
use crate::kanban::edit::{edit_in, require_revision, written};
use crate::kanban::transition::{self, Cause, Failures, Transition};
use crate::kanban::undo::{self, Inverse};
use crate::kanban::{KanbanError, board_store, boards, input, links, store as card_store};
use crate::{Actor, Core, profiles};

/// Accepts a proposal as the person has it before them: the card is rewritten, its parts become cards, and it waits for
/// them.
///
/// # Errors
/// `Conflict` when the card is not in triage or has changed since; `Invalid` for tasks that wait for each other in a
/// circle, for unknown profiles and bad texts. Nothing is changed then.
pub async fn accept_proposal(
    core: &Core,
    actor: &Actor,
    params: AcceptProposalParams,
) -> Result<ProposalAccepted, KanbanError> {
    let order = check(core, &params.proposal)?;
    let mut tx = core.write().await?;
    let card = load(&mut tx, CardRef::Id(params.id)).await?;
    require_triage(&card)?;
    require_revision(&card, Some(params.revision))?;
    let batch = UndoId(card_store::new_id());
    let (card, children, undoable) = accept_in(core, &mut tx, actor, &card, &params.proposal, &order, batch).await?;
    tx.commit().await?;
    Ok(ProposalAccepted { written: written(core, card, undoable.then_some(batch)).await?, children })
}

/// Checks everything that needs no database; returns an order in which every task comes after those it waits for.
fn check(core: &Core, proposal: &Proposal) -> Result<Vec<usize>, KanbanError> {
    input::title(&proposal.title)?;
    input::body(&proposal.body)?;
    let tasks = &proposal.tasks;
    if tasks.len() > MAX_PROPOSED {
        return Err(KanbanError::Invalid(format!("at most {MAX_PROPOSED} cards are made at once; take some out")));
    }
    for task in tasks {
        input::title(&task.title)?;
        input::body(&task.body)?;
        require_profile(core, task.assignee.as_deref())?;
        if task.after.iter().any(|other| *other >= tasks.len()) {
            return Err(KanbanError::Invalid(format!("\"{}\" waits for a task that is not there", task.title)));
        }
    }
    in_order(tasks).ok_or_else(|| {
        KanbanError::Invalid("these tasks wait for each other in a circle, so none could start; untie them".into())
    })
}

/// A profile that is named must exist, or its card would wait for ever.
pub(in crate::kanban) fn require_profile(core: &Core, name: Option<&str>) -> Result<(), KanbanError> {
    let name = name.map(str::trim).filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case(profiles::NOBODY));
    let Some(name) = name else { return Ok(()) };
    let found = profiles::find(core.home(), &name.to_lowercase());
    match found.map_err(|error| KanbanError::Invalid(error.to_string()))? {
        Some(profile) if profile.problem.is_none() => Ok(()),
        Some(profile) => Err(KanbanError::Invalid(profile.problem.unwrap_or_default())),
        None => Err(KanbanError::Invalid(format!(
            "there is no profile \"{}\"; choose one of those that `hermes profile list` shows",
            crate::text::excerpt(name, 60)
        ))),
    }
}

/// Kahn's algorithm; `None` when there is a circle.
fn in_order(tasks: &[ProposedTask]) -> Option<Vec<usize>> {
    let mut waits: Vec<usize> = tasks.iter().map(|task| task.after.len()).collect();
    let mut free: VecDeque<usize> = (0..tasks.len()).filter(|at| waits.get(*at) == Some(&0)).collect();
    let mut order = Vec::with_capacity(tasks.len());
    while let Some(done) = free.pop_front() {
        order.push(done);
        for (at, task) in tasks.iter().enumerate() {
            let hits = task.after.iter().filter(|other| **other == done).count();
            if hits > 0
                && let Some(left) = waits.get_mut(at)
            {
                *left -= hits;
                if *left == 0 {
                    free.push_back(at);
                }
            }
        }
    }
    (order.len() == tasks.len()).then_some(order)
}

/// Accepts inside a transaction. The undo entries of the parts come first and the card's own last, because they are
/// taken back in the opposite order.
pub(super) async fn accept_in(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    card: &CardRow,
    proposal: &Proposal,
    order: &[usize],
    batch: UndoId,
) -> Result<(CardId, Vec<CardLink>, bool), KanbanError> {
    boards::require_open(tx, card.board_id).await?;
    let inverse = Inverse::restore(tx, card).await?;
    let orchestrator = board_store::settings(tx, card.board_id).await?.orchestrator;
    let mut parts = proposal.tasks.clone();
    for part in parts.iter_mut().filter(|part| part.assignee.is_none()) {
        part.assignee.clone_from(&orchestrator);
    }
    let children = create_parts(core, tx, actor, card, &parts, order).await?;
    for child in &children {
        let child = load(tx, CardRef::Id(child.id)).await?;
        undo::offer_in(core, tx, actor, &child, &Inverse::Delete, Some(batch)).await?;
    }
    let edit = EditCardParams {
        title: Some(proposal.title.clone()),
        body: Some(proposal.body.clone()),
        assignee: orchestrator.filter(|_| !children.is_empty() && card.assignee.is_none()),
        ..EditCardParams::of(card.id, card.revision)
    };
    let rewritten = match edit_in(core, tx, actor, card, &edit).await? {
        Some((rewritten, _)) => rewritten,
        None => card.clone(),
    };
    let mut comment = None;
    if !children.is_empty() {
        let names: Vec<String> = children.iter().map(|child| format!("T-{}", child.number)).collect();
        let said = format!(
            "Taken apart into {}. When they are done, check their results and put them together here.",
            names.join(", ")
        );
        comment = Some(comment_in(tx, actor, &rewritten, &said, None, core.now_ms()).await?);
    }
    let moved = release(core, tx, actor, &rewritten, &children).await?;
    store::remove(tx, card.id).await?;
    let inverse = inverse.with_comment(comment);
    let undo = undo::offer_in(core, tx, actor, &moved, &inverse, Some(batch)).await?;
    Ok((card.id, children, undo.is_some()))
}

/// The card leaves triage, to wait for its parts or to be worked on.
async fn release(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    card: &CardRow,
    children: &[CardLink],
) -> Result<CardRow, KanbanError> {
    let card = load(tx, CardRef::Id(card.id)).await?;
    let waits = card_store::has_unfinished_parent(tx, card.id).await?;
    let to = if waits { CardState::Todo } else { CardState::Ready };
    let cause = if actor.is_person() { Cause::Person } else { Cause::Triaged };
    let mut transition = Transition::new(cause, to, if children.is_empty() { "specified" } else { "decomposed" });
    let numbers: Vec<i64> = children.iter().map(|child| child.number).collect();
    transition.detail = serde_json::json!({ "children": numbers });
    transition.failures = Failures::Reset;
    transition.hold_until = (to == CardState::Ready).then(|| core.now_ms() + RELEASE_HOLD_MS);
    transition::apply(core, tx, actor, &card, transition).await
}

/// One card for each task, in the proposal's order. The card itself waits for all of them.
async fn create_parts(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    card: &CardRow,
    tasks: &[ProposedTask],
    order: &[usize],
) -> Result<Vec<CardLink>, KanbanError> {
    let board = board_store::by_id(tx, card.board_id).await?.slug;
    let mut made: Vec<Option<CardRow>> = vec![None; tasks.len()];
    for &at in order {
        let Some(task) = tasks.get(at) else { continue };
        let earlier = task.after.iter().filter_map(|other| made.get(*other)?.as_ref());
        let parents: Vec<CardRef> = earlier.map(|parent| CardRef::Id(parent.id)).collect();
        let params = CreateCardParams {
            title: task.title.clone(),
            body: task.body.clone(),
            assignee: task.assignee.clone(),
            parents,
            ..inherited(card, &board)
        };
        let (part, _) = create_in(core, tx, actor, &params).await?;
        links::link_in(core, tx, actor, &part, card).await?;
        store::hold(tx, part.id, core.now_ms() + RELEASE_HOLD_MS).await?;
        if let Some(slot) = made.get_mut(at) {
            *slot = Some(part);
        }
    }
    Ok(made.into_iter().flatten().map(|part| link_to(&part)).collect())
}

/// What a part has from the card it is a part of: where it works, for whom, and how urgent it is.
pub(in crate::kanban) fn inherited(card: &CardRow, board: &str) -> CreateCardParams {
    let path = match card.workspace_kind {
        WorkspaceKind::Scratch => None,
        WorkspaceKind::Dir => card.workspace_path.clone(),
        WorkspaceKind::Worktree => card.repository.clone(),
    };
    CreateCardParams {
        board: board.to_owned(),
        priority: card.priority,
        tenant: card.tenant.clone(),
        workspace: card.workspace_kind,
        workspace_path: path,
        shared_dir: card.shared_dir,
        ..CreateCardParams::default()
    }
}

pub(super) fn link_to(card: &CardRow) -> CardLink {
    CardLink { id: card.id, number: card.number, title: card.title.clone(), state: card.state }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tasks(after: &[&[usize]]) -> Vec<ProposedTask> {
        after.iter().map(|after| ProposedTask { after: after.to_vec(), ..ProposedTask::default() }).collect()
    }

    #[test]
    fn tasks_come_after_what_they_wait_for() {
        assert_eq!(in_order(&tasks(&[&[2], &[], &[1]])), Some(vec![1, 2, 0]));
        assert_eq!(in_order(&tasks(&[&[1, 1], &[]])), Some(vec![1, 0]), "named twice");
        assert_eq!(in_order(&tasks(&[])), Some(vec![]));
    }

    #[test]
    fn a_circle_has_no_order() {
        assert_eq!(in_order(&tasks(&[&[1], &[0]])), None);
        assert_eq!(in_order(&tasks(&[&[0]])), None);
    }
}
