//! What the palette finds: pages, boards, what can be done on the one on screen and a card's number at once, cards of all
//! boards when typing rests.
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{BoardSummary, CardId, TaskCard};

use super::Go;
use crate::features::kanban::{CardSearch, Command, commands, fits, number_of, read_boards, words};
use crate::i18n::t;
use crate::layout::NewCard;
use crate::ui::{Chooser, Icon, icon, keymap, start_typing};

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
    /// What it belongs to: the board of a card, where there are several, or what is done to what.
    place: String,
    /// The key that does the same.
    key: &'static str,
    action: Action,
}

#[derive(Clone, PartialEq)]
enum Action {
    Go(String),
    NewCard,
    /// The command at this place.
    Run(usize),
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

/// The sections of the settings, once something was typed.
fn sections() -> Vec<Hit> {
    let names = [
        ("model", t::settings_model()),
        ("notifications", t::settings_notifications()),
        ("appearance", t::settings_appearance()),
        ("keyboard", t::settings_keyboard()),
        ("account", t::settings_account()),
        ("about", t::settings_about()),
    ];
    let section = |(id, name): (&str, &str)| Hit {
        place: t::shell_settings().to_owned(),
        ..Hit::of(Icon::Settings, name.to_owned(), format!("/settings#{id}"))
    };
    names.map(section).to_vec()
}

fn command_hit((at, command): (usize, &Command)) -> Hit {
    let action = command.address.clone().map_or(Action::Run(at), Action::Go);
    let (place, key) = (command.place.clone(), command.item.key);
    Hit { place, key, action, ..Hit::of(command.item.icon, command.item.label.clone(), String::new()) }
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

/// The card whose number was typed, before the server has said what it is.
fn number_hit(number: i64) -> Hit {
    let hit = Hit::of(Icon::Open, t::palette_open_card().to_owned(), format!("/card/{number}"));
    Hit { mark: words::label(number), ..hit }
}

/// The shortcut at the end of the row. Option names are read whole, so it is not part of the name.
fn keys_view(keys: &'static str) -> AnyView {
    if keys.is_empty() {
        return ().into_any();
    }
    let keys = keys.split(' ').map(|key| view! { <kbd>{keymap::shown(key)}</kbd> }).collect_view();
    view! { <span class="palette-keys" aria-hidden="true">{keys}</span> }.into_any()
}

/// The cards that were found, and before them the one whose number was typed.
fn card_hits(search: CardSearch, boards: &[BoardSummary]) -> Vec<Hit> {
    let cards = search.cards();
    let number = number_of(&search.words()).filter(|_| search.is_looking());
    let number = number.filter(|number| !cards.iter().any(|card| card.number == *number));
    let found = cards.iter().take(MAX_CARDS).map(|card| card_hit(card, boards));
    number.map(number_hit).into_iter().chain(found).collect()
}

/// The palette's body.
#[lazy]
pub(super) fn list(
    open: RwSignal<bool>,
    go: StoredValue<Go>,
    new_card: NewCard,
    focused: StoredValue<Option<CardId>>,
) -> AnyView {
    let search = CardSearch::on(None);
    let chooser = Chooser::of("palette");
    let (boards, offered) = (RwSignal::new(Vec::<BoardSummary>::new()), RwSignal::new(Vec::<Command>::new()));
    // Enter came before there was anything to open: the first that is found for these words is.
    let entered = RwSignal::new(false);
    spawn_local(async move {
        if let Ok(found) = read_boards().await {
            boards.try_set(found);
        }
    });
    let focused = focused.try_update_value(Option::take).flatten();
    spawn_local(async move {
        let found = commands(focused).await;
        offered.try_set(found);
    });
    Effect::new(move |_| {
        search.text.track();
        chooser.begin();
        entered.set(false);
    });
    let hits = Memo::new(move |_| {
        let wanted = search.words();
        let fit = |hit: &Hit| fits(&[&*hit.text, &hit.place].join(" "), &wanted);
        let cards = card_hits(search, &boards.read());
        // Who types a number means the card, not what can be done with it.
        let (first, last) = if number_of(&wanted).is_some() { (cards, Vec::new()) } else { (Vec::new(), cards) };
        let mut hits: Vec<Hit> = first;
        hits.extend(pages().into_iter().filter(fit));
        let offered = offered.read();
        let (of_card, of_board): (Vec<_>, Vec<_>) =
            offered.iter().enumerate().partition(|(_, command)| number_of(&command.place).is_some());
        hits.extend(of_card.into_iter().map(command_hit).filter(fit));
        if !wanted.is_empty() {
            hits.extend(sections().into_iter().filter(fit));
        }
        let open_boards = |board: &&BoardSummary| board.archived_at.is_none();
        hits.extend(boards.read().iter().filter(open_boards).map(board_hit).filter(fit).take(MAX_BOARDS));
        hits.extend(of_board.into_iter().map(command_hit).filter(fit));
        hits.extend(last);
        hits
    });
    let count = move || hits.read().len();
    let act = move |hit: Hit| match hit.action {
        Action::Go(address) => go.with_value(|go| go(&address)),
        Action::NewCard => {
            open.set(false);
            new_card.open.set(true);
        }
        Action::Run(at) => {
            let Some(command) = offered.with_untracked(|offered| offered.get(at).cloned()) else { return };
            open.set(false);
            // What lies below the palette takes the focus only when that is closed.
            request_animation_frame(move || command.item.action.run(()));
        }
    };
    let enter = move || {
        if let Some(hit) = hits.with_untracked(|hits| hits.get(chooser.now()).cloned()) {
            act(hit);
        } else if untrack(|| search.is_looking()) {
            entered.set(true);
            search.ask();
        }
    };
    Effect::new(move |_| {
        hits.track();
        if !search.is_looking() && entered.get() {
            entered.set(false);
            enter();
        }
    });
    let keys = move |event: web_sys::KeyboardEvent| {
        // It ends the word that is being composed.
        if event.key() == "Enter" && !event.is_composing() {
            event.prevent_default();
            enter();
        }
        chooser.walk(&event, untrack(count));
    };
    let row = move |(at, hit): (usize, Hit)| {
        let taken = hit.clone();
        view! {
            <li role="option" id=chooser.id(at) class="menu-item" aria-selected=move || chooser.is_chosen(at)
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
        if search.is_looking() {
            t::palette_looking()
        } else if !search.problem().is_empty() {
            ""
        } else if search.is_short() {
            t::palette_more_letters()
        } else if count() == 0 {
            t::palette_nothing()
        } else {
            ""
        }
    };
    let field = NodeRef::<html::Input>::new();
    Effect::new(move |_| {
        if let Some(field) = field.get() {
            start_typing(field.into(), search.text);
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
                aria-expanded=move || if count() == 0 { "false" } else { "true" }
                aria-controls="palette-list"
                aria-activedescendant=move || chooser.active(count())
                aria-label=t::palette_title()
                placeholder=t::palette_placeholder()
                autocomplete="off"
                enterkeyhint="go"
                bind:value=search.text
                on:keydown=keys
            />
            <ul id="palette-list" role="listbox" aria-label=t::palette_title() class="palette-list">
                {move || hits.get().into_iter().enumerate().map(row).collect_view()}
            </ul>
            <p class="hint" role="status" hidden=move || said().is_empty()>{said}</p>
            <div class="palette-problem" hidden=move || search.problem().is_empty()>
                <p role="alert">{move || search.problem()}</p>
                <button type="button" class="btn btn-small" on:click=move |_| search.ask_again()>{t::common_retry()}</button>
            </div>
        </div>
    }
    .into_any()
}
