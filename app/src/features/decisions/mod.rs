//! Decisions: what only a person can settle. Read one, settle it, take it back.
mod act;
mod desk;
mod fragment;
mod page;
mod server_fns;
mod settled;
mod snoozed;
mod words;

pub use page::DecisionPage;
pub use server_fns::*;
pub use words::{KindChip, done_word, kind_word, settled_sentence, verb_word};
