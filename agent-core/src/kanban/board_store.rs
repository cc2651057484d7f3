//! SQL of boards, and the lists of their saved views and templates. `shelf.rs` writes these.

use protocol::{BoardId, BoardSettings, BoardSummary, CardTemplate, CreateCardParams, SavedView, TemplateId, ViewId};
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row, SqliteConnection};
use uuid::Uuid;

use super::KanbanError;
use super::store::new_id;

const BY_SLUG: &str = "SELECT id, slug, name, icon, color, archived_at FROM kanban_board WHERE slug = ?1";
const BY_ID: &str = "SELECT id, slug, name, icon, color, archived_at FROM kanban_board WHERE id = ?1";
const OPEN: &str = "SELECT id, slug, name, icon, color, archived_at FROM kanban_board WHERE archived_at IS NULL
                    ORDER BY slug <> 'default', slug LIMIT 500";
const ALL: &str = "SELECT id, slug, name, icon, color, archived_at FROM kanban_board
                   ORDER BY archived_at IS NOT NULL, slug <> 'default', slug LIMIT 1000";
const INSERT: &str = "INSERT INTO kanban_board (id, slug, name, created_at) VALUES (?1, ?2, ?3, ?4)
                      ON CONFLICT (slug) DO NOTHING";
const SETTINGS: &str = "SELECT name, description, icon, color, default_dir, slots, review_limit, blocked_limit,
        auto_decompose, orchestrator FROM kanban_board WHERE id = ?1";
const SET_SETTINGS: &str = "UPDATE kanban_board
    SET name = ?2, description = ?3, icon = ?4, color = ?5, default_dir = ?6, slots = ?7, review_limit = ?8,
        blocked_limit = ?9, auto_decompose = ?10, orchestrator = ?11 WHERE id = ?1";
const SET_ARCHIVED: &str = "UPDATE kanban_board SET archived_at = ?2 WHERE id = ?1";
const RUNNING: &str = "SELECT cards FROM kanban_column_count WHERE board_id = ?1 AND state = 'running'";
const VIEWS: &str = "SELECT id, name, query FROM kanban_view WHERE board_id = ?1 ORDER BY created_at, id LIMIT 100";
const TEMPLATES: &str =
    "SELECT id, name, params FROM kanban_template WHERE board_id = ?1 ORDER BY name COLLATE NOCASE, id LIMIT 100";
const LABELS: &str = "SELECT label FROM kanban_label_count WHERE board_id = ?1 ORDER BY cards DESC, label LIMIT 100";
// Steps from one tenant to the next in the index, so that the cost is that of the tenants, not of the cards.
const TENANTS: &str = "WITH RECURSIVE found (tenant) AS (
        SELECT (SELECT min(tenant) FROM kanban_card
                 WHERE board_id = ?1 AND deleted_at IS NULL AND tenant IS NOT NULL)
        UNION ALL
        SELECT (SELECT min(c.tenant) FROM kanban_card c
                 WHERE c.board_id = ?1 AND c.deleted_at IS NULL AND c.tenant IS NOT NULL AND c.tenant > found.tenant)
          FROM found WHERE found.tenant IS NOT NULL LIMIT 101)
    SELECT tenant FROM found WHERE tenant IS NOT NULL LIMIT 100";
// Who has no card any more is still there, with a count of zero.
const ASSIGNEES: &str = "SELECT DISTINCT assignee FROM kanban_assignee_count
     WHERE board_id = ?1 AND assignee <> '' AND cards > 0 ORDER BY assignee LIMIT 100";

/// A board row.
struct Board(BoardSummary);

impl FromRow<'_, SqliteRow> for Board {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self(BoardSummary {
            id: BoardId(row.try_get("id")?),
            slug: row.try_get("slug")?,
            name: row.try_get("name")?,
            icon: row.try_get("icon")?,
            color: row.try_get("color")?,
            archived_at: row.try_get("archived_at")?,
        }))
    }
}

/// The board of that slug, archived or not.
pub(super) async fn by_slug(db: &mut SqliteConnection, slug: &str) -> Result<Option<BoardSummary>, KanbanError> {
    let row: Option<Board> = sqlx::query_as(BY_SLUG).bind(slug).fetch_optional(db).await?;
    Ok(row.map(|board| board.0))
}

pub(super) async fn by_id(db: &mut SqliteConnection, id: BoardId) -> Result<BoardSummary, KanbanError> {
    let row: Option<Board> = sqlx::query_as(BY_ID).bind(id.0).fetch_optional(db).await?;
    row.map(|board| board.0).ok_or_else(|| KanbanError::NotFound("there is no such board any more".to_owned()))
}

/// Boards in order, `default` first; archived ones last when they are wanted at all.
pub(super) async fn list(db: &mut SqliteConnection, archived: bool) -> Result<Vec<BoardSummary>, KanbanError> {
    let rows: Vec<Board> = sqlx::query_as(if archived { ALL } else { OPEN }).fetch_all(db).await?;
    Ok(rows.into_iter().map(|board| board.0).collect())
}

/// Whether a row was written: a taken slug is left as it is.
pub(super) async fn insert(db: &mut SqliteConnection, slug: &str, name: &str, now: i64) -> Result<bool, KanbanError> {
    let done = sqlx::query(INSERT).bind(new_id()).bind(slug).bind(name).bind(now).execute(db).await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn settings(db: &mut SqliteConnection, board: BoardId) -> Result<BoardSettings, KanbanError> {
    let row = sqlx::query(SETTINGS).bind(board.0).fetch_one(db).await?;
    Ok(BoardSettings {
        name: row.try_get("name")?,
        description: row.try_get("description")?,
        icon: row.try_get("icon")?,
        color: row.try_get("color")?,
        default_dir: row.try_get("default_dir")?,
        slots: row.try_get("slots")?,
        review_limit: row.try_get("review_limit")?,
        blocked_limit: row.try_get("blocked_limit")?,
        auto_decompose: row.try_get("auto_decompose")?,
        orchestrator: row.try_get("orchestrator")?,
    })
}

pub(super) async fn set_settings(
    db: &mut SqliteConnection,
    board: BoardId,
    settings: &BoardSettings,
) -> Result<(), KanbanError> {
    sqlx::query(SET_SETTINGS)
        .bind(board.0)
        .bind(&settings.name)
        .bind(&settings.description)
        .bind(&settings.icon)
        .bind(&settings.color)
        .bind(&settings.default_dir)
        .bind(settings.slots)
        .bind(settings.review_limit)
        .bind(settings.blocked_limit)
        .bind(settings.auto_decompose)
        .bind(&settings.orchestrator)
        .execute(db)
        .await?;
    Ok(())
}

pub(super) async fn set_archived(
    db: &mut SqliteConnection,
    board: BoardId,
    at: Option<i64>,
) -> Result<(), KanbanError> {
    sqlx::query(SET_ARCHIVED).bind(board.0).bind(at).execute(db).await?;
    Ok(())
}

/// Cards of the board that a worker has.
pub(super) async fn running(db: &mut SqliteConnection, board: BoardId) -> Result<i64, KanbanError> {
    Ok(sqlx::query_scalar(RUNNING).bind(board.0).fetch_optional(db).await?.unwrap_or(0))
}

pub(super) async fn views(db: &mut SqliteConnection, board: BoardId) -> Result<Vec<SavedView>, KanbanError> {
    let rows: Vec<(Uuid, String, String)> = sqlx::query_as(VIEWS).bind(board.0).fetch_all(db).await?;
    Ok(rows.into_iter().map(|(id, name, query)| SavedView { id: ViewId(id), name, query }).collect())
}

pub(super) async fn templates(db: &mut SqliteConnection, board: BoardId) -> Result<Vec<CardTemplate>, KanbanError> {
    let rows: Vec<(Uuid, String, String)> = sqlx::query_as(TEMPLATES).bind(board.0).fetch_all(db).await?;
    let templates =
        rows.into_iter().filter_map(|(id, name, json)| match serde_json::from_str::<CreateCardParams>(&json) {
            Ok(params) => Some(CardTemplate { id: TemplateId(id), name, params }),
            Err(error) => {
                tracing::warn!(%error, template = name, "a template was made by another version and is left out");
                None
            }
        });
    Ok(templates.collect())
}

pub(super) async fn labels(db: &mut SqliteConnection, board: BoardId) -> Result<Vec<String>, KanbanError> {
    Ok(sqlx::query_scalar(LABELS).bind(board.0).fetch_all(db).await?)
}

pub(super) async fn tenants(db: &mut SqliteConnection, board: BoardId) -> Result<Vec<String>, KanbanError> {
    Ok(sqlx::query_scalar(TENANTS).bind(board.0).fetch_all(db).await?)
}

pub(super) async fn assignees(db: &mut SqliteConnection, board: BoardId) -> Result<Vec<String>, KanbanError> {
    Ok(sqlx::query_scalar(ASSIGNEES).bind(board.0).fetch_all(db).await?)
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[
    BY_SLUG,
    BY_ID,
    OPEN,
    ALL,
    INSERT,
    SETTINGS,
    SET_SETTINGS,
    SET_ARCHIVED,
    RUNNING,
    VIEWS,
    TEMPLATES,
    LABELS,
    TENANTS,
    ASSIGNEES,
];
