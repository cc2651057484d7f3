//! Boards and cards: one transition table, enforced here for the app, the command line, tools and dispatcher alike.
//!
//! Every change is one transaction that compares and sets, and writes the event, the audit row and any push message
//! with it. Nothing outside this module writes a `kanban_` table.

pub mod attachments;
mod board_store;
mod board_undo;
mod boards;
mod bulk;
mod card_row;
mod claim;
mod comments;
mod context;
mod create;
mod deleted;
mod diagnose;
mod edit;
mod error;
mod event;
mod history;
pub mod housekeeping;
pub(crate) mod import_rows;
pub(crate) mod input;
mod links;
mod moves;
pub(crate) mod pause;
mod place;
mod promote;
mod rank;
mod readiness;
mod recovery;
mod repeat;
mod report;
mod retention;
mod retry;
mod review;
pub(crate) mod run_log;
mod shelf;
mod store;
mod transition;
pub mod triage;
mod undo;
mod undo_store;
mod view;
mod warnings;

pub mod dispatcher;
pub mod worker;

pub use boards::{
    archive_board, board_settings, boards, create_board, delete_template, delete_view, edit_board, ensure_board,
    labels, left_board, restore_board, save_template, save_view, templates,
};
pub use bulk::change_cards;
pub use claim::{Claim, claim_card_for, claim_next, claim_ready, release_due, starting_next};
pub use comments::add_comment;
pub use create::{create_card, create_or_find};
pub use deleted::{deleted_cards, restore_card};
pub use diagnose::{attention, diagnostics};
pub use edit::edit_card;
pub use error::KanbanError;
pub use event::EVENT_KINDS;
pub use history::card_history;
pub use links::{link, unlink};
pub use moves::{
    block_card, complete_card, delete_card, edit_result, move_card, reassign_card, reclaim_card, schedule_card,
    schedule_with,
};
pub use promote::{Promotion, promote_card};
pub use recovery::{reap, sweep_runs};
pub use report::{events, newest_event, stats, worker_context};
pub use retry::retry_card;
pub use review::{CommitFirst, card_changes, card_evidence, file_diff, merge_card};
pub use run_log::{run_log, run_log_file};
pub use undo::{last_redo, last_undo, undo};
pub use view::{
    CardTexts, board_delta, board_page, board_page_again, board_pulse, card, card_changed, card_detail, card_graph,
    card_texts, cards, column_page, earlier_runs, last_seq, list_cards, open_decision_of, run_events, search_cards,
};

// What decisions need to move a card inside their own transaction.
pub(crate) use boards::{MAX_DESCRIPTION_BYTES, board_color, board_icon, board_name};
pub(crate) use card_row::{CardRow, load as load_card, word};
pub(crate) use comments::comment_in;
pub(crate) use event::{NewEvent, append as append_event};
pub(crate) use input::{long_text, slug as checked_slug};
pub(crate) use moves::MAX_AHEAD_MS;
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
            super::board_store::ALL_SQL,
            super::shelf::ALL_SQL,
            super::undo_store::ALL_SQL,
            super::deleted::ALL_SQL,
            &super::view::all_sql(),
            super::claim::ALL_SQL,
            super::worker::ALL_SQL,
            super::recovery::ALL_SQL,
            super::context::ALL_SQL,
            super::readiness::ALL_SQL,
            super::report::ALL_SQL,
            super::history::ALL_SQL,
            super::diagnose::ALL_SQL,
            super::warnings::ALL_SQL,
            super::run_log::ALL_SQL,
            super::import_rows::ALL_SQL,
            super::attachments::ALL_SQL,
            super::review::ALL_SQL,
            super::housekeeping::ALL_SQL,
            super::retention::ALL_SQL,
            super::triage::ALL_SQL,
            super::pause::ALL_SQL,
            super::promote::ALL_SQL,
            super::worker::PLANNING_SQL,
        ] {
            crate::store::tests::prepare_all(statements).await;
        }
    }
}
