//! When a finished card comes again: `every 30m`, `every 2h`, `every 3d`, `every 1w`, or five cron fields in the
//! machine's time zone. The only place that names the cron crate.

use chrono::{Local, TimeZone};
use croner::Cron;
use croner::parser::{CronParser, Seconds};

use super::KanbanError;

/// Nothing repeats more often than once a minute.
const MIN_INTERVAL_MS: i64 = 60_000;
const MAX_INTERVAL_MS: i64 = 366 * 24 * 3_600_000;
const MAX_RULE_BYTES: usize = 200;

/// A rule that can be kept; empty means none.
pub(super) fn checked(rule: &str) -> Result<Option<String>, KanbanError> {
    let rule = rule.trim();
    if rule.is_empty() {
        return Ok(None);
    }
    parse(rule)?;
    Ok(Some(rule.to_owned()))
}

/// The next time after `now`, Unix ms.
pub(super) fn next_after(rule: &str, now: i64) -> Result<i64, KanbanError> {
    match parse(rule)? {
        Rule::Every(interval) => Ok(now + interval),
        Rule::Cron(cron) => {
            let start =
                Local.timestamp_millis_opt(now).single().ok_or_else(|| bad(rule, "the clock is out of range"))?;
            let next = cron.find_next_occurrence(&start, false).map_err(|error| bad(rule, &error.to_string()))?;
            Ok(next.timestamp_millis())
        }
    }
}

enum Rule {
    Every(i64),
    Cron(Box<Cron>),
}

fn parse(rule: &str) -> Result<Rule, KanbanError> {
    let rule = rule.trim();
    if rule.len() > MAX_RULE_BYTES {
        return Err(bad(rule, "it is too long"));
    }
    if let Some(interval) = rule.strip_prefix("every ") {
        let interval = interval_ms(interval.trim()).ok_or_else(|| bad(rule, "this is no span of time"))?;
        if !(MIN_INTERVAL_MS..=MAX_INTERVAL_MS).contains(&interval) {
            return Err(bad(rule, "between a minute and a year"));
        }
        return Ok(Rule::Every(interval));
    }
    if !rule.starts_with('@') && rule.split_whitespace().count() != 5 {
        return Err(bad(rule, "it is neither a span of time nor five fields"));
    }
    let cron = CronParser::builder().seconds(Seconds::Disallowed).build().parse(rule);
    Ok(Rule::Cron(Box::new(cron.map_err(|error| bad(rule, &error.to_string()))?)))
}

fn interval_ms(text: &str) -> Option<i64> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let count: i64 = text[..split].parse().ok()?;
    let unit = match text[split..].trim() {
        "m" | "min" | "minute" | "minutes" => 60_000,
        "h" | "hour" | "hours" => 3_600_000,
        "d" | "day" | "days" => 24 * 3_600_000,
        "w" | "week" | "weeks" => 7 * 24 * 3_600_000,
        _ => return None,
    };
    count.checked_mul(unit)
}

fn bad(rule: &str, why: &str) -> KanbanError {
    KanbanError::Invalid(format!(
        "\"{}\" says not when to come again ({why}); write for instance \"every 2h\", or \"0 9 * * 1-5\" for workdays at nine",
        crate::text::excerpt(rule, 60)
    ))
}

#[cfg(test)]
mod tests {
    use super::{checked, next_after};

    #[test]
    fn spans_are_counted_from_the_end() {
        assert_eq!(next_after("every 30m", 1_000).unwrap(), 1_801_000);
        assert_eq!(next_after("every 2 hours", 0).unwrap(), 7_200_000);
        assert_eq!(next_after("every 1w", 0).unwrap(), 604_800_000);
    }

    #[test]
    fn cron_fields_give_the_next_minute_that_fits() {
        let now = 1_700_000_000_000;
        let next = next_after("*/5 * * * *", now).unwrap();
        assert!(next > now && next <= now + 300_000 && next % 300_000 == 0);
        let daily = next_after("0 9 * * *", now).unwrap();
        assert!(daily > now && daily <= now + 25 * 3_600_000);
    }

    #[test]
    fn nonsense_is_refused_with_an_example() {
        for bad in
            ["every", "every x", "every 5s", "every 0m", "every 900d", "soon", "* * *", "99 * * * *", "0 0 30 2 *"]
        {
            let result = checked(bad).and_then(|rule| next_after(rule.as_deref().unwrap_or_default(), 0).map(Some));
            let error = result.expect_err(bad).to_string();
            assert!(error.contains("every 2h"), "{error}");
        }
        assert_eq!(checked("  ").unwrap(), None);
    }
}
