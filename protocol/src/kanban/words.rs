//! Closed lists of words: states, kinds, outcomes.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! closed_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident => $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every value, in display order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word used in files, on the command line and on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = crate::UnknownWord;
            fn from_str(text: &str) -> Result<Self, crate::UnknownWord> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(crate::UnknownWord { word: text.to_owned(), known: &[$($text),+] }),
                }
            }
        }
    };
}
pub(crate) use closed_enum;

/// A word that names no value of a closed enum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownWord {
    /// What was given.
    pub word: String,
    /// What would have been accepted.
    pub known: &'static [&'static str],
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is not one of {}", self.word, self.known.join(", "))
    }
}

impl std::error::Error for UnknownWord {}

closed_enum! {
    /// Where a card stands. The order is the order of the columns.
    CardState {
        /// An idea nobody has specified yet; never started by itself.
        Triage => "triage",
        /// Waits for its parents.
        Todo => "todo",
        /// Waits for its time.
        Scheduled => "scheduled",
        /// Can start as soon as a slot is free.
        Ready => "ready",
        /// A worker has it.
        Running => "running",
        /// A worker asks a person to look.
        Review => "review",
        /// Stopped until a person answers.
        Blocked => "blocked",
        /// Finished.
        Done => "done",
        /// Put away; counts as finished for its children.
        Archived => "archived",
    }
}

impl CardState {
    /// The columns a board shows without a filter.
    pub const COLUMNS: &'static [Self] = &[
        Self::Triage,
        Self::Todo,
        Self::Scheduled,
        Self::Ready,
        Self::Running,
        Self::Review,
        Self::Blocked,
        Self::Done,
    ];

    /// The name in sentences for people; [`Self::as_str`] is the word for programs.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Triage => "Triage",
            Self::Todo => "Todo",
            Self::Scheduled => "Scheduled",
            Self::Ready => "Ready",
            Self::Running => "Running",
            Self::Review => "Review",
            Self::Blocked => "Blocked",
            Self::Done => "Done",
            Self::Archived => "Archived",
        }
    }

    /// Parses a state as people and older programs write it: `in_progress` is an alias of `running`.
    ///
    /// # Errors
    /// Names the accepted words when the text is none of them.
    pub fn parse_input(text: &str) -> Result<Self, UnknownWord> {
        let word = text.trim().to_ascii_lowercase();
        if word == "in_progress" || word == "in-progress" {
            return Ok(Self::Running);
        }
        word.parse()
    }

    /// Whether children of a card in this state may start.
    #[must_use]
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Done | Self::Archived)
    }

    /// Where a person may move a card by hand. A running card can be stopped; nothing can be moved into
    /// `running`, `review` or `scheduled` by hand, because those mean that a worker or a clock acts.
    #[must_use]
    pub fn manual_targets(self) -> &'static [Self] {
        match self {
            Self::Triage => &[Self::Todo, Self::Ready, Self::Done, Self::Archived],
            Self::Todo | Self::Scheduled => &[Self::Triage, Self::Ready, Self::Done, Self::Archived],
            // It waits for no other card: only the core makes it wait again, when one of them is brought back.
            Self::Ready => &[Self::Triage, Self::Done, Self::Archived],
            Self::Running => &[Self::Triage, Self::Todo, Self::Ready, Self::Done, Self::Archived],
            Self::Review | Self::Blocked => &[Self::Ready, Self::Done, Self::Archived],
            Self::Done => &[Self::Ready, Self::Archived],
            Self::Archived => &[Self::Triage, Self::Todo, Self::Ready, Self::Done],
        }
    }

    /// Whether a card in it can be blocked with a question: it is not finished, and asks nothing yet.
    #[must_use]
    pub const fn may_be_blocked(self) -> bool {
        matches!(self, Self::Running | Self::Triage | Self::Todo | Self::Scheduled | Self::Ready)
    }
}

closed_enum! {
    /// Why a worker stopped and asks for a person.
    BlockKind {
        /// Work is finished and wants a look.
        Review => "review",
        /// A question only a person can answer.
        NeedsInput => "needs_input",
        /// The worker lacks a tool or a right.
        Capability => "capability",
        /// Something outside is down for now.
        Transient => "transient",
        /// Another card must be finished first.
        Dependency => "dependency",
    }
}

closed_enum! {
    /// How a run ended.
    RunOutcome {
        /// The worker completed the card.
        Completed => "completed",
        /// The worker asked for review.
        Review => "review",
        /// The worker asked a question.
        Blocked => "blocked",
        /// A person or the core took the card back.
        Reclaimed => "reclaimed",
        /// The worker could not be started.
        SpawnFailed => "spawn_failed",
        /// The worker died.
        Crashed => "crashed",
        /// The run was longer than allowed.
        TimedOut => "timed_out",
        /// The lease ran out without a sign of life.
        Lost => "lost",
        /// The worker ended without complete or block.
        ProtocolViolation => "protocol_violation",
        /// The model's provider asked to slow down.
        RateLimited => "rate_limited",
        /// A token, cost or time budget was spent.
        Budget => "budget",
    }
}

impl RunOutcome {
    /// Whether this end counts against the card's failure limit.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self, Self::SpawnFailed | Self::Crashed | Self::TimedOut | Self::Lost | Self::ProtocolViolation)
    }
}

closed_enum! {
    /// Who does the work of a profile.
    ExecutorKind {
        /// Our own turn loop with a model.
        Agent => "agent",
        /// Any program.
        Command => "command",
    }
}

closed_enum! {
    /// Where a worker works.
    WorkspaceKind {
        /// A directory of the card's own.
        Scratch => "scratch",
        /// An existing directory.
        Dir => "dir",
        /// A git worktree with a branch of the card's own.
        Worktree => "worktree",
    }
}

closed_enum! {
    /// What happened inside a run.
    RunEventKind {
        /// The worker spoke first.
        Started => "started",
        /// Text of the model, a piece at a time.
        Text => "text",
        /// Reasoning of the model, a piece at a time.
        Thinking => "thinking",
        /// A tool was called; `detail` is its arguments in short.
        ToolCall => "tool_call",
        /// A tool answered; `detail` is its output in short.
        ToolResult => "tool_result",
        /// A line of a command executor.
        Output => "output",
        /// A tool call was refused.
        Refused => "refused",
        /// A note by the core.
        Note => "note",
        /// The run ended.
        Ended => "ended",
    }
}

#[allow(clippy::derivable_impls, reason = "the macro makes the enums and knows no default")]
impl Default for WorkspaceKind {
    fn default() -> Self {
        Self::Scratch
    }
}

closed_enum! {
    /// The order of cards within a column.
    CardSort {
        /// As people put them; the only order in which cards can be dragged to a place.
        Manual => "manual",
        /// Highest priority first, then oldest.
        Priority => "priority",
        /// Newest first.
        Created => "created",
        /// Last changed first.
        Updated => "updated",
    }
}

closed_enum! {
    /// What horizontal lanes a board is divided into.
    LaneBy {
        /// None.
        None => "none",
        /// Who works.
        Assignee => "assignee",
        /// The first card they come after.
        Parent => "parent",
        /// How important they are.
        Priority => "priority",
    }
}

closed_enum! {
    /// What a card waits for, for filters. Only what the database knows; free slots change by the second.
    WaitKind {
        /// Another card.
        Parents => "parents",
        /// A time.
        Time => "time",
        /// A person.
        Person => "person",
        /// A pause after a failure or a rate limit.
        BackingOff => "backing_off",
    }
}

/// A short label of priorities for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PriorityBand {
    /// Below zero.
    Low,
    /// Zero.
    Normal,
    /// One.
    High,
    /// Two and more.
    Urgent,
}

impl PriorityBand {
    /// The band of a priority number.
    #[must_use]
    pub fn of(priority: i32) -> Self {
        match priority {
            i32::MIN..=-1 => Self::Low,
            0 => Self::Normal,
            1 => Self::High,
            2.. => Self::Urgent,
        }
    }
}
