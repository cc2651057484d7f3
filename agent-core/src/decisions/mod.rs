//! Decisions: what only a person can settle. Only a decision pushes.

use protocol::{DecisionId, DecisionView, Inbox, SettleDecisionOutcome, SettleDecisionParams};

use crate::kanban::KanbanError;
use crate::{Actor, Core};

/// Open decisions, oldest first.
pub async fn inbox(core: &Core) -> Result<Inbox, KanbanError> { unimplemented!() }
/// How many are open.
pub async fn open_count(core: &Core) -> Result<i64, KanbanError> { unimplemented!() }
/// One decision, whatever its state.
pub async fn decision(core: &Core, id: DecisionId) -> Result<DecisionView, KanbanError> { unimplemented!() }
/// Settles once and only once. Whoever is second gets the decision as the first one left it, with `by_you: false`.
pub async fn settle(core: &Core, actor: &Actor, params: SettleDecisionParams) -> Result<SettleDecisionOutcome, KanbanError> { unimplemented!() }
