//! The wire format of OpenAI's chat completions, as many servers speak it with small differences.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};

use super::http::{self, Endpoint};
use super::sse::SseDecoder;
use super::{
    CallError, Capabilities, Delta, DeltaStream, FailureKind, FinishReason, Message, Provider, Request, TokenUsage,
    ToolCallDelta, failure,
};

/// Bytes of one streamed answer with all its framing.
const MAX_STREAM_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of an answer that comes in one piece although a stream was asked for.
const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;
/// Hosts and models that want their earlier reasoning back.
const ECHO_REASONING: &[&str] = &["deepseek", "moonshot", "kimi", "mimo"];

/// A server that speaks chat completions.
#[derive(Debug)]
pub struct OpenAiChat {
    endpoint: Endpoint,
    model: String,
    context_tokens: u32,
    /// A few servers refuse `stream_options`; they are asked without it from then on.
    without_usage: AtomicBool,
}

impl OpenAiChat {
    pub(super) fn new(endpoint: Endpoint, model: String, context_tokens: u32) -> Self {
        Self { endpoint, model, context_tokens, without_usage: AtomicBool::new(false) }
    }

    fn body(&self, request: &Request<'_>) -> Value {
        let echo = self.capabilities().echo_reasoning;
        let messages: Vec<Value> = request.messages.iter().map(|message| wire_message(message, echo)).collect();
        let mut body = json!({ "model": self.model, "messages": messages, "stream": true });
        if !self.without_usage.load(Ordering::Relaxed) {
            body["stream_options"] = json!({ "include_usage": true });
        }
        if !request.tools.is_empty() {
            let tools = request.tools.iter().map(|tool| {
                json!({ "type": "function", "function": {
                    "name": tool.name, "description": tool.description, "parameters": tool.parameters } })
            });
            body["tools"] = Value::Array(tools.collect());
        }
        body
    }
}

#[async_trait::async_trait]
impl Provider for OpenAiChat {
    async fn stream(&self, request: Request<'_>) -> Result<DeltaStream, CallError> {
        let first = self.endpoint.post("chat/completions", &self.body(&request)).await;
        let response = match first {
            Err(error) if error.kind == FailureKind::Refused && error.message.contains("stream_options") => {
                self.without_usage.store(true, Ordering::Relaxed);
                self.endpoint.post("chat/completions", &self.body(&request)).await?
            }
            other => other?,
        };
        let content_type = response.headers().get(reqwest::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let in_one_piece = content_type.is_some_and(|kind| kind.starts_with("application/json"));
        if in_one_piece {
            let body = http::read_bounded(response, MAX_BODY_BYTES).await?;
            let text = String::from_utf8_lossy(&body);
            let deltas = self.parse(&text)?;
            if deltas.is_empty() {
                return Err(CallError::new(FailureKind::Broken, "the server's answer holds no message"));
            }
            return Ok(Box::pin(stream::iter(deltas.into_iter().map(Ok))));
        }
        let reader = Reader {
            endpoint: self.endpoint.clone(),
            response: Some(response),
            decoder: SseDecoder::default(),
            ready: Vec::new().into_iter(),
            bytes: 0,
            finished: false,
            spoke: false,
        };
        Ok(Box::pin(stream::try_unfold(reader, |mut reader| async move {
            Ok(reader.next().await?.map(|delta| (delta, reader)))
        })))
    }

    fn capabilities(&self) -> Capabilities {
        let names = [self.endpoint.host(), &self.model].map(str::to_lowercase);
        let echo_reasoning = ECHO_REASONING.iter().any(|word| names.iter().any(|name| name.contains(word)));
        Capabilities { context_tokens: self.context_tokens, echo_reasoning }
    }
}

impl OpenAiChat {
    fn parse(&self, text: &str) -> Result<Vec<Delta>, CallError> {
        parse_chunk(text).map_err(|error| clean(&self.endpoint, error))
    }
}

fn clean(endpoint: &Endpoint, mut error: CallError) -> CallError {
    error.message = endpoint.redactor.clean(&error.message);
    error
}

/// Reads one streamed answer.
struct Reader {
    endpoint: Endpoint,
    response: Option<reqwest::Response>,
    decoder: SseDecoder,
    ready: std::vec::IntoIter<Delta>,
    bytes: usize,
    /// `[DONE]` or a finish reason was seen: the answer is complete even if the connection then breaks.
    finished: bool,
    /// Anything of an answer was seen.
    spoke: bool,
}

impl Reader {
    async fn next(&mut self) -> Result<Option<Delta>, CallError> {
        loop {
            if let Some(delta) = self.ready.next() {
                self.spoke = true;
                self.finished |= matches!(delta, Delta::Finish(_));
                return Ok(Some(delta));
            }
            let Some(response) = &mut self.response else { return Ok(None) };
            match response.chunk().await {
                Ok(Some(piece)) => self.take(&piece)?,
                Ok(None) => self.end()?,
                Err(_) if self.finished => self.response = None,
                Err(error) => return Err(self.endpoint.broken(error)),
            }
        }
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), CallError> {
        self.bytes += piece.len();
        if self.bytes > MAX_STREAM_BYTES {
            return Err(CallError::new(FailureKind::TooLarge, "the model's answer grew beyond 64 MB and was cut off"));
        }
        let events = self.decoder.push(piece).map_err(|_too_long| {
            CallError::new(FailureKind::TooLarge, "one piece of the model's answer was longer than 8 MB")
        })?;
        self.take_events(events)
    }

    fn take_events(&mut self, events: Vec<String>) -> Result<(), CallError> {
        let mut deltas = Vec::new();
        for event in events {
            let event = event.trim();
            if event == "[DONE]" {
                self.finished = true;
                self.response = None;
                break;
            }
            if !event.is_empty() {
                deltas.extend(parse_chunk(event).map_err(|error| clean(&self.endpoint, error))?);
            }
        }
        self.ready = deltas.into_iter();
        Ok(())
    }

    fn end(&mut self) -> Result<(), CallError> {
        self.response = None;
        let last = std::mem::take(&mut self.decoder).finish();
        self.take_events(last.into_iter().collect())?;
        let finishes = self.ready.as_slice().iter().any(|delta| matches!(delta, Delta::Finish(_)));
        if self.finished || finishes {
            return Ok(());
        }
        let message = if self.spoke || !self.ready.as_slice().is_empty() {
            "the answer broke off before it was complete"
        } else {
            "the server closed the connection without an answer"
        };
        Err(CallError::new(FailureKind::Broken, message))
    }
}

#[derive(Deserialize)]
struct Chunk {
    model: Option<String>,
    choices: Option<Vec<Choice>>,
    usage: Option<WireUsage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    /// `message` in answers that come in one piece.
    #[serde(alias = "message")]
    delta: Option<WireDelta>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct WireDelta {
    content: Option<Value>,
    reasoning_content: Option<String>,
    reasoning: Option<Value>,
    tool_calls: Option<Vec<WireCall>>,
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct WireCall {
    index: Option<u32>,
    id: Option<String>,
    function: Option<WireFunction>,
}

#[derive(Deserialize)]
struct WireFunction {
    name: Option<String>,
    /// Text by the protocol; a few servers send the object itself.
    arguments: Option<Value>,
}

#[derive(Deserialize)]
struct WireUsage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
}

fn parse_chunk(text: &str) -> Result<Vec<Delta>, CallError> {
    let chunk: Chunk = serde_json::from_str(text).map_err(|error| {
        let start: String = text.chars().take(200).collect();
        CallError::new(
            FailureKind::Broken,
            format!("the server sent something that is not a chat completion ({error}): {start}"),
        )
    })?;
    if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
        let status = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
        let body = json!({ "error": error }).to_string();
        return Err(match status.filter(|status| *status >= 400) {
            Some(status) => failure::from_status(status, &body, None),
            None => CallError { status: None, ..mid_stream(&body) },
        });
    }
    let mut deltas: Vec<Delta> = chunk.model.filter(|model| !model.is_empty()).map(Delta::Model).into_iter().collect();
    for choice in chunk.choices.unwrap_or_default().into_iter().take(1) {
        if let Some(delta) = choice.delta {
            push_delta(delta, &mut deltas);
        }
        deltas.extend(choice.finish_reason.as_deref().and_then(finish_reason).map(Delta::Finish));
    }
    if let Some(usage) = chunk.usage {
        let (input, output) = (usage.prompt_tokens.unwrap_or(0), usage.completion_tokens.unwrap_or(0));
        deltas.push(Delta::Usage(TokenUsage { input, output }));
    }
    Ok(deltas)
}

/// An error in the middle of a stream carries no status; its words tell what it is.
fn mid_stream(body: &str) -> CallError {
    let guess = failure::from_status(400, body, None);
    let lower = guess.message.to_lowercase();
    let kind = if lower.contains("rate") && lower.contains("limit") {
        FailureKind::RateLimited
    } else if lower.contains("overloaded") || lower.contains("unavailable") || lower.contains("server error") {
        FailureKind::Overloaded
    } else {
        guess.kind
    };
    CallError::new(kind, failure::provider_words(body))
}

fn push_delta(delta: WireDelta, deltas: &mut Vec<Delta>) {
    let thinking = delta.reasoning_content.filter(|text| !text.is_empty());
    let thinking = thinking.or_else(|| delta.reasoning.as_ref().and_then(Value::as_str).map(str::to_owned));
    deltas.extend(thinking.filter(|text| !text.is_empty()).map(Delta::Thinking));
    match delta.content {
        Some(Value::String(text)) if !text.is_empty() => deltas.push(Delta::Text(text)),
        Some(Value::Array(parts)) => deltas.extend(parts.iter().filter_map(part)),
        _ => {}
    }
    deltas.extend(delta.refusal.filter(|text| !text.is_empty()).map(Delta::Text));
    for call in delta.tool_calls.unwrap_or_default() {
        let (name, arguments) = call.function.map_or((None, None), |function| (function.name, function.arguments));
        let arguments = match arguments {
            Some(Value::String(text)) => text,
            Some(Value::Null) | None => String::new(),
            Some(object) => object.to_string(),
        };
        deltas.push(Delta::ToolCall(ToolCallDelta { index: call.index, id: call.id, name, arguments }));
    }
}

/// Content in parts: `{type: text, text}` and `{type: thinking, thinking: [{text}]}`.
fn part(part: &Value) -> Option<Delta> {
    let text = |value: &Value| value.get("text").and_then(Value::as_str).map(str::to_owned);
    match part.get("type").and_then(Value::as_str) {
        Some("thinking") => {
            let inner = part.get("thinking")?;
            let thought = match inner.as_array() {
                Some(list) => list.iter().filter_map(text).collect::<String>(),
                None => inner.as_str()?.to_owned(),
            };
            (!thought.is_empty()).then_some(Delta::Thinking(thought))
        }
        _ => text(part).filter(|text| !text.is_empty()).map(Delta::Text),
    }
}

fn finish_reason(word: &str) -> Option<FinishReason> {
    match word {
        "" => None,
        "tool_calls" | "function_call" => Some(FinishReason::ToolCalls),
        "length" | "max_tokens" => Some(FinishReason::Length),
        "content_filter" => Some(FinishReason::Filtered),
        _ => Some(FinishReason::Stop),
    }
}

fn wire_message(message: &Message, echo_reasoning: bool) -> Value {
    match message {
        Message::System { content } => json!({ "role": "system", "content": content }),
        Message::User { content } => json!({ "role": "user", "content": content }),
        Message::Tool { call_id, content, .. } => {
            json!({ "role": "tool", "tool_call_id": call_id, "content": content })
        }
        Message::Assistant { content, reasoning, tool_calls } => {
            let mut wire = json!({ "role": "assistant", "content": content });
            if echo_reasoning && !reasoning.is_empty() {
                wire["reasoning_content"] = json!(reasoning);
            }
            if !tool_calls.is_empty() {
                let calls = tool_calls.iter().map(|call| {
                    json!({ "id": call.id, "type": "function",
                        "function": { "name": call.name, "arguments": valid_arguments(&call.arguments) } })
                });
                wire["tool_calls"] = Value::Array(calls.collect());
            }
            wire
        }
    }
}

/// Servers parse the arguments of earlier calls again and refuse the whole request when they are broken.
fn valid_arguments(arguments: &str) -> String {
    match serde_json::from_str::<Value>(arguments) {
        Ok(Value::Object(_)) => arguments.to_owned(),
        _ if arguments.trim().is_empty() => "{}".to_owned(),
        _ => json!({ "unreadable": arguments.chars().take(500).collect::<String>() }).to_string(),
    }
}

#[cfg(test)]
#[path = "openai_chat_tests.rs"]
mod tests;
