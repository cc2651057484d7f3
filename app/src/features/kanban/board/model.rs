//! What the board shows, as signals: one per card, one per column's order. Deltas change only what changed, so that
//! no list is rebuilt and no scroll position is lost.
//!
//! It is a projection: what the server says replaces what was guessed here (`write.rs`).
use std::collections::HashMap;
use std::time::Duration;

use leptos::prelude::*;
use protocol::{
    AgeLimits, BoardDelta, BoardPage, BoardSummary, BoardView, CardId, CardSort, CardState, ColumnPage, ProfileSummary,
    SavedView, Slots, TaskCard,
};

use super::{focus, kept, window};
use crate::outbox::Outbox;
use crate::ui::{Owed, Toasts, dom};

/// One card.
#[derive(Debug, Clone)]
pub struct CardModel {
    /// As it is, or as the person just made it.
    pub card: ArcRwSignal<TaskCard>,
    /// A write of it is taking its time.
    pub pending: ArcRwSignal<bool>,
    /// Whether it is selected.
    pub selected: ArcRwSignal<bool>,
    /// The revision that an unanswered write was made on; deltas up to it are older than what is shown.
    pub(super) guessed_on: ArcStoredValue<Option<i64>>,
}

impl CardModel {
    pub(super) fn new(card: TaskCard) -> Self {
        Self {
            card: ArcRwSignal::new(card),
            pending: ArcRwSignal::new(false),
            selected: ArcRwSignal::new(false),
            guessed_on: ArcStoredValue::new(None),
        }
    }
}

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The state of its cards.
    pub state: CardState,
    /// The cards that are loaded, in order.
    pub ids: RwSignal<Vec<CardId>>,
    /// Which of them are drawn: the place of the first, and of the first behind them. All until they were measured.
    pub drawn: RwSignal<(usize, usize)>,
    /// Cards altogether.
    pub total: RwSignal<i64>,
    /// More of them are on their way.
    pub loading: RwSignal<bool>,
    pub(super) owed: Owed,
}

impl Column {
    /// The cards that are drawn where there are no lanes.
    pub fn shown(self) -> Vec<CardId> {
        self.ids.with(|ids| window::drawn_of(ids, self.drawn.get()).to_vec())
    }

    /// Whether there are cards that are not loaded.
    #[must_use]
    pub fn has_more(self) -> bool {
        i64::try_from(self.ids.read().len()).unwrap_or(i64::MAX) < self.total.get()
    }
}

/// Where a card is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Right after this card.
    pub after: Option<CardId>,
    /// Right before this card.
    pub before: Option<CardId>,
}

/// What belongs to a board beside its cards.
#[derive(Debug, Clone, PartialEq)]
pub struct Around {
    /// All boards.
    pub boards: Vec<BoardSummary>,
    /// How long cards may stay in a column before their faces warn.
    pub ages: AgeLimits,
    /// The soft limits of review and of blocked cards.
    pub limits: (Option<u32>, Option<u32>),
    /// Saved views.
    pub views: Vec<SavedView>,
    /// Labels in use.
    pub labels: Vec<String>,
    /// Tenants in use.
    pub tenants: Vec<String>,
    /// Who has cards of the board.
    pub assignees: Vec<String>,
    /// Who can be assigned.
    pub profiles: Vec<ProfileSummary>,
}

/// The board on screen.
#[derive(Debug, Clone, Copy)]
pub struct Board {
    /// Which one it is.
    pub summary: StoredValue<BoardSummary>,
    /// What of it is shown, and in which order.
    pub view: RwSignal<BoardView>,
    /// A view is on its way.
    pub loading: RwSignal<bool>,
    /// The selected cards, in the order they were selected.
    pub selection: RwSignal<Vec<CardId>>,
    /// The card that the keyboard carries.
    pub carried: RwSignal<Option<super::moving::Carried>>,
    /// What belongs to the board beside its cards.
    pub around: RwSignal<Around>,
    /// Columns in order.
    pub columns: StoredValue<Vec<Column>>,
    /// Worker slots.
    pub slots: RwSignal<Slots>,
    /// The server's clock, a few times a minute.
    pub now: RwSignal<i64>,
    /// What screen readers hear.
    pub announced: RwSignal<String>,
    pub(super) cards: StoredValue<HashMap<CardId, CardModel>>,
    /// The newest sequence number that is on screen.
    pub(super) seq: StoredValue<i64>,
    /// A look at what the view hides or shows now is due.
    pub(super) refreshing: StoredValue<bool>,
    pub(super) owed: Owed,
    pub(super) outbox: Outbox,
    /// How many writes had come to nothing when this was read.
    pub(super) undone: StoredValue<u32>,
    pub(super) toasts: Toasts,
}

impl Board {
    /// The board of a page that was just read.
    #[must_use]
    pub fn new(page: BoardPage, view: BoardView, toasts: Toasts, outbox: Outbox) -> Self {
        let mut cards = HashMap::new();
        let around = Around {
            boards: page.boards,
            ages: page.ages,
            limits: (page.review_limit, page.blocked_limit),
            views: page.views,
            labels: page.labels,
            tenants: page.tenants,
            assignees: page.assignees,
            profiles: page.profiles,
        };
        // The archive has a column, too, which is shown when the view asks for it.
        let archive = ColumnPage { state: CardState::Archived, total: 0, cards: Vec::new() };
        let lacks_archive = page.columns.iter().all(|column| column.state != CardState::Archived);
        let columns = page.columns.into_iter().chain(lacks_archive.then_some(archive)).map(|column| {
            let ids = column.cards.iter().map(|card| card.id).collect();
            cards.extend(column.cards.into_iter().map(|card| (card.id, CardModel::new(card))));
            Column {
                state: column.state,
                ids: RwSignal::new(ids),
                drawn: RwSignal::new((0, usize::MAX)),
                total: RwSignal::new(column.total),
                loading: RwSignal::new(false),
                owed: Owed::new(toasts),
            }
        });
        Self {
            columns: StoredValue::new(columns.collect()),
            summary: StoredValue::new(page.board),
            view: RwSignal::new(view),
            loading: RwSignal::new(false),
            selection: RwSignal::new(Vec::new()),
            carried: RwSignal::new(None),
            around: RwSignal::new(around),
            slots: RwSignal::new(page.slots),
            now: RwSignal::new(page.now),
            announced: RwSignal::new(String::new()),
            seq: StoredValue::new(page.seq),
            cards: StoredValue::new(cards),
            refreshing: StoredValue::new(false),
            owed: Owed::new(toasts),
            outbox,
            undone: StoredValue::new(kept::undone().unwrap_or_else(|| untrack(|| outbox.undone()))),
            toasts,
        }
    }

    /// A card that is loaded.
    #[must_use]
    pub fn card(self, id: CardId) -> Option<CardModel> {
        self.cards.try_with_value(|cards| cards.get(&id).cloned()).flatten()
    }

    /// A loaded card's face as it is now.
    #[must_use]
    pub fn face(self, id: CardId) -> Option<TaskCard> {
        self.card(id).and_then(|model| model.card.try_get_untracked())
    }

    /// The column of a state; archived cards have none.
    #[must_use]
    pub fn column(self, state: CardState) -> Option<Column> {
        self.columns.with_value(|columns| columns.iter().find(|column| column.state == state).copied())
    }

    /// Whether the page that shows it has gone.
    pub(super) fn is_gone(self) -> bool {
        self.cards.is_disposed()
    }

    /// Whether no column has a card.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.columns.with_value(|columns| columns.iter().all(|column| column.total.get() == 0))
    }

    /// Whether every card of the board is shown, in the order people gave it: only then what changed can be put into
    /// its place without asking.
    pub(super) fn is_plain(self) -> bool {
        self.view.with_untracked(|view| !view.is_filtered() && view.sort == CardSort::Manual)
    }

    /// Shows another view of the board.
    pub fn show(self, view: BoardView) {
        if self.view.with_untracked(|shown| *shown == view) {
            return;
        }
        self.clear_selection();
        self.view.set(view);
        self.loading.set(true);
        self.reload(self.seq.get_value());
    }

    /// Says something to screen readers.
    pub fn announce(self, text: String) {
        self.announced.set(text);
    }

    /// Takes over what changed.
    pub fn apply(self, delta: &BoardDelta) {
        if self.summary.with_value(|board| board.id != delta.board_id) {
            return;
        }
        self.seq.update_value(|seq| *seq = delta.seq.max(*seq));
        set_if_new(self.slots, delta.slots);
        if !self.is_plain() {
            for card in &delta.cards {
                self.renew(card);
            }
            if !delta.cards.is_empty() || !delta.removed.is_empty() {
                self.refresh_soon();
            }
            return;
        }
        for card in &delta.cards {
            self.put(card.clone());
        }
        for id in &delta.removed {
            self.remove(*id);
        }
        for (state, total) in &delta.totals {
            if let Some(column) = self.column(*state) {
                set_if_new(column.total, *total);
            }
        }
    }

    /// Shows a card as it is now where it stands.
    fn renew(self, card: &TaskCard) {
        if let Some(model) = self.card(card.id)
            && model.guessed_on.get_value().is_none()
            && model.card.with_untracked(|shown| card.revision >= shown.revision && card != shown)
        {
            model.card.set(card.clone());
        }
    }

    pub(super) fn replace(self, page: BoardPage) {
        self.seq.set_value(page.seq);
        // What is still to be written stays as it was made.
        let is_guess = |id: CardId| self.card(id).is_some_and(|model| model.guessed_on.get_value().is_some());
        let cards = page.columns.iter().flat_map(|column| &column.cards);
        let guesses: Vec<TaskCard> = cards.filter(|card| is_guess(card.id)).cloned().collect();
        for fresh in page.columns {
            let Some(column) = self.column(fresh.state) else { continue };
            let ids: Vec<CardId> = fresh.cards.iter().map(|card| card.id).collect();
            for card in fresh.cards {
                match self.card(card.id) {
                    Some(_) => self.renew(&card),
                    None => self.cards.update_value(|cards| {
                        cards.insert(card.id, CardModel::new(card));
                    }),
                }
            }
            set_if_new(column.total, fresh.total);
            set_if_new(column.ids, ids);
        }
        if !self.view.with_untracked(|view| view.archived)
            && let Some(archive) = self.column(CardState::Archived)
        {
            archive.ids.set(Vec::new());
        }
        for stored in guesses {
            if let Some(shown) = self.face(stored.id) {
                if shown.state != stored.state {
                    self.count(stored.state, -1);
                    self.count(shown.state, 1);
                }
                self.place(&shown);
            }
        }
        let is_shown = |id: &CardId| {
            self.columns
                .with_value(|columns| columns.iter().any(|column| column.ids.with_untracked(|ids| ids.contains(id))))
        };
        let selection = self.selection.get_untracked();
        for id in selection.into_iter().filter(|id| !is_shown(id)) {
            self.toggle(id);
        }
        self.around.set(Around {
            boards: page.boards,
            ages: page.ages,
            limits: (page.review_limit, page.blocked_limit),
            views: page.views,
            labels: page.labels,
            tenants: page.tenants,
            assignees: page.assignees,
            profiles: page.profiles,
        });
        self.summary.set_value(page.board);
        self.now.set(page.now);
        set_if_new(self.slots, page.slots);
    }

    /// What a card brings that the board had not seen is on offer from now on.
    fn learn(self, card: &TaskCard) {
        let news = |known: &[String]| -> Vec<String> {
            card.labels.iter().filter(|label| !known.contains(label)).cloned().collect()
        };
        let labels = self.around.with_untracked(|around| news(&around.labels));
        if !labels.is_empty() {
            self.around.update(|around| around.labels.extend(labels));
        }
    }

    /// Puts the server's version of a card where it belongs.
    fn put(self, card: TaskCard) {
        self.learn(&card);
        let id = card.id;
        let Some(model) = self.card(id) else {
            self.cards.update_value(|cards| {
                cards.insert(id, CardModel::new(card.clone()));
            });
            self.place(&card);
            return;
        };
        let shown = model.card.get_untracked();
        let newest = model.guessed_on.get_value().map_or(shown.revision, |guessed| guessed + 1);
        if card.revision < newest || card == shown {
            return;
        }
        let moved = (shown.state, &shown.rank) != (card.state, &card.rank);
        model.card.set(card.clone());
        if moved {
            self.place(&card);
        }
    }

    /// Puts a card into the order of its column, and out of any other.
    pub(super) fn place(self, card: &TaskCard) {
        focus::keep(card.id);
        for column in self.columns.get_value() {
            let at = column.ids.with_untracked(|ids| ids.iter().position(|id| *id == card.id));
            if column.state != card.state {
                if let Some(at) = at {
                    column.ids.update(|ids| {
                        ids.remove(at);
                    });
                }
                continue;
            }
            let mut ids = column.ids.get_untracked();
            ids.retain(|id| *id != card.id);
            let total = column.total.get_untracked();
            let complete = i64::try_from(ids.len()).unwrap_or(i64::MAX) + 1 >= total;
            let behind =
                |id: &CardId| self.face(*id).is_none_or(|other| (&other.rank, other.id) > (&card.rank, card.id));
            let to = ids.iter().position(behind).unwrap_or(ids.len());
            // Beyond what is loaded: it comes with its page.
            if to < ids.len() || complete {
                ids.insert(to, card.id);
            }
            set_if_new(column.ids, ids);
        }
    }

    pub(super) fn remove(self, id: CardId) {
        self.unlist(id);
        self.cards.update_value(|cards| {
            cards.remove(&id);
        });
        self.deselect(id);
    }

    /// Takes over the server's answer to a write. Totals follow with the next delta.
    pub fn accept(self, card: TaskCard) {
        self.learn(&card);
        let archived = card.state == CardState::Archived && !self.view.with_untracked(|view| view.archived);
        if archived || card.board_id != self.summary.with_value(|board| board.id) {
            self.remove(card.id);
            return;
        }
        match self.card(card.id) {
            Some(model) => {
                let shown = model.card.get_untracked();
                if card.revision < shown.revision {
                    return;
                }
                model.card.set(card.clone());
            }
            None => self.cards.update_value(|cards| {
                cards.insert(card.id, CardModel::new(card.clone()));
            }),
        }
        self.place(&card);
    }

    /// Takes a deleted card away.
    pub fn forget(self, id: CardId) {
        if !self.is_gone() {
            self.remove(id);
        }
    }

    pub(super) fn unlist(self, id: CardId) {
        for column in self.columns.get_value() {
            if column.ids.with_untracked(|ids| ids.contains(&id)) {
                focus::keep(id);
                column.ids.update(|ids| ids.retain(|other| *other != id));
            }
        }
    }

    pub(super) fn count(self, state: CardState, by: i64) {
        if let Some(column) = self.column(state) {
            column.total.update(|total| *total = (*total + by).max(0));
        }
    }

    /// Keeps ages fresh while the window can be seen.
    pub fn keep_time(self) {
        let offset = self.now.get_untracked() - dom::now_ms();
        let interval = set_interval_with_handle(
            move || {
                // While a card is in the air every frame counts.
                if !document().hidden() && !super::drag::is_lifted() {
                    self.now.try_set(dom::now_ms() + offset);
                }
            },
            Duration::from_secs(15),
        );
        if let Ok(interval) = interval {
            on_cleanup(move || interval.clear());
        }
    }
}

pub(super) fn set_if_new<T: PartialEq + Send + Sync + 'static>(signal: RwSignal<T>, value: T) {
    if signal.with_untracked(|old| *old != value) {
        signal.set(value);
    }
}
