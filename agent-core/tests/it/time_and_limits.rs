//! When a card may start: its time, its repetition, the slots of boards and profiles, its directory, its budget.

use agent_core::kanban;
use agent_core::kanban::worker::{self, Usage};
use protocol::{
    BoardSettings, BoardView, CardField, CardRef, CardState, CreateCardParams, EditCardParams, MoveCardParams, UndoId,
    WaitKind, WaitReason, WorkspaceKind,
};

use crate::support::{START_MS, World, ada};

const HOUR: i64 = 3_600_000;

fn params(title: &str) -> CreateCardParams {
    CreateCardParams { title: title.into(), ..CreateCardParams::default() }
}

/// Claims the next card for a worker whose process is gone already, so that looking after processes ends nobody.
async fn started(world: &World) -> worker::RunTicket {
    let ticket = world.claim().await.ticket;
    worker::start(&world.core, ticket, u32::MAX >> 1, 1).await.unwrap();
    ticket
}

async fn titles(world: &World, view: &BoardView) -> Vec<String> {
    let cards = kanban::list_cards(&world.core, "", view, None, 1000).await.unwrap();
    cards.into_iter().map(|card| card.title).collect()
}

async fn undo(world: &World, id: Option<UndoId>) -> protocol::UndoResult {
    kanban::undo(&world.core, &ada(), id.unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_scheduled_card_starts_when_its_time_comes_and_not_before() {
    let world = World::new().await;
    let card = world.create("later").await;
    let past = kanban::schedule_card(&world.core, &ada(), CardRef::Id(card.id), START_MS - 1).await;
    assert_eq!(past.unwrap_err().field(), Some(CardField::ScheduledAt));
    let written = kanban::schedule_card(&world.core, &ada(), CardRef::Id(card.id), START_MS + HOUR).await.unwrap();
    assert_eq!(written.card.wait, Some(WaitReason::Scheduled { until: START_MS + HOUR }));
    assert!(kanban::claim_next(&world.core, "test").await.unwrap().is_none());
    let moved = kanban::schedule_card(&world.core, &ada(), CardRef::Id(card.id), START_MS + 2 * HOUR).await.unwrap();
    assert_eq!(moved.card.wait, Some(WaitReason::Scheduled { until: START_MS + 2 * HOUR }));
    undo(&world, moved.undo).await;
    let card = world.card(&card).await;
    assert_eq!((card.state, card.wait), (CardState::Scheduled, Some(WaitReason::Scheduled { until: START_MS + HOUR })));
    world.clock.advance_ms(HOUR + 1);
    kanban::release_due(&world.core).await.unwrap();
    assert_eq!(world.claim().await.number, card.number);
    world.check_invariants().await;
}

#[tokio::test]
async fn a_card_that_repeats_comes_again_once_and_taking_the_end_back_takes_it_away() {
    let world = World::new().await;
    let card = world
        .create_with(CreateCardParams {
            repeat: Some("every 2h".into()),
            labels: vec!["daily".into()],
            ..params("water the plants")
        })
        .await;
    let done = kanban::complete_card(&world.core, &ada(), CardRef::Id(card.id), "watered").await.unwrap();
    let next =
        kanban::list_cards(&world.core, "", &BoardView::default(), Some(CardState::Scheduled), 10).await.unwrap();
    assert_eq!(next.len(), 1);
    assert_eq!(next[0].wait, Some(WaitReason::Scheduled { until: START_MS + 2 * HOUR }));
    assert!(next[0].repeats && next[0].labels == ["daily"] && next[0].title == "water the plants");
    let later = || BoardView { wait: Some(WaitKind::Time), ..BoardView::default() };
    let back = undo(&world, done.undo).await;
    assert!(titles(&world, &later()).await.is_empty());
    let again = undo(&world, back.redo).await;
    assert_eq!((world.state(&card).await, titles(&world, &later()).await.len()), (CardState::Done, 1), "done again");
    undo(&world, again.redo).await;
    assert!(titles(&world, &later()).await.is_empty());
    // Finished by a worker this time, brought back, and finished again: still one.
    let ticket = world.claim_and_start().await;
    worker::complete(&world.core, ticket, "watered", None).await.unwrap();
    let back = MoveCardParams { id: card.id, revision: None, to: CardState::Ready, after: None, before: None };
    kanban::move_card(&world.core, &ada(), back).await.unwrap();
    kanban::complete_card(&world.core, &ada(), CardRef::Id(card.id), "").await.unwrap();
    assert_eq!(titles(&world, &later()).await.len(), 1);
    // Whoever does not want the next one has deleted it; the archive brings it back no more.
    let next = kanban::list_cards(&world.core, "", &later(), None, 10).await.unwrap();
    kanban::delete_card(&world.core, &ada(), CardRef::Id(next[0].id)).await.unwrap();
    let away = MoveCardParams { id: card.id, revision: None, to: CardState::Archived, after: None, before: None };
    let away = kanban::move_card(&world.core, &ada(), away).await.unwrap();
    undo(&world, away.undo).await;
    assert_eq!((world.state(&card).await, titles(&world, &later()).await.len()), (CardState::Done, 0));
    for bad in ["every 3 fortnights", "61 * * * *", "0 0 30 2 *", "0 0 31 4,6 *"] {
        let params = CreateCardParams { repeat: Some(bad.into()), ..params("x") };
        let refused = kanban::create_card(&world.core, &ada(), params).await;
        assert_eq!(refused.unwrap_err().field(), Some(CardField::Repeat), "{bad}");
    }
    world.check_invariants().await;
}

#[tokio::test]
async fn a_rule_without_a_next_time_never_keeps_work_from_being_done() {
    let world = World::new().await;
    let card = world.create_with(CreateCardParams { repeat: Some("every 2h".into()), ..params("pay") }).await;
    let edit = EditCardParams { repeat: Some("0 0 30 2 *".into()), ..EditCardParams::of(card.id, card.revision) };
    let refused = kanban::edit_card(&world.core, &ada(), edit).await;
    assert!(refused.unwrap_err().to_string().contains("never comes"));
    // As earlier versions let it in.
    let mut tx = world.core.write().await.unwrap();
    sqlx::query("UPDATE kanban_card SET repeat = '0 0 30 2 *'").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    let ticket = world.claim_and_start().await;
    worker::complete(&world.core, ticket, "paid", None).await.unwrap();
    let detail = kanban::card_detail(&world.core, CardRef::Id(card.id)).await.unwrap();
    assert_eq!(detail.card.state, CardState::Done);
    assert!(detail.summary_html.unwrap().contains("paid"));
    assert_eq!((detail.card.repeats, detail.settings.repeat), (false, None));
    assert!(detail.comments[0].html.contains("does not come again"), "{}", detail.comments[0].html);
    assert!(titles(&world, &BoardView { wait: Some(WaitKind::Time), ..BoardView::default() }).await.is_empty());
    world.check_invariants().await;
}

#[tokio::test]
async fn boards_and_profiles_have_slots_of_their_own() {
    let config = "kanban:\n  max_in_progress: 10\n  max_in_progress_per_profile: 2";
    let world = World::with_config(config).await;
    let board = kanban::create_board(&world.core, &ada(), "work", "Work").await.unwrap();
    let settings = BoardSettings { name: "Work".into(), slots: Some(1), ..BoardSettings::default() };
    kanban::edit_board(&world.core, &ada(), board.id, settings).await.unwrap();
    for title in ["w1", "w2"] {
        world.create_with(CreateCardParams { board: "work".into(), ..params(title) }).await;
    }
    let mut home = Vec::new();
    for title in ["h1", "h2"] {
        home.push(world.create(title).await);
    }
    let first = world.claim().await;
    let second = world.claim().await;
    assert!(kanban::claim_next(&world.core, "test").await.unwrap().is_none(), "the profile has two already");
    let numbers = [first.number, second.number];
    assert_eq!(numbers.iter().filter(|number| **number <= 2).count(), 1, "one of the board's two: {numbers:?}");
    let work = kanban::list_cards(&world.core, "work", &BoardView::default(), Some(CardState::Ready), 9).await.unwrap();
    assert_eq!(work[0].wait, Some(WaitReason::BoardFull { used: 1, limit: 1 }));
    let busy = WaitReason::ProfileBusy { profile: "runner".into(), used: 2, limit: 2 };
    assert_eq!(world.card(&home[1]).await.wait, Some(busy));
}

#[tokio::test]
async fn nothing_starts_or_changes_on_an_archived_board() {
    let world = World::new().await;
    kanban::create_board(&world.core, &ada(), "old", "").await.unwrap();
    let card = world.create_with(CreateCardParams { board: "old".into(), ..params("x") }).await;
    let claim = world.claim().await;
    let refused = kanban::archive_board(&world.core, &ada(), "old").await.unwrap_err();
    assert!(refused.to_string().contains("running"), "{refused}");
    worker::fail(&world.core, claim.ticket, protocol::RunOutcome::RateLimited, "later", Some(0)).await.unwrap();
    kanban::archive_board(&world.core, &ada(), "old").await.unwrap();
    assert!(kanban::claim_next(&world.core, "test").await.unwrap().is_none());
    let late = kanban::create_card(&world.core, &ada(), CreateCardParams { board: "old".into(), ..params("y") }).await;
    assert!(late.unwrap_err().to_string().contains("restore"));
    let to = MoveCardParams { id: card.id, revision: None, to: CardState::Triage, after: None, before: None };
    assert!(kanban::move_card(&world.core, &ada(), to).await.is_err());
    assert!(kanban::boards(&world.core, false).await.unwrap().iter().all(|board| board.slug != "old"));
    assert!(kanban::boards(&world.core, true).await.unwrap().iter().any(|board| board.slug == "old"));
    assert!(kanban::archive_board(&world.core, &ada(), "default").await.is_err(), "the default board stays");
    kanban::restore_board(&world.core, &ada(), "old").await.unwrap();
    assert_eq!(world.claim().await.number, card.number);
}

#[tokio::test]
async fn one_card_at_a_time_writes_to_a_directory() {
    let world = World::new().await;
    let dir = tempfile::tempdir().unwrap();
    let link = world.dir.path().join("same");
    std::os::unix::fs::symlink(dir.path(), &link).unwrap();
    let at = |path: &std::path::Path, shared_dir: bool| CreateCardParams {
        workspace: WorkspaceKind::Dir,
        workspace_path: Some(path.display().to_string()),
        shared_dir,
        ..params("in a directory")
    };
    let first = world.create_with(at(dir.path(), false)).await;
    let second = world.create_with(at(&link, false)).await;
    let shared = world.create_with(at(dir.path(), true)).await;
    let claim = world.claim().await;
    assert_eq!(claim.number, first.number);
    let beside = world.claim().await;
    assert_eq!(beside.number, shared.number, "a card that shares its directory does not wait");
    assert!(kanban::claim_next(&world.core, "test").await.unwrap().is_none());
    assert_eq!(world.card(&second).await.wait, Some(WaitReason::DirectoryBusy { card: first.number }));
    worker::complete(&world.core, claim.ticket, "done", None).await.unwrap();
    assert_eq!(world.card(&second).await.wait, Some(WaitReason::DirectoryBusy { card: shared.number }));
    worker::complete(&world.core, beside.ticket, "done", None).await.unwrap();
    assert_eq!(world.claim().await.number, second.number);
}

#[tokio::test]
async fn a_spent_budget_stops_the_card_until_a_person_allows_more() {
    let world = World::new().await;
    let card = world.create_with(CreateCardParams { max_tokens: Some(100), ..params("thrifty") }).await;
    let ticket = started(&world).await;
    let usage = Usage { tokens_in: 60, tokens_out: 39, cost_micros: Some(5) };
    worker::add_usage(&world.core, ticket, usage).await.unwrap();
    assert_eq!(worker::spent_budget(&world.core, ticket).await.unwrap(), None);
    worker::add_usage(&world.core, ticket, Usage { tokens_in: 1, ..Usage::default() }).await.unwrap();
    let spent = worker::spent_budget(&world.core, ticket).await.unwrap().unwrap();
    assert!(spent.contains("100"), "{spent}");
    worker::fail(&world.core, ticket, protocol::RunOutcome::Budget, &spent, None).await.unwrap();
    assert_eq!(world.state(&card).await, CardState::Blocked);
    kanban::reap(&world.core).await.unwrap();
    // Lowered below what is spent, a card that is ready says so and is not started.
    let other = world.create_with(CreateCardParams { max_cost_micros: Some(1_000_000), ..params("lowered") }).await;
    let ticket = started(&world).await;
    let dear = Usage { cost_micros: Some(900_000), ..Usage::default() };
    worker::add_usage(&world.core, ticket, dear).await.unwrap();
    worker::fail(&world.core, ticket, protocol::RunOutcome::RateLimited, "later", Some(0)).await.unwrap();
    let now = world.card(&other).await;
    let less = EditCardParams { max_cost_micros: Some(500_000), ..EditCardParams::of(now.id, now.revision) };
    kanban::edit_card(&world.core, &ada(), less).await.unwrap();
    kanban::reap(&world.core).await.unwrap();
    assert_eq!(world.card(&other).await.wait, Some(WaitReason::OverBudget));
    assert!(kanban::claim_next(&world.core, "test").await.unwrap().is_none());
    // The answer allows the same again.
    let settled = agent_core::decisions::unblock(&world.core, &ada(), CardRef::Id(card.id), "go on").await.unwrap();
    assert_eq!(settled.decision.card.state, CardState::Ready);
    world.clock.advance_ms(6_000);
    let _server = world.serve();
    assert_eq!(world.card(&card).await.wait, None);
}
