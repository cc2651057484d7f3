//! Everything that happened to the card and who did it, newest first, a page at a time.
use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{CardDetail, CardId, CardRef, CardState, DecisionVerb, HistoryEntry, HistoryPage};

use super::runs::{local_minute, local_time};
use crate::error::ApiError;
use crate::features::kanban::server_fns::read_history;
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::{ErrorState, Toasts, skeleton_rows};

/// What is loaded.
#[derive(Debug, Clone, Copy)]
struct Past {
    card: CardId,
    entries: RwSignal<Vec<HistoryEntry>>,
    /// There is more before the loaded ones.
    more: RwSignal<bool>,
    /// How many days after the card was finished what came before was tidied up.
    tidied: RwSignal<Option<u32>>,
    /// Something was read, even if it is nothing.
    read: RwSignal<bool>,
    failed: RwSignal<Option<ApiError>>,
    loading: RwSignal<bool>,
    toasts: Toasts,
}

impl Past {
    /// Reads the newest again.
    fn look(self) {
        spawn_local(async move {
            match read_history(CardRef::Id(self.card), None).await {
                Ok(newest) => self.merge(newest),
                // What is shown stays; the next change asks again.
                Err(_) if self.read.try_get_untracked() != Some(false) => {}
                Err(error) => {
                    self.failed.try_set(Some(error));
                }
            }
        });
    }

    /// Takes over the newest page. Loaded ones stay, unless more has happened since than a page has.
    fn merge(self, newest: HistoryPage) {
        let Some(mut known) = self.entries.try_get_untracked() else { return };
        self.failed.set(None);
        self.read.set(true);
        let HistoryPage { mut entries, more, tidied_days } = newest;
        self.tidied.set(tidied_days);
        // Answers can overtake each other.
        if entries.first().map(|entry| entry.seq) < known.first().map(|entry| entry.seq) {
            return;
        }
        let reached = entries.last().map_or(0, |entry| entry.seq);
        if known.first().is_some_and(|entry| entry.seq >= reached) {
            known.retain(|entry| entry.seq < reached);
            if known.is_empty() {
                self.more.set(more);
            }
            entries.extend(known);
        } else {
            self.more.set(more);
        }
        self.entries.set(entries);
    }

    fn load_older(self) {
        let Some(before) = self.entries.with_untracked(|entries| entries.last().map(|entry| entry.seq)) else { return };
        self.loading.set(true);
        spawn_local(async move {
            let answer = read_history(CardRef::Id(self.card), Some(before)).await;
            self.loading.try_set(false);
            match answer {
                Ok(older) => {
                    self.more.try_set(older.more);
                    self.entries.try_update(|entries| {
                        let oldest = entries.last().map_or(i64::MAX, |entry| entry.seq);
                        entries.extend(older.entries.into_iter().filter(|entry| entry.seq < oldest));
                    });
                }
                Err(error) => self.toasts.fail(error.message),
            }
        });
    }
}

/// The history of a card, read again when the card changes.
pub fn view(detail: RwSignal<CardDetail>, now: RwSignal<i64>) -> AnyView {
    let past = Past {
        card: detail.with_untracked(|detail| detail.card.id),
        entries: RwSignal::new(Vec::new()),
        more: RwSignal::new(false),
        tidied: RwSignal::new(None),
        read: RwSignal::new(false),
        failed: RwSignal::new(None),
        loading: RwSignal::new(false),
        toasts: expect_context::<Toasts>(),
    };
    let seq = Memo::new(move |_| detail.with(|detail| detail.seq));
    Effect::new(move |_| {
        seq.track();
        past.look();
    });
    let retry = Callback::new(move |()| past.look());
    (move || match (past.read.get(), past.failed.get()) {
        (false, Some(error)) => view! { <ErrorState error retry /> }.into_any(),
        (false, None) => skeleton_rows(3).into_any(),
        (true, _) => list(past, now),
    })
    .into_any()
}

fn list(past: Past, now: RwSignal<i64>) -> AnyView {
    view! {
        <p class="muted" hidden=move || !past.entries.read().is_empty()>{t::history_none()}</p>
        <ol class="history"><For each=move || past.entries.get() key=|entry| entry.seq let(entry)>{row(entry, now)}</For></ol>
        <Show when=move || past.more.get()>
            <div class="runs-more">
                <button type="button" class="btn btn-small" class:is-busy=move || past.loading.get() disabled=move || past.loading.get()
                    on:click=move |_| past.load_older()>{t::history_older()}</button>
            </div>
        </Show>
        {move || past.tidied.get().map(|days| view! { <p class="muted">{t::history_tidied(i64::from(days))}</p> })}
    }
    .into_any()
}

fn row(entry: HistoryEntry, now: RwSignal<i64>) -> AnyView {
    let (at, when) = (entry.at, local_time(entry.at));
    let said = says_more(&entry.kind).then(|| entry.said.clone()).filter(|said| !said.is_empty());
    view! {
        <li class="history-entry">
            <p>
                <strong>{words::person(&entry.by).to_owned()}</strong>" "{what(&entry)}" "
                <span class="muted" title=when>{move || words::ago(at, now.get())}</span>
            </p>
            {said.map(|said| view! { <p class="muted" dir="auto">{said}</p> })}
        </li>
    }
    .into_any()
}

/// Whether what was said stands below, because it is a sentence of its own.
fn says_more(kind: &str) -> bool {
    !matches!(kind, "attached" | "detached" | "merged" | "claimed" | "repetition_dropped")
}

/// What was done, as it goes on after the name of who did it.
fn what(entry: &HistoryEntry) -> String {
    let (said, cards) = (entry.said.as_str(), cards(&entry.cards));
    match entry.kind.as_str() {
        "attached" => t::history_attached(said),
        "blocked" if entry.to == Some(CardState::Review) => t::history_handed_in().to_owned(),
        "blocked" => t::history_asked().to_owned(),
        "claimed" => t::history_claimed(&entry.attempt.unwrap_or_default().to_string(), said),
        "commented" => t::history_commented().to_owned(),
        "completed" => t::history_completed().to_owned(),
        "completion_refused" => t::history_completion_refused().to_owned(),
        "created" => t::history_created().to_owned(),
        "decision_settled" => settled(entry.verb).to_owned(),
        "decomposed" => t::history_decomposed(&cards),
        "deleted" => t::history_deleted().to_owned(),
        "demoted" => t::history_demoted().to_owned(),
        "detached" => t::history_detached(said),
        "due" => t::history_due().to_owned(),
        "edited" => t::history_edited(&fields(&entry.fields)),
        "gave_up" => t::history_gave_up().to_owned(),
        "imported" => t::history_imported().to_owned(),
        "linked" => t::history_linked(&cards),
        "merged" => t::history_merged(said),
        "moved" => match entry.to {
            Some(to) => t::history_moved(words::state_name(to)),
            None => t::history_reordered().to_owned(),
        },
        "promoted" => t::history_promoted().to_owned(),
        "proposal_asked" => t::history_proposal_asked().to_owned(),
        "proposal_discarded" => t::history_proposal_discarded().to_owned(),
        "proposal_failed" => t::history_proposal_failed().to_owned(),
        "proposed" => t::history_proposed().to_owned(),
        "reclaimed" => t::history_reclaimed().to_owned(),
        "reordered" => t::history_reordered().to_owned(),
        "repetition_dropped" => t::history_repetition_dropped(said),
        "retried" => t::history_retried().to_owned(),
        "run_failed" => t::history_run_failed().to_owned(),
        "scheduled" => match entry.starts_at {
            Some(at) => t::history_scheduled(&local_minute(at)),
            None => t::history_rescheduled().to_owned(),
        },
        "specified" => t::history_specified().to_owned(),
        "stale" => t::history_stale(&cards),
        "started" => t::history_started().to_owned(),
        "undone" => t::history_undone().to_owned(),
        "unknown_references" => t::history_unknown_references(&cards),
        "unlinked" => t::history_unlinked(&cards),
        // What another version writes is told in its own word.
        other => t::history_other(&other.replace('_', " ")),
    }
}

fn settled(verb: Option<DecisionVerb>) -> &'static str {
    match verb {
        Some(DecisionVerb::Approve) => t::history_approved(),
        Some(DecisionVerb::SendBack) => t::history_sent_back(),
        Some(DecisionVerb::Retry) => t::history_retried(),
        Some(DecisionVerb::Archive) => t::history_put_away(),
        Some(DecisionVerb::Answer) | None => t::history_answered(),
    }
}

fn cards(numbers: &[i64]) -> String {
    numbers.iter().map(|number| words::label(*number)).collect::<Vec<_>>().join(", ")
}

/// The names of fields, as the form has them.
fn fields(names: &[String]) -> String {
    let name = |name: &String| match name.as_str() {
        "title" => t::kanban_title().to_owned(),
        "body" => t::kanban_body().to_owned(),
        "assignee" => t::kanban_assignee().to_owned(),
        "priority" => t::kanban_priority().to_owned(),
        "labels" => t::kanban_labels().to_owned(),
        "tenant" => t::kanban_tenant().to_owned(),
        "skills" => t::kanban_skills().to_owned(),
        "model" => t::kanban_model().to_owned(),
        "due_at" => t::kanban_due().to_owned(),
        "repeat" => t::kanban_repeat().to_owned(),
        "max_attempts" => t::kanban_max_attempts().to_owned(),
        "max_runtime_s" => t::kanban_max_minutes().to_owned(),
        "max_tokens" => t::kanban_max_tokens().to_owned(),
        "max_cost_micros" => t::card_max_cost().to_owned(),
        "summary" => t::card_result().to_owned(),
        other => other.replace('_', " "),
    };
    names.iter().map(name).collect::<Vec<_>>().join(", ")
}
