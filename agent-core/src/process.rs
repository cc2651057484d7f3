//! Processes identified by pid and start time, so that a pid that is used again is never mistaken or killed.
//!
//! A worker leads a session of its own. Everything it starts stays in that session unless it leaves on purpose, so
//! ending the session ends its whole tree.

use std::io;

use rustix::process::{Pid, Signal};

/// Variables that say how this machine reaches the network; every program needs them behind a proxy.
pub(crate) const NETWORK: &[&str] = &[
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// No process has this pid. In a container it is the session of everything that was started from outside.
const NOBODY: u32 = 0;

/// A process of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Process id.
    pub pid: u32,
    /// Start time: kernel ticks since boot on Linux, Unix seconds elsewhere.
    pub started: i64,
}

/// Makes the calling process the leader of a new session, away from the terminal and process group of its parent.
///
/// # Errors
/// When it leads a process group already.
pub fn lead_session() -> io::Result<()> {
    rustix::process::setsid()?;
    Ok(())
}

/// The calling process.
///
/// # Errors
/// When its start time cannot be read.
pub fn own_identity() -> io::Result<Identity> {
    let pid = std::process::id();
    identity_of(pid)?.ok_or_else(|| io::Error::other("the start time of this process cannot be read"))
}

/// The process with that pid now, if there is one that is not a zombie.
///
/// # Errors
/// When the system cannot be asked.
pub fn identity_of(pid: u32) -> io::Result<Option<Identity>> {
    Ok(stat::read(pid)?.filter(|found| !found.zombie).map(|found| Identity { pid, started: found.started }))
}

/// Whether exactly this process is still running.
///
/// # Errors
/// When the system cannot be asked.
pub fn is_alive(identity: Identity) -> io::Result<bool> {
    Ok(identity_of(identity.pid)? == Some(identity))
}

/// Whether the process or anything in the session it leads is still running.
///
/// # Errors
/// When the system cannot be asked.
pub fn session_is_alive(leader: Identity) -> io::Result<bool> {
    Ok(!session_members(leader)?.is_empty())
}

/// Which of these processes, or anything in the sessions they lead, are still running: one look at the machine for
/// all of them.
///
/// # Errors
/// When the system cannot be asked.
pub fn sessions_alive(leaders: &[Identity]) -> io::Result<Vec<bool>> {
    let mut sessions = std::collections::HashSet::new();
    if !leaders.is_empty() {
        for pid in stat::all_pids()? {
            if let Some(found) = stat::read(pid)?
                && !found.zombie
            {
                sessions.insert(found.session);
                sessions.insert(pid);
            }
        }
    }
    let mut alive = Vec::with_capacity(leaders.len());
    for leader in leaders {
        let reused = stat::read(leader.pid)?.is_some_and(|found| found.started != leader.started);
        alive.push(leader.pid != NOBODY && !reused && sessions.contains(&leader.pid));
    }
    Ok(alive)
}

/// Sends a signal to the process and everything in its session. Returns how many processes were signalled;
/// none are when the pid belongs to another process by now.
///
/// # Errors
/// When the system cannot be asked.
pub fn signal_session(leader: Identity, signal: Signal) -> io::Result<usize> {
    let members = session_members(leader)?;
    for member in &members {
        if let Some(pid) = i32::try_from(*member).ok().and_then(Pid::from_raw) {
            match rustix::process::kill_process(pid, signal) {
                // It ended by itself in between.
                Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(members.len())
}

/// Live processes whose session the leader leads, itself included. A pid stays reserved while a session uses it as
/// its id, so members are the leader's own unless the pid now names a process with another start time.
fn session_members(leader: Identity) -> io::Result<Vec<u32>> {
    if leader.pid == NOBODY {
        return Ok(Vec::new());
    }
    if let Some(found) = stat::read(leader.pid)?
        && found.started != leader.started
    {
        return Ok(Vec::new());
    }
    let mut members = Vec::new();
    for pid in stat::all_pids()? {
        if let Some(found) = stat::read(pid)?
            && !found.zombie
            && (found.session == leader.pid || pid == leader.pid)
        {
            members.push(pid);
        }
    }
    Ok(members)
}

struct ProcessStat {
    started: i64,
    session: u32,
    zombie: bool,
}

#[cfg(target_os = "linux")]
mod stat {
    use std::{fs, io};

    use super::ProcessStat;

    /// `/proc/<pid>/stat`, see proc_pid_stat(5): fields after the parenthesised name, which may hold anything.
    pub(super) fn read(pid: u32) -> io::Result<Option<ProcessStat>> {
        let text = match fs::read(format!("/proc/{pid}/stat")) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            // ESRCH: it ended between open and read.
            Err(error) if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(3) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let Some((_, rest)) = text.rsplit_once(')') else { return Ok(None) };
        let fields: Vec<&str> = rest.split_whitespace().collect();
        // Field 3 (state) is index 0 here; 6 is the session, 22 the start time.
        let parsed = || {
            Some(ProcessStat {
                zombie: matches!(*fields.first()?, "Z" | "X"),
                session: fields.get(3)?.parse().ok()?,
                started: fields.get(19)?.parse().ok()?,
            })
        };
        Ok(parsed())
    }

    pub(super) fn all_pids() -> io::Result<Vec<u32>> {
        let mut pids = Vec::new();
        for entry in fs::read_dir("/proc")? {
            if let Ok(pid) = entry?.file_name().to_string_lossy().parse() {
                pids.push(pid);
            }
        }
        Ok(pids)
    }
}

#[cfg(not(target_os = "linux"))]
mod stat {
    use std::io;
    use std::process::Command;

    use super::ProcessStat;

    /// `ps` is the one interface that macOS and the BSDs share without unsafe code.
    pub(super) fn read(pid: u32) -> io::Result<Option<ProcessStat>> {
        let output = Command::new("ps").args(["-o", "state=,sess=,etimes=", "-p", &pid.to_string()]).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let fields: Vec<&str> = text.split_whitespace().collect();
        let group = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap_or(0))
            .and_then(|pid| rustix::process::getsid(Some(pid)).ok());
        let parsed = || {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?.as_secs();
            let age: u64 = fields.last()?.parse().ok()?;
            Some(ProcessStat {
                zombie: fields.first()?.starts_with('Z'),
                session: group.map_or(pid, |sid| u32::try_from(sid.as_raw_nonzero().get()).unwrap_or(pid)),
                started: i64::try_from(now.saturating_sub(age)).ok()?,
            })
        };
        Ok(parsed())
    }

    pub(super) fn all_pids() -> io::Result<Vec<u32>> {
        let output = Command::new("ps").args(["-axo", "pid="]).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).split_whitespace().filter_map(|pid| pid.parse().ok()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{Identity, identity_of, is_alive, own_identity, session_is_alive};

    #[test]
    fn knows_itself_and_not_an_impostor() {
        let own = own_identity().unwrap();
        assert!(is_alive(own).unwrap());
        let impostor = Identity { started: own.started + 1, ..own };
        assert!(!is_alive(impostor).unwrap());
        assert!(!session_is_alive(impostor).unwrap());
    }

    #[test]
    fn nobody_leads_no_session() {
        for started in [0, 1] {
            let nobody = Identity { pid: 0, started };
            assert!(!session_is_alive(nobody).unwrap());
            assert_eq!(super::sessions_alive(&[nobody]).unwrap(), [false]);
            assert_eq!(super::signal_session(nobody, rustix::process::Signal::CONT).unwrap(), 0);
        }
    }

    #[test]
    fn a_dead_child_is_not_alive_even_as_a_zombie() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
        while identity_of(pid).unwrap().is_some() {
            assert!(std::time::Instant::now() < deadline);
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert_eq!(identity_of(pid).unwrap(), None);
    }
}
