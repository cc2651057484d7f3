//! SQL of devices and the outbox.

use protocol::{DecisionId, SubscriptionId, UserId};
use sqlx::{Executor, Sqlite, SqliteConnection};
use uuid::Uuid;

use super::encrypt::SubscriberKeys;
use crate::store::StoreError;

const ALL_DEVICES: &str = "SELECT s.id FROM push_subscription s JOIN account_user u ON u.id = s.user_id
                           WHERE u.disabled_at IS NULL LIMIT 10000";
const DEVICES: &str = "SELECT id, endpoint, device, created_at, last_sent_at, last_displayed_at, last_error
                       FROM push_subscription WHERE user_id = ?1 ORDER BY created_at LIMIT 100";
const COUNT_DEVICES: &str = "SELECT count(*) FROM push_subscription WHERE user_id = ?1";
const IS_DEVICE_OF: &str = "SELECT EXISTS (SELECT 1 FROM push_subscription WHERE user_id = ?1 AND endpoint = ?2)";
const UPSERT_DEVICE: &str =
    "INSERT INTO push_subscription (id, user_id, endpoint, p256dh, auth, device, created_at, origin)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT (endpoint) DO UPDATE
    SET user_id = ?2, p256dh = ?4, auth = ?5, device = ?6, origin = ?8, last_error = NULL
    RETURNING id";
const REMOVE_DEVICE: &str = "DELETE FROM push_subscription WHERE user_id = ?1 AND id = ?2";
const SET_DISPLAYED: &str = "UPDATE push_subscription SET last_displayed_at = ?3 WHERE user_id = ?1 AND endpoint = ?2";
const OPEN_DECISIONS: &str = "SELECT count(*) FROM decision WHERE state = 'open' AND snoozed_until IS NULL";
const ENQUEUE: &str = "INSERT INTO push_outbox
    (subscription_id, decision_id, topic, payload, created_at, next_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6)";
// Taken by moving the next attempt behind the deadline of this one, so that a second sender leaves it alone and a
// sender that dies is followed by another.
const TAKE_DUE: &str = "UPDATE push_outbox SET next_at = ?2, attempts = attempts + 1
    WHERE id IN (SELECT id FROM push_outbox WHERE state = 'waiting' AND next_at <= ?1 ORDER BY next_at LIMIT ?3)
    RETURNING id, subscription_id, topic, payload, urgency, expires_at, attempts";
const ANY_DUE: &str = "SELECT min(next_at) FROM push_outbox WHERE state = 'waiting'";
const TARGET: &str = "SELECT endpoint, p256dh, auth, origin FROM push_subscription WHERE id = ?1";
// Nobody is called for what has been settled or put off in the meantime.
const EXPIRE: &str = "UPDATE push_outbox SET state = 'failed' WHERE state = 'waiting' AND (expires_at <= ?1
    OR EXISTS (SELECT 1 FROM decision d WHERE d.id = push_outbox.decision_id
                 AND (d.state <> 'open' OR d.snoozed_until IS NOT NULL)))";
// The number of attempts tells who took a message: one whose claim has run out writes nothing about it any more.
const SENT: &str = "UPDATE push_outbox SET state = 'sent', last_status = ?3, sent_at = ?4
    WHERE id = ?1 AND attempts = ?2 AND state = 'waiting'";
const FAILED: &str = "UPDATE push_outbox SET state = 'failed', last_status = ?3
    WHERE id = ?1 AND attempts = ?2 AND state = 'waiting'";
const LATER: &str = "UPDATE push_outbox SET next_at = ?4, last_status = ?3
    WHERE id = ?1 AND attempts = ?2 AND state = 'waiting'";
const DEVICE_SENT: &str = "UPDATE push_subscription SET last_sent_at = ?2, last_error = NULL WHERE id = ?1";
const DEVICE_ERROR: &str = "UPDATE push_subscription SET last_error = ?2 WHERE id = ?1";
const DEVICE_GONE: &str = "DELETE FROM push_subscription WHERE id = ?1";
const PURGE: &str = "DELETE FROM push_outbox WHERE state <> 'waiting' AND created_at < ?1";

/// A device.
pub(super) struct Device {
    pub(super) id: SubscriptionId,
    pub(super) endpoint: String,
    pub(super) device: String,
    pub(super) created_at: i64,
    pub(super) last_sent_at: Option<i64>,
    pub(super) last_displayed_at: Option<i64>,
    pub(super) last_error: Option<String>,
}

type DeviceRow = (Uuid, String, String, i64, Option<i64>, Option<i64>, Option<String>);

pub(super) async fn all_devices(tx: &mut SqliteConnection) -> Result<Vec<SubscriptionId>, StoreError> {
    let ids: Vec<Uuid> = sqlx::query_scalar(ALL_DEVICES).fetch_all(tx).await?;
    Ok(ids.into_iter().map(SubscriptionId).collect())
}

pub(super) async fn devices<'a>(
    db: impl Executor<'a, Database = Sqlite>,
    user: UserId,
) -> Result<Vec<Device>, StoreError> {
    let rows: Vec<DeviceRow> = sqlx::query_as(DEVICES).bind(user.0).fetch_all(db).await?;
    Ok(rows
        .into_iter()
        .map(|(id, endpoint, device, created_at, last_sent_at, last_displayed_at, last_error)| Device {
            id: SubscriptionId(id),
            endpoint,
            device,
            created_at,
            last_sent_at,
            last_displayed_at,
            last_error,
        })
        .collect())
}

pub(super) async fn count_devices(tx: &mut SqliteConnection, user: UserId) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(COUNT_DEVICES).bind(user.0).fetch_one(tx).await?)
}

pub(super) async fn is_device_of(tx: &mut SqliteConnection, user: UserId, endpoint: &str) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar(IS_DEVICE_OF).bind(user.0).bind(endpoint).fetch_one(tx).await?)
}

/// A device that subscribes.
pub(super) struct NewDevice<'a> {
    pub(super) id: SubscriptionId,
    pub(super) user: UserId,
    pub(super) endpoint: &'a str,
    pub(super) keys: &'a SubscriberKeys,
    pub(super) name: &'a str,
    pub(super) origin: Option<&'a str>,
}

pub(super) async fn upsert_device(
    tx: &mut SqliteConnection,
    device: &NewDevice<'_>,
    now: i64,
) -> Result<SubscriptionId, StoreError> {
    let id: Uuid = sqlx::query_scalar(UPSERT_DEVICE)
        .bind(device.id.0)
        .bind(device.user.0)
        .bind(device.endpoint)
        .bind(&device.keys.p256dh)
        .bind(&device.keys.auth)
        .bind(device.name)
        .bind(now)
        .bind(device.origin)
        .fetch_one(tx)
        .await?;
    Ok(SubscriptionId(id))
}

pub(super) async fn remove_device(
    tx: &mut SqliteConnection,
    user: UserId,
    id: SubscriptionId,
) -> Result<bool, StoreError> {
    Ok(sqlx::query(REMOVE_DEVICE).bind(user.0).bind(id.0).execute(tx).await?.rows_affected() == 1)
}

pub(super) async fn set_displayed(
    tx: &mut SqliteConnection,
    user: UserId,
    endpoint: &str,
    now: i64,
) -> Result<(), StoreError> {
    sqlx::query(SET_DISPLAYED).bind(user.0).bind(endpoint).bind(now).execute(tx).await?;
    Ok(())
}

pub(super) async fn open_decisions(tx: &mut SqliteConnection) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(OPEN_DECISIONS).fetch_one(tx).await?)
}

pub(super) async fn enqueue(
    tx: &mut SqliteConnection,
    device: SubscriptionId,
    decision: Option<DecisionId>,
    topic: &str,
    payload: &str,
    now: i64,
    expires_at: i64,
) -> Result<(), StoreError> {
    sqlx::query(ENQUEUE)
        .bind(device.0)
        .bind(decision.map(|id| id.0))
        .bind(topic)
        .bind(payload)
        .bind(now)
        .bind(expires_at)
        .execute(tx)
        .await?;
    Ok(())
}

/// A message that is due and was taken for sending.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) id: i64,
    pub(super) device: SubscriptionId,
    pub(super) topic: String,
    pub(super) payload: String,
    pub(super) urgency: String,
    pub(super) expires_at: i64,
    pub(super) attempts: u32,
}

pub(super) async fn take_due(
    tx: &mut SqliteConnection,
    now: i64,
    retaken_at: i64,
    limit: usize,
) -> Result<Vec<Due>, StoreError> {
    let rows: Vec<(i64, Uuid, String, String, String, i64, u32)> = sqlx::query_as(TAKE_DUE)
        .bind(now)
        .bind(retaken_at)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(tx)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(id, device, topic, payload, urgency, expires_at, attempts)| Due {
            id,
            device: SubscriptionId(device),
            topic,
            payload,
            urgency,
            expires_at,
            attempts,
        })
        .collect())
}

pub(super) async fn next_due<'a>(db: impl Executor<'a, Database = Sqlite>) -> Result<Option<i64>, StoreError> {
    Ok(sqlx::query_scalar(ANY_DUE).fetch_one(db).await?)
}

/// Where a message goes.
pub(super) struct Target {
    pub(super) endpoint: String,
    pub(super) keys: SubscriberKeys,
    /// Where the device has the app open.
    pub(super) origin: Option<String>,
}

type TargetRow = (String, Vec<u8>, Vec<u8>, Option<String>);

pub(super) async fn target<'a>(
    db: impl Executor<'a, Database = Sqlite>,
    id: SubscriptionId,
) -> Result<Option<Target>, StoreError> {
    let row: Option<TargetRow> = sqlx::query_as(TARGET).bind(id.0).fetch_optional(db).await?;
    Ok(row.map(|(endpoint, p256dh, auth, origin)| Target { endpoint, keys: SubscriberKeys { p256dh, auth }, origin }))
}

/// Ends what nobody wants to hear any more.
pub(super) async fn expire(tx: &mut SqliteConnection, now: i64) -> Result<(), StoreError> {
    sqlx::query(EXPIRE).bind(now).execute(tx).await?;
    Ok(())
}

pub(super) async fn mark_sent(tx: &mut SqliteConnection, due: &Due, status: u16, now: i64) -> Result<(), StoreError> {
    let query = sqlx::query(SENT).bind(due.id).bind(due.attempts).bind(status).bind(now);
    if query.execute(&mut *tx).await?.rows_affected() == 1 {
        sqlx::query(DEVICE_SENT).bind(due.device.0).bind(now).execute(tx).await?;
    }
    Ok(())
}

pub(super) async fn mark_failed(
    tx: &mut SqliteConnection,
    due: &Due,
    status: Option<u16>,
    error: &str,
) -> Result<(), StoreError> {
    let query = sqlx::query(FAILED).bind(due.id).bind(due.attempts).bind(status);
    if query.execute(&mut *tx).await?.rows_affected() == 1 {
        sqlx::query(DEVICE_ERROR).bind(due.device.0).bind(error).execute(tx).await?;
    }
    Ok(())
}

pub(super) async fn mark_later(
    tx: &mut SqliteConnection,
    due: &Due,
    status: Option<u16>,
    error: &str,
    next_at: i64,
) -> Result<(), StoreError> {
    let query = sqlx::query(LATER).bind(due.id).bind(due.attempts).bind(status).bind(next_at);
    if query.execute(&mut *tx).await?.rows_affected() == 1 {
        sqlx::query(DEVICE_ERROR).bind(due.device.0).bind(error).execute(tx).await?;
    }
    Ok(())
}

pub(super) async fn device_gone(tx: &mut SqliteConnection, id: SubscriptionId) -> Result<(), StoreError> {
    sqlx::query(DEVICE_GONE).bind(id.0).execute(tx).await?;
    Ok(())
}

pub(super) async fn purge(tx: &mut SqliteConnection, before: i64) -> Result<(), StoreError> {
    sqlx::query(PURGE).bind(before).execute(tx).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn every_statement_prepares() {
        crate::store::tests::prepare_all(&[
            super::ALL_DEVICES,
            super::DEVICES,
            super::COUNT_DEVICES,
            super::IS_DEVICE_OF,
            super::UPSERT_DEVICE,
            super::REMOVE_DEVICE,
            super::SET_DISPLAYED,
            super::OPEN_DECISIONS,
            super::ENQUEUE,
            super::TAKE_DUE,
            super::ANY_DUE,
            super::TARGET,
            super::SENT,
            super::FAILED,
            super::LATER,
            super::DEVICE_SENT,
            super::DEVICE_ERROR,
            super::DEVICE_GONE,
            super::PURGE,
            super::EXPIRE,
        ])
        .await;
    }
}
