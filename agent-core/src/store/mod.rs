//! Opens the database: one writer, several readers, migrations, version check.
//!
//! Only this module opens `hermes.db`, and only through SQLite: opening and closing the file by other means
//! would drop the locks of the whole process (POSIX advisory locks).

mod durable;
mod watch;

use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol::ErrorCode;
use sqlx::migrate::MigrateError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection};

use crate::Changes;
pub use watch::{CommitWatch, LogWatch};

/// The oldest SQLite whose WAL reset fix we rely on.
const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);
/// KiB of pages, as SQLite wants them: a write touches a dozen indexes, whose upper pages are to stay.
const WRITER_CACHE: &str = "-8192";
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

const PROBE_WRITE: &str = "UPDATE kanban_counter SET next_number = next_number";

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// The database cannot be used, or a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The SQLite inside the binary is too old.
    #[error("this build carries SQLite {found}, but {wanted} or newer is needed; build Hermes again with its lockfile")]
    TooOld {
        /// Version found.
        found: String,
        /// Version wanted.
        wanted: String,
    },
    /// The file could not be opened.
    #[error(
        "cannot open the database {path}: {source}. Look whether the folder is there and yours; `hermes doctor` tells more"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: sqlx::Error,
    },
    /// A migration failed.
    #[error("cannot bring the database {path} up to date: {source}. A copy from before is beside it")]
    Migrate {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: sqlx::migrate::MigrateError,
    },
    /// The copy before a migration could not be made.
    #[error("cannot make the copy {path} that is kept before the database is brought up to date: {source}")]
    Copy {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A newer Hermes has used this database.
    #[error("the database {path} was made by a newer Hermes; run that version, or restore the copy it made")]
    Newer {
        /// The file.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("the disk is full; nothing was changed. Free some space and try again")]
    DiskFull,
    /// Another process holds the database for too long.
    #[error("the database is busy; nothing was changed. Try again in a moment")]
    Busy,
    /// A commit could not be made durable.
    #[error("the disk does not take what was written: {0}. Look at the disk before you go on")]
    Flush(#[source] std::io::Error),
    /// The database may be read and not written.
    #[error(
        "the database can only be read, so nothing was changed. Look whether hermes.db, the files beside it and their \
         folder are yours and writable, and whether the disk is; `hermes doctor` tells more"
    )]
    ReadOnly,
    /// The disk fails.
    #[error(
        "the disk failed while the database was used (SQLite's code {0}). Look at the disk and at the space that is left, \
         then run `hermes doctor`"
    )]
    Disk(u32),
    /// The file is no longer whole, or is no database.
    #[error(
        "the database is damaged. Stop Hermes, keep a copy of hermes.db, and put a backup in its place; `hermes doctor` \
         tells more"
    )]
    Damaged,
    /// A file of the database cannot be opened.
    #[error(
        "a file of the database cannot be opened. Look whether hermes.db and its folder are there and yours; \
         `hermes doctor` tells more"
    )]
    CannotOpen,
    /// A home that was used has an empty file in place of its database.
    #[error(
        "{path} is empty, but this home was in use before ({sign} is there), so its boards are missing. Put a backup in \
         its place, or remove the empty file to begin anew; nothing was changed"
    )]
    Emptied {
        /// The file.
        path: PathBuf,
        /// What shows that the home was used.
        sign: PathBuf,
    },
    /// Anything else.
    #[error("the database failed: {0}")]
    Sql(#[source] sqlx::Error),
}

impl StoreError {
    /// `Unavailable` when nothing was written and a person can mend it, which its sentence tells: the same write may be
    /// sent again. A [`Self::Flush`] is none of these, because its write was committed.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::DiskFull | Self::Busy | Self::ReadOnly | Self::Disk(_) | Self::Damaged | Self::CannotOpen => {
                ErrorCode::Unavailable
            }
            _ => ErrorCode::Internal,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        named(&error).unwrap_or(Self::Sql(error))
    }
}

/// What a person can do something about.
fn named(error: &sqlx::Error) -> Option<StoreError> {
    let code = result_code(error)?;
    match code & 0xff {
        _ if is_disk_full(code) => Some(StoreError::DiskFull),
        5 | 6 => Some(StoreError::Busy),
        8 => Some(StoreError::ReadOnly),
        10 => Some(StoreError::Disk(code)),
        11 | 26 => Some(StoreError::Damaged),
        3 | 14 => Some(StoreError::CannotOpen),
        _ => None,
    }
}

/// SQLite's extended result code, see <https://sqlite.org/rescode.html>; the low byte is the primary code.
fn result_code(error: &sqlx::Error) -> Option<u32> {
    // silent-ok: an error without a code is one of another kind
    error.as_database_error()?.code()?.parse().ok()
}

/// `SQLITE_FULL`, and `SQLITE_IOERR_SHMSIZE`: there is no room for the index of the log, which opening makes.
const fn is_disk_full(code: u32) -> bool {
    code & 0xff == 13 || code == 4874
}

/// The database.
#[derive(Debug, Clone)]
pub struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
    path: PathBuf,
    log: durable::Log,
}

/// A transaction on the writer; rolled back when dropped without a commit.
#[derive(Debug)]
pub struct WriteTx<'a> {
    tx: sqlx::Transaction<'static, sqlx::Sqlite>,
    changes: &'a Changes,
    log: &'a durable::Log,
}

impl WriteTx<'_> {
    /// Makes the writes durable and wakes whoever waits for changes.
    ///
    /// # Errors
    /// When the commit fails; nothing was written then. When it succeeds and cannot be made durable, which says that
    /// the disk is failing.
    pub async fn commit(self) -> Result<(), StoreError> {
        // The writer is free for the next one while this one waits for the disk.
        self.tx.commit().await?;
        let flushed = self.log.flush().await;
        // It is written, and others see it, whatever the disk says.
        self.changes.signal();
        flushed.map_err(StoreError::Flush)
    }
}

impl Deref for WriteTx<'_> {
    type Target = SqliteConnection;
    fn deref(&self) -> &SqliteConnection {
        &self.tx
    }
}

impl DerefMut for WriteTx<'_> {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.tx
    }
}

impl Store {
    /// Opens or makes the database and brings it up to date. At most `readers` (at least 1) connections read at a time, and
    /// one writes; each is opened when it is first needed, which costs milliseconds.
    ///
    /// # Errors
    /// When the file, its version or a migration is not usable.
    pub async fn open(path: &Path, readers: u32) -> Result<Self, StoreError> {
        let open_error = |source: sqlx::Error| match StoreError::from(source) {
            StoreError::Sql(source) => StoreError::Open { path: path.to_path_buf(), source },
            known => known,
        };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .disable_statement_logging();
        // Connections are tested when they are given back. No network can take them away meanwhile, and another test is
        // another trip to their thread, as long as that of a statement.
        let pool = |most: u32| {
            SqlitePoolOptions::new()
                .max_connections(most)
                .acquire_timeout(Duration::from_secs(30))
                .test_before_acquire(false)
        };
        let readers = pool(readers.max(1)).connect_lazy_with(options.clone().create_if_missing(false).read_only(true));
        let writing = options.pragma("cache_size", WRITER_CACHE);
        // What only reads never opens the writer: that is a fifth of the time of `hermes kanban list`.
        let writer = if is_current(&readers, path).await {
            pool(1).connect_lazy_with(writing)
        } else {
            let opening = lock_opening(path).await.map_err(|error| open_error(sqlx::Error::Io(error)))?;
            let writer = pool(1).connect_with(writing).await.map_err(open_error)?;
            check_version(&writer).await?;
            migrate(&writer, path).await?;
            drop(opening);
            writer
        };
        restrict_to_owner(path);
        Ok(Self { writer, readers, path: path.to_path_buf(), log: durable::Log::of(path) })
    }

    /// The pool for reads.
    #[must_use]
    pub fn reader(&self) -> &SqlitePool {
        &self.readers
    }

    /// The database file, for messages only.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Starts a write (`BEGIN IMMEDIATE`): from here on no other process writes until commit or drop.
    ///
    /// # Errors
    /// When another process holds the write lock for more than five seconds.
    pub async fn write<'a>(&'a self, changes: &'a Changes) -> Result<WriteTx<'a>, StoreError> {
        let tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        Ok(WriteTx { tx, changes, log: &self.log })
    }

    /// Whether a write would be taken: makes one and gives it up. Beginning is not enough, because SQLite begins to read
    /// where it cannot write.
    ///
    /// # Errors
    /// What a write would fail with.
    pub async fn check_writable(&self) -> Result<(), StoreError> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query(PROBE_WRITE).execute(&mut *tx).await?;
        tx.rollback().await?;
        Ok(())
    }

    /// Copies the whole database to a new file, consistently, while it is in use.
    ///
    /// # Errors
    /// When the target exists or cannot be written.
    pub async fn back_up_to(&self, target: &Path) -> Result<(), StoreError> {
        let target = target.to_string_lossy().into_owned();
        sqlx::query("VACUUM INTO ?1").bind(target).execute(&self.readers).await?;
        Ok(())
    }

    /// Closes every connection; the last one out folds the log into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Waits until no other process is making or migrating the database. SQLite lets two of them switch the journal or run
/// the same migration at once, and the second one fails. The lock goes with the returned file.
async fn lock_opening(path: &Path) -> std::io::Result<std::fs::File> {
    let file = opening_lock(path)?;
    let wait = tokio::task::spawn_blocking(move || {
        rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)?;
        Ok(file)
    });
    wait.await.map_err(std::io::Error::other)?
}

fn opening_lock(path: &Path) -> std::io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path.with_extension("open.lock"))
}

/// Whether this build's migrations are the ones that were applied. What stands in the way of knowing counts as no: bringing
/// the database up to date tells it better.
async fn is_current(pool: &SqlitePool, path: &Path) -> bool {
    if !path.exists() {
        return false;
    }
    // Whoever makes or migrates it is not to meet this look at it.
    // silent-ok: as above, and one who is making it now will be waited for
    let Ok(_quiet) = opening_lock(path).and_then(|file| {
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockShared)?;
        Ok(file)
    }) else {
        return false;
    };
    check_version(pool).await.is_ok() && applied_migration(pool).await.ok().flatten() == Some(newest_migration())
}

fn newest_migration() -> i64 {
    MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or(0)
}

/// The last migration that was applied; none for a database that has never been migrated.
async fn applied_migration(pool: &SqlitePool) -> Result<Option<i64>, sqlx::Error> {
    let has_table: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = '_sqlx_migrations'")
            .fetch_one(pool)
            .await?;
    if has_table == 0 {
        return Ok(None);
    }
    sqlx::query_scalar("SELECT COALESCE(max(version), 0) FROM _sqlx_migrations").fetch_one(pool).await.map(Some)
}

async fn check_version(pool: &SqlitePool) -> Result<(), StoreError> {
    let found: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(pool).await?;
    let mut numbers = found.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    if (next(), next(), next()) < OLDEST_SQLITE {
        let (major, minor, patch) = OLDEST_SQLITE;
        return Err(StoreError::TooOld { found, wanted: format!("{major}.{minor}.{patch}") });
    }
    Ok(())
}

/// Applies what is missing, after putting a copy of an older database beside it.
async fn migrate(pool: &SqlitePool, path: &Path) -> Result<(), StoreError> {
    if let Some(applied) = applied_migration(pool).await? {
        let newest = newest_migration();
        if applied > newest {
            return Err(StoreError::Newer { path: path.to_path_buf() });
        }
        if applied == newest {
            return Ok(());
        }
        let copy = path.with_extension(format!("before-{newest}.db"));
        if !copy.exists() {
            // Renamed when it is whole: half a copy is worse than none.
            let part = path.with_extension(format!("before-{newest}.part"));
            if let Err(error) = std::fs::remove_file(&part)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                return Err(StoreError::Copy { path: part, source: error });
            }
            sqlx::query("VACUUM INTO ?1").bind(part.to_string_lossy().into_owned()).execute(pool).await?;
            std::fs::rename(&part, &copy).map_err(|source| StoreError::Copy { path: copy, source })?;
        }
    }
    MIGRATOR.run(pool).await.map_err(|source| {
        let known = match &source {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => named(error),
            _ => None,
        };
        known.unwrap_or_else(|| StoreError::Migrate { path: path.to_path_buf(), source })
    })
}

/// The database holds everything the owner said: nobody else may read it. Rights only, the file is not opened. What the
/// owner took from himself stays taken.
fn restrict_to_owner(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let restricted = std::fs::metadata(path).and_then(|found| {
        let mode = found.permissions().mode();
        if mode & 0o077 == 0 {
            return Ok(());
        }
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode & 0o700))
    });
    if let Err(error) = restricted {
        tracing::warn!(%error, path = %path.display(), "could not restrict the database to its owner");
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Store, StoreError};

    /// Prepares statements on a freshly migrated database: what a compile-time check would do, without a database at
    /// compile time.
    /// Prepares each statement, and refuses those that read a table which grows with the board or its history from end
    /// to end: such tables are entered by an index, or by one that holds only a few of their rows.
    pub(crate) async fn prepare_all(statements: &[&'static str]) {
        use sqlx::{Executor, Row};
        const GROW: &[&str] = &[
            "kanban_card",
            "kanban_link",
            "kanban_run",
            "kanban_run_event",
            "kanban_comment",
            "kanban_event",
            "kanban_card_label",
            "kanban_attachment",
            "decision",
            "session",
            "message",
            "audit_row",
        ];
        // The second holds all ready cards; the statement that reads it stops at the first that may start.
        const HOLD_FEW: &[&str] = &[
            "kanban_card_held",
            "kanban_card_claim",
            "kanban_run_lease",
            "decision_open",
            "decision_one_open",
            "decision_snoozed",
        ];
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("hermes.db"), 1).await.unwrap();
        let changes = crate::Changes::default();
        let mut tx = store.write(&changes).await.unwrap();
        let mut wrong = Vec::new();
        for statement in statements {
            if let Err(error) = tx.prepare(sqlx::SqlStr::from_static(statement)).await {
                panic!("{error}\n{statement}");
            }
            for one in statement.split(';') {
                let words: Vec<&str> = one.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
                let plan = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {one}"));
                for row in sqlx::query(plan).fetch_all(&mut *tx).await.unwrap() {
                    let step: String = row.try_get("detail").unwrap();
                    let Some(name) = step.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next()) else {
                        continue;
                    };
                    let is = |table: &&str| name == *table || words.windows(2).any(|two| two == [*table, name]);
                    if GROW.iter().any(is) && !HOLD_FEW.iter().any(|index| step.ends_with(index)) {
                        wrong.push(format!("{step}\n{one}"));
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    }

    /// What `.cargo/config.toml` asks for. Without the first, most statements are planned anew each time they run.
    #[tokio::test]
    async fn sqlite_is_compiled_to_plan_each_statement_once() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("hermes.db"), 1).await.unwrap();
        let options: Vec<String> =
            sqlx::query_scalar("PRAGMA compile_options").fetch_all(store.reader()).await.unwrap();
        assert!(options.contains(&"ENABLE_QPSG".to_owned()), "{options:?}");
        assert!(options.contains(&"DEFAULT_MEMSTATUS=0".to_owned()), "{options:?}");
        assert!(options.contains(&"DEFAULT_PCACHE_INITSZ=100".to_owned()), "{options:?}");
        assert!(!options.contains(&"ENABLE_MEMORY_MANAGEMENT".to_owned()), "{options:?}");
    }

    #[test]
    fn what_was_committed_is_not_offered_to_be_sent_again() {
        let flush = StoreError::Flush(std::io::Error::other("no"));
        assert_eq!(flush.code(), protocol::ErrorCode::Internal);
        assert_eq!(StoreError::Busy.code(), protocol::ErrorCode::Unavailable);
    }

    #[tokio::test]
    async fn opening_twice_migrates_once_and_keeps_what_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hermes.db");
        let changes = crate::Changes::default();
        let store = Store::open(&path, 1).await.unwrap();
        let mut tx = store.write(&changes).await.unwrap();
        sqlx::query("UPDATE kanban_counter SET next_number = 7").execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        store.close().await;
        let store = Store::open(&path, 1).await.unwrap();
        let next: i64 =
            sqlx::query_scalar("SELECT next_number FROM kanban_counter").fetch_one(store.reader()).await.unwrap();
        assert_eq!(next, 7);
        assert_eq!(store.writer.size(), 0, "reading opens no connection to write");
    }

    #[tokio::test]
    async fn a_full_disk_is_named_and_nothing_is_half_written() {
        let dir = tempfile::tempdir().unwrap();
        let changes = crate::Changes::default();
        let store = Store::open(&dir.path().join("hermes.db"), 1).await.unwrap();
        let mut tx = store.write(&changes).await.unwrap();
        // The file may not grow any more, which SQLite reports as it does a full disk.
        let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut *tx).await.unwrap();
        let limit = format!("PRAGMA max_page_count = {pages}");
        sqlx::query(sqlx::AssertSqlSafe(limit)).execute(&mut *tx).await.unwrap();
        sqlx::query("UPDATE kanban_counter SET next_number = 7").execute(&mut *tx).await.unwrap();
        let error = sqlx::query("CREATE TABLE t AS SELECT zeroblob(1000000)").execute(&mut *tx).await.unwrap_err();
        assert!(matches!(StoreError::from(error), StoreError::DiskFull));
        drop(tx);
        let next: i64 =
            sqlx::query_scalar("SELECT next_number FROM kanban_counter").fetch_one(store.reader()).await.unwrap();
        assert_ne!(next, 7);
    }

    #[tokio::test]
    async fn what_a_person_can_mend_is_named_with_the_next_step() {
        let dir = tempfile::tempdir().unwrap();
        let changes = crate::Changes::default();
        let store = Store::open(&dir.path().join("hermes.db"), 1).await.unwrap();
        store.check_writable().await.unwrap();
        let mut tx = store.write(&changes).await.unwrap();
        sqlx::query("PRAGMA query_only = ON").execute(&mut *tx).await.unwrap();
        drop(tx);
        let error = store.write(&changes).await.map(drop).unwrap_err();
        assert!(matches!(error, StoreError::ReadOnly), "{error}");
        assert!(matches!(store.check_writable().await, Err(StoreError::ReadOnly)));
        std::fs::write(
            dir.path().join("text.db"),
            "this is no database, but long enough to be asked for one".repeat(9),
        )
        .unwrap();
        let error = Store::open(&dir.path().join("text.db"), 1).await.unwrap_err();
        assert!(matches!(error, StoreError::Damaged), "{error}");
        let error = Store::open(&dir.path().join("none").join("hermes.db"), 1).await.unwrap_err();
        assert!(error.to_string().contains("none/hermes.db"), "{error}");
        std::fs::create_dir(dir.path().join("folder.db")).unwrap();
        let error = Store::open(&dir.path().join("folder.db"), 1).await.unwrap_err();
        assert!(matches!(error, StoreError::CannotOpen), "{error}");
    }

    #[tokio::test]
    async fn a_commit_of_another_connection_is_noticed_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hermes.db");
        let changes = crate::Changes::default();
        let store = Store::open(&path, 1).await.unwrap();
        let mut watch = store.watch().await.unwrap();
        assert!(watch.changed().await.unwrap());
        assert!(!watch.changed().await.unwrap());
        let other = Store::open(&path, 1).await.unwrap();
        let mut tx = other.write(&changes).await.unwrap();
        sqlx::query("UPDATE kanban_counter SET next_number = 9").execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        assert!(watch.changed().await.unwrap());
        assert!(!watch.changed().await.unwrap());
    }
}
