//! What is set on a board and saved with it.

use agent_core::kanban::{self, KanbanError};
use protocol::{BoardSettings, BoardView, CreateCardParams, ErrorCode, SavedView, UndoId, UndoResult};

use crate::support::{World, ada, bob};

fn params(title: &str) -> CreateCardParams {
    CreateCardParams { title: title.into(), ..CreateCardParams::default() }
}

#[tokio::test]
async fn a_board_whose_directory_is_gone_can_still_be_edited() {
    let world = World::new().await;
    world.create("on it").await;
    let place = tempfile::tempdir().unwrap();
    let (board, settings) = kanban::board_settings(&world.core, "").await.unwrap();
    let dir = Some(place.path().to_string_lossy().into_owned());
    kanban::edit_board(&world.core, &ada(), board.id, BoardSettings { default_dir: dir, ..settings }).await.unwrap();
    // What an older rule let pass, or nobody looked at.
    let mut tx = world.core.write().await.unwrap();
    sqlx::query("UPDATE kanban_board SET color = '#ff0000', icon = 'no emoji at all', name = ''")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    place.close().unwrap();
    let (_, before) = kanban::board_settings(&world.core, "").await.unwrap();
    let after = BoardSettings { description: "New".into(), ..before.clone() };
    kanban::edit_board(&world.core, &ada(), board.id, after.clone()).await.unwrap();
    assert_eq!(kanban::board_settings(&world.core, "").await.unwrap().1, after);
    for wrong in [
        BoardSettings { color: "#00ff00".into(), ..after.clone() },
        BoardSettings { icon: "still no emoji".into(), ..after.clone() },
        BoardSettings { name: "  ".into(), ..after.clone() },
        BoardSettings { blocked_limit: Some(0), ..after.clone() },
        BoardSettings { default_dir: Some("/gone/too".into()), ..after },
    ] {
        let refused = kanban::edit_board(&world.core, &ada(), board.id, wrong).await;
        assert_eq!(refused.unwrap_err().code(), ErrorCode::Invalid);
    }
}

#[tokio::test]
async fn a_template_is_what_a_card_can_be_made_from_and_can_be_saved_again_when_there_are_many() {
    let world = World::new().await;
    world.create("on it").await;
    let board = kanban::board_settings(&world.core, "").await.unwrap().0.id;
    let save = async |name: &str, params| kanban::save_template(&world.core, &ada(), board, name, params).await;
    for wrong in [
        CreateCardParams { repeat: Some("sometimes".into()), ..params("x") },
        CreateCardParams { labels: vec!["x".repeat(60)], ..params("x") },
        CreateCardParams { skills: vec!["a,b".into()], ..params("x") },
        CreateCardParams { model: Some("two words".into()), ..params("x") },
        CreateCardParams { max_attempts: Some(0), ..params("x") },
        CreateCardParams { max_tokens: Some(-1), ..params("x") },
        CreateCardParams { assignee: Some("a/b".into()), ..params("x") },
        params("two\nlines"),
    ] {
        let refused = save("bad", wrong.clone()).await;
        assert_eq!(refused.unwrap_err().code(), ErrorCode::Invalid, "{wrong:?}");
    }
    for index in 0..100 {
        save(&format!("template {index}"), params("")).await.unwrap();
        kanban::save_view(&world.core, &ada(), board, &format!("view {index}"), "").await.unwrap();
    }
    let again = CreateCardParams { body: "new".into(), ..params("") };
    save("template 7", again).await.unwrap();
    kanban::save_view(&world.core, &ada(), board, "view 7", "text=new").await.unwrap();
    assert!(matches!(save("one more", params("")).await, Err(KanbanError::Conflict(_))));
    let more = kanban::save_view(&world.core, &ada(), board, "one more", "").await;
    assert!(matches!(more, Err(KanbanError::Conflict(_))));
    let kept = kanban::templates(&world.core, "").await.unwrap();
    assert_eq!((kept.len(), kept.iter().filter(|kept| kept.params.body == "new").count()), (100, 1));
}

#[tokio::test]
async fn the_labels_of_a_board_are_those_its_cards_have() {
    let world = World::new().await;
    kanban::create_board(&world.core, &ada(), "other", "").await.unwrap();
    for labels in [&["ui", "bug"][..], &["bug"]] {
        let labels = labels.iter().map(|&label| label.to_owned()).collect();
        let params = CreateCardParams { labels, ..params("labelled") };
        kanban::create_card(&world.core, &ada(), params).await.unwrap();
    }
    assert_eq!(kanban::labels(&world.core, "").await.unwrap(), ["bug", "ui"]);
    assert!(kanban::labels(&world.core, "other").await.unwrap().is_empty());
    let unknown = kanban::labels(&world.core, "nowhere").await;
    assert!(matches!(unknown, Err(KanbanError::NotFound(_))));
}

#[tokio::test]
async fn the_board_that_was_left_is_found_again_while_it_is_there() {
    let world = World::new().await;
    kanban::create_board(&world.core, &ada(), "work", "").await.unwrap();
    let left = async |slug: &str| kanban::left_board(&world.core, slug).await.unwrap();
    assert_eq!(left("work").await, "work");
    assert_eq!((left("").await, left("gone").await, left("'; --").await), <(String, String, String)>::default());
    kanban::archive_board(&world.core, &ada(), "work").await.unwrap();
    assert_eq!(left("work").await, "");
}

async fn undo(world: &World, id: Option<UndoId>) -> UndoResult {
    kanban::undo(&world.core, &bob(), id.unwrap()).await.unwrap()
}

async fn views(world: &World) -> Vec<SavedView> {
    kanban::board_page(&world.core, "", &BoardView::default()).await.unwrap().views
}

#[tokio::test]
async fn what_was_set_on_a_board_is_taken_back_and_done_again_from_any_device() {
    let world = World::new().await;
    world.create("on it").await;
    let (board, before) = kanban::board_settings(&world.core, "").await.unwrap();
    let edit =
        async |settings: BoardSettings| kanban::edit_board(&world.core, &ada(), board.id, settings).await.unwrap().undo;
    let now = async || kanban::board_settings(&world.core, "").await.unwrap().1;
    assert_eq!(edit(before.clone()).await, None, "nothing was changed");
    let named = BoardSettings { name: "Lab".into(), review_limit: Some(3), ..before.clone() };
    let first = edit(named.clone()).await;
    assert_eq!(kanban::last_undo(&world.core, &ada()).await.unwrap(), first, "it is what Ctrl+Z takes back");
    // What another write changed since stays.
    let second = edit(BoardSettings { color: "teal".into(), ..named.clone() }).await;
    let back = undo(&world, first).await;
    assert_eq!((back.cards.len(), back.boards[0].name.as_str()), (0, before.name.as_str()));
    assert_eq!(now().await, BoardSettings { color: "teal".into(), ..before.clone() });
    let again = undo(&world, back.redo).await;
    assert_eq!(again.boards[0].name, "Lab");
    undo(&world, second).await;
    assert_eq!(now().await, named);
    // What was changed once more since is not.
    let third = edit(BoardSettings { name: "Garage".into(), ..named.clone() }).await;
    edit(BoardSettings { name: "Shed".into(), ..named.clone() }).await;
    let refused = kanban::undo(&world.core, &ada(), third.unwrap()).await.unwrap_err();
    assert!(refused.to_string().contains("changed again since"), "{refused}");
    assert_eq!(now().await.name, "Shed");
    let late = edit(named).await;
    world.clock.advance_ms(11 * 60_000);
    let refused = kanban::undo(&world.core, &ada(), late.unwrap()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Conflict);
    world.check_invariants().await;
}

#[tokio::test]
async fn views_and_templates_come_back_as_they_were() {
    let world = World::new().await;
    world.create("on it").await;
    let board = kanban::board_settings(&world.core, "").await.unwrap().0.id;
    let save =
        async |name: &str, query: &str| kanban::save_view(&world.core, &ada(), board, name, query).await.unwrap();
    let saved = save("Mine", "needs=me").await;
    save("Other", "").await;
    assert_eq!(save("Mine", "needs=me").await.undo, None, "it says what it said");
    let changed = save("Mine", "failing=yes").await;
    assert_eq!(changed.view.id, saved.view.id);
    undo(&world, changed.undo).await;
    assert_eq!(views(&world).await[0], saved.view);
    let deleted = kanban::delete_view(&world.core, &ada(), board, saved.view.id).await.unwrap();
    assert_eq!(views(&world).await.len(), 1);
    let back = undo(&world, deleted.undo).await;
    assert_eq!(views(&world).await[0], saved.view, "in its old place");
    undo(&world, back.redo).await;
    assert_eq!(views(&world).await.len(), 1);
    // Its name was given away: nothing is overwritten.
    let back = kanban::last_undo(&world.core, &bob()).await.unwrap();
    save("Mine", "q=else").await;
    let refused = kanban::undo(&world.core, &bob(), back.unwrap()).await.unwrap_err();
    assert!(refused.to_string().contains("another view"), "{refused}");

    let template = kanban::save_template(&world.core, &ada(), board, "Bug", params("Fix ")).await.unwrap();
    let templates = async || kanban::templates(&world.core, "").await.unwrap();
    let deleted = kanban::delete_template(&world.core, &ada(), "", template.template.id).await.unwrap();
    assert_eq!(templates().await, []);
    undo(&world, deleted.undo).await;
    assert_eq!(templates().await, [template.template]);
    undo(&world, template.undo).await;
    assert_eq!(templates().await, [], "there was none before it was saved");
    world.check_invariants().await;
}

#[tokio::test]
async fn a_board_that_was_put_away_comes_back_and_goes_again() {
    let world = World::new().await;
    kanban::create_board(&world.core, &ada(), "work", "").await.unwrap();
    world.create_with(CreateCardParams { board: "work".into(), ..params("x") }).await;
    let archived = async || kanban::board_settings(&world.core, "work").await.unwrap().0.archived_at;
    let away = kanban::archive_board(&world.core, &ada(), "work").await.unwrap();
    let at = away.board.archived_at;
    let back = undo(&world, away.undo).await;
    assert_eq!((back.boards[0].slug.as_str(), archived().await), ("work", None));
    undo(&world, back.redo).await;
    assert_eq!(archived().await, at);
    let restored = kanban::restore_board(&world.core, &ada(), "work").await.unwrap();
    // A card that was started meanwhile keeps the board where it is.
    let run = world.claim_and_start().await;
    let refused = kanban::undo(&world.core, &ada(), restored.undo.unwrap()).await.unwrap_err();
    assert!(refused.to_string().contains("running"), "{refused}");
    kanban::worker::fail(&world.core, run, protocol::RunOutcome::RateLimited, "later", Some(0)).await.unwrap();
    undo(&world, restored.undo).await;
    assert_eq!(archived().await, at, "as it was");
    world.check_invariants().await;
}
