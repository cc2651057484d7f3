//! Claiming: the one way a card becomes `running`.

use std::collections::{HashMap, HashSet};

use protocol::{BoardId, CardId, CardRef, CardState, ExecutorKind, RunId, TaskCard, WorkspaceKind};
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row, SqliteConnection};
use uuid::Uuid;

use super::boards::load_for_write;
use super::card_row::{CardRow, card_columns, load};
use super::readiness::Readiness;
use super::transition::{self, Cause, Place, Transition};
use super::worker::RunTicket;
use super::{KanbanError, rank, store, view};
use crate::process::Identity;
use crate::store::WriteTx;
use crate::{Actor, Core};

/// A pause that ends in `$now`'s future. One that ends later than any pause lasts was written while the clock was ahead
/// and holds nothing.
macro_rules! pauses {
    ($until:literal, $now:literal) => {
        concat!("(", $until, " > ", $now, " AND ", $until, " <= ", $now, " + 90000000)")
    };
}

/// No other card works in the directory of card `c`, and no worker of another is still ending there.
macro_rules! dir_is_free {
    () => {
        "(c.workspace_kind <> 'dir' OR c.shared_dir = 1 OR NOT EXISTS (
            SELECT 1 FROM kanban_card o
             WHERE o.state = 'running' AND o.workspace_path = c.workspace_path AND o.workspace_kind = 'dir'
            UNION ALL
            SELECT 1 FROM kanban_process q CROSS JOIN kanban_card o ON o.id = q.card_id
             WHERE o.workspace_path = c.workspace_path AND o.workspace_kind = 'dir' AND o.id <> c.id))"
    };
}
pub(super) use dir_is_free;

// A card whose earlier worker is not known to be gone is not offered: never two live workers on one card. Only boards
// that have ready cards and room are looked at, and of these only the cards of profiles that can run, so that cards which
// wait for a profile or a slot cost nothing however many they are.
const CANDIDATES: &str = concat!(
    "SELECT ",
    card_columns!(),
    ", ",
    store::waits_for_parent!("c.id"),
    " AS waits
      FROM kanban_column_count k CROSS JOIN json_each(?2) q CROSS JOIN kanban_card c ON c.id IN (
        SELECT c.id FROM kanban_card c INDEXED BY kanban_card_claim
         WHERE c.state = 'ready' AND c.deleted_at IS NULL AND c.demo = 0
           AND c.board_id = k.board_id AND c.assignee IS q.value
           AND NOT ",
    pauses!("COALESCE(c.hold_until, 0)", "?1"),
    " AND NOT ",
    pauses!("COALESCE(c.backoff_until, 0)", "?1"),
    "
           AND (c.max_tokens IS NULL OR c.tokens - c.tokens_before < c.max_tokens)
           AND (c.max_cost_micros IS NULL OR COALESCE(c.cost_micros, 0) - c.cost_micros_before < c.max_cost_micros)
           AND NOT EXISTS (SELECT 1 FROM kanban_process p WHERE p.card_id = c.id)
           AND c.id NOT IN (SELECT unhex(value) FROM json_each(?5))
           AND ",
    dir_is_free!(),
    "
         ORDER BY c.priority DESC, c.created_at, c.id LIMIT ?4)
      WHERE k.state = 'ready' AND k.cards > 0 AND k.board_id NOT IN (SELECT unhex(value) FROM json_each(?3))
      ORDER BY c.priority DESC, c.created_at, c.id LIMIT ?4"
);
// The earliest moment at which a card that is only held back by time can start.
const NEXT_WAKE: &str = "SELECT min(at) FROM (
        SELECT max(COALESCE(hold_until, 0), COALESCE(backoff_until, 0)) AS at
          FROM kanban_card INDEXED BY kanban_card_held
         WHERE state = 'ready' AND deleted_at IS NULL AND demo = 0
           AND (hold_until IS NOT NULL OR backoff_until IS NOT NULL)
           AND max(COALESCE(hold_until, 0), COALESCE(backoff_until, 0)) > ?1
        UNION ALL
        SELECT min(scheduled_at) FROM kanban_card WHERE state = 'scheduled' AND deleted_at IS NULL AND demo = 0)";
const DUE: &str = concat!(
    "SELECT ",
    card_columns!(),
    " FROM kanban_card c WHERE c.state = 'scheduled' AND c.deleted_at IS NULL AND c.demo = 0
       AND c.scheduled_at <= ?1 AND (c.scheduled_at, c.id) > (?2, ?3) ORDER BY c.scheduled_at, c.id LIMIT ?4"
);
const ANY_READY: &str = concat!(
    "SELECT EXISTS (SELECT 1 FROM kanban_card INDEXED BY kanban_card_claim
    WHERE state = 'ready' AND deleted_at IS NULL AND demo = 0 AND NOT ",
    pauses!("COALESCE(hold_until, 0)", "?1"),
    " AND NOT ",
    pauses!("COALESCE(backoff_until, 0)", "?1"),
    ")"
);
const HAS_WORKER: &str = "SELECT EXISTS (SELECT 1 FROM kanban_process WHERE card_id = ?1)";
const BUSY_DIRECTORY: &str = concat!(
    "SELECT c.workspace_path, COALESCE(
        (SELECT o.number FROM kanban_card o
          WHERE o.state = 'running' AND o.workspace_path = c.workspace_path AND o.workspace_kind = 'dir'),
        (SELECT o.number FROM kanban_process q CROSS JOIN kanban_card o ON o.id = q.card_id
          WHERE o.workspace_path = c.workspace_path AND o.workspace_kind = 'dir' AND o.id <> c.id))
       FROM kanban_card c WHERE c.id = ?1 AND NOT ",
    dir_is_free!()
);
const CARD_OF_RUN: &str = "SELECT card_id FROM kanban_run WHERE id = ?1";
const INSERT_PROCESS: &str = "INSERT INTO kanban_process (run_id, card_id, host, pid, pid_started)
    VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (run_id) DO UPDATE SET host = ?3, pid = ?4, pid_started = ?5";
const SET_PID: &str = "UPDATE kanban_run SET pid = ?2, pid_started = ?3 WHERE id = ?1";

/// Cards that are looked at to say which start next: in all, at a time, and how many times.
const MAX_LOOKED_AHEAD: usize = 1_000;
const LOOKED_AT_ONCE: usize = 50;
const MAX_LOOKS: usize = 100;
/// Scheduled cards that are released before something else has its turn: each is a write of its own.
const RELEASED_AT_ONCE: usize = 20;

/// A claimed card, for which a worker must be started now.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The proof the worker gets.
    pub ticket: RunTicket,
    /// Card number.
    pub number: i64,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// Profile that shall work.
    pub profile: String,
}

/// Claims the next ready card, if a slot is free and a card can run.
///
/// # Errors
/// When the database fails. Losing a race is no error: the answer is `None` then.
pub async fn claim_next(core: &Core, owner: &str) -> Result<Option<Claim>, KanbanError> {
    Ok(claim_ready(core, owner, 1).await?.pop())
}

/// Claims up to `limit` ready cards in one transaction, as many as there are free slots and cards that can run.
///
/// # Errors
/// When the database fails. Losing a race is no error: the answer is empty then.
pub async fn claim_ready(core: &Core, owner: &str, limit: usize) -> Result<Vec<Claim>, KanbanError> {
    // Looked at on a reader first: while nothing can start, commits of others cost no write lock.
    let mut reader = core.store().reader().acquire().await.map_err(crate::store::StoreError::from)?;
    let mut readiness = Readiness::read(core, &mut reader).await?;
    if readiness.is_full() || candidates(&mut reader, &readiness, &[], 1).await?.is_empty() {
        return Ok(Vec::new());
    }
    drop(reader);
    let mut tx = core.write().await?;
    // Slots and pauses count as they are under the lock; the profiles have just been read.
    readiness.look(core, &mut tx).await?;
    let mut claims = Vec::new();
    let mut demoted = false;
    while claims.len() < limit && !readiness.is_full() {
        let found = candidates(&mut tx, &readiness, &[], limit - claims.len()).await?;
        if found.is_empty() {
            break;
        }
        let mut chosen = Vec::new();
        let mut directories = HashSet::new();
        for Candidate { card, waits } in found {
            if waits {
                let transition = Transition::new(Cause::Demote, CardState::Todo, "demoted");
                transition::apply(core, &mut tx, &Actor::System, &card, transition).await?;
                demoted = true;
                continue;
            }
            // Whoever is left out now is found again.
            if may_start(&card, &mut readiness, &mut directories) {
                let profile = card.profile(&readiness).to_owned();
                chosen.push((card, profile));
            }
        }
        claims.extend(claim_cards(core, &mut tx, chosen, &readiness, owner).await?);
    }
    // A commit wakes the dispatcher, which would look again, for ever.
    if demoted || !claims.is_empty() {
        tx.commit().await?;
    }
    Ok(claims)
}

/// The cards of a board that a dispatcher would start now, in the order in which it would. What it starts on other boards
/// takes slots, too, and so do those that come before.
///
/// # Errors
/// `NotFound` for an unknown board.
pub async fn starting_next(core: &Core, board: &str) -> Result<Vec<TaskCard>, KanbanError> {
    let board = view::find_board(core, board).await?;
    let mut reader = core.store().reader().begin().await?;
    let mut readiness = Readiness::read(core, &mut reader).await?;
    let (mut seen, mut shown, mut directories) = (Vec::new(), Vec::new(), HashSet::new());
    for _ in 0..MAX_LOOKS {
        if readiness.is_full() || seen.len() >= MAX_LOOKED_AHEAD {
            break;
        }
        // Profiles and boards that are full by now are left out, so others move up. Whoever was refused stays refused.
        let free = usize::try_from(readiness.slots.limit - readiness.slots.used).unwrap_or(LOOKED_AT_ONCE);
        let found = candidates(&mut reader, &readiness, &seen, free.min(LOOKED_AT_ONCE)).await?;
        if found.is_empty() {
            break;
        }
        for Candidate { card, waits } in found {
            seen.push(card.id);
            if !waits && may_start(&card, &mut readiness, &mut directories) && card.board_id == board.id {
                shown.push(card.id);
            }
        }
    }
    reader.rollback().await?;
    view::cards(core, &shown).await
}

/// Whether it can start beside those that were chosen before it, which may have taken the last slot, or its directory.
/// Then it takes its own.
fn may_start(card: &CardRow, readiness: &mut Readiness, directories: &mut HashSet<String>) -> bool {
    let profile = card.profile(readiness).to_owned();
    let directory = card.workspace_path.clone().filter(|_| card.workspace_kind == WorkspaceKind::Dir);
    let mut is_free = |path| directories.insert(path) || card.shared_dir;
    let may = readiness.has_room(card.board_id, &profile) && directory.is_none_or(&mut is_free);
    if may {
        readiness.taken(card.board_id, &profile);
    }
    may
}

/// Claims one card by name, for somebody who works outside of Hermes. Its assignee need not be a profile here, and what
/// only spreads the work passes: slots, pauses after failures, a profile that rests.
///
/// # Errors
/// `Conflict` when it is not ready, is still being held back, its budget is spent, an earlier worker has not ended, or
/// another card works in its directory.
pub async fn claim_card_for(core: &Core, card: CardRef, owner: &str) -> Result<Claim, KanbanError> {
    let mut readiness = Readiness::of_files(core);
    let mut tx = core.write().await?;
    let card = load_for_write(&mut tx, card).await?;
    if card.state != CardState::Ready {
        return Err(KanbanError::Conflict(format!("{} is {}; only a ready card is claimed", card.label(), card.state)));
    }
    readiness.look(core, &mut tx).await?;
    if card.hold_until.is_some_and(|until| readiness.is_pause(until)) {
        return Err(KanbanError::Conflict(format!("{} can still be taken back; try again in 5 s", card.label())));
    }
    if let Some(spent) = card.spent_budget() {
        return Err(KanbanError::Conflict(spent));
    }
    if has_worker(&mut tx, card.id).await? {
        return Err(KanbanError::Conflict(format!("an earlier worker of {} is still ending; try again", card.label())));
    }
    let directory: Option<(Option<String>, Option<i64>)> =
        sqlx::query_as(BUSY_DIRECTORY).bind(card.id.0).fetch_optional(&mut *tx).await?;
    if let Some((path, other)) = directory {
        return Err(KanbanError::Conflict(format!(
            "{} works in {}; claim {} when that has ended",
            other.map_or_else(|| "another card".to_owned(), |number| format!("T-{number}")),
            path.unwrap_or_default(),
            card.label()
        )));
    }
    if store::has_unfinished_parent(&mut tx, card.id).await? {
        let transition = Transition::new(Cause::Demote, CardState::Todo, "demoted");
        transition::apply(core, &mut tx, &Actor::System, &card, transition).await?;
        tx.commit().await?;
        return Err(KanbanError::Conflict(format!("{} waits for other cards", card.label())));
    }
    let label = card.label();
    let profile = card.profile(&readiness).to_owned();
    let claim = claim_cards(core, &mut tx, vec![(card, profile)], &readiness, owner).await?.pop();
    tx.commit().await?;
    claim.ok_or_else(|| KanbanError::Conflict(format!("{label} could not be claimed; try again")))
}

/// A card that can start, or could if the cards it waits for were finished.
struct Candidate {
    card: CardRow,
    /// A parent was brought back without it.
    waits: bool,
}

impl FromRow<'_, SqliteRow> for Candidate {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self { card: CardRow::from_row(row)?, waits: row.try_get("waits")? })
    }
}

/// The first of the ready cards but those that were seen, in the order in which they start.
async fn candidates(
    db: &mut SqliteConnection,
    readiness: &Readiness,
    seen: &[CardId],
    limit: usize,
) -> Result<Vec<Candidate>, KanbanError> {
    let runnable = readiness.runnable();
    let nobody = runnable.contains(&readiness.default_assignee.as_str()).then_some(None);
    let assignees: Vec<Option<&str>> = runnable.into_iter().map(Some).chain(nobody).collect();
    let full: Vec<String> = readiness.full_boards().iter().map(|board| board.0.as_simple().to_string()).collect();
    let seen: Vec<String> = seen.iter().map(|card| card.0.as_simple().to_string()).collect();
    let query = sqlx::query_as(CANDIDATES)
        .bind(readiness.now)
        .bind(serde_json::json!(assignees).to_string())
        .bind(serde_json::json!(full).to_string())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .bind(serde_json::json!(seen).to_string());
    Ok(query.fetch_all(db).await?)
}

async fn claim_cards(
    core: &Core,
    tx: &mut SqliteConnection,
    cards: Vec<(CardRow, String)>,
    readiness: &Readiness,
    owner: &str,
) -> Result<Vec<Claim>, KanbanError> {
    let start_ttl = i64::from(core.config().kanban.start_ttl_seconds) * 1000;
    let runs: Vec<store::NewRun<'_>> = cards
        .iter()
        .map(|(card, profile)| store::NewRun {
            id: RunId(store::new_id()),
            card,
            profile,
            executor: readiness.profiles.get(profile).copied().unwrap_or(ExecutorKind::Agent),
            owner,
            lease_until: readiness.now + start_ttl,
            now: readiness.now,
        })
        .collect();
    store::insert_runs(tx, &runs).await?;
    let mut tops: HashMap<BoardId, String> = HashMap::new();
    let mut moves = Vec::with_capacity(runs.len());
    for run in &runs {
        let card = run.card;
        let above = match tops.get(&card.board_id) {
            Some(top) => Some(top.clone()),
            None => store::first_rank(tx, card.board_id, CardState::Running).await?,
        };
        let rank = rank::between(None, above.as_deref());
        tops.insert(card.board_id, rank.clone());
        let mut transition = Transition::new(Cause::Claim, CardState::Running, "claimed");
        transition.place = Place::At(rank);
        transition.claimed_run = Some(run.id);
        transition.detail = serde_json::json!({ "profile": run.profile, "attempt": card.attempts + 1 });
        moves.push((card, transition));
    }
    let claimed = transition::apply_all(core, tx, &Actor::System, moves).await?;
    let claims = claimed.into_iter().zip(&runs).map(|(after, run)| Claim {
        ticket: RunTicket { run: run.id, fence: after.fence },
        number: after.number,
        attempt: after.attempts,
        profile: run.profile.to_owned(),
    });
    Ok(claims.collect())
}

/// Whether a look by the writer may find something to start; errs on the side of yes.
pub(super) async fn any_ready(core: &Core) -> Result<bool, KanbanError> {
    Ok(sqlx::query_scalar(ANY_READY).bind(core.now_ms()).fetch_one(core.store().reader()).await?)
}

/// Remembers the process that was started for a claim until it is known to be gone.
pub(super) async fn remember_claimed(core: &Core, ticket: RunTicket, process: Identity) -> Result<(), KanbanError> {
    let mut tx = core.write().await?;
    let card: Option<Uuid> = sqlx::query_scalar(CARD_OF_RUN).bind(ticket.run.0).fetch_optional(&mut *tx).await?;
    if let Some(card) = card {
        remember_process_in(&mut tx, ticket.run, card, process).await?;
    }
    tx.commit().await?;
    Ok(())
}

pub(super) async fn remember_process_in(
    tx: &mut SqliteConnection,
    run: RunId,
    card: Uuid,
    process: Identity,
) -> Result<(), KanbanError> {
    sqlx::query(INSERT_PROCESS)
        .bind(run.0)
        .bind(card)
        .bind(super::host_name())
        .bind(process.pid)
        .bind(process.started)
        .execute(&mut *tx)
        .await?;
    sqlx::query(SET_PID).bind(run.0).bind(process.pid).bind(process.started).execute(tx).await?;
    Ok(())
}

/// Moves scheduled cards whose time has come. One that cannot be moved does not keep the others.
///
/// # Errors
/// When the database fails, or after all of them when one could not be moved.
pub async fn release_due(core: &Core) -> Result<(), KanbanError> {
    let mut pass = DuePass::default();
    let mut outcome = release_some(core, &mut pass).await;
    while pass.goes_on() {
        outcome = release_some(core, &mut pass).await.and(outcome);
    }
    outcome
}

/// How far the cards whose time has come were gone through. Those that could not be moved stay; the next ones are behind
/// them.
#[derive(Debug, Default)]
pub(super) struct DuePass(Option<(i64, Uuid)>);

impl DuePass {
    /// Whether there are more.
    pub(super) const fn goes_on(&self) -> bool {
        self.0.is_some()
    }
}

/// The next of them, few enough that nothing else has to wait for long.
pub(super) async fn release_some(core: &Core, pass: &mut DuePass) -> Result<(), KanbanError> {
    let now = core.now_ms();
    let last = pass.0.take().unwrap_or((i64::MIN, Uuid::nil()));
    let due: Vec<CardRow> = sqlx::query_as(DUE)
        .bind(now)
        .bind(last.0)
        .bind(last.1)
        .bind(i64::try_from(RELEASED_AT_ONCE).unwrap_or(i64::MAX))
        .fetch_all(core.store().reader())
        .await?;
    let mut outcome = Ok(());
    for card in &due {
        let tx = core.write().await?;
        match release(core, tx, card.id, now).await {
            // Deleted meanwhile; the others are as due as before.
            Ok(()) | Err(KanbanError::NotFound(_)) => {}
            Err(error) => {
                let card = card.number;
                tracing::error!(%error, card, "a scheduled card whose time has come cannot be released");
                outcome = Err(error);
            }
        }
    }
    if due.len() >= RELEASED_AT_ONCE {
        pass.0 = due.last().map(|card| (card.scheduled_at.unwrap_or(now), card.id.0));
    }
    outcome
}

async fn release(core: &Core, mut tx: WriteTx<'_>, card: CardId, now: i64) -> Result<(), KanbanError> {
    let card = load(&mut tx, CardRef::Id(card)).await?;
    if card.state == CardState::Scheduled && card.scheduled_at.is_none_or(|at| at <= now) {
        let waits = store::has_unfinished_parent(&mut tx, card.id).await?;
        let to = if waits { CardState::Todo } else { CardState::Ready };
        transition::apply(core, &mut tx, &Actor::System, &card, Transition::new(Cause::Due, to, "due")).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// When the dispatcher, which looked at `now`, must look again although nothing was written, Unix ms.
pub(super) async fn next_wake(core: &Core, now: i64) -> Result<Option<i64>, KanbanError> {
    Ok(sqlx::query_scalar(NEXT_WAKE).bind(now).fetch_one(core.store().reader()).await?)
}

/// Whether a worker of the card is not known to be gone, whatever its state.
pub(super) async fn has_worker(tx: &mut SqliteConnection, card: CardId) -> Result<bool, KanbanError> {
    Ok(sqlx::query_scalar(HAS_WORKER).bind(card.0).fetch_one(tx).await?)
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] =
    &[CANDIDATES, NEXT_WAKE, DUE, ANY_READY, HAS_WORKER, BUSY_DIRECTORY, CARD_OF_RUN, INSERT_PROCESS, SET_PID];
