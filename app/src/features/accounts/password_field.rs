//! A password: typed unseen, shown on demand, its error right below.
use leptos::html;
use leptos::prelude::*;

use crate::i18n::t;
use crate::ui::{Icon, icon};

/// One password field. Its text is read from the element when the form is sent, because password managers may fill it
/// before the page has come to life.
#[component]
pub(super) fn PasswordField(
    /// Its element.
    node: NodeRef<html::Input>,
    /// The `id`, which ties label, hint and error to it.
    id: &'static str,
    /// Its label.
    label: &'static str,
    /// `current-password` or `new-password`.
    autocomplete: &'static str,
    /// Whether the text can be read; fields of one form share it.
    shown: RwSignal<bool>,
    /// What to know before typing.
    #[prop(optional)]
    hint: Option<String>,
    /// What is wrong, empty when nothing is.
    error: RwSignal<String>,
    /// Has the button that shows the text.
    #[prop(default = true)]
    toggle: bool,
    /// Takes the focus when the page opens.
    #[prop(optional)]
    autofocus: bool,
) -> impl IntoView {
    let (hint_id, error_id) = (format!("{id}-hint"), format!("{id}-error"));
    let described_by = format!("{hint_id} {error_id}");
    view! {
        <div class="field">
            <label class="field-label" for=id>{label}</label>
            <div class="password">
                <input
                    node_ref=node
                    id=id
                    name=id
                    type=move || if shown.get() { "text" } else { "password" }
                    autocomplete=autocomplete
                    autocapitalize="none"
                    spellcheck="false"
                    required
                    autofocus=autofocus
                    aria-describedby=described_by
                    aria-invalid=move || (!error.read().is_empty()).then_some("true")
                    on:input=move |_| error.set(String::new())
                />
                {toggle.then(|| view! {
                    <button
                        type="button"
                        class="icon-btn"
                        aria-label=t::accounts_show_password()
                        aria-pressed=move || if shown.get() { "true" } else { "false" }
                        on:click=move |_| shown.update(|shown| *shown = !*shown)
                    >
                        {icon(Icon::Eye)}
                    </button>
                })}
            </div>
            <span class="field-hint" id=hint_id hidden=hint.is_none()>{hint.clone()}</span>
            <span class="field-error" id=error_id role="alert" hidden=move || error.read().is_empty()>{move || error.get()}</span>
        </div>
    }
}

/// What a field holds now.
pub(super) fn text_of(node: NodeRef<html::Input>) -> String {
    node.get_untracked().map(|input| input.value()).unwrap_or_default()
}

/// Brings the person to a field.
pub(super) fn focus(node: NodeRef<html::Input>) {
    if let Some(input) = node.get_untracked() {
        crate::ui::dom::focus(&input);
    }
}
