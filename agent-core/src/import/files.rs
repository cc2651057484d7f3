//! Copies attached files into our home: whole or not at all, readable by the owner only.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::place::file_name;
use super::source::RawAttachment;
use crate::kanban::attachments::{MAX_HEAD_BYTES, safe_name};

/// A file in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) bytes: u64,
    pub(super) sha256: Vec<u8>,
    /// Its first bytes, which say what it is.
    pub(super) head: Vec<u8>,
}

/// Where files may come from and go to.
#[derive(Debug, Clone)]
pub(super) struct Shelf {
    /// The old home: a row that names a file elsewhere is not believed.
    pub(super) root: PathBuf,
    /// The board's attachments, where they are now.
    pub(super) attachments: PathBuf,
    /// Ours.
    pub(super) target: PathBuf,
}

impl Shelf {
    /// Where the row's file is, or why it cannot be taken. Files that moved with their home are found again.
    pub(super) fn find(&self, row: &RawAttachment, card: &str) -> Result<PathBuf, String> {
        let Some(stored) = row.path.as_deref().map(str::trim).filter(|path| !path.is_empty()) else {
            return Err("no file is named".to_owned());
        };
        let moved = file_name(stored).map(|name| self.attachments.join(card).join(name));
        let mut why = format!("the file is missing: {stored}");
        for place in [Some(PathBuf::from(stored)), moved].into_iter().flatten() {
            let real = match place.canonicalize() {
                Ok(real) => real,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    why = format!("the file {} cannot be read: {error}", place.display());
                    continue;
                }
            };
            if !real.starts_with(&self.root) {
                why = format!("the file lies outside the old home: {stored}; attach it by hand");
            } else if real.is_file() {
                return Ok(real);
            } else {
                why = format!("{stored} is no file");
            }
        }
        Err(why)
    }

    /// Copies the file under our name for it; what was read is compared with what was written.
    pub(super) fn keep(&self, from: &Path, id: Uuid) -> io::Result<Kept> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.target)?;
        let name = id.as_hyphenated().to_string();
        let part = self.target.join(format!(".{name}.part"));
        let kept = copy_into(from, &part).and_then(|kept| {
            std::fs::rename(&part, self.target.join(name))?;
            Ok(kept)
        });
        if kept.is_err() {
            // silent-ok: what is left is half a copy, and why there is one is told already
            let _ = std::fs::remove_file(&part);
        }
        kept
    }
}

fn copy_into(from: &Path, part: &Path) -> io::Result<Kept> {
    let mut source = File::open(from)?;
    let mut copy = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(part)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0_u64;
    let mut head = Vec::new();
    loop {
        let read = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..read]);
        copy.write_all(&buffer[..read])?;
        bytes += read as u64;
        let room = MAX_HEAD_BYTES - head.len();
        head.extend_from_slice(&buffer[..read.min(room)]);
    }
    copy.sync_all()?;
    let sha256 = hasher.finalize().to_vec();
    if digest(part)? != sha256 {
        return Err(io::Error::other("the copy is not what was read"));
    }
    Ok(Kept { bytes, sha256, head })
}

fn digest(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finalize().to_vec()),
            Ok(read) => hasher.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A name that is safe to show and to save under.
pub(super) fn plain_name(row: &RawAttachment) -> String {
    safe_name(row.name.as_deref().or(row.path.as_deref()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{Shelf, plain_name};
    use crate::import::source::RawAttachment;
    use crate::kanban::attachments::media_type;

    #[test]
    fn names_are_as_safe_as_those_of_uploads() {
        for (name, wanted) in [
            ("note.txt", "note.txt"),
            ("../../etc/passwd", "passwd"),
            ("a\\b\\c.pdf", "c.pdf"),
            (".bashrc", "bashrc"),
            ("  ", "file"),
            ("a\0\u{1b}b", "ab"),
            ("invoice\u{202e}fdp.exe", "invoicefdp.exe"),
            ("a\u{200b}b\u{feff}.txt", "ab.txt"),
        ] {
            let row = RawAttachment { name: Some(name.into()), ..RawAttachment::default() };
            assert_eq!(plain_name(&row), wanted);
        }
    }

    #[test]
    fn what_a_file_is_its_bytes_say() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("from");
        let shelf =
            Shelf { root: dir.path().into(), attachments: dir.path().into(), target: dir.path().join("attachments") };
        let text = "<script>alert(1)</script>".repeat(10_000);
        for (bytes, wanted) in [(text.as_bytes(), "text/plain"), (b"\x89PNG\r\n\x1a\n", "image/png")] {
            std::fs::write(&from, bytes).unwrap();
            let kept = shelf.keep(&from, uuid::Uuid::nil()).unwrap();
            assert_eq!((kept.bytes, media_type(&kept.head, "x.html")), (bytes.len() as u64, wanted));
            assert!(kept.head.len() <= 8 * 1024);
        }
    }
}
