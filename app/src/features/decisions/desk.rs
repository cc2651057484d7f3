//! The decision on the table: what is known of it, and what happens when a person settles it.
//!
//! A verb is sent with the version the person saw. Nothing here decides: the server does, once, and says who was first.
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;
use protocol::{
    DecisionId, DecisionState, DecisionVerb, DecisionView, ErrorCode, SettleDecisionOutcome, SettleDecisionParams,
    UndoId,
};

use super::server_fns::{read_decision, read_inbox, settle_decision};
use super::words::done_word;
use crate::error::ApiError;
use crate::features::kanban::take_back;
use crate::features::kanban::words;
use crate::i18n::t;
use crate::live::Live;
use crate::ui::{Toasts, dom};

/// What was settled just before the decision on the table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Last {
    /// "Approved T-142".
    pub(super) text: String,
    /// Takes it back.
    pub(super) undo: Option<UndoId>,
    /// What it was.
    pub(super) decision: DecisionId,
    /// Open decisions left then.
    pub(super) left: i64,
}

/// Leads to an address.
type Go = Box<dyn Fn(&str) + Send + Sync>;

/// What stays while decisions come and go on the page.
#[derive(Clone, Copy)]
pub(super) struct Table {
    pub(super) last: RwSignal<Option<Last>>,
    go: StoredValue<Go>,
    pub(super) live: Live,
    pub(super) toasts: Toasts,
}

impl Table {
    /// For a component.
    pub(super) fn new() -> Self {
        let navigate = use_navigate();
        let go = move |path: &str| navigate(path, NavigateOptions { replace: true, ..NavigateOptions::default() });
        Self {
            last: RwSignal::new(None),
            go: StoredValue::new(Box::new(go)),
            live: expect_context(),
            toasts: expect_context(),
        }
    }

    fn show(self, id: DecisionId) {
        self.go.with_value(|go| go(&format!("/d/{id}")));
    }
}

/// One decision.
#[derive(Clone, Copy)]
pub(super) struct Desk {
    pub(super) view: RwSignal<DecisionView>,
    /// The server has just confirmed what is shown; before that nothing can be pressed.
    pub(super) fresh: RwSignal<bool>,
    pub(super) busy: RwSignal<bool>,
    /// Somebody else was first, and this person has just tried.
    pub(super) too_late: RwSignal<bool>,
    /// This page settled it.
    pub(super) settled_here: RwSignal<bool>,
    pub(super) failed: RwSignal<Option<ApiError>>,
    /// The next open decision and how many are left, once it is settled.
    pub(super) next: RwSignal<Option<(DecisionId, i64)>>,
    pub(super) table: Table,
}

impl Desk {
    pub(super) fn new(view: DecisionView, table: Table) -> Self {
        Self {
            view: RwSignal::new(view),
            fresh: RwSignal::new(false),
            busy: RwSignal::new(false),
            too_late: RwSignal::new(false),
            settled_here: RwSignal::new(false),
            failed: RwSignal::new(None),
            next: RwSignal::new(None),
            table,
        }
    }

    /// Whether a verb can be pressed now.
    pub(super) fn can_act(self) -> bool {
        self.fresh.get() && !self.busy.get() && self.view.read().state == DecisionState::Open
    }

    /// Asks the server again.
    pub(super) fn refresh(self) {
        // The stream may speak while the page is going.
        let Some(id) = self.view.try_with_untracked(|view| view.id) else { return };
        spawn_local(async move {
            match read_decision(id).await {
                Ok(view) => {
                    self.view.try_set(view);
                    self.failed.try_update(|failed| {
                        if failed.as_ref().is_some_and(|error| error.code == ErrorCode::Network) {
                            *failed = None;
                        }
                    });
                    self.fresh.try_set(true);
                }
                Err(error) => {
                    self.failed.try_set(Some(error));
                }
            }
        });
    }

    /// Sends a verb at once: people lock the phone right after.
    pub(super) fn settle(self, verb: DecisionVerb, comment: String) {
        if !untrack(|| self.can_act()) {
            return;
        }
        self.busy.set(true);
        self.failed.set(None);
        let (id, version) = self.view.with_untracked(|view| (view.id, view.version));
        spawn_local(async move {
            match settle_decision(SettleDecisionParams { id, version, verb, comment }).await {
                Ok(outcome) => self.settled(outcome),
                Err(error) => {
                    self.busy.try_set(false);
                    if error.code == ErrorCode::Conflict {
                        self.refresh();
                    }
                    self.failed.try_set(Some(error));
                }
            }
        });
    }

    /// The card was given another attempt in a dialog, which is an answer, too: goes on as after any other.
    pub(super) fn retried(self) {
        let Some(id) = self.view.try_with_untracked(|view| view.id) else { return };
        self.busy.set(true);
        spawn_local(async move {
            let (Ok(mut decision), Ok(inbox)) = (read_decision(id).await, read_inbox().await) else {
                // It is settled all the same; the page says so as soon as it hears of it.
                self.busy.try_set(false);
                return self.refresh();
            };
            if let Some(settlement) = &mut decision.settlement {
                settlement.by_you = true;
            }
            let next = inbox.open.first().map(|next| next.id);
            self.settled(SettleDecisionOutcome { card_id: decision.card.id, decision, next, left: inbox.total });
        });
    }

    fn settled(self, outcome: SettleDecisionOutcome) {
        let SettleDecisionOutcome { decision, next, left, .. } = outcome;
        let by_you = decision.settlement.as_ref().is_some_and(|settlement| settlement.by_you);
        if by_you {
            forget_draft(decision.id);
        }
        match (&decision.settlement, next) {
            (Some(settlement), Some(next)) if by_you => {
                let word = done_word(settlement.verb);
                let text = [word, " ", &words::label(decision.card.number)].concat();
                self.table.last.set(Some(Last { text, undo: settlement.undo, decision: decision.id, left }));
                // Nothing of this decision is touched any more: it goes, and the next one takes its place.
                self.table.show(next);
            }
            (_, next) => {
                self.busy.try_set(false);
                self.too_late.try_set(!by_you);
                self.settled_here.try_set(by_you);
                self.next.try_set(next.map(|next| (next, left)));
                self.view.try_set(decision);
            }
        }
        self.table.live.set_inbox(left);
    }
}

/// Takes an answer back and shows its decision again.
pub(super) fn undo(table: Table, undo: UndoId, decision: DecisionId, here: Option<Desk>) {
    spawn_local(async move {
        if take_back(table.toasts, undo).await.is_none() {
            return;
        }
        table.last.try_set(None);
        table.toasts.say(t::decisions_taken_back());
        match here {
            Some(desk) => {
                desk.settled_here.try_set(false);
                desk.too_late.try_set(false);
                desk.refresh();
            }
            None => table.show(decision),
        }
    });
}

fn draft_key(id: DecisionId) -> String {
    format!("hermes.draft.{id}")
}

/// What was typed for a decision and not sent.
pub(super) fn draft(id: DecisionId) -> String {
    dom::remembered(&draft_key(id)).unwrap_or_default()
}

/// Keeps what is typed, so that a phone that drops the page loses nothing.
pub(super) fn keep_draft(id: DecisionId, text: &str) {
    if text.is_empty() { forget_draft(id) } else { dom::remember(&draft_key(id), text) }
}

fn forget_draft(id: DecisionId) {
    if let Ok(Some(storage)) = window().local_storage() {
        // silent-ok: what cannot be removed is shown again, which harms nobody.
        let _ = storage.remove_item(&draft_key(id));
    }
}
