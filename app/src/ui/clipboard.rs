//! The clipboard.
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen_futures::JsFuture;

use super::Toasts;
use crate::i18n::t;

/// Puts a text on the clipboard and says so.
pub fn copy_text(text: String, toasts: Toasts) {
    spawn_local(async move {
        match JsFuture::from(window().navigator().clipboard().write_text(&text)).await {
            Ok(_) => toasts.say(t::common_copied()),
            Err(_) => toasts.fail(t::common_copy_refused()),
        }
    });
}
