//! One board: which of ours it becomes, what of it is here already, and in which order the rest comes over.

use std::collections::{HashMap, HashSet};

use protocol::{BoardId, CardId, CardRef, CardState};
use sqlx::SqliteConnection;

use super::batch::{self, Work};
use super::files::Shelf;
use super::map::Setting;
use super::place::SourceBoard;
use super::plan::{self, Known, Start};
use super::report::{BoardReport, ImportError, Report};
use super::source::{Bone, RawLink, SourceDb};
use super::store::{self, KnownSource};
use super::{Desk, Mode, PythonHome, copy};
use crate::kanban::import_rows::{self, NewBoard};
use crate::kanban::{self, Cause, KanbanError, Transition};
use crate::{Actor, Core, audit};

/// Cards of one transaction: short enough for workers that write meanwhile.
const BATCH: usize = 200;
/// Keys of one question to the database.
const KEYS: usize = 1_000;
/// Cards by which a board that was moved or renamed is known again: its oldest, and as many from all over.
const SAMPLE: usize = 50;
/// So many of them must be known. Old ids are random, so even one is hardly chance.
const ENOUGH: usize = 3;

/// The import of one home.
pub(super) struct Import<'a> {
    pub(super) core: &'a Core,
    pub(super) actor: &'a Actor,
    pub(super) home: &'a PythonHome,
    pub(super) start: Start,
    pub(super) mode: Mode,
    /// Sources that a board of this run has turned out to be.
    pub(super) taken_sources: HashSet<i64>,
}

/// Where a board goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Target {
    /// 0 in a dry run of a board that was never seen.
    source: i64,
    board: BoardId,
}

/// A database error of the source, as a sentence about its board.
pub(super) fn unreadable(label: &str) -> impl Fn(sqlx::Error) -> ImportError {
    let label = label.to_owned();
    move |error| {
        ImportError::Board(format!(
            "the database of board \"{label}\" cannot be read to its end: {error}; what came before was taken, so \
             repair it and import again"
        ))
    }
}

impl Import<'_> {
    /// Imports one board.
    pub(super) async fn board(
        &mut self,
        board: &SourceBoard,
        desk: &Desk,
        part: &mut BoardReport,
        report: &mut Report,
    ) -> Result<(), ImportError> {
        for problem in &board.problems {
            report.changed.add(&board.label, "board.json", problem);
        }
        let mut db = None;
        if let Some(path) = &board.database {
            report.in_use |= copy::copy(path, &desk.copy()).await?;
            db = SourceDb::open(&desk.copy(), &board.label, path).await?;
        }
        let (bones, links) = match &mut db {
            Some(db) => {
                tell_what_stays(db, &board.label, report).await?;
                let failed = unreadable(&board.label);
                (db.bones().await.map_err(&failed)?, db.links().await.map_err(&failed)?)
            }
            None => (Vec::new(), Vec::new()),
        };
        let target = self.target(board, &bones, part).await?;
        if let Some(mut db) = db {
            let done = self.cards(board, &mut db, &bones, &links, target, part, report).await;
            db.close().await;
            done?;
        }
        if self.start == Start::AtOnce {
            report.released += self.release(target.source).await?;
        }
        Ok(())
    }

    /// The board here, which is made when there is none yet.
    async fn target(
        &mut self,
        board: &SourceBoard,
        bones: &[Bone],
        part: &mut BoardReport,
    ) -> Result<Target, ImportError> {
        let now = self.core.now_ms();
        let mut tx = self.core.write().await?;
        let found = self.known_source(&mut tx, board, bones).await?;
        let here = match found {
            Some(known) if import_rows::board_exists(&mut tx, known.board).await? => Some(known.board),
            _ => None,
        };
        let board_id = match here {
            Some(id) => id,
            None => match free_place(&mut tx, board).await? {
                Place::Board(id) => id,
                Place::Slug(slug) => {
                    part.new = true;
                    let new = new_board(board, bones, slug, now);
                    import_rows::insert_board(&mut tx, &new).await?;
                    new.id
                }
            },
        };
        let source = match found {
            Some(known) => {
                store::set_board(&mut tx, known.id, board_id).await?;
                known.id
            }
            None => self.new_source(&mut tx, board, board_id, now).await?,
        };
        part.board = import_rows::slug_of_board(&mut tx, board_id).await?;
        if self.mode == Mode::DryRun {
            // Not committed, so the board and its source are gone again.
            drop(tx);
        } else {
            if part.new {
                let detail = serde_json::json!({ "imported_from": self.home.root, "source": board.label });
                let object = format!("board:{}", part.board);
                audit::record(&mut tx, now, self.actor, "board_created", &object, &detail).await?;
            }
            tx.commit().await?;
        }
        if !bones.is_empty() {
            self.taken_sources.insert(source);
        }
        Ok(Target { source: if self.mode == Mode::DryRun && found.is_none() { 0 } else { source }, board: board_id })
    }

    /// The source this board was imported as, by its cards or, when it has none that are known, by its place.
    async fn known_source(
        &self,
        tx: &mut SqliteConnection,
        board: &SourceBoard,
        bones: &[Bone],
    ) -> Result<Option<KnownSource>, KanbanError> {
        let mut here = store::source(tx, &board.identity(&self.home.root)).await?;
        let spread = bones.iter().step_by(bones.len().div_ceil(SAMPLE).max(1));
        let sample: HashSet<&str> = bones.iter().take(SAMPLE).chain(spread).map(|bone| bone.id.as_str()).collect();
        if sample.is_empty() {
            // Nothing of it can be taken twice; it may stand where a board was that has moved.
            return Ok(here);
        }
        let mut by_cards = store::sources_of(tx, sample.iter().copied()).await?;
        by_cards.retain(|(known, _)| !self.taken_sources.contains(&known.id));
        if let Some(known) = here {
            let free = !self.taken_sources.contains(&known.id);
            let same = by_cards.iter().any(|(other, _)| other.id == known.id);
            // Other cards in the same place are another board, unless it was empty the last time.
            if !(same || free && !store::has_cards(tx, known.id).await?) {
                here = None;
            }
        }
        let moved = by_cards.into_iter().find(|(_, cards)| *cards >= ENOUGH.min(sample.len()));
        Ok(here.or(moved.map(|(known, _)| known)))
    }

    async fn new_source(
        &self,
        tx: &mut SqliteConnection,
        board: &SourceBoard,
        id: BoardId,
        now: i64,
    ) -> Result<i64, KanbanError> {
        let place = board.identity(&self.home.root);
        let mut identity = place.clone();
        let mut next = 2;
        // The place may be that of a board which has moved since.
        while store::source(tx, &identity).await?.is_some() {
            identity = format!("{place}~{next}");
            next += 1;
        }
        store::insert_source(tx, &identity, id, now).await
    }

    #[expect(clippy::too_many_arguments, reason = "they are one board's parts, used together once")]
    async fn cards(
        &self,
        board: &SourceBoard,
        db: &mut SourceDb,
        bones: &[Bone],
        raw_links: &[RawLink],
        target: Target,
        part: &mut BoardReport,
        report: &mut Report,
    ) -> Result<(), ImportError> {
        let (known, ids, events_from) = self.known_cards(bones, target.source).await?;
        part.known.cards = known.iter().filter(|known| **known != Known::No).count() as u64;
        let links = sound_links(bones, raw_links, &board.label, report);
        let mut reader = self.core.store().reader().acquire().await.map_err(KanbanError::from)?;
        let ends = import_rows::column_ends(&mut reader, target.board).await?;
        let new_links = new_links(&mut reader, target.source, bones, &links).await?;
        drop(reader);
        part.known.links = (links.len() - new_links.len()) as u64;
        let placed = plan::place(bones, &known, &links, self.start, ends);
        report.held += placed.iter().flatten().filter(|placed| placed.held).count() as u64;

        let mut order: Vec<usize> = (0..bones.len()).collect();
        order.sort_by_key(|index| (bones[*index].created_at, bones[*index].rowid));
        let mut batch_of = vec![0; bones.len()];
        for (place, index) in order.iter().enumerate() {
            batch_of[*index] = place / BATCH;
        }
        // A link comes with the later of its cards.
        let mut links_of: Vec<Vec<(usize, usize)>> = vec![Vec::new(); bones.len().div_ceil(BATCH)];
        let mut links_left = vec![0_u32; bones.len()];
        for (parent, child) in new_links {
            links_of[batch_of[parent].max(batch_of[child])].push((parent, child));
            links_left[child] += 1;
        }
        let (events, _) = db.event_counts().await.map_err(unreadable(&board.label))?;
        let mut work = Work {
            core: self.core,
            actor: self.actor,
            mode: self.mode,
            setting: Setting {
                source: target.source,
                board: target.board,
                now: self.core.now_ms(),
                start: self.start,
                home: self.core.home().root(),
                default_dir: board.look.default_dir.as_deref(),
            },
            shelf: Shelf {
                root: self.home.root.clone(),
                attachments: board.attachments.clone(),
                target: self.core.home().root().join("attachments"),
            },
            label: &board.label,
            bones,
            again: known.iter().any(|known| *known != Known::No),
            known,
            ids,
            events_from,
            placed,
            links_left,
            keys: HashSet::new(),
            db,
            part,
            report,
        };
        for (members, links) in order.chunks(BATCH).zip(&links_of) {
            batch::run(&mut work, members, links).await?;
        }
        part.known.events = events.saturating_sub(part.taken.events);
        Ok(())
    }

    /// What earlier imports left of each card: its state, its id, its newest event that was taken.
    async fn known_cards(
        &self,
        bones: &[Bone],
        source: i64,
    ) -> Result<(Vec<Known>, Vec<Option<CardId>>, Vec<i64>), KanbanError> {
        let mut reader = self.core.store().reader().acquire().await?;
        let mut known = vec![Known::No; bones.len()];
        let mut ids = vec![None; bones.len()];
        let mut events = vec![0; bones.len()];
        for (chunk, first) in bones.chunks(KEYS).zip((0..).step_by(KEYS)) {
            let rows = store::known(&mut reader, source, "card", chunk.iter().map(|bone| bone.id.as_str())).await?;
            let cards: Vec<CardId> = rows.values().map(|row| CardId(row.id)).collect();
            let states = import_rows::card_states(&mut reader, &cards).await?;
            for (index, bone) in (first..).zip(chunk) {
                let Some(row) = rows.get(&bone.id) else { continue };
                known[index] = match states.get(&CardId(row.id)) {
                    Some((state, false)) => Known::Here(*state),
                    _ => Known::Gone,
                };
                ids[index] = Some(CardId(row.id));
                events[index] = row.event;
            }
        }
        Ok((known, ids, events))
    }

    /// Lets go what an earlier import had put into triage and nobody has touched since.
    async fn release(&self, source: i64) -> Result<u64, ImportError> {
        if self.mode == Mode::DryRun {
            let mut reader = self.core.store().reader().acquire().await.map_err(KanbanError::from)?;
            return Ok(store::count_held(&mut reader, source).await?);
        }
        let mut released = 0;
        loop {
            let mut tx = self.core.write().await?;
            let held = store::held(&mut tx, source, BATCH as u32).await?;
            if held.is_empty() {
                return Ok(released);
            }
            for (key, id) in held {
                let waits = kanban::has_unfinished_parent(&mut tx, id).await?;
                let to = if waits { CardState::Todo } else { CardState::Ready };
                let card = kanban::load_card(&mut tx, CardRef::Id(id)).await?;
                let transition = Transition::new(Cause::Person, to, "moved");
                kanban::apply(self.core, &mut tx, self.actor, &card, transition).await?;
                store::release(&mut tx, source, &key).await?;
                released += 1;
            }
            tx.commit().await?;
        }
    }
}

/// Says what of a board has no place here, or belongs to nothing.
async fn tell_what_stays(db: &mut SourceDb, label: &str, report: &mut Report) -> Result<(), ImportError> {
    for unknown in std::mem::take(&mut db.unknown) {
        report.left_out.add(label, unknown, "this Hermes does not know it; a newer one may");
    }
    let failed = unreadable(label);
    for (what, rows) in db.lost().await.map_err(&failed)? {
        report.left_out.add(label, format!("{rows} {what}"), "their cards are gone");
    }
    let (_, signs) = db.event_counts().await.map_err(&failed)?;
    if signs > 0 {
        let why = "they were heartbeats and the like, which are no history here";
        report.left_out.add(label, format!("{signs} signs of life"), why);
    }
    Ok(())
}

/// Where a board that is not known can go.
enum Place {
    /// Into this board of ours, which has its name.
    Board(BoardId),
    /// Into a new one of this slug.
    Slug(String),
}

async fn free_place(tx: &mut SqliteConnection, board: &SourceBoard) -> Result<Place, KanbanError> {
    let base: String = board.slug.chars().take(56).collect();
    let mut slug = board.slug.clone();
    let mut next = 2;
    loop {
        match import_rows::board_of_slug(tx, &slug).await? {
            None => return Ok(Place::Slug(slug)),
            Some((id, true)) if !board.archived && slug == board.slug => return Ok(Place::Board(id)),
            Some(_) => slug = format!("{base}-{next}"),
        }
        next += 1;
    }
}

fn new_board(board: &SourceBoard, bones: &[Bone], slug: String, now: i64) -> NewBoard {
    let first_card = bones.iter().map(|bone| bone.created_at).filter(|at| *at > 0).min();
    let look = &board.look;
    let unnamed = board.slug == kanban::DEFAULT_BOARD && look.name == "Default";
    NewBoard {
        id: BoardId(kanban::new_id()),
        slug,
        name: if unnamed { "Home".to_owned() } else { look.name.clone() },
        description: look.description.clone(),
        icon: look.icon.clone(),
        color: look.color.clone(),
        default_dir: look.default_dir.clone(),
        created_at: board.created_at.or(first_card).unwrap_or(now).min(now),
        archived_at: board.archived.then(|| board.archived_at.unwrap_or(now).min(now)),
    }
}

/// Links between cards that are there and that close no circle, as indexes. The others are reported.
fn sound_links(bones: &[Bone], raw: &[RawLink], label: &str, report: &mut Report) -> Vec<(usize, usize)> {
    let index = |row: Option<i64>| row.and_then(|row| bones.binary_search_by_key(&row, |bone| bone.rowid).ok());
    let mut links = Vec::new();
    for link in raw {
        match (index(link.parent), index(link.child)) {
            (Some(parent), Some(child)) if parent != child => links.push((parent, child)),
            (Some(_), Some(_)) => report.left_out.add(label, &*link.text, "a card cannot wait for itself"),
            _ => report.left_out.add(label, &*link.text, "one of the cards is gone"),
        }
    }
    let circles = plan::circles(bones.len(), &links);
    let mut kept = Vec::with_capacity(links.len());
    for ((parent, child), dropped) in links.into_iter().zip(circles) {
        if dropped {
            let what = format!("link {} → {}", bones[parent].id, bones[child].id);
            report.left_out.add(label, what, "it closes a circle, in which no card could start");
        } else {
            kept.push((parent, child));
        }
    }
    kept
}

/// The key by which a link is known.
pub(super) fn link_key(parent: &Bone, child: &Bone) -> String {
    format!("{} {}", parent.id, child.id)
}

async fn new_links(
    reader: &mut SqliteConnection,
    source: i64,
    bones: &[Bone],
    links: &[(usize, usize)],
) -> Result<Vec<(usize, usize)>, KanbanError> {
    let mut new = Vec::new();
    for chunk in links.chunks(KEYS) {
        let keys: HashMap<String, (usize, usize)> =
            chunk.iter().map(|link| (link_key(&bones[link.0], &bones[link.1]), *link)).collect();
        let known = store::known_keys(reader, source, "link", keys.keys().map(String::as_str)).await?;
        // In the order of the source, so that the same comes out every time.
        new.extend(chunk.iter().filter(|link| !known.contains(&link_key(&bones[link.0], &bones[link.1]))));
    }
    Ok(new)
}
