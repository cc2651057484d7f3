//! Points in time as people type and read them: spans from now, dates in the machine's time zone, Unix seconds.

use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, TimeDelta, TimeZone};

use super::parse::{duration, typed};

/// What is accepted, for messages.
const FORMS: &str = "write 30m, 2h or 1d from now, 2026-12-01 (midnight), 2026-12-01T09:30 (both in this machine's time \
                     zone), 2026-12-01T09:30Z, or Unix seconds";
/// No span of seconds is that long, and no time of interest that early.
const FIRST_UNIX_SECOND: i64 = 1_000_000_000;

/// A span from now, or a point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// So many seconds from now.
    In(u32),
    /// Unix milliseconds.
    At(i64),
}

impl Moment {
    /// Unix milliseconds.
    pub(crate) fn unix_ms(self, now: i64) -> i64 {
        match self {
            Self::In(seconds) => now + i64::from(seconds) * 1000,
            Self::At(ms) => ms,
        }
    }
}

/// `30m` from now, `2026-12-01`, `2026-12-01T09:30`, the same with an offset, or Unix seconds.
pub(crate) fn moment(text: &str) -> Result<Moment, String> {
    let text = text.trim();
    if let Some(seconds) = text.parse::<i64>().ok().filter(|seconds| *seconds >= FIRST_UNIX_SECOND) {
        return Ok(Moment::At(seconds.saturating_mul(1000)));
    }
    match duration(text) {
        Ok(seconds) => Ok(Moment::In(seconds)),
        Err(_) => date(text).map(Moment::At).ok_or_else(|| format!("\"{}\" is no time; {FORMS}", typed(text))),
    }
}

/// An ISO 8601 date or date and time, as Unix milliseconds.
fn date(text: &str) -> Option<i64> {
    let text = text.replacen(' ', "T", 1);
    if let Ok(day) = NaiveDate::parse_from_str(&text, "%Y-%m-%d") {
        return local(day.and_hms_opt(0, 0, 0)?);
    }
    let spelled = text.strip_suffix(['Z', 'z']).map(|time| format!("{time}+00:00"));
    let with_offset = spelled.as_deref().unwrap_or(&text);
    for form in ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.f"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(&text, form) {
            return local(time);
        }
        if let Ok(time) = DateTime::parse_from_str(with_offset, &format!("{form}%:z")) {
            return Some(time.timestamp_millis());
        }
    }
    None
}

/// A time on this machine's clock. One that the clock is put forward over means the first that exists after it.
fn local(time: NaiveDateTime) -> Option<i64> {
    let found = Local.from_local_datetime(&time).earliest();
    let later = || Local.from_local_datetime(&time.checked_add_signed(TimeDelta::hours(1))?).earliest();
    found.or_else(later).map(|time| time.timestamp_millis())
}

/// `2026-12-01 09:30`, on this machine's clock.
pub(crate) fn on_this_clock(ms: i64) -> String {
    match Local.timestamp_millis_opt(ms).earliest() {
        Some(time) => time.format("%Y-%m-%d %H:%M").to_string(),
        None => format!("Unix time {}", ms / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::{Moment, moment, on_this_clock};

    #[test]
    fn spans_dates_and_seconds() {
        assert_eq!(moment("30m"), Ok(Moment::In(1800)));
        assert_eq!(moment("1790000000"), Ok(Moment::At(1_790_000_000_000)));
        assert_eq!(Moment::In(2).unix_ms(1), 2001);
        let utc = Ok(Moment::At(1_796_117_400_000));
        for text in ["2026-12-01T09:30Z", "2026-12-01 09:30:00z", "2026-12-01T11:30+02:00", "2026-12-01T09:30:00.0Z"] {
            assert_eq!(moment(text), utc, "{text:?}");
        }
        for text in ["2026-12-01", "2026-12-01 00:00", "2026-12-01T00:00:00"] {
            let Ok(Moment::At(ms)) = moment(text) else { panic!("{text:?}") };
            assert_eq!(on_this_clock(ms), "2026-12-01 00:00", "{text:?}");
        }
        for text in ["tomorrow", "2026-13-01", "2026-12-01T25:00", "01.12.2026", "", "0"] {
            assert!(moment(text).unwrap_err().contains("2026-12-01T09:30"), "{text:?}");
        }
    }
}
