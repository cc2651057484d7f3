//! The release build: the browser client, and the one binary that holds it.
use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{client, progress::Progress, workspace};

/// How many steps [`release`] announces.
pub(crate) const STEPS: usize = 2;

/// Builds client and server, and returns the binary: a copy that no other clone's build replaces.
pub(crate) fn release(progress: &mut Progress) -> Result<PathBuf> {
    progress.step("Building the browser client (about 2 minutes the first time) …");
    let site = client::build(&client::Options { dev: false, out: None })?;
    progress.step("Building the server (about 6 minutes the first time) …");
    server(&site, &["--release"], "bin")
}

/// An unoptimised build of both, for `watch`.
pub(crate) fn dev() -> Result<PathBuf> {
    let site = client::build(&client::Options { dev: true, out: None })?;
    server(&site, &[], "bin-dev")
}

fn server(site: &Path, profile: &[&str], directory: &str) -> Result<PathBuf> {
    let mut command = workspace::cargo();
    command.args(["build", "--package", "server", "--bin", "hermes", WITH_MESSAGES]);
    command.args(profile).env("HERMES_SITE_DIR", site);
    let built = artifact(&mut command, |message| {
        let executable = message["executable"].as_str()?;
        (message["target"]["name"] == "hermes").then(|| executable.into())
    })?;
    let kept = workspace::output_dir().join(directory).join("hermes");
    copy_if_changed(&built, &kept)?;
    Ok(kept)
}

/// Makes cargo say what it built; [`artifact`] reads it. Its progress still goes to the user.
pub(crate) const WITH_MESSAGES: &str = "--message-format=json-render-diagnostics";

/// Runs a cargo build that has [`WITH_MESSAGES`] and picks what it made, so that nothing is assumed about where cargo
/// puts things.
pub(crate) fn artifact(command: &mut Command, pick: impl Fn(&Value) -> Option<PathBuf>) -> Result<PathBuf> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("could not start cargo")?;
    let mut found = None;
    for line in BufReader::new(child.stdout.take().context("cargo has no output")?).lines() {
        if let Ok(message) = serde_json::from_str::<Value>(&line?)
            && message["reason"] == "compiler-artifact"
        {
            found = pick(&message).or(found);
        }
    }
    if !child.wait()?.success() {
        bail!("the build failed; the reason is above");
    }
    found.context("cargo reported success but not what it built")
}

fn copy_if_changed(from: &Path, to: &Path) -> Result<()> {
    let stamp = |path: &Path| fs::metadata(path).and_then(|data| Ok((data.len(), data.modified()?)));
    if let (Ok(new), Ok(old)) = (stamp(from), stamp(to))
        && new.0 == old.0
        && new.1 <= old.1
    {
        return Ok(());
    }
    let dir = to.parent().context("no directory")?;
    fs::create_dir_all(dir)?;
    // A running server keeps the old file; overwriting it in place would be refused.
    let staged = to.with_extension("new");
    fs::copy(from, &staged).with_context(|| format!("copying {}", from.display()))?;
    fs::rename(&staged, to)?;
    Ok(())
}
