//! Finds a card by its number or words.
use leptos::html;
use leptos::prelude::*;
use protocol::{CardId, TaskCard};

use crate::features::kanban::{CardSearch, words};
use crate::i18n::t;
use crate::ui::{Chooser, icon, start_typing};

/// Cards shown at once.
const SHOWN: usize = 8;

/// Among which cards is looked.
#[derive(Debug, Clone)]
pub(crate) enum Among {
    /// Those of the board of that slug without the card itself.
    Others(String, CardId),
    /// All of the board of that slug; the field is one of a form.
    Board(String),
}

/// A field, and below it the cards that fit.
pub(crate) fn finder(
    label: &'static str,
    among: Among,
    chosen: Callback<TaskCard>,
    problem: Signal<String>,
) -> AnyView {
    // A form may lie over the page that has a finder of its own.
    let (slug, own, list) = match among {
        Among::Others(slug, own) => (slug, Some(own), "finder"),
        Among::Board(slug) => (slug, None, "form-finder"),
    };
    let is_part = own.is_none();
    let search = CardSearch::on(Some(slug));
    let chooser = Chooser::of(list);
    // Enter came before there was anything to choose: the first that is found for these words is.
    let entered = RwSignal::new(false);
    Effect::new(move |_| {
        search.text.track();
        chooser.begin();
        entered.set(false);
    });
    let cards = Memo::new(move |_| {
        let mut cards = search.cards();
        cards.retain(|card| Some(card.id) != own);
        cards.truncate(SHOWN);
        cards
    });
    let count = move || cards.read().len();
    let choose = move |card: TaskCard| {
        chosen.run(card);
        if is_part {
            search.text.set(String::new());
        }
    };
    let enter = move || {
        if let Some(card) = cards.with_untracked(|cards| cards.get(chooser.now()).cloned()) {
            choose(card);
        } else if untrack(|| search.is_looking()) {
            entered.set(true);
            search.ask();
        }
    };
    Effect::new(move |_| {
        cards.track();
        if !search.is_looking() && entered.get() {
            entered.set(false);
            enter();
        }
    });
    let keys = move |event: web_sys::KeyboardEvent| {
        let is_empty = search.text.read_untracked().is_empty();
        match event.key().as_str() {
            // It may also end the word that is being composed, or send the form.
            "Enter" if !is_empty && !event.is_composing() && !event.ctrl_key() && !event.meta_key() => {
                event.prevent_default();
                enter();
            }
            // The list goes first, then what the field stands in.
            "Escape" if !is_empty => {
                event.prevent_default();
                search.text.set(String::new());
            }
            _ => {}
        }
        chooser.walk(&event, untrack(count));
    };
    let row = move |(at, card): (usize, TaskCard)| {
        let (found, title) = (card.clone(), card.title.clone());
        view! {
            <li role="option" id=chooser.id(at) class="menu-item finder-item" aria-selected=move || chooser.is_chosen(at)
                on:click=move |_| choose(found.clone())>
                <span class=format!("link-sign {}", words::state_tone(card.state).class())>{icon(words::state_icon(card.state))}</span>
                <span class="link-title"><span class="card-number">{words::label(card.number)}</span>" "{title}</span>
                <span class="muted">{words::state_name(card.state)}</span>
            </li>
        }
        .into_any()
    };
    let said = move || {
        if search.is_looking() {
            t::palette_looking()
        } else if search.is_short() {
            t::palette_more_letters()
        } else if count() == 0 && !search.words().is_empty() && search.problem().is_empty() {
            t::recover_none_found()
        } else {
            ""
        }
    };
    let wrong = move || {
        let problem = problem.get();
        if problem.is_empty() { search.problem() } else { problem }
    };
    let field = NodeRef::<html::Input>::new();
    if !is_part {
        Effect::new(move |_| {
            if let Some(field) = field.get() {
                start_typing(field.into(), search.text);
            }
        });
    }
    view! {
        <label class="field">
            <span class="field-label">{label}</span>
            <input
                node_ref=field
                dir="auto"
                type="text"
                role="combobox"
                aria-expanded=move || if count() == 0 { "false" } else { "true" }
                aria-controls=list
                aria-activedescendant=move || chooser.active(count())
                aria-autocomplete="list"
                aria-invalid=move || (!wrong().is_empty()).then_some("true")
                autocomplete="off"
                placeholder=t::kanban_find_card()
                autofocus=!is_part
                bind:value=search.text
                on:keydown=keys
            />
            <span class="field-error" role="alert" hidden=move || wrong().is_empty()>{wrong}</span>
        </label>
        <ul id=list role="listbox" aria-label=label class="finder" hidden=move || count() == 0>
            {move || cards.get().into_iter().enumerate().map(row).collect_view()}
        </ul>
        <p class="muted" role="status" hidden=move || said().is_empty()>{said}</p>
        {move || (!search.problem().is_empty()).then(|| view! {
            <button type="button" class="btn btn-small" on:click=move |_| search.ask_again()>{t::common_retry()}</button>
        })}
    }
    .into_any()
}
