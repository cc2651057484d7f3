//! The full output of a run in a file that cannot grow without end: two files of 2 MB, the older one is overwritten.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use crate::llm::Redactor;

const MAX_FILE_BYTES: u64 = 2 * 1024 * 1024;
/// A line longer than this is written in parts.
const MAX_LINE_BYTES: usize = 64 * 1024;

pub(super) struct RunLog {
    path: PathBuf,
    file: File,
    written: u64,
    line: String,
    redactor: Redactor,
}

impl RunLog {
    pub(super) fn open(path: PathBuf, redactor: Redactor) -> io::Result<Self> {
        let file = Self::append(&path)?;
        let written = file.metadata()?.len();
        Ok(Self { path, file, written, line: String::new(), redactor })
    }

    fn append(path: &std::path::Path) -> io::Result<File> {
        OpenOptions::new().create(true).append(true).mode(0o600).open(path)
    }

    /// Writes whole lines; the rest waits, so that a key is never cut in two.
    pub(super) fn push(&mut self, text: &str) -> io::Result<()> {
        self.line.push_str(text);
        let end = match self.line.rfind('\n') {
            Some(at) => at + 1,
            None if self.line.len() > MAX_LINE_BYTES => self.line.len(),
            None => return Ok(()),
        };
        let rest = self.line.split_off(end);
        let lines = std::mem::replace(&mut self.line, rest);
        self.write(&lines)
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        let rest = std::mem::take(&mut self.line);
        self.write(&rest)?;
        self.file.flush()
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        let clean = self.redactor.clean(text);
        if self.written + clean.len() as u64 > MAX_FILE_BYTES {
            std::fs::rename(&self.path, self.path.with_extension("log.1"))?;
            self.file = Self::append(&self.path)?;
            self.written = 0;
        }
        self.written += clean.len() as u64;
        self.file.write_all(clean.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_FILE_BYTES, RunLog};
    use crate::llm::Redactor;

    #[test]
    fn it_keeps_the_end_never_grows_and_hides_keys_that_come_in_pieces() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("7-1.log");
        let mut log = RunLog::open(path.clone(), Redactor::new(["topsecretvalue".to_owned()])).unwrap();
        for _ in 0..100 {
            log.push(&format!("{}\n", "x".repeat(60_000))).unwrap();
        }
        log.push("the key is topsec").unwrap();
        log.push("retvalue\nlast").unwrap();
        log.finish().unwrap();
        let sizes: u64 =
            std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
        assert!(sizes <= 2 * MAX_FILE_BYTES);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
        let end = std::fs::read_to_string(path).unwrap();
        assert!(end.ends_with("the key is [secret]\nlast"), "{}", &end[end.len() - 60..]);
    }
}
