//! Group commit: commits that come close together share one flush of the log.
//!
//! SQLite with `synchronous=FULL` flushes the log at every commit, one after the other. Here it writes the log without
//! flushing (`synchronous=NORMAL`, which keeps the database whole: <https://sqlite.org/pragma.html#pragma_synchronous>),
//! and whoever has committed waits until a flush that began after its commit has ended. So an acknowledged write is as
//! durable as with `FULL`, and callers that write at the same time share the wait.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

/// The log of one database.
#[derive(Debug, Clone)]
pub(super) struct Log {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// Commits so far.
    committed: AtomicU64,
    /// Commits that a flush has covered.
    flushed: Mutex<u64>,
}

/// The file of a database's log.
pub(super) fn log_of(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push("-wal");
    path.into()
}

impl Log {
    pub(super) fn of(database: &Path) -> Self {
        let inner = Inner { path: log_of(database), committed: AtomicU64::new(0), flushed: Mutex::new(0) };
        Self { inner: Arc::new(inner) }
    }

    /// Returns when everything that was committed before the call is on the disk.
    pub(super) async fn flush(&self) -> std::io::Result<()> {
        let mine = self.inner.committed.fetch_add(1, Ordering::AcqRel) + 1;
        let mut flushed = self.inner.flushed.lock().await;
        if *flushed >= mine {
            return Ok(()); // somebody else's flush began after this commit
        }
        let covers = self.inner.committed.load(Ordering::Acquire);
        let path = self.inner.path.clone();
        // Flushing through another handle reaches the same file; the log carries no locks that closing could drop.
        let result = tokio::task::spawn_blocking(move || match std::fs::File::open(path) {
            Ok(log) => log.sync_data(),
            // Folded into the database, which is flushed before the log goes.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        });
        result.await.unwrap_or_else(|error| Err(std::io::Error::other(error)))?;
        *flushed = covers;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Log;

    #[tokio::test]
    async fn many_at_once_all_return_and_a_log_that_is_gone_is_no_error() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::of(&dir.path().join("x.db"));
        log.flush().await.unwrap();
        std::fs::write(dir.path().join("x.db-wal"), "x").unwrap();
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let log = log.clone();
                crate::task::spawn("flush", async move { log.flush().await.unwrap() })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*log.inner.flushed.lock().await, 51);
    }
}
