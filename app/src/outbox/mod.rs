//! Writes on their way to the server. Each is kept in this browser until it is answered, so that a move made in a tunnel,
//! or right before the phone was locked, is not lost: it is sent when the server can be reached again, also by the next
//! start of the app.
//!
//! They are sent one after the other, in the order they were made. Each carries its key (`Idempotency-Key`), so that one
//! whose answer was lost is not made twice. What can wait is what a person may take back: moves, changes of cards,
//! comments, new cards. Decisions never wait.
mod entry;
mod list;
mod post;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos::task::spawn_local;
use protocol::{BulkRefusal, CardId, ErrorCode, UndoId, UserId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::ApiError;
use crate::features::kanban::undo_write;
use crate::i18n::t;
use crate::live::{Connection, Live};
use crate::ui::{Dialog, Icon, Toast, Toasts, Tone, dom, icon, later};
pub use entry::{About, Entry};
use entry::{Phase, Queue};
use post::Reply;

/// Between tries while the server answers nothing although there is a network.
const RETRY_MS: [u64; 4] = [1_000, 3_000, 10_000, 30_000];
/// What is older is not sent by itself: the server would no longer know that it was sent before, and nobody still
/// expects it.
const STALE_MS: i64 = 7 * 24 * 3_600_000;

/// Refusals of one write that a message tells one by one.
pub const TOLD: usize = 3;

/// What became of a write.
#[derive(Debug, Clone)]
pub enum Outcome<T> {
    /// The server did it. `late`: after it had to wait.
    Done {
        /// What it says.
        answer: T,
        /// It had to wait.
        late: bool,
    },
    /// The server refused it. What had to wait stays in the list of what waits, with the reason.
    Refused(ApiError),
    /// The server cannot be reached. Said once; one of the others follows.
    Waits,
    /// The person took it back before it was sent.
    TakenBack,
    /// Another window has dealt with it.
    Elsewhere,
}

/// The parts of an answer that matter whoever made the write: what takes it back, and what was refused of it.
#[derive(serde::Deserialize)]
struct Made {
    undo: Option<UndoId>,
    #[serde(default)]
    refused: Vec<BulkRefusal>,
}

type Handler = Rc<dyn Fn(Outcome<String>)>;

// The page's own: there is one window and one thread, and handlers outlive the view that made them.
thread_local! {
    static HANDLERS: RefCell<HashMap<String, Handler>> = RefCell::new(HashMap::new());
    static WHEN_SETTLED: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// The queue. One for the whole app, in the context.
#[derive(Debug, Clone, Copy)]
pub struct Outbox {
    queue: Queue,
    sending: StoredValue<bool>,
    /// Tries since the last answer.
    failures: StoredValue<usize>,
    /// Another try is planned.
    planned: StoredValue<bool>,
    /// Taken back here, and perhaps made by the server all the same.
    withdrawn: StoredValue<Vec<String>>,
    /// How many came to nothing: a page may still show them.
    undone: RwSignal<u32>,
    open: RwSignal<bool>,
    live: Live,
    toasts: Toasts,
}

impl Outbox {
    /// Puts the queue into the context.
    pub fn provide(toasts: Toasts) {
        let outbox = Self {
            queue: Queue::new(),
            sending: StoredValue::new(false),
            failures: StoredValue::new(0),
            planned: StoredValue::new(false),
            withdrawn: StoredValue::new(Vec::new()),
            undone: RwSignal::new(0),
            open: RwSignal::new(false),
            live: expect_context::<Live>(),
            toasts,
        };
        provide_context(outbox);
        Effect::new(move |before: Option<()>| {
            let is_live = outbox.live.connection() == Connection::Live;
            // At first there is nothing yet: a person's writes are taken over when it is known who is signed in.
            if is_live && before.is_some() {
                spawn_local(run(outbox, Job::Send));
            }
        });
        Effect::new(move |_| {
            let online = window_event_listener(leptos::ev::online, move |_| spawn_local(run(outbox, Job::Send)));
            let storage = window_event_listener(leptos::ev::storage, move |event| {
                if entry::is_ours(&event) {
                    spawn_local(run(outbox, Job::Read));
                }
            });
            on_cleanup(move || {
                online.remove();
                storage.remove();
            });
        });
    }

    /// Takes over what a person's earlier visits left, and sends it.
    pub fn open(self, user: UserId) {
        spawn_local(run(self, Job::Open(user)));
    }

    /// Nobody is signed in any more: what a person left waits for that person.
    pub fn close(self) {
        self.queue.close();
    }

    /// Sends a write, now or as soon as the server can be reached.
    pub fn send<F>(self, call: &F, about: About, heard: impl Fn(Outcome<F::Output>) + 'static)
    where
        F: ServerFn + Serialize,
        F::Output: DeserializeOwned,
    {
        let Ok(body) = serde_json::to_string(call) else { return };
        let heard = move |outcome: Outcome<String>| match outcome {
            Outcome::Done { answer, late } => match serde_json::from_str(&answer) {
                Ok(answer) => heard(Outcome::Done { answer, late }),
                Err(_) => heard(Outcome::Refused(ApiError::new(ErrorCode::Network, t::error_unreadable()))),
            },
            Outcome::Refused(error) => heard(Outcome::Refused(error)),
            Outcome::Waits => heard(Outcome::Waits),
            Outcome::TakenBack => heard(Outcome::TakenBack),
            Outcome::Elsewhere => heard(Outcome::Elsewhere),
        };
        self.push(Entry::new(F::PATH, body, about), Rc::new(heard));
    }

    fn push(self, entry: Entry, heard: Handler) {
        HANDLERS.with_borrow_mut(|handlers| handlers.insert(entry.id.clone(), heard));
        let is_kept = self.queue.add(entry);
        // Said at once where it is known; what no storage keeps is tried before it is given up.
        let is_away = self.live.connection_now() == Connection::Offline || self.failures.get_value() > 0;
        if is_kept && is_away {
            self.wait();
        }
        // It is kept: what it looks like comes first.
        dom::behind_paint(move || self.flush());
    }

    /// What waits to be sent, or was refused after it had waited.
    pub fn waiting(self) -> Vec<Entry> {
        self.queue
            .entries
            .with(|entries| entries.iter().filter(|entry| entry.phase == Phase::Waiting).cloned().collect())
    }

    /// Cards that a write waits for.
    pub fn cards(self) -> Vec<CardId> {
        let waits = |entry: &&Entry| entry.phase == Phase::Waiting && entry.refused.is_none();
        self.queue.entries.with(|entries| entries.iter().filter(waits).flat_map(|entry| entry.cards.clone()).collect())
    }

    /// Whether another write of a card is still to come.
    pub fn concerns(self, card: CardId) -> bool {
        self.queue.entries.with_untracked(|entries| {
            entries.iter().any(|entry| entry.refused.is_none() && entry.cards.contains(&card))
        })
    }

    /// How many writes came to nothing since the app started.
    pub fn undone(self) -> u32 {
        self.undone.get()
    }

    /// Runs as soon as no write is on its way any more; those that wait for the network are not on their way.
    pub fn when_settled(self, run: impl FnOnce() + 'static) {
        WHEN_SETTLED.set(Some(Box::new(run)));
        self.settle();
    }

    fn settle(self) {
        let on_its_way = |entries: &Vec<Entry>| entries.iter().any(|entry| entry.phase == Phase::Sending);
        if !self.queue.entries.with_untracked(on_its_way)
            && let Some(run) = WHEN_SETTLED.take()
        {
            run();
        }
    }

    /// Takes back the newest write that waits; `false` when none does.
    pub fn take_back_newest(self) -> bool {
        let newest = self.queue.entries.with_untracked(|entries| {
            entries.iter().rev().find(|entry| entry.phase == Phase::Waiting && entry.refused.is_none()).cloned()
        });
        let Some(entry) = newest else { return false };
        self.take_back(&entry);
        true
    }

    /// Takes back a write that waits, or forgets one that was refused.
    pub fn take_back(self, entry: &Entry) {
        // As it is now: it may have been refused since it was drawn.
        let Some(entry) = self.queue.get(&entry.id) else { return };
        self.queue.remove(&entry.id);
        if entry.refused.is_some() {
            return;
        }
        let mut told = t::outbox_taken_back(&entry.label);
        if entry.tried {
            told = t::outbox_taken_back_perhaps(&entry.label);
            // Should the answer that is awaited say that it was made, it is taken back there.
            self.withdrawn.update_value(|withdrawn| withdrawn.push(entry.id.clone()));
        }
        self.tell(&entry.id, Outcome::TakenBack);
        self.toasts.say(told);
    }

    /// A write was made although it had been taken back here.
    fn undo_made(self, id: &str, answer: &str) {
        let was_withdrawn = self.withdrawn.try_update_value(|withdrawn| {
            let before = withdrawn.len();
            withdrawn.retain(|other| other != id);
            withdrawn.len() < before
        });
        let undo = serde_json::from_str::<Made>(answer).ok().and_then(|made| made.undo);
        if let (Some(true), Some(undo)) = (was_withdrawn, undo) {
            spawn_local(async move {
                if let Err(error) = undo_write(undo).await {
                    self.toasts.fail(error.message);
                }
            });
        }
    }

    /// Sends what was refused once more, as a new write.
    fn try_again(self, entry: &Entry) {
        self.queue.remove(&entry.id);
        self.queue.add(entry.anew());
        self.flush();
    }

    /// Sends what is there, until it is all sent or the server cannot be reached.
    fn flush(self) {
        if self.sending.get_value() || self.queue.next().is_none() {
            return;
        }
        self.sending.set_value(true);
        spawn_local(async move {
            let late = self.send_all().await;
            self.sending.set_value(false);
            if late > 0 {
                self.toasts.say(t::outbox_sent(late));
            }
            self.settle();
        });
    }

    /// How many of those that were done had waited.
    async fn send_all(self) -> i64 {
        let mut late = 0;
        while let Some(entry) = self.queue.next() {
            if dom::now_ms() - entry.at > STALE_MS {
                self.queue.refuse(&entry.id, t::outbox_stale().to_owned());
                continue;
            }
            // A device without a network has sent nothing.
            if window().navigator().on_line() {
                self.queue.mark_tried(&entry.id);
            }
            let id = entry.id.clone();
            let reply = post::post(&entry).await;
            // It may have begun to wait, or been taken back, while it was on its way.
            let Some(entry) = self.queue.get(&id) else {
                match reply {
                    Reply::Done(answer) => self.undo_made(&id, &answer),
                    Reply::Unreachable => {
                        self.later();
                        break;
                    }
                    Reply::Refused(_) => {}
                }
                continue;
            };
            let waited = entry.phase != Phase::Sending;
            match reply {
                Reply::Done(answer) => {
                    self.failures.set_value(0);
                    self.queue.remove(&entry.id);
                    late += i64::from(waited);
                    if !HANDLERS.with_borrow(|handlers| handlers.contains_key(&entry.id)) {
                        self.tell_refusals(&entry, &answer);
                    }
                    self.tell(&entry.id, Outcome::Done { answer, late: waited });
                }
                Reply::Refused(error) => {
                    self.failures.set_value(0);
                    if waited {
                        self.toasts.fail(t::outbox_refused(&entry.label, &error.message));
                        self.queue.refuse(&entry.id, error.message.clone());
                    } else {
                        self.queue.remove(&entry.id);
                    }
                    self.tell(&entry.id, Outcome::Refused(error));
                }
                Reply::Unreachable => {
                    self.later();
                    break;
                }
            }
        }
        late
    }

    /// What a write of an earlier visit did only in part: its page is not there to say it.
    fn tell_refusals(self, entry: &Entry, answer: &str) {
        let refused = serde_json::from_str::<Made>(answer).map_or_else(|_| Vec::new(), |made| made.refused);
        if !refused.is_empty() {
            let reasons: Vec<&str> = refused.iter().take(TOLD).map(|refused| refused.reason.as_str()).collect();
            let count = i64::try_from(refused.len()).unwrap_or(i64::MAX);
            self.toasts.fail(t::outbox_partly(&entry.label, count, &reasons.join("; ")));
        }
    }

    /// Tries again after a while; the end of what is known to be an outage is not waited for.
    fn later(self) {
        let failures = self.failures.get_value();
        self.failures.set_value(failures + 1);
        self.wait();
        if self.queue.next().is_none() {
            self.failures.set_value(0);
        } else {
            // Whether there is a network is not always known, so it is tried, however seldom.
            self.flush_in(RETRY_MS[failures.min(RETRY_MS.len() - 1)]);
        }
    }

    fn flush_in(self, wait_ms: u64) {
        if self.planned.get_value() {
            return;
        }
        self.planned.set_value(true);
        let again = move || {
            self.planned.set_value(false);
            self.flush();
        };
        set_timeout(again, Duration::from_millis(wait_ms));
    }

    /// Takes over what another window added or dealt with.
    fn read(self) {
        for id in self.queue.read(Phase::Elsewhere) {
            self.tell(&id, Outcome::Elsewhere);
        }
        self.settle();
        if !self.queue.entries.with_untracked(Vec::is_empty) {
            // That window may be closed before it has sent them.
            self.flush_in(entry::LEFT_BEHIND_MS.unsigned_abs() + 1_000);
        }
    }

    /// Everything that is to be sent waits, and whoever made it hears so.
    fn wait(self) {
        for entry in self.queue.begin_to_wait() {
            if entry.is_kept {
                let id = entry.id.clone();
                let take_back = Callback::new(move |()| match self.queue.get(&id) {
                    Some(entry) => self.take_back(&entry),
                    None => self.toasts.say(t::outbox_too_late()),
                });
                let action = Some((t::common_undo().to_owned(), take_back));
                let text = t::outbox_waits(&entry.label);
                self.toasts.show(Toast { text, tone: Tone::Neutral, action, undo: None, stays: false });
                self.tell_on(&entry.id, Outcome::Waits);
            } else {
                // The browser would forget it.
                self.queue.remove(&entry.id);
                self.tell(&entry.id, Outcome::Refused(ApiError::new(ErrorCode::Network, t::error_network())));
            }
        }
        self.settle();
    }

    /// The last word on a write.
    fn tell(self, id: &str, outcome: Outcome<String>) {
        let came_to_nothing = !matches!(outcome, Outcome::Done { .. });
        if let Some(heard) = HANDLERS.with_borrow_mut(|handlers| handlers.remove(id)) {
            heard(outcome);
        }
        if came_to_nothing {
            self.undone.update(|undone| *undone += 1);
            self.settle();
        }
    }

    fn tell_on(self, id: &str, outcome: Outcome<String>) {
        if let Some(heard) = HANDLERS.with_borrow(|handlers| handlers.get(id).cloned()) {
            heard(outcome);
        }
    }
}

/// What the frame around the pages asks for.
enum Job {
    /// Take over what a person left.
    Open(UserId),
    /// Send what is there.
    Send,
    /// Another window sent something, or has something to send.
    Read,
}

/// Fetched after the first paint, because each page can do without it for a moment.
#[lazy]
fn run(outbox: Outbox, job: Job) {
    match job {
        Job::Open(user) => {
            outbox.queue.open(user);
            outbox.failures.set_value(0);
            outbox.flush();
        }
        Job::Send => {
            outbox.failures.set_value(0);
            outbox.flush();
        }
        Job::Read => outbox.read(),
    }
}

/// How many writes wait, and the way to the list of them.
#[component]
pub fn OutboxNote() -> impl IntoView {
    let outbox = expect_context::<Outbox>();
    // Those that wait, and those that were refused.
    let counts = Memo::new(move |_| {
        outbox.queue.entries.with(|entries| {
            entries.iter().filter(|entry| entry.phase == Phase::Waiting).fold(
                (0_i64, 0_i64),
                |(waiting, refused), entry| {
                    if entry.refused.is_some() { (waiting, refused + 1) } else { (waiting + 1, refused) }
                },
            )
        })
    });
    let text = move || match counts.get() {
        (_, refused) if refused > 0 => t::outbox_count_refused(refused),
        (waiting, _) => t::outbox_count(waiting),
    };
    view! {
        <button
            type="button"
            class="outbox-note"
            class:is-refused=move || { counts.get().1 > 0 }
            hidden=move || counts.get() == (0, 0)
            on:click=move |_| outbox.open.set(true)
        >
            {icon(Icon::Clock)}
            <span>{text}</span>
        </button>
    }
}

/// What waits, when somebody looks.
#[component]
pub fn OutboxDialog() -> impl IntoView {
    let outbox = expect_context::<Outbox>();
    view! { <Dialog open=outbox.open title=t::outbox_title()>{later(list::list(outbox))}</Dialog> }
}
