//! How long a card may be where it is before its face warns.

use serde::{Deserialize, Serialize};

use super::CardState;

/// Minutes after which the time on a card's face turns amber, and red. Nothing: never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgeLimit {
    /// Amber.
    pub warning: Option<u32>,
    /// Red.
    pub late: Option<u32>,
}

/// The limits of each column. Cards that are sorted out, wait or are done grow old unnoticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgeLimits {
    /// Ready: one hour.
    pub ready: AgeLimit,
    /// Running: ten minutes, an hour.
    pub running: AgeLimit,
    /// In review: an hour, a day.
    pub review: AgeLimit,
    /// Blocked: an hour, a day.
    pub blocked: AgeLimit,
}

impl Default for AgeLimits {
    fn default() -> Self {
        let limit = |warning, late| AgeLimit { warning: Some(warning), late };
        Self {
            ready: limit(60, None),
            running: limit(10, Some(60)),
            review: limit(60, Some(24 * 60)),
            blocked: limit(60, Some(24 * 60)),
        }
    }
}

impl AgeLimits {
    /// The limits of a column.
    #[must_use]
    pub fn of(&self, state: CardState) -> AgeLimit {
        match state {
            CardState::Ready => self.ready,
            CardState::Running => self.running,
            CardState::Review => self.review,
            CardState::Blocked => self.blocked,
            CardState::Triage | CardState::Todo | CardState::Scheduled | CardState::Done | CardState::Archived => {
                AgeLimit::default()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_keeps_its_limits() {
        let limits: AgeLimits = serde_json::from_str(r#"{"running":{"warning":30,"late":120},"ready":{}}"#).unwrap();
        assert_eq!(limits.of(CardState::Running), AgeLimit { warning: Some(30), late: Some(120) });
        assert_eq!(limits.of(CardState::Ready), AgeLimit::default());
        assert_eq!(limits.of(CardState::Blocked), AgeLimits::default().blocked);
        assert_eq!(limits.of(CardState::Done), AgeLimit::default());
        assert!(serde_json::from_str::<AgeLimits>(r#"{"runing":{}}"#).is_err());
    }
}
