//! A card as its board showed it last: better than nothing while the server cannot be reached.
use leptos::prelude::*;
use leptos_meta::Title;
use protocol::{CardRef, TaskCard};

use super::runs::local_time;
use crate::error::ApiError;
use crate::features::kanban::board::kept;
use crate::features::kanban::words;
use crate::i18n::t;
use crate::layout::LastBoard;
use crate::ui::{Chip, ErrorPage, ErrorState, Icon, dom, icon};

/// What is known of the card; the error says the rest, and reads it when the server can be reached again.
pub fn view(card: CardRef, error: ApiError, retry: Callback<()>) -> AnyView {
    match kept::face(card) {
        Some(card) => known(card, error, retry),
        None => view! { <ErrorPage error retry /> }.into_any(),
    }
}

fn known(card: TaskCard, error: ApiError, retry: Callback<()>) -> AnyView {
    let last = expect_context::<LastBoard>();
    let (state, label) = (card.state, words::label(card.number));
    let row = |name: &'static str, value: String| view! { <div class="detail"><dt>{name}</dt><dd dir="auto">{value}</dd></div> };
    let waits = card.wait.as_ref().map(|wait| words::wait_reason(wait, dom::now_ms()));
    let state_said = [Some(words::state_name(state).to_owned()), waits].into_iter().flatten().collect::<Vec<_>>();
    let assignee = card.assignee.unwrap_or_else(|| t::kanban_unassigned().to_owned());
    let priority = words::priority_name(card.priority).unwrap_or(t::kanban_normal());
    view! {
        <Title text=format!("{label} {}", card.title) />
        <div class="card-page">
            <header class="card-bar">
                <a class="icon-btn" href=move || last.0.get() aria-label=t::card_back_to_board()>{icon(Icon::Back)}</a>
                <span class="card-number">{label}</span>
                <Chip tone=words::state_tone(state)><span class="icon-s">{icon(words::state_icon(state))}</span>{words::state_name(state)}</Chip>
            </header>
            <div class="card-main">
                <h1 class="card-heading" dir="auto">{card.title}</h1>
                <p class="muted" role="status">{t::card_last_seen()}</p>
                <ErrorState error retry />
            </div>
            <aside class="card-details" aria-label=t::card_details()>
                <h2>{t::card_details()}</h2>
                <dl>
                    {row(t::card_state(), state_said.join(" · "))}
                    {row(t::kanban_assignee(), assignee)}
                    {row(t::kanban_priority(), priority.to_owned())}
                    {(!card.labels.is_empty()).then(|| row(t::kanban_labels(), card.labels.join(", ")))}
                    {card.due_at.map(|at| row(t::kanban_due(), local_time(at)))}
                    {card.cost_micros.map(|cost| row(t::kanban_cost(), words::price(cost)))}
                </dl>
            </aside>
        </div>
    }
    .into_any()
}
