//! Data that no program should have written comes over or is named, and nothing panics.

use agent_core::import::Start;
use protocol::{CardState, RunOutcome};
use sqlx::Connection;

use super::old_home::OldHome;
use super::{detail, find, import, said, try_import, value};
use crate::support::World;

#[tokio::test]
async fn texts_come_as_they_are_as_far_as_they_are_text() {
    let (world, old) = (World::new().await, OldHome::new().await);
    let mut db = old.open("").await;
    let long = "é".repeat(700);
    for (id, title, body) in [
        ("t_1", &b"a\0b"[..], &b"x\0y"[..]),
        ("t_2", b"bad \xff\xfe bytes", b"ok"),
        ("t_3", b"  ", b""),
        ("t_4", long.as_bytes(), b"the body"),
        ("t_5", b"two\r\nlines", b""),
        ("t_6", "'; DROP TABLE tasks; -- \u{202e}مرحبا".as_bytes(), b"\\u0000 {\"a\":[1]} $(id)"),
    ] {
        sqlx::query("INSERT INTO tasks (id, title, body, status, created_at) VALUES (?1, CAST(?2 AS TEXT), CAST(?3 AS TEXT), 'done', 1)")
            .bind(id)
            .bind(title)
            .bind(body)
            .execute(&mut db)
            .await
            .unwrap();
    }
    sqlx::query(
        "INSERT INTO task_comments (task_id, author, body, created_at)
           VALUES ('t_1', CAST(x'00ff' AS TEXT), CAST(x'610062ff' AS TEXT), 2)",
    )
    .execute(&mut db)
    .await
    .unwrap();
    db.close().await.unwrap();
    let report = import(&world, &old, Start::Held).await;
    assert_eq!((report.taken.cards, report.left_out.total), (6, 0));
    let card = detail(&world, "t_1").await;
    assert_eq!((card.card.title.as_str(), card.body.as_str()), ("a\0b", "x\0y"));
    assert_eq!(find(&world, "t_2").await.title, "bad \u{fffd}\u{fffd} bytes");
    assert_eq!(find(&world, "t_3").await.title, "(no title) t_3");
    let card = detail(&world, "t_4").await;
    assert_eq!((card.card.title.chars().count(), card.card.title.ends_with('…')), (500, true));
    assert_eq!(card.body, format!("{long}\n\nthe body"));
    let card = detail(&world, "t_5").await;
    assert_eq!((card.card.title.as_str(), card.body.as_str()), ("two lines", "two\r\nlines"));
    let card = detail(&world, "t_6").await;
    assert_eq!(card.card.title, "'; DROP TABLE tasks; -- \u{202e}مرحبا");
    assert_eq!(card.body, "\\u0000 {\"a\":[1]} $(id)");
    for (id, part) in
        [("t_1", "comment"), ("t_2", "UTF-8"), ("t_3", "no title"), ("t_4", "one line"), ("t_5", "one line")]
    {
        assert!(said(&report.changed, id).contains(part), "{id}: {report:?}");
    }
    assert_eq!(value::<String>(&world, "SELECT body FROM kanban_comment").await, "a\0b\u{fffd}");
}

#[tokio::test]
async fn numbers_and_times_are_bent_into_what_they_can_be() {
    let (world, old) = (World::new().await, OldHome::new().await);
    old.sql(
        "",
        "INSERT INTO tasks (id, title, status, created_at, priority, max_retries, max_runtime_seconds,
             consecutive_failures, completed_at, skills, idempotency_key) VALUES
           ('t_1', 'a', 'done', 1700000000.75, 9223372036854775807, -1, 0, -5, 99999999999999, 'x, y', 'same'),
           ('t_2', 'b', 'done', -7, -9223372036854775808, 99999999999, 5, 99999999999, -1, '[1, \"z\", null]', 'same'),
           ('t_3', 'c', 'done', 'yesterday', 'high', 'many', '60', NULL + 0, 1e300, '{\"a\":1}', ' '),
           ('t_4', 'd', 'done', 1700000000123, 1.9, 2, 3, 4, 1700000000, '[]', NULL)"
            .replace("NULL + 0", "0")
            .as_str(),
    )
    .await;
    let report = import(&world, &old, Start::Held).await;
    assert_eq!(report.taken.cards, 4);
    let now = world.core.now_ms();
    for (id, priority, created_at) in
        [("t_1", i32::MAX, 1_700_000_000_000), ("t_2", i32::MIN, now), ("t_3", 0, now), ("t_4", 1, 1_700_000_000_123)]
    {
        let card = detail(&world, id).await;
        assert_eq!((card.card.priority, card.created_at), (priority, created_at), "{id}");
        assert!(card.card.state_at >= card.created_at && card.card.state_at <= now, "{id}");
    }
    let rest: String = value(
        &world,
        "SELECT group_concat(skills || COALESCE(max_attempts, '-') || COALESCE(max_runtime_s, '-') || failures, ' ')
           FROM (SELECT c.* FROM kanban_card c JOIN import_ref r ON r.id = c.id ORDER BY r.key)",
    )
    .await;
    assert_eq!(rest, "[\"x\",\"y\"]--0 [\"1\",\"z\"]-54294967295 [\"{\\\"a\\\":1}\"]-600 []234");
    for (id, parts) in [
        ("t_1", &["skills", "priority 9223372036854775807", "attempts \"-1\"", "-5 failures", "future"][..]),
        ("t_2", &["created_at \"-7\"", "priority -9223372036854775808", "99999999999", "completed_at \"-1\""]),
        ("t_3", &["created_at \"yesterday\"", "priority \"high\"", "max_retries \"many\"", "completed_at"]),
    ] {
        let why = said(&report.changed, id);
        for part in parts {
            assert!(why.contains(part), "{id} {part}: {why}");
        }
    }
    assert_eq!(said(&report.changed, "t_4"), "");
    let keys: i64 = value(&world, "SELECT count(*) FROM kanban_card WHERE idempotency_key = 'same'").await;
    assert_eq!(keys, 1, "a key names one card");
}

#[tokio::test]
async fn values_this_hermes_refuses_are_left_out_and_named() {
    let (world, old) = (World::new().await, OldHome::new().await);
    old.sql(
        "",
        &format!(
            "INSERT INTO tasks (id, title, status, created_at, priority, max_retries, max_runtime_seconds, tenant,
                 model_override, workspace_kind, workspace_path, branch_name, skills) VALUES
               ('t_1', 'a', 'todo', 99999999999, 1099511627776, -2, -3, '{}', 'gpt' || char(10) || 'x', 'worktree',
                '../../x', '--evil', '[\"a,b\", \"../x\", \"fine\"]')",
            "t".repeat(500)
        ),
    )
    .await;
    let report = import(&world, &old, Start::Held).await;
    assert_eq!(report.taken.cards, 1);
    let card = detail(&world, "t_1").await;
    assert_eq!(card.card.tenant.as_deref(), Some("t".repeat(200).as_str()));
    assert_eq!((card.settings.model, card.settings.branch, card.workspace_path), (None, None, None));
    assert_eq!(card.settings.skills, ["fine"]);
    assert_eq!((card.card.priority, card.created_at), (i32::MAX, world.core.now_ms()));
    let why = said(&report.changed, "t_1");
    for part in ["tenant", "model \"gpt", "\"../../x\"", "--evil", "a,b", "../x", "1099511627776", "-2", "-3", "future"]
    {
        assert!(why.contains(part), "{part}: {why}");
    }
}

#[tokio::test]
async fn broken_links_and_unknown_words_are_named() {
    let (world, old) = (World::new().await, OldHome::new().await);
    for (id, status) in
        [("t_1", "todo"), ("t_2", "todo"), ("t_3", "todo"), ("t_4", "doing"), ("t_5", "in_progress"), ("t_6", " DONE ")]
    {
        old.card(id, status).await;
    }
    old.sql(
        "",
        "INSERT INTO task_links VALUES ('t_1', 't_2'), ('t_2', 't_3'), ('t_3', 't_1'), ('t_1', 't_1'), ('t_1', 't_x'),
             ('t_y', 't_1');
         INSERT INTO task_comments (task_id, author, body, created_at) VALUES ('t_x', 'a', 'lost', 1);
         INSERT INTO task_runs (task_id, status, started_at, ended_at, outcome, metadata, error) VALUES
             ('t_6', 'weird', 5, 3, 'exploded', '[1]', 'boom'), ('t_6', 'gave_up', 6, 7, 'gave_up', 'no json', NULL),
             ('t_6', 'stale', 8, 9, 'stale', NULL, NULL), ('t_6', 'running', 10, NULL, NULL, NULL, NULL),
             ('t_6', 'done', 11, NULL, 'completed', NULL, NULL);
         INSERT INTO task_events (task_id, run_id, kind, payload, created_at) VALUES
             ('t_6', 77, 'odd \u{1F600}', 'no json', 1), ('t_6', NULL, '', '[2]', -3);",
    )
    .await;
    let report = import(&world, &old, Start::AtOnce).await;
    assert_eq!((report.taken.cards, report.taken.links), (6, 2));
    for (what, why) in [
        ("t_3 → t_1", "circle"),
        ("t_1 → t_1", "itself"),
        ("t_1 → t_x", "gone"),
        ("t_y → t_1", "gone"),
        ("1 comments", "gone"),
    ] {
        assert!(said(&report.left_out, what).contains(why), "{what}: {report:?}");
    }
    assert!(said(&report.changed, "t_4").contains("\"doing\""));
    assert_eq!(find(&world, "t_4").await.state, CardState::Triage);
    assert_eq!(find(&world, "t_5").await.state, CardState::Ready);
    let card = detail(&world, "t_6").await;
    assert_eq!(card.card.state, CardState::Done);
    use RunOutcome::{Completed, Crashed, Lost, Reclaimed, SpawnFailed};
    let outcomes: Vec<_> = card.runs.iter().rev().map(|run| run.outcome.unwrap()).collect();
    assert_eq!(outcomes, [Crashed, SpawnFailed, Lost, Reclaimed, Completed]);
    let metadata: String =
        value(&world, "SELECT group_concat(metadata, ' ') FROM (SELECT * FROM kanban_run ORDER BY attempt)").await;
    assert_eq!(
        metadata,
        "{\"imported_outcome\":\"exploded\",\"value\":[1]} {\"imported_outcome\":\"gave_up\",\"text\":\"no json\"} \
         {\"imported_outcome\":\"stale\"}"
    );
}

#[tokio::test]
async fn an_old_database_without_half_of_the_columns_is_read() {
    let world = World::new().await;
    let old = OldHome { dir: tempfile::tempdir().unwrap() };
    let options =
        sqlx::sqlite::SqliteConnectOptions::new().filename(old.root().join("kanban.db")).create_if_missing(true);
    let mut db = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(
        "CREATE TABLE tasks (id TEXT PRIMARY KEY, title TEXT, status TEXT, spawn_failures INTEGER,
             last_spawn_error TEXT, from_the_future TEXT);
         CREATE TABLE task_comments (id TEXT PRIMARY KEY, task_id TEXT, author TEXT, body TEXT, created_at TEXT);
         CREATE TABLE task_events (id INTEGER, kind TEXT);
         INSERT INTO tasks VALUES ('t_1', NULL, NULL, 3, 'no program', 'x'), (NULL, 'no id', 'ready', NULL, NULL, NULL);
         INSERT INTO task_comments VALUES ('c-1', 't_1', NULL, NULL, '1700000000');",
    )
    .execute(&mut db)
    .await
    .unwrap();
    db.close().await.unwrap();
    let report = import(&world, &old, Start::Held).await;
    assert_eq!((report.taken.cards, report.taken.comments), (2, 1));
    let card = detail(&world, "t_1").await;
    assert_eq!((card.card.failures, card.last_error.as_deref()), (3, Some("no program")));
    assert_eq!(card.comments[0].author, "unknown");
    assert_eq!(find(&world, "row 2").await.title, "no id");
    for what in ["column from_the_future", "table task_events"] {
        assert!(!said(&report.left_out, what).is_empty(), "{what}: {report:?}");
    }
    assert_eq!(import(&world, &old, Start::Held).await.taken.total(), 0);
}

#[tokio::test]
async fn a_workspace_is_never_our_own_home() {
    let (world, old) = (World::new().await, OldHome::new().await);
    let home = world.dir.path().display().to_string();
    let dir = tempfile::tempdir().unwrap();
    let repository = dir.path().display().to_string();
    std::fs::create_dir(dir.path().join(".git")).unwrap();
    let begun = old.root().join("kanban/workspaces/t_4");
    std::fs::create_dir_all(&begun).unwrap();
    for (id, kind, path) in [
        ("t_1", "dir", format!("{home}/keys")),
        ("t_2", "dir", "relative/dir".to_owned()),
        ("t_3", "dir", "/srv/../srv".to_owned()),
        ("t_4", "scratch", begun.display().to_string()),
        ("t_5", "vm", "/x".to_owned()),
        ("t_6", "worktree", format!("{repository}/.worktrees/t_6")),
    ] {
        old.card(id, "todo").await;
        old.sql(
            "",
            &format!("UPDATE tasks SET workspace_kind = '{kind}', workspace_path = '{path}' WHERE id = '{id}'"),
        )
        .await;
    }
    old.sql("", "UPDATE tasks SET branch_name = 'x/y' WHERE id = 't_6'").await;
    let report = import(&world, &old, Start::Held).await;
    for (id, kind, part) in [
        ("t_1", "scratch", "Hermes's own data"),
        ("t_2", "scratch", "not absolute"),
        ("t_3", "dir", ""),
        ("t_4", "scratch", "stays there"),
        ("t_5", "scratch", "\"vm\""),
    ] {
        let card = detail(&world, id).await;
        assert_eq!(card.workspace_kind.as_str(), kind, "{id}");
        assert!(said(&report.changed, id).contains(part), "{id}: {report:?}");
    }
    // Where worktrees are known, the repository is found from the old layout; elsewhere the directory is used.
    if protocol::WorkspaceKind::ALL.iter().any(|kind| kind.as_str() == "worktree") {
        let row: String = value(
            &world,
            "SELECT repository || ' ' || workspace_kind || ' ' || branch FROM kanban_card WHERE number = 6",
        )
        .await;
        assert_eq!(row, format!("{repository} worktree x/y"));
    } else {
        assert_eq!(detail(&world, "t_6").await.workspace_kind.as_str(), "dir");
        assert!(said(&report.changed, "t_6").contains("worktree"));
    }
}

#[tokio::test]
async fn a_board_in_use_is_read_with_what_was_just_written() {
    let (world, old) = (World::new().await, OldHome::new().await);
    let mut db = old.open("").await;
    sqlx::raw_sql("INSERT INTO tasks (id, title, status, created_at) VALUES ('t_1', 'in the log', 'done', 1700000000)")
        .execute(&mut db)
        .await
        .unwrap();
    assert!(old.root().join("kanban.db-wal").metadata().unwrap().len() > 0);
    let report = import(&world, &old, Start::Held).await;
    assert!(report.in_use);
    assert_eq!(find(&world, "t_1").await.title, "in the log");

    // Half a transaction, not committed, is not there.
    sqlx::raw_sql(
        "BEGIN IMMEDIATE; INSERT INTO tasks (id, title, status, created_at) VALUES ('t_2', 'x', 'done', 1700000000)",
    )
    .execute(&mut db)
    .await
    .unwrap();
    assert_eq!(import(&world, &old, Start::Held).await.taken.total(), 0);
    sqlx::raw_sql("COMMIT").execute(&mut db).await.unwrap();
    assert_eq!(import(&world, &old, Start::Held).await.taken.cards, 1);
    db.close().await.unwrap();
    assert!(!import(&world, &old, Start::Held).await.in_use);
}

/// Somebody writes all the time; every import sees a whole state, and the last one all of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_writer_is_read_in_whole_transactions() {
    let (world, old) = (World::new().await, OldHome::new().await);
    let mut db = old.open("").await;
    let writer = tokio::spawn(async move {
        for number in 0..150 {
            sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
                "BEGIN IMMEDIATE;
                 INSERT INTO tasks (id, title, body, status, created_at)
                   VALUES ('t_{number}', 'x', hex(randomblob(3000)), 'done', 1700000000);
                 INSERT INTO task_comments (task_id, author, body, created_at) VALUES ('t_{number}', 'a', 'b', 1);
                 COMMIT;"
            )))
            .execute(&mut db)
            .await
            .unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        db.close().await.unwrap();
    });
    while !writer.is_finished() {
        let report = try_import(&world, &old, Start::Held, agent_core::import::Mode::Write).await.unwrap();
        assert!(report.complete(), "{:?}", report.boards);
        assert_eq!(report.taken.cards, report.taken.comments, "a card without its comment was never there");
        world.check_invariants().await;
    }
    writer.await.unwrap();
    import(&world, &old, Start::Held).await;
    assert_eq!(value::<i64>(&world, "SELECT count(*) FROM kanban_card").await, 150);
}

#[tokio::test]
async fn what_a_board_may_not_look_like_is_named_and_the_board_can_be_edited() {
    let (world, old) = (World::new().await, OldHome::new().await);
    old.write(
        "kanban/boards/work/board.json",
        r##"{"name":"a\nb","icon":"no emoji at all","color":"#ff0000","default_workdir":"/gone/../../x"}"##,
    );
    let report = import(&world, &old, Start::Held).await;
    let told = said(&report.changed, "board.json");
    for what in ["name", "icon", "colour", "directory"] {
        assert!(told.contains(what), "{what} in {told}");
    }
    let (board, settings) = agent_core::kanban::board_settings(&world.core, "work").await.unwrap();
    assert_eq!((settings.name.as_str(), settings.icon.as_str(), settings.color.as_str()), ("Work", "", ""));
    assert_eq!(settings.default_dir, None);
    let settings = protocol::BoardSettings { color: "teal".into(), ..settings };
    agent_core::kanban::edit_board(&world.core, &crate::support::ada(), board.id, settings).await.unwrap();
}
