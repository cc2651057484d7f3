//! Boards and cards: one transition table, enforced here for the app, the command line, tools and dispatcher alike.
//!
//! Every change is one transaction that compares and sets, and writes the event, the audit row and any push message
//! with it. Nothing outside this module writes a `kanban_` table.

mod card_row;
mod cards;
mod claim;
mod context;
mod error;
mod event;
pub(crate) mod import_rows;
mod input;
mod rank;
mod readiness;
mod recovery;
mod store;
mod transition;
mod undo;
mod view;

pub mod dispatcher;
pub mod worker;

pub use cards::{
    add_comment, block_card, complete_card, create_board, create_card, delete_card, edit_card, link, move_card, unlink,
};
pub use claim::{Claim, claim_next};
pub use error::KanbanError;
pub use recovery::reap;
pub use undo::undo;
pub use view::{
    board_delta, board_page, board_pulse, boards, card, card_changed, card_detail, column_page, last_seq, list_cards,
    open_decision_of, run_events,
};

// What decisions need to move a card inside their own transaction.
pub(crate) use card_row::{CardRow, load as load_card, word};
pub(crate) use cards::comment_in;
pub(crate) use input::{long_text, slug as checked_slug};
pub(crate) use rank::between as rank_between;
pub(crate) use readiness::open_runs;
pub(crate) use store::{has_unfinished_parent, is_reachable, new_id, set_open_decision};
pub(crate) use transition::{Cause, Failures, Transition, apply};
pub(crate) use undo::{Inverse, UNDO_WINDOW_MS, offer as offer_undo};
pub(crate) use view::{link_from_row, newest_seq};

/// Board slug used when none is named.
pub const DEFAULT_BOARD: &str = "default";

/// The name of this machine, which says whose processes a run's pid belongs to.
pub(crate) fn host_name() -> &'static str {
    static NAME: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    NAME.get_or_init(|| rustix::system::uname().nodename().to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn every_statement_prepares() {
        for statements in [
            super::store::ALL_SQL,
            super::view::ALL_SQL,
            super::claim::ALL_SQL,
            super::worker::ALL_SQL,
            super::recovery::ALL_SQL,
            super::context::ALL_SQL,
            super::readiness::ALL_SQL,
            super::import_rows::ALL_SQL,
        ] {
            crate::store::tests::prepare_all(statements).await;
        }
    }
}
