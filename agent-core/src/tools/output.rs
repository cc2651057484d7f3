//! Output of programs made fit to show: valid text, no terminal escapes, never more than a bound.

/// Turns bytes into text as they come: characters cut in two are put together, escapes and control characters go.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    partial: Vec<u8>,
    state: Escape,
    after_cr: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Escape {
    #[default]
    None,
    /// After ESC.
    Start,
    /// `ESC [ …` up to a letter.
    Sequence,
    /// `ESC ] …` and the like, up to BEL or `ESC \`.
    Text,
    /// ESC inside such a text.
    TextEnd,
    /// One more character belongs to it.
    One,
}

impl Decoder {
    /// Takes bytes, returns the text they complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> String {
        self.partial.extend_from_slice(bytes);
        let mut text = String::new();
        loop {
            match std::str::from_utf8(&self.partial) {
                Ok(valid) => {
                    text.push_str(valid);
                    self.partial.clear();
                    break;
                }
                Err(error) => {
                    let valid = error.valid_up_to();
                    text.push_str(&String::from_utf8_lossy(self.partial.get(..valid).unwrap_or_default()));
                    match error.error_len() {
                        Some(bad) => {
                            text.push('\u{fffd}');
                            self.partial.drain(..valid + bad);
                        }
                        None => {
                            self.partial.drain(..valid);
                            break;
                        }
                    }
                }
            }
        }
        self.strip(&text)
    }

    /// The end: what is left of a cut character is shown as such.
    pub(crate) fn finish(&mut self) -> String {
        if std::mem::take(&mut self.partial).is_empty() { String::new() } else { "\u{fffd}".to_owned() }
    }

    fn strip(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            self.state = match (self.state, c) {
                (Escape::None, '\u{1b}') => Escape::Start,
                (Escape::None, '\u{9b}') => Escape::Sequence,
                (Escape::None, _) => {
                    self.plain(c, &mut out);
                    Escape::None
                }
                (Escape::Start, '[') => Escape::Sequence,
                (Escape::Start, ']' | 'P' | 'X' | '^' | '_') => Escape::Text,
                (Escape::Start, '(' | ')' | '*' | '+' | '#' | '%' | ' ') => Escape::One,
                (Escape::Sequence, '@'..='~')
                | (Escape::Text, '\u{7}')
                | (Escape::Start | Escape::One | Escape::TextEnd, _) => Escape::None,
                (Escape::Text, '\u{1b}') => Escape::TextEnd,
                (state @ (Escape::Sequence | Escape::Text), _) => state,
            };
        }
        out
    }

    /// A carriage return alone starts a line anew, as progress bars do: here it becomes a line of its own.
    fn plain(&mut self, c: char, out: &mut String) {
        let after_cr = std::mem::replace(&mut self.after_cr, c == '\r');
        match c {
            '\r' => {}
            '\n' => out.push('\n'),
            _ => {
                if after_cr {
                    out.push('\n');
                }
                if c == '\t' || !c.is_control() {
                    out.push(c);
                }
            }
        }
    }
}

/// Keeps the head and the tail of a text that may be endless, in a fixed amount of memory.
#[derive(Debug)]
pub(crate) struct HeadTail {
    half: usize,
    head: String,
    tail: String,
    dropped: usize,
    lines: usize,
}

impl HeadTail {
    /// Keeps about `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { half: limit / 2, head: String::new(), tail: String::new(), dropped: 0, lines: 0 }
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.lines += text.matches('\n').count();
        let room = self.half.saturating_sub(self.head.len());
        let cut = if self.tail.is_empty() { floor_char(text, room) } else { 0 };
        let (first, rest) = text.split_at(cut);
        self.head.push_str(first);
        self.tail.push_str(rest);
        // Trimmed in big steps, so that many small pieces do not move the tail every time.
        if self.tail.len() > self.half * 2 {
            self.trim();
        }
    }

    fn trim(&mut self) {
        let excess = self.tail.len().saturating_sub(self.half);
        let cut = ceil_char(&self.tail, excess);
        self.dropped += cut;
        self.tail.drain(..cut);
    }

    /// Lines seen.
    pub(crate) fn lines(&self) -> usize {
        self.lines
    }

    /// The text with a note where something was left out.
    pub(crate) fn finish(mut self) -> String {
        if self.tail.len() > self.half {
            self.trim();
        }
        if self.dropped == 0 {
            return self.head + &self.tail;
        }
        format!("{}\n[… {} bytes left out here …]\n{}", self.head, self.dropped, self.tail)
    }
}

/// Head and tail of a text.
pub(crate) fn clip(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut kept = HeadTail::new(limit.saturating_sub(64));
    kept.push(text);
    kept.finish()
}

/// The last bytes of a text, from a character border.
pub(crate) fn tail(text: &str, limit: usize) -> &str {
    text.get(ceil_char(text, text.len().saturating_sub(limit))..).unwrap_or_default()
}

/// The largest character border at or below `at`.
pub(crate) fn floor_char(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

fn ceil_char(text: &str, at: usize) -> usize {
    (at..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::{Decoder, HeadTail, clip, tail};

    fn decode(bytes: &[u8], piece: usize) -> String {
        let mut decoder = Decoder::default();
        let mut text: String = bytes.chunks(piece).map(|piece| decoder.push(piece)).collect();
        text.push_str(&decoder.finish());
        text
    }

    #[test]
    fn escapes_and_cut_characters_are_handled_at_every_split() {
        let bytes = "\u{1b}[1;31mred\u{1b}[0m 字🙂\r\nnext\u{1b}]0;title\u{7}!\u{1b}]8;;u\u{1b}\\l 10%\r20%\rdone\u{8}\u{1b}(B.".as_bytes();
        for piece in 1..=bytes.len() {
            assert_eq!(decode(bytes, piece), "red 字🙂\nnext!l 10%\n20%\ndone.", "pieces of {piece}");
        }
        assert_eq!(decode(b"a\xff\xfeb\xe5", 1), "a\u{fffd}\u{fffd}b\u{fffd}");
    }

    #[test]
    fn long_text_keeps_head_and_tail() {
        for piece in [1, 7, 1000] {
            let text = format!("start{}end", "字\n".repeat(20_000));
            let mut kept = HeadTail::new(1000);
            let chars: Vec<char> = text.chars().collect();
            for piece in chars.chunks(piece) {
                kept.push(&piece.iter().collect::<String>());
                assert!(kept.head.len() + kept.tail.len() < 5000);
            }
            assert_eq!(kept.lines(), 20_000);
            let kept = kept.finish();
            assert!(
                kept.starts_with("start") && kept.ends_with("end") && kept.contains("left out") && kept.len() < 1100
            );
        }
        assert_eq!(clip("short", 10), "short");
        assert!(clip(&"x".repeat(100_000), 16_384).len() <= 16_384);
        assert_eq!((tail("a字字", 4), tail("ab", 9)), ("字", "ab"));
    }
}
