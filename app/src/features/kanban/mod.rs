//! The board and its cards.
mod board;
mod card;
mod extra;
mod form;
mod recover;
mod server_fns;

pub mod words;

pub use board::BoardRoute;
pub use card::CardRoute;
pub(crate) use extra::{Extra, extra};
pub(crate) use form::take_back;
pub use form::{EditDialog, NewCardDefaults, NewCardDialog, edit_in_place};
pub(crate) use recover::{Recover, Step};
pub use server_fns::*;
