//! What is typed and not sent yet. While there is any, nothing may take the page away unasked: no link, no closed
//! window, no update.
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use crate::i18n::t;

/// The open drafts. One for the whole app, in the context.
#[derive(Debug, Clone, Copy)]
pub struct Drafts {
    open: RwSignal<u32>,
}

impl Drafts {
    /// Puts the count into the context and guards the ways out of the page.
    pub fn provide() -> Self {
        let drafts = Self { open: RwSignal::new(0) };
        provide_context(drafts);
        Effect::new(move |_| drafts.guard());
        drafts
    }

    /// Whether anything is typed and not sent.
    #[must_use]
    pub fn any(self) -> bool {
        self.open.get() > 0
    }

    /// Counts a draft while `dirty` says so and the component lives.
    pub fn hold(self, dirty: Signal<bool>) {
        let held = StoredValue::new(false);
        let set = move |wanted: bool| {
            if held.try_get_value() != Some(wanted) {
                held.try_set_value(wanted);
                self.open.try_update(|open| *open = if wanted { *open + 1 } else { open.saturating_sub(1) });
            }
        };
        Effect::new(move |_| set(dirty.get()));
        on_cleanup(move || {
            if held.try_get_value() == Some(true) {
                self.open.try_update(|open| *open = open.saturating_sub(1));
            }
        });
    }

    /// Whether the page may go: nothing is typed, or the person says so.
    #[must_use]
    pub fn may_leave(self) -> bool {
        !self.any_now() || confirmed()
    }

    fn any_now(self) -> bool {
        self.count() > 0
    }

    /// How many there are now.
    pub(super) fn count(self) -> u32 {
        self.open.try_get_untracked().unwrap_or(0)
    }

    fn guard(self) {
        let unload = window_event_listener(leptos::ev::beforeunload, move |event| {
            if self.any_now() {
                event.prevent_default();
            }
        });
        on_cleanup(move || unload.remove());
        // Before the router, which listens further in.
        let leave =
            wasm_bindgen::closure::Closure::<dyn FnMut(web_sys::MouseEvent)>::new(move |event: web_sys::MouseEvent| {
                if leads_away(&event) && !self.may_leave() {
                    event.prevent_default();
                    event.stop_propagation();
                }
            })
            .into_js_value();
        // silent-ok: the name is a constant that every browser knows.
        let _ = window().add_event_listener_with_callback_and_bool("click", leave.unchecked_ref(), true);
    }
}

/// Whether a click is about to open another page in this window.
fn leads_away(event: &web_sys::MouseEvent) -> bool {
    let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    let Some(link) = target.and_then(|target| target.closest("a[href]").ok().flatten()) else { return false };
    let other_window = event.ctrl_key() || event.meta_key() || event.shift_key() || link.has_attribute("target");
    !other_window && link.get_attribute("href").is_some_and(|href| !href.starts_with('#'))
}

/// Whether the person lets go what is typed.
pub(super) fn confirmed() -> bool {
    // silent-ok: a browser without this question lets people go.
    window().confirm_with_message(t::common_leave_draft()).unwrap_or(true)
}
