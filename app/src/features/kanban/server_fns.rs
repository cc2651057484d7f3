//! What the board and card pages ask of the server. Each is one call into the core.
use leptos::prelude::*;
use protocol::{
    AddCommentParams, BoardPage, CardDetail, CardId, CardRef, CardWritten, ColumnPage, ColumnPageParams, CommentView,
    CreateCardParams, EditCardParams, MoveCardParams, ProfileSummary, UndoId,
};
use server_fn::codec::Json;

use crate::error::ApiError;

/// The first page of every column of a board; an empty slug means the default board.
#[server(endpoint = "kanban/board", input = Json)]
pub async fn read_board(slug: String) -> Result<BoardPage, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::board_page(&cx.core, &slug).await?)
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

/// Takes a write back.
#[server(endpoint = "kanban/undo", input = Json)]
pub async fn undo_write(id: UndoId) -> Result<CardWritten, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::undo(&cx.core, &cx.actor, id).await?)
}

/// Adds a comment.
#[server(endpoint = "kanban/comment", input = Json)]
pub async fn add_comment(params: AddCommentParams) -> Result<CommentView, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::add_comment(&cx.core, &cx.actor, params).await?)
}
