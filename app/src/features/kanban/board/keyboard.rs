//! The board by keyboard: the focus walks over the cards, single keys act on the focused one.
use leptos::ev;
use leptos::prelude::*;
use leptos::reactive::spawn_local_scoped;
use leptos::task::spawn_local;
use protocol::{CardId, CardState};
use wasm_bindgen::JsCast;
use web_sys::{Element, KeyboardEvent};

use super::forms::Form;
use super::menu::MenuFor;
use super::model::{Board, Place};
use super::peek;
use super::{BoardUi, attention, drag, focus as card_focus, window};
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::{Overlays, dom, keymap};

/// A key, without the event that brought it.
#[derive(Debug, Clone)]
struct Key {
    name: String,
    /// Ctrl or ⌘.
    command: bool,
    shift: bool,
}

/// Listens while the board is on screen. What keys do is fetched meanwhile.
pub fn listen(board: Board, ui: BoardUi) {
    let overlays = expect_context::<Overlays>();
    Effect::new(move |_| {
        let handle = window_event_listener(ev::keydown, move |event: KeyboardEvent| {
            if overlays.any() || dom::is_typing() || event.alt_key() {
                return;
            }
            // Escape ends a drag, and nothing else.
            if drag::is_lifted() {
                return;
            }
            // With Ctrl or ⌘ keys mean what they mean everywhere.
            let command = event.ctrl_key() || event.meta_key();
            let name = if command { event.key() } else { keymap::meaning(&event.key()) };
            let key = Key { name, command, shift: event.shift_key() };
            // The browser would scroll, select the page or look for text.
            let taken = match key.name.as_str() {
                "z" | "Z" | "a" => key.command,
                "/" | "ArrowUp" | "ArrowDown" | "ArrowLeft" | "ArrowRight" => !key.command,
                "Enter" => board.carried.with_untracked(Option::is_some),
                // On a button it presses, elsewhere it would scroll.
                " " => board.carried.with_untracked(Option::is_some) || on_card(),
                _ => false,
            };
            if taken {
                event.prevent_default();
            }
            // At once: what is typed next belongs into the field.
            if key.name == "/" && !key.command {
                ui.search_board();
            }
            spawn_local(work(board, ui, Some(key)));
        });
        // What it begins ends with the board.
        spawn_local_scoped(work(board, ui, None));
        on_cleanup(move || handle.remove());
    });
}

/// What goes on beside the board: keys, and without one dragging, the count of what needs attention and the choice of
/// what is drawn. One file of code, because each is named in the first load.
#[lazy]
fn work(board: Board, ui: BoardUi, key: Option<Key>) {
    // Left while this was on its way.
    if board.is_gone() {
        return;
    }
    match key {
        Some(key) => press(board, ui, key),
        None => {
            drag::attach(board, ui.root);
            attention::follow(board, ui);
            window::follow(board, ui);
        }
    }
}

/// Does what a key means.
fn press(board: Board, ui: BoardUi, key: Key) {
    if board.carried.with_untracked(Option::is_some) {
        carry(board, &key);
        return;
    }
    if key.command {
        match (key.name.as_str(), key.shift) {
            ("z" | "Z", true) => board.redo_last(),
            ("z", false) => board.undo_last(),
            ("a", false) => board.select_all(),
            _ => {}
        }
        return;
    }
    match key.name.as_str() {
        "J" => extend(board, 1),
        "K" => extend(board, -1),
        "j" | "ArrowDown" => peek_along(ui, || step(board, 1)),
        "k" | "ArrowUp" => peek_along(ui, || step(board, -1)),
        "h" | "H" | "ArrowLeft" => peek_along(ui, || side(board, -1)),
        "l" | "L" | "ArrowRight" => peek_along(ui, || side(board, 1)),
        "?" => ui.open_form(Form::Keys),
        " " if on_card() => peek::toggle(ui, focused_card().and_then(|slot| id_of(&slot))),
        "Escape" if ui.peek.read_untracked().is_some() => peek::toggle(ui, None),
        "Escape" if !board.selection.read_untracked().is_empty() => board.clear_selection(),
        name => act(board, ui, name),
    }
}

/// Whether the focus is on a card's title.
fn on_card() -> bool {
    document().active_element().is_some_and(|active| active.class_list().contains("card-title"))
}

/// Moves the focus; the panel beside the board goes along. From within the panel the walk starts at its card.
fn peek_along(ui: BoardUi, walk: impl Fn()) {
    let Some(shown) = ui.peek.get_untracked() else { return walk() };
    if focused_card().is_none()
        && let Ok(Some(link)) = document().query_selector(&format!("[data-card='{shown}'] a.card-title"))
    {
        dom::focus(&link);
    }
    walk();
    if let Some(id) = focused_card().and_then(|slot| id_of(&slot)).filter(|id| *id != shown) {
        ui.peek.set(Some(id));
    }
}

/// Keys that act on the focused card, or on the selection when it is part of it.
fn act(board: Board, ui: BoardUi, key: &str) {
    let focused = focused_card().and_then(|slot| id_of(&slot));
    let Some(id) = focused.or_else(|| board.selection.with_untracked(|selection| selection.last().copied())) else {
        return;
    };
    let meant = || board.meant_by(id);
    match key {
        "x" | "X" => board.toggle(id),
        "m" | "M" => board.pick_up(id),
        "s" | "S" => ui.open_card_menu(MenuFor::Status(meant()), id),
        "a" | "A" => ui.open_card_menu(MenuFor::Assignee(meant()), id),
        "p" | "P" => ui.open_card_menu(MenuFor::Priority(meant()), id),
        "d" | "D" => ui.open_form(Form::Depends(id)),
        "e" | "E" => ui.open_editor(id),
        "#" => {
            step(board, 1);
            board.move_cards(meant(), CardState::Archived, Place::default());
        }
        _ => {}
    }
}

/// While a card is carried, the arrows move it.
fn carry(board: Board, key: &Key) {
    match key.name.as_str() {
        "ArrowLeft" | "h" => board.carry(-1, 0),
        "ArrowRight" | "l" => board.carry(1, 0),
        "ArrowUp" | "k" => board.carry(0, -1),
        "ArrowDown" | "j" => board.carry(0, 1),
        "Enter" | " " => board.put_down(),
        "Escape" | "Tab" => board.carry_back(),
        _ => {}
    }
}

/// Selects the focused card and the next one, and goes there.
fn extend(board: Board, by: i32) {
    let Some(id) = focused_card().and_then(|slot| id_of(&slot)) else { return step(board, by) };
    if board.card(id).is_some_and(|model| !model.selected.get_untracked()) {
        board.toggle(id);
    }
    step(board, by);
    if let Some(next) = focused_card().and_then(|slot| id_of(&slot)).filter(|next| *next != id)
        && board.card(next).is_some_and(|model| !model.selected.get_untracked())
    {
        board.toggle(next);
    }
}

fn focused_card() -> Option<Element> {
    document().active_element()?.closest("[data-card]").ok().flatten()
}

fn id_of(slot: &Element) -> Option<CardId> {
    slot.get_attribute("data-card")?.parse().ok()
}

/// Up or down within the column; from nowhere to the first card of all.
fn step(board: Board, by: i32) {
    let Some(slot) = focused_card() else {
        if let Ok(Some(first)) = document().query_selector("[data-card]") {
            focus(board, &first);
        }
        return;
    };
    // Over lanes, too: all cards of the column, in order.
    let Ok(Some(column)) = slot.closest("[data-column]") else { return };
    let Ok(slots) = column.query_selector_all("[data-card]") else { return };
    let slots: Vec<Element> = (0..slots.length()).filter_map(|index| slots.item(index)?.dyn_into().ok()).collect();
    let at = slots.iter().position(|other| other.is_same_node(Some(&slot))).unwrap_or(0);
    let next = if by > 0 { Some(at + 1) } else { at.checked_sub(1) };
    if let Some(next) = next.and_then(|next| slots.get(next)) {
        focus(board, next);
    }
}

/// To the card at the same height in the next column that has any.
fn side(board: Board, by: i32) {
    let Some(slot) = focused_card() else { return step(board, 1) };
    let height = slot.get_bounding_client_rect().top();
    let Ok(Some(mut column)) = slot.closest("[data-column]") else { return };
    loop {
        let next = if by > 0 { column.next_element_sibling() } else { column.previous_element_sibling() };
        let Some(next) = next else { return };
        column = next;
        let Ok(slots) = column.query_selector_all("[data-card]") else { return };
        let slots = (0..slots.length()).filter_map(|index| slots.item(index)?.dyn_into::<Element>().ok());
        let distance = |slot: &Element| (slot.get_bounding_client_rect().top() - height).abs();
        if let Some(nearest) = slots.min_by(|a, b| distance(a).total_cmp(&distance(b))) {
            return focus(board, &nearest);
        }
    }
}

/// Focuses a card's link and says where it is.
fn focus(board: Board, slot: &Element) {
    let Ok(Some(link)) = slot.query_selector("a.card-title") else { return };
    dom::focus(&link);
    card_focus::show(slot);
    let Some(card) = id_of(slot).and_then(|id| board.face(id)) else { return };
    let Some(column) = board.column(card.state) else { return };
    let place = column.ids.with_untracked(|ids| ids.iter().position(|id| *id == card.id)).map_or(1, |place| place + 1);
    board.announce(t::kanban_announce_place(
        &words::label(card.number),
        words::state_name(card.state),
        &place.to_string(),
        &column.total.get_untracked().to_string(),
    ));
}
