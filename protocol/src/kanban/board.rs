//! A board as its page shows it.

use serde::{Deserialize, Serialize};

use super::{AgeLimits, CardState, CreateCardParams, ExecutorKind, TaskCard};
use crate::{BoardId, TemplateId, UndoId, ViewId};

/// A board in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardSummary {
    /// Id.
    pub id: BoardId,
    /// Short name in addresses and on the command line: `[a-z0-9][a-z0-9-_]{0,63}`.
    pub slug: String,
    /// Display name.
    pub name: String,
    /// One emoji or short sign; empty for none.
    #[serde(default)]
    pub icon: String,
    /// One of [`BOARD_COLORS`]; empty for none.
    #[serde(default)]
    pub color: String,
    /// When it was put away, Unix ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived_at: Option<i64>,
}

/// The accents of boards that the interface has colours for.
pub const BOARD_COLORS: &[&str] = &["blue", "green", "amber", "red", "violet", "teal", "gray"];

/// What can be set on a board.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BoardSettings {
    /// Display name, not blank, at most 100 characters.
    pub name: String,
    /// What it is for, at most 10,000 bytes.
    pub description: String,
    /// One emoji or short sign, at most 8 characters.
    pub icon: String,
    /// One of [`BOARD_COLORS`]; empty for none.
    pub color: String,
    /// Directory for cards that ask for one without naming it.
    pub default_dir: Option<String>,
    /// Runs at once on this board; `None` leaves it to the machine.
    pub slots: Option<u32>,
    /// Cards in review beyond which the column's header warns.
    pub review_limit: Option<u32>,
    /// Blocked cards beyond which the column's header warns.
    pub blocked_limit: Option<u32>,
    /// Cards in triage are taken apart by a model without being asked for each.
    pub auto_decompose: bool,
    /// Profile for cards of a decomposition that name none; `None` for the machine's default.
    pub orchestrator: Option<String>,
}

/// A view of a board that was given a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedView {
    /// Id.
    pub id: ViewId,
    /// Name, unique on its board.
    pub name: String,
    /// The query of the board's address, see [`super::BoardView`].
    pub query: String,
}

/// What a new card can start from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardTemplate {
    /// Id.
    pub id: TemplateId,
    /// Name, unique on its board.
    pub name: String,
    /// What the card starts with; board and title may be empty.
    pub params: CreateCardParams,
}

/// What a write to a board returns: the board as it is now, and how to take the write back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardWritten {
    /// The board after the write.
    pub board: BoardSummary,
    /// Present for 10 minutes after a person's write that changed something.
    pub undo: Option<UndoId>,
}

/// A view that was saved, and how to take that back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewSaved {
    /// The view.
    pub view: SavedView,
    /// Present for 10 minutes after a person's write that changed something.
    pub undo: Option<UndoId>,
}

/// A template that was saved, and how to take that back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateSaved {
    /// The template.
    pub template: CardTemplate,
    /// Present for 10 minutes after a person's write that changed something.
    pub undo: Option<UndoId>,
}

/// How to have a view or a template back that was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedDeleted {
    /// Present for 10 minutes after a person's write.
    pub undo: Option<UndoId>,
}

/// One column's first cards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnPage {
    /// Column.
    pub state: CardState,
    /// Cards in the column altogether. With a filter it is counted up to [`COUNT_LIMIT`].
    pub total: i64,
    /// The first [`super::COLUMN_PAGE`] of them, or those after the cursor.
    pub cards: Vec<TaskCard>,
}

/// What a board page needs to be drawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardPage {
    /// The board.
    pub board: BoardSummary,
    /// All boards, for switching.
    pub boards: Vec<BoardSummary>,
    /// How long cards may stay in a column before their faces warn.
    pub ages: AgeLimits,
    /// Cards in review beyond which the column's header warns.
    pub review_limit: Option<u32>,
    /// Blocked cards beyond which the column's header warns.
    pub blocked_limit: Option<u32>,
    /// Columns in display order; archived cards only when the view asks for them.
    pub columns: Vec<ColumnPage>,
    /// Saved views.
    pub views: Vec<SavedView>,
    /// Labels in use, most used first, at most 100.
    pub labels: Vec<String>,
    /// Tenants in use, at most 100.
    pub tenants: Vec<String>,
    /// Who has cards of it, at most 100, archived cards counted.
    pub assignees: Vec<String>,
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

/// Filtered cards of a column are counted no further than this.
pub const COUNT_LIMIT: i64 = 1000;

/// A worker identity as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileSummary {
    /// Folder name under `profiles/`; `default` is the home itself.
    pub id: String,
    /// Who does its work.
    pub executor: ExecutorKind,
}
