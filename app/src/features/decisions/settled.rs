//! What became of a decision: who settled it, how to take it back, and where to go from here.
use leptos::prelude::*;
use protocol::{DecisionState, DecisionView};

use super::desk::{Desk, Table, undo};
use super::words::{done_word, settled_sentence};
use crate::i18n::t;
use crate::ui::{Icon, icon, time};

/// Above the next decision: what was done with the one before.
#[component]
pub(super) fn Strip(table: Table) -> impl IntoView {
    move || {
        table.last.get().map(|last| {
            let decision = last.decision;
            view! {
                <p class="strip" role="status">
                    <span class="strip-text">{icon(Icon::Check)}{last.text}</span>
                    {last.undo.map(|id| view! {
                        <button type="button" class="btn btn-quiet btn-small" on:click=move |_| undo(table, id, decision, None)>
                            {t::common_undo()}
                        </button>
                    })}
                    <span class="strip-left">{t::decisions_left(last.left)}</span>
                </p>
            }
        })
    }
}

/// In place of the verbs, once there is nothing to decide.
#[component]
pub(super) fn Settled(desk: Desk) -> impl IntoView {
    let now = time::ticking();
    let sentence = move || sentence(&desk.view.read(), desk.settled_here.get(), desk.too_late.get(), now.get());
    let comment = move || {
        let view = desk.view.read();
        view.settlement.as_ref().map(|settlement| settlement.comment.clone()).filter(|comment| !comment.is_empty())
    };
    let undo_id = move || desk.view.read().settlement.as_ref().and_then(|settlement| settlement.undo);
    let take_back = move |_| {
        if let Some(id) = undo_id() {
            undo(desk.table, id, desk.view.read_untracked().id, Some(desk));
        }
    };
    view! {
        <div class="settled" role="status">
            <p class="settled-text">
                {icon(if desk.view.read_untracked().state == DecisionState::Settled { Icon::Check } else { Icon::Archive })}
                <span>{sentence}</span>
                <Show when=move || undo_id().is_some()>
                    <button type="button" class="btn btn-quiet btn-small" on:click=take_back>{t::common_undo()}</button>
                </Show>
            </p>
            {move || comment().map(|comment| view! { <blockquote class="settled-comment">{comment}</blockquote> })}
            {move || match desk.next.get() {
                Some((next, left)) => view! {
                    <a class="btn btn-primary btn-tall" href=format!("/d/{next}")>{t::decisions_next(left)}</a>
                }.into_any(),
                None => view! {
                    <p class="settled-rest">{move || desk.settled_here.get().then(t::decisions_nothing_left)}</p>
                    <a class="btn btn-tall" href="/board">{t::decisions_to_board()}</a>
                }.into_any(),
            }}
        </div>
    }
}

fn sentence(view: &DecisionView, here: bool, too_late: bool, now: i64) -> String {
    match &view.settlement {
        Some(settlement) if here => done_word(settlement.verb).to_owned(),
        Some(settlement) => settled_sentence(settlement, now, too_late),
        None => t::decisions_withdrawn().to_owned(),
    }
}
