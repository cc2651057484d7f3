//! What was typed into the form of a new card and not sent: kept in this browser, and there again when the form opens.
use leptos::prelude::*;

use crate::i18n::t;
use crate::ui::dom;

const KEY: &str = "hermes.draft.new-card";
/// Between fields; nobody types it.
const SEPARATOR: &str = "\u{1f}";

/// The fields of the form, and what an untouched one says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draft {
    fields: StoredValue<Vec<RwSignal<String>>>,
    fresh: StoredValue<Vec<String>>,
    /// The form began with what was typed before.
    restored: RwSignal<bool>,
}

impl Draft {
    /// Puts back what was typed before, and keeps what is typed from now on.
    pub(super) fn of(fields: Vec<RwSignal<String>>) -> Self {
        let fresh: Vec<String> = fields.iter().map(|field| field.get_untracked()).collect();
        let kept = Self::kept();
        let kept: Vec<&str> = kept.split(SEPARATOR).collect();
        // A form of another version has other fields.
        let restored = kept.len() == fields.len();
        if restored {
            for (field, text) in fields.iter().zip(kept) {
                field.set(text.to_owned());
            }
        }
        let draft = Self {
            fields: StoredValue::new(fields),
            fresh: StoredValue::new(fresh),
            restored: RwSignal::new(restored),
        };
        Effect::new(move |_| draft.keep());
        draft
    }

    fn keep(self) {
        let now: Vec<String> = self.fields.with_value(|fields| fields.iter().map(|field| field.get()).collect());
        let touched = self.fresh.with_value(|fresh| *fresh != now);
        dom::remember(KEY, &if touched { now.join(SEPARATOR) } else { String::new() });
    }

    /// What is kept now.
    pub(super) fn kept() -> String {
        dom::remembered(KEY).unwrap_or_default()
    }

    /// It was sent.
    pub(super) fn forget(self) {
        dom::remember(KEY, "");
    }

    fn start_over(self) {
        let fresh = self.fresh.get_value();
        self.fields.with_value(|fields| fields.iter().zip(fresh).for_each(|(field, text)| field.set(text)));
        self.restored.set(false);
    }

    /// Says where the words come from, and offers to be rid of them.
    pub(super) fn notice(self) -> AnyView {
        view! {
            <p class="draft-note" role="status" hidden=move || !self.restored.get()>
                <span>{t::kanban_draft_kept()}</span>
                <button type="button" class="btn btn-quiet btn-small" on:click=move |_| self.start_over()>{t::kanban_start_over()}</button>
            </p>
        }
        .into_any()
    }
}
