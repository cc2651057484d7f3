//! `hermes import`: brings the boards of a Python hermes-agent over.

use std::path::PathBuf;
use std::process::ExitCode;

use agent_core::import::{self, BoardReport, Counts, ImportError, Mode, PythonHome, Remarks, Report, Start};
use agent_core::{Core, Home};
use clap::Args;

use super::caller::Caller;
use super::error::CliError;
use super::open_core;
use super::output::{Out, Style, one_line};

/// Remarks shown on a terminal; `--json` has more of them.
const SHOWN: usize = 20;

/// Bring the boards of a Python hermes-agent over.
///
/// Boards, cards, links, runs, comments, history and attached files come over; cards get new numbers. The old home is
/// only read, and may be in use. Run it again to take what is new since: cards that are here already stay as they are,
/// also where the old one has moved on.
///
/// Nothing starts by itself: cards that are ready (or were running) go to triage, unless --start is given. Running it
/// again with --start lets those go that nobody has touched. Blocked cards and cards in review ask for your decision,
/// and nobody's phone rings. Stop the old gateway before you start them, or both work on them.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// What HERMES_HOME was for the Python hermes-agent, often ~/.hermes.
    #[arg(long, value_name = "DIR", required_unless_present = "find")]
    from: Option<PathBuf>,
    /// Let cards start that could.
    #[arg(long)]
    start: bool,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Show the card that had this id (t_1a2b3c4d) in the old home.
    #[arg(long, value_name = "OLD ID", conflicts_with_all = ["from", "start", "dry_run"])]
    find: Option<String>,
}

impl From<ImportError> for CliError {
    fn from(error: ImportError) -> Self {
        let message = error.to_string();
        let code = match error {
            ImportError::Kanban(error) => return error.into(),
            ImportError::Missing(_) => "not_found",
            ImportError::NotPython { .. } | ImportError::Board(_) => "invalid",
            ImportError::OwnHome(_) | ImportError::AroundOwnHome { .. } | ImportError::Running => "conflict",
            ImportError::File { .. } => "unavailable",
        };
        Self::failed(code, message)
    }
}

impl ImportArgs {
    pub(super) async fn run(self, out: Out) -> Result<ExitCode, CliError> {
        Caller::only_people("import boards")?;
        // Before our own home is opened, which writes to it: it may be the one that is to be read.
        let home = match &self.from {
            Some(from) => Some(PythonHome::find(from, &Home::from_env()?)?),
            None => None,
        };
        let core = open_core().await?;
        let result = match (&home, &self.find) {
            (Some(home), _) => self.import(&core, out, home).await,
            (None, old_id) => find(&core, out, old_id.as_deref().unwrap_or_default()).await,
        };
        core.close().await;
        result
    }

    async fn import(&self, core: &Core, out: Out, home: &PythonHome) -> Result<ExitCode, CliError> {
        let caller = Caller::find(core).await?;
        let actor = caller.person("import boards")?;
        let start = if self.start { Start::AtOnce } else { Start::Held };
        let mode = if self.dry_run { Mode::DryRun } else { Mode::Write };
        let report = import::run(core, actor, home, start, mode).await?;
        let errors: Vec<&str> = report.boards.iter().filter_map(|board| board.error.as_deref()).collect();
        if let [first, rest @ ..] = errors.as_slice()
            && errors.len() == report.boards.len()
        {
            let more = if rest.is_empty() { String::new() } else { format!(" (and {} more boards)", rest.len()) };
            return Err(CliError::failed("invalid", format!("{first}{more}")));
        }
        if out.is_json() {
            out.json(&report)?;
        } else {
            show(out, &report)?;
        }
        Ok(if report.complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

async fn find(core: &Core, out: Out, old_id: &str) -> Result<ExitCode, CliError> {
    let cards = import::find(core, old_id).await?;
    if cards.is_empty() {
        return Err(CliError::failed(
            "not_found",
            format!("no imported card had the id \"{}\"; import its home first", super::parse::typed(old_id)),
        ));
    }
    if out.is_json() {
        out.json(&cards)?;
    } else {
        let rows: Vec<_> = cards
            .iter()
            .map(|card| {
                let number = (Style::Bold, format!("T-{}", card.number));
                vec![number, (Style::Plain, card.state.to_string()), (Style::Plain, card.title.clone())]
            })
            .collect();
        out.table(&["CARD", "STATE", "TITLE"], &rows)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(out: Out, report: &Report) -> Result<(), CliError> {
    let did = if report.dry_run { "Would import" } else { "Imported" };
    out.line(&format!("{did} from {}", one_line(&report.from.to_string_lossy())))?;
    let mut rows: Vec<_> = report.boards.iter().map(row).collect();
    if report.boards.len() > 1 {
        rows.push(counts("all together", &report.taken, report.known.total(), (Style::Plain, String::new())));
    }
    let head = ["BOARD", "CARDS", "LINKS", "RUNS", "COMMENTS", "HISTORY", "FILES", "ALREADY HERE", "NOW"];
    out.table(&head, &rows)?;
    for error in report.boards.iter().filter_map(|board| board.error.as_deref()) {
        out.line(&out.styled(Style::Red, &one_line(error)))?;
    }
    let [left, changed] =
        if report.dry_run { ["would not be taken", "would come changed"] } else { ["not taken", "taken, but changed"] };
    remarks(out, left, &report.left_out)?;
    remarks(out, changed, &report.changed)?;
    if report.held > 0 {
        out.line(&format!(
            "{} that could start at once {} into triage. Look at them, then let them go one by one, or all that you \
             have not touched with: hermes import --from {} --start",
            cards(report.held),
            if report.dry_run { "would go" } else { "went" },
            shlex_quoted(&report.from.to_string_lossy()),
        ))?;
    }
    if report.released > 0 {
        let verb = if report.dry_run { "would be let go" } else { "may start now" };
        out.line(&format!("{} from an earlier import {verb}.", cards(report.released)))?;
    }
    if report.in_use {
        out.hint("The old Hermes has a board open. Stop its gateway before cards start here, or both work on them.");
    }
    if !report.complete() {
        out.hint("The other boards are complete. Mend what is named above, then run the same command again.");
    }
    Ok(())
}

fn cards(number: u64) -> String {
    if number == 1 { "1 card".to_owned() } else { format!("{number} cards") }
}

fn row(board: &BoardReport) -> Vec<(Style, String)> {
    let now = match &board.error {
        Some(_) => (Style::Red, "could not be read".to_owned()),
        None if board.archived => (Style::Dim, format!("{} (archived)", board.board)),
        None if board.new => (Style::Plain, format!("{} (new)", board.board)),
        None => (Style::Plain, board.board.clone()),
    };
    counts(&board.source, &board.taken, board.known.total(), now)
}

fn counts(name: &str, taken: &Counts, known: u64, now: (Style, String)) -> Vec<(Style, String)> {
    let numbers = [taken.cards, taken.links, taken.runs, taken.comments, taken.events, taken.attachments, known];
    let mut row = vec![(Style::Bold, name.to_owned())];
    row.extend(numbers.iter().map(|number| (Style::Plain, number.to_string())));
    row.push(now);
    row
}

fn remarks(out: Out, what: &str, remarks: &Remarks) -> Result<(), CliError> {
    if remarks.total == 0 {
        return Ok(());
    }
    let things = if remarks.total == 1 { "thing" } else { "things" };
    let mut text = format!("{} {things} {what}:\n", remarks.total);
    for remark in remarks.first.iter().take(SHOWN) {
        let line = one_line(&format!("{} · {}: {}", remark.board, remark.what, remark.why));
        text.push_str(&format!("  {line}\n"));
    }
    let shown = remarks.first.len().min(SHOWN) as u64;
    if remarks.total > shown {
        text.push_str(&format!(
            "  … and {} more; --json names the first {}\n",
            remarks.total - shown,
            import::MAX_REMARKS
        ));
    }
    out.line(&text)
}

/// The path as a shell takes it.
fn shlex_quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", one_line(path).replace('\'', "'\\''")) }
}
