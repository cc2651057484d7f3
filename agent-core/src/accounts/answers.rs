//! Answers to writes that may be sent again: a phone that lost its network does not know whether a write arrived. With
//! the same key it gets the same answer, and the write is made once.
//!
//! Source: the IETF draft "The Idempotency-Key HTTP Header Field".

use protocol::UserId;

use crate::Core;
use crate::store::StoreError;

/// Answers are kept this long, in days.
pub const ANSWERS_KEPT_DAYS: i64 = 8;

const LOAD: &str = "SELECT request, status, body FROM idempotent_answer WHERE user_id = ?1 AND key = ?2";
const SAVE: &str = "INSERT INTO idempotent_answer (user_id, key, request, status, body, created_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
const EXPIRED: &str = "SELECT EXISTS (SELECT 1 FROM idempotent_answer WHERE created_at < ?1)";
const PURGE: &str = "DELETE FROM idempotent_answer WHERE created_at < ?1";

/// An answer as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// What was asked, as a hash.
    pub request: Vec<u8>,
    /// Its status, as HTTP counts them.
    pub status: u16,
    /// Its body.
    pub body: Vec<u8>,
}

/// The answer that a person's write with that key got.
///
/// # Errors
/// When the database fails.
pub async fn load_answer(core: &Core, user: UserId, key: &str) -> Result<Option<StoredAnswer>, StoreError> {
    let row: Option<(Vec<u8>, u16, Vec<u8>)> =
        sqlx::query_as(LOAD).bind(user.0).bind(key).fetch_optional(core.store().reader()).await?;
    Ok(row.map(|(request, status, body)| StoredAnswer { request, status, body }))
}

/// Keeps an answer; the first one given stays.
///
/// # Errors
/// When the database fails.
pub async fn save_answer(core: &Core, user: UserId, key: &str, answer: &StoredAnswer) -> Result<(), StoreError> {
    let mut tx = core.write().await?;
    sqlx::query(SAVE)
        .bind(user.0)
        .bind(key)
        .bind(&answer.request)
        .bind(answer.status)
        .bind(&answer.body)
        .bind(core.now_ms())
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}

/// Removes answers that nobody asks for any more; returns how many. Takes no write lock when there are none.
///
/// # Errors
/// When the database fails.
pub async fn purge_answers(core: &Core) -> Result<u64, StoreError> {
    let before = core.now_ms() - ANSWERS_KEPT_DAYS * 24 * 3_600_000;
    let any: bool = sqlx::query_scalar(EXPIRED).bind(before).fetch_one(core.store().reader()).await?;
    if !any {
        return Ok(0);
    }
    let mut tx = core.write().await?;
    let gone = sqlx::query(PURGE).bind(before).execute(&mut *tx).await?.rows_affected();
    tx.commit().await?;
    Ok(gone)
}
