//! The focus stays on its card when the card goes elsewhere: an element that is drawn anew, or moves in the document,
//! loses it, and the next key would begin from nowhere.
use std::cell::Cell;

use leptos::prelude::*;
use protocol::CardId;
use wasm_bindgen::JsCast;
use web_sys::{Element, FocusOptions, HtmlElement, ScrollIntoViewOptions, ScrollLogicalPosition};

use super::model::Board;

thread_local! {
    static HELD: Cell<Option<CardId>> = const { Cell::new(None) };
    /// The card whose menu or form has the focus now.
    static LENT: Cell<Option<CardId>> = const { Cell::new(None) };
    /// The card whose page was opened from here.
    static LEFT: Cell<Option<CardId>> = const { Cell::new(None) };
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

/// A menu or a form of this card opens; what it does to the card leaves the focus with the card.
pub fn lend(id: CardId) {
    LENT.set(Some(id));
}

/// Before a card goes to another place: if it has the focus, or what was opened from it has, it has it there again, or
/// its neighbour where it is no longer shown. Nothing scrolls.
pub fn keep(id: CardId) {
    let active = document().active_element();
    let is_within = |selector: &str| {
        active.as_ref().is_some_and(|active| active.closest(selector).is_ok_and(|found| found.is_some()))
    };
    let is_lent = LENT.get() == Some(id) && (is_within("dialog") || is_free());
    if is_lent {
        LENT.set(None);
    }
    if is_lent || is_within(&slot(id)) {
        give(id, false);
    }
}

/// Gives a card the focus where it is drawn next, also from another card, and brings it into view.
pub fn follow(id: CardId) {
    give(id, true);
}

/// In the first frame its column chooses what is drawn; in the second it is there.
fn give(id: CardId, follows: bool) {
    HELD.set(Some(id));
    let before = find(id);
    let beside = before.and_then(|slot| slot.next_element_sibling().or_else(|| slot.previous_element_sibling()));
    request_animation_frame(move || {
        request_animation_frame(move || {
            if HELD.get() != Some(id) {
                return;
            }
            HELD.set(None);
            let Some(slot) = find(id).or(beside) else { return };
            // Whoever has taken the focus meanwhile keeps it.
            if is_free() || (follows && focused().is_some()) {
                focus_title(&slot);
            }
            if follows {
                show(&slot);
            }
        });
    });
}

/// The focused card.
pub fn focused() -> Option<CardId> {
    let slot = document().active_element()?.closest("[data-card]").ok().flatten()?;
    slot.get_attribute("data-card")?.parse().ok()
}

/// A card that had the focus before its list was drawn anew has it again at once, unless it is elsewhere by now.
pub(super) fn restore(id: CardId) {
    if let (true, Some(slot)) = (is_free(), find(id)) {
        focus_title(&slot);
    }
}

/// A card's page is opened.
pub(super) fn leave(id: CardId) {
    LEFT.set(Some(id));
}

/// Back from a card's page: the card has the focus again as soon as it is on screen. Nothing scrolls: the columns are
/// where they were left.
pub(super) fn come_back(board: Board) {
    if let Some(id) = LEFT.take().filter(|id| board.face(*id).is_some()) {
        HELD.set(Some(id));
        restore_soon(id, 0);
    }
}

fn restore_soon(id: CardId, looks: u32) {
    request_animation_frame(move || {
        if HELD.get() != Some(id) {
            return;
        }
        if find(id).is_none() && looks < 120 {
            return restore_soon(id, looks + 1);
        }
        HELD.set(None);
        restore(id);
    });
}

fn is_free() -> bool {
    document().active_element().is_none_or(|active| active.tag_name() == "BODY")
}

/// Where a card is drawn.
pub(super) fn find(id: CardId) -> Option<Element> {
    document().query_selector(&slot(id)).ok().flatten()
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
