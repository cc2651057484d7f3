//! Reads a board of the Python hermes-agent from a copy of its database, by column name, a bounded part at a time.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::record::Record;
use super::report::ImportError;

/// Longest reason of a block that is kept in memory, in bytes.
const MAX_REASON_BYTES: usize = 16_000;

const COLUMNS: &str = "SELECT name FROM pragma_table_info(?1)";
const BONES: &str = "SELECT rowid AS import_rowid, * FROM tasks ORDER BY rowid";
const BLOCKS: &str = "SELECT t.rowid AS task_rowid, e.* FROM task_events e JOIN tasks t ON t.id = e.task_id
    WHERE t.status IN ('blocked', 'review') AND e.kind IN ('blocked', 'gave_up', 'unblocked', 'completed')
    ORDER BY e.rowid";
const LINKS: &str = "SELECT p.rowid AS parent_rowid, c.rowid AS child_rowid, l.parent_id, l.child_id
    FROM task_links l LEFT JOIN tasks p ON p.id = l.parent_id LEFT JOIN tasks c ON c.id = l.child_id
    ORDER BY l.rowid";
const CARDS: &str =
    "SELECT rowid AS import_rowid, * FROM tasks WHERE rowid IN (SELECT value FROM json_each(?1)) ORDER BY rowid";
const RUNS: &str = "SELECT x.rowid AS import_rowid, t.rowid AS task_rowid, x.* FROM tasks t
    JOIN task_runs x ON x.task_id = t.id WHERE t.rowid IN (SELECT value FROM json_each(?1)) ORDER BY x.rowid";
const COMMENTS: &str = "SELECT x.rowid AS import_rowid, t.rowid AS task_rowid, x.* FROM tasks t
    JOIN task_comments x ON x.task_id = t.id WHERE t.rowid IN (SELECT value FROM json_each(?1)) ORDER BY x.rowid";
const ATTACHMENTS: &str = "SELECT x.rowid AS import_rowid, t.rowid AS task_rowid, x.* FROM tasks t
    JOIN task_attachments x ON x.task_id = t.id WHERE t.rowid IN (SELECT value FROM json_each(?1)) ORDER BY x.rowid";
// Signs of life are a column here, no history.
const EVENTS: &str = "SELECT x.rowid AS import_rowid, t.rowid AS task_rowid, x.* FROM tasks t
    JOIN task_events x ON x.task_id = t.id
    WHERE t.rowid IN (SELECT value FROM json_each(?1)) AND x.rowid > ?2
      AND (x.kind IS NULL OR x.kind NOT IN ('heartbeat', 'claim_extended', 'respawn_guarded'))
    ORDER BY x.rowid LIMIT ?3";
const COUNT_EVENTS: &str = "SELECT count(*) FROM task_events x JOIN tasks t ON t.id = x.task_id
    WHERE x.kind IS NULL OR x.kind NOT IN ('heartbeat', 'claim_extended', 'respawn_guarded')";
const COUNT_SIGNS: &str =
    "SELECT count(*) FROM task_events WHERE kind IN ('heartbeat', 'claim_extended', 'respawn_guarded')";
const LOST_RUNS: &str =
    "SELECT count(*) FROM task_runs x WHERE NOT EXISTS (SELECT 1 FROM tasks t WHERE t.id = x.task_id)";
const LOST_COMMENTS: &str =
    "SELECT count(*) FROM task_comments x WHERE NOT EXISTS (SELECT 1 FROM tasks t WHERE t.id = x.task_id)";
const LOST_EVENTS: &str =
    "SELECT count(*) FROM task_events x WHERE NOT EXISTS (SELECT 1 FROM tasks t WHERE t.id = x.task_id)";
const LOST_ATTACHMENTS: &str =
    "SELECT count(*) FROM task_attachments x WHERE NOT EXISTS (SELECT 1 FROM tasks t WHERE t.id = x.task_id)";

/// Every column of `tasks` that a version up to 0.19.0 has or had.
const KNOWN_COLUMNS: &[&str] = &[
    "id",
    "title",
    "body",
    "assignee",
    "status",
    "priority",
    "created_by",
    "created_at",
    "started_at",
    "completed_at",
    "workspace_kind",
    "workspace_path",
    "branch_name",
    "project_id",
    "claim_lock",
    "claim_expires",
    "tenant",
    "result",
    "idempotency_key",
    "consecutive_failures",
    "spawn_failures",
    "worker_pid",
    "last_failure_error",
    "last_spawn_error",
    "max_runtime_seconds",
    "last_heartbeat_at",
    "current_run_id",
    "workflow_template_id",
    "current_step_key",
    "skills",
    "model_override",
    "max_retries",
    "goal_mode",
    "goal_max_turns",
    "session_id",
    "block_kind",
    "block_recurrences",
    "scheduled_at",
];

/// What a card hangs on: enough to plan a whole board in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bone {
    pub(super) rowid: i64,
    pub(super) id: String,
    pub(super) status: String,
    pub(super) priority: i64,
    pub(super) created_at: i64,
    /// When it was finished or, without that, started.
    pub(super) moved_at: i64,
    pub(super) block: Option<Block>,
}

/// Why a card stands still.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) reason: String,
    pub(super) gave_up: bool,
    pub(super) at: Option<i64>,
}

/// A link as the source has it: rows of `tasks`, missing where the card is, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RawLink {
    pub(super) parent: Option<i64>,
    pub(super) child: Option<i64>,
    pub(super) text: String,
}

/// A row of `tasks`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RawCard {
    pub(super) rowid: i64,
    pub(super) id: String,
    pub(super) title: String,
    pub(super) body: String,
    pub(super) status: String,
    pub(super) assignee: Option<String>,
    pub(super) priority: i64,
    pub(super) created_by: Option<String>,
    pub(super) created_at: Option<i64>,
    pub(super) started_at: Option<i64>,
    pub(super) completed_at: Option<i64>,
    pub(super) scheduled_at: Option<i64>,
    pub(super) workspace_kind: Option<String>,
    pub(super) workspace_path: Option<String>,
    pub(super) branch: Option<String>,
    pub(super) tenant: Option<String>,
    pub(super) result: Option<String>,
    pub(super) idempotency_key: Option<String>,
    pub(super) failures: i64,
    pub(super) last_error: Option<String>,
    pub(super) max_runtime: Option<i64>,
    pub(super) max_retries: Option<i64>,
    pub(super) skills: Option<String>,
    pub(super) model: Option<String>,
    pub(super) damaged: bool,
    /// What its values could not be, a remark for each.
    pub(super) odd: Vec<String>,
}

/// A row of `task_runs`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RawRun {
    pub(super) rowid: i64,
    pub(super) card: i64,
    /// As events name it.
    pub(super) id: String,
    pub(super) profile: Option<String>,
    pub(super) status: String,
    pub(super) outcome: Option<String>,
    pub(super) started_at: Option<i64>,
    pub(super) ended_at: Option<i64>,
    pub(super) heartbeat_at: Option<i64>,
    pub(super) summary: Option<String>,
    pub(super) metadata: Option<String>,
    pub(super) error: Option<String>,
    pub(super) damaged: bool,
}

/// A row of `task_comments`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RawComment {
    pub(super) rowid: i64,
    pub(super) card: i64,
    pub(super) author: Option<String>,
    pub(super) body: String,
    pub(super) created_at: Option<i64>,
    pub(super) damaged: bool,
}

/// A row of `task_events`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RawEvent {
    pub(super) rowid: i64,
    pub(super) card: i64,
    pub(super) run: Option<String>,
    pub(super) kind: String,
    pub(super) payload: Option<String>,
    pub(super) created_at: Option<i64>,
}

/// A row of `task_attachments`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RawAttachment {
    pub(super) rowid: i64,
    pub(super) card: i64,
    pub(super) name: Option<String>,
    pub(super) path: Option<String>,
    pub(super) bytes: Option<i64>,
    pub(super) author: Option<String>,
    pub(super) created_at: Option<i64>,
}

/// The copy of a board's database.
pub(super) struct SourceDb {
    connection: SqliteConnection,
    has: HashSet<&'static str>,
    /// What was found that no version we know has.
    pub(super) unknown: Vec<String>,
}

/// The tables beside `tasks`, and the columns without which one cannot be read.
const TABLES: [(&str, &[&str]); 5] = [
    ("task_links", &["parent_id", "child_id"]),
    ("task_comments", &["task_id", "body"]),
    ("task_events", &["task_id", "kind"]),
    ("task_runs", &["task_id"]),
    ("task_attachments", &["task_id", "stored_path"]),
];

impl SourceDb {
    /// Opens a copy and checks that it is whole and is a board. `None` is a file into which nothing was ever written.
    pub(super) async fn open(copy: &Path, label: &str, original: &Path) -> Result<Option<Self>, ImportError> {
        let damaged = |why: &str| {
            ImportError::Board(format!(
                "the database of board \"{label}\" ({}) is damaged ({why}); put a good copy of it there, perhaps the \
                 .bak beside it, then import again",
                original.display()
            ))
        };
        let header =
            header(copy).map_err(|source| ImportError::File { what: "read", path: copy.to_path_buf(), source })?;
        if header.is_empty() {
            return Ok(None);
        }
        if header != *b"SQLite format 3\0" {
            return Err(damaged("it is no SQLite file"));
        }
        let mut connection = SqliteConnectOptions::new()
            .filename(copy)
            .create_if_missing(false)
            .foreign_keys(false)
            .busy_timeout(Duration::from_secs(1))
            .pragma("trusted_schema", "OFF")
            .disable_statement_logging()
            .connect()
            .await
            .map_err(|error| damaged(&error.to_string()))?;
        let sound: String = sqlx::query_scalar("PRAGMA quick_check(1)")
            .fetch_one(&mut connection)
            .await
            .map_err(|error| damaged(&error.to_string()))?;
        if sound != "ok" {
            return Err(damaged(&sound));
        }
        let mut db = Self { connection, has: HashSet::new(), unknown: Vec::new() };
        db.check_schema(label, original).await.map_err(|error| match error {
            Failure::Sql(error) => damaged(&error.to_string()),
            Failure::Import(error) => error,
        })?;
        Ok(Some(db))
    }

    async fn check_schema(&mut self, label: &str, original: &Path) -> Result<(), Failure> {
        let tasks = self.columns("tasks").await?;
        if let Some(missing) = ["id", "title", "status"].iter().find(|column| !tasks.contains(**column)) {
            let what =
                if tasks.is_empty() { "a table \"tasks\"".to_owned() } else { format!("a column \"{missing}\"") };
            return Err(Failure::Import(ImportError::Board(format!(
                "board \"{label}\" ({}) has no {}, so it is none of hermes-agent up to 0.19; a Hermes newer than this \
                 one may be able to import it",
                original.display(),
                what.trim_start_matches("a ")
            ))));
        }
        let mut unknown: Vec<String> =
            tasks.into_iter().filter(|column| !KNOWN_COLUMNS.contains(&column.as_str())).collect();
        unknown.sort();
        self.unknown.extend(unknown.into_iter().map(|column| format!("column {column}")));
        for (table, needed) in TABLES {
            let columns = self.columns(table).await?;
            if needed.iter().all(|column| columns.contains(*column)) {
                self.has.insert(table);
            } else if !columns.is_empty() {
                self.unknown.push(format!("table {table}, in a form this Hermes cannot read"));
            }
        }
        Ok(())
    }

    async fn columns(&mut self, table: &str) -> Result<HashSet<String>, sqlx::Error> {
        let names: Vec<String> = sqlx::query_scalar(COLUMNS).bind(table).fetch_all(&mut self.connection).await?;
        Ok(names.into_iter().collect())
    }

    pub(super) async fn close(self) {
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "closing the copy of a board failed");
        }
    }

    /// Every card's bones, by row.
    pub(super) async fn bones(&mut self) -> Result<Vec<Bone>, sqlx::Error> {
        let mut bones = Vec::new();
        let mut rows = sqlx::query(BONES).fetch(&mut self.connection);
        while let Some(row) = rows.try_next().await? {
            let record = Record::new(&row);
            let created_at = record.time("created_at").unwrap_or(0);
            bones.push(Bone {
                rowid: record.number("import_rowid").unwrap_or_default(),
                id: card_id(&record),
                status: status(&record),
                priority: record.number("priority").unwrap_or(0),
                created_at,
                moved_at: record.time("completed_at").or_else(|| record.time("started_at")).unwrap_or(created_at),
                block: None,
            });
        }
        drop(rows);
        self.read_blocks(&mut bones).await?;
        Ok(bones)
    }

    async fn read_blocks(&mut self, bones: &mut [Bone]) -> Result<(), sqlx::Error> {
        if !self.has.contains("task_events") {
            return Ok(());
        }
        let mut rows = sqlx::query(BLOCKS).fetch(&mut self.connection);
        while let Some(row) = rows.try_next().await? {
            let record = Record::new(&row);
            let (Some(card), Some(kind)) = (record.number("task_rowid"), record.word("kind")) else { continue };
            let Ok(index) = bones.binary_search_by_key(&card, |bone| bone.rowid) else { continue };
            bones[index].block = match kind.as_str() {
                "blocked" | "gave_up" => {
                    let payload = record.text("payload").unwrap_or_default();
                    // silent-ok: a payload that is no JSON has no reason in it
                    let payload: serde_json::Value = serde_json::from_str(&payload).unwrap_or_default();
                    let field = if kind == "gave_up" { "error" } else { "reason" };
                    let reason = payload.get(field).and_then(serde_json::Value::as_str).unwrap_or_default();
                    Some(Block {
                        reason: super::map::cut(reason, MAX_REASON_BYTES).to_owned(),
                        gave_up: kind == "gave_up",
                        at: record.time("created_at"),
                    })
                }
                _ => None,
            };
        }
        Ok(())
    }

    pub(super) async fn links(&mut self) -> Result<Vec<RawLink>, sqlx::Error> {
        if !self.has.contains("task_links") {
            return Ok(Vec::new());
        }
        let mut links = Vec::new();
        let mut rows = sqlx::query(LINKS).fetch(&mut self.connection);
        while let Some(row) = rows.try_next().await? {
            let record = Record::new(&row);
            let end = |column: &str| record.word(column).unwrap_or_else(|| "nothing".to_owned());
            let (parent, child) = (record.number("parent_rowid"), record.number("child_rowid"));
            // Only a link that cannot be taken is ever named.
            let text = if parent.is_some() && child.is_some() && parent != child {
                String::new()
            } else {
                format!("link {} → {}", end("parent_id"), end("child_id"))
            };
            links.push(RawLink { parent, child, text });
        }
        Ok(links)
    }

    pub(super) async fn cards(&mut self, rows: &str) -> Result<Vec<RawCard>, sqlx::Error> {
        let rows = sqlx::query(CARDS).bind(rows).fetch_all(&mut self.connection).await?;
        Ok(rows.iter().map(|row| raw_card(&Record::new(row))).collect())
    }

    pub(super) async fn runs(&mut self, rows: &str) -> Result<Vec<RawRun>, sqlx::Error> {
        if !self.has.contains("task_runs") {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(RUNS).bind(rows).fetch_all(&mut self.connection).await?;
        Ok(rows.iter().map(|row| raw_run(&Record::new(row))).collect())
    }

    pub(super) async fn comments(&mut self, rows: &str) -> Result<Vec<RawComment>, sqlx::Error> {
        if !self.has.contains("task_comments") {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(COMMENTS).bind(rows).fetch_all(&mut self.connection).await?;
        let comment = |record: &Record<'_>| RawComment {
            rowid: record.number("import_rowid").unwrap_or_default(),
            card: record.number("task_rowid").unwrap_or_default(),
            author: record.word("author"),
            body: record.text("body").unwrap_or_default(),
            created_at: record.time("created_at"),
            damaged: record.damaged(),
        };
        Ok(rows.iter().map(|row| comment(&Record::new(row))).collect())
    }

    pub(super) async fn attachments(&mut self, rows: &str) -> Result<Vec<RawAttachment>, sqlx::Error> {
        if !self.has.contains("task_attachments") {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(ATTACHMENTS).bind(rows).fetch_all(&mut self.connection).await?;
        let file = |record: &Record<'_>| RawAttachment {
            rowid: record.number("import_rowid").unwrap_or_default(),
            card: record.number("task_rowid").unwrap_or_default(),
            name: record.word("filename"),
            path: record.text("stored_path"),
            bytes: record.number("size"),
            author: record.word("uploaded_by"),
            created_at: record.time("created_at"),
        };
        Ok(rows.iter().map(|row| file(&Record::new(row))).collect())
    }

    /// At most `limit` events of these cards after the row `after`.
    pub(super) async fn events(&mut self, rows: &str, after: i64, limit: u32) -> Result<Vec<RawEvent>, sqlx::Error> {
        if !self.has.contains("task_events") {
            return Ok(Vec::new());
        }
        let query = sqlx::query(EVENTS).bind(rows).bind(after).bind(limit);
        let rows = query.fetch_all(&mut self.connection).await?;
        let event = |record: &Record<'_>| RawEvent {
            rowid: record.number("import_rowid").unwrap_or_default(),
            card: record.number("task_rowid").unwrap_or_default(),
            run: record.word("run_id"),
            kind: record.word("kind").unwrap_or_else(|| "unknown".to_owned()),
            payload: record.text("payload"),
            created_at: record.time("created_at"),
        };
        Ok(rows.iter().map(|row| event(&Record::new(row))).collect())
    }

    /// Events of cards that are there, and signs of life.
    pub(super) async fn event_counts(&mut self) -> Result<(u64, u64), sqlx::Error> {
        if !self.has.contains("task_events") {
            return Ok((0, 0));
        }
        let events = count(&mut self.connection, COUNT_EVENTS).await?;
        Ok((events, count(&mut self.connection, COUNT_SIGNS).await?))
    }

    /// What belongs to cards that are gone: the kind in words, and how many.
    pub(super) async fn lost(&mut self) -> Result<Vec<(&'static str, u64)>, sqlx::Error> {
        let mut lost = Vec::new();
        for (table, name, statement) in [
            ("task_runs", "runs", LOST_RUNS),
            ("task_comments", "comments", LOST_COMMENTS),
            ("task_events", "events", LOST_EVENTS),
            ("task_attachments", "attachments", LOST_ATTACHMENTS),
        ] {
            if self.has.contains(table) {
                let rows = count(&mut self.connection, statement).await?;
                if rows > 0 {
                    lost.push((name, rows));
                }
            }
        }
        Ok(lost)
    }
}

/// Why a schema cannot be read.
enum Failure {
    Sql(sqlx::Error),
    Import(ImportError),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

async fn count(connection: &mut SqliteConnection, statement: &'static str) -> Result<u64, sqlx::Error> {
    let rows: i64 = sqlx::query_scalar(statement).fetch_one(connection).await?;
    Ok(rows.unsigned_abs())
}

fn header(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut header = Vec::new();
    std::fs::File::open(path)?.take(16).read_to_end(&mut header)?;
    Ok(header)
}

/// A card's id; a card without one goes by its row.
fn card_id(record: &Record<'_>) -> String {
    record.word("id").unwrap_or_else(|| format!("row {}", record.number("import_rowid").unwrap_or_default()))
}

fn status(record: &Record<'_>) -> String {
    record.word("status").unwrap_or_default().to_lowercase()
}

fn raw_card(record: &Record<'_>) -> RawCard {
    RawCard {
        rowid: record.number("import_rowid").unwrap_or_default(),
        id: card_id(record),
        title: record.text("title").unwrap_or_default(),
        body: record.text("body").unwrap_or_default(),
        status: status(record),
        assignee: record.word("assignee"),
        priority: record.number("priority").unwrap_or(0),
        created_by: record.word("created_by"),
        created_at: record.time("created_at"),
        started_at: record.time("started_at"),
        completed_at: record.time("completed_at"),
        scheduled_at: record.time("scheduled_at"),
        workspace_kind: record.word("workspace_kind"),
        workspace_path: record.word("workspace_path"),
        branch: record.word("branch_name"),
        tenant: record.text("tenant").filter(|text| !text.trim().is_empty()),
        result: record.text("result"),
        idempotency_key: record.word("idempotency_key"),
        failures: record.number("consecutive_failures").or_else(|| record.number("spawn_failures")).unwrap_or(0),
        last_error: record.word("last_failure_error").or_else(|| record.word("last_spawn_error")),
        max_runtime: record.number("max_runtime_seconds"),
        max_retries: record.number("max_retries"),
        skills: record.word("skills"),
        model: record.word("model_override"),
        damaged: record.damaged(),
        odd: record.odd(),
    }
}

fn raw_run(record: &Record<'_>) -> RawRun {
    let rowid = record.number("import_rowid").unwrap_or_default();
    RawRun {
        rowid,
        card: record.number("task_rowid").unwrap_or_default(),
        id: record.word("id").unwrap_or_else(|| rowid.to_string()),
        profile: record.word("profile"),
        status: status(record),
        outcome: record.word("outcome").map(|word| word.to_lowercase()),
        started_at: record.time("started_at"),
        ended_at: record.time("ended_at"),
        heartbeat_at: record.time("last_heartbeat_at"),
        summary: record.text("summary").filter(|text| !text.trim().is_empty()),
        metadata: record.word("metadata"),
        error: record.text("error").filter(|text| !text.trim().is_empty()),
        damaged: record.damaged(),
    }
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqliteConnectOptions;
    use sqlx::{ConnectOptions, Executor};

    use super::*;

    const ALL_SQL: &[&str] = &[
        COLUMNS,
        BONES,
        BLOCKS,
        LINKS,
        CARDS,
        RUNS,
        COMMENTS,
        ATTACHMENTS,
        EVENTS,
        COUNT_EVENTS,
        COUNT_SIGNS,
        LOST_RUNS,
        LOST_COMMENTS,
        LOST_EVENTS,
        LOST_ATTACHMENTS,
    ];

    #[tokio::test]
    async fn every_statement_prepares_on_the_old_schema_and_every_column_is_known() {
        let mut db = SqliteConnectOptions::new().in_memory(true).connect().await.unwrap();
        sqlx::raw_sql(include_str!("../../tests/it/import/schema.sql")).execute(&mut db).await.unwrap();
        for statement in ALL_SQL {
            if let Err(error) = (&mut db).prepare(sqlx::SqlStr::from_static(statement)).await {
                panic!("{error}\n{statement}");
            }
        }
        let columns: Vec<String> = sqlx::query_scalar(COLUMNS).bind("tasks").fetch_all(&mut db).await.unwrap();
        assert_eq!(columns.len(), 35);
        for column in columns {
            assert!(KNOWN_COLUMNS.contains(&column.as_str()), "{column}");
        }
    }
}
