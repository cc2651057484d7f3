//! The verbs of the whole board: filters, time, boards, reports. Each answers in JSON, and refuses with exit code 1.

use protocol::{
    BoardStats, BoardSummary, CardDetail, CardState, CardWritten, Diagnosis, RunSummary, TaskCard, UndoResult,
};
use serde_json::Value;

use crate::home::Home;

#[test]
fn everything_a_card_can_be_given_comes_back() {
    let home = Home::new();
    let written: CardWritten = home.json(&[
        "kanban",
        "create",
        "all of it",
        "--label",
        "ui",
        "--label",
        "bug",
        "--tenant",
        "acme",
        "--skill",
        "a",
        "--model",
        "m-1",
        "--at",
        "2h",
        "--repeat",
        "every 1d",
        "--max-tokens",
        "5000",
        "--max-cost",
        "1.50",
        "--max-runtime",
        "30m",
        "--priority",
        "2",
    ]);
    let card = written.card;
    assert_eq!(
        (card.state, card.labels.as_slice()),
        (CardState::Scheduled, ["bug".to_owned(), "ui".into()].as_slice())
    );
    let number = card.number.to_string();
    let detail: CardDetail = home.json(&["kanban", "show", &number]);
    assert_eq!(detail.settings.max_tokens, Some(5000));
    assert_eq!(detail.card.max_cost_micros, Some(1_500_000));
    assert_eq!((detail.settings.model.as_deref(), detail.settings.repeat.as_deref()), (Some("m-1"), Some("every 1d")));
    let edited: CardWritten =
        home.json(&["kanban", "edit", &number, "--labels", "", "--max-tokens", "0", "--repeat", "", "--title", "less"]);
    assert!(edited.card.labels.is_empty() && !edited.card.repeats && edited.card.title == "less");
    let model: CardWritten = home.json(&["kanban", "set-model", &number, "none"]);
    assert_eq!(model.card.number, card.number);
    let promoted: CardWritten = home.json(&["kanban", "promote", &number]);
    assert_eq!(promoted.card.state, CardState::Ready);
    let later: CardWritten = home.json(&["kanban", "schedule", "30m", &number]);
    assert_eq!(later.card.state, CardState::Scheduled);
    assert_eq!(home.run(&["kanban", "schedule", "yesterday", &number]).code, 2);
    assert_eq!(home.run(&["kanban", "edit", &number]).code, 2, "nothing to change");
    assert_eq!(home.run(&["kanban", "edit", &number, "--result", "x"]).code, 1, "it is not finished");
    assert_eq!(home.run(&["kanban", "reclaim", &number]).code, 1, "nobody has it");
    assert_eq!(home.run(&["kanban", "create", "x", "--repeat", "soon"]).code, 1);
}

#[test]
fn lists_are_filtered_and_sorted() {
    let home = Home::new();
    for (title, label, priority) in [("alpha", "x", "0"), ("beta", "y", "2"), ("gamma", "x", "1")] {
        home.run(&["kanban", "create", title, "--label", label, "--priority", priority]);
    }
    let list = |args: &[&str]| -> Vec<String> {
        let cards: Vec<TaskCard> = home.json(&[&["kanban", "list"], args].concat());
        cards.into_iter().map(|card| card.title).collect()
    };
    assert_eq!(list(&["--label", "x"]), ["alpha", "gamma"]);
    assert_eq!(list(&["--search", "bet"]), ["beta"]);
    assert_eq!(list(&["--sort", "priority"]), ["beta", "gamma", "alpha"]);
    assert_eq!(list(&["--limit", "3"]).len(), 3);
    assert!(list(&["--failing"]).is_empty() && list(&["--needs-me"]).is_empty());
    assert_eq!(list(&["--priority", "1", "--sort", "priority-desc"]), ["beta", "gamma"]);
    home.json::<Value>(&["kanban", "link", "1", "3"]);
    assert_eq!(list(&["--parent", "1"]), ["gamma"]);
    assert_eq!(list(&["--wait", "parents"]), ["gamma"]);
    home.run(&["kanban", "assign", "2", "coder"]);
    assert_eq!(home.run(&["kanban", "list", "--mine"]).code, 2, "a person is no profile");
    let home = home.with_env("HERMES_PROFILE", "Coder");
    let mine: Vec<TaskCard> = home.json(&["kanban", "list", "--mine"]);
    assert_eq!(mine.iter().map(|card| card.number).collect::<Vec<_>>(), [2]);
    for args in [&["--mine", "--assignee", "x"][..], &["--sort", "title"], &["--wait", "luck"], &["--parent", "x"]] {
        assert_eq!(home.run(&[&["kanban", "list"], args].concat()).code, 2, "{args:?}");
    }
    assert_eq!(home.run(&["kanban", "list", "--parent", "99"]).code, 1);
}

#[test]
fn the_limits_of_a_board_are_set_and_taken_away() {
    let home = Home::new();
    let set = |args: &[&str]| home.run(&[&["kanban", "boards", "set", "default"], args].concat());
    let shown = || home.json::<Value>(&["kanban", "boards", "show"])["settings"].clone();
    assert_eq!(set(&["--review-limit", "5", "--blocked-limit", "3", "--slots", "0"]).code, 0);
    let settings = shown();
    assert_eq!(
        (settings["review_limit"].as_i64(), settings["blocked_limit"].as_i64(), settings["slots"].as_i64()),
        (Some(5), Some(3), Some(0))
    );
    assert_eq!(set(&["--review-limit", "none", "--slots", "None"]).code, 0);
    let settings = shown();
    assert_eq!((&settings["review_limit"], &settings["slots"]), (&Value::Null, &Value::Null));
    assert_eq!(settings["blocked_limit"], 3, "what is not named stays");
    for bad in ["0", "-1", "many"] {
        let ran = set(&["--review-limit", bad]);
        assert!(ran.code == 2, "{bad}: {ran:?}");
    }
}

#[test]
fn a_board_is_made_used_set_and_put_away() {
    let home = Home::new();
    let made: BoardSummary = home.json(&["kanban", "boards", "create", "home-lab", "--slots", "1", "--switch"]);
    assert_eq!(made.name, "Home Lab");
    let written: CardWritten = home.json(&["kanban", "create", "there"]);
    assert_eq!(written.card.board_id, made.id, "the board that was switched to");
    let current: BoardSummary = home.json(&["kanban", "boards", "current"]);
    assert_eq!(current.slug, "home-lab");
    let shown: Value = home.json(&["kanban", "boards", "show"]);
    assert_eq!(shown["settings"]["slots"], 1);
    let renamed: BoardSummary = home.json(&["kanban", "boards", "rename", "home-lab", "Lab"]);
    assert_eq!(renamed.name, "Lab");
    assert_eq!(home.run(&["kanban", "boards", "set", "home-lab", "--color", "pink"]).code, 1);
    home.json::<BoardSummary>(&["kanban", "boards", "archive", "home-lab"]);
    let refused = home.run(&["kanban", "create", "late"]);
    assert!(refused.code == 1 && refused.stderr.contains("restore"), "{refused:?}");
    let all: Vec<BoardSummary> = home.json(&["kanban", "boards", "list", "--all"]);
    assert!(all.iter().any(|board| board.slug == "home-lab" && board.archived_at.is_some()));
    home.json::<BoardSummary>(&["kanban", "boards", "restore", "home-lab"]);
    home.json::<BoardSummary>(&["kanban", "boards", "switch", "default"]);
    assert_eq!(home.run(&["kanban", "boards", "switch", "nope"]).code, 1);
}

#[test]
fn what_was_done_to_a_board_is_taken_back() {
    let home = Home::new();
    home.json::<Value>(&["kanban", "boards", "create", "lab"]);
    let renamed: Value = home.json(&["kanban", "boards", "rename", "lab", "Shed"]);
    let archived: Value = home.json(&["kanban", "boards", "archive", "lab"]);
    let back: UndoResult = home.json(&["kanban", "undo", archived["undo"].as_str().unwrap()]);
    assert_eq!((back.boards[0].name.as_str(), back.boards[0].archived_at), ("Shed", None));
    let told = home.run(&["kanban", "undo", renamed["undo"].as_str().unwrap()]);
    assert_eq!((told.code, told.stdout.as_str()), (0, "Took back the change of the board lab  Lab\n"));
    let told = home.run(&["kanban", "boards", "set", "lab", "--color", "teal"]);
    assert!(told.stderr.contains("hermes kanban undo "), "{told:?}");
}

#[test]
fn a_chosen_board_that_is_not_there_is_the_default_and_a_named_one_is_refused() {
    let mut home = Home::new();
    home.json::<BoardSummary>(&["kanban", "boards", "create", "work"]);
    let on = |home: &Home| home.json::<BoardSummary>(&["kanban", "boards", "current"]).slug;
    home.card("makes the default board");
    for (stale, board) in [("gone", "default"), ("No Good!\n", "default"), ("", "default"), ("work\n", "work")] {
        home.write("kanban/current", stale);
        assert_eq!(on(&home), board, "{stale:?}");
    }
    home.set_env("HERMES_KANBAN_BOARD", "default");
    assert_eq!(on(&home), "default", "the environment goes before the file");
    home.set_env("HERMES_KANBAN_BOARD", "gone");
    assert_eq!(home.run(&["kanban", "list"]).code, 1, "what is named and not there is told");
}

#[tokio::test]
async fn the_end_of_a_log_begins_with_a_whole_line() {
    let home = Home::new();
    home.write("config.yaml", "kanban:\n  default_assignee: runner\n");
    home.write("profiles/runner/config.yaml", "command: [\"true\"]\n");
    let card = home.card("logged");
    let core = home.core().await;
    agent_core::kanban::claim_next(&core, "test").await.unwrap().expect("a card to claim");
    core.close().await;
    let text = |args: &[&str]| {
        let log: Value = home.json(&[&["kanban", "log", &card], args].concat());
        log["text"].as_str().unwrap().to_owned()
    };
    home.write(&format!("logs/{card}-1.worker.log"), "first line\nsecond line\nlast line\n");
    assert_eq!(text(&[]), "first line\nsecond line\nlast line\n");
    assert_eq!(text(&["--tail", "15"]), "last line\n");
    assert_eq!(text(&["--tail", "1000"]), "first line\nsecond line\nlast line\n");
    assert_eq!(home.run(&["kanban", "log", &card, "--attempt", "7"]).code, 1);
}

#[test]
fn reports_tell_what_there_is() {
    let home = Home::new();
    let card = home.card("look at me");
    let stats: BoardStats = home.json(&["kanban", "stats"]);
    assert_eq!(stats.by_state, [(CardState::Ready, 1)]);
    let assignees: Value = home.json(&["kanban", "assignees"]);
    assert!(assignees.get("default").is_some());
    assert!(home.json::<Vec<RunSummary>>(&["kanban", "runs", &card]).is_empty());
    assert_eq!(home.run(&["kanban", "log", &card]).code, 1, "it has not run");
    let context: Value = home.json(&["kanban", "context", &card]);
    assert!(context["context"].as_str().unwrap().contains("look at me"));
    let found: Vec<Diagnosis> = home.json(&["kanban", "diagnostics"]);
    assert_eq!(found.len(), 1, "no model is set up: {found:?}");
    let told: Value = home.json(&["kanban", "diagnostics"]);
    assert_eq!(told[0]["title"], "no model is set up");
    assert!(told[0]["actions"].as_array().unwrap().iter().any(|action| action["command"] == "hermes doctor"));
    let next: Value = home.json(&["kanban", "dispatch"]);
    assert_eq!(next["waiting"].as_array().unwrap().len(), 1);
    let ran = home.run(&["kanban", "tail", &card, "--no-follow", "--json"]);
    let events: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.iter().map(|event| event["kind"].as_str().unwrap()).collect::<Vec<_>>(), ["created"]);
    assert_eq!(events[0]["detail"]["title"], "look at me", "a value, not text with JSON in it");
    for verb in ["runs", "log", "context", "tail", "reclaim"] {
        let ran = home.run(&["kanban", verb, "99"]);
        assert!(ran.code == 1 && ran.stderr.contains("T-99"), "{verb}: {ran:?}");
    }
    let refused = home.run(&["kanban", "create", "x", "--workspace", "worktree:/nowhere"]);
    assert!(refused.code == 1 && refused.stderr.contains("/nowhere"), "{refused:?}");
}

#[tokio::test]
async fn who_follows_a_board_misses_nothing_of_a_burst() {
    use std::io::BufRead;
    let home = Home::new();
    let card = home.card("busy");
    let core = home.core().await;
    let mut child = home.command().args(["kanban", "watch", "--json"]).spawn().unwrap();
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    let burst = async |events: i64, kind: &str| {
        let mut tx = core.write().await.unwrap();
        sqlx::query(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
             INSERT INTO kanban_event (board_id, card_id, kind, actor, detail, at)
             SELECT c.board_id, c.id, ?2, 'system', '{}', 1 FROM kanban_card c, n WHERE c.number = ?3",
        )
        .bind(events)
        .bind(kind)
        .bind(card.parse::<i64>().unwrap())
        .execute(&mut *tx)
        .await
        .unwrap();
        tx.commit().await.unwrap();
    };
    // It follows from when it has begun to, which is seen by the first line it prints.
    let (sender, began) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut seen = Vec::new();
        // Up to the end, so that what is told twice is met.
        while let Some(Ok(line)) = lines.next() {
            let event: Value = serde_json::from_str(&line).unwrap();
            if event["kind"] == "burst" {
                seen.push(event["seq"].as_i64().unwrap());
            }
            let _ = sender.send(());
        }
        seen
    });
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while began.try_recv().is_err() && std::time::Instant::now() < deadline {
        burst(1, "begin").await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    burst(1300, "burst").await;
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let seen = reader.join().unwrap();
    assert_eq!(seen.len(), 1300);
    assert!(seen.is_sorted_by(|earlier, later| earlier < later), "each once and in order");
}

#[test]
fn links_and_comments_say_how_they_are_taken_back() {
    let home = Home::new();
    let (first, second) = (home.card("first"), home.card("second"));
    let linked: Value = home.json(&["kanban", "link", &first, &second]);
    let undo = linked["undo"].as_str().unwrap();
    assert_eq!(home.face(&second).state, CardState::Todo);
    assert_eq!(home.run(&["kanban", "undo", undo]).code, 0);
    assert_eq!(home.face(&second).state, CardState::Ready);
    for words in [
        &["kanban", "link", &first, &second][..],
        &["kanban", "unlink", &first, &second],
        &["kanban", "comment", &first, "hello"],
    ] {
        let ran = home.run(words);
        assert!(ran.code == 0 && ran.stderr.contains("hermes kanban undo "), "{ran:?}");
    }
}

#[test]
fn what_is_wrong_is_told_with_the_commands_that_mend_it() {
    let home = Home::new();
    let written: CardWritten = home.json(&["kanban", "create", "an idea", "--triage"]);
    let number = written.card.number.to_string();
    let refused = home.run(&["kanban", "specify", &number]);
    assert!(refused.code == 1 && refused.stderr.contains("no model provider"), "{refused:?}");
    let told: Value = home.json(&["kanban", "diagnostics", "--card", &number]);
    assert_eq!((&told[0]["kind"], &told[0]["count"]), (&Value::from("triage_aux_unavailable"), &Value::from(1)));
    assert!(told[0]["detail"].as_str().unwrap().contains("no model provider"), "{told}");
    let commands: Vec<&str> =
        told[0]["actions"].as_array().unwrap().iter().map(|action| action["command"].as_str().unwrap()).collect();
    assert_eq!(commands[1..], ["hermes kanban specify T-1", "hermes kanban decompose T-1"]);
    let said = home.run(&["kanban", "diag"]);
    assert!(
        said.stdout.contains("triage_aux_unavailable") && said.stderr.contains("hermes kanban specify"),
        "{said:?}"
    );
    assert!(home.json::<Vec<Diagnosis>>(&["kanban", "diagnostics", "--severity", "error"]).is_empty());
}

#[test]
fn a_ready_card_says_that_no_server_is_running() {
    let home = Home::new();
    home.write("config.yaml", "kanban:\n  default_assignee: runner\n");
    home.write("profiles/runner/config.yaml", "executor: command\ncommand: [\"true\"]\n");
    let card = home.card("waits");
    for verb in [&["kanban", "list"][..], &["kanban", "show", &card]] {
        let ran = home.run(verb);
        assert!(ran.stdout.contains("no server is running"), "{ran:?}");
    }
}

#[tokio::test]
async fn what_starts_next_and_all_runs_are_told() {
    let home = Home::new();
    home.write("config.yaml", "kanban:\n  max_in_progress: 1\n  default_assignee: runner\n");
    home.write("profiles/runner/config.yaml", "executor: command\ncommand: [\"true\"]\n");
    let card = home.card("again and again");
    home.card("second");
    let next: Value = home.json(&["kanban", "dispatch"]);
    assert_eq!(next["next"].as_array().unwrap().len(), 1, "there is one slot");
    assert_eq!((next["next"][0]["number"].as_i64(), next["waiting"][0]["number"].as_i64()), (Some(1), Some(2)));
    let said = home.run(&["kanban", "dispatch"]).stdout;
    assert!(said.contains("T-2  starts when one before it has ended"), "{said}");
    let core = home.core().await;
    let mut tx = core.write().await.unwrap();
    sqlx::query(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 45)
         INSERT INTO kanban_run (id, card_id, attempt, profile, executor, lease_owner, fence, claimed_at, ended_at, outcome)
         SELECT randomblob(16), c.id, n.i, 'runner', 'command', 'test', n.i, n.i, n.i, 'completed' FROM kanban_card c, n
          WHERE c.number = ?1",
    )
    .bind(card.parse::<i64>().unwrap())
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
    core.close().await;
    assert_eq!(home.json::<Vec<RunSummary>>(&["kanban", "runs", &card]).len(), 45);
}
