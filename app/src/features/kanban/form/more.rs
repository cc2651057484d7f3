//! What most cards never need: labels, what it waits for, workspace, time, repetition, model, budgets.
use leptos::prelude::*;
use protocol::{CardDetail, CardField, CreateCardParams, EditCardParams, WorkspaceKind};

use super::problem::Problem;
use super::waits::Waits;
use crate::i18n::t;
use crate::ui::{SelectField, TextField};

/// Which field makes no sense, and why.
pub(super) type Wrong = (CardField, String);

/// What the draft keeps of a directory in which others may work, too.
const SHARED: &str = "shared";

/// The fields, as text.
#[derive(Debug, Clone, Copy)]
pub(super) struct More {
    labels: RwSignal<String>,
    tenant: RwSignal<String>,
    skills: RwSignal<String>,
    model: RwSignal<String>,
    workspace: RwSignal<String>,
    path: RwSignal<String>,
    branch: RwSignal<String>,
    /// Empty, or [`SHARED`].
    shared: RwSignal<String>,
    start_at: RwSignal<String>,
    due_at: RwSignal<String>,
    repeat: RwSignal<String>,
    attempts: RwSignal<String>,
    minutes: RwSignal<String>,
    tokens: RwSignal<String>,
    dollars: RwSignal<String>,
}

fn text(value: impl Into<String>) -> RwSignal<String> {
    RwSignal::new(value.into())
}

fn number<T: ToString>(value: Option<T>) -> String {
    value.map(|number| number.to_string()).unwrap_or_default()
}

/// As a `datetime-local` field wants it: local time without a zone.
fn local_time(at: Option<i64>) -> String {
    let Some(at) = at else { return String::new() };
    let date = js_sys::Date::new(&wasm_bindgen::JsValue::from_f64(at as f64));
    let offset = date.get_timezone_offset() * 60_000.0;
    let local = js_sys::Date::new(&wasm_bindgen::JsValue::from_f64(at as f64 - offset));
    String::from(local.to_iso_string()).chars().take(16).collect()
}

fn dollars_of(micros: Option<i64>) -> String {
    micros.map(|micros| format!("{}.{:02}", micros / 1_000_000, micros % 1_000_000 / 10_000)).unwrap_or_default()
}

fn shared(is: bool) -> String {
    if is { SHARED } else { "" }.to_owned()
}

/// The directory or repository that a card was given.
fn path_of(detail: &CardDetail) -> Option<&String> {
    match detail.workspace_kind {
        WorkspaceKind::Scratch => None,
        WorkspaceKind::Dir => detail.workspace_path.as_ref(),
        WorkspaceKind::Worktree => detail.settings.repository.as_ref(),
    }
}

impl More {
    pub(super) fn new() -> Self {
        Self {
            labels: text(""),
            tenant: text(""),
            skills: text(""),
            model: text(""),
            workspace: text(WorkspaceKind::Scratch.as_str()),
            path: text(""),
            branch: text(""),
            shared: text(""),
            start_at: text(""),
            due_at: text(""),
            repeat: text(""),
            attempts: text(""),
            minutes: text(""),
            tokens: text(""),
            dollars: text(""),
        }
    }

    pub(super) fn of(detail: &CardDetail) -> Self {
        let this = Self::new();
        for (field, text) in this.of_card().into_iter().zip(Self::said_by(detail)) {
            field.set(text);
        }
        this
    }

    /// What a card has of it, in the order of [`Self::said_by`].
    pub(super) fn of_card(self) -> [RwSignal<String>; 14] {
        [
            self.labels,
            self.tenant,
            self.skills,
            self.model,
            self.due_at,
            self.repeat,
            self.attempts,
            self.minutes,
            self.tokens,
            self.dollars,
            self.workspace,
            self.path,
            self.branch,
            self.shared,
        ]
    }

    /// Everything a new card can be given.
    pub(super) fn of_new_card(self) -> Vec<RwSignal<String>> {
        let mut all = self.of_card().to_vec();
        all.push(self.start_at);
        all
    }

    /// Their names.
    pub(super) fn names() -> [&'static str; 14] {
        [
            t::kanban_labels(),
            t::kanban_tenant(),
            t::kanban_skills(),
            t::kanban_model(),
            t::kanban_due(),
            t::kanban_repeat(),
            t::kanban_max_attempts(),
            t::kanban_max_minutes(),
            t::kanban_max_tokens(),
            t::kanban_max_dollars(),
            t::kanban_workspace(),
            t::kanban_workspace_path(),
            t::kanban_branch(),
            t::kanban_shared_dir(),
        ]
    }

    /// What a card says, as text.
    pub(super) fn said_by(detail: &CardDetail) -> [String; 14] {
        let (card, set) = (&detail.card, &detail.settings);
        [
            card.labels.join(", "),
            card.tenant.clone().unwrap_or_default(),
            set.skills.join(", "),
            set.model.clone().unwrap_or_default(),
            // Only in a browser is there a local time; the form is never rendered elsewhere.
            if cfg!(target_family = "wasm") { local_time(card.due_at) } else { String::new() },
            set.repeat.clone().unwrap_or_default(),
            number(set.max_attempts),
            number(set.max_runtime_s.map(|seconds| seconds.div_ceil(60))),
            number(set.max_tokens),
            dollars_of(card.max_cost_micros),
            detail.workspace_kind.to_string(),
            path_of(detail).cloned().unwrap_or_default(),
            set.branch.clone().unwrap_or_default(),
            shared(set.shared_dir),
        ]
    }

    /// Takes over what a template says.
    pub(super) fn fill(self, params: &CreateCardParams) {
        self.labels.set(params.labels.join(", "));
        self.tenant.set(params.tenant.clone().unwrap_or_default());
        self.skills.set(params.skills.join(", "));
        self.model.set(params.model.clone().unwrap_or_default());
        self.workspace.set(params.workspace.to_string());
        self.path.set(params.workspace_path.clone().unwrap_or_default());
        self.branch.set(params.branch.clone().unwrap_or_default());
        self.shared.set(shared(params.shared_dir));
        self.repeat.set(params.repeat.clone().unwrap_or_default());
        self.attempts.set(number(params.max_attempts));
        self.minutes.set(number(params.max_runtime_s.map(|seconds| seconds.div_ceil(60))));
        self.tokens.set(number(params.max_tokens));
        self.dollars.set(dollars_of(params.max_cost_micros));
    }

    /// What a new card gets; the error says which field makes no sense.
    pub(super) fn create(self) -> Result<CreateCardParams, Wrong> {
        let some = |text: RwSignal<String>| Some(text.get_untracked()).filter(|text| !text.trim().is_empty());
        Ok(CreateCardParams {
            labels: words(self.labels),
            tenant: some(self.tenant),
            skills: words(self.skills),
            model: some(self.model),
            workspace: self.kind(),
            // What is not shown for this kind is not meant.
            workspace_path: some(self.path).filter(|_| self.kind() != WorkspaceKind::Scratch),
            branch: some(self.branch).filter(|_| self.kind() == WorkspaceKind::Worktree),
            shared_dir: self.kind() == WorkspaceKind::Dir && self.is_shared(),
            scheduled_at: time(self.start_at, CardField::ScheduledAt)?,
            due_at: time(self.due_at, CardField::DueAt)?,
            repeat: some(self.repeat),
            max_attempts: some_of(self.attempts()?, CardField::MaxAttempts)?,
            max_runtime_s: some_of(self.minutes()?, CardField::MaxRuntime)?.map(|minutes| minutes.saturating_mul(60)),
            max_tokens: some_of(self.tokens()?, CardField::MaxTokens)?,
            max_cost_micros: some_of(self.micros()?, CardField::MaxCost)?,
            ..CreateCardParams::default()
        })
    }

    /// What of a card changes; an emptied field is cleared.
    pub(super) fn edit(self, before: &CardDetail) -> Result<EditCardParams, Wrong> {
        let (card, set) = (&before.card, &before.settings);
        let changed = |now: RwSignal<String>, before: Option<&String>| {
            let now = now.get_untracked();
            (now.trim() != before.map_or("", String::as_str)).then_some(now)
        };
        let labels = words(self.labels);
        let skills = words(self.skills);
        let minutes = self.minutes()?;
        let due = time(self.due_at, CardField::DueAt)?;
        let same_due = *self.due_at.read_untracked() == local_time(card.due_at);
        let attempts = self.attempts()?;
        let tokens = self.tokens()?;
        let cost = self.micros()?;
        let kind = self.kind();
        let moves = kind != before.workspace_kind;
        Ok(EditCardParams {
            labels: (labels != card.labels).then_some(labels),
            tenant: changed(self.tenant, card.tenant.as_ref()),
            skills: (skills != set.skills).then_some(skills),
            model: changed(self.model, set.model.as_ref()),
            due_at: (!same_due).then(|| due.unwrap_or(0)),
            repeat: changed(self.repeat, set.repeat.as_ref()),
            max_attempts: (attempts != set.max_attempts).then(|| attempts.unwrap_or(0)),
            max_runtime_s: (minutes != set.max_runtime_s.map(|seconds| seconds.div_ceil(60)))
                .then(|| minutes.unwrap_or(0).saturating_mul(60)),
            max_tokens: (tokens != set.max_tokens).then(|| tokens.unwrap_or(0)),
            max_cost_micros: (dollars_of(cost) != dollars_of(card.max_cost_micros)).then(|| cost.unwrap_or(0)),
            workspace: moves.then_some(kind),
            // What is not shown for this kind is not meant.
            workspace_path: changed(self.path, path_of(before).filter(|_| !moves))
                .filter(|_| kind != WorkspaceKind::Scratch),
            branch: changed(self.branch, set.branch.as_ref().filter(|_| !moves))
                .filter(|_| kind == WorkspaceKind::Worktree),
            shared_dir: (kind == WorkspaceKind::Dir && self.is_shared() != set.shared_dir).then(|| self.is_shared()),
            ..EditCardParams::of(card.id, card.revision)
        })
    }

    fn kind(self) -> WorkspaceKind {
        self.workspace.read_untracked().parse().unwrap_or_default()
    }

    fn is_shared(self) -> bool {
        *self.shared.read_untracked() == SHARED
    }

    fn attempts(self) -> Result<Option<u32>, Wrong> {
        parsed(self.attempts, t::kanban_max_attempts(), CardField::MaxAttempts)
    }

    fn minutes(self) -> Result<Option<u32>, Wrong> {
        parsed(self.minutes, t::kanban_max_minutes(), CardField::MaxRuntime)
    }

    fn tokens(self) -> Result<Option<i64>, Wrong> {
        parsed(self.tokens, t::kanban_max_tokens(), CardField::MaxTokens)
    }

    fn micros(self) -> Result<Option<i64>, Wrong> {
        let dollars: Option<f64> = parsed(self.dollars, t::kanban_max_dollars(), CardField::MaxCost)?;
        Ok(dollars.map(|dollars| (dollars * 1e6).round() as i64))
    }

    /// Labels, which stand beside what most cards need.
    pub(super) fn labels(self, problem: Problem) -> AnyView {
        let error = problem.at(CardField::Labels);
        view! { <TextField label=t::kanban_labels() value=self.labels placeholder=t::kanban_by_commas() error /> }
            .into_any()
    }

    /// Where its worker works.
    fn place(self, problem: Problem) -> AnyView {
        let kinds = [
            (WorkspaceKind::Scratch, t::kanban_workspace_scratch()),
            (WorkspaceKind::Dir, t::kanban_workspace_dir()),
            (WorkspaceKind::Worktree, t::kanban_workspace_worktree()),
        ];
        let kinds = kinds.map(|(kind, name)| (kind.to_string(), name.to_owned())).to_vec();
        let kind = Memo::new(move |_| {
            self.workspace.track();
            self.kind()
        });
        view! {
            <SelectField label=t::kanban_workspace() value=self.workspace options=kinds />
            <Show when=move || kind.get() != WorkspaceKind::Scratch>
                <TextField label=t::kanban_workspace_path() value=self.path placeholder="/home/you/project" hint=t::kanban_workspace_hint() error=problem.at(CardField::WorkspacePath) />
            </Show>
            <Show when=move || kind.get() == WorkspaceKind::Worktree>
                <TextField label=t::kanban_branch() value=self.branch placeholder="feature/search" hint=t::kanban_branch_hint() error=problem.at(CardField::Branch) />
            </Show>
            <Show when=move || kind.get() == WorkspaceKind::Dir>
                <label class="check">
                    <input type="checkbox" prop:checked=move || *self.shared.read() == SHARED
                        on:change=move |event| self.shared.set(shared(event_target_checked(&event))) />
                    <span>{t::kanban_shared_dir()}</span>
                </label>
            </Show>
        }
        .into_any()
    }

    /// The fields, folded away. A new card can also be given what it waits for and a time to start.
    pub(super) fn fields(self, new: Option<Waits>, problem: Problem) -> AnyView {
        let of_new = new.map(|waits| view! {
            {waits.field(problem)}
            <TextField label=t::kanban_not_before() value=self.start_at kind="datetime-local" error=problem.at(CardField::ScheduledAt) />
        });
        view! {
            <details class="more-fields">
                <summary>{t::kanban_more_options()}</summary>
                <div class="more-body">
                    {of_new}
                    {self.place(problem)}
                    <div class="field-pair">
                        <TextField label=t::kanban_due() value=self.due_at kind="datetime-local" error=problem.at(CardField::DueAt) />
                        <TextField label=t::kanban_repeat() value=self.repeat placeholder=t::kanban_repeat_placeholder() error=problem.at(CardField::Repeat) />
                    </div>
                    <div class="field-pair">
                        <TextField label=t::kanban_max_dollars() value=self.dollars placeholder="1.50" error=problem.at(CardField::MaxCost) />
                        <TextField label=t::kanban_max_tokens() value=self.tokens kind="number" error=problem.at(CardField::MaxTokens) />
                    </div>
                    <div class="field-pair">
                        <TextField label=t::kanban_max_minutes() value=self.minutes kind="number" error=problem.at(CardField::MaxRuntime) />
                        <TextField label=t::kanban_max_attempts() value=self.attempts kind="number" error=problem.at(CardField::MaxAttempts) />
                    </div>
                    <div class="field-pair">
                        <TextField label=t::kanban_model() value=self.model error=problem.at(CardField::Model) />
                        <TextField label=t::kanban_tenant() value=self.tenant error=problem.at(CardField::Tenant) />
                    </div>
                    <TextField label=t::kanban_skills() value=self.skills placeholder=t::kanban_by_commas() error=problem.at(CardField::Skills) />
                </div>
            </details>
        }
        .into_any()
    }
}

fn words(text: RwSignal<String>) -> Vec<String> {
    let text = text.read_untracked();
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn parsed<T: std::str::FromStr>(text: RwSignal<String>, name: &str, field: CardField) -> Result<Option<T>, Wrong> {
    let text = text.read_untracked();
    match text.trim() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| (field, t::kanban_no_number(name))),
    }
}

/// A limit of nothing would keep a new card from ever running.
fn some_of<T: Default + PartialOrd>(limit: Option<T>, field: CardField) -> Result<Option<T>, Wrong> {
    match limit {
        Some(limit) if limit <= T::default() => Err((field, t::kanban_more_than_nothing().to_owned())),
        limit => Ok(limit),
    }
}

fn time(text: RwSignal<String>, field: CardField) -> Result<Option<i64>, Wrong> {
    let text = text.get_untracked();
    if text.trim().is_empty() {
        return Ok(None);
    }
    let at = js_sys::Date::parse(&text);
    if at.is_nan() { Err((field, t::kanban_choose_time().to_owned())) } else { Ok(Some(at as i64)) }
}
