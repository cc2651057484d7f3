//! Templates: saved from a card or by hand, shown, used, and deleted.

use protocol::{CardDetail, CardTemplate, CardWritten};

use crate::home::Home;

#[test]
fn a_template_is_saved_from_a_card_and_used() {
    let home = Home::new();
    assert_eq!(home.run(&["kanban", "templates"]).stdout, "The board has no templates.\n");
    home.run(&[
        "kanban",
        "create",
        "Fix a bug",
        "--body",
        "find it, mend it",
        "--label",
        "bug",
        "--priority",
        "2",
        "--assignee",
        "coder",
        "--due",
        "1d",
    ]);
    let saved: CardTemplate = home.json(&["kanban", "templates", "save", "Bug", "--from", "1", "--label", "urgent"]);
    assert_eq!((saved.params.title.as_str(), saved.params.labels.len(), saved.params.due_at), ("Fix a bug", 2, None));
    let listed: Vec<CardTemplate> = home.json(&["kanban", "templates", "list"]);
    assert_eq!(listed, std::slice::from_ref(&saved));
    let shown: CardTemplate = home.json(&["kanban", "templates", "show", "bug"]);
    assert_eq!(shown.id, saved.id, "small letters will do");
    let shown = home.run(&["kanban", "templates", "show", "Bug"]).stdout;
    assert!(shown.contains("Fix a bug") && shown.contains("\nfind it, mend it\n"), "{shown}");

    let made: CardWritten = home.json(&["kanban", "create", "--template", "bug"]);
    let detail: CardDetail = home.json(&["kanban", "show", &made.card.number.to_string()]);
    assert_eq!((detail.card.title.as_str(), detail.body.as_str()), ("Fix a bug", "find it, mend it"));
    assert_eq!((detail.card.priority, detail.card.labels), (2, vec!["bug".to_owned(), "urgent".to_owned()]));
    let other: CardWritten = home.json(&["kanban", "create", "Other", "--template", "Bug", "--assignee", "none"]);
    assert_eq!((other.card.title.as_str(), other.card.assignee), ("Other", None), "what is given goes first");

    let gone: CardTemplate = home.json(&["kanban", "templates", "delete", "bug"]);
    assert_eq!(gone.id, saved.id);
    for args in [&["kanban", "templates", "show", "bug"][..], &["kanban", "create", "x", "--template", "bug"]] {
        let ran = home.run(args);
        assert!(ran.code == 1 && ran.stderr.contains("`hermes kanban templates` lists them"), "{args:?}: {ran:?}");
    }
}

#[test]
fn a_template_says_something_and_is_overwritten() {
    let home = Home::new();
    assert_eq!(home.run(&["kanban", "templates", "save", "Empty"]).code, 2);
    assert_eq!(home.run(&["kanban", "templates", "save", "Bug", "--from", "9"]).code, 1);
    for title in ["one", "two"] {
        home.json::<CardTemplate>(&["kanban", "templates", "save", "Bug", "--title", title, "--skill", "git"]);
    }
    let listed: Vec<CardTemplate> = home.json(&["kanban", "template", "ls"]);
    assert_eq!((listed.len(), listed[0].params.title.as_str()), (1, "two"));
    let told = home.run(&["kanban", "templates", "save", "Notes", "--body", "write"]);
    assert!(told.stdout == "Saved the template Notes\n" && told.stderr.contains("--template \"Notes\""), "{told:?}");
    let ran = home.run(&["kanban", "create", "--template", "Notes"]);
    assert!(ran.code == 1 && ran.stderr.contains("a card needs a title"), "{ran:?}");
    home.json::<serde_json::Value>(&["kanban", "boards", "create", "work"]);
    let elsewhere: Vec<CardTemplate> = home.json(&["kanban", "templates", "--board", "work"]);
    assert!(elsewhere.is_empty(), "each board has its own");
}
