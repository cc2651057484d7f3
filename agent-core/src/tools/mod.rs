//! What an agent can do: run commands, read and write files, and speak about its card.
//!
//! A tool that fails is a text the model reads, never an error of ours. Nothing reaches a tool without the policy, and
//! nothing leaves one with a stored key in it.

mod environment;
mod kanban;
pub(crate) mod output;
pub(crate) mod places;
mod policy;
pub(crate) mod process_tree;
mod read_file;
mod terminal;
mod write_file;

pub(crate) use environment::clean_environment;

use std::path::PathBuf;

use protocol::WorkspaceKind;
use serde::de::DeserializeOwned;

use crate::Core;
use crate::kanban::worker::{Assignment, RunTicket};
use crate::llm::{Redactor, ToolSpec};
use crate::text::read_json;
use crate::worker::{Activity, Control};
use places::Places;

/// Most of a tool's answer that a model reads.
pub const MAX_OUTPUT_BYTES: usize = 16 * 1024;

/// How a tool call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolStatus {
    /// It did what was asked.
    Done,
    /// It could not; the text says why.
    Failed,
    /// Policy forbids it; nothing was done.
    Refused,
    /// The card was handed over: the run is finished.
    HandedOver,
}

/// What a tool answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolOutcome {
    /// How it went.
    pub status: ToolStatus,
    /// What the model reads.
    pub text: String,
    /// What people read in the activity, when that is something else.
    pub shown: Option<String>,
}

impl ToolOutcome {
    pub(crate) fn done(text: impl Into<String>) -> Self {
        Self { status: ToolStatus::Done, text: text.into(), shown: None }
    }
    pub(crate) fn failed(text: impl Into<String>) -> Self {
        Self { status: ToolStatus::Failed, text: text.into(), shown: None }
    }
    pub(crate) fn refused(text: impl Into<String>) -> Self {
        Self { status: ToolStatus::Refused, text: text.into(), shown: None }
    }
    fn with_shown(mut self, shown: impl Into<String>) -> Self {
        self.shown = Some(shown.into());
        self
    }
}

/// What tools work with.
#[derive(Debug, Clone)]
pub struct ToolContext {
    pub(crate) core: Core,
    pub(crate) ticket: RunTicket,
    pub(crate) number: i64,
    pub(crate) board: String,
    pub(crate) workspace: PathBuf,
    pub(crate) places: Places,
    pub(crate) redactor: Redactor,
    pub(crate) activity: Activity,
    pub(crate) control: Control,
}

impl ToolContext {
    /// The context of an assignment.
    #[must_use]
    pub fn new(core: Core, assignment: &Assignment, redactor: Redactor, activity: Activity, control: Control) -> Self {
        let user_home = std::env::home_dir().unwrap_or_else(|| PathBuf::from("/nonexistent"));
        let users = assignment.workspace_kind == WorkspaceKind::Dir;
        let places = Places::new(&assignment.workspace, users, core.home().root(), &user_home);
        Self {
            core,
            ticket: assignment.ticket,
            number: assignment.number,
            board: assignment.board.clone(),
            workspace: assignment.workspace.clone(),
            places,
            redactor,
            activity,
            control,
        }
    }
}

/// A tool.
#[async_trait::async_trait]
pub trait Tool: Send + Sync {
    /// Name, description and arguments for the model.
    fn spec(&self) -> ToolSpec;
    /// Runs it. Stops early when the run is stopped.
    async fn run(&self, cx: &ToolContext, arguments: serde_json::Value) -> ToolOutcome;
}

/// The tools of a worker.
pub struct ToolSet {
    tools: Vec<Box<dyn Tool>>,
}

impl std::fmt::Debug for ToolSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.tools.iter().map(|tool| tool.spec().name)).finish()
    }
}

impl ToolSet {
    /// Everything a worker may use.
    #[must_use]
    pub fn for_worker() -> Self {
        let mut tools: Vec<Box<dyn Tool>> =
            vec![Box::new(terminal::Terminal), Box::new(read_file::ReadFile), Box::new(write_file::WriteFile)];
        tools.extend(kanban::tools());
        Self { tools }
    }

    /// What the model is told.
    #[must_use]
    pub fn specs(&self) -> Vec<ToolSpec> {
        self.tools.iter().map(|tool| tool.spec()).collect()
    }

    /// Runs a tool by name with arguments as the model wrote them.
    pub async fn run(&self, cx: &ToolContext, name: &str, arguments: &str) -> ToolOutcome {
        let Some(tool) = self.tools.iter().find(|tool| tool.spec().name == name) else {
            let names: Vec<&str> = self.tools.iter().map(|tool| tool.spec().name).collect();
            return ToolOutcome::failed(format!("there is no tool \"{name}\"; use one of {}", names.join(", ")));
        };
        let text = if arguments.trim().is_empty() { "{}" } else { arguments };
        let parsed = match read_json::<serde_json::Value>(text.as_bytes()) {
            Ok(value @ serde_json::Value::Object(_)) => value,
            Ok(_) => return ToolOutcome::failed("the arguments must be one JSON object; nothing was done"),
            Err(error) => {
                return ToolOutcome::failed(format!(
                    "the arguments are not valid JSON: {error}; nothing was done. If they were cut off, send less at once"
                ));
            }
        };
        let mut outcome = tool.run(cx, parsed).await;
        outcome.text = output::clip(&cx.redactor.clean(&outcome.text), MAX_OUTPUT_BYTES);
        outcome
    }
}

/// Reads a tool's arguments.
fn parse<T: DeserializeOwned>(arguments: serde_json::Value) -> Result<T, ToolOutcome> {
    read_json(arguments.to_string().as_bytes())
        .map_err(|error| ToolOutcome::failed(format!("wrong arguments: {error}; nothing was done")))
}
