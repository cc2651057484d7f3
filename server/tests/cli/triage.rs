//! Triage, swarms, and working on a card yourself, at the command line. What a model says is tested in the core.

use protocol::{CardDetail, CardState, CardWritten, SwarmMade};
use serde_json::Value;

use crate::home::Home;

#[test]
fn without_a_model_a_proposal_is_refused_with_the_next_step() {
    let home = Home::new();
    let written: CardWritten = home.json(&["kanban", "create", "idea", "--triage"]);
    let number = written.card.number.to_string();
    for verb in ["specify", "decompose"] {
        let ran = home.run(&["kanban", verb, &number]);
        assert!(ran.code == 1 && ran.stderr.contains("Settings"), "{verb}: {ran:?}");
        assert_eq!(home.run(&["kanban", verb]).code, 2, "which card?");
    }
    for verb in ["accept", "discard"] {
        let ran = home.run(&["kanban", verb, &number]);
        assert!(ran.code == 1 && ran.stderr.contains("nothing is proposed"), "{verb}: {ran:?}");
    }
    assert_eq!(home.face(&number).state, CardState::Triage);
}

#[test]
fn a_swarm_is_made_once_for_its_key() {
    let home = Home::new();
    let args = [
        "kanban",
        "swarm",
        "Compare the vans",
        "--worker",
        ":Prices",
        "--worker",
        ":Sizes:search",
        "--idempotency-key",
        "s1",
    ];
    let made: SwarmMade = home.json(&args);
    assert_eq!((made.root.state, made.workers.len()), (CardState::Done, 2));
    let sizes: CardDetail = home.json(&["kanban", "show", &made.workers[1].number.to_string()]);
    assert_eq!(sizes.settings.skills, ["search"]);
    let again: SwarmMade = home.json(&args);
    assert_eq!((again.root.id, again.created, again.undo), (made.root.id, false, None));
    assert!(home.run(&args).stdout.starts_with("The swarm of T-1 exists already"));
    let ran = home.run(&["kanban", "swarm", "x", "--worker", "ghost:Nothing"]);
    assert!(ran.code == 1 && ran.stderr.contains("no profile"), "{ran:?}");
    assert_eq!(home.run(&["kanban", "swarm", "x", "--worker", "nobody"]).code, 2);
    assert_eq!(home.run(&["kanban", "swarm", "x"]).code, 2, "a swarm without workers");
}

#[test]
fn a_card_is_claimed_worked_on_and_completed_by_hand() {
    let mut home = Home::new();
    let card = home.card("by hand");
    let work: Value = home.json(&["kanban", "claim", &card]);
    assert!(std::path::Path::new(work["workspace"].as_str().unwrap()).is_dir());
    assert!(work["context"].as_str().unwrap().contains("by hand"));
    assert_eq!(home.face(&card).state, CardState::Running);
    let ran = home.run(&["kanban", "claim", &card]);
    assert!(ran.code == 1 && ran.stderr.contains("running"), "{ran:?}");
    home.set_env("HERMES_KANBAN_RUN_ID", work["run"].as_str().unwrap());
    home.set_env("HERMES_KANBAN_FENCE", &work["fence"].to_string());
    let _: CardWritten = home.json(&["kanban", "heartbeat"]);
    let made: CardWritten = home.json(&["kanban", "create", "what is left"]);
    let number = made.card.number.to_string();
    let refused = home.run(&["kanban", "complete", "--summary", "done", "--created", "T-99"]);
    assert!(refused.code == 1 && refused.stderr.contains("T-99"), "{refused:?}");
    let done: CardWritten = home.json(&["kanban", "complete", "--summary", "done", "--created", &number]);
    assert_eq!(done.card.state, CardState::Done);
    home.clear_env();
    let late = home.run(&["kanban", "claim", &card]);
    assert!(late.code == 1 && late.stderr.contains("done"), "{late:?}");
}
