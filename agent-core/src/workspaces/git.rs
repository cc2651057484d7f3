//! The only place that runs `git`.
//!
//! Its environment is clean, it never asks anything, runs no hook, no external diff and no file monitor, and is
//! stopped when it takes too long or says too much. A worktree's repository is found from the repository's side, never
//! by what a file in the worktree says, because workers write there.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

/// Looking at something takes no longer than this.
pub(super) const LOOK: Duration = Duration::from_secs(60);
/// Checking a large repository out may.
pub(super) const CHECK_OUT: Duration = Duration::from_secs(300);
/// Most that is read of one answer.
const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;
const MAX_COMPLAINT_BYTES: usize = 8 * 1024;

/// In force whatever the user's configuration or the repository's says.
const SETTINGS: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.quotePath=false",
    "core.pager=cat",
    "color.ui=false",
    "diff.external=",
    "diff.suppressBlankEmpty=false",
    "submodule.recurse=false",
    "commit.gpgSign=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.detachedHead=false",
];
const INHERITED: &[&str] = &["PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "XDG_CONFIG_HOME"];

/// Why git did not do it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GitError {
    /// There is no git.
    #[error("git is not installed on this machine; install it, or use another workspace than a worktree")]
    Missing,
    /// It was stopped.
    #[error("git took longer than {} s and was stopped; try again when the machine has less to do", .0.as_secs())]
    TooSlow(Duration),
    /// Another git has the index.
    #[error("another git is at work in {}; try again when it is done. If none is, remove {lock}", .repository.display())]
    Locked {
        /// Where.
        repository: PathBuf,
        /// The file that says so.
        lock: String,
    },
    /// It refused.
    #[error("git says: {0}")]
    Refused(String),
    /// It could not be run.
    #[error("git cannot be run: {0}")]
    Broken(#[from] std::io::Error),
}

/// What git said.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) code: i32,
    pub(super) out: Vec<u8>,
    /// There was more than is kept.
    pub(super) cut: bool,
    pub(super) complaint: String,
}

impl Answer {
    /// The answer as one trimmed line.
    pub(super) fn line(&self) -> String {
        String::from_utf8_lossy(&self.out).trim().to_owned()
    }
}

/// Where git works.
#[derive(Debug, Clone)]
pub(super) struct Git {
    directory: PathBuf,
    /// The administrative directory of a worktree.
    git_dir: Option<PathBuf>,
}

impl Git {
    /// In somebody's repository, which git finds itself and refuses when it belongs to another user.
    pub(super) fn repository(directory: &Path) -> Self {
        Self { directory: directory.to_path_buf(), git_dir: None }
    }

    /// In a worktree, by the repository's own record of it.
    pub(super) fn worktree(directory: &Path, git_dir: PathBuf) -> Self {
        Self { directory: directory.to_path_buf(), git_dir: Some(git_dir) }
    }

    /// Runs it and takes whatever exit code comes.
    pub(super) async fn ask<S: AsRef<OsStr>>(
        &self,
        arguments: &[S],
        patience: Duration,
        most: usize,
    ) -> Result<Answer, GitError> {
        let mut command = Command::new("git");
        command.arg("--literal-pathspecs").arg("--no-pager");
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        command
            .args(arguments)
            .current_dir(&self.directory)
            .env_clear()
            .envs(self.environment())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound if self.directory.is_dir() => GitError::Missing,
            _ => GitError::Broken(error),
        })?;
        let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(GitError::Broken(std::io::Error::other("its output cannot be read")));
        };
        let most = most.min(MAX_ANSWER_BYTES);
        let work = async {
            let ((out, cut), (complaint, _)) = tokio::try_join!(bounded(out, most), bounded(err, MAX_COMPLAINT_BYTES))?;
            let status = child.wait().await?;
            Ok::<_, std::io::Error>(Answer {
                // A git that was stopped because nobody reads on has answered all the same.
                code: if cut { 0 } else { status.code().unwrap_or(-1) },
                out,
                cut,
                complaint: String::from_utf8_lossy(&complaint).trim().to_owned(),
            })
        };
        match tokio::time::timeout(patience, work).await {
            Ok(answer) => Ok(answer?),
            Err(_elapsed) => Err(GitError::TooSlow(patience)),
        }
    }

    /// Runs it; any exit code but 0 is an error.
    pub(super) async fn run<S: AsRef<OsStr>>(&self, arguments: &[S], patience: Duration) -> Result<Answer, GitError> {
        let answer = self.ask(arguments, patience, MAX_ANSWER_BYTES).await?;
        if answer.code == 0 { Ok(answer) } else { Err(self.refusal(&answer)) }
    }

    /// One line of a successful answer; `None` when git refuses.
    pub(super) async fn line(&self, arguments: &[&str]) -> Result<Option<String>, GitError> {
        let answer = self.ask(arguments, LOOK, MAX_ANSWER_BYTES).await?;
        Ok((answer.code == 0).then(|| answer.line()).filter(|line| !line.is_empty()))
    }

    /// What a failed answer means.
    pub(super) fn refusal(&self, answer: &Answer) -> GitError {
        if let Some((_, after)) = answer.complaint.split_once("Unable to create '")
            && let Some((lock, _)) = after.split_once('\'')
            && lock.ends_with(".lock")
        {
            return GitError::Locked { repository: self.directory.clone(), lock: lock.to_owned() };
        }
        GitError::Refused(one_line(&answer.complaint))
    }

    fn environment(&self) -> Vec<(OsString, OsString)> {
        let mut environment: Vec<(OsString, OsString)> = vec![
            ("LC_ALL".into(), "C".into()),
            ("GIT_TERMINAL_PROMPT".into(), "0".into()),
            ("GIT_OPTIONAL_LOCKS".into(), "0".into()),
            ("GIT_EDITOR".into(), "true".into()),
            ("GIT_ASKPASS".into(), "true".into()),
            ("GIT_SSH_COMMAND".into(), "false".into()),
        ];
        for name in INHERITED {
            if let Some(value) = std::env::var_os(name) {
                environment.push(((*name).into(), value));
            }
        }
        if let Some(git_dir) = &self.git_dir {
            environment.push(("GIT_DIR".into(), git_dir.into()));
            environment.push(("GIT_WORK_TREE".into(), (&self.directory).into()));
        }
        environment
    }
}

async fn bounded<R: AsyncRead + Unpin>(mut from: R, most: usize) -> std::io::Result<(Vec<u8>, bool)> {
    let mut kept = Vec::new();
    let mut buffer = vec![0_u8; 16 * 1024];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Ok((kept, false));
        }
        let room = most.saturating_sub(kept.len());
        kept.extend_from_slice(buffer.get(..count.min(room)).unwrap_or_default());
        if count > room {
            return Ok((kept, true));
        }
    }
}

/// A complaint without git's own prefixes and hints, on one line.
fn one_line(complaint: &str) -> String {
    let lines: Vec<&str> = complaint
        .lines()
        .filter(|line| !line.starts_with("hint:") && !line.starts_with("Preparing worktree"))
        .map(|line| line.trim().trim_start_matches("fatal: ").trim_start_matches("error: "))
        .filter(|line| !line.is_empty())
        .collect();
    if lines.is_empty() { "nothing".to_owned() } else { crate::text::excerpt(&lines.join("; "), 500) }
}

#[cfg(test)]
mod tests {
    use super::{bounded, one_line};

    #[test]
    fn complaints_become_one_sentence() {
        assert_eq!(one_line("fatal: not a git repository\nhint: try that\n"), "not a git repository");
        assert_eq!(one_line(""), "nothing");
    }

    #[tokio::test]
    async fn endless_answers_are_cut() {
        let (kept, cut) = bounded(tokio::io::repeat(b'x'), 100_000).await.unwrap();
        assert_eq!((kept.len(), cut), (100_000, true));
        let (kept, cut) = bounded(&b"abc"[..], 3).await.unwrap();
        assert_eq!((kept.as_slice(), cut), (&b"abc"[..], false));
    }
}
