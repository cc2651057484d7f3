//! The focus stays on its card when the card goes elsewhere: an element that is drawn anew, or moves in the document,
//! loses it, and the next key would begin from nowhere.
use std::cell::Cell;

use leptos::prelude::*;
use protocol::CardId;
use wasm_bindgen::JsCast;
use web_sys::{Element, FocusOptions, HtmlElement, ScrollIntoViewOptions, ScrollLogicalPosition};

thread_local! {
    static HELD: Cell<Option<CardId>> = const { Cell::new(None) };
}

/// The card that gets the focus back; it is drawn wherever it stands.
#[must_use]
pub fn held() -> Option<CardId> {
    HELD.get()
}

/// The card that an element belongs to.
pub fn card_of(target: Option<web_sys::EventTarget>) -> Option<CardId> {
    let slot = target?.dyn_into::<Element>().ok()?.closest("[data-card]").ok()??;
    slot.get_attribute("data-card")?.parse().ok()
}

/// Before a card goes to another place: if it has the focus, it has it there again. Nothing scrolls.
pub fn keep(id: CardId) {
    let active = document().active_element();
    if active.is_some_and(|active| active.closest(&slot(id)).is_ok_and(|found| found.is_some())) {
        give(id, false);
    }
}

/// Gives a card the focus where it is drawn next, and brings it into view.
pub fn follow(id: CardId) {
    give(id, true);
}

/// In the first frame its column chooses what is drawn; in the second it is there.
fn give(id: CardId, into_view: bool) {
    HELD.set(Some(id));
    request_animation_frame(move || {
        request_animation_frame(move || {
            if HELD.get() != Some(id) {
                return;
            }
            HELD.set(None);
            let Ok(Some(slot)) = document().query_selector(&slot(id)) else { return };
            // Whoever has taken the focus meanwhile keeps it.
            if document().active_element().is_none_or(|active| active.tag_name() == "BODY") {
                focus_title(&slot);
            }
            if into_view {
                show(&slot);
            }
        });
    });
}

fn focus_title(slot: &Element) {
    let link = slot.query_selector("a.card-title").ok().flatten();
    let options = FocusOptions::new();
    options.set_prevent_scroll(true);
    if let Some(link) = link.and_then(|link| link.dyn_into::<HtmlElement>().ok()) {
        // silent-ok: an element that cannot take the focus leaves it where it is.
        let _ = link.focus_with_options(&options);
    }
}

/// Scrolls as little as needed to see a card whole.
pub fn show(slot: &Element) {
    let options = ScrollIntoViewOptions::new();
    options.set_block(ScrollLogicalPosition::Nearest);
    options.set_inline(ScrollLogicalPosition::Nearest);
    slot.scroll_into_view_with_scroll_into_view_options(&options);
    // The panel beside the board lies over it.
    let covers = document().query_selector(".peek").ok().flatten();
    if let (Some(cover), Ok(Some(columns))) = (covers, slot.closest(".columns")) {
        let over = slot.get_bounding_client_rect().right() - cover.get_bounding_client_rect().left();
        if over > 0.0 {
            columns.scroll_by_with_x_and_y(over + 12.0, 0.0);
        }
    }
}

fn slot(id: CardId) -> String {
    format!("[data-card='{id}']")
}
