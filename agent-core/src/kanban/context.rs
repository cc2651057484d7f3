//! What a worker reads about its card: one bounded text for agents, one JSON for programs.

use protocol::CardId;
use sqlx::{Row, SqliteConnection};

use super::card_row::CardRow;
use super::{KanbanError, history, recovery, view};
use crate::{Core, text};

const MAX_BODY: usize = 8 * 1024;
const MAX_FIELD: usize = 4 * 1024;
/// One byte more than is shown tells that something was cut.
const CUT_FIELD: i64 = MAX_FIELD as i64 + 1;
const MAX_COMMENT: usize = 2 * 1024;
const ATTEMPTS: usize = 10;
const COMMENTS: usize = 30;
const PARENTS: i64 = 20;
const FILES: usize = 30;
const RECENT: i64 = 5;
const MAX_RECENT_CHARS: usize = 200;
const EVENTS: u32 = 20;

const PARENT_RESULTS: &str = "SELECT p.number, p.title, substr(CAST(p.summary AS BLOB), 1, ?2) AS summary, p.state_at,
        (SELECT substr(CAST(r.metadata AS BLOB), 1, ?2) FROM kanban_run r
          WHERE r.card_id = p.id AND r.outcome = 'completed' ORDER BY r.attempt DESC LIMIT 1) AS facts
      FROM kanban_link l JOIN kanban_card p ON p.id = l.parent_id
     WHERE l.child_id = ?1 AND p.state IN ('done', 'archived') AND p.summary IS NOT NULL AND p.deleted_at IS NULL
     ORDER BY p.state_at DESC LIMIT ?3";
const FACTS_OF_RUNS: &str = "SELECT attempt, substr(CAST(metadata AS BLOB), 1, ?2) FROM kanban_run
     WHERE card_id = ?1 AND metadata IS NOT NULL ORDER BY attempt DESC LIMIT 20";
// Among the last cards that were finished, so that the cost does not grow with the board.
const RECENT_RESULTS: &str = "SELECT number, title, substr(CAST(summary AS BLOB), 1, 2000), state_at FROM (
        SELECT id, number, title, assignee, summary, state_at FROM kanban_card
         WHERE board_id = ?1 AND state = 'done' AND deleted_at IS NULL ORDER BY updated_at DESC, id DESC LIMIT 200)
     WHERE assignee = ?2 AND id <> ?3 AND summary IS NOT NULL LIMIT ?4";

/// The text an agent reads first. Everything in it has a limit, so the whole has one too.
pub(super) async fn text(
    core: &Core,
    connection: &mut SqliteConnection,
    card: &CardRow,
    profile: &str,
) -> Result<String, KanbanError> {
    let now = core.now_ms();
    let mut out = format!("# Card T-{}: {}\n\n", card.number, card.title);
    let by = quoted(&card.created_by);
    out.push_str(&format!("Assignee: {profile} · attempt {} · created by `{by}`\n", card.attempts));
    if let Some(path) = &card.workspace_path {
        out.push_str(&format!("Works in: {path} ({})\n", card.workspace_kind));
    }
    let runtime = card.max_runtime_s.unwrap_or(core.config().kanban.max_runtime_seconds);
    out.push_str(&format!("Longest run: {}\n", recovery::duration_in_words(runtime)));
    if let Some(due) = card.due_at.and_then(chrono::DateTime::from_timestamp_millis) {
        let late = if due.timestamp_millis() < now { ", which is past" } else { "" };
        out.push_str(&format!("Due: {}{late}\n", due.format("%Y-%m-%d %H:%M UTC")));
    }
    if let Some(tenant) = &card.tenant {
        out.push_str(&format!("Tenant: {}\n", text::excerpt(tenant, 200)));
    }
    if let Some(branch) = &card.branch {
        out.push_str(&format!("Branch: {branch}\n"));
    }
    let skills = card.skill_names();
    if !skills.is_empty() {
        out.push_str(&format!("Skills to use: {}\n", skills.join(", ")));
    }
    if !card.body.trim().is_empty() {
        out.push_str("\n## What is asked\n\n");
        out.push_str(&clip(&card.body, MAX_BODY));
        out.push('\n');
    }
    push_files(core, connection, card, &mut out).await?;
    push_attempts(connection, card, &mut out).await?;
    push_parents(connection, card.id, now, &mut out).await?;
    push_recent(connection, card, now, &mut out).await?;
    push_comments(connection, card, now, &mut out).await?;
    Ok(out)
}

/// A name in backticks cannot be mistaken for an instruction, so backticks and line ends in it are dropped.
fn quoted(name: &str) -> String {
    name.chars().filter(|c| *c != '`' && !c.is_control()).collect()
}

fn push_facts(facts: Option<&[u8]>, out: &mut String) {
    if let Some(facts) = facts {
        out.push_str(&format!("Facts: {}\n", clip_cut(facts)));
    }
}

async fn push_files(
    core: &Core,
    connection: &mut SqliteConnection,
    card: &CardRow,
    out: &mut String,
) -> Result<(), KanbanError> {
    let files = view::attachments(connection, card.id).await?;
    if files.is_empty() {
        return Ok(());
    }
    out.push_str("\n## Files of the card\n\n");
    for file in files.iter().take(FILES) {
        let at = core.home().attachments().join(file.id.to_string());
        let name: String = file.name.chars().filter(|c| *c != '`').collect();
        out.push_str(&format!("- `{name}` ({}, {} bytes): {}\n", file.media_type, file.bytes, at.display()));
    }
    if files.len() > FILES {
        out.push_str(&format!("- {} more\n", files.len() - FILES));
    }
    Ok(())
}

async fn push_attempts(connection: &mut SqliteConnection, card: &CardRow, out: &mut String) -> Result<(), KanbanError> {
    let mut runs = view::runs(connection, card.id).await?;
    runs.retain(|run| run.ended_at.is_some());
    let Some(newest) = runs.first() else { return Ok(()) };
    let facts: Vec<(u32, Vec<u8>)> =
        sqlx::query_as(FACTS_OF_RUNS).bind(card.id.0).bind(CUT_FIELD).fetch_all(connection).await?;
    out.push_str("\n## Earlier attempts\n");
    let left_out = (newest.attempt as usize).saturating_sub(runs.len().min(ATTEMPTS));
    if left_out > 0 {
        out.push_str(&format!("\n({left_out} earlier ones are left out)\n"));
    }
    for run in runs.iter().take(ATTEMPTS).rev() {
        let outcome = run.outcome.map_or("ended", protocol::RunOutcome::as_str);
        out.push_str(&format!("\n### Attempt {} by {}: {outcome}\n", run.attempt, run.profile));
        for part in [&run.summary, &run.error].into_iter().flatten() {
            out.push_str(&clip(part, MAX_FIELD));
            out.push('\n');
        }
        let of_run = facts.iter().find(|(attempt, _)| *attempt == run.attempt);
        push_facts(of_run.map(|(_, facts)| facts.as_slice()), out);
    }
    Ok(())
}

async fn push_parents(
    connection: &mut SqliteConnection,
    card: CardId,
    now: i64,
    out: &mut String,
) -> Result<(), KanbanError> {
    let rows = sqlx::query(PARENT_RESULTS).bind(card.0).bind(CUT_FIELD).bind(PARENTS).fetch_all(connection).await?;
    if rows.is_empty() {
        return Ok(());
    }
    out.push_str("\n## Results of the cards before this one\n");
    for row in rows {
        let number: i64 = row.try_get("number")?;
        let title: String = row.try_get("title")?;
        let summary = clip_cut(row.try_get("summary")?);
        let age = ago(now.saturating_sub(row.try_get("state_at")?));
        out.push_str(&format!("\n### T-{number}: {title} ({age})\n{summary}\n"));
        push_facts(row.try_get("facts")?, out);
    }
    Ok(())
}

/// What the same profile finished last, in a line each.
async fn push_recent(
    connection: &mut SqliteConnection,
    card: &CardRow,
    now: i64,
    out: &mut String,
) -> Result<(), KanbanError> {
    let Some(assignee) = &card.assignee else { return Ok(()) };
    let query = sqlx::query_as(RECENT_RESULTS).bind(card.board_id.0).bind(assignee).bind(card.id.0).bind(RECENT);
    let recent: Vec<(i64, String, Vec<u8>, i64)> = query.fetch_all(connection).await?;
    if recent.is_empty() {
        return Ok(());
    }
    out.push_str(&format!("\n## Recent work of {}\n\n", quoted(assignee)));
    for (number, title, summary, at) in recent {
        let first_line = text::excerpt(&text::cut_bytes(&summary), MAX_RECENT_CHARS);
        out.push_str(&format!("- T-{number}: {title} ({}): {first_line}\n", ago(now.saturating_sub(at))));
    }
    Ok(())
}

async fn push_comments(
    connection: &mut SqliteConnection,
    card: &CardRow,
    now: i64,
    out: &mut String,
) -> Result<(), KanbanError> {
    let comments = view::raw_comments(connection, card.id).await?;
    if comments.is_empty() {
        return Ok(());
    }
    out.push_str("\n## Comments\n");
    let unread = comments.len().saturating_sub(COMMENTS);
    let left_out = (card.comment_count as usize).saturating_sub(comments.len() - unread);
    if left_out > 0 {
        out.push_str(&format!("\n({left_out} earlier ones are left out)\n"));
    }
    for comment in comments.iter().skip(unread) {
        let author = quoted(&comment.author);
        let who = if comment.by_worker { "worker" } else { "person" };
        let anchor = comment.anchor.as_ref().map(|anchor| match anchor.line {
            Some(line) => format!(" on `{}` line {line}", quoted(&anchor.path)),
            None => format!(" on `{}`", quoted(&anchor.path)),
        });
        out.push_str(&format!(
            "\nComment from {who} `{author}`{}, {}:\n{}\n",
            anchor.unwrap_or_default(),
            ago(now.saturating_sub(comment.created_at)),
            clip(&comment.body, MAX_COMMENT)
        ));
    }
    Ok(())
}

/// "18h ago"; clocks that disagree give "just now" instead of the future.
fn ago(ms: i64) -> String {
    match ms / 1000 {
        i64::MIN..=59 => "just now".to_owned(),
        seconds @ 60..=3599 => format!("{}m ago", seconds / 60),
        seconds @ 3600..=86_399 => format!("{}h ago", seconds / 3600),
        seconds => format!("{}d ago", seconds / 86_400),
    }
}

fn clip(source: &str, max: usize) -> String {
    if source.len() <= max {
        return source.to_owned();
    }
    let end = (0..=max).rev().find(|at| source.is_char_boundary(*at)).unwrap_or(0);
    format!("{}\n… ({} bytes left out; kanban_show has more)", &source[..end], source.len() - end)
}

/// A field of which the database gave no more than [`CUT_FIELD`] bytes.
fn clip_cut(field: &[u8]) -> String {
    let whole = text::cut_bytes(field.get(..MAX_FIELD).unwrap_or(field));
    if field.len() <= MAX_FIELD { whole } else { format!("{whole}\n… (the rest is left out; kanban_show has it)") }
}

/// The card as JSON: what `kanban_show` and `command` executors get.
pub(super) async fn json(
    core: &Core,
    connection: &mut SqliteConnection,
    card: &CardRow,
) -> Result<serde_json::Value, KanbanError> {
    let runs = view::runs(connection, card.id).await?;
    let comments: Vec<_> = view::raw_comments(connection, card.id)
        .await?
        .into_iter()
        .map(|comment| {
            serde_json::json!({ "author": comment.author, "by_worker": comment.by_worker, "body": comment.body,
                "created_at": comment.created_at, "anchor": comment.anchor })
        })
        .collect();
    let labels = super::store::labels_of(connection, card.id).await?;
    let files: Vec<_> = view::attachments(connection, card.id)
        .await?
        .into_iter()
        .map(|file| {
            serde_json::json!({ "id": file.id, "name": file.name, "media_type": file.media_type, "bytes": file.bytes,
                "path": core.home().attachments().join(file.id.to_string()) })
        })
        .collect();
    let (parents, children) = view::family(connection, card.id).await?;
    let events = history::recent(connection, card, EVENTS).await?;
    Ok(serde_json::json!({
        "id": card.id, "number": card.number, "ref": card.label(), "title": card.title, "body": card.body,
        "state": card.state, "priority": card.priority, "assignee": card.assignee, "created_by": card.created_by,
        "created_at": card.created_at, "attempts": card.attempts, "failures": card.failures,
        "last_error": card.last_error.as_deref().map(|error| text::excerpt(error, 2000)), "summary": card.summary,
        "workspace_path": card.workspace_path, "workspace": card.workspace_kind, "branch": card.branch,
        "repository": card.repository, "tenant": card.tenant, "skills": card.skill_names(), "model": card.model,
        "base_commit": card.base_commit, "labels": labels, "attachments": files, "max_tokens": card.max_tokens, "tokens": card.tokens,
        "max_cost_micros": card.max_cost_micros, "cost_micros": card.cost_micros, "due_at": card.due_at, "parents": parents, "children": children, "comments": comments,
        "runs": runs, "events": events, "now": core.now_ms(),
    }))
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[PARENT_RESULTS, FACTS_OF_RUNS, RECENT_RESULTS];

#[cfg(test)]
mod tests {
    use super::{ago, clip};

    #[test]
    fn ages_are_relative_and_never_in_the_future() {
        assert_eq!(ago(-5_000), "just now");
        assert_eq!(ago(90_000), "1m ago");
        assert_eq!(ago(18 * 3_600_000), "18h ago");
        assert_eq!(ago(3 * 86_400_000), "3d ago");
    }

    #[test]
    fn clipping_never_splits_a_character() {
        assert_eq!(clip("short", 10), "short");
        let clipped = clip(&"字".repeat(100), 10);
        assert!(clipped.starts_with("字字字\n…"));
    }
}
