//! What of a card the page shows rendered or in part: as it was written, for the command line.

use protocol::{CardId, CardRef, CommentId};
use sqlx::SqliteConnection;

use super::detail::raw_comments;
use crate::Core;
use crate::kanban::{KanbanError, card_row};

const COUNT_PARENTS: &str = "SELECT count(*) FROM kanban_link l JOIN kanban_card p ON p.id = l.parent_id
     WHERE l.child_id = ?1 AND p.deleted_at IS NULL";
const COUNT_CHILDREN: &str = "SELECT count(*) FROM kanban_link l JOIN kanban_card k ON k.id = l.child_id
     WHERE l.parent_id = ?1 AND k.deleted_at IS NULL";

/// Texts of a card as they were written, and how much the page leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardTexts {
    /// The result.
    pub result: Option<String>,
    /// The last 100 comments, oldest first.
    pub comments: Vec<(CommentId, String)>,
    /// All cards it comes after.
    pub parents: usize,
    /// All cards that come after it.
    pub children: usize,
}

/// Texts of a card as they were written.
///
/// # Errors
/// `NotFound` for an unknown card.
pub async fn card_texts(core: &Core, card: CardRef) -> Result<CardTexts, KanbanError> {
    let mut tx = core.store().reader().begin().await?;
    let row = card_row::load(&mut tx, card).await?;
    let comments = raw_comments(&mut tx, row.id).await?;
    let texts = CardTexts {
        result: row.summary,
        comments: comments.into_iter().map(|comment| (comment.id, comment.body)).collect(),
        parents: count(&mut tx, COUNT_PARENTS, row.id).await?,
        children: count(&mut tx, COUNT_CHILDREN, row.id).await?,
    };
    tx.rollback().await?;
    Ok(texts)
}

async fn count(connection: &mut SqliteConnection, sql: &'static str, card: CardId) -> Result<usize, KanbanError> {
    let count: i64 = sqlx::query_scalar(sql).bind(card.0).fetch_one(connection).await?;
    Ok(usize::try_from(count).unwrap_or_default())
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[COUNT_PARENTS, COUNT_CHILDREN];
