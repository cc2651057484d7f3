//! Toasts: what just happened, and how to take it back.
use std::time::Duration;

use leptos::html;
use leptos::prelude::*;
use protocol::UndoId;

use super::{Icon, Tone, icon};
use crate::i18n::t;

/// Long enough to read a sentence and reach the button.
const SHOWN_FOR: Duration = Duration::from_secs(7);
/// More would cover the page.
const AT_MOST: usize = 3;

/// One message.
#[derive(Debug, Clone)]
pub struct Toast {
    /// A sentence.
    pub text: String,
    /// Its colour.
    pub tone: Tone,
    /// A button: its name, and what it does.
    pub action: Option<(String, Callback<()>)>,
    /// The write that the button takes back: the message goes when that has been done, wherever on the page it was.
    pub undo: Option<UndoId>,
    /// Stays until it is dismissed.
    pub stays: bool,
}

/// The messages on screen. One for the whole app, in the context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Toasts {
    shown: RwSignal<Vec<(u32, Toast)>>,
    next: StoredValue<u32>,
}

impl Toasts {
    /// Puts the messages into the context.
    pub fn provide() -> Self {
        let toasts = Self { shown: RwSignal::new(Vec::new()), next: StoredValue::new(0) };
        provide_context(toasts);
        toasts
    }

    /// Says that something was done.
    pub fn say(self, text: impl Into<String>) {
        self.show(Toast { text: text.into(), tone: Tone::Neutral, action: None, undo: None, stays: false });
    }

    /// Says that something failed.
    pub fn fail(self, text: impl Into<String>) {
        self.show(Toast { text: text.into(), tone: Tone::Danger, action: None, undo: None, stays: false });
    }

    /// Says that something was done and offers to take it back.
    pub fn undoable(self, text: impl Into<String>, undo: UndoId, take_back: Callback<()>) {
        let action = Some((t::common_undo().to_owned(), take_back));
        self.show(Toast { text: text.into(), tone: Tone::Neutral, action, undo: Some(undo), stays: false });
    }

    /// Nobody can take that write back any more: no message offers it.
    pub fn taken_back(self, undo: UndoId) {
        self.shown.try_update(|shown| shown.retain(|(_, toast)| toast.undo != Some(undo)));
    }

    /// Shows a message.
    pub fn show(self, toast: Toast) {
        let id = self.next.get_value();
        self.next.set_value(id.wrapping_add(1));
        let stays = toast.stays;
        self.shown.update(|shown| {
            // The same words once: the newest one's action is the one that is meant.
            shown.retain(|(_, other)| other.text != toast.text);
            shown.push((id, toast));
            let oldest = shown.iter().position(|(_, toast)| !toast.stays);
            if let (true, Some(oldest)) = (shown.len() > AT_MOST, oldest) {
                shown.remove(oldest);
            }
        });
        if !stays {
            set_timeout(move || self.dismiss(id), SHOWN_FOR);
        }
    }

    /// The newest message's action, for the keyboard.
    #[must_use]
    pub fn newest_action(self) -> Option<Callback<()>> {
        let (id, action) = self.shown.with_untracked(|shown| {
            shown
                .iter()
                .rev()
                .filter(|(_, toast)| !toast.stays)
                .find_map(|(id, toast)| Some((*id, toast.action.as_ref()?.1)))
        })?;
        self.dismiss(id);
        Some(action)
    }

    fn dismiss(self, id: u32) {
        self.shown.try_update(|shown| shown.retain(|(other, _)| *other != id));
    }
}

/// Where messages appear. Screen readers hear them.
#[component]
pub fn ToastRegion(
    /// Its element.
    node: NodeRef<html::Div>,
) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    view! {
        <div role="status" aria-live="polite" aria-label=t::common_messages() node_ref=node>
            <ul class="toasts">
            <For each=move || toasts.shown.get() key=|(id, _)| *id let((id, toast))>
                <li class=format!("toast {}", toast.tone.class())>
                    <span>{toast.text}</span>
                    {toast.action.map(|(label, action)| view! {
                        <button type="button" class="btn btn-quiet" on:click=move |_| {
                            toasts.dismiss(id);
                            action.run(());
                        }>{label}</button>
                    })}
                    <button type="button" class="icon-btn" aria-label=t::common_dismiss() on:click=move |_| toasts.dismiss(id)>
                        {icon(Icon::Close)}
                    </button>
                </li>
            </For>
            </ul>
        </div>
    }
}
