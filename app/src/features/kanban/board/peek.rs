//! The panel beside the board that shows the focused card in short. It lies over the board, so that nothing on it moves.
use leptos::ev;
use leptos::html;
use leptos::prelude::*;
use protocol::{CardId, CardRef};
use wasm_bindgen::JsCast;

use super::model::Board;
use super::{BoardUi, focus};
use crate::features::kanban::card::CardPeek;
use crate::features::kanban::server_fns::read_card;
use crate::features::kanban::words;
use crate::i18n::t;
use crate::live::Watch;
use crate::ui::{Chip, ErrorState, Icon, dom, icon, skeleton_rows};

/// Remembers how wide the panel is, in this browser.
const WIDTH_KEY: &str = "hermes.peek";
const USUAL: f64 = 480.0;
const LEAST: f64 = 320.0;
const MOST: f64 = 800.0;
const STEP: f64 = 24.0;

/// The panel; its card is the one of `ui.peek`.
pub fn panel(board: Board, ui: BoardUi) -> AnyView {
    let detail = LocalResource::new(move || {
        let wanted = ui.peek.get();
        async move {
            match wanted {
                Some(id) => read_card(CardRef::Id(id)).await.map(Some),
                None => Ok(None),
            }
        }
    });
    let retry = Callback::new(move |()| detail.refetch());
    let root = NodeRef::<html::Aside>::new();
    let width = RwSignal::new(dom::remembered(WIDTH_KEY).and_then(|width| width.parse().ok()).unwrap_or(USUAL));
    Effect::new(move |_| {
        if let Some(root) = root.get() {
            let width = format!("{}px", width.get());
            dom::set_style(&root, "inline-size", &width);
            // What lies under it can be scrolled clear.
            if let Some(around) = ui.root.get_untracked() {
                dom::set_style(&around, "--peek", &width);
            }
            // Messages, which lie over everything, stand beside it.
            if let Some(page) = document().document_element() {
                dom::set_style(&page, "--peek", &width);
            }
        }
    });
    Effect::new(move |_| {
        let slot = ui.peek.get().map(|id| format!("[data-card='{id}']"));
        if let (Some(slot), Some(_)) = (slot, root.get()) {
            request_animation_frame(move || {
                if let Ok(Some(slot)) = document().query_selector(&slot) {
                    focus::show(&slot);
                }
            });
        }
    });
    let listen = move |watch: Watch| {
        ui.peek_watch.try_set_value(watch);
        ui.peek_changed.try_update(|changed| *changed = !*changed);
    };
    let on_watch = Callback::new(listen);
    on_cleanup(move || listen(Watch::default()));
    lead(board, ui, root);
    let face = Memo::new(move |_| ui.peek.get().and_then(|id| board.card(id)).map(|model| model.card.get()));
    let label = move || face.with(|face| face.as_ref().map(|card| t::peek_label(&words::label(card.number))));
    let head = move || {
        face.get().map(|card| {
            let state = card.state;
            view! {
                <span class="card-number">{words::label(card.number)}</span>
                <Chip tone=words::state_tone(state)><span class="icon-s">{icon(words::state_icon(state))}</span>{words::state_name(state)}</Chip>
                <span class="card-bar-gap"></span>
                <a class="icon-btn" href=format!("/card/{}", card.number) aria-label=t::peek_open() title=t::peek_open()>{icon(Icon::Open)}</a>
            }
        })
    };
    view! {
        <aside class="peek" node_ref=root aria-label=label>
            {edge(width)}
            <header class="peek-head">
                {head}
                <button type="button" class="icon-btn" aria-label=t::peek_close() title=t::peek_close() on:click=move |_| ui.close_peek()>{icon(Icon::Close)}</button>
            </header>
            <div class="peek-scroll" tabindex="0" role="group" aria-label=label>
                <Transition fallback=|| view! { <div class="peek-body">{skeleton_rows(4)}</div> }>
                    {move || Suspend::new(async move {
                        match detail.await {
                            Ok(Some(detail)) => view! { <CardPeek detail on_watch /> }.into_any(),
                            Ok(None) => ().into_any(),
                            Err(error) => view! { <ErrorState error retry /> }.into_any(),
                        }
                    })}
                </Transition>
            </div>
        </aside>
    }
    .into_any()
}

/// Tab leads from the card into the panel that shows it, and back: in the document all other cards lie between.
fn lead(board: Board, ui: BoardUi, root: NodeRef<html::Aside>) {
    let handle = window_event_listener(ev::keydown, move |event| {
        let carried = board.carried.try_with_untracked(Option::is_some).unwrap_or(true);
        if event.key() != "Tab" || event.ctrl_key() || event.alt_key() || event.meta_key() || carried {
            return;
        }
        let Some(shown) = ui.peek.try_get_untracked().flatten() else { return };
        let Some(active) = document().active_element() else { return };
        let card = document().query_selector(&format!("[data-card='{shown}'] a.card-title")).ok().flatten();
        let panel = root.try_get_untracked().flatten();
        let part = |selector: &str| panel.as_ref().and_then(|panel| panel.query_selector(selector).ok().flatten());
        let to = match event.shift_key() {
            false if card.as_ref() == Some(&active) => part(".peek-head a"),
            true if part(".peek-edge").as_ref() == Some(&active) => card,
            _ => None,
        };
        if let Some(to) = to {
            event.prevent_default();
            dom::focus(&to);
        }
    });
    on_cleanup(move || handle.remove());
}

/// The edge that is dragged; arrow keys move it, too.
fn edge(width: RwSignal<f64>) -> AnyView {
    let dragged = StoredValue::new(None::<(f64, f64)>);
    // In a page written from right to left the panel is on the other side.
    let sign = || {
        let direction = document().document_element().and_then(|root| root.get_attribute("dir"));
        if direction.as_deref() == Some("rtl") { -1.0 } else { 1.0 }
    };
    let set = move |wanted: f64| width.set(wanted.clamp(LEAST, MOST).round());
    let keep = move || dom::remember(WIDTH_KEY, &width.get_untracked().to_string());
    view! {
        <div class="peek-edge" role="separator" aria-orientation="vertical" tabindex="0" aria-label=t::peek_width()
            aria-valuenow=move || width.get().to_string() aria-valuemin=LEAST.to_string() aria-valuemax=MOST.to_string()
            on:pointerdown=move |event: web_sys::PointerEvent| {
                event.prevent_default();
                if let Some(edge) = event.current_target().and_then(|edge| edge.dyn_into::<web_sys::Element>().ok()) {
                    // silent-ok: without the capture the drag ends where the edge does.
                    let _ = edge.set_pointer_capture(event.pointer_id());
                }
                dragged.set_value(Some((f64::from(event.client_x()), width.get_untracked())));
            }
            on:pointermove=move |event: web_sys::PointerEvent| {
                if let Some((from, before)) = dragged.get_value() {
                    set(before + (from - f64::from(event.client_x())) * sign());
                }
            }
            on:pointerup=move |_| {
                dragged.set_value(None);
                keep();
            }
            on:keydown=move |event: ev::KeyboardEvent| {
                let by = match event.key().as_str() {
                    "ArrowLeft" => STEP,
                    "ArrowRight" => -STEP,
                    _ => return,
                };
                event.prevent_default();
                event.stop_propagation();
                set(width.get_untracked() + by * sign());
                keep();
            }></div>
    }
    .into_any()
}

/// Opens the panel for a card, closes it when it is open.
pub(super) fn toggle(ui: BoardUi, card: Option<CardId>) {
    match (ui.peek.get_untracked(), card) {
        (Some(_), _) => ui.close_peek(),
        (None, Some(card)) if dom::is_wide() => ui.peek.set(Some(card)),
        _ => {}
    }
}
