//! §9.9: what is told arrives, once where nothing breaks and at most twice where a sender dies. Who is told what:
//! `notifications`; the sender's answers to what a push service says: `it::push`.

use std::sync::Arc;

use agent_core::task::Tasks;
use agent_core::{accounts, kanban, push};
use protocol::{CardState, CreateCardParams, DecisionVerb, SetUpParams, TaskCard};

use crate::push_service::{Reply, Service};
use crate::support::{World, ada};
use crate::{by, eventually, finish, settle, shift, tamper, titled};

/// Nobody else sends a message within this time of its being taken.
const RETAKEN_MS: i64 = 30_000;
/// Longer than any pause after a few failures.
const LATER_MS: i64 = 3_600_000;

struct Place {
    world: World,
    service: Arc<Service>,
}

impl Place {
    /// An owner with these devices, and no server yet.
    async fn with_devices(names: &[&str]) -> Self {
        let (service, origin) = Service::start().await;
        let world = World::with_config(&format!("push:\n  allowed_origins: [\"{origin}\"]\nkanban:")).await;
        let token = accounts::issue_setup_token(&world.core).await.unwrap();
        let owner = SetUpParams { token, name: "Ada".into(), password: "three green bicycles".into() };
        let owner = accounts::set_up(&world.core, owner).await.unwrap().id;
        for name in names {
            push::subscribe(&world.core, owner, service.subscription(&origin, name)).await.unwrap();
        }
        Self { world, service }
    }

    fn answers(&self, replies: &[Reply]) {
        self.service.script.lock().unwrap().extend(replies);
    }

    fn sender(&self) -> Tasks {
        let tasks = Tasks::default();
        push::start_sender(self.world.core.clone(), &tasks, "http://127.0.0.1:8787").unwrap();
        tasks
    }

    async fn ask(&self, title: &str) -> TaskCard {
        self.world.create_with(CreateCardParams { blocked: true, ..titled(title) }).await
    }

    fn wait(&self, ms: i64) {
        self.world.clock.advance_ms(ms);
        self.world.core.changes().signal();
    }

    /// Waits until the messages are so, oldest first, each with the number of its attempts.
    async fn until(&self, wanted: &[(&str, i64)]) {
        let read = async || -> Vec<(String, i64)> {
            let rows = sqlx::query_as("SELECT state, attempts FROM push_outbox ORDER BY id");
            rows.fetch_all(self.world.core.store().reader()).await.unwrap()
        };
        eventually(async || {
            read().await.iter().map(|(state, attempts)| (state.as_str(), *attempts)).eq(wanted.iter().copied())
        })
        .await;
    }

    /// What each device heard of which card, sorted.
    fn heard(&self) -> Vec<String> {
        let heard = self.service.heard.lock().unwrap();
        let mut heard: Vec<String> = heard
            .iter()
            .map(|heard| format!("{} {}", heard.device.trim_start_matches("/push/"), heard.topic))
            .collect();
        heard.sort();
        heard
    }
}

/// A sender that ends in the middle of what it does, as a process does that is killed.
struct Doomed(Option<tokio::runtime::Runtime>);

impl Doomed {
    fn start(place: &Place) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let core = place.world.core.clone();
        {
            let _inside = runtime.enter();
            push::start_sender(core, &Tasks::default(), "http://127.0.0.1:8787").unwrap();
        }
        Self(Some(runtime))
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_between_sending_and_writing_it_down_repeats_one_message_once_and_loses_none() {
    let place = Place::with_devices(&["phone"]).await;
    place.answers(&[Reply::Hang]);
    let doomed = Doomed::start(&place);
    place.ask("one").await;
    place.service.wait_for(1).await;
    drop(doomed);
    let tasks = place.sender();
    place.ask("two").await;
    place.until(&[("waiting", 1), ("sent", 1)]).await;
    place.wait(RETAKEN_MS - 1);
    place.ask("three").await;
    place.until(&[("waiting", 1), ("sent", 1), ("sent", 1)]).await;
    place.wait(1);
    place.until(&[("sent", 2), ("sent", 1), ("sent", 1)]).await;
    place.wait(LATER_MS);
    place.ask("four").await;
    place.until(&[("sent", 2), ("sent", 1), ("sent", 1), ("sent", 1)]).await;
    assert_eq!(place.heard(), ["phone card-1", "phone card-1", "phone card-2", "phone card-3", "phone card-4"]);
    place.world.check_invariants().await;
    tasks.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_before_sending_loses_nothing() {
    let place = Place::with_devices(&["phone"]).await;
    place.ask("one").await;
    // As a sender leaves it that has taken the message, and was killed then.
    tamper(&place.world, "UPDATE push_outbox SET attempts = 1, next_at = next_at + 30000").await;
    let tasks = place.sender();
    place.wait(RETAKEN_MS);
    place.until(&[("sent", 2)]).await;
    assert_eq!(place.heard(), ["phone card-1"]);
    tasks.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_batch_only_what_failed_is_sent_again() {
    let place = Place::with_devices(&["a", "b", "c", "d"]).await;
    place.answers(&[Reply::Status(201), Reply::Status(503), Reply::Status(410), Reply::Status(201)]);
    let tasks = place.sender();
    place.ask("one").await;
    let first = place.service.wait_for(4).await;
    let of = |status: u16| first.iter().find(|heard| heard.status == status).unwrap().device.clone();
    let (busy, gone) = (of(503), of(410));
    // A device that is gone takes its messages along.
    let rows = async || -> Vec<String> {
        let rows = sqlx::query_scalar("SELECT state FROM push_outbox ORDER BY state");
        rows.fetch_all(place.world.core.store().reader()).await.unwrap()
    };
    eventually(async || rows().await == ["sent", "sent", "waiting"]).await;
    place.wait(LATER_MS);
    eventually(async || rows().await == ["sent", "sent", "sent"]).await;
    place.wait(LATER_MS);
    place.ask("two").await;
    eventually(async || rows().await == ["sent"; 6]).await;
    let heard = place.service.heard.lock().unwrap().clone();
    for device in ["a", "b", "c", "d"].map(|name| format!("/push/{name}")) {
        let came = |topic: &str| heard.iter().filter(|heard| heard.device == device && heard.topic == topic).count();
        let wanted = if device == busy { (2, 1) } else { (1, usize::from(device != gone)) };
        assert_eq!((came("card-1"), came("card-2")), wanted, "{device}: {heard:?}");
    }
    tasks.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_in_the_middle_of_a_batch_repeats_only_what_was_not_written_down() {
    let place = Place::with_devices(&["a", "b"]).await;
    place.answers(&[Reply::Status(201), Reply::Hang]);
    let doomed = Doomed::start(&place);
    place.ask("one").await;
    let first = place.service.wait_for(2).await;
    let sent = "SELECT count(*) FROM push_outbox WHERE state = 'sent'";
    eventually(async || crate::number(&place.world, sent).await == 1).await;
    drop(doomed);
    let tasks = place.sender();
    place.wait(RETAKEN_MS);
    eventually(async || crate::number(&place.world, sent).await == 2).await;
    place.wait(LATER_MS);
    place.ask("two").await;
    eventually(async || crate::number(&place.world, sent).await == 4).await;
    let heard = place.service.heard.lock().unwrap().clone();
    let twice = |device: &str| heard.iter().filter(|heard| heard.device == device && heard.topic == "card-1").count();
    assert_eq!((twice(&first[0].device), twice(&first[1].device), heard.len()), (1, 2, 5), "{heard:?}");
    tasks.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reopened_card_is_told_anew_and_what_it_asked_before_is_not() {
    let place = Place::with_devices(&["phone"]).await;
    let tasks = place.sender();
    let card = place.ask("again and again").await;
    place.until(&[("sent", 1)]).await;
    settle(&place.world, &card, DecisionVerb::Answer, "left").await;
    finish(&place.world, &card).await;
    shift(&place.world, &card, CardState::Ready).await.unwrap();
    // The service is busy when it asks for the second time, and that is settled before it is told.
    place.answers(&[Reply::Status(503)]);
    kanban::block_card(&place.world.core, &ada(), by(&card), "Left again?").await.unwrap();
    place.until(&[("sent", 1), ("waiting", 1)]).await;
    place.service.wait_for(2).await;
    finish(&place.world, &card).await;
    shift(&place.world, &card, CardState::Ready).await.unwrap();
    kanban::block_card(&place.world.core, &ada(), by(&card), "And now?").await.unwrap();
    place.until(&[("sent", 1), ("failed", 1), ("sent", 1)]).await;
    place.wait(LATER_MS);
    place.ask("another").await;
    place.until(&[("sent", 1), ("failed", 1), ("sent", 1), ("sent", 1)]).await;
    let heard = place.service.wait_for(4).await;
    let asks: Vec<&str> = heard.iter().map(|heard| heard.json["notification"]["body"].as_str().unwrap()).collect();
    assert!(asks[2].contains("And now?") && asks[3].contains("another"), "{asks:?}");
    // A newer question of a card takes the place of what still lies at the service.
    assert!(heard[..3].iter().all(|heard| heard.topic == "card-1"), "{heard:?}");
    place.world.check_invariants().await;
    tasks.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_22_minutes_without_a_server_everything_open_is_told_once() {
    let place = Place::with_devices(&["phone"]).await;
    let mut cards = Vec::new();
    for title in ["one", "two", "three"] {
        cards.push(place.ask(title).await);
    }
    settle(&place.world, &cards[0], DecisionVerb::Answer, "left").await;
    finish(&place.world, &cards[1]).await;
    shift(&place.world, &cards[1], CardState::Ready).await.unwrap();
    kanban::block_card(&place.world.core, &ada(), by(&cards[1]), "Once more?").await.unwrap();
    place.wait(22 * 60_000);
    let tasks = place.sender();
    place.until(&[("failed", 0), ("failed", 0), ("sent", 1), ("sent", 1)]).await;
    place.wait(LATER_MS);
    place.ask("four").await;
    place.until(&[("failed", 0), ("failed", 0), ("sent", 1), ("sent", 1), ("sent", 1)]).await;
    assert_eq!(place.heard(), ["phone card-2", "phone card-3", "phone card-4"]);
    tasks.shut_down().await;
}
