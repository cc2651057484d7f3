//! Every attempt so far, newest first. A run opens in place and shows its log; older ones come a page at a time, so that
//! a card with a thousand of them opens as fast as one with two.
use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{CardRef, RUN_PAGE, RunId, RunOutcome, RunSummary};

use super::model::CardPage;
use crate::features::kanban::extra::{Extra, extra};
use crate::features::kanban::server_fns::read_runs;
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::{Icon, Toasts, Tone, icon, later};

/// How many runs a short list shows.
const FEW: usize = 3;

/// The runs that are loaded.
#[derive(Debug, Clone, Copy)]
struct History {
    page: CardPage,
    runs: RwSignal<Vec<RunSummary>>,
    /// There are runs before the loaded ones.
    more: RwSignal<bool>,
    loading: RwSignal<bool>,
}

impl History {
    fn new(page: CardPage) -> Self {
        let runs = page.detail.with_untracked(|detail| detail.runs.clone());
        let full = runs.len() >= RUN_PAGE as usize;
        let more = full && runs.last().is_some_and(|run| run.attempt > 1);
        let history =
            Self { page, runs: RwSignal::new(runs), more: RwSignal::new(more), loading: RwSignal::new(false) };
        Effect::new(move |_| {
            let newest = page.detail.with(|detail| detail.runs.clone());
            history.merge(newest);
        });
        history
    }

    /// Takes over what the card's page has read again. Runs that were loaded stay.
    fn merge(self, newest: Vec<RunSummary>) {
        let Some(last) = newest.last().map(|run| run.attempt) else { return };
        let mut merged = newest;
        self.runs.with_untracked(|runs| merged.extend(runs.iter().filter(|run| run.attempt < last).cloned()));
        if self.runs.with_untracked(|runs| *runs != merged) {
            self.runs.set(merged);
        }
    }

    fn load(self, toasts: Toasts) {
        let Some(before) = self.runs.with_untracked(|runs| runs.last().map(|run| run.attempt)) else { return };
        let id = self.page.detail.with_untracked(|detail| detail.card.id);
        self.loading.set(true);
        spawn_local(async move {
            let answer = read_runs(CardRef::Id(id), before).await;
            self.loading.try_set(false);
            match answer {
                Ok(found) => {
                    self.more.try_set(found.more);
                    self.runs.try_update(|runs| runs.extend(found.runs));
                }
                Err(error) => toasts.fail(error.message),
            }
        });
    }
}

/// Every attempt so far.
pub fn runs(page: CardPage) -> AnyView {
    let toasts = expect_context::<Toasts>();
    let history = History::new(page);
    let ids = Memo::new(move |_| history.runs.with(|runs| runs.iter().map(|run| run.id).collect::<Vec<RunId>>()));
    view! {
        <section class="section" aria-label=t::card_runs()>
            <h2>{t::card_runs()}</h2>
            <Show when=move || !ids.read().is_empty() fallback=|| view! { <p class="muted">{t::runs_none()}</p> }>
                <ol class="runs"><For each=move || ids.get() key=|id| *id let(id)>{run_row(history, id)}</For></ol>
            </Show>
            <Show when=move || history.more.get()>
                <div class="runs-more">
                    <button type="button" class="btn btn-small" class:is-busy=move || history.loading.get() disabled=move || history.loading.get()
                        on:click=move |_| history.load(toasts)>{t::runs_earlier()}</button>
                </div>
            </Show>
        </section>
    }
    .into_any()
}

/// The newest attempts, and a way to all of them.
pub fn newest(page: CardPage) -> AnyView {
    let few = Memo::new(move |_| page.detail.with(|detail| detail.runs.iter().take(FEW).cloned().collect::<Vec<_>>()));
    let all = page.detail.with_untracked(|detail| format!("/card/{}", detail.card.number));
    let more = Memo::new(move |_| page.detail.with(|detail| detail.runs.len() > FEW));
    (move || {
        let (few, all) = (few.get(), all.clone());
        (!few.is_empty()).then(|| {
            view! {
                <section class="section" aria-label=t::card_runs()>
                    <h2>{t::card_runs()}</h2>
                    <ol class="runs">
                        {few.into_iter().map(|run| view! { <li class="run"><div class="run-head">{summary(page, &run)}</div></li> }).collect_view()}
                    </ol>
                    {more.get().then(|| view! { <a class="muted-link" href=all>{t::runs_all()}</a> })}
                </section>
            }
        })
    })
    .into_any()
}

fn run_row(history: History, id: RunId) -> AnyView {
    let run = Memo::new(move |_| history.runs.with(|runs| runs.iter().find(|run| run.id == id).cloned()));
    let open = RwSignal::new(false);
    let live = Memo::new(move |_| run.with(|run| run.as_ref().is_some_and(|run| run.ended_at.is_none())));
    let attempt = run.with_untracked(|run| run.as_ref().map_or(0, |run| run.attempt));
    let body = format!("run-{id}");
    view! {
        <li class="run" class:is-open=move || open.get()>
            <button type="button" class="run-head" aria-expanded=move || open.get().to_string() aria-controls=body.clone()
                on:click=move |_| open.update(|open| *open = !*open)>
                {move || run.get().map(|run| summary(history.page, &run))}
                <span class="run-fold">{icon(Icon::Chevron)}</span>
            </button>
            <div class="run-body" id=body hidden=move || !open.get()>
                <Show when=move || open.get()>
                    {move || run.get().map(|run| facts(history.page, &run))}
                    {later(extra(Extra::Log(id, attempt, live.into())))}
                </Show>
            </div>
        </li>
    }
    .into_any()
}

/// A run in two lines.
fn summary(page: CardPage, run: &RunSummary) -> AnyView {
    let (name, tone, sign) = outcome(run.outcome);
    let (from, until) = (run.started_at.unwrap_or(run.claimed_at), run.ended_at);
    let duration = move || words::span(until.unwrap_or_else(|| page.now.get()).saturating_sub(from));
    let started = move || words::ago(from, page.now.get());
    let cost = run.cost_micros.map(|cost| view! { <span>{words::price(cost)}</span> });
    let text = run.error.as_deref().or(run.summary.as_deref()).map(|text| text.chars().take(400).collect::<String>());
    view! {
        <span class=format!("run-sign {}", tone.class())>{icon(sign)}</span>
        <span class="run-main">
            <span class="run-line">
                <span class="run-attempt">{t::card_attempt(&run.attempt.to_string())}</span>
                <span class=format!("run-outcome {}", tone.class())>{name}</span>
                <span class="run-profile">{run.profile.clone()}</span>
            </span>
            {text.map(|text| view! { <span class="run-text">{text}</span> })}
        </span>
        <span class="run-facts">
            <span>{started}</span>
            <span>{duration}</span>
            {cost}
        </span>
    }
    .into_any()
}

/// Everything else about a run; made in the browser, which knows the local time.
fn facts(page: CardPage, run: &RunSummary) -> AnyView {
    let (from, until) = (run.started_at.unwrap_or(run.claimed_at), run.ended_at);
    let row = |name: &'static str, value: AnyView| view! { <div class="detail"><dt>{name}</dt><dd>{value}</dd></div> };
    let duration = move || words::span(until.unwrap_or_else(|| page.now.get()).saturating_sub(from));
    let tokens = (run.tokens_in + run.tokens_out > 0)
        .then(|| t::card_tokens(&run.tokens_in.to_string(), &run.tokens_out.to_string()));
    let text = run.error.clone().or_else(|| run.summary.clone());
    let class = if run.error.is_some() { "run-said is-error" } else { "run-said" };
    view! {
        {text.map(|text| view! { <p class=class>{text}</p> })}
        <dl class="run-details">
            {row(t::runs_started(), local_time(from).into_any())}
            {row(t::runs_took(), duration.into_any())}
            {tokens.map(|tokens| row(t::runs_tokens(), tokens.into_any()))}
            {run.cost_micros.map(|cost| row(t::runs_cost(), words::price(cost).into_any()))}
            {run.model.clone().map(|model| row(t::kanban_model(), model.into_any()))}
        </dl>
    }
    .into_any()
}

/// A moment as people here write it.
pub(super) fn local_time(at: i64) -> String {
    in_words(at, &wasm_bindgen::JsValue::UNDEFINED)
}

/// The day and the hour, for what people set: they set no seconds.
pub(super) fn local_minute(at: i64) -> String {
    let options = js_sys::Object::new();
    for (name, style) in [("dateStyle", "medium"), ("timeStyle", "short")] {
        // silent-ok: an object takes any name.
        let _ = js_sys::Reflect::set(&options, &name.into(), &style.into());
    }
    in_words(at, &options)
}

fn in_words(at: i64, options: &wasm_bindgen::JsValue) -> String {
    let date = js_sys::Date::new(&wasm_bindgen::JsValue::from_f64(at as f64));
    let language = document().document_element().and_then(|root| root.get_attribute("lang")).unwrap_or_default();
    String::from(date.to_locale_string(&language, options))
}

/// How a run ended, in a word, a colour and a sign.
fn outcome(outcome: Option<RunOutcome>) -> (&'static str, Tone, Icon) {
    match outcome {
        None => (t::card_outcome_running(), Tone::Accent, Icon::Agent),
        Some(RunOutcome::Completed) => (t::card_outcome_completed(), Tone::Success, Icon::Check),
        Some(RunOutcome::Review) => (t::card_outcome_review(), Tone::Success, Icon::Eye),
        Some(RunOutcome::Blocked) => (t::card_outcome_blocked(), Tone::Warning, Icon::Question),
        Some(RunOutcome::Reclaimed) => (t::card_outcome_reclaimed(), Tone::Neutral, Icon::Undo),
        Some(RunOutcome::SpawnFailed) => (t::card_outcome_spawn_failed(), Tone::Danger, Icon::Stop),
        Some(RunOutcome::Crashed) => (t::card_outcome_crashed(), Tone::Danger, Icon::Warning),
        Some(RunOutcome::TimedOut) => (t::card_outcome_timed_out(), Tone::Danger, Icon::Clock),
        Some(RunOutcome::Lost) => (t::card_outcome_lost(), Tone::Danger, Icon::Warning),
        Some(RunOutcome::ProtocolViolation) => (t::card_outcome_protocol(), Tone::Danger, Icon::Warning),
        Some(RunOutcome::RateLimited) => (t::card_outcome_rate_limited(), Tone::Warning, Icon::Clock),
        Some(RunOutcome::Budget) => (t::card_outcome_budget(), Tone::Warning, Icon::Stop),
    }
}
