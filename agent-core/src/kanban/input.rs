//! Checks of what people and agents type. Text is kept exactly as it came; it is refused, never bent.

use protocol::{MAX_TEXT_BYTES, MAX_TITLE_CHARS};

use super::KanbanError;

/// A title: trimmed, not blank, one line, at most [`MAX_TITLE_CHARS`] characters.
pub(crate) fn title(text: &str) -> Result<&str, KanbanError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(KanbanError::Invalid("a card needs a title; say in a few words what shall be done".into()));
    }
    let chars = text.chars().count();
    if chars > MAX_TITLE_CHARS {
        return Err(KanbanError::Invalid(format!(
            "the title has {chars} characters, at most {MAX_TITLE_CHARS} are kept; put the rest into the description"
        )));
    }
    if text.contains(['\n', '\r']) {
        return Err(KanbanError::Invalid("a title is one line; put the rest into the description".into()));
    }
    Ok(text)
}

/// A body, comment, reason or summary: at most [`MAX_TEXT_BYTES`].
pub(crate) fn long_text<'a>(what: &str, text: &'a str) -> Result<&'a str, KanbanError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(KanbanError::Invalid(format!(
            "the {what} has {} bytes, at most {MAX_TEXT_BYTES} are kept; shorten it or put it into a file",
            text.len()
        )));
    }
    Ok(text)
}

/// Like [`long_text`], and not blank.
pub(crate) fn needed_text<'a>(what: &str, text: &'a str) -> Result<&'a str, KanbanError> {
    if text.trim().is_empty() {
        return Err(KanbanError::Invalid(format!("the {what} is empty; write a sentence")));
    }
    long_text(what, text)
}

/// A profile name, lower-cased; empty means none.
pub(crate) fn assignee(text: &str) -> Result<Option<String>, KanbanError> {
    let name = text.trim().to_lowercase();
    if name.is_empty() {
        return Ok(None);
    }
    if name.chars().count() > 200 {
        return Err(KanbanError::Invalid("the assignee's name is longer than 200 characters".into()));
    }
    Ok(Some(name))
}

/// A board slug: `[a-z0-9][a-z0-9-_]{0,63}`.
pub(crate) fn slug(text: &str) -> Result<String, KanbanError> {
    let slug = text.trim().to_lowercase();
    let mut chars = slug.chars();
    let head = chars.next().is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let tail = chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'));
    if head && tail && slug.len() <= 64 {
        return Ok(slug);
    }
    Err(KanbanError::Invalid(format!(
        "\"{text}\" is no board name: up to 64 small letters, digits, - and _, starting with a letter or digit"
    )))
}

#[cfg(test)]
mod tests {
    use super::{slug, title};

    #[test]
    fn titles_keep_any_script_and_refuse_blank_and_endless_ones() {
        for good in ["x", "  trimmed ", "修好登录 🎉", "مرحبا", "'; DROP TABLE kanban_card; --", "a\u{0}b"] {
            assert_eq!(title(good).unwrap(), good.trim());
        }
        for bad in ["", "   ", "\u{2003}\t", "two\nlines"] {
            assert!(title(bad).is_err(), "{bad:?}");
        }
        assert!(title(&"é".repeat(500)).is_ok());
        assert!(title(&"é".repeat(501)).is_err());
    }

    #[test]
    fn slugs_follow_the_rule() {
        assert_eq!(slug(" Home-2_x ").unwrap(), "home-2_x");
        for bad in ["", "-a", "_a", "ä", "a b", "a/b", "..", &"a".repeat(65)] {
            assert!(slug(bad).is_err(), "{bad:?}");
        }
    }
}
