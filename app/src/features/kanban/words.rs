//! States, reasons, times and prices in words.
use protocol::{
    AgeLimits, BoardSummary, BulkChange, CardSort, CardState, DecisionKind, LaneBy, PriorityBand, TaskCard, UndoResult,
    WaitKind, WaitReason,
};

use crate::i18n::t;
use crate::ui::{Icon, Tone};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// A worker that has not spoken for longer is not called live.
const LIVE_MS: i64 = MINUTE;

/// The name of a state, and of its column.
#[must_use]
pub fn state_name(state: CardState) -> &'static str {
    match state {
        CardState::Triage => t::kanban_triage(),
        CardState::Todo => t::kanban_todo(),
        CardState::Scheduled => t::kanban_scheduled(),
        CardState::Ready => t::kanban_ready(),
        CardState::Running => t::kanban_running(),
        CardState::Review => t::kanban_review(),
        CardState::Blocked => t::kanban_blocked(),
        CardState::Done => t::kanban_done(),
        CardState::Archived => t::kanban_archived(),
    }
}

/// The sign of a state.
#[must_use]
pub fn state_icon(state: CardState) -> Icon {
    match state {
        CardState::Triage => Icon::Idea,
        CardState::Todo => Icon::Circle,
        CardState::Scheduled => Icon::Clock,
        CardState::Ready => Icon::Play,
        CardState::Running => Icon::Agent,
        CardState::Review => Icon::Eye,
        CardState::Blocked => Icon::Stop,
        CardState::Done => Icon::Check,
        CardState::Archived => Icon::Archive,
    }
}

/// The colour of a state.
#[must_use]
pub fn state_tone(state: CardState) -> Tone {
    match state {
        CardState::Triage | CardState::Todo | CardState::Scheduled | CardState::Done | CardState::Archived => {
            Tone::Neutral
        }
        CardState::Ready => Tone::Info,
        CardState::Running => Tone::Accent,
        CardState::Review => Tone::Success,
        CardState::Blocked => Tone::Warning,
    }
}

/// What an empty column says.
#[must_use]
pub fn empty_column(state: CardState) -> &'static str {
    match state {
        CardState::Triage => t::kanban_empty_triage(),
        CardState::Todo => t::kanban_empty_todo(),
        CardState::Scheduled => t::kanban_empty_scheduled(),
        CardState::Ready => t::kanban_empty_ready(),
        CardState::Running => t::kanban_empty_running(),
        CardState::Review => t::kanban_empty_review(),
        CardState::Blocked => t::kanban_empty_blocked(),
        CardState::Done | CardState::Archived => t::kanban_empty_done(),
    }
}

/// One or more cards, which are named, went to a state.
#[must_use]
pub fn moved(cards: &str, to: CardState) -> String {
    match to {
        CardState::Archived => t::kanban_archived_toast(cards),
        to => t::kanban_moved(cards, state_name(to)),
    }
}

/// A change to one or more cards, which are named.
#[must_use]
pub fn change(cards: &str, change: &BulkChange) -> String {
    let what = match change {
        BulkChange::Move { to, .. } => return t::outbox_move(cards, state_name(*to)),
        BulkChange::Assign(profile) if profile.is_empty() => t::kanban_unassigned(),
        BulkChange::Assign(name) | BulkChange::AddLabel(name) | BulkChange::RemoveLabel(name) => name,
        BulkChange::Priority(priority) => band_name(PriorityBand::of(*priority)),
        BulkChange::Schedule(_) => t::kanban_schedule(),
        BulkChange::Delete => t::kanban_delete(),
    };
    t::outbox_change(cards, what)
}

/// `T-142`.
#[must_use]
pub fn label(number: i64) -> String {
    format!("T-{number}")
}

/// A priority's name; `None` for the normal one.
#[must_use]
pub fn priority_name(priority: i32) -> Option<&'static str> {
    match PriorityBand::of(priority) {
        PriorityBand::Low => Some(t::kanban_low()),
        PriorityBand::Normal => None,
        PriorityBand::High => Some(t::kanban_high()),
        PriorityBand::Urgent => Some(t::kanban_urgent()),
    }
}

/// A band of priorities' name.
#[must_use]
pub fn band_name(band: PriorityBand) -> &'static str {
    match band {
        PriorityBand::Low => t::kanban_low(),
        PriorityBand::Normal => t::kanban_normal(),
        PriorityBand::High => t::kanban_high(),
        PriorityBand::Urgent => t::kanban_urgent(),
    }
}

/// What a card waits for.
#[must_use]
pub fn wait_kind(kind: WaitKind) -> &'static str {
    match kind {
        WaitKind::Parents => t::kanban_wait_parents(),
        WaitKind::Time => t::kanban_wait_time(),
        WaitKind::Person => t::kanban_wait_person(),
        WaitKind::BackingOff => t::kanban_wait_backing_off(),
    }
}

/// The order of cards.
#[must_use]
pub fn sort_name(sort: CardSort) -> &'static str {
    match sort {
        CardSort::Manual => t::kanban_sort_manual(),
        CardSort::Priority => t::kanban_priority(),
        CardSort::Created => t::kanban_sort_created(),
        CardSort::Updated => t::kanban_sort_updated(),
    }
}

/// What lanes stand for.
#[must_use]
pub fn lane_name(lanes: LaneBy) -> &'static str {
    match lanes {
        LaneBy::None => t::kanban_lanes_none(),
        LaneBy::Assignee => t::kanban_assignee(),
        LaneBy::Parent => t::kanban_lanes_parent(),
        LaneBy::Priority => t::kanban_priority(),
    }
}

/// A length of time in its largest unit: `12m`, `3h`, `2d`.
#[must_use]
pub fn span(ms: i64) -> String {
    match ms.max(0) {
        ms if ms < MINUTE => t::kanban_seconds(&(ms / SECOND).to_string()),
        ms if ms < HOUR => t::kanban_minutes(&(ms / MINUTE).to_string()),
        ms if ms < DAY => t::kanban_hours(&(ms / HOUR).to_string()),
        ms => t::kanban_days(&(ms / DAY).to_string()),
    }
}

/// When a card should be finished, by how long that is away: `due in 3d`, `overdue 2d`.
#[must_use]
pub fn due(ms: i64) -> String {
    if ms < 0 { t::kanban_overdue(&span(-ms)) } else { t::kanban_due_in(&span(ms)) }
}

/// How long ago: `now`, `12m ago`.
#[must_use]
pub fn ago(at: i64, now: i64) -> String {
    let ms = now.saturating_sub(at);
    if ms < MINUTE { t::kanban_just_now().to_owned() } else { t::kanban_ago(&span(ms)) }
}

/// How long a card has been where it is. Nobody cares how long it has been done.
#[must_use]
pub fn elapsed(card: &TaskCard, now: i64) -> Option<String> {
    if matches!(card.state, CardState::Done | CardState::Archived) {
        return None;
    }
    let ms = now.saturating_sub(card.state_at);
    Some(if ms < MINUTE { t::kanban_just_now().to_owned() } else { span(ms) })
}

/// The colour of that time.
#[must_use]
pub fn age_tone(card: &TaskCard, now: i64, limits: &AgeLimits) -> Tone {
    let limit = limits.of(card.state);
    let beyond = |minutes: Option<u32>| {
        minutes.is_some_and(|minutes| now.saturating_sub(card.state_at) >= i64::from(minutes) * MINUTE)
    };
    match () {
        () if beyond(limit.late) => Tone::Danger,
        () if beyond(limit.warning) => Tone::Warning,
        () => Tone::Neutral,
    }
}

/// Whether a running card's worker spoke lately.
#[must_use]
pub fn is_live(card: &TaskCard, now: i64) -> bool {
    card.state == CardState::Running && card.heartbeat_at.is_some_and(|at| now.saturating_sub(at) < LIVE_MS)
}

/// Why a card does not run.
#[must_use]
pub fn wait_reason(wait: &WaitReason, now: i64) -> String {
    let until = |at: i64| span(at.saturating_sub(now).max(SECOND));
    match wait {
        WaitReason::WaitingOn { cards, more } => {
            let names: Vec<String> = cards.iter().map(|number| label(*number)).collect();
            let names = names.join(", ");
            if *more == 0 { t::kanban_waiting_on(&names) } else { t::kanban_waiting_more(&names, &more.to_string()) }
        }
        WaitReason::NoFreeSlot { used, limit } => t::kanban_no_slot(&used.to_string(), &limit.to_string()),
        WaitReason::BoardFull { used, limit } => t::kanban_board_full(&used.to_string(), &limit.to_string()),
        WaitReason::ProfileBusy { profile, used, limit } => {
            t::kanban_profile_busy(profile, &used.to_string(), &limit.to_string())
        }
        WaitReason::ProfilePaused { profile, until: at } => t::kanban_profile_paused(profile, &until(*at)),
        WaitReason::DirectoryBusy { card } => t::kanban_directory_busy(&label(*card)),
        WaitReason::EarlierWorker => t::kanban_earlier_worker().to_owned(),
        WaitReason::OverBudget => t::kanban_over_budget().to_owned(),
        WaitReason::UnknownProfile { profile } => t::kanban_unknown_profile(profile),
        WaitReason::NoProvider => t::kanban_no_provider().to_owned(),
        WaitReason::BackingOff { until: at } => t::kanban_backing_off(&until(*at)),
        WaitReason::UndoWindow { until: at } => t::kanban_undo_window(&until(*at)),
        WaitReason::Scheduled { until: at } => t::kanban_scheduled_in(&until(*at)),
        WaitReason::NoDispatcher => t::kanban_no_dispatcher().to_owned(),
    }
}

/// That what a card asks was put off, and for how long still.
#[must_use]
pub fn snoozed(until: i64, now: i64) -> String {
    t::kanban_snoozed(&span(until.saturating_sub(now).max(SECOND)))
}

/// What the button on a card's face says.
#[must_use]
pub fn ask_action(kind: DecisionKind) -> &'static str {
    match kind {
        DecisionKind::Review => t::kanban_review_action(),
        DecisionKind::Question => t::kanban_answer(),
        DecisionKind::Failed | DecisionKind::Budget => t::kanban_decide(),
    }
}

/// `$0.18`, rounded; small sums keep their first digits.
#[must_use]
pub fn price(micros: i64) -> String {
    let micros = micros.max(0);
    if (1..10_000).contains(&micros) {
        return format!("$0.{:04}", (micros + 50) / 100);
    }
    let cents = (micros + 5_000) / 10_000;
    format!("${}.{:02}", cents / 100, cents % 100)
}

/// A board's name, with its sign.
#[must_use]
pub fn board_name(board: &BoardSummary) -> String {
    match board.icon.as_str() {
        "" => board.name.clone(),
        icon => format!("{icon} {}", board.name),
    }
}

/// What was done again.
#[must_use]
pub fn redone(result: &UndoResult) -> String {
    match result.cards.as_slice() {
        [card] if result.removed.is_empty() => t::kanban_redone(&label(card.number)),
        _ if !result.boards.is_empty() => t::kanban_redone(&board_names(result)),
        _ => t::kanban_redone_many(i64::try_from(result.cards.len() + result.removed.len()).unwrap_or(i64::MAX)),
    }
}

/// Who did it. Whoever has no name on that machine is known by a number, which says nothing here.
#[must_use]
pub fn person(name: &str) -> &str {
    let number = name.strip_prefix("user ").unwrap_or_default().trim_start_matches("id ");
    if number.parse::<u32>().is_ok() { t::card_somebody() } else { name }
}

fn board_names(result: &UndoResult) -> String {
    result.boards.iter().map(|board| board.name.as_str()).collect()
}

/// What was taken back. Writes to boards are taken back one by one.
#[must_use]
pub fn undone(undone: &UndoResult) -> String {
    let back = undone.cards.len() + undone.removed.len();
    match undone.cards.as_slice() {
        [card] if back == 1 => t::kanban_undone(&label(card.number)),
        _ if !undone.boards.is_empty() => t::kanban_undone(&board_names(undone)),
        _ if undone.refused.is_empty() => t::kanban_undone_many(i64::try_from(back).unwrap_or(i64::MAX)),
        _ => t::kanban_undone_some(&back.to_string(), &undone.refused.len().to_string()),
    }
}

/// Why a card cannot be put into a column by hand.
#[must_use]
pub fn why_not(card: &TaskCard, to: CardState) -> String {
    let from = card.state;
    match to {
        CardState::Running => t::kanban_only_worker().to_owned(),
        CardState::Review => t::kanban_only_review().to_owned(),
        CardState::Blocked if from.may_be_blocked() => t::kanban_block_one().to_owned(),
        CardState::Blocked if from == CardState::Review => t::kanban_asks_already().to_owned(),
        CardState::Blocked => t::kanban_only_unfinished().to_owned(),
        CardState::Scheduled => t::kanban_only_unbegun().to_owned(),
        CardState::Todo if card.parent.is_none() || from == CardState::Ready => t::kanban_only_waiting().to_owned(),
        CardState::Ready if from == CardState::Todo => t::kanban_still_waits().to_owned(),
        _ => {
            let targets = CardState::COLUMNS.iter().filter(|state| card.may_go_to(**state));
            let targets: Vec<&str> = targets.map(|state| state_name(*state)).collect();
            t::kanban_can_go(state_name(from), &targets.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{price, span};

    #[test]
    fn prices_keep_what_matters() {
        let check = |micros: i64, text: &str| assert_eq!(price(micros), text, "{micros}");
        check(0, "$0.00");
        check(900, "$0.0009");
        check(180_000, "$0.18");
        check(12_345_678, "$12.35");
        check(9_999, "$0.0100");
    }

    #[test]
    fn spans_use_their_largest_unit() {
        let check = |ms: i64, text: &str| assert_eq!(span(ms), text, "{ms}");
        check(-5, "0s");
        check(59_999, "59s");
        check(60_000, "1m");
        check(3_600_000 * 23, "23h");
        check(86_400_000 * 40, "40d");
    }
}
