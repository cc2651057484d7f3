//! SQL of accounts.

use protocol::{UserId, Viewer};
use sqlx::{Executor, Sqlite, SqliteConnection};
use uuid::Uuid;

use crate::store::StoreError;

const OWNER: &str = "SELECT id, name, password_hash, disabled_at FROM account_user ORDER BY created_at, id LIMIT 1";
const USER: &str = "SELECT name FROM account_user WHERE id = ?1 AND disabled_at IS NULL";
const INSERT_USER: &str = "INSERT INTO account_user (id, name, password_hash, created_at) VALUES (?1, ?2, ?3, ?4)";
const SET_PASSWORD: &str = "UPDATE account_user SET name = ?2, password_hash = ?3, disabled_at = NULL WHERE id = ?1";
const REPLACE_HASH: &str = "UPDATE account_user SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2";
const END_SESSIONS: &str = "DELETE FROM account_session WHERE user_id = ?1";
const DROP_TOKENS: &str = "DELETE FROM account_setup_token WHERE used_at IS NULL OR expires_at < ?1";
const INSERT_TOKEN: &str = "INSERT INTO account_setup_token (token_hash, created_at, expires_at) VALUES (?1, ?2, ?3)";
const TOKEN_IS_GOOD: &str = "SELECT EXISTS (SELECT 1 FROM account_setup_token
    WHERE token_hash = ?1 AND used_at IS NULL AND expires_at > ?2)";
const TAKE_TOKEN: &str = "UPDATE account_setup_token SET used_at = ?2
    WHERE token_hash = ?1 AND used_at IS NULL AND expires_at > ?2";
const LOCKED_UNTIL: &str = "SELECT locked_until FROM account_attempt WHERE key = ?1";
const COUNT_FAILURE: &str = "INSERT INTO account_attempt (key, failures, last_at) VALUES (?1, 1, ?2)
    ON CONFLICT (key) DO UPDATE
    SET failures = CASE WHEN last_at < ?3 THEN 1 ELSE failures + 1 END, last_at = ?2
    RETURNING failures";
const UNCOUNT_FAILURE: &str =
    "UPDATE account_attempt SET failures = max(failures - 1, 0), locked_until = NULL WHERE key = ?1";
const LOCK: &str = "UPDATE account_attempt SET locked_until = ?2 WHERE key = ?1";
const FORGET_ATTEMPTS: &str = "DELETE FROM account_attempt WHERE key = ?1";
const FORGET_ALL_ATTEMPTS: &str = "DELETE FROM account_attempt";
const PURGE_ATTEMPTS: &str = "DELETE FROM account_attempt WHERE last_at < ?1";

/// The owner.
pub(super) struct Owner {
    pub(super) id: UserId,
    pub(super) name: String,
    pub(super) password_hash: String,
    pub(super) disabled: bool,
}

pub(super) async fn owner<'a>(db: impl Executor<'a, Database = Sqlite>) -> Result<Option<Owner>, StoreError> {
    let row: Option<(Uuid, String, String, Option<i64>)> = sqlx::query_as(OWNER).fetch_optional(db).await?;
    Ok(row.map(|(id, name, password_hash, disabled)| Owner {
        id: UserId(id),
        name,
        password_hash,
        disabled: disabled.is_some(),
    }))
}

pub(super) async fn user<'a>(
    db: impl Executor<'a, Database = Sqlite>,
    id: UserId,
) -> Result<Option<Viewer>, StoreError> {
    let name: Option<String> = sqlx::query_scalar(USER).bind(id.0).fetch_optional(db).await?;
    Ok(name.map(|name| Viewer { id, name }))
}

pub(super) async fn insert_user(
    tx: &mut SqliteConnection,
    id: UserId,
    name: &str,
    password_hash: &str,
    now: i64,
) -> Result<(), StoreError> {
    sqlx::query(INSERT_USER).bind(id.0).bind(name).bind(password_hash).bind(now).execute(tx).await?;
    Ok(())
}

pub(super) async fn set_password(
    tx: &mut SqliteConnection,
    id: UserId,
    name: &str,
    password_hash: &str,
) -> Result<(), StoreError> {
    sqlx::query(SET_PASSWORD).bind(id.0).bind(name).bind(password_hash).execute(tx).await?;
    Ok(())
}

/// Another hash of the same password; nothing happens when the password was changed meanwhile.
pub(super) async fn replace_hash(
    tx: &mut SqliteConnection,
    id: UserId,
    old: &str,
    new: &str,
) -> Result<(), StoreError> {
    sqlx::query(REPLACE_HASH).bind(id.0).bind(old).bind(new).execute(tx).await?;
    Ok(())
}

pub(super) async fn end_sessions(tx: &mut SqliteConnection, id: UserId) -> Result<(), StoreError> {
    sqlx::query(END_SESSIONS).bind(id.0).execute(tx).await?;
    Ok(())
}

pub(super) async fn replace_setup_token(
    tx: &mut SqliteConnection,
    hash: &[u8],
    now: i64,
    expires_at: i64,
) -> Result<(), StoreError> {
    sqlx::query(DROP_TOKENS).bind(now).execute(&mut *tx).await?;
    sqlx::query(INSERT_TOKEN).bind(hash).bind(now).bind(expires_at).execute(tx).await?;
    Ok(())
}

pub(super) async fn setup_token_is_good<'a>(
    db: impl Executor<'a, Database = Sqlite>,
    hash: &[u8],
    now: i64,
) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar(TOKEN_IS_GOOD).bind(hash).bind(now).fetch_one(db).await?)
}

/// Whether the token was good until now; it is used then.
pub(super) async fn take_setup_token(tx: &mut SqliteConnection, hash: &[u8], now: i64) -> Result<bool, StoreError> {
    Ok(sqlx::query(TAKE_TOKEN).bind(hash).bind(now).execute(tx).await?.rows_affected() == 1)
}

pub(super) async fn locked_until<'a>(
    db: impl Executor<'a, Database = Sqlite>,
    key: &str,
) -> Result<Option<i64>, StoreError> {
    let found: Option<Option<i64>> = sqlx::query_scalar(LOCKED_UNTIL).bind(key).fetch_optional(db).await?;
    Ok(found.flatten())
}

/// Failures in a row, this one included.
pub(super) async fn count_failure(
    tx: &mut SqliteConnection,
    key: &str,
    now: i64,
    forgiven_before: i64,
) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(COUNT_FAILURE).bind(key).bind(now).bind(forgiven_before).fetch_one(tx).await?)
}

/// Takes one failure back, and the pause it caused.
pub(super) async fn uncount_failure(tx: &mut SqliteConnection, key: &str) -> Result<(), StoreError> {
    sqlx::query(UNCOUNT_FAILURE).bind(key).execute(tx).await?;
    Ok(())
}

pub(super) async fn lock(tx: &mut SqliteConnection, key: &str, until: i64) -> Result<(), StoreError> {
    sqlx::query(LOCK).bind(key).bind(until).execute(tx).await?;
    Ok(())
}

pub(super) async fn forget_attempts(tx: &mut SqliteConnection, key: &str) -> Result<(), StoreError> {
    sqlx::query(FORGET_ATTEMPTS).bind(key).execute(tx).await?;
    Ok(())
}

pub(super) async fn forget_all_attempts(tx: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query(FORGET_ALL_ATTEMPTS).execute(tx).await?;
    Ok(())
}

pub(super) async fn purge_attempts(tx: &mut SqliteConnection, before: i64) -> Result<(), StoreError> {
    sqlx::query(PURGE_ATTEMPTS).bind(before).execute(tx).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn every_statement_prepares() {
        crate::store::tests::prepare_all(&[
            super::OWNER,
            super::USER,
            super::INSERT_USER,
            super::SET_PASSWORD,
            super::END_SESSIONS,
            super::DROP_TOKENS,
            super::INSERT_TOKEN,
            super::TOKEN_IS_GOOD,
            super::TAKE_TOKEN,
            super::LOCKED_UNTIL,
            super::COUNT_FAILURE,
            super::LOCK,
            super::FORGET_ATTEMPTS,
            super::FORGET_ALL_ATTEMPTS,
            super::PURGE_ATTEMPTS,
            super::UNCOUNT_FAILURE,
            super::REPLACE_HASH,
        ])
        .await;
    }
}
