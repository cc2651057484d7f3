//! The model provider.

use serde::{Deserialize, Serialize};

/// The provider as the settings show it. The key itself never leaves the server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderView {
    /// Base URL of an OpenAI-compatible API, for instance `https://api.openai.com/v1`; empty when none is set up.
    pub base_url: String,
    /// Model name.
    pub model: String,
    /// `sk-…a1b2`, or empty when no key is stored.
    pub key_masked: String,
    /// Whether agent runs can start.
    pub ready: bool,
}

/// Stores the provider.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaveProviderParams {
    /// Base URL.
    pub base_url: String,
    /// Model name.
    pub model: String,
    /// A new key; `None` keeps the stored one, `Some("")` removes it.
    #[serde(default)]
    pub key: Option<String>,
}

impl std::fmt::Debug for SaveProviderParams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SaveProviderParams")
            .field("base_url", &self.base_url)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

/// What a test of the provider found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderTest {
    /// The model answered.
    Works {
        /// Until the first token, in milliseconds.
        first_token_ms: u32,
        /// Until the end of the answer.
        total_ms: u32,
        /// Model name as the server reported it.
        model: String,
    },
    /// It did not.
    Fails {
        /// The provider's or the network's own words, secrets removed.
        message: String,
        /// What to do next.
        hint: String,
    },
}

/// A model server found on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalServer {
    /// "Ollama", "LM Studio" or "llama.cpp".
    pub name: String,
    /// Base URL to store.
    pub base_url: String,
    /// Models it offers, at most 50.
    pub models: Vec<String>,
}
