//! Models: the provider's settings, and streams of OpenAI-compatible chat completions.

use protocol::{LocalServer, ProviderTest, ProviderView, SaveProviderParams};

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
pub async fn provider(core: &Core) -> Result<ProviderView, ModelError> { unimplemented!() }
/// Whether agent runs can start: a base URL and a model are set (a local server needs no key).
#[must_use]
pub fn is_ready(core: &Core) -> bool {
    let config = core.config();
    !config.model.base_url.trim().is_empty() && !config.model.default.trim().is_empty()
}
/// Stores base URL and model in `config.yaml` (other keys and comments kept) and the key in `.env` (0600).
pub async fn save_provider(core: &Core, actor: &Actor, params: SaveProviderParams) -> Result<ProviderView, ModelError> { unimplemented!() }
/// Asks the model for one word with these settings, before or after they are stored.
pub async fn test_provider(core: &Core, params: SaveProviderParams) -> Result<ProviderTest, ModelError> { unimplemented!() }
/// Looks for Ollama, LM Studio and llama.cpp on their usual ports of this machine.
pub async fn local_servers(core: &Core) -> Vec<LocalServer> { unimplemented!() }
