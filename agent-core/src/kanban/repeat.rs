//! When a finished card comes again: `every 30m`, `every 2h`, `every 3d`, `every 1w`, or five cron fields in the
//! machine's time zone. The only place that names the cron crate.

use chrono::{Local, TimeZone};
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use protocol::CardField;

use super::KanbanError;

/// Nothing repeats more often than once a minute.
const MIN_INTERVAL_MS: i64 = 60_000;
const MAX_INTERVAL_MS: i64 = 366 * 24 * 3_600_000;
const MAX_RULE_BYTES: usize = 200;

/// The cron fields in their order, and what each may say.
const FIELDS: [(&str, &str); 5] = [
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of the month", "1 to 31"),
    ("month", "1 to 12, or jan to dec"),
    ("day of the week", "0 to 7, or sun to sat"),
];

/// A rule that can be kept: it can be read, and there is a next time after `now`. Empty means none.
pub(super) fn checked(rule: &str, now: i64) -> Result<Option<String>, KanbanError> {
    let rule = rule.trim();
    if rule.is_empty() {
        return Ok(None);
    }
    next_after(rule, now)?;
    Ok(Some(rule.to_owned()))
}

/// The next time after `now`, Unix ms.
pub(super) fn next_after(rule: &str, now: i64) -> Result<i64, KanbanError> {
    match parse(rule)? {
        Rule::Every(interval) => Ok(now + interval),
        Rule::Cron(cron) => {
            let start =
                Local.timestamp_millis_opt(now).single().ok_or_else(|| bad(rule, "the clock is out of range"))?;
            match cron.find_next_occurrence(&start, false) {
                Ok(next) => Ok(next.timestamp_millis()),
                // The search ends in the year 5000.
                Err(error) => {
                    tracing::debug!(%error, rule, "a rule has no next time");
                    Err(bad(rule, "no day fits it, so it never comes"))
                }
            }
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
        let interval = interval_ms(interval.trim()).ok_or_else(|| bad(rule, "a span is a number and m, h, d or w"))?;
        if !(MIN_INTERVAL_MS..=MAX_INTERVAL_MS).contains(&interval) {
            return Err(bad(rule, "a span is between a minute and a year"));
        }
        return Ok(Rule::Every(interval));
    }
    match cron(rule) {
        Ok(cron) => Ok(Rule::Cron(Box::new(cron))),
        // silent-ok: what the parser says is for programmers; the field it stumbled over says more
        Err(_) => Err(bad(rule, &wrong_field(rule))),
    }
}

fn cron(rule: &str) -> Result<Cron, croner::errors::CronError> {
    CronParser::builder().seconds(Seconds::Disallowed).build().parse(rule)
}

/// Which of the five fields cannot be read, found by reading each by itself.
fn wrong_field(rule: &str) -> String {
    let fields: Vec<&str> = rule.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        return "it is neither \"every\" and a span nor the five fields of cron".to_owned();
    }
    for (index, (name, range)) in FIELDS.iter().enumerate() {
        let mut alone = ["*"; FIELDS.len()];
        alone[index] = fields[index];
        if cron(&alone.join(" ")).is_err() {
            return format!("the {name} \"{}\" is not {range}", crate::text::excerpt(fields[index], 20));
        }
    }
    "its fields do not go together".to_owned()
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
    KanbanError::at(
        CardField::Repeat,
        format!(
            "\"{}\" says not when to come again ({why}); write for instance \"every 2h\", or \"0 9 * * 1-5\" for workdays at nine",
            crate::text::excerpt(rule, 60)
        ),
    )
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
    fn nonsense_is_refused_with_a_reason_and_an_example() {
        for (bad, why) in [
            ("every", "five fields"),
            ("every x", "a number and m, h, d or w"),
            ("every 5s", "a number and m, h, d or w"),
            ("every 0m", "between a minute and a year"),
            ("every 900d", "between a minute and a year"),
            ("soon", "five fields"),
            ("* * *", "five fields"),
            ("* * * * * *", "five fields"),
            ("99 * * * *", "the minute \"99\" is not 0 to 59"),
            ("0 x * * *", "the hour \"x\" is not 0 to 23"),
            ("0 0 * * fryday", "the day of the week \"fryday\" is not"),
            ("0 0 30 2 *", "it never comes"),
            ("0 0 31 4,6 *", "it never comes"),
        ] {
            let error = checked(bad, 0).expect_err(bad).to_string();
            assert!(error.contains(why) && error.contains("every 2h"), "{error}");
            assert!(!error.contains("Cron"), "{error}");
        }
        assert_eq!(checked("  ", 0).unwrap(), None);
        assert_eq!(checked(" 0 0 29 2 * ", 0).unwrap().as_deref(), Some("0 0 29 2 *"));
    }
}
