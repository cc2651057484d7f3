//! Editing what a card says.
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{CardDetail, CardId, CardRef, CardState, EditCardParams, ErrorCode, TaskCard};

use super::more::More;
use super::{AssigneeField, PriorityField, undo_later};
use crate::features::kanban::server_fns::{edit_card, is_being_edited, read_card};
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::{Button, ButtonKind, ErrorState, TextArea, TextField, Toasts, skeleton_rows};

/// The description is not part of a card's face, so it is read first.
#[lazy]
pub(super) fn loader(id: CardId, on_saved: Callback<TaskCard>) -> AnyView {
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
    .into_any()
}

/// The form where it stands on a page, which has the card already.
#[lazy]
pub(super) fn in_place(detail: CardDetail, on_saved: Callback<TaskCard>, cancel: Callback<()>) -> AnyView {
    view! { <EditForm detail on_saved on_cancel=cancel /> }.into_any()
}

/// Edits what a card says. Only what was changed is sent, with the revision it was changed from.
#[component]
fn EditForm(
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
    let more = More::of(&detail);
    if detail.card.state == CardState::Triage {
        keep_models_away(detail.card.id);
    }
    let before = StoredValue::new(detail);
    let submit = move || {
        let filled = match before.with_value(|before| more.edit(before)) {
            Ok(filled) => filled,
            Err(text) => return problem.set(text),
        };
        let params = before.with_value(|before| EditCardParams {
            title: changed(title.get_untracked(), &before.card.title),
            body: changed(body.get_untracked(), &before.body),
            priority: priority.read_untracked().parse().ok().filter(|number| *number != before.card.priority),
            assignee: changed(assignee.get_untracked(), before.card.assignee.as_deref().unwrap_or_default()),
            ..filled
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
            {more.fields(false)}
            <p class="field-error" role="alert">{move || problem.get()}</p>
            <div class="btn-row">
                {on_cancel.map(|cancel| view! { <Button on_press=cancel>{t::common_cancel()}</Button> })}
                <Button kind=ButtonKind::Primary submit=true busy>{t::common_save()}</Button>
            </div>
        </form>
    }
}

/// While the form of an idea is open, no model takes the card apart. Said again before a minute has passed.
fn keep_models_away(id: CardId) {
    Effect::new(move |_| {
        let say = move || {
            spawn_local(async move {
                // silent-ok: the server says so when it is saved; saying it is only a courtesy.
                let _ = is_being_edited(id).await;
            });
        };
        say();
        if let Ok(interval) = set_interval_with_handle(say, Duration::from_secs(40)) {
            on_cleanup(move || interval.clear());
        }
    });
}

fn changed(now: String, before: &str) -> Option<String> {
    (now != before).then_some(now)
}
