//! A write that waits for its answer, and the browser's storage of them: an item each, so that windows beside each other
//! do not write over one another's.
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use protocol::{CardId, UserId};
use serde::{Deserialize, Serialize};

use crate::ui::dom;

/// Before the person's id and the write's.
const PREFIX: &str = "hermes.outbox";
/// Another window sends what it has; what is still there after this was left behind.
pub(super) const LEFT_BEHIND_MS: i64 = 30_000;

/// What people are told of a write.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// What it does, in a few words.
    pub label: String,
    /// The cards it changes.
    pub cards: Vec<CardId>,
    /// What the person wrote, if anything.
    pub text: String,
}

/// Where a write is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Phase {
    /// On its way.
    #[default]
    Sending,
    /// It waits for the network, or for the person after it was refused.
    Waiting,
    /// Another window sends it.
    Elsewhere,
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its key for the server. Grows with time.
    pub id: String,
    /// When it was made, Unix ms by this device's clock.
    pub at: i64,
    /// The address of the server function.
    pub path: String,
    /// Its arguments, as JSON.
    pub body: String,
    /// What it does, in a few words.
    pub label: String,
    /// The cards it changes.
    pub cards: Vec<CardId>,
    /// What the person wrote, if anything.
    pub text: String,
    /// Why the server refused it.
    #[serde(default)]
    pub refused: Option<String>,
    /// It may have reached the server.
    #[serde(default)]
    pub(super) tried: bool,
    #[serde(skip)]
    pub(super) phase: Phase,
    /// The browser has it in its storage.
    #[serde(skip)]
    pub(super) is_kept: bool,
}

impl Entry {
    pub(super) fn new(path: &str, body: String, about: About) -> Self {
        let (at, id) = new_id();
        Self {
            id,
            at,
            path: path.to_owned(),
            body,
            label: about.label,
            cards: about.cards,
            text: about.text,
            refused: None,
            tried: false,
            phase: Phase::Sending,
            is_kept: false,
        }
    }

    /// Whether it is a call of that server function.
    #[must_use]
    pub fn is<F: ServerFn>(&self) -> bool {
        self.path == F::PATH
    }

    /// The same again, as a write of its own.
    pub(super) fn anew(&self) -> Self {
        let (at, id) = new_id();
        Self { id, at, refused: None, tried: false, phase: Phase::Waiting, ..self.clone() }
    }
}

/// Not a secret: it only has to differ from those of other windows.
fn new_id() -> (i64, String) {
    // In the order they are made, also when the clock is set back.
    let at = LAST.with(|last| {
        last.set(last.get().max(dom::now_ms()));
        last.get()
    });
    let random = (js_sys::Math::random() * 4_294_967_296.0) as u32;
    // The clock may stand still between two of them.
    let order = ORDER.with(|order| order.replace(order.get() + 1));
    (at, format!("{at:014}-{order:06}-{random:08x}"))
}

thread_local! {
    static LAST: std::cell::Cell<i64> = const { std::cell::Cell::new(0) };
    static ORDER: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

/// Whether another window changed what lies here.
pub(super) fn is_ours(event: &web_sys::StorageEvent) -> bool {
    event.key().is_none_or(|key| key.starts_with(PREFIX))
}

/// The writes of the person who is signed in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Queue {
    pub(super) entries: RwSignal<Vec<Entry>>,
    user: StoredValue<Option<UserId>>,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self { entries: RwSignal::new(Vec::new()), user: StoredValue::new(None) }
    }

    /// Shows what a person left.
    pub(super) fn open(self, user: UserId) {
        if self.user.get_value() != Some(user) {
            self.user.set_value(Some(user));
            self.read(Phase::Waiting);
        }
    }

    /// Shows nobody's.
    pub(super) fn close(self) {
        self.user.set_value(None);
        self.entries.set(Vec::new());
    }

    /// Reads the storage again; what it has and we do not is in that phase. Returns what another window has dealt with.
    pub(super) fn read(self, phase: Phase) -> Vec<String> {
        let Some(prefix) = self.prefix() else { return Vec::new() };
        let mut stored: Vec<Entry> = dom::remembered_below(&prefix)
            .iter()
            .filter_map(|text| serde_json::from_str::<Entry>(text).ok())
            .map(|entry| Entry { phase, is_kept: true, ..entry })
            .collect();
        let mut gone = Vec::new();
        self.entries.update(|entries| {
            for known in entries.drain(..) {
                match stored.iter_mut().find(|entry| entry.id == known.id) {
                    Some(entry) => entry.phase = known.phase,
                    // Ours is on its way and will be answered alike.
                    None if !known.is_kept || known.phase == Phase::Sending => stored.push(known),
                    None => gone.push(known.id),
                }
            }
            stored.sort_by(|one, other| one.id.cmp(&other.id));
            *entries = stored;
        });
        gone
    }

    pub(super) fn mark_tried(self, id: &str) {
        self.entries.update_untracked(|entries| {
            if let Some(entry) = entries.iter_mut().find(|entry| entry.id == id && !entry.tried) {
                entry.tried = true;
                self.store(entry);
            }
        });
    }

    /// Whether the browser keeps it.
    pub(super) fn add(self, mut entry: Entry) -> bool {
        let is_kept = self.store(&entry);
        entry.is_kept = is_kept;
        self.entries.update(|entries| entries.push(entry));
        is_kept
    }

    pub(super) fn get(self, id: &str) -> Option<Entry> {
        self.entries.with_untracked(|entries| entries.iter().find(|entry| entry.id == id).cloned())
    }

    pub(super) fn remove(self, id: &str) {
        if let Some(prefix) = self.prefix() {
            dom::forget(&format!("{prefix}{id}"));
        }
        self.entries.update(|entries| entries.retain(|entry| entry.id != id));
    }

    pub(super) fn refuse(self, id: &str, reason: String) {
        self.entries.update(|entries| {
            if let Some(entry) = entries.iter_mut().find(|entry| entry.id == id) {
                entry.phase = Phase::Waiting;
                entry.refused = Some(reason);
                self.store(entry);
            }
        });
    }

    /// What is to be sent next.
    pub(super) fn next(self) -> Option<Entry> {
        let now = dom::now_ms();
        let ours = |entry: &Entry| entry.phase != Phase::Elsewhere || now - entry.at > LEFT_BEHIND_MS;
        self.entries
            .with_untracked(|entries| entries.iter().find(|entry| entry.refused.is_none() && ours(entry)).cloned())
    }

    /// Everything that was on its way waits from now on; returns what was.
    pub(super) fn begin_to_wait(self) -> Vec<Entry> {
        let left_behind = dom::now_ms() - LEFT_BEHIND_MS;
        let is_left = move |entry: &Entry| entry.phase == Phase::Elsewhere && entry.at < left_behind;
        let sent = self
            .entries
            .with_untracked(|entries| entries.iter().any(|entry| entry.phase == Phase::Sending || is_left(entry)));
        let mut begun = Vec::new();
        if sent {
            self.entries.update(|entries| {
                for entry in entries.iter_mut() {
                    if entry.phase == Phase::Sending {
                        entry.phase = Phase::Waiting;
                        begun.push(entry.clone());
                    } else if is_left(entry) {
                        entry.phase = Phase::Waiting;
                    }
                }
            });
        }
        begun
    }

    fn prefix(self) -> Option<String> {
        self.user.get_value().map(|user| format!("{PREFIX}.{user}."))
    }

    fn store(self, entry: &Entry) -> bool {
        let Some(prefix) = self.prefix() else { return false };
        serde_json::to_string(entry).is_ok_and(|text| dom::keep(&format!("{prefix}{}", entry.id), &text))
    }
}
