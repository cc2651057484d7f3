//! Careful writes of small files that people edit too: whole or not at all, one writer at a time.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::ModelError;
use crate::Home;

/// Files larger than this are not settings.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

pub(super) fn unavailable(path: &Path, doing: &str, error: &io::Error) -> ModelError {
    let next = if error.kind() == io::ErrorKind::StorageFull {
        "free some space and try again"
    } else {
        "check the file's owner and rights and try again"
    };
    ModelError::Unavailable(format!("cannot {doing} {}: {error}; {next}. Nothing was changed", path.display()))
}

/// The text of a file, or nothing when there is none.
pub(super) fn read(path: &Path) -> Result<Option<String>, ModelError> {
    match fs::metadata(path) {
        Ok(meta) if meta.len() > MAX_FILE_BYTES => {
            return Err(ModelError::Unavailable(format!("{} is over 1 MB and no settings file", path.display())));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unavailable(path, "read", &error)),
    }
    fs::read_to_string(path).map(Some).map_err(|error| unavailable(path, "read", &error))
}

/// Replaces a file so that a reader sees the old or the new text, never a part, even after a power cut. A link stays
/// a link. `mode` is for new files; `Some` also tightens old ones when `force_mode` is set.
pub(super) fn replace(path: &Path, text: &str, mode: Mode) -> Result<(), ModelError> {
    let target = fs::canonicalize(path).unwrap_or_else(|_missing| path.to_path_buf());
    write_beside(&target, text, mode).map_err(|error| unavailable(&target, "write", &error))
}

/// Rights of a written file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Readable by the owner only, whatever it was.
    Secret,
    /// As it was; new ones are the owner's only.
    Keep,
}

fn write_beside(target: &Path, text: &str, mode: Mode) -> io::Result<()> {
    let parent = target.parent().ok_or_else(|| io::Error::other("the file has no directory"))?;
    let name = target.file_name().ok_or_else(|| io::Error::other("the file has no name"))?;
    let beside: PathBuf = parent.join(format!(".{}.{}.new", name.to_string_lossy(), std::process::id()));
    let bits = match (mode, fs::metadata(target)) {
        (Mode::Keep, Ok(meta)) => meta.permissions().mode() & 0o7777,
        _ => 0o600,
    };
    let written = (|| {
        // A left-over of a crashed write of the same process id may be in the way.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.set_permissions(fs::Permissions::from_mode(bits))?;
        file.sync_all()?;
        fs::rename(&beside, target)?;
        fs::File::open(parent)?.sync_all()
    })();
    if written.is_err()
        && let Err(error) = fs::remove_file(&beside)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %beside.display(), "a half-written file could not be removed");
    }
    written
}

/// Held while settings are changed, so that two processes cannot undo each other's edit.
#[derive(Debug)]
pub(super) struct SettingsLock {
    _file: fs::File,
}

impl SettingsLock {
    /// Waits for the lock; blocking, so call it on a blocking thread.
    pub(super) fn take(home: &Home) -> Result<Self, ModelError> {
        let path = home.root().join("settings.lock");
        let locked = || -> io::Result<fs::File> {
            let file = fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path)?;
            rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)?;
            Ok(file)
        };
        locked().map(|file| Self { _file: file }).map_err(|error| unavailable(&path, "lock", &error))
    }
}
