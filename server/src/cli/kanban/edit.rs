//! `hermes kanban edit`, `assign`, `reassign` and `set-model`: what a card says and whose it is.

use std::ops::RangeInclusive;

use agent_core::{kanban, profiles};
use clap::Args;
use protocol::{CardRef, EditCardParams};

use super::Cx;
use super::write::wrote;
use crate::cli::error::CliError;
use crate::cli::moment::{Moment, moment};
use crate::cli::parse::{self, OrNone, Workspace};

/// All that are kept.
pub(super) const PRIORITIES: RangeInclusive<i64> = i32::MIN as i64..=i32::MAX as i64;
pub(super) const MAX_RETRIES: RangeInclusive<i64> = 1..=1_000_000;
pub(super) const MAX_TOKENS: RangeInclusive<i64> = 1..=1_000_000_000_000;

/// Change what a card says.
#[derive(Debug, Args)]
pub(super) struct EditArgs {
    /// Card.
    #[arg(value_parser = parse::card)]
    card: CardRef,
    /// New title.
    #[arg(long)]
    title: Option<String>,
    /// New description; `-` reads it from stdin.
    #[arg(long, value_name = "TEXT")]
    body: Option<String>,
    /// Profile that shall work on it, or `none` for the board's default.
    #[arg(long, value_name = "PROFILE")]
    assignee: Option<String>,
    /// New priority.
    #[arg(long, allow_negative_numbers = true, value_parser = parse::whole::<i32>(PRIORITIES))]
    priority: Option<i32>,
    /// All labels it shall have, by commas; empty for none.
    #[arg(long, value_name = "LABELS")]
    labels: Option<String>,
    /// New tenant; empty for none.
    #[arg(long)]
    tenant: Option<String>,
    /// All skills it shall have, by commas; empty for none.
    #[arg(long, value_name = "SKILLS")]
    skills: Option<String>,
    /// When it comes again: `every 2h` or five cron fields; empty for never.
    #[arg(long, value_name = "RULE")]
    repeat: Option<String>,
    /// When it should be finished: a span like 2h or 1d from now, 2026-12-01 (midnight) or 2026-12-01T09:30 in this
    /// machine's time zone, 2026-12-01T09:30Z, or Unix seconds; `none` for no such time.
    #[arg(long, value_parser = parse::or_none(moment), value_name = "WHEN")]
    due: Option<OrNone<Moment>>,
    /// Failures in a row before a person is asked; 0 or nothing for the machine's limit.
    #[arg(long, allow_negative_numbers = true, value_parser = parse::limit(parse::whole::<u32>(MAX_RETRIES)), value_name = "N")]
    max_retries: Option<u32>,
    /// Longest run: 300, 90s, 30m, 2h or 1d; 0 or nothing for the machine's limit.
    #[arg(long, allow_negative_numbers = true, value_parser = parse::limit(parse::duration), value_name = "DURATION")]
    max_runtime: Option<u32>,
    /// Tokens of all its runs; 0 or nothing for no limit.
    #[arg(long, allow_negative_numbers = true, value_parser = parse::limit(parse::whole::<i64>(MAX_TOKENS)), value_name = "N")]
    max_tokens: Option<i64>,
    /// Cost of all its runs in dollars; 0 or nothing for no limit.
    #[arg(long, allow_negative_numbers = true, value_parser = parse::limit(parse::dollars), value_name = "DOLLARS")]
    max_cost: Option<i64>,
    /// scratch, dir:/absolute/path or worktree:/absolute/path; as long as it does not run and has no worktree.
    #[arg(long, value_parser = parse::workspace, value_name = "WORKSPACE")]
    workspace: Option<Workspace>,
    /// The branch of a worktree; empty for one named after the card.
    #[arg(long)]
    branch: Option<String>,
    /// Others may work in its directory at the same time: yes or no.
    #[arg(long, value_name = "YES|NO", value_parser = parse::yes_or_no)]
    shared_dir: Option<bool>,
    /// The result of a finished card; `-` reads it from stdin. A paragraph each when repeated.
    #[arg(long, visible_alias = "summary", value_name = "TEXT")]
    result: Vec<String>,
}

impl EditArgs {
    pub(super) async fn run(self, cx: &Cx) -> Result<(), CliError> {
        let actor = cx.caller.person("edit cards")?;
        let card = kanban::card(&cx.core, self.card).await?;
        let list = |text: Option<String>| {
            text.map(|text| {
                text.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
            })
        };
        let params = EditCardParams {
            title: self.title,
            assignee: self.assignee.clone(),
            body: self.body.as_deref().map(parse::text).transpose()?,
            priority: self.priority,
            labels: list(self.labels),
            tenant: self.tenant,
            skills: list(self.skills),
            repeat: self.repeat,
            due_at: self.due.map(|due| due.0.map_or(0, |at| at.unix_ms(cx.core.now_ms()))),
            max_attempts: self.max_retries,
            max_runtime_s: self.max_runtime,
            max_tokens: self.max_tokens,
            max_cost_micros: self.max_cost,
            workspace: self.workspace.as_ref().map(|workspace| workspace.kind),
            workspace_path: self.workspace.and_then(|workspace| workspace.path),
            branch: self.branch,
            shared_dir: self.shared_dir,
            ..EditCardParams::of(card.id, card.revision)
        };
        let changes = params != EditCardParams::of(card.id, card.revision);
        let written = match (self.result.is_empty(), changes) {
            (false, true) => {
                return Err(CliError::Usage("change the result by itself, then the rest".into()));
            }
            (false, false) => {
                let result = parse::paragraphs(&self.result)?;
                kanban::edit_result(&cx.core, actor, CardRef::Id(card.id), &result).await?
            }
            (true, true) => kanban::edit_card(&cx.core, actor, params).await?,
            (true, false) => {
                return Err(CliError::Usage("say what to change; `hermes kanban edit --help` lists it".into()));
            }
        };
        wrote(cx, &written, "Changed")?;
        if self.assignee.is_some() { warn_unknown(cx, written.card.assignee.as_deref()) } else { Ok(()) }
    }
}

pub(super) async fn assign(cx: &Cx, card: CardRef, profile: &str) -> Result<(), CliError> {
    let actor = cx.caller.person("assign cards")?;
    let card = kanban::card(&cx.core, card).await?;
    let params = EditCardParams { assignee: Some(profile.to_owned()), ..EditCardParams::of(card.id, card.revision) };
    let written = kanban::edit_card(&cx.core, actor, params).await?;
    wrote(cx, &written, "Assigned")?;
    warn_unknown(cx, written.card.assignee.as_deref())
}

pub(super) async fn reassign(cx: &Cx, card: CardRef, profile: &str, reclaim: Option<&str>) -> Result<(), CliError> {
    let actor = cx.caller.person("assign cards")?;
    let written = kanban::reassign_card(&cx.core, actor, card, profile, reclaim).await?;
    wrote(cx, &written, "Assigned")?;
    warn_unknown(cx, written.card.assignee.as_deref())
}

pub(super) async fn set_model(cx: &Cx, card: CardRef, model: &str) -> Result<(), CliError> {
    let actor = cx.caller.person("choose models")?;
    let card = kanban::card(&cx.core, card).await?;
    let model = if model.eq_ignore_ascii_case("none") { String::new() } else { model.to_owned() };
    let params = EditCardParams { model: Some(model), ..EditCardParams::of(card.id, card.revision) };
    let written = kanban::edit_card(&cx.core, actor, params).await?;
    wrote(cx, &written, "Changed the model of")
}

/// Says so when no profile has the assignee's name.
pub(super) fn warn_unknown(cx: &Cx, assignee: Option<&str>) -> Result<(), CliError> {
    if let Some(name) = unknown(cx, assignee)? {
        cx.out.hint(&format!(
            "There is no profile \"{name}\" yet, so the card waits; `hermes profile create {name}` makes it."
        ));
    }
    Ok(())
}

/// The name when no profile has it.
pub(super) fn unknown<'a>(cx: &Cx, name: Option<&'a str>) -> Result<Option<&'a str>, CliError> {
    let Some(name) = name else { return Ok(None) };
    Ok(profiles::find(cx.core.home(), name)?.is_none().then_some(name))
}
