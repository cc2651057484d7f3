//! The decisions that were put off: until when, and the way back.
use leptos::prelude::*;
use protocol::SnoozedDecision;

use super::{Tray, verbs};
use crate::features::decisions::KindChip;
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::time;

/// The list.
pub(super) fn list(tray: Tray) -> AnyView {
    let rest = move || tray.inbox.with(|inbox| inbox.snoozed_total - inbox.snoozed.len() as i64);
    view! {
        <ul class="inbox">
            <For
                each=move || tray.inbox.get().snoozed
                key=|snoozed| (snoozed.decision.id, snoozed.decision.version, snoozed.until)
                let(snoozed)
            >
                {row(tray, snoozed)}
            </For>
        </ul>
        <p class="inbox-rest" hidden=move || rest() <= 0>{move || t::inbox_rest(rest())}</p>
    }
    .into_any()
}

fn row(tray: Tray, snoozed: SnoozedDecision) -> AnyView {
    let SnoozedDecision { decision: view, until } = snoozed;
    let (id, label) = (view.id, words::label(view.card.number));
    let (shown, named) = (label.clone(), t::inbox_bring_back_card(&label));
    let busy = move || tray.busy.read().contains(&id);
    view! {
        <li class="inbox-item" class:is-busy=busy>
            <div class="inbox-front">
                <a class="inbox-row" href=format!("/d/{id}")>
                    <span class="inbox-meta">
                        <KindChip kind=view.kind />
                        <span class="inbox-card">{shown} " · " {view.card.title}</span>
                    </span>
                    <span class="inbox-ask">{view.ask}</span>
                    <span class="inbox-who">{t::inbox_until(&time::moment(until))}</span>
                </a>
                <button type="button" class="btn btn-small" aria-label=named disabled=busy on:click=move |_| verbs::snooze(tray, id, label.clone(), None)>
                    {t::inbox_bring_back()}
                </button>
            </div>
        </li>
    }
    .into_any()
}
