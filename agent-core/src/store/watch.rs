//! Noticing what other processes commit.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::{BUSY_TIMEOUT, Store, StoreError, durable};

/// A log that was written so short a time ago may be written again without another time of change.
const MAY_CHANGE_UNSEEN: Duration = Duration::from_millis(100);
/// The database is asked at least so often, whatever the file system says of its log.
const ASK_ANYWAY: Duration = Duration::from_secs(1);

/// Notices commits by `PRAGMA data_version`, which changes whenever another connection has committed.
///
/// Asking costs two changes of thread, so nothing is asked while the log is as it was.
#[derive(Debug)]
pub struct CommitWatch {
    connection: SqliteConnection,
    last: Option<i64>,
    log: LogWatch,
}

/// Notices that the log of the database was written, by its size and time of change. Every commit writes it.
#[derive(Debug)]
pub struct LogWatch {
    log: PathBuf,
    seen: Option<(u64, SystemTime)>,
    asked: Instant,
}

impl CommitWatch {
    /// Whether anything was committed since the last call. The first call says yes.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn changed(&mut self) -> Result<bool, StoreError> {
        if self.log.may_have_changed() { self.ask().await } else { Ok(false) }
    }

    /// The same when a [`LogWatch`] has seen that something may have been.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn ask(&mut self) -> Result<bool, StoreError> {
        let version: i64 = sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut self.connection).await?;
        let changed = self.last != Some(version);
        self.last = Some(version);
        Ok(changed)
    }

    /// Closes the connection.
    pub async fn close(self) {
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "closing the watching connection failed");
        }
    }
}

impl LogWatch {
    /// Whether anything may have been committed since the last call. Asks the file system, which is cheap but may block.
    pub fn may_have_changed(&mut self) -> bool {
        let now = std::fs::metadata(&self.log).and_then(|log| Ok((log.len(), log.modified()?))).ok(); // silent-ok: it asks then
        let before = std::mem::replace(&mut self.seen, now);
        let rests = now.is_some_and(|(_, modified)| modified.elapsed().is_ok_and(|age| age > MAY_CHANGE_UNSEEN));
        let may = before != now || !rests || self.asked.elapsed() >= ASK_ANYWAY;
        if may {
            self.asked = Instant::now();
        }
        may
    }
}

impl Store {
    /// A connection of its own that watches for commits of any process.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub async fn watch(&self) -> Result<CommitWatch, StoreError> {
        let connection = SqliteConnectOptions::new()
            .filename(&self.path)
            .read_only(true)
            .busy_timeout(BUSY_TIMEOUT)
            .disable_statement_logging()
            .connect()
            .await?;
        Ok(CommitWatch { connection, last: None, log: self.watch_log() })
    }

    /// What of such a watch needs no connection.
    #[must_use]
    pub fn watch_log(&self) -> LogWatch {
        LogWatch { log: durable::log_of(&self.path), seen: None, asked: Instant::now() }
    }
}
