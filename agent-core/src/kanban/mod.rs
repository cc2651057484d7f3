//! Boards and cards: one transition table, enforced here for the app, the command line, tools and dispatcher alike.
//!
//! Every change is one transaction that compares and sets, and writes the event, the audit row and any push message
//! with it. Nothing outside this module writes a `kanban_` table.

mod context;
mod error;

pub mod dispatcher;
pub mod worker;

pub use error::KanbanError;

use protocol::{
    AddCommentParams, BoardDelta, BoardId, BoardPage, BoardSummary, CardDetail, CardId, CardRef, CardState,
    CardWritten, ColumnPage, ColumnPageParams, CommentView, CreateCardParams, EditCardParams, MoveCardParams,
    RunDelta, RunEventView, RunId, RunSummary, TaskCard, UndoId,
};

use crate::{Actor, Core};

/// Board slug used when none is named.
pub const DEFAULT_BOARD: &str = "default";

/// The first page of every column of a board. An empty slug means the default board, which is made on first use.
pub async fn board_page(core: &Core, slug: &str) -> Result<BoardPage, KanbanError> { unimplemented!() }
/// Further cards of one column.
pub async fn column_page(core: &Core, params: ColumnPageParams) -> Result<ColumnPage, KanbanError> { unimplemented!() }
/// All boards that are not archived.
pub async fn boards(core: &Core) -> Result<Vec<BoardSummary>, KanbanError> { unimplemented!() }
/// Makes a board; the slug must be free.
pub async fn create_board(core: &Core, actor: &Actor, slug: &str, name: &str) -> Result<BoardSummary, KanbanError> { unimplemented!() }
/// What changed on a board after `after`; `None` when that is too much to send (more than 200 cards).
pub async fn board_delta(core: &Core, board: BoardId, after: i64) -> Result<Option<BoardDelta>, KanbanError> { unimplemented!() }
/// The newest event's sequence number.
pub async fn last_seq(core: &Core) -> Result<i64, KanbanError> { unimplemented!() }
/// Everything the card page shows.
pub async fn card_detail(core: &Core, card: CardRef) -> Result<CardDetail, KanbanError> { unimplemented!() }
/// Whether a card has events after `after` (and its newest sequence number).
pub async fn card_changed(core: &Core, card: CardId, after: i64) -> Result<Option<i64>, KanbanError> { unimplemented!() }
/// A run's activity after `after`, at most 200 entries.
pub async fn run_events(core: &Core, run: RunId, after: i64) -> Result<Vec<RunEventView>, KanbanError> { unimplemented!() }
/// Cards for the command line: newest by column and rank; `limit` ≤ 1,000.
pub async fn list_cards(core: &Core, board: &str, state: Option<CardState>, limit: u32) -> Result<Vec<TaskCard>, KanbanError> { unimplemented!() }
/// One card's face.
pub async fn card(core: &Core, card: CardRef) -> Result<TaskCard, KanbanError> { unimplemented!() }
/// Creates a card.
pub async fn create_card(core: &Core, actor: &Actor, params: CreateCardParams) -> Result<CardWritten, KanbanError> { unimplemented!() }
/// Edits title, body, priority, assignee.
pub async fn edit_card(core: &Core, actor: &Actor, params: EditCardParams) -> Result<CardWritten, KanbanError> { unimplemented!() }
/// Moves a card by hand.
pub async fn move_card(core: &Core, actor: &Actor, params: MoveCardParams) -> Result<CardWritten, KanbanError> { unimplemented!() }
/// Blocks a card by hand, which opens a question.
pub async fn block_card(core: &Core, actor: &Actor, card: CardRef, reason: &str) -> Result<CardWritten, KanbanError> { unimplemented!() }
/// Finishes a card by hand with a summary.
pub async fn complete_card(core: &Core, actor: &Actor, card: CardRef, summary: &str) -> Result<CardWritten, KanbanError> { unimplemented!() }
/// Deletes softly: gone from every list, purged after 30 days, undone for 10 minutes.
pub async fn delete_card(core: &Core, actor: &Actor, card: CardRef) -> Result<CardWritten, KanbanError> { unimplemented!() }
/// Adds a comment.
pub async fn add_comment(core: &Core, actor: &Actor, params: AddCommentParams) -> Result<CommentView, KanbanError> { unimplemented!() }
/// Links parent to child; refuses cycles and other boards.
pub async fn link(core: &Core, actor: &Actor, parent: CardRef, child: CardRef) -> Result<(), KanbanError> { unimplemented!() }
/// Removes a link.
pub async fn unlink(core: &Core, actor: &Actor, parent: CardRef, child: CardRef) -> Result<(), KanbanError> { unimplemented!() }
/// Takes a person's write back, for 10 minutes and while nothing happened since.
pub async fn undo(core: &Core, actor: &Actor, undo: UndoId) -> Result<CardWritten, KanbanError> { unimplemented!() }
