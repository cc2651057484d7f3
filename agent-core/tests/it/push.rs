//! The sender against a push service that checks every header, verifies the signature and opens the message.

use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_core::task::Tasks;
use agent_core::{accounts, decisions, kanban, push};
use protocol::{CreateCardParams, DecisionVerb, SetUpParams, SettleDecisionParams, SnoozeDecisionParams, Viewer};

use crate::push_service::{Reply, Service};
use crate::support::{World, ada};

struct Setting {
    world: World,
    service: Arc<Service>,
    origin: String,
    owner: Viewer,
    tasks: Tasks,
}

async fn setting() -> Setting {
    let (service, origin) = Service::start().await;
    let config = format!("push:\n  allowed_origins: [\"{origin}\"]\nkanban:\n  max_in_progress: 5\n");
    let world = World::with_config(&config).await;
    let token = accounts::issue_setup_token(&world.core).await.unwrap();
    let params = SetUpParams { token, name: "Ada".into(), password: "three green bicycles".into() };
    let owner = accounts::set_up(&world.core, params).await.unwrap();
    let tasks = Tasks::default();
    push::start_sender(world.core.clone(), &tasks, "http://127.0.0.1:8787").unwrap();
    Setting { world, service, origin, owner, tasks }
}

async fn ask(world: &World, title: &str) -> protocol::TaskCard {
    world
        .create_with(CreateCardParams {
            title: title.into(),
            body: "which way?".into(),
            blocked: true,
            ..Default::default()
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_reaches_every_device_and_its_link_opens_it() {
    let set = setting().await;
    for name in ["phone", "laptop"] {
        let params = set.service.subscription(&set.origin, name);
        push::subscribe(&set.world.core, set.owner.id, params).await.unwrap();
    }
    let card = ask(&set.world, "Login").await;
    let heard = set.service.wait_for(2).await;
    let message = &heard[0];
    assert_eq!((message.topic.as_str(), message.json["web_push"].as_i64()), ("card-1", Some(8030)));
    assert_eq!(message.ttl, 6 * 3600);
    let navigate = message.json["notification"]["navigate"].as_str().unwrap();
    let wanted = format!("http://127.0.0.1:8787/d/{}#", card.ask.unwrap().id);
    assert!(navigate.starts_with(&wanted), "{navigate}");
    let state = push::state(&set.world.core, set.owner.id).await.unwrap();
    assert_eq!(state.devices.len(), 2);
    set.tasks.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_decisions_push() {
    let set = setting().await;
    push::subscribe(&set.world.core, set.owner.id, set.service.subscription(&set.origin, "phone")).await.unwrap();
    let quiet = set.world.create("quiet").await;
    kanban::complete_card(&set.world.core, &ada(), protocol::CardRef::Id(quiet.id), "fine").await.unwrap();
    let card = ask(&set.world, "loud").await;
    let heard = set.service.wait_for(1).await;
    answer(&set, &card).await;
    assert_eq!(heard.len(), 1);
    assert!(heard[0].json["notification"]["body"].as_str().unwrap().contains("loud"));
    set.tasks.shut_down().await;
}

async fn answer(set: &Setting, card: &protocol::TaskCard) {
    let ask = card.ask.clone().unwrap();
    let params =
        SettleDecisionParams { id: ask.id, version: ask.version, verb: DecisionVerb::Answer, comment: "left".into() };
    decisions::settle(&set.world.core, &ada(), params).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_called_for_what_is_settled_meanwhile() {
    let set = setting().await;
    add_devices(&set, 1).await;
    set.service.script.lock().unwrap().push_back(Reply::Status(503));
    let card = ask(&set.world, "settled at the desk").await;
    until_outbox(&set, |rows| rows[0].2 == Some(503)).await;
    answer(&set, &card).await;
    set.world.clock.advance_ms(3_600_000);
    ask(&set.world, "new").await;
    until_outbox(&set, |rows| rows.len() == 2 && rows[1].0 == "sent").await;
    assert_eq!(outbox(&set).await[0].0, "failed");
    assert_eq!(heard_once(&set), 2);
    set.tasks.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_called_for_what_is_put_off_until_its_time() {
    let set = setting().await;
    decisions::start_waking(set.world.core.clone(), &set.tasks);
    add_devices(&set, 1).await;
    set.service.script.lock().unwrap().push_back(Reply::Status(503));
    let card = ask(&set.world, "later").await;
    until_outbox(&set, |rows| rows[0].2 == Some(503)).await;
    let until = Some(crate::support::START_MS + 3 * 3_600_000);
    let params = SnoozeDecisionParams { id: card.ask.clone().unwrap().id, until };
    decisions::snooze(&set.world.core, &ada(), params).await.unwrap();
    set.world.clock.advance_ms(3_600_000);
    set.world.core.changes().signal();
    until_outbox(&set, |rows| rows[0].0 == "failed").await;
    // Nothing is written when the time has come: the clock alone brings it back.
    set.world.clock.advance_ms(2 * 3_600_000);
    set.world.core.changes().signal();
    until_outbox(&set, |rows| rows.len() == 2 && rows[1].0 == "sent").await;
    let heard = set.service.wait_for(2).await;
    assert_eq!(heard[0].json, heard[1].json, "as when it was opened");
    set.tasks.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tap_leads_where_the_device_has_the_app_open() {
    let set = setting().await;
    let mut params = set.service.subscription(&set.origin, "phone");
    for bad in ["javascript:alert(1)", "https://box.example/path", "box.example", ""] {
        params.origin = Some(bad.into());
        assert!(push::subscribe(&set.world.core, set.owner.id, params.clone()).await.is_err(), "{bad}");
    }
    params.origin = Some("https://box.tail1.ts.net".into());
    push::subscribe(&set.world.core, set.owner.id, params).await.unwrap();
    ask(&set.world, "where").await;
    let heard = set.service.wait_for(1).await;
    let navigate = heard[0].json["notification"]["navigate"].as_str().unwrap();
    assert!(navigate.starts_with("https://box.tail1.ts.net/d/"), "{navigate}");
    set.tasks.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_left_is_removed_and_a_busy_service_is_tried_again() {
    let set = setting().await;
    let phone = set.service.subscription(&set.origin, "phone");
    push::subscribe(&set.world.core, set.owner.id, phone.clone()).await.unwrap();
    set.service.script.lock().unwrap().extend([
        Reply::RetryAfter(429, "7"),
        Reply::Status(503),
        Reply::Status(201),
        Reply::Status(410),
    ]);
    ask(&set.world, "first").await;
    set.service.wait_for(1).await;
    // The service asked for seven seconds: not before, but then.
    wait_for_error(&set).await;
    set.world.clock.advance_ms(6_900);
    set.world.core.changes().signal();
    set.world.clock.advance_ms(200);
    set.world.core.changes().signal();
    set.service.wait_for(2).await;
    wait_for_error(&set).await;
    set.world.clock.advance_ms(60_000);
    set.world.core.changes().signal();
    let heard = set.service.wait_for(3).await;
    assert_eq!(heard.iter().map(|heard| heard.status).collect::<Vec<_>>(), [429, 503, 201]);
    ask(&set.world, "second").await;
    set.service.wait_for(4).await;
    let deadline = Instant::now() + Duration::from_secs(10);
    while !push::state(&set.world.core, set.owner.id).await.unwrap().devices.is_empty() {
        assert!(Instant::now() < deadline, "a device that is gone must be removed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    set.tasks.shut_down().await;
}

/// Waits until the sender has written down what the service said.
async fn wait_for_error(set: &Setting) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let state = push::state(&set.world.core, set.owner.id).await.unwrap();
        if state.devices[0].last_error.is_some() {
            let mut tx = set.world.core.write().await.unwrap();
            sqlx::query("UPDATE push_subscription SET last_error = NULL").execute(&mut *tx).await.unwrap();
            tx.commit().await.unwrap();
            return;
        }
        assert!(Instant::now() < deadline, "the answer was not written down");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn foreign_endpoints_are_refused_and_devices_are_bounded() {
    let set = setting().await;
    let mut foreign = set.service.subscription("http://127.0.0.1:1", "x");
    assert!(push::subscribe(&set.world.core, set.owner.id, foreign.clone()).await.is_err());
    foreign.endpoint = "https://evil.example/push".into();
    assert!(push::subscribe(&set.world.core, set.owner.id, foreign).await.is_err());
    for index in 0..20 {
        let params = set.service.subscription(&set.origin, &index.to_string());
        push::subscribe(&set.world.core, set.owner.id, params).await.unwrap();
    }
    let more = set.service.subscription(&set.origin, "one too many");
    assert!(push::subscribe(&set.world.core, set.owner.id, more).await.is_err());
    let again = set.service.subscription(&set.origin, "3");
    push::subscribe(&set.world.core, set.owner.id, again).await.unwrap();
    set.tasks.shut_down().await;
}

/// Rows of the outbox as `(state, attempts, last status, next attempt)`, oldest first.
async fn outbox(set: &Setting) -> Vec<(String, i64, Option<i64>, i64)> {
    sqlx::query_as("SELECT state, attempts, last_status, next_at FROM push_outbox ORDER BY id")
        .fetch_all(set.world.core.store().reader())
        .await
        .unwrap()
}

async fn until_outbox(set: &Setting, wanted: impl Fn(&[(String, i64, Option<i64>, i64)]) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        let rows = outbox(set).await;
        if wanted(&rows) {
            return;
        }
        assert!(Instant::now() < deadline, "{rows:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn add_devices(set: &Setting, count: usize) {
    for index in 0..count {
        let params = set.service.subscription(&set.origin, &format!("device-{index}"));
        push::subscribe(&set.world.core, set.owner.id, params).await.unwrap();
    }
}

async fn last_error(set: &Setting) -> Option<String> {
    push::state(&set.world.core, set.owner.id).await.unwrap().devices[0].last_error.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_on_the_wire_within_200_ms_of_its_commit() {
    let set = setting().await;
    add_devices(&set, 1).await;
    let mut delays = Vec::new();
    for index in 0..9 {
        ask(&set.world, &format!("card {index}")).await;
        let committed = Instant::now();
        let heard = set.service.wait_for(index + 1).await;
        delays.push(heard[index].at.saturating_duration_since(committed));
    }
    delays.sort_unstable();
    // The median: a test shares its machine with others.
    assert!(delays[4] <= Duration::from_millis(200), "{delays:?}");
    set.tasks.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_is_taken_than_can_be_sent_at_once() {
    let set = setting().await;
    add_devices(&set, 12).await;
    set.service.script.lock().unwrap().extend([Reply::Hang; 8]);
    ask(&set.world, "Login").await;
    set.service.wait_for(8).await;
    set.world.core.changes().signal();
    let taken = outbox(&set).await.iter().filter(|(_, attempts, ..)| *attempts > 0).count();
    assert_eq!(taken, 8, "the others are left for whoever can send them");
    set.service.release();
    until_outbox(&set, |rows| rows.iter().all(|(state, ..)| state == "sent")).await;
    assert_eq!(heard_once(&set), 12);
    set.tasks.shut_down().await;
}

/// How many messages came, after checking that none came twice.
fn heard_once(set: &Setting) -> usize {
    let heard = set.service.heard.lock().unwrap();
    let distinct: std::collections::HashSet<_> = heard.iter().map(|heard| (&heard.device, &heard.topic)).collect();
    assert_eq!(distinct.len(), heard.len(), "{heard:?}");
    heard.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_send_each_message_once() {
    let set = setting().await;
    let other = set.world.second_core().await;
    let tasks = Tasks::default();
    push::start_sender(other.clone(), &tasks, "http://127.0.0.1:8787").unwrap();
    add_devices(&set, 10).await;
    for title in ["one", "two", "three"] {
        ask(&set.world, title).await;
        other.changes().signal();
    }
    until_outbox(&set, |rows| rows.len() == 30 && rows.iter().all(|(state, ..)| state == "sent")).await;
    assert!(outbox(&set).await.iter().all(|(_, attempts, ..)| *attempts == 1));
    assert_eq!(heard_once(&set), 30);
    tasks.shut_down().await;
    set.tasks.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_too_large_is_sent_again_without_its_long_text() {
    let set = setting().await;
    add_devices(&set, 1).await;
    set.service.script.lock().unwrap().push_back(Reply::Status(413));
    ask(&set.world, "Login").await;
    let heard = set.service.wait_for(2).await;
    let address = |index: usize| heard[index].json["notification"]["navigate"].as_str().unwrap().to_owned();
    assert_eq!(address(0).split_once('#').unwrap().0, address(1));
    until_outbox(&set, |rows| rows.iter().all(|row| (row.0.as_str(), row.1, row.2) == ("sent", 1, Some(201)))).await;
    assert_eq!(last_error(&set).await, None);

    // Twice too large is an error, not a loop.
    set.service.script.lock().unwrap().extend([Reply::Status(413); 2]);
    ask(&set.world, "Again").await;
    until_outbox(&set, |rows| rows.len() == 2 && rows[1].0 == "failed" && rows[1].2 == Some(413)).await;
    assert!(last_error(&set).await.unwrap().contains("413"));
    set.tasks.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_written_down_and_neither_repeated_nor_followed_elsewhere() {
    let set = setting().await;
    add_devices(&set, 1).await;
    let refusals = [
        Reply::LongBody(400),
        Reply::Status(401),
        Reply::Status(403),
        Reply::RedirectTo("http://127.0.0.1:1/elsewhere"),
    ];
    for (index, refusal) in refusals.into_iter().enumerate() {
        set.service.script.lock().unwrap().push_back(refusal);
        ask(&set.world, &format!("card {index}")).await;
        until_outbox(&set, |rows| rows.len() == index + 1 && rows[index].0 == "failed").await;
        let status = set.service.heard.lock().unwrap()[index].status;
        let error = last_error(&set).await.unwrap();
        assert!(error.contains(&status.to_string()) && error.len() < 1000, "{error}");
    }
    set.world.clock.advance_ms(2 * 3_600_000);
    ask(&set.world, "fine").await;
    until_outbox(&set, |rows| rows.len() == 5 && rows[4].0 == "sent").await;
    assert_eq!(heard_once(&set), 5);
    assert_eq!(last_error(&set).await, None, "a message that arrives clears the error");
    set.tasks.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_is_as_long_as_the_service_asks_and_never_none() {
    let set = setting().await;
    add_devices(&set, 1).await;
    let now = crate::support::START_MS;
    set.service.script.lock().unwrap().push_back(Reply::RetryAfter(503, "Thu, 01 Jan 2026 00:10:00 GMT"));
    ask(&set.world, "date").await;
    until_outbox(&set, |rows| rows[0].2 == Some(503)).await;
    assert_eq!(outbox(&set).await[0].3, now + 600_000);
    set.service.script.lock().unwrap().push_back(Reply::RetryAfter(429, "0"));
    ask(&set.world, "none").await;
    until_outbox(&set, |rows| rows.len() == 2 && rows[1].2 == Some(429)).await;
    assert!(outbox(&set).await[1].3 >= now + 5_000);
    set.service.script.lock().unwrap().push_back(Reply::RetryAfter(429, "86400"));
    ask(&set.world, "later than anybody cares").await;
    until_outbox(&set, |rows| rows.len() == 3 && rows[2].0 == "failed").await;
    set.tasks.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_not_sent_after_its_time() {
    let set = setting().await;
    add_devices(&set, 1).await;
    set.service.script.lock().unwrap().push_back(Reply::Status(503));
    ask(&set.world, "old").await;
    until_outbox(&set, |rows| rows[0].2 == Some(503)).await;
    set.world.clock.advance_ms(6 * 3_600_000);
    ask(&set.world, "new").await;
    until_outbox(&set, |rows| rows.len() == 2 && rows[1].0 == "sent").await;
    assert_eq!(outbox(&set).await[0].0, "failed");
    assert_eq!(heard_once(&set), 2);
    set.tasks.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_says_nothing_is_given_up_and_tried_again() {
    let set = setting().await;
    add_devices(&set, 1).await;
    set.service.script.lock().unwrap().push_back(Reply::Hang);
    let asked = Instant::now();
    ask(&set.world, "Login").await;
    wait_for(&set, Duration::from_secs(20), async |set| {
        last_error(set).await.is_some_and(|error| error.contains("10 s"))
    })
    .await;
    assert!((9..15).contains(&asked.elapsed().as_secs()), "{:?}", asked.elapsed());
    assert_eq!(outbox(&set).await[0].0, "waiting");
    set.world.clock.advance_ms(10_000);
    set.world.core.changes().signal();
    until_outbox(&set, |rows| rows[0].0 == "sent" && rows[0].1 == 2).await;
    set.tasks.shut_down().await;
}

async fn wait_for(set: &Setting, limit: Duration, done: impl AsyncFn(&Setting) -> bool) {
    let deadline = Instant::now() + limit;
    while !done(set).await {
        assert!(Instant::now() < deadline, "it did not happen within {limit:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
