//! `hermes kanban watch` and `tail`: what happens, as it happens.

use std::time::Duration;

use agent_core::kanban;
use agent_core::store::CommitWatch;
use protocol::{BoardEvent, CardRef};
use serde::Serialize;
use serde_json::Value;

use super::Cx;
use super::wording::age;
use crate::cli::error::CliError;
use crate::cli::output::{Style, one_line};

/// How often other processes' writes are looked for.
const LOOK: Duration = Duration::from_millis(200);

/// What is shown of what happens.
#[derive(Default)]
pub(super) struct Only {
    /// These kinds of events; empty for all.
    pub(super) kinds: Vec<String>,
    /// What this profile or person does.
    pub(super) by: Option<String>,
    /// Cards of this profile; empty for nobody's.
    pub(super) assignee: Option<String>,
    /// Cards of this tenant.
    pub(super) tenant: Option<String>,
}

impl Only {
    fn wants(&self, event: &BoardEvent) -> bool {
        let is_whose = |name: &String| event.assignee.as_deref().unwrap_or_default().eq_ignore_ascii_case(name.trim());
        (self.kinds.is_empty() || self.kinds.contains(&event.kind))
            && self.by.as_ref().is_none_or(|by| event.actor.split_once(':').is_some_and(|(_, name)| name == by))
            && self.assignee.as_ref().is_none_or(is_whose)
            && self.tenant.as_ref().is_none_or(|tenant| event.tenant.as_ref() == Some(tenant))
    }
}

/// Prints what happens from now on, until it is interrupted or the pipe is closed.
pub(super) async fn watch(cx: &Cx, only: Only) -> Result<(), CliError> {
    let after = kanban::newest_event(&cx.core).await?;
    follow(cx, None, after, &only).await
}

/// Prints what happened to a card, and what happens to it until it is finished.
pub(super) async fn tail(cx: &Cx, card: CardRef, follow_on: bool) -> Result<(), CliError> {
    let only = Only::default();
    let after = print_after(cx, Some(card), 0, &only).await?;
    if follow_on { follow(cx, Some(card), after, &only).await } else { Ok(()) }
}

async fn follow(cx: &Cx, card: Option<CardRef>, after: i64, only: &Only) -> Result<(), CliError> {
    let mut commits = cx.core.store().watch().await.map_err(kanban::KanbanError::from)?;
    // One for all of it: whoever interrupts is heard while a long list is printed, too.
    let ended = tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => Ok(()),
        ended = print_on(cx, &mut commits, card, after, only) => ended,
    };
    commits.close().await;
    ended
}

/// Prints what happens until the card, if it is about one, is finished.
async fn print_on(
    cx: &Cx,
    commits: &mut CommitWatch,
    card: Option<CardRef>,
    mut after: i64,
    only: &Only,
) -> Result<(), CliError> {
    loop {
        if commits.changed().await.map_err(kanban::KanbanError::from)? {
            // Asked before printing, so that the end is printed, too.
            let finished = match card {
                Some(card) => kanban::card(&cx.core, card).await?.state.is_finished(),
                None => false,
            };
            after = print_after(cx, card, after, only).await?;
            if finished {
                return Ok(());
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Prints all that happened after `after` until now, however much, and says up to where that was.
async fn print_after(cx: &Cx, card: Option<CardRef>, mut after: i64, only: &Only) -> Result<i64, CliError> {
    // Asked first: what is read below holds everything up to there, so that what happens on other boards is not looked
    // through again and again.
    let newest = kanban::newest_event(&cx.core).await?;
    loop {
        let events = kanban::events(&cx.core, &cx.board, card, after).await?;
        let Some(last) = events.last() else { return Ok(after.max(newest)) };
        after = last.seq;
        print(cx, &events, only)?;
        // What goes on meanwhile is for the next time, else a busy board would never let this end.
        if after >= newest {
            return Ok(after);
        }
    }
}

/// An event for scripts: its particulars as JSON, not as text with JSON in it.
#[derive(Debug, Serialize)]
struct Told<'a> {
    seq: i64,
    kind: &'a str,
    actor: &'a str,
    card: Option<i64>,
    title: Option<&'a str>,
    detail: Value,
    at: i64,
}

impl<'a> From<&'a BoardEvent> for Told<'a> {
    fn from(event: &'a BoardEvent) -> Self {
        Self {
            seq: event.seq,
            kind: &event.kind,
            actor: &event.actor,
            card: event.card,
            title: event.title.as_deref(),
            // silent-ok: what another Hermes wrote in another way is told as it is
            detail: serde_json::from_str(&event.detail).unwrap_or_else(|_| Value::from(event.detail.as_str())),
            at: event.at,
        }
    }
}

fn print(cx: &Cx, events: &[BoardEvent], only: &Only) -> Result<(), CliError> {
    for event in events {
        if !only.wants(event) {
            continue;
        }
        if cx.out.is_json() {
            cx.out.json(&Told::from(event))?;
            continue;
        }
        let card = event.card.map(|number| format!("T-{number}")).unwrap_or_default();
        let title = event.title.as_deref().map(one_line).unwrap_or_default();
        let when = age(cx.core.now_ms().saturating_sub(event.at));
        cx.out.line(&format!(
            "{}  {card}  {}  {}  {title}",
            cx.out.styled(Style::Dim, &when),
            cx.out.styled(Style::Bold, &event.kind),
            one_line(&event.actor)
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use protocol::BoardEvent;

    use super::Only;

    #[test]
    fn only_what_is_asked_for_is_told() {
        let event = BoardEvent {
            seq: 1,
            kind: "created".into(),
            actor: "person:ada".into(),
            card: Some(1),
            title: None,
            assignee: Some("coder".into()),
            tenant: Some("acme".into()),
            detail: "{}".into(),
            at: 0,
        };
        let nobodys = BoardEvent { assignee: None, tenant: None, ..event.clone() };
        let some = |word: &str| Some(word.to_owned());
        let whose = |name: &str| Only { assignee: some(name), ..Only::default() };
        assert!(Only::default().wants(&event) && Only::default().wants(&nobodys));
        assert!(whose("Coder").wants(&event) && !whose("other").wants(&event) && !whose("coder").wants(&nobodys));
        assert!(whose("").wants(&nobodys) && !whose("").wants(&event));
        let tenant = Only { tenant: some("acme"), ..Only::default() };
        assert!(tenant.wants(&event) && !tenant.wants(&nobodys));
        let other = Only { kinds: vec!["completed".into()], by: some("ada"), ..Only::default() };
        assert!(!other.wants(&event), "all of it, not any");
    }
}
