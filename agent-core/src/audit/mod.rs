//! Append-only, hash-chained record of who did what. A row is written in the transaction of the change it tells of.

mod store;

use sha2::{Digest, Sha256};
use sqlx::SqliteConnection;

use crate::store::StoreError;
use crate::{Actor, Core};

/// The first row that does not fit its hash, or nothing when the chain is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainState {
    /// Every row fits.
    Whole {
        /// Rows looked at.
        rows: i64,
    },
    /// The row with this number was changed, or one before it is missing.
    BrokenAt {
        /// Sequence number.
        seq: i64,
    },
}

/// What was done to what. `object` names what was changed (`card:T-12`), `detail` is JSON without secrets.
pub(crate) struct Entry<'a> {
    pub(crate) action: &'a str,
    pub(crate) object: String,
    pub(crate) detail: &'a serde_json::Value,
}

/// Appends a row.
pub(crate) async fn record(
    tx: &mut SqliteConnection,
    at: i64,
    actor: &Actor,
    action: &str,
    object: &str,
    detail: &serde_json::Value,
) -> Result<(), StoreError> {
    record_all(tx, at, actor, vec![Entry { action, object: object.to_owned(), detail }]).await
}

/// Appends rows in this order.
pub(crate) async fn record_all(
    tx: &mut SqliteConnection,
    at: i64,
    actor: &Actor,
    entries: Vec<Entry<'_>>,
) -> Result<(), StoreError> {
    let mut previous = store::last_hash(tx).await?;
    let mut rows = Vec::with_capacity(entries.len());
    for entry in entries {
        let row = store::AuditRow {
            at,
            actor: actor.label(),
            device: actor.device().to_owned(),
            action: entry.action.to_owned(),
            object: entry.object,
            detail: entry.detail.to_string(),
        };
        let hash = chain(&previous, &row);
        previous.clone_from(&hash);
        rows.push((row, hash));
    }
    store::insert(tx, &rows).await
}

/// Checks the whole chain, a thousand rows at a time.
///
/// # Errors
/// When the database cannot be read.
pub async fn verify(core: &Core) -> Result<ChainState, StoreError> {
    const PAGE: i64 = 1000;
    let (mut after, mut rows, mut previous) = (0_i64, 0_i64, Vec::new());
    loop {
        let page = store::page(core.store().reader(), after, PAGE).await?;
        if page.is_empty() {
            return Ok(ChainState::Whole { rows });
        }
        for (seq, row, hash) in page {
            if chain(&previous, &row) != hash {
                return Ok(ChainState::BrokenAt { seq });
            }
            previous = hash;
            after = seq;
            rows += 1;
        }
    }
}

/// SHA-256 over the hash before and every field, each with its length, so that no two rows read the same.
fn chain(previous: &[u8], row: &store::AuditRow) -> Vec<u8> {
    let mut hasher = Sha256::new();
    hasher.update(previous);
    hasher.update(row.at.to_be_bytes());
    for field in [&row.actor, &row.device, &row.action, &row.object, &row.detail] {
        hasher.update((field.len() as u64).to_be_bytes());
        hasher.update(field.as_bytes());
    }
    hasher.finalize().to_vec()
}
