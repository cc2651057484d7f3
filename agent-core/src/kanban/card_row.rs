//! A card as the database holds it, and the reads that every write starts with.

use protocol::{BoardId, CardId, CardRef, CardState, DecisionId, RunId, WorkspaceKind};
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row, SqliteConnection};
use uuid::Uuid;

use super::KanbanError;

/// The columns of a card, in the order nobody depends on: they are read by name. Of the table that a statement calls
/// `c`; `bare` for `RETURNING`, which knows no such name.
macro_rules! card_columns {
    () => {
        card_columns!("c.")
    };
    (bare) => {
        card_columns!("")
    };
    ($of:literal) => {
        card_columns!($of,
             id number board_id title body state rank priority assignee created_by workspace_kind
             workspace_path scheduled_at hold_until backoff_until max_attempts max_runtime_s failures
             last_error attempts fence current_run_id open_decision_id summary comment_count cost_micros
             revision demo created_at state_at deleted_at branch base_commit repository shared_dir tenant
             skills model max_tokens max_cost_micros tokens tokens_before cost_micros_before due_at repeat
             stale done_at head_commit)
    };
    ($of:literal, $first:ident $($name:ident)*) => {
        concat!($of, stringify!($first), $(", ", $of, stringify!($name),)*)
    };
}
pub(super) use card_columns;

const BY_ID: &str = concat!("SELECT ", card_columns!(), " FROM kanban_card c WHERE c.id = ?1");
const BY_NUMBER: &str = concat!("SELECT ", card_columns!(), " FROM kanban_card c WHERE c.number = ?1");

/// A card row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CardRow {
    pub(crate) id: CardId,
    pub(crate) number: i64,
    pub(crate) board_id: BoardId,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) state: CardState,
    pub(crate) rank: String,
    pub(crate) priority: i32,
    pub(crate) assignee: Option<String>,
    pub(crate) created_by: String,
    pub(crate) workspace_kind: WorkspaceKind,
    pub(crate) workspace_path: Option<String>,
    pub(crate) scheduled_at: Option<i64>,
    pub(crate) hold_until: Option<i64>,
    pub(crate) backoff_until: Option<i64>,
    pub(crate) max_attempts: Option<u32>,
    pub(crate) max_runtime_s: Option<u32>,
    pub(crate) failures: u32,
    pub(crate) last_error: Option<String>,
    pub(crate) attempts: u32,
    pub(crate) fence: i64,
    pub(crate) current_run_id: Option<RunId>,
    pub(crate) open_decision_id: Option<DecisionId>,
    pub(crate) summary: Option<String>,
    pub(crate) comment_count: u32,
    pub(crate) cost_micros: Option<i64>,
    pub(crate) revision: i64,
    pub(crate) demo: bool,
    pub(crate) created_at: i64,
    pub(crate) state_at: i64,
    pub(crate) deleted_at: Option<i64>,
    pub(crate) branch: Option<String>,
    pub(crate) base_commit: Option<String>,
    pub(crate) repository: Option<String>,
    pub(crate) shared_dir: bool,
    pub(crate) tenant: Option<String>,
    /// A JSON array of names.
    pub(crate) skills: String,
    pub(crate) model: Option<String>,
    pub(crate) max_tokens: Option<i64>,
    pub(crate) max_cost_micros: Option<i64>,
    pub(crate) tokens: i64,
    pub(crate) tokens_before: i64,
    pub(crate) cost_micros_before: i64,
    pub(crate) due_at: Option<i64>,
    pub(crate) repeat: Option<String>,
    pub(crate) stale: bool,
    pub(crate) done_at: Option<i64>,
    /// The last commit of a branch whose worktree is gone.
    pub(crate) head_commit: Option<String>,
}

impl CardRow {
    /// `T-142`.
    pub(crate) fn label(&self) -> String {
        format!("T-{}", self.number)
    }

    /// What events and audit rows call it.
    pub(crate) fn object(&self) -> String {
        format!("card:T-{}", self.number)
    }

    /// Names of the skills its worker loads.
    pub(crate) fn skill_names(&self) -> Vec<String> {
        serde_json::from_str(&self.skills).unwrap_or_default() // silent-ok: only this crate writes the column
    }

    /// What of its budget is spent, in words; `None` while it may go on.
    pub(crate) fn spent_budget(&self) -> Option<String> {
        let tokens = self.tokens - self.tokens_before;
        if let Some(limit) = self.max_tokens.filter(|limit| tokens >= *limit) {
            return Some(format!("the card's {limit} tokens are used up ({tokens} so far)"));
        }
        let cost = self.cost_micros.unwrap_or(0) - self.cost_micros_before;
        let limit = self.max_cost_micros.filter(|limit| cost >= *limit)?;
        Some(format!("the card's ${} are spent (${} so far)", dollars(limit), dollars(cost)))
    }
}

impl FromRow<'_, SqliteRow> for CardRow {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: CardId(row.try_get("id")?),
            number: row.try_get("number")?,
            board_id: BoardId(row.try_get("board_id")?),
            title: row.try_get("title")?,
            body: row.try_get("body")?,
            state: word(row, "state")?,
            rank: row.try_get("rank")?,
            priority: row.try_get("priority")?,
            assignee: row.try_get("assignee")?,
            created_by: row.try_get("created_by")?,
            workspace_kind: word(row, "workspace_kind")?,
            workspace_path: row.try_get("workspace_path")?,
            scheduled_at: row.try_get("scheduled_at")?,
            hold_until: row.try_get("hold_until")?,
            backoff_until: row.try_get("backoff_until")?,
            max_attempts: row.try_get("max_attempts")?,
            max_runtime_s: row.try_get("max_runtime_s")?,
            failures: row.try_get("failures")?,
            last_error: row.try_get("last_error")?,
            attempts: row.try_get("attempts")?,
            fence: row.try_get("fence")?,
            current_run_id: row.try_get::<Option<Uuid>, _>("current_run_id")?.map(RunId),
            open_decision_id: row.try_get::<Option<Uuid>, _>("open_decision_id")?.map(DecisionId),
            summary: row.try_get("summary")?,
            comment_count: row.try_get("comment_count")?,
            cost_micros: row.try_get("cost_micros")?,
            revision: row.try_get("revision")?,
            demo: row.try_get("demo")?,
            created_at: row.try_get("created_at")?,
            state_at: row.try_get("state_at")?,
            deleted_at: row.try_get("deleted_at")?,
            branch: row.try_get("branch")?,
            base_commit: row.try_get("base_commit")?,
            repository: row.try_get("repository")?,
            shared_dir: row.try_get("shared_dir")?,
            tenant: row.try_get("tenant")?,
            skills: row.try_get("skills")?,
            model: row.try_get("model")?,
            max_tokens: row.try_get("max_tokens")?,
            max_cost_micros: row.try_get("max_cost_micros")?,
            tokens: row.try_get("tokens")?,
            tokens_before: row.try_get("tokens_before")?,
            cost_micros_before: row.try_get("cost_micros_before")?,
            due_at: row.try_get("due_at")?,
            repeat: row.try_get("repeat")?,
            stale: row.try_get("stale")?,
            done_at: row.try_get("done_at")?,
            head_commit: row.try_get("head_commit")?,
        })
    }
}

/// `1.50` of 1,500,000 millionths.
fn dollars(micros: i64) -> String {
    format!("{}.{:02}", micros / 1_000_000, micros % 1_000_000 / 10_000)
}

/// Reads a word of a closed enum; an unknown one means a newer Hermes wrote it.
pub(crate) fn word<T>(row: &SqliteRow, column: &str) -> Result<T, sqlx::Error>
where
    T: std::str::FromStr<Err = protocol::UnknownWord>,
{
    let text: String = row.try_get(column)?;
    text.parse().map_err(|error: protocol::UnknownWord| sqlx::Error::Decode(Box::new(error)))
}

/// The card, unless it was deleted.
pub(crate) async fn load(connection: &mut SqliteConnection, card: CardRef) -> Result<CardRow, KanbanError> {
    let row = load_any(connection, card).await?;
    if row.deleted_at.is_some() {
        let label = row.label();
        let way = format!("`hermes kanban restore {label}` brings it back within 30 days");
        return Err(KanbanError::NotFound(format!("{label} was deleted; {way}")));
    }
    Ok(row)
}

/// The card, deleted or not.
pub(super) async fn load_any(connection: &mut SqliteConnection, card: CardRef) -> Result<CardRow, KanbanError> {
    let found: Option<CardRow> = match card {
        CardRef::Id(id) => sqlx::query_as(BY_ID).bind(id.0).fetch_optional(connection).await?,
        CardRef::Number(number) => sqlx::query_as(BY_NUMBER).bind(number).fetch_optional(connection).await?,
    };
    found.ok_or_else(|| {
        KanbanError::NotFound(match card {
            CardRef::Id(id) => format!("there is no card with the id {id}; `hermes kanban list` shows them"),
            CardRef::Number(number) => format!("there is no card T-{number}; `hermes kanban list` shows them"),
        })
    })
}
