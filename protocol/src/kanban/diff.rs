//! What a card's worker changed in a worktree, and whether it can be merged.

use serde::{Deserialize, Serialize};

use super::{AttachmentView, CommentView, closed_enum};
use crate::CardId;

/// Files of one card's changes that are listed.
pub const MAX_CHANGED_FILES: usize = 500;
/// Lines of one file's changes that are shown.
pub const MAX_DIFF_LINES: usize = 2_000;
/// Bytes of one file's changes that are read.
pub const MAX_DIFF_BYTES: usize = 200 * 1024;

closed_enum! {
    /// What happened to a file.
    FileStatus {
        /// It is new.
        Added => "added",
        /// It has other contents.
        Modified => "modified",
        /// It is gone.
        Deleted => "deleted",
        /// It has another name.
        Renamed => "renamed",
        /// It has other rights, or is a link now.
        Mode => "mode",
    }
}

closed_enum! {
    /// Whether a card's branch can be merged.
    MergeVerdict {
        /// It can.
        Ready => "ready",
        /// It is part of the target already.
        Merged => "merged",
        /// There is nothing to merge.
        Empty => "empty",
        /// It can, once what lies in the worktree is committed.
        Uncommitted => "uncommitted",
        /// Both sides changed the same lines.
        Conflicts => "conflicts",
        /// The repository's own work tree has changes that are not committed.
        TargetDirty => "target_dirty",
        /// No branch is checked out in the repository.
        TargetDetached => "target_detached",
        /// The worktree has another branch checked out than the card's.
        OtherBranch => "other_branch",
        /// A worker is still at it.
        Working => "working",
    }
}

/// Everything a card's branch and worktree changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardChanges {
    /// Files in the order of their paths, at most [`MAX_CHANGED_FILES`].
    pub files: Vec<ChangedFile>,
    /// Files beyond those.
    pub more: u32,
    /// Lines added, in all files listed.
    pub added: u32,
    /// Lines removed, in all files listed.
    pub removed: u32,
    /// Where it stands; `None` when the card has no worktree yet or it cannot be read.
    pub merge: Option<MergeState>,
    /// Why nothing can be shown, in a sentence.
    pub problem: Option<String>,
}

/// What there is to look at before a card's work is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardEvidence {
    /// What changed in its worktree.
    pub changes: CardChanges,
    /// Files of the card.
    pub files: Vec<AttachmentView>,
    /// Comments on lines and files of the changes, oldest first.
    pub comments: Vec<CommentView>,
}

/// A file that was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedFile {
    /// Path within the repository.
    pub path: String,
    /// The path before, when it was renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_path: Option<String>,
    /// What happened.
    pub status: FileStatus,
    /// Lines added.
    pub added: u32,
    /// Lines removed.
    pub removed: u32,
    /// It is not text.
    pub binary: bool,
    /// Another text once the file changes again, for what was viewed.
    pub version: String,
}

/// A card's branch beside the branch that is checked out in its repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeState {
    /// The card's branch.
    pub branch: String,
    /// What it would be merged into.
    pub target: String,
    /// Commits that only the branch has.
    pub ahead: u32,
    /// Commits that only the target has.
    pub behind: u32,
    /// Files that are not committed.
    pub uncommitted: u32,
    /// A remote has all of it.
    pub pushed: bool,
    /// Whether it can be merged.
    pub verdict: MergeVerdict,
    /// Files in conflict, at most 20.
    pub conflicts: Vec<String>,
}

/// Asks for one file's changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDiffParams {
    /// Card.
    pub id: CardId,
    /// Path within the repository.
    pub path: String,
    /// The path before, when it was renamed.
    #[serde(default)]
    pub old_path: Option<String>,
}

/// One file's changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDiff {
    /// Hunks, in order.
    pub hunks: Vec<DiffHunk>,
    /// It is not text, so there are no hunks.
    pub binary: bool,
    /// There is more than [`MAX_DIFF_LINES`] lines or [`MAX_DIFF_BYTES`] bytes.
    pub cut: bool,
}

/// Lines that lie together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffHunk {
    /// What git says the lines belong to, for instance a function; may be empty.
    pub context: String,
    /// Lines.
    pub lines: Vec<DiffLine>,
}

/// A line of a diff. One without a new number was removed, one without an old number was added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffLine {
    /// Number before.
    pub old: Option<u32>,
    /// Number now.
    pub new: Option<u32>,
    /// The text without its line break; at most 2,000 characters.
    pub text: String,
}

/// Merges a card's branch into the branch that is checked out in its repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeCardParams {
    /// Card.
    pub id: CardId,
    /// Commit first what lies in the worktree.
    #[serde(default)]
    pub commit: bool,
}

/// What a merge led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeOutcome {
    /// The branch that has it now.
    pub target: String,
    /// Its newest commit, shortened.
    pub commit: String,
    /// The target was moved ahead without a commit of its own.
    pub fast_forward: bool,
}
