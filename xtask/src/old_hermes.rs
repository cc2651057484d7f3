//! The Python hermes-agent, from which `hermes import` is tested. It lies in an environment of its own below `target`.
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::{
    packages::{Wanted, find, install},
    workspace::{self, run},
};

/// Says to the tests where its command line is.
pub(crate) const PROGRAM: &str = "HERMES_OLD_BIN";

/// The version that is imported from, and what of its dependencies its `kanban` commands load: 90 MB instead of 300.
const PACKAGES: &[&str] = &[
    "hermes-agent==0.19.0",
    "markdown-it-py==4.3.0",
    "mdurl==0.1.2",
    "pygments==2.21.0",
    "python-dotenv==1.2.4",
    "pyyaml==6.0.3",
    "rich==15.0.0",
];
/// It runs on these versions of Python.
const PYTHONS: &[&str] = &["python3.11", "python3.12", "python3.13", "python3"];

/// Installs it when it is not there yet; returns its program.
pub(crate) fn prepare() -> Result<PathBuf> {
    let home = workspace::output_dir().join("old-hermes");
    let program = home.join("bin/hermes");
    let marker = home.join("installed");
    let wanted = PACKAGES.join("\n");
    if program.is_file() && fs::read_to_string(&marker).is_ok_and(|installed| installed == wanted) {
        return Ok(program);
    }
    let python = python()?;
    println!("      Installing {} (pip) …", PACKAGES[0]);
    let mut venv = Command::new(&python);
    run(venv.args(["-m", "venv", "--clear"]).arg(&home))
        .context("Python cannot make environments; on Debian and Ubuntu: apt-get install python3-venv")?;
    let mut pip = Command::new(home.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--no-deps"]).args(PACKAGES);
    run(&mut pip)
        .context("the Python hermes-agent could not be installed; the package index must be reachable once")?;
    works(&program)?;
    fs::write(marker, wanted)?;
    Ok(program)
}

/// A Python that hermes-agent runs on.
fn python() -> Result<PathBuf> {
    if find(PYTHONS).is_none() {
        install(&Wanted {
            what: "Python 3.11, 3.12 or 3.13 (the import is tested with the Python hermes-agent)",
            apt: &["python3", "python3-venv"],
            dnf: &["python3"],
            brew: &["python@3.13"],
        })?;
    }
    let fits = |name: &&str| {
        let check = "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))";
        find(&[name])
            .filter(|python| Command::new(python).args(["-c", check]).status().is_ok_and(|status| status.success()))
    };
    PYTHONS.iter().find_map(fits).context(
        "the import is tested with the Python hermes-agent, which needs Python 3.11, 3.12 or 3.13, and none of them is \
         on the PATH: please install one",
    )
}

/// Its command line starts, with a home of its own.
fn works(program: &Path) -> Result<()> {
    let home = program.with_file_name("..").join("first-start");
    fs::create_dir_all(&home)?;
    let mut hermes = Command::new(program);
    hermes.args(["kanban", "boards", "list"]);
    for variable in ["HOME", "HERMES_HOME", "HERMES_KANBAN_HOME"] {
        hermes.env(variable, &home);
    }
    let output = hermes.output().context("the Python hermes-agent does not start")?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && !error.contains("Traceback"), "the Python hermes-agent does not start: {error}");
    fs::remove_dir_all(home)?;
    Ok(())
}
