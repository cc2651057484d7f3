//! What the browser asks about decisions.
use leptos::prelude::*;
use protocol::{
    DecisionId, DecisionView, Inbox, SettleDecisionOutcome, SettleDecisionParams, SnoozeDecisionOutcome,
    SnoozeDecisionParams,
};

use crate::error::ApiError;
use crate::json::Json;

/// Everything that waits for a person.
#[server(endpoint = "decisions/inbox", input = Json)]
pub async fn read_inbox() -> Result<Inbox, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::decisions::inbox(&cx.core).await?)
}

/// One decision, whatever its state.
#[server(endpoint = "decisions/read", input = Json)]
pub async fn read_decision(id: DecisionId) -> Result<DecisionView, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::decisions::decision(&cx.core, id).await?)
}

/// Settles a decision, once and only once: whoever is second is told who was first.
#[server(endpoint = "decisions/settle", input = Json)]
pub async fn settle_decision(params: SettleDecisionParams) -> Result<SettleDecisionOutcome, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::decisions::settle(&cx.core, &cx.actor, params).await?)
}

/// Puts a decision off, or brings it back.
#[server(endpoint = "decisions/snooze", input = Json)]
pub async fn snooze_decision(params: SnoozeDecisionParams) -> Result<SnoozeDecisionOutcome, ApiError> {
    let cx = crate::ctx::ctx().await?;
    Ok(agent_core::decisions::snooze(&cx.core, &cx.actor, params).await?)
}
