//! Some hundred cards with everything that hangs on them: read, mapped, and written in one transaction.

use std::collections::{HashMap, HashSet};

use protocol::{CardId, CardRef, CardState, MAX_ATTACHMENT_BYTES, MAX_ATTACHMENTS};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::Mode;
use super::board::{link_key, unreadable};
use super::files::{self, Kept, Shelf};
use super::map::{self, Mapped, Setting};
use super::plan::{Known, Placed};
use super::report::{BoardReport, Counts, ImportError, Report};
use super::source::{Bone, RawAttachment, RawComment, RawEvent, RawRun, SourceDb};
use super::store::{self, KnownRow, NewRef};
use crate::kanban::attachments::media_type;
use crate::kanban::import_rows::{self, NewAttachment, NewComment, NewRun, PastEvent};
use crate::kanban::{self, Cause, KanbanError, Transition};
use crate::{Actor, Core, audit};

/// Rows of history in one transaction. What a batch has beyond that follows in further ones.
const EVENTS: u32 = 4_000;

/// One board's import, as far as it has come.
pub(super) struct Work<'a> {
    pub(super) core: &'a Core,
    pub(super) actor: &'a Actor,
    pub(super) mode: Mode,
    pub(super) setting: Setting<'a>,
    pub(super) shelf: Shelf,
    pub(super) label: &'a str,
    pub(super) bones: &'a [Bone],
    /// Whether some of the cards were here before.
    pub(super) again: bool,
    pub(super) known: Vec<Known>,
    pub(super) ids: Vec<Option<CardId>>,
    pub(super) events_from: Vec<i64>,
    pub(super) placed: Vec<Option<Placed>>,
    /// Links of each child that are still to come.
    pub(super) links_left: Vec<u32>,
    /// Idempotency keys of new cards.
    pub(super) keys: HashSet<String>,
    pub(super) db: &'a mut SourceDb,
    pub(super) part: &'a mut BoardReport,
    pub(super) report: &'a mut Report,
}

/// What is about to be written.
#[derive(Default)]
struct Batch {
    cards: Vec<(usize, Mapped)>,
    runs: Vec<NewRun>,
    comments: Vec<NewComment>,
    attachments: Vec<NewAttachment>,
    refs: Vec<NewRef>,
    /// Runs by card and the id that events name.
    run_of: HashMap<(usize, String), (Uuid, String)>,
    /// Cards that were here before and get something.
    touched: HashSet<usize>,
}

/// Brings some cards over.
pub(super) async fn run(work: &mut Work<'_>, members: &[usize], links: &[(usize, usize)]) -> Result<(), ImportError> {
    let live: Vec<usize> = members.iter().copied().filter(|index| work.known[*index] != Known::Gone).collect();
    if live.is_empty() {
        return Ok(());
    }
    let rows = work.rows(live.iter());
    let mut after = live.iter().map(|index| work.events_from[*index]).min().unwrap_or(0);
    let events = work.events(&rows, after).await?;
    let batch = work.read(&live, &rows, &events).await?;
    let full = events.len() == EVENTS as usize;
    let last = events.last().map(|event| event.rowid);
    work.write(batch, &live, links, events).await?;
    if !full {
        return Ok(());
    }
    // Runs are known by now, also those that were just written.
    let run_of = work.known_runs(&live, &rows).await?;
    after = last.unwrap_or(after);
    loop {
        let events = work.events(&rows, after).await?;
        let Some(last) = events.last().map(|event| event.rowid) else { return Ok(()) };
        let past = work.past(&events, &run_of);
        if work.mode == Mode::Write {
            let mut tx = work.core.write().await?;
            work.write_events(&mut tx, &live, &past, last).await?;
            tx.commit().await?;
        }
        work.part.taken.events += past.len() as u64;
        after = last;
    }
}

impl Work<'_> {
    fn rows<'i>(&self, indexes: impl Iterator<Item = &'i usize>) -> String {
        serde_json::Value::from_iter(indexes.map(|index| self.bones[*index].rowid)).to_string()
    }

    fn index(&self, row: i64) -> Option<usize> {
        self.bones.binary_search_by_key(&row, |bone| bone.rowid).ok()
    }

    fn remark(&mut self, index: usize, why: &str) {
        self.report.changed.add(self.label, format!("card {}", self.bones[index].id), why);
    }

    async fn events(&mut self, rows: &str, after: i64) -> Result<Vec<RawEvent>, ImportError> {
        self.db.events(rows, after, EVENTS).await.map_err(unreadable(self.label))
    }

    async fn read(&mut self, live: &[usize], rows: &str, events: &[RawEvent]) -> Result<Batch, ImportError> {
        let failed = unreadable(self.label);
        let new: Vec<usize> = live.iter().copied().filter(|index| self.known[*index] == Known::No).collect();
        let raw_cards = self.db.cards(&self.rows(new.iter())).await.map_err(&failed)?;
        let mut raw_runs = self.db.runs(rows).await.map_err(&failed)?;
        let raw_comments = self.db.comments(rows).await.map_err(&failed)?;
        let raw_files = self.db.attachments(rows).await.map_err(&failed)?;
        raw_runs.sort_by_key(|run| (run.started_at.unwrap_or(i64::MAX), run.rowid));
        for (index, card) in new.iter().map(|index| (*index, &self.bones[*index])) {
            self.ids[index] = Some(map::new_card_id(&self.setting, &card.id, card.created_at, card.rowid));
        }
        let mut batch = Batch::default();
        let assignees: HashMap<i64, Option<String>> =
            raw_cards.iter().map(|card| (card.rowid, card.assignee.clone())).collect();
        self.read_runs(&mut batch, &raw_runs, &assignees).await?;
        self.read_comments(&mut batch, &raw_comments, &raw_runs).await?;
        self.read_files(&mut batch, &raw_files).await?;

        let mut last_at: HashMap<i64, i64> = HashMap::new();
        let happened = events.iter().map(|event| (event.card, event.created_at));
        let ended = raw_runs.iter().map(|run| (run.card, run.ended_at.or(run.started_at)));
        for (card, at) in happened.chain(ended) {
            let last = last_at.entry(card).or_default();
            *last = (*last).max(at.unwrap_or_default());
        }
        let mut by_row: HashMap<i64, _> = raw_cards.into_iter().map(|card| (card.rowid, card)).collect();
        for index in new {
            let bone = &self.bones[index];
            let (Some(raw), Some(placed), Some(id)) =
                (by_row.remove(&bone.rowid), &self.placed[index], self.ids[index])
            else {
                continue;
            };
            let runs: Vec<NewRun> = batch.runs.iter().filter(|run| run.card == id).cloned().collect();
            let last = last_at.get(&bone.rowid).copied().filter(|at| *at > 0);
            let mut mapped = map::card(&self.setting, &raw, bone, placed, &runs, last);
            let count = |total: usize| u32::try_from(total).unwrap_or(u32::MAX);
            mapped.card.comments = count(batch.comments.iter().filter(|comment| comment.card == id).count());
            mapped.card.attachments = count(batch.attachments.iter().filter(|file| file.card == id).count());
            batch.refs.push(NewRef { kind: "card", key: bone.id.clone(), id: id.0, held: placed.held });
            for why in std::mem::take(&mut mapped.remarks) {
                self.remark(index, &why);
            }
            batch.cards.push((index, mapped));
        }
        Ok(batch)
    }

    /// Which of the rows are here, of those that hang on cards: by key, with the card's index and its id.
    async fn known_of(
        &self,
        kind: &str,
        rows: impl Iterator<Item = (i64, i64)>,
    ) -> Result<HashMap<String, KnownRow>, KanbanError> {
        let keys: Vec<String> = rows.filter_map(|(card, row)| self.key(card, row)).collect();
        let mut reader = self.core.store().reader().acquire().await?;
        store::known(&mut reader, self.setting.source, kind, keys.iter().map(String::as_str)).await
    }

    fn key(&self, card: i64, row: i64) -> Option<String> {
        self.index(card).map(|index| map::key(&self.bones[index].id, row))
    }

    async fn read_runs(
        &mut self,
        batch: &mut Batch,
        raw: &[RawRun],
        assignees: &HashMap<i64, Option<String>>,
    ) -> Result<(), ImportError> {
        let known = self.known_of("run", raw.iter().map(|run| (run.card, run.rowid))).await?;
        let mut attempts: HashMap<usize, u32> = HashMap::new();
        for run in raw {
            let (Some(index), Some(key)) = (self.index(run.card), self.key(run.card, run.rowid)) else { continue };
            let Some(card) = self.ids[index] else { continue };
            if let Some(here) = known.get(&key) {
                self.part.known.runs += 1;
                let profile = run.profile.clone().unwrap_or_default();
                batch.run_of.insert((index, run.id.clone()), (here.id, profile));
                continue;
            }
            let before = match attempts.get(&index) {
                Some(attempt) => *attempt,
                None if self.known[index] == Known::No => 0,
                None => {
                    let mut reader = self.core.store().reader().acquire().await.map_err(KanbanError::from)?;
                    import_rows::last_attempt(&mut reader, card).await?
                }
            };
            attempts.insert(index, before + 1);
            let assignee = assignees.get(&run.card).and_then(|name| name.as_deref());
            let (new, remarks) = map::run(&self.setting, run, &self.bones[index].id, card, before + 1, assignee);
            for why in remarks {
                self.remark(index, &why);
            }
            batch.run_of.insert((index, run.id.clone()), (new.id.0, new.profile.clone()));
            batch.refs.push(NewRef { kind: "run", key, id: new.id.0, held: false });
            batch.runs.push(new);
            batch.touched.insert(index);
        }
        Ok(())
    }

    async fn read_comments(
        &mut self,
        batch: &mut Batch,
        raw: &[RawComment],
        runs: &[RawRun],
    ) -> Result<(), ImportError> {
        let known = self.known_of("comment", raw.iter().map(|comment| (comment.card, comment.rowid))).await?;
        let mut workers: HashMap<i64, Vec<&str>> = HashMap::new();
        for run in runs {
            workers.entry(run.card).or_default().extend(run.profile.as_deref());
        }
        for comment in raw {
            let (Some(index), Some(key)) = (self.index(comment.card), self.key(comment.card, comment.rowid)) else {
                continue;
            };
            let Some(card) = self.ids[index] else { continue };
            if known.contains_key(&key) {
                self.part.known.comments += 1;
                continue;
            }
            let workers = workers.get(&comment.card).map(Vec::as_slice).unwrap_or_default();
            let (new, remarks) = map::comment(&self.setting, comment, &self.bones[index].id, card, workers);
            for why in remarks {
                self.remark(index, &why);
            }
            batch.refs.push(NewRef { kind: "comment", key, id: new.id.0, held: false });
            batch.comments.push(new);
            batch.touched.insert(index);
        }
        Ok(())
    }

    async fn read_files(&mut self, batch: &mut Batch, raw: &[RawAttachment]) -> Result<(), ImportError> {
        let known = self.known_of("attachment", raw.iter().map(|file| (file.card, file.rowid))).await?;
        let mut of_card: HashMap<usize, usize> = HashMap::new();
        for row in raw {
            let (Some(index), Some(key)) = (self.index(row.card), self.key(row.card, row.rowid)) else { continue };
            let Some(card) = self.ids[index] else { continue };
            let count = of_card.entry(index).or_default();
            if known.contains_key(&key) {
                *count += 1;
                self.part.known.attachments += 1;
                continue;
            }
            let name = files::plain_name(row);
            let what = format!("attachment {name} of {}", self.bones[index].id);
            if *count >= MAX_ATTACHMENTS {
                let why = format!("a card has at most {MAX_ATTACHMENTS} files; attach it to another one by hand");
                self.report.left_out.add(self.label, what, why);
                continue;
            }
            let at = row.created_at.unwrap_or(self.setting.now).min(self.setting.now);
            let id = map::stable_id(self.setting.source, "attachment", &key, at, row.rowid);
            let kept = match self.keep(row, &self.bones[index].id, id).await {
                Ok(kept) => kept,
                Err(why) => {
                    self.report.left_out.add(self.label, what, why);
                    continue;
                }
            };
            *count += 1;
            let bytes = i64::try_from(kept.bytes).unwrap_or(i64::MAX);
            if let Some(said) = row.bytes.filter(|said| *said != bytes) {
                let why = format!("the file has {bytes} bytes, the old board says {said}; it was taken as it is");
                self.report.changed.add(self.label, &*what, why);
            }
            if bytes > MAX_ATTACHMENT_BYTES {
                let most = MAX_ATTACHMENT_BYTES / (1024 * 1024);
                let why =
                    format!("it is larger than the {most} MiB that a file may have here; it was taken all the same");
                self.report.changed.add(self.label, what, why);
            }
            batch.refs.push(NewRef { kind: "attachment", key, id, held: false });
            batch.attachments.push(NewAttachment {
                id,
                card,
                media_type: media_type(&kept.head, &name).to_owned(),
                name,
                bytes,
                sha256: kept.sha256,
                author: row.author.clone().unwrap_or_else(|| "unknown".to_owned()),
                created_at: at,
            });
            batch.touched.insert(index);
        }
        Ok(())
    }

    /// Puts the file into its place; a dry run only looks at it.
    async fn keep(&self, row: &RawAttachment, card: &str, id: Uuid) -> Result<Kept, String> {
        let from = self.shelf.find(row, card)?;
        let (shelf, mode) = (self.shelf.clone(), self.mode);
        let shown = from.display().to_string();
        let kept = tokio::task::spawn_blocking(move || match mode {
            Mode::Write => shelf.keep(&from, id),
            Mode::DryRun => {
                from.metadata().map(|meta| Kept { bytes: meta.len(), sha256: Vec::new(), head: Vec::new() })
            }
        });
        match kept.await {
            Ok(Ok(kept)) => Ok(kept),
            Ok(Err(error)) => Err(format!("{shown} cannot be copied: {error}")),
            Err(error) => Err(format!("{shown} cannot be copied: {error}")),
        }
    }

    async fn known_runs(
        &mut self,
        live: &[usize],
        rows: &str,
    ) -> Result<HashMap<(usize, String), (Uuid, String)>, ImportError> {
        let raw = self.db.runs(rows).await.map_err(unreadable(self.label))?;
        let known = self.known_of("run", raw.iter().map(|run| (run.card, run.rowid))).await?;
        let mut run_of = HashMap::with_capacity(live.len());
        for run in raw {
            let here = self.key(run.card, run.rowid).and_then(|key| known.get(&key).copied());
            if let (Some(index), Some(here)) = (self.index(run.card), here) {
                run_of.insert((index, run.id), (here.id, run.profile.unwrap_or_default()));
            }
        }
        Ok(run_of)
    }

    /// Those events that were not taken before.
    fn past(&mut self, events: &[RawEvent], run_of: &HashMap<(usize, String), (Uuid, String)>) -> Vec<PastEvent> {
        let mut remarks = Vec::new();
        let mut past = Vec::with_capacity(events.len());
        for event in events {
            let Some(index) = self.index(event.card) else { continue };
            let Some(card) = self.ids[index].filter(|_| event.rowid > self.events_from[index]) else { continue };
            let run = event.run.as_ref().and_then(|run| run_of.get(&(index, run.clone())));
            let run = run.map(|(id, profile)| (*id, profile.as_str()));
            past.push(map::event(&self.setting, event, card, run, &mut remarks));
            for why in remarks.drain(..) {
                self.report.changed.add(self.label, format!("card {}", self.bones[index].id), why);
            }
        }
        past
    }

    async fn write(
        &mut self,
        mut batch: Batch,
        live: &[usize],
        links: &[(usize, usize)],
        events: Vec<RawEvent>,
    ) -> Result<(), ImportError> {
        let past = self.past(&events, &batch.run_of);
        let mut taken = Counts {
            cards: batch.cards.len() as u64,
            links: 0,
            runs: batch.runs.len() as u64,
            comments: batch.comments.len() as u64,
            events: past.len() as u64,
            attachments: batch.attachments.len() as u64,
        };
        let links: Vec<(usize, usize)> =
            links.iter().copied().filter(|(p, c)| self.is_live(*p) && self.is_live(*c)).collect();
        if self.mode == Mode::DryRun {
            taken.links = links.len() as u64;
            self.part.taken.add(&taken);
            return Ok(());
        }
        if taken.total() == 0 && links.is_empty() {
            return Ok(());
        }
        let mut tx = self.core.write().await?;
        self.write_cards(&mut tx, &mut batch.cards).await?;
        import_rows::insert_runs(&mut tx, &batch.runs).await?;
        for (_, mapped) in &batch.cards {
            if let Some(decision) = &mapped.decision {
                import_rows::insert_decision(&mut tx, decision).await?;
            }
        }
        import_rows::insert_comments(&mut tx, &batch.comments).await?;
        for file in &batch.attachments {
            import_rows::insert_attachment(&mut tx, file).await?;
        }
        taken.links = self.write_links(&mut tx, &links, &mut batch.refs).await?;
        store::insert_refs(&mut tx, self.setting.source, &batch.refs).await?;
        if let Some(last) = events.last() {
            self.write_events(&mut tx, live, &past, last.rowid).await?;
        }
        self.tell(&mut tx, &batch, taken).await?;
        self.settle(&mut tx, &links).await?;
        tx.commit().await?;
        for (index, _) in batch.cards {
            self.known[index] = self.placed[index].as_ref().map_or(Known::No, |placed| Known::Here(placed.state));
        }
        self.part.taken.add(&taken);
        Ok(())
    }

    fn is_live(&self, index: usize) -> bool {
        self.known[index] != Known::Gone
    }

    async fn write_cards(
        &mut self,
        tx: &mut SqliteConnection,
        cards: &mut [(usize, Mapped)],
    ) -> Result<(), ImportError> {
        if cards.is_empty() {
            return Ok(());
        }
        let mut number = import_rows::take_numbers(tx, u32::try_from(cards.len()).unwrap_or(u32::MAX)).await?;
        for (index, mapped) in cards {
            let card = &mut mapped.card;
            card.number = number;
            number += 1;
            if let Some(key) = card.idempotency_key.clone().filter(|_| card.state != CardState::Archived)
                && (!self.keys.insert(key.clone()) || import_rows::key_is_taken(tx, card.board, &key).await?)
            {
                card.idempotency_key = None;
                self.remark(*index, "another card of the board has its idempotency key; it has none now");
            }
            import_rows::insert_card(tx, card).await?;
        }
        Ok(())
    }

    async fn write_links(
        &mut self,
        tx: &mut SqliteConnection,
        links: &[(usize, usize)],
        refs: &mut Vec<NewRef>,
    ) -> Result<u64, ImportError> {
        let mut written = 0;
        for (parent, child) in links {
            self.links_left[*child] = self.links_left[*child].saturating_sub(1);
            let (Some(parent_id), Some(child_id)) = (self.ids[*parent], self.ids[*child]) else { continue };
            let key = link_key(&self.bones[*parent], &self.bones[*child]);
            // Among cards that were here before there may be links of our own.
            if self.again && kanban::is_reachable(tx, child_id, parent_id).await? {
                let why = "with the links that are here it closes a circle, in which no card could start";
                self.report.left_out.add(self.label, format!("link {key}"), why);
                continue;
            }
            import_rows::insert_link(tx, parent_id, child_id).await?;
            refs.push(NewRef { kind: "link", key, id: child_id.0, held: false });
            written += 1;
        }
        Ok(written)
    }

    async fn write_events(
        &self,
        tx: &mut SqliteConnection,
        live: &[usize],
        past: &[PastEvent],
        last: i64,
    ) -> Result<(), ImportError> {
        import_rows::insert_events(tx, self.setting.board, past).await?;
        let keys = live.iter().map(|index| self.bones[*index].id.as_str());
        store::set_event(tx, self.setting.source, keys, last).await?;
        Ok(())
    }

    /// One event for every card that is new or got something, so that open browsers show it, and one audit row.
    async fn tell(&self, tx: &mut SqliteConnection, batch: &Batch, taken: Counts) -> Result<(), ImportError> {
        let now = self.core.now_ms();
        let mut told = Vec::new();
        for (index, mapped) in &batch.cards {
            let bone = &self.bones[*index];
            let detail = serde_json::json!({
                "from": bone.id, "was": crate::text::excerpt(&bone.status, 40), "state": mapped.card.state.as_str(),
            });
            told.push(self.imported(mapped.card.id, &detail, now));
        }
        for index in batch.touched.iter().filter(|index| self.known[**index] != Known::No) {
            let Some(card) = self.ids[*index] else { continue };
            import_rows::recount(tx, card).await?;
            let detail = serde_json::json!({ "from": self.bones[*index].id, "more": true });
            told.push(self.imported(card, &detail, now));
        }
        import_rows::insert_events(tx, self.setting.board, &told).await?;
        let detail = serde_json::json!({ "source": self.label, "taken": taken });
        let object = format!("board:{}", self.part.board);
        audit::record(tx, now, self.actor, "imported", &object, &detail).await?;
        Ok(())
    }

    fn imported(&self, card: CardId, detail: &serde_json::Value, now: i64) -> PastEvent {
        PastEvent {
            card,
            run: None,
            kind: "imported".to_owned(),
            actor: self.actor.label(),
            detail: detail.to_string(),
            at: now,
        }
    }

    /// A child all of whose links are in is where its parents, as they are now, want it.
    async fn settle(&self, tx: &mut SqliteConnection, links: &[(usize, usize)]) -> Result<(), ImportError> {
        let mut seen = HashSet::new();
        for (_, child) in links {
            let Some(id) = self.ids[*child].filter(|_| self.links_left[*child] == 0 && seen.insert(*child)) else {
                continue;
            };
            let card = match kanban::load_card(tx, CardRef::Id(id)).await {
                Ok(card) => card,
                // Somebody deleted it since the import began.
                Err(KanbanError::NotFound(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            let waits = kanban::has_unfinished_parent(tx, id).await?;
            let transition = match card.state {
                CardState::Ready if waits => Transition::new(Cause::Demote, CardState::Todo, "demoted"),
                CardState::Todo if !waits => Transition::new(Cause::Promote, CardState::Ready, "promoted"),
                _ => continue,
            };
            kanban::apply(self.core, tx, &Actor::System, &card, transition).await?;
        }
        Ok(())
    }
}
