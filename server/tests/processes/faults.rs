//! Workers that hang, do not listen or speak too late, and servers that die in the middle of starting them.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use agent_core::kanban;
use protocol::{CardRef, CardState, MoveCardParams, RunOutcome, TaskCard, WaitReason};

use super::{
    Place, check_invariants, create, detail, gone, is_alive, kill_hard, me, no_finished_card_has_a_worker, pid_in,
    wait_until,
};

fn signal(name: &str, pid: u32) {
    assert!(std::process::Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
}

fn workspace(place: &Place, card: &TaskCard) -> PathBuf {
    place.path().join(format!("workspaces/T-{}", card.number))
}

/// What a script wrote there, once it has.
async fn written(path: &Path) -> String {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        match std::fs::read_to_string(path) {
            Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
            _ => assert!(Instant::now() < deadline, "{} was never written", path.display()),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Tells when an earlier process of the card still lives; one that has ended and was not waited for does not.
const ALONE: &str = r#"
for pid in $(cat pids 2> /dev/null); do case $(ps -o stat= -p "$pid") in ''|Z*) ;; *) echo "$pid" >> both ;; esac; done
echo $$ >> pids
"#;

/// Waits on its first run, and speaks when it may go on.
const LATE: &str = r#"
trap '' TERM
if [ -e first ]; then echo second; exit 0; fi
touch first
echo $PPID > worker; echo $$ > script
while [ ! -e go ]; do sleep 0.05; done
hermes kanban complete --summary late > said 2>&1
echo $? > code
while :; do sleep 0.1; done
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_worker_loses_its_card_and_what_it_says_when_it_goes_on_is_refused() {
    let place = Place::with_config(&format!("{ALONE}{LATE}"), 2, "  claim_ttl_seconds: 3\n  failure_limit: 9\n");
    let core = place.core().await;
    let tasks = place.dispatch(&core);
    let card = create(&core, "hangs").await;
    let (worker, script) = (pid_in(&core, &card, "worker").await, pid_in(&core, &card, "script").await);
    signal("-STOP", script);
    signal("-STOP", worker);
    let lost = |now: &protocol::CardDetail| now.runs.last().is_some_and(|run| run.ended_at.is_some());
    let now = wait_until(&core, &card, "taken back", lost).await;
    assert_eq!(now.runs.last().unwrap().outcome, Some(RunOutcome::Lost));
    // Nobody ends it for now, so that it can speak.
    tasks.shut_down().await;
    assert!(is_alive(worker) && is_alive(script));
    std::fs::write(workspace(&place, &card).join("go"), "").unwrap();
    signal("-CONT", script);
    assert_eq!(written(&workspace(&place, &card).join("code")).await, "1");
    let said = written(&workspace(&place, &card).join("said")).await;
    assert!(said.contains("no longer owns its card"), "{said}");
    let now = detail(&core, &card).await;
    assert_eq!((now.card.state, now.runs.len(), now.summary_html), (CardState::Ready, 1, None));
    let held = |wait: Option<WaitReason>| {
        matches!(wait, Some(WaitReason::EarlierWorker | WaitReason::BackingOff { .. })) // the pause may not be over
    };
    assert!(held(kanban::card(&core, CardRef::Id(card.id)).await.unwrap().wait));
    assert!(kanban::claim_next(&core, "test").await.unwrap().is_none(), "never two live workers");

    let tasks = place.dispatch(&core);
    let done = wait_until(&core, &card, "done", |now| now.card.state == CardState::Done).await;
    let ends: Vec<_> = done.runs.iter().rev().map(|run| run.outcome).collect();
    assert_eq!(ends, [Some(RunOutcome::Lost), Some(RunOutcome::Completed)]);
    assert!(!is_alive(worker) && !is_alive(script), "the second started when the first was gone");
    assert!(!workspace(&place, &card).join("both").exists());
    check_invariants(&core).await;
    no_finished_card_has_a_worker(&core).await;
    tasks.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_hears_nothing_is_killed_with_everything_in_its_session() {
    let script = "trap '' TERM; sh -c 'trap \"\" TERM; echo $$ > child; while :; do sleep 0.1; done' & \
                  echo $PPID > worker; echo $$ > script; while :; do sleep 0.1; done";
    let place = Place::new(script, 2);
    let core = place.core().await;
    let tasks = place.dispatch(&core);
    let card = create(&core, "deaf").await;
    let mut pids = Vec::new();
    for name in ["worker", "script", "child"] {
        pids.push(pid_in(&core, &card, name).await);
    }
    // A stopped process hears SIGTERM no more than one that ignores it.
    signal("-STOP", pids[0]);
    let next = create(&core, "next").await;
    let other = pid_in(&core, &next, "script").await;
    let away = MoveCardParams { id: card.id, revision: None, to: CardState::Archived, after: None, before: None };
    kanban::move_card(&core, &me(), away).await.unwrap();
    gone(&pids, "SIGKILL reaches the whole session").await;
    assert!(is_alive(other), "and nobody else's");
    kanban::delete_card(&core, &me(), CardRef::Id(next.id)).await.unwrap();
    gone(&[other], "a deleted card's worker ends").await;
    check_invariants(&core).await;
    no_finished_card_has_a_worker(&core).await;
    tasks.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_while_it_starts_workers_loses_no_card_and_starts_none_twice() {
    const CARDS: usize = 40;
    let script = "echo $HERMES_KANBAN_TASK >> ../../runs.txt; echo done";
    let place = Place::with_config(script, 3, "  start_ttl_seconds: 3\n  failure_limit: 99\n");
    let core = place.core().await;
    let mut cards = Vec::new();
    for index in 0..CARDS {
        cards.push(create(&core, &format!("card {index}")).await);
    }
    let claimed = async || -> i64 {
        let sql = "SELECT count(*) FROM kanban_event WHERE kind = 'claimed'";
        sqlx::query_scalar(sql).fetch_one(core.store().reader()).await.unwrap()
    };
    for _ in 0..4 {
        let before = claimed().await;
        let mut server = place.serve();
        // In the middle of it: some are claimed now that were not.
        let deadline = Instant::now() + Duration::from_secs(60);
        while claimed().await == before {
            assert!(Instant::now() < deadline, "the server starts nothing");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        server.kill_hard();
    }
    let _last = place.serve();
    for card in &cards {
        let done = wait_until(&core, card, "done", |now| now.card.state == CardState::Done).await;
        let completed = done.runs.iter().filter(|run| run.outcome == Some(RunOutcome::Completed)).count();
        assert_eq!(completed, 1, "{:?}", done.runs);
    }
    let runs = std::fs::read_to_string(place.path().join("runs.txt")).unwrap();
    let mut ran: Vec<&str> = runs.lines().collect();
    ran.sort_unstable();
    ran.dedup();
    assert_eq!((ran.len(), runs.lines().count()), (CARDS, CARDS), "each exactly once");
    check_invariants(&core).await;
    no_finished_card_has_a_worker(&core).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_is_gone_is_a_start_that_failed_and_asks_after_the_second() {
    let place = Place::new("echo ran > ../../ran.txt", 2);
    let core = place.core().await;
    let dir = tempfile::tempdir().unwrap();
    let params = protocol::CreateCardParams {
        title: "works elsewhere".into(),
        workspace: protocol::WorkspaceKind::Dir,
        workspace_path: Some(dir.path().to_string_lossy().into_owned()),
        ..protocol::CreateCardParams::default()
    };
    let card = kanban::create_card(&core, &me(), params).await.unwrap().card;
    drop(dir);
    let tasks = place.dispatch(&core);
    let stopped = wait_until(&core, &card, "stopped", |now| now.card.state == CardState::Blocked).await;
    let ends: Vec<_> = stopped.runs.iter().map(|run| run.outcome).collect();
    assert_eq!(ends, [Some(RunOutcome::SpawnFailed); 2], "{:#?}", stopped.runs);
    assert!(stopped.last_error.unwrap().contains("is gone") && stopped.card.failures == 2);
    assert_eq!(stopped.decision.unwrap().kind, protocol::DecisionKind::Failed);
    // The dispatcher goes on.
    let fine = create(&core, "fine").await;
    wait_until(&core, &fine, "done", |now| now.card.state == CardState::Done).await;
    assert!(place.path().join("ran.txt").exists());
    check_invariants(&core).await;
    no_finished_card_has_a_worker(&core).await;
    tasks.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_killed_again_and_again_ends_at_a_person_and_never_runs_beside_its_successor() {
    let script = format!("{ALONE}echo $PPID > worker-$(($(wc -l < pids))); sleep 300");
    let place = Place::with_config(&script, 1, "  failure_limit: 3\n");
    let core = place.core().await;
    let tasks = place.dispatch(&core);
    let card = create(&core, "doomed").await;
    for attempt in 1..=3 {
        let worker = pid_in(&core, &card, &format!("worker-{attempt}")).await;
        kill_hard(worker);
        wait_until(&core, &card, "taken back", |now| now.card.failures == attempt).await;
    }
    let stopped = wait_until(&core, &card, "stopped", |now| now.card.state == CardState::Blocked).await;
    assert!(stopped.runs.iter().all(|run| run.outcome == Some(RunOutcome::Crashed)) && stopped.runs.len() == 3);
    assert!(stopped.decision.unwrap().ask.contains("3 failures in a row"));
    assert!(!workspace(&place, &card).join("both").exists());
    kanban::delete_card(&core, &me(), CardRef::Id(card.id)).await.unwrap();
    check_invariants(&core).await;
    no_finished_card_has_a_worker(&core).await;
    tasks.shut_down().await;
}
