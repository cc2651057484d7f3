//! Keeps a conversation within the model's window: old tool results are shortened in what is sent, never in what is
//! kept. Calls and answers stay in pairs.

use crate::llm::{Message, ToolCall, ToolSpec};

use super::machine::Machine;

/// When the conversation fills more of the window than this, it is shortened …
const FULL_PERCENT: u64 = 75;
/// … to this, so that the next steps change nothing and the provider's cache stays warm.
const TARGET_PERCENT: u64 = 55;
/// Tokens left for the answer.
const MAX_RESERVE: u64 = 8_192;
/// Messages at the end that are never shortened.
const KEPT_WHOLE: usize = 4;
/// Shorter ones are not worth it.
const MIN_ELIDED_BYTES: usize = 300;

/// The conversation does not fit even when shortened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

/// The messages as the model shall see them. Moves the machine's mark when more must be shortened.
pub(super) fn fit(
    machine: &mut Machine,
    messages: &[Message],
    tools: &[ToolSpec],
    context_tokens: u32,
) -> Result<Vec<Message>, TooLong> {
    let window = machine.window.unwrap_or(u64::from(context_tokens)).max(1_024);
    let room = window - (window / 4).min(MAX_RESERVE);
    let overhead: u64 =
        tools.iter().map(|tool| tokens(tool.description) + tokens(&tool.parameters.to_string()) + 20).sum();
    let limit = |percent: u64| (room * percent / 100).saturating_sub(overhead);
    let mut view: Vec<Message> =
        messages.iter().enumerate().map(|(at, message)| shown(message, at < machine.elided_before)).collect();
    let mut total: u64 = view.iter().map(estimate).sum();
    if total > limit(FULL_PERCENT) {
        let last = messages.len().saturating_sub(KEPT_WHOLE);
        while total > limit(TARGET_PERCENT) && machine.elided_before < last {
            if let (Some(message), Some(slot)) =
                (messages.get(machine.elided_before), view.get_mut(machine.elided_before))
            {
                total = total.saturating_sub(estimate(slot));
                *slot = shown(message, true);
                total += estimate(slot);
            }
            machine.elided_before += 1;
        }
    }
    // Estimates are rough: only what is clearly too long is given up, the provider has the last word.
    if total > limit(100) * 3 / 2 { Err(TooLong) } else { Ok(view) }
}

/// The provider says it was too long: from now on the window counts as smaller. False when that no longer helps.
pub(super) fn shrink(machine: &mut Machine, messages: &[Message], context_tokens: u32) -> bool {
    let window = machine.window.unwrap_or(u64::from(context_tokens));
    let sent: u64 = messages.iter().map(estimate).sum();
    let smaller = window.min(sent) * 6 / 10;
    machine.window = Some(smaller);
    smaller >= 2_000 && machine.elided_before + KEPT_WHOLE < messages.len()
}

fn shown(message: &Message, elided: bool) -> Message {
    match message {
        Message::Tool { call_id, name, content } if elided && content.len() > MIN_ELIDED_BYTES => Message::Tool {
            call_id: call_id.clone(),
            name: name.clone(),
            content: format!(
                "[an older answer of {name}, {} bytes, left out to save room; run it again if needed]",
                content.len()
            ),
        },
        Message::Assistant { content, tool_calls, .. } if elided => Message::Assistant {
            content: content.clone(),
            reasoning: String::new(),
            tool_calls: tool_calls.iter().map(short_call).collect(),
        },
        other => other.clone(),
    }
}

fn short_call(call: &ToolCall) -> ToolCall {
    let arguments = if call.arguments.len() > MIN_ELIDED_BYTES {
        let start: String = call.arguments.chars().take(120).collect();
        serde_json::json!({ "left_out": format!("{start}… ({} bytes)", call.arguments.len()) }).to_string()
    } else {
        call.arguments.clone()
    };
    ToolCall { arguments, ..call.clone() }
}

fn estimate(message: &Message) -> u64 {
    8 + match message {
        Message::System { content } | Message::User { content } | Message::Tool { content, .. } => tokens(content),
        Message::Assistant { content, reasoning, tool_calls } => {
            let calls: u64 = tool_calls.iter().map(|call| 12 + tokens(&call.arguments)).sum();
            tokens(content) + tokens(reasoning) + calls
        }
    }
}

/// About four letters to a token; other scripts need about one token per character.
fn tokens(text: &str) -> u64 {
    let other = text.chars().filter(|c| !c.is_ascii()).count();
    let ascii = text.bytes().filter(u8::is_ascii).count();
    (ascii / 4 + other + 1) as u64
}

#[cfg(test)]
mod tests {
    use super::{fit, shrink};
    use crate::llm::{Message, ToolCall};
    use crate::turn::machine::Machine;

    fn conversation(rounds: usize) -> Vec<Message> {
        let mut messages = vec![Message::System { content: "who".into() }, Message::User { content: "what".into() }];
        for round in 0..rounds {
            let call = ToolCall {
                id: format!("c{round}"),
                name: "terminal".into(),
                arguments: "{\"x\":\"".to_owned() + &"a".repeat(400) + "\"}",
            };
            messages.push(Message::Assistant {
                content: String::new(),
                reasoning: String::new(),
                tool_calls: vec![call],
            });
            messages.push(Message::Tool {
                call_id: format!("c{round}"),
                name: "terminal".into(),
                content: "y".repeat(8_000),
            });
        }
        messages
    }

    #[test]
    fn old_results_are_left_out_and_pairs_stay_whole() {
        let messages = conversation(40);
        let mut machine = Machine::new(60);
        let view = fit(&mut machine, &messages, &[], 40_000).unwrap();
        assert_eq!(view.len(), messages.len());
        for (kept, shown) in messages.iter().zip(&view) {
            match (kept, shown) {
                (Message::Tool { call_id: a, .. }, Message::Tool { call_id: b, .. }) => assert_eq!(a, b),
                (Message::Assistant { tool_calls: a, .. }, Message::Assistant { tool_calls: b, .. }) => {
                    assert_eq!(a[0].id, b[0].id);
                    serde_json::from_str::<serde_json::Value>(&b[0].arguments).unwrap();
                }
                (a, b) => assert_eq!(a, b),
            }
        }
        assert_eq!(view.last(), messages.last(), "the newest results are whole");
        let mark = machine.elided_before;
        assert!(mark > 0);
        fit(&mut machine, &messages, &[], 40_000).unwrap();
        assert_eq!(machine.elided_before, mark, "asking again changes nothing");
    }

    #[test]
    fn a_short_conversation_is_left_alone() {
        let messages = conversation(3);
        let mut machine = Machine::new(60);
        assert_eq!(fit(&mut machine, &messages, &[], 128_000).unwrap(), messages);
    }

    #[test]
    fn what_cannot_fit_is_given_up_and_refusals_shrink_the_window() {
        let mut messages = conversation(0);
        messages.push(Message::User { content: "z".repeat(200_000) });
        assert!(fit(&mut Machine::new(60), &messages, &[], 8_000).is_err());

        let messages = conversation(40);
        let mut machine = Machine::new(60);
        let mut refusals = 0;
        while shrink(&mut machine, &messages, 128_000) {
            refusals += 1;
            if fit(&mut machine, &messages, &[], 128_000).is_err() {
                break;
            }
            assert!(refusals < 20);
        }
        assert!(refusals >= 2);
    }
}
