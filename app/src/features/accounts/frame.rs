//! What both pages before signing in share.
use leptos::prelude::*;
use protocol::ErrorCode;

use crate::error::ApiError;
use crate::i18n::t;

/// A page with a mark, a title and one form.
#[component]
pub(super) fn Door(
    /// What it is about.
    title: &'static str,
    /// One sentence below.
    #[prop(into)]
    lead: String,
    children: Children,
) -> impl IntoView {
    view! {
        <leptos_meta::Title text=title />
        <div class="door">
            <div class="door-panel">
                <img class="door-mark" src="/icons/icon.svg" alt="" width="48" height="48" />
                <h1>{title}</h1>
                <p class="door-lead">{lead}</p>
                {children()}
            </div>
        </div>
    }
}

/// An error that belongs to no field.
#[component]
pub(super) fn FormError(
    /// What is wrong, empty when nothing is.
    #[prop(into)]
    text: Signal<String>,
) -> impl IntoView {
    view! { <p class="form-error" role="alert" hidden=move || text.read().is_empty()>{move || text.get()}</p> }
}

/// A failure in a sentence; without the network the reason is most likely the tailnet.
pub(super) fn sentence(error: &ApiError) -> String {
    match error.code {
        ErrorCode::Network => t::common_unreachable().to_owned(),
        _ => error.message.clone(),
    }
}

/// Opens another page from the server, now that the session has changed.
pub(super) fn go(address: &str) {
    // silent-ok: a browser that refuses to navigate stays here, where the form can be sent again.
    let _ = window().location().replace(address);
}
