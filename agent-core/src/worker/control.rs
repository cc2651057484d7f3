//! Why and when a run must stop. One value per run, shared by everything that works for it.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

/// Why a run stops before it is finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// The card is no longer this run's. Nothing more may be written.
    Fenced(String),
    /// The run took longer than allowed.
    Deadline,
    /// The process was asked to end.
    Asked,
    /// Its activity can no longer be stored.
    Store(String),
}

/// Stops a run.
#[derive(Debug, Clone, Default)]
pub struct Control {
    token: CancellationToken,
    reason: Arc<OnceLock<StopReason>>,
}

impl Control {
    /// Stops the run; the first reason counts.
    pub fn stop(&self, reason: StopReason) {
        if self.reason.set(reason).is_ok() {
            self.token.cancel();
        }
    }

    /// Waits until the run must stop.
    pub async fn stopped(&self) {
        self.token.cancelled().await;
    }

    /// Why the run must stop, when it must.
    #[must_use]
    pub fn reason(&self) -> Option<StopReason> {
        self.reason.get().cloned()
    }
}
