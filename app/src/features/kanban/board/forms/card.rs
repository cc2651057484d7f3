//! Dialogs about cards: a label, what it waits for, when it starts, a template.
use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{BulkChange, CardDetail, CardId, CardLink, CardRef, TaskCard};

use crate::features::kanban::board::BoardUi;
use crate::features::kanban::board::model::Board;
use crate::features::kanban::form::{Among, finder, label_choice, moment_choice};
use crate::features::kanban::server_fns::{link_cards, read_card, save_template, unlink_cards};
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::{Button, ButtonKind, ErrorState, Icon, TextField, Toasts, icon, skeleton_rows};

/// Adds a label, or takes it away where all cards have it.
pub(super) fn label(board: Board, ui: BoardUi, cards: Vec<CardId>) -> AnyView {
    let cards = StoredValue::new(cards);
    let all_have = move |label: &str| {
        let has = |id: &CardId| board.face(*id).is_some_and(|card| card.labels.iter().any(|other| other == label));
        cards.with_value(|cards| cards.iter().all(has))
    };
    let chosen = Callback::new(move |label: String| {
        let change = if all_have(&label) { BulkChange::RemoveLabel(label) } else { BulkChange::AddLabel(label) };
        ui.form_open.set(false);
        board.change_all(cards.get_value(), change);
    });
    label_choice(board.around.with_untracked(|around| around.labels.clone()), all_have, chosen)
}

/// When cards start.
pub(super) fn schedule(board: Board, ui: BoardUi, cards: Vec<CardId>) -> AnyView {
    let cards = StoredValue::new(cards);
    let chosen = Callback::new(move |at: Option<i64>| {
        let Some(at) = at else { return };
        ui.form_open.set(false);
        board.change_all(cards.get_value(), BulkChange::Schedule(at));
    });
    moment_choice(super::name_of(t::kanban_schedule()), None, chosen)
}

/// What a card waits for: the links it has, and a search for another.
pub(super) fn depends(board: Board, ui: BoardUi, card: CardId) -> AnyView {
    let detail = LocalResource::new(move || read_card(CardRef::Id(card)));
    let retry = Callback::new(move |()| detail.refetch());
    view! {
        <div class="dialog-body">
            <Suspense fallback=move || skeleton_rows(2)>
                {move || Suspend::new(async move {
                    match detail.await {
                        Ok(detail) => links(board, ui, detail, retry),
                        Err(error) => view! { <ErrorState error retry /> }.into_any(),
                    }
                })}
            </Suspense>
        </div>
    }
    .into_any()
}

fn links(board: Board, ui: BoardUi, detail: CardDetail, changed: Callback<()>) -> AnyView {
    let toasts = expect_context::<Toasts>();
    let id = detail.card.id;
    let problem = RwSignal::new(String::new());
    let row = move |parent: CardLink| {
        let label = t::kanban_unlink(&words::label(parent.number));
        let remove = move |_| {
            spawn_local(async move {
                match unlink_cards(CardRef::Id(parent.id), CardRef::Id(id)).await {
                    Ok(written) => {
                        changed.run(());
                        if let Some(undo) = written.undo {
                            board.offer_undo(t::kanban_unlinked(&words::label(parent.number)), undo);
                        }
                    }
                    Err(error) => toasts.fail(error.message),
                }
            });
        };
        view! {
            <li class="link-row">
                <span class="card-number">{words::label(parent.number)}</span>
                <span class="link-title">{parent.title.clone()}</span>
                <button type="button" class="icon-btn" aria-label=label on:click=remove>{icon(Icon::Close)}</button>
            </li>
        }
    };
    let add = move |parent: TaskCard| {
        spawn_local(async move {
            match link_cards(CardRef::Id(parent.id), CardRef::Id(id)).await {
                Ok(_) => changed.run(()),
                Err(error) => {
                    problem.try_set(error.message);
                }
            }
        });
    };
    let none = detail.parents.is_empty();
    view! {
        <Show when=move || none><p class="hint">{t::kanban_waits_for_nothing()}</p></Show>
        <ul class="link-list">{detail.parents.into_iter().map(row).collect_view()}</ul>
        {finder(t::kanban_add_dependency(), Among::Others(detail.board.slug, id), Callback::new(add), problem.into())}
        <div class="dialog-foot btn-row">
            <Button kind=ButtonKind::Quiet on_press=Callback::new(move |()| ui.form_open.set(false))>{t::common_close()}</Button>
        </div>
    }
    .into_any()
}

/// Keeps what a card says as something new cards can start from.
pub(super) fn save_as_template(board: Board, ui: BoardUi, card: CardId) -> AnyView {
    let toasts = expect_context::<Toasts>();
    let title = board.face(card).map(|card| card.title).unwrap_or_default();
    let (name, problem, busy) = (RwSignal::new(title), RwSignal::new(String::new()), RwSignal::new(false));
    let board_id = board.summary.with_value(|summary| summary.id);
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        busy.set(true);
        spawn_local(async move {
            let saved = match read_card(CardRef::Id(card)).await {
                Ok(detail) => save_template(board_id, name.get_untracked(), detail.into_params()).await,
                Err(error) => Err(error),
            };
            busy.try_set(false);
            match saved {
                Ok(saved) => {
                    ui.form_open.try_set(false);
                    let text = t::kanban_template_saved(&saved.template.name);
                    match saved.undo {
                        Some(undo) => board.offer_undo(text, undo),
                        None => toasts.say(text),
                    }
                }
                Err(error) => {
                    problem.try_set(error.message);
                }
            }
        });
    };
    view! {
        <form class="dialog-body" on:submit=submit>
            <p class="hint">{t::kanban_template_hint()}</p>
            <TextField label=t::kanban_template_name() value=name error=problem autofocus=true />
            <div class="dialog-foot btn-row"><Button kind=ButtonKind::Primary submit=true busy>{t::common_save()}</Button></div>
        </form>
    }
    .into_any()
}
