//! `/setup?token=…`: the owner's name and password, once.
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_query_map;
use protocol::{ErrorCode, MIN_PASSWORD_CHARS, SetUpParams};

use super::frame::{Door, FormError, go, sentence};
use super::password_field::{PasswordField, focus, text_of};
use super::server_fns::set_up;
use crate::error::ApiError;
use crate::i18n::t;
use crate::ui::{Button, ButtonKind};

/// The fields and what is wrong with them.
#[derive(Clone, Copy)]
struct Fields {
    name: NodeRef<html::Input>,
    password: NodeRef<html::Input>,
    again: NodeRef<html::Input>,
    name_error: RwSignal<String>,
    password_error: RwSignal<String>,
    again_error: RwSignal<String>,
}

impl Fields {
    fn new() -> Self {
        let error = || RwSignal::new(String::new());
        Self {
            name: NodeRef::new(),
            password: NodeRef::new(),
            again: NodeRef::new(),
            name_error: error(),
            password_error: error(),
            again_error: error(),
        }
    }

    /// What is to be sent, or nothing when a field says what is missing.
    fn read(self, token: String) -> Option<SetUpParams> {
        let (name, password) = (text_of(self.name).trim().to_owned(), text_of(self.password));
        let (node, error, text) = if name.is_empty() {
            (self.name, self.name_error, t::accounts_name_missing().to_owned())
        } else if password.chars().count() < MIN_PASSWORD_CHARS {
            (self.password, self.password_error, t::accounts_password_short(&MIN_PASSWORD_CHARS.to_string()))
        } else if text_of(self.again) != password {
            (self.again, self.again_error, t::accounts_passwords_differ().to_owned())
        } else {
            return Some(SetUpParams { token, name, password });
        };
        error.set(text);
        focus(node);
        None
    }
}

/// Making the owner's account.
#[component]
pub fn SetupPage() -> impl IntoView {
    let query = use_query_map();
    let token = Memo::new(move |_| query.read().get("token").unwrap_or_default());
    let refused = RwSignal::new(None::<String>);
    view! {
        {move || match (refused.get(), token.read().is_empty()) {
            (Some(why), _) => view! { <NoLink why /> }.into_any(),
            (None, true) => view! { <NoLink why=t::accounts_link_missing().to_owned() /> }.into_any(),
            (None, false) => view! { <SetupForm token refused /> }.into_any(),
        }}
    }
}

/// The link does not work, and how to get one that does.
#[component]
fn NoLink(why: String) -> impl IntoView {
    view! {
        <Door title=t::accounts_link_title() lead=why>
            <p class="door-lead">{t::accounts_link_new()}</p>
            <pre class="door-command"><code>"hermes setup-link"</code></pre>
            <a class="btn" href="/login">{t::common_sign_in()}</a>
        </Door>
    }
}

#[component]
fn SetupForm(token: Memo<String>, refused: RwSignal<Option<String>>) -> impl IntoView {
    let fields = Fields::new();
    let failed = RwSignal::new(String::new());
    let (busy, ready, shown) = (RwSignal::new(false), RwSignal::new(false), RwSignal::new(false));
    Effect::new(move |_| ready.set(true));
    let refuse = move |error: ApiError| match error.code {
        ErrorCode::Denied => refused.set(Some(t::accounts_link_used().to_owned())),
        ErrorCode::Invalid => {
            fields.password_error.set(error.message);
            focus(fields.password);
        }
        _ => failed.set(sentence(&error)),
    };
    let send = move || {
        failed.set(String::new());
        let Some(params) = fields.read(token.get_untracked()) else { return };
        busy.set(true);
        spawn_local(async move {
            match set_up(params).await {
                Ok(_) => go("/welcome"),
                Err(error) => {
                    busy.set(false);
                    refuse(error);
                }
            }
        });
    };
    view! {
        <Door title=t::accounts_setup_title() lead=t::accounts_setup_lead()>
            <form class="form" method="post" novalidate on:submit=move |event| {
                event.prevent_default();
                if !busy.get_untracked() {
                    send();
                }
            }>
                <div class="field">
                    <label class="field-label" for="name">{t::accounts_name()}</label>
                    <input
                        node_ref=fields.name
                        id="name"
                        name="name"
                        type="text"
                        autocomplete="name"
                        maxlength="80"
                        required
                        autofocus
                        aria-describedby="name-error"
                        aria-invalid=move || (!fields.name_error.read().is_empty()).then_some("true")
                        on:input=move |_| fields.name_error.set(String::new())
                    />
                    <span class="field-error" id="name-error" role="alert" hidden=move || fields.name_error.read().is_empty()>{move || fields.name_error.get()}</span>
                </div>
                <PasswordField
                    node=fields.password
                    id="new-password"
                    label=t::accounts_password()
                    autocomplete="new-password"
                    shown
                    hint=t::accounts_password_hint(&MIN_PASSWORD_CHARS.to_string())
                    error=fields.password_error
                />
                <PasswordField
                    node=fields.again
                    id="repeat-password"
                    label=t::accounts_password_again()
                    autocomplete="new-password"
                    shown
                    error=fields.again_error
                    toggle=false
                />
                <FormError text=failed />
                <Button kind=ButtonKind::Primary submit=true busy disabled=Signal::derive(move || !ready.get())>
                    {t::accounts_create()}
                </Button>
            </form>
        </Door>
    }
}
