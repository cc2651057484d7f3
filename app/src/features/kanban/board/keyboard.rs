//! The board by keyboard: the focus walks over the cards, single keys act on the focused one.
use std::cell::Cell;

use leptos::ev;
use leptos::prelude::*;
use leptos::reactive::spawn_local_scoped;
use leptos::task::spawn_local;
use protocol::{CardId, CardState, LaneBy};
use wasm_bindgen::JsCast;
use web_sys::{Element, KeyboardEvent};

use super::forms::Form;
use super::menu::MenuFor;
use super::model::{Board, Column, Place};
use super::peek;
use super::{BoardUi, attention, drag, focus as card_focus, window};
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::{Overlays, dom, keymap};

/// So many cards before the last that is loaded, the next page is asked for.
const SOON: usize = 10;

thread_local! {
    /// Steps beyond the last card that is loaded, while the next page is on its way.
    static AWAITED: Cell<usize> = const { Cell::new(0) };
    /// Which way the selection was made larger last.
    static EXTENDED: Cell<i32> = const { Cell::new(0) };
}

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
            drag::attach(board, ui);
            attention::follow(board, ui);
            window::follow(board, ui);
            card_focus::come_back(board);
        }
    }
}

/// Does what a key means.
fn press(board: Board, ui: BoardUi, key: Key) {
    if board.carried.with_untracked(Option::is_some) {
        carry(board, ui, &key);
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
        " " if on_card() => peek::toggle(ui, focused_card()),
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
    if let Some(id) = focused_card().filter(|id| *id != shown) {
        ui.peek.set(Some(id));
    }
}

/// Keys that act on the focused card, or on the selection when it is part of it.
fn act(board: Board, ui: BoardUi, key: &str) {
    let focused = focused_card();
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
fn carry(board: Board, ui: BoardUi, key: &Key) {
    match key.name.as_str() {
        "ArrowLeft" | "h" => board.carry(-1, 0),
        "ArrowRight" | "l" => board.carry(1, 0),
        "ArrowUp" | "k" => board.carry(0, -1),
        "ArrowDown" | "j" => board.carry(0, 1),
        "Enter" | " " => board.put_down(ui),
        "Escape" | "Tab" => board.carry_back(),
        _ => {}
    }
}

/// Selects the focused card and the next one, and goes there; back over what it selected, it selects less.
fn extend(board: Board, by: i32) {
    let Some(id) = focused_card() else { return step(board, by) };
    let is_selected = |id: CardId| board.card(id).is_some_and(|model| model.selected.get_untracked());
    step(board, by);
    let Some(next) = focused_card().filter(|next| *next != id) else {
        if !is_selected(id) {
            board.toggle(id);
        }
        return;
    };
    if EXTENDED.get() == -by && is_selected(id) && is_selected(next) {
        return board.toggle(id);
    }
    EXTENDED.set(by);
    for id in [id, next].into_iter().filter(|id| !is_selected(*id)) {
        board.toggle(id);
    }
}

/// The card that has the focus, or is about to.
fn focused_card() -> Option<CardId> {
    card_focus::held().or_else(card_focus::focused)
}

fn id_of(slot: &Element) -> Option<CardId> {
    slot.get_attribute("data-card")?.parse().ok()
}

fn all_in(element: &Element, selector: &str) -> Vec<Element> {
    let Ok(found) = element.query_selector_all(selector) else { return Vec::new() };
    (0..found.length()).filter_map(|index| found.item(index)?.dyn_into().ok()).collect()
}

/// Up or down within the column; from nowhere to the first card in view.
fn step(board: Board, by: i32) {
    let Some(id) = focused_card() else {
        if let Some(first) = first_in_view() {
            focus(board, &first);
        }
        return;
    };
    let Some(column) = board.face(id).and_then(|card| board.column(card.state)) else { return };
    let order = order_of(board, column);
    let Some(at) = order.iter().position(|other| *other == id) else { return };
    if by > 0 && at + SOON >= order.len() {
        board.load_more(column);
    }
    let next = if by > 0 { Some(at + 1) } else { at.checked_sub(1) };
    match next.and_then(|next| order.get(next)) {
        Some(next) => go(board, column, *next),
        // The page that it is in is on its way.
        None if by > 0 && column.loading.get_untracked() => {
            AWAITED.set(AWAITED.get() + 1);
            if AWAITED.get() == 1 {
                go_on_when_loaded(board, column, (id, order.len()));
            }
        }
        None => {}
    }
}

/// The cards of a column as they stand below each other; of lanes those that are not folded.
fn order_of(board: Board, column: Column) -> Vec<CardId> {
    if board.view.with_untracked(|view| view.lanes == LaneBy::None) {
        return column.ids.get_untracked();
    }
    let element = document().query_selector(&format!("[data-column='{}']", column.state)).ok().flatten();
    element.map(|column| all_in(&column, "[data-card]").iter().filter_map(id_of).collect()).unwrap_or_default()
}

/// Goes on from the last card that was loaded, as many steps as were asked for meanwhile.
fn go_on_when_loaded(board: Board, column: Column, from: (CardId, usize)) {
    request_animation_frame(move || {
        if board.is_gone() || focused_card() != Some(from.0) {
            return AWAITED.set(0);
        }
        if column.loading.get_untracked() {
            return go_on_when_loaded(board, column, from);
        }
        let steps = AWAITED.take();
        if order_of(board, column).len() > from.1 {
            (0..steps).for_each(|_| step(board, 1));
        }
    });
}

/// Focuses a card of a column, which may not be drawn yet.
fn go(board: Board, column: Column, id: CardId) {
    if let Some(slot) = card_focus::find(id) {
        return focus(board, &slot);
    }
    if let Some(at) = column.ids.with_untracked(|ids| ids.iter().position(|other| *other == id)) {
        column.drawn.update(|drawn| *drawn = (drawn.0.min(at), drawn.1.max(at + 1)));
        card_focus::follow(id);
        say_place(board, id);
    }
}

/// The first card that is seen whole, in the first column in view that has any.
fn first_in_view() -> Option<Element> {
    let board = document().query_selector(".columns").ok()??;
    let around = board.get_bounding_client_rect();
    let first_of = |column: Element| {
        let seen = column.get_bounding_client_rect();
        let middle = f64::midpoint(seen.left(), seen.right());
        if seen.width() == 0.0 || middle < around.left() || middle > around.right() {
            return None;
        }
        let body = column.query_selector("[data-scroller]").ok()??.get_bounding_client_rect();
        let is_seen = |slot: &Element| {
            let top = slot.get_bounding_client_rect().top();
            top >= body.top() - 1.0 && top < body.bottom()
        };
        let slots = all_in(&column, "[data-card]");
        let whole = slots.iter().find(|slot| is_seen(slot));
        whole.or_else(|| slots.iter().find(|slot| slot.get_bounding_client_rect().bottom() > body.top())).cloned()
    };
    all_in(&board, "[data-column]").into_iter().find_map(first_of)
}

/// To the card at the same height in the next column that has any.
fn side(board: Board, by: i32) {
    let Some(slot) = focused_card().and_then(card_focus::find) else { return step(board, 1) };
    let height = slot.get_bounding_client_rect().top();
    let Ok(Some(mut column)) = slot.closest("[data-column]") else { return };
    loop {
        let next = if by > 0 { column.next_element_sibling() } else { column.previous_element_sibling() };
        let Some(next) = next else { return };
        column = next;
        let distance = |slot: &Element| (slot.get_bounding_client_rect().top() - height).abs();
        let slots = all_in(&column, "[data-card]");
        if let Some(nearest) = slots.into_iter().min_by(|a, b| distance(a).total_cmp(&distance(b))) {
            return focus(board, &nearest);
        }
    }
}

/// Focuses a card's link and says where it is.
fn focus(board: Board, slot: &Element) {
    let Ok(Some(link)) = slot.query_selector("a.card-title") else { return };
    dom::focus(&link);
    card_focus::show(slot);
    if let Some(id) = id_of(slot) {
        say_place(board, id);
    }
}

fn say_place(board: Board, id: CardId) {
    let Some(card) = board.face(id) else { return };
    let Some(column) = board.column(card.state) else { return };
    let place = column.ids.with_untracked(|ids| ids.iter().position(|id| *id == card.id)).map_or(1, |place| place + 1);
    board.announce(t::kanban_announce_place(
        &words::label(card.number),
        words::state_name(card.state),
        &place.to_string(),
        &column.total.get_untracked().to_string(),
    ));
}
