//! Dragging cards with pointer events: a mouse lifts after 5 pixels, a finger after holding still for 350 ms.
//!
//! While a card is in the air no signal is written: a clone of the card follows the pointer by a transform, once per
//! frame, and the target is a mark of its own, so that no list moves before the drop.
mod lift;
mod target;

use std::cell::{Cell, RefCell};
use std::time::Duration;

use leptos::leptos_dom::helpers::TimeoutHandle;
use leptos::prelude::*;
use protocol::{CardId, TaskCard};
use wasm_bindgen::JsCast;
use web_sys::{Element, Event, HtmlElement, KeyboardEvent, MouseEvent, PointerEvent};

use super::menu::MenuFor;
use super::model::Board;
use super::{BoardUi, focus, landing};
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::dom::listen_first as on;
use crate::ui::{Toast, Toasts, Tone};
use lift::Lifted;
use target::Target;

const MOUSE_TRAVEL: f64 = 5.0;
const TOUCH_TRAVEL: f64 = 8.0;
const HOLD: Duration = Duration::from_millis(350);

thread_local! {
    static DRAG: RefCell<Option<Drag>> = const { RefCell::new(None) };
    /// The click that a drop causes opens nothing.
    static SWALLOW_CLICK: Cell<bool> = const { Cell::new(false) };
}

/// From pressing a card to letting it go.
struct Drag {
    board: Board,
    ui: BoardUi,
    toasts: Toasts,
    root: HtmlElement,
    slot: Element,
    card: TaskCard,
    pointer: i32,
    touch: bool,
    start: (f64, f64),
    at: (f64, f64),
    hold: Option<TimeoutHandle>,
    lifted: Option<Lifted>,
}

/// Makes the cards below `root` draggable.
pub fn attach(board: Board, ui: BoardUi) {
    let toasts = expect_context::<Toasts>();
    Effect::new(move |_| {
        let Some(root) = ui.root.get() else { return };
        let root: HtmlElement = root.into();
        let node = root.clone();
        // silent-ok: the name is a constant.
        let _ = root.set_attribute("data-drag", "");
        on(&root, "pointerdown", move |event: &PointerEvent| press(board, ui, toasts, &node, event));
        on(&root, "pointermove", moved);
        on(&root, "pointerup", |event: &PointerEvent| {
            if is_ours(event) {
                finish(true);
            }
        });
        on(&root, "pointercancel", |event: &PointerEvent| {
            if is_ours(event) {
                finish(false);
            }
        });
        on(&root, "dragstart", |event: &Event| event.prevent_default());
        on(&root, "contextmenu", move |event: &MouseEvent| {
            // A finger that holds still lifts; with Shift the browser's own menu comes.
            let is_held = DRAG.with_borrow(|drag| drag.as_ref().is_some_and(|drag| drag.touch));
            if is_held || is_lifted() {
                event.prevent_default();
            } else if let (false, Some(id)) = (event.shift_key(), card_at(event)) {
                event.prevent_default();
                ui.open_card_menu(MenuFor::Everything(id), id);
            }
        });
        on(&root, "touchmove", |event: &Event| {
            // The browser would scroll instead, and take the pointer away.
            if is_lifted() && event.cancelable() {
                event.prevent_default();
            }
        });
        on(&root, "click", move |event: &Event| {
            if SWALLOW_CLICK.take() {
                event.prevent_default();
                event.stop_propagation();
            } else if let Some(id) = opened_by(event, ui) {
                focus::leave(id);
            }
        });
    });
    Effect::new(move |_| {
        let handle = window_event_listener(leptos::ev::keydown, |event: KeyboardEvent| {
            if event.key() == "Escape" && is_lifted() {
                event.prevent_default();
                finish(false);
            }
        });
        on_cleanup(move || {
            handle.remove();
            finish(false);
        });
    });
}

/// The card in the air.
#[must_use]
pub fn lifted() -> Option<CardId> {
    DRAG.with_borrow(|drag| drag.as_ref().filter(|drag| drag.lifted.is_some()).map(|drag| drag.card.id))
}

/// Whether a card is in the air.
#[must_use]
pub fn is_lifted() -> bool {
    lifted().is_some()
}

/// What is at an event, or around it.
fn around(event: &Event, selector: &str) -> Option<Element> {
    event.target()?.dyn_into::<Element>().ok()?.closest(selector).ok().flatten()
}

/// The card at an event.
fn card_at(event: &Event) -> Option<CardId> {
    around(event, "[data-card]")?.get_attribute("data-card")?.parse().ok()
}

/// The card whose page a click opens, from its face or from the panel beside the board.
fn opened_by(event: &Event, ui: BoardUi) -> Option<CardId> {
    around(event, "a[href^='/card/']")?;
    card_at(event).or_else(|| ui.peek.get_untracked())
}

fn is_ours(event: &PointerEvent) -> bool {
    DRAG.with_borrow(|drag| drag.as_ref().is_some_and(|drag| drag.pointer == event.pointer_id()))
}

fn press(board: Board, ui: BoardUi, toasts: Toasts, root: &HtmlElement, event: &PointerEvent) {
    SWALLOW_CLICK.set(false);
    if event.button() != 0 || !event.is_primary() {
        finish(false); // a second finger means pinching
        return;
    }
    let Some(pressed) = event.target().and_then(|target| target.dyn_into::<Element>().ok()) else { return };
    let closest = |selector: &str| pressed.closest(selector).ok().flatten();
    if closest("button, .card-action").is_some() {
        return;
    }
    let Some(slot) = closest("[data-card]") else { return };
    let id = slot.get_attribute("data-card").and_then(|id| id.parse::<CardId>().ok());
    let Some(card) = id.and_then(|id| board.face(id)) else { return };
    let touch = event.pointer_type() != "mouse";
    let hold = touch.then(|| set_timeout_with_handle(lift_now, HOLD).ok()).flatten();
    let at = (f64::from(event.client_x()), f64::from(event.client_y()));
    let drag = Drag {
        board,
        ui,
        toasts,
        root: root.clone(),
        slot,
        card,
        pointer: event.pointer_id(),
        touch,
        start: at,
        at,
        hold,
        lifted: None,
    };
    DRAG.set(Some(drag));
}

fn moved(event: &PointerEvent) {
    if !is_ours(event) {
        return;
    }
    let at = (f64::from(event.client_x()), f64::from(event.client_y()));
    let waits = DRAG.with_borrow_mut(|drag| {
        let drag = drag.as_mut()?;
        drag.at = at;
        if drag.lifted.is_some() {
            return None;
        }
        let travel = (at.0 - drag.start.0).hypot(at.1 - drag.start.1);
        Some((drag.touch, travel))
    });
    match waits {
        // A finger that moves before the time is up scrolls.
        Some((true, travel)) if travel > TOUCH_TRAVEL => finish(false),
        Some((false, travel)) if travel > MOUSE_TRAVEL => lift_now(),
        Some(_) => {}
        None => event.prevent_default(),
    }
}

fn lift_now() {
    let lifted = DRAG.with_borrow_mut(|drag| {
        let drag = drag.as_mut()?;
        drag.hold = None;
        // silent-ok: without the capture the drag ends when the pointer leaves the window.
        let _ = drag.root.set_pointer_capture(drag.pointer);
        let count = drag.board.meant_by(drag.card.id).len();
        let has_places = drag.board.has_places();
        drag.lifted = Some(Lifted::new(&drag.root, &drag.slot, drag.start, &drag.card, count, has_places)?);
        Some((drag.board, words::label(drag.card.number)))
    });
    if let Some((board, name)) = lifted {
        board.announce(t::kanban_lifted(&name));
        request_animation_frame(frame);
    }
}

/// Once per frame while a card is in the air.
fn frame() {
    let goes_on = DRAG.with_borrow_mut(|drag| {
        let Some(Drag { lifted: Some(lifted), at, .. }) = drag.as_mut() else { return false };
        lifted.follow(*at);
        true
    });
    if goes_on {
        request_animation_frame(frame);
    }
}

/// Ends the drag: dropped where it is, or given up.
fn finish(drop: bool) {
    let Some(mut drag) = DRAG.take() else { return };
    if let Some(hold) = drag.hold.take() {
        hold.clear();
    }
    let Some(mut lifted) = drag.lifted.take() else { return };
    if drop {
        // The pointer may have moved since the last frame.
        lifted.follow(drag.at);
    }
    // silent-ok: the capture may have ended with the pointer.
    let _ = drag.root.release_pointer_capture(drag.pointer);
    SWALLOW_CLICK.set(true);
    set_timeout(|| SWALLOW_CLICK.set(false), Duration::from_millis(80));
    if drop {
        // Not in the event: the browser looks for what is under the pointer once more before the click, and would lay out
        // the board for that, and again for the frame.
        request_animation_frame(move || land(&drag, lifted.put_down()));
    } else {
        lifted.put_down();
        drag.board.announce(t::kanban_dropped_back(&words::label(drag.card.number)));
    }
}

/// What the drop means.
fn land(drag: &Drag, target: Option<Target>) {
    let board = drag.board;
    if board.is_gone() {
        return;
    }
    match target {
        Some(Target::Legal { state, place, .. }) => {
            // The card itself first: it says what the drop means.
            let mut cards = board.meant_by(drag.card.id);
            if landing::asks(drag.card.state, state) {
                cards.sort_by_key(|id| *id != drag.card.id);
            }
            landing::put(board, drag.ui, cards, state, place);
        }
        Some(Target::Illegal { state, element, .. }) => {
            target::shake(&element);
            let text = words::why_not(&drag.card, state);
            board.announce(text.clone());
            drag.toasts.show(Toast { text, tone: Tone::Warning, action: None, undo: None, stays: false });
        }
        None => board.announce(t::kanban_dropped_back(&words::label(drag.card.number))),
    }
}
