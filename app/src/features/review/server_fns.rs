//! What reviews ask of the server. Each is one call into the core.
use leptos::prelude::*;
use protocol::{
    AttachmentId, AttachmentWritten, CardEvidence, CardId, FileDiff, FileDiffParams, MergeCardParams, MergeOutcome,
};

use crate::error::ApiError;
use crate::json::Json;

/// What there is to look at before a card's work is accepted.
#[server(endpoint = "review/evidence", input = Json)]
pub async fn read_evidence(card: CardId) -> Result<CardEvidence, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::card_evidence(&cx.core, card).await?)
}

/// One file's changes.
#[server(endpoint = "review/diff", input = Json)]
pub async fn read_file_diff(params: FileDiffParams) -> Result<FileDiff, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::file_diff(&cx.core, params).await?)
}

/// Merges a card's branch. Fails with `Conflict` when either side is not ready for it.
#[server(endpoint = "review/merge", input = Json)]
pub async fn merge_card(params: MergeCardParams) -> Result<MergeOutcome, ApiError> {
    use agent_core::kanban::CommitFirst;
    let cx = crate::ctx::ctx().await?;
    let commit = if params.commit { CommitFirst::Yes } else { CommitFirst::No };
    Ok(agent_core::kanban::merge_card(&cx.core, &cx.actor, params.id, commit).await?)
}

/// Takes a file of a card away; it can be taken back.
#[server(endpoint = "review/remove-file", input = Json)]
pub async fn remove_file(id: AttachmentId) -> Result<AttachmentWritten, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::kanban::attachments::remove(&cx.core, &cx.actor, id).await?)
}
