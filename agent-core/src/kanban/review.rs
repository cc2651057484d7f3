//! What a worktree card's worker changed, for whoever reviews it, and merging it.

use std::path::Path;

use protocol::{
    CardChanges, CardEvidence, CardId, CardRef, CardState, FileDiff, FileDiffParams, MergeOutcome, MergeVerdict,
    WorkspaceKind,
};

use super::card_row::{self, CardRow, load};
use super::event::{self, NewEvent};
use super::{KanbanError, boards, view};
use crate::workspaces::{self, Author, GitError, Site, Wanted, WorkspaceError};
use crate::{Actor, Core, audit};

const SET_HEAD: &str = "UPDATE kanban_card SET head_commit = ?2 WHERE id = ?1";

/// Whether a merge commits what lies in the worktree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitFirst {
    /// It does.
    Yes,
    /// It is refused when something does.
    No,
}

/// What a card says about its worktree.
pub(super) fn wanted(card: &CardRow) -> Result<Wanted<'_>, KanbanError> {
    let repository = card.repository.as_deref().ok_or_else(|| {
        KanbanError::Invalid(format!("{} names no repository; edit the card and name one", card.label()))
    })?;
    Ok(Wanted {
        number: card.number,
        repository: Path::new(repository),
        branch: card.branch.as_deref(),
        base_commit: card.base_commit.as_deref(),
        head_commit: card.head_commit.as_deref(),
    })
}

/// The sentence of a worktree's error, as the board tells it.
pub(super) fn explain(error: WorkspaceError) -> KanbanError {
    match error {
        refused @ WorkspaceError::Refused(_) => KanbanError::Conflict(refused.to_string()),
        locked @ WorkspaceError::Git(GitError::Locked { .. }) => KanbanError::Conflict(locked.to_string()),
        other => KanbanError::Invalid(other.to_string()),
    }
}

async fn read(core: &Core, card: CardId) -> Result<CardRow, KanbanError> {
    let mut reader = core.store().reader().acquire().await.map_err(crate::store::StoreError::from)?;
    load(&mut reader, CardRef::Id(card)).await
}

async fn site(core: &Core, card: &CardRow) -> Result<Site, KanbanError> {
    if card.workspace_kind != WorkspaceKind::Worktree {
        return Err(KanbanError::Invalid(format!("{} has no worktree, so nothing is compared", card.label())));
    }
    Site::open(core.home(), wanted(card)?).await.map_err(explain)
}

/// Everything a card's branch and worktree changed, and whether it can be merged. A card without a worktree has no
/// changes; a repository that cannot be read is told in `problem`.
///
/// # Errors
/// `NotFound` for an unknown card.
pub async fn card_changes(core: &Core, card: CardId) -> Result<CardChanges, KanbanError> {
    let card = read(core, card).await?;
    if card.workspace_kind != WorkspaceKind::Worktree || card.base_commit.is_none() {
        return Ok(CardChanges::default());
    }
    match look(core, &card).await {
        Ok(changes) => Ok(changes),
        Err(KanbanError::Internal(error)) => Err(error.into()),
        Err(error) => Ok(CardChanges { problem: Some(error.to_string()), ..CardChanges::default() }),
    }
}

/// What there is to look at before a card's work is accepted: its changes, its files, and what was said about lines.
///
/// # Errors
/// `NotFound` for an unknown card.
pub async fn card_evidence(core: &Core, card: CardId) -> Result<CardEvidence, KanbanError> {
    let changes = card_changes(core, card).await?;
    let mut reader = core.store().reader().begin().await?;
    let files = view::attachments(&mut reader, card).await?;
    let mut comments = view::comments(&mut reader, card).await?;
    reader.rollback().await?;
    comments.retain(|comment| comment.anchor.is_some());
    Ok(CardEvidence { changes, files, comments })
}

async fn look(core: &Core, card: &CardRow) -> Result<CardChanges, KanbanError> {
    let site = site(core, card).await?;
    let listed = site.changed_files().await.map_err(explain)?;
    let mut merge = site.merge_state().await.map_err(explain)?;
    if card.state == CardState::Running {
        merge.verdict = MergeVerdict::Working;
    }
    Ok(CardChanges {
        added: listed.files.iter().map(|file| file.added).fold(0, u32::saturating_add),
        removed: listed.files.iter().map(|file| file.removed).fold(0, u32::saturating_add),
        files: listed.files,
        more: listed.more,
        merge: Some(merge),
        problem: None,
    })
}

/// One file's changes.
///
/// # Errors
/// `NotFound` for an unknown card, `Invalid` when the file cannot be compared.
pub async fn file_diff(core: &Core, params: FileDiffParams) -> Result<FileDiff, KanbanError> {
    let card = read(core, params.id).await?;
    let site = site(core, &card).await?;
    site.file_diff(&params.path, params.old_path.as_deref()).await.map_err(explain)
}

/// Merges a card's branch into the branch that is checked out in its repository.
///
/// # Errors
/// `Denied` for anyone but a person; `Conflict` when its board was put away, a worker is still at it, something is not
/// committed on either side, or both sides changed the same lines. Both stay as they are then.
pub async fn merge_card(
    core: &Core,
    actor: &Actor,
    card: CardId,
    commit: CommitFirst,
) -> Result<MergeOutcome, KanbanError> {
    if !actor.is_person() {
        return Err(KanbanError::Denied("only a person merges a card's branch".into()));
    }
    let card = read(core, card).await?;
    let mut reader = core.store().reader().acquire().await?;
    boards::require_open(&mut reader, card.board_id).await?;
    drop(reader);
    if card.state == CardState::Running {
        return Err(KanbanError::Conflict(format!("a worker is still at {}; wait until it is done", card.label())));
    }
    let site = site(core, &card).await?;
    let subject = format!("{}: {}", card.label(), card.title.split_whitespace().collect::<Vec<_>>().join(" "));
    let author = Author { subject: &subject };
    if commit == CommitFirst::Yes && site.uncommitted().await.map_err(explain)? > 0 {
        site.commit_all(&author).await.map_err(explain)?;
    }
    let merged = site.merge(&author).await.map_err(explain)?;
    let now = core.now_ms();
    let mut tx = core.write().await?;
    let card = card_row::load_any(&mut tx, CardRef::Id(card.id)).await?;
    sqlx::query(SET_HEAD).bind(card.id.0).bind(&merged.head).execute(&mut *tx).await?;
    let detail = serde_json::json!({ "target": merged.target, "commit": merged.commit });
    audit::record(&mut tx, now, actor, "merged", &card.object(), &detail).await?;
    event::append(&mut tx, NewEvent { card: &card, run: None, kind: "merged", actor, detail, at: now }).await?;
    tx.commit().await?;
    Ok(MergeOutcome {
        target: merged.target,
        commit: merged.commit.chars().take(10).collect(),
        fast_forward: merged.fast_forward,
    })
}

/// Remembers the last commit of a branch whose worktree is taken away.
pub(super) async fn remember_head(core: &Core, card: CardId, head: &str) -> Result<(), KanbanError> {
    let mut tx = core.write().await?;
    sqlx::query(SET_HEAD).bind(card.0).bind(head).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}

/// What may become of a finished card's worktree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was taken away.
    Gone,
    /// It is kept, and why.
    Kept(String),
}

/// Why a finished card's worktree may not go; `None` when it may.
pub(super) async fn why_worktree_stays(core: &Core, card: &CardRow) -> Result<Option<String>, KanbanError> {
    let site = match site(core, card).await {
        Ok(site) => site,
        Err(KanbanError::Internal(error)) => return Err(error.into()),
        Err(error) => return Ok(Some(error.to_string())),
    };
    Ok(why_stays(&site).await)
}

async fn why_stays(site: &Site) -> Option<String> {
    if !site.has_tree() {
        return Some("its repository does not know it as a worktree".to_owned());
    }
    match site.uncommitted().await {
        Ok(0) => {}
        Ok(1) => return Some("1 file is not committed".to_owned()),
        Ok(files) => return Some(format!("{files} files are not committed")),
        Err(error) => return Some(error.to_string()),
    }
    match (site.is_merged().await, site.has_been_pushed().await) {
        (Ok(true), _) | (_, Ok(true)) => None,
        (Err(error), _) | (_, Err(error)) => Some(error.to_string()),
        (Ok(false), Ok(false)) => Some("its branch is neither merged nor pushed".to_owned()),
    }
}

/// Takes a finished card's worktree away when everything in it is committed, and merged or pushed.
pub(super) async fn retire_worktree(core: &Core, card: &CardRow) -> Result<Fate, KanbanError> {
    let site = match site(core, card).await {
        Ok(site) => site,
        Err(KanbanError::Internal(error)) => return Err(error.into()),
        Err(error) => return Ok(Fate::Kept(error.to_string())),
    };
    if let Some(why) = why_stays(&site).await {
        return Ok(Fate::Kept(why));
    }
    match site.retire(card.number).await {
        Ok(head) => {
            remember_head(core, card.id, &head).await?;
            Ok(Fate::Gone)
        }
        Err(error) => Ok(Fate::Kept(error.to_string())),
    }
}

/// Takes the worktree of a card away that was deleted long ago, whatever is in it. Its branch stays.
pub(super) async fn discard_worktree(core: &Core, card: &CardRow) -> Result<(), KanbanError> {
    match site(core, card).await {
        Ok(site) => site.discard().await.map_err(explain),
        // Without its repository it is a plain directory.
        Err(KanbanError::Internal(error)) => Err(error.into()),
        Err(error) => {
            tracing::debug!(%error, card = card.number, "a worktree's repository cannot be told");
            workspaces::remove_directory(core.home(), card.number)
                .map(|_was_there| ())
                .map_err(|error| KanbanError::Invalid(format!("the worktree of {} stays: {error}", card.label())))
        }
    }
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[SET_HEAD];
