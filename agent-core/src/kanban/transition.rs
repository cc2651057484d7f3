//! The transition table, and the one function through which a card changes its state.

use protocol::{CardState, DecisionId, RunId, RunOutcome};
use sqlx::SqliteConnection;

use super::card_row::CardRow;
use super::event::{self, NewEvent};
use super::{KanbanError, create, pause, rank, store};
use crate::{Actor, Core, audit, decisions};

/// What makes a card move. The table below says which moves each may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A person moves it by hand.
    Person,
    /// A person settles its decision.
    Settle,
    /// A dispatcher or worker claims it.
    Claim,
    /// Its worker finishes it.
    Complete,
    /// Its worker asks for review.
    AskReview,
    /// Its worker asks a question.
    AskInput,
    /// Its worker waits for another card.
    AwaitParent,
    /// Its run failed or was taken back; another attempt follows.
    Recover,
    /// Its run failed too often.
    GiveUp,
    /// Its parents are finished.
    Promote,
    /// A parent is unfinished again.
    Demote,
    /// A person says when it starts.
    Schedule,
    /// Its time has come.
    Due,
    /// It was written out or taken apart, on a board whose owner wants that without being asked.
    Triaged,
    /// A person takes a write back.
    Undo,
}

/// Whether the move is in the table. Staying in place is no move and never legal here.
pub(crate) fn is_legal(cause: Cause, from: CardState, to: CardState) -> bool {
    use CardState::{Archived, Blocked, Done, Ready, Review, Running, Scheduled, Todo, Triage};
    match cause {
        // A person's "ready" becomes "todo" while a parent is unfinished, so both count as the same wish.
        Cause::Person => {
            from.manual_targets().contains(&to)
                || (to == Todo && from != Todo && from.manual_targets().contains(&Ready))
        }
        Cause::Settle => matches!((from, to), (Review | Blocked, Ready | Todo | Done | Archived)),
        Cause::Claim => (from, to) == (Ready, Running),
        Cause::Complete => (from, to) == (Running, Done),
        Cause::AskReview => (from, to) == (Running, Review),
        Cause::AskInput => to == Blocked && from.may_be_blocked(),
        Cause::AwaitParent => (from, to) == (Running, Todo),
        Cause::Recover => matches!((from, to), (Running, Ready | Todo)),
        Cause::GiveUp => (from, to) == (Running, Blocked),
        Cause::Promote => matches!((from, to), (Todo, Ready)),
        Cause::Demote => matches!((from, to), (Ready, Todo)),
        Cause::Schedule => matches!((from, to), (Triage | Todo | Ready | Running, Scheduled)),
        Cause::Due => matches!((from, to), (Scheduled, Ready | Todo)),
        Cause::Triaged => matches!((from, to), (Triage, Ready | Todo)),
        Cause::Undo => from != to && to != Running,
    }
}

/// Where in its new column a card lands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// On top where people look for what is new, at the end where cards wait their turn.
    Usual,
    /// At this rank.
    At(String),
}

/// How the run under way ends when its card leaves `running`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RunEnd {
    pub(crate) outcome: RunOutcome,
    pub(crate) summary: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) metadata: Option<String>,
}

impl RunEnd {
    pub(crate) fn reclaimed(reason: impl Into<String>) -> Self {
        Self { outcome: RunOutcome::Reclaimed, summary: None, error: Some(reason.into()), metadata: None }
    }
}

/// What becomes of the failure counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failures {
    /// Stays as it is.
    Keep,
    /// Success, a person or a new assignee start afresh.
    Reset,
    /// One more, with the reason.
    Add(String),
    /// The reason is kept, nothing is counted.
    Note(String),
}

/// One change of state.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Transition {
    pub(crate) cause: Cause,
    pub(crate) to: CardState,
    pub(crate) place: Place,
    pub(crate) event: &'static str,
    pub(crate) detail: serde_json::Value,
    pub(crate) run_end: Option<RunEnd>,
    pub(crate) claimed_run: Option<RunId>,
    pub(crate) failures: Failures,
    /// Not started before this time, so that a person can take a decision back.
    pub(crate) hold_until: Option<i64>,
    pub(crate) backoff_until: Option<i64>,
    pub(crate) summary: Option<String>,
    /// When it starts; only on the way to `scheduled`.
    pub(crate) scheduled_at: Option<i64>,
    /// A person looked at it: its budget counts from here.
    pub(crate) new_budget: bool,
    /// The decision that was just settled and must not be withdrawn as left over.
    pub(crate) settled: Option<DecisionId>,
}

impl Transition {
    pub(crate) fn new(cause: Cause, to: CardState, event: &'static str) -> Self {
        Self {
            cause,
            to,
            place: Place::Usual,
            event,
            detail: serde_json::json!({}),
            run_end: None,
            claimed_run: None,
            failures: Failures::Keep,
            hold_until: None,
            backoff_until: None,
            summary: None,
            scheduled_at: None,
            new_budget: false,
            settled: None,
        }
    }
}

/// Moves a card: checks the table, compares and sets, ends the run, withdraws a left-over decision, wakes or
/// demotes children, and writes event and audit. The caller commits.
pub(crate) async fn apply(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    card: &CardRow,
    transition: Transition,
) -> Result<CardRow, KanbanError> {
    let mut after = apply_all(core, tx, actor, vec![(card, transition)]).await?;
    after.pop().ok_or_else(|| KanbanError::Conflict(format!("{} did not move", card.label())))
}

/// Moves cards that do not depend on each other. What is written of each is written for all together: every statement
/// is a trip to the thread that holds the connection, which costs more than the statement.
pub(crate) async fn apply_all(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    mut moves: Vec<(&CardRow, Transition)>,
) -> Result<Vec<CardRow>, KanbanError> {
    let now = core.now_ms();
    let mut moved = Vec::with_capacity(moves.len());
    for (card, transition) in &mut moves {
        moved.push(set_state(tx, card, transition, now).await?);
        if let Some(detail) = transition.detail.as_object_mut() {
            detail.insert("from".into(), card.state.as_str().into());
            detail.insert("to".into(), transition.to.as_str().into());
        }
    }
    let mut entries = Vec::with_capacity(moves.len());
    for (card, transition) in &moves {
        entries.push(audit::Entry { action: transition.event, object: card.object(), detail: &transition.detail });
    }
    audit::record_all(tx, now, actor, entries).await?;
    let events: Vec<NewEvent<'_>> = moves
        .iter_mut()
        .map(|(card, transition)| {
            let run = transition.claimed_run.or(card.current_run_id);
            NewEvent { card, run, kind: transition.event, actor, detail: transition.detail.take(), at: now }
        })
        .collect();
    event::append_all(tx, &events).await?;
    drop(events);
    for ((card, transition), after) in moves.iter().zip(&moved) {
        if transition.failures == Failures::Reset && matches!(transition.to, CardState::Ready | CardState::Todo) {
            pause::resume_for(core, tx, actor, card).await?;
        }
        tell_children(core, tx, card, transition.to, transition.hold_until).await?;
        // What comes back from the archive as it was is not finished once more.
        let comes_back = transition.cause == Cause::Undo && card.state.is_finished();
        if transition.to == CardState::Done && !comes_back {
            create::create_next_occurrence(core, tx, after).await?;
        }
    }
    Ok(moved)
}

/// The row itself, the run that ends with it, and the question that nobody needs to answer any more.
async fn set_state(
    tx: &mut SqliteConnection,
    card: &CardRow,
    transition: &Transition,
    now: i64,
) -> Result<CardRow, KanbanError> {
    refuse_illegal(card, transition)?;
    if let Some(run) = card.current_run_id {
        let end = transition.run_end.clone().unwrap_or_else(|| RunEnd::reclaimed("the card was taken back"));
        store::end_run(tx, run, now, &end).await?;
    }
    let (failures, last_error) = match &transition.failures {
        Failures::Keep => (card.failures, card.last_error.clone()),
        Failures::Reset => (0, None),
        Failures::Add(error) => (card.failures.saturating_add(1), Some(error.clone())),
        Failures::Note(error) => (card.failures, Some(error.clone())),
    };
    let rank = match &transition.place {
        Place::At(rank) => rank.clone(),
        Place::Usual => usual_rank(tx, card, transition.to).await?,
    };
    let claimed = transition.claimed_run.is_some();
    let change = store::StateChange {
        id: card.id,
        revision: card.revision,
        state: transition.to,
        rank,
        now,
        run: transition.claimed_run,
        fence: card.fence + i64::from(claimed),
        attempts: card.attempts + u32::from(claimed),
        failures,
        last_error,
        hold_until: transition.hold_until,
        backoff_until: transition.backoff_until,
        summary: transition.summary.clone().or_else(|| card.summary.clone()),
        scheduled_at: match transition.to {
            CardState::Scheduled => transition.scheduled_at.or(card.scheduled_at),
            _ => None,
        },
        new_budget: transition.new_budget,
    };
    let Some(after) = store::set_state(tx, &change).await? else {
        let label = card.label();
        return Err(KanbanError::Conflict(format!("{label} was changed by somebody else just now; look again")));
    };
    if let Some(left_over) = card.open_decision_id
        && transition.settled != Some(left_over)
    {
        decisions::withdraw(tx, left_over, now).await?;
    }
    Ok(after)
}

fn refuse_illegal(card: &CardRow, transition: &Transition) -> Result<(), KanbanError> {
    if is_legal(transition.cause, card.state, transition.to) {
        return Ok(());
    }
    // A card in todo is ready as soon as what it waits for is done, and no sooner.
    let in_vain = |to: CardState| (card.state, to) == (CardState::Todo, CardState::Ready);
    let targets = card.state.manual_targets().iter().filter(|to| !in_vain(**to));
    let targets: Vec<&str> = targets.map(|state| state.title()).collect();
    Err(KanbanError::Conflict(format!(
        "{} is in {} and cannot go to {} now; possible: {}",
        card.label(),
        card.state.title(),
        transition.to.title(),
        targets.join(", ")
    )))
}

/// Finished and asking cards go on top of their column, waiting ones to its end.
async fn usual_rank(tx: &mut SqliteConnection, card: &CardRow, to: CardState) -> Result<String, KanbanError> {
    use CardState::{Archived, Blocked, Done, Review, Running};
    if matches!(to, Running | Review | Blocked | Done | Archived) {
        let first = store::first_rank(tx, card.board_id, to).await?;
        Ok(rank::between(None, first.as_deref()))
    } else {
        let last = store::last_rank(tx, card.board_id, to).await?;
        Ok(rank::between(last.as_deref(), None))
    }
}

/// Finished cards that built on a card which is brought back keep their results and say that these may be out of date.
async fn mark_stale(core: &Core, tx: &mut SqliteConnection, card: &CardRow) -> Result<(), KanbanError> {
    let now = core.now_ms();
    for below in store::finished_below(tx, card.id).await? {
        store::mark_stale(tx, below.id, now).await?;
        let detail = serde_json::json!({ "parent": card.number });
        let event = NewEvent { card: &below, run: None, kind: "stale", actor: &Actor::System, detail, at: now };
        event::append(tx, event).await?;
    }
    Ok(())
}

/// A card that becomes finished wakes children that wait for nothing else; one that stops being finished takes
/// back children that have not started. Children of children are not touched: theirs is a child's state.
async fn tell_children(
    core: &Core,
    tx: &mut SqliteConnection,
    card: &CardRow,
    to: CardState,
    hold_until: Option<i64>,
) -> Result<(), KanbanError> {
    let (was, is) = (card.state.is_finished(), to.is_finished());
    if was == is {
        return Ok(());
    }
    if was {
        mark_stale(core, tx, card).await?;
    }
    let (waiting_in, cause, target, kind) = if is {
        (CardState::Todo, Cause::Promote, CardState::Ready, "promoted")
    } else {
        (CardState::Ready, Cause::Demote, CardState::Todo, "demoted")
    };
    for child in store::children_in(tx, card.id, waiting_in).await? {
        if is && store::has_unfinished_parent(tx, child.id).await? {
            continue;
        }
        let mut transition = Transition::new(cause, target, kind);
        transition.hold_until = hold_until.filter(|_| is);
        // Boxed because promotion and transition call each other; the depth is one, a child in `todo` or `ready`
        // is not finished, so it has nothing to tell its own children.
        Box::pin(apply(core, tx, &Actor::System, &child, transition)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use protocol::CardState;

    use super::{Cause, is_legal};

    const CAUSES: &[Cause] = &[
        Cause::Person,
        Cause::Settle,
        Cause::Claim,
        Cause::Complete,
        Cause::AskReview,
        Cause::AskInput,
        Cause::AwaitParent,
        Cause::Recover,
        Cause::GiveUp,
        Cause::Promote,
        Cause::Demote,
        Cause::Schedule,
        Cause::Due,
        Cause::Triaged,
    ];

    #[test]
    fn only_a_claim_makes_a_card_run() {
        for &cause in CAUSES {
            for &from in CardState::ALL {
                let legal = is_legal(cause, from, CardState::Running);
                assert_eq!(legal, cause == Cause::Claim && from == CardState::Ready, "{cause:?} {from}");
            }
        }
    }

    #[test]
    fn only_a_person_releases_a_human_gate() {
        for &cause in CAUSES {
            for gate in [CardState::Review, CardState::Blocked] {
                for &to in CardState::ALL {
                    if is_legal(cause, gate, to) {
                        assert!(matches!(cause, Cause::Person | Cause::Settle), "{cause:?}: {gate} → {to}");
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_moves_to_where_it_is() {
        for &cause in CAUSES {
            for &state in CardState::ALL {
                assert!(!is_legal(cause, state, state), "{cause:?} {state}");
            }
        }
    }

    #[test]
    fn only_a_worker_can_ask_for_review() {
        for &from in CardState::ALL {
            assert!(!is_legal(Cause::Person, from, CardState::Review));
            assert!(!is_legal(Cause::Settle, from, CardState::Review));
        }
    }
}
