//! Taking back what a person did to a board: what is set on it, its views and templates, putting it away.
//!
//! A board has no revision. Each entry says how things were before and how the write left them; what somebody changed
//! since stays as it is, and the entry is refused.

use protocol::{BoardId, BoardSettings, BoardSummary, UndoId};
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;

use super::shelf::{Saved, Shelf};
use super::undo_store::{Subject, UndoKind};
use super::{KanbanError, board_store, boards, undo};
use crate::{Actor, Core};

/// What takes a write to a board back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(super) enum BoardInverse {
    /// What was set on it.
    Settings {
        /// Before the write.
        before: Box<BoardSettings>,
        /// After it. So below.
        after: Box<BoardSettings>,
    },
    /// When it was put away.
    Archived { before: Option<i64>, after: Option<i64> },
    /// One of its views or templates; `None` where there was none.
    Saved { shelf: Shelf, before: Option<Saved>, after: Option<Saved> },
}

impl BoardInverse {
    /// Does again what this takes back.
    fn turned(self) -> Self {
        match self {
            Self::Settings { before, after } => Self::Settings { before: after, after: before },
            Self::Archived { before, after } => Self::Archived { before: after, after: before },
            Self::Saved { shelf, before, after } => Self::Saved { shelf, before: after, after: before },
        }
    }

    fn changes_nothing(&self) -> bool {
        match self {
            Self::Settings { before, after } => before == after,
            Self::Archived { before, after } => before == after,
            Self::Saved { before, after, .. } => before == after,
        }
    }
}

/// Remembers how to take back a person's write to a board. What changed nothing is no write.
pub(super) async fn offer(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    board: BoardId,
    inverse: &BoardInverse,
) -> Result<Option<UndoId>, KanbanError> {
    if inverse.changes_nothing() {
        return Ok(None);
    }
    undo::remember(core, tx, actor, Subject::Board(board), inverse, (UndoKind::Write, None)).await
}

/// Takes a write to a board back; returns what does it again.
pub(super) async fn take_back(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    board: BoardId,
    inverse: BoardInverse,
) -> Result<BoardInverse, KanbanError> {
    let found = board_store::by_id(tx, board).await?;
    let action = match &inverse {
        BoardInverse::Settings { before, after } => {
            let now = board_store::settings(tx, board).await?;
            let Some(restored) = restored(&now, before, after) else { return Err(moved_on(&found.name)) };
            board_store::set_settings(tx, board, &restored).await?;
            "board_edited"
        }
        BoardInverse::Archived { before, after } => {
            if found.archived_at != *after {
                return Err(moved_on(&found.name));
            }
            if before.is_some() {
                boards::require_still(tx, &found).await?;
            }
            board_store::set_archived(tx, board, *before).await?;
            if before.is_some() { "board_archived" } else { "board_restored" }
        }
        BoardInverse::Saved { shelf, before, after } => {
            put_back(tx, &found, *shelf, before.as_ref(), after.as_ref()).await?
        }
    };
    boards::told(core, tx, actor, action, &found.slug, &serde_json::json!({ "undo": true })).await?;
    Ok(inverse.turned())
}

/// Puts a view or a template back as it was. Returns what the audit says.
async fn put_back(
    tx: &mut SqliteConnection,
    board: &BoardSummary,
    shelf: Shelf,
    before: Option<&Saved>,
    after: Option<&Saved>,
) -> Result<&'static str, KanbanError> {
    let Some(Saved { id, name, .. }) = before.or(after) else { return Err(moved_on(&board.name)) };
    if shelf.find(tx, board.id, *id).await?.as_ref() != after {
        return Err(moved_on(name));
    }
    let Some(saved) = before else {
        shelf.take(tx, board.id, *id).await?;
        return Ok(shelf.was_deleted());
    };
    if shelf.named(tx, board.id, &saved.name).await?.is_some_and(|other| other.id != *id) {
        let noun = shelf.noun();
        return Err(KanbanError::Conflict(format!(
            "there is another {noun} \"{}\" by now; delete it first",
            saved.name
        )));
    }
    shelf.require_room(tx, board.id, &saved.name).await?;
    shelf.put(tx, board.id, saved).await?;
    Ok(shelf.was_saved())
}

fn moved_on(name: &str) -> KanbanError {
    KanbanError::Conflict(format!("\"{name}\" was changed again since, so this can no longer be taken back"))
}

/// The settings with what a write changed as it was before; `None` when some of it was changed once more since.
fn restored(now: &BoardSettings, before: &BoardSettings, after: &BoardSettings) -> Option<BoardSettings> {
    fn field<T: PartialEq + Clone>(now: &T, before: &T, after: &T) -> Option<T> {
        match (before == after, now == after) {
            (true, _) => Some(now.clone()),
            (false, true) => Some(before.clone()),
            (false, false) => None,
        }
    }
    Some(BoardSettings {
        name: field(&now.name, &before.name, &after.name)?,
        description: field(&now.description, &before.description, &after.description)?,
        icon: field(&now.icon, &before.icon, &after.icon)?,
        color: field(&now.color, &before.color, &after.color)?,
        default_dir: field(&now.default_dir, &before.default_dir, &after.default_dir)?,
        slots: field(&now.slots, &before.slots, &after.slots)?,
        review_limit: field(&now.review_limit, &before.review_limit, &after.review_limit)?,
        blocked_limit: field(&now.blocked_limit, &before.blocked_limit, &after.blocked_limit)?,
        auto_decompose: field(&now.auto_decompose, &before.auto_decompose, &after.auto_decompose)?,
        orchestrator: field(&now.orchestrator, &before.orchestrator, &after.orchestrator)?,
    })
}

#[cfg(test)]
mod tests {
    use protocol::BoardSettings;

    use super::restored;

    #[test]
    fn what_others_changed_meanwhile_stays() {
        let named = |name: &str, color: &str| BoardSettings {
            name: name.into(),
            color: color.into(),
            ..BoardSettings::default()
        };
        let (before, after) = (named("a", "red"), named("b", "red"));
        assert_eq!(restored(&after, &before, &after), Some(before.clone()));
        assert_eq!(restored(&named("b", "teal"), &before, &after), Some(named("a", "teal")));
        assert_eq!(restored(&named("c", "red"), &before, &after), None);
    }
}
