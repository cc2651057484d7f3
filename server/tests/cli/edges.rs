//! What people type that means something else, or nothing: it is understood, or refused whole.

use protocol::{AttachmentView, BoardSummary, CardDetail, CardState, CardWritten, SwarmMade, WaitReason};
use serde_json::Value;

use crate::home::Home;

#[test]
fn a_board_is_made_with_all_that_is_set_or_not_at_all() {
    let home = Home::new();
    home.card("makes the default board");
    let endless = "x".repeat(10_001);
    for (option, value) in [
        ("--color", "pink"),
        ("--icon", "far too long an icon"),
        ("--default-workdir", "/no/such/directory"),
        ("--description", &endless),
        ("--orchestrator", "not/a profile"),
        ("--name", "two\nlines"),
    ] {
        let ran = home.run(&["kanban", "boards", "create", "half", option, value, "--switch"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{option}: {ran:?}");
        let boards: Vec<BoardSummary> = home.json(&["kanban", "boards"]);
        assert_eq!(boards.len(), 1, "{option} left the board behind");
        assert!(!home.path().join("kanban/current").exists(), "{option} switched");
    }
    let made: Value = home.json(&["kanban", "boards", "create", "whole", "--color", "blue", "--icon", "🏠"]);
    assert_eq!((&made["created"], &made["name"], &made["color"]), (&true.into(), &"Whole".into(), &"blue".into()));
    let again: Value = home.json(&["kanban", "boards", "create", "whole", "--color", "red"]);
    assert_eq!((&again["created"], &again["id"], &again["color"]), (&false.into(), &made["id"], &"red".into()));
    assert_eq!(again["icon"], "🏠", "what is not named stays");
    let told = home.run(&["kanban", "boards", "create", "whole"]);
    assert_eq!((told.code, told.stdout.as_str()), (0, "There is the board already: whole  Whole\n"));
    home.run(&["kanban", "boards", "archive", "whole"]);
    assert!(home.run(&["kanban", "boards", "create", "whole"]).stderr.contains("boards restore whole"));
}

#[test]
fn boards_say_what_they_are_and_which_one_is_used() {
    let home = Home::new();
    home.card("makes the default board");
    for (word, on) in [("yes", true), ("no", false), ("on", true), ("off", false), ("True", true)] {
        home.json::<Value>(&["kanban", "boards", "create", "work", "--auto-decompose", word]);
        let shown: Value = home.json(&["kanban", "boards", "show", "work"]);
        assert_eq!(shown["settings"]["auto_decompose"], on, "{word}");
    }
    let ran =
        home.run(&["kanban", "boards", "set", "work", "--orchestrator", "nope", "--icon", "W", "--color", "teal"]);
    assert!(ran.code == 0 && ran.stderr.contains("no profile \"nope\""), "{ran:?}");
    let ran = home.run(&["kanban", "boards", "create", "more", "--orchestrator", "nope"]);
    assert!(ran.code == 0 && ran.stderr.contains("no profile \"nope\""), "{ran:?}");
    home.run(&["kanban", "boards", "switch", "work"]);
    let listed = home.run(&["kanban", "boards", "list"]).stdout;
    let line = |slug: &str| listed.lines().find(|line| line.starts_with(slug)).unwrap().to_owned();
    assert!(line("work").ends_with("current") && !line("default").contains("current"), "{listed}");
    let boards: Vec<Value> = home.json(&["kanban", "boards"]);
    assert!(boards.iter().all(|board| board["current"] == (board["slug"] == "work")), "{boards:?}");
    let shown = home.run(&["kanban", "boards", "show", "work"]).stdout;
    for (name, value) in [("icon", "W"), ("colour", "teal"), ("archived", "no")] {
        let line = shown.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name} in {shown}"));
        assert!(line.ends_with(value), "{shown}");
    }
    let card = home.card("left there");
    home.run(&["kanban", "boards", "archive", "work"]);
    let shown = home.run(&["kanban", "show", &card]).stdout;
    assert!(shown.contains("Does not run yet: its board is archived; `hermes kanban boards restore work`"), "{shown}");
    let listed = home.run(&["kanban", "list", "--board", "work"]).stdout;
    assert!(listed.contains("left there — its board is archived"), "{listed}");
    assert_eq!(home.face(&card).wait, Some(WaitReason::BoardFull { used: 0, limit: 0 }));
    assert!(home.run(&["kanban", "boards", "show", "work"]).stdout.contains("since 20"));
}

#[test]
fn what_is_no_ordinary_file_is_not_attached() {
    let home = Home::new();
    let card = home.card("files");
    let pipe = home.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    for path in [pipe.to_str().unwrap(), "/dev/zero", "/"] {
        let ran = home.run(&["kanban", "attach", &card, path]);
        assert!(ran.code == 1 && ran.stderr.contains("no ordinary file"), "{path}: {ran:?}");
    }
    assert_eq!(home.face(&card).attachments, 0);
}

#[test]
fn a_file_of_a_card_can_be_had_back() {
    let home = Home::new();
    let card = home.card("files");
    home.write("report.txt", "the report");
    let path = |name: &str| home.path().join(name).to_string_lossy().into_owned();
    let file: AttachmentView = home.json(&["kanban", "attach", &card, &path("report.txt")]);
    let ran = home.run(&["kanban", "attach-get", &card, "1", "-o", "-"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "the report"));
    let saved: Value = home.json(&["kanban", "attach-get", &card, "report.txt", "--output", &path("copy.txt")]);
    assert_eq!((&saved["bytes"], saved["path"].as_str()), (&10.into(), Some(path("copy.txt").as_str())));
    assert_eq!(std::fs::read_to_string(path("copy.txt")).unwrap(), "the report");
    std::fs::create_dir(path("there")).unwrap();
    let ran = home.run(&["kanban", "attach-get", &card, &file.id.to_string(), "-o", &path("there")]);
    assert!(ran.code == 0 && std::fs::read_to_string(path("there/report.txt")).unwrap() == "the report", "{ran:?}");
    let ran = home.run(&["kanban", "attach-get", &card, "1", "-o", &path("copy.txt")]);
    assert!(ran.code == 1 && ran.stderr.contains("exists already"), "{ran:?}");
    assert_eq!(home.run(&["kanban", "attach-get", &card, "7"]).code, 1);
    assert_eq!(home.run(&["kanban", "attach-get", &card, "1", "-o", "-", "--json"]).code, 2);
}

#[test]
fn limits_are_taken_away_by_nothing_and_by_zero() {
    let home = Home::new();
    home.json::<CardWritten>(&[
        "kanban",
        "create",
        "x",
        "--max-runtime",
        "1h",
        "--max-tokens",
        "5",
        "--max-cost",
        "1",
        "--max-retries",
        "3",
    ]);
    let options = ["--max-runtime", "--max-tokens", "--max-cost", "--max-retries"];
    for none in ["0", ""] {
        for option in options {
            home.json::<CardWritten>(&["kanban", "edit", "1", option, none]);
        }
        let detail: CardDetail = home.json(&["kanban", "show", "1"]);
        let set = &detail.settings;
        assert_eq!((set.max_runtime_s, set.max_tokens, set.max_attempts), (None, None, None), "{none:?}");
        assert_eq!(detail.card.max_cost_micros, None);
        for option in options {
            home.json::<CardWritten>(&["kanban", "edit", "1", option, "7"]);
        }
        assert_eq!(home.json::<CardDetail>(&["kanban", "show", "1"]).settings.max_runtime_s, Some(7));
    }
}

#[test]
fn dates_are_understood_and_a_time_that_is_past_is_told() {
    let home = Home::new().with_env("TZ", "Europe/Berlin");
    let at = |number: i64| home.json::<CardDetail>(&["kanban", "show", &number.to_string()]).settings.scheduled_at;
    let made = |at: &str| home.json::<CardWritten>(&["kanban", "create", "x", "--at", at]).card;
    let utc = made("2027-06-01T07:30Z");
    assert_eq!((utc.state, at(utc.number)), (CardState::Scheduled, Some(1_811_835_000_000)));
    let same = home.json::<CardWritten>(&["kanban", "schedule", &utc.number.to_string(), "2027-06-01T07:30Z"]).card;
    assert_eq!(at(same.number), Some(1_811_835_000_000), "the card may come first");
    if std::path::Path::new("/usr/share/zoneinfo/Europe/Berlin").exists() {
        assert_eq!(at(made("2027-06-01 09:30").number), Some(1_811_835_000_000));
        assert_eq!(at(made("2027-06-01").number), Some(1_811_800_800_000), "midnight here");
    }
    let past = home.run(&["kanban", "create", "late", "--at", "2020-01-01"]).stdout;
    assert!(past.contains("(ready; the time given is past, so it waits for none)"), "{past}");
}

#[test]
fn nobody_is_none_everywhere_and_names_could_be_profiles() {
    let home = Home::new();
    let assignee = |card: &str| home.face(card).assignee;
    home.json::<CardWritten>(&["kanban", "create", "x", "--assignee", "None"]);
    assert_eq!(assignee("1"), None);
    for verb in [&["kanban", "assign", "1"][..], &["kanban", "reassign", "1"], &["kanban", "edit", "1", "--assignee"]] {
        let ran = home.run(&[verb, &["nope"]].concat());
        assert!(ran.code == 0 && ran.stderr.contains("no profile \"nope\""), "{verb:?}: {ran:?}");
        assert_eq!(assignee("1").as_deref(), Some("nope"));
        home.json::<CardWritten>(&[verb, &["none"]].concat());
        assert_eq!(assignee("1"), None, "{verb:?}");
        for bad in ["a/b", "a\u{1b}[31mb", "two words"] {
            let ran = home.run(&[verb, &[bad]].concat());
            assert!(ran.code == 1 && ran.stderr.contains("cannot name a profile"), "{verb:?} {bad:?}: {ran:?}");
        }
    }
    let swarm: SwarmMade =
        home.json(&["kanban", "swarm", "goal", "--worker", "none:Part", "--verifier", "none", "--synthesizer", "none"]);
    assert_eq!(assignee(&swarm.workers[0].number.to_string()), None);
    assert_eq!(assignee(&swarm.verifier.number.to_string()), None);
    let ran = home.run(&["profile", "create", "none"]);
    assert!(ran.code == 1 && ran.stderr.contains("reserved"), "{ran:?}");
}

#[test]
fn a_branch_is_one_that_git_can_make() {
    let home = Home::new();
    let repository = tempfile::tempdir().unwrap();
    std::fs::create_dir(repository.path().join(".git")).unwrap();
    let workspace = format!("worktree:{}", repository.path().display());
    for bad in ["HEAD", "a..b", "a b", "x.lock"] {
        let ran = home.run(&["kanban", "create", "x", "--workspace", &workspace, "--branch", bad]);
        assert!(ran.code == 1 && ran.stderr.contains("cannot be a branch in git"), "{bad}: {ran:?}");
    }
    let ran = home.run(&["kanban", "create", "x", "--workspace", &workspace, "--branch", "feature/x"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let shown = home.run(&["kanban", "show", "1"]).stdout;
    assert!(shown.contains("\nbranch      feature/x\n") && shown.contains("\nworkspace   worktree of "), "{shown}");
    let ran = home.run(&["kanban", "edit", "1", "--branch", "feature/y"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let shown = home.run(&["kanban", "show", "1"]).stdout;
    assert!(shown.contains("\nbranch      feature/y\n"), "{shown}");
    let ran = home.run(&["kanban", "edit", "1", "--workspace", "scratch", "--branch", "feature/y"]);
    assert!(ran.code == 1 && ran.stderr.contains("only a worktree has a branch"), "{ran:?}");
    let ran = home.run(&["kanban", "edit", "1", "--workspace", "scratch"]);
    assert_eq!(ran.code, 0, "{ran:?}");
}
