//! What travels between us and a model, free of any wire format. Also the form in which conversations are kept.

use std::pin::Pin;

use futures_util::Stream;
use serde::{Deserialize, Serialize};

use super::CallError;

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message {
    /// Who the model is and what it may do.
    System {
        /// Text.
        content: String,
    },
    /// What it is asked.
    User {
        /// Text.
        content: String,
    },
    /// What it said.
    Assistant {
        /// Text.
        content: String,
        /// Its reasoning, when the provider shows it.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reasoning: String,
        /// Tools it wants to use.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<ToolCall>,
    },
    /// What a tool answered.
    Tool {
        /// The call it answers.
        call_id: String,
        /// The tool.
        name: String,
        /// Text.
        content: String,
    },
}

impl Message {
    /// The word in the database's `role` column.
    #[must_use]
    pub fn role(&self) -> &'static str {
        match self {
            Self::System { .. } => "system",
            Self::User { .. } => "user",
            Self::Assistant { .. } => "assistant",
            Self::Tool { .. } => "tool",
        }
    }
}

/// A tool call of the model. The arguments are kept as written: they may be broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Unique within the conversation.
    pub id: String,
    /// Tool.
    pub name: String,
    /// JSON text.
    pub arguments: String,
}

/// A tool as the model sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolSpec {
    /// Name.
    pub name: &'static str,
    /// What it does and when to use it.
    pub description: &'static str,
    /// JSON schema of its arguments.
    pub parameters: serde_json::Value,
}

/// One call of a model.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The conversation.
    pub messages: &'a [Message],
    /// Tools it may use.
    pub tools: &'a [ToolSpec],
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delta {
    /// The model's name as the server reports it.
    Model(String),
    /// Text.
    Text(String),
    /// Reasoning.
    Thinking(String),
    /// A piece of a tool call.
    ToolCall(ToolCallDelta),
    /// Tokens used; comes at most once, near the end, and not from every server.
    Usage(TokenUsage),
    /// Why the answer ended.
    Finish(FinishReason),
}

/// A piece of a tool call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolCallDelta {
    /// Which call of this answer; some servers leave it out.
    pub index: Option<u32>,
    /// Id, with the first piece.
    pub id: Option<String>,
    /// Tool, with the first piece.
    pub name: Option<String>,
    /// More of the arguments.
    pub arguments: String,
}

/// Tokens of one call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUsage {
    /// Prompt.
    pub input: u64,
    /// Answer.
    pub output: u64,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// It is complete.
    Stop,
    /// It wants tools to run.
    ToolCalls,
    /// It reached the longest answer.
    Length,
    /// The provider withheld it.
    Filtered,
}

/// What a provider can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Context window in tokens.
    pub context_tokens: u32,
    /// Whether earlier reasoning must be sent back.
    pub echo_reasoning: bool,
}

/// The pieces of an answer, in order. Dropping it cancels the call.
pub type DeltaStream = Pin<Box<dyn Stream<Item = Result<Delta, CallError>> + Send>>;

/// A model behind some wire format.
#[async_trait::async_trait]
pub trait Provider: Send + Sync {
    /// Starts an answer. Dropping the future or the stream cancels the call.
    async fn stream(&self, request: Request<'_>) -> Result<DeltaStream, CallError>;
    /// What it can do.
    fn capabilities(&self) -> Capabilities;
}
