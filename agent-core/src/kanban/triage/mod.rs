//! Triage with a model: writing out what a card means, and taking it apart. A model only proposes; what changes the
//! board is a person who accepts, or a board whose owner wants it done without being asked.

mod accept;
mod ask;
mod auto;
mod store;
mod swarm;

use protocol::{CardId, CardRef, CardState, Proposal, ProposalKind, ProposalState, ProposalView};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::boards::load_for_write;
use super::card_row::{CardRow, load};
use super::event::{self, NewEvent};
use super::warnings::Unavailable;
use super::{KanbanError, worker};
use crate::{Actor, Core, audit, llm, task, text};

pub use accept::accept_proposal;
pub(super) use accept::{inherited, require_profile};
pub use auto::{run_once as decompose_next, start as start_automatic};
pub use swarm::create_swarm;

/// No model is waited for longer than this.
const ANSWER_WITHIN_MS: i64 = 180_000;
/// An asking without an answer after this time was left behind by a server that ended.
const GIVEN_UP_AFTER_MS: i64 = ANSWER_WITHIN_MS + 15_000;
/// How long one sign of an open form keeps a model away.
const EDITING_MS: i64 = 60_000;

/// An asking under way.
struct Asking {
    card: CardRow,
    kind: ProposalKind,
    token: Uuid,
}

/// Asks a model for a proposal and waits for it. The board is not changed.
///
/// # Errors
/// `Conflict` when the card is not in triage or is being looked at already; `Invalid` without a model. A model that
/// fails is no error but a state of the proposal.
pub async fn propose(
    core: &Core,
    actor: &Actor,
    card: CardRef,
    kind: ProposalKind,
) -> Result<ProposalView, KanbanError> {
    let asking = begin(core, actor, card, kind).await?;
    let id = asking.card.id;
    answer(core, asking).await?;
    let mut reader = core.store().reader().acquire().await.map_err(crate::store::StoreError::from)?;
    let found = view_in(&mut reader, id, core.now_ms()).await?;
    found.ok_or_else(|| KanbanError::Conflict("the proposal was discarded meanwhile; ask again".into()))
}

/// The same without waiting: the answer is stored, and an event tells that it is there.
///
/// # Errors
/// As [`propose`].
pub async fn propose_later(core: &Core, actor: &Actor, card: CardRef, kind: ProposalKind) -> Result<(), KanbanError> {
    let asking = begin(core, actor, card, kind).await?;
    let core = core.clone();
    drop(task::spawn("triage-proposal", async move {
        let number = asking.card.number;
        if let Err(error) = answer(&core, asking).await {
            tracing::error!(%error, card = number, "a proposal cannot be stored");
        }
    }));
    Ok(())
}

async fn begin(core: &Core, actor: &Actor, card: CardRef, kind: ProposalKind) -> Result<Asking, KanbanError> {
    let now = core.now_ms();
    let mut tx = core.write().await?;
    let card = load_for_write(&mut tx, card).await?;
    require_triage(&card)?;
    if !llm::is_ready(core) {
        let why = "no model provider is set up; open Settings and choose one";
        failed(&mut tx, &card, actor, why, Some(Unavailable::NotSetUp), now).await?;
        tx.commit().await?;
        return Err(KanbanError::Invalid(why.into()));
    }
    let present = store::of_card(&mut tx, card.id).await?;
    if present.is_some_and(|row| row.state == "working" && now.saturating_sub(row.asked_at) < GIVEN_UP_AFTER_MS) {
        return Err(KanbanError::Conflict(format!("a model is looking at {} already; wait for it", card.label())));
    }
    let token = super::new_id();
    store::put(&mut tx, card.id, kind, card.revision, now, token).await?;
    let detail = serde_json::json!({ "kind": kind.as_str() });
    audit::record(&mut tx, now, actor, "proposal_asked", &card.object(), &detail).await?;
    let event = NewEvent { card: &card, run: None, kind: "proposal_asked", actor, detail, at: now };
    event::append(&mut tx, event).await?;
    tx.commit().await?;
    Ok(Asking { card, kind, token })
}

/// Waits for the model and stores what it said.
async fn answer(core: &Core, asking: Asking) -> Result<(), KanbanError> {
    let Asking { card, kind, token } = asking;
    let asked = ask::ask(core, &card, kind).await;
    let now = core.now_ms();
    let (state, detail) = match &asked.result {
        Ok(proposal) => (
            "ready",
            serde_json::to_string(proposal)
                .map_err(|error| KanbanError::Invalid(format!("the proposal cannot be stored: {error}")))?,
        ),
        Err(failed) => ("failed", failed.why.clone()),
    };
    let mut tx = core.write().await?;
    if let Some(usage) = asked.usage {
        worker::add_card_usage(&mut tx, card.id, usage).await?;
    }
    if store::answer(&mut tx, card.id, token, state, &detail).await? {
        match &asked.result {
            Ok(_) => {
                let (kind, detail) = ("proposed", serde_json::json!({}));
                let event = NewEvent { card: &card, run: None, kind, actor: &Actor::System, detail, at: now };
                event::append(&mut tx, event).await?;
            }
            Err(why) => failed(&mut tx, &card, &Actor::System, &why.why, why.unavailable, now).await?,
        }
    }
    tx.commit().await?;
    Ok(())
}

/// Notes that there is no proposal, and why.
async fn failed(
    tx: &mut SqliteConnection,
    card: &CardRow,
    actor: &Actor,
    why: &str,
    unavailable: Option<Unavailable>,
    at: i64,
) -> Result<(), KanbanError> {
    let mut detail = serde_json::json!({ "reason": text::excerpt(why, 400) });
    if let Some(unavailable) = unavailable {
        detail["unavailable"] = unavailable.as_str().into();
    }
    event::append(tx, NewEvent { card, run: None, kind: "proposal_failed", actor, detail, at }).await
}

/// Throws a proposal away, or stops waiting for it.
///
/// # Errors
/// `NotFound` when there is none.
pub async fn discard_proposal(core: &Core, actor: &Actor, card: CardRef) -> Result<(), KanbanError> {
    let now = core.now_ms();
    let mut tx = core.write().await?;
    let card = load_for_write(&mut tx, card).await?;
    if !store::remove(&mut tx, card.id).await? {
        return Err(KanbanError::NotFound(format!("nothing is proposed for {}", card.label())));
    }
    let detail = serde_json::json!({});
    audit::record(&mut tx, now, actor, "proposal_discarded", &card.object(), &detail).await?;
    let event = NewEvent { card: &card, run: None, kind: "proposal_discarded", actor, detail, at: now };
    event::append(&mut tx, event).await?;
    tx.commit().await?;
    Ok(())
}

/// Says that a person has the form of a card in triage open. Good for a minute; says it to nobody else.
///
/// # Errors
/// `NotFound` for an unknown card.
pub async fn is_being_edited(core: &Core, card: CardId) -> Result<(), KanbanError> {
    let mut tx = core.write().await?;
    load(&mut tx, CardRef::Id(card)).await?;
    store::set_editing(&mut tx, card, core.now_ms() + EDITING_MS).await?;
    tx.commit().await?;
    Ok(())
}

/// What is proposed for a card, if anything.
pub(super) async fn view_in(
    db: &mut SqliteConnection,
    card: CardId,
    now: i64,
) -> Result<Option<ProposalView>, KanbanError> {
    let Some(row) = store::of_card(db, card).await? else { return Ok(None) };
    let state = match row.state.as_str() {
        "ready" => match crate::text::read_json::<Proposal>(row.detail.as_bytes()) {
            Ok(proposal) => ProposalState::Ready(proposal),
            Err(error) => ProposalState::Failed(format!("the proposal cannot be read: {error}; ask again")),
        },
        "working" if now.saturating_sub(row.asked_at) < GIVEN_UP_AFTER_MS => ProposalState::Working,
        "working" => ProposalState::Failed("no answer came, because Hermes was restarted; ask again".into()),
        _ => ProposalState::Failed(row.detail),
    };
    Ok(Some(ProposalView { kind: row.kind, revision: row.revision, asked_at: row.asked_at, state }))
}

fn require_triage(card: &CardRow) -> Result<(), KanbanError> {
    if card.state == CardState::Triage {
        return Ok(());
    }
    Err(KanbanError::Conflict(format!(
        "{} is in {}; only cards in Triage are written out or taken apart. Move it to Triage first",
        card.label(),
        card.state.title()
    )))
}

#[cfg(test)]
pub(super) use store::ALL_SQL;
