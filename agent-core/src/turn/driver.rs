//! Runs the machine: asks the model, runs the tools, shows what happens, stores every step before the next.

use std::time::Duration;

use futures_util::StreamExt;
use protocol::{RunEventKind, RunOutcome, SessionId};

use super::machine::{Admission, End, Machine, Step, Verdict};
use super::{ConversationError, budget, store};
use crate::kanban::KanbanError;
use crate::kanban::worker::{self, Usage};
use crate::llm::{
    Answer, AnswerBuilder, CallError, Delta, FailureKind, Message, Provider, Request, ToolCall, ToolSpec,
};
use crate::text::LAST_WORDS;
use crate::tools::output::clip;
use crate::tools::{ToolContext, ToolOutcome, ToolSet, ToolStatus};
use crate::worker::StopReason;

/// Times one model call is tried.
const MAX_TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// A provider that asks for a longer pause gets it without a worker waiting in a slot.
const LONGEST_PAUSE_MS: i64 = 20_000;
/// A tool's arguments and results in the activity.
const MAX_SHOWN_BYTES: usize = 2 * 1024;

/// How a run of the driver ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnEnd {
    /// A tool handed the card over; the run is closed already.
    HandedOver,
    /// It must be reported as failed.
    Failed {
        /// Kind.
        outcome: RunOutcome,
        /// What people read.
        error: String,
        /// When to try again.
        retry_after_ms: Option<i64>,
    },
    /// The run was stopped.
    Stopped(StopReason),
}

/// A conversation with a model about a card.
pub struct Driver<'a> {
    /// Where tools work.
    pub cx: &'a ToolContext,
    /// The conversation.
    pub session: SessionId,
    /// The model.
    pub provider: &'a dyn Provider,
    /// Its tools.
    pub tools: &'a ToolSet,
    /// Model calls allowed.
    pub max_turns: u32,
}

impl Driver<'_> {
    /// Runs from where the conversation stands to its end. `opening` begins one that has not begun.
    ///
    /// # Errors
    /// When the conversation cannot be stored or read.
    pub async fn run(&self, opening: Vec<Message>) -> Result<TurnEnd, ConversationError> {
        let specs = self.tools.specs();
        let (mut machine, mut messages) = match store::load(&self.cx.core, self.session).await? {
            Some(stored) => {
                self.note("The worker was restarted and goes on where it stopped.").await;
                stored
            }
            None => {
                let machine = Machine::new(self.max_turns);
                store::save(&self.cx.core, self.session, &machine, 0, &opening).await?;
                (machine, opening)
            }
        };
        loop {
            // What is finished is finished, even if the run is being stopped meanwhile.
            let fresh = match (machine.next_step(), self.cx.control.reason()) {
                (Step::Done(end), _) => return Ok(ended(end)),
                (_, Some(reason)) => return Ok(TurnEnd::Stopped(reason)),
                (Step::CallModel, None) => match self.call_model(&mut machine, &messages, &specs).await {
                    Ok(answer) => machine.model_answered(answer),
                    Err(end) => return Ok(end),
                },
                (Step::CallTools(_), None) => match self.call_tool(&mut machine, messages.len()).await? {
                    Some(fresh) => fresh,
                    None => continue,
                },
            };
            store::save(&self.cx.core, self.session, &machine, messages.len(), &fresh).await?;
            messages.extend(fresh);
        }
    }

    async fn note(&self, text: &str) {
        self.cx.activity.event(RunEventKind::Note, "", text, true).await;
    }

    async fn call_model(
        &self,
        machine: &mut Machine,
        messages: &[Message],
        specs: &[ToolSpec],
    ) -> Result<Answer, TurnEnd> {
        // Before the call and not after it: what the model last asked for, for instance to finish, is still done.
        match worker::spent_budget(&self.cx.core, self.cx.ticket).await {
            Ok(None) | Err(KanbanError::Fenced(_)) => {}
            Ok(Some(spent)) => return Err(over_budget(&spent)),
            Err(error) => tracing::error!(%error, "the card's budget cannot be read"),
        }
        let mut tries = 0;
        loop {
            let window = self.provider.capabilities().context_tokens;
            let Ok(view) = budget::fit(machine, messages, specs, window) else { return Err(too_long()) };
            let asked = tokio::select! {
                biased;
                () = self.cx.control.stopped() => return Err(self.stopped()),
                asked = self.ask(Request { messages: &view, tools: specs }) => asked,
            };
            let error = match asked {
                Ok(answer) => {
                    self.account(&answer).await;
                    return Ok(answer);
                }
                Err(error) => error,
            };
            tries += 1;
            if error.kind == FailureKind::ContextTooLong {
                if tries < MAX_TRIES && budget::shrink(machine, messages, window) {
                    self.note("The conversation was longer than the model can read; older results are left out.").await;
                    continue;
                }
                return Err(too_long());
            }
            let Some(pause) = pause_before_retry(&error, tries) else { return Err(failed(&error)) };
            self.note(&format!("{}; trying again in {:.0} s", error.message, pause.as_secs_f64().ceil())).await;
            tokio::select! {
                () = self.cx.control.stopped() => return Err(self.stopped()),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn stopped(&self) -> TurnEnd {
        TurnEnd::Stopped(self.cx.control.reason().unwrap_or(StopReason::Asked))
    }

    /// One answer, shown while it comes.
    async fn ask(&self, request: Request<'_>) -> Result<Answer, CallError> {
        let mut stream = self.provider.stream(request).await?;
        let mut builder = AnswerBuilder::default();
        while let Some(delta) = stream.next().await {
            let delta = delta?;
            builder.push(&delta)?;
            match &delta {
                Delta::Text(text) => self.cx.activity.piece(RunEventKind::Text, "", text).await,
                Delta::Thinking(text) => self.cx.activity.piece(RunEventKind::Thinking, "", text).await,
                _ => {}
            }
        }
        Ok(builder.finish())
    }

    async fn account(&self, answer: &Answer) {
        let Some(usage) = answer.usage else { return };
        let usage = Usage::of(usage, &self.cx.core.config().model);
        match worker::add_usage(&self.cx.core, self.cx.ticket, usage).await {
            Ok(()) => {}
            Err(KanbanError::Fenced(why)) => self.cx.control.stop(StopReason::Fenced(why)),
            Err(error) => tracing::error!(%error, "the use of the model cannot be recorded"),
        }
    }

    async fn call_tool(&self, machine: &mut Machine, stored: usize) -> Result<Option<Vec<Message>>, ConversationError> {
        let (call, outcome) = match machine.admit() {
            None => return Ok(None),
            Some(Admission::Answer(call, text)) => {
                self.show_call(&call).await;
                (call, ToolOutcome::failed(text))
            }
            Some(Admission::Run(call)) => {
                // Stored before it runs: after a crash it must not run twice.
                store::save(&self.cx.core, self.session, machine, stored, &[]).await?;
                self.show_call(&call).await;
                let outcome = self.tools.run(self.cx, &call.name, &call.arguments).await;
                (call, outcome)
            }
        };
        self.show_result(&call, &outcome).await;
        let verdict = match outcome.status {
            ToolStatus::Done => Verdict::Succeeded,
            ToolStatus::Failed | ToolStatus::Refused => Verdict::Failed,
            ToolStatus::HandedOver => Verdict::HandedOver,
        };
        Ok(Some(machine.tool_answered(verdict, outcome.text)))
    }

    async fn show_call(&self, call: &ToolCall) {
        let shown = serde_json::from_str::<serde_json::Value>(&call.arguments).ok();
        let command = shown.as_ref().and_then(|arguments| match call.name.as_str() {
            "terminal" => arguments.get("command"),
            "read_file" | "write_file" => arguments.get("path"),
            _ => None,
        });
        let detail = command.and_then(|text| text.as_str()).unwrap_or(&call.arguments);
        self.cx.activity.event(RunEventKind::ToolCall, &call.name, clip(detail, MAX_SHOWN_BYTES), true).await;
    }

    async fn show_result(&self, call: &ToolCall, outcome: &ToolOutcome) {
        let detail = outcome.shown.as_deref().unwrap_or(&outcome.text);
        let (kind, ok) = match outcome.status {
            ToolStatus::Refused => (RunEventKind::Refused, false),
            // The card's own entry follows; nothing may be written to a run that is closed.
            ToolStatus::HandedOver => return,
            status => (RunEventKind::ToolResult, status == ToolStatus::Done),
        };
        self.cx.activity.event(kind, &call.name, clip(detail, MAX_SHOWN_BYTES), ok).await;
    }
}

fn too_long() -> TurnEnd {
    TurnEnd::Failed {
        outcome: RunOutcome::Budget,
        error:
            "the conversation is longer than the model can read, even without its older results; split the card, or \
                choose a model with a larger window"
                .to_owned(),
        retry_after_ms: None,
    }
}

fn over_budget(spent: &str) -> TurnEnd {
    TurnEnd::Failed {
        outcome: RunOutcome::Budget,
        error: format!("{spent}; raise the budget or split the card"),
        retry_after_ms: None,
    }
}

/// How long to wait before the same call, or nothing when trying again here makes no sense.
fn pause_before_retry(error: &CallError, tries: u32) -> Option<Duration> {
    if !error.is_passing() || tries >= MAX_TRIES {
        return None;
    }
    match error.retry_after_ms {
        Some(wait) if wait > LONGEST_PAUSE_MS => None,
        Some(wait) => Some(Duration::from_millis(u64::try_from(wait).unwrap_or(0))),
        None => Some(FIRST_PAUSE * 2_u32.pow(tries.saturating_sub(1))),
    }
}

fn failed(error: &CallError) -> TurnEnd {
    let outcome = if error.kind == FailureKind::RateLimited { RunOutcome::RateLimited } else { RunOutcome::Crashed };
    TurnEnd::Failed {
        outcome,
        error: format!("the model could not be asked: {}. {}", error.message.trim_end_matches('.'), error.hint()),
        retry_after_ms: error.retry_after_ms,
    }
}

fn ended(end: End) -> TurnEnd {
    let (outcome, error) = match end {
        End::HandedOver => return TurnEnd::HandedOver,
        End::NoVerdict { last_words } if last_words.is_empty() => (
            RunOutcome::ProtocolViolation,
            "the agent stopped without a word, and neither finished the card nor asked anything".to_owned(),
        ),
        End::NoVerdict { last_words } => (
            RunOutcome::ProtocolViolation,
            format!("the agent stopped and neither finished the card nor asked anything{LAST_WORDS} {last_words}"),
        ),
        End::GoingInCircles { call } => (
            RunOutcome::ProtocolViolation,
            format!("the agent repeated a failing call of {call} without end; its activity shows why it fails"),
        ),
        End::TurnsSpent { turns } => (
            RunOutcome::Budget,
            format!(
                "the run used all of its {turns} model calls without finishing; split the card or raise kanban.max_turns"
            ),
        ),
    };
    TurnEnd::Failed { outcome, error, retry_after_ms: None }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::pause_before_retry;
    use crate::llm::{CallError, FailureKind};

    #[test]
    fn pauses_grow_follow_the_provider_and_end() {
        let error = |kind, retry_after_ms| CallError { retry_after_ms, ..CallError::new(kind, "x") };
        let cases = [
            (FailureKind::Overloaded, None, 1, Some(1_000)),
            (FailureKind::Overloaded, None, 3, Some(4_000)),
            (FailureKind::Overloaded, None, 4, None),
            (FailureKind::RateLimited, Some(0), 1, Some(0)),
            (FailureKind::RateLimited, Some(5_000), 1, Some(5_000)),
            (FailureKind::RateLimited, Some(60_000), 1, None),
            (FailureKind::Unreachable, None, 1, Some(1_000)),
            (FailureKind::Unauthorized, None, 1, None),
            (FailureKind::ModelNotFound, Some(1), 1, None),
        ];
        for (kind, wait, tries, expected) in cases {
            let pause = pause_before_retry(&error(kind, wait), tries);
            assert_eq!(pause, expected.map(Duration::from_millis), "{kind:?} {wait:?} {tries}");
        }
    }
}
