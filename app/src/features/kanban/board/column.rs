//! A column: its name and count, its cards with their own scroller, and the next page when its end comes near.
use leptos::html;
use leptos::prelude::*;
use protocol::{BoardView, COUNT_LIMIT, CardState};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;

use super::BoardUi;
use super::model::{Board, Column};
use crate::features::kanban::words;
use crate::i18n::t;
use crate::live::{Connection, Live};
use crate::ui::{Icon, icon, shown_while};

/// One column.
#[must_use]
pub fn column_view(board: Board, ui: BoardUi, column: Column) -> AnyView {
    let state = column.state;
    let name = words::state_name(state);
    let creates = matches!(state, CardState::Triage | CardState::Ready);
    view! {
        <section class="column" data-column=state.as_str() aria-label=name hidden=move || is_hidden(board, column)>
            <header class="column-head">
                <span class=format!("column-sign {}", words::state_tone(state).class())>{icon(words::state_icon(state))}</span>
                <h2>{name}</h2>
                <span
                    class="column-count"
                    class:is-over=move || is_over(board, column)
                    aria-label=move || t::kanban_cards(column.total.get())
                >
                    {move || counted(board, column)}
                </span>
                {(state == CardState::Running).then(|| slots(board))}
                {creates.then(|| view! {
                    <button type="button" class="icon-btn column-add" aria-label=t::kanban_new_card()
                        on:click=move |_| ui.create(state)>{icon(Icon::Plus)}</button>
                })}
            </header>
            <div class="column-body" data-scroller="" tabindex="-1">
                {super::lanes::cards(board, ui, column)}
                {shown_while(
                    move || column.total.get() == 0 && (!board.is_empty() || board.view.with(BoardView::is_filtered)),
                    move || view! {
                        <p class="column-empty">
                            {move || if board.view.with(BoardView::is_filtered) { t::kanban_hidden_by_filter() } else { words::empty_column(state) }}
                        </p>
                    }.into_any(),
                )}
                {shown_while(move || column.has_more(), move || view! { <Sentinel board column /> }.into_any())}
            </div>
        </section>
    }
    .into_any()
}

/// Columns that are not shown: nothing is scheduled, or nobody asks for the archive.
pub fn is_hidden(board: Board, column: Column) -> bool {
    match column.state {
        CardState::Scheduled => column.total.get() == 0,
        CardState::Archived => !board.view.with(|view| view.archived),
        _ => false,
    }
}

/// How many cards there are, of how many there should be at most.
pub fn counted(board: Board, column: Column) -> String {
    match limit(board, column.state) {
        Some(limit) => format!("{}/{limit}", count(column)),
        None => count(column),
    }
}

/// Whether there are more cards than there should be.
pub fn is_over(board: Board, column: Column) -> bool {
    limit(board, column.state).is_some_and(|limit| column.total.get() > limit)
}

/// How many cards there are; filtered ones are not counted to the end.
fn count(column: Column) -> String {
    let total = column.total.get();
    if total == COUNT_LIMIT { format!("{total}+") } else { total.to_string() }
}

/// The soft limit of a column.
fn limit(board: Board, state: CardState) -> Option<i64> {
    board.around.with(|around| match state {
        CardState::Review => around.limits.0.map(i64::from),
        CardState::Blocked => around.limits.1.map(i64::from),
        _ => None,
    })
}

/// How many workers are busy.
pub fn slots(board: Board) -> AnyView {
    let text = move || {
        let slots = board.slots.get();
        (slots.used.to_string(), slots.limit.to_string())
    };
    let label = move || {
        let (used, limit) = text();
        t::kanban_slots_label(&used, &limit)
    };
    view! {
        <span class="column-slots" aria-label=label>
            {move || { let (used, limit) = text(); t::kanban_slots(&used, &limit) }}
        </span>
    }
    .into_any()
}

/// Loads the next page when it comes into view.
#[component]
fn Sentinel(board: Board, column: Column) -> impl IntoView {
    let node = NodeRef::<html::P>::new();
    let live = expect_context::<Live>();
    let said = move || {
        if live.connection() == Connection::Live { t::kanban_more_cards() } else { t::kanban_more_cards_later() }
    };
    Effect::new(move |_| {
        let Some(node) = node.get() else { return };
        // A page that does not fill the screen leaves the sentinel in view, so each loaded page looks again.
        column.ids.track();
        let callback = Closure::<dyn FnMut(js_sys::Array)>::new(move |entries: js_sys::Array| {
            let seen = entries.iter().any(|entry| {
                entry.dyn_into::<web_sys::IntersectionObserverEntry>().is_ok_and(|entry| entry.is_intersecting())
            });
            if seen {
                board.load_more(column);
            }
        })
        .into_js_value();
        let options = web_sys::IntersectionObserverInit::new();
        // A margin reaches beyond what is seen of the root only, and that is the column's own scroller.
        options.set_root(node.parent_element().as_ref());
        options.set_root_margin("600px");
        let observer = web_sys::IntersectionObserver::new_with_options(callback.unchecked_ref(), &options);
        let Ok(observer) = observer else { return };
        observer.observe(&node);
        let observer = StoredValue::new_local(observer);
        on_cleanup(move || {
            observer.try_with_value(web_sys::IntersectionObserver::disconnect);
        });
    });
    view! { <p class="column-more" node_ref=node>{said}</p> }
}
