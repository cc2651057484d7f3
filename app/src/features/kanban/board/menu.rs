//! A card's menu: the twin of dragging for thumbs, keyboards and screen readers. It offers only what is legal.
use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{CardId, CardState};

use super::model::{Board, Place};
use super::{BoardUi, MenuFor};
use crate::features::kanban::server_fns::delete_card;
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::{Icon, Menu, MenuItem, Toasts};

/// The menu of whichever card asks for it.
#[component]
pub fn CardMenu(board: Board, ui: BoardUi) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let title = Signal::derive(move || {
        let Some((id, purpose)) = ui.menu.get() else { return String::new() };
        let name = board.face(id).map(|card| words::label(card.number)).unwrap_or_default();
        if purpose == MenuFor::Moving { t::kanban_move_title(&name) } else { name }
    });
    let anchor = Callback::new(move |()| {
        let (id, _) = ui.menu.get_untracked()?;
        document().query_selector(&format!("[data-card='{id}'] [data-more]")).ok().flatten()
    });
    let items = Callback::new(move |()| {
        let Some((id, purpose)) = ui.menu.get_untracked() else { return Vec::new() };
        items(board, ui, toasts, id, purpose)
    });
    view! { <Menu open=ui.menu_open title anchor items /> }
}

fn items(board: Board, ui: BoardUi, toasts: Toasts, id: CardId, purpose: MenuFor) -> Vec<MenuItem> {
    let Some(card) = board.face(id) else { return Vec::new() };
    let targets = card.state.manual_targets().iter().filter(|state| **state != CardState::Archived);
    let mut items: Vec<MenuItem> = targets
        .map(|&state| MenuItem {
            label: t::kanban_move_to(words::state_name(state)),
            icon: words::state_icon(state),
            key: "",
            action: Callback::new(move |()| board.move_card(id, state, Place::default())),
        })
        .collect();
    if purpose == MenuFor::Everything {
        items.push(MenuItem {
            label: t::kanban_edit().into(),
            icon: Icon::Edit,
            key: "E",
            action: Callback::new(move |()| ui.open_editor(id)),
        });
    }
    items.push(MenuItem {
        label: t::kanban_archive().into(),
        icon: Icon::Archive,
        key: "#",
        action: Callback::new(move |()| board.move_card(id, CardState::Archived, Place::default())),
    });
    if purpose == MenuFor::Everything {
        items.push(MenuItem {
            label: t::kanban_delete().into(),
            icon: Icon::Trash,
            key: "",
            action: Callback::new(move |()| delete(board, toasts, id)),
        });
    }
    items
}

fn delete(board: Board, toasts: Toasts, id: CardId) {
    spawn_local(async move {
        match delete_card(id).await {
            Ok(written) => {
                let text = t::kanban_deleted_toast(&words::label(written.card.number));
                board.forget(id);
                if let Some(undo) = written.undo {
                    board.offer_undo(text, undo);
                }
            }
            Err(error) => toasts.fail(error.message),
        }
    });
}
