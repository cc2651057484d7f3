//! A core on a real temporary database with a clock that the test moves, and the checks that hold after every step.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use agent_core::kanban::worker::RunTicket;
use agent_core::kanban::{self, Claim};
use agent_core::{Actor, Core, Home, OpenOptions, TestClock};
use protocol::{CardState, CreateCardParams, TaskCard, UserId};

use crate::invariants::{self, Times};

/// Start of every test's clock: 2026-01-01 00:00 UTC.
pub const START_MS: i64 = 1_767_225_600_000;

pub struct World {
    pub core: Core,
    pub clock: Arc<TestClock>,
    pub dir: tempfile::TempDir,
    /// The highest number an event had at the last check.
    newest_event: AtomicI64,
    clock_went_back: AtomicBool,
}

impl World {
    /// A fresh home whose default profile runs a program, so that cards can be claimed without a model.
    pub async fn new() -> Self {
        Self::with_config("kanban:\n  max_in_progress: 1000\n").await
    }

    pub async fn with_config(config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("config.yaml"), format!("{config}\n  default_assignee: runner\n")).unwrap();
        let profile = dir.path().join("profiles/runner");
        std::fs::create_dir_all(&profile).unwrap();
        std::fs::write(profile.join("config.yaml"), "executor: command\ncommand: [\"true\"]\n").unwrap();
        let clock = Arc::new(TestClock::at(START_MS));
        let core = open(&dir, &clock).await;
        Self { core, clock, dir, newest_event: AtomicI64::new(0), clock_went_back: AtomicBool::new(false) }
    }

    /// Sets the clock back. From here on what happened later may carry an earlier time.
    #[allow(dead_code, reason = "the conformance suite shares this file")]
    pub fn turn_clock_back_ms(&self, by: i64) {
        self.clock_went_back.store(true, Ordering::SeqCst);
        self.clock.advance_ms(-by);
    }

    /// A second handle on the same database, as another process has it.
    pub async fn second_core(&self) -> Core {
        open(&self.dir, &self.clock).await
    }

    pub async fn create(&self, title: &str) -> TaskCard {
        self.create_with(CreateCardParams { title: title.into(), ..CreateCardParams::default() }).await
    }

    pub async fn create_with(&self, params: CreateCardParams) -> TaskCard {
        kanban::create_card(&self.core, &ada(), params).await.unwrap().card
    }

    pub async fn card(&self, card: &TaskCard) -> TaskCard {
        kanban::card(&self.core, protocol::CardRef::Id(card.id)).await.unwrap()
    }

    pub async fn state(&self, card: &TaskCard) -> CardState {
        self.card(card).await.state
    }

    pub async fn claim(&self) -> Claim {
        kanban::claim_next(&self.core, "test").await.unwrap().expect("a card to claim")
    }

    /// Claims the next card and lets its worker speak, in this very process.
    pub async fn claim_and_start(&self) -> RunTicket {
        let claim = self.claim().await;
        let own = agent_core::process::own_identity().unwrap();
        kanban::worker::start(&self.core, claim.ticket, own.pid, own.started).await.unwrap();
        claim.ticket
    }

    /// As if a server were running here, until the answer is dropped.
    pub fn serve(&self) -> std::fs::File {
        let held = std::fs::File::create(self.core.home().server_lock()).unwrap();
        held.lock().unwrap();
        held
    }

    /// As if every process of earlier runs were gone.
    pub async fn forget_processes(&self) {
        let mut tx = self.core.write().await.unwrap();
        sqlx::query("DELETE FROM kanban_process").execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// The invariants I1 to I12 and what else must always hold, on what is committed.
    pub async fn check_invariants(&self) {
        let broken = self.broken_invariants().await;
        assert!(broken.is_empty(), "{broken:#?}");
    }

    /// The names of the rules that do not hold, each with the number of rows that break it.
    pub async fn broken_invariants(&self) -> Vec<String> {
        // One transaction, so that what others write meanwhile is seen in all of them or in none.
        let mut tx = self.core.store().reader().begin().await.unwrap();
        let times = if self.clock_went_back.load(Ordering::SeqCst) { Times::Any } else { Times::Forward };
        let mut broken = invariants::broken(&mut tx, times).await;
        let newest: i64 =
            sqlx::query_scalar("SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'kanban_event'), 0)")
                .fetch_one(&mut *tx)
                .await
                .unwrap();
        let before = self.newest_event.fetch_max(newest, Ordering::SeqCst);
        if newest < before {
            broken.push(format!("I7 event numbers only grow: {newest} after {before}"));
        }
        broken
    }
}

async fn open(dir: &tempfile::TempDir, clock: &Arc<TestClock>) -> Core {
    let clock: Arc<TestClock> = Arc::clone(clock);
    Core::open(OpenOptions { clock, ..OpenOptions::new(Home::at(dir.path())) }).await.unwrap()
}

pub fn ada() -> Actor {
    Actor::Person { id: UserId(uuid::Uuid::nil()), name: "Ada".into(), device: "iPhone".into() }
}

pub fn bob() -> Actor {
    Actor::Person { id: UserId(uuid::Uuid::max()), name: "Bob".into(), device: "Mac".into() }
}
