//! This device as a receiver of push messages: how it is, switching it on and off, keeping it alive.
//!
//! Browsers lose subscriptions without a word, so on every start what the browser holds is compared with what the
//! server knows.
use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{PushState, SubscribeParams, SubscriptionId};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Notification, NotificationPermission, PushSubscription, PushSubscriptionOptionsInit, ServiceWorkerRegistration,
};

use super::{read_push_state, subscribe, unsubscribe, worker};
use crate::i18n::t;
use crate::ui::dom;

/// Under these keys the browser remembers that notifications were switched on here, and as which device.
const OWN_ID: &str = "hermes.push.id";
const OWN_ENDPOINT: &str = "hermes.push.endpoint";

/// How push is on this device, worst first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Not looked at yet.
    Checking,
    /// The address is not https, so browsers offer neither workers nor push.
    Insecure,
    /// iPhone or iPad outside the home screen.
    NotInstalled,
    /// This browser has no push.
    Unsupported,
    /// The person said no, and only the system's settings can change that.
    Denied,
    /// Nothing stands against it.
    Off,
    /// Messages can arrive.
    On,
}

/// Looks how push is here.
pub async fn health() -> Health {
    if !window().is_secure_context() {
        return Health::Insecure;
    }
    if is_ios() && !is_installed() {
        return Health::NotInstalled;
    }
    let missing = |name: &str| !js_sys::Reflect::has(&window(), &name.into()).unwrap_or(false);
    if worker::container().is_none() || missing("PushManager") || missing("Notification") {
        return Health::Unsupported;
    }
    match Notification::permission() {
        NotificationPermission::Denied => Health::Denied,
        NotificationPermission::Granted
            if own_id().is_some() && current().await.is_ok_and(|current| current.is_some()) =>
        {
            Health::On
        }
        _ => Health::Off,
    }
}

fn is_ios() -> bool {
    let navigator = window().navigator();
    let agent = navigator.user_agent().unwrap_or_default();
    // An iPad calls itself a Mac, but no Mac has a touch screen.
    agent.contains("iPhone")
        || agent.contains("iPad")
        || (agent.contains("Macintosh") && navigator.max_touch_points() > 1)
}

fn is_installed() -> bool {
    let says = js_sys::Reflect::get(&window().navigator(), &"standalone".into());
    dom::matches("(display-mode: standalone)") || says.is_ok_and(|standalone| standalone.is_truthy())
}

/// The device this browser is to the server.
#[must_use]
pub fn own_id() -> Option<SubscriptionId> {
    dom::remembered(OWN_ID)?.parse().ok()
}

/// Switches notifications on. It has to be called in the tap itself: browsers show the question only then.
pub fn enable(public_key: &str, done: Callback<Result<(), String>>) {
    let asked = Notification::request_permission();
    let public_key = public_key.to_owned();
    spawn_local(async move {
        let result = match asked {
            Ok(promise) => match JsFuture::from(promise).await {
                Ok(answer) if answer.as_string().as_deref() == Some("granted") => {
                    join(&public_key).await.map_err(|error| words(&error))
                }
                Ok(_) => Err(t::push_not_allowed().to_owned()),
                Err(error) => Err(words(&error)),
            },
            Err(error) => Err(words(&error)),
        };
        done.run(result);
    });
}

/// Switches notifications off here; the server forgets this device.
///
/// # Errors
/// A sentence, when the server cannot be told.
pub async fn disable() -> Result<(), String> {
    if let Some(id) = own_id() {
        match unsubscribe(id).await {
            Ok(()) => {}
            Err(error) if error.code == protocol::ErrorCode::NotFound => {}
            Err(error) => return Err(error.message),
        }
    }
    forget();
    if let Ok(Some(subscription)) = current().await {
        leave(&subscription).await.map_err(|error| words(&error))?;
    }
    Ok(())
}

/// Brings back what was lost, without a word, if notifications were switched on here.
pub(super) async fn renew() {
    if own_id().is_none() || health().await == Health::Denied {
        return;
    }
    let Ok(state) = read_push_state().await else { return };
    if let Err(error) = renew_with(&state).await {
        leptos::logging::warn!("notifications could not be renewed on this device: {}", words(&error));
    }
}

async fn renew_with(state: &PushState) -> Result<(), JsValue> {
    let known = state.devices.iter().any(|device| Some(device.id) == own_id());
    let Some(subscription) = current().await? else { return join(&state.public_key).await };
    let same_endpoint = dom::remembered(OWN_ENDPOINT).is_some_and(|endpoint| endpoint == subscription.endpoint());
    if !has_key(&subscription, &state.public_key) || (!known && same_endpoint) {
        // Made for another key, or dropped because the push service called it gone: only a new one helps.
        leave(&subscription).await?;
        return join(&state.public_key).await;
    }
    if known && same_endpoint { Ok(()) } else { tell_server(&subscription).await }
}

async fn current() -> Result<Option<PushSubscription>, JsValue> {
    let registration = worker::register().await?;
    let found = JsFuture::from(registration.push_manager()?.get_subscription()?).await?;
    Ok(found.dyn_into().ok())
}

async fn leave(subscription: &PushSubscription) -> Result<(), JsValue> {
    JsFuture::from(subscription.unsubscribe()?).await.map(drop)
}

/// Subscribes and tells the server.
async fn join(public_key: &str) -> Result<(), JsValue> {
    let registration = worker::register().await?;
    wait_until_active(&registration).await?;
    let key = crate::base64url::decode(public_key).ok_or_else(|| JsValue::from_str(t::push_bad_key()))?;
    let options = PushSubscriptionOptionsInit::new();
    options.set_user_visible_only(true);
    options.set_application_server_key(&js_sys::Uint8Array::from(key.as_slice()).into());
    let subscription: PushSubscription =
        JsFuture::from(registration.push_manager()?.subscribe_with_options(&options)?).await?.unchecked_into();
    tell_server(&subscription).await
}

/// Right after the first visit the worker may still be installing, and then nothing can be subscribed.
async fn wait_until_active(registration: &ServiceWorkerRegistration) -> Result<(), JsValue> {
    if registration.active().is_none()
        && let Some(container) = worker::container()
    {
        JsFuture::from(container.ready()?).await?;
    }
    Ok(())
}

async fn tell_server(subscription: &PushSubscription) -> Result<(), JsValue> {
    let json: JsValue = subscription.to_json()?.into();
    let keys = js_sys::Reflect::get(&json, &"keys".into())?;
    let key = |name: &str| js_sys::Reflect::get(&keys, &name.into()).map(|key| key.as_string().unwrap_or_default());
    let endpoint = subscription.endpoint();
    let params = SubscribeParams {
        endpoint: endpoint.clone(),
        p256dh: key("p256dh")?,
        auth: key("auth")?,
        device: String::new(),
        origin: window().location().origin().ok(),
    };
    match subscribe(params).await {
        Ok(id) => {
            dom::remember(OWN_ID, &id.to_string());
            dom::remember(OWN_ENDPOINT, &endpoint);
            Ok(())
        }
        Err(error) => Err(JsValue::from_str(&error.message)),
    }
}

fn has_key(subscription: &PushSubscription, public_key: &str) -> bool {
    let held = subscription.options().application_server_key();
    // A browser that does not say is believed.
    let Ok(Some(held)) = held else { return true };
    Some(js_sys::Uint8Array::new(&held).to_vec()) == crate::base64url::decode(public_key)
}

fn forget() {
    if let Ok(Some(storage)) = window().local_storage() {
        for key in [OWN_ID, OWN_ENDPOINT] {
            // silent-ok: what cannot be removed is mended on the next start.
            let _ = storage.remove_item(key);
        }
    }
}

/// What a browser says went wrong.
fn words(error: &JsValue) -> String {
    let message = js_sys::Reflect::get(error, &"message".into()).ok().and_then(|message| message.as_string());
    error.as_string().or(message).filter(|text| !text.is_empty()).unwrap_or_else(|| t::push_failed().to_owned())
}
