//! Several workers on one goal.
use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{MAX_PROPOSED, SwarmParams, SwarmWorker};

use crate::features::kanban::board::BoardUi;
use crate::features::kanban::board::model::Board;
use crate::features::kanban::form::offer_undo;
use crate::features::kanban::server_fns::create_swarm;
use crate::i18n::t;
use crate::ui::{Button, ButtonKind, Drafts, Icon, SelectField, TextArea, Toasts, dom, icon};

/// A worker as it is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    key: usize,
    title: RwSignal<String>,
    profile: RwSignal<String>,
}

impl Row {
    fn new(key: usize) -> Self {
        Self { key, title: RwSignal::new(String::new()), profile: RwSignal::new(String::new()) }
    }
}

fn chosen(profile: RwSignal<String>) -> Option<String> {
    Some(profile.get_untracked()).filter(|name| !name.is_empty())
}

/// The form of a new swarm.
#[lazy]
pub(super) fn form(board: Board, ui: BoardUi) -> AnyView {
    let toasts = expect_context::<Toasts>();
    let goal = RwSignal::new(String::new());
    let (verifier, synthesizer) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let rows = RwSignal::new(vec![Row::new(0), Row::new(1)]);
    let next = StoredValue::new(2_usize);
    let (problem, no_goal, busy) = (RwSignal::new(String::new()), RwSignal::new(String::new()), RwSignal::new(false));
    let mut options = vec![(String::new(), t::kanban_unassigned().to_owned())];
    board.around.with_untracked(|around| {
        options.extend(around.profiles.iter().map(|profile| (profile.id.clone(), profile.id.clone())));
    });
    let options = StoredValue::new(options);
    let is_typed = move || {
        let has_text = |row: &Row| !row.title.read().trim().is_empty();
        !goal.read().trim().is_empty() || rows.with(|rows| rows.iter().any(has_text))
    };
    expect_context::<Drafts>().hold(Signal::derive(is_typed));
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        problem.set(String::new());
        let empty = goal.read_untracked().trim().is_empty();
        no_goal.set(if empty { t::swarm_goal_needed().to_owned() } else { String::new() });
        if empty {
            return back_to_goal();
        }
        let workers = rows.get_untracked().into_iter().filter(|row| !row.title.read_untracked().trim().is_empty());
        let params = SwarmParams {
            board: board.summary.with_value(|summary| summary.slug.clone()),
            goal: goal.get_untracked(),
            workers: workers
                .map(|row| SwarmWorker {
                    profile: chosen(row.profile),
                    title: row.title.get_untracked(),
                    skills: Vec::new(),
                })
                .collect(),
            verifier: chosen(verifier),
            synthesizer: chosen(synthesizer),
            ..SwarmParams::default()
        };
        busy.set(true);
        spawn_local(async move {
            let answer = create_swarm(params).await;
            busy.try_set(false);
            match answer {
                Ok(made) => {
                    ui.form_open.set(false);
                    let text = t::swarm_made(i64::try_from(made.workers.len()).unwrap_or(i64::MAX));
                    match made.undo {
                        Some(undo) => offer_undo(toasts, text, undo),
                        None => toasts.say(text),
                    }
                }
                Err(error) => {
                    problem.try_set(error.message);
                }
            }
        });
    };
    let add = Callback::new(move |()| {
        let key = next.get_value();
        next.set_value(key + 1);
        rows.update(|rows| rows.push(Row::new(key)));
    });
    let full = Signal::derive(move || rows.with(Vec::len) >= MAX_PROPOSED);
    view! {
        <form class="dialog-body" on:submit=submit>
            <p class="hint">{t::swarm_hint()}</p>
            <TextArea label=t::swarm_goal() value=goal rows=3 error=no_goal autofocus=true />
            <ol class="parts">
                <For each=move || rows.get() key=|row| row.key let(row)>{worker(rows, row, options)}</For>
            </ol>
            <Button disabled=full on_press=add>{t::swarm_add()}</Button>
            <div class="field-pair">
                <SelectField label=t::swarm_verifier() value=verifier options=options.get_value() />
                <SelectField label=t::swarm_synthesizer() value=synthesizer options=options.get_value() />
            </div>
            <div class="dialog-foot btn-row"><p class="field-error foot-error" role="alert">{move || problem.get()}</p><Button kind=ButtonKind::Primary submit=true busy>{t::swarm_create()}</Button></div>
        </form>
    }
    .into_any()
}

/// The message stands below the field, which may be out of sight.
fn back_to_goal() {
    request_animation_frame(|| {
        if let Some(field) = document().query_selector("dialog[open] [aria-invalid='true']").ok().flatten() {
            dom::focus(&field);
            field.parent_element().unwrap_or(field).scroll_into_view_with_bool(false);
        }
    });
}

fn worker(rows: RwSignal<Vec<Row>>, row: Row, options: StoredValue<Vec<(String, String)>>) -> AnyView {
    let place = Memo::new(move |_| rows.with(|rows| rows.iter().position(|other| other.key == row.key).unwrap_or(0)));
    let number = move || (place.get() + 1).to_string();
    view! {
        <li class="part">
            <div class="part-head">
                <input class="input part-title" type="text" aria-label=move || t::swarm_part(&number()) placeholder=move || t::swarm_part(&number()) bind:value=row.title />
                <button type="button" class="icon-btn" aria-label=move || t::swarm_remove(&number())
                    on:click=move |_| rows.update(|rows| rows.retain(|other| other.key != row.key))>
                    {icon(Icon::Close)}
                </button>
            </div>
            <SelectField label=t::kanban_assignee() value=row.profile options=options.get_value() />
        </li>
    }
    .into_any()
}
