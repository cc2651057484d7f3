//! §9.2: I1 to I12 hold after every operation. `it::random_operations` checks them along random sequences; here they
//! are checked along one of every kind, and it is shown that the checks notice what they are for.
//!
//! | rule | here |
//! |---|---|
//! | I10 claim_expires | the lease of the run, `kanban_run.lease_until` |
//! | I12 no live worker | no open run here; that the process is gone: `server/tests/processes` |

use agent_core::kanban::{self, housekeeping, worker};
use protocol::{BlockKind, CardState, DecisionVerb, EditCardParams, RunOutcome};
use sqlx::{Connection, SqliteConnection};

use crate::support::{World, ada};
use crate::{by, child, fail, finish, settle, shift, start, start_again, tamper};

#[tokio::test]
async fn the_invariants_hold_after_one_operation_of_every_kind() {
    let world = World::new().await;
    let parent = world.create("parent").await;
    world.check_invariants().await;
    let waiting = child(&world, "child", &[&parent]).await;
    world.check_invariants().await;
    let ticket = start(&world).await;
    world.check_invariants().await;
    worker::heartbeat(&world.core, ticket).await.unwrap();
    world.check_invariants().await;
    worker::block(&world.core, ticket, Some(BlockKind::NeedsInput), "which?", "", vec![]).await.unwrap();
    world.check_invariants().await;
    settle(&world, &parent, DecisionVerb::Answer, "that one").await;
    world.check_invariants().await;
    kanban::reap(&world.core).await.unwrap();
    world.clock.advance_ms(crate::A_WHILE_MS);
    // The lease runs out before the worker has spoken.
    let ticket = world.claim().await.ticket;
    world.clock.advance_ms(31_000);
    kanban::sweep_runs(&world.core).await.unwrap();
    world.check_invariants().await;
    assert!(!worker::owns(&world.core, ticket).await.unwrap());
    // The process is seen to be gone.
    let ticket = start_again(&world).await;
    kanban::sweep_runs(&world.core).await.unwrap();
    world.check_invariants().await;
    assert!(!worker::owns(&world.core, ticket).await.unwrap());
    settle(&world, &parent, DecisionVerb::Retry, "").await;
    let row = world.card(&parent).await;
    let other = EditCardParams { assignee: Some("somebody".into()), ..EditCardParams::of(row.id, row.revision) };
    kanban::edit_card(&world.core, &ada(), other).await.unwrap();
    world.check_invariants().await;
    finish(&world, &parent).await;
    world.check_invariants().await;
    assert_eq!(world.state(&waiting).await, CardState::Ready);
    let ticket = start_again(&world).await;
    shift(&world, &waiting, CardState::Archived).await.unwrap();
    world.check_invariants().await;
    assert!(!worker::owns(&world.core, ticket).await.unwrap());
    kanban::delete_card(&world.core, &ada(), by(&waiting)).await.unwrap();
    world.check_invariants().await;
}

/// A connection that may write anything.
async fn vandal(world: &World) -> SqliteConnection {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(world.core.home().database()).foreign_keys(false);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query("PRAGMA ignore_check_constraints = ON").execute(&mut connection).await.unwrap();
    connection
}

#[tokio::test]
async fn every_invariant_is_noticed_when_it_breaks() {
    for (name, sql) in [
        ("I1", "UPDATE kanban_run SET ended_at = claimed_at, outcome = 'lost', lease_until = NULL"),
        ("I2", "UPDATE kanban_card SET current_run_id = NULL"),
        ("I3", "UPDATE kanban_card SET state = 'mislaid' WHERE number = 2"),
        ("I4", "UPDATE kanban_card SET state = 'triage' WHERE state = 'running'"),
        ("I5", "UPDATE kanban_run SET ended_at = started_at - 1, outcome = 'lost'"),
        ("I6", "UPDATE kanban_run SET outcome = 'lost'"),
        ("I7", "UPDATE sqlite_sequence SET seq = 1 WHERE name = 'kanban_event'"),
        ("I7", "UPDATE kanban_event SET at = at - 1 WHERE seq = (SELECT max(seq) FROM kanban_event)"),
        ("I8", "UPDATE kanban_event SET run_id = zeroblob(16) WHERE seq = 1"),
        ("I9", "UPDATE kanban_card SET state = 'todo' WHERE number = 2"),
        ("I9b", "UPDATE kanban_card SET state = 'ready' WHERE number = 3"),
        ("I10", "UPDATE kanban_run SET lease_until = NULL"),
        ("I10", "UPDATE kanban_card SET fence = fence + 1 WHERE state = 'running'"),
        ("I11", "INSERT INTO kanban_link SELECT child_id, parent_id FROM kanban_link"),
        ("I12", "UPDATE kanban_card SET state = 'done' WHERE state = 'running'"),
    ] {
        let world = World::new().await;
        let first = world.create("first").await;
        world.create("second").await;
        child(&world, "third", &[&first]).await;
        start(&world).await;
        world.check_invariants().await;
        let mut connection = vandal(&world).await;
        sqlx::query(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let broken = world.broken_invariants().await;
        assert!(broken.iter().any(|rule| rule.split(' ').next() == Some(name)), "{sql} went unnoticed: {broken:?}");
    }
}

#[tokio::test]
async fn the_database_itself_refuses_a_second_open_run_and_a_running_card_without_one() {
    let world = World::new().await;
    world.create("one").await;
    start(&world).await;
    for sql in [
        "INSERT INTO kanban_run (id, card_id, attempt, fence, profile, executor, lease_owner, claimed_at)
         SELECT randomblob(16), id, 2, 2, 'runner', 'command', 'x', 0 FROM kanban_card",
        "UPDATE kanban_card SET current_run_id = NULL",
        "UPDATE kanban_card SET state = 'done'",
        "UPDATE kanban_card SET state = 'mislaid'",
        "UPDATE kanban_run SET outcome = 'lost'",
        "INSERT INTO kanban_link SELECT id, id FROM kanban_card",
    ] {
        let mut tx = world.core.write().await.unwrap();
        assert!(sqlx::query(sql).execute(&mut *tx).await.is_err(), "{sql}");
    }
    world.check_invariants().await;
}

#[tokio::test]
async fn event_numbers_are_never_used_again_even_when_the_newest_are_purged() {
    let world = World::new().await;
    let card = world.create("short lived").await;
    kanban::delete_card(&world.core, &ada(), by(&card)).await.unwrap();
    world.check_invariants().await;
    let newest = kanban::last_seq(&world.core).await.unwrap();
    world.clock.advance_ms(31 * 24 * 3_600_000);
    assert_eq!(housekeeping::tidy(&world.core).await.unwrap().cards, 1);
    assert_eq!(kanban::last_seq(&world.core).await.unwrap(), 0, "its events went with it");
    world.check_invariants().await;
    let next = world.create("next").await;
    assert!(kanban::last_seq(&world.core).await.unwrap() > newest);
    assert!(next.number > card.number, "nor are card numbers");
    world.check_invariants().await;
}

#[tokio::test]
async fn a_failed_check_names_the_rule_and_a_mended_board_passes_again() {
    let world = World::new().await;
    world.create("one").await;
    let ticket = start(&world).await;
    tamper(&world, "UPDATE kanban_run SET lease_until = NULL").await;
    assert_eq!(world.broken_invariants().await.len(), 1);
    worker::heartbeat(&world.core, ticket).await.unwrap();
    world.check_invariants().await;
    fail(&world, ticket, RunOutcome::Crashed).await;
    world.check_invariants().await;
}
