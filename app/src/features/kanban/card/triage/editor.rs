//! A proposal as a form: everything in it can be changed before it becomes real.
use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{AcceptProposalParams, MAX_PROPOSED, Proposal, ProposalKind, ProposalState, ProposalView, ProposedTask};

use super::Desk;
use crate::features::kanban::form::offer_undo;
use crate::features::kanban::server_fns::accept_proposal;
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::{Button, ButtonKind, Icon, SelectField, TextArea, TextField, Toasts, icon};

/// A task as it is being changed. `key` stays the same when others come and go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Draft {
    key: usize,
    title: RwSignal<String>,
    body: RwSignal<String>,
    assignee: RwSignal<String>,
    after: RwSignal<Vec<usize>>,
}

impl Draft {
    fn of(key: usize, task: ProposedTask) -> Self {
        Self {
            key,
            title: RwSignal::new(task.title),
            body: RwSignal::new(task.body),
            assignee: RwSignal::new(task.assignee.unwrap_or_default()),
            after: RwSignal::new(task.after),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Form {
    desk: Desk,
    revision: i64,
    title: RwSignal<String>,
    body: RwSignal<String>,
    tasks: RwSignal<Vec<Draft>>,
    next_key: StoredValue<usize>,
}

impl Form {
    fn add(self) {
        let key = self.next_key.get_value();
        self.next_key.set_value(key + 1);
        self.tasks.update(|tasks| tasks.push(Draft::of(key, ProposedTask::default())));
    }

    fn remove(self, key: usize) {
        self.tasks.update(|tasks| tasks.retain(|task| task.key != key));
        for task in self.tasks.get_untracked() {
            task.after.update(|after| after.retain(|other| *other != key));
        }
    }

    fn proposal(self) -> Proposal {
        let tasks = self.tasks.get_untracked();
        let place = |key: &usize| tasks.iter().position(|task| task.key == *key);
        Proposal {
            title: self.title.get_untracked(),
            body: self.body.get_untracked(),
            rationale: String::new(),
            tasks: tasks
                .iter()
                .map(|task| ProposedTask {
                    title: task.title.get_untracked(),
                    body: task.body.get_untracked(),
                    assignee: Some(task.assignee.get_untracked()).filter(|name| !name.is_empty()),
                    after: task.after.get_untracked().iter().filter_map(place).collect(),
                })
                .collect(),
        }
    }

    fn accept(self, toasts: Toasts) {
        let id = self.desk.page.detail.with_untracked(|detail| detail.card.id);
        let params = AcceptProposalParams { id, revision: self.revision, proposal: self.proposal() };
        self.desk.busy.set(true);
        self.desk.problem.set(String::new());
        spawn_local(async move {
            match accept_proposal(params).await {
                Ok(accepted) => {
                    let text = match accepted.children.len() {
                        0 => t::triage_specified(&words::label(accepted.written.card.number)),
                        made => t::triage_made(i64::try_from(made).unwrap_or(i64::MAX)),
                    };
                    if let Some(undo) = accepted.written.undo {
                        offer_undo(toasts, text, undo);
                    }
                    self.desk.page.reload();
                }
                Err(error) => {
                    self.desk.problem.try_set(error.message);
                }
            }
            self.desk.busy.try_set(false);
        });
    }
}

/// The form of a proposal that is there; a stale one is not accepted.
pub(super) fn editor(desk: Desk, view: ProposalView, stale: Memo<bool>) -> AnyView {
    let ProposalState::Ready(proposal) = view.state else { return ().into_any() };
    let toasts = expect_context::<Toasts>();
    let count = proposal.tasks.len();
    let drafts = proposal.tasks.into_iter().enumerate().map(|(key, task)| Draft::of(key, task)).collect();
    let form = Form {
        desk,
        revision: view.revision,
        title: RwSignal::new(proposal.title),
        body: RwSignal::new(proposal.body),
        tasks: RwSignal::new(drafts),
        next_key: StoredValue::new(count),
    };
    let makes = Memo::new(move |_| form.tasks.with(Vec::len));
    let decomposes = view.kind == ProposalKind::Decompose;
    let full = Signal::derive(move || makes.get() >= MAX_PROPOSED);
    view! {
        <h2>{t::triage_proposed()}</h2>
        {(!proposal.rationale.is_empty()).then(|| view! { <p class="muted">{proposal.rationale}</p> })}
        <TextField label=t::kanban_title() value=form.title />
        <TextArea label=t::kanban_body() value=form.body rows=if decomposes { 4 } else { 10 } />
        {decomposes.then(|| view! {
            <h3>{t::triage_parts()}</h3>
            <ol class="parts">
                <For each=move || form.tasks.get() key=|task| task.key let(task)>{part(form, task)}</For>
            </ol>
            <Button disabled=full on_press=Callback::new(move |()| form.add())>{t::triage_add()}</Button>
        })}
        <div class="btn-row">
            <Button kind=ButtonKind::Primary busy=desk.busy disabled=stale on_press=Callback::new(move |()| form.accept(toasts))>
                {move || match makes.get() {
                    0 => t::triage_accept().to_owned(),
                    made => t::triage_accept_parts(i64::try_from(made).unwrap_or(i64::MAX)),
                }}
            </Button>
            <Button disabled=desk.busy on_press=Callback::new(move |()| desk.discard())>{t::triage_discard()}</Button>
        </div>
    }
    .into_any()
}

fn part(form: Form, task: Draft) -> AnyView {
    let place = Memo::new(move |_| form.tasks.with(|all| all.iter().position(|other| other.key == task.key)));
    let number = move || place.get().map_or(0, |at| at + 1).to_string();
    let mut options = vec![(String::new(), t::kanban_unassigned().to_owned())];
    form.desk.page.detail.with_untracked(|detail| {
        options.extend(detail.profiles.iter().map(|profile| (profile.id.clone(), profile.id.clone())));
    });
    view! {
        <li class="part">
            <div class="part-head">
                <span class="part-number" aria-hidden="true">{number}</span>
                <input class="input part-title" type="text" aria-label=move || t::triage_part_title(&number()) bind:value=task.title />
                <button type="button" class="icon-btn" aria-label=move || t::triage_remove(&number()) on:click=move |_| form.remove(task.key)>
                    {icon(Icon::Close)}
                </button>
            </div>
            <details>
                <summary>{move || summary(task)}</summary>
                <TextArea label=t::kanban_body() value=task.body rows=4 />
                <SelectField label=t::kanban_assignee() value=task.assignee options />
            </details>
            {move || (form.tasks.with(Vec::len) > 1).then(|| after(form, task))}
        </li>
    }
    .into_any()
}

/// The description's beginning, so that the list can be read without opening each.
fn summary(task: Draft) -> String {
    let body = task.body.get();
    let assignee = task.assignee.get();
    let first = body.lines().find(|line| !line.trim().is_empty()).unwrap_or(t::card_no_description()).to_owned();
    if assignee.is_empty() { first } else { format!("{assignee} · {first}") }
}

/// Which of the others come first.
fn after(form: Form, task: Draft) -> AnyView {
    let others = move || {
        let all = form.tasks.get();
        all.into_iter().enumerate().filter(move |(_, other)| other.key != task.key).collect::<Vec<_>>()
    };
    view! {
        <div class="part-after" role="group" aria-label=t::triage_after()>
            <span class="muted">{t::triage_after()}</span>
            <For each=others key=|(at, other)| (*at, other.key) let((at, other))>
                <button
                    type="button"
                    class="chip-toggle"
                    aria-pressed=move || task.after.with(|after| after.contains(&other.key)).to_string()
                    title=move || other.title.get()
                    on:click=move |_| task.after.update(|after| match after.iter().position(|key| *key == other.key) {
                        Some(at) => { after.remove(at); }
                        None => after.push(other.key),
                    })
                >
                    {(at + 1).to_string()}
                </button>
            </For>
        </div>
    }
    .into_any()
}
