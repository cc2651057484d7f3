//! The part of a long column that is drawn: the cards in view and some around them. In place of the others stands padding
//! as high as they were when they were drawn, or as cards are on average. What is in view stays where it is when
//! something above it changes; browsers that do that by themselves are told not to, because not all do.
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{CardId, LaneBy};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{Element, HtmlElement};

use super::model::{Board, Column};
use super::{BoardUi, drag, focus};
use crate::ui::dom;

/// Pixels around what is seen that are drawn, too: fast scrolling must not outrun it.
const AROUND: f64 = 400.0;
/// Cards that are added or taken away at once, so that not each one that passes an edge costs a layout.
const STEP: usize = 4;
/// Pixels from one card to the next before any was measured.
const GUESS: f64 = 110.0;
/// Padding of the list itself, in pixels: room for outlines.
const EDGE: f64 = 2.0;

/// Draws only what is in view from now on, as long as the board is on screen. Lanes are drawn whole.
pub(super) fn follow(board: Board, ui: BoardUi) {
    let by = Memo::new(move |_| board.view.with(|view| view.lanes));
    Effect::new(move |_| {
        let Some(root) = ui.root.get() else { return };
        if by.get() == LaneBy::None {
            let tops = Tops::of(board);
            for column in board.columns.get_value() {
                begin(board, ui, column, &root, &tops);
            }
        }
    });
}

/// How far each column was scrolled, in this browser.
#[derive(Clone)]
struct Tops {
    key: String,
    tops: Rc<RefCell<HashMap<String, i32>>>,
}

impl Tops {
    fn of(board: Board) -> Self {
        let key = board.summary.with_value(|summary| format!("hermes.scroll.{}", summary.slug));
        let left = dom::remembered(&key).unwrap_or_default();
        let tops = left.split(';').filter_map(|one| {
            let (state, top) = one.split_once(':')?;
            Some((state.to_owned(), top.parse().ok()?))
        });
        Self { key, tops: Rc::new(RefCell::new(tops.collect())) }
    }

    fn left(&self, column: Column) -> Option<i32> {
        self.tops.borrow().get(column.state.as_str()).copied().filter(|top| *top > 0)
    }

    fn set(&self, column: Column, top: i32) {
        let mut tops = self.tops.borrow_mut();
        if tops.insert(column.state.as_str().to_owned(), top) != Some(top) {
            let told: Vec<String> = tops.iter().map(|(state, top)| format!("{state}:{top}")).collect();
            dom::remember(&self.key, &told.join(";"));
        }
    }
}

/// Below an effect: when that ends or begins anew, so does this.
fn begin(board: Board, ui: BoardUi, column: Column, root: &Element, tops: &Tops) {
    let window = Rc::new(RefCell::new(Window {
        board,
        column,
        root: root.clone(),
        parts: None,
        tops: tops.clone(),
        goal: tops.left(column).map(|top| (top, 0)),
        looks: 0,
        pitches: HashMap::new(),
        seen: Vec::new(),
        padding: (0.0, 0.0),
        is_due: false,
    }));
    let scroller = root.query_selector(&format!("[data-column='{}'] [data-scroller]", column.state));
    let Ok(Some(scroller)) = scroller else { return };
    let scrolled = {
        let window = Rc::clone(&window);
        Closure::<dyn FnMut()>::new(move || settle_soon(&window))
    };
    // silent-ok: the name is a constant.
    let _ = scroller.add_event_listener_with_callback("scroll", scrolled.as_ref().unchecked_ref());
    let resized = {
        let window = StoredValue::new_local(Rc::clone(&window));
        window_event_listener(leptos::ev::resize, move |_| window.with_value(settle_soon))
    };
    let changed = StoredValue::new_local(Rc::clone(&window));
    Effect::new(move |_| {
        column.ids.track();
        column.total.track();
        board.carried.track();
        ui.compact.track();
        changed.with_value(settle_soon);
    });
    let listener = StoredValue::new_local(Some((scroller, scrolled)));
    on_cleanup(move || {
        resized.remove();
        if let Some((scroller, scrolled)) = listener.try_update_value(Option::take).flatten() {
            // silent-ok: the name is a constant.
            let _ = scroller.remove_event_listener_with_callback("scroll", scrolled.as_ref().unchecked_ref());
        }
    });
}

/// A column on screen.
struct Window {
    board: Board,
    column: Column,
    root: Element,
    parts: Option<Parts>,
    tops: Tops,
    /// Where the column was left, and where it was scrolled to on the way there; `None` when it is there, or its owner
    /// went elsewhere.
    goal: Option<(i32, i32)>,
    /// How often it was looked for before it was on screen.
    looks: u32,
    /// Pixels from a card to the next, as they were when it was drawn last.
    pitches: HashMap<CardId, f64>,
    /// The cards in view, and how many pixels of the column lay above each.
    seen: Vec<(CardId, f64)>,
    /// What stands in place of the cards above and below.
    padding: (f64, f64),
    /// It is looked at before the next frame.
    is_due: bool,
}

/// The elements of a column.
#[derive(Clone)]
struct Parts {
    list: HtmlElement,
    scroller: Element,
}

impl Parts {
    fn of(root: &Element, column: Column) -> Option<Self> {
        let list = root.query_selector(&format!("[data-column='{}'] .is-window", column.state)).ok()??;
        let scroller = list.closest("[data-scroller]").ok()??;
        Some(Self { list: list.dyn_into().ok()?, scroller })
    }
}

/// A card that is drawn: its top and bottom in pixels from the column's beginning.
struct Drawn {
    id: CardId,
    top: f64,
    bottom: f64,
}

/// Looks at the column before the next frame, once.
fn settle_soon(window: &Rc<RefCell<Window>>) {
    if std::mem::replace(&mut window.borrow_mut().is_due, true) {
        return;
    }
    let window = Rc::clone(window);
    request_animation_frame(move || settle(&window));
}

/// Draws what is in view. What was drawn for the first time is measured before it is painted, and what is in view put
/// back to where it was if the guess was wrong.
fn settle(window: &Rc<RefCell<Window>>) {
    window.borrow_mut().is_due = false;
    if window.borrow_mut().is_early() {
        settle_soon(window);
        return;
    }
    let focused = focus::focused();
    if window.borrow_mut().follow() {
        let window = Rc::clone(window);
        // Behind the drawing, which waits in the same queue.
        spawn_local(async move {
            // Cards that stay may all the same be taken out and put in again, which costs the focus.
            if let Some(id) = focused {
                focus::restore(id);
            }
            if window.borrow_mut().follow() {
                settle_soon(&window);
            }
        });
    }
}

impl Window {
    /// A page is made before it is put on screen.
    fn is_early(&mut self) -> bool {
        self.looks += 1;
        self.looks < 300 && !self.root.is_connected()
    }

    /// Scrolls to where the column was left, page by page as they are loaded.
    fn seek(&mut self, scroller: &Element) {
        let Some((goal, reached)) = self.goal else { return self.tops.set(self.column, scroller.scroll_top()) };
        if (scroller.scroll_top() - reached).abs() > 2 {
            self.goal = None;
            return;
        }
        scroller.set_scroll_top(goal);
        let reached = scroller.scroll_top();
        let is_there = (reached - goal).abs() <= 2 || !untrack(|| self.column.has_more());
        self.goal = (!is_there).then_some((goal, reached));
        if !is_there {
            self.board.load_more(self.column);
        }
    }

    /// Measures what is drawn, keeps it where it is, and chooses what is drawn next. Whether that is something else.
    fn follow(&mut self) -> bool {
        let Some(ids) = self.column.ids.try_get_untracked() else { return false }; // the board has gone
        let known = self.parts.take().filter(|parts| parts.list.is_connected());
        let Some(parts) = known.or_else(|| Parts::of(&self.root, self.column)) else { return false };
        let Parts { list, scroller } = parts.clone();
        self.parts = Some(parts);
        let height = f64::from(scroller.client_height());
        if height == 0.0 {
            return false; // a column that is not shown
        }
        let drawn = self.column.drawn.get_untracked();
        let cards = self.measure(&list, &scroller, drawn_of(&ids, drawn));
        self.hold(&scroller, &cards);
        self.seek(&scroller);
        let top = f64::from(scroller.scroll_top());
        let begin = list.get_bounding_client_rect().top() - scroller.get_bounding_client_rect().top() + top;
        let known = self.pitches.len() as f64;
        let average = if known == 0.0 { GUESS } else { self.pitches.values().sum::<f64>() / known };
        let pitch = |id: &CardId| self.pitches.get(id).copied().unwrap_or(average);
        let view = (top - begin - AROUND, top - begin + height + AROUND);
        let pinned = self.pinned().filter_map(|pinned| ids.iter().position(|id| *id == pinned));
        let next = span(ids.iter().map(pitch), view, pinned);
        let above = ids.iter().take(next.0).map(pitch).sum();
        let below = ids.iter().skip(next.1).map(pitch).sum();
        let in_view = cards.iter().filter(|card| card.bottom > top && card.top < top + height);
        self.seen = in_view.map(|card| (card.id, card.top)).collect();
        if (above, below) != self.padding {
            self.padding = (above, below);
            dom::set_style(&list, "padding-block", &format!("{}px {}px", above + EDGE, below + EDGE));
        }
        if drawn_of(&ids, next) == drawn_of(&ids, drawn) {
            return false;
        }
        self.column.drawn.set(next);
        true
    }

    /// Where the drawn cards are; how high they are is remembered.
    fn measure(&mut self, list: &Element, scroller: &Element, ids: &[CardId]) -> Vec<Drawn> {
        let slots = list.children();
        let begin = scroller.get_bounding_client_rect().top() - f64::from(scroller.scroll_top());
        let cards: Vec<Drawn> = ids
            .iter()
            .zip(0..slots.length())
            .filter_map(|(id, index)| {
                let around = slots.item(index)?.get_bounding_client_rect();
                Some(Drawn { id: *id, top: around.top() - begin, bottom: around.bottom() - begin })
            })
            .collect();
        for pair in cards.windows(2) {
            if let [card, next] = pair {
                self.pitches.insert(card.id, next.top - card.top);
            }
        }
        cards
    }

    /// Scrolls by as much as what is in view was moved by what changed above it. What changed in view may move.
    fn hold(&self, scroller: &Element, cards: &[Drawn]) {
        let moved = |(id, before): &(CardId, f64)| Some(cards.iter().find(|card| card.id == *id)?.top - before);
        let Some(by) = self.seen.first().and_then(moved) else { return };
        let is_above = self.seen.iter().all(|seen| moved(seen).is_some_and(|other| (other - by).abs() < 1.0));
        // At the very beginning, what comes in is what one wants to see.
        if is_above && by.abs() >= 1.0 && scroller.scroll_top() > 0 {
            scroller.scroll_by_with_x_and_y(0.0, by);
        }
    }

    /// Cards that stay drawn wherever they are: what has the focus or is to get it, what is in the air, and what the
    /// keyboard carries.
    fn pinned(&self) -> impl Iterator<Item = CardId> + use<> {
        let carried = self.board.carried.try_with_untracked(|carried| carried.as_ref().map(super::moving::Carried::id));
        [focus::focused(), focus::held(), drag::lifted(), carried.flatten()].into_iter().flatten()
    }
}

/// The cards of a list that a pair of places means.
pub(super) fn drawn_of(ids: &[CardId], (from, to): (usize, usize)) -> &[CardId] {
    ids.get(from.min(ids.len())..to.min(ids.len())).unwrap_or_default()
}

/// Which cards of a list are drawn: those between two heights, and the pinned ones, in whole steps.
fn span(
    pitches: impl ExactSizeIterator<Item = f64>,
    (top, bottom): (f64, f64),
    pinned: impl Iterator<Item = usize>,
) -> (usize, usize) {
    let all = pitches.len();
    let (mut from, mut to) = (all, 0);
    let mut at = 0.0;
    for (index, pitch) in pitches.enumerate() {
        if at < bottom && at + pitch > top {
            from = from.min(index);
            to = index + 1;
        }
        at += pitch;
    }
    if from >= to {
        // Beyond either end: the nearest cards.
        (from, to) = if top > 0.0 { (all.saturating_sub(1), all) } else { (0, 1) };
    }
    for index in pinned {
        from = from.min(index);
        to = to.max(index + 1);
    }
    (from - from % STEP, to.next_multiple_of(STEP))
}

#[cfg(test)]
mod tests {
    use super::{STEP, span};

    fn of(cards: usize, view: (f64, f64), pinned: &[usize]) -> (usize, usize) {
        span(vec![100.0; cards].into_iter(), view, pinned.iter().copied())
    }

    #[test]
    fn what_is_in_view_is_drawn_in_whole_steps() {
        assert_eq!(of(1000, (-400.0, 1100.0), &[]), (0, 12));
        let (from, to) = of(1000, (50_050.0, 51_000.0), &[]);
        assert_eq!((from, to), (500, 512));
        assert_eq!((from % STEP, to % STEP), (0, 0));
    }

    #[test]
    fn however_long_the_list_is_as_much_is_drawn() {
        let drawn = |cards| {
            let (from, to) = of(cards, (2_000.0, 3_500.0), &[]);
            to - from
        };
        assert_eq!(drawn(100), drawn(100_000));
    }

    #[test]
    fn a_pinned_card_stays_drawn() {
        assert_eq!(of(100, (5_000.0, 6_000.0), &[7]), (4, 60));
        assert_eq!(of(100, (0.0, 1_000.0), &[31]), (0, 32));
    }

    #[test]
    fn beyond_either_end_something_is_drawn() {
        assert_eq!(of(10, (90_000.0, 91_000.0), &[]), (8, 12));
        assert_eq!(of(10, (-9_000.0, -8_000.0), &[]), (0, 4));
        assert_eq!(of(0, (0.0, 800.0), &[]), (0, 4));
    }

    #[test]
    fn cards_of_any_height_are_found() {
        let pitches = [60.0, 300.0, 60.0, 60.0, 60.0, 60.0];
        assert_eq!(span(pitches.into_iter(), (370.0, 400.0), std::iter::empty()), (0, 4));
        assert_eq!(span(pitches.into_iter(), (490.0, 500.0), std::iter::empty()), (4, 8));
    }
}
