//! Decisions that are put off: out of the inbox, back by themselves, with one more call.

use agent_core::decisions::{self, OpenMark};
use agent_core::kanban::{self, KanbanError};
use agent_core::task::Tasks;
use agent_core::{Actor, accounts, push};
use protocol::{
    CardRef, CardState, CreateCardParams, DecisionId, DecisionVerb, SetUpParams, SettleDecisionParams,
    SnoozeDecisionOutcome, SnoozeDecisionParams, SubscribeParams, TaskCard,
};

use crate::eventually;
use crate::support::{START_MS, World, ada, bob};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

async fn ask(world: &World, title: &str) -> (TaskCard, DecisionId) {
    let params =
        CreateCardParams { title: title.into(), body: "which way?".into(), blocked: true, ..Default::default() };
    let card = world.create_with(params).await;
    let id = card.ask.as_ref().unwrap().id;
    (card, id)
}

async fn try_snooze(
    world: &World,
    actor: &Actor,
    id: DecisionId,
    until: Option<i64>,
) -> Result<SnoozeDecisionOutcome, KanbanError> {
    decisions::snooze(&world.core, actor, SnoozeDecisionParams { id, until }).await
}

async fn snooze(world: &World, id: DecisionId, until: Option<i64>) -> SnoozeDecisionOutcome {
    try_snooze(world, &ada(), id, until).await.unwrap()
}

/// Decisions in the inbox and decisions that are put off; the counts must agree.
async fn inbox(world: &World) -> (Vec<DecisionId>, Vec<(DecisionId, i64)>) {
    let inbox = decisions::inbox(&world.core).await.unwrap();
    let open: Vec<_> = inbox.open.iter().map(|view| view.id).collect();
    let snoozed: Vec<_> = inbox.snoozed.iter().map(|snoozed| (snoozed.decision.id, snoozed.until)).collect();
    let counted = decisions::open_count(&world.core).await.unwrap();
    assert_eq!((inbox.total, inbox.snoozed_total), (open.len() as i64, snoozed.len() as i64));
    assert_eq!((counted, mark(world).await.count), (inbox.total, inbox.total));
    (open, snoozed)
}

async fn mark(world: &World) -> OpenMark {
    decisions::open_mark(&world.core).await.unwrap()
}

/// A device that is told, so that calls are rows of the outbox.
async fn add_device(world: &World) {
    let token = accounts::issue_setup_token(&world.core).await.unwrap();
    let params = SetUpParams { token, name: "Ada".into(), password: "three green bicycles".into() };
    let owner = accounts::set_up(&world.core, params).await.unwrap();
    let device = SubscribeParams {
        endpoint: "https://fcm.googleapis.com/fcm/send/phone".into(),
        // The receiver of RFC 8291's appendix.
        p256dh: "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4".into(),
        auth: "BTBZMqHH6r4Tts7J_aSIgg".into(),
        device: "phone".into(),
        origin: None,
    };
    push::subscribe(&world.core, owner.id, device).await.unwrap();
}

async fn calls(world: &World) -> Vec<String> {
    let payloads = sqlx::query_scalar("SELECT payload FROM push_outbox ORDER BY id");
    payloads.fetch_all(world.core.store().reader()).await.unwrap()
}

/// Kinds of the card's events that say it was put off or came back, with who did so.
async fn told(world: &World, card: &TaskCard) -> Vec<(String, String)> {
    let rows = sqlx::query_as(
        "SELECT kind, actor FROM kanban_event WHERE card_id = ?1 AND kind IN ('snoozed', 'woken') ORDER BY seq",
    );
    rows.bind(card.id.0).fetch_all(world.core.store().reader()).await.unwrap()
}

fn words(told: &[(String, String)]) -> Vec<(&str, &str)> {
    told.iter().map(|(kind, actor)| (kind.as_str(), actor.as_str())).collect()
}

#[tokio::test]
async fn it_is_out_of_the_inbox_until_its_time_and_calls_once_more() {
    let world = World::new().await;
    add_device(&world).await;
    let (card, id) = ask(&world, "later").await;
    let (_, other) = ask(&world, "now").await;
    let before = mark(&world).await;
    let until = START_MS + HOUR_MS;
    let outcome = snooze(&world, id, Some(until)).await;
    assert_eq!((outcome.until, outcome.left), (Some(until), 1));
    assert_ne!(mark(&world).await, before, "other pages are told");
    assert_eq!(inbox(&world).await, (vec![other], vec![(id, until)]));
    let shown = world.card(&card).await;
    assert_eq!(
        (shown.state, shown.ask.map(|ask| (ask.id, ask.snoozed_until))),
        (CardState::Blocked, Some((id, Some(until)))),
        "it stays on the board, which says so"
    );
    assert_eq!(decisions::decision(&world.core, id).await.unwrap().snoozed_until, Some(until));

    assert_eq!(decisions::wake_due(&world.core).await.unwrap(), Some(until), "not before");
    world.clock.advance_ms(HOUR_MS - 1);
    assert_eq!(decisions::wake_due(&world.core).await.unwrap(), Some(until));
    assert_eq!(calls(&world).await.len(), 2);
    world.clock.advance_ms(1);
    // Two servers, or one that looks twice, bring it back once.
    let second = world.second_core().await;
    let (one, two) = tokio::join!(decisions::wake_due(&world.core), decisions::wake_due(&second));
    assert_eq!((one.unwrap(), two.unwrap()), (None, None));
    assert_eq!(inbox(&world).await, (vec![id, other], vec![]), "in its old place");
    assert_eq!(world.card(&card).await.ask.unwrap().snoozed_until, None);
    assert_eq!(decisions::decision(&world.core, id).await.unwrap().snoozed_until, None);
    let calls = calls(&world).await;
    assert_eq!(calls.len(), 3);
    let (first, again): (serde_json::Value, serde_json::Value) =
        (serde_json::from_str(&calls[0]).unwrap(), serde_json::from_str(&calls[2]).unwrap());
    for field in ["title", "body", "navigate", "tag"] {
        assert_eq!(first["notification"][field], again["notification"][field], "as when it was opened");
    }
    assert_eq!(again["app_badge"], 2);
    assert_eq!(words(&told(&world, &card).await), [("snoozed", "person:Ada"), ("woken", "system")]);
    world.check_invariants().await;
}

#[tokio::test]
async fn what_waits_for_another_time_is_another_inbox() {
    let world = World::new().await;
    let (_, id) = ask(&world, "later").await;
    snooze(&world, id, Some(START_MS + HOUR_MS)).await;
    let before = mark(&world).await;
    snooze(&world, id, Some(START_MS + DAY_MS)).await;
    assert_ne!(mark(&world).await, before);
    let same = snooze(&world, id, Some(START_MS + DAY_MS)).await;
    assert_eq!(same.undo, None, "nothing has changed");
}

#[tokio::test]
async fn only_people_put_off_what_is_open_and_not_for_ever() {
    let world = World::new().await;
    let (card, id) = ask(&world, "later").await;
    let until = Some(START_MS + HOUR_MS);
    let denied = try_snooze(&world, &Actor::System, id, until).await.unwrap_err();
    assert!(matches!(denied, KanbanError::Denied(_)), "{denied}");
    for bad in [START_MS, START_MS - 1, i64::MIN, START_MS + 30 * DAY_MS + 1, i64::MAX] {
        let refused = try_snooze(&world, &ada(), id, Some(bad)).await.unwrap_err();
        assert!(matches!(refused, KanbanError::Invalid(_)), "{bad}: {refused}");
    }
    let unknown = try_snooze(&world, &ada(), DecisionId(uuid::Uuid::nil()), until).await.unwrap_err();
    assert!(matches!(unknown, KanbanError::NotFound(_)), "{unknown}");
    assert_eq!(inbox(&world).await, (vec![id], vec![]));
    snooze(&world, id, Some(START_MS + 30 * DAY_MS)).await;

    // Settling works as ever, and there is nothing left to bring back.
    decisions::unblock(&world.core, &ada(), CardRef::Id(card.id), "left").await.unwrap();
    assert_eq!(inbox(&world).await, (vec![], vec![]));
    let settled = try_snooze(&world, &ada(), id, until).await.unwrap_err();
    assert!(matches!(settled, KanbanError::Conflict(_)), "{settled}");
    assert_eq!(decisions::wake_due(&world.core).await.unwrap(), None);
    world.check_invariants().await;
}

#[tokio::test]
async fn it_is_taken_back_brought_back_and_done_again() {
    let world = World::new().await;
    add_device(&world).await;
    let (card, id) = ask(&world, "later").await;
    let until = START_MS + HOUR_MS;
    let first = snooze(&world, id, Some(until)).await.undo.unwrap();
    let longer = snooze(&world, id, Some(until + DAY_MS)).await.undo.unwrap();
    kanban::undo(&world.core, &ada(), longer).await.unwrap();
    assert_eq!(inbox(&world).await, (vec![], vec![(id, until)]), "until when it was put off before");
    let redo = kanban::undo(&world.core, &ada(), first).await.unwrap().redo.unwrap();
    assert_eq!(inbox(&world).await, (vec![id], vec![]));
    kanban::undo(&world.core, &ada(), redo).await.unwrap();
    assert_eq!(inbox(&world).await, (vec![], vec![(id, until)]));

    // By hand, and that is taken back, too.
    let back = try_snooze(&world, &bob(), id, None).await.unwrap();
    assert_eq!((back.until, back.left), (None, 1));
    kanban::undo(&world.core, &bob(), back.undo.unwrap()).await.unwrap();
    assert_eq!(inbox(&world).await, (vec![], vec![(id, until)]));
    assert_eq!(calls(&world).await.len(), 1, "whoever does it by hand needs no call");

    // What would have come back by now is not put off again.
    let back = snooze(&world, id, None).await.undo.unwrap();
    world.clock.advance_ms(HOUR_MS + 1);
    assert!(kanban::undo(&world.core, &ada(), back).await.is_err(), "ten minutes have passed");
    let soon = snooze(&world, id, Some(until + 60_000)).await;
    let back = snooze(&world, id, None).await.undo.unwrap();
    world.clock.advance_ms(120_000);
    kanban::undo(&world.core, &ada(), back).await.unwrap();
    assert_eq!(inbox(&world).await, (vec![id], vec![]));

    // Nothing is left to take back once it is settled.
    decisions::unblock(&world.core, &ada(), CardRef::Id(card.id), "left").await.unwrap();
    let late = kanban::undo(&world.core, &ada(), soon.undo.unwrap()).await.unwrap_err();
    assert!(matches!(late, KanbanError::Conflict(_)), "{late}");
    world.check_invariants().await;
}

#[tokio::test]
async fn an_answer_that_is_taken_back_leaves_it_as_it_was() {
    let world = World::new().await;
    let (_, id) = ask(&world, "later").await;
    let (_, other) = ask(&world, "now").await;
    let until = START_MS + HOUR_MS;
    snooze(&world, id, Some(until)).await;
    let view = decisions::decision(&world.core, id).await.unwrap();
    let params = SettleDecisionParams { id, version: view.version, verb: DecisionVerb::Answer, comment: "left".into() };
    let outcome = decisions::settle(&world.core, &ada(), params).await.unwrap();
    assert_eq!((outcome.next, outcome.left), (Some(other), 1));
    kanban::undo(&world.core, &ada(), outcome.decision.settlement.unwrap().undo.unwrap()).await.unwrap();
    assert_eq!(inbox(&world).await, (vec![other], vec![(id, until)]));
    let view = decisions::decision(&world.core, other).await.unwrap();
    let params =
        SettleDecisionParams { id: other, version: view.version, verb: DecisionVerb::Answer, comment: "right".into() };
    let outcome = decisions::settle(&world.core, &ada(), params).await.unwrap();
    assert_eq!((outcome.next, outcome.left), (None, 0), "nobody is led to what was put off");
    world.check_invariants().await;
}

#[tokio::test]
async fn a_server_that_was_off_and_a_clock_that_was_set_lose_nothing() {
    let world = World::new().await;
    let (_, slept) = ask(&world, "the machine was off").await;
    let (_, ahead) = ask(&world, "the clock was ahead").await;
    snooze(&world, slept, Some(START_MS + HOUR_MS)).await;
    world.clock.advance_ms(3 * DAY_MS);
    let tasks = Tasks::default();
    decisions::start_waking(world.second_core().await, &tasks);
    eventually(|| async { decisions::open_count(&world.core).await.unwrap() == 2 }).await;
    tasks.shut_down().await;

    snooze(&world, ahead, Some(START_MS + 33 * DAY_MS)).await;
    world.turn_clock_back_ms(10_000);
    assert!(decisions::wake_due(&world.core).await.unwrap().is_some(), "a clock is put right by a little");
    world.turn_clock_back_ms(3 * DAY_MS);
    decisions::wake_due(&world.core).await.unwrap();
    assert_eq!(inbox(&world).await.1, []);
    world.check_invariants().await;
}

#[tokio::test]
async fn a_running_server_notices_by_itself() {
    let world = World::new().await;
    let tasks = Tasks::default();
    decisions::start_waking(world.core.clone(), &tasks);
    let (_, id) = ask(&world, "soon").await;
    // Nothing else is written, so only the server's own timer can make it look again.
    snooze(&world, id, Some(START_MS + 50)).await;
    world.clock.advance_ms(50);
    eventually(|| async { decisions::open_count(&world.core).await.unwrap() == 1 }).await;
    tasks.shut_down().await;
}
