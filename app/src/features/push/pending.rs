//! Where a tapped notification leads. The worker tells an open window at once, and writes the address down for systems
//! that only bring the app to the front.
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_navigate;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::worker;
use crate::ui::dom;

/// The names that the worker uses, too.
const CACHE: &str = "pending-navigation";
const KEY: &str = "/pending-navigation";
/// An older tap is no longer what the person wants.
const FRESH_MS: f64 = 30_000.0;

/// Goes where notifications lead. Call it inside the router.
pub(super) fn follow() {
    let navigate = use_navigate();
    let go = StoredValue::new(move |address: &str| navigate(address, leptos_router::NavigateOptions::default()));
    let go = move |address: &str| {
        // Only addresses of this app, and only if they are not shown already.
        if address.starts_with('/') && !address.starts_with("//") && address != here() {
            go.with_value(|go| go(address));
        }
    };
    Effect::new(move |_| {
        let Some(container) = worker::container() else { return };
        let on_message = Closure::<dyn FnMut(web_sys::MessageEvent)>::new(move |event: web_sys::MessageEvent| {
            if text(&event.data(), "type").as_deref() == Some("navigate")
                && let Some(address) = text(&event.data(), "url")
            {
                go(&address);
                spawn_local(async {
                    // silent-ok: what stays written down is too old in half a minute.
                    let _ = take().await;
                });
            }
        });
        container.set_onmessage(Some(on_message.into_js_value().unchecked_ref()));
        let read = move || {
            spawn_local(async move {
                if let Ok(Some(address)) = take().await {
                    go(&address);
                }
            });
        };
        read();
        let handle = window_event_listener_untyped("visibilitychange", move |_| {
            if !document().hidden() {
                read();
            }
        });
        on_cleanup(move || handle.remove());
    });
}

/// Path, query and fragment of the page.
fn here() -> String {
    let location = window().location();
    [location.pathname(), location.search(), location.hash()].into_iter().map(Result::unwrap_or_default).collect()
}

/// The address that is written down, if it is fresh. It is read only once.
async fn take() -> Result<Option<String>, JsValue> {
    let caches = window().caches()?;
    if JsFuture::from(caches.has(CACHE)).await?.is_falsy() {
        return Ok(None);
    }
    let cache: web_sys::Cache = JsFuture::from(caches.open(CACHE)).await?.unchecked_into();
    let found = JsFuture::from(cache.match_with_str(KEY)).await?;
    let Ok(response) = found.dyn_into::<web_sys::Response>() else { return Ok(None) };
    let target = JsFuture::from(response.json()?).await?;
    JsFuture::from(cache.delete_with_str(KEY)).await?;
    let at = js_sys::Reflect::get(&target, &"at".into())?.as_f64().unwrap_or(0.0);
    Ok(text(&target, "url").filter(|_| dom::now_ms() as f64 - at < FRESH_MS))
}

fn text(object: &JsValue, key: &str) -> Option<String> {
    js_sys::Reflect::get(object, &key.into()).ok()?.as_string()
}
