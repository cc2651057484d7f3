//! Directories that workers work in: worktrees of people's repositories, what changed in them, merging, and removing
//! what nobody needs any more.
//!
//! Works on files and through git only. It knows cards by number and never the database; nothing here may be called
//! while a write transaction is open, because git can take minutes.

mod cleanup;
mod diff;
mod git;
mod merge;
mod parse;

use std::path::{Path, PathBuf};

use crate::Home;
use git::{CHECK_OUT, Git, LOOK};

pub use cleanup::Leftover;
pub(crate) use cleanup::{Entry, entries, finish_removals, remove_directory, set_aside, size_of};
pub(crate) use git::GitError;
pub(crate) use merge::Author;

/// What a card says about its worktree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) number: i64,
    pub(crate) repository: &'a Path,
    pub(crate) branch: Option<&'a str>,
    pub(crate) base_commit: Option<&'a str>,
    pub(crate) head_commit: Option<&'a str>,
}

impl Wanted<'_> {
    /// The branch of the card.
    pub(crate) fn branch_name(&self) -> String {
        self.branch.map_or_else(|| own_branch(self.number), str::to_owned)
    }
}

/// The branch that a card gets when it names none.
pub(crate) fn own_branch(number: i64) -> String {
    format!("hermes/T-{number}")
}

/// Where a card's own directory lies.
pub(crate) fn place(home: &Home, number: i64) -> PathBuf {
    home.workspaces().join(format!("T-{number}"))
}

/// A worktree that can be worked in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Worktree {
    pub(crate) path: PathBuf,
    pub(crate) branch: String,
    pub(crate) base_commit: String,
}

/// Why there is no worktree, or why it cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkspaceError {
    /// The repository's directory is not there, or it is no repository.
    #[error("the repository {} is gone or no longer a git repository; bring it back, or edit the card and name another one, as long as it has no worktree", .0.display())]
    RepositoryGone(PathBuf),
    /// A repository without a commit.
    #[error("the repository {} has no commit yet; make a first one, so that there is something to branch from", .0.display())]
    Empty(PathBuf),
    /// Something else lies where the worktree should.
    #[error("{} is in the way of the card's worktree; move it somewhere else", .0.display())]
    InTheWay(PathBuf),
    /// The branch is checked out somewhere else.
    #[error(
        "the branch {branch} is checked out in {at}; check out another one there, or edit the card and name another branch, as long as it has no worktree"
    )]
    BranchTaken {
        /// The branch.
        branch: String,
        /// Where.
        at: String,
    },
    /// There is neither worktree nor branch.
    #[error("the branch {0} is gone from the repository, so its changes cannot be shown")]
    BranchGone(String),
    /// The merge was refused.
    #[error("{0}")]
    Refused(String),
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A file could not be read or removed.
    #[error("a file cannot be used: {0}")]
    Io(#[from] std::io::Error),
}

/// A card's worktree and its repository.
#[derive(Debug)]
pub(crate) struct Site {
    repository: Git,
    tree: Option<Tree>,
    branch: String,
    base_commit: Option<String>,
    head_commit: Option<String>,
}

#[derive(Debug)]
struct Tree {
    path: PathBuf,
    git: Git,
}

/// The repository's own directory, which all its worktrees share.
async fn common_dir(repository: &Path) -> Result<PathBuf, WorkspaceError> {
    if !repository.is_dir() {
        return Err(WorkspaceError::RepositoryGone(repository.to_path_buf()));
    }
    let git = Git::repository(repository);
    let answer = git.ask(&["rev-parse", "--path-format=absolute", "--git-common-dir"], LOOK, 8192).await?;
    if answer.code == 0 {
        return Ok(PathBuf::from(answer.line()));
    }
    if answer.complaint.contains("dubious ownership") {
        return Err(git.refusal(&answer).into());
    }
    Err(WorkspaceError::RepositoryGone(repository.to_path_buf()))
}

/// The repository's record of a worktree, when it has one.
fn record_of(common: &Path, path: &Path) -> Result<Option<PathBuf>, std::io::Error> {
    let entries = match std::fs::read_dir(common.join("worktrees")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let real_parent = path.parent().and_then(|parent| parent.canonicalize().ok());
    let real = real_parent.zip(path.file_name()).map(|(parent, name)| parent.join(name));
    for entry in entries {
        let record = entry?.path();
        let Ok(text) = std::fs::read_to_string(record.join("gitdir")) else { continue };
        let Some(at) = Path::new(text.trim_end()).parent() else { continue };
        if at == path || real.as_deref() == Some(at) {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

/// Git was stopped while it checked the worktree out.
fn is_half_made(record: &Path) -> bool {
    std::fs::read_to_string(record.join("locked")).is_ok_and(|why| why.trim() == "initializing")
}

/// Makes the card's worktree, or finds it as an earlier attempt left it.
pub(crate) async fn prepare(home: &Home, wanted: Wanted<'_>) -> Result<Worktree, WorkspaceError> {
    let common = common_dir(wanted.repository).await?;
    let git = Git::repository(wanted.repository);
    let path = place(home, wanted.number);
    let branch = wanted.branch_name();
    let mut record = record_of(&common, &path)?;
    let there = match std::fs::symlink_metadata(&path) {
        Ok(found) if found.is_dir() => true,
        Ok(_) => return Err(WorkspaceError::InTheWay(path)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => return Err(error.into()),
    };
    let half_made = record.as_deref().is_some_and(is_half_made);
    if record.is_some() && (!there || half_made) {
        let target = path.as_os_str();
        let forget = ["worktree".as_ref(), "remove".as_ref(), "--force".as_ref(), "--force".as_ref(), target];
        git.run(&forget, LOOK).await?;
        record = None;
    }
    if record.is_none() {
        if path.is_dir() && std::fs::read_dir(&path)?.next().is_some() {
            return Err(WorkspaceError::InTheWay(path));
        }
        add(&git, wanted.repository, &path, &branch).await?;
    }
    let base_commit = match wanted.base_commit {
        Some(base) => base.to_owned(),
        None => base_of(&git, wanted.repository, &branch).await?,
    };
    Ok(Worktree { path, branch, base_commit })
}

async fn add(git: &Git, repository: &Path, path: &Path, branch: &str) -> Result<(), WorkspaceError> {
    let reference = format!("refs/heads/{branch}");
    let exists = git.line(&["rev-parse", "--verify", "--quiet", &reference]).await?.is_some();
    let target = path.as_os_str();
    let answer = if exists {
        let arguments = ["worktree".as_ref(), "add".as_ref(), "--".as_ref(), target, branch.as_ref()];
        git.ask(&arguments, CHECK_OUT, 8192).await?
    } else {
        if git.line(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).await?.is_none() {
            return Err(WorkspaceError::Empty(repository.to_path_buf()));
        }
        let start = ["worktree".as_ref(), "add".as_ref(), "--no-track".as_ref(), "-b".as_ref(), branch.as_ref()];
        let arguments = [&start[..], &["--".as_ref(), target, "HEAD".as_ref()]].concat();
        git.ask(&arguments, CHECK_OUT, 8192).await?
    };
    if answer.code == 0 {
        return Ok(());
    }
    for taken in ["is already checked out at '", "is already used by worktree at '"] {
        if let Some((_, at)) = answer.complaint.split_once(taken) {
            let at = at.split('\'').next().unwrap_or(at).to_owned();
            return Err(WorkspaceError::BranchTaken { branch: branch.to_owned(), at });
        }
    }
    Err(git.refusal(&answer).into())
}

/// Where the branch left what is checked out; for histories that never met, the branch's own first state here.
async fn base_of(git: &Git, repository: &Path, branch: &str) -> Result<String, WorkspaceError> {
    let reference = format!("refs/heads/{branch}");
    if let Some(base) = git.line(&["merge-base", "HEAD", &reference]).await? {
        return Ok(base);
    }
    let tip = git.line(&["rev-parse", "--verify", "--quiet", &reference]).await?;
    tip.ok_or_else(|| WorkspaceError::Empty(repository.to_path_buf()))
}

impl Site {
    /// Looks where a card's worktree and branch are. Neither needs to be there any more.
    pub(crate) async fn open(home: &Home, wanted: Wanted<'_>) -> Result<Self, WorkspaceError> {
        let common = common_dir(wanted.repository).await?;
        let path = place(home, wanted.number);
        let is_directory = std::fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir());
        let record = if is_directory { record_of(&common, &path)? } else { None };
        Ok(Self {
            repository: Git::repository(wanted.repository),
            tree: record.map(|record| Tree { git: Git::worktree(&path, record), path }),
            branch: wanted.branch_name(),
            base_commit: wanted.base_commit.map(str::to_owned),
            head_commit: wanted.head_commit.map(str::to_owned),
        })
    }

    /// Whether the worktree is there and the repository knows it.
    pub(crate) fn has_tree(&self) -> bool {
        self.tree.is_some()
    }

    /// Git in the worktree, or in the repository when it is gone.
    fn git(&self) -> &Git {
        self.tree.as_ref().map_or(&self.repository, |tree| &tree.git)
    }

    /// The newest commit of the card's work.
    async fn head(&self) -> Result<String, WorkspaceError> {
        let found = match &self.tree {
            Some(tree) => tree.git.line(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).await?,
            None => {
                let reference = format!("refs/heads/{}^{{commit}}", self.branch);
                self.repository.line(&["rev-parse", "--verify", "--quiet", &reference]).await?
            }
        };
        if let Some(head) = found {
            return Ok(head);
        }
        if let Some(head) = &self.head_commit
            && self.repository.line(&["cat-file", "-t", head]).await?.as_deref() == Some("commit")
        {
            return Ok(head.clone());
        }
        Err(WorkspaceError::BranchGone(self.branch.clone()))
    }

    /// What changes are compared with: where the branch left what is checked out in the repository. For work that
    /// is merged that would be its own end, so the commit it started from is taken.
    async fn base(&self, head: &str) -> Result<String, WorkspaceError> {
        let met = self.repository.line(&["merge-base", "HEAD", head]).await?;
        match (met, &self.base_commit) {
            (Some(met), Some(base)) if met == head => Ok(base.clone()),
            (Some(met), _) => Ok(met),
            (None, Some(base)) => Ok(base.clone()),
            (None, None) => Ok(head.to_owned()),
        }
    }
}
