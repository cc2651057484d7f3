//! What the board and card pages ask of the server. Each is one call into the core.
use leptos::prelude::*;
use protocol::{
    AcceptProposalParams, AddCommentParams, Attention, BoardId, BoardPage, BoardSettings, BoardSummary, BoardWritten,
    BulkParams, BulkResult, CardDetail, CardGraph, CardId, CardRef, CardState, CardTemplate, CardWritten, ColumnPage,
    ColumnPageParams, CommentAdded, CreateCardParams, DeletedCursor, DeletedPage, EditCardParams, HistoryPage,
    LinkWritten, MoveCardParams, ProfileSummary, ProposalAccepted, ProposalKind, RetryCardParams, RunLog, RunLogParams,
    RunPage, SavedDeleted, SwarmMade, SwarmParams, TaskCard, TemplateId, TemplateSaved, UndoId, UndoResult, ViewId,
    ViewSaved,
};
#[cfg(feature = "ssr")]
use protocol::{BoardView, DELETED_PAGE};

use crate::error::ApiError;
use crate::json::Json;

/// The cookie that names the board this browser looked at last.
pub const LEFT_BOARD: &str = "hermes_board";

/// The first page of every column of a board; an empty slug means the one that was looked at last, else the default
/// board. `view` is the address's query. Of columns of which more is loaded, as much.
#[server(endpoint = "kanban/board", input = Json)]
pub async fn read_board(
    slug: String,
    view: String,
    loaded: Option<Vec<(CardState, u32)>>,
) -> Result<BoardPage, ApiError> {
    let cx = crate::ctx::ctx().await?;
    let left = if slug.is_empty() { crate::ctx::cookie(LEFT_BOARD) } else { None };
    let slug = match left {
        Some(left) => agent_core::kanban::left_board(&cx.core, &left).await?,
        None => slug,
    };
    let view = BoardView::from_query(&view);
    Ok(agent_core::kanban::board_page_again(&cx.core, &slug, &view, &loaded.unwrap_or_default()).await?)
}

/// Further cards of a column.
#[server(endpoint = "kanban/column", input = Json)]
pub async fn read_column(params: ColumnPageParams) -> Result<ColumnPage, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::column_page(&cx.core, params).await?)
}

/// Everything a card's page shows.
#[server(endpoint = "kanban/card", input = Json)]
pub async fn read_card(card: CardRef) -> Result<CardDetail, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::card_detail(&cx.core, card).await?)
}

/// Profiles that can be assigned.
#[server(endpoint = "kanban/profiles", input = Json)]
pub async fn read_profiles() -> Result<Vec<ProfileSummary>, ApiError> {
    let cx = crate::ctx::ctx().await?;
    let profiles = agent_core::profiles::list(cx.core.home())?;
    Ok(profiles.into_iter().map(|profile| ProfileSummary { id: profile.id, executor: profile.executor }).collect())
}

/// Creates a card.
#[server(endpoint = "kanban/create", input = Json)]
pub async fn create_card(params: CreateCardParams) -> Result<CardWritten, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::create_card(&cx.core, &cx.actor, params).await?)
}

/// Changes what a card says. Fails with `Conflict` when the revision is stale.
#[server(endpoint = "kanban/edit", input = Json)]
pub async fn edit_card(params: EditCardParams) -> Result<CardWritten, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::edit_card(&cx.core, &cx.actor, params).await?)
}

/// Moves a card; archiving is a move, too. Fails with `Conflict` when the move is not legal now.
#[server(endpoint = "kanban/move", input = Json)]
pub async fn move_card(params: MoveCardParams) -> Result<CardWritten, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::move_card(&cx.core, &cx.actor, params).await?)
}

/// Deletes a card; it can be taken back.
#[server(endpoint = "kanban/delete", input = Json)]
pub async fn delete_card(id: CardId) -> Result<CardWritten, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::delete_card(&cx.core, &cx.actor, CardRef::Id(id)).await?)
}

/// What was deleted of a board and can be had back, from where an earlier page ended.
#[server(endpoint = "kanban/deleted", input = Json)]
pub async fn read_deleted(slug: String, after: Option<DeletedCursor>) -> Result<DeletedPage, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::deleted_cards(&cx.core, &slug, after, DELETED_PAGE).await?)
}

/// Brings a deleted card back; it can be taken back.
#[server(endpoint = "kanban/restore", input = Json)]
pub async fn restore_card(id: CardId) -> Result<CardWritten, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::restore_card(&cx.core, &cx.actor, CardRef::Id(id)).await?)
}

/// Changes many cards at once, each by itself.
#[server(endpoint = "kanban/bulk", input = Json)]
pub async fn change_cards(params: BulkParams) -> Result<BulkResult, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::change_cards(&cx.core, &cx.actor, params).await?)
}

/// The person's newest write that can be taken back, on whatever device it was made.
#[server(endpoint = "kanban/last-undo", input = Json)]
pub async fn last_undo() -> Result<Option<UndoId>, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::last_undo(&cx.core, &cx.actor).await?)
}

/// What the person took back last and can have again.
#[server(endpoint = "kanban/last-redo", input = Json)]
pub async fn last_redo() -> Result<Option<UndoId>, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::last_redo(&cx.core, &cx.actor).await?)
}

/// Takes a write back, or several that were made together.
#[server(endpoint = "kanban/undo", input = Json)]
pub async fn undo_write(id: UndoId) -> Result<UndoResult, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::undo(&cx.core, &cx.actor, id).await?)
}

/// Adds a comment.
#[server(endpoint = "kanban/comment", input = Json)]
pub async fn add_comment(params: AddCommentParams) -> Result<CommentAdded, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::add_comment(&cx.core, &cx.actor, params).await?)
}

/// Blocks a card with a question to a person; a worker that has it is ended.
#[server(endpoint = "kanban/block", input = Json)]
pub async fn block_card(id: CardId, reason: String) -> Result<CardWritten, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::block_card(&cx.core, &cx.actor, CardRef::Id(id), &reason).await?)
}

/// Takes a running card back from its worker.
#[server(endpoint = "kanban/reclaim", input = Json)]
pub async fn reclaim_card(id: CardId, reason: String) -> Result<CardWritten, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::reclaim_card(&cx.core, &cx.actor, CardRef::Id(id), &reason).await?)
}

/// Makes a card wait for another.
#[server(endpoint = "kanban/link", input = Json)]
pub async fn link_cards(parent: CardRef, child: CardRef) -> Result<LinkWritten, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::link(&cx.core, &cx.actor, parent, child).await?)
}

/// Takes a link away.
#[server(endpoint = "kanban/unlink", input = Json)]
pub async fn unlink_cards(parent: CardRef, child: CardRef) -> Result<LinkWritten, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::unlink(&cx.core, &cx.actor, parent, child).await?)
}

/// Asks a model what a card in triage means, or how to take it apart. The answer comes over the stream.
#[server(endpoint = "kanban/propose", input = Json)]
pub async fn ask_for_proposal(id: CardId, kind: ProposalKind) -> Result<(), ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::triage::propose_later(&cx.core, &cx.actor, CardRef::Id(id), kind).await?)
}

/// Makes a proposal real.
#[server(endpoint = "kanban/accept", input = Json)]
pub async fn accept_proposal(params: AcceptProposalParams) -> Result<ProposalAccepted, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::triage::accept_proposal(&cx.core, &cx.actor, params).await?)
}

/// Throws a proposal away, or stops waiting for it.
#[server(endpoint = "kanban/discard", input = Json)]
pub async fn discard_proposal(id: CardId) -> Result<(), ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::triage::discard_proposal(&cx.core, &cx.actor, CardRef::Id(id)).await?)
}

/// Says that a person has the form of a card in triage open; good for a minute.
#[server(endpoint = "kanban/editing", input = Json)]
pub async fn is_being_edited(id: CardId) -> Result<(), ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::triage::is_being_edited(&cx.core, id).await?)
}

/// Puts several workers on one goal.
#[server(endpoint = "kanban/swarm", input = Json)]
pub async fn create_swarm(params: SwarmParams) -> Result<SwarmMade, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::triage::create_swarm(&cx.core, &cx.actor, params).await?)
}

/// Cards that contain the words, newest first: of the board of that slug, where an empty one means the default board,
/// else of all boards.
#[server(endpoint = "kanban/search", input = Json)]
pub async fn search_cards(text: String, board: Option<String>) -> Result<Vec<TaskCard>, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::search_cards(&cx.core, &text, board.as_deref(), 20).await?)
}

/// All boards, archived ones last.
#[server(endpoint = "kanban/boards", input = Json)]
pub async fn read_boards() -> Result<Vec<BoardSummary>, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::boards(&cx.core, true).await?)
}

/// Makes a board.
#[server(endpoint = "kanban/board-create", input = Json)]
pub async fn create_board(slug: String, name: String) -> Result<BoardSummary, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::create_board(&cx.core, &cx.actor, &slug, &name).await?)
}

/// What is set on a board.
#[server(endpoint = "kanban/board-settings", input = Json)]
pub async fn read_board_settings(slug: String) -> Result<BoardSettings, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::board_settings(&cx.core, &slug).await?.1)
}

/// Changes what is set on a board; it can be taken back.
#[server(endpoint = "kanban/board-edit", input = Json)]
pub async fn edit_board(board: BoardId, settings: BoardSettings) -> Result<BoardWritten, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::edit_board(&cx.core, &cx.actor, board, settings).await?)
}

/// Puts a board away; it can be taken back.
#[server(endpoint = "kanban/board-archive", input = Json)]
pub async fn archive_board(slug: String) -> Result<BoardWritten, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::archive_board(&cx.core, &cx.actor, &slug).await?)
}

/// Brings a board back; it can be taken back.
#[server(endpoint = "kanban/board-restore", input = Json)]
pub async fn restore_board(slug: String) -> Result<BoardWritten, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::restore_board(&cx.core, &cx.actor, &slug).await?)
}

/// Saves a view of a board under a name; it can be taken back.
#[server(endpoint = "kanban/view-save", input = Json)]
pub async fn save_view(board: BoardId, name: String, query: String) -> Result<ViewSaved, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::save_view(&cx.core, &cx.actor, board, &name, &query).await?)
}

/// Deletes a saved view; it can be taken back.
#[server(endpoint = "kanban/view-delete", input = Json)]
pub async fn delete_view(board: BoardId, id: ViewId) -> Result<SavedDeleted, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::delete_view(&cx.core, &cx.actor, board, id).await?)
}

/// Saves what new cards can start from; it can be taken back.
#[server(endpoint = "kanban/template-save", input = Json)]
pub async fn save_template(board: BoardId, name: String, params: CreateCardParams) -> Result<TemplateSaved, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::save_template(&cx.core, &cx.actor, board, &name, params).await?)
}

/// Deletes a template of a board, which can be taken back; an empty slug means the default board.
#[server(endpoint = "kanban/template-delete", input = Json)]
pub async fn delete_template(slug: String, id: TemplateId) -> Result<SavedDeleted, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::delete_template(&cx.core, &cx.actor, &slug, id).await?)
}

/// The templates of a board; an empty slug means the default board.
#[server(endpoint = "kanban/templates", input = Json)]
pub async fn read_templates(slug: String) -> Result<Vec<CardTemplate>, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::templates(&cx.core, &slug).await?)
}

/// Labels in use on the board of that slug, those of most cards first.
#[server(endpoint = "kanban/labels", input = Json)]
pub async fn read_labels(slug: String) -> Result<Vec<String>, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::labels(&cx.core, &slug).await?)
}

/// Lets a card run again, with what shall be different. Fails with `Conflict` when it waits anyway.
#[server(endpoint = "kanban/retry", input = Json)]
pub async fn retry_card(params: RetryCardParams) -> Result<CardWritten, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::retry_card(&cx.core, &cx.actor, params).await?)
}

/// Runs of a card that came before an attempt.
#[server(endpoint = "kanban/runs", input = Json)]
pub async fn read_runs(card: CardRef, before: u32) -> Result<RunPage, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::earlier_runs(&cx.core, card, before).await?)
}

/// What happened to a card before an event; `None` begins with the newest.
#[server(endpoint = "kanban/history", input = Json)]
pub async fn read_history(card: CardRef, before: Option<i64>) -> Result<HistoryPage, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::card_history(&cx.core, card, before).await?)
}

/// A part of a run's log.
#[server(endpoint = "kanban/run-log", input = Json)]
pub async fn read_run_log(params: RunLogParams) -> Result<RunLog, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::run_log(&cx.core, params).await?)
}

/// The cards around a card.
#[server(endpoint = "kanban/graph", input = Json)]
pub async fn read_graph(card: CardRef) -> Result<CardGraph, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::card_graph(&cx.core, card).await?)
}

/// What needs a person's attention on a board.
#[server(endpoint = "kanban/attention", input = Json)]
pub async fn read_attention(slug: String) -> Result<Attention, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::attention(&cx.core, &slug).await?)
}
