//! One file's changes: lines with numbers and signs, comments under their line, and the place to write one.
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{
    AddCommentParams, ChangedFile, CommentView, DiffHunk, DiffLine, FileDiff, FileDiffParams, FileStatus, LineAnchor,
};
use wasm_bindgen::JsCast;

use super::server_fns::read_file_diff;
use super::{Desk, stat_view, status_sign, viewed};
use crate::features::kanban::{AddComment, words};
use crate::i18n::t;
use crate::outbox::{About, Outbox, Outcome};
use crate::ui::{Button, ButtonKind, Icon, Toasts, dom, icon};

/// Files whose lines are fetched without being asked for.
const OPEN_FILES: usize = 12;

/// A file on the page.
#[derive(Clone, Copy)]
struct Sheet {
    desk: Desk,
    path: StoredValue<String>,
    /// Where a comment is being written: a line's number, or none for the whole file.
    composing: RwSignal<Option<Option<u32>>>,
    /// The line that a finger has chosen.
    chosen: RwSignal<Option<u32>>,
}

impl Sheet {
    /// Comments on this file whose line satisfies the condition.
    fn comments(self, wanted: impl Fn(Option<u32>) -> bool) -> Vec<CommentView> {
        let path = self.path.get_value();
        self.desk.evidence.with(|found| {
            let comments = found.as_ref().map(|found| found.comments.as_slice()).unwrap_or_default();
            let here = comments.iter().filter(|comment| {
                comment.anchor.as_ref().is_some_and(|anchor| anchor.path == path && wanted(anchor.line))
            });
            here.cloned().collect()
        })
    }
}

#[component]
pub(super) fn File(desk: Desk, file: ChangedFile, place: usize) -> impl IntoView {
    let key = StoredValue::new(viewed::key(&file));
    let path = file.path.clone();
    let sheet = Sheet {
        desk,
        path: StoredValue::new(path.clone()),
        composing: RwSignal::new(None),
        chosen: RwSignal::new(None),
    };
    let seen = Memo::new(move |_| key.with_value(|key| desk.viewed.has(key)));
    let closed = RwSignal::new(None::<bool>);
    let shut = Memo::new(move |_| closed.get().unwrap_or_else(|| seen.get()));
    let diff = RwSignal::new(None::<FileDiff>);
    let problem = RwSignal::new(String::new());
    let params =
        StoredValue::new(FileDiffParams { id: desk.card, path: file.path.clone(), old_path: file.old_path.clone() });
    let asked = StoredValue::new(false);
    let wanted = Memo::new(move |_| {
        let on_screen = desk.current.get() == place;
        on_screen || (!shut.get() && dom::is_wide() && (place < OPEN_FILES || closed.get() == Some(false)))
    });
    let ask = move || {
        asked.set_value(true);
        problem.set(String::new());
        spawn_local(async move {
            match read_file_diff(params.get_value()).await {
                Ok(found) => {
                    diff.try_set(Some(found));
                }
                Err(error) => {
                    problem.try_set(error.message);
                }
            }
        });
    };
    Effect::new(move |_| {
        if wanted.get() && !asked.get_value() {
            ask();
        }
    });
    // Comments on lines that the changes do not show, and on the file.
    let shown_lines = Memo::new(move |_| {
        diff.with(|diff| {
            let lines = diff.iter().flat_map(|diff| &diff.hunks).flat_map(|hunk| &hunk.lines);
            lines.filter_map(|line| line.new).collect::<Vec<u32>>()
        })
    });
    let elsewhere = Memo::new(move |_| {
        let shown = shown_lines.read();
        sheet.comments(|line| line.is_none_or(|line| shown.binary_search(&line).is_err()))
    });
    let toggle = move |_| closed.set(Some(!shut.get_untracked()));
    let label = {
        let path = path.clone();
        move || if shut.get() { t::review_show_file(&path) } else { t::review_hide_file(&path) }
    };
    let old = file.old_path.clone().map(|old| t::review_renamed_from(&old));
    let (check_label, named) = (t::review_viewed_file(&path), path.clone());
    view! {
        <article class="diff-file" class:is-current=move || desk.current.get() == place id=format!("diff-{place}") tabindex="-1" aria-label=named>
            <header class="diff-head">
                <button type="button" class="icon-btn diff-fold" class:is-shut=move || shut.get() aria-expanded=move || (!shut.get()).to_string() aria-label=label on:click=toggle>
                    {icon(Icon::Chevron)}
                </button>
                {status_sign(file.status)}
                <span class="diff-name">
                    <bdi>{path}</bdi>
                    {old.map(|old| view! { <span class="muted">{old}</span> })}
                </span>
                <span class="diff-stat">{stat_view(file.added, file.removed)}</span>
                <label class="diff-check">
                    <input
                        type="checkbox"
                        aria-label=check_label
                        prop:checked=move || seen.get()
                        on:change=move |event| {
                            key.with_value(|key| desk.viewed.set(key, event_target_checked(&event)));
                            closed.set(None);
                        }
                    />
                    <span aria-hidden="true">{t::review_viewed()}</span>
                </label>
                <button type="button" class="icon-btn" aria-label=t::review_comment_on_file() on:click=move |_| sheet.composing.set(Some(None))>
                    {icon(Icon::Comment)}
                </button>
            </header>
            <div hidden=move || shut.get()>
                {move || remarks(elsewhere.get(), true)}
                <Show when=move || sheet.composing.get() == Some(None)><Composer sheet line=None /></Show>
                <p class="field-error" role="status" hidden=move || problem.read().is_empty()>{move || problem.get()}</p>
                {move || match diff.get() {
                    None if problem.read().is_empty() => view! { <p class="diff-note muted">{t::review_comparing()}</p> }.into_any(),
                    None => view! { <Button on_press=Callback::new(move |()| ask())>{t::common_retry()}</Button> }.into_any(),
                    Some(diff) => lines_view(sheet, diff, file.status),
                }}
            </div>
        </article>
    }
}

fn lines_view(sheet: Sheet, diff: FileDiff, status: FileStatus) -> AnyView {
    if diff.binary {
        return view! { <p class="diff-note muted">{t::review_binary()}</p> }.into_any();
    }
    if diff.hunks.is_empty() {
        return view! { <p class="diff-note muted">{t::review_no_lines()}</p> }.into_any();
    }
    let can_comment = status != FileStatus::Deleted;
    view! {
        <div class="diff-scroll" on:keydown=walk>
            {diff.hunks.into_iter().enumerate().map(|(at, hunk)| hunk_view(sheet, hunk, at == 0, can_comment)).collect_view()}
        </div>
        {diff.cut.then(|| view! { <p class="diff-note muted">{t::review_cut()}</p> })}
    }
    .into_any()
}

/// Arrow keys go from line to line; the Tab key passes all of them at once.
fn walk(event: web_sys::KeyboardEvent) {
    let forward = match event.key().as_str() {
        "ArrowDown" => true,
        "ArrowUp" => false,
        _ => return,
    };
    let Some(active) = document().active_element().filter(|active| active.class_list().contains("diff-line-no")) else {
        return;
    };
    let Some(around) = event.current_target().and_then(|target| target.dyn_into::<web_sys::Element>().ok()) else {
        return;
    };
    let Ok(all) = around.query_selector_all(".diff-line-no") else { return };
    let found = (0..all.length()).find(|at| all.item(*at).is_some_and(|node| node.is_same_node(Some(&active))));
    let Some(at) = found else { return };
    let to = if forward { at.saturating_add(1) } else { at.saturating_sub(1) };
    if let Some(next) = all.item(to).and_then(|node| node.dyn_into::<web_sys::Element>().ok()) {
        event.prevent_default();
        dom::focus(&next);
    }
}

/// The lines of a hunk. Written anew when a comment of one of them comes or goes, and only then.
fn hunk_view(sheet: Sheet, hunk: DiffHunk, first: bool, can_comment: bool) -> AnyView {
    let mut numbers: Vec<u32> = hunk.lines.iter().filter_map(|line| line.new).collect();
    numbers.dedup();
    let numbers = StoredValue::new(numbers);
    let inside = move |line: u32| numbers.with_value(|numbers| numbers.binary_search(&line).is_ok());
    let comments = Memo::new(move |_| sheet.comments(|line| line.is_some_and(inside)));
    let composing = Memo::new(move |_| sheet.composing.get().flatten().filter(|line| inside(*line)));
    let chosen = Memo::new(move |_| sheet.chosen.get().filter(|line| inside(*line)));
    let lines = StoredValue::new(hunk.lines);
    let context = hunk.context;
    view! {
        <div class="diff-hunk">
            {(!first || !context.is_empty()).then(|| view! {
                <p class="diff-context"><span>{if context.is_empty() { "⋯".to_owned() } else { context }}</span></p>
            })}
            {move || {
                let (comments, composing, chosen) = (comments.get(), composing.get(), chosen.get());
                let focusable = numbers.with_value(|numbers| numbers.first().copied());
                let row = |line: &DiffLine| {
                    let here = line.new.filter(|_| can_comment);
                    let said: Vec<CommentView> = comments
                        .iter()
                        .filter(|comment| here.is_some() && comment.anchor.as_ref().and_then(|anchor| anchor.line) == here)
                        .cloned()
                        .collect();
                    let writes = here.is_some() && composing == here;
                    let picked = here.filter(|here| chosen == Some(*here) && !writes);
                    view! {
                        {line_view(sheet, line, here, here == focusable, picked.is_some())}
                        {picked.map(|at| pick_bar(sheet, numbers, at))}
                        {remarks(said, false)}
                        {writes.then(|| view! { <Composer sheet line=here /> })}
                    }
                    .into_any()
                };
                lines.with_value(|lines| lines.iter().map(row).collect_view())
            }}
        </div>
    }
    .into_any()
}

/// What can be done with the line a finger has chosen. A row is lower than a finger, so that what was meant can be
/// mended before anything happens.
fn pick_bar(sheet: Sheet, numbers: StoredValue<Vec<u32>>, at: u32) -> AnyView {
    let beside = move |by: isize| {
        numbers.with_value(|numbers| {
            let place = numbers.binary_search(&at).ok()?.checked_add_signed(by)?;
            numbers.get(place).copied()
        })
    };
    let step = move |by: isize| {
        if let Some(line) = beside(by) {
            sheet.chosen.set(Some(line));
        }
    };
    view! {
        <div class="diff-pick" role="toolbar" aria-label=t::review_line(&at.to_string())>
            <button type="button" class="icon-btn is-up" aria-label=t::review_line_before() disabled=beside(-1).is_none() on:click=move |_| step(-1)>{icon(Icon::Chevron)}</button>
            <button type="button" class="icon-btn" aria-label=t::review_line_after() disabled=beside(1).is_none() on:click=move |_| step(1)>{icon(Icon::Chevron)}</button>
            <button type="button" class="btn btn-primary" on:click=move |_| {
                sheet.chosen.set(None);
                sheet.composing.set(Some(Some(at)));
            }>{t::review_comment_on(&at.to_string())}</button>
            <button type="button" class="icon-btn" aria-label=t::review_cancel() on:click=move |_| sheet.chosen.set(None)>{icon(Icon::Close)}</button>
        </div>
    }
    .into_any()
}

fn line_view(sheet: Sheet, line: &DiffLine, here: Option<u32>, focusable: bool, chosen: bool) -> AnyView {
    let (class, sign) = match (line.old, line.new) {
        (None, _) => ("diff-line is-added", "+"),
        (_, None) => ("diff-line is-removed", "−"),
        _ => ("diff-line", " "),
    };
    let number = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
    let open = move |_| {
        let selecting = window().get_selection().ok().flatten().is_some_and(|selection| !selection.is_collapsed());
        if here.is_none() || selecting {
            return;
        }
        if dom::matches("(pointer: coarse)") {
            sheet.chosen.set(here.filter(|_| !chosen));
        } else {
            sheet.composing.set(Some(here));
        }
    };
    view! {
        <div class=class class:is-chosen=chosen on:click=open>
            <span class="diff-no" aria-hidden="true">{number(line.old)}</span>
            {match here {
                Some(at) => view! {
                    <button type="button" class="diff-no diff-line-no" tabindex=if focusable { "0" } else { "-1" } aria-label=t::review_comment_on(&at.to_string())>{at}</button>
                }.into_any(),
                None => view! { <span class="diff-no" aria-hidden="true">{number(line.new)}</span> }.into_any(),
            }}
            <span class="diff-sign">{sign}</span>
            <code class="diff-text">{line.text.clone()}</code>
        </div>
    }
    .into_any()
}

/// Comments under their line, or above the lines when theirs is not shown.
fn remarks(comments: Vec<CommentView>, with_line: bool) -> AnyView {
    if comments.is_empty() {
        return ().into_any();
    }
    let remark = |comment: CommentView| {
        let line = comment.anchor.and_then(|anchor| anchor.line).filter(|_| with_line);
        view! {
            <li class="diff-remark">
                <p class="comment-head">
                    <strong>{words::person(&comment.author).to_owned()}</strong>
                    {line.map(|line| view! { <span class="muted">{t::review_line(&line.to_string())}</span> })}
                </p>
                <div class="prose" inner_html=comment.html></div>
            </li>
        }
        .into_any()
    };
    view! { <ol class="diff-remarks">{comments.into_iter().map(remark).collect_view()}</ol> }.into_any()
}

#[component]
fn Composer(sheet: Sheet, line: Option<u32>) -> impl IntoView {
    let (toasts, outbox) = (expect_context::<Toasts>(), expect_context::<Outbox>());
    let (body, busy) = (RwSignal::new(String::new()), RwSignal::new(false));
    let field = NodeRef::<html::Textarea>::new();
    Effect::new(move |_| {
        if let Some(field) = field.get() {
            // silent-ok: without the focus it can still be typed into.
            let _ = field.focus();
        }
    });
    let place = line.map_or_else(String::new, |line| line.to_string());
    let key = StoredValue::new(format!("hermes.draft.{}.{}:{place}", sheet.desk.card, sheet.path.get_value()));
    Effect::new(move |_| body.set(key.with_value(|key| dom::remembered(key)).unwrap_or_default()));
    let sent = move || {
        key.try_with_value(|key| dom::forget(key));
        // Another line may be written to by now.
        if busy.try_get_untracked() == Some(true) {
            sheet.composing.try_set(None);
        }
    };
    let close = move || sheet.composing.set(None);
    let send = move || {
        let text = body.get_untracked();
        if text.trim().is_empty() || busy.get_untracked() {
            return;
        }
        busy.set(true);
        let anchor = Some(LineAnchor { path: sheet.path.get_value(), line });
        let params = AddCommentParams { id: sheet.desk.card, body: text.clone(), anchor };
        let about = About { label: t::review_outbox(&sheet.path.get_value()), cards: vec![sheet.desk.card], text };
        outbox.send(&AddComment { params }, about, move |outcome| match outcome {
            Outcome::Done { answer, late } => {
                sheet.desk.evidence.try_update(|found| {
                    if let Some(found) = found
                        && found.comments.iter().all(|comment| comment.id != answer.comment.id)
                    {
                        found.comments.push(answer.comment);
                    }
                });
                if late {
                    return;
                }
                sent();
                if let Some(undo) = answer.undo {
                    sheet.desk.offer_undo(toasts, t::review_comment_added().to_owned(), undo);
                }
            }
            Outcome::Waits => sent(),
            Outcome::Refused(error) => {
                busy.try_set(false);
                toasts.fail(error.message);
            }
            Outcome::TakenBack | Outcome::Elsewhere => {}
        });
    };
    let label = sheet.path.with_value(|path| match line {
        Some(line) => t::review_comment_label(&line.to_string(), path),
        None => t::review_comment_file_label(path),
    });
    view! {
        <form class="diff-composer" on:submit=move |event| {
            event.prevent_default();
            send();
        }>
            <textarea
                node_ref=field
                class="input"
                dir="auto"
                rows="2"
                aria-label=label
                placeholder=t::review_comment_placeholder()
                on:input=move |event| key.with_value(|key| dom::remember(key, &event_target_value(&event)))
                bind:value=body
                on:keydown=move |event| {
                    if event.key() == "Escape" {
                        event.stop_propagation();
                        close();
                    } else if event.key() == "Enter" && (event.meta_key() || event.ctrl_key()) && !event.is_composing() {
                        event.prevent_default();
                        send();
                    }
                }
            ></textarea>
            <div class="btn-row">
                <Button kind=ButtonKind::Quiet on_press=move |()| close()>{t::review_cancel()}</Button>
                <Button kind=ButtonKind::Primary submit=true busy disabled=Signal::derive(move || body.read().trim().is_empty())>
                    {t::review_comment()}
                </Button>
            </div>
        </form>
    }
}
