//! Somebody outside of Hermes works on a card: only its lease tells whether they are still there.

use agent_core::kanban::worker::{self, OutsideWork};
use agent_core::kanban::{self, KanbanError};
use protocol::{CardRef, CardState, CreateCardParams, TaskCard};

use crate::support::{START_MS, World};

const MINUTE: i64 = 60_000;

async fn claimed(world: &World, card: &TaskCard, lease: Option<u32>) -> Result<OutsideWork, KanbanError> {
    let claim = kanban::claim_card_for(&world.core, CardRef::Id(card.id), "me").await.unwrap();
    worker::start_outside(&world.core, claim.ticket, lease).await
}

fn ticket(work: &OutsideWork) -> worker::RunTicket {
    worker::RunTicket { run: work.run, fence: work.fence }
}

async fn state_after(world: &World, card: &TaskCard, minutes: i64) -> CardState {
    world.clock.advance_ms(minutes * MINUTE);
    kanban::sweep_runs(&world.core).await.unwrap();
    world.state(card).await
}

#[tokio::test]
async fn a_card_is_kept_as_long_as_was_asked_and_no_heartbeat_shortens_that() {
    let world = World::new().await;
    let card = world.create("mine").await;
    let work = claimed(&world, &card, Some(7200)).await.unwrap();
    assert_eq!(work.lease_until, START_MS + 120 * MINUTE);
    assert_eq!(state_after(&world, &card, 30).await, CardState::Running);
    worker::heartbeat(&world.core, ticket(&work)).await.unwrap();
    assert_eq!(state_after(&world, &card, 89).await, CardState::Running, "119 minutes");
    worker::heartbeat(&world.core, ticket(&work)).await.unwrap();
    assert_eq!(state_after(&world, &card, 14).await, CardState::Running, "a heartbeat near the end renews");
    assert_eq!(state_after(&world, &card, 2).await, CardState::Ready);
    let late = worker::heartbeat(&world.core, ticket(&work)).await.unwrap_err();
    assert!(matches!(late, KanbanError::Fenced(_)), "{late}");
}

#[tokio::test]
async fn a_lease_has_bounds_and_ends_with_the_run() {
    let world = World::new().await;
    let card = world.create("mine").await;
    let short = claimed(&world, &card, Some(60)).await.unwrap();
    assert_eq!(short.lease_until, START_MS + MINUTE);
    assert_eq!(state_after(&world, &card, 2).await, CardState::Ready, "nothing was heard for a minute");
    let limited = CreateCardParams { title: "limited".into(), max_runtime_s: Some(600), ..CreateCardParams::default() };
    let limited = world.create_with(limited).await;
    let work = claimed(&world, &limited, Some(7200)).await.unwrap();
    assert_eq!(work.lease_until, START_MS + 12 * MINUTE, "its longest run is ten minutes");
    for bad in [0, 59, 86_401] {
        let card = world.create("bounds").await;
        let refused = claimed(&world, &card, Some(bad)).await.unwrap_err();
        assert!(matches!(&refused, KanbanError::Invalid(why) if why.contains("a day at most")), "{refused}");
    }
}
