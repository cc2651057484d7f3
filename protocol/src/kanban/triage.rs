//! What a model makes of a card in triage, and of a goal that several workers share.

use serde::{Deserialize, Serialize};

use super::words::closed_enum;
use super::{CardLink, CardWritten};
use crate::{CardId, UndoId};

/// Cards that one proposal or one swarm makes at most.
pub const MAX_PROPOSED: usize = 20;

closed_enum! {
    /// What a model shall do with a card in triage.
    ProposalKind {
        /// Write down what is meant: goal, approach, when it is done.
        Specify => "specify",
        /// Take it apart into cards that can be done by themselves.
        Decompose => "decompose",
    }
}

/// What a model proposes, and what a person may change before accepting it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// The card's new title.
    pub title: String,
    /// The card's new description, Markdown.
    pub body: String,
    /// Why it is cut like this; empty when the model did not say.
    #[serde(default)]
    pub rationale: String,
    /// Cards to make, at most [`MAX_PROPOSED`]; none for a card that is only written out.
    #[serde(default)]
    pub tasks: Vec<ProposedTask>,
}

/// A card of a proposal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposedTask {
    /// Title.
    pub title: String,
    /// Description, Markdown.
    #[serde(default)]
    pub body: String,
    /// Profile; `None` for the board's default.
    #[serde(default)]
    pub assignee: Option<String>,
    /// Which tasks of the proposal must be finished first, counted from 0.
    #[serde(default)]
    pub after: Vec<usize>,
}

/// A proposal as the card's page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalView {
    /// What was asked for.
    pub kind: ProposalKind,
    /// The card's revision that the model read. Another one means that the card has changed since.
    pub revision: i64,
    /// When it was asked for, Unix ms.
    pub asked_at: i64,
    /// How far it is.
    pub state: ProposalState,
}

/// How far a proposal is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProposalState {
    /// The model is thinking.
    Working,
    /// It is there.
    Ready(Proposal),
    /// It did not come, in a sentence.
    Failed(String),
}

/// Accepts a proposal, with whatever a person changed in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptProposalParams {
    /// Card in triage.
    pub id: CardId,
    /// The revision the proposal was made for.
    pub revision: i64,
    /// What shall be done.
    pub proposal: Proposal,
}

/// What an accepted proposal became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalAccepted {
    /// The card, and how to take all of it back.
    pub written: CardWritten,
    /// The cards that were made, in the proposal's order.
    pub children: Vec<CardLink>,
}

/// Several workers on one goal, a verifier of all they did, and one who puts it together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwarmParams {
    /// Board slug; empty for the default board.
    #[serde(default)]
    pub board: String,
    /// What they work for: the first line becomes the title of the card they share.
    pub goal: String,
    /// Who works, at least one and at most [`MAX_PROPOSED`].
    pub workers: Vec<SwarmWorker>,
    /// Profile that checks what the workers did; `None` for the board's default.
    #[serde(default)]
    pub verifier: Option<String>,
    /// Profile that puts it together; `None` for the board's default.
    #[serde(default)]
    pub synthesizer: Option<String>,
    /// The same key on the same board returns the swarm made first.
    #[serde(default)]
    pub idempotency_key: Option<String>,
    /// Higher first.
    #[serde(default)]
    pub priority: i32,
    /// Whose work it is.
    #[serde(default)]
    pub tenant: Option<String>,
}

/// One worker of a swarm.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwarmWorker {
    /// Profile; `None` for the board's default.
    #[serde(default)]
    pub profile: Option<String>,
    /// Its part of the goal.
    pub title: String,
    /// Names of skills it loads.
    #[serde(default)]
    pub skills: Vec<String>,
}

/// The cards of a swarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwarmMade {
    /// The card they share: the goal, and what they tell each other.
    pub root: CardLink,
    /// The workers' cards.
    pub workers: Vec<CardLink>,
    /// Checks when all workers are done.
    pub verifier: CardLink,
    /// Puts it together when it was checked.
    pub synthesizer: CardLink,
    /// Whether it is new, and not one that was made earlier with the same idempotency key.
    #[serde(default)]
    pub created: bool,
    /// Takes all of it back; `None` when it was there already.
    pub undo: Option<UndoId>,
}
