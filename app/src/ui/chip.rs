//! The chip: a word with a tone. Colour is never the only sign: the word says the same.
use leptos::prelude::*;

/// What a chip's colour stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// Nothing special.
    #[default]
    Neutral,
    /// Work under way, or where you are.
    Accent,
    /// It went well.
    Success,
    /// It waits for someone.
    Warning,
    /// It failed.
    Danger,
    /// Good to know.
    Info,
}

impl Tone {
    /// The class name that sets the colour.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Neutral => "tone-neutral",
            Self::Accent => "tone-accent",
            Self::Success => "tone-success",
            Self::Warning => "tone-warning",
            Self::Danger => "tone-danger",
            Self::Info => "tone-info",
        }
    }
}

/// A small label.
#[component]
pub fn Chip(
    /// Its colour.
    #[prop(optional, into)]
    tone: Signal<Tone>,
    children: Children,
) -> impl IntoView {
    view! { <span class=move || format!("chip {}", tone.get().class())>{children()}</span> }
}
