//! The live stream: one connection per window that tells every page what changed.
//!
//! Every message carries a sequence number; a new connection starts after the last one seen, so a lost connection
//! loses nothing. A hidden window has no connection and no timers: phones freeze it anyway, and browsers allow only
//! six connections to a plain HTTP server. Nothing here may assume that the stream is the only source: pages are
//! complete when they are made, and `Snapshot` makes them read again.
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{BoardId, CardId, ErrorCode, RunId, StreamMessage};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;

use crate::features::push::Updates;
use crate::ui::dom;

/// The server sends something every 15 seconds.
const STALE_MS: i64 = 40_000;
/// A window that was away longer than one ping does not trust its connection.
const RESUME_MS: i64 = 20_000;
const CONNECT_MS: i64 = 5_000;
const TICK: Duration = Duration::from_secs(5);
/// A tick that comes this much later than it should means that the device slept.
const CLOCK_JUMP_MS: i64 = 10_000;
/// Shorter interruptions are nobody's business.
const TELL_AFTER: Duration = Duration::from_secs(3);
const RETRY_MS: [u64; 5] = [250, 1_000, 2_000, 5_000, 10_000];
/// The names of the server's events.
const EVENTS: [&str; 7] = ["hello", "board", "card", "run", "inbox", "snapshot", "ping"];

/// How the connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// Messages arrive.
    Live,
    /// It broke and is being made again.
    Reconnecting,
    /// The device has no network, or the server does not answer.
    Offline,
}

/// What a page wants to hear about, besides the inbox.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Watch {
    /// Changes of a board's cards.
    pub board: Option<BoardId>,
    /// That a card changed.
    pub card: Option<CardId>,
    /// A run's activity, and the last entry that is there already.
    pub run: Option<(RunId, i64)>,
    /// The sequence number the page was made with.
    pub after: i64,
}

/// What is watched, without where it begins.
type Subject = (Option<BoardId>, Option<CardId>, Option<RunId>);

impl Watch {
    fn subject(self) -> Subject {
        (self.board, self.card, self.run.map(|(run, _)| run))
    }
}

type Listener = Callback<Arc<StreamMessage>>;

/// The connection. One for the whole app, in the context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Live {
    connection: RwSignal<Connection>,
    inbox: RwSignal<Option<i64>>,
    watch: StoredValue<Watch>,
    /// What the connection that stands was made for.
    heard_of: StoredValue<Subject>,
    /// The last entry of a run's activity that came over it.
    run_heard: StoredValue<Option<(RunId, i64)>>,
    listeners: StoredValue<Vec<(u32, Listener)>>,
    next: StoredValue<u32>,
    updates: Updates,
}

// The browser's objects: there is one window and one thread.
thread_local! {
    static SOURCE: RefCell<Option<web_sys::EventSource>> = const { RefCell::new(None) };
    static STATE: Cell<State> = const { Cell::new(State::new()) };
}

#[derive(Clone, Copy)]
struct State {
    started: bool,
    /// When the next connection attempt is due, if one is planned.
    due: Option<i64>,
    /// The last message, or the start of the attempt.
    heard_at: i64,
    hello: bool,
    failures: usize,
    last_tick: i64,
    told_build: bool,
}

impl State {
    const fn new() -> Self {
        Self { started: false, due: None, heard_at: 0, hello: false, failures: 0, last_tick: 0, told_build: false }
    }
}

fn state(change: impl FnOnce(&mut State)) -> State {
    STATE.with(|cell| {
        let mut state = cell.get();
        change(&mut state);
        cell.set(state);
        state
    })
}

impl Live {
    /// Puts the connection into the context. It is made when a page behind the sign-in calls [`Live::start`].
    pub fn provide(updates: Updates) {
        provide_context(Self {
            connection: RwSignal::new(Connection::Live),
            inbox: RwSignal::new(None),
            watch: StoredValue::new(Watch::default()),
            heard_of: StoredValue::new(Subject::default()),
            run_heard: StoredValue::new(None),
            listeners: StoredValue::new(Vec::new()),
            next: StoredValue::new(0),
            updates,
        });
    }

    /// How the connection is, without following it.
    #[must_use]
    pub fn connection_now(self) -> Connection {
        self.connection.get_untracked()
    }

    /// How the connection is.
    #[must_use]
    pub fn connection(self) -> Connection {
        self.connection.get()
    }

    /// Open decisions, once the stream has said so.
    #[must_use]
    pub fn inbox(self) -> Option<i64> {
        self.inbox.get()
    }

    /// A page has just learned the number of open decisions, for instance by settling one.
    pub fn set_inbox(self, open: i64) {
        self.inbox.set(Some(open));
    }

    /// Says what the page wants to hear about, until it goes. Call it from an effect.
    pub fn watch(self, watch: Watch) {
        // The same things seen a little later need no new connection, unless something was heard before this page
        // listened.
        let missed = self.watch.get_value().after > watch.after
            || watch
                .run
                .zip(self.run_heard.get_value())
                .is_some_and(|((run, after), heard)| heard.0 == run && heard.1 > after);
        self.watch.set_value(watch);
        if state(|_| {}).started && (missed || self.heard_of.get_value() != watch.subject()) {
            self.schedule(0);
        }
        on_cleanup(move || {
            if self.watch.try_get_value().is_some_and(|now| (now.board, now.card) == (watch.board, watch.card)) {
                self.watch.update_value(|now| *now = Watch { after: now.after, ..Watch::default() });
            }
        });
    }

    /// The page has read a run's activity up to here, so that a new connection does not repeat it.
    pub fn advance_run(self, run: RunId, seq: i64) {
        self.watch.update_value(|watch| {
            if let Some((watched, after)) = &mut watch.run
                && *watched == run
            {
                *after = seq.max(*after);
            }
        });
    }

    /// Calls `listener` with every message until the page goes.
    pub fn on_message(self, listener: impl Fn(&StreamMessage) + Send + Sync + 'static) {
        let id = self.next.get_value();
        self.next.set_value(id.wrapping_add(1));
        let listener = Callback::new(move |message: Arc<StreamMessage>| listener(&message));
        self.listeners.update_value(|listeners| listeners.push((id, listener)));
        on_cleanup(move || {
            self.listeners.try_update_value(|listeners| listeners.retain(|(other, _)| *other != id));
        });
    }

    /// Connects and stays connected while the window can be seen. Further calls do nothing.
    pub fn start(self) {
        if state(|_| {}).started {
            return;
        }
        state(|state| state.started = true);
        let resume = move |name: &'static str, always: bool| {
            // Kept as long as the window: nothing removes it.
            let _ = window_event_listener_untyped(name, move |_| self.resume(always));
        };
        resume("online", true);
        resume("pageshow", false);
        resume("focus", false);
        let _ = window_event_listener_untyped("offline", move |_| self.connection.set(Connection::Offline));
        let visibility = Closure::<dyn FnMut()>::new(move || {
            if document().hidden() {
                hang_up();
            } else {
                self.resume(false);
            }
        });
        // silent-ok: the name is a constant that every browser knows.
        let _ = document().add_event_listener_with_callback("visibilitychange", visibility.as_ref().unchecked_ref());
        visibility.forget(); // one per window, as long as the window
        // silent-ok: without the timer a dead connection is noticed when the window is looked at again.
        let _ = set_interval_with_handle(move || self.tick(), TICK);
        self.schedule(0);
    }

    /// Somebody looks again: trust the connection only if it spoke lately.
    fn resume(self, always: bool) {
        let silent_for = dom::now_ms() - state(|_| {}).heard_at;
        let open = SOURCE.with_borrow(|source| source.as_ref().is_some_and(|source| source.ready_state() == 1));
        if always || !open || silent_for > RESUME_MS {
            state(|state| state.failures = 0);
            self.schedule(0);
        }
    }

    fn tick(self) {
        let now = dom::now_ms();
        let before = state(|_| {});
        let slept = before.last_tick != 0 && now - before.last_tick > CLOCK_JUMP_MS;
        state(|state| state.last_tick = now);
        if document().hidden() {
            return;
        }
        let limit = if before.hello { STALE_MS } else { CONNECT_MS };
        let connected = SOURCE.with_borrow(Option::is_some);
        if slept {
            self.schedule(0);
        } else if connected && now - before.heard_at > limit {
            self.broke();
        }
    }

    /// Connects after a while. An attempt that is planned for later gives way, one that is due sooner stands.
    fn schedule(self, delay_ms: u64) {
        let due = dom::now_ms().saturating_add_unsigned(delay_ms);
        if state(|_| {}).due.is_some_and(|planned| planned <= due) {
            return;
        }
        state(|state| state.due = Some(due));
        set_timeout(
            move || {
                if state(|_| {}).due != Some(due) {
                    return;
                }
                state(|state| state.due = None);
                if !document().hidden() {
                    self.connect();
                }
            },
            Duration::from_millis(delay_ms),
        );
    }

    fn connect(self) {
        hang_up();
        state(|state| {
            state.hello = false;
            state.heard_at = dom::now_ms();
        });
        let Ok(source) = web_sys::EventSource::new(&self.address()) else { return };
        let on_message = Closure::<dyn FnMut(web_sys::MessageEvent)>::new(move |event: web_sys::MessageEvent| {
            if let Some(text) = event.data().as_string() {
                self.heard(&text);
            }
        })
        .into_js_value();
        for name in EVENTS {
            // silent-ok: the names are constants.
            let _ = source.add_event_listener_with_callback(name, on_message.unchecked_ref());
        }
        let on_error = Closure::<dyn FnMut()>::new(move || self.broke()).into_js_value();
        source.set_onerror(Some(on_error.unchecked_ref()));
        SOURCE.set(Some(source));
    }

    fn address(self) -> String {
        let watch = self.watch.get_value();
        self.heard_of.set_value(watch.subject());
        let mut address = String::from("/stream?");
        let mut add = |name: &str, value: String| {
            address.push_str(name);
            address.push('=');
            address.push_str(&value);
            address.push('&');
        };
        if let Some(board) = watch.board {
            add("board", board.to_string());
        }
        if let Some(card) = watch.card {
            add("card", card.to_string());
        }
        if let Some((run, after)) = watch.run {
            add("run", run.to_string());
            add("run_after", after.to_string());
        }
        if watch.after > 0 {
            add("after", watch.after.to_string());
        }
        address.pop();
        address
    }

    fn heard(self, text: &str) {
        let message: StreamMessage = match serde_json::from_str(text) {
            Ok(message) => message,
            Err(error) => {
                // A newer server: it will say so in its Hello.
                leptos::logging::warn!("a message of the stream could not be read: {error}");
                return;
            }
        };
        state(|state| state.heard_at = dom::now_ms());
        let seq = match &message {
            StreamMessage::Hello { seq, inbox, build } => {
                state(|state| {
                    state.hello = true;
                    state.failures = 0;
                });
                self.connection.set(Connection::Live);
                self.inbox.set(Some(*inbox));
                self.compare_build(build);
                *seq
            }
            StreamMessage::Inbox { inbox, seq } => {
                self.inbox.set(Some(*inbox));
                *seq
            }
            StreamMessage::Board(delta) => delta.seq,
            StreamMessage::Card { seq, .. } | StreamMessage::Snapshot { seq } | StreamMessage::Ping { seq } => *seq,
            StreamMessage::Run(delta) => {
                if let Some(last) = delta.events.last() {
                    self.run_heard.set_value(Some((delta.run_id, last.seq)));
                }
                0
            }
        };
        // A Hello says where the stream starts, which is not yet what the page has seen.
        if !matches!(message, StreamMessage::Hello { .. }) {
            self.watch.update_value(|watch| watch.after = watch.after.max(seq));
        }
        let message = Arc::new(message);
        for (_, listener) in self.listeners.get_value() {
            listener.run(Arc::clone(&message));
        }
    }

    fn broke(self) {
        hang_up();
        let failures = state(|state| {
            state.failures += 1;
            state.hello = false;
        })
        .failures;
        let retry = RETRY_MS[(failures - 1).min(RETRY_MS.len() - 1)];
        self.schedule(retry);
        if failures == 1 {
            set_timeout(move || self.tell(), TELL_AFTER);
        } else {
            self.tell();
        }
        if failures == 2 {
            spawn_local(leave_when_signed_out());
        }
    }

    /// Says that there is no connection, unless there is one again.
    fn tell(self) {
        let now = state(|_| {});
        if now.hello || document().hidden() {
            return;
        }
        let unreachable = !window().navigator().on_line() || now.failures > 3;
        self.connection.set(if unreachable { Connection::Offline } else { Connection::Reconnecting });
    }

    fn compare_build(self, served: &str) {
        let own = document().document_element().and_then(|root| root.get_attribute("data-build")).unwrap_or_default();
        if served.is_empty() || own.is_empty() || served == own || state(|_| {}).told_build {
            return;
        }
        state(|state| state.told_build = true);
        self.updates.found();
    }
}

fn hang_up() {
    if let Some(source) = SOURCE.take() {
        source.set_onerror(None);
        source.close();
    }
}

/// A stream that is refused does not say why; an ordinary question does.
async fn leave_when_signed_out() {
    if let Err(error) = crate::features::home::read_home().await
        && error.code == ErrorCode::Unauthenticated
    {
        // silent-ok: a browser that refuses to navigate shows the page with its connection lost.
        let _ = window().location().set_href("/login");
    }
}
