//! What a person can reach of a card: the menu and the dialog that lie over its page, the keys, and buttons that show what
//! is set and change it. What they do is fetched when it is first wanted (`verbs.rs`).
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;
use wasm_bindgen::JsCast;

use super::model::CardPage;
use super::verbs::{Sheet, Want, work};
use crate::layout::LastBoard;
use crate::ui::{Dialog, Drafts, Menu, MenuItem, dom, keymap, later};

/// Leads to an address.
type Go = Box<dyn Fn(&str) + Send + Sync>;

/// What lies over the page, and the ways out of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hand {
    pub(super) title: RwSignal<String>,
    pub(super) menu_open: RwSignal<bool>,
    pub(super) items: StoredValue<Vec<MenuItem>>,
    pub(super) sheet: StoredValue<Sheet>,
    pub(super) sheet_open: RwSignal<bool>,
    pub(super) last: LastBoard,
    pub(super) drafts: Drafts,
    pub(super) go: StoredValue<Go>,
}

impl Hand {
    pub(super) fn new() -> Self {
        let navigate = use_navigate();
        let go = move |path: &str| navigate(path, NavigateOptions::default());
        Self {
            title: RwSignal::new(String::new()),
            menu_open: RwSignal::new(false),
            items: StoredValue::new(Vec::new()),
            sheet: StoredValue::new(Sheet::Keys),
            sheet_open: RwSignal::new(false),
            last: expect_context(),
            drafts: expect_context(),
            go: StoredValue::new(Box::new(go)),
        }
    }
}

/// The menu and the dialog.
pub(super) fn overlays(page: CardPage) -> AnyView {
    let hand = page.hand;
    // Beside what was pressed; a key's menu beside the page's own button.
    let anchor = Callback::new(move |()| {
        let pressed = document().active_element()?.closest("[data-hand]").ok().flatten();
        pressed.or_else(|| document().query_selector(".card-bar [data-more]").ok().flatten())
    });
    view! {
        <Menu open=hand.menu_open title=hand.title anchor items=Callback::new(move |()| hand.items.get_value()) />
        <Dialog open=hand.sheet_open title=hand.title>{later(work(page, Want::Sheet(hand.sheet.get_value())))}</Dialog>
    }
    .into_any()
}

/// What a press of a button does that opens a menu or a dialog.
pub(super) fn opens(page: CardPage, want: Want) -> impl Fn(web_sys::MouseEvent) + 'static {
    move |event| {
        // Safari gives no button the focus, and the menu stands beside what has it.
        if let Some(button) = event.current_target().and_then(|button| button.dyn_into().ok()) {
            dom::focus(&button);
        }
        page.want(want.clone());
    }
}

/// A button that shows what is set and changes it.
pub(super) fn value(page: CardPage, name: &'static str, want: Want, shown: AnyView) -> AnyView {
    let popup = if matches!(want, Want::Open(_)) { "dialog" } else { "menu" };
    view! {
        <button type="button" class="set" data-hand="" aria-haspopup=popup on:click=opens(page, want)>
            <span class="visually-hidden">{name}": "</span>
            {shown}
        </button>
    }
    .into_any()
}

/// Single keys act on the card, as they do on the board.
pub(super) fn listen(page: CardPage) {
    keymap::listen(move |key| page.want(Want::Key(key)));
}
