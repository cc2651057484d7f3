//! The service worker: registered on every page, looked after while the window lives.
use std::cell::RefCell;
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    RegistrationOptions, ServiceWorkerContainer, ServiceWorkerRegistration, ServiceWorkerState,
    ServiceWorkerUpdateViaCache,
};

use super::Updates;

const SCRIPT: &str = "/sw.js";
/// An installed app lives for days without a new page.
const LOOK_EVERY: Duration = Duration::from_secs(3600);

thread_local! {
    static REGISTRATION: RefCell<Option<ServiceWorkerRegistration>> = const { RefCell::new(None) };
}

/// The browser's registry of workers. It is missing where the address is not secure.
pub(super) fn container() -> Option<ServiceWorkerContainer> {
    let navigator = window().navigator();
    js_sys::Reflect::has(&navigator, &"serviceWorker".into()).unwrap_or(false).then(|| navigator.service_worker())
}

/// Our registration, once there is one. A tap must not wait for it.
pub(super) fn registration() -> Option<ServiceWorkerRegistration> {
    REGISTRATION.with_borrow(Clone::clone)
}

/// Registers the worker, or finds the registration of an earlier visit.
pub(super) async fn register() -> Result<ServiceWorkerRegistration, JsValue> {
    if let Some(registration) = registration() {
        return Ok(registration);
    }
    let Some(container) = container() else { return Err(JsValue::UNDEFINED) };
    let options = RegistrationOptions::new();
    options.set_update_via_cache(ServiceWorkerUpdateViaCache::None);
    let registration: ServiceWorkerRegistration =
        JsFuture::from(container.register_with_options(SCRIPT, &options)).await?.unchecked_into();
    REGISTRATION.set(Some(registration.clone()));
    Ok(registration)
}

/// Registers the worker and watches for new ones.
pub(super) fn start(updates: Updates) {
    if container().is_none() {
        return;
    }
    spawn_local(async move {
        match register().await {
            Ok(registration) => watch(&registration, updates),
            // Without a worker there is no push and no offline page; the settings say so.
            Err(error) => leptos::logging::warn!("the service worker could not be registered: {error:?}"),
        }
    });
}

fn watch(registration: &ServiceWorkerRegistration, updates: Updates) {
    if registration.waiting().is_some() && is_controlled() {
        updates.found();
    }
    let found = Closure::<dyn FnMut()>::new(move || {
        if let Some(worker) = self::registration().and_then(|registration| registration.installing()) {
            let installing = worker.clone();
            let changed = Closure::<dyn FnMut()>::new(move || {
                // The very first worker replaces nothing.
                if installing.state() == ServiceWorkerState::Installed && is_controlled() {
                    updates.found();
                }
            });
            worker.set_onstatechange(Some(changed.into_js_value().unchecked_ref()));
        }
    });
    registration.set_onupdatefound(Some(found.into_js_value().unchecked_ref()));
    let look = || {
        if let Some(registration) = self::registration()
            && !document().hidden()
            && let Ok(promise) = registration.update()
        {
            spawn_local(async move {
                // silent-ok: out of reach; there is a next time.
                let _ = JsFuture::from(promise).await;
            });
        }
    };
    // One of each per window, as long as the window.
    std::mem::forget(window_event_listener_untyped("visibilitychange", move |_| look()));
    // silent-ok: without the timer a new version is noticed when the window is looked at again.
    let _ = set_interval_with_handle(look, LOOK_EVERY);
}

fn is_controlled() -> bool {
    container().is_some_and(|container| container.controller().is_some())
}
