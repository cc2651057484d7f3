//! Letting a card start that waits: for a look, for its time, for an answer, or for other cards.

use protocol::{CardRef, CardState, Promoted, UndoId};
use sqlx::SqliteConnection;

use super::boards::load_for_write;
use super::card_row::{CardRow, card_columns, load};
use super::comments::comment_in;
use super::edit::written;
use super::moves::{Neighbours, move_in, waits_for_parents};
use super::retry::start_now;
use super::undo::{self, Inverse};
use super::{KanbanError, input, links, store};
use crate::{Actor, Core};

/// Links that one call takes away.
const MAX_FREED: usize = 100;
const UNFINISHED_PARENTS: &str = concat!(
    "SELECT ",
    card_columns!(),
    " FROM kanban_link l JOIN kanban_card c ON c.id = l.parent_id
      WHERE l.child_id = ?1 AND c.state NOT IN ('done', 'archived') AND c.deleted_at IS NULL
      ORDER BY c.number LIMIT 101"
);

/// How a card is let start.
#[derive(Debug, Clone, Copy, Default)]
pub struct Promotion<'a> {
    /// Why; a comment unless it is blank.
    pub reason: &'a str,
    /// The links to cards it waits for are taken away.
    pub force: bool,
    /// The answer or the refusal is the same, and nothing is written.
    pub dry_run: bool,
}

/// Lets a card start; one that is ready and rests after a failure need not wait any longer. All of it is taken back
/// together.
///
/// # Errors
/// `Conflict` for a card that is running, and for one in todo, which waits for others, unless it is forced.
pub async fn promote_card(
    core: &Core,
    actor: &Actor,
    card: CardRef,
    how: Promotion<'_>,
) -> Result<Promoted, KanbanError> {
    let reason = input::long_text("reason", how.reason)?.trim();
    let mut tx = core.write().await?;
    let before = load_for_write(&mut tx, card).await?;
    if before.state == CardState::Running {
        return Err(KanbanError::Conflict(format!("{} is running already", before.label())));
    }
    let comment = match reason {
        "" => None,
        text => Some(comment_in(&mut tx, actor, &before, text, None, core.now_ms()).await?),
    };
    let freed = if how.force { free(core, &mut tx, actor, &before).await? } else { Vec::new() };
    let restore = start(core, &mut tx, actor, &before).await?;
    let after = load(&mut tx, CardRef::Id(before.id)).await?;
    let promoted = |written| Promoted {
        written,
        to: after.state,
        unlinked: freed.iter().map(|parent| parent.number).collect(),
        dry_run: how.dry_run,
    };
    if how.dry_run {
        drop(tx);
        return Ok(promoted(written(core, before.id, None).await?));
    }
    // The last is taken back first: a card is where it was before it waits again.
    let links = freed.iter().map(|parent| Inverse::Link { parent: parent.id, child: before.id });
    let last = match (restore, comment) {
        (Some(restore), comment) => Some(restore.with_comment(comment)),
        (None, comment) => comment.map(|comment| Inverse::Uncomment { comment }),
    };
    let inverses: Vec<Inverse> = links.chain(last).collect();
    let undo = offer_all(core, &mut tx, actor, &after, &inverses).await?;
    tx.commit().await?;
    Ok(promoted(written(core, after.id, undo).await?))
}

/// Takes the links to unfinished cards away; the last of them lets a card in todo start.
async fn free(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    card: &CardRow,
) -> Result<Vec<CardRow>, KanbanError> {
    let parents: Vec<CardRow> = sqlx::query_as(UNFINISHED_PARENTS).bind(card.id.0).fetch_all(&mut *tx).await?;
    if parents.len() > MAX_FREED {
        return Err(KanbanError::Conflict(format!(
            "{} waits for more than {MAX_FREED} cards, which is too many to take the links away at once; finish or \
             archive what it waits for, or remove links",
            card.label()
        )));
    }
    for parent in &parents {
        links::unlink_in(core, tx, actor, parent, card).await?;
    }
    Ok(parents)
}

/// The move itself, and what takes it back, as far as it can be.
async fn start(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    before: &CardRow,
) -> Result<Option<Inverse>, KanbanError> {
    let card = load(tx, CardRef::Id(before.id)).await?;
    match card.state {
        // The links were all that it waited for.
        CardState::Ready if before.state == CardState::Todo => Ok(None),
        // That it starts sooner cannot be taken back.
        CardState::Ready => start_now(core, tx, actor, &card).await.map(|_| None),
        CardState::Todo if store::has_unfinished_parent(tx, card.id).await? => {
            let why = waits_for_parents(tx, &card).await?;
            Err(KanbanError::Conflict(format!("{why} (`hermes kanban promote {} --force` does)", card.label())))
        }
        _ => {
            let moved = move_in(core, tx, actor, &card, CardState::Ready, Neighbours::default()).await?;
            Ok(moved.map(|(_, inverse)| inverse))
        }
    }
}

/// Remembers how to take several steps back together.
async fn offer_all(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    after: &CardRow,
    inverses: &[Inverse],
) -> Result<Option<UndoId>, KanbanError> {
    match inverses {
        [] => Ok(None),
        [only] => undo::offer(core, tx, actor, after, only).await,
        several => {
            let batch = UndoId(store::new_id());
            let mut offered = false;
            for inverse in several {
                offered |= undo::offer_in(core, tx, actor, after, inverse, Some(batch)).await?.is_some();
            }
            Ok(offered.then_some(batch))
        }
    }
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[UNFINISHED_PARENTS];
