//! A reading that failed and is tried again until it succeeds: what was missed does not come by itself.
use std::time::Duration;

use leptos::prelude::*;

use super::Toasts;

const AGAIN_AFTER: Duration = Duration::from_secs(4);

/// Whether something is still to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owed {
    owed: StoredValue<bool>,
    /// Another try is planned.
    planned: StoredValue<bool>,
    toasts: Toasts,
}

impl Owed {
    /// Nothing yet. Belongs to the page that reads, and ends with it.
    #[must_use]
    pub fn new(toasts: Toasts) -> Self {
        Self { owed: StoredValue::new(false), planned: StoredValue::new(false), toasts }
    }

    /// It was read.
    pub fn settle(self) {
        self.owed.try_set_value(false);
    }

    /// It could not be read: said once, however often it is tried.
    pub fn try_again(self, why: String, read: impl Fn() + 'static) {
        if self.owed.try_get_value() == Some(false) {
            self.toasts.fail(why);
        }
        self.owed.try_set_value(true);
        if self.planned.try_get_value() != Some(false) {
            return;
        }
        self.planned.try_set_value(true);
        let again = move || {
            self.planned.try_set_value(false);
            if self.owed.try_get_value() == Some(true) {
                read();
            }
        };
        set_timeout(again, AGAIN_AFTER);
    }
}
