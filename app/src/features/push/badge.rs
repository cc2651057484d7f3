//! The number on the app's icon: what the server says waits for the person.
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// Shows the number, or takes it away at zero. Browsers without badges show none.
pub(super) fn show(open: i64) {
    let navigator = window().navigator();
    let name = if open > 0 { "setAppBadge" } else { "clearAppBadge" };
    let Some(function) =
        js_sys::Reflect::get(&navigator, &name.into()).ok().and_then(|it| it.dyn_into::<js_sys::Function>().ok())
    else {
        return;
    };
    let argument = if open > 0 { JsValue::from_f64(open as f64) } else { JsValue::UNDEFINED };
    if let Ok(promise) = function.call1(&navigator, &argument) {
        spawn_local(async move {
            // silent-ok: without the permission there is no badge, and the inbox shows the same number.
            let _ = JsFuture::from(promise.unchecked_into::<js_sys::Promise>()).await;
        });
    }
}
