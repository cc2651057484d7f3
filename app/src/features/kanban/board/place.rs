//! Where the board was left: the column in view, per board, in this browser. How far columns were scrolled is up to
//! `window`.
use std::cell::Cell;
use std::time::Duration;

use leptos::html;
use leptos::prelude::*;
use protocol::CardState;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{Element, HtmlElement};

use super::model::Board;
use crate::ui::dom;

thread_local! {
    static SAVING: Cell<bool> = const { Cell::new(false) };
}

/// Puts the board where it was left, keeps `current` at the column in view, and remembers it from then on.
pub fn remember(board: Board, columns: NodeRef<html::Div>, current: RwSignal<CardState>) {
    Effect::new(move |_| {
        let Some(columns) = columns.get() else { return };
        let columns: HtmlElement = columns.into();
        let key = board.summary.with_value(|summary| format!("hermes.board.{}", summary.slug));
        restore(board, columns.clone(), key.clone(), current, 0);
        let scroller = columns.clone();
        let on_scroll = Closure::<dyn FnMut()>::new(move || {
            if SAVING.replace(true) {
                return;
            }
            let (scroller, key) = (scroller.clone(), key.clone());
            set_timeout(
                move || {
                    SAVING.set(false);
                    let state = in_view(&scroller);
                    if current.try_get_untracked().is_some_and(|shown| shown != state) {
                        current.set(state);
                    }
                    if scroller.is_connected() {
                        dom::remember(&key, state.as_str());
                    }
                },
                Duration::from_millis(120),
            );
        })
        .into_js_value();
        // Scrolling does not bubble, but it can be captured: one listener hears the board and every column.
        // silent-ok: the name is a constant.
        let _ = columns.add_event_listener_with_callback_and_bool("scroll", on_scroll.unchecked_ref(), true);
    });
}

/// Keeps the chip of the column in view in view.
pub fn follow_chip(chips: NodeRef<html::Div>, current: RwSignal<CardState>) {
    Effect::new(move |_| {
        let state = current.get();
        let Some(chips) = chips.get() else { return };
        let Ok(Some(chip)) = chips.query_selector(&format!("[data-chip='{state}']")) else { return };
        let (chip, all) = (chip.get_bounding_client_rect(), chips.get_bounding_client_rect());
        let to_middle = chip.left() + chip.width() / 2.0 - (all.left() + all.width() / 2.0);
        chips.set_scroll_left(chips.scroll_left() + to_middle as i32);
    });
}

/// Brings a column into view.
pub fn show(columns: NodeRef<html::Div>, state: CardState) {
    let Some(columns) = columns.get_untracked() else { return };
    let Some(column) = column_of(&columns, state) else { return };
    scroll_to(&columns, &column, !dom::reduced_motion());
}

/// Brings the neighbour of a column into view; `forward` is the reading direction.
pub fn turn_page(columns: &HtmlElement, forward: bool) {
    let here = in_view(columns);
    let visible: Vec<CardState> = CardState::COLUMNS
        .iter()
        .copied()
        .filter(|state| column_of(columns, *state).is_some_and(|column| !column.has_attribute("hidden")))
        .collect();
    let Some(index) = visible.iter().position(|state| *state == here) else { return };
    let next = if forward { visible.get(index + 1) } else { index.checked_sub(1).and_then(|index| visible.get(index)) };
    if let Some(column) = next.and_then(|state| column_of(columns, *state)) {
        scroll_to(columns, &column, !dom::reduced_motion());
    }
}

/// The element of a column.
#[must_use]
pub fn column_of(columns: &Element, state: CardState) -> Option<Element> {
    columns.query_selector(&format!("[data-column='{state}']")).ok().flatten()
}

/// A page is made before it is put on screen; only then it can be scrolled.
fn restore(board: Board, columns: HtmlElement, key: String, current: RwSignal<CardState>, looks: u32) {
    if !columns.is_connected() && looks < 300 {
        request_animation_frame(move || restore(board, columns, key, current, looks + 1));
        return;
    }
    if board.columns.is_disposed() {
        return;
    }
    let left = dom::remembered(&key).and_then(|left| left.split(':').next()?.parse().ok());
    let state = left.unwrap_or_else(|| first_of_interest(board));
    if let Some(column) = column_of(&columns, state) {
        scroll_to(&columns, &column, false);
    }
    current.set(in_view(&columns));
}

/// Before anyone has chosen: what needs a person, then what is under way.
fn first_of_interest(board: Board) -> CardState {
    use CardState::{Blocked, Ready, Review, Running, Todo, Triage};
    if dom::is_wide() {
        return Triage;
    }
    let has_cards = |state: &&CardState| board.column(**state).is_some_and(|column| column.total.get_untracked() > 0);
    [Review, Blocked, Running, Ready, Triage, Todo].iter().find(has_cards).copied().unwrap_or(Ready)
}

fn in_view(columns: &Element) -> CardState {
    let start = columns.get_bounding_client_rect().left();
    let distance = |state: &CardState| {
        let column = column_of(columns, *state).filter(|column| !column.has_attribute("hidden"));
        column.map_or(f64::MAX, |column| (column.get_bounding_client_rect().left() - start).abs())
    };
    let nearest = CardState::COLUMNS.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
    nearest.copied().unwrap_or(CardState::Triage)
}

fn scroll_to(columns: &Element, column: &Element, smooth: bool) {
    let by = column.get_bounding_client_rect().left() - columns.get_bounding_client_rect().left();
    let margin = if dom::is_wide() { 16.0 } else { 12.0 };
    let options = web_sys::ScrollToOptions::new();
    options.set_left(f64::from(columns.scroll_left()) + by - margin);
    options.set_behavior(if smooth { web_sys::ScrollBehavior::Smooth } else { web_sys::ScrollBehavior::Instant });
    columns.scroll_to_with_scroll_to_options(&options);
}
