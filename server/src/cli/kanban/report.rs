//! The verbs that only tell: stats, assignees, runs, context, dispatch.

use agent_core::kanban::{self, dispatcher};
use protocol::{BoardView, CardRef, CardSort, CardState, TaskCard, WaitReason};

use super::Cx;
use super::wording::{age, card_label, cost, waits};
use crate::cli::error::CliError;
use crate::cli::output::{Style, one_line, printable};

pub(super) async fn stats(cx: &Cx) -> Result<(), CliError> {
    let stats = kanban::stats(&cx.core, &cx.board).await?;
    if cx.out.is_json() {
        return cx.out.json(&stats);
    }
    let rows: Vec<_> = stats
        .by_state
        .iter()
        .map(|(state, cards)| vec![(Style::Plain, state.to_string()), (Style::Bold, cards.to_string())])
        .collect();
    cx.out.table(&["STATE", "CARDS"], &rows)?;
    if let Some(waited) = stats.oldest_ready_ms {
        cx.out.line(&format!("The longest waiting ready card has waited {}.", age(waited)))?;
    }
    Ok(())
}

pub(super) async fn assignees(cx: &Cx) -> Result<(), CliError> {
    let stats = kanban::stats(&cx.core, &cx.board).await?;
    if cx.out.is_json() {
        return cx.out.json(&stats.by_assignee);
    }
    let rows: Vec<_> = stats
        .by_assignee
        .iter()
        .map(|(name, counts)| {
            let name = if name.is_empty() { "(none)".to_owned() } else { name.clone() };
            let counts: Vec<String> = counts.iter().map(|(state, cards)| format!("{cards} {state}")).collect();
            vec![(Style::Bold, name), (Style::Plain, counts.join(", "))]
        })
        .collect();
    cx.out.table(&["ASSIGNEE", "CARDS"], &rows)
}

/// Runs that are told at once.
const RUNS: usize = 200;

pub(super) async fn runs(cx: &Cx, card: CardRef) -> Result<(), CliError> {
    let mut page = kanban::earlier_runs(&cx.core, card, u32::MAX).await?;
    let mut runs = std::mem::take(&mut page.runs);
    while page.more
        && runs.len() < RUNS
        && let Some(last) = runs.last()
    {
        page = kanban::earlier_runs(&cx.core, card, last.attempt).await?;
        runs.append(&mut page.runs);
    }
    if page.more {
        cx.out.warning("more", &format!("There are earlier runs; these are the last {}.", runs.len()));
    }
    if cx.out.is_json() {
        return cx.out.json(&runs);
    }
    if runs.is_empty() {
        return cx.out.line("No runs yet.");
    }
    let now = cx.core.now_ms();
    let rows: Vec<_> = runs
        .iter()
        .map(|run| {
            let outcome = run.outcome.map_or_else(|| "under way".to_owned(), |outcome| outcome.to_string());
            let said = run.error.as_deref().or(run.summary.as_deref()).unwrap_or_default();
            vec![
                (Style::Bold, format!("#{}", run.attempt)),
                (Style::Plain, run.profile.clone()),
                (Style::Plain, outcome),
                (Style::Dim, age(run.ended_at.unwrap_or(now).saturating_sub(run.claimed_at))),
                (Style::Dim, (run.tokens_in + run.tokens_out).to_string()),
                (Style::Dim, run.cost_micros.map(cost).unwrap_or_default()),
                (Style::Plain, one_line(said)),
            ]
        })
        .collect();
    cx.out.table(&["RUN", "PROFILE", "OUTCOME", "TOOK", "TOKENS", "COST", "SAID"], &rows)
}

pub(super) async fn context(cx: &Cx, card: CardRef) -> Result<(), CliError> {
    let text = kanban::worker_context(&cx.core, card).await?;
    if cx.out.is_json() {
        return cx.out.json(&serde_json::json!({ "context": text }));
    }
    cx.out.line(printable(text.trim_end()).as_ref())
}

/// Ready cards that are shown beside those that start.
const WAITING: u32 = 200;

/// What would start next, in its order, and why the others wait. Starting is the server's work.
pub(super) async fn dispatch(cx: &Cx) -> Result<(), CliError> {
    let next = kanban::starting_next(&cx.core, &cx.board).await?;
    let asked = WAITING.saturating_add(u32::try_from(next.len()).unwrap_or(u32::MAX)).saturating_add(1);
    let view = BoardView { sort: CardSort::Priority, ..BoardView::default() };
    let mut waiting = kanban::list_cards(&cx.core, &cx.board, &view, Some(CardState::Ready), asked).await?;
    waiting.retain(|card| !next.iter().any(|starts| starts.id == card.id));
    let cut = waiting.len() > WAITING as usize;
    waiting.truncate(WAITING as usize);
    let running = dispatcher::is_running(&cx.core);
    if cut {
        cx.out.warning("more", &format!("There are more; these are the first {WAITING} that wait."));
    }
    if cx.out.is_json() {
        return cx.out.json(&serde_json::json!({ "server": running, "next": next, "waiting": waiting }));
    }
    let now = cx.core.now_ms();
    let (board, _) = kanban::board_settings(&cx.core, &cx.board).await?;
    let line =
        |card: &TaskCard, what: &str| cx.out.line(&format!("{}  {what}  {}", card_label(card), one_line(&card.title)));
    for card in &next {
        line(card, "starts next")?;
    }
    for card in &waiting {
        // That nothing starts without a server is said once, below.
        let what = waits(card, &board, now).filter(|_| card.wait != Some(WaitReason::NoDispatcher));
        line(card, what.as_deref().unwrap_or("starts when one before it has ended"))?;
    }
    if next.is_empty() && waiting.is_empty() {
        cx.out.line("No card is ready.")?;
    }
    if !running {
        cx.out.hint("No server is running, so nothing starts; start one with `hermes serve`.");
    }
    Ok(())
}
