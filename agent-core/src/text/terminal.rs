//! What programs write for a terminal, as plain text.

/// Takes colours, cursor movements and other control codes away. What a carriage return wrote over is gone, as it is
/// on a terminal, so that a progress bar is one line.
#[must_use]
pub fn plain(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut line_start = 0;
    let mut chars = source.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\u{1b}' => skip_escape(&mut chars),
            // CSI as one character.
            '\u{9b}' => skip_control_sequence(&mut chars),
            '\n' => {
                out.push('\n');
                line_start = out.len();
            }
            '\r' => {
                if chars.peek().is_some_and(|next| *next != '\n' && *next != '\r') {
                    out.truncate(line_start);
                }
            }
            '\u{8}' => {
                if out.len() > line_start {
                    out.pop();
                }
            }
            '\t' => out.push('\t'),
            other if other.is_control() => {}
            other => out.push(other),
        }
    }
    out
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn skip_escape(chars: &mut Chars<'_>) {
    match chars.next() {
        Some('[') => skip_control_sequence(chars),
        // OSC, DCS, SOS, PM and APC end with BEL or ST (ECMA-48 §5.6). Where that never comes, the line ends it.
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while let Some(next) = chars.peek() {
                match next {
                    '\n' => return,
                    '\u{7}' | '\u{9c}' => {
                        chars.next();
                        return;
                    }
                    '\u{1b}' => {
                        chars.next();
                        if chars.peek() == Some(&'\\') {
                            chars.next();
                        }
                        return;
                    }
                    _ => {
                        chars.next();
                    }
                }
            }
        }
        // Intermediate bytes come before the final one: `ESC ( B`.
        Some(' '..='/') => {
            chars.next();
        }
        _ => {}
    }
}

/// Parameters and intermediate bytes up to the final byte.
fn skip_control_sequence(chars: &mut Chars<'_>) {
    while let Some(next) = chars.peek() {
        match next {
            ' '..='?' => {
                chars.next();
            }
            '@'..='~' => {
                chars.next();
                return;
            }
            // Not a sequence after all.
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn codes_go_and_words_stay() {
        let check = |source: &str, wanted: &str| assert_eq!(plain(source), wanted, "{source:?}");
        check("\u{1b}[1;31mred\u{1b}[0m and plain", "red and plain");
        check("\u{1b}]8;;https://example.org\u{7}link\u{1b}]8;;\u{1b}\\ after", "link after");
        check("\u{1b}(Bascii\u{1b}7\u{1b}8", "ascii");
        check("10 %\r50 %\r100 %\r\ndone\r\n", "100 %\ndone\n");
        check("ab\u{8}c\u{7}\0\tx", "ac\tx");
        check("größer 日本 \u{9b}2Kx", "größer 日本 x");
        check("cut \u{1b}[12;", "cut ");
        check("\u{1b}]open\nnext", "\nnext");
    }
}
