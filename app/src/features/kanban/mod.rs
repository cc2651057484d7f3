//! The board and its cards.
mod board;
mod card;
mod extra;
mod form;
mod recover;
mod search;
mod server_fns;

pub mod words;

pub use board::BoardRoute;
pub(crate) use board::{Command, card_of, commands};
pub use card::CardRoute;
pub(crate) use extra::{Extra, extra};
pub(crate) use form::take_back;
pub use form::{EditDialog, NewCardDefaults, NewCardDialog, edit_in_place};
pub(crate) use recover::{Recover, Step};
pub(crate) use search::{CardSearch, fits, number_of};
pub use server_fns::*;
