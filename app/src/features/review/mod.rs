//! Looking at a card's work: what changed, line by line, the files that came with it, and merging.
//!
//! The same on the card's page and on the decision's. Nothing of it is part of the page the server sends: comparing
//! takes a moment, and the ask must be readable before.
mod diff;
mod files;
mod merge;
mod server_fns;
mod upload;
mod viewed;

use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{CardEvidence, CardId, ChangedFile, FileStatus, UndoId};

use crate::features::kanban::{take_back, words};
use crate::i18n::t;
use crate::ui::{Icon, Toasts, dom, icon, later};
use server_fns::read_evidence;

/// Where the browser keeps that long lines are wrapped.
const WRAP_KEY: &str = "hermes.review.wrap";

/// Where it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On the card's page, where files can be added even when there are none.
    Card,
    /// On a decision's page.
    Decision,
}

/// What is known, and what is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Desk {
    card: CardId,
    place: Place,
    outranked: Signal<bool>,
    /// `None` until the server has answered.
    evidence: RwSignal<Option<CardEvidence>>,
    problem: RwSignal<String>,
    /// The file a phone shows.
    current: RwSignal<usize>,
    viewed: viewed::Viewed,
    /// Long lines go on below instead of to the side.
    wrap: RwSignal<bool>,
}

impl Desk {
    fn files(self) -> Vec<ChangedFile> {
        self.evidence.with(|found| found.as_ref().map(|found| found.changes.files.clone()).unwrap_or_default())
    }

    /// Says what was done and offers to take it back, which is looked at then.
    pub(crate) fn offer_undo(self, toasts: Toasts, text: String, undo: UndoId) {
        let back = Callback::new(move |()| {
            spawn_local(async move {
                if let Some(undone) = take_back(toasts, undo).await {
                    toasts.say(words::undone(&undone));
                }
                self.look();
            });
        });
        toasts.undoable(text, undo, back);
    }

    /// Asks the server again.
    pub(crate) fn look(self) {
        spawn_local(async move {
            match read_evidence(self.card).await {
                Ok(found) => {
                    self.problem.try_set(String::new());
                    let files = found.changes.files.len();
                    self.evidence.try_set(Some(found));
                    self.current.try_update(|current| *current = (*current).min(files.saturating_sub(1)));
                }
                Err(error) => {
                    self.problem.try_set(error.message);
                }
            }
        });
    }
}

/// Changes and files of a card. The code comes when the page is alive.
#[component]
pub fn Review(
    /// The card.
    card: CardId,
    /// Says by changing that there may be something new.
    look_again: Signal<()>,
    /// Where it is shown.
    place: Place,
    /// Another action of the page is the main one.
    #[prop(into)]
    outranked: Signal<bool>,
) -> impl IntoView {
    let alive = RwSignal::new(false);
    Effect::new(move |_| alive.set(true));
    move || alive.get().then(|| later(review_view(card, look_again, place, outranked)))
}

#[lazy]
fn review_view(card: CardId, look_again: Signal<()>, place: Place, outranked: Signal<bool>) -> AnyView {
    let desk = Desk {
        card,
        place,
        outranked,
        evidence: RwSignal::new(None),
        problem: RwSignal::new(String::new()),
        current: RwSignal::new(0),
        viewed: viewed::Viewed::of(card),
        wrap: RwSignal::new(dom::remembered(WRAP_KEY).is_some()),
    };
    Effect::new(move |_| {
        look_again.track();
        desk.look();
    });
    Effect::new(move |_| desk.viewed.read());
    let has_merge = Memo::new(move |_| {
        desk.evidence.with(|found| found.as_ref().is_some_and(|found| found.changes.merge.is_some()))
    });
    let trouble = Memo::new(move |_| {
        let told = desk.evidence.with(|found| found.as_ref().and_then(|found| found.changes.problem.clone()));
        told.unwrap_or_else(|| desk.problem.get())
    });
    view! {
        <files::Files desk />
        <p class="field-error" role="status" hidden=move || trouble.read().is_empty()>{move || trouble.get()}</p>
        <Show when=move || has_merge.get()>{later(changes_view(desk))}</Show>
    }
    .into_any()
}

/// What changed. Apart from the files, because most cards have no worktree.
#[lazy]
fn changes_view(desk: Desk) -> AnyView {
    view! {
        <section class="section review" aria-label=t::review_changes()>
            <Head desk />
            <merge::Merge desk />
            <List desk />
            <Files desk />
        </section>
    }
    .into_any()
}

/// `+42 −7 in 3 files`.
#[component]
fn Head(desk: Desk) -> impl IntoView {
    let stat = Memo::new(move |_| {
        desk.evidence.with(|found| {
            let changes = &found.as_ref()?.changes;
            Some((
                changes.added,
                changes.removed,
                i64::try_from(changes.files.len()).unwrap_or(0) + i64::from(changes.more),
            ))
        })
    });
    let wrap = move |_| {
        desk.wrap.update(|wrap| *wrap = !*wrap);
        if desk.wrap.get_untracked() { dom::remember(WRAP_KEY, "1") } else { dom::forget(WRAP_KEY) }
    };
    view! {
        <div class="section-head">
            <h2>{t::review_changes()}</h2>
            {move || stat.get().map(|(added, removed, files)| view! {
                <span class="review-stat">{stat_view(added, removed)}" · "{t::review_files(files)}</span>
            })}
            <button type="button" class="btn btn-quiet btn-small" aria-pressed=move || desk.wrap.get().to_string() on:click=wrap>{t::review_wrap()}</button>
        </div>
    }
}

fn stat_view(added: u32, removed: u32) -> AnyView {
    view! {
        <span class="visually-hidden">{t::review_stat_label(&added.to_string(), &removed.to_string())}</span>
        <span aria-hidden="true"><span class="diff-plus">{format!("+{added}")}</span>" "<span class="diff-minus">{format!("−{removed}")}</span></span>
    }
    .into_any()
}

fn status_word(status: FileStatus) -> &'static str {
    match status {
        FileStatus::Added => t::review_added(),
        FileStatus::Modified => t::review_modified(),
        FileStatus::Deleted => t::review_deleted(),
        FileStatus::Renamed => t::review_renamed(),
        FileStatus::Mode => t::review_mode(),
    }
}

fn status_letter(status: FileStatus) -> &'static str {
    match status {
        FileStatus::Added => "A",
        FileStatus::Modified => "M",
        FileStatus::Deleted => "D",
        FileStatus::Renamed => "R",
        FileStatus::Mode => "T",
    }
}

fn status_sign(status: FileStatus) -> AnyView {
    view! {
        <abbr class=format!("diff-status is-{}", status.as_str()) title=status_word(status)>
            <span aria-hidden="true">{status_letter(status)}</span>
            <span class="visually-hidden">{status_word(status)}</span>
        </abbr>
    }
    .into_any()
}

/// All files, each leading to its lines.
#[component]
fn List(desk: Desk) -> impl IntoView {
    let files = Memo::new(move |_| desk.files());
    let more = Memo::new(move |_| desk.evidence.with(|found| found.as_ref().map_or(0, |found| found.changes.more)));
    let row = move |place: usize, file: ChangedFile| {
        let key = viewed::key(&file);
        view! {
            <li>
                <button
                    type="button"
                    class="diff-entry"
                    aria-current=move || (desk.current.get() == place).then_some("true")
                    on:click=move |_| {
                        desk.current.set(place);
                        scroll_to(place);
                    }
                >
                    {status_sign(file.status)}
                    <span class="diff-path">{file.path}</span>
                    <Show when=move || desk.viewed.has(&key)>
                        <span class="icon-s diff-seen" title=t::review_viewed()>{icon(Icon::Check)}</span>
                    </Show>
                    {stat_view(file.added, file.removed)}
                </button>
            </li>
        }
        .into_any()
    };
    view! {
        <Show when=move || files.read().is_empty()>
            <p class="muted">{t::review_none()}</p>
        </Show>
        <ol class="diff-list" hidden=move || files.read().is_empty()>
            {move || files.get().into_iter().enumerate().map(|(place, file)| row(place, file)).collect_view()}
        </ol>
        <Show when=move || { more.get() > 0 }>
            <p class="muted">{move || t::review_more_files(i64::from(more.get()))}</p>
        </Show>
    }
}

fn scroll_to(place: usize) {
    request_animation_frame(move || {
        if let Some(element) = document().get_element_by_id(&format!("diff-{place}")) {
            element.scroll_into_view();
            dom::focus(&element);
        }
    });
}

/// The files' lines: all under each other where there is room, one at a time on a phone.
#[component]
fn Files(desk: Desk) -> impl IntoView {
    let files = Memo::new(move |_| desk.files());
    let sheets = move || files.get().into_iter().enumerate().collect::<Vec<(usize, ChangedFile)>>();
    let count = Memo::new(move |_| files.read().len());
    let step = move |by: isize| {
        let to = desk.current.get_untracked().saturating_add_signed(by);
        if to < count.get_untracked() {
            desk.current.set(to);
            scroll_to(to);
        }
    };
    view! {
        <div class="diff-files" class:is-wrapped=move || desk.wrap.get()>
            <For
                each=sheets
                key=|(place, file)| (*place, file.path.clone(), file.version.clone())
                let((place, file))
            >
                <diff::File desk file place />
            </For>
        </div>
        <nav class="diff-steps" aria-label=t::review_changes() hidden=move || count.get() < 2>
            <button type="button" class="btn" disabled=move || desk.current.get() == 0 on:click=move |_| step(-1)>
                <span class="icon-s">{icon(Icon::Back)}</span>
                {t::review_previous()}
            </button>
            <span class="muted">{move || t::review_place(&(desk.current.get() + 1).to_string(), &count.get().to_string())}</span>
            <button type="button" class="btn" disabled=move || { desk.current.get() + 1 >= count.get() } on:click=move |_| step(1)>
                {t::review_next()}
                <span class="icon-s is-turned">{icon(Icon::Back)}</span>
            </button>
        </nav>
    }
}
