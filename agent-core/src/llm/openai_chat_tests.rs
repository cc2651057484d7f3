//! Differences between servers, one chunk at a time. Whole conversations over HTTP are in `tests/it`.

use serde_json::json;

use super::{Delta, FailureKind, FinishReason, Message, TokenUsage, ToolCallDelta, parse_chunk, wire_message};
use crate::llm::ToolCall;

#[test]
fn chunks_of_many_servers_are_understood() {
    let text = |text: &str| Delta::Text(text.to_owned());
    let thinking = |text: &str| Delta::Thinking(text.to_owned());
    let cases = [
        (r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#, vec![]),
        (r#"{"choices":[{"delta":{"content":"hi"},"finish_reason":null}]}"#, vec![text("hi")]),
        (r#"{"choices":[{"delta":{"content":null,"reasoning_content":"hm"}}]}"#, vec![thinking("hm")]),
        (r#"{"choices":[{"delta":{"reasoning":"hm"}}]}"#, vec![thinking("hm")]),
        (r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#, vec![Delta::Finish(FinishReason::Stop)]),
        (r#"{"choices":[{"delta":null,"finish_reason":"length"}]}"#, vec![Delta::Finish(FinishReason::Length)]),
        (
            r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}"#,
            vec![Delta::Usage(TokenUsage { input: 7, output: 3 })],
        ),
        (r#"{"choices":null,"usage":null}"#, vec![]),
        (
            r#"{"model":"m","choices":[{"message":{"content":"whole"},"finish_reason":"stop"}]}"#,
            vec![Delta::Model("m".into()), text("whole"), Delta::Finish(FinishReason::Stop)],
        ),
        (
            r#"{"choices":[{"delta":{"content":[{"type":"thinking","thinking":[{"text":"t"}]},{"type":"text","text":"x"}]}}]}"#,
            vec![thinking("t"), text("x")],
        ),
        (
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":{"a":1}}}]}}]}"#,
            vec![Delta::ToolCall(ToolCallDelta {
                index: Some(0),
                id: Some("c".into()),
                name: Some("f".into()),
                arguments: "{\"a\":1}".into(),
            })],
        ),
    ];
    for (chunk, expected) in cases {
        assert_eq!(parse_chunk(chunk).unwrap(), expected, "{chunk}");
    }
}

#[test]
fn errors_inside_a_stream_are_errors() {
    let cases = [
        (r#"{"error":{"message":"Overloaded","type":"overloaded_error"}}"#, FailureKind::Overloaded, "Overloaded"),
        (
            r#"{"error":{"message":"Rate limit reached","code":429}}"#,
            FailureKind::RateLimited,
            "HTTP 429: Rate limit reached",
        ),
        (r#"{"error":"model requires more memory"}"#, FailureKind::Refused, "model requires more memory"),
    ];
    for (chunk, kind, message) in cases {
        let error = parse_chunk(chunk).unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (kind, message));
    }
    assert_eq!(parse_chunk("<html>").unwrap_err().kind, FailureKind::Broken);
}

#[test]
fn broken_arguments_are_never_sent_back() {
    let call = |arguments: &str| ToolCall { id: "c".into(), name: "f".into(), arguments: arguments.into() };
    for (arguments, sent) in [("{\"a\":1}", "{\"a\":1}"), ("", "{}"), ("{\"a\":", "{\"unreadable\":\"{\\\"a\\\":\"}")] {
        let message =
            Message::Assistant { content: String::new(), reasoning: "r".into(), tool_calls: vec![call(arguments)] };
        let wire = wire_message(&message, false);
        assert_eq!(wire["tool_calls"][0]["function"]["arguments"], json!(sent));
        assert_eq!(wire.get("reasoning_content"), None);
        assert_eq!(wire_message(&message, true)["reasoning_content"], json!("r"));
    }
}
