//! What it means to put cards into a column: they move, or something is asked first, as in the card's menu.
use leptos::prelude::request_animation_frame;
use protocol::{CardId, CardState, TaskCard};

use super::forms::Form;
use super::model::{Board, Place};
use super::{BoardUi, focus};
use crate::features::kanban::recover::Step;

/// Whether a card that has not begun can be told to start later.
pub(super) fn may_start_later(state: CardState) -> bool {
    matches!(state, CardState::Triage | CardState::Todo | CardState::Scheduled | CardState::Ready)
}

/// Whether a card can be put there, alone or with others.
pub(super) fn is_open(card: &TaskCard, is_alone: bool, to: CardState) -> bool {
    to == card.state
        || card.may_go_to(to)
        || match to {
            // A question is about one card.
            CardState::Blocked => is_alone && card.state.may_be_blocked(),
            CardState::Scheduled => may_start_later(card.state),
            _ => false,
        }
}

/// Whether something is asked before a card is there.
pub(super) fn asks(from: CardState, to: CardState) -> bool {
    from != to && matches!(to, CardState::Blocked | CardState::Scheduled)
}

/// Puts cards into a column that is open to the first of them.
pub(super) fn put(board: Board, ui: BoardUi, cards: Vec<CardId>, to: CardState, place: Place) {
    let Some(first) = cards.first().and_then(|id| board.face(*id)) else { return };
    if !asks(first.state, to) {
        return board.move_cards(cards, to, place);
    }
    focus::lend(first.id);
    let form = match to {
        CardState::Blocked => Form::Recover(Step::Block, first.id),
        _ => Form::Schedule(cards),
    };
    // A card that was carried has the focus back by then; the dialog returns it.
    request_animation_frame(move || request_animation_frame(move || ui.open_form(form)));
}
