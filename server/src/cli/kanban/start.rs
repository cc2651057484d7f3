//! When cards start: `hermes kanban schedule`, `promote` and `claim`.

use std::process::ExitCode;

use agent_core::kanban::{self, Promotion, worker};
use clap::Args;
use protocol::{CardRef, Promoted};

use super::Cx;
use super::many::{Answers, each_once};
use super::wording::card_label;
use super::write::{undo_hint, wrote};
use crate::cli::error::CliError;
use crate::cli::moment::{Moment, moment};
use crate::cli::output::one_line;
use crate::cli::parse::{self, typed};

/// Start cards later.
#[derive(Debug, Args)]
pub(super) struct ScheduleArgs {
    /// When, and cards: a span like 30m, 2h or 1d from now, 2026-12-01 (midnight) or 2026-12-01T09:30 in this
    /// machine's time zone, 2026-12-01T09:30Z, or Unix seconds. The cards may come first, too. With --at: cards, and
    /// why.
    #[arg(required = true, value_name = "WHEN> <CARDS", num_args = 1..)]
    words: Vec<String>,
    /// When, in the same forms; the words after the cards are the reason then.
    #[arg(long, value_parser = moment, value_name = "WHEN")]
    at: Option<Moment>,
    /// More cards.
    #[arg(long, num_args = 1.., value_delimiter = ',', value_parser = parse::card, value_name = "CARD")]
    ids: Vec<CardRef>,
    /// Why; becomes a comment. `-` reads it from stdin.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
    reason: String,
}

impl ScheduleArgs {
    pub(super) async fn run(self, cx: &Cx) -> Result<ExitCode, CliError> {
        let actor = cx.caller.person("schedule cards")?;
        let (at, cards, reason) = match self.at {
            Some(at) => {
                let (cards, reason) = cards_and_reason(&self.words, &self.reason).map_err(CliError::Usage)?;
                (at, cards, reason)
            }
            None => {
                let (at, cards) = when_and_cards(&self.words).map_err(CliError::Usage)?;
                (at, cards, self.reason)
            }
        };
        let (at, reason) = (at.unix_ms(cx.core.now_ms()), parse::text(&reason)?);
        let cards = each_once(cards.into_iter().chain(self.ids));
        let mut answers = Answers::for_cards(cx, &cards);
        for card in cards {
            let written = kanban::schedule_with(&cx.core, actor, card, at, &reason).await.map_err(CliError::from);
            answers.take(card, written, |written| wrote(cx, written, "Scheduled"))?;
        }
        answers.finish()
    }
}

/// The time and the cards, in either order. A plain number may be both, seconds and a card: then the time is first.
fn when_and_cards(words: &[String]) -> Result<(Moment, Vec<CardRef>), String> {
    let read: Vec<_> = words.iter().map(|word| (moment(word), parse::card(word))).collect();
    if let Some(at) = read.iter().position(|(time, card)| time.is_err() && card.is_err()) {
        let word = words.get(at).map_or("", String::as_str);
        let known_id = read.get(at).and_then(|(_, card)| card.as_ref().err()).filter(|_| word.starts_with("t_"));
        return Err(known_id.cloned().unwrap_or_else(|| {
            format!(
                "\"{}\" is neither a time nor a card; write for instance `schedule 2h T-12 T-13`, or `schedule T-12 \
                 why --at 2h`",
                typed(word)
            )
        }));
    }
    let only_times: Vec<usize> =
        read.iter().enumerate().filter(|(_, (_, card))| card.is_err()).map(|(at, _)| at).collect();
    let place = match only_times.as_slice() {
        [one] => *one,
        [] if read.first().is_some_and(|(time, _)| time.is_ok()) => 0,
        [] if read.last().is_some_and(|(time, _)| time.is_ok()) => read.len() - 1,
        [] => return Err("say when, for instance `schedule 2h T-12`".to_owned()),
        _ => return Err("one time at once, for instance `schedule 2h T-12 T-13`".to_owned()),
    };
    let mut at = None;
    let mut cards = Vec::new();
    for (index, (time, card)) in read.into_iter().enumerate() {
        if index == place {
            at = Some(time?);
        } else {
            cards.push(card?);
        }
    }
    match at {
        Some(at) if !cards.is_empty() => Ok((at, cards)),
        _ => Err("name the card as well, for instance `schedule 2h T-12`".to_owned()),
    }
}

/// The cards that come first, and the words after them. What looks like a card and is none is a mistake, no reason.
fn cards_and_reason(words: &[String], reason: &str) -> Result<(Vec<CardRef>, String), String> {
    let mut cards = Vec::new();
    for (at, word) in words.iter().enumerate() {
        match parse::card(word) {
            Ok(card) => cards.push(card),
            Err(problem) if cards.is_empty() || is_like_a_card(word) => return Err(problem),
            Err(_) if !reason.is_empty() => {
                return Err("give the reason once: after the cards, or with --reason".to_owned());
            }
            Err(_) => return Ok((cards, words[at..].join(" "))),
        }
    }
    Ok((cards, reason.to_owned()))
}

fn is_like_a_card(word: &str) -> bool {
    ["T-", "t-", "t_"].iter().any(|head| word.starts_with(head)) && !word.contains(char::is_whitespace)
}

/// Let cards start that wait: in triage, for their time, or for other cards.
#[derive(Debug, Args)]
pub(super) struct PromoteArgs {
    /// Cards, and why.
    #[arg(required = true, value_name = "CARDS> <REASON", num_args = 1..)]
    words: Vec<String>,
    /// More cards.
    #[arg(long, num_args = 1.., value_delimiter = ',', value_parser = parse::card, value_name = "CARD")]
    ids: Vec<CardRef>,
    /// Why; becomes a comment. `-` reads it from stdin.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
    reason: String,
    /// Although what they wait for is not finished: the links to it are taken away.
    #[arg(long)]
    force: bool,
    /// Tell what would happen, or why not, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

impl PromoteArgs {
    pub(super) async fn run(self, cx: &Cx) -> Result<ExitCode, CliError> {
        let actor = cx.caller.person("let cards start")?;
        let (cards, reason) = cards_and_reason(&self.words, &self.reason).map_err(CliError::Usage)?;
        let reason = parse::text(&reason)?;
        let how = Promotion { reason: &reason, force: self.force, dry_run: self.dry_run };
        let cards = each_once(cards.into_iter().chain(self.ids));
        let mut answers = Answers::for_cards(cx, &cards);
        for card in cards {
            let promoted = kanban::promote_card(&cx.core, actor, card, how).await.map_err(CliError::from);
            answers.take(card, promoted, |promoted| told(cx, promoted))?;
        }
        answers.finish()
    }
}

fn told(cx: &Cx, promoted: &Promoted) -> Result<(), CliError> {
    let card = &promoted.written.card;
    let (what, states) = match promoted.dry_run {
        true => ("Would promote", format!("{} → {}", card.state, promoted.to)),
        false => ("Promoted", card.state.to_string()),
    };
    let names: Vec<String> = promoted.unlinked.iter().map(|number| format!("T-{number}")).collect();
    let freed = if names.is_empty() { String::new() } else { format!("; no longer waits for {}", names.join(", ")) };
    cx.out.line(&format!("{what} {}  {}  ({states}{freed})", card_label(card), one_line(&card.title)))?;
    if let Some(undo) = promoted.written.undo {
        undo_hint(cx, undo);
    }
    Ok(())
}

/// Work on a ready card yourself: prints what its worker needs, also for `complete`, `block` and `heartbeat`.
#[derive(Debug, Args)]
pub(super) struct ClaimArgs {
    /// Card.
    #[arg(value_parser = parse::card)]
    card: CardRef,
    /// How long it stays yours without a heartbeat, a minute to a day: 900, 30m or 2h. What `claim_ttl_seconds` of
    /// `config.yaml` says when left out; the card's longest run ends it in any case.
    #[arg(long, value_parser = parse::lease, value_name = "DURATION")]
    ttl: Option<u32>,
}

impl ClaimArgs {
    pub(super) async fn run(self, cx: &Cx) -> Result<(), CliError> {
        let actor = cx.caller.person("claim cards")?;
        let owner = format!("outside:{}", actor.name());
        let claim = kanban::claim_card_for(&cx.core, self.card, &owner).await?;
        let work = match worker::start_outside(&cx.core, claim.ticket, self.ttl).await {
            Ok(work) => work,
            Err(error) => {
                // Nobody works on it, so it is given back at once instead of when its lease ends.
                kanban::reclaim_card(&cx.core, actor, self.card, &error.to_string()).await?;
                return Err(error.into());
            }
        };
        if cx.out.is_json() {
            return cx.out.json(&work);
        }
        // The clock has gone on a little since.
        let minutes = (work.lease_until.saturating_sub(cx.core.now_ms()) + 30_000) / 60_000;
        cx.out.line(&format!(
            "T-{} is yours for {minutes} minutes, and longer with each heartbeat.\n\n\
             cd {}\nexport HERMES_KANBAN_RUN_ID={} HERMES_KANBAN_FENCE={}\n\n\
             hermes kanban context T-{0}     # what it is about\n\
             hermes kanban heartbeat         # still at it\n\
             hermes kanban complete --summary \"…\"   or   hermes kanban block \"what you need\"",
            work.card,
            quoted(&work.workspace.to_string_lossy()),
            work.run,
            work.fence
        ))
    }
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use protocol::CardRef::Number;

    use super::{cards_and_reason, when_and_cards};
    use crate::cli::moment::Moment::{At, In};

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_time_is_found_on_either_side_of_the_cards() {
        let read = |given: &[&str]| when_and_cards(&words(given));
        assert_eq!(read(&["1h", "T-1", "2"]), Ok((In(3600), vec![Number(1), Number(2)])));
        assert_eq!(read(&["T-1", "2", "1h"]), Ok((In(3600), vec![Number(1), Number(2)])));
        assert_eq!(read(&["T-1", "90"]), Ok((In(90), vec![Number(1)])));
        assert_eq!(read(&["90", "12"]), Ok((In(90), vec![Number(12)])), "as the help says");
        assert_eq!(read(&["12", "2026-12-01T09:30Z"]), Ok((At(1_796_117_400_000), vec![Number(12)])));
        for given in [&["1h", "2h", "T-1"][..], &["T-1", "T-2"], &["1h"], &["yesterday", "T-1"], &["t_1a2b", "1h"]] {
            assert!(read(given).is_err(), "{given:?}");
        }
        assert!(read(&["t_1a2b", "1h"]).unwrap_err().contains("import --find"));
    }

    #[test]
    fn a_reason_follows_the_cards() {
        let read = |given: &[&str], reason: &str| cards_and_reason(&words(given), reason);
        assert_eq!(read(&["T-1", "2"], ""), Ok((vec![Number(1), Number(2)], String::new())));
        assert_eq!(read(&["T-1", "it", "is 2"], ""), Ok((vec![Number(1)], "it is 2".to_owned())));
        assert_eq!(read(&["T-1"], "why"), Ok((vec![Number(1)], "why".to_owned())));
        for (given, reason) in
            [(&["why"][..], ""), (&["T-1", "T-x2"], ""), (&["T-1", "t_1a2b"], ""), (&["T-1", "a"], "b")]
        {
            assert!(read(given, reason).is_err(), "{given:?} {reason:?}");
        }
    }
}
