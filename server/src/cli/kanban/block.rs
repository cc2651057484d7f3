//! `hermes kanban block`: stopping for a person.

use std::process::ExitCode;

use agent_core::kanban;
use agent_core::kanban::worker::{self, BlockWords, Handover, Holder, RunTicket};
use clap::Args;
use protocol::{AfterApproval, BlockKind, CardRef, CardWritten};
use serde::Serialize;

use super::Cx;
use super::files::HandoverArgs;
use super::many::{Answers, each_once};
use super::wording::card_label;
use super::write::{as_written, card_and_words, needed, wrote};
use crate::cli::Caller;
use crate::cli::error::CliError;
use crate::cli::parse;

/// Stop a card for a person.
#[derive(Debug, Args)]
pub(super) struct BlockArgs {
    /// Card and reason; a worker may leave out its own card. `-` reads the reason from stdin.
    #[arg(required = true, value_name = "CARD> <REASON", num_args = 1..)]
    words: Vec<String>,
    /// More cards that are stopped for the same reason.
    #[arg(long, num_args = 1.., value_delimiter = ',', value_parser = parse::card, value_name = "CARD")]
    ids: Vec<CardRef>,
    /// Why (workers): review, needs_input, capability, transient or dependency.
    #[arg(long, value_name = "KIND")]
    kind: Option<BlockKind>,
    /// What was done so far (workers); `-` reads it from stdin.
    #[arg(long, default_value = "", hide_default_value = true)]
    summary: String,
    /// A suggested answer (workers); may be repeated.
    #[arg(long = "option", value_name = "ANSWER")]
    options: Vec<String>,
    #[command(flatten)]
    handover: HandoverArgs,
    /// What an approval leads to (workers, reviews only): finish or continue.
    #[arg(long, value_name = "WORD")]
    then: Option<AfterApproval>,
}

/// A card after a worker's block, with the kind it became.
#[derive(Debug, Serialize)]
struct Blocked {
    #[serde(flatten)]
    written: CardWritten,
    kind: BlockKind,
}

impl BlockArgs {
    pub(super) async fn run(self, cx: &Cx) -> Result<ExitCode, CliError> {
        let Self { words, ids, kind, summary, options, handover, then } = self;
        let (card, words) = card_and_words(cx, &words)?;
        let reason = parse::words(words)?;
        let handover = handover.with(then);
        match &cx.caller {
            Caller::Worker { ticket, holder } => {
                for named in card.into_iter().chain(ids) {
                    Caller::check_own(&cx.core, holder, Some(named)).await?;
                }
                let summary = parse::text(&summary)?;
                let words = BlockWords { kind, reason: &reason, summary: &summary, options: &options };
                own(cx, (*ticket, holder), words, &handover).await?;
                Ok(ExitCode::SUCCESS)
            }
            Caller::Person(actor) => {
                let more = !handover.artifacts.is_empty() || handover.then_continue;
                if kind.is_some() || !summary.is_empty() || !options.is_empty() || more {
                    return Err(CliError::Usage(
                        "--kind, --summary, --option, --artifact and --then are for workers; give the reason alone"
                            .into(),
                    ));
                }
                let cards = each_once(std::iter::once(needed(card)?).chain(ids));
                let mut answers = Answers::for_cards(cx, &cards);
                for card in cards {
                    let written = kanban::block_card(&cx.core, actor, card, &reason).await.map_err(CliError::from);
                    answers.take(card, written, |written| wrote(cx, written, "Blocked"))?;
                }
                answers.finish()
            }
        }
    }
}

/// A worker's own card.
async fn own(
    cx: &Cx,
    (ticket, holder): (RunTicket, &Holder),
    words: BlockWords<'_>,
    handover: &Handover,
) -> Result<(), CliError> {
    let kind = worker::block_with(&cx.core, ticket, words, handover).await?;
    let written = as_written(cx, CardRef::Id(holder.card)).await?;
    if cx.out.is_json() {
        return cx.out.json(&Blocked { written, kind });
    }
    cx.out.line(&format!("{} is {} now ({kind})", card_label(&written.card), written.card.state))
}
