//! The full output of a run in a file that cannot grow without end: two files of 2 MB, the older one is overwritten.
//! The newer of the two begins with a line that says how much was written before it, so that `kanban::run_log`, which
//! reads both as one, knows every byte's place.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use crate::kanban::run_log::{begin_of, mark};
use crate::llm::Redactor;

const MAX_FILE_BYTES: u64 = 2 * 1024 * 1024;
/// A line longer than this is written in parts.
const MAX_LINE_BYTES: usize = 64 * 1024;

pub(super) struct RunLog {
    path: PathBuf,
    file: File,
    /// Bytes of the file, and of the output before it.
    written: u64,
    before: u64,
    line: String,
    redactor: Redactor,
}

impl RunLog {
    pub(super) fn open(path: PathBuf, redactor: Redactor) -> io::Result<Self> {
        let file = Self::append(&path)?;
        let written = file.metadata()?.len();
        let (before, _) = begin_of(&mut File::open(&path)?)?;
        Ok(Self { path, file, written, before, line: String::new(), redactor })
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

    /// Gives the full file its second name. It keeps its first one until the next file takes that, so that a reader
    /// always meets one of the two there.
    fn keep_full(&self) -> io::Result<()> {
        let (tmp, older) = (self.path.with_extension("log.full"), self.path.with_extension("log.1"));
        match std::fs::remove_file(&tmp) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        match std::fs::hard_link(&self.path, &tmp) {
            Ok(()) => std::fs::rename(&tmp, &older),
            // Some file systems have no second names.
            Err(error) => {
                tracing::debug!(%error, "a full log is renamed");
                std::fs::rename(&self.path, &older)
            }
        }
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        let clean = self.redactor.clean(text);
        if self.written + clean.len() as u64 > MAX_FILE_BYTES {
            let mut full = File::open(&self.path)?;
            let (_, marked) = begin_of(&mut full)?;
            // What is there, not what was to be written: the disk may have been full meanwhile.
            self.before += full.metadata()?.len().saturating_sub(marked);
            // Put into its place with its first line, so that nobody meets it without.
            let (new, mark) = (self.path.with_extension("log.new"), mark(self.before));
            let mut file = Self::append(&new)?;
            file.set_len(0)?;
            file.write_all(mark.as_bytes())?;
            self.keep_full()?;
            std::fs::rename(&new, &self.path)?;
            self.file = file;
            self.written = mark.len() as u64;
        }
        self.written += clean.len() as u64;
        self.file.write_all(clean.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_FILE_BYTES, RunLog};
    use crate::kanban::run_log::read_part;
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

    #[test]
    fn both_files_are_read_as_one_and_who_follows_misses_nothing() {
        use protocol::LogPart;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("7-1.log");
        let mut log = RunLog::open(path.clone(), Redactor::new([])).unwrap();
        let line = |number: usize| format!("{number:>9}{}\n", "x".repeat(9_990));
        let (mut at, mut seen) = (0, String::new());
        for number in 0..1_000 {
            log.push(&line(number)).unwrap();
            if number % 5 == 4 {
                let part = read_part(&path, LogPart::After(at), true).unwrap();
                assert_eq!((part.from, part.to), (at, number as u64 * 10_000 + 10_000));
                seen.push_str(&part.text);
                at = part.to;
            }
        }
        assert_eq!(seen.len(), 10_000_000);
        assert!((0..1_000).all(|number| seen[number * 10_000..].starts_with(&line(number))));
        // All that is kept, from the end to the beginning, right after a new file was begun and at any other time.
        for number in 1_000..1_300 {
            log.push(&line(number)).unwrap();
            let last = read_part(&path, LogPart::End, false).unwrap();
            assert!(last.text.ends_with(&line(number)) && last.text.len() > 50_000, "{}", last.text.len());
            assert!(!last.text.contains("written before"));
        }
        let mut part = read_part(&path, LogPart::End, false).unwrap();
        let mut bytes = part.text.len() as u64;
        while part.earlier {
            part = read_part(&path, LogPart::Before(part.from), false).unwrap();
            bytes += part.text.len() as u64;
        }
        assert!((MAX_FILE_BYTES - 100_000..2 * MAX_FILE_BYTES).contains(&bytes), "{bytes}");
        assert_eq!(part.from + bytes, 13_000_000);
        // Who looks again much later goes on with what is left.
        let late = read_part(&path, LogPart::After(5), true).unwrap();
        assert_eq!(late.from, part.from);
    }
}
