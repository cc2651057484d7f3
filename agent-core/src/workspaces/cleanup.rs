//! Removing directories of cards. Nothing outside `<home>/workspaces` is ever removed, and no link is ever followed.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::Home;

/// Directories that are looked at in one round.
const MAX_ENTRIES: usize = 10_000;
/// Files that are counted for the size of one directory.
const MAX_COUNTED: usize = 100_000;

/// A card's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) number: i64,
    pub(crate) path: PathBuf,
}

/// A directory that is kept although its card is finished.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Leftover {
    /// The card.
    pub card: i64,
    /// The directory.
    pub path: PathBuf,
    /// What lies in it.
    pub bytes: u64,
    /// Why it is kept, in half a sentence.
    pub why: String,
}

/// The number in `T-12`, written exactly so.
fn number_of(name: &str) -> Option<i64> {
    let number = name.strip_prefix("T-")?.parse::<i64>().ok().filter(|number| *number > 0)?;
    (format!("T-{number}") == name).then_some(number)
}

/// The directories of cards. A root that is a link is refused: what it leads to is not ours.
pub(crate) fn entries(home: &Home) -> io::Result<Vec<Entry>> {
    let root = home.workspaces();
    match fs::symlink_metadata(&root) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Err(io::Error::other(format!("{} is no directory of its own; make it one", root.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    }
    let mut entries = Vec::new();
    for entry in fs::read_dir(&root)?.take(MAX_ENTRIES) {
        let entry = entry?;
        let Some(number) = entry.file_name().to_str().and_then(number_of) else { continue };
        if entry.file_type()?.is_dir() {
            entries.push(Entry { number, path: entry.path() });
        }
    }
    entries.sort_by_key(|entry| entry.number);
    Ok(entries)
}

/// What a directory that shall go is called until it is gone.
const ASIDE: &str = ".gone-T-";

/// Gives the directory of that card another name, at once; [`finish_removals`] removes it. Says whether there was one.
pub(crate) fn set_aside(home: &Home, number: i64) -> io::Result<bool> {
    let path = super::place(home, number);
    match fs::symlink_metadata(&path) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    }
    fs::rename(&path, home.workspaces().join(format!("{ASIDE}{number}-{}", crate::kanban::new_id().simple())))?;
    Ok(true)
}

/// Removes directories that were set aside, also by an earlier process that was interrupted. One that cannot be removed
/// does not keep the others; the error is of the last such one.
pub(crate) fn finish_removals(home: &Home) -> io::Result<()> {
    let root = home.workspaces();
    if !fs::symlink_metadata(&root).is_ok_and(|found| found.is_dir()) {
        return Ok(());
    }
    let mut outcome = Ok(());
    for entry in fs::read_dir(&root)?.take(MAX_ENTRIES) {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(ASIDE)
            && entry.file_type()?.is_dir()
            && let Err(error) = remove_tree(&entry.path())
        {
            outcome = Err(io::Error::new(error.kind(), format!("{}: {error}", entry.path().display())));
        }
    }
    outcome
}

/// Removes the directory of that card and nothing else; says whether there was one.
pub(crate) fn remove_directory(home: &Home, number: i64) -> io::Result<bool> {
    let root = home.workspaces();
    if number <= 0 || !fs::symlink_metadata(&root).is_ok_and(|found| found.is_dir()) {
        return Ok(false);
    }
    let path = super::place(home, number);
    match fs::symlink_metadata(&path) {
        Ok(found) if found.is_dir() => {}
        // A link in a directory's place: the link goes, what it leads to stays.
        Ok(found) if found.is_symlink() => return fs::remove_file(&path).map(|()| true),
        Ok(_) => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    }
    remove_tree(&path).map(|()| true)
}

fn remove_tree(path: &Path) -> io::Result<()> {
    // The standard library opens directory after directory without following links.
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            unlock(path, 0);
            fs::remove_dir_all(path)
        }
        // Another process removed it meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Gives the owner every right on directories that were made read-only, as caches of build tools are.
fn unlock(directory: &Path, depth: usize) {
    if depth > 200 || !fs::symlink_metadata(directory).is_ok_and(|found| found.is_dir()) {
        return;
    }
    // silent-ok: what cannot be unlocked cannot be removed, which is told
    let _ = fs::set_permissions(directory, fs::Permissions::from_mode(0o700));
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            unlock(&entry.path(), depth + 1);
        }
    }
}

/// Bytes of all files below, without following links; stops counting at a hundred thousand files.
pub(crate) fn size_of(path: &Path) -> u64 {
    let mut bytes = 0_u64;
    let mut left = MAX_COUNTED;
    let mut open = vec![path.to_path_buf()];
    while let Some(directory) = open.pop() {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for entry in entries.flatten() {
            if left == 0 {
                return bytes;
            }
            left -= 1;
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(entry.path()),
                Ok(kind) if kind.is_file() => bytes += entry.metadata().map_or(0, |meta| meta.len()),
                _ => {}
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::{entries, number_of, remove_directory, size_of};
    use crate::Home;

    #[test]
    fn only_directories_named_exactly_like_a_card_count() {
        for (name, number) in [("T-1", Some(1)), ("T-120", Some(120))] {
            assert_eq!(number_of(name), number);
        }
        for bad in ["T-", "T-0", "T-01", "T--1", "T-+1", "t-1", "T-1 ", "..", "T-1/..", "notes"] {
            assert_eq!(number_of(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn nothing_outside_is_removed_and_no_link_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().join("home"));
        home.create().unwrap();
        let precious = dir.path().join("precious");
        fs::create_dir_all(precious.join("deep")).unwrap();
        fs::write(precious.join("deep/file"), "keep").unwrap();
        let root = home.workspaces();
        // A link inside, a link in the card's place, and a read-only directory.
        fs::create_dir_all(root.join("T-1/cache")).unwrap();
        symlink(&precious, root.join("T-1/link")).unwrap();
        fs::write(root.join("T-1/cache/x"), "12345").unwrap();
        fs::set_permissions(root.join("T-1/cache"), fs::Permissions::from_mode(0o500)).unwrap();
        symlink(&precious, root.join("T-2")).unwrap();
        fs::create_dir(root.join("notes")).unwrap();
        assert_eq!(size_of(&root.join("T-1")), 5);
        assert_eq!(entries(&home).unwrap().iter().map(|entry| entry.number).collect::<Vec<_>>(), [1]);
        assert!(remove_directory(&home, 1).unwrap() && remove_directory(&home, 2).unwrap());
        assert!(!remove_directory(&home, 0).unwrap() && !remove_directory(&home, -1).unwrap());
        assert!(!root.join("T-1").exists() && fs::symlink_metadata(root.join("T-2")).is_err());
        assert!(root.join("notes").exists() && root.exists());
        assert_eq!(fs::read_to_string(precious.join("deep/file")).unwrap(), "keep");
        // The root itself is a link.
        fs::remove_dir_all(&root).unwrap();
        fs::create_dir_all(precious.join("T-3")).unwrap();
        symlink(&precious, &root).unwrap();
        assert!(entries(&home).is_err());
        assert!(!remove_directory(&home, 3).unwrap());
        assert!(precious.join("T-3").exists());
    }
}
