//! Web Push on this device: the service worker, the subscription, the badge, and updates of the app.
//!
//! Everything here is the browser's; the server only keeps the list of devices. Nothing asks for a permission except
//! from a tap.
mod ask;
mod badge;
mod device;
mod pending;
mod server_fns;
mod updates;
mod worker;

pub use ask::AskForPush;
pub use device::{Health, disable, enable, health, own_id};
pub use server_fns::*;
pub use updates::Updates;

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::live::Live;

/// Starts it all, once, after the page has come to life. Call it inside the router.
pub fn start(signed_in: Signal<bool>) {
    let (updates, live) = (expect_context::<Updates>(), expect_context::<Live>());
    pending::follow();
    Effect::new(move |_| worker::start(updates));
    Effect::new(move |synced: Option<bool>| {
        let synced = synced.unwrap_or(false);
        if signed_in.get() && !synced {
            spawn_local(device::renew());
        }
        synced || signed_in.get()
    });
    Effect::new(move |_| {
        if let Some(open) = live.inbox() {
            badge::show(open);
        }
    });
}
