//! That a decision was put off, and the way to bring it back. It can be settled all the same.
use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{DecisionState, ErrorCode, SnoozeDecisionParams};

use super::desk::{Desk, undo};
use super::server_fns::snooze_decision;
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::{Icon, icon, time};

/// Above what is known of the decision, while it is put off.
#[component]
pub(super) fn Snoozed(desk: Desk) -> impl IntoView {
    let until =
        Memo::new(move |_| desk.view.with(|view| view.snoozed_until.filter(|_| view.state == DecisionState::Open)));
    // The time is the browser's, which alone knows the time zone.
    let in_browser = RwSignal::new(false);
    Effect::new(move |_| in_browser.set(true));
    let said = move || match until.get() {
        Some(at) if in_browser.get() => t::decisions_snoozed_until(&time::moment(at)),
        _ => t::decisions_snoozed().to_owned(),
    };
    view! {
        <div class="decision-snoozed" hidden=move || until.get().is_none()>
            {icon(Icon::Clock)}
            <span>{said}</span>
            <button type="button" class="btn btn-small" disabled=move || !desk.can_act() on:click=move |_| bring_back(desk)>
                {t::decisions_bring_back_now()}
            </button>
        </div>
    }
}

fn bring_back(desk: Desk) {
    if !untrack(|| desk.can_act()) {
        return;
    }
    desk.busy.set(true);
    desk.failed.set(None);
    let (id, label) = desk.view.with_untracked(|view| (view.id, words::label(view.card.number)));
    spawn_local(async move {
        let answer = snooze_decision(SnoozeDecisionParams { id, until: None }).await;
        desk.busy.try_set(false);
        match answer {
            Ok(outcome) => {
                desk.view.try_update(|view| view.snoozed_until = None);
                desk.table.live.set_inbox(outcome.left);
                let text = t::inbox_brought_back(&label);
                match outcome.undo {
                    Some(taken) => {
                        let back = Callback::new(move |()| undo(desk.table, taken, id, Some(desk)));
                        desk.table.toasts.undoable(text, taken, back);
                    }
                    None => desk.table.toasts.say(text),
                }
            }
            Err(error) => {
                if error.code == ErrorCode::Conflict {
                    desk.refresh();
                }
                desk.failed.try_set(Some(error));
            }
        }
    });
}
