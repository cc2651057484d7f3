//! A run's log, a part at a time: what its agent said, what its program wrote, what the worker process wrote.
//!
//! A part is bounded, whatever the log's size. What leaves here has no terminal codes and no secrets, also not those
//! that begin before the part. It must never read anything but the log files of the run that was named.
//!
//! A log that was full went on in a new file, and the one before it is kept (`.log.1`). Both are read as one, and a
//! place in it counts all that was ever written, so that it stays the same when the next file is begun.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use protocol::{ExecutorKind, LogPart, LogSource, RunEventKind, RunEventView, RunId, RunLog, RunLogParams};
use sqlx::{Row, SqliteConnection};

use super::KanbanError;
use super::card_row::word;
use super::view::run_event;
use crate::llm::Redactor;
use crate::{Core, text};

/// Bytes of one part.
const PART_BYTES: u64 = 64 * 1024;
/// Bytes of a log that is saved as a file: its end.
const FILE_BYTES: u64 = 4 * 1024 * 1024;
/// A private key that begins before a part begins at most this much before it.
const LOOK_BACK_BYTES: u64 = 16 * 1024;
/// Entries of an agent's activity in one part, and in a file.
const PART_EVENTS: i64 = 300;
const FILE_EVENTS: i64 = 5_000;

const RUN: &str = "SELECT r.attempt, r.executor, r.ended_at IS NULL AS live, r.tidied_days, c.number,
        EXISTS (SELECT 1 FROM kanban_run_event e WHERE e.run_id = r.id) AS active
    FROM kanban_run r JOIN kanban_card c ON c.id = r.card_id WHERE r.id = ?1 AND c.deleted_at IS NULL";
const EVENTS_BEFORE: &str = "SELECT seq, kind, name, detail, ok, at FROM kanban_run_event
    WHERE run_id = ?1 AND seq <= ?2 ORDER BY seq DESC LIMIT ?3";
const EVENTS_AFTER: &str = "SELECT seq, kind, name, detail, ok, at FROM kanban_run_event
    WHERE run_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";

/// A run whose log is asked for.
struct Logged {
    run: RunId,
    number: i64,
    attempt: u32,
    live: bool,
    /// How many days after its card was finished it was tidied up; 0 when there was nothing.
    tidied_days: Option<u32>,
    sources: Vec<LogSource>,
}

/// A part of a run's log.
///
/// # Errors
/// `NotFound` when there is no such run, or nothing was logged.
pub async fn run_log(core: &Core, params: RunLogParams) -> Result<RunLog, KanbanError> {
    let mut reader = core.store().reader().acquire().await?;
    let logged = logged(core, &mut reader, params.run).await?;
    let source = chosen(&logged, params.source)?;
    if source == LogSource::Activity {
        let (text, from, to) = activity(&mut reader, logged.run, params.part, PART_EVENTS).await?;
        let part = Part { text, from, to, earlier: from > 0, inside_key: false };
        return answer(core, logged, source, part);
    }
    drop(reader);
    let part = read_part(&path(core, &logged, source), params.part, logged.live).map_err(unreadable)?;
    answer(core, logged, source, part)
}

/// The end of a run's log as a file: its name and its text, at most 4 MB.
///
/// # Errors
/// As [`run_log`].
pub async fn run_log_file(core: &Core, run: RunId, source: Option<LogSource>) -> Result<(String, String), KanbanError> {
    let mut reader = core.store().reader().acquire().await?;
    let logged = logged(core, &mut reader, run).await?;
    let source = chosen(&logged, source)?;
    let name = format!("T-{}-attempt-{}-{source}.log", logged.number, logged.attempt);
    if source == LogSource::Activity {
        let (text, ..) = activity(&mut reader, run, LogPart::End, FILE_EVENTS).await?;
        return Ok((name, clean(core, &text, false)?));
    }
    drop(reader);
    let (bytes, is_whole, inside_key) = match read_end(&path(core, &logged, source), FILE_BYTES) {
        // Its program has written nothing yet.
        Err(error) if error.kind() == io::ErrorKind::NotFound && logged.live => (Vec::new(), true, false),
        read => read.map_err(unreadable)?,
    };
    let text = String::from_utf8_lossy(&bytes);
    let whole = if is_whole { text.as_ref() } else { text.split_once('\n').map_or("", |(_, rest)| rest) };
    Ok((name, clean(core, whole, inside_key)?))
}

fn answer(core: &Core, logged: Logged, source: LogSource, part: Part) -> Result<RunLog, KanbanError> {
    let text = clean(core, &part.text, part.inside_key)?;
    let Part { from, to, earlier, .. } = part;
    Ok(RunLog { source, sources: logged.sources, text, from, to, earlier, live: logged.live })
}

async fn logged(core: &Core, connection: &mut SqliteConnection, run: RunId) -> Result<Logged, KanbanError> {
    let row = sqlx::query(RUN).bind(run.0).fetch_optional(connection).await?;
    let row = row.ok_or_else(|| KanbanError::NotFound("there is no such run; its card may be deleted".into()))?;
    let executor: ExecutorKind = word(&row, "executor")?;
    let mut logged = Logged {
        run,
        number: row.try_get("number")?,
        attempt: row.try_get("attempt")?,
        live: row.try_get("live")?,
        tidied_days: row.try_get("tidied_days")?,
        sources: Vec::new(),
    };
    // A program's output is in its file as it was written; its activity is a copy that is cut.
    let candidates = match executor {
        ExecutorKind::Agent => &[LogSource::Activity, LogSource::Worker][..],
        ExecutorKind::Command => &[LogSource::Output, LogSource::Activity, LogSource::Worker],
    };
    let active: bool = row.try_get("active")?;
    let has_file = |source| {
        let path = path(core, &logged, source);
        let is_there = |path: &Path| std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() > 0);
        is_there(&path) || is_there(&path.with_extension("log.1"))
    };
    let sources = candidates.iter().copied().filter(|source| match source {
        // The usual one of a run under way may be about to begin.
        source if logged.live && *source == candidates[0] => true,
        LogSource::Activity => active,
        LogSource::Output | LogSource::Worker => has_file(*source),
    });
    let sources = sources.collect();
    logged.sources = sources;
    Ok(logged)
}

fn chosen(logged: &Logged, wanted: Option<LogSource>) -> Result<LogSource, KanbanError> {
    let found = match wanted {
        Some(wanted) => logged.sources.iter().find(|source| **source == wanted),
        None => logged.sources.first(),
    };
    found.copied().ok_or_else(|| {
        KanbanError::NotFound(match logged.tidied_days {
            Some(days) if days > 0 => format!(
                "what this run did and wrote was tidied up, {days} days after its card was finished; how it ended is kept"
            ),
            _ => "this run has no log".to_owned(),
        })
    })
}

fn path(core: &Core, logged: &Logged, source: LogSource) -> PathBuf {
    let ending = if source == LogSource::Worker { "worker.log" } else { "log" };
    core.home().logs().join(format!("{}-{}.{ending}", logged.number, logged.attempt))
}

fn unreadable(error: io::Error) -> KanbanError {
    KanbanError::NotFound(format!("the log cannot be read: {error}"))
}

/// Terminal codes first: they could stand within a key.
fn clean(core: &Core, source: &str, inside_key: bool) -> Result<String, KanbanError> {
    let redactor = Redactor::of(core).map_err(|error| KanbanError::Conflict(error.to_string()))?;
    let plain = text::plain(source);
    // The redactor looks for the beginning of a key, which is before this part.
    let plain = if inside_key { format!("-----BEGIN PRIVATE KEY-----\n{plain}") } else { plain };
    Ok(text::redact(&redactor.clean(&plain)))
}

/// The beginning of the first line of a file that goes on where another one ended, and its end.
const MARK: (&str, &str) = ("[hermes: ", " bytes were written before this]\n");

/// More than any run writes: a line that says so is a program's own.
const MAX_BEFORE: u64 = 1 << 53;
/// Attempts to open both files between two moments at which the next one is begun.
const OPENINGS: usize = 20;

/// The first line of a file before which so much was written.
pub(crate) fn mark(before: u64) -> String {
    format!("{}{before}{}", MARK.0, MARK.1)
}

/// How much was written before a file, and how long the line is that says so.
pub(crate) fn begin_of(file: &mut File) -> io::Result<(u64, u64)> {
    let line = read_between(file, 0, 80)?;
    let line = line.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
    let said = std::str::from_utf8(line).ok(); // silent-ok: what is no text is no such line
    let before = said.and_then(|line| line.strip_prefix(MARK.0)?.strip_suffix(MARK.1)?.parse().ok()); // silent-ok: the same
    let before = before.filter(|before| *before <= MAX_BEFORE);
    Ok(before.map_or((0, 0), |before: u64| (before, line.len() as u64)))
}

/// A log as it is at this moment, in one file or in two.
struct Log {
    /// Each with the place of its first byte, the bytes that are skipped before that one, and the place of its end.
    files: Vec<(File, u64, u64, u64)>,
}

impl Log {
    fn open(path: &Path) -> io::Result<Self> {
        let older_path = path.with_extension("log.1");
        for _ in 0..OPENINGS {
            let newer = match File::open(path) {
                // A worker died while it began the next one, on a file system that has no second names.
                Err(error) if error.kind() == io::ErrorKind::NotFound => File::open(&older_path)?,
                newer => newer?,
            };
            let older = match File::open(&older_path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Self::of(newer, None),
                older => older?,
            };
            // The next one is begun just now, and the one before this is gone.
            let (a, b) = (newer.metadata()?, older.metadata()?);
            if (a.dev(), a.ino()) == (b.dev(), b.ino()) {
                return Self::of(newer, None);
            }
            let both = Self::of(newer, Some(older))?;
            if both.is_without_gap() {
                return Ok(both);
            }
        }
        Self::of(File::open(path)?, None)
    }

    fn of(mut newer: File, older: Option<File>) -> io::Result<Self> {
        let mut files = Vec::new();
        let (mut before, skip) = begin_of(&mut newer)?;
        if let Some(mut older) = older {
            let (begin, marked) = begin_of(&mut older)?;
            let end = begin.saturating_add(older.metadata()?.len().saturating_sub(marked));
            // An older Hermes wrote no mark.
            before = if skip == 0 { end } else { before };
            files.push((older, begin, marked, end));
        }
        let length = newer.metadata()?.len().saturating_sub(skip);
        files.push((newer, before, skip, before.saturating_add(length)));
        Ok(Self { files })
    }

    /// Whether each file begins where the one before it ended.
    fn is_without_gap(&self) -> bool {
        self.files.windows(2).all(|pair| pair[0].3 == pair[1].1)
    }

    fn begin(&self) -> u64 {
        self.files.first().map_or(0, |(_, begin, ..)| *begin)
    }

    fn end(&self) -> u64 {
        self.files.last().map_or(0, |(.., end)| *end)
    }

    fn read(&mut self, from: u64, to: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        for (file, begin, skip, end) in &mut self.files {
            let (from, to) = (from.max(*begin), to.min(*end));
            if from < to {
                bytes.extend(read_between(file, from - *begin + *skip, to - *begin + *skip)?);
            }
        }
        Ok(bytes)
    }
}

pub(crate) struct Part {
    pub(crate) text: String,
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// Whether more is kept before it.
    pub(crate) earlier: bool,
    pub(crate) inside_key: bool,
}

/// Reads whole lines. What is still being written is left for the next time.
pub(crate) fn read_part(path: &Path, part: LogPart, live: bool) -> io::Result<Part> {
    let mut log = match Log::open(path) {
        Ok(log) => log,
        Err(error) if error.kind() == io::ErrorKind::NotFound && live => {
            return Ok(Part { text: String::new(), from: 0, to: 0, earlier: false, inside_key: false });
        }
        Err(error) => return Err(error),
    };
    let (begin, end) = (log.begin(), log.end());
    let back = |at: u64| (at.saturating_sub(PART_BYTES).max(begin), at);
    let (from, to) = match part {
        LogPart::End => back(end),
        LogPart::Before(at) => back(at.clamp(begin, end)),
        // The file was begun anew meanwhile, or what followed was overwritten: from the beginning of what is there.
        LogPart::After(at) if at > end || at < begin => (begin, end.min(begin + PART_BYTES)),
        LogPart::After(at) => (at, end.min(at + PART_BYTES)),
    };
    let mut bytes = log.read(from, to)?;
    let (mut from, mut to) = (from, to);
    // What follows another part begins where that one ended: at the beginning of a line.
    if from > begin
        && !matches!(part, LogPart::After(_))
        && let Some(end) = bytes.iter().position(|byte| *byte == b'\n')
    {
        bytes.drain(..=end);
        from += end as u64 + 1;
    }
    if (live || to < end) && !matches!(part, LogPart::Before(_)) && bytes.last().is_some_and(|byte| *byte != b'\n') {
        match bytes.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => bytes.truncate(last + 1),
            // A line that fills a whole part is shown in pieces; any other one is waited for.
            None if (bytes.len() as u64) < PART_BYTES => bytes.clear(),
            None => {}
        }
        to = from + bytes.len() as u64;
    }
    let inside_key = begins_inside_key(&mut log, from)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(Part { text, from, to, earlier: from > begin, inside_key })
}

/// The last bytes of a log, whether that is all of it, and whether they begin within a private key.
fn read_end(path: &Path, most: u64) -> io::Result<(Vec<u8>, bool, bool)> {
    let mut log = Log::open(path)?;
    let from = log.end().saturating_sub(most).max(log.begin());
    let bytes = log.read(from, log.end())?;
    let inside_key = begins_inside_key(&mut log, from)?;
    Ok((bytes, from == log.begin(), inside_key))
}

fn read_between(file: &mut File, from: u64, to: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(to.saturating_sub(from)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn begins_inside_key(log: &mut Log, from: u64) -> io::Result<bool> {
    if from == log.begin() {
        return Ok(false);
    }
    let before = log.read(from.saturating_sub(LOOK_BACK_BYTES), from)?;
    let before = text::plain(&String::from_utf8_lossy(&before));
    let Some(begin) = before.rfind("PRIVATE KEY-----").filter(|at| {
        let line = before[..*at].rfind("-----").map_or("", |dashes| &before[dashes..*at]);
        line.starts_with("-----BEGIN ")
    }) else {
        return Ok(false);
    };
    Ok(!before[begin..].contains("-----END "))
}

/// A stretch of an agent's activity as text, and which entries it holds: after `from`, up to `to`.
async fn activity(
    connection: &mut SqliteConnection,
    run: RunId,
    part: LogPart,
    limit: i64,
) -> Result<(String, u64, u64), KanbanError> {
    let (sql, at) = match part {
        LogPart::End => (EVENTS_BEFORE, i64::MAX),
        LogPart::Before(at) => (EVENTS_BEFORE, i64::try_from(at).unwrap_or(i64::MAX)),
        LogPart::After(at) => (EVENTS_AFTER, i64::try_from(at).unwrap_or(i64::MAX)),
    };
    let mut rows = sqlx::query(sql).bind(run.0).bind(at).bind(limit).fetch_all(connection).await?;
    if !matches!(part, LogPart::After(_)) {
        rows.reverse();
    }
    let events = rows.iter().map(run_event).collect::<Result<Vec<RunEventView>, sqlx::Error>>()?;
    let place = |seq: i64| u64::try_from(seq).unwrap_or_default();
    let asked = if at == i64::MAX { 0 } else { place(at) };
    let from = events.first().map_or(asked, |event| place(event.seq - 1));
    let to = events.last().map_or(asked, |event| place(event.seq));
    Ok((transcript(&events), from, to))
}

/// Entries as lines. Signs instead of words: this is read in every language.
fn transcript(events: &[RunEventView]) -> String {
    let mut out = String::new();
    let mut flowing = None;
    for event in events {
        let flows = matches!(event.kind, RunEventKind::Text | RunEventKind::Thinking | RunEventKind::Output);
        let (goes_on, at_start) = (flows && flowing == Some(event.kind), out.is_empty() || out.ends_with('\n'));
        if !goes_on && !at_start {
            out.push('\n');
        }
        flowing = flows.then_some(event.kind);
        match event.kind {
            RunEventKind::Text | RunEventKind::Thinking | RunEventKind::Output => {
                out.push_str(&event.detail);
                continue;
            }
            RunEventKind::ToolCall => out.push_str(&format!("→ {} {}", event.name, event.detail)),
            RunEventKind::ToolResult => {
                let sign = if event.ok { '✓' } else { '✗' };
                out.push_str(&format!("{sign} {} {}", event.name, event.detail));
            }
            RunEventKind::Refused => out.push_str(&format!("⊘ {} {}", event.name, event.detail)),
            RunEventKind::Started | RunEventKind::Ended | RunEventKind::Note => {
                out.push_str(&format!("· {} {}", event.name, event.detail));
            }
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[RUN, EVENTS_BEFORE, EVENTS_AFTER];

#[cfg(test)]
mod tests {
    use protocol::LogPart;

    use super::{PART_BYTES, mark, read_part};

    fn file(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("1-1.log");
        std::fs::write(&path, text).unwrap();
        (dir, path)
    }

    #[test]
    fn parts_are_whole_lines_and_join_without_a_gap() {
        let lines: Vec<String> = (0..20_000).map(|line| format!("line {line}\n")).collect();
        let text = lines.concat();
        let (_dir, path) = file(&text);
        let mut part = read_part(&path, LogPart::End, false).unwrap();
        let mut joined = part.text.clone();
        assert!(part.text.starts_with("line ") && part.text.len() as u64 <= PART_BYTES);
        while part.from > 0 {
            let before = read_part(&path, LogPart::Before(part.from), false).unwrap();
            assert_eq!(before.to, part.from);
            joined.insert_str(0, &before.text);
            part = before;
        }
        assert_eq!(joined, text);
    }

    #[test]
    fn a_line_that_is_still_written_is_waited_for() {
        let (_dir, path) = file("one\ntw");
        let part = read_part(&path, LogPart::End, true).unwrap();
        assert_eq!((part.text.as_str(), part.to), ("one\n", 4));
        std::fs::write(&path, "one\ntwo\n").unwrap();
        let part = read_part(&path, LogPart::After(4), true).unwrap();
        assert_eq!((part.text.as_str(), part.from, part.to), ("two\n", 4, 8));
        assert_eq!(read_part(&path, LogPart::After(8), true).unwrap().text, "");
        // The end of a run ends its last line.
        std::fs::write(&path, "one\ntwo\nthr").unwrap();
        assert_eq!(read_part(&path, LogPart::After(8), false).unwrap().text, "thr");
        // A log that was begun anew.
        std::fs::write(&path, "new\n").unwrap();
        let part = read_part(&path, LogPart::After(8), true).unwrap();
        assert_eq!((part.text.as_str(), part.from), ("new\n", 0));
    }

    #[test]
    fn a_file_of_two_that_is_alone_keeps_its_place() {
        let marked = format!("{}one\ntwo\n", mark(100));
        // The next file is not there yet.
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("1-1.log");
        std::fs::write(path.with_extension("log.1"), &marked).unwrap();
        let part = read_part(&path, LogPart::End, true).unwrap();
        assert_eq!((part.text.as_str(), part.from, part.to, part.earlier), ("one\ntwo\n", 100, 108, false));
        // The one before it is gone.
        let (_dir, path) = file(&marked);
        let part = read_part(&path, LogPart::After(104), true).unwrap();
        assert_eq!((part.text.as_str(), part.from, part.to, part.earlier), ("two\n", 104, 108, true));
        // It has both names while the next one is begun.
        std::fs::hard_link(&path, path.with_extension("log.1")).unwrap();
        let part = read_part(&path, LogPart::End, true).unwrap();
        assert_eq!((part.text.as_str(), part.from, part.to), ("one\ntwo\n", 100, 108));
    }

    #[test]
    fn two_files_are_one_log_only_if_one_goes_on_where_the_other_ended() {
        let (_dir, path) = file(&format!("{}two\n", mark(104)));
        let older = path.with_extension("log.1");
        let read = |older_text: String| {
            std::fs::write(&older, older_text).unwrap();
            let part = read_part(&path, LogPart::End, false).unwrap();
            (part.text, part.from, part.to)
        };
        assert_eq!(read(format!("{}one\n", mark(100))), ("one\ntwo\n".to_owned(), 100, 108));
        assert_eq!(read(format!("{}one\n", mark(50))), ("two\n".to_owned(), 104, 108));
        // Written by a Hermes that knew no marks; and a mark that nobody can mean.
        for first in [String::new(), mark(u64::MAX)] {
            std::fs::write(&path, format!("{first}two\n")).unwrap();
            assert_eq!(read("one\n".to_owned()), (format!("one\n{first}two\n"), 0, 8 + first.len() as u64));
        }
    }

    #[test]
    fn a_key_that_begins_before_a_part_is_known() {
        let filler = "x".repeat(50).to_owned() + "\n";
        let key = format!(
            "-----BEGIN OPENSSH PRIVATE KEY-----\n{}",
            "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ\n".repeat(40)
        );
        let text = format!("{}{key}", filler.repeat(3_000));
        let (_dir, path) = file(&text);
        let at = (text.len() - 200) as u64;
        assert!(read_part(&path, LogPart::After(at), false).unwrap().inside_key);
        let closed = format!("{text}-----END OPENSSH PRIVATE KEY-----\nafter\n");
        std::fs::write(&path, &closed).unwrap();
        assert!(!read_part(&path, LogPart::After((closed.len() - 6) as u64), false).unwrap().inside_key);
    }
}
