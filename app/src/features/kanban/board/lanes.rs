//! Lanes: the cards of a column in groups, the same groups in every column.
use leptos::prelude::*;
use protocol::{CardId, LaneBy, PriorityBand, TaskCard};

use super::BoardUi;
use super::face::card_face;
use super::model::{Board, Column};
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::{Icon, dom, icon, shown_while};

/// A lane. The order is the order on screen: who or what comes first, nobody last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Lane {
    Assignee(String),
    Priority(std::cmp::Reverse<PriorityBand>),
    Parent(i64),
    Nothing,
}

impl Lane {
    fn of(card: &TaskCard, by: LaneBy) -> Self {
        match by {
            LaneBy::Assignee => card.assignee.clone().map_or(Self::Nothing, Self::Assignee),
            LaneBy::Parent => card.parent.map_or(Self::Nothing, Self::Parent),
            LaneBy::Priority => Self::Priority(std::cmp::Reverse(PriorityBand::of(card.priority))),
            LaneBy::None => Self::Nothing,
        }
    }

    fn name(&self, by: LaneBy) -> String {
        match self {
            Self::Assignee(name) => name.clone(),
            Self::Parent(number) => t::kanban_after(&words::label(*number)),
            Self::Priority(band) => words::band_name(band.0).to_owned(),
            Self::Nothing if by == LaneBy::Assignee => t::kanban_unassigned().to_owned(),
            Self::Nothing => t::kanban_no_parent().to_owned(),
        }
    }
}

/// Lanes that are folded, by their name; remembered in this browser.
#[derive(Debug, Clone, Copy)]
pub struct Folded(RwSignal<Vec<String>>);

impl Folded {
    /// Nothing is folded until the browser says what was.
    #[must_use]
    pub fn of(board: Board) -> Self {
        let folded = RwSignal::new(Vec::new());
        let key = board.summary.with_value(|summary| format!("hermes.lanes.{}", summary.slug));
        let stored = key.clone();
        Effect::new(move |_| {
            let left = dom::remembered(&stored).unwrap_or_default();
            folded.set(left.split('\n').filter(|name| !name.is_empty()).map(str::to_owned).collect());
        });
        Effect::new(move |before: Option<()>| {
            let names = folded.get();
            if before.is_some() {
                dom::remember(&key, &names.join("\n"));
            }
        });
        Self(folded)
    }

    fn has(self, name: &str) -> bool {
        self.0.with(|names| names.iter().any(|other| other == name))
    }

    fn toggle(self, name: &str) {
        self.0.update(|names| match names.iter().position(|other| other == name) {
            Some(at) => {
                names.remove(at);
            }
            None => names.push(name.to_owned()),
        });
    }
}

/// The cards of a column that are in the lane of this one, itself among them: no move leads out of a lane, which means
/// another assignee, priority or parent.
pub(super) fn of_same(board: Board, column: Column, card: &TaskCard) -> Vec<CardId> {
    let ids = column.ids.get_untracked();
    match board.view.with_untracked(|view| view.lanes) {
        LaneBy::None => ids,
        by => {
            let lane = Lane::of(card, by);
            let is_mine = |id: &CardId| board.face(*id).is_some_and(|other| Lane::of(&other, by) == lane);
            ids.into_iter().filter(is_mine).collect()
        }
    }
}

/// The cards of a column, in lanes when the view has any.
pub fn cards(board: Board, ui: BoardUi, column: Column) -> AnyView {
    let by = Memo::new(move |_| board.view.with(|view| view.lanes));
    (move || match by.get() {
        LaneBy::None => view! {
            <ul class="cards is-window">
                <For each=move || column.shown() key=|id| *id let(id)>{card_face(board, ui, id)}</For>
            </ul>
        }
        .into_any(),
        by => lanes(board, ui, column, by),
    })
    .into_any()
}

fn lanes(board: Board, ui: BoardUi, column: Column, by: LaneBy) -> AnyView {
    let lane_of = move |id: &CardId| board.card(*id).map(|model| model.card.with(|card| Lane::of(card, by)));
    let lanes = Memo::new(move |_| {
        let mut lanes: Vec<Lane> = column.ids.with(|ids| ids.iter().filter_map(lane_of).collect());
        lanes.sort();
        lanes.dedup();
        lanes
    });
    let lane = move |lane: Lane| {
        let name = lane.name(by);
        let (folded, key) = (ui.folded, format!("{by}:{name}"));
        let (toggled, sign) = (key.clone(), key.clone());
        let is_folded = Memo::new(move |_| folded.has(&key));
        let ids = Memo::new(move |_| {
            let mine = |id: &&CardId| lane_of(id).as_ref() == Some(&lane);
            column.ids.with(|ids| ids.iter().filter(mine).copied().collect::<Vec<_>>())
        });
        view! {
            <button type="button" class="lane-head" aria-expanded=move || if is_folded.get() { "false" } else { "true" }
                on:click=move |_| folded.toggle(&toggled)>
                <span class="lane-sign">{icon(Icon::Chevron)}</span>
                <span class="lane-name">{name}</span>
                <span class="column-count">{move || ids.read().len()}</span>
            </button>
            {shown_while(move || !is_folded.get(), move || view! {
                <ul class="cards is-lane" data-lane=sign.clone()>
                    <For each=move || ids.get() key=|id| *id let(id)>{card_face(board, ui, id)}</For>
                </ul>
            }.into_any())}
        }
        .into_any()
    };
    view! { <For each=move || lanes.get() key=Lane::clone children=lane /> }.into_any()
}
