//! Who does something: written into events, comments and the audit.

use protocol::{RunId, UserId};

/// The author of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A signed-in person in a browser.
    Person {
        /// Account.
        id: UserId,
        /// Display name.
        name: String,
        /// Device in words, for instance "iPhone" or "Chrome on Linux".
        device: String,
    },
    /// A person at the command line of the machine itself.
    CommandLine {
        /// Login name.
        user: String,
    },
    /// A worker.
    Worker {
        /// Its run.
        run: RunId,
        /// Its profile.
        profile: String,
    },
    /// The core itself: dispatcher, clock, recovery.
    System,
}

impl Actor {
    /// A short stable text: `person:Ada`, `cli:ada`, `worker:coder`, `system`.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Person { name, .. } => format!("person:{name}"),
            Self::CommandLine { user } => format!("cli:{user}"),
            Self::Worker { profile, .. } => format!("worker:{profile}"),
            Self::System => "system".to_owned(),
        }
    }

    /// The name people see: a person's name, a profile, or "Hermes".
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Person { name, .. } => name,
            Self::CommandLine { user } => user,
            Self::Worker { profile, .. } => profile,
            Self::System => "Hermes",
        }
    }

    /// The device people see.
    #[must_use]
    pub fn device(&self) -> &str {
        match self {
            Self::Person { device, .. } => device,
            Self::CommandLine { .. } => "command line",
            Self::Worker { .. } => "worker",
            Self::System => "server",
        }
    }

    /// The run of a worker.
    #[must_use]
    pub fn run(&self) -> Option<RunId> {
        match self {
            Self::Worker { run, .. } => Some(*run),
            Self::Person { .. } | Self::CommandLine { .. } | Self::System => None,
        }
    }

    /// Whether a person stands behind the write: only then it settles decisions, resets failures and can be undone.
    #[must_use]
    pub fn is_person(&self) -> bool {
        matches!(self, Self::Person { .. } | Self::CommandLine { .. })
    }
}
