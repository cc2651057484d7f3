//! Browser sessions as rows. The cookie's value is never stored, only its SHA-256, so that a copy of the database
//! signs nobody in.

use protocol::UserId;
use sha2::{Digest, Sha256};

use crate::Core;
use crate::store::StoreError;

/// The session's key for the id of the person signed in.
pub const SESSION_USER: &str = "user_id";

const SAVE: &str = "INSERT INTO account_session (id_hash, user_id, data, created_at, expires_at)
    VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (id_hash) DO UPDATE
    SET user_id = excluded.user_id, data = excluded.data, expires_at = excluded.expires_at";
const UPDATE: &str = "UPDATE account_session SET user_id = ?2, data = ?3, expires_at = ?4 WHERE id_hash = ?1";
const LOAD: &str = "SELECT data, expires_at FROM account_session WHERE id_hash = ?1 AND expires_at > ?2";
const DELETE: &str = "DELETE FROM account_session WHERE id_hash = ?1";
const EXPIRED: &str = "SELECT EXISTS (SELECT 1 FROM account_session WHERE expires_at <= ?1)";
const PURGE: &str = "DELETE FROM account_session WHERE expires_at <= ?1";
const USER_EXISTS: &str = "SELECT EXISTS (SELECT 1 FROM account_user WHERE id = ?1 AND disabled_at IS NULL)";
const IS_LIVE: &str = "SELECT EXISTS (SELECT 1 FROM account_session s JOIN account_user u ON u.id = s.user_id
    WHERE s.id_hash = ?1 AND s.user_id = ?2 AND s.expires_at > ?3 AND u.disabled_at IS NULL)";

/// A session as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// What the web server keeps in it, as JSON.
    pub data: String,
    /// Unix ms.
    pub expires_at: i64,
}

fn hash(id: &str) -> Vec<u8> {
    Sha256::digest(id.as_bytes()).to_vec()
}

/// Writes a session; `user` must exist when given.
///
/// # Errors
/// When the database fails.
pub async fn save_session(
    core: &Core,
    id: &str,
    user: Option<UserId>,
    session: &StoredSession,
) -> Result<(), StoreError> {
    let mut tx = core.write().await?;
    sqlx::query(SAVE)
        .bind(hash(id))
        .bind(user.map(|user| user.0))
        .bind(&session.data)
        .bind(core.now_ms())
        .bind(session.expires_at)
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}

/// Writes a session that exists; `false` when it has ended meanwhile. A request that was under way when its session
/// ended must not bring it back.
///
/// # Errors
/// When the database fails.
pub async fn update_session(
    core: &Core,
    id: &str,
    user: Option<UserId>,
    session: &StoredSession,
) -> Result<bool, StoreError> {
    let mut tx = core.write().await?;
    let found = sqlx::query(UPDATE)
        .bind(hash(id))
        .bind(user.map(|user| user.0))
        .bind(&session.data)
        .bind(session.expires_at)
        .execute(&mut *tx)
        .await?
        .rows_affected();
    tx.commit().await?;
    Ok(found == 1)
}

/// The session of that cookie value, unless it has expired.
///
/// # Errors
/// When the database fails.
pub async fn load_session(core: &Core, id: &str) -> Result<Option<StoredSession>, StoreError> {
    let row: Option<(String, i64)> =
        sqlx::query_as(LOAD).bind(hash(id)).bind(core.now_ms()).fetch_optional(core.store().reader()).await?;
    Ok(row.map(|(data, expires_at)| StoredSession { data, expires_at }))
}

/// Ends a session.
///
/// # Errors
/// When the database fails.
pub async fn delete_session(core: &Core, id: &str) -> Result<(), StoreError> {
    let mut tx = core.write().await?;
    sqlx::query(DELETE).bind(hash(id)).execute(&mut *tx).await?;
    tx.commit().await
}

/// Removes expired sessions; returns how many. Takes no write lock when there are none.
///
/// # Errors
/// When the database fails.
pub async fn purge_sessions(core: &Core) -> Result<u64, StoreError> {
    let now = core.now_ms();
    let any: bool = sqlx::query_scalar(EXPIRED).bind(now).fetch_one(core.store().reader()).await?;
    if !any {
        return Ok(0);
    }
    let mut tx = core.write().await?;
    let gone = sqlx::query(PURGE).bind(now).execute(&mut *tx).await?.rows_affected();
    tx.commit().await?;
    Ok(gone)
}

/// Whether the person of a session exists and is not disabled.
///
/// # Errors
/// When the database fails.
pub async fn session_user_exists(core: &Core, user: UserId) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar(USER_EXISTS).bind(user.0).fetch_one(core.store().reader()).await?)
}

/// Whether that session still stands for that person.
///
/// # Errors
/// When the database fails.
pub async fn session_is_live(core: &Core, id: &str, user: UserId) -> Result<bool, StoreError> {
    let query = sqlx::query_scalar(IS_LIVE).bind(hash(id)).bind(user.0).bind(core.now_ms());
    Ok(query.fetch_one(core.store().reader()).await?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Home, OpenOptions, TestClock};

    #[tokio::test]
    async fn every_statement_prepares() {
        let all = [SAVE, UPDATE, LOAD, DELETE, EXPIRED, PURGE, USER_EXISTS, IS_LIVE];
        crate::store::tests::prepare_all(&all).await;
    }

    #[tokio::test]
    async fn a_session_lives_until_it_expires_and_its_cookie_is_not_in_the_database() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock::at(1_000));
        let home = Home::at(dir.path());
        let core = Core::open(OpenOptions { clock: clock.clone(), ..OpenOptions::new(home) }).await.unwrap();
        let session = StoredSession { data: "{}".to_owned(), expires_at: 2_000 };
        save_session(&core, "secret", None, &session).await.unwrap();
        assert_eq!(load_session(&core, "secret").await.unwrap(), Some(session));
        let longer = StoredSession { data: "{\"a\":1}".to_owned(), expires_at: 2_000 };
        assert!(update_session(&core, "secret", None, &longer).await.unwrap());
        assert_eq!(load_session(&core, "secret").await.unwrap().as_ref(), Some(&longer));
        assert!(!update_session(&core, "ended", None, &longer).await.unwrap());
        assert_eq!(load_session(&core, "ended").await.unwrap(), None, "what has ended stays so");
        assert_eq!(load_session(&core, "other").await.unwrap(), None);
        let stored: Vec<u8> =
            sqlx::query_scalar("SELECT id_hash FROM account_session").fetch_one(core.store().reader()).await.unwrap();
        assert_ne!(stored, b"secret");
        assert_eq!(purge_sessions(&core).await.unwrap(), 0);
        clock.advance_ms(1_000);
        assert_eq!(load_session(&core, "secret").await.unwrap(), None);
        assert_eq!(purge_sessions(&core).await.unwrap(), 1);
    }
}
