//! Project automation: everything the Makefile does that is more than one line.
//!
//! It builds the browser client without tools that must be installed first, and holds the checks that need code
//! (file sizes, dependency arrows, budgets). It must never be needed to *run* Hermes, only to build and check it.
mod architecture;
mod budget;
mod build;
mod check;
mod client;
mod old_hermes;
mod packages;
mod progress;
mod serve;
mod tests_run;
mod tidy;
mod wasm_std;
mod workspace;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand};

use progress::Progress;

/// Builds and checks Hermes. `make help` lists the usual ways in.
#[derive(Parser)]
#[command(name = "xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the browser client into a directory that the server embeds.
    BuildClient {
        /// Unoptimised and with names, for debugging in the browser.
        #[arg(long)]
        dev: bool,
        /// Where to put it. Default: `target/site` of this clone (`target/site-dev` with --dev).
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Build the client and the server that holds it.
    Build,
    /// Build, then run the server.
    Serve {
        #[arg(long, default_value = ADDR)]
        addr: String,
    },
    /// Run an unoptimised server, rebuilt and restarted whenever a source changes.
    Watch {
        #[arg(long, default_value = ADDR)]
        addr: String,
    },
    /// Format, lints, documentation, file sizes, dependency arrows.
    Check,
    /// Every test, in a browser as well, and the budgets.
    Test,
    /// The browser tests alone.
    E2e {
        /// Passed on to Playwright.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Install the Python hermes-agent that the import is tested with.
    OldHermes,
    /// The benchmarks, against the release build.
    Bench,
    /// What Hermes costs to load, to keep and to start, against its limits.
    Budget,
    /// File sizes and forbidden calls.
    Tidy,
    /// The dependency arrows between the crates.
    Architecture,
}

const ADDR: &str = "127.0.0.1:8787";

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        // One readable sentence per cause. A backtrace of the tool would bury what the user can act on.
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::BuildClient { dev, out } => client::build(&client::Options { dev, out }).map(drop),
        Command::Build => {
            let mut progress = Progress::new(build::STEPS);
            let hermes = build::release(&mut progress)?;
            println!("make build: {} after {}", hermes.display(), progress.elapsed());
            Ok(())
        }
        Command::Serve { addr } => serve::serve(&addr),
        Command::Watch { addr } => serve::watch(&addr),
        Command::Check => check::check(),
        Command::Test => check::test(),
        Command::E2e { arguments } => check::e2e(&arguments),
        Command::OldHermes => old_hermes::prepare().map(|program| println!("{}", program.display())),
        Command::Bench => check::bench(),
        Command::Budget => {
            let mut progress = Progress::new(build::STEPS + 1);
            let hermes = build::release(&mut progress)?;
            progress.step("Budgets …");
            budget::check(&hermes)
        }
        Command::Tidy => tidy::check(),
        Command::Architecture => architecture::check(),
    }
}
