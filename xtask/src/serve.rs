//! Runs Hermes from the clone: `make serve` for use, `make watch` for development.
use std::{
    env, fs,
    os::unix::{fs::DirBuilderExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command},
    thread,
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result, anyhow};

use crate::{build, progress::Progress, workspace};

/// Builds what changed, then becomes the server.
pub(crate) fn serve(addr: &str) -> Result<()> {
    let mut progress = Progress::new(build::STEPS + 1);
    let hermes = build::release(&mut progress)?;
    let home = home()?;
    progress.step(&format!("Starting Hermes on http://{addr} with its data in {} …", home.display()));
    println!("      Ready to start after {}. Stop it with Ctrl-C.", progress.elapsed());
    // The server takes our place, so that signals and the exit code are its own.
    let error = server(&hermes, addr, &home).exec();
    Err(error).with_context(|| format!("could not start {}", hermes.display()))
}

/// Rebuilds and restarts an unoptimised server whenever a source file changes.
pub(crate) fn watch(addr: &str) -> Result<()> {
    let home = home()?;
    let mut running: Option<Child> = None;
    loop {
        let seen = newest_source()?;
        match build::dev() {
            Ok(hermes) => {
                stop(running.take());
                let child = server(&hermes, addr, &home).spawn();
                running = Some(child.with_context(|| format!("could not start {}", hermes.display()))?);
            }
            Err(error) => eprintln!("error: {error:#}"),
        }
        println!("      Watching for changes (Ctrl-C to stop) …");
        while newest_source()? == seen {
            thread::sleep(Duration::from_millis(300));
        }
    }
}

fn server(hermes: &Path, addr: &str, home: &Path) -> Command {
    let mut command = Command::new(hermes);
    command.args(["serve", "--addr", addr]).env("HERMES_HOME", home);
    command
}

/// `HERMES_HOME`, created for its owner alone when it is not there yet.
fn home() -> Result<PathBuf> {
    let home = match env::var_os("HERMES_HOME").filter(|home| !home.is_empty()) {
        Some(home) => std::path::absolute(home)?,
        None => {
            let user = env::var_os("HOME").ok_or_else(|| anyhow!("set HERMES_HOME (or HOME): where may data go?"))?;
            Path::new(&user).join(".hermes")
        }
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&home)
        .with_context(|| format!("could not create HERMES_HOME at {}", home.display()))?;
    Ok(home)
}

/// Lets the server end in its own way, so that it leaves nothing half done.
fn stop(child: Option<Child>) {
    let Some(mut child) = child else { return };
    let asked = Command::new("kill").arg(child.id().to_string()).status();
    for _ in 0..50 {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
    if asked.is_err() || matches!(child.try_wait(), Ok(None)) {
        let _ = child.kill(); // it may have ended by itself in the meantime
        let _ = child.wait();
    }
}

/// When the youngest source file changed, and how many there are, so that a deleted one shows as well.
fn newest_source() -> Result<(SystemTime, usize)> {
    const SOURCES: [&str; 9] =
        ["Cargo.toml", "protocol", "agent-core", "app", "frontend", "server", "style", "public", "manifest"];
    fn visit(path: &Path, newest: &mut (SystemTime, usize)) -> Result<()> {
        let Ok(data) = fs::metadata(path) else {
            return Ok(());
        }; // gone since it was listed
        if data.is_dir() {
            for entry in fs::read_dir(path)? {
                visit(&entry?.path(), newest)?;
            }
        } else {
            newest.0 = newest.0.max(data.modified()?);
            newest.1 += 1;
        }
        Ok(())
    }
    let mut newest = (SystemTime::UNIX_EPOCH, 0);
    for source in SOURCES {
        visit(&workspace::root().join(source), &mut newest)?;
    }
    Ok(newest)
}
