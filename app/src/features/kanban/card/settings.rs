//! What was set on the card that few cards have: repetition, limits, skills. Made in the browser, which knows the local
//! time.
use leptos::prelude::*;
use protocol::{CardDetail, CardSettings};

use super::runs::local_minute;
use crate::features::kanban::words;
use crate::i18n::t;

/// Whether anything is set that [`view`] shows.
pub fn has_any(detail: &CardDetail) -> bool {
    let card = &detail.card;
    let on_face = card.tenant.is_some() || card.max_cost_micros.is_some();
    on_face || detail.settings != CardSettings::default()
}

/// What is set, a row each, in the words of the form.
pub fn view(detail: RwSignal<CardDetail>) -> AnyView {
    let shown = Memo::new(move |_| {
        detail.with(|detail| {
            let card = &detail.card;
            (card.tenant.clone(), card.max_cost_micros, detail.settings.clone())
        })
    });
    (move || {
        let (tenant, cost, settings) = shown.get();
        let rows = [
            (t::kanban_not_before(), settings.scheduled_at.map(|at| text(local_minute(at)))),
            (t::kanban_repeat(), settings.repeat.clone().map(text)),
            (t::card_max_cost(), cost.map(|cost| text(words::price(cost)))),
            (t::runs_tokens(), tokens(&settings).map(text)),
            (t::kanban_max_minutes(), settings.max_runtime_s.map(|seconds| text(seconds.div_ceil(60).to_string()))),
            (t::kanban_max_attempts(), settings.max_attempts.map(|attempts| text(attempts.to_string()))),
            (t::kanban_skills(), (!settings.skills.is_empty()).then(|| text(settings.skills.join(", ")))),
            (t::kanban_tenant(), tenant.map(text)),
        ];
        let rows = rows.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let rows = rows.map(|(name, value)| view! { <div class="detail"><dt>{name}</dt><dd>{value}</dd></div> });
        view! { <dl>{rows.collect_view()}</dl> }
    })
    .into_any()
}

fn text(value: String) -> AnyView {
    view! { <bdi>{value}</bdi> }.into_any()
}

fn tokens(settings: &CardSettings) -> Option<String> {
    let used = settings.tokens.to_string();
    match settings.max_tokens {
        Some(limit) => Some(t::card_tokens_of(&used, &limit.to_string())),
        None => (settings.tokens > 0).then(|| t::card_tokens_used(&used)),
    }
}
