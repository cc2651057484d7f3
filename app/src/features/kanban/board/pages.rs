//! Reading: the board once more as it is now, as far as it was loaded, and the next page of a column.
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{BoardView, CardId, CardState, ColumnPageParams};

use super::model::{Board, CardModel, Column, set_if_new};
use crate::features::kanban::server_fns::{read_board, read_column};

/// Changes that come close together are looked at together where a view hides cards.
const REFRESH_AFTER: Duration = Duration::from_millis(250);

impl Board {
    /// Looks soon at what the view shows: what changed may have come into it or left it.
    pub(super) fn refresh_soon(self) {
        if self.refreshing.get_value() {
            return;
        }
        self.refreshing.set_value(true);
        set_timeout(
            move || {
                if self.refreshing.try_set_value(false).is_none() {
                    self.reload(self.seq.get_value());
                }
            },
            REFRESH_AFTER,
        );
    }

    /// Reads the whole board again, as it is at `seq` or later, after too much was missed.
    pub fn reload(self, seq: i64) {
        // Lower than before when the database was restored.
        self.seq.set_value(seq);
        let slug = self.summary.with_value(|board| board.slug.clone());
        spawn_local(async move {
            let view = self.view.get_untracked();
            // As much as is there: nobody who scrolled down is thrown back. Another view begins at its beginning.
            let loaded = (!self.loading.get_untracked()).then(|| self.loaded());
            let answer = read_board(slug, view.to_query(), loaded).await;
            if self.is_gone() || self.view.with_untracked(|shown| *shown != view) {
                return; // the page has gone, or another view is on its way
            }
            self.loading.set(false);
            match answer {
                // Something newer came while it was on its way: what it lacks would be lost.
                Ok(page) if page.seq < self.seq.get_value() => self.reload(self.seq.get_value()),
                Ok(page) => {
                    self.owed.settle();
                    self.replace(page);
                }
                Err(error) => self.owed.try_again(error, move || self.reload(self.seq.get_value())),
            }
        });
    }

    /// How many cards of each column are loaded.
    fn loaded(self) -> Vec<(CardState, u32)> {
        let count = |column: &Column| column.ids.with_untracked(|ids| u32::try_from(ids.len()).unwrap_or(u32::MAX));
        self.columns.with_value(|columns| columns.iter().map(|column| (column.state, count(column))).collect())
    }

    /// Loads the next page of a column.
    pub fn load_more(self, column: Column) {
        if column.loading.get_untracked() || !untrack(|| column.has_more()) {
            return;
        }
        column.loading.set(true);
        let after = self.last_of(column);
        let params = ColumnPageParams {
            board_id: self.summary.with_value(|board| board.id),
            state: column.state,
            view: self.view.with_untracked(BoardView::to_query),
            after,
        };
        let asked = (params.view.clone(), params.after);
        spawn_local(async move {
            let page = read_column(params).await;
            // The page may be gone by now.
            if column.loading.try_set(false).is_some() {
                return;
            }
            if asked != (self.view.with_untracked(BoardView::to_query), self.last_of(column)) {
                return; // another view, or another end of the column, is shown by now
            }
            match page {
                Ok(page) => {
                    column.owed.settle();
                    set_if_new(column.total, page.total);
                    let mut ids = column.ids.get_untracked();
                    for card in page.cards {
                        if !ids.contains(&card.id) {
                            ids.push(card.id);
                        }
                        self.cards.update_value(|cards| {
                            cards.entry(card.id).or_insert_with(|| CardModel::new(card));
                        });
                    }
                    column.ids.set(ids);
                }
                Err(error) => column.owed.try_again(error, move || self.load_more(column)),
            }
        });
    }

    /// The last card that is loaded; what is only carried here does not count.
    fn last_of(self, column: Column) -> Option<CardId> {
        let carried = self.carried.with_untracked(|carried| carried.as_ref().map(super::moving::Carried::id));
        column.ids.with_untracked(|ids| ids.iter().rfind(|id| Some(**id) != carried).copied())
    }
}
