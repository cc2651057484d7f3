//! The inbox: everything that waits for a person, and nothing else. What was put off waits in a group of its own.
mod moments;
mod snoozed;
mod swipe;
mod verbs;

use std::cell::RefCell;

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;
use protocol::{DecisionId, DecisionKind, DecisionView, ErrorCode, Inbox};

use crate::features::decisions::{KindChip, read_inbox};
use crate::features::kanban::words;
use crate::features::push::AskForPush;
use crate::i18n::t;
use crate::layout::Finding;
use crate::live::Live;
use crate::ui::{Dialog, ErrorState, Icon, Menu, MenuItem, Toasts, icon, keymap, later, skeleton_rows, time};
use verbs::{Want, work};

thread_local! {
    /// The inbox as it was left: better than nothing while the server cannot be reached.
    static LEFT: RefCell<Option<Inbox>> = const { RefCell::new(None) };
}

/// The inbox.
#[component]
pub fn InboxPage() -> impl IntoView {
    let first = Resource::new_blocking(|| (), |()| read_inbox());
    let finding = expect_context::<Finding>();
    view! {
        <leptos_meta::Title text=t::shell_inbox() />
        <div class="page">
            <header class="page-head">
                <h1>{t::shell_inbox()}</h1>
                <button type="button" class="icon-btn page-find" aria-label=t::palette_title() aria-haspopup="dialog" on:click=move |_| finding.0.set(true)>
                    {icon(Icon::Search)}
                </button>
            </header>
            <Suspense fallback=|| skeleton_rows(4)>
                {move || Suspend::new(async move {
                    match first.await {
                        Ok(inbox) => view! { <Rows first=inbox /> }.into_any(),
                        Err(error) => {
                            let left = (error.code == ErrorCode::Network).then(|| LEFT.take()).flatten();
                            view! {
                                {left.map(|first| view! {
                                    <p class="muted" role="status">{t::inbox_last_seen()}</p>
                                    <Rows first />
                                })}
                                <ErrorState error retry=Callback::new(move |()| first.refetch()) />
                            }
                            .into_any()
                        }
                    }
                })}
            </Suspense>
        </div>
    }
}

/// Leads to an address.
type Go = Box<dyn Fn(&str) + Send + Sync>;

/// The inbox on screen, and what its verbs need.
#[derive(Clone, Copy)]
struct Tray {
    inbox: RwSignal<Inbox>,
    list: NodeRef<html::Ul>,
    /// Decisions that something is being done with.
    busy: RwSignal<Vec<DecisionId>>,
    menu_open: RwSignal<bool>,
    /// The decision that the menu puts off, and its card's name.
    menu_for: RwSignal<Option<(DecisionId, String)>>,
    items: StoredValue<Vec<MenuItem>>,
    /// The list of the keys is open.
    keys_open: RwSignal<bool>,
    go: StoredValue<Go>,
    live: Live,
    toasts: Toasts,
}

impl Tray {
    fn new(first: Inbox) -> Self {
        let navigate = use_navigate();
        let go = move |path: &str| navigate(path, NavigateOptions::default());
        Self {
            inbox: RwSignal::new(first),
            list: NodeRef::new(),
            busy: RwSignal::new(Vec::new()),
            menu_open: RwSignal::new(false),
            menu_for: RwSignal::new(None),
            items: StoredValue::new(Vec::new()),
            keys_open: RwSignal::new(false),
            go: StoredValue::new(Box::new(go)),
            live: expect_context(),
            toasts: expect_context(),
        }
    }

    /// Reads the inbox again.
    fn refresh(self) {
        spawn_local(async move {
            // silent-ok: the frame says when the server is out of reach; the rows stay as they were.
            if let Ok(fresh) = read_inbox().await {
                self.inbox.try_set(fresh);
            }
        });
    }

    /// Does something that is fetched first.
    fn want(self, want: Want) {
        spawn_local(async move { drop(work(self, want).await) });
    }
}

/// The rows; they follow the stream.
#[component]
fn Rows(first: Inbox) -> impl IntoView {
    let tray = Tray::new(first);
    let Tray { inbox, live, .. } = tray;
    Effect::new(move |ran: Option<()>| {
        let _ = live.inbox(); // what the effect follows
        if ran.is_some() {
            tray.refresh();
        }
    });
    Effect::new(move |_| {
        if tray.list.get().is_some() {
            tray.want(Want::Swipes);
        }
    });
    Effect::new(move |_| on_cleanup(move || LEFT.set(inbox.try_get_untracked())));
    keymap::listen(move |key| match key.as_str() {
        "j" | "J" => tray.want(Want::Step(1)),
        "k" | "K" => tray.want(Want::Step(-1)),
        "?" => tray.keys_open.set(true),
        _ => {}
    });
    let now = time::ticking();
    let rest = move || inbox.with(|inbox| inbox.total - inbox.open.len() as i64);
    let title =
        move || tray.menu_for.read().as_ref().map(|(_, label)| t::inbox_snooze_until(label)).unwrap_or_default();
    let anchor = move |()| {
        let id = tray.menu_for.read_untracked().as_ref().map(|(id, _)| *id)?;
        document().query_selector(&format!("[data-decision='{id}'] .inbox-snooze")).ok().flatten()
    };
    view! {
        <Show when=move || inbox.read().open.is_empty()>
            <Nothing running=Signal::derive(move || inbox.read().running) />
        </Show>
        <ul class="inbox" node_ref=tray.list hidden=move || inbox.read().open.is_empty()>
            <For each=move || inbox.get().open key=|view| (view.id, view.version) let(view)>
                <Row view now tray />
            </For>
        </ul>
        <p class="inbox-rest" hidden=move || rest() <= 0>{move || t::inbox_rest(rest())}</p>
        <Snoozed tray />
        <AskForPush />
        <Menu open=tray.menu_open title=Signal::derive(title) anchor=Callback::new(anchor) items=Callback::new(move |()| tray.items.get_value()) />
        <Dialog open=tray.keys_open title=t::kanban_shortcuts().to_owned()>{later(work(tray, Want::Keys))}</Dialog>
    }
}

#[component]
fn Row(view: DecisionView, now: Signal<i64>, tray: Tray) -> impl IntoView {
    let verb = words::ask_action(view.kind);
    let (id, at, label) = (view.id, view.created_at, words::label(view.card.number));
    let busy = move || tray.busy.read().contains(&id);
    // A person asks without a profile.
    let who = if view.profile.is_empty() { String::new() } else { format!("{} · ", view.profile) };
    // What needs no words can be done from here.
    let approve = (view.kind == DecisionKind::Review).then(|| {
        let name = t::inbox_approve_card(&label);
        view! {
            <button type="button" class="btn btn-small inbox-approve" aria-label=name disabled=busy on:click=move |_| tray.want(Want::Approve(id))>
                {t::decisions_verb_approve()}
            </button>
        }
    });
    view! {
        <li class="inbox-item" class:is-busy=busy data-decision=id.to_string()>
            <div class="inbox-front">
                <a class="inbox-row" href=format!("/d/{id}")>
                    <span class="inbox-meta">
                        <KindChip kind=view.kind />
                        <span class="inbox-card">{label.clone()} " · " {view.card.title}</span>
                    </span>
                    <span class="inbox-ask">{view.ask}</span>
                    <span class="inbox-who">{who} {move || time::ago(now.get(), at)}</span>
                    <span class="btn btn-small inbox-verb">{verb}</span>
                </a>
                {approve}
                <button
                    type="button"
                    class="icon-btn inbox-snooze"
                    aria-label=t::inbox_snooze_card(&label)
                    aria-haspopup="menu"
                    title=t::inbox_snooze()
                    disabled=busy
                    on:click=move |_| tray.want(Want::Choices(id))
                >
                    {icon(Icon::Clock)}
                </button>
            </div>
        </li>
    }
}

/// What was put off, closed until somebody asks. Its times are the browser's, which alone knows the time zone.
#[component]
fn Snoozed(tray: Tray) -> impl IntoView {
    let open = RwSignal::new(false);
    let count = Memo::new(move |_| tray.inbox.read().snoozed_total);
    view! {
        <section class="inbox-snoozed" hidden=move || count.get() == 0>
            <button
                type="button"
                class="btn btn-quiet"
                aria-expanded=move || if open.get() { "true" } else { "false" }
                on:click=move |_| open.update(|open| *open = !*open)
            >
                {icon(Icon::Chevron)}
                {move || t::inbox_snoozed(count.get())}
            </button>
            {move || open.get().then(|| later(work(tray, Want::Snoozed)))}
        </section>
    }
}

#[component]
fn Nothing(running: Signal<u32>) -> impl IntoView {
    let runs = move || match running.get() {
        0 => t::inbox_none_running().to_owned(),
        count => t::inbox_running(i64::from(count)),
    };
    view! {
        <div class="state">
            <p class="state-title">{t::inbox_nothing()}</p>
            <p class="state-hint">{runs}</p>
            <a class="btn" href="/board">{t::shell_to_board()}</a>
        </div>
    }
}
