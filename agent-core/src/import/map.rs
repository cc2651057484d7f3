//! Turns a card of the Python hermes-agent into one of ours. Pure: what it says depends on its arguments alone.

use std::path::Path;

use protocol::{
    BoardId, CardId, CardState, CommentId, DecisionId, DecisionKind, MAX_TEXT_BYTES, MAX_TITLE_CHARS, RunId,
    RunOutcome, WorkspaceKind,
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::plan::{Placed, Start, asks_review, state_of};
use super::source::{Bone, RawCard, RawComment, RawEvent, RawRun};
use super::values::{self, short};
use crate::kanban::MAX_AHEAD_MS;
use crate::kanban::import_rows::{NewCard, NewComment, NewRun, OpenDecision, PastEvent};

const MAX_ERROR_BYTES: usize = 16_000;
/// Larger numbers of seconds are milliseconds already.
const MAX_SECONDS: i64 = 100_000_000_000;

/// Unix milliseconds of epoch seconds; nothing for times before 1970.
pub(super) fn millis(seconds: i64) -> Option<i64> {
    match seconds {
        ..=0 => None,
        1..=MAX_SECONDS => Some(seconds * 1000),
        _ => Some(seconds).filter(|ms| *ms < MAX_SECONDS * 1000),
    }
}

/// The beginning of the text, at most so many bytes, never half a character.
pub(super) fn cut(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// An id that is the same every time, sorts by its moment and, within one, by the row.
pub(super) fn stable_id(source: i64, kind: &str, key: &str, at: i64, row: i64) -> Uuid {
    let mut hasher = Sha256::new();
    hasher.update(source.to_be_bytes());
    for part in [kind, key] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let hash = hasher.finalize();
    let row = row as u64;
    // The version and the variant of the id cover the upper bits of the first and the third byte.
    let mut rest = [0_u8; 10];
    rest[0] = (row >> 20) as u8 & 0x0f;
    rest[1] = (row >> 12) as u8;
    rest[2] = (row >> 6) as u8 & 0x3f;
    rest[3] = (row << 2) as u8;
    rest[4..].copy_from_slice(&hash[..6]);
    uuid::Builder::from_unix_timestamp_millis(at.max(0).unsigned_abs(), &rest).into_uuid()
}

/// What the mapping of one board's cards needs to know.
#[derive(Debug, Clone)]
pub(super) struct Setting<'a> {
    pub(super) source: i64,
    pub(super) board: BoardId,
    pub(super) now: i64,
    pub(super) start: Start,
    /// Our home: no worker may work there.
    pub(super) home: &'a Path,
    /// The board's own directory.
    pub(super) default_dir: Option<&'a str>,
}

/// A card that is about to be written, and what was changed about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mapped {
    pub(super) card: NewCard,
    pub(super) decision: Option<OpenDecision>,
    pub(super) remarks: Vec<String>,
}

/// The id that a card gets.
pub(super) fn new_card_id(setting: &Setting<'_>, key: &str, created_at: i64, row: i64) -> CardId {
    CardId(stable_id(setting.source, "card", key, moment(Some(created_at), setting.now), row))
}

fn moment(at: Option<i64>, now: i64) -> i64 {
    at.filter(|at| *at > 0).unwrap_or(now).min(now)
}

/// Maps a card. `runs` are its own, mapped, oldest first; `last_at` is the last thing that happened to it.
pub(super) fn card(
    setting: &Setting<'_>,
    raw: &RawCard,
    bone: &Bone,
    placed: &Placed,
    runs: &[NewRun],
    last_at: Option<i64>,
) -> Mapped {
    let now = setting.now;
    let mut remarks = raw.odd.clone();
    if raw.damaged {
        remarks.push("bytes that are no UTF-8 text were replaced".to_owned());
    }
    tell_future_times(raw, now, &mut remarks);
    if state_of(bone).is_none() {
        let word = crate::text::excerpt(&raw.status, 40);
        remarks.push(format!("the status \"{word}\" is unknown; the card is in triage"));
    }
    let created_at = moment(raw.created_at, now);
    let (title, body) = title_and_body(raw, &mut remarks);
    let id = new_card_id(setting, &raw.id, bone.created_at, raw.rowid);
    let workspace = workspace(setting, raw, placed.state, &mut remarks);
    let branch = match raw.branch.as_deref() {
        Some(branch) if workspace.kind != "worktree" => {
            remarks.push(format!("its branch {branch} was left out: only a worktree has one"));
            None
        }
        branch => values::branch(branch, &mut remarks),
    };
    let finished = placed.state.is_finished();
    let last_at = last_at.map_or(created_at, |at| moment(Some(at), now));
    let asked_at = bone.block.as_ref().and_then(|block| block.at);
    let state_at = match placed.state {
        CardState::Done => raw.completed_at,
        CardState::Blocked | CardState::Review => asked_at,
        _ => None,
    };
    let state_at = state_at.map_or(last_at, |at| moment(Some(at), now)).max(created_at);
    let decision = decision(setting, raw, bone, placed.state, id, state_at, runs);
    let scheduled_at = match (placed.state, setting.start, raw.scheduled_at) {
        (CardState::Scheduled, Start::AtOnce, Some(at)) if at > now.saturating_add(MAX_AHEAD_MS) => {
            remarks.push("its time is more than five years ahead and was left out; choose an earlier one".to_owned());
            None
        }
        (CardState::Scheduled, Start::AtOnce, at) => at,
        (CardState::Scheduled, Start::Held, Some(_)) => {
            remarks.push("its time was left out, so that it does not start by itself".to_owned());
            None
        }
        _ => None,
    };
    let card = NewCard {
        id,
        number: 0,
        board: setting.board,
        title,
        body,
        state: placed.state,
        rank: placed.rank.clone(),
        priority: values::priority(raw.priority, &mut remarks),
        assignee: raw.assignee.as_deref().map(|name| short(&name.to_lowercase(), "assignee", &mut remarks)),
        created_by: person(raw.created_by.as_deref(), "creator", &mut remarks),
        workspace_kind: workspace.kind,
        workspace_path: workspace.path,
        repository: workspace.repository,
        branch,
        scheduled_at,
        max_attempts: values::limit("limit of attempts", raw.max_retries, &mut remarks),
        max_runtime_s: values::limit("longest run in seconds", raw.max_runtime, &mut remarks),
        idempotency_key: values::key(raw.idempotency_key.as_deref(), &mut remarks),
        failures: values::failures(raw.failures, &mut remarks),
        last_error: raw.last_error.as_deref().map(|error| upto("last error", error, MAX_ERROR_BYTES, &mut remarks)),
        attempts: u32::try_from(runs.len()).unwrap_or(u32::MAX),
        decision: decision.as_ref().map(|decision| decision.id),
        summary: summary(raw, runs, &mut remarks),
        comments: 0,
        attachments: 0,
        tenant: values::tenant(raw.tenant.as_deref(), &mut remarks),
        skills: values::skills(raw.skills.as_deref(), &mut remarks),
        model: values::model(raw.model.as_deref(), &mut remarks),
        created_at,
        updated_at: last_at.max(state_at),
        state_at,
        started_at: raw.started_at.map(|at| moment(Some(at), now)),
        done_at: raw.completed_at.filter(|_| finished).map(|at| moment(Some(at), now)),
    };
    Mapped { card, decision, remarks }
}

/// A title is one line of at most [`MAX_TITLE_CHARS`]; what does not fit is kept whole on top of the body.
fn title_and_body(raw: &RawCard, remarks: &mut Vec<String>) -> (String, String) {
    let full = raw.title.trim();
    let mut body = raw.body.clone();
    let title = if full.is_empty() {
        remarks.push("it had no title; it goes by its old id".to_owned());
        format!("(no title) {}", raw.id)
    } else if full.contains(['\n', '\r']) || full.chars().count() > MAX_TITLE_CHARS {
        remarks.push("its title does not fit into one line; all of it is on top of the description".to_owned());
        body = if body.trim().is_empty() { full.to_owned() } else { format!("{full}\n\n{body}") };
        let line = full.split_whitespace().collect::<Vec<_>>().join(" ");
        match line.char_indices().nth(MAX_TITLE_CHARS) {
            Some(_) => line.chars().take(MAX_TITLE_CHARS - 1).chain(['…']).collect(),
            None => line,
        }
    } else {
        full.to_owned()
    };
    (title, long("description", body, remarks))
}

fn long(what: &str, text: String, remarks: &mut Vec<String>) -> String {
    if text.len() <= MAX_TEXT_BYTES { text } else { upto(what, &text, MAX_TEXT_BYTES, remarks) }
}

fn upto(what: &str, text: &str, bytes: usize, remarks: &mut Vec<String>) -> String {
    if text.len() > bytes {
        remarks.push(format!("its {what} has {} bytes; the first {bytes} were kept", text.len()));
    }
    cut(text, bytes).to_owned()
}

fn person(name: Option<&str>, what: &str, remarks: &mut Vec<String>) -> String {
    name.map_or_else(|| "unknown".to_owned(), |name| short(name, what, remarks))
}

/// Nothing here has happened later than now.
fn tell_future_times(raw: &RawCard, now: i64, remarks: &mut Vec<String>) {
    for (what, at) in
        [("it was created", raw.created_at), ("it was started", raw.started_at), ("it was finished", raw.completed_at)]
    {
        if at.is_some_and(|at| at > now) {
            remarks.push(format!("when {what} lies in the future; it says now instead"));
        }
    }
}

/// What the last finished run said, and the short result where that says something else.
fn summary(raw: &RawCard, runs: &[NewRun], remarks: &mut Vec<String>) -> Option<String> {
    let said = runs.iter().rev().filter(|run| run.outcome == RunOutcome::Completed).find_map(|run| run.summary.clone());
    let result = raw.result.clone().filter(|text| !text.trim().is_empty());
    let whole = match (said, result) {
        (Some(said), Some(result)) if !said.contains(result.trim()) => format!("{said}\n\n{result}"),
        (Some(said), _) => said,
        (None, result) => result?,
    };
    Some(long("summary", whole, remarks))
}

struct Workspace {
    kind: &'static str,
    path: Option<String>,
    repository: Option<String>,
}

const SCRATCH: Workspace = Workspace { kind: "scratch", path: None, repository: None };

fn workspace(setting: &Setting<'_>, raw: &RawCard, state: CardState, remarks: &mut Vec<String>) -> Workspace {
    let path = raw.workspace_path.as_deref();
    match raw.workspace_kind.as_deref().map(str::to_lowercase).as_deref() {
        Some("dir") => directory(setting, path, remarks),
        Some("worktree") if WorkspaceKind::ALL.iter().any(|kind| kind.as_str() == "worktree") => {
            worktree(setting, path, remarks)
        }
        Some("worktree") => {
            remarks.push("this Hermes makes no worktrees; the card works in the directory itself".to_owned());
            directory(setting, path.or(setting.default_dir), remarks)
        }
        None | Some("scratch" | "") => {
            if !state.is_finished()
                && let Some(path) = path.filter(|path| Path::new(path).is_dir())
            {
                remarks.push(format!("what was begun in its scratch directory stays there: {path}"));
            }
            SCRATCH
        }
        Some(other) => {
            let word = crate::text::excerpt(other, 40);
            remarks.push(format!("its workspace \"{word}\" is unknown; it gets a scratch directory"));
            SCRATCH
        }
    }
}

fn directory(setting: &Setting<'_>, path: Option<&str>, remarks: &mut Vec<String>) -> Workspace {
    match path.map(|path| values::path(path, setting.home)) {
        Some(Ok(path)) => Workspace { kind: "dir", path: Some(path.to_owned()), repository: None },
        Some(Err(why)) => {
            remarks.push(format!("{why}; it gets a scratch directory"));
            SCRATCH
        }
        None => {
            remarks.push("it had no directory; it gets a scratch directory".to_owned());
            SCRATCH
        }
    }
}

/// The old product kept worktrees in `<repository>/.worktrees/<card>`, or had the repository itself as the path.
fn worktree(setting: &Setting<'_>, path: Option<&str>, remarks: &mut Vec<String>) -> Workspace {
    let default = || setting.default_dir.map(str::to_owned);
    let path = path.and_then(|path| match values::path(path, setting.home) {
        Ok(path) => Some(path),
        Err(why) => {
            remarks.push(format!("{why} and was left out; its worktree is made from the board's repository"));
            None
        }
    });
    let (path, repository) = match path {
        Some(path) => match path.split_once("/.worktrees/") {
            Some((repository, _)) => (Some(path.to_owned()), Some(repository.to_owned())),
            None if Path::new(path).join(".git").is_dir() => (None, Some(path.to_owned())),
            None => (Some(path.to_owned()), default()),
        },
        None => (None, default()),
    };
    Workspace { kind: "worktree", path, repository }
}

/// What a card in `review` or `blocked` asks.
fn decision(
    setting: &Setting<'_>,
    raw: &RawCard,
    bone: &Bone,
    state: CardState,
    card: CardId,
    at: i64,
    runs: &[NewRun],
) -> Option<OpenDecision> {
    let block = bone.block.clone().unwrap_or_default();
    let last = runs.last();
    let said = last.and_then(|run| run.summary.clone()).unwrap_or_default();
    let error = raw.last_error.clone().unwrap_or_default();
    let own = if raw.body.trim().is_empty() { raw.title.trim() } else { raw.body.trim() };
    let (kind, asks, summary) = match state {
        CardState::Review => {
            let reason = block.reason.trim();
            let reason =
                if asks_review(reason) { reason.split_once(':').map_or(reason, |(_, rest)| rest) } else { reason };
            (DecisionKind::Review, [reason.trim(), said.trim(), own], said.clone())
        }
        CardState::Blocked if block.gave_up => {
            (DecisionKind::Failed, [block.reason.trim(), error.trim(), own], String::new())
        }
        CardState::Blocked => (DecisionKind::Question, [block.reason.trim(), said.trim(), own], String::new()),
        _ => return None,
    };
    let ask = asks.into_iter().find(|ask| !ask.is_empty()).unwrap_or(raw.id.as_str());
    Some(OpenDecision {
        id: DecisionId(stable_id(setting.source, "decision", &raw.id, at, raw.rowid)),
        kind,
        card,
        run: last.map(|run| run.id),
        profile: last.map(|run| run.profile.clone()).or_else(|| raw.assignee.clone()).unwrap_or_default(),
        ask: cut(ask, MAX_TEXT_BYTES).to_owned(),
        summary,
        created_at: at,
    })
}

/// The key by which something of a card is known.
pub(super) fn key(card: &str, row: i64) -> String {
    format!("{card}/{row}")
}

/// Maps a run. One that is under way ends here.
pub(super) fn run(
    setting: &Setting<'_>,
    raw: &RawRun,
    card_key: &str,
    card: CardId,
    attempt: u32,
    assignee: Option<&str>,
) -> (NewRun, Vec<String>) {
    let mut remarks = Vec::new();
    if raw.damaged {
        remarks.push("bytes that are no UTF-8 text in a run were replaced".to_owned());
    }
    let started_at = moment(raw.started_at, setting.now);
    let word = raw.outcome.as_deref().unwrap_or(raw.status.as_str());
    let open = raw.ended_at.is_none() && matches!(word, "running" | "" | "starting" | "claimed");
    let (outcome, exact) = if open { (RunOutcome::Reclaimed, true) } else { outcome(raw, word) };
    let ended_at = match raw.ended_at {
        Some(at) => moment(Some(at), setting.now),
        None if open => setting.now,
        None => raw.heartbeat_at.map_or(started_at, |at| moment(Some(at), setting.now)),
    };
    let error = if open {
        Some("it was running when the card was imported; its worker belongs to the old Hermes".to_owned())
    } else {
        raw.error.as_deref().map(|error| upto("run's error", error, MAX_TEXT_BYTES, &mut remarks))
    };
    let at = moment(raw.started_at, setting.now);
    let new = NewRun {
        id: RunId(stable_id(setting.source, "run", &key(card_key, raw.rowid), at, raw.rowid)),
        card,
        attempt,
        profile: raw
            .profile
            .as_deref()
            .or(assignee)
            .map_or_else(|| "default".to_owned(), |name| short(name, "run's profile", &mut remarks)),
        heartbeat_at: raw.heartbeat_at,
        started_at,
        ended_at: ended_at.max(started_at),
        outcome,
        summary: raw.summary.clone().map(|text| long("run's summary", text, &mut remarks)),
        metadata: metadata(raw.metadata.as_deref(), (!exact).then_some(word), &mut remarks),
        error,
    };
    (new, remarks)
}

/// Our word for how a run ended, and whether it says the same.
fn outcome(raw: &RawRun, word: &str) -> (RunOutcome, bool) {
    let asked = raw.summary.as_deref().is_some_and(asks_review);
    match word {
        "completed" | "done" => (RunOutcome::Completed, true),
        "blocked" if asked => (RunOutcome::Review, true),
        "blocked" => (RunOutcome::Blocked, true),
        "review" => (RunOutcome::Review, true),
        "crashed" => (RunOutcome::Crashed, true),
        "timed_out" => (RunOutcome::TimedOut, true),
        "spawn_failed" => (RunOutcome::SpawnFailed, true),
        "reclaimed" => (RunOutcome::Reclaimed, true),
        "rate_limited" => (RunOutcome::RateLimited, true),
        "protocol_violation" => (RunOutcome::ProtocolViolation, true),
        "stale" => (RunOutcome::Lost, false),
        "gave_up" => (RunOutcome::SpawnFailed, false),
        "failed" => (RunOutcome::Crashed, false),
        // `scheduled`, `released`, and words that no version we know had.
        _ if raw.error.is_some() => (RunOutcome::Crashed, false),
        _ => (RunOutcome::Reclaimed, false),
    }
}

/// A JSON object; the old word of an outcome that ours does not say is kept in it.
fn metadata(raw: Option<&str>, word: Option<&str>, remarks: &mut Vec<String>) -> Option<String> {
    let mut object = match raw.map(serde_json::from_str::<Value>) {
        None | Some(Ok(Value::Null)) => serde_json::Map::new(),
        Some(Ok(Value::Object(object))) => object,
        Some(Ok(other)) => [("value".to_owned(), other)].into_iter().collect(),
        Some(Err(_)) => [("text".to_owned(), Value::from(raw.unwrap_or_default()))].into_iter().collect(),
    };
    if let Some(word) = word {
        object.insert("imported_outcome".to_owned(), Value::from(word));
    }
    if object.is_empty() {
        return None;
    }
    let text = Value::Object(object).to_string();
    if text.len() > MAX_TEXT_BYTES {
        remarks.push(format!("the metadata of a run has {} bytes and was left out", text.len()));
        return None;
    }
    Some(text)
}

/// Maps a comment. Who wrote under a worker's name is taken for one, but `default` is a person's name as well.
pub(super) fn comment(
    setting: &Setting<'_>,
    raw: &RawComment,
    card_key: &str,
    card: CardId,
    workers: &[&str],
) -> (NewComment, Vec<String>) {
    let mut remarks = Vec::new();
    if raw.damaged {
        remarks.push("bytes that are no UTF-8 text in a comment were replaced".to_owned());
    }
    let author = person(raw.author.as_deref(), "comment's author", &mut remarks);
    let at = moment(raw.created_at, setting.now);
    let new = NewComment {
        id: CommentId(stable_id(setting.source, "comment", &key(card_key, raw.rowid), at, raw.rowid)),
        card,
        by_worker: author != "default" && workers.contains(&author.as_str()),
        author,
        body: long("comment", raw.body.clone(), &mut remarks),
        created_at: at,
    };
    (new, remarks)
}

/// Maps a row of the history: its kind, time and payload as they were, and who did it as far as it says so.
pub(super) fn event(
    setting: &Setting<'_>,
    raw: &RawEvent,
    card: CardId,
    run: Option<(Uuid, &str)>,
    remarks: &mut Vec<String>,
) -> PastEvent {
    let payload = raw.payload.as_deref().map(serde_json::from_str::<Value>);
    let detail = match payload {
        None | Some(Ok(Value::Null)) => Value::Object(serde_json::Map::new()),
        Some(Ok(value @ Value::Object(_))) => value,
        Some(Ok(value)) => serde_json::json!({ "value": value }),
        Some(Err(_)) => serde_json::json!({ "text": raw.payload }),
    };
    let said = ["author", "by", "uploaded_by"].iter().find_map(|key| detail.get(key)?.as_str());
    let actor = match said.or(run.map(|(_, profile)| profile)) {
        Some(name) if !name.trim().is_empty() => format!("import:{}", short(name, "author of an event", remarks)),
        _ => "import".to_owned(),
    };
    let mut text = detail.to_string();
    if text.len() > MAX_TEXT_BYTES {
        remarks.push(format!("the details of an event have {} bytes and were left out", text.len()));
        "{\"cut\":true}".clone_into(&mut text);
    }
    PastEvent {
        card,
        run: run.map(|(id, _)| id),
        kind: short(&raw.kind, "kind of an event", remarks),
        actor,
        detail: text,
        at: moment(raw.created_at, setting.now),
    }
}

#[cfg(test)]
mod tests {
    use protocol::{MAX_TEXT_BYTES, RunOutcome};

    use super::{RawRun, cut, metadata, millis, outcome, stable_id};

    #[test]
    fn times_are_milliseconds_of_this_age() {
        for (seconds, wanted) in [
            (0, None),
            (-1, None),
            (1_700_000_000, Some(1_700_000_000_000)),
            (1_700_000_000_123, Some(1_700_000_000_123)),
            (i64::MAX, None),
            (i64::MIN, None),
        ] {
            assert_eq!(millis(seconds), wanted, "{seconds}");
        }
    }

    #[test]
    fn ids_are_the_same_every_time_and_sort_by_moment_and_row() {
        let id = |at, row| stable_id(1, "comment", &format!("t_1/{row}"), at, row);
        assert_eq!(id(5, 7), id(5, 7));
        assert_ne!(stable_id(1, "comment", "a", 5, 7), stable_id(1, "run", "a", 5, 7));
        assert_ne!(stable_id(1, "comment", "a", 5, 7), stable_id(2, "comment", "a", 5, 7));
        let mut last = id(0, 0);
        for (at, row) in
            [(1, 0), (1, 1), (1, 63), (1, 64), (1, 4095), (1, 4096), (1, 1 << 20), (1, (1 << 24) - 1), (2, 0)]
        {
            let next = id(at, row);
            assert!(next > last, "{at} {row}");
            assert_eq!((next.get_version_num(), next.get_variant()), (7, uuid::Variant::RFC4122));
            last = next;
        }
        assert!(id(1_700_000_000_000, 5) < crate::kanban::new_id(), "before what is written here from now on");
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!((cut("é€", 1), cut("é€", 2), cut("é€", 4), cut("é€", 9)), ("", "é", "é", "é€"));
    }

    #[test]
    fn metadata_is_an_object_or_nothing() {
        for (raw, word, wanted) in [
            (None, None, None),
            (Some("null"), None, None),
            (Some("{}"), None, None),
            (Some("{\"a\":[1]}"), None, Some("{\"a\":[1]}")),
            (Some("7"), None, Some("{\"value\":7}")),
            (Some("{broken"), None, Some("{\"text\":\"{broken\"}")),
            (None, Some("stale"), Some("{\"imported_outcome\":\"stale\"}")),
        ] {
            assert_eq!(metadata(raw, word, &mut Vec::new()).as_deref(), wanted, "{raw:?} {word:?}");
        }
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_TEXT_BYTES));
        let mut remarks = Vec::new();
        assert_eq!((metadata(Some(&long), None, &mut remarks), remarks.len()), (None, 1));
    }

    #[test]
    fn every_end_has_our_word() {
        let run = |summary: Option<&str>, error: Option<&str>| RawRun {
            summary: summary.map(str::to_owned),
            error: error.map(str::to_owned),
            ..RawRun::default()
        };
        for (word, wanted) in [
            ("completed", RunOutcome::Completed),
            ("blocked", RunOutcome::Blocked),
            ("crashed", RunOutcome::Crashed),
            ("timed_out", RunOutcome::TimedOut),
            ("spawn_failed", RunOutcome::SpawnFailed),
            ("gave_up", RunOutcome::SpawnFailed),
            ("reclaimed", RunOutcome::Reclaimed),
            ("stale", RunOutcome::Lost),
            ("rate_limited", RunOutcome::RateLimited),
            ("scheduled", RunOutcome::Reclaimed),
            ("unheard of", RunOutcome::Reclaimed),
        ] {
            assert_eq!(outcome(&run(None, None), word).0, wanted, "{word}");
        }
        assert_eq!(outcome(&run(Some("Review-required: x"), None), "blocked").0, RunOutcome::Review);
        assert_eq!(outcome(&run(None, Some("boom")), "unheard of"), (RunOutcome::Crashed, false));
    }
}
