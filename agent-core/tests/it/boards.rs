//! What is set on a board and saved with it.

use agent_core::kanban::{self, KanbanError};
use protocol::{BoardSettings, CreateCardParams, ErrorCode};

use crate::support::{World, ada};

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
async fn the_board_that_was_left_is_found_again_while_it_is_there() {
    let world = World::new().await;
    kanban::create_board(&world.core, &ada(), "work", "").await.unwrap();
    let left = async |slug: &str| kanban::left_board(&world.core, slug).await.unwrap();
    assert_eq!(left("work").await, "work");
    assert_eq!((left("").await, left("gone").await, left("'; --").await), <(String, String, String)>::default());
    kanban::archive_board(&world.core, &ada(), "work").await.unwrap();
    assert_eq!(left("work").await, "");
}
