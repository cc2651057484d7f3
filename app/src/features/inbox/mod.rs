//! The inbox: everything that waits for a person, and nothing else.
use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{DecisionView, Inbox};

use crate::features::decisions::{KindChip, read_inbox};
use crate::features::kanban::words;
use crate::features::push::AskForPush;
use crate::i18n::t;
use crate::live::Live;
use crate::ui::{ErrorState, skeleton_rows, time};

/// The inbox.
#[component]
pub fn InboxPage() -> impl IntoView {
    let first = Resource::new_blocking(|| (), |()| read_inbox());
    view! {
        <leptos_meta::Title text=t::shell_inbox() />
        <div class="page">
            <header class="page-head"><h1>{t::shell_inbox()}</h1></header>
            <Suspense fallback=|| skeleton_rows(4)>
                {move || Suspend::new(async move {
                    match first.await {
                        Ok(inbox) => view! { <Rows first=inbox /> }.into_any(),
                        Err(error) => view! { <ErrorState error retry=Callback::new(move |()| first.refetch()) /> }.into_any(),
                    }
                })}
            </Suspense>
        </div>
    }
}

/// The rows; they follow the stream.
#[component]
fn Rows(first: Inbox) -> impl IntoView {
    let inbox = RwSignal::new(first);
    let live = expect_context::<Live>();
    Effect::new(move |ran: Option<()>| {
        let _ = live.inbox(); // what the effect follows
        if ran.is_some() {
            spawn_local(async move {
                // silent-ok: the frame says when the server is out of reach; the rows stay as they were.
                if let Ok(fresh) = read_inbox().await {
                    inbox.try_set(fresh);
                }
            });
        }
    });
    let now = time::ticking();
    let rest = move || inbox.with(|inbox| inbox.total - inbox.open.len() as i64);
    view! {
        <Show when=move || inbox.read().open.is_empty()>
            <Nothing running=Signal::derive(move || inbox.read().running) />
        </Show>
        <ul class="inbox" hidden=move || inbox.read().open.is_empty()>
            <For each=move || inbox.get().open key=|view| (view.id, view.version) let(view)>
                <Row view now />
            </For>
        </ul>
        <p class="inbox-rest" hidden=move || rest() <= 0>{move || t::inbox_rest(rest())}</p>
        <AskForPush />
    }
}

#[component]
fn Row(view: DecisionView, now: Signal<i64>) -> impl IntoView {
    let verb = words::ask_action(view.kind);
    let (label, at) = (words::label(view.card.number), view.created_at);
    view! {
        <li>
            <a class="inbox-row" href=format!("/d/{}", view.id)>
                <span class="inbox-meta">
                    <KindChip kind=view.kind />
                    <span class="inbox-card">{label} " · " {view.card.title}</span>
                </span>
                <span class="inbox-ask">{view.ask}</span>
                <span class="inbox-who">{view.profile} " · " {move || time::ago(now.get(), at)}</span>
                <span class="btn btn-small inbox-verb">{verb}</span>
            </a>
        </li>
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
