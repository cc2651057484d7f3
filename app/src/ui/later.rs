//! Views whose code is fetched when they are first needed.
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use leptos::prelude::*;
use leptos::reactive::spawn_local_scoped;

use super::skeleton_rows;

/// Shows what a `#[lazy]` function makes as soon as its code is there. Only below something that opens in the browser:
/// the server never renders it.
pub fn later<F>(load: F) -> AnyView
where
    F: Future<Output = AnyView> + 'static,
{
    shown(Box::pin(load))
}

/// One body for all of them: a copy for each would be part of the first load.
fn shown(mut load: Pin<Box<dyn Future<Output = AnyView>>>) -> AnyView {
    let made = StoredValue::new_local(None::<AnyView>);
    let ready = RwSignal::new(false);
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
    (move || match ready.get() {
        true => made.try_update_value(Option::take).flatten().into_any(),
        false => view! { <div class="dialog-body">{skeleton_rows(3)}</div> }.into_any(),
    })
    .into_any()
}
