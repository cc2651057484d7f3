//! §9.6: starting workers. What counts as a failure: `failures`; when a card is taken back: `leases`; real workers:
//! `server/tests/processes`.
//!
//! | rule | why not, and what holds instead |
//! |---|---|
//! | skipped_unassigned, ready lanes of unknown assignees | every ready card says why it waits |
//! | clean exits have a streak and a limit of their own | one counter and one limit for every kind of failure |
//! | `gave_up` names limit_source and effective_limit | it names `failures` and `limit`: the card's, then the machine's |
//! | recompute revives what the breaker stopped when the limit is raised | a person does: it is a decision |
//! | an expired lease is extended while the pid lives | the worker is ended, and no other starts before it is gone |
//! | a claim is no crash within 30 s | a process that is seen to be dead is dead; one that never spoke has `start_ttl_seconds` |
//! | dispatch can be switched off | `max_in_progress: 0`, or a board's `slots: 0` |
//! | an exit code of 75 cools down for 300 s | for 30 s, or as long as the provider says |
//! | stale runs (4 h without a heartbeat) | the lease is 15 min |
//! | a warning where no dispatcher runs | `server/tests/cli`: it is said when a card is made |

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use agent_core::kanban;
use agent_core::kanban::dispatcher::{self, DispatcherOptions};
use agent_core::task::Tasks;
use agent_core::{Clock, Core, Home, OpenOptions};
use protocol::{BoardSettings, CardState, CreateCardParams, DecisionKind, RunOutcome, WaitReason};

use crate::support::{START_MS, World, ada};
use crate::{detail, eventually, nothing_to_claim, number, outcomes, start, tamper, titled};

#[tokio::test]
async fn nothing_is_started_where_there_are_no_slots() {
    let world = World::with_config("kanban:\n  max_in_progress: 0").await;
    let card = world.create("switched off").await;
    nothing_to_claim(&world).await;
    assert_eq!(card.wait, Some(WaitReason::NoFreeSlot { used: 0, limit: 0 }));
    let world = World::new().await;
    let card = world.create("board switched off").await;
    let settings = BoardSettings { name: "Home".into(), slots: Some(0), ..BoardSettings::default() };
    kanban::edit_board(&world.core, &ada(), card.board_id, settings).await.unwrap();
    nothing_to_claim(&world).await;
    assert_eq!(world.card(&card).await.wait, Some(WaitReason::BoardFull { used: 0, limit: 0 }));
    world.check_invariants().await;
}

#[tokio::test]
async fn the_highest_priority_is_first_and_then_the_oldest() {
    let world = World::new().await;
    let mut expected = Vec::new();
    for (title, priority) in [("c", 0), ("e", -5), ("a", i32::MAX), ("d", 0), ("b", 7)] {
        expected.push((title, world.create_with(CreateCardParams { priority, ..titled(title) }).await.number));
        world.clock.advance_ms(1);
    }
    expected.sort_unstable();
    for (title, card) in expected {
        assert_eq!(world.claim().await.number, card, "{title}");
    }
    world.check_invariants().await;
}

/// A dispatcher in this process, whose workers are that program.
pub fn dispatch(world: &World, program: &str) -> Tasks {
    let tasks = Tasks::default();
    dispatcher::start(world.core.clone(), &tasks, DispatcherOptions { program: program.into() });
    tasks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_cannot_be_started_counts_and_holds_nobody_up() {
    let world = World::with_config("kanban:\n  max_in_progress: 9\n  failure_limit: 1").await;
    // Two: three that fail alike make their profile rest.
    let cards = [world.create("one").await, world.create("two").await];
    let tasks = dispatch(&world, "/no/such/program");
    for card in &cards {
        eventually(|| async { world.state(card).await == CardState::Blocked }).await;
        assert_eq!(outcomes(&world, card).await, [Some(RunOutcome::SpawnFailed)]);
        assert!(detail(&world, card).await.last_error.unwrap().contains("/no/such/program"));
        assert_eq!(world.card(card).await.ask.unwrap().kind, DecisionKind::Failed);
    }
    tasks.shut_down().await;
    world.check_invariants().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_ends_without_a_word_is_a_protocol_violation() {
    let world = World::with_config("kanban:\n  max_in_progress: 9\n  failure_limit: 1").await;
    let silent = world.create("silent").await;
    let tasks = dispatch(&world, "true");
    eventually(|| async { world.state(&silent).await == CardState::Blocked }).await;
    assert_eq!(outcomes(&world, &silent).await, [Some(RunOutcome::ProtocolViolation)]);
    tasks.shut_down().await;
    let failing = world.create("failing").await;
    let tasks = dispatch(&world, "false");
    eventually(|| async { world.state(&failing).await == CardState::Blocked }).await;
    assert_eq!(outcomes(&world, &failing).await, [Some(RunOutcome::Crashed)]);
    tasks.shut_down().await;
    world.check_invariants().await;
}

/// A clock that tells how often it was asked: every look of a dispatcher asks it.
#[derive(Debug)]
struct CountingClock(AtomicI64);

impl Clock for CountingClock {
    fn now_ms(&self) -> i64 {
        START_MS + self.0.fetch_add(1, Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_that_fails_does_not_stop_the_dispatcher() {
    let world = World::with_config("kanban:\n  max_in_progress: 9\n  failure_limit: 1").await;
    let first = world.create("first").await;
    // Every look fails: what it needs is not there.
    tamper(&world, "ALTER TABLE kanban_process RENAME TO kanban_process_away").await;
    let clock = Arc::new(CountingClock(AtomicI64::new(0)));
    let options = OpenOptions { clock: clock.clone(), ..OpenOptions::new(Home::at(world.dir.path())) };
    let core = Core::open(options).await.unwrap();
    let tasks = Tasks::default();
    dispatcher::start(core.clone(), &tasks, DispatcherOptions { program: "true".into() });
    for _ in 0..3 {
        let asked = clock.0.load(Ordering::SeqCst);
        core.changes().signal();
        eventually(|| std::future::ready(clock.0.load(Ordering::SeqCst) > asked)).await;
    }
    tamper(&world, "ALTER TABLE kanban_process_away RENAME TO kanban_process").await;
    assert_eq!(world.state(&first).await, CardState::Ready);
    core.changes().signal();
    eventually(|| async { world.state(&first).await == CardState::Blocked }).await;
    tasks.shut_down().await;
    world.turn_clock_back_ms(0);
    world.check_invariants().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scheduled_card_starts_when_its_time_comes_and_not_at_the_next_sweep() {
    let world = World::new().await;
    let core = Core::open(OpenOptions::new(Home::at(world.dir.path()))).await.unwrap();
    let tasks = Tasks::default();
    dispatcher::start(core.clone(), &tasks, DispatcherOptions { program: "true".into() });
    // Spread over a second, so that a sweep a second would be far too late for one of them.
    let begin = core.now_ms() + 800;
    for index in 0..5 {
        let params = CreateCardParams { scheduled_at: Some(begin + 210 * index), ..titled("later") };
        kanban::create_card(&core, &ada(), params).await.unwrap();
    }
    let released = "SELECT count(*) FROM kanban_event WHERE kind = 'due'";
    eventually(|| async { number(&world, released).await == 5 }).await;
    let times: Vec<i64> = sqlx::query_scalar("SELECT at FROM kanban_event WHERE kind = 'due' ORDER BY at")
        .fetch_all(world.core.store().reader())
        .await
        .unwrap();
    tasks.shut_down().await;
    for (index, at) in times.into_iter().enumerate() {
        let late = at - begin - 210 * index as i64;
        assert!((0..500).contains(&late), "card {index} was {late} ms late");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_that_cannot_be_released_neither_spins_nor_keeps_workers_from_being_looked_after() {
    let world = World::new().await;
    world.create_with(CreateCardParams { scheduled_at: Some(START_MS + 1), ..titled("stuck") }).await;
    let params = CreateCardParams { scheduled_at: Some(START_MS + 2), max_attempts: Some(1), ..titled("due after it") };
    let next = world.create_with(params).await;
    let lost = world.create("lost").await;
    start(&world).await;
    tamper(
        &world,
        "CREATE TRIGGER stuck BEFORE UPDATE ON kanban_card WHEN old.title = 'stuck'
         BEGIN SELECT RAISE(ABORT, 'stuck'); END",
    )
    .await;
    let clock = Arc::new(CountingClock(AtomicI64::new(1000)));
    let options = OpenOptions { clock: clock.clone(), ..OpenOptions::new(Home::at(world.dir.path())) };
    let core = Core::open(options).await.unwrap();
    let tasks = Tasks::default();
    dispatcher::start(core.clone(), &tasks, DispatcherOptions { program: "true".into() });
    eventually(|| async { outcomes(&world, &lost).await.first() == Some(&Some(RunOutcome::Crashed)) }).await;
    eventually(|| async { world.state(&next).await == CardState::Blocked }).await;
    let before = clock.0.load(Ordering::SeqCst);
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    let looks = clock.0.load(Ordering::SeqCst) - before;
    tasks.shut_down().await;
    // A look asks for the time a handful of times.
    assert!(looks < 200, "the dispatcher asked for the time {looks} times in 600 ms");
}

#[tokio::test]
async fn a_run_that_cannot_be_ended_keeps_no_other_from_it() {
    let world = World::new().await;
    let (first, second) = (world.create("stuck").await, world.create("lost").await);
    start(&world).await;
    start(&world).await;
    let trigger = "CREATE TRIGGER stuck BEFORE UPDATE ON kanban_card WHEN old.title = 'stuck'
         BEGIN SELECT RAISE(ABORT, 'stuck'); END";
    tamper(&world, trigger).await;
    world.clock.advance_ms(24 * 3_600_000);
    kanban::sweep_runs(&world.core).await.unwrap_err();
    assert_eq!(outcomes(&world, &first).await, [None]);
    assert!(outcomes(&world, &second).await[0].is_some());
}
