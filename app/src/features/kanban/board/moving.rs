//! Move mode: a card is carried over the board by the arrow keys, Enter puts it down, Escape takes it back.
use leptos::prelude::*;
use protocol::{CardId, CardState, LaneBy, TaskCard};

use super::model::{Board, Place};
use super::{BoardUi, focus, landing, lanes};
use crate::features::kanban::words;
use crate::i18n::t;

/// So many places before the last card that is loaded, the next page is asked for.
const SOON: usize = 10;

/// A card that is being carried.
#[derive(Debug, Clone, PartialEq)]
pub struct Carried {
    before: TaskCard,
    state: CardState,
    index: usize,
}

impl Carried {
    /// Which card it is.
    #[must_use]
    pub fn id(&self) -> CardId {
        self.before.id
    }
}

impl Board {
    /// Begins to carry a card.
    pub fn pick_up(self, id: CardId) {
        let Some(card) = self.face(id) else { return };
        let Some(column) = self.column(card.state) else { return };
        let index = lanes::of_same(self, column, &card).iter().position(|other| *other == id).unwrap_or(0);
        let name = words::label(card.number);
        self.carried.set(Some(Carried { state: card.state, index, before: card }));
        self.announce(t::kanban_carrying(&name));
    }

    /// Carries it a place up or down, or to the next column it may go to.
    pub fn carry(self, columns: i32, places: i32) {
        let Some(mut carried) = self.carried.get_untracked() else { return };
        let id = carried.before.id;
        if columns != 0 {
            let is_open = |state: &CardState| landing::is_open(&carried.before, true, *state);
            let states: Vec<CardState> = CardState::COLUMNS.iter().copied().filter(is_open).collect();
            let at = states.iter().position(|state| *state == carried.state).unwrap_or(0);
            let next = if columns > 0 { at + 1 } else { at.wrapping_sub(1) };
            let Some(state) = states.get(next) else { return };
            self.count(carried.state, -1);
            self.count(*state, 1);
            carried.state = *state;
            carried.index = 0;
        }
        let Some(column) = self.column(carried.state) else { return };
        let mut others = lanes::of_same(self, column, &carried.before);
        others.retain(|other| *other != id);
        let places = if self.has_places() { places } else { 0 };
        carried.index = carried.index.saturating_add_signed(places as isize).min(others.len());
        if carried.index + SOON >= others.len() {
            self.load_more(column);
        }
        self.lay(&carried, &others);
        // Of lanes it is not known how many cards there are beyond those that are loaded.
        let has_lanes = self.view.with_untracked(|view| view.lanes != LaneBy::None);
        let loaded = i64::try_from(others.len() + 1).unwrap_or(i64::MAX);
        let all = if has_lanes { loaded } else { column.total.get_untracked().max(loaded) };
        let (name, place) = (words::label(carried.before.number), (carried.index + 1).to_string());
        self.announce(t::kanban_announce_place(&name, words::state_name(carried.state), &place, &all.to_string()));
        self.carried.set(Some(carried));
    }

    /// Shows the carried card where it would land among those that it may stand between.
    fn lay(self, carried: &Carried, others: &[CardId]) {
        let id = carried.before.id;
        focus::follow(id);
        for column in self.columns.get_value() {
            let has = column.ids.with_untracked(|ids| ids.contains(&id));
            if column.state == carried.state {
                column.ids.update(|ids| {
                    ids.retain(|other| *other != id);
                    let place_of = |other: Option<&CardId>| ids.iter().position(|listed| Some(listed) == other);
                    let at = place_of(others.get(carried.index)).or(place_of(others.last()).map(|last| last + 1));
                    ids.insert(at.unwrap_or(ids.len()), id);
                });
            } else if has {
                column.ids.update(|ids| ids.retain(|other| *other != id));
            }
        }
    }

    /// Puts the carried card down where it is.
    pub fn put_down(self, ui: BoardUi) {
        let Some(carried) = self.carried.get_untracked() else { return };
        self.carried.set(None);
        let id = carried.before.id;
        let Some(column) = self.column(carried.state) else { return };
        let ids = lanes::of_same(self, column, &carried.before);
        let at = ids.iter().position(|other| *other == id).unwrap_or(0);
        let place = Place {
            after: at.checked_sub(1).and_then(|above| ids.get(above)).copied(),
            before: ids.get(at + 1).copied(),
        };
        self.uncarry(&carried);
        if carried.state == carried.before.state && !self.has_places() {
            self.announce(t::kanban_dropped_back(&words::label(carried.before.number)));
            return;
        }
        landing::put(self, ui, vec![id], carried.state, place);
    }

    /// Takes the carried card back to where it was.
    pub fn carry_back(self) {
        let Some(carried) = self.carried.get_untracked() else { return };
        self.carried.set(None);
        self.uncarry(&carried);
        self.announce(t::kanban_dropped_back(&words::label(carried.before.number)));
    }

    /// As if it had never been lifted.
    fn uncarry(self, carried: &Carried) {
        focus::follow(carried.before.id);
        self.count(carried.state, -1);
        self.count(carried.before.state, 1);
        self.put_back(&carried.before);
    }

    /// Whether this card is being carried.
    #[must_use]
    pub fn carries(self, id: CardId) -> bool {
        self.carried.with(|carried| carried.as_ref().is_some_and(|carried| carried.before.id == id))
    }
}
