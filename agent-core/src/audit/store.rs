//! SQL of the audit.

use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqlitePool};

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
const INSERT: &str = "INSERT INTO audit_row (at, actor, device, action, object, detail, hash) ";
/// Rows of one statement: SQLite takes 32,766 values.
const MAX_ROWS: usize = 1_000;
const PAGE: &str = "SELECT seq, at, actor, device, action, object, detail, hash FROM audit_row
                     WHERE seq > ?1 ORDER BY seq LIMIT ?2";

pub(super) async fn last_hash(tx: &mut SqliteConnection) -> Result<Vec<u8>, StoreError> {
    Ok(sqlx::query_scalar(LAST_HASH).fetch_optional(tx).await?.unwrap_or_default())
}

/// Appends rows with their hashes, in this order.
pub(super) async fn insert(tx: &mut SqliteConnection, rows: &[(AuditRow, Vec<u8>)]) -> Result<(), StoreError> {
    for some in rows.chunks(MAX_ROWS) {
        let mut insert = QueryBuilder::<Sqlite>::new(INSERT);
        insert.push_values(some, |mut values, (row, hash)| {
            values
                .push_bind(row.at)
                .push_bind(&row.actor)
                .push_bind(&row.device)
                .push_bind(&row.action)
                .push_bind(&row.object)
                .push_bind(&row.detail)
                .push_bind(hash);
        });
        insert.build().persistent(some.len() == 1).execute(&mut *tx).await?;
    }
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
