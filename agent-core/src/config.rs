//! `config.yaml`: what people set by hand. Unknown keys are left alone, missing keys have defaults.

mod keys;

use std::path::PathBuf;

use serde::Deserialize;
use serde_yaml_ng::Value;

use crate::Home;
use crate::text::{Notation, misread};
use protocol::AgeLimits;

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not readable.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Not YAML, or a value of the wrong kind.
    #[error(
        "{path} is not usable: {problem}. Mend that line, or move the file away to start with defaults; nothing was changed"
    )]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong and where.
        problem: String,
    },
}

/// The settings Hermes knows.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Config {
    /// The model provider.
    pub model: ModelConfig,
    /// Board and dispatcher.
    pub kanban: KanbanConfig,
    /// The web server.
    pub server: ServerConfig,
    /// Push messages.
    pub push: PushConfig,
    /// Models for small tasks beside the work itself.
    pub auxiliary: AuxiliaryConfig,
}

/// Models for small tasks; without them the provider's model does them. The names are those of the Python product.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct AuxiliaryConfig {
    /// Writes out cards in triage.
    pub triage_specifier: AuxiliaryModel,
    /// Takes cards in triage apart.
    pub kanban_decomposer: AuxiliaryModel,
}

/// A model for a small task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct AuxiliaryModel {
    /// Name, as the provider writes it.
    pub model: Option<String>,
}

impl AuxiliaryModel {
    /// The model to use; `None` for the provider's own.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.model.as_deref().map(str::trim).filter(|name| !name.is_empty())
    }
}

/// The model provider.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct ModelConfig {
    /// Base URL of an OpenAI-compatible API.
    pub base_url: String,
    /// Model name. The Python product calls it `default`.
    #[serde(alias = "model", alias = "name")]
    pub default: String,
    /// Name of the variable in `.env` that holds the key.
    pub key_env: Option<String>,
    /// Dollars per million prompt tokens, when known.
    pub price_in: Option<f64>,
    /// Dollars per million completion tokens, when known.
    pub price_out: Option<f64>,
    /// Context window in tokens.
    pub context_tokens: Option<u32>,
}

/// Board and dispatcher.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct KanbanConfig {
    /// Workers at once on this machine.
    pub max_in_progress: u32,
    /// Workers at once of one profile; without it only the machine's limit counts.
    pub max_in_progress_per_profile: Option<u32>,
    /// Failures in a row before a person is asked.
    pub failure_limit: u32,
    /// Lease in seconds.
    pub claim_ttl_seconds: u32,
    /// A claimed worker must speak within this many seconds.
    pub start_ttl_seconds: u32,
    /// Longest run in seconds.
    pub max_runtime_seconds: u32,
    /// Model calls of one run.
    pub max_turns: u32,
    /// Profile of cards without an assignee.
    pub default_assignee: String,
    /// Days that a finished card keeps its history; after them only its beginning and its end stay. 0 keeps all of it.
    pub event_retention_days: u32,
    /// Days that a finished card keeps what its runs did and wrote; 0 is for ever.
    pub log_retention_days: u32,
    /// How long cards may stay in a column before the time on their faces turns amber and red.
    pub card_age: AgeLimits,
}

impl Default for KanbanConfig {
    fn default() -> Self {
        Self {
            max_in_progress: 3,
            max_in_progress_per_profile: None,
            failure_limit: 2,
            claim_ttl_seconds: 900,
            start_ttl_seconds: 30,
            max_runtime_seconds: 4 * 3600,
            max_turns: 60,
            default_assignee: "default".to_owned(),
            event_retention_days: 0,
            log_retention_days: 90,
            card_age: AgeLimits::default(),
        }
    }
}

/// The web server.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct ServerConfig {
    /// Where phones open Hermes, for instance `https://machine.tail1234.ts.net`.
    pub public_url: Option<String>,
    /// Further host names that requests may carry.
    pub allowed_hosts: Vec<String>,
}

/// Push messages.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct PushConfig {
    /// `mailto:` or `https:` address of whoever runs this server (RFC 8292 §2.1); Apple refuses invented ones.
    pub subject: Option<String>,
    /// Origins of push services beyond the known ones, for instance a UnifiedPush server.
    pub allowed_origins: Vec<String>,
    /// Hide titles and questions in messages, because they show on lock screens.
    pub hide_details: bool,
}

/// The settings of a file in which nothing stands for the default: the Python product writes it so. `None` when something
/// else is wrong with it.
fn without_nulls(text: &str) -> Option<Config> {
    fn strip(value: &mut Value) {
        if let Value::Mapping(map) = value {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(strip);
        }
    }
    let mut value: Value = serde_yaml_ng::from_str(text).ok()?;
    strip(&mut value);
    serde_yaml_ng::from_value(value).ok()
}

impl Config {
    /// Reads the file; a missing one gives the defaults.
    ///
    /// # Errors
    /// When the file is unreadable or broken.
    pub fn load(home: &Home) -> Result<Self, ConfigError> {
        let path = home.config();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(ConfigError::Unreadable { path, source }),
        };
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        serde_yaml_ng::from_str(&text).or_else(|error| without_nulls(&text).ok_or(error)).map_err(|error| {
            let problem = misread("", &error.to_string(), Notation::Yaml);
            ConfigError::Broken { path, problem }
        })
    }

    /// A sentence for each key of the file that has no effect, most likely because it is misspelled. What the Python
    /// product knows is not among them.
    ///
    /// # Errors
    /// When the file is unreadable.
    pub fn keys_without_effect(home: &Home) -> Result<Vec<String>, ConfigError> {
        let path = home.config();
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(keys::unread(&text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(ConfigError::Unreadable { path, source }),
        }
    }
}
