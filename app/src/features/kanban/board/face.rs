//! A card's face: what is needed to decide whether to open it, and nothing else.
use leptos::prelude::*;
use protocol::{CardId, CardState, DecisionKind, TaskCard};

use super::BoardUi;
use super::menu::MenuFor;
use super::model::{Board, CardModel};
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::{Icon, Tone, dom, icon};

/// One card in a column.
#[must_use]
pub fn card_face(board: Board, ui: BoardUi, id: CardId) -> AnyView {
    let Some(CardModel { card, pending, selected, .. }) = board.card(id) else {
        return ().into_any();
    };
    let (state, name, chosen) = (card.clone(), card.clone(), selected.clone());
    view! {
        <li class="card-slot" data-card=id.to_string()>
            <article
                class=move || format!("card {}", edge(&state.read()))
                class:is-pending=move || pending.get()
                class:is-selected=move || selected.get()
                class:is-carried=move || board.carries(id)
                aria-label=move || {
                    let name = name.with(|card| format!("{} {}", words::label(card.number), card.title));
                    if chosen.get() { t::kanban_selected_card(&name) } else { name }
                }
                on:click=move |event| choose(board, id, &event)
            >
                {move || content(board, ui, &card.read())}
            </article>
        </li>
    }
    .into_any()
}

/// A click that selects: with a modifier, or anywhere on a card once something is selected on a touch screen.
fn choose(board: Board, id: CardId, event: &web_sys::MouseEvent) {
    let touch_selects = dom::matches("(hover: none)") && !board.selection.read_untracked().is_empty();
    if event.shift_key() {
        board.select_to(id);
    } else if event.ctrl_key() || event.meta_key() || touch_selects {
        board.toggle(id);
    } else {
        return;
    }
    event.prevent_default();
    event.stop_propagation();
}

fn edge(card: &TaskCard) -> &'static str {
    if card.ask.as_ref().is_some_and(|ask| ask.kind == DecisionKind::Failed) {
        return "edge-failed";
    }
    match card.state {
        CardState::Triage | CardState::Done | CardState::Archived => "edge-quiet",
        CardState::Todo | CardState::Scheduled => "edge-todo",
        CardState::Ready => "edge-ready",
        CardState::Running => "edge-running",
        CardState::Review => "edge-review",
        CardState::Blocked => "edge-blocked",
    }
}

fn content(board: Board, ui: BoardUi, card: &TaskCard) -> AnyView {
    let id = card.id;
    let label = words::label(card.number);
    let priority = words::priority_name(card.priority).map(|name| {
        let tone = if card.priority > 0 { Tone::Warning } else { Tone::Neutral };
        view! { <span class=format!("priority {}", tone.class())>{if card.priority > 0 { "▲ " } else { "▽ " }}{name}</span> }
    });
    view! {
        <div class="card-top">
            {CardState::COLUMNS.iter().any(|to| card.may_go_to(*to)).then(|| pill(ui, card, &label))}
            <span class="card-number">{label.clone()}</span>
            {priority}
            {timing(board, card)}
            <button
                type="button"
                class="icon-btn card-more"
                aria-label=t::kanban_actions(&label)
                aria-haspopup="menu"
                data-more=""
                on:click=move |event| {
                    event.stop_propagation();
                    ui.open_card_menu(MenuFor::Everything(id), id);
                }
            >
                {icon(Icon::More)}
            </button>
        </div>
        <a class="card-title" href=format!("/card/{}", card.number) draggable="false">{card.title.clone()}</a>
        {card.ask.as_ref().map(|ask| {
            let until = ask.snoozed_until;
            let who = move || match until {
                None => t::kanban_needs_you().to_owned(),
                Some(until) => words::snoozed(until, board.now.get()),
            };
            view! {
                <p class="card-ask" class:is-snoozed=until.is_some()><span class="card-ask-who">{who}": "</span>{ask.ask.clone()}</p>
            }
        })}
        {labels(board, card)}
        {foot(card)}
    }
    .into_any()
}

/// The state, and the way to the states it may go to.
fn pill(ui: BoardUi, card: &TaskCard, label: &str) -> AnyView {
    let (id, state) = (card.id, card.state);
    view! {
        <button
            type="button"
            class=format!("icon-btn card-state {}", words::state_tone(state).class())
            aria-label=t::kanban_state_menu(words::state_name(state), label)
            aria-haspopup="menu"
            data-pill=""
            on:click=move |event| {
                event.stop_propagation();
                ui.open_menu(MenuFor::Status(vec![id]), format!("[data-card='{id}'] [data-pill]"));
            }
        >
            {icon(words::state_icon(state))}
            <span class="card-state-word">{words::state_name(state)}</span>
        </button>
    }
    .into_any()
}

/// When it is due, labels, tenant, and what else is worth a word.
fn labels(board: Board, card: &TaskCard) -> AnyView {
    let due_at = card.due_at.filter(|_| !card.state.is_finished());
    if card.labels.is_empty() && card.tenant.is_none() && !card.stale && due_at.is_none() {
        return ().into_any();
    }
    let due = due_at.map(|at| {
        move || {
            let left = at - board.now.get();
            view! { <span class=if left < 0 { "label tone-danger" } else { "label" }>{words::due(left)}</span> }
        }
    });
    let stale = card.stale.then(|| view! { <span class="label tone-warning">{t::kanban_stale()}</span> });
    let tenant = card.tenant.clone().map(|tenant| view! { <span class="label label-tenant">{tenant}</span> });
    let labels = card.labels.iter().map(|label| view! { <span class="label">{label.clone()}</span> }).collect_view();
    view! { <div class="card-labels">{due}{stale}{tenant}{labels}</div> }.into_any()
}

/// How long it has been there and whether its worker lives; for a card that could run, why it does not. Drawn anew only
/// when it reads differently: time passes for every card of the board at once.
fn timing(board: Board, card: &TaskCard) -> AnyView {
    let card = card.clone();
    let words = Memo::new(move |_| {
        let now = board.now.get();
        if let Some(wait) = &card.wait {
            return Some(Timing { text: words::wait_reason(wait, now), since: None });
        }
        let text = words::elapsed(&card, now)?;
        let tone = board.around.with_untracked(|around| words::age_tone(&card, now, &around.ages));
        let label = t::kanban_in_state_for(words::state_name(card.state), &text);
        Some(Timing { text, since: Some((tone, label, words::is_live(&card, now))) })
    });
    (move || match words.get()? {
        Timing { text, since: None } => Some(view! { <span class="card-time card-wait">{text}</span> }.into_any()),
        Timing { text, since: Some((tone, label, live)) } => Some(
            view! {
                <span class=format!("card-time {}", tone.class()) title=label>
                    <span class="icon-s">{icon(Icon::Clock)}</span>
                    {text}
                </span>
                {live.then(|| view! { <span class="card-live"><span class="dot"></span>{t::kanban_live()}</span> })}
            }
            .into_any(),
        ),
    })
    .into_any()
}

/// What stands beside the number.
#[derive(Clone, PartialEq)]
struct Timing {
    text: String,
    /// How urgent that is, the same in a sentence, and whether its worker lives.
    since: Option<(Tone, String, bool)>,
}

/// Assignee, children, comments, failures, cost, only those there are; and the way to the decision, if one waits.
fn foot(card: &TaskCard) -> AnyView {
    let item = |sign: Icon, text: String, label: String| {
        view! { <span class="meta-item" title=label.clone() role="img" aria-label=label><span class="icon-s">{icon(sign)}</span>{text}</span> }
            .into_any()
    };
    let mut items = Vec::new();
    if let Some(assignee) = &card.assignee {
        items.push(item(Icon::Agent, assignee.clone(), format!("{}: {assignee}", t::kanban_assignee())));
    }
    if card.children > 0 {
        let (done, all) = (card.children_done.to_string(), card.children.to_string());
        items.push(item(Icon::Link, format!("{done}/{all}"), t::kanban_children(&done, &all)));
    }
    if card.comments > 0 {
        let count = i64::from(card.comments);
        items.push(item(Icon::Comment, count.to_string(), t::kanban_comments(count)));
    }
    if card.attachments > 0 {
        let count = i64::from(card.attachments);
        items.push(item(Icon::Clip, count.to_string(), t::kanban_files(count)));
    }
    if card.repeats {
        items.push(item(Icon::Repeat, String::new(), t::kanban_repeats().to_owned()));
    }
    if card.failures > 0 {
        let count = i64::from(card.failures);
        items.push(item(Icon::Warning, count.to_string(), t::kanban_failures(count)));
    }
    if let Some(cost) = card.cost_micros.filter(|cost| *cost > 0 || card.max_cost_micros.is_some()) {
        let text = match card.max_cost_micros {
            Some(limit) => format!("{} / {}", words::price(cost), words::price(limit)),
            None => words::price(cost),
        };
        items.push(view! { <span class="meta-item" title=t::kanban_cost()>{text}</span> }.into_any());
    }
    if items.is_empty() && card.ask.is_none() {
        return ().into_any();
    }
    view! {
        <div class="card-foot">
            <div class="card-meta">{items}</div>
            {card.ask.as_ref().map(|ask| view! {
                <a class="btn btn-small card-action" href=format!("/d/{}", ask.id) draggable="false">{words::ask_action(ask.kind)}</a>
            })}
        </div>
    }
    .into_any()
}
