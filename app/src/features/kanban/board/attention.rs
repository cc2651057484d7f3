//! What needs a person's attention on the board: how many cards, and which. Found by the server, asked for now and then
//! while the window can be seen.
use std::time::Duration;

use leptos::leptos_dom::helpers::IntervalHandle;
use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{Attention, Diagnosis};

use super::BoardUi;
use super::model::Board;
use crate::features::kanban::card::findings;
use crate::features::kanban::server_fns::read_attention;
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::{EmptyState, ErrorState, Icon, icon, skeleton_rows};

/// How often the board is looked over.
const EVERY: Duration = Duration::from_secs(20);

/// Counts now, and again while the board is on screen.
pub(super) fn follow(board: Board, ui: BoardUi) {
    let Some(slug) = board.summary.try_with_value(|summary| summary.slug.clone()) else { return };
    let count = move |slug: String| {
        spawn_local(async move {
            // silent-ok: the next count may succeed, and the board itself says when the server does not answer.
            if let Ok(found) = read_attention(slug).await {
                ui.attention.try_set(i64::from(found.total));
            }
        });
    };
    count(slug.clone());
    let handle = std::rc::Rc::new(std::cell::Cell::new(None::<IntervalHandle>));
    let own = std::rc::Rc::clone(&handle);
    let interval = set_interval_with_handle(
        move || {
            if ui.attention.is_disposed() {
                // The board is gone; so is this.
                if let Some(handle) = own.take() {
                    handle.clear();
                }
            } else if !document().hidden() {
                count(slug.clone());
            }
        },
        EVERY,
    );
    handle.set(interval.ok());
}

/// The cards, worst first.
pub(super) fn list(board: Board, ui: BoardUi) -> AnyView {
    let slug = board.summary.with_value(|summary| summary.slug.clone());
    let found = LocalResource::new(move || read_attention(slug.clone()));
    let retry = Callback::new(move |()| found.refetch());
    view! {
        <div class="dialog-body">
            <Suspense fallback=|| skeleton_rows(3)>
                {move || Suspend::new(async move {
                    match found.await {
                        Ok(found) => rows(board, ui, found),
                        Err(error) => view! { <ErrorState error retry /> }.into_any(),
                    }
                })}
            </Suspense>
        </div>
    }
    .into_any()
}

fn rows(board: Board, ui: BoardUi, found: Attention) -> AnyView {
    ui.attention.try_set(i64::from(found.total));
    if found.worst.is_empty() {
        return view! { <EmptyState title=t::findings_attention_none() /> }.into_any();
    }
    let more = (found.total as usize).saturating_sub(found.worst.len());
    let row = move |diagnosis: Diagnosis| {
        let Diagnosis { kind, severity, card, count, since, about, .. } = diagnosis;
        let now = board.now.get_untracked();
        let address = format!("/card/{}", card.number);
        // What it waits for may be the very thing that is wrong.
        let wait = card.wait.as_ref().filter(|wait| !findings::says_same(kind, wait));
        let what = match wait.map(|wait| words::wait_reason(wait, now)) {
            Some(wait) => format!("{} · {wait}", findings::what(kind, count, &about)),
            None => findings::what(kind, count, &about),
        };
        let meta = format!("{} · {}", findings::severity(severity), words::ago(since, now));
        let go = address.clone();
        view! {
            <li>
                <a class=format!("attention-row {}", findings::tone(severity).class()) href=address on:click=move |event| {
                    if !(event.ctrl_key() || event.meta_key() || event.shift_key()) {
                        event.prevent_default();
                        ui.open_page(&go);
                    }
                }>
                    <span class="finding-sign">{icon(Icon::Warning)}</span>
                    <span class="attention-text">
                        <span class="attention-title"><span class="card-number">{words::label(card.number)}</span>" "{card.title}</span>
                        <span class="attention-what">{what}</span>
                        <span class="finding-meta">{meta}</span>
                    </span>
                </a>
            </li>
        }
    };
    view! {
        <ol class="attention">{found.worst.into_iter().map(row).collect_view()}</ol>
        {(more > 0).then(|| view! { <p class="muted">{t::findings_attention_more(&more.to_string())}</p> })}
    }
    .into_any()
}
