//! `hermes kanban list`.

use agent_core::kanban;
use agent_core::profiles::NOBODY;
use clap::Args;
use protocol::{BoardSummary, BoardView, CardSort, CardState, DeletedCard, TaskCard};

use super::Cx;
use super::wording::{age, ago, card_label, priority, state_style, waits};
use crate::cli::error::CliError;
use crate::cli::output::Style;
use crate::cli::parse;

/// List cards.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only this column; `in_progress` is another word for `running`.
    #[arg(long, visible_alias = "state", value_parser = parse::state, value_name = "STATE")]
    status: Option<CardState>,
    /// Only cards that are running now.
    #[arg(long = "in_progress", alias = "in-progress", hide = true, conflicts_with_all = ["status", "archived"])]
    in_progress: bool,
    /// Only archived cards.
    #[arg(long, conflicts_with = "status")]
    archived: bool,
    /// Cards that were deleted in the last 30 days instead, newest first; `restore` brings them back.
    #[arg(long, conflicts_with_all = [
        "status", "in_progress", "archived", "assignee", "labels", "tenant", "search", "needs_me", "failing", "sort",
    ])]
    deleted: bool,
    /// Only cards of this profile; `none` for those that are nobody's.
    #[arg(long, value_name = "PROFILE")]
    assignee: Option<String>,
    /// Only cards with this label; may be repeated.
    #[arg(long = "label", value_name = "LABEL")]
    labels: Vec<String>,
    /// Only cards of this tenant.
    #[arg(long)]
    tenant: Option<String>,
    /// Only cards that contain these words.
    #[arg(long, value_name = "WORDS")]
    search: Option<String>,
    /// Only cards that ask something of a person.
    #[arg(long)]
    needs_me: bool,
    /// Only cards that failed since their last success.
    #[arg(long)]
    failing: bool,
    /// Order within columns: manual, priority, created or updated.
    #[arg(long, value_name = "ORDER")]
    sort: Option<CardSort>,
    /// So many cards at most; when there are more, stderr says so.
    #[arg(long, default_value_t = 200, value_parser = parse::whole::<u32>(1..=9999), value_name = "N")]
    limit: u32,
}

impl ListArgs {
    pub(super) async fn run(self, cx: &Cx) -> Result<(), CliError> {
        if self.deleted {
            return deleted(cx, self.limit).await;
        }
        let state = match (self.in_progress, self.archived) {
            (true, _) => Some(CardState::Running),
            (false, true) => Some(CardState::Archived),
            (false, false) => self.status,
        };
        let view = BoardView {
            text: self.search.unwrap_or_default(),
            assignees: self.assignee.into_iter().map(somebody).collect(),
            labels: self.labels,
            tenant: self.tenant,
            needs_me: self.needs_me,
            failing: self.failing,
            sort: self.sort.unwrap_or(CardSort::Manual),
            ..BoardView::default()
        };
        let asked = self.limit + 1;
        let mut cards = kanban::list_cards(&cx.core, &cx.board, &view, state, asked).await?;
        let cut = cards.len() > self.limit as usize;
        cards.truncate(self.limit as usize);
        if cx.out.is_json() {
            cx.out.json(&cards)?;
        } else if cards.is_empty() {
            cx.out.line("No cards.")?;
        } else {
            let now = cx.core.now_ms();
            let (board, _) = kanban::board_settings(&cx.core, &cx.board).await?;
            let rows: Vec<_> = cards.iter().map(|card| row(card, &board, now)).collect();
            cx.out.table(&["CARD", "STATE", "PRIORITY", "ASSIGNEE", "AGE", "TITLE"], &rows)?;
        }
        if cut {
            more(cx, cards.len(), "Narrow it with --status, or raise --limit (up to 9999).");
        }
        Ok(())
    }
}

fn more(cx: &Cx, shown: usize, what_to_do: &str) {
    cx.out.warning("more", &format!("There are more; these are the first {shown}. {what_to_do}"));
}

/// What was deleted and can be had back.
async fn deleted(cx: &Cx, limit: u32) -> Result<(), CliError> {
    let page = kanban::deleted_cards(&cx.core, &cx.board, None, limit).await?;
    if cx.out.is_json() {
        cx.out.json(&page.cards)?;
    } else if page.cards.is_empty() {
        cx.out.line("Nothing was deleted in the last 30 days.")?;
    } else {
        let now = cx.core.now_ms();
        let rows: Vec<_> = page.cards.iter().map(|card| deleted_row(card, now)).collect();
        cx.out.table(&["CARD", "WAS", "DELETED", "LEFT", "TITLE"], &rows)?;
    }
    if page.next.is_some() {
        more(cx, page.cards.len(), "Raise --limit (up to 9999).");
    }
    Ok(())
}

fn deleted_row(card: &DeletedCard, now: i64) -> Vec<(Style, String)> {
    vec![
        (Style::Bold, format!("T-{}", card.number)),
        (state_style(card.state), card.state.to_string()),
        (Style::Dim, ago(now - card.deleted_at)),
        (Style::Plain, format!("{}d", card.days_left)),
        (Style::Plain, card.title.clone()),
    ]
}

/// The name as a filter has it: empty for nobody.
fn somebody(name: String) -> String {
    if name.trim().eq_ignore_ascii_case(NOBODY) { String::new() } else { name }
}

fn row(card: &TaskCard, board: &BoardSummary, now: i64) -> Vec<(Style, String)> {
    let note = match (&card.ask, waits(card, board, now)) {
        (Some(ask), _) => format!(" — needs you: {}", ask.ask),
        (None, Some(reason)) => format!(" — {reason}"),
        (None, None) => String::new(),
    };
    vec![
        (Style::Bold, card_label(card)),
        (state_style(card.state), card.state.to_string()),
        (Style::Plain, priority(card.priority).to_owned()),
        (Style::Plain, card.assignee.clone().unwrap_or_default()),
        (Style::Dim, age(now.saturating_sub(card.state_at))),
        (Style::Plain, format!("{}{note}", card.title)),
    ]
}
