//! Reads for the card's page, and for what workers read of a card.

use protocol::{
    AttachmentId, AttachmentView, CardDetail, CardId, CardLink, CardRef, CardSettings, CommentId, CommentView,
    DecisionId, LineAnchor, RUN_PAGE, RunEventView, RunId, RunPage, RunSummary,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::faces::{self, into_cards};
use super::newest_seq;
use crate::kanban::card_row::{self, CardRow, word};
use crate::kanban::readiness::Readiness;
use crate::kanban::{KanbanError, board_store, diagnose, triage};
use crate::{Core, decisions, text};

const MAX_RUN_EVENTS: i64 = 200;

const PARENTS: &str =
    "SELECT p.id, p.number, p.title, p.state FROM kanban_link l JOIN kanban_card p ON p.id = l.parent_id
     WHERE l.child_id = ?1 AND p.deleted_at IS NULL ORDER BY p.state IN ('done', 'archived'), p.number LIMIT 100";
const PARENT_COUNTS: &str = "SELECT count(*) FILTER (WHERE p.state IN ('done', 'archived')), count(*)
      FROM kanban_link l JOIN kanban_card p ON p.id = l.parent_id WHERE l.child_id = ?1 AND p.deleted_at IS NULL";
const CHILDREN: &str =
    "SELECT k.id, k.number, k.title, k.state FROM kanban_link l JOIN kanban_card k ON k.id = l.child_id
     WHERE l.parent_id = ?1 AND k.deleted_at IS NULL ORDER BY k.number LIMIT 100";
const RUNS: &str = "SELECT id, attempt, profile, executor, claimed_at, started_at, ended_at, outcome, summary, error,
        tokens_in, tokens_out, cost_micros, model, NULLIF(tidied_days, 0) AS tidied_days
    FROM kanban_run WHERE card_id = ?1 AND attempt < ?2 ORDER BY attempt DESC LIMIT ?3";
const COMMENTS: &str = "SELECT id, author, by_worker, body, created_at, path, line FROM kanban_comment
    WHERE card_id = ?1 ORDER BY id DESC LIMIT 100";
const RUN_EVENTS_AFTER: &str = "SELECT seq, kind, name, detail, ok, at FROM kanban_run_event
    WHERE run_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
const RUN_EVENTS_LAST: &str = "SELECT seq, kind, name, detail, ok, at FROM kanban_run_event
    WHERE run_id = ?1 ORDER BY seq DESC LIMIT ?2";
const ATTACHMENTS: &str = "SELECT id, name, media_type, bytes, author, by_worker, created_at FROM kanban_attachment
    WHERE card_id = ?1 AND removed_at IS NULL ORDER BY id LIMIT 100";

/// Everything the card page shows.
///
/// # Errors
/// `NotFound` when there is no such card.
pub async fn card_detail(core: &Core, card: CardRef) -> Result<CardDetail, KanbanError> {
    let mut tx = core.store().reader().begin().await?;
    let row = card_row::load(&mut tx, card).await?;
    let seq = newest_seq(&mut tx).await?;
    let board = board_store::by_id(&mut tx, row.board_id).await?;
    let readiness = Readiness::read(core, &mut tx).await?;
    let face = faces::by_id(&mut tx, &[row.id.0]).await?;
    let Some(face) = into_cards(&readiness, face).pop() else {
        return Err(KanbanError::NotFound("the card is gone".into()));
    };
    let runs = runs(&mut tx, row.id).await?;
    let activity = match runs.first() {
        Some(newest) => last_run_events(&mut tx, newest.id).await?,
        None => Vec::new(),
    };
    let parents = links(&mut tx, PARENTS, row.id).await?;
    let (parents_done, parents_all) = sqlx::query_as(PARENT_COUNTS).bind(row.id.0).fetch_one(&mut *tx).await?;
    let children = links(&mut tx, CHILDREN, row.id).await?;
    let comments = comments(&mut tx, row.id).await?;
    let attachments = attachments(&mut tx, row.id).await?;
    let proposal = match row.state {
        protocol::CardState::Triage => triage::view_in(&mut tx, row.id, core.now_ms()).await?,
        _ => None,
    };
    let settings = settings(&row);
    let decision = match row.open_decision_id {
        Some(id) => Some(decisions::view_in(&mut tx, id, core.now_ms()).await?),
        None => None,
    };
    // What is to be judged stands with the question, once.
    let is_asked_about = decision.as_ref().is_some_and(|decision| decision.kind == protocol::DecisionKind::Review);
    let findings = if row.demo { Vec::new() } else { diagnose::of_card(core, &mut tx, &face).await? };
    tx.rollback().await?;
    let runs_program = readiness.runs_program(face.assignee.as_deref());
    Ok(CardDetail {
        findings,
        runs_program,
        card: face,
        board,
        body_html: text::markdown(&row.body),
        body: row.body,
        summary_html: row.summary.as_deref().filter(|_| !is_asked_about).map(text::markdown),
        decision,
        parents,
        parents_done,
        parents_all,
        children,
        runs,
        activity,
        comments,
        attachments,
        proposal,
        settings,
        created_by: row.created_by,
        created_at: row.created_at,
        workspace_kind: row.workspace_kind,
        workspace_path: row.workspace_path,
        last_error: row.last_error,
        seq,
        now: core.now_ms(),
        profiles: readiness.summaries(),
    })
}

async fn links(
    connection: &mut SqliteConnection,
    sql: &'static str,
    card: CardId,
) -> Result<Vec<CardLink>, KanbanError> {
    let rows = sqlx::query(sql).bind(card.0).fetch_all(connection).await?;
    let links = rows.iter().map(link_from_row).collect::<Result<_, sqlx::Error>>()?;
    Ok(links)
}

/// A link from a row with `id`, `number`, `title` and `state`.
pub(crate) fn link_from_row(row: &SqliteRow) -> Result<CardLink, sqlx::Error> {
    Ok(CardLink {
        id: CardId(row.try_get("id")?),
        number: row.try_get("number")?,
        title: row.try_get("title")?,
        state: word(row, "state")?,
    })
}

pub(in crate::kanban) async fn runs(
    connection: &mut SqliteConnection,
    card: CardId,
) -> Result<Vec<RunSummary>, KanbanError> {
    runs_before(connection, card, u32::MAX, RUN_PAGE).await
}

/// Runs of a card that came before an attempt, newest first.
///
/// # Errors
/// `NotFound` for an unknown card.
pub async fn earlier_runs(core: &Core, card: CardRef, before: u32) -> Result<RunPage, KanbanError> {
    let mut tx = core.store().reader().begin().await?;
    let row = card_row::load(&mut tx, card).await?;
    let mut runs = runs_before(&mut tx, row.id, before, RUN_PAGE + 1).await?;
    tx.rollback().await?;
    let more = runs.len() > RUN_PAGE as usize;
    runs.truncate(RUN_PAGE as usize);
    Ok(RunPage { runs, more })
}

async fn runs_before(
    connection: &mut SqliteConnection,
    card: CardId,
    before: u32,
    limit: u32,
) -> Result<Vec<RunSummary>, KanbanError> {
    let rows = sqlx::query(RUNS).bind(card.0).bind(before).bind(limit).fetch_all(connection).await?;
    let runs = rows
        .iter()
        .map(|row| {
            let outcome: Option<String> = row.try_get("outcome")?;
            Ok(RunSummary {
                id: RunId(row.try_get("id")?),
                attempt: row.try_get("attempt")?,
                profile: row.try_get("profile")?,
                executor: word(row, "executor")?,
                claimed_at: row.try_get("claimed_at")?,
                started_at: row.try_get("started_at")?,
                ended_at: row.try_get("ended_at")?,
                outcome: match outcome {
                    Some(_) => Some(word(row, "outcome")?),
                    None => None,
                },
                summary: row.try_get("summary")?,
                error: row.try_get("error")?,
                tokens_in: row.try_get("tokens_in")?,
                tokens_out: row.try_get("tokens_out")?,
                cost_micros: row.try_get("cost_micros")?,
                model: row.try_get("model")?,
                tidied_days: row.try_get("tidied_days")?,
            })
        })
        .collect::<Result<_, sqlx::Error>>()?;
    Ok(runs)
}

/// A comment as it was written.
pub(in crate::kanban) struct RawComment {
    pub(in crate::kanban) id: CommentId,
    pub(in crate::kanban) author: String,
    pub(in crate::kanban) by_worker: bool,
    pub(in crate::kanban) body: String,
    pub(in crate::kanban) created_at: i64,
    pub(in crate::kanban) anchor: Option<LineAnchor>,
}

/// Comments as written, oldest first, the last 100.
pub(in crate::kanban) async fn raw_comments(
    connection: &mut SqliteConnection,
    card: CardId,
) -> Result<Vec<RawComment>, KanbanError> {
    let mut rows = sqlx::query(COMMENTS).bind(card.0).fetch_all(connection).await?;
    rows.reverse();
    let comments = rows
        .iter()
        .map(|row| {
            let path: Option<String> = row.try_get("path")?;
            let line: Option<u32> = row.try_get("line")?;
            Ok(RawComment {
                id: CommentId(row.try_get("id")?),
                author: row.try_get("author")?,
                by_worker: row.try_get("by_worker")?,
                body: row.try_get("body")?,
                created_at: row.try_get("created_at")?,
                anchor: path.map(|path| LineAnchor { path, line }),
            })
        })
        .collect::<Result<_, sqlx::Error>>()?;
    Ok(comments)
}

pub(in crate::kanban) async fn comments(
    connection: &mut SqliteConnection,
    card: CardId,
) -> Result<Vec<CommentView>, KanbanError> {
    let rows = raw_comments(connection, card).await?;
    Ok(rows
        .into_iter()
        .map(|row| CommentView {
            id: row.id,
            author: row.author,
            by_worker: row.by_worker,
            html: text::markdown(&row.body),
            created_at: row.created_at,
            anchor: row.anchor,
        })
        .collect())
}

/// Files of a card, oldest first, at most 100.
pub(in crate::kanban) async fn attachments(
    connection: &mut SqliteConnection,
    card: CardId,
) -> Result<Vec<AttachmentView>, KanbanError> {
    let rows = sqlx::query(ATTACHMENTS).bind(card.0).fetch_all(connection).await?;
    let files = rows
        .iter()
        .map(|row| {
            Ok(AttachmentView {
                id: AttachmentId(row.try_get("id")?),
                name: row.try_get("name")?,
                media_type: row.try_get("media_type")?,
                bytes: row.try_get("bytes")?,
                author: row.try_get("author")?,
                by_worker: row.try_get("by_worker")?,
                created_at: row.try_get("created_at")?,
            })
        })
        .collect::<Result<_, sqlx::Error>>()?;
    Ok(files)
}

fn settings(row: &CardRow) -> CardSettings {
    CardSettings {
        skills: row.skill_names(),
        model: row.model.clone(),
        max_attempts: row.max_attempts,
        max_runtime_s: row.max_runtime_s,
        max_tokens: row.max_tokens,
        tokens: row.tokens,
        repeat: row.repeat.clone(),
        scheduled_at: row.scheduled_at,
        branch: row.branch.clone(),
        repository: row.repository.clone(),
        shared_dir: row.shared_dir,
    }
}

/// Parents and children of a card.
pub(in crate::kanban) async fn family(
    connection: &mut SqliteConnection,
    card: CardId,
) -> Result<(Vec<CardLink>, Vec<CardLink>), KanbanError> {
    Ok((links(connection, PARENTS, card).await?, links(connection, CHILDREN, card).await?))
}

pub(in crate::kanban) fn run_event(row: &SqliteRow) -> Result<RunEventView, sqlx::Error> {
    Ok(RunEventView {
        seq: row.try_get("seq")?,
        kind: word(row, "kind")?,
        name: row.try_get("name")?,
        detail: row.try_get("detail")?,
        ok: row.try_get("ok")?,
        at: row.try_get("at")?,
    })
}

async fn last_run_events(connection: &mut SqliteConnection, run: RunId) -> Result<Vec<RunEventView>, KanbanError> {
    let mut rows = sqlx::query(RUN_EVENTS_LAST).bind(run.0).bind(MAX_RUN_EVENTS).fetch_all(connection).await?;
    rows.reverse();
    let events = rows.iter().map(run_event).collect::<Result<_, sqlx::Error>>()?;
    Ok(events)
}

/// A run's activity after `after`, at most 200 entries.
///
/// # Errors
/// When the database fails.
pub async fn run_events(core: &Core, run: RunId, after: i64) -> Result<Vec<RunEventView>, KanbanError> {
    let query = sqlx::query(RUN_EVENTS_AFTER).bind(run.0).bind(after).bind(MAX_RUN_EVENTS);
    let rows = query.fetch_all(core.store().reader()).await?;
    let events = rows.iter().map(run_event).collect::<Result<_, sqlx::Error>>()?;
    Ok(events)
}

/// The id of a card's open decision, for answering from the command line.
///
/// # Errors
/// `NotFound` for an unknown card, `Conflict` when it asks nothing.
pub async fn open_decision_of(core: &Core, card: CardRef) -> Result<DecisionId, KanbanError> {
    let mut reader = core.store().reader().acquire().await.map_err(crate::store::StoreError::from)?;
    let row = card_row::load(&mut reader, card).await?;
    row.open_decision_id
        .ok_or_else(|| KanbanError::Conflict(format!("{} is in {} and asks nothing", row.label(), row.state.title())))
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] =
    &[PARENTS, PARENT_COUNTS, CHILDREN, RUNS, COMMENTS, ATTACHMENTS, RUN_EVENTS_AFTER, RUN_EVENTS_LAST];
