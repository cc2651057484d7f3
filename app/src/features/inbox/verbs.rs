//! What can be done with a row where it is: approve finished work, put a decision off, bring it back. Each can be taken
//! back, and each is the server's to allow.
use std::future::Future;

use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{
    DecisionId, DecisionVerb, DecisionView, ErrorCode, SettleDecisionOutcome, SettleDecisionParams,
    SnoozeDecisionParams, UndoId,
};
use wasm_bindgen::JsCast;

use super::{Tray, moments, snoozed, swipe};
use crate::error::ApiError;
use crate::features::decisions::{done_word, settle_decision, settled_sentence, snooze_decision};
use crate::features::kanban::{self, words};
use crate::features::keys;
use crate::i18n::t;
use crate::ui::{Icon, MenuItem, dom, time};

/// What is wanted of the code that is fetched after the first paint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// That rows can be swiped.
    Swipes,
    /// The times until which a decision can be put off.
    Choices(DecisionId),
    /// That finished work is accepted.
    Approve(DecisionId),
    /// The list of what was put off.
    Snoozed,
    /// That the focus goes to another row: as many further down.
    Step(i32),
    /// The list of the keys.
    Keys,
}

/// All of it is one file of code: each file more would be named in the first load.
#[lazy]
pub(super) fn work(tray: Tray, want: Want) -> AnyView {
    match want {
        Want::Snoozed => return snoozed::list(tray),
        Want::Keys => return view! { <div class="dialog-body">{keys::list()}</div> }.into_any(),
        Want::Step(by) => step(tray, by),
        Want::Swipes => swipe::attach(tray),
        Want::Choices(id) => open_choices(tray, id),
        Want::Approve(id) => spawn_local(approve(tray, id)),
    }
    ().into_any()
}

/// The focus goes along the rows; from elsewhere to the first. Each row is a link, which Enter opens.
fn step(tray: Tray, by: i32) {
    let Some(Some(list)) = tray.list.try_get_untracked() else { return };
    let Ok(rows) = list.query_selector_all(".inbox-row") else { return };
    let row = |at: u32| rows.item(at).and_then(|row| row.dyn_into::<web_sys::Element>().ok());
    let active = document().active_element();
    let own = active.and_then(|active| active.closest(".inbox-item").ok()??.query_selector(".inbox-row").ok()?);
    let at = own.and_then(|own| (0..rows.length()).find(|at| row(*at).as_ref() == Some(&own)));
    let next = match at {
        Some(at) => at.checked_add_signed(by).and_then(row),
        None => row(0),
    };
    if let Some(next) = next {
        dom::focus(&next);
    }
}

/// The decision as its row shows it; `None` when the row or the page has gone.
pub(super) fn find(tray: Tray, id: DecisionId) -> Option<DecisionView> {
    tray.inbox.try_with_untracked(|inbox| inbox.open.iter().find(|view| view.id == id).cloned()).flatten()
}

/// Opens the choices beside the row's own button.
pub(super) fn open_choices(tray: Tray, id: DecisionId) {
    let Some(view) = find(tray, id) else { return };
    let label = words::label(view.card.number);
    let items = moments::choices().into_iter().map(|(name, at)| {
        let label = label.clone();
        let action = Callback::new(move |()| snooze(tray, id, label.clone(), Some(at)));
        MenuItem { label: name, icon: Icon::Clock, key: "", color: String::new(), action }
    });
    tray.items.set_value(items.collect());
    tray.menu_for.set(Some((id, label)));
    tray.menu_open.set(true);
}

/// Puts a decision off until a time, or brings it back.
pub(super) fn snooze(tray: Tray, id: DecisionId, label: String, until: Option<i64>) {
    spawn_local(alone(tray, id, async move {
        match snooze_decision(SnoozeDecisionParams { id, until }).await {
            Ok(outcome) => {
                let text = match until {
                    Some(at) => t::inbox_snoozed_until(&label, &time::moment(at)),
                    None => t::inbox_brought_back(&label),
                };
                say(tray, text, outcome.undo);
                gone(tray, id, outcome.left);
            }
            Err(error) => failed(tray, error),
        }
    }));
}

/// Accepts finished work. The server holds what follows from it for five seconds.
pub(super) async fn approve(tray: Tray, id: DecisionId) {
    let Some(view) = find(tray, id) else { return };
    let params =
        SettleDecisionParams { id, version: view.version, verb: DecisionVerb::Approve, comment: String::new() };
    let approve = async move {
        match settle_decision(params).await {
            Ok(outcome) => approved(tray, &outcome),
            Err(error) => failed(tray, error),
        }
    };
    alone(tray, id, approve).await;
}

fn approved(tray: Tray, outcome: &SettleDecisionOutcome) {
    let decision = &outcome.decision;
    match &decision.settlement {
        Some(settlement) if settlement.by_you => {
            let word = done_word(settlement.verb);
            say(tray, [word, " ", &words::label(decision.card.number)].concat(), settlement.undo);
        }
        Some(settlement) => tray.toasts.say(settled_sentence(settlement, time::now_ms(), true)),
        None => tray.toasts.say(t::decisions_withdrawn()),
    }
    gone(tray, decision.id, outcome.left);
}

/// One thing at a time with a decision: a second press while the first is under way does nothing.
async fn alone(tray: Tray, id: DecisionId, act: impl Future<Output = ()>) {
    if tray.busy.try_with_untracked(|busy| busy.contains(&id)) != Some(false) {
        return;
    }
    tray.busy.update(|busy| busy.push(id));
    act.await;
    tray.busy.try_update(|busy| busy.retain(|other| *other != id));
}

/// Says what was done, with the way back.
fn say(tray: Tray, text: String, undo: Option<UndoId>) {
    match undo {
        Some(undo) => tray.toasts.undoable(text, undo, Callback::new(move |()| take_back(tray, undo))),
        None => tray.toasts.say(text),
    }
}

fn take_back(tray: Tray, undo: UndoId) {
    spawn_local(async move {
        if kanban::take_back(tray.toasts, undo).await.is_some() {
            tray.toasts.say(t::decisions_taken_back());
        }
        tray.refresh();
    });
}

/// The row goes at once; what else has changed is read again, because the number of open decisions is set.
fn gone(tray: Tray, id: DecisionId, left: i64) {
    tray.inbox.try_update(|inbox| {
        inbox.open.retain(|view| view.id != id);
        inbox.total = left;
    });
    tray.live.set_inbox(left);
}

fn failed(tray: Tray, error: ApiError) {
    if matches!(error.code, ErrorCode::Conflict | ErrorCode::NotFound) {
        tray.refresh();
    }
    tray.toasts.fail(error.message);
}
