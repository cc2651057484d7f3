//! Files that a worker hands over.

use std::path::{Path, PathBuf};

use protocol::{AttachmentId, AttachmentView, CardRef, WorkspaceKind};
use sqlx::SqliteConnection;

use super::{Owned, RunTicket, own, renew};
use crate::Core;
use crate::kanban::card_row::load;
use crate::kanban::{KanbanError, attachments};
use crate::tools::places::{Place, Places};

/// Copies files of the run's workspace aside, before the transaction that makes them the card's.
pub(super) async fn stage(
    core: &Core,
    ticket: RunTicket,
    paths: &[PathBuf],
) -> Result<Vec<attachments::Staged>, KanbanError> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let mut reader = core.store().reader().begin().await?;
    let owned = own(&mut reader, ticket).await?;
    let there = attachments::count_in(&mut reader, owned.card.id).await?;
    reader.rollback().await?;
    attachments::require_room(there, paths.len())?;
    let workspace = PathBuf::from(owned.card.workspace_path.unwrap_or_default());
    let mut staged = Vec::with_capacity(paths.len());
    let places = places(core, &workspace, owned.card.workspace_kind == WorkspaceKind::Dir);
    for path in paths {
        let file = attachments::stage_from_workspace(core, &workspace, path).await?;
        if let (real, Place::Private | Place::Secret) = places.of(&workspace, &path.to_string_lossy()) {
            return Err(KanbanError::Denied(format!(
                "{} is one of Hermes's own files or holds keys or passwords, which are not for workers",
                real.display()
            )));
        }
        staged.push(file);
    }
    Ok(staged)
}

/// A workspace may be a directory around Hermes's own home, or the user's.
fn places(core: &Core, workspace: &Path, is_users: bool) -> Places {
    let user_home = std::env::home_dir().unwrap_or_else(|| PathBuf::from("/nonexistent"));
    Places::new(workspace, is_users, core.home().root(), &user_home)
}

/// Makes staged files the card's. They go again unless the commit succeeds.
pub(super) async fn keep(
    core: &Core,
    tx: &mut SqliteConnection,
    ticket: RunTicket,
    owned: &mut Owned,
    files: Vec<attachments::Staged>,
) -> Result<attachments::Kept, KanbanError> {
    let actor = owned.actor(ticket);
    let mut kept = attachments::Kept::default();
    for file in files {
        attachments::keep_in(core, tx, &actor, &owned.card, file, &mut kept).await?;
    }
    if !kept.is_empty() {
        owned.card = load(tx, CardRef::Id(owned.card.id)).await?;
    }
    Ok(kept)
}

/// Keeps a file of the workspace with the card.
///
/// # Errors
/// `Fenced`, or `Invalid` for a file that is missing, outside the workspace or too big.
pub async fn attach(
    core: &Core,
    ticket: RunTicket,
    path: &Path,
    name: Option<&str>,
) -> Result<AttachmentView, KanbanError> {
    let mut files = stage(core, ticket, &[path.to_path_buf()]).await?;
    if let (Some(name), Some(file)) = (name, files.first_mut()) {
        file.rename(name)?;
    }
    let mut tx = core.write().await?;
    let mut owned = own(&mut tx, ticket).await?;
    let kept = keep(core, &mut tx, ticket, &mut owned, files).await?;
    renew(core, &mut tx, ticket).await?;
    tx.commit().await?;
    kept.done().pop().ok_or_else(|| KanbanError::Invalid("the file was not kept; try again".into()))
}

/// Takes a file away that a worker added to this card.
///
/// # Errors
/// `Fenced`, `NotFound`, or `Denied` for a person's file or another card's.
pub async fn detach(core: &Core, ticket: RunTicket, id: AttachmentId) -> Result<AttachmentView, KanbanError> {
    let mut tx = core.write().await?;
    let owned = own(&mut tx, ticket).await?;
    let (card, view) = attachments::find_in(&mut tx, id).await?;
    if card != owned.card.id || !view.by_worker {
        return Err(KanbanError::Denied("a worker takes away only what workers added to its own card".into()));
    }
    attachments::set_removed(core, &mut tx, &owned.actor(ticket), &owned.card, &view, true).await?;
    tx.commit().await?;
    Ok(view)
}
