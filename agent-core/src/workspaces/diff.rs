//! What a card's branch and worktree changed, with everything that is not committed.

use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Component, Path};

use protocol::{ChangedFile, FileDiff, FileStatus, MAX_CHANGED_FILES, MAX_DIFF_BYTES};

use super::git::LOOK;
use super::{Site, WorkspaceError, parse};

/// Most of a new file that is read to count its lines.
const MAX_COUNTED_BYTES: u64 = 1024 * 1024;
/// New files whose lines are counted.
const MAX_COUNTED_FILES: usize = 200;
/// Most of a list of files that is read.
const MAX_LIST_BYTES: usize = 4 * 1024 * 1024;

/// Files that were changed, and how many more there are.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) files: Vec<ChangedFile>,
    pub(crate) more: u32,
}

impl Site {
    /// The files that differ from where the branch started, committed or not.
    pub(crate) async fn changed_files(&self) -> Result<Listed, WorkspaceError> {
        let head = self.head().await?;
        let base = self.base(&head).await?;
        let list = ["diff", "--raw", "--numstat", "-z", "-M", "--no-ext-diff", "--no-textconv"];
        let rest = ["--no-abbrev", "--ignore-submodules=dirty", base.as_str()];
        let mut arguments: Vec<&str> = list.into_iter().chain(rest).collect();
        if self.tree.is_none() {
            arguments.push(&head);
        }
        arguments.push("--");
        let answer = self.git().ask(&arguments, LOOK, MAX_LIST_BYTES).await?;
        if answer.code != 0 {
            return Err(self.git().refusal(&answer).into());
        }
        let mut files = parse::files(&answer.out);
        if let Some(tree) = &self.tree {
            for file in files.iter_mut().filter(|file| file.version.is_empty()) {
                file.version = version_of(&tree.path.join(&file.path));
            }
            let mut counted = 0;
            for path in self.untracked().await? {
                if files.iter().any(|file| file.path == path) {
                    continue; // git was told to forget it, and it is shown as that
                }
                counted += 1;
                files.push(untracked_file(&tree.path, path, counted <= MAX_COUNTED_FILES));
            }
        }
        files.sort_by(|left, right| left.path.cmp(&right.path));
        let more = u32::try_from(files.len().saturating_sub(MAX_CHANGED_FILES)).unwrap_or(u32::MAX);
        files.truncate(MAX_CHANGED_FILES);
        Ok(Listed { files, more })
    }

    async fn untracked(&self) -> Result<Vec<String>, WorkspaceError> {
        let Some(tree) = &self.tree else { return Ok(Vec::new()) };
        let arguments = ["ls-files", "--others", "--exclude-standard", "-z"];
        let answer = tree.git.ask(&arguments, LOOK, MAX_LIST_BYTES).await?;
        if answer.code != 0 {
            return Err(tree.git.refusal(&answer).into());
        }
        let mut names: Vec<&[u8]> = answer.out.split(|byte| *byte == 0).collect();
        if answer.cut {
            names.pop();
        }
        let names = names.into_iter().filter(|name| !name.is_empty() && !name.ends_with(b"/"));
        Ok(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
    }

    /// One file's changes.
    pub(crate) async fn file_diff(&self, path: &str, old_path: Option<&str>) -> Result<FileDiff, WorkspaceError> {
        if !is_inside(path) || old_path.is_some_and(|old| !is_inside(old)) {
            return Err(WorkspaceError::Refused("that is no path within the repository".into()));
        }
        let head = self.head().await?;
        let base = self.base(&head).await?;
        if let Some(tree) = &self.tree {
            let arguments = ["ls-files", "--others", "--exclude-standard", "-z", "--", path];
            let answer = tree.git.run(&arguments, LOOK).await?;
            let gone_from_index = tree.git.line(&["cat-file", "-t", &format!("{base}:{path}")]).await?.is_some();
            if !gone_from_index && answer.out.split(|byte| *byte == 0).any(|name| name == path.as_bytes()) {
                let (bytes, cut) = read_some(&tree.path.join(path), MAX_DIFF_BYTES as u64)?;
                return Ok(parse::new_file(&bytes, cut));
            }
        }
        let mut arguments = vec!["diff", "-U3", "-M", "--no-ext-diff", "--no-textconv", "--no-color"];
        arguments.extend(["--ignore-submodules=dirty", base.as_str()]);
        if self.tree.is_none() {
            arguments.push(&head);
        }
        arguments.extend(["--", path]);
        arguments.extend(old_path);
        let answer = self.git().ask(&arguments, LOOK, MAX_DIFF_BYTES).await?;
        if answer.code != 0 {
            return Err(self.git().refusal(&answer).into());
        }
        Ok(parse::diff(&answer.out, answer.cut))
    }
}

/// A relative path without `..`.
fn is_inside(path: &str) -> bool {
    !path.is_empty()
        && path.len() <= 4096
        && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

/// Changes whenever the file is written.
fn version_of(path: &Path) -> String {
    std::fs::symlink_metadata(path).map_or_else(
        |_gone| "gone".to_owned(),
        |meta| format!("{:x}{:09x}{:x}", meta.mtime(), meta.mtime_nsec(), meta.len()),
    )
}

fn untracked_file(root: &Path, path: String, count: bool) -> ChangedFile {
    let at = root.join(&path);
    let (mut added, mut binary) = (0, false);
    if count {
        match read_some(&at, MAX_COUNTED_BYTES) {
            Ok((bytes, _)) if parse::is_binary(&bytes) => binary = true,
            Ok((bytes, _)) => {
                let breaks = bytes.iter().filter(|byte| **byte == b'\n').count();
                let open = usize::from(!bytes.is_empty() && !bytes.ends_with(b"\n"));
                added = u32::try_from(breaks + open).unwrap_or(u32::MAX);
            }
            Err(error) => tracing::debug!(%error, path, "a new file cannot be counted"),
        }
    }
    ChangedFile { version: version_of(&at), path, old_path: None, status: FileStatus::Added, added, removed: 0, binary }
}

/// The beginning of a file, and whether there is more. A link is read as the path it holds, as git does, and never
/// followed.
fn read_some(path: &Path, most: u64) -> Result<(Vec<u8>, bool), std::io::Error> {
    use std::os::unix::ffi::OsStrExt;
    let found = std::fs::symlink_metadata(path)?;
    if found.is_symlink() {
        return Ok((std::fs::read_link(path)?.as_os_str().as_bytes().to_vec(), false));
    }
    if !found.is_file() {
        return Ok((Vec::new(), false));
    }
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).map_err(std::io::Error::other)?;
    let file = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    let cut = bytes.len() as u64 > most;
    bytes.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    Ok((bytes, cut))
}

#[cfg(test)]
mod tests {
    use super::is_inside;

    #[test]
    fn paths_stay_in_the_repository() {
        assert!(is_inside("a/b c/ü") && is_inside("-x"));
        for bad in ["", "/etc/passwd", "../x", "a/../../x"] {
            assert!(!is_inside(bad), "{bad:?}");
        }
    }
}
