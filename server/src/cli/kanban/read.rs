//! `hermes kanban list`.

use agent_core::kanban;
use clap::Args;
use protocol::{BoardView, CardSort, CardState, TaskCard};

use super::Cx;
use super::wording::{age, card_label, priority, state_style, wait};
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
    /// Only cards of this profile.
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
    /// Cards at most.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=9999))]
    limit: u32,
}

impl ListArgs {
    pub(super) async fn run(self, cx: &Cx) -> Result<(), CliError> {
        let state = match (self.in_progress, self.archived) {
            (true, _) => Some(CardState::Running),
            (false, true) => Some(CardState::Archived),
            (false, false) => self.status,
        };
        let view = BoardView {
            text: self.search.unwrap_or_default(),
            assignees: self.assignee.into_iter().collect(),
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
            return cx.out.json(&cards);
        }
        if cards.is_empty() {
            return cx.out.line("No cards.");
        }
        let now = cx.core.now_ms();
        let rows: Vec<_> = cards.iter().map(|card| row(card, now)).collect();
        cx.out.table(&["CARD", "STATE", "PRIORITY", "ASSIGNEE", "AGE", "TITLE"], &rows)?;
        if cut {
            cx.out.hint(&format!(
                "There are more; these are the first {}. Narrow it with --status, or raise --limit (up to 9999).",
                cards.len()
            ));
        }
        Ok(())
    }
}

fn row(card: &TaskCard, now: i64) -> Vec<(Style, String)> {
    let note = match (&card.ask, &card.wait) {
        (Some(ask), _) => format!(" — needs you: {}", ask.ask),
        (None, Some(reason)) => format!(" — {}", wait(reason, now)),
        (None, None) => String::new(),
    };
    vec![
        (Style::Bold, card_label(card)),
        (state_style(card.state), card.state.to_string()),
        (Style::Plain, priority(card.priority).to_owned()),
        (Style::Plain, card.assignee.clone().unwrap_or_default()),
        (Style::Dim, age(now - card.state_at)),
        (Style::Plain, format!("{}{note}", card.title)),
    ]
}
