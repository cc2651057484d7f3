//! What people do to cards: create, edit, move, block, finish, delete, comment, link.

use protocol::{
    AddCommentParams, BoardSummary, CardId, CardRef, CardState, CardWritten, CommentView, CreateCardParams,
    DecisionKind, EditCardParams, MoveCardParams,
};
use sqlx::SqliteConnection;

use super::card_row::{self, CardRow, load};
use super::event::{self, NewEvent};
use super::transition::{self, Cause, Failures, Place, RunEnd, Transition};
use super::undo::{self, Inverse};
use super::view;
use super::{DEFAULT_BOARD, KanbanError, input, rank, store};
use crate::{Actor, Core, audit, decisions};

/// The board of that slug; the default board is made when it is first asked for.
pub(super) async fn board_for_write(
    tx: &mut SqliteConnection,
    slug: &str,
    now: i64,
) -> Result<BoardSummary, KanbanError> {
    let slug = if slug.trim().is_empty() { DEFAULT_BOARD.to_owned() } else { input::slug(slug)? };
    if let Some(board) = store::board_by_slug(tx, &slug).await? {
        return Ok(board);
    }
    if slug == DEFAULT_BOARD {
        store::insert_board(tx, DEFAULT_BOARD, "Home", now).await?;
        if let Some(board) = store::board_by_slug(tx, DEFAULT_BOARD).await? {
            return Ok(board);
        }
    }
    Err(KanbanError::NotFound(format!("there is no board \"{slug}\"; `hermes kanban boards` shows them")))
}

/// Makes a board.
///
/// # Errors
/// `Invalid` for a bad slug, `Conflict` for a taken one.
pub async fn create_board(core: &Core, actor: &Actor, slug: &str, name: &str) -> Result<BoardSummary, KanbanError> {
    let slug = input::slug(slug)?;
    let name = if name.trim().is_empty() { slug.clone() } else { name.trim().to_owned() };
    let mut tx = core.write().await?;
    if !store::insert_board(&mut tx, &slug, &name, core.now_ms()).await? {
        return Err(KanbanError::Conflict(format!("there is a board \"{slug}\" already; choose another name")));
    }
    audit::record(&mut tx, core.now_ms(), actor, "board_created", &format!("board:{slug}"), &serde_json::json!({}))
        .await?;
    let board = board_for_write(&mut tx, &slug, core.now_ms()).await?;
    tx.commit().await?;
    Ok(board)
}

/// Creates a card.
///
/// # Errors
/// `Invalid` for bad input, `NotFound` for an unknown board or parent.
pub async fn create_card(core: &Core, actor: &Actor, params: CreateCardParams) -> Result<CardWritten, KanbanError> {
    let mut tx = core.write().await?;
    let (card, is_new) = create_in(core, &mut tx, actor, &params).await?;
    let undo = if is_new { undo::offer(core, &mut tx, actor, &card, &Inverse::Delete).await? } else { None };
    tx.commit().await?;
    written(core, card.id, undo).await
}

/// Creates a card inside a transaction; also says whether it is new or was found by its idempotency key.
pub(super) async fn create_in(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    params: &CreateCardParams,
) -> Result<(CardRow, bool), KanbanError> {
    let now = core.now_ms();
    let title = input::title(&params.title)?;
    let body = input::long_text("description", &params.body)?;
    let assignee = input::assignee(params.assignee.as_deref().unwrap_or_default())?;
    let workspace_dir = params.workspace_dir.as_deref().map(|path| check_workspace_dir(core, path)).transpose()?;
    if params.max_attempts == Some(0) {
        return Err(KanbanError::Invalid("a card needs at least one attempt; say 1 or more".into()));
    }
    let board = board_for_write(tx, &params.board, now).await?;
    let key = params.idempotency_key.as_deref().map(str::trim).filter(|key| !key.is_empty());
    if let Some(key) = key
        && let Some(existing) = store::by_idempotency_key(tx, board.id, key).await?
    {
        return Ok((load(tx, CardRef::Id(existing)).await?, false));
    }
    let mut parents = Vec::new();
    for parent in &params.parents {
        let parent = load(tx, *parent).await?;
        if parent.board_id != board.id {
            return Err(KanbanError::Invalid(format!("{} is on another board; links stay within one", parent.label())));
        }
        if !parents.contains(&parent.id) {
            parents.push(parent.id);
        }
    }
    let id = CardId(store::new_id());
    let number = store::next_number(tx).await?;
    // Inserted as triage first, so that the state that depends on the links is decided when they exist.
    let rank = rank::between(store::last_rank(tx, board.id, CardState::Triage).await?.as_deref(), None);
    let mut new = store::NewCard {
        id,
        number,
        board: board.id,
        title,
        body,
        state: CardState::Triage,
        rank: &rank,
        priority: params.priority,
        assignee: assignee.as_deref(),
        created_by: actor.name(),
        workspace_dir,
        scheduled_at: None,
        max_attempts: params.max_attempts,
        max_runtime_s: params.max_runtime_s,
        idempotency_key: key,
        now,
    };
    let state = first_state(tx, params, &parents, now).await?;
    let rank = match state {
        CardState::Triage => rank.clone(),
        other => rank::between(store::last_rank(tx, board.id, other).await?.as_deref(), None),
    };
    new.state = state;
    new.rank = &rank;
    new.scheduled_at = params.scheduled_at.filter(|_| state == CardState::Scheduled);
    store::insert_card(tx, &new).await?;
    for parent in &parents {
        store::insert_link(tx, *parent, id).await?;
    }
    let card = load(tx, CardRef::Id(id)).await?;
    let detail = serde_json::json!({ "state": state.as_str(), "assignee": card.assignee, "title": title });
    audit::record(tx, now, actor, "created", &card.object(), &detail).await?;
    event::append(tx, NewEvent { card: &card, run: None, kind: "created", actor, detail, at: now }).await?;
    if state == CardState::Blocked {
        let ask = if body.trim().is_empty() { title } else { body };
        open_question(core, tx, &card, ask).await?;
        return Ok((load(tx, CardRef::Id(id)).await?, true));
    }
    Ok((card, true))
}

/// The state a new card starts in (`kanban.md`, first row of the table).
async fn first_state(
    tx: &mut SqliteConnection,
    params: &CreateCardParams,
    parents: &[CardId],
    now: i64,
) -> Result<CardState, KanbanError> {
    if params.triage {
        return Ok(CardState::Triage);
    }
    if params.blocked {
        return Ok(CardState::Blocked);
    }
    for parent in parents {
        if !load(tx, CardRef::Id(*parent)).await?.state.is_finished() {
            return Ok(CardState::Todo);
        }
    }
    if params.scheduled_at.is_some_and(|at| at > now) {
        return Ok(CardState::Scheduled);
    }
    Ok(CardState::Ready)
}

fn check_workspace_dir<'a>(core: &Core, path: &'a str) -> Result<&'a str, KanbanError> {
    let path = path.trim();
    let directory = std::path::Path::new(path);
    if !directory.is_absolute() {
        return Err(KanbanError::Invalid(format!("\"{path}\" is not an absolute path; write it from the root on")));
    }
    if !directory.is_dir() {
        return Err(KanbanError::Invalid(format!("there is no directory {path} on the machine that runs Hermes")));
    }
    let real = |path: &std::path::Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let (wanted, home) = (real(directory), real(core.home().root()));
    if wanted.starts_with(&home) && !wanted.starts_with(home.join("workspaces")) {
        return Err(KanbanError::Invalid(format!(
            "{path} holds Hermes's own keys and data, so no worker may work there; choose another directory"
        )));
    }
    Ok(path)
}

/// Changes title, body, priority or assignee.
///
/// # Errors
/// `Conflict` when the card changed since `revision`.
pub async fn edit_card(core: &Core, actor: &Actor, params: EditCardParams) -> Result<CardWritten, KanbanError> {
    let mut tx = core.write().await?;
    let before = load(&mut tx, CardRef::Id(params.id)).await?;
    require_revision(&before, Some(params.revision))?;
    let mut after = before.clone();
    if let Some(title) = &params.title {
        input::title(title)?.clone_into(&mut after.title);
    }
    if let Some(body) = &params.body {
        input::long_text("description", body)?.clone_into(&mut after.body);
    }
    if let Some(priority) = params.priority {
        after.priority = priority;
    }
    if let Some(assignee) = &params.assignee {
        after.assignee = input::assignee(assignee)?;
        if after.assignee != before.assignee {
            if before.state == CardState::Running {
                return Err(KanbanError::Conflict(format!(
                    "{} is running; move it back to ready first, then assign it to somebody else",
                    before.label()
                )));
            }
            after.failures = 0;
        }
    }
    if after == before {
        return written(core, before.id, None).await;
    }
    let card = write_text(core, &mut tx, actor, &before, &after, "edited").await?;
    let undo = undo::offer(core, &mut tx, actor, &card, &Inverse::restore(&before)).await?;
    tx.commit().await?;
    written(core, card.id, undo).await
}

/// Writes text fields with their event and audit row.
pub(super) async fn write_text(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    before: &CardRow,
    after: &CardRow,
    kind: &'static str,
) -> Result<CardRow, KanbanError> {
    let now = core.now_ms();
    if !store::set_text(tx, before, after, now).await? {
        return Err(changed_meanwhile(before));
    }
    let mut detail = serde_json::Map::new();
    if after.title != before.title {
        detail.insert("title".into(), serde_json::json!({ "from": before.title, "to": after.title }));
    }
    if after.body != before.body {
        let bytes = serde_json::json!({ "from_bytes": before.body.len(), "to_bytes": after.body.len() });
        detail.insert("body".into(), bytes);
    }
    if after.priority != before.priority {
        detail.insert("priority".into(), serde_json::json!({ "from": before.priority, "to": after.priority }));
    }
    if after.assignee != before.assignee {
        detail.insert("assignee".into(), serde_json::json!({ "from": before.assignee, "to": after.assignee }));
    }
    let detail = serde_json::Value::Object(detail);
    audit::record(tx, now, actor, kind, &before.object(), &detail).await?;
    event::append(tx, NewEvent { card: before, run: before.current_run_id, kind, actor, detail, at: now }).await?;
    load(tx, CardRef::Id(before.id)).await
}

/// Moves a card by hand, or gives it another place in its column.
///
/// # Errors
/// `Conflict` for an illegal move, with the legal ones, and for a stale revision.
pub async fn move_card(core: &Core, actor: &Actor, params: MoveCardParams) -> Result<CardWritten, KanbanError> {
    let mut tx = core.write().await?;
    let before = load(&mut tx, CardRef::Id(params.id)).await?;
    require_revision(&before, params.revision)?;
    let place = wanted_place(&mut tx, &before, &params).await?;
    let card = if params.to == before.state {
        let Place::At(rank) = place else { return written(core, before.id, None).await };
        reorder(core, &mut tx, actor, &before, &rank).await?
    } else {
        let mut to = params.to;
        if to == CardState::Ready && store::has_unfinished_parent(&mut tx, before.id).await? {
            to = CardState::Todo;
            if before.state == CardState::Todo {
                return Err(waits_for_parents(&mut tx, &before).await?);
            }
        } else if to == CardState::Todo && !store::has_unfinished_parent(&mut tx, before.id).await? {
            // Nothing to wait for: `todo` would be left at once.
            to = CardState::Ready;
            if before.state == CardState::Ready {
                return Err(KanbanError::Conflict(format!(
                    "{} waits for no other card, so it stays ready; move it to triage to keep it from starting",
                    before.label()
                )));
            }
        }
        let mut transition = Transition::new(Cause::Person, to, "moved");
        transition.place = if to == params.to { place } else { Place::Usual };
        transition.failures = Failures::Reset;
        if before.state == CardState::Running {
            transition.run_end = Some(RunEnd::reclaimed(format!("{} moved the card to {to}", actor.name())));
        }
        if !transition::is_legal(Cause::Person, before.state, params.to) {
            transition.to = params.to; // refused with the target the person chose
        }
        transition::apply(core, &mut tx, actor, &before, transition).await?
    };
    let undo = undo::offer(core, &mut tx, actor, &card, &Inverse::restore(&before)).await?;
    tx.commit().await?;
    written(core, card.id, undo).await
}

async fn waits_for_parents(tx: &mut SqliteConnection, card: &CardRow) -> Result<KanbanError, KanbanError> {
    let numbers = view::unfinished_parents(tx, card.id).await?;
    let names: Vec<String> = numbers.iter().map(|number| format!("T-{number}")).collect();
    Ok(KanbanError::Conflict(format!(
        "{} waits for {}; finish or archive what it waits for, or remove the link",
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
    card: &CardRow,
    params: &MoveCardParams,
) -> Result<Place, KanbanError> {
    let (board, state) = (card.board_id, params.to);
    if let Some(after) = params.after {
        let neighbour = load(tx, CardRef::Id(after)).await?;
        if neighbour.state == state && neighbour.board_id == board {
            let high = store::rank_after(tx, board, state, &neighbour.rank, card.id).await?;
            return Ok(Place::At(rank::between(Some(&neighbour.rank), high.as_deref())));
        }
    }
    if let Some(before) = params.before {
        let neighbour = load(tx, CardRef::Id(before)).await?;
        if neighbour.state == state && neighbour.board_id == board {
            let low = store::rank_before(tx, board, state, &neighbour.rank, card.id).await?;
            return Ok(Place::At(rank::between(low.as_deref(), Some(&neighbour.rank))));
        }
    }
    Ok(Place::Usual)
}

/// Blocks a card that no worker has, which opens a question; ends the run of one that is running.
///
/// # Errors
/// `Conflict` when the card is finished or asks already.
pub async fn block_card(core: &Core, actor: &Actor, card: CardRef, reason: &str) -> Result<CardWritten, KanbanError> {
    let reason = input::needed_text("reason", reason)?;
    let mut tx = core.write().await?;
    let before = load(&mut tx, card).await?;
    let mut transition = Transition::new(Cause::AskInput, CardState::Blocked, "blocked");
    transition.detail = serde_json::json!({ "reason": crate::text::excerpt(reason, 400) });
    transition.run_end = Some(RunEnd::reclaimed(format!("{} blocked the card", actor.name())));
    let blocked = transition::apply(core, &mut tx, actor, &before, transition).await?;
    open_question(core, &mut tx, &blocked, reason).await?;
    let undo = undo::offer(core, &mut tx, actor, &blocked, &Inverse::restore(&before)).await?;
    tx.commit().await?;
    written(core, blocked.id, undo).await
}

async fn open_question(core: &Core, tx: &mut SqliteConnection, card: &CardRow, ask: &str) -> Result<(), KanbanError> {
    decisions::open(
        core,
        tx,
        decisions::NewDecision {
            kind: DecisionKind::Question,
            card,
            run: None,
            profile: "",
            ask,
            summary: "",
            options: &[],
            then_continue: false,
        },
    )
    .await?;
    Ok(())
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
    let before = load(&mut tx, card).await?;
    let mut transition = Transition::new(Cause::Person, CardState::Done, "completed");
    transition.failures = Failures::Reset;
    transition.summary = (!summary.is_empty()).then(|| summary.to_owned());
    transition.run_end = Some(RunEnd::reclaimed(format!("{} finished the card", actor.name())));
    let done = transition::apply(core, &mut tx, actor, &before, transition).await?;
    let undo = undo::offer(core, &mut tx, actor, &done, &Inverse::restore(&before)).await?;
    tx.commit().await?;
    written(core, done.id, undo).await
}

/// Deletes softly. A running card's worker is ended; children stop waiting for it.
///
/// # Errors
/// `NotFound` when it is deleted already.
pub async fn delete_card(core: &Core, actor: &Actor, card: CardRef) -> Result<CardWritten, KanbanError> {
    let mut tx = core.write().await?;
    let before = load(&mut tx, card).await?;
    // Through the archive, so that run, decision and children are told by the one function that does it.
    let archived = if before.state == CardState::Archived {
        before.clone()
    } else {
        let transition = Transition::new(Cause::Person, CardState::Archived, "moved");
        transition::apply(core, &mut tx, actor, &before, transition).await?
    };
    let now = core.now_ms();
    if !store::set_deleted(&mut tx, &archived, Some(now), now).await? {
        return Err(changed_meanwhile(&archived));
    }
    let detail = serde_json::json!({ "title": before.title });
    audit::record(&mut tx, now, actor, "deleted", &before.object(), &detail).await?;
    event::append(&mut tx, NewEvent { card: &before, run: None, kind: "deleted", actor, detail, at: now }).await?;
    let deleted = card_row::load_any(&mut tx, CardRef::Id(before.id)).await?;
    let undo = undo::offer(core, &mut tx, actor, &deleted, &Inverse::restore(&before)).await?;
    tx.commit().await?;
    let mut face = view::face_of_deleted(core, deleted.id).await?;
    face.state = before.state;
    Ok(CardWritten { card: face, undo })
}

/// Adds a comment, which the next run reads.
///
/// # Errors
/// `Invalid` for an empty or endless one.
pub async fn add_comment(core: &Core, actor: &Actor, params: AddCommentParams) -> Result<CommentView, KanbanError> {
    let body = input::needed_text("comment", &params.body)?;
    let mut tx = core.write().await?;
    let card = load(&mut tx, CardRef::Id(params.id)).await?;
    let now = core.now_ms();
    let id = comment_in(&mut tx, actor, &card, body, now).await?;
    tx.commit().await?;
    Ok(CommentView {
        id,
        author: actor.name().to_owned(),
        by_worker: !actor.is_person(),
        html: crate::text::markdown(body),
        created_at: now,
    })
}

/// Writes a comment with its event, inside a transaction.
pub(crate) async fn comment_in(
    tx: &mut SqliteConnection,
    actor: &Actor,
    card: &CardRow,
    body: &str,
    now: i64,
) -> Result<protocol::CommentId, KanbanError> {
    let id = store::insert_comment(tx, card.id, actor, body, now).await?;
    let detail = serde_json::json!({ "bytes": body.len() });
    audit::record(tx, now, actor, "commented", &card.object(), &detail).await?;
    event::append(tx, NewEvent { card, run: card.current_run_id, kind: "commented", actor, detail, at: now }).await?;
    Ok(id)
}

/// Makes `child` wait for `parent`.
///
/// # Errors
/// `Invalid` for a link to itself, a cycle, or another board.
pub async fn link(core: &Core, actor: &Actor, parent: CardRef, child: CardRef) -> Result<(), KanbanError> {
    let mut tx = core.write().await?;
    let parent = load(&mut tx, parent).await?;
    let child = load(&mut tx, child).await?;
    if parent.id == child.id {
        return Err(KanbanError::Invalid(format!("{} cannot wait for itself", child.label())));
    }
    if parent.board_id != child.board_id {
        return Err(KanbanError::Invalid("the cards are on different boards; links stay within one".into()));
    }
    if store::is_reachable(&mut tx, child.id, parent.id).await? {
        return Err(KanbanError::Invalid(format!(
            "{} already waits for {}, so this link would close a circle and neither could start",
            parent.label(),
            child.label()
        )));
    }
    if store::insert_link(&mut tx, parent.id, child.id).await? {
        told_of_link(core, &mut tx, actor, &parent, &child, "linked").await?;
        if child.state == CardState::Ready && !parent.state.is_finished() {
            let transition = Transition::new(Cause::Demote, CardState::Todo, "demoted");
            transition::apply(core, &mut tx, &Actor::System, &child, transition).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

/// Removes a link; the child starts when it waits for nothing else.
///
/// # Errors
/// `NotFound` when there is no such link.
pub async fn unlink(core: &Core, actor: &Actor, parent: CardRef, child: CardRef) -> Result<(), KanbanError> {
    let mut tx = core.write().await?;
    let parent = load(&mut tx, parent).await?;
    let child = load(&mut tx, child).await?;
    if !store::delete_link(&mut tx, parent.id, child.id).await? {
        return Err(KanbanError::NotFound(format!("{} does not wait for {}", child.label(), parent.label())));
    }
    told_of_link(core, &mut tx, actor, &parent, &child, "unlinked").await?;
    if child.state == CardState::Todo && !store::has_unfinished_parent(&mut tx, child.id).await? {
        let transition = Transition::new(Cause::Promote, CardState::Ready, "promoted");
        transition::apply(core, &mut tx, &Actor::System, &child, transition).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn told_of_link(
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

/// The card's face after a write.
pub(super) async fn written(
    core: &Core,
    card: CardId,
    undo: Option<protocol::UndoId>,
) -> Result<CardWritten, KanbanError> {
    Ok(CardWritten { card: view::card(core, CardRef::Id(card)).await?, undo })
}

fn require_revision(card: &CardRow, seen: Option<i64>) -> Result<(), KanbanError> {
    if seen.is_some_and(|revision| revision != card.revision) {
        return Err(changed_meanwhile(card));
    }
    Ok(())
}

pub(super) fn changed_meanwhile(card: &CardRow) -> KanbanError {
    KanbanError::Conflict(format!(
        "{} was changed meanwhile and is {} now; look at it again, then repeat",
        card.label(),
        card.state
    ))
}
