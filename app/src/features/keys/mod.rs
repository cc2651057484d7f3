//! The keys of the app: what each does, and another one in its place.
use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use crate::i18n::t;
use crate::ui::{dom, keymap};

/// Begins the chords.
const CHORD: char = 'g';

/// What a key does, in words.
type What = fn() -> &'static str;
/// A key that can be another one.
type Own = (char, What);

/// Those that can be chosen, by their usual keys.
const OWN: [Own; 15] = [
    ('j', t::keys_down),
    ('k', t::keys_up),
    ('h', t::keys_left),
    ('l', t::keys_right),
    ('x', t::keys_select),
    ('m', t::keys_move),
    ('s', t::keys_status),
    ('a', t::keys_assignee),
    ('p', t::keys_priority),
    ('d', t::keys_depends),
    ('e', t::keys_edit),
    ('#', t::keys_archive),
    ('c', t::keys_new),
    ('/', t::keys_search),
    ('?', t::keys_help),
];

/// Those that are what people have in their fingers. `Mod` is ⌘ on a Mac and Ctrl elsewhere.
const FIXED: [(&str, What); 7] = [
    ("↵", t::keys_open),
    ("␣", t::peek_key),
    ("Mod+A", t::keys_select_all),
    ("Mod+K", t::keys_palette),
    ("Mod+Z", t::keys_undo),
    ("Mod+⇧Z", t::keys_redo),
    ("G", t::keys_go),
];

/// The list, each key with a button that takes another one.
pub fn list() -> AnyView {
    // Which one waits for a key; turned over when any was chosen.
    let (waiting, changed) = (RwSignal::new(None::<char>), RwSignal::new(0_u32));
    let problem = RwSignal::new(String::new());
    let own = OWN.map(|own| own_row(own, waiting, changed, problem)).collect_view();
    let is_mac = window().navigator().user_agent().is_ok_and(|agent| agent.contains("Mac OS X"));
    let command = if is_mac { "⌘" } else { "Ctrl " };
    let fixed = FIXED
        .map(|(key, what)| {
            view! {
                <dt><kbd>{key.replace("Mod+", command)}</kbd></dt>
                <dd>{what()}</dd>
            }
        })
        .collect_view();
    let reset = move |_| {
        keymap::reset();
        problem.set(String::new());
        changed.update(|changed| *changed += 1);
    };
    let is_changed = move || {
        changed.track();
        keymap::is_changed()
    };
    view! {
        <p class="hint">{t::keys_hint()}</p>
        <p class="field-error" role="alert">{move || problem.get()}</p>
        <dl class="keys">{own}{fixed}</dl>
        <button type="button" class="btn btn-small" hidden=move || !is_changed() on:click=reset>{t::keys_reset()}</button>
    }
    .into_any()
}

fn own_row(
    (usual, what): Own,
    waiting: RwSignal<Option<char>>,
    changed: RwSignal<u32>,
    problem: RwSignal<String>,
) -> AnyView {
    let shown = move || {
        changed.track();
        keymap::shown(&usual.to_ascii_uppercase().to_string())
    };
    let waits = move || waiting.get() == Some(usual);
    let pressed = move |event: KeyboardEvent| {
        if waiting.get_untracked() != Some(usual) || matches!(event.key().as_str(), "Tab" | "Shift") {
            return;
        }
        // Whatever the key does elsewhere, it is only named here.
        event.prevent_default();
        event.stop_propagation();
        match taken(&event, usual) {
            Ok(Some(key)) => {
                keymap::choose(usual, key);
                changed.update(|changed| *changed += 1);
                problem.set(String::new());
            }
            Ok(None) => problem.set(String::new()),
            Err(text) => return problem.set(text),
        }
        waiting.set(None);
    };
    view! {
        <dt>
            <button
                type="button"
                class="key-own"
                aria-label=move || t::keys_change(what(), &shown())
                on:click=move |event| {
                    // Safari gives no button the focus.
                    if let Some(button) = event.current_target().and_then(|button| button.dyn_into().ok()) {
                        dom::focus(&button);
                    }
                    waiting.update(|waiting| *waiting = (*waiting != Some(usual)).then_some(usual));
                }
                on:keydown=pressed
                on:blur=move |_| waiting.update(|waiting| *waiting = waiting.filter(|key| *key != usual))
            >
                <kbd class:is-waiting=waits>{move || if waits() { "…".to_owned() } else { shown() }}</kbd>
            </button>
        </dt>
        <dd>{move || if waits() { t::keys_press() } else { what() }}</dd>
    }
    .into_any()
}

/// The key that was pressed for a meaning; `None` when it shall stay as it is.
fn taken(event: &KeyboardEvent, usual: char) -> Result<Option<char>, String> {
    let key = event.key();
    if key == "Escape" {
        return Ok(None);
    }
    let mut chars = key.chars();
    let (Some(key), None) = (chars.next(), chars.next()) else { return Err(t::keys_only_signs().to_owned()) };
    if key.is_whitespace() || event.ctrl_key() || event.meta_key() || event.alt_key() {
        return Err(t::keys_only_signs().to_owned());
    }
    let meaning = keymap::meaning(&key.to_ascii_lowercase().to_string());
    let other = OWN.iter().find(|(own, _)| *own != usual && meaning == own.to_string());
    match other {
        Some((_, what)) => Err(t::keys_taken(&key.to_ascii_uppercase().to_string(), what())),
        None if key.to_ascii_lowercase() == CHORD => Err(t::keys_taken("G", t::keys_go())),
        None => Ok(Some(key)),
    }
}
