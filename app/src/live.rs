//! The live stream: one connection per window that tells every page what changed.
use leptos::prelude::*;

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

/// The connection. One for the whole app, in the context.
#[derive(Debug, Clone, Copy)]
pub struct Live {
    connection: RwSignal<Connection>,
    inbox: RwSignal<Option<i64>>,
}

impl Live {
    /// Puts the connection into the context.
    pub fn provide() {
        provide_context(Self { connection: RwSignal::new(Connection::Live), inbox: RwSignal::new(None) });
    }

    /// How the connection is.
    #[must_use]
    pub fn connection(self) -> Connection {
        self.connection.get()
    }

    /// Open decisions, once known.
    #[must_use]
    pub fn inbox(self) -> Option<i64> {
        self.inbox.get()
    }

    /// A page has just read the number of open decisions.
    pub fn set_inbox(self, open: i64) {
        self.inbox.set(Some(open));
    }
}
