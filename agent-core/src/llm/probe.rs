//! Looks at providers: does this one answer, and which ones run on this machine?

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::join_all;
use protocol::{LocalServer, ProviderTest, SaveProviderParams};

use super::{CallError, Delta, FailureKind, Message, ModelError, Provider, Request, http, settings};
use crate::Core;

/// Servers that people run, and where they listen unless told otherwise.
pub const LOCAL_PORTS: &[(&str, u16)] = &[("Ollama", 11434), ("LM Studio", 1234), ("llama.cpp", 8080)];
const LOCAL_TIMEOUT: Duration = Duration::from_millis(400);
const TEST_TIMEOUT: Duration = Duration::from_secs(90);
const MAX_MODELS: usize = 50;
const MAX_LIST_BYTES: usize = 1024 * 1024;
const TEST_PROMPT: &str = include_str!("../../prompts/provider_test.md");

/// Asks the model for one word.
pub(super) async fn test(core: &Core, params: SaveProviderParams) -> Result<ProviderTest, ModelError> {
    let checked = settings::check(core, &params)?;
    let asked = async { ask(&settings::tentative(core, &checked)?, &checked.model).await };
    let late = || CallError::new(FailureKind::Timeout, "no complete answer within 90 seconds");
    let result = tokio::time::timeout(TEST_TIMEOUT, asked).await.unwrap_or_else(|_elapsed| Err(late()));
    Ok(result.unwrap_or_else(|error| ProviderTest::Fails { hint: error.hint().to_owned(), message: error.message }))
}

async fn ask(provider: &dyn Provider, model: &str) -> Result<ProviderTest, CallError> {
    let started = Instant::now();
    let messages = [Message::User { content: TEST_PROMPT.trim().to_owned() }];
    let mut stream = provider.stream(Request { messages: &messages, tools: &[] }).await?;
    let mut first = None;
    let mut name = model.to_owned();
    while let Some(delta) = stream.next().await {
        match delta? {
            Delta::Model(reported) => name = reported,
            Delta::Text(_) | Delta::Thinking(_) | Delta::ToolCall(_) => {
                first.get_or_insert_with(|| started.elapsed());
            }
            Delta::Usage(_) | Delta::Finish(_) => {}
        }
    }
    let Some(first) = first else {
        return Err(CallError::new(FailureKind::Broken, "the server answered, but with no word in it"));
    };
    let ms = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
    Ok(ProviderTest::Works { first_token_ms: ms(first), total_ms: ms(started.elapsed()), model: name })
}

/// Looks for model servers at these ports of this machine, all at once. A port that does not answer like one within
/// 400 ms is no server.
pub async fn local_servers_at(ports: &[(&str, u16)]) -> Vec<LocalServer> {
    let client = match http::probe_client(LOCAL_TIMEOUT) {
        Ok(client) => client,
        Err(error) => {
            tracing::warn!(%error, "cannot look for local model servers");
            return Vec::new();
        }
    };
    let looks = ports.iter().map(|(name, port)| {
        let client = client.clone();
        async move {
            let base_url = format!("http://127.0.0.1:{port}/v1");
            match models(&client, &base_url).await {
                Ok(models) => Some(LocalServer { name: (*name).to_owned(), base_url, models }),
                Err(error) => {
                    tracing::debug!(%error, port, "no model server here");
                    None
                }
            }
        }
    });
    join_all(looks).await.into_iter().flatten().collect()
}

async fn models(client: &reqwest::Client, base_url: &str) -> Result<Vec<String>, CallError> {
    let response = client.get(format!("{base_url}/models")).send().await.map_err(http::from_transport)?;
    if !response.status().is_success() {
        return Err(CallError::new(FailureKind::NotFound, format!("HTTP {}", response.status().as_u16())));
    }
    let body = http::read_bounded(response, MAX_LIST_BYTES).await?;
    let list: serde_json::Value = serde_json::from_slice(&body)
        .map_err(|error| CallError::new(FailureKind::Broken, format!("not a list of models: {error}")))?;
    // Ollama says `"data": null` while it has no models.
    let data = list.get("data").ok_or_else(|| CallError::new(FailureKind::Broken, "not a list of models"))?;
    let ids = data.as_array().map(Vec::as_slice).unwrap_or_default().iter();
    Ok(ids.filter_map(|model| model.get("id")?.as_str()).map(str::to_owned).take(MAX_MODELS).collect())
}
