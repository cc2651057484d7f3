//! Putting off what cards ask, and bringing it back.

use std::process::ExitCode;

use agent_core::{Actor, decisions, kanban};
use protocol::{CardRef, SnoozeDecisionOutcome, SnoozeDecisionParams};
use serde::Serialize;

use super::Cx;
use super::many::Answers;
use super::write::undo_hint;
use crate::cli::error::CliError;
use crate::cli::moment::{Moment, on_this_clock};

/// A decision of a card that was put off, or brought back.
#[derive(Debug, Serialize)]
struct Snoozed {
    card: i64,
    #[serde(flatten)]
    outcome: SnoozeDecisionOutcome,
}

pub(super) async fn run(cx: &Cx, cards: &[CardRef], until: Option<Moment>) -> Result<ExitCode, CliError> {
    let actor = cx.caller.person("put off what a card asks")?;
    let until = until.map(|until| until.unix_ms(cx.core.now_ms()));
    let mut answers = Answers::for_cards(cx, cards);
    for card in cards {
        let snoozed = snooze_one(cx, actor, *card, until).await;
        answers.take(*card, snoozed, |snoozed| say_snoozed(cx, snoozed))?;
    }
    answers.finish()
}

async fn snooze_one(cx: &Cx, actor: &Actor, card: CardRef, until: Option<i64>) -> Result<Snoozed, CliError> {
    let id = kanban::open_decision_of(&cx.core, card).await?;
    let number = kanban::card(&cx.core, card).await?.number;
    let outcome = decisions::snooze(&cx.core, actor, SnoozeDecisionParams { id, until }).await?;
    Ok(Snoozed { card: number, outcome })
}

fn say_snoozed(cx: &Cx, snoozed: &Snoozed) -> Result<(), CliError> {
    let number = snoozed.card;
    cx.out.line(&match snoozed.outcome.until {
        Some(until) => format!("T-{number} is out of the inbox until {}", on_this_clock(until)),
        None => format!("T-{number} is in the inbox"),
    })?;
    if let Some(undo) = snoozed.outcome.undo {
        undo_hint(cx, undo);
    }
    Ok(())
}
