//! Dialogs: native `<dialog>`, so that focus, Escape and the layer above everything are the browser's.
use std::cell::RefCell;

use leptos::html;
use leptos::prelude::*;

use super::drafts::{self, Drafts};
use super::{Icon, Overlays, dom, icon};
use crate::i18n::t;

/// Where a dialog stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DialogKind {
    /// A sheet from below on a phone, a window in the middle elsewhere.
    #[default]
    Sheet,
    /// A sheet from below on a phone, a list beside what opened it elsewhere.
    Menu,
}

thread_local! {
    /// What was typed into a dialog whose field was still on its way.
    static TYPED: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Takes what was typed before there was a field for it.
pub(super) fn take_typed() -> String {
    TYPED.take()
}

/// A dialog that is there while `open` is true. Its children are made anew each time it opens.
#[component]
pub fn Dialog(
    /// Whether it is open; set it to false to close.
    open: RwSignal<bool>,
    /// Its title, also its accessible name.
    #[prop(into)]
    title: Signal<String>,
    /// Where it stands.
    #[prop(optional)]
    kind: DialogKind,
    /// The element beside which a menu stands.
    #[prop(optional, into)]
    anchor: Option<Callback<(), Option<web_sys::Element>>>,
    children: ChildrenFn,
) -> impl IntoView {
    let overlays = expect_context::<Overlays>();
    let node = NodeRef::<html::Dialog>::new();
    // What is typed in the dialog is thrown away only when its owner says so.
    let drafts = use_context::<Drafts>();
    let before = StoredValue::new(0);
    let may_close = Callback::new(move |()| {
        let is_typed = drafts.is_some_and(|drafts| drafts.count() > before.get_value());
        !is_typed || drafts::confirmed()
    });
    Effect::new(move |was_open: Option<bool>| {
        let is_open = open.get();
        if let Some(dialog) = node.get() {
            if is_open && !dialog.open() {
                show(&dialog, kind, anchor.and_then(|anchor| anchor.run(())));
                overlays.opened(open, may_close);
            } else if !is_open && was_open == Some(true) {
                dialog.close();
                overlays.closed(open);
            }
        }
        is_open
    });
    on_cleanup(move || {
        overlays.forget(open);
    });
    let body = StoredValue::new(children);
    Effect::new(move |_| {
        if open.get() {
            before.set_value(drafts.map_or(0, Drafts::count));
        }
    });
    let leave = move || {
        if may_close.run(()) {
            open.set(false);
        }
    };
    // A text that is selected to beyond the panel ends in a click on what is behind it.
    let pressed_behind = StoredValue::new(false);
    let is_behind = move |event: &web_sys::Event| event.target() == node.get_untracked().map(Into::into);
    let class = match kind {
        DialogKind::Sheet => "dialog",
        DialogKind::Menu => "dialog dialog-menu",
    };
    view! {
        <dialog
            node_ref=node
            class=class
            aria-label=move || title.get()
            tabindex=(kind == DialogKind::Sheet).then_some("-1")
            on:keydown=move |event| keep_typed(&event)
            on:cancel=move |event: web_sys::Event| {
                event.prevent_default();
                leave();
            }
            on:close=move |_| open.set(false)
            // The backdrop belongs to the dialog; its content lies in an element of its own.
            on:pointerdown=move |event| pressed_behind.set_value(is_behind(&event))
            on:click=move |event| {
                if pressed_behind.get_value() && is_behind(&event) {
                    leave();
                }
            }
        >
            {move || open.get().then(|| view! {
                <div class="dialog-panel">
                    <header class="dialog-head">
                        <h2>{move || title.get()}</h2>
                        <button type="button" class="icon-btn" aria-label=t::common_close() on:click=move |_| leave()>
                            {icon(Icon::Close)}
                        </button>
                    </header>
                    {body.with_value(|body| body())}
                </div>
            })}
        </dialog>
    }
}

fn show(dialog: &web_sys::HtmlDialogElement, kind: DialogKind, anchor: Option<web_sys::Element>) {
    // silent-ok: it fails only when the dialog is open already or gone.
    let _ = dialog.show_modal();
    if kind == DialogKind::Sheet {
        // Not on the cross, where a space would close it: its field takes the focus as soon as its code is there.
        take_typed();
        dom::focus(dialog);
    }
    let (DialogKind::Menu, Some(anchor), true) = (kind, anchor, dom::is_wide()) else { return };
    let (around, own) = (anchor.get_bounding_client_rect(), dialog.get_bounding_client_rect());
    let (width, height) = (inner(window().inner_width()), inner(window().inner_height()));
    let left = around.left().min(width - own.width() - 8.0).max(8.0);
    let below = around.bottom() + 4.0;
    let top = if below + own.height() > height - 8.0 { (around.top() - own.height() - 4.0).max(8.0) } else { below };
    dom::set_style(dialog, "left", &format!("{left}px"));
    dom::set_style(dialog, "top", &format!("{top}px"));
}

/// Nothing in the dialog has the focus yet.
fn keep_typed(event: &web_sys::KeyboardEvent) {
    let key = event.key();
    if event.target() == event.current_target() && !event.ctrl_key() && !event.meta_key() && key.chars().count() == 1 {
        TYPED.with_borrow_mut(|typed| typed.push_str(&key));
    }
}

fn inner(size: Result<wasm_bindgen::JsValue, wasm_bindgen::JsValue>) -> f64 {
    size.ok().and_then(|size| size.as_f64()).unwrap_or(0.0)
}
