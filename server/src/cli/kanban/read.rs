//! `hermes kanban list`.

use agent_core::kanban;
use agent_core::profiles::NOBODY;
use clap::Args;
use protocol::{BoardSummary, BoardView, CardRef, CardSort, CardState, DeletedCard, TaskCard, WaitKind};

use super::Cx;
use super::edit::PRIORITIES;
use super::wording::{age, ago, card_label, priority, state_style, waits};
use crate::cli::Caller;
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
        "status", "in_progress", "archived", "assignee", "mine", "labels", "tenant", "parent", "priority", "wait",
        "search", "needs_me", "failing", "sort",
    ])]
    deleted: bool,
    /// Only cards of this profile; `none` for those that are nobody's.
    #[arg(long, value_name = "PROFILE")]
    assignee: Option<String>,
    /// Only cards of the profile that asks: a worker's own, or the one that HERMES_PROFILE names.
    #[arg(long, conflicts_with = "assignee")]
    mine: bool,
    /// Only cards with this label; may be repeated.
    #[arg(long = "label", value_name = "LABEL")]
    labels: Vec<String>,
    /// Only cards of this tenant.
    #[arg(long)]
    tenant: Option<String>,
    /// Only cards that come right after this one.
    #[arg(long, value_parser = parse::card, value_name = "CARD")]
    parent: Option<CardRef>,
    /// Only cards of this priority or higher.
    #[arg(long, allow_negative_numbers = true, value_parser = parse::whole::<i32>(PRIORITIES), value_name = "N")]
    priority: Option<i32>,
    /// Only cards that wait for this: parents, time, person or backing_off.
    #[arg(long, value_name = "WHAT")]
    wait: Option<WaitKind>,
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
    #[arg(long, value_parser = parse::sort, value_name = "ORDER")]
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
        let assignees = if self.mine { own_names(cx)? } else { self.assignee.into_iter().map(somebody).collect() };
        let parent = match self.parent {
            Some(card) => Some(kanban::card(&cx.core, card).await?.number),
            None => None,
        };
        let view = BoardView {
            text: self.search.unwrap_or_default(),
            assignees,
            parent,
            priority: self.priority,
            wait: self.wait,
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

/// The profile that asks, as filters have it: whoever works on cards that name nobody has those, too.
fn own_names(cx: &Cx) -> Result<Vec<String>, CliError> {
    let own = match &cx.caller {
        Caller::Worker { holder, .. } => Some(holder.profile.clone()),
        // silent-ok: a name that is no text is no profile's
        Caller::Person(_) => std::env::var("HERMES_PROFILE").ok().filter(|name| !name.trim().is_empty()),
    };
    let Some(own) = own else {
        return Err(CliError::Usage(
            "only profiles have cards of their own; name one with --assignee, or list what waits for you with --needs-me"
                .into(),
        ));
    };
    let own = own.trim().to_lowercase();
    let nobodys = (own == cx.core.config().kanban.default_assignee).then(String::new);
    Ok(std::iter::once(own).chain(nobodys).collect())
}

/// The name as a filter has it: empty for nobody.
pub(super) fn somebody(name: String) -> String {
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
