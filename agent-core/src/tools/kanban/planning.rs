//! Tools with which an agent looks at its board, makes cards and ties them together.

use protocol::{BoardView, CardRef, CardState, CreateCardParams, TaskCard, WorkspaceKind};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{card, failed};
use crate::kanban::worker::{self, MAX_LISTED};
use crate::llm::ToolSpec;
use crate::tools::{Tool, ToolContext, ToolOutcome, parse};

const LISTED: u32 = 50;

pub(super) fn tools() -> Vec<Box<dyn Tool>> {
    vec![Box::new(List), Box::new(Create), Box::new(Link), Box::new(Unlink)]
}

struct List;

#[derive(Deserialize)]
struct ListArguments {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    assignee: Option<String>,
    #[serde(default)]
    label: Option<String>,
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
                "search": { "type": "string", "description": "Words of title, description, result or comments." },
                "include_archived": { "type": "boolean" },
                "limit": { "type": "integer", "minimum": 1, "maximum": MAX_LISTED } } }),
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
        let filter = BoardView {
            text: arguments.search.unwrap_or_default(),
            assignees: arguments.assignee.into_iter().collect(),
            labels: arguments.label.into_iter().collect(),
            archived: arguments.include_archived,
            ..BoardView::default()
        };
        match worker::list(&cx.core, cx.ticket, &filter, state, limit).await {
            Ok((cards, more)) => ToolOutcome::done(listed(&cards, more)),
            Err(error) => failed(cx, error),
        }
    }
}

fn listed(cards: &[TaskCard], more: bool) -> String {
    if cards.is_empty() {
        return "no such card".to_owned();
    }
    let mut text = String::new();
    for card in cards {
        let assignee = card.assignee.as_deref().unwrap_or("-");
        text.push_str(&format!("T-{} [{}] {assignee}: {}\n", card.number, card.state, card.title));
    }
    if more {
        text.push_str("There are more; name a status, a label or words to search for.\n");
    }
    text
}

struct Create;

#[derive(Deserialize)]
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
        Ok(CreateCardParams {
            title: cx.redactor.clean(&self.title),
            body: cx.redactor.clean(&self.body),
            assignee: self.assignee,
            parents: parents.collect::<Result<_, _>>()?,
            triage: self.triage,
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
                "priority": { "type": "integer", "description": "Higher first; 0 is normal." },
                "labels": { "type": "array", "items": { "type": "string" } },
                "skills": { "type": "array", "items": { "type": "string" } },
                "tenant": { "type": "string" },
                "workspace_kind": { "type": "string", "enum": kinds, "description": "As your own when left out." },
                "workspace_path": { "type": "string", "description": "Absolute; for dir and worktree." },
                "max_runtime_seconds": { "type": "integer", "minimum": 1 },
                "idempotency_key": { "type": "string", "description": "The same key makes only one card." } },
                "required": ["title"] }),
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
