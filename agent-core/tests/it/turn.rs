//! Whole runs of an agent against a scripted model: real worker code, real commands, real database.

use std::time::Duration;

use agent_core::kanban::{self, Claim};
use agent_core::worker;
use protocol::{CardDetail, CardRef, CardState, CreateCardParams, RunEventKind, RunOutcome, RunSummary, TaskCard};
use serde_json::json;

use crate::scripted_model::{Reply, ScriptedModel, calls, in_pieces, says, status};
use crate::support::{World, ada};

const KEY: &str = "sk-test-0123456789abcdef0123";

struct AgentWorld {
    world: World,
    model: ScriptedModel,
    card: TaskCard,
    claim: Claim,
}

impl AgentWorld {
    async fn new(replies: Vec<Reply>) -> Self {
        Self::with(replies, "", "").await
    }

    async fn with(replies: Vec<Reply>, model_config: &str, kanban_config: &str) -> Self {
        let model = ScriptedModel::start(replies).await;
        let config = format!(
            "model:\n  base_url: {}\n  default: scripted\n  price_in: 2.0\n  price_out: 10.0\n{model_config}kanban:\n  max_in_progress: 9\n{kanban_config}",
            model.base_url
        );
        let world = World::with_config(config.trim_end()).await;
        std::fs::write(world.dir.path().join(".env"), format!("HERMES_MODEL_KEY={KEY}\n")).unwrap();
        std::fs::write(world.dir.path().join("SOUL.md"), "You are Iris, brief and kind.\n").unwrap();
        let params = CreateCardParams {
            title: "Say hello".into(),
            body: "Write hello.txt.".into(),
            assignee: Some("default".into()),
            ..CreateCardParams::default()
        };
        let card = world.create_with(params).await;
        let claim = world.claim().await;
        Self { world, model, card, claim }
    }

    async fn run(&self) -> String {
        let run = worker::run(self.world.core.clone(), self.claim.ticket);
        let code = tokio::time::timeout(Duration::from_secs(60), run).await.expect("the worker ends");
        self.world.check_invariants().await;
        code_of(code)
    }

    async fn detail(&self) -> CardDetail {
        kanban::card_detail(&self.world.core, CardRef::Id(self.card.id)).await.unwrap()
    }

    async fn last_run(&self) -> RunSummary {
        self.detail().await.runs[0].clone()
    }

    async fn activity(&self, kind: RunEventKind) -> Vec<String> {
        let events = self.detail().await.activity.into_iter();
        events.filter(|event| event.kind == kind).map(|event| event.detail).collect()
    }
}

fn code_of(code: std::process::ExitCode) -> String {
    format!("{code:?}").chars().filter(char::is_ascii_digit).collect()
}

fn complete() -> Reply {
    calls(&[("kanban_complete", json!({ "summary": "done" }))])
}

fn terminal(command: &str) -> Reply {
    calls(&[("terminal", json!({ "command": command }))])
}

#[tokio::test]
async fn a_card_is_worked_on_and_stops_for_review() {
    let review = json!({ "kind": "review", "reason": "Please look at hello.txt.", "summary": "Wrote **hello.txt**.", "options": ["Fine"] });
    let agent = AgentWorld::new(vec![
        in_pieces(
            calls(&[
                ("terminal", json!({ "command": "echo from-the-shell; echo oops >&2; pwd" })),
                ("write_file", json!({ "path": "out/hello.txt", "content": "hello 字\n" })),
            ]),
            1,
        ),
        in_pieces(calls(&[("read_file", json!({ "path": "out/hello.txt" }))]), 3),
        calls(&[("kanban_block", review)]),
    ])
    .await;
    assert_eq!(agent.run().await, "0");

    let detail = agent.detail().await;
    assert_eq!(detail.card.state, CardState::Review);
    let decision = detail.decision.expect("a decision is open");
    assert_eq!(decision.ask, "Please look at hello.txt.");
    let workspace = agent.world.dir.path().join(format!("workspaces/T-{}", agent.card.number));
    assert_eq!(std::fs::read_to_string(workspace.join("out/hello.txt")).unwrap(), "hello 字\n");

    let run = agent.last_run().await;
    assert_eq!(run.outcome, Some(RunOutcome::Review));
    assert_eq!((run.tokens_in, run.tokens_out), (3000, 300));
    assert_eq!(run.cost_micros, Some(3 * (2000 + 1000)));

    let requests = agent.model.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[0].authorization.as_deref(), Some(format!("Bearer {KEY}").as_str()));
    assert_eq!(requests[0].body["stream_options"]["include_usage"], true);
    assert_eq!(requests[0].body["tools"].as_array().unwrap().len(), 13);
    let system = requests[0].messages()[0]["content"].as_str().unwrap();
    assert!(
        system.starts_with("You are Iris") && system.contains("kanban_complete") && !system.contains('{'),
        "{system}"
    );
    assert!(requests[0].messages()[1]["content"].as_str().unwrap().contains("Write hello.txt."));
    let results = requests[1].tool_results();
    assert!(results[0].starts_with("from-the-shell\noops\n") && results[0].contains("exit code 0"), "{}", results[0]);
    assert!(requests[2].tool_results()[2].contains("1  hello 字"));

    assert_eq!(agent.activity(RunEventKind::ToolCall).await[0], "echo from-the-shell; echo oops >&2; pwd");
    assert!(agent.activity(RunEventKind::Output).await.concat().contains("from-the-shell\noops\n"));
    assert_eq!(agent.activity(RunEventKind::Thinking).await.concat(), "let me see".repeat(3));
    assert_eq!(agent.activity(RunEventKind::Ended).await.len(), 1);
}

#[tokio::test]
async fn many_small_pieces_become_few_rows() {
    let long = "word ".repeat(2000);
    let agent = AgentWorld::new(vec![says(&long), complete()]).await;
    assert_eq!(agent.run().await, "0");
    let rows = agent.activity(RunEventKind::Text).await;
    assert_eq!(rows.concat(), long, "nothing is lost");
    assert!(rows.len() < 40, "{} rows for 2000 pieces", rows.len());
}

#[tokio::test]
async fn a_model_that_only_talks_is_nudged_and_then_fails() {
    let agent = AgentWorld::new(vec![says("All done!"), says("Really, it is done."), says("I said so.")]).await;
    assert_eq!(agent.run().await, "1");
    let run = agent.last_run().await;
    assert_eq!(run.outcome, Some(RunOutcome::ProtocolViolation));
    assert!(run.error.unwrap().contains("I said so."));
    assert_eq!(agent.model.requests().len(), 3);
    assert_eq!(agent.world.state(&agent.card).await, CardState::Ready);
}

#[tokio::test]
async fn passing_trouble_is_waited_for() {
    let retry = |status: u16| Reply::Status { status, headers: vec![("retry-after", "0".into())], body: "busy".into() };
    let half = "data: {\"choices\":[{\"delta\":{\"content\":\"half a sen\"}}]}\n\n";
    let agent = AgentWorld::new(vec![retry(429), retry(503), Reply::Broken { text: half.into() }, complete()]).await;
    assert_eq!(agent.run().await, "0");
    assert_eq!(agent.model.requests().len(), 4);
    let notes = agent.activity(RunEventKind::Note).await;
    assert!(notes.len() == 3 && notes.iter().all(|note| note.contains("trying again")), "{notes:?}");
}

#[tokio::test]
async fn a_provider_that_wants_a_long_pause_gets_it_without_a_failure_counted() {
    let slow = Reply::Status {
        status: 429,
        headers: vec![("retry-after", "120".into())],
        body: "{\"error\":{\"message\":\"slow down\"}}".into(),
    };
    let agent = AgentWorld::new(vec![slow]).await;
    assert_eq!(agent.run().await, "75");
    let card = agent.world.card(&agent.card).await;
    assert_eq!((card.state, card.failures), (CardState::Ready, 0));
    assert_eq!(agent.last_run().await.outcome, Some(RunOutcome::RateLimited));
    let wait = format!("{:?}", card.wait);
    assert!(wait.contains(&(agent.world.core.now_ms() + 120_000).to_string()), "{wait}");
}

#[tokio::test]
async fn a_wrong_key_is_told_in_the_providers_words_without_the_key() {
    let body = json!({ "error": { "message": format!("Incorrect API key provided: {KEY}") } }).to_string();
    let agent = AgentWorld::new(vec![status(401, &body)]).await;
    assert_eq!(agent.run().await, "1");
    let run = agent.last_run().await;
    let error = run.error.unwrap();
    assert_eq!(run.outcome, Some(RunOutcome::Crashed));
    assert!(
        error.contains("Incorrect API key provided") && error.contains("HTTP 401") && !error.contains(KEY),
        "{error}"
    );
}

#[tokio::test]
async fn dangerous_commands_are_refused_with_a_reason_the_model_reads() {
    let agent = AgentWorld::new(vec![terminal("sudo rm -rf /"), terminal("cat ../../.env"), complete()]).await;
    assert_eq!(agent.run().await, "0");
    let results = agent.model.requests()[2].tool_results();
    assert!(results[0].contains("refused") && results[1].contains("Hermes's own files"), "{results:?}");
    assert_eq!(agent.activity(RunEventKind::Refused).await.len(), 2);
}

#[tokio::test]
async fn stored_keys_reach_neither_model_nor_activity_nor_summary() {
    let summary = json!({ "summary": format!("the key is {KEY}"), "metadata": { "k": KEY } });
    let agent = AgentWorld::new(vec![
        terminal(&format!("printf 'sk-test-01234567'; sleep 0.4; echo '{} and {KEY}'", &KEY[16..])),
        calls(&[
            ("kanban_comment", json!({ "body": format!("see {KEY}") })),
            ("write_file", json!({ "path": "x", "content": "a" })),
        ]),
        calls(&[("kanban_complete", summary)]),
    ])
    .await;
    assert_eq!(agent.run().await, "0");
    let requests = agent.model.requests();
    assert!(!requests[1].tool_results()[0].contains(KEY));
    let detail = agent.detail().await;
    let outputs = agent.activity(RunEventKind::Output).await.concat();
    assert!(!outputs.contains(KEY) && !outputs.contains(&KEY[16..]), "{outputs}");
    assert!(!detail.comments[0].html.contains(KEY));
    assert!(!detail.summary_html.unwrap().contains(KEY));
    assert!(!format!("{:?}", detail.runs).contains(KEY));
}

#[tokio::test]
async fn the_same_failing_call_is_not_run_for_ever() {
    let agent = AgentWorld::new((0..9).map(|_| terminal("echo x >> count; false")).collect()).await;
    assert_eq!(agent.run().await, "1");
    let workspace = agent.world.dir.path().join(format!("workspaces/T-{}", agent.card.number));
    assert_eq!(std::fs::read_to_string(workspace.join("count")).unwrap(), "x\nx\nx\n");
    assert_eq!(agent.last_run().await.outcome, Some(RunOutcome::ProtocolViolation));
    assert_eq!(agent.model.requests().len(), 6);
}

#[tokio::test]
async fn all_model_calls_spent_asks_a_person() {
    let agent = AgentWorld::with(vec![terminal("true"), terminal("true")], "", "  max_turns: 2\n").await;
    assert_eq!(agent.run().await, "1");
    assert_eq!(agent.last_run().await.outcome, Some(RunOutcome::Budget));
    assert_eq!(agent.world.state(&agent.card).await, CardState::Blocked);
    let last = agent.model.requests()[1].messages().last().unwrap()["content"].as_str().unwrap().to_owned();
    assert!(last.contains("last call"), "{last}");
}

#[tokio::test]
async fn a_long_conversation_stays_within_the_window() {
    let mut replies: Vec<Reply> = (0..12).map(|n| terminal(&format!("echo call {n}; seq 1 1500"))).collect();
    replies.push(complete());
    let agent = AgentWorld::with(replies, "  context_tokens: 16000\n", "").await;
    assert_eq!(agent.run().await, "0");
    let requests = agent.model.requests();
    let results = requests[12].tool_results();
    assert_eq!(results.len(), 12);
    assert!(results[0].contains("left out to save room") && results[11].contains("call 11"), "{results:?}");
    let largest = requests.iter().map(|request| request.body["messages"].to_string().len()).max().unwrap();
    assert!(largest < 16_000 * 4, "{largest} bytes were sent");
}

#[tokio::test]
async fn a_conversation_that_the_provider_finds_too_long_is_shortened() {
    let too_long = status(400, "{\"error\":{\"message\":\"This model's maximum context length is 8192 tokens\"}}");
    let mut replies: Vec<Reply> = (0..6).map(|n| terminal(&format!("echo call {n}; seq 1 1500"))).collect();
    replies.extend([too_long, complete()]);
    let agent = AgentWorld::new(replies).await;
    assert_eq!(agent.run().await, "0");
    let requests = agent.model.requests();
    assert!(requests[7].body.to_string().len() < requests[6].body.to_string().len());
}

#[tokio::test]
async fn a_restarted_worker_goes_on_and_runs_nothing_twice() {
    let agent = AgentWorld::new(vec![terminal("echo first"), terminal("echo x >> count; sleep 60")]).await;
    let core = agent.world.core.clone();
    let ticket = agent.claim.ticket;
    let first = tokio::spawn(async move { worker::run(core, ticket).await });
    let workspace = agent.world.dir.path().join(format!("workspaces/T-{}", agent.card.number));
    super::eventually(|| async { workspace.join("count").exists() }).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());

    agent.model.add(complete());
    assert_eq!(agent.run().await, "0");
    let requests = agent.model.requests();
    let results = requests.last().unwrap().tool_results();
    assert!(results[0].contains("first") && results[1].contains("restarted"), "{results:?}");
    assert_eq!(std::fs::read_to_string(workspace.join("count")).unwrap(), "x\n");
}

#[tokio::test]
async fn a_run_whose_card_was_taken_away_stops_and_writes_nothing_more() {
    let agent = AgentWorld::with(vec![Reply::Silence], "", "  claim_ttl_seconds: 3\n").await;
    let core = agent.world.core.clone();
    let ticket = agent.claim.ticket;
    let run = tokio::spawn(async move { worker::run(core, ticket).await });
    agent.model.wait_for_requests(1).await;
    let params = protocol::MoveCardParams {
        id: agent.card.id,
        revision: None,
        to: CardState::Triage,
        after: None,
        before: None,
    };
    kanban::move_card(&agent.world.core, &ada(), params).await.unwrap();
    let code = tokio::time::timeout(Duration::from_secs(20), run).await.unwrap().unwrap();
    assert_eq!(code_of(code), "4");
    assert_eq!(agent.world.state(&agent.card).await, CardState::Triage);
    assert_eq!(agent.last_run().await.outcome, Some(RunOutcome::Reclaimed));
}

#[tokio::test]
async fn a_run_that_takes_too_long_ends_with_everything_it_started() {
    let agent = AgentWorld::new(vec![terminal("echo $$ > pid; sleep 300")]).await;
    let core = agent.world.core.clone();
    let ticket = agent.claim.ticket;
    let run = tokio::spawn(async move { worker::run(core, ticket).await });
    let pid_file = agent.world.dir.path().join(format!("workspaces/T-{}/pid", agent.card.number));
    super::eventually(|| async { std::fs::read_to_string(&pid_file).is_ok_and(|pid| pid.ends_with('\n')) }).await;
    let pid: u32 = std::fs::read_to_string(&pid_file).unwrap().trim().parse().unwrap();
    agent.world.clock.advance_ms(5 * 3_600_000);
    let code = tokio::time::timeout(Duration::from_secs(20), run).await.unwrap().unwrap();
    assert_eq!(code_of(code), "1");
    assert_eq!(agent.last_run().await.outcome, Some(RunOutcome::TimedOut));
    assert_eq!(agent_core::process::identity_of(pid).unwrap(), None);
}

#[tokio::test]
async fn an_answer_in_one_piece_is_understood_too() {
    let call = json!([{ "id": "a", "type": "function", "function": { "name": "kanban_complete", "arguments": "{\"summary\":\"ok\"}" } }]);
    let whole = json!({ "model": "m", "choices": [{ "message": { "content": null, "tool_calls": call }, "finish_reason": "tool_calls" }] });
    let agent = AgentWorld::new(vec![Reply::Whole(whole)]).await;
    assert_eq!(agent.run().await, "0");
    assert_eq!(agent.world.state(&agent.card).await, CardState::Done);
}
