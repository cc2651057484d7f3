//! The board by keyboard: the focus walks over the cards, single keys act on the focused one.
use leptos::ev;
use leptos::prelude::*;
use protocol::{CardId, CardState};
use wasm_bindgen::JsCast;
use web_sys::{Element, KeyboardEvent};

use super::model::{Board, Place};
use super::{BoardUi, MenuFor};
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::{Dialog, Overlays, Toasts, dom};

/// Listens while the board is on screen.
pub fn listen(board: Board, ui: BoardUi) {
    let (overlays, toasts) = (expect_context::<Overlays>(), expect_context::<Toasts>());
    Effect::new(move |_| {
        let handle = window_event_listener(ev::keydown, move |event| {
            if !overlays.any() && !dom::is_typing() && press(board, ui, toasts, &event) {
                event.prevent_default();
            }
        });
        on_cleanup(move || handle.remove());
    });
}

/// Whether the key meant something here.
fn press(board: Board, ui: BoardUi, toasts: Toasts, event: &KeyboardEvent) -> bool {
    if event.ctrl_key() || event.meta_key() {
        if event.key() != "z" || event.shift_key() {
            return false;
        }
        let Some(undo) = toasts.newest_action() else { return false };
        undo.run(());
        return true;
    }
    if event.alt_key() {
        return false;
    }
    let focused = focused_card();
    match event.key().as_str() {
        "j" | "J" | "ArrowDown" => step(board, 1),
        "k" | "K" | "ArrowUp" => step(board, -1),
        "h" | "H" | "ArrowLeft" => side(board, -1),
        "l" | "L" | "ArrowRight" => side(board, 1),
        "?" => {
            ui.help_open.set(true);
            true
        }
        key => {
            let Some(id) = focused.and_then(|slot| id_of(&slot)) else { return false };
            match key {
                "m" | "M" | "s" | "S" => ui.open_menu(id, MenuFor::Moving),
                "e" | "E" => ui.open_editor(id),
                "#" => {
                    step(board, 1);
                    board.move_card(id, CardState::Archived, Place::default());
                }
                _ => return false,
            }
            true
        }
    }
}

fn focused_card() -> Option<Element> {
    document().active_element()?.closest("[data-card]").ok().flatten()
}

fn id_of(slot: &Element) -> Option<CardId> {
    slot.get_attribute("data-card")?.parse().ok()
}

/// Up or down within the column; from nowhere to the first card of all.
fn step(board: Board, by: i32) -> bool {
    let Some(slot) = focused_card() else {
        let first = document().query_selector("[data-card]").ok().flatten();
        return first.is_some_and(|first| focus(board, &first));
    };
    let next = if by > 0 { slot.next_element_sibling() } else { slot.previous_element_sibling() };
    next.is_some_and(|next| focus(board, &next))
}

/// To the card at the same height in the next column that has any.
fn side(board: Board, by: i32) -> bool {
    let Some(slot) = focused_card() else { return step(board, 1) };
    let height = slot.get_bounding_client_rect().top();
    let Ok(Some(mut column)) = slot.closest("[data-column]") else { return false };
    loop {
        let next = if by > 0 { column.next_element_sibling() } else { column.previous_element_sibling() };
        let Some(next) = next else { return false };
        column = next;
        let Ok(slots) = column.query_selector_all("[data-card]") else { return false };
        let slots = (0..slots.length()).filter_map(|index| slots.item(index)?.dyn_into::<Element>().ok());
        let distance = |slot: &Element| (slot.get_bounding_client_rect().top() - height).abs();
        if let Some(nearest) = slots.min_by(|a, b| distance(a).total_cmp(&distance(b))) {
            return focus(board, &nearest);
        }
    }
}

/// Focuses a card's link and says where it is.
fn focus(board: Board, slot: &Element) -> bool {
    let Ok(Some(link)) = slot.query_selector("a.card-title") else { return false };
    dom::focus(&link);
    let options = web_sys::ScrollIntoViewOptions::new();
    options.set_block(web_sys::ScrollLogicalPosition::Nearest);
    options.set_inline(web_sys::ScrollLogicalPosition::Nearest);
    slot.scroll_into_view_with_scroll_into_view_options(&options);
    let Some(card) = id_of(slot).and_then(|id| board.face(id)) else { return true };
    let Some(column) = board.column(card.state) else { return true };
    let place = column.ids.with_untracked(|ids| ids.iter().position(|id| *id == card.id)).map_or(1, |place| place + 1);
    board.announce(t::kanban_announce_place(
        &words::label(card.number),
        words::state_name(card.state),
        &place.to_string(),
        &column.total.get_untracked().to_string(),
    ));
    true
}

/// The list of keys.
#[component]
pub fn Help(open: RwSignal<bool>) -> impl IntoView {
    let keys = [
        ("J K", t::kanban_key_next()),
        ("H L", t::kanban_key_column()),
        ("↵", t::kanban_key_open()),
        ("M S", t::kanban_key_move()),
        ("E", t::kanban_key_edit()),
        ("#", t::kanban_key_archive()),
        ("C", t::kanban_key_new()),
        ("⌘Z", t::kanban_key_undo()),
        ("?", t::kanban_key_help()),
    ];
    view! {
        <Dialog open title=t::kanban_shortcuts()>
            <dl class="dialog-body keys">
                {keys.into_iter().map(|(keys, what)| view! {
                    <dt>{keys.split(' ').map(|key| view! { <kbd>{key}</kbd> }).collect_view()}</dt>
                    <dd>{what}</dd>
                }).collect_view()}
            </dl>
        </Dialog>
    }
}
