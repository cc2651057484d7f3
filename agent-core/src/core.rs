//! The one handle that servers, workers and the command line hold.

use std::sync::Arc;
use std::sync::RwLock;

use crate::store::{Store, StoreError, WriteTx};
use crate::{Changes, Clock, Config, ConfigError, Home, HomeError, SystemClock};

/// The core could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum CoreError {
    /// The home is not usable.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The configuration is not usable.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database is not usable.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How to open the core.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Where everything is.
    pub home: Home,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// How many may read the database at a time, at least 1.
    pub readers: u32,
}

impl OpenOptions {
    /// The machine's clock and the given home, for a program that does one thing at a time: one reads.
    #[must_use]
    pub fn new(home: Home) -> Self {
        Self { home, clock: Arc::new(SystemClock), readers: 1 }
    }
}

/// The core. Clones share everything.
#[derive(Debug, Clone)]
pub struct Core {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    home: Home,
    config: RwLock<Arc<Config>>,
    clock: Arc<dyn Clock>,
    store: Store,
    changes: Changes,
}

impl Core {
    /// Opens the home: makes its directories, reads the configuration, opens and migrates the database.
    ///
    /// # Errors
    /// One sentence that says what is wrong and what to do.
    pub async fn open(options: OpenOptions) -> Result<Self, CoreError> {
        options.home.create()?;
        let config = Config::load(&options.home)?;
        refuse_emptied(&options.home)?;
        let store = Store::open(&options.home.database(), options.readers).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                home: options.home,
                config: RwLock::new(Arc::new(config)),
                clock: options.clock,
                store,
                changes: Changes::default(),
            }),
        })
    }

    /// Paths.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.inner.home
    }

    /// The configuration as last read.
    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        let guard = self.inner.config.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(&guard)
    }

    /// Reads the configuration again; the old one stays in force when the file is broken.
    ///
    /// # Errors
    /// When the file is unreadable or broken.
    pub fn reload_config(&self) -> Result<(), ConfigError> {
        let fresh = Arc::new(Config::load(&self.inner.home)?);
        *self.inner.config.write().unwrap_or_else(std::sync::PoisonError::into_inner) = fresh;
        self.inner.changes.signal();
        Ok(())
    }

    /// Unix milliseconds by the core's clock.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.inner.clock.now_ms()
    }

    /// The database.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Starts a write; commit it to make it durable and to wake whoever waits for changes.
    ///
    /// # Errors
    /// When the database is busy or broken.
    pub async fn write(&self) -> Result<WriteTx<'_>, StoreError> {
        self.inner.store.write(&self.inner.changes).await
    }

    /// The signal of new commits.
    #[must_use]
    pub fn changes(&self) -> &Changes {
        &self.inner.changes
    }

    /// Closes the database cleanly.
    pub async fn close(&self) {
        self.inner.store.close().await;
    }
}

/// SQLite takes an empty file for a new database. In a home that was used it is what a broken copy or a full disk left,
/// and a fresh board in its place would look as if everything had been deleted. A first start that was cut off leaves an
/// empty file, too, but nothing else.
fn refuse_emptied(home: &Home) -> Result<(), StoreError> {
    let path = home.database();
    if !std::fs::metadata(&path).is_ok_and(|found| found.is_file() && found.len() == 0) {
        return Ok(());
    }
    home.sign_of_use().map_or(Ok(()), |sign| Err(StoreError::Emptied { path, sign }))
}

#[cfg(test)]
mod tests {
    use super::{Core, CoreError, OpenOptions};
    use crate::Home;
    use crate::store::StoreError;

    #[tokio::test]
    async fn an_empty_database_is_a_first_start_or_a_loss() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        home.create().unwrap();
        std::fs::write(home.config(), "server: {}\n").unwrap();
        std::fs::write(home.env_file(), "KEY=x\n").unwrap();
        std::fs::write(home.database(), "").unwrap();
        std::fs::write(dir.path().join("hermes.open.lock"), "").unwrap();
        let open = || Core::open(OpenOptions::new(home.clone()));
        let core = open().await.expect("a first start that was cut off goes on");
        core.close().await;
        std::fs::write(home.database(), "").unwrap();
        for sign in ["keys/vapid.pem", "attachments/x", "server.lock"] {
            let sign = dir.path().join(sign);
            std::fs::write(&sign, "x").unwrap();
            let error = open().await.unwrap_err();
            assert!(matches!(error, CoreError::Store(StoreError::Emptied { .. })), "{error}");
            assert_eq!(std::fs::metadata(home.database()).unwrap().len(), 0, "left as it was");
            std::fs::remove_file(&sign).unwrap();
        }
        std::fs::write(dir.path().join("keys/vapid.pem"), "x").unwrap();
        std::fs::remove_file(home.database()).unwrap();
        open().await.expect("without the file it begins anew").close().await;
    }
}
