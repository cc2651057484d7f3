//! What an import did, in numbers and names.

use std::path::PathBuf;

use serde::Serialize;

use crate::kanban::KanbanError;
use crate::store::StoreError;

/// Remarks that are kept by name; the rest is counted.
pub const MAX_REMARKS: usize = 200;
/// Longest text of one remark, in characters.
const MAX_REMARK_CHARS: usize = 300;

/// Why nothing, or nothing more, was imported. Every text says the next step.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// There is nothing at the path.
    #[error("there is no {0}; give the directory that HERMES_HOME named for the Python hermes-agent, often ~/.hermes")]
    Missing(PathBuf),
    /// Something else is at the path.
    #[error("{path} is no home of the Python hermes-agent: {why}")]
    NotPython {
        /// The path.
        path: PathBuf,
        /// What it is instead, and what to do.
        why: String,
    },
    /// The path is where this Hermes keeps its own data.
    #[error(
        "{0} is this Hermes's own home, and an import never writes to its source; set HERMES_HOME to another directory \
         for this Hermes, then import from {0} again"
    )]
    OwnHome(PathBuf),
    /// This Hermes keeps its own data in a directory below the path.
    #[error(
        "{path} contains this Hermes's own home ({own}), and an import never writes to its source; set HERMES_HOME to a \
         directory outside of it for this Hermes, then import from {path} again"
    )]
    AroundOwnHome {
        /// The path.
        path: PathBuf,
        /// The home of this Hermes.
        own: PathBuf,
    },
    /// Another import is at work on this home.
    #[error("another import is running on this home; wait until it is done, then start this one again")]
    Running,
    /// A file or directory could not be read or written.
    #[error("cannot {what} {path}: {source}")]
    File {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// One board's database cannot be used. The others can.
    #[error("{0}")]
    Board(String),
    /// Our own database failed.
    #[error(transparent)]
    Kanban(#[from] KanbanError),
}

impl From<StoreError> for ImportError {
    fn from(error: StoreError) -> Self {
        Self::Kanban(error.into())
    }
}

/// How many of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Cards.
    pub cards: u64,
    /// Links between them.
    pub links: u64,
    /// Runs.
    pub runs: u64,
    /// Comments.
    pub comments: u64,
    /// Rows of their history.
    pub events: u64,
    /// Attached files.
    pub attachments: u64,
}

impl Counts {
    /// All of them together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.cards + self.links + self.runs + self.comments + self.events + self.attachments
    }

    /// Adds another count.
    pub fn add(&mut self, other: &Self) {
        self.cards += other.cards;
        self.links += other.links;
        self.runs += other.runs;
        self.comments += other.comments;
        self.events += other.events;
        self.attachments += other.attachments;
    }
}

/// One thing that could not be taken, or not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// The source's board.
    pub board: String,
    /// What it is about: the old card, a file, a table.
    pub what: String,
    /// The reason, or what was done instead.
    pub why: String,
}

/// Remarks, the first of them by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Remarks {
    /// How many there are.
    pub total: u64,
    /// The first [`MAX_REMARKS`].
    pub first: Vec<Remark>,
}

impl Remarks {
    pub(super) fn add(&mut self, board: &str, what: impl Into<String>, why: impl AsRef<str>) {
        self.total += 1;
        if self.first.len() < MAX_REMARKS {
            let why = crate::text::excerpt(why.as_ref(), MAX_REMARK_CHARS);
            let what = crate::text::excerpt(&what.into(), MAX_REMARK_CHARS);
            self.first.push(Remark { board: board.to_owned(), what, why });
        }
    }
}

/// One board's part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BoardReport {
    /// Its name in the source.
    pub source: String,
    /// The slug of the board here.
    pub board: String,
    /// Whether the board is new here.
    pub new: bool,
    /// Whether it is archived in the source.
    pub archived: bool,
    /// What was brought over.
    pub taken: Counts,
    /// What had been brought over before.
    pub known: Counts,
    /// Why it could not be read; nothing of it was taken then.
    pub error: Option<String>,
}

/// What an import did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The source.
    pub from: PathBuf,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// The boards, in the order they were read.
    pub boards: Vec<BoardReport>,
    /// What was brought over altogether.
    pub taken: Counts,
    /// What had been brought over before.
    pub known: Counts,
    /// New cards that would start at once and were put into triage instead.
    pub held: u64,
    /// Cards that an earlier import had put into triage, and that may start now.
    pub released: u64,
    /// What could not be taken.
    pub left_out: Remarks,
    /// What was taken, but not as it was.
    pub changed: Remarks,
    /// The old product had a board open, so it may still be running.
    pub in_use: bool,
}

impl Report {
    /// Whether every board could be read.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.boards.iter().all(|board| board.error.is_none())
    }
}
