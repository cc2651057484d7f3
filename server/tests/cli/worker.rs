//! Inside a worker the same verbs carry its ticket: its own card only, and never a person's part.

use agent_core::kanban::{self, worker};
use protocol::{CardDetail, CardState, CardWritten, RunOutcome, TaskCard};
use serde_json::Value;

use crate::home::Home;

/// A home with one card that this very process works on.
async fn working(title: &str) -> (Home, String) {
    let mut home = Home::new();
    home.write("config.yaml", "kanban:\n  default_assignee: runner\n");
    home.write("profiles/runner/config.yaml", "command: [\"true\"]\n");
    let card = home.card(title);
    claim(&mut home).await;
    (home, card)
}

async fn claim(home: &mut Home) {
    let core = home.core().await;
    let claim = kanban::claim_next(&core, "test").await.unwrap().expect("a card to claim");
    let own = agent_core::process::own_identity().unwrap();
    worker::start(&core, claim.ticket, own.pid, own.started).await.unwrap();
    core.close().await;
    home.set_env("HERMES_KANBAN_RUN_ID", &claim.ticket.run.to_string());
    home.set_env("HERMES_KANBAN_FENCE", &claim.ticket.fence.to_string());
}

#[tokio::test]
async fn works_and_completes_its_own_card() {
    let (home, card) = working("work").await;
    let shown: CardDetail = home.json(&["kanban", "show"]);
    assert_eq!((shown.card.number.to_string(), shown.card.state), (card.clone(), CardState::Running));
    let beat: CardWritten = home.json(&["kanban", "heartbeat"]);
    assert_eq!(beat.card.state, CardState::Running);
    let beat: CardWritten = home.json(&["kanban", "heartbeat", &card, "--note", "still reading"]);
    assert_eq!(beat.card.number.to_string(), card);
    let mine: Vec<TaskCard> = home.json(&["kanban", "list", "--mine"]);
    assert_eq!(mine.len(), 1, "a card that names nobody is the default profile's");
    let _: CardWritten = home.json(&["kanban", "comment", "half", "way", "there"]);
    let done: CardWritten = home.json(&["kanban", "complete", "--summary", "all done", "--metadata", "{\"files\": 2}"]);
    assert_eq!((done.card.state, done.undo), (CardState::Done, None));
    let detail: CardDetail = home.json(&["kanban", "show", &card]);
    assert_eq!(detail.runs[0].outcome, Some(RunOutcome::Completed));
    assert_eq!(detail.runs[0].summary.as_deref(), Some("all done"));
    assert!(detail.comments[0].by_worker && detail.comments[0].author == "runner");
}

#[tokio::test]
async fn metadata_that_is_no_object_is_refused_and_nothing_is_half_done() {
    let (mut home, card) = working("facts").await;
    let path = home.path().join("workspaces").join(format!("T-{card}/report.md"));
    std::fs::write(&path, "# Report").unwrap();
    let path = path.to_string_lossy().into_owned();
    for bad in ["[1]", "\"text\"", "7", "{", "{\"a\":}", "not json"] {
        let args = ["kanban", "complete", "--summary", "done", "--artifact", &path, "--metadata", bad, "--json"];
        let ran = home.run(&args);
        assert_eq!((ran.code, ran.json_error()["code"].as_str()), (1, Some("invalid")), "{bad:?}: {ran:?}");
    }
    home.clear_env();
    let now = home.face(&card);
    assert_eq!((now.state, now.attachments), (CardState::Running, 0));
}

#[tokio::test]
async fn asks_for_review_and_a_person_sends_it_on() {
    let (mut home, card) = working("draft").await;
    let blocked: Value = home.json(&[
        "kanban",
        "block",
        "review-required:",
        "please",
        "look",
        "--summary",
        "wrote it",
        "--option",
        "ship",
        "--option",
        "wait",
    ]);
    assert_eq!((blocked["kind"].as_str(), blocked["card"]["state"].as_str()), (Some("review"), Some("review")));
    home.clear_env();
    let detail: CardDetail = home.json(&["kanban", "show", &card]);
    let decision = detail.decision.unwrap();
    assert_eq!((decision.ask.as_str(), decision.options), ("please look", vec!["ship".to_owned(), "wait".to_owned()]));
    let settled = home.run(&["kanban", "unblock", &card]);
    assert_eq!(settled.code, 0, "{}", settled.stderr);
    assert_eq!(home.face(&card).state, CardState::Ready, "unblock approves and lets the worker go on");
}

#[tokio::test]
async fn a_question_names_its_kind() {
    let (home, card) = working("draft").await;
    let blocked: Value = home.json(&["kanban", "block", &format!("T-{card}"), "no", "printer", "--kind", "capability"]);
    assert_eq!((blocked["kind"].as_str(), blocked["card"]["state"].as_str()), (Some("capability"), Some("blocked")));
}

#[tokio::test]
async fn may_not_do_a_persons_part() {
    let (mut home, card) = working("mine").await;
    let env = home.run(&["kanban", "list"]);
    assert_eq!(env.code, 0);
    home.clear_env();
    let other = home.card("other");
    let gate: CardWritten = home.json(&["kanban", "create", "gate", "--initial-status", "blocked"]);
    let gate = gate.card.number.to_string();
    let ticket = {
        let core = home.core().await;
        let run = kanban::card_detail(&core, card.parse().unwrap()).await.unwrap().runs[0].id;
        core.close().await;
        run
    };
    home.set_env("HERMES_KANBAN_RUN_ID", &ticket.to_string());
    home.set_env("HERMES_KANBAN_FENCE", "1");
    for args in [
        &["kanban", "unblock", &gate][..],
        &["kanban", "move", &other, "done"],
        &["kanban", "archive", &other],
        &["kanban", "archive", "--rm", &other],
        &["kanban", "restore", &other],
        &["kanban", "assign", &other, "runner"],
        &["kanban", "undo", "01a1fcc9-881b-770f-9183-95aacd0ff5c4"],
        &["kanban", "boards", "create", "x"],
        &["kanban", "complete", &other, "--summary", "not mine"],
        &["kanban", "block", &other, "not mine"],
        &["kanban", "block", &card, "mine", "--ids", &other],
        &["kanban", "heartbeat", &other],
        &["kanban", "promote", &other],
        &["kanban", "schedule", "1h", &other],
        &["kanban", "claim", &other],
        &["kanban", "templates", "save", "x", "--title", "x"],
        &["demo"],
        &["setup-link"],
        &["profile", "create", "accomplice", "--command", "sh"],
    ] {
        let ran = home.run(&[args, &["--json"]].concat());
        assert_eq!((ran.code, ran.json_error()["code"].as_str()), (1, Some("denied")), "{args:?}: {ran:?}");
    }
    let ran = home.run(&["kanban", "create", "follow-up", "--assignee", "nobody", "--json"]);
    assert_eq!((ran.code, ran.json_error()["code"].as_str()), (1, Some("invalid")), "an assignee must exist: {ran:?}");
    let made: CardWritten =
        home.json(&["kanban", "create", "follow-up", "--assignee", "runner", "--body", "key OPENAI_API_KEY=abc123"]);
    let detail: CardDetail = home.json(&["kanban", "show", &made.card.number.to_string()]);
    assert_eq!((detail.created_by.as_str(), made.undo), ("runner", None));
    assert!(!detail.body.contains("abc123"), "{}", detail.body);
    home.clear_env();
    assert_eq!(home.face(&gate).state, CardState::Blocked);
    assert_eq!(home.face(&other).state, CardState::Ready);
    assert_eq!(home.face(&card).state, CardState::Running);
}

#[tokio::test]
async fn a_late_worker_is_refused_and_changes_nothing() {
    let (mut home, card) = working("taken back").await;
    let core = home.core().await;
    let actor = agent_core::Actor::CommandLine { user: "ada".into() };
    let id = kanban::card(&core, card.parse().unwrap()).await.unwrap().id;
    let params = protocol::MoveCardParams { id, revision: None, to: CardState::Triage, after: None, before: None };
    kanban::move_card(&core, &actor, params).await.unwrap();
    core.close().await;
    for args in [
        &["kanban", "complete", "--summary", "too late"][..],
        &["kanban", "block", "too late"],
        &["kanban", "comment", "too late"],
        &["kanban", "heartbeat"],
        &["kanban", "create", "too late"],
    ] {
        let ran = home.run(&[args, &["--json"]].concat());
        assert_eq!((ran.code, ran.json_error()["code"].as_str()), (1, Some("conflict")), "{args:?}: {ran:?}");
        assert!(ran.stderr.contains("no longer owns its card"), "{ran:?}");
    }
    home.clear_env();
    let detail: CardDetail = home.json(&["kanban", "show", &card]);
    assert_eq!((detail.card.state, detail.comments.len()), (CardState::Triage, 0));
}

#[tokio::test]
async fn the_shell_of_an_agent_may_look_and_nothing_else() {
    let (mut home, card) = working("mine").await;
    home.set_env("HERMES_KANBAN_FENCE", "");
    assert_eq!(home.face(&card).state, CardState::Running);
    assert_eq!(home.run(&["kanban", "list"]).code, 0);
    for args in [
        &["kanban", "complete", &card, "--summary", "by hand"][..],
        &["kanban", "comment", &card, "as a person"],
        &["kanban", "create", "more"],
        &["kanban", "heartbeat"],
        &["setup-link"],
    ] {
        let ran = home.run(&[args, &["--json"]].concat());
        assert_eq!((ran.code, ran.json_error()["code"].as_str()), (1, Some("denied")), "{args:?}: {ran:?}");
    }
    home.clear_env();
    assert_eq!((home.face(&card).state, home.face(&card).comments), (CardState::Running, 0));
}

#[test]
fn a_ticket_that_is_half_or_nonsense_is_exit_code_2() {
    for (run, fence) in [("", "1"), ("x", "1"), ("01a1fcc9-881b-770f-9183-95aacd0ff5c4", "one")] {
        let home = Home::new().with_env("HERMES_KANBAN_RUN_ID", run).with_env("HERMES_KANBAN_FENCE", fence);
        let ran = home.run(&["kanban", "heartbeat"]);
        assert_eq!(ran.code, 2, "{run:?} {fence:?}: {ran:?}");
    }
}
