//! Where a card in the air would land.
use std::time::Duration;

use leptos::prelude::{document, set_timeout};
use protocol::{CardId, CardState};
use wasm_bindgen::JsCast;
use web_sys::{DomRect, Element};

use super::lift::window_width;
use crate::features::kanban::board::model::Place;
use crate::features::kanban::board::{landing, place};
use crate::ui::dom;

/// What is under the card.
pub(super) enum Target {
    /// It can be dropped here.
    Legal {
        /// Column.
        state: CardState,
        /// Between which cards.
        place: Place,
        /// On the column's chip, not in the column.
        chip: bool,
    },
    /// It cannot.
    Illegal {
        /// Column.
        state: CardState,
        /// What shakes.
        element: Element,
        /// On the column's chip, not in the column.
        chip: bool,
    },
}

impl Target {
    /// Whether the card is over a chip.
    pub(super) fn is_chip(&self) -> bool {
        match self {
            Self::Legal { chip, .. } | Self::Illegal { chip, .. } => *chip,
        }
    }

    /// The column, whose chip lights up.
    pub(super) fn chip(&self) -> Option<CardState> {
        match self {
            Self::Legal { state, .. } => Some(*state),
            Self::Illegal { .. } => None,
        }
    }
}

/// Where the card in the air may land.
pub(super) struct Rules {
    /// Where it comes from.
    pub(super) from: CardState,
    /// Where it can be dropped.
    pub(super) open: Vec<CardState>,
    /// Cards stand where people put them.
    pub(super) has_places: bool,
}

impl Rules {
    /// Whether it can be dropped into that column.
    pub(super) fn is_open(&self, state: CardState) -> bool {
        self.open.contains(&state)
    }

    /// Whether it gets the place in the column where it is dropped.
    fn has_place_in(&self, state: CardState) -> bool {
        self.has_places && !landing::asks(self.from, state)
    }
}

/// Where everything is while a card is in the air. Nothing moves before the drop but what is scrolled, so it is measured
/// once and asked often: asking the page what is under a point costs a walk through all of it.
pub(super) struct Geometry {
    board: DomRect,
    columns: Vec<ColumnBox>,
    chips: Vec<(CardState, Element, DomRect)>,
    /// The card beside the board, which lies over it.
    cover: Option<DomRect>,
    /// What scrolls sideways, and where it stood: the board, and the row of chips.
    sideways: Vec<(Element, i32)>,
    /// Of the column that was asked for last.
    cards: Option<(CardState, Vec<CardBox>)>,
    /// Milliseconds of `Date.now()`.
    measured: f64,
}

struct ColumnBox {
    state: CardState,
    element: Element,
    around: DomRect,
    /// What of it scrolls.
    body: Option<(Element, DomRect)>,
}

struct CardBox {
    slot: Element,
    top: f64,
    bottom: f64,
}

/// What others change meanwhile is seen after so long.
const TRUSTED_MS: f64 = 400.0;

impl Geometry {
    pub(super) fn measure(root: &Element, columns: &Element) -> Self {
        let chips = CardState::COLUMNS.iter().filter_map(|state| {
            let chip = root.query_selector(&format!("[data-chip='{state}']")).ok().flatten()?;
            let around = chip.get_bounding_client_rect();
            Some((*state, chip, around))
        });
        let boxes = CardState::ALL.iter().filter_map(|state| {
            let element = place::column_of(columns, *state)?;
            let around = element.get_bounding_client_rect();
            let body = element.query_selector("[data-scroller]").ok().flatten().map(|body| {
                let around = body.get_bounding_client_rect();
                (body, around)
            });
            Some(ColumnBox { state: *state, element, around, body })
        });
        let covers = root.query_selector(".peek").ok().flatten();
        let chip_row = root.query_selector(".col-chips").ok().flatten();
        let sideways = [Some(columns.clone()), chip_row].into_iter().flatten();
        Self {
            cover: covers.map(|cover| cover.get_bounding_client_rect()),
            sideways: sideways.map(|element| (element.clone(), element.scroll_left())).collect(),
            board: columns.get_bounding_client_rect(),
            columns: boxes.collect(),
            chips: chips.collect(),
            cards: None,
            measured: js_sys::Date::now(),
        }
    }

    /// Whether things may be elsewhere by now: time has passed, or a page is still turning.
    pub(super) fn is_old(&self) -> bool {
        js_sys::Date::now() - self.measured > TRUSTED_MS
            || self.sideways.iter().any(|(element, left)| element.scroll_left() != *left)
    }

    pub(super) fn board(&self) -> &DomRect {
        &self.board
    }

    /// The scroller of the column under a point, and where it is.
    pub(super) fn scroller_at(&self, at: (f64, f64)) -> Option<(&Element, &DomRect)> {
        let column = self.column_at(at)?;
        column.body.as_ref().map(|(body, around)| (body, around))
    }

    fn column_at(&self, at: (f64, f64)) -> Option<&ColumnBox> {
        // A column may reach beyond what is seen of the board.
        if !holds(&self.board, at) || self.cover.as_ref().is_some_and(|cover| holds(cover, at)) {
            return None;
        }
        self.columns.iter().find(|column| holds(&column.around, at))
    }

    /// Finds the target under a point and puts the mark there.
    pub(super) fn find(&mut self, at: (f64, f64), slot: &Element, rules: &Rules, mark: &mut Mark) -> Option<Target> {
        let found = self.target_at(at, slot, rules);
        let line = found.as_ref().and_then(|(_, line)| line.as_ref());
        mark.put(line);
        found.map(|(target, _)| target)
    }

    fn target_at(&mut self, at: (f64, f64), slot: &Element, rules: &Rules) -> Option<(Target, Option<Line>)> {
        if let Some((state, chip, _)) = self.chips.iter().find(|(_, _, around)| holds(around, at)) {
            // Onto its own column means nothing.
            if *state == rules.from {
                return None;
            }
            let target = if rules.is_open(*state) {
                Target::Legal { state: *state, place: Place::default(), chip: true }
            } else {
                Target::Illegal { state: *state, element: chip.clone(), chip: true }
            };
            return Some((target, None));
        }
        let column = self.column_at(at)?;
        let (state, element) = (column.state, column.element.clone());
        if !rules.is_open(state) {
            return Some((Target::Illegal { state, element, chip: false }, None));
        }
        // In any other order than people's own, a card has no place that one could choose.
        if !rules.has_place_in(state) {
            let target = Target::Legal { state, place: Place::default(), chip: false };
            return (state != rules.from).then_some((target, None));
        }
        let slots = self.cards_of(state, &element, slot);
        let index = slots.iter().position(|other| at.1 < f64::midpoint(other.top, other.bottom)).unwrap_or(slots.len());
        let above = index.checked_sub(1).and_then(|index| slots.get(index));
        let below = slots.get(index);
        // Where it was already: nothing to do.
        let next_to_itself = |other: Option<Element>, neighbour: Option<&CardBox>| match (&other, neighbour) {
            (Some(other), Some(neighbour)) => other.is_same_node(Some(&neighbour.slot)),
            (None, None) => true,
            _ => false,
        };
        if state == rules.from
            && next_to_itself(slot.previous_element_sibling(), above)
            && next_to_itself(slot.next_element_sibling(), below)
        {
            return None;
        }
        let place = Place { after: above.and_then(CardBox::id), before: below.and_then(CardBox::id) };
        let line = Line::between(&element, above, below, lane_of(slot).as_deref());
        Some((Target::Legal { state, place, chip: false }, line))
    }

    /// The cards of a column but the one in the air.
    fn cards_of(&mut self, state: CardState, column: &Element, lifted: &Element) -> &[CardBox] {
        let known = self.cards.take().filter(|(of, _)| *of == state);
        let (_, cards) = self.cards.insert(known.unwrap_or_else(|| (state, measure_cards(column, lifted))));
        cards
    }
}

/// The cards between which the lifted one can land. No drop leads out of a lane.
fn measure_cards(column: &Element, lifted: &Element) -> Vec<CardBox> {
    let Ok(slots) = column.query_selector_all("[data-card]") else { return Vec::new() };
    let lane = lane_of(lifted);
    (0..slots.length())
        .filter_map(|index| slots.item(index)?.dyn_into::<Element>().ok())
        .filter(|slot| !slot.is_same_node(Some(lifted)) && lane_of(slot) == lane)
        .map(|slot| {
            let around = slot.get_bounding_client_rect();
            CardBox { top: around.top(), bottom: around.bottom(), slot }
        })
        .collect()
}

fn lane_of(slot: &Element) -> Option<String> {
    slot.parent_element()?.get_attribute("data-lane")
}

fn holds(around: &DomRect, (x, y): (f64, f64)) -> bool {
    x >= around.left() && x < around.right() && y >= around.top() && y < around.bottom()
}

impl CardBox {
    fn id(&self) -> Option<CardId> {
        self.slot.get_attribute("data-card")?.parse().ok()
    }
}

/// A gap between two cards.
#[derive(Clone, Copy, PartialEq)]
struct Line {
    left: f64,
    top: f64,
    width: f64,
}

impl Line {
    fn between(column: &Element, above: Option<&CardBox>, below: Option<&CardBox>, lane: Option<&str>) -> Option<Self> {
        if lane.is_some() && above.is_none() && below.is_none() {
            // The column has no such lane yet.
            return None;
        }
        let list = column.query_selector(".cards").ok().flatten()?;
        let around = list.get_bounding_client_rect();
        let y = match (above, below) {
            (Some(above), Some(below)) => f64::midpoint(above.bottom, below.top),
            (Some(above), None) => above.bottom + 4.0,
            (None, Some(below)) => below.top - 4.0,
            (None, None) => around.top() + 4.0,
        };
        let left = around.left().max(0.0);
        Some(Self { left, top: y - 1.5, width: (around.right().min(window_width()) - left).max(0.0) })
    }
}

/// The line where the card would land. It is written to only when it moves.
pub(super) struct Mark {
    element: Element,
    shown: Option<Line>,
}

impl Mark {
    pub(super) fn new() -> Option<Self> {
        let element = document().create_element("div").ok()?;
        element.set_class_name("drop-mark");
        document().body()?.append_child(&element).ok()?;
        Some(Self { element, shown: None })
    }

    fn put(&mut self, line: Option<&Line>) {
        if self.shown.as_ref() == line {
            return;
        }
        self.shown = line.copied();
        let Some(Line { left, top, width }) = line else { return dom::set_style(&self.element, "opacity", "0") };
        dom::set_style(&self.element, "width", &format!("{width}px"));
        dom::set_style(&self.element, "transform", &format!("translate3d({left}px,{top}px,0)"));
        dom::set_style(&self.element, "opacity", "1");
    }

    pub(super) fn remove(&self) {
        self.element.remove();
    }
}

/// Says no without words.
pub(super) fn shake(element: &Element) {
    let list = element.class_list();
    // silent-ok: the class name is a constant.
    let _ = list.add_1("is-shaking");
    let element = element.clone();
    set_timeout(
        move || {
            // silent-ok: the class name is a constant.
            let _ = element.class_list().remove_1("is-shaking");
        },
        Duration::from_millis(400),
    );
}
