//! `hermes kanban …`: the verbs of the board.

mod block;
mod boards;
mod create;
mod diagnostics;
mod edit;
mod files;
mod follow;
mod log;
mod many;
mod read;
mod report;
mod show;
mod snooze;
mod start;
mod templates;
mod triage;
mod wording;
mod write;

use std::process::ExitCode;

use agent_core::Core;
use clap::{Args, Subcommand};
use protocol::{CardRef, CardState, ProposalKind, Severity, UndoId};

use super::error::CliError;
use super::moment::{Moment, moment};
use super::output::Out;
use super::{Caller, open_core, parse};

/// What counts can be typed.
pub(crate) const MAX_COUNT: i64 = 1_000_000_000;

/// Cards and boards.
#[derive(Debug, Args)]
pub(super) struct KanbanArgs {
    /// Board to work on, by its short name.
    #[arg(long, global = true, env = "HERMES_KANBAN_BOARD", hide_env_values = true, value_name = "BOARD")]
    board: Option<String>,
    #[command(subcommand)]
    command: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Create a card.
    Create(create::CreateArgs),
    /// List cards.
    #[command(visible_alias = "ls")]
    List(read::ListArgs),
    /// Show a card with its runs and comments.
    Show {
        /// Card; a worker's own when left out.
        #[arg(value_parser = parse::card)]
        card: Option<CardRef>,
    },
    /// Add a comment, which the next run reads.
    Comment {
        /// Card and text; a worker may leave out its own card. `-` reads the text from stdin.
        #[arg(required = true, value_name = "CARD> <TEXT", num_args = 1..)]
        words: Vec<String>,
    },
    /// Stop cards for a person.
    Block(block::BlockArgs),
    /// Settle what a card asks: approve finished work so that it goes on, answer, or try again.
    Unblock {
        /// Cards.
        #[arg(required = true, value_parser = parse::card)]
        cards: Vec<CardRef>,
        /// What the worker shall know; becomes a comment. `-` reads it from stdin.
        #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
        reason: String,
    },
    /// Put off what cards ask: out of the inbox until then, and one more call when the time has come.
    Snooze {
        /// Cards.
        #[arg(required = true, value_parser = parse::card)]
        cards: Vec<CardRef>,
        /// Until when, at most 30 days ahead: a span like 30m, 2h or 1d from now, 2026-12-01 (midnight) or
        /// 2026-12-01T09:30 in this machine's time zone, 2026-12-01T09:30Z, or Unix seconds.
        #[arg(long, value_parser = moment, value_name = "WHEN", required_unless_present = "back")]
        until: Option<Moment>,
        /// Bring them back now instead.
        #[arg(long, conflicts_with = "until")]
        back: bool,
    },
    /// Finish cards.
    Complete {
        /// Cards; a worker's own when left out.
        #[arg(value_parser = parse::card)]
        cards: Vec<CardRef>,
        /// What was done; `-` reads it from stdin. A paragraph each when repeated.
        #[arg(long, visible_alias = "result", value_name = "TEXT")]
        summary: Vec<String>,
        /// A JSON object kept with the run (workers).
        #[arg(long, value_name = "JSON")]
        metadata: Option<String>,
        #[command(flatten)]
        handover: files::HandoverArgs,
    },
    /// Keep a file with a card.
    Attach {
        /// Card and file; a worker may leave out its own card.
        #[arg(required = true, value_name = "CARD> <PATH", num_args = 1..=2)]
        words: Vec<String>,
        /// Another name than the file has.
        #[arg(long)]
        name: Option<String>,
    },
    /// List a card's files.
    Attachments {
        /// Card; a worker's own when left out.
        #[arg(value_parser = parse::card)]
        card: Option<CardRef>,
    },
    /// Write a card's file to the disk, or to stdout.
    AttachGet {
        /// Card and file, by its number in the list, its id or its name; a worker may leave out its own card.
        #[arg(required = true, value_name = "CARD> <FILE", num_args = 1..=2)]
        words: Vec<String>,
        /// Where to; `-` for stdout. Its own name, here, when left out; nothing is overwritten.
        #[arg(long, short, value_name = "PATH")]
        output: Option<std::path::PathBuf>,
    },
    /// Take a file of a card away.
    AttachRm {
        /// Card and file, by its number in the list, its id or its name; a worker may leave out its own card.
        #[arg(required = true, value_name = "CARD> <FILE", num_args = 1..=2)]
        words: Vec<String>,
    },
    /// Remove what finished and deleted cards left behind, as the server does every hour.
    Gc(files::GcArgs),
    /// Put cards away; children stop waiting for them.
    Archive {
        /// Cards.
        #[arg(required = true, value_parser = parse::card)]
        cards: Vec<CardRef>,
        /// Delete them instead; `restore` brings them back for 30 days.
        #[arg(long)]
        rm: bool,
    },
    /// Bring deleted cards back to where they were, up to 30 days later; `list --deleted` shows them.
    Restore {
        /// Cards.
        #[arg(required = true, value_parser = parse::card)]
        cards: Vec<CardRef>,
    },
    /// Make a card wait for another one.
    Link {
        /// The card that must be finished first.
        #[arg(value_parser = parse::card)]
        parent: CardRef,
        /// The card that waits.
        #[arg(value_parser = parse::card)]
        child: CardRef,
    },
    /// Take a link away.
    Unlink {
        /// The card that had to be finished first.
        #[arg(value_parser = parse::card)]
        parent: CardRef,
        /// The card that waited.
        #[arg(value_parser = parse::card)]
        child: CardRef,
    },
    /// Move a card to another column.
    Move {
        /// Card.
        #[arg(value_parser = parse::card)]
        card: CardRef,
        /// Target column.
        #[arg(value_parser = parse::state, value_name = "STATE")]
        to: CardState,
        /// Refuse when the card is no longer at this revision.
        #[arg(long, value_parser = parse::whole::<i64>(0..=MAX_COUNT), value_name = "N")]
        revision: Option<i64>,
    },
    /// Give a card to another profile.
    Assign {
        /// Card.
        #[arg(value_parser = parse::card)]
        card: CardRef,
        /// Profile, or `none` for the board's default.
        profile: String,
    },
    /// Take a write back, up to 10 minutes later.
    Undo {
        /// The id that the write printed.
        #[arg(value_parser = parse::undo)]
        id: UndoId,
    },
    /// Say that the work goes on (workers).
    Heartbeat {
        /// Card; it can only be the worker's own.
        #[arg(value_parser = parse::card)]
        card: Option<CardRef>,
        /// What is being done.
        #[arg(long)]
        note: Option<String>,
    },
    /// Change what a card says; of a finished one, its result.
    Edit(edit::EditArgs),
    /// Start cards later.
    Schedule(start::ScheduleArgs),
    /// Let cards start that wait: in triage, for their time, or for other cards.
    Promote(start::PromoteArgs),
    /// Take a running card back from its worker; another attempt follows.
    Reclaim {
        /// Card.
        #[arg(value_parser = parse::card)]
        card: CardRef,
        /// Why; kept with the run.
        #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
        reason: String,
    },
    /// Give a card to another profile, taking it back from its worker first when asked to.
    Reassign {
        /// Card.
        #[arg(value_parser = parse::card)]
        card: CardRef,
        /// Profile, or `none` for the board's default.
        profile: String,
        /// Take it back when it is running.
        #[arg(long)]
        reclaim: bool,
        /// Why; kept with the run.
        #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
        reason: String,
    },
    /// Use another model for a card; `none` goes back to the profile's.
    SetModel {
        /// Card.
        #[arg(value_parser = parse::card)]
        card: CardRef,
        /// Model name.
        model: String,
    },
    /// The runs of a card.
    Runs {
        /// Card.
        #[arg(value_parser = parse::card)]
        card: CardRef,
    },
    /// What a card's worker printed, and after it what the process around it wrote.
    Log(log::LogArgs),
    /// What a worker of this card reads first.
    Context {
        /// Card.
        #[arg(value_parser = parse::card)]
        card: CardRef,
    },
    /// What happened to a card, and what happens until it is finished; with --json a value per line.
    Tail {
        /// Card.
        #[arg(value_parser = parse::card)]
        card: CardRef,
        /// Only what happened so far.
        #[arg(long)]
        no_follow: bool,
        /// What happens is told at once anyway; understood for older scripts.
        #[arg(long, hide = true)]
        interval: Option<f64>,
    },
    /// What happens on a board, as it happens; with --json a value per line.
    Watch {
        /// Only these kinds of events, by commas, for instance created,completed.
        #[arg(long, value_delimiter = ',', value_parser = parse::event_kind, value_name = "KINDS")]
        kinds: Vec<String>,
        /// Only what this profile or person does.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        /// Only cards of this profile; `none` for those that are nobody's.
        #[arg(long, value_name = "PROFILE")]
        assignee: Option<String>,
        /// Only cards of this tenant.
        #[arg(long)]
        tenant: Option<String>,
        /// What happens is told at once anyway; understood for older scripts.
        #[arg(long, hide = true)]
        interval: Option<f64>,
    },
    /// Cards per state.
    Stats,
    /// Profiles and the cards they have.
    Assignees,
    /// What is wrong on a board.
    #[command(visible_alias = "diag")]
    Diagnostics {
        /// This bad or worse: warning, error or critical.
        #[arg(long, value_name = "SEVERITY")]
        severity: Option<Severity>,
        /// Only this card.
        #[arg(long, visible_alias = "task", value_parser = parse::card, value_name = "CARD")]
        card: Option<CardRef>,
    },
    /// What would start next, and why the others wait; starting is the server's work.
    Dispatch {
        /// Nothing else is done anyway; understood for older scripts.
        #[arg(long, hide = true)]
        dry_run: bool,
    },
    /// Have a model write out what cards in triage mean; nothing changes until it is accepted.
    Specify(triage::ProposeArgs),
    /// Have a model take cards in triage apart; nothing changes until it is accepted.
    Decompose(triage::ProposeArgs),
    /// Accept what was proposed for cards.
    Accept {
        /// Cards in triage.
        #[arg(required = true, value_parser = parse::card)]
        cards: Vec<CardRef>,
    },
    /// Throw away what was proposed for cards.
    Discard {
        /// Cards in triage.
        #[arg(required = true, value_parser = parse::card)]
        cards: Vec<CardRef>,
    },
    /// Put several workers on one goal, with a verifier and somebody who puts it together.
    Swarm(triage::SwarmArgs),
    /// Work on a ready card yourself: prints what its worker needs, also for `complete`, `block` and `heartbeat`.
    Claim(start::ClaimArgs),
    /// List what new cards can start from, or do something with it.
    #[command(visible_alias = "template")]
    Templates {
        #[command(subcommand)]
        command: Option<templates::TemplateVerb>,
    },
    /// List boards, or do something with one.
    Boards {
        #[command(subcommand)]
        command: Option<boards::BoardVerb>,
    },
}

impl Verb {
    /// Whether a worker whose run is over may still use it.
    fn only_reads(&self) -> bool {
        use boards::BoardVerb;
        use templates::TemplateVerb;
        match self {
            Self::Boards { command } => {
                matches!(command, None | Some(BoardVerb::List { .. } | BoardVerb::Show { .. } | BoardVerb::Current))
            }
            Self::Templates { command } => {
                matches!(command, None | Some(TemplateVerb::List | TemplateVerb::Show { .. }))
            }
            Self::List(_)
            | Self::Show { .. }
            | Self::Attachments { .. }
            | Self::AttachGet { .. }
            | Self::Runs { .. }
            | Self::Log(_)
            | Self::Context { .. }
            | Self::Tail { .. }
            | Self::Watch { .. }
            | Self::Stats
            | Self::Assignees
            | Self::Diagnostics { .. }
            | Self::Dispatch { .. } => true,
            _ => false,
        }
    }
}

/// What every verb needs.
struct Cx {
    core: Core,
    caller: Caller,
    board: String,
    out: Out,
}

impl KanbanArgs {
    pub(super) async fn run(self, out: Out) -> Result<ExitCode, CliError> {
        let core = open_core().await?;
        let result = run(&core, self.command, self.board, out).await;
        core.close().await;
        result
    }
}

async fn run(core: &Core, verb: Verb, board: Option<String>, out: Out) -> Result<ExitCode, CliError> {
    let only_reads = verb.only_reads();
    let caller = if only_reads { Caller::find_reader(core).await? } else { Caller::find(core).await? };
    let board = board.or_else(|| Some(caller.board().to_owned()).filter(|board| !board.is_empty()));
    let board = match board {
        Some(board) => board,
        None => boards::current(core).await?.unwrap_or_default(),
    };
    let cx = Cx { core: core.clone(), caller, board, out };
    match verb {
        Verb::Create(args) => args.run(&cx).await?,
        Verb::List(args) => args.run(&cx).await?,
        Verb::Show { card } => show::run(&cx, card).await?,
        Verb::Comment { words } => write::comment(&cx, &words).await?,
        Verb::Block(args) => return args.run(&cx).await,
        Verb::Unblock { cards, reason } => return write::unblock(&cx, &cards, &reason).await,
        Verb::Snooze { cards, until, back: _ } => return snooze::run(&cx, &cards, until).await,
        Verb::Complete { cards, summary, metadata, handover } => {
            return write::complete(&cx, &cards, &summary, metadata.as_deref(), handover.with(None)).await;
        }
        Verb::Attach { words, name } => files::attach(&cx, &words, name.as_deref()).await?,
        Verb::Attachments { card } => files::list(&cx, card).await?,
        Verb::AttachGet { words, output } => files::get(&cx, &words, output.as_deref()).await?,
        Verb::AttachRm { words } => files::remove(&cx, &words).await?,
        Verb::Gc(args) => files::gc(&cx, &args).await?,
        Verb::Archive { cards, rm } => return write::archive(&cx, &cards, rm).await,
        Verb::Restore { cards } => return write::restore(&cx, &cards).await,
        Verb::Link { parent, child } => write::link(&cx, parent, child).await?,
        Verb::Unlink { parent, child } => write::unlink(&cx, parent, child).await?,
        Verb::Move { card, to, revision } => write::move_card(&cx, card, to, revision).await?,
        Verb::Assign { card, profile } => edit::assign(&cx, card, &profile).await?,
        Verb::Undo { id } => write::undo(&cx, id).await?,
        Verb::Heartbeat { card, note } => write::heartbeat(&cx, card, note.as_deref()).await?,
        Verb::Edit(args) => args.run(&cx).await?,
        Verb::Schedule(args) => return args.run(&cx).await,
        Verb::Promote(args) => return args.run(&cx).await,
        Verb::Reclaim { card, reason } => write::reclaim(&cx, card, &reason).await?,
        Verb::Reassign { card, profile, reclaim, reason } => {
            edit::reassign(&cx, card, &profile, reclaim.then_some(reason.as_str())).await?;
        }
        Verb::SetModel { card, model } => edit::set_model(&cx, card, &model).await?,
        Verb::Runs { card } => report::runs(&cx, card).await?,
        Verb::Log(args) => args.run(&cx).await?,
        Verb::Context { card } => report::context(&cx, card).await?,
        Verb::Tail { card, no_follow, interval: _ } => follow::tail(&cx, card, !no_follow).await?,
        Verb::Watch { kinds, by, assignee, tenant, interval: _ } => {
            let assignee = assignee.map(read::somebody);
            follow::watch(&cx, follow::Only { kinds, by, assignee, tenant }).await?;
        }
        Verb::Stats => report::stats(&cx).await?,
        Verb::Assignees => report::assignees(&cx).await?,
        Verb::Diagnostics { severity, card } => diagnostics::run(&cx, severity, card).await?,
        Verb::Dispatch { dry_run: _ } => report::dispatch(&cx).await?,
        Verb::Specify(args) => return args.run(&cx, ProposalKind::Specify).await,
        Verb::Decompose(args) => return args.run(&cx, ProposalKind::Decompose).await,
        Verb::Accept { cards } => return triage::accept(&cx, &cards).await,
        Verb::Discard { cards } => return triage::discard(&cx, &cards).await,
        Verb::Swarm(args) => args.run(&cx).await?,
        Verb::Claim(args) => args.run(&cx).await?,
        Verb::Templates { command } => templates::run(&cx, command).await?,
        Verb::Boards { command } => boards::run(&cx, command).await?,
    }
    Ok(ExitCode::SUCCESS)
}
