//! SQL of the doctor. It only reads.

use sqlx::{Row, SqliteConnection};

use crate::store::StoreError;

const SQLITE_VERSION: &str = "SELECT sqlite_version()";
const QUICK_CHECK: &str = "PRAGMA quick_check(5)";
// A run that has only just ended may still be on its way out.
const PROCESSES: &str = "SELECT p.pid, p.pid_started, r.ended_at IS NOT NULL AS ended, c.number
    FROM kanban_process p JOIN kanban_run r ON r.id = p.run_id JOIN kanban_card c ON c.id = r.card_id
   WHERE p.host = ?1 AND (r.ended_at IS NULL OR r.ended_at < ?2 - 15000) LIMIT 1000";

/// A process that belongs to a run.
pub(super) struct RunProcess {
    pub(super) pid: u32,
    pub(super) pid_started: i64,
    pub(super) ended: bool,
    pub(super) card_number: i64,
}

pub(super) async fn sqlite_version(connection: &mut SqliteConnection) -> Result<String, StoreError> {
    Ok(sqlx::query_scalar(SQLITE_VERSION).fetch_one(connection).await?)
}

/// What SQLite finds wrong with the file; nothing when it is consistent.
pub(super) async fn quick_check(connection: &mut SqliteConnection) -> Result<Vec<String>, StoreError> {
    let mut found: Vec<String> = sqlx::query_scalar(QUICK_CHECK).fetch_all(connection).await?;
    found.retain(|line| line != "ok");
    Ok(found)
}

/// Processes of this machine that runs have or had.
pub(super) async fn processes(
    connection: &mut SqliteConnection,
    now: i64,
    host: &str,
) -> Result<Vec<RunProcess>, StoreError> {
    let rows = sqlx::query(PROCESSES).bind(host).bind(now).fetch_all(connection).await?;
    let read = |row: &sqlx::sqlite::SqliteRow| {
        Ok(RunProcess {
            pid: row.try_get("pid")?,
            pid_started: row.try_get("pid_started")?,
            ended: row.try_get("ended")?,
            card_number: row.try_get("number")?,
        })
    };
    rows.iter().map(read).collect::<Result<_, sqlx::Error>>().map_err(StoreError::from)
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[SQLITE_VERSION, QUICK_CHECK, PROCESSES];
