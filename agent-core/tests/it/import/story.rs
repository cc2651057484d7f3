//! Everything of a board comes over, and lands where it belongs.

use std::os::unix::fs::PermissionsExt;

use agent_core::import::{Counts, Mode, Start};
use agent_core::{decisions, kanban};
use protocol::{CardState, DecisionKind, RunOutcome, WorkspaceKind};
use sha2::{Digest, Sha256};

use super::old_home::OldHome;
use super::{detail, find, import, rename, said, try_import, value};
use crate::support::World;

/// One card with everything, and the one it waits for.
async fn story(old: &OldHome) -> std::path::PathBuf {
    let file = old.write("kanban/attachments/t_00000001/note.txt", "hello");
    old.sql(
        "",
        &format!(
            "INSERT INTO tasks (id, title, body, assignee, status, priority, created_by, created_at, started_at,
                 completed_at, workspace_kind, workspace_path, branch_name, tenant, result, idempotency_key,
                 consecutive_failures, last_failure_error, max_runtime_seconds, skills, model_override, max_retries)
               VALUES ('t_00000001', '修好登录 🎉', 'see t_00000002', 'Coder', 'done', 7, 'ada', 1700000000, 1700000100,
                 1700000900, 'dir', '/', 'x/y', 'acme', 'short result', 'key-1', 0, 'it broke', 7200,
                 '[\"a\", \"b\"]', 'gpt-x', 3);
             INSERT INTO tasks (id, title, status, created_at) VALUES ('t_00000002', 'child', 'todo', 1700000001);
             INSERT INTO task_links VALUES ('t_00000001', 't_00000002');
             INSERT INTO task_comments (task_id, author, body, created_at) VALUES
                 ('t_00000001', 'ada', 'first', 1700000200), ('t_00000001', 'coder', 'second', 1700000200),
                 ('t_00000001', 'default', 'third', 1700000200);
             INSERT INTO task_runs (task_id, profile, status, started_at, ended_at, outcome, summary, metadata, error)
               VALUES ('t_00000001', 'coder', 'crashed', 1700000100, 1700000150, 'crashed', NULL, NULL, 'pid gone'),
                      ('t_00000001', 'coder', 'done', 1700000300, 1700000900, 'completed', 'all done', '{{\"a\":1}}', NULL);
             INSERT INTO task_events (task_id, run_id, kind, payload, created_at) VALUES
                 ('t_00000001', NULL, 'created', '{{\"status\":\"ready\"}}', 1700000000),
                 ('t_00000001', 2, 'heartbeat', NULL, 1700000400),
                 ('t_00000001', NULL, 'commented', '{{\"author\":\"ada\",\"len\":5}}', 1700000200),
                 ('t_00000001', 2, 'completed', '{{\"summary\":\"all done\"}}', 1700000900);
             INSERT INTO task_attachments (task_id, filename, stored_path, content_type, size, uploaded_by, created_at)
               VALUES ('t_00000001', 'note.txt', '{}', 'text/plain', 5, 'ada', 1700000250);",
            file.display()
        ),
    )
    .await;
    file
}

#[tokio::test]
async fn a_card_comes_with_everything() {
    let (world, old) = (World::new().await, OldHome::new().await);
    story(&old).await;
    let report = import(&world, &old, Start::AtOnce).await;
    assert_eq!(report.taken, Counts { cards: 2, links: 1, runs: 2, comments: 3, events: 3, attachments: 1 });
    assert_eq!((report.known, report.held, report.complete()), (Counts::default(), 0, true));
    assert!(said(&report.left_out, "1 signs of life").contains("heartbeats"), "{report:?}");

    assert!(said(&report.changed, "t_00000001").contains("branch x/y"), "only a worktree has one: {report:?}");

    let card = detail(&world, "t_00000001").await;
    assert_eq!((card.card.title.as_str(), card.body.as_str()), ("修好登录 🎉", "see t_00000002"));
    assert_eq!((card.card.number, card.card.state, card.card.priority), (1, CardState::Done, 7));
    assert_eq!((card.card.assignee.as_deref(), card.created_by.as_str()), (Some("coder"), "ada"));
    assert_eq!((card.created_at, card.card.state_at), (1_700_000_000_000, 1_700_000_900_000));
    assert_eq!((card.workspace_kind, card.workspace_path.as_deref()), (WorkspaceKind::Dir, Some("/")));
    assert_eq!(card.last_error.as_deref(), Some("it broke"));
    assert!(card.summary_html.unwrap().contains("short result"));
    assert_eq!(card.children.len(), 1);

    let runs: Vec<_> = card.runs.iter().rev().map(|run| (run.attempt, run.outcome.unwrap())).collect();
    assert_eq!(runs, [(1, RunOutcome::Crashed), (2, RunOutcome::Completed)]);
    assert_eq!(card.runs[1].error.as_deref(), Some("pid gone"));
    assert_eq!(card.runs[0].ended_at, Some(1_700_000_900_000));
    let comments: Vec<_> =
        card.comments.iter().map(|comment| (comment.author.as_str(), comment.by_worker, comment.created_at)).collect();
    let at = 1_700_000_200_000;
    assert_eq!(comments, [("ada", false, at), ("coder", true, at), ("default", false, at)], "in their order");
    assert_eq!(card.card.comments, 3);

    for (column, wanted) in [
        ("tenant", "acme"),
        ("skills", "[\"a\",\"b\"]"),
        ("model", "gpt-x"),
        ("idempotency_key", "key-1"),
        ("summary", "all done\n\nshort result"),
        ("max_runtime_s || '/' || max_attempts || '/' || attempts", "7200/3/2"),
        ("started_at || '/' || done_at", "1700000100000/1700000900000"),
    ] {
        let found: String = value(&world, &format!("SELECT {column} FROM kanban_card WHERE number = 1")).await;
        assert_eq!(found, wanted, "{column}");
    }
    let metadata: String = value(&world, "SELECT metadata FROM kanban_run WHERE attempt = 2").await;
    assert_eq!(metadata, "{\"a\":1}");
    let history: String = value(
        &world,
        "SELECT group_concat(kind || ' ' || actor || ' ' || at || ' ' || (run_id IS NOT NULL), '; ')
           FROM (SELECT * FROM kanban_event WHERE card_id = (SELECT id FROM kanban_card WHERE number = 1) ORDER BY seq)",
    )
    .await;
    assert_eq!(
        history,
        format!(
            "created import 1700000000000 0; commented import:ada 1700000200000 0; \
             completed import:coder 1700000900000 1; imported person:Ada {} 0",
            world.core.now_ms()
        )
    );
    assert_eq!(detail(&world, "t_00000002").await.card.state, CardState::Ready, "its parent is done");
}

#[tokio::test]
async fn a_file_lies_in_our_home_for_us_alone() {
    let (world, old) = (World::new().await, OldHome::new().await);
    story(&old).await;
    import(&world, &old, Start::Held).await;
    let shelf = world.dir.path().join("attachments");
    let id: uuid::Uuid = value(&world, "SELECT id FROM kanban_attachment").await;
    let file = shelf.join(id.as_hyphenated().to_string());
    assert_eq!(std::fs::read(&file).unwrap(), b"hello");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(&shelf)), (0o600, 0o700));
    let sha256: Vec<u8> = value(&world, "SELECT sha256 FROM kanban_attachment").await;
    assert_eq!(sha256, Sha256::digest(b"hello").to_vec());
    let row: String = value(
        &world,
        "SELECT name || ' ' || media_type || ' ' || bytes || ' ' || a.author || ' ' || a.created_at || ' '
                || c.attachment_count
           FROM kanban_attachment a JOIN kanban_card c ON c.id = a.card_id",
    )
    .await;
    assert_eq!(row, "note.txt text/plain 5 ada 1700000250000 1");
    assert_eq!(std::fs::read_dir(&shelf).unwrap().count(), 1, "no half of a copy is left");
}

#[tokio::test]
async fn files_that_are_missing_elsewhere_or_of_another_size_are_named() {
    let (world, old) = (World::new().await, OldHome::new().await);
    let outside = tempfile::NamedTempFile::new().unwrap();
    let link = old.root().join("kanban/attachments/t_1/link.txt");
    old.write("kanban/attachments/t_1/longer.txt", "four");
    old.write("kanban/attachments/t_1/moved.txt", "moved");
    std::os::unix::fs::symlink(outside.path(), &link).unwrap();
    old.card("t_1", "done").await;
    let here = old.root().join("kanban/attachments/t_1");
    let rows = [
        ("gone.txt", here.join("gone.txt").display().to_string()),
        ("secret.txt", outside.path().display().to_string()),
        ("link.txt", link.display().to_string()),
        ("dir.txt", here.display().to_string()),
        ("longer.txt", here.join("longer.txt").display().to_string()),
        ("moved.txt", "/old/place/kanban/attachments/t_1/moved.txt".to_owned()),
        ("none.txt", String::new()),
    ];
    for (name, path) in rows {
        old.sql(
            "",
            &format!(
                "INSERT INTO task_attachments (task_id, filename, stored_path, size, created_at)
                   VALUES ('t_1', '{name}', '{path}', 5, 1)"
            ),
        )
        .await;
    }
    let report = import(&world, &old, Start::Held).await;
    assert_eq!(report.taken.attachments, 2);
    assert_eq!(report.left_out.total, 5);
    for (name, part) in [
        ("gone.txt", "missing"),
        ("secret.txt", "outside"),
        ("link.txt", "outside"),
        ("dir.txt", "no file"),
        ("none.txt", "no file is named"),
    ] {
        let why = said(&report.left_out, name);
        assert!(why.contains(part), "{name}: {why}");
    }
    assert!(said(&report.changed, "longer.txt").contains("4 bytes"), "{report:?}");
}

#[tokio::test]
async fn nothing_starts_by_itself_unless_it_is_wanted() {
    let old = OldHome::new().await;
    for (id, status) in [("t_1", "ready"), ("t_2", "running"), ("t_3", "todo"), ("t_4", "todo"), ("t_5", "scheduled")] {
        old.card(id, status).await;
    }
    old.sql(
        "",
        "INSERT INTO task_links VALUES ('t_1', 't_4');
         INSERT INTO task_runs (task_id, profile, status, started_at) VALUES ('t_2', 'coder', 'running', 1700000005);
         UPDATE tasks SET current_run_id = 1, claim_lock = 'host:1' WHERE id = 't_2';",
    )
    .await;
    let world = World::new().await;
    let report = import(&world, &old, Start::Held).await;
    assert_eq!(report.held, 3);
    assert!(kanban::claim_next(&world.core, "test").await.unwrap().is_none(), "no agent is started by surprise");
    let mut states = Vec::new();
    for id in ["t_1", "t_2", "t_3", "t_4", "t_5"] {
        states.push(find(&world, id).await.state);
    }
    use CardState::{Ready, Scheduled, Todo, Triage};
    assert_eq!(states, [Triage, Triage, Triage, Todo, Scheduled]);
    let run = &detail(&world, "t_2").await.runs[0];
    assert_eq!(run.outcome, Some(RunOutcome::Reclaimed));
    assert!(run.error.as_deref().unwrap().contains("was running"), "{run:?}");
    assert_eq!(run.ended_at, Some(world.core.now_ms()));

    // After a look, the same with --start lets go what nobody touched.
    let touched = find(&world, "t_3").await;
    rename(&world, &touched, "mine now").await;
    let dry = try_import(&world, &old, Start::AtOnce, Mode::DryRun).await.unwrap();
    assert_eq!(dry.released, 2);
    let report = import(&world, &old, Start::AtOnce).await;
    assert_eq!((report.released, report.taken.total()), (2, 0));
    assert_eq!(find(&world, "t_1").await.state, Ready);
    assert_eq!(find(&world, "t_3").await.state, Triage, "a person has it in hand");
    assert!(kanban::claim_next(&world.core, "test").await.unwrap().is_some());

    let world = World::new().await;
    let report = import(&world, &old, Start::AtOnce).await;
    assert_eq!((report.held, find(&world, "t_2").await.state), (0, Ready));
}

#[tokio::test]
async fn cards_that_ask_open_decisions_and_call_nobody() {
    let (world, old) = (World::new().await, OldHome::new().await);
    for id in ["t_1", "t_2", "t_3", "t_4", "t_5"] {
        old.card(id, "blocked").await;
    }
    old.card("t_6", "review").await;
    old.sql(
        "",
        "INSERT INTO task_events (task_id, kind, payload, created_at) VALUES
             ('t_1', 'blocked', '{\"reason\":\"old question\"}', 1700000010),
             ('t_1', 'unblocked', NULL, 1700000011),
             ('t_1', 'blocked', '{\"reason\":\"Which colour?\"}', 1700000012),
             ('t_2', 'blocked', '{\"reason\":\"review-required: look at the PR\"}', 1700000012),
             ('t_3', 'gave_up', '{\"error\":\"pid 7 died\"}', 1700000012);
         INSERT INTO task_runs (task_id, profile, status, started_at, ended_at, outcome, summary) VALUES
             ('t_2', 'coder', 'blocked', 1700000001, 1700000012, 'blocked', 'review-required: look at the PR');
         UPDATE tasks SET body = 'the whole story' WHERE id = 't_4';",
    )
    .await;
    // A device listens: it must stay silent.
    let mut tx = world.core.write().await.unwrap();
    sqlx::raw_sql(
        "INSERT INTO account_user (id, name, password_hash, created_at) VALUES (zeroblob(16), 'Ada', '', 0);
         INSERT INTO push_subscription (id, user_id, endpoint, p256dh, auth, device, created_at)
           VALUES (zeroblob(16), zeroblob(16), 'https://push.example/x', x'', x'', 'iPhone', 0);",
    )
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();

    import(&world, &old, Start::AtOnce).await;
    let ask = async |id: &str| {
        let card = detail(&world, id).await;
        let decision = card.decision.unwrap();
        (card.card.state, decision.kind, card.card.ask.unwrap().ask)
    };
    use CardState::{Blocked, Review};
    assert_eq!(ask("t_1").await, (Blocked, DecisionKind::Question, "Which colour?".into()));
    assert_eq!(ask("t_2").await, (Review, DecisionKind::Review, "look at the PR".into()));
    assert_eq!(ask("t_3").await, (Blocked, DecisionKind::Failed, "pid 7 died".into()));
    assert_eq!(ask("t_4").await, (Blocked, DecisionKind::Question, "the whole story".into()));
    assert_eq!(ask("t_5").await, (Blocked, DecisionKind::Question, "title of t_5".into()));
    assert_eq!(ask("t_6").await, (Review, DecisionKind::Review, "title of t_6".into()));
    assert_eq!(detail(&world, "t_2").await.runs[0].outcome, Some(RunOutcome::Review));
    assert_eq!(value::<i64>(&world, "SELECT count(*) FROM push_outbox").await, 0, "nobody is called");

    // They are real decisions.
    let review = detail(&world, "t_2").await.decision.unwrap();
    let params = protocol::SettleDecisionParams {
        id: review.id,
        version: review.version,
        verb: protocol::DecisionVerb::Approve,
        comment: String::new(),
    };
    decisions::settle(&world.core, &crate::support::ada(), params).await.unwrap();
    assert_eq!(find(&world, "t_2").await.state, CardState::Done);
    world.check_invariants().await;
}

#[tokio::test]
async fn boards_keep_their_names_and_archived_ones_stay_archived() {
    let (world, old) = (World::new().await, OldHome::new().await);
    for board in ["work", "_archived/gone-1795261915", "Empty"] {
        old.sql(board, "INSERT INTO tasks (id, title, status, created_at) VALUES ('t_1', 'x', 'done', 1700000000)")
            .await;
    }
    old.write(
        "kanban/boards/work/board.json",
        r##"{"slug":"lie","name":"Work 工作","description":"d","icon":"🚀","color":"#f00","default_workdir":"/srv",
             "created_at":1600000000,"archived":false}"##,
    );
    old.write("kanban/boards/_archived/gone-1795261915/board.json", "{broken");
    old.write("kanban/boards/only-described/board.json", r#"{"name":"Described"}"#);
    std::fs::create_dir_all(old.root().join("kanban/boards/nothing")).unwrap();
    let report = import(&world, &old, Start::Held).await;
    let boards: Vec<_> =
        report.boards.iter().map(|board| (board.source.as_str(), board.board.as_str(), board.taken.cards)).collect();
    assert_eq!(
        boards,
        [
            ("default", "default", 0),
            ("Empty", "empty", 1),
            ("only-described", "only-described", 0),
            ("work", "work", 1),
            ("_archived/gone-1795261915", "gone-1795261915", 1),
        ]
    );
    assert!(said(&report.changed, "board.json").contains("damaged"));
    let row: String = value(
        &world,
        "SELECT name || '|' || description || '|' || icon || '|' || color || '|' || default_dir || '|' || created_at
           FROM kanban_board WHERE slug = 'work' AND archived_at IS NULL",
    )
    .await;
    assert_eq!(row, "Work 工作|d|🚀||/srv|1600000000000");
    assert!(said(&report.changed, "board.json").contains("colour \"#f00\" was left out"));
    let row: String = value(
        &world,
        "SELECT name || '|' || (archived_at IS NOT NULL) FROM kanban_board WHERE slug = 'gone-1795261915'",
    )
    .await;
    assert_eq!(row, "Gone|1");
    assert_eq!(value::<i64>(&world, "SELECT count(DISTINCT board_id) FROM kanban_card").await, 3);
}

#[tokio::test]
async fn a_dry_run_tells_the_same_and_writes_nothing() {
    let (world, old) = (World::new().await, OldHome::new().await);
    story(&old).await;
    old.card("t_3", "ready").await;
    let dry = try_import(&world, &old, Start::Held, Mode::DryRun).await.unwrap();
    for table in ["kanban_card", "kanban_board", "kanban_event", "import_ref", "import_source", "audit_row"] {
        let rows: i64 = value(&world, &format!("SELECT count(*) FROM {table}")).await;
        assert_eq!(rows, 0, "{table}");
    }
    let attachments = std::fs::read_dir(world.dir.path().join("attachments")).unwrap();
    assert_eq!(attachments.count(), 0, "no file was copied");
    let wet = import(&world, &old, Start::Held).await;
    assert!(dry.dry_run && !wet.dry_run);
    assert_eq!((dry.boards, dry.held, dry.left_out), (wet.boards, wet.held, wet.left_out));
}
