//! What waits to be sent, and what can be done with it.
use leptos::prelude::*;

use super::{Entry, Outbox};
use crate::i18n::t;
use crate::ui::time::{ago, ticking};
use crate::ui::{Button, ButtonKind, Toasts, copy_text};

/// The list.
#[lazy]
pub(super) fn list(outbox: Outbox) -> AnyView {
    let waiting = Memo::new(move |_| outbox.waiting());
    // The last one leaves nothing to look at.
    Effect::new(move |_| {
        if waiting.read().is_empty() {
            outbox.open.set(false);
        }
    });
    let some_wait = move || waiting.read().iter().any(|entry| entry.refused.is_none());
    view! {
        <div class="dialog-body">
            <p class="muted">{t::outbox_hint()}</p>
            <ul class="outbox">
                <For each=move || waiting.get() key=|entry| (entry.id.clone(), entry.refused.is_some()) let(entry)>
                    {row(outbox, entry)}
                </For>
            </ul>
            <div class="dialog-foot btn-row" hidden=move || !some_wait()>
                <Button kind=ButtonKind::Primary on_press=Callback::new(move |()| outbox.flush())>{t::outbox_send_now()}</Button>
            </div>
        </div>
    }
    .into_any()
}

fn row(outbox: Outbox, entry: Entry) -> AnyView {
    let toasts = expect_context::<Toasts>();
    let (now, at) = (ticking(), entry.at);
    let reason = entry.refused.clone();
    let text = entry.text.clone();
    let again = reason.is_some().then(|| {
        let entry = entry.clone();
        view! { <Button on_press=Callback::new(move |()| outbox.try_again(&entry))>{t::common_retry()}</Button> }
    });
    let copy = (!text.is_empty()).then(|| {
        let text = text.clone();
        view! { <Button kind=ButtonKind::Quiet on_press=Callback::new(move |()| copy_text(text.clone(), toasts))>{t::common_copy()}</Button> }
    });
    view! {
        <li class="outbox-row">
            <p class="outbox-head">
                <span class="outbox-label" dir="auto">{entry.label.clone()}</span>
                <span class="muted">{move || ago(now.get(), at)}</span>
            </p>
            {(!text.is_empty()).then(|| view! { <p class="outbox-text" dir="auto">{text}</p> })}
            {reason.map(|reason| view! { <p class="field-error">{reason}</p> })}
            <div class="btn-row">
                <Button kind=ButtonKind::Quiet on_press=Callback::new(move |()| outbox.take_back(&entry))>{t::outbox_discard()}</Button>
                {copy}
                {again}
            </div>
        </li>
    }
    .into_any()
}
