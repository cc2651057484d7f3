//! What `show` and `log` tell of a card: everything that is set, as it was written, and how much is left out.

use agent_core::kanban::{self, worker};
use agent_core::{Actor, Core};
use protocol::{CardRef, CardState, CardWritten, CreateCardParams, WaitReason};
use serde_json::Value;

use crate::home::Home;

async fn make(core: &Core, params: CreateCardParams) -> i64 {
    let actor = Actor::CommandLine { user: "ada".into() };
    kanban::create_card(core, &actor, params).await.unwrap().card.number
}

#[test]
fn a_result_is_shown_without_a_run_and_after_it_was_rewritten() {
    let home = Home::new();
    let card = home.card("by hand");
    home.run(&["kanban", "complete", &card, "--summary", "the *first* result"]);
    let shown = home.run(&["kanban", "show", &card]).stdout;
    assert!(shown.contains("\nResult\nthe *first* result\n"), "{shown}");
    home.run(&["kanban", "edit", &card, "--result", "the second result"]);
    let shown = home.run(&["kanban", "show", &card]).stdout;
    assert!(shown.contains("\nResult\nthe second result\n") && !shown.contains("first"), "{shown}");
    assert_eq!(home.json::<Value>(&["kanban", "show", &card])["result"], "the second result");
}

#[test]
fn everything_that_is_set_is_shown() {
    let home = Home::new();
    home.write("config.yaml", "kanban:\n  default_assignee: runner\n");
    home.write("report.txt", "report");
    let card = "1";
    home.run(&["kanban", "create", "plain"]);
    let plain = home.run(&["kanban", "show", card]).stdout;
    for name in ["priority", "labels", "limits", "workspace", "Files", "Comments", "Proposed"] {
        assert!(!plain.contains(name), "{name} is not set: {plain}");
    }
    let args = "kanban create all --label ui --label bug --tenant acme --skill search --model m-1 --at 2026-12-01 \
                --priority 2 --max-tokens 5000 --max-cost 1.50 --max-runtime 30m --max-retries 3";
    let args: Vec<&str> = args.split_whitespace().chain(["--repeat", "every 1d"]).collect();
    let written: CardWritten = home.json(&args);
    let card = written.card.number.to_string();
    let path = home.path().join("report.txt").to_string_lossy().into_owned();
    home.run(&["kanban", "attach", &card, &path]);
    let shown = home.run(&["kanban", "show", &card]).stdout;
    for line in [
        "priority    2",
        "labels      bug, ui",
        "tenant      acme",
        "model       m-1",
        "skills      search",
        "starts      2026-12-01 00:00",
        "comes again every 1d",
        "limits      asks after 3 failures in a row, 30m per run, 5000 tokens (0 used), $1.50",
        "  1. report.txt  6 bytes, text/plain, ada",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line:?} in {shown}");
    }
}

#[test]
fn nobody_is_called_user_zero() {
    let mut home = Home::new();
    home.set_env("USER", "");
    let card = home.card("x");
    let by = home.json::<Value>(&["kanban", "show", &card])["created_by"].as_str().unwrap().to_owned();
    assert!(!by.starts_with("user ") || by.starts_with("user id "), "{by}");
    assert!(!by.is_empty());
}

#[test]
fn json_has_texts_as_they_were_written_and_uncut() {
    let home = Home::new();
    let card = home.card("long");
    let long = format!("*start* {} end", "x".repeat(600_000));
    home.feed(&["kanban", "comment", &card, "-"], long.as_bytes());
    home.feed(&["kanban", "complete", &card, "--summary", "-"], long.as_bytes());
    let shown: Value = home.json(&["kanban", "show", &card]);
    assert_eq!(shown["comments"][0]["body"], long.as_str());
    assert_eq!(shown["result"], long.as_str());
    assert!(shown["comments"][0]["html"].as_str().unwrap().len() < long.len(), "the page gets a part");
}

#[tokio::test]
async fn more_links_than_are_listed_are_counted() {
    let home = Home::new();
    let core = home.core().await;
    let mut parents = Vec::new();
    for at in 0..150 {
        let params = CreateCardParams { title: format!("part {at}"), triage: true, ..CreateCardParams::default() };
        parents.push(CardRef::Number(make(&core, params).await));
    }
    let params = CreateCardParams { title: "whole".into(), parents, ..CreateCardParams::default() };
    let whole = make(&core, params).await.to_string();
    core.close().await;
    let face = home.face(&whole);
    assert_eq!(face.state, CardState::Todo);
    assert_eq!(face.wait, Some(WaitReason::WaitingOn { cards: vec![1, 2, 3], more: 147 }));
    let shown = home.run(&["kanban", "show", &whole]).stdout;
    assert!(shown.contains("waiting on T-1, T-2, T-3, 147 more"), "{shown}");
    assert!(shown.contains("Waits for (150)\n") && shown.contains("\n  … and 50 more\n"), "{shown}");
    let json: Value = home.json(&["kanban", "show", &whole]);
    assert_eq!((&json["parents_total"], json["parents"].as_array().unwrap().len()), (&150.into(), 100));
    let refused = home.run(&["kanban", "move", &whole, "ready"]);
    assert!(refused.stderr.contains("T-5 and 145 more"), "{refused:?}");
}

#[test]
fn the_log_of_an_agent_is_what_it_said_and_did() {
    let mut home = Home::new();
    let card = home.card("by an agent");
    let work: Value = home.json(&["kanban", "claim", &card]);
    home.set_env("HERMES_KANBAN_RUN_ID", work["run"].as_str().unwrap());
    home.set_env("HERMES_KANBAN_FENCE", &work["fence"].to_string());
    home.run(&["kanban", "heartbeat", "--note", "measuring it"]);
    home.clear_env();
    let log: Value = home.json(&["kanban", "log", &card]);
    assert_eq!(log["parts"][0]["source"], "activity");
    assert!(home.run(&["kanban", "log", &card]).stdout.contains("measuring it"), "{log}");
}

#[tokio::test]
async fn the_log_has_what_the_program_printed_and_then_what_is_around_it() {
    let home = Home::new();
    home.write("config.yaml", "kanban:\n  default_assignee: runner\n");
    home.write("profiles/runner/config.yaml", "command: [\"true\"]\n");
    let card = home.card("logged");
    let core = home.core().await;
    let claim = kanban::claim_next(&core, "test").await.unwrap().expect("a card to claim");
    let silent = home.run(&["kanban", "log", &card]);
    assert_eq!((silent.code, silent.stdout.as_str()), (0, "Attempt 1 of T-1 has printed nothing yet.\n"), "{silent:?}");
    home.write(&format!("logs/{card}-1.log"), "hello\nfrom the program\n");
    home.write(&format!("logs/{card}-1.worker.log"), "the supervisor speaks\n");
    let told = home.run(&["kanban", "log", &card]).stdout;
    assert_eq!(told, "hello\nfrom the program\n— the process around it —\nthe supervisor speaks\n");
    let log: Value = home.json(&["kanban", "log", &card]);
    assert_eq!((&log["attempt"], &log["live"]), (&1.into(), &true.into()));
    assert_eq!(log["parts"][0], serde_json::json!({ "source": "output", "text": "hello\nfrom the program\n" }));
    assert_eq!(log["parts"][1]["source"], "worker");
    let only = home.run(&["kanban", "log", &card, "--source", "worker"]).stdout;
    assert!(only.contains("supervisor") && !only.contains("hello"), "{only}");
    let none = home.run(&["kanban", "log", &card, "--source", "activity"]);
    assert!(none.code == 1 && none.stderr.contains("it has output and worker"), "{none:?}");
    worker::fail(&core, claim.ticket, protocol::RunOutcome::Crashed, "gone", None).await.unwrap();
    core.close().await;
    for name in ["log", "worker.log"] {
        std::fs::remove_file(home.path().join(format!("logs/{card}-1.{name}"))).unwrap();
    }
    let none = home.run(&["kanban", "log", &card, "--source", "output"]);
    assert_eq!(none.code, 1, "{none:?}");
}
