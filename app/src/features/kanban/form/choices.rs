//! What is chosen with a tap or typed: a label, a moment.
use leptos::prelude::*;

use crate::i18n::t;
use crate::ui::{Button, ButtonKind, TextField, dom};

const HOUR: i64 = 3_600_000;

/// Labels that are known, those that are set pressed, and a field for another.
pub(crate) fn label_choice(known: Vec<String>, is_set: impl Fn(&str) -> bool, chosen: Callback<String>) -> AnyView {
    let name = RwSignal::new(String::new());
    let known = known
        .into_iter()
        .map(|label| {
            let pressed = if is_set(&label) { "true" } else { "false" };
            let shown = label.clone();
            view! {
                <button type="button" class="choice" aria-pressed=pressed on:click=move |_| chosen.run(label.clone())>{shown}</button>
            }
        })
        .collect_view();
    let blank = Signal::derive(move || name.read().trim().is_empty());
    view! {
        <form class="dialog-body" on:submit=move |event: web_sys::SubmitEvent| {
            event.prevent_default();
            if !blank.get_untracked() {
                chosen.run(name.get_untracked().trim().to_owned());
            }
        }>
            <div class="choices">{known}</div>
            <TextField label=t::kanban_new_label() value=name autofocus=true />
            <div class="dialog-foot btn-row"><Button kind=ButtonKind::Primary submit=true disabled=blank>{t::kanban_add_label()}</Button></div>
        </form>
    }
    .into_any()
}

/// A moment to come, Unix ms; none where `none` has a name for that.
pub(crate) fn moment_choice(done: String, none: Option<&'static str>, chosen: Callback<Option<i64>>) -> AnyView {
    let (at, problem) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let blank = Signal::derive(move || at.read().trim().is_empty());
    let presets = [
        (t::kanban_in_an_hour(), HOUR),
        (t::kanban_in_three_hours(), 3 * HOUR),
        (t::kanban_tomorrow(), 24 * HOUR),
        (t::kanban_in_a_week(), 7 * 24 * HOUR),
    ];
    let choice = move |name: &'static str, ahead: Option<i64>| {
        view! {
            <button type="button" class="choice" on:click=move |_| chosen.run(ahead.map(|ahead| dom::now_ms() + ahead))>{name}</button>
        }
    };
    let presets = presets.into_iter().map(|(name, ahead)| choice(name, Some(ahead))).collect_view();
    view! {
        <form class="dialog-body" on:submit=move |event: web_sys::SubmitEvent| {
            event.prevent_default();
            // The browser reads the local time that was picked.
            let picked = js_sys::Date::parse(&at.get_untracked());
            if picked.is_nan() {
                problem.set(t::kanban_choose_time().into());
            } else {
                chosen.run(Some(picked as i64));
            }
        }>
            <div class="choices">{presets}{none.map(|name| choice(name, None))}</div>
            <TextField label=t::kanban_start_at() value=at kind="datetime-local" error=problem />
            <div class="dialog-foot btn-row"><Button kind=ButtonKind::Primary submit=true disabled=blank>{done}</Button></div>
        </form>
    }
    .into_any()
}
