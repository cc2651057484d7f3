//! What workers may do with cards that are not their own, and failures that are not a card's.

use agent_core::kanban::worker::{self, Handover, RunTicket};
use agent_core::kanban::{self, KanbanError};
use agent_core::{decisions, llm};
use protocol::{
    BoardEvent, CardRef, CardState, CreateCardParams, DecisionVerb, EditCardParams, RetryCardParams, RunOutcome,
    SaveProviderParams, SettleDecisionParams, TaskCard, WaitReason, WorkspaceKind,
};

use crate::support::{World, ada};

fn work(title: &str) -> CreateCardParams {
    CreateCardParams { title: title.into(), ..CreateCardParams::default() }
}

/// A run whose process is not this one.
async fn running(world: &World) -> RunTicket {
    let ticket = world.claim().await.ticket;
    worker::start(&world.core, ticket, u32::MAX >> 1, 1).await.unwrap();
    ticket
}

async fn events(world: &World, card: &TaskCard) -> Vec<BoardEvent> {
    kanban::events(&world.core, "", Some(CardRef::Id(card.id)), 0).await.unwrap()
}

/// Archives all boards although cards run there, or brings them back.
async fn put_away(world: &World, at: Option<i64>) {
    let mut tx = world.core.write().await.unwrap();
    sqlx::query("UPDATE kanban_board SET archived_at = ?1").bind(at).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_worker_makes_cards_in_bounds_and_ties_only_its_own() {
    let world = World::new().await;
    let own = world.create("mine").await;
    let other = world.create_with(CreateCardParams { triage: true, ..work("not mine") }).await;
    let ticket = running(&world).await;
    let made = worker::create(&world.core, ticket, work("part")).await.unwrap();
    assert_eq!(made.state, CardState::Ready);
    let (mine, theirs, part) = (CardRef::Id(own.id), CardRef::Id(other.id), CardRef::Id(made.id));
    worker::link(&world.core, ticket, mine, part).await.unwrap();
    assert_eq!(kanban::card(&world.core, part).await.unwrap().state, CardState::Todo);
    let denied = worker::link(&world.core, ticket, mine, theirs).await.unwrap_err();
    assert!(matches!(&denied, KanbanError::Denied(why) if why.contains("comment")), "{denied}");
    let circle = worker::link(&world.core, ticket, part, mine).await.unwrap_err();
    assert!(matches!(circle, KanbanError::Invalid(_)), "{circle}");
    worker::unlink(&world.core, ticket, mine, part).await.unwrap();
    assert_eq!(kanban::card(&world.core, part).await.unwrap().state, CardState::Ready);
    put_away(&world, Some(1)).await;
    let away = worker::link(&world.core, ticket, mine, part).await.unwrap_err();
    assert!(matches!(&away, KanbanError::Conflict(why) if why.contains("archived")), "{away}");
    put_away(&world, None).await;
    let ghost = CreateCardParams { assignee: Some("ghost".into()), ..work("x") };
    let refused = worker::create(&world.core, ticket, ghost).await.unwrap_err();
    assert!(refused.to_string().contains("no profile"), "{refused}");
    for at in 1..20 {
        worker::create(&world.core, ticket, work(&format!("part {at}"))).await.unwrap();
    }
    let enough = worker::create(&world.core, ticket, work("one more")).await.unwrap_err();
    assert!(matches!(&enough, KanbanError::Denied(why) if why.contains("limit")), "{enough}");
    world.check_invariants().await;
}

#[tokio::test]
async fn work_that_makes_work_ends_somewhere() {
    let world = World::new().await;
    world.create("generation 0").await;
    for generation in 1..=3 {
        let ticket = running(&world).await;
        let params = CreateCardParams { priority: generation, ..work(&format!("generation {generation}")) };
        worker::create(&world.core, ticket, params).await.unwrap();
    }
    let ticket = running(&world).await;
    let denied = worker::create(&world.core, ticket, work("generation 4")).await.unwrap_err();
    assert!(denied.to_string().contains("3 times over"), "{denied}");
}

#[tokio::test]
async fn a_late_worker_makes_nothing() {
    let world = World::new().await;
    let card = world.create("mine").await;
    let ticket = running(&world).await;
    kanban::reclaim_card(&world.core, &ada(), CardRef::Id(card.id), "").await.unwrap();
    let late = worker::create(&world.core, ticket, work("late")).await.unwrap_err();
    assert!(matches!(late, KanbanError::Fenced(_)), "{late}");
}

#[tokio::test]
async fn invented_cards_are_refused_and_told_and_real_ones_are_kept() {
    let world = World::new().await;
    let card = world.create("mine").await;
    let other = world.create_with(CreateCardParams { triage: true, ..work("theirs") }).await;
    let child = CreateCardParams { parents: vec![CardRef::Id(card.id)], triage: true, ..work("child of mine") };
    let child = world.create_with(child).await;
    let ticket = running(&world).await;
    let made = worker::create(&world.core, ticket, work("made")).await.unwrap();
    let complete = |cards: Vec<CardRef>| {
        let core = world.core.clone();
        async move {
            let handover = Handover { created_cards: cards, ..Handover::default() };
            worker::complete_with(&core, ticket, "done; see T-1 and T-777", None, &handover).await
        }
    };
    for invented in [CardRef::Number(999), CardRef::Id(other.id)] {
        let refused = complete(vec![CardRef::Id(made.id), invented]).await.unwrap_err();
        assert!(matches!(&refused, KanbanError::Invalid(why) if why.contains("did not make")), "{refused}");
        assert_eq!(world.state(&card).await, CardState::Running, "nothing has changed");
    }
    let told = events(&world, &card).await;
    assert_eq!(told.iter().filter(|event| event.kind == "completion_refused").count(), 2);
    complete(vec![CardRef::Id(made.id), CardRef::Id(child.id)]).await.unwrap();
    assert_eq!(world.state(&card).await, CardState::Done);
    let told = events(&world, &card).await;
    let detail_of = |kind: &str| -> serde_json::Value {
        let found = told.iter().find(|event| event.kind == kind).unwrap();
        serde_json::from_str(&found.detail).unwrap()
    };
    assert_eq!(detail_of("completed")["created"], serde_json::json!([made.number, child.number]));
    assert_eq!(detail_of("unknown_references")["unknown"], serde_json::json!([777]), "advice, no refusal");
    world.check_invariants().await;
}

async fn fail(world: &World, error: &str) {
    let ticket = running(world).await;
    worker::fail(&world.core, ticket, RunOutcome::Crashed, error, None).await.unwrap();
    world.forget_processes().await;
    world.check_invariants().await;
}

async fn blocked(world: &World, cards: &[TaskCard]) -> Vec<TaskCard> {
    let mut found = Vec::new();
    for card in cards {
        let card = world.card(card).await;
        if card.state == CardState::Blocked {
            found.push(card);
        }
    }
    found
}

#[tokio::test]
async fn three_cards_that_fail_the_same_way_ask_once_and_the_rest_waits() {
    let world = World::new().await;
    let mut cards = Vec::new();
    for at in 0..5 {
        cards.push(world.create(&format!("card {at}")).await);
    }
    for host in ["10.0.0.1:443", "10.0.0.1:443", "10.0.0.2:443"] {
        fail(&world, &format!("connection refused to {host}")).await;
    }
    let asking = blocked(&world, &cards).await;
    assert_eq!(asking.len(), 1, "one question, however many cards");
    let detail = kanban::card_detail(&world.core, CardRef::Id(asking[0].id)).await.unwrap();
    let decision = detail.decision.unwrap();
    assert!(decision.ask.contains("3 cards"), "{}", decision.ask);
    assert!(kanban::claim_next(&world.core, "test").await.unwrap().is_none(), "the profile rests");
    let waiting = world.card(&cards[4]).await.wait;
    assert!(matches!(&waiting, Some(WaitReason::ProfilePaused { profile, .. }) if profile == "runner"), "{waiting:?}");

    // Its time is over, and nothing has changed: longer, without asking again and without burning attempts.
    world.clock.advance_ms(601_000);
    fail(&world, "connection refused to 10.0.0.9:443").await;
    assert_eq!(blocked(&world, &cards).await.len(), 1);
    world.clock.advance_ms(601_000);
    assert!(kanban::claim_next(&world.core, "test").await.unwrap().is_none(), "twice as long");

    // A person who says to try again means the profile.
    let params = SettleDecisionParams {
        id: decision.id,
        version: decision.version,
        verb: DecisionVerb::Retry,
        comment: String::new(),
    };
    decisions::settle(&world.core, &ada(), params).await.unwrap();
    let ticket = running(&world).await;
    worker::complete(&world.core, ticket, "works again", None).await.unwrap();
    assert!(kanban::claim_next(&world.core, "test").await.unwrap().is_some());
}

#[tokio::test]
async fn a_card_that_rests_is_tried_at_once_when_a_person_says_so() {
    let world = World::new().await;
    let mut cards = Vec::new();
    for at in 0..4 {
        cards.push(world.create(&format!("card {at}")).await);
    }
    for _ in 0..3 {
        fail(&world, "connection refused").await;
    }
    assert!(kanban::claim_next(&world.core, "test").await.unwrap().is_none(), "the profile rests");
    let again = |card: &TaskCard| RetryCardParams { id: card.id, assignee: None, model: None, comment: String::new() };
    let _server = world.serve();
    let written = kanban::retry_card(&world.core, &ada(), again(&cards[3])).await.unwrap();
    assert_eq!((written.card.wait, written.undo), (None, None), "it means the whole profile");
    assert!(kanban::claim_next(&world.core, "test").await.unwrap().is_some());

    // Nor does a card wait for the end of its own pause.
    let world = World::new().await;
    let _server = world.serve();
    let card = world.create("alone").await;
    fail(&world, "connection refused").await;
    assert!(matches!(world.card(&card).await.wait, Some(WaitReason::BackingOff { .. })));
    let written = kanban::retry_card(&world.core, &ada(), again(&card)).await.unwrap();
    assert_eq!(written.card.wait, None);
    world.check_invariants().await;
}

#[tokio::test]
async fn one_card_that_fails_often_pauses_nobody() {
    let world = World::new().await;
    let card = world.create("weak").await;
    let edit = EditCardParams { max_attempts: Some(9), ..EditCardParams::of(card.id, card.revision) };
    kanban::edit_card(&world.core, &ada(), edit).await.unwrap();
    for _ in 0..4 {
        fail(&world, "segmentation fault").await;
        world.clock.advance_ms(300_000);
    }
    assert_eq!(world.state(&card).await, CardState::Ready);
    assert!(kanban::claim_next(&world.core, "test").await.unwrap().is_some());
}

#[tokio::test]
async fn a_card_that_never_works_lets_the_others_go_first_after_the_rest() {
    let world = World::new().await;
    let mut cards = Vec::new();
    for at in 0..5 {
        cards.push(world.create(&format!("card {at}")).await);
    }
    for _ in 0..3 {
        fail(&world, "no route to host").await;
    }
    world.clock.advance_ms(601_000);
    let tried = world.claim().await;
    worker::start(&world.core, tried.ticket, u32::MAX >> 1, 1).await.unwrap();
    worker::fail(&world.core, tried.ticket, RunOutcome::Crashed, "no route to host", None).await.unwrap();
    world.forget_processes().await;
    let failures = kanban::card(&world.core, CardRef::Number(tried.number)).await.unwrap().failures;
    assert_eq!(failures, 1, "the rest burns no attempt");
    world.clock.advance_ms(1_201_000);
    let next = world.claim().await;
    assert_ne!(next.number, tried.number);
    worker::start(&world.core, next.ticket, u32::MAX >> 1, 1).await.unwrap();
    worker::complete(&world.core, next.ticket, "the route is back", None).await.unwrap();
    world.clock.advance_ms(61_000);
    assert!(kanban::claim_next(&world.core, "test").await.unwrap().is_some(), "one success ends the rest");
    world.check_invariants().await;
}

#[tokio::test]
async fn cards_that_take_too_long_pause_nobody() {
    let world = World::new().await;
    for at in 0..4 {
        world.create(&format!("card {at}")).await;
    }
    for _ in 0..3 {
        let ticket = running(&world).await;
        worker::fail(&world.core, ticket, RunOutcome::TimedOut, "the run took too long", None).await.unwrap();
        world.forget_processes().await;
    }
    assert!(kanban::claim_next(&world.core, "test").await.unwrap().is_some());
}

#[tokio::test]
async fn a_machine_that_went_off_pauses_nobody() {
    let world = World::new().await;
    let mut cards = Vec::new();
    for at in 0..6 {
        cards.push(world.create(&format!("card {at}")).await);
    }
    for _ in 0..3 {
        running(&world).await;
    }
    for _ in 0..2 {
        world.claim().await; // the server went off before it had started them
    }
    world.clock.advance_ms(601_000);
    kanban::sweep_runs(&world.core).await.unwrap();
    world.forget_processes().await;
    for card in &cards {
        assert_eq!(world.state(card).await, CardState::Ready, "nobody is asked");
    }
    assert!(kanban::claim_next(&world.core, "test").await.unwrap().is_some(), "nothing rests");
    world.check_invariants().await;
}

#[tokio::test]
async fn a_card_with_a_time_and_an_unfinished_parent_keeps_its_time() {
    let world = World::new().await;
    let parent = world.create("first").await;
    let at = world.core.now_ms() + 3_600_000;
    let params = CreateCardParams {
        parents: vec![CardRef::Id(parent.id)],
        scheduled_at: Some(at),
        ..work("then, not before nine")
    };
    let child = world.create_with(params).await;
    assert_eq!(child.state, CardState::Scheduled);
    world.clock.advance_ms(3_601_000);
    kanban::release_due(&world.core).await.unwrap();
    assert_eq!(world.state(&child).await, CardState::Todo, "its time has come, and it waits for the other card");
    let ticket = running(&world).await;
    worker::complete(&world.core, ticket, "done", None).await.unwrap();
    assert_eq!(world.state(&child).await, CardState::Ready);
    world.check_invariants().await;
}

#[tokio::test]
async fn however_many_cards_cannot_be_released_the_others_are() {
    let world = World::new().await;
    let at = world.core.now_ms() + 1_000;
    for _ in 0..101 {
        world.create_with(CreateCardParams { scheduled_at: Some(at), ..work("stuck") }).await;
    }
    let free = world.create_with(CreateCardParams { scheduled_at: Some(at + 1), ..work("free") }).await;
    let stuck = "CREATE TRIGGER stuck BEFORE UPDATE OF state ON kanban_card WHEN old.title = 'stuck'
         BEGIN SELECT RAISE(ABORT, 'stuck'); END";
    let mut tx = world.core.write().await.unwrap();
    sqlx::query(stuck).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    world.clock.advance_ms(2_000);
    assert!(kanban::release_due(&world.core).await.is_err(), "it is told that some are stuck");
    assert_eq!(world.state(&free).await, CardState::Ready);
}

#[tokio::test]
async fn who_works_alone_in_a_directory_does_not_start_beside_one_who_shares_it() {
    let world = World::new().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_string_lossy().into_owned();
    let place = |title: &str, shared: bool, priority: i32| CreateCardParams {
        workspace: WorkspaceKind::Dir,
        workspace_path: Some(path.clone()),
        shared_dir: shared,
        priority,
        ..work(title)
    };
    world.create_with(place("shares", true, 3)).await;
    world.create_with(place("shares, too", true, 2)).await;
    let alone = world.create_with(place("alone", false, 1)).await;
    let claims = kanban::claim_ready(&world.core, "test", 8).await.unwrap();
    assert_eq!(claims.len(), 2, "those who share start together");
    assert_eq!(world.state(&alone).await, CardState::Ready);
    world.check_invariants().await;
}

#[tokio::test]
async fn cards_that_were_tried_in_vain_start_when_a_person_ends_the_rest() {
    let world = World::new().await;
    for at in 0..5 {
        world.create(&format!("card {at}")).await;
    }
    let mut tickets = Vec::new();
    for _ in 0..5 {
        tickets.push(running(&world).await);
    }
    for ticket in tickets {
        worker::fail(&world.core, ticket, RunOutcome::Crashed, "HTTP 401: the key is wrong", None).await.unwrap();
    }
    world.forget_processes().await;
    world.clock.advance_ms(10_000);
    assert!(kanban::claim_next(&world.core, "test").await.unwrap().is_none(), "the profile rests");
    let settings = SaveProviderParams {
        base_url: "http://127.0.0.1:9/v1".into(),
        model: "m".into(),
        key: Some("sk-new-key-1234".into()),
    };
    llm::save_provider(&world.core, &ada(), settings).await.unwrap();
    let claims = kanban::claim_ready(&world.core, "test", 8).await.unwrap();
    assert_eq!(claims.len(), 4, "all but the one a person is asked about");
    world.check_invariants().await;
}

#[tokio::test]
async fn a_worker_reads_no_card_of_another_board() {
    let world = World::new().await;
    world.create("mine").await;
    let ticket = running(&world).await;
    kanban::create_board(&world.core, &ada(), "other", "").await.unwrap();
    let secret = world.create_with(CreateCardParams { board: "other".into(), triage: true, ..work("secret") }).await;
    let denied = worker::show(&world.core, Some(ticket), CardRef::Id(secret.id)).await.unwrap_err();
    assert!(matches!(&denied, KanbanError::Denied(why) if why.contains("another board")), "{denied}");
    let beside = world.create_with(CreateCardParams { triage: true, ..work("beside") }).await;
    let shown = worker::show(&world.core, Some(ticket), CardRef::Id(beside.id)).await.unwrap();
    assert_eq!(shown["title"], "beside");
}
