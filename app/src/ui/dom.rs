//! Small steps around the browser's objects that would otherwise be repeated. Only for effects and event handlers:
//! on the server there is no window.
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;

/// Whether the window is wide enough for the rail and pop-overs (the breakpoint of `style/shell.css`).
#[must_use]
pub fn is_wide() -> bool {
    matches("(min-width: 768px)")
}

/// Whether a media query holds now.
#[must_use]
pub fn matches(query: &str) -> bool {
    window().match_media(query).ok().flatten().is_some_and(|list| list.matches())
}

/// Whether people asked for less motion.
#[must_use]
pub fn reduced_motion() -> bool {
    matches("(prefers-reduced-motion: reduce)")
}

/// Whether typing goes into a text field now, so that single-key shortcuts must rest.
#[must_use]
pub fn is_typing() -> bool {
    let Some(active) = document().active_element() else { return false };
    matches!(active.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT") || active.has_attribute("contenteditable")
}

/// Sets a style by CSSOM, which the content security policy allows; an attribute would be refused.
pub fn set_style(element: &web_sys::Element, name: &str, value: &str) {
    if let Some(element) = element.dyn_ref::<web_sys::HtmlElement>() {
        // silent-ok: a browser that does not know the property keeps the style sheet's.
        let _ = element.style().set_property(name, value);
    }
}

/// Focuses an element; what scrolls around it brings it into view.
pub fn focus(element: &web_sys::Element) {
    if let Some(element) = element.dyn_ref::<web_sys::HtmlElement>() {
        // silent-ok: an element that cannot take the focus leaves it where it is.
        let _ = element.focus();
    }
}

/// Listens at an element to what happens in it. Capturing and not passive: a scroll must be refused, and a click swallowed,
/// before anyone else hears of it. The listener lives as long as its element.
pub fn listen_first<E: JsCast + 'static>(root: &web_sys::HtmlElement, name: &str, listener: impl Fn(&E) + 'static) {
    let listener =
        Closure::<dyn FnMut(web_sys::Event)>::new(move |event: web_sys::Event| listener(event.unchecked_ref()))
            .into_js_value();
    let options = web_sys::AddEventListenerOptions::new();
    options.set_capture(true);
    options.set_passive(false);
    // silent-ok: the names are constants.
    let _ =
        root.add_event_listener_with_callback_and_add_event_listener_options(name, listener.unchecked_ref(), &options);
}

/// Reads a value that only this browser remembers, such as a scroll position. `None` where storage is refused.
#[must_use]
pub fn remembered(key: &str) -> Option<String> {
    window().local_storage().ok().flatten()?.get_item(key).ok().flatten()
}

/// Remembers a value in this browser. Where storage is refused nothing is remembered: it is a convenience only.
pub fn remember(key: &str, value: &str) {
    if let Ok(Some(storage)) = window().local_storage() {
        // silent-ok: a full or refused storage loses a convenience, nothing else.
        let _ = storage.set_item(key, value);
    }
}

/// Remembers a value in this browser that the server needs to make a page: it comes with every request. Only for values
/// that a cookie may hold as they are.
pub fn remember_for_server(name: &str, value: &str) {
    let cookie = [name, "=", value, ";path=/;max-age=31536000;samesite=lax"].concat();
    // silent-ok: where cookies are refused nothing is remembered: it is a convenience only.
    let _ = js_sys::Reflect::set(&document(), &"cookie".into(), &cookie.into());
}

/// Keeps a value that must not be lost; whether the browser did.
#[must_use]
pub fn keep(key: &str, value: &str) -> bool {
    window().local_storage().ok().flatten().is_some_and(|storage| storage.set_item(key, value).is_ok())
}

/// Forgets a value.
pub fn forget(key: &str) {
    if let Ok(Some(storage)) = window().local_storage() {
        // silent-ok: where nothing can be removed nothing was kept.
        let _ = storage.remove_item(key);
    }
}

/// Every value whose key begins so.
#[must_use]
pub fn remembered_below(prefix: &str) -> Vec<String> {
    let Ok(Some(storage)) = window().local_storage() else { return Vec::new() };
    let keys = (0..storage.length().unwrap_or(0)).filter_map(|at| storage.key(at).ok().flatten());
    keys.filter(|key| key.starts_with(prefix)).filter_map(|key| storage.get_item(&key).ok().flatten()).collect()
}

/// Milliseconds since 1970 by the browser's clock.
#[must_use]
pub fn now_ms() -> i64 {
    js_sys::Date::now() as i64
}

/// No frame comes while a page is hidden.
const NO_FRAME: Duration = Duration::from_millis(100);

/// Runs when the next frame is painted: for what need not keep a person's eyes waiting. Soon all the same where nothing is
/// painted.
pub fn behind_paint(run: impl FnOnce() + 'static) {
    let run = Rc::new(Cell::new(Some(run)));
    let once = move || {
        if let Some(run) = run.take() {
            run();
        }
    };
    let painted = once.clone();
    request_animation_frame(move || set_timeout(painted, Duration::ZERO));
    set_timeout(once, NO_FRAME);
}

/// Controls look ready before they are, and a page of its own file of code is ready later than the frame around it. Tests,
/// and nobody else, wait for this sign, which each page gives.
pub fn mark_hydrated() {
    Effect::new(|_| {
        if let Some(root) = document().document_element() {
            // silent-ok: the attribute is a constant name and value.
            let _ = root.set_attribute("data-hydrated", "");
        }
    });
}

/// Loads the style sheet of the pages that are not the board, unless it came with the document.
pub fn load_pages_style() {
    let document = document();
    if document.query_selector("link[data-pages]").is_ok_and(|found| found.is_some()) {
        return;
    }
    let build = document.document_element().and_then(|root| root.get_attribute("data-build"));
    let head = document.query_selector("head").ok().flatten();
    let (Some(build), Some(head), Ok(link)) = (build, head, document.create_element("link")) else { return };
    for (name, value) in [("rel", "stylesheet"), ("href", &*format!("/pkg/{build}/pages.css")), ("data-pages", "")] {
        // silent-ok: these are valid names of attributes.
        let _ = link.set_attribute(name, value);
    }
    // silent-ok: a head takes a link.
    let _ = head.append_child(&link);
}
