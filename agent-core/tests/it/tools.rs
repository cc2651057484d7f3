//! Tools on a real workspace: real commands, real files, real processes that try to get away.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use agent_core::kanban::{self, worker as board};
use agent_core::llm::Redactor;
use agent_core::process::identity_of;
use agent_core::tools::{ToolContext, ToolOutcome, ToolSet, ToolStatus};
use agent_core::worker::{Activity, Control, StopReason};
use protocol::{CardRef, CardState, RunEventKind, TaskCard};
use serde_json::{Value, json};

use crate::support::World;

const KEY: &str = "topsecret-0123456789";

struct Bench {
    world: World,
    card: TaskCard,
    workspace: PathBuf,
    cx: ToolContext,
    activity: Activity,
    control: Control,
}

impl Bench {
    async fn new() -> Self {
        let world = World::new().await;
        std::fs::write(world.dir.path().join(".env"), format!("KEY={KEY}\n")).unwrap();
        let card = world.create("work").await;
        let claim = world.claim().await;
        let own = agent_core::process::own_identity().unwrap();
        let assignment = board::start(&world.core, claim.ticket, own.pid, own.started).await.unwrap();
        let control = Control::default();
        let redactor = Redactor::of(&world.core).unwrap();
        let activity = Activity::start(world.core.clone(), claim.ticket, redactor.clone(), control.clone());
        let cx = ToolContext::new(world.core.clone(), &assignment, redactor, activity.clone(), control.clone());
        Self { card, workspace: assignment.workspace, cx, activity, control, world }
    }

    async fn run(&self, name: &str, arguments: Value) -> ToolOutcome {
        ToolSet::for_worker().run(&self.cx, name, &arguments.to_string()).await
    }

    async fn terminal(&self, command: &str) -> ToolOutcome {
        self.run("terminal", json!({ "command": command })).await
    }

    async fn output(&self) -> String {
        self.activity.flush().await;
        let detail = kanban::card_detail(&self.world.core, CardRef::Id(self.card.id)).await.unwrap();
        let events = detail.activity.into_iter().filter(|event| event.kind == RunEventKind::Output);
        events.map(|event| event.detail).collect()
    }

    async fn pid_in(&self, file: &str) -> u32 {
        let path = self.workspace.join(file);
        crate::eventually(|| async { std::fs::read_to_string(&path).is_ok_and(|text| text.ends_with('\n')) }).await;
        std::fs::read_to_string(path).unwrap().trim().parse().unwrap()
    }
}

#[tokio::test]
async fn commands_run_in_the_workspace_with_a_clean_environment() {
    let bench = Bench::new().await;
    let outcome = bench.terminal("pwd; env | cut -d= -f1 | sort").await;
    assert_eq!(outcome.status, ToolStatus::Done);
    let mut lines = outcome.text.lines();
    assert_eq!(lines.next().map(PathBuf::from), Some(bench.workspace.clone()));
    let allowed = [
        "ALL_PROXY",
        "HERMES_HOME",
        "HERMES_KANBAN_BOARD",
        "HERMES_KANBAN_CALL",
        "HERMES_KANBAN_RUN_ID",
        "HERMES_KANBAN_TASK",
        "HOME",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "LOGNAME",
        "NO_PROXY",
        "OLDPWD",
        "PATH",
        "PWD",
        "SHLVL",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "TERM",
        "TMPDIR",
        "TZ",
        "USER",
        "_",
    ];
    for name in lines.take_while(|line| !line.starts_with('[')) {
        assert!(allowed.contains(&name.to_uppercase().as_str()), "{name} leaks into commands");
    }
    let failed = bench.terminal("echo no; exit 3").await;
    assert_eq!(failed.status, ToolStatus::Failed);
    assert!(failed.text.contains("no\n[exit code 3"), "{}", failed.text);
    assert!(bench.terminal("true").await.text.contains("no output"));
    assert!(bench.terminal("kill -KILL $$").await.text.contains("signal 9"));
    assert!(bench.terminal("cat").await.text.contains("exit code 0"), "there is no input to wait for");
}

#[tokio::test]
async fn output_is_bounded_clean_and_without_keys() {
    let bench = Bench::new().await;
    let outcome = bench.terminal("echo start; seq 1 200000; printf '\\033[31mred\\033[0m end\\n'").await;
    assert!(outcome.text.len() <= 16 * 1024);
    assert!(
        outcome.text.starts_with("start\n1\n2\n")
            && outcome.text.contains("left out")
            && outcome.text.contains("red end\n[exit"),
        "{}",
        &outcome.text[16_000..]
    );
    assert!(bench.output().await.len() < 400 * 1024);

    let outcome =
        bench.terminal(&format!("printf topsec; sleep 0.3; printf 'ret-0123456789\\n'; echo {KEY} >&2")).await;
    assert!(outcome.text.starts_with("[secret]\n[secret]\n"), "{}", outcome.text);
    assert!(!bench.output().await.contains("ret-0123456789"));
}

#[tokio::test]
async fn output_is_shown_while_the_command_runs() {
    let bench = Bench::new().await;
    let go = bench.workspace.join("go");
    let command = "echo first; while [ ! -e go ]; do sleep 0.02; done; echo second";
    let run = bench.terminal(command);
    let watch = async {
        crate::eventually(|| async { bench.output().await.contains("first") }).await;
        assert!(!bench.output().await.contains("second"));
        std::fs::write(&go, "").unwrap();
    };
    let (outcome, ()) = tokio::join!(run, watch);
    assert_eq!(outcome.status, ToolStatus::Done);
    assert_eq!(bench.output().await, "first\nsecond\n");
}

#[tokio::test]
async fn a_command_that_takes_too_long_ends_with_its_whole_tree() {
    let bench = Bench::new().await;
    // One child, one that left its session, one that ignores the polite signal.
    let command = "sh -c 'echo $$ > a; sleep 300' & setsid sh -c 'echo $$ > b; sleep 300' & \
        sh -c 'trap \"\" TERM; echo $$ > c; while :; do sleep 1; done' & wait";
    let started = Instant::now();
    let outcome = bench.run("terminal", json!({ "command": command, "timeout": 1 })).await;
    assert_eq!(outcome.status, ToolStatus::Failed);
    assert!(outcome.text.contains("time limit of 1 s"), "{}", outcome.text);
    assert!(started.elapsed() < Duration::from_secs(8));
    for file in ["a", "b", "c"] {
        assert_eq!(identity_of(bench.pid_in(file).await).unwrap(), None, "{file} is still running");
    }
}

#[tokio::test]
async fn what_is_left_in_the_background_ends_with_its_command() {
    let bench = Bench::new().await;
    let outcome = bench
        .terminal(
            "(setsid sh -c 'echo $$ > pid; exec sleep 300' &) ; while [ ! -s pid ]; do sleep 0.01; done; echo started",
        )
        .await;
    assert_eq!(outcome.status, ToolStatus::Done, "{}", outcome.text);
    assert_eq!(identity_of(bench.pid_in("pid").await).unwrap(), None);
}

#[tokio::test]
async fn a_stopped_run_stops_its_command() {
    let bench = Bench::new().await;
    let stop = async {
        bench.pid_in("pid").await;
        bench.control.stop(StopReason::Asked);
    };
    let (outcome, ()) = tokio::join!(bench.terminal("echo $$ > pid; sleep 300"), stop);
    assert!(outcome.text.contains("run was stopped"), "{}", outcome.text);
    assert_eq!(identity_of(bench.pid_in("pid").await).unwrap(), None);
}

#[tokio::test]
async fn files_are_read_a_page_at_a_time() {
    let bench = Bench::new().await;
    let lines: String = (1..=1000).map(|n| format!("line {n}\n")).collect();
    std::fs::write(bench.workspace.join("long.txt"), lines).unwrap();
    std::fs::write(bench.workspace.join("binary"), [b'a', 0, b'b']).unwrap();
    std::fs::write(bench.workspace.join("wide"), "x".repeat(100_000)).unwrap();
    std::fs::write(bench.workspace.join("empty"), "").unwrap();
    let read = |arguments: Value| bench.run("read_file", arguments);

    let first = read(json!({ "path": "long.txt" })).await.text;
    assert!(first.starts_with("    1  line 1\n") && first.ends_with("go on with offset 401]"), "{first}");
    let page = read(json!({ "path": "long.txt", "offset": 999, "limit": 50 })).await.text;
    assert_eq!(page, "  999  line 999\n 1000  line 1000\n");
    assert!(read(json!({ "path": "long.txt", "offset": 2000 })).await.text.contains("ends before line 2000"));
    assert!(read(json!({ "path": "empty" })).await.text.contains("empty"));
    assert!(read(json!({ "path": "wide" })).await.text.contains("line cut here"));
    for (path, why) in [("binary", "not text"), (".", "directory"), ("missing", "cannot open")] {
        let outcome = read(json!({ "path": path })).await;
        assert_eq!(outcome.status, ToolStatus::Failed, "{path}");
        assert!(outcome.text.contains(why), "{path}: {}", outcome.text);
    }
    let fifo = bench.workspace.join("fifo");
    bench.terminal("mkfifo fifo").await;
    assert!(fifo.exists());
    assert!(read(json!({ "path": "fifo" })).await.text.contains("no ordinary file"), "it must not wait for a writer");
}

#[tokio::test]
async fn private_files_are_neither_read_nor_written() {
    let bench = Bench::new().await;
    let home = bench.world.dir.path();
    std::fs::write(home.join("keys/vapid"), "k").unwrap();
    std::os::unix::fs::symlink(home.join(".env"), bench.workspace.join("innocent")).unwrap();
    std::os::unix::fs::symlink("/etc", bench.workspace.join("etc")).unwrap();
    std::os::unix::fs::symlink(home.join("new-file"), bench.workspace.join("dangling")).unwrap();
    let absolute = home.join("hermes.db").to_string_lossy().into_owned();
    for path in [
        "../../.env",
        "innocent",
        "../../keys/vapid",
        "../../config.yaml",
        &absolute,
        "/etc/shadow",
        "/proc/self/environ",
    ] {
        let outcome = bench.run("read_file", json!({ "path": path })).await;
        assert_eq!(outcome.status, ToolStatus::Refused, "{path}: {}", outcome.text);
    }
    for path in ["../../.env", "innocent", "etc/x", "dangling", "../x", "/tmp/x", "/etc/passwd", ".", "a/../../y"] {
        let outcome = bench.run("write_file", json!({ "path": path, "content": "x" })).await;
        assert_eq!(outcome.status, ToolStatus::Refused, "{path}: {}", outcome.text);
    }
    assert!(std::fs::read_to_string(home.join(".env")).unwrap().contains(KEY));
    assert!(!home.join("new-file").exists());
}

#[tokio::test]
async fn files_are_written_whole_and_keep_their_rights() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new().await;
    let write = |path: &'static str, content: &'static str| {
        bench.run("write_file", json!({ "path": path, "content": content }))
    };
    assert_eq!(write("a/b/c.sh", "#!/bin/sh\n").await.status, ToolStatus::Done);
    let path = bench.workspace.join("a/b/c.sh");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(write("a/b/c.sh", "#!/bin/sh\necho 字\n").await.status, ToolStatus::Done);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "#!/bin/sh\necho 字\n");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o755);
    assert_eq!(write("a/b", "x").await.status, ToolStatus::Failed);
    assert_eq!(write("a/b/c.sh/d", "x").await.status, ToolStatus::Failed);
    assert_eq!(std::fs::read_dir(bench.workspace.join("a/b")).unwrap().count(), 1, "nothing half-written is left");
}

#[tokio::test]
async fn wrong_calls_are_answered_not_crashed() {
    let bench = Bench::new().await;
    let tools = ToolSet::for_worker();
    for (name, arguments, why) in [
        ("nothing", "{}", "there is no tool"),
        ("terminal", "{\"command\":", "not valid JSON"),
        ("terminal", "[]", "one JSON object"),
        ("terminal", "", "wrong arguments: \"command\" is missing; nothing"),
        ("terminal", "{\"command\":7}", "\"command\" is 7, but must be text"),
        ("kanban_block", "{\"reason\":\"x\",\"kind\":\"whim\"}", "\"kind\" is \"whim\", but must be one of review"),
        ("kanban_show", "{\"task_id\":\"T-99999\"}", "T-99999"),
        ("kanban_complete", "{\"summary\":\"  \"}", "summary"),
    ] {
        let outcome = tools.run(&bench.cx, name, arguments).await;
        assert_eq!(outcome.status, ToolStatus::Failed, "{name} {arguments}");
        assert!(outcome.text.contains(why), "{name} {arguments}: {}", outcome.text);
    }
    assert_eq!(bench.world.state(&bench.card).await, CardState::Running);
}

#[tokio::test]
async fn the_card_is_shown_commented_and_finished() {
    let bench = Bench::new().await;
    let other = bench.world.create("another").await;
    let shown = bench.run("kanban_show", json!({})).await;
    assert!(shown.text.contains("work"), "{}", shown.text);
    let named = format!("T-{}", other.number);
    assert!(bench.run("kanban_show", json!({ "task_id": named })).await.text.contains("another"));
    assert_eq!(bench.run("kanban_comment", json!({ "body": "half way" })).await.status, ToolStatus::Done);
    assert_eq!(
        bench.run("kanban_comment", json!({ "task_id": named, "body": "see there" })).await.status,
        ToolStatus::Done
    );
    assert_eq!(bench.run("kanban_heartbeat", json!({ "note": "still here" })).await.status, ToolStatus::Done);
    assert_eq!(bench.world.card(&other).await.comments, 1);
    for (tool, arguments) in [
        ("kanban_complete", json!({ "summary": "done", "task_id": named })),
        ("kanban_block", json!({ "reason": "why", "task_id": named })),
        ("kanban_attach", json!({ "path": "a.txt", "task_id": named })),
    ] {
        let outcome = bench.run(tool, arguments).await;
        assert!(outcome.status == ToolStatus::Failed && outcome.text.contains("your own card"), "{}", outcome.text);
    }
    assert_eq!(bench.world.state(&bench.card).await, CardState::Running);
    let outcome = bench
        .run(
            "kanban_complete",
            json!({ "task_id": format!("T-{}", bench.card.number),
        "summary": "done", "metadata": { "files": ["a"] } }),
        )
        .await;
    assert_eq!(outcome.status, ToolStatus::HandedOver);
    assert_eq!(bench.world.state(&bench.card).await, CardState::Done);
    let late = bench.run("kanban_comment", json!({ "body": "too late" })).await;
    assert_eq!(late.status, ToolStatus::Failed);
    assert!(matches!(bench.control.reason(), Some(StopReason::Fenced(_))));
}

#[tokio::test]
async fn a_list_that_is_cut_says_so_and_a_key_that_was_used_says_what_it_made() {
    let bench = Bench::new().await;
    for index in 0..200 {
        bench.world.create(&format!("other {index}")).await;
    }
    let all = bench.run("kanban_list", json!({ "limit": 200 })).await;
    assert_eq!(all.text.matches("T-").count(), 200, "{}", all.text);
    assert!(all.text.contains("There are more"), "with its own card there are 201");
    let ready = bench.run("kanban_list", json!({ "limit": 200, "status": "ready" })).await;
    assert!(!ready.text.contains("There are more"));
    let part = json!({ "title": "part", "triage": true, "idempotency_key": "k" });
    assert_eq!(bench.run("kanban_create", part.clone()).await.text, "T-202 is triage: part");
    let again = bench.run("kanban_create", part).await.text;
    assert!(again.starts_with("T-202 exists already") && again.ends_with("It is triage: part"), "{again}");
}

#[tokio::test]
async fn cards_are_made_with_a_gate_or_a_start_and_found_by_tenant_and_parent() {
    let bench = Bench::new().await;
    let core = &bench.world.core;
    let own = format!("T-{}", bench.card.number);
    let gate = json!({ "title": "gate", "body": "May I?", "initial_status": "blocked", "tenant": "acme" });
    assert_eq!(bench.run("kanban_create", gate).await.text, "T-2 is blocked: gate");
    let asked = kanban::card(core, CardRef::Number(2)).await.unwrap().ask.expect("it asks a person");
    assert_eq!(asked.ask, "May I?");
    let later = json!({ "title": "later", "start_at": "2h", "parents": [own] });
    assert_eq!(bench.run("kanban_create", later).await.text, "T-3 is scheduled: later");
    let detail = kanban::card_detail(core, CardRef::Number(3)).await.unwrap();
    assert_eq!(detail.settings.scheduled_at, Some(core.now_ms() + 7_200_000));
    let waits = json!({ "title": "waits", "parents": [own], "initial_status": "ready" });
    assert_eq!(bench.run("kanban_create", waits).await.text, "T-4 is todo: waits");
    for (arguments, why) in [
        (json!({ "title": "x", "triage": true, "start_at": "1h" }), "choose one"),
        (json!({ "title": "x", "initial_status": "triage" }), "\"initial_status\" is \"triage\""),
        (json!({ "title": "x", "start_at": "2020-01-01T00:00Z" }), "is past"),
        (json!({ "title": "x", "start_at": "soon" }), "is no time"),
        (json!({ "title": "x", "scheduled_at": 5 }), "scheduled_at"),
    ] {
        let outcome = bench.run("kanban_create", arguments).await;
        assert!(outcome.status == ToolStatus::Failed && outcome.text.contains(why), "{why}: {}", outcome.text);
    }
    let list = async |arguments: Value| bench.run("kanban_list", arguments).await;
    assert_eq!(list(json!({ "tenant": "acme" })).await.text.trim_end(), "T-2 [blocked] -: gate (tenant acme)");
    let below = list(json!({ "parent": own })).await.text;
    assert_eq!(below.lines().count(), 2, "{below}");
    assert!(below.contains("T-4 [todo] -: waits (after T-1; waits for T-1)"), "{below}");
    assert!(below.contains("T-3 [scheduled] -: later (after T-1)"), "{below}");
    let unknown = list(json!({ "parent": "T-99" })).await;
    assert!(unknown.status == ToolStatus::Failed && unknown.text.contains("T-99"), "{}", unknown.text);
    let unknown = list(json!({ "state": "ready" })).await;
    assert!(unknown.status == ToolStatus::Failed && unknown.text.contains("state"), "{}", unknown.text);
}

#[tokio::test]
async fn a_card_that_is_shown_says_what_happened_last() {
    let bench = Bench::new().await;
    bench.run("kanban_comment", json!({ "body": "half way" })).await;
    let shown: Value = serde_json::from_str(&bench.run("kanban_show", json!({})).await.text).unwrap();
    let events = shown["events"].as_array().unwrap();
    let kinds: Vec<&str> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["created", "claimed", "started", "commented"], "oldest first");
    assert_eq!(events[3]["by"], "runner");
}
