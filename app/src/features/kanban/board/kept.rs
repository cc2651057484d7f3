//! The board as it was left: coming back to it is instant, with all that was loaded, and needs no network. What happened
//! meanwhile comes with the stream.
use std::cell::{Cell, RefCell};

use leptos::prelude::*;
use protocol::{BoardPage, CardRef, ColumnPage, TaskCard};

use super::model::Board;
use crate::ui::dom;

/// What is older is read again.
const KEPT_MS: i64 = 10 * 60_000;

struct Kept {
    query: String,
    page: BoardPage,
    at: i64,
    /// Writes that had come to nothing by then.
    undone: u32,
}

thread_local! {
    static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
    static UNDONE: Cell<Option<u32>> = const { Cell::new(None) };
}

/// Keeps what is on screen when the board is left. Below an effect: on the server nothing is kept.
pub fn keep(board: Board) {
    on_cleanup(move || {
        // Another view is on its way: what is shown is not what the address says.
        if board.loading.get_untracked() {
            return;
        }
        if let Some(page) = page_of(board) {
            let query = board.view.with_untracked(protocol::BoardView::to_query);
            KEPT.set(Some(Kept { query, page, at: dom::now_ms(), undone: board.undone.get_value() }));
        }
    });
}

/// What was kept of a board.
pub fn take(slug: &str, query: &str) -> Option<BoardPage> {
    let mut kept = KEPT.take()?;
    let is_it = kept.page.board.slug == slug && kept.query == query;
    let age = dom::now_ms() - kept.at;
    kept.page.now += age;
    if !is_it || age >= KEPT_MS {
        return None;
    }
    UNDONE.set(Some(kept.undone));
    Some(kept.page)
}

/// A card's face as it was when the board was left.
pub fn face(card: CardRef) -> Option<TaskCard> {
    let is_it = |face: &&TaskCard| match card {
        CardRef::Id(id) => face.id == id,
        CardRef::Number(number) => face.number == number,
    };
    KEPT.with_borrow(|kept| {
        let columns = &kept.as_ref()?.page.columns;
        columns.iter().flat_map(|column| &column.cards).find(is_it).cloned()
    })
}

/// How many writes had come to nothing when what was taken last was read; it may show some that have since.
pub fn undone() -> Option<u32> {
    UNDONE.take()
}

fn page_of(board: Board) -> Option<BoardPage> {
    let around = board.around.try_get_untracked()?;
    let columns = board.columns.try_get_value()?.into_iter().map(|column| ColumnPage {
        state: column.state,
        total: column.total.get_untracked(),
        cards: column.ids.with_untracked(|ids| ids.iter().filter_map(|id| board.face(*id)).collect()),
    });
    Some(BoardPage {
        board: board.summary.try_get_value()?,
        boards: around.boards,
        ages: around.ages,
        review_limit: around.limits.0,
        blocked_limit: around.limits.1,
        columns: columns.collect(),
        views: around.views,
        labels: around.labels,
        tenants: around.tenants,
        assignees: around.assignees,
        seq: board.seq.try_get_value()?,
        slots: board.slots.get_untracked(),
        profiles: around.profiles,
        now: board.now.get_untracked(),
    })
}
