//! What is saved with a board under a name: views and templates, each on a shelf of its own. SQL, and what both have in
//! common.

use protocol::BoardId;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, SqliteConnection};
use uuid::Uuid;

use super::KanbanError;

/// Of one board on one shelf.
pub(super) const MAX_SAVED: i64 = 100;

const COUNT_OTHER_VIEWS: &str = "SELECT count(*) FROM kanban_view WHERE board_id = ?1 AND name <> ?2";
const COUNT_OTHER_TEMPLATES: &str = "SELECT count(*) FROM kanban_template WHERE board_id = ?1 AND name <> ?2";
const VIEW_NAMED: &str =
    "SELECT id, name, query AS text, created_at FROM kanban_view WHERE board_id = ?1 AND name = ?2";
const TEMPLATE_NAMED: &str =
    "SELECT id, name, params AS text, created_at FROM kanban_template WHERE board_id = ?1 AND name = ?2";
const VIEW: &str = "SELECT id, name, query AS text, created_at FROM kanban_view WHERE id = ?1 AND board_id = ?2";
const TEMPLATE: &str =
    "SELECT id, name, params AS text, created_at FROM kanban_template WHERE id = ?1 AND board_id = ?2";
const PUT_VIEW: &str = "INSERT INTO kanban_view (id, board_id, name, query, created_at) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (id) DO UPDATE SET name = ?3, query = ?4";
const PUT_TEMPLATE: &str = "INSERT INTO kanban_template (id, board_id, name, params, created_at)
    VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO UPDATE SET name = ?3, params = ?4";
const DELETE_VIEW: &str =
    "DELETE FROM kanban_view WHERE id = ?1 AND board_id = ?2 RETURNING id, name, query AS text, created_at";
const DELETE_TEMPLATE: &str =
    "DELETE FROM kanban_template WHERE id = ?1 AND board_id = ?2 RETURNING id, name, params AS text, created_at";

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Shelf {
    /// Saved views.
    Views,
    /// What new cards can start from.
    Templates,
}

/// Something on it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow, Serialize, Deserialize)]
pub(super) struct Saved {
    pub(super) id: Uuid,
    pub(super) name: String,
    /// A view's query, or a template's card as JSON.
    pub(super) text: String,
    pub(super) created_at: i64,
}

impl Shelf {
    fn of(self, views: &'static str, templates: &'static str) -> &'static str {
        match self {
            Self::Views => views,
            Self::Templates => templates,
        }
    }

    /// What one of them is called.
    pub(super) fn noun(self) -> &'static str {
        self.of("view", "template")
    }

    /// What the audit says when one was saved.
    pub(super) fn was_saved(self) -> &'static str {
        self.of("view_saved", "template_saved")
    }

    /// What the audit says when one was deleted.
    pub(super) fn was_deleted(self) -> &'static str {
        self.of("view_deleted", "template_deleted")
    }

    /// Refuses one more than a board keeps. The same name is overwritten and counts for nothing.
    pub(super) async fn require_room(
        self,
        db: &mut SqliteConnection,
        board: BoardId,
        name: &str,
    ) -> Result<(), KanbanError> {
        let count = self.of(COUNT_OTHER_VIEWS, COUNT_OTHER_TEMPLATES);
        let others: i64 = sqlx::query_scalar(count).bind(board.0).bind(name).fetch_one(db).await?;
        if others < MAX_SAVED {
            return Ok(());
        }
        Err(KanbanError::Conflict(format!("a board keeps {MAX_SAVED} {}s; delete one first", self.noun())))
    }

    pub(super) async fn named(
        self,
        db: &mut SqliteConnection,
        board: BoardId,
        name: &str,
    ) -> Result<Option<Saved>, KanbanError> {
        let statement = self.of(VIEW_NAMED, TEMPLATE_NAMED);
        Ok(sqlx::query_as(statement).bind(board.0).bind(name).fetch_optional(db).await?)
    }

    pub(super) async fn find(
        self,
        db: &mut SqliteConnection,
        board: BoardId,
        id: Uuid,
    ) -> Result<Option<Saved>, KanbanError> {
        Ok(sqlx::query_as(self.of(VIEW, TEMPLATE)).bind(id).bind(board.0).fetch_optional(db).await?)
    }

    /// Adds it, or overwrites the one of that id.
    pub(super) async fn put(self, db: &mut SqliteConnection, board: BoardId, saved: &Saved) -> Result<(), KanbanError> {
        sqlx::query(self.of(PUT_VIEW, PUT_TEMPLATE))
            .bind(saved.id)
            .bind(board.0)
            .bind(&saved.name)
            .bind(&saved.text)
            .bind(saved.created_at)
            .execute(db)
            .await?;
        Ok(())
    }

    /// Takes it away; `None` when it is gone already.
    pub(super) async fn take(
        self,
        db: &mut SqliteConnection,
        board: BoardId,
        id: Uuid,
    ) -> Result<Option<Saved>, KanbanError> {
        Ok(sqlx::query_as(self.of(DELETE_VIEW, DELETE_TEMPLATE)).bind(id).bind(board.0).fetch_optional(db).await?)
    }
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[
    COUNT_OTHER_VIEWS,
    COUNT_OTHER_TEMPLATES,
    VIEW_NAMED,
    TEMPLATE_NAMED,
    VIEW,
    TEMPLATE,
    PUT_VIEW,
    PUT_TEMPLATE,
    DELETE_VIEW,
    DELETE_TEMPLATE,
];
