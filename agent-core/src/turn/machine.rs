//! The state of a run's conversation between two steps. No I/O: the driver asks what comes next, does it, and reports.
//!
//! It is stored after every step, so whatever it needs to go on in another process is in it and in the messages.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::llm::{Answer, FinishReason, Message, ToolCall};
use crate::tools::output::clip;

const NUDGE: &str = include_str!("../../prompts/nudge.md");
const LAST_TURN: &str = include_str!("../../prompts/last_turn.md");
const CONTINUE: &str = include_str!("../../prompts/continue.md");

const MAX_NUDGES: u32 = 2;
/// Answers in a row that were cut off at their longest length.
const MAX_CUT_OFF: u32 = 4;
/// The same failing call is run this often, and then answered without running it.
const MAX_SAME_FAILURES: u32 = 3;
/// The model insists on it this often, and then the run ends.
const MAX_INSISTENCE: u32 = 6;
/// Failing calls that are remembered.
const MAX_REMEMBERED: usize = 32;
const MAX_LAST_WORDS: usize = 2000;

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Ask the model.
    CallModel,
    /// Run these tools, the first one first.
    CallTools(Vec<ToolCall>),
    /// Nothing more.
    Done(End),
}

/// How a conversation ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum End {
    /// A tool handed the card over.
    HandedOver,
    /// The model stopped without handing it over.
    NoVerdict {
        /// What it said last.
        last_words: String,
    },
    /// The model repeated a failing call without end.
    GoingInCircles {
        /// The call.
        call: String,
    },
    /// All model calls are used up.
    TurnsSpent {
        /// How many there were.
        turns: u32,
    },
}

/// Whether a tool call may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Run(ToolCall),
    /// It is answered like this instead.
    Answer(ToolCall, String),
}

/// How a tool call went, as far as the conversation is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It succeeded.
    Succeeded,
    /// It failed or was refused.
    Failed,
    /// It handed the card over.
    HandedOver,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
enum Phase {
    Model,
    Tools {
        calls: Vec<ToolCall>,
        /// The first call was started, and whether it took effect is not known until it is answered.
        started: bool,
    },
    Done {
        end: End,
    },
}

/// The machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    phase: Phase,
    turns: u32,
    max_turns: u32,
    nudges: u32,
    cut_off: u32,
    calls_seen: u32,
    /// Calls that failed, by hash, and how often in a row.
    failing: Vec<(String, u32)>,
    last_words: String,
    /// Tool results before this message are shortened when the model is asked.
    pub(super) elided_before: usize,
    /// The context window as learned from refusals, in tokens.
    pub(super) window: Option<u64>,
}

impl Machine {
    /// A conversation that has not begun.
    #[must_use]
    pub fn new(max_turns: u32) -> Self {
        Self {
            phase: Phase::Model,
            turns: 0,
            max_turns: max_turns.max(1),
            nudges: 0,
            cut_off: 0,
            calls_seen: 0,
            failing: Vec::new(),
            last_words: String::new(),
            elided_before: 0,
            window: None,
        }
    }

    /// What comes next.
    #[must_use]
    pub fn next_step(&self) -> Step {
        match &self.phase {
            Phase::Model => Step::CallModel,
            Phase::Tools { calls, .. } => Step::CallTools(calls.clone()),
            Phase::Done { end } => Step::Done(end.clone()),
        }
    }

    /// The model answered. Returns the messages to append.
    pub fn model_answered(&mut self, answer: Answer) -> Vec<Message> {
        self.turns += 1;
        let calls = self.with_unique_ids(answer.tool_calls);
        let text = answer.text.trim();
        if !text.is_empty() {
            self.last_words = clip(text, MAX_LAST_WORDS);
        }
        let said =
            Message::Assistant { content: answer.text.clone(), reasoning: answer.reasoning, tool_calls: calls.clone() };
        if !calls.is_empty() {
            self.cut_off = 0;
            self.phase = Phase::Tools { calls, started: false };
            return vec![said];
        }
        let mut messages = Vec::new();
        // An empty message is refused by some servers, and says nothing.
        if !text.is_empty() {
            messages.push(said);
        }
        let cut_off = answer.finish == Some(FinishReason::Length);
        let prompt = if cut_off && self.cut_off < MAX_CUT_OFF {
            self.cut_off += 1;
            CONTINUE
        } else if !cut_off && self.nudges < MAX_NUDGES {
            self.nudges += 1;
            NUDGE
        } else {
            self.phase = Phase::Done { end: End::NoVerdict { last_words: self.last_words.clone() } };
            return messages;
        };
        messages.push(Message::User { content: prompt.trim().to_owned() });
        messages.extend(self.start_turn());
        messages
    }

    /// Whether the first pending call may run. Store the machine before running it.
    pub fn admit(&mut self) -> Option<Admission> {
        let Phase::Tools { calls, started } = &mut self.phase else { return None };
        let call = calls.first()?.clone();
        if *started {
            let text = "The worker was restarted while this was running. Whether it took effect is not known: look before \
                        you repeat it.";
            return Some(Admission::Answer(call, text.to_owned()));
        }
        *started = true;
        let signature = signature(&call);
        let times = self.failing.iter().find(|(known, _)| *known == signature).map_or(0, |(_, times)| *times);
        if times >= MAX_SAME_FAILURES {
            let text = format!(
                "This very call has failed {times} times, so it was not run again. Do something else, or call kanban_block \
                 and say what stands in the way."
            );
            return Some(Admission::Answer(call, text));
        }
        Some(Admission::Run(call))
    }

    /// The first pending call was answered. Returns the messages to append.
    pub fn tool_answered(&mut self, verdict: Verdict, text: String) -> Vec<Message> {
        let Phase::Tools { calls, .. } = &mut self.phase else { return Vec::new() };
        if calls.is_empty() {
            return Vec::new();
        }
        let mut rest = std::mem::take(calls);
        let call = rest.remove(0);
        let times = self.remember(&call, verdict);
        let mut messages = vec![Message::Tool { call_id: call.id.clone(), name: call.name.clone(), content: text }];
        let end = match verdict {
            Verdict::HandedOver => Some((End::HandedOver, "Not run: the card was handed over before.")),
            _ if times >= MAX_INSISTENCE => {
                Some((End::GoingInCircles { call: call.name }, "Not run: the run was ended."))
            }
            _ => None,
        };
        if let Some((end, note)) = end {
            // Every call must have its answer, or the conversation could not be shown to a model again.
            messages.extend(rest.into_iter().map(|call| Message::Tool {
                call_id: call.id,
                name: call.name,
                content: note.to_owned(),
            }));
            self.phase = Phase::Done { end };
        } else if rest.is_empty() {
            self.phase = Phase::Model;
            messages.extend(self.start_turn());
        } else {
            self.phase = Phase::Tools { calls: rest, started: false };
        }
        messages
    }

    /// Model calls so far.
    #[must_use]
    pub fn turns(&self) -> u32 {
        self.turns
    }

    /// Before the model is asked again: nothing more when all calls are used up, a word of warning before the last.
    fn start_turn(&mut self) -> Option<Message> {
        if self.turns >= self.max_turns {
            self.phase = Phase::Done { end: End::TurnsSpent { turns: self.turns } };
            return None;
        }
        self.phase = Phase::Model;
        let last = self.turns + 1 == self.max_turns;
        last.then(|| Message::User { content: LAST_TURN.trim().to_owned() })
    }

    /// Counts failures of the same call; success forgets them.
    fn remember(&mut self, call: &ToolCall, verdict: Verdict) -> u32 {
        let signature = signature(call);
        let at = self.failing.iter().position(|(known, _)| *known == signature);
        if verdict != Verdict::Failed {
            if let Some(at) = at {
                self.failing.remove(at);
            }
            return 0;
        }
        let times = at.map_or(0, |at| self.failing.remove(at).1) + 1;
        self.failing.push((signature, times));
        if self.failing.len() > MAX_REMEMBERED {
            self.failing.remove(0);
        }
        times
    }

    /// Servers leave ids out or repeat them; answers find their call by them, so they must be unique.
    fn with_unique_ids(&mut self, calls: Vec<ToolCall>) -> Vec<ToolCall> {
        let mut seen: Vec<String> = Vec::new();
        let mut unique = Vec::new();
        for mut call in calls {
            self.calls_seen += 1;
            if call.name.is_empty() {
                "unnamed".clone_into(&mut call.name);
            }
            if call.id.is_empty() || call.id.len() > 128 || seen.contains(&call.id) {
                call.id = format!("call_{}", self.calls_seen);
            }
            seen.push(call.id.clone());
            unique.push(call);
        }
        unique
    }
}

/// The same call written a little differently is still the same.
fn signature(call: &ToolCall) -> String {
    let arguments = serde_json::from_str::<serde_json::Value>(&call.arguments)
        .map_or_else(|_not_json| call.arguments.trim().to_owned(), |value| value.to_string());
    let hash = Sha256::digest(format!("{}\n{arguments}", call.name).as_bytes());
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
