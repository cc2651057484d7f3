//! A card in the air: the clone under the pointer, the mark at the target, and scrolling at the edges.
use leptos::prelude::{document, window};
use protocol::{CardState, TaskCard};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

use super::target::{Geometry, Mark, Rules, Target};
use crate::features::kanban::board::{landing, place};
use crate::ui::dom;

/// This close to an edge, the board scrolls.
const EDGE: f64 = 48.0;
const FASTEST: f64 = 16.0;
/// A phone's page turns when the card waits at an edge for so long.
const DWELL_MS: f64 = 500.0;

/// A lifted card.
pub(super) struct Lifted {
    root: HtmlElement,
    columns: HtmlElement,
    slot: Element,
    ghost: Element,
    mark: Mark,
    geometry: Option<Geometry>,
    rules: Rules,
    /// From the pointer to the clone's corner.
    grip: (f64, f64),
    target: Option<Target>,
    /// Since when the card waits at an edge, and at which.
    dwell: Option<(f64, bool)>,
    last: (f64, f64),
    scrolled: bool,
}

impl Lifted {
    /// Lifts the card of a slot.
    pub(super) fn new(
        root: &HtmlElement,
        slot: &Element,
        pointer: (f64, f64),
        card: &TaskCard,
        count: usize,
        has_places: bool,
    ) -> Option<Self> {
        let columns = root.query_selector(".columns").ok()??.dyn_into::<HtmlElement>().ok()?;
        let face = slot.query_selector(".card").ok()??;
        let around = face.get_bounding_client_rect();
        let ghost = face.clone_node_with_deep(true).ok()?.dyn_into::<Element>().ok()?;
        ghost.set_class_name(&format!("{} drag-ghost", face.class_name()));
        // silent-ok: the names are constants; the clone is decoration.
        let _ = ghost.set_attribute("aria-hidden", "true");
        if count > 1 {
            let badge = document().create_element("span").ok()?;
            badge.set_class_name("drag-count");
            badge.set_text_content(Some(&count.to_string()));
            ghost.append_child(&badge).ok()?;
        }
        document().body()?.append_child(&ghost).ok()?;
        let mark = Mark::new()?;
        dom::set_style(&ghost, "width", &format!("{}px", around.width()));
        dom::set_style(&ghost, "height", &format!("{}px", around.height()));
        let open = CardState::ALL.iter().copied();
        let rules = Rules {
            from: card.state,
            open: open.filter(|state| landing::is_open(card, count == 1, *state)).collect(),
            has_places,
        };
        set_class(slot, "is-lifted", true);
        set_class(root, "is-dragging", true);
        for state in CardState::COLUMNS {
            let is_open = rules.is_open(*state);
            for selector in [format!("[data-column='{state}']"), format!("[data-chip='{state}']")] {
                if let Some(element) = root.query_selector(&selector).ok().flatten() {
                    set_class(&element, if is_open { "can-drop" } else { "cannot-drop" }, true);
                }
            }
        }
        Some(Self {
            root: root.clone(),
            columns,
            slot: slot.clone(),
            ghost,
            mark,
            geometry: None,
            rules,
            grip: (around.left() - pointer.0, around.top() - pointer.1),
            target: None,
            dwell: None,
            last: (f64::NAN, f64::NAN),
            scrolled: false,
        })
    }

    /// One frame: follows the pointer, scrolls at the edges, finds the target.
    pub(super) fn follow(&mut self, at: (f64, f64)) {
        let trusted = self.geometry.take().filter(|geometry| !self.scrolled && !geometry.is_old());
        let is_new = trusted.is_none();
        let mut geometry = trusted.unwrap_or_else(|| Geometry::measure(&self.root, &self.columns));
        self.scrolled = false;
        self.scroll_at_edges(at, &geometry);
        if self.scrolled {
            geometry = Geometry::measure(&self.root, &self.columns);
        } else if at == self.last && !is_new {
            self.geometry = Some(geometry);
            return;
        }
        self.last = at;
        let target = geometry.find(at, &self.slot, &self.rules, &mut self.mark);
        self.geometry = Some(geometry);
        let is_illegal = |target: &Option<Target>| matches!(target, Some(Target::Illegal { .. }));
        if is_illegal(&target) != is_illegal(&self.target) {
            set_class(&self.ghost, "is-refused", is_illegal(&target));
        }
        let before = self.target.as_ref().and_then(Target::chip);
        let now = target.as_ref().and_then(Target::chip);
        if before != now {
            for (chip, on) in [(before, false), (now, true)] {
                if let Some(chip) =
                    chip.and_then(|state| self.root.query_selector(&format!("[data-chip='{state}']")).ok().flatten())
                {
                    set_class(&chip, "is-target", on);
                }
            }
        }
        // Over a chip the clone shrinks and hangs below the finger, or it would hide what it is dropped on.
        let ((x, y), turn) = if target.as_ref().is_some_and(Target::is_chip) {
            ((at.0 - 20.0, at.1 + 28.0), "scale(.6)")
        } else {
            ((at.0 + self.grip.0, at.1 + self.grip.1), "rotate(1.5deg)")
        };
        dom::set_style(&self.ghost, "transform", &format!("translate3d({x}px,{y}px,0) {turn}"));
        self.target = target;
    }

    fn scroll_at_edges(&mut self, at: (f64, f64), geometry: &Geometry) {
        if let Some((body, around)) = geometry.scroller_at(at) {
            let speed = edge_speed(at.1, around.top(), around.bottom());
            if speed != 0.0 {
                let before = body.scroll_top();
                body.set_scroll_top(before + speed as i32);
                self.scrolled |= body.scroll_top() != before;
            }
        }
        let around = geometry.board();
        if dom::is_wide() {
            let speed = edge_speed(at.0, around.left(), around.right());
            if speed != 0.0 {
                let before = self.columns.scroll_left();
                self.columns.set_scroll_left(before + speed as i32);
                self.scrolled |= self.columns.scroll_left() != before;
            }
            return;
        }
        let edge = if at.0 < around.left() + EDGE / 1.5 {
            Some(false)
        } else if at.0 > around.right() - EDGE / 1.5 {
            Some(true)
        } else {
            None
        };
        let now = js_sys::Date::now();
        match (edge, self.dwell) {
            (None, _) => self.dwell = None,
            (Some(forward), Some((since, same))) if forward == same => {
                if now - since > DWELL_MS {
                    self.dwell = Some((now, forward));
                    place::turn_page(&self.columns, forward);
                }
            }
            (Some(forward), _) => self.dwell = Some((now, forward)),
        }
        // A page that turns moves columns under a pointer that rests.
        self.scrolled |= self.dwell.is_some();
    }

    /// Takes everything away that the drag put there, and says what was under the card.
    pub(super) fn put_down(self) -> Option<Target> {
        self.ghost.remove();
        self.mark.remove();
        set_class(&self.slot, "is-lifted", false);
        let root = self.root;
        // The columns fade back, which needs no haste; the card does.
        dom::behind_paint(move || {
            if !super::is_lifted() {
                unmark(&root);
            }
        });
        self.target
    }
}

/// No column is a target any more.
fn unmark(root: &Element) {
    set_class(root, "is-dragging", false);
    if let Ok(marked) = root.query_selector_all(".can-drop, .cannot-drop, .is-target") {
        for element in (0..marked.length()).filter_map(|index| marked.item(index)?.dyn_into::<Element>().ok()) {
            for class in ["can-drop", "cannot-drop", "is-target"] {
                set_class(&element, class, false);
            }
        }
    }
}

fn edge_speed(at: f64, low: f64, high: f64) -> f64 {
    if at < low + EDGE {
        -FASTEST * ((low + EDGE - at) / EDGE).min(1.0)
    } else if at > high - EDGE {
        FASTEST * ((at - high + EDGE) / EDGE).min(1.0)
    } else {
        0.0
    }
}

fn set_class(element: &Element, class: &str, on: bool) {
    let list = element.class_list();
    // silent-ok: the class names are constants.
    let _ = if on { list.add_1(class) } else { list.remove_1(class) };
}

/// The width of the window.
#[must_use]
pub(super) fn window_width() -> f64 {
    window().inner_width().ok().and_then(|width| width.as_f64()).unwrap_or(0.0)
}
