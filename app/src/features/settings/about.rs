//! Who is signed in, and what runs here.
use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::Viewer;

use crate::features::{accounts, push};
use crate::i18n::t;
use crate::ui::{Button, Toasts};

/// The account.
#[component]
pub(super) fn Account(
    /// Who is signed in.
    viewer: Option<Viewer>,
) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let busy = RwSignal::new(false);
    let sign_out = move |()| {
        busy.set(true);
        spawn_local(async move {
            // A device that is signed out must not go on telling what happens here.
            let left = match push::disable().await {
                Ok(()) => accounts::sign_out().await.map_err(|error| error.message),
                Err(message) => Err(message),
            };
            match left {
                Ok(()) => {
                    // silent-ok: a browser that refuses to navigate shows a page whose next request says the same.
                    let _ = window().location().replace("/login");
                }
                Err(message) => {
                    busy.try_set(false);
                    toasts.fail(message);
                }
            }
        });
    };
    view! {
        <div class="row">
            <p>{viewer.map(|viewer| t::settings_signed_in(&viewer.name))}</p>
            <Button busy on_press=Callback::new(sign_out)>{t::settings_sign_out()}</Button>
        </div>
        <p class="field-hint">{t::settings_password_hint()} " " <code>"hermes setup-link"</code></p>
    }
}

/// Version and build.
#[component]
pub(super) fn About() -> impl IntoView {
    let build = RwSignal::new(String::new());
    Effect::new(move |_| {
        let hash = document().document_element().and_then(|root| root.get_attribute("data-build"));
        build.set(hash.unwrap_or_default());
    });
    view! {
        <dl class="facts">
            <dt>{t::settings_version()}</dt>
            <dd>{env!("CARGO_PKG_VERSION")}</dd>
            <dt>{t::settings_build()}</dt>
            <dd><code>{move || build.get()}</code></dd>
        </dl>
    }
}
