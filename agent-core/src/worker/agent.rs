//! The `agent` executor: our own loop with a model and tools.

use std::path::PathBuf;

use protocol::RunOutcome;
use time::OffsetDateTime;

use super::{Activity, Control, Ended};
use crate::kanban::worker::Assignment;
use crate::llm::{self, Message, Redactor};
use crate::tools::output::floor_char;
use crate::tools::{ToolContext, ToolSet};
use crate::turn::{Driver, TurnEnd};
use crate::{Core, Home, profiles};

const WORKER_PROMPT: &str = include_str!("../../prompts/worker.md");
const MAX_SOUL_BYTES: usize = 64 * 1024;

pub(super) async fn work(
    core: &Core,
    assignment: &Assignment,
    redactor: &Redactor,
    activity: &Activity,
    control: &Control,
) -> Ended {
    let provider = match llm::configured_provider(core, assignment.model.as_deref()) {
        Ok(provider) => provider,
        Err(error) => {
            let error = format!("the model cannot be used: {error}. Check it in Settings");
            return Ended::Failed { outcome: RunOutcome::Crashed, error, retry_after_ms: None };
        }
    };
    let cx = ToolContext::new(core.clone(), assignment, redactor.clone(), activity.clone(), control.clone());
    let tools = ToolSet::for_worker();
    let driver = Driver {
        cx: &cx,
        session: assignment.session,
        provider: &provider,
        tools: &tools,
        max_turns: assignment.max_turns,
    };
    match driver.run(opening(core, assignment, redactor)).await {
        Ok(TurnEnd::HandedOver) => Ended::HandedOver,
        Ok(TurnEnd::Failed { outcome, error, retry_after_ms }) => Ended::Failed { outcome, error, retry_after_ms },
        Ok(TurnEnd::Stopped(reason)) => Ended::Stopped(reason),
        Err(error) => Ended::Failed { outcome: RunOutcome::Crashed, error: error.to_string(), retry_after_ms: None },
    }
}

/// Who the agent is and what it shall do.
fn opening(core: &Core, assignment: &Assignment, redactor: &Redactor) -> Vec<Message> {
    let now = OffsetDateTime::from_unix_timestamp(core.now_ms() / 1000).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let rules = WORKER_PROMPT
        .replace("{workspace}", &assignment.workspace.to_string_lossy())
        .replace("{date}", &format!("{}, {}", now.weekday(), now.date()))
        .replace("{profile}", &assignment.profile)
        .replace("{card}", &format!("T-{}", assignment.number))
        .replace("{board}", &assignment.board);
    let content = match soul(core.home(), &assignment.profile) {
        Some(soul) => format!("{soul}\n\n{rules}"),
        None => rules,
    };
    vec![
        Message::System { content: redactor.clean(&content) },
        Message::User { content: redactor.clean(&assignment.context) },
    ]
}

/// The profile's own character, when it has one.
fn soul(home: &Home, profile: &str) -> Option<String> {
    let directory: PathBuf =
        if profile == profiles::DEFAULT_PROFILE { home.root().to_path_buf() } else { home.profiles().join(profile) };
    let path = directory.join("SOUL.md");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "the profile's SOUL.md cannot be read; going on without it");
            return None;
        }
    };
    let text = text.trim_start_matches('\u{feff}').trim();
    let kept = text.get(..floor_char(text, MAX_SOUL_BYTES)).unwrap_or_default();
    (!kept.is_empty()).then(|| kept.to_owned())
}
