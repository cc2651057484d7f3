//! Where a card's worker works: a directory that Hermes makes, somebody's directory, or a worktree of a repository. It is
//! chosen when the card is made, and can be changed as long as Hermes has made nothing for it.

use std::path::Path;

use protocol::{BoardId, CardField, CardState, CreateCardParams, EditCardParams, WorkspaceKind};
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;

use super::card_row::CardRow;
use super::{KanbanError, board_store, claim, input};
use crate::{Core, workspaces};

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish<'a> {
    kind: WorkspaceKind,
    /// The directory or the repository; `None` for the board's.
    path: Option<&'a str>,
    branch: Option<&'a str>,
}

impl<'a> Wish<'a> {
    /// Of a new card.
    pub(super) fn of_new(params: &'a CreateCardParams) -> Self {
        Self {
            kind: params.workspace,
            path: params.workspace_path.as_deref().and_then(said),
            branch: params.branch.as_deref().and_then(said),
        }
    }

    /// What a card has.
    fn of_card(card: &'a CardRow) -> Self {
        let (path, branch) = match card.workspace_kind {
            WorkspaceKind::Scratch => (None, None),
            WorkspaceKind::Dir => (card.workspace_path.as_deref(), None),
            WorkspaceKind::Worktree => (card.repository.as_deref(), card.branch.as_deref()),
        };
        Self { kind: card.workspace_kind, path, branch }
    }

    /// Of an edit: what it does not name stays, unless another kind has no use for it.
    fn of_edit(card: &'a CardRow, params: &'a EditCardParams) -> Self {
        let kind = params.workspace.unwrap_or(card.workspace_kind);
        let had = Some(Self::of_card(card)).filter(|had| had.kind == kind);
        let wanted = |named: Option<&'a str>, had: Option<&'a str>| named.map_or(had, said);
        Self {
            kind,
            path: wanted(params.workspace_path.as_deref(), had.and_then(|had| had.path)),
            branch: wanted(params.branch.as_deref(), had.and_then(|had| had.branch)),
        }
    }
}

fn said(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

/// Where a card's worker will work.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: Option<String>,
    pub(super) repository: Option<String>,
    pub(super) branch: Option<String>,
}

/// All that a card says of where its worker works, as it is remembered for taking a change back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PlaceSaid {
    kind: WorkspaceKind,
    path: Option<String>,
    repository: Option<String>,
    branch: Option<String>,
    shared: bool,
}

impl PlaceSaid {
    pub(super) fn by(card: &CardRow) -> Self {
        Self {
            kind: card.workspace_kind,
            path: card.workspace_path.clone(),
            repository: card.repository.clone(),
            branch: card.branch.clone(),
            shared: card.shared_dir,
        }
    }

    /// Lets a card say so.
    pub(super) fn put_into(&self, card: &mut CardRow) {
        card.workspace_kind = self.kind;
        card.workspace_path.clone_from(&self.path);
        card.repository.clone_from(&self.repository);
        card.branch.clone_from(&self.branch);
        card.shared_dir = self.shared;
    }
}

/// The place that was asked for, if there is such a place.
pub(super) async fn checked(
    core: &Core,
    tx: &mut SqliteConnection,
    board: BoardId,
    wish: Wish<'_>,
) -> Result<Place, KanbanError> {
    if wish.branch.is_some() && wish.kind != WorkspaceKind::Worktree {
        return Err(KanbanError::at(CardField::Branch, "only a worktree has a branch; choose the workspace worktree"));
    }
    if wish.kind == WorkspaceKind::Scratch {
        return match wish.path {
            None => Ok(Place::default()),
            Some(_) => {
                let text = "a scratch directory is made by Hermes; leave the path out";
                Err(KanbanError::at(CardField::WorkspacePath, text))
            }
        };
    }
    let path = match wish.path {
        Some(path) => path.to_owned(),
        None => board_store::settings(tx, board).await?.default_dir.ok_or_else(|| {
            KanbanError::at(
                CardField::WorkspacePath,
                format!(
                    "the workspace {} needs an absolute path, because this board has no directory of its own",
                    wish.kind
                ),
            )
        })?,
    };
    let path = input::directory(core, &path)?;
    if wish.kind == WorkspaceKind::Dir {
        return Ok(Place { path: Some(path), ..Place::default() });
    }
    if !Path::new(&path).join(".git").exists() {
        return Err(KanbanError::at(
            CardField::WorkspacePath,
            format!("{path} is not the top of a git repository; name its top directory, or use dir:{path}"),
        ));
    }
    let branch = wish.branch.map(input::branch).transpose()?;
    Ok(Place { path: None, repository: Some(path), branch })
}

/// Changes where a card's worker works, as far as an edit says so.
pub(super) async fn edit(
    core: &Core,
    tx: &mut SqliteConnection,
    before: &CardRow,
    params: &EditCardParams,
    after: &mut CardRow,
) -> Result<(), KanbanError> {
    after.shared_dir = params.shared_dir.unwrap_or(before.shared_dir);
    let (had, wish) = (Wish::of_card(before), Wish::of_edit(before, params));
    if wish != had {
        let place = checked(core, tx, before.board_id, wish).await?;
        after.workspace_kind = wish.kind;
        after.repository = place.repository;
        after.branch = place.branch;
        // Of a worktree it says where the worktree is, which nothing has made yet.
        after.workspace_path = place.path;
        after.shared_dir &= wish.kind == WorkspaceKind::Dir;
    }
    if PlaceSaid::by(before) == PlaceSaid::by(after) {
        return Ok(());
    }
    if before.state == CardState::Running {
        return Err(KanbanError::Conflict(format!(
            "{} is running; take it back from its worker first, then change where it works",
            before.label()
        )));
    }
    if wish == had {
        return Ok(());
    }
    let field =
        if (wish.kind, wish.path) == (had.kind, had.path) { CardField::Branch } else { CardField::WorkspacePath };
    nothing_is_made(core, tx, before).await.map_err(|error| error.about(field))
}

/// Refuses while something would be left behind: files of earlier runs, commits, a worker that still ends.
async fn nothing_is_made(core: &Core, tx: &mut SqliteConnection, card: &CardRow) -> Result<(), KanbanError> {
    if claim::has_worker(tx, card.id).await? {
        return Err(KanbanError::Conflict(format!(
            "the last worker of {} is still ending; try again in a moment",
            card.label()
        )));
    }
    let own = card.workspace_kind != WorkspaceKind::Dir
        && workspaces::place(core.home(), card.number).symlink_metadata().is_ok();
    if own || card.base_commit.is_some() {
        let what = if card.workspace_kind == WorkspaceKind::Worktree { "worktree" } else { "directory" };
        return Err(KanbanError::Conflict(format!(
            "{} has a {what} of its own already, and what is in it would be left behind; make a new card for the other \
             place",
            card.label()
        )));
    }
    Ok(())
}
