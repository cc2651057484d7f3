//! The `command` executor: runs any program on the card. It reads the card as JSON, talks back with `hermes kanban …`,
//! and its exit code decides when it did not.

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use protocol::{RunEventKind, RunOutcome};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::Instant;

use super::run_log::RunLog;
use super::{Activity, Control, Ended, StopReason, run_mark};
use crate::kanban::worker::Assignment;
use crate::llm::Redactor;
use crate::text::LAST_WORDS;
use crate::tools::clean_environment;
use crate::tools::output::{Decoder, tail};
use crate::tools::process_tree::ProcessTree;
use crate::{Core, Home, task};

/// EX_TEMPFAIL of sysexits(3): try again later.
const EXIT_TRY_LATER: i32 = 75;
/// A program that handed its card over is given this long to leave by itself.
const LEAVE: Duration = Duration::from_secs(3);
const DRAIN: Duration = Duration::from_millis(500);
/// Output that goes to the activity; the log holds more.
const MAX_SHOWN_BYTES: usize = 4 * 1024 * 1024;
const MAX_TAIL_BYTES: usize = 16 * 1024;
const MAX_SUMMARY_LINES: usize = 20;
const MAX_SUMMARY_BYTES: usize = 4 * 1024;

pub(super) async fn work(
    core: &Core,
    assignment: &Assignment,
    redactor: &Redactor,
    activity: &Activity,
    control: &Control,
) -> Ended {
    let task_file = match TaskFile::write(core.home(), assignment) {
        Ok(file) => file,
        Err(error) => return spawn_failed(format!("the card cannot be written for the program: {error}")),
    };
    let log_path = core.home().logs().join(format!("{}-{}.log", assignment.number, assignment.attempt));
    let log = match RunLog::open(log_path.clone(), redactor.clone()) {
        Ok(log) => log,
        Err(error) => return spawn_failed(format!("the log {} cannot be written: {error}", log_path.display())),
    };
    let (child, reader) = match spawn(core, assignment, &task_file.path) {
        Ok(started) => started,
        Err(error) => {
            let name = assignment.command.first().map_or("(nothing)", String::as_str);
            return spawn_failed(format!(
                "the program {name} of profile {} cannot be started: {error}; check the profile's command",
                assignment.profile
            ));
        }
    };
    let sink =
        Sink { activity: activity.clone(), decoder: Decoder::default(), log: Some(log), tail: String::new(), shown: 0 };
    follow(assignment, control, child, reader, sink).await
}

fn spawn_failed(error: String) -> Ended {
    Ended::Failed { outcome: RunOutcome::SpawnFailed, error, retry_after_ms: None }
}

/// The card as a file, readable by the owner only and gone when the run is over.
struct TaskFile {
    path: PathBuf,
}

impl TaskFile {
    fn write(home: &Home, assignment: &Assignment) -> io::Result<Self> {
        use std::io::Write;
        let directory = home.root().join("tasks");
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        let path = directory.join(format!("{}-{}.json", assignment.number, assignment.attempt));
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        file.write_all(assignment.card_json.to_string().as_bytes())?;
        Ok(Self { path })
    }
}

impl Drop for TaskFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, path = %self.path.display(), "a task file could not be removed");
        }
    }
}

fn spawn(core: &Core, assignment: &Assignment, task_file: &Path) -> io::Result<(Child, pipe::Receiver)> {
    let (name, arguments) =
        assignment.command.split_first().ok_or_else(|| io::Error::other("the profile names no program"))?;
    let (reader, writer) = std::io::pipe()?;
    let mut program = Command::new(name);
    program
        .args(arguments)
        .current_dir(&assignment.workspace)
        .env_clear()
        .envs(environment(core, assignment, task_file))
        .stdin(Stdio::piped())
        .stderr(writer.try_clone()?)
        .stdout(writer)
        .process_group(0)
        .kill_on_drop(true);
    let mut child = program.spawn()?;
    // Our copies of the pipe's end go with the builder, or the end of the output would never be seen.
    drop(program);
    if let Some(stdin) = child.stdin.take() {
        drop(task::spawn("command-input", feed(stdin, assignment.card_json.to_string())));
    }
    Ok((child, pipe::Receiver::from_owned_fd(reader.into())?))
}

async fn feed(mut stdin: ChildStdin, json: String) {
    // A program that does not read its input is no error.
    if let Err(error) = stdin.write_all(json.as_bytes()).await {
        tracing::debug!(%error, "the program did not read the whole card");
    }
}

fn environment(core: &Core, assignment: &Assignment, task_file: &Path) -> Vec<(OsString, OsString)> {
    let mut environment = clean_environment();
    let mut add = |name: &str, value: OsString| environment.push((name.into(), value));
    add("HERMES_HOME", core.home().root().into());
    add("HERMES_TASK_FILE", task_file.into());
    add("HERMES_KANBAN_TASK", format!("T-{}", assignment.number).into());
    add("HERMES_KANBAN_RUN_ID", assignment.ticket.run.to_string().into());
    add("HERMES_KANBAN_FENCE", assignment.ticket.fence.to_string().into());
    add("HERMES_KANBAN_BOARD", (&assignment.board).into());
    add("HERMES_KANBAN_WORKSPACE", (&assignment.workspace).into());
    add("HERMES_PROFILE", (&assignment.profile).into());
    match std::env::current_exe() {
        Ok(binary) => {
            // `hermes kanban …` inside must be this very program, wherever it is installed.
            if let Some(directory) = binary.parent()
                && let Some((_, path)) = environment.iter_mut().find(|(name, _)| name == "PATH")
            {
                let mut longer = OsString::from(directory);
                longer.push(":");
                longer.push(&*path);
                *path = longer;
            }
            environment.push(("HERMES_BIN".into(), binary.into()));
        }
        Err(error) => tracing::warn!(%error, "this program's own path is not known"),
    }
    environment
}

enum Exit {
    Status(ExitStatus),
    Stopped(StopReason),
    Broken(io::Error),
}

async fn follow(
    assignment: &Assignment,
    control: &Control,
    mut child: Child,
    mut reader: pipe::Receiver,
    mut sink: Sink,
) -> Ended {
    let leader = child.id();
    let mut exit = read_until_exit(control, &mut child, &mut reader, &mut sink).await;
    if let Exit::Stopped(StopReason::Fenced(_)) = &exit
        && let Ok(Ok(status)) = tokio::time::timeout(LEAVE, child.wait()).await
        && status.success()
    {
        exit = Exit::Status(status);
    }
    // Once the leader is waited for, its number may belong to somebody else.
    let leader = if matches!(exit, Exit::Status(_)) { None } else { leader };
    let all_gone = ProcessTree { leader, mark: run_mark(assignment.ticket) }.end().await;
    if !matches!(exit, Exit::Status(_))
        && let Err(error) = child.wait().await
    {
        tracing::warn!(%error, "the program's end could not be seen");
    }
    drain(&mut reader, &mut sink).await;
    let tail = sink.finish().await;
    if !all_gone {
        tracing::error!("something the program started could not be ended");
    }
    match exit {
        Exit::Stopped(reason) => Ended::Stopped(reason),
        Exit::Broken(error) => Ended::Failed {
            outcome: RunOutcome::Crashed,
            error: format!("the program cannot be watched: {error}"),
            retry_after_ms: None,
        },
        Exit::Status(status) => verdict(status, &tail),
    }
}

async fn read_until_exit(control: &Control, child: &mut Child, reader: &mut pipe::Receiver, sink: &mut Sink) -> Exit {
    let mut buffer = vec![0_u8; 16 * 1024];
    let mut open = true;
    loop {
        tokio::select! {
            biased;
            () = control.stopped() => return Exit::Stopped(control.reason().unwrap_or(StopReason::Asked)),
            // Before its output, which something that it left behind may write without end; the rest is drained.
            status = child.wait() => return status.map_or_else(Exit::Broken, Exit::Status),
            read = reader.read(&mut buffer), if open => match read {
                Ok(0) => open = false,
                Ok(count) => sink.take(buffer.get(..count).unwrap_or_default()).await,
                Err(error) => return Exit::Broken(error),
            },
        }
    }
}

async fn drain(reader: &mut pipe::Receiver, sink: &mut Sink) {
    let mut buffer = vec![0_u8; 16 * 1024];
    let until = Instant::now() + DRAIN;
    while let Ok(Ok(count @ 1..)) = tokio::time::timeout_at(until, reader.read(&mut buffer)).await {
        sink.take(buffer.get(..count).unwrap_or_default()).await;
    }
}

/// What an exit code means.
fn verdict(status: ExitStatus, output: &str) -> Ended {
    use std::os::unix::process::ExitStatusExt;
    let last = last_lines(output);
    let said = |what: String| if last.is_empty() { what } else { format!("{what}{LAST_WORDS}\n{last}") };
    match (status.code(), status.signal()) {
        (Some(0), _) if last.is_empty() => {
            Ended::Completed { summary: "Finished without any output (exit code 0).".to_owned() }
        }
        (Some(0), _) => Ended::Completed { summary: last },
        (Some(EXIT_TRY_LATER), _) => Ended::Failed {
            outcome: RunOutcome::RateLimited,
            error: said("the program asked to be tried again later (exit code 75)".to_owned()),
            retry_after_ms: None,
        },
        (code, signal) => {
            let what = match (code, signal) {
                (Some(code), _) => format!("the program ended with exit code {code}"),
                (None, Some(signal)) => format!("the program was ended by signal {signal}"),
                (None, None) => "the program ended in an unknown way".to_owned(),
            };
            Ended::Failed { outcome: RunOutcome::Crashed, error: said(what), retry_after_ms: None }
        }
    }
}

fn last_lines(output: &str) -> String {
    let lines: Vec<&str> = output.lines().filter(|line| !line.trim().is_empty()).collect();
    let first = lines.len().saturating_sub(MAX_SUMMARY_LINES);
    let text = lines.get(first..).unwrap_or_default().join("\n");
    tail(&text, MAX_SUMMARY_BYTES).trim().to_owned()
}

/// Where output goes: the log, the activity, and the last of it in memory.
struct Sink {
    activity: Activity,
    decoder: Decoder,
    /// Gone after the first failed write: a full disk must not end the run.
    log: Option<RunLog>,
    tail: String,
    shown: usize,
}

impl Sink {
    async fn take(&mut self, bytes: &[u8]) {
        let text = self.decoder.push(bytes);
        self.put(&text).await;
    }

    async fn put(&mut self, text: &str) {
        if let Some(log) = &mut self.log
            && let Err(error) = log.push(text)
        {
            self.lose_log(&error).await;
        }
        self.tail.push_str(text);
        if self.tail.len() > 2 * MAX_TAIL_BYTES {
            self.tail = tail(&self.tail, MAX_TAIL_BYTES).to_owned();
        }
        if self.shown < MAX_SHOWN_BYTES {
            self.shown += text.len();
            self.activity.piece(RunEventKind::Output, "", text).await;
            if self.shown >= MAX_SHOWN_BYTES {
                self.activity
                    .event(RunEventKind::Note, "", "More output follows; it is in the run's log only.", true)
                    .await;
            }
        }
    }

    async fn lose_log(&mut self, error: &io::Error) {
        self.log = None;
        tracing::error!(%error, "the run's log cannot be written any more");
        self.activity.event(RunEventKind::Note, "", format!("The run's log cannot be written: {error}."), false).await;
    }

    async fn finish(mut self) -> String {
        let rest = self.decoder.finish();
        self.put(&rest).await;
        if let Some(Err(error)) = self.log.take().map(RunLog::finish) {
            self.lose_log(&error).await;
        }
        self.tail
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use protocol::RunOutcome;

    use super::{Ended, MAX_SUMMARY_BYTES, last_lines, verdict};

    #[test]
    fn exit_codes_decide() {
        let exit = |code: i32| ExitStatus::from_raw(code << 8);
        assert_eq!(verdict(exit(0), "a\n\nall good\n"), Ended::Completed { summary: "a\nall good".into() });
        assert!(matches!(verdict(exit(0), " \n"), Ended::Completed { summary } if summary.contains("exit code 0")));
        let failed = |status, output| match verdict(status, output) {
            Ended::Failed { outcome, error, .. } => (outcome, error),
            other => panic!("{other:?}"),
        };
        assert_eq!(failed(exit(75), "").0, RunOutcome::RateLimited);
        let (outcome, error) = failed(exit(3), "boom\n");
        assert_eq!(
            (outcome, error.as_str()),
            (RunOutcome::Crashed, "the program ended with exit code 3. Its last words:\nboom")
        );
        assert!(failed(ExitStatus::from_raw(9), "").1.contains("signal 9"));
    }

    #[test]
    fn summaries_are_bounded() {
        let long = "字".repeat(100_000);
        assert!(last_lines(&long).len() <= MAX_SUMMARY_BYTES);
        let many: String = (0..1000).map(|n| format!("{n}\n\n")).collect();
        assert_eq!(last_lines(&many).lines().count(), 20);
    }
}
