//! The run's activity on its way to the store: collected for a moment, cleaned of secrets, written in one go.
//!
//! A model speaks in hundreds of small pieces; one row each would make every reader pay. Here they become at most one
//! row per 150 ms or 2 KB, several in one transaction when they come faster than they are stored. What cannot be stored
//! yet waits in a bounded queue and slows its sender down.

use std::time::Duration;

use protocol::RunEventKind;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::{Control, StopReason};
use crate::kanban::KanbanError;
use crate::kanban::worker::{self, NewRunEvent, RunTicket};
use crate::llm::Redactor;
use crate::{Core, task};

const FLUSH_AFTER: Duration = Duration::from_millis(150);
const FLUSH_BYTES: usize = 2 * 1024;
/// Rows of one transaction when more waits: a flood of output must not cost a commit for each piece.
const STORED_AT_ONCE: usize = 16;
/// Entries that wait for the store; a piece is at most a few kilobytes.
const QUEUE: usize = 128;
/// Longest piece in one entry.
const MAX_PIECE_BYTES: usize = 8 * 1024;
/// Text without a space this long is no key.
const MAX_HELD_BYTES: usize = 1024;
/// The store may be busy for a while; a run that cannot store anything for longer is stopped.
const STORE_PATIENCE: Duration = Duration::from_secs(60);
const STORE_RETRY: Duration = Duration::from_millis(500);

enum Entry {
    Piece { kind: RunEventKind, name: &'static str, text: String },
    Whole(NewRunEvent),
    Flush(oneshot::Sender<()>),
}

/// Takes activity of one run. Clones write to the same place, in the order of their calls.
#[derive(Debug, Clone)]
pub struct Activity {
    queue: mpsc::Sender<Entry>,
}

impl Activity {
    /// Starts writing. Ends when every clone is dropped.
    #[must_use]
    pub fn start(core: Core, ticket: RunTicket, redactor: Redactor, control: Control) -> Self {
        let (queue, entries) = mpsc::channel(QUEUE);
        let writer = Writer { core, ticket, redactor, control, ready: Vec::new(), open: None, since: None };
        drop(task::spawn("run-activity", writer.run(entries)));
        Self { queue }
    }

    /// Adds a piece of text that may be joined with its neighbours of the same kind and name.
    pub async fn piece(&self, kind: RunEventKind, name: &'static str, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            let cut = crate::tools::output::floor_char(rest, MAX_PIECE_BYTES).max(1);
            let (head, tail) = rest.split_at(cut);
            self.send(Entry::Piece { kind, name, text: head.to_owned() }).await;
            rest = tail;
        }
    }

    /// Adds an entry of its own.
    pub async fn event(&self, kind: RunEventKind, name: &str, detail: impl Into<String>, ok: bool) {
        self.send(Entry::Whole(NewRunEvent { kind, name: name.to_owned(), detail: detail.into(), ok })).await;
    }

    /// Waits until everything so far is stored, or the run is stopped.
    pub async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        self.send(Entry::Flush(done)).await;
        if wait.await.is_err() {
            tracing::debug!("the run's activity was closed before it was flushed");
        }
    }

    async fn send(&self, entry: Entry) {
        // The writer ends early only when the run is stopped; nothing may be written then.
        if self.queue.send(entry).await.is_err() {
            tracing::debug!("activity after the run was stopped is dropped");
        }
    }
}

struct Writer {
    core: Core,
    ticket: RunTicket,
    redactor: Redactor,
    control: Control,
    ready: Vec<NewRunEvent>,
    open: Option<OpenPiece>,
    since: Option<Instant>,
}

/// Pieces of one kind that are being joined.
struct OpenPiece {
    kind: RunEventKind,
    name: &'static str,
    text: String,
    /// Whether the text before this one opened a private key that has not ended.
    in_key: bool,
}

const KEY_START: &str = "-----BEGIN PRIVATE KEY-----\n";

impl Writer {
    async fn run(mut self, mut entries: mpsc::Receiver<Entry>) {
        loop {
            let due = self.since.map(|since| since + FLUSH_AFTER);
            let entry = tokio::select! {
                entry = entries.recv() => entry,
                () = sleep_until(due) => {
                    if !self.flush(false).await { return }
                    continue;
                }
            };
            let going = match entry {
                None => {
                    self.flush(true).await;
                    return;
                }
                Some(Entry::Flush(done)) => {
                    let going = self.flush(true).await;
                    if done.send(()).is_err() {
                        tracing::debug!("whoever wanted the activity stored has gone; it is stored all the same");
                    }
                    going
                }
                Some(Entry::Piece { kind, name, text }) => {
                    let is_full = self.take_piece(kind, name, &text);
                    let may_wait = !entries.is_empty() && self.ready.len() < STORED_AT_ONCE;
                    if is_full && !may_wait { self.flush(false).await } else { true }
                }
                Some(Entry::Whole(mut event)) => {
                    self.close_piece();
                    event.detail = self.redactor.clean(&event.detail);
                    self.ready.push(event);
                    self.since.get_or_insert_with(Instant::now);
                    true
                }
            };
            if !going {
                return;
            }
        }
    }

    /// Returns whether there is enough for a row.
    fn take_piece(&mut self, kind: RunEventKind, name: &'static str, text: &str) -> bool {
        if self.open.as_ref().is_some_and(|open| open.kind != kind || open.name != name) {
            self.close_piece();
        }
        let open = self.open.get_or_insert_with(|| OpenPiece { kind, name, text: String::new(), in_key: false });
        open.text.push_str(text);
        self.since.get_or_insert_with(Instant::now);
        let is_full = open.text.len() >= FLUSH_BYTES;
        if is_full {
            self.split_piece();
        }
        is_full
    }

    fn close_piece(&mut self) {
        if let Some(open) = self.open.take()
            && !open.text.is_empty()
        {
            let detail = clean(&self.redactor, &open.text, open.in_key);
            self.ready.push(NewRunEvent { kind: open.kind, name: open.name.to_owned(), detail, ok: true });
        }
    }

    /// Moves what can be shown from the open piece: all but a last word that may be the beginning of a key.
    fn split_piece(&mut self) {
        let Some(open) = &mut self.open else { return };
        let cut = safe_cut(&open.text);
        if cut == 0 {
            return;
        }
        let rest = open.text.split_off(cut);
        let shown = std::mem::replace(&mut open.text, rest);
        let detail = clean(&self.redactor, &shown, open.in_key);
        open.in_key = ends_in_key(&shown, open.in_key);
        if !detail.is_empty() {
            self.ready.push(NewRunEvent { kind: open.kind, name: open.name.to_owned(), detail, ok: true });
        }
    }

    /// Stores what is ready. Returns whether the run goes on.
    async fn flush(&mut self, everything: bool) -> bool {
        if everything {
            self.close_piece();
        } else {
            self.split_piece();
        }
        self.since = self.open.as_ref().filter(|open| !open.text.is_empty()).map(|_| Instant::now());
        let events = std::mem::take(&mut self.ready);
        let started = Instant::now();
        while !events.is_empty() {
            match worker::record(&self.core, self.ticket, events.clone()).await {
                Ok(()) => break,
                Err(KanbanError::Fenced(why)) => {
                    self.control.stop(StopReason::Fenced(why));
                    return false;
                }
                Err(error) if started.elapsed() > STORE_PATIENCE => {
                    self.control.stop(StopReason::Store(error.to_string()));
                    return false;
                }
                Err(error) => {
                    tracing::warn!(%error, "activity cannot be stored yet");
                    tokio::time::sleep(STORE_RETRY).await;
                }
            }
        }
        true
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn clean(redactor: &Redactor, text: &str, in_key: bool) -> String {
    if !in_key {
        return redactor.clean(text);
    }
    // The start of the block was shown as a note already; only what follows its end may be.
    match text.find("-----END ").and_then(|end| text[end + 9..].find("-----").map(|close| end + 9 + close + 5)) {
        Some(after) => redactor.clean(&text[after..]),
        None => String::new(),
    }
}

fn ends_in_key(text: &str, in_key: bool) -> bool {
    let whole = if in_key { format!("{KEY_START}{text}") } else { text.to_owned() };
    let starts = whole
        .match_indices("-----BEGIN ")
        .filter(|(at, _)| whole[*at..].lines().next().is_some_and(|line| line.contains("PRIVATE KEY")));
    starts.last().is_some_and(|(at, _)| !whole[at..].contains("-----END "))
}

/// Where a text can be cut without cutting a word that may be a key: keys have no spaces and are plain ASCII.
fn safe_cut(text: &str) -> usize {
    let held = text.bytes().rev().take_while(u8::is_ascii_graphic).count();
    if held > MAX_HELD_BYTES { text.len() } else { text.len() - held }
}

#[cfg(test)]
mod tests {
    use super::{clean, ends_in_key, safe_cut};
    use crate::llm::Redactor;

    #[test]
    fn a_key_that_arrives_in_pieces_is_never_cut() {
        for (text, cut) in [("say sk-abc", 4), ("done. ", 6), ("", 0), ("word", 0), ("字字", 6), ("字a", 3)] {
            assert_eq!(safe_cut(text), cut, "{text:?}");
        }
        assert_eq!(safe_cut(&"x".repeat(2000)), 2000);
    }

    #[test]
    fn a_private_key_that_arrives_in_pieces_stays_hidden() {
        let redactor = Redactor::default();
        let first = "cat x\n-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n";
        assert!(!clean(&redactor, first, false).contains("AAAA"));
        assert!(ends_in_key(first, false));
        assert_eq!(clean(&redactor, "BBBB\n", true), "");
        assert!(ends_in_key("BBBB\n", true));
        let last = "CCCC\n-----END OPENSSH PRIVATE KEY-----\nbye\n";
        assert_eq!(clean(&redactor, last, true), "\nbye\n");
        assert!(!ends_in_key(last, true));
    }
}
