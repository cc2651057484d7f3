//! The dialog of each step. What it costs is said before it is done.
use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{
    CardDetail, CardField, CardId, CardRef, CardState, CardWritten, EditCardParams, ErrorCode, RetryCardParams,
    TaskCard,
};

use super::Step;
use crate::error::ApiError;
use crate::features::kanban::form::{assignee_select, offer_undo};
use crate::features::kanban::server_fns::{block_card, edit_card, read_card, reclaim_card, retry_card};
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::{Button, ButtonKind, Drafts, ErrorState, TextArea, TextField, Toasts, skeleton_rows};

/// Reads the card as it is now, then shows the form.
pub fn loader(id: CardId, step: Step, done: Callback<TaskCard>) -> AnyView {
    let toasts = expect_context::<Toasts>();
    let detail = LocalResource::new(move || read_card(CardRef::Id(id)));
    let retry = Callback::new(move |()| detail.refetch());
    view! {
        <Suspense fallback=move || view! { <div class="dialog-body">{skeleton_rows(3)}</div> }>
            {move || Suspend::new(async move {
                match detail.await {
                    Ok(detail) => form(detail, step, done, toasts),
                    Err(error) => view! { <div class="dialog-body"><ErrorState error retry /></div> }.into_any(),
                }
            })}
        </Suspense>
    }
    .into_any()
}

/// What is filled in.
#[derive(Clone, Copy)]
struct Fields {
    step: Step,
    assignee: RwSignal<String>,
    model: RwSignal<String>,
    /// A comment for the next run, or a reason.
    said: RwSignal<String>,
    before: StoredValue<CardDetail>,
}

impl Fields {
    fn changed(now: RwSignal<String>, before: Option<&str>) -> Option<String> {
        let now = now.read_untracked().trim().to_owned();
        (now != before.unwrap_or_default()).then_some(now)
    }

    async fn send(self) -> Result<CardWritten, ApiError> {
        let (id, revision, running) = self
            .before
            .with_value(|detail| (detail.card.id, detail.card.revision, detail.card.state == CardState::Running));
        let assignee = self.before.with_value(|detail| Self::changed(self.assignee, detail.card.assignee.as_deref()));
        let model = self.before.with_value(|detail| Self::changed(self.model, detail.settings.model.as_deref()));
        let said = self.said.get_untracked();
        match self.step {
            Step::Retry | Step::RetryAs | Step::RetryWith => {
                retry_card(RetryCardParams { id, assignee, model, comment: said }).await
            }
            Step::Reassign if running => {
                retry_card(RetryCardParams { id, assignee, model: None, comment: String::new() }).await
            }
            Step::Reassign => edit_latest(EditCardParams { assignee, ..EditCardParams::of(id, revision) }).await,
            Step::Model => edit_latest(EditCardParams { model, ..EditCardParams::of(id, revision) }).await,
            Step::Reclaim => reclaim_card(id, said).await,
            Step::Block => block_card(id, said).await,
        }
    }

    fn told(self, card: &TaskCard) -> String {
        let name = words::label(card.number);
        match self.step {
            Step::Retry | Step::RetryAs | Step::RetryWith => t::recover_retried(&name),
            Step::Reassign => t::recover_reassigned(&name, card.assignee.as_deref().unwrap_or(t::kanban_unassigned())),
            Step::Model if self.model.read_untracked().trim().is_empty() => t::recover_model_cleared(&name),
            Step::Model => t::recover_model_set(&name, self.model.read_untracked().trim()),
            Step::Reclaim => t::recover_reclaimed(&name),
            Step::Block => t::recover_blocked(&name),
        }
    }
}

/// Sends the one field, once more when the card has changed meanwhile: the last one to choose it counts.
async fn edit_latest(params: EditCardParams) -> Result<CardWritten, ApiError> {
    let error = match edit_card(params.clone()).await {
        Err(error) if error.code == ErrorCode::Conflict => error,
        answer => return answer,
    };
    let fresh = read_card(CardRef::Id(params.id)).await?.card.revision;
    if fresh == params.revision {
        return Err(error);
    }
    edit_card(EditCardParams { revision: fresh, ..params }).await
}

fn form(detail: CardDetail, step: Step, done: Callback<TaskCard>, toasts: Toasts) -> AnyView {
    let fields = Fields {
        step,
        assignee: RwSignal::new(detail.card.assignee.clone().unwrap_or_default()),
        model: RwSignal::new(detail.settings.model.clone().unwrap_or_default()),
        said: RwSignal::new(String::new()),
        before: StoredValue::new(detail.clone()),
    };
    let (busy, problem) = (RwSignal::new(false), RwSignal::new(String::new()));
    let (unsaid, wrong_assignee) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    expect_context::<Drafts>().hold(Signal::derive(move || !fields.said.read().trim().is_empty()));
    let submit = move || {
        let says_nothing = step == Step::Block && fields.said.read_untracked().trim().is_empty();
        unsaid.set(if says_nothing { t::recover_question_needed() } else { "" }.to_owned());
        if says_nothing {
            return;
        }
        busy.set(true);
        wrong_assignee.set(String::new());
        problem.set(String::new());
        spawn_local(async move {
            let answer = fields.send().await;
            busy.try_set(false);
            match answer {
                Ok(written) => {
                    let text = fields.told(&written.card);
                    done.run(written.card);
                    match written.undo {
                        Some(undo) => offer_undo(toasts, text, undo),
                        None => toasts.say(text),
                    }
                }
                Err(error) => {
                    let said = if error.field == Some(CardField::Assignee) { wrong_assignee } else { problem };
                    said.try_set(error.message);
                }
            }
        });
    };
    let running = detail.card.state == CardState::Running;
    let same_profile = {
        let before = detail.card.assignee.clone().unwrap_or_default();
        Signal::derive(move || matches!(step, Step::Reassign | Step::RetryAs) && *fields.assignee.read() == before)
    };
    let who = matches!(step, Step::Retry | Step::Reassign | Step::RetryAs)
        .then(|| assignee_select(fields.assignee, detail.profiles.clone(), wrong_assignee.into()));
    let which = matches!(step, Step::Retry | Step::Model | Step::RetryWith).then(|| model_field(fields.model, &detail));
    let what = match step {
        Step::Retry | Step::RetryAs | Step::RetryWith => view! { <TextArea label=t::recover_comment() value=fields.said placeholder=t::recover_comment_placeholder() rows=3 /> }.into_any(),
        Step::Reclaim => view! { <TextField label=t::recover_reason() value=fields.said autofocus=true /> }.into_any(),
        Step::Block => view! { <TextArea label=t::recover_question() value=fields.said placeholder=t::recover_question_placeholder() error=unsaid autofocus=true /> }.into_any(),
        Step::Reassign | Step::Model => ().into_any(),
    };
    view! {
        <form class="dialog-body" on:submit=move |event: web_sys::SubmitEvent| {
            event.prevent_default();
            submit();
        }>
            <p class="hint">{hint(step, detail.card.state)}</p>
            {who}
            {which}
            {what}
            <p class="field-error" role="alert" hidden=move || problem.read().is_empty()>{move || problem.get()}</p>
            <div class="dialog-foot btn-row">
                <Button kind=ButtonKind::Primary submit=true busy disabled=same_profile>{verb(step, running)}</Button>
            </div>
        </form>
    }
    .into_any()
}

/// A model's name, with those that worked on this card before to choose from.
fn model_field(model: RwSignal<String>, detail: &CardDetail) -> AnyView {
    let mut known: Vec<String> = detail.runs.iter().filter_map(|run| run.model.clone()).collect();
    known.sort_unstable();
    known.dedup();
    let filled = Signal::derive(move || !model.read().trim().is_empty());
    view! {
        <div class="model-field">
            <TextField label=t::kanban_model() value=model list="card-models" placeholder=t::recover_profiles_model() hint=t::recover_model_hint() />
            <button type="button" class="btn btn-quiet btn-small" hidden=move || !filled.get() on:click=move |_| model.set(String::new())>
                {t::recover_use_profiles_model()}
            </button>
            <datalist id="card-models">{known.into_iter().map(|name| view! { <option value=name></option> }).collect_view()}</datalist>
        </div>
    }
    .into_any()
}

fn hint(step: Step, state: CardState) -> &'static str {
    match (step, state) {
        (Step::Retry, CardState::Done) => t::recover_hint_done(),
        (Step::Retry, _) => t::recover_hint_blocked(),
        (Step::RetryAs, _) => t::recover_hint_retry_as(),
        (Step::RetryWith, _) => t::recover_hint_retry_with(),
        (Step::Reassign, CardState::Running) => t::recover_hint_reassign_running(),
        (Step::Reassign, _) => t::recover_hint_reassign(),
        (Step::Model, CardState::Running) => t::recover_hint_model_running(),
        (Step::Model, _) => t::recover_hint_model(),
        (Step::Reclaim, _) => t::recover_hint_reclaim(),
        (Step::Block, CardState::Running) => t::recover_hint_block_running(),
        (Step::Block, _) => t::recover_hint_block(),
    }
}

fn verb(step: Step, running: bool) -> &'static str {
    match step {
        Step::Retry | Step::RetryWith => t::recover_do_retry(),
        Step::RetryAs => t::recover_do_reassign_and_retry(),
        Step::Reassign if running => t::recover_do_stop_and_reassign(),
        Step::Reassign => t::recover_do_reassign(),
        Step::Model => t::common_save(),
        Step::Reclaim => t::recover_do_reclaim(),
        Step::Block if running => t::recover_do_stop_and_block(),
        Step::Block => t::recover_do_block(),
    }
}
