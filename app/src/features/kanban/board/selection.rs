//! Selected cards, and one change to all of them.
use leptos::prelude::*;
use protocol::{BulkChange, BulkParams, BulkResult, CardId, CardState, TaskCard};

use super::model::{Board, Place};
use crate::features::kanban::server_fns::ChangeCards;
use crate::features::kanban::words;
use crate::i18n::t;
use crate::outbox::{About, Outcome, TOLD};

impl Board {
    /// Selects a card, or no longer.
    pub fn toggle(self, id: CardId) {
        let Some(model) = self.card(id) else { return };
        let on = !model.selected.get_untracked();
        model.selected.set(on);
        self.selection.update(|selection| {
            selection.retain(|other| *other != id);
            if on {
                selection.push(id);
            }
        });
        let name = model.card.with_untracked(|card| words::label(card.number));
        let count = i64::try_from(self.selection.read_untracked().len()).unwrap_or(i64::MAX);
        self.announce(if on { t::kanban_selected(&name, count) } else { t::kanban_deselected(&name) });
    }

    /// Selects every card from the last selected one to this one, in the same column.
    pub fn select_to(self, id: CardId) {
        let last = self.selection.with_untracked(|selection| selection.last().copied());
        let state = self.face(id).map(|card| card.state);
        let Some(column) = state.and_then(|state| self.column(state)) else { return };
        let ids = column.ids.get_untracked();
        let to = ids.iter().position(|other| *other == id);
        let from = last.and_then(|last| ids.iter().position(|other| *other == last)).or(to);
        let (Some(from), Some(to)) = (from, to) else { return };
        self.select(&ids[from.min(to)..=from.max(to)]);
    }

    /// Selects every card that is loaded.
    pub fn select_all(self) {
        let view = self.view.get_untracked();
        for column in self.columns.get_value() {
            if column.state != CardState::Archived || view.archived {
                self.select(&column.ids.get_untracked());
            }
        }
        let count = i64::try_from(self.selection.read_untracked().len()).unwrap_or(i64::MAX);
        self.announce(t::kanban_selected_count(count));
    }

    fn select(self, ids: &[CardId]) {
        let mut selection = self.selection.get_untracked();
        for id in ids {
            let Some(model) = self.card(*id) else { continue };
            if !model.selected.get_untracked() {
                model.selected.set(true);
                selection.push(*id);
            }
        }
        self.selection.set(selection);
    }

    /// Selects nothing.
    pub fn clear_selection(self) {
        let selection = self.selection.get_untracked();
        if selection.is_empty() {
            return;
        }
        for id in selection {
            if let Some(model) = self.card(id) {
                model.selected.set(false);
            }
        }
        self.selection.set(Vec::new());
    }

    /// Whoever loaded cards are given to.
    #[must_use]
    pub fn assignees(self) -> Vec<String> {
        let ids = self.columns.get_value().into_iter().flat_map(|column| column.ids.get_untracked());
        ids.filter_map(|id| self.face(id)?.assignee).collect()
    }

    pub(super) fn deselect(self, id: CardId) {
        if self.selection.with_untracked(|selection| selection.contains(&id)) {
            self.selection.update(|selection| selection.retain(|other| *other != id));
        }
    }

    /// What an action on this card is about: the selection when the card is in it, else the card alone.
    #[must_use]
    pub fn meant_by(self, id: CardId) -> Vec<CardId> {
        self.selection.with_untracked(|selection| if selection.contains(&id) { selection.clone() } else { vec![id] })
    }

    /// Moves several cards at once, and those back that the server refuses.
    pub fn move_cards(self, cards: Vec<CardId>, to: CardState, place: Place) {
        if let [only] = cards.as_slice() {
            self.move_card(*only, to, place);
            return;
        }
        let place = self.meant_place(place);
        let mut before = Vec::with_capacity(cards.len());
        let mut next = place;
        for id in &cards {
            let Some(model) = self.card(*id) else { continue };
            let card = model.card.get_untracked();
            // It is there, and stays as it is.
            if card.state == to && next == Place::default() {
                continue;
            }
            self.guess(&model, &card, to, next);
            if next != Place::default() {
                next = Place { after: Some(*id), before: None };
            }
            before.push(card);
        }
        self.change(cards, BulkChange::Move { to, after: place.after, before: place.before }, before);
    }

    /// Makes one change to several cards.
    pub fn change_all(self, cards: Vec<CardId>, change: BulkChange) {
        self.change(cards, change, Vec::new());
    }

    fn change(self, cards: Vec<CardId>, change: BulkChange, before: Vec<TaskCard>) {
        let named = match cards.as_slice() {
            [only] => self.face(*only).map(|card| words::label(card.number)).unwrap_or_default(),
            many => t::kanban_cards(i64::try_from(many.len()).unwrap_or(i64::MAX)),
        };
        let about = About { label: words::change(&named, &change), cards: cards.clone(), ..About::default() };
        let params = BulkParams { cards: cards.clone(), change: change.clone() };
        let told = move |result: &BulkResult, wanted: usize| told(&change, &named, result, wanted);
        self.outbox.send(&ChangeCards { params }, about, move |outcome| {
            if matches!(outcome, Outcome::Waits) {
                if !self.is_gone() {
                    self.clear_selection();
                }
                return;
            }
            let is_settled = self.settle(&cards);
            match outcome {
                Outcome::Done { answer, late } if is_settled => {
                    let text = told(&answer, cards.len());
                    self.changed(answer, &before, text, late);
                }
                // Its page has gone, or waits for another write; it would have said it.
                Outcome::Done { answer, .. } if !answer.refused.is_empty() => {
                    self.toasts.fail(told(&answer, cards.len()));
                }
                Outcome::Refused(error) => {
                    if is_settled {
                        self.unchanged(&before);
                    }
                    self.toasts.fail(error.message);
                }
                Outcome::TakenBack if !self.is_gone() => self.unchanged(&before),
                Outcome::Done { .. } | Outcome::Waits | Outcome::TakenBack | Outcome::Elsewhere => {}
            }
        });
    }

    fn changed(self, result: BulkResult, before: &[TaskCard], text: String, late: bool) {
        for card in before {
            // Refused, or as it was wanted already.
            let unchanged = result.changed.iter().all(|changed| changed.id != card.id);
            if let (true, Some(model)) = (unchanged, self.card(card.id)) {
                self.go_back(&model, card);
            }
        }
        for card in result.changed {
            self.accept(card);
        }
        // What was refused stays selected, to be tried otherwise.
        let mut kept = self.selection.get_untracked();
        kept.retain(|id| result.refused.iter().any(|refused| refused.id == *id));
        self.clear_selection();
        self.select(&kept);
        self.announce(text.clone());
        match result.undo {
            Some(_) if late && result.refused.is_empty() => {}
            Some(undo) => self.offer_undo(text, undo),
            None if result.refused.is_empty() => self.toasts.say(text),
            None => self.toasts.fail(text),
        }
    }

    fn unchanged(self, before: &[TaskCard]) {
        for card in before {
            if let Some(model) = self.card(card.id) {
                self.go_back(&model, card);
            }
        }
    }
}

/// What became of a change of so many cards, in a sentence. `named` is what they were called together.
fn told(change: &BulkChange, named: &str, result: &BulkResult, wanted: usize) -> String {
    // What is deleted is not told one by one.
    let are_gone = result.changed.is_empty() && result.undo.is_some();
    let done = if are_gone { wanted.saturating_sub(result.refused.len()) } else { result.changed.len() };
    let reasons: Vec<&str> = result.refused.iter().take(TOLD).map(|refused| refused.reason.as_str()).collect();
    // A single card is called by its number.
    let subject = match result.changed.as_slice() {
        [only] => words::label(only.number),
        _ if wanted == 1 => named.to_owned(),
        _ => done.to_string(),
    };
    match (result.refused.len(), change) {
        (0, _) if done == 0 => t::kanban_unchanged().to_owned(),
        (0, BulkChange::Move { to, .. }) => words::moved(&subject, *to),
        (0, BulkChange::Delete) => t::kanban_deleted_toast(&subject),
        (0, _) if done == 1 => t::kanban_changed_one(&subject),
        (0, _) => t::kanban_changed(i64::try_from(done).unwrap_or(i64::MAX)),
        (_, _) if wanted == 1 => t::kanban_refused_one(named, &reasons.join("; ")),
        (refused, _) => t::kanban_changed_some(&done.to_string(), &refused.to_string(), &reasons.join("; ")),
    }
}
