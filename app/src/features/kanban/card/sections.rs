//! The parts of a card's page. Each watches only what it shows.
use leptos::prelude::*;
use protocol::{CardLink, DecisionKind, RunOutcome, RunSummary, WorkspaceKind};

use super::model::CardPage;
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::{Tone, icon};

/// What is asked of a person, first of all.
pub fn ask(page: CardPage) -> AnyView {
    let decision = Memo::new(move |_| page.detail.with(|detail| detail.decision.clone()));
    (move || {
        decision.get().map(|decision| {
            let title = match decision.kind {
                DecisionKind::Review => t::card_ask_review(),
                DecisionKind::Question => t::card_ask_question(),
                DecisionKind::Failed => t::card_ask_failed(),
                _ => t::card_ask_other(),
            };
            view! {
                <section class="box box-ask" aria-label=title>
                    <h2>{title}</h2>
                    <p class="prose">{decision.ask}</p>
                    <div class="btn-row">
                        <a class="btn btn-primary" href=format!("/d/{}", decision.id)>{words::ask_action(decision.kind)}</a>
                    </div>
                </section>
            }
        })
    })
    .into_any()
}

/// What came out of it, or what went wrong.
pub fn result(page: CardPage) -> AnyView {
    let summary = Memo::new(move |_| page.detail.with(|detail| detail.summary_html.clone()));
    let error = Memo::new(move |_| page.detail.with(|detail| detail.last_error.clone()));
    view! {
        {move || summary.get().map(|html| view! {
            <section class="section" aria-label=t::card_result()>
                <h2>{t::card_result()}</h2>
                <div class="prose" inner_html=html></div>
            </section>
        })}
        {move || error.get().map(|error| view! {
            <section class="box box-error" aria-label=t::card_last_error()>
                <h2>{t::card_last_error()}</h2>
                <p class="prose">{error}</p>
            </section>
        })}
    }
    .into_any()
}

/// What shall be done.
pub fn description(page: CardPage) -> AnyView {
    let html = Memo::new(move |_| page.detail.with(|detail| detail.body_html.clone()));
    view! {
        <section class="section" aria-label=t::card_description()>
            <h2>{t::card_description()}</h2>
            {move || {
                let html = html.get();
                if html.trim().is_empty() {
                    view! { <p class="muted">{t::card_no_description()}</p> }.into_any()
                } else {
                    view! { <div class="prose" inner_html=html></div> }.into_any()
                }
            }}
        </section>
    }
    .into_any()
}

/// What it waits for, and what waits for it.
pub fn dependencies(page: CardPage) -> AnyView {
    let links = Memo::new(move |_| page.detail.with(|detail| (detail.parents.clone(), detail.children.clone())));
    let list = |title: &'static str, links: Vec<CardLink>| {
        (!links.is_empty()).then(|| {
            view! {
                <div class="links">
                    <h3>{title}</h3>
                    <ul>{links.into_iter().map(link_chip).collect_view()}</ul>
                </div>
            }
        })
    };
    (move || {
        let (parents, children) = links.get();
        (!parents.is_empty() || !children.is_empty()).then(|| {
            view! {
                <section class="section" aria-label=t::card_dependencies()>
                    <h2>{t::card_dependencies()}</h2>
                    {list(t::card_waits_for(), parents)}
                    {list(t::card_needed_by(), children)}
                </section>
            }
        })
    })
    .into_any()
}

fn link_chip(link: CardLink) -> AnyView {
    let tone = words::state_tone(link.state).class();
    view! {
        <li>
            <a class=format!("link-chip {tone}") href=format!("/card/{}", link.number)>
                <span class="icon-s link-sign" title=words::state_name(link.state)>{icon(words::state_icon(link.state))}</span>
                <span class="card-number">{words::label(link.number)}</span>
                <span class="link-title">{link.title}</span>
            </a>
        </li>
    }
    .into_any()
}

/// Every attempt so far.
pub fn runs(page: CardPage) -> AnyView {
    let runs = Memo::new(move |_| page.detail.with(|detail| detail.runs.clone()));
    (move || {
        let runs = runs.get();
        (!runs.is_empty()).then(|| {
            view! {
                <section class="section" aria-label=t::card_runs()>
                    <h2>{t::card_runs()}</h2>
                    <ol class="runs">{runs.into_iter().map(|run| run_row(page, run)).collect_view()}</ol>
                </section>
            }
        })
    })
    .into_any()
}

fn run_row(page: CardPage, run: RunSummary) -> AnyView {
    let (name, tone) = outcome(run.outcome);
    let (from, until) = (run.started_at.unwrap_or(run.claimed_at), run.ended_at);
    let duration = move || words::span(until.unwrap_or_else(|| page.now.get()) - from);
    let tokens = (run.tokens_in + run.tokens_out > 0)
        .then(|| t::card_tokens(&run.tokens_in.to_string(), &run.tokens_out.to_string()));
    let text = run.error.or(run.summary);
    view! {
        <li>
            <div class="run-line">
                <span class="run-attempt">{t::card_attempt(&run.attempt.to_string())}</span>
                <span class=format!("chip {}", tone.class())>{name}</span>
                <span class="muted">{run.profile}</span>
                <span class="muted">{duration}</span>
                {run.cost_micros.map(|cost| view! { <span class="muted">{words::price(cost)}</span> })}
                {tokens.map(|tokens| view! { <span class="muted">{tokens}</span> })}
            </div>
            {text.map(|text| view! { <p class="run-text">{text}</p> })}
        </li>
    }
    .into_any()
}

fn outcome(outcome: Option<RunOutcome>) -> (&'static str, Tone) {
    match outcome {
        None => (t::card_outcome_running(), Tone::Accent),
        Some(RunOutcome::Completed) => (t::card_outcome_completed(), Tone::Success),
        Some(RunOutcome::Review) => (t::card_outcome_review(), Tone::Success),
        Some(RunOutcome::Blocked) => (t::card_outcome_blocked(), Tone::Warning),
        Some(RunOutcome::Reclaimed) => (t::card_outcome_reclaimed(), Tone::Neutral),
        Some(RunOutcome::SpawnFailed) => (t::card_outcome_spawn_failed(), Tone::Danger),
        Some(RunOutcome::Crashed) => (t::card_outcome_crashed(), Tone::Danger),
        Some(RunOutcome::TimedOut) => (t::card_outcome_timed_out(), Tone::Danger),
        Some(RunOutcome::Lost) => (t::card_outcome_lost(), Tone::Danger),
        Some(RunOutcome::ProtocolViolation) => (t::card_outcome_protocol(), Tone::Danger),
        Some(RunOutcome::RateLimited) => (t::card_outcome_rate_limited(), Tone::Warning),
        Some(RunOutcome::Budget) => (t::card_outcome_budget(), Tone::Warning),
    }
}

/// Everything else there is to know.
pub fn details(page: CardPage) -> AnyView {
    let row = |name: &'static str, value: AnyView| view! { <div class="detail"><dt>{name}</dt><dd>{value}</dd></div> };
    (move || {
        let now = page.now.get();
        page.detail.with(|detail| {
            let card = &detail.card;
            let assignee = card.assignee.clone().unwrap_or_else(|| t::kanban_unassigned().into());
            let priority = words::priority_name(card.priority).unwrap_or(t::kanban_normal());
            let workspace = match (&detail.workspace_path, detail.workspace_kind) {
                (Some(path), _) => view! { <code>{path.clone()}</code> }.into_any(),
                (None, WorkspaceKind::Worktree) => t::card_worktree().into_any(),
                (None, WorkspaceKind::Scratch | WorkspaceKind::Dir) => t::card_scratch().into_any(),
            };
            let elapsed = words::elapsed(card, now).map(|(time, _)| time);
            let state = match (&card.wait, elapsed) {
                (Some(wait), _) => format!("{} · {}", words::state_name(card.state), words::wait_reason(wait, now)),
                (None, Some(time)) => format!("{} · {time}", words::state_name(card.state)),
                (None, None) => words::state_name(card.state).to_owned(),
            };
            view! {
                <aside class="card-details" aria-label=t::card_details()>
                    <h2>{t::card_details()}</h2>
                    <dl>
                        {row(t::card_state(), state.into_any())}
                        {row(t::kanban_assignee(), assignee.into_any())}
                        {row(t::kanban_priority(), priority.into_any())}
                        {row(t::card_board(), detail.board.name.clone().into_any())}
                        {(card.failures > 0).then(|| row(t::card_attempts(), card.failures.into_any()))}
                        {card.cost_micros.map(|cost| row(t::kanban_cost(), words::price(cost).into_any()))}
                        {row(t::card_workspace(), workspace)}
                        {row(t::card_created(), t::card_created_by(&words::ago(detail.created_at, now), &detail.created_by).into_any())}
                    </dl>
                </aside>
            }
        })
    })
    .into_any()
}
