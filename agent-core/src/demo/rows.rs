//! Turns the stories of `samples.json` into rows, as many as asked for. No database here.

use std::collections::HashMap;

use protocol::CardState;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::kanban::{self, KanbanError};

const SAMPLES: &str = include_str!("samples.json");
const MINUTE_MS: i64 = 60_000;

/// One story: a card and what happened to it. Times are minutes.
#[derive(Debug, Deserialize)]
pub(super) struct Sample {
    title: String,
    body: String,
    state: CardState,
    assignee: Option<String>,
    priority: i32,
    /// How long ago the card was made, and entered its state.
    created: i64,
    since: i64,
    /// Until a scheduled card starts.
    starts_in: Option<i64>,
    /// The story whose card must be finished first.
    after: Option<usize>,
    ask: Option<String>,
    #[serde(default = "question")]
    kind: String,
    #[serde(default)]
    options: Vec<String>,
    #[serde(default)]
    summary: String,
    error: Option<String>,
    #[serde(default)]
    failures: u32,
    /// Author, whether a worker, text.
    comments: Vec<(String, bool, String)>,
    runs: Vec<SampleRun>,
}

#[derive(Debug, Deserialize)]
struct SampleRun {
    outcome: Option<String>,
    took: i64,
    summary: Option<String>,
    error: Option<String>,
    cost: i64,
    /// Kind, tool, text.
    activity: Vec<(String, String, String)>,
}

fn question() -> String {
    "question".to_owned()
}

/// Which stories to tell.
pub(super) struct Plan<'a> {
    /// How many were told before.
    pub(super) first: u32,
    pub(super) count: u32,
    pub(super) first_number: i64,
    pub(super) now: i64,
    pub(super) actor: &'a str,
}

/// Rows of each table, as JSON objects.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) cards: Vec<Value>,
    pub(super) links: Vec<Value>,
    pub(super) runs: Vec<Value>,
    pub(super) run_events: Vec<Value>,
    pub(super) comments: Vec<Value>,
    pub(super) decisions: Vec<Value>,
    pub(super) events: Vec<Value>,
}

pub(super) fn samples() -> Result<Vec<Sample>, KanbanError> {
    serde_json::from_str(SAMPLES).map_err(|error| {
        KanbanError::Invalid(format!("this build's sample cards are broken: {error}; please report it"))
    })
}

/// Tells the planned stories, over and over when there are more cards than stories. `ends` holds the last rank of each
/// column.
pub(super) fn stories(samples: &[Sample], plan: &Plan<'_>, mut ends: HashMap<CardState, String>) -> Batch {
    let mut batch = Batch::default();
    let mut told: Vec<String> = Vec::new();
    for index in 0..plan.count {
        let turn = (plan.first + index) as usize;
        let (round, place) = (turn / samples.len(), turn % samples.len());
        let sample = &samples[place];
        let rank = kanban::rank_between(ends.get(&sample.state).map(String::as_str), None);
        ends.insert(sample.state, rank.clone());
        let story = Story {
            sample,
            round,
            id: hex(),
            rank,
            number: plan.first_number + i64::from(index),
            now: plan.now,
            // Later rounds lie further back, so that ages differ.
            shift: i64::try_from(round % 500).unwrap_or(0) * 7 * MINUTE_MS,
        };
        // The parent was told earlier in the same round.
        if let Some(after) = sample.after
            && let Some(parent) = (index as usize + after).checked_sub(place).and_then(|at| told.get(at))
        {
            batch.links.push(json!({ "parent": parent, "child": story.id }));
        }
        told.push(story.id.clone());
        story.tell(plan.actor, &mut batch);
    }
    batch
}

struct Story<'a> {
    sample: &'a Sample,
    round: usize,
    id: String,
    rank: String,
    number: i64,
    now: i64,
    shift: i64,
}

impl Story<'_> {
    fn tell(&self, actor: &str, batch: &mut Batch) {
        let since = self.since();
        let mut current = None;
        let mut last_run = None;
        let mut cost = 0;
        let mut end = since;
        for (index, run) in self.sample.runs.iter().enumerate().rev() {
            let id = hex();
            end = self.tell_run(run, index + 1, &id, end, batch);
            cost += run.cost;
            if run.outcome.is_none() {
                current = Some(id.clone());
            }
            last_run.get_or_insert(id);
        }
        let decision = self.sample.ask.as_ref().map(|ask| {
            let id = hex();
            batch.decisions.push(json!({
                "id": id, "kind": self.sample.kind, "card": self.id, "run": last_run, "ask": ask, "at": since,
                "profile": self.sample.assignee.as_deref().unwrap_or("default"), "summary": self.sample.summary,
                "options": serde_json::json!(self.sample.options).to_string(),
            }));
            id
        });
        for (index, (author, by_worker, body)) in self.sample.comments.iter().enumerate() {
            let at = since - (self.sample.comments.len() - index) as i64 * 2 * MINUTE_MS;
            batch.comments.push(json!({
                "id": hex(), "card": self.id, "author": author, "by_worker": i64::from(*by_worker), "body": body, "at": at,
            }));
        }
        batch.events.push(json!({
            "card": self.id, "actor": actor, "at": self.now, "detail": json!({ "state": self.sample.state, "sample": true }).to_string(),
        }));
        batch.cards.push(self.card(current, decision, cost));
    }

    fn card(&self, run: Option<String>, decision: Option<String>, cost: i64) -> Value {
        let sample = self.sample;
        let title =
            if self.round == 0 { sample.title.clone() } else { format!("{} ({})", sample.title, self.round + 1) };
        let done = matches!(sample.state, CardState::Done) && !sample.summary.is_empty();
        json!({
            "id": self.id, "number": self.number, "title": title, "body": sample.body, "state": sample.state,
            "rank": self.rank, "priority": sample.priority, "assignee": sample.assignee, "by": "Ada",
            "scheduled_at": sample.starts_in.map(|minutes| self.now + minutes * MINUTE_MS),
            "failures": sample.failures, "error": sample.error, "attempts": sample.runs.len(), "run": run,
            "decision": decision, "summary": done.then_some(&sample.summary), "comments": sample.comments.len(),
            "cost": (!sample.runs.is_empty()).then_some(cost),
            "created_at": (self.now - self.shift - sample.created * MINUTE_MS).min(self.since()), "state_at": self.since(),
        })
    }

    /// Tells a run that ended at `end` (or is still under way); returns when it began.
    fn tell_run(&self, run: &SampleRun, attempt: usize, id: &str, end: i64, batch: &mut Batch) -> i64 {
        let open = run.outcome.is_none();
        let begin = if open { self.since() } else { end - run.took * MINUTE_MS };
        let step = (if open { self.now - begin } else { end - begin }) / (run.activity.len() as i64 + 2);
        let mut entries = vec![("started", "", "", begin + 900)];
        for (index, (kind, name, detail)) in run.activity.iter().enumerate() {
            entries.push((kind, name, detail, begin + (index as i64 + 1) * step));
        }
        if let Some(outcome) = &run.outcome {
            entries.push(("ended", outcome, run.error.as_deref().unwrap_or_default(), end));
        }
        for (seq, (kind, name, detail, at)) in entries.iter().enumerate() {
            let ok = i64::from(*kind != "refused" && (*kind != "ended" || run.error.is_none()));
            batch.run_events.push(
                json!({ "run": id, "seq": seq + 1, "kind": kind, "name": name, "detail": detail, "ok": ok, "at": at }),
            );
        }
        batch.runs.push(json!({
            "id": id, "card": self.id, "attempt": attempt, "profile": self.sample.assignee.as_deref().unwrap_or("default"),
            "heartbeat_at": if open { self.now } else { end }, "claimed_at": begin, "started_at": begin + 900,
            "ended_at": (!open).then_some(end), "outcome": run.outcome, "summary": run.summary, "error": run.error,
            "tokens_in": run.cost / 4, "tokens_out": run.cost / 40, "cost": run.cost, "events": entries.len(),
        }));
        begin
    }

    /// When the card entered its state. Work under way began a while ago in every round.
    fn since(&self) -> i64 {
        let shift = if self.sample.state == CardState::Running { 0 } else { self.shift };
        self.now - shift - self.sample.since * MINUTE_MS
    }
}

fn hex() -> String {
    Uuid::now_v7().simple().to_string()
}
