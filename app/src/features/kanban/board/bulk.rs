//! The bar below the board while cards are selected or one is carried.
use leptos::prelude::*;
use protocol::{BulkChange, CardId, CardState};

use super::BoardUi;
use super::forms::Form;
use super::menu::MenuFor;
use super::model::{Board, Place};
use crate::i18n::t;
use crate::ui::{Icon, icon, shown_while};

/// The bar; while a card is carried, the keys that carry it.
pub(super) fn bar(board: Board, ui: BoardUi) -> AnyView {
    let carries = Memo::new(move |_| board.carried.read().is_some());
    let selects = Memo::new(move |_| !board.selection.read().is_empty());
    view! {
        {shown_while(move || carries.get(), move || view! {
            // Screen readers hear it when the card is picked up.
            <p class="bulk-bar carry-keys" aria-hidden="true">{t::kanban_carry_keys()}</p>
        }.into_any())}
        {shown_while(move || selects.get() && !carries.get(), move || verbs(board, ui))}
    }
    .into_any()
}

/// What can be done with the selected cards.
fn verbs(board: Board, ui: BoardUi) -> AnyView {
    let count = Memo::new(move |_| i64::try_from(board.selection.read().len()).unwrap_or(i64::MAX));
    let cards = move || board.selection.get_untracked();
    let menu = move |menu: MenuFor, anchor: &str| ui.open_menu(menu, format!("[data-bulk='{anchor}']"));
    let button = move |name: &'static str, sign: Icon, id: &'static str, action: Callback<Vec<CardId>>| {
        view! {
            <button type="button" class="bulk-btn" data-bulk=id aria-label=name title=name aria-haspopup=match id {
                    "archive" | "delete" => None,
                    "label" => Some("dialog"),
                    _ => Some("menu"),
                }
                on:click=move |_| action.run(cards())>
                {icon(sign)}
                <span>{name}</span>
            </button>
        }
    };
    view! {
            <div class="bulk-bar" role="toolbar" aria-label=t::kanban_bulk()>
                <button type="button" class="icon-btn" aria-label=t::kanban_clear_selection() on:click=move |_| board.clear_selection()>
                    {icon(Icon::Close)}
                </button>
                <span class="bulk-count">{move || t::kanban_selected_count(count.get())}</span>
                {button(t::kanban_status(), Icon::Move, "status", Callback::new(move |cards| menu(MenuFor::Status(cards), "status")))}
                {button(t::kanban_assignee(), Icon::Agent, "assignee", Callback::new(move |cards| menu(MenuFor::Assignee(cards), "assignee")))}
                {button(t::kanban_priority(), Icon::Warning, "priority", Callback::new(move |cards| menu(MenuFor::Priority(cards), "priority")))}
                {button(t::kanban_label(), Icon::Label, "label", Callback::new(move |cards| ui.open_form(Form::Label(cards))))}
                {button(t::kanban_archive(), Icon::Archive, "archive", Callback::new(move |cards| {
                    board.move_cards(cards, CardState::Archived, Place::default());
                }))}
                {button(t::kanban_delete(), Icon::Trash, "delete", Callback::new(move |cards| {
                    board.change_all(cards, BulkChange::Delete);
                }))}
            </div>
    }
    .into_any()
}
