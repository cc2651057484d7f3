//! Reads text files a page of lines at a time.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::json;

use super::places::{Place, Places};
use super::{Tool, ToolContext, ToolOutcome, parse};
use crate::llm::ToolSpec;

const DEFAULT_LINES: usize = 400;
const MAX_LINES: usize = 2000;
/// Bytes of one page; a little less than a model reads of any answer.
const MAX_PAGE_BYTES: usize = 15 * 1024;
const MAX_LINE_CHARS: usize = 2000;
/// Files are searched for their page up to here.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;
const SNIFF_BYTES: usize = 8 * 1024;

pub(super) struct ReadFile;

#[derive(Deserialize)]
struct Arguments {
    path: String,
    #[serde(default)]
    offset: Option<usize>,
    #[serde(default)]
    limit: Option<usize>,
}

#[async_trait::async_trait]
impl Tool for ReadFile {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "read_file",
            description: "Reads a text file and returns its lines with their numbers, a page at a time. Relative paths \
                start at the workspace.",
            parameters: json!({
                "type": "object",
                "properties": {
                    "path": { "type": "string" },
                    "offset": { "type": "integer", "minimum": 1, "description": "First line; 1 when left out." },
                    "limit": { "type": "integer", "minimum": 1, "maximum": MAX_LINES, "description": "Lines; 400 when left out." }
                },
                "required": ["path"]
            }),
        }
    }

    async fn run(&self, cx: &ToolContext, arguments: serde_json::Value) -> ToolOutcome {
        let arguments: Arguments = match parse(arguments) {
            Ok(arguments) => arguments,
            Err(outcome) => return outcome,
        };
        let places = cx.places.clone();
        let work = tokio::task::spawn_blocking(move || read(&places, &arguments));
        work.await.unwrap_or_else(|error| ToolOutcome::failed(format!("reading failed: {error}")))
    }
}

fn read(places: &Places, arguments: &Arguments) -> ToolOutcome {
    let path = match allowed(places, &arguments.path) {
        Ok(path) => path,
        Err(why) => return ToolOutcome::refused(why),
    };
    let file = match open(&path) {
        Ok(file) => file,
        Err(why) => return ToolOutcome::failed(why),
    };
    let first = arguments.offset.unwrap_or(1).max(1);
    let lines = arguments.limit.unwrap_or(DEFAULT_LINES).clamp(1, MAX_LINES);
    match page(file, first, lines) {
        Ok(Page::Binary) => {
            ToolOutcome::failed(format!("{} is not text; look at it with a program in the terminal", path.display()))
        }
        Ok(Page::Text { text, last, more }) => {
            let shown = format!("{} · lines {first}–{last}", arguments.path);
            let text = match (text.is_empty(), more) {
                (true, _) if first == 1 => "[the file is empty]".to_owned(),
                (true, _) => format!("[the file ends before line {first}]"),
                (false, true) => format!("{text}[more lines follow; go on with offset {}]", last + 1),
                (false, false) => text,
            };
            ToolOutcome::done(text).with_shown(shown)
        }
        Err(error) => ToolOutcome::failed(format!("cannot read {}: {error}", path.display())),
    }
}

/// The real path, when it may be read.
fn allowed(places: &Places, path: &str) -> Result<PathBuf, String> {
    let path = match path.strip_prefix("~/") {
        Some(rest) => places.user_home.join(rest),
        None => PathBuf::from(path),
    };
    let (real, place) = places.of(&places.workspace, &path.to_string_lossy());
    match place {
        Place::Private => Err("refused: these are Hermes's own files, which are not for workers".to_owned()),
        Place::Secret => Err(format!("refused: {} holds keys or passwords", real.display())),
        _ if real.starts_with("/proc") || real.starts_with("/sys") || real.starts_with("/dev") => {
            Err("refused: this is no file on a disk; use the terminal".to_owned())
        }
        _ => Ok(real),
    }
}

fn open(path: &Path) -> Result<File, String> {
    // The path has no links; one that appeared since is not followed. Opening a pipe must not wait for its writer.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(|error| format!("cannot open {}: {error}", path.display()))?;
    let meta = file.metadata().map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    if meta.is_dir() {
        return Err(format!("{} is a directory; list it with ls in the terminal", path.display()));
    }
    if !meta.is_file() {
        return Err(format!("{} is no ordinary file", path.display()));
    }
    Ok(file)
}

enum Page {
    Binary,
    Text { text: String, last: usize, more: bool },
}

fn page(file: File, first: usize, lines: usize) -> std::io::Result<Page> {
    let mut reader = BufReader::with_capacity(SNIFF_BYTES, file.take(MAX_FILE_BYTES));
    if reader.fill_buf()?.contains(&0) {
        return Ok(Page::Binary);
    }
    let mut text = String::new();
    let mut number = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        // A line without end is read in bounded pieces.
        let count = (&mut reader).take(1024 * 1024).read_until(b'\n', &mut line)?;
        if count == 0 {
            return Ok(Page::Text { text, last: number, more: false });
        }
        number += 1;
        if number < first {
            continue;
        }
        if number >= first + lines || text.len() >= MAX_PAGE_BYTES {
            return Ok(Page::Text { text, last: number - 1, more: true });
        }
        let whole = String::from_utf8_lossy(&line);
        let body = whole.trim_end_matches(['\n', '\r']);
        let mut shown: String = body.chars().take(MAX_LINE_CHARS).collect();
        if shown.len() < body.len() {
            shown.push_str(" [line cut here]");
        }
        text.push_str(&format!("{number:>5}  {shown}\n"));
    }
}
