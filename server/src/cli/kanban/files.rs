//! The verbs for files of cards, and for removing what cards left behind.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use agent_core::kanban::attachments;
use agent_core::kanban::housekeeping::{self, Retention};
use agent_core::kanban::worker::{self, Handover};
use clap::Args;
use protocol::{AfterApproval, AttachmentId, AttachmentView, CardRef};
use serde::Serialize;

use super::Cx;
use super::write::{needed, undo_hint};
use crate::cli::Caller;
use crate::cli::error::CliError;
use crate::cli::output::{Style, one_line};
use crate::cli::parse::{self, typed};

/// Days that can be typed: a hundred years.
const MAX_DAYS: i64 = 36_500;

/// What a worker hands over with its card.
#[derive(Debug, Args)]
pub(super) struct HandoverArgs {
    /// A file of the workspace to keep with the card (workers); may be repeated.
    #[arg(long = "artifact", value_name = "PATH")]
    artifacts: Vec<PathBuf>,
    /// A card that the worker made, checked before it completes; may be repeated.
    #[arg(long = "created", value_parser = parse::card, value_name = "CARD")]
    created: Vec<CardRef>,
}

impl HandoverArgs {
    pub(super) fn with(self, then: Option<AfterApproval>) -> Handover {
        let artifacts = self.artifacts.iter().map(|path| absolute(path)).collect();
        Handover { artifacts, created_cards: self.created, then_continue: then == Some(AfterApproval::Continue) }
    }
}

/// From where the command runs, which need not be the top of the workspace.
fn absolute(path: &Path) -> PathBuf {
    std::env::current_dir().map_or_else(|_| path.to_path_buf(), |directory| directory.join(path))
}

/// A card and one word after it, or the word alone for a worker.
fn card_and_word<'a>(cx: &Cx, words: &'a [String]) -> Result<(Option<CardRef>, &'a str), CliError> {
    match words {
        [card, word] => Ok((Some(parse::card(card).map_err(CliError::Usage)?), word)),
        [word] if cx.caller.own_card().is_some() => Ok((None, word)),
        _ => Err(CliError::Usage("name the card and the file, for instance `T-12 report.pdf`".into())),
    }
}

pub(super) async fn attach(cx: &Cx, words: &[String], name: Option<&str>) -> Result<(), CliError> {
    let (card, path) = card_and_word(cx, words)?;
    let path = absolute(Path::new(path));
    let (file, undo) = match &cx.caller {
        Caller::Worker { ticket, holder } => {
            Caller::check_own(&cx.core, holder, card).await?;
            (worker::attach(&cx.core, *ticket, &path, name).await?, None)
        }
        Caller::Person(actor) => {
            let card = needed(card)?;
            let staged = attachments::stage_file(&cx.core, &path, name).await?;
            let written = attachments::add(&cx.core, actor, card, staged).await?;
            (written.attachment, written.undo)
        }
    };
    tell(cx, &file, "Attached")?;
    if let Some(undo) = undo {
        undo_hint(cx, undo);
    }
    Ok(())
}

fn tell(cx: &Cx, file: &AttachmentView, what: &str) -> Result<(), CliError> {
    if cx.out.is_json() {
        return cx.out.json(file);
    }
    cx.out.line(&format!("{what} {}  ({} bytes)", one_line(&file.name), file.bytes))
}

fn own_or_named(cx: &Cx, card: Option<CardRef>) -> Result<CardRef, CliError> {
    match (card, cx.caller.own_card()) {
        (Some(card), _) => Ok(card),
        (None, Some(own)) => Ok(CardRef::Id(own)),
        (None, None) => needed(None),
    }
}

pub(super) async fn list(cx: &Cx, card: Option<CardRef>) -> Result<(), CliError> {
    let files = attachments::list(&cx.core, own_or_named(cx, card)?).await?;
    if cx.out.is_json() {
        return cx.out.json(&files);
    }
    if files.is_empty() {
        return cx.out.line("The card has no files.");
    }
    let rows: Vec<Vec<(Style, String)>> = files
        .iter()
        .enumerate()
        .map(|(at, file)| {
            vec![
                (Style::Bold, (at + 1).to_string()),
                (Style::Plain, file.bytes.to_string()),
                (Style::Dim, file.media_type.clone()),
                (Style::Plain, file.author.clone()),
                (Style::Plain, file.name.clone()),
            ]
        })
        .collect();
    cx.out.table(&["N", "BYTES", "TYPE", "BY", "NAME"], &rows)
}

/// A file of a card, by its number in the list, its id or its name.
async fn find(cx: &Cx, card: Option<CardRef>, word: &str) -> Result<AttachmentView, CliError> {
    let mut files = attachments::list(&cx.core, own_or_named(cx, card)?).await?;
    let by_place = word.parse::<usize>().ok().and_then(|place| place.checked_sub(1)).filter(|at| *at < files.len());
    let by_id = || word.parse::<AttachmentId>().ok().and_then(|id| files.iter().position(|file| file.id == id));
    let by_name = || files.iter().position(|file| file.name == word);
    match by_place.or_else(by_id).or_else(by_name) {
        Some(at) => Ok(files.swap_remove(at)),
        None => Err(CliError::failed(
            "not_found",
            format!("the card has no file \"{}\"; `hermes kanban attachments` numbers them", typed(word)),
        )),
    }
}

/// Where a file was written.
#[derive(Debug, Serialize)]
struct Saved {
    #[serde(flatten)]
    file: AttachmentView,
    path: PathBuf,
}

pub(super) async fn get(cx: &Cx, words: &[String], output: Option<&Path>) -> Result<(), CliError> {
    let (card, word) = card_and_word(cx, words)?;
    let to_stdout = output.is_some_and(|path| path.as_os_str() == "-");
    if to_stdout && cx.out.is_json() {
        return Err(CliError::Usage(
            "stdout is the file or the JSON, not both; leave out --json, or name a file".into(),
        ));
    }
    let found = find(cx, card, word).await?;
    let mut opened = attachments::open(&cx.core, found.id).await?;
    if to_stdout {
        let mut stdout = io::stdout().lock();
        io::copy(&mut opened.file, &mut stdout)?;
        return Ok(stdout.flush()?);
    }
    // The name was made safe when the file was added: it has no directory in it.
    let path = match output {
        Some(path) if path.is_dir() => path.join(&found.name),
        Some(path) => path.to_owned(),
        None => PathBuf::from(&found.name),
    };
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => CliError::failed(
            "conflict",
            format!("{} exists already and is left alone; choose another place with --output", path.display()),
        ),
        _ => CliError::failed("unavailable", format!("{} cannot be written: {error}", path.display())),
    };
    let mut target =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
    io::copy(&mut opened.file, &mut target).map_err(failed)?;
    if cx.out.is_json() {
        return cx.out.json(&Saved { file: found, path: absolute(&path) });
    }
    cx.out.line(&format!("Wrote {}  ({} bytes)", one_line(&path.to_string_lossy()), found.bytes))
}

pub(super) async fn remove(cx: &Cx, words: &[String]) -> Result<(), CliError> {
    let (card, word) = card_and_word(cx, words)?;
    let found = find(cx, card, word).await?;
    match &cx.caller {
        Caller::Worker { ticket, holder } => {
            Caller::check_own(&cx.core, holder, card).await?;
            let file = worker::detach(&cx.core, *ticket, found.id).await?;
            tell(cx, &file, "Took away")
        }
        Caller::Person(actor) => {
            let written = attachments::remove(&cx.core, actor, found.id).await?;
            tell(cx, &written.attachment, "Took away")?;
            if let Some(undo) = written.undo {
                undo_hint(cx, undo);
            }
            Ok(())
        }
    }
}

/// Remove what finished and deleted cards left behind, as the server does every hour.
#[derive(Debug, Args)]
pub(super) struct GcArgs {
    /// Shorten the history of cards finished so many days ago to its beginning and its end; 0 keeps it. What
    /// `config.yaml` says when left out.
    #[arg(long, value_name = "N", value_parser = parse::whole::<u32>(0..=MAX_DAYS))]
    event_retention_days: Option<u32>,
    /// Remove what the runs of cards finished so many days ago did and wrote; 0 keeps it. What `config.yaml` says when
    /// left out.
    #[arg(long, value_name = "N", value_parser = parse::whole::<u32>(0..=MAX_DAYS))]
    log_retention_days: Option<u32>,
}

pub(super) async fn gc(cx: &Cx, args: &GcArgs) -> Result<(), CliError> {
    cx.caller.person("remove what cards left behind")?;
    let configured = Retention::configured(&cx.core);
    let retention = Retention {
        events: args.event_retention_days.unwrap_or(configured.events),
        logs: args.log_retention_days.unwrap_or(configured.logs),
    };
    let done = housekeeping::tidy_keeping(&cx.core, retention).await?;
    if cx.out.is_json() {
        return cx.out.json(&done);
    }
    cx.out.line(&format!(
        "Removed {} directories, {} files, {} logs and {} cards that were deleted 30 days ago.",
        done.directories, done.files, done.logs, done.cards
    ))?;
    if done.runs > 0 || done.events > 0 {
        cx.out.line(&format!(
            "Tidied up {} runs and {} entries of the history of cards that were finished long ago.",
            done.runs, done.events
        ))?;
    }
    for kept in &done.kept {
        cx.out.line(&format!("Kept {}: {}", one_line(&kept.path.to_string_lossy()), one_line(&kept.why)))?;
    }
    Ok(())
}
