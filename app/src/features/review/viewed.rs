//! Which files somebody has looked at. Only this browser remembers; a file that changes again is new.
use leptos::prelude::*;
use protocol::{CardId, ChangedFile};

use crate::ui::dom;

/// More would fill the browser's storage.
const AT_MOST: usize = 300;

/// Files looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Viewed {
    card: CardId,
    keys: RwSignal<Vec<String>>,
}

/// What a file is remembered by.
pub(super) fn key(file: &ChangedFile) -> String {
    format!("{} {}", file.version, file.path)
}

impl Viewed {
    pub(super) fn of(card: CardId) -> Self {
        Self { card, keys: RwSignal::new(Vec::new()) }
    }

    fn place(self) -> String {
        format!("hermes.viewed.{}", self.card)
    }

    /// Reads what was remembered. Call it from an effect.
    pub(super) fn read(self) {
        if let Some(text) = dom::remembered(&self.place()) {
            self.keys.set(text.lines().map(str::to_owned).collect());
        }
    }

    pub(super) fn has(self, key: &str) -> bool {
        self.keys.with(|keys| keys.iter().any(|other| other == key))
    }

    pub(super) fn set(self, key: &str, viewed: bool) {
        self.keys.update(|keys| {
            keys.retain(|other| other != key);
            if viewed {
                keys.push(key.to_owned());
            }
            let over = keys.len().saturating_sub(AT_MOST);
            keys.drain(..over);
        });
        dom::remember(&self.place(), &self.keys.with_untracked(|keys| keys.join("\n")));
    }
}
