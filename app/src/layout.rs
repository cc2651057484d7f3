//! The frame around every page: bottom bar on a phone, rail elsewhere, messages, the state of the connection.
use leptos::prelude::*;
use leptos_router::hooks::use_location;

use crate::features::home::HomeState;
use crate::features::kanban::NewCardDialog;
use crate::i18n::t;
use crate::live::{Connection, Live};
use crate::ui::{Icon, ToastRegion, icon};

/// Opens the dialog for a new card, from anywhere.
#[derive(Debug, Clone, Copy)]
pub struct NewCard(pub RwSignal<bool>);

/// The frame. Pages before signing in stand alone.
#[component]
pub fn Layout(children: Children) -> impl IntoView {
    let path = use_location().pathname;
    let bare = Memo::new(move |_| matches!(path.get().as_str(), "/login" | "/setup"));
    let new_card = NewCard(RwSignal::new(false));
    provide_context(new_card);
    let home = Resource::new_blocking(move || bare.get(), |bare| async move {
        if bare { None } else { crate::features::home::read_home().await.ok() }
    });
    provide_context(home);
    crate::features::push::start(Signal::derive(move || !bare.get()));
    view! {
        <a class="skip" href="#content">{t::shell_skip()}</a>
        <div class="shell" class:is-bare=move || bare.get()>
            <Show when=move || !bare.get()>
                <Nav path home new_card />
            </Show>
            <main id="content" class="content">{children()}</main>
        </div>
        <NewCardDialog open=new_card.0 />
        <ToastRegion />
    }
}

#[component]
fn Nav(path: Memo<String>, home: Resource<Option<HomeState>>, new_card: NewCard) -> impl IntoView {
    let here = move |prefix: &'static str| move || path.get().starts_with(prefix).then_some("page");
    view! {
        <nav class="nav" aria-label=t::shell_nav()>
            <a class="nav-item" href="/inbox" aria-current=here("/inbox")>
                {icon(Icon::Inbox)}
                <span class="nav-word">{t::shell_inbox()}</span>
                <Suspense>{move || home.get().map(|home| view! { <InboxCount first=home.map_or(0, |home| home.inbox) /> })}</Suspense>
            </a>
            <a class="nav-item" href="/board" aria-current=here("/board")>
                {icon(Icon::Board)}
                <span class="nav-word">{t::shell_board()}</span>
            </a>
            <button type="button" class="nav-item nav-new" on:click=move |_| new_card.0.set(true)>
                {icon(Icon::Plus)}
                <span class="nav-word">{t::shell_new()}</span>
            </button>
            <a class="nav-item" href="/settings" aria-current=here("/settings")>
                {icon(Icon::Settings)}
                <span class="nav-word">{t::shell_settings()}</span>
            </a>
            <ConnectionDot />
        </nav>
    }
}

/// What waits for a person: what the page was made with, then what the stream says.
#[component]
fn InboxCount(first: i64) -> impl IntoView {
    let live = expect_context::<Live>();
    let count = move || live.inbox().unwrap_or(first);
    view! {
        <span class="count" hidden=move || count() == 0 aria-label=move || t::shell_inbox_waiting(count())>
            {move || count()}
        </span>
    }
}

#[component]
fn ConnectionDot() -> impl IntoView {
    let live = expect_context::<Live>();
    let state = move || match live.connection() {
        Connection::Live => ("connection is-live", t::shell_live()),
        Connection::Reconnecting => ("connection is-reconnecting", t::shell_reconnecting()),
        Connection::Offline => ("connection is-offline", t::shell_offline()),
    };
    view! {
        <p class=move || state().0 role="status">
            <span class="dot"></span>
            <span class="nav-word">{move || state().1}</span>
        </p>
    }
}
