//! A push service of our own: it checks every header, verifies the signature, opens the message, and answers what the test
//! says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aes_gcm::Aes128Gcm;
use aes_gcm::aead::{Aead, KeyInit};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use hkdf::Hkdf;
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::{PublicKey, SecretKey, ecdh::diffie_hellman};
use protocol::SubscribeParams;
use sha2::Sha256;

const AUTH: [u8; 16] = [3; 16];

pub struct Service {
    key: SecretKey,
    origin: Mutex<String>,
    /// What is answered to the next messages, in their order; 201 afterwards.
    pub script: Mutex<VecDeque<Reply>>,
    pub heard: Mutex<Vec<Heard>>,
    /// Lets hanging requests go.
    released: tokio::sync::Notify,
}

/// What the service says next.
#[derive(Clone, Copy)]
#[allow(dead_code, reason = "the conformance suite shares this file")]
pub enum Reply {
    Status(u16),
    RetryAfter(u16, &'static str),
    RedirectTo(&'static str),
    LongBody(u16),
    /// Says nothing until it is released, then 201.
    Hang,
}

/// A message that arrived and could be opened.
#[derive(Debug, Clone)]
#[allow(dead_code, reason = "the conformance suite shares this file")]
pub struct Heard {
    pub at: Instant,
    pub device: String,
    pub status: u16,
    pub topic: String,
    pub ttl: i64,
    pub json: serde_json::Value,
}

impl Service {
    pub async fn start() -> (Arc<Self>, String) {
        let service = Arc::new(Self {
            key: SecretKey::from_slice(&[9; 32]).unwrap(),
            origin: Mutex::default(),
            script: Mutex::default(),
            heard: Mutex::default(),
            released: tokio::sync::Notify::new(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        service.origin.lock().unwrap().clone_from(&origin);
        let app = Router::new().fallback(receive).with_state(Arc::clone(&service));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (service, origin)
    }

    pub fn subscription(&self, origin: &str, name: &str) -> SubscribeParams {
        SubscribeParams {
            endpoint: format!("{origin}/push/{name}"),
            p256dh: B64.encode(self.key.public_key().to_sec1_point(false).as_bytes()),
            auth: B64.encode(AUTH),
            device: name.into(),
            origin: None,
        }
    }

    /// Waits until so many messages came.
    pub async fn wait_for(&self, count: usize) -> Vec<Heard> {
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

    /// Lets the answers go that hang.
    #[allow(dead_code, reason = "the conformance suite shares this file")]
    pub fn release(&self) {
        self.released.notify_waiters();
    }
}

async fn receive(State(service): State<Arc<Service>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    assert_eq!(text("content-encoding"), "aes128gcm");
    assert_eq!(text("urgency"), "high");
    assert!(body.len() <= 4096);
    verify_vapid(&text("authorization"), &service.origin.lock().unwrap());
    let json = serde_json::from_slice(&decrypt(&service.key, &body)).unwrap();
    let reply = service.script.lock().unwrap().pop_front().unwrap_or(Reply::Status(201));
    let status = match reply {
        Reply::Status(status) | Reply::RetryAfter(status, _) | Reply::LongBody(status) => status,
        Reply::RedirectTo(_) => 307,
        Reply::Hang => 201,
    };
    let ttl = text("ttl").parse().expect("a TTL is needed");
    let device = uri.path().to_owned();
    let released = service.released.notified();
    service.heard.lock().unwrap().push(Heard { at: Instant::now(), device, status, topic: text("topic"), ttl, json });
    let mut response = StatusCode::from_u16(status).unwrap().into_response();
    match reply {
        Reply::Status(_) => {}
        Reply::RetryAfter(_, when) => drop(response.headers_mut().insert("retry-after", when.parse().unwrap())),
        Reply::RedirectTo(place) => drop(response.headers_mut().insert("location", place.parse().unwrap())),
        Reply::LongBody(_) => *response.body_mut() = "x".repeat(1_000_000).into(),
        Reply::Hang => released.await,
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
