//! Swiping a row with a finger: to the right is the main verb, to the left puts it off. Whoever cannot swipe has buttons.
//!
//! The row follows the finger by a transform and no signal is written; scrolling stays the browser's (`touch-action`), and
//! so do the edges of the screen, where a swipe means going back.
use std::cell::{Cell, RefCell};
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{DecisionKind, DecisionView};
use wasm_bindgen::JsCast;
use web_sys::{Element, Event, HtmlElement, PointerEvent};

use super::{Tray, verbs};
use crate::features::decisions::verb_word;
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::dom::{self, listen_first as on};

/// A swipe does not begin this close to an edge of the screen.
const EDGE: f64 = 30.0;
/// Less is a tap, or a scroll that has not decided yet.
const SLOP: f64 = 10.0;
/// Letting go beyond this acts.
const FAR: f64 = 96.0;
/// As long as the style sheet's way back takes.
const SETTLES: Duration = Duration::from_millis(220);

thread_local! {
    static SWIPE: RefCell<Option<Swipe>> = const { RefCell::new(None) };
    /// The click that a swipe may cause opens nothing.
    static SWALLOW_CLICK: Cell<bool> = const { Cell::new(false) };
}

/// From touching a row to letting it go.
struct Swipe {
    tray: Tray,
    view: DecisionView,
    list: HtmlElement,
    moving: Moving,
    pointer: i32,
    start: (f64, f64),
    /// How far to the right; nothing until the finger has decided to swipe.
    travel: Option<f64>,
}

/// What moves on the screen.
#[derive(Clone)]
struct Moving {
    item: Element,
    front: Element,
    /// What letting go would do, in words, behind the row.
    behind: Element,
}

/// Makes the rows of the inbox swipeable.
pub(super) fn attach(tray: Tray) {
    let Some(list) = tray.list.try_get_untracked().flatten() else { return };
    let list: HtmlElement = list.into();
    if list.has_attribute("data-swipe") {
        return;
    }
    // silent-ok: the name is a constant.
    let _ = list.set_attribute("data-swipe", "");
    let node = list.clone();
    on(&list, "pointerdown", move |event: &PointerEvent| press(tray, &node, event));
    on(&list, "pointermove", moved);
    on(&list, "pointerup", |event: &PointerEvent| {
        if is_ours(event) {
            finish(true);
        }
    });
    // The browser scrolls, or took the pointer for something of its own.
    on(&list, "pointercancel", |event: &PointerEvent| {
        if is_ours(event) {
            finish(false);
        }
    });
    for name in ["dragstart", "contextmenu"] {
        on(&list, name, |event: &Event| {
            if is_swiped(|_| true) {
                event.prevent_default();
            }
        });
    }
    on(&list, "click", |event: &Event| {
        if SWALLOW_CLICK.take() {
            event.prevent_default();
            event.stop_propagation();
        }
    });
}

fn is_ours(event: &PointerEvent) -> bool {
    SWIPE.with_borrow(|swipe| swipe.as_ref().is_some_and(|swipe| swipe.pointer == event.pointer_id()))
}

/// Whether a finger moves a row, of which that is true.
fn is_swiped(which: impl Fn(&Swipe) -> bool) -> bool {
    SWIPE.with_borrow(|swipe| swipe.as_ref().is_some_and(|swipe| swipe.travel.is_some() && which(swipe)))
}

fn press(tray: Tray, list: &HtmlElement, event: &PointerEvent) {
    SWALLOW_CLICK.set(false);
    finish(false); // a second finger means pinching
    if event.pointer_type() == "mouse" || !event.is_primary() {
        return;
    }
    let start = (f64::from(event.client_x()), f64::from(event.client_y()));
    let width = window().inner_width().ok().and_then(|width| width.as_f64()).unwrap_or(0.0);
    if start.0 <= EDGE || start.0 >= width - EDGE {
        return;
    }
    let Some(pressed) = event.target().and_then(|target| target.dyn_into::<Element>().ok()) else { return };
    let closest = |selector: &str| pressed.closest(selector).ok().flatten();
    if closest("button").is_some() {
        return;
    }
    let Some(item) = closest("[data-decision]") else { return };
    let id = item.get_attribute("data-decision").and_then(|id| id.parse().ok());
    let Some(view) = id.and_then(|id| verbs::find(tray, id)) else { return };
    if tray.busy.with_untracked(|busy| busy.contains(&view.id)) {
        return;
    }
    let front = item.query_selector(".inbox-front").ok().flatten();
    let (Some(front), Ok(behind)) = (front, document().create_element("div")) else { return };
    let moving = Moving { item, front, behind };
    let pointer = event.pointer_id();
    SWIPE.set(Some(Swipe { tray, view, list: list.clone(), moving, pointer, start, travel: None }));
}

fn moved(event: &PointerEvent) {
    if !is_ours(event) {
        return;
    }
    let at = (f64::from(event.client_x()), f64::from(event.client_y()));
    let is_scroll = SWIPE.with_borrow_mut(|swipe| swipe.as_mut().is_some_and(|swipe| !swipe.follow(at)));
    if is_scroll {
        finish(false);
    }
}

impl Swipe {
    /// Follows the finger; false when it goes up or down instead.
    fn follow(&mut self, at: (f64, f64)) -> bool {
        let (x, y) = (at.0 - self.start.0, at.1 - self.start.1);
        if self.travel.is_none() {
            if y.abs() > SLOP && y.abs() >= x.abs() {
                return false;
            }
            if x.abs() <= SLOP {
                return true;
            }
            self.begin();
        }
        if self.travel.is_none_or(|before| (before > 0.0) != (x > 0.0)) {
            self.tell(x > 0.0);
        }
        self.travel = Some(x);
        set_class(&self.moving.behind, "is-far", x.abs() >= FAR);
        dom::set_style(&self.moving.front, "transform", &format!("translateX({x}px)"));
        true
    }

    fn begin(&self) {
        // silent-ok: without the capture the swipe ends when the finger leaves the list.
        let _ = self.list.set_pointer_capture(self.pointer);
        // silent-ok: the name is a constant, and the words are decoration.
        let _ = self.moving.behind.set_attribute("aria-hidden", "true");
        // silent-ok: a row takes an element.
        let _ = self.moving.item.prepend_with_node_1(&self.moving.behind);
        set_class(&self.moving.item, "is-swiping", true);
        set_class(&self.moving.item, "is-settling", false);
    }

    /// Says what letting go would do.
    fn tell(&self, right: bool) {
        let (class, words) = match (right, main_verb(&self.view)) {
            (true, word) => ("inbox-behind is-main", word),
            (false, _) => ("inbox-behind", t::inbox_snooze()),
        };
        self.moving.behind.set_class_name(class);
        self.moving.behind.set_text_content(Some(words));
    }
}

/// What a swipe to the right does: a review is approved, everything else needs words and is opened.
fn main_verb(view: &DecisionView) -> &'static str {
    match view.kind {
        DecisionKind::Review => verb_word(protocol::DecisionVerb::Approve),
        kind => words::ask_action(kind),
    }
}

/// Ends the swipe: done when it went far enough, else given up.
fn finish(act: bool) {
    let Some(Swipe { tray, view, list, moving, pointer, travel: Some(travel), .. }) = SWIPE.take() else { return };
    // silent-ok: the capture may have ended with the pointer.
    let _ = list.release_pointer_capture(pointer);
    SWALLOW_CLICK.set(true);
    set_timeout(|| SWALLOW_CLICK.set(false), Duration::from_millis(80));
    let goes = act && travel.abs() >= FAR;
    if goes && travel > 0.0 && view.kind == DecisionKind::Review {
        moving.leave();
        spawn_local(async move {
            verbs::approve(tray, view.id).await;
            // Refused: it is still there.
            moving.come_back();
        });
        return;
    }
    moving.come_back();
    if goes && travel > 0.0 {
        tray.go.with_value(|go| go(&format!("/d/{}", view.id)));
    } else if goes {
        verbs::open_choices(tray, view.id);
    }
}

impl Moving {
    /// Moves the row out of the way while the server is asked. Whoever wants less motion sees it go when it is gone.
    fn leave(&self) {
        set_class(&self.item, "is-settling", true);
        let to = if dom::reduced_motion() { "" } else { "translateX(100%)" };
        dom::set_style(&self.front, "transform", to);
    }

    /// Lets the row spring back.
    fn come_back(self) {
        set_class(&self.item, "is-settling", true);
        dom::set_style(&self.front, "transform", "");
        set_timeout(
            move || {
                self.behind.remove();
                // Unless a finger has it again.
                if !is_swiped(|swipe| swipe.moving.item == self.item) {
                    for class in ["is-settling", "is-swiping"] {
                        set_class(&self.item, class, false);
                    }
                }
            },
            SETTLES,
        );
    }
}

fn set_class(element: &Element, class: &str, on: bool) {
    let list = element.class_list();
    // silent-ok: the class names are constants.
    let _ = if on { list.add_1(class) } else { list.remove_1(class) };
}
