//! The directory that holds everything: `HERMES_HOME`, by default `~/.hermes`.

use std::path::{Path, PathBuf};

/// The home could not be found or made.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// Neither `HERMES_HOME` nor a home directory is known.
    #[error("no home directory is known: set HERMES_HOME to a directory Hermes may write to")]
    Unknown,
    /// A directory could not be made or its rights not be set.
    #[error("cannot use {path} as Hermes's home: {source}; choose another directory with HERMES_HOME")]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

/// Paths below `HERMES_HOME`. Names are those of the Python product where it has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
}

impl Home {
    /// Finds the home from the environment.
    ///
    /// # Errors
    /// When neither `HERMES_HOME` nor the user's home directory is set.
    pub fn from_env() -> Result<Self, HomeError> {
        if let Some(root) = std::env::var_os("HERMES_HOME").filter(|value| !value.is_empty()) {
            return Ok(Self::at(root));
        }
        let user = std::env::home_dir().filter(|path| !path.as_os_str().is_empty()).ok_or(HomeError::Unknown)?;
        Ok(Self::at(user.join(".hermes")))
    }

    /// A home at a given place.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        let root: PathBuf = root.into();
        // Workers run in other directories, so a relative home must be pinned to where it was meant.
        Self { root: std::path::absolute(&root).unwrap_or(root) }
    }

    /// Makes the directories, readable by the owner only (0700).
    ///
    /// # Errors
    /// When a directory cannot be made.
    pub fn create(&self) -> Result<(), HomeError> {
        use std::os::unix::fs::DirBuilderExt;
        for path in
            [self.root.clone(), self.workspaces(), self.attachments(), self.logs(), self.profiles(), self.keys()]
        {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&path)
                .map_err(|source| HomeError::Unusable { path: path.clone(), source })?;
        }
        Ok(())
    }

    /// Something that only a Hermes which has run leaves here; `None` for a home that is new. Configuration, profiles
    /// and keys of models may be put here before the first start, so they say nothing.
    pub(crate) fn sign_of_use(&self) -> Option<PathBuf> {
        let holds_something = |dir: &PathBuf| std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
        // Not the logs: the Python product keeps its own in a folder of that name.
        let folders = [self.keys(), self.attachments(), self.workspaces()];
        if let Some(folder) = folders.into_iter().find(holds_something) {
            return Some(folder);
        }
        let log = self.root.join("hermes.db-wal");
        let log_has_pages = std::fs::metadata(&log).is_ok_and(|found| found.len() > 0);
        if log_has_pages {
            return Some(log);
        }
        Some(self.server_lock()).filter(|lock| lock.exists())
    }

    /// The directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }
    /// The database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.root.join("hermes.db")
    }
    /// The configuration people edit.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.root.join("config.yaml")
    }
    /// Keys of model providers and the like, `NAME=value` lines, 0600.
    #[must_use]
    pub fn env_file(&self) -> PathBuf {
        self.root.join(".env")
    }
    /// Scratch directories and worktrees, one directory per card.
    #[must_use]
    pub fn workspaces(&self) -> PathBuf {
        self.root.join("workspaces")
    }
    /// Files of cards, each named by its id.
    #[must_use]
    pub fn attachments(&self) -> PathBuf {
        self.root.join("attachments")
    }
    /// Logs of workers and of the server.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }
    /// Profiles, one directory each.
    #[must_use]
    pub fn profiles(&self) -> PathBuf {
        self.root.join("profiles")
    }
    /// Locked (flock) by the one server that runs on this home.
    #[must_use]
    pub fn server_lock(&self) -> PathBuf {
        self.root.join("server.lock")
    }
    /// Keys of our own, for instance the VAPID key, 0700.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }
}
