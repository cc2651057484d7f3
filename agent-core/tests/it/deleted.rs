//! Cards that were deleted, and having them back after the time of undo is over.

use agent_core::kanban::{self, KanbanError, housekeeping};
use agent_core::{Actor, audit};
use protocol::{BoardView, CardRef, CardState, CreateCardParams, DeletedCard, MoveCardParams, TaskCard, UndoId};

use crate::support::{START_MS, World, ada, bob};

const DAY_MS: i64 = 24 * 3_600_000;

fn params(title: &str) -> CreateCardParams {
    CreateCardParams { title: title.into(), ..CreateCardParams::default() }
}

async fn delete(world: &World, card: &TaskCard) -> UndoId {
    kanban::delete_card(&world.core, &ada(), CardRef::Id(card.id)).await.unwrap().undo.unwrap()
}

async fn restore(world: &World, card: &TaskCard) -> Result<protocol::CardWritten, KanbanError> {
    kanban::restore_card(&world.core, &bob(), CardRef::Id(card.id)).await
}

async fn listed(world: &World) -> Vec<DeletedCard> {
    kanban::deleted_cards(&world.core, "", None, 100).await.unwrap().cards
}

/// How often this is in the history of a card, and in the audit.
async fn told(world: &World, kind: &str, card: &TaskCard) -> (i64, i64) {
    let mut tx = world.core.write().await.unwrap();
    let events = sqlx::query_scalar("SELECT count(*) FROM kanban_event WHERE card_id = ?1 AND kind = ?2")
        .bind(card.id.0)
        .bind(kind)
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    let rows = sqlx::query_scalar("SELECT count(*) FROM audit_row WHERE object = 'card:T-' || ?1 AND action = ?2")
        .bind(card.number)
        .bind(kind)
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    (events, rows)
}

#[tokio::test]
async fn deleted_cards_are_listed_newest_first_page_by_page_for_thirty_days() {
    let world = World::new().await;
    let mut cards = Vec::new();
    for index in 0..5 {
        cards.push(world.create(&format!("card {index}")).await);
    }
    kanban::create_board(&world.core, &ada(), "other", "").await.unwrap();
    let elsewhere = world.create_with(CreateCardParams { board: "other".into(), ..params("there") }).await;
    delete(&world, &elsewhere).await;
    assert_eq!(listed(&world).await, [], "a board's list is its own");
    // Two of them in the same moment.
    for (index, card) in cards.iter().enumerate() {
        delete(&world, card).await;
        world.clock.advance_ms(if index == 1 { 0 } else { DAY_MS });
    }
    let all = listed(&world).await;
    let numbers: Vec<i64> = all.iter().map(|card| card.number).collect();
    assert_eq!(numbers, [5, 4, 3, 2, 1]);
    let first = &all[0];
    assert_eq!((first.title.as_str(), first.state), ("card 4", CardState::Ready));
    assert_eq!((first.deleted_at, first.days_left), (START_MS + 3 * DAY_MS, 29));
    assert_eq!(all[4].days_left, 26);

    let page = |after| kanban::deleted_cards(&world.core, "", after, 2);
    let one = page(None).await.unwrap();
    // The last one of the page comes back while the list is open.
    restore(&world, &cards[3]).await.unwrap();
    let two = page(one.next).await.unwrap();
    let three = page(two.next).await.unwrap();
    let pages: Vec<Vec<i64>> =
        [&one, &two, &three].iter().map(|page| page.cards.iter().map(|card| card.number).collect()).collect();
    assert_eq!(pages, [vec![5, 4], vec![3, 2], vec![1]]);
    assert_eq!(three.next, None);

    world.clock.advance_ms(26 * DAY_MS);
    assert_eq!(
        listed(&world).await.iter().map(|card| (card.number, card.days_left)).collect::<Vec<_>>(),
        [(5, 3), (3, 1), (2, 1), (1, 1)]
    );
    world.clock.advance_ms(1);
    assert_eq!(listed(&world).await.len(), 3);
    assert!(matches!(kanban::deleted_cards(&world.core, "none", None, 9).await, Err(KanbanError::NotFound(_))));
}

#[tokio::test]
async fn a_card_comes_back_to_where_it_was_long_after_its_deletion() {
    let world = World::new().await;
    let later = START_MS + 60 * DAY_MS;
    let start = |title: &str, to: CreateCardParams| CreateCardParams { title: title.into(), ..to };
    let cards = [
        world.create_with(start("ready", CreateCardParams { labels: vec!["home".into()], ..params("") })).await,
        world.create_with(start("idea", CreateCardParams { triage: true, ..params("") })).await,
        world.create_with(start("later", CreateCardParams { scheduled_at: Some(later), ..params("") })).await,
        world.create_with(start("which?", CreateCardParams { blocked: true, ..params("") })).await,
        world.create("done").await,
        world.create("put away").await,
    ];
    kanban::complete_card(&world.core, &ada(), CardRef::Id(cards[4].id), "all of it").await.unwrap();
    let to = MoveCardParams { id: cards[5].id, revision: None, to: CardState::Archived, after: None, before: None };
    kanban::move_card(&world.core, &ada(), to).await.unwrap();
    let mut before = Vec::new();
    for card in &cards {
        before.push(world.card(card).await);
        delete(&world, card).await;
    }
    let states: Vec<CardState> = listed(&world).await.iter().rev().map(|card| card.state).collect();
    let had: Vec<CardState> = before.iter().map(|card| card.state).collect();
    assert_eq!(states, had);
    assert_eq!(kanban::search_cards(&world.core, "T-1", None, 9).await.unwrap(), []);

    world.clock.advance_ms(20 * DAY_MS);
    housekeeping::tidy(&world.core).await.unwrap();
    for (card, had) in cards.iter().zip(&before) {
        let written = restore(&world, card).await.unwrap();
        assert_eq!(written.card.state, had.state, "{}", had.title);
        let now = world.card(card).await;
        assert_eq!((&now.title, &now.labels, &now.rank), (&had.title, &had.labels, &had.rank));
        assert_eq!(now.wait, had.wait, "{}", had.title);
        assert_eq!(now.ask.as_ref().map(|ask| ask.id), had.ask.as_ref().map(|ask| ask.id), "{}", had.title);
        assert_eq!(told(&world, "restored", card).await, (1, 1), "{}", had.title);
        assert_eq!(
            kanban::search_cards(&world.core, &format!("T-{}", card.number), None, 9).await.unwrap()[0].id,
            card.id
        );
    }
    let detail = kanban::card_detail(&world.core, CardRef::Id(cards[4].id)).await.unwrap();
    assert!(detail.summary_html.as_deref().unwrap_or_default().contains("all of it"));
    assert_eq!(listed(&world).await, []);
    world.check_invariants().await;

    let again = restore(&world, &cards[0]).await.unwrap_err();
    assert!(matches!(&again, KanbanError::Conflict(text) if text.contains("is not deleted")), "{again}");
    assert!(matches!(audit::verify(&world.core).await.unwrap(), audit::ChainState::Whole { .. }));
}

#[tokio::test]
async fn having_a_card_back_is_taken_back_and_done_again_like_any_write() {
    let world = World::new().await;
    let card = world.create("one").await;
    let deletion = delete(&world, &card).await;
    let undo = restore(&world, &card).await.unwrap().undo.unwrap();
    let late = kanban::undo(&world.core, &ada(), deletion).await.unwrap_err();
    assert!(late.to_string().contains("moved on"), "{late}");
    let gone = kanban::undo(&world.core, &bob(), undo).await.unwrap();
    assert_eq!(gone.removed, [card.id]);
    assert_eq!(listed(&world).await[0].state, CardState::Ready);
    let back = kanban::undo(&world.core, &bob(), gone.redo.unwrap()).await.unwrap();
    assert_eq!(back.cards[0].state, CardState::Ready);
    // The deletion before it is the last write again.
    delete(&world, &card).await;
    world.clock.advance_ms(DAY_MS);
    assert_eq!(restore(&world, &card).await.unwrap().card.state, CardState::Ready);
    world.check_invariants().await;
}

#[tokio::test]
async fn what_happened_meanwhile_counts() {
    let world = World::new().await;
    let parent = world.create("parent").await;
    let child = world.create_with(CreateCardParams { parents: vec![CardRef::Id(parent.id)], ..params("child") }).await;
    assert_eq!(child.state, CardState::Todo);
    delete(&world, &child).await;
    delete(&world, &parent).await;
    world.clock.advance_ms(DAY_MS);
    assert_eq!(restore(&world, &child).await.unwrap().card.state, CardState::Ready, "its parent is gone");
    restore(&world, &parent).await.unwrap();
    assert_eq!(world.state(&child).await, CardState::Todo, "its parent is back, and the link with it");

    let keyed = || CreateCardParams { idempotency_key: Some("nightly".into()), ..params("report") };
    let first = world.create_with(keyed()).await;
    delete(&world, &first).await;
    let second = world.create_with(keyed()).await;
    world.clock.advance_ms(DAY_MS);
    restore(&world, &first).await.unwrap();
    assert_eq!(world.create_with(keyed()).await.id, second.id, "whoever has the key keeps it");

    let claim = world.claim().await;
    let running = kanban::card(&world.core, CardRef::Number(claim.number)).await.unwrap();
    delete(&world, &running).await;
    let deleted = listed(&world).await;
    assert_eq!((deleted[0].number, deleted[0].state), (running.number, CardState::Running));
    world.clock.advance_ms(DAY_MS);
    assert_eq!(restore(&world, &running).await.unwrap().card.state, CardState::Ready, "its worker does not come back");
    world.check_invariants().await;
}

#[tokio::test]
async fn not_everything_comes_back_nor_for_everybody() {
    let world = World::new().await;
    kanban::create_board(&world.core, &ada(), "old", "").await.unwrap();
    let card = world.create_with(CreateCardParams { board: "old".into(), ..params("on it") }).await;
    delete(&world, &card).await;
    kanban::archive_board(&world.core, &ada(), "old").await.unwrap();
    let refused = restore(&world, &card).await.unwrap_err();
    assert!(matches!(&refused, KanbanError::Conflict(text) if text.contains("boards restore old")), "{refused}");
    let page = kanban::deleted_cards(&world.core, "old", None, 9).await.unwrap();
    assert_eq!(page.cards.len(), 1, "what it had is shown all the same");
    kanban::restore_board(&world.core, &ada(), "old").await.unwrap();
    let denied = kanban::restore_card(&world.core, &Actor::System, CardRef::Id(card.id)).await.unwrap_err();
    assert!(matches!(denied, KanbanError::Denied(_)), "{denied}");

    world.clock.advance_ms(30 * DAY_MS + 1);
    let late = restore(&world, &card).await.unwrap_err();
    assert!(matches!(&late, KanbanError::NotFound(text) if text.contains("30 days")), "{late}");
    assert_eq!(housekeeping::tidy(&world.core).await.unwrap().cards, 1);
    let gone = restore(&world, &card).await.unwrap_err();
    assert!(matches!(&gone, KanbanError::NotFound(text) if text.contains("there is no card")), "{gone}");
}

#[tokio::test]
async fn a_card_whose_deletion_does_not_say_where_it_was_comes_back_to_the_archive() {
    let world = World::new().await;
    let card = world.create("older").await;
    delete(&world, &card).await;
    let mut tx = world.core.write().await.unwrap();
    sqlx::query("UPDATE kanban_event SET detail = '{\"title\":\"older\"}' WHERE kind = 'deleted'")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(listed(&world).await[0].state, CardState::Archived);
    assert_eq!(restore(&world, &card).await.unwrap().card.state, CardState::Archived);
    let shown = kanban::list_cards(&world.core, "", &BoardView::default(), Some(CardState::Archived), 9).await.unwrap();
    assert_eq!(shown.len(), 1);
}
