//! What events say is wrong with a card, and what takes the warning away.

use agent_core::kanban::worker::{self, BlockWords, Handover};
use agent_core::kanban::{self, KanbanError, triage};
use agent_core::{decisions, llm};
use protocol::{
    BlockKind, CardRef, CardState, CreateCardParams, DecisionVerb, DiagnosisKind, Finding, ProposalKind,
    SaveProviderParams, SettleDecisionParams, Severity, TaskCard, WaitReason,
};

use crate::scripted_model::{ScriptedModel, says, status};
use crate::support::{World, ada};

async fn findings(world: &World, card: &TaskCard) -> Vec<Finding> {
    kanban::card_detail(&world.core, CardRef::Id(card.id)).await.unwrap().findings
}

/// The board and the card's page say the same.
async fn only(world: &World, card: &TaskCard) -> Finding {
    let mut found = findings(world, card).await;
    assert_eq!(found.len(), 1, "{found:?}");
    let found = found.remove(0);
    let board = kanban::attention(&world.core, "").await.unwrap();
    assert_eq!(board.total, 1, "{board:?}");
    let told = &board.worst[0];
    assert_eq!((told.kind, told.severity, told.count), (found.kind, found.severity, found.count));
    assert_eq!((told.since, told.last_at, told.run), (found.since, found.last_at, found.run));
    assert_eq!((told.card.id, &told.about), (card.id, &found.about));
    found
}

async fn nothing(world: &World, card: &TaskCard) {
    assert_eq!(findings(world, card).await, []);
    assert_eq!(kanban::attention(&world.core, "").await.unwrap().total, 0);
    world.check_invariants().await;
}

/// A card that stays where it is on another board.
async fn elsewhere(world: &World) -> TaskCard {
    kanban::create_board(&world.core, &ada(), "other", "").await.unwrap();
    let params = CreateCardParams { board: "other".into(), triage: true, ..CreateCardParams::default() };
    world.create_with(CreateCardParams { title: "elsewhere".into(), ..params }).await
}

async fn idea(world: &World) -> TaskCard {
    let params = CreateCardParams { title: "idea".into(), triage: true, ..CreateCardParams::default() };
    world.create_with(params).await
}

#[tokio::test]
async fn cards_that_a_worker_invented_are_told_until_it_finishes() {
    let world = World::new().await;
    let card = world.create("mine").await;
    let other = elsewhere(&world).await;
    let ticket = world.claim_and_start().await;
    let complete = async |cards: Vec<CardRef>| {
        let handover = Handover { created_cards: cards, ..Handover::default() };
        worker::complete_with(&world.core, ticket, "done", None, &handover).await
    };
    let began = world.core.now_ms();
    complete(vec![CardRef::Number(999)]).await.unwrap_err();
    world.clock.advance_ms(1_000);
    let refused = complete(vec![CardRef::Number(998), CardRef::Id(other.id)]).await.unwrap_err().to_string();
    let label = format!("T-{}", other.number);
    assert!(refused.contains("T-998") && !refused.contains(&label), "a board is a boundary: {refused}");
    let found = only(&world, &card).await;
    assert_eq!((found.kind, found.severity), (DiagnosisKind::HallucinatedCards, Severity::Error));
    assert_eq!((found.count, found.run), (2, Some(ticket.run)));
    assert_eq!((found.since, found.last_at), (began, began + 1_000));
    assert!(found.about.starts_with("T-998, ") && !found.about.contains(&label), "{found:?}");
    assert_eq!(kanban::attention(&world.core, "other").await.unwrap().total, 0);

    complete(vec![]).await.unwrap();
    assert_eq!(world.state(&card).await, CardState::Done);
    nothing(&world, &card).await;
}

#[tokio::test]
async fn cards_that_a_result_invents_are_told_until_it_is_corrected() {
    let world = World::new().await;
    let card = world.create("mine").await;
    let other = elsewhere(&world).await;
    let ticket = world.claim_and_start().await;
    let said = format!("see T-{}, T-{} and T-777", card.number, other.number);
    worker::complete(&world.core, ticket, &said, None).await.unwrap();
    let found = only(&world, &card).await;
    assert_eq!((found.kind, found.severity), (DiagnosisKind::PhantomReferences, Severity::Warning));
    assert_eq!((found.count, found.run), (1, Some(ticket.run)));
    assert_eq!(found.about, format!("T-{}, T-777", other.number), "only its own board has cards");
    kanban::edit_result(&world.core, &ada(), CardRef::Id(card.id), "see the notes").await.unwrap();
    nothing(&world, &card).await;
}

#[tokio::test]
async fn cards_that_a_review_invents_are_told_before_it_is_approved() {
    let world = World::new().await;
    let card = world.create("reviewed").await;
    let ticket = world.claim_and_start().await;
    let words = BlockWords { kind: Some(BlockKind::Review), reason: "look", summary: "as T-888 says", options: &[] };
    worker::block_with(&world.core, ticket, words, &Handover::default()).await.unwrap();
    assert_eq!(only(&world, &card).await.about, "T-888");
    let ask = world.card(&card).await.ask.unwrap();
    let params =
        SettleDecisionParams { id: ask.id, version: ask.version, verb: DecisionVerb::Approve, comment: String::new() };
    decisions::settle(&world.core, &ada(), params).await.unwrap();
    assert_eq!(world.state(&card).await, CardState::Done);
    nothing(&world, &card).await;
}

#[tokio::test]
async fn triage_without_a_model_is_told_until_one_is_set_up() {
    let world = World::new().await;
    let card = idea(&world).await;
    for _ in 0..2 {
        let asked = triage::propose(&world.core, &ada(), CardRef::Id(card.id), ProposalKind::Specify).await;
        let Err(KanbanError::Invalid(why)) = asked else { panic!("there is no model") };
        assert!(why.contains("no model provider"), "{why}");
    }
    let found = only(&world, &card).await;
    assert_eq!((found.kind, found.severity), (DiagnosisKind::TriageUnavailable, Severity::Warning));
    assert_eq!((found.count, found.run), (2, None));
    assert!(found.about.contains("no model provider"), "{found:?}");
    let settings = SaveProviderParams { base_url: "http://127.0.0.1:9/v1".into(), model: "m".into(), key: None };
    llm::save_provider(&world.core, &ada(), settings).await.unwrap();
    nothing(&world, &card).await;
}

#[tokio::test]
async fn triage_with_a_model_that_lets_nobody_in_is_told_until_it_answers() {
    let replies = vec![status(401, "wrong key"), says("I refuse."), says("## Goal\nDo it.")];
    let model = ScriptedModel::start(replies).await;
    let config = format!("model:\n  base_url: {}\n  default: scripted\nkanban:", model.base_url);
    let world = World::with_config(&config).await;
    let card = idea(&world).await;
    let ask = async |kind| {
        triage::propose(&world.core, &ada(), CardRef::Id(card.id), kind).await.unwrap();
    };
    ask(ProposalKind::Specify).await;
    let found = only(&world, &card).await;
    assert_eq!((found.kind, found.count), (DiagnosisKind::TriageUnavailable, 1));
    assert!(found.about.contains("wrong key"), "{found:?}");
    // A model that answers something else can be asked.
    ask(ProposalKind::Decompose).await;
    nothing(&world, &card).await;
    ask(ProposalKind::Specify).await;
    nothing(&world, &card).await;
}

#[tokio::test]
async fn a_ready_card_says_when_no_server_is_there_to_start_it() {
    let world = World::new().await;
    let card = world.create("waits").await;
    assert_eq!(world.card(&card).await.wait, Some(WaitReason::NoDispatcher));
    let server = world.serve();
    assert_eq!(world.card(&card).await.wait, None);
    drop(server);
    assert_eq!(world.card(&card).await.wait, Some(WaitReason::NoDispatcher));
    // What is wrong with the card itself comes first; and whoever claims it is there.
    let params = CreateCardParams { assignee: Some("nobody".into()), ..CreateCardParams::default() };
    let orphan = world.create_with(CreateCardParams { title: "whose?".into(), ..params }).await;
    assert_eq!(orphan.wait, Some(WaitReason::UnknownProfile { profile: "nobody".into() }));
    assert_eq!(world.claim().await.number, card.number);
    world.check_invariants().await;
}
