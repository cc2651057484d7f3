//! Points in time and spans of it, in words.
use std::time::Duration;

use js_sys::{Date, Object, Reflect};
use leptos::leptos_dom::helpers::TimeoutHandle;
use leptos::prelude::*;
use wasm_bindgen::JsValue;

use crate::i18n::t;

/// How often words such as "2 min ago" are made anew.
const TICK: Duration = Duration::from_secs(15);
/// For so long a day of the week says which day is meant.
const WEEKDAYS_MS: i64 = 6 * 24 * 3_600_000;

/// Unix ms by the clock of whoever renders: the server while it makes the page, then the browser.
#[must_use]
pub fn now_ms() -> i64 {
    #[cfg(feature = "ssr")]
    {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
    #[cfg(not(feature = "ssr"))]
    {
        super::dom::now_ms()
    }
}

/// The present, renewed while the component lives.
#[must_use]
pub fn ticking() -> Signal<i64> {
    let now = RwSignal::new(now_ms());
    Effect::new(move |_| {
        now.set(now_ms());
        if let Ok(handle) = set_interval_with_handle(move || now.set(now_ms()), TICK) {
            on_cleanup(move || handle.clear());
        }
    });
    now.into()
}

/// What a signal says once it has rested that long.
#[must_use]
pub fn rested(signal: RwSignal<String>, wait: Duration) -> Signal<String> {
    let rested = RwSignal::new(signal.get_untracked());
    let due = StoredValue::new(None::<TimeoutHandle>);
    Effect::new(move |_| {
        signal.track();
        due.update_value(|due| {
            if let Some(due) = due.take() {
                due.clear();
            }
            let settle = move || {
                if let Some(text) = signal.try_get_untracked() {
                    rested.try_set(text);
                }
            };
            *due = set_timeout_with_handle(settle, wait).ok();
        });
    });
    rested.into()
}

/// A time that is still to come, by the clock of whoever looks, with as much of the date as is needed to know which. Only in
/// the browser: the server does not know its time zone.
#[must_use]
pub fn moment(at: i64) -> String {
    let (now, date) = (Date::new_0(), Date::new(&JsValue::from_f64(at as f64)));
    let is_today = (now.get_date(), now.get_month()) == (date.get_date(), date.get_month());
    let mut parts = vec![("hour", "numeric"), ("minute", "2-digit")];
    if at - now_ms() >= WEEKDAYS_MS {
        parts.extend([("day", "numeric"), ("month", "short")]);
    } else if !is_today {
        parts.push(("weekday", "short"));
    }
    let options = Object::new();
    for (name, value) in parts {
        // silent-ok: an object takes any name.
        let _ = Reflect::set(&options, &name.into(), &value.into());
    }
    let language = document().document_element().and_then(|root| root.get_attribute("lang")).unwrap_or_default();
    String::from(date.to_locale_string(&language, &options))
}

/// "just now", "5 min ago", "3 h ago", "2 days ago".
#[must_use]
pub fn ago(now: i64, at: i64) -> String {
    let minutes = now.saturating_sub(at).max(0) / 60_000;
    match minutes {
        0 => t::time_just_now().to_owned(),
        1..60 => t::time_minutes_ago(minutes),
        60..1440 => t::time_hours_ago(minutes / 60),
        _ => t::time_days_ago(minutes / 1440),
    }
}

/// "45 s", "12 min", "2 h 5 min".
#[must_use]
pub fn span(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ 0..60 => t::time_seconds(seconds),
        seconds @ 60..3600 => t::time_minutes(seconds / 60),
        seconds if (seconds / 60) % 60 == 0 => t::time_hours(seconds / 3600),
        seconds => t::time_hours_minutes(&(seconds / 3600).to_string(), &(seconds / 60 % 60).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::{ago, span};

    #[test]
    fn times_are_said_in_the_largest_unit() {
        let check = |ms: i64, words: &str| assert_eq!(ago(ms, 0), words);
        check(-5, "just now");
        check(59_999, "just now");
        check(60_000, "1 min ago");
        check(3_600_000, "1 h ago");
        check(24 * 3_600_000, "1 day ago");
        check(50 * 3_600_000, "2 days ago");
        check(i64::MIN, "just now");
        assert!(ago(1, i64::MIN).ends_with("days ago"));
    }

    #[test]
    fn spans_are_said_as_people_say_them() {
        let check = |seconds: i64, words: &str| assert_eq!(span(seconds), words);
        check(45, "45 s");
        check(754, "12 min");
        check(3600, "1 h");
        check(7500, "2 h 5 min");
    }
}
