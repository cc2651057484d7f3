//! The `hermes` binary: reads the command line, starts logging and a runtime of the right size, and hands over.

mod cli;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use cli::{Cli, Weight};
use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::EnvFilter;

/// More threads than this do not help one person's server, and each costs memory.
const SERVER_THREADS: usize = 4;

fn main() -> ExitCode {
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    if let Err(code) = cli.prepare() {
        return code;
    }
    start_logging(cli.weight());
    match runtime(cli.weight()) {
        Ok(runtime) => runtime.block_on(cli.run()),
        Err(error) => {
            // Nothing is left to tell when stderr is closed, too.
            let _ = writeln!(std::io::stderr(), "hermes: cannot start: {error}; close some programs and try again");
            ExitCode::from(1)
        }
    }
}

/// Logs go to stderr; `RUST_LOG` decides what, by default everything of note for a server and only trouble else.
fn start_logging(weight: Weight) {
    let usual = if weight == Weight::Server { "info" } else { "warn" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}

fn runtime(weight: Weight) -> std::io::Result<Runtime> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    match weight {
        Weight::Server => {
            Builder::new_multi_thread().worker_threads(threads.clamp(2, SERVER_THREADS)).enable_all().build()
        }
        Weight::Worker => Builder::new_multi_thread().worker_threads(2).enable_all().build(),
        Weight::Command => Builder::new_current_thread().enable_all().build(),
    }
}
