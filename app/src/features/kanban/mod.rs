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
pub use card::CardRoute;
pub(crate) use extra::{Extra, extra};
pub(crate) use form::undo_later;
pub use form::{EditDialog, NewCardDefaults, NewCardDialog, edit_in_place};
pub(crate) use recover::{Recover, Step};
pub use server_fns::*;
pub(crate) use search::{CardSearch, fits, number_of};
