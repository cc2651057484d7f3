//! Boards, cards, runs and comments.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{BoardId, CardId, CommentId, DecisionId, DecisionKind, RunId, UndoId};

/// Longest title, in characters.
pub const MAX_TITLE_CHARS: usize = 500;
/// Longest body, comment or summary, in bytes (1 MB).
pub const MAX_TEXT_BYTES: usize = 1_000_000;
/// Cards of one column that travel in one page.
pub const COLUMN_PAGE: u32 = 30;

macro_rules! closed_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident => $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

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
            Self::Ready => &[Self::Triage, Self::Todo, Self::Done, Self::Archived],
            Self::Running => &[Self::Triage, Self::Todo, Self::Ready, Self::Done, Self::Archived],
            Self::Review | Self::Blocked => &[Self::Ready, Self::Done, Self::Archived],
            Self::Done => &[Self::Ready, Self::Archived],
            Self::Archived => &[Self::Triage, Self::Todo, Self::Ready, Self::Done],
        }
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
    }
}

/// Why a card that could run does not. Localised by whoever shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitReason {
    /// Parents are unfinished; at most three numbers, and how many more.
    WaitingOn {
        /// Card numbers.
        cards: Vec<i64>,
        /// Unfinished parents beyond those.
        more: u32,
    },
    /// All slots are taken.
    NoFreeSlot {
        /// Runs under way.
        used: u32,
        /// Runs allowed.
        limit: u32,
    },
    /// The assignee is not a profile on this machine.
    UnknownProfile {
        /// The name on the card.
        profile: String,
    },
    /// The profile is an agent and no model provider is set up.
    NoProvider,
    /// A failed attempt or a rate limit asks for patience.
    BackingOff {
        /// Unix milliseconds.
        until: i64,
    },
    /// A person just decided and may still take it back.
    UndoWindow {
        /// Unix milliseconds.
        until: i64,
    },
    /// Its time has not come.
    Scheduled {
        /// Unix milliseconds.
        until: i64,
    },
    /// No server with a dispatcher is running on this database.
    NoDispatcher,
}

/// A board in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardSummary {
    /// Id.
    pub id: BoardId,
    /// Short name in addresses and on the command line: `[a-z0-9][a-z0-9-_]{0,63}`.
    pub slug: String,
    /// Display name.
    pub name: String,
}

/// The ask of a card's open decision, as its face shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardAsk {
    /// The decision.
    pub id: DecisionId,
    /// Its version, for settling straight from the board.
    pub version: i64,
    /// Its kind.
    pub kind: DecisionKind,
    /// One line of what is asked.
    pub ask: String,
}

/// A card as its face shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskCard {
    /// Id.
    pub id: CardId,
    /// The `142` of `T-142`; unique in the whole database.
    pub number: i64,
    /// Board.
    pub board_id: BoardId,
    /// Title.
    pub title: String,
    /// State.
    pub state: CardState,
    /// Order within its column; compares bytewise.
    pub rank: String,
    /// Higher first; 0 is normal.
    pub priority: i32,
    /// Profile that shall work on it; `None` means the board's default.
    pub assignee: Option<String>,
    /// Compare-and-set token: every change adds one.
    pub revision: i64,
    /// When it entered its state, Unix ms.
    pub state_at: i64,
    /// Last sign of life of its worker, Unix ms; only while running.
    pub heartbeat_at: Option<i64>,
    /// Why it does not run, for ready, todo and scheduled cards.
    pub wait: Option<WaitReason>,
    /// What it asks of a person.
    pub ask: Option<CardAsk>,
    /// Finished children.
    pub children_done: u32,
    /// All children.
    pub children: u32,
    /// Comments.
    pub comments: u32,
    /// Failed attempts in a row.
    pub failures: u32,
    /// Cost so far, in millionths of a dollar; `None` when unknown.
    pub cost_micros: Option<i64>,
}

/// One column's first cards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnPage {
    /// Column.
    pub state: CardState,
    /// Cards in the column altogether.
    pub total: i64,
    /// The first [`COLUMN_PAGE`] of them, or those after the cursor.
    pub cards: Vec<TaskCard>,
}

/// What a board page needs to be drawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardPage {
    /// The board.
    pub board: BoardSummary,
    /// All boards, for switching.
    pub boards: Vec<BoardSummary>,
    /// Columns in display order.
    pub columns: Vec<ColumnPage>,
    /// Sequence number of the last event this page contains; streams start after it.
    pub seq: i64,
    /// Runs under way and allowed at once.
    pub slots: Slots,
    /// Profiles that can be assigned.
    pub profiles: Vec<ProfileSummary>,
    /// Server clock, Unix ms, so that ages do not depend on the browser's clock.
    pub now: i64,
}

/// Worker slots of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slots {
    /// Runs under way.
    pub used: u32,
    /// Runs allowed at once.
    pub limit: u32,
}

/// A worker identity as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileSummary {
    /// Folder name under `profiles/`; `default` is the home itself.
    pub id: String,
    /// Who does its work.
    pub executor: ExecutorKind,
}

/// A card that another card refers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardLink {
    /// Id.
    pub id: CardId,
    /// Number.
    pub number: i64,
    /// Title.
    pub title: String,
    /// State.
    pub state: CardState,
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentView {
    /// Id.
    pub id: CommentId,
    /// Who wrote it: a person's or profile's name.
    pub author: String,
    /// Whether a worker wrote it.
    pub by_worker: bool,
    /// Sanitised HTML of the text.
    pub html: String,
    /// Unix ms.
    pub created_at: i64,
}

/// A run in a card's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Id.
    pub id: RunId,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// Profile that worked.
    pub profile: String,
    /// Executor used.
    pub executor: ExecutorKind,
    /// When the card was claimed, Unix ms.
    pub claimed_at: i64,
    /// When the worker spoke first.
    pub started_at: Option<i64>,
    /// When it ended; `None` while under way.
    pub ended_at: Option<i64>,
    /// How it ended.
    pub outcome: Option<RunOutcome>,
    /// The worker's summary, plain text.
    pub summary: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
    /// Prompt tokens.
    pub tokens_in: i64,
    /// Completion tokens.
    pub tokens_out: i64,
    /// Cost in millionths of a dollar; `None` when unknown.
    pub cost_micros: Option<i64>,
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

/// One entry of a run's activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEventView {
    /// 1, 2, 3 … within the run.
    pub seq: i64,
    /// Kind.
    pub kind: RunEventKind,
    /// Tool name for tool events, else empty.
    pub name: String,
    /// Plain text, at most 16 KB; longer output is cut with a note.
    pub detail: String,
    /// For tool results: whether the tool succeeded.
    pub ok: bool,
    /// Unix ms.
    pub at: i64,
}

/// Everything the card page shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardDetail {
    /// Face.
    pub card: TaskCard,
    /// Board slug and name.
    pub board: BoardSummary,
    /// Body as written, for editing.
    pub body: String,
    /// Sanitised HTML of the body.
    pub body_html: String,
    /// Result summary as sanitised HTML.
    pub summary_html: Option<String>,
    /// Open decision, with everything needed to settle it.
    pub decision: Option<crate::DecisionView>,
    /// Parents.
    pub parents: Vec<CardLink>,
    /// Children, at most 100.
    pub children: Vec<CardLink>,
    /// Last 20 runs, newest first.
    pub runs: Vec<RunSummary>,
    /// Activity of the newest run: its last 200 entries.
    pub activity: Vec<RunEventView>,
    /// Last 100 comments, oldest first.
    pub comments: Vec<CommentView>,
    /// Who created it.
    pub created_by: String,
    /// Unix ms.
    pub created_at: i64,
    /// Where its worker works.
    pub workspace_kind: WorkspaceKind,
    /// Directory on the machine that runs Hermes.
    pub workspace_path: Option<String>,
    /// Last error of a failed attempt.
    pub last_error: Option<String>,
    /// Event sequence this view contains.
    pub seq: i64,
    /// Server clock, Unix ms.
    pub now: i64,
    /// Profiles that can be assigned.
    pub profiles: Vec<ProfileSummary>,
}

/// How a caller names a card: by id, or by number (`T-142` or `142`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CardRef {
    /// By id.
    Id(CardId),
    /// By number.
    Number(i64),
}

impl FromStr for CardRef {
    type Err = crate::ParseIdError;
    fn from_str(text: &str) -> Result<Self, crate::ParseIdError> {
        let text = text.trim();
        let digits = text.strip_prefix("T-").or_else(|| text.strip_prefix("t-")).unwrap_or(text);
        match digits.parse::<i64>() {
            Ok(number) if number > 0 => Ok(Self::Number(number)),
            _ => text.parse().map(Self::Id),
        }
    }
}

/// Creates a card.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateCardParams {
    /// Board slug; empty for the default board.
    #[serde(default)]
    pub board: String,
    /// 1 to [`MAX_TITLE_CHARS`] characters, not blank.
    pub title: String,
    /// Markdown, at most [`MAX_TEXT_BYTES`].
    #[serde(default)]
    pub body: String,
    /// Profile; `None` for the board's default.
    #[serde(default)]
    pub assignee: Option<String>,
    /// Higher first.
    #[serde(default)]
    pub priority: i32,
    /// Starts in triage instead of ready or todo.
    #[serde(default)]
    pub triage: bool,
    /// Starts blocked, which opens a decision.
    #[serde(default)]
    pub blocked: bool,
    /// Parents that must be finished first.
    #[serde(default)]
    pub parents: Vec<CardRef>,
    /// A later time to become ready, Unix ms.
    #[serde(default)]
    pub scheduled_at: Option<i64>,
    /// The same key on the same board returns the card made first.
    #[serde(default)]
    pub idempotency_key: Option<String>,
    /// An existing absolute directory to work in, instead of a scratch directory.
    #[serde(default)]
    pub workspace_dir: Option<String>,
    /// Failures in a row before a person is asked.
    #[serde(default)]
    pub max_attempts: Option<u32>,
    /// Longest run in seconds.
    #[serde(default)]
    pub max_runtime_s: Option<u32>,
}

/// Changes what a card says. `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditCardParams {
    /// Card.
    pub id: CardId,
    /// The revision the editor saw.
    pub revision: i64,
    /// New title.
    #[serde(default)]
    pub title: Option<String>,
    /// New body.
    #[serde(default)]
    pub body: Option<String>,
    /// New priority.
    #[serde(default)]
    pub priority: Option<i32>,
    /// New assignee; `Some("")` clears it.
    #[serde(default)]
    pub assignee: Option<String>,
}

/// Moves a card to another column or place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveCardParams {
    /// Card.
    pub id: CardId,
    /// The revision the mover saw; `None` moves whatever is there.
    #[serde(default)]
    pub revision: Option<i64>,
    /// Target column; the present one only reorders.
    pub to: CardState,
    /// Place the card right after this one; `None` with `before: None` uses the column's usual place.
    #[serde(default)]
    pub after: Option<CardId>,
    /// Place the card right before this one.
    #[serde(default)]
    pub before: Option<CardId>,
}

/// Adds a comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddCommentParams {
    /// Card.
    pub id: CardId,
    /// Markdown, not blank, at most [`MAX_TEXT_BYTES`].
    pub body: String,
}

/// Asks for more cards of a column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnPageParams {
    /// Board.
    pub board_id: BoardId,
    /// Column.
    pub state: CardState,
    /// Rank and id of the last card already there.
    pub after: Option<(String, CardId)>,
}

/// What a write returns: the card as it is now, and how to take the write back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardWritten {
    /// The card after the write.
    pub card: TaskCard,
    /// Present for 10 minutes after a person's write.
    pub undo: Option<UndoId>,
}

/// A short label of priorities for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
