//! What stands behind every rule: an operation is one transaction. Whichever of its writes fails, nothing of it is left,
//! it is told as a fault and not as a refusal, and the same call succeeds when the fault is gone. An event without its
//! audit row, a child that was forgotten, a question that nobody is called for: none of them can be.

use std::fmt::Debug;
use std::path::Path;

use agent_core::kanban::worker::{self, BlockWords, Handover, RunTicket};
use agent_core::kanban::{self, KanbanError};
use agent_core::{Core, decisions};
use protocol::{
    AcceptProposalParams, BlockKind, CardState, CreateCardParams, DecisionVerb, Proposal, ProposedTask, RunOutcome,
    SettleDecisionParams, TaskCard,
};

use crate::notifications::with_devices;
use crate::support::{World, ada};
use crate::{by, child, detail, everything, finish, nothing_to_claim, outcomes, shift, start, start_again, titled, to};

/// Fails each of these writes in turn, each as the condition of a trigger: "INSERT ON kanban_event".
async fn all_or_nothing<T: Debug>(
    world: &World,
    faults: &[&str],
    operation: impl AsyncFn(&Core) -> Result<T, KanbanError>,
) -> T {
    for fault in faults {
        let trigger = format!("CREATE TRIGGER failing BEFORE {fault} BEGIN SELECT RAISE(ABORT, 'failing'); END");
        change(world, trigger).await;
        let before = (everything(world).await, files(&world.core.home().attachments()));
        let failed = operation(&world.core).await;
        assert!(matches!(failed, Err(KanbanError::Internal(_))), "{fault}: {failed:?}");
        let after = (everything(world).await, files(&world.core.home().attachments()));
        assert_eq!(after, before, "{fault}: something of it is left");
        change(world, "DROP TRIGGER failing".into()).await;
        world.check_invariants().await;
    }
    let done = operation(&world.core).await.unwrap();
    world.check_invariants().await;
    done
}

async fn change(world: &World, sql: String) {
    let mut tx = world.core.write().await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}

/// How many files are there, at any depth.
fn files(dir: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

#[tokio::test]
async fn a_card_is_created_with_all_that_hangs_on_it_or_not_at_all() {
    let (world, _) = with_devices(&["phone"]).await;
    let parent = world.create("parent").await;
    let faults = [
        "UPDATE ON kanban_counter",
        "INSERT ON kanban_card",
        "INSERT ON kanban_link",
        "INSERT ON kanban_card_label",
        "INSERT ON audit_row",
        "INSERT ON kanban_event",
        "INSERT ON decision",
        "UPDATE OF open_decision_id ON kanban_card",
        "INSERT ON push_outbox",
        "INSERT ON kanban_undo",
    ];
    let gate = || CreateCardParams {
        blocked: true,
        parents: vec![by(&parent)],
        labels: vec!["gate".into()],
        idempotency_key: Some("once".into()),
        ..titled("gate")
    };
    let made = all_or_nothing(&world, &faults, async |core| kanban::create_card(core, &ada(), gate()).await).await;
    assert_eq!((made.card.state, made.card.number), (CardState::Blocked, parent.number + 1), "no number is lost");
}

#[tokio::test]
async fn a_claim_is_a_run_with_its_session_and_its_history_or_none() {
    let world = World::new().await;
    let card = world.create("claimed").await;
    let faults = [
        "INSERT ON session",
        "INSERT ON kanban_run",
        "INSERT ON kanban_slot_count",
        "UPDATE OF state ON kanban_card",
        "INSERT ON audit_row",
        "INSERT ON kanban_event",
    ];
    let claim = all_or_nothing(&world, &faults, async |core| kanban::claim_next(core, "test").await).await.unwrap();
    assert_eq!((claim.number, claim.attempt, claim.ticket.fence), (card.number, 1, 1), "no attempt was burnt");
    nothing_to_claim(&world).await;
}

/// A card under way that comes again, with one that waits for it and one that was finished on top of an earlier end.
async fn under_way(world: &World) -> (TaskCard, TaskCard, RunTicket) {
    let card = world.create_with(CreateCardParams { repeat: Some("every 1h".into()), ..titled("under way") }).await;
    let waiting = child(world, "waiting", &[&card]).await;
    let ticket = start(world).await;
    (card, waiting, ticket)
}

#[tokio::test]
async fn an_end_wakes_children_keeps_files_and_comes_again_or_the_run_goes_on() {
    let world = World::new().await;
    let (card, waiting, ticket) = under_way(&world).await;
    let file = world.dir.path().join(format!("workspaces/T-{}/report.md", card.number));
    std::fs::write(&file, "# Report").unwrap();
    let faults = [
        "UPDATE OF outcome ON kanban_run",
        "INSERT ON kanban_run_event",
        "INSERT ON kanban_attachment",
        "UPDATE OF state ON kanban_card WHEN old.title = 'under way'",
        "UPDATE OF state ON kanban_card WHEN old.title = 'waiting'",
        "INSERT ON kanban_card",
        "INSERT ON kanban_event WHEN new.kind = 'completed'",
        "INSERT ON kanban_event WHEN new.kind = 'promoted'",
        "INSERT ON kanban_event WHEN new.kind = 'created'",
        "INSERT ON audit_row WHEN new.action = 'completed'",
        "INSERT ON audit_row WHEN new.action = 'promoted'",
    ];
    let handover = Handover { artifacts: vec![file], ..Handover::default() };
    let complete = async |core: &Core| worker::complete_with(core, ticket, "done", None, &handover).await;
    all_or_nothing(&world, &faults, complete).await;
    assert_eq!((world.state(&card).await, world.state(&waiting).await), (CardState::Done, CardState::Ready));
    assert_eq!(files(&world.core.home().attachments()), 1);
}

#[tokio::test]
async fn a_question_is_asked_told_and_waited_for_or_the_run_goes_on() {
    let (world, _) = with_devices(&["phone"]).await;
    let (card, _, ticket) = under_way(&world).await;
    let faults = [
        "UPDATE OF outcome ON kanban_run",
        "INSERT ON kanban_run_event",
        "UPDATE OF state ON kanban_card",
        "INSERT ON kanban_event",
        "INSERT ON audit_row",
        "INSERT ON decision",
        "UPDATE OF open_decision_id ON kanban_card WHEN new.open_decision_id IS NOT NULL",
        "INSERT ON push_outbox",
    ];
    let words = BlockWords { kind: Some(BlockKind::Review), reason: "look", summary: "It is done.", options: &[] };
    let ask = async |core: &Core| worker::block_with(core, ticket, words, &Handover::default()).await;
    all_or_nothing(&world, &faults, ask).await;
    assert_eq!(world.state(&card).await, CardState::Review);
}

#[tokio::test]
async fn an_answer_is_written_down_and_followed_or_the_question_stays_open() {
    let world = World::new().await;
    let (card, waiting, ticket) = under_way(&world).await;
    worker::block(&world.core, ticket, Some(BlockKind::Review), "look", "", vec![]).await.unwrap();
    let answer = async |verb: DecisionVerb, faults: &[&str]| {
        let ask = world.card(&card).await.ask.unwrap();
        let params = SettleDecisionParams { id: ask.id, version: ask.version, verb, comment: "so".into() };
        let settle = async |core: &Core| decisions::settle(core, &ada(), params.clone()).await;
        all_or_nothing(&world, faults, settle).await
    };
    let faults = [
        "UPDATE OF state ON decision",
        "UPDATE OF undo_id ON decision",
        "INSERT ON kanban_comment",
        "UPDATE OF state ON kanban_card",
        "INSERT ON kanban_event WHEN new.kind = 'decision_settled'",
        "INSERT ON audit_row WHEN new.action = 'decision_settled'",
        "INSERT ON kanban_undo",
    ];
    answer(DecisionVerb::SendBack, faults.as_slice()).await;
    assert_eq!((world.state(&card).await, world.card(&card).await.comments), (CardState::Ready, 1));
    let ticket = start_again(&world).await;
    worker::block(&world.core, ticket, Some(BlockKind::Review), "and now?", "", vec![]).await.unwrap();
    let faults = [
        "UPDATE OF state ON kanban_card WHEN old.title = 'waiting'",
        "INSERT ON kanban_event WHEN new.kind = 'promoted'",
        "INSERT ON kanban_card",
    ];
    answer(DecisionVerb::Approve, faults.as_slice()).await;
    assert_eq!((world.state(&card).await, world.state(&waiting).await), (CardState::Done, CardState::Ready));
}

#[tokio::test]
async fn the_last_failure_asks_a_person_or_was_none() {
    let (world, _) = with_devices(&["phone"]).await;
    let (card, _, ticket) = under_way(&world).await;
    worker::fail(&world.core, ticket, RunOutcome::Crashed, "it broke", None).await.unwrap();
    let ticket = start_again(&world).await;
    let faults = [
        "UPDATE OF outcome ON kanban_run",
        "INSERT ON kanban_run_event",
        "UPDATE OF state ON kanban_card",
        "INSERT ON kanban_event",
        "INSERT ON audit_row",
        "INSERT ON decision",
        "INSERT ON push_outbox",
    ];
    let fail = async |core: &Core| worker::fail(core, ticket, RunOutcome::Crashed, "it broke", None).await;
    all_or_nothing(&world, &faults, fail).await;
    assert_eq!(outcomes(&world, &card).await, [Some(RunOutcome::Crashed); 2]);
    let now = world.card(&card).await;
    assert_eq!((now.state, now.failures), (CardState::Blocked, 2), "each failure counts once");
}

#[tokio::test]
async fn a_card_that_is_brought_back_tells_what_builds_on_it_or_stays_finished() {
    let world = World::new().await;
    let card = world.create("parent").await;
    let (done, waiting) = (child(&world, "done", &[&card]).await, child(&world, "waiting", &[&card]).await);
    finish(&world, &card).await;
    finish(&world, &done).await;
    let faults = [
        "UPDATE OF state ON kanban_card WHEN old.title = 'parent'",
        "UPDATE OF state ON kanban_card WHEN old.title = 'waiting'",
        "UPDATE OF stale ON kanban_card WHEN new.stale = 1",
        "INSERT ON kanban_event WHEN new.kind = 'moved'",
        "INSERT ON kanban_event WHEN new.kind = 'demoted'",
        "INSERT ON kanban_event WHEN new.kind = 'stale'",
        "INSERT ON audit_row",
        "INSERT ON kanban_undo",
    ];
    let reopen = async |core: &Core| kanban::move_card(core, &ada(), to(&card, CardState::Ready)).await;
    all_or_nothing(&world, &faults, reopen).await;
    assert_eq!(world.state(&waiting).await, CardState::Todo);
    assert!(world.card(&done).await.stale);
}

#[tokio::test]
async fn a_deletion_and_its_taking_back_are_whole_or_nothing() {
    let world = World::new().await;
    let card = world.create("parent").await;
    let waiting = child(&world, "waiting", &[&card]).await;
    let faults = [
        "UPDATE OF state ON kanban_card WHEN old.title = 'parent'",
        "UPDATE OF state ON kanban_card WHEN old.title = 'waiting'",
        "UPDATE OF deleted_at ON kanban_card",
        "INSERT ON kanban_event WHEN new.kind = 'deleted'",
        "INSERT ON audit_row WHEN new.action = 'deleted'",
        "INSERT ON kanban_undo",
    ];
    let delete = async |core: &Core| kanban::delete_card(core, &ada(), by(&card)).await;
    let deleted = all_or_nothing(&world, &faults, delete).await;
    assert_eq!(world.state(&waiting).await, CardState::Ready);
    let faults = [
        "UPDATE OF used_at ON kanban_undo",
        "UPDATE OF deleted_at ON kanban_card",
        "UPDATE OF state ON kanban_card WHEN old.title = 'waiting'",
        "INSERT ON kanban_event",
        "INSERT ON audit_row",
        "INSERT ON kanban_undo",
    ];
    let undo = async |core: &Core| kanban::undo(core, &ada(), deleted.undo.unwrap()).await;
    all_or_nothing(&world, &faults, undo).await;
    assert_eq!((world.state(&card).await, world.state(&waiting).await), (CardState::Ready, CardState::Todo));
}

#[tokio::test]
async fn a_card_is_taken_apart_into_all_of_its_parts_or_none() {
    let world = World::new().await;
    let idea = world.create_with(CreateCardParams { triage: true, ..titled("idea") }).await;
    let part = |title: &str, after: Vec<usize>| ProposedTask { title: title.into(), after, ..ProposedTask::default() };
    let tasks = vec![part("first", vec![]), part("second", vec![0])];
    let proposal = Proposal { title: "a better title".into(), tasks, ..Proposal::default() };
    let params = AcceptProposalParams { id: idea.id, revision: idea.revision, proposal };
    let faults = [
        "INSERT ON kanban_card WHEN new.title = 'second'",
        "INSERT ON kanban_link",
        "UPDATE OF title ON kanban_card",
        "UPDATE OF state ON kanban_card WHEN old.title = 'a better title'",
        "INSERT ON kanban_comment",
        "INSERT ON kanban_event WHEN new.kind = 'decomposed'",
        "INSERT ON audit_row",
        "INSERT ON kanban_undo",
    ];
    let accept = async |core: &Core| kanban::triage::accept_proposal(core, &ada(), params.clone()).await;
    let accepted = all_or_nothing(&world, &faults, accept).await;
    assert_eq!(accepted.children.iter().map(|part| part.number).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(detail(&world, &idea).await.parents_all, 2);
}

#[tokio::test]
async fn a_time_that_has_come_is_written_down_or_comes_again() {
    let world = World::new().await;
    let at = world.core.now_ms() + 1000;
    let card = world.create_with(CreateCardParams { scheduled_at: Some(at), ..titled("later") }).await;
    world.clock.advance_ms(1000);
    let faults = ["UPDATE OF state ON kanban_card", "INSERT ON kanban_event", "INSERT ON audit_row"];
    all_or_nothing(&world, &faults, async |core| kanban::release_due(core).await).await;
    assert_eq!(world.state(&card).await, CardState::Ready);
    shift(&world, &card, CardState::Triage).await.unwrap();
}
