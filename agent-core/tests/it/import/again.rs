//! An import can be repeated, and goes on where one stopped.

use agent_core::import::{Counts, Start};
use agent_core::kanban;
use protocol::{CardRef, CardState, CreateCardParams};
use sqlx::Connection;

use super::old_home::OldHome;
use super::{detail, find, import, rename, said, value};
use crate::support::{World, ada};

async fn two_cards(old: &OldHome) {
    old.card("t_1", "done").await;
    old.card("t_2", "blocked").await;
    old.sql(
        "",
        "INSERT INTO task_links VALUES ('t_1', 't_2');
         INSERT INTO task_comments (task_id, author, body, created_at) VALUES ('t_1', 'ada', 'one', 1700000001);
         INSERT INTO task_runs (task_id, profile, status, outcome, started_at, ended_at)
           VALUES ('t_1', 'coder', 'done', 'completed', 1700000001, 1700000002);
         INSERT INTO task_events (task_id, run_id, kind, created_at) VALUES ('t_1', 1, 'completed', 1700000002);",
    )
    .await;
}

#[tokio::test]
async fn a_second_import_takes_only_what_is_new() {
    let (world, old) = (World::new().await, OldHome::new().await);
    two_cards(&old).await;
    let first = import(&world, &old, Start::Held).await;
    assert_eq!(first.taken, Counts { cards: 2, links: 1, runs: 1, comments: 1, events: 1, attachments: 0 });
    let second = import(&world, &old, Start::Held).await;
    assert_eq!((second.taken, second.known), (Counts::default(), first.taken));
    assert!(!second.boards[0].new);

    let file = old.write("kanban/attachments/t_1/a.txt", "a");
    old.card("t_3", "done").await;
    old.sql(
        "",
        &format!(
            "INSERT INTO task_comments (task_id, author, body, created_at) VALUES ('t_1', 'ada', 'two', 1700000003);
             INSERT INTO task_runs (task_id, profile, status, outcome, started_at, ended_at)
               VALUES ('t_1', 'coder', 'crashed', 'crashed', 1700000004, 1700000005);
             INSERT INTO task_events (task_id, run_id, kind, created_at) VALUES ('t_1', 2, 'crashed', 1700000005);
             INSERT INTO task_links VALUES ('t_1', 't_3');
             INSERT INTO task_attachments (task_id, filename, stored_path, size, created_at)
               VALUES ('t_1', 'a.txt', '{}', 1, 1700000006);",
            file.display()
        ),
    )
    .await;
    let third = import(&world, &old, Start::Held).await;
    assert_eq!(third.taken, Counts { cards: 1, links: 1, runs: 1, comments: 1, events: 1, attachments: 1 });
    assert_eq!(third.known, first.taken);
    let card = detail(&world, "t_1").await;
    assert_eq!((card.card.comments, card.runs.len(), card.runs[0].attempt), (2, 2, 2));
    let counted: i64 =
        value(&world, "SELECT attachment_count * 10 + attempts FROM kanban_card ORDER BY number LIMIT 1").await;
    assert_eq!(counted, 12);
    assert_eq!(import(&world, &old, Start::Held).await.taken.total(), 0);
}

#[tokio::test]
async fn what_a_person_changed_here_stays() {
    let (world, old) = (World::new().await, OldHome::new().await);
    two_cards(&old).await;
    import(&world, &old, Start::Held).await;
    let card = find(&world, "t_1").await;
    rename(&world, &card, "my title").await;
    kanban::unlink(&world.core, &ada(), CardRef::Id(card.id), CardRef::Id(find(&world, "t_2").await.id)).await.unwrap();
    let other = find(&world, "t_2").await;
    kanban::delete_card(&world.core, &ada(), CardRef::Id(other.id)).await.unwrap();
    old.sql(
        "",
        "UPDATE tasks SET title = 'theirs', status = 'ready';
         INSERT INTO task_comments (task_id, author, body, created_at) VALUES ('t_2', 'ada', 'late', 1700000003);",
    )
    .await;
    let report = import(&world, &old, Start::AtOnce).await;
    assert_eq!(report.taken, Counts::default(), "a deleted card gets nothing, a removed link stays away");
    assert_eq!(report.known.cards, 2);
    let card = find(&world, "t_1").await;
    assert_eq!((card.title.as_str(), card.state), ("my title", CardState::Done));
    assert_eq!(value::<i64>(&world, "SELECT count(*) FROM kanban_card WHERE deleted_at IS NULL").await, 1);
}

#[tokio::test]
async fn a_board_that_moved_is_known_again() {
    let (world, old) = (World::new().await, OldHome::new().await);
    old.sql("work", "INSERT INTO tasks (id, title, status, created_at) VALUES ('t_1', 'x', 'done', 1700000000)").await;
    import(&world, &old, Start::Held).await;
    let archive = old.root().join("kanban/boards/_archived");
    std::fs::create_dir_all(&archive).unwrap();
    std::fs::rename(old.root().join("kanban/boards/work"), archive.join("work-1795261915")).unwrap();
    // The old product may make an empty board in the place of an archived one.
    old.sql("work", "SELECT 1").await;
    let report = import(&world, &old, Start::Held).await;
    assert_eq!((report.taken.cards, report.known.cards), (0, 1), "{:?}", report.boards);
    assert_eq!(value::<i64>(&world, "SELECT count(*) FROM kanban_card").await, 1);

    // The whole home under another name.
    let elsewhere = OldHome { dir: tempfile::tempdir().unwrap() };
    let copied =
        std::process::Command::new("cp").arg("-a").arg(old.root().join(".")).arg(elsewhere.root()).status().unwrap();
    assert!(copied.success());
    let report = import(&world, &elsewhere, Start::Held).await;
    assert_eq!((report.taken.cards, report.known.cards), (0, 1));
    // A new board in the place of the one that moved; what moved is still known.
    old.sql("work", "INSERT INTO tasks (id, title, status, created_at) VALUES ('t_5', 'z', 'done', 1700000000)").await;
    for taken in [1, 0] {
        let report = import(&world, &old, Start::Held).await;
        assert_eq!((report.taken.cards, report.known.cards), (taken, 2 - taken), "{:?}", report.boards);
    }
    // Another home with a board of the same name is another board's worth of cards.
    let other = OldHome::new().await;
    other
        .sql("work", "INSERT INTO tasks (id, title, status, created_at) VALUES ('t_9', 'y', 'done', 1700000000)")
        .await;
    assert_eq!(import(&world, &other, Start::Held).await.taken.cards, 1);
}

#[tokio::test]
async fn cards_of_our_own_are_respected() {
    let (world, old) = (World::new().await, OldHome::new().await);
    let mine = world
        .create_with(CreateCardParams {
            title: "mine".into(),
            idempotency_key: Some("k".into()),
            ..CreateCardParams::default()
        })
        .await;
    old.card("t_1", "ready").await;
    old.sql("", "UPDATE tasks SET idempotency_key = 'k'").await;
    let report = import(&world, &old, Start::AtOnce).await;
    let card = find(&world, "t_1").await;
    assert_eq!((mine.number, card.number, card.board_id), (1, 2, mine.board_id));
    assert!(card.rank > mine.rank, "behind what is there");
    assert!(said(&report.changed, "t_1").contains("idempotency"));

    // A link between imported cards must not close a circle with one of ours.
    old.card("t_2", "todo").await;
    import(&world, &old, Start::AtOnce).await;
    let second = find(&world, "t_2").await;
    kanban::link(&world.core, &ada(), CardRef::Id(second.id), CardRef::Id(card.id)).await.unwrap();
    old.sql("", "INSERT INTO task_links VALUES ('t_1', 't_2')").await;
    let report = import(&world, &old, Start::AtOnce).await;
    assert_eq!(report.taken.links, 0);
    assert!(said(&report.left_out, "t_1 t_2").contains("circle"), "{report:?}");
}

#[tokio::test]
async fn a_new_link_holds_a_card_back_that_was_about_to_start() {
    let (world, old) = (World::new().await, OldHome::new().await);
    old.card("t_1", "ready").await;
    import(&world, &old, Start::AtOnce).await;
    assert_eq!(find(&world, "t_1").await.state, CardState::Ready);
    old.card("t_2", "ready").await;
    old.sql("", "INSERT INTO task_links VALUES ('t_2', 't_1')").await;
    import(&world, &old, Start::AtOnce).await;
    assert_eq!(find(&world, "t_1").await.state, CardState::Todo);
}

#[tokio::test]
async fn an_import_that_was_cut_off_is_completed() {
    let (world, old) = (World::new().await, OldHome::new().await);
    let mut db = old.open("").await;
    // Children before parents, links across batches, more history than one transaction takes.
    sqlx::raw_sql(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
         INSERT INTO tasks (id, title, status, created_at) SELECT 't_' || i, 'card ' || i, 'todo', 1700000000 + i FROM n;
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999)
         INSERT INTO task_links SELECT 't_' || (i + 1), 't_' || i FROM n;
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)
         INSERT INTO task_events (task_id, kind, created_at) SELECT 't_5', 'status', 1700000000 + i FROM n;",
    )
    .execute(&mut db)
    .await
    .unwrap();
    db.close().await.unwrap();
    // The third batch fails in the middle of its transaction.
    let mut tx = world.core.write().await.unwrap();
    sqlx::raw_sql(
        "CREATE TRIGGER stop BEFORE INSERT ON kanban_card WHEN NEW.title = 'card 450'
           BEGIN SELECT RAISE(ABORT, 'power cut'); END",
    )
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let error = super::try_import(&world, &old, Start::AtOnce, agent_core::import::Mode::Write).await.unwrap_err();
    assert!(error.to_string().contains("power cut"), "{error}");
    assert_eq!(value::<i64>(&world, "SELECT count(*) FROM kanban_card").await, 400, "whole batches and no half ones");
    assert_eq!(value::<i64>(&world, "SELECT count(*) FROM kanban_event WHERE kind = 'status'").await, 9000);

    let mut tx = world.core.write().await.unwrap();
    sqlx::raw_sql("DROP TRIGGER stop").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    let report = import(&world, &old, Start::AtOnce).await;
    assert_eq!((report.known.cards, report.taken.cards), (400, 600));
    assert_eq!(report.known.links + report.taken.links, 999);
    assert_eq!(value::<i64>(&world, "SELECT count(*) FROM kanban_link").await, 999);
    assert_eq!(value::<i64>(&world, "SELECT count(*) FROM kanban_event WHERE kind = 'status'").await, 9000);
    assert_eq!(find(&world, "t_1000").await.state, CardState::Ready);
    assert_eq!(value::<i64>(&world, "SELECT count(*) FROM kanban_card WHERE state = 'todo'").await, 999);
    let others: i64 = value(&world, "SELECT count(*) FROM kanban_card WHERE title <> 'card ' || number").await;
    assert_eq!(others, 0, "numbers follow the order in which the cards were made");
}
