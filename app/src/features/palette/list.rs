//! What the palette finds: pages and boards at once, cards of all boards when typing rests.
use std::time::Duration;

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{BoardSummary, TaskCard};

use super::Go;
use crate::features::kanban::{read_boards, search_cards, words};
use crate::i18n::t;
use crate::layout::NewCard;
use crate::ui::time::rested;
use crate::ui::{Icon, icon, keymap, start_typing};

/// Cards are looked for from so many letters on, when typing rests.
const MIN_LETTERS: usize = 2;
const RESTS: Duration = Duration::from_millis(300);
const MAX_CARDS: usize = 8;
const MAX_BOARDS: usize = 5;

#[derive(Clone, PartialEq)]
struct Hit {
    icon: Icon,
    /// A card's number.
    mark: String,
    text: String,
    /// A board's.
    color: String,
    /// The board of a card, where there are several.
    place: String,
    /// The key that does the same.
    key: &'static str,
    action: Action,
}

#[derive(Clone, PartialEq)]
enum Action {
    Go(String),
    NewCard,
}

impl Hit {
    fn of(icon: Icon, text: String, address: String) -> Self {
        let (mark, color, place) = (String::new(), String::new(), String::new());
        Self { icon, mark, text, color, place, key: "", action: Action::Go(address) }
    }
}

fn pages() -> Vec<Hit> {
    let page = |icon, text: &str, address: &str, key| Hit { key, ..Hit::of(icon, text.to_owned(), address.to_owned()) };
    let new = Hit { action: Action::NewCard, ..page(Icon::Plus, t::shell_new(), "", "C") };
    vec![
        page(Icon::Inbox, t::shell_inbox(), "/inbox", "G I"),
        page(Icon::Board, t::shell_board(), "/board", "G B"),
        new,
        page(Icon::Settings, t::shell_settings(), "/settings", "G ,"),
    ]
}

fn board_hit(board: &BoardSummary) -> Hit {
    let address = format!("/board/{}", board.slug);
    Hit { color: board.color.clone(), ..Hit::of(Icon::Board, words::board_name(board), address) }
}

fn card_hit(card: &TaskCard, boards: &[BoardSummary]) -> Hit {
    let board = boards.iter().find(|board| boards.len() > 1 && board.id == card.board_id);
    let place = board.map(words::board_name).unwrap_or_default();
    let address = format!("/card/{}", card.number);
    Hit {
        mark: words::label(card.number),
        place,
        ..Hit::of(words::state_icon(card.state), card.title.clone(), address)
    }
}

/// Whether cards are looked for: a letter alone is in every card, a digit alone is a card's number.
fn is_enough(text: &str) -> bool {
    let text = text.trim();
    text.chars().count() >= MIN_LETTERS || text.parse::<u8>().is_ok()
}

/// The shortcut at the end of the row. Option names are read whole, so it is not part of the name.
fn keys_view(keys: &'static str) -> AnyView {
    if keys.is_empty() {
        return ().into_any();
    }
    let keys = keys.split(' ').map(|key| view! { <kbd>{keymap::shown(key)}</kbd> }).collect_view();
    view! { <span class="palette-keys" aria-hidden="true">{keys}</span> }.into_any()
}

/// The palette's body.
#[lazy]
pub(super) fn list(open: RwSignal<bool>, go: StoredValue<Go>, new_card: NewCard) -> AnyView {
    let text = RwSignal::new(String::new());
    let (boards, cards) = (RwSignal::new(Vec::<BoardSummary>::new()), RwSignal::new(Vec::<TaskCard>::new()));
    let (chosen, searching) = (RwSignal::new(0_usize), RwSignal::new(false));
    let (problem, tries) = (RwSignal::new(String::new()), RwSignal::new(0_u32));
    let wanted = rested(text, RESTS);
    spawn_local(async move {
        if let Ok(found) = read_boards().await {
            boards.try_set(found);
        }
    });
    Effect::new(move |_| {
        let wanted = wanted.get();
        tries.track();
        problem.set(String::new());
        searching.set(is_enough(&wanted));
        if !is_enough(&wanted) {
            cards.set(Vec::new());
            return;
        }
        spawn_local(async move {
            let found = search_cards(wanted.clone(), None).await;
            if text.try_get_untracked().is_none_or(|now| now != wanted) {
                return; // other words are on their way, or the palette is closed
            }
            searching.set(false);
            match found {
                Ok(found) => cards.set(found),
                Err(error) => {
                    cards.set(Vec::new());
                    problem.set(error.message);
                }
            }
        });
    });
    Effect::new(move |_| {
        text.track();
        chosen.set(0);
    });
    let hits = Memo::new(move |_| {
        let wanted = text.read().trim().to_lowercase();
        let fits = |hit: &Hit| hit.text.to_lowercase().contains(&wanted);
        let mut hits: Vec<Hit> = pages().into_iter().filter(fits).collect();
        let open_boards = |board: &&BoardSummary| board.archived_at.is_none();
        hits.extend(boards.read().iter().filter(open_boards).map(board_hit).filter(fits).take(MAX_BOARDS));
        hits.extend(cards.read().iter().take(MAX_CARDS).map(|card| card_hit(card, &boards.read())));
        hits
    });
    let act = move |hit: Hit| match hit.action {
        Action::Go(address) => go.with_value(|go| go(&address)),
        Action::NewCard => {
            open.set(false);
            new_card.open.set(true);
        }
    };
    let keys = move |event: web_sys::KeyboardEvent| {
        let last = hits.read_untracked().len().saturating_sub(1);
        match event.key().as_str() {
            "ArrowDown" => chosen.update(|chosen| *chosen = (*chosen + 1).min(last)),
            "ArrowUp" => chosen.update(|chosen| *chosen = chosen.saturating_sub(1)),
            "Enter" => {
                if let Some(hit) = hits.with_untracked(|hits| hits.get(chosen.get_untracked()).cloned()) {
                    act(hit);
                }
            }
            _ => return,
        }
        event.prevent_default();
        if let Some(row) = document().get_element_by_id(&format!("palette-{}", chosen.get_untracked())) {
            row.scroll_into_view_with_bool(false);
        }
    };
    let row = move |(at, hit): (usize, Hit)| {
        let taken = hit.clone();
        view! {
            <li role="option" id=format!("palette-{at}") class="menu-item" aria-selected=move || if chosen.get() == at { "true" } else { "false" }
                on:click=move |_| act(taken.clone())>
                {icon(hit.icon)}
                <span class="card-number">{hit.mark}</span>
                {(!hit.color.is_empty()).then(|| view! { <span class="board-dot" data-color=hit.color></span> })}
                <span class="link-title">{hit.text}</span>
                {(!hit.place.is_empty()).then(|| view! { <span class="palette-place">{hit.place}</span> })}
                {keys_view(hit.key)}
            </li>
        }
        .into_any()
    };
    // What there is to say where cards would stand.
    let said = move || {
        let rests = *wanted.read() == *text.read();
        if searching.get() || (is_enough(&text.read()) && !rests) {
            t::palette_looking()
        } else if !problem.read().is_empty() {
            ""
        } else if !text.read().is_empty() && !is_enough(&text.read()) {
            t::palette_more_letters()
        } else if hits.read().is_empty() {
            t::palette_nothing()
        } else {
            ""
        }
    };
    let field = NodeRef::<html::Input>::new();
    Effect::new(move |_| {
        if let Some(field) = field.get() {
            start_typing(field.into(), text);
        }
    });
    view! {
        <div class="palette">
            <input
                node_ref=field
                dir="auto"
                class="input"
                type="text"
                role="combobox"
                aria-expanded=move || if hits.read().is_empty() { "false" } else { "true" }
                aria-controls="palette-list"
                aria-activedescendant=move || (!hits.read().is_empty()).then(|| format!("palette-{}", chosen.get()))
                aria-label=t::palette_title()
                placeholder=t::palette_placeholder()
                autocomplete="off"
                enterkeyhint="go"
                bind:value=text
                on:keydown=keys
            />
            <ul id="palette-list" role="listbox" aria-label=t::palette_title() class="palette-list">
                {move || hits.get().into_iter().enumerate().map(row).collect_view()}
            </ul>
            <p class="hint" role="status" hidden=move || said().is_empty()>{said}</p>
            <div class="palette-problem" hidden=move || problem.read().is_empty()>
                <p role="alert">{move || problem.get()}</p>
                <button type="button" class="btn btn-small" on:click=move |_| tries.update(|tries| *tries += 1)>{t::common_retry()}</button>
            </div>
        </div>
    }
    .into_any()
}
