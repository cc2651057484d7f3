//! Asks the system's package manager for what a build or a test needs, where we may.
use std::{path::PathBuf, process::Command};

use anyhow::{Result, bail};

/// What one thing is called by each package manager.
pub(crate) struct Wanted {
    pub(crate) what: &'static str,
    pub(crate) apt: &'static [&'static str],
    pub(crate) dnf: &'static [&'static str],
    pub(crate) brew: &'static [&'static str],
}

/// Installs it as root or through sudo. Where that is not possible, the error is the one command to run.
pub(crate) fn install(wanted: &Wanted) -> Result<()> {
    let managers: [(&str, &[&str], &[&str]); 3] = [
        ("apt-get", &["install", "-y", "--no-install-recommends"], wanted.apt),
        ("dnf", &["install", "-y"], wanted.dnf),
        ("brew", &["install"], wanted.brew),
    ];
    let Some((manager, verb, names)) = managers.into_iter().find(|(manager, ..)| find(&[manager]).is_some()) else {
        bail!("{} is missing, and this system has no package manager known here: please install it", wanted.what)
    };
    // Homebrew refuses to be root; the others have to be.
    let prefix: &[&str] = match manager {
        "brew" => &[],
        _ if is_root() => &[],
        _ if find(&["sudo"]).is_some() => &["sudo"],
        _ => bail!("{} is missing. As root, run: {manager} {} {}", wanted.what, verb.join(" "), names.join(" ")),
    };
    let line = |arguments: &[&'static str]| [prefix, &[manager], arguments].concat();
    if manager == "apt-get" {
        // A fresh machine or container has no package lists yet. Old ones may do, so a failure here is not the end.
        run(&line(&["update", "-q"]));
    }
    let command = line(&[verb, names].concat());
    println!("      Installing {}: {}", wanted.what, command.join(" "));
    if !run(&command) {
        bail!("{} could not be installed. Please install it, for example with: {}", wanted.what, command.join(" "));
    }
    Ok(())
}

/// The first of these programs that is on the PATH (or, given with slashes, exists).
pub(crate) fn find(programs: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    programs.iter().find_map(|program| {
        if program.contains('/') {
            return Some(PathBuf::from(program)).filter(|file| file.is_file());
        }
        std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
    })
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn run(line: &[&str]) -> bool {
    let [program, arguments @ ..] = line else {
        return false;
    };
    let status = Command::new(program).args(arguments).env("DEBIAN_FRONTEND", "noninteractive").status();
    status.is_ok_and(|status| status.success())
}
