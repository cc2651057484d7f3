//! Reading what people type: cards, numbers, durations, workspaces, text from stdin.

use std::io::Read;
use std::net::SocketAddr;
use std::ops::RangeInclusive;

use agent_core::kanban::EVENT_KINDS;
use agent_core::kanban::worker::{LONGEST_LEASE_SECONDS, SHORTEST_LEASE_SECONDS};
use protocol::{CardRef, CardSort, CardState, MAX_TEXT_BYTES, UndoId, WorkspaceKind};

use super::error::CliError;
use super::output::one_line;

/// Characters of what was typed that a message repeats.
const MAX_TYPED: usize = 60;

/// What was typed, as a message can repeat it: nothing that steers a terminal, and not endless.
pub(crate) fn typed(text: &str) -> String {
    let line = one_line(text);
    match line.char_indices().nth(MAX_TYPED) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// A card: `T-142`, `142` or its id.
pub(crate) fn card(text: &str) -> Result<CardRef, String> {
    text.parse().map_err(|_| match text.strip_prefix("t_") {
        Some(rest) if !rest.is_empty() && rest.chars().all(|char| char.is_ascii_alphanumeric()) => {
            format!(
                "\"{text}\" is an id of the Python hermes-agent; `hermes import --find {text}` shows the card it became"
            )
        }
        _ => format!("\"{}\" names no card; use its number (T-142 or 142) or its id", typed(text)),
    })
}

/// A whole number within these bounds.
pub(crate) fn whole<T>(
    bounds: RangeInclusive<i64>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: TryFrom<i64> + 'static,
{
    move |text| {
        let number = text.trim().parse::<i64>().ok().filter(|number| bounds.contains(number));
        number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| {
            format!("\"{}\" is no whole number from {} to {}", typed(text), bounds.start(), bounds.end())
        })
    }
}

/// A limit that an edit takes away: nothing, 0 or none.
fn clears(text: &str) -> bool {
    matches!(text.trim().trim_end_matches(['s', 'm', 'h', 'd']), "" | "0") || text.trim().eq_ignore_ascii_case("none")
}

/// What `read` reads, or 0 for no limit.
pub(crate) fn limit<T: Default + 'static>(
    read: impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| if clears(text) { Ok(T::default()) } else { read(text) }
}

/// A value, or none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OrNone<T>(pub(crate) Option<T>);

/// What `read` reads, or `none`.
pub(crate) fn or_none<T: Clone + Send + Sync + 'static>(
    read: impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static,
) -> impl Fn(&str) -> Result<OrNone<T>, String> + Clone + Send + Sync + 'static {
    move |text| match text.trim() {
        "" => Ok(OrNone(None)),
        word if word.eq_ignore_ascii_case("none") => Ok(OrNone(None)),
        word => read(word).map(|value| OrNone(Some(value))).map_err(|problem| format!("{problem}, or none")),
    }
}

/// How long a card is claimed for.
pub(crate) fn lease(text: &str) -> Result<u32, String> {
    let seconds = duration(text)?;
    if (SHORTEST_LEASE_SECONDS..=LONGEST_LEASE_SECONDS).contains(&seconds) {
        return Ok(seconds);
    }
    Err(format!("\"{}\" is not between a minute and a day; write 900, 30m or 2h", typed(text)))
}

/// An order of cards, also in words of the Python product.
pub(crate) fn sort(text: &str) -> Result<CardSort, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        // Cards are told column by column in any case.
        "status" => Ok(CardSort::Manual),
        "created-desc" => Ok(CardSort::Created),
        "priority-desc" => Ok(CardSort::Priority),
        word => word.parse().map_err(|_| {
            let known: Vec<&str> = CardSort::ALL.iter().map(|sort| sort.as_str()).collect();
            format!("\"{}\" is not one of {}", typed(text), known.join(", "))
        }),
    }
}

/// Yes or no, in the usual words.
pub(crate) fn yes_or_no(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "yes" | "y" | "true" | "on" | "1" => Ok(true),
        "no" | "n" | "false" | "off" | "0" => Ok(false),
        _ => Err(format!("\"{}\" is neither yes nor no", typed(text))),
    }
}

/// A kind of event.
pub(crate) fn event_kind(text: &str) -> Result<String, String> {
    let kind = text.trim();
    if EVENT_KINDS.contains(&kind) {
        return Ok(kind.to_owned());
    }
    Err(format!("\"{}\" is no kind of event; known are {}", typed(kind), EVENT_KINDS.join(", ")))
}

/// An address and a port.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    text.trim().parse().map_err(|_| format!("\"{}\" is no address with a port; write 127.0.0.1:8787", typed(text)))
}

/// What a write printed for taking it back.
pub(crate) fn undo(text: &str) -> Result<UndoId, String> {
    text.trim().parse().map_err(|_| format!("\"{}\" is no id of a change; each change prints its own", typed(text)))
}

/// A state; `in_progress` is another word for `running`.
pub(crate) fn state(text: &str) -> Result<CardState, String> {
    CardState::parse_input(text)
        .map_err(|error| format!("\"{}\" is not one of {}", typed(text), error.known.join(", ")))
}

/// Seconds: `300`, `90s`, `30m`, `2h`, `1d`.
pub(crate) fn duration(text: &str) -> Result<u32, String> {
    let text = text.trim();
    let split = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit.trim() {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => 0,
    };
    number
        .parse::<u32>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .filter(|seconds| *seconds > 0)
        .ok_or_else(|| format!("\"{}\" is no duration; write 300, 90s, 30m, 2h or 1d", typed(text)))
}

/// `scratch`, `dir`, `worktree`, or one of the latter with `:/absolute/path`; without a path the board's directory.
pub(crate) fn workspace(text: &str) -> Result<Workspace, String> {
    let (word, path) = text.split_once(':').map_or((text, None), |(word, path)| (word, Some(path)));
    let Ok(kind) = word.parse::<WorkspaceKind>() else {
        return Err(format!(
            "\"{}\" is no workspace; write scratch, dir:/absolute/path or worktree:/absolute/path",
            typed(text)
        ));
    };
    match (kind, path) {
        (WorkspaceKind::Scratch, Some(_)) => {
            Err("a scratch directory is made by Hermes; leave the path out".to_owned())
        }
        (_, Some(path)) if !path.starts_with('/') => {
            Err(format!("the directory \"{}\" must be absolute, like {word}:/home/you/project", typed(path)))
        }
        (_, path) => Ok(Workspace { kind, path: path.map(str::to_owned) }),
    }
}

/// Dollars as millionths: `1.50`.
pub(crate) fn dollars(text: &str) -> Result<i64, String> {
    match text.trim().trim_start_matches('$').parse::<f64>() {
        Ok(dollars) if dollars.is_finite() && (0.0..1e9).contains(&dollars) => Ok((dollars * 1e6).round() as i64),
        _ => Err(format!("\"{}\" is no sum of money; write dollars like 1.50", typed(text))),
    }
}

/// Where a worker works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Workspace {
    /// What kind of directory.
    pub(crate) kind: WorkspaceKind,
    /// Where, when it was said.
    pub(crate) path: Option<String>,
}

/// A text argument; `-` reads it from stdin, which is bounded and must be UTF-8.
pub(crate) fn text(argument: &str) -> Result<String, CliError> {
    if argument != "-" {
        return Ok(argument.to_owned());
    }
    let limit = MAX_TEXT_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| CliError::failed("unavailable", format!("stdin cannot be read: {error}")))?;
    if bytes.len() > MAX_TEXT_BYTES {
        return Err(CliError::failed(
            "invalid",
            format!("stdin has more than the {MAX_TEXT_BYTES} bytes that are kept; shorten it or put it into a file"),
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        CliError::failed(
            "invalid",
            format!("stdin is not UTF-8 text from byte {} on; convert it first", error.utf8_error().valid_up_to()),
        )
    })
}

/// Texts as paragraphs of one, each as [`text`] reads it; what is said twice is said once.
pub(crate) fn paragraphs(arguments: &[String]) -> Result<String, CliError> {
    let mut texts = arguments.iter().map(|argument| text(argument)).collect::<Result<Vec<_>, _>>()?;
    texts.retain(|text| !text.is_empty());
    texts.dedup();
    Ok(texts.join("\n\n"))
}

/// Words joined to one text; a single `-` reads stdin.
pub(crate) fn words(arguments: &[String]) -> Result<String, CliError> {
    match arguments {
        [only] => text(only),
        many => Ok(many.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        OrNone, Workspace, card, dollars, duration, event_kind, lease, limit, or_none, sort, state, typed, whole,
        workspace, yes_or_no,
    };
    use protocol::{CardRef, CardSort, CardState, WorkspaceKind};

    #[test]
    fn durations() {
        for (text, seconds) in [("300", 300), ("90s", 90), ("30m", 1800), ("2h", 7200), ("1d", 86_400), (" 5 m", 300)] {
            assert_eq!(duration(text), Ok(seconds), "{text:?}");
        }
        for text in ["", "0", "0s", "-1", "1.5h", "2w", "h", "99999999999", "4294967295d", "²"] {
            assert!(duration(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn numbers_limits_and_money() {
        let at_most_nine = whole::<u32>(1..=9);
        assert_eq!(at_most_nine(" 9"), Ok(9));
        for text in ["0", "10", "", "x", "-1", "99999999999999999999"] {
            assert!(at_most_nine(text).unwrap_err().ends_with("is no whole number from 1 to 9"), "{text:?}");
        }
        let runtime = limit(duration);
        assert_eq!(
            (runtime("2h"), runtime("0"), runtime(""), runtime("0s"), runtime("none")),
            (Ok(7200), Ok(0), Ok(0), Ok(0), Ok(0))
        );
        assert!(runtime("soon").is_err());
        assert_eq!((dollars("1.50"), dollars("$2")), (Ok(1_500_000), Ok(2_000_000)));
        assert!(dollars("-1").is_err() && dollars("NaN").is_err());
    }

    #[test]
    fn leases_orders_and_none() {
        assert_eq!((lease("60"), lease("30m"), lease("1d")), (Ok(60), Ok(1800), Ok(86_400)));
        for text in ["59", "0", "2d", "soon"] {
            assert!(lease(text).is_err(), "{text:?}");
        }
        assert_eq!((sort("Updated"), sort("created-desc")), (Ok(CardSort::Updated), Ok(CardSort::Created)));
        assert!(sort("title").unwrap_err().contains("manual, priority, created, updated"));
        let slots = or_none(whole::<u32>(0..=9));
        assert_eq!((slots("0"), slots("None"), slots("")), (Ok(OrNone(Some(0))), Ok(OrNone(None)), Ok(OrNone(None))));
        assert!(slots("10").unwrap_err().ends_with("is no whole number from 0 to 9, or none"));
    }

    #[test]
    fn words() {
        assert_eq!((yes_or_no("Yes"), yes_or_no("off")), (Ok(true), Ok(false)));
        assert!(yes_or_no("maybe").is_err());
        assert!(event_kind("frob").unwrap_err().contains("completed, completion_refused, created"));
        assert_eq!(typed("\u{1b}[31mfoo\nbar"), "\u{fffd}[31mfoo bar");
        assert_eq!(typed(&"x".repeat(61)).chars().count(), 61);
    }

    #[test]
    fn cards_states_and_workspaces() {
        for text in ["T-142", "t-142", "142", " 142 "] {
            assert_eq!(card(text), Ok(CardRef::Number(142)));
        }
        for text in ["", "T-", "T-0", "-1", "T-1x", "0"] {
            assert!(card(text).is_err(), "{text:?}");
        }
        assert!(card("t_1a2b3c4d").unwrap_err().contains("hermes import --find t_1a2b3c4d"));
        assert_eq!(state("In_Progress"), Ok(CardState::Running));
        assert!(state("doing").unwrap_err().contains("ready"));
        let dir = |kind, path: Option<&str>| Ok(Workspace { kind, path: path.map(str::to_owned) });
        assert_eq!(workspace("dir:/a b"), dir(WorkspaceKind::Dir, Some("/a b")));
        assert_eq!(workspace("worktree:/r"), dir(WorkspaceKind::Worktree, Some("/r")));
        assert_eq!(workspace("worktree"), dir(WorkspaceKind::Worktree, None));
        assert_eq!(workspace("scratch"), dir(WorkspaceKind::Scratch, None));
        for text in ["", "dir:", "dir:rel", "scratch:/x", "/abs"] {
            assert!(workspace(text).is_err(), "{text:?}");
        }
    }
}
