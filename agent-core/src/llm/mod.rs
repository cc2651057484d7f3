//! Models: the provider's settings, and streams of OpenAI-compatible chat completions.
//!
//! Only this module names a vendor, a wire format or a TLS library. Keys never leave it except towards their own
//! provider.

mod answer;
mod config_file;
mod env_file;
mod failure;
mod files;
mod http;
mod message;
mod openai_chat;
mod probe;
mod secret;
mod settings;
mod sse;

pub use answer::{Answer, AnswerBuilder};
pub use failure::{CallError, FailureKind};
pub use message::{
    Capabilities, Delta, DeltaStream, FinishReason, Message, Provider, Request, TokenUsage, ToolCall, ToolCallDelta,
    ToolSpec,
};
pub use openai_chat::OpenAiChat;
pub use probe::{LOCAL_PORTS, local_servers_at};
pub use secret::Redactor;

use protocol::{LocalServer, ProviderTest, ProviderView, SaveProviderParams};

use futures_util::StreamExt;

use crate::{Actor, Core};

/// A refusal or a fault, in a sentence for people. Never contains the key.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The settings are not acceptable.
    #[error("{0}")]
    Invalid(String),
    /// No provider is set up.
    #[error("no model provider is set up; open Settings and choose one")]
    NotSetUp,
    /// The provider or the network said no.
    #[error("{message}")]
    Provider {
        /// HTTP status, when there was an answer.
        status: Option<u16>,
        /// What it said, secrets removed.
        message: String,
        /// Milliseconds to wait, when it said so.
        retry_after_ms: Option<i64>,
    },
    /// A file could not be read or written.
    #[error("{0}")]
    Unavailable(String),
}

/// The provider as settings show it.
///
/// # Errors
/// When the file with the key cannot be read.
pub async fn provider(core: &Core) -> Result<ProviderView, ModelError> {
    settings::view(core)
}

/// Whether agent runs can start: a base URL and a model are set (a local server needs no key).
#[must_use]
pub fn is_ready(core: &Core) -> bool {
    settings::is_ready(&core.config())
}

/// Stores base URL and model in `config.yaml` (other keys and comments kept) and the key in `.env` (0600).
///
/// # Errors
/// `Invalid` for settings or a file that cannot be edited safely; nothing is changed then.
pub async fn save_provider(core: &Core, actor: &Actor, params: SaveProviderParams) -> Result<ProviderView, ModelError> {
    settings::save(core, actor, params).await
}

/// Asks the model for one word with these settings, before or after they are stored.
///
/// # Errors
/// `Invalid` for settings that cannot be right. A provider that says no is no error but a result.
pub async fn test_provider(core: &Core, params: SaveProviderParams) -> Result<ProviderTest, ModelError> {
    probe::test(core, params).await
}

/// Looks for Ollama, LM Studio and llama.cpp on their usual ports of this machine.
pub async fn local_servers(_core: &Core) -> Vec<LocalServer> {
    probe::local_servers_at(LOCAL_PORTS).await
}

/// The provider that agents use.
///
/// # Errors
/// When none is set up, or its settings cannot be used.
pub fn configured_provider(core: &Core, model: Option<&str>) -> Result<OpenAiChat, CallError> {
    settings::configured(core, model)
}

/// Asks once and waits for the whole answer.
///
/// # Errors
/// When the provider says no, or answers with more than 4 MB.
pub async fn complete(provider: &dyn Provider, request: Request<'_>) -> Result<Answer, CallError> {
    let mut stream = provider.stream(request).await?;
    let mut answer = AnswerBuilder::default();
    while let Some(delta) = stream.next().await {
        answer.push(&delta?)?;
    }
    Ok(answer.finish())
}
