//! The sender against a push service that checks every header, verifies the signature and opens the message.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aes_gcm::Aes128Gcm;
use aes_gcm::aead::{Aead, KeyInit};
use agent_core::task::Tasks;
use agent_core::{accounts, decisions, kanban, push};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use hkdf::Hkdf;
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::{PublicKey, SecretKey, ecdh::diffie_hellman};
use protocol::{CreateCardParams, DecisionVerb, SetUpParams, SettleDecisionParams, SubscribeParams, Viewer};
use sha2::Sha256;

use crate::support::{World, ada};

const AUTH: [u8; 16] = [3; 16];

struct Service {
    key: SecretKey,
    origin: Mutex<String>,
    script: Mutex<VecDeque<(u16, Option<&'static str>)>>,
    heard: Mutex<Vec<Heard>>,
}

#[derive(Debug, Clone)]
struct Heard {
    at: Instant,
    status: u16,
    topic: String,
    ttl: i64,
    json: serde_json::Value,
}

impl Service {
    async fn start() -> (Arc<Self>, String) {
        let service = Arc::new(Self {
            key: SecretKey::from_slice(&[9; 32]).unwrap(),
            origin: Mutex::default(),
            script: Mutex::default(),
            heard: Mutex::default(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        service.origin.lock().unwrap().clone_from(&origin);
        let app = Router::new().fallback(receive).with_state(Arc::clone(&service));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (service, origin)
    }

    fn subscription(&self, origin: &str, name: &str) -> SubscribeParams {
        SubscribeParams {
            endpoint: format!("{origin}/push/{name}"),
            p256dh: B64.encode(self.key.public_key().to_sec1_point(false).as_bytes()),
            auth: B64.encode(AUTH),
            device: name.into(),
        }
    }

    async fn wait_for(&self, count: usize) -> Vec<Heard> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let heard = self.heard.lock().unwrap().clone();
            if heard.len() >= count {
                return heard;
            }
            assert!(Instant::now() < deadline, "only {} of {count} messages came", heard.len());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn receive(State(service): State<Arc<Service>>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    assert_eq!(text("content-encoding"), "aes128gcm");
    assert_eq!(text("urgency"), "high");
    assert!(body.len() <= 4096);
    verify_vapid(&text("authorization"), &service.origin.lock().unwrap());
    let json = serde_json::from_slice(&decrypt(&service.key, &body)).unwrap();
    let (status, retry_after) = service.script.lock().unwrap().pop_front().unwrap_or((201, None));
    let ttl = text("ttl").parse().expect("a TTL is needed");
    service.heard.lock().unwrap().push(Heard { at: Instant::now(), status, topic: text("topic"), ttl, json });
    let mut response = StatusCode::from_u16(status).unwrap().into_response();
    if let Some(value) = retry_after {
        response.headers_mut().insert("retry-after", value.parse().unwrap());
    }
    response
}

fn verify_vapid(header: &str, origin: &str) {
    let (token, key) = header.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let key = VerifyingKey::from_sec1_bytes(&B64.decode(key).unwrap()).unwrap();
    key.verify(signed.as_bytes(), &Signature::from_slice(&B64.decode(signature).unwrap()).unwrap()).unwrap();
    let claims: serde_json::Value =
        serde_json::from_slice(&B64.decode(signed.split_once('.').unwrap().1).unwrap()).unwrap();
    assert_eq!(claims["aud"], origin);
    assert!(claims["sub"].as_str().unwrap().starts_with("https://"));
}

fn decrypt(key: &SecretKey, body: &[u8]) -> Vec<u8> {
    let (salt, sender, sealed) = (&body[..16], &body[21..86], &body[86..]);
    let shared = diffie_hellman(key.to_nonzero_scalar(), PublicKey::from_sec1_bytes(sender).unwrap().as_affine());
    let info = [b"WebPush: info\0".as_slice(), key.public_key().to_sec1_point(false).as_bytes(), sender].concat();
    let (mut input, mut content, mut nonce) = ([0; 32], [0; 16], [0; 12]);
    Hkdf::<Sha256>::new(Some(&AUTH), shared.raw_secret_bytes()).expand(&info, &mut input).unwrap();
    let derived = Hkdf::<Sha256>::new(Some(salt), &input);
    derived.expand(b"Content-Encoding: aes128gcm\0", &mut content).unwrap();
    derived.expand(b"Content-Encoding: nonce\0", &mut nonce).unwrap();
    let mut plain = Aes128Gcm::new_from_slice(&content).unwrap().decrypt((&nonce).into(), sealed).unwrap();
    assert_eq!(plain.pop(), Some(2));
    plain
}

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
    world.create_with(CreateCardParams { title: title.into(), body: "which way?".into(), blocked: true, ..Default::default() }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_reaches_every_device_and_its_link_opens_it() {
    let set = setting().await;
    for name in ["phone", "laptop"] {
        let params = set.service.subscription(&set.origin, name);
        push::subscribe(&set.world.core, set.owner.id, params).await.unwrap();
    }
    let card = ask(&set.world, "Login").await;
    let asked = Instant::now();
    let heard = set.service.wait_for(2).await;
    let slowest = heard.iter().map(|heard| heard.at.saturating_duration_since(asked)).max().unwrap();
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
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
    let ask = card.ask.unwrap();
    let params = SettleDecisionParams { id: ask.id, version: ask.version, verb: DecisionVerb::Answer, comment: "left".into() };
    decisions::settle(&set.world.core, &ada(), params).await.unwrap();
    let heard = set.service.wait_for(1).await;
    assert_eq!(heard.len(), 1);
    assert!(heard[0].json["notification"]["body"].as_str().unwrap().contains("loud"));
    set.tasks.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_left_is_removed_and_a_busy_service_is_tried_again() {
    let set = setting().await;
    let phone = set.service.subscription(&set.origin, "phone");
    push::subscribe(&set.world.core, set.owner.id, phone.clone()).await.unwrap();
    set.service.script.lock().unwrap().extend([(429, Some("7")), (503, None), (201, None), (410, None)]);
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
