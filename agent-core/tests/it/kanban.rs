//! The board's rules on a real database.

use agent_core::kanban::worker::{self, RunTicket};
use agent_core::kanban::{self, KanbanError};
use agent_core::{Actor, audit, decisions};
use protocol::{
    AddCommentParams, BlockKind, BoardView, CardRef, CardState, CreateCardParams, DecisionKind, DecisionState,
    DecisionVerb, EditCardParams, ErrorCode, MoveCardParams, RunOutcome, SettleDecisionParams, TaskCard, WaitReason,
    WorkspaceKind,
};

use crate::support::{START_MS, World, ada, bob};

fn move_to(card: &TaskCard, to: CardState) -> MoveCardParams {
    MoveCardParams { id: card.id, revision: None, to, after: None, before: None }
}

async fn settle(world: &World, card: &TaskCard, verb: DecisionVerb, comment: &str) -> protocol::SettleDecisionOutcome {
    let ask = world.card(card).await.ask.expect("an open decision");
    let params = SettleDecisionParams { id: ask.id, version: ask.version, verb, comment: comment.into() };
    decisions::settle(&world.core, &ada(), params).await.unwrap()
}

#[tokio::test]
async fn a_card_starts_where_the_table_says() {
    let world = World::new().await;
    let ready = world.create("ready").await;
    assert_eq!((ready.state, ready.number), (CardState::Ready, 1));
    let with = |params: CreateCardParams| world.create_with(params);
    let child =
        with(CreateCardParams { title: "child".into(), parents: vec![CardRef::Number(1)], ..Default::default() }).await;
    assert_eq!(child.state, CardState::Todo);
    assert_eq!(child.wait, Some(WaitReason::WaitingOn { cards: vec![1], more: 0 }));
    let triage = with(CreateCardParams { title: "idea".into(), triage: true, ..Default::default() }).await;
    assert_eq!(triage.state, CardState::Triage);
    let later = START_MS + 60_000;
    let scheduled =
        with(CreateCardParams { title: "later".into(), scheduled_at: Some(later), ..Default::default() }).await;
    assert_eq!(scheduled.state, CardState::Scheduled);
    assert_eq!(scheduled.wait, Some(WaitReason::Scheduled { until: later }));
    let blocked = with(CreateCardParams { title: "which?".into(), blocked: true, ..Default::default() }).await;
    assert_eq!(blocked.state, CardState::Blocked);
    assert_eq!(blocked.ask.unwrap().kind, DecisionKind::Question);
    world.check_invariants().await;
}

#[tokio::test]
async fn text_of_any_script_round_trips_and_bad_input_changes_nothing() {
    let world = World::new().await;
    let body = "a\u{0}b 'x'); DROP TABLE kanban_card;-- مرحبا 🎉\u{202e}";
    let card = world
        .create_with(CreateCardParams { title: "修好登录 🎉".into(), body: body.into(), ..Default::default() })
        .await;
    let detail = kanban::card_detail(&world.core, CardRef::Number(card.number)).await.unwrap();
    assert_eq!((detail.card.title.as_str(), detail.body.as_str()), ("修好登录 🎉", body));

    let bad = [
        CreateCardParams { title: " \u{2003} ".into(), ..Default::default() },
        CreateCardParams { title: "x".repeat(501), ..Default::default() },
        CreateCardParams { title: "x".into(), body: "y".repeat(1_000_001), ..Default::default() },
        CreateCardParams { title: "x".into(), triage: true, blocked: true, ..Default::default() },
        CreateCardParams { title: "x".into(), due_at: Some(-5), ..Default::default() },
        CreateCardParams { title: "x".into(), due_at: Some(i64::MAX), ..Default::default() },
        CreateCardParams { title: "x".into(), scheduled_at: Some(-5), ..Default::default() },
        CreateCardParams { title: "x".into(), scheduled_at: Some(i64::MAX), ..Default::default() },
        CreateCardParams { title: "x".into(), board: "no such board".into(), ..Default::default() },
        CreateCardParams { title: "x".into(), board: "nope".into(), ..Default::default() },
        CreateCardParams { title: "x".into(), parents: vec![CardRef::Number(99)], ..Default::default() },
        CreateCardParams {
            title: "x".into(),
            workspace: WorkspaceKind::Dir,
            workspace_path: Some("relative".into()),
            ..Default::default()
        },
        CreateCardParams { title: "x".into(), max_attempts: Some(0), ..Default::default() },
    ];
    let seq = kanban::last_seq(&world.core).await.unwrap();
    for params in bad {
        let error = kanban::create_card(&world.core, &ada(), params.clone()).await.unwrap_err();
        assert!(matches!(error.code(), ErrorCode::Invalid | ErrorCode::NotFound), "{params:?}: {error}");
    }
    assert_eq!(kanban::last_seq(&world.core).await.unwrap(), seq);
    assert_eq!(kanban::list_cards(&world.core, "", &BoardView::default(), None, 100).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_idempotency_key_makes_one_card_however_many_ask() {
    let world = World::new().await;
    let mut tasks = Vec::new();
    for index in 0..8 {
        let core = world.second_core().await;
        tasks.push(tokio::spawn(async move {
            let params = CreateCardParams {
                title: format!("try {index}"),
                idempotency_key: Some("k".into()),
                ..Default::default()
            };
            kanban::create_card(&core, &ada(), params).await.unwrap().card.id
        }));
    }
    let mut ids = std::collections::HashSet::new();
    for task in tasks {
        ids.insert(task.await.unwrap());
    }
    assert_eq!(ids.len(), 1);
    world.check_invariants().await;
}

#[tokio::test]
async fn work_flows_from_claim_to_done_and_wakes_children_in_the_same_transaction() {
    let world = World::new().await;
    let parent = world.create("parent").await;
    let child = world
        .create_with(CreateCardParams {
            title: "child".into(),
            parents: vec![CardRef::Id(parent.id)],
            ..Default::default()
        })
        .await;
    let ticket = world.claim_and_start().await;
    assert_eq!(world.state(&parent).await, CardState::Running);
    assert!(kanban::claim_next(&world.core, "test").await.unwrap().is_none(), "the child must wait");
    worker::complete(&world.core, ticket, "done, see report.md", None).await.unwrap();
    assert_eq!(world.state(&parent).await, CardState::Done);
    assert_eq!(world.state(&child).await, CardState::Ready);
    let detail = kanban::card_detail(&world.core, CardRef::Id(parent.id)).await.unwrap();
    assert_eq!(detail.runs[0].outcome, Some(RunOutcome::Completed));
    assert!(detail.summary_html.unwrap().contains("report.md"));
    world.check_invariants().await;
}

#[tokio::test]
async fn a_fan_in_waits_for_the_last_parent_and_an_archived_one_counts_as_finished() {
    let world = World::new().await;
    let mut parents = Vec::new();
    for index in 0..20 {
        parents.push(world.create(&format!("part {index}")).await);
    }
    let refs = parents.iter().map(|card| CardRef::Id(card.id)).collect();
    let join = world.create_with(CreateCardParams { title: "join".into(), parents: refs, ..Default::default() }).await;
    assert!(matches!(world.card(&join).await.wait, Some(WaitReason::WaitingOn { more: 17, .. })));
    for card in &parents[..19] {
        kanban::complete_card(&world.core, &ada(), CardRef::Id(card.id), "").await.unwrap();
    }
    assert_eq!(world.state(&join).await, CardState::Todo);
    kanban::move_card(&world.core, &ada(), move_to(&parents[19], CardState::Archived)).await.unwrap();
    assert_eq!(world.state(&join).await, CardState::Ready);
    // Reopening a parent takes back what has not started.
    kanban::move_card(&world.core, &ada(), move_to(&parents[0], CardState::Ready)).await.unwrap();
    assert_eq!(world.state(&join).await, CardState::Todo);
    world.check_invariants().await;
}

#[tokio::test]
async fn a_look_that_finds_nothing_wakes_nobody() {
    let world = World::new().await;
    let params = CreateCardParams { title: "stuck".into(), assignee: Some("nobody".into()), ..Default::default() };
    let card = world.create_with(params).await;
    assert_eq!(card.wait, Some(WaitReason::UnknownProfile { profile: "nobody".into() }));
    let mut changes = world.core.changes().subscribe();
    changes.mark_unchanged();
    assert!(kanban::claim_next(&world.core, "test").await.unwrap().is_none());
    assert!(!changes.has_changed().unwrap(), "an idle dispatcher must sleep");
}

#[tokio::test]
async fn links_refuse_cycles_themselves_and_other_boards() {
    let world = World::new().await;
    let (a, b, c) = (world.create("a").await, world.create("b").await, world.create("c").await);
    let by = |card: &TaskCard| CardRef::Id(card.id);
    kanban::link(&world.core, &ada(), by(&a), by(&b)).await.unwrap();
    kanban::link(&world.core, &ada(), by(&b), by(&c)).await.unwrap();
    assert_eq!(world.state(&b).await, CardState::Todo);
    for (parent, child) in [(&a, &a), (&b, &a), (&c, &a)] {
        let error = kanban::link(&world.core, &ada(), by(parent), by(child)).await.unwrap_err();
        assert!(matches!(error, KanbanError::Invalid(_)), "{error}");
    }
    kanban::create_board(&world.core, &ada(), "other", "").await.unwrap();
    let d =
        world.create_with(CreateCardParams { title: "d".into(), board: "other".into(), ..Default::default() }).await;
    assert!(kanban::link(&world.core, &ada(), by(&a), by(&d)).await.is_err());
    kanban::unlink(&world.core, &ada(), by(&a), by(&b)).await.unwrap();
    assert_eq!(world.state(&b).await, CardState::Ready);
    world.check_invariants().await;
}

#[tokio::test]
async fn review_is_a_human_gate_and_settles_once() {
    let world = World::new().await;
    let card = world.create("migrate").await;
    let ticket = world.claim_and_start().await;
    let kind =
        worker::block(&world.core, ticket, None, "review-required: please look", "Did it all.", vec![]).await.unwrap();
    assert_eq!(kind, BlockKind::Review);
    let asked = world.card(&card).await;
    assert_eq!((asked.state, asked.failures), (CardState::Review, 0));
    let ask = asked.ask.clone().unwrap();
    assert_eq!((ask.kind, ask.ask.as_str()), (DecisionKind::Review, "please look"));
    assert!(kanban::claim_next(&world.core, "test").await.unwrap().is_none());

    let params = |verb| SettleDecisionParams { id: ask.id, version: ask.version, verb, comment: String::new() };
    let worker_actor = Actor::Worker { run: ticket.run, profile: "runner".into() };
    let denied = decisions::settle(&world.core, &worker_actor, params(DecisionVerb::Approve)).await.unwrap_err();
    assert!(matches!(denied, KanbanError::Denied(_)));
    let wrong = decisions::settle(&world.core, &ada(), params(DecisionVerb::Retry)).await.unwrap_err();
    assert!(matches!(wrong, KanbanError::Invalid(_)));
    let silent = decisions::settle(&world.core, &ada(), params(DecisionVerb::SendBack)).await.unwrap_err();
    assert!(matches!(silent, KanbanError::Invalid(_)));

    let second_core = world.second_core().await;
    let ada = ada();
    let bob = bob();
    let (first, second) = tokio::join!(
        decisions::settle(&world.core, &ada, params(DecisionVerb::Approve)),
        decisions::settle(&second_core, &bob, params(DecisionVerb::Approve)),
    );
    let outcomes = [first.unwrap(), second.unwrap()];
    let winners = outcomes.iter().filter(|outcome| outcome.decision.settlement.as_ref().unwrap().by_you).count();
    assert_eq!(winners, 1, "settled once and only once");
    let by: std::collections::HashSet<_> =
        outcomes.iter().map(|outcome| outcome.decision.settlement.as_ref().unwrap().by.clone()).collect();
    assert_eq!(by.len(), 1, "both are told the same name");
    assert_eq!(world.state(&card).await, CardState::Done);
    world.check_invariants().await;
}

#[tokio::test]
async fn a_review_sent_back_comes_again_however_often_without_counting_as_failure() {
    let world = World::new().await;
    let card = world.create("again").await;
    for round in 0..4 {
        world.clock.advance_ms(6_000);
        world.forget_processes().await;
        let ticket = world.claim_and_start().await;
        worker::block(&world.core, ticket, Some(BlockKind::Review), "look", "", vec![]).await.unwrap();
        let outcome = settle(&world, &card, DecisionVerb::SendBack, &format!("round {round}: not yet")).await;
        assert_eq!(outcome.decision.state, DecisionState::Settled);
        let back = world.card(&card).await;
        assert_eq!((back.state, back.failures), (CardState::Ready, 0));
        assert!(matches!(back.wait, Some(WaitReason::UndoWindow { .. })), "held for the undo window");
        assert!(kanban::claim_next(&world.core, "test").await.unwrap().is_none(), "held for the undo window");
    }
    world.clock.advance_ms(6_000);
    world.forget_processes().await;
    let claim = world.claim().await;
    let own = agent_core::process::own_identity().unwrap();
    let assignment = worker::start(&world.core, claim.ticket, own.pid, own.started).await.unwrap();
    assert!(assignment.context.contains("round 3: not yet"), "the next run reads the comment");
    assert_eq!(assignment.attempt, 5);
    world.check_invariants().await;
}

#[tokio::test]
async fn a_late_worker_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let card = world.create("fenced").await;
    let old = world.claim_and_start().await;
    kanban::move_card(&world.core, &ada(), move_to(&card, CardState::Ready)).await.unwrap();
    world.forget_processes().await;
    let new = world.claim_and_start().await;
    assert!(new.fence > old.fence);
    let stale = RunTicket { run: new.run, fence: old.fence };
    for ticket in [old, stale] {
        let before = kanban::last_seq(&world.core).await.unwrap();
        let results = [
            worker::complete(&world.core, ticket, "late", None).await,
            worker::block(&world.core, ticket, None, "late", "", vec![]).await.map(|_| ()),
            worker::heartbeat(&world.core, ticket).await,
            worker::fail(&world.core, ticket, RunOutcome::Crashed, "late", None).await,
            worker::comment(&world.core, ticket, CardRef::Id(card.id), "late").await,
        ];
        for result in results {
            assert!(matches!(result, Err(KanbanError::Fenced(_))), "{result:?}");
        }
        assert_eq!(kanban::last_seq(&world.core).await.unwrap(), before);
    }
    assert!(worker::owns(&world.core, new).await.unwrap());
    worker::complete(&world.core, new, "in time", None).await.unwrap();
    world.check_invariants().await;
}

#[tokio::test]
async fn what_a_program_said_before_it_reported_its_end_is_kept() {
    let world = World::new().await;
    let card = world.create("chatty").await;
    let ticket = world.claim_and_start().await;
    let said = |text: &str| {
        vec![worker::NewRunEvent {
            kind: protocol::RunEventKind::Output,
            name: String::new(),
            detail: text.into(),
            ok: true,
        }]
    };
    worker::block(&world.core, ticket, Some(BlockKind::Review), "look", "", vec![]).await.unwrap();
    let late = worker::record(&world.core, ticket, said("counting")).await;
    assert!(matches!(late, Err(KanbanError::Fenced(_))), "the worker is told that the run is over");
    let events = kanban::run_events(&world.core, ticket.run, 0).await.unwrap();
    assert_eq!(events.last().unwrap().detail, "counting");
    world.clock.advance_ms(10_001);
    assert!(worker::record(&world.core, ticket, said("much later")).await.is_err());
    assert_eq!(kanban::run_events(&world.core, ticket.run, 0).await.unwrap().len(), events.len());

    // A run that was taken back says nothing more.
    settle(&world, &card, DecisionVerb::SendBack, "again").await;
    world.clock.advance_ms(6_000);
    world.forget_processes().await;
    let taken = world.claim_and_start().await;
    kanban::move_card(&world.core, &ada(), move_to(&card, CardState::Triage)).await.unwrap();
    let before = kanban::run_events(&world.core, taken.run, 0).await.unwrap().len();
    assert!(worker::record(&world.core, taken, said("late")).await.is_err());
    assert_eq!(kanban::run_events(&world.core, taken.run, 0).await.unwrap().len(), before);
    world.check_invariants().await;
}

#[tokio::test]
async fn failures_count_and_end_at_a_person() {
    let world = World::new().await;
    let card = world.create("flaky").await;
    let ticket = world.claim_and_start().await;
    worker::fail(&world.core, ticket, RunOutcome::Crashed, "boom: sk-abcdefghijklmnopqrstuvwxyz123456", None)
        .await
        .unwrap();
    let after = world.card(&card).await;
    assert_eq!((after.state, after.failures), (CardState::Ready, 1));
    assert!(matches!(after.wait, Some(WaitReason::BackingOff { .. })));
    let detail = kanban::card_detail(&world.core, CardRef::Id(card.id)).await.unwrap();
    let error = detail.last_error.unwrap();
    assert!(error.contains("boom") && !error.contains("sk-abcdefghijkl"), "{error}");

    // Rate limits never count.
    world.clock.advance_ms(60_000);
    world.forget_processes().await;
    let ticket = world.claim_and_start().await;
    worker::fail(&world.core, ticket, RunOutcome::RateLimited, "429", Some(5_000)).await.unwrap();
    assert_eq!(world.card(&card).await.failures, 1);

    world.clock.advance_ms(60_000);
    world.forget_processes().await;
    let ticket = world.claim_and_start().await;
    worker::fail(&world.core, ticket, RunOutcome::ProtocolViolation, "left", None).await.unwrap();
    let stopped = world.card(&card).await;
    assert_eq!(stopped.state, CardState::Blocked);
    assert_eq!(stopped.ask.unwrap().kind, DecisionKind::Failed);
    let outcome = settle(&world, &card, DecisionVerb::Retry, "").await;
    assert_eq!(outcome.decision.card.state, CardState::Ready);
    assert_eq!(world.card(&card).await.failures, 0, "a person resets the counter");
    world.check_invariants().await;
}

#[tokio::test]
async fn taking_back_an_edit_leaves_the_worker_at_work() {
    let world = World::new().await;
    let card = world.create("tpyo").await;
    let ticket = world.claim_and_start().await;
    let card = world.card(&card).await;
    let edit = EditCardParams { title: Some("typo".into()), ..EditCardParams::of(card.id, card.revision) };
    let undo = kanban::edit_card(&world.core, &ada(), edit).await.unwrap().undo.unwrap();
    kanban::undo(&world.core, &ada(), undo).await.unwrap();
    let card = world.card(&card).await;
    assert_eq!((card.title.as_str(), card.state), ("tpyo", CardState::Running));
    worker::complete(&world.core, ticket, "done", None).await.unwrap();
    assert_eq!(world.state(&card).await, CardState::Done);
    world.check_invariants().await;
}

#[tokio::test]
async fn a_card_brought_back_waits_for_what_was_reopened_meanwhile() {
    let world = World::new().await;
    let parent = world.create("parent").await;
    let params = CreateCardParams {
        title: "child".into(),
        parents: vec![CardRef::Id(parent.id)],
        ..CreateCardParams::default()
    };
    let child = world.create_with(params).await;
    kanban::move_card(&world.core, &ada(), move_to(&parent, CardState::Done)).await.unwrap();
    assert_eq!(world.state(&child).await, CardState::Ready);
    let undo = kanban::delete_card(&world.core, &ada(), CardRef::Id(child.id)).await.unwrap().undo.unwrap();
    kanban::move_card(&world.core, &ada(), move_to(&parent, CardState::Ready)).await.unwrap();
    kanban::undo(&world.core, &ada(), undo).await.unwrap();
    assert_eq!(world.state(&child).await, CardState::Todo);
    world.check_invariants().await;
}

#[tokio::test]
async fn what_ran_under_another_host_name_does_not_hold_its_card() {
    let world = World::new().await;
    let card = world.create("moved house").await;
    let ticket = world.claim_and_start().await;
    let mut tx = world.core.write().await.unwrap();
    sqlx::query("UPDATE kanban_process SET host = 'old-container'").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    worker::fail(&world.core, ticket, RunOutcome::Lost, "gone", None).await.unwrap();
    world.clock.advance_ms(600_000);
    assert!(kanban::claim_next(&world.core, "test").await.unwrap().is_none());
    kanban::reap(&world.core).await.unwrap();
    assert_eq!(world.claim().await.number, card.number);
}

#[tokio::test]
async fn no_worker_works_where_hermes_keeps_its_keys() {
    let world = World::new().await;
    let keys = world.core.home().root().join("keys");
    std::fs::create_dir_all(&keys).unwrap();
    for dir in [world.core.home().root(), keys.as_path()] {
        let params = CreateCardParams {
            title: "x".into(),
            workspace: WorkspaceKind::Dir,
            workspace_path: Some(dir.display().to_string()),
            ..CreateCardParams::default()
        };
        let refused = kanban::create_card(&world.core, &ada(), params).await.unwrap_err();
        assert!(refused.to_string().contains("keys and data"), "{refused}");
    }
}

#[tokio::test]
async fn a_run_that_fails_under_a_parent_brought_back_waits_for_it() {
    let world = World::new().await;
    let parent = world.create("parent").await;
    let params = CreateCardParams {
        title: "child".into(),
        parents: vec![CardRef::Id(parent.id)],
        ..CreateCardParams::default()
    };
    let child = world.create_with(params).await;
    let undo = kanban::delete_card(&world.core, &ada(), CardRef::Id(parent.id)).await.unwrap().undo.unwrap();
    let ticket = world.claim_and_start().await;
    kanban::undo(&world.core, &ada(), undo).await.unwrap();
    worker::fail(&world.core, ticket, RunOutcome::Crashed, "broken", None).await.unwrap();
    assert_eq!(world.state(&child).await, CardState::Todo);
    world.check_invariants().await;
}

#[tokio::test]
async fn how_a_run_ended_is_the_last_of_its_activity_however_long_that_is() {
    let world = World::new().await;
    for is_failure in [false, true] {
        world.create("endless").await;
        let ticket = world.claim_and_start().await;
        let mut tx = world.core.write().await.unwrap();
        sqlx::query("UPDATE kanban_run SET events = 20000 WHERE ended_at IS NULL").execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        let why = "x".repeat(40_000);
        if is_failure {
            worker::fail(&world.core, ticket, RunOutcome::Crashed, &why, None).await.unwrap();
        } else {
            worker::block(&world.core, ticket, Some(BlockKind::NeedsInput), &why, "", vec![]).await.unwrap();
        }
        let events = kanban::run_events(&world.core, ticket.run, 0).await.unwrap();
        let last = events.last().unwrap();
        assert_eq!((last.kind, last.seq), (protocol::RunEventKind::Ended, 20_001), "{is_failure}");
        assert!(last.detail.len() <= 16 * 1024, "{}", last.detail.len());
    }
    world.check_invariants().await;
}

#[tokio::test]
async fn illegal_moves_say_what_is_legal_and_stale_ones_what_changed() {
    let world = World::new().await;
    let card = world.create("stay").await;
    for to in [CardState::Running, CardState::Review, CardState::Blocked, CardState::Scheduled] {
        let error = kanban::move_card(&world.core, &ada(), move_to(&card, to)).await.unwrap_err();
        assert!(error.to_string().contains("possible:"), "{error}");
    }
    // A ready card waits for none, also one that came after another; no menu offers what is always refused.
    let parent = world.create("before").await;
    let after = CreateCardParams { parents: vec![CardRef::Id(parent.id)], ..CreateCardParams::default() };
    let child = world.create_with(CreateCardParams { title: "after".into(), ..after }).await;
    kanban::complete_card(&world.core, &ada(), CardRef::Id(parent.id), "").await.unwrap();
    for ready in [&card, &world.card(&child).await] {
        assert!(ready.state == CardState::Ready && !ready.may_go_to(CardState::Todo));
        let error = kanban::move_card(&world.core, &ada(), move_to(ready, CardState::Todo)).await.unwrap_err();
        assert!(error.to_string().ends_with("possible: Triage, Done, Archived"), "{error}");
    }
    let stale = MoveCardParams { revision: Some(card.revision), ..move_to(&card, CardState::Done) };
    kanban::move_card(&world.core, &ada(), move_to(&card, CardState::Triage)).await.unwrap();
    let error = kanban::move_card(&world.core, &bob(), stale).await.unwrap_err();
    assert!(matches!(error, KanbanError::Conflict(_)), "{error}");
    assert_eq!(world.state(&card).await, CardState::Triage);
}

#[tokio::test]
async fn a_card_lands_where_it_was_dropped() {
    let world = World::new().await;
    let cards = [world.create("1").await, world.create("2").await, world.create("3").await];
    let place = MoveCardParams { after: Some(cards[0].id), ..move_to(&cards[2], CardState::Ready) };
    kanban::move_card(&world.core, &ada(), place).await.unwrap();
    let order = |page: Vec<TaskCard>| page.into_iter().map(|card| card.number).collect::<Vec<_>>();
    let ready = kanban::list_cards(&world.core, "", &BoardView::default(), Some(CardState::Ready), 10).await.unwrap();
    assert_eq!(order(ready), [1, 3, 2]);
    let place = MoveCardParams { before: Some(cards[0].id), ..move_to(&cards[1], CardState::Ready) };
    kanban::move_card(&world.core, &ada(), place).await.unwrap();
    let ready = kanban::list_cards(&world.core, "", &BoardView::default(), Some(CardState::Ready), 10).await.unwrap();
    assert_eq!(order(ready), [2, 1, 3]);
}

#[tokio::test]
async fn every_write_of_a_person_can_be_taken_back_once_and_for_ten_minutes() {
    let world = World::new().await;
    let created =
        kanban::create_card(&world.core, &ada(), CreateCardParams { title: "one".into(), ..Default::default() })
            .await
            .unwrap();
    let card = created.card.clone();
    let edit = EditCardParams {
        title: Some("two".into()),
        body: Some("b".into()),
        priority: Some(1),
        ..EditCardParams::of(card.id, card.revision)
    };
    let edited = kanban::edit_card(&world.core, &ada(), edit).await.unwrap();
    let undone = kanban::undo(&world.core, &bob(), edited.undo.unwrap()).await.unwrap();
    assert_eq!((undone.cards[0].title.as_str(), undone.cards[0].priority), ("one", 0));
    let twice = kanban::undo(&world.core, &ada(), edited.undo.unwrap()).await.unwrap_err();
    assert!(twice.to_string().contains("already"), "{twice}");

    let archived = kanban::move_card(&world.core, &ada(), move_to(&card, CardState::Archived)).await.unwrap();
    assert_eq!(
        kanban::undo(&world.core, &ada(), archived.undo.unwrap()).await.unwrap().cards[0].state,
        CardState::Ready
    );
    let deleted = kanban::delete_card(&world.core, &ada(), CardRef::Id(card.id)).await.unwrap();
    assert!(matches!(kanban::card(&world.core, CardRef::Id(card.id)).await, Err(KanbanError::NotFound(_))));
    assert_eq!(
        kanban::undo(&world.core, &ada(), deleted.undo.unwrap()).await.unwrap().cards[0].state,
        CardState::Ready
    );

    let moved = kanban::move_card(&world.core, &ada(), move_to(&card, CardState::Triage)).await.unwrap();
    world.clock.advance_ms(10 * 60_000 + 1);
    let late = kanban::undo(&world.core, &ada(), moved.undo.unwrap()).await.unwrap_err();
    assert!(late.to_string().contains("ten minutes"), "{late}");
    world.check_invariants().await;
}

#[tokio::test]
async fn an_approval_taken_back_asks_again_and_stops_the_children() {
    let world = World::new().await;
    let card = world.create("gate").await;
    let child = world
        .create_with(CreateCardParams {
            title: "after".into(),
            parents: vec![CardRef::Id(card.id)],
            ..Default::default()
        })
        .await;
    let ticket = world.claim_and_start().await;
    worker::block(&world.core, ticket, Some(BlockKind::Review), "look", "all good", vec![]).await.unwrap();
    let version = world.card(&card).await.ask.unwrap().version;
    let outcome = settle(&world, &card, DecisionVerb::Approve, "").await;
    assert_eq!(world.state(&child).await, CardState::Ready);
    assert!(kanban::claim_next(&world.core, "test").await.unwrap().is_none(), "children are held for the undo window");
    kanban::undo(&world.core, &ada(), outcome.decision.settlement.unwrap().undo.unwrap()).await.unwrap();
    let back = world.card(&card).await;
    assert_eq!(back.state, CardState::Review);
    assert_eq!(back.ask.unwrap().version, version + 1);
    assert_eq!(world.state(&child).await, CardState::Todo);
    world.check_invariants().await;
}

#[tokio::test]
async fn moving_on_by_hand_withdraws_the_question() {
    let world = World::new().await;
    let card = world.create_with(CreateCardParams { title: "q".into(), blocked: true, ..Default::default() }).await;
    let ask = card.ask.clone().unwrap();
    kanban::move_card(&world.core, &ada(), move_to(&card, CardState::Done)).await.unwrap();
    assert_eq!(decisions::decision(&world.core, ask.id).await.unwrap().state, DecisionState::Withdrawn);
    assert_eq!(decisions::open_count(&world.core).await.unwrap(), 0);
    world.check_invariants().await;
}

#[tokio::test]
async fn a_delta_carries_what_changed_and_nothing_else() {
    let world = World::new().await;
    let cards = [world.create("a").await, world.create("b").await];
    let page = kanban::board_page(&world.core, "", &BoardView::default()).await.unwrap();
    assert_eq!(page.columns.iter().find(|column| column.state == CardState::Ready).unwrap().total, 2);
    let none = kanban::board_delta(&world.core, page.board.id, page.seq).await.unwrap().unwrap();
    assert!(none.cards.is_empty() && none.removed.is_empty());
    kanban::move_card(&world.core, &ada(), move_to(&cards[0], CardState::Triage)).await.unwrap();
    let one = kanban::board_delta(&world.core, page.board.id, page.seq).await.unwrap().unwrap();
    assert_eq!(one.cards.iter().map(|card| card.id).collect::<Vec<_>>(), [cards[0].id]);
    kanban::move_card(&world.core, &ada(), move_to(&cards[1], CardState::Archived)).await.unwrap();
    let gone = kanban::board_delta(&world.core, page.board.id, one.seq).await.unwrap().unwrap();
    assert_eq!(gone.cards.iter().map(|card| card.state).collect::<Vec<_>>(), [CardState::Archived]);
    kanban::delete_card(&world.core, &ada(), CardRef::Id(cards[1].id)).await.unwrap();
    let gone = kanban::board_delta(&world.core, page.board.id, gone.seq).await.unwrap().unwrap();
    assert_eq!(gone.removed, [cards[1].id]);
    for index in 0..201 {
        world.create(&format!("many {index}")).await;
    }
    assert!(kanban::board_delta(&world.core, page.board.id, page.seq).await.unwrap().is_none(), "too much: read again");
}

#[tokio::test]
async fn the_audit_chain_is_whole_and_append_only() {
    let world = World::new().await;
    let card = world.create("audited").await;
    kanban::add_comment(&world.core, &ada(), AddCommentParams { id: card.id, body: "hello".into(), anchor: None })
        .await
        .unwrap();
    kanban::move_card(&world.core, &ada(), move_to(&card, CardState::Done)).await.unwrap();
    assert_eq!(audit::verify(&world.core).await.unwrap(), audit::ChainState::Whole { rows: 3 });
    let mut tx = world.core.write().await.unwrap();
    assert!(sqlx::query("UPDATE audit_row SET actor = 'x'").execute(&mut *tx).await.is_err());
    assert!(sqlx::query("DELETE FROM audit_row").execute(&mut *tx).await.is_err());
    sqlx::query("DROP TRIGGER audit_row_no_update").execute(&mut *tx).await.unwrap();
    sqlx::query("UPDATE audit_row SET actor = 'x' WHERE seq = 2").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(audit::verify(&world.core).await.unwrap(), audit::ChainState::BrokenAt { seq: 2 });
}

#[tokio::test]
async fn a_dependency_block_waits_for_its_parent_and_otherwise_for_a_person() {
    let world = World::new().await;
    let card = world.create("needs").await;
    let ticket = world.claim_and_start().await;
    let other = world.create("first").await;
    kanban::link(&world.core, &ada(), CardRef::Id(other.id), CardRef::Id(card.id)).await.unwrap();
    assert_eq!(world.state(&card).await, CardState::Running, "a running child is never demoted");
    let kind =
        worker::block(&world.core, ticket, Some(BlockKind::Dependency), "needs first", "", vec![]).await.unwrap();
    assert_eq!((kind, world.state(&card).await), (BlockKind::Dependency, CardState::Todo));
    kanban::complete_card(&world.core, &ada(), CardRef::Id(other.id), "").await.unwrap();
    world.forget_processes().await;
    let ticket = world.claim_and_start().await;
    let kind = worker::block(&world.core, ticket, Some(BlockKind::Dependency), "and now?", "", vec![]).await.unwrap();
    assert_eq!((kind, world.state(&card).await), (BlockKind::NeedsInput, CardState::Blocked));
    world.check_invariants().await;
}
