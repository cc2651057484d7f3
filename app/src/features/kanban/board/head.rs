//! Above the columns: which board, what of it is shown, and the views that were given a name.
use std::time::Duration;

use leptos::leptos_dom::helpers::TimeoutHandle;
use leptos::prelude::*;
use protocol::{BoardView, CardId, SavedView};
use wasm_bindgen::JsCast;

use super::forms::Form;
use super::menu::MenuFor;
use super::model::{Board, Column};
use super::{BoardUi, bulk, column, focus, menu};
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::{Icon, icon, later, shown_while};

/// Typing rests for so long before the board follows.
const TYPED: Duration = Duration::from_millis(250);

/// The board's head.
pub fn head(board: Board, ui: BoardUi) -> AnyView {
    let name = move || {
        board.around.track();
        board.summary.with_value(words::board_name)
    };
    let color = move || {
        board.around.track();
        board.summary.with_value(|summary| summary.color.clone())
    };
    let filters = Memo::new(move |_| board.view.with(filter_count));
    // Its code is fetched, which the server does not wait for.
    let in_browser = RwSignal::new(false);
    Effect::new(move |_| {
        in_browser.set(true);
        menu::shows(ui);
    });
    view! {
        <header class="board-head">
            <h1 class="board-title">
                <button type="button" class="board-switch" data-boards="" aria-haspopup="menu"
                    on:click=move |_| ui.open_menu(MenuFor::Boards, "[data-boards]".into())>
                    <span class="board-dot" data-color=color></span>
                    <span class="board-name">{name}</span>
                    <span class="board-down">{icon(Icon::Chevron)}</span>
                </button>
            </h1>
            <span class="head-slots">{column::slots(board)}</span>
            <button type="button" class="icon-btn head-search-open" aria-label=t::kanban_search()
                aria-expanded=move || if ui.searching.get() { "true" } else { "false" }
                on:click=move |_| if ui.searching.get_untracked() { ui.searching.set(false) } else { ui.search_board() }>
                {icon(Icon::Search)}
            </button>
            {search_field(board, ui)}
            {saved_views(board, ui)}
            <button type="button" class="head-attention" hidden=move || ui.attention.get() == 0
                aria-label=move || t::findings_attention(ui.attention.get())
                on:click=move |_| ui.open_form(Form::Attention)>
                {icon(Icon::Warning)}
                {move || ui.attention.get()}
            </button>
            <button type="button" class="head-filter" class:is-on=move || filters.get() != 0
                aria-label=move || t::kanban_filters(i64::try_from(filters.get()).unwrap_or(0))
                on:click=move |_| ui.open_form(Form::Filter)>
                {icon(Icon::Filter)}
                <span class="head-word">{t::kanban_view()}</span>
                <span class="count" hidden=move || filters.get() == 0>{move || filters.get()}</span>
            </button>
        </header>
        {shown_while(
            move || in_browser.get() && board.view.with(BoardView::is_filtered),
            move || later(more(board, ui, false)),
        )}
    }
    .into_any()
}

fn filter_count(view: &BoardView) -> usize {
    view.assignees.len()
        + view.labels.len()
        + usize::from(view.tenant.is_some())
        + usize::from(view.priority.is_some())
        + usize::from(view.wait.is_some())
        + usize::from(view.needs_me)
        + usize::from(view.failing)
        + usize::from(view.parent.is_some())
}

fn search_field(board: Board, ui: BoardUi) -> AnyView {
    let typed = StoredValue::new(None::<TimeoutHandle>);
    // An address that was opened, or a view that was chosen, says something else than the field.
    Effect::new(move |_| {
        let text = board.view.with(|view| view.text.clone());
        if ui.search.with_untracked(|shown| shown.trim() != text) {
            ui.search.set(text);
        }
    });
    let search = move || ui.adjust(board, |view| ui.search.read_untracked().trim().clone_into(&mut view.text));
    let wait = move || {
        typed.update_value(|typed| {
            if let Some(typed) = typed.take() {
                typed.clear();
            }
            *typed = set_timeout_with_handle(search, TYPED).ok();
        });
    };
    // The card that had the focus before, for the way back.
    let came_from = StoredValue::new(None::<CardId>);
    // Leads to the first card that is found, as soon as it is there.
    let leads = RwSignal::new(false);
    Effect::new(move |_| {
        let is_due = leads.get() && !board.loading.get();
        if is_due && board.view.with(|view| view.text == ui.search.read_untracked().trim()) {
            leads.set(false);
            let first = |column: &Column| column.ids.with_untracked(|ids| ids.first().copied());
            if let Some(first) = board.columns.with_value(|columns| columns.iter().find_map(first)) {
                leave_for(Some(first));
            }
        }
    });
    let keys = move |event: web_sys::KeyboardEvent| {
        match event.key().as_str() {
            // It ends the word that is being composed.
            _ if event.is_composing() => return,
            "Enter" | "ArrowDown" => {
                event.prevent_default();
                search();
                leads.set(true);
            }
            "Escape" if ui.search.read_untracked().is_empty() => {
                ui.searching.set(false);
                leave_for(came_from.get_value());
            }
            "Escape" => {
                ui.search.set(String::new());
                search();
            }
            _ => return,
        }
        // On the board these keys mean something else.
        event.stop_propagation();
    };
    view! {
        <label class="head-search" class:is-searching=move || ui.searching.get()>
            {icon(Icon::Search)}
            <input
                type="search"
                id="board-search"
                enterkeyhint="search"
                autocomplete="off"
                aria-label=t::kanban_search()
                placeholder=t::kanban_search()
                bind:value=ui.search
                on:input=move |_| wait()
                on:focus=move |event| came_from.set_value(focus::card_of(event.related_target()))
                on:keydown=keys
            />
        </label>
    }
    .into_any()
}

/// From the search field to a card.
fn leave_for(card: Option<CardId>) {
    let field = document().get_element_by_id("board-search");
    if let Some(field) = field.and_then(|field| field.dyn_into::<web_sys::HtmlElement>().ok()) {
        // silent-ok: a field that keeps the focus can be left by the Tab key.
        let _ = field.blur();
    }
    if let Some(card) = card {
        focus::follow(card);
    }
}

/// The saved views as chips; the one that is shown is pressed.
fn saved_views(board: Board, ui: BoardUi) -> AnyView {
    let chip = move |saved: SavedView| {
        let query = saved.query;
        let mine = query.clone();
        let is_shown = Memo::new(move |_| board.view.with(|view| view.to_query() == mine));
        view! {
            <button type="button" class="view-chip" aria-pressed=move || if is_shown.get() { "true" } else { "false" }
                on:click=move |_| {
                    let view = if is_shown.get_untracked() { BoardView::default() } else { BoardView::from_query(&query) };
                    ui.look_at(&view);
                }>
                {saved.name}
            </button>
        }
    };
    let views = Memo::new(move |_| board.around.with(|around| around.views.clone()));
    view! {
        <div class="view-chips" role="group" aria-label=t::kanban_saved_views() hidden=move || views.read().is_empty()>
            <For each=move || views.get() key=|view| (view.id, view.query.clone()) children=chip />
        </div>
    }
    .into_any()
}

/// What is there only now and then: the bar of selected cards, or what hides cards.
#[lazy]
pub(super) fn more(board: Board, ui: BoardUi, selected: bool) -> AnyView {
    if selected { bulk::bar(board, ui) } else { active_filters(board, ui) }
}

/// What hides cards now, each with a way to take it away.
fn active_filters(board: Board, ui: BoardUi) -> AnyView {
    let chips = move || {
        let view = board.view.get();
        let mut chips: Vec<(String, BoardView)> = Vec::new();
        let mut push = |name: String, change: &dyn Fn(&mut BoardView)| {
            let mut without = view.clone();
            change(&mut without);
            chips.push((name, without));
        };
        if !view.text.is_empty() {
            push(format!("“{}”", view.text), &|view| view.text.clear());
        }
        for name in &view.assignees {
            let shown = if name.is_empty() { t::kanban_unassigned().to_owned() } else { name.clone() };
            push(shown, &|view| view.assignees.retain(|other| other != name));
        }
        for label in &view.labels {
            push(label.clone(), &|view| view.labels.retain(|other| other != label));
        }
        if let Some(tenant) = &view.tenant {
            push(tenant.clone(), &|view| view.tenant = None);
        }
        if let Some(priority) = view.priority {
            let name = words::priority_name(priority).unwrap_or(t::kanban_normal());
            push(t::kanban_at_least(name), &|view| view.priority = None);
        }
        if let Some(wait) = view.wait {
            push(words::wait_kind(wait).to_owned(), &|view| view.wait = None);
        }
        if view.needs_me {
            push(t::kanban_needs_me().to_owned(), &|view| view.needs_me = false);
        }
        if view.failing {
            push(t::kanban_failing().to_owned(), &|view| view.failing = false);
        }
        if let Some(parent) = view.parent {
            push(t::kanban_after(&words::label(parent)), &|view| view.parent = None);
        }
        chips
            .into_iter()
            .map(|(name, without)| {
                let label = t::kanban_remove_filter(&name);
                view! {
                    <button type="button" class="filter-chip" aria-label=label on:click=move |_| ui.look_at(&without)>
                        {name}{icon(Icon::Close)}
                    </button>
                }
            })
            .collect_view()
    };
    let clear = move |_| {
        ui.adjust(board, |view| {
            *view = BoardView { archived: view.archived, sort: view.sort, lanes: view.lanes, ..BoardView::default() };
        });
    };
    view! {
        <div class="filter-chips" role="group" aria-label=t::kanban_active_filters()>
            {chips}
            <button type="button" class="btn btn-quiet btn-small" on:click=clear>{t::kanban_clear()}</button>
        </div>
    }
    .into_any()
}
