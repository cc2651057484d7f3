//! The live stream: one connection per tab that says what changed. It carries nothing that is not in the database, so a
//! lost connection loses nothing: the next one goes on after the last sequence number.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agent_core::accounts;
use agent_core::decisions::{self, OpenMark};
use agent_core::kanban::{self, KanbanError};
use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::{HeaderMap, HeaderName, StatusCode};
use protocol::{BoardDelta, BoardId, CardId, CardState, ErrorCode, RunDelta, RunId, Slots, StreamMessage, UserId};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tower_sessions::Session;

use crate::guard::SignedIn;
use crate::reply::{Asked, fault, problem};
use crate::router::AppState;

const MAX_PER_USER: usize = 10;
/// Boards whose latest delta is kept.
const MAX_BOARDS: usize = 32;
const PING: Duration = Duration::from_secs(15);
const RECHECK: Duration = Duration::from_secs(60);
/// Commits come in bursts; one look serves them all.
const COALESCE: Duration = Duration::from_millis(20);
/// How soon a browser connects again.
const RETRY: Duration = Duration::from_secs(2);

/// A board's latest delta: after which number, up to which, and what.
type Cached = (i64, i64, Option<Arc<BoardDelta>>);

/// What the streams of this server share.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    open: Arc<Mutex<HashMap<UserId, usize>>>,
    deltas: tokio::sync::Mutex<HashMap<BoardId, Cached>>,
}

/// Counts one open stream of a person; dropped with it.
#[derive(Debug)]
struct Slot {
    open: Arc<Mutex<HashMap<UserId, usize>>>,
    user: UserId,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.user);
            }
        }
    }
}

impl Streams {
    fn take(&self, user: UserId) -> Option<Slot> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(user).or_insert(0);
        if *count >= MAX_PER_USER {
            return None;
        }
        *count += 1;
        Some(Slot { open: Arc::clone(&self.open), user })
    }

    /// The delta from `after` to at least `upto`. Tabs on the same board wake together and read it once.
    async fn delta(
        &self,
        state: &AppState,
        board: BoardId,
        after: i64,
        upto: i64,
    ) -> Result<Option<Arc<BoardDelta>>, KanbanError> {
        let mut deltas = self.deltas.lock().await;
        if let Some((from, to, delta)) = deltas.get(&board)
            && (*from, *to) == (after, upto)
        {
            return Ok(delta.clone());
        }
        let delta = kanban::board_delta(state.core(), board, after).await?.map(Arc::new);
        // Boards are named by clients, so their number is not ours to trust.
        if deltas.len() >= MAX_BOARDS {
            deltas.clear();
        }
        deltas.insert(board, (after, upto, delta.clone()));
        Ok(delta)
    }
}

/// What the tab shows.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Watch {
    board: Option<BoardId>,
    card: Option<CardId>,
    run: Option<RunId>,
    after: Option<i64>,
    /// Last entry of the run the tab has.
    run_after: Option<i64>,
}

/// Where a stream stands; as an event's id `seq`, or `seq.run` while it follows a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position {
    seq: i64,
    run: i64,
}

impl Position {
    fn parse(id: &str) -> Option<(i64, Option<i64>)> {
        match id.split_once('.') {
            Some((seq, run)) => Some((seq.parse().ok()?, Some(run.parse().ok()?))),
            None => Some((id.parse().ok()?, None)),
        }
    }
}

/// Handler of `/stream`.
pub(crate) async fn stream(
    State(state): State<AppState>,
    Extension(SignedIn(user)): Extension<SignedIn>,
    Extension(session): Extension<Session>,
    Asked(watch): Asked<Watch>,
    headers: HeaderMap,
) -> Response {
    let Some(slot) = state.streams().take(user) else {
        return problem(
            StatusCode::TOO_MANY_REQUESTS,
            ErrorCode::TooMany,
            "Ten tabs of yours are connected already. Close one; this page still works, but does not update by itself.",
        );
    };
    let Some(session) = session.id().map(|id| id.to_string()) else {
        return fault("a signed-in session has no id", &"the session layer gave none");
    };
    let changes = state.core().changes().subscribe();
    let newest = match kanban::last_seq(state.core()).await {
        Ok(newest) => newest,
        Err(error) => return fault("the stream cannot start", &error),
    };
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(Position::parse);
    let seq = resumed.map(|(seq, _)| seq).or(watch.after).unwrap_or(newest);
    let run = resumed.and_then(|(_, run)| run).or(watch.run_after).unwrap_or(0);
    let mut live = Live {
        at: Position { seq: seq.min(newest), run },
        inbox: OpenMark::default(),
        totals: None,
        queue: VecDeque::new(),
        look: true,
        changes,
        ping: ticks(PING),
        recheck: ticks(RECHECK),
        state,
        watch,
        user,
        session,
        _slot: slot,
    };
    if let Err(error) = live.start(seq > newest).await {
        return fault("the stream cannot start", &error);
    }
    let events =
        stream::unfold(
            live,
            |mut live| async move { live.next().await.map(|event| (Ok::<_, Infallible>(event), live)) },
        );
    // Proxies must pass events on at once.
    ([(HeaderName::from_static("x-accel-buffering"), "no")], Sse::new(events)).into_response()
}

fn ticks(every: Duration) -> Interval {
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

enum Wake {
    Changed,
    Ping,
    Recheck,
    End,
}

struct Live {
    state: AppState,
    watch: Watch,
    user: UserId,
    session: String,
    at: Position,
    inbox: OpenMark,
    totals: Option<(Vec<(CardState, i64)>, Slots)>,
    queue: VecDeque<Event>,
    /// There may be more to read without waiting for a change.
    look: bool,
    changes: watch::Receiver<u64>,
    ping: Interval,
    recheck: Interval,
    _slot: Slot,
}

impl Live {
    /// Queues the greeting. `ahead` means the tab knows numbers this database has not reached: it was restored.
    async fn start(&mut self, ahead: bool) -> Result<(), KanbanError> {
        self.inbox = decisions::open_mark(self.state.core()).await?;
        let hello =
            StreamMessage::Hello { seq: self.at.seq, inbox: self.inbox.count, build: self.state.build().to_owned() };
        let hello = self.event(&hello).map(|event| event.retry(RETRY));
        self.queue.extend(hello);
        if ahead {
            let snapshot = self.event(&StreamMessage::Snapshot { seq: self.at.seq });
            self.queue.extend(snapshot);
        }
        Ok(())
    }

    /// The next event; `None` ends the stream.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Some(event);
            }
            if self.state.stop().is_cancelled() {
                return None;
            }
            match self.step().await {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    // The browser connects again and goes on where it was.
                    tracing::warn!(%error, "a live stream ends because the database cannot be read");
                    return None;
                }
            }
        }
    }

    /// Waits for something and queues what there is to say of it; false when the stream is over.
    async fn step(&mut self) -> Result<bool, KanbanError> {
        let look = if std::mem::take(&mut self.look) {
            true
        } else {
            match self.wake().await {
                Wake::Changed => {
                    tokio::time::sleep(COALESCE).await;
                    // Before looking, so that a change during the look is not missed.
                    self.changes.mark_unchanged();
                    true
                }
                Wake::Recheck => false,
                Wake::Ping => {
                    self.sign_of_life().await?;
                    return Ok(true);
                }
                Wake::End => return Ok(false),
            }
        };
        // Signing out is a commit, too: nothing is sent after it.
        if !accounts::session_is_live(self.state.core(), &self.session, self.user).await? {
            return Ok(false);
        }
        if look {
            self.look().await?;
        }
        Ok(true)
    }

    async fn wake(&mut self) -> Wake {
        tokio::select! {
            biased;
            () = self.state.stop().cancelled() => Wake::End,
            // Before changes: a busy board must not keep a revoked session alive.
            _ = self.recheck.tick() => Wake::Recheck,
            _ = self.ping.tick() => Wake::Ping,
            changed = self.changes.changed() => if changed.is_ok() { Wake::Changed } else { Wake::End },
        }
    }

    /// Reads what is new. The position moves on with the last event only: a connection lost in between repeats some.
    async fn look(&mut self) -> Result<(), KanbanError> {
        let core = self.state.core().clone();
        // Everything below is read later than this number, so it holds at least what led to it.
        let newest = kanban::last_seq(&core).await?;
        let mut messages = Vec::new();
        let mut run_to = self.at.run;
        if newest > self.at.seq {
            if let Some(board) = self.watch.board {
                match self.state.streams().delta(&self.state, board, self.at.seq, newest).await? {
                    None => messages.push(StreamMessage::Snapshot { seq: newest }),
                    Some(delta) => messages.extend(self.board_message(&delta, newest)),
                }
            }
            if let Some(card) = self.watch.card
                && let Some(seq) = kanban::card_changed(&core, card, self.at.seq).await?
            {
                messages.push(StreamMessage::Card { card_id: card, seq });
            }
        }
        if let (Some(run), Some(card)) = (self.watch.run, self.watch.card) {
            let events = kanban::run_events(&core, run, self.at.run).await?;
            if let Some(last) = events.last() {
                run_to = last.seq;
                // Read on when these are sent, until there are none.
                self.look = true;
                messages.push(StreamMessage::Run(RunDelta { run_id: run, card_id: card, events }));
            }
        }
        let inbox = decisions::open_mark(&core).await?;
        if inbox != self.inbox {
            messages.push(StreamMessage::Inbox { inbox: inbox.count, seq: newest });
            self.inbox = inbox;
        }
        let last = messages.len().saturating_sub(1);
        let end = Position { seq: newest.max(self.at.seq), run: run_to };
        for (index, message) in messages.iter().enumerate() {
            if index == last {
                self.at = end;
            }
            let event = self.event(message);
            self.queue.extend(event);
        }
        self.at = end;
        Ok(())
    }

    /// The delta as a message, unless nothing a board shows has changed.
    /// Its number is `upto`, although it may hold more: a tab that goes on there misses nothing else.
    fn board_message(&mut self, delta: &BoardDelta, upto: i64) -> Option<StreamMessage> {
        let totals = Some((delta.totals.clone(), delta.slots));
        let quiet = delta.cards.is_empty() && delta.removed.is_empty() && self.totals == totals;
        self.totals = totals;
        (!quiet).then(|| StreamMessage::Board(BoardDelta { seq: upto, ..delta.clone() }))
    }

    async fn sign_of_life(&mut self) -> Result<(), KanbanError> {
        let ping = self.event(&StreamMessage::Ping { seq: self.at.seq });
        self.queue.extend(ping);
        if let Some(board) = self.watch.board {
            let pulse = kanban::board_pulse(self.state.core(), board).await?;
            if !pulse.cards.is_empty() {
                // Only a sign of life: what else changed up to its number has not been sent yet.
                let pulse = BoardDelta { seq: self.at.seq, ..pulse };
                let event = self.event(&StreamMessage::Board(pulse));
                self.queue.extend(event);
            }
        }
        Ok(())
    }

    fn event(&self, message: &StreamMessage) -> Option<Event> {
        let id =
            if self.watch.run.is_some() { format!("{}.{}", self.at.seq, self.at.run) } else { self.at.seq.to_string() };
        match serde_json::to_string(message) {
            Ok(json) => Some(Event::default().event(name_of(message)).id(id).data(json)),
            Err(error) => {
                tracing::error!(%error, "a message of the stream cannot be written as JSON");
                None
            }
        }
    }
}

/// The variant in snake case.
const fn name_of(message: &StreamMessage) -> &'static str {
    match message {
        StreamMessage::Hello { .. } => "hello",
        StreamMessage::Board(_) => "board",
        StreamMessage::Card { .. } => "card",
        StreamMessage::Run(_) => "run",
        StreamMessage::Inbox { .. } => "inbox",
        StreamMessage::Snapshot { .. } => "snapshot",
        StreamMessage::Ping { .. } => "ping",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_being_an_event_id() {
        assert_eq!(Position::parse("12"), Some((12, None)));
        assert_eq!(Position::parse("12.3"), Some((12, Some(3))));
        assert_eq!(Position::parse("12.x"), None);
        assert_eq!(Position::parse(""), None);
    }

    #[test]
    fn a_person_has_ten_streams_and_a_closed_one_makes_room() {
        let streams = Streams::default();
        let user = UserId("018f0000-0000-7000-8000-000000000001".parse::<UserId>().unwrap().0);
        let mut slots: Vec<Slot> = (0..MAX_PER_USER).map(|_| streams.take(user).unwrap()).collect();
        assert!(streams.take(user).is_none());
        slots.pop();
        assert!(streams.take(user).is_some());
    }
}
