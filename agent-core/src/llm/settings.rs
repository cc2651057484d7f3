//! The provider's settings: two lines in `config.yaml`, one in `.env`.

use protocol::{ProviderView, SaveProviderParams};

use super::config_file::{self, ModelKeys};
use super::env_file::{self, EnvFile};
use super::files::{self, Mode, SettingsLock};
use super::http::{self, Endpoint};
use super::openai_chat::OpenAiChat;
use super::secret::{self, Redactor};
use super::{CallError, FailureKind, ModelError};
use crate::{Actor, Config, Core, audit};

/// The variable that holds the key when the configuration names none.
const DEFAULT_KEY_ENV: &str = "HERMES_MODEL_KEY";
/// Window assumed when the configuration does not tell.
const DEFAULT_CONTEXT_TOKENS: u32 = 128_000;
const MAX_MODEL_CHARS: usize = 300;

fn key_env(config: &Config) -> &str {
    config.model.key_env.as_deref().filter(|name| !name.is_empty()).unwrap_or(DEFAULT_KEY_ENV)
}

fn stored_key(core: &Core) -> Result<Option<String>, ModelError> {
    let name = key_env(&core.config()).to_owned();
    Ok(EnvFile::read(&core.home().env_file())?.get(&name).filter(|key| !key.is_empty()))
}

/// The provider as settings show it.
pub(super) fn view(core: &Core) -> Result<ProviderView, ModelError> {
    let config = core.config();
    Ok(ProviderView {
        base_url: config.model.base_url.clone(),
        model: config.model.default.clone(),
        key_masked: secret::mask(&stored_key(core)?.unwrap_or_default()),
        ready: is_ready(&config),
    })
}

pub(super) fn is_ready(config: &Config) -> bool {
    !config.model.base_url.trim().is_empty() && !config.model.default.trim().is_empty()
}

/// Settings that passed every check.
pub(super) struct Checked {
    pub(super) base_url: String,
    pub(super) model: String,
    /// The key to use now.
    pub(super) key: Option<String>,
}

/// Checks what a person entered and decides which key goes with it.
pub(super) fn check(core: &Core, params: &SaveProviderParams) -> Result<Checked, ModelError> {
    let url = http::parse_base(&params.base_url).map_err(ModelError::Invalid)?;
    let model = params.model.trim();
    if model.is_empty() || model.chars().count() > MAX_MODEL_CHARS || model.chars().any(char::is_control) {
        return Err(ModelError::Invalid(
            "the model's name is missing or not a name; enter it as the provider writes it".into(),
        ));
    }
    let key = match params.key.as_deref().map(str::trim) {
        Some("") => None,
        Some(key) => {
            env_file::check_key(key)?;
            Some(key.to_owned())
        }
        None => {
            let stored = stored_key(core)?;
            let old = http::parse_base(&core.config().model.base_url).ok();
            let old_host = old.as_ref().and_then(|url| url.host_str());
            // A stored key is for the host it was entered for; sending it elsewhere would give it away.
            if stored.is_some() && old_host.is_some_and(|old| Some(old) != url.host_str()) {
                return Err(ModelError::Invalid(format!(
                    "the stored key is for {}; enter the key for {}, or clear the field when it needs none",
                    old_host.unwrap_or_default(),
                    url.host_str().unwrap_or_default()
                )));
            }
            stored
        }
    };
    Ok(Checked { base_url: url.as_str().trim_end_matches('/').to_owned(), model: model.to_owned(), key })
}

/// Writes the settings: audit row first, then both files, then the commit, so that nothing happens unrecorded.
pub(super) async fn save(core: &Core, actor: &Actor, params: SaveProviderParams) -> Result<ProviderView, ModelError> {
    let checked = check(core, &params)?;
    let failed = |error: &dyn std::fmt::Display| ModelError::Unavailable(error.to_string());
    let mut tx = core.write().await.map_err(|error| failed(&error))?;
    let key_word = match params.key.as_deref().map(str::trim) {
        None => "kept",
        Some("") => "removed",
        Some(_) => "changed",
    };
    let detail = serde_json::json!({ "base_url": checked.base_url, "model": checked.model, "key": key_word });
    audit::record(&mut tx, core.now_ms(), actor, "provider_saved", "settings:model", &detail)
        .await
        .map_err(|error| failed(&error))?;
    crate::kanban::pause::resume_all(&mut tx, core.now_ms()).await.map_err(|error| failed(&error))?;
    let writer = core.clone();
    let new_key = params.key.map(|key| key.trim().to_owned());
    let written = tokio::task::spawn_blocking(move || write_files(&writer, &checked, new_key.as_deref())).await;
    written.map_err(|error| failed(&error))??;
    tx.commit().await.map_err(|error| failed(&error))?;
    core.reload_config().map_err(|error| failed(&error))?;
    view(core)
}

fn write_files(core: &Core, checked: &Checked, new_key: Option<&str>) -> Result<(), ModelError> {
    let _lock = SettingsLock::take(core.home())?;
    let path = core.home().config();
    let text = files::read(&path)?.unwrap_or_default();
    let on_disk = Config::load(core.home()).map_err(|error| ModelError::Unavailable(error.to_string()))?;
    let variable = key_env(&on_disk);
    env_file::check_name(variable)?;
    let names_it = new_key.is_some_and(|key| !key.is_empty()) && on_disk.model.key_env.is_none();
    let keys = ModelKeys { base_url: &checked.base_url, model: &checked.model, key_env: names_it.then_some(variable) };
    // Everything that can be refused is refused before the first write.
    let fresh = config_file::edited(&text, keys)?;
    if let Some(key) = new_key {
        EnvFile::read(&core.home().env_file())?.store(variable, Some(key).filter(|key| !key.is_empty()))?;
    }
    if fresh != text {
        files::replace(&path, &fresh, Mode::Keep)?;
    }
    Ok(())
}

/// The provider that the settings name, with another model when one is given.
pub(super) fn configured(core: &Core, model: Option<&str>) -> Result<OpenAiChat, CallError> {
    let config = core.config();
    if !is_ready(&config) {
        return Err(CallError::new(FailureKind::Refused, ModelError::NotSetUp.to_string()));
    }
    let key = stored_key(core).map_err(|error| CallError::new(FailureKind::Refused, error.to_string()))?;
    let redactor = Redactor::of(core).map_err(|error| CallError::new(FailureKind::Refused, error.to_string()))?;
    let endpoint = Endpoint::new(&config.model.base_url, key, redactor)?;
    let window = config.model.context_tokens.unwrap_or(DEFAULT_CONTEXT_TOKENS);
    let model = model.unwrap_or(&config.model.default).trim().to_owned();
    Ok(OpenAiChat::new(endpoint, model, window))
}

/// A provider for a test of settings that may not be stored yet.
pub(super) fn tentative(core: &Core, checked: &Checked) -> Result<OpenAiChat, CallError> {
    let stored = Redactor::of(core).map_err(|error| CallError::new(FailureKind::Refused, error.to_string()))?;
    let redactor = match &checked.key {
        Some(key) => stored.with(key),
        None => stored,
    };
    let endpoint = Endpoint::new(&checked.base_url, checked.key.clone(), redactor)?;
    Ok(OpenAiChat::new(endpoint, checked.model.clone(), DEFAULT_CONTEXT_TOKENS))
}
