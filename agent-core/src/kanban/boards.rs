//! Boards, their saved views and their templates. A board is a hard boundary: links, claims and lists stay within one.

use protocol::{
    BOARD_COLORS, BoardId, BoardSettings, BoardSummary, BoardWritten, CardRef, CardTemplate, CreateCardParams,
    SavedDeleted, SavedView, TemplateId, TemplateSaved, UndoId, ViewId, ViewSaved,
};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::board_undo::{self, BoardInverse};
use super::card_row::{CardRow, load};
use super::create::Words;
use super::shelf::{Saved, Shelf};
use super::store::new_id;
use super::{DEFAULT_BOARD, KanbanError, board_store, input, view};
use crate::{Actor, Core, audit};

const DEFAULT_NAME: &str = "Home";
const MAX_NAME_CHARS: usize = 100;
/// Of a board.
pub(crate) const MAX_DESCRIPTION_BYTES: usize = 10_000;
const MAX_ICON_CHARS: usize = 8;
const MAX_QUERY_BYTES: usize = 2_000;

/// The board of that slug, for writing; the default board is made when it is first asked for.
pub(super) async fn for_write(tx: &mut SqliteConnection, slug: &str, now: i64) -> Result<BoardSummary, KanbanError> {
    let board = find(tx, slug, now).await?;
    if board.archived_at.is_some() {
        return Err(archived(&board));
    }
    Ok(board)
}

/// The board of that slug, archived or not.
pub(super) async fn find(tx: &mut SqliteConnection, slug: &str, now: i64) -> Result<BoardSummary, KanbanError> {
    let slug = if slug.trim().is_empty() { DEFAULT_BOARD.to_owned() } else { input::slug(slug)? };
    if let Some(board) = board_store::by_slug(tx, &slug).await? {
        return Ok(board);
    }
    if slug == DEFAULT_BOARD {
        board_store::insert(tx, DEFAULT_BOARD, DEFAULT_NAME, now).await?;
        if let Some(board) = board_store::by_slug(tx, DEFAULT_BOARD).await? {
            return Ok(board);
        }
    }
    Err(unknown(&slug))
}

pub(super) fn unknown(slug: &str) -> KanbanError {
    KanbanError::NotFound(format!("there is no board \"{slug}\"; `hermes kanban boards` shows them"))
}

fn archived(board: &BoardSummary) -> KanbanError {
    KanbanError::Conflict(format!(
        "the board \"{0}\" is archived; `hermes kanban boards restore {0}` brings it back",
        board.slug
    ))
}

/// The card, to be changed by a person: on a board that was put away nothing is changed any more. What does not ask here
/// is done there, too: stopping a worker, answering a decision, taking back a write, and whatever the core does by itself.
pub(super) async fn load_for_write(tx: &mut SqliteConnection, card: CardRef) -> Result<CardRow, KanbanError> {
    let card = load(tx, card).await?;
    require_open(tx, card.board_id).await?;
    Ok(card)
}

/// Refuses a change of a card whose board was put away.
pub(super) async fn require_open(tx: &mut SqliteConnection, board: BoardId) -> Result<(), KanbanError> {
    let board = board_store::by_id(tx, board).await?;
    if board.archived_at.is_some() { Err(archived(&board)) } else { Ok(()) }
}

/// Makes a board.
///
/// # Errors
/// `Invalid` for a bad slug, `Conflict` for a taken one.
pub async fn create_board(core: &Core, actor: &Actor, slug: &str, name: &str) -> Result<BoardSummary, KanbanError> {
    let slug = input::slug(slug)?;
    let name = if name.trim().is_empty() { title_case(&slug) } else { board_name(name)? };
    let mut tx = core.write().await?;
    if !board_store::insert(&mut tx, &slug, &name, core.now_ms()).await? {
        let taken = board_store::by_slug(&mut tx, &slug).await?;
        return Err(match taken {
            Some(board) if board.archived_at.is_some() => archived(&board),
            _ => KanbanError::Conflict(format!("there is a board \"{slug}\" already; choose another name")),
        });
    }
    told(core, &mut tx, actor, "board_created", &slug, &serde_json::json!({})).await?;
    let board = for_write(&mut tx, &slug, core.now_ms()).await?;
    tx.commit().await?;
    Ok(board)
}

/// Makes a board with what is set on it, or nothing at all. One that is there already stays and is set the same way,
/// which can be taken back; the answer says whether it is new.
///
/// # Errors
/// `Invalid` for a bad slug or setting, `Conflict` for a board that was archived.
pub async fn ensure_board(
    core: &Core,
    actor: &Actor,
    slug: &str,
    set: impl FnOnce(&mut BoardSettings),
) -> Result<(BoardWritten, bool), KanbanError> {
    let slug = input::slug(slug)?;
    let name = if slug == DEFAULT_BOARD { DEFAULT_NAME.to_owned() } else { title_case(&slug) };
    let mut tx = core.write().await?;
    let is_new = board_store::insert(&mut tx, &slug, &name, core.now_ms()).await?;
    let board = for_write(&mut tx, &slug, core.now_ms()).await?;
    let before = board_store::settings(&mut tx, board.id).await?;
    let mut after = before.clone();
    set(&mut after);
    if after != before {
        after = checked(core, &before, after)?;
        board_store::set_settings(&mut tx, board.id, &after).await?;
    } else if !is_new {
        return Ok((BoardWritten { board, undo: None }, false));
    }
    let action = if is_new { "board_created" } else { "board_edited" };
    told(core, &mut tx, actor, action, &slug, &serde_json::json!({})).await?;
    let inverse = BoardInverse::Settings { before: Box::new(before), after: Box::new(after) };
    let undo = if is_new { None } else { board_undo::offer(core, &mut tx, actor, board.id, &inverse).await? };
    let board = board_store::by_id(&mut tx, board.id).await?;
    tx.commit().await?;
    Ok((BoardWritten { board, undo }, is_new))
}

/// `home_lab` as people would write it.
fn title_case(slug: &str) -> String {
    let words = slug.split(['-', '_']).filter(|word| !word.is_empty()).map(|word| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A board's name: trimmed, not blank, one line.
pub(crate) fn board_name(name: &str) -> Result<String, KanbanError> {
    let name = name.trim();
    let problem = if input::is_blank(name) {
        "a board needs a name; say in a word or two what it is for".to_owned()
    } else if name.contains(['\n', '\r']) {
        "a board's name is one line; put the rest into its description".to_owned()
    } else if name.chars().count() > MAX_NAME_CHARS {
        format!("a board's name has at most {MAX_NAME_CHARS} characters; put the rest into its description")
    } else {
        return Ok(name.to_owned());
    };
    Err(KanbanError::Invalid(problem))
}

/// A board's sign: trimmed, short; empty for none.
pub(crate) fn board_icon(icon: &str) -> Result<String, KanbanError> {
    let icon = icon.trim();
    if icon.chars().count() > MAX_ICON_CHARS || icon.contains(char::is_control) {
        return Err(KanbanError::Invalid("the icon is one emoji or a short sign".into()));
    }
    Ok(icon.to_owned())
}

/// One of [`BOARD_COLORS`]; empty for none.
pub(crate) fn board_color(color: &str) -> Result<String, KanbanError> {
    if color.is_empty() || BOARD_COLORS.contains(&color) {
        return Ok(color.to_owned());
    }
    Err(KanbanError::Invalid(format!(
        "the colour \"{}\" is not one of {}",
        crate::text::excerpt(color, 60),
        BOARD_COLORS.join(", ")
    )))
}

/// The audit row of a write to a board.
pub(super) async fn told(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    action: &'static str,
    slug: &str,
    detail: &serde_json::Value,
) -> Result<(), KanbanError> {
    audit::record(tx, core.now_ms(), actor, action, &format!("board:{slug}"), detail).await?;
    Ok(())
}

/// The same, the board as it is then, and how to take the write back.
async fn written(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    action: &'static str,
    (board, inverse): (BoardId, BoardInverse),
) -> Result<BoardWritten, KanbanError> {
    let found = board_store::by_id(tx, board).await?;
    told(core, tx, actor, action, &found.slug, &serde_json::json!({})).await?;
    let undo = board_undo::offer(core, tx, actor, board, &inverse).await?;
    Ok(BoardWritten { board: found, undo })
}

/// What is set on a board; the default board is made when it is first asked for.
///
/// # Errors
/// `NotFound` for an unknown board.
pub async fn board_settings(core: &Core, slug: &str) -> Result<(BoardSummary, BoardSettings), KanbanError> {
    let wanted = if slug.trim().is_empty() { DEFAULT_BOARD } else { slug };
    let mut reader = core.store().reader().acquire().await?;
    let mut found = board_store::by_slug(&mut reader, wanted).await?;
    if found.is_none() && wanted == DEFAULT_BOARD {
        drop(reader);
        found = Some(view::find_board(core, wanted).await?);
        reader = core.store().reader().acquire().await?;
    }
    let board = found.ok_or_else(|| unknown(wanted))?;
    let settings = board_store::settings(&mut reader, board.id).await?;
    Ok((board, settings))
}

/// The short name of a board that somebody left earlier: as it is, while the board is there and was not put away, else
/// empty, which means the default board.
///
/// # Errors
/// When the database fails.
pub async fn left_board(core: &Core, slug: &str) -> Result<String, KanbanError> {
    let mut reader = core.store().reader().acquire().await?;
    let found = board_store::by_slug(&mut reader, slug).await?;
    Ok(found.filter(|board| board.archived_at.is_none()).map(|board| board.slug).unwrap_or_default())
}

/// Changes what is set on a board. Only what changes is checked.
///
/// # Errors
/// `Invalid` names the field that cannot be used.
pub async fn edit_board(
    core: &Core,
    actor: &Actor,
    board: BoardId,
    settings: BoardSettings,
) -> Result<BoardWritten, KanbanError> {
    let mut reader = core.store().reader().acquire().await?;
    let found = board_store::by_id(&mut reader, board).await?;
    let before = board_store::settings(&mut reader, board).await?;
    drop(reader);
    // Looks at directories, so it is done before the write begins: nobody waits for a disk then.
    let settings = checked(core, &before, settings)?;
    let mut tx = core.write().await?;
    if board_store::settings(&mut tx, board).await? != before {
        return Err(KanbanError::Conflict(format!(
            "the board \"{}\" was changed by somebody else just now; look at it and try again",
            found.slug
        )));
    }
    board_store::set_settings(&mut tx, board, &settings).await?;
    let inverse = BoardInverse::Settings { before: Box::new(before), after: Box::new(settings) };
    let written = written(core, &mut tx, actor, "board_edited", (board, inverse)).await?;
    tx.commit().await?;
    Ok(written)
}

/// Checks what changes. What stays is not looked at: it may be older than a rule, and a directory may be gone.
fn checked(core: &Core, before: &BoardSettings, mut settings: BoardSettings) -> Result<BoardSettings, KanbanError> {
    if settings.name != before.name {
        settings.name = board_name(&settings.name)?;
    }
    if settings.description != before.description && settings.description.len() > MAX_DESCRIPTION_BYTES {
        return Err(KanbanError::Invalid(format!(
            "the description has more than {MAX_DESCRIPTION_BYTES} bytes; shorten it"
        )));
    }
    if settings.icon != before.icon {
        settings.icon = board_icon(&settings.icon)?;
    }
    if settings.color != before.color {
        settings.color = board_color(&settings.color)?;
    }
    settings.default_dir = settings.default_dir.as_deref().map(str::trim).filter(|dir| !dir.is_empty()).map(Into::into);
    if settings.default_dir != before.default_dir
        && let Some(dir) = &settings.default_dir
    {
        settings.default_dir = Some(input::directory(core, dir)?);
    }
    if settings.orchestrator != before.orchestrator {
        settings.orchestrator = input::assignee(settings.orchestrator.as_deref().unwrap_or_default())?;
    }
    if settings.review_limit == Some(0) || settings.blocked_limit == Some(0) {
        return Err(KanbanError::Invalid("a limit is at least 1; leave it empty for none".into()));
    }
    Ok(settings)
}

/// Puts a board away: nothing on it starts any more, and it is out of the lists. The default board stays.
///
/// # Errors
/// `Conflict` while cards on it run, and for the default board.
pub async fn archive_board(core: &Core, actor: &Actor, slug: &str) -> Result<BoardWritten, KanbanError> {
    let mut tx = core.write().await?;
    let now = core.now_ms();
    let board = find(&mut tx, slug, now).await?;
    if board.slug == DEFAULT_BOARD {
        return Err(KanbanError::Conflict("the default board stays; archive its cards instead".into()));
    }
    require_still(&mut tx, &board).await?;
    board_store::set_archived(&mut tx, board.id, Some(now)).await?;
    let inverse = BoardInverse::Archived { before: board.archived_at, after: Some(now) };
    let written = written(core, &mut tx, actor, "board_archived", (board.id, inverse)).await?;
    tx.commit().await?;
    Ok(written)
}

/// Refuses to put a board away while cards on it run.
pub(super) async fn require_still(tx: &mut SqliteConnection, board: &BoardSummary) -> Result<(), KanbanError> {
    let running = board_store::running(tx, board.id).await?;
    if running == 0 {
        return Ok(());
    }
    Err(KanbanError::Conflict(format!(
        "{running} cards on \"{}\" are running; stop them or wait for them first",
        board.slug
    )))
}

/// Brings an archived board back.
///
/// # Errors
/// `NotFound` for an unknown board.
pub async fn restore_board(core: &Core, actor: &Actor, slug: &str) -> Result<BoardWritten, KanbanError> {
    let mut tx = core.write().await?;
    let board = find(&mut tx, slug, core.now_ms()).await?;
    board_store::set_archived(&mut tx, board.id, None).await?;
    let inverse = BoardInverse::Archived { before: board.archived_at, after: None };
    let written = written(core, &mut tx, actor, "board_restored", (board.id, inverse)).await?;
    tx.commit().await?;
    Ok(written)
}

/// All boards; archived ones come last, when they are wanted.
///
/// # Errors
/// When the database fails.
pub async fn boards(core: &Core, with_archived: bool) -> Result<Vec<BoardSummary>, KanbanError> {
    let mut reader = core.store().reader().acquire().await?;
    let boards = board_store::list(&mut reader, with_archived).await?;
    if boards.iter().any(|board| board.slug == DEFAULT_BOARD) {
        return Ok(boards);
    }
    drop(reader);
    let mut tx = core.write().await?;
    find(&mut tx, DEFAULT_BOARD, core.now_ms()).await?;
    let boards = board_store::list(&mut tx, with_archived).await?;
    tx.commit().await?;
    Ok(boards)
}

fn saved_name(shelf: Shelf, name: &str) -> Result<String, KanbanError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS || name.contains(char::is_control) {
        let noun = shelf.noun();
        return Err(KanbanError::Invalid(format!("a {noun} needs a name of at most {MAX_NAME_CHARS} characters")));
    }
    Ok(name.to_owned())
}

/// Puts something on a shelf of a board; the same name is overwritten.
async fn keep(
    core: &Core,
    actor: &Actor,
    (board, shelf): (BoardId, Shelf),
    name: &str,
    text: String,
) -> Result<(Uuid, Option<UndoId>), KanbanError> {
    let mut tx = core.write().await?;
    let found = board_store::by_id(&mut tx, board).await?;
    shelf.require_room(&mut tx, board, name).await?;
    let before = shelf.named(&mut tx, board, name).await?;
    let (id, created_at) = match &before {
        Some(before) => (before.id, before.created_at),
        None => (new_id(), core.now_ms()),
    };
    let saved = Saved { id, name: name.to_owned(), text, created_at };
    shelf.put(&mut tx, board, &saved).await?;
    told(core, &mut tx, actor, shelf.was_saved(), &found.slug, &serde_json::json!({})).await?;
    let inverse = BoardInverse::Saved { shelf, before, after: Some(saved) };
    let undo = board_undo::offer(core, &mut tx, actor, board, &inverse).await?;
    tx.commit().await?;
    Ok((id, undo))
}

/// Takes something from a shelf of a board.
async fn discard(
    core: &Core,
    actor: &Actor,
    (board, shelf): (BoardId, Shelf),
    id: Uuid,
) -> Result<SavedDeleted, KanbanError> {
    let mut tx = core.write().await?;
    let found = board_store::by_id(&mut tx, board).await?;
    let before = shelf.take(&mut tx, board, id).await?;
    if before.is_none() {
        return Err(KanbanError::NotFound(format!("there is no such {} any more", shelf.noun())));
    }
    told(core, &mut tx, actor, shelf.was_deleted(), &found.slug, &serde_json::json!({})).await?;
    let inverse = BoardInverse::Saved { shelf, before, after: None };
    let undo = board_undo::offer(core, &mut tx, actor, board, &inverse).await?;
    tx.commit().await?;
    Ok(SavedDeleted { undo })
}

/// Saves a view under a name; the same name is overwritten.
///
/// # Errors
/// `Invalid` for a blank name or an endless query, `Conflict` when the board has too many.
pub async fn save_view(
    core: &Core,
    actor: &Actor,
    board: BoardId,
    name: &str,
    query: &str,
) -> Result<ViewSaved, KanbanError> {
    let name = saved_name(Shelf::Views, name)?;
    // Read and written again, so that only what the board understands is kept.
    let query = protocol::BoardView::from_query(query).to_query();
    if query.len() > MAX_QUERY_BYTES {
        return Err(KanbanError::Invalid("this filter is too long to be kept; make it simpler".into()));
    }
    let (id, undo) = keep(core, actor, (board, Shelf::Views), &name, query.clone()).await?;
    Ok(ViewSaved { view: SavedView { id: ViewId(id), name, query }, undo })
}

/// Deletes a saved view.
///
/// # Errors
/// `NotFound` when it is gone already.
pub async fn delete_view(core: &Core, actor: &Actor, board: BoardId, id: ViewId) -> Result<SavedDeleted, KanbanError> {
    discard(core, actor, (board, Shelf::Views), id.0).await
}

/// Saves what new cards can start from; the same name is overwritten. It need not have a title yet.
///
/// # Errors
/// `Invalid` for a blank name and for what no card could be given, `Conflict` when the board has too many.
pub async fn save_template(
    core: &Core,
    actor: &Actor,
    board: BoardId,
    name: &str,
    params: CreateCardParams,
) -> Result<TemplateSaved, KanbanError> {
    let name = saved_name(Shelf::Templates, name)?;
    if !params.title.trim().is_empty() {
        input::title(&params.title)?;
    }
    Words::checked(&params, core.now_ms())?;
    // A template says what to do, not when and after what.
    let params = CreateCardParams {
        board: String::new(),
        parents: Vec::new(),
        scheduled_at: None,
        idempotency_key: None,
        ..params
    };
    let json = serde_json::to_string(&params)
        .map_err(|error| KanbanError::Invalid(format!("this card cannot be kept as a template: {error}")))?;
    let (id, undo) = keep(core, actor, (board, Shelf::Templates), &name, json).await?;
    Ok(TemplateSaved { template: CardTemplate { id: TemplateId(id), name, params }, undo })
}

/// Deletes a template of a board.
///
/// # Errors
/// `NotFound` when the board or the template is gone already.
pub async fn delete_template(
    core: &Core,
    actor: &Actor,
    slug: &str,
    id: TemplateId,
) -> Result<SavedDeleted, KanbanError> {
    let (board, _) = board_settings(core, slug).await?;
    discard(core, actor, (board.id, Shelf::Templates), id.0).await
}

/// Labels in use on a board, those of most cards first.
///
/// # Errors
/// `NotFound` for an unknown board.
pub async fn labels(core: &Core, slug: &str) -> Result<Vec<String>, KanbanError> {
    let (board, _) = board_settings(core, slug).await?;
    let mut reader = core.store().reader().acquire().await?;
    board_store::labels(&mut reader, board.id).await
}

/// The templates of a board, by name.
///
/// # Errors
/// `NotFound` for an unknown board.
pub async fn templates(core: &Core, slug: &str) -> Result<Vec<CardTemplate>, KanbanError> {
    let (board, _) = board_settings(core, slug).await?;
    let mut reader = core.store().reader().acquire().await?;
    board_store::templates(&mut reader, board.id).await
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_slug_becomes_a_name() {
        assert_eq!(super::title_case("home-lab_2"), "Home Lab 2");
        assert_eq!(super::title_case("-"), "");
    }
}
