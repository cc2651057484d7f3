//! Finds a card by its number or words.
use std::time::Duration;

use leptos::prelude::*;
use protocol::{CardId, TaskCard};

use crate::error::ApiError;
use crate::features::kanban::server_fns::search_cards;
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::time::rested;
use crate::ui::{TextField, icon};

/// Whoever types is not asked after every letter.
const TYPED: Duration = Duration::from_millis(250);
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

impl Among {
    async fn search(self, words: String) -> Result<Vec<TaskCard>, ApiError> {
        let (slug, own) = match self {
            Self::Others(slug, own) => (slug, Some(own)),
            Self::Board(slug) => (slug, None),
        };
        let mut cards = search_cards(words, Some(slug)).await?;
        cards.retain(|card| Some(card.id) != own);
        Ok(cards)
    }
}

/// A field, and below it the cards that fit.
pub(crate) fn finder(
    label: &'static str,
    among: Among,
    chosen: Callback<TaskCard>,
    problem: Signal<String>,
) -> AnyView {
    let text = RwSignal::new(String::new());
    let is_part = matches!(among, Among::Board(_));
    let choose = move |card: TaskCard| {
        chosen.run(card);
        if is_part {
            text.set(String::new());
        }
    };
    let rested = rested(text, TYPED);
    let found = LocalResource::new(move || {
        let text = rested.get();
        let words = text.trim().to_owned();
        // A letter alone is in every card; a digit alone is a card's number.
        let is_enough = words.len() > 1 || words.parse::<u8>().is_ok();
        let among = among.clone();
        async move { if is_enough { among.search(words).await.map(Some) } else { Ok(None) } }
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
                .take(SHOWN)
                .map(|card| {
                    let title = card.title.clone();
                    let found = card.clone();
                    view! {
                        <button type="button" class="menu-item finder-item" on:click=move |_| choose(found.clone())>
                            <span class=format!("link-sign {}", words::state_tone(card.state).class())>{icon(words::state_icon(card.state))}</span>
                            <span class="link-title"><span class="card-number">{words::label(card.number)}</span>" "{title}</span>
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
        <TextField label=label value=text placeholder=t::kanban_find_card() error=problem autofocus=!is_part />
        <div class="finder" aria-live="polite"><Suspense>{hits}</Suspense></div>
    }
    .into_any()
}
