//! Settings, loaded when first opened: the model, notifications, appearance, account. The first run shows the parts of
//! them that a new owner needs, one after the other.
mod about;
mod appearance;
mod notifications;
mod provider;
mod server_fns;
mod welcome;

pub use server_fns::*;

use leptos::prelude::*;
use leptos_router::hooks::use_location;
use leptos_router::{LazyRoute, lazy_route};
use protocol::{ProviderView, PushState, SignInState};

use crate::error::ApiError;
use crate::features::accounts::read_sign_in_state;
use crate::features::keys;
use crate::features::push::read_push_state;
use crate::i18n::t;
use crate::ui::{ErrorPage, dom, shown_while, skeleton_rows};

/// What the sections show.
#[derive(Debug, Clone)]
struct Loaded {
    provider: ProviderView,
    push: PushState,
    account: SignInState,
}

/// The settings, and the first run.
#[derive(Debug, Clone)]
pub struct SettingsPage {
    provider: Resource<Result<ProviderView, ApiError>>,
    push: Resource<Result<PushState, ApiError>>,
    account: Resource<Result<SignInState, ApiError>>,
}

#[lazy_route]
impl LazyRoute for SettingsPage {
    fn data() -> Self {
        Self {
            provider: Resource::new_blocking(|| (), |()| read_provider()),
            push: Resource::new_blocking(|| (), |()| read_push_state()),
            account: Resource::new_blocking(|| (), |()| read_sign_in_state()),
        }
    }

    fn view(this: Self) -> AnyView {
        page(this)
    }
}

fn page(this: SettingsPage) -> AnyView {
    dom::mark_hydrated();
    let first_run = use_location().pathname.get_untracked() == "/welcome";
    let SettingsPage { provider, push, account } = this;
    let retry = Callback::new(move |()| {
        provider.refetch();
        push.refetch();
        account.refetch();
    });
    view! {
        <Suspense fallback=|| view! { <div class="page">{skeleton_rows(4)}</div> }>
            {move || Suspend::new(async move {
                let loaded = load(provider.await, push.await, account.await);
                match loaded {
                    Ok(loaded) if first_run => welcome::page(loaded),
                    Ok(loaded) => sections(loaded),
                    Err(error) => view! { <ErrorPage error retry /> }.into_any(),
                }
            })}
        </Suspense>
    }
    .into_any()
}

fn load(
    provider: Result<ProviderView, ApiError>,
    push: Result<PushState, ApiError>,
    account: Result<SignInState, ApiError>,
) -> Result<Loaded, ApiError> {
    Ok(Loaded { provider: provider?, push: push?, account: account? })
}

fn sections(loaded: Loaded) -> AnyView {
    Effect::new(move |_| show_linked_section());
    let names = [
        ("model", t::settings_model()),
        ("notifications", t::settings_notifications()),
        ("appearance", t::settings_appearance()),
        ("keyboard", t::settings_keyboard()),
        ("account", t::settings_account()),
        ("about", t::settings_about()),
    ];
    let links =
        names.map(|(id, name)| view! { <a class="settings-link" href=["#", id].concat()>{name}</a> }).collect_view();
    view! {
        <leptos_meta::Title text=t::shell_settings() />
        <div class="page settings">
            <header class="page-head"><h1>{t::shell_settings()}</h1></header>
            <nav class="settings-nav" aria-label=t::settings_sections()>{links}</nav>
            <div class="settings-list">
                <section id="model" class="panel">
                    <h2>{t::settings_model()}</h2>
                    <p class="panel-lead">{t::settings_model_lead()}</p>
                    <provider::ProviderForm first=loaded.provider />
                </section>
                <section id="notifications" class="panel">
                    <h2>{t::settings_notifications()}</h2>
                    <p class="panel-lead">{t::settings_notifications_lead()}</p>
                    <notifications::Notifications first=loaded.push />
                </section>
                <section id="appearance" class="panel">
                    <h2>{t::settings_appearance()}</h2>
                    <appearance::Appearance />
                </section>
                <section id="keyboard" class="panel is-keyboard">
                    <h2>{t::settings_keyboard()}</h2>
                    {keyboard()}
                </section>
                <section id="account" class="panel">
                    <h2>{t::settings_account()}</h2>
                    <about::Account viewer=loaded.account.viewer />
                </section>
                <section id="about" class="panel">
                    <h2>{t::settings_about()}</h2>
                    <about::About />
                </section>
            </div>
        </div>
    }
    .into_any()
}

/// What is chosen lies in this browser, which is there only when the page is alive.
fn keyboard() -> AnyView {
    let alive = RwSignal::new(false);
    Effect::new(move |_| alive.set(true));
    shown_while(move || alive.get(), keys::list)
}

/// The content scrolls, not the window, and it comes after the address: so we scroll.
fn show_linked_section() {
    let hash = window().location().hash().unwrap_or_default();
    if let Some(section) =
        hash.strip_prefix('#').filter(|id| !id.is_empty()).and_then(|id| document().get_element_by_id(id))
    {
        section.scroll_into_view();
    }
}
