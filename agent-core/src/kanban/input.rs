//! Checks of what people and agents type. Text is kept exactly as it came; it is refused, never bent.

use std::path::Path;

use protocol::{CardField, CreateCardParams, MAX_LABELS, MAX_TEXT_BYTES, MAX_TITLE_CHARS};

use super::KanbanError;
use crate::{Core, profiles};

const MAX_LABEL_CHARS: usize = 50;
const MAX_SKILLS: usize = 20;
const MAX_NAME_CHARS: usize = 200;
const MAX_KEY_BYTES: usize = 1000;
const MAX_BRANCH_BYTES: usize = 200;
/// The last moment of the year 9999, Unix ms: later ones have no date that could be shown.
const LAST_MOMENT_MS: i64 = 253_402_300_799_999;

/// A title: trimmed, not blank, one line, at most [`MAX_TITLE_CHARS`] characters.
pub(crate) fn title(text: &str) -> Result<&str, KanbanError> {
    let text = text.trim();
    if is_blank(text) {
        return Err(KanbanError::at(CardField::Title, "a card needs a title; say in a few words what shall be done"));
    }
    let chars = text.chars().count();
    if chars > MAX_TITLE_CHARS {
        return Err(KanbanError::at(
            CardField::Title,
            format!(
                "the title has {chars} characters, at most {MAX_TITLE_CHARS} are kept; put the rest into the description"
            ),
        ));
    }
    if text.contains(['\n', '\r']) {
        return Err(KanbanError::at(CardField::Title, "a title is one line; put the rest into the description"));
    }
    Ok(text)
}

/// Whether nothing of a text can be seen: white space, control characters, and characters without a width.
pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(|char| {
        char.is_whitespace()
            || char.is_control()
            || matches!(char,
                '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
                | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
    })
}

/// A moment in Unix milliseconds, between the years 1970 and 9999.
pub(crate) fn moment(what: &str, at: i64) -> Result<i64, KanbanError> {
    if (0..=LAST_MOMENT_MS).contains(&at) {
        return Ok(at);
    }
    Err(KanbanError::Invalid(format!(
        "{what} is {at}, which is no time between the years 1970 and 9999; give milliseconds since 1970"
    )))
}

/// A card's description.
pub(crate) fn body(text: &str) -> Result<&str, KanbanError> {
    long_text("description", text).map_err(|error| error.about(CardField::Body))
}

/// When a card is due; 0 means never.
pub(crate) fn due(at: i64) -> Result<Option<i64>, KanbanError> {
    let at = moment("the due time", at).map_err(|error| error.about(CardField::DueAt))?;
    Ok(Some(at).filter(|at| *at > 0))
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

/// The profile that a card is given to: as [`assignee`], refused as a field of the card.
pub(super) fn card_assignee(text: &str) -> Result<Option<String>, KanbanError> {
    assignee(text).map_err(|error| error.about(CardField::Assignee))
}

/// A profile name, lower-cased; empty or `none` means none.
pub(crate) fn assignee(text: &str) -> Result<Option<String>, KanbanError> {
    let name = text.trim().to_lowercase();
    if name.is_empty() || name == profiles::NOBODY {
        return Ok(None);
    }
    if !profiles::is_valid_id(&name) {
        return Err(KanbanError::Invalid(format!(
            "\"{}\" cannot name a profile, so no card can be its: use 1 to 64 of a-z, 0-9, - and _, or none",
            crate::text::excerpt(&name, 60)
        )));
    }
    Ok(Some(name))
}

/// Labels: trimmed, each once, in alphabetical order.
pub(crate) fn labels(words: &[String]) -> Result<Vec<String>, KanbanError> {
    let mut labels = Vec::new();
    for word in words.iter().map(|word| word.trim()).filter(|word| !word.is_empty()) {
        if word.chars().count() > MAX_LABEL_CHARS || word.contains(char::is_control) {
            return Err(KanbanError::at(
                CardField::Labels,
                format!(
                    "a label has at most {MAX_LABEL_CHARS} characters on one line; \"{}\" has not",
                    crate::text::excerpt(word, 60)
                ),
            ));
        }
        labels.push(word.to_owned());
    }
    labels.sort();
    labels.dedup();
    if labels.len() > MAX_LABELS {
        return Err(KanbanError::at(CardField::Labels, format!("a card has at most {MAX_LABELS} labels")));
    }
    Ok(labels)
}

/// Names of skills as a JSON array: trimmed, each once, in the given order.
pub(crate) fn skills(names: &[String]) -> Result<String, KanbanError> {
    let mut skills: Vec<&str> = Vec::new();
    for name in names.iter().map(|name| name.trim()).filter(|name| !name.is_empty()) {
        if name.contains([',', '/', '\\']) || name.contains(char::is_control) || name.chars().count() > MAX_NAME_CHARS {
            return Err(KanbanError::at(
                CardField::Skills,
                format!("\"{}\" is no skill's name; give each skill by itself", crate::text::excerpt(name, 60)),
            ));
        }
        if !skills.contains(&name) {
            // At once, because each name is compared with all before it.
            if skills.len() == MAX_SKILLS {
                return Err(KanbanError::at(CardField::Skills, format!("a card has at most {MAX_SKILLS} skills")));
            }
            skills.push(name);
        }
    }
    Ok(serde_json::json!(skills).to_string())
}

/// An idempotency key: trimmed, at most [`MAX_KEY_BYTES`]; empty means none.
pub(crate) fn key(text: &str) -> Result<Option<&str>, KanbanError> {
    let text = text.trim();
    if text.len() > MAX_KEY_BYTES {
        return Err(KanbanError::Invalid(format!(
            "the idempotency key has {} bytes, at most {MAX_KEY_BYTES} are kept; use a hash of it",
            text.len()
        )));
    }
    Ok((!text.is_empty()).then_some(text))
}

/// A tenant: any text of at most 200 characters; empty means none.
pub(crate) fn tenant(text: &str) -> Result<Option<String>, KanbanError> {
    short("tenant", text).map_err(|error| error.about(CardField::Tenant))
}

/// A model's name; empty means the profile's.
pub(crate) fn model(text: &str) -> Result<Option<String>, KanbanError> {
    let name = short("model", text).map_err(|error| error.about(CardField::Model))?;
    if name.as_deref().is_some_and(|name| name.contains(char::is_whitespace)) {
        return Err(KanbanError::at(CardField::Model, "a model's name has no spaces"));
    }
    Ok(name)
}

fn short(what: &str, text: &str) -> Result<Option<String>, KanbanError> {
    let text = text.trim();
    if text.chars().count() > MAX_NAME_CHARS {
        return Err(KanbanError::Invalid(format!("the {what} is longer than {MAX_NAME_CHARS} characters")));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// A branch name that git accepts (git-check-ref-format(1)).
pub(crate) fn branch(text: &str) -> Result<String, KanbanError> {
    let bad_char = |c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c);
    let bad_part = |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock");
    let bad = text.len() > MAX_BRANCH_BYTES
        || text.starts_with('-')
        || text.ends_with('.')
        || text.contains("..")
        || text.contains("@{")
        || text == "@"
        || text == "HEAD"
        || text.contains(bad_char)
        || text.split('/').any(bad_part);
    if bad {
        return Err(KanbanError::at(
            CardField::Branch,
            format!(
                "\"{}\" cannot be a branch in git; write a name like feature/search, without spaces",
                crate::text::excerpt(text, 60)
            ),
        ));
    }
    Ok(text.to_owned())
}

/// An absolute directory that exists and holds nothing of Hermes's own. Links are followed, so that two names of one
/// directory are one.
pub(crate) fn directory(core: &Core, path: &str) -> Result<String, KanbanError> {
    let path = path.trim();
    if !Path::new(path).is_absolute() {
        return Err(KanbanError::at(
            CardField::WorkspacePath,
            format!("\"{path}\" is not an absolute path; write it from the root on"),
        ));
    }
    let real = Path::new(path).canonicalize().ok().filter(|real| real.is_dir());
    let Some(real) = real else {
        return Err(KanbanError::at(
            CardField::WorkspacePath,
            format!("there is no directory {path} on the machine that runs Hermes"),
        ));
    };
    let home = core.home().root().canonicalize().unwrap_or_else(|_| core.home().root().to_path_buf());
    if real.starts_with(&home) && !real.starts_with(home.join("workspaces")) {
        return Err(KanbanError::at(
            CardField::WorkspacePath,
            format!("{path} holds Hermes's own keys and data, so no worker may work there; choose another directory"),
        ));
    }
    match real.into_os_string().into_string() {
        Ok(real) => Ok(real),
        Err(_) => Err(KanbanError::at(
            CardField::WorkspacePath,
            format!("the name of {path} is not valid text; choose another directory"),
        )),
    }
}

/// How far a card's runs may go.
pub(crate) struct Limits {
    pub(crate) attempts: Option<u32>,
    pub(crate) runtime_s: Option<u32>,
    pub(crate) tokens: Option<i64>,
    pub(crate) cost_micros: Option<i64>,
}

impl Limits {
    pub(crate) fn checked(params: &CreateCardParams) -> Result<Self, KanbanError> {
        if params.max_attempts == Some(0) {
            return Err(KanbanError::at(CardField::MaxAttempts, "a card needs at least one attempt; say 1 or more"));
        }
        if params.max_runtime_s == Some(0) {
            return Err(KanbanError::at(CardField::MaxRuntime, "a run needs at least a second"));
        }
        budget(CardField::MaxTokens, params.max_tokens, 1)?;
        budget(CardField::MaxCost, params.max_cost_micros, 1)?;
        Ok(Self {
            attempts: params.max_attempts,
            runtime_s: params.max_runtime_s,
            tokens: params.max_tokens,
            cost_micros: params.max_cost_micros,
        })
    }
}

/// Refuses a budget below the least that makes sense.
pub(crate) fn budget(field: CardField, amount: Option<i64>, least: i64) -> Result<(), KanbanError> {
    if amount.is_some_and(|amount| amount < least) {
        return Err(KanbanError::at(field, "a budget is more than nothing; leave it out for none"));
    }
    Ok(())
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
        "\"{}\" is no board name: up to 64 small letters, digits, - and _, starting with a letter or digit",
        crate::text::excerpt(text, 60)
    )))
}

#[cfg(test)]
mod tests {
    use super::{assignee, branch, labels, moment, skills, slug, title};

    #[test]
    fn moments_have_a_date() {
        for good in [0, 1, 1_767_225_600_000, 253_402_300_799_999] {
            assert_eq!(moment("the time", good).unwrap(), good);
        }
        for bad in [-1, -5, i64::MIN, 253_402_300_800_000, i64::MAX] {
            assert!(moment("the time", bad).unwrap_err().to_string().contains("9999"), "{bad}");
        }
    }

    #[test]
    fn titles_keep_any_script_and_refuse_blank_and_endless_ones() {
        for good in ["x", "  trimmed ", "修好登录 🎉", "مرحبا", "'; DROP TABLE kanban_card; --", "a\u{0}b"] {
            assert_eq!(title(good).unwrap(), good.trim());
        }
        for bad in ["", "   ", "\u{2003}\t", "two\nlines", "\u{200b}\u{feff}", "\u{2060} \u{ad}", "\u{e0041}", "\u{7}"]
        {
            assert!(title(bad).is_err(), "{bad:?}");
        }
        assert!(title(&"é".repeat(500)).is_ok());
        assert!(title(&"é".repeat(501)).is_err());
    }

    #[test]
    fn labels_are_tidied_and_endless_ones_refused() {
        let given = [" b ", "a", "", "b", "日本"].map(str::to_owned);
        assert_eq!(labels(&given).unwrap(), ["a", "b", "日本"]);
        assert!(labels(&["x".repeat(51)]).is_err());
        assert!(labels(&["a\nb".to_owned()]).is_err());
        assert!(labels(&(0..21).map(|n| n.to_string()).collect::<Vec<_>>()).is_err());
    }

    #[test]
    fn skills_keep_their_order_and_are_given_one_by_one() {
        assert_eq!(skills(&["b".into(), " a ".into(), "b".into()]).unwrap(), r#"["b","a"]"#);
        assert!(skills(&["a,b".into()]).is_err());
        assert!(skills(&["../x".into()]).is_err());
    }

    #[test]
    fn branches_are_what_git_takes() {
        for good in ["wt/T-12", "feature/größer", "a.b"] {
            assert_eq!(branch(good).unwrap(), good);
        }
        let parts = ["", "-x", "a b", "a..b", "x.lock", "a.lock/b", "/a", "a/", "a//b", ".a", "a/.b", "a."];
        for bad in
            parts.into_iter().chain(["a~1", "a^", "a:b", "a?", "a*", "a[b", "a\\b", "a\u{7f}", "@", "a@{1}", "HEAD"])
        {
            assert!(branch(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_assignee_is_nobody_or_what_could_be_a_profile() {
        for nobody in ["", "  ", "none", " None "] {
            assert_eq!(assignee(nobody).unwrap(), None, "{nobody:?}");
        }
        assert_eq!(assignee(" Coder-B ").unwrap().as_deref(), Some("coder-b"));
        for bad in ["a/b", "../x", "a\u{1b}[31mb", "two words", "-a", "größe", &"a".repeat(65)] {
            let refused = assignee(bad).unwrap_err().to_string();
            assert!(!refused.contains(['\u{1b}', '\n']) && refused.contains("profile"), "{refused}");
        }
    }

    #[test]
    fn slugs_follow_the_rule() {
        assert_eq!(slug(" Home-2_x ").unwrap(), "home-2_x");
        for bad in ["", "-a", "_a", "ä", "a b", "a/b", "..", &"a".repeat(65)] {
            assert!(slug(bad).is_err(), "{bad:?}");
        }
    }
}
