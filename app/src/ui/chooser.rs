//! A field with a list of what it found below: the focus stays in the field while keys choose an entry of the list.
use leptos::prelude::*;

/// Which entry of a list is chosen.
#[derive(Debug, Clone, Copy)]
pub struct Chooser {
    /// The list's `id`; those of its entries begin with it.
    list: &'static str,
    chosen: RwSignal<usize>,
}

impl Chooser {
    /// The first entry of the list of that `id`.
    #[must_use]
    pub fn of(list: &'static str) -> Self {
        Self { list, chosen: RwSignal::new(0) }
    }

    /// The `id` of an entry.
    #[must_use]
    pub fn id(self, entry: usize) -> String {
        format!("{}-{entry}", self.list)
    }

    /// Which entry is chosen, without following it.
    #[must_use]
    pub fn now(self) -> usize {
        self.chosen.get_untracked()
    }

    /// The `id` of the chosen one of so many entries, for `aria-activedescendant`.
    #[must_use]
    pub fn active(self, entries: usize) -> Option<String> {
        (entries > 0).then(|| self.id(self.chosen.get()))
    }

    /// Whether an entry is chosen, for `aria-selected`.
    #[must_use]
    pub fn is_chosen(self, entry: usize) -> &'static str {
        if self.chosen.get() == entry { "true" } else { "false" }
    }

    /// Back to the first entry, for another list.
    pub fn begin(self) {
        self.chosen.set(0);
    }

    /// Goes up or down among so many entries when a key of the field says so.
    pub fn walk(self, event: &web_sys::KeyboardEvent, entries: usize) {
        let last = entries.saturating_sub(1);
        match event.key().as_str() {
            "ArrowDown" => self.chosen.update(|chosen| *chosen = (*chosen + 1).min(last)),
            "ArrowUp" => self.chosen.update(|chosen| *chosen = chosen.saturating_sub(1).min(last)),
            _ => return,
        }
        event.prevent_default();
        if let Some(entry) = document().get_element_by_id(&self.id(self.now())) {
            entry.scroll_into_view_with_bool(false);
        }
    }
}
