//! A reading that failed and is tried again until it succeeds: what was missed does not come by itself.
use std::time::Duration;

use leptos::prelude::*;

use protocol::ErrorCode;

use super::Toasts;
use crate::error::ApiError;
use crate::live::{Connection, Live};

const AGAIN_AFTER: Duration = Duration::from_secs(4);

/// Whether something is still to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owed {
    /// Nothing, or whether the person knows.
    owed: StoredValue<Option<bool>>,
    /// Another try is planned.
    planned: StoredValue<bool>,
    live: Live,
    toasts: Toasts,
}

impl Owed {
    /// Nothing yet. Belongs to the page that reads, and ends with it.
    #[must_use]
    pub fn new(toasts: Toasts) -> Self {
        Self { owed: StoredValue::new(None), planned: StoredValue::new(false), live: expect_context::<Live>(), toasts }
    }

    /// It was read.
    pub fn settle(self) {
        self.owed.try_set_value(None);
    }

    /// It could not be read: said once, however often it is tried. Not while the frame says that there is no connection;
    /// and a server that does not answer is asked a second time, because the frame may know it a moment later.
    pub fn try_again(self, why: ApiError, read: impl Fn() + 'static) {
        let Some(before) = self.owed.try_get_value() else { return }; // its page has gone
        let is_first = before.is_none() && why.code == ErrorCode::Network;
        let is_said = before == Some(true);
        let says = !is_said && !is_first && self.live.connection_now() == Connection::Live;
        if says {
            self.toasts.fail(why.message);
        }
        self.owed.try_set_value(Some(is_said || says));
        if self.planned.try_get_value() != Some(false) {
            return;
        }
        self.planned.try_set_value(true);
        let again = move || {
            self.planned.try_set_value(false);
            if self.owed.try_get_value().flatten().is_some() {
                read();
            }
        };
        set_timeout(again, AGAIN_AFTER);
    }
}
