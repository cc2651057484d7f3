//! SQL of the audit.

use sqlx::{SqliteConnection, SqlitePool};

use crate::store::StoreError;

/// One row without its number and hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AuditRow {
    pub(super) at: i64,
    pub(super) actor: String,
    pub(super) device: String,
    pub(super) action: String,
    pub(super) object: String,
    pub(super) detail: String,
}

const LAST_HASH: &str = "SELECT hash FROM audit_row ORDER BY seq DESC LIMIT 1";
const INSERT: &str =
    "INSERT INTO audit_row (at, actor, device, action, object, detail, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const PAGE: &str = "SELECT seq, at, actor, device, action, object, detail, hash FROM audit_row
                     WHERE seq > ?1 ORDER BY seq LIMIT ?2";

pub(super) async fn last_hash(tx: &mut SqliteConnection) -> Result<Vec<u8>, StoreError> {
    Ok(sqlx::query_scalar(LAST_HASH).fetch_optional(tx).await?.unwrap_or_default())
}

pub(super) async fn insert(tx: &mut SqliteConnection, row: &AuditRow, hash: &[u8]) -> Result<(), StoreError> {
    sqlx::query(INSERT)
        .bind(row.at)
        .bind(&row.actor)
        .bind(&row.device)
        .bind(&row.action)
        .bind(&row.object)
        .bind(&row.detail)
        .bind(hash)
        .execute(tx)
        .await?;
    Ok(())
}

type PageRow = (i64, i64, String, String, String, String, String, Vec<u8>);

pub(super) async fn page(
    reader: &SqlitePool,
    after: i64,
    limit: i64,
) -> Result<Vec<(i64, AuditRow, Vec<u8>)>, StoreError> {
    let rows: Vec<PageRow> = sqlx::query_as(PAGE).bind(after).bind(limit).fetch_all(reader).await?;
    Ok(rows
        .into_iter()
        .map(|(seq, at, actor, device, action, object, detail, hash)| {
            (seq, AuditRow { at, actor, device, action, object, detail }, hash)
        })
        .collect())
}
