//! `hermes import` as people type it.

use std::path::Path;

use protocol::{CardState, TaskCard};
use serde_json::Value;
use sqlx::Connection;

use crate::home::Home;

const TASKS: &str = "CREATE TABLE tasks (id TEXT PRIMARY KEY, title TEXT, status TEXT, created_at INTEGER);
    CREATE TABLE task_links (parent_id TEXT, child_id TEXT);
    INSERT INTO tasks VALUES ('t_1a2b3c4d', 'first \u{1b}[31m', 'ready', 1700000000), ('t_2', 'second', 'todo', 1700000001),
        ('t_3', 'third', 'done', 1700000002);
    INSERT INTO task_links VALUES ('t_1a2b3c4d', 't_2'), ('t_2', 'gone \u{1b}[31m');";

/// A directory with a board of the Python product.
async fn old_home() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    board(&dir.path().join("kanban.db"), TASKS).await;
    dir
}

async fn board(path: &Path, statements: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut db = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(statements.to_owned())).execute(&mut db).await.unwrap();
    db.close().await.unwrap();
}

#[tokio::test]
async fn cards_come_over_and_say_what_happened() {
    let (home, old) = (Home::new(), old_home().await);
    let from = old.path().to_str().unwrap();
    let ran = home.run(&["import", "--from", from, "--dry-run"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.stdout.starts_with("Would import from") && ran.stdout.contains("would go into triage"),
        "{}",
        ran.stdout
    );
    assert_eq!(home.json::<Vec<TaskCard>>(&["kanban", "list"]).len(), 0);

    let ran = home.run(&["import", "--from", from]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for part in ["Imported from", "default", "1 thing not taken:", "link t_2 → gone", "1 card that could start"] {
        assert!(ran.stdout.contains(part), "{part:?} in {}", ran.stdout);
    }
    assert!(!ran.stdout.contains('\u{1b}'), "nothing of a text steers a terminal");
    let found: Vec<TaskCard> = home.json(&["import", "--find", "t_1a2b3c4d"]);
    assert_eq!((found.len(), found[0].number, found[0].state), (1, 1, CardState::Triage));
    assert!(home.run(&["import", "--find", "t_3"]).stdout.contains("T-3"));

    let report: Value = home.json(&["import", "--from", from, "--start"]);
    assert_eq!(
        (&report["released"], &report["taken"]["cards"], &report["known"]["cards"]),
        (&1.into(), &0.into(), &3.into())
    );
    assert_eq!(report["boards"][0]["board"], "default");
    assert_eq!(report["left_out"]["total"], 1);
    assert_eq!(home.face("1").state, CardState::Ready);
    let rows: Vec<Value> = home.json(&["doctor"]);
    for name in ["database", "audit"] {
        assert!(rows.iter().any(|row| row["name"] == name && row["health"] == "ok"), "{rows:?}");
    }
}

#[tokio::test]
async fn what_is_no_source_is_one_sentence_and_touches_nothing() {
    let (home, old) = (Home::new(), old_home().await);
    let from = old.path().to_str().unwrap();
    let empty = tempfile::tempdir().unwrap();
    for (from, code, part) in
        [("/no/such/dir", "not_found", "HERMES_HOME"), (empty.path().to_str().unwrap(), "invalid", "neither kanban.db")]
    {
        let ran = home.run(&["import", "--from", from]);
        assert_eq!((ran.code, ran.stderr.lines().count()), (1, 1), "{ran:?}");
        assert!(ran.stderr.starts_with("hermes: ") && ran.stderr.contains(part), "{ran:?}");
        let ran = home.run(&["import", "--from", from, "--json"]);
        assert_eq!((ran.code, ran.json_error()["code"].as_str()), (1, Some(code)), "{ran:?}");
    }
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "not even our own home is made for that");

    // Both products call their home ~/.hermes by default.
    let both = Home::new().with_env("HERMES_HOME", from);
    let ran = both.run(&["import", "--from", from]);
    assert!(ran.code == 1 && ran.stderr.contains("own home") && ran.stderr.contains("HERMES_HOME"), "{ran:?}");
    assert_eq!(std::fs::read_dir(from).unwrap().count(), 1, "nothing of ours was put into it");

    for args in [&["import"][..], &["import", "--start"], &["import", "--from", from, "--find", "t_1"]] {
        assert_eq!(home.run(args).code, 2, "{args:?}");
    }
    let worker = Home::new().with_env("HERMES_KANBAN_RUN_ID", "01a1fcc9-881b-770f-9183-95aacd0ff5c4");
    assert_ne!(worker.run(&["import", "--from", from]).code, 0, "no worker imports anything");
    assert_eq!(home.run(&["import", "--find", "t_nope"]).code, 1);
}

#[tokio::test]
async fn a_damaged_board_fails_the_command_and_spares_the_others() {
    let (home, old) = (Home::new(), old_home().await);
    let from = old.path().to_str().unwrap();
    let broken = old.path().join("kanban/boards/broken/kanban.db");
    std::fs::create_dir_all(broken.parent().unwrap()).unwrap();
    std::fs::write(&broken, "no database").unwrap();
    let ran = home.run(&["import", "--from", from]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stdout.contains("\"broken\"") && ran.stdout.contains("is damaged"), "{}", ran.stdout);
    assert_eq!(home.json::<Vec<TaskCard>>(&["kanban", "list"]).len(), 3);

    // When there is nothing else, it is the command's one sentence.
    std::fs::write(old.path().join("kanban.db"), "no database either").unwrap();
    std::fs::remove_file(broken).unwrap();
    let ran = home.run(&["import", "--from", from, "--json"]);
    assert!(ran.code == 1 && ran.json_error()["error"].as_str().unwrap().contains("import again"), "{ran:?}");
}
