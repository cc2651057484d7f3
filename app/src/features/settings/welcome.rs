//! The first run: a model, notifications, and the phone. Each step can be left for later; all of it is in the settings.
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::Loaded;
use super::notifications::Notifications;
use super::provider::{ProviderForm, ReadyChip};
use crate::features::push::{Health, health};
use crate::i18n::t;
use crate::ui::{Chip, Tone};

/// The screen.
pub(super) fn page(loaded: Loaded) -> AnyView {
    let name = loaded.account.viewer.map(|viewer| viewer.name).unwrap_or_default();
    let ready = RwSignal::new(loaded.provider.ready);
    view! {
        <leptos_meta::Title text=t::welcome_title() />
        <div class="page settings is-first-run">
            <header class="welcome-head">
                <h1>{t::welcome_hello(&name)}</h1>
                <p class="panel-lead">{t::welcome_lead()}</p>
            </header>
            <ol class="steps">
                <li class="panel">
                    <header class="step-head"><h2>{t::welcome_model()}</h2><ReadyChip ready /></header>
                    <p class="panel-lead">{t::settings_model_lead()}</p>
                    <ProviderForm first=loaded.provider on_stored=Callback::new(move |stored: protocol::ProviderView| ready.set(stored.ready)) />
                </li>
                <li class="panel">
                    <h2>{t::welcome_push()}</h2>
                    <p class="panel-lead">{t::settings_notifications_lead()}</p>
                    <Notifications first=loaded.push />
                </li>
                <li class="panel">
                    <header class="step-head"><h2>{t::welcome_phone()}</h2><HttpsChip /></header>
                    <ol class="recipe">
                        <li>{t::welcome_phone_serve()} <pre class="door-command"><code>"tailscale serve --bg 8787"</code></pre></li>
                        <li>{t::welcome_phone_open()}</li>
                        <li>{t::welcome_phone_add()}</li>
                        <li>{t::welcome_phone_sign_in()}</li>
                    </ol>
                </li>
            </ol>
            <p class="btn-row"><a class="btn btn-primary" href="/board">{t::welcome_done()}</a></p>
        </div>
    }
    .into_any()
}

/// Whether this address could be installed.
#[component]
fn HttpsChip() -> impl IntoView {
    let secure = RwSignal::new(None::<bool>);
    Effect::new(move |_| {
        spawn_local(async move {
            secure.try_set(Some(
                health().await != Health::Insecure && window().location().protocol().is_ok_and(|it| it == "https:"),
            ));
        });
    });
    move || {
        secure.get().map(|secure| {
            let (tone, text) =
                if secure { (Tone::Success, t::welcome_https()) } else { (Tone::Warning, t::welcome_no_https()) };
            view! { <Chip tone>{text}</Chip> }
        })
    }
}
