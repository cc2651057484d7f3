//! What a command ends with when it does not succeed: one sentence and an exit code.

use std::io;
use std::process::ExitCode;

use agent_core::accounts::AccountError;
use agent_core::kanban::KanbanError;
use agent_core::llm::ModelError;
use agent_core::profiles::ProfileError;
use agent_core::{CoreError, HomeError};
use protocol::{CardRef, ErrorCode};

/// Why a command did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// Whoever read our output has enough. Not worth a word.
    #[error("the output was closed")]
    Closed,
    /// Refused or failed. Exit code 1.
    #[error("{message}")]
    Failed {
        /// A word scripts can branch on; those of `protocol::ErrorCode`.
        code: &'static str,
        /// The sentence.
        message: String,
    },
    /// The command line makes no sense. Exit code 2.
    #[error("{0}")]
    Usage(String),
}

impl CliError {
    pub(crate) fn failed(code: &'static str, message: impl Into<String>) -> Self {
        Self::Failed { code, message: message.into() }
    }

    pub(crate) fn no_json(error: serde_json::Error) -> Self {
        Self::failed("internal", format!("the answer cannot be written as JSON: {error}"))
    }

    /// Something only a person may do, asked for by a worker.
    pub(crate) fn for_people(what: &str) -> Self {
        Self::failed("denied", format!("only a person may {what}; block your own card with a reason instead"))
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Closed => ExitCode::SUCCESS,
            Self::Failed { .. } => ExitCode::from(1),
            Self::Usage(_) => ExitCode::from(2),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Failed { code, .. } => code,
            Self::Closed | Self::Usage(_) => "usage",
        }
    }

    /// The message without the number that the system has for its cause; the words before it say the same.
    fn sentence(&self) -> String {
        let mut text = self.to_string();
        while let Some(start) = text.find(" (os error ") {
            let Some(end) = text[start..].find(')') else { break };
            text.replace_range(start..=start + end, "");
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// Tells the person or the script. What cannot be told on a closed stderr is lost; the exit code still speaks.
    pub(crate) fn report(&self, json: bool) {
        if matches!(self, Self::Closed) {
            return;
        }
        let text = self.sentence();
        let line = if json {
            serde_json::json!({ "error": text, "code": self.code() }).to_string()
        } else {
            format!("hermes: {}", super::output::printable(&text))
        };
        say(&line);
    }
}

/// Tells a script what could not be done with which card, as one JSON array.
pub(crate) fn report_all(failed: &[(CardRef, CliError)]) {
    let all: Vec<serde_json::Value> = failed
        .iter()
        .map(|(card, error)| {
            let card = match card {
                CardRef::Number(number) => format!("T-{number}"),
                CardRef::Id(id) => id.to_string(),
            };
            serde_json::json!({ "card": card, "error": error.sentence(), "code": error.code() })
        })
        .collect();
    say(&serde_json::Value::from(all).to_string());
}

/// A line on stderr; a closed one is nobody's loss.
pub(super) fn say(line: &str) {
    let _ = io::Write::write_all(&mut io::stderr().lock(), format!("{line}\n").as_bytes());
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::Closed;
        }
        Self::failed("unavailable", format!("the output cannot be written: {error}"))
    }
}

impl From<KanbanError> for CliError {
    fn from(error: KanbanError) -> Self {
        let code = match error.code() {
            // Of the database: whoever runs the command is at the machine, and is told all of it.
            ErrorCode::Internal => ErrorCode::Unavailable,
            code => code,
        };
        Self::failed(code.as_str(), error.to_string())
    }
}

impl From<ProfileError> for CliError {
    fn from(error: ProfileError) -> Self {
        let code = match &error {
            ProfileError::Invalid(_) => "invalid",
            ProfileError::Conflict(_) => "conflict",
            ProfileError::Unavailable { .. } => "unavailable",
        };
        Self::failed(code, error.to_string())
    }
}

impl From<AccountError> for CliError {
    fn from(error: AccountError) -> Self {
        let code = match &error {
            AccountError::Invalid(_) => "invalid",
            AccountError::Denied(_) => "denied",
            AccountError::TooMany { .. } => "too_many",
            AccountError::Unavailable(_) | AccountError::Internal(_) => "unavailable",
        };
        Self::failed(code, error.to_string())
    }
}

impl From<ModelError> for CliError {
    fn from(error: ModelError) -> Self {
        Self::failed("unavailable", error.to_string())
    }
}

impl From<CoreError> for CliError {
    fn from(error: CoreError) -> Self {
        Self::failed("unavailable", error.to_string())
    }
}

impl From<HomeError> for CliError {
    fn from(error: HomeError) -> Self {
        Self::failed("unavailable", error.to_string())
    }
}
