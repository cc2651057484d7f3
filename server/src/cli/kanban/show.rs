//! `hermes kanban show`.

use std::fmt::Write;

use agent_core::kanban::{self, CardTexts};
use protocol::{AttachmentView, CardDetail, CardLink, CardRef, ProposalState, RunSummary, WorkspaceKind};
use serde_json::{Value, json};

use super::Cx;
use super::triage::in_words;
use super::wording::{age, ago, card_label, cost, priority, span, state_style, waits};
use crate::cli::error::CliError;
use crate::cli::moment::on_this_clock;
use crate::cli::output::{Out, Style, one_line, printable};

pub(super) async fn run(cx: &Cx, card: Option<CardRef>) -> Result<(), CliError> {
    let card = card
        .or_else(|| cx.caller.own_card().map(CardRef::Id))
        .ok_or_else(|| CliError::Usage("name the card to show, for instance `hermes kanban show T-12`".into()))?;
    let detail = kanban::card_detail(&cx.core, card).await?;
    let texts = kanban::card_texts(&cx.core, CardRef::Id(detail.card.id)).await?;
    if cx.out.is_json() {
        return cx.out.json(&as_json(&detail, &texts)?);
    }
    // Formatting into a String cannot fail; `?` would only hide that.
    let mut text = head(cx.out, &detail);
    facts(&mut text, cx.out, &detail);
    asks(&mut text, cx.out, &detail);
    paragraph(&mut text, "", &detail.body);
    if let Some((title, result)) = result(&detail, &texts) {
        paragraph(&mut text, &cx.out.styled(Style::Bold, &title), result);
    }
    proposal(&mut text, cx.out, &detail);
    links(&mut text, cx.out, "Waits for", &detail.parents, texts.parents);
    links(&mut text, cx.out, "Children", &detail.children, texts.children);
    files(&mut text, cx.out, &detail.attachments);
    runs(&mut text, cx.out, &detail);
    comments(&mut text, cx.out, &detail, &texts);
    cx.out.line(&text)
}

/// What the page gets, and beside its HTML the texts as they were written.
fn as_json(detail: &CardDetail, texts: &CardTexts) -> Result<Value, CliError> {
    let mut json = serde_json::to_value(detail).map_err(CliError::no_json)?;
    json["result"] = json!(texts.result);
    json["parents_total"] = json!(texts.parents);
    json["children_total"] = json!(texts.children);
    if let Some(comments) = json["comments"].as_array_mut() {
        for (comment, view) in comments.iter_mut().zip(&detail.comments) {
            comment["body"] = json!(body_of(texts, view.id));
        }
    }
    Ok(json)
}

/// A comment's text; `None` when it was written since the page was read.
fn body_of(texts: &CardTexts, comment: protocol::CommentId) -> Option<&str> {
    texts.comments.iter().find(|(id, _)| *id == comment).map(|(_, body)| body.as_str())
}

/// What came out of the card, or of its newest attempt that said something.
fn result<'a>(detail: &'a CardDetail, texts: &'a CardTexts) -> Option<(String, &'a str)> {
    let said = detail.runs.iter().find_map(|run| Some((run.attempt, run.summary.as_deref()?)));
    match (texts.result.as_deref(), said) {
        (Some(result), _) if detail.card.state.is_finished() => Some(("Result".to_owned(), result)),
        (_, Some((attempt, summary))) => Some((format!("Result of run #{attempt}"), summary)),
        (Some(result), None) => Some(("Result, before it was brought back".to_owned(), result)),
        (None, None) => None,
    }
}

fn head(out: Out, detail: &CardDetail) -> String {
    let card = &detail.card;
    let title = out.styled(Style::Bold, &format!("{}  {}", card_label(card), one_line(&card.title)));
    let mut facts = vec![out.styled(state_style(card.state), card.state.as_str())];
    let band = priority(card.priority);
    facts.extend((!band.is_empty()).then(|| band.to_owned()));
    facts.extend(card.assignee.as_deref().map(one_line));
    facts.push(age(detail.now.saturating_sub(card.state_at)));
    if let Some(micros) = card.cost_micros {
        facts.push(cost(micros));
    }
    let archived = if detail.board.archived_at.is_some() { " (archived)" } else { "" };
    let made = format!(
        "{}{archived} · created by {}, {}",
        one_line(&detail.board.name),
        one_line(&detail.created_by),
        ago(detail.now.saturating_sub(detail.created_at))
    );
    format!("{title}\n{}\n{}\n", facts.join(" · "), out.styled(Style::Dim, &made))
}

/// What was set on the card, a line each.
fn facts(text: &mut String, out: Out, detail: &CardDetail) {
    let (card, set) = (&detail.card, &detail.settings);
    let mut rows: Vec<(&str, String)> = Vec::new();
    let mut row = |name, value: Option<String>| rows.extend(value.map(|value| (name, one_line(&value))));
    row("priority", (card.priority != 0).then(|| card.priority.to_string()));
    row("labels", (!card.labels.is_empty()).then(|| card.labels.join(", ")));
    row("tenant", card.tenant.clone());
    row("model", set.model.clone());
    row("skills", (!set.skills.is_empty()).then(|| set.skills.join(", ")));
    row("due", card.due_at.map(on_this_clock));
    row("starts", set.scheduled_at.map(on_this_clock));
    row("comes again", set.repeat.clone());
    row("limits", limits(detail));
    row("workspace", workspace(detail));
    row("branch", set.branch.clone());
    row("out of date", card.stale.then(|| "something it built on was brought back since".to_owned()));
    for (name, value) in rows {
        let _ = writeln!(text, "{} {value}", out.styled(Style::Dim, &format!("{name:<11}")));
    }
}

fn limits(detail: &CardDetail) -> Option<String> {
    let set = &detail.settings;
    let mut limits = Vec::new();
    limits.extend(set.max_attempts.map(|number| match number {
        1 => "asks after 1 failure".to_owned(),
        number => format!("asks after {number} failures in a row"),
    }));
    limits.extend(set.max_runtime_s.map(|seconds| format!("{} per run", span(seconds))));
    limits.extend(set.max_tokens.map(|tokens| format!("{tokens} tokens ({} used)", set.tokens)));
    limits.extend(detail.card.max_cost_micros.map(cost));
    (!limits.is_empty()).then(|| limits.join(", "))
}

fn workspace(detail: &CardDetail) -> Option<String> {
    let shared = if detail.settings.shared_dir { ", shared" } else { "" };
    let path = detail.workspace_path.as_deref();
    match (detail.workspace_kind, path) {
        (WorkspaceKind::Scratch, None) => None,
        (WorkspaceKind::Scratch, Some(path)) => Some(path.to_owned()),
        (WorkspaceKind::Dir, path) => Some(format!("{}{shared}", path.unwrap_or("a directory"))),
        (WorkspaceKind::Worktree, path) => {
            let repository = detail.settings.repository.as_deref().unwrap_or("a repository");
            let at = path.map(|path| format!(" at {path}")).unwrap_or_default();
            Some(format!("worktree of {repository}{at}"))
        }
    }
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
    if let Some(reason) = waits(&detail.card, &detail.board, detail.now) {
        let _ = writeln!(text, "\nDoes not run yet: {reason}.");
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

/// What a model proposes.
fn proposal(text: &mut String, out: Out, detail: &CardDetail) {
    let Some(view) = &detail.proposal else { return };
    let number = detail.card.number;
    let _ = writeln!(text, "\n{}", out.styled(Style::Bold, &format!("Proposed ({})", view.kind)));
    let _ = match &view.state {
        ProposalState::Working => writeln!(text, "  A model is looking at it."),
        ProposalState::Failed(why) => writeln!(text, "  {}", out.styled(Style::Red, &one_line(why))),
        ProposalState::Ready(proposal) => writeln!(
            text,
            "{}\nAccept it with `hermes kanban accept T-{number}`; `discard` throws it away.",
            indented(&in_words(proposal))
        ),
    };
}

fn links(text: &mut String, out: Out, title: &str, links: &[CardLink], total: usize) {
    if links.is_empty() {
        return;
    }
    let count = if total > 1 { format!(" ({total})") } else { String::new() };
    let _ = writeln!(text, "\n{}{count}", out.styled(Style::Bold, title));
    for link in links {
        let state = out.styled(state_style(link.state), link.state.as_str());
        let _ = writeln!(text, "  T-{}  {state}  {}", link.number, one_line(&link.title));
    }
    if let more @ 1.. = total.saturating_sub(links.len()) {
        let _ = writeln!(text, "  … and {more} more");
    }
}

fn files(text: &mut String, out: Out, files: &[AttachmentView]) {
    if files.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", out.styled(Style::Bold, "Files"));
    for (at, file) in files.iter().enumerate() {
        let (name, author) = (one_line(&file.name), one_line(&file.author));
        let _ = writeln!(text, "  {}. {name}  {} bytes, {}, {author}", at + 1, file.bytes, file.media_type);
    }
}

fn comments(text: &mut String, out: Out, detail: &CardDetail, texts: &CardTexts) {
    if detail.comments.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", out.styled(Style::Bold, "Comments"));
    if let more @ 1.. = (detail.card.comments as usize).saturating_sub(detail.comments.len()) {
        let _ = writeln!(text, "  … {more} earlier ones");
    }
    for comment in &detail.comments {
        let line = comment.anchor.as_ref().map(|anchor| match anchor.line {
            Some(line) => format!(" on {}:{line}", one_line(&anchor.path)),
            None => format!(" on {}", one_line(&anchor.path)),
        });
        let when = ago(detail.now.saturating_sub(comment.created_at));
        let who = format!("{}, {when}{}:", one_line(&comment.author), line.unwrap_or_default());
        let body = body_of(texts, comment.id).unwrap_or_default();
        let _ = writeln!(text, "{}\n{}", out.styled(Style::Dim, &who), indented(body));
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
    let took = age(run.ended_at.unwrap_or(now).saturating_sub(run.claimed_at));
    let paid = run.cost_micros.map(|micros| format!(" · {}", cost(micros))).unwrap_or_default();
    format!("#{} {} ({}) · {how} · {took}{paid}", run.attempt, one_line(&run.profile), run.executor)
}

fn indented(body: &str) -> String {
    printable(body.trim_end()).lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
