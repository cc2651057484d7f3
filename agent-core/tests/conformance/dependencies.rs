//! §9.4: which card waits for which.
//!
//! | rule | why not, and what holds instead |
//! |---|---|
//! | decide what an archived parent is | finished, everywhere: at creation, at link, at claim, for promotion |
//! | a reopened parent retracts finished and running descendants | finished ones keep their result and are marked stale; running ones go on; only what has not started goes back |
//! | a second dependency block without an open parent goes to triage | it becomes a question to a person, however often |

use agent_core::kanban::{self, KanbanError, worker};
use protocol::{
    BlockKind, CardField, CardId, CardRef, CardState, CreateCardParams, DecisionKind, DecisionVerb, ErrorCode,
    RunOutcome, TaskCard, WaitReason,
};

use crate::support::{START_MS, World, ada};
use crate::{
    by, child, fail, fingerprint, finish, kinds, nothing_to_claim, refusal, settle, shift, start, start_again, titled,
};

async fn link(world: &World, parent: &TaskCard, child: &TaskCard) -> Result<(), KanbanError> {
    kanban::link(&world.core, &ada(), by(parent), by(child)).await.map(drop)
}

async fn unlink(world: &World, parent: &TaskCard, child: &TaskCard) {
    kanban::unlink(&world.core, &ada(), by(parent), by(child)).await.unwrap();
}

#[tokio::test]
async fn diamond_leaf_is_ready_only_when_both_sides_are_done() {
    let world = World::new().await;
    let top = world.create("top").await;
    let left = child(&world, "left", &[&top]).await;
    let right = child(&world, "right", &[&top]).await;
    let leaf = child(&world, "leaf", &[&left, &right]).await;
    finish(&world, &top).await;
    assert_eq!((world.state(&left).await, world.state(&right).await), (CardState::Ready, CardState::Ready));
    assert_eq!(world.state(&leaf).await, CardState::Todo);
    finish(&world, &left).await;
    assert_eq!(world.state(&leaf).await, CardState::Todo);
    world.check_invariants().await;
    finish(&world, &right).await;
    assert_eq!(world.state(&leaf).await, CardState::Ready);
    world.check_invariants().await;
}

#[tokio::test]
async fn a_500_child_fan_out_is_promoted_by_the_parents_completion() {
    let world = World::new().await;
    let parent = world.create("parent").await;
    let mut last = parent.clone();
    for index in 0..500 {
        last = child(&world, &format!("child {index}"), &[&parent]).await;
    }
    assert_eq!(world.state(&last).await, CardState::Todo);
    finish(&world, &parent).await;
    assert_eq!(crate::number(&world, "SELECT count(*) FROM kanban_card WHERE state = 'ready'").await, 500);
    world.check_invariants().await;
}

#[tokio::test]
async fn a_500_parent_fan_in_stays_todo_at_499() {
    let world = World::new().await;
    let mut parents = Vec::new();
    for index in 0..500 {
        parents.push(world.create(&format!("part {index}")).await);
    }
    let leaf = child(&world, "leaf", &parents.iter().collect::<Vec<_>>()).await;
    assert!(matches!(&leaf.wait, Some(WaitReason::WaitingOn { cards, more }) if cards.len() == 3 && *more > 0));
    for parent in &parents[..499] {
        finish(&world, parent).await;
    }
    assert_eq!(world.state(&leaf).await, CardState::Todo);
    assert_eq!(world.card(&leaf).await.wait, Some(WaitReason::WaitingOn { cards: vec![500], more: 0 }));
    finish(&world, &parents[499]).await;
    assert_eq!(world.state(&leaf).await, CardState::Ready);
    world.check_invariants().await;
}

/// A card in that state.
async fn card_in(world: &World, state: CardState) -> TaskCard {
    let title = format!("parent in {state}");
    let start_it = async || {
        let card = world.create_with(CreateCardParams { priority: 100, ..titled(&title) }).await;
        (card, start(world).await)
    };
    let card = match state {
        CardState::Triage => world.create_with(CreateCardParams { triage: true, ..titled(&title) }).await,
        CardState::Blocked => world.create_with(CreateCardParams { blocked: true, ..titled(&title) }).await,
        CardState::Scheduled => {
            world
                .create_with(CreateCardParams { scheduled_at: Some(START_MS + 24 * 3_600_000), ..titled(&title) })
                .await
        }
        CardState::Todo => {
            let other = world.create_with(CreateCardParams { triage: true, ..titled("of the parent") }).await;
            child(world, &title, &[&other]).await
        }
        CardState::Ready => world.create(&title).await,
        CardState::Running => start_it().await.0,
        CardState::Review => {
            let (card, ticket) = start_it().await;
            worker::block(&world.core, ticket, Some(BlockKind::Review), "look", "", vec![]).await.unwrap();
            card
        }
        CardState::Done | CardState::Archived => {
            let card = world.create(&title).await;
            shift(world, &card, state).await.unwrap();
            card
        }
    };
    assert_eq!(world.state(&card).await, state);
    card
}

#[tokio::test]
async fn a_child_is_ready_at_once_under_a_finished_parent_and_waits_under_any_other() {
    for state in CardState::ALL {
        let world = World::new().await;
        let expected = if state.is_finished() { CardState::Ready } else { CardState::Todo };
        let parent = card_in(&world, *state).await;
        let made = child(&world, "made under it", &[&parent]).await;
        assert_eq!(made.state, expected, "created under {state}");
        let linked = world.create("linked later").await;
        link(&world, &parent, &linked).await.unwrap();
        assert_eq!(world.state(&linked).await, expected, "linked under {state}");
        world.check_invariants().await;
    }
}

#[tokio::test]
async fn cycles_of_any_length_and_a_card_that_waits_for_itself_are_refused() {
    let world = World::new().await;
    let mut chain = vec![world.create("0").await];
    for index in 1..50 {
        let next = child(&world, &index.to_string(), &[&chain[index - 1]]).await;
        chain.push(next);
    }
    let before = fingerprint(&world).await;
    for (parent, child, says) in [(0, 0, "itself"), (1, 0, "circle"), (2, 0, "circle"), (49, 0, "circle")] {
        let refused = refusal(link(&world, &chain[parent], &chain[child]).await);
        assert!(refused.contains(says), "{refused}");
    }
    assert_eq!(fingerprint(&world).await, before);
    // A shortcut is no cycle, and the same link twice is one link.
    link(&world, &chain[0], &chain[49]).await.unwrap();
    link(&world, &chain[0], &chain[49]).await.unwrap();
    assert_eq!(crate::number(&world, "SELECT count(*) FROM kanban_link").await, 50);
    world.check_invariants().await;
}

#[tokio::test]
async fn unknown_and_deleted_cards_are_refused_at_either_end() {
    let world = World::new().await;
    let card = world.create("here").await;
    let gone = world.create("gone").await;
    kanban::delete_card(&world.core, &ada(), by(&gone)).await.unwrap();
    let before = fingerprint(&world).await;
    for other in [CardRef::Number(99), CardRef::Number(-1), CardRef::Id(CardId(uuid::Uuid::max())), by(&gone)] {
        for (parent, child) in [(other, by(&card)), (by(&card), other)] {
            let error = kanban::link(&world.core, &ada(), parent, child).await.unwrap_err();
            assert!(matches!(error, KanbanError::NotFound(_)), "{error}");
            let error = kanban::unlink(&world.core, &ada(), parent, child).await.unwrap_err();
            assert!(matches!(error, KanbanError::NotFound(_)), "{error}");
        }
        let params = CreateCardParams { parents: vec![other], ..titled("child") };
        let error = kanban::create_card(&world.core, &ada(), params).await.unwrap_err();
        assert_eq!((error.field(), error.code()), (Some(CardField::Parents), ErrorCode::NotFound), "{error}");
    }
    assert_eq!(fingerprint(&world).await, before);
    world.check_invariants().await;
}

#[tokio::test]
async fn unlinking_archiving_and_deleting_a_parent_look_at_its_children_at_once() {
    let world = World::new().await;
    for way in 0..4 {
        let parent = world.create_with(CreateCardParams { triage: true, ..titled("parent") }).await;
        let waiting = child(&world, "child", &[&parent]).await;
        let grandchild = child(&world, "grandchild", &[&waiting]).await;
        match way {
            0 => unlink(&world, &parent, &waiting).await,
            1 => drop(shift(&world, &parent, CardState::Archived).await.unwrap()),
            2 => drop(kanban::delete_card(&world.core, &ada(), by(&parent)).await.unwrap()),
            _ => finish(&world, &parent).await,
        }
        assert_eq!(world.state(&waiting).await, CardState::Ready);
        assert_eq!(world.state(&grandchild).await, CardState::Todo, "a child that is ready is not finished");
        assert!(kinds(&world, &waiting).await.contains(&"promoted".to_owned()));
        world.check_invariants().await;
    }
}

#[tokio::test]
async fn linking_an_unfinished_parent_takes_back_a_ready_child_and_never_a_running_one() {
    let world = World::new().await;
    let running = world.create("running").await;
    let ticket = start(&world).await;
    let ready = world.create("ready").await;
    let scheduled =
        world.create_with(CreateCardParams { scheduled_at: Some(START_MS + 60_000), ..titled("scheduled") }).await;
    let idea = world.create_with(CreateCardParams { triage: true, ..titled("idea") }).await;
    let parent = world.create_with(CreateCardParams { triage: true, ..titled("parent") }).await;
    for card in [&running, &ready, &scheduled, &idea] {
        link(&world, &parent, card).await.unwrap();
    }
    let states = [world.state(&running).await, world.state(&ready).await, world.state(&scheduled).await];
    assert_eq!(states, [CardState::Running, CardState::Todo, CardState::Scheduled]);
    assert_eq!(world.state(&idea).await, CardState::Triage);
    world.check_invariants().await;
    world.clock.advance_ms(60_001);
    kanban::release_due(&world.core).await.unwrap();
    assert_eq!(world.state(&scheduled).await, CardState::Todo, "its time has come, its parent has not");
    worker::complete(&world.core, ticket, "done", None).await.unwrap();
    shift(&world, &idea, CardState::Ready).await.unwrap();
    assert_eq!(world.state(&idea).await, CardState::Todo, "a person's ready waits for parents, too");
    nothing_to_claim(&world).await;
    world.check_invariants().await;
}

#[tokio::test]
async fn reopening_a_finished_parent_takes_back_what_has_not_started_and_marks_what_is_done() {
    let world = World::new().await;
    let parent = world.create("parent").await;
    let running = child(&world, "running", &[&parent]).await;
    let done = child(&world, "done", &[&parent]).await;
    let below = child(&world, "below done", &[&done]).await;
    let waiting = child(&world, "waiting", &[&parent]).await;
    finish(&world, &parent).await;
    let ticket = start(&world).await;
    assert_eq!(world.state(&running).await, CardState::Running);
    finish(&world, &done).await;
    shift(&world, &parent, CardState::Ready).await.unwrap();
    let states = [world.state(&running).await, world.state(&done).await, world.state(&waiting).await];
    assert_eq!(states, [CardState::Running, CardState::Done, CardState::Todo]);
    assert!(world.card(&done).await.stale && !world.card(&running).await.stale);
    assert_eq!(world.state(&below).await, CardState::Ready, "what it waits for is still done");
    worker::complete(&world.core, ticket, "still good", None).await.unwrap();
    world.check_invariants().await;
    finish(&world, &parent).await;
    assert_eq!(world.state(&waiting).await, CardState::Ready);
    world.check_invariants().await;
}

#[tokio::test]
async fn a_child_that_fails_or_is_blocked_holds_its_children_and_fails_none_of_them() {
    let world = World::new().await;
    let parent = world.create("parent").await;
    let waiting = child(&world, "waiting", &[&parent]).await;
    for _ in 0..2 {
        let ticket = start_again(&world).await;
        fail(&world, ticket, RunOutcome::Crashed).await;
        assert_eq!(world.state(&waiting).await, CardState::Todo);
        world.check_invariants().await;
    }
    assert_eq!(world.state(&parent).await, CardState::Blocked);
    assert_eq!(world.card(&waiting).await.wait, Some(WaitReason::WaitingOn { cards: vec![parent.number], more: 0 }));
    settle(&world, &parent, DecisionVerb::Archive, "").await;
    assert_eq!(world.state(&waiting).await, CardState::Ready);
    world.check_invariants().await;
}

#[tokio::test]
async fn a_dependency_block_with_an_open_parent_waits_for_it_however_often() {
    let world = World::new().await;
    let card = world.create("card").await;
    for round in 0..5 {
        let ticket = start_again(&world).await;
        let parent = world.create_with(CreateCardParams { triage: true, ..titled("parent") }).await;
        link(&world, &parent, &card).await.unwrap();
        let kind = worker::block(&world.core, ticket, Some(BlockKind::Dependency), "first that", "", vec![]).await;
        assert_eq!(kind.unwrap(), BlockKind::Dependency);
        let now = world.card(&card).await;
        assert_eq!((now.state, now.failures, now.ask), (CardState::Todo, 0, None), "round {round}");
        kanban::reap(&world.core).await.unwrap();
        nothing_to_claim(&world).await;
        world.check_invariants().await;
        finish(&world, &parent).await;
        assert_eq!(world.state(&card).await, CardState::Ready);
    }
}

#[tokio::test]
async fn a_dependency_block_without_an_open_parent_asks_a_person_every_time() {
    let world = World::new().await;
    let card = world.create("card").await;
    for _ in 0..3 {
        let ticket = start_again(&world).await;
        let kind = worker::block(&world.core, ticket, Some(BlockKind::Dependency), "on what?", "", vec![]).await;
        assert_eq!(kind.unwrap(), BlockKind::NeedsInput);
        let now = world.card(&card).await;
        assert_eq!((now.state, now.ask.unwrap().kind), (CardState::Blocked, DecisionKind::Question));
        kanban::reap(&world.core).await.unwrap();
        world.clock.advance_ms(crate::A_WHILE_MS);
        nothing_to_claim(&world).await;
        world.check_invariants().await;
        settle(&world, &card, DecisionVerb::Answer, "on nothing").await;
    }
}

#[tokio::test]
async fn links_stay_within_a_board() {
    let world = World::new().await;
    kanban::create_board(&world.core, &ada(), "other", "").await.unwrap();
    let here = world.create("here").await;
    let there = world.create_with(CreateCardParams { board: "other".into(), ..titled("there") }).await;
    let before = fingerprint(&world).await;
    assert!(refusal(link(&world, &here, &there).await).contains("different boards"));
    let params = CreateCardParams { parents: vec![by(&there)], ..titled("child") };
    assert!(refusal(kanban::create_card(&world.core, &ada(), params).await).contains("another board"));
    assert_eq!(fingerprint(&world).await, before);
    world.check_invariants().await;
}
