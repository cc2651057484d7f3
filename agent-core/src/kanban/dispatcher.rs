//! Finds ready cards and starts workers; takes cards back from workers that died.
//!
//! Event-driven: woken by every commit of any process, by the next moment a held card may start, and by a sweep as a
//! safety net: each second while a card runs or waits to run, else seldom. Two dispatchers on one database never start
//! a card twice, because claiming compares and sets on the single writer.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use protocol::RunOutcome;
use tokio::process::{Child, Command};

use super::KanbanError;
use super::claim::{self, Claim, DuePass};
use super::recovery::{self, Failure};
use crate::Core;
use crate::process::{self, Identity, NETWORK};
use crate::task::{self, Tasks};
use crate::text::LAST_WORDS;

const SWEEP: Duration = Duration::from_secs(1);
/// While no card runs or waits to run, and nobody writes.
const SWEEP_WHILE_IDLE: Duration = Duration::from_secs(15);
/// Cards claimed in one transaction. Another dispatcher on the same database gets its share.
const CLAIMED_AT_ONCE: usize = 16;
/// While something is being ended, it is looked at more often.
const SWEEP_WHILE_ENDING: Duration = Duration::from_millis(200);
/// What is due and could not be started is tried again after this long, not at once and for ever.
const OVERDUE: Duration = Duration::from_millis(50);
/// A gap between the two clocks that is no correction of one of them.
const SLEPT_MS: i64 = 10_000;
/// Bytes of a dead worker's log that become its error.
const LOG_TAIL_BYTES: usize = 2_000;
/// What a worker inherits from the server: nothing secret, nothing that changes what it does.
const INHERITED: &[&str] = &["PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "RUST_LOG"];

/// How to run the dispatcher.
#[derive(Debug, Clone)]
pub struct DispatcherOptions {
    /// The `hermes` binary that workers are started from.
    pub program: PathBuf,
}

/// Runs until shutdown. Workers are left running: they are adopted again by the next dispatcher.
pub fn start(core: Core, tasks: &Tasks, options: DispatcherOptions) {
    super::housekeeping::start(core.clone(), tasks);
    super::triage::start_automatic(core.clone(), tasks);
    let stop = tasks.stopping();
    let watchers = tasks.clone();
    tasks.spawn("dispatcher", async move {
        let owner = format!("{}:{}:{}", super::host_name(), std::process::id(), super::new_id().simple());
        let mut changes = core.changes().subscribe();
        let dispatcher = Dispatcher { core, owner, options, tasks: watchers };
        let mut next = Next::now();
        let mut clocks = Clocks::read(&dispatcher.core);
        loop {
            if clocks.slept(&dispatcher.core) {
                tracing::info!("this machine slept; its workers get a moment to report");
                if let Err(error) = recovery::extend_leases(&dispatcher.core).await {
                    tracing::error!(%error, "leases cannot be extended");
                }
            }
            // Armed before looking, so that a change during the look is not missed.
            changes.mark_unchanged();
            let pause = dispatcher.look(&mut next, clocks.wall_ms).await;
            tokio::select! {
                () = stop.cancelled() => break,
                changed = changes.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    next.sweep_within(SWEEP);
                }
                () = rest(|| dispatcher.core.now_ms(), pause) => {}
            }
        }
    });
}

/// Whether a server, and with it a dispatcher, is running on this home: it holds a lock for as long as it lives.
#[must_use]
pub fn is_running(core: &Core) -> bool {
    let Ok(file) = std::fs::OpenOptions::new().read(true).open(core.home().server_lock()) else { return false };
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockShared).is_err()
}

/// The clock that stands still while a machine sleeps, beside the one that does not.
struct Clocks {
    awake: std::time::Instant,
    wall_ms: i64,
}

impl Clocks {
    fn read(core: &Core) -> Self {
        Self { awake: std::time::Instant::now(), wall_ms: core.now_ms() }
    }

    /// Whether the machine slept since the last call.
    fn slept(&mut self, core: &Core) -> bool {
        let before = std::mem::replace(self, Self::read(core));
        let awake = i64::try_from(self.awake.duration_since(before.awake).as_millis()).unwrap_or(i64::MAX);
        (self.wall_ms - before.wall_ms).saturating_sub(awake) > SLEPT_MS
    }
}

/// When what is not done at every look is done next.
struct Next {
    sweep: tokio::time::Instant,
    /// A card that cannot be released stays due. It is tried again after a while, not at every look.
    release: tokio::time::Instant,
    /// The cards that are being released, and whether one of them could not be.
    pass: DuePass,
    is_stuck: bool,
}

impl Next {
    fn now() -> Self {
        let now = tokio::time::Instant::now();
        Self { sweep: now, release: now, pass: DuePass::default(), is_stuck: false }
    }

    fn sweep_within(&mut self, pause: Duration) {
        self.sweep = self.sweep.min(tokio::time::Instant::now() + pause);
    }
}

/// Sleeps, but not beyond what the clock on the wall says: it goes on while a machine sleeps, and it may be set.
async fn rest(now_ms: impl Fn() -> i64, pause: Duration) {
    let end = tokio::time::Instant::now() + pause;
    let wall_end = now_ms().saturating_add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX));
    loop {
        let left = end.saturating_duration_since(tokio::time::Instant::now());
        tokio::time::sleep(left.min(SWEEP)).await;
        if left <= SWEEP || now_ms() >= wall_end {
            return;
        }
    }
}

struct Dispatcher {
    core: Core,
    owner: String,
    options: DispatcherOptions,
    tasks: Tasks,
}

impl Dispatcher {
    /// One look: start what is due or ready, and at times take back what is lost. Returns how long to sleep at most.
    /// Leases are judged by `now`, when the machine was known to be awake: it may fall asleep in the middle of a look.
    async fn look(&self, next: &mut Next, now: i64) -> Duration {
        self.release(next).await;
        if tokio::time::Instant::now() >= next.sweep {
            let pause = self.sweep(now).await.unwrap_or_else(|error| {
                tracing::error!(%error, "looking after running cards failed; trying again");
                SWEEP
            });
            next.sweep = tokio::time::Instant::now() + pause;
        }
        // What ends while cards are started counts as overdue, and is not missed.
        let looked = self.core.now_ms();
        let waits = self.start_ready().await.unwrap_or_else(|error| {
            tracing::error!(%error, "starting ready cards failed; trying again");
            true
        });
        if waits {
            // For a slot, or for a profile that somebody writes in a file.
            next.sweep_within(SWEEP);
        }
        if next.pass.goes_on() {
            return Duration::ZERO;
        }
        let wake = claim::next_wake(&self.core, looked).await;
        let pause = next.sweep.saturating_duration_since(tokio::time::Instant::now());
        match wake {
            Ok(Some(at)) if next.is_stuck && at <= looked => {
                pause.min(next.release.saturating_duration_since(tokio::time::Instant::now()))
            }
            Ok(Some(at)) => pause.min(until(at.saturating_sub(self.core.now_ms()))),
            Ok(None) => pause,
            Err(error) => {
                tracing::error!(%error, "cannot tell when the next card is due");
                pause
            }
        }
    }

    /// Releases some of the cards whose time has come.
    async fn release(&self, next: &mut Next) {
        if !next.pass.goes_on() {
            if tokio::time::Instant::now() < next.release {
                return;
            }
            next.is_stuck = false;
        }
        if let Err(error) = claim::release_some(&self.core, &mut next.pass).await {
            tracing::error!(%error, "not all cards whose time has come can be released; trying again");
            next.is_stuck = true;
        }
        if next.is_stuck && !next.pass.goes_on() {
            next.release = tokio::time::Instant::now() + SWEEP;
        }
    }

    /// How long to wait for the next one.
    async fn sweep(&self, now: i64) -> Result<Duration, KanbanError> {
        let runs = recovery::sweep_runs_at(&self.core, now).await;
        // Whatever became of the others: what was asked to end must end.
        Ok(match (recovery::reap(&self.core).await?, runs?) {
            (true, _) => SWEEP_WHILE_ENDING,
            (false, true) => SWEEP,
            (false, false) => SWEEP_WHILE_IDLE,
        })
    }

    /// Whether ready cards are left that cannot start yet.
    async fn start_ready(&self) -> Result<bool, KanbanError> {
        // Asking first on a reader keeps an idle dispatcher from taking the write lock at every commit.
        while claim::any_ready(&self.core).await? {
            let claims = claim::claim_ready(&self.core, &self.owner, CLAIMED_AT_ONCE).await?;
            if claims.is_empty() {
                return Ok(true);
            }
            for claim in claims {
                if let Err(error) = self.spawn(&claim).await {
                    let error = format!("the worker could not be started: {error}");
                    let failure = Failure {
                        outcome: RunOutcome::SpawnFailed,
                        error: &error,
                        retry_after_ms: None,
                        is_reported: true,
                    };
                    // The others of the batch are started whatever becomes of this one.
                    if let Err(error) = recovery::fail_run(&self.core, claim.ticket.run, failure).await {
                        tracing::error!(%error, card = claim.number, "a worker that could not be started cannot be recorded");
                    }
                }
            }
        }
        Ok(false)
    }

    async fn spawn(&self, claim: &Claim) -> Result<(), String> {
        let log_path = self.core.home().logs().join(format!("{}-{}.worker.log", claim.number, claim.attempt));
        let log = open_log(&log_path).map_err(|error| format!("its log cannot be opened: {error}"))?;
        let errors = log.try_clone().map_err(|error| error.to_string())?;
        let mut command = Command::new(&self.options.program);
        command
            .args(["worker", "run", "--run", &claim.ticket.run.to_string()])
            .args(["--fence", &claim.ticket.fence.to_string()])
            .env_clear()
            .env("HERMES_HOME", self.core.home().root())
            .current_dir(self.core.home().root())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .kill_on_drop(false);
        for name in INHERITED.iter().chain(NETWORK) {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        let child = command.spawn().map_err(|error| format!("{}: {error}", self.options.program.display()))?;
        self.watch(claim.clone(), child, log_path);
        Ok(())
    }

    /// Waits for the worker in a task of its own. The worker writes its own process into its run; the dispatcher does
    /// so too, because a worker that dies at once cannot.
    fn watch(&self, claim: Claim, mut child: Child, log_path: PathBuf) {
        let core = self.core.clone();
        let stop = self.tasks.stopping();
        let handle = task::spawn("worker-watch", async move {
            let process = child.id().and_then(|pid| process::identity_of(pid).ok().flatten());
            if let Some(process) = process {
                note_process(&core, &claim, process).await;
            }
            let status = tokio::select! {
                status = child.wait() => status,
                // The server ends, the worker goes on.
                () = stop.cancelled() => return,
            };
            let (outcome, error) = match &status {
                Ok(status) => verdict(*status, &log_path),
                Err(error) => (RunOutcome::Crashed, format!("the worker cannot be watched: {error}")),
            };
            let is_reported = status.is_ok_and(|status| !is_from_outside(status));
            let failure = Failure { outcome, error: &error, retry_after_ms: None, is_reported };
            match recovery::fail_run(&core, claim.ticket.run, failure).await {
                Ok(true) => tracing::warn!(card = claim.number, outcome = %outcome, "a worker ended without a result"),
                Ok(false) => {}
                Err(error) => tracing::error!(%error, card = claim.number, "a worker's end cannot be recorded"),
            }
            if let Some(process) = process
                && let Err(error) = recovery::reap_exited(&core, claim.ticket.run, process).await
            {
                tracing::error!(%error, "what a worker left running cannot be ended yet; the sweep tries again");
            }
        });
        drop(handle);
    }
}

/// How long to sleep until a moment that is so many milliseconds ahead.
fn until(ahead_ms: i64) -> Duration {
    u64::try_from(ahead_ms).ok().filter(|ahead| *ahead > 0).map_or(OVERDUE, Duration::from_millis)
}

async fn note_process(core: &Core, claim: &Claim, process: Identity) {
    if let Err(error) = claim::remember_claimed(core, claim.ticket, process).await {
        tracing::error!(%error, pid = process.pid, "a worker's process cannot be recorded");
    }
}

/// Whether a signal ended the process that others send: the machine shuts down, or it is out of memory.
fn is_from_outside(status: std::process::ExitStatus) -> bool {
    use rustix::process::Signal;
    use std::os::unix::process::ExitStatusExt;
    let outside = [Signal::HUP, Signal::INT, Signal::KILL, Signal::TERM];
    status.signal().is_some_and(|number| outside.iter().any(|signal| signal.as_raw() == number))
}

/// What an exit without a result means. A run that was completed or blocked is closed already and is not touched.
fn verdict(status: std::process::ExitStatus, log_path: &std::path::Path) -> (RunOutcome, String) {
    use std::os::unix::process::ExitStatusExt;
    let tail = log_tail(log_path);
    let (outcome, what) = match (status.code(), status.signal()) {
        (Some(0), _) => {
            (RunOutcome::ProtocolViolation, "the worker ended without completing or blocking the card".to_owned())
        }
        // EX_TEMPFAIL of sysexits(3).
        (Some(75), _) => (RunOutcome::RateLimited, "the worker was told to try again later".to_owned()),
        (Some(code), _) => (RunOutcome::Crashed, format!("the worker ended with exit code {code}")),
        (None, Some(signal)) => (RunOutcome::Crashed, format!("the worker was killed by signal {signal}")),
        (None, None) => (RunOutcome::Crashed, "the worker ended in an unknown way".to_owned()),
    };
    if tail.is_empty() { (outcome, what) } else { (outcome, format!("{what}{LAST_WORDS} {tail}")) }
}

fn log_tail(path: &std::path::Path) -> String {
    use std::io::{Read, Seek, SeekFrom};
    let read = || -> std::io::Result<String> {
        let mut file = std::fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES as u64)))?;
        let mut bytes = Vec::new();
        file.take(LOG_TAIL_BYTES as u64).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    };
    read().unwrap_or_else(|error| {
        tracing::debug!(%error, "a worker's log cannot be read");
        String::new()
    })
}

/// Opens a worker's log for appending. Every attempt has its own.
fn open_log(path: &std::path::Path) -> std::io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::rest;

    #[tokio::test]
    async fn a_rest_ends_when_the_clock_on_the_wall_has_passed_its_end() {
        let wall = Cell::new(0);
        // An hour goes by between two looks at it, as when a machine sleeps.
        let now_ms = || wall.replace(wall.get() + 3_600_000);
        let began = std::time::Instant::now();
        rest(now_ms, Duration::from_secs(60)).await;
        assert!(began.elapsed() < Duration::from_secs(30));
    }
}
