//! Removes what nobody needs any more: directories of finished cards, files that were taken away, what `retention` does
//! not keep of cards finished long ago, and cards that were deleted a month ago.
//!
//! Everything is decided from the database and done afterwards, in small steps. What may not be removed is kept and
//! told, never guessed about.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use protocol::{AttachmentId, CardId, CardRef, WorkspaceKind};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::card_row::{self, CardRow};
use super::review::{self, Fate};
use super::undo::UNDO_WINDOW_MS;
use super::{KanbanError, attachments, retention};
use crate::task::Tasks;
use crate::workspaces::{self, Entry};
use crate::{Actor, Core, audit};

pub use super::retention::Retention;
pub use crate::workspaces::Leftover;

/// How often directories of finished cards are looked at.
const LOOK: Duration = Duration::from_secs(60);
/// How often everything else is, and directories that could not go.
const ROUND: Duration = Duration::from_secs(3600);
pub(super) const DAY_MS: i64 = 24 * 3_600_000;
/// Deleted cards go after this.
pub(super) const KEPT_MS: i64 = 30 * DAY_MS;
/// Cards that are read at once, to be removed for good.
const PURGE_BATCH: i64 = 20;
/// Rows that one transaction deletes.
pub(super) const CHUNK: i64 = 2_000;
const MAX_FILES: usize = 20_000;

const IN_USE: &str = "SELECT
    EXISTS (SELECT 1 FROM kanban_process WHERE card_id = ?1)
    OR EXISTS (SELECT 1 FROM kanban_link l JOIN kanban_card k ON k.id = l.child_id
        WHERE l.parent_id = ?1 AND k.deleted_at IS NULL AND k.state NOT IN ('done', 'archived'))
    OR EXISTS (SELECT 1 FROM kanban_card o
        WHERE o.workspace_kind = 'dir' AND o.deleted_at IS NULL AND o.id <> ?1
          AND o.workspace_path >= ?2 AND o.workspace_path < ?2 || '0'
          AND (o.workspace_path = ?2 OR o.workspace_path >= ?2 || '/') AND o.state NOT IN ('done', 'archived'))";
const PURGEABLE: &str = "SELECT deleted_at, id FROM kanban_card
    WHERE deleted_at < ?1 AND (deleted_at, id) > (?2, ?3)
    AND NOT EXISTS (SELECT 1 FROM kanban_process p WHERE p.card_id = kanban_card.id) ORDER BY deleted_at, id LIMIT ?4";
const FILES_OF: &str = "SELECT id FROM kanban_attachment WHERE card_id = ?1";
const PURGE_ACTIVITY: &str = "DELETE FROM kanban_run_event WHERE (run_id, seq) IN (
    SELECT e.run_id, e.seq FROM kanban_run r JOIN kanban_run_event e ON e.run_id = r.id WHERE r.card_id = ?1 LIMIT ?2)";
const PURGE_MESSAGES: &str = "DELETE FROM message WHERE (session_id, seq) IN (
    SELECT m.session_id, m.seq FROM session s JOIN message m ON m.session_id = s.id WHERE s.card_id = ?1 LIMIT ?2)";
const PURGE_EVENTS: &str = "DELETE FROM kanban_event WHERE seq IN (
    SELECT seq FROM kanban_event WHERE card_id = ?1 LIMIT ?2)";
const PURGE_CARD: &str = "DELETE FROM kanban_card WHERE id = ?1 AND deleted_at < ?2";
const REMOVED_FILES: &str = "SELECT id FROM kanban_attachment WHERE removed_at < ?1 LIMIT 500";
const FORGET_FILE: &str = "DELETE FROM kanban_attachment WHERE id = ?1 AND removed_at < ?2";
const IS_FILE: &str = "SELECT EXISTS (SELECT 1 FROM kanban_attachment WHERE id = ?1)";

/// What a round did.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tidied {
    /// Directories that were removed.
    pub directories: u32,
    /// Files of cards that were removed.
    pub files: u32,
    /// Logs that were removed.
    pub logs: u32,
    /// Runs of cards finished long ago whose activity and logs went.
    pub runs: u32,
    /// Entries of the history of such cards that went.
    pub events: u64,
    /// Cards that were removed for good.
    pub cards: u32,
    /// Directories of finished cards that are kept, and why.
    pub kept: Vec<Leftover>,
}

/// Tidies up until shutdown.
pub(super) fn start(core: Core, tasks: &Tasks) {
    let stop = tasks.stopping();
    tasks.spawn("housekeeping", async move {
        let mut waiting: HashMap<i64, i64> = HashMap::new();
        let mut next_round = core.now_ms();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(LOOK) => {}
            }
            let now = core.now_ms();
            let whole = now >= next_round;
            if whole {
                waiting.clear();
                next_round = now + i64::try_from(ROUND.as_millis()).unwrap_or(i64::MAX);
            }
            waiting.retain(|_, until| *until > now);
            let mut done = Tidied::default();
            let result = async {
                directories(&core, &waiting, &mut done).await?;
                if whole { everything_else(&core, Retention::configured(&core), &mut done).await } else { Ok(()) }
            };
            if let Err(error) = result.await {
                tracing::error!(%error, "tidying up failed; trying again later");
            }
            let again = now + i64::try_from(ROUND.as_millis()).unwrap_or(i64::MAX);
            waiting.extend(done.kept.iter().map(|kept| (kept.card, again)));
            let Tidied { directories, files, logs, runs, events, cards, .. } = done;
            if directories + files + logs + runs + cards > 0 || events > 0 {
                tracing::info!(directories, files, logs, runs, events, cards, "removed what nobody needs");
            }
        }
    });
}

/// One whole round, now.
///
/// # Errors
/// When the database fails or a directory cannot be listed; what was removed until then stays removed.
pub async fn tidy(core: &Core) -> Result<Tidied, KanbanError> {
    tidy_keeping(core, Retention::configured(core)).await
}

/// The same, with another say about for how long finished cards keep what they left.
///
/// # Errors
/// As [`tidy`].
pub async fn tidy_keeping(core: &Core, retention: Retention) -> Result<Tidied, KanbanError> {
    let mut done = Tidied::default();
    directories(core, &HashMap::new(), &mut done).await?;
    everything_else(core, retention, &mut done).await?;
    Ok(done)
}

async fn everything_else(core: &Core, retention: Retention, done: &mut Tidied) -> Result<(), KanbanError> {
    purge_cards(core, done).await?;
    removed_files(core, done).await?;
    retention::tidy(core, retention, done).await
}

fn unreadable(what: &Path, error: &std::io::Error) -> KanbanError {
    KanbanError::Invalid(format!("{} cannot be tidied: {error}; look at its rights", what.display()))
}

/// Directories that stay although their cards are finished, and why. Removes nothing.
///
/// # Errors
/// When the database fails or the directory cannot be listed.
pub async fn leftovers(core: &Core) -> Result<Vec<Leftover>, KanbanError> {
    let root = core.home().workspaces();
    let entries = workspaces::entries(core.home()).map_err(|error| unreadable(&root, &error))?;
    let mut kept = Vec::new();
    for entry in entries {
        let mut reader = core.store().reader().acquire().await.map_err(crate::store::StoreError::from)?;
        let wish = wish_of(core, &mut reader, &entry).await?;
        drop(reader);
        let why = match wish {
            Wish::Unknown => "it belongs to no card".to_owned(),
            Wish::RetireWorktree(card) => match review::why_worktree_stays(core, &card).await? {
                Some(why) => why,
                None => continue,
            },
            Wish::Keep | Wish::RemoveScratch => continue,
        };
        kept.push(leftover(entry, why));
    }
    Ok(kept)
}

fn leftover(entry: Entry, why: String) -> Leftover {
    Leftover { card: entry.number, bytes: workspaces::size_of(&entry.path), path: entry.path, why }
}

/// What shall become of a directory.
enum Wish {
    /// Its card needs it, or may need it again.
    Keep,
    /// No card has that number.
    Unknown,
    RemoveScratch,
    RetireWorktree(Box<CardRow>),
}

async fn wish_of(core: &Core, connection: &mut SqliteConnection, entry: &Entry) -> Result<Wish, KanbanError> {
    let card = match card_row::load_any(connection, CardRef::Number(entry.number)).await {
        Ok(card) => card,
        Err(KanbanError::NotFound(_)) => return Ok(Wish::Unknown),
        Err(error) => return Err(error),
    };
    let finished_at = card.state_at.max(card.deleted_at.unwrap_or(0));
    // While the end can be taken back, what was there must still be there.
    if !card.state.is_finished() || core.now_ms().saturating_sub(finished_at) < UNDO_WINDOW_MS {
        return Ok(Wish::Keep);
    }
    let path = entry.path.to_string_lossy();
    let in_use: bool = sqlx::query_scalar(IN_USE).bind(card.id.0).bind(path.as_ref()).fetch_one(connection).await?;
    Ok(match card.workspace_kind {
        _ if in_use => Wish::Keep,
        WorkspaceKind::Scratch => Wish::RemoveScratch,
        WorkspaceKind::Worktree => Wish::RetireWorktree(Box::new(card)),
        // Not made by us.
        WorkspaceKind::Dir => Wish::Keep,
    })
}

async fn directories(core: &Core, waiting: &HashMap<i64, i64>, done: &mut Tidied) -> Result<(), KanbanError> {
    let root = core.home().workspaces();
    let told = |error: std::io::Error| unreadable(&root, &error);
    if let Err(error) = finish_removals(core).await {
        // What is left over of one card keeps nobody else's.
        tracing::warn!(%error, "not everything that was set aside can be removed; trying again later");
    }
    for entry in workspaces::entries(core.home()).map_err(told)? {
        if waiting.contains_key(&entry.number) {
            continue;
        }
        let mut reader = core.store().reader().acquire().await.map_err(crate::store::StoreError::from)?;
        let wish = wish_of(core, &mut reader, &entry).await?;
        drop(reader);
        match wish {
            Wish::Keep => {}
            Wish::Unknown => done.kept.push(leftover(entry, "it belongs to no card".to_owned())),
            Wish::RemoveScratch => match remove_scratch(core, &entry).await {
                Ok(true) => done.directories += 1,
                Ok(false) => {}
                Err(KanbanError::Internal(error)) => return Err(error.into()),
                Err(error) => done.kept.push(leftover(entry, error.to_string())),
            },
            Wish::RetireWorktree(card) => match review::retire_worktree(core, &card).await? {
                Fate::Gone => done.directories += 1,
                Fate::Kept(why) => done.kept.push(leftover(entry, why)),
            },
        }
    }
    Ok(())
}

/// Under the write lock, so that no worker is given the directory in between, it only gets another name; its contents
/// go afterwards.
async fn remove_scratch(core: &Core, entry: &Entry) -> Result<bool, KanbanError> {
    let cannot = |error: std::io::Error| unreadable(&entry.path, &error);
    let mut tx = core.write().await?;
    if !matches!(wish_of(core, &mut tx, entry).await?, Wish::RemoveScratch) {
        return Ok(false);
    }
    let aside = workspaces::set_aside(core.home(), entry.number).map_err(cannot)?;
    drop(tx);
    if aside {
        finish_removals(core).await?;
    }
    Ok(aside)
}

async fn finish_removals(core: &Core) -> Result<(), KanbanError> {
    let home = core.home().clone();
    let removed = tokio::task::spawn_blocking(move || workspaces::finish_removals(&home)).await;
    removed
        .map_err(|error| KanbanError::Invalid(format!("a removal was interrupted: {error}")))?
        .map_err(|error| KanbanError::Invalid(format!("{error}; look at its rights")))
}

/// Cards that were deleted a month ago go with everything they had. Files go first: while the row is there, the next
/// round finds what an interrupted one left.
async fn purge_cards(core: &Core, done: &mut Tidied) -> Result<(), KanbanError> {
    let before = core.now_ms() - KEPT_MS;
    let mut last = (i64::MIN, Uuid::nil());
    loop {
        let reader = core.store().reader();
        // Behind those that could not be removed.
        let cards: Vec<(i64, Uuid)> = sqlx::query_as(PURGEABLE)
            .bind(before)
            .bind(last.0)
            .bind(last.1)
            .bind(PURGE_BATCH)
            .fetch_all(reader)
            .await?;
        for (_, id) in &cards {
            purge_card(core, *id, before, done).await?;
        }
        let Some(end) = cards.last() else { return Ok(()) };
        last = *end;
    }
}

async fn purge_card(core: &Core, id: Uuid, before: i64, done: &mut Tidied) -> Result<(), KanbanError> {
    let mut reader = core.store().reader().acquire().await.map_err(crate::store::StoreError::from)?;
    let card = card_row::load_any(&mut reader, CardRef::Id(CardId(id))).await?;
    let files: Vec<Uuid> = sqlx::query_scalar(FILES_OF).bind(id).fetch_all(&mut *reader).await?;
    drop(reader);
    if let Err(error) = remove_workspace(core, &card).await {
        tracing::warn!(%error, card = card.number, "a deleted card stays because its directory cannot be removed");
        return Ok(());
    }
    for file in &files {
        done.files += u32::from(remove_file(core, AttachmentId(*file)));
    }
    retention::remove_logs(core, card.number, done)?;
    for sql in [PURGE_ACTIVITY, PURGE_MESSAGES, PURGE_EVENTS] {
        purge_rows(core, sql, id).await?;
    }
    let mut tx = core.write().await?;
    let gone = sqlx::query(PURGE_CARD).bind(id).bind(before).execute(&mut *tx).await?.rows_affected();
    if gone > 0 {
        let detail = serde_json::json!({});
        audit::record(&mut tx, core.now_ms(), &Actor::System, "purged", &card.object(), &detail).await?;
        done.cards += 1;
    }
    tx.commit().await?;
    Ok(())
}

async fn remove_workspace(core: &Core, card: &CardRow) -> Result<(), KanbanError> {
    match card.workspace_kind {
        WorkspaceKind::Scratch => {
            let path = workspaces::place(core.home(), card.number);
            workspaces::remove_directory(core.home(), card.number)
                .map(|_was_there| ())
                .map_err(|error| unreadable(&path, &error))
        }
        WorkspaceKind::Worktree => review::discard_worktree(core, card).await,
        WorkspaceKind::Dir => Ok(()),
    }
}

async fn purge_rows(core: &Core, sql: &'static str, card: Uuid) -> Result<(), KanbanError> {
    loop {
        let mut tx = core.write().await?;
        let gone = sqlx::query(sql).bind(card).bind(CHUNK).execute(&mut *tx).await?.rows_affected();
        tx.commit().await?;
        if gone < CHUNK.unsigned_abs() {
            return Ok(());
        }
    }
}

fn remove_file(core: &Core, id: AttachmentId) -> bool {
    match std::fs::remove_file(core.home().attachments().join(id.to_string())) {
        Ok(()) => true,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => {
            tracing::warn!(%error, %id, "a file that was taken away cannot be removed");
            false
        }
    }
}

/// Files that were taken away an hour ago, and bytes that belong to no row.
async fn removed_files(core: &Core, done: &mut Tidied) -> Result<(), KanbanError> {
    let before = core.now_ms() - attachments::REMOVED_KEPT_MS;
    let ids: Vec<Uuid> = sqlx::query_scalar(REMOVED_FILES).bind(before).fetch_all(core.store().reader()).await?;
    for id in ids {
        let mut tx = core.write().await?;
        let gone = sqlx::query(FORGET_FILE).bind(id).bind(before).execute(&mut *tx).await?.rows_affected();
        tx.commit().await?;
        if gone > 0 {
            done.files += u32::from(remove_file(core, AttachmentId(id)));
        }
    }
    let root = core.home().attachments();
    for (name, at) in old_files(&root, before)? {
        let known = match name.parse::<AttachmentId>() {
            Ok(id) => sqlx::query_scalar(IS_FILE).bind(id.0).fetch_one(core.store().reader()).await?,
            // Half-received ones begin with a point.
            Err(_not_an_id) => !name.starts_with('.'),
        };
        if !known && std::fs::remove_file(&at).is_ok() {
            done.files += 1;
        }
    }
    Ok(())
}

/// Plain files of a directory that were not written since; links are left alone.
pub(super) fn old_files(root: &Path, before_ms: i64) -> Result<Vec<(String, std::path::PathBuf)>, KanbanError> {
    let entries = match std::fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(root, &error)),
    };
    let mut old = Vec::new();
    for entry in entries.take(MAX_FILES).flatten() {
        let (Ok(meta), Ok(name)) = (entry.path().symlink_metadata(), entry.file_name().into_string()) else { continue };
        let written = meta.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let written = written.and_then(|at| i64::try_from(at.as_millis()).ok()).unwrap_or(i64::MAX);
        if meta.is_file() && written < before_ms {
            old.push((name, entry.path()));
        }
    }
    Ok(old)
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[
    IN_USE,
    PURGEABLE,
    FILES_OF,
    PURGE_ACTIVITY,
    PURGE_MESSAGES,
    PURGE_EVENTS,
    PURGE_CARD,
    REMOVED_FILES,
    FORGET_FILE,
    IS_FILE,
];
