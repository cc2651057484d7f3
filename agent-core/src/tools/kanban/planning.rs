//! Tools with which an agent looks at its board, makes cards and ties them together.

use chrono::DateTime;
use protocol::{BoardView, CardRef, CardState, CreateCardParams, TaskCard, WaitReason, WorkspaceKind};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{card, failed};
use crate::kanban::worker::{self, MAX_LISTED};
use crate::llm::ToolSpec;
use crate::text::excerpt;
use crate::tools::{Tool, ToolContext, ToolOutcome, parse};

const LISTED: u32 = 50;
/// Characters of what cannot be read that an answer repeats.
const MAX_SHOWN_CHARS: usize = 60;

pub(super) fn tools() -> Vec<Box<dyn Tool>> {
    vec![Box::new(List), Box::new(Create), Box::new(Link), Box::new(Unlink)]
}

struct List;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListArguments {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    assignee: Option<String>,
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    tenant: Option<String>,
    #[serde(default)]
    parent: Option<String>,
    #[serde(default)]
    search: Option<String>,
    #[serde(default)]
    include_archived: bool,
    #[serde(default)]
    limit: Option<u32>,
}

#[async_trait::async_trait]
impl Tool for List {
    fn spec(&self) -> ToolSpec {
        let states: Vec<&str> = CardState::ALL.iter().map(|state| state.as_str()).collect();
        ToolSpec {
            name: "kanban_list",
            description: "Lists cards of your board, for instance to see whether somebody does something already.",
            parameters: json!({ "type": "object", "properties": {
                "status": { "type": "string", "enum": states },
                "assignee": { "type": "string", "description": "A profile." },
                "label": { "type": "string" },
                "tenant": { "type": "string" },
                "parent": { "type": "string", "description": "Only cards that come after this one, for instance T-12." },
                "search": { "type": "string", "description": "Words of title, description, result or comments." },
                "include_archived": { "type": "boolean" },
                "limit": { "type": "integer", "minimum": 1, "maximum": MAX_LISTED } },
                "additionalProperties": false }),
        }
    }

    async fn run(&self, cx: &ToolContext, arguments: Value) -> ToolOutcome {
        let arguments: ListArguments = match parse(arguments) {
            Ok(arguments) => arguments,
            Err(outcome) => return outcome,
        };
        let state = match arguments.status.as_deref().map(str::parse::<CardState>).transpose() {
            Ok(state) => state,
            Err(error) => return ToolOutcome::failed(format!("status: {error}; nothing was listed")),
        };
        let limit = arguments.limit.unwrap_or(LISTED);
        if limit == 0 || limit > MAX_LISTED {
            return ToolOutcome::failed(format!("limit is a number from 1 to {MAX_LISTED}; nothing was listed"));
        }
        let parent = match parent_of(cx, arguments.parent.as_deref()).await {
            Ok(parent) => parent,
            Err(outcome) => return outcome,
        };
        let filter = BoardView {
            text: arguments.search.unwrap_or_default(),
            assignees: arguments.assignee.into_iter().collect(),
            labels: arguments.label.into_iter().collect(),
            tenant: arguments.tenant.filter(|tenant| !tenant.is_empty()),
            parent,
            archived: arguments.include_archived,
            ..BoardView::default()
        };
        match worker::list(&cx.core, cx.ticket, &filter, state, limit).await {
            Ok((cards, more)) => ToolOutcome::done(listed(&cards, more)),
            Err(error) => failed(cx, error),
        }
    }
}

/// The number of a card that others come after; one that there is not is told, not taken for one without any.
async fn parent_of(cx: &ToolContext, named: Option<&str>) -> Result<Option<i64>, ToolOutcome> {
    let Some(name) = named.filter(|name| !name.trim().is_empty()) else { return Ok(None) };
    let found = crate::kanban::card(&cx.core, card(cx, Some(name))?).await;
    found.map(|parent| Some(parent.number)).map_err(|error| failed(cx, error))
}

fn listed(cards: &[TaskCard], more: bool) -> String {
    if cards.is_empty() {
        return "no such card".to_owned();
    }
    let mut text = String::new();
    for card in cards {
        let assignee = card.assignee.as_deref().unwrap_or("-");
        let mut notes = Vec::new();
        notes.extend(card.tenant.as_deref().map(|tenant| format!("tenant {tenant}")));
        notes.extend(card.parent.map(|parent| format!("after T-{parent}")));
        if let Some(WaitReason::WaitingOn { cards, more }) = &card.wait {
            let names: Vec<String> = cards.iter().map(|number| format!("T-{number}")).collect();
            let more = if *more > 0 { format!(" and {more} more") } else { String::new() };
            notes.push(format!("waits for {}{more}", names.join(", ")));
        }
        let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join("; ")) };
        text.push_str(&format!("T-{} [{}] {assignee}: {}{notes}\n", card.number, card.state, card.title));
    }
    if more {
        text.push_str("There are more; name a status, a label, a parent or words to search for.\n");
    }
    text
}

struct Create;

/// What a card can be asked to start as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum InitialStatus {
    /// As soon as it can.
    #[serde(alias = "running")]
    Ready,
    /// After a person's answer.
    Blocked,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateArguments {
    title: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    assignee: Option<String>,
    #[serde(default)]
    parents: Vec<String>,
    #[serde(default)]
    triage: bool,
    #[serde(default)]
    initial_status: Option<InitialStatus>,
    #[serde(default)]
    start_at: Option<String>,
    #[serde(default)]
    priority: i32,
    #[serde(default)]
    labels: Vec<String>,
    #[serde(default)]
    skills: Vec<String>,
    #[serde(default)]
    tenant: Option<String>,
    #[serde(default)]
    workspace_kind: Option<WorkspaceKind>,
    #[serde(default)]
    workspace_path: Option<String>,
    #[serde(default)]
    max_runtime_seconds: Option<u32>,
    #[serde(default)]
    idempotency_key: Option<String>,
}

impl CreateArguments {
    fn into_params(self, cx: &ToolContext) -> Result<CreateCardParams, ToolOutcome> {
        let parents = self.parents.iter().map(|name| card(cx, Some(name)));
        let blocked = self.initial_status == Some(InitialStatus::Blocked);
        let scheduled_at = self.start_at.as_deref().map(|text| start_at(text, cx.core.now_ms())).transpose()?;
        if u8::from(self.triage) + u8::from(blocked) + u8::from(scheduled_at.is_some()) > 1 {
            return Err(ToolOutcome::failed(
                "a card waits for a look (triage), for an answer (initial_status blocked) or for its time (start_at): \
                 choose one; nothing was made",
            ));
        }
        Ok(CreateCardParams {
            title: cx.redactor.clean(&self.title),
            body: cx.redactor.clean(&self.body),
            assignee: self.assignee,
            parents: parents.collect::<Result<_, _>>()?,
            triage: self.triage,
            blocked,
            scheduled_at,
            priority: self.priority,
            labels: self.labels,
            skills: self.skills,
            tenant: self.tenant,
            workspace: self.workspace_kind.unwrap_or_default(),
            workspace_path: self.workspace_path,
            max_runtime_s: self.max_runtime_seconds,
            idempotency_key: self.idempotency_key,
            ..CreateCardParams::default()
        })
    }
}

#[async_trait::async_trait]
impl Tool for Create {
    fn spec(&self) -> ToolSpec {
        let kinds: Vec<&str> = WorkspaceKind::ALL.iter().map(|kind| kind.as_str()).collect();
        ToolSpec {
            name: "kanban_create",
            description: "Makes a card for work that is not part of your own card. It starts by itself as soon as its \
                parents are done; with triage it waits for a person. At most 20 in one run.",
            parameters: json!({ "type": "object", "properties": {
                "title": { "type": "string" },
                "body": { "type": "string", "description": "Everything a worker needs who sees nothing else. Markdown." },
                "assignee": { "type": "string", "description": "A profile that exists; the board's default when left out." },
                "parents": { "type": "array", "items": { "type": "string" },
                    "description": "Cards that must be finished first, for instance T-12. Name your own to start after it." },
                "triage": { "type": "boolean", "description": "An idea that a person should look at first." },
                "initial_status": { "type": "string", "enum": ["ready", "blocked"],
                    "description": "blocked asks a person what the body says, and starts after the answer." },
                "start_at": { "type": "string",
                    "description": "Not before: 30m, 2h or 1d from now, or 2026-12-01T09:30Z." },
                "priority": { "type": "integer", "description": "Higher first; 0 is normal." },
                "labels": { "type": "array", "items": { "type": "string" } },
                "skills": { "type": "array", "items": { "type": "string" } },
                "tenant": { "type": "string" },
                "workspace_kind": { "type": "string", "enum": kinds, "description": "As your own when left out." },
                "workspace_path": { "type": "string", "description": "Absolute; for dir and worktree." },
                "max_runtime_seconds": { "type": "integer", "minimum": 1 },
                "idempotency_key": { "type": "string", "description": "The same key makes only one card." } },
                "required": ["title"], "additionalProperties": false }),
        }
    }

    async fn run(&self, cx: &ToolContext, arguments: Value) -> ToolOutcome {
        let params = match parse::<CreateArguments>(arguments).and_then(|arguments| arguments.into_params(cx)) {
            Ok(params) => params,
            Err(outcome) => return outcome,
        };
        match worker::create_or_find(&cx.core, cx.ticket, params).await {
            Ok((made, is_new)) => {
                let found =
                    if is_new { "" } else { " exists already, with this idempotency_key; nothing was made. It" };
                ToolOutcome::done(format!("T-{}{found} is {}: {}", made.number, made.state, made.title))
            }
            Err(error) => failed(cx, error),
        }
    }
}

/// A span from now, or a date and time with its offset, as Unix milliseconds after now.
fn start_at(text: &str, now: i64) -> Result<i64, ToolOutcome> {
    let word = text.trim();
    let at = span_ms(word).and_then(|span| now.checked_add(span)).or_else(|| date_ms(word));
    match at {
        Some(at) if at > now => Ok(at),
        Some(_) => Err(ToolOutcome::failed(format!(
            "start_at: \"{}\" is past; leave it out to start at once; nothing was made",
            excerpt(word, MAX_SHOWN_CHARS)
        ))),
        None => Err(ToolOutcome::failed(format!(
            "start_at: \"{}\" is no time; write 30m, 2h or 1d from now, or 2026-12-01T09:30Z; nothing was made",
            excerpt(word, MAX_SHOWN_CHARS)
        ))),
    }
}

fn span_ms(text: &str) -> Option<i64> {
    let seconds = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let number: u32 = text.get(..text.len() - 1)?.trim_end().parse().ok()?;
    i64::from(number).checked_mul(seconds * 1000)
}

fn date_ms(text: &str) -> Option<i64> {
    let spelled = text.strip_suffix(['Z', 'z']).map_or_else(|| text.to_owned(), |time| format!("{time}+00:00"));
    let read = |form| DateTime::parse_from_str(&spelled, form).ok();
    read("%Y-%m-%dT%H:%M%:z").or_else(|| read("%Y-%m-%dT%H:%M:%S%.f%:z")).map(|time| time.timestamp_millis())
}

#[derive(Deserialize)]
struct LinkArguments {
    parent_id: String,
    child_id: String,
}

fn link_parameters() -> Value {
    json!({ "type": "object", "properties": {
        "parent_id": { "type": "string", "description": "The card that must be finished first." },
        "child_id": { "type": "string", "description": "The card that waits: your own, or one you made." } },
        "required": ["parent_id", "child_id"] })
}

fn ends(cx: &ToolContext, arguments: Value) -> Result<(CardRef, CardRef), ToolOutcome> {
    let arguments: LinkArguments = parse(arguments)?;
    Ok((card(cx, Some(&arguments.parent_id))?, card(cx, Some(&arguments.child_id))?))
}

struct Link;

#[async_trait::async_trait]
impl Tool for Link {
    fn spec(&self) -> ToolSpec {
        ToolSpec { name: "kanban_link", description: "Makes one card wait for another.", parameters: link_parameters() }
    }

    async fn run(&self, cx: &ToolContext, arguments: Value) -> ToolOutcome {
        let (parent, child) = match ends(cx, arguments) {
            Ok(ends) => ends,
            Err(outcome) => return outcome,
        };
        match worker::link(&cx.core, cx.ticket, parent, child).await {
            Ok(()) => ToolOutcome::done("linked"),
            Err(error) => failed(cx, error),
        }
    }
}

struct Unlink;

#[async_trait::async_trait]
impl Tool for Unlink {
    fn spec(&self) -> ToolSpec {
        ToolSpec { name: "kanban_unlink", description: "Takes such a link away.", parameters: link_parameters() }
    }

    async fn run(&self, cx: &ToolContext, arguments: Value) -> ToolOutcome {
        let (parent, child) = match ends(cx, arguments) {
            Ok(ends) => ends,
            Err(outcome) => return outcome,
        };
        match worker::unlink(&cx.core, cx.ticket, parent, child).await {
            Ok(()) => ToolOutcome::done("the link is gone"),
            Err(error) => failed(cx, error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::start_at;

    #[test]
    fn a_start_is_a_span_or_a_moment_that_is_not_past() {
        let now = 1_796_117_400_000; // 2026-12-01T09:30Z
        for (text, ms) in [("90s", 90_000), ("30m", 1_800_000), (" 2h ", 7_200_000), ("1d", 86_400_000)] {
            assert_eq!(start_at(text, now).ok(), Some(now + ms), "{text:?}");
        }
        for text in ["2026-12-01T10:30Z", "2026-12-01T11:30+01:00", "2026-12-01T10:30:00.0Z"] {
            assert_eq!(start_at(text, now).ok(), Some(now + 3_600_000), "{text:?}");
        }
        for text in ["2026-12-01T09:30Z", "0s", "2020-01-01T00:00Z"] {
            assert!(start_at(text, now).unwrap_err().text.contains("is past"), "{text:?}");
        }
        for text in ["", "soon", "h", "-1h", "1.5h", "2026-12-01", "2026-12-01T09:30", "99999999999d", "\u{e9}"] {
            assert!(start_at(text, now).unwrap_err().text.contains("is no time"), "{text:?}");
        }
    }
}
