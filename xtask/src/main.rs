//! Project automation: everything the Makefile does that is more than one line.
//!
//! It builds the browser client without tools that must be installed first, and holds the checks that need code
//! (file sizes, dependency arrows, budgets). It must never be needed to *run* Hermes, only to build and check it.
mod client;
mod wasm_std;
mod workspace;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "xtask",
    about = "Builds and checks Hermes. `make help` lists the usual ways in."
)]
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
}

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
    }
}
