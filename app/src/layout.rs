//! The frame around every page: bottom bar on a phone, rail elsewhere, messages, the state of the connection.
use leptos::prelude::*;
use leptos_router::hooks::use_location;
use protocol::{ProfileSummary, TaskCard};

use crate::features::home::HomeState;
use crate::features::kanban::{NewCardDefaults, NewCardDialog};
use crate::features::palette::Palette;
use crate::i18n::t;
use crate::live::{Connection, Live};
use crate::outbox::{Outbox, OutboxDialog, OutboxNote};
use crate::ui::{Icon, Overlays, ToastRegion, dom, icon, keymap};

/// The dialog for a new card, which opens from anywhere.
#[derive(Debug, Clone, Copy)]
pub struct NewCard {
    /// Whether it is open.
    pub open: RwSignal<bool>,
    /// The board it is made on: the one that was looked at last; nothing for the usual one.
    pub board: StoredValue<String>,
    /// What it starts with.
    pub defaults: StoredValue<NewCardDefaults>,
    /// Who can be assigned, as the board knows it.
    pub profiles: StoredValue<Vec<ProfileSummary>>,
    /// The page that wants to know about the new card.
    pub created: StoredValue<Option<Callback<TaskCard>>>,
}

/// Whether the palette is open, where anything is found from anywhere.
#[derive(Debug, Clone, Copy)]
pub struct Finding(pub RwSignal<bool>);

/// The address of the board that was looked at last, with its view. `/board` until one was: the server knows which it
/// was before the app started, by a cookie.
#[derive(Debug, Clone, Copy)]
pub struct LastBoard(pub RwSignal<String>);

impl LastBoard {
    /// The board that an address without a name means; empty while only the server knows.
    #[must_use]
    pub fn slug(self) -> String {
        self.0.with_untracked(|left| {
            let slug = left.strip_prefix("/board/").unwrap_or_default();
            slug.split('?').next().unwrap_or_default().to_owned()
        })
    }

    /// The way back to a board: as it was left, if it was the last one.
    #[must_use]
    pub fn back_to(self, slug: &str) -> String {
        let plain = format!("/board/{slug}");
        let left = self.0.get();
        if left.strip_prefix(&plain).is_some_and(|rest| rest.starts_with('?')) { left } else { plain }
    }
}

/// The frame. Pages before signing in stand alone.
#[component]
pub fn Layout(children: Children) -> impl IntoView {
    let path = use_location().pathname;
    let bare = Memo::new(move |_| matches!(path.get().as_str(), "/login" | "/setup"));
    let new_card = NewCard {
        open: RwSignal::new(false),
        board: StoredValue::new(String::new()),
        defaults: StoredValue::new(NewCardDefaults::default()),
        profiles: StoredValue::new(Vec::new()),
        created: StoredValue::new(None),
    };
    provide_context(new_card);
    let finding = Finding(RwSignal::new(false));
    provide_context(finding);
    let last = LastBoard(RwSignal::new("/board".to_owned()));
    provide_context(last);
    let home = Resource::new_blocking(
        move || bare.get(),
        |bare| async move { if bare { None } else { crate::features::home::read_home().await.ok() } },
    );
    provide_context(home);
    let (live, overlays) = (expect_context::<Live>(), expect_context::<Overlays>());
    Effect::new(move |_| {
        let handle = window_event_listener(leptos::ev::keydown, move |event| {
            let plain = !(event.ctrl_key() || event.meta_key() || event.alt_key());
            if plain
                && matches!(keymap::meaning(&event.key()).as_str(), "c" | "C")
                && !overlays.any()
                && !dom::is_typing()
                && !bare.get_untracked()
            {
                event.prevent_default();
                new_card.open.set(true);
            }
        });
        on_cleanup(move || handle.remove());
    });
    // Everything the first page needs is here by now.
    Effect::new(move |_| dom::load_pages_style());
    // The last part of the page. While a page's code is on its way the parts behind it are not alive, and what changes then
    // would not be drawn: nothing comes in before.
    let last_part = NodeRef::new();
    let outbox = expect_context::<Outbox>();
    Effect::new(move |_| {
        if last_part.get().is_none() {
            return;
        }
        if bare.get() {
            return outbox.close();
        }
        live.start();
        if let Some(Some(home)) = home.get() {
            outbox.open(home.viewer);
        }
    });
    crate::features::push::start(Signal::derive(move || !bare.get()));
    view! {
        <a class="skip" href="#content">{t::shell_skip()}</a>
        <div class="shell" class:is-bare=move || bare.get()>
            <Show when=move || !bare.get()>
                {view! { <Nav path home new_card last /> }.into_any()}
            </Show>
            <main id="content" class="content">{children()}</main>
        </div>
        {view! { <NewCardDialog new_card /> }.into_any()}
        {view! { <Palette finding new_card bare /> }.into_any()}
        {view! { <OutboxDialog /> }.into_any()}
        {view! { <ToastRegion node=last_part /> }.into_any()}
    }
    .into_any()
}

#[component]
fn Nav(path: Memo<String>, home: Resource<Option<HomeState>>, new_card: NewCard, last: LastBoard) -> impl IntoView {
    let here = move |prefix: &'static str| move || path.get().starts_with(prefix).then_some("page");
    view! {
        <nav class="nav" aria-label=t::shell_nav()>
            <a class="nav-item" href="/inbox" aria-current=here("/inbox")>
                {icon(Icon::Inbox)}
                <span class="nav-word">{t::shell_inbox()}</span>
                <Suspense>{move || home.get().map(|home| view! { <InboxCount first=home.map_or(0, |home| home.inbox) /> })}</Suspense>
            </a>
            <a class="nav-item" href=move || last.0.get() aria-current=here("/board")>
                {icon(Icon::Board)}
                <span class="nav-word">{t::shell_board()}</span>
            </a>
            <button type="button" class="nav-item nav-new" on:click=move |_| new_card.open.set(true)>
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
    // Until when the page is true.
    let since = RwSignal::new(String::new());
    Effect::new(move |before: Option<Connection>| {
        let now = live.connection();
        if before == Some(Connection::Live) && now != Connection::Live {
            let clock = js_sys::Date::new_0();
            since.set(format!("{:02}:{:02}", clock.get_hours(), clock.get_minutes()));
        }
        now
    });
    let state = move || match live.connection() {
        Connection::Live => ("connection is-live", t::shell_live().to_owned()),
        Connection::Reconnecting => ("connection is-reconnecting", t::shell_reconnecting().to_owned()),
        Connection::Offline if since.read().is_empty() => ("connection is-offline", t::shell_offline().to_owned()),
        Connection::Offline => ("connection is-offline", t::shell_offline_since(&since.read())),
    };
    view! {
        <div class=move || state().0>
            <p class="connection-state" role="status">
                <span class="dot"></span>
                <span class="nav-word">{move || state().1}</span>
            </p>
            <OutboxNote />
        </div>
    }
}
