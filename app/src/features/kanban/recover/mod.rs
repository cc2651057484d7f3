//! Getting a card going again: take it back from its worker, give it to another, change its model, try again; or let it
//! wait for a person. The form's code is fetched when the first of them opens.
mod form;

use leptos::prelude::*;
use protocol::{CardState, WaitReason};

use crate::i18n::t;
use crate::ui::Icon;

pub use form::loader;

/// What can be done to get a card going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Another attempt, with what shall be different.
    Retry,
    /// Another attempt by another profile.
    RetryAs,
    /// Another attempt with another model.
    RetryWith,
    /// Another profile; a running card is taken back first.
    Reassign,
    /// Another model, or the profile's.
    Model,
    /// End its worker; another attempt follows.
    Reclaim,
    /// End its worker, if it has one; a person is asked something first.
    Block,
}

impl Step {
    /// What can be done with a card in that state, main step first; `rests` after a failure, its own or its profile's.
    #[must_use]
    pub fn legal(state: CardState, rests: bool) -> &'static [Self] {
        match state {
            CardState::Ready if rests => &[Self::Retry, Self::Reassign, Self::Model, Self::Block],
            CardState::Blocked | CardState::Done => &[Self::Retry, Self::Reassign, Self::Model],
            CardState::Running => &[Self::Reclaim, Self::Reassign, Self::Model, Self::Block],
            CardState::Archived => &[],
            _ if state.may_be_blocked() => &[Self::Reassign, Self::Model, Self::Block],
            _ => &[Self::Reassign, Self::Model],
        }
    }

    /// Whether it makes sense for a card whose profile runs a program: no model works for that.
    #[must_use]
    pub fn suits(self, program: bool) -> bool {
        !(program && matches!(self, Self::Model | Self::RetryWith))
    }

    /// Whether a card waits only because an attempt failed.
    #[must_use]
    pub fn rests(wait: Option<&WaitReason>) -> bool {
        matches!(wait, Some(WaitReason::ProfilePaused { .. } | WaitReason::BackingOff { .. }))
    }

    /// What a button or a menu's entry calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Retry => t::recover_retry(),
            Self::Reassign | Self::RetryAs => t::recover_reassign(),
            Self::Model | Self::RetryWith => t::recover_model(),
            Self::Reclaim => t::recover_reclaim(),
            Self::Block => t::recover_block(),
        }
    }

    /// The same without the sign that more follows, for a dialog's title.
    #[must_use]
    pub fn title(self) -> String {
        self.name().trim_end_matches('…').to_owned()
    }

    /// Its sign.
    #[must_use]
    pub fn icon(self) -> Icon {
        match self {
            Self::Retry => Icon::Repeat,
            Self::Reassign | Self::RetryAs => Icon::Agent,
            Self::Model | Self::RetryWith => Icon::Settings,
            Self::Reclaim => Icon::Undo,
            Self::Block => Icon::Stop,
        }
    }
}

/// The step that is being taken, and whether its dialog is open.
#[derive(Debug, Clone, Copy)]
pub struct Recover {
    /// Which.
    pub step: RwSignal<Step>,
    /// Whether its dialog is open.
    pub open: RwSignal<bool>,
}

impl Recover {
    /// Nothing is being done.
    #[must_use]
    pub fn new() -> Self {
        Self { step: RwSignal::new(Step::Retry), open: RwSignal::new(false) }
    }

    /// Opens the dialog.
    pub fn start(self, step: Step) {
        self.step.set(step);
        self.open.set(true);
    }
}
