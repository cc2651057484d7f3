//! The rules of the whole board: views, search, bulk changes, and taking all of it back. Time and limits:
//! `time_and_limits`.

use agent_core::kanban::worker;
use agent_core::kanban::{self, KanbanError};
use protocol::{
    AddCommentParams, BoardView, BulkChange, BulkParams, CardId, CardRef, CardSort, CardState, ColumnPageParams,
    CreateCardParams, EditCardParams, MoveCardParams, TaskCard, UndoId, WaitKind, WorkspaceKind,
};

use crate::support::{START_MS, World, ada, bob};

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

async fn bulk(world: &World, cards: &[&TaskCard], change: BulkChange) -> protocol::BulkResult {
    let cards = cards.iter().map(|card| card.id).collect();
    kanban::change_cards(&world.core, &ada(), BulkParams { cards, change }).await.unwrap()
}

async fn undo(world: &World, id: Option<UndoId>) -> protocol::UndoResult {
    kanban::undo(&world.core, &ada(), id.unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_view_shows_what_it_names_and_nothing_else() {
    let world = World::new().await;
    let first = world.create_with(CreateCardParams { body: "Crème brûlée".into(), ..params("alpha one") }).await;
    world
        .create_with(CreateCardParams {
            labels: vec!["ui".into(), "bug".into()],
            tenant: Some("acme".into()),
            assignee: Some("Coder".into()),
            priority: 2,
            parents: vec![CardRef::Id(first.id)],
            ..params("beta two")
        })
        .await;
    world.create_with(CreateCardParams { labels: vec!["ui".into()], blocked: true, ..params("gamma") }).await;
    world.create_with(CreateCardParams { scheduled_at: Some(START_MS + HOUR), ..params("delta 修好登录") }).await;
    let cases = [
        (BoardView { text: "alp".into(), ..BoardView::default() }, vec!["alpha one"]),
        (BoardView { text: "creme".into(), ..BoardView::default() }, vec!["alpha one"]),
        (BoardView { text: "one OR two".into(), ..BoardView::default() }, vec![]),
        (BoardView { text: "登录".into(), ..BoardView::default() }, vec!["delta 修好登录"]),
        (BoardView { text: "T-2".into(), ..BoardView::default() }, vec!["beta two"]),
        (BoardView { text: "'; DROP TABLE kanban_card; --".into(), ..BoardView::default() }, vec![]),
        (BoardView { text: "\"*(".into(), ..BoardView::default() }, vec![]),
        (BoardView { labels: vec!["ui".into()], ..BoardView::default() }, vec!["beta two", "gamma"]),
        (BoardView { labels: vec!["ui".into(), "bug".into()], ..BoardView::default() }, vec!["beta two"]),
        (BoardView { tenant: Some("acme".into()), ..BoardView::default() }, vec!["beta two"]),
        (BoardView { assignees: vec!["CODER".into()], ..BoardView::default() }, vec!["beta two"]),
        (BoardView { priority: Some(1), ..BoardView::default() }, vec!["beta two"]),
        (BoardView { parent: Some(first.number), ..BoardView::default() }, vec!["beta two"]),
        (BoardView { needs_me: true, ..BoardView::default() }, vec!["gamma"]),
        (BoardView { wait: Some(WaitKind::Parents), ..BoardView::default() }, vec!["beta two"]),
        (BoardView { wait: Some(WaitKind::Time), ..BoardView::default() }, vec!["delta 修好登录"]),
        (BoardView { failing: true, ..BoardView::default() }, vec![]),
    ];
    for (view, expected) in cases {
        assert_eq!(titles(&world, &view).await, expected, "{view:?}");
        let page = kanban::board_page(&world.core, "", &view).await.unwrap();
        let total: i64 = page.columns.iter().map(|column| column.total).sum();
        assert_eq!(total, expected.len() as i64, "{view:?}");
    }
    let unassigned = BoardView { assignees: vec![String::new()], ..BoardView::default() };
    assert_eq!(titles(&world, &unassigned).await.len(), 3);
    let page = kanban::board_page(&world.core, "", &BoardView::default()).await.unwrap();
    assert_eq!((page.labels, page.tenants), (vec!["ui".to_owned(), "bug".into()], vec!["acme".to_owned()]));
    // What a view hides can be chosen all the same.
    let hides_them = BoardView { assignees: vec!["nobody-here".into()], ..BoardView::default() };
    let hidden = kanban::board_page(&world.core, "", &hides_them).await.unwrap();
    assert_eq!((page.assignees, hidden.assignees), (vec!["coder".to_owned()], vec!["coder".to_owned()]));
}

#[tokio::test]
async fn pages_of_every_order_hold_every_card_once() {
    let world = World::new().await;
    for index in 0..75 {
        let card = CreateCardParams { triage: true, priority: index % 4 - 1, ..params(&format!("card {index}")) };
        world.create_with(card).await;
        world.clock.advance_ms(if index % 3 == 0 { 0 } else { 1000 });
    }
    let board = kanban::board_page(&world.core, "", &BoardView::default()).await.unwrap().board.id;
    // Read again: as much as was on screen, and no more than there is.
    for (loaded, wanted) in [(0, 30), (45, 45), (1_000, 75)] {
        let view = BoardView::default();
        let page = kanban::board_page_again(&world.core, "", &view, &[(CardState::Triage, loaded)]).await.unwrap();
        let column = page.columns.into_iter().find(|column| column.state == CardState::Triage).unwrap();
        assert_eq!((column.cards.len(), column.total), (wanted, 75), "{loaded}");
    }
    for sort in CardSort::ALL {
        let view = BoardView { sort: *sort, ..BoardView::default() };
        let mut seen: Vec<CardId> = Vec::new();
        loop {
            let params = ColumnPageParams {
                board_id: board,
                state: CardState::Triage,
                view: view.to_query(),
                after: seen.last().copied(),
            };
            let page = kanban::column_page(&world.core, params).await.unwrap();
            assert_eq!(page.total, 75);
            if page.cards.is_empty() {
                break;
            }
            seen.extend(page.cards.iter().map(|card| card.id));
        }
        let mut once = seen.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!((seen.len(), once.len()), (75, 75), "{sort}");
    }
}

#[tokio::test]
async fn search_follows_edits_comments_and_results() {
    let world = World::new().await;
    let card = world.create("first words").await;
    let found = async |text: &str| !kanban::search_cards(&world.core, text, None, 10).await.unwrap().is_empty();
    assert!(found("first").await && !found("second").await);
    let edit = EditCardParams { title: Some("second words".into()), ..EditCardParams::of(card.id, card.revision) };
    kanban::edit_card(&world.core, &ada(), edit).await.unwrap();
    assert!(!found("first").await && found("second").await);
    let comment = AddCommentParams { id: card.id, body: "pomegranate".into(), anchor: None };
    let added = kanban::add_comment(&world.core, &ada(), comment).await.unwrap();
    assert!(found("pomegran").await);
    undo(&world, added.undo).await;
    assert!(!found("pomegranate").await, "a comment that was taken back is not found");
    kanban::complete_card(&world.core, &ada(), CardRef::Id(card.id), "made marmalade").await.unwrap();
    assert!(found("marmalade").await);
    kanban::delete_card(&world.core, &ada(), CardRef::Id(card.id)).await.unwrap();
    assert!(!found("marmalade").await);
}

#[tokio::test]
async fn search_looks_at_one_board_or_at_all_of_them() {
    let world = World::new().await;
    kanban::create_board(&world.core, &ada(), "work", "").await.unwrap();
    let here = world.create("a lamp").await;
    let there = world.create_with(CreateCardParams { board: "work".into(), ..params("the other lamp") }).await;
    let found = async |board: Option<&str>| -> Vec<i64> {
        let cards = kanban::search_cards(&world.core, "lamp", board, 10).await.unwrap();
        cards.into_iter().map(|card| card.number).collect()
    };
    assert_eq!(found(None).await, [there.number, here.number]);
    assert_eq!(found(Some("work")).await, [there.number]);
    assert_eq!(found(Some("")).await, [here.number], "the default board");
    let gone = kanban::search_cards(&world.core, "lamp", Some("gone"), 10).await.unwrap_err();
    assert_eq!(gone.code(), protocol::ErrorCode::NotFound);
}

#[tokio::test]
async fn many_cards_change_at_once_each_by_itself_and_back_together() {
    let world = World::new().await;
    let (a, b) = (world.create("a").await, world.create("b").await);
    let waits = world.create_with(CreateCardParams { parents: vec![CardRef::Id(a.id)], ..params("waits") }).await;
    let all = [&a, &b, &waits];
    let moved = bulk(&world, &all, BulkChange::Move { to: CardState::Ready, after: None, before: None }).await;
    assert_eq!(moved.refused.len(), 1, "{moved:?}");
    assert!(moved.refused[0].reason.contains("T-1"), "{moved:?}");

    let labelled = bulk(&world, &all, BulkChange::AddLabel(" urgent ".into())).await;
    assert!(labelled.refused.is_empty() && labelled.changed.iter().all(|card| card.labels == ["urgent"]));
    let away = BulkChange::Move { to: CardState::Archived, after: None, before: None };
    let archived = bulk(&world, &[&b, &waits], away).await;
    assert_eq!(archived.changed.iter().map(|card| card.state).collect::<Vec<_>>(), [CardState::Archived; 2]);
    // From another device, by another person.
    let back = kanban::undo(&world.core, &bob(), archived.undo.unwrap()).await.unwrap();
    assert_eq!((back.cards.len(), back.refused.len()), (2, 0));
    assert_eq!((world.state(&b).await, world.state(&waits).await), (CardState::Ready, CardState::Todo));
    let again = undo(&world, back.redo).await;
    assert!(again.cards.iter().all(|card| card.state == CardState::Archived));
    undo(&world, again.redo).await;

    let gone = bulk(&world, &[&a, &b], BulkChange::Delete).await;
    assert!(gone.changed.is_empty() && gone.refused.is_empty());
    assert_eq!(world.state(&waits).await, CardState::Ready, "what was deleted is no longer waited for");
    // One of them moves on: the others still come back.
    let partly = bulk(&world, &[&waits], BulkChange::Priority(2)).await;
    assert_eq!(partly.changed[0].priority, 2);
    assert_eq!(undo(&world, gone.undo).await.cards.len(), 2);
    let unknown = CardId(uuid::Uuid::max());
    let params = BulkParams { cards: vec![unknown, a.id], change: BulkChange::Assign("coder".into()) };
    let mixed = kanban::change_cards(&world.core, &ada(), params).await.unwrap();
    assert_eq!((mixed.changed.len(), mixed.refused.len()), (1, 1));
    let many = BulkParams { cards: vec![unknown; 1001], change: BulkChange::Delete };
    assert!(matches!(kanban::change_cards(&world.core, &ada(), many).await, Err(KanbanError::Invalid(_))));
    world.check_invariants().await;
}

#[tokio::test]
async fn a_fault_of_the_database_is_no_refusal_of_a_card() {
    let world = World::new().await;
    let (a, b) = (world.create("a").await, world.create("b").await);
    let moved = bulk(&world, &[&a, &b], BulkChange::Priority(1)).await;
    let mut tx = world.core.write().await.unwrap();
    sqlx::query(
        "CREATE TRIGGER broken BEFORE UPDATE ON kanban_card WHEN old.title = 'b' BEGIN SELECT RAISE(ABORT, 'no'); END",
    )
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let params = BulkParams { cards: vec![a.id, b.id], change: BulkChange::Priority(2) };
    let failed = kanban::change_cards(&world.core, &ada(), params).await;
    assert!(matches!(failed, Err(KanbanError::Internal(_))), "{failed:?}");
    assert_eq!(world.card(&a).await.priority, 1, "nothing of it is changed");
    let failed = kanban::undo(&world.core, &ada(), moved.undo.unwrap()).await;
    assert!(matches!(failed, Err(KanbanError::Internal(_))), "{failed:?}");
    assert_eq!(world.card(&a).await.priority, 1, "nothing is taken back");
    let mut tx = world.core.write().await.unwrap();
    sqlx::query("DROP TRIGGER broken").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(undo(&world, moved.undo).await.cards.len(), 2);
}

#[tokio::test]
async fn a_card_claimed_by_name_waits_for_the_directory_it_shares_with_nobody() {
    let world = World::new().await;
    let place = tempfile::tempdir().unwrap();
    let path = place.path().canonicalize().unwrap().to_string_lossy().into_owned();
    let here = |title: &str, shared_dir: bool| CreateCardParams {
        workspace: WorkspaceKind::Dir,
        workspace_path: Some(path.clone()),
        shared_dir,
        ..params(title)
    };
    let first = world.create_with(here("first", false)).await;
    let second = world.create_with(here("second", false)).await;
    let ticket = started(&world).await;
    assert_eq!(world.state(&first).await, CardState::Running);
    let refused = kanban::claim_card_for(&world.core, CardRef::Id(second.id), "me").await.unwrap_err().to_string();
    assert_eq!(refused, format!("T-1 works in {path}; claim T-2 when that has ended"));
    worker::complete(&world.core, ticket, "done", None).await.unwrap();
    let refused = kanban::claim_card_for(&world.core, CardRef::Id(second.id), "me").await.unwrap_err().to_string();
    assert!(refused.contains("T-1 works in"), "its worker is still ending: {refused}");
    world.forget_processes().await;
    kanban::claim_card_for(&world.core, CardRef::Id(second.id), "me").await.unwrap();
    let third = world.create_with(here("third", true)).await;
    kanban::claim_card_for(&world.core, CardRef::Id(third.id), "me").await.expect("it shares");
}

#[tokio::test]
async fn a_pause_that_no_pause_is_as_long_as_is_not_found_as_one() {
    let world = World::new().await;
    world.create("held").await;
    let view = BoardView { wait: Some(WaitKind::BackingOff), ..BoardView::default() };
    for (until, found) in [(START_MS + HOUR, 1), (START_MS + 48 * HOUR, 0)] {
        let mut tx = world.core.write().await.unwrap();
        sqlx::query("UPDATE kanban_card SET backoff_until = ?1").bind(until).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(titles(&world, &view).await.len(), found, "until {until}");
    }
}

#[tokio::test]
async fn a_card_is_taken_back_and_given_away_together_or_not_at_all() {
    let world = World::new().await;
    let card = world.create("mine").await;
    let by = CardRef::Id(card.id);
    let ticket = started(&world).await;
    for (profile, reclaim) in [("no/profile", Some("slow")), ("coder", None)] {
        kanban::reassign_card(&world.core, &ada(), by, profile, reclaim).await.unwrap_err();
        assert!(worker::owns(&world.core, ticket).await.unwrap(), "its worker goes on");
    }
    let given = kanban::reassign_card(&world.core, &ada(), by, "coder", Some("slow")).await.unwrap();
    assert_eq!((given.card.state, given.card.assignee.as_deref()), (CardState::Ready, Some("coder")));
    assert!(!worker::owns(&world.core, ticket).await.unwrap());
    let back = undo(&world, given.undo).await;
    assert_eq!((back.cards[0].state, back.cards[0].assignee.as_deref()), (CardState::Ready, None));
    // One that no worker has is given away, reason or not.
    let given = kanban::reassign_card(&world.core, &ada(), by, "coder", Some("slow")).await.unwrap();
    assert_eq!(given.card.assignee.as_deref(), Some("coder"));
    world.check_invariants().await;
}

#[tokio::test]
async fn what_starts_next_is_what_the_dispatcher_takes() {
    let config = "kanban:\n  max_in_progress: 4\n  max_in_progress_per_profile: 3";
    let world = World::with_config(config).await;
    let other = world.dir.path().join("profiles/other");
    std::fs::create_dir_all(&other).unwrap();
    std::fs::write(other.join("config.yaml"), "executor: command\ncommand: [\"true\"]\n").unwrap();
    let place = tempfile::tempdir().unwrap();
    let path = place.path().canonicalize().unwrap().to_string_lossy().into_owned();
    kanban::create_board(&world.core, &ada(), "side", "").await.unwrap();
    for index in 0..300 {
        world.create_with(CreateCardParams { priority: -1, ..params(&format!("many {index}")) }).await;
    }
    let here = |title: &str| CreateCardParams {
        workspace: WorkspaceKind::Dir,
        workspace_path: Some(path.clone()),
        ..params(title)
    };
    world.create_with(here("one writes")).await;
    world.create_with(here("the other waits")).await;
    world.create_with(CreateCardParams { board: "side".into(), ..params("elsewhere") }).await;
    world.create_with(CreateCardParams { priority: 2, ..params("urgent") }).await;
    world.create_with(CreateCardParams { priority: -2, assignee: Some("other".into()), ..params("last") }).await;
    let next = kanban::starting_next(&world.core, "").await.unwrap();
    let names: Vec<&str> = next.iter().map(|card| card.title.as_str()).collect();
    assert_eq!(names, ["urgent", "one writes", "last"], "the runner's third run is on the other board");
    let claims = kanban::claim_ready(&world.core, "test", 16).await.unwrap();
    let mut claimed: Vec<i64> = claims.iter().map(|claim| claim.number).collect();
    let mut said: Vec<i64> = next.iter().map(|card| card.number).collect();
    said.extend(
        kanban::list_cards(&world.core, "side", &BoardView::default(), None, 9)
            .await
            .unwrap()
            .iter()
            .map(|card| card.number),
    );
    claimed.sort_unstable();
    said.sort_unstable();
    assert_eq!(claimed, said);
    assert!(kanban::starting_next(&world.core, "").await.unwrap().is_empty(), "no slot is free");
}

#[tokio::test]
async fn cards_moved_together_keep_their_order() {
    let world = World::new().await;
    let mut cards = Vec::new();
    for name in ["a", "b", "c", "d"] {
        cards.push(world.create_with(CreateCardParams { triage: true, ..params(name) }).await);
    }
    let to = BulkChange::Move { to: CardState::Triage, after: None, before: Some(cards[0].id) };
    bulk(&world, &[&cards[3], &cards[2]], to).await;
    assert_eq!(titles(&world, &BoardView::default()).await, ["d", "c", "a", "b"]);
}

#[tokio::test]
async fn what_was_built_on_a_card_that_is_brought_back_says_so() {
    let world = World::new().await;
    let a = world.create("a").await;
    let b = world.create_with(CreateCardParams { parents: vec![CardRef::Id(a.id)], ..params("b") }).await;
    let c = world.create_with(CreateCardParams { parents: vec![CardRef::Id(b.id)], ..params("c") }).await;
    let d = world.create_with(CreateCardParams { parents: vec![CardRef::Id(a.id)], ..params("d") }).await;
    for card in [&a, &b, &c] {
        kanban::complete_card(&world.core, &ada(), CardRef::Id(card.id), "done").await.unwrap();
    }
    let back = MoveCardParams { id: a.id, revision: None, to: CardState::Ready, after: None, before: None };
    kanban::move_card(&world.core, &ada(), back).await.unwrap();
    let stale = [world.card(&b).await, world.card(&c).await];
    assert!(stale.iter().all(|card| card.stale && card.state == CardState::Done), "{stale:?}");
    assert_eq!(world.state(&d).await, CardState::Todo);
    let again = MoveCardParams { id: b.id, revision: None, to: CardState::Ready, after: None, before: None };
    kanban::move_card(&world.core, &ada(), again).await.unwrap();
    assert!(!world.card(&b).await.stale);
    world.check_invariants().await;
}

#[tokio::test]
async fn links_and_comments_are_taken_back_and_done_again() {
    let world = World::new().await;
    let (a, b) = (world.create("a").await, world.create("b").await);
    let linked = kanban::link(&world.core, &ada(), CardRef::Id(a.id), CardRef::Id(b.id)).await.unwrap();
    assert_eq!(world.state(&b).await, CardState::Todo);
    let back = undo(&world, linked.undo).await;
    assert_eq!(world.state(&b).await, CardState::Ready);
    undo(&world, back.redo).await;
    assert_eq!(world.state(&b).await, CardState::Todo);
    let unlinked = kanban::unlink(&world.core, &ada(), CardRef::Id(a.id), CardRef::Id(b.id)).await.unwrap();
    assert_eq!(world.state(&b).await, CardState::Ready);
    assert_eq!(kanban::last_undo(&world.core, &ada()).await.unwrap(), unlinked.undo, "the newest, on any device");
    assert_eq!(kanban::last_undo(&world.core, &bob()).await.unwrap(), None);
    undo(&world, unlinked.undo).await;
    assert_eq!(world.state(&b).await, CardState::Todo);
    world.check_invariants().await;
}

#[tokio::test]
async fn undo_and_redo_walk_through_the_history() {
    let world = World::new().await;
    let mut cards = Vec::new();
    for title in ["a", "b"] {
        cards.push(world.create(title).await);
    }
    // Two steps on one card, and one on the other.
    let steps = [(0, CardState::Triage), (0, CardState::Done), (1, CardState::Triage)];
    for (card, to) in steps {
        let params = MoveCardParams { id: cards[card].id, revision: None, to, after: None, before: None };
        kanban::move_card(&world.core, &ada(), params).await.unwrap();
    }
    let states = async || (world.state(&cards[0]).await, world.state(&cards[1]).await);
    let back = async || kanban::last_undo(&world.core, &ada()).await.unwrap();
    let again = async || kanban::last_redo(&world.core, &ada()).await.unwrap();
    assert_eq!(again().await, None);
    let mut seen = vec![states().await];
    for _ in 0..3 {
        undo(&world, back().await).await;
        seen.push(states().await);
    }
    use CardState::{Done, Ready, Triage};
    assert_eq!(seen, [(Done, Triage), (Done, Ready), (Triage, Ready), (Ready, Ready)]);
    for expected in seen.iter().rev().skip(1) {
        undo(&world, again().await).await;
        assert_eq!(states().await, *expected);
    }
    assert_eq!(again().await, None, "all is done again");
    for expected in seen.iter().skip(1) {
        undo(&world, back().await).await;
        assert_eq!(states().await, *expected, "and back once more");
    }
    let params = MoveCardParams { id: cards[1].id, revision: None, to: Done, after: None, before: None };
    kanban::move_card(&world.core, &ada(), params).await.unwrap();
    assert_eq!(again().await, None, "a new write begins a new history");
    world.check_invariants().await;
}

#[tokio::test]
async fn a_person_takes_a_card_back_from_its_worker_and_rewrites_a_result() {
    let world = World::new().await;
    let card = world.create("x").await;
    let idle = kanban::reclaim_card(&world.core, &ada(), CardRef::Id(card.id), "").await;
    assert!(matches!(idle, Err(KanbanError::Conflict(_))));
    let ticket = world.claim_and_start().await;
    let back = kanban::reclaim_card(&world.core, &ada(), CardRef::Id(card.id), "wrong branch").await.unwrap();
    assert_eq!(back.card.state, CardState::Ready);
    assert!(matches!(worker::complete(&world.core, ticket, "late", None).await, Err(KanbanError::Fenced(_))));
    let detail = kanban::card_detail(&world.core, CardRef::Id(card.id)).await.unwrap();
    assert!(detail.runs[0].error.as_deref().unwrap().contains("wrong branch"));
    assert!(kanban::edit_result(&world.core, &ada(), CardRef::Id(card.id), "y").await.is_err(), "it is not finished");
    kanban::complete_card(&world.core, &ada(), CardRef::Id(card.id), "typo").await.unwrap();
    let fixed = kanban::edit_result(&world.core, &ada(), CardRef::Id(card.id), "no typo").await.unwrap();
    undo(&world, fixed.undo).await;
    let detail = kanban::card_detail(&world.core, CardRef::Id(card.id)).await.unwrap();
    assert!(detail.summary_html.unwrap().contains("typo") && detail.card.state == CardState::Done);
    world.check_invariants().await;
}

#[tokio::test]
async fn views_and_templates_are_kept_by_name() {
    let world = World::new().await;
    let board = kanban::board_page(&world.core, "", &BoardView::default()).await.unwrap().board.id;
    kanban::save_view(&world.core, &ada(), board, "Mine", "assignee=a&junk=1").await.unwrap();
    let second = kanban::save_view(&world.core, &ada(), board, "Mine", "?needs=me").await.unwrap();
    let page = kanban::board_page(&world.core, "", &BoardView::default()).await.unwrap();
    assert_eq!(page.views.iter().map(|view| view.query.as_str()).collect::<Vec<_>>(), ["needs=me"]);
    kanban::delete_view(&world.core, &ada(), board, page.views[0].id).await.unwrap();
    assert!(kanban::delete_view(&world.core, &ada(), board, second.view.id).await.is_err());
    let like = CreateCardParams { labels: vec!["bug".into()], idempotency_key: Some("k".into()), ..params("Fix ") };
    kanban::save_template(&world.core, &ada(), board, "Bug", like).await.unwrap();
    let templates = kanban::templates(&world.core, "").await.unwrap();
    assert_eq!((templates.len(), templates[0].params.labels.as_slice()), (1, ["bug".to_owned()].as_slice()));
    assert_eq!(templates[0].params.idempotency_key, None, "a key would make every card the same");
    kanban::delete_template(&world.core, &ada(), "", templates[0].id).await.unwrap();
    assert!(kanban::save_view(&world.core, &ada(), board, " ", "").await.is_err());
}
