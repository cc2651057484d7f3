//! The board page.
mod column;
mod drag;
mod face;
mod keyboard;
mod menu;
mod model;
mod place;

use leptos::html;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_location, use_navigate, use_params_map};
use protocol::{BoardPage, CardId, CardState, StreamMessage};

use super::server_fns::read_board;
use super::{EditDialog, NewCardDefaults, words};
use crate::i18n::t;
use crate::layout::NewCard;
use crate::live::{Live, Watch};
use crate::ui::{Button, ButtonKind, EmptyState, ErrorState, Toasts, skeleton_rows};
use model::Board;

/// What a menu offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MenuFor {
    /// Moves only.
    Moving,
    /// Moves, edit, archive, delete.
    Everything,
}

/// What lies over the board.
#[derive(Debug, Clone, Copy)]
pub struct BoardUi {
    menu: RwSignal<Option<(CardId, MenuFor)>>,
    menu_open: RwSignal<bool>,
    edit: RwSignal<Option<CardId>>,
    edit_open: RwSignal<bool>,
    help_open: RwSignal<bool>,
    new_card: NewCard,
}

impl BoardUi {
    fn open_menu(self, id: CardId, purpose: MenuFor) {
        self.menu.set(Some((id, purpose)));
        self.menu_open.set(true);
    }

    fn open_editor(self, id: CardId) {
        self.edit.set(Some(id));
        self.edit_open.set(true);
    }

    /// Opens the dialog for a new card that starts in this column.
    pub fn create(self, state: CardState) {
        self.new_card.defaults.set_value(NewCardDefaults { triage: state == CardState::Triage });
        self.new_card.open.set(true);
    }
}

/// The board of the address.
#[component]
pub fn BoardRoute() -> impl IntoView {
    let params = use_params_map();
    let slug = Memo::new(move |_| params.read().get("slug").unwrap_or_default());
    let search = use_location().search;
    let view = Memo::new(move |_| protocol::BoardView::from_query(&search.read()));
    let page = Resource::new_blocking(move || (slug.get(), view.get()), |(slug, view)| read_board(slug, view));
    let retry = Callback::new(move |()| page.refetch());
    view! {
        <Suspense fallback=move || view! { <div class="page">{skeleton_rows(6)}</div> }>
            {move || Suspend::new(async move {
                match page.await {
                    Ok(page) => view! { <BoardView page shown=view.get_untracked() /> }.into_any(),
                    Err(error) => view! { <ErrorState error retry /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn BoardView(page: BoardPage, shown: protocol::BoardView) -> impl IntoView {
    let live = expect_context::<Live>();
    let new_card = expect_context::<NewCard>();
    let seq = page.seq;
    let board = Board::new(page, shown, expect_context::<Toasts>());
    let ui = BoardUi {
        menu: RwSignal::new(None),
        menu_open: RwSignal::new(false),
        edit: RwSignal::new(None),
        edit_open: RwSignal::new(false),
        help_open: RwSignal::new(false),
        new_card,
    };
    let root = NodeRef::<html::Div>::new();
    let columns = NodeRef::<html::Div>::new();
    let current = RwSignal::new(CardState::Triage);
    Effect::new(move |_| {
        let board_id = board.summary.with_value(|summary| summary.id);
        live.watch(Watch { board: Some(board_id), after: seq, ..Watch::default() });
    });
    live.on_message(move |message| match message {
        StreamMessage::Board(delta) => board.apply(delta),
        StreamMessage::Snapshot { seq } => board.reload(*seq),
        _ => {}
    });
    Effect::new(move |_| board.keep_time());
    let chip_bar = NodeRef::<html::Div>::new();
    place::remember(board, columns, current);
    place::follow_chip(chip_bar, current);
    keyboard::listen(board, ui);
    drag::attach(board, root);
    new_card.created.set_value(Some(Callback::new(move |card| board.accept(card))));
    on_cleanup(move || {
        new_card.created.try_set_value(None);
    });
    let edited = Callback::new(move |card| board.accept(card));
    let list = board.columns.get_value();
    let chips = list.iter().map(|column| chip(*column, columns, current)).collect_view();
    let list = list.into_iter().map(|column| column::column_view(board, ui, column)).collect_view();
    view! {
        <Title text=board.summary.with_value(|summary| summary.name.clone()) />
        <div class="board" node_ref=root>
            <BoardHead board />
            <div class="col-chips" node_ref=chip_bar role="group" aria-label=t::kanban_columns()>{chips}</div>
            <div class="columns-box">
                <div class="columns" node_ref=columns>{list}</div>
                <Show when=move || board.is_empty()>
                    <div class="board-empty">
                        <EmptyState title=t::kanban_empty_board() hint=t::kanban_empty_board_hint()>
                            <Button kind=ButtonKind::Primary on_press=Callback::new(move |()| new_card.open.set(true))>{t::kanban_new_card()}</Button>
                        </EmptyState>
                    </div>
                </Show>
            </div>
            <p class="visually-hidden" role="status" aria-live="assertive">{move || board.announced.get()}</p>
        </div>
        <menu::CardMenu board ui />
        <EditDialog open=ui.edit_open card=ui.edit on_saved=edited />
        <keyboard::Help open=ui.help_open />
    }
}

#[component]
fn BoardHead(board: Board) -> impl IntoView {
    let summary = board.summary.get_value();
    let boards = board.boards.get_value();
    let navigate = use_navigate();
    let title = if boards.len() > 1 {
        let options = boards
            .into_iter()
            .map(|other| view! { <option value=other.slug.clone() selected=other.id == summary.id>{other.name}</option> })
            .collect_view();
        view! {
            <h1 class="visually-hidden">{summary.name}</h1>
            <select class="board-switch" aria-label=t::kanban_boards()
                on:change=move |event| navigate(&format!("/board/{}", event_target_value(&event)), Default::default())>
                {options}
            </select>
        }
        .into_any()
    } else {
        view! { <h1>{summary.name}</h1> }.into_any()
    };
    view! { <header class="board-head">{title}<span class="head-slots">{column::slots(board)}</span></header> }
}

/// Jumps to a column; on a phone also where a lifted card can be dropped.
fn chip(column: model::Column, columns: NodeRef<html::Div>, current: RwSignal<CardState>) -> AnyView {
    let state = column.state;
    view! {
        <button
            type="button"
            class="col-chip"
            data-chip=state.as_str()
            aria-pressed=move || if current.get() == state { "true" } else { "false" }
            hidden=move || state == CardState::Scheduled && column.total.get() == 0
            on:click=move |_| place::show(columns, state)
        >
            {words::state_name(state)}
            <span class="col-chip-count">{move || column.total.get()}</span>
        </button>
    }
    .into_any()
}
