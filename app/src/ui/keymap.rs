//! Which key means what. Pages know keys by those they have at first; a person may have chosen others, in this browser.
use std::cell::RefCell;

use leptos::prelude::*;

use super::{Overlays, dom};

/// Remembers the chosen keys in this browser.
const CHOSEN_KEY: &str = "hermes.keys";

/// A key at first, and the one that was chosen instead.
type Choice = (char, char);

thread_local! {
    static CHOSEN: RefCell<Option<Vec<Choice>>> = const { RefCell::new(None) };
}

fn with<T>(read: impl FnOnce(&mut Vec<Choice>) -> T) -> T {
    CHOSEN.with_borrow_mut(|chosen| {
        read(chosen.get_or_insert_with(|| parse(&dom::remembered(CHOSEN_KEY).unwrap_or_default())))
    })
}

fn parse(text: &str) -> Vec<Choice> {
    let choice = |pair: &str| {
        let mut keys = pair.chars();
        Some((keys.next()?, keys.next()?)).filter(|_| keys.next().is_none())
    };
    text.split(' ').filter_map(choice).collect()
}

fn single(key: &str) -> Option<char> {
    let mut chars = key.chars();
    chars.next().filter(|_| chars.next().is_none())
}

fn meant(chosen: &[Choice], pressed: char) -> Option<char> {
    let key = pressed.to_ascii_lowercase();
    let usual = match chosen.iter().find(|(_, chosen)| *chosen == key) {
        Some((usual, _)) => *usual,
        None if chosen.iter().any(|(usual, _)| *usual == key) => return None,
        None => key,
    };
    Some(if pressed.is_ascii_uppercase() { usual.to_ascii_uppercase() } else { usual })
}

/// What a pressed key means, named by the key that means it at first; empty when another one has its meaning now.
#[must_use]
pub fn meaning(pressed: &str) -> String {
    match single(pressed) {
        Some(key) => with(|chosen| meant(chosen, key)).map(String::from).unwrap_or_default(),
        None => pressed.to_owned(),
    }
}

/// The key to press for what `usual` means at first, as it is written on keys.
#[must_use]
pub fn shown(usual: &str) -> String {
    let Some(key) = single(usual) else { return usual.to_owned() };
    let chosen =
        with(|chosen| chosen.iter().find(|(usual, _)| *usual == key.to_ascii_lowercase()).map(|(_, chosen)| *chosen));
    chosen.map_or_else(|| usual.to_owned(), |key| key.to_ascii_uppercase().to_string())
}

/// Chooses a key in the place of a usual one. It must mean nothing else.
pub fn choose(usual: char, key: char) {
    let key = key.to_ascii_lowercase();
    with(|chosen| {
        chosen.retain(|(other, _)| *other != usual);
        if key != usual {
            chosen.push((usual, key));
        }
        let pairs: Vec<String> = chosen.iter().map(|(usual, key)| String::from_iter([*usual, *key])).collect();
        dom::remember(CHOSEN_KEY, &pairs.join(" "));
    });
}

/// Back to the usual keys.
pub fn reset() {
    with(Vec::clear);
    dom::forget(CHOSEN_KEY);
}

/// Whether any key was chosen.
#[must_use]
pub fn is_changed() -> bool {
    with(|chosen| !chosen.is_empty())
}

/// Tells a page which single keys are pressed, by what they mean, while nothing lies over it and nobody types. Ends with
/// the page.
pub fn listen(heard: impl Fn(String) + Clone + 'static) {
    let overlays = expect_context::<Overlays>();
    Effect::new(move |_| {
        let heard = heard.clone();
        let handle = window_event_listener(leptos::ev::keydown, move |event| {
            let command = event.ctrl_key() || event.meta_key() || event.alt_key();
            if !command && !event.default_prevented() && !overlays.any() && !dom::is_typing() {
                heard(meaning(&event.key()));
            }
        });
        on_cleanup(move || handle.remove());
    });
}

#[cfg(test)]
mod tests {
    use super::{meant, parse};

    #[test]
    fn a_chosen_key_means_what_the_usual_one_did_and_that_one_nothing() {
        let chosen = parse("st jn #x");
        for (pressed, meaning) in [
            ('t', Some('s')),
            ('s', None),
            ('n', Some('j')),
            ('N', Some('J')),
            ('J', None),
            ('x', Some('#')),
            ('e', Some('e')),
        ] {
            assert_eq!(meant(&chosen, pressed), meaning, "{pressed}");
        }
    }

    #[test]
    fn two_keys_can_change_places() {
        let chosen = parse("ae ea");
        assert_eq!((meant(&chosen, 'a'), meant(&chosen, 'e')), (Some('e'), Some('a')));
    }

    #[test]
    fn what_is_no_choice_is_left_out() {
        assert_eq!(parse("s sta  xy"), [('x', 'y')]);
    }
}
