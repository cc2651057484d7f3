//! Cards that were deleted, each with a way back.
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{DeletedCard, DeletedPage, TaskCard};

use crate::features::kanban::board::BoardUi;
use crate::features::kanban::board::model::Board;
use crate::features::kanban::server_fns::{read_deleted, restore_card};
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::{Button, ButtonKind, EmptyState, ErrorState, dom, skeleton_rows};

/// The list.
pub(super) fn list(board: Board, ui: BoardUi) -> AnyView {
    let first = LocalResource::new(move || read_deleted(slug_of(board), None));
    let retry = Callback::new(move |()| first.refetch());
    let shown = move || {
        Suspend::new(async move {
            match first.await {
                Ok(page) if page.cards.is_empty() => {
                    view! { <EmptyState title=t::kanban_no_deleted_cards() /> }.into_any()
                }
                Ok(page) => rows(board, ui, page),
                Err(error) => view! { <ErrorState error retry /> }.into_any(),
            }
        })
    };
    view! { <div class="dialog-body"><Suspense fallback=move || skeleton_rows(3)>{shown}</Suspense></div> }.into_any()
}

fn slug_of(board: Board) -> String {
    board.summary.with_value(|summary| summary.slug.clone())
}

fn rows(board: Board, ui: BoardUi, page: DeletedPage) -> AnyView {
    let (cards, next) = (RwSignal::new(page.cards), RwSignal::new(page.next));
    let (problem, said) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let busy = RwSignal::new(false);
    let more = Callback::new(move |()| {
        busy.set(true);
        spawn_local(async move {
            let answer = read_deleted(slug_of(board), next.get_untracked()).await;
            busy.try_set(false);
            match answer {
                Ok(page) => {
                    problem.try_set(String::new());
                    next.try_set(page.next);
                    cards.try_update(|cards| cards.extend(page.cards));
                }
                Err(error) => {
                    problem.try_set(error.message);
                }
            }
        });
    });
    view! {
        <ul class="link-list">
            <For each=move || cards.get() key=|card| card.id children=move |card| row(board, ui, card, problem, said) />
        </ul>
        <p class="field-error" role="alert">{move || problem.get()}</p>
        <p class="visually-hidden" role="status">{move || said.get()}</p>
        {move || next.read().is_some().then(|| view! {
            <Button kind=ButtonKind::Quiet busy on_press=more>{t::kanban_more_deleted()}</Button>
        })}
    }
    .into_any()
}

/// A card with its way back; once it is back, with the way to it. The list stays: people may want several.
fn row(
    board: Board,
    ui: BoardUi,
    card: DeletedCard,
    problem: RwSignal<String>,
    said: RwSignal<String>,
) -> impl IntoView + use<> {
    let DeletedCard { id, number, title, state, deleted_at, days_left } = card;
    let label = words::label(number);
    let (busy, back) = (RwSignal::new(false), RwSignal::new(None::<TaskCard>));
    let was = t::kanban_was_deleted(words::state_name(state), &words::ago(deleted_at, board.now.get_untracked()));
    let left = t::kanban_days_left(i64::from(days_left));
    let restore = Callback::new(move |()| {
        busy.set(true);
        spawn_local(async move {
            let answer = restore_card(id).await;
            busy.try_set(false);
            match answer {
                Ok(written) => {
                    let card = written.card;
                    let text = t::kanban_restored(&words::label(card.number), words::state_name(card.state));
                    if !board.is_gone() {
                        board.accept(card.clone());
                        if let Some(undo) = written.undo {
                            board.offer_undo(text.clone(), undo);
                        }
                    }
                    problem.try_set(String::new());
                    said.try_set(text);
                    back.try_set(Some(card));
                }
                Err(error) => {
                    problem.try_set(error.message);
                }
            }
        });
    });
    let about = move || match back.get() {
        Some(card) => t::kanban_restored(&words::label(number), words::state_name(card.state)),
        None => format!("{was} · {left}"),
    };
    let way = move || match back.read().is_some() {
        true => to_card(ui, number),
        false => {
            view! { <Button kind=ButtonKind::Quiet busy on_press=restore>{t::kanban_restore()}</Button> }.into_any()
        }
    };
    view! {
        <li class="link-row">
            <div class="link-title">
                <span class="card-number">{label}</span>" "{title}
                <p class="hint">{about}</p>
            </div>
            {way}
        </li>
    }
}

/// Takes the place of the button that was pressed, with its focus.
fn to_card(ui: BoardUi, number: i64) -> AnyView {
    let node = NodeRef::<html::A>::new();
    Effect::new(move |_| {
        if let Some(link) = node.get() {
            dom::focus(&link);
        }
    });
    let address = format!("/card/{number}");
    let go = address.clone();
    view! {
        <a class=ButtonKind::Quiet.class() node_ref=node href=address on:click=move |event| {
            if !(event.ctrl_key() || event.meta_key() || event.shift_key()) {
                event.prevent_default();
                ui.open_page(&go);
            }
        }>{t::kanban_open_restored(&words::label(number))}</a>
    }
    .into_any()
}
