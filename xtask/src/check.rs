//! Everything a change must pass before it is worth running, and the tests themselves.
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::{
    architecture, budget, build, old_hermes,
    packages::{Wanted, find, install},
    progress::Progress,
    tests_run::{self, Counts},
    tidy,
    wasm_std::{WasmStd, cargo_for_wasm},
    workspace::{self, cargo, run},
};

/// Format, lints, documentation, sizes, dependency arrows.
pub(crate) fn check() -> Result<()> {
    let mut progress = Progress::new(7);
    let lints = ["--", "-D", "warnings"];

    progress.step("Format");
    run(cargo().args(["fmt", "--all", "--check"])).context("run `cargo fmt --all`")?;
    progress.step("Lints of everything that runs on a host …");
    run(cargo().args(["clippy", "--workspace", "--exclude", "frontend", "--all-targets"]).args(lints))?;
    progress.step("Lints of the browser client …");
    run(cargo_for_wasm("clippy", WasmStd::prepare()?).args(["--package", "frontend"]).args(lints))?;
    progress.step("Documentation …");
    let mut doc = cargo();
    run(doc.args(["doc", "--workspace", "--exclude", "frontend", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))?;
    progress.step("File sizes and forbidden calls");
    tidy::check()?;
    progress.step("Dependency arrows");
    architecture::check()?;
    progress.step("Licences, advisories and unused dependencies");
    for (program, arguments) in [("cargo-deny", &["deny", "check"] as &[_]), ("cargo-machete", &["machete"])] {
        if find(&[program]).is_some() {
            run(cargo().args(arguments))?;
        } else {
            println!("      {program} is not installed, so this part is left out");
        }
    }
    println!("make check: all good after {}", progress.elapsed());
    Ok(())
}

/// Every test there is, and the budgets.
pub(crate) fn test() -> Result<()> {
    let mut progress = Progress::new(4 + build::STEPS + 1);
    progress.step("Setting up the browser tests …");
    let browsers = Browsers::prepare()?;
    progress.step("Setting up the Python hermes-agent that the import is tested with …");
    let old_hermes = old_hermes::prepare()?;
    progress.step("Unit, core, server, tidiness and architecture tests (compiling takes 5 minutes the first time) …");
    let rust = rust_tests(&old_hermes)?;
    println!("      {rust}");
    let hermes = build::release(&mut progress)?;
    progress.step("Browser tests …");
    let browser = browsers.test(&hermes, &[])?;
    progress.step("Budgets …");
    budget::check(&hermes)?;
    println!("make test: Rust {rust}; browser {browser}; budgets kept; after {}", progress.elapsed());
    Ok(())
}

/// The browser tests alone.
pub(crate) fn e2e(arguments: &[String]) -> Result<()> {
    let mut progress = Progress::new(2 + build::STEPS);
    progress.step("Setting up the browser tests …");
    let browsers = Browsers::prepare()?;
    let hermes = build::release(&mut progress)?;
    progress.step("Browser tests …");
    let counts = browsers.test(&hermes, arguments)?;
    println!("make e2e: {counts}; after {}", progress.elapsed());
    Ok(())
}

/// The benchmarks of every crate that has some, against the release binary.
pub(crate) fn bench() -> Result<()> {
    let mut progress = Progress::new(build::STEPS + 3);
    progress.step("Setting up the browser …");
    let browsers = Browsers::prepare()?;
    let hermes = build::release(&mut progress)?;
    progress.step("Browser …");
    browsers.bench(&hermes)?;
    progress.step("Benchmarks …");
    let mut command = cargo();
    command.args(["bench", "--workspace", "--exclude", "frontend", "--bench", "*"]).env("HERMES_BIN", hermes);
    run(&mut command)?;
    println!("make bench: done after {}", progress.elapsed());
    Ok(())
}

/// Random sequences of operations, 100 steps each; who runs the tests alone plays fewer.
const RANDOM_SEQUENCES: (&str, &str) = ("HERMES_RANDOM_CASES", "500");

fn rust_tests(old_hermes: &Path) -> Result<Counts> {
    // A failure does not stop the others: one run shows everything that is wrong.
    let selection = ["--workspace", "--exclude", "frontend", "--no-fail-fast"];
    if find(&["cargo-nextest"]).is_none() {
        let mut tests = cargo();
        tests.arg("test").args(selection).env(old_hermes::PROGRAM, old_hermes);
        return tests_run::run(tests.env(RANDOM_SEQUENCES.0, RANDOM_SEQUENCES.1));
    }
    let mut tests = cargo();
    tests.args(["nextest", "run"]).args(selection).env(old_hermes::PROGRAM, old_hermes);
    tests.env(RANDOM_SEQUENCES.0, RANDOM_SEQUENCES.1);
    let mut counts = tests_run::run(&mut tests)?;
    // nextest does not run the examples in the documentation.
    counts.add(tests_run::run(cargo().args(["test", "--doc"]).args(selection))?);
    Ok(counts)
}

/// Playwright and a browser from the distribution.
struct Browsers {
    chromium: PathBuf,
    directory: PathBuf,
}

impl Browsers {
    fn prepare() -> Result<Self> {
        let directory = workspace::root().join("end2end");
        ensure!(directory.join("package-lock.json").is_file(), "end2end/package-lock.json is missing");
        if find(&["node"]).is_none() || find(&["npm"]).is_none() {
            install(&Wanted {
                what: "Node.js with npm",
                apt: &["nodejs", "npm"],
                dnf: &["nodejs", "npm"],
                brew: &["node"],
            })?;
        }
        let chromium = match chromium() {
            Some(found) => found,
            None => {
                install(&Wanted {
                    what: "Chromium",
                    apt: &["chromium"],
                    dnf: &["chromium-headless"],
                    brew: &["--cask", "chromium"],
                })?;
                chromium().context("Chromium was installed but is not on the PATH; set CHROMIUM_BIN to it")?
            }
        };
        install_modules(&directory)?;
        Ok(Self { chromium, directory })
    }

    fn test(&self, hermes: &Path, arguments: &[String]) -> Result<Counts> {
        let mut command = Command::new("npx");
        command.args(["--no-install", "playwright", "test"]).args(arguments).current_dir(&self.directory);
        command.env("HERMES_BIN", hermes).env("CHROMIUM_BIN", &self.chromium);
        let counts = tests_run::run(&mut command)?;
        ensure!(counts.passed > 0, "no browser test ran");
        Ok(counts)
    }

    /// Measures the browser and prints what it found.
    fn bench(&self, hermes: &Path) -> Result<()> {
        let mut command = Command::new("npx");
        command.args(["--no-install", "playwright", "test", "--config", "playwright.bench.config.ts"]);
        command.current_dir(&self.directory).env("HERMES_BIN", hermes).env("CHROMIUM_BIN", &self.chromium);
        run(&mut command)
    }
}

fn chromium() -> Option<PathBuf> {
    if let Some(chosen) = std::env::var_os("CHROMIUM_BIN").filter(|path| !path.is_empty()) {
        return Some(chosen.into());
    }
    find(&[
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
        "/usr/lib64/chromium-browser/headless_shell",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    ])
}

/// Runs `npm ci` when the lockfile is not the one that was installed.
fn install_modules(directory: &Path) -> Result<()> {
    let wanted = fs::read(directory.join("package-lock.json"))?;
    let installed = directory.join("node_modules/.installed-lock.json");
    if fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    println!("      Installing the test runner (npm ci) …");
    let mut command = Command::new("npm");
    command.args(["ci", "--no-audit", "--no-fund"]).current_dir(directory);
    // The browser is the distribution's. Playwright's own would be another download of 150 MB.
    run(command.env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1"))?;
    fs::write(installed, wanted)?;
    Ok(())
}
