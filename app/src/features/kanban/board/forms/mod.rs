//! The board's dialogs. Their code is fetched when the first of them opens.
mod boards;
mod card;
mod deleted;
mod filter;
mod swarm;

use leptos::prelude::*;
use protocol::CardId;

use super::BoardUi;
use super::model::Board;
use crate::features::kanban::extra::{Extra, extra};
use crate::features::kanban::recover::Step;
use crate::features::kanban::words;
use crate::features::keys;
use crate::i18n::t;
use crate::ui::{Dialog, later};

pub use boards::archived_notice;

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
    /// Cards that were deleted.
    DeletedCards,
    /// Boards that were put away.
    ArchivedBoards,
    /// Several workers on one goal.
    Swarm,
    /// The keys.
    Keys,
    /// What needs attention.
    Attention,
    /// What gets a card going again.
    Recover(Step, CardId),
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
            Some(Form::Schedule(_)) => name_of(t::kanban_schedule()),
            Some(Form::SaveTemplate(_)) => name_of(t::kanban_save_template()),
            Some(Form::NewBoard) => name_of(t::kanban_new_board()),
            Some(Form::BoardSettings) => name_of(t::kanban_board_settings()),
            Some(Form::DeletedCards) => name_of(t::kanban_deleted_cards()),
            Some(Form::ArchivedBoards) => name_of(t::kanban_archived_boards()),
            Some(Form::Swarm) => name_of(t::kanban_new_swarm()),
            Some(Form::Keys) => t::kanban_shortcuts().to_owned(),
            Some(Form::Attention) => t::findings_attention_title().to_owned(),
            Some(Form::Recover(step, _)) => step.title(),
        }
    });
    view! {
        <Dialog open=ui.form_open title>
            {ui.form.get_untracked().map(|form| later(form_view(board, ui, form)))}
        </Dialog>
    }
}

/// What a menu's entry calls it, without the sign that more follows.
fn name_of(entry: &str) -> String {
    entry.trim_end_matches('…').to_owned()
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
        Form::DeletedCards => deleted::list(board, ui),
        Form::ArchivedBoards => boards::archived(board, ui),
        Form::Swarm => later(swarm::form(board, ui)),
        Form::Keys => view! { <div class="dialog-body">{keys::list()}</div> }.into_any(),
        Form::Attention => super::attention::list(board, ui),
        Form::Recover(step, card) => {
            let done = Callback::new(move |card| {
                ui.form_open.set(false);
                board.accept(card);
            });
            later(extra(Extra::Recover(card, step, done)))
        }
    }
}
