//! `hermes kanban create`.

use agent_core::kanban::{self, dispatcher, worker};
use clap::{Args, ValueEnum};
use protocol::{CardRef, CardState, CardWritten, CreateCardParams, WorkspaceKind};
use serde::Serialize;

use super::Cx;
use super::edit::{MAX_RETRIES, MAX_TOKENS, PRIORITIES, unknown, warn_unknown};
use super::templates;
use super::wording::card_label;
use crate::cli::Caller;
use crate::cli::error::CliError;
use crate::cli::moment::{Moment, moment};
use crate::cli::output::one_line;
use crate::cli::parse::{self, Workspace};

/// Create a card.
#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// What shall be done, in a few words; the template's title when left out.
    #[arg(required_unless_present = "template")]
    title: Option<String>,
    /// Start from a template of the board (`hermes kanban templates`); what else is given goes before it.
    #[arg(long, value_name = "NAME")]
    template: Option<String>,
    /// A card that must be finished first; may be repeated.
    #[arg(long = "parent", value_parser = parse::card, value_name = "CARD")]
    parents: Vec<CardRef>,
    /// Only note it: nothing starts until somebody moves it.
    #[arg(long)]
    triage: bool,
    /// Start blocked, which asks a person first.
    #[arg(long, value_enum, value_name = "STATE", conflicts_with = "triage")]
    initial_status: Option<InitialStatus>,
    /// Start no earlier: 30m, 2h or 1d from now, 2026-12-01 (midnight) or 2026-12-01T09:30 in this machine's time zone,
    /// 2026-12-01T09:30Z, or Unix seconds.
    #[arg(long, value_parser = moment, value_name = "WHEN")]
    at: Option<Moment>,
    /// When it should be finished, in the same forms.
    #[arg(long, value_parser = moment, value_name = "WHEN")]
    due: Option<Moment>,
    /// The same key returns the card that was made with it first.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    card: CardArgs,
}

/// What a card, or a template of cards, can be given.
#[derive(Debug, Args)]
pub(super) struct CardArgs {
    /// Description in Markdown; `-` reads it from stdin.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
    body: String,
    /// Profile that shall work on it; `none` for the board's default.
    #[arg(long, value_name = "PROFILE")]
    assignee: Option<String>,
    /// Higher first; 0 is normal.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_parser = parse::whole::<i32>(PRIORITIES))]
    priority: i32,
    /// scratch, dir:/absolute/path for an existing directory, or worktree:/absolute/path for a git worktree.
    #[arg(long, value_parser = parse::workspace, value_name = "WORKSPACE")]
    workspace: Option<Workspace>,
    /// Failures in a row before a person is asked.
    #[arg(long, allow_negative_numbers = true, value_name = "N", value_parser = parse::whole::<u32>(MAX_RETRIES))]
    max_retries: Option<u32>,
    /// Longest run: 300, 90s, 30m, 2h or 1d.
    #[arg(long, allow_negative_numbers = true, value_parser = parse::duration, value_name = "DURATION")]
    max_runtime: Option<u32>,
    /// A label; may be repeated.
    #[arg(long = "label", value_name = "LABEL")]
    labels: Vec<String>,
    /// Whose work it is, where one board serves several.
    #[arg(long)]
    tenant: Option<String>,
    /// A skill its worker loads; may be repeated.
    #[arg(long = "skill", value_name = "SKILL")]
    skills: Vec<String>,
    /// The model to use instead of the profile's.
    #[arg(long)]
    model: Option<String>,
    /// The branch of a worktree; named after the card when left out.
    #[arg(long)]
    branch: Option<String>,
    /// Others may work in its directory at the same time.
    #[arg(long)]
    shared_dir: bool,
    /// Come again after it was finished: "every 2h", or five cron fields.
    #[arg(long, value_name = "RULE")]
    repeat: Option<String>,
    /// Tokens all its runs may use together.
    #[arg(long, allow_negative_numbers = true, value_name = "N", value_parser = parse::whole::<i64>(MAX_TOKENS))]
    max_tokens: Option<i64>,
    /// What all its runs may cost together, in dollars.
    #[arg(long, allow_negative_numbers = true, value_parser = parse::dollars, value_name = "DOLLARS")]
    max_cost: Option<i64>,
}

impl CardArgs {
    pub(super) fn params(self) -> Result<CreateCardParams, CliError> {
        Ok(CreateCardParams {
            body: parse::text(&self.body)?,
            assignee: self.assignee,
            priority: self.priority,
            labels: self.labels,
            tenant: self.tenant,
            skills: self.skills,
            model: self.model,
            branch: self.branch,
            shared_dir: self.shared_dir,
            repeat: self.repeat,
            max_tokens: self.max_tokens,
            max_cost_micros: self.max_cost,
            workspace: self.workspace.as_ref().map(|workspace| workspace.kind).unwrap_or_default(),
            workspace_path: self.workspace.and_then(|workspace| workspace.path),
            max_attempts: self.max_retries,
            max_runtime_s: self.max_runtime,
            ..CreateCardParams::default()
        })
    }
}

/// States a card can be asked to start in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum InitialStatus {
    /// Asks a person first.
    Blocked,
    /// Starts as soon as it can; what happens without the option.
    #[value(name = "running", alias = "in_progress", alias = "ready")]
    Running,
}

/// A card, and whether this very call made it.
#[derive(Debug, Serialize)]
struct Created {
    #[serde(flatten)]
    written: CardWritten,
    created: bool,
}

impl CreateArgs {
    pub(super) async fn run(self, cx: &Cx) -> Result<(), CliError> {
        let at = self.at.map(|at| at.unix_ms(cx.core.now_ms()));
        if at.is_some() && (self.triage || self.initial_status == Some(InitialStatus::Blocked)) {
            return Err(CliError::Usage(
                "a card in triage or blocked waits for a person, not for a time; leave out --at, or --triage and \
                 --initial-status"
                    .into(),
            ));
        }
        let template = match &self.template {
            Some(name) => Some(templates::find(cx, name).await?),
            None => None,
        };
        let mut params = self.params(cx, at)?;
        if let Some(template) = template {
            fill(&mut params, template.params);
        }
        let (written, created) = match &cx.caller {
            Caller::Worker { ticket, .. } => {
                let (made, created) = worker::create_or_find(&cx.core, *ticket, params).await?;
                let card = kanban::card(&cx.core, CardRef::Id(made.id)).await?;
                (CardWritten { card, undo: None }, created)
            }
            Caller::Person(actor) => kanban::create_or_find(&cx.core, actor, params).await?,
        };
        let past = created && at.is_some_and(|at| at <= cx.core.now_ms());
        tell(cx, &Created { written, created }, past)
    }

    fn params(self, cx: &Cx, at: Option<i64>) -> Result<CreateCardParams, CliError> {
        Ok(CreateCardParams {
            board: cx.board.clone(),
            title: self.title.unwrap_or_default(),
            triage: self.triage,
            blocked: self.initial_status == Some(InitialStatus::Blocked),
            parents: self.parents,
            scheduled_at: at,
            due_at: self.due.map(|due| due.unix_ms(cx.core.now_ms())),
            idempotency_key: self.idempotency_key,
            ..self.card.params()?
        })
    }
}

fn tell(cx: &Cx, made: &Created, past: bool) -> Result<(), CliError> {
    if cx.out.is_json() {
        return cx.out.json(made);
    }
    let card = &made.written.card;
    let (label, title) = (card_label(card), one_line(&card.title));
    let assignee = card.assignee.as_deref().map(|name| format!(", assignee {name}")).unwrap_or_default();
    if !made.created {
        return cx
            .out
            .line(&format!("{label} exists already (same idempotency key)  {title}  ({}{assignee})", card.state));
    }
    let past = if past { "; the time given is past, so it waits for none" } else { "" };
    cx.out.line(&format!("Created {label}  {title}  ({}{assignee}{past})", card.state))?;
    warn_unknown(cx, card.assignee.as_deref())?;
    let known = unknown(cx, card.assignee.as_deref())?.is_none();
    if known && card.state == CardState::Ready && !dispatcher::is_running(&cx.core) {
        cx.out.hint("No server is running, so nothing starts yet; start one with `hermes serve`.");
    }
    Ok(())
}

/// Fills in what the command line leaves open.
pub(super) fn fill(params: &mut CreateCardParams, from: CreateCardParams) {
    let text = |own: &mut String, other: String| {
        if own.is_empty() {
            *own = other;
        }
    };
    text(&mut params.title, from.title);
    text(&mut params.body, from.body);
    params.assignee = params.assignee.take().or(from.assignee);
    params.tenant = params.tenant.take().or(from.tenant);
    params.model = params.model.take().or(from.model);
    params.repeat = params.repeat.take().or(from.repeat);
    params.max_attempts = params.max_attempts.or(from.max_attempts);
    params.max_runtime_s = params.max_runtime_s.or(from.max_runtime_s);
    params.max_tokens = params.max_tokens.or(from.max_tokens);
    params.max_cost_micros = params.max_cost_micros.or(from.max_cost_micros);
    if params.priority == 0 {
        params.priority = from.priority;
    }
    if params.workspace_path.is_none() && params.workspace == WorkspaceKind::Scratch {
        params.workspace = from.workspace;
        params.workspace_path = from.workspace_path;
        params.shared_dir |= from.shared_dir;
        params.branch = params.branch.take().or(from.branch);
    }
    params.labels.extend(from.labels);
    params.skills.extend(from.skills);
}
