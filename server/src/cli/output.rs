//! What commands print: tables that fit the terminal, JSON for scripts, and never a control character of somebody
//! else's text on a terminal.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::error::{CliError, say};

/// Narrower terminals are treated as if they were this wide.
const NARROWEST: usize = 40;

/// A colour, used for emphasis only: the words carry the meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Blue,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "\u{1b}[1m",
            Self::Dim => "\u{1b}[2m",
            Self::Red => "\u{1b}[31m",
            Self::Green => "\u{1b}[32m",
            Self::Yellow => "\u{1b}[33m",
            Self::Blue => "\u{1b}[34m",
        }
    }
}

/// Where output goes and how it looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Out {
    json: bool,
    colour: bool,
    /// Columns of the terminal; `None` when there is none, so nothing is cut.
    width: Option<usize>,
}

impl Out {
    pub(crate) fn new(json: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self { json, colour: terminal && !plain && !json, width: terminal.then(terminal_width) }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// One line, or several.
    pub(crate) fn line(&self, text: &str) -> Result<(), CliError> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        if !text.ends_with('\n') {
            stdout.write_all(b"\n")?;
        }
        stdout.flush()?;
        Ok(())
    }

    /// One JSON value on one line.
    pub(crate) fn json<T: Serialize + ?Sized>(&self, value: &T) -> Result<(), CliError> {
        let text = serde_json::to_string(value).map_err(CliError::no_json)?;
        self.line(&text)
    }

    /// A hint beside the answer. Scripts that ask for JSON are spared; a closed stderr is nobody's loss.
    pub(crate) fn hint(&self, text: &str) {
        if !self.json {
            let _ = writeln!(io::stderr().lock(), "{}", printable(text));
        }
    }

    /// What must not be missed beside an answer that looks complete: on stderr, as JSON for scripts.
    pub(crate) fn warning(&self, code: &str, text: &str) {
        if self.json {
            say(&serde_json::json!({ "warning": text, "code": code }).to_string());
        } else {
            self.hint(text);
        }
    }

    pub(crate) fn styled(&self, style: Style, text: &str) -> String {
        if self.colour && style != Style::Plain { format!("{}{text}\u{1b}[0m", style.code()) } else { text.to_owned() }
    }

    /// Rows under each other. The last column takes what is left of the line; on a terminal it is cut to fit.
    pub(crate) fn table(&self, head: &[&str], rows: &[Vec<(Style, String)>]) -> Result<(), CliError> {
        let clean: Vec<Vec<(Style, String)>> =
            rows.iter().map(|row| row.iter().map(|(style, cell)| (*style, one_line(cell))).collect()).collect();
        let columns = head.len();
        let mut widths: Vec<usize> = head.iter().map(|cell| cell.width()).collect();
        for row in &clean {
            for (column, (_, cell)) in row.iter().enumerate().take(columns.saturating_sub(1)) {
                widths[column] = widths[column].max(cell.width());
            }
        }
        let before: usize = widths.iter().take(columns.saturating_sub(1)).map(|width| width + 2).sum();
        let left = self.width.map(|width| width.max(NARROWEST).saturating_sub(before).max(10));
        let titles: Vec<(Style, String)> = head.iter().map(|cell| (Style::Dim, (*cell).to_owned())).collect();
        let mut text = String::new();
        for row in std::iter::once(&titles).chain(&clean) {
            for (column, (style, cell)) in row.iter().enumerate() {
                if column + 1 == columns {
                    let cell = left.map_or(Cow::Borrowed(cell.as_str()), |left| fit(cell, left));
                    text.push_str(&self.styled(*style, &cell));
                } else {
                    let pad = widths[column].saturating_sub(cell.width()) + 2;
                    let _ = write!(text, "{}{:pad$}", self.styled(*style, cell), "");
                }
            }
            let end = text.trim_end_matches(' ').len();
            text.truncate(end);
            text.push('\n');
        }
        self.line(&text)
    }
}

/// `COLUMNS` counts first, as in other programs; then the terminal is asked.
fn terminal_width() -> usize {
    let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let asked = || rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_col));
    told.or_else(asked).filter(|columns| *columns > 0).unwrap_or(80)
}

/// The text without what could move a cursor, clear a screen or reorder a line; line breaks and tabs stay.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let hostile = |char: char| {
        (char.is_control() && char != '\n' && char != '\t')
            || matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.contains(hostile) { Cow::Owned(text.replace(hostile, "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// Printable and on one line.
pub(crate) fn one_line(text: &str) -> String {
    printable(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Cut to so many columns, with an ellipsis.
fn fit(text: &str, columns: usize) -> Cow<'_, str> {
    if text.width() <= columns {
        return Cow::Borrowed(text);
    }
    let mut used = 0;
    let mut kept = String::new();
    for char in text.chars() {
        used += char.width().unwrap_or(0);
        if used + 1 > columns {
            break;
        }
        kept.push(char);
    }
    kept.push('…');
    Cow::Owned(kept)
}

#[cfg(test)]
mod tests {
    use super::{fit, one_line, printable};

    #[test]
    fn nothing_of_a_text_can_steer_a_terminal() {
        assert_eq!(
            printable("a\u{1b}[31mb\u{7}\r\0\u{9b}c\u{202e}d"),
            "a\u{fffd}[31mb\u{fffd}\u{fffd}\u{fffd}\u{fffd}c\u{fffd}d"
        );
        assert_eq!(printable("one\n\ttwo مرحبا 🎉"), "one\n\ttwo مرحبا 🎉");
        assert_eq!(one_line(" a\n\n b\tc "), "a b c");
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(fit("abc", 3), "abc");
        assert_eq!(fit("abcd", 3), "ab…");
        assert_eq!(fit("你好世界", 5), "你好…");
    }
}
