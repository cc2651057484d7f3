//! Tells interested tasks that the database changed, by whichever process.
//!
//! A signal carries no data: who wakes reads what is new after the last sequence number it has seen. That makes a
//! lost or doubled signal harmless.

use tokio::sync::watch;

/// A signal that something was committed.
#[derive(Debug)]
pub struct Changes {
    sender: watch::Sender<u64>,
}

impl Default for Changes {
    fn default() -> Self {
        Self { sender: watch::Sender::new(0) }
    }
}

impl Changes {
    /// Wakes every subscriber.
    pub fn signal(&self) {
        self.sender.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// A receiver whose `changed()` resolves after the next signal.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.sender.subscribe()
    }
}
