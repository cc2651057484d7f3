//! The parts of a card's page. Each watches only what it shows.
use leptos::prelude::*;
use protocol::{CardDetail, DecisionKind, WorkspaceKind};

use super::hand::value;
use super::model::CardPage;
use super::runs::local_minute;
use super::verbs::{Sheet, Want};
use super::{findings, settings};
use crate::features::kanban::extra::{About, about};
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::later;

/// What is asked of a person, first of all.
pub fn ask(page: CardPage) -> AnyView {
    // What is wrong says the same of a card that failed, and offers more.
    let decision = Memo::new(move |_| {
        page.detail.with(|detail| detail.decision.clone().filter(|_| !findings::asks_instead(detail)))
    });
    (move || {
        decision.get().map(|decision| {
            let title = match decision.kind {
                DecisionKind::Review => t::card_ask_review(),
                DecisionKind::Question => t::card_ask_question(),
                DecisionKind::Failed => t::card_ask_failed(),
                DecisionKind::Budget => t::card_ask_other(),
            };
            view! {
                <section class="box box-ask" aria-label=title>
                    <h2>{title}</h2>
                    <p class="prose" dir="auto">{decision.ask}</p>
                    <div class="btn-row">
                        <a class="btn btn-primary" href=format!("/d/{}", decision.id)>{words::ask_action(decision.kind)}</a>
                    </div>
                </section>
            }
        })
    })
    .into_any()
}

/// What came out of it, or what went wrong.
pub fn result(page: CardPage) -> AnyView {
    let summary = Memo::new(move |_| page.detail.with(|detail| detail.summary_html.clone()));
    let error = Memo::new(move |_| page.detail.with(|detail| detail.last_error.clone()));
    view! {
        {move || summary.get().map(|html| view! {
            <section class="section" aria-label=t::card_result()>
                <h2>{t::card_result()}</h2>
                <div class="prose" inner_html=html></div>
            </section>
        })}
        {move || error.get().map(|error| view! {
            <section class="box box-error" aria-label=t::card_last_error()>
                <h2>{t::card_last_error()}</h2>
                <p class="prose" dir="auto">{error}</p>
            </section>
        })}
    }
    .into_any()
}

/// What shall be done.
pub fn description(page: CardPage) -> AnyView {
    let html = Memo::new(move |_| page.detail.with(|detail| detail.body_html.clone()));
    view! {
        <section class="section" aria-label=t::card_description()>
            <h2>{t::card_description()}</h2>
            {move || {
                let html = html.get();
                if html.trim().is_empty() {
                    view! { <p class="muted">{t::card_no_description()}</p> }.into_any()
                } else {
                    view! { <div class="prose" inner_html=html></div> }.into_any()
                }
            }}
        </section>
    }
    .into_any()
}

/// Who works on it, how important it is and what it belongs to, in a line: where the details are far away.
pub fn glance(page: CardPage) -> AnyView {
    view! {
        <div class="glance">
            {assignee(page)}
            {priority(page)}
            {labels(page)}
        </div>
    }
    .into_any()
}

/// Everything else there is to know.
pub fn details(page: CardPage) -> AnyView {
    // What few cards have comes when the page is alive.
    let more = RwSignal::new(false);
    Effect::new(move |_| more.set(page.detail.with(settings::has_any)));
    // What can be changed stays in the document while the rest is drawn anew: the focus may be on it.
    view! {
        <aside class="card-details" aria-label=t::card_details()>
            <h2>{t::card_details()}</h2>
            <dl>
                {row(t::kanban_assignee(), assignee(page))}
                {row(t::kanban_priority(), priority(page))}
                {row(t::kanban_labels(), labels(page))}
                {row(t::kanban_due(), due(page))}
            </dl>
            {move || facts(page)}
            <Show when=move || more.get()>{later(about(About::Settings(page.detail)))}</Show>
        </aside>
    }
    .into_any()
}

fn row(name: &'static str, value: AnyView) -> AnyView {
    view! { <div class="detail"><dt>{name}</dt><dd>{value}</dd></div> }.into_any()
}

fn facts(page: CardPage) -> AnyView {
    let now = page.now.get();
    page.detail.with(|detail| {
        let card = &detail.card;
        let workspace = match (&detail.workspace_path, detail.workspace_kind) {
            (Some(path), _) => view! { <code>{path.clone()}</code> }.into_any(),
            (None, WorkspaceKind::Worktree) => t::card_worktree().into_any(),
            (None, WorkspaceKind::Scratch | WorkspaceKind::Dir) => t::card_scratch().into_any(),
        };
        let elapsed = words::elapsed(card, now);
        let state = match (&card.wait, elapsed) {
            (Some(wait), _) => format!("{} · {}", words::state_name(card.state), words::wait_reason(wait, now)),
            (None, Some(time)) => format!("{} · {time}", words::state_name(card.state)),
            (None, None) => words::state_name(card.state).to_owned(),
        };
        view! {
            <dl>
                {row(t::card_state(), state.into_any())}
                {detail.settings.model.clone().map(|model| row(t::kanban_model(), model.into_any()))}
                {row(t::card_board(), detail.board.name.clone().into_any())}
                {(card.failures > 0).then(|| row(t::card_attempts(), card.failures.into_any()))}
                {card.cost_micros.map(|cost| row(t::kanban_cost(), words::price(cost).into_any()))}
                {row(t::card_workspace(), workspace)}
                {row(t::card_created(), t::card_created_by(&words::ago(detail.created_at, now), words::person(&detail.created_by)).into_any())}
            </dl>
        }
        .into_any()
    })
}

fn assignee(page: CardPage) -> AnyView {
    let set = move |detail: &CardDetail| detail.card.assignee.clone();
    let shown = move || page.detail.with(set).unwrap_or_else(|| t::kanban_unassigned().into()).into_any();
    value(page, t::kanban_assignee(), Want::Assignee, shown.into_any())
}

fn priority(page: CardPage) -> AnyView {
    let set = move |detail: &CardDetail| words::priority_name(detail.card.priority);
    let shown = move || page.detail.with(set).unwrap_or(t::kanban_normal()).into_any();
    value(page, t::kanban_priority(), Want::Priority, shown.into_any())
}

fn labels(page: CardPage) -> AnyView {
    let shown = move || {
        let labels = page.detail.with(|detail| detail.card.labels.clone());
        if labels.is_empty() {
            return t::card_no_labels().into_any();
        }
        let label = |label: String| view! { <span class="label" dir="auto">{label}</span> };
        view! { <span class="card-labels">{labels.into_iter().map(label).collect_view()}</span> }.into_any()
    };
    value(page, t::kanban_labels(), Want::Open(Sheet::Labels), shown.into_any())
}

/// The day and the hour, which only the browser knows, and how far away that is while it matters.
fn due(page: CardPage) -> AnyView {
    let in_browser = RwSignal::new(false);
    Effect::new(move |_| in_browser.set(true));
    let shown = move || {
        let (due_at, finished) = page.detail.with(|detail| (detail.card.due_at, detail.card.state.is_finished()));
        let Some(at) = due_at else { return t::card_no_due().into_any() };
        let left = at - page.now.get();
        let class = if left < 0 { "card-due tone-danger" } else { "card-due" };
        let distance = (!finished).then(|| view! { <span class=class>{words::due(left)}</span> });
        view! { {in_browser.get().then(|| local_minute(at))}" "{distance} }.into_any()
    };
    value(page, t::kanban_due(), Want::Open(Sheet::Due), shown.into_any())
}
