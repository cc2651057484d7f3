//! Keeps the end of a text that grows in view, until somebody scrolls away from it.
use leptos::prelude::*;
use web_sys::Element;

/// Closer to the end than this, it follows.
const PINNED_PX: i32 = 80;

/// Whether the end is kept in view.
#[derive(Debug, Clone, Copy)]
pub(super) struct Follow {
    on: RwSignal<bool>,
}

impl Follow {
    pub(super) fn new() -> Self {
        Self { on: RwSignal::new(true) }
    }

    pub(super) fn is_on(self) -> bool {
        self.on.get()
    }

    /// Something was added.
    pub(super) fn grown(self, text: &Element) {
        if self.on.get_untracked() {
            to_end(text);
        }
    }

    /// Somebody scrolled, or it was scrolled to the end.
    pub(super) fn scrolled(self, text: &Element) {
        let pinned = text.scroll_height() - text.scroll_top() - text.client_height() < PINNED_PX;
        if self.on.get_untracked() != pinned {
            self.on.set(pinned);
        }
    }

    /// Something else is looked at.
    pub(super) fn stop(self) {
        self.on.set(false);
    }

    /// Turns it on, at the end, or off.
    pub(super) fn toggle(self, text: Option<&Element>) {
        self.on.update(|on| *on = !*on);
        if let (true, Some(text)) = (self.on.get_untracked(), text) {
            to_end(text);
        }
    }
}

pub(super) fn to_end(text: &Element) {
    text.set_scroll_top(text.scroll_height());
}

/// Adds to the last text of an element, without making what is there anew.
pub(super) fn append_text(node: &Element, text: &str) {
    if text.is_empty() {
        return;
    }
    let last = node.last_child().and_then(|last| wasm_bindgen::JsCast::dyn_into::<web_sys::Text>(last).ok());
    // silent-ok: appending text to a node in the page cannot fail.
    let _ = match last {
        Some(last) => last.append_data(text),
        None => node.append_with_str_1(text),
    };
}
