//! Finding cards while somebody types: what is shown always belongs to the words that stand in the field now.
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{CardRef, TaskCard};

use super::server_fns::search_cards;
use super::words;
use crate::ui::time::rested;

/// Whoever types is not asked after every letter.
const TYPED: Duration = Duration::from_millis(250);
/// Cards are looked for from so many letters on.
const MIN_LETTERS: usize = 2;

/// A search.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CardSearch {
    /// What the field says.
    pub(crate) text: RwSignal<String>,
    /// The board it looks on; all of them without one.
    board: StoredValue<Option<String>>,
    /// The words that were asked for last.
    asked: StoredValue<String>,
    /// The words that `cards` and `problem` answer.
    answered: RwSignal<String>,
    cards: RwSignal<Vec<TaskCard>>,
    problem: RwSignal<String>,
}

impl CardSearch {
    /// On the board of that slug, or on all.
    pub(crate) fn on(board: Option<String>) -> Self {
        let text = RwSignal::new(String::new());
        let search = Self {
            text,
            board: StoredValue::new(board),
            asked: StoredValue::new(String::new()),
            answered: RwSignal::new(String::new()),
            cards: RwSignal::new(Vec::new()),
            problem: RwSignal::new(String::new()),
        };
        let rested = rested(text, TYPED);
        Effect::new(move |_| {
            rested.track();
            search.ask();
        });
        search
    }

    /// What is looked for.
    pub(crate) fn words(self) -> String {
        self.text.read().trim().to_owned()
    }

    /// Whether there is something in the field, but too little to go on.
    pub(crate) fn is_short(self) -> bool {
        let words = self.words();
        !words.is_empty() && !is_enough(&words)
    }

    /// Whether the answer to what stands in the field is still to come. From the first letter on: "nothing found" is
    /// said by an answer only.
    pub(crate) fn is_looking(self) -> bool {
        let words = self.words();
        is_enough(&words) && *self.answered.read() != words
    }

    /// Why there is no answer; empty when there is one.
    pub(crate) fn problem(self) -> String {
        if *self.answered.read() == self.words() { self.problem.get() } else { String::new() }
    }

    /// The cards that fit what stands in the field. While the answer is on its way, those of the one before that fit.
    pub(crate) fn cards(self) -> Vec<TaskCard> {
        let wanted = self.words();
        if !is_enough(&wanted) {
            return Vec::new();
        }
        let mut cards = self.cards.get();
        if *self.answered.read() != wanted {
            cards.retain(|card| fits(&card_words(card), &wanted));
        }
        cards
    }

    /// Asks for what stands in the field, unless that was done.
    pub(crate) fn ask(self) {
        let words = untrack(|| self.words());
        if !is_enough(&words) || self.asked.with_value(|asked| *asked == words) {
            return;
        }
        self.asked.set_value(words.clone());
        let board = self.board.get_value();
        spawn_local(async move {
            let found = search_cards(words.clone(), board).await;
            let Some(now) = self.text.try_get_untracked() else { return }; // it is closed
            if now.trim() != words {
                // Whoever comes back to these words asks once more.
                self.asked.update_value(|asked| {
                    if *asked == words {
                        asked.clear();
                    }
                });
                return;
            }
            let (cards, problem) = match found {
                Ok(cards) => (cards, String::new()),
                Err(error) => (Vec::new(), error.message),
            };
            self.cards.set(cards);
            self.problem.set(problem);
            self.answered.set(words);
        });
    }

    /// Asks again after it failed.
    pub(crate) fn ask_again(self) {
        self.asked.set_value(String::new());
        self.answered.set(String::new());
        self.ask();
    }
}

/// A letter alone is in every card, a digit alone is a card's number.
fn is_enough(words: &str) -> bool {
    words.chars().count() >= MIN_LETTERS || words.parse::<u8>().is_ok()
}

fn card_words(card: &TaskCard) -> String {
    format!("{} {}", words::label(card.number), card.title)
}

/// Whether every wanted word is in a text.
pub(crate) fn fits(text: &str, wanted: &str) -> bool {
    let text = text.to_lowercase();
    wanted.to_lowercase().split_whitespace().all(|word| text.contains(word))
}

/// The number of the card that was typed: "T-12", "t-12" or "12".
pub(crate) fn number_of(words: &str) -> Option<i64> {
    match words.parse() {
        Ok(CardRef::Number(number)) => Some(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{fits, is_enough, number_of};

    #[test]
    fn numbers_are_known_as_people_write_them() {
        for text in ["T-12", "t-12", "12"] {
            assert_eq!(number_of(text), Some(12), "{text}");
        }
        for text in ["", "T-", "T-0", "-3", "12 eggs", "twelve"] {
            assert_eq!(number_of(text), None, "{text}");
        }
    }

    #[test]
    fn every_word_must_be_there() {
        assert!(fits("Settings Model", "mod SETT"));
        assert!(fits("anything", "  "));
        assert!(!fits("Settings Model", "model board"));
    }

    #[test]
    fn a_letter_alone_is_too_little() {
        assert!(is_enough("ab") && is_enough("7"));
        assert!(!is_enough("a") && !is_enough(""));
    }
}
