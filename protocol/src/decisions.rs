//! Decisions: what only a person can settle, and the only thing that pushes.

use serde::{Deserialize, Serialize};

use crate::kanban::closed_enum;
use crate::{CardId, CardLink, DecisionId, UndoId};

closed_enum! {
    /// What is asked.
    DecisionKind {
        /// Look at finished work.
        Review => "review",
        /// Answer a question.
        Question => "question",
        /// Say what happens after repeated failures.
        Failed => "failed",
        /// Say whether more may be spent.
        Budget => "budget",
    }
}

closed_enum! {
    /// Where a decision stands.
    DecisionState {
        /// Waits for a person.
        Open => "open",
        /// A person settled it.
        Settled => "settled",
        /// The card moved on without it (archived, completed by hand, …).
        Withdrawn => "withdrawn",
    }
}

closed_enum! {
    /// A person's answer.
    DecisionVerb {
        /// The work is accepted; the card is done.
        Approve => "approve",
        /// The work needs another round; wants a comment.
        SendBack => "send_back",
        /// An answer to a question; wants a comment.
        Answer => "answer",
        /// Try again as it is.
        Retry => "retry",
        /// Put the card away.
        Archive => "archive",
    }
}

closed_enum! {
    /// What the approval of a review leads to.
    AfterApproval {
        /// The card is done.
        Finish => "finish",
        /// Its worker goes on.
        Continue => "continue",
    }
}

impl DecisionVerb {
    /// Whether the verb is refused without a comment.
    #[must_use]
    pub fn needs_comment(self) -> bool {
        matches!(self, Self::SendBack | Self::Answer)
    }
}

impl DecisionKind {
    /// The verbs that settle a decision of this kind, main verb first.
    #[must_use]
    pub fn verbs(self) -> &'static [DecisionVerb] {
        use DecisionVerb::{Answer, Approve, Archive, Retry, SendBack};
        match self {
            Self::Review => &[Approve, SendBack],
            Self::Question => &[Answer, Archive],
            Self::Failed | Self::Budget => &[Retry, Archive],
        }
    }
}

/// Who settled a decision, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// The verb.
    pub verb: DecisionVerb,
    /// The comment, plain text.
    pub comment: String,
    /// A person's name.
    pub by: String,
    /// The device it came from, for instance "iPhone" or "command line".
    pub device: String,
    /// Unix ms.
    pub at: i64,
    /// Whether the caller's own request settled it.
    pub by_you: bool,
    /// Present while it can be taken back.
    pub undo: Option<UndoId>,
}

/// A decision as its page and the inbox show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionView {
    /// Id.
    pub id: DecisionId,
    /// Version; settling names the one it saw.
    pub version: i64,
    /// Kind.
    pub kind: DecisionKind,
    /// State.
    pub state: DecisionState,
    /// The card it belongs to.
    pub card: CardLink,
    /// Board slug.
    pub board: String,
    /// What is asked, plain text.
    pub ask: String,
    /// The worker's summary of what it did, as sanitised HTML.
    pub summary_html: String,
    /// Suggested answers, at most 6.
    pub options: Vec<String>,
    /// Profile that asks.
    pub profile: String,
    /// Cost of the run, millionths of a dollar.
    pub cost_micros: Option<i64>,
    /// Seconds the run took.
    pub run_seconds: Option<i64>,
    /// Unix ms.
    pub created_at: i64,
    /// Set once settled.
    pub settlement: Option<Settlement>,
    /// An approval lets its worker go on, instead of the card being done.
    #[serde(default)]
    pub then_continue: bool,
    /// The profile that asks runs a program, which no model works for.
    #[serde(default)]
    pub runs_program: bool,
    /// When it comes back, Unix ms, while it is open and a person has put it off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snoozed_until: Option<i64>,
}

/// An open decision that a person put off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnoozedDecision {
    /// The decision.
    pub decision: DecisionView,
    /// When it comes back, Unix ms.
    pub until: i64,
}

/// The inbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbox {
    /// Open decisions that were not put off, oldest first, at most 100.
    pub open: Vec<DecisionView>,
    /// How many these are altogether.
    pub total: i64,
    /// Open decisions that were put off, whichever comes back first, at most 100.
    pub snoozed: Vec<SnoozedDecision>,
    /// How many these are altogether.
    pub snoozed_total: i64,
    /// Runs under way.
    pub running: u32,
    /// Event sequence this view contains.
    pub seq: i64,
    /// Server clock, Unix ms.
    pub now: i64,
}

/// Settles a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettleDecisionParams {
    /// Decision.
    pub id: DecisionId,
    /// The version the person saw.
    pub version: i64,
    /// The verb.
    pub verb: DecisionVerb,
    /// Plain text; needed by some verbs.
    #[serde(default)]
    pub comment: String,
}

/// What became of a request to settle. The first one wins; a second one is told who did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettleDecisionOutcome {
    /// The decision as it is now.
    pub decision: DecisionView,
    /// The card's page.
    pub card_id: CardId,
    /// The next open decision that was not put off, if any.
    pub next: Option<DecisionId>,
    /// How many of these are left.
    pub left: i64,
}

/// Puts an open decision off, or brings it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnoozeDecisionParams {
    /// Decision.
    pub id: DecisionId,
    /// When it comes back by itself, Unix ms, at most 30 days ahead; `None` brings it back now.
    #[serde(default)]
    pub until: Option<i64>,
}

/// A decision was put off or brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnoozeDecisionOutcome {
    /// When it comes back by itself, Unix ms; `None` when it is in the inbox.
    pub until: Option<i64>,
    /// Takes it back; `None` when nothing has changed.
    pub undo: Option<UndoId>,
    /// Open decisions that are left in the inbox.
    pub left: i64,
}
