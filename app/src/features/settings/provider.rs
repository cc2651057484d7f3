//! The model provider: address, key, model, and a test that says how fast or why not.
use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{LocalServer, ProviderTest, ProviderView, SaveProviderParams};

use super::server_fns::{find_local_servers, save_provider, test_provider};
use crate::error::ApiError;
use crate::i18n::t;
use crate::ui::{Button, ButtonKind, Chip, Drafts, Icon, TextField, Toasts, Tone, icon};

/// The form's state.
#[derive(Clone, Copy)]
struct Form {
    stored: RwSignal<ProviderView>,
    base_url: RwSignal<String>,
    model: RwSignal<String>,
    /// What was typed; the stored key never comes here.
    key: RwSignal<String>,
    remove_key: RwSignal<bool>,
    servers: RwSignal<Vec<LocalServer>>,
    test: RwSignal<Test>,
    saving: RwSignal<bool>,
    failed: RwSignal<String>,
}

/// What is known of the settings in the fields.
#[derive(Clone, PartialEq)]
enum Test {
    Untested,
    Running,
    Done(ProviderTest),
    Refused(ApiError),
}

impl Form {
    fn new(first: ProviderView) -> Self {
        Self {
            base_url: RwSignal::new(first.base_url.clone()),
            model: RwSignal::new(first.model.clone()),
            stored: RwSignal::new(first),
            key: RwSignal::new(String::new()),
            remove_key: RwSignal::new(false),
            servers: RwSignal::new(Vec::new()),
            test: RwSignal::new(Test::Untested),
            saving: RwSignal::new(false),
            failed: RwSignal::new(String::new()),
        }
    }

    fn is_dirty(self) -> bool {
        let stored = self.stored.read();
        self.base_url.read().trim() != stored.base_url
            || self.model.read().trim() != stored.model
            || !self.key.read().is_empty()
            || self.remove_key.get()
    }

    fn is_complete(self) -> bool {
        !self.base_url.read().trim().is_empty() && !self.model.read().trim().is_empty()
    }

    fn params(self) -> SaveProviderParams {
        let key = self.key.get_untracked().trim().to_owned();
        SaveProviderParams {
            base_url: self.base_url.get_untracked().trim().to_owned(),
            model: self.model.get_untracked().trim().to_owned(),
            key: if !key.is_empty() { Some(key) } else { self.remove_key.get_untracked().then(String::new) },
        }
    }

    fn try_out(self) {
        self.test.set(Test::Running);
        let params = self.params();
        spawn_local(async move {
            let result = test_provider(params.clone()).await;
            // Words about other settings than those in the fields would mislead.
            if self.test.try_get_untracked() == Some(Test::Running) {
                self.test.set(result.map_or_else(Test::Refused, Test::Done));
            }
        });
    }

    fn save(self, toasts: Toasts) {
        self.saving.set(true);
        self.failed.set(String::new());
        let params = self.params();
        spawn_local(async move {
            let result = save_provider(params).await;
            self.saving.try_set(false);
            match result {
                Ok(view) => {
                    self.base_url.try_set(view.base_url.clone());
                    self.model.try_set(view.model.clone());
                    self.key.try_set(String::new());
                    self.remove_key.try_set(false);
                    self.stored.try_set(view);
                    toasts.say(t::settings_saved());
                }
                Err(error) => {
                    self.failed.try_set(error.message);
                }
            }
        });
    }
}

/// The form. It is the same in the settings and on the first run.
#[component]
pub(super) fn ProviderForm(
    /// As stored.
    first: ProviderView,
    /// Called with what is stored from now on.
    #[prop(optional, into)]
    on_stored: Option<Callback<ProviderView>>,
) -> impl IntoView {
    let form = Form::new(first);
    let toasts = expect_context::<Toasts>();
    expect_context::<Drafts>().hold(Signal::derive(move || form.is_dirty()));
    look_for_servers(form.servers);
    forget_old_result(form);
    Effect::new(move |ran: Option<()>| {
        let stored = form.stored.get();
        if let (Some(on_stored), true) = (on_stored, ran.is_some()) {
            on_stored.run(stored);
        }
    });
    view! {
        <form class="form" on:submit=move |event| {
            event.prevent_default();
            if untrack(|| form.is_complete() && form.is_dirty()) && !form.saving.get_untracked() {
                form.save(toasts);
            }
        }>
            <Found form />
            <TextField
                label=t::settings_base_url()
                value=form.base_url
                kind="url"
                name="base-url"
                list="base-urls"
                hint=t::settings_base_url_hint()
                placeholder=t::settings_base_url_example()
            />
            <datalist id="base-urls">
                {t::settings_base_urls().lines().map(|url| view! { <option value=url></option> }).collect_view()}
            </datalist>
            <TextField label=t::settings_model_name() value=form.model name="model" list="models" placeholder=t::settings_model_example() />
            <datalist id="models">
                {move || models(form).into_iter().map(|name| view! { <option value=name></option> }).collect_view()}
            </datalist>
            <KeyField form />
            <TestResult form />
            <p class="form-error" role="alert" hidden=move || form.failed.read().is_empty()>{move || form.failed.get()}</p>
            <div class="btn-row">
                <Button
                    disabled=Signal::derive(move || !form.is_complete())
                    busy=Signal::derive(move || *form.test.read() == Test::Running)
                    on_press=Callback::new(move |()| form.try_out())
                >
                    {t::settings_test()}
                </Button>
                <Button
                    kind=ButtonKind::Primary
                    submit=true
                    busy=form.saving
                    disabled=Signal::derive(move || !form.is_complete() || !form.is_dirty())
                >
                    {t::common_save()}
                </Button>
            </div>
        </form>
    }
}

/// Servers on the machine itself: one tap fills the fields.
#[component]
fn Found(form: Form) -> impl IntoView {
    let fill = move |server: &LocalServer| {
        form.base_url.set(server.base_url.clone());
        if !server.models.contains(&form.model.get_untracked()) {
            form.model.set(server.models.first().cloned().unwrap_or_default());
        }
    };
    view! {
        <Show when=move || !form.servers.read().is_empty()>
            <div class="choices" role="group" aria-label=t::settings_found()>
                <span class="field-hint">{t::settings_found()}</span>
                {move || form.servers.get().into_iter().map(|server| {
                    let name = server.name.clone();
                    view! {
                        <button type="button" class="choice" on:click=move |_| fill(&server)>
                            <span class="icon-s">{icon(Icon::Terminal)}</span>
                            {name}
                        </button>
                    }
                }).collect_view()}
            </div>
        </Show>
    }
}

/// Write only: what is stored shows masked, and an empty field keeps it.
#[component]
fn KeyField(form: Form) -> impl IntoView {
    let masked = move || form.stored.read().key_masked.clone();
    let stored = move || !form.stored.read().key_masked.is_empty();
    view! {
        <div class="field">
            <label class="field-label" for="api-key">{t::settings_key()}</label>
            <input
                id="api-key"
                type="password"
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                placeholder=move || if stored() { masked() } else { t::settings_key_example().to_owned() }
                aria-describedby="api-key-hint"
                disabled=move || form.remove_key.get()
                bind:value=form.key
            />
            <span class="field-hint" id="api-key-hint">
                {move || if stored() { t::settings_key_keep(&masked()) } else { t::settings_key_hint().to_owned() }}
            </span>
            <Show when=stored>
                <label class="check">
                    <input type="checkbox" bind:checked=form.remove_key />
                    <span>{t::settings_key_remove()}</span>
                </label>
            </Show>
        </div>
    }
}

/// How the test went.
#[component]
fn TestResult(form: Form) -> impl IntoView {
    let line = move || match form.test.get() {
        Test::Untested => ().into_any(),
        Test::Running => {
            view! { <p class="result" role="status">{t::settings_asking(&form.model.get_untracked())}</p> }.into_any()
        }
        Test::Done(ProviderTest::Works { first_token_ms, total_ms, model }) => view! {
            <p class="result is-good" role="status">
                {icon(Icon::Check)}
                <span>{t::settings_works(&model, &first_token_ms.to_string(), &total_ms.to_string())}</span>
            </p>
        }
        .into_any(),
        // The sentence first; what the system said about it comes after.
        Test::Done(ProviderTest::Fails { message, hint }) => failure(hint, message),
        Test::Refused(error) => failure(error.message, String::new()),
    };
    view! { <div class="result-place">{line}</div> }
}

fn failure(message: String, hint: String) -> AnyView {
    view! {
        <div class="result is-bad" role="alert">
            {icon(Icon::Warning)}
            <span>
                <span class="result-message">{message}</span>
                {(!hint.is_empty()).then(|| view! { <span class="result-hint">{hint}</span> })}
            </span>
        </div>
    }
    .into_any()
}

/// Whether agents can start, in a word.
#[component]
pub(super) fn ReadyChip(
    /// As stored.
    #[prop(into)]
    ready: Signal<bool>,
) -> impl IntoView {
    let tone = Signal::derive(move || if ready.get() { Tone::Success } else { Tone::Warning });
    view! { <Chip tone>{move || if ready.get() { t::settings_ready() } else { t::settings_not_ready() }}</Chip> }
}

/// The models of the server in the address field, if it is one that was found.
fn models(form: Form) -> Vec<String> {
    let address = form.base_url.read();
    form.servers.with(|servers| {
        servers
            .iter()
            .find(|server| server.base_url == address.trim())
            .map(|server| server.models.clone())
            .unwrap_or_default()
    })
}

/// Looking takes a moment, so the page does not wait for it.
fn look_for_servers(servers: RwSignal<Vec<LocalServer>>) {
    Effect::new(move |_| {
        spawn_local(async move {
            // silent-ok: nothing is offered then, and the fields can be filled by hand.
            if let Ok(found) = find_local_servers().await {
                servers.try_set(found);
            }
        });
    });
}

fn forget_old_result(form: Form) {
    Effect::new(move |ran: Option<()>| {
        form.base_url.track();
        form.model.track();
        form.key.track();
        if ran.is_some() {
            form.test.set(Test::Untested);
        }
    });
}
