//! The board's menus: the twin of dragging for thumbs, keyboards and screen readers. They offer only what is legal. The
//! palette offers the same.
use std::cell::Cell;

use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{BoardView, BulkChange, CardId, CardState, TaskCard};

use super::forms::Form;
use super::model::{Board, Place};
use super::{BoardUi, focus, landing};
use crate::features::kanban::recover::Step;
use crate::features::kanban::server_fns::delete_card;
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::{Icon, Menu, MenuItem, Toasts};

/// What a menu offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MenuFor {
    /// Everything one can do with a card.
    Everything(CardId),
    /// The columns that cards may go to.
    Status(Vec<CardId>),
    /// Who works on cards.
    Assignee(Vec<CardId>),
    /// How important cards are.
    Priority(Vec<CardId>),
    /// The boards.
    Boards,
    /// Everything one can do on the board.
    Board,
}

/// What the palette offers on a board.
#[derive(Clone)]
pub struct Command {
    /// What it is done to: a card's number, or the board's name.
    pub place: String,
    /// Where it leads, if that is all it does.
    pub address: Option<String>,
    /// What it is, and what it does.
    pub item: MenuItem,
}

thread_local! {
    /// The board that was shown last.
    static SHOWN: Cell<Option<BoardUi>> = const { Cell::new(None) };
}

/// From now on this board is the one on screen.
pub(super) fn shows(ui: BoardUi) {
    SHOWN.set(Some(ui));
}

/// What can be done on the board on screen and with a card of it; nothing where no board is.
pub async fn commands(card: Option<CardId>) -> Vec<Command> {
    let Some(ui) = SHOWN.get() else { return Vec::new() };
    let Some((board, toasts)) = ui.behind.try_get_value() else { return Vec::new() };
    let command = |place: &str, item| Command { place: place.to_owned(), address: None, item };
    let mut found = Vec::new();
    if let Some(card) = card.and_then(|id| board.face(id)) {
        let place = words::label(card.number);
        let items = menu_items(board, ui, toasts, MenuFor::Everything(card.id)).await;
        found.extend(items.into_iter().map(|item| command(&place, item)));
    }
    if board.is_gone() {
        return Vec::new();
    }
    let summary = board.summary.get_value();
    let place = words::board_name(&summary);
    for view in board.around.with_untracked(|around| around.views.clone()) {
        let address = super::address(&summary, &BoardView::from_query(&view.query));
        let item = item(t::palette_view(&view.name), Icon::Filter, "", || {});
        found.push(Command { address: Some(address), ..command(&place, item) });
    }
    let items = menu_items(board, ui, toasts, MenuFor::Board).await;
    found.extend(items.into_iter().map(|item| command(&place, item)));
    found
}

impl MenuFor {
    /// The card that has the focus when the menu has done its work.
    fn card(&self) -> Option<CardId> {
        match self {
            Self::Everything(id) => Some(*id),
            Self::Status(cards) | Self::Assignee(cards) | Self::Priority(cards) => {
                focus::focused().filter(|id| cards.contains(id)).or_else(|| cards.first().copied())
            }
            Self::Boards | Self::Board => None,
        }
    }
}

/// The menu that is open.
#[component]
pub fn BoardMenu(board: Board, ui: BoardUi) -> impl IntoView {
    let title = Signal::derive(move || {
        let Some(menu) = ui.menu.get() else { return String::new() };
        let name = |cards: &[CardId]| match cards {
            [only] => board.face(*only).map(|card| words::label(card.number)).unwrap_or_default(),
            many => t::kanban_selected_count(i64::try_from(many.len()).unwrap_or(i64::MAX)),
        };
        match menu {
            MenuFor::Everything(id) => name(&[id]),
            MenuFor::Status(cards) => t::kanban_move_title(&name(&cards)),
            MenuFor::Assignee(cards) => t::kanban_assign_title(&name(&cards)),
            MenuFor::Priority(cards) => t::kanban_priority_title(&name(&cards)),
            MenuFor::Boards | MenuFor::Board => t::kanban_boards().to_owned(),
        }
    });
    let anchor = Callback::new(move |()| document().query_selector(&ui.anchor.get_value()).ok().flatten());
    let items = Callback::new(move |()| ui.items.get_value());
    view! { <Menu open=ui.menu_open title anchor items /> }
}

impl BoardUi {
    /// Opens a menu beside the element of a selector, as soon as its code is there.
    pub(super) fn open_menu(self, menu: MenuFor, anchor: String) {
        let (board, toasts) = self.behind.get_value();
        spawn_local(async move {
            let items = menu_items(board, self, toasts, menu.clone()).await;
            self.items.try_set_value(items);
            self.menu.try_set(Some(menu));
            self.anchor.try_set_value(anchor);
            self.menu_open.try_set(true);
        });
    }

    /// Opens a menu beside a card's own button.
    pub(super) fn open_card_menu(self, menu: MenuFor, card: CardId) {
        self.open_menu(menu, format!("[data-card='{card}'] [data-more]"));
    }
}

#[lazy]
fn menu_items(board: Board, ui: BoardUi, toasts: Toasts, menu: MenuFor) -> Vec<MenuItem> {
    if let Some(id) = menu.card() {
        focus::lend(id);
    }
    match menu {
        MenuFor::Everything(id) => everything(board, ui, toasts, id),
        MenuFor::Status(cards) => {
            let states: Vec<CardState> = cards.iter().filter_map(|id| Some(board.face(*id)?.state)).collect();
            statuses(board, &cards, common(&states))
        }
        MenuFor::Assignee(cards) => assignees(board, &cards),
        MenuFor::Priority(cards) => priorities(board, &cards),
        MenuFor::Boards => boards(board, ui),
        MenuFor::Board => of_board(board, ui),
    }
}

fn item(
    label: impl Into<String>,
    icon: Icon,
    key: &'static str,
    action: impl Fn() + Send + Sync + 'static,
) -> MenuItem {
    MenuItem { label: label.into(), icon, key, color: String::new(), action: Callback::new(move |()| action()) }
}

/// What all have, if they have the same.
fn common<T: Copy + PartialEq>(all: &[T]) -> Option<T> {
    let first = *all.first()?;
    all.iter().all(|other| *other == first).then_some(first)
}

/// The columns that at least one of the cards may go to, and the one where they are; what the others say is told after.
fn statuses(board: Board, cards: &[CardId], current: Option<CardState>) -> Vec<MenuItem> {
    let faces: Vec<TaskCard> = cards.iter().filter_map(|id| board.face(*id)).collect();
    let legal = |to: &CardState| *to != CardState::Archived && faces.iter().any(|card| card.may_go_to(*to));
    CardState::COLUMNS
        .iter()
        .copied()
        .filter(|to| current == Some(*to) || legal(to))
        .map(|to| {
            if current == Some(to) {
                return item(t::kanban_is_in(words::state_name(to)), Icon::Check, "", || ());
            }
            let cards = cards.to_vec();
            item(t::kanban_move_to(words::state_name(to)), words::state_icon(to), "", move || {
                board.move_cards(cards.clone(), to, Place::default());
            })
        })
        .collect()
}

fn assignees(board: Board, cards: &[CardId]) -> Vec<MenuItem> {
    let profiles = board.around.with_untracked(|around| around.profiles.clone());
    let nobody = (String::new(), t::kanban_unassigned().to_owned());
    let named = profiles.into_iter().map(|profile| (profile.id.clone(), profile.id));
    std::iter::once(nobody)
        .chain(named)
        .map(|(id, name)| {
            let cards = cards.to_vec();
            item(name, Icon::Agent, "", move || board.change_all(cards.clone(), BulkChange::Assign(id.clone())))
        })
        .collect()
}

fn priorities(board: Board, cards: &[CardId]) -> Vec<MenuItem> {
    let now: Vec<i32> = cards.iter().filter_map(|id| Some(board.face(*id)?.priority)).collect();
    let current = common(&now);
    [(2, "▲▲ "), (1, "▲ "), (0, ""), (-1, "▽ ")]
        .into_iter()
        .map(|(priority, sign)| {
            let cards = cards.to_vec();
            let name = words::priority_name(priority).unwrap_or(t::kanban_normal());
            let icon = if current == Some(priority) { Icon::Check } else { Icon::Circle };
            item(format!("{sign}{name}"), icon, "", move || {
                board.change_all(cards.clone(), BulkChange::Priority(priority))
            })
        })
        .collect()
}

fn everything(board: Board, ui: BoardUi, toasts: Toasts, id: CardId) -> Vec<MenuItem> {
    let Some(card) = board.face(id) else { return Vec::new() };
    let mut items = statuses(board, &[id], None);
    let status_count = items.len();
    if status_count > 3 {
        // One entry leads to the list, so that the rest of the menu fits on a phone.
        items = vec![item(t::kanban_move(), Icon::Move, "S", move || {
            ui.open_card_menu(MenuFor::Status(vec![id]), id);
        })];
    }
    // Who works on a card that does not run is under its own entry.
    let steps = Step::legal(card.state, Step::rests(card.wait.as_ref())).iter().filter(|step| match step {
        Step::Retry | Step::Reclaim => true,
        Step::Reassign => card.state == CardState::Running,
        Step::Model | Step::RetryAs | Step::RetryWith | Step::Block => false,
    });
    items.extend(steps.map(|&step| item(step.name(), step.icon(), "", move || ui.open_form(Form::Recover(step, id)))));
    items.push(item(t::kanban_edit(), Icon::Edit, "E", move || ui.open_editor(id)));
    items.push(item(t::kanban_assignee(), Icon::Agent, "A", move || {
        ui.open_card_menu(MenuFor::Assignee(vec![id]), id);
    }));
    items.push(item(t::kanban_priority(), Icon::Warning, "P", move || {
        ui.open_card_menu(MenuFor::Priority(vec![id]), id);
    }));
    items.push(item(t::kanban_label(), Icon::Label, "", move || ui.open_form(Form::Label(vec![id]))));
    items.push(item(t::kanban_depends(), Icon::Link, "D", move || ui.open_form(Form::Depends(id))));
    if landing::may_start_later(card.state) {
        items.push(item(t::kanban_schedule(), Icon::Clock, "", move || ui.open_form(Form::Schedule(vec![id]))));
    }
    if card.state.may_be_blocked() {
        let block = Step::Block;
        items.push(item(block.name(), block.icon(), "", move || ui.open_form(Form::Recover(block, id))));
    }
    items.push(item(t::kanban_select(), Icon::Check, "X", move || board.toggle(id)));
    items.push(item(t::kanban_save_template(), Icon::Copy, "", move || ui.open_form(Form::SaveTemplate(id))));
    if card.state != CardState::Archived {
        items.push(item(t::kanban_archive(), Icon::Archive, "#", move || {
            board.move_card(id, CardState::Archived, Place::default());
        }));
    }
    items.push(item(t::kanban_delete(), Icon::Trash, "", move || delete(board, toasts, id)));
    items
}

fn boards(board: Board, ui: BoardUi) -> Vec<MenuItem> {
    let here = board.summary.with_value(|summary| summary.id);
    let mut items: Vec<MenuItem> = board
        .around
        .with_untracked(|around| around.boards.clone())
        .into_iter()
        .map(|other| {
            let sign = if other.id == here { Icon::Check } else { Icon::Board };
            let name = words::board_name(&other);
            let slug = other.slug;
            MenuItem { color: other.color, ..item(name, sign, "", move || ui.open_board(&slug)) }
        })
        .collect();
    items.push(item(t::palette_all_boards(), Icon::Search, "", move || ui.finding.0.set(true)));
    items.extend(for_boards(ui));
    items
}

/// What leads to a dialog about boards.
fn for_boards(ui: BoardUi) -> Vec<MenuItem> {
    vec![
        item(t::kanban_new_swarm(), Icon::Agent, "", move || ui.open_form(Form::Swarm)),
        item(t::kanban_new_board(), Icon::Plus, "", move || ui.open_form(Form::NewBoard)),
        item(t::kanban_board_settings(), Icon::Settings, "", move || ui.open_form(Form::BoardSettings)),
        item(t::kanban_deleted_cards(), Icon::Trash, "", move || ui.open_form(Form::DeletedCards)),
        item(t::kanban_archived_boards(), Icon::Archive, "", move || ui.open_form(Form::ArchivedBoards)),
    ]
}

/// What the keyboard and the head of the board do.
fn of_board(board: Board, ui: BoardUi) -> Vec<MenuItem> {
    let is_mac = window().navigator().user_agent().is_ok_and(|agent| agent.contains("Mac OS X"));
    let by = |mac: &'static str, other: &'static str| if is_mac { mac } else { other };
    let mut items = vec![
        item(t::palette_filter(), Icon::Filter, "", move || ui.open_form(Form::Filter)),
        item(t::kanban_search(), Icon::Search, "/", move || ui.search_board()),
        item(t::keys_undo(), Icon::Back, by("⌘ Z", "Ctrl Z"), move || board.undo_last()),
        item(t::keys_redo(), Icon::Move, by("⇧ ⌘ Z", "Ctrl ⇧ Z"), move || board.redo_last()),
        item(t::keys_select_all(), Icon::Check, by("⌘ A", "Ctrl A"), move || board.select_all()),
    ];
    if ui.attention.get_untracked() > 0 {
        items.push(item(t::findings_attention_title(), Icon::Warning, "", move || ui.open_form(Form::Attention)));
    }
    items.extend(for_boards(ui));
    items.push(item(t::kanban_shortcuts(), Icon::Question, "?", move || ui.open_form(Form::Keys)));
    items
}

fn delete(board: Board, toasts: Toasts, id: CardId) {
    spawn_local(async move {
        match delete_card(id).await {
            Ok(written) => {
                let text = t::kanban_deleted_toast(&words::label(written.card.number));
                board.forget(id);
                if let Some(undo) = written.undo {
                    board.offer_undo(text, undo);
                }
            }
            Err(error) => toasts.fail(error.message),
        }
    });
}
