//! What a worker may do with its own card, and nothing else. Every call names the run and its fencing token;
//! a late one is refused and changes nothing.

mod ending;
mod files;
mod planning;
mod start;

use std::path::PathBuf;

use protocol::{CardId, CardRef, ExecutorKind, RunEventKind, RunId, RunOutcome, SessionId, WorkspaceKind};
use sqlx::{Row, SqliteConnection};
use uuid::Uuid;

use super::card_row::{self, CardRow, load, word};
use super::{KanbanError, comments, context, input};
use crate::llm::TokenUsage;
use crate::{Actor, Core, ModelConfig, text};

pub use ending::{BlockWords, Handover, block, block_with, complete, complete_with, fail};
pub use files::{attach, detach};
pub use planning::{MAX_LISTED, create, create_or_find, link, list, unlink};
pub use start::{LONGEST_LEASE_SECONDS, OutsideWork, SHORTEST_LEASE_SECONDS, start, start_outside};

/// Longest entry of a run's activity, in bytes.
const MAX_EVENT_BYTES: usize = 16 * 1024;
/// Entries of one run that are kept; later ones are counted, not stored, except the last of all.
const MAX_RUN_EVENTS: i64 = 20_000;

/// How long after its end a run may still say what it did before.
const LATE_ACTIVITY_MS: i64 = 10_000;

const OWNED: &str = "SELECT r.card_id, r.profile, r.executor, r.session_id, r.events, r.claimed_at
      FROM kanban_run r JOIN kanban_card c ON c.id = r.card_id AND c.current_run_id = r.id AND c.fence = r.fence
     WHERE r.id = ?1 AND r.fence = ?2 AND r.ended_at IS NULL AND c.deleted_at IS NULL";
// A run that its own worker has just ended, through `complete` or `block` from inside what it runs.
const ENDED_BY_ITSELF: &str = "SELECT r.events FROM kanban_run r JOIN kanban_card c ON c.id = r.card_id
     WHERE r.id = ?1 AND r.fence = ?2 AND c.fence = r.fence AND r.outcome IN ('completed', 'review', 'blocked')
       AND r.ended_at > ?3";
const RUN_STATE: &str = "SELECT outcome, error FROM kanban_run WHERE id = ?1";
// Who works outside of Hermes may have asked for longer, which a sign of life does not shorten. What ends later than any
// lease can was written while the clock was ahead.
const RENEW: &str = "UPDATE kanban_run SET heartbeat_at = ?2, lease_until = CASE
        WHEN pid IS NULL AND lease_until > ?3 AND lease_until <= ?2 + ?4 THEN lease_until ELSE ?3 END WHERE id = ?1";
const INSERT_EVENT: &str =
    "INSERT INTO kanban_run_event (run_id, seq, kind, name, detail, ok, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const COUNT_EVENTS: &str = "UPDATE kanban_run SET events = ?2 WHERE id = ?1";
const ADD_USAGE: &str = "UPDATE kanban_run SET tokens_in = tokens_in + ?2, tokens_out = tokens_out + ?3,
    cost_micros = CASE WHEN ?4 IS NULL THEN cost_micros ELSE COALESCE(cost_micros, 0) + ?4 END WHERE id = ?1";
const ADD_CARD_USAGE: &str = "UPDATE kanban_card
    SET tokens = tokens + ?2,
        cost_micros = CASE WHEN ?3 IS NULL THEN cost_micros ELSE COALESCE(cost_micros, 0) + ?3 END WHERE id = ?1";

/// A worker's proof that the card is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunTicket {
    /// The run.
    pub run: RunId,
    /// The fencing token of the claim.
    pub fence: i64,
}

/// What a worker shall do.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The proof for every later call.
    pub ticket: RunTicket,
    /// Card number, title and body.
    pub number: i64,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// Title.
    pub title: String,
    /// Body.
    pub body: String,
    /// Board slug.
    pub board: String,
    /// Profile that works.
    pub profile: String,
    /// How it works.
    pub executor: ExecutorKind,
    /// Program and arguments of a `command` profile.
    pub command: Vec<String>,
    /// Working directory; exists.
    pub workspace: PathBuf,
    /// Whether the workspace is the card's own and not somebody's directory.
    pub workspace_kind: WorkspaceKind,
    /// The run's conversation.
    pub session: SessionId,
    /// The bounded text an agent reads first: card, earlier attempts, parents' results, comments.
    pub context: String,
    /// The whole card as JSON for `command` executors.
    pub card_json: serde_json::Value,
    /// Unix ms at which the run must be over.
    pub deadline: i64,
    /// The model to use instead of the profile's.
    pub model: Option<String>,
    /// Model calls allowed.
    pub max_turns: u32,
    /// Lease in seconds; heartbeat at least three times within it.
    pub lease_seconds: u32,
}

/// A new entry of the run's activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRunEvent {
    /// Kind.
    pub kind: RunEventKind,
    /// Tool name or empty.
    pub name: String,
    /// Text; cut at 16 KB by the store.
    pub detail: String,
    /// Success of a tool.
    pub ok: bool,
}

/// Tokens and money of one model call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Prompt tokens.
    pub tokens_in: i64,
    /// Completion tokens.
    pub tokens_out: i64,
    /// Millionths of a dollar, when the price is known.
    pub cost_micros: Option<i64>,
}

impl Usage {
    /// Tokens as a server counted them, with their price as far as the settings know it.
    #[must_use]
    pub fn of(tokens: TokenUsage, model: &ModelConfig) -> Self {
        let count = |tokens: u64| i64::try_from(tokens).unwrap_or(i64::MAX);
        // A price is dollars per million tokens, so tokens times price is millionths of a dollar.
        let cost = match (model.price_in, model.price_out) {
            (None, None) => None,
            (price_in, price_out) => {
                let micros =
                    tokens.input as f64 * price_in.unwrap_or(0.0) + tokens.output as f64 * price_out.unwrap_or(0.0);
                Some(micros.round() as i64)
            }
        };
        Self { tokens_in: count(tokens.input), tokens_out: count(tokens.output), cost_micros: cost }
    }
}

/// The run behind a ticket that is still good.
struct Owned {
    card: CardRow,
    profile: String,
    executor: ExecutorKind,
    session: SessionId,
    events: i64,
    claimed_at: i64,
}

impl Owned {
    fn actor(&self, ticket: RunTicket) -> Actor {
        Actor::Worker { run: ticket.run, profile: self.profile.clone() }
    }
}

async fn own(tx: &mut SqliteConnection, ticket: RunTicket) -> Result<Owned, KanbanError> {
    let row = sqlx::query(OWNED).bind(ticket.run.0).bind(ticket.fence).fetch_optional(&mut *tx).await?;
    let Some(row) = row else { return Err(fenced(tx, ticket).await?) };
    let session: Option<Uuid> = row.try_get("session_id")?;
    let card: Uuid = row.try_get("card_id")?;
    Ok(Owned {
        profile: row.try_get("profile")?,
        executor: word(&row, "executor")?,
        session: SessionId(session.unwrap_or_default()),
        events: row.try_get("events")?,
        claimed_at: row.try_get("claimed_at")?,
        card: load(tx, CardRef::Id(protocol::CardId(card))).await?,
    })
}

async fn fenced(tx: &mut SqliteConnection, ticket: RunTicket) -> Result<KanbanError, KanbanError> {
    let row: Option<(Option<String>, Option<String>)> =
        sqlx::query_as(RUN_STATE).bind(ticket.run.0).fetch_optional(tx).await?;
    Ok(KanbanError::Fenced(match row {
        None => "there is no such run".to_owned(),
        Some((Some(outcome), error)) => match error {
            Some(error) => format!("it ended as {outcome} ({error})"),
            None => format!("it ended as {outcome}"),
        },
        Some((None, _)) => "the fencing token is not this run's".to_owned(),
    }))
}

fn lease_until(core: &Core) -> i64 {
    core.now_ms() + i64::from(core.config().kanban.claim_ttl_seconds) * 1000
}

/// Renews the lease.
///
/// # Errors
/// `Fenced` means stop at once.
pub async fn heartbeat(core: &Core, ticket: RunTicket) -> Result<(), KanbanError> {
    let mut tx = core.write().await?;
    own(&mut tx, ticket).await?;
    renew(core, &mut tx, ticket).await?;
    tx.commit().await?;
    Ok(())
}

async fn renew(core: &Core, tx: &mut SqliteConnection, ticket: RunTicket) -> Result<(), KanbanError> {
    sqlx::query(RENEW)
        .bind(ticket.run.0)
        .bind(core.now_ms())
        .bind(lease_until(core))
        .bind(i64::from(LONGEST_LEASE_SECONDS) * 1000)
        .execute(tx)
        .await?;
    Ok(())
}

/// Appends activity; renews the lease too.
///
/// # Errors
/// `Fenced` when the card is no longer this run's.
pub async fn record(core: &Core, ticket: RunTicket, events: Vec<NewRunEvent>) -> Result<(), KanbanError> {
    if events.is_empty() {
        return Ok(());
    }
    let mut tx = core.write().await?;
    match own(&mut tx, ticket).await {
        Ok(owned) => {
            append(core, &mut tx, ticket, owned.events, events).await?;
            renew(core, &mut tx, ticket).await?;
        }
        // A program that reports its end is a child of the worker, which has what the program said before only now.
        // It is kept, and the worker is still told that the run is over.
        Err(fenced @ KanbanError::Fenced(_)) => {
            let since = core.now_ms() - LATE_ACTIVITY_MS;
            let query = sqlx::query_scalar(ENDED_BY_ITSELF).bind(ticket.run.0).bind(ticket.fence).bind(since);
            let ended: Option<i64> = query.fetch_optional(&mut *tx).await?;
            let Some(already) = ended else { return Err(fenced) };
            append(core, &mut tx, ticket, already, events).await?;
            tx.commit().await?;
            return Err(fenced);
        }
        Err(error) => return Err(error),
    }
    tx.commit().await?;
    Ok(())
}

async fn append(
    core: &Core,
    tx: &mut SqliteConnection,
    ticket: RunTicket,
    already: i64,
    events: Vec<NewRunEvent>,
) -> Result<(), KanbanError> {
    let now = core.now_ms();
    let mut seq = already;
    for event in events {
        seq += 1;
        if seq > MAX_RUN_EVENTS {
            if seq == MAX_RUN_EVENTS + 1 {
                tracing::warn!(run = %ticket.run, "the run's activity is too long; what follows is only in its log");
            }
            continue;
        }
        let detail = if seq == MAX_RUN_EVENTS {
            "The activity is longer than is kept here; the rest is in the run's log.".to_owned()
        } else {
            cut(&event.detail)
        };
        insert_event(tx, ticket.run, seq, event.kind, &event.name, &detail, event.ok, now).await?;
    }
    sqlx::query(COUNT_EVENTS).bind(ticket.run.0).bind(seq).execute(tx).await?;
    Ok(())
}

/// Writes the last entry of a run's activity: how it ended, and why. It is kept however long the activity is.
pub(super) async fn end_activity(
    tx: &mut SqliteConnection,
    run: RunId,
    already: i64,
    outcome: RunOutcome,
    (ok, why): (bool, &str),
    now: i64,
) -> Result<(), KanbanError> {
    let seq = already + 1;
    insert_event(tx, run, seq, RunEventKind::Ended, outcome.as_str(), &cut(why), ok, now).await?;
    sqlx::query(COUNT_EVENTS).bind(run.0).bind(seq).execute(tx).await?;
    Ok(())
}

#[allow(clippy::too_many_arguments, reason = "one column each, named at the only two call sites")]
async fn insert_event(
    tx: &mut SqliteConnection,
    run: RunId,
    seq: i64,
    kind: RunEventKind,
    name: &str,
    detail: &str,
    ok: bool,
    now: i64,
) -> Result<(), KanbanError> {
    sqlx::query(INSERT_EVENT)
        .bind(run.0)
        .bind(seq)
        .bind(kind.as_str())
        .bind(name)
        .bind(detail)
        .bind(ok)
        .bind(now)
        .execute(tx)
        .await?;
    Ok(())
}

/// Keeps the head and the tail of a long text, cut at character borders.
fn cut(text: &str) -> String {
    if text.len() <= MAX_EVENT_BYTES {
        return text.to_owned();
    }
    let half = MAX_EVENT_BYTES / 2 - 50;
    let head_end = (0..=half).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let tail_start = (text.len() - half..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    let left_out = tail_start - head_end;
    format!("{}\n… {left_out} bytes left out …\n{}", &text[..head_end], &text[tail_start..])
}

/// Adds to the run's tokens and cost.
///
/// # Errors
/// `Fenced` when the card is no longer this run's.
pub async fn add_usage(core: &Core, ticket: RunTicket, usage: Usage) -> Result<(), KanbanError> {
    let mut tx = core.write().await?;
    let owned = own(&mut tx, ticket).await?;
    sqlx::query(ADD_USAGE)
        .bind(ticket.run.0)
        .bind(usage.tokens_in)
        .bind(usage.tokens_out)
        .bind(usage.cost_micros)
        .execute(&mut *tx)
        .await?;
    add_card_usage(&mut tx, owned.card.id, usage).await?;
    tx.commit().await?;
    Ok(())
}

/// Adds to what a card has used, also outside a run.
pub(super) async fn add_card_usage(tx: &mut SqliteConnection, card: CardId, usage: Usage) -> Result<(), KanbanError> {
    let tokens = usage.tokens_in.saturating_add(usage.tokens_out);
    sqlx::query(ADD_CARD_USAGE).bind(card.0).bind(tokens).bind(usage.cost_micros).execute(tx).await?;
    Ok(())
}

/// What of the card's budget is spent, in words; `None` while the run may go on.
///
/// # Errors
/// `Fenced` when the card is no longer this run's.
pub async fn spent_budget(core: &Core, ticket: RunTicket) -> Result<Option<String>, KanbanError> {
    let mut tx = core.store().reader().begin().await?;
    let owned = own(&mut tx, ticket).await?;
    tx.rollback().await?;
    Ok(owned.card.spent_budget())
}

/// Comments on any card of the same board, in the profile's name.
///
/// # Errors
/// `Fenced`, or `NotFound` for an unknown card.
pub async fn comment(core: &Core, ticket: RunTicket, card: CardRef, body: &str) -> Result<(), KanbanError> {
    let body = text::redact(input::needed_text("comment", body)?);
    let mut tx = core.write().await?;
    let owned = own(&mut tx, ticket).await?;
    let target = load(&mut tx, card).await?;
    require_same_board(&target, &owned)?;
    comments::comment_in(&mut tx, &owned.actor(ticket), &target, &body, None, core.now_ms()).await?;
    tx.commit().await?;
    Ok(())
}

/// A board is a boundary for the workers of its cards.
fn require_same_board(card: &CardRow, owned: &Owned) -> Result<(), KanbanError> {
    if card.board_id == owned.card.board_id {
        return Ok(());
    }
    Err(KanbanError::Denied(format!("{} is on another board", card.label())))
}

/// Whose ticket it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The card the run works on.
    pub card: protocol::CardId,
    /// Its number.
    pub number: i64,
    /// Its board's slug.
    pub board: String,
    /// The profile that works.
    pub profile: String,
}

/// The card and the profile behind a ticket that is still good.
///
/// # Errors
/// `Fenced` when the card is no longer this run's.
pub async fn holder(core: &Core, ticket: RunTicket) -> Result<Holder, KanbanError> {
    let mut tx = core.store().reader().begin().await?;
    let owned = own(&mut tx, ticket).await?;
    let board = super::board_store::by_id(&mut tx, owned.card.board_id).await?;
    tx.rollback().await?;
    Ok(Holder { card: owned.card.id, number: owned.card.number, board: board.slug, profile: owned.profile })
}

/// Whether the run still owns its card.
///
/// # Errors
/// When the database fails.
pub async fn owns(core: &Core, ticket: RunTicket) -> Result<bool, KanbanError> {
    let mut reader = core.store().reader().acquire().await.map_err(crate::store::StoreError::from)?;
    match own(&mut reader, ticket).await {
        Ok(_) => Ok(true),
        Err(KanbanError::Fenced(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A card as JSON for `kanban_show`: fields, parents, children, comments, runs. A run sees the cards of its own board.
///
/// # Errors
/// `NotFound` when there is no such card; `Fenced`, and `Denied` for a card of another board, when a run asks.
pub async fn show(core: &Core, by: Option<RunTicket>, card: CardRef) -> Result<serde_json::Value, KanbanError> {
    let mut tx = core.store().reader().begin().await?;
    let row = card_row::load(&mut tx, card).await?;
    if let Some(ticket) = by {
        let owned = own(&mut tx, ticket).await?;
        require_same_board(&row, &owned)?;
    }
    let json = context::json(core, &mut tx, &row).await?;
    tx.rollback().await?;
    Ok(json)
}

#[cfg(test)]
pub(in crate::kanban) use planning::ALL_SQL as PLANNING_SQL;

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[
    OWNED,
    ENDED_BY_ITSELF,
    RUN_STATE,
    start::START,
    RENEW,
    INSERT_EVENT,
    COUNT_EVENTS,
    ADD_USAGE,
    ADD_CARD_USAGE,
    start::SET_MODEL,
    start::SET_WORKSPACE,
];

#[cfg(test)]
mod tests {
    use super::{MAX_EVENT_BYTES, cut};

    #[test]
    fn long_output_keeps_head_and_tail_and_stays_valid_text() {
        assert_eq!(cut("short"), "short");
        let long = format!("head{}tail", "字".repeat(MAX_EVENT_BYTES));
        let kept = cut(&long);
        assert!(kept.len() <= MAX_EVENT_BYTES);
        assert!(kept.starts_with("head") && kept.ends_with("tail") && kept.contains("left out"));
    }
}
