//! `/d/<id>`: one decision. What the notification carried is readable at once; the verbs wait for the server.
use leptos::html;
use leptos::prelude::*;
use leptos_router::hooks::{use_location, use_params_map};
use protocol::{DecisionId, DecisionState, DecisionVerb, DecisionView, ErrorCode};

use super::act::Bar;
use super::desk::{Desk, Table};
use super::fragment;
use super::server_fns::read_decision;
use super::settled::Strip;
use super::snoozed::Snoozed;
use super::words::{KindChip, kind_word};
use crate::error::ApiError;
use crate::features::kanban::words;
use crate::features::review::{Place, Review};
use crate::i18n::t;
use crate::live::Live;
use crate::ui::{ErrorPage, Icon, icon, time};

/// A decision. Another one is another page: one that is still on screen while the next is read would look at what is
/// gone.
#[component]
pub fn DecisionPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.read().get_str("id").and_then(|text| text.parse::<DecisionId>().ok()));
    let table = Table::new();
    view! {
        <For
            each=move || std::iter::once(id.get())
            key=|id| id.map(|id| id.to_string())
            let(id)
        >
            <DecisionAt id table />
        </For>
    }
}

/// The decision of that id.
#[component]
fn DecisionAt(id: Option<DecisionId>, table: Table) -> impl IntoView {
    let first = Resource::new_blocking(
        move || id,
        |id| async move {
            match id {
                Some(id) => read_decision(id).await,
                None => Err(ApiError::new(ErrorCode::NotFound, t::shell_not_found_hint())),
            }
        },
    );
    view! {
        <Suspense fallback=move || view! { <FromNotification /> }>
            {move || Suspend::new(async move {
                match first.await {
                    Ok(view) => view! { <Decision first=view table /> }.into_any(),
                    Err(error) => view! { <Failed error retry=Callback::new(move |()| first.refetch()) /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

/// Out of reach: what the notification carried, and the one thing to do.
#[component]
fn Failed(error: ApiError, retry: Callback<()>) -> impl IntoView {
    if error.code != ErrorCode::Network {
        return view! { <ErrorPage error retry /> }.into_any();
    }
    view! {
        <div class="page decision">
            <Carried />
            <div class="state" role="alert">
                <p class="state-title">{t::decisions_unreachable()}</p>
                <p class="state-hint">{t::decisions_unreachable_hint()}</p>
                <button type="button" class="btn btn-primary" on:click=move |_| retry.run(())>{t::common_retry()}</button>
            </div>
        </div>
    }
    .into_any()
}

/// Before the server has answered.
#[component]
fn FromNotification() -> impl IntoView {
    view! {
        <div class="decision-page">
            <article class="page decision">
                <header class="page-head"><BackToInbox /><Checking /></header>
                <Carried />
                <div class="skeleton"><div class="skeleton-row"></div></div>
            </article>
        </div>
    }
}

/// Title and ask from the address.
#[component]
fn Carried() -> impl IntoView {
    let hash = use_location().hash;
    move || {
        fragment::read(&hash.read()).map(|(title, ask)| {
            view! {
                <h1 class="decision-ask" dir="auto">{ask}</h1>
                <p class="decision-card" dir="auto">{title}</p>
            }
        })
    }
}

#[component]
fn BackToInbox() -> impl IntoView {
    view! { <a class="icon-btn" href="/inbox" aria-label=t::decisions_to_inbox()>{icon(Icon::Back)}</a> }
}

#[component]
fn Checking() -> impl IntoView {
    view! { <span class="chip decision-checking" role="status">{t::decisions_checking()}</span> }
}

/// A decision the server has told of.
#[component]
fn Decision(first: DecisionView, table: Table) -> impl IntoView {
    let desk = Desk::new(first, table);
    keep_fresh(desk);
    let kind = desk.view.read_untracked().kind;
    let slides = table.last.read_untracked().is_some();
    let card = desk.view.read_untracked().card.id;
    let state = Memo::new(move |_| desk.view.with(|view| (view.state, view.version)));
    let look_again = Signal::derive(move || state.track());
    // Merging follows an approval; before it, and after work was sent back, it is not what one is here for.
    let unapproved = Memo::new(move |_| {
        desk.view.with(|view| view.settlement.as_ref().is_none_or(|settled| settled.verb != DecisionVerb::Approve))
    });
    let checking = move || !desk.fresh.get() && desk.view.read().state == DecisionState::Open;
    view! {
        <leptos_meta::Title text=move || format!("{}: {}", kind_word(kind), words::label(desk.view.read().card.number)) />
        <div class="decision-page" class:is-next=slides>
            <article class="page decision">
                <Strip table />
                <header class="page-head">
                    <BackToInbox />
                    <KindChip kind />
                    <Show when=checking><Checking /></Show>
                </header>
                <h1 class="decision-ask" dir="auto">{move || desk.view.read().ask.clone()}</h1>
                <CardLine desk />
                <Snoozed desk />
                <Summary desk />
                <Evidence desk />
                <Show when=move || desk.view.read().then_continue>
                    <p class="decision-then">{t::review_then_continue()}</p>
                </Show>
                <Review card look_again place=Place::Decision outranked=unapproved />
            </article>
            <Bar desk />
        </div>
    }
}

#[component]
fn CardLine(desk: Desk) -> impl IntoView {
    let address = move || format!("/card/{}", desk.view.read().card.number);
    view! {
        <p class="decision-card">
            <a href=address>{move || words::label(desk.view.read().card.number)}</a>
            " "
            <bdi>{move || desk.view.read().card.title.clone()}</bdi>
        </p>
    }
}

/// The worker's own words, cut after some lines while they are long.
#[component]
fn Summary(desk: Desk) -> impl IntoView {
    let html = Memo::new(move |_| desk.view.read().summary_html.clone());
    let (whole, long) = (RwSignal::new(false), RwSignal::new(false));
    let node = NodeRef::<html::Div>::new();
    Effect::new(move |_| {
        html.track();
        let node = node.get();
        // Before the next frame it has no size.
        request_animation_frame(move || {
            if let Some(node) = node {
                long.try_set(node.scroll_height() > node.client_height() + 1);
            }
        });
    });
    view! {
        <section class="decision-summary" hidden=move || html.read().trim().is_empty()>
            <div
                node_ref=node
                class="prose"
                class:is-cut=move || !whole.get()
                class:is-long=move || long.get() && !whole.get()
                inner_html=move || html.get()
            ></div>
            <Show when=move || long.get()>
                <button type="button" class="btn btn-quiet btn-small" on:click=move |_| whole.update(|whole| *whole = !*whole)>
                    {move || if whole.get() { t::decisions_less() } else { t::decisions_all() }}
                </button>
            </Show>
        </section>
    }
}

/// Who, how long, how much, and the way to everything that happened.
#[component]
fn Evidence(desk: Desk) -> impl IntoView {
    let now = time::ticking();
    let (profile, seconds, micros, at, number) = desk.view.with_untracked(|view| {
        (view.profile.clone(), view.run_seconds, view.cost_micros, view.created_at, view.card.number)
    });
    let fact = |sign: Icon, name: &'static str, value: String| {
        view! { <li class="fact"><span class="icon-s" title=name>{icon(sign)}</span><span class="visually-hidden">{name}</span>{value}</li> }
    };
    view! {
        <ul class="evidence">
            {fact(Icon::Agent, t::decisions_fact_profile(), profile)}
            {seconds.map(|seconds| fact(Icon::Clock, t::decisions_fact_duration(), time::span(seconds)))}
            {micros.map(|micros| fact(Icon::Circle, t::decisions_fact_cost(), words::price(micros)))}
            <li class="fact">{move || t::decisions_asked(&time::ago(now.get(), at))}</li>
            <li class="fact"><a href=format!("/card/{number}")>{t::decisions_run()}</a></li>
        </ul>
    }
}

/// Confirms what is shown: now, when the stream tells of a change, and when somebody looks again after a while.
fn keep_fresh(desk: Desk) {
    let live = expect_context::<Live>();
    Effect::new(move |ran: Option<()>| {
        let _ = live.inbox(); // what the effect follows
        if ran.is_some() {
            desk.refresh();
        } else {
            // The page comes with the decision as it was a moment ago.
            desk.fresh.set(true);
        }
    });
    Effect::new(move |_| {
        let again = move |event: web_sys::Event| {
            // A page that was never away was never in doubt.
            if !document().hidden() && (event.type_() != "pageshow" || is_restored(&event)) {
                desk.fresh.set(false);
                desk.refresh();
            }
        };
        for name in ["visibilitychange", "pageshow", "online"] {
            let handle = window_event_listener_untyped(name, again);
            on_cleanup(move || handle.remove());
        }
    });
}

/// Whether a page comes out of the browser's memory.
fn is_restored(event: &web_sys::Event) -> bool {
    js_sys::Reflect::get(event, &"persisted".into()).is_ok_and(|persisted| persisted.is_truthy())
}
