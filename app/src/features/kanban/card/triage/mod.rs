//! A card in triage: letting a model write it out or take it apart, and looking at what it proposes.
mod editor;

use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{CardState, ProposalKind, ProposalState, ProposalView};

use super::model::CardPage;
use crate::features::kanban::server_fns::{ask_for_proposal, discard_proposal};
use crate::i18n::t;
use crate::ui::{Button, ButtonKind, later, shown_while};

/// What can be done with an idea. Only while the card is in triage, and only in the browser.
pub fn section(page: CardPage) -> AnyView {
    let alive = RwSignal::new(false);
    Effect::new(move |_| alive.set(true));
    let shown = Memo::new(move |_| alive.get() && page.detail.with(|detail| detail.card.state == CardState::Triage));
    (move || shown.get().then(|| later(triage_view(page)))).into_any()
}

/// Asks a model, or throws away what it said; the answer comes over the stream.
#[derive(Debug, Clone, Copy)]
struct Desk {
    page: CardPage,
    busy: RwSignal<bool>,
    problem: RwSignal<String>,
}

impl Desk {
    fn ask(self, kind: ProposalKind) {
        let id = self.page.detail.with_untracked(|detail| detail.card.id);
        self.send(async move { ask_for_proposal(id, kind).await });
    }

    fn discard(self) {
        let id = self.page.detail.with_untracked(|detail| detail.card.id);
        self.send(async move { discard_proposal(id).await });
    }

    fn send(self, call: impl Future<Output = Result<(), crate::error::ApiError>> + 'static) {
        self.busy.set(true);
        self.problem.set(String::new());
        spawn_local(async move {
            if let Err(error) = call.await {
                self.problem.try_set(error.message);
            }
            self.busy.try_set(false);
            self.page.reload();
        });
    }
}

#[lazy]
fn triage_view(page: CardPage) -> AnyView {
    let desk = Desk { page, busy: RwSignal::new(false), problem: RwSignal::new(String::new()) };
    let proposal = Memo::new(move |_| page.detail.with(|detail| detail.proposal.clone()));
    view! {
        <section class="box triage" aria-label=t::triage_title()>
            {move || match proposal.get() {
                None => offer(desk),
                Some(view) => match view.state {
                    ProposalState::Working => working(desk, view.kind, view.asked_at),
                    ProposalState::Failed(why) => failed(desk, view.kind, why),
                    ProposalState::Ready(_) => ready(desk, view),
                },
            }}
            <p class="field-error" role="alert" hidden=move || desk.problem.read().is_empty()>{move || desk.problem.get()}</p>
        </section>
    }
    .into_any()
}

fn offer(desk: Desk) -> AnyView {
    view! {
        <h2>{t::triage_title()}</h2>
        <p class="muted">{t::triage_hint()}</p>
        <div class="btn-row">
            <Button kind=ButtonKind::Primary busy=desk.busy on_press=Callback::new(move |()| desk.ask(ProposalKind::Specify))>
                {t::triage_specify()}
            </Button>
            <Button disabled=desk.busy on_press=Callback::new(move |()| desk.ask(ProposalKind::Decompose))>
                {t::triage_decompose()}
            </Button>
            <Button kind=ButtonKind::Quiet disabled=desk.busy on_press=Callback::new(move |()| desk.page.move_to(CardState::Ready))>
                {t::triage_start()}
            </Button>
        </div>
    }
    .into_any()
}

fn working(desk: Desk, kind: ProposalKind, asked_at: i64) -> AnyView {
    let seconds = move || (desk.page.now.get() - asked_at).max(0) / 1000;
    let title = match kind {
        ProposalKind::Specify => t::triage_writing(),
        ProposalKind::Decompose => t::triage_cutting(),
    };
    view! {
        <h2>{title}</h2>
        <p class="muted" role="status">{move || t::triage_since(&seconds().to_string())}</p>
        <progress aria-label=title></progress>
        <div class="btn-row">
            <Button busy=desk.busy on_press=Callback::new(move |()| desk.discard())>{t::common_cancel()}</Button>
        </div>
    }
    .into_any()
}

fn failed(desk: Desk, kind: ProposalKind, why: String) -> AnyView {
    view! {
        <h2>{t::triage_failed()}</h2>
        <p class="prose">{why}</p>
        <div class="btn-row">
            <Button kind=ButtonKind::Primary busy=desk.busy on_press=Callback::new(move |()| desk.ask(kind))>{t::common_retry()}</Button>
            <Button disabled=desk.busy on_press=Callback::new(move |()| desk.discard())>{t::common_dismiss()}</Button>
        </div>
    }
    .into_any()
}

/// The proposal, and, when the card has changed since, why it cannot be accepted any more.
fn ready(desk: Desk, view: ProposalView) -> AnyView {
    let (revision, kind) = (view.revision, view.kind);
    let stale = Memo::new(move |_| desk.page.detail.with(|detail| detail.card.revision != revision));
    view! {
        {shown_while(move || stale.get(), move || view! {
            <h2>{t::triage_stale()}</h2>
            <p class="muted">{t::triage_stale_hint()}</p>
            <div class="btn-row">
                <Button kind=ButtonKind::Primary busy=desk.busy on_press=Callback::new(move |()| desk.ask(kind))>{t::triage_ask_again()}</Button>
            </div>
        }.into_any())}
        // What was changed in it stays to be read and copied.
        {editor::editor(desk, view, stale)}
    }
    .into_any()
}
