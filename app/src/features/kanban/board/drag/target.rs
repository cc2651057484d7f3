//! Where a card in the air would land.
use std::time::Duration;

use leptos::prelude::{document, set_timeout};
use protocol::{CardId, CardState, TaskCard};
use wasm_bindgen::JsCast;
use web_sys::Element;

use super::lift::window_width;
use crate::features::kanban::board::model::Place;
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

/// Whether a person may put the card into that column.
pub(super) fn is_legal(card: &TaskCard, state: CardState) -> bool {
    state == card.state || card.state.manual_targets().contains(&state)
}

/// The scroller of the column under a point.
pub(super) fn scroller_at(at: (f64, f64)) -> Option<Element> {
    let column = column_at(at)?;
    column.query_selector("[data-scroller]").ok().flatten()
}

fn column_at(at: (f64, f64)) -> Option<Element> {
    element_at(at)?.closest("[data-column]").ok().flatten()
}

fn element_at(at: (f64, f64)) -> Option<Element> {
    document().element_from_point(at.0 as f32, at.1 as f32)
}

/// Finds the target under a point and puts the mark there.
pub(super) fn find(at: (f64, f64), slot: &Element, card: &TaskCard, mark: &Element) -> Option<Target> {
    hide(mark);
    let under = element_at(at)?;
    if let Some(chip) = under.closest("[data-chip]").ok().flatten() {
        let state = chip.get_attribute("data-chip")?.parse().ok()?;
        // Onto its own column means nothing.
        if state == card.state {
            return None;
        }
        return Some(if is_legal(card, state) {
            Target::Legal { state, place: Place::default(), chip: true }
        } else {
            Target::Illegal { state, element: chip, chip: true }
        });
    }
    let column = under.closest("[data-column]").ok().flatten()?;
    let state: CardState = column.get_attribute("data-column")?.parse().ok()?;
    if !is_legal(card, state) {
        return Some(Target::Illegal { state, element: column, chip: false });
    }
    let slots = column.query_selector_all("[data-card]").ok()?;
    let slots: Vec<Element> = (0..slots.length())
        .filter_map(|index| slots.item(index)?.dyn_into::<Element>().ok())
        .filter(|other| !other.is_same_node(Some(slot)))
        .collect();
    let below = slots.iter().position(|other| {
        let around = other.get_bounding_client_rect();
        at.1 < around.top() + around.height() / 2.0
    });
    let index = below.unwrap_or(slots.len());
    let above = index.checked_sub(1).and_then(|index| slots.get(index));
    let below = slots.get(index);
    show_mark(mark, &column, above, below);
    let place = Place { after: above.and_then(id_of), before: below.and_then(id_of) };
    // Where it was already: nothing to do.
    let next_to_itself = |other: Option<Element>, neighbour: Option<&Element>| match (&other, neighbour) {
        (Some(other), Some(neighbour)) => other.is_same_node(Some(neighbour)),
        (None, None) => true,
        _ => false,
    };
    if state == card.state
        && next_to_itself(slot.previous_element_sibling(), above)
        && next_to_itself(slot.next_element_sibling(), below)
    {
        hide(mark);
        return None;
    }
    Some(Target::Legal { state, place, chip: false })
}

fn id_of(slot: &Element) -> Option<CardId> {
    slot.get_attribute("data-card")?.parse().ok()
}

fn hide(mark: &Element) {
    dom::set_style(mark, "opacity", "0");
}

/// A line in the gap between two cards.
fn show_mark(mark: &Element, column: &Element, above: Option<&Element>, below: Option<&Element>) {
    let Some(list) = column.query_selector(".cards").ok().flatten() else { return };
    let around = list.get_bounding_client_rect();
    let y = match (above, below) {
        (Some(above), Some(below)) => {
            (above.get_bounding_client_rect().bottom() + below.get_bounding_client_rect().top()) / 2.0
        }
        (Some(above), None) => above.get_bounding_client_rect().bottom() + 4.0,
        (None, Some(below)) => below.get_bounding_client_rect().top() - 4.0,
        (None, None) => around.top() + 4.0,
    };
    let left = around.left().max(0.0);
    let width = (around.right().min(window_width()) - left).max(0.0);
    dom::set_style(mark, "width", &format!("{width}px"));
    dom::set_style(mark, "transform", &format!("translate3d({left}px,{}px,0)", y - 1.5));
    dom::set_style(mark, "opacity", "1");
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
