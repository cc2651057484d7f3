//! Why a card that could run does not: the same answer for the dispatcher, the board and the command line.

use std::collections::HashMap;

use protocol::{BoardId, CardState, ExecutorKind, ProfileSummary, Slots, WaitReason};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::card_row::CardRow;
use super::{KanbanError, dispatcher, pause};
use crate::{Core, llm, profiles};

const OPEN_RUNS: &str = "SELECT COALESCE(sum(runs), 0) FROM kanban_slot_count";
// Everything that readiness is made of, in one trip: runs under way, boards with a limit of their own (an archived one
// takes no card), profiles that rest.
const FACTS: &str = concat!(
    "SELECT 'run', board_id, profile, runs FROM kanban_slot_count WHERE runs > 0
      UNION ALL
      SELECT 'board', id, NULL, CASE WHEN archived_at IS NULL THEN slots ELSE 0 END FROM kanban_board
       WHERE slots IS NOT NULL OR archived_at IS NOT NULL
      UNION ALL
      SELECT 'pause', NULL, profile, until FROM (",
    pause::paused!(),
    ")"
);

/// No pause lasts longer: a provider's own word counts up to a day. The SQL of `claim` says the same.
pub(super) const LONGEST_PAUSE_MS: i64 = 90_000_000;

/// Kind, board, profile, number.
type Fact = (String, Option<Uuid>, Option<String>, i64);

/// What decides whether ready cards can start, read once per page or sweep.
#[derive(Debug, Clone)]
pub(super) struct Readiness {
    pub(super) profiles: HashMap<String, ExecutorKind>,
    pub(super) default_assignee: String,
    pub(super) provider_ready: bool,
    /// Whether a server starts cards on this home.
    dispatched: bool,
    /// Of the whole machine.
    pub(super) slots: Slots,
    pub(super) now: i64,
    per_profile: Option<u32>,
    /// Boards that have a limit of their own; an archived board has none free.
    boards: HashMap<BoardId, u32>,
    used_on_board: HashMap<BoardId, u32>,
    used_by_profile: HashMap<String, u32>,
    /// Profiles that rest, and until when.
    paused: HashMap<String, i64>,
}

/// What of a card decides whether it can start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) board: BoardId,
    pub(super) state: CardState,
    pub(super) assignee: Option<&'a str>,
    pub(super) hold_until: Option<i64>,
    pub(super) backoff_until: Option<i64>,
    pub(super) over_budget: bool,
    /// A worker of an earlier run is still ending.
    pub(super) earlier_worker: bool,
    /// The card that works in its directory.
    pub(super) busy_directory: Option<i64>,
    pub(super) demo: bool,
}

impl Readiness {
    pub(super) async fn read(core: &Core, connection: &mut SqliteConnection) -> Result<Self, KanbanError> {
        let mut this = Self { dispatched: dispatcher::is_running(core), ..Self::of_files(core) };
        this.look(core, connection).await?;
        Ok(this)
    }

    /// What the files say, which is read before a write begins: nobody waits for a disk then. What the database says is
    /// to be added with [`Self::look`]. Whoever asks starts the card.
    pub(super) fn of_files(core: &Core) -> Self {
        let config = core.config();
        let profiles = match profiles::list(core.home()) {
            Ok(found) => found
                .into_iter()
                .filter(|profile| profile.problem.is_none())
                .map(|profile| (profile.id.clone(), profile.executor))
                .collect(),
            Err(error) => {
                tracing::warn!(%error, "the profiles cannot be read; only the default profile is used");
                HashMap::from([("default".to_owned(), ExecutorKind::Agent)])
            }
        };
        Self {
            profiles,
            default_assignee: config.kanban.default_assignee.clone(),
            provider_ready: llm::is_ready(core),
            dispatched: true,
            slots: Slots { used: 0, limit: config.kanban.max_in_progress },
            now: core.now_ms(),
            per_profile: config.kanban.max_in_progress_per_profile,
            boards: HashMap::new(),
            used_on_board: HashMap::new(),
            used_by_profile: HashMap::new(),
            paused: HashMap::new(),
        }
    }

    /// What the database says now, in place of what it said before.
    pub(super) async fn look(&mut self, core: &Core, connection: &mut SqliteConnection) -> Result<(), KanbanError> {
        self.now = core.now_ms();
        self.slots.used = 0;
        self.boards.clear();
        self.used_on_board.clear();
        self.used_by_profile.clear();
        self.paused.clear();
        let facts: Vec<Fact> = sqlx::query_as(FACTS).bind(self.now).fetch_all(connection).await?;
        for (kind, board, profile, number) in facts {
            match (kind.as_str(), board.map(BoardId), profile) {
                ("run", Some(board), Some(profile)) => {
                    let count = u32::try_from(number).unwrap_or(u32::MAX);
                    self.slots.used += count;
                    *self.used_on_board.entry(board).or_default() += count;
                    *self.used_by_profile.entry(profile).or_default() += count;
                }
                ("board", Some(board), _) => {
                    self.boards.insert(board, u32::try_from(number).unwrap_or(u32::MAX));
                }
                (_, _, Some(profile)) => {
                    self.paused.insert(profile, number);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The profile that would work on a card with that assignee.
    pub(super) fn profile_of<'a>(&'a self, assignee: Option<&'a str>) -> &'a str {
        assignee.unwrap_or(&self.default_assignee)
    }

    /// Whether the profile of a card with that assignee runs a program.
    pub(super) fn runs_program(&self, assignee: Option<&str>) -> bool {
        self.profiles.get(self.profile_of(assignee)) == Some(&ExecutorKind::Command)
    }

    /// Profiles for choosing an assignee, `default` first.
    pub(super) fn summaries(&self) -> Vec<ProfileSummary> {
        let mut all: Vec<ProfileSummary> =
            self.profiles.iter().map(|(id, executor)| ProfileSummary { id: id.clone(), executor: *executor }).collect();
        all.sort_by(|a, b| (a.id != "default", &a.id).cmp(&(b.id != "default", &b.id)));
        all
    }

    /// Profiles whose cards can be claimed now.
    pub(super) fn runnable(&self) -> Vec<&str> {
        self.profiles
            .iter()
            .filter(|(_, executor)| **executor == ExecutorKind::Command || self.provider_ready)
            .filter(|(id, _)| self.busy_profile(id).is_none() && !self.paused.contains_key(*id))
            .map(|(id, _)| id.as_str())
            .collect()
    }

    /// Whether the machine has no slot left.
    pub(super) fn is_full(&self) -> bool {
        self.slots.used >= self.slots.limit
    }

    /// One more run of this profile on that board.
    pub(super) fn taken(&mut self, board: BoardId, profile: &str) {
        self.slots.used += 1;
        *self.used_on_board.entry(board).or_default() += 1;
        *self.used_by_profile.entry(profile.to_owned()).or_default() += 1;
    }

    /// Boards on which nothing may start now.
    pub(super) fn full_boards(&self) -> Vec<BoardId> {
        self.boards.keys().filter(|board| self.full_board(**board).is_some()).copied().collect()
    }

    /// The slots of a board: its own when it has a limit, else those of the machine.
    pub(super) fn slots_of(&self, board: BoardId) -> Slots {
        match self.boards.get(&board) {
            Some(limit) => Slots { used: self.used_on_board.get(&board).copied().unwrap_or(0), limit: *limit },
            None => self.slots,
        }
    }

    /// Whether one more card of this profile may start on that board.
    pub(super) fn has_room(&self, board: BoardId, profile: &str) -> bool {
        !self.is_full() && self.full_board(board).is_none() && self.busy_profile(profile).is_none()
    }

    fn full_board(&self, board: BoardId) -> Option<Slots> {
        let limit = *self.boards.get(&board)?;
        let used = self.used_on_board.get(&board).copied().unwrap_or(0);
        (used >= limit).then_some(Slots { used, limit })
    }

    fn busy_profile(&self, profile: &str) -> Option<Slots> {
        let limit = self.per_profile?;
        let used = self.used_by_profile.get(profile).copied().unwrap_or(0);
        (used >= limit).then_some(Slots { used, limit })
    }

    /// Whether a pause until then holds anything: one that ends later than any lasts was written while the clock was
    /// ahead.
    pub(super) fn is_pause(&self, until: i64) -> bool {
        until > self.now && until <= self.now + LONGEST_PAUSE_MS
    }

    /// Why a ready card waits; parents and schedule of other states are known to the caller. What only a person can
    /// mend comes before what time mends.
    pub(super) fn wait(&self, card: Candidate<'_>) -> Option<WaitReason> {
        if card.state != CardState::Ready || card.demo {
            return None;
        }
        if let Some(until) = card.hold_until.filter(|until| self.is_pause(*until)) {
            return Some(WaitReason::UndoWindow { until });
        }
        // Archived, or stopped by a person: nothing else about the card matters until that ends.
        if let Some(Slots { used, limit: 0 }) = self.full_board(card.board) {
            return Some(WaitReason::BoardFull { used, limit: 0 });
        }
        let profile = self.profile_of(card.assignee);
        match self.profiles.get(profile) {
            None => return Some(WaitReason::UnknownProfile { profile: profile.to_owned() }),
            Some(ExecutorKind::Agent) if !self.provider_ready => return Some(WaitReason::NoProvider),
            Some(_) => {}
        }
        if card.over_budget {
            return Some(WaitReason::OverBudget);
        }
        if let Some(until) = self.paused.get(profile) {
            return Some(WaitReason::ProfilePaused { profile: profile.to_owned(), until: *until });
        }
        if let Some(until) = card.backoff_until.filter(|until| self.is_pause(*until)) {
            return Some(WaitReason::BackingOff { until });
        }
        if card.earlier_worker {
            return Some(WaitReason::EarlierWorker);
        }
        if let Some(card) = card.busy_directory {
            return Some(WaitReason::DirectoryBusy { card });
        }
        if let Some(Slots { used, limit }) = self.full_board(card.board) {
            return Some(WaitReason::BoardFull { used, limit });
        }
        if let Some(Slots { used, limit }) = self.busy_profile(profile) {
            return Some(WaitReason::ProfileBusy { profile: profile.to_owned(), used, limit });
        }
        if self.is_full() {
            return Some(WaitReason::NoFreeSlot { used: self.slots.used, limit: self.slots.limit });
        }
        // Of what is wrong with the card the more is told; this one is the same for all of them.
        (!self.dispatched).then_some(WaitReason::NoDispatcher)
    }
}

impl CardRow {
    /// The profile that would work on it.
    pub(super) fn profile<'a>(&'a self, readiness: &'a Readiness) -> &'a str {
        readiness.profile_of(self.assignee.as_deref())
    }
}

/// Runs under way.
pub(crate) async fn open_runs(connection: &mut SqliteConnection) -> Result<u32, KanbanError> {
    Ok(sqlx::query_scalar(OPEN_RUNS).fetch_one(connection).await?)
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[OPEN_RUNS, FACTS];
