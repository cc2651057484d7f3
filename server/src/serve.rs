//! Runs the server on one home: lock, listener, background tasks, and an orderly end.

use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agent_core::accounts::{self, AccountError};
use agent_core::kanban::dispatcher::{self, DispatcherOptions};
use agent_core::store::StoreError;
use agent_core::task::Tasks;
use agent_core::{Config, Core, decisions, push};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::router::{AppState, router};
use crate::tailnet;

/// How often commits of other processes are looked for.
const WATCH_EVERY: Duration = Duration::from_millis(50);
const PURGE_EVERY: Duration = Duration::from_secs(3600);
/// How long requests may take to end, and after them tasks: together under five seconds.
const GRACE: Duration = Duration::from_secs(2);
/// How often the lock of a home is tried before another server must be running.
const LOCK_TRIES: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// How to serve.
#[derive(Debug, Clone, Copy)]
pub struct ServeOptions {
    /// Where to listen.
    pub addr: SocketAddr,
}

/// The server could not start or broke.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another server holds the home.
    #[error("another Hermes server is running on {}; stop it first, or choose another HERMES_HOME", .0.display())]
    AlreadyRunning(PathBuf),
    /// The lock file is not usable.
    #[error("cannot lock {}: {source}", .path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The port is taken.
    #[error("port {} is in use by another program; stop that one, or choose another address with --addr", .0.port())]
    PortInUse(SocketAddr),
    /// Listening failed otherwise.
    #[error("cannot listen on {addr}: {source}; choose another address with --addr")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// The cause.
        source: io::Error,
    },
    /// The system refused something a server needs.
    #[error("{what}: {source}")]
    System {
        /// What was refused.
        what: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// The accounts are not readable.
    #[error(transparent)]
    Accounts(#[from] AccountError),
    /// The push key is not usable.
    #[error(transparent)]
    Push(#[from] agent_core::push::PushError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Serves until SIGINT or SIGTERM. Workers outlive it and are adopted by the next server.
///
/// # Errors
/// One sentence that says why the server cannot run here.
pub async fn serve(core: Core, options: ServeOptions) -> Result<(), ServeError> {
    // Held until the end; the system lets go of it whatever happens to this process.
    let held = lock(&core.home().server_lock(), core.home().root())?;
    let listener = TcpListener::bind(options.addr).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ServeError::PortInUse(options.addr),
        _ => ServeError::Listen { addr: options.addr, source },
    })?;
    let system = |what| move |source| ServeError::System { what, source };
    let addr = listener.local_addr().map_err(system("cannot tell the address of the listener"))?;
    remember(&held, addr)?;
    let program = std::env::current_exe().map_err(system("cannot tell where the hermes program is"))?;
    let mut signals = Signals::new().map_err(system("cannot listen for signals"))?;
    // Made before anything is started, so that a database that cannot be read stops the server here.
    let link = setup_link(&core, addr).await?;
    let watch = core.store().watch().await?;

    let tasks = Tasks::default();
    let stop = tasks.stopping();
    start_change_watch(core.clone(), &tasks, watch).map_err(system("cannot start a thread"))?;
    start_purge(core.clone(), &tasks);
    dispatcher::start(core.clone(), &tasks, DispatcherOptions { program });
    decisions::start_waking(core.clone(), &tasks);
    push::start_sender(core.clone(), &tasks, &url(addr))?;

    tell_keys_without_effect(&core);
    println!("Hermes is running at {}", url(addr));
    if let Some(link) = link {
        println!("Set it up with this link; it works once, within 24 hours:\n  {link}");
    }

    let state = AppState::new(core.clone(), stop.clone());
    if !addr.ip().is_unspecified() {
        state.answer_to(&addr.to_string());
    }
    tailnet::start(state.clone(), &tasks);
    let writes = state.under_way().clone();
    let app = router(state).into_make_service_with_connect_info::<SocketAddr>();
    let ended = stop.clone();
    let server = axum::serve(listener, app).with_graceful_shutdown(async move { ended.cancelled().await });
    let result = run_until_told(server.into_future(), &mut signals, &stop).await;
    let end = async { tokio::join!(tasks.shut_down(), writes.finish()) };
    if tokio::time::timeout(GRACE, end).await.is_err() {
        tracing::warn!("some background tasks did not end in time and were left behind");
    }
    if tokio::time::timeout(Duration::from_millis(500), core.close()).await.is_err() {
        tracing::warn!("the database was not closed in time; its log is folded in at the next start");
    }
    result
}

/// Waits for the server or a signal; after a signal, requests get a while to end.
async fn run_until_told(
    server: impl Future<Output = io::Result<()>>,
    signals: &mut Signals,
    stop: &CancellationToken,
) -> Result<(), ServeError> {
    let broke = |source| ServeError::System { what: "the server broke", source };
    tokio::pin!(server);
    tokio::select! {
        result = &mut server => return result.map_err(broke),
        () = signals.received() => {}
    }
    tracing::info!("stopping; workers go on");
    stop.cancel();
    tokio::select! {
        result = &mut server => result.map_err(broke),
        () = tokio::time::sleep(GRACE) => {
            tracing::warn!("some requests did not end in time and were cut off");
            Ok(())
        }
        // A second signal means now.
        () = signals.received() => Ok(()),
    }
}

fn lock(path: &Path, home: &Path) -> Result<File, ServeError> {
    use std::os::unix::fs::OpenOptionsExt;
    let failed = |source| ServeError::Lock { path: path.to_path_buf(), source };
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    for _ in 0..LOCK_TRIES {
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            // Whoever only asks whether a server is running holds it for a moment.
            Err(rustix::io::Errno::WOULDBLOCK) => std::thread::sleep(LOCK_PAUSE),
            Err(error) => return Err(failed(error.into())),
        }
    }
    Err(ServeError::AlreadyRunning(home.to_path_buf()))
}

/// Writes into the lock where the server runs, for other commands on this home.
fn remember(mut lock: &File, addr: SocketAddr) -> Result<(), ServeError> {
    let written = lock.set_len(0).and_then(|()| writeln!(lock, "{}", url(addr)));
    written.map_err(|source| ServeError::System { what: "cannot write where the server runs into its lock", source })
}

/// Where the server runs that holds this home's lock; `None` when there is none, or it has not said so.
#[must_use]
pub fn running_at(core: &Core) -> Option<String> {
    if !dispatcher::is_running(core) {
        return None;
    }
    // silent-ok: whoever asks can do without
    let written = std::fs::read_to_string(core.home().server_lock()).ok()?;
    written.lines().next().filter(|line| line.starts_with("http://")).map(str::to_owned)
}

/// An address a browser on this machine can open.
fn url(addr: SocketAddr) -> String {
    if addr.ip().is_unspecified() || addr.ip().is_loopback() && addr.is_ipv4() {
        format!("http://127.0.0.1:{}", addr.port())
    } else {
        format!("http://{addr}")
    }
}

/// A misspelled key would otherwise be found only by whoever wonders why it changes nothing.
fn tell_keys_without_effect(core: &Core) {
    match Config::keys_without_effect(core.home()) {
        Ok(keys) => keys.iter().for_each(|key| eprintln!("config.yaml: {key}")),
        Err(error) => tracing::warn!(%error, "config.yaml cannot be looked through"),
    }
}

async fn setup_link(core: &Core, addr: SocketAddr) -> Result<Option<String>, ServeError> {
    if accounts::is_set_up(core).await? {
        return Ok(None);
    }
    let token = accounts::issue_setup_token(core).await?;
    Ok(Some(format!("{}/setup?token={token}", url(addr))))
}

/// Turns commits of workers and of the command line into signals.
fn start_change_watch(core: Core, tasks: &Tasks, mut watch: agent_core::store::CommitWatch) -> io::Result<()> {
    let stop = tasks.stopping();
    let written = Arc::new(Notify::new());
    // A thread of its own, because waking the runtime twenty times a second would be most of what an idle server does.
    let (mut log, told, stopping) = (core.store().watch_log(), Arc::clone(&written), stop.clone());
    let look = move || {
        while !stopping.is_cancelled() {
            if log.may_have_changed() {
                told.notify_one();
            }
            std::thread::sleep(WATCH_EVERY);
        }
    };
    std::thread::Builder::new().name("log-watch".to_owned()).spawn(look)?;
    tasks.spawn("change-watch", async move {
        let mut failing = false;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = written.notified() => {}
            }
            match watch.ask().await {
                Ok(changed) => {
                    failing = false;
                    if changed {
                        core.changes().signal();
                    }
                }
                Err(error) => {
                    // Once per fault, not twenty times a second.
                    if !std::mem::replace(&mut failing, true) {
                        tracing::error!(%error, "cannot look for changes of other processes; trying again");
                    }
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    match core.store().watch().await {
                        Ok(fresh) => std::mem::replace(&mut watch, fresh).close().await,
                        Err(error) => tracing::debug!(%error, "the database cannot be watched yet"),
                    }
                }
            }
        }
        watch.close().await;
    });
    Ok(())
}

fn start_purge(core: Core, tasks: &Tasks) {
    let stop = tasks.stopping();
    tasks.spawn("account-purge", async move {
        let mut ticks = tokio::time::interval(PURGE_EVERY);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = ticks.tick() => {}
            }
            if let Err(error) = accounts::purge_sessions(&core).await {
                tracing::warn!(%error, "expired sessions cannot be removed; trying again in an hour");
            }
            if let Err(error) = accounts::purge_answers(&core).await {
                tracing::warn!(%error, "old answers cannot be removed; trying again in an hour");
            }
        }
    });
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_has_one_server() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("server.lock");
        let first = lock(&path, dir.path()).unwrap();
        let refused = lock(&path, dir.path()).unwrap_err().to_string();
        assert!(refused.starts_with("another Hermes server is running on "), "{refused}");
        drop(first);
        lock(&path, dir.path()).unwrap();
    }

    #[test]
    fn the_printed_address_can_be_opened() {
        assert_eq!(url("0.0.0.0:8787".parse().unwrap()), "http://127.0.0.1:8787");
        assert_eq!(url("[::1]:80".parse().unwrap()), "http://[::1]:80");
        assert_eq!(url("100.64.0.1:80".parse().unwrap()), "http://100.64.0.1:80");
    }
}
