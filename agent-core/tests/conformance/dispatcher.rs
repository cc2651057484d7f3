//! §9.6: starting workers, counting failures, taking cards back. Real workers: `server/tests/processes`.
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

use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use agent_core::kanban::dispatcher::{self, DispatcherOptions};
use agent_core::kanban::worker::{self, RunTicket};
use agent_core::kanban::{self, KanbanError};
use agent_core::task::Tasks;
use agent_core::{Clock, Core, Home, OpenOptions, process};
use protocol::{
    BoardSettings, CardState, CreateCardParams, DecisionKind, DecisionVerb, EditCardParams, RunOutcome, TaskCard,
    WaitReason,
};

use crate::support::{START_MS, World, ada};
use crate::{
    by, child, detail, eventually, fail, last_event, nothing_to_claim, number, outcomes, refusal, settle, shift, start,
    start_again, tamper, titled,
};

/// A process that lives until it is ended.
struct Sleeper(Child);

impl Sleeper {
    fn new() -> Self {
        Self(Command::new("sleep").arg("300").spawn().unwrap())
    }

    fn identity(&self) -> process::Identity {
        process::identity_of(self.0.id()).unwrap().unwrap()
    }

    fn is_alive(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Claims the next card for a worker that is this sleeping process.
async fn start_as(world: &World, sleeper: &Sleeper) -> RunTicket {
    let claim = world.claim().await;
    let own = sleeper.identity();
    worker::start(&world.core, claim.ticket, own.pid, own.started).await.unwrap();
    claim.ticket
}

async fn edit(world: &World, card: &TaskCard, change: impl FnOnce(&mut EditCardParams)) {
    let now = world.card(card).await;
    let mut params = EditCardParams::of(now.id, now.revision);
    change(&mut params);
    kanban::edit_card(&world.core, &ada(), params).await.unwrap();
}

#[tokio::test]
async fn two_failures_in_a_row_stop_the_card_for_a_person_with_the_error() {
    for outcome in [
        RunOutcome::SpawnFailed,
        RunOutcome::Crashed,
        RunOutcome::TimedOut,
        RunOutcome::Lost,
        RunOutcome::ProtocolViolation,
    ] {
        let world = World::new().await;
        let card = world.create("flaky").await;
        let ticket = start(&world).await;
        fail(&world, ticket, outcome).await;
        let once = world.card(&card).await;
        assert_eq!((once.state, once.failures), (CardState::Ready, 1), "{outcome}");
        assert!(matches!(once.wait, Some(WaitReason::BackingOff { .. })), "{outcome}: {:?}", once.wait);
        let ticket = start_again(&world).await;
        fail(&world, ticket, outcome).await;
        let twice = world.card(&card).await;
        assert_eq!((twice.state, twice.failures), (CardState::Blocked, 2), "{outcome}");
        assert_eq!(twice.ask.unwrap().kind, DecisionKind::Failed);
        assert_eq!(detail(&world, &card).await.last_error.as_deref(), Some("it broke"));
        let told = last_event(&world, &card, "gave_up").await;
        assert_eq!((told["failures"].as_i64(), told["limit"].as_i64()), (Some(2), Some(2)), "{told}");
        assert_eq!(told["outcome"], outcome.as_str());
        world.check_invariants().await;
    }
}

#[tokio::test]
async fn with_a_limit_of_five_four_failures_are_tried_again_and_the_fifth_is_not() {
    let world = World::with_config("kanban:\n  max_in_progress: 9\n  failure_limit: 5").await;
    let card = world.create("stubborn").await;
    for attempt in 1..=5 {
        assert_eq!(world.state(&card).await, CardState::Ready, "attempt {attempt}");
        let ticket = start_again(&world).await;
        fail(&world, ticket, RunOutcome::SpawnFailed).await;
        world.check_invariants().await;
    }
    assert_eq!(world.state(&card).await, CardState::Blocked);
    assert_eq!(outcomes(&world, &card).await, [Some(RunOutcome::SpawnFailed); 5]);
    assert_eq!(number(&world, "SELECT count(*) FROM kanban_event WHERE kind = 'gave_up'").await, 1);
    assert_eq!(number(&world, "SELECT count(*) FROM kanban_event WHERE kind = 'run_failed'").await, 4);
}

#[tokio::test]
async fn a_cards_own_limit_goes_before_the_machines_in_both_directions() {
    for (own, expected) in [(Some(1), 1), (Some(5), 5), (None, 3)] {
        let world = World::with_config("kanban:\n  max_in_progress: 9\n  failure_limit: 3").await;
        let card = world.create_with(CreateCardParams { max_attempts: own, ..titled("card") }).await;
        let mut attempts = 0;
        while world.state(&card).await == CardState::Ready {
            let ticket = start_again(&world).await;
            fail(&world, ticket, RunOutcome::Crashed).await;
            attempts += 1;
        }
        assert_eq!(attempts, expected, "{own:?}");
        assert_eq!(last_event(&world, &card, "gave_up").await["limit"], expected);
        world.check_invariants().await;
    }
}

#[tokio::test]
async fn a_start_does_not_reset_the_counter_and_success_a_person_or_another_profile_does() {
    let world = World::with_config("kanban:\n  max_in_progress: 9\n  failure_limit: 9").await;
    let other = world.dir.path().join("profiles/other");
    std::fs::create_dir_all(&other).unwrap();
    std::fs::write(other.join("config.yaml"), "executor: command\ncommand: [\"true\"]\n").unwrap();
    let card = world.create_with(CreateCardParams { assignee: Some("runner".into()), ..titled("card") }).await;
    let failures = async || world.card(&card).await.failures;
    let break_it = async || {
        let ticket = start_again(&world).await;
        fail(&world, ticket, RunOutcome::Crashed).await;
    };
    break_it().await;
    let ticket = start_again(&world).await;
    assert_eq!(failures().await, 1, "starting is no success");
    fail(&world, ticket, RunOutcome::Crashed).await;
    assert_eq!(failures().await, 2);
    edit(&world, &card, |edit| edit.assignee = Some("Runner".into())).await;
    assert_eq!(failures().await, 2, "the same profile");
    edit(&world, &card, |edit| edit.assignee = Some("other".into())).await;
    assert_eq!(failures().await, 0, "another profile");
    break_it().await;
    let ticket = start_again(&world).await;
    kanban::reclaim_card(&world.core, &ada(), by(&card), "").await.unwrap();
    assert_eq!(failures().await, 0, "a person took it back");
    assert!(!worker::owns(&world.core, ticket).await.unwrap());
    break_it().await;
    let ticket = start_again(&world).await;
    worker::complete(&world.core, ticket, "done", None).await.unwrap();
    assert_eq!(failures().await, 0, "success");
    world.check_invariants().await;
}

#[tokio::test]
async fn after_too_many_failures_a_person_tries_again_and_the_count_starts_afresh() {
    let world = World::new().await;
    let card = world.create("card").await;
    for _ in 0..2 {
        let ticket = start_again(&world).await;
        fail(&world, ticket, RunOutcome::Crashed).await;
    }
    // A higher limit alone revives nothing: it waits for its answer.
    edit(&world, &card, |edit| edit.max_attempts = Some(9)).await;
    kanban::sweep_runs(&world.core).await.unwrap();
    kanban::release_due(&world.core).await.unwrap();
    nothing_to_claim(&world).await;
    settle(&world, &card, DecisionVerb::Retry, "").await;
    assert_eq!(world.card(&card).await.failures, 0);
    let ticket = start_again(&world).await;
    worker::complete(&world.core, ticket, "done", None).await.unwrap();
    world.check_invariants().await;
}

#[tokio::test]
async fn rate_limits_never_count_and_wait_as_long_as_they_were_told() {
    let world = World::new().await;
    let card = world.create("busy provider").await;
    for _ in 0..6 {
        let ticket = start_again(&world).await;
        fail(&world, ticket, RunOutcome::RateLimited).await;
        let now = world.card(&card).await;
        assert_eq!((now.state, now.failures), (CardState::Ready, 0));
        world.check_invariants().await;
    }
    assert!(outcomes(&world, &card).await.iter().all(|outcome| *outcome == Some(RunOutcome::RateLimited)));
    let ticket = start_again(&world).await;
    worker::fail(&world.core, ticket, RunOutcome::RateLimited, "429", Some(400_000)).await.unwrap();
    kanban::reap(&world.core).await.unwrap();
    world.clock.advance_ms(399_999);
    nothing_to_claim(&world).await;
    world.clock.advance_ms(1);
    let ticket = start(&world).await;
    fail(&world, ticket, RunOutcome::Crashed).await;
    let ticket = start_again(&world).await;
    fail(&world, ticket, RunOutcome::RateLimited).await;
    assert_eq!(world.card(&card).await.failures, 1, "a rate limit in between neither counts nor resets");
    world.check_invariants().await;
}

#[tokio::test]
async fn a_run_that_is_too_long_times_out_by_its_own_start_and_counts() {
    let world = World::new().await;
    let mut sleepers = [Sleeper::new(), Sleeper::new()];
    let card = world.create_with(CreateCardParams { max_runtime_s: Some(60), ..titled("slow") }).await;
    for (attempt, sleeper) in sleepers.iter().enumerate() {
        world.clock.advance_ms(3_600_000);
        let ticket = start_as(&world, sleeper).await;
        for _ in 0..6 {
            world.clock.advance_ms(10_000);
            worker::heartbeat(&world.core, ticket).await.unwrap();
        }
        kanban::sweep_runs(&world.core).await.unwrap();
        assert!(worker::owns(&world.core, ticket).await.unwrap(), "60 s are allowed, and those before do not count");
        world.clock.advance_ms(1);
        kanban::sweep_runs(&world.core).await.unwrap();
        let now = world.card(&card).await;
        assert_eq!(now.failures as usize, attempt + 1);
        assert_eq!(now.heartbeat_at, None);
        let error = detail(&world, &card).await.runs[0].error.clone().unwrap();
        assert!(error.contains("60 s allowed"), "{error}");
        world.forget_processes().await;
        world.check_invariants().await;
    }
    assert_eq!(outcomes(&world, &card).await, [Some(RunOutcome::TimedOut); 2]);
    assert_eq!(world.state(&card).await, CardState::Blocked);
    assert!(sleepers.iter_mut().all(Sleeper::is_alive));
}

#[tokio::test]
async fn a_dead_process_is_a_crash_at_once_even_as_a_zombie() {
    let world = World::new().await;
    let card = world.create("doomed").await;
    let mut sleeper = Sleeper::new();
    let ticket = start_as(&world, &sleeper).await;
    kanban::sweep_runs(&world.core).await.unwrap();
    assert!(worker::owns(&world.core, ticket).await.unwrap());
    // Killed and not waited for: a zombie.
    sleeper.0.kill().unwrap();
    let identity = sleeper.0.id();
    eventually(|| async { process::identity_of(identity).unwrap().is_none() }).await;
    kanban::sweep_runs(&world.core).await.unwrap();
    assert_eq!(outcomes(&world, &card).await, [Some(RunOutcome::Crashed)]);
    let now = world.card(&card).await;
    assert_eq!((now.state, now.failures), (CardState::Ready, 1));
    kanban::reap(&world.core).await.unwrap();
    assert_eq!(number(&world, "SELECT count(*) FROM kanban_process").await, 0);
    world.check_invariants().await;
}

#[tokio::test]
async fn pids_that_are_none_are_dead_and_those_of_another_host_are_not_asked_about() {
    for (pid, started) in [(0, 0), (u32::MAX, 1), (u32::MAX >> 1, 1)] {
        let world = World::new().await;
        let card = world.create("odd").await;
        let claim = world.claim().await;
        worker::start(&world.core, claim.ticket, pid, started).await.unwrap();
        kanban::sweep_runs(&world.core).await.unwrap();
        assert_eq!(outcomes(&world, &card).await, [Some(RunOutcome::Crashed)], "pid {pid}");
        kanban::reap(&world.core).await.unwrap();
        world.check_invariants().await;
    }
    let world = World::new().await;
    world.create("elsewhere").await;
    let ticket = start(&world).await;
    tamper(&world, "UPDATE kanban_process SET host = 'another-machine'").await;
    kanban::sweep_runs(&world.core).await.unwrap();
    assert!(worker::owns(&world.core, ticket).await.unwrap(), "its pid says nothing here; its lease decides");
    world.clock.advance_ms(15 * 60_000 + 1);
    kanban::sweep_runs(&world.core).await.unwrap();
    assert!(!worker::owns(&world.core, ticket).await.unwrap());
    world.check_invariants().await;
}

#[tokio::test]
async fn a_pid_that_belongs_to_somebody_else_by_now_is_dead_and_is_not_ended() {
    let world = World::new().await;
    let card = world.create("recycled").await;
    let mut innocent = Sleeper::new();
    let now = innocent.identity();
    let claim = world.claim().await;
    // The worker had this pid before; it started earlier than the process that has it now.
    worker::start(&world.core, claim.ticket, now.pid, now.started - 1).await.unwrap();
    kanban::sweep_runs(&world.core).await.unwrap();
    assert_eq!(outcomes(&world, &card).await, [Some(RunOutcome::Crashed)]);
    for _ in 0..3 {
        kanban::reap(&world.core).await.unwrap();
        world.clock.advance_ms(10_000);
    }
    assert!(innocent.is_alive(), "an innocent process was ended");
    assert_eq!(start(&world).await.fence, 2, "and it does not hold the card");
    world.check_invariants().await;
}

#[tokio::test]
async fn an_expired_lease_takes_the_card_and_no_second_worker_starts_while_the_first_lives() {
    let world = World::new().await;
    let card = world.create("quiet").await;
    let mut sleeper = Sleeper::new();
    let ticket = start_as(&world, &sleeper).await;
    world.clock.advance_ms(15 * 60_000);
    kanban::sweep_runs(&world.core).await.unwrap();
    assert!(worker::owns(&world.core, ticket).await.unwrap(), "to the last moment");
    world.clock.advance_ms(1);
    kanban::sweep_runs(&world.core).await.unwrap();
    assert_eq!(outcomes(&world, &card).await, [Some(RunOutcome::Lost)]);
    assert!(matches!(worker::heartbeat(&world.core, ticket).await, Err(KanbanError::Fenced(_))));
    world.clock.advance_ms(crate::A_WHILE_MS);
    assert_eq!(world.card(&card).await.wait, Some(WaitReason::EarlierWorker));
    nothing_to_claim(&world).await;
    world.check_invariants().await;
    // SIGTERM first; a process without a handler ends by it.
    assert!(kanban::reap(&world.core).await.unwrap());
    eventually(|| std::future::ready(!sleeper.is_alive())).await;
    assert!(!kanban::reap(&world.core).await.unwrap());
    assert_eq!(start(&world).await.fence, ticket.fence + 1);
    world.check_invariants().await;
}

#[tokio::test]
async fn a_worker_that_ignores_the_polite_signal_is_killed_five_seconds_later_by_the_cores_clock() {
    let world = World::new().await;
    let card = world.create("deaf").await;
    let script = "trap '' TERM; echo ready; while :; do sleep 0.05; done";
    let mut child = Command::new("sh").args(["-c", script]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0; 5]).unwrap();
    let mut deaf = Sleeper(child);
    let ticket = start_as(&world, &deaf).await;
    kanban::reclaim_card(&world.core, &ada(), by(&card), "enough").await.unwrap();
    let told = last_event(&world, &card, "reclaimed").await;
    assert_eq!((told["manual"].as_bool(), told["reason"].as_str()), (Some(true), Some("enough")));
    kanban::reap(&world.core).await.unwrap();
    world.clock.advance_ms(4_999);
    kanban::reap(&world.core).await.unwrap();
    assert!(deaf.is_alive(), "five seconds are not over");
    nothing_to_claim(&world).await;
    world.clock.advance_ms(1);
    kanban::reap(&world.core).await.unwrap();
    eventually(|| std::future::ready(!deaf.is_alive())).await;
    assert!(!kanban::reap(&world.core).await.unwrap());
    assert_eq!(start(&world).await.fence, ticket.fence + 1);
    world.check_invariants().await;
}

#[tokio::test]
async fn taking_back_needs_a_running_card_and_so_does_reassigning_one() {
    let world = World::new().await;
    let card = world.create("mine").await;
    assert!(refusal(kanban::reclaim_card(&world.core, &ada(), by(&card), "").await).contains("no worker has it"));
    start(&world).await;
    let now = world.card(&card).await;
    let params = EditCardParams { assignee: Some("other".into()), ..EditCardParams::of(now.id, now.revision) };
    let refused = refusal(kanban::edit_card(&world.core, &ada(), params).await);
    assert!(refused.contains("is running"), "{refused}");
    kanban::reclaim_card(&world.core, &ada(), by(&card), "").await.unwrap();
    edit(&world, &card, |edit| edit.assignee = Some("other".into())).await;
    world.check_invariants().await;
}

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
fn dispatch(world: &World, program: &str) -> Tasks {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_sleep_of_the_machine_workers_get_a_moment_and_the_quiet_ones_lose_their_cards() {
    let world = World::new().await;
    let card = world.create("slept").await;
    let mut sleeper = Sleeper::new();
    let ticket = start_as(&world, &sleeper).await;
    // The dispatcher is at work when it has started this one, which needs no worker any more then.
    let other = world.create_with(CreateCardParams { max_attempts: Some(1), ..titled("other") }).await;
    let tasks = dispatch(&world, "true");
    eventually(|| async { world.state(&other).await == CardState::Blocked }).await;
    let lease = "SELECT lease_until FROM kanban_run WHERE ended_at IS NULL";
    let before = number(&world, lease).await;
    // The wall clock jumps; the one that stands still while a machine sleeps does not.
    world.clock.advance_ms(3_600_000);
    world.core.changes().signal();
    eventually(|| async { number(&world, lease).await > before }).await;
    assert!(worker::owns(&world.core, ticket).await.unwrap(), "an hour went by, and it had no chance to speak");
    worker::heartbeat(&world.core, ticket).await.unwrap();
    tasks.shut_down().await;
    world.clock.advance_ms(15 * 60_000 + 1);
    kanban::sweep_runs(&world.core).await.unwrap();
    assert_eq!(outcomes(&world, &card).await, [Some(RunOutcome::Lost)]);
    kanban::reap(&world.core).await.unwrap();
    eventually(|| std::future::ready(!sleeper.is_alive())).await;
    world.check_invariants().await;
}

#[tokio::test]
async fn a_clock_that_jumps_back_keeps_leases_and_lets_the_worker_finish() {
    let world = World::new().await;
    let card = world.create("back then").await;
    let sleeper = Sleeper::new();
    let ticket = start_as(&world, &sleeper).await;
    world.turn_clock_back_ms(24 * 3_600_000);
    kanban::sweep_runs(&world.core).await.unwrap();
    kanban::reap(&world.core).await.unwrap();
    worker::heartbeat(&world.core, ticket).await.unwrap();
    world.check_invariants().await;
    kanban::sweep_runs(&world.core).await.unwrap();
    worker::complete(&world.core, ticket, "done", None).await.unwrap();
    assert_eq!(world.state(&card).await, CardState::Done);
    world.check_invariants().await;
}

#[tokio::test]
async fn a_crash_under_a_parent_that_was_reopened_goes_back_to_waiting() {
    let world = World::new().await;
    let parent = world.create("parent").await;
    let below = child(&world, "child", &[&parent]).await;
    crate::finish(&world, &parent).await;
    start(&world).await;
    shift(&world, &parent, CardState::Triage).await.unwrap_err();
    shift(&world, &parent, CardState::Ready).await.unwrap();
    kanban::sweep_runs(&world.core).await.unwrap();
    assert_eq!(outcomes(&world, &below).await, [Some(RunOutcome::Crashed)]);
    assert_eq!(world.state(&below).await, CardState::Todo);
    world.check_invariants().await;
}
