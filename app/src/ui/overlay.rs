//! What lies over the page, and the back button: each open dialog, sheet or menu owns one history entry, so that
//! "back" closes the topmost one and a close by hand takes its entry away again.
use leptos::prelude::*;
use wasm_bindgen::JsValue;

/// The open overlays, bottom first. One for the whole app, in the context.
#[derive(Debug, Clone, Copy)]
pub struct Overlays {
    open: StoredValue<Vec<Open>>,
    /// `popstate` events that our own `history.back()` is about to cause.
    expected: StoredValue<u32>,
    /// History entries of overlays that opened while such a `back` was on its way: it would take the new entry.
    owed: StoredValue<u32>,
}

/// An open overlay.
#[derive(Debug, Clone)]
struct Open {
    overlay: RwSignal<bool>,
    /// The address it opened at.
    address: String,
    /// Asks the person when something would be lost.
    may_close: Callback<(), bool>,
    /// Leads to the address that its entry in the history has by now, when that is not the one it opened at.
    lead_back: Option<Callback<()>>,
}

fn address() -> String {
    window().location().href().unwrap_or_default()
}

impl Overlays {
    /// Puts the stack into the context and follows the back button.
    pub fn provide() {
        let overlays =
            Self { open: StoredValue::new(Vec::new()), expected: StoredValue::new(0), owed: StoredValue::new(0) };
        provide_context(overlays);
        Effect::new(move |_| {
            let handle = window_event_listener(leptos::ev::popstate, move |_| overlays.went_back());
            on_cleanup(move || handle.remove());
        });
    }

    /// Whether anything lies over the page.
    #[must_use]
    pub fn any(self) -> bool {
        self.open.with_value(|open| !open.is_empty())
    }

    pub(super) fn opened(self, overlay: RwSignal<bool>, may_close: Callback<(), bool>) {
        self.open.update_value(|open| open.push(Open { overlay, address: address(), may_close, lead_back: None }));
        if self.expected.get_value() > 0 {
            self.owed.update_value(|owed| *owed += 1);
        } else {
            push_entry();
        }
    }

    /// Closed by hand: its history entry goes.
    pub(super) fn closed(self, overlay: RwSignal<bool>) {
        let Some(opened_at) = self.take(overlay) else { return };
        // What was done in it led to another address, in the place of its entry: going back would take that away.
        if opened_at != address() {
            return;
        }
        self.expected.update_value(|expected| *expected += 1);
        if let Ok(history) = window().history() {
            // silent-ok: the entry stays, and one "back" does nothing.
            let _ = history.back();
        }
    }

    /// What is done in the topmost overlay leads to another address, in the place of its entry: "back" takes that entry,
    /// and what was done must stay. `lead_back` goes to that address again, in the place of the one before.
    pub fn leads_on(self, lead_back: Callback<()>) {
        self.open.update_value(|open| {
            if let Some(top) = open.last_mut() {
                top.lead_back = Some(lead_back);
            }
        });
    }

    /// Gone with its page: the history has moved on already.
    pub(super) fn forget(self, overlay: RwSignal<bool>) {
        self.take(overlay);
    }

    fn take(self, overlay: RwSignal<bool>) -> Option<String> {
        let found = self.open.try_update_value(|open| {
            let place = open.iter().position(|other| other.overlay == overlay);
            place.map(|place| open.remove(place).address)
        });
        found.flatten()
    }

    /// Closes everything because the person goes to another address, which must replace this one: the topmost
    /// overlay's entry becomes the new page's.
    pub fn leave(self) {
        let open = self.open.try_update_value(std::mem::take).unwrap_or_default();
        for open in open {
            open.overlay.try_set(false);
        }
    }

    fn went_back(self) {
        if self.expected.get_value() > 0 {
            self.expected.update_value(|expected| *expected -= 1);
            if self.expected.get_value() == 0 {
                (0..self.owed.get_value()).for_each(|_| push_entry());
                self.owed.set_value(0);
            }
            return;
        }
        let Some(top) = self.open.with_value(|open| open.last().cloned()) else { return };
        if top.may_close.run(()) {
            self.take(top.overlay);
            top.overlay.try_set(false);
        } else {
            // The browser has taken it; it is needed once more.
            push_entry();
        }
        if let Some(lead_back) = top.lead_back {
            lead_back.run(());
        }
    }
}

fn push_entry() {
    if let Ok(history) = window().history() {
        // silent-ok: without the entry, "back" leaves the page as it would have anyway.
        let _ = history.push_state(&JsValue::NULL, "");
    }
}
