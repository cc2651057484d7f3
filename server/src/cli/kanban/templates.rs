//! `hermes kanban templates`: what new cards can start from. `create --template` uses them.

use agent_core::kanban;
use clap::{Args, Subcommand};
use protocol::{BoardId, CardRef, CardTemplate, CreateCardParams, WorkspaceKind};

use super::Cx;
use super::create::{CardArgs, fill};
use super::wording::{cost, span};
use crate::cli::error::CliError;
use crate::cli::output::{Style, one_line, printable};
use crate::cli::parse::{self, typed};

/// What can be done with templates.
#[derive(Debug, Subcommand)]
pub(super) enum TemplateVerb {
    /// List the board's templates.
    #[command(visible_alias = "ls")]
    List,
    /// Show what a template says.
    Show {
        /// Template.
        name: String,
    },
    /// Save what new cards can start from; a template of that name is overwritten.
    #[command(visible_aliases = ["create", "new"])]
    // Boxed: it has more options than all others together.
    Save(Box<SaveArgs>),
    /// Delete a template; cards that were made from it stay.
    #[command(visible_aliases = ["rm", "remove"])]
    Delete {
        /// Template.
        name: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct SaveArgs {
    /// Its name.
    name: String,
    /// What a card like this one says; what else is given goes before it.
    #[arg(long, value_parser = parse::card, value_name = "CARD")]
    from: Option<CardRef>,
    /// The title that cards start with.
    #[arg(long, default_value = "", hide_default_value = true)]
    title: String,
    #[command(flatten)]
    card: CardArgs,
}

pub(super) async fn run(cx: &Cx, verb: Option<TemplateVerb>) -> Result<(), CliError> {
    match verb {
        None | Some(TemplateVerb::List) => list(cx).await,
        Some(TemplateVerb::Show { name }) => show(cx, &find(cx, &name).await?),
        Some(TemplateVerb::Save(args)) => (*args).run(cx).await,
        Some(TemplateVerb::Delete { name }) => {
            let actor = cx.caller.person("delete templates")?;
            let template = find(cx, &name).await?;
            kanban::delete_template(&cx.core, actor, &cx.board, template.id).await?;
            told(cx, "Deleted", &template)
        }
    }
}

async fn board(cx: &Cx) -> Result<BoardId, CliError> {
    Ok(kanban::board_settings(&cx.core, &cx.board).await?.0.id)
}

/// The template of that name; small and capital letters matter only where there are both.
pub(super) async fn find(cx: &Cx, name: &str) -> Result<CardTemplate, CliError> {
    let mut templates = kanban::templates(&cx.core, &cx.board).await?;
    let exactly = templates.iter().position(|template| template.name == name);
    let nearly = || templates.iter().position(|template| template.name.eq_ignore_ascii_case(name));
    match exactly.or_else(nearly) {
        Some(at) => Ok(templates.swap_remove(at)),
        None => Err(CliError::failed(
            "not_found",
            format!("this board has no template \"{}\"; `hermes kanban templates` lists them", typed(name)),
        )),
    }
}

impl SaveArgs {
    async fn run(self, cx: &Cx) -> Result<(), CliError> {
        let actor = cx.caller.person("save templates")?;
        let mut params = CreateCardParams { title: self.title, ..self.card.params()? };
        if let Some(card) = self.from {
            fill(&mut params, kanban::card_detail(&cx.core, card).await?.into_params());
        }
        if params == CreateCardParams::default() {
            return Err(CliError::Usage(
                "say what its cards start with, for instance `--from T-12` or `--body \"…\"`".into(),
            ));
        }
        let saved = kanban::save_template(&cx.core, actor, board(cx).await?, &self.name, params).await?;
        let template = saved.template;
        told(cx, "Saved", &template)?;
        cx.out.hint(&format!("Use it with `hermes kanban create --template \"{}\"`.", one_line(&template.name)));
        Ok(())
    }
}

fn told(cx: &Cx, what: &str, template: &CardTemplate) -> Result<(), CliError> {
    if cx.out.is_json() {
        return cx.out.json(template);
    }
    cx.out.line(&format!("{what} the template {}", one_line(&template.name)))
}

async fn list(cx: &Cx) -> Result<(), CliError> {
    let templates = kanban::templates(&cx.core, &cx.board).await?;
    if cx.out.is_json() {
        return cx.out.json(&templates);
    }
    if templates.is_empty() {
        return cx.out.line("The board has no templates.");
    }
    let rows: Vec<_> = templates
        .into_iter()
        .map(|template| {
            let assignee = template.params.assignee.unwrap_or_default();
            vec![(Style::Bold, template.name), (Style::Plain, assignee), (Style::Plain, template.params.title)]
        })
        .collect();
    cx.out.table(&["TEMPLATE", "ASSIGNEE", "TITLE"], &rows)
}

fn show(cx: &Cx, template: &CardTemplate) -> Result<(), CliError> {
    if cx.out.is_json() {
        return cx.out.json(template);
    }
    let params = &template.params;
    let list = |words: &[String]| (!words.is_empty()).then(|| words.join(", "));
    let place = (params.workspace != WorkspaceKind::Scratch).then(|| match &params.workspace_path {
        Some(path) => format!("{}:{path}", params.workspace),
        None => params.workspace.to_string(),
    });
    let rows = [
        ("title", Some(params.title.clone()).filter(|title| !title.is_empty())),
        ("assignee", params.assignee.clone()),
        ("priority", (params.priority != 0).then(|| params.priority.to_string())),
        ("labels", list(&params.labels)),
        ("tenant", params.tenant.clone()),
        ("skills", list(&params.skills)),
        ("model", params.model.clone()),
        ("comes again", params.repeat.clone()),
        ("workspace", place),
        ("branch", params.branch.clone()),
        ("failures", params.max_attempts.map(|number| number.to_string())),
        ("longest run", params.max_runtime_s.map(span)),
        ("tokens", params.max_tokens.map(|tokens| tokens.to_string())),
        ("cost", params.max_cost_micros.map(cost)),
    ];
    let rows: Vec<_> = rows
        .into_iter()
        .filter_map(|(name, value)| Some(vec![(Style::Dim, name.to_owned()), (Style::Plain, value?)]))
        .collect();
    cx.out.table(&[&template.name, ""], &rows)?;
    if params.body.trim().is_empty() {
        return Ok(());
    }
    cx.out.line(&format!("\n{}", printable(params.body.trim_end())))
}
