//! Parts of cards that few look at: logs, the map, dialogs. They are two files of code, each fetched when the first of its
//! parts is opened: each file more would be named in the first load.
use leptos::prelude::*;
use protocol::{CardDetail, CardId, CardRef, RunId, TaskCard};

use super::board::{self, model::Board};
use super::board::{BoardUi, peek};
use super::card::{gone, history, last_seen, links, log, map, settings};
use super::recover::{self, Step};
use crate::error::ApiError;
use crate::ui::Toasts;

/// Which part.
#[allow(clippy::large_enum_variant, reason = "there is one at a time, for as long as its code is on its way")]
#[derive(Debug, Clone)]
pub enum Extra {
    /// The log of a run: its attempt's number, and whether it is under way.
    Log(RunId, u32, Signal<bool>),
    /// The cards around a card; read again when its links change.
    Map(CardId, Signal<()>),
    /// Which card of the board of that slug to link with.
    Picker(CardId, String, Callback<()>, Toasts),
    /// What gets a card going again.
    Recover(CardId, Step, Callback<TaskCard>),
    /// The panel beside the board.
    Peek(Board, BoardUi),
    /// That a card was deleted, and the way back: its number, and what reads it again.
    Gone(CardId, i64, Callback<()>, Toasts),
    /// A card as it was last seen, what went wrong, and another try.
    LastSeen(CardRef, ApiError, Callback<()>),
    /// That a board was put away, and the way back.
    Archived(Board),
}

/// The part.
#[lazy]
pub fn extra(which: Extra) -> AnyView {
    match which {
        Extra::Log(run, attempt, under_way) => log::view(run, attempt, under_way),
        Extra::Map(card, changed) => map::view(card, changed),
        Extra::Picker(card, board, linked, toasts) => links::picker(card, board, linked, toasts),
        Extra::Recover(card, step, done) => recover::loader(card, step, done),
        Extra::Peek(board, ui) => peek::panel(board, ui),
        Extra::Gone(card, number, look, toasts) => gone::view(card, number, look, toasts),
        Extra::LastSeen(card, error, retry) => last_seen::view(card, error, retry),
        Extra::Archived(board) => board::archived_notice(board),
    }
}

/// What can be said about a card besides.
#[derive(Debug, Clone, Copy)]
pub enum About {
    /// What was set on it beyond what most have.
    Settings(RwSignal<CardDetail>),
    /// What happened to it, and the present.
    History(RwSignal<CardDetail>, RwSignal<i64>),
}

/// The part.
#[lazy]
pub fn about(which: About) -> AnyView {
    match which {
        About::Settings(detail) => settings::view(detail),
        About::History(detail, now) => history::view(detail, now),
    }
}
