//! Numbers at their ends, and clocks that jump: nothing overflows, nothing lasts for ever, no time is negative.

use agent_core::kanban::{self, worker};
use protocol::{BoardView, CardState, CreateCardParams, RunOutcome};

use crate::atypical::create;
use crate::support::{START_MS, World, ada};
use crate::{by, child, fingerprint, outcomes, refusal, start, start_again, titled};

const YEAR_MS: i64 = 365 * 24 * 3_600_000;

#[tokio::test]
async fn numbers_at_their_ends_are_kept_or_refused() {
    let world = World::new().await;
    for priority in [i32::MIN, -1, 0, i32::MAX] {
        let params = CreateCardParams { priority, triage: true, ..titled("x") };
        assert_eq!(create(&world, params).await.unwrap().priority, priority);
    }
    let params = CreateCardParams {
        max_attempts: Some(u32::MAX),
        max_runtime_s: Some(u32::MAX),
        max_tokens: Some(i64::MAX),
        max_cost_micros: Some(i64::MAX),
        due_at: Some(253_402_300_799_999),
        ..titled("endless")
    };
    let card = create(&world, params).await.unwrap();
    let ticket = start(&world).await;
    assert_eq!(world.state(&card).await, CardState::Running);
    kanban::sweep_runs(&world.core).await.unwrap();
    assert!(!worker::owns(&world.core, ticket).await.unwrap());
    let before = fingerprint(&world).await;
    for bad in [
        CreateCardParams { due_at: Some(i64::MAX), ..titled("x") },
        CreateCardParams { max_attempts: Some(0), ..titled("x") },
        CreateCardParams { max_runtime_s: Some(0), ..titled("x") },
        CreateCardParams { max_tokens: Some(0), ..titled("x") },
        CreateCardParams { max_tokens: Some(i64::MIN), ..titled("x") },
        CreateCardParams { max_cost_micros: Some(-1), ..titled("x") },
        CreateCardParams { scheduled_at: Some(i64::MAX), ..titled("x") },
        CreateCardParams { scheduled_at: Some(i64::MIN), ..titled("x") },
        CreateCardParams { scheduled_at: Some(START_MS + 6 * YEAR_MS), ..titled("x") },
    ] {
        refusal(create(&world, bad).await);
    }
    for at in [i64::MIN, 0, START_MS - 1, START_MS, i64::MAX] {
        refusal(kanban::schedule_card(&world.core, &ada(), by(&card), at).await);
    }
    assert_eq!(fingerprint(&world).await, before);
    let past = create(&world, CreateCardParams { scheduled_at: Some(0), ..titled("long ago") }).await.unwrap();
    assert_eq!(past.state, CardState::Ready, "a time that is past is now");
    world.check_invariants().await;
}

#[tokio::test]
async fn a_clock_that_goes_back_leaves_no_negative_time_and_stops_nothing() {
    let world = World::new().await;
    let card = world.create("born tomorrow").await;
    let below = child(&world, "below", &[&card]).await;
    let ticket = start(&world).await;
    worker::comment(&world.core, ticket, by(&card), "from the future").await.unwrap();
    world.turn_clock_back_ms(YEAR_MS);
    worker::heartbeat(&world.core, ticket).await.unwrap();
    worker::complete(&world.core, ticket, "done before it began", None).await.unwrap();
    world.check_invariants().await;
    let text = kanban::worker_context(&world.core, by(&below)).await.unwrap();
    assert!(text.contains("just now") && !text.contains("(-"), "{text}");
    kanban::reap(&world.core).await.unwrap();
    let waited = kanban::stats(&world.core, "").await.unwrap().oldest_ready_ms;
    assert!(waited.is_some_and(|waited| waited >= 0), "{waited:?}");
    kanban::diagnostics(&world.core, "").await.unwrap();
    kanban::board_page(&world.core, "", &BoardView::default()).await.unwrap();
    kanban::card_detail(&world.core, by(&card)).await.unwrap();
    // The end can be taken back, the next card starts, a failure pauses for its own time.
    assert_eq!(world.claim().await.number, below.number);
    kanban::reclaim_card(&world.core, &ada(), by(&below), "").await.unwrap();
    world.check_invariants().await;
}

#[tokio::test]
async fn a_pause_ends_although_the_clock_was_a_year_ahead_when_it_began() {
    let world = World::new().await;
    world.clock.advance_ms(YEAR_MS);
    let card = world.create("paused").await;
    let ticket = start(&world).await;
    crate::fail(&world, ticket, RunOutcome::Crashed).await;
    kanban::reap(&world.core).await.unwrap();
    world.turn_clock_back_ms(YEAR_MS);
    let _server = world.serve();
    assert_eq!(world.card(&card).await.wait, None, "no pause lasts a year");
    assert_eq!(world.claim().await.number, card.number);
    world.check_invariants().await;
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_ends_leases_once_and_loses_nothing() {
    let world = World::new().await;
    let card = world.create("left behind").await;
    let claim = world.claim().await;
    world.clock.advance_ms(YEAR_MS);
    kanban::release_due(&world.core).await.unwrap();
    kanban::sweep_runs(&world.core).await.unwrap();
    kanban::sweep_runs(&world.core).await.unwrap();
    assert_eq!(outcomes(&world, &card).await.len(), 1);
    assert!(!worker::owns(&world.core, claim.ticket).await.unwrap());
    let ticket = start_again(&world).await;
    worker::complete(&world.core, ticket, "done", None).await.unwrap();
    world.check_invariants().await;
}
