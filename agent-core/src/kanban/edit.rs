//! What a card says: its text, its people, its limits, its place.

use protocol::{CardField, CardId, CardRef, CardState, CardWritten, EditCardParams};
use serde_json::json;
use sqlx::SqliteConnection;

use super::boards::load_for_write;
use super::card_row::{CardRow, load};
use super::event::{self, NewEvent};
use super::place::{self, PlaceSaid};
use super::undo::{self, Inverse};
use super::{KanbanError, input, repeat, store, view};
use crate::{Actor, Core, audit};

/// Changes what a card says.
///
/// # Errors
/// `Conflict` when the card changed since `revision`.
pub async fn edit_card(core: &Core, actor: &Actor, params: EditCardParams) -> Result<CardWritten, KanbanError> {
    let mut tx = core.write().await?;
    let before = load_for_write(&mut tx, CardRef::Id(params.id)).await?;
    require_revision(&before, Some(params.revision))?;
    let Some((card, inverse)) = edit_in(core, &mut tx, actor, &before, &params).await? else {
        return written(core, before.id, None).await;
    };
    let undo = undo::offer(core, &mut tx, actor, &card, &inverse).await?;
    tx.commit().await?;
    written(core, card.id, undo).await
}

/// Changes what a card says, inside a transaction; `None` when nothing changes.
pub(super) async fn edit_in(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    before: &CardRow,
    params: &EditCardParams,
) -> Result<Option<(CardRow, Inverse)>, KanbanError> {
    let mut after = before.clone();
    if let Some(title) = &params.title {
        input::title(title)?.clone_into(&mut after.title);
    }
    if let Some(body) = &params.body {
        input::body(body)?.clone_into(&mut after.body);
    }
    if let Some(priority) = params.priority {
        after.priority = priority;
    }
    if let Some(tenant) = &params.tenant {
        after.tenant = input::tenant(tenant)?;
    }
    if let Some(skills) = &params.skills {
        after.skills = input::skills(skills)?;
    }
    if let Some(model) = &params.model {
        after.model = input::model(model)?;
    }
    if let Some(due_at) = params.due_at {
        after.due_at = input::due(due_at)?;
    }
    if let Some(rule) = &params.repeat {
        after.repeat = repeat::checked(rule, core.now_ms())?;
    }
    after.max_attempts = limit(params.max_attempts, before.max_attempts);
    after.max_runtime_s = limit(params.max_runtime_s, before.max_runtime_s);
    after.max_tokens = limit(params.max_tokens, before.max_tokens);
    after.max_cost_micros = limit(params.max_cost_micros, before.max_cost_micros);
    input::budget(CardField::MaxTokens, after.max_tokens, 0)?;
    input::budget(CardField::MaxCost, after.max_cost_micros, 0)?;
    if let Some(assignee) = &params.assignee {
        after.assignee = assignee_for(before, assignee)?;
        if after.assignee != before.assignee {
            after.failures = 0;
        }
    }
    place::edit(core, tx, before, params, &mut after).await?;
    let had = store::labels_of(tx, before.id).await?;
    let labels = params.labels.as_deref().map(input::labels).transpose()?.unwrap_or_else(|| had.clone());
    if after == *before && labels == had {
        return Ok(None);
    }
    let mut inverse = Inverse::restore(tx, before).await?;
    if PlaceSaid::by(before) != PlaceSaid::by(&after) {
        inverse = inverse.with_place(before);
    }
    let card = write_fields(core, tx, actor, before, &after, &labels, "edited").await?;
    Ok(Some((card, inverse)))
}

/// Whose the card becomes. What is on it already stays, also a name that could not be given any more.
fn assignee_for(before: &CardRow, wanted: &str) -> Result<Option<String>, KanbanError> {
    if before.assignee.as_deref() == Some(wanted) {
        return Ok(before.assignee.clone());
    }
    let assignee = input::card_assignee(wanted)?;
    if assignee != before.assignee && before.state == CardState::Running {
        return Err(KanbanError::Conflict(format!(
            "{} is running; move it back to ready first, then assign it to somebody else",
            before.label()
        )));
    }
    Ok(assignee)
}

/// A number as an edit gives it: absent leaves it, nothing clears it.
fn limit<T: Default + PartialEq>(wanted: Option<T>, present: Option<T>) -> Option<T> {
    match wanted {
        None => present,
        Some(number) => (number != T::default()).then_some(number),
    }
}

/// Writes fields and labels with their event and audit row.
pub(super) async fn write_fields(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    before: &CardRow,
    after: &CardRow,
    labels: &[String],
    kind: &'static str,
) -> Result<CardRow, KanbanError> {
    let now = core.now_ms();
    if !store::set_fields(tx, before, after, now).await? {
        return Err(changed_meanwhile(before));
    }
    let had = store::labels_of(tx, before.id).await?;
    store::set_labels(tx, before, &had, labels).await?;
    let detail = difference(before, after, &had, labels);
    audit::record(tx, now, actor, kind, &before.object(), &detail).await?;
    event::append(tx, NewEvent { card: before, run: before.current_run_id, kind, actor, detail, at: now }).await?;
    load(tx, CardRef::Id(before.id)).await
}

/// What changed, from and to; of long texts only the sizes.
fn difference(before: &CardRow, after: &CardRow, had: &[String], labels: &[String]) -> serde_json::Value {
    let mut detail = serde_json::Map::new();
    let mut note = |name: &str, from: serde_json::Value, to: serde_json::Value| {
        if from != to {
            detail.insert(name.to_owned(), json!({ "from": from, "to": to }));
        }
    };
    note("title", json!(before.title), json!(after.title));
    note("priority", json!(before.priority), json!(after.priority));
    note("assignee", json!(before.assignee), json!(after.assignee));
    note("labels", json!(had), json!(labels));
    note("tenant", json!(before.tenant), json!(after.tenant));
    note("skills", json!(before.skill_names()), json!(after.skill_names()));
    note("model", json!(before.model), json!(after.model));
    note("due_at", json!(before.due_at), json!(after.due_at));
    note("repeat", json!(before.repeat), json!(after.repeat));
    note("max_attempts", json!(before.max_attempts), json!(after.max_attempts));
    note("max_runtime_s", json!(before.max_runtime_s), json!(after.max_runtime_s));
    note("max_tokens", json!(before.max_tokens), json!(after.max_tokens));
    note("max_cost_micros", json!(before.max_cost_micros), json!(after.max_cost_micros));
    note("workspace", json!(before.workspace_kind), json!(after.workspace_kind));
    note("workspace_path", json!(before.workspace_path), json!(after.workspace_path));
    note("repository", json!(before.repository), json!(after.repository));
    note("branch", json!(before.branch), json!(after.branch));
    note("shared_dir", json!(before.shared_dir), json!(after.shared_dir));
    if after.body != before.body {
        detail.insert("body".into(), json!({ "from_bytes": before.body.len(), "to_bytes": after.body.len() }));
    }
    serde_json::Value::Object(detail)
}

/// The card's face after a write.
pub(super) async fn written(
    core: &Core,
    card: CardId,
    undo: Option<protocol::UndoId>,
) -> Result<CardWritten, KanbanError> {
    let found = view::cards(core, &[card]).await?.pop();
    let card = found.ok_or_else(|| KanbanError::NotFound("the card was deleted meanwhile".into()))?;
    Ok(CardWritten { card, undo })
}

pub(super) fn require_revision(card: &CardRow, seen: Option<i64>) -> Result<(), KanbanError> {
    if seen.is_some_and(|revision| revision != card.revision) {
        return Err(changed_meanwhile(card));
    }
    Ok(())
}

pub(super) fn changed_meanwhile(card: &CardRow) -> KanbanError {
    KanbanError::Conflict(format!(
        "{} was changed meanwhile and is in {} now; look at it again, then repeat",
        card.label(),
        card.state.title()
    ))
}
