//! A new card.
use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{CardTemplate, CreateCardParams};

use super::draft::Draft;
use super::more::More;
use super::problem::{Field, Problem};
use super::{AssigneeField, NewCardDefaults, PriorityField, undo_later};
use crate::features::kanban::server_fns::{create_card, read_templates};
use crate::features::kanban::words;
use crate::i18n::t;
use crate::layout::NewCard;
use crate::ui::{Button, ButtonKind, SelectField, TextArea, TextField, Toasts};

/// The form for a new card.
#[lazy]
pub(super) fn form(new_card: NewCard) -> AnyView {
    let toasts = expect_context::<Toasts>();
    let (title, body) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let (assignee, priority) = (RwSignal::new(String::new()), RwSignal::new("0".to_owned()));
    let triage = new_card.defaults.get_value().triage;
    new_card.defaults.set_value(NewCardDefaults::default());
    let start = RwSignal::new("now".to_owned());
    let more = More::new();
    let mut fields = vec![title, body, assignee, priority, start];
    fields.extend(more.of_new_card());
    let draft = Draft::of(fields);
    if triage {
        start.set("triage".to_owned());
    }
    let (busy, problem) = (RwSignal::new(false), Problem::new());
    // The same key for every try: an answer that was lost does not make a second card.
    let key = StoredValue::new(new_key());
    let submit = move || {
        if title.read_untracked().trim().is_empty() {
            return problem.say(Some(Field::Title), t::kanban_title_needed().into());
        }
        let filled = match more.create() {
            Ok(filled) => filled,
            Err((field, text)) => return problem.say(Some(field), text),
        };
        let params = CreateCardParams {
            board: board_of_address(),
            title: title.get_untracked(),
            body: body.get_untracked(),
            assignee: Some(assignee.get_untracked()).filter(|name| !name.is_empty()),
            priority: priority.read_untracked().parse().unwrap_or(0),
            triage: *start.read_untracked() == "triage",
            blocked: *start.read_untracked() == "blocked",
            idempotency_key: Some(key.get_value()),
            ..filled
        };
        busy.set(true);
        problem.clear();
        spawn_local(async move {
            match create_card(params).await {
                Ok(written) => {
                    draft.forget();
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
                    problem.refused(error);
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
            {templates(title, body, assignee, priority, more)}
            <TextField label=t::kanban_title() value=title placeholder=t::kanban_title_placeholder() error=problem.at(Field::Title) autofocus=true />
            <TextArea label=t::kanban_body() value=body placeholder=t::kanban_body_placeholder() error=problem.at(Field::Body) />
            <div class="field-pair">
                <AssigneeField value=assignee />
                <PriorityField value=priority />
            </div>
            <SelectField label=t::kanban_start() value=start options=starts />
            {more.labels(problem)}
            {more.fields(true, problem)}
            <div class="dialog-foot btn-row">
                <p class="field-error foot-error" role="alert">{problem.elsewhere()}</p>
                <Button kind=ButtonKind::Primary submit=true busy>{t::kanban_create()}</Button>
            </div>
        </form>
    }
    .into_any()
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

/// What the card can start from, when the board has any templates.
fn templates(
    title: RwSignal<String>,
    body: RwSignal<String>,
    assignee: RwSignal<String>,
    priority: RwSignal<String>,
    more: More,
) -> AnyView {
    let templates = LocalResource::new(|| read_templates(board_of_address()));
    let take = move |template: CardTemplate| {
        let shown = template.name.clone();
        let params = StoredValue::new(template.params);
        view! {
            <button type="button" class="choice" on:click=move |_| {
                let params = params.get_value();
                more.fill(&params);
                title.set(params.title);
                body.set(params.body);
                assignee.set(params.assignee.unwrap_or_default());
                priority.set(params.priority.to_string());
            }>{shown}</button>
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
    view! { <Suspense>{list}</Suspense> }.into_any()
}
