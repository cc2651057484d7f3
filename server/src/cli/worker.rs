//! `hermes worker run`: the process the dispatcher starts for a claimed card.

use std::process::ExitCode;

use agent_core::kanban::worker::RunTicket;
use agent_core::process;
use clap::{Args, Subcommand};
use protocol::RunId;

use super::error::CliError;
use super::open_core;

/// The worker process.
#[derive(Debug, Args)]
pub(super) struct WorkerArgs {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Work one run to its end.
    Run {
        /// The run.
        #[arg(long)]
        run: RunId,
        /// The fencing token of its claim.
        #[arg(long, allow_negative_numbers = true)]
        fence: i64,
    },
}

impl WorkerArgs {
    /// Leads a session of its own before anything else, so that the end of the run can end the whole tree.
    #[expect(clippy::unused_self, reason = "only a parsed worker command may do this")]
    pub(super) fn prepare(&self) -> Result<(), CliError> {
        process::lead_session().map_err(|error| {
            CliError::failed(
                "unavailable",
                format!(
                    "this worker cannot lead a session of its own ({error}); workers are started by `hermes serve`"
                ),
            )
        })
    }

    pub(super) async fn run(self) -> Result<ExitCode, CliError> {
        let Verb::Run { run, fence } = self.command;
        let core = open_core().await?;
        Ok(agent_core::worker::run(core, RunTicket { run, fence }).await)
    }
}
