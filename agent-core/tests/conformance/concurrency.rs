//! §9.3: many at once on one database. Every contender has a core of its own, as another process has it; contenders
//! that are processes are in `server/tests/processes`.
//!
//! | rule | why not, and what holds instead |
//! |---|---|
//! | one of two dispatchers reports skipped_locked | both dispatch; claiming compares and sets on the one writer, so no card starts twice |
//! | `claim_rejected` | the claim demotes the card to todo itself; the event is `demoted` |
//! | an old database gets one run for each card under way | old databases are imported, never opened (`it::import`) |

use std::collections::HashMap;
use std::sync::Arc;

use agent_core::kanban::worker::{self, BlockWords, Handover, NewRunEvent, RunTicket};
use agent_core::kanban::{self, KanbanError};
use agent_core::{Core, Home, OpenOptions};
use protocol::{
    BlockKind, BoardView, CardRef, CardState, CreateCardParams, ErrorCode, RunEventKind, RunOutcome, TaskCard,
};
use tokio::sync::Barrier;

use crate::support::{World, ada};
use crate::{by, detail, finish, kinds, number, outcomes, refusal, shift, start, start_again, start_on, titled};

/// Takes cards and finishes them until there are none; returns the numbers it had.
async fn work_all(core: Core) -> Vec<i64> {
    let mut had = Vec::new();
    while let Some(claim) = kanban::claim_next(&core, "racer").await.unwrap() {
        worker::start(&core, claim.ticket, u32::MAX >> 1, 1).await.unwrap();
        worker::complete(&core, claim.ticket, "done", None).await.unwrap();
        had.push(claim.number);
    }
    had
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racers_take_every_card_once_and_finish_it_once() {
    const CARDS: i64 = 60;
    let world = World::new().await;
    for index in 0..CARDS {
        world.create(&format!("card {index}")).await;
    }
    let mut racers = Vec::new();
    for _ in 0..6 {
        racers.push(tokio::spawn(work_all(world.second_core().await)));
    }
    let mut taken: HashMap<i64, u32> = HashMap::new();
    for racer in racers {
        for card in racer.await.unwrap() {
            *taken.entry(card).or_default() += 1;
        }
    }
    assert_eq!(taken.len() as i64, CARDS);
    assert!(taken.values().all(|times| *times == 1), "{taken:?}");
    assert_eq!(number(&world, "SELECT count(*) FROM kanban_run").await, CARDS);
    assert_eq!(number(&world, "SELECT count(*) FROM kanban_event WHERE kind = 'completed'").await, CARDS);
    assert_eq!(number(&world, "SELECT count(*) FROM kanban_card WHERE state = 'done'").await, CARDS);
    assert_eq!(
        number(&world, "SELECT count(*) FROM kanban_run WHERE ended_at IS NULL OR lease_until IS NOT NULL").await,
        0
    );
    world.check_invariants().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_claim_is_lost_without_an_error_by_all_but_one() {
    let world = World::new().await;
    for round in 1..=10 {
        world.create("contested").await;
        let barrier = Arc::new(Barrier::new(8));
        let mut contenders = Vec::new();
        for _ in 0..8 {
            let (core, barrier) = (world.second_core().await, Arc::clone(&barrier));
            contenders.push(tokio::spawn(async move {
                barrier.wait().await;
                kanban::claim_next(&core, "contender").await.unwrap()
            }));
        }
        let mut won = 0;
        for contender in contenders {
            won += usize::from(contender.await.unwrap().is_some());
        }
        assert_eq!(won, 1);
        assert_eq!(number(&world, "SELECT count(*) FROM kanban_run").await, round);
        world.check_invariants().await;
    }
}

/// What a worker says by every function that takes its ticket, and how each was answered.
async fn say_everything(world: &World, ticket: RunTicket, card: &TaskCard) -> Vec<(&'static str, KanbanError)> {
    let core = &world.core;
    let file = world.dir.path().join(format!("workspaces/T-{}/late.txt", card.number));
    std::fs::write(&file, "late").unwrap();
    let event = NewRunEvent { kind: RunEventKind::Output, name: String::new(), detail: "late".into(), ok: true };
    let usage = worker::Usage { tokens_in: 7, tokens_out: 7, cost_micros: Some(7) };
    let handed = Handover { artifacts: vec![file.clone()], created_cards: vec![by(card)], then_continue: false };
    let words = BlockWords { kind: None, reason: "late", summary: "", options: &[] };
    let answers = [
        ("start", worker::start(core, ticket, u32::MAX >> 1, 2).await.map(drop)),
        ("start outside", worker::start_outside(core, ticket, None).await.map(drop)),
        ("complete", worker::complete(core, ticket, "late", None).await),
        ("complete with files", worker::complete_with(core, ticket, "late", None, &handed).await),
        ("block", worker::block(core, ticket, None, "late", "", vec![]).await.map(drop)),
        ("review", worker::block(core, ticket, Some(BlockKind::Review), "late", "late", vec![]).await.map(drop)),
        ("block with files", worker::block_with(core, ticket, words, &handed).await.map(drop)),
        ("heartbeat", worker::heartbeat(core, ticket).await),
        ("fail", worker::fail(core, ticket, RunOutcome::Crashed, "late", Some(0)).await),
        ("comment", worker::comment(core, ticket, by(card), "late").await),
        ("record", worker::record(core, ticket, vec![event]).await),
        ("add usage", worker::add_usage(core, ticket, usage).await),
        ("attach", worker::attach(core, ticket, &file, None).await.map(drop)),
        ("create", worker::create(core, ticket, titled("late")).await.map(drop)),
        ("link", worker::link(core, ticket, CardRef::Number(2), by(card)).await),
        ("unlink", worker::unlink(core, ticket, CardRef::Number(2), by(card)).await),
        ("list", worker::list(core, ticket, &BoardView::default(), None, 9).await.map(drop)),
        ("show", worker::show(core, Some(ticket), by(card)).await.map(drop)),
        ("budget", worker::spent_budget(core, ticket).await.map(drop)),
        ("holder", worker::holder(core, ticket).await.map(drop)),
    ];
    answers.into_iter().map(|(said, answer)| (said, answer.expect_err(said))).collect()
}

#[tokio::test]
async fn a_late_word_of_an_old_run_is_refused_and_leaves_the_new_run_alone() {
    let world = World::new().await;
    let card = world.create("fenced").await;
    world.create_with(CreateCardParams { triage: true, ..titled("beside it") }).await;
    let old = start(&world).await;
    kanban::reclaim_card(&world.core, &ada(), by(&card), "").await.unwrap();
    let new = start_again(&world).await;
    // Whatever a late word wrote would differ from what the new run has by now.
    world.clock.advance_ms(1);
    let before = crate::everything(&world).await;
    let stale = RunTicket { run: new.run, fence: old.fence };
    let mixed = RunTicket { run: old.run, fence: new.fence };
    let ahead = RunTicket { run: new.run, fence: new.fence + 1 };
    for ticket in [old, stale, mixed, ahead] {
        for (said, refused) in say_everything(&world, ticket, &card).await {
            assert!(matches!(refused, KanbanError::Fenced(_)), "{said}: {refused:?}");
            assert_eq!(refused.code(), ErrorCode::Conflict, "{said}");
        }
        assert_eq!(crate::everything(&world).await, before, "not a row has changed");
    }
    worker::complete(&world.core, new, "in time", None).await.unwrap();
    assert_eq!(outcomes(&world, &card).await, [Some(RunOutcome::Reclaimed), Some(RunOutcome::Completed)]);
    world.check_invariants().await;
}

#[tokio::test]
async fn what_a_worker_says_after_its_own_end_changes_neither_the_card_nor_the_next_run() {
    let world = World::new().await;
    let card = world.create("finished").await;
    let first = start(&world).await;
    worker::complete(&world.core, first, "done", None).await.unwrap();
    let late = || {
        let said = NewRunEvent { kind: RunEventKind::Output, name: String::new(), detail: "late".into(), ok: true };
        worker::record(&world.core, first, vec![said])
    };
    // What it printed before it ended may come a moment later, and is kept; it is told that it has ended.
    assert!(matches!(late().await, Err(KanbanError::Fenced(_))));
    let kept = "SELECT count(*) FROM kanban_run_event WHERE detail = 'late'";
    assert_eq!(number(&world, kept).await, 1);
    world.clock.advance_ms(10_001);
    let before = crate::everything(&world).await;
    for (said, refused) in
        [("late", late().await.expect_err("late"))].into_iter().chain(say_everything(&world, first, &card).await)
    {
        assert!(matches!(refused, KanbanError::Fenced(_)), "{said}: {refused:?}");
    }
    assert_eq!(crate::everything(&world).await, before, "a moment is not for ever");
    // Nor for a moment when the card has another run by then.
    shift(&world, &card, CardState::Ready).await.unwrap();
    let second = start_again(&world).await;
    worker::complete(&world.core, second, "again", None).await.unwrap();
    shift(&world, &card, CardState::Ready).await.unwrap();
    kanban::reap(&world.core).await.unwrap();
    world.clock.advance_ms(5_001);
    start(&world).await;
    let before = crate::everything(&world).await;
    for (said, refused) in say_everything(&world, second, &card).await {
        assert!(matches!(refused, KanbanError::Fenced(_)), "{said}: {refused:?}");
    }
    assert_eq!(crate::everything(&world).await, before);
    world.check_invariants().await;
}

/// One round of a worker that finishes while a person takes the card back. Says who was first.
async fn complete_against_reclaim(world: &World, card: &TaskCard, other: &Core, worker_first: bool) -> RunOutcome {
    let ticket = start_again(world).await;
    let person = ada();
    let complete = worker::complete(&world.core, ticket, "done", None);
    let reclaim = kanban::reclaim_card(other, &person, by(card), "");
    let (completed, reclaimed) = if worker_first {
        tokio::join!(complete, reclaim)
    } else {
        let (reclaimed, completed) = tokio::join!(reclaim, complete);
        (completed, reclaimed)
    };
    assert_ne!(completed.is_ok(), reclaimed.is_ok(), "one of them and not both: {completed:?} {reclaimed:?}");
    if completed.is_ok() { RunOutcome::Completed } else { RunOutcome::Reclaimed }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_run_is_closed_once_whether_its_worker_or_a_person_is_first() {
    let world = World::new().await;
    let card = world.create("contested").await;
    let other = world.second_core().await;
    let mut expected = Vec::new();
    for round in 0..18 {
        expected.push(Some(complete_against_reclaim(&world, &card, &other, round % 2 == 0).await));
        world.check_invariants().await;
        if world.state(&card).await == CardState::Done {
            shift(&world, &card, CardState::Ready).await.unwrap();
        }
    }
    assert_eq!(outcomes(&world, &card).await, expected);
    let closed = number(&world, "SELECT count(*) FROM kanban_event WHERE kind IN ('completed', 'reclaimed')").await;
    assert_eq!(closed, expected.len() as i64, "each end is told once");
    for wanted in [RunOutcome::Completed, RunOutcome::Reclaimed] {
        assert!(expected.contains(&Some(wanted)), "no {wanted} in {expected:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_card_starts_while_a_parent_that_was_linked_meanwhile_is_unfinished() {
    let world = World::new().await;
    let parent = world.create_with(CreateCardParams { triage: true, ..titled("parent") }).await;
    let (linker, claimer) = (world.second_core().await, world.second_core().await);
    let linking = tokio::spawn({
        let parent = by(&parent);
        async move {
            for index in 0..40 {
                let params = titled(&format!("child {index}"));
                let card = kanban::create_card(&linker, &ada(), params).await.unwrap().card;
                kanban::link(&linker, &ada(), parent, by(&card)).await.unwrap();
            }
        }
    });
    while !linking.is_finished() {
        kanban::claim_next(&claimer, "early").await.unwrap();
        tokio::task::yield_now().await;
    }
    linking.await.unwrap();
    let early = number(&world, "SELECT count(*) FROM kanban_card WHERE state = 'running'").await;
    assert_eq!(number(&world, "SELECT count(*) FROM kanban_card WHERE state = 'todo'").await, 40 - early);
    finish(&world, &parent).await;
    while kanban::claim_next(&claimer, "late").await.unwrap().is_some() {}
    // A claim is either older than the link or younger than the parent's end.
    let between = number(
        &world,
        "SELECT count(*) FROM kanban_event c JOIN kanban_event l ON l.card_id = c.card_id AND l.kind = 'linked'
           WHERE c.kind = 'claimed' AND c.seq > l.seq
             AND c.seq < (SELECT seq FROM kanban_event WHERE kind = 'completed')",
    )
    .await;
    assert_eq!(between, 0);
    assert_eq!(number(&world, "SELECT count(*) FROM kanban_event WHERE kind = 'claimed'").await, 40);
    world.check_invariants().await;
}

#[tokio::test]
async fn a_ready_card_whose_parent_is_unfinished_is_put_back_by_the_claim() {
    let world = World::new().await;
    let parent = world.create_with(CreateCardParams { triage: true, ..titled("parent") }).await;
    let card = world.create("child").await;
    kanban::link(&world.core, &ada(), by(&parent), by(&card)).await.unwrap();
    // As if another program had written it.
    crate::tamper(&world, "UPDATE kanban_card SET state = 'ready' WHERE number = 2").await;
    crate::nothing_to_claim(&world).await;
    assert_eq!(world.state(&card).await, CardState::Todo);
    assert_eq!(kinds(&world, &card).await.iter().filter(|kind| *kind == "demoted").count(), 2);
    world.check_invariants().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_makes_one_card_whose_words_stay_and_is_free_again_after_the_archive() {
    let world = World::new().await;
    let keyed = |body: &str| CreateCardParams {
        body: body.into(),
        idempotency_key: Some("nightly".into()),
        ..titled("report")
    };
    let first = world.create_with(keyed("first")).await;
    for _ in 0..3 {
        assert_eq!(world.create_with(keyed("other")).await.id, first.id);
    }
    assert_eq!(detail(&world, &first).await.body, "first");
    kanban::create_board(&world.core, &ada(), "other", "").await.unwrap();
    let elsewhere = world.create_with(CreateCardParams { board: "other".into(), ..keyed("there") }).await;
    assert_ne!(elsewhere.id, first.id, "a key is a board's");
    finish(&world, &first).await;
    assert_eq!(world.create_with(keyed("other")).await.id, first.id, "finished is not put away");
    shift(&world, &first, CardState::Archived).await.unwrap();
    let second = world.create_with(keyed("second")).await;
    assert_ne!(second.id, first.id);
    assert_eq!(detail(&world, &second).await.body, "second");
    world.check_invariants().await;
}

#[tokio::test]
async fn a_card_comes_back_from_the_archive_although_its_key_was_given_away() {
    let world = World::new().await;
    let keyed = || CreateCardParams { idempotency_key: Some("nightly".into()), ..titled("report") };
    let first = world.create_with(keyed()).await;
    let archived = shift(&world, &first, CardState::Archived).await.unwrap();
    let second = world.create_with(keyed()).await;
    kanban::undo(&world.core, &ada(), archived.undo.unwrap()).await.unwrap();
    assert_eq!(world.state(&first).await, CardState::Ready);
    assert_eq!(world.create_with(keyed()).await.id, second.id, "whoever has the key keeps it");
    let deleted = kanban::delete_card(&world.core, &ada(), by(&second)).await.unwrap();
    let third = world.create_with(keyed()).await;
    assert_ne!(third.id, second.id);
    kanban::undo(&world.core, &ada(), deleted.undo.unwrap()).await.unwrap();
    assert_eq!(world.create_with(keyed()).await.id, third.id);
    shift(&world, &first, CardState::Archived).await.unwrap();
    shift(&world, &first, CardState::Triage).await.unwrap();
    world.check_invariants().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_first_openers_make_the_database_once() {
    for _ in 0..5 {
        let dir = tempfile::tempdir().unwrap();
        let barrier = Arc::new(Barrier::new(8));
        let mut openers = Vec::new();
        for index in 0..8 {
            let (home, barrier) = (Home::at(dir.path()), Arc::clone(&barrier));
            openers.push(tokio::spawn(async move {
                barrier.wait().await;
                let core = Core::open(OpenOptions::new(home)).await.unwrap();
                kanban::create_card(&core, &ada(), titled(&format!("card {index}"))).await.unwrap().card.number
            }));
        }
        let mut numbers = Vec::new();
        for opener in openers {
            numbers.push(opener.await.unwrap());
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=8).collect::<Vec<i64>>());
    }
}

#[tokio::test]
async fn opening_again_changes_neither_schema_nor_rows() {
    let world = World::new().await;
    world.create("under way").await;
    let ticket = start(&world).await;
    let schema = "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_schema ORDER BY name)";
    let before: String = sqlx::query_scalar(schema).fetch_one(world.core.store().reader()).await.unwrap();
    let rows = crate::fingerprint(&world).await;
    for _ in 0..3 {
        let core = world.second_core().await;
        let after: String = sqlx::query_scalar(schema).fetch_one(core.store().reader()).await.unwrap();
        assert_eq!(after, before);
        core.close().await;
    }
    assert_eq!(crate::fingerprint(&world).await, rows);
    let fresh = World::new().await;
    let made: String = sqlx::query_scalar(schema).fetch_one(fresh.core.store().reader()).await.unwrap();
    assert_eq!(made, before, "a used database has the schema of a fresh one");
    worker::complete(&world.core, ticket, "done", None).await.unwrap();
    world.check_invariants().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_of_different_cores_wait_for_each_other_instead_of_failing() {
    let world = World::new().await;
    let card = world.create("busy").await;
    let mut writers = Vec::new();
    for writer in 0..6 {
        let (core, id) = (world.second_core().await, card.id);
        writers.push(tokio::spawn(async move {
            for index in 0..20 {
                let body = format!("{writer}-{index}");
                let params = protocol::AddCommentParams { id, body, anchor: None };
                kanban::add_comment(&core, &ada(), params).await.unwrap();
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(world.card(&card).await.comments, 120);
    world.check_invariants().await;
}

#[tokio::test]
async fn an_edit_of_what_somebody_else_changed_is_refused() {
    let world = World::new().await;
    let card = world.create("one").await;
    let second = world.second_core().await;
    let edit = |title: &str| protocol::EditCardParams {
        title: Some(title.into()),
        ..protocol::EditCardParams::of(card.id, card.revision)
    };
    kanban::edit_card(&second, &ada(), edit("theirs")).await.unwrap();
    let before = crate::fingerprint(&world).await;
    assert!(refusal(kanban::edit_card(&world.core, &ada(), edit("mine")).await).contains("changed meanwhile"));
    assert_eq!(crate::fingerprint(&world).await, before);
    assert_eq!(world.card(&card).await.title, "theirs");
    let ticket = start_on(&second).await;
    worker::complete(&world.core, ticket, "a ticket is good on every core", None).await.unwrap();
    world.check_invariants().await;
}
