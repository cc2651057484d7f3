//! A run's log: read from its end, followed while the run is under way, searched in place. The text is one node that
//! grows; only a search draws it anew. What is kept in the page is bounded, and so is each answer.
use std::collections::VecDeque;
use std::time::Duration;

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{ErrorCode, LogPart, LogSource, RunId, RunLog, RunLogParams};
use wasm_bindgen::JsCast;

use super::follow::{Follow, append_text, to_end};
use crate::error::ApiError;
use crate::features::kanban::server_fns::read_run_log;
use crate::i18n::t;
use crate::ui::{Icon, Toasts, copy_text, icon, skeleton_rows};

/// How often a run under way is asked for more.
const EVERY: Duration = Duration::from_millis(1_000);
/// Text that is kept while a log is followed; the file has all of it.
const KEPT_BYTES: usize = 512 * 1024;
/// Text that can be read back to.
const MOST_BYTES: usize = 2 * 1024 * 1024;
/// Places that a search marks.
const MOST_FOUND: usize = 1_000;

/// The log on screen.
#[derive(Clone, Copy)]
struct Log {
    run: RunId,
    /// Which of the run's logs; `None` before the first answer.
    source: RwSignal<Option<LogSource>>,
    sources: RwSignal<Vec<LogSource>>,
    parts: StoredValue<VecDeque<String>>,
    from: StoredValue<u64>,
    to: StoredValue<u64>,
    earlier: RwSignal<bool>,
    asking: StoredValue<bool>,
    state: RwSignal<State>,
    live: RwSignal<bool>,
    follow: Follow,
    wrap: RwSignal<bool>,
    query: RwSignal<String>,
    found: RwSignal<usize>,
    at: RwSignal<usize>,
    pre: NodeRef<html::Pre>,
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    Loading,
    Shown,
    Empty,
    Failed(ApiError),
}

impl Log {
    fn new(run: RunId, live: bool) -> Self {
        Self {
            run,
            source: RwSignal::new(None),
            sources: RwSignal::new(Vec::new()),
            parts: StoredValue::new(VecDeque::new()),
            from: StoredValue::new(0),
            to: StoredValue::new(0),
            earlier: RwSignal::new(false),
            asking: StoredValue::new(false),
            state: RwSignal::new(State::Loading),
            live: RwSignal::new(live),
            follow: Follow::new(),
            wrap: RwSignal::new(true),
            query: RwSignal::new(String::new()),
            found: RwSignal::new(0),
            at: RwSignal::new(0),
            pre: NodeRef::new(),
        }
    }

    fn ask(self, part: LogPart) {
        if self.asking.try_get_value() != Some(false) {
            return;
        }
        self.asking.set_value(true);
        let params = RunLogParams { run: self.run, source: self.source.get_untracked(), part };
        spawn_local(async move {
            let answer = read_run_log(params).await;
            if self.asking.try_set_value(false).is_some() {
                return; // closed meanwhile
            }
            if self.source.get_untracked() != params.source {
                // Another log was chosen while this answer was on its way.
                return self.ask(LogPart::End);
            }
            match answer {
                Ok(log) => self.take(part, log),
                // What is shown stays; the next question may be answered.
                Err(_) if matches!(part, LogPart::After(_)) => {}
                Err(error) => self.state.set(State::Failed(error)),
            }
        });
    }

    fn take(self, part: LogPart, log: RunLog) {
        self.source.set(Some(log.source));
        if self.sources.with_untracked(|sources| *sources != log.sources) {
            self.sources.set(log.sources);
        }
        self.live.set(log.live);
        let continues = matches!(part, LogPart::After(_)) && log.from == self.to.get_value();
        match part {
            LogPart::Before(_) => {
                self.from.set_value(log.from);
                self.parts.update_value(|parts| parts.push_front(log.text));
                self.earlier.set(log.earlier && self.size() < MOST_BYTES);
                self.draw_above();
            }
            _ if continues => {
                self.to.set_value(log.to);
                if !log.text.is_empty() {
                    self.append(log.text);
                }
            }
            _ => {
                self.from.set_value(log.from);
                self.to.set_value(log.to);
                self.parts.set_value(VecDeque::from([log.text]));
                self.earlier.set(log.earlier);
                self.draw();
            }
        }
        let state = if self.size() == 0 { State::Empty } else { State::Shown };
        if self.state.with_untracked(|shown| *shown != state) {
            self.state.set(state);
            request_animation_frame(move || self.to_end());
        }
    }

    fn size(self) -> usize {
        self.parts.with_value(|parts| parts.iter().map(String::len).sum())
    }

    fn text(self) -> String {
        self.parts.with_value(|parts| parts.iter().map(String::as_str).collect())
    }

    fn append(self, text: String) {
        let searching = !self.query.read_untracked().is_empty();
        let mut cut = false;
        self.parts.update_value(|parts| {
            parts.push_back(text.clone());
            let mut size: usize = parts.iter().map(String::len).sum();
            while size > KEPT_BYTES && parts.len() > 1 {
                size -= parts.pop_front().map_or(0, |part| part.len());
                cut = true;
            }
        });
        if cut {
            // Where the first part that is kept begins is not known any more; the file has what is before it.
            self.earlier.set(false);
        }
        if cut || searching {
            self.draw();
        } else if let Some(pre) = self.pre.get_untracked() {
            append_text(&pre, &text);
        }
        if let Some(pre) = self.pre.get_untracked() {
            self.follow.grown(&pre);
        }
    }

    /// What was on screen stays where it was when more comes above it.
    fn draw_above(self) {
        let Some(pre) = self.pre.get_untracked() else { return };
        let below = pre.scroll_height() - pre.scroll_top();
        self.draw();
        pre.set_scroll_top(pre.scroll_height() - below);
    }

    fn draw(self) {
        let Some(pre) = self.pre.get_untracked() else { return };
        pre.set_text_content(None);
        let text = self.text();
        let query = self.query.get_untracked();
        if query.is_empty() {
            append_text(&pre, &text);
            self.found.set(0);
            return;
        }
        let places = places(&text, &query);
        let mut end = 0;
        let at = self.at.get_untracked();
        for (index, place) in places.iter().enumerate() {
            append_text(&pre, &text[end..*place]);
            end = place + query.len();
            if let Ok(mark) = document().create_element("mark") {
                mark.set_text_content(Some(&text[*place..end]));
                mark.set_class_name(if index == at { "is-here" } else { "" });
                // silent-ok: appending to an element in the page cannot fail.
                let _ = pre.append_child(&mark);
            }
        }
        append_text(&pre, &text[end..]);
        self.found.set(places.len());
    }

    /// Goes to another found place; after the last comes the first.
    fn go(self, by: isize) {
        let (Some(pre), count) = (self.pre.get_untracked(), self.found.get_untracked()) else { return };
        if count == 0 {
            return;
        }
        let at = self.at.get_untracked().checked_add_signed(by).unwrap_or(count - 1) % count;
        self.at.set(at);
        self.follow.stop();
        let Ok(marks) = pre.query_selector_all("mark") else { return };
        for index in 0..marks.length() {
            let Some(mark) = marks.item(index).and_then(|mark| mark.dyn_into::<web_sys::Element>().ok()) else {
                continue;
            };
            let here = index as usize == at;
            mark.set_class_name(if here { "is-here" } else { "" });
            if here {
                let (mark, around) = (mark.get_bounding_client_rect(), pre.get_bounding_client_rect());
                let down = mark.top() - around.top() - around.height() / 2.0;
                let across = mark.left() - around.left() - around.width() / 2.0;
                pre.set_scroll_top(pre.scroll_top() + down as i32);
                pre.set_scroll_left(pre.scroll_left() + across as i32);
            }
        }
    }

    fn to_end(self) {
        if let Some(Some(pre)) = self.pre.try_get_untracked() {
            to_end(&pre);
        }
    }

    fn choose(self, source: LogSource) {
        self.source.set(Some(source));
        self.state.set(State::Loading);
        self.ask(LogPart::End);
    }
}

/// Where the words stand. Upper and lower case of ASCII letters are the same, which keeps every position.
fn places(text: &str, query: &str) -> Vec<usize> {
    let (text, query) = (text.to_ascii_lowercase(), query.to_ascii_lowercase());
    text.match_indices(&query).map(|(at, _)| at).take(MOST_FOUND).collect()
}

/// Reads the end, then what comes after it while the run is under way; and draws what is searched for.
fn keep_reading(log: Log, under_way: Signal<bool>) {
    log.ask(LogPart::End);
    Effect::new(move |_| {
        // Once more after its end, for its last words.
        if !under_way.get() && !log.live.get() {
            return;
        }
        let interval = set_interval_with_handle(
            move || {
                if !document().hidden() && log.state.with_untracked(|state| *state != State::Loading) {
                    log.ask(LogPart::After(log.to.get_value()));
                }
            },
            EVERY,
        );
        if let Ok(interval) = interval {
            on_cleanup(move || interval.clear());
        }
    });
    Effect::new(move |before: Option<()>| {
        log.query.track();
        if before.is_some() {
            log.at.set(0);
            log.draw();
            log.go(0);
        }
    });
}

/// The log of a run, with what one does with a log.
pub fn view(run: RunId, attempt: u32, under_way: Signal<bool>) -> AnyView {
    let log = Log::new(run, under_way.get_untracked());
    keep_reading(log, under_way);
    let other = move || match log.state.get() {
        State::Failed(error) => failure(log, error),
        State::Loading => skeleton_rows(3).into_any(),
        State::Empty if log.live.get() => view! { <p class="muted" role="status">{t::runs_log_wait()}</p> }.into_any(),
        State::Empty => view! { <p class="muted">{t::runs_log_empty()}</p> }.into_any(),
        State::Shown => ().into_any(),
    };
    let shown = move || log.state.with(|state| *state == State::Shown);
    let name = t::runs_log_of(&attempt.to_string());
    let group = name.clone();
    view! {
        <div class="log" role="group" aria-label=group>
            {tools(log)}
            {other}
            <div class="log-box" hidden=move || !shown()>
                <Show when=move || log.earlier.get()>
                    <button type="button" class="btn btn-small log-earlier" on:click=move |_| log.ask(LogPart::Before(log.from.get_value()))>
                        {t::runs_log_earlier()}
                    </button>
                </Show>
                <pre class="log-text" class:is-wrapped=move || log.wrap.get() node_ref=log.pre tabindex="0" role="log" aria-live="off" dir="ltr"
                    aria-label=name
                    on:scroll=move |_| {
                        if let Some(pre) = log.pre.get_untracked() {
                            log.follow.scrolled(&pre);
                        }
                    }></pre>
            </div>
        </div>
    }
    .into_any()
}

fn failure(log: Log, error: ApiError) -> AnyView {
    if error.code == ErrorCode::NotFound {
        return view! { <p class="muted">{error.message}</p> }.into_any();
    }
    let again = move |_| {
        log.state.set(State::Loading);
        log.ask(LogPart::End);
    };
    view! {
        <p class="field-error" role="alert">{error.message}</p>
        <div><button type="button" class="btn btn-small" on:click=again>{t::common_retry()}</button></div>
    }
    .into_any()
}

fn tools(log: Log) -> AnyView {
    let toasts = expect_context::<Toasts>();
    let pressed = |on: bool| if on { "true" } else { "false" };
    let download = move || {
        let source = log.source.get().map(|source| format!("?source={source}")).unwrap_or_default();
        format!("/runs/{}/log{source}", log.run)
    };
    let count = move || match (log.query.read().is_empty(), log.found.get()) {
        (true, _) => String::new(),
        (false, 0) => t::runs_log_not_found().to_owned(),
        (false, found) => t::runs_log_found(&(log.at.get() + 1).to_string(), &found.to_string()),
    };
    let nothing = move || log.found.get() == 0;
    view! {
        {move || sources(log)}
        <div class="log-tools" hidden=move || log.state.with(|state| *state != State::Shown)>
            <label class="log-search">
                <span class="icon-s">{icon(Icon::Search)}</span>
                <input type="search" autocomplete="off" aria-label=t::runs_log_search() placeholder=t::runs_log_search() bind:value=log.query
                    on:keydown=move |event| {
                        if event.key() == "Enter" {
                            event.prevent_default();
                            log.go(if event.shift_key() { -1 } else { 1 });
                        }
                    } />
            </label>
            <span class="log-count" role="status">{count}</span>
            <span class="log-steps" hidden=nothing>
                <button type="button" class="icon-btn is-up" aria-label=t::runs_log_previous() on:click=move |_| log.go(-1)>{icon(Icon::Chevron)}</button>
                <button type="button" class="icon-btn" aria-label=t::runs_log_next() on:click=move |_| log.go(1)>{icon(Icon::Chevron)}</button>
            </span>
            <span class="log-gap"></span>
            <button type="button" class="btn btn-quiet btn-small" hidden=move || !log.live.get() aria-pressed=move || pressed(log.follow.is_on())
                on:click=move |_| log.follow.toggle(log.pre.get_untracked().as_deref().map(AsRef::as_ref))>{move || if log.follow.is_on() { t::card_following() } else { t::card_follow() }}</button>
            <button type="button" class="btn btn-quiet btn-small" aria-pressed=move || pressed(log.wrap.get())
                on:click=move |_| log.wrap.update(|wrap| *wrap = !*wrap)>{t::runs_log_wrap()}</button>
            <button type="button" class="icon-btn" aria-label=t::runs_log_copy() on:click=move |_| copy_text(log.text(), toasts)>{icon(Icon::Copy)}</button>
            <a class="icon-btn" aria-label=t::runs_log_save() title=t::runs_log_save() href=download rel="external" download="">{icon(Icon::Down)}</a>
        </div>
    }
    .into_any()
}

/// Which log, where a run has several.
fn sources(log: Log) -> Option<AnyView> {
    let sources = log.sources.get();
    (sources.len() > 1).then(|| {
        let chips = sources.into_iter().map(|source| {
            let name = match source {
                LogSource::Activity => t::card_activity(),
                LogSource::Output => t::card_output(),
                LogSource::Worker => t::runs_log_worker(),
            };
            view! {
                <button type="button" class="choice" aria-pressed=move || if log.source.get() == Some(source) { "true" } else { "false" }
                    on:click=move |_| log.choose(source)>{name}</button>
            }
        });
        view! { <div class="choices" role="group" aria-label=t::runs_log_which()>{chips.collect_view()}</div> }.into_any()
    })
}
