//! What of the board is shown: filter, order, lanes, density; and giving that a name.
use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{BoardView, CardSort, LaneBy, UndoId, WaitKind};

use crate::features::kanban::board::BoardUi;
use crate::features::kanban::board::model::Board;
use crate::features::kanban::server_fns::{delete_view, save_view, undo_write};
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::{Button, ButtonKind, CheckField, Icon, SelectField, TextField, icon};

/// A group of chips of which any number can be pressed.
fn chips(
    name: &'static str,
    options: Vec<(String, String)>,
    is_on: impl Fn(&BoardView, &str) -> bool + Copy + Send + Sync + 'static,
    toggle: impl Fn(&mut BoardView, &str) + Copy + Send + Sync + 'static,
    (board, ui): (Board, BoardUi),
) -> AnyView {
    if options.is_empty() {
        return ().into_any();
    }
    let options = options
        .into_iter()
        .map(|(value, shown)| {
            let mine = value.clone();
            let pressed = move || if board.view.with(|view| is_on(view, &mine)) { "true" } else { "false" };
            view! {
                <button type="button" class="choice" aria-pressed=pressed
                    on:click=move |_| ui.adjust(board, |view| toggle(view, &value))>{shown}</button>
            }
        })
        .collect_view();
    view! { <fieldset class="field"><legend class="field-label">{name}</legend><div class="choices">{options}</div></fieldset> }
        .into_any()
}

fn toggle_word(words: &mut Vec<String>, word: &str) {
    match words.iter().position(|other| other == word) {
        Some(at) => {
            words.remove(at);
        }
        None => words.push(word.to_owned()),
    }
}

/// What is on offer, and what was chosen although it is not: that can be taken back, too.
fn with_chosen(mut offered: Vec<String>, chosen: impl IntoIterator<Item = String>) -> Vec<String> {
    for word in chosen {
        if !offered.contains(&word) {
            offered.push(word);
        }
    }
    offered
}

/// The dialog's body. Every choice takes effect at once.
pub(super) fn filter(board: Board, ui: BoardUi) -> AnyView {
    let around = board.around.get_untracked();
    let both = (board, ui);
    let same = |word: String| (word.clone(), word);
    let nobody = (String::new(), t::kanban_unassigned().to_owned());
    let shown = board.view.get_untracked();
    // Cards may be given to somebody who has no profile on this machine, and the filter may hide them now.
    let mut names: Vec<String> = around.profiles.into_iter().map(|profile| profile.id).collect();
    names.extend(around.assignees);
    names.extend(board.assignees());
    names.extend(shown.assignees);
    names.retain(|name| !name.is_empty());
    names.sort();
    names.dedup();
    let (labels, tenants) = (with_chosen(around.labels, shown.labels), with_chosen(around.tenants, shown.tenant));
    let profiles = std::iter::once(nobody).chain(names.into_iter().map(same)).collect();
    let bands = [(1, t::kanban_high()), (2, t::kanban_urgent())];
    let bands = bands.map(|(from, name)| (from.to_string(), t::kanban_at_least(name))).to_vec();
    let waits = WaitKind::ALL.iter().map(|kind| (kind.to_string(), words::wait_kind(*kind).to_owned())).collect();
    let flags = vec![
        ("needs".to_owned(), t::kanban_needs_me().to_owned()),
        ("failing".to_owned(), t::kanban_failing().to_owned()),
    ];
    view! {
        <div class="dialog-body">
            {chips(t::kanban_only(), flags,
                |view, flag| if flag == "needs" { view.needs_me } else { view.failing },
                |view, flag| if flag == "needs" { view.needs_me = !view.needs_me } else { view.failing = !view.failing }, both)}
            {chips(t::kanban_assignee(), profiles,
                |view, name| view.assignees.iter().any(|other| other == name),
                |view, name| toggle_word(&mut view.assignees, name), both)}
            {chips(t::kanban_labels(), labels.into_iter().map(same).collect(),
                |view, label| view.labels.iter().any(|other| other == label),
                |view, label| toggle_word(&mut view.labels, label), both)}
            {chips(t::kanban_priority(), bands,
                |view, from| view.priority == from.parse().ok(),
                |view, from| view.priority = from.parse().ok().filter(|from| view.priority != Some(*from)), both)}
            {chips(t::kanban_waits_for(), waits,
                |view, kind| view.wait == kind.parse().ok(),
                |view, kind| view.wait = kind.parse().ok().filter(|kind| view.wait != Some(*kind)), both)}
            {chips(t::kanban_tenant(), tenants.into_iter().map(same).collect(),
                |view, tenant| view.tenant.as_deref() == Some(tenant),
                |view, tenant| view.tenant = Some(tenant.to_owned()).filter(|tenant| view.tenant.as_ref() != Some(tenant)), both)}
            {display(board, ui)}
            {save(board, ui)}
        </div>
    }
    .into_any()
}

fn display(board: Board, ui: BoardUi) -> AnyView {
    let view = board.view.get_untracked();
    let sort = RwSignal::new(view.sort.to_string());
    let lanes = RwSignal::new(view.lanes.to_string());
    let archived = RwSignal::new(view.archived);
    Effect::new(move |before: Option<()>| {
        let (sort, lanes, archived) = (sort.get(), lanes.get(), archived.get());
        if before.is_some() {
            ui.adjust(board, |view| {
                view.sort = sort.parse().unwrap_or(CardSort::Manual);
                view.lanes = lanes.parse().unwrap_or(LaneBy::None);
                view.archived = archived;
            });
        }
    });
    let sorts = CardSort::ALL.iter().map(|sort| (sort.to_string(), words::sort_name(*sort).to_owned())).collect();
    let kinds = LaneBy::ALL.iter().map(|lanes| (lanes.to_string(), words::lane_name(*lanes).to_owned())).collect();
    view! {
        <div class="field-pair">
            <SelectField label=t::kanban_order() value=sort options=sorts />
            <SelectField label=t::kanban_lanes() value=lanes options=kinds />
        </div>
        <CheckField label=t::kanban_show_archive() value=archived />
        <CheckField label=t::kanban_compact() value=ui.compact />
    }
    .into_any()
}

/// Giving the view a name, and the views that have one.
fn save(board: Board, ui: BoardUi) -> AnyView {
    let (name, problem, busy) = (RwSignal::new(String::new()), RwSignal::new(String::new()), RwSignal::new(false));
    let deleted = RwSignal::new(None::<(String, UndoId)>);
    let id = board.summary.with_value(|summary| summary.id);
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        busy.set(true);
        let query = board.view.with_untracked(BoardView::to_query);
        spawn_local(async move {
            let answer = save_view(id, name.get_untracked(), query).await;
            busy.try_set(false);
            match answer {
                Ok(saved) => {
                    let text = t::kanban_view_saved(&saved.view.name);
                    board.around.try_update(|around| {
                        around.views.retain(|other| other.name != saved.view.name);
                        around.views.push(saved.view);
                    });
                    ui.form_open.try_set(false);
                    if let Some(undo) = saved.undo {
                        board.offer_undo(text, undo);
                    }
                }
                Err(error) => {
                    problem.try_set(error.message);
                }
            }
        });
    };
    let remove = move |view: protocol::SavedView| {
        let label = t::kanban_delete_view(&view.name);
        let called = view.name.clone();
        view! {
            <button type="button" class="filter-chip" aria-label=label on:click=move |_| {
                let (gone, name) = (view.id, called.clone());
                spawn_local(async move {
                    match delete_view(id, gone).await {
                        Ok(answer) => {
                            board.around.try_update(|around| around.views.retain(|other| other.id != gone));
                            deleted.try_set(answer.undo.map(|undo| (name, undo)));
                            problem.try_set(String::new());
                        }
                        Err(error) => {
                            problem.try_set(error.message);
                        }
                    }
                });
            }>{view.name}{icon(Icon::Close)}</button>
        }
    };
    let blank = Signal::derive(move || name.read().trim().is_empty());
    view! {
        <form class="save-view" on:submit=submit>
            <TextField label=t::kanban_save_view() value=name placeholder=t::kanban_save_view_placeholder() error=problem />
            <Button kind=ButtonKind::Quiet submit=true busy disabled=blank>{t::common_save()}</Button>
        </form>
        <div class="choices" hidden=move || board.around.with(|around| around.views.is_empty())>
            <For each=move || board.around.with(|around| around.views.clone()) key=|view| view.id children=remove />
        </div>
        {gone_notice(board, deleted, problem)}
    }
    .into_any()
}

/// The way back to a view that was deleted stands in the dialog, which covers messages.
fn gone_notice(board: Board, deleted: RwSignal<Option<(String, UndoId)>>, problem: RwSignal<String>) -> AnyView {
    let have_again = move |undo: UndoId| {
        spawn_local(async move {
            match undo_write(undo).await {
                Ok(undone) => {
                    deleted.try_set(None);
                    if !board.is_gone() {
                        board.accept_undone(&undone);
                    }
                }
                Err(error) => {
                    problem.try_set(error.message);
                }
            }
        });
    };
    let note = move || {
        deleted.get().map(|(name, undo)| {
            view! {
                <p class="draft-note">
                    <span>{t::kanban_view_deleted(&name)}</span>
                    <button type="button" class="btn btn-quiet btn-small" on:click=move |_| have_again(undo)>{t::common_undo()}</button>
                </p>
            }
        })
    };
    view! { <div role="status">{note}</div> }.into_any()
}
