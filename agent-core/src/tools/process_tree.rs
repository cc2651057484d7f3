//! Everything a command started, however it tried to get away: found by process group, by parents, and by a mark in
//! the environment that every descendant inherits.

use std::collections::HashSet;
use std::time::Duration;

use rustix::process::{Pid, Signal};

/// Between the polite signal and the other one.
const GRACE: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(20);
/// After this long something cannot be killed, and waiting longer helps nobody.
const GIVE_UP: Duration = Duration::from_secs(10);

/// The processes of one command.
#[derive(Debug, Clone)]
pub(crate) struct ProcessTree {
    /// Leader of the process group, while its number cannot have been given to somebody else.
    pub(crate) leader: Option<u32>,
    /// `NAME=value` in the environment of all of them.
    pub(crate) mark: String,
}

impl ProcessTree {
    /// Ends all of them and waits until they are gone: SIGTERM, two seconds, SIGKILL. Returns whether all are.
    pub(crate) async fn end(&self) -> bool {
        let started = tokio::time::Instant::now();
        let mut asked = HashSet::new();
        loop {
            let members = self.members();
            if members.is_empty() {
                return true;
            }
            let elapsed = started.elapsed();
            if elapsed > GIVE_UP {
                tracing::error!(?members, "processes of a command cannot be ended");
                return false;
            }
            for pid in members {
                if elapsed >= GRACE {
                    signal(pid, Signal::KILL);
                } else if asked.insert(pid) {
                    signal(pid, Signal::TERM);
                    // A stopped process hears nothing until it goes on.
                    signal(pid, Signal::CONT);
                }
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Live members; zombies and this process itself do not count.
    pub(crate) fn members(&self) -> Vec<u32> {
        let own = std::process::id();
        let all = list::processes();
        let mut found: HashSet<u32> = HashSet::new();
        for process in &all {
            let in_group = self.leader.is_some_and(|leader| process.group == leader || process.pid == leader);
            if in_group || list::has_in_environment(process.pid, &self.mark) {
                found.insert(process.pid);
            }
        }
        loop {
            let before = found.len();
            for process in &all {
                if found.contains(&process.parent) {
                    found.insert(process.pid);
                }
            }
            if found.len() == before {
                break;
            }
        }
        all.iter()
            .filter(|process| process.pid != own && !process.zombie && found.contains(&process.pid))
            .map(|process| process.pid)
            .collect()
    }
}

fn signal(pid: u32, signal: Signal) {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return };
    match rustix::process::kill_process(pid, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => {}
        Err(error) => tracing::warn!(%error, "a process of a command cannot be signalled"),
    }
}

struct Process {
    pid: u32,
    parent: u32,
    group: u32,
    zombie: bool,
}

#[cfg(target_os = "linux")]
mod list {
    use super::Process;

    pub(super) fn processes() -> Vec<Process> {
        let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            // Whatever vanishes between listing and reading has ended.
            .filter_map(read)
            .collect()
    }

    fn read(pid: u32) -> Option<Process> {
        let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        let stat = String::from_utf8_lossy(&stat);
        // Fields after the name in brackets: state, parent, group (proc_pid_stat(5)).
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let zombie = matches!(fields.next()?, "Z" | "X");
        Some(Process { pid, parent: fields.next()?.parse().ok()?, group: fields.next()?.parse().ok()?, zombie })
    }

    pub(super) fn has_in_environment(pid: u32, mark: &str) -> bool {
        // Processes of other users cannot be read, and are not ours.
        std::fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|environment| environment.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes()))
    }
}

#[cfg(not(target_os = "linux"))]
mod list {
    use super::Process;

    pub(super) fn processes() -> Vec<Process> {
        let output = std::process::Command::new("ps").args(["-axo", "pid=,ppid=,pgid=,state="]).output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        let parse = |line: &str| {
            let mut fields = line.split_whitespace();
            let mut number = || fields.next()?.parse().ok();
            let (pid, parent, group) = (number()?, number()?, number()?);
            Some(Process { pid, parent, group, zombie: fields.next()?.starts_with('Z') })
        };
        text.lines().filter_map(parse).collect()
    }

    pub(super) fn has_in_environment(pid: u32, mark: &str) -> bool {
        let output = std::process::Command::new("ps").args(["eww", "-o", "command=", "-p", &pid.to_string()]).output();
        output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).split_whitespace().any(|word| word == mark))
    }
}
