//! Above the columns: which board, what of it is shown, and the views that were given a name.
use std::time::Duration;

use leptos::leptos_dom::helpers::TimeoutHandle;
use leptos::prelude::*;
use protocol::{BoardView, SavedView};

use super::forms::Form;
use super::menu::MenuFor;
use super::model::Board;
use super::{BoardUi, bulk, column};
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
    Effect::new(move |_| in_browser.set(true));
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
                on:keydown=move |event| match event.key().as_str() {
                    "Enter" => search(),
                    "Escape" => {
                        ui.search.set(String::new());
                        ui.searching.set(false);
                        search();
                    }
                    _ => {}
                }
            />
        </label>
    }
    .into_any()
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
