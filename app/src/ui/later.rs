//! Views whose code is fetched when they are first needed.
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use js_sys::Reflect;
use leptos::leptos_dom::helpers::WindowListenerHandle;
use leptos::prelude::*;
use leptos::reactive::spawn_local_scoped;

use super::skeleton_rows;
use crate::i18n::t;

/// What the loader calls when code cannot be fetched. It tries again when the next button or link is pressed, and until
/// then whoever waits for the code waits on.
const MISSING: &str = "hermes:missing";

/// Shows what a `#[lazy]` function makes as soon as its code is there. Only below something that opens in the browser:
/// the server never renders it.
pub fn later<F>(load: F) -> AnyView
where
    F: Future<Output = AnyView> + 'static,
{
    shown(Box::pin(load))
}

/// Calls whenever code cannot be fetched, with whether that is because the server has a newer version by now.
pub fn on_missing(tell: impl Fn(bool) + 'static) -> WindowListenerHandle {
    window_event_listener_untyped(MISSING, move |event| {
        tell(Reflect::get(&event, &"detail".into()).is_ok_and(|detail| detail.is_truthy()));
    })
}

/// One body for all of them: a copy for each would be part of the first load.
fn shown(mut load: Pin<Box<dyn Future<Output = AnyView>>>) -> AnyView {
    let made = StoredValue::new_local(None::<AnyView>);
    let ready = RwSignal::new(false);
    // A dialog covers messages, so what is missing is said here, too.
    let missing = RwSignal::new(None::<bool>);
    let heard = on_missing(move |newer| {
        if ready.try_get_untracked() == Some(false) {
            missing.try_set(Some(newer));
        }
    });
    on_cleanup(move || heard.remove());
    spawn_local_scoped(async move {
        // Whoever left the page before the code was there wants no view, and there is nothing left to make one in.
        let view = poll_fn(|context| match made.is_disposed() {
            true => Poll::Ready(None),
            false => load.as_mut().poll(context).map(Some),
        });
        if let Some(view) = view.await {
            made.try_set_value(Some(view));
            ready.try_set(true);
        }
    });
    (move || match (ready.get(), missing.get()) {
        (true, _) => made.try_update_value(Option::take).flatten().into_any(),
        (false, None) => view! { <div class="dialog-body">{skeleton_rows(3)}</div> }.into_any(),
        (false, Some(newer)) => {
            let (text, label) = missing_words(newer);
            let press = move |_| {
                missing.set(None);
                if newer {
                    // silent-ok: a browser that refuses to reload leaves the page as it is.
                    let _ = window().location().reload();
                }
            };
            view! {
                <div class="dialog-body">
                    <p role="alert">{text}</p>
                    <button type="button" class="btn" on:click=press>{label}</button>
                </div>
            }
            .into_any()
        }
    })
    .into_any()
}

/// What is said when code cannot be fetched, and what can be done about it.
#[must_use]
pub fn missing_words(newer: bool) -> (&'static str, &'static str) {
    if newer { (t::common_outdated(), t::shell_reload()) } else { (t::common_missing(), t::common_retry()) }
}
