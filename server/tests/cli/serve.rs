//! A running server, the command line and workers that talk back through it.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use protocol::{CardDetail, CardState, CardWritten, RunOutcome};
use serde_json::Value;

use crate::home::{Home, Ran};

/// A worker that finishes some cards and asks about others, by the card's title.
const WORKER: &str = r#"#!/bin/sh
set -e
card=$(cat)
case "$card" in
*"please ask"*) hermes kanban block "review-required: look at it" --summary "I made a file" ;;
*) echo working; hermes kanban comment "on it"; hermes kanban heartbeat; hermes kanban complete --summary "made $HERMES_KANBAN_TASK" ;;
esac
"#;

struct Server {
    child: Child,
    url: String,
    /// Kept open: who prints to a closed pipe has a right to fail.
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    /// Starts a server and waits until it says where it runs.
    fn start(home: &Home) -> Self {
        let mut child = home.command().args(["serve", "--addr", "127.0.0.1:0"]).stderr(Stdio::null()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let url = line.trim().rsplit(' ').next().unwrap_or_default().to_owned();
        let server = Self { child, url, _stdout: stdout };
        assert!(line.contains("http://127.0.0.1:"), "{line:?}");
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for a command that must not stay.
fn ends_by_itself(mut child: Child) -> Ran {
    let deadline = Instant::now() + Duration::from_secs(30);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("the command stays: {:?}", child.wait_with_output());
        }
        std::thread::yield_now();
    }
    Ran::new(child.wait_with_output().unwrap())
}

fn wait_for(home: &Home, card: &str, what: &str, done: impl Fn(&CardDetail) -> bool) -> CardDetail {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let detail: CardDetail = home.json(&["kanban", "show", card]);
        if done(&detail) {
            return detail;
        }
        assert!(Instant::now() < deadline, "{what}: {detail:#?}");
    }
}

#[test]
fn a_card_made_at_the_command_line_is_worked_on_reviewed_and_done() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    home.write("config.yaml", "kanban:\n  default_assignee: runner\n");
    home.write("profiles/runner/config.yaml", "command: ./work.sh\n");
    home.write("profiles/runner/work.sh", WORKER);
    let script = home.path().join("profiles/runner/work.sh");
    std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o700)).unwrap();
    let server = Server::start(&home);

    let link = home.run(&["setup-link"]);
    assert!(link.stdout.starts_with(&format!("{}/setup?token=", server.url)), "{link:?}");
    assert!(!link.stderr.contains("No server"), "{link:?}");

    let second = home.command().args(["serve", "--addr", "127.0.0.1:0"]).spawn().unwrap();
    let ran = ends_by_itself(second);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.lines().last().is_some_and(|line| line.starts_with("hermes: another Hermes server")), "{ran:?}");
    let rows: Vec<Value> = home.json(&["doctor"]);
    for name in ["dispatcher", "keys", "workers"] {
        assert!(rows.iter().any(|row| row["name"] == name && row["health"] == "ok"), "{name}: {rows:?}");
    }

    let card = home.card("just do it");
    let detail = wait_for(&home, &card, "the worker completes the card", |detail| detail.card.state == CardState::Done);
    assert_eq!(detail.runs[0].outcome, Some(RunOutcome::Completed));
    assert_eq!(detail.runs[0].summary.as_deref(), Some(format!("made T-{card}").as_str()));
    assert_eq!(detail.comments[0].author, "runner");

    let card: CardWritten = home.json(&["kanban", "create", "please ask"]);
    let card = card.card.number.to_string();
    let detail = wait_for(&home, &card, "the worker asks for review", |detail| detail.decision.is_some());
    assert_eq!((detail.card.state, detail.decision.unwrap().ask.as_str()), (CardState::Review, "look at it"));
    let done: CardWritten = home.json(&["kanban", "complete", &card, "--summary", "looked"]);
    assert_eq!(done.card.state, CardState::Done);
    drop(server);
}

#[test]
fn a_card_that_could_start_is_said_to_wait_where_no_server_runs_and_only_then() {
    let home = Home::new();
    // A server is there or not; nothing starts either way.
    home.write("config.yaml", "kanban:\n  default_assignee: runner\n  max_in_progress: 0\n");
    home.write("profiles/runner/config.yaml", "command: [\"true\"]\n");
    let is_said = |args: &[&str]| {
        let ran = home.run(&[&["kanban", "create"], args].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.stderr.contains("No server is running")
    };
    let could_start: [&[&str]; 2] = [&["first"], &["given to somebody", "--assignee", "runner"]];
    let waits_for_something_else: [&[&str]; 5] = [
        &["an idea", "--triage"],
        &["asks first", "--initial-status", "blocked"],
        &["after the first", "--parent", "1"],
        &["tomorrow", "--at", "1d"],
        &["nobody of that name", "--assignee", "nobody"],
    ];
    for args in could_start {
        assert!(is_said(args), "{args:?}");
    }
    for args in waits_for_something_else {
        assert!(!is_said(args), "{args:?}");
    }
    // A script reads its answer, and nothing beside it.
    home.card("for a script");

    let server = Server::start(&home);
    for args in could_start.iter().chain(&waits_for_something_else) {
        assert!(!is_said(args), "{args:?}");
    }
    // What a killed server leaves behind is no server.
    drop(server);
    assert!(is_said(&["after the server"]));
}
