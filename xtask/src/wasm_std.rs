//! Makes sure there is a standard library for the browser target, whatever the machine's Rust came from.
use std::{path::Path, path::PathBuf, process::Command};

use anyhow::{Result, bail};

use crate::workspace::{cargo, output};

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// How to obtain `std` for the browser target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WasmStd {
    /// It is installed beside the compiler.
    Installed,
    /// It is compiled from the `rust-src` of the compiler's own version, for distributions that ship no wasm target.
    FromSource,
}

impl WasmStd {
    /// Finds, or else installs, the standard library.
    ///
    /// `HERMES_WASM_STD=source` forces the second way, to test it on a machine that has the first.
    pub(crate) fn prepare() -> Result<Self> {
        let forced = std::env::var_os("HERMES_WASM_STD").is_some_and(|value| value == "source");
        if !forced {
            if installed()? {
                return Ok(Self::Installed);
            }
            if has("rustup") {
                println!("      Installing the Rust target {TARGET} …");
                let added = Command::new("rustup").args(["target", "add", TARGET]).status();
                if added.is_ok_and(|status| status.success()) && installed()? {
                    return Ok(Self::Installed);
                }
                println!("      rustup could not install it; looking for the standard library's source instead.");
            }
        }
        if source()?.exists() {
            return Ok(Self::FromSource);
        }
        install_source();
        if source()?.exists() {
            return Ok(Self::FromSource);
        }
        bail!(
            "the browser client needs Rust's {TARGET} target, and this Rust has neither the target nor its source.\n\
             Do one of these, then run the same command again:\n\
             \x20 rustup target add {TARGET}        (Rust from rustup.rs)\n\
             \x20 rustup component add rust-src                  (the same, where the target cannot be had)\n\
             \x20 sudo apt-get install rust-src                  (Debian, Ubuntu: same version as rustc)\n\
             \x20 sudo dnf install rust-src rust-std-static-{TARGET}   (Fedora)"
        )
    }

    /// Adds what cargo needs to compile for the target this way.
    pub(crate) fn apply(self, command: &mut Command) {
        command.args(["--target", TARGET]);
        if self == Self::FromSource {
            // The stable compiler builds its own standard library only when told that it may act as the bootstrap one.
            command.env("RUSTC_BOOTSTRAP", "1").args(["-Z", "build-std=std,panic_abort"]);
        }
    }
}

fn rustc() -> Command {
    Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

fn installed() -> Result<bool> {
    let dir = output(rustc().args(["--print", "target-libdir", "--target", TARGET]))?;
    let Ok(entries) = std::fs::read_dir(Path::new(dir.trim())) else {
        return Ok(false);
    };
    Ok(entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-")))
}

fn source() -> Result<PathBuf> {
    let sysroot = output(rustc().args(["--print", "sysroot"]))?;
    Ok(Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/Cargo.lock"))
}

/// Tries the package managers we know. What could not be installed shows in the check that follows.
fn install_source() {
    let attempts: &[&[&str]] = &[
        &["rustup", "component", "add", "rust-src"],
        &["apt-get", "install", "-y", "rust-src"],
        &["dnf", "install", "-y", "rust-src"],
    ];
    for attempt in attempts {
        let [program, arguments @ ..] = attempt else {
            continue;
        };
        if has(program) {
            println!("      Installing the standard library's source: {}", attempt.join(" "));
            let done = Command::new(program).args(arguments).status();
            if done.is_ok_and(|status| status.success()) {
                return;
            }
        }
    }
}

fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// A cargo command for the browser target, with the standard library taken care of.
pub(crate) fn cargo_for_wasm(subcommand: &str, wasm_std: WasmStd) -> Command {
    let mut command = cargo();
    command.arg(subcommand);
    wasm_std.apply(&mut command);
    command
}
