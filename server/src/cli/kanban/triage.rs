//! Triage with a model, and swarms.

use std::process::ExitCode;

use agent_core::Actor;
use agent_core::kanban::{self, triage};
use clap::Args;
use protocol::{
    AcceptProposalParams, BoardView, CardRef, CardState, Proposal, ProposalAccepted, ProposalKind, ProposalState,
    ProposalView, SwarmParams, SwarmWorker,
};
use serde::Serialize;

use super::Cx;
use super::edit::PRIORITIES;
use super::many::Answers;
use super::write::undo_hint;
use crate::cli::error::CliError;
use crate::cli::output::{one_line, printable};
use crate::cli::parse;

/// Cards that `--all` reaches in one call: each is a call of a model.
const MAX_AT_ONCE: u32 = 20;

/// What a model's look at a card led to.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Looked {
    /// It waits for a person.
    Proposed {
        card: i64,
        #[serde(flatten)]
        view: ProposalView,
    },
    /// It was accepted at once.
    Accepted(Box<ProposalAccepted>),
}

#[derive(Debug, Args)]
pub(super) struct ProposeArgs {
    /// Cards in triage.
    #[arg(value_parser = parse::card, required_unless_present = "all")]
    cards: Vec<CardRef>,
    /// Every card in triage, at most 20 at once.
    #[arg(long, conflicts_with = "cards")]
    all: bool,
    /// With --all: only this tenant's.
    #[arg(long, requires = "all")]
    tenant: Option<String>,
    /// Accept what the model proposes without looking at it.
    #[arg(long)]
    yes: bool,
}

impl ProposeArgs {
    pub(super) async fn run(self, cx: &Cx, kind: ProposalKind) -> Result<ExitCode, CliError> {
        let actor = cx.caller.person("have cards looked at by a model")?;
        let cards = if self.all { in_triage(cx, self.tenant).await? } else { self.cards };
        if cards.is_empty() && !cx.out.is_json() {
            cx.out.line("Nothing is in triage.")?;
        }
        let mut answers = Answers::new(cx, self.all || cards.len() > 1);
        for card in cards {
            let looked = propose(cx, actor, card, kind, self.yes).await;
            answers.take(card, looked, |looked| told(cx, looked))?;
        }
        answers.finish()
    }
}

async fn in_triage(cx: &Cx, tenant: Option<String>) -> Result<Vec<CardRef>, CliError> {
    let view = BoardView { tenant, ..BoardView::default() };
    let cards = kanban::list_cards(&cx.core, &cx.board, &view, Some(CardState::Triage), MAX_AT_ONCE).await?;
    Ok(cards.into_iter().map(|card| CardRef::Id(card.id)).collect())
}

async fn propose(cx: &Cx, actor: &Actor, card: CardRef, kind: ProposalKind, yes: bool) -> Result<Looked, CliError> {
    let number = kanban::card(&cx.core, card).await?.number;
    let view = triage::propose(&cx.core, actor, card, kind).await?;
    match &view.state {
        ProposalState::Failed(why) => Err(CliError::failed("model", format!("T-{number}: {why}"))),
        ProposalState::Ready(proposal) if yes => {
            if !cx.out.is_json() {
                show(cx, number, proposal)?;
            }
            accept_one(cx, actor, card).await.map(|accepted| Looked::Accepted(Box::new(accepted)))
        }
        ProposalState::Ready(_) | ProposalState::Working => Ok(Looked::Proposed { card: number, view }),
    }
}

fn told(cx: &Cx, looked: &Looked) -> Result<(), CliError> {
    match looked {
        Looked::Accepted(made) => accepted(cx, made),
        Looked::Proposed { card, view: ProposalView { state: ProposalState::Ready(proposal), .. } } => {
            show(cx, *card, proposal)?;
            cx.out.hint(&format!("Accept it with `hermes kanban accept T-{card}`, or change it in the app first."));
            Ok(())
        }
        Looked::Proposed { card, .. } => cx.out.line(&format!(
            "A model is looking at T-{card} already; `hermes kanban show T-{card}` shows when it is done."
        )),
    }
}

fn show(cx: &Cx, number: i64, proposal: &Proposal) -> Result<(), CliError> {
    cx.out.line(&format!("T-{number}  {}", in_words(proposal)))
}

/// A proposal as people read it.
pub(super) fn in_words(proposal: &Proposal) -> String {
    let mut text = format!("{}\n", one_line(&proposal.title));
    if !proposal.rationale.is_empty() {
        text.push_str(&format!("{}\n", printable(&proposal.rationale)));
    }
    if proposal.tasks.is_empty() {
        text.push_str(&format!("\n{}\n", printable(&proposal.body)));
    }
    for (at, task) in proposal.tasks.iter().enumerate() {
        let assignee = task.assignee.as_deref().map(|name| format!("  @{name}")).unwrap_or_default();
        let after: Vec<String> = task.after.iter().map(|other| (other + 1).to_string()).collect();
        let after = if after.is_empty() { String::new() } else { format!("  after {}", after.join(", ")) };
        text.push_str(&format!("  {}. {}{assignee}{after}\n", at + 1, one_line(&task.title)));
    }
    text
}

pub(super) async fn accept(cx: &Cx, cards: &[CardRef]) -> Result<ExitCode, CliError> {
    let actor = cx.caller.person("accept proposals")?;
    let mut answers = Answers::for_cards(cx, cards);
    for card in cards {
        let made = accept_one(cx, actor, *card).await;
        answers.take(*card, made, |made| accepted(cx, made))?;
    }
    answers.finish()
}

async fn accept_one(cx: &Cx, actor: &Actor, card: CardRef) -> Result<ProposalAccepted, CliError> {
    let detail = kanban::card_detail(&cx.core, card).await?;
    let label = format!("T-{}", detail.card.number);
    match detail.proposal {
        Some(ProposalView { state: ProposalState::Ready(proposal), revision, .. }) => {
            let params = AcceptProposalParams { id: detail.card.id, revision, proposal };
            Ok(triage::accept_proposal(&cx.core, actor, params).await?)
        }
        Some(ProposalView { state: ProposalState::Failed(why), .. }) => {
            Err(CliError::failed("model", format!("{label}: {why}")))
        }
        Some(ProposalView { state: ProposalState::Working, .. }) => {
            Err(CliError::failed("conflict", format!("a model is still looking at {label}; try again in a minute")))
        }
        None => Err(CliError::failed(
            "not_found",
            format!("nothing is proposed for {label}; ask for it with `hermes kanban decompose {label}`"),
        )),
    }
}

fn accepted(cx: &Cx, accepted: &ProposalAccepted) -> Result<(), CliError> {
    let card = &accepted.written.card;
    let made: Vec<String> = accepted.children.iter().map(|child| format!("T-{}", child.number)).collect();
    let made = if made.is_empty() { String::new() } else { format!("; made {}", made.join(", ")) };
    cx.out.line(&format!("T-{} is {} now{made}", card.number, card.state))?;
    if let Some(undo) = accepted.written.undo {
        undo_hint(cx, undo);
    }
    Ok(())
}

pub(super) async fn discard(cx: &Cx, cards: &[CardRef]) -> Result<ExitCode, CliError> {
    let actor = cx.caller.person("throw proposals away")?;
    let mut answers = Answers::for_cards(cx, cards);
    for card in cards {
        let discarded = triage::discard_proposal(&cx.core, actor, *card).await.map_err(CliError::from);
        answers.take(*card, discarded.map(|()| true), |_| cx.out.line("Discarded."))?;
    }
    answers.finish()
}

#[derive(Debug, Args)]
pub(super) struct SwarmArgs {
    /// What they work for; `-` reads it from stdin.
    goal: String,
    /// Who does which part: `PROFILE:TITLE`, or `PROFILE:TITLE:skill,skill`; may be repeated. An empty profile, or
    /// `none`, is the board's default.
    #[arg(long = "worker", required = true, value_parser = worker, value_name = "PROFILE:TITLE[:SKILLS]")]
    workers: Vec<SwarmWorker>,
    /// Profile that checks what the workers did.
    #[arg(long, value_name = "PROFILE")]
    verifier: Option<String>,
    /// Profile that puts it together.
    #[arg(long, value_name = "PROFILE")]
    synthesizer: Option<String>,
    /// The same key makes only one swarm.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Higher first.
    #[arg(long, default_value_t = 0, allow_hyphen_values = true, value_parser = parse::whole::<i32>(PRIORITIES))]
    priority: i32,
    /// Whose work it is.
    #[arg(long)]
    tenant: Option<String>,
}

fn worker(text: &str) -> Result<SwarmWorker, String> {
    let mut parts = text.splitn(3, ':');
    let (Some(profile), Some(title)) = (parts.next(), parts.next()) else {
        return Err("write PROFILE:TITLE, for instance `coder:Measure SQLite`".into());
    };
    let skills = parts.next().unwrap_or_default();
    let named = Some(profile.trim().to_owned()).filter(|name| !name.is_empty());
    Ok(SwarmWorker {
        profile: named,
        title: title.trim().to_owned(),
        skills: skills.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect(),
    })
}

impl SwarmArgs {
    pub(super) async fn run(self, cx: &Cx) -> Result<(), CliError> {
        let actor = cx.caller.person("make swarms")?;
        let params = SwarmParams {
            board: cx.board.clone(),
            goal: parse::text(&self.goal)?,
            workers: self.workers,
            verifier: self.verifier,
            synthesizer: self.synthesizer,
            idempotency_key: self.idempotency_key,
            priority: self.priority,
            tenant: self.tenant,
        };
        let made = triage::create_swarm(&cx.core, actor, params).await?;
        if cx.out.is_json() {
            return cx.out.json(&made);
        }
        let line = |what: &str, card: &protocol::CardLink| {
            cx.out.line(&format!("{what:<12} T-{}  {}  ({})", card.number, one_line(&card.title), card.state))
        };
        if !made.created {
            cx.out.line(&format!(
                "The swarm of T-{} exists already, with this key; nothing was made",
                made.root.number
            ))?;
        }
        line("Shared card", &made.root)?;
        for worker in &made.workers {
            line("Worker", worker)?;
        }
        line("Verifier", &made.verifier)?;
        line("Synthesizer", &made.synthesizer)?;
        if let Some(undo) = made.undo {
            undo_hint(cx, undo);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::worker;

    #[test]
    fn workers_are_read_from_one_word() {
        let read = worker("coder: Measure it :a, b").unwrap();
        assert_eq!((read.profile.as_deref(), read.title.as_str()), (Some("coder"), "Measure it"));
        assert_eq!(read.skills, ["a", "b"]);
        assert_eq!(worker(":Write").unwrap().profile, None);
        assert!(worker("coder").is_err());
    }
}
