//! When cards start, and who stops them: promote, schedule, claim and block, for one card and for several.

use protocol::{CardDetail, CardState, CardWritten, Promoted, UndoResult};
use serde_json::Value;

use crate::home::Home;

fn numbers(home: &Home, titles: &[&str]) -> Vec<String> {
    titles.iter().map(|title| home.card(title)).collect()
}

#[test]
fn promote_tells_first_and_frees_a_card_when_it_is_forced() {
    let home = Home::new();
    let (parent, child) = (home.card("parent"), home.card("child"));
    home.json::<Value>(&["kanban", "link", &parent, &child]);
    for dry in [&[][..], &["--dry-run"]] {
        let refused = home.run(&[&["kanban", "promote", &child, "--json"], dry].concat());
        let error = refused.json_error();
        assert_eq!((refused.code, error["code"].as_str()), (1, Some("conflict")), "{refused:?}");
        assert!(error["error"].as_str().unwrap().contains("`hermes kanban promote T-2 --force` does"), "{error}");
    }
    let dry: Promoted = home.json(&["kanban", "promote", &child, "--force", "--dry-run"]);
    assert_eq!((dry.dry_run, dry.to, dry.unlinked.as_slice()), (true, CardState::Ready, [1].as_slice()));
    assert_eq!((dry.written.card.state, dry.written.undo), (CardState::Todo, None));
    let told = home.run(&["kanban", "promote", &child, "--force", "--dry-run"]);
    assert_eq!(told.stdout, "Would promote T-2  child  (todo → ready; no longer waits for T-1)\n");
    assert_eq!((home.face(&child).state, home.face(&child).comments), (CardState::Todo, 0));

    let done: Promoted = home.json(&["kanban", "promote", &child, "it", "is", "urgent", "--force"]);
    assert_eq!((done.dry_run, done.written.card.state), (false, CardState::Ready));
    assert_eq!(home.face(&child).comments, 1, "the reason is a comment");
    let back: UndoResult = home.json(&["kanban", "undo", &done.written.undo.unwrap().to_string()]);
    assert!(back.refused.is_empty(), "{back:?}");
    assert_eq!((home.face(&child).state, home.face(&child).comments), (CardState::Todo, 0));
    let told = home.run(&["kanban", "promote", &child, "--force"]);
    assert!(told.stdout.starts_with("Promoted T-2  child  (ready; no longer waits for T-1)"), "{told:?}");
    assert!(told.stderr.contains("hermes kanban undo "), "{told:?}");
    let several = home.run(&["kanban", "promote", &parent, "--ids", "99", &child, "--dry-run", "--json"]);
    let (some, none): (Vec<Promoted>, Vec<Value>) =
        (serde_json::from_str(&several.stdout).unwrap(), serde_json::from_str(&several.stderr).unwrap());
    assert_eq!((several.code, some.len(), &none[0]["card"]), (1, 2, &Value::from("T-99")));
}

#[test]
fn schedule_takes_cards_first_with_the_reason() {
    let home = Home::new();
    let cards = numbers(&home, &["a", "b", "c"]);
    let later: Vec<CardWritten> = home.json(&[
        "kanban", "schedule", &cards[0], "not", "before", "spring", "--at", "2h", "--ids", &cards[1], &cards[2],
    ]);
    assert!(later.iter().all(|written| written.card.state == CardState::Scheduled && written.card.comments == 1));
    let undo = later[0].undo.unwrap().to_string();
    assert_eq!(home.run(&["kanban", "undo", &undo]).code, 0);
    assert_eq!((home.face(&cards[0]).state, home.face(&cards[0]).comments), (CardState::Ready, 0));
    let again: CardWritten = home.json(&["kanban", "schedule", "1h", &cards[0], "--reason", "later"]);
    assert_eq!((again.card.state, again.card.comments), (CardState::Scheduled, 1));
    for args in [
        &["kanban", "schedule", &cards[0], "--at", "soon"][..],
        &["kanban", "schedule", "why", "--at", "2h"],
        &["kanban", "schedule", &cards[0], "once", "--at", "2h", "--reason", "twice"],
        &["kanban", "schedule", &cards[0], "T-x", "--at", "2h"],
        &["kanban", "promote", "why"],
        &["kanban", "promote", &cards[0], "T-x"],
    ] {
        assert_eq!(home.run(args).code, 2, "{args:?}");
    }
    assert_eq!(home.face(&cards[0]).comments, 1, "nothing was said by what makes no sense");
}

#[test]
fn a_claim_lasts_as_long_as_was_asked() {
    let home = Home::new();
    let cards = numbers(&home, &["a", "b"]);
    let now = || std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64;
    let before = now();
    let work: Value = home.json(&["kanban", "claim", &cards[0], "--ttl", "7200"]);
    let until = work["lease_until"].as_i64().unwrap();
    assert!((before + 7_200_000..=now() + 7_200_000).contains(&until), "{work}");
    let told = home.run(&["kanban", "claim", &cards[1], "--ttl", "2h"]);
    assert!(told.code == 0 && told.stdout.starts_with("T-2 is yours for 120 minutes,"), "{told:?}");
    for bad in ["59", "2d", "soon"] {
        let ran = home.run(&["kanban", "claim", &cards[0], "--ttl", bad]);
        assert_eq!(ran.code, 2, "{bad}: {ran:?}");
    }
    assert_eq!(home.face(&cards[0]).state, CardState::Running);
}

#[test]
fn several_cards_are_blocked_with_one_reason() {
    let home = Home::new();
    let cards = numbers(&home, &["a", "b"]);
    let both: Vec<CardWritten> =
        home.json(&["kanban", "block", &cards[0], "red", "or", "blue?", "--ids", &cards[1], &cards[0]]);
    assert_eq!(both.len(), 2, "each once");
    for card in &cards {
        assert_eq!(home.face(card).ask.unwrap().ask, "red or blue?");
    }
    let ran = home.run(&["kanban", "block", &cards[0], "why", "--ids", "99", "--json"]);
    let failed: Vec<Value> = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!((ran.code, ran.stdout.trim(), failed.len()), (1, "[]", 2), "{ran:?}");
    let third = home.card("c");
    let ran = home.run(&["kanban", "block", &third, "why", "--ids", "99"]);
    assert_eq!(ran.code, 1, "any failure counts");
    assert!(ran.stdout.contains("Blocked T-3  c  (blocked)") && ran.stderr.contains("T-99"), "{ran:?}");
}

#[test]
fn a_due_time_is_set_and_taken_away() {
    let home = Home::new();
    let made: CardWritten = home.json(&["kanban", "create", "x", "--due", "2027-06-01T07:30Z"]);
    assert_eq!((made.card.due_at, made.card.state), (Some(1_811_835_000_000), CardState::Ready));
    let none: CardWritten = home.json(&["kanban", "edit", "1", "--due", "none"]);
    assert_eq!(none.card.due_at, None);
    let some: CardWritten = home.json(&["kanban", "edit", "1", "--due", "1d"]);
    assert!(some.card.due_at.is_some());
    assert!(home.run(&["kanban", "show", "1"]).stdout.contains("\ndue         "));
    let ran = home.run(&["kanban", "edit", "1", "--due", "soon"]);
    assert!(ran.code == 2 && ran.stderr.contains("or none"), "{ran:?}");
    let detail: CardDetail = home.json(&["kanban", "show", "1"]);
    assert_eq!(detail.card.due_at, some.card.due_at);
}
