//! What is wrong with a form: said at the field that is to blame, which takes the focus, or beside the button.
use leptos::html;
use leptos::prelude::*;

use crate::error::ApiError;
use crate::ui::dom;

/// A field that something can be wrong with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Title,
    Body,
    Labels,
    Path,
    StartAt,
    DueAt,
    Repeat,
    Dollars,
    Tokens,
    Minutes,
    Attempts,
    Model,
    Tenant,
    Skills,
}

/// What the server's refusals begin with or say, and which field that is about. The first that fits counts.
const REFUSALS: &[(&str, Field)] = &[
    ("says not when to come again", Field::Repeat),
    ("A card needs a title", Field::Title),
    ("The title has", Field::Title),
    ("A title is one line", Field::Title),
    ("The description has", Field::Body),
    ("A label has at most", Field::Labels),
    (" labels", Field::Labels),
    ("is no skill's name", Field::Skills),
    (" skills", Field::Skills),
    ("The tenant is longer", Field::Tenant),
    ("A model's name", Field::Model),
    ("The model is longer", Field::Model),
    ("absolute path", Field::Path),
    ("There is no directory", Field::Path),
    ("no worker may work there", Field::Path),
    ("git repository", Field::Path),
    ("years ahead", Field::StartAt),
    ("A budget is more", Field::Dollars),
    ("at least one attempt", Field::Attempts),
    ("at least a second", Field::Minutes),
];

/// The problem of one form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Problem {
    said: RwSignal<(Option<Field>, String)>,
    /// The form, in which the field is looked for.
    pub(super) form: NodeRef<html::Form>,
}

impl Problem {
    pub(super) fn new() -> Self {
        Self { said: RwSignal::new((None, String::new())), form: NodeRef::new() }
    }

    /// What is wrong with this field.
    pub(super) fn at(self, field: Field) -> Signal<String> {
        self.of(Some(field))
    }

    /// What no field is to blame for.
    pub(super) fn elsewhere(self) -> Signal<String> {
        self.of(None)
    }

    fn of(self, field: Option<Field>) -> Signal<String> {
        Signal::derive(move || self.said.with(|(at, text)| if *at == field { text.clone() } else { String::new() }))
    }

    pub(super) fn clear(self) {
        self.said.try_set((None, String::new()));
    }

    /// Says what is wrong, and leads there.
    pub(super) fn say(self, field: Option<Field>, text: String) {
        if self.said.try_set((field, text)).is_none() && field.is_some() {
            request_animation_frame(move || self.lead_there());
        }
    }

    /// Says why the server refused.
    pub(super) fn refused(self, error: ApiError) {
        let found = REFUSALS.iter().find(|(words, _)| error.message.contains(words));
        self.say(found.map(|(_, field)| *field), error.message);
    }

    fn lead_there(self) {
        let Some(form) = self.form.try_get_untracked().flatten() else { return };
        let Some(field) = form.query_selector("[aria-invalid='true']").ok().flatten() else { return };
        if let Some(folded) = field.closest("details").ok().flatten() {
            // silent-ok: the name is a constant.
            let _ = folded.set_attribute("open", "");
        }
        dom::focus(&field);
        // The words stand below the field.
        field.parent_element().unwrap_or(field).scroll_into_view_with_bool(false);
    }
}
