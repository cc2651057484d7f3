//! Runs a shell command in the workspace: clean environment, own time limit, bounded output, no survivors.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use protocol::RunEventKind;
use serde::Deserialize;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::output::{Decoder, HeadTail};
use super::process_tree::ProcessTree;
use super::{MAX_OUTPUT_BYTES, Tool, ToolContext, ToolOutcome, clean_environment, parse, policy};
use crate::llm::ToolSpec;

const DEFAULT_SECONDS: u64 = 120;
const MAX_SECONDS: u64 = 600;
/// Output of one command that goes to the activity.
const MAX_SHOWN_BYTES: usize = 256 * 1024;
/// After the command has ended, what is still in its pipe is read for this long at most.
const DRAIN: Duration = Duration::from_millis(500);

pub(super) struct Terminal;

#[derive(Deserialize)]
struct Arguments {
    command: String,
    #[serde(default)]
    timeout: Option<f64>,
}

#[async_trait::async_trait]
impl Tool for Terminal {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "terminal",
            description: "Runs a shell command (sh -c) in the workspace and returns its output and exit code. Every call \
                starts anew in the workspace; there is no input. Programs left in the background are ended when the \
                command returns. Dangerous commands are refused with a reason.",
            parameters: json!({
                "type": "object",
                "properties": {
                    "command": { "type": "string", "description": "The command." },
                    "timeout": { "type": "integer", "minimum": 1, "maximum": MAX_SECONDS,
                        "description": "Seconds until it is ended; 120 when left out." }
                },
                "required": ["command"]
            }),
        }
    }

    async fn run(&self, cx: &ToolContext, arguments: serde_json::Value) -> ToolOutcome {
        let arguments: Arguments = match parse(arguments) {
            Ok(arguments) => arguments,
            Err(outcome) => return outcome,
        };
        if arguments.command.trim().is_empty() {
            return ToolOutcome::failed("the command is empty");
        }
        if let Err(refusal) = policy::check(&arguments.command, &cx.places) {
            return ToolOutcome::refused(refusal.0);
        }
        let seconds = arguments.timeout.map_or(DEFAULT_SECONDS, |seconds| (seconds.max(1.0) as u64).min(MAX_SECONDS));
        match execute(cx, &arguments.command, Duration::from_secs(seconds)).await {
            Ok(ended) => ended.outcome(seconds),
            Err(error) => ToolOutcome::failed(format!("the command could not be started: {error}")),
        }
    }
}

enum End {
    Exited(ExitStatus),
    TimedOut,
    Stopped,
}

struct Ended {
    end: End,
    output: HeadTail,
    took: Duration,
}

impl Ended {
    fn outcome(self, seconds: u64) -> ToolOutcome {
        use std::os::unix::process::ExitStatusExt;
        let took = format!("{:.1} s", self.took.as_secs_f64());
        let lines = self.output.lines();
        let (how, ok) = match &self.end {
            End::Exited(status) => match (status.code(), status.signal()) {
                (Some(code), _) => (format!("exit code {code} after {took}"), code == 0),
                (None, Some(signal)) => (format!("ended by signal {signal} after {took}"), false),
                (None, None) => (format!("ended in an unknown way after {took}"), false),
            },
            End::TimedOut => (
                format!(
                    "ended after its time limit of {seconds} s; ask for more with \"timeout\" (at most {MAX_SECONDS})"
                ),
                false,
            ),
            End::Stopped => ("ended because the run was stopped".to_owned(), false),
        };
        let output = self.output.finish();
        let text = if output.trim().is_empty() {
            format!("[{how}; no output]")
        } else {
            format!("{}\n[{how}]", output.trim_end())
        };
        let outcome = if ok { ToolOutcome::done(text) } else { ToolOutcome::failed(text) };
        outcome.with_shown(format!("{how} · {lines} lines"))
    }
}

async fn execute(cx: &ToolContext, command: &str, limit: Duration) -> std::io::Result<Ended> {
    let started = Instant::now();
    let run = cx.ticket.run.to_string();
    let call = crate::kanban::new_id().simple().to_string();
    // One pipe for both, so that output and errors keep their order.
    let (reader, writer) = std::io::pipe()?;
    let mut program = Command::new("/bin/sh");
    program
        .args(["-c", command])
        .current_dir(&cx.workspace)
        .env_clear()
        .envs(clean_environment())
        // `hermes kanban show` in here must look at this home and at no other.
        .env("HERMES_HOME", cx.core.home().root())
        .env("HERMES_KANBAN_TASK", format!("T-{}", cx.number))
        .env("HERMES_KANBAN_RUN_ID", &run)
        .env("HERMES_KANBAN_BOARD", &cx.board)
        .env("HERMES_KANBAN_CALL", &call)
        .stdin(Stdio::null())
        .stderr(writer.try_clone()?)
        .stdout(writer)
        .process_group(0)
        .kill_on_drop(true);
    let mut child = program.spawn()?;
    // The command's own copies of the pipe's end must go, or its end would never be seen.
    drop(program);
    let tree = ProcessTree { leader: child.id(), mark: format!("HERMES_KANBAN_CALL={call}") };
    let mut reader = pipe::Receiver::from_owned_fd(reader.into())?;
    let mut sink = Sink::new(cx);
    let end = follow(cx, &mut child, &mut reader, &mut sink, started + limit).await;
    let ended = match end {
        Ok(end @ End::Exited(_)) => {
            // The leader is gone, so its number could be somebody else's by now.
            ProcessTree { leader: None, ..tree }.end().await;
            Ok(end)
        }
        other => {
            tree.end().await;
            child.wait().await?;
            other
        }
    };
    drain(&mut reader, &mut sink).await;
    let output = sink.finish().await;
    Ok(Ended { end: ended?, output, took: started.elapsed() })
}

/// Reads until the command itself has ended, its time is over, or the run is stopped.
async fn follow(
    cx: &ToolContext,
    child: &mut Child,
    reader: &mut pipe::Receiver,
    sink: &mut Sink<'_>,
    until: Instant,
) -> std::io::Result<End> {
    let mut buffer = vec![0_u8; 16 * 1024];
    let mut open = true;
    loop {
        tokio::select! {
            biased;
            () = cx.control.stopped() => return Ok(End::Stopped),
            () = tokio::time::sleep_until(until) => return Ok(End::TimedOut),
            read = reader.read(&mut buffer), if open => match read? {
                0 => open = false,
                count => sink.take(buffer.get(..count).unwrap_or_default()).await,
            },
            status = child.wait() => return Ok(End::Exited(status?)),
        }
    }
}

async fn drain(reader: &mut pipe::Receiver, sink: &mut Sink<'_>) {
    let mut buffer = vec![0_u8; 16 * 1024];
    let until = Instant::now() + DRAIN;
    while let Ok(Ok(count @ 1..)) = tokio::time::timeout_at(until, reader.read(&mut buffer)).await {
        sink.take(buffer.get(..count).unwrap_or_default()).await;
    }
}

/// Where output goes: head and tail for the model, pieces for people.
struct Sink<'a> {
    cx: &'a ToolContext,
    decoder: Decoder,
    kept: HeadTail,
    shown: usize,
}

impl<'a> Sink<'a> {
    fn new(cx: &'a ToolContext) -> Self {
        // Room for the line about the exit code.
        Self { cx, decoder: Decoder::default(), kept: HeadTail::new(MAX_OUTPUT_BYTES - 512), shown: 0 }
    }

    async fn take(&mut self, bytes: &[u8]) {
        let text = self.decoder.push(bytes);
        self.put(&text).await;
    }

    async fn put(&mut self, text: &str) {
        self.kept.push(text);
        if self.shown >= MAX_SHOWN_BYTES {
            return;
        }
        self.shown += text.len();
        self.cx.activity.piece(RunEventKind::Output, "terminal", text).await;
        if self.shown >= MAX_SHOWN_BYTES {
            self.cx
                .activity
                .event(RunEventKind::Note, "terminal", "More output follows than is shown here.", true)
                .await;
        }
    }

    async fn finish(mut self) -> HeadTail {
        let rest = self.decoder.finish();
        self.put(&rest).await;
        self.kept
    }
}
