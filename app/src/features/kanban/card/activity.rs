//! What a run does, as it does it. Text that streams is appended to the text node on screen, once per frame; nothing
//! that is settled is drawn again.
use leptos::html;
use leptos::prelude::*;
use protocol::{RunDelta, RunEventKind, RunEventView, RunId};

use super::follow::{Follow, append_text, to_end};
use crate::i18n::t;
use crate::ui::{Icon, Toasts, copy_text, icon};

/// More rows than this are not kept in the page; the run's record has them all.
const MAX_ROWS: usize = 400;

/// What became of a tool call.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    /// The tool works.
    Awaited,
    /// The run ended without one, as it does when a call ends the run.
    Never,
    /// Whether it succeeded, and what it said.
    Said(bool, String),
}

/// One entry: a stretch of text, a tool call with its answer, or a note.
#[derive(Debug, Clone)]
struct Row {
    /// The number of its first event.
    seq: i64,
    kind: RunEventKind,
    name: String,
    text: String,
    /// Of a tool call.
    answer: ArcRwSignal<Answer>,
}

/// The activity of one run.
#[derive(Debug, Clone, Copy)]
pub struct Activity {
    run: RwSignal<Option<RunId>>,
    rows: RwSignal<Vec<Row>>,
    last: StoredValue<i64>,
    /// Text on its way to the screen: the row's number and what comes after.
    unwritten: StoredValue<Vec<(i64, String)>>,
    follow: Follow,
    container: NodeRef<html::Div>,
}

impl Activity {
    /// The activity that is known already.
    #[must_use]
    pub fn new(run: Option<RunId>, events: &[RunEventView]) -> Self {
        let mut rows = Vec::new();
        for event in events {
            add(&mut rows, event);
        }
        Self {
            run: RwSignal::new(run),
            rows: RwSignal::new(rows),
            last: StoredValue::new(events.last().map_or(0, |event| event.seq)),
            unwritten: StoredValue::new(Vec::new()),
            follow: Follow::new(),
            container: NodeRef::new(),
        }
    }

    /// The last event that is there.
    #[must_use]
    pub fn last_seq(self) -> i64 {
        self.last.get_value()
    }

    /// The card was read again: a newer run starts over, the same one goes on.
    pub fn catch_up(self, run: Option<RunId>, events: &[RunEventView]) {
        if self.run.get_untracked() != run {
            self.run.set(run);
            self.last.set_value(events.last().map_or(0, |event| event.seq));
            self.unwritten.set_value(Vec::new());
            let mut rows = Vec::new();
            for event in events {
                add(&mut rows, event);
            }
            self.rows.set(rows);
            return;
        }
        self.append(events);
    }

    /// The run is over, whether or not it said so.
    pub fn end(self) {
        self.rows.with_untracked(|rows| give_up(rows));
    }

    /// New events of a run.
    pub fn apply(self, delta: &RunDelta) -> bool {
        if self.run.get_untracked() != Some(delta.run_id) {
            return false;
        }
        self.append(&delta.events);
        true
    }

    fn append(self, events: &[RunEventView]) {
        for event in events {
            if event.seq <= self.last.get_value() {
                continue;
            }
            self.last.set_value(event.seq);
            let grows =
                self.rows.with_untracked(|rows| rows.last().filter(|row| row.grows_with(event)).map(|row| row.seq));
            if let Some(row) = grows {
                self.write_later(row, &event.detail);
            } else if !self.rows.with_untracked(|rows| answer(rows, event)) {
                self.rows.update(|rows| {
                    add(rows, event);
                    if rows.len() > MAX_ROWS {
                        rows.remove(0);
                    }
                });
                self.write_later(event.seq, "");
            }
        }
    }

    fn write_later(self, row: i64, text: &str) {
        let first = self.unwritten.with_value(Vec::is_empty);
        self.unwritten.update_value(|unwritten| match unwritten.last_mut() {
            Some((last, waiting)) if *last == row => waiting.push_str(text),
            _ => unwritten.push((row, text.to_owned())),
        });
        if first {
            request_animation_frame(move || self.write());
        }
    }

    fn write(self) {
        let Some(Some(container)) = self.container.try_get_untracked() else { return };
        let unwritten = self.unwritten.try_update_value(std::mem::take).unwrap_or_default();
        for (row, text) in unwritten {
            let node = container.query_selector(&format!("[data-row='{row}']")).ok().flatten();
            if let Some(node) = node {
                append_text(&node, &text);
            }
        }
        self.follow.grown(&container);
    }
}

impl Row {
    fn grows_with(&self, event: &RunEventView) -> bool {
        use RunEventKind::{Output, Text, Thinking};
        self.kind == event.kind && matches!(event.kind, Text | Thinking | Output)
    }
}

/// Puts a tool's answer to its call. Whether it was one.
fn answer(rows: &[Row], event: &RunEventView) -> bool {
    if event.kind != RunEventKind::ToolResult {
        return false;
    }
    let call = rows.iter().rev().find(|row| {
        row.kind == RunEventKind::ToolCall
            && row.name == event.name
            && row.answer.with_untracked(|answer| *answer == Answer::Awaited)
    });
    if let Some(call) = call {
        call.answer.set(Answer::Said(event.ok, event.detail.clone()));
    }
    call.is_some()
}

/// Nobody answers any more.
fn give_up(rows: &[Row]) {
    for row in rows {
        if row.kind == RunEventKind::ToolCall && row.answer.with_untracked(|answer| *answer == Answer::Awaited) {
            row.answer.set(Answer::Never);
        }
    }
}

fn add(rows: &mut Vec<Row>, event: &RunEventView) {
    if let Some(last) = rows.last_mut()
        && last.grows_with(event)
    {
        last.text.push_str(&event.detail);
        return;
    }
    if answer(rows, event) {
        return;
    }
    if event.kind == RunEventKind::Ended {
        give_up(rows);
    }
    rows.push(Row {
        seq: event.seq,
        kind: event.kind,
        name: event.name.clone(),
        text: event.detail.clone(),
        answer: ArcRwSignal::new(Answer::Awaited),
    });
}

/// The log of the newest run.
#[component]
pub fn ActivityView(
    activity: Activity,
    #[prop(into)] heading: Signal<String>,
    #[prop(into)] running: Signal<bool>,
) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let container = activity.container;
    Effect::new(move |_| {
        if let Some(container) = container.get() {
            to_end(&container);
        }
    });
    let copy = move |_| {
        let Some(container) = container.get_untracked() else { return };
        copy_text(container.text_content().unwrap_or_default(), toasts);
    };
    view! {
        <section class="section" aria-label=t::card_activity()>
            <header class="section-head">
                <h2>{move || heading.get()}</h2>
                <button type="button" class="btn btn-quiet btn-small" hidden=move || !running.get()
                    aria-pressed=move || if activity.follow.is_on() { "true" } else { "false" }
                    on:click=move |_| activity.follow.toggle(container.get_untracked().as_deref().map(AsRef::as_ref))>
                    {move || if activity.follow.is_on() { t::card_following() } else { t::card_follow() }}
                </button>
                <button type="button" class="icon-btn" aria-label=t::card_copy_log() on:click=copy>{icon(Icon::Copy)}</button>
            </header>
            <div class="activity" node_ref=container tabindex="0" role="log" aria-live="off" aria-label=move || heading.get()
                on:scroll=move |_| {
                    if let Some(container) = container.get_untracked() {
                        activity.follow.scrolled(&container);
                    }
                }>
                <For each=move || activity.rows.get() key=|row| row.seq let(row)>{row_view(row)}</For>
                <Show when=move || activity.rows.read().is_empty()>
                    <p class="muted">{t::card_activity_wait()}</p>
                </Show>
            </div>
        </section>
    }
}

fn row_view(row: Row) -> AnyView {
    let Row { seq, kind, name, text, answer } = row;
    match kind {
        RunEventKind::Text => view! { <div class="act-text" data-row=seq>{text}</div> }.into_any(),
        RunEventKind::Output => view! { <pre class="act-output" data-row=seq>{text}</pre> }.into_any(),
        RunEventKind::Thinking => view! {
            <details class="act-fold">
                <summary>{t::card_thinking()}</summary>
                <div class="act-thinking" data-row=seq>{text}</div>
            </details>
        }
        .into_any(),
        RunEventKind::ToolCall | RunEventKind::ToolResult => tool_view(seq, name, text, answer),
        RunEventKind::Refused => {
            view! { <p class="act-note tone-danger" data-row=seq>{t::card_refused(&name)}": "{text}</p> }.into_any()
        }
        RunEventKind::Started | RunEventKind::Ended | RunEventKind::Note => {
            let fallback = match kind {
                RunEventKind::Started => t::card_started_plain(),
                RunEventKind::Ended => t::card_ended(),
                _ => "",
            };
            let text = if text.is_empty() { fallback.to_owned() } else { text };
            view! { <p class="act-note" data-row=seq>{text}</p> }.into_any()
        }
    }
}

/// A tool call is one line; its arguments and its answer open on demand.
fn tool_view(seq: i64, name: String, text: String, answer: ArcRwSignal<Answer>) -> AnyView {
    let state = answer.clone();
    let line: String = text.lines().next().unwrap_or_default().chars().take(120).collect();
    view! {
        <details class="act-fold act-tool" data-row=seq>
            <summary>
                <span class="icon-s">{icon(Icon::Terminal)}</span>
                <span class="act-name">{name}</span>
                <span class="act-line">{line}</span>
                {move || match &*state.read() {
                    Answer::Awaited => view! { <span class="act-state tone-accent">{t::card_tool_running()}</span> }.into_any(),
                    Answer::Never => ().into_any(),
                    Answer::Said(true, _) => view! { <span class="act-state tone-success">{icon(Icon::Check)}</span> }.into_any(),
                    Answer::Said(false, _) => view! { <span class="act-state tone-danger">{t::card_tool_failed()}</span> }.into_any(),
                }}
            </summary>
            <pre class="act-output">{text}</pre>
            {move || match &*answer.read() {
                Answer::Said(_, text) => view! { <pre class="act-output">{text.clone()}</pre> }.into_any(),
                Answer::Awaited | Answer::Never => ().into_any(),
            }}
        </details>
    }
    .into_any()
}
