//! What the command line tells about a board.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::words::closed_enum;
use super::{CardState, TaskCard};
use crate::RunId;

/// How many cards there are, where and whose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardStats {
    /// Board slug.
    pub board: String,
    /// Cards per state, in column order; states without cards are left out.
    pub by_state: Vec<(CardState, i64)>,
    /// Cards per profile and state, without the archive; an empty name stands for nobody. Profiles without cards
    /// are there, too.
    pub by_assignee: BTreeMap<String, BTreeMap<CardState, i64>>,
    /// How long the longest waiting ready card has waited, in milliseconds.
    pub oldest_ready_ms: Option<i64>,
    /// Server clock, Unix ms.
    pub now: i64,
}

/// One entry of a board's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardEvent {
    /// 1, 2, 3 … over all boards.
    pub seq: i64,
    /// What happened, one word.
    pub kind: String,
    /// Who did it: `person:Ada`, `worker:coder`, `system`.
    pub actor: String,
    /// The card's number, unless it is gone.
    pub card: Option<i64>,
    /// Its title.
    pub title: Option<String>,
    /// Whose it is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// Its tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Particulars, a JSON object as text.
    pub detail: String,
    /// Unix ms.
    pub at: i64,
}

closed_enum! {
    /// How bad it is, worst first.
    Severity {
        /// Nothing will happen without a person.
        Critical => "critical",
        /// Something failed for good.
        Error => "error",
        /// Something takes long.
        Warning => "warning",
    }
}

closed_enum! {
    /// What is wrong with a card.
    DiagnosisKind {
        /// It fails again and again.
        RepeatedFailures => "repeated_failures",
        /// Its worker dies again and again.
        RepeatedCrashes => "repeated_crashes",
        /// It could start and does not.
        Stranded => "stranded_in_ready",
        /// Its profile does not exist here.
        UnknownProfile => "unknown_profile",
        /// No model provider is set up.
        NoProvider => "no_provider",
        /// Its budget is spent.
        OverBudget => "over_budget",
        /// Nobody has answered for a day.
        Unanswered => "stuck_in_blocked",
        /// It asks, is answered, and asks again.
        BlockCycling => "block_unblock_cycling",
        /// Its worker said that it made cards which it did not make, and was not let finish.
        HallucinatedCards => "hallucinated_cards",
        /// Its result speaks of cards that do not exist.
        PhantomReferences => "prose_phantom_refs",
        /// A model was to sort it out, and none could be asked.
        TriageUnavailable => "triage_aux_unavailable",
    }
}

/// Something wrong with a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// What.
    pub kind: DiagnosisKind,
    /// How bad.
    pub severity: Severity,
    /// The card.
    pub card: TaskCard,
    /// How often, where that is counted.
    #[serde(default)]
    pub count: u32,
    /// Since when, Unix ms.
    #[serde(default)]
    pub since: i64,
    /// When it was last seen to happen, Unix ms.
    #[serde(default)]
    pub last_at: i64,
    /// The run that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// What is named, or the reason, plain text; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
}

/// What needs a person's attention on a board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attention {
    /// Cards altogether; counted up to a limit.
    pub total: u32,
    /// The worst of them, at most 50.
    pub worst: Vec<Diagnosis>,
}
