//! `hermes kanban show`.

use std::fmt::Write;

use agent_core::kanban::{self, worker};
use protocol::{CardDetail, CardLink, CardRef, RunSummary};
use serde::Deserialize;

use super::Cx;
use super::wording::{age, ago, card_label, cost, priority, state_style, wait};
use crate::cli::error::CliError;
use crate::cli::output::{Out, Style, one_line, printable};

/// The comments as written; the page's are HTML.
#[derive(Debug, Deserialize)]
struct Written {
    comments: Vec<WrittenComment>,
}

#[derive(Debug, Deserialize)]
struct WrittenComment {
    author: String,
    body: String,
    created_at: i64,
}

pub(super) async fn run(cx: &Cx, card: Option<CardRef>) -> Result<(), CliError> {
    let card = card
        .or_else(|| cx.caller.own_card().map(CardRef::Id))
        .ok_or_else(|| CliError::Usage("name the card to show, for instance `hermes kanban show T-12`".into()))?;
    let detail = kanban::card_detail(&cx.core, card).await?;
    if cx.out.is_json() {
        return cx.out.json(&detail);
    }
    let written: Written = serde_json::from_value(worker::show(&cx.core, CardRef::Id(detail.card.id)).await?)
        .map_err(|error| CliError::failed("internal", format!("the card's comments cannot be read: {error}")))?;
    // Formatting into a String cannot fail; `?` would only hide that.
    let mut text = head(cx.out, &detail);
    asks(&mut text, cx.out, &detail);
    paragraph(&mut text, "", &detail.body);
    if let Some(summary) = detail.runs.iter().find_map(|run| run.summary.as_deref()) {
        paragraph(&mut text, &cx.out.styled(Style::Bold, "Result"), summary);
    }
    links(&mut text, cx.out, "Waits for", &detail.parents);
    links(&mut text, cx.out, "Children", &detail.children);
    runs(&mut text, cx.out, &detail);
    if !written.comments.is_empty() {
        let _ = writeln!(text, "\n{}", cx.out.styled(Style::Bold, "Comments"));
        for comment in &written.comments {
            let who = format!("{}, {}:", one_line(&comment.author), ago(detail.now - comment.created_at));
            let _ = writeln!(text, "{}\n{}", cx.out.styled(Style::Dim, &who), indented(&comment.body));
        }
    }
    cx.out.line(&text)
}

fn head(out: Out, detail: &CardDetail) -> String {
    let card = &detail.card;
    let title = out.styled(Style::Bold, &format!("{}  {}", card_label(card), one_line(&card.title)));
    let mut facts = vec![out.styled(state_style(card.state), card.state.as_str())];
    let band = priority(card.priority);
    facts.extend((!band.is_empty()).then(|| band.to_owned()));
    facts.extend(card.assignee.as_deref().map(one_line));
    facts.push(age(detail.now - card.state_at));
    if let Some(micros) = card.cost_micros {
        facts.push(cost(micros));
    }
    let made = format!(
        "{} · created by {}, {}",
        one_line(&detail.board.name),
        one_line(&detail.created_by),
        ago(detail.now - detail.created_at)
    );
    let mut text = format!("{title}\n{}\n{}\n", facts.join(" · "), out.styled(Style::Dim, &made));
    if let Some(path) = &detail.workspace_path {
        let _ = writeln!(text, "{}", out.styled(Style::Dim, &format!("workspace {}", one_line(path))));
    }
    text
}

fn asks(text: &mut String, out: Out, detail: &CardDetail) {
    if let Some(decision) = &detail.decision {
        let ask = format!("Needs you ({}): {}", decision.kind, printable(&decision.ask));
        let _ = writeln!(text, "\n{}", out.styled(Style::Yellow, &ask));
        for option in &decision.options {
            let _ = writeln!(text, "  - {}", one_line(option));
        }
        let _ = writeln!(text, "Settle it with `hermes kanban unblock T-{} --reason …`.", detail.card.number);
    }
    if let Some(reason) = &detail.card.wait {
        let _ = writeln!(text, "\nDoes not run yet: {}.", wait(reason, detail.now));
    }
    if let Some(error) = &detail.last_error {
        let _ = writeln!(text, "\n{}", out.styled(Style::Red, &format!("Last error: {}", printable(error))));
    }
}

fn paragraph(text: &mut String, title: &str, body: &str) {
    if body.trim().is_empty() {
        return;
    }
    if !title.is_empty() {
        let _ = write!(text, "\n{title}");
    }
    let _ = writeln!(text, "\n{}", printable(body.trim_end()));
}

fn links(text: &mut String, out: Out, title: &str, links: &[CardLink]) {
    if links.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", out.styled(Style::Bold, title));
    for link in links {
        let state = out.styled(state_style(link.state), link.state.as_str());
        let _ = writeln!(text, "  T-{}  {state}  {}", link.number, one_line(&link.title));
    }
}

fn runs(text: &mut String, out: Out, detail: &CardDetail) {
    if detail.runs.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", out.styled(Style::Bold, "Runs"));
    for run in &detail.runs {
        let _ = writeln!(text, "  {}", run_line(run, detail.now));
        if let Some(error) = &run.error {
            let _ = writeln!(text, "     {}", out.styled(Style::Red, &one_line(error)));
        }
    }
}

fn run_line(run: &RunSummary, now: i64) -> String {
    let how = run.outcome.map_or_else(|| "under way".to_owned(), |outcome| outcome.to_string());
    let took = age(run.ended_at.unwrap_or(now) - run.claimed_at);
    let paid = run.cost_micros.map(|micros| format!(" · {}", cost(micros))).unwrap_or_default();
    format!("#{} {} ({}) · {how} · {took}{paid}", run.attempt, one_line(&run.profile), run.executor)
}

fn indented(body: &str) -> String {
    printable(body.trim_end()).lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
