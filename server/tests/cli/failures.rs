//! Every failure has its exit code and one sentence, and changes nothing.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use protocol::TaskCard;

use crate::home::Home;

/// Exit code 1, one sentence that contains the part; the same as JSON with its code.
fn refused(home: &Home, args: &[&str], code: &str, part: &str) {
    let ran = home.run(args);
    assert_eq!(ran.code, 1, "{args:?}: {ran:?}");
    assert_eq!(ran.stdout, "", "{args:?}: {ran:?}");
    assert_eq!(ran.stderr.lines().count(), 1, "one sentence: {ran:?}");
    assert!(ran.stderr.starts_with("hermes: ") && ran.stderr.contains(part), "{part:?} in {ran:?}");
    let ran = home.run(&[&["--json"], args].concat());
    assert_eq!(ran.code, 1, "{args:?}: {ran:?}");
    let error = ran.json_error();
    assert_eq!(error["code"], code, "{args:?}: {ran:?}");
    assert!(error["error"].as_str().unwrap().contains(part), "{part:?} in {ran:?}");
}

/// Exit code 2: the command line makes no sense.
fn nonsense(home: &Home, args: &[&str]) {
    let ran = home.run(args);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{args:?}: {ran:?}");
    assert!(!ran.stderr.trim().is_empty(), "{args:?}");
    let ran = home.run(&[&["--json"], args].concat());
    assert_eq!(ran.code, 2, "{args:?}: {ran:?}");
    assert_eq!(ran.json_error()["code"], "usage");
    assert_eq!(ran.stderr.lines().count(), 1, "{args:?}: {ran:?}");
}

#[test]
fn bad_input_is_refused_with_one_sentence() {
    let home = Home::new();
    let card = home.card("a card");
    let done = home.card("a finished card");
    home.run(&["kanban", "complete", &done]);
    refused(&home, &["kanban", "create", ""], "invalid", "title");
    refused(&home, &["kanban", "create", " \t "], "invalid", "title");
    refused(&home, &["kanban", "create", "two\nlines"], "invalid", "one line");
    refused(&home, &["kanban", "create", &"x".repeat(501)], "invalid", "501 characters");
    refused(&home, &["kanban", "create", "x", "--workspace", "dir:/no/such/dir"], "invalid", "/no/such/dir");
    refused(&home, &["kanban", "create", "x", "--parent", "77"], "not_found", "T-77");
    refused(&home, &["kanban", "--board", "nope", "create", "x"], "not_found", "\"nope\"");
    refused(&home, &["kanban", "--board", "nope", "list"], "not_found", "\"nope\"");
    refused(&home, &["kanban", "boards", "create", "No Good"], "invalid", "No Good");
    for verb in ["show", "complete", "archive", "restore", "unblock"] {
        refused(&home, &["kanban", verb, "T-77"], "not_found", "T-77");
    }
    refused(&home, &["kanban", "show", "01a1fcc9-881b-770f-9183-95aacd0ff5c4"], "not_found", "01a1fcc9");
    refused(&home, &["kanban", "comment", "77", "hi"], "not_found", "T-77");
    refused(&home, &["kanban", "comment", &card, "  "], "invalid", "comment");
    refused(&home, &["kanban", "block", &card, " "], "invalid", "reason");
    refused(&home, &["kanban", "unblock", &card], "conflict", "asks nothing");
    refused(&home, &["kanban", "complete", &done], "conflict", "Done");
    refused(&home, &["kanban", "move", &card, "running"], "conflict", "Running");
    refused(&home, &["kanban", "move", &card, "in_progress"], "conflict", "possible:");
    refused(&home, &["kanban", "move", &card, "done", "--revision", "99"], "conflict", "");
    refused(&home, &["kanban", "undo", "01a1fcc9-881b-770f-9183-95aacd0ff5c4"], "not_found", "");
    refused(&home, &["kanban", "unlink", &card, &done], "not_found", "");
    refused(&home, &["profile", "create", "Not Good"], "invalid", "cannot name a profile");
    refused(&home, &["profile", "create", "default"], "conflict", "default");
    refused(&home, &["profile", "create", "x", "--command", "a 'b"], "invalid", "never closed");
    refused(&home, &["profile", "create", "x", "--executor", "command"], "invalid", "program");
    refused(&home, &["serve", "--addr", "0.0.0.0:0"], "denied", "tailscale serve --bg 8787");
    refused(
        &home,
        &["serve", "--addr", "0.0.0.0:18902"],
        "denied",
        "--addr 127.0.0.1:18902` and run `tailscale serve --bg 18902",
    );
    refused(&home, &["serve", "--addr", "[::]:8787"], "denied", "--allow-non-loopback");
    let left: Vec<TaskCard> = home.json(&["kanban", "list"]);
    assert_eq!(left.len(), 2, "nothing was half-written");
}

#[test]
fn a_command_line_that_makes_no_sense_is_exit_code_2() {
    let home = Home::new();
    let card = home.card("a card");
    for args in [
        &["nonsense"][..],
        &["kanban"],
        &["kanban", "create"],
        &["kanban", "create", "x", "--nope"],
        &["kanban", "create", "x", "--max-runtime", "soon"],
        &["kanban", "create", "x", "--max-retries", "0"],
        &["kanban", "create", "x", "--workspace", "scratch:/tmp"],
        &["kanban", "create", "x", "--priority", "high"],
        &["kanban", "create", "x", "--triage", "--initial-status", "blocked"],
        &["kanban", "show", "nothing"],
        &["kanban", "show"],
        &["kanban", "show", "--", "-1"],
        &["kanban", "comment", &card],
        &["kanban", "comment", "words", "without", "card"],
        &["kanban", "block", &card],
        &["kanban", "block", &card, "why", "--kind", "review"],
        &["kanban", "block", &card, "why", "--kind", "bored"],
        &["kanban", "complete"],
        &["kanban", "complete", &card, &card, "--summary", "both"],
        &["kanban", "heartbeat"],
        &["kanban", "list", "--status", "doing"],
        &["kanban", "list", "--limit", "0"],
        &["kanban", "move", &card, "nowhere"],
        &["kanban", "undo", "x"],
        &["kanban", "create", "x", "--triage", "--at", "1h"],
        &["kanban", "create", "x", "--initial-status", "blocked", "--at", "1h"],
        &["kanban", "watch", "--kinds", "created,frob"],
        &["kanban", "boards", "create", "x", "--auto-decompose", "maybe"],
        &["kanban", "schedule", &card],
        &["kanban", "schedule", "T-9", "T-8"],
        &["demo", "--cards", "0"],
        &["demo", "--cards", "3", "--remove"],
        &["completions", "tcsh"],
        &["serve", "--addr", "localhost"],
        &["worker", "run"],
    ] {
        nonsense(&home, args);
    }
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let home = Home::new();
    let bad = OsStr::from_bytes(b"bad \xff\xfe");
    let ran = home.run(&[OsStr::new("kanban"), OsStr::new("create"), bad]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("UTF-8"), "{ran:?}");
    let ran = home.feed(&["kanban", "create", "x", "--body", "-"], b"fine until \xff");
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("not UTF-8 text from byte 11"), "{ran:?}");
    assert!(home.json::<Vec<TaskCard>>(&["kanban", "list"]).is_empty());
}

#[test]
fn a_megabyte_is_kept_and_one_byte_more_is_refused() {
    let home = Home::new();
    let most = "é".repeat(protocol::MAX_TEXT_BYTES / 2);
    let ran = home.feed(&["kanban", "create", "full", "--body", "-"], most.as_bytes());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(home.json::<protocol::CardDetail>(&["kanban", "show", "1"]).body, most);
    for args in [
        &["kanban", "create", "too full", "--body", "-"][..],
        &["kanban", "comment", "1", "-"],
        &["kanban", "block", "1", "-"],
        &["kanban", "complete", "1", "--summary", "-"],
    ] {
        let ran = home.feed(args, format!("{most}x").as_bytes());
        assert_eq!(ran.code, 1, "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("1000000 bytes"), "{args:?}: {}", ran.stderr);
    }
    let cards: Vec<TaskCard> = home.json(&["kanban", "list"]);
    assert_eq!((cards.len(), cards[0].revision, cards[0].comments), (1, 1, 0), "nothing was changed");
}

#[test]
fn cycles_are_refused_and_leave_no_link() {
    let home = Home::new();
    let (a, b, c) = (home.card("a"), home.card("b"), home.card("c"));
    home.json::<serde_json::Value>(&["kanban", "link", &a, &b]);
    home.json::<serde_json::Value>(&["kanban", "link", &b, &c]);
    refused(&home, &["kanban", "link", &c, &a], "invalid", "");
    refused(&home, &["kanban", "link", &a, &a], "invalid", "");
    assert_eq!(home.face(&a).children, 1);
    assert_eq!(home.face(&c).children, 0);
}

#[test]
fn a_home_that_cannot_be_used_is_named() {
    let home = Home::new();
    home.write("config.yaml", "kanban:\n  max_in_progress: many\n");
    for args in [&["kanban", "list"][..], &["kanban", "create", "x"], &["serve"], &["setup-link"], &["demo"]] {
        refused(&home, args, "unavailable", "config.yaml");
    }
    assert_eq!(std::fs::read_to_string(home.path().join("config.yaml")).unwrap(), "kanban:\n  max_in_progress: many\n");
    assert!(!home.path().join("hermes.db").exists(), "nothing was made beside it");

    // Not even root can write there.
    let sealed = Home::new().with_env("HERMES_HOME", "/proc/hermes");
    refused(&sealed, &["kanban", "list"], "unavailable", "/proc/hermes");
    refused(&sealed, &["profile", "create", "x"], "unavailable", "/proc/hermes");
    let file = Home::new();
    file.write("in-the-way", "");
    let blocked = file.path().join("in-the-way").display().to_string();
    let file = file.with_env("HERMES_HOME", &blocked);
    refused(&file, &["kanban", "list"], "unavailable", "in-the-way");

    let damaged = Home::new();
    damaged.write("hermes.db", "this is no database, whatever its name says, and it is long enough to have a header");
    refused(&damaged, &["kanban", "list"], "unavailable", "hermes.db");
    let ran = damaged.run(&["doctor"]);
    assert!(ran.code == 1 && ran.stdout.contains("hermes.db"), "{ran:?}");
}

#[test]
fn messages_speak_to_people() {
    let home = Home::new();
    home.card("a card");
    let huge = "99999999999999999999";
    for (args, part) in [
        (&["kanban", "show", "\u{1b}[31mfoo"][..], "names no card"),
        (&["kanban", "list", "--limit", huge], "is no whole number from 1 to 9999"),
        (&["kanban", "create", "x", "--priority", huge], "is no whole number from"),
        (&["kanban", "create", "x", "--priority", "high"], "is no whole number from"),
        (&["kanban", "create", "x", "--max-tokens", ""], "is no whole number from"),
        (&["kanban", "log", "1", "--tail", huge], "is no whole number from"),
        (&["kanban", "boards", "set", "default", "--slots", "many"], "is no whole number from"),
        (&["demo", "--cards", huge], "is no whole number from"),
        (&["serve", "--addr", "localhost"], "127.0.0.1:8787"),
        (&["kanban", "undo", "x"], "no id of a change"),
        (&["kanban", "create", "x", "--at", "soon"], "2026-12-01T09:30"),
        (&["kanban", "watch", "--kinds", "frob"], "commented, completed"),
        (&["kanban", "create", "x", "--max-cost", "-3"], "\"-3\" is no sum of money"),
        (&["kanban", "edit", "1", "--max-tokens", "-3"], "\"-3\""),
    ] {
        let ran = home.run(args);
        assert_eq!(ran.code, 2, "{args:?}: {ran:?}");
        assert!(ran.stderr.contains(part), "{part:?} in {ran:?}");
        for inside in ["\\u{", "\u{1b}", "target type", "invalid digit", "socket address syntax", "urn:uuid"] {
            assert!(!ran.stderr.contains(inside), "{inside:?} in {ran:?}");
        }
    }
    refused(&home, &["kanban", "boards", "rename", "default", ""], "invalid", "a board needs a name");
    refused(&home, &["kanban", "create", "\u{200b}\u{feff}\u{2060}"], "invalid", "a card needs a title");
    refused(&home, &["kanban", "move", "1", "review"], "conflict", "possible: Triage, Done, Archived");
}

#[test]
fn verbs_of_the_python_hermes_get_a_line_of_advice() {
    let home = Home::new();
    for (args, part) in [
        (&["kanban", "init"][..], "not needed"),
        (&["kanban", "daemon", "--force"], "hermes serve"),
        (&["kanban", "notify-subscribe", "t_1", "--platform", "telegram"], "Notifications"),
        (&["kanban", "notify-list"], "Notifications"),
        (&["kanban", "boards", "delete", "work"], "boards archive"),
        (&["kanban", "boards", "rm", "work", "--delete"], "boards archive"),
        (&["kanban", "show", "t_1a2b3c4d"], "hermes import --find t_1a2b3c4d"),
        (&["kanban", "create", "x", "--goal"], "no goal mode"),
        (&["kanban", "create", "x", "--created-by", "me"], "notes by itself"),
        (&["kanban", "list", "--session", "s"], "no chat session"),
        (&["kanban", "attach", "1", "x", "--content-type", "text/plain"], "read from itself"),
        (&["kanban", "dispatch", "--max", "3"], "max_in_progress"),
    ] {
        let ran = home.run(args);
        assert_eq!(ran.code, 2, "{args:?}: {ran:?}");
        assert!(ran.stderr.contains(part), "{part:?} in {ran:?}");
        let ran = home.run(&[args, &["--json"]].concat());
        assert!(ran.json_error()["error"].as_str().unwrap().contains(part), "{ran:?}");
    }
    assert_eq!(home.run(&["kanban", "init"]).stderr.lines().count(), 1);
}
