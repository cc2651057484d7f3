//! A home of its own for each test, and the binary run on it.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use agent_core::{Core, OpenOptions};
use serde::de::DeserializeOwned;
use serde_json::Value;

pub struct Home {
    pub dir: tempfile::TempDir,
    extra: Vec<(String, String)>,
}

impl Home {
    /// An empty directory.
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), extra: Vec::new() }
    }

    /// The same home, with further variables.
    pub fn with_env(mut self, name: &str, value: &str) -> Self {
        self.extra.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn set_env(&mut self, name: &str, value: &str) {
        self.extra.retain(|(known, _)| known != name);
        self.extra.push((name.to_owned(), value.to_owned()));
    }

    pub fn clear_env(&mut self) {
        self.extra.clear();
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hermes"));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path())
            .env("HERMES_HOME", self.path())
            .env("USER", "ada")
            .envs(self.extra.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Ran {
        Ran::new(self.command().args(args).output().unwrap())
    }

    /// Runs with a text on stdin.
    pub fn feed(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut child = self.command().args(args).stdin(Stdio::piped()).spawn().unwrap();
        // A command that refuses early closes its stdin; that is its answer, not ours.
        let _ = child.stdin.take().unwrap().write_all(input);
        Ran::new(child.wait_with_output().unwrap())
    }

    /// Runs with `--json` and reads the answer as a type of the contract.
    pub fn json<T: DeserializeOwned>(&self, args: &[&str]) -> T {
        let ran = self.run(&[args, &["--json"]].concat());
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.stderr);
        assert_eq!(ran.stderr, "", "{args:?} speaks JSON only");
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{args:?}: {error} in {}", ran.stdout))
    }

    /// Creates a card and returns its number as text.
    pub fn card(&self, title: &str) -> String {
        let written: protocol::CardWritten = self.json(&["kanban", "create", title]);
        written.card.number.to_string()
    }

    pub fn face(&self, card: &str) -> protocol::TaskCard {
        self.json::<protocol::CardDetail>(&["kanban", "show", card]).card
    }

    pub async fn core(&self) -> Core {
        Core::open(OpenOptions::new(agent_core::Home::at(self.path()))).await.unwrap()
    }
}

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn new(output: Output) -> Self {
        Self {
            code: output.status.code().expect("the command ends by itself"),
            stdout: String::from_utf8(output.stdout).expect("UTF-8 on stdout"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8 on stderr"),
        }
    }

    /// Nothing on stdout, and one JSON object with the sentence on stderr.
    pub fn json_error(&self) -> Value {
        assert_eq!(self.stdout, "", "{self:?}");
        let error: Value = serde_json::from_str(&self.stderr).unwrap_or_else(|_| panic!("no JSON error in {self:?}"));
        assert!(error["error"].as_str().is_some_and(|text| !text.trim().is_empty()), "{self:?}");
        error
    }
}
