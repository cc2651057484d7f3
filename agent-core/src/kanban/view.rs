//! Reads for pages and lists. Cost depends on what is shown, never on the size of the board.

use std::collections::HashMap;

use protocol::{
    BoardDelta, BoardId, BoardPage, BoardSummary, COLUMN_PAGE, CardAsk, CardDetail, CardId, CardLink, CardRef,
    CardState, ColumnPage, ColumnPageParams, CommentId, CommentView, DecisionId, DecisionKind, RunEventView, RunId,
    RunSummary, TaskCard, WaitReason,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row, SqliteConnection};
use uuid::Uuid;

use super::card_row::{self, CardRow, card_columns, word};
use super::readiness::Readiness;
use super::{DEFAULT_BOARD, KanbanError, cards, store};
use crate::{Core, decisions, text};

/// More changed cards than this are not sent one by one: the page is read again.
const MAX_DELTA_CARDS: i64 = 200;
const MAX_RUN_EVENTS: i64 = 200;

/// What a face shows beyond the card's own row.
macro_rules! face_columns {
    () => {
        concat!(
            card_columns!(),
            ", d.version AS ask_version, d.kind AS ask_kind, substr(d.ask, 1, 400) AS ask_text, r.heartbeat_at,
            (SELECT count(*) FROM kanban_link l WHERE l.parent_id = c.id) AS children,
            (SELECT count(*) FROM kanban_link l JOIN kanban_card k ON k.id = l.child_id
              WHERE l.parent_id = c.id AND k.state IN ('done', 'archived')) AS children_done"
        )
    };
}
macro_rules! face_from {
    () => {
        " FROM kanban_card c
          LEFT JOIN decision d ON d.id = c.open_decision_id
          LEFT JOIN kanban_run r ON r.id = c.current_run_id "
    };
}

const COLUMN: &str = concat!(
    "SELECT ",
    face_columns!(),
    face_from!(),
    "WHERE c.board_id = ?1 AND c.state = ?2 AND c.deleted_at IS NULL ORDER BY c.rank, c.id LIMIT ?3"
);
const COLUMN_AFTER: &str = concat!(
    "SELECT ",
    face_columns!(),
    face_from!(),
    "WHERE c.board_id = ?1 AND c.state = ?2 AND c.deleted_at IS NULL AND (c.rank, c.id) > (?4, ?5)
     ORDER BY c.rank, c.id LIMIT ?3"
);
const FACES: &str =
    concat!("SELECT ", face_columns!(), face_from!(), "WHERE c.id IN (SELECT unhex(value) FROM json_each(?1))");
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
const TOTALS: &str = "SELECT state, cards FROM kanban_column_count WHERE board_id = ?1";
const LAST_SEQ: &str = "SELECT COALESCE(max(seq), 0) FROM kanban_event";
// Changed cards, and those whose face shows them: parents count finished children, waiting children name parents.
const CHANGED: &str = "WITH changed (id) AS (
        SELECT DISTINCT card_id FROM kanban_event WHERE seq > ?2 AND board_id = ?1 AND card_id IS NOT NULL LIMIT ?3)
    SELECT id FROM (SELECT id FROM changed
        UNION SELECT l.parent_id FROM kanban_link l JOIN changed ON l.child_id = changed.id
        UNION SELECT l.child_id FROM kanban_link l JOIN changed ON l.parent_id = changed.id
              JOIN kanban_card k ON k.id = l.child_id AND k.state = 'todo')
    LIMIT ?3";
const SLOTS_CHANGED: &str = "SELECT EXISTS (SELECT 1 FROM kanban_event WHERE seq > ?1 AND run_id IS NOT NULL)";
const CARD_SEQ: &str = "SELECT max(seq) FROM kanban_event WHERE card_id = ?1 AND seq > ?2";
const UNFINISHED_PARENTS: &str = "SELECT p.number FROM kanban_link l JOIN kanban_card p ON p.id = l.parent_id
     WHERE l.child_id = ?1 AND p.state NOT IN ('done', 'archived') AND p.deleted_at IS NULL
     ORDER BY p.number LIMIT 100";
const PARENTS: &str =
    "SELECT p.id, p.number, p.title, p.state FROM kanban_link l JOIN kanban_card p ON p.id = l.parent_id
     WHERE l.child_id = ?1 AND p.deleted_at IS NULL ORDER BY p.number LIMIT 100";
const CHILDREN: &str =
    "SELECT k.id, k.number, k.title, k.state FROM kanban_link l JOIN kanban_card k ON k.id = l.child_id
     WHERE l.parent_id = ?1 AND k.deleted_at IS NULL ORDER BY k.number LIMIT 100";
const RUNS: &str = "SELECT id, attempt, profile, executor, claimed_at, started_at, ended_at, outcome, summary, error,
        tokens_in, tokens_out, cost_micros
    FROM kanban_run WHERE card_id = ?1 ORDER BY attempt DESC LIMIT 20";
const COMMENTS: &str = "SELECT id, author, by_worker, body, created_at FROM kanban_comment
    WHERE card_id = ?1 ORDER BY id DESC LIMIT 100";
const RUN_EVENTS_AFTER: &str = "SELECT seq, kind, name, detail, ok, at FROM kanban_run_event
    WHERE run_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
const RUN_EVENTS_LAST: &str = "SELECT seq, kind, name, detail, ok, at FROM kanban_run_event
    WHERE run_id = ?1 ORDER BY seq DESC LIMIT ?2";

/// A card row with what its face needs.
struct Face {
    card: CardRow,
    ask: Option<CardAsk>,
    heartbeat_at: Option<i64>,
    children: u32,
    children_done: u32,
}

impl FromRow<'_, SqliteRow> for Face {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        let card = CardRow::from_row(row)?;
        let ask = match card.open_decision_id {
            Some(id) if row.try_get::<Option<i64>, _>("ask_version")?.is_some() => Some(CardAsk {
                id,
                version: row.try_get("ask_version")?,
                kind: word::<DecisionKind>(row, "ask_kind")?,
                ask: text::excerpt(row.try_get("ask_text")?, 140),
            }),
            _ => None,
        };
        Ok(Self {
            ask,
            heartbeat_at: row.try_get("heartbeat_at")?,
            children: row.try_get("children")?,
            children_done: row.try_get("children_done")?,
            card,
        })
    }
}

impl Face {
    fn into_task_card(self, readiness: &Readiness, parents: &[i64]) -> TaskCard {
        let card = self.card;
        let wait = match card.state {
            CardState::Todo if !parents.is_empty() => Some(WaitReason::WaitingOn {
                cards: parents.iter().take(3).copied().collect(),
                more: u32::try_from(parents.len().saturating_sub(3)).unwrap_or(u32::MAX),
            }),
            CardState::Scheduled => card.scheduled_at.map(|until| WaitReason::Scheduled { until }),
            _ => readiness.wait(&card),
        };
        TaskCard {
            id: card.id,
            number: card.number,
            board_id: card.board_id,
            title: card.title,
            state: card.state,
            rank: card.rank,
            priority: card.priority,
            assignee: card.assignee,
            revision: card.revision,
            state_at: card.state_at,
            heartbeat_at: self.heartbeat_at,
            wait,
            ask: self.ask,
            children_done: self.children_done,
            children: self.children,
            comments: card.comment_count,
            failures: card.failures,
            cost_micros: card.cost_micros,
        }
    }
}

async fn into_cards(
    connection: &mut SqliteConnection,
    readiness: &Readiness,
    faces: Vec<Face>,
) -> Result<Vec<TaskCard>, KanbanError> {
    let mut cards = Vec::with_capacity(faces.len());
    for face in faces {
        let parents = if face.card.state == CardState::Todo {
            unfinished_parents(connection, face.card.id).await?
        } else {
            Vec::new()
        };
        cards.push(face.into_task_card(readiness, &parents));
    }
    Ok(cards)
}

/// Numbers of the parents a card waits for, at most 100.
pub(super) async fn unfinished_parents(
    connection: &mut SqliteConnection,
    card: CardId,
) -> Result<Vec<i64>, KanbanError> {
    Ok(sqlx::query_scalar(UNFINISHED_PARENTS).bind(card.0).fetch_all(connection).await?)
}

/// The first page of every column. An empty slug means the default board, which is made on first use.
///
/// # Errors
/// `NotFound` for an unknown board.
pub async fn board_page(core: &Core, slug: &str) -> Result<BoardPage, KanbanError> {
    let board = find_board(core, slug).await?;
    // One transaction, so that the cards and the sequence number belong together.
    let mut tx = core.store().reader().begin().await?;
    let boards = store::boards(&mut tx).await?;
    let seq: i64 = sqlx::query_scalar(LAST_SEQ).fetch_one(&mut *tx).await?;
    let totals = totals(&mut tx, board.id).await?;
    let readiness = Readiness::read(core, &mut tx).await?;
    let mut columns = Vec::with_capacity(CardState::COLUMNS.len());
    for &state in CardState::COLUMNS {
        let total = totals.get(&state).copied().unwrap_or(0);
        let faces: Vec<Face> = if total == 0 {
            Vec::new()
        } else {
            let query = sqlx::query_as(COLUMN).bind(board.id.0).bind(state.as_str()).bind(COLUMN_PAGE);
            query.fetch_all(&mut *tx).await?
        };
        columns.push(ColumnPage { state, total, cards: into_cards(&mut tx, &readiness, faces).await? });
    }
    tx.rollback().await?;
    Ok(BoardPage {
        board,
        boards,
        columns,
        seq,
        slots: readiness.slots,
        profiles: readiness.summaries(),
        now: core.now_ms(),
    })
}

async fn find_board(core: &Core, slug: &str) -> Result<BoardSummary, KanbanError> {
    let wanted = if slug.trim().is_empty() { DEFAULT_BOARD } else { slug };
    let mut reader = core.store().reader().acquire().await.map_err(crate::store::StoreError::from)?;
    if let Some(board) = store::board_by_slug(&mut reader, wanted).await? {
        return Ok(board);
    }
    drop(reader);
    let mut tx = core.write().await?;
    let board = cards::board_for_write(&mut tx, slug, core.now_ms()).await?;
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
    let state = params.state;
    let faces: Vec<Face> = match &params.after {
        None => {
            let query = sqlx::query_as(COLUMN).bind(params.board_id.0).bind(state.as_str()).bind(COLUMN_PAGE);
            query.fetch_all(&mut *tx).await?
        }
        Some((rank, id)) => {
            let query = sqlx::query_as(COLUMN_AFTER).bind(params.board_id.0).bind(state.as_str()).bind(COLUMN_PAGE);
            query.bind(rank).bind(id.0).fetch_all(&mut *tx).await?
        }
    };
    let readiness = Readiness::read(core, &mut tx).await?;
    let total = totals(&mut tx, params.board_id).await?.get(&state).copied().unwrap_or(0);
    let cards = into_cards(&mut tx, &readiness, faces).await?;
    tx.rollback().await?;
    Ok(ColumnPage { state, total, cards })
}

/// All boards that are not archived.
///
/// # Errors
/// When the database fails.
pub async fn boards(core: &Core) -> Result<Vec<BoardSummary>, KanbanError> {
    find_board(core, "").await?;
    let mut reader = core.store().reader().acquire().await.map_err(crate::store::StoreError::from)?;
    store::boards(&mut reader).await
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

/// Parents and children of a card.
pub(super) async fn family(
    connection: &mut SqliteConnection,
    card: CardId,
) -> Result<(Vec<CardLink>, Vec<CardLink>), KanbanError> {
    Ok((links(connection, PARENTS, card).await?, links(connection, CHILDREN, card).await?))
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
    let mut faces = faces(&mut tx, &changed).await?;
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
    let seq: i64 = sqlx::query_scalar(LAST_SEQ).fetch_one(&mut *tx).await?;
    let readiness = Readiness::read(core, &mut tx).await?;
    let totals = totals(&mut tx, board).await?;
    let (shown, gone): (Vec<Face>, Vec<Face>) = faces.into_iter().partition(|face| {
        face.card.deleted_at.is_none() && face.card.state != CardState::Archived && face.card.board_id == board
    });
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
    let cards = into_cards(&mut tx, &readiness, shown).await?;
    tx.rollback().await?;
    Ok(BoardDelta {
        board_id: board,
        seq,
        cards,
        removed,
        totals: CardState::COLUMNS.iter().map(|state| (*state, totals.get(state).copied().unwrap_or(0))).collect(),
        slots: readiness.slots,
    })
}

async fn faces(connection: &mut SqliteConnection, ids: &[Uuid]) -> Result<Vec<Face>, KanbanError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<String> = ids.iter().map(|id| id.as_simple().to_string()).collect();
    let list = serde_json::json!(ids).to_string();
    Ok(sqlx::query_as(FACES).bind(list).fetch_all(connection).await?)
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
    let found = faces(&mut tx, &[id.0]).await?;
    let readiness = Readiness::read(core, &mut tx).await?;
    let mut cards = into_cards(&mut tx, &readiness, found).await?;
    tx.rollback().await?;
    cards.pop().ok_or_else(|| KanbanError::NotFound("the card is gone".into()))
}

/// Cards for lists, in column order; `limit` is cut to 1,000.
///
/// # Errors
/// `NotFound` for an unknown board.
pub async fn list_cards(
    core: &Core,
    board: &str,
    state: Option<CardState>,
    limit: u32,
) -> Result<Vec<TaskCard>, KanbanError> {
    let board = find_board(core, board).await?;
    let mut tx = core.store().reader().begin().await?;
    let readiness = Readiness::read(core, &mut tx).await?;
    let states = state.map_or_else(|| CardState::COLUMNS.to_vec(), |state| vec![state]);
    let mut left = limit.clamp(1, 1000);
    let mut cards = Vec::new();
    for state in states {
        let query = sqlx::query_as(COLUMN).bind(board.id.0).bind(state.as_str()).bind(left);
        let faces: Vec<Face> = query.fetch_all(&mut *tx).await?;
        left -= u32::try_from(faces.len()).unwrap_or(left).min(left);
        cards.extend(into_cards(&mut tx, &readiness, faces).await?);
        if left == 0 {
            break;
        }
    }
    tx.rollback().await?;
    Ok(cards)
}

/// Everything the card page shows.
///
/// # Errors
/// `NotFound` when there is no such card.
pub async fn card_detail(core: &Core, card: CardRef) -> Result<CardDetail, KanbanError> {
    let mut tx = core.store().reader().begin().await?;
    let row = card_row::load(&mut tx, card).await?;
    let seq: i64 = sqlx::query_scalar(LAST_SEQ).fetch_one(&mut *tx).await?;
    let board = store::board_by_id(&mut tx, row.board_id).await?;
    let readiness = Readiness::read(core, &mut tx).await?;
    let face = faces(&mut tx, &[row.id.0]).await?;
    let Some(face) = into_cards(&mut tx, &readiness, face).await?.pop() else {
        return Err(KanbanError::NotFound("the card is gone".into()));
    };
    let runs = runs(&mut tx, row.id).await?;
    let activity = match runs.first() {
        Some(newest) => last_run_events(&mut tx, newest.id).await?,
        None => Vec::new(),
    };
    let parents = links(&mut tx, PARENTS, row.id).await?;
    let children = links(&mut tx, CHILDREN, row.id).await?;
    let comments = comments(&mut tx, row.id).await?;
    let decision = match row.open_decision_id {
        Some(id) => Some(decisions::view_in(&mut tx, id, core.now_ms()).await?),
        None => None,
    };
    tx.rollback().await?;
    Ok(CardDetail {
        card: face,
        board,
        body_html: text::markdown(&row.body),
        body: row.body,
        summary_html: row.summary.as_deref().map(text::markdown),
        decision,
        parents,
        children,
        runs,
        activity,
        comments,
        created_by: row.created_by,
        created_at: row.created_at,
        workspace_kind: row.workspace_kind,
        workspace_path: row.workspace_path,
        last_error: row.last_error,
        seq,
        now: core.now_ms(),
        profiles: readiness.summaries(),
    })
}

async fn links(
    connection: &mut SqliteConnection,
    sql: &'static str,
    card: CardId,
) -> Result<Vec<CardLink>, KanbanError> {
    let rows = sqlx::query(sql).bind(card.0).fetch_all(connection).await?;
    let links = rows.iter().map(link_from_row).collect::<Result<_, sqlx::Error>>()?;
    Ok(links)
}

/// A link from a row with `id`, `number`, `title` and `state`.
pub(crate) fn link_from_row(row: &SqliteRow) -> Result<CardLink, sqlx::Error> {
    Ok(CardLink {
        id: CardId(row.try_get("id")?),
        number: row.try_get("number")?,
        title: row.try_get("title")?,
        state: word(row, "state")?,
    })
}

pub(super) async fn runs(connection: &mut SqliteConnection, card: CardId) -> Result<Vec<RunSummary>, KanbanError> {
    let rows = sqlx::query(RUNS).bind(card.0).fetch_all(connection).await?;
    let runs = rows
        .iter()
        .map(|row| {
            let outcome: Option<String> = row.try_get("outcome")?;
            Ok(RunSummary {
                id: RunId(row.try_get("id")?),
                attempt: row.try_get("attempt")?,
                profile: row.try_get("profile")?,
                executor: word(row, "executor")?,
                claimed_at: row.try_get("claimed_at")?,
                started_at: row.try_get("started_at")?,
                ended_at: row.try_get("ended_at")?,
                outcome: match outcome {
                    Some(_) => Some(word(row, "outcome")?),
                    None => None,
                },
                summary: row.try_get("summary")?,
                error: row.try_get("error")?,
                tokens_in: row.try_get("tokens_in")?,
                tokens_out: row.try_get("tokens_out")?,
                cost_micros: row.try_get("cost_micros")?,
            })
        })
        .collect::<Result<_, sqlx::Error>>()?;
    Ok(runs)
}

/// Comments as written, oldest first, at most 100.
pub(super) async fn raw_comments(
    connection: &mut SqliteConnection,
    card: CardId,
) -> Result<Vec<(CommentId, String, bool, String, i64)>, KanbanError> {
    let mut rows: Vec<(Uuid, String, bool, String, i64)> =
        sqlx::query_as(COMMENTS).bind(card.0).fetch_all(connection).await?;
    rows.reverse();
    Ok(rows.into_iter().map(|(id, author, by, body, at)| (CommentId(id), author, by, body, at)).collect())
}

async fn comments(connection: &mut SqliteConnection, card: CardId) -> Result<Vec<CommentView>, KanbanError> {
    let rows = raw_comments(connection, card).await?;
    Ok(rows
        .into_iter()
        .map(|(id, author, by_worker, body, created_at)| CommentView {
            id,
            author,
            by_worker,
            html: text::markdown(&body),
            created_at,
        })
        .collect())
}

fn run_event(row: &SqliteRow) -> Result<RunEventView, sqlx::Error> {
    Ok(RunEventView {
        seq: row.try_get("seq")?,
        kind: word(row, "kind")?,
        name: row.try_get("name")?,
        detail: row.try_get("detail")?,
        ok: row.try_get("ok")?,
        at: row.try_get("at")?,
    })
}

async fn last_run_events(connection: &mut SqliteConnection, run: RunId) -> Result<Vec<RunEventView>, KanbanError> {
    let mut rows = sqlx::query(RUN_EVENTS_LAST).bind(run.0).bind(MAX_RUN_EVENTS).fetch_all(connection).await?;
    rows.reverse();
    let events = rows.iter().map(run_event).collect::<Result<_, sqlx::Error>>()?;
    Ok(events)
}

/// A run's activity after `after`, at most 200 entries.
///
/// # Errors
/// When the database fails.
pub async fn run_events(core: &Core, run: RunId, after: i64) -> Result<Vec<RunEventView>, KanbanError> {
    let query = sqlx::query(RUN_EVENTS_AFTER).bind(run.0).bind(after).bind(MAX_RUN_EVENTS);
    let rows = query.fetch_all(core.store().reader()).await?;
    let events = rows.iter().map(run_event).collect::<Result<_, sqlx::Error>>()?;
    Ok(events)
}

/// The id of a card's open decision, for answering from the command line.
///
/// # Errors
/// `NotFound` for an unknown card, `Conflict` when it asks nothing.
pub async fn open_decision_of(core: &Core, card: CardRef) -> Result<DecisionId, KanbanError> {
    let mut reader = core.store().reader().acquire().await.map_err(crate::store::StoreError::from)?;
    let row = card_row::load(&mut reader, card).await?;
    row.open_decision_id
        .ok_or_else(|| KanbanError::Conflict(format!("{} is {} and asks nothing", row.label(), row.state)))
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[
    COLUMN,
    COLUMN_AFTER,
    FACES,
    FIRST_READY,
    RUNNING,
    TOTALS,
    LAST_SEQ,
    CHANGED,
    SLOTS_CHANGED,
    CARD_SEQ,
    UNFINISHED_PARENTS,
    PARENTS,
    CHILDREN,
    RUNS,
    COMMENTS,
    RUN_EVENTS_AFTER,
    RUN_EVENTS_LAST,
];
