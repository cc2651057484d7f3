//! Comments, and the place to write one. A draft stays in this browser until it is sent.
use leptos::prelude::*;
use protocol::{AddCommentParams, CommentView, LineAnchor};

use super::model::CardPage;
use crate::features::kanban::server_fns::AddComment;
use crate::features::kanban::words;
use crate::i18n::t;
use crate::outbox::{About, Entry, Outcome};
use crate::ui::{Button, dom};

/// The comments of a card.
#[component]
pub fn Comments(page: CardPage) -> impl IntoView {
    let comments = Memo::new(move |_| page.detail.with(|detail| detail.comments.clone()));
    view! {
        <section class="section" aria-label=t::card_comments()>
            <h2>{t::card_comments()}</h2>
            <ol class="comments">
                <For each=move || comments.get() key=|comment| comment.id let(comment)>{comment_view(page, comment)}</For>
            </ol>
            <ol class="comments">
                <For each=move || page.comments_that_wait() key=|entry| (entry.id.clone(), entry.refused.is_some()) let(entry)>{waiting_view(page, entry)}</For>
            </ol>
            <Show when=move || comments.read().is_empty() && page.comments_that_wait().is_empty()>
                <p class="muted">{t::card_no_comments()}</p>
            </Show>
            <Composer page />
        </section>
    }
}

fn comment_view(page: CardPage, comment: CommentView) -> AnyView {
    view! {
        <li class="comment">
            <p class="comment-head">
                <strong>{words::person(&comment.author).to_owned()}</strong>
                {comment.by_worker.then(|| view! { <span class="muted">{t::card_worker()}</span> })}
                <span class="muted">{move || words::ago(comment.created_at, page.now.get())}</span>
            </p>
            {comment.anchor.map(anchor_view)}
            <div class="prose" inner_html=comment.html></div>
        </li>
    }
    .into_any()
}

/// The line of the card's changes that a comment speaks of, without which many a comment says nothing.
fn anchor_view(LineAnchor { path, line }: LineAnchor) -> AnyView {
    let place = line.map(|line| format!(":{line}"));
    view! { <p class="comment-line" dir="ltr">{path}{place}</p> }.into_any()
}

/// A comment that is kept in this browser until the server can be reached.
fn waiting_view(page: CardPage, entry: Entry) -> AnyView {
    let why = entry.refused.clone().unwrap_or_else(|| t::card_comment_waits().to_owned());
    let (refused, text) = (entry.refused.is_some(), entry.text.clone());
    view! {
        <li class="comment is-waiting">
            <p class="comment-head">
                <span class:field-error=refused class:muted=!refused>{why}</span>
                <button type="button" class="btn btn-quiet btn-small" on:click=move |_| page.outbox.take_back(&entry)>{t::outbox_discard()}</button>
            </p>
            <p class="comment-plain" dir="auto">{text}</p>
        </li>
    }
    .into_any()
}

#[component]
fn Composer(page: CardPage) -> impl IntoView {
    let (id, number) = page.detail.with_untracked(|detail| (detail.card.id, detail.card.number));
    let draft_key = StoredValue::new(format!("hermes.draft.{id}"));
    let (body, problem, busy) = (RwSignal::new(String::new()), RwSignal::new(String::new()), RwSignal::new(false));
    Effect::new(move |_| {
        if let Some(draft) = draft_key.with_value(|key| dom::remembered(key)) {
            body.set(draft);
        }
    });
    let send = move || {
        let text = body.get_untracked();
        if text.trim().is_empty() || busy.get_untracked() {
            return;
        }
        busy.set(true);
        let about = About { label: t::outbox_comment(&words::label(number)), cards: vec![id], text: text.clone() };
        let params = AddCommentParams { id, body: text.clone(), anchor: None };
        let key = draft_key.get_value();
        let sent = move || {
            problem.try_set(String::new());
            // What was typed since is the next one.
            if body.try_get_untracked().is_none_or(|now| now == text) {
                body.try_set(String::new());
                dom::forget(&key);
            }
        };
        page.outbox.send(&AddComment { params }, about, move |outcome| {
            busy.try_set(false);
            match outcome {
                Outcome::Refused(error) => {
                    problem.try_set(error.message);
                }
                Outcome::Done { late: false, .. } => {
                    sent();
                    page.reload();
                }
                // It is kept with what waits, and stands above.
                Outcome::Waits => sent(),
                // The stream says so.
                Outcome::Done { .. } | Outcome::TakenBack | Outcome::Elsewhere => {}
            }
        });
    };
    let blank = Signal::derive(move || body.read().trim().is_empty());
    view! {
        <form class="composer" on:submit=move |event| {
            event.prevent_default();
            send();
        }>
            <textarea
                class="input"
                dir="auto"
                rows="2"
                aria-label=t::card_comment_label()
                placeholder=t::card_comment_placeholder()
                bind:value=body
                on:input=move |event| draft_key.with_value(|key| dom::remember(key, &event_target_value(&event)))
                on:keydown=move |event| {
                    if event.key() == "Enter" && (event.meta_key() || event.ctrl_key()) && !event.is_composing() {
                        event.prevent_default();
                        send();
                    }
                }
            ></textarea>
            <p class="field-error" role="alert">{move || problem.get()}</p>
            <div class="btn-row"><Button submit=true busy disabled=blank>{t::card_comment()}</Button></div>
        </form>
    }
}
