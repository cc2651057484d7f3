//! Whole runs of the `command` executor.

use std::time::Duration;

use agent_core::kanban::{self, Claim};
use agent_core::process::identity_of;
use agent_core::worker;
use protocol::{CardDetail, CardRef, CardState, CreateCardParams, RunEventKind, RunOutcome, TaskCard};

use crate::support::World;

struct CommandWorld {
    world: World,
    card: TaskCard,
    claim: Claim,
}

impl CommandWorld {
    async fn new(script: &str) -> Self {
        Self::with(&["sh", "-c", script]).await
    }

    async fn with(command: &[&str]) -> Self {
        let world = World::new().await;
        let profile = serde_json::json!({ "executor": "command", "command": command });
        std::fs::write(world.dir.path().join("profiles/runner/config.yaml"), profile.to_string()).unwrap();
        std::fs::write(world.dir.path().join(".env"), "KEY=topsecret-0123456789\n").unwrap();
        let params =
            CreateCardParams { title: "Build it".into(), body: "With care.".into(), ..CreateCardParams::default() };
        let card = world.create_with(params).await;
        let claim = world.claim().await;
        Self { world, card, claim }
    }

    async fn run(&self) -> String {
        let run = worker::run(self.world.core.clone(), self.claim.ticket);
        let code = tokio::time::timeout(Duration::from_secs(60), run).await.expect("the worker ends");
        self.world.check_invariants().await;
        format!("{code:?}").chars().filter(char::is_ascii_digit).collect()
    }

    async fn detail(&self) -> CardDetail {
        kanban::card_detail(&self.world.core, CardRef::Id(self.card.id)).await.unwrap()
    }

    async fn output(&self) -> String {
        let events = self.detail().await.activity.into_iter();
        events.filter(|event| event.kind == RunEventKind::Output).map(|event| event.detail).collect()
    }
}

#[tokio::test]
async fn a_program_gets_the_card_and_its_last_words_are_the_result() {
    let commands = CommandWorld::new(
        "cat > stdin.json; cp \"$HERMES_TASK_FILE\" file.json; env > env.txt; printf '\\033[1mstep one\\033[0m\\n'; \
         echo to-stderr >&2; echo key topsecret-0123456789; echo; echo all good",
    )
    .await;
    assert_eq!(commands.run().await, "0");
    let detail = commands.detail().await;
    assert_eq!(detail.card.state, CardState::Done);
    assert!(detail.summary_html.unwrap().contains("all good"));

    let number = commands.card.number;
    let workspace = commands.world.dir.path().join(format!("workspaces/T-{number}"));
    let stdin = std::fs::read_to_string(workspace.join("stdin.json")).unwrap();
    assert_eq!(stdin, std::fs::read_to_string(workspace.join("file.json")).unwrap());
    let card: serde_json::Value = serde_json::from_str(&stdin).unwrap();
    assert!(stdin.contains("Build it") && stdin.contains("With care."), "{card}");

    let environment = std::fs::read_to_string(workspace.join("env.txt")).unwrap();
    let value = |name: &str| {
        let line = environment.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
        line.unwrap_or_else(|| panic!("{name} is missing")).to_owned()
    };
    assert_eq!(value("HERMES_KANBAN_TASK"), format!("T-{number}"));
    assert_eq!(value("HERMES_KANBAN_RUN_ID"), commands.claim.ticket.run.to_string());
    assert_eq!(value("HERMES_KANBAN_FENCE"), commands.claim.ticket.fence.to_string());
    assert_eq!(value("HERMES_KANBAN_BOARD"), "default");
    assert_eq!(value("HERMES_HOME"), commands.world.dir.path().to_string_lossy());
    assert!(value("PATH").starts_with(std::path::Path::new(&value("HERMES_BIN")).parent().unwrap().to_str().unwrap()));
    assert!(!environment.contains("CARGO"), "nothing else is inherited");
    assert!(!std::path::Path::new(&value("HERMES_TASK_FILE")).exists(), "the task file is gone");

    let output = commands.output().await;
    assert_eq!(output, "step one\nto-stderr\nkey [secret]\n\nall good\n");
    let log = commands.world.dir.path().join(format!("logs/{number}-1.log"));
    assert_eq!(std::fs::read_to_string(log).unwrap(), output);
}

#[tokio::test]
async fn exit_codes_decide() {
    for (script, code, outcome, state) in [
        ("echo trouble; exit 3", "1", RunOutcome::Crashed, CardState::Ready),
        ("kill -KILL $$", "1", RunOutcome::Crashed, CardState::Ready),
        ("exit 75", "75", RunOutcome::RateLimited, CardState::Ready),
        ("exit 0", "0", RunOutcome::Completed, CardState::Done),
    ] {
        let commands = CommandWorld::new(script).await;
        assert_eq!(commands.run().await, code, "{script}");
        let detail = commands.detail().await;
        assert_eq!((detail.runs[0].outcome, detail.card.state), (Some(outcome), state), "{script}");
    }
    let commands = CommandWorld::with(&["/no/such/program"]).await;
    assert_eq!(commands.run().await, "1");
    let run = commands.detail().await.runs[0].clone();
    assert_eq!(run.outcome, Some(RunOutcome::SpawnFailed));
    assert!(run.error.unwrap().contains("/no/such/program"));
}

#[tokio::test]
async fn a_program_that_closes_its_card_itself_has_succeeded() {
    let commands = CommandWorld::new("echo working; while [ ! -e go ]; do sleep 0.02; done; echo bye; exit 0").await;
    let core = commands.world.core.clone();
    let ticket = commands.claim.ticket;
    let run = tokio::spawn(async move { worker::run(core, ticket).await });
    crate::eventually(|| async { commands.output().await.contains("working") }).await;
    // As `hermes kanban complete` does from inside.
    kanban::worker::complete(&commands.world.core, ticket, "done from inside", None).await.unwrap();
    let workspace = commands.world.dir.path().join(format!("workspaces/T-{}", commands.card.number));
    std::fs::write(workspace.join("go"), "").unwrap();
    let code = tokio::time::timeout(Duration::from_secs(20), run).await.unwrap().unwrap();
    assert_eq!(format!("{code:?}").chars().filter(char::is_ascii_digit).collect::<String>(), "0");
    assert!(commands.detail().await.summary_html.unwrap().contains("done from inside"));
}

#[tokio::test]
async fn a_program_has_ended_however_much_what_it_left_behind_still_writes() {
    let commands = CommandWorld::new("yes & echo started; exit 0").await;
    assert_eq!(commands.run().await, "0");
    assert_eq!(commands.detail().await.card.state, CardState::Done);
}

#[tokio::test]
async fn nothing_survives_a_run() {
    let commands =
        CommandWorld::new("(setsid sh -c 'echo $$ > pid; exec sleep 300' &); while [ ! -s pid ]; do sleep 0.01; done")
            .await;
    assert_eq!(commands.run().await, "0");
    let workspace = commands.world.dir.path().join(format!("workspaces/T-{}", commands.card.number));
    let pid: u32 = std::fs::read_to_string(workspace.join("pid")).unwrap().trim().parse().unwrap();
    assert_eq!(identity_of(pid).unwrap(), None);
}

#[tokio::test]
async fn a_run_that_never_was_is_refused() {
    let world = World::new().await;
    let run = protocol::RunId(uuid::Uuid::nil());
    let code = worker::run(world.core.clone(), kanban::worker::RunTicket { run, fence: 1 }).await;
    assert_eq!(format!("{code:?}").chars().filter(char::is_ascii_digit).collect::<String>(), "4");
}
