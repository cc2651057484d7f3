//! Text for people: Markdown to safe HTML, excerpts, secrets blacked out.
//!
//! Everything here is a pure function of its input and costs no more than its input's length allows. It must never
//! read a file, know a card, or let markup of the input reach the output as markup.

mod json;
mod markdown;
mod misread;
mod redact;
mod terminal;

pub use json::{JsonProblem, read_json};
pub use markdown::{MAX_RENDERED_BYTES, markdown};
pub use misread::{Notation, misread};
pub use redact::redact;
pub use terminal::plain;

/// Between what went wrong with a worker, in a line, and what it said at last.
pub(crate) const LAST_WORDS: &str = ". Its last words:";

/// The first line that says something, at most `max` characters, with an ellipsis when something was cut.
///
/// Markdown headings lose their marks, runs of white space become one space, control characters go.
#[must_use]
pub fn excerpt(source: &str, max: usize) -> String {
    let mut lines = source.lines().map(|line| heading_text(line.trim())).filter(|line| has_text(line));
    let Some(first) = lines.next() else { return String::new() };
    // One character more than fits tells whether the line has to be cut; the rest of it is never looked at.
    let mut chars = flat_chars(first);
    let mut kept: Vec<char> = chars.by_ref().take(max).collect();
    let cut = chars.next().is_some();
    if !cut && lines.next().is_none() {
        return kept.into_iter().collect();
    }
    if kept.len() >= max {
        kept.truncate(max.saturating_sub(1));
    }
    // A mark or a joiner without what follows would change the last picture or letter.
    while kept.last().is_some_and(|last| last.is_whitespace() || *last == '\u{200d}') {
        kept.pop();
    }
    if max > 0 {
        kept.push('…');
    }
    kept.into_iter().collect()
}

/// The beginning of a text that was cut by bytes: half a character at its end goes.
///
/// SQL's `substr` counts characters and ends at the first NUL, so texts are cut as bytes.
pub(crate) fn cut_bytes(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(error) => String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned(),
    }
}

/// The line without the `#` marks of a heading.
fn heading_text(line: &str) -> &str {
    let rest = line.trim_start_matches('#');
    let marks = line.len() - rest.len();
    if (1..=6).contains(&marks) && rest.starts_with([' ', '\t']) { rest.trim_start() } else { line }
}

fn has_text(line: &str) -> bool {
    line.chars().any(|char| !char.is_whitespace() && !char.is_control())
}

/// Characters of a line with white space joined to single spaces and control characters left out.
fn flat_chars(line: &str) -> impl Iterator<Item = char> + '_ {
    let mut after_space = true;
    line.chars().filter(|char| char.is_whitespace() || !char.is_control()).filter_map(move |char| {
        let space = char.is_whitespace();
        let skip = space && after_space;
        after_space = space;
        (!skip).then_some(if space { ' ' } else { char })
    })
}
