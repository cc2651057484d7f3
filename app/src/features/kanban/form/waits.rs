//! What a new card waits for: cards of its board, found and chosen one by one.
use leptos::prelude::*;
use protocol::{CardField, CardRef, TaskCard};

use super::finder::{Among, finder};
use super::problem::Problem;
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::{Icon, dom, icon};

/// A card that was chosen: its number and title.
type Chosen = (i64, String);

/// The cards that were chosen, as the draft keeps them: a line for the board, then one for each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waits {
    text: RwSignal<String>,
    board: StoredValue<String>,
}

impl Waits {
    /// Nothing, on that board.
    pub(super) fn on(board: &str) -> Self {
        let board = if board.is_empty() { "default" } else { board };
        Self { text: RwSignal::new(String::new()), board: StoredValue::new(board.to_owned()) }
    }

    /// What the draft keeps.
    pub(super) fn text(self) -> RwSignal<String> {
        self.text
    }

    /// Forgets what a draft brought along from another board, on which this card is not made.
    pub(super) fn check(self) {
        let fits =
            self.text.with_untracked(|text| self.board.with_value(|board| text.lines().next() == Some(board.as_str())));
        if !fits && !self.text.read_untracked().is_empty() {
            self.text.set(String::new());
        }
    }

    /// The cards, for the server.
    pub(super) fn parents(self) -> Vec<CardRef> {
        self.text.with_untracked(|text| chosen(text).into_iter().map(|(number, _)| CardRef::Number(number)).collect())
    }

    fn keep(self, cards: &[Chosen]) {
        let lines = cards.iter().map(|(number, title)| format!("\n{number} {title}"));
        let text = self.board.with_value(|board| std::iter::once(board.clone()).chain(lines).collect());
        self.text.set(if cards.is_empty() { String::new() } else { text });
    }

    fn add(self, card: TaskCard) {
        let mut cards = chosen(&self.text.read_untracked());
        if !cards.iter().any(|(number, _)| *number == card.number) {
            // What is between the draft's fields and lines is no part of a title.
            cards.push((card.number, card.title.replace(char::is_control, " ")));
            self.keep(&cards);
        }
    }

    fn remove(self, number: i64) {
        let mut cards = chosen(&self.text.read_untracked());
        cards.retain(|(other, _)| *other != number);
        self.keep(&cards);
    }

    /// The field: what was chosen, and a search for more.
    pub(super) fn field(self, problem: Problem) -> AnyView {
        let cards = Memo::new(move |_| chosen(&self.text.read()));
        let row = move |(number, title): Chosen| {
            let label = words::label(number);
            view! {
                <li class="link-row">
                    <span class="card-number">{label.clone()}</span>
                    <span class="link-title" dir="auto">{title}</span>
                    <button type="button" class="icon-btn" aria-label=t::kanban_unlink(&label)
                        on:click=move |_| self.remove(number)>{icon(Icon::Close)}</button>
                </li>
            }
        };
        let among = Among::Board(self.board.get_value());
        let add = Callback::new(move |card| {
            problem.clear();
            self.add(card);
        });
        view! {
            <div class="field" role="group" aria-label=t::card_waits_for() on:keydown=move |event| {
                // Enter in the search would send the form.
                if event.key() == "Enter" && !event.meta_key() && !event.ctrl_key() && dom::is_typing() {
                    event.prevent_default();
                }
            }>
                {finder(t::card_waits_for(), among, add, problem.at(CardField::Parents))}
                <ul class="link-list" hidden=move || cards.read().is_empty()>
                    <For each=move || cards.get() key=|(number, _)| *number children=row />
                </ul>
            </div>
        }
        .into_any()
    }
}

/// Reads what was kept.
fn chosen(text: &str) -> Vec<Chosen> {
    let card = |line: &str| {
        let (number, title) = line.split_once(' ')?;
        Some((number.parse().ok()?, title.to_owned()))
    };
    text.lines().skip(1).filter_map(card).collect()
}

#[cfg(test)]
mod tests {
    use super::chosen;

    #[test]
    fn what_was_kept_is_read() {
        assert_eq!(chosen(""), []);
        assert_eq!(chosen("default"), []);
        let cards = chosen("default\n12 Buy milk\nnonsense\n7 ");
        assert_eq!(cards, [(12, "Buy milk".to_owned()), (7, String::new())]);
    }
}
