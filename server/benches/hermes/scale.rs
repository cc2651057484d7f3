//! What the board costs at 1,000, 10,000 and 100,000 cards, with ten events and 500 bytes of description each.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use agent_core::Core;
use agent_core::kanban;
use agent_core::kanban::worker;
use protocol::{BoardId, BoardView, CardRef, CardState, CardWritten, CreateCardParams, MoveCardParams, RunOutcome};
use sqlx::{Connection, SqliteConnection};

use crate::{deep, fresh, me, quantiles};

const ROUNDS: usize = 30;
/// Names the home of a process that only claims.
pub(crate) const CLAIMER: &str = "HERMES_BENCH_CLAIMER";
const CONFIG: &str = "kanban:\n  max_in_progress: 100000\n  default_assignee: script\n";

/// All sizes, a column each.
pub(crate) async fn run() {
    let mut memory = Vec::new();
    for count in [1_000_i64, 10_000, 100_000] {
        println!("\n{count} cards, 10 events and 500 B each");
        let (dir, core) = fresh(CONFIG).await;
        let board = seed(&core, count).await;
        reads(&core, board).await;
        flush(dir.path());
        writes(&core).await;
        nothing_can_run(&core).await;
        deep::run(&core, board).await;
        core.close().await;
        commands(dir.path());
        memory.push((count, served(dir.path()).await));
    }
    let (empty, core) = fresh(CONFIG).await;
    core.close().await;
    memory.insert(0, (0, served(empty.path()).await));
    println!();
    for (count, (kb, cpu)) in memory {
        let name = format!("server on {count} cards: memory, idle CPU");
        println!("  {name:<42} {:>9.1} MB {:>8.2} %", kb as f64 / 1024.0, cpu);
    }
    concurrent().await;
}

/// Writes the cards as rows: a sixth each in triage, todo, ready and review's neighbours, the rest done.
async fn seed(core: &Core, count: i64) -> BoardId {
    let board = kanban::board_page(core, "", &BoardView::default()).await.unwrap().board.id;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(core.home().database()).foreign_keys(true);
    let mut db = SqliteConnection::connect_with(&options).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    let cards = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
        INSERT INTO kanban_card (id, number, board_id, title, body, state, rank, priority, assignee, created_by,
                                 created_at, updated_at, state_at)
        SELECT unhex(printf('%032x', i)), i, ?2, printf('Card %d about topic%d', i, i % 997),
               printf('%.*c', 480, 'b') || printf(' word%d', i % 1009),
               CASE i % 6 WHEN 0 THEN 'triage' WHEN 1 THEN 'ready' ELSE 'done' END,
               printf('%016x', 9223372036854775808 / 2 + i), i % 3 - 1,
               CASE i % 4 WHEN 0 THEN 'coder' END, 'bench', ?3 + i, ?3 + i, ?3 + i FROM n";
    let now = core.now_ms() - 1_000_000;
    sqlx::query(cards).bind(count).bind(board.0).bind(now).execute(&mut *tx).await.unwrap();
    let events = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?1 * 10 - 1)
        INSERT INTO kanban_event (board_id, card_id, kind, actor, detail, at)
        SELECT ?2, unhex(printf('%032x', i % ?1 + 1)), 'edited', 'cli:bench', '{\"title\":\"x\"}', ?3 FROM n";
    sqlx::query(events).bind(count).bind(board.0).bind(now).execute(&mut *tx).await.unwrap();
    let labels = "INSERT INTO kanban_card_label (card_id, label, board_id)
        SELECT id, 'label' || (number % 20), board_id FROM kanban_card WHERE number % 5 = 0";
    sqlx::query(labels).execute(&mut *tx).await.unwrap();
    sqlx::query("UPDATE kanban_counter SET next_number = ?1 + 1").bind(count).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    // The disk has done with these before anything is timed.
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut db).await.unwrap();
    db.close().await.unwrap();
    assert!(std::process::Command::new("sync").status().unwrap().success());
    board
}

/// What every durable commit costs at least: a few pages written at the end of a file and flushed.
fn flush(home: &std::path::Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(home.join("flush")).unwrap();
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        file.write_all(&[0; 32 * 1024]).unwrap();
        file.sync_data().unwrap();
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    row("32 KB written and flushed by this disk", times, "part of each write below");
}

pub(crate) fn row(name: &str, times: Vec<f64>, note: &str) {
    let (median, p95) = quantiles(times);
    println!("  {name:<42} {median:>9.2} ms {p95:>9.2} ms  {note}");
}

pub(crate) async fn timed<T>(mut work: impl AsyncFnMut(usize) -> T) -> (Vec<f64>, T) {
    let mut times = Vec::new();
    let mut last = work(0).await; // once to warm up
    for round in 0..ROUNDS {
        let begun = Instant::now();
        last = work(round + 1).await;
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    (times, last)
}

fn gzip_kb(json: &[u8]) -> String {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(json).unwrap();
    let packed = encoder.finish().unwrap().len() as f64 / 1024.0;
    format!("{:.1} KB, {packed:.1} KB gzip", json.len() as f64 / 1024.0)
}

async fn reads(core: &Core, board: BoardId) {
    let view = BoardView::default();
    let (times, page) = timed(async |_| kanban::board_page(core, "", &view).await.unwrap()).await;
    row("first board page", times, &gzip_kb(&serde_json::to_vec(&page).unwrap()));
    let views = [
        ("… filtered by assignee", BoardView { assignees: vec!["coder".into()], ..view.clone() }),
        ("… filtered by label", BoardView { labels: vec!["label5".into()], ..view.clone() }),
        ("… filtered by words", BoardView { text: "topic42".into(), ..view.clone() }),
        ("… by priority", BoardView { sort: protocol::CardSort::Priority, ..view.clone() }),
    ];
    for (name, view) in views {
        let (times, _) = timed(async |_| kanban::board_page(core, "", &view).await.unwrap()).await;
        row(name, times, "");
    }
    let (times, found) = timed(async |_| kanban::list_cards(core, "", &view, None, 200).await.unwrap()).await;
    row("list of 200", times, &format!("{} cards", found.len()));
    let (times, found) = timed(async |_| kanban::search_cards(core, "topic500 card", None, 20).await.unwrap()).await;
    row("search, two words", times, &format!("{} cards", found.len()));
    let (times, found) = timed(async |_| kanban::search_cards(core, "card", None, 20).await.unwrap()).await;
    row("search, a word in every card", times, &format!("{} cards", found.len()));
    let card = kanban::card(core, CardRef::Number(6)).await.unwrap();
    let mut delta = Vec::new();
    let mut size = 0;
    for _ in 0..ROUNDS {
        let seq = kanban::last_seq(core).await.unwrap();
        let state = if kanban::card(core, CardRef::Id(card.id)).await.unwrap().state == CardState::Triage {
            CardState::Ready
        } else {
            CardState::Triage
        };
        let params = MoveCardParams { id: card.id, revision: None, to: state, after: None, before: None };
        kanban::move_card(core, &me(), params).await.unwrap();
        let begun = Instant::now();
        let changed = kanban::board_delta(core, board, seq).await.unwrap().unwrap();
        delta.push(begun.elapsed().as_secs_f64() * 1000.0);
        size = serde_json::to_vec(&changed).unwrap().len();
    }
    row("delta after one change", delta, &format!("{size} B"));
}

/// `hermes kanban list` as a person waits for it.
fn commands(home: &Path) {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let mut command = Command::new(crate::PROGRAM);
        let output = command.args(["kanban", "list"]).env("HERMES_HOME", home).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    row("hermes kanban list, with its process", times, "");
}

/// Memory in KB and idle CPU in percent of one core of a server on this home that nobody uses. Nothing can start.
async fn served(home: &Path) -> (u64, f64) {
    std::fs::write(home.join("config.yaml"), "kanban:\n  max_in_progress: 0\n").unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut server = Command::new(crate::PROGRAM)
        .args(["serve", "--addr", &format!("127.0.0.1:{port}")])
        .env("HERMES_HOME", home)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = server.id().to_string();
    // A measurement of idleness needs idle time: first what a start leaves behind, then five seconds of nothing.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = cpu_ticks(&pid);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let ticks = cpu_ticks(&pid) - before;
    let memory = resident_kb(&pid);
    server.kill().unwrap();
    server.wait().unwrap();
    // A tick is 10 ms on Linux (USER_HZ).
    (memory, ticks as f64 * 10.0 / 5_000.0 * 100.0)
}

fn cpu_ticks(pid: &str) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    number(11) + number(12)
}

/// A look of the dispatcher at a board on which every ready card waits for something else than a slot.
async fn nothing_can_run(core: &Core) {
    let until = core.now_ms() + 3_600_000;
    let mut tx = core.write().await.unwrap();
    let pause = "INSERT INTO kanban_profile_pause (profile, failure_key, error, paused_at, until)
        VALUES ('script', 'x', 'x', ?1, ?2)";
    sqlx::query(pause).bind(core.now_ms()).bind(until).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    let (times, none) = timed(async |_| kanban::claim_next(core, "bench").await.unwrap()).await;
    assert!(none.is_none());
    row("look, no ready card can run", times, "");
}

async fn writes(core: &Core) {
    let body = "b".repeat(500);
    let (times, _): (_, CardWritten) = timed(async |round| {
        let params = CreateCardParams {
            title: format!("new {round}"),
            body: body.clone(),
            triage: true,
            ..CreateCardParams::default()
        };
        kanban::create_card(core, &me(), params).await.unwrap()
    })
    .await;
    row("create", times, "");
    let mut claims = Vec::new();
    let (times, ()) = timed(async |_| {
        claims.push(kanban::claim_next(core, "bench").await.unwrap().unwrap());
    })
    .await;
    row("claim", times, "");
    let mut open = claims.clone().into_iter();
    let (times, ()) = timed(async |_| {
        let claim = open.next().unwrap();
        worker::complete(core, claim.ticket, "done", None).await.unwrap();
    })
    .await;
    row("complete", times, "");
    let (times, _) = timed(async |_| kanban::release_due(core).await.unwrap()).await;
    row("dispatcher sweep: what is due", times, "");
    let (times, _) = timed(async |_| kanban::reap(core).await.unwrap()).await;
    row("dispatcher sweep: what is left over", times, "");
    if let Some(claim) = kanban::claim_next(core, "bench").await.unwrap() {
        worker::fail(core, claim.ticket, RunOutcome::RateLimited, "", Some(60_000)).await.unwrap();
    }
}

/// Many callers at once: what group commit and batches are for.
async fn concurrent() {
    println!("\nmany at once");
    let (_dir, core) = fresh(CONFIG).await;
    let tasks = 32;
    let each = 64;
    let begun = Instant::now();
    let mut running = Vec::new();
    for task in 0..tasks {
        let core = core.clone();
        running.push(tokio::spawn(async move {
            for index in 0..each {
                let params = CreateCardParams {
                    title: format!("card {task}/{index}"),
                    body: "b".repeat(500),
                    ..CreateCardParams::default()
                };
                kanban::create_card(&core, &me(), params).await.unwrap();
            }
        }));
    }
    for task in running {
        task.await.unwrap();
    }
    let rate = f64::from(tasks * each) / begun.elapsed().as_secs_f64();
    println!("  {:<42} {rate:>9.0} /s", "create, 32 callers, durable");
    let home = core.home().root().to_path_buf();
    let claimers: Vec<_> = (0..4)
        .map(|_| {
            let mut claimer = Command::new(std::env::current_exe().unwrap());
            claimer.env(CLAIMER, &home).stdout(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let mut claimed = 0;
    let mut busy = 0.0_f64;
    for claimer in claimers {
        let output = claimer.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let mut words = text.split_whitespace();
        claimed += words.next().unwrap().parse::<usize>().unwrap();
        busy = busy.max(words.next().unwrap().parse().unwrap());
    }
    assert_eq!(claimed, usize::try_from(tasks * each).unwrap(), "each card exactly once");
    let rate = claimed as f64 / busy;
    println!("  {:<42} {rate:>9.0} /s  {claimed} cards, none twice", "claim, 4 processes");
    let whole: String = {
        let mut tx = core.write().await.unwrap();
        sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut *tx).await.unwrap()
    };
    println!("  {:<42} {whole:>9}", "database afterwards");
}

/// What a claiming process does: everything there is, in batches as the dispatcher does it. Prints how many and how
/// long it took from its first look, so that starting processes is not part of the rate.
pub(crate) async fn claim_all(home: agent_core::Home) {
    let core = Core::open(agent_core::OpenOptions::new(home)).await.unwrap();
    let owner = format!("bench {}", std::process::id());
    let begun = Instant::now();
    let mut claimed = 0_usize;
    loop {
        let claims = kanban::claim_ready(&core, &owner, 16).await.unwrap();
        if claims.is_empty() {
            break;
        }
        claimed += claims.len();
    }
    let seconds = begun.elapsed().as_secs_f64();
    core.close().await;
    println!("{claimed} {seconds}");
}

fn resident_kb(pid: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).unwrap_or(0)
}
