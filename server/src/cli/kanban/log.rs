//! `hermes kanban log`: what a card's worker printed, then what the process around it wrote.

use agent_core::kanban::{self, KanbanError};
use clap::Args;
use protocol::{CardRef, LogPart, LogSource, RunId, RunLog, RunLogParams};
use serde::Serialize;

use super::{Cx, MAX_COUNT};
use crate::cli::error::CliError;
use crate::cli::output::{Style, printable};
use crate::cli::parse;

/// What a card's worker printed, and after it what the process around it wrote.
#[derive(Debug, Args)]
pub(super) struct LogArgs {
    /// Card.
    #[arg(value_parser = parse::card)]
    card: CardRef,
    /// Which attempt; the last one that has a log when left out.
    #[arg(long, value_name = "N", value_parser = parse::whole::<u32>(1..=MAX_COUNT))]
    attempt: Option<u32>,
    /// Only this: output (what a program wrote), activity (what an agent said and did) or worker (the process
    /// around it).
    #[arg(long, value_name = "SOURCE")]
    source: Option<LogSource>,
    /// Only the last so many bytes of each, at most 4 MB.
    #[arg(long, value_name = "BYTES", value_parser = parse::whole::<usize>(0..=MAX_COUNT))]
    tail: Option<usize>,
}

/// The log of one attempt.
#[derive(Debug, Serialize)]
struct Logged {
    card: i64,
    attempt: u32,
    /// The run is under way, so more will come.
    live: bool,
    /// All parts under each other.
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Serialize)]
struct Part {
    source: LogSource,
    text: String,
}

impl LogArgs {
    pub(super) async fn run(self, cx: &Cx) -> Result<(), CliError> {
        let number = kanban::card(&cx.core, self.card).await?.number;
        let (run, attempt, log) = find(cx, self.card, number, self.attempt).await?;
        if let Some(source) = self.source.filter(|source| !log.sources.contains(source)) {
            let has: Vec<&str> = log.sources.iter().map(|source| source.as_str()).collect();
            return Err(CliError::failed(
                "not_found",
                format!("attempt {attempt} of T-{number} has no {source} log; it has {}", has.join(" and ")),
            ));
        }
        // An agent's activity and a program's output say the same; the process around it has its own to say.
        let sources = match (self.source, log.sources.split_first()) {
            (Some(source), _) => vec![source],
            (None, Some((first, rest))) => std::iter::once(*first)
                .chain(rest.iter().copied().filter(|source| *source == LogSource::Worker))
                .collect(),
            (None, None) => Vec::new(),
        };
        let mut parts = Vec::new();
        for source in sources {
            let (_, text) = kanban::run_log_file(&cx.core, run, Some(source)).await?;
            let text = self.tail.map_or(text.as_str(), |bytes| end_of(&text, bytes)).to_owned();
            if !text.trim().is_empty() {
                parts.push(Part { source, text });
            }
        }
        let text = parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join("\n");
        let logged = Logged { card: number, attempt, live: log.live, text, parts };
        if cx.out.is_json() { cx.out.json(&logged) } else { show(cx, &logged) }
    }
}

/// The newest attempt that has a log, or the one that was asked for.
async fn find(cx: &Cx, card: CardRef, number: i64, attempt: Option<u32>) -> Result<(RunId, u32, RunLog), CliError> {
    let before = attempt.map_or(u32::MAX, |attempt| attempt.saturating_add(1));
    let page = kanban::earlier_runs(&cx.core, card, before).await?;
    for run in page.runs.iter().filter(|run| attempt.is_none_or(|attempt| attempt == run.attempt)) {
        let params = RunLogParams { run: run.id, source: None, part: LogPart::End };
        match kanban::run_log(&cx.core, params).await {
            Ok(log) => return Ok((run.id, run.attempt, log)),
            Err(KanbanError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let what = match attempt {
        Some(attempt) => format!("there is no log of attempt {attempt} of T-{number}"),
        None => format!("there is no log of T-{number}"),
    };
    let why = match page.runs.iter().find_map(|run| run.tidied_days) {
        Some(days) => format!("it was tidied up, {days} days after the card was finished; `runs` tells how it ended"),
        None => "it has not run, or has printed nothing".to_owned(),
    };
    Err(CliError::failed("not_found", format!("{what}: {why}")))
}

fn show(cx: &Cx, logged: &Logged) -> Result<(), CliError> {
    let (number, attempt) = (logged.card, logged.attempt);
    if logged.parts.is_empty() {
        let yet = if logged.live { " yet" } else { "" };
        return cx.out.line(&format!("Attempt {attempt} of T-{number} has printed nothing{yet}."));
    }
    for part in &logged.parts {
        if part.source == LogSource::Worker {
            cx.out.line(&cx.out.styled(Style::Dim, "— the process around it —"))?;
        }
        cx.out.line(printable(part.text.trim_end()).as_ref())?;
    }
    Ok(())
}

/// The last so many bytes, not from the middle of a line.
fn end_of(text: &str, bytes: usize) -> &str {
    let Some(mut start) = text.len().checked_sub(bytes).filter(|start| *start > 0) else { return text };
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let end = &text[start..];
    if text[..start].ends_with('\n') { end } else { end.split_once('\n').map_or(end, |(_, rest)| rest) }
}

#[cfg(test)]
mod tests {
    use super::end_of;

    #[test]
    fn the_end_begins_with_a_whole_line() {
        let text = "first\nzwölf\nlast\n";
        assert_eq!(end_of(text, 100), text);
        assert_eq!(end_of(text, 5), "last\n");
        assert_eq!(end_of(text, 7), "last\n");
        assert_eq!(end_of("one endless line", 4), "line", "better than nothing");
    }
}
