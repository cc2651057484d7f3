//! §9.6: when a card is taken from its worker, and that no other starts before that one is gone. The rules of the Python
//! product that do not apply stand in `dispatcher`.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use agent_core::kanban::worker;
use agent_core::kanban::{self, KanbanError};
use agent_core::process;
use protocol::{CardState, CreateCardParams, EditCardParams, RunOutcome, WaitReason};

use crate::dispatcher::dispatch;
use crate::sleeper::{Sleeper, start_as};
use crate::support::{World, ada};
use crate::{
    by, child, edit, eventually, everything, fingerprint, last_event, nothing_to_claim, number, outcomes, refusal,
    start, tamper, titled,
};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_was_started_and_never_speaks_holds_its_card_until_it_is_gone() {
    let world = World::new().await;
    let card = world.create("speechless").await;
    let (script, pids) = (world.dir.path().join("speechless.sh"), world.dir.path().join("pids"));
    std::fs::write(&script, "#!/bin/sh\necho $$ >> pids\nexec sleep 300\n").unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let tasks = dispatch(&world, &script.to_string_lossy());
    let known = "SELECT count(*) FROM kanban_process";
    let said = || std::fs::read_to_string(&pids).is_ok_and(|text| text.ends_with('\n'));
    eventually(async || said() && number(&world, known).await == 1).await;
    // The server ends; nobody waits for the process any more, and nobody looks after it.
    tasks.shut_down().await;
    let pid: u32 = std::fs::read_to_string(&pids).unwrap().trim().parse().unwrap();
    let is_alive = || process::identity_of(pid).unwrap().is_some();
    world.clock.advance_ms(crate::A_WHILE_MS);
    kanban::sweep_runs(&world.core).await.unwrap();
    assert_eq!(outcomes(&world, &card).await, [Some(RunOutcome::SpawnFailed)]);
    world.clock.advance_ms(crate::A_WHILE_MS);
    assert!(is_alive(), "nothing has asked it to end so far");
    assert_eq!(world.card(&card).await.wait, Some(WaitReason::EarlierWorker));
    nothing_to_claim(&world).await;
    kanban::claim_card_for(&world.core, by(&card), "by name").await.unwrap_err();
    assert!(kanban::reap(&world.core).await.unwrap());
    eventually(|| std::future::ready(!is_alive())).await;
    assert!(!kanban::reap(&world.core).await.unwrap());
    assert_eq!(start(&world).await.fence, 2);
    assert_eq!(std::fs::read_to_string(&pids).unwrap().lines().count(), 1);
    world.check_invariants().await;
}

#[tokio::test]
async fn a_sign_of_life_renews_the_lease_and_writes_no_history() {
    let world = World::new().await;
    let card = world.create("alive").await;
    let sleeper = Sleeper::new();
    let ticket = start_as(&world, &sleeper).await;
    let seq = kanban::last_seq(&world.core).await.unwrap();
    let rows = fingerprint(&world).await;
    // Four hours are allowed in all; the lease alone would have ended sixteen times.
    for _ in 0..16 {
        world.clock.advance_ms(14 * 60_000);
        worker::heartbeat(&world.core, ticket).await.unwrap();
        kanban::sweep_runs(&world.core).await.unwrap();
    }
    assert!(worker::owns(&world.core, ticket).await.unwrap());
    assert_eq!(world.card(&card).await.heartbeat_at, Some(world.core.now_ms()));
    assert_eq!((kanban::last_seq(&world.core).await.unwrap(), fingerprint(&world).await), (seq, rows));
    world.check_invariants().await;
}

#[tokio::test]
async fn looking_again_and_again_writes_nothing_while_nothing_happens() {
    let world = World::with_config("kanban:\n  max_in_progress: 2").await;
    let sleeper = Sleeper::new();
    let running = world.create_with(CreateCardParams { priority: 9, ..titled("running") }).await;
    start_as(&world, &sleeper).await;
    world.create_with(CreateCardParams { blocked: true, ..titled("blocked") }).await;
    child(&world, "waits for a card", &[&running]).await;
    let later = Some(world.core.now_ms() + 3_600_000);
    world.create_with(CreateCardParams { scheduled_at: later, ..titled("waits for its time") }).await;
    world.create_with(CreateCardParams { assignee: Some("ghost".into()), ..titled("waits for a profile") }).await;
    let fails = world.create_with(CreateCardParams { priority: 8, ..titled("waits after a failure") }).await;
    let ticket = start(&world).await;
    crate::fail(&world, ticket, RunOutcome::Crashed).await;
    kanban::reap(&world.core).await.unwrap();
    let second = Sleeper::new();
    world.create_with(CreateCardParams { priority: 7, ..titled("has the other slot") }).await;
    start_as(&world, &second).await;
    world.create("waits for a slot").await;
    let before = everything(&world).await;
    for _ in 0..20 {
        world.clock.advance_ms(1000);
        kanban::release_due(&world.core).await.unwrap();
        kanban::sweep_runs(&world.core).await.unwrap();
        kanban::reap(&world.core).await.unwrap();
        nothing_to_claim(&world).await;
        assert!(kanban::claim_ready(&world.core, "test", 16).await.unwrap().is_empty());
    }
    assert_eq!(everything(&world).await, before);
    assert_eq!(world.state(&fails).await, CardState::Ready);
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
async fn a_clock_that_goes_back_keeps_no_worker_of_an_ended_run_alive() {
    const DAY_MS: i64 = 24 * 3_600_000;
    let world = World::new().await;
    let card = world.create("asked to end").await;
    let script = "trap '' TERM; echo ready; while :; do sleep 0.05; done";
    let mut child = Command::new("sh").args(["-c", script]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0; 5]).unwrap();
    let mut deaf = Sleeper(child);
    start_as(&world, &deaf).await;
    kanban::reclaim_card(&world.core, &ada(), by(&card), "enough").await.unwrap();
    kanban::reap(&world.core).await.unwrap();
    assert!(deaf.is_alive(), "it does not listen");
    world.turn_clock_back_ms(DAY_MS);
    kanban::reap(&world.core).await.unwrap();
    eventually(|| std::future::ready(!deaf.is_alive())).await;
    // One that said that it is done and stays is asked to go all the same.
    kanban::delete_card(&world.core, &ada(), by(&card)).await.unwrap();
    world.create("stays").await;
    let mut stays = Sleeper::new();
    let ticket = start_as(&world, &stays).await;
    worker::complete(&world.core, ticket, "done", None).await.unwrap();
    kanban::reap(&world.core).await.unwrap();
    assert!(stays.is_alive(), "it may leave by itself");
    world.turn_clock_back_ms(DAY_MS);
    kanban::reap(&world.core).await.unwrap();
    eventually(|| std::future::ready(!stays.is_alive())).await;
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
async fn a_clock_that_jumps_back_leaves_a_quiet_worker_its_card_for_one_lease_and_not_for_a_day() {
    let world = World::new().await;
    let card = world.create("quiet").await;
    let sleeper = Sleeper::new();
    let ticket = start_as(&world, &sleeper).await;
    world.turn_clock_back_ms(24 * 3_600_000);
    kanban::sweep_runs(&world.core).await.unwrap();
    world.clock.advance_ms(15 * 60_000);
    kanban::sweep_runs(&world.core).await.unwrap();
    assert!(worker::owns(&world.core, ticket).await.unwrap(), "it had a lease when the clock was set");
    world.clock.advance_ms(60_001);
    kanban::sweep_runs(&world.core).await.unwrap();
    assert_eq!(outcomes(&world, &card).await, [Some(RunOutcome::Lost)]);
    world.forget_processes().await;
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
