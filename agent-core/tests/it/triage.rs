//! Cards in triage and a model: it proposes, a person accepts; and swarms.

use agent_core::Actor;
use agent_core::kanban::{self, triage};
use protocol::{
    AcceptProposalParams, BoardSettings, BoardView, CardDetail, CardRef, CardState, CreateCardParams, EditCardParams,
    Proposal, ProposalAccepted, ProposalKind, ProposalState, ProposedTask, SwarmParams, SwarmWorker, TaskCard,
};
use serde_json::json;

use crate::scripted_model::{Reply, ScriptedModel, calls, says, status};
use crate::support::{World, ada};

async fn with_model(replies: Vec<Reply>) -> (World, ScriptedModel) {
    let model = ScriptedModel::start(replies).await;
    let config = format!("model:\n  base_url: {}\n  default: scripted\n  price_in: 2.0\nkanban:", model.base_url);
    (World::with_config(&config).await, model)
}

async fn idea(world: &World, title: &str) -> TaskCard {
    let params = CreateCardParams {
        title: title.into(),
        body: "roughly".into(),
        triage: true,
        tenant: Some("acme".into()),
        priority: 1,
        ..CreateCardParams::default()
    };
    world.create_with(params).await
}

async fn detail(world: &World, card: &TaskCard) -> CardDetail {
    kanban::card_detail(&world.core, CardRef::Id(card.id)).await.unwrap()
}

async fn cards(world: &World) -> usize {
    kanban::list_cards(&world.core, "", &BoardView::default(), None, 100).await.unwrap().len()
}

fn three_tasks() -> Reply {
    calls(&[(
        "propose",
        json!({ "title": "Ship it", "body": "All of it", "rationale": "Two can go at once.", "tasks": [
            { "title": "Build", "body": "make", "assignee": "runner" },
            { "title": "Write", "body": "docs", "assignee": "nobody" },
            { "title": "Publish", "body": "push", "after": [1, "task 2"] } ] }),
    )])
}

async fn accept(world: &World, card: &TaskCard, proposal: Proposal) -> ProposalAccepted {
    let params = AcceptProposalParams { id: card.id, revision: card.revision, proposal };
    let accepted = triage::accept_proposal(&world.core, &ada(), params).await.unwrap();
    world.check_invariants().await;
    accepted
}

#[tokio::test]
async fn a_card_is_taken_apart_only_when_a_person_accepts_and_put_together_again_with_one_undo() {
    let (world, model) = with_model(vec![three_tasks()]).await;
    let card = idea(&world, "ship").await;
    let view = triage::propose(&world.core, &ada(), CardRef::Id(card.id), ProposalKind::Decompose).await.unwrap();
    let ProposalState::Ready(proposal) = view.state else { panic!("{view:?}") };
    assert_eq!(proposal.tasks[1].assignee, None, "a profile that does not exist is nobody's");
    assert_eq!(proposal.tasks[2].after, [0, 1]);
    let shown = detail(&world, &card).await;
    assert_eq!((shown.card.state, shown.card.title.as_str()), (CardState::Triage, "ship"), "nothing has changed");
    assert!(shown.proposal.is_some(), "and it is there on every device");
    let asked = model.requests()[0].messages()[1]["content"].as_str().unwrap().to_owned();
    assert!(asked.contains("ship") && asked.contains("roughly") && asked.contains("- runner"), "{asked}");

    let accepted = accept(&world, &card, proposal).await;
    let root = detail(&world, &card).await;
    assert_eq!((root.card.state, root.card.title.as_str()), (CardState::Todo, "Ship it"));
    assert_eq!((root.body.as_str(), root.parents.len()), ("All of it", 3), "it waits for all its parts");
    assert!(root.proposal.is_none() && root.comments[0].html.contains("Taken apart into"));
    let states: Vec<CardState> = accepted.children.iter().map(|child| child.state).collect();
    assert_eq!(states, [CardState::Ready, CardState::Ready, CardState::Todo]);
    let build = kanban::card(&world.core, CardRef::Id(accepted.children[0].id)).await.unwrap();
    assert_eq!((build.tenant.as_deref(), build.priority), (Some("acme"), 1));
    assert_eq!(build.assignee.as_deref(), Some("runner"));
    assert!(kanban::claim_next(&world.core, "test").await.unwrap().is_none(), "Undo has five seconds");

    let undone = kanban::undo(&world.core, &ada(), accepted.written.undo.unwrap()).await.unwrap();
    assert_eq!((undone.removed.len(), undone.refused.len()), (3, 0), "{undone:?}");
    let back = detail(&world, &card).await;
    assert_eq!((back.card.state, back.card.title.as_str()), (CardState::Triage, "ship"));
    assert!(back.comments.is_empty());
    world.check_invariants().await;
}

#[tokio::test]
async fn parts_are_worked_on_and_the_card_comes_last() {
    let world = World::new().await;
    let card = idea(&world, "whole").await;
    let task = |title: &str, after: &[usize]| ProposedTask {
        title: title.into(),
        after: after.to_vec(),
        ..ProposedTask::default()
    };
    let tasks = vec![task("last", &[1]), task("first", &[])];
    let accepted = accept(&world, &card, Proposal { title: "whole".into(), tasks, ..Proposal::default() }).await;
    assert_eq!(accepted.children.len(), 2);
    for expected in ["first", "last", "whole"] {
        world.clock.advance_ms(6_000);
        let ticket = world.claim_and_start().await;
        let holder = kanban::worker::holder(&world.core, ticket).await.unwrap();
        let working = kanban::card(&world.core, CardRef::Id(holder.card)).await.unwrap();
        assert_eq!(working.title, expected);
        kanban::worker::complete(&world.core, ticket, "done", None).await.unwrap();
        world.check_invariants().await;
    }
}

#[tokio::test]
async fn what_a_person_changed_meanwhile_is_not_overwritten() {
    let (world, _model) = with_model(vec![three_tasks()]).await;
    let card = idea(&world, "mine").await;
    let view = triage::propose(&world.core, &ada(), CardRef::Id(card.id), ProposalKind::Decompose).await.unwrap();
    let ProposalState::Ready(proposal) = view.state else { panic!("{view:?}") };
    let edit = EditCardParams { title: Some("my own words".into()), ..EditCardParams::of(card.id, card.revision) };
    kanban::edit_card(&world.core, &ada(), edit).await.unwrap();
    let params = AcceptProposalParams { id: card.id, revision: view.revision, proposal };
    let refused = triage::accept_proposal(&world.core, &ada(), params).await.unwrap_err();
    assert!(refused.to_string().contains("changed meanwhile"), "{refused}");
    assert_eq!((detail(&world, &card).await.card.title.as_str(), cards(&world).await), ("my own words", 1));
    triage::discard_proposal(&world.core, &ada(), CardRef::Id(card.id)).await.unwrap();
    assert!(detail(&world, &card).await.proposal.is_none());
    assert!(triage::discard_proposal(&world.core, &ada(), CardRef::Id(card.id)).await.is_err());
}

#[tokio::test]
async fn nonsense_is_refused_with_nothing_changed() {
    let (world, _model) = with_model(vec![]).await;
    let card = idea(&world, "x").await;
    let task = |after: &[usize], assignee: Option<&str>| ProposedTask {
        title: "t".into(),
        after: after.to_vec(),
        assignee: assignee.map(Into::into),
        ..ProposedTask::default()
    };
    let cases = [
        (vec![task(&[1], None), task(&[0], None)], "circle"),
        (vec![task(&[9], None)], "not there"),
        (vec![task(&[], Some("ghost"))], "no profile"),
        (vec![ProposedTask { title: " ".into(), ..ProposedTask::default() }], "title"),
        (vec![task(&[], None); 21], "at most 20"),
    ];
    for (tasks, why) in cases {
        let proposal = Proposal { title: "x".into(), tasks, ..Proposal::default() };
        let params = AcceptProposalParams { id: card.id, revision: card.revision, proposal };
        let refused = triage::accept_proposal(&world.core, &ada(), params).await.unwrap_err();
        assert!(refused.to_string().contains(why), "{why}: {refused}");
    }
    assert_eq!(cards(&world).await, 1);
    let ready = world.create("ready").await;
    let refused = triage::propose(&world.core, &ada(), CardRef::Id(ready.id), ProposalKind::Specify).await.unwrap_err();
    assert!(refused.to_string().contains("Triage"), "{refused}");
}

#[tokio::test]
async fn a_model_that_fails_leaves_its_reason_and_can_be_asked_again() {
    let said = calls(&[("propose", json!({ "title": "Clear", "body": "## Goal\nthis" }))]);
    let (world, _model) = with_model(vec![status(401, "wrong key"), says("I refuse."), said]).await;
    let card = idea(&world, "vague").await;
    let ask = |kind| triage::propose(&world.core, &Actor::System, CardRef::Id(card.id), kind);
    let ProposalState::Failed(why) = ask(ProposalKind::Decompose).await.unwrap().state else { panic!() };
    assert!(why.contains("cannot be asked"), "{why}");
    let ProposalState::Failed(why) = ask(ProposalKind::Decompose).await.unwrap().state else { panic!() };
    assert!(why.contains("no proposal"), "{why}");
    let ProposalState::Ready(proposal) = ask(ProposalKind::Specify).await.unwrap().state else { panic!() };
    let accepted = accept(&world, &card, proposal).await;
    assert_eq!((accepted.written.card.state, accepted.children.len()), (CardState::Ready, 0));
    let shown = detail(&world, &card).await;
    assert_eq!((shown.body.as_str(), shown.settings.tokens), ("## Goal\nthis", 2200), "what it cost is the card's");
    assert_eq!(shown.card.cost_micros, Some(4000));
}

async fn wants_it(world: &World) {
    let (board, settings) = kanban::board_settings(&world.core, "").await.unwrap();
    let settings = BoardSettings { auto_decompose: true, orchestrator: Some("runner".into()), ..settings };
    kanban::edit_board(&world.core, &ada(), board.id, settings).await.unwrap();
}

#[tokio::test]
async fn only_a_board_that_says_so_is_taken_apart_by_itself_and_never_what_a_person_has_in_hand() {
    let (world, model) = with_model(vec![three_tasks()]).await;
    let card = idea(&world, "typing").await;
    world.clock.advance_ms(600_000);
    assert!(!triage::decompose_next(&world.core).await.unwrap(), "the board does not say so");
    wants_it(&world).await;
    triage::is_being_edited(&world.core, card.id).await.unwrap();
    assert!(!triage::decompose_next(&world.core).await.unwrap(), "its form is open");
    world.clock.advance_ms(61_000);
    let edit = EditCardParams { body: Some("more".into()), ..EditCardParams::of(card.id, card.revision) };
    kanban::edit_card(&world.core, &ada(), edit).await.unwrap();
    assert!(!triage::decompose_next(&world.core).await.unwrap(), "it was changed just now");
    assert!(model.requests().is_empty());
    world.clock.advance_ms(121_000);
    assert!(triage::decompose_next(&world.core).await.unwrap());
    world.check_invariants().await;
    let root = detail(&world, &card).await;
    assert_eq!((root.card.state, root.parents.len()), (CardState::Todo, 3));
    assert_eq!(root.card.assignee.as_deref(), Some("runner"), "the board's orchestrator puts it together");
    assert!(!triage::decompose_next(&world.core).await.unwrap(), "once");
}

fn swarm() -> SwarmParams {
    let worker = |title: &str| SwarmWorker {
        title: title.into(),
        profile: Some("runner".into()),
        skills: vec!["search".into()],
    };
    SwarmParams {
        goal: "Compare three databases\nfor a phone".into(),
        workers: vec![worker("SQLite"), worker("DuckDB")],
        verifier: Some("runner".into()),
        idempotency_key: Some("swarm-1".into()),
        ..SwarmParams::default()
    }
}

#[tokio::test]
async fn a_swarm_is_made_whole_or_not_at_all() {
    let world = World::new().await;
    let mut broken = swarm();
    broken.workers[1].profile = Some("ghost".into());
    assert!(triage::create_swarm(&world.core, &ada(), broken).await.is_err());
    assert_eq!(cards(&world).await, 0);

    let made = triage::create_swarm(&world.core, &ada(), swarm()).await.unwrap();
    world.check_invariants().await;
    assert_eq!((made.root.state, made.root.title.as_str()), (CardState::Done, "Compare three databases"));
    assert!(made.workers.iter().all(|card| card.state == CardState::Ready));
    assert_eq!((made.verifier.state, made.synthesizer.state), (CardState::Todo, CardState::Todo));
    let again = triage::create_swarm(&world.core, &ada(), swarm()).await.unwrap();
    assert_eq!((again.root.id, again.workers.len(), again.synthesizer.id), (made.root.id, 2, made.synthesizer.id));
    assert_eq!((made.created, again.created, again.undo), (true, false, None));
    // Cards that were made after it are not of it, even where they come after the same card.
    let late = CreateCardParams {
        title: "late".into(),
        parents: vec![CardRef::Id(made.root.id)],
        triage: true,
        ..CreateCardParams::default()
    };
    let late = world.create_with(late).await;
    let again = triage::create_swarm(&world.core, &ada(), swarm()).await.unwrap();
    assert_eq!(
        (again.workers.len(), again.verifier.id, again.synthesizer.id),
        (2, made.verifier.id, made.synthesizer.id)
    );
    kanban::delete_card(&world.core, &ada(), CardRef::Id(late.id)).await.unwrap();
    let plain = CreateCardParams { title: "plain".into(), idempotency_key: Some("k".into()), ..Default::default() };
    let plain = world.create_with(CreateCardParams { triage: true, ..plain }).await;
    let other = SwarmParams { idempotency_key: Some("k".into()), ..swarm() };
    let refused = triage::create_swarm(&world.core, &ada(), other).await.unwrap_err().to_string();
    assert!(refused.contains("has this key already"), "{refused}");
    kanban::delete_card(&world.core, &ada(), CardRef::Id(plain.id)).await.unwrap();

    world.clock.advance_ms(6_000);
    for _ in 0..2 {
        let ticket = world.claim_and_start().await;
        kanban::worker::complete(&world.core, ticket, "found out", None).await.unwrap();
    }
    world.clock.advance_ms(6_000);
    let ticket = world.claim_and_start().await;
    let holder = kanban::worker::holder(&world.core, ticket).await.unwrap();
    assert_eq!(holder.card, made.verifier.id, "the verifier comes before the synthesizer");
    kanban::worker::complete(&world.core, ticket, "holds", None).await.unwrap();
    let last = kanban::card(&world.core, CardRef::Id(made.synthesizer.id)).await.unwrap();
    assert_eq!(last.state, CardState::Ready);
    let undone = kanban::undo(&world.core, &ada(), made.undo.unwrap()).await.unwrap();
    assert!(!undone.refused.is_empty() && !undone.removed.is_empty(), "what has moved on stays: {undone:?}");
    world.check_invariants().await;
}
