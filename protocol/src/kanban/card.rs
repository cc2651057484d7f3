//! A card as its face and its page show it.

use serde::{Deserialize, Serialize};

use super::{
    BoardSummary, CardState, CreateCardParams, ExecutorKind, ProfileSummary, RunEventKind, RunOutcome, WorkspaceKind,
};
use crate::{AttachmentId, BoardId, CardId, CommentId, DecisionId, DecisionKind, RunId};

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
    /// All slots of its board are taken.
    BoardFull {
        /// Runs under way on the board.
        used: u32,
        /// Runs allowed there.
        limit: u32,
    },
    /// Its profile has as much to do as it may.
    ProfileBusy {
        /// The profile.
        profile: String,
        /// Runs under way.
        used: u32,
        /// Runs allowed.
        limit: u32,
    },
    /// Several cards of its profile failed the same way, so the profile rests.
    ProfilePaused {
        /// The profile.
        profile: String,
        /// When it is tried again, Unix ms.
        until: i64,
    },
    /// Another card works in the same directory.
    DirectoryBusy {
        /// That card's number.
        card: i64,
    },
    /// An earlier worker of the card has not ended yet.
    EarlierWorker,
    /// Its tokens or its money are spent.
    OverBudget,
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
    /// When it comes back, Unix ms, while a person has put it off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snoozed_until: Option<i64>,
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
    /// What it may cost altogether, in millionths of a dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost_micros: Option<i64>,
    /// Labels, in alphabetical order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Whose work it is, where one board serves several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Files.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attachments: u32,
    /// When it should be finished, Unix ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<i64>,
    /// Whether it comes again when it is finished.
    #[serde(default, skip_serializing_if = "is_false")]
    pub repeats: bool,
    /// Finished, but something it built on was brought back since.
    #[serde(default, skip_serializing_if = "is_false")]
    pub stale: bool,
    /// The first card it comes after, for lanes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<i64>,
}

impl TaskCard {
    /// Whether a person may put it into that column, and it would stay there: only what comes after another card waits,
    /// and what waits for one is not ready.
    #[must_use]
    pub fn may_go_to(&self, to: CardState) -> bool {
        let stays = match to {
            CardState::Todo => self.parent.is_some(),
            CardState::Ready => !matches!(self.wait, Some(WaitReason::WaitingOn { .. })),
            _ => true,
        };
        stays && self.state.manual_targets().contains(&to)
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
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
    /// The line of the card's diff it speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<LineAnchor>,
}

/// A line of a file as the card's branch has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineAnchor {
    /// Path within the repository.
    pub path: String,
    /// 1 for the first line; `None` speaks of the file.
    pub line: Option<u32>,
}

/// A file of a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachmentView {
    /// Id; the bytes are at `/attachments/<id>`.
    pub id: AttachmentId,
    /// Name, safe to show and to save under.
    pub name: String,
    /// Media type, decided by the bytes for what is shown inline.
    pub media_type: String,
    /// Size.
    pub bytes: i64,
    /// Who added it.
    pub author: String,
    /// Whether a worker added it.
    pub by_worker: bool,
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
    /// The model used.
    #[serde(default)]
    pub model: Option<String>,
    /// How many days after its card was finished its activity and logs were tidied up; `None` while they are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tidied_days: Option<u32>,
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
    /// Parents, at most 100, those first that are not finished.
    pub parents: Vec<CardLink>,
    /// Parents that are finished.
    pub parents_done: u32,
    /// Parents in all.
    pub parents_all: u32,
    /// Children, at most 100.
    pub children: Vec<CardLink>,
    /// Last 20 runs, newest first.
    pub runs: Vec<RunSummary>,
    /// Activity of the newest run: its last 200 entries.
    pub activity: Vec<RunEventView>,
    /// Last 100 comments, oldest first.
    pub comments: Vec<CommentView>,
    /// Files, oldest first, at most 100.
    pub attachments: Vec<AttachmentView>,
    /// What a model proposes for a card in triage.
    #[serde(default)]
    pub proposal: Option<super::ProposalView>,
    /// What people can set beyond the face.
    pub settings: CardSettings,
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
    /// Its profile runs a program, which no model works for.
    #[serde(default)]
    pub runs_program: bool,
    /// What is wrong with it, worst first.
    #[serde(default)]
    pub findings: Vec<super::Finding>,
}

impl CardDetail {
    /// What would make the same card again.
    #[must_use]
    pub fn into_params(self) -> CreateCardParams {
        let Self { card, body, settings, workspace_kind, workspace_path, .. } = self;
        let workspace_path = match workspace_kind {
            WorkspaceKind::Scratch => None,
            WorkspaceKind::Dir => workspace_path,
            WorkspaceKind::Worktree => settings.repository,
        };
        CreateCardParams {
            title: card.title,
            body,
            assignee: card.assignee,
            priority: card.priority,
            labels: card.labels,
            tenant: card.tenant,
            skills: settings.skills,
            model: settings.model,
            repeat: settings.repeat,
            max_attempts: settings.max_attempts,
            max_runtime_s: settings.max_runtime_s,
            max_tokens: settings.max_tokens,
            max_cost_micros: card.max_cost_micros,
            shared_dir: settings.shared_dir,
            workspace: workspace_kind,
            workspace_path,
            ..CreateCardParams::default()
        }
    }
}

/// What can be set on a card beyond what its face shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardSettings {
    /// Names of skills its worker loads.
    #[serde(default)]
    pub skills: Vec<String>,
    /// The model to use instead of the profile's.
    #[serde(default)]
    pub model: Option<String>,
    /// Failures in a row before a person is asked; `None` for the machine's limit.
    #[serde(default)]
    pub max_attempts: Option<u32>,
    /// Longest run in seconds; `None` for the machine's limit.
    #[serde(default)]
    pub max_runtime_s: Option<u32>,
    /// Tokens all its runs may use together.
    #[serde(default)]
    pub max_tokens: Option<i64>,
    /// Tokens used so far.
    #[serde(default)]
    pub tokens: i64,
    /// `every 2h`, `every monday 09:00` or five cron fields.
    #[serde(default)]
    pub repeat: Option<String>,
    /// When a scheduled card starts, Unix ms.
    #[serde(default)]
    pub scheduled_at: Option<i64>,
    /// The branch of a worktree card.
    #[serde(default)]
    pub branch: Option<String>,
    /// The repository of a worktree card.
    #[serde(default)]
    pub repository: Option<String>,
    /// Others may work in its directory at the same time.
    #[serde(default)]
    pub shared_dir: bool,
}
