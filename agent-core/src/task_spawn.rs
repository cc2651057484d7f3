//! The only place that spawns background tasks.

use std::future::Future;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// Spawns a task that carries a span with its name; a panic in it is logged instead of lost.
#[allow(clippy::disallowed_methods, reason = "this is the wrapper everything else must use")]
pub fn spawn<F>(name: &'static str, future: F) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let span = tracing::info_span!("task", name);
    tokio::spawn(async move {
        let inner = tokio::spawn(future.instrument(span));
        if let Err(error) = inner.await
            && error.is_panic()
        {
            tracing::error!(task = name, "a background task panicked; this is a bug, please report it");
        }
    })
}

/// Tasks that end together at shutdown.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// Spawns a task that should end soon after [`Tasks::stopping`] resolves.
    pub fn spawn<F>(&self, name: &'static str, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let handle = spawn(name, self.tracker.track_future(future));
        drop(handle);
    }

    /// The token that is cancelled at shutdown.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Asks every task to end and waits for them.
    pub async fn shut_down(&self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}
