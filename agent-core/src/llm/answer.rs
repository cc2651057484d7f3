//! Puts the pieces of an answer together again, within bounds.

use serde::{Deserialize, Serialize};

use super::{CallError, Delta, FailureKind, FinishReason, TokenUsage, ToolCall, ToolCallDelta};

/// Longest answer: text, reasoning and arguments together.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;
/// Most tool calls of one answer.
const MAX_TOOL_CALLS: usize = 64;

/// A whole answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Text.
    pub text: String,
    /// Reasoning.
    pub reasoning: String,
    /// Tool calls. Ids may be empty or repeated: servers differ.
    pub tool_calls: Vec<ToolCall>,
    /// Tokens, when the server told.
    pub usage: Option<TokenUsage>,
    /// Why it ended, when the server told.
    pub finish: Option<FinishReason>,
}

/// Collects an answer.
#[derive(Debug, Default)]
pub struct AnswerBuilder {
    answer: Answer,
    /// The server's index of each call, for pieces that come interleaved.
    indexes: Vec<Option<u32>>,
    bytes: usize,
}

impl AnswerBuilder {
    /// Adds a piece.
    ///
    /// # Errors
    /// When the answer is longer than anything sensible.
    pub fn push(&mut self, delta: &Delta) -> Result<(), CallError> {
        match delta {
            Delta::Model(_) => {}
            Delta::Text(text) => {
                self.grow(text.len())?;
                self.answer.text.push_str(text);
            }
            Delta::Thinking(text) => {
                self.grow(text.len())?;
                self.answer.reasoning.push_str(text);
            }
            Delta::ToolCall(piece) => {
                self.grow(piece.arguments.len())?;
                self.push_call(piece)?;
            }
            Delta::Usage(usage) => self.answer.usage = Some(*usage),
            Delta::Finish(reason) => self.answer.finish = Some(*reason),
        }
        Ok(())
    }

    /// The answer so far.
    #[must_use]
    pub fn finish(self) -> Answer {
        self.answer
    }

    fn grow(&mut self, by: usize) -> Result<(), CallError> {
        self.bytes += by;
        if self.bytes > MAX_ANSWER_BYTES {
            return Err(too_large("the model's answer grew beyond 4 MB and was cut off"));
        }
        Ok(())
    }

    fn push_call(&mut self, piece: &ToolCallDelta) -> Result<(), CallError> {
        let at = match self.position(piece) {
            Some(at) => at,
            None if self.indexes.len() == MAX_TOOL_CALLS => {
                return Err(too_large("the model asked for more than 64 tools at once"));
            }
            None => {
                self.indexes.push(piece.index);
                let call = ToolCall { id: String::new(), name: String::new(), arguments: String::new() };
                self.answer.tool_calls.push(call);
                self.answer.tool_calls.len() - 1
            }
        };
        if let Some(call) = self.answer.tool_calls.get_mut(at) {
            if let Some(id) = piece.id.as_deref().filter(|id| !id.is_empty()) {
                call.id = id.to_owned();
            }
            // Servers send the name once, or again with every piece; it never grows.
            if let Some(name) = piece.name.as_deref().filter(|name| !name.is_empty()) {
                call.name = name.to_owned();
            }
            call.arguments.push_str(&piece.arguments);
        }
        Ok(())
    }

    /// Which call a piece belongs to. A new id together with a name starts a new call even when a server gives every
    /// call the index 0.
    fn position(&self, piece: &ToolCallDelta) -> Option<usize> {
        let at = match piece.index {
            Some(index) => self.indexes.iter().rposition(|known| *known == Some(index))?,
            None => self.indexes.len().checked_sub(1)?,
        };
        let known = self.answer.tool_calls.get(at)?;
        let new_id = piece.id.as_deref().is_some_and(|id| !id.is_empty() && !known.id.is_empty() && id != known.id);
        let named = piece.name.as_deref().is_some_and(|name| !name.is_empty());
        let whole_again = piece.index.is_none() && named && !known.name.is_empty();
        (!((new_id && named) || whole_again)).then_some(at)
    }
}

fn too_large(message: &str) -> CallError {
    CallError::new(FailureKind::TooLarge, message)
}

#[cfg(test)]
mod tests {
    use super::{AnswerBuilder, Delta, ToolCallDelta};
    use crate::llm::ToolCall;

    fn piece(index: Option<u32>, id: &str, name: &str, arguments: &str) -> Delta {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Delta::ToolCall(ToolCallDelta { index, id: some(id), name: some(name), arguments: arguments.to_owned() })
    }

    fn collect(pieces: &[Delta]) -> Vec<(String, String, String)> {
        let mut builder = AnswerBuilder::default();
        for piece in pieces {
            builder.push(piece).unwrap();
        }
        let calls = builder.finish().tool_calls.into_iter();
        calls.map(|ToolCall { id, name, arguments }| (id, name, arguments)).collect()
    }

    fn call(id: &str, name: &str, arguments: &str) -> (String, String, String) {
        (id.to_owned(), name.to_owned(), arguments.to_owned())
    }

    #[test]
    fn interleaved_pieces_find_their_call() {
        let calls = collect(&[
            piece(Some(0), "a", "read_file", ""),
            piece(Some(1), "b", "terminal", "{\"c"),
            piece(Some(0), "", "", "{\"path\":"),
            piece(Some(1), "", "", "ommand\":1}"),
            piece(Some(0), "", "", "\"x\"}"),
        ]);
        assert_eq!(calls, [call("a", "read_file", "{\"path\":\"x\"}"), call("b", "terminal", "{\"command\":1}")]);
    }

    #[test]
    fn servers_without_or_with_constant_indexes_are_understood() {
        let expected = [call("a", "one", "{}"), call("b", "two", "{}")];
        assert_eq!(collect(&[piece(None, "a", "one", "{}"), piece(None, "b", "two", "{}")]), expected);
        assert_eq!(collect(&[piece(Some(0), "a", "one", "{}"), piece(Some(0), "b", "two", "{}")]), expected);
        let nameless = collect(&[piece(None, "", "one", "{}"), piece(None, "", "two", "{}")]);
        assert_eq!(nameless, [call("", "one", "{}"), call("", "two", "{}")]);
        let repeated = collect(&[piece(Some(0), "a", "one", "{"), piece(Some(0), "a", "one", "}")]);
        assert_eq!(repeated, [call("a", "one", "{}")]);
    }

    #[test]
    fn an_endless_answer_is_cut_off() {
        let mut builder = AnswerBuilder::default();
        let megabyte = Delta::Text("x".repeat(1024 * 1024));
        let taken = (0..10).take_while(|_| builder.push(&megabyte).is_ok()).count();
        assert_eq!(taken, 4);
    }
}
