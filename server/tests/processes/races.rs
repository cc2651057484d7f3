//! Many processes on one home at once.

use std::process::{Command, Stdio};

use protocol::{CardState, CardWritten, RunOutcome};

use super::{PROGRAM, Place, create, no_finished_card_has_a_worker, wait_until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_open_a_fresh_home_at_once_make_one_database_and_one_card_of_one_key() {
    for round in 0..3 {
        let place = Place::new("true", 1);
        let children: Vec<_> = (0..12)
            .map(|index| {
                Command::new(PROGRAM)
                    .args(["kanban", "create", &format!("try {index}"), "--idempotency-key", "same", "--json"])
                    .env("HERMES_HOME", place.path())
                    .env_remove("HERMES_KANBAN_RUN_ID")
                    .env_remove("HERMES_KANBAN_FENCE")
                    .stdin(Stdio::null())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap()
            })
            .collect();
        let mut ids = Vec::new();
        for child in children {
            let output = child.wait_with_output().unwrap();
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "round {round}: {told}");
            let written: CardWritten = serde_json::from_slice(&output.stdout).unwrap();
            ids.push((written.card.id, written.card.title));
        }
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 1, "round {round}: {ids:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_workers_beat_and_complete_by_the_command_line_with_one_run_each() {
    let script = r#"echo "begin $HERMES_KANBAN_TASK"
for beat in 1 2 3; do hermes kanban heartbeat --json > /dev/null || exit 9; done
hermes kanban complete --summary "did $HERMES_KANBAN_TASK" --metadata '{"beats": 3}' --json > /dev/null || exit 8
echo "end $HERMES_KANBAN_TASK""#;
    let place = Place::new(script, 3);
    let core = place.core().await;
    let tasks = place.dispatch(&core);
    let mut cards = Vec::new();
    for index in 0..3 {
        cards.push(create(&core, &format!("card {index}")).await);
    }
    for card in &cards {
        let done = wait_until(&core, card, "done", |now| now.card.state == CardState::Done).await;
        let said = format!("did T-{}", card.number);
        assert_eq!((done.runs.len(), done.runs[0].outcome), (1, Some(RunOutcome::Completed)));
        assert_eq!(done.runs[0].summary.as_deref(), Some(said.as_str()));
        let metadata: String = sqlx::query_scalar("SELECT metadata FROM kanban_run WHERE card_id = ?1")
            .bind(card.id.0.as_bytes().as_slice())
            .fetch_one(core.store().reader())
            .await
            .unwrap();
        assert_eq!(metadata, "{\"beats\":3}");
    }
    no_finished_card_has_a_worker(&core).await;
    for card in &cards {
        let log = std::fs::read_to_string(core.home().logs().join(format!("{}-1.log", card.number))).unwrap();
        assert_eq!(log, format!("begin T-{0}\nend T-{0}\n", card.number));
    }
    tasks.shut_down().await;
}
