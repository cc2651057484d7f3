//! What the machine has to offer: the home and its rights, disk space, keys, git, programs.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use super::{Health, Row};
use crate::Home;

/// Less free space than this stops SQLite soon.
const BROKEN_BELOW: u64 = 100 * 1024 * 1024;
const WARN_BELOW: u64 = 1024 * 1024 * 1024;
const GIT_PATIENCE: Duration = Duration::from_secs(5);

/// The home: there, ours alone, writable.
pub(super) fn home(home: &Home) -> Row {
    const NAME: &str = "home";
    let root = home.root();
    let shown = root.display();
    let found = match fs::metadata(root) {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let fix = "start `hermes serve` once, which makes it, or set HERMES_HOME to where it is";
            return Row::bad(NAME, Health::Broken, format!("there is no {shown} yet"), fix);
        }
        Err(error) => {
            return Row::bad(NAME, Health::Broken, format!("{shown} cannot be looked at: {error}"), "mend its rights");
        }
    };
    if !found.is_dir() {
        let fix = "move that file away, or set HERMES_HOME to a directory";
        return Row::bad(NAME, Health::Broken, format!("{shown} is not a directory"), fix);
    }
    // Asking leaves nothing behind, unlike writing a file to see.
    if let Err(error) = rustix::fs::access(root, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK) {
        let fix = format!("make it writable for you: `chown -R \"$USER\" {shown}` and `chmod u+rwx {shown}`");
        return Row::bad(NAME, Health::Broken, format!("{shown} cannot be written: {error}"), fix);
    }
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let found = format!("{shown} can be read by others (mode {mode:o})");
        return Row::bad(NAME, Health::Warning, found, format!("`chmod 700 {shown}`"));
    }
    Row::ok(NAME, format!("{shown}, yours alone"))
}

/// Room on the disk that holds the home.
pub(super) fn disk(home: &Home) -> Row {
    let free = match rustix::fs::statvfs(home.root()) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
        Err(error) => {
            return Row::bad(
                "disk",
                Health::Warning,
                format!("cannot tell how much is free: {error}"),
                "look with `df -h`",
            );
        }
    };
    let found = format!("{} free", size_in_words(free));
    match free {
        0..BROKEN_BELOW => {
            Row::bad("disk", Health::Broken, found, "free some space; nothing can be saved on a full disk")
        }
        BROKEN_BELOW..WARN_BELOW => Row::bad("disk", Health::Warning, found, "free some space soon"),
        _ => Row::ok("disk", found),
    }
}

/// Files with keys: readable by the owner alone. Their contents are not read.
pub(super) fn keys(home: &Home) -> Row {
    let mut files: Vec<PathBuf> = vec![home.env_file()];
    match fs::read_dir(home.keys()) {
        Ok(entries) => files.extend(entries.flatten().map(|entry| entry.path())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => {
            let found = format!("{} cannot be read: {error}", home.keys().display());
            return Row::bad("keys", Health::Broken, found, "mend its rights");
        }
    }
    let open = |path: &&PathBuf| fs::metadata(path).is_ok_and(|found| found.mode() & 0o077 != 0);
    if let Some(path) = files.iter().find(open) {
        let found = format!("{} can be read by others", path.display());
        return Row::bad("keys", Health::Warning, found, format!("`chmod 600 {}`", path.display()));
    }
    let vapid =
        files.iter().any(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vapid")));
    if vapid {
        Row::ok("keys", "the push key is there, and keys are yours alone")
    } else {
        Row::bad("keys", Health::Note, "there is no push key yet", "start `hermes serve` once, which makes it")
    }
}

/// Git, for coding tasks.
pub(super) async fn git() -> Row {
    let fix = "install git; cards that work on code need it";
    let mut command = tokio::process::Command::new("git");
    command.arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    match tokio::time::timeout(GIT_PATIENCE, command.output()).await {
        Ok(Ok(output)) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout);
            Row::ok("git", text.trim().trim_start_matches("git version").trim().to_owned())
        }
        Ok(Ok(output)) => Row::bad("git", Health::Warning, format!("git does not work ({})", output.status), fix),
        Ok(Err(error)) => Row::bad("git", Health::Note, format!("git cannot be started: {error}"), fix),
        Err(_) => Row::bad("git", Health::Warning, "git does not answer", fix),
    }
}

/// Whether a name is a program: a path to an executable file, or found in `PATH`.
pub(super) fn is_program(name: &str) -> bool {
    let executable = |path: &Path| fs::metadata(path).is_ok_and(|found| found.is_file() && found.mode() & 0o111 != 0);
    if name.contains('/') {
        return executable(Path::new(name));
    }
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| executable(&dir.join(name))))
}

pub(super) fn size_in_words(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{} KB", bytes / 1024),
        1_048_576..1_073_741_824 => format!("{} MB", bytes / 1_048_576),
        _ => format!("{} GB", bytes / 1_073_741_824),
    }
}

#[cfg(test)]
mod tests {
    use super::{is_program, size_in_words};

    #[test]
    fn programs_are_files_that_may_be_run() {
        assert!(is_program("sh") && is_program("/bin/sh"));
        assert!(
            !is_program("no-such-program-here") && !is_program("/bin") && !is_program("/etc/passwd") && !is_program("")
        );
    }

    #[test]
    fn sizes_read_well() {
        assert_eq!(
            (size_in_words(5), size_in_words(5_000_000), size_in_words(6_000_000_000)),
            ("5 bytes".into(), "4 MB".into(), "5 GB".into())
        );
    }
}
