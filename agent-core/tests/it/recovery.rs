//! Getting a card going again: another attempt, its logs, what is wrong with it, and what it hangs on.

use agent_core::kanban::worker::{self, RunTicket};
use agent_core::kanban::{self, KanbanError};
use protocol::{
    AddCommentParams, BlockKind, CardRef, CardState, CreateCardParams, DecisionState, DecisionVerb, DiagnosisKind,
    Finding, LogPart, LogSource, RetryCardParams, RunEventKind, RunLogParams, RunOutcome, SettleDecisionParams,
    Severity, TaskCard,
};

use crate::support::{World, ada};

const HOUR: i64 = 3_600_000;

fn again(card: &TaskCard) -> RetryCardParams {
    RetryCardParams { id: card.id, assignee: None, model: None, comment: String::new() }
}

/// The test process plays the worker and stays alive; real ones are gone by then.
async fn forget_processes(world: &World) {
    let mut tx = world.core.write().await.unwrap();
    sqlx::query("DELETE FROM kanban_process").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}

async fn next(world: &World) -> RunTicket {
    forget_processes(world).await;
    world.clock.advance_ms(6 * 60_000);
    kanban::release_due(&world.core).await.unwrap();
    world.claim_and_start().await
}

async fn fails(world: &World, times: u32) {
    for _ in 0..times {
        let ticket = next(world).await;
        worker::fail(&world.core, ticket, RunOutcome::Crashed, "boom", None).await.unwrap();
    }
}

async fn asks(world: &World, kind: BlockKind) {
    let ticket = next(world).await;
    worker::block(&world.core, ticket, Some(kind), "which one?", "", vec![]).await.unwrap();
}

async fn answer(world: &World, card: &TaskCard) {
    let ask = world.card(card).await.ask.unwrap();
    let verb = ask.kind.verbs()[0];
    let params = SettleDecisionParams { id: ask.id, version: ask.version, verb, comment: "that one".into() };
    agent_core::decisions::settle(&world.core, &ada(), params).await.unwrap();
}

async fn findings(world: &World, card: &TaskCard) -> Vec<Finding> {
    kanban::card_detail(&world.core, CardRef::Id(card.id)).await.unwrap().findings
}

fn kinds(findings: &[Finding]) -> Vec<DiagnosisKind> {
    findings.iter().map(|finding| finding.kind).collect()
}

#[tokio::test]
async fn a_failed_card_runs_again_with_another_worker_and_a_word_for_it_and_back() {
    let world = World::new().await;
    let card = world.create("flaky").await;
    fails(&world, 2).await;
    let blocked = world.card(&card).await;
    assert_eq!((blocked.state, blocked.failures), (CardState::Blocked, 2));
    let decision = blocked.ask.unwrap().id;
    let params = RetryCardParams {
        assignee: Some("Coder-B".into()),
        model: Some("big-model".into()),
        comment: "Use the other branch.".into(),
        ..again(&card)
    };
    let written = kanban::retry_card(&world.core, &ada(), params).await.unwrap();
    assert_eq!((written.card.state, written.card.failures), (CardState::Ready, 0));
    assert_eq!(written.card.assignee.as_deref(), Some("coder-b"));
    let detail = kanban::card_detail(&world.core, CardRef::Id(card.id)).await.unwrap();
    assert_eq!(detail.settings.model.as_deref(), Some("big-model"));
    assert!(detail.comments[0].html.contains("other branch"));
    assert!(detail.decision.is_none() && detail.findings.iter().all(|f| f.kind == DiagnosisKind::UnknownProfile));
    let answered = agent_core::decisions::decision(&world.core, decision).await.unwrap();
    assert_eq!(answered.state, DecisionState::Settled);
    let settlement = answered.settlement.unwrap();
    assert_eq!((settlement.verb, settlement.by.as_str()), (DecisionVerb::Retry, "Ada"));
    assert_eq!((settlement.comment.as_str(), settlement.undo), ("Use the other branch.", written.undo));
    // Whoever still has the question open is told who was first.
    let params = SettleDecisionParams {
        id: decision,
        version: answered.version,
        verb: DecisionVerb::Archive,
        comment: String::new(),
    };
    let late = agent_core::decisions::settle(&world.core, &ada(), params).await.unwrap();
    assert!(
        late.decision.settlement.is_some_and(|settlement| !settlement.by_you && settlement.verb == DecisionVerb::Retry)
    );
    assert_eq!((world.state(&card).await, late.left), (CardState::Ready, 0));
    world.check_invariants().await;

    kanban::undo(&world.core, &ada(), written.undo.unwrap()).await.unwrap();
    let reopened = agent_core::decisions::decision(&world.core, decision).await.unwrap();
    assert!(reopened.state == DecisionState::Open && reopened.settlement.is_none());
    let back = world.card(&card).await;
    assert_eq!((back.state, back.failures, back.assignee), (CardState::Blocked, 2, None));
    assert_eq!(back.ask.unwrap().id, decision);
    let detail = kanban::card_detail(&world.core, CardRef::Id(card.id)).await.unwrap();
    assert!(detail.settings.model.is_none() && detail.comments.is_empty());
    world.check_invariants().await;
}

#[tokio::test]
async fn another_attempt_is_no_answer_to_a_question() {
    let world = World::new().await;
    let card = world.create("asks").await;
    asks(&world, BlockKind::NeedsInput).await;
    let question = world.card(&card).await.ask.unwrap().id;
    kanban::retry_card(&world.core, &ada(), again(&card)).await.unwrap();
    let withdrawn = agent_core::decisions::decision(&world.core, question).await.unwrap();
    assert!(withdrawn.state == DecisionState::Withdrawn && withdrawn.settlement.is_none());
    world.check_invariants().await;
}

#[tokio::test]
async fn a_running_card_is_taken_from_its_worker_and_given_to_another() {
    let world = World::new().await;
    let card = world.create("wrong hands").await;
    let ticket = world.claim_and_start().await;
    let params = RetryCardParams { assignee: Some("runner".into()), ..again(&card) };
    let written = kanban::retry_card(&world.core, &ada(), params).await.unwrap();
    assert_eq!((written.card.state, written.card.assignee.as_deref()), (CardState::Ready, Some("runner")));
    assert!(matches!(worker::complete(&world.core, ticket, "late", None).await, Err(KanbanError::Fenced(_))));
    world.check_invariants().await;
    // Held for a moment, in which it can be taken back; then it runs.
    assert!(kanban::claim_next(&world.core, "test").await.unwrap().is_none());
    let second = next(&world).await;
    worker::complete(&world.core, second, "done", None).await.unwrap();

    // A finished card runs again, and waits where something it needs was brought back.
    let parent = world.create("first").await;
    kanban::link(&world.core, &ada(), CardRef::Id(parent.id), CardRef::Id(card.id)).await.unwrap();
    let written = kanban::retry_card(&world.core, &ada(), again(&card)).await.unwrap();
    assert_eq!(written.card.state, CardState::Todo);
    let refused = kanban::retry_card(&world.core, &ada(), again(&card)).await;
    assert!(matches!(refused, Err(KanbanError::Conflict(_))));
    let worker = agent_core::Actor::System;
    assert!(matches!(kanban::retry_card(&world.core, &worker, again(&card)).await, Err(KanbanError::Denied(_))));
    world.check_invariants().await;
}

#[tokio::test]
async fn what_is_wrong_is_found_and_gone_when_it_is_mended() {
    let world = World::new().await;
    let card = world.create("x").await;
    assert_eq!(findings(&world, &card).await, []);
    world.clock.advance_ms(31 * 60_000);
    assert_eq!(kinds(&findings(&world, &card).await), [DiagnosisKind::Stranded]);
    fails(&world, 1).await;
    let found = findings(&world, &card).await;
    assert_eq!((found[0].kind, found[0].severity), (DiagnosisKind::RepeatedFailures, Severity::Warning));
    fails(&world, 1).await;
    let found = findings(&world, &card).await;
    assert_eq!((found[0].kind, found[0].severity), (DiagnosisKind::RepeatedCrashes, Severity::Error));
    assert_eq!(found[0].count, 2);
    let board = kanban::attention(&world.core, "").await.unwrap();
    assert_eq!((board.total, board.worst[0].card.number), (1, card.number));

    world.clock.advance_ms(25 * HOUR);
    let found = findings(&world, &card).await;
    assert_eq!(kinds(&found), [DiagnosisKind::RepeatedCrashes, DiagnosisKind::Unanswered]);
    let params = AddCommentParams { id: card.id, body: "I am looking.".into(), anchor: None };
    kanban::add_comment(&world.core, &ada(), params).await.unwrap();
    assert_eq!(kinds(&findings(&world, &card).await), [DiagnosisKind::RepeatedCrashes]);
    kanban::retry_card(&world.core, &ada(), again(&card)).await.unwrap();
    assert_eq!(findings(&world, &card).await, []);
    assert_eq!(kanban::attention(&world.core, "").await.unwrap().total, 0);

    for round in 0..3 {
        asks(&world, BlockKind::NeedsInput).await;
        let cycling = kinds(&findings(&world, &card).await).contains(&DiagnosisKind::BlockCycling);
        assert_eq!(cycling, round == 2, "round {round}");
        if round < 2 {
            answer(&world, &card).await;
        }
    }
    assert_eq!(findings(&world, &card).await[0].count, 3);
    answer(&world, &card).await;
    assert_eq!(DecisionVerb::Answer, protocol::DecisionKind::Question.verbs()[0]);
}

#[tokio::test]
async fn a_review_sent_back_often_is_no_cycle_and_a_queue_is_not_stranded() {
    let world = World::with_config("kanban:\n  max_in_progress: 1\n").await;
    let card = world.create("x").await;
    for _ in 0..4 {
        asks(&world, BlockKind::Review).await;
        answer(&world, &card).await;
        kanban::retry_card(&world.core, &ada(), again(&card)).await.unwrap();
    }
    assert_eq!(findings(&world, &card).await, []);
    next(&world).await;
    let queued = world.create("waits its turn").await;
    world.clock.advance_ms(10 * HOUR);
    assert_eq!(findings(&world, &queued).await, []);
}

#[tokio::test]
async fn a_log_is_read_in_parts_without_codes_and_keys() {
    let world = World::new().await;
    let card = world.create("chatty").await;
    let ticket = world.claim_and_start().await;
    let asked = |part, source| RunLogParams { run: ticket.run, source, part };
    let path = world.core.home().logs().join(format!("{}-1.log", card.number));
    std::fs::write(&path, "\u{1b}[32mok\u{1b}[0m\nAPI_KEY=sk-abcdefghijklmnopqrstuvwxyz123456\nhalf").unwrap();
    let log = kanban::run_log(&world.core, asked(LogPart::End, None)).await.unwrap();
    assert_eq!(log.source, LogSource::Output);
    assert!(log.live && !log.earlier && log.text.starts_with("ok\nAPI_KEY="), "{log:?}");
    assert!(!log.text.contains("abcdefgh") && !log.text.contains("half"), "{log:?}");
    std::fs::write(&path, "\u{1b}[32mok\u{1b}[0m\nAPI_KEY=sk-abcdefghijklmnopqrstuvwxyz123456\nhalf and whole\n")
        .unwrap();
    let more = kanban::run_log(&world.core, asked(LogPart::After(log.to), None)).await.unwrap();
    assert_eq!((more.text.as_str(), more.from), ("half and whole\n", log.to));

    let said = |kind, name: &str, detail: &str| worker::NewRunEvent {
        kind,
        name: name.into(),
        detail: detail.into(),
        ok: true,
    };
    let events = vec![
        said(RunEventKind::Text, "", "I look"),
        said(RunEventKind::Text, "", " around.\n"),
        said(RunEventKind::ToolCall, "read_file", "{\"path\":\"a\"}"),
    ];
    worker::record(&world.core, ticket, events).await.unwrap();
    let log = kanban::run_log(&world.core, asked(LogPart::End, Some(LogSource::Activity))).await.unwrap();
    assert!(log.text.ends_with("I look around.\n→ read_file {\"path\":\"a\"}\n"), "{log:?}");
    assert_eq!(log.sources, [LogSource::Output, LogSource::Activity]);
    let none = kanban::run_log(&world.core, asked(LogPart::After(log.to), Some(LogSource::Activity))).await.unwrap();
    assert_eq!((none.text.as_str(), none.to), ("", log.to));

    worker::complete(&world.core, ticket, "done", None).await.unwrap();
    let (name, text) = kanban::run_log_file(&world.core, ticket.run, None).await.unwrap();
    assert!(name.contains("attempt-1-output") && text.ends_with("half and whole\n") && !text.contains("abcdefgh"));
    std::fs::remove_file(&path).unwrap();
    let gone = kanban::run_log(&world.core, asked(LogPart::End, Some(LogSource::Output))).await;
    assert!(matches!(gone, Err(KanbanError::NotFound(_))));
}

#[tokio::test]
async fn a_thousand_runs_come_a_page_at_a_time() {
    let world = World::new().await;
    let card = world.create("stubborn").await;
    let ticket = world.claim_and_start().await;
    worker::complete(&world.core, ticket, "first", None).await.unwrap();
    let mut tx = world.core.write().await.unwrap();
    sqlx::query(
        "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
         INSERT INTO kanban_run (id, card_id, attempt, fence, profile, executor, lease_owner, claimed_at, ended_at, outcome)
         SELECT randomblob(16), ?1, i, i, 'runner', 'command', 'test', i, i, 'crashed' FROM n",
    )
    .bind(card.id.0)
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let detail = kanban::card_detail(&world.core, CardRef::Id(card.id)).await.unwrap();
    let mut seen: Vec<u32> = detail.runs.iter().map(|run| run.attempt).collect();
    loop {
        let page = kanban::earlier_runs(&world.core, CardRef::Id(card.id), *seen.last().unwrap()).await.unwrap();
        assert!(page.runs.len() <= 20);
        seen.extend(page.runs.iter().map(|run| run.attempt));
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, (1..=1000).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn the_map_shows_two_steps_each_way_and_says_how_many_more() {
    let world = World::new().await;
    let make = async |title: &str, parents: &[&TaskCard]| {
        let parents = parents.iter().map(|card| CardRef::Id(card.id)).collect();
        world.create_with(CreateCardParams { title: title.into(), parents, ..CreateCardParams::default() }).await
    };
    let far = make("three steps before", &[]).await;
    let grand = make("two steps before", &[&far]).await;
    let left = make("left", &[&grand]).await;
    let right = make("right", &[&grand]).await;
    let own = make("own", &[&left, &right]).await;
    for index in 0..9 {
        make(&format!("child {index}"), &[&own, &left]).await;
    }
    let graph = kanban::card_graph(&world.core, CardRef::Id(own.id)).await.unwrap();
    let shape: Vec<(i32, usize, u32)> =
        graph.columns.iter().map(|column| (column.level, column.cards.len(), column.more)).collect();
    assert_eq!(shape, [(-2, 1, 0), (-1, 2, 0), (0, 1, 0), (1, 6, 3)]);
    assert!(graph.columns.iter().all(|column| column.cards.iter().all(|card| card.id != far.id)));
    let has = |parent: &TaskCard, child: &TaskCard| {
        graph.edges.iter().any(|edge| edge.parent == parent.id && edge.child == child.id)
    };
    assert!(has(&grand, &left) && has(&grand, &right) && has(&left, &own) && has(&right, &own));
    let alone = kanban::card_graph(&world.core, CardRef::Id(world.create("alone").await.id)).await.unwrap();
    assert!(alone.columns.len() == 1 && alone.edges.is_empty());
}
