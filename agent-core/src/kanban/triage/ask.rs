//! What a model is asked, and how its answer is read: as a tool call, or as JSON in its text, because not every model
//! calls tools.

use std::time::Duration;

use protocol::{MAX_PROPOSED, MAX_TITLE_CHARS, Proposal, ProposalKind, ProposedTask};
use serde::Deserialize;
use serde_json::json;

use super::ANSWER_WITHIN_MS;
use crate::kanban::card_row::CardRow;
use crate::kanban::warnings::Unavailable;
use crate::kanban::worker::Usage;
use crate::llm::{self, Answer, CallError, FailureKind, Message, Request, ToolSpec};
use crate::tools::output::clip;
use crate::{Core, profiles, text};

const SPECIFY_PROMPT: &str = include_str!("../../../prompts/specify.md");
const DECOMPOSE_PROMPT: &str = include_str!("../../../prompts/decompose.md");
/// Of the card's description.
const MAX_BODY_BYTES: usize = 16 * 1024;
/// Profiles a model chooses from.
const MAX_ROSTER: usize = 50;

/// What came of asking.
pub(super) struct Asked {
    /// The proposal, or why there is none.
    pub(super) result: Result<Proposal, Failed>,
    /// What it cost, when the server told.
    pub(super) usage: Option<Usage>,
}

/// Why a model made no proposal.
pub(super) struct Failed {
    /// A sentence for people.
    pub(super) why: String,
    /// It could not be asked at all.
    pub(super) unavailable: Option<Unavailable>,
}

impl Failed {
    fn unreachable(why: String) -> Self {
        Self { why, unavailable: Some(Unavailable::Unreachable) }
    }

    fn of(error: &CallError) -> Self {
        use FailureKind::{
            ModelNotFound, NoCredit, NotFound, Overloaded, Timeout, Tls, Unauthorized, UnknownHost, Unreachable,
        };
        let unavailable = matches!(
            error.kind,
            Unreachable | UnknownHost | Tls | Timeout | Unauthorized | NotFound | ModelNotFound | NoCredit | Overloaded
        );
        let why = format!("the model cannot be asked: {error}");
        Self { why, unavailable: unavailable.then_some(Unavailable::Unreachable) }
    }
}

pub(super) async fn ask(core: &Core, card: &CardRow, kind: ProposalKind) -> Asked {
    let within = Duration::from_millis(ANSWER_WITHIN_MS.unsigned_abs());
    let answer = match tokio::time::timeout(within, call(core, card, kind)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Asked { result: Err(error), usage: None },
        Err(_elapsed) => {
            let error = format!("the model gave no answer within {} minutes; ask again", ANSWER_WITHIN_MS / 60_000);
            return Asked { result: Err(Failed::unreachable(error)), usage: None };
        }
    };
    let usage = answer.usage.map(|usage| Usage::of(usage, &core.config().model));
    let known = profile_names(core);
    let result = read(&answer, (&card.title, &card.body), kind, &known);
    Asked { result: result.map_err(|why| Failed { why, unavailable: None }), usage }
}

async fn call(core: &Core, card: &CardRow, kind: ProposalKind) -> Result<Answer, Failed> {
    let config = core.config();
    let model = match kind {
        ProposalKind::Specify => config.auxiliary.triage_specifier.name(),
        ProposalKind::Decompose => config.auxiliary.kanban_decomposer.name(),
    };
    let provider = llm::configured_provider(core, model).map_err(|error| Failed::unreachable(error.to_string()))?;
    let messages = [
        Message::System { content: prompt(kind).trim().to_owned() },
        Message::User { content: text::redact(&question(core, card, kind)) },
    ];
    let tools = [tool(kind)];
    let request = Request { messages: &messages, tools: &tools };
    llm::complete(&provider, request).await.map_err(|error| Failed::of(&error))
}

fn prompt(kind: ProposalKind) -> &'static str {
    match kind {
        ProposalKind::Specify => SPECIFY_PROMPT,
        ProposalKind::Decompose => DECOMPOSE_PROMPT,
    }
}

fn question(core: &Core, card: &CardRow, kind: ProposalKind) -> String {
    let body = clip(card.body.trim(), MAX_BODY_BYTES);
    let mut text = format!("# The card\n\nTitle: {}\n\n{body}\n", card.title);
    if kind == ProposalKind::Decompose {
        text.push_str("\n# Profiles\n\n");
        for line in roster(core) {
            text.push_str(&format!("- {line}\n"));
        }
    }
    text
}

fn profile_names(core: &Core) -> Vec<String> {
    match profiles::list(core.home()) {
        Ok(all) => all.into_iter().filter(|profile| profile.problem.is_none()).map(|profile| profile.id).collect(),
        Err(error) => {
            tracing::warn!(%error, "the profiles cannot be listed; the cards go to the default one");
            Vec::new()
        }
    }
}

fn roster(core: &Core) -> Vec<String> {
    let all = profiles::list(core.home()).unwrap_or_default();
    let usable = all.into_iter().filter(|profile| profile.problem.is_none()).take(MAX_ROSTER);
    usable
        .map(|profile| match profile.description {
            Some(description) => format!("{}: {description}", profile.id),
            None => profile.id,
        })
        .collect()
}

fn tool(kind: ProposalKind) -> ToolSpec {
    let mut properties = json!({
        "title": { "type": "string", "description": "The card's title, at most 80 characters." },
        "body": { "type": "string", "description": "The card's description, Markdown." },
    });
    let mut required = vec!["title", "body"];
    if kind == ProposalKind::Decompose {
        required.push("tasks");
        properties["rationale"] =
            json!({ "type": "string", "description": "Why it is cut like this, in one sentence." });
        properties["tasks"] = json!({ "type": "array", "maxItems": MAX_PROPOSED, "items": {
            "type": "object", "required": ["title", "body"], "properties": {
                "title": { "type": "string" },
                "body": { "type": "string", "description": "Everything a worker needs who sees nothing else." },
                "assignee": { "type": "string", "description": "One of the profiles." },
                "after": { "type": "array", "items": { "type": "integer" },
                    "description": "Tasks of this list that must be finished first, counted from 1." } } } });
    }
    ToolSpec {
        name: "propose",
        description: "Hands your proposal over. Call it exactly once.",
        parameters: json!({ "type": "object", "properties": properties, "required": required }),
    }
}

/// A proposal as models write it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Written {
    title: String,
    body: String,
    rationale: String,
    tasks: Vec<WrittenTask>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WrittenTask {
    title: String,
    body: String,
    assignee: Option<String>,
    #[serde(alias = "parents", alias = "depends_on")]
    after: Vec<serde_json::Value>,
}

/// Reads an answer; what it leaves out stays as the card has it: `(title, body)`.
fn read(
    answer: &Answer,
    (title, body): (&str, &str),
    kind: ProposalKind,
    profiles: &[String],
) -> Result<Proposal, String> {
    let called = answer.tool_calls.iter().find_map(|call| serde_json::from_str::<Written>(&call.arguments).ok());
    let written = match called.or_else(|| json_in(&answer.text)) {
        Some(written) => written,
        // A specification that is no JSON is still one, as the Python product has it.
        None if kind == ProposalKind::Specify && !answer.text.trim().is_empty() => {
            Written { body: answer.text.trim().to_owned(), ..Written::default() }
        }
        None => return Err("the model's answer is no proposal; ask again, or choose another model".into()),
    };
    let title = one_line(&written.title).unwrap_or_else(|| title.to_owned());
    let body = match written.body.trim() {
        "" => body.to_owned(),
        body => text::redact(body),
    };
    let rationale = text::redact(clip(written.rationale.trim(), 2_000).trim());
    let tasks = match kind {
        ProposalKind::Specify => Vec::new(),
        ProposalKind::Decompose => tasks(written.tasks, profiles)?,
    };
    Ok(Proposal { title, body, rationale, tasks })
}

fn tasks(written: Vec<WrittenTask>, profiles: &[String]) -> Result<Vec<ProposedTask>, String> {
    let count = written.len();
    if count > MAX_PROPOSED {
        return Err(format!("the model proposed {count} cards, and {MAX_PROPOSED} are the most at once; ask again"));
    }
    let mut tasks = Vec::with_capacity(count);
    for (at, task) in written.into_iter().enumerate() {
        let Some(title) = one_line(&task.title) else {
            return Err("the model proposed a card without a title; ask again".into());
        };
        let wanted = task.after.iter().filter_map(number);
        let mut after: Vec<usize> = wanted.filter(|other| *other < count && *other != at).collect();
        after.sort_unstable();
        after.dedup();
        let assignee = task.assignee.map(|name| name.trim().to_lowercase()).filter(|name| profiles.contains(name));
        tasks.push(ProposedTask { title, body: text::redact(task.body.trim()), assignee, after });
    }
    Ok(tasks)
}

/// `2`, `"2"` and `"task 2"` all mean the second.
fn number(value: &serde_json::Value) -> Option<usize> {
    let number = match value {
        serde_json::Value::Number(number) => number.as_u64()?,
        serde_json::Value::String(text) => text.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().ok()?,
        _ => return None,
    };
    usize::try_from(number).ok()?.checked_sub(1)
}

fn one_line(title: &str) -> Option<String> {
    let title = text::redact(title.split_whitespace().collect::<Vec<_>>().join(" ").as_str());
    (!title.is_empty()).then(|| title.chars().take(MAX_TITLE_CHARS).collect())
}

/// The JSON object inside a text, with or without a fence around it.
fn json_in(text: &str) -> Option<Written> {
    let (start, end) = (text.find('{')?, text.rfind('}')?);
    serde_json::from_str(text.get(start..=end)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Answer {
        Answer { text: text.into(), ..Answer::default() }
    }

    const CARD: (&str, &str) = ("old title", "old body");

    #[test]
    fn a_proposal_is_read_from_a_call_from_json_and_from_fenced_json() {
        let json = r#"{"title":"T","body":"B","tasks":[{"title":"a"},{"title":"b","after":[1]}]}"#;
        let call = llm::ToolCall { id: "1".into(), name: "propose".into(), arguments: json.into() };
        let called = Answer { tool_calls: vec![call], ..Answer::default() };
        let fenced = answer(&format!("Here it is:\n```json\n{json}\n```"));
        for answer in [called, answer(json), fenced] {
            let proposal = read(&answer, CARD, ProposalKind::Decompose, &[]).unwrap();
            assert_eq!((proposal.title.as_str(), proposal.tasks.len()), ("T", 2));
            assert_eq!(proposal.tasks[1].after, [0]);
        }
    }

    #[test]
    fn what_a_model_gets_wrong_is_mended_or_refused() {
        let json = r#"{"tasks":[{"title":" a\nb ","assignee":"Nobody","after":["task 2", 9, 1]},{"title":"c"}]}"#;
        let proposal = read(&answer(json), CARD, ProposalKind::Decompose, &["coder".into()]).unwrap();
        assert_eq!((proposal.title.as_str(), proposal.body.as_str()), ("old title", "old body"));
        assert_eq!((proposal.tasks[0].title.as_str(), &proposal.tasks[0].assignee), ("a b", &None));
        assert_eq!(proposal.tasks[0].after, [1], "neither itself nor one that is not there");
        let many = format!(r#"{{"tasks":[{}]}}"#, vec![r#"{"title":"x"}"#; MAX_PROPOSED + 1].join(","));
        assert!(read(&answer(&many), CARD, ProposalKind::Decompose, &[]).unwrap_err().contains("the most at once"));
        assert!(read(&answer("I would rather not."), CARD, ProposalKind::Decompose, &[]).is_err());
    }

    #[test]
    fn a_specification_may_be_plain_text() {
        let proposal = read(&answer("## Goal\nDo it."), CARD, ProposalKind::Specify, &[]).unwrap();
        assert_eq!((proposal.title.as_str(), proposal.body.as_str()), ("old title", "## Goal\nDo it."));
        assert!(read(&answer("  "), CARD, ProposalKind::Specify, &[]).is_err());
    }
}
