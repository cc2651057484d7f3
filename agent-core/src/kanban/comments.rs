//! What people and workers say about a card.

use protocol::{AddCommentParams, CardRef, CommentAdded, CommentId, CommentView, LineAnchor};
use sqlx::SqliteConnection;

use super::boards::load_for_write;
use super::card_row::CardRow;
use super::event::{self, NewEvent};
use super::undo::{self, Inverse};
use super::{KanbanError, input, store};
use crate::{Actor, Core, audit};

const MAX_PATH_BYTES: usize = 4096;

/// Adds a comment, which the next run reads.
///
/// # Errors
/// `Invalid` for an empty or endless one.
pub async fn add_comment(core: &Core, actor: &Actor, params: AddCommentParams) -> Result<CommentAdded, KanbanError> {
    let body = input::needed_text("comment", &params.body)?;
    if params.anchor.as_ref().is_some_and(|anchor| anchor.path.is_empty() || anchor.path.len() > MAX_PATH_BYTES) {
        return Err(KanbanError::Invalid("the comment names no file that there can be".into()));
    }
    let mut tx = core.write().await?;
    let card = load_for_write(&mut tx, CardRef::Id(params.id)).await?;
    let now = core.now_ms();
    let id = comment_in(&mut tx, actor, &card, body, params.anchor.as_ref(), now).await?;
    let undo = undo::offer(core, &mut tx, actor, &card, &Inverse::Uncomment { comment: id }).await?;
    tx.commit().await?;
    let comment = CommentView {
        id,
        author: actor.name().to_owned(),
        by_worker: !actor.is_person(),
        html: crate::text::markdown(body),
        created_at: now,
        anchor: params.anchor,
    };
    Ok(CommentAdded { comment, undo })
}

/// Writes a comment with its event, inside a transaction.
pub(crate) async fn comment_in(
    tx: &mut SqliteConnection,
    actor: &Actor,
    card: &CardRow,
    body: &str,
    anchor: Option<&LineAnchor>,
    now: i64,
) -> Result<CommentId, KanbanError> {
    let id = store::insert_comment(tx, card.id, actor, body, anchor, now).await?;
    let detail = serde_json::json!({ "bytes": body.len() });
    audit::record(tx, now, actor, "commented", &card.object(), &detail).await?;
    event::append(tx, NewEvent { card, run: card.current_run_id, kind: "commented", actor, detail, at: now }).await?;
    Ok(id)
}
