//! Cards that a worker makes and ties together: on its own board, in bounds, and never those of others.

use protocol::{BoardView, CardId, CardLink, CardRef, CardState, CreateCardParams, TaskCard, WorkspaceKind};
use sqlx::SqliteConnection;

use super::{Owned, RunTicket, own};
use crate::kanban::boards::require_open;
use crate::kanban::card_row::{CardRow, load};
use crate::kanban::create::create_in;
use crate::kanban::event::{self, NewEvent};
use crate::kanban::triage::{inherited, require_profile};
use crate::kanban::{KanbanError, board_store, links, view};
use crate::{Core, text};

/// Cards one run may make.
const MAX_CREATED: i64 = 20;
/// A card of a person is 0, what its worker makes 1, and so on: nothing plans for ever.
const MAX_GENERATIONS: i64 = 3;
/// Cards of one answer.
pub const MAX_LISTED: u32 = 200;
/// Invented cards that are noted.
const MAX_INVENTED: usize = 20;
/// References of a summary that are looked up.
const MAX_REFERENCES: usize = 50;

const CREATED: &str = "SELECT count(*) FROM kanban_card WHERE created_run = ?1";
const GENERATION: &str = "WITH RECURSIVE up (card, generation) AS (
        SELECT ?1, 0
        UNION ALL SELECT r.card_id, up.generation + 1 FROM up
          JOIN kanban_card c ON c.id = up.card JOIN kanban_run r ON r.id = c.created_run WHERE up.generation < 10)
    SELECT max(generation) FROM up";
const MADE_BY: &str = "SELECT EXISTS (SELECT 1 FROM kanban_card c JOIN kanban_run r ON r.id = c.created_run
    WHERE c.id = ?1 AND r.card_id = ?2)";
const IS_CHILD: &str = "SELECT EXISTS (SELECT 1 FROM kanban_link WHERE parent_id = ?2 AND child_id = ?1)";
const KNOWN_NUMBERS: &str =
    "SELECT number FROM kanban_card WHERE number IN (SELECT value FROM json_each(?1)) AND +board_id = ?2
        AND deleted_at IS NULL";

/// The first cards of the worker's board, at most [`MAX_LISTED`], and whether there are more.
///
/// # Errors
/// `Fenced` when the card is no longer this run's.
pub async fn list(
    core: &Core,
    ticket: RunTicket,
    filter: &BoardView,
    state: Option<CardState>,
    limit: u32,
) -> Result<(Vec<TaskCard>, bool), KanbanError> {
    let holder = super::holder(core, ticket).await?;
    let limit = limit.clamp(1, MAX_LISTED);
    // One more than asked for tells whether there are more.
    let mut cards = view::list_cards(core, &holder.board, filter, state, limit + 1).await?;
    let kept = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = cards.len() > kept;
    cards.truncate(kept);
    Ok((cards, more))
}

/// Makes a card on the worker's board. It works where the worker works, unless the parameters say otherwise.
///
/// # Errors
/// `Fenced`; `Invalid` for an unknown profile or bad input; `Denied` beyond 20 cards of one run, or when workers made
/// the card that made the card that made this one.
pub async fn create(core: &Core, ticket: RunTicket, params: CreateCardParams) -> Result<CardLink, KanbanError> {
    create_or_find(core, ticket, params).await.map(|(card, _)| card)
}

/// The same; also says whether the card is new, and not one that was made earlier with the same idempotency key.
///
/// # Errors
/// As [`create`].
pub async fn create_or_find(
    core: &Core,
    ticket: RunTicket,
    params: CreateCardParams,
) -> Result<(CardLink, bool), KanbanError> {
    require_profile(core, params.assignee.as_deref())?;
    let mut tx = core.write().await?;
    let owned = own(&mut tx, ticket).await?;
    let created: i64 = sqlx::query_scalar(CREATED).bind(ticket.run.0).fetch_one(&mut *tx).await?;
    if created >= MAX_CREATED {
        return Err(KanbanError::Denied(format!(
            "this run has made {created} cards already, and that is the limit; put the rest into one card"
        )));
    }
    let generation: i64 = sqlx::query_scalar(GENERATION).bind(owned.card.id.0).fetch_one(&mut *tx).await?;
    if generation >= MAX_GENERATIONS {
        return Err(KanbanError::Denied(format!(
            "your card was itself made by workers, {generation} times over; do the work, or ask a person with kanban_block"
        )));
    }
    let board = board_store::by_id(&mut tx, owned.card.board_id).await?.slug;
    if !params.board.is_empty() && params.board != board {
        return Err(KanbanError::Denied(format!("workers make cards on their own board, {board}")));
    }
    let own_place = inherited(&owned.card, &board);
    let mut params = CreateCardParams {
        board,
        tenant: params.tenant.or(own_place.tenant),
        title: text::redact(&params.title),
        body: text::redact(&params.body),
        ..params
    };
    if params.workspace == WorkspaceKind::Scratch && params.workspace_path.is_none() {
        params.workspace = own_place.workspace;
        params.workspace_path = own_place.workspace_path;
        params.shared_dir = own_place.shared_dir;
    }
    let (card, is_new) = create_in(core, &mut tx, &owned.actor(ticket), &params).await?;
    tx.commit().await?;
    Ok((CardLink { id: card.id, number: card.number, title: card.title, state: card.state }, is_new))
}

/// Makes one card wait for another. The one that waits is the worker's own, or one it made.
///
/// # Errors
/// `Fenced`; `Denied` for cards of others; `Invalid` for a circle; `Conflict` on a board that was put away.
pub async fn link(core: &Core, ticket: RunTicket, parent: CardRef, child: CardRef) -> Result<(), KanbanError> {
    let mut tx = core.write().await?;
    let (owned, parent, child) = ends(&mut tx, ticket, parent, child).await?;
    links::link_in(core, &mut tx, &owned.actor(ticket), &parent, &child).await?;
    tx.commit().await?;
    Ok(())
}

/// Takes such a link away.
///
/// # Errors
/// As [`link`]; `NotFound` when there is none.
pub async fn unlink(core: &Core, ticket: RunTicket, parent: CardRef, child: CardRef) -> Result<(), KanbanError> {
    let mut tx = core.write().await?;
    let (owned, parent, child) = ends(&mut tx, ticket, parent, child).await?;
    links::unlink_in(core, &mut tx, &owned.actor(ticket), &parent, &child).await?;
    tx.commit().await?;
    Ok(())
}

async fn ends(
    tx: &mut SqliteConnection,
    ticket: RunTicket,
    parent: CardRef,
    child: CardRef,
) -> Result<(Owned, CardRow, CardRow), KanbanError> {
    let owned = own(tx, ticket).await?;
    require_open(tx, owned.card.board_id).await?;
    let (parent, child) = (load(tx, parent).await?, load(tx, child).await?);
    if parent.board_id != owned.card.board_id || child.board_id != owned.card.board_id {
        return Err(KanbanError::Denied("these cards are not on your board".into()));
    }
    let mine = child.id == owned.card.id || made_by(tx, child.id, owned.card.id).await?;
    if !mine {
        return Err(KanbanError::Denied(format!(
            "{} is neither your card nor one you made; leave a comment on it instead",
            child.label()
        )));
    }
    Ok((owned, parent, child))
}

async fn made_by(tx: &mut SqliteConnection, card: CardId, maker: CardId) -> Result<bool, KanbanError> {
    Ok(sqlx::query_scalar(MADE_BY).bind(card.0).bind(maker.0).fetch_one(tx).await?)
}

/// Checks the cards that a worker says it made. Invented ones are refused, which is told, and nothing else changes.
pub(super) async fn check_created(
    core: &Core,
    ticket: RunTicket,
    claimed: &[CardRef],
) -> Result<Vec<i64>, KanbanError> {
    if claimed.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = core.write().await?;
    let owned = own(&mut tx, ticket).await?;
    let (mut real, mut invented) = (Vec::new(), Vec::new());
    for card in claimed {
        let found = match load(&mut tx, *card).await {
            // What is on another board is none of its business, not even that it is there.
            Ok(found) => Some(found).filter(|found| found.board_id == owned.card.board_id),
            Err(KanbanError::NotFound(_)) => None,
            Err(error) => return Err(error),
        };
        let mine = match &found {
            None => false,
            Some(found) => {
                let child: bool =
                    sqlx::query_scalar(IS_CHILD).bind(found.id.0).bind(owned.card.id.0).fetch_one(&mut *tx).await?;
                child || made_by(&mut tx, found.id, owned.card.id).await?
            }
        };
        match (found, mine) {
            (Some(found), true) => real.push(found.number),
            (Some(found), false) => invented.push(found.label()),
            (None, _) => invented.push(match card {
                CardRef::Number(number) => format!("T-{number}"),
                CardRef::Id(id) => id.to_string(),
            }),
        }
    }
    if invented.is_empty() {
        return Ok(real);
    }
    let noted = &invented[..invented.len().min(MAX_INVENTED)];
    let detail = serde_json::json!({ "invented": noted, "real": real });
    let actor = owned.actor(ticket);
    let (run, at) = (Some(ticket.run), core.now_ms());
    event::append(&mut tx, NewEvent { card: &owned.card, run, kind: "completion_refused", actor: &actor, detail, at })
        .await?;
    tx.commit().await?;
    Err(KanbanError::Invalid(format!(
        "you did not make {}; name in created_cards only what kanban_create answered, then complete again",
        invented.join(", ")
    )))
}

/// Notes the cards that a result speaks of and that are not on its board. Advice only: a text may speak of a card of
/// long ago.
pub(super) async fn note_unknown(
    core: &Core,
    tx: &mut SqliteConnection,
    ticket: RunTicket,
    owned: &Owned,
    text: &str,
) -> Result<(), KanbanError> {
    let mentioned = references(text);
    if mentioned.is_empty() {
        return Ok(());
    }
    let query = sqlx::query_scalar(KNOWN_NUMBERS).bind(serde_json::json!(mentioned).to_string());
    let known: Vec<i64> = query.bind(owned.card.board_id.0).fetch_all(&mut *tx).await?;
    let unknown: Vec<i64> = mentioned.into_iter().filter(|number| !known.contains(number)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let detail = serde_json::json!({ "unknown": unknown });
    let actor = owned.actor(ticket);
    let (run, at) = (Some(ticket.run), core.now_ms());
    event::append(tx, NewEvent { card: &owned.card, run, kind: "unknown_references", actor: &actor, detail, at }).await
}

/// `T-12` and the like, each once, at most [`MAX_REFERENCES`].
fn references(text: &str) -> Vec<i64> {
    let mut numbers = Vec::new();
    for (at, _) in text.match_indices("T-") {
        let begins = !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '-' || c == '_');
        let rest = &text[at + 2..];
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        if begins
            && let Ok(number) = rest[..end].parse::<i64>()
            && !numbers.contains(&number)
        {
            numbers.push(number);
        }
        if numbers.len() == MAX_REFERENCES {
            break;
        }
    }
    numbers
}

#[cfg(test)]
pub(in crate::kanban) const ALL_SQL: &[&str] = &[CREATED, GENERATION, MADE_BY, IS_CHILD, KNOWN_NUMBERS];

#[cfg(test)]
mod tests {
    use super::references;

    #[test]
    fn references_are_found_in_prose() {
        assert_eq!(references("See T-12, (T-3) and T-12; not FOT-4, T-x or UTF-8."), [12, 3]);
        assert!(references("T-99999999999999999999").is_empty());
        assert_eq!(references("日本T-5"), Vec::<i64>::new(), "inside a word");
    }
}
