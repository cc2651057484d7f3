//! The verbs that change cards. A worker's calls carry its ticket; a person's are ordinary writes that can be undone.

use std::process::ExitCode;

use agent_core::kanban::worker::{self, BlockWords, Handover, Holder, RunTicket};
use agent_core::text::read_json;
use agent_core::{decisions, kanban};
use protocol::{
    AddCommentParams, BlockKind, CardRef, CardState, CardWritten, MoveCardParams, RetryCardParams, RunEventKind,
    SettleDecisionOutcome, UndoId,
};
use serde::Serialize;

use super::Cx;
use super::many::Answers;
use super::wording::card_label;
use crate::cli::Caller;
use crate::cli::error::CliError;
use crate::cli::moment::{Moment, moment};
use crate::cli::output::one_line;
use crate::cli::parse::{self, typed};

/// A card after a worker's block, with the kind it became.
#[derive(Debug, Serialize)]
struct Blocked {
    #[serde(flatten)]
    written: CardWritten,
    kind: BlockKind,
}

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

pub(super) async fn block(
    cx: &Cx,
    words: &[String],
    kind: Option<BlockKind>,
    summary: &str,
    options: Vec<String>,
    handover: Handover,
) -> Result<(), CliError> {
    let (card, words) = card_and_words(cx, words)?;
    let reason = parse::words(words)?;
    match &cx.caller {
        Caller::Worker { ticket, holder } => {
            Caller::check_own(&cx.core, holder, card).await?;
            let summary = parse::text(summary)?;
            let words = BlockWords { kind, reason: &reason, summary: &summary, options: &options };
            let kind = worker::block_with(&cx.core, *ticket, words, &handover).await?;
            let written = as_written(cx, CardRef::Id(holder.card)).await?;
            if cx.out.is_json() {
                return cx.out.json(&Blocked { written, kind });
            }
            cx.out.line(&format!("{} is {} now ({kind})", card_label(&written.card), written.card.state))
        }
        Caller::Person(actor) => {
            let more = !handover.artifacts.is_empty() || handover.then_continue;
            if kind.is_some() || !summary.is_empty() || !options.is_empty() || more {
                return Err(CliError::Usage(
                    "--kind, --summary, --option, --artifact and --then are for workers; give the reason alone".into(),
                ));
            }
            let written = kanban::block_card(&cx.core, actor, needed(card)?, &reason).await?;
            wrote(cx, &written, "Blocked")
        }
    }
}

pub(super) async fn claim(cx: &Cx, card: CardRef) -> Result<(), CliError> {
    let actor = cx.caller.person("claim cards")?;
    let owner = format!("outside:{}", actor.name());
    let claim = kanban::claim_card_for(&cx.core, card, &owner).await?;
    let work = match worker::start_outside(&cx.core, claim.ticket).await {
        Ok(work) => work,
        Err(error) => {
            // Nobody works on it, so it is given back at once instead of when its lease ends.
            kanban::reclaim_card(&cx.core, actor, card, &error.to_string()).await?;
            return Err(error.into());
        }
    };
    if cx.out.is_json() {
        return cx.out.json(&work);
    }
    let minutes = work.lease_until.saturating_sub(cx.core.now_ms()) / 60_000;
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

/// A word for a shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
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
    summary: &str,
    metadata: Option<&str>,
    handover: Handover,
) -> Result<ExitCode, CliError> {
    if cards.len() > 1 && !summary.is_empty() {
        return Err(CliError::Usage("one summary cannot stand for several cards; complete them one by one".into()));
    }
    let summary = parse::text(summary)?;
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

pub(super) async fn heartbeat(cx: &Cx, note: Option<&str>) -> Result<(), CliError> {
    let Caller::Worker { ticket, holder } = &cx.caller else {
        return Err(CliError::Usage(
            "heartbeat is for workers; Hermes gives them HERMES_KANBAN_RUN_ID and HERMES_KANBAN_FENCE".into(),
        ));
    };
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

pub(super) async fn schedule(cx: &Cx, words: &[String]) -> Result<ExitCode, CliError> {
    let actor = cx.caller.person("schedule cards")?;
    let (at, cards) = when_and_cards(words).map_err(CliError::Usage)?;
    let at = at.unix_ms(cx.core.now_ms());
    let mut answers = Answers::for_cards(cx, &cards);
    for card in cards {
        let written = kanban::schedule_card(&cx.core, actor, card, at).await.map_err(CliError::from);
        answers.take(card, written, |written| wrote(cx, written, "Scheduled"))?;
    }
    answers.finish()
}

/// The time and the cards, in either order. A plain number may be both, seconds and a card: then the time is first.
fn when_and_cards(words: &[String]) -> Result<(Moment, Vec<CardRef>), String> {
    let read: Vec<_> = words.iter().map(|word| (moment(word), parse::card(word))).collect();
    if let Some(at) = read.iter().position(|(time, card)| time.is_err() && card.is_err()) {
        let word = words.get(at).map_or("", String::as_str);
        let known_id = read.get(at).and_then(|(_, card)| card.as_ref().err()).filter(|_| word.starts_with("t_"));
        return Err(known_id.cloned().unwrap_or_else(|| {
            format!("\"{}\" is neither a time nor a card; write for instance `schedule 2h T-12 T-13`", typed(word))
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

pub(super) async fn promote(cx: &Cx, cards: &[CardRef]) -> Result<ExitCode, CliError> {
    let mut answers = Answers::for_cards(cx, cards);
    for card in cards {
        let written = promote_one(cx, *card).await;
        answers.take(*card, written, |written| wrote(cx, written, "Promoted"))?;
    }
    answers.finish()
}

/// A card that is ready already, and rests after a failure, need not wait for the end of it.
async fn promote_one(cx: &Cx, card: CardRef) -> Result<CardWritten, CliError> {
    let found = kanban::card(&cx.core, card).await?;
    if found.state != CardState::Ready {
        return move_to(cx, card, CardState::Ready, None).await;
    }
    let actor = cx.caller.person("start cards at once")?;
    let params = RetryCardParams { id: found.id, assignee: None, model: None, comment: String::new() };
    Ok(kanban::retry_card(&cx.core, actor, params).await?)
}

pub(super) async fn reclaim(cx: &Cx, card: CardRef, reason: &str) -> Result<(), CliError> {
    let actor = cx.caller.person("take cards back")?;
    let written = kanban::reclaim_card(&cx.core, actor, card, reason).await?;
    wrote(cx, &written, "Took back")
}

/// A card and the words after it. A worker may leave out its own card, so only a first word that can name a card does.
fn card_and_words<'a>(cx: &Cx, words: &'a [String]) -> Result<(Option<CardRef>, &'a [String]), CliError> {
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

async fn as_written(cx: &Cx, card: CardRef) -> Result<CardWritten, CliError> {
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

#[cfg(test)]
mod tests {
    use protocol::CardRef::Number;

    use super::when_and_cards;
    use crate::cli::moment::Moment::{At, In};

    #[test]
    fn a_time_is_found_on_either_side_of_the_cards() {
        let read = |words: &[&str]| when_and_cards(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(read(&["1h", "T-1", "2"]), Ok((In(3600), vec![Number(1), Number(2)])));
        assert_eq!(read(&["T-1", "2", "1h"]), Ok((In(3600), vec![Number(1), Number(2)])));
        assert_eq!(read(&["T-1", "90"]), Ok((In(90), vec![Number(1)])));
        assert_eq!(read(&["90", "12"]), Ok((In(90), vec![Number(12)])), "as the help says");
        assert_eq!(read(&["12", "2026-12-01T09:30Z"]), Ok((At(1_796_117_400_000), vec![Number(12)])));
        for words in [&["1h", "2h", "T-1"][..], &["T-1", "T-2"], &["1h"], &["yesterday", "T-1"], &["t_1a2b", "1h"]] {
            assert!(read(words).is_err(), "{words:?}");
        }
        assert!(read(&["t_1a2b", "1h"]).unwrap_err().contains("import --find"));
    }
}
