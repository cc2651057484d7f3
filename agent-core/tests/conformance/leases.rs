//! §9.6: when a card is taken from its worker, and that no other starts before that one is gone. The rules of the Python
//! product that do not apply stand in `dispatcher`.

use std::process::Command;

use agent_core::kanban::worker;
use agent_core::kanban::{self, KanbanError};
use agent_core::process;
use protocol::{CardState, CreateCardParams, EditCardParams, RunOutcome, WaitReason};

use crate::dispatcher::dispatch;
use crate::sleeper::{Sleeper, start_as};
use crate::support::{World, ada};
use crate::{by, edit, eventually, last_event, nothing_to_claim, number, outcomes, refusal, start, tamper, titled};

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
