//! Words for people: ages, priorities, why a card waits.

use protocol::{BoardSummary, CardState, PriorityBand, TaskCard, WaitReason};

use crate::cli::output::Style;

/// `T-142`.
pub(super) fn card_label(card: &TaskCard) -> String {
    format!("T-{}", card.number)
}

/// `12m`, `3h`, `5d`; clocks that disagree give `now`.
pub(super) fn age(ms: i64) -> String {
    match ms / 1000 {
        i64::MIN..=0 => "now".to_owned(),
        seconds @ 1..=59 => format!("{seconds}s"),
        seconds @ 60..=3599 => format!("{}m", seconds / 60),
        seconds @ 3600..=86_399 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// A span that people set: `30m`, `2h`, `90s`.
pub(super) fn span(seconds: u32) -> String {
    let units = [(86_400, "d"), (3600, "h"), (60, "m")];
    let whole = units.iter().find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit));
    whole.map_or_else(|| format!("{seconds}s"), |(unit, name)| format!("{}{name}", seconds / unit))
}

/// `12m ago`, or `just now`.
pub(super) fn ago(ms: i64) -> String {
    if ms < 1000 { "just now".to_owned() } else { format!("{} ago", age(ms)) }
}

/// `in 12m`, or `now`.
fn within(ms: i64) -> String {
    if ms < 1000 { "now".to_owned() } else { format!("in {}", age(ms)) }
}

pub(super) fn priority(priority: i32) -> &'static str {
    match PriorityBand::of(priority) {
        PriorityBand::Low => "low",
        PriorityBand::Normal => "",
        PriorityBand::High => "high",
        PriorityBand::Urgent => "urgent",
    }
}

pub(super) fn state_style(state: CardState) -> Style {
    match state {
        CardState::Ready => Style::Blue,
        CardState::Running => Style::Green,
        CardState::Review | CardState::Blocked => Style::Yellow,
        CardState::Done | CardState::Archived => Style::Dim,
        CardState::Triage | CardState::Todo | CardState::Scheduled => Style::Plain,
    }
}

/// Why a card does not run; `None` when nothing keeps it.
pub(super) fn waits(card: &TaskCard, board: &BoardSummary, now: i64) -> Option<String> {
    if card.state == CardState::Ready && board.archived_at.is_some() {
        return Some(format!("its board is archived; `hermes kanban boards restore {}` brings it back", board.slug));
    }
    card.wait.as_ref().map(|reason| wait(reason, now))
}

fn wait(reason: &WaitReason, now: i64) -> String {
    match reason {
        WaitReason::WaitingOn { cards, more } => {
            let mut names: Vec<String> = cards.iter().map(|number| format!("T-{number}")).collect();
            if *more > 0 {
                names.push(format!("{more} more"));
            }
            format!("waiting on {}", names.join(", "))
        }
        WaitReason::NoFreeSlot { used, limit } => format!("no free slot ({used}/{limit})"),
        WaitReason::BoardFull { limit: 0, .. } => {
            "its board is archived, or starts nothing (0 workers at once)".to_owned()
        }
        WaitReason::BoardFull { used, limit } => format!("the board is busy ({used}/{limit})"),
        WaitReason::ProfilePaused { profile, until } => format!(
            "several cards of {profile} failed the same way; it tries again {}, `hermes kanban promote` at once",
            within(until.saturating_sub(now))
        ),
        WaitReason::ProfileBusy { profile, used, limit } => format!("{profile} is busy ({used}/{limit})"),
        WaitReason::DirectoryBusy { card } => format!("T-{card} works in its directory"),
        WaitReason::EarlierWorker => "an earlier worker is ending".to_owned(),
        WaitReason::OverBudget => "over budget".to_owned(),
        WaitReason::UnknownProfile { profile } => format!("no profile \"{profile}\""),
        WaitReason::NoProvider => "no model provider; set one up under Settings".to_owned(),
        WaitReason::BackingOff { until } => format!("trying again {}", within(until.saturating_sub(now))),
        WaitReason::UndoWindow { until } | WaitReason::Scheduled { until } => {
            format!("starts {}", within(until.saturating_sub(now)))
        }
        WaitReason::NoDispatcher => "no server is running; start `hermes serve`".to_owned(),
    }
}

/// Money in millionths of a dollar.
pub(super) fn cost(micros: i64) -> String {
    let cents = (micros + 5_000) / 10_000;
    if cents == 0 && micros > 0 { "<$0.01".to_owned() } else { format!("${}.{:02}", cents / 100, cents % 100) }
}

#[cfg(test)]
mod tests {
    use super::{age, cost, span, wait};
    use protocol::WaitReason;

    #[test]
    fn ages_costs_and_reasons_read_well() {
        assert_eq!(
            (age(-5), age(59_000), age(3_600_000), age(172_800_000)),
            ("now".into(), "59s".into(), "1h".into(), "2d".into())
        );
        assert_eq!(
            (cost(0), cost(1), cost(180_000), cost(12_345_678)),
            ("$0.00".into(), "<$0.01".into(), "$0.18".into(), "$12.35".into())
        );
        assert_eq!(wait(&WaitReason::WaitingOn { cards: vec![1, 2], more: 3 }, 0), "waiting on T-1, T-2, 3 more");
        assert_eq!([span(90), span(1800), span(7200), span(86_400)], ["90s", "30m", "2h", "1d"]);
        assert_eq!(wait(&WaitReason::BackingOff { until: 0 }, 0), "trying again now");
        assert_eq!(wait(&WaitReason::Scheduled { until: 61_000 }, 0), "starts in 1m");
    }
}
