//! A quiet offer in the inbox: be told on this device. It leads to the settings, where the tap asks for permission.
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::device::{Health, health};
use crate::i18n::t;
use crate::ui::{Icon, dom, icon};

const DISMISSED: &str = "hermes.push.dismissed";

/// Shown while notifications could be switched on here and were not refused.
#[component]
pub fn AskForPush() -> impl IntoView {
    let offered = RwSignal::new(false);
    Effect::new(move |_| {
        if dom::remembered(DISMISSED).is_none() {
            spawn_local(async move {
                let could = matches!(health().await, Health::Off | Health::NotInstalled);
                offered.try_set(could);
            });
        }
    });
    let dismiss = move |_| {
        dom::remember(DISMISSED, "1");
        offered.set(false);
    };
    view! {
        <Show when=move || offered.get()>
            <aside class="offer">
                {icon(Icon::Inbox)}
                <p>{t::push_offer()}</p>
                <a class="btn btn-small" href="/settings#notifications">{t::push_offer_do()}</a>
                <button type="button" class="icon-btn" aria-label=t::common_dismiss() on:click=dismiss>{icon(Icon::Close)}</button>
            </aside>
        </Show>
    }
}
