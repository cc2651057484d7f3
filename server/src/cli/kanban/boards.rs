//! `hermes kanban boards …`.

use std::path::PathBuf;

use agent_core::Core;
use agent_core::kanban::{self, KanbanError};
use clap::{Args, Subcommand};
use protocol::{BoardSettings, BoardSummary, BoardWritten, UndoId};
use serde::Serialize;

use super::Cx;
use super::edit::unknown;
use super::write::undo_hint;
use crate::cli::error::CliError;
use crate::cli::moment::on_this_clock;
use crate::cli::output::{Style, one_line};
use crate::cli::parse::{self, OrNone};

/// What can be done with boards.
#[derive(Debug, Subcommand)]
pub(super) enum BoardVerb {
    /// List boards.
    #[command(visible_alias = "ls")]
    List {
        /// Archived ones, too.
        #[arg(long)]
        all: bool,
    },
    /// Make a board; one that is there already is set as asked.
    #[command(visible_alias = "new")]
    Create {
        /// Short name: small letters, digits, - and _.
        slug: String,
        /// Display name; made from the short name when left out.
        #[arg(long, default_value = "", hide_default_value = true)]
        name: String,
        /// Use it from now on.
        #[arg(long)]
        switch: bool,
        #[command(flatten)]
        set: SetArgs,
    },
    /// Show what is set on a board.
    Show {
        /// Board; the current one when left out.
        slug: Option<String>,
    },
    /// Use a board from now on when none is named.
    #[command(visible_alias = "use")]
    Switch {
        /// Board.
        slug: String,
    },
    /// Print the board that is used when none is named.
    Current,
    /// Give a board another display name.
    Rename {
        /// Board.
        slug: String,
        /// New name.
        name: String,
    },
    /// Change what is set on a board.
    Set {
        /// Board.
        slug: String,
        #[command(flatten)]
        set: SetArgs,
    },
    /// Set the directory of cards that ask for one without naming it.
    SetDefaultWorkdir {
        /// Board.
        slug: String,
        /// Absolute path; none when left out.
        path: Option<String>,
    },
    /// Put a board away; nothing on it starts any more.
    #[command(visible_aliases = ["rm", "remove"])]
    Archive {
        /// Board.
        slug: String,
    },
    /// Bring an archived board back.
    Restore {
        /// Board.
        slug: String,
    },
}

/// What can be set on a board; what is left out stays.
#[derive(Debug, Default, Args)]
pub(super) struct SetArgs {
    /// What it is for.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// One emoji or short sign.
    #[arg(long)]
    icon: Option<String>,
    /// blue, green, amber, red, violet, teal or gray.
    #[arg(long)]
    color: Option<String>,
    /// Directory of cards that ask for one without naming it; empty for none.
    #[arg(long, value_name = "PATH")]
    default_workdir: Option<String>,
    /// Workers at once on this board; 0 stops it, `none` leaves it to the machine.
    #[arg(long, value_name = "N", value_parser = parse::or_none(parse::whole::<u32>(0..=100_000)))]
    slots: Option<OrNone<u32>>,
    /// Cards in review beyond which the column warns; `none` for no warning.
    #[arg(long, value_name = "N", value_parser = parse::or_none(parse::whole::<u32>(1..=100_000)))]
    review_limit: Option<OrNone<u32>>,
    /// Blocked cards beyond which the column warns; `none` for no warning.
    #[arg(long, value_name = "N", value_parser = parse::or_none(parse::whole::<u32>(1..=100_000)))]
    blocked_limit: Option<OrNone<u32>>,
    /// Cards in triage are taken apart by a model: yes or no.
    #[arg(long, value_name = "YES|NO", value_parser = parse::yes_or_no)]
    auto_decompose: Option<bool>,
    /// Profile for the parts of a card that was taken apart; `none` for the machine's default.
    #[arg(long, value_name = "PROFILE")]
    orchestrator: Option<String>,
}

impl SetArgs {
    fn is_empty(&self) -> bool {
        self.description.is_none()
            && self.icon.is_none()
            && self.color.is_none()
            && self.default_workdir.is_none()
            && self.slots.is_none()
            && self.review_limit.is_none()
            && self.blocked_limit.is_none()
            && self.auto_decompose.is_none()
            && self.orchestrator.is_none()
    }

    fn apply(self, settings: &mut BoardSettings) {
        settings.description = self.description.unwrap_or_else(|| std::mem::take(&mut settings.description));
        settings.icon = self.icon.unwrap_or_else(|| std::mem::take(&mut settings.icon));
        settings.color = self.color.unwrap_or_else(|| std::mem::take(&mut settings.color));
        settings.default_dir = self.default_workdir.or_else(|| settings.default_dir.take());
        settings.slots = self.slots.map_or(settings.slots, |limit| limit.0);
        settings.review_limit = self.review_limit.map_or(settings.review_limit, |limit| limit.0);
        settings.blocked_limit = self.blocked_limit.map_or(settings.blocked_limit, |limit| limit.0);
        settings.auto_decompose = self.auto_decompose.unwrap_or(settings.auto_decompose);
        settings.orchestrator = self.orchestrator.or_else(|| settings.orchestrator.take());
    }
}

/// Where the current board is remembered; the Python product keeps it in the same place.
fn pointer(cx: &Cx) -> PathBuf {
    cx.core.home().root().join("kanban").join("current")
}

/// The board that `boards switch` chose, when there is one. One that is not there, in a home that was copied or a file
/// that was written by hand, is none.
pub(super) async fn current(core: &Core) -> Result<Option<String>, CliError> {
    let Ok(text) = std::fs::read_to_string(core.home().root().join("kanban").join("current")) else {
        return Ok(None); // silent-ok: none was chosen
    };
    let slug = text.lines().next().unwrap_or_default().trim();
    if slug.is_empty() {
        return Ok(None);
    }
    match kanban::board_settings(core, slug).await {
        Ok((board, _)) => Ok(Some(board.slug)),
        Err(KanbanError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn run(cx: &Cx, verb: Option<BoardVerb>) -> Result<(), CliError> {
    match verb {
        None => list(cx, false).await,
        Some(BoardVerb::List { all }) => list(cx, all).await,
        Some(BoardVerb::Show { slug }) => show(cx, slug.as_deref().unwrap_or(&cx.board)).await,
        Some(BoardVerb::Current) => {
            let (board, _) = kanban::board_settings(&cx.core, &cx.board).await?;
            told(cx, "", &board)
        }
        Some(BoardVerb::Switch { slug }) => {
            cx.caller.person("switch boards")?;
            let (board, _) = kanban::board_settings(&cx.core, &slug).await?;
            switch(cx, &board)?;
            told(cx, "Using ", &board)
        }
        Some(BoardVerb::Create { slug, name, switch: also_switch, set }) => {
            create(cx, &slug, name, set, also_switch).await
        }
        Some(BoardVerb::Rename { slug, name }) => {
            let written = change(cx, &slug, |settings| settings.name = name).await?;
            wrote(cx, "Renamed ", &written)
        }
        Some(BoardVerb::Set { slug, set }) => {
            if set.is_empty() {
                return Err(CliError::Usage("say what to set; `hermes kanban boards set --help` lists it".into()));
            }
            let named = set.orchestrator.is_some();
            let written = change(cx, &slug, |settings| set.apply(settings)).await?;
            wrote(cx, "Changed ", &written)?;
            if named { warn_unknown(cx, &written.board.slug).await } else { Ok(()) }
        }
        Some(BoardVerb::SetDefaultWorkdir { slug, path }) => {
            let written = change(cx, &slug, |settings| settings.default_dir = path).await?;
            wrote(cx, "Changed ", &written)
        }
        Some(BoardVerb::Archive { slug }) => {
            let actor = cx.caller.person("archive boards")?;
            let written = kanban::archive_board(&cx.core, actor, &slug).await?;
            wrote(cx, "Archived ", &written)
        }
        Some(BoardVerb::Restore { slug }) => {
            let actor = cx.caller.person("restore boards")?;
            let written = kanban::restore_board(&cx.core, actor, &slug).await?;
            wrote(cx, "Restored ", &written)
        }
    }
}

/// A board, and whether this very call made it.
#[derive(Debug, Serialize)]
struct Made<'a> {
    #[serde(flatten)]
    board: &'a BoardSummary,
    created: bool,
    undo: Option<UndoId>,
}

async fn create(cx: &Cx, slug: &str, name: String, set: SetArgs, also_switch: bool) -> Result<(), CliError> {
    let actor = cx.caller.person("make boards")?;
    let orchestrated = set.orchestrator.is_some();
    let change = |settings: &mut BoardSettings| {
        if !name.trim().is_empty() {
            settings.name = name;
        }
        set.apply(settings);
    };
    let (BoardWritten { board, undo }, created) = kanban::ensure_board(&cx.core, actor, slug, change).await?;
    if also_switch {
        switch(cx, &board)?;
    }
    if cx.out.is_json() {
        return cx.out.json(&Made { board: &board, created, undo });
    }
    let what = if created { "Created the board " } else { "There is the board already: " };
    told(cx, what, &board)?;
    if let Some(undo) = undo {
        undo_hint(cx, undo);
    }
    if orchestrated { warn_unknown(cx, &board.slug).await } else { Ok(()) }
}

/// Says so when no profile has the name that parts of cards are given to.
async fn warn_unknown(cx: &Cx, slug: &str) -> Result<(), CliError> {
    let (_, settings) = kanban::board_settings(&cx.core, slug).await?;
    if let Some(name) = unknown(cx, settings.orchestrator.as_deref())? {
        cx.out.hint(&format!(
            "There is no profile \"{name}\" yet, so cards that are taken apart would wait; `hermes profile create \
             {name}` makes it."
        ));
    }
    Ok(())
}

async fn change(cx: &Cx, slug: &str, change: impl FnOnce(&mut BoardSettings)) -> Result<BoardWritten, CliError> {
    let actor = cx.caller.person("change boards")?;
    let (board, mut settings) = kanban::board_settings(&cx.core, slug).await?;
    change(&mut settings);
    Ok(kanban::edit_board(&cx.core, actor, board.id, settings).await?)
}

fn switch(cx: &Cx, board: &BoardSummary) -> Result<(), CliError> {
    let path = pointer(cx);
    let failed = |error: std::io::Error| {
        CliError::failed("unavailable", format!("{} cannot be written: {error}", path.display()))
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(&path, format!("{}\n", board.slug)).map_err(failed)
}

fn told(cx: &Cx, what: &str, board: &BoardSummary) -> Result<(), CliError> {
    if cx.out.is_json() {
        return cx.out.json(board);
    }
    cx.out.line(&format!("{what}{}  {}", board.slug, one_line(&board.name)))
}

/// A board that was changed, and what takes that back.
#[derive(Debug, Serialize)]
struct Changed<'a> {
    #[serde(flatten)]
    board: &'a BoardSummary,
    undo: Option<UndoId>,
}

fn wrote(cx: &Cx, what: &str, written: &BoardWritten) -> Result<(), CliError> {
    if cx.out.is_json() {
        return cx.out.json(&Changed { board: &written.board, undo: written.undo });
    }
    told(cx, what, &written.board)?;
    if let Some(undo) = written.undo {
        undo_hint(cx, undo);
    }
    Ok(())
}

/// A board of a list, and whether it is used when none is named.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    board: &'a BoardSummary,
    current: bool,
}

async fn list(cx: &Cx, all: bool) -> Result<(), CliError> {
    let boards = kanban::boards(&cx.core, all).await?;
    let used = if cx.board.trim().is_empty() { kanban::DEFAULT_BOARD } else { &cx.board };
    if cx.out.is_json() {
        let listed = boards.iter().map(|board| Listed { board, current: board.slug == used });
        return cx.out.json(&listed.collect::<Vec<_>>());
    }
    let rows: Vec<_> = boards
        .iter()
        .map(|board| {
            let notes = [(board.slug == used, "current"), (board.archived_at.is_some(), "archived")];
            let note: Vec<&str> = notes.iter().filter(|(is, _)| *is).map(|(_, note)| *note).collect();
            let name = format!("{} {}", board.icon, board.name).trim().to_owned();
            vec![(Style::Bold, board.slug.clone()), (Style::Plain, name), (Style::Dim, note.join(", "))]
        })
        .collect();
    cx.out.table(&["BOARD", "NAME", ""], &rows)
}

async fn show(cx: &Cx, slug: &str) -> Result<(), CliError> {
    let (board, settings) = kanban::board_settings(&cx.core, slug).await?;
    if cx.out.is_json() {
        return cx.out.json(&serde_json::json!({ "board": board, "settings": settings }));
    }
    let number = |limit: Option<u32>| limit.map_or_else(|| "—".to_owned(), |limit| limit.to_string());
    let text = |text: Option<&str>| text.map_or_else(|| "—".to_owned(), one_line);
    let rows = [
        ("name", one_line(&settings.name)),
        ("description", text(Some(settings.description.as_str()).filter(|text| !text.trim().is_empty()))),
        ("icon", text(Some(settings.icon.as_str()).filter(|icon| !icon.is_empty()))),
        ("colour", text(Some(settings.color.as_str()).filter(|color| !color.is_empty()))),
        ("archived", board.archived_at.map_or_else(|| "no".to_owned(), |at| format!("since {}", on_this_clock(at)))),
        ("directory", text(settings.default_dir.as_deref())),
        ("workers at once", number(settings.slots)),
        ("warn above, in review", number(settings.review_limit)),
        ("warn above, blocked", number(settings.blocked_limit)),
        ("takes triage apart", if settings.auto_decompose { "yes" } else { "no" }.to_owned()),
        ("profile for parts", text(settings.orchestrator.as_deref())),
    ];
    let rows: Vec<_> = rows.map(|(name, value)| vec![(Style::Dim, name.to_owned()), (Style::Plain, value)]).into();
    cx.out.table(&[&board.slug, ""], &rows)
}
