//! Creating cards.

use protocol::{CardField, CardId, CardRef, CardState, CardWritten, CreateCardParams, DecisionKind, WorkspaceKind};
use sqlx::SqliteConnection;

use super::card_row::{CardRow, load};
use super::comments::comment_in;
use super::edit::written;
use super::event::{self, NewEvent};
use super::moves::MAX_AHEAD_MS;
use super::place::{self, Wish};
use super::undo::{self, Inverse};
use super::{KanbanError, boards, input, rank, repeat, store};
use crate::{Actor, Core, audit, decisions};

/// Creates a card.
///
/// # Errors
/// `Invalid` for bad input, `NotFound` for an unknown board or parent.
pub async fn create_card(core: &Core, actor: &Actor, params: CreateCardParams) -> Result<CardWritten, KanbanError> {
    create_or_find(core, actor, params).await.map(|(written, _)| written)
}

/// Creates a card; also says whether it is new, and not one that was made earlier with the same idempotency key.
///
/// # Errors
/// As [`create_card`].
pub async fn create_or_find(
    core: &Core,
    actor: &Actor,
    params: CreateCardParams,
) -> Result<(CardWritten, bool), KanbanError> {
    let mut tx = core.write().await?;
    let (card, is_new) = create_in(core, &mut tx, actor, &params).await?;
    let undo = if is_new { undo::offer(core, &mut tx, actor, &card, &Inverse::Delete).await? } else { None };
    tx.commit().await?;
    Ok((written(core, card.id, undo).await?, is_new))
}

/// What of a new card can be judged without looking at a board.
pub(super) struct Words<'a> {
    body: &'a str,
    assignee: Option<String>,
    limits: input::Limits,
    labels: Vec<String>,
    skills: String,
    tenant: Option<String>,
    model: Option<String>,
    due_at: Option<i64>,
    repeats: Option<String>,
}

impl<'a> Words<'a> {
    pub(super) fn checked(params: &'a CreateCardParams, now: i64) -> Result<Self, KanbanError> {
        Ok(Self {
            body: input::body(&params.body)?,
            assignee: input::card_assignee(params.assignee.as_deref().unwrap_or_default())?,
            limits: input::Limits::checked(params)?,
            labels: input::labels(&params.labels)?,
            skills: input::skills(&params.skills)?,
            tenant: input::tenant(params.tenant.as_deref().unwrap_or_default())?,
            model: input::model(params.model.as_deref().unwrap_or_default())?,
            due_at: params.due_at.map(input::due).transpose()?.flatten(),
            repeats: repeat::checked(params.repeat.as_deref().unwrap_or_default(), now)?,
        })
    }
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
    let Words { body, assignee, limits, labels, skills, tenant, model, due_at, repeats } = Words::checked(params, now)?;
    let board = boards::for_write(tx, &params.board, now).await?;
    let key = input::key(params.idempotency_key.as_deref().unwrap_or_default())?;
    if let Some(key) = key
        && let Some(existing) = store::by_idempotency_key(tx, board.id, key).await?
    {
        return Ok((load(tx, CardRef::Id(existing)).await?, false));
    }
    let place = place::checked(core, tx, board.id, Wish::of_new(params)).await?;
    let mut parents: Vec<CardId> = Vec::new();
    let mut waits = false;
    for parent in &params.parents {
        let parent = load(tx, *parent).await.map_err(|error| error.about(CardField::Parents))?;
        if parent.board_id != board.id {
            let text = format!("{} is on another board; links stay within one", parent.label());
            return Err(KanbanError::at(CardField::Parents, text));
        }
        waits |= !parent.state.is_finished();
        if !parents.contains(&parent.id) {
            parents.push(parent.id);
        }
    }
    let state = first_state(params, waits, now)?;
    let id = CardId(store::new_id());
    let (number, last) = store::next_number(tx, board.id, state).await?;
    let rank = rank::between(last.as_deref(), None);
    let new = store::NewCard {
        id,
        number,
        board: board.id,
        title,
        body,
        state,
        rank: &rank,
        priority: params.priority,
        assignee: assignee.as_deref(),
        created_by: actor.name(),
        workspace_kind: params.workspace,
        workspace_path: place.path.as_deref(),
        repository: place.repository.as_deref(),
        branch: place.branch.as_deref(),
        shared_dir: params.shared_dir,
        scheduled_at: params.scheduled_at.filter(|_| state == CardState::Scheduled),
        max_attempts: limits.attempts,
        max_runtime_s: limits.runtime_s,
        max_tokens: limits.tokens,
        max_cost_micros: limits.cost_micros,
        idempotency_key: key,
        tenant: tenant.as_deref(),
        skills: &skills,
        model: model.as_deref(),
        due_at,
        repeat: repeats.as_deref(),
        previous: None,
        created_run: actor.run(),
        now,
    };
    let card = store::insert_card(tx, &new).await?;
    for parent in &parents {
        store::insert_link(tx, *parent, id).await?;
    }
    store::set_labels(tx, &card, &[], &labels).await?;
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
fn first_state(params: &CreateCardParams, waits: bool, now: i64) -> Result<CardState, KanbanError> {
    if params.triage && params.blocked {
        return Err(KanbanError::Invalid(
            "a card starts in triage or blocked, not both; in triage nothing starts by itself, blocked asks a person"
                .into(),
        ));
    }
    let moment = |at| input::moment("the start", at).map_err(|error| error.about(CardField::ScheduledAt));
    let scheduled_at = params.scheduled_at.map(moment).transpose()?;
    if scheduled_at.is_some_and(|at| at > now + MAX_AHEAD_MS) {
        let text = "a card starts at most five years ahead; choose an earlier time";
        return Err(KanbanError::at(CardField::ScheduledAt, text));
    }
    Ok(if params.triage {
        CardState::Triage
    } else if params.blocked {
        CardState::Blocked
    } else if scheduled_at.is_some_and(|at| at > now) {
        // Before what it waits for: when its time has come it waits for the rest, while a waiting card has no time.
        CardState::Scheduled
    } else if waits {
        CardState::Todo
    } else {
        CardState::Ready
    })
}

pub(super) async fn open_question(
    core: &Core,
    tx: &mut SqliteConnection,
    card: &CardRow,
    ask: &str,
) -> Result<(), KanbanError> {
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

/// A card that repeats was finished: the next one, at its next time.
pub(super) async fn create_next_occurrence(
    core: &Core,
    tx: &mut SqliteConnection,
    done: &CardRow,
) -> Result<(), KanbanError> {
    let Some(rule) = &done.repeat else { return Ok(()) };
    if store::has_come_again(tx, done.id).await? {
        return Ok(()); // finished, brought back and finished again
    }
    let now = core.now_ms();
    let at = match repeat::next_after(rule, now) {
        Ok(at) => at,
        Err(error) => return drop_repetition(tx, done, rule, &error, now).await,
    };
    let (number, last) = store::next_number(tx, done.board_id, CardState::Scheduled).await?;
    let id = CardId(store::new_id());
    let worktree = done.workspace_kind == WorkspaceKind::Worktree;
    let new = store::NewCard {
        id,
        number,
        board: done.board_id,
        title: &done.title,
        body: &done.body,
        state: CardState::Scheduled,
        rank: &rank::between(last.as_deref(), None),
        priority: done.priority,
        assignee: done.assignee.as_deref(),
        created_by: &done.created_by,
        workspace_kind: done.workspace_kind,
        workspace_path: done.workspace_path.as_deref().filter(|_| done.workspace_kind == WorkspaceKind::Dir),
        repository: done.repository.as_deref(),
        branch: done.branch.as_deref().filter(|_| !worktree),
        shared_dir: done.shared_dir,
        scheduled_at: Some(at),
        max_attempts: done.max_attempts,
        max_runtime_s: done.max_runtime_s,
        max_tokens: done.max_tokens,
        max_cost_micros: done.max_cost_micros,
        idempotency_key: None,
        tenant: done.tenant.as_deref(),
        skills: &done.skills,
        model: done.model.as_deref(),
        due_at: None,
        repeat: Some(rule),
        previous: Some(done.id),
        created_run: None,
        now,
    };
    let next = store::insert_card(tx, &new).await?;
    let labels = store::labels_of(tx, done.id).await?;
    store::set_labels(tx, &next, &[], &labels).await?;
    let detail = serde_json::json!({ "state": "scheduled", "repeats": done.number, "at": at, "title": done.title });
    audit::record(tx, now, &Actor::System, "created", &next.object(), &detail).await?;
    let event = NewEvent { card: &next, run: None, kind: "created", actor: &Actor::System, detail, at: now };
    event::append(tx, event).await
}

/// The card comes no more: a rule without a next time must not keep work that is done from being done.
async fn drop_repetition(
    tx: &mut SqliteConnection,
    done: &CardRow,
    rule: &str,
    error: &KanbanError,
    now: i64,
) -> Result<(), KanbanError> {
    store::clear_repeat(tx, done.id).await?;
    let detail = serde_json::json!({ "rule": rule });
    let actor = &Actor::System;
    audit::record(tx, now, actor, "repetition_dropped", &done.object(), &detail).await?;
    event::append(tx, NewEvent { card: done, run: None, kind: "repetition_dropped", actor, detail, at: now }).await?;
    let said = format!("This card does not come again: {error}.");
    comment_in(tx, actor, done, &said, None, now).await?;
    Ok(())
}
