//! The pages: document, router, features. Rendered on the server, brought to life in the browser.
//!
//! It holds no state that matters: everything it shows comes from the core through server functions and the live
//! stream. It must never contain SQL, spawn work or know a model.

// The type of a page is as deep as the page.
#![recursion_limit = "512"]
// `#[component]` re-exports a pub props type per component, and `#[server]` makes an undocumented struct of arguments.
#![allow(unreachable_pub, missing_docs)]

pub mod base64url;
pub mod error;
pub mod features;
pub mod i18n;
pub mod json;
pub mod layout;
mod lazy;
pub mod live;
pub mod outbox;
pub mod ui;

#[cfg(feature = "ssr")]
pub mod ctx;

#[cfg(feature = "ssr")]
mod document;

#[cfg(feature = "ssr")]
pub use document::{ClientFiles, shell};

use leptos::prelude::*;
use leptos_router::SsrMode;
use leptos_router::components::{FlatRoutes, Route, Router};
use leptos_router::{Lazy, path};

use features::home::HomePage;
use features::kanban::BoardRoute;
use features::settings::SettingsPage;

/// The root component.
#[component]
pub fn App() -> impl IntoView {
    leptos_meta::provide_meta_context();
    let toasts = ui::Toasts::provide();
    let drafts = ui::Drafts::provide();
    let updates = features::push::Updates::provide(toasts, drafts);
    ui::Overlays::provide();
    live::Live::provide(updates);
    outbox::Outbox::provide(toasts);
    Effect::new(|_| ui::soft_keyboard::follow());
    view! {
        <leptos_meta::Title formatter=|text: String| [text.as_str(), " · ", i18n::t::shell_app()].concat() text=i18n::t::shell_app() />
        <Router>
            <layout::Layout>
                <FlatRoutes fallback=|| view! { <NotFound /> }>
                    <Route path=path!("/") view=HomePage ssr=SsrMode::Async />
                    <Route path=path!("/inbox") view={Lazy::<lazy::LazyInbox>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/board/:slug?") view=BoardRoute ssr=SsrMode::Async />
                    <Route path=path!("/card/:number") view={Lazy::<lazy::LazyCard>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/d/:id") view={Lazy::<lazy::LazyDecision>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/settings") view={Lazy::<SettingsPage>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/welcome") view={Lazy::<SettingsPage>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/login") view={Lazy::<lazy::LazyLogin>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/setup") view={Lazy::<lazy::LazySetup>::new()} ssr=SsrMode::Async />
                </FlatRoutes>
            </layout::Layout>
        </Router>
    }
    .into_any()
}

/// An address that leads nowhere. The answer says so in its status, too.
#[component]
fn NotFound() -> impl IntoView {
    ui::dom::mark_hydrated();
    #[cfg(feature = "ssr")]
    if let Some(response) = use_context::<leptos_axum::ResponseOptions>() {
        response.set_status(http::StatusCode::NOT_FOUND);
    }
    view! {
        <div class="state">
            <h1 class="state-title">{i18n::t::shell_not_found()}</h1>
            <p class="state-hint">{i18n::t::shell_not_found_hint()}</p>
            <a class="btn" href="/board">{i18n::t::shell_to_board()}</a>
        </div>
    }
}
