//! How decisions are named and coloured.
use leptos::prelude::*;
use protocol::{DecisionKind, DecisionVerb, DecisionView, Settlement};

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
        DecisionKind::Approval => (Icon::Stop, Tone::Warning),
        DecisionKind::Auth => (Icon::Link, Tone::Info),
        DecisionKind::Failed => (Icon::Warning, Tone::Danger),
        DecisionKind::Stale => (Icon::Clock, Tone::Warning),
        DecisionKind::Budget => (Icon::Circle, Tone::Warning),
    }
}

/// The word of a kind.
#[must_use]
pub fn kind_word(kind: DecisionKind) -> &'static str {
    match kind {
        DecisionKind::Review => t::decisions_kind_review(),
        DecisionKind::Question => t::decisions_kind_question(),
        DecisionKind::Approval => t::decisions_kind_approval(),
        DecisionKind::Auth => t::decisions_kind_auth(),
        DecisionKind::Failed => t::decisions_kind_failed(),
        DecisionKind::Stale => t::decisions_kind_stale(),
        DecisionKind::Budget => t::decisions_kind_budget(),
    }
}

/// What a verb's button says.
#[must_use]
pub fn verb_word(kind: DecisionKind, verb: DecisionVerb) -> &'static str {
    match (kind, verb) {
        (DecisionKind::Approval, DecisionVerb::Approve) => t::decisions_verb_allow(),
        (DecisionKind::Approval, DecisionVerb::SendBack) => t::decisions_verb_deny(),
        (_, DecisionVerb::Approve) => t::decisions_verb_approve(),
        (_, DecisionVerb::SendBack) => t::decisions_verb_send_back(),
        (_, DecisionVerb::Answer) => t::decisions_verb_answer(),
        (_, DecisionVerb::Retry) => t::decisions_verb_retry(),
        (_, DecisionVerb::Archive) => t::decisions_verb_archive(),
    }
}

/// What was done, in one word.
#[must_use]
pub fn done_word(kind: DecisionKind, verb: DecisionVerb) -> &'static str {
    match (kind, verb) {
        (DecisionKind::Approval, DecisionVerb::Approve) => t::decisions_done_allow(),
        (DecisionKind::Approval, DecisionVerb::SendBack) => t::decisions_done_deny(),
        (_, DecisionVerb::Approve) => t::decisions_done_approve(),
        (_, DecisionVerb::SendBack) => t::decisions_done_send_back(),
        (_, DecisionVerb::Answer) => t::decisions_done_answer(),
        (_, DecisionVerb::Retry) => t::decisions_done_retry(),
        (_, DecisionVerb::Archive) => t::decisions_done_archive(),
    }
}

/// "Approved by Ada on iPhone, 2 min ago"; "Already approved …" to whoever came second.
#[must_use]
pub fn settled_sentence(kind: DecisionKind, settlement: &Settlement, now: i64, too_late: bool) -> String {
    let done = done_word(kind, settlement.verb);
    let ago = time::ago(now, settlement.at);
    if too_late {
        t::decisions_already(&done.to_lowercase(), &settlement.by, &settlement.device, &ago)
    } else {
        t::decisions_by(done, &settlement.by, &settlement.device, &ago)
    }
}

/// `T-142`.
#[must_use]
pub fn card_label(view: &DecisionView) -> String {
    ["T-", &view.card.number.to_string()].concat()
}

/// Millionths of a dollar as people write them.
#[must_use]
pub fn cost(micros: i64) -> String {
    let cents = (micros.max(0) + 5_000) / 10_000;
    if cents == 0 && micros > 0 {
        return t::decisions_cost_small().to_owned();
    }
    let rest = cents % 100;
    let zero = if rest < 10 { "0" } else { "" };
    ["$", &(cents / 100).to_string(), ".", zero, &rest.to_string()].concat()
}

#[cfg(test)]
mod tests {
    use super::cost;

    #[test]
    fn costs_are_rounded_to_cents() {
        let check = |micros: i64, text: &str| assert_eq!(cost(micros), text);
        check(0, "$0.00");
        check(180_000, "$0.18");
        check(4_999, "under $0.01");
        check(12_345_678, "$12.35");
        check(1_050_000, "$1.05");
    }
}
