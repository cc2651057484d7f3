//! Finding anything by typing: pages, boards, cards, and what can be done on the board below. Opened by ⌘K from everywhere,
//! and by hand from the inbox and the menu of boards; the code is fetched when it first opens. Beside it the chords that
//! lead to a page: G, then a letter.
mod list;

use std::cell::Cell;

use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;
use protocol::CardId;

use crate::features::kanban::card_of;
use crate::i18n::t;
use crate::layout::{Finding, NewCard};
use crate::ui::{Dialog, Drafts, Overlays, dom, later};

/// The second key of a chord must follow within this.
const CHORD_MS: i64 = 800;

thread_local! {
    /// When G was pressed.
    static CHORD: Cell<i64> = const { Cell::new(0) };
}

/// Leads to an address.
pub(super) type Go = Box<dyn Fn(&str) + Send + Sync>;

/// The palette and the chords, for as long as the app runs.
#[component]
pub fn Palette(
    /// Whether it is open.
    finding: Finding,
    /// Opens the dialog for a new card.
    new_card: NewCard,
    /// Pages before signing in have neither.
    bare: Memo<bool>,
) -> impl IntoView {
    let open = finding.0;
    let navigate = use_navigate();
    let overlays = expect_context::<Overlays>();
    let drafts = expect_context::<Drafts>();
    let go: Go = Box::new(move |address: &str| {
        if !drafts.may_leave() {
            return;
        }
        // The palette's own entry in the history becomes the page's.
        let replace = overlays.any();
        overlays.leave();
        navigate(address, NavigateOptions { replace, ..NavigateOptions::default() });
    });
    let go = StoredValue::new(go);
    // The card that had the focus when the palette was opened.
    let focused = StoredValue::new(None::<CardId>);
    Effect::new(move |_| {
        let handle = window_event_listener(leptos::ev::keydown, move |event| {
            if bare.get_untracked() {
                return;
            }
            let key = event.key();
            if (event.ctrl_key() || event.meta_key()) && matches!(key.as_str(), "k" | "K") {
                event.prevent_default();
                focused.set_value(card_of(document().active_element().map(Into::into)));
                open.update(|open| *open = !*open);
                return;
            }
            let plain = !(event.ctrl_key() || event.meta_key() || event.alt_key());
            if !plain || overlays.any() || dom::is_typing() {
                return;
            }
            let now = dom::now_ms();
            let begun = CHORD.replace(if matches!(key.as_str(), "g" | "G") { now } else { 0 });
            let page = match key.as_str() {
                "i" | "I" => "/inbox",
                "b" | "B" => "/board",
                "," => "/settings",
                _ => return,
            };
            if now - begun < CHORD_MS {
                event.prevent_default();
                go.with_value(|go| go(page));
            }
        });
        on_cleanup(move || handle.remove());
    });
    view! {
        <Dialog open title=t::palette_title()>
            <div class="palette-box">{later(list::list(open, go, new_card, focused))}</div>
        </Dialog>
    }
}
