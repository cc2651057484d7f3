//! A card's page: what is asked, what came out, what happens now, and everything that led there.
mod activity;
mod comments;
pub(in crate::features::kanban) mod findings;
mod follow;
pub(in crate::features::kanban) mod gone;
mod hand;
pub(in crate::features::kanban) mod history;
pub(in crate::features::kanban) mod last_seen;
pub(in crate::features::kanban) mod links;
pub(in crate::features::kanban) mod log;
pub(in crate::features::kanban) mod map;
mod model;
mod peek;
mod runs;
mod sections;
pub(in crate::features::kanban) mod settings;
mod triage;
mod verbs;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;
use protocol::{CardDetail, CardRef, CardState, ErrorCode};

use super::extra::{About, Extra, about, extra};
use super::server_fns::read_card;
use super::{edit_in_place, words};
use crate::error::ApiError;
use crate::features::review::{Place, Review};
use crate::i18n::t;
use crate::layout::{LastBoard, NewCard};
use crate::live::Live;
use crate::outbox::Outbox;
use crate::ui::{Chip, Dialog, ErrorPage, Icon, Toasts, icon, later, skeleton_rows};
use activity::ActivityView;
use model::CardPage;
use verbs::Want;

pub(in crate::features::kanban) use peek::CardPeek;

/// The card of the address. Another card is another page: one that is still on screen while the next is read would look
/// at what is gone.
#[component]
pub fn CardRoute() -> impl IntoView {
    let params = use_params_map();
    let name = Memo::new(move |_| params.read().get("number").unwrap_or_default());
    view! { <For each=move || std::iter::once(name.get()) key=String::clone let(name)><CardAt name /></For> }
}

/// The card of that number or id.
#[component]
fn CardAt(name: String) -> impl IntoView {
    let card = name.parse::<CardRef>().ok();
    let detail = Resource::new_blocking(
        move || name.clone(),
        |name| async move {
            match name.parse::<CardRef>() {
                Ok(card) => read_card(card).await,
                Err(_) => Err(ApiError::new(ErrorCode::NotFound, t::card_no_such(&name))),
            }
        },
    );
    let retry = Callback::new(move |()| detail.refetch());
    view! {
        <Suspense fallback=move || view! { <div class="page">{skeleton_rows(5)}</div> }>
            {move || Suspend::new(async move {
                match detail.await {
                    Ok(detail) => view! { <CardView detail /> }.into_any(),
                    Err(error) => match card.filter(|_| error.code == ErrorCode::Network) {
                        Some(card) => later(extra(Extra::LastSeen(card, error, retry))),
                        None => view! { <ErrorPage error retry /> }.into_any(),
                    },
                }
            })}
        </Suspense>
    }
}

#[component]
fn CardView(detail: CardDetail) -> impl IntoView {
    let live = expect_context::<Live>();
    let page = CardPage::new(detail, live, expect_context::<Toasts>(), expect_context::<Outbox>());
    let (id, number) = page.detail.with_untracked(|detail| (detail.card.id, detail.card.number));
    expect_context::<NewCard>().board.set_value(page.detail.with_untracked(|detail| detail.board.slug.clone()));
    Effect::new(move |_| page.watch());
    Effect::new(move |_| page.keep_time());
    page.listen();
    hand::listen(page);
    let editing = page.editing;
    let title = Memo::new(move |_| page.detail.with(|detail| detail.card.title.clone()));
    // What was tidied up is told where its log was.
    let has_run =
        Memo::new(move |_| page.detail.with(|detail| detail.runs.first().is_some_and(|run| run.tidied_days.is_none())));
    let running = Memo::new(move |_| page.detail.with(|detail| detail.card.state == CardState::Running));
    // Merging is what comes next for work that was approved, and only then.
    let unfinished = Memo::new(move |_| page.detail.with(|detail| detail.card.state != CardState::Done));
    let look_again = Memo::new(move |_| {
        page.detail
            .with(|detail| (detail.card.state, detail.runs.len(), detail.comments.len(), detail.attachments.len()))
    });
    let look_again = Signal::derive(move || {
        look_again.track();
    });
    let heading = Signal::derive(move || {
        let attempt = page.detail.with(|detail| detail.runs.first().map_or(0, |run| run.attempt));
        t::card_activity_of(&attempt.to_string())
    });
    view! {
        <Title text=move || format!("{} {}", words::label(number), title.get()) />
        <Show when=move || !page.gone.get() fallback=move || gone_view(page)>
        <div class="card-page">
            <CardHead page editing />
            <div class="card-main">
                <Show when=move || !editing.get() fallback=move || view! { <InPlace page editing /> }>
                    <h1 class="card-heading" dir="auto">{move || title.get()}</h1>
                    {sections::glance(page)}
                </Show>
                {findings::banner(page)}
                {sections::ask(page)}
                {triage::section(page)}
                {sections::result(page)}
                <Show when=move || has_run.get()>
                    <ActivityView activity=page.activity heading running />
                </Show>
                <Review card=id look_again place=Place::Card outranked=unfinished />
                <Show when=move || !editing.get()>{sections::description(page)}</Show>
                {links::dependencies(page)}
                {runs::runs(page)}
                <comments::Comments page />
                {past(page)}
            </div>
            {sections::details(page)}
        </div>
        <RecoverDialog page />
        {hand::overlays(page)}
        </Show>
    }
}

/// What stands in the place of a card that was deleted.
fn gone_view(page: CardPage) -> AnyView {
    let (id, number) = page.detail.with_untracked(|detail| (detail.card.id, detail.card.number));
    later(extra(Extra::Gone(id, number, Callback::new(move |()| page.reload()), page.toasts)))
}

/// What happened so far, for whoever wants to know; nothing of it is read before.
fn past(page: CardPage) -> AnyView {
    let open = RwSignal::new(false);
    view! {
        <section class="section" aria-label=t::history_title()>
            <header class="section-head">
                <h2>{t::history_title()}</h2>
                <button type="button" class="btn btn-quiet btn-small" aria-expanded=move || open.get().to_string()
                    on:click=move |_| open.update(|open| *open = !*open)>
                    {move || if open.get() { t::history_hide() } else { t::history_show() }}
                </button>
            </header>
            <Show when=move || open.get()>{later(about(About::History(page.detail, page.now)))}</Show>
        </section>
    }
    .into_any()
}

/// The dialog of what gets the card going again.
#[component]
fn RecoverDialog(page: CardPage) -> impl IntoView {
    let recover = page.recover;
    let id = page.detail.with_untracked(|detail| detail.card.id);
    let title = Signal::derive(move || recover.step.get().title());
    let done = Callback::new(move |_| {
        recover.open.set(false);
        page.reload();
    });
    view! { <Dialog open=recover.open title>{later(extra(Extra::Recover(id, recover.step.get_untracked(), done)))}</Dialog> }
}

/// Back, number, state, and what can be done with the card.
#[component]
fn CardHead(page: CardPage, editing: RwSignal<bool>) -> impl IntoView {
    let last = expect_context::<LastBoard>();
    let slug = page.detail.with_untracked(|detail| detail.board.slug.clone());
    let state = Memo::new(move |_| page.detail.with(|detail| detail.card.state));
    let number = page.detail.with_untracked(|detail| words::label(detail.card.number));
    let named = number.clone();
    view! {
        <header class="card-bar">
            <a class="icon-btn" href=move || last.back_to(&slug) aria-label=t::card_back_to_board()>{icon(Icon::Back)}</a>
            <span class="card-number">{number.clone()}</span>
            <button type="button" class="state-pill" data-hand="" aria-haspopup="menu"
                aria-label=move || t::kanban_state_menu(words::state_name(state.get()), &named) on:click=hand::opens(page, Want::Status)>
                {move || {
                    let state = state.get();
                    view! { <Chip tone=words::state_tone(state)><span class="icon-s">{icon(words::state_icon(state))}</span>{words::state_name(state)}</Chip> }
                }}
            </button>
            {move || {
                let now = page.now.get();
                page.detail.with(|detail| words::is_live(&detail.card, now))
                    .then(|| view! { <span class="card-live"><span class="dot"></span>{t::kanban_live()}</span> })
            }}
            <span class="card-bar-gap"></span>
            <button type="button" class="icon-btn" aria-label=t::common_edit() on:click=move |_| editing.set(true)>{icon(Icon::Edit)}</button>
            <button type="button" class="icon-btn" data-hand="" data-more="" aria-haspopup="menu" aria-label=t::kanban_actions(&number)
                on:click=hand::opens(page, Want::Everything)>{icon(Icon::More)}</button>
        </header>
    }
}

/// The form in the place of title and description.
#[component]
fn InPlace(page: CardPage, editing: RwSignal<bool>) -> impl IntoView {
    let detail = page.detail.get_untracked();
    let said = |detail: &CardDetail| (detail.card.title.clone(), detail.body.clone());
    let before = said(&detail);
    let number = detail.card.number;
    let stale = Memo::new(move |_| page.detail.with(said) != before);
    let saved = Callback::new(move |_| {
        editing.set(false);
        page.reload();
    });
    view! {
        <div class="box">
            <h1 class="visually-hidden">{t::kanban_edit_card(&words::label(number))}</h1>
            <p class="field-error" role="status" hidden=move || !stale.get()>{t::card_changed_meanwhile()}</p>
            {edit_in_place(detail, saved, Callback::new(move |()| editing.set(false)))}
        </div>
    }
}
