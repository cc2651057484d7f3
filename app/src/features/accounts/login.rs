//! `/login`: the password, and back to where one was going.
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::components::Redirect;
use leptos_router::hooks::use_query_map;
use protocol::{ErrorCode, SignInParams};

use super::frame::{Door, FormError, go, sentence};
use super::next::safe_next;
use super::password_field::{PasswordField, focus, text_of};
use super::server_fns::{read_sign_in_state, sign_in};
use crate::error::ApiError;
use crate::i18n::t;
use crate::ui::{Button, ButtonKind, EmptyState};

/// Signing in.
#[component]
pub fn LoginPage() -> impl IntoView {
    let query = use_query_map();
    let next = Memo::new(move |_| safe_next(query.read().get_str("next").unwrap_or_default()));
    let state = Resource::new_blocking(|| (), |()| read_sign_in_state());
    view! {
        <Suspense>
            {move || Suspend::new(async move {
                match state.await {
                    Ok(state) if state.viewer.is_some() => view! { <Redirect path=next.get_untracked() /> }.into_any(),
                    Ok(state) if !state.set_up => {
                        view! { <EmptyState title=t::accounts_no_owner() hint=t::accounts_no_owner_hint() /> }.into_any()
                    }
                    // When the state cannot be read, the form says why as soon as it is sent.
                    _ => view! { <LoginForm next /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn LoginForm(next: Memo<String>) -> impl IntoView {
    let password = NodeRef::new();
    let (wrong, failed) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let (busy, ready, wait_s) = (RwSignal::new(false), RwSignal::new(false), RwSignal::new(0_u32));
    Effect::new(move |_| ready.set(true));
    count_down(wait_s);
    let refuse = move |error: &ApiError| match error.code {
        ErrorCode::TooMany => wait_s.set(error.retry_after_s.unwrap_or(30).max(1)),
        ErrorCode::Denied => {
            wrong.set(error.message.clone());
            focus(password);
        }
        _ => failed.set(sentence(error)),
    };
    let send = move || {
        failed.set(String::new());
        let params = SignInParams { password: text_of(password) };
        if params.password.is_empty() {
            wrong.set(t::accounts_password_missing().to_owned());
            return focus(password);
        }
        busy.set(true);
        spawn_local(async move {
            match sign_in(params).await {
                Ok(_) => go(&target(&next.get_untracked())),
                Err(error) => {
                    busy.set(false);
                    refuse(&error);
                }
            }
        });
    };
    let waiting =
        Signal::derive(
            move || if wait_s.get() > 0 { t::accounts_wait(i64::from(wait_s.get())) } else { String::new() },
        );
    view! {
        <Door title=t::accounts_login_title() lead=t::accounts_login_lead()>
            <form class="form" method="post" on:submit=move |event| {
                event.prevent_default();
                if !busy.get_untracked() && wait_s.get_untracked() == 0 {
                    send();
                }
            }>
                // Password managers want to know for whom.
                <input class="visually-hidden" type="text" name="username" autocomplete="username" value="owner" tabindex="-1" aria-hidden="true" readonly />
                <PasswordField
                    node=password
                    id="password"
                    label=t::accounts_password()
                    autocomplete="current-password"
                    shown=RwSignal::new(false)
                    error=wrong
                    autofocus=true
                />
                <FormError text=failed />
                <FormError text=waiting />
                <Button kind=ButtonKind::Primary submit=true busy disabled=Signal::derive(move || !ready.get() || wait_s.get() > 0)>
                    {t::common_sign_in()}
                </Button>
            </form>
            <details class="door-help">
                <summary>{t::accounts_forgot()}</summary>
                <p>{t::accounts_forgot_hint()} " " <code>"hermes setup-link"</code></p>
            </details>
        </Door>
    }
}

/// The text of a notification travels behind the `#` and must not get lost here.
fn target(next: &str) -> String {
    let hash = window().location().hash().unwrap_or_default();
    if next.contains('#') { next.to_owned() } else { [next, &hash].concat() }
}

/// Counts down to zero, a second at a time.
fn count_down(left: RwSignal<u32>) {
    Effect::new(move |_| {
        if left.get() > 0 {
            set_timeout(
                move || {
                    left.try_update(|left| *left = left.saturating_sub(1));
                },
                Duration::from_secs(1),
            );
        }
    });
}
