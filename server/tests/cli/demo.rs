//! Sample cards look real, start nothing, call nobody, and go without a trace.

use std::collections::HashSet;

use agent_core::{decisions, kanban};
use protocol::{CardDetail, CardState, CardWritten, TaskCard};
use serde_json::{Value, json};

use crate::home::Home;

#[test]
fn samples_fill_every_column_with_stories() {
    let home = Home::new();
    let added: Value = home.json(&["demo"]);
    assert_eq!(added, json!({ "added": 24, "removed": 0 }));
    let mut cards: Vec<TaskCard> = home.json(&["kanban", "list"]);
    cards.extend(home.json::<Vec<TaskCard>>(&["kanban", "list", "--archived"]));
    let states: HashSet<CardState> = cards.iter().map(|card| card.state).collect();
    assert_eq!(states.len(), CardState::ALL.len(), "{states:?}");
    let ranks: HashSet<(CardState, &str)> = cards.iter().map(|card| (card.state, card.rank.as_str())).collect();
    assert_eq!(ranks.len(), cards.len(), "every card has a place of its own");
    for card in &cards {
        let detail: CardDetail = home.json(&["kanban", "show", &card.number.to_string()]);
        let gate = matches!(card.state, CardState::Review | CardState::Blocked);
        assert_eq!(detail.decision.is_some(), gate, "{}", card.title);
        let worked =
            matches!(card.state, CardState::Running | CardState::Review | CardState::Blocked | CardState::Done);
        assert_eq!(!detail.runs.is_empty() && !detail.activity.is_empty(), worked, "{}", card.title);
        assert_eq!(detail.comments.len(), card.comments as usize, "{}", card.title);
        if card.state == CardState::Todo {
            assert_eq!(detail.parents.len(), 1, "{} waits for something", card.title);
        }
        assert!(detail.created_at <= card.state_at && card.state_at <= detail.now, "{}", card.title);
    }
}

#[tokio::test]
async fn samples_are_never_worked_on() {
    let home = Home::new();
    home.write("config.yaml", "kanban:\n  default_assignee: default\n");
    for id in ["coder", "writer"] {
        home.write(&format!("profiles/{id}/config.yaml"), "command: [\"true\"]\n");
    }
    home.run(&["demo", "--cards", "100"]);
    let core = home.core().await;
    assert!(kanban::claim_next(&core, "test").await.unwrap().is_none());
    let inbox = decisions::inbox(&core).await.unwrap();
    assert_eq!(inbox.running, 0, "samples hold no slot");
    core.close().await;
}

#[tokio::test]
async fn removing_takes_exactly_the_samples() {
    let home = Home::new();
    let mine: CardWritten = home.json(&["kanban", "create", "mine"]);
    let comment = home.run(&["kanban", "comment", &mine.card.number.to_string(), "keep me"]);
    assert_eq!(comment.code, 0);
    assert_eq!(home.json::<Value>(&["demo", "--cards", "2500"])["added"], 2500);
    // One of mine waits for a sample that is under way, and has no other reason to wait.
    let running: Vec<TaskCard> = home.json(&["kanban", "list", "--status", "running", "--limit", "9999"]);
    let waits: CardWritten =
        home.json(&["kanban", "create", "after a sample", "--parent", &running[0].number.to_string()]);
    assert_eq!(waits.card.state, CardState::Todo);
    let before = home.face(&mine.card.number.to_string());

    assert_eq!(home.json::<Value>(&["demo", "--remove"])["removed"], 2500);
    let left: Vec<TaskCard> = home.json(&["kanban", "list"]);
    assert_eq!(left.len(), 2);
    assert_eq!(home.face(&mine.card.number.to_string()), before);
    assert_eq!(home.face(&waits.card.number.to_string()).state, CardState::Ready, "nothing is left to wait for");
    assert_eq!(home.json::<Value>(&["demo", "--remove"])["removed"], 0);

    let core = home.core().await;
    let page = kanban::board_page(&core, "", &protocol::BoardView::default()).await.unwrap();
    let totals: i64 = page.columns.iter().map(|column| column.total).sum();
    assert_eq!(totals, 2, "the counts of the columns went with them");
    assert_eq!(decisions::open_count(&core).await.unwrap(), 0);
    core.close().await;
    let rows: Vec<Value> = home.json(&["doctor"]);
    for name in ["database", "audit"] {
        assert!(rows.iter().any(|row| row["name"] == name && row["health"] == "ok"), "{rows:?}");
    }
}
