//! A copy of a database that somebody else may be writing to at this moment.
//!
//! The source is opened for reading as a plain file and never through SQLite, which would write to the files beside
//! it (`-wal`, `-shm`). The log and a rollback journal are copied along. Because none of SQLite's locks are taken, the
//! copy counts only if the files held still: the database and the part of the log that was copied are read a second
//! time and compared.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::report::ImportError;

const ATTEMPTS: u32 = 40;
const PAUSE: Duration = Duration::from_millis(150);
const CHUNK: usize = 1 << 20;

/// What lies beside a database and belongs to it.
const BESIDE: [&str; 2] = ["-wal", "-journal"];

/// Copies the database into an empty directory of ours. Says whether somebody has it open.
pub(super) async fn copy(source: &Path, target: &Path) -> Result<bool, ImportError> {
    for attempt in 1..=ATTEMPTS {
        let (from, to) = (source.to_path_buf(), target.to_path_buf());
        let done = tokio::task::spawn_blocking(move || try_copy(&from, &to))
            .await
            .map_err(|error| failed(source, io::Error::other(error)))?
            .map_err(|error| failed(source, error))?;
        if let Some(in_use) = done {
            return Ok(in_use);
        }
        tracing::debug!(attempt, path = %source.display(), "the database changed while it was copied");
        tokio::time::sleep(PAUSE).await;
    }
    Err(ImportError::Board(format!(
        "{} changes too often to be copied; stop the old hermes gateway for a moment, then import again",
        source.display()
    )))
}

fn failed(path: &Path, source: io::Error) -> ImportError {
    ImportError::File { what: "copy", path: path.to_path_buf(), source }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// `None` when the files changed meanwhile.
fn try_copy(source: &Path, target: &Path) -> io::Result<Option<bool>> {
    for suffix in BESIDE.into_iter().chain(["", "-shm"]) {
        match std::fs::remove_file(beside(target, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let main = copy_file(source, target)?.ok_or(io::ErrorKind::NotFound)?;
    let mut copied = vec![(source.to_path_buf(), target.to_path_buf(), main, Grows::No)];
    let mut in_use = false;
    for (suffix, grows) in BESIDE.into_iter().zip([Grows::AtItsEnd, Grows::No]) {
        let (from, to) = (beside(source, suffix), beside(target, suffix));
        match copy_file(&from, &to)? {
            Some(0) => std::fs::remove_file(&to)?,
            Some(bytes) => {
                in_use = true;
                copied.push((from, to, bytes, grows));
            }
            None => {}
        }
    }
    for (from, to, bytes, grows) in copied {
        if !is_same(&from, &to, bytes, grows)? {
            return Ok(None);
        }
    }
    // What was not there to be copied must not be there now.
    for suffix in BESIDE {
        let now = std::fs::metadata(beside(source, suffix)).is_ok_and(|meta| meta.len() > 0);
        if now != beside(target, suffix).exists() {
            return Ok(None);
        }
    }
    Ok(Some(in_use))
}

/// Whether a file may have become longer while it was copied. New frames of a log do no harm: the copy is the state
/// before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grows {
    No,
    AtItsEnd,
}

/// The bytes copied; `None` when there is no such file.
fn copy_file(from: &Path, to: &Path) -> io::Result<Option<u64>> {
    let mut from = match File::open(from) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut to = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(to)?;
    let bytes = io::copy(&mut from, &mut to)?;
    to.flush()?;
    Ok(Some(bytes))
}

fn is_same(from: &Path, to: &Path, bytes: u64, grows: Grows) -> io::Result<bool> {
    let from = match File::open(from) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if grows == Grows::No && from.metadata()?.len() != bytes {
        return Ok(false);
    }
    let (mut from, mut to) = (from.take(bytes), File::open(to)?);
    let (mut a, mut b) = (vec![0; CHUNK], vec![0; CHUNK]);
    loop {
        let (left, right) = (fill(&mut from, &mut a)?, fill(&mut to, &mut b)?);
        if a[..left] != b[..right] {
            return Ok(false);
        }
        if left == 0 {
            return Ok(true);
        }
    }
}

/// Reads until the buffer is full or the file ends.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(bytes) => filled += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::{Grows, copy, is_same};

    #[tokio::test]
    async fn a_log_comes_along_and_an_empty_one_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let (source, target) = (dir.path().join("a.db"), dir.path().join("b.db"));
        std::fs::write(&source, "main").unwrap();
        assert!(!copy(&source, &target).await.unwrap());
        std::fs::write(dir.path().join("a.db-wal"), "").unwrap();
        assert!(!copy(&source, &target).await.unwrap());
        assert!(!dir.path().join("b.db-wal").exists());
        std::fs::write(dir.path().join("a.db-wal"), "frames").unwrap();
        assert!(copy(&source, &target).await.unwrap());
        assert_eq!(std::fs::read(dir.path().join("b.db-wal")).unwrap(), b"frames");
        std::fs::remove_file(dir.path().join("a.db-wal")).unwrap();
        assert!(!copy(&source, &target).await.unwrap());
        assert!(!dir.path().join("b.db-wal").exists(), "an older log would be played over the new copy");
    }

    #[test]
    fn a_change_is_seen_and_a_longer_log_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        for (now, copied, grows, same) in [
            ("abc", "abc", Grows::No, true),
            ("abd", "abc", Grows::No, false),
            ("abcd", "abc", Grows::No, false),
            ("abcd", "abc", Grows::AtItsEnd, true),
            ("ab", "abc", Grows::AtItsEnd, false),
            ("xbcd", "abc", Grows::AtItsEnd, false),
        ] {
            std::fs::write(&a, now).unwrap();
            std::fs::write(&b, copied).unwrap();
            assert_eq!(is_same(&a, &b, copied.len() as u64, grows).unwrap(), same, "{now} {copied}");
        }
    }
}
