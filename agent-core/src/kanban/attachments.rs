//! Files of cards. The bytes lie under `attachments/` in the home, each in a file named by its id; a row without its
//! file, or a file that others can read, does not come about.

use std::fs::File;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};

use protocol::{
    AttachmentId, AttachmentView, AttachmentWritten, CardId, CardRef, MAX_ATTACHMENT_BYTES, MAX_ATTACHMENTS,
};
use rustix::fs::{Mode, OFlags};
use sha2::{Digest, Sha256};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::boards::load_for_write;
use super::card_row::{CardRow, load};
use super::event::{self, NewEvent};
use super::undo::{self, Inverse};
use super::{KanbanError, store};
use crate::{Actor, Core, audit};

/// Longest name, in characters.
const MAX_NAME_CHARS: usize = 200;
/// What of a file decides its media type.
pub(crate) const MAX_HEAD_BYTES: usize = 8 * 1024;
/// A file that was taken away is kept this long, for Undo.
pub(super) const REMOVED_KEPT_MS: i64 = 3_600_000;

const COUNT: &str = "SELECT count(*) FROM kanban_attachment WHERE card_id = ?1 AND removed_at IS NULL";
const NAMES: &str = "SELECT name FROM kanban_attachment WHERE card_id = ?1 AND removed_at IS NULL LIMIT 1000";
const INSERT: &str = "INSERT INTO kanban_attachment
    (id, card_id, run_id, name, media_type, bytes, sha256, author, by_worker, created_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const OF_CARD: &str = "SELECT id, card_id, name, media_type, bytes, author, by_worker, created_at
    FROM kanban_attachment WHERE card_id = ?1 AND removed_at IS NULL ORDER BY id LIMIT 100";
const BY_ID: &str = "SELECT a.id, a.card_id, a.name, a.media_type, a.bytes, a.author, a.by_worker, a.created_at
    FROM kanban_attachment a JOIN kanban_card c ON c.id = a.card_id
    WHERE a.id = ?1 AND a.removed_at IS NULL AND c.deleted_at IS NULL";
const ANY_BY_ID: &str = "SELECT id, card_id, name, media_type, bytes, author, by_worker, created_at
    FROM kanban_attachment WHERE id = ?1";
const SET_REMOVED: &str = "UPDATE kanban_attachment SET removed_at = ?2 WHERE id = ?1";
const RECOUNT: &str = "UPDATE kanban_card SET attachment_count =
    (SELECT count(*) FROM kanban_attachment a WHERE a.card_id = kanban_card.id AND a.removed_at IS NULL) WHERE id = ?1";

/// A file that is being received.
#[derive(Debug)]
pub struct Incoming {
    file: tokio::fs::File,
    staged: Staged,
    hash: Sha256,
    head: Vec<u8>,
}

/// A file that lies beside the others and belongs to no card yet; gone when dropped.
#[derive(Debug)]
pub struct Staged {
    path: Option<PathBuf>,
    name: String,
    media_type: &'static str,
    bytes: i64,
    sha256: Vec<u8>,
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            remove_quietly(&path);
        }
    }
}

impl Staged {
    /// Another name than the file had.
    pub(super) fn rename(&mut self, name: &str) -> Result<(), KanbanError> {
        self.name = safe_name(name);
        self.media_type = as_named(self.media_type, &self.name);
        Ok(())
    }
}

/// Files that a transaction made a card's; gone again when dropped before the commit.
#[derive(Debug, Default)]
pub(super) struct Kept {
    files: Vec<(PathBuf, AttachmentView)>,
    done: bool,
}

impl Kept {
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The transaction was committed.
    pub(super) fn done(mut self) -> Vec<AttachmentView> {
        self.done = true;
        std::mem::take(&mut self.files).into_iter().map(|(_, view)| view).collect()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if !self.done {
            for (path, _) in &self.files {
                remove_quietly(path);
            }
        }
    }
}

fn remove_quietly(path: &Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %path.display(), "a file that nobody needs could not be removed");
    }
}

fn failed(what: &str, error: &io::Error) -> KanbanError {
    if error.kind() == io::ErrorKind::StorageFull {
        return KanbanError::Internal(crate::store::StoreError::DiskFull);
    }
    KanbanError::Invalid(format!("{what}: {error}; look at the rights of the folder attachments in Hermes's home"))
}

impl Incoming {
    /// Begins to receive a file.
    ///
    /// # Errors
    /// `Invalid` when it cannot be written.
    pub async fn begin(core: &Core, name: &str) -> Result<Self, KanbanError> {
        let root = core.home().attachments();
        let cannot = |error: io::Error| failed("the file cannot be stored", &error);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&root).map_err(cannot)?;
        let path = root.join(format!(".{}.new", store::new_id().simple()));
        let mut options = tokio::fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&path).await.map_err(cannot)?;
        let name = safe_name(name);
        let staged = Staged { path: Some(path), name, media_type: "", bytes: 0, sha256: Vec::new() };
        Ok(Self { file, staged, hash: Sha256::new(), head: Vec::new() })
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// `Invalid` once there are more than [`MAX_ATTACHMENT_BYTES`].
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), KanbanError> {
        self.staged.bytes = self.staged.bytes.saturating_add(i64::try_from(bytes.len()).unwrap_or(i64::MAX));
        if self.staged.bytes > MAX_ATTACHMENT_BYTES {
            return Err(too_big(&self.staged.name));
        }
        self.file.write_all(bytes).await.map_err(|error| failed("the file cannot be stored", &error))?;
        self.hash.update(bytes);
        let room = MAX_HEAD_BYTES - self.head.len();
        self.head.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
        Ok(())
    }

    /// All of it is here.
    ///
    /// # Errors
    /// `Invalid` when it cannot be made durable.
    pub async fn finish(mut self) -> Result<Staged, KanbanError> {
        let cannot = |error: io::Error| failed("the file cannot be stored", &error);
        self.file.flush().await.map_err(cannot)?;
        self.file.sync_all().await.map_err(cannot)?;
        self.staged.sha256 = self.hash.finalize().to_vec();
        self.staged.media_type = media_type(&self.head, &self.staged.name);
        Ok(self.staged)
    }
}

fn too_big(name: &str) -> KanbanError {
    KanbanError::Invalid(format!(
        "{name} is larger than the {} MiB that a card's file may have; make it smaller or leave it where it is",
        MAX_ATTACHMENT_BYTES / (1024 * 1024)
    ))
}

/// Stages a file that a person names.
///
/// # Errors
/// `Invalid` when it cannot be read or is too big.
pub async fn stage_file(core: &Core, path: &Path, name: Option<&str>) -> Result<Staged, KanbanError> {
    let unreadable = |error: io::Error| KanbanError::Invalid(format!("{} cannot be read: {error}", path.display()));
    let ordinary = |meta: std::fs::Metadata| match meta.is_file() {
        true => Ok(()),
        false => Err(KanbanError::Invalid(format!("{} is no ordinary file; name one", path.display()))),
    };
    // Before it is opened, which may do something to a device; and after, because it may be another one by then.
    ordinary(std::fs::metadata(path).map_err(unreadable)?)?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(|error| unreadable(error.into()))?);
    ordinary(file.metadata().map_err(unreadable)?)?;
    copy(core, file, name.map_or_else(|| leaf(path), str::to_owned)).await
}

/// Stages a file of a worker's workspace. A path that leads out of it, by `..` or by a link anywhere, is refused.
pub(super) async fn stage_from_workspace(core: &Core, workspace: &Path, path: &Path) -> Result<Staged, KanbanError> {
    let file = open_inside(workspace, path)?;
    copy(core, file, leaf(path)).await
}

fn leaf(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

async fn copy(core: &Core, file: File, name: String) -> Result<Staged, KanbanError> {
    let mut incoming = Incoming::begin(core, &name).await?;
    let mut file = tokio::fs::File::from_std(file);
    let mut buffer = vec![0_u8; 64 * 1024];
    loop {
        let count = file
            .read(&mut buffer)
            .await
            .map_err(|error| KanbanError::Invalid(format!("{name} cannot be read to its end: {error}")))?;
        if count == 0 {
            return incoming.finish().await;
        }
        incoming.write(buffer.get(..count).unwrap_or_default()).await?;
    }
}

/// Opens a file below a directory, going down one name at a time without following any link.
fn open_inside(workspace: &Path, path: &Path) -> Result<File, KanbanError> {
    let shown = path.display();
    let outside = || KanbanError::Invalid(format!("{shown} is not in the workspace; copy it there first"));
    let inside = if path.is_absolute() {
        let real = workspace.canonicalize().unwrap_or_else(|_| workspace.to_path_buf());
        path.strip_prefix(workspace).or_else(|_| path.strip_prefix(&real)).map_err(|_| outside())?
    } else {
        path
    };
    let mut names = Vec::new();
    for part in inside.components() {
        match part {
            Component::Normal(name) => names.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                names.pop().ok_or_else(outside)?;
            }
            Component::RootDir | Component::Prefix(_) => return Err(outside()),
        }
    }
    let Some((last, directories)) = names.split_last() else { return Err(outside()) };
    let refused = |error: rustix::io::Errno| match error {
        rustix::io::Errno::NOENT => {
            KanbanError::Invalid(format!("there is no file {shown} in the workspace; look at its name"))
        }
        rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR | rustix::io::Errno::MLINK => {
            KanbanError::Invalid(format!("{shown} leads through a link; name the file itself"))
        }
        other => KanbanError::Invalid(format!("{shown} cannot be read: {other}")),
    };
    let open_directory = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at = rustix::fs::open(workspace, open_directory, Mode::empty()).map_err(refused)?;
    for name in directories {
        at = rustix::fs::openat(&at, *name, open_directory, Mode::empty()).map_err(refused)?;
    }
    // Without waiting for whoever writes into a pipe of that name.
    let open_file = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(&at, *last, open_file, Mode::empty()).map_err(refused)?);
    let meta = file.metadata().map_err(|error| KanbanError::Invalid(format!("{shown} cannot be read: {error}")))?;
    if !meta.is_file() {
        return Err(KanbanError::Invalid(format!("{shown} is no ordinary file; pack what it holds into one")));
    }
    if meta.len() > MAX_ATTACHMENT_BYTES.unsigned_abs() {
        return Err(too_big(&leaf(path)));
    }
    Ok(file)
}

pub(super) async fn count_in(connection: &mut SqliteConnection, card: CardId) -> Result<usize, KanbanError> {
    let count: i64 = sqlx::query_scalar(COUNT).bind(card.0).fetch_one(connection).await?;
    Ok(usize::try_from(count).unwrap_or(0))
}

pub(super) fn require_room(there: usize, more: usize) -> Result<(), KanbanError> {
    if there + more > MAX_ATTACHMENTS {
        return Err(KanbanError::Invalid(format!(
            "a card has at most {MAX_ATTACHMENTS} files; take some away, or pack several into one"
        )));
    }
    Ok(())
}

/// Makes a staged file a card's, inside a transaction.
pub(super) async fn keep_in(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    card: &CardRow,
    mut staged: Staged,
    kept: &mut Kept,
) -> Result<AttachmentId, KanbanError> {
    require_room(count_in(tx, card.id).await?, 1)?;
    let taken: Vec<String> = sqlx::query_scalar(NAMES).bind(card.id.0).fetch_all(&mut *tx).await?;
    let id = AttachmentId(store::new_id());
    let now = core.now_ms();
    let view = AttachmentView {
        id,
        name: free_name(&staged.name, &taken),
        media_type: staged.media_type.to_owned(),
        bytes: staged.bytes,
        author: actor.name().to_owned(),
        by_worker: matches!(actor, Actor::Worker { .. }),
        created_at: now,
    };
    sqlx::query(INSERT)
        .bind(id.0)
        .bind(card.id.0)
        .bind(actor.run().map(|run| run.0))
        .bind(&view.name)
        .bind(&view.media_type)
        .bind(view.bytes)
        .bind(&staged.sha256)
        .bind(&view.author)
        .bind(view.by_worker)
        .bind(now)
        .execute(&mut *tx)
        .await?;
    sqlx::query(RECOUNT).bind(card.id.0).execute(&mut *tx).await?;
    let detail = serde_json::json!({ "file": view.name, "bytes": view.bytes });
    say(tx, actor, card, "attached", detail, now).await?;
    let root = core.home().attachments();
    let target = root.join(id.to_string());
    if let Some(from) = staged.path.take() {
        let moved = std::fs::rename(&from, &target).and_then(|()| File::open(&root)?.sync_all());
        kept.files.push((target, view));
        moved.map_err(|error| {
            remove_quietly(&from);
            failed("the file cannot be stored", &error)
        })?;
    }
    Ok(id)
}

async fn say(
    tx: &mut SqliteConnection,
    actor: &Actor,
    card: &CardRow,
    kind: &'static str,
    detail: serde_json::Value,
    now: i64,
) -> Result<(), KanbanError> {
    audit::record(tx, now, actor, kind, &card.object(), &detail).await?;
    event::append(tx, NewEvent { card, run: card.current_run_id, kind, actor, detail, at: now }).await
}

/// Adds a file to a card.
///
/// # Errors
/// `NotFound` for an unknown card, `Invalid` when it has too many files.
pub async fn add(core: &Core, actor: &Actor, card: CardRef, file: Staged) -> Result<AttachmentWritten, KanbanError> {
    let mut tx = core.write().await?;
    let card = load_for_write(&mut tx, card).await?;
    let mut kept = Kept::default();
    let id = keep_in(core, &mut tx, actor, &card, file, &mut kept).await?;
    let undo = undo::offer(core, &mut tx, actor, &card, &Inverse::Detach { attachment: id }).await?;
    tx.commit().await?;
    let attachment =
        kept.done().pop().ok_or_else(|| KanbanError::Invalid("the file was not kept; try again".into()))?;
    Ok(AttachmentWritten { attachment, undo })
}

/// Files of a card, oldest first.
///
/// # Errors
/// `NotFound` for an unknown card.
pub async fn list(core: &Core, card: CardRef) -> Result<Vec<AttachmentView>, KanbanError> {
    let mut reader = core.store().reader().begin().await?;
    let card = load(&mut reader, card).await?;
    let rows = sqlx::query(OF_CARD).bind(card.id.0).fetch_all(&mut *reader).await?;
    reader.rollback().await?;
    let files = rows.iter().map(view_of).collect::<Result<_, sqlx::Error>>()?;
    Ok(files)
}

/// A file to be read.
#[derive(Debug)]
pub struct Opened {
    /// What is known of it.
    pub view: AttachmentView,
    /// Its bytes.
    pub file: File,
}

/// Opens a file for reading.
///
/// # Errors
/// `NotFound` when there is none, or its card was deleted.
pub async fn open(core: &Core, id: AttachmentId) -> Result<Opened, KanbanError> {
    let mut reader = core.store().reader().acquire().await.map_err(crate::store::StoreError::from)?;
    let (_, view) = find_in(&mut reader, id).await?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::open(core.home().attachments().join(id.to_string()), flags, Mode::empty());
    let file = file.map_err(|error| {
        tracing::error!(%error, %id, "a card's file cannot be opened");
        KanbanError::NotFound(format!("the bytes of {} are gone from the disk; add the file again", view.name))
    })?;
    Ok(Opened { view, file: File::from(file) })
}

pub(super) async fn find_in(
    connection: &mut SqliteConnection,
    id: AttachmentId,
) -> Result<(CardId, AttachmentView), KanbanError> {
    let row = sqlx::query(BY_ID).bind(id.0).fetch_optional(connection).await?;
    let row = row.ok_or_else(|| KanbanError::NotFound("there is no such file; it may have been taken away".into()))?;
    Ok((CardId(row.try_get("card_id")?), view_of(&row)?))
}

/// Takes a file away; it is kept for an hour, for Undo.
///
/// # Errors
/// `NotFound` when there is none.
pub async fn remove(core: &Core, actor: &Actor, id: AttachmentId) -> Result<AttachmentWritten, KanbanError> {
    let mut tx = core.write().await?;
    let (card, attachment) = find_in(&mut tx, id).await?;
    let card = load_for_write(&mut tx, CardRef::Id(card)).await?;
    set_removed(core, &mut tx, actor, &card, &attachment, true).await?;
    let undo = undo::offer(core, &mut tx, actor, &card, &Inverse::Attach { attachment: id }).await?;
    tx.commit().await?;
    Ok(AttachmentWritten { attachment, undo })
}

pub(super) async fn set_removed(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    card: &CardRow,
    file: &AttachmentView,
    removed: bool,
) -> Result<(), KanbanError> {
    let now = core.now_ms();
    if !removed {
        require_room(count_in(tx, card.id).await?, 1)?;
    }
    sqlx::query(SET_REMOVED).bind(file.id.0).bind(removed.then_some(now)).execute(&mut *tx).await?;
    sqlx::query(RECOUNT).bind(card.id.0).execute(&mut *tx).await?;
    let kind = if removed { "detached" } else { "attached" };
    say(tx, actor, card, kind, serde_json::json!({ "file": file.name }), now).await
}

/// Takes an addition or a removal back, or does it again.
pub(super) async fn undo_in(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    card: &CardRow,
    id: AttachmentId,
    removed: bool,
) -> Result<(), KanbanError> {
    let row = sqlx::query(ANY_BY_ID).bind(id.0).fetch_optional(&mut *tx).await?;
    let row = row.ok_or_else(|| KanbanError::Conflict("the file is gone for good; add it again".into()))?;
    set_removed(core, tx, actor, card, &view_of(&row)?, removed).await
}

fn view_of(row: &SqliteRow) -> Result<AttachmentView, sqlx::Error> {
    Ok(AttachmentView {
        id: AttachmentId(row.try_get("id")?),
        name: row.try_get("name")?,
        media_type: row.try_get("media_type")?,
        bytes: row.try_get("bytes")?,
        author: row.try_get("author")?,
        by_worker: row.try_get("by_worker")?,
        created_at: row.try_get("created_at")?,
    })
}

/// A name that can be shown and saved under: the last part of a path, printable, without leading dots, at most 200
/// characters.
pub(crate) fn safe_name(name: &str) -> String {
    let leaf = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let invisible =
        |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    let printable: String = leaf.chars().filter(|c| !c.is_control() && !invisible(*c)).collect();
    let bare = printable.trim().trim_start_matches('.').trim();
    if bare.is_empty() {
        return "file".to_owned();
    }
    let (stem, extension) = split(bare);
    shortened(stem, "", extension)
}

/// `report.pdf` → (`report`, `.pdf`); only a short ending is one.
fn split(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(at) if at > 0 && name.len() - at <= 16 => name.split_at(at),
        _ => (name, ""),
    }
}

fn shortened(stem: &str, count: &str, extension: &str) -> String {
    let room = MAX_NAME_CHARS.saturating_sub(count.chars().count() + extension.chars().count());
    let stem: String = stem.chars().take(room).collect();
    format!("{stem}{count}{extension}")
}

/// `foo.pdf`, or `foo (1).pdf` where that is taken.
fn free_name(name: &str, taken: &[String]) -> String {
    if !taken.iter().any(|other| other == name) {
        return name.to_owned();
    }
    let (stem, extension) = split(name);
    (1_u32..)
        .map(|count| shortened(stem, &format!(" ({count})"), extension))
        .find(|candidate| !taken.contains(candidate))
        .unwrap_or_else(|| name.to_owned())
}

/// The media type of a file that begins so and has that name. What others say of it counts for nothing.
pub(crate) fn media_type(head: &[u8], name: &str) -> &'static str {
    as_named(sniff(head), name)
}

/// The media type that the first bytes show. Whatever a browser could run is plain text or plain bytes.
fn sniff(head: &[u8]) -> &'static str {
    let starts = |magic: &[u8]| head.starts_with(magic);
    if starts(b"\x89PNG\r\n\x1a\n") {
        "image/png"
    } else if starts(b"\xff\xd8\xff") {
        "image/jpeg"
    } else if starts(b"GIF87a") || starts(b"GIF89a") {
        "image/gif"
    } else if starts(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        "image/webp"
    } else if starts(b"%PDF-") {
        "application/pdf"
    } else if is_text(head) {
        "text/plain"
    } else {
        "application/octet-stream"
    }
}

fn is_text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(_) => true,
        // The last character may be cut in two.
        Err(error) => error.error_len().is_none() && head.len() == MAX_HEAD_BYTES,
    };
    valid && !head.iter().any(|byte| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b))
}

/// Text is Markdown when its name says so.
fn as_named(media_type: &'static str, name: &str) -> &'static str {
    let lower = name.to_lowercase();
    match media_type {
        "text/plain" | "text/markdown" if lower.ends_with(".md") || lower.ends_with(".markdown") => "text/markdown",
        "text/markdown" => "text/plain",
        other => other,
    }
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[COUNT, NAMES, INSERT, OF_CARD, BY_ID, ANY_BY_ID, SET_REMOVED, RECOUNT];

#[cfg(test)]
mod tests {
    use super::{as_named, free_name, safe_name, sniff};

    #[test]
    fn names_are_safe_to_show_and_to_save_under() {
        for (given, safe) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\a\\b.txt", "b.txt"),
            ("..", "file"),
            ("", "file"),
            ("/", "file"),
            (".htaccess", "htaccess"),
            ("a\nb\u{202e}fdp.exe\0", "abfdp.exe"),
            ("  größe 大.png ", "größe 大.png"),
        ] {
            assert_eq!(safe_name(given), safe, "{given:?}");
        }
        let long = safe_name(&format!("{}.tar.gz", "é".repeat(500)));
        assert!(long.chars().count() == 200 && long.ends_with(".gz"));
    }

    #[test]
    fn taken_names_get_a_number() {
        let taken = ["foo.pdf", "foo (1).pdf", "Makefile"].map(str::to_owned);
        assert_eq!(free_name("bar.pdf", &taken), "bar.pdf");
        assert_eq!(free_name("foo.pdf", &taken), "foo (2).pdf");
        assert_eq!(free_name("Makefile", &taken), "Makefile (1)");
        let long = format!("{}.txt", "x".repeat(196));
        let next = free_name(&long, std::slice::from_ref(&long));
        assert!(next.chars().count() == 200 && next.ends_with(" (1).txt"));
    }

    #[test]
    fn only_the_bytes_say_what_is_shown_inline() {
        assert_eq!(sniff(b"\x89PNG\r\n\x1a\n...."), "image/png");
        assert_eq!(sniff(b"\xff\xd8\xff\xe0"), "image/jpeg");
        assert_eq!(sniff(b"GIF89a"), "image/gif");
        assert_eq!(sniff(b"RIFF\x10\0\0\0WEBPVP8 "), "image/webp");
        assert_eq!(sniff(b"%PDF-1.7"), "application/pdf");
        for text in ["<html><script>alert(1)</script>", "<svg onload=alert(1)>", "plain", "", "größe\n"] {
            assert_eq!(sniff(text.as_bytes()), "text/plain", "{text}");
        }
        assert_eq!(sniff(b"\x7fELF\0\0"), "application/octet-stream");
        assert_eq!(sniff(b"\xff\xfe<\0s\0"), "application/octet-stream");
        let cut: Vec<u8> = "字".repeat(4000).into_bytes().into_iter().take(8 * 1024).collect();
        assert_eq!(sniff(&cut), "text/plain");
        assert_eq!(as_named("text/plain", "notes.MD"), "text/markdown");
        assert_eq!(as_named("image/png", "notes.md"), "image/png");
    }
}
