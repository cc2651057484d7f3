//! SQL of decisions.

use protocol::{
    CardId, DecisionId, DecisionKind, DecisionState, DecisionView, SettleDecisionParams, Settlement, SnoozedDecision,
    UndoId,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use uuid::Uuid;

use super::NewDecision;
use super::OpenMark;
use crate::kanban::{self, KanbanError, UNDO_WINDOW_MS, word};
use crate::{Actor, text};

/// Longest ask and summary a view carries, in bytes; the whole text is on the card's page.
const MAX_VIEW_BYTES: i64 = 16_000;
/// A list shows one line of each, so it carries less of their texts.
const MAX_LISTED_BYTES: i64 = 400;

macro_rules! view_columns {
    () => {
        "SELECT d.id AS decision_id, d.version, d.kind, d.state AS decision_state, substr(CAST(d.ask AS BLOB), 1, ?1) AS ask,
                substr(CAST(d.summary AS BLOB), 1, ?1) AS summary, d.options, d.profile, d.created_at, d.verb, d.comment,
                d.settled_by, d.device, d.settled_at, d.undo_id, d.then_continue, d.snoozed_until, b.slug AS board, c.id, c.number, c.title, c.state,
                r.cost_micros, CASE WHEN r.started_at IS NULL THEN NULL
                    ELSE CAST(max(COALESCE(r.ended_at, r.heartbeat_at, r.started_at) - r.started_at, 0) AS INTEGER) / 1000
                END AS run_seconds
           FROM decision d JOIN kanban_card c ON c.id = d.card_id JOIN kanban_board b ON b.id = c.board_id
           LEFT JOIN kanban_run r ON r.id = d.run_id "
    };
}

const VIEW: &str = concat!(view_columns!(), "WHERE d.id = ?2 AND c.deleted_at IS NULL");
const OPEN_VIEWS: &str = concat!(
    view_columns!(),
    "WHERE d.state = 'open' AND d.snoozed_until IS NULL AND c.deleted_at IS NULL ORDER BY d.created_at, d.id LIMIT 100"
);
const SNOOZED_VIEWS: &str = concat!(
    view_columns!(),
    "WHERE d.state = 'open' AND d.snoozed_until IS NOT NULL AND c.deleted_at IS NULL
     ORDER BY d.snoozed_until, d.id LIMIT 100"
);
const OPEN_COUNT: &str = "SELECT count(*) FROM decision WHERE state = 'open' AND snoozed_until IS NULL";
const SNOOZED_COUNT: &str = "SELECT count(*) FROM decision WHERE state = 'open' AND snoozed_until IS NOT NULL";
// Differs when another one came in the place of one that went, and when one was put off until another time. The sum is
// one of seconds, so that no number of decisions makes it too large.
const OPEN_MARK: &str = "SELECT count(*) FILTER (WHERE snoozed_until IS NULL), COALESCE(max(id), x''),
        COALESCE(min(id), x''), COALESCE(sum(version), 0), COALESCE(sum(snoozed_until / 1000), 0)
    FROM decision WHERE state = 'open'";
const FIRST_OPEN: &str =
    "SELECT id FROM decision WHERE state = 'open' AND snoozed_until IS NULL ORDER BY created_at, id LIMIT 1";
const INSERT: &str = "INSERT INTO decision
    (id, kind, card_id, run_id, profile, ask, summary, options, created_at, then_continue)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const SETTLE: &str = "UPDATE decision
    SET state = 'settled', verb = ?3, comment = ?4, settled_by = ?5, device = ?6, settled_at = ?7
    WHERE id = ?1 AND version = ?2 AND state = 'open' RETURNING summary, then_continue";
const WITHDRAW: &str = "UPDATE decision SET state = 'withdrawn' WHERE id = ?1 AND state = 'open'";
const REOPEN: &str = "UPDATE decision
    SET state = 'open', version = version + 1, verb = NULL, comment = NULL, settled_by = NULL, device = NULL,
        settled_at = NULL, undo_id = NULL
    WHERE id = ?1 AND state IN ('settled', 'withdrawn')";
const SET_UNDO: &str = "UPDATE decision SET undo_id = ?2 WHERE id = ?1";
const SNOOZED_UNTIL: &str = "SELECT snoozed_until FROM decision WHERE id = ?1 AND state = 'open'";
const SNOOZE: &str = "UPDATE decision SET snoozed_until = ?2 WHERE id = ?1 AND state = 'open'";
// One that is put off for longer than anybody may was so by a clock that was ahead.
const DUE: &str = "SELECT id FROM decision WHERE state = 'open' AND snoozed_until IS NOT NULL
    AND (snoozed_until <= ?1 OR snoozed_until > ?2) ORDER BY snoozed_until LIMIT ?3";
const NEXT_DUE: &str = "SELECT min(snoozed_until) FROM decision WHERE state = 'open' AND snoozed_until IS NOT NULL";
const WAKE: &str = "UPDATE decision SET snoozed_until = NULL
    WHERE id = ?1 AND state = 'open' AND (snoozed_until <= ?2 OR snoozed_until > ?3) RETURNING card_id, kind, ask";

pub(super) async fn insert(
    tx: &mut SqliteConnection,
    id: DecisionId,
    new: &NewDecision<'_>,
    options: &str,
    now: i64,
) -> Result<(), KanbanError> {
    sqlx::query(INSERT)
        .bind(id.0)
        .bind(new.kind.as_str())
        .bind(new.card.id.0)
        .bind(new.run.map(|run| run.0))
        .bind(new.profile)
        .bind(new.ask)
        .bind(new.summary)
        .bind(options)
        .bind(now)
        .bind(new.then_continue)
        .execute(tx)
        .await?;
    Ok(())
}

/// What a settled decision leaves to its card.
pub(super) struct Settled {
    pub(super) summary: String,
    pub(super) then_continue: bool,
}

/// `None` when somebody else was faster or the version is old.
pub(super) async fn settle(
    tx: &mut SqliteConnection,
    params: &SettleDecisionParams,
    comment: &str,
    actor: &Actor,
    now: i64,
) -> Result<Option<Settled>, KanbanError> {
    let row: Option<(String, bool)> = sqlx::query_as(SETTLE)
        .bind(params.id.0)
        .bind(params.version)
        .bind(params.verb.as_str())
        .bind(comment)
        .bind(actor.name())
        .bind(actor.device())
        .bind(now)
        .fetch_optional(tx)
        .await?;
    Ok(row.map(|(summary, then_continue)| Settled { summary, then_continue }))
}

pub(super) async fn withdraw(tx: &mut SqliteConnection, id: DecisionId, _now: i64) -> Result<(), KanbanError> {
    sqlx::query(WITHDRAW).bind(id.0).execute(tx).await?;
    Ok(())
}

pub(super) async fn reopen(tx: &mut SqliteConnection, id: DecisionId) -> Result<(), KanbanError> {
    sqlx::query(REOPEN).bind(id.0).execute(tx).await?;
    Ok(())
}

pub(super) async fn set_undo(
    tx: &mut SqliteConnection,
    id: DecisionId,
    undo: Option<UndoId>,
) -> Result<(), KanbanError> {
    sqlx::query(SET_UNDO).bind(id.0).bind(undo.map(|undo| undo.0)).execute(tx).await?;
    Ok(())
}

pub(super) async fn open_mark(connection: &mut SqliteConnection) -> Result<OpenMark, KanbanError> {
    let (count, newest, oldest, versions, snoozed) = sqlx::query_as(OPEN_MARK).fetch_one(connection).await?;
    Ok(OpenMark { count, newest, oldest, versions, snoozed })
}

pub(super) async fn open_count(connection: &mut SqliteConnection) -> Result<i64, KanbanError> {
    Ok(sqlx::query_scalar(OPEN_COUNT).fetch_one(connection).await?)
}

pub(super) async fn first_open(connection: &mut SqliteConnection) -> Result<Option<DecisionId>, KanbanError> {
    let id: Option<Uuid> = sqlx::query_scalar(FIRST_OPEN).fetch_optional(connection).await?;
    Ok(id.map(DecisionId))
}

pub(super) async fn view(
    connection: &mut SqliteConnection,
    id: DecisionId,
    now: i64,
) -> Result<Option<DecisionView>, KanbanError> {
    let row = sqlx::query(VIEW).bind(MAX_VIEW_BYTES).bind(id.0).fetch_optional(connection).await?;
    Ok(row.map(|row| decision_view(&row, now)).transpose()?)
}

pub(super) async fn open_views(connection: &mut SqliteConnection) -> Result<Vec<DecisionView>, KanbanError> {
    let rows = sqlx::query(OPEN_VIEWS).bind(MAX_LISTED_BYTES).fetch_all(connection).await?;
    let views = rows.iter().map(|row| decision_view(row, 0)).collect::<Result<_, sqlx::Error>>()?;
    Ok(views)
}

pub(super) async fn snoozed_views(connection: &mut SqliteConnection) -> Result<Vec<SnoozedDecision>, KanbanError> {
    let rows = sqlx::query(SNOOZED_VIEWS).bind(MAX_LISTED_BYTES).fetch_all(connection).await?;
    let snoozed = |row| Ok(SnoozedDecision { decision: decision_view(row, 0)?, until: row.try_get("snoozed_until")? });
    Ok(rows.iter().map(snoozed).collect::<Result<_, sqlx::Error>>()?)
}

pub(super) async fn snoozed_count(connection: &mut SqliteConnection) -> Result<i64, KanbanError> {
    Ok(sqlx::query_scalar(SNOOZED_COUNT).fetch_one(connection).await?)
}

/// Until when an open decision is put off; `None` when it is not open.
pub(super) async fn snoozed_until(
    tx: &mut SqliteConnection,
    id: DecisionId,
) -> Result<Option<Option<i64>>, KanbanError> {
    Ok(sqlx::query_scalar(SNOOZED_UNTIL).bind(id.0).fetch_optional(tx).await?)
}

pub(super) async fn set_snoozed(
    tx: &mut SqliteConnection,
    id: DecisionId,
    until: Option<i64>,
) -> Result<(), KanbanError> {
    sqlx::query(SNOOZE).bind(id.0).bind(until).execute(tx).await?;
    Ok(())
}

/// Decisions whose time has come, or that are put off until later than `latest`.
pub(super) async fn due(
    connection: &mut SqliteConnection,
    now: i64,
    latest: i64,
    limit: i64,
) -> Result<Vec<DecisionId>, KanbanError> {
    let ids: Vec<Uuid> = sqlx::query_scalar(DUE).bind(now).bind(latest).bind(limit).fetch_all(connection).await?;
    Ok(ids.into_iter().map(DecisionId).collect())
}

pub(super) async fn next_due(connection: &mut SqliteConnection) -> Result<Option<i64>, KanbanError> {
    Ok(sqlx::query_scalar(NEXT_DUE).fetch_one(connection).await?)
}

/// A decision that has just come back.
pub(super) struct Woken {
    pub(super) card: CardId,
    pub(super) kind: DecisionKind,
    pub(super) ask: String,
}

/// `None` when somebody else was faster.
pub(super) async fn wake(
    tx: &mut SqliteConnection,
    id: DecisionId,
    now: i64,
    latest: i64,
) -> Result<Option<Woken>, KanbanError> {
    let row = sqlx::query(WAKE).bind(id.0).bind(now).bind(latest).fetch_optional(tx).await?;
    let woken = |row: SqliteRow| {
        let card = CardId(row.try_get("card_id")?);
        Ok::<_, sqlx::Error>(Woken { card, kind: word(&row, "kind")?, ask: row.try_get("ask")? })
    };
    Ok(row.map(woken).transpose()?)
}

fn decision_view(row: &SqliteRow, now: i64) -> Result<DecisionView, sqlx::Error> {
    let state: DecisionState = word(row, "decision_state")?;
    let settled_at: Option<i64> = row.try_get("settled_at")?;
    let settlement = match settled_at {
        Some(at) => Some(Settlement {
            verb: word(row, "verb")?,
            comment: row.try_get::<Option<String>, _>("comment")?.unwrap_or_default(),
            by: row.try_get::<Option<String>, _>("settled_by")?.unwrap_or_default(),
            device: row.try_get::<Option<String>, _>("device")?.unwrap_or_default(),
            at,
            by_you: false,
            undo: row
                .try_get::<Option<Uuid>, _>("undo_id")?
                .map(UndoId)
                .filter(|_| now.saturating_sub(at) < UNDO_WINDOW_MS),
        }),
        None => None,
    };
    let summary = text::cut_bytes(row.try_get("summary")?);
    let options: String = row.try_get("options")?;
    Ok(DecisionView {
        id: DecisionId(row.try_get("decision_id")?),
        version: row.try_get("version")?,
        kind: word(row, "kind")?,
        state,
        card: kanban::link_from_row(row)?,
        board: row.try_get("board")?,
        ask: text::cut_bytes(row.try_get("ask")?),
        summary_html: text::markdown(&summary),
        options: serde_json::from_str(&options).map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
        profile: row.try_get("profile")?,
        cost_micros: row.try_get("cost_micros")?,
        run_seconds: row.try_get("run_seconds")?,
        created_at: row.try_get("created_at")?,
        settlement,
        then_continue: row.try_get("then_continue")?,
        runs_program: false,
        snoozed_until: row.try_get::<Option<i64>, _>("snoozed_until")?.filter(|_| state == DecisionState::Open),
    })
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn every_statement_prepares() {
        crate::store::tests::prepare_all(&[
            super::VIEW,
            super::OPEN_VIEWS,
            super::OPEN_COUNT,
            super::OPEN_MARK,
            super::FIRST_OPEN,
            super::INSERT,
            super::SETTLE,
            super::WITHDRAW,
            super::REOPEN,
            super::SET_UNDO,
            super::SNOOZED_VIEWS,
            super::SNOOZED_COUNT,
            super::SNOOZED_UNTIL,
            super::SNOOZE,
            super::DUE,
            super::NEXT_DUE,
            super::WAKE,
        ])
        .await;
    }
}
