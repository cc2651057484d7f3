//! Finds a card by its number or words.
use std::time::Duration;

use leptos::prelude::*;
use protocol::{BoardId, CardId, CardRef};

use crate::features::kanban::server_fns::search_cards;
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::time::rested;
use crate::ui::{TextField, icon};

/// Whoever types is not asked after every letter.
const TYPED: Duration = Duration::from_millis(250);
/// Cards shown at once.
const SHOWN: usize = 8;

/// A field, and below it the cards of the board that fit, without the card itself.
pub(crate) fn finder(
    label: &'static str,
    own: CardId,
    board: BoardId,
    chosen: Callback<CardRef>,
    problem: RwSignal<String>,
) -> AnyView {
    let text = RwSignal::new(String::new());
    let rested = rested(text, TYPED);
    let found = LocalResource::new(move || {
        let text = rested.get();
        let words = text.trim().to_owned();
        // A letter alone is in every card; a digit alone is a card's number.
        let is_enough = words.len() > 1 || words.parse::<u8>().is_ok();
        async move { if is_enough { search_cards(words, Some(board)).await.map(Some) } else { Ok(None) } }
    });
    let hits = move || {
        Suspend::new(async move {
            let cards = match found.await {
                Ok(Some(cards)) => cards,
                Ok(None) => return ().into_any(),
                Err(error) => return view! { <p class="field-error" role="alert">{error.message}</p> }.into_any(),
            };
            let rows: Vec<AnyView> = cards
                .into_iter()
                .filter(|card| card.id != own)
                .take(SHOWN)
                .map(|card| {
                    let id = card.id;
                    view! {
                        <button type="button" class="menu-item finder-item" on:click=move |_| chosen.run(CardRef::Id(id))>
                            <span class=format!("link-sign {}", words::state_tone(card.state).class())>{icon(words::state_icon(card.state))}</span>
                            <span class="link-title"><span class="card-number">{words::label(card.number)}</span>" "{card.title}</span>
                            <span class="muted">{words::state_name(card.state)}</span>
                        </button>
                    }
                    .into_any()
                })
                .collect();
            if rows.is_empty() {
                view! { <p class="muted">{t::recover_none_found()}</p> }.into_any()
            } else {
                rows.into_any()
            }
        })
    };
    view! {
        <TextField label=label value=text placeholder=t::kanban_find_card() error=problem autofocus=true />
        <div class="finder" aria-live="polite"><Suspense>{hits}</Suspense></div>
    }
    .into_any()
}
