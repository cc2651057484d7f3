//! Until when a decision can be put off, by the clock of whoever looks at it. Only in the browser: the server does not know
//! its time zone.
use js_sys::Date;

use crate::i18n::t;
use crate::ui::time;

const HOUR_MS: i64 = 3_600_000;
/// When a day's work begins, and when its evening does.
const MORNING: u32 = 8;
const EVENING: u32 = 18;

/// A time that is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Offer {
    /// In an hour.
    Hour,
    /// Today, later.
    Evening,
    /// Tomorrow.
    Morning,
    /// On Monday, in so many days.
    NextWeek(u32),
}

/// What is offered at an hour of a day of the week, Sunday being 0. The evening only while it is more than an hour away;
/// on a Sunday next week begins tomorrow.
fn offers(hour: u32, weekday: u32) -> Vec<Offer> {
    let mut offers = vec![Offer::Hour];
    if hour + 1 < EVENING {
        offers.push(Offer::Evening);
    }
    offers.push(Offer::Morning);
    if weekday != 0 {
        offers.push(Offer::NextWeek(8 - weekday));
    }
    offers
}

/// The choices, each with its name and its time.
pub(super) fn choices() -> Vec<(String, i64)> {
    let now = Date::new_0();
    let named = |offer| {
        let (name, at) = match offer {
            Offer::Hour => (t::inbox_hour(), time::now_ms() + HOUR_MS),
            Offer::Evening => (t::inbox_evening(), on(&now, 0, EVENING)),
            Offer::Morning => (t::inbox_morning(), on(&now, 1, MORNING)),
            Offer::NextWeek(days) => (t::inbox_next_week(), on(&now, days, MORNING)),
        };
        (t::inbox_choice(name, &time::moment(at)), at)
    };
    offers(now.get_hours(), now.get_day()).into_iter().map(named).collect()
}

/// A whole hour so many days after today. The calendar carries days over into the next month by itself.
fn on(now: &Date, days: u32, hour: u32) -> i64 {
    let number = |value: u32| i32::try_from(value).unwrap_or(0);
    let (month, day) = (number(now.get_month()), number(now.get_date() + days));
    Date::new_with_year_month_day_hr_min(now.get_full_year(), month, day, number(hour), 0).get_time() as i64
}

#[cfg(test)]
mod tests {
    use super::Offer::{Evening, Hour, Morning, NextWeek};
    use super::offers;

    #[test]
    fn only_what_is_ahead_is_offered_and_monday_is_the_next_one() {
        assert_eq!(offers(9, 1), [Hour, Evening, Morning, NextWeek(7)], "Monday morning");
        assert_eq!(offers(16, 5), [Hour, Evening, Morning, NextWeek(3)], "Friday afternoon");
        assert_eq!(offers(17, 6), [Hour, Morning, NextWeek(2)], "Saturday, almost evening");
        assert_eq!(offers(23, 0), [Hour, Morning], "Sunday night");
    }
}
