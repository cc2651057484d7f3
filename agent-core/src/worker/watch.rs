//! Watches over a run in the background: renews its lease, minds its deadline, hears when the process shall end.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{Control, StopReason};
use crate::kanban::KanbanError;
use crate::kanban::worker::{self, Assignment};
use crate::{Core, task};

const LONGEST_BEAT: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(500);

/// Ends the watch when dropped.
#[derive(Debug)]
pub(super) struct Watch {
    done: CancellationToken,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.done.cancel();
    }
}

/// Starts watching.
pub(super) fn start(core: &Core, assignment: &Assignment, control: &Control) -> Watch {
    let done = CancellationToken::new();
    let beat = Duration::from_secs(u64::from(assignment.lease_seconds.max(3)) / 3).min(LONGEST_BEAT);
    let watcher = Watcher {
        core: core.clone(),
        ticket: assignment.ticket,
        deadline: assignment.deadline,
        beat,
        control: control.clone(),
        done: done.clone(),
    };
    drop(task::spawn("run-watch", watcher.run()));
    Watch { done }
}

struct Watcher {
    core: Core,
    ticket: worker::RunTicket,
    deadline: i64,
    beat: Duration,
    control: Control,
    done: CancellationToken,
}

impl Watcher {
    async fn run(self) {
        let mut terminate = listen(SignalKind::terminate());
        let mut interrupt = listen(SignalKind::interrupt());
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last_beat = Instant::now();
        loop {
            tokio::select! {
                () = self.done.cancelled() => return,
                () = heard(&mut terminate) => return self.control.stop(StopReason::Asked),
                () = heard(&mut interrupt) => return self.control.stop(StopReason::Asked),
                _ = look.tick() => {}
            }
            // The core's clock decides, so that a machine that slept does not grant more time.
            if self.core.now_ms() >= self.deadline {
                return self.control.stop(StopReason::Deadline);
            }
            if last_beat.elapsed() >= self.beat {
                last_beat = Instant::now();
                match worker::heartbeat(&self.core, self.ticket).await {
                    Ok(()) => {}
                    Err(KanbanError::Fenced(why)) => return self.control.stop(StopReason::Fenced(why)),
                    Err(error) => tracing::warn!(%error, "the lease cannot be renewed; trying again"),
                }
            }
        }
    }
}

fn listen(kind: SignalKind) -> Option<Signal> {
    signal(kind).inspect_err(|error| tracing::error!(%error, "signals cannot be heard")).ok()
}

async fn heard(signal: &mut Option<Signal>) {
    let got = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if got.is_none() {
        std::future::pending::<()>().await;
    }
}
