//! Real processes on a real home: dispatchers, workers, servers, and `kill -9`.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

mod chaos;
mod faults;
#[path = "../../../agent-core/tests/it/invariants.rs"]
mod invariants;
mod races;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use agent_core::kanban::dispatcher::{self, DispatcherOptions};
use agent_core::store::Store;
use agent_core::task::Tasks;
use agent_core::{Actor, Core, Home, OpenOptions, kanban};
use protocol::{CardDetail, CardRef, CardState, CreateCardParams, RunOutcome, TaskCard};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hermes");

fn me() -> Actor {
    Actor::CommandLine { user: "test".into() }
}

/// A home whose cards are worked on by a shell script.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new(script: &str, slots: u32) -> Self {
        Self::with_config(script, slots, "")
    }

    /// The same, with further lines of `kanban:` in its configuration.
    fn with_config(script: &str, slots: u32, more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = format!("kanban:\n  max_in_progress: {slots}\n  default_assignee: script\n{more}");
        std::fs::write(dir.path().join("config.yaml"), config).unwrap();
        let profile = dir.path().join("profiles/script");
        std::fs::create_dir_all(&profile).unwrap();
        let command = serde_json::json!({ "executor": "command", "command": ["sh", "-c", script] });
        // JSON is YAML.
        std::fs::write(profile.join("config.yaml"), command.to_string()).unwrap();
        Self { dir }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    async fn core(&self) -> Core {
        Core::open(OpenOptions::new(Home::at(self.path()))).await.unwrap()
    }

    fn dispatch(&self, core: &Core) -> Tasks {
        let tasks = Tasks::default();
        dispatcher::start(core.clone(), &tasks, DispatcherOptions { program: PathBuf::from(PROGRAM) });
        tasks
    }

    fn serve(&self) -> Server {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(PROGRAM)
            .args(["serve", "--addr", &format!("127.0.0.1:{port}")])
            .env("HERMES_HOME", self.path())
            .env_remove("HERMES_KANBAN_RUN_ID")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Server { child }
    }
}

struct Server {
    child: Child,
}

impl Server {
    fn kill_hard(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn create(core: &Core, title: &str) -> TaskCard {
    let params = CreateCardParams { title: title.into(), ..CreateCardParams::default() };
    kanban::create_card(core, &me(), params).await.unwrap().card
}

async fn detail(core: &Core, card: &TaskCard) -> CardDetail {
    kanban::card_detail(core, CardRef::Id(card.id)).await.unwrap()
}

/// Waits until the card is as wanted.
async fn wait_until(core: &Core, card: &TaskCard, what: &str, wanted: impl Fn(&CardDetail) -> bool) -> CardDetail {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let now = detail(core, card).await;
        if wanted(&now) {
            return now;
        }
        assert!(Instant::now() < deadline, "not {what} in time: {now:#?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The pid a script wrote into its workspace.
async fn pid_in(core: &Core, card: &TaskCard, file: &str) -> u32 {
    let deadline = Instant::now() + Duration::from_secs(30);
    let path = core.home().workspaces().join(format!("T-{}", card.number)).join(file);
    loop {
        if let Some(pid) = std::fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok()) {
            return pid;
        }
        assert!(Instant::now() < deadline, "{} was never written", path.display());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn kill_hard(pid: u32) {
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
}

fn is_alive(pid: u32) -> bool {
    agent_core::process::identity_of(pid).unwrap().is_some()
}

/// Waits until all of these processes are gone.
async fn gone(pids: &[u32], why: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while pids.iter().any(|pid| is_alive(*pid)) {
        assert!(Instant::now() < deadline, "{why}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// I1 to I12 and what else must hold of what is committed at this moment, and the file is whole.
async fn check_invariants(core: &Core) {
    let mut tx = core.store().reader().begin().await.unwrap();
    let broken = invariants::broken(&mut tx, invariants::Times::Forward).await;
    assert!(broken.is_empty(), "{broken:#?}");
    drop(tx);
    // By a connection of its own: one that has looked before checks the search index by what it remembers of it, and
    // takes what others wrote since for damage.
    let fresh = Store::open(core.store().path(), 1).await.unwrap();
    let file: String = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(fresh.reader()).await.unwrap();
    assert_eq!(file, "ok", "the file itself");
    fresh.close().await;
}

/// I12: no worker of a finished card lives, and none is remembered, once the dispatcher had the time to look.
async fn no_finished_card_has_a_worker(core: &Core) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let left: Vec<(i64, u32)> = sqlx::query_as(
            "SELECT c.number, p.pid FROM kanban_process p JOIN kanban_card c ON c.id = p.card_id
              WHERE c.state IN ('done', 'archived')",
        )
        .fetch_all(core.store().reader())
        .await
        .unwrap();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "workers of finished cards: {left:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_dispatchers_run_a_thousand_cards_once_each() {
    let place = Place::new("echo $HERMES_KANBAN_TASK >> ../../runs.txt; echo done", 8);
    let core = place.core().await;
    let mut cards = Vec::new();
    for index in 0..1000 {
        cards.push(create(&core, &format!("card {index}")).await);
    }
    let mut dispatchers = Vec::new();
    for _ in 0..4 {
        let own = place.core().await;
        dispatchers.push((place.dispatch(&own), own));
    }
    let deadline = Instant::now() + Duration::from_secs(600);
    loop {
        let page = kanban::board_page(&core, "", &protocol::BoardView::default()).await.unwrap();
        let total = |state| page.columns.iter().find(|column| column.state == state).unwrap().total;
        if total(CardState::Done) == 1000 {
            break;
        }
        assert_eq!(total(CardState::Blocked), 0, "no run may fail");
        assert!(Instant::now() < deadline, "{:?}", page.columns.iter().map(|c| (c.state, c.total)).collect::<Vec<_>>());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    no_finished_card_has_a_worker(&core).await;
    for (tasks, _) in &dispatchers {
        tasks.shut_down().await;
    }
    let mut runs: HashMap<String, u32> = HashMap::new();
    for line in std::fs::read_to_string(place.path().join("runs.txt")).unwrap().lines() {
        *runs.entry(line.to_owned()).or_default() += 1;
    }
    assert_eq!(runs.len(), 1000);
    assert!(runs.values().all(|count| *count == 1), "every card ran exactly once");
    let told = "SELECT (SELECT count(*) FROM kanban_event WHERE kind = 'completed')
        || ' ' || (SELECT count(*) FROM kanban_event WHERE kind = 'claimed')
        || ' ' || (SELECT count(*) FROM kanban_run WHERE lease_until IS NOT NULL)";
    let told: String = sqlx::query_scalar(told).fetch_one(core.store().reader()).await.unwrap();
    assert_eq!(told, "1000 1000 0", "completed, claimed, leases that are left");
    check_invariants(&core).await;
    for card in &cards {
        assert_eq!(detail(&core, card).await.runs.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_worker_gives_its_card_back_with_the_reason_and_leaves_nothing_behind() {
    // The script starts a child that would outlive it.
    let place = Place::new("echo $PPID > worker; sleep 300 & echo $! > child; echo $$ > script; wait", 2);
    let core = place.core().await;
    let tasks = place.dispatch(&core);
    let card = create(&core, "doomed").await;
    let child = pid_in(&core, &card, "child").await;
    let worker = pid_in(&core, &card, "worker").await;
    let script = pid_in(&core, &card, "script").await;
    kill_hard(worker);
    let back = wait_until(&core, &card, "given back", |now| {
        !now.runs.is_empty() && now.runs.last().unwrap().ended_at.is_some()
    })
    .await;
    let first = back.runs.last().unwrap();
    assert_eq!(first.outcome, Some(RunOutcome::Crashed));
    assert!(first.error.as_deref().unwrap().contains("signal 9"), "{:?}", first.error);
    assert_eq!(back.card.failures, 1);
    assert!(back.last_error.unwrap().contains("signal 9"));
    gone(&[child, script], "what the worker started must end with it").await;
    kanban::delete_card(&core, &me(), CardRef::Id(card.id)).await.unwrap();
    tasks.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn taking_a_running_card_back_ends_its_worker() {
    let place = Place::new("echo $$ > script; trap '' TERM; while :; do sleep 0.1; done", 2);
    let core = place.core().await;
    let tasks = place.dispatch(&core);
    let card = create(&core, "stubborn").await;
    let script = pid_in(&core, &card, "script").await;
    kanban::complete_card(&core, &me(), CardRef::Id(card.id), "never mind").await.unwrap();
    gone(&[script], "SIGKILL follows SIGTERM").await;
    let done = detail(&core, &card).await;
    assert_eq!((done.card.state, done.runs[0].outcome), (CardState::Done, Some(RunOutcome::Reclaimed)));
    no_finished_card_has_a_worker(&core).await;
    tasks.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_leaves_its_worker_working_and_the_next_one_adopts_it() {
    let place = Place::new("echo $$ > script; while [ ! -e go ]; do sleep 0.05; done; echo finished", 1);
    let core = place.core().await;
    let mut server = place.serve();
    let card = create(&core, "survives").await;
    let script = pid_in(&core, &card, "script").await;
    server.kill_hard();
    assert!(is_alive(script), "the worker goes on");
    let second_card = create(&core, "waits for the slot").await;
    let at = Some(core.now_ms() + 1);
    let due = CreateCardParams { title: "due".into(), scheduled_at: at, ..CreateCardParams::default() };
    let due = kanban::create_card(&core, &me(), due).await.unwrap().card;
    let _second = place.serve();
    // It has looked around. The adopted run holds the only slot, so nothing else starts while it lives.
    wait_until(&core, &due, "released", |now| now.card.state != CardState::Scheduled).await;
    kanban::delete_card(&core, &me(), CardRef::Id(due.id)).await.unwrap();
    let adopted = detail(&core, &card).await;
    assert!(adopted.runs.len() == 1 && adopted.runs[0].ended_at.is_none(), "{adopted:#?}");
    assert_eq!(detail(&core, &second_card).await.card.state, CardState::Ready);
    std::fs::write(core.home().workspaces().join(format!("T-{}", card.number)).join("go"), "").unwrap();
    let done = wait_until(&core, &card, "done", |now| now.card.state == CardState::Done).await;
    assert_eq!(done.runs.len(), 1, "one run, adopted, never started twice");
    assert_eq!(done.runs[0].outcome, Some(RunOutcome::Completed));
    let next = pid_in(&core, &second_card, "script").await;
    assert_ne!(next, script);
    std::fs::write(core.home().workspaces().join(format!("T-{}", second_card.number)).join("go"), "").unwrap();
    wait_until(&core, &second_card, "done", |now| now.card.state == CardState::Done).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_adopted_worker_that_dies_is_noticed() {
    let place = Place::new("echo $PPID > worker; sleep 300", 1);
    let core = place.core().await;
    let mut server = place.serve();
    let card = create(&core, "orphan").await;
    let worker = pid_in(&core, &card, "worker").await;
    server.kill_hard();
    kill_hard(worker);
    let _second = place.serve();
    let back =
        wait_until(&core, &card, "given back", |now| now.runs.last().is_some_and(|run| run.ended_at.is_some())).await;
    assert_eq!(back.runs.last().unwrap().outcome, Some(RunOutcome::Crashed));
    kanban::delete_card(&core, &me(), CardRef::Id(card.id)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_power_goes() {
    let place = Place::new("true", 1);
    let core = place.core().await;
    let mut acknowledged = Vec::new();
    for round in 0..5 {
        for index in 0..40 {
            acknowledged.push(create(&core, &format!("card {round}-{index}")).await);
        }
        // What is on the disk at this moment, without the shared-memory index and without closing anything. Another
        // process copies, because opening the file in this one would drop its locks.
        let copy = tempfile::tempdir().unwrap();
        let copied = Command::new("sh")
            .args([
                "-c",
                "cp \"$0\"/hermes.db \"$0\"/hermes.db-wal \"$1\"/ && cp -r \"$0\"/config.yaml \"$0\"/profiles \"$1\"/",
            ])
            .args([place.path(), copy.path()])
            .status()
            .unwrap();
        assert!(copied.success());
        let reopened = Core::open(OpenOptions::new(Home::at(copy.path()))).await.unwrap();
        for card in &acknowledged {
            assert_eq!(detail(&reopened, card).await.card.title, card.title);
        }
        let audit = agent_core::audit::verify(&reopened).await.unwrap();
        assert!(matches!(audit, agent_core::audit::ChainState::Whole { .. }));
        reopened.close().await;
    }
}
