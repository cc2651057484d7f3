//! Texts: functions generated from `locales/*.toml` by the build script, and the language they speak.
//!
//! Nobody writes a sentence for people anywhere else.

include!(concat!(env!("OUT_DIR"), "/texts.rs"));

/// The language of the page. There is one so far; a second file in `locales` makes this a choice.
#[must_use]
pub fn locale() -> Locale {
    Locale::default()
}
