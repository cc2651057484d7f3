//! The worker process: claims its run, works with the profile's executor, reports.

mod activity;
mod control;

pub use activity::Activity;
pub use control::{Control, StopReason};

use std::process::ExitCode;

use crate::Core;
use crate::kanban::worker::RunTicket;

/// Works one run to its end. The process must already lead its own session (see [`crate::process`]).
pub async fn run(core: Core, ticket: RunTicket) -> ExitCode { let _ = (core, ticket); unimplemented!() }
