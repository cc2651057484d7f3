//! The worker process: claims its run, works with the profile's executor, reports.
//!
//! Whatever happens, it ends everything it started before it says how the run ended, and writes nothing more once the
//! card is no longer its own.

mod activity;
mod agent;
mod command;
mod control;
mod run_log;
mod watch;

pub use activity::Activity;
pub use control::{Control, StopReason};

use std::process::ExitCode;
use std::time::Duration;

use protocol::{CardRef, ExecutorKind, RunOutcome};

use crate::kanban::worker::{Assignment, RunTicket};
use crate::kanban::{self, KanbanError, worker as board};
use crate::llm::Redactor;
use crate::tools::process_tree::ProcessTree;
use crate::{Core, process};

/// EX_TEMPFAIL of sysexits(3).
const EXIT_TRY_LATER: u8 = 75;
/// The card was no longer this run's.
const EXIT_FENCED: u8 = 4;
/// 128 + SIGTERM, as shells report it.
const EXIT_ASKED: u8 = 143;
/// A process that was asked to end does not wait long for the database.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How an executor ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ended {
    /// The run was closed from inside, by a tool.
    HandedOver,
    /// The work is done, which is still to be reported.
    Completed { summary: String },
    /// It failed, which is still to be reported.
    Failed { outcome: RunOutcome, error: String, retry_after_ms: Option<i64> },
    /// It was stopped.
    Stopped(StopReason),
}

/// Works one run to its end. The process must already lead its own session (see [`crate::process`]).
///
/// The exit code is 0 when the card was handed over, 75 when the run shall be tried again later, 4 when the card was
/// taken away, 143 when the process was asked to end, and 1 for any failure.
pub async fn run(core: Core, ticket: RunTicket) -> ExitCode {
    let assignment = match begin(&core, ticket).await {
        Ok(assignment) => assignment,
        Err(error) => return refused(&core, ticket, &error).await,
    };
    let redactor = match Redactor::of(&core) {
        Ok(redactor) => redactor,
        Err(error) => {
            let end =
                Ended::Failed { outcome: RunOutcome::SpawnFailed, error: error.to_string(), retry_after_ms: None };
            return report(&core, &assignment, &Redactor::default(), end).await;
        }
    };
    let control = Control::default();
    let watch = watch::start(&core, &assignment, &control);
    let activity = Activity::start(core.clone(), ticket, redactor.clone(), control.clone());
    let end = match assignment.executor {
        ExecutorKind::Agent => agent::work(&core, &assignment, &redactor, &activity, &control).await,
        ExecutorKind::Command => command::work(&core, &assignment, &redactor, &activity, &control).await,
    };
    ProcessTree { leader: None, mark: run_mark(ticket) }.end().await;
    // What was seen is stored before the run is closed; a closed run takes nothing more.
    if !matches!(end, Ended::HandedOver) {
        activity.flush().await;
    }
    drop(watch);
    report(&core, &assignment, &redactor, end).await
}

/// What every process of a run has in its environment.
fn run_mark(ticket: RunTicket) -> String {
    format!("HERMES_KANBAN_RUN_ID={}", ticket.run)
}

async fn begin(core: &Core, ticket: RunTicket) -> Result<Assignment, KanbanError> {
    let own = process::own_identity()
        .map_err(|error| KanbanError::Invalid(format!("this process cannot be identified: {error}")))?;
    board::start(core, ticket, own.pid, own.started).await
}

async fn refused(core: &Core, ticket: RunTicket, error: &KanbanError) -> ExitCode {
    tracing::error!(%error, run = %ticket.run, "the run cannot begin");
    if matches!(error, KanbanError::Fenced(_)) {
        return ExitCode::from(EXIT_FENCED);
    }
    say(board::fail(core, ticket, RunOutcome::SpawnFailed, &error.to_string(), None).await);
    ExitCode::FAILURE
}

/// Tells the board how the run ended.
async fn report(core: &Core, assignment: &Assignment, redactor: &Redactor, end: Ended) -> ExitCode {
    let ticket = assignment.ticket;
    match end {
        Ended::HandedOver => ExitCode::SUCCESS,
        Ended::Completed { summary } => match board::complete(core, ticket, &redactor.clean(&summary), None).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(KanbanError::Fenced(why)) => after_fence(core, assignment, &why).await,
            Err(error) => {
                tracing::error!(%error, "the result could not be stored");
                say(board::fail(core, ticket, RunOutcome::Crashed, &error.to_string(), None).await);
                ExitCode::FAILURE
            }
        },
        Ended::Failed { outcome, error, retry_after_ms } => {
            let error = redactor.clean(&error);
            tracing::error!(%outcome, error, "the run failed");
            say(board::fail(core, ticket, outcome, &error, retry_after_ms).await);
            if outcome == RunOutcome::RateLimited { ExitCode::from(EXIT_TRY_LATER) } else { ExitCode::FAILURE }
        }
        Ended::Stopped(StopReason::Fenced(why)) => after_fence(core, assignment, &why).await,
        Ended::Stopped(StopReason::Deadline) => {
            let error = "the run took longer than it may; split the card or allow it more time";
            say(board::fail(core, ticket, RunOutcome::TimedOut, error, None).await);
            ExitCode::FAILURE
        }
        Ended::Stopped(StopReason::Asked) => {
            // Not a failure of the card: it goes back and is tried again.
            let error = "the worker was asked to end, for instance because the machine is going down";
            let told = board::fail(core, ticket, RunOutcome::Reclaimed, error, None);
            match tokio::time::timeout(LAST_WORDS, told).await {
                Ok(result) => say(result),
                Err(_elapsed) => tracing::warn!("the end of the run could not be stored in time"),
            }
            ExitCode::from(EXIT_ASKED)
        }
        Ended::Stopped(StopReason::Store(error)) => {
            let error = format!("the run's activity could not be stored: {error}");
            say(board::fail(core, ticket, RunOutcome::Crashed, &error, None).await);
            ExitCode::FAILURE
        }
    }
}

/// A run that its own program closed has succeeded; one that was taken away has not.
async fn after_fence(core: &Core, assignment: &Assignment, why: &str) -> ExitCode {
    let detail = kanban::card_detail(core, CardRef::Number(assignment.number)).await;
    let outcome = match detail {
        Ok(detail) => detail.runs.iter().find(|run| run.id == assignment.ticket.run).and_then(|run| run.outcome),
        Err(error) => {
            tracing::error!(%error, "how the run ended cannot be read");
            None
        }
    };
    match outcome {
        Some(RunOutcome::Completed | RunOutcome::Review | RunOutcome::Blocked) => ExitCode::SUCCESS,
        _ => {
            tracing::warn!(why, "the card is no longer this run's; nothing more is written");
            ExitCode::from(EXIT_FENCED)
        }
    }
}

fn say(result: Result<(), KanbanError>) {
    match result {
        Ok(()) => {}
        Err(KanbanError::Fenced(why)) => tracing::warn!(why, "the run was closed already"),
        Err(error) => tracing::error!(%error, "the end of the run could not be stored"),
    }
}
