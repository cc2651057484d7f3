//! Text of any script and intent goes in and out unchanged, and never steers a terminal.

use protocol::{CardDetail, CardWritten, CommentAdded};

use crate::home::Home;

const TITLES: &[&str] = &[
    "修好登录 🎉",
    "مرحبا بالعالم",
    "👩‍👩‍👧‍👦 e\u{301} ﬁ \u{200d}",
    "'; DROP TABLE kanban_card; --",
    "$(rm -rf ~) `id` ${HOME} %s %n \\0 \\x00",
    "<script>alert(1)</script> [x](javascript:alert(1))",
    "\u{1b}[2J\u{1b}[31mred\u{7} \u{9b}31m \u{202e}desrever",
    "--not-an-option",
    "{\"json\": [1, null]} \"quoted\" \\",
    "\u{fffd}\u{fffe}\u{10ffff}",
];

#[test]
fn titles_bodies_and_comments_come_back_as_they_were() {
    let home = Home::new();
    for title in TITLES {
        let body = format!("{title}\n\n\t{title}\r\n");
        let written: CardWritten = {
            let ran = home.feed(&["kanban", "create", "--json", "--body", "-", "--", title], body.as_bytes());
            assert_eq!(ran.code, 0, "{title:?}: {}", ran.stderr);
            serde_json::from_str(&ran.stdout).unwrap()
        };
        let number = written.card.number.to_string();
        let ran = home.run(&["kanban", "comment", "--json", "--", &number, title]);
        let added: CommentAdded = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
        let comment = added.comment;
        assert!(!comment.html.contains("<script"), "{}", comment.html);
        let detail: CardDetail = home.json(&["kanban", "show", &number]);
        assert_eq!((detail.card.title.as_str(), detail.body.as_str()), (title.trim(), body.as_str()));
        assert!(!detail.body_html.contains("<script"), "{}", detail.body_html);
        assert_eq!(detail.card.comments, 1);
    }
    let listed = home.run(&["kanban", "list"]).stdout;
    assert_eq!(listed.lines().count(), TITLES.len() + 1, "one line per card: {listed}");
}

#[test]
fn nothing_in_a_text_reaches_the_terminal_as_a_command() {
    let home = Home::new();
    let hostile = "a\u{1b}]0;title\u{7}\u{1b}[2Jb\rc\u{9b}5nd";
    let title = hostile.replace('\r', "");
    home.feed(&["kanban", "create", &title, "--body", "-"], hostile.as_bytes());
    home.run(&["kanban", "comment", "1", hostile]);
    home.run(&["kanban", "block", "1", hostile]);
    for args in [
        &["kanban", "list"][..],
        &["kanban", "show", "1"],
        &["kanban", "unblock", "1", "--reason", hostile],
        &["kanban", "archive", "1"],
    ] {
        let ran = home.run(args);
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.stderr);
        for char in ['\u{1b}', '\u{7}', '\r', '\u{9b}'] {
            assert!(!ran.stdout.contains(char) && !ran.stderr.contains(char), "{char:?} in {args:?}: {ran:?}");
        }
    }
    let ran = home.run(&["kanban", "list", "--board", hostile]);
    assert!(ran.code == 1 && !ran.stderr.contains('\u{1b}'), "{ran:?}");
}

#[test]
fn a_nul_from_stdin_is_kept_or_refused_but_never_cuts_the_text() {
    let home = Home::new();
    let ran = home.feed(&["kanban", "create", "x", "--body", "-"], b"before\0after");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(home.json::<CardDetail>(&["kanban", "show", "1"]).body, "before\0after");
    assert!(!home.run(&["kanban", "show", "1"]).stdout.contains('\0'));
}
