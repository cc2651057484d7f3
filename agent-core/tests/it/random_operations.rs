//! Random sequences of everything people, workers and the core can do; the invariants hold after every step.

use agent_core::decisions;
use agent_core::kanban::worker::{self, RunTicket};
use agent_core::kanban::{self, KanbanError};
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use protocol::{
    AcceptProposalParams, AddCommentParams, AttachmentId, BlockKind, BulkChange, BulkParams, CardRef, CardState,
    CreateCardParams, DecisionVerb, EditCardParams, MoveCardParams, Proposal, ProposedTask, RetryCardParams,
    RunOutcome, SettleDecisionParams, SwarmParams, SwarmWorker, UndoId,
};

use crate::support::{World, ada};

#[derive(Debug, Clone)]
enum Operation {
    Create { parent: Option<u8>, blocked: bool, triage: bool, key: bool },
    Move { card: u8, to: u8 },
    Edit { card: u8 },
    Link { parent: u8, child: u8 },
    Unlink { parent: u8, child: u8 },
    Block { card: u8 },
    Delete { card: u8 },
    Claim,
    Start,
    Complete { run: u8 },
    Ask { run: u8, kind: u8 },
    Fail { run: u8, outcome: u8 },
    Settle { card: u8, verb: u8 },
    Undo { which: u8 },
    Schedule { card: u8, minutes: u8 },
    Reclaim { card: u8 },
    Bulk { first: u8, second: u8, change: u8 },
    Comment { card: u8 },
    Repeat { card: u8 },
    Heartbeat { run: u8 },
    Reorder { card: u8, other: u8, after: bool },
    Retry { card: u8, comment: bool },
    Accept { card: u8, tasks: u8 },
    Swarm { workers: u8 },
    Attach { card: u8 },
    Detach { which: u8 },
    Child { run: u8 },
    Sweep,
    Wait { seconds: u16 },
    Tidy { hours: u16 },
}

fn operation() -> impl Strategy<Value = Operation> {
    let small = || 0_u8..12;
    prop_oneof![
        3 => (prop::option::of(small()), any::<bool>(), any::<bool>(), 0_u8..4).prop_map(
            |(parent, blocked, triage, key)| {
                Operation::Create { parent, blocked: blocked && triage, triage: triage && !blocked, key: key == 0 }
            }
        ),
        4 => (small(), 0_u8..9).prop_map(|(card, to)| Operation::Move { card, to }),
        1 => small().prop_map(|card| Operation::Edit { card }),
        2 => (small(), small()).prop_map(|(parent, child)| Operation::Link { parent, child }),
        1 => (small(), small()).prop_map(|(parent, child)| Operation::Unlink { parent, child }),
        1 => small().prop_map(|card| Operation::Block { card }),
        1 => small().prop_map(|card| Operation::Delete { card }),
        2 => Just(Operation::Claim),
        5 => Just(Operation::Start),
        3 => small().prop_map(|run| Operation::Complete { run }),
        3 => (small(), 0_u8..5).prop_map(|(run, kind)| Operation::Ask { run, kind }),
        2 => (small(), 0_u8..11).prop_map(|(run, outcome)| Operation::Fail { run, outcome }),
        3 => (small(), 0_u8..5).prop_map(|(card, verb)| Operation::Settle { card, verb }),
        3 => small().prop_map(|which| Operation::Undo { which }),
        1 => (small(), 1_u8..60).prop_map(|(card, minutes)| Operation::Schedule { card, minutes }),
        1 => small().prop_map(|card| Operation::Reclaim { card }),
        2 => (small(), small(), 0_u8..6).prop_map(|(first, second, change)| Operation::Bulk { first, second, change }),
        1 => small().prop_map(|card| Operation::Comment { card }),
        1 => small().prop_map(|card| Operation::Repeat { card }),
        1 => small().prop_map(|run| Operation::Heartbeat { run }),
        2 => (small(), small(), any::<bool>())
            .prop_map(|(card, other, after)| Operation::Reorder { card, other, after }),
        2 => (small(), any::<bool>()).prop_map(|(card, comment)| Operation::Retry { card, comment }),
        1 => (small(), 0_u8..4).prop_map(|(card, tasks)| Operation::Accept { card, tasks }),
        1 => (1_u8..3).prop_map(|workers| Operation::Swarm { workers }),
        1 => small().prop_map(|card| Operation::Attach { card }),
        1 => small().prop_map(|which| Operation::Detach { which }),
        1 => small().prop_map(|run| Operation::Child { run }),
        1 => Just(Operation::Sweep),
        2 => (1_u16..700).prop_map(|seconds| Operation::Wait { seconds }),
        1 => prop_oneof![3 => 0_u16..3, 1 => 3_u16..900].prop_map(|hours| Operation::Tidy { hours }),
    ]
}

/// What the sequence has made so far: later operations name old things too, on purpose.
#[derive(Default)]
struct Memory {
    cards: i64,
    runs: Vec<RunTicket>,
    undos: Vec<UndoId>,
    files: Vec<AttachmentId>,
}

impl Memory {
    fn card(&self, index: u8) -> CardRef {
        CardRef::Number(i64::from(index) % self.cards.max(1) + 1)
    }

    fn run(&self, index: u8) -> Option<RunTicket> {
        let newest_first = self.runs.len().checked_sub(1 + usize::from(index) % self.runs.len().max(1))?;
        self.runs.get(newest_first).copied()
    }
}

/// Sequences of 100 steps that a test plays. `make test` asks for 500 in all.
const SEQUENCES: u32 = 8;
const TESTS: u32 = 5;

/// The same sequences every time, so that a failure belongs to the change at hand; `HERMES_RANDOM_NEW=1` asks for new
/// ones, `HERMES_RANDOM_CASES` says how many all tests together play.
fn invariants_hold_after_every_step(seed: u8) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let wanted = std::env::var("HERMES_RANDOM_CASES").ok().map(|text| text.parse::<u32>().unwrap().div_ceil(TESTS));
    let config = Config { cases: wanted.unwrap_or(SEQUENCES), failure_persistence: None, ..Config::default() };
    let mut runner = match std::env::var_os("HERMES_RANDOM_NEW") {
        Some(_) => TestRunner::new(config),
        None => TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32])),
    };
    let sequences = prop::collection::vec(operation(), 100);
    let result = runner.run(&sequences, |operations| {
        runtime.block_on(play(operations));
        Ok(())
    });
    result.unwrap();
}

#[test]
fn invariants_hold_in_sequences_of_the_first_seed() {
    invariants_hold_after_every_step(1);
}

#[test]
fn invariants_hold_in_sequences_of_the_second_seed() {
    invariants_hold_after_every_step(2);
}

#[test]
fn invariants_hold_in_sequences_of_the_third_seed() {
    invariants_hold_after_every_step(3);
}

#[test]
fn invariants_hold_in_sequences_of_the_fourth_seed() {
    invariants_hold_after_every_step(4);
}

#[test]
fn invariants_hold_in_sequences_of_the_fifth_seed() {
    invariants_hold_after_every_step(5);
}

async fn play(operations: Vec<Operation>) {
    let world = World::new().await;
    let mut memory = Memory::default();
    for operation in operations {
        match step(&world, &mut memory, &operation).await {
            Ok(()) => {}
            Err(KanbanError::Internal(error)) => panic!("{operation:?} broke: {error}"),
            // A refusal is an answer.
            Err(_) => {}
        }
        world.check_invariants().await;
        check_files(&world, &operation).await;
        let chain = agent_core::audit::verify(&world.core).await.unwrap();
        assert!(matches!(chain, agent_core::audit::ChainState::Whole { .. }), "the audit chain broke at {operation:?}");
    }
}

/// Whatever file a card says it has is there.
async fn check_files(world: &World, operation: &Operation) {
    let listed: Vec<uuid::Uuid> = sqlx::query_scalar("SELECT id FROM kanban_attachment WHERE removed_at IS NULL")
        .fetch_all(world.core.store().reader())
        .await
        .unwrap();
    for id in listed {
        let path = world.core.home().attachments().join(AttachmentId(id).to_string());
        assert!(path.is_file(), "{} is gone after {operation:?}", path.display());
    }
}

async fn step(world: &World, memory: &mut Memory, operation: &Operation) -> Result<(), KanbanError> {
    let core = &world.core;
    match operation {
        Operation::Create { parent, blocked, triage, key } => {
            let parents = parent.filter(|_| memory.cards > 0).map(|index| memory.card(index));
            let params = CreateCardParams {
                title: "card".into(),
                parents: parents.into_iter().collect(),
                blocked: *blocked,
                triage: *triage,
                idempotency_key: key.then(|| "key".into()),
                ..CreateCardParams::default()
            };
            let written = kanban::create_card(core, &ada(), params).await?;
            // With a key it may be an older one.
            memory.cards = memory.cards.max(written.card.number);
            memory.undos.extend(written.undo);
        }
        Operation::Move { card, to } => {
            let card = kanban::card(core, memory.card(*card)).await?;
            let to = CardState::ALL[usize::from(*to) % CardState::ALL.len()];
            let params = MoveCardParams { id: card.id, revision: None, to, after: None, before: None };
            memory.undos.extend(kanban::move_card(core, &ada(), params).await?.undo);
        }
        Operation::Edit { card } => {
            let card = kanban::card(core, memory.card(*card)).await?;
            let params = EditCardParams {
                title: Some(format!("{}!", card.title)),
                priority: Some(card.priority + 1),
                ..EditCardParams::of(card.id, card.revision)
            };
            memory.undos.extend(kanban::edit_card(core, &ada(), params).await?.undo);
        }
        Operation::Link { parent, child } => {
            memory.undos.extend(kanban::link(core, &ada(), memory.card(*parent), memory.card(*child)).await?.undo);
        }
        Operation::Unlink { parent, child } => {
            memory.undos.extend(kanban::unlink(core, &ada(), memory.card(*parent), memory.card(*child)).await?.undo);
        }
        Operation::Block { card } => {
            memory.undos.extend(kanban::block_card(core, &ada(), memory.card(*card), "why?").await?.undo);
        }
        Operation::Delete { card } => {
            memory.undos.extend(kanban::delete_card(core, &ada(), memory.card(*card)).await?.undo);
        }
        Operation::Claim => {
            if let Some(claim) = kanban::claim_next(core, "random").await? {
                memory.runs.push(claim.ticket);
            }
        }
        Operation::Start => {
            if let Some(claim) = kanban::claim_next(core, "random").await? {
                memory.runs.push(claim.ticket);
                // A process that is gone already, so that its card can be claimed again after the next look.
                worker::start(core, claim.ticket, u32::MAX >> 1, 1).await?;
            }
        }
        Operation::Complete { run } => {
            if let Some(ticket) = memory.run(*run) {
                worker::complete(core, ticket, "done", None).await?;
            }
        }
        Operation::Ask { run, kind } => {
            if let Some(ticket) = memory.run(*run) {
                let kind = BlockKind::ALL[usize::from(*kind) % BlockKind::ALL.len()];
                worker::block(core, ticket, Some(kind), "please", "", vec![]).await?;
            }
        }
        Operation::Fail { run, outcome } => {
            if let Some(ticket) = memory.run(*run) {
                let outcome = RunOutcome::ALL[usize::from(*outcome) % RunOutcome::ALL.len()];
                worker::fail(core, ticket, outcome, "broken", None).await?;
            }
        }
        Operation::Settle { card, verb } => {
            let Some(ask) = kanban::card(core, memory.card(*card)).await?.ask else { return Ok(()) };
            let verb = DecisionVerb::ALL[usize::from(*verb) % DecisionVerb::ALL.len()];
            let params = SettleDecisionParams { id: ask.id, version: ask.version, verb, comment: "so".into() };
            let outcome = decisions::settle(core, &ada(), params).await?;
            memory.undos.extend(outcome.decision.settlement.and_then(|settlement| settlement.undo));
        }
        Operation::Undo { which } => {
            let index = usize::from(*which) % memory.undos.len().max(1);
            if let Some(undo) = memory.undos.get(memory.undos.len().saturating_sub(1 + index)) {
                let undone = kanban::undo(core, &ada(), *undo).await?;
                memory.undos.extend(undone.redo);
            }
        }
        Operation::Schedule { card, minutes } => {
            let at = core.now_ms() + i64::from(*minutes) * 60_000;
            memory.undos.extend(kanban::schedule_card(core, &ada(), memory.card(*card), at).await?.undo);
        }
        Operation::Reclaim { card } => {
            memory.undos.extend(kanban::reclaim_card(core, &ada(), memory.card(*card), "").await?.undo);
        }
        Operation::Bulk { first, second, change } => {
            let mut cards = Vec::new();
            for index in [first, second] {
                cards.push(kanban::card(core, memory.card(*index)).await?.id);
            }
            let change = match change {
                0 => BulkChange::Move { to: CardState::Done, after: None, before: None },
                1 => BulkChange::Move { to: CardState::Ready, after: Some(cards[0]), before: None },
                2 => BulkChange::Assign("runner".into()),
                3 => BulkChange::AddLabel("l".into()),
                4 => BulkChange::RemoveLabel("l".into()),
                _ => BulkChange::Delete,
            };
            memory.undos.extend(kanban::change_cards(core, &ada(), BulkParams { cards, change }).await?.undo);
        }
        Operation::Comment { card } => {
            let id = kanban::card(core, memory.card(*card)).await?.id;
            let params = AddCommentParams { id, body: "word".into(), anchor: None };
            memory.undos.extend(kanban::add_comment(core, &ada(), params).await?.undo);
        }
        Operation::Repeat { card } => {
            let card = kanban::card(core, memory.card(*card)).await?;
            let params =
                EditCardParams { repeat: Some("every 1h".into()), ..EditCardParams::of(card.id, card.revision) };
            memory.undos.extend(kanban::edit_card(core, &ada(), params).await?.undo);
        }
        Operation::Heartbeat { run } => {
            if let Some(ticket) = memory.run(*run) {
                worker::heartbeat(core, ticket).await?;
            }
        }
        Operation::Reorder { card, other, after } => {
            let (card, other) =
                (kanban::card(core, memory.card(*card)).await?, kanban::card(core, memory.card(*other)).await?);
            let (after, before) = if *after { (Some(other.id), None) } else { (None, Some(other.id)) };
            let params = MoveCardParams { id: card.id, revision: None, to: other.state, after, before };
            memory.undos.extend(kanban::move_card(core, &ada(), params).await?.undo);
        }
        Operation::Retry { card, comment } => {
            let id = kanban::card(core, memory.card(*card)).await?.id;
            let comment = if *comment { "once more".to_owned() } else { String::new() };
            let params = RetryCardParams { id, assignee: None, model: None, comment };
            memory.undos.extend(kanban::retry_card(core, &ada(), params).await?.undo);
        }
        Operation::Accept { card, tasks } => {
            let card = kanban::card(core, memory.card(*card)).await?;
            let task = |at: u8| ProposedTask {
                title: "part".into(),
                after: (0..usize::from(at)).collect(),
                ..ProposedTask::default()
            };
            let proposal =
                Proposal { title: card.title, tasks: (0..*tasks).map(task).collect(), ..Proposal::default() };
            let params = AcceptProposalParams { id: card.id, revision: card.revision, proposal };
            let accepted = kanban::triage::accept_proposal(core, &ada(), params).await?;
            memory.cards = accepted.children.iter().map(|child| child.number).fold(memory.cards, i64::max);
            memory.undos.extend(accepted.written.undo);
        }
        Operation::Swarm { workers } => {
            let worker = SwarmWorker { title: "look".into(), ..SwarmWorker::default() };
            let workers = vec![worker; usize::from(*workers)];
            let params = SwarmParams { goal: "together".into(), workers, ..SwarmParams::default() };
            let made = kanban::triage::create_swarm(core, &ada(), params).await?;
            memory.cards = memory.cards.max(made.synthesizer.number);
            memory.undos.extend(made.undo);
        }
        Operation::Attach { card } => {
            let mut incoming = kanban::attachments::Incoming::begin(core, "notes.txt").await?;
            incoming.write(b"words").await?;
            let added = kanban::attachments::add(core, &ada(), memory.card(*card), incoming.finish().await?).await?;
            memory.files.push(added.attachment.id);
            memory.undos.extend(added.undo);
        }
        Operation::Detach { which } => {
            let index = usize::from(*which) % memory.files.len().max(1);
            if let Some(id) = memory.files.get(index) {
                memory.undos.extend(kanban::attachments::remove(core, &ada(), *id).await?.undo);
            }
        }
        Operation::Child { run } => {
            if let Some(ticket) = memory.run(*run) {
                let params = CreateCardParams { title: "found on the way".into(), ..CreateCardParams::default() };
                memory.cards = memory.cards.max(worker::create(core, ticket, params).await?.number);
            }
        }
        // Leases that ran out, runs that took too long, processes that are gone.
        Operation::Sweep => kanban::sweep_runs(core).await.map(drop)?,
        Operation::Wait { seconds } => {
            world.clock.advance_ms(i64::from(*seconds) * 1000);
            kanban::release_due(core).await?;
            kanban::reap(core).await?;
        }
        Operation::Tidy { hours } => {
            world.clock.advance_ms(i64::from(*hours) * 3_600_000);
            kanban::housekeeping::tidy(core).await?;
        }
    }
    Ok(())
}
