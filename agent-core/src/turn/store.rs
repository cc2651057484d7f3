//! The conversation of a run in the database: its messages, and the machine between two steps.

use protocol::SessionId;

use super::machine::Machine;
use crate::Core;
use crate::llm::Message;
use crate::store::StoreError;

/// Messages of one conversation; a run has far fewer, because its model calls are limited.
const MAX_MESSAGES: i64 = 20_000;

const LOAD_MACHINE: &str = "SELECT machine FROM session WHERE id = ?1";
const LOAD_MESSAGES: &str = "SELECT json FROM message WHERE session_id = ?1 ORDER BY seq LIMIT ?2";
const SAVE_MACHINE: &str = "UPDATE session SET machine = ?2, updated_at = ?3 WHERE id = ?1";
const INSERT_MESSAGE: &str = "INSERT INTO message (session_id, seq, role, json, at) VALUES (?1, ?2, ?3, ?4, ?5)";

/// A conversation cannot be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum ConversationError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It was written by another version.
    #[error("the stored conversation cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// There is no such conversation.
    #[error("the run's conversation is gone")]
    Missing,
}

impl From<sqlx::Error> for ConversationError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What was stored; nothing when the conversation has not begun.
pub(super) async fn load(
    core: &Core,
    session: SessionId,
) -> Result<Option<(Machine, Vec<Message>)>, ConversationError> {
    let mut tx = core.store().reader().begin().await?;
    let machine: Option<Option<String>> =
        sqlx::query_scalar(LOAD_MACHINE).bind(session.0).fetch_optional(&mut *tx).await?;
    let Some(machine) = machine.ok_or(ConversationError::Missing)? else { return Ok(None) };
    let rows: Vec<String> =
        sqlx::query_scalar(LOAD_MESSAGES).bind(session.0).bind(MAX_MESSAGES).fetch_all(&mut *tx).await?;
    tx.rollback().await?;
    let messages = rows.iter().map(|json| serde_json::from_str(json)).collect::<Result<_, _>>()?;
    Ok(Some((serde_json::from_str(&machine)?, messages)))
}

/// Stores the machine and the messages from `first` on, in one transaction.
pub(super) async fn save(
    core: &Core,
    session: SessionId,
    machine: &Machine,
    first: usize,
    messages: &[Message],
) -> Result<(), ConversationError> {
    let now = core.now_ms();
    let mut tx = core.write().await?;
    for (at, message) in messages.iter().enumerate() {
        sqlx::query(INSERT_MESSAGE)
            .bind(session.0)
            .bind(i64::try_from(first + at).unwrap_or(i64::MAX))
            .bind(message.role())
            .bind(serde_json::to_string(message)?)
            .bind(now)
            .execute(&mut *tx)
            .await?;
    }
    sqlx::query(SAVE_MACHINE).bind(session.0).bind(serde_json::to_string(machine)?).bind(now).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}

/// Every statement, for the test that prepares them all.
#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[LOAD_MACHINE, LOAD_MESSAGES, SAVE_MACHINE, INSERT_MESSAGE];
