//! Reading what people type: cards, durations, workspaces, text from stdin.

use std::io::Read;

use protocol::{CardRef, CardState, MAX_TEXT_BYTES, WorkspaceKind};

use super::error::CliError;

/// A card: `T-142`, `142` or its id.
pub(crate) fn card(text: &str) -> Result<CardRef, String> {
    text.parse()
        .map_err(|_| format!("\"{}\" names no card; use its number (T-142 or 142) or its id", text.escape_debug()))
}

/// A state; `in_progress` is another word for `running`.
pub(crate) fn state(text: &str) -> Result<CardState, String> {
    CardState::parse_input(text).map_err(|error| error.to_string())
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
        .ok_or_else(|| format!("\"{}\" is no duration; write 300, 90s, 30m, 2h or 1d", text.escape_debug()))
}

/// `scratch`, `dir`, `worktree`, or one of the latter with `:/absolute/path`; without a path the board's directory.
pub(crate) fn workspace(text: &str) -> Result<Workspace, String> {
    let (word, path) = text.split_once(':').map_or((text, None), |(word, path)| (word, Some(path)));
    let Ok(kind) = word.parse::<WorkspaceKind>() else {
        return Err(format!(
            "\"{}\" is no workspace; write scratch, dir:/absolute/path or worktree:/absolute/path",
            text.escape_debug()
        ));
    };
    match (kind, path) {
        (WorkspaceKind::Scratch, Some(_)) => {
            Err("a scratch directory is made by Hermes; leave the path out".to_owned())
        }
        (_, Some(path)) if !path.starts_with('/') => {
            Err(format!("the directory \"{}\" must be absolute, like {word}:/home/you/project", path.escape_debug()))
        }
        (_, path) => Ok(Workspace { kind, path: path.map(str::to_owned) }),
    }
}

/// A span from now, or a point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// So many seconds from now.
    In(u32),
    /// Unix seconds.
    At(i64),
}

impl Moment {
    /// Unix milliseconds.
    pub(crate) fn unix_ms(self, now: i64) -> i64 {
        match self {
            Self::In(seconds) => now + i64::from(seconds) * 1000,
            Self::At(seconds) => seconds.saturating_mul(1000),
        }
    }
}

/// `30m`, `2h`, `1d` from now, or Unix seconds.
pub(crate) fn moment(text: &str) -> Result<Moment, String> {
    match text.trim().parse::<i64>() {
        // No span of seconds is that long, and no time of interest that early.
        Ok(seconds) if seconds >= 1_000_000_000 => Ok(Moment::At(seconds)),
        _ => duration(text).map(Moment::In),
    }
}

/// Dollars as millionths: `1.50`.
pub(crate) fn dollars(text: &str) -> Result<i64, String> {
    match text.trim().trim_start_matches('$').parse::<f64>() {
        Ok(dollars) if dollars.is_finite() && (0.0..1e9).contains(&dollars) => Ok((dollars * 1e6).round() as i64),
        _ => Err(format!("\"{}\" is no sum of money; write dollars like 1.50", text.escape_debug())),
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

/// Words joined to one text; a single `-` reads stdin.
pub(crate) fn words(arguments: &[String]) -> Result<String, CliError> {
    match arguments {
        [only] => text(only),
        many => Ok(many.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Moment, Workspace, card, dollars, duration, moment, state, workspace};
    use protocol::{CardRef, CardState, WorkspaceKind};

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
    fn moments_and_money() {
        assert_eq!(moment("30m"), Ok(Moment::In(1800)));
        assert_eq!(moment("1790000000"), Ok(Moment::At(1_790_000_000)));
        assert_eq!(Moment::In(2).unix_ms(1), 2001);
        assert!(moment("tomorrow").is_err());
        assert_eq!((dollars("1.50"), dollars("$2")), (Ok(1_500_000), Ok(2_000_000)));
        assert!(dollars("-1").is_err() && dollars("NaN").is_err());
    }

    #[test]
    fn cards_states_and_workspaces() {
        for text in ["T-142", "t-142", "142", " 142 "] {
            assert_eq!(card(text), Ok(CardRef::Number(142)));
        }
        for text in ["", "T-", "T-0", "-1", "T-1x", "0"] {
            assert!(card(text).is_err(), "{text:?}");
        }
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
