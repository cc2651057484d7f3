//! Every verb does what it says, and `--json` has the shapes of the contract.

use protocol::{
    BoardSummary, CardDetail, CardState, CardWritten, CommentAdded, DecisionState, DecisionVerb, DeletedCard,
    SettleDecisionOutcome, TaskCard, UndoResult, WaitReason, WorkspaceKind,
};
use serde_json::Value;

use crate::home::Home;

#[test]
fn says_its_version_and_helps() {
    let home = Home::new();
    assert_eq!(home.run(&["--version"]).stdout, format!("hermes {}\n", env!("CARGO_PKG_VERSION")));
    for args in [&["--help"][..], &["kanban", "--help"], &["kanban", "create", "--help"], &["serve", "--help"]] {
        let ran = home.run(args);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{args:?}");
        assert!(ran.stdout.contains("Usage:"), "{args:?}");
    }
    assert!(!home.run(&["--help"]).stdout.contains("\n  worker"), "the worker process is not for people");
    for shell in ["bash", "zsh", "fish"] {
        let ran = home.run(&["completions", shell]);
        assert!(ran.code == 0 && ran.stdout.contains("kanban") && ran.stdout.contains("setup-link"), "{shell}");
    }
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "asking for help leaves nothing behind");
}

#[test]
fn creates_cards_with_everything_the_reference_has() {
    let home = Home::new();
    home.write("profiles/coder/config.yaml", "command: [\"true\"]\n");
    let parent = home.card("first");
    let outside = tempfile::tempdir().unwrap();
    let work = outside.path().join("work dir");
    std::fs::create_dir(&work).unwrap();
    let workspace = format!("dir:{}", work.display());
    let written: CardWritten = home.json(&[
        "kanban",
        "create",
        "second",
        "--body",
        "*do it*",
        "--assignee",
        "Coder",
        "--parent",
        &format!("T-{parent}"),
        "--priority",
        "-3",
        "--idempotency-key",
        "k1",
        "--workspace",
        &workspace,
        "--max-retries",
        "5",
        "--max-runtime",
        "30m",
    ]);
    let detail: CardDetail = home.json(&["kanban", "show", &written.card.id.to_string()]);
    assert_eq!((detail.body.as_str(), detail.card.priority, detail.card.state), ("*do it*", -3, CardState::Todo));
    assert_eq!(detail.card.assignee.as_deref(), Some("coder"));
    assert_eq!((detail.workspace_kind, detail.workspace_path.as_deref()), (WorkspaceKind::Dir, work.to_str()));
    assert_eq!(detail.created_by, "ada");
    assert_eq!(detail.parents.len(), 1);
    assert!(written.undo.is_some());

    let again = ["kanban", "create", "another title", "--idempotency-key", "k1"];
    let told = home.run(&again).stdout;
    assert_eq!(told, "T-2 exists already (same idempotency key)  second  (todo, assignee coder)\n");
    assert_eq!(home.json::<Value>(&again)["created"], false);
    assert_eq!(home.json::<Value>(&["kanban", "create", "new", "--idempotency-key", "k2"])["created"], true);
    let again: CardWritten = home.json(&again);
    assert_eq!((again.card.id, again.card.title.as_str(), again.undo), (written.card.id, "second", None));
    let triage: CardWritten = home.json(&["kanban", "create", "idea", "--triage"]);
    assert_eq!(triage.card.state, CardState::Triage);
    let gate: CardWritten = home.json(&["kanban", "create", "gate", "--initial-status", "blocked"]);
    assert_eq!(gate.card.state, CardState::Blocked);
    assert!(gate.card.ask.is_some(), "a card that starts blocked asks a person");
    for (duration, seconds) in [("300", 300), ("90s", 90), ("2h", 7200)] {
        let card: CardWritten = home.json(&["kanban", "create", "timed", "--max-runtime", duration]);
        let shown: CardDetail = home.json(&["kanban", "show", &card.card.number.to_string()]);
        assert_eq!(shown.card.id, card.card.id, "{duration} is {seconds} s");
    }
}

#[test]
fn tells_people_what_was_made_and_why_it_waits() {
    let home = Home::new();
    let ran = home.run(&["kanban", "create", "Fix it", "--assignee", "nobody"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "Created T-1  Fix it  (ready, assignee nobody)\n"));
    assert!(ran.stderr.contains("no profile \"nobody\""), "{}", ran.stderr);
    let ran = home.run(&["kanban", "create", "Fix more"]);
    assert!(ran.stderr.contains("hermes serve"), "{}", ran.stderr);
    let ran = home.run(&["kanban", "list"]);
    assert!(ran.stdout.starts_with("CARD  STATE  PRIORITY  ASSIGNEE  AGE  TITLE\nT-"), "{}", ran.stdout);
    assert!(!ran.stdout.contains('\u{1b}'), "no colours when nobody looks");
    let card = home.face("1");
    assert!(matches!(card.wait, Some(WaitReason::UnknownProfile { .. })), "{:?}", card.wait);
}

#[test]
fn lists_by_state_assignee_and_limit() {
    let home = Home::new();
    for title in ["a", "b", "c"] {
        home.card(title);
    }
    home.run(&["kanban", "move", "T-2", "done"]);
    home.run(&["kanban", "archive", "3"]);
    home.run(&["kanban", "assign", "1", "coder"]);
    let titles = |args: &[&str]| -> Vec<String> {
        home.json::<Vec<TaskCard>>(&[&["kanban", "list"], args].concat()).into_iter().map(|card| card.title).collect()
    };
    assert_eq!(titles(&[]), ["a", "b"], "columns in order, archived left out");
    assert_eq!(titles(&["--status", "done"]), ["b"]);
    assert_eq!(titles(&["--archived"]), ["c"]);
    assert_eq!(titles(&["--assignee", "CODER"]), ["a"]);
    assert!(titles(&["--status", "in_progress"]).is_empty() && titles(&["--in_progress"]).is_empty());
    let ran = home.run(&["kanban", "list", "--limit", "1"]);
    assert!(ran.stderr.contains("There are more"), "{}", ran.stderr);
    let ran = home.run(&["kanban", "list", "--limit", "1", "--json"]);
    let cards: Vec<TaskCard> = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(cards.iter().map(|card| card.title.as_str()).collect::<Vec<_>>(), ["a"]);
    let warning: Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!(warning["code"], "more", "a script is told, too");
    assert_eq!(titles(&["--limit", "2"]), ["a", "b"], "nothing is left out, and nothing is said");
    assert_eq!(titles(&["--assignee", "none"]), ["b"]);
    assert!(home.run(&["kanban", "list", "--help"]).stdout.contains("[default: 200]"));
}

#[test]
fn comments_show_and_links() {
    let home = Home::new();
    let (parent, child) = (home.card("parent"), home.card("child"));
    let view: CommentAdded = home.json(&["kanban", "comment", &parent, "look", "at", "**this**"]);
    assert_eq!((view.comment.author.as_str(), view.comment.by_worker), ("ada", false));
    assert!(view.comment.html.contains("<strong>this</strong>"), "{}", view.comment.html);
    let linked: Value = home.json(&["kanban", "link", &parent, &child]);
    assert_eq!(linked["child"]["card"]["state"], "todo");
    let shown = home.run(&["kanban", "show", &parent]).stdout;
    for part in ["T-1  parent", "ready", "ada, just now:", "  look at **this**", "Children", "T-2  todo  child"] {
        assert!(shown.contains(part), "{part:?} in {shown}");
    }
    let unlinked: Value = home.json(&["kanban", "unlink", &parent, &child]);
    assert_eq!(unlinked["child"]["card"]["state"], "ready");
}

#[test]
fn block_and_unblock_settle_a_decision_once() {
    let home = Home::new();
    let card = home.card("which colour");
    let blocked: CardWritten = home.json(&["kanban", "block", &card, "red", "or", "blue?"]);
    assert_eq!(blocked.card.state, CardState::Blocked);
    assert_eq!(blocked.card.ask.as_ref().unwrap().ask, "red or blue?");
    let shown = home.run(&["kanban", "show", &card]).stdout;
    assert!(
        shown.contains("Needs you (question): red or blue?") && shown.contains("hermes kanban unblock T-1"),
        "{shown}"
    );
    let outcome: SettleDecisionOutcome = home.json(&["kanban", "unblock", &card, "--reason", "blue"]);
    let settlement = outcome.decision.settlement.as_ref().unwrap();
    assert_eq!(
        (settlement.verb, settlement.by_you, settlement.device.as_str()),
        (DecisionVerb::Answer, true, "command line")
    );
    assert_eq!((outcome.decision.state, outcome.left), (DecisionState::Settled, 0));
    let detail: CardDetail = home.json(&["kanban", "show", &card]);
    assert_eq!(detail.card.state, CardState::Ready);
    assert_eq!(detail.comments.len(), 1, "the answer is a comment the next run reads");
    let ran = home.run(&["kanban", "unblock", &card]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("T-1"), "{}", ran.stderr);
}

#[test]
fn what_a_card_asks_is_put_off_and_brought_back() {
    let home = Home::new();
    let card = home.card("which colour");
    home.json::<CardWritten>(&["kanban", "block", &card, "red or blue?"]);
    let snoozed: Value = home.json(&["kanban", "snooze", &card, "--until", "2h"]);
    assert_eq!((&snoozed["card"], &snoozed["left"]), (&Value::from(1), &Value::from(0)));
    assert!(snoozed["until"].is_i64(), "{snoozed}");
    let shown: CardDetail = home.json(&["kanban", "show", &card]);
    assert_eq!(shown.card.state, CardState::Blocked, "it asks all the same");
    let back: Value = home.json(&["kanban", "snooze", &card, "--back"]);
    assert_eq!((&back["until"], &back["left"]), (&Value::Null, &Value::from(1)));
    assert!(home.run(&["kanban", "snooze", &card, "--until", "1h"]).stdout.contains("T-1 is out of the inbox until "));
    let late = home.run(&["kanban", "snooze", &card, "--until", "31d"]);
    assert_eq!(late.code, 1);
    assert!(late.stderr.contains("30 days"), "{}", late.stderr);
    assert_eq!(home.run(&["kanban", "snooze", &card]).code, 2, "until when?");
}

#[test]
fn complete_move_archive_delete_and_undo() {
    let home = Home::new();
    let card = home.card("work");
    let done: CardWritten = home.json(&["kanban", "complete", &card, "--summary", "all **done**"]);
    assert_eq!(done.card.state, CardState::Done);
    let back: UndoResult = home.json(&["kanban", "undo", &done.undo.unwrap().to_string()]);
    assert_eq!(back.cards[0].state, CardState::Ready);
    let archived: CardWritten = home.json(&["kanban", "archive", &card]);
    assert_eq!(archived.card.state, CardState::Archived);
    let restored: CardWritten = home.json(&["kanban", "move", &card, "triage"]);
    assert_eq!(restored.card.state, CardState::Triage);
    let deleted: CardWritten = home.json(&["kanban", "archive", "--rm", &card]);
    assert_eq!(home.run(&["kanban", "show", &card]).code, 1);
    let undeleted: UndoResult = home.json(&["kanban", "undo", &deleted.undo.unwrap().to_string()]);
    assert_eq!(undeleted.cards[0].state, CardState::Triage);
    let ran = home.run(&["kanban", "undo", &deleted.undo.unwrap().to_string()]);
    assert_eq!(ran.code, 1, "a write is taken back once: {ran:?}");
    assert!(home.run(&["kanban", "move", &card, "done"]).stderr.contains("hermes kanban undo"), "people are told how");
}

#[test]
fn a_result_and_a_summary_are_two_paragraphs() {
    let home = Home::new();
    let shown = |card: &str| home.json::<Value>(&["kanban", "show", card])["result"].clone();
    let (a, b) = (home.card("a"), home.card("b"));
    home.json::<CardWritten>(&["kanban", "complete", &a, "--result", "shipped", "--summary", "all of it"]);
    assert_eq!(shown(&a), "shipped\n\nall of it");
    home.json::<CardWritten>(&["kanban", "edit", &a, "--result", "shipped", "--summary", "shipped"]);
    assert_eq!(shown(&a), "shipped");
    let ran = home.run(&["kanban", "complete", &a, &b, "--result", "one", "--summary", "two"]);
    assert_eq!(ran.code, 2, "one text cannot stand for several cards");
}

#[test]
fn deleted_cards_are_listed_and_brought_back() {
    let home = Home::new();
    let (a, b) = (home.card("first"), home.card("second"));
    assert_eq!(home.run(&["kanban", "list", "--deleted"]).stdout, "Nothing was deleted in the last 30 days.\n");
    home.run(&["kanban", "archive", "--rm", &a, &b]);
    let listed: Vec<DeletedCard> = home.json(&["kanban", "list", "--deleted"]);
    let told = listed.iter().map(|card| (card.title.as_str(), card.state, card.days_left)).collect::<Vec<_>>();
    assert_eq!(told, [("second", CardState::Ready, 30), ("first", CardState::Ready, 30)], "newest first");
    let ran = home.run(&["kanban", "list", "--deleted", "--limit", "1"]);
    assert!(ran.stdout.starts_with("CARD  WAS    DELETED") && ran.stdout.contains("30d   second"), "{}", ran.stdout);
    assert!(ran.stderr.contains("There are more; these are the first 1. Raise --limit"), "{}", ran.stderr);
    let ran = home.run(&["kanban", "list", "--deleted", "--status", "done"]);
    assert_eq!(ran.code, 2, "a filter means nothing there: {ran:?}");

    let back: CardWritten = home.json(&["kanban", "restore", &a]);
    assert_eq!((back.card.title.as_str(), back.card.state), ("first", CardState::Ready));
    let gone: UndoResult = home.json(&["kanban", "undo", &back.undo.unwrap().to_string()]);
    assert_eq!(gone.removed, [back.card.id]);
    let ran = home.run(&["kanban", "restore", &a, "99", &b]);
    assert_eq!(ran.code, 1, "any failure counts: {ran:?}");
    assert!(ran.stdout.contains("Restored T-1  first  (ready)\nRestored T-2  second  (ready)"), "{}", ran.stdout);
    assert!(
        ran.stderr.contains("there is no card T-99") && ran.stderr.contains("hermes kanban undo"),
        "{}",
        ran.stderr
    );
    let ran = home.run(&["kanban", "restore", &a, "--json"]);
    assert_eq!((ran.code, ran.json_error()["code"].as_str()), (1, Some("conflict")), "{ran:?}");
    assert!(home.run(&["completions", "fish"]).stdout.contains("Bring deleted cards back"), "completed, too");
}

#[test]
fn several_cards_are_answered_one_by_one_and_any_failure_counts() {
    let home = Home::new();
    let (a, b) = (home.card("a"), home.card("b"));
    let ran = home.run(&["kanban", "archive", &a, "99", &b, "--json"]);
    assert_eq!(ran.code, 1);
    let written: Vec<CardWritten> = serde_json::from_str(&ran.stdout).unwrap();
    let states: Vec<CardState> = written.iter().map(|written| written.card.state).collect();
    assert_eq!(states, [CardState::Archived, CardState::Archived], "the others are not held up");
    let errors: Vec<Value> = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!((errors.len(), &errors[0]["card"], &errors[0]["code"]), (1, &"T-99".into(), &"not_found".into()));
    let ran = home.run(&["kanban", "archive", &a, "99", &b]);
    assert!(ran.code == 1 && ran.stderr.contains("hermes: there is no card T-99"), "{ran:?}");
}

#[test]
fn json_is_one_value_whatever_is_asked_of_how_many() {
    let home = Home::new();
    let (a, b) = (home.card("a"), home.card("b"));
    let two = |verb: &[&str]| {
        let ran = home.run(&[&["kanban"], verb, &[&a, &b, "--json"]].concat());
        let done: Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{verb:?}: {error}: {ran:?}"));
        if ran.code != 0 {
            let failed: Value = serde_json::from_str(&ran.stderr).unwrap_or_else(|_| panic!("{verb:?}: {ran:?}"));
            return (done.as_array().unwrap().len(), failed.as_array().unwrap().len());
        }
        assert_eq!(ran.stderr, "", "{verb:?}");
        (done.as_array().unwrap().len(), 0)
    };
    assert_eq!(two(&["schedule", "1h"]), (2, 0));
    assert_eq!(two(&["promote"]), (2, 0));
    assert_eq!(two(&["unblock"]), (0, 2), "neither asks anything");
    assert_eq!(two(&["snooze", "--until", "1h"]), (0, 2));
    assert_eq!(two(&["accept"]), (0, 2));
    assert_eq!(two(&["discard"]), (0, 2));
    assert_eq!(two(&["specify"]), (0, 2));
    assert_eq!(two(&["complete"]), (2, 0));
    assert_eq!(two(&["archive", "--rm"]), (2, 0));
    assert_eq!(two(&["restore"]), (2, 0));
    assert_eq!(two(&["restore"]), (0, 2), "neither is deleted");
    for verb in ["specify", "decompose"] {
        let nothing: Vec<Value> = home.json(&["kanban", verb, "--all"]);
        assert!(nothing.is_empty());
    }
    let one = home.run(&["kanban", "archive", "99", "--json"]);
    assert_eq!((one.code, one.json_error()["code"].as_str()), (1, Some("not_found")), "one card, one object");
}

#[test]
fn boards_are_made_listed_and_kept_apart() {
    let mut home = Home::new();
    let made: BoardSummary = home.json(&["kanban", "boards", "create", "work", "--name", "Work 工作"]);
    assert_eq!((made.slug.as_str(), made.name.as_str()), ("work", "Work 工作"));
    home.card("at home");
    let written: CardWritten = home.json(&["kanban", "--board", "work", "create", "at work"]);
    assert_eq!(written.card.board_id, made.id);
    let there: Vec<TaskCard> = home.json(&["kanban", "list", "--board", "work"]);
    let here: Vec<TaskCard> = home.json(&["kanban", "list"]);
    assert_eq!((there.len(), here.len()), (1, 1));
    let boards: Vec<BoardSummary> = home.json(&["kanban", "boards"]);
    assert_eq!(boards.len(), 2);
    home.set_env("HERMES_KANBAN_BOARD", "work");
    assert_eq!(home.json::<Vec<TaskCard>>(&["kanban", "list"])[0].title, "at work");
}

#[test]
fn profiles_are_made_and_listed() {
    let home = Home::new();
    let made: Value = home.json(&["profile", "create", "coder", "--command", "claude -p 'two words'"]);
    assert_eq!(made["executor"], "command");
    assert_eq!(made["command"], serde_json::json!(["claude", "-p", "two words"]));
    let ran = home.run(&["profile", "create", "runner", "--json", "--", "sh", "-c", "exit 0"]);
    let made: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    assert_eq!(made["command"], serde_json::json!(["sh", "-c", "exit 0"]));
    let made: Value = home.json(&["profile", "create", "thinker"]);
    assert_eq!(made["executor"], "agent");
    home.write("profiles/broken/config.yaml", "executor: [");
    let all: Vec<Value> = home.json(&["profile", "list"]);
    let ids: Vec<&str> = all.iter().map(|profile| profile["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["default", "broken", "coder", "runner", "thinker"]);
    assert!(all[1]["problem"].as_str().unwrap().contains("config.yaml"));
    assert!(home.run(&["profile", "list"]).stdout.contains("claude -p two words"));
}

#[test]
fn setup_links_are_single_and_the_newest_counts() {
    let home = Home::new();
    let unknown = home.run(&["setup-link"]);
    assert!(unknown.stdout.starts_with("http://127.0.0.1:8787/") && unknown.stderr.contains("No server is running"));
    let ran = home.run(&["setup-link", "--addr", "127.0.0.1:9999"]);
    assert_eq!(ran.code, 0);
    assert!(!ran.stderr.contains("No server"), "the address was named: {ran:?}");
    assert!(ran.stdout.starts_with("http://127.0.0.1:9999/setup"), "{}", ran.stdout);
    home.write("config.yaml", "server:\n  public_url: https://box.tail1234.ts.net/\n");
    let link: Value = home.json(&["setup-link"]);
    let text = link["link"].as_str().unwrap();
    assert!(text.starts_with("https://box.tail1234.ts.net/setup"), "{text}");
    assert_eq!(link["set_up"], false);
    assert!(!ran.stdout.contains(text.rsplit('=').next().unwrap()), "every link is a new one");
}

#[test]
fn the_doctor_names_what_is_broken_and_how_to_mend_it() {
    let home = Home::new();
    let missing = Home::new().with_env("HERMES_HOME", "/nonexistent/hermes");
    let ran = missing.run(&["doctor"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("broken") && ran.stdout.contains("HERMES_HOME"), "{}", ran.stdout);

    home.card("x");
    let rows: Vec<Value> = home.json(&["doctor"]);
    let health = |rows: &[Value], name: &str| {
        rows.iter().find(|row| row["name"] == name).map(|row| row["health"].as_str().unwrap().to_owned())
    };
    for name in [
        "home",
        "disk",
        "git",
        "config",
        "keys",
        "profiles",
        "database",
        "audit",
        "owner",
        "provider",
        "dispatcher",
        "workers",
        "public_url",
    ] {
        assert!(health(&rows, name).is_some(), "{name} is looked at: {rows:?}");
    }
    assert_eq!(health(&rows, "database").as_deref(), Some("ok"));
    assert_eq!(health(&rows, "provider").as_deref(), Some("note"));

    home.write("profiles/bad/config.yaml", "executor: robot\n");
    let ran = home.run(&["doctor"]);
    assert_eq!(ran.code, 0, "one profile less is no reason to fail: {}", ran.stdout);
    assert!(ran.stdout.contains("robot"), "{}", ran.stdout);
    home.write("config.yaml", "model:\n  base_url: http://127.0.0.1:1/v1\n  default: m\n");
    let ran = home.run(&["doctor", "--json"]);
    assert_eq!(ran.code, 1, "a provider that does not answer is broken: {}", ran.stdout);
    home.write("config.yaml", "kanban: [1\n");
    let ran = home.run(&["doctor"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("config.yaml") && !ran.stdout.contains("panicked"), "{}", ran.stdout);
}

#[test]
fn a_reader_that_had_enough_is_no_failure() {
    let home = Home::new();
    home.run(&["demo", "--cards", "1000"]);
    let mut child = home.command().args(["kanban", "list", "--limit", "1000", "--json"]).spawn().unwrap();
    drop(child.stdout.take());
    let ran = crate::home::Ran::new(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
}
