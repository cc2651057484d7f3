//! Notifications: how push is on this device, the one thing to do about it, and the list of all devices.
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{DeviceView, PushState, SubscriptionId};

use crate::features::push::{self, Health, read_push_state, send_push_test, unsubscribe};
use crate::i18n::t;
use crate::ui::{Button, ButtonKind, Chip, Icon, Toasts, Tone, icon, time};

/// A message is on its way for a moment; then the device says that it showed it.
const LOOK_AFTER: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(12)];

#[derive(Clone, Copy)]
struct Panel {
    state: RwSignal<PushState>,
    health: RwSignal<Health>,
    busy: RwSignal<bool>,
    failed: RwSignal<String>,
    own: RwSignal<Option<SubscriptionId>>,
    toasts: Toasts,
}

impl Panel {
    /// Looks again, at the browser and at the server.
    fn look(self) {
        spawn_local(async move {
            self.health.try_set(push::health().await);
            self.own.try_set(push::own_id());
            // silent-ok: the list stays as it was; the frame says when the server is out of reach.
            if let Ok(state) = read_push_state().await {
                self.state.try_set(state);
            }
        });
    }

    /// In the tap itself: the key is there already, nothing is awaited before the question.
    fn enable(self) {
        self.busy.set(true);
        self.failed.set(String::new());
        let done = Callback::new(move |result: Result<(), String>| {
            self.busy.try_set(false);
            if let Err(message) = result {
                self.failed.try_set(message);
            }
            self.look();
        });
        self.state.with_untracked(|state| push::enable(&state.public_key, done));
    }

    fn remove(self, id: SubscriptionId) {
        let own = self.own.get_untracked() == Some(id);
        spawn_local(async move {
            let result = if own { push::disable().await } else { unsubscribe(id).await.map_err(|error| error.message) };
            match result {
                Ok(()) => self.toasts.say(t::push_removed()),
                Err(message) => self.toasts.fail(message),
            }
            self.look();
        });
    }

    fn test(self, id: SubscriptionId) {
        spawn_local(async move {
            match send_push_test(id).await {
                Ok(()) => self.toasts.say(t::push_test_sent()),
                Err(error) => self.toasts.fail(error.message),
            }
            for delay in LOOK_AFTER {
                set_timeout(move || self.look(), delay);
            }
        });
    }
}

/// The section.
#[component]
pub(super) fn Notifications(
    /// As the page was made.
    first: PushState,
) -> impl IntoView {
    let panel = Panel {
        state: RwSignal::new(first),
        health: RwSignal::new(Health::Checking),
        busy: RwSignal::new(false),
        failed: RwSignal::new(String::new()),
        own: RwSignal::new(None),
        toasts: expect_context(),
    };
    Effect::new(move |_| {
        panel.look();
        let handle = window_event_listener_untyped("visibilitychange", move |_| {
            if !document().hidden() {
                panel.look();
            }
        });
        on_cleanup(move || handle.remove());
    });
    let now = time::ticking();
    let some = move || !panel.state.read().devices.is_empty();
    view! {
        <HereNow panel />
        <p class="form-error" role="alert" hidden=move || panel.failed.read().is_empty()>{move || panel.failed.get()}</p>
        <Show when=some>
            <h3 class="panel-sub">{t::push_devices()}</h3>
            <ul class="devices">
                <For each=move || panel.state.get().devices key=|device| device.clone().id let(device)>
                    <Device panel id=device.id now />
                </For>
            </ul>
        </Show>
    }
}

/// How it is on this device: a word, a sentence, and at most one thing to do.
#[component]
fn HereNow(panel: Panel) -> impl IntoView {
    let look = move || match panel.health.get() {
        Health::Checking => (Tone::Neutral, t::push_checking(), String::new()),
        Health::Insecure => (Tone::Warning, t::push_insecure(), t::push_insecure_hint(&port())),
        Health::NotInstalled => (Tone::Info, t::push_not_installed(), t::push_not_installed_hint().to_owned()),
        Health::Unsupported => (Tone::Warning, t::push_unsupported(), t::push_unsupported_hint().to_owned()),
        Health::Denied => (Tone::Danger, t::push_denied(), t::push_denied_hint().to_owned()),
        Health::Off => (Tone::Neutral, t::push_off(), t::push_off_hint().to_owned()),
        Health::On => (Tone::Success, t::push_on(), t::push_on_hint().to_owned()),
    };
    let can_enable = move || matches!(panel.health.get(), Health::Off);
    view! {
        <div class="here" role="status">
            <p class="here-line">
                <Chip tone=Signal::derive(move || look().0)>{move || look().1}</Chip>
                <span class="here-hint">{move || look().2}</span>
            </p>
            <Show when=can_enable>
                <Button kind=ButtonKind::Primary busy=panel.busy on_press=Callback::new(move |()| panel.enable())>
                    {t::push_enable()}
                </Button>
            </Show>
        </div>
    }
}

/// The port that `tailscale serve` has to lead to.
fn port() -> String {
    window().location().port().ok().filter(|port| !port.is_empty()).unwrap_or_else(|| "8787".to_owned())
}

#[component]
fn Device(panel: Panel, id: SubscriptionId, now: Signal<i64>) -> impl IntoView {
    let device = Memo::new(move |_| panel.state.read().devices.iter().find(|device| device.id == id).cloned());
    let name = move || device.get().map(|device| device.device).unwrap_or_default();
    view! {
        <li class="device">
            <div class="device-text">
                <p class="device-name">
                    {name}
                    <Show when=move || panel.own.get() == Some(id)>
                        " " <Chip tone=Tone::Accent>{t::push_this_device()}</Chip>
                    </Show>
                </p>
                <p class="device-meta">{move || device.get().map(|device| history(&device, now.get()))}</p>
                <Show when=move || device.get().is_some_and(|device| device.last_error.is_some())>
                    <p class="device-error">
                        <span class="icon-s">{icon(Icon::Warning)}</span>
                        {move || device.get().and_then(|device| device.last_error)}
                    </p>
                </Show>
            </div>
            <div class="device-verbs">
                <button type="button" class="btn btn-small" aria-label=move || t::push_test_to(&name()) on:click=move |_| panel.test(id)>
                    {t::push_test()}
                </button>
                <button type="button" class="btn btn-small btn-danger" aria-label=move || t::push_remove_of(&name()) on:click=move |_| panel.remove(id)>
                    {t::push_remove()}
                </button>
            </div>
        </li>
    }
}

/// "fcm.googleapis.com · sent 2 min ago · shown 2 min ago".
fn history(device: &DeviceView, now: i64) -> String {
    let sent =
        device.last_sent_at.map_or_else(|| t::push_never_sent().to_owned(), |at| t::push_sent(&time::ago(now, at)));
    let shown = device.last_displayed_at.map(|at| t::push_shown(&time::ago(now, at)));
    let mut parts = vec![device.host.clone(), sent];
    parts.extend(shown);
    parts.join(" · ")
}
