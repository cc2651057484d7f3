//! A card's page as signals. What the server says replaces it piece by piece, so that a comment that arrives does not
//! disturb a log that is being read.
use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{CardDetail, CardRef, CardState, CardWritten, ErrorCode, MoveCardParams, StreamMessage};

use super::activity::Activity;
use super::hand::Hand;
use super::verbs::{Want, work};
use crate::features::kanban::form::offer_undo;
use crate::features::kanban::recover::Recover;
use crate::features::kanban::server_fns::{AddComment, MoveCard, read_card};
use crate::features::kanban::words;
use crate::i18n::t;
use crate::live::{Live, Watch};
use crate::outbox::{About, Entry, Outbox, Outcome};
use crate::ui::{Owed, Toasts, dom};

/// The card on screen.
#[derive(Debug, Clone, Copy)]
pub struct CardPage {
    /// Everything about it.
    pub detail: RwSignal<CardDetail>,
    /// What its newest run does.
    pub activity: Activity,
    /// The server's clock, a few times a minute.
    pub now: RwSignal<i64>,
    /// It was deleted.
    pub gone: RwSignal<bool>,
    /// The form stands in the place of title and description.
    pub editing: RwSignal<bool>,
    /// The dialog that adds a dependency is open.
    pub linking: RwSignal<bool>,
    /// What is done to get it going again.
    pub recover: Recover,
    /// The menu and the dialog of what can be done with it.
    pub(super) hand: Hand,
    /// The server's clock minus ours.
    offset: StoredValue<i64>,
    owed: Owed,
    live: Live,
    pub(super) outbox: Outbox,
    pub(super) toasts: Toasts,
}

impl CardPage {
    /// The page of a card that was just read.
    #[must_use]
    pub fn new(detail: CardDetail, live: Live, toasts: Toasts, outbox: Outbox) -> Self {
        let activity = Activity::new(detail.runs.first().map(|run| run.id), &detail.activity);
        if detail.runs.first().is_some_and(|run| run.ended_at.is_some()) {
            activity.end();
        }
        Self {
            now: RwSignal::new(detail.now),
            offset: StoredValue::new(0),
            owed: Owed::new(toasts),
            detail: RwSignal::new(detail),
            gone: RwSignal::new(false),
            editing: RwSignal::new(false),
            linking: RwSignal::new(false),
            recover: Recover::new(),
            hand: Hand::new(),
            activity,
            live,
            outbox,
            toasts,
        }
    }

    /// Says what the page wants to hear about. Call it from an effect.
    pub fn watch(self) {
        self.live.watch(self.wanted());
    }

    /// What the page wants to hear about.
    pub fn wanted(self) -> Watch {
        let (card, seq, run) = self.detail.with(|detail| {
            let run = detail.runs.first().filter(|run| run.ended_at.is_none()).map(|run| run.id);
            (detail.card.id, detail.seq, run)
        });
        let run = run.map(|run| (run, self.activity.last_seq()));
        Watch { card: Some(card), run, after: seq, board: None }
    }

    /// Follows what the stream says about the card.
    pub fn listen(self) {
        let (live, id) = (self.live, self.detail.with_untracked(|detail| detail.card.id));
        live.on_message(move |message| match message {
            StreamMessage::Card { card_id, .. } if *card_id == id => self.reload(),
            StreamMessage::Snapshot { .. } => self.reload(),
            StreamMessage::Run(delta) if delta.card_id == id => {
                if self.activity.apply(delta) {
                    live.advance_run(delta.run_id, self.activity.last_seq());
                } else {
                    self.reload();
                }
            }
            _ => {}
        });
    }

    /// Keeps ages fresh while the window can be seen.
    pub fn keep_time(self) {
        self.offset.set_value(self.now.get_untracked() - dom::now_ms());
        let interval = set_interval_with_handle(
            move || {
                if !document().hidden() {
                    self.now.try_set(dom::now_ms() + self.offset.get_value());
                }
            },
            std::time::Duration::from_secs(10),
        );
        if let Ok(interval) = interval {
            on_cleanup(move || interval.clear());
        }
    }

    /// Reads the card again.
    pub fn reload(self) {
        let Some(id) = self.detail.try_with_untracked(|detail| detail.card.id) else { return };
        spawn_local(async move {
            match read_card(CardRef::Id(id)).await {
                Ok(fresh) => {
                    self.owed.settle();
                    self.replace(fresh);
                    self.gone.try_set(false);
                }
                Err(error) if error.code == ErrorCode::NotFound => {
                    self.owed.settle();
                    self.gone.try_set(true);
                }
                Err(error) => self.owed.try_again(error, move || self.reload()),
            }
        });
    }

    fn replace(self, fresh: CardDetail) {
        // Answers can overtake each other, and the page may be gone.
        let newer = self.detail.try_with_untracked(|detail| detail.card.id == fresh.card.id && detail.seq <= fresh.seq);
        if newer != Some(true) {
            return;
        }
        self.activity.catch_up(fresh.runs.first().map(|run| run.id), &fresh.activity);
        if fresh.runs.first().is_some_and(|run| run.ended_at.is_some()) {
            self.activity.end();
        }
        self.offset.set_value(fresh.now - dom::now_ms());
        self.now.set(fresh.now);
        self.detail.set(fresh);
    }

    /// Moves the card by hand; archiving is a move, too.
    pub fn move_to(self, to: CardState) {
        let id = self.detail.with_untracked(|detail| detail.card.id);
        let params = MoveCardParams { id, revision: None, to, after: None, before: None };
        let label = self.detail.with_untracked(|detail| words::label(detail.card.number));
        let about = About { label: t::outbox_move(&label, words::state_name(to)), cards: vec![id], ..About::default() };
        self.outbox.send(&MoveCard { params }, about, move |outcome| {
            if let (Outcome::Refused(error), true) = (&outcome, self.detail.is_disposed()) {
                return self.toasts.fail(error.message.clone());
            }
            if self.detail.is_disposed() {
                return;
            }
            match outcome {
                Outcome::Done { answer, late: false } => {
                    let text = words::moved(&label, answer.card.state);
                    self.written(answer, text);
                }
                Outcome::Done { .. } => self.reload(),
                Outcome::Refused(error) => self.toasts.fail(error.message),
                Outcome::Waits | Outcome::TakenBack | Outcome::Elsewhere => {}
            }
        });
    }

    /// Comments of this card that wait to be sent.
    pub fn comments_that_wait(self) -> Vec<Entry> {
        let id = self.detail.with_untracked(|detail| detail.card.id);
        let of_card = |entry: &Entry| entry.is::<AddComment>() && entry.cards.contains(&id);
        self.outbox.waiting().into_iter().filter(of_card).collect()
    }

    /// Does something that is fetched first.
    pub(super) fn want(self, want: Want) {
        spawn_local(async move { drop(work(self, want).await) });
    }

    pub(super) fn written(self, written: CardWritten, text: String) {
        if let Some(undo) = written.undo {
            offer_undo(self.toasts, text, undo);
        }
        self.reload();
    }
}
