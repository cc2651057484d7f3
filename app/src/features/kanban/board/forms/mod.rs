//! The board's dialogs. Their code is fetched when the first of them opens.
mod boards;
mod card;
mod filter;

use leptos::prelude::*;
use protocol::CardId;

use super::BoardUi;
use super::model::Board;
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::{Dialog, later};

/// Which dialog is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// What of the board is shown, and how.
    Filter,
    /// A label for cards.
    Label(Vec<CardId>),
    /// What a card waits for.
    Depends(CardId),
    /// When cards start.
    Schedule(Vec<CardId>),
    /// A card as a template.
    SaveTemplate(CardId),
    /// A new board.
    NewBoard,
    /// What is set on this board.
    BoardSettings,
    /// Boards that were put away.
    ArchivedBoards,
    /// The keys.
    Keys,
}

/// The dialog.
#[component]
pub fn FormDialog(board: Board, ui: BoardUi) -> impl IntoView {
    let title = Signal::derive(move || {
        let name = |id: &CardId| board.face(*id).map(|card| words::label(card.number)).unwrap_or_default();
        match ui.form.get() {
            None => String::new(),
            Some(Form::Filter) => t::kanban_view().to_owned(),
            Some(Form::Label(_)) => t::kanban_label().to_owned(),
            Some(Form::Depends(id)) => t::kanban_depends_title(&name(&id)),
            Some(Form::Schedule(_)) => t::kanban_schedule().to_owned(),
            Some(Form::SaveTemplate(_)) => t::kanban_save_template().to_owned(),
            Some(Form::NewBoard) => t::kanban_new_board().to_owned(),
            Some(Form::BoardSettings) => t::kanban_board_settings().to_owned(),
            Some(Form::ArchivedBoards) => t::kanban_archived_boards().to_owned(),
            Some(Form::Keys) => t::kanban_shortcuts().to_owned(),
        }
    });
    view! {
        <Dialog open=ui.form_open title>
            {ui.form.get_untracked().map(|form| later(form_view(board, ui, form)))}
        </Dialog>
    }
}

#[lazy]
fn form_view(board: Board, ui: BoardUi, form: Form) -> AnyView {
    match form {
        Form::Filter => filter::filter(board, ui),
        Form::Label(cards) => card::label(board, ui, cards),
        Form::Depends(card) => card::depends(board, ui, card),
        Form::Schedule(cards) => card::schedule(board, ui, cards),
        Form::SaveTemplate(card) => card::save_as_template(board, ui, card),
        Form::NewBoard => boards::new_board(ui),
        Form::BoardSettings => boards::settings(board, ui),
        Form::ArchivedBoards => boards::archived(ui),
        Form::Keys => super::keyboard::keys(),
    }
}
