//! What can be done with the card of a page: by its menus, by the keys of the board, and by the values of its details. Each
//! write can be taken back, and each is the server's to allow.
use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{BulkChange, BulkParams, CardState, EditCardParams, TaskCard, UndoId};

use super::model::CardPage;
use crate::features::kanban::form::{label_choice, moment_choice, offer_undo};
use crate::features::kanban::recover::Step;
use crate::features::kanban::server_fns::{ChangeCards, EditCard, delete_card, read_labels};
use crate::features::kanban::words;
use crate::features::keys;
use crate::i18n::t;
use crate::outbox::{About, Outcome};
use crate::ui::{Icon, MenuItem, skeleton_rows};

/// What is wanted of the code that is fetched after the first paint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Want {
    /// What a key means, named by the key that means it at first.
    Key(String),
    /// The menu of everything.
    Everything,
    /// The menu of the columns it may go to.
    Status,
    /// The menu of who works on it.
    Assignee,
    /// The menu of how important it is.
    Priority,
    /// A dialog.
    Open(Sheet),
    /// What is in the dialog.
    Sheet(Sheet),
}

/// A dialog about the card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sheet {
    /// Its labels.
    Labels,
    /// When it should be finished.
    Due,
    /// When it starts.
    Start,
    /// The keys.
    Keys,
}

/// All of it is one file of code: each file more would be named in the first load.
#[lazy]
pub(super) fn work(page: CardPage, want: Want) -> AnyView {
    // Left while this was on its way.
    if page.detail.is_disposed() {
        return ().into_any();
    }
    match want {
        Want::Key(key) => press(page, &key),
        Want::Everything => show(page, t::card_actions().to_owned(), everything(page)),
        Want::Status => show(page, t::kanban_move_title(&name(page)), targets(page)),
        Want::Assignee => show(page, t::kanban_assign_title(&name(page)), assignees(page)),
        Want::Priority => show(page, t::kanban_priority_title(&name(page)), priorities(page)),
        Want::Open(sheet) => open(page, sheet),
        Want::Sheet(sheet) => return view(page, sheet),
    }
    ().into_any()
}

fn card(page: CardPage) -> TaskCard {
    page.detail.with_untracked(|detail| detail.card.clone())
}

fn name(page: CardPage) -> String {
    page.detail.with_untracked(|detail| words::label(detail.card.number))
}

/// Does what a key means.
fn press(page: CardPage, key: &str) {
    match key {
        "s" | "S" | "m" | "M" => page.want(Want::Status),
        "a" | "A" => page.want(Want::Assignee),
        "p" | "P" => page.want(Want::Priority),
        "d" | "D" => page.linking.set(true),
        "e" | "E" => page.editing.set(true),
        "#" if card(page).may_go_to(CardState::Archived) => page.move_to(CardState::Archived),
        "?" => open(page, Sheet::Keys),
        // What stands open on the page itself is not left by the way.
        "Escape" if !page.editing.get_untracked() && page.hand.drafts.may_leave() => leave(page),
        _ => {}
    }
}

/// Back to where one came from; to the board, when that was no page of this app.
fn leave(page: CardPage) {
    let within = js_sys::Reflect::get(&window(), &"navigation".into())
        .and_then(|navigation| js_sys::Reflect::get(&navigation, &"canGoBack".into()));
    match (within.is_ok_and(|within| within.is_truthy()), window().history()) {
        (true, Ok(history)) => {
            // silent-ok: the page stays, as it does when there is nowhere to go back to.
            let _ = history.back();
        }
        _ => to_board(page),
    }
}

fn to_board(page: CardPage) {
    let slug = page.detail.with_untracked(|detail| detail.board.slug.clone());
    let address = untrack(|| page.hand.last.back_to(&slug));
    page.hand.go.with_value(|go| go(&address));
}

fn show(page: CardPage, title: String, items: Vec<MenuItem>) {
    page.hand.title.set(title);
    page.hand.items.set_value(items);
    page.hand.menu_open.set(true);
}

fn open(page: CardPage, sheet: Sheet) {
    let title = match sheet {
        Sheet::Labels => t::kanban_label().to_owned(),
        Sheet::Due => t::kanban_due().to_owned(),
        Sheet::Start => without_sign(t::kanban_schedule()),
        Sheet::Keys => t::kanban_shortcuts().to_owned(),
    };
    page.hand.title.set(title);
    page.hand.sheet.set_value(sheet);
    page.hand.sheet_open.set(true);
}

/// What a menu's entry calls it, without the sign that more follows.
fn without_sign(entry: &str) -> String {
    entry.trim_end_matches('…').to_owned()
}

fn item(
    label: impl Into<String>,
    icon: Icon,
    key: &'static str,
    action: impl Fn() + Send + Sync + 'static,
) -> MenuItem {
    MenuItem { label: label.into(), icon, key, color: String::new(), action: Callback::new(move |()| action()) }
}

fn everything(page: CardPage) -> Vec<MenuItem> {
    let card = card(page);
    let rests = Step::rests(card.wait.as_ref());
    let step = |&step: &Step| item(step.name(), step.icon(), "", move || page.recover.start(step));
    let program = page.detail.with_untracked(|detail| detail.runs_program);
    let steps = Step::legal(card.state, rests).iter().filter(|step| step.suits(program));
    let mut items: Vec<MenuItem> = steps.map(step).collect();
    items.extend(targets(page));
    items.push(item(t::kanban_edit(), Icon::Edit, "E", move || page.editing.set(true)));
    items.push(item(t::kanban_assignee(), Icon::Agent, "A", move || page.want(Want::Assignee)));
    items.push(item(t::kanban_priority(), Icon::Warning, "P", move || page.want(Want::Priority)));
    items.push(item(t::kanban_label(), Icon::Label, "", move || page.want(Want::Open(Sheet::Labels))));
    items.push(item(t::kanban_depends(), Icon::Link, "D", move || page.linking.set(true)));
    if may_start_later(card.state) {
        items.push(item(t::kanban_schedule(), Icon::Clock, "", move || page.want(Want::Open(Sheet::Start))));
    }
    items.push(item(t::kanban_delete(), Icon::Trash, "", move || delete(page)));
    items
}

/// Where the card may go.
fn targets(page: CardPage) -> Vec<MenuItem> {
    let card = card(page);
    let target = |to: CardState| match to {
        CardState::Archived => item(t::kanban_archive(), Icon::Archive, "#", move || page.move_to(to)),
        _ => item(t::kanban_move_to(words::state_name(to)), words::state_icon(to), "", move || page.move_to(to)),
    };
    CardState::ALL.iter().copied().filter(|to| card.may_go_to(*to)).map(target).collect()
}

fn assignees(page: CardPage) -> Vec<MenuItem> {
    let profiles = page.detail.with_untracked(|detail| detail.profiles.clone());
    let nobody = (String::new(), t::kanban_unassigned().to_owned());
    let named = profiles.into_iter().map(|profile| (profile.id.clone(), profile.id));
    std::iter::once(nobody)
        .chain(named)
        .map(|(id, name)| item(name, Icon::Agent, "", move || change(page, BulkChange::Assign(id.clone()))))
        .collect()
}

fn priorities(page: CardPage) -> Vec<MenuItem> {
    let priority = |priority: i32| {
        let name = words::priority_name(priority).unwrap_or(t::kanban_normal());
        item(name, Icon::Warning, "", move || change(page, BulkChange::Priority(priority)))
    };
    [2, 1, 0, -1].into_iter().map(priority).collect()
}

/// Whether the card may still be told when to start.
fn may_start_later(state: CardState) -> bool {
    matches!(state, CardState::Triage | CardState::Todo | CardState::Scheduled | CardState::Ready)
}

fn delete(page: CardPage) {
    let id = card(page).id;
    spawn_local(async move {
        match delete_card(id).await {
            Ok(written) => {
                let text = t::kanban_deleted_toast(&words::label(written.card.number));
                if let Some(undo) = written.undo {
                    offer_undo(page.toasts, text, undo);
                }
                if !page.detail.is_disposed() {
                    to_board(page);
                }
            }
            Err(error) => page.toasts.fail(error.message),
        }
    });
}

/// What is in a dialog.
fn view(page: CardPage, sheet: Sheet) -> AnyView {
    match sheet {
        Sheet::Labels => labels(page),
        Sheet::Due => {
            let none = card(page).due_at.map(|_| t::card_no_due());
            let chosen = Callback::new(move |at: Option<i64>| {
                page.hand.sheet_open.set(false);
                set_due(page, at);
            });
            moment_choice(t::common_save().to_owned(), none, chosen)
        }
        Sheet::Start => {
            let chosen = Callback::new(move |at: Option<i64>| {
                page.hand.sheet_open.set(false);
                if let Some(at) = at {
                    change(page, BulkChange::Schedule(at));
                }
            });
            moment_choice(without_sign(t::kanban_schedule()), None, chosen)
        }
        Sheet::Keys => view! { <div class="dialog-body">{keys::list()}</div> }.into_any(),
    }
}

/// The labels of the card and those of its board; without a network, those of the card.
fn labels(page: CardPage) -> AnyView {
    let slug = page.detail.with_untracked(|detail| detail.board.slug.clone());
    let known = LocalResource::new(move || read_labels(slug.clone()));
    let has = move |label: &str| card(page).labels.iter().any(|other| other == label);
    let chosen = Callback::new(move |label: String| {
        let change_to = if has(&label) { BulkChange::RemoveLabel(label) } else { BulkChange::AddLabel(label) };
        page.hand.sheet_open.set(false);
        change(page, change_to);
    });
    view! {
        <Suspense fallback=|| view! { <div class="dialog-body">{skeleton_rows(2)}</div> }>
            {move || Suspend::new(async move {
                let mut shown = card(page).labels;
                // silent-ok: they are suggestions; any label can be typed.
                let known = known.await.unwrap_or_default();
                shown.extend(known.into_iter().filter(|label| !has(label)));
                label_choice(shown, has, chosen)
            })}
        </Suspense>
    }
    .into_any()
}

/// Makes a change, now or as soon as the server can be reached.
fn change(page: CardPage, change: BulkChange) {
    let (id, label) = (card(page).id, name(page));
    let about = About { label: words::change(&label, &change), cards: vec![id], ..About::default() };
    let params = BulkParams { cards: vec![id], change };
    page.outbox.send(&ChangeCards { params }, about, move |outcome| match outcome {
        Outcome::Done { answer, late } => {
            match answer.refused.first() {
                Some(refused) => page.toasts.fail(refused.reason.clone()),
                None => say(page, &label, answer.undo.filter(|_| !late)),
            }
            page.reload();
        }
        Outcome::Refused(error) => page.toasts.fail(error.message),
        Outcome::Waits | Outcome::TakenBack | Outcome::Elsewhere => {}
    });
}

/// Says when the card should be finished, or that nobody minds.
fn set_due(page: CardPage, at: Option<i64>) {
    let (card, label) = (card(page), name(page));
    let about = About { label: t::outbox_change(&label, t::kanban_due()), cards: vec![card.id], ..About::default() };
    let params = EditCardParams { due_at: Some(at.unwrap_or(0)), ..EditCardParams::of(card.id, card.revision) };
    page.outbox.send(&EditCard { params }, about, move |outcome| match outcome {
        Outcome::Done { answer, late } => {
            say(page, &label, answer.undo.filter(|_| !late));
            page.reload();
        }
        Outcome::Refused(error) => {
            page.toasts.fail(error.message);
            page.reload();
        }
        Outcome::Waits | Outcome::TakenBack | Outcome::Elsewhere => {}
    });
}

/// Says what was done, with the way back.
fn say(page: CardPage, label: &str, undo: Option<UndoId>) {
    if let Some(undo) = undo {
        offer_undo(page.toasts, t::kanban_saved(label), undo);
    }
}
