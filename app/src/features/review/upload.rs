//! Sending files: the bytes as they are, one request each.
use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{AttachmentWritten, CardId, MAX_ATTACHMENT_BYTES, UndoId};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::Desk;
use crate::i18n::t;
use crate::ui::Toasts;

/// What a refusal of the server says.
#[derive(serde::Deserialize)]
struct Refusal {
    message: String,
}

/// Sends files one after the other and says what became of them. `sending` names the one under way.
pub(super) fn send(desk: Desk, files: Vec<web_sys::File>, sending: RwSignal<String>, toasts: Toasts) {
    if files.is_empty() {
        return;
    }
    spawn_local(async move {
        let mut kept = 0_i64;
        let mut undo = None;
        for file in files {
            let name = file.name();
            sending.try_set(name.clone());
            if file.size() > MAX_ATTACHMENT_BYTES as f64 {
                toasts.fail(t::review_too_big(&name));
                continue;
            }
            match send_one(desk.card, &file, &name).await {
                Ok(taken_back_by) => {
                    kept += 1;
                    undo = taken_back_by;
                }
                Err(message) => toasts.fail(message.unwrap_or_else(|| t::review_upload_failed(&name))),
            }
        }
        sending.try_set(String::new());
        if kept > 0 {
            let text = t::review_added_toast(kept);
            match undo.filter(|_| kept == 1) {
                Some(undo) => desk.offer_undo(toasts, text, undo),
                None => toasts.say(text),
            }
        }
        desk.look();
    });
}

async fn send_one(card: CardId, file: &web_sys::File, name: &str) -> Result<Option<UndoId>, Option<String>> {
    let address = format!("/attachments?card={card}&name={}", String::from(js_sys::encode_uri_component(name)));
    let options = web_sys::RequestInit::new();
    options.set_method("POST");
    options.set_body(file.as_ref());
    let answer = JsFuture::from(window().fetch_with_str_and_init(&address, &options)).await.map_err(|_offline| None)?;
    let answer: web_sys::Response = answer.dyn_into().map_err(|_never| None)?;
    let text = async |answer: &web_sys::Response| -> Option<String> {
        JsFuture::from(answer.text().ok()?).await.ok().as_ref().and_then(JsValue::as_string)
    };
    let body = text(&answer).await.unwrap_or_default();
    if answer.ok() {
        return Ok(serde_json::from_str::<AttachmentWritten>(&body).ok().and_then(|written| written.undo));
    }
    Err(serde_json::from_str::<Refusal>(&body).ok().map(|refusal| refusal.message))
}

/// The files of a list, of a drop or of a paste.
pub(super) fn listed(files: Option<web_sys::FileList>) -> Vec<web_sys::File> {
    files.map(|files| (0..files.length()).filter_map(|at| files.get(at)).collect()).unwrap_or_default()
}
