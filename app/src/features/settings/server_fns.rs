//! What the browser asks about the model provider. The key travels to the server and never back.
use leptos::prelude::*;
use protocol::{LocalServer, ProviderTest, ProviderView, SaveProviderParams};

use crate::error::ApiError;
use crate::json::Json;

/// The provider, its key masked.
#[server(endpoint = "settings/provider", input = Json)]
pub async fn read_provider() -> Result<ProviderView, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::llm::provider(&cx.core).await?)
}

/// Stores the provider.
#[server(endpoint = "settings/save_provider", input = Json)]
pub async fn save_provider(params: SaveProviderParams) -> Result<ProviderView, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::llm::save_provider(&cx.core, &cx.actor, params).await?)
}

/// Asks the model for a word, before or after the settings are stored.
#[server(endpoint = "settings/test_provider", input = Json)]
pub async fn test_provider(params: SaveProviderParams) -> Result<ProviderTest, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::llm::test_provider(&cx.core, params).await?)
}

/// Model servers that run on the machine of the server.
#[server(endpoint = "settings/local_servers", input = Json)]
pub async fn find_local_servers() -> Result<Vec<LocalServer>, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::llm::local_servers(&cx.core).await)
}
