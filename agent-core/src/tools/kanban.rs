//! Tools with which an agent speaks about its card. Writes touch its own card only, fenced by its run.

mod planning;

use std::path::PathBuf;

use protocol::{AfterApproval, BlockKind, CardRef};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Tool, ToolContext, ToolOutcome, ToolStatus, output, parse};
use crate::kanban::worker::{BlockWords, Handover};
use crate::kanban::{KanbanError, worker};
use crate::llm::ToolSpec;
use crate::worker::StopReason;

const MAX_OPTIONS: usize = 6;
const MAX_OPTION_CHARS: usize = 80;

pub(super) fn tools() -> Vec<Box<dyn Tool>> {
    let mut tools: Vec<Box<dyn Tool>> = vec![
        Box::new(Show),
        Box::new(Comment),
        Box::new(Heartbeat),
        Box::new(Complete),
        Box::new(Block),
        Box::new(Attach),
    ];
    tools.extend(planning::tools());
    tools
}

/// Turns an error of the board into a text for the model; a lost card stops the run.
fn failed(cx: &ToolContext, error: KanbanError) -> ToolOutcome {
    if let KanbanError::Fenced(why) = &error {
        cx.control.stop(StopReason::Fenced(why.clone()));
    }
    ToolOutcome::failed(format!("{error}; nothing was changed"))
}

fn card(cx: &ToolContext, named: Option<&str>) -> Result<CardRef, ToolOutcome> {
    match named.map(str::trim).filter(|name| !name.is_empty()) {
        None => Ok(CardRef::Number(cx.number)),
        Some(name) => {
            name.parse().map_err(|_not_an_id| ToolOutcome::failed(format!("\"{name}\" is no card; write it like T-12")))
        }
    }
}

/// Ends and hand-overs are about one's own card; a model that names another means something else.
fn own_card(cx: &ToolContext, named: Option<&str>) -> Result<(), ToolOutcome> {
    if card(cx, named)? == CardRef::Number(cx.number) {
        return Ok(());
    }
    Err(ToolOutcome::failed(format!(
        "this ends your own card, T-{}, and no other; leave task_id out, or tell the other card with kanban_comment; \
         nothing was changed",
        cx.number
    )))
}

struct Show;

#[derive(Deserialize)]
struct ShowArguments {
    #[serde(default)]
    task_id: Option<String>,
}

#[async_trait::async_trait]
impl Tool for Show {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "kanban_show",
            description: "Shows a card with its parents, children, comments, runs and what happened last. Your own card when none is named.",
            parameters: json!({ "type": "object", "properties": {
                "task_id": { "type": "string", "description": "For instance T-12." } } }),
        }
    }

    async fn run(&self, cx: &ToolContext, arguments: Value) -> ToolOutcome {
        let arguments: ShowArguments = match parse(arguments) {
            Ok(arguments) => arguments,
            Err(outcome) => return outcome,
        };
        let card = match card(cx, arguments.task_id.as_deref()) {
            Ok(card) => card,
            Err(outcome) => return outcome,
        };
        match worker::show(&cx.core, Some(cx.ticket), card).await {
            Ok(card) => ToolOutcome::done(serde_json::to_string_pretty(&card).unwrap_or_else(|_| card.to_string())),
            Err(error) => failed(cx, error),
        }
    }
}

struct Comment;

#[derive(Deserialize)]
struct CommentArguments {
    #[serde(default)]
    task_id: Option<String>,
    body: String,
}

#[async_trait::async_trait]
impl Tool for Comment {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "kanban_comment",
            description: "Adds a comment to your own card, or to another card of this board, for people and later runs to read.",
            parameters: json!({ "type": "object", "properties": {
                "task_id": { "type": "string", "description": "Your own card when left out." },
                "body": { "type": "string", "description": "Markdown." } }, "required": ["body"] }),
        }
    }

    async fn run(&self, cx: &ToolContext, arguments: Value) -> ToolOutcome {
        let arguments: CommentArguments = match parse(arguments) {
            Ok(arguments) => arguments,
            Err(outcome) => return outcome,
        };
        let card = match card(cx, arguments.task_id.as_deref()) {
            Ok(card) => card,
            Err(outcome) => return outcome,
        };
        match worker::comment(&cx.core, cx.ticket, card, &cx.redactor.exact(&arguments.body)).await {
            Ok(()) => ToolOutcome::done("the comment was added"),
            Err(error) => failed(cx, error),
        }
    }
}

struct Heartbeat;

#[derive(Deserialize)]
struct HeartbeatArguments {
    #[serde(default)]
    note: Option<String>,
}

#[async_trait::async_trait]
impl Tool for Heartbeat {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "kanban_heartbeat",
            description: "Tells people what you are doing in long work. Not needed to stay alive.",
            parameters: json!({ "type": "object", "properties": { "note": { "type": "string" } } }),
        }
    }

    async fn run(&self, cx: &ToolContext, arguments: Value) -> ToolOutcome {
        let arguments: HeartbeatArguments = match parse(arguments) {
            Ok(arguments) => arguments,
            Err(outcome) => return outcome,
        };
        match worker::heartbeat(&cx.core, cx.ticket).await {
            Ok(()) => ToolOutcome::done("noted").with_shown(output::clip(&arguments.note.unwrap_or_default(), 2000)),
            Err(error) => failed(cx, error),
        }
    }
}

struct Complete;

#[derive(Deserialize)]
struct CompleteArguments {
    #[serde(default)]
    task_id: Option<String>,
    #[serde(default)]
    summary: Option<String>,
    /// The older name of the same.
    #[serde(default)]
    result: Option<String>,
    #[serde(default)]
    metadata: Option<Value>,
    #[serde(default)]
    artifacts: Vec<PathBuf>,
    #[serde(default)]
    created_cards: Vec<String>,
}

#[async_trait::async_trait]
impl Tool for Complete {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "kanban_complete",
            description: "Finishes your card. Call it once, when everything that was asked is done and checked. It ends your run.",
            parameters: json!({ "type": "object", "properties": {
                "summary": { "type": "string", "description": "Markdown: what was done, where the results are, what was checked." },
                "metadata": { "type": "object", "description": "Facts for cards that follow, for instance changed files." },
                "created_cards": { "type": "array", "items": { "type": "string" },
                    "description": "Cards you made for what is left to do, as kanban_create answered them." },
                "artifacts": artifacts_parameter() },
                "required": ["summary"] }),
        }
    }

    async fn run(&self, cx: &ToolContext, arguments: Value) -> ToolOutcome {
        let arguments: CompleteArguments = match parse(arguments) {
            Ok(arguments) => arguments,
            Err(outcome) => return outcome,
        };
        if let Err(outcome) = own_card(cx, arguments.task_id.as_deref()) {
            return outcome;
        }
        let summary = arguments.summary.or(arguments.result).unwrap_or_default();
        let metadata = arguments.metadata.map(|metadata| redacted(cx, metadata));
        let named = arguments.created_cards.iter().map(|name| card(cx, Some(name)));
        let created_cards = match named.collect::<Result<Vec<CardRef>, ToolOutcome>>() {
            Ok(cards) => cards,
            Err(outcome) => return outcome,
        };
        cx.activity.flush().await;
        let handover = Handover { artifacts: arguments.artifacts, created_cards, then_continue: false };
        match worker::complete_with(&cx.core, cx.ticket, &cx.redactor.exact(&summary), metadata, &handover).await {
            Ok(()) => handed_over("the card is done"),
            Err(error) => failed(cx, error),
        }
    }
}

struct Block;

#[derive(Deserialize)]
struct BlockArguments {
    #[serde(default)]
    task_id: Option<String>,
    reason: String,
    #[serde(default)]
    kind: Option<BlockKind>,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    options: Vec<String>,
    #[serde(default)]
    artifacts: Vec<PathBuf>,
    #[serde(default)]
    then: Option<AfterApproval>,
}

#[async_trait::async_trait]
impl Tool for Block {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "kanban_block",
            description: "Stops for a person and ends your run; the card comes back to you with the answer. Use kind review \
                when the work is finished and somebody should look at it first, needs_input for a question, capability when \
                you lack a tool or a right, transient when something outside is down, dependency when another card must be \
                finished first.",
            parameters: json!({ "type": "object", "properties": {
                "reason": { "type": "string", "description": "What you ask of the person, in one or two sentences." },
                "kind": { "type": "string", "enum": BlockKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>() },
                "summary": { "type": "string", "description": "Markdown: what was done so far and what there is to look at." },
                "options": { "type": "array", "items": { "type": "string" }, "maxItems": MAX_OPTIONS,
                    "description": "Short answers to choose from, when there are any." },
                "artifacts": artifacts_parameter(),
                "then": { "type": "string", "enum": AfterApproval::ALL.iter().map(|then| then.as_str()).collect::<Vec<_>>(),
                    "description": "For a review: what an approval leads to. finish (the default) when all is done, continue \
                        when you have more to do after it." } },
                "required": ["reason"] }),
        }
    }

    async fn run(&self, cx: &ToolContext, arguments: Value) -> ToolOutcome {
        let arguments: BlockArguments = match parse(arguments) {
            Ok(arguments) => arguments,
            Err(outcome) => return outcome,
        };
        if let Err(outcome) = own_card(cx, arguments.task_id.as_deref()) {
            return outcome;
        }
        let options: Vec<String> = arguments.options.iter().map(|option| cx.redactor.clean(option.trim())).collect();
        if options.len() > MAX_OPTIONS
            || options.iter().any(|option| option.is_empty() || option.chars().count() > MAX_OPTION_CHARS)
        {
            return ToolOutcome::failed("give at most 6 options of at most 80 characters each; nothing was changed");
        }
        let (reason, summary) = (cx.redactor.exact(&arguments.reason), cx.redactor.exact(&arguments.summary));
        cx.activity.flush().await;
        let words = BlockWords { kind: arguments.kind, reason: &reason, summary: &summary, options: &options };
        let then_continue = arguments.then == Some(AfterApproval::Continue);
        let handover = Handover { artifacts: arguments.artifacts, created_cards: Vec::new(), then_continue };
        match worker::block_with(&cx.core, cx.ticket, words, &handover).await {
            Ok(BlockKind::Dependency) => handed_over("the card waits for the cards it depends on"),
            Ok(kind) => handed_over(&format!("the card waits for a person ({kind})")),
            Err(error) => failed(cx, error),
        }
    }
}

fn artifacts_parameter() -> Value {
    json!({ "type": "array", "items": { "type": "string" },
        "description": "Files of your workspace that people shall get: reports, pictures, data. At most 25 MiB each." })
}

struct Attach;

#[derive(Deserialize)]
struct AttachArguments {
    #[serde(default)]
    task_id: Option<String>,
    path: PathBuf,
    #[serde(default)]
    name: Option<String>,
}

#[async_trait::async_trait]
impl Tool for Attach {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "kanban_attach",
            description: "Keeps a file of your workspace with your card, for people to look at. At most 25 MiB.",
            parameters: json!({ "type": "object", "properties": {
                "path": { "type": "string", "description": "Within your workspace." },
                "name": { "type": "string", "description": "Another name than the file has." } },
                "required": ["path"] }),
        }
    }

    async fn run(&self, cx: &ToolContext, arguments: Value) -> ToolOutcome {
        let arguments: AttachArguments = match parse(arguments) {
            Ok(arguments) => arguments,
            Err(outcome) => return outcome,
        };
        if let Err(outcome) = own_card(cx, arguments.task_id.as_deref()) {
            return outcome;
        }
        match worker::attach(&cx.core, cx.ticket, &arguments.path, arguments.name.as_deref()).await {
            Ok(file) => ToolOutcome::done(format!("{} is kept with the card ({} bytes)", file.name, file.bytes)),
            Err(error) => failed(cx, error),
        }
    }
}

fn handed_over(text: &str) -> ToolOutcome {
    ToolOutcome { status: ToolStatus::HandedOver, ..ToolOutcome::done(text) }
}

/// Blacks out every text inside a value.
fn redacted(cx: &ToolContext, value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(cx.redactor.clean(&text)),
        Value::Array(list) => Value::Array(list.into_iter().map(|value| redacted(cx, value)).collect()),
        Value::Object(map) => Value::Object(map.into_iter().map(|(key, value)| (key, redacted(cx, value))).collect()),
        other => other,
    }
}
