//! Light, dark, or as the system has it. Kept in this browser; the head of the document applies it before the first
//! paint.
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use crate::i18n::t;
use crate::ui::dom;

/// The name that the head of the document and the offline page use, too.
const KEY: &str = "hermes.theme";
const BARS: [(&str, &str, &str); 2] =
    [("light", "(prefers-color-scheme: light)", "#FAFAF8"), ("dark", "(prefers-color-scheme: dark)", "#0E0F12")];

/// The section.
#[component]
pub(super) fn Appearance() -> impl IntoView {
    let theme = RwSignal::new("system");
    Effect::new(move |_| theme.set(known(&dom::remembered(KEY).unwrap_or_default())));
    let themes = [
        ("system", t::settings_theme_system()),
        ("light", t::settings_theme_light()),
        ("dark", t::settings_theme_dark()),
    ];
    let choices = themes
        .map(|(value, name)| {
            view! {
                <label class="segment">
                    <input
                        type="radio"
                        name="theme"
                        value=value
                        prop:checked=move || theme.get() == value
                        on:change=move |_| {
                            theme.set(value);
                            apply(value);
                        }
                    />
                    <span>{name}</span>
                </label>
            }
        })
        .collect_view();
    view! {
        <fieldset class="segments">
            <legend class="field-label">{t::settings_theme()}</legend>
            <div class="segment-row">{choices}</div>
        </fieldset>
    }
}

fn known(text: &str) -> &'static str {
    match text {
        "light" => "light",
        "dark" => "dark",
        _ => "system",
    }
}

fn apply(theme: &'static str) {
    dom::remember(KEY, theme);
    if let Some(root) = document().document_element() {
        // silent-ok: constant names and values.
        let _ = if theme == "system" {
            root.remove_attribute("data-theme")
        } else {
            root.set_attribute("data-theme", theme)
        };
    }
    paint_bars(theme);
}

/// The colour of the browser's own bars.
fn paint_bars(theme: &str) {
    let Ok(metas) = document().query_selector_all("meta[name=theme-color]") else { return };
    for (index, (_, media, colour)) in BARS.into_iter().enumerate() {
        let Some(meta) = metas.get(index as u32).and_then(|meta| meta.dyn_into::<web_sys::Element>().ok()) else {
            continue;
        };
        let colour = BARS.iter().find(|(name, ..)| *name == theme).map_or(colour, |(_, _, chosen)| *chosen);
        // silent-ok: constant names and values.
        let _ = meta.set_attribute("content", colour);
        let _ = if theme == "system" { meta.set_attribute("media", media) } else { meta.remove_attribute("media") };
    }
}
