//! Why a card that could run does not: the same answer for the dispatcher, the board and the command line.

use std::collections::HashMap;

use protocol::{CardState, ExecutorKind, ProfileSummary, Slots, WaitReason};
use sqlx::SqliteConnection;

use super::KanbanError;
use super::card_row::CardRow;
use crate::{Core, llm, profiles};

// Sample cards hold no slot.
const OPEN_RUNS: &str = "SELECT count(*) FROM kanban_run r JOIN kanban_card c ON c.id = r.card_id
                          WHERE r.ended_at IS NULL AND c.demo = 0";

/// What decides whether ready cards can start, read once per page or sweep.
#[derive(Debug, Clone)]
pub(super) struct Readiness {
    pub(super) profiles: HashMap<String, ExecutorKind>,
    pub(super) default_assignee: String,
    pub(super) provider_ready: bool,
    pub(super) slots: Slots,
    pub(super) now: i64,
}

impl Readiness {
    pub(super) async fn read(core: &Core, connection: &mut SqliteConnection) -> Result<Self, KanbanError> {
        let used = open_runs(connection).await?;
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
        Ok(Self {
            profiles,
            default_assignee: config.kanban.default_assignee.clone(),
            provider_ready: llm::is_ready(core),
            slots: Slots { used, limit: config.kanban.max_in_progress },
            now: core.now_ms(),
        })
    }

    /// The profile that would work on the card.
    pub(super) fn profile_of<'a>(&'a self, card: &'a CardRow) -> &'a str {
        card.assignee.as_deref().unwrap_or(&self.default_assignee)
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
            .map(|(id, _)| id.as_str())
            .collect()
    }

    /// Why a ready card waits; parents and schedule of other states are known to the caller.
    pub(super) fn wait(&self, card: &CardRow) -> Option<WaitReason> {
        if card.state != CardState::Ready || card.demo {
            return None;
        }
        if let Some(until) = card.hold_until.filter(|until| *until > self.now) {
            return Some(WaitReason::UndoWindow { until });
        }
        let profile = self.profile_of(card);
        match self.profiles.get(profile) {
            None => return Some(WaitReason::UnknownProfile { profile: profile.to_owned() }),
            Some(ExecutorKind::Agent) if !self.provider_ready => return Some(WaitReason::NoProvider),
            Some(_) => {}
        }
        if let Some(until) = card.backoff_until.filter(|until| *until > self.now) {
            return Some(WaitReason::BackingOff { until });
        }
        if self.slots.used >= self.slots.limit {
            return Some(WaitReason::NoFreeSlot { used: self.slots.used, limit: self.slots.limit });
        }
        None
    }
}

/// Runs under way.
pub(crate) async fn open_runs(connection: &mut SqliteConnection) -> Result<u32, KanbanError> {
    let used: i64 = sqlx::query_scalar(OPEN_RUNS).fetch_one(connection).await?;
    Ok(u32::try_from(used).unwrap_or(u32::MAX))
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[OPEN_RUNS];
