//! §9.5: what can happen to a card between its creation and its archive, and what is kept of it.
//!
//! | rule | why not, and what holds instead |
//! |---|---|
//! | archived resists complete | its workers' words are fenced; a person brings it back to any earlier state, done is one |
//! | an unassigned ready card is skipped | it is the default profile's; without such a profile it says `unknown_profile` |
//! | a person's complete or block of an unclaimed card makes a run of no length | a run is always a worker's; a person's words are the card's own summary, its question, its event |
//! | a block reason is the run's summary | only when the worker says nothing about what it did |
//! | a leaked run is closed by unblock or by the next claim | a run can not leak: the database refuses a running card without its run, and a second open run (`structure`) |
//! | schedule is a note | it is a time, and the clock wakes the card |
//! | the same kind of block twice goes to triage | every block opens a decision, however often |
//! | ids are `t_` and 8 digits | ids are UUIDv7; people see numbers, which are never used twice |
//! | whole lists complete with a summary | one card at a time; `server/tests/cli` holds exit codes and refused metadata |

use std::collections::HashSet;

use agent_core::kanban::{self, KanbanError, worker};
use protocol::{
    AddCommentParams, BlockKind, BoardView, CardRef, CardState, CreateCardParams, DecisionKind, DecisionVerb,
    EditCardParams, RunOutcome, WaitReason,
};
use serde_json::json;

use crate::support::{START_MS, World, ada};
use crate::{
    by, detail, events, fail, fingerprint, finish, kinds, last_event, nothing_to_claim, number, outcomes, refusal,
    settle, shift, start, start_again, titled,
};

#[tokio::test]
async fn done_resists_claim_complete_and_block() {
    let world = World::new().await;
    let card = world.create("done").await;
    let ticket = start(&world).await;
    worker::complete(&world.core, ticket, "done", None).await.unwrap();
    kanban::reap(&world.core).await.unwrap();
    nothing_to_claim(&world).await;
    let before = fingerprint(&world).await;
    for refused in [
        kanban::complete_card(&world.core, &ada(), by(&card), "again").await.map(drop),
        kanban::block_card(&world.core, &ada(), by(&card), "why?").await.map(drop),
        kanban::schedule_card(&world.core, &ada(), by(&card), START_MS + 1000).await.map(drop),
        kanban::reclaim_card(&world.core, &ada(), by(&card), "").await.map(drop),
        kanban::claim_card_for(&world.core, by(&card), "by name").await.map(drop),
        agent_core::decisions::unblock(&world.core, &ada(), by(&card), "").await.map(drop),
    ] {
        assert!(matches!(refused, Err(KanbanError::Conflict(_))), "{refused:?}");
    }
    for state in [CardState::Running, CardState::Review, CardState::Blocked, CardState::Scheduled] {
        assert!(refusal(shift(&world, &card, state).await).contains("possible: Ready, Archived"));
    }
    assert_eq!(fingerprint(&world).await, before);
    world.check_invariants().await;
}

#[tokio::test]
async fn archived_is_hidden_and_resists_everything_but_coming_back() {
    let world = World::new().await;
    let card = world.create("put away").await;
    shift(&world, &card, CardState::Archived).await.unwrap();
    nothing_to_claim(&world).await;
    for archived in [false, true] {
        let view = BoardView { archived, ..BoardView::default() };
        let listed = kanban::list_cards(&world.core, "", &view, None, 10).await.unwrap();
        assert_eq!(listed.len(), usize::from(archived));
    }
    let before = fingerprint(&world).await;
    for refused in [
        kanban::block_card(&world.core, &ada(), by(&card), "why?").await.map(drop),
        kanban::schedule_card(&world.core, &ada(), by(&card), START_MS + 1000).await.map(drop),
        kanban::reclaim_card(&world.core, &ada(), by(&card), "").await.map(drop),
        kanban::claim_card_for(&world.core, by(&card), "by name").await.map(drop),
        agent_core::decisions::unblock(&world.core, &ada(), by(&card), "").await.map(drop),
    ] {
        assert!(matches!(refused, Err(KanbanError::Conflict(_))), "{refused:?}");
    }
    assert_eq!(fingerprint(&world).await, before);
    for state in [CardState::Triage, CardState::Ready, CardState::Done] {
        shift(&world, &card, state).await.unwrap();
        shift(&world, &card, CardState::Archived).await.unwrap();
        world.check_invariants().await;
    }
}

#[tokio::test]
async fn what_is_not_ready_is_claimed_by_nobody_not_even_by_name() {
    let world = World::new().await;
    let parent = world.create_with(CreateCardParams { triage: true, ..titled("triage") }).await;
    let running = world.create("running").await;
    start(&world).await;
    let review = world.create("review").await;
    let ticket = start(&world).await;
    worker::block(&world.core, ticket, Some(BlockKind::Review), "look", "", vec![]).await.unwrap();
    let later = Some(START_MS + 60_000);
    let cards = [
        world.create_with(CreateCardParams { parents: vec![by(&parent)], ..titled("todo") }).await,
        world.create_with(CreateCardParams { scheduled_at: later, ..titled("scheduled") }).await,
        world.create_with(CreateCardParams { blocked: true, ..titled("blocked") }).await,
        parent,
        running,
        review,
    ];
    let before = fingerprint(&world).await;
    for card in &cards {
        let state = world.state(card).await;
        let refused = kanban::claim_card_for(&world.core, by(card), "by name").await;
        assert!(matches!(refused, Err(KanbanError::Conflict(_))), "{state}: {refused:?}");
    }
    nothing_to_claim(&world).await;
    assert_eq!(fingerprint(&world).await, before);
    world.check_invariants().await;
}

#[tokio::test]
async fn a_card_that_names_nobody_is_the_default_profiles_and_says_so_when_there_is_none() {
    let world = World::with_config("kanban:\n  max_in_progress: 5").await;
    let _server = world.serve();
    let card = world.create("whose?").await;
    assert_eq!((card.assignee.as_deref(), card.wait), (None, None));
    assert_eq!(world.claim().await.profile, "runner");
    std::fs::remove_dir_all(world.dir.path().join("profiles/runner")).unwrap();
    let orphan = world.create("nobody's").await;
    assert_eq!(orphan.wait, Some(WaitReason::UnknownProfile { profile: "runner".into() }));
    nothing_to_claim(&world).await;
    world.check_invariants().await;
}

#[tokio::test]
async fn metadata_that_is_no_object_is_refused_and_the_run_goes_on() {
    let world = World::new().await;
    let card = world.create("facts").await;
    let ticket = start(&world).await;
    let before = fingerprint(&world).await;
    for bad in [json!([1]), json!("text"), json!(1), json!(true)] {
        assert!(refusal(worker::complete(&world.core, ticket, "done", Some(bad)).await).contains("JSON object"));
    }
    let endless = json!({ "list": "x".repeat(protocol::MAX_TEXT_BYTES) });
    assert!(refusal(worker::complete(&world.core, ticket, "done", Some(endless)).await).contains("metadata"));
    assert!(refusal(worker::complete(&world.core, ticket, " \n", None).await).contains("summary"));
    assert_eq!(fingerprint(&world).await, before);
    worker::complete(&world.core, ticket, "done", Some(json!({ "files": ["a"] }))).await.unwrap();
    assert_eq!(world.state(&card).await, CardState::Done);
    assert_eq!(number(&world, "SELECT count(*) FROM kanban_run WHERE metadata = '{\"files\":[\"a\"]}'").await, 1);
    world.check_invariants().await;
}

#[tokio::test]
async fn a_summary_of_many_lines_is_kept_whole_and_its_event_has_the_first_line_of_at_most_400() {
    let world = World::new().await;
    let long = format!("{}\nsecond line\n\n- and a list", "first ".repeat(100));
    for (summary, first) in [("one\ntwo\n", "one…"), (long.as_str(), ""), ("short", "short")] {
        let card = world.create("told").await;
        let ticket = start(&world).await;
        worker::complete(&world.core, ticket, summary, None).await.unwrap();
        assert_eq!(detail(&world, &card).await.runs[0].summary.as_deref(), Some(summary));
        let told = last_event(&world, &card, "completed").await["summary"].as_str().unwrap().to_owned();
        assert!(told.chars().count() <= 400 && !told.contains('\n'), "{told}");
        assert!(first.is_empty() || told == first, "{told}");
    }
    let quiet = world.create("quiet").await;
    finish(&world, &quiet).await;
    assert!(last_event(&world, &quiet, "completed").await.get("summary").is_none());
    assert_eq!(detail(&world, &quiet).await.summary_html, None);
    world.check_invariants().await;
}

#[tokio::test]
async fn what_a_person_finishes_has_its_words_and_no_run() {
    let world = World::new().await;
    let card = world.create("by hand").await;
    kanban::complete_card(&world.core, &ada(), by(&card), "did it myself").await.unwrap();
    let now = detail(&world, &card).await;
    assert!(now.runs.is_empty() && now.summary_html.unwrap().contains("did it myself"));
    let blocked = world.create("asked").await;
    kanban::block_card(&world.core, &ada(), by(&blocked), "which one?").await.unwrap();
    let now = detail(&world, &blocked).await;
    assert!(now.runs.is_empty() && now.decision.unwrap().ask == "which one?");
    assert_eq!(last_event(&world, &blocked, "blocked").await["reason"], "which one?");
    assert_eq!(number(&world, "SELECT count(*) FROM kanban_event WHERE run_id IS NOT NULL").await, 0);
    world.check_invariants().await;
}

#[tokio::test]
async fn what_a_worker_says_when_it_stops_is_its_runs_summary_or_else_its_reason() {
    let world = World::new().await;
    for (summary, kept) in [("half of it", "half of it"), ("", "which one?")] {
        let card = world.create("asks").await;
        let ticket = start(&world).await;
        worker::block(&world.core, ticket, None, "which one?", summary, vec![]).await.unwrap();
        let now = detail(&world, &card).await;
        assert_eq!((now.runs[0].summary.as_deref(), now.runs[0].outcome), (Some(kept), Some(RunOutcome::Blocked)));
        assert_eq!(now.decision.unwrap().ask, "which one?");
        world.check_invariants().await;
    }
}

#[tokio::test]
async fn events_of_a_run_name_it_and_a_created_card_names_none() {
    let world = World::new().await;
    let card = world.create("traced").await;
    let ticket = start(&world).await;
    worker::complete(&world.core, ticket, "done", None).await.unwrap();
    let mut tx = world.core.store().reader().begin().await.unwrap();
    let rows: Vec<(String, Option<uuid::Uuid>)> =
        sqlx::query_as("SELECT kind, run_id FROM kanban_event ORDER BY seq").fetch_all(&mut *tx).await.unwrap();
    let run = Some(ticket.run.0);
    let expected = [("created", None), ("claimed", run), ("started", run), ("completed", run)];
    assert_eq!(rows, expected.map(|(kind, run)| (kind.to_owned(), run)));
    drop(tx);
    assert_eq!(kinds(&world, &card).await, expected.map(|(kind, _)| kind));
    world.check_invariants().await;
}

#[tokio::test]
async fn attempts_are_listed_in_order_with_how_each_ended() {
    let world = World::new().await;
    let card = world.create("third time lucky").await;
    start(&world).await;
    kanban::reclaim_card(&world.core, &ada(), by(&card), "wrong branch").await.unwrap();
    let ticket = start_again(&world).await;
    fail(&world, ticket, RunOutcome::Crashed).await;
    let ticket = start_again(&world).await;
    worker::complete(&world.core, ticket, "done", None).await.unwrap();
    let ends = [RunOutcome::Reclaimed, RunOutcome::Crashed, RunOutcome::Completed];
    assert_eq!(outcomes(&world, &card).await, ends.map(Some));
    let runs = detail(&world, &card).await.runs;
    assert_eq!(runs.iter().map(|run| run.attempt).collect::<Vec<_>>(), [3, 2, 1]);
    world.check_invariants().await;
}

#[tokio::test]
async fn a_card_that_leaves_running_by_hand_closes_its_run_and_one_that_did_not_run_makes_none() {
    let world = World::new().await;
    let ways = [CardState::Archived, CardState::Triage, CardState::Ready, CardState::Done];
    for state in ways {
        let card = world.create_with(CreateCardParams { priority: 9, ..titled("running") }).await;
        let ticket = start(&world).await;
        shift(&world, &card, state).await.unwrap();
        assert_eq!(outcomes(&world, &card).await, [Some(RunOutcome::Reclaimed)], "to {state}");
        assert!(!worker::owns(&world.core, ticket).await.unwrap());
        world.check_invariants().await;
        shift(&world, &card, CardState::Archived).await.ok();
    }
    let idle = world.create("idle").await;
    let before = fingerprint(&world).await;
    shift(&world, &idle, CardState::Ready).await.unwrap();
    assert_eq!(fingerprint(&world).await, before, "staying where it is changes nothing");
    shift(&world, &idle, CardState::Archived).await.unwrap();
    assert!(detail(&world, &idle).await.runs.is_empty());
    for (refused, says) in [(CardState::Running, "Running"), (CardState::Review, "Review")] {
        let other = world.create("other").await;
        assert!(refusal(shift(&world, &other, refused).await).contains(says), "by hand nothing goes there");
    }
    world.check_invariants().await;
}

#[tokio::test]
async fn an_answer_adds_no_run_and_the_next_run_reads_it() {
    let world = World::new().await;
    let card = world.create("asks").await;
    let ticket = start(&world).await;
    worker::block(&world.core, ticket, Some(BlockKind::Capability), "no printer", "", vec![]).await.unwrap();
    assert_eq!(world.card(&card).await.ask.unwrap().kind, DecisionKind::Question);
    settle(&world, &card, DecisionVerb::Answer, "use the one upstairs").await;
    assert_eq!(outcomes(&world, &card).await, [Some(RunOutcome::Blocked)]);
    kanban::reap(&world.core).await.unwrap();
    world.clock.advance_ms(crate::A_WHILE_MS);
    let claim = world.claim().await;
    let assignment = worker::start(&world.core, claim.ticket, u32::MAX >> 1, 1).await.unwrap();
    assert!(assignment.context.contains("use the one upstairs"));
    assert!(claim.ticket.fence > ticket.fence);
    world.check_invariants().await;
}

#[tokio::test]
async fn a_scheduled_card_is_not_started_before_its_time_and_its_event_says_when() {
    let world = World::new().await;
    let at = START_MS + 60_000;
    let waiting = world.create("later").await;
    kanban::schedule_card(&world.core, &ada(), by(&waiting), at).await.unwrap();
    let running = world.create("stopped").await;
    let ticket = start(&world).await;
    kanban::schedule_card(&world.core, &ada(), by(&running), at).await.unwrap();
    assert!(!worker::owns(&world.core, ticket).await.unwrap());
    assert_eq!(outcomes(&world, &running).await, [Some(RunOutcome::Reclaimed)]);
    kanban::reap(&world.core).await.unwrap();
    for card in [&waiting, &running] {
        assert_eq!(world.card(card).await.wait, Some(WaitReason::Scheduled { until: at }));
        assert_eq!(last_event(&world, card, "scheduled").await["at"], at);
    }
    world.clock.advance_ms(59_999);
    kanban::release_due(&world.core).await.unwrap();
    nothing_to_claim(&world).await;
    world.check_invariants().await;
    world.clock.advance_ms(1);
    kanban::release_due(&world.core).await.unwrap();
    assert_eq!((world.state(&waiting).await, world.state(&running).await), (CardState::Ready, CardState::Ready));
    start(&world).await;
    world.check_invariants().await;
}

#[tokio::test]
async fn the_same_question_again_and_again_is_a_question_every_time_and_no_failure() {
    let world = World::new().await;
    let card = world.create("curious").await;
    for kind in [Some(BlockKind::NeedsInput), Some(BlockKind::NeedsInput), None, None, Some(BlockKind::Transient)] {
        let ticket = start_again(&world).await;
        worker::block(&world.core, ticket, kind, "which?", "", vec![]).await.unwrap();
        let now = world.card(&card).await;
        assert_eq!((now.state, now.failures), (CardState::Blocked, 0));
        settle(&world, &card, DecisionVerb::Answer, "that one").await;
        world.check_invariants().await;
    }
    // The prefix of the Python product, as often as it likes.
    for _ in 0..3 {
        let ticket = start_again(&world).await;
        worker::block(&world.core, ticket, None, "review-required: look", "", vec![]).await.unwrap();
        assert_eq!(world.state(&card).await, CardState::Review);
        settle(&world, &card, DecisionVerb::SendBack, "not yet").await;
        world.check_invariants().await;
    }
    assert_eq!(world.card(&card).await.failures, 0);
}

#[tokio::test]
async fn a_card_that_starts_blocked_is_a_gate_that_only_a_person_opens() {
    let world = World::new().await;
    let parent = world.create("parent").await;
    let params =
        CreateCardParams { blocked: true, parents: vec![by(&parent)], body: "Shall we?".into(), ..titled("gate") };
    let gate = world.create_with(params).await;
    assert_eq!((gate.state, gate.ask.clone().unwrap().ask.as_str()), (CardState::Blocked, "Shall we?"));
    finish(&world, &parent).await;
    world.clock.advance_ms(24 * 3_600_000);
    kanban::release_due(&world.core).await.unwrap();
    kanban::sweep_runs(&world.core).await.unwrap();
    nothing_to_claim(&world).await;
    assert_eq!(world.state(&gate).await, CardState::Blocked);
    let ask = kanban::open_decision_of(&world.core, CardRef::Number(gate.number)).await.unwrap();
    let denied =
        protocol::SettleDecisionParams { id: ask, version: 1, verb: DecisionVerb::Answer, comment: "y".into() };
    let system = agent_core::Actor::System;
    let refused = agent_core::decisions::settle(&world.core, &system, denied).await;
    assert!(matches!(refused, Err(KanbanError::Denied(_))));
    agent_core::decisions::unblock(&world.core, &ada(), CardRef::Number(gate.number), "yes").await.unwrap();
    world.clock.advance_ms(6_000);
    assert_eq!(world.claim().await.number, gate.number);
    world.check_invariants().await;
}

#[tokio::test]
async fn a_result_is_rewritten_only_of_a_finished_card_and_the_last_event_says_so() {
    let world = World::new().await;
    let card = world.create("typo").await;
    for state in [CardState::Triage, CardState::Archived] {
        shift(&world, &card, state).await.unwrap();
        assert!(refusal(kanban::edit_result(&world.core, &ada(), by(&card), "x").await).contains(state.title()));
    }
    shift(&world, &card, CardState::Ready).await.unwrap();
    let ticket = start(&world).await;
    worker::complete(&world.core, ticket, "teh end", None).await.unwrap();
    kanban::edit_result(&world.core, &ada(), by(&card), "the end").await.unwrap();
    assert_eq!(events(&world, &card).await.last().unwrap().kind, "edited");
    let now = detail(&world, &card).await;
    assert!(now.summary_html.unwrap().contains("the end"));
    assert_eq!(now.runs[0].summary.as_deref(), Some("teh end"), "what the worker said stays said");
    world.check_invariants().await;
}

#[tokio::test]
async fn ids_and_numbers_of_600_cards_differ() {
    let world = World::new().await;
    let (mut ids, mut numbers) = (HashSet::new(), HashSet::new());
    for _ in 0..600 {
        let card = world.create_with(CreateCardParams { triage: true, ..titled("same title") }).await;
        assert_eq!(card.id.to_string().parse::<CardRef>().unwrap(), by(&card));
        assert_eq!(format!("T-{}", card.number).parse::<CardRef>().unwrap(), CardRef::Number(card.number));
        ids.insert(card.id);
        numbers.insert(card.number);
    }
    assert_eq!((ids.len(), numbers.len()), (600, 600));
    world.check_invariants().await;
}

#[tokio::test]
async fn a_card_that_was_finished_runs_again_and_keeps_its_history() {
    let world = World::new().await;
    let card = world.create("again").await;
    let ticket = start(&world).await;
    worker::complete(&world.core, ticket, "first result", None).await.unwrap();
    shift(&world, &card, CardState::Ready).await.unwrap();
    let ticket = start_again(&world).await;
    worker::complete(&world.core, ticket, "second result", None).await.unwrap();
    let runs = detail(&world, &card).await.runs;
    let said: Vec<_> = runs.iter().map(|run| run.summary.as_deref().unwrap()).collect();
    assert_eq!(said, ["second result", "first result"]);
    assert!(detail(&world, &card).await.summary_html.unwrap().contains("second result"));
    world.check_invariants().await;
}

#[tokio::test]
async fn a_repeating_card_that_is_finished_twice_comes_again_although_the_next_one_has_run() {
    let world = World::new().await;
    let card = world.create_with(CreateCardParams { repeat: Some("every 1h".into()), ..titled("daily") }).await;
    finish(&world, &card).await;
    world.clock.advance_ms(3_600_001);
    kanban::release_due(&world.core).await.unwrap();
    let ticket = start(&world).await;
    worker::complete(&world.core, ticket, "the second one", None).await.unwrap();
    kanban::reap(&world.core).await.unwrap();
    // The first one is run again.
    shift(&world, &card, CardState::Ready).await.unwrap();
    let ticket = start(&world).await;
    worker::complete(&world.core, ticket, "once more", None).await.unwrap();
    assert_eq!(world.state(&card).await, CardState::Done);
    assert_eq!(number(&world, "SELECT count(*) FROM kanban_card WHERE state = 'scheduled'").await, 1);
    world.check_invariants().await;
}

#[tokio::test]
async fn a_deleted_occurrence_comes_back_although_another_has_taken_its_place() {
    let world = World::new().await;
    let card = world.create_with(CreateCardParams { repeat: Some("every 1h".into()), ..titled("daily") }).await;
    finish(&world, &card).await;
    let deleted = kanban::delete_card(&world.core, &ada(), CardRef::Number(card.number + 1)).await.unwrap();
    shift(&world, &card, CardState::Ready).await.unwrap();
    finish(&world, &card).await;
    kanban::undo(&world.core, &ada(), deleted.undo.unwrap()).await.unwrap();
    assert_eq!(number(&world, "SELECT count(*) FROM kanban_card WHERE state = 'scheduled'").await, 2);
    world.check_invariants().await;
}

#[tokio::test]
async fn nothing_of_a_card_changes_while_its_board_is_put_away() {
    let world = World::new().await;
    kanban::create_board(&world.core, &ada(), "old", "").await.unwrap();
    let on_it = |title: &str| CreateCardParams { board: "old".into(), ..titled(title) };
    let card = world.create_with(on_it("open")).await;
    let done = world.create_with(on_it("done")).await;
    finish(&world, &done).await;
    let waiting = world.create_with(CreateCardParams { parents: vec![by(&card)], ..on_it("waiting") }).await;
    let note = world.dir.path().join("note.txt");
    std::fs::write(&note, "x").unwrap();
    let staged = async || kanban::attachments::stage_file(&world.core, &note, None).await.unwrap();
    let file = kanban::attachments::add(&world.core, &ada(), by(&card), staged().await).await.unwrap().attachment;
    let card = world.card(&card).await;
    kanban::archive_board(&world.core, &ada(), "old").await.unwrap();
    let before = fingerprint(&world).await;
    let edit = EditCardParams { priority: Some(1), ..EditCardParams::of(card.id, card.revision) };
    let comment = AddCommentParams { id: card.id, body: "x".into(), anchor: None };
    for refused in [
        kanban::complete_card(&world.core, &ada(), by(&card), "").await.map(drop),
        kanban::block_card(&world.core, &ada(), by(&card), "why?").await.map(drop),
        kanban::schedule_card(&world.core, &ada(), by(&card), START_MS + 1000).await.map(drop),
        kanban::edit_result(&world.core, &ada(), by(&done), "other").await.map(drop),
        kanban::edit_card(&world.core, &ada(), edit).await.map(drop),
        kanban::link(&world.core, &ada(), by(&done), by(&card)).await.map(drop),
        kanban::unlink(&world.core, &ada(), by(&card), by(&waiting)).await.map(drop),
        kanban::delete_card(&world.core, &ada(), by(&card)).await.map(drop),
        kanban::add_comment(&world.core, &ada(), comment).await.map(drop),
        kanban::attachments::add(&world.core, &ada(), by(&card), staged().await).await.map(drop),
        kanban::attachments::remove(&world.core, &ada(), file.id).await.map(drop),
        kanban::merge_card(&world.core, &ada(), card.id, kanban::CommitFirst::No).await.map(drop),
        shift(&world, &card, CardState::Triage).await.map(drop),
    ] {
        assert!(refused.unwrap_err().to_string().contains("is archived"));
    }
    assert_eq!(fingerprint(&world).await, before);
    world.check_invariants().await;
}
