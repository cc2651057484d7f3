//! New versions: said once, applied by a tap, and never while something is typed and not sent. And parts of this one
//! that cannot be fetched, be it that the server is out of reach or that it has a newer version.
use std::cell::Cell;
use std::time::Duration;

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;

use super::worker;
use crate::i18n::t;
use crate::ui::{Drafts, Toast, Toasts, Tone, missing_words, on_missing};

/// The new worker takes over within moments; if it does not, the page is loaded anew all the same.
const PATIENCE: Duration = Duration::from_secs(3);

thread_local! {
    static RELOADING: Cell<bool> = const { Cell::new(false) };
}

/// Whether a new version waits. One for the whole app, in the context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Updates {
    ready: RwSignal<bool>,
}

impl Updates {
    /// Puts it into the context and tells the person at the next quiet moment.
    pub fn provide(toasts: Toasts, drafts: Drafts) -> Self {
        let updates = Self { ready: RwSignal::new(false) };
        provide_context(updates);
        // Here, because what an effect makes ends with its next run.
        let reload = Callback::new(move |()| apply(toasts, drafts));
        Effect::new(move |told: Option<bool>| {
            let told = told.unwrap_or(false);
            let tell = updates.ready.get() && !drafts.any();
            if tell && !told {
                toasts.show(Toast {
                    text: t::shell_new_version().into(),
                    tone: Tone::Accent,
                    action: Some((t::shell_reload().into(), reload)),
                    undo: None,
                    stays: true,
                });
            }
            told || tell
        });
        Effect::new(move |_| {
            on_missing(move |newer| {
                let (text, label) = missing_words(newer);
                // The press itself makes the loader try again.
                let action = if newer { reload } else { Callback::new(|()| ()) };
                toasts.show(Toast {
                    text: text.into(),
                    tone: Tone::Danger,
                    action: Some((label.into(), action)),
                    undo: None,
                    stays: newer,
                });
            });
        });
        updates
    }

    /// There is one.
    pub fn found(self) {
        self.ready.set(true);
    }
}

fn apply(toasts: Toasts, drafts: Drafts) {
    if untrack(|| drafts.any()) {
        toasts.say(t::shell_update_later());
        return;
    }
    let Some(waiting) = worker::registration().and_then(|registration| registration.waiting()) else { return reload() };
    if let Some(container) = worker::container() {
        let taken_over = Closure::<dyn FnMut()>::new(reload).into_js_value();
        container.set_oncontrollerchange(Some(taken_over.unchecked_ref()));
    }
    // silent-ok: a worker that cannot hear takes over when the last window closes; the page is loaded anew below.
    let _ = waiting.post_message(&"SKIP_WAITING".into());
    set_timeout(reload, PATIENCE);
}

fn reload() {
    if !RELOADING.replace(true) {
        // silent-ok: a browser that refuses to reload leaves the page as it is.
        let _ = window().location().reload();
    }
}
