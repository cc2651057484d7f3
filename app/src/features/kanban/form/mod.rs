//! Writing a card: a new one, or what an existing one says. What was typed is never lost: a refusal leaves the form
//! as it is and says why. The forms' code is fetched when the first of them opens.
mod choices;
mod draft;
mod edit_card;
mod finder;
mod more;
mod new_card;
mod problem;
mod waits;

use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{CardDetail, CardField, CardId, ErrorCode, ExecutorKind, ProfileSummary, TaskCard, UndoId, UndoResult};

use problem::Problem;

use super::server_fns::{read_profiles, undo_write};
use super::words;
use crate::i18n::t;
use crate::layout::NewCard;
use crate::ui::{Dialog, SelectField, Toasts, later};

/// The form that edits a card where it stands on its page.
pub fn edit_in_place(detail: CardDetail, on_saved: Callback<TaskCard>, cancel: Callback<()>) -> AnyView {
    later(edit_card::in_place(detail, on_saved, cancel))
}
pub(crate) use choices::{label_choice, moment_choice};
pub(crate) use finder::{Among, finder};

/// What a new card starts with.
#[derive(Debug, Clone, Copy, Default)]
pub struct NewCardDefaults {
    /// In triage instead of ready.
    pub triage: bool,
}

/// The dialog for a new card.
#[component]
pub fn NewCardDialog(
    /// Its state.
    new_card: NewCard,
) -> impl IntoView {
    view! {
        <Dialog open=new_card.open title=t::kanban_new_card()>
            {later(new_card::form(new_card))}
        </Dialog>
    }
}

/// The dialog that edits a card from the board.
#[component]
pub fn EditDialog(
    /// Whether it is open.
    open: RwSignal<bool>,
    /// Which card.
    card: RwSignal<Option<CardId>>,
    /// Told about the card as it is then.
    on_saved: Callback<TaskCard>,
) -> impl IntoView {
    let title = Signal::derive(|| t::kanban_edit().to_owned());
    let saved = Callback::new(move |card| {
        open.set(false);
        on_saved.run(card);
    });
    view! {
        <Dialog open title>
            {card.get_untracked().map(|id| later(edit_card::loader(id, saved)))}
        </Dialog>
    }
}

/// Says what was done and offers to take it back.
pub(crate) fn offer_undo(toasts: Toasts, text: String, undo: UndoId) {
    let back = Callback::new(move |()| {
        spawn_local(async move {
            if let Some(undone) = take_back(toasts, undo).await {
                toasts.say(words::undone(&undone));
            }
        });
    });
    toasts.undoable(text, undo, back);
}

/// Takes a write back, which nothing offers any more afterwards. `None` when it could not be, which is said.
pub(crate) async fn take_back(toasts: Toasts, undo: UndoId) -> Option<UndoResult> {
    let answer = undo_write(undo).await;
    if answer.as_ref().err().is_none_or(|error| error.code == ErrorCode::Conflict) {
        toasts.taken_back(undo);
    }
    match answer {
        Ok(undone) => return Some(undone),
        // It was taken back elsewhere, or changed since: nothing has failed.
        Err(error) if error.code == ErrorCode::Conflict => toasts.say(error.message),
        Err(error) => toasts.fail(error.message),
    }
    None
}

/// Who works on it.
#[component]
fn AssigneeField(value: RwSignal<String>, problem: Problem) -> impl IntoView {
    let profiles = LocalResource::new(read_profiles);
    let error = problem.at(CardField::Assignee);
    // The board has read them, too: enough until they are here, and without a connection.
    let known = expect_context::<NewCard>().profiles;
    view! {
        <Suspense fallback=move || assignee_select(value, known.get_value(), error)>
            {move || Suspend::new(async move {
                assignee_select(value, profiles.await.unwrap_or_else(|_| known.get_value()), error)
            })}
        </Suspense>
    }
}

/// The profiles to choose from.
pub(crate) fn assignee_select(
    value: RwSignal<String>,
    profiles: Vec<ProfileSummary>,
    error: Signal<String>,
) -> AnyView {
    let mut options = vec![(String::new(), t::kanban_unassigned().to_owned())];
    options.extend(profiles.into_iter().map(|profile| {
        let executor = match profile.executor {
            ExecutorKind::Agent => t::kanban_agent(),
            ExecutorKind::Command => t::kanban_command(),
        };
        (profile.id.clone(), format!("{} · {executor}", profile.id))
    }));
    let chosen = value.get_untracked();
    if !options.iter().any(|(key, _)| *key == chosen) {
        options.push((chosen.clone(), chosen));
    }
    view! { <SelectField label=t::kanban_assignee() value options error /> }.into_any()
}

/// How important it is.
#[component]
fn PriorityField(value: RwSignal<String>) -> impl IntoView {
    let names = [(2, t::kanban_urgent()), (1, t::kanban_high()), (0, t::kanban_normal()), (-1, t::kanban_low())];
    let mut options: Vec<(String, String)> =
        names.into_iter().map(|(number, name)| (number.to_string(), name.to_owned())).collect();
    let chosen = value.get_untracked();
    if !options.iter().any(|(key, _)| *key == chosen) {
        options.push((chosen.clone(), chosen));
    }
    view! { <SelectField label=t::kanban_priority() value options /> }
}
