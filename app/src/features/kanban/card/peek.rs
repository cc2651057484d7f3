//! A card in short, beside the board.
use leptos::prelude::*;
use protocol::{CardDetail, CardState};

use super::activity::ActivityView;
use super::model::CardPage;
use super::{RecoverDialog, findings, gone_view, hand, runs, sections};
use crate::i18n::t;
use crate::live::{Live, Watch};
use crate::outbox::Outbox;
use crate::ui::Toasts;

/// What a card's page says, as much as is needed to decide whether to open it.
#[component]
pub fn CardPeek(
    /// The card.
    detail: CardDetail,
    /// Told what the card wants to hear about.
    on_watch: Callback<Watch>,
) -> impl IntoView {
    let page = CardPage::new(detail, expect_context::<Live>(), expect_context::<Toasts>(), expect_context::<Outbox>());
    Effect::new(move |_| on_watch.run(page.wanted()));
    Effect::new(move |_| page.keep_time());
    page.listen();
    let has_run = Memo::new(move |_| page.detail.with(|detail| !detail.runs.is_empty()));
    let running = Memo::new(move |_| page.detail.with(|detail| detail.card.state == CardState::Running));
    let title = Memo::new(move |_| page.detail.with(|detail| detail.card.title.clone()));
    view! {
        <Show when=move || !page.gone.get() fallback=move || gone_view(page)>
        <div class="peek-body">
            <h2 class="peek-title" dir="auto">{move || title.get()}</h2>
            {sections::glance(page)}
            {findings::banner(page)}
            {sections::ask(page)}
            {sections::result(page)}
            <Show when=move || has_run.get() && running.get()>
                <ActivityView activity=page.activity heading=t::card_activity().to_owned() running />
            </Show>
            {sections::description(page)}
            {runs::newest(page)}
        </div>
        <RecoverDialog page />
        {hand::overlays(page)}
        </Show>
    }
}
