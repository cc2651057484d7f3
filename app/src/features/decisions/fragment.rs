//! The short text that a notification carries behind the `#` of its address: base64url of UTF-8, title and ask on two
//! lines. It can be read before anything was loaded, and when nothing can be.

/// Longest text taken; a notification carries far less.
const MAX_CHARS: usize = 2000;

/// Title and ask, or nothing when the fragment is something else.
pub(super) fn read(fragment: &str) -> Option<(String, String)> {
    let bytes = crate::base64url::decode(fragment.strip_prefix('#').unwrap_or(fragment))?;
    let text: String = String::from_utf8(bytes).ok()?.trim().chars().take(MAX_CHARS).collect();
    let (title, ask) = text.split_once('\n').unwrap_or(("", &text));
    let ask = ask.trim();
    (!ask.is_empty()).then(|| (title.trim().to_owned(), ask.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn the_text_of_a_notification_is_read() {
        let check = |fragment: &str, title: &str, ask: &str| {
            assert_eq!(read(fragment), Some((title.to_owned(), ask.to_owned())), "{fragment}");
        };
        check("#TG9naW4Kd2hpY2ggd2F5Pw", "Login", "which way?");
        check("TG9naW4Kd2hpY2ggd2F5Pw==", "Login", "which way?");
        check("#aGVsbG8", "", "hello");
        check("#w7xiZXIK8J-YgA", "über", "😀");
    }

    #[test]
    fn anything_else_is_not_text() {
        for foul in ["", "#", "#_wD_", "#a b", "#%20", "#run/3"] {
            assert_eq!(read(foul), None, "{foul}");
        }
    }
}
