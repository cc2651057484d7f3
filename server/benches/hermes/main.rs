//! `make bench`: what the main job costs. Prints medians; it judges nothing.
//!
//! Everything runs on a fresh home in a temporary directory, with durable commits, the real router and real worker
//! processes of the release binary.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::disallowed_methods, reason = "the benches await the tasks they spawn, so no panic is lost")]

mod deep;
mod scale;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use agent_core::kanban::dispatcher::{self, DispatcherOptions};
use agent_core::task::Tasks;
use agent_core::{Actor, Core, Home, OpenOptions, accounts, kanban, push};
use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use protocol::{CardRef, CardState, CreateCardParams, MoveCardParams, SetUpParams, SubscribeParams};
use tower::ServiceExt;

const PROGRAM: &str = env!("CARGO_BIN_EXE_hermes");

fn me() -> Actor {
    Actor::CommandLine { user: "bench".into() }
}

async fn fresh(config: &str) -> (tempfile::TempDir, Core) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("config.yaml"), config).unwrap();
    let profile = dir.path().join("profiles/script");
    std::fs::create_dir_all(&profile).unwrap();
    std::fs::write(profile.join("config.yaml"), "executor: command\ncommand: [\"true\"]\n").unwrap();
    let options = OpenOptions { readers: 4, ..OpenOptions::new(Home::at(dir.path())) };
    let core = Core::open(options).await.unwrap();
    (dir, core)
}

fn triage(title: String) -> CreateCardParams {
    CreateCardParams { title, body: "b".repeat(500), triage: true, ..CreateCardParams::default() }
}

/// Median and 95th percentile.
fn quantiles(mut times: Vec<f64>) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], times[times.len() * 95 / 100])
}

fn main() {
    // `cargo bench` passes `--bench`; nothing else is understood. A claimer is started by the benchmark itself.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if let Some(home) = std::env::var_os(scale::CLAIMER) {
        return runtime.block_on(scale::claim_all(Home::at(&home)));
    }
    runtime.block_on(async {
        println!("{:<44} {:>12} {:>12}", "", "median", "p95");
        started().await;
        writes().await;
        boards().await;
        pushes().await;
        scale::run().await;
    });
}

async fn started() {
    let (_dir, core) = fresh("kanban:\n  max_in_progress: 4\n  default_assignee: script\n").await;
    let tasks = Tasks::default();
    dispatcher::start(core.clone(), &tasks, DispatcherOptions { program: PathBuf::from(PROGRAM) });
    let mut times = Vec::new();
    for index in 0..60 {
        let params = CreateCardParams { title: format!("card {index}"), ..CreateCardParams::default() };
        let card = kanban::create_card(&core, &me(), params).await.unwrap().card;
        loop {
            let detail = kanban::card_detail(&core, CardRef::Id(card.id)).await.unwrap();
            if detail.card.state == CardState::Done {
                times.push((detail.runs[0].started_at.unwrap() - detail.created_at) as f64);
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let (median, p95) = quantiles(times);
    println!("{:<44} {median:>9.0} ms {p95:>9.0} ms", "ready → worker started");
    tasks.shut_down().await;
}

async fn writes() {
    let (_dir, core) = fresh("").await;
    let mut cards = Vec::new();
    let begun = Instant::now();
    for index in 0..2000 {
        cards.push(kanban::create_card(&core, &me(), triage(format!("card {index}"))).await.unwrap().card);
    }
    println!("{:<44} {:>10.0} /s", "create a card, one after the other", 2000.0 / begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    for card in &cards {
        let to = MoveCardParams { id: card.id, revision: None, to: CardState::Done, after: None, before: None };
        kanban::move_card(&core, &me(), to).await.unwrap();
    }
    println!("{:<44} {:>10.0} /s", "move a card, one after the other", 2000.0 / begun.elapsed().as_secs_f64());
}

/// Signs in through the router as a browser does and returns the cookie.
async fn sign_in(core: &Core, app: &Router) -> String {
    let token = accounts::issue_setup_token(core).await.unwrap();
    let password = "three green bicycles";
    let body = serde_json::json!({ "params": SetUpParams { token, name: "Ada".into(), password: password.into() } });
    let request = Request::post("/api/accounts/set_up")
        .header(header::HOST, "127.0.0.1")
        .header("sec-fetch-site", "same-origin")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "signing in");
    let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

async fn boards() {
    let mut sizes = Vec::new();
    for count in [100_usize, 1_000, 10_000] {
        let (_dir, core) = fresh("").await;
        let states = [CardState::Triage, CardState::Done];
        for index in 0..count {
            let card = kanban::create_card(&core, &me(), triage(format!("card {index}"))).await.unwrap().card;
            if states[index % 2] == CardState::Done {
                let to = MoveCardParams { id: card.id, revision: None, to: CardState::Done, after: None, before: None };
                kanban::move_card(&core, &me(), to).await.unwrap();
            }
        }
        let app = server::router(server::AppState::new(core.clone(), Tasks::default().stopping()));
        let cookie = sign_in(&core, &app).await;
        let mut times = Vec::new();
        let mut size = 0;
        for _ in 0..40 {
            let request = Request::get("/board")
                .header(header::HOST, "127.0.0.1")
                .header(header::COOKIE, &cookie)
                .header(header::ACCEPT, "text/html")
                .header("sec-fetch-mode", "navigate")
                .body(Body::empty())
                .unwrap();
            let begun = Instant::now();
            let response = app.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "the board");
            size = response.into_body().collect().await.unwrap().to_bytes().len();
            times.push(begun.elapsed().as_secs_f64() * 1000.0);
        }
        let (median, p95) = quantiles(times);
        let name = format!("board page, {count} cards ({:.0} KB of HTML)", size as f64 / 1024.0);
        println!("{name:<44} {median:>9.1} ms {p95:>9.1} ms");
        sizes.push((median, size));
    }
    let time = sizes[2].0 / sizes[1].0;
    let bytes = sizes[2].1 as f64 / sizes[1].1 as f64;
    println!("{:<44} {time:>10.2} ×  {bytes:>9.2} × bytes", "10,000 cards against 1,000");
}

async fn pushes() {
    let heard: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let sink = Arc::clone(&heard);
    let service = Router::new().fallback(move || {
        sink.lock().unwrap().push(Instant::now());
        std::future::ready(StatusCode::CREATED)
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let serving = agent_core::task::spawn("push-service", async move { axum::serve(listener, service).await.unwrap() });
    let (_dir, core) = fresh(&format!("push:\n  allowed_origins: [\"{origin}\"]\n")).await;
    let token = accounts::issue_setup_token(&core).await.unwrap();
    let params = SetUpParams { token, name: "Ada".into(), password: "three green bicycles".into() };
    let owner = accounts::set_up(&core, params).await.unwrap();
    let subscription = SubscribeParams {
        endpoint: format!("{origin}/x"),
        // The receiver of RFC 8291, appendix A.
        p256dh: "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4".into(),
        auth: "BTBZMqHH6r4Tts7J_aSIgg".into(),
        device: "bench".into(),
        origin: None,
    };
    push::subscribe(&core, owner.id, subscription).await.unwrap();
    let tasks = Tasks::default();
    push::start_sender(core.clone(), &tasks, "http://127.0.0.1:8787").unwrap();
    let mut times = Vec::new();
    for index in 0..50 {
        let params = CreateCardParams { title: format!("ask {index}"), blocked: true, ..CreateCardParams::default() };
        kanban::create_card(&core, &me(), params).await.unwrap();
        let committed = Instant::now();
        while heard.lock().unwrap().len() <= index {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let sent = heard.lock().unwrap()[index];
        times.push(sent.saturating_duration_since(committed).as_secs_f64() * 1000.0);
    }
    let (median, p95) = quantiles(times);
    println!("{:<44} {median:>9.1} ms {p95:>9.1} ms", "push: committed → request at the service");
    tasks.shut_down().await;
    serving.abort();
}
