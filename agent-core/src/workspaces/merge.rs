//! Where a card's branch stands beside what is checked out in its repository, and merging it there.

use protocol::{MergeState, MergeVerdict};

use super::git::{CHECK_OUT, Git, LOOK};
use super::{Site, WorkspaceError};

const MAX_CONFLICTS: usize = 20;
const MAX_STATUS_BYTES: usize = 4 * 1024 * 1024;

/// Who commits when the repository's configuration names nobody.
const NOBODY: [&str; 4] = ["-c", "user.name=Hermes", "-c", "user.email=hermes@localhost"];

/// What a merge is called.
#[derive(Debug, Clone)]
pub(crate) struct Author<'a> {
    /// First line of the commit.
    pub(crate) subject: &'a str,
}

/// A merge that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Merged {
    pub(crate) target: String,
    pub(crate) head: String,
    pub(crate) commit: String,
    pub(crate) fast_forward: bool,
}

impl Site {
    /// Where the branch stands.
    pub(crate) async fn merge_state(&self) -> Result<MergeState, WorkspaceError> {
        let head = self.head().await?;
        let checked_out = self.repository.line(&["symbolic-ref", "--quiet", "--short", "HEAD"]).await?;
        let count = format!("HEAD...{head}");
        let counts = self.repository.run(&["rev-list", "--left-right", "--count", &count], LOOK).await?.line();
        let mut counts = counts.split_whitespace().map(|count| count.parse::<u32>().unwrap_or(0));
        let (behind, ahead) = (counts.next().unwrap_or(0), counts.next().unwrap_or(0));
        let uncommitted = self.uncommitted().await?;
        let conflicts = if ahead > 0 { self.conflicts(&head).await? } else { Vec::new() };
        let verdict = if !self.is_on_branch().await? {
            MergeVerdict::OtherBranch
        } else if !conflicts.is_empty() {
            MergeVerdict::Conflicts
        } else if checked_out.is_none() {
            MergeVerdict::TargetDetached
        } else if uncommitted > 0 {
            MergeVerdict::Uncommitted
        } else if ahead == 0 {
            if self.base_commit.as_deref() == Some(head.as_str()) { MergeVerdict::Empty } else { MergeVerdict::Merged }
        } else if dirty(&self.repository, &["--untracked-files=no"]).await? > 0 {
            MergeVerdict::TargetDirty
        } else {
            MergeVerdict::Ready
        };
        Ok(MergeState {
            branch: self.branch.clone(),
            target: checked_out.unwrap_or_else(|| "HEAD".to_owned()),
            ahead,
            behind,
            uncommitted,
            pushed: self.is_pushed(&head).await?,
            verdict,
            conflicts,
        })
    }

    /// Files in the worktree that no commit has.
    pub(crate) async fn uncommitted(&self) -> Result<u32, WorkspaceError> {
        match &self.tree {
            Some(tree) => dirty(&tree.git, &["--untracked-files=all"]).await,
            None => Ok(0),
        }
    }

    /// Whether what is checked out in the repository has all of the branch.
    pub(crate) async fn is_merged(&self) -> Result<bool, WorkspaceError> {
        let head = self.head().await?;
        let answer = self.repository.ask(&["merge-base", "--is-ancestor", &head, "HEAD"], LOOK, 1024).await?;
        Ok(answer.code == 0)
    }

    /// Whether a remote has all of the branch, as far as this repository knows.
    pub(crate) async fn has_been_pushed(&self) -> Result<bool, WorkspaceError> {
        let head = self.head().await?;
        self.is_pushed(&head).await
    }

    async fn is_pushed(&self, head: &str) -> Result<bool, WorkspaceError> {
        let arguments = ["for-each-ref", "--count=1", "--format=%(refname)", "--contains", head, "refs/remotes"];
        Ok(self.repository.line(&arguments).await?.is_some())
    }

    async fn is_on_branch(&self) -> Result<bool, WorkspaceError> {
        let Some(tree) = &self.tree else { return Ok(true) };
        let there = tree.git.line(&["symbolic-ref", "--quiet", "--short", "HEAD"]).await?;
        Ok(there.as_deref() == Some(self.branch.as_str()))
    }

    /// Files that a merge would leave in conflict.
    async fn conflicts(&self, head: &str) -> Result<Vec<String>, WorkspaceError> {
        let arguments = ["merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", "HEAD", head];
        let answer = self.repository.ask(&arguments, LOOK, 1024 * 1024).await?;
        match answer.code {
            0 => Ok(Vec::new()),
            1 => Ok(answer
                .out
                .split(|byte| *byte == 0)
                .skip(1) // the tree it would be
                .filter(|name| !name.is_empty())
                .take(MAX_CONFLICTS)
                .map(|name| String::from_utf8_lossy(name).into_owned())
                .collect()),
            _ => Err(self.repository.refusal(&answer).into()),
        }
    }

    /// Commits everything that lies in the worktree.
    pub(crate) async fn commit_all(&self, author: &Author<'_>) -> Result<(), WorkspaceError> {
        let Some(tree) = &self.tree else { return Ok(()) };
        if !self.is_on_branch().await? {
            return Err(self.refusal_of(&self.merge_state().await?));
        }
        tree.git.run(&["add", "--all"], CHECK_OUT).await?;
        let commit = ["commit", "--quiet", "--no-verify", "-m", author.subject];
        let arguments = with_identity(&tree.git, &commit).await?;
        tree.git.run(&arguments, CHECK_OUT).await?;
        Ok(())
    }

    /// Merges the branch into what is checked out in the repository, or leaves both as they are.
    pub(crate) async fn merge(&self, author: &Author<'_>) -> Result<Merged, WorkspaceError> {
        let state = self.merge_state().await?;
        if state.verdict != MergeVerdict::Ready {
            return Err(self.refusal_of(&state));
        }
        let head = self.head().await?;
        let before = self.repository.run(&["rev-parse", "HEAD"], LOOK).await?.line();
        let merge = ["merge", "--quiet", "--no-edit", "--no-verify", "--ff", "--no-squash", "--no-autostash"];
        let merge: Vec<&str> = merge.into_iter().chain(["--no-stat", "-m", author.subject, head.as_str()]).collect();
        let arguments = with_identity(&self.repository, &merge).await?;
        let answer = self.repository.ask(&arguments, CHECK_OUT, 64 * 1024).await?;
        if answer.code != 0 {
            let refusal = self.repository.refusal(&answer);
            if self.repository.line(&["rev-parse", "--verify", "--quiet", "MERGE_HEAD"]).await?.is_some() {
                self.repository.run(&["merge", "--abort"], LOOK).await?;
            }
            return Err(refusal.into());
        }
        let commit = self.repository.run(&["rev-parse", "HEAD"], LOOK).await?.line();
        if commit == before {
            return Err(WorkspaceError::Refused("git merged nothing; look at the repository".into()));
        }
        Ok(Merged { target: state.target, fast_forward: commit == head, head, commit })
    }

    fn refusal_of(&self, state: &MergeState) -> WorkspaceError {
        let (branch, target) = (&state.branch, &state.target);
        WorkspaceError::Refused(match state.verdict {
            MergeVerdict::Ready => format!("{branch} changed a moment ago; look again"),
            MergeVerdict::Merged => format!("{target} has all of {branch} already"),
            MergeVerdict::Empty => format!("{branch} has no commit to merge"),
            MergeVerdict::Uncommitted => format!(
                "{} in the worktree of {branch} {} not committed; commit first, or send the card back",
                if state.uncommitted == 1 { "1 file".to_owned() } else { format!("{} files", state.uncommitted) },
                if state.uncommitted == 1 { "is" } else { "are" }
            ),
            MergeVerdict::Conflicts => format!(
                "{branch} and {target} changed the same lines of {}; send the card back to bring {target} into {branch}",
                state.conflicts.first().map_or("a file", String::as_str)
            ),
            MergeVerdict::TargetDirty => format!(
                "the repository has changes on {target} that are not committed; commit or stash them there first"
            ),
            MergeVerdict::TargetDetached => {
                "the repository has no branch checked out; check one out there first".to_owned()
            }
            MergeVerdict::OtherBranch => {
                format!("the worktree has something else checked out than {branch}; check {branch} out there first")
            }
            MergeVerdict::Working => "a worker is still at it; wait until it is done".to_owned(),
        })
    }

    /// Takes the worktree away when everything in it is committed, and the branch too when it is Hermes's own and
    /// merged. Returns the branch's last commit.
    pub(crate) async fn retire(&self, number: i64) -> Result<String, WorkspaceError> {
        let head = self.head().await?;
        let merged = self.is_merged().await?;
        if let Some(tree) = &self.tree {
            let arguments = ["worktree".as_ref(), "remove".as_ref(), "--".as_ref(), tree.path.as_os_str()];
            self.repository.run(&arguments, CHECK_OUT).await?;
        }
        if merged && self.branch == super::own_branch(number) {
            // Asks again whether it is merged; a branch that is not stays.
            let answer = self.repository.ask(&["branch", "-d", "--", &self.branch], LOOK, 1024).await?;
            if answer.code != 0 {
                tracing::debug!(branch = self.branch, why = answer.complaint, "a merged branch stays");
            }
        }
        Ok(head)
    }

    /// Takes the worktree away with everything in it. The branch stays.
    pub(crate) async fn discard(&self) -> Result<(), WorkspaceError> {
        if let Some(tree) = &self.tree {
            let target = tree.path.as_os_str();
            let forced = ["worktree".as_ref(), "remove".as_ref(), "--force".as_ref(), "--force".as_ref(), target];
            self.repository.run(&forced, CHECK_OUT).await?;
        }
        Ok(())
    }
}

/// How many files differ from the last commit.
async fn dirty(git: &Git, how: &[&str]) -> Result<u32, WorkspaceError> {
    let arguments: Vec<&str> = ["status", "--porcelain", "-z", "--no-renames", "--ignore-submodules=dirty"]
        .iter()
        .chain(how)
        .copied()
        .collect();
    let answer = git.ask(&arguments, LOOK, MAX_STATUS_BYTES).await?;
    if answer.code != 0 {
        return Err(git.refusal(&answer).into());
    }
    let entries = answer.out.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()).count();
    Ok(u32::try_from(entries).unwrap_or(u32::MAX))
}

/// The repository's own author, or Hermes.
async fn with_identity<'a>(git: &Git, arguments: &[&'a str]) -> Result<Vec<&'a str>, WorkspaceError> {
    let named = git.line(&["config", "user.email"]).await?.is_some();
    let identity: &[&str] = if named { &[] } else { &NOBODY };
    Ok(identity.iter().chain(arguments).copied().collect())
}
