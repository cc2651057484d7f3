//! Editing what a card says.
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{CardDetail, CardField, CardId, CardRef, CardState, CardWritten, EditCardParams, ErrorCode, TaskCard};

use super::more::{More, Wrong};
use super::problem::Problem;
use super::{AssigneeField, PriorityField, offer_undo};
use crate::error::ApiError;
use crate::features::kanban::server_fns::{edit_card, is_being_edited, read_card};
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::{Button, ButtonKind, Drafts, ErrorState, TextArea, TextField, Toasts, skeleton_rows};

/// A card that changes more often than this while it is being saved is left to the person.
const TRIES: u32 = 5;

/// The description is not part of a card's face, so it is read first.
#[lazy]
pub(super) fn loader(id: CardId, on_saved: Callback<TaskCard>) -> AnyView {
    let detail = LocalResource::new(move || read_card(CardRef::Id(id)));
    let retry = Callback::new(move |()| detail.refetch());
    view! {
        <Suspense fallback=move || view! { <div class="dialog-body">{skeleton_rows(3)}</div> }>
            {move || Suspend::new(async move {
                match detail.await {
                    Ok(detail) => view! { <div class="dialog-body"><EditForm detail on_saved /></div> }.into_any(),
                    Err(error) => view! { <ErrorState error retry /> }.into_any(),
                }
            })}
        </Suspense>
    }
    .into_any()
}

/// The form where it stands on a page, which has the card already.
#[lazy]
pub(super) fn in_place(detail: CardDetail, on_saved: Callback<TaskCard>, cancel: Callback<()>) -> AnyView {
    view! { <EditForm detail on_saved on_cancel=cancel /> }.into_any()
}

/// Edits what a card says. Only what was changed is sent, so that the last writer wins field by field.
#[component]
fn EditForm(
    /// The card.
    detail: CardDetail,
    /// Told about the card as it is then.
    on_saved: Callback<TaskCard>,
    /// Gives up, where the form is not a dialog of its own.
    #[prop(optional, into)]
    on_cancel: Option<Callback<()>>,
) -> impl IntoView {
    if detail.card.state == CardState::Triage {
        keep_models_away(detail.card.id);
    }
    let fields = Fields::of(detail);
    let toasts = expect_context::<Toasts>();
    let save = Callback::new(move |()| save(fields, on_saved, toasts));
    let Fields { title, body, assignee, priority, more, problem, busy, .. } = fields;
    view! {
        <form
            node_ref=problem.form
            class="form"
            on:submit=move |event| {
                event.prevent_default();
                save.run(());
            }
            on:keydown=move |event| {
                if event.key() == "Enter" && (event.meta_key() || event.ctrl_key()) {
                    event.prevent_default();
                    save.run(());
                }
            }
        >
            <TextField label=t::kanban_title() value=title error=problem.at(CardField::Title) autofocus=true />
            <TextArea label=t::kanban_body() value=body rows=8 error=problem.at(CardField::Body) />
            <div class="field-pair">
                <AssigneeField value=assignee problem />
                <PriorityField value=priority />
            </div>
            {more.labels(problem)}
            {more.fields(None, problem)}
            {clashes_view(fields, save)}
            <p class="field-error" role="alert">{problem.elsewhere()}</p>
            <div class="btn-row">
                {on_cancel.map(|cancel| view! { <Button on_press=cancel>{t::common_cancel()}</Button> })}
                <Button kind=ButtonKind::Primary submit=true busy>{t::common_save()}</Button>
            </div>
        </form>
    }
}

/// Where two people wrote into the same field: its place among all fields, and what the other one wrote.
type Clash = (usize, String);

/// The form's fields, and the card they were filled from.
#[derive(Clone, Copy)]
struct Fields {
    title: RwSignal<String>,
    body: RwSignal<String>,
    assignee: RwSignal<String>,
    priority: RwSignal<String>,
    more: More,
    before: StoredValue<CardDetail>,
    clashes: RwSignal<Vec<Clash>>,
    problem: Problem,
    busy: RwSignal<bool>,
}

impl Fields {
    fn of(detail: CardDetail) -> Self {
        let text = |text: String| RwSignal::new(text);
        let fields = Self {
            title: text(detail.card.title.clone()),
            body: text(detail.body.clone()),
            assignee: text(detail.card.assignee.clone().unwrap_or_default()),
            priority: text(detail.card.priority.to_string()),
            more: More::of(&detail),
            before: StoredValue::new(detail),
            clashes: RwSignal::new(Vec::new()),
            problem: Problem::new(),
            busy: RwSignal::new(false),
        };
        expect_context::<Drafts>().hold(Signal::derive(move || fields.is_typed_into()));
        fields
    }

    fn is_typed_into(self) -> bool {
        let said = self.before.with_value(Self::said_by);
        self.all().into_iter().zip(said).any(|(field, said)| *field.read() != said)
    }

    fn all(self) -> Vec<RwSignal<String>> {
        let mut all = vec![self.title, self.body, self.assignee, self.priority];
        all.extend(self.more.of_card());
        all
    }

    fn names() -> Vec<&'static str> {
        let mut names = vec![t::kanban_title(), t::kanban_body(), t::kanban_assignee(), t::kanban_priority()];
        names.extend(More::names());
        names
    }

    fn said_by(detail: &CardDetail) -> Vec<String> {
        let mut said = vec![
            detail.card.title.clone(),
            detail.body.clone(),
            detail.card.assignee.clone().unwrap_or_default(),
            detail.card.priority.to_string(),
        ];
        said.extend(More::said_by(detail));
        said
    }

    /// What changes; the error says which field makes no sense.
    fn params(self) -> Result<EditCardParams, Wrong> {
        if self.title.read_untracked().trim().is_empty() {
            return Err((CardField::Title, t::kanban_title_needed().into()));
        }
        let filled = self.before.with_value(|before| self.more.edit(before))?;
        Ok(self.before.with_value(|before| EditCardParams {
            title: changed(self.title, &before.card.title),
            body: changed(self.body, &before.body),
            priority: self.priority.read_untracked().parse().ok().filter(|number| *number != before.card.priority),
            assignee: changed(self.assignee, before.card.assignee.as_deref().unwrap_or_default()),
            ..filled
        }))
    }

    /// The card has changed since the form was filled: what nobody typed into follows it, what was typed stays. Returns
    /// whether there is nothing for the person to choose.
    fn follow(self, fresh: CardDetail) -> bool {
        let (then, now) = (self.before.with_value(Self::said_by), Self::said_by(&fresh));
        let mut clashes = Vec::new();
        for (place, field) in self.all().into_iter().enumerate() {
            let mine = field.get_untracked();
            if mine == then[place] {
                field.set(now[place].clone());
            } else if now[place] != then[place] && now[place] != mine {
                clashes.push((place, now[place].clone()));
            }
        }
        self.before.set_value(fresh);
        let agreed = clashes.is_empty();
        self.clashes.set(clashes);
        agreed
    }

    /// Gives up what was typed where somebody else wrote, too.
    fn take_theirs(self) {
        let all = self.all();
        for (place, theirs) in self.clashes.get_untracked() {
            all[place].set(theirs);
        }
        self.clashes.set(Vec::new());
    }
}

/// Sends what was changed. When the card has changed meanwhile it is read again, and sent again unless the very same
/// field says something else now.
fn save(fields: Fields, on_saved: Callback<TaskCard>, toasts: Toasts) {
    if fields.busy.get_untracked() {
        return;
    }
    fields.busy.set(true);
    fields.problem.clear();
    fields.clashes.set(Vec::new());
    spawn_local(async move {
        let answer = send(fields).await;
        fields.busy.try_set(false);
        match answer {
            Ok(Some(written)) => {
                let text = t::kanban_saved(&words::label(written.card.number));
                on_saved.run(written.card);
                if let Some(undo) = written.undo {
                    offer_undo(toasts, text, undo);
                }
            }
            Ok(None) => {}
            Err(error) => fields.problem.refused(error),
        }
    });
}

/// `None` when the person has to look at the form first.
async fn send(fields: Fields) -> Result<Option<CardWritten>, ApiError> {
    let mut tries = TRIES;
    loop {
        let params = match fields.params() {
            Ok(params) => params,
            Err((field, text)) => {
                fields.problem.say(Some(field), text);
                return Ok(None);
            }
        };
        let (id, revision) = (params.id, params.revision);
        let error = match edit_card(params).await {
            Ok(written) => return Ok(Some(written)),
            Err(error) if error.code == ErrorCode::Conflict && tries > 0 => error,
            Err(error) => return Err(error),
        };
        tries -= 1;
        let fresh = read_card(CardRef::Id(id)).await?;
        // The same card as before: it was refused for another reason.
        if fresh.card.revision == revision {
            return Err(error);
        }
        if fields.title.is_disposed() || !fields.follow(fresh) {
            return Ok(None);
        }
    }
}

/// Fields that somebody else has changed, too: both texts, and whose shall stay.
fn clashes_view(fields: Fields, save: Callback<()>) -> AnyView {
    let row = move |(place, theirs): Clash| {
        let mine = fields.all()[place];
        view! {
            <h2>{Fields::names()[place]}</h2>
            <dl>
                <dt>{t::kanban_clash_mine()}</dt>
                <dd dir="auto">{mine}</dd>
                <dt>{t::kanban_clash_theirs()}</dt>
                <dd dir="auto">{theirs}</dd>
            </dl>
        }
        .into_any()
    };
    let take_theirs = Callback::new(move |()| fields.take_theirs());
    view! {
        <Show when=move || !fields.clashes.read().is_empty()>
            <section class="clash" role="alert">
                <p>{t::kanban_clash()}</p>
                {move || fields.clashes.get().into_iter().map(row).collect_view()}
                <div class="btn-row">
                    <Button on_press=take_theirs>{t::kanban_take_theirs()}</Button>
                    <Button on_press=save>{t::kanban_keep_mine()}</Button>
                </div>
            </section>
        </Show>
    }
    .into_any()
}

/// While the form of an idea is open, no model takes the card apart. Said again before a minute has passed.
fn keep_models_away(id: CardId) {
    Effect::new(move |_| {
        let say = move || {
            spawn_local(async move {
                // silent-ok: the server says so when it is saved; saying it is only a courtesy.
                let _ = is_being_edited(id).await;
            });
        };
        say();
        if let Ok(interval) = set_interval_with_handle(say, Duration::from_secs(40)) {
            on_cleanup(move || interval.clear());
        }
    });
}

fn changed(field: RwSignal<String>, before: &str) -> Option<String> {
    let now = field.get_untracked();
    (now != before).then_some(now)
}
