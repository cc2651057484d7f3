//! What is wrong with a form: said at the field that is to blame, which takes the focus, or beside the button.
use leptos::html;
use leptos::prelude::*;
use protocol::CardField;

use crate::error::ApiError;
use crate::ui::dom;

/// The problem of one form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Problem {
    said: RwSignal<(Option<CardField>, String)>,
    /// The form, in which the field is looked for.
    pub(super) form: NodeRef<html::Form>,
}

impl Problem {
    pub(super) fn new() -> Self {
        Self { said: RwSignal::new((None, String::new())), form: NodeRef::new() }
    }

    /// What is wrong with this field.
    pub(super) fn at(self, field: CardField) -> Signal<String> {
        self.of(Some(field))
    }

    /// What no field is to blame for.
    pub(super) fn elsewhere(self) -> Signal<String> {
        self.of(None)
    }

    fn of(self, field: Option<CardField>) -> Signal<String> {
        Signal::derive(move || self.said.with(|(at, text)| if *at == field { text.clone() } else { String::new() }))
    }

    pub(super) fn clear(self) {
        self.said.try_set((None, String::new()));
    }

    /// Says what is wrong, and leads there.
    pub(super) fn say(self, field: Option<CardField>, text: String) {
        if self.said.try_set((field, text)).is_none() && field.is_some() {
            request_animation_frame(move || self.lead_there());
        }
    }

    /// Says why the server refused.
    pub(super) fn refused(self, error: ApiError) {
        self.say(error.field, error.message);
    }

    fn lead_there(self) {
        let Some(form) = self.form.try_get_untracked().flatten() else { return };
        let Some(field) = form.query_selector("[aria-invalid='true']").ok().flatten() else {
            // The form has no such field, so that nobody would read it there.
            self.said.update(|(field, _)| *field = None);
            return;
        };
        if let Some(folded) = field.closest("details").ok().flatten() {
            // silent-ok: the name is a constant.
            let _ = folded.set_attribute("open", "");
        }
        dom::focus(&field);
        // The words stand below the field.
        field.parent_element().unwrap_or(field).scroll_into_view_with_bool(false);
    }
}
