//! §9.6: which ends of a run count as failures, how many a card has, and what follows. The rules of the Python product
//! that do not apply stand in `dispatcher`.

use agent_core::kanban::{self, worker};
use protocol::{CardState, CreateCardParams, DecisionKind, DecisionVerb, RunOutcome, WaitReason};

use crate::sleeper::{Sleeper, start_as};
use crate::support::{World, ada};
use crate::{
    by, child, detail, edit, fail, last_event, nothing_to_claim, number, outcomes, settle, shift, start, start_again,
    titled,
};

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
