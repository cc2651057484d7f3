//! Writing a card: a new one, or what an existing one says. What was typed is never lost: a refusal leaves the form
//! as it is and says why.
use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{
    CardDetail, CardId, CardRef, CreateCardParams, EditCardParams, ErrorCode, ExecutorKind, ProfileSummary, TaskCard,
};

use super::server_fns::{create_card, edit_card, read_card, read_profiles, undo_write};
use super::words;
use crate::i18n::t;
use crate::layout::NewCard;
use crate::ui::{Button, ButtonKind, Dialog, ErrorState, SelectField, TextArea, TextField, Toasts, skeleton_rows};

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
            <NewCardForm new_card />
        </Dialog>
    }
}

#[component]
fn NewCardForm(new_card: NewCard) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let (title, body) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let (assignee, priority) = (RwSignal::new(String::new()), RwSignal::new("0".to_owned()));
    let triage = new_card.defaults.get_value().triage;
    new_card.defaults.set_value(NewCardDefaults::default());
    let start = RwSignal::new(if triage { "triage" } else { "now" }.to_owned());
    let (busy, problem) = (RwSignal::new(false), RwSignal::new(String::new()));
    // The same key for every try: an answer that was lost does not make a second card.
    let key = StoredValue::new(new_key());
    let submit = move || {
        if title.read_untracked().trim().is_empty() {
            problem.set(t::kanban_title_needed().into());
            return;
        }
        let params = CreateCardParams {
            board: board_of_address(),
            title: title.get_untracked(),
            body: body.get_untracked(),
            assignee: Some(assignee.get_untracked()).filter(|name| !name.is_empty()),
            priority: priority.read_untracked().parse().unwrap_or(0),
            triage: *start.read_untracked() == "triage",
            blocked: *start.read_untracked() == "blocked",
            idempotency_key: Some(key.get_value()),
            ..CreateCardParams::default()
        };
        busy.set(true);
        spawn_local(async move {
            match create_card(params).await {
                Ok(written) => {
                    let text = t::kanban_created(&words::label(written.card.number));
                    new_card.open.set(false);
                    if let Some(created) = new_card.created.get_value() {
                        created.run(written.card.clone());
                    }
                    if let Some(undo) = written.undo {
                        toasts.undoable(text, undo_later(toasts, undo));
                    } else {
                        toasts.say(text);
                    }
                }
                Err(error) => {
                    busy.try_set(false);
                    problem.try_set(error.message);
                }
            }
        });
    };
    let starts = vec![
        ("now".into(), t::kanban_start_now().into()),
        ("triage".into(), t::kanban_start_triage().into()),
        ("blocked".into(), t::kanban_start_blocked().into()),
    ];
    view! {
        <form
            class="dialog-body"
            on:submit=move |event| {
                event.prevent_default();
                submit();
            }
            on:keydown=move |event| {
                if event.key() == "Enter" && (event.meta_key() || event.ctrl_key()) {
                    event.prevent_default();
                    submit();
                }
            }
        >
            <TextField label=t::kanban_title() value=title placeholder=t::kanban_title_placeholder() error=problem autofocus=true />
            <TextArea label=t::kanban_body() value=body placeholder=t::kanban_body_placeholder() />
            <div class="field-pair">
                <AssigneeField value=assignee />
                <PriorityField value=priority />
            </div>
            <SelectField label=t::kanban_start() value=start options=starts />
            <div class="dialog-foot btn-row">
                <Button kind=ButtonKind::Primary submit=true busy>{t::kanban_create()}</Button>
            </div>
        </form>
    }
}

/// Takes a write back and says so.
pub(crate) fn undo_later(toasts: Toasts, undo: protocol::UndoId) -> Callback<()> {
    Callback::new(move |()| {
        spawn_local(async move {
            match undo_write(undo).await {
                Ok(undone) => toasts.say(words::undone(&undone)),
                Err(error) => toasts.fail(error.message),
            }
        });
    })
}

/// The board in the address, so that a card made on a board lands there.
fn board_of_address() -> String {
    let path = window().location().pathname().unwrap_or_default();
    path.strip_prefix("/board/").unwrap_or_default().trim_end_matches('/').to_owned()
}

/// Not a secret: it only has to differ from other forms' keys.
fn new_key() -> String {
    let random = (js_sys::Math::random() * 9_007_199_254_740_992.0) as u64;
    format!("web-{:x}-{random:x}", crate::ui::dom::now_ms())
}

#[component]
fn AssigneeField(value: RwSignal<String>) -> impl IntoView {
    let profiles = LocalResource::new(read_profiles);
    view! {
        <Suspense fallback=move || assignee_select(value, Vec::new())>
            {move || Suspend::new(async move { assignee_select(value, profiles.await.unwrap_or_default()) })}
        </Suspense>
    }
}

fn assignee_select(value: RwSignal<String>, profiles: Vec<ProfileSummary>) -> AnyView {
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
    view! { <SelectField label=t::kanban_assignee() value options /> }.into_any()
}

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
            {move || card.get_untracked().map(|id| view! { <EditLoader id on_saved=saved /> })}
        </Dialog>
    }
}

/// The description is not part of a card's face, so it is read first.
#[component]
fn EditLoader(id: CardId, on_saved: Callback<TaskCard>) -> impl IntoView {
    let detail = LocalResource::new(move || read_card(CardRef::Id(id)));
    let retry = Callback::new(move |()| detail.refetch());
    view! {
        <Suspense fallback=move || view! { <div class="dialog-body">{skeleton_rows(3)}</div> }>
            {move || Suspend::new(async move {
                match detail.await {
                    Ok(detail) => view! { <div class="dialog-body"><EditForm detail on_saved /></div> }.into_any(),
                    Err(error) => view! { <ErrorState error retry /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

/// Edits what a card says. Only what was changed is sent, with the revision it was changed from.
#[component]
pub fn EditForm(
    /// The card.
    detail: CardDetail,
    /// Told about the card as it is then.
    on_saved: Callback<TaskCard>,
    /// Gives up, where the form is not a dialog of its own.
    #[prop(optional, into)]
    on_cancel: Option<Callback<()>>,
) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let title = RwSignal::new(detail.card.title.clone());
    let body = RwSignal::new(detail.body.clone());
    let assignee = RwSignal::new(detail.card.assignee.clone().unwrap_or_default());
    let priority = RwSignal::new(detail.card.priority.to_string());
    let (busy, problem) = (RwSignal::new(false), RwSignal::new(String::new()));
    let before = StoredValue::new(detail);
    let submit = move || {
        let params = before.with_value(|before| EditCardParams {
            title: changed(title.get_untracked(), &before.card.title),
            body: changed(body.get_untracked(), &before.body),
            priority: priority.read_untracked().parse().ok().filter(|number| *number != before.card.priority),
            assignee: changed(assignee.get_untracked(), before.card.assignee.as_deref().unwrap_or_default()),
            ..EditCardParams::of(before.card.id, before.card.revision)
        });
        if title.read_untracked().trim().is_empty() {
            problem.set(t::kanban_title_needed().into());
            return;
        }
        busy.set(true);
        spawn_local(async move {
            let answer = edit_card(params).await;
            busy.try_set(false);
            match answer {
                Ok(written) => {
                    let text = t::kanban_saved(&words::label(written.card.number));
                    on_saved.run(written.card);
                    if let Some(undo) = written.undo {
                        toasts.undoable(text, undo_later(toasts, undo));
                    }
                }
                Err(error) if error.code == ErrorCode::Conflict => {
                    problem.try_set(t::kanban_conflict(&error.message));
                }
                Err(error) => {
                    problem.try_set(error.message);
                }
            }
        });
    };
    view! {
        <form class="form" on:submit=move |event| {
            event.prevent_default();
            submit();
        }>
            <TextField label=t::kanban_title() value=title autofocus=true />
            <TextArea label=t::kanban_body() value=body rows=8 />
            <div class="field-pair">
                <AssigneeField value=assignee />
                <PriorityField value=priority />
            </div>
            <p class="field-error" role="alert">{move || problem.get()}</p>
            <div class="btn-row">
                {on_cancel.map(|cancel| view! { <Button on_press=cancel>{t::common_cancel()}</Button> })}
                <Button kind=ButtonKind::Primary submit=true busy>{t::common_save()}</Button>
            </div>
        </form>
    }
}

fn changed(now: String, before: &str) -> Option<String> {
    (now != before).then_some(now)
}
