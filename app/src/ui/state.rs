//! Pages without content: nothing there yet, or it failed. Each offers at most one thing to do.
use leptos::prelude::*;
use protocol::ErrorCode;

use crate::error::ApiError;
use crate::i18n::t;
use crate::live::{Connection, Live};

/// Nothing is there, and that is fine.
#[component]
pub fn EmptyState(
    /// What is not there.
    #[prop(into)]
    title: String,
    /// What could be done about it.
    #[prop(optional, into)]
    hint: Option<String>,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="state">
            <p class="state-title">{title}</p>
            {hint.map(|hint| view! { <p class="state-hint">{hint}</p> })}
            {children.map(|children| children())}
        </div>
    }
}

/// Something failed. Signed out offers to sign in, everything else to try again.
#[component]
pub fn ErrorState(
    /// What failed.
    error: ApiError,
    /// Tries again.
    #[prop(optional, into)]
    retry: Option<Callback<()>>,
) -> impl IntoView {
    failed(error, retry, |title| view! { <p class="state-title">{title}</p> }.into_any())
}

/// A whole page failed, so that what failed is the page's heading.
#[component]
pub fn ErrorPage(
    /// What failed.
    error: ApiError,
    /// Tries again.
    #[prop(optional, into)]
    retry: Option<Callback<()>>,
) -> impl IntoView {
    failed(error, retry, |title| view! { <h1 class="state-title">{title}</h1> }.into_any())
}

fn failed(error: ApiError, retry: Option<Callback<()>>, heading: fn(&'static str) -> AnyView) -> AnyView {
    // A page that does not exist says so in its status, too.
    #[cfg(feature = "ssr")]
    if error.code == ErrorCode::NotFound
        && let Some(response) = use_context::<leptos_axum::ResponseOptions>()
    {
        response.set_status(http::StatusCode::NOT_FOUND);
    }
    if let (ErrorCode::Network, Some(retry), Some(live)) = (error.code, retry, use_context::<Live>()) {
        // Nobody has to tap when the network is back.
        Effect::new(move |before: Option<bool>| {
            let is_live = live.connection() == Connection::Live;
            if is_live && before == Some(false) {
                retry.run(());
            }
            is_live
        });
    }
    let action = match (error.code, retry) {
        (ErrorCode::Unauthenticated, _) => {
            // Leaves the app on purpose: whatever it holds belongs to a session that is over.
            Some(view! { <a class="btn btn-primary" rel="external" href="/login">{t::common_sign_in()}</a> }.into_any())
        }
        (ErrorCode::NotFound, _) => Some(view! { <a class="btn" href="/board">{t::shell_to_board()}</a> }.into_any()),
        (_, Some(retry)) => Some(
            view! { <button type="button" class="btn" on:click=move |_| retry.run(())>{t::common_retry()}</button> }
                .into_any(),
        ),
        (_, None) => None,
    };
    let title = if error.code == ErrorCode::NotFound { t::shell_not_found() } else { t::error_title() };
    view! {
        <div class="state" role="alert">
            {heading(title)}
            <p class="state-hint">{error.message}</p>
            {action}
        </div>
    }
    .into_any()
}
