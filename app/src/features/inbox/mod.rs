//! The inbox: everything that waits for a person.
use leptos::prelude::*;

use crate::i18n::t;

/// The inbox.
#[component]
pub fn InboxPage() -> impl IntoView {
    view! { <h1>{t::shell_inbox()}</h1> }
}
