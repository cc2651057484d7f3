//! Reads for pages and lists. Cost depends on what is shown, never on the size of the board.

mod detail;
mod faces;
mod filter;
mod graph;
mod texts;

use std::collections::HashMap;

use protocol::{
    BoardDelta, BoardId, BoardPage, BoardSummary, BoardView, COLUMN_PAGE, COUNT_LIMIT, CardId, CardRef, CardState,
    ColumnPage, ColumnPageParams, MAX_COLUMN_PAGE, TaskCard,
};
use sqlx::{QueryBuilder, SqliteConnection};
use uuid::Uuid;

use super::card_row;
use super::claim::dir_is_free;
use super::readiness::Readiness;
use super::{DEFAULT_BOARD, KanbanError, board_store, boards};
use crate::Core;
use faces::{Face, face_columns, face_from, into_cards};
use filter::Filter;

pub(crate) use detail::link_from_row;
pub(super) use detail::{attachments, comments, family, raw_comments, run_event, runs};
pub use detail::{card_detail, earlier_runs, open_decision_of, run_events};
pub(super) use faces::unfinished_parents;
pub use graph::card_graph;
pub use texts::{CardTexts, card_texts};

/// More changed cards than this are not sent one by one: the page is read again.
const MAX_DELTA_CARDS: i64 = 200;
/// Cards of a list.
const MAX_LIST: u32 = 10_000;
const MAX_FOUND: u32 = 50;

const FIRST_READY: &str = concat!(
    "SELECT ",
    face_columns!(),
    face_from!(),
    "WHERE c.board_id = ?1 AND c.state = 'ready' AND c.deleted_at IS NULL ORDER BY c.rank, c.id LIMIT 10"
);
const RUNNING: &str = concat!(
    "SELECT ",
    face_columns!(),
    face_from!(),
    "WHERE c.board_id = ?1 AND c.state = 'running' AND c.deleted_at IS NULL ORDER BY c.rank, c.id LIMIT 20"
);
const STUCK: &str = concat!(
    "SELECT ",
    face_columns!(),
    face_from!(),
    // Chosen before their faces are put together: a face costs several reads.
    "WHERE c.id IN (SELECT id FROM kanban_card INDEXED BY kanban_card_waiting
       WHERE board_id = ?1 AND state IN ('ready', 'blocked', 'review') AND deleted_at IS NULL AND demo = 0
       ORDER BY state_at LIMIT 500)"
);
const TOTALS: &str = "SELECT state, cards FROM kanban_column_count WHERE board_id = ?1";
const LAST_SEQ: &str = "SELECT COALESCE(max(seq), 0) FROM kanban_event";
// Changed cards, and those whose face shows them: parents count finished children, waiting children name parents.
// In this order, whatever the planner thinks: else the whole history, or every card and link, would be walked.
const CHANGED: &str = "WITH changed (id) AS (
        SELECT DISTINCT card_id FROM kanban_event NOT INDEXED
         WHERE seq > ?2 AND board_id = ?1 AND card_id IS NOT NULL LIMIT ?3)
    SELECT id FROM (SELECT id FROM changed
        UNION SELECT l.parent_id FROM changed CROSS JOIN kanban_link l ON l.child_id = changed.id
        UNION SELECT l.child_id FROM changed CROSS JOIN kanban_link l ON l.parent_id = changed.id
              CROSS JOIN kanban_card k ON k.id = l.child_id AND k.state = 'todo')
    LIMIT ?3";
const SLOTS_CHANGED: &str = "SELECT EXISTS (SELECT 1 FROM kanban_event WHERE seq > ?1 AND run_id IS NOT NULL)";
const CARD_SEQ: &str = "SELECT max(seq) FROM kanban_event WHERE card_id = ?1 AND seq > ?2";

/// The first page of every column. An empty slug means the default board, which is made on first use.
///
/// # Errors
/// `NotFound` for an unknown board.
pub async fn board_page(core: &Core, slug: &str, view: &BoardView) -> Result<BoardPage, KanbanError> {
    board_page_again(core, slug, view, &[]).await
}

/// The same, for somebody who has so many cards of columns on screen: as many are read again, at most
/// [`MAX_COLUMN_PAGE`] of each.
///
/// # Errors
/// `NotFound` for an unknown board.
pub async fn board_page_again(
    core: &Core,
    slug: &str,
    view: &BoardView,
    loaded: &[(CardState, u32)],
) -> Result<BoardPage, KanbanError> {
    let board = find_board(core, slug).await?;
    // One transaction, so that the cards and the sequence number belong together.
    let mut tx = core.store().reader().begin().await?;
    let boards = board_store::list(&mut tx, false).await?;
    let settings = board_store::settings(&mut tx, board.id).await?;
    let seq = newest_seq(&mut tx).await?;
    let totals = totals(&mut tx, board.id).await?;
    let readiness = Readiness::read(core, &mut tx).await?;
    let filter = Filter::prepare(&mut tx, board.id, view, readiness.now).await?;
    let mut columns = Vec::with_capacity(CardState::ALL.len());
    for state in shown_columns(view) {
        let all = totals.get(&state).copied().unwrap_or(0);
        let loaded = loaded.iter().find(|(of, _)| *of == state).map_or(0, |(_, loaded)| *loaded);
        let limit = loaded.clamp(COLUMN_PAGE, MAX_COLUMN_PAGE);
        columns.push(first_page(&mut tx, &readiness, &filter, state, all, limit).await?);
    }
    let page = BoardPage {
        boards,
        columns,
        ages: core.config().kanban.card_age,
        review_limit: settings.review_limit,
        blocked_limit: settings.blocked_limit,
        views: board_store::views(&mut tx, board.id).await?,
        labels: board_store::labels(&mut tx, board.id).await?,
        tenants: board_store::tenants(&mut tx, board.id).await?,
        assignees: board_store::assignees(&mut tx, board.id).await?,
        seq,
        slots: readiness.slots_of(board.id),
        profiles: readiness.summaries(),
        now: core.now_ms(),
        board,
    };
    tx.rollback().await?;
    Ok(page)
}

fn shown_columns(view: &BoardView) -> impl Iterator<Item = CardState> {
    let archive = view.archived.then_some(CardState::Archived);
    CardState::COLUMNS.iter().copied().chain(archive)
}

/// The first cards of a column that has `all` of them without a filter.
async fn first_page(
    db: &mut SqliteConnection,
    readiness: &Readiness,
    filter: &Filter<'_>,
    state: CardState,
    all: i64,
    limit: u32,
) -> Result<ColumnPage, KanbanError> {
    let column = filter.column(state);
    let faces = if all == 0 { Vec::new() } else { column.faces(db, None, limit).await? };
    let total = if !filter.is_filtered() {
        all
    } else if faces.len() < limit as usize {
        i64::try_from(faces.len()).unwrap_or(i64::MAX)
    } else {
        column.count(db, COUNT_LIMIT).await?
    };
    Ok(ColumnPage { state, total, cards: into_cards(readiness, faces) })
}

/// The board of that slug, for reading; the default board is made when it is first asked for.
pub(super) async fn find_board(core: &Core, slug: &str) -> Result<BoardSummary, KanbanError> {
    let wanted = if slug.trim().is_empty() { DEFAULT_BOARD } else { slug };
    let mut reader = core.store().reader().acquire().await?;
    if let Some(board) = board_store::by_slug(&mut reader, wanted).await? {
        return Ok(board);
    }
    drop(reader);
    let mut tx = core.write().await?;
    let board = boards::find(&mut tx, slug, core.now_ms()).await?;
    tx.commit().await?;
    Ok(board)
}

async fn totals(connection: &mut SqliteConnection, board: BoardId) -> Result<HashMap<CardState, i64>, KanbanError> {
    let rows: Vec<(String, i64)> = sqlx::query_as(TOTALS).bind(board.0).fetch_all(connection).await?;
    Ok(rows.into_iter().filter_map(|(state, cards)| Some((state.parse().ok()?, cards))).collect())
}

/// Further cards of one column.
///
/// # Errors
/// When the database fails.
pub async fn column_page(core: &Core, params: ColumnPageParams) -> Result<ColumnPage, KanbanError> {
    let mut tx = core.store().reader().begin().await?;
    let readiness = Readiness::read(core, &mut tx).await?;
    let view = BoardView::from_query(&params.view);
    let filter = Filter::prepare(&mut tx, params.board_id, &view, readiness.now).await?;
    let column = filter.column(params.state);
    let all = totals(&mut tx, params.board_id).await?.get(&params.state).copied().unwrap_or(0);
    let faces = column.faces(&mut tx, params.after, COLUMN_PAGE).await?;
    let total = if view.is_filtered() { column.count(&mut tx, COUNT_LIMIT).await? } else { all };
    let cards = into_cards(&readiness, faces);
    tx.rollback().await?;
    Ok(ColumnPage { state: params.state, total, cards })
}

/// The newest event's sequence number.
///
/// # Errors
/// When the database fails.
pub async fn last_seq(core: &Core) -> Result<i64, KanbanError> {
    Ok(sqlx::query_scalar(LAST_SEQ).fetch_one(core.store().reader()).await?)
}

/// The same, inside the caller's transaction.
pub(crate) async fn newest_seq(connection: &mut SqliteConnection) -> Result<i64, KanbanError> {
    Ok(sqlx::query_scalar(LAST_SEQ).fetch_one(connection).await?)
}

/// What changed on a board after `after`; `None` when that is too much to send.
///
/// # Errors
/// When the database fails.
pub async fn board_delta(core: &Core, board: BoardId, after: i64) -> Result<Option<BoardDelta>, KanbanError> {
    let mut tx = core.store().reader().begin().await?;
    let query = sqlx::query_scalar(CHANGED).bind(board.0).bind(after).bind(MAX_DELTA_CARDS + 1);
    let changed: Vec<Uuid> = query.fetch_all(&mut *tx).await?;
    if i64::try_from(changed.len()).unwrap_or(i64::MAX) > MAX_DELTA_CARDS {
        return Ok(None);
    }
    let mut faces = faces::by_id(&mut tx, &changed).await?;
    if sqlx::query_scalar(SLOTS_CHANGED).bind(after).fetch_one(&mut *tx).await? {
        // Whether a slot is free is part of the face of waiting cards.
        let waiting: Vec<Face> = sqlx::query_as(FIRST_READY).bind(board.0).fetch_all(&mut *tx).await?;
        faces.extend(waiting.into_iter().filter(|face| !changed.contains(&face.card.id.0)));
    }
    delta(core, tx, board, faces, &changed).await.map(Some)
}

/// The running cards of a board, for their signs of life, which are no events.
///
/// # Errors
/// When the database fails.
pub async fn board_pulse(core: &Core, board: BoardId) -> Result<BoardDelta, KanbanError> {
    let mut tx = core.store().reader().begin().await?;
    let faces: Vec<Face> = sqlx::query_as(RUNNING).bind(board.0).fetch_all(&mut *tx).await?;
    delta(core, tx, board, faces, &[]).await
}

async fn delta(
    core: &Core,
    mut tx: sqlx::Transaction<'static, sqlx::Sqlite>,
    board: BoardId,
    faces: Vec<Face>,
    changed: &[Uuid],
) -> Result<BoardDelta, KanbanError> {
    let seq = newest_seq(&mut tx).await?;
    let readiness = Readiness::read(core, &mut tx).await?;
    let totals = totals(&mut tx, board).await?;
    let (shown, gone): (Vec<Face>, Vec<Face>) =
        faces.into_iter().partition(|face| !face.deleted && face.card.board_id == board);
    let mut removed: Vec<CardId> = gone.into_iter().map(|face| face.card.id).collect();
    let known: Vec<Uuid> = shown.iter().map(|face| face.card.id.0).collect();
    // Cards that no longer exist at all, after a purge.
    removed.extend(
        changed
            .iter()
            .filter(|id| !known.contains(id) && !removed.iter().any(|gone| gone.0 == **id))
            .map(|id| CardId(*id))
            .collect::<Vec<_>>(),
    );
    let cards = into_cards(&readiness, shown);
    tx.rollback().await?;
    Ok(BoardDelta {
        board_id: board,
        seq,
        cards,
        removed,
        totals: CardState::ALL.iter().map(|state| (*state, totals.get(state).copied().unwrap_or(0))).collect(),
        slots: readiness.slots_of(board),
    })
}

/// Whether a card has events after `after`, and its newest sequence number then.
///
/// # Errors
/// When the database fails.
pub async fn card_changed(core: &Core, card: CardId, after: i64) -> Result<Option<i64>, KanbanError> {
    Ok(sqlx::query_scalar(CARD_SEQ).bind(card.0).bind(after).fetch_one(core.store().reader()).await?)
}

/// One card's face.
///
/// # Errors
/// `NotFound` when there is none.
pub async fn card(core: &Core, card: CardRef) -> Result<TaskCard, KanbanError> {
    let mut tx = core.store().reader().begin().await?;
    let row = card_row::load(&mut tx, card).await?;
    one_face(core, tx, row.id).await
}

/// The faces of these cards, in their order; deleted ones are left out.
///
/// # Errors
/// When the database fails.
pub async fn cards(core: &Core, ids: &[CardId]) -> Result<Vec<TaskCard>, KanbanError> {
    // Without a transaction: that the slots are a moment younger than the cards harms nobody.
    let mut reader = core.store().reader().acquire().await?;
    let wanted: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let mut faces = faces::by_id(&mut reader, &wanted).await?;
    faces.retain(|face| !face.deleted);
    let readiness = Readiness::read(core, &mut reader).await?;
    drop(reader);
    let mut cards = into_cards(&readiness, faces);
    let places: HashMap<CardId, usize> = ids.iter().enumerate().map(|(at, id)| (*id, at)).collect();
    cards.sort_by_key(|card| places.get(&card.id).copied());
    Ok(cards)
}

/// The face of a card that may have been deleted just now.
pub(super) async fn face_of_deleted(core: &Core, card: CardId) -> Result<TaskCard, KanbanError> {
    let tx = core.store().reader().begin().await?;
    one_face(core, tx, card).await
}

async fn one_face(
    core: &Core,
    mut tx: sqlx::Transaction<'static, sqlx::Sqlite>,
    id: CardId,
) -> Result<TaskCard, KanbanError> {
    let found = faces::by_id(&mut tx, &[id.0]).await?;
    let readiness = Readiness::read(core, &mut tx).await?;
    let mut cards = into_cards(&readiness, found);
    tx.rollback().await?;
    cards.pop().ok_or_else(|| KanbanError::NotFound("the card is gone".into()))
}

/// Cards for lists, in column order; `limit` is cut to 10,000.
///
/// # Errors
/// `NotFound` for an unknown board.
pub async fn list_cards(
    core: &Core,
    board: &str,
    view: &BoardView,
    state: Option<CardState>,
    limit: u32,
) -> Result<Vec<TaskCard>, KanbanError> {
    let board = find_board(core, board).await?;
    let mut tx = core.store().reader().begin().await?;
    let readiness = Readiness::read(core, &mut tx).await?;
    let filter = Filter::prepare(&mut tx, board.id, view, readiness.now).await?;
    let states = state.map_or_else(|| shown_columns(view).collect(), |state| vec![state]);
    let mut left = limit.clamp(1, MAX_LIST);
    let mut cards = Vec::new();
    for state in states {
        let faces = filter.column(state).faces(&mut tx, None, left).await?;
        left -= u32::try_from(faces.len()).unwrap_or(left).min(left);
        cards.extend(into_cards(&readiness, faces));
        if left == 0 {
            break;
        }
    }
    tx.rollback().await?;
    Ok(cards)
}

/// Cards that somebody may have to look at: ready, blocked and in review, the longest waiting first, at most 500.
pub(super) async fn stuck_cards(core: &Core, board: BoardId) -> Result<Vec<TaskCard>, KanbanError> {
    let mut tx = core.store().reader().begin().await?;
    let readiness = Readiness::read(core, &mut tx).await?;
    let faces: Vec<Face> = sqlx::query_as(STUCK).bind(board.0).fetch_all(&mut *tx).await?;
    let cards = into_cards(&readiness, faces);
    tx.rollback().await?;
    Ok(cards)
}

/// Cards of a board, or of all, that contain the words, newest first, at most 50. An empty short name means the default
/// board.
///
/// # Errors
/// `NotFound` for an unknown board.
pub async fn search_cards(
    core: &Core,
    text: &str,
    board: Option<&str>,
    limit: u32,
) -> Result<Vec<TaskCard>, KanbanError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let board = match board {
        Some(slug) => Some(find_board(core, slug).await?),
        None => None,
    };
    let mut tx = core.store().reader().begin().await?;
    let mut query = QueryBuilder::new(concat!("SELECT ", face_columns!(), face_from!()));
    query.push(" WHERE c.deleted_at IS NULL AND (");
    filter::push_words(&mut query, text);
    if let Ok(CardRef::Number(number)) = text.trim_start_matches('#').parse::<CardRef>() {
        query.push(" OR c.number = ").push_bind(number);
    }
    query.push(")");
    if let Some(board) = board {
        query.push(" AND c.board_id = ").push_bind(board.id.0);
    }
    query.push(" ORDER BY c.number DESC LIMIT ").push_bind(limit.min(MAX_FOUND));
    let faces: Vec<Face> = query.build_query_as().fetch_all(&mut *tx).await?;
    let readiness = Readiness::read(core, &mut tx).await?;
    let cards = into_cards(&readiness, faces);
    tx.rollback().await?;
    Ok(cards)
}

#[cfg(test)]
pub(super) fn all_sql() -> Vec<&'static str> {
    let own = [FIRST_READY, RUNNING, STUCK, TOTALS, LAST_SEQ, CHANGED, SLOTS_CHANGED, CARD_SEQ];
    [&own[..], faces::ALL_SQL, detail::ALL_SQL, filter::ALL_SQL, graph::ALL_SQL, texts::ALL_SQL].concat()
}
