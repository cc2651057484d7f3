//! The verbs that change cards. A worker's calls carry its ticket; a person's are ordinary writes that can be undone.

use std::process::ExitCode;

use agent_core::kanban::worker::{self, Handover, Holder, RunTicket};
use agent_core::text::read_json;
use agent_core::{decisions, kanban};
use protocol::{
    AddCommentParams, CardRef, CardState, CardWritten, MoveCardParams, RunEventKind, SettleDecisionOutcome, UndoId,
};
use serde::Serialize;

use super::Cx;
use super::many::Answers;
use super::wording::card_label;
use crate::cli::Caller;
use crate::cli::error::CliError;
use crate::cli::output::one_line;
use crate::cli::parse;

/// Two cards that were linked or unlinked.
#[derive(Debug, Serialize)]
struct Linked {
    parent: CardWritten,
    child: CardWritten,
    /// Takes the link, or its end, back; `None` for workers and for a link that was there before.
    undo: Option<UndoId>,
}

pub(super) async fn comment(cx: &Cx, words: &[String]) -> Result<(), CliError> {
    let (card, words) = card_and_words(cx, words)?;
    let body = parse::words(words)?;
    match &cx.caller {
        Caller::Worker { ticket, holder } => {
            let card = card.unwrap_or(CardRef::Id(holder.card));
            worker::comment(&cx.core, *ticket, card, &body).await?;
            done(cx, card, "Commented on").await
        }
        Caller::Person(actor) => {
            let card = kanban::card(&cx.core, needed(card)?).await?;
            let added =
                kanban::add_comment(&cx.core, actor, AddCommentParams { id: card.id, body, anchor: None }).await?;
            if cx.out.is_json() {
                return cx.out.json(&added);
            }
            cx.out.line(&format!("Commented on {}  {}", card_label(&card), one_line(&card.title)))?;
            if let Some(undo) = added.undo {
                undo_hint(cx, undo);
            }
            Ok(())
        }
    }
}

pub(super) async fn unblock(cx: &Cx, cards: &[CardRef], reason: &str) -> Result<ExitCode, CliError> {
    let actor = cx.caller.person("settle what a card asks")?;
    let reason = parse::text(reason)?;
    let mut answers = Answers::for_cards(cx, cards);
    for card in cards {
        let outcome = decisions::unblock(&cx.core, actor, *card, &reason).await.map_err(CliError::from);
        answers.take(*card, outcome.and_then(settled_by_us), |outcome| settled(cx, outcome))?;
    }
    answers.finish()
}

/// A decision that somebody else settled meanwhile is a failure.
fn settled_by_us(outcome: SettleDecisionOutcome) -> Result<SettleDecisionOutcome, CliError> {
    let decision = &outcome.decision;
    let label = format!("T-{}", decision.card.number);
    let Some(settlement) = &decision.settlement else {
        return Err(CliError::failed("conflict", format!("{label} asks nothing any more; look at it again")));
    };
    if !settlement.by_you {
        let who = one_line(&settlement.by);
        return Err(CliError::failed(
            "conflict",
            format!("{who} was faster: {label} was settled by {}", settlement.verb),
        ));
    }
    Ok(outcome)
}

fn settled(cx: &Cx, outcome: &SettleDecisionOutcome) -> Result<(), CliError> {
    let decision = &outcome.decision;
    let (label, title) = (format!("T-{}", decision.card.number), one_line(&decision.card.title));
    let Some(settlement) = &decision.settlement else { return Ok(()) };
    cx.out.line(&format!("Settled {label}  {title}  ({}; {} now)", settlement.verb, decision.card.state))?;
    if let Some(undo) = settlement.undo {
        undo_hint(cx, undo);
    }
    Ok(())
}

pub(super) async fn complete(
    cx: &Cx,
    cards: &[CardRef],
    summary: &[String],
    metadata: Option<&str>,
    handover: Handover,
) -> Result<ExitCode, CliError> {
    if cards.len() > 1 && summary.iter().any(|text| !text.is_empty()) {
        return Err(CliError::Usage("one summary cannot stand for several cards; complete them one by one".into()));
    }
    let summary = parse::paragraphs(summary)?;
    match &cx.caller {
        Caller::Worker { ticket, holder } => {
            complete_own(cx, (*ticket, holder), cards, &summary, metadata, &handover).await?;
            Ok(ExitCode::SUCCESS)
        }
        Caller::Person(actor) => {
            if cards.is_empty() {
                return Err(CliError::Usage(
                    "name the card to complete, for instance `hermes kanban complete T-12`".into(),
                ));
            }
            if !handover.artifacts.is_empty() {
                return Err(CliError::Usage(
                    "--artifact is for workers; keep files with `hermes kanban attach T-12 PATH` instead".into(),
                ));
            }
            if metadata.is_some() {
                return Err(CliError::Usage("--metadata belongs to a worker's run; give a --summary instead".into()));
            }
            let mut answers = Answers::for_cards(cx, cards);
            for card in cards {
                let written = kanban::complete_card(&cx.core, actor, *card, &summary).await.map_err(CliError::from);
                answers.take(*card, written, |written| wrote(cx, written, "Completed"))?;
            }
            answers.finish()
        }
    }
}

async fn complete_own(
    cx: &Cx,
    (ticket, holder): (RunTicket, &Holder),
    cards: &[CardRef],
    summary: &str,
    metadata: Option<&str>,
    handover: &Handover,
) -> Result<(), CliError> {
    for card in cards {
        Caller::check_own(&cx.core, holder, Some(*card)).await?;
    }
    let metadata = metadata
        .map(|metadata| read_json(metadata.as_bytes()))
        .transpose()
        .map_err(|error| CliError::failed("invalid", format!("--metadata: {error}")))?;
    worker::complete_with(&cx.core, ticket, summary, metadata, handover).await?;
    done(cx, CardRef::Id(holder.card), "Completed").await
}

pub(super) async fn archive(cx: &Cx, cards: &[CardRef], delete: bool) -> Result<ExitCode, CliError> {
    let actor = cx.caller.person(if delete { "delete cards" } else { "archive cards" })?;
    let mut answers = Answers::for_cards(cx, cards);
    for card in cards {
        let written = if delete {
            kanban::delete_card(&cx.core, actor, *card).await.map_err(CliError::from)
        } else {
            move_to(cx, *card, CardState::Archived, None).await
        };
        answers.take(*card, written, |written| wrote(cx, written, if delete { "Deleted" } else { "Archived" }))?;
    }
    answers.finish()
}

pub(super) async fn restore(cx: &Cx, cards: &[CardRef]) -> Result<ExitCode, CliError> {
    let actor = cx.caller.person("bring deleted cards back")?;
    let mut answers = Answers::for_cards(cx, cards);
    for card in cards {
        let written = kanban::restore_card(&cx.core, actor, *card).await.map_err(CliError::from);
        answers.take(*card, written, |written| wrote(cx, written, "Restored"))?;
    }
    answers.finish()
}

pub(super) async fn link(cx: &Cx, parent: CardRef, child: CardRef) -> Result<(), CliError> {
    let undo = match &cx.caller {
        Caller::Worker { ticket, .. } => {
            worker::link(&cx.core, *ticket, parent, child).await?;
            None
        }
        Caller::Person(actor) => kanban::link(&cx.core, actor, parent, child).await?.undo,
    };
    linked(cx, (parent, child), "waits for", undo).await
}

pub(super) async fn unlink(cx: &Cx, parent: CardRef, child: CardRef) -> Result<(), CliError> {
    let undo = match &cx.caller {
        Caller::Worker { ticket, .. } => {
            worker::unlink(&cx.core, *ticket, parent, child).await?;
            None
        }
        Caller::Person(actor) => kanban::unlink(&cx.core, actor, parent, child).await?.undo,
    };
    linked(cx, (parent, child), "no longer waits for", undo).await
}

async fn linked(
    cx: &Cx,
    (parent, child): (CardRef, CardRef),
    what: &str,
    undo: Option<UndoId>,
) -> Result<(), CliError> {
    let linked = Linked { parent: as_written(cx, parent).await?, child: as_written(cx, child).await?, undo };
    if cx.out.is_json() {
        return cx.out.json(&linked);
    }
    cx.out.line(&format!("{} {what} {}", card_label(&linked.child.card), card_label(&linked.parent.card)))?;
    if let Some(undo) = undo {
        undo_hint(cx, undo);
    }
    Ok(())
}

pub(super) async fn move_card(cx: &Cx, card: CardRef, to: CardState, revision: Option<i64>) -> Result<(), CliError> {
    let written = move_to(cx, card, to, revision).await?;
    wrote(cx, &written, "Moved")
}

async fn move_to(cx: &Cx, card: CardRef, to: CardState, revision: Option<i64>) -> Result<CardWritten, CliError> {
    let actor = cx.caller.person("move cards")?;
    let id = kanban::card(&cx.core, card).await?.id;
    let params = MoveCardParams { id, revision, to, after: None, before: None };
    Ok(kanban::move_card(&cx.core, actor, params).await?)
}

pub(super) async fn undo(cx: &Cx, id: UndoId) -> Result<(), CliError> {
    let actor = cx.caller.person("take writes back")?;
    let undone = kanban::undo(&cx.core, actor, id).await?;
    if cx.out.is_json() {
        return cx.out.json(&undone);
    }
    for card in &undone.cards {
        let (label, title) = (card_label(card), one_line(&card.title));
        cx.out.line(&format!("Took back the change of {label}  {title}  ({})", card.state))?;
    }
    for gone in &undone.removed {
        cx.out.line(&format!("Took back the new card {gone}"))?;
    }
    for board in &undone.boards {
        cx.out.line(&format!("Took back the change of the board {}  {}", board.slug, one_line(&board.name)))?;
    }
    for refused in &undone.refused {
        cx.out.hint(&refused.reason);
    }
    Ok(())
}

pub(super) async fn heartbeat(cx: &Cx, card: Option<CardRef>, note: Option<&str>) -> Result<(), CliError> {
    let Caller::Worker { ticket, holder } = &cx.caller else {
        return Err(CliError::Usage(
            "heartbeat is for workers; Hermes gives them HERMES_KANBAN_RUN_ID and HERMES_KANBAN_FENCE, and `hermes \
             kanban claim` prints them for you"
                .into(),
        ));
    };
    Caller::check_own(&cx.core, holder, card).await?;
    worker::heartbeat(&cx.core, *ticket).await?;
    if let Some(note) = note.map(str::trim).filter(|note| !note.is_empty()) {
        let event = worker::NewRunEvent {
            kind: RunEventKind::Note,
            name: String::new(),
            detail: agent_core::text::redact(note),
            ok: true,
        };
        worker::record(&cx.core, *ticket, vec![event]).await?;
    }
    done(cx, CardRef::Id(holder.card), "Still working on").await
}

pub(super) async fn reclaim(cx: &Cx, card: CardRef, reason: &str) -> Result<(), CliError> {
    let actor = cx.caller.person("take cards back")?;
    let written = kanban::reclaim_card(&cx.core, actor, card, reason).await?;
    wrote(cx, &written, "Took back")
}

/// A card and the words after it. A worker may leave out its own card, so only a first word that can name a card does.
pub(super) fn card_and_words<'a>(cx: &Cx, words: &'a [String]) -> Result<(Option<CardRef>, &'a [String]), CliError> {
    let first = words.first().map(|word| parse::card(word));
    match (first, cx.caller.own_card()) {
        (Some(Ok(card)), _) if words.len() > 1 => Ok((Some(card), &words[1..])),
        (_, Some(_)) => Ok((None, words)),
        (Some(Ok(_)), None) => Err(CliError::Usage("say something after the card; `-` reads it from stdin".into())),
        (Some(Err(problem)), None) => Err(CliError::Usage(problem)),
        (None, None) => Err(CliError::Usage("name a card and say something".into())),
    }
}

pub(super) fn needed(card: Option<CardRef>) -> Result<CardRef, CliError> {
    card.ok_or_else(|| CliError::Usage("name the card, for instance T-12".into()))
}

pub(super) async fn as_written(cx: &Cx, card: CardRef) -> Result<CardWritten, CliError> {
    Ok(CardWritten { card: kanban::card(&cx.core, card).await?, undo: None })
}

/// Tells what a worker's call did; workers have nothing to undo.
async fn done(cx: &Cx, card: CardRef, what: &str) -> Result<(), CliError> {
    let written = as_written(cx, card).await?;
    wrote(cx, &written, what)
}

pub(super) fn wrote(cx: &Cx, written: &CardWritten, what: &str) -> Result<(), CliError> {
    if cx.out.is_json() {
        return cx.out.json(written);
    }
    let card = &written.card;
    cx.out.line(&format!("{what} {}  {}  ({})", card_label(card), one_line(&card.title), card.state))?;
    if let Some(undo) = written.undo {
        undo_hint(cx, undo);
    }
    Ok(())
}

pub(super) fn undo_hint(cx: &Cx, undo: UndoId) {
    cx.out.hint(&format!("Take it back within 10 minutes: hermes kanban undo {undo}"));
}
