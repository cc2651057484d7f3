//! A new card.
use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{CardField, CardTemplate, CreateCardParams, UndoId};

use super::draft::Draft;
use super::more::More;
use super::problem::Problem;
use super::waits::Waits;
use super::{AssigneeField, NewCardDefaults, PriorityField, offer_undo};
use crate::features::kanban::server_fns::{CreateCard, delete_template, read_templates, undo_write};
use crate::features::kanban::words;
use crate::i18n::t;
use crate::layout::NewCard;
use crate::outbox::{About, Outbox, Outcome};
use crate::ui::{Button, ButtonKind, Icon, SelectField, TextArea, TextField, Toasts, icon};

/// The form for a new card.
#[lazy]
pub(super) fn form(new_card: NewCard) -> AnyView {
    let (toasts, outbox) = (expect_context::<Toasts>(), expect_context::<Outbox>());
    let board = StoredValue::new(new_card.board.get_value());
    let (title, body) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let (assignee, priority) = (RwSignal::new(String::new()), RwSignal::new("0".to_owned()));
    let triage = new_card.defaults.get_value().triage;
    new_card.defaults.set_value(NewCardDefaults::default());
    let start = RwSignal::new(if triage { "triage" } else { "now" }.to_owned());
    let (more, waits) = (More::new(), board.with_value(|board| Waits::on(board)));
    let mut fields = vec![title, body, assignee, priority, start, waits.text()];
    fields.extend(more.of_new_card());
    let draft = Draft::of(fields);
    waits.check();
    if triage {
        start.set("triage".to_owned());
    }
    let (busy, problem) = (RwSignal::new(false), Problem::new());
    // The same key for every try: an answer that was lost does not make a second card.
    let key = StoredValue::new(new_key());
    let submit = move || {
        if busy.get_untracked() {
            return;
        }
        if title.read_untracked().trim().is_empty() {
            return problem.say(Some(CardField::Title), t::kanban_title_needed().into());
        }
        let filled = match more.create() {
            Ok(filled) => filled,
            Err((field, text)) => return problem.say(Some(field), text),
        };
        let params = CreateCardParams {
            board: board.get_value(),
            title: title.get_untracked(),
            body: body.get_untracked(),
            assignee: Some(assignee.get_untracked()).filter(|name| !name.is_empty()),
            priority: priority.read_untracked().parse().unwrap_or(0),
            triage: *start.read_untracked() == "triage",
            blocked: *start.read_untracked() == "blocked",
            parents: waits.parents(),
            idempotency_key: Some(key.get_value()),
            ..filled
        };
        busy.set(true);
        problem.clear();
        let about =
            About { label: t::outbox_create(params.title.trim()), cards: Vec::new(), text: params.body.clone() };
        // It may be closed by now, and another one open.
        let is_this = move || busy.try_get_untracked() == Some(true);
        let sent = Draft::kept();
        let is_sent = move || {
            if is_this() {
                draft.forget();
                new_card.open.set(false);
            } else if Draft::kept() == sent {
                // Closed before the answer came: it is no draft any more.
                draft.forget();
            }
        };
        outbox.send(&CreateCard { params }, about, move |outcome| match outcome {
            Outcome::Done { answer, late } => {
                let text = t::kanban_created(&words::label(answer.card.number));
                if let Some(created) = new_card.created.get_value() {
                    created.run(answer.card);
                }
                if late {
                    return;
                }
                is_sent();
                match answer.undo {
                    Some(undo) => offer_undo(toasts, text, undo),
                    None => toasts.say(text),
                }
            }
            // It is kept with what waits: the form is free for the next one.
            Outcome::Waits => is_sent(),
            Outcome::Refused(error) if is_this() => {
                busy.set(false);
                problem.refused(error);
            }
            Outcome::Refused(error) => toasts.fail(error.message),
            Outcome::TakenBack | Outcome::Elsewhere => {}
        });
    };
    let starts = vec![
        ("now".into(), t::kanban_start_now().into()),
        ("triage".into(), t::kanban_start_triage().into()),
        ("blocked".into(), t::kanban_start_blocked().into()),
    ];
    view! {
        <form
            node_ref=problem.form
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
            {draft.notice()}
            {templates(board, title, body, assignee, priority, more)}
            <TextField label=t::kanban_title() value=title placeholder=t::kanban_title_placeholder() error=problem.at(CardField::Title) autofocus=true />
            <TextArea label=t::kanban_body() value=body placeholder=t::kanban_body_placeholder() error=problem.at(CardField::Body) />
            <div class="field-pair">
                <AssigneeField value=assignee problem />
                <PriorityField value=priority />
            </div>
            <SelectField label=t::kanban_start() value=start options=starts />
            {more.labels(problem)}
            {more.fields(Some(waits), problem)}
            <div class="dialog-foot btn-row">
                <p class="field-error foot-error" role="alert">{problem.elsewhere()}</p>
                <Button kind=ButtonKind::Primary submit=true busy>{t::kanban_create()}</Button>
            </div>
        </form>
    }
    .into_any()
}

/// Not a secret: it only has to differ from other forms' keys.
fn new_key() -> String {
    let random = (js_sys::Math::random() * 9_007_199_254_740_992.0) as u64;
    format!("web-{:x}-{random:x}", crate::ui::dom::now_ms())
}

/// The name of a template that was deleted, and what has it back.
type Gone = (String, Option<UndoId>);

/// What the card can start from, when the board has any templates.
fn templates(
    board: StoredValue<String>,
    title: RwSignal<String>,
    body: RwSignal<String>,
    assignee: RwSignal<String>,
    priority: RwSignal<String>,
    more: More,
) -> AnyView {
    let (gone, problem) = (RwSignal::new(None::<Gone>), RwSignal::new(String::new()));
    let templates = LocalResource::new(move || {
        gone.track();
        read_templates(board.get_value())
    });
    let take = move |template: CardTemplate| {
        let shown = template.name.clone();
        let delete = t::kanban_delete_template(&template.name);
        let template = StoredValue::new(template);
        view! {
            <span class="choice-pair">
                <button type="button" class="choice" on:click=move |_| {
                    let params = template.get_value().params;
                    more.fill(&params);
                    title.set(params.title);
                    body.set(params.body);
                    assignee.set(params.assignee.unwrap_or_default());
                    priority.set(params.priority.to_string());
                }>{shown}</button>
                <button type="button" class="icon-btn" aria-label=delete
                    on:click=move |_| forget(template.get_value(), board.get_value(), gone, problem)>{icon(Icon::Close)}</button>
            </span>
        }
    };
    let list = move || {
        Suspend::new(async move {
            let templates = templates.await.unwrap_or_default();
            (!templates.is_empty()).then(|| view! {
                <div class="choices" role="group" aria-label=t::kanban_templates()>{templates.into_iter().map(take).collect_view()}</div>
            })
        })
    };
    view! {
        <Suspense>{list}</Suspense>
        {gone_notice(gone, problem)}
    }
    .into_any()
}

/// Deletes a template. The way back stands in the form, which covers messages.
fn forget(template: CardTemplate, board: String, gone: RwSignal<Option<Gone>>, problem: RwSignal<String>) {
    spawn_local(async move {
        match delete_template(board, template.id).await {
            Ok(deleted) => {
                gone.try_set(Some((template.name, deleted.undo)));
            }
            Err(error) => {
                problem.try_set(error.message);
            }
        }
    });
}

/// Takes the deletion of a template back.
fn have_again(undo: UndoId, gone: RwSignal<Option<Gone>>, problem: RwSignal<String>) {
    spawn_local(async move {
        match undo_write(undo).await {
            Ok(_) => {
                gone.try_set(None);
            }
            Err(error) => {
                problem.try_set(error.message);
            }
        }
    });
}

fn gone_notice(gone: RwSignal<Option<Gone>>, problem: RwSignal<String>) -> AnyView {
    let note = move || {
        gone.get().map(|(name, undo)| {
            view! {
                <p class="draft-note">
                    <span>{t::kanban_template_deleted(&name)}</span>
                    {undo.map(|undo| view! {
                        <button type="button" class="btn btn-quiet btn-small" on:click=move |_| have_again(undo, gone, problem)>{t::common_undo()}</button>
                    })}
                </p>
            }
        })
    };
    view! {
        <div role="status">{note}</div>
        <p class="field-error" role="alert" hidden=move || problem.read().is_empty()>{move || problem.get()}</p>
    }
    .into_any()
}
