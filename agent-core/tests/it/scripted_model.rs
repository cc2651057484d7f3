//! A model server over HTTP whose answers are written down beforehand. It is as strict as real ones: conversations with
//! orphaned tool results or broken arguments are refused.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

/// One answer.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Server-sent events, cut into pieces of so many bytes.
    Stream { text: String, piece: usize },
    /// The same, and then the connection breaks.
    Broken { text: String },
    /// Another status.
    Status { status: u16, headers: Vec<(&'static str, String)>, body: String },
    /// JSON in one piece, although a stream was asked for.
    Whole(Value),
    /// No answer at all.
    Silence,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub authorization: Option<String>,
    pub body: Value,
}

impl Recorded {
    pub fn messages(&self) -> &Vec<Value> {
        self.body["messages"].as_array().unwrap()
    }

    /// The contents of the tool results.
    pub fn tool_results(&self) -> Vec<String> {
        let tools = self.messages().iter().filter(|message| message["role"] == "tool");
        tools.map(|message| message["content"].as_str().unwrap().to_owned()).collect()
    }
}

#[derive(Default)]
struct Script {
    replies: Mutex<VecDeque<Reply>>,
    requests: Mutex<Vec<Recorded>>,
    violations: Mutex<Vec<String>>,
}

pub struct ScriptedModel {
    pub base_url: String,
    pub port: u16,
    script: Arc<Script>,
}

impl ScriptedModel {
    pub async fn start(replies: Vec<Reply>) -> Self {
        let script = Arc::new(Script { replies: Mutex::new(replies.into()), ..Script::default() });
        let router = Router::new()
            .route("/v1/chat/completions", post(complete))
            .route(
                "/v1/models",
                get(|| async { axum::Json(json!({ "data": [{ "id": "scripted" }, { "id": "other" }] })) }),
            )
            .with_state(Arc::clone(&script));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { base_url: format!("http://127.0.0.1:{port}/v1"), port, script }
    }

    pub fn requests(&self) -> Vec<Recorded> {
        self.script.requests.lock().unwrap().clone()
    }

    /// Waits until so many requests have come.
    pub async fn wait_for_requests(&self, count: usize) {
        super::eventually(|| async { self.requests().len() >= count }).await;
    }

    pub fn add(&self, reply: Reply) {
        self.script.replies.lock().unwrap().push_back(reply);
    }
}

impl Drop for ScriptedModel {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(*self.script.violations.lock().unwrap(), Vec::<String>::new(), "the conversation was malformed");
        }
    }
}

async fn complete(State(script): State<Arc<Script>>, headers: HeaderMap, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap();
    let authorization = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let problem = violation(&body);
    script.requests.lock().unwrap().push(Recorded { authorization, body });
    if let Some(problem) = problem {
        script.violations.lock().unwrap().push(problem.clone());
        return (StatusCode::BAD_REQUEST, axum::Json(json!({ "error": { "message": problem } }))).into_response();
    }
    let reply = script.replies.lock().unwrap().pop_front();
    match reply {
        None => (StatusCode::BAD_REQUEST, "the script has no more answers").into_response(),
        Some(Reply::Stream { text, piece }) => {
            let pieces: Vec<Result<Bytes, std::io::Error>> =
                text.as_bytes().chunks(piece).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
            events(Body::from_stream(futures_util::stream::iter(pieces)))
        }
        Some(Reply::Broken { text }) => {
            let pieces = vec![Ok(Bytes::from(text)), Err(std::io::Error::other("the cable was pulled"))];
            events(Body::from_stream(futures_util::stream::iter(pieces)))
        }
        Some(Reply::Status { status, headers, body }) => {
            let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
            for (name, value) in headers {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            response
        }
        Some(Reply::Whole(value)) => axum::Json(value).into_response(),
        Some(Reply::Silence) => {
            tokio::time::sleep(Duration::from_secs(600)).await;
            StatusCode::GATEWAY_TIMEOUT.into_response()
        }
    }
}

fn events(body: Body) -> Response {
    ([("content-type", "text/event-stream")], body).into_response()
}

/// What real servers refuse.
fn violation(body: &Value) -> Option<String> {
    let mut open: Vec<String> = Vec::new();
    for message in body["messages"].as_array()? {
        let role = message["role"].as_str().unwrap_or_default();
        if role == "tool" {
            let id = message["tool_call_id"].as_str().unwrap_or_default();
            match open.iter().position(|known| known == id) {
                Some(at) => drop(open.remove(at)),
                None => return Some(format!("orphaned tool result {id}")),
            }
            continue;
        }
        if !open.is_empty() {
            return Some(format!("tool calls without a result: {open:?}"));
        }
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            let arguments = call["function"]["arguments"].as_str().unwrap_or("missing");
            if !serde_json::from_str::<Value>(arguments).is_ok_and(|value| value.is_object()) {
                return Some(format!("broken arguments: {arguments}"));
            }
            open.push(call["id"].as_str().unwrap_or_default().to_owned());
        }
    }
    (!open.is_empty()).then(|| format!("tool calls without a result: {open:?}"))
}

fn chunk(delta: Value, finish: Option<&str>) -> String {
    let chunk = json!({ "id": "x", "model": "scripted-1", "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] });
    format!("data: {chunk}\n\n")
}

fn close(text: &mut String, finish: &str) {
    text.push_str(&chunk(json!({}), Some(finish)));
    let usage = json!({ "choices": [], "usage": { "prompt_tokens": 1000, "completion_tokens": 100 } });
    text.push_str(&format!("data: {usage}\n\ndata: [DONE]\n\n"));
}

/// An answer in words.
pub fn says(text: &str) -> Reply {
    let mut out = String::from(": keep-alive\n\n");
    for word in text.split_inclusive(' ') {
        out.push_str(&chunk(json!({ "content": word }), None));
    }
    close(&mut out, "stop");
    Reply::Stream { text: out, piece: usize::MAX }
}

/// An answer that wants tools, its arguments cut into small pieces.
pub fn calls(list: &[(&str, Value)]) -> Reply {
    let mut out = chunk(json!({ "reasoning_content": "let me see" }), None);
    for (index, (name, arguments)) in list.iter().enumerate() {
        let id = format!("call-{index}");
        out.push_str(&chunk(
            json!({ "tool_calls": [{ "index": index, "id": id, "function": { "name": name, "arguments": "" } }] }),
            None,
        ));
        let arguments = arguments.to_string();
        let chars: Vec<char> = arguments.chars().collect();
        for piece in chars.chunks(7) {
            let piece: String = piece.iter().collect();
            out.push_str(&chunk(
                json!({ "tool_calls": [{ "index": index, "function": { "arguments": piece } }] }),
                None,
            ));
        }
    }
    close(&mut out, "tool_calls");
    Reply::Stream { text: out, piece: usize::MAX }
}

/// The same answer in pieces of so many bytes.
pub fn in_pieces(reply: Reply, piece: usize) -> Reply {
    match reply {
        Reply::Stream { text, .. } => Reply::Stream { text, piece },
        other => other,
    }
}

pub fn status(status: u16, body: &str) -> Reply {
    Reply::Status { status, headers: Vec::new(), body: body.to_owned() }
}
