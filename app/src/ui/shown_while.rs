//! What is there only while something holds: the board's own `Show`, with one body for all of them, because each copy of
//! a generic component is part of the first load.
use leptos::prelude::*;

type Make = Box<dyn Fn() -> AnyView + Send + Sync>;

/// Shows a view while something holds. It is made anew each time that begins.
pub fn shown_while(
    when: impl Fn() -> bool + Send + Sync + 'static,
    make: impl Fn() -> AnyView + Send + Sync + 'static,
) -> AnyView {
    shown(Memo::new(move |_| when()), Box::new(make))
}

fn shown(when: Memo<bool>, make: Make) -> AnyView {
    (move || if when.get() { make() } else { ().into_any() }).into_any()
}
