//! The files of a card: pictures to tap, names and sizes, and the ways to add more.
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::AttachmentView;
use wasm_bindgen::JsCast;

use super::server_fns::remove_file;
use super::{Desk, Place, upload};
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::{Button, Dialog, Icon, Toasts, icon};

/// Files, and adding some.
#[component]
pub(super) fn Files(desk: Desk) -> impl IntoView {
    let place = desk.place;
    let toasts = expect_context::<Toasts>();
    let files = Memo::new(move |_| {
        desk.evidence.with(|found| found.as_ref().map(|found| found.files.clone()).unwrap_or_default())
    });
    let sending = RwSignal::new(String::new());
    let over = RwSignal::new(false);
    let (open, shown) = (RwSignal::new(false), RwSignal::new(None::<AttachmentView>));
    let input = NodeRef::<html::Input>::new();
    let add = move |files: Vec<web_sys::File>| upload::send(desk, files, sending, toasts);
    if place == Place::Card {
        Effect::new(move |_| {
            let handle = window_event_listener_untyped("paste", move |event| {
                let Some(event) = event.dyn_ref::<web_sys::ClipboardEvent>() else { return };
                let files = upload::listed(event.clipboard_data().and_then(|data| data.files()));
                if !files.is_empty() {
                    event.prevent_default();
                    add(files);
                }
            });
            on_cleanup(move || handle.remove());
        });
    }
    let hidden = move || desk.evidence.read().is_none() || (place == Place::Decision && files.read().is_empty());
    view! {
        <section
            class="section files"
            class:is-over=move || over.get()
            aria-label=t::review_attachments()
            hidden=hidden
            on:dragover=move |event| {
                event.prevent_default();
                over.set(true);
            }
            on:dragleave=move |_| over.set(false)
            on:drop=move |event| {
                event.prevent_default();
                over.set(false);
                add(upload::listed(event.data_transfer().and_then(|data| data.files())));
            }
        >
            <div class="section-head">
                <h2>{t::review_attachments()}</h2>
                <input
                    node_ref=input
                    type="file"
                    multiple
                    class="visually-hidden"
                    tabindex="-1"
                    aria-label=t::review_add_files()
                    on:change=move |_| {
                        if let Some(input) = input.get_untracked() {
                            add(upload::listed(input.files()));
                            input.set_value("");
                        }
                    }
                />
                <Button busy=Signal::derive(move || !sending.read().is_empty()) on_press=move |()| {
                    if let Some(input) = input.get_untracked() {
                        input.click();
                    }
                }>
                    <span class="icon-s">{icon(Icon::Plus)}</span>
                    {t::review_add_files()}
                </Button>
            </div>
            <p class="muted" role="status" hidden=move || sending.read().is_empty()>{move || t::review_uploading(&sending.read())}</p>
            <ul class="file-list" hidden=move || files.read().is_empty()>
                <For each=move || files.get() key=|file| file.id let(file)>{tile(desk, file, open, shown, toasts)}</For>
            </ul>
            <p class="muted files-hint" hidden=move || !files.read().is_empty()>{t::review_drop_here()}</p>
        </section>
        <Dialog open title=Signal::derive(move || shown.read().as_ref().map(|file| file.name.clone()).unwrap_or_default())>
            {move || shown.get().map(|file| view! {
                <div class="lightbox">
                    <img src=address(&file) alt=file.name.clone() />
                    <div class="btn-row"><a class="btn" href=address(&file) download=file.name.clone()>{t::review_download()}</a></div>
                </div>
            })}
        </Dialog>
    }
}

fn address(file: &AttachmentView) -> String {
    format!("/attachments/{}", file.id)
}

fn tile(
    desk: Desk,
    file: AttachmentView,
    open: RwSignal<bool>,
    shown: RwSignal<Option<AttachmentView>>,
    toasts: Toasts,
) -> AnyView {
    let (id, name) = (file.id, file.name.clone());
    let facts = format!("{} · {}", size(file.bytes), words::person(&file.author));
    let face = if file.media_type.starts_with("image/") {
        let (src, picture) = (address(&file), file.clone());
        view! {
            <button type="button" class="file-face" aria-label=t::review_open_file(&name) on:click=move |_| {
                shown.set(Some(picture.clone()));
                open.set(true);
            }>
                <img src=src alt="" loading="lazy" />
            </button>
        }
        .into_any()
    } else {
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        let ending: String = ending.chars().take(4).collect::<String>().to_uppercase();
        view! {
            <a class="file-face" href=address(&file) target="_blank" rel="noopener" aria-label=t::review_open_file(&name)>
                <span class="file-kind" aria-hidden="true">{ending}</span>
            </a>
        }
        .into_any()
    };
    let gone = name.clone();
    let remove = move |_| {
        let gone = gone.clone();
        spawn_local(async move {
            match remove_file(id).await {
                Ok(written) => {
                    let text = t::review_removed_toast(&gone);
                    match written.undo {
                        Some(undo) => desk.offer_undo(toasts, text, undo),
                        None => toasts.say(text),
                    }
                }
                Err(error) => toasts.fail(error.message),
            }
            desk.look();
        });
    };
    view! {
        <li class="file">
            {face}
            <span class="file-text"><span class="file-name">{name.clone()}</span><span class="muted">{facts}</span></span>
            <button type="button" class="icon-btn" aria-label=t::review_remove_file(&name) on:click=remove>{icon(Icon::Trash)}</button>
        </li>
    }
    .into_any()
}

fn size(bytes: i64) -> String {
    match bytes {
        ..1024 => t::review_bytes(&bytes.to_string()),
        1024..1_048_576 => t::review_kilobytes(&(bytes / 1024).to_string()),
        _ => t::review_megabytes(&format!("{:.1}", bytes as f64 / 1_048_576.0)),
    }
}
