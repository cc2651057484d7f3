//! How decisions are named and coloured.
use leptos::prelude::*;
use protocol::{DecisionKind, DecisionVerb, Settlement};

use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::{Chip, Icon, Tone, icon, time};

/// Icon and word of a kind.
#[component]
pub fn KindChip(
    /// The kind.
    kind: DecisionKind,
) -> impl IntoView {
    let (sign, tone) = sign(kind);
    view! { <Chip tone><span class="icon-s">{icon(sign)}</span>{kind_word(kind)}</Chip> }
}

fn sign(kind: DecisionKind) -> (Icon, Tone) {
    match kind {
        DecisionKind::Review => (Icon::Eye, Tone::Success),
        DecisionKind::Question => (Icon::Question, Tone::Warning),
        DecisionKind::Failed => (Icon::Warning, Tone::Danger),
        DecisionKind::Budget => (Icon::Circle, Tone::Warning),
    }
}

/// The word of a kind.
#[must_use]
pub fn kind_word(kind: DecisionKind) -> &'static str {
    match kind {
        DecisionKind::Review => t::decisions_kind_review(),
        DecisionKind::Question => t::decisions_kind_question(),
        DecisionKind::Failed => t::decisions_kind_failed(),
        DecisionKind::Budget => t::decisions_kind_budget(),
    }
}

/// What a verb's button says.
#[must_use]
pub fn verb_word(verb: DecisionVerb) -> &'static str {
    match verb {
        DecisionVerb::Approve => t::decisions_verb_approve(),
        DecisionVerb::SendBack => t::decisions_verb_send_back(),
        DecisionVerb::Answer => t::decisions_verb_answer(),
        DecisionVerb::Retry => t::decisions_verb_retry(),
        DecisionVerb::Archive => t::decisions_verb_archive(),
    }
}

/// What was done, in one word.
#[must_use]
pub fn done_word(verb: DecisionVerb) -> &'static str {
    match verb {
        DecisionVerb::Approve => t::decisions_done_approve(),
        DecisionVerb::SendBack => t::decisions_done_send_back(),
        DecisionVerb::Answer => t::decisions_done_answer(),
        DecisionVerb::Retry => t::decisions_done_retry(),
        DecisionVerb::Archive => t::decisions_done_archive(),
    }
}

/// "Approved by Ada on iPhone, 2 min ago"; "Already approved …" to whoever came second.
#[must_use]
pub fn settled_sentence(settlement: &Settlement, now: i64, too_late: bool) -> String {
    let done = done_word(settlement.verb);
    let ago = time::ago(now, settlement.at);
    let by = words::person(&settlement.by);
    if too_late {
        t::decisions_already(&done.to_lowercase(), by, &settlement.device, &ago)
    } else {
        t::decisions_by(done, by, &settlement.device, &ago)
    }
}
