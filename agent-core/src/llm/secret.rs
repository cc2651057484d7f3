//! Keeps stored keys out of everything that is shown, logged or sent to a model.

use std::sync::Arc;

use super::{ModelError, env_file};
use crate::Core;

/// Values shorter than this are words like `ollama`, not secrets.
const MIN_SECRET_BYTES: usize = 8;
const BLACK: &str = "[secret]";

/// Blacks out known secrets by their value, and unknown ones by their look.
#[derive(Clone, Default)]
pub struct Redactor {
    secrets: Arc<[String]>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor").field("secrets", &self.secrets.len()).finish()
    }
}

impl Redactor {
    /// Knows these values.
    #[must_use]
    pub fn new(values: impl IntoIterator<Item = String>) -> Self {
        let mut secrets: Vec<String> = values
            .into_iter()
            .map(|value| value.trim().to_owned())
            .filter(|value| value.len() >= MIN_SECRET_BYTES)
            .collect();
        // Longest first, so that a secret that contains another one goes as a whole.
        secrets.sort_by_key(|value| std::cmp::Reverse(value.len()));
        secrets.dedup();
        Self { secrets: secrets.into() }
    }

    /// Knows every value in the home's `.env`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of(core: &Core) -> Result<Self, ModelError> {
        Ok(Self::new(env_file::EnvFile::read(&core.home().env_file())?.values()))
    }

    /// Knows one value more.
    #[must_use]
    pub(super) fn with(&self, value: &str) -> Self {
        Self::new(self.secrets.iter().cloned().chain([value.to_owned()]))
    }

    /// Bytes of the longest known value.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.secrets.first().map_or(0, String::len)
    }

    /// The text without secrets.
    #[must_use]
    pub fn clean(&self, text: &str) -> String {
        crate::text::redact(&self.exact(text))
    }

    /// The text without the known values.
    #[must_use]
    pub fn exact(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for secret in self.secrets.iter() {
            if clean.contains(secret.as_str()) {
                clean = clean.replace(secret.as_str(), BLACK);
            }
        }
        clean
    }
}

/// A key as people may see it: `sk-…a1b2`.
#[must_use]
pub(super) fn mask(key: &str) -> String {
    let key = key.trim();
    if key.is_empty() {
        return String::new();
    }
    let chars: Vec<char> = key.chars().collect();
    if chars.len() < 16 {
        return "…".to_owned();
    }
    let prefix_end = chars.iter().take(5).position(|c| matches!(c, '-' | '_')).map_or(0, |at| at + 1);
    let prefix: String = chars.iter().take(prefix_end).collect();
    let suffix: String = chars.iter().skip(chars.len() - 4).collect();
    format!("{prefix}…{suffix}")
}

#[cfg(test)]
mod tests {
    use super::{Redactor, mask};

    #[test]
    fn keys_are_masked() {
        for (key, shown) in [
            ("", ""),
            ("short", "…"),
            ("ollama-is-local", "…"),
            ("sk-proj-abcdefghijkla1b2", "sk-…a1b2"),
            ("gsk_abcdefghijklmnopa1b2", "gsk_…a1b2"),
            ("abcdefghijklmnopqrsta1b2", "…a1b2"),
        ] {
            assert_eq!(mask(key), shown);
        }
    }

    #[test]
    fn known_values_are_blacked_out_even_when_one_contains_another() {
        let redactor = Redactor::new(["longsecret1".to_owned(), "longsecret123456".to_owned(), "tiny".to_owned()]);
        assert_eq!(redactor.exact("a longsecret123456 b longsecret1 tiny"), "a [secret] b [secret] tiny");
        assert!(!format!("{redactor:?}").contains("longsecret"));
    }
}
