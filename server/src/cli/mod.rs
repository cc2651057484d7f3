//! The command line. Handlers are as thin as server functions: read the arguments, one call into the core, print.
//!
//! Exit codes: 0 done, 1 refused or failed, 2 the command line makes no sense. A failure is one sentence on stderr.
//! Under `--json` stdout has exactly one JSON value, and stderr one object with `error` and `code` when it failed; where
//! several cards were named, both are arrays. `watch` and `tail` print a value per line.

mod advice;
mod caller;
mod demo;
mod doctor;
mod error;
mod import;
mod kanban;
mod moment;
mod output;
mod parse;
mod profile;
mod serve;
mod worker;

use std::ffi::OsString;
use std::process::ExitCode;

use agent_core::{Core, Home, OpenOptions};
use clap::{CommandFactory, Parser, Subcommand};

use caller::Caller;
use error::CliError;
use output::Out;

/// A personal agent with a kanban board, used from the phone.
#[derive(Debug, Parser)]
#[command(name = "hermes", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// Print one JSON value instead of text, and errors as one JSON value on stderr.
    ///
    /// Where several cards are named, both are arrays with an entry per card. `kanban watch` and `kanban tail` print one
    /// value per line, as it happens.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the app and run the workers.
    Serve(serve::ServeArgs),
    /// Print a new single-use link for setting up, or for choosing a new password.
    SetupLink(serve::SetupLinkArgs),
    /// Cards and boards.
    // Boxed: it has more options than all others together.
    Kanban(Box<kanban::KanbanArgs>),
    /// Worker identities.
    Profile(profile::ProfileArgs),
    /// Check that everything Hermes needs is there.
    Doctor {
        /// Remove first what finished and deleted cards left behind, as far as it is safe.
        #[arg(long)]
        fix: bool,
    },
    /// Fill a board with sample cards, or take them away again.
    Demo(demo::DemoArgs),
    Import(import::ImportArgs),
    /// The worker process that the dispatcher starts.
    #[command(hide = true)]
    Worker(worker::WorkerArgs),
    /// Print completions for a shell.
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: Shell,
    },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// How much of a runtime a command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// A server: several threads, speaks about what it does.
    Server,
    /// A worker: two threads.
    Worker,
    /// One command: one thread.
    Command,
}

impl Cli {
    /// Reads the command line. The error is the exit code of a command that needs no further work: help, version, or
    /// a line that makes no sense.
    pub(crate) fn read(args: impl Iterator<Item = OsString>) -> Result<Self, ExitCode> {
        let args: Vec<OsString> = args.collect();
        Self::try_parse_from(&args).map_err(|error| {
            let words: Vec<String> = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
            let json = words.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--json");
            if let Some(advice) = advice::advice(&error, &words) {
                CliError::Usage(advice).report(json);
            } else if error.use_stderr() && json {
                CliError::Usage(sentence(&error.to_string())).report(true);
            } else {
                // A closed terminal needs no message; the exit code still speaks.
                let _ = error.print();
            }
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        })
    }

    pub(crate) fn weight(&self) -> Weight {
        match self.command {
            Command::Serve(_) => Weight::Server,
            Command::Worker(_) => Weight::Worker,
            _ => Weight::Command,
        }
    }

    /// What must happen before any thread is started.
    pub(crate) fn prepare(&self) -> Result<(), ExitCode> {
        match &self.command {
            Command::Worker(args) => args.prepare().map_err(|error| self.fail(&error)),
            _ => Ok(()),
        }
    }

    /// Does what was asked.
    pub(crate) async fn run(self) -> ExitCode {
        let out = Out::new(self.json);
        let result = match self.command {
            Command::Serve(args) => args.run().await.map(|()| ExitCode::SUCCESS),
            Command::SetupLink(args) => args.run(out).await.map(|()| ExitCode::SUCCESS),
            Command::Kanban(args) => (*args).run(out).await,
            Command::Profile(args) => args.run(out).map(|()| ExitCode::SUCCESS),
            Command::Doctor { fix } => doctor::run(out, fix).await,
            Command::Demo(args) => args.run(out).await.map(|()| ExitCode::SUCCESS),
            Command::Import(args) => args.run(out).await,
            Command::Worker(args) => args.run().await,
            Command::Completions { shell } => completions(shell, out).map(|()| ExitCode::SUCCESS),
        };
        result.unwrap_or_else(|error| {
            error.report(self.json);
            error.exit_code()
        })
    }

    fn fail(&self, error: &CliError) -> ExitCode {
        error.report(self.json);
        error.exit_code()
    }
}

/// Opens the core of the home that the environment names.
async fn open_core() -> Result<Core, CliError> {
    Ok(Core::open(OpenOptions::new(Home::from_env()?)).await?)
}

fn completions(shell: Shell, out: Out) -> Result<(), CliError> {
    let mut command = Cli::command();
    let mut script = Vec::new();
    match shell {
        Shell::Bash => clap_complete::generate(clap_complete::Shell::Bash, &mut command, "hermes", &mut script),
        Shell::Zsh => clap_complete::generate(clap_complete::Shell::Zsh, &mut command, "hermes", &mut script),
        Shell::Fish => clap_complete::generate(clap_complete::Shell::Fish, &mut command, "hermes", &mut script),
    }
    out.line(&String::from_utf8_lossy(&script))
}

/// The parser's message as one sentence, without the usage below it.
fn sentence(message: &str) -> String {
    let end = message.find("\n\nUsage:").or_else(|| message.find("\n\nFor more")).unwrap_or(message.len());
    let text = message[..end].strip_prefix("error: ").unwrap_or(&message[..end]);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
