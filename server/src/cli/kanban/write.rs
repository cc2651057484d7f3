//! The verbs that change cards. A worker's calls carry its ticket; a person's are ordinary writes that can be undone.

use std::process::ExitCode;

use agent_core::kanban::worker::{self, BlockWords, Handover, Holder, RunTicket};
use agent_core::{decisions, kanban};
use clap::Args;
use protocol::{
    AddCommentParams, BlockKind, CardRef, CardState, CardWritten, EditCardParams, MoveCardParams, RetryCardParams,
    RunEventKind, SettleDecisionOutcome, UndoId,
};
use serde::Serialize;

use super::Cx;
use super::wording::card_label;
use crate::cli::Caller;
use crate::cli::error::CliError;
use crate::cli::output::one_line;
use crate::cli::parse::{self, Moment};

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
            cx.out.line(&format!("Commented on {}  {}", card_label(&card), one_line(&card.title)))
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
    let minutes = (work.lease_until - cx.core.now_ms()) / 60_000;
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
    let mut results = Vec::new();
    for card in cards {
        results.push(decisions::unblock(&cx.core, actor, *card, &reason).await.map_err(CliError::from));
    }
    each(cx, results, settled)
}

fn settled(cx: &Cx, outcome: &SettleDecisionOutcome) -> Result<(), CliError> {
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
    if cx.out.is_json() {
        return cx.out.json(outcome);
    }
    cx.out.line(&format!(
        "Settled {label}  {}  ({}; {} now)",
        one_line(&decision.card.title),
        settlement.verb,
        decision.card.state
    ))?;
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
            let mut results = Vec::new();
            for card in cards {
                results.push(kanban::complete_card(&cx.core, actor, *card, &summary).await.map_err(CliError::from));
            }
            each(cx, results, |cx, written| wrote(cx, written, "Completed"))
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
        .map(serde_json::from_str)
        .transpose()
        .map_err(|error| CliError::failed("invalid", format!("--metadata is not JSON: {error}")))?;
    worker::complete_with(&cx.core, ticket, summary, metadata, handover).await?;
    done(cx, CardRef::Id(holder.card), "Completed").await
}

pub(super) async fn archive(cx: &Cx, cards: &[CardRef], delete: bool) -> Result<ExitCode, CliError> {
    let actor = cx.caller.person(if delete { "delete cards" } else { "archive cards" })?;
    let mut results = Vec::new();
    for card in cards {
        let result = if delete {
            kanban::delete_card(&cx.core, actor, *card).await.map_err(CliError::from)
        } else {
            move_to(cx, *card, CardState::Archived, None).await
        };
        results.push(result);
    }
    each(cx, results, |cx, written| wrote(cx, written, if delete { "Deleted" } else { "Archived" }))
}

pub(super) async fn link(cx: &Cx, parent: CardRef, child: CardRef) -> Result<(), CliError> {
    match &cx.caller {
        Caller::Worker { ticket, .. } => worker::link(&cx.core, *ticket, parent, child).await?,
        Caller::Person(actor) => drop(kanban::link(&cx.core, actor, parent, child).await?),
    }
    linked(cx, parent, child, "waits for").await
}

pub(super) async fn unlink(cx: &Cx, parent: CardRef, child: CardRef) -> Result<(), CliError> {
    match &cx.caller {
        Caller::Worker { ticket, .. } => worker::unlink(&cx.core, *ticket, parent, child).await?,
        Caller::Person(actor) => drop(kanban::unlink(&cx.core, actor, parent, child).await?),
    }
    linked(cx, parent, child, "no longer waits for").await
}

async fn linked(cx: &Cx, parent: CardRef, child: CardRef, what: &str) -> Result<(), CliError> {
    let linked = Linked { parent: as_written(cx, parent).await?, child: as_written(cx, child).await? };
    if cx.out.is_json() {
        return cx.out.json(&linked);
    }
    cx.out.line(&format!("{} {what} {}", card_label(&linked.child.card), card_label(&linked.parent.card)))
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

pub(super) async fn assign(cx: &Cx, card: CardRef, profile: &str) -> Result<(), CliError> {
    let actor = cx.caller.person("assign cards")?;
    let card = kanban::card(&cx.core, card).await?;
    let assignee = if profile.eq_ignore_ascii_case("none") { String::new() } else { profile.to_owned() };
    let params = EditCardParams { assignee: Some(assignee), ..EditCardParams::of(card.id, card.revision) };
    let written = kanban::edit_card(&cx.core, actor, params).await?;
    wrote(cx, &written, "Assigned")
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

/// Change what a card says.
#[derive(Debug, Args)]
pub(super) struct EditArgs {
    /// Card.
    #[arg(value_parser = parse::card)]
    card: CardRef,
    /// New title.
    #[arg(long)]
    title: Option<String>,
    /// New description; `-` reads it from stdin.
    #[arg(long, value_name = "TEXT")]
    body: Option<String>,
    /// New priority.
    #[arg(long, allow_negative_numbers = true)]
    priority: Option<i32>,
    /// All labels it shall have, by commas; empty for none.
    #[arg(long, value_name = "LABELS")]
    labels: Option<String>,
    /// New tenant; empty for none.
    #[arg(long)]
    tenant: Option<String>,
    /// All skills it shall have, by commas; empty for none.
    #[arg(long, value_name = "SKILLS")]
    skills: Option<String>,
    /// When it comes again: `every 2h` or five cron fields; empty for never.
    #[arg(long, value_name = "RULE")]
    repeat: Option<String>,
    /// Failures in a row before a person is asked; 0 for the machine's limit.
    #[arg(long, value_name = "N")]
    max_retries: Option<u32>,
    /// Longest run: 300, 90s, 30m, 2h or 1d.
    #[arg(long, value_parser = parse::duration, value_name = "DURATION")]
    max_runtime: Option<u32>,
    /// Tokens of all its runs; 0 for no limit.
    #[arg(long, value_name = "N")]
    max_tokens: Option<i64>,
    /// Cost of all its runs in dollars; 0 for no limit.
    #[arg(long, value_parser = parse::dollars, value_name = "DOLLARS")]
    max_cost: Option<i64>,
    /// The result of a finished card; `-` reads it from stdin.
    #[arg(long, visible_alias = "summary", value_name = "TEXT")]
    result: Option<String>,
}

impl EditArgs {
    pub(super) async fn run(self, cx: &Cx) -> Result<(), CliError> {
        let actor = cx.caller.person("edit cards")?;
        let card = kanban::card(&cx.core, self.card).await?;
        let list = |text: Option<String>| {
            text.map(|text| {
                text.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
            })
        };
        let params = EditCardParams {
            title: self.title,
            body: self.body.as_deref().map(parse::text).transpose()?,
            priority: self.priority,
            labels: list(self.labels),
            tenant: self.tenant,
            skills: list(self.skills),
            repeat: self.repeat,
            max_attempts: self.max_retries,
            max_runtime_s: self.max_runtime,
            max_tokens: self.max_tokens,
            max_cost_micros: self.max_cost,
            ..EditCardParams::of(card.id, card.revision)
        };
        let changes = params != EditCardParams::of(card.id, card.revision);
        let written = match self.result {
            Some(_) if changes => {
                return Err(CliError::Usage("change the result by itself, then the rest".into()));
            }
            Some(result) => kanban::edit_result(&cx.core, actor, CardRef::Id(card.id), &parse::text(&result)?).await?,
            None if changes => kanban::edit_card(&cx.core, actor, params).await?,
            None => return Err(CliError::Usage("say what to change; `hermes kanban edit --help` lists it".into())),
        };
        wrote(cx, &written, "Changed")
    }
}

pub(super) async fn schedule(cx: &Cx, cards: &[CardRef], at: Moment) -> Result<ExitCode, CliError> {
    let actor = cx.caller.person("schedule cards")?;
    let at = at.unix_ms(cx.core.now_ms());
    let mut results = Vec::new();
    for card in cards {
        results.push(kanban::schedule_card(&cx.core, actor, *card, at).await.map_err(CliError::from));
    }
    each(cx, results, |cx, written| wrote(cx, written, "Scheduled"))
}

pub(super) async fn promote(cx: &Cx, cards: &[CardRef]) -> Result<ExitCode, CliError> {
    let mut results = Vec::new();
    for card in cards {
        results.push(promote_one(cx, *card).await);
    }
    each(cx, results, |cx, written| wrote(cx, written, "Promoted"))
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

pub(super) async fn reassign(cx: &Cx, card: CardRef, profile: &str, reclaim: Option<&str>) -> Result<(), CliError> {
    let actor = cx.caller.person("assign cards")?;
    if let Some(reason) = reclaim
        && kanban::card(&cx.core, card).await?.state == CardState::Running
    {
        kanban::reclaim_card(&cx.core, actor, card, reason).await?;
    }
    assign(cx, card, profile).await
}

pub(super) async fn set_model(cx: &Cx, card: CardRef, model: &str) -> Result<(), CliError> {
    let actor = cx.caller.person("choose models")?;
    let card = kanban::card(&cx.core, card).await?;
    let model = if model.eq_ignore_ascii_case("none") { String::new() } else { model.to_owned() };
    let params = EditCardParams { model: Some(model), ..EditCardParams::of(card.id, card.revision) };
    let written = kanban::edit_card(&cx.core, actor, params).await?;
    wrote(cx, &written, "Changed the model of")
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

fn wrote(cx: &Cx, written: &CardWritten, what: &str) -> Result<(), CliError> {
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

/// Tells each result: one line, or one JSON object per card, in order. All are tried; any failure fails the command.
pub(super) fn each<T>(
    cx: &Cx,
    results: Vec<Result<T, CliError>>,
    tell: impl Fn(&Cx, &T) -> Result<(), CliError>,
) -> Result<ExitCode, CliError> {
    let mut code = ExitCode::SUCCESS;
    for result in results {
        match result.and_then(|value| tell(cx, &value)) {
            Ok(()) => {}
            Err(CliError::Closed) => return Err(CliError::Closed),
            Err(error) => {
                error.report(cx.out.is_json());
                code = error.exit_code();
            }
        }
    }
    Ok(code)
}
