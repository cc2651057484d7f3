//! Writes: shown at once as they will be, sent, and shown as the server says; and taking them back.
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{CardId, CardSort, CardState, CardWritten, MoveCardParams, TaskCard, UndoId, UndoResult};

use super::focus;
use super::model::{Board, CardModel, Place};
use crate::error::ApiError;
use crate::features::kanban::server_fns::{MoveCard, last_redo, last_undo};
use crate::features::kanban::{take_back, words};
use crate::i18n::t;
use crate::outbox::{About, Outcome};

/// A write that takes longer shows that it is still on its way.
const PENDING_AFTER: Duration = Duration::from_millis(400);

impl Board {
    /// Moves a card at once, and back when the server refuses.
    pub fn move_card(self, id: CardId, to: CardState, place: Place) {
        let place = self.meant_place(place);
        let Some(model) = self.card(id) else { return };
        let before = model.card.get_untracked();
        if before.state == to && place == Place::default() {
            return;
        }
        self.guess(&model, &before, to, place);
        let params = MoveCardParams { id, revision: None, to, after: place.after, before: place.before };
        let about = About {
            label: t::outbox_move(&words::label(before.number), words::state_name(to)),
            cards: vec![id],
            ..About::default()
        };
        self.outbox.send(&MoveCard { params }, about, move |outcome| {
            let is_settled = !matches!(outcome, Outcome::Waits) && self.settle(&[id]);
            match outcome {
                Outcome::Done { answer, late } if is_settled => self.moved(answer, before.state, late),
                Outcome::Refused(error) if is_settled => self.refused(&model, &before, &error),
                // Another write of the card is still to come, or the page has gone; the person is told all the same.
                Outcome::Refused(error) => self.toasts.fail(error.message),
                Outcome::TakenBack if !self.is_gone() => self.go_back(&model, &before),
                Outcome::Done { .. } | Outcome::Waits | Outcome::TakenBack | Outcome::Elsewhere => {}
            }
        });
    }

    /// Whether cards stand where people put them; in any other order, a place means nothing.
    pub(super) fn has_places(self) -> bool {
        self.view.with_untracked(|view| view.sort == CardSort::Manual)
    }

    pub(super) fn meant_place(self, place: Place) -> Place {
        if self.has_places() { place } else { Place::default() }
    }

    /// Their write was answered; `false` when the page has gone, or when another one of them is still to come, whose
    /// answer counts.
    pub(super) fn settle(self, cards: &[CardId]) -> bool {
        if self.is_gone() {
            return false;
        }
        let settled: Vec<CardId> = cards.iter().copied().filter(|id| !self.outbox.concerns(*id)).collect();
        for model in settled.iter().filter_map(|id| self.card(*id)) {
            model.guessed_on.set_value(None);
            model.pending.set(false);
        }
        !settled.is_empty()
    }

    /// Marks the cards that a write waits for, and no longer those that none waits for any more.
    pub fn mark_waiting(self, before: &[CardId], now: &[CardId]) {
        for (ids, waits) in [(before, false), (now, true)] {
            for model in ids.iter().filter_map(|id| self.card(*id)) {
                model.pending.set(waits);
            }
        }
    }

    pub(super) fn guess(self, model: &CardModel, before: &TaskCard, to: CardState, place: Place) {
        model.guessed_on.set_value(Some(before.revision));
        let mut guess = before.clone();
        guess.state = to;
        guess.wait = None;
        if to != before.state {
            guess.state_at = self.now.get_untracked();
            guess.ask = None;
            self.count(before.state, -1);
            self.count(to, 1);
        }
        let rank_of = |id: Option<CardId>| id.and_then(|id| self.face(id)).map(|card| card.rank);
        guess.rank = match (rank_of(place.after), place.before) {
            (Some(rank), _) => rank + "0",
            (None, Some(_)) => String::new(),
            (None, None) if to == CardState::Done => String::new(),
            (None, None) => "~".to_owned(),
        };
        // First out of its old place: a face that goes away need not be drawn anew before.
        if to == CardState::Archived && !self.view.with_untracked(|view| view.archived) {
            self.unlist(guess.id);
        } else {
            self.place(&guess);
        }
        model.card.set(guess);
        let pending = model.pending.clone();
        let guessed_on = model.guessed_on.clone();
        set_timeout(
            move || {
                if guessed_on.get_value().is_some() {
                    pending.set(true);
                }
            },
            PENDING_AFTER,
        );
    }

    fn moved(self, written: CardWritten, from: CardState, late: bool) {
        let card = written.card;
        let name = words::label(card.number);
        let reordered = card.state == from;
        let text = match reordered {
            true => t::kanban_moved_within(&name, words::state_name(card.state)),
            false => words::moved(&name, card.state),
        };
        if card.state == CardState::Archived {
            self.remove(card.id);
        } else {
            self.accept(card);
        }
        self.announce(text.clone());
        if let (Some(undo), false) = (written.undo, reordered || late) {
            self.offer_undo(text, undo);
        }
    }

    fn refused(self, model: &CardModel, before: &TaskCard, error: &ApiError) {
        self.go_back(model, before);
        let text = t::kanban_move_back(&words::label(before.number), &error.message);
        self.announce(text.clone());
        self.toasts.fail(text);
    }

    /// Shows a card as it was before a guess.
    pub(super) fn go_back(self, model: &CardModel, before: &TaskCard) {
        let guess = model.card.get_untracked();
        // Whatever the stream has said of the card meanwhile is newer than what it goes back to.
        if guess.revision == before.revision {
            if guess.state != before.state {
                self.count(guess.state, -1);
                self.count(before.state, 1);
            }
            model.card.set(before.clone());
            self.put_back(before);
        }
    }

    /// Puts a card where it was before. Where that cannot be told from the card itself, the server says it.
    pub(super) fn put_back(self, card: &TaskCard) {
        self.place(card);
        if !self.is_plain() {
            self.refresh_soon();
        }
    }

    /// Offers to take a write back, in a toast.
    pub fn offer_undo(self, text: String, undo: UndoId) {
        self.toasts.undoable(text, undo, Callback::new(move |()| self.take_back(undo)));
    }

    /// Takes the person's newest write back, wherever it was made.
    pub fn undo_last(self) {
        // The newest write may be one that the server has not seen yet.
        let outbox = self.outbox;
        outbox.when_settled(move || {
            if !outbox.take_back_newest() && !self.is_gone() {
                self.undo_written();
            }
        });
    }

    fn undo_written(self) {
        spawn_local(async move {
            match last_undo().await {
                Ok(Some(undo)) => self.take_back(undo),
                Ok(None) => match self.toasts.newest_action() {
                    Some(undo) => undo.run(()),
                    None => self.toasts.say(t::kanban_nothing_to_undo()),
                },
                Err(error) => self.toasts.fail(error.message),
            }
        });
    }

    /// Does again what was taken back last, since the person's last write.
    pub fn redo_last(self) {
        spawn_local(async move {
            match last_redo().await {
                Ok(Some(redo)) => self.step_back(redo, words::redone),
                Ok(None) => self.toasts.say(t::kanban_nothing_to_redo()),
                Err(error) => self.toasts.fail(error.message),
            }
        });
    }

    /// Takes a write back.
    pub fn take_back(self, undo: UndoId) {
        self.step_back(undo, words::undone);
    }

    fn step_back(self, undo: UndoId, told: fn(&UndoResult) -> String) {
        let toasts = self.toasts;
        spawn_local(async move {
            if let Some(undone) = take_back(toasts, undo).await {
                if !self.is_gone() {
                    self.accept_undone(&undone);
                }
                toasts.say(told(&undone));
            }
        });
    }

    /// Takes over what taking back led to.
    pub(super) fn accept_undone(self, undone: &UndoResult) {
        if let [card] = undone.cards.as_slice() {
            focus::follow(card.id);
        }
        for card in &undone.cards {
            self.accept(card.clone());
        }
        for id in &undone.removed {
            self.remove(*id);
        }
        // What is set on a board, its views and the list of boards come with the page.
        if !undone.boards.is_empty() {
            self.reload(self.seq.get_value());
        }
    }
}
