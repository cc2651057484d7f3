//! Form fields: a label, a control, and what is wrong with it.
use leptos::html;
use leptos::prelude::*;

use super::{dialog, dom};

/// Gives a field the focus, and what was typed while its code was on the way. Not when somebody types elsewhere.
pub fn start_typing(field: web_sys::Element, value: RwSignal<String>) {
    // Before the next frame it may not be in the page.
    request_animation_frame(move || {
        if dom::is_typing() {
            return;
        }
        dom::focus(&field);
        let typed = dialog::take_typed();
        if !typed.is_empty() {
            value.try_update(|value| value.push_str(&typed));
        }
    });
}

/// A line of text.
#[component]
pub fn TextField(
    /// Its label.
    #[prop(into)]
    label: String,
    /// Its text.
    value: RwSignal<String>,
    /// The `type` attribute.
    #[prop(default = "text")]
    kind: &'static str,
    /// The `name` attribute, for password managers.
    #[prop(optional)]
    name: &'static str,
    /// The `autocomplete` attribute.
    #[prop(default = "off")]
    autocomplete: &'static str,
    /// An example.
    #[prop(optional, into)]
    placeholder: String,
    /// The `id` of a list of suggestions.
    #[prop(optional)]
    list: &'static str,
    /// What to know before typing.
    #[prop(optional, into)]
    hint: Option<String>,
    /// What is wrong, empty when nothing is.
    #[prop(optional, into)]
    error: Signal<String>,
    /// Takes the focus when it appears.
    #[prop(optional)]
    autofocus: bool,
) -> impl IntoView {
    let node = NodeRef::<html::Input>::new();
    if autofocus {
        Effect::new(move |_| {
            if let Some(field) = node.get() {
                start_typing(field.into(), value);
            }
        });
    }
    view! {
        <label class="field">
            <span class="field-label">{label}</span>
            <input
                node_ref=node
                dir="auto"
                type=kind
                name=(!name.is_empty()).then_some(name)
                autocomplete=autocomplete
                list=(!list.is_empty()).then_some(list)
                placeholder=placeholder
                autofocus=autofocus
                aria-invalid=move || (!error.read().is_empty()).then_some("true")
                bind:value=value
            />
            {hint.map(|hint| view! { <span class="field-hint">{hint}</span> })}
            <span class="field-error" role="alert" hidden=move || error.read().is_empty()>{move || error.get()}</span>
        </label>
    }
}

/// Several lines of text.
#[component]
pub fn TextArea(
    /// Its label.
    #[prop(into)]
    label: String,
    /// Its text.
    value: RwSignal<String>,
    /// An example.
    #[prop(optional, into)]
    placeholder: String,
    /// Lines shown while it is empty.
    #[prop(default = 4)]
    rows: u32,
    /// What is wrong, empty when nothing is.
    #[prop(optional, into)]
    error: Signal<String>,
    /// Takes the focus when it appears.
    #[prop(optional)]
    autofocus: bool,
) -> impl IntoView {
    let node = NodeRef::<html::Textarea>::new();
    if autofocus {
        Effect::new(move |_| {
            if let Some(field) = node.get() {
                start_typing(field.into(), value);
            }
        });
    }
    view! {
        <label class="field">
            <span class="field-label">{label}</span>
            <textarea
                node_ref=node
                dir="auto"
                rows=rows
                placeholder=placeholder
                aria-invalid=move || (!error.read().is_empty()).then_some("true")
                bind:value=value
            ></textarea>
            <span class="field-error" role="alert" hidden=move || error.read().is_empty()>{move || error.get()}</span>
        </label>
    }
}

/// A choice from a list of (value, name).
#[component]
pub fn SelectField(
    /// Its label.
    #[prop(into)]
    label: String,
    /// The chosen value.
    value: RwSignal<String>,
    /// What can be chosen.
    options: Vec<(String, String)>,
    /// What is wrong, empty when nothing is.
    #[prop(optional, into)]
    error: Signal<String>,
) -> impl IntoView {
    let options = options
        .into_iter()
        .map(|(key, name)| {
            let chosen = key == value.get_untracked();
            view! { <option value=key selected=chosen>{name}</option> }
        })
        .collect_view();
    view! {
        <label class="field">
            <span class="field-label">{label}</span>
            <select
                aria-invalid=move || (!error.read().is_empty()).then_some("true")
                prop:value=move || value.get()
                on:change=move |event| value.set(event_target_value(&event))
            >
                {options}
            </select>
            <span class="field-error" role="alert" hidden=move || error.read().is_empty()>{move || error.get()}</span>
        </label>
    }
}

/// A yes or no.
#[component]
pub fn CheckField(
    /// Its label.
    #[prop(into)]
    label: String,
    /// Whether it is on.
    value: RwSignal<bool>,
) -> impl IntoView {
    view! {
        <label class="check">
            <input type="checkbox" bind:checked=value />
            <span>{label}</span>
        </label>
    }
}
