//! Decides for a whole board where its cards go: states, places in the columns, links that close a circle. Pure.

use std::cmp::Reverse;
use std::collections::HashMap;

use protocol::CardState;

use super::source::Bone;
use crate::kanban;

/// Whether imported cards may start by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// Cards that could start at once go to triage, where nothing starts before a person says so.
    #[default]
    Held,
    /// Cards that can start do.
    AtOnce,
}

/// What an earlier import left of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// It is new.
    No,
    /// It is here, in this state.
    Here(CardState),
    /// It was deleted here, so it keeps nothing waiting and gets nothing added.
    Gone,
}

/// Where a new card goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) state: CardState,
    pub(super) rank: String,
    /// It would be `ready`.
    pub(super) held: bool,
}

/// A status of the old product as one of ours; `None` is a word it never had.
pub(super) fn state_of(bone: &Bone) -> Option<CardState> {
    match CardState::parse_input(&bone.status) {
        // A worker that asked for review had no other way than to block.
        Ok(CardState::Blocked) if bone.block.as_ref().is_some_and(|block| asks_review(&block.reason)) => {
            Some(CardState::Review)
        }
        Ok(state) => Some(state),
        // silent-ok: an unknown word is reported by the caller
        Err(_) => None,
    }
}

/// How workers of the old product said that their work wants a look.
pub(super) fn asks_review(reason: &str) -> bool {
    let reason = reason.trim_start();
    ["review-required:", "review required:"]
        .iter()
        .any(|prefix| reason.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix)))
}

/// Which of these links close a circle, in their order: the later one does.
pub(super) fn circles(cards: usize, links: &[(usize, usize)]) -> Vec<bool> {
    let mut children: Vec<Vec<(usize, usize)>> = vec![Vec::new(); cards];
    for (index, (parent, child)) in links.iter().enumerate() {
        children[*parent].push((*child, index));
    }
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        No,
        OnTheWay,
        Done,
    }
    let mut seen = vec![Seen::No; cards];
    let mut dropped = vec![false; links.len()];
    // Depth first with a stack of its own: chains may be longer than the thread's.
    for start in 0..cards {
        if seen[start] != Seen::No {
            continue;
        }
        seen[start] = Seen::OnTheWay;
        let mut way = vec![(start, 0)];
        while let Some((card, next)) = way.last_mut() {
            let Some((child, link)) = children[*card].get(*next).copied() else {
                seen[*card] = Seen::Done;
                way.pop();
                continue;
            };
            *next += 1;
            match seen[child] {
                Seen::OnTheWay => dropped[link] = true,
                Seen::No => {
                    seen[child] = Seen::OnTheWay;
                    way.push((child, 0));
                }
                Seen::Done => {}
            }
        }
    }
    dropped
}

/// Places every new card. `links` are those that stay.
pub(super) fn place(
    bones: &[Bone],
    known: &[Known],
    links: &[(usize, usize)],
    start: Start,
    mut ends: HashMap<CardState, String>,
) -> Vec<Option<Placed>> {
    let finished = |index: usize| match known[index] {
        Known::Here(state) => state.is_finished(),
        Known::Gone => true,
        Known::No => state_of(&bones[index]).is_some_and(CardState::is_finished),
    };
    let mut waits = vec![false; bones.len()];
    for (parent, child) in links {
        waits[*child] |= !finished(*parent);
    }
    let mut targets: Vec<(usize, CardState, bool)> = (0..bones.len())
        .filter(|index| known[*index] == Known::No)
        .map(|index| {
            let (state, held) = target(&bones[index], waits[index], start);
            (index, state, held)
        })
        .collect();
    // The order people saw: what waits by priority and age, the rest with the newest on top.
    targets.sort_by_cached_key(|(index, state, _)| {
        let bone = &bones[*index];
        let newest = matches!(state, CardState::Done | CardState::Archived | CardState::Review | CardState::Blocked);
        if newest {
            let at = bone.block.as_ref().and_then(|block| block.at).unwrap_or(bone.moved_at);
            (Reverse(at), 0, bone.rowid)
        } else {
            (Reverse(bone.priority), bone.created_at, bone.rowid)
        }
    });
    let mut placed = vec![None; bones.len()];
    for (index, state, held) in targets {
        let rank = kanban::rank_between(ends.get(&state).map(String::as_str), None);
        ends.insert(state, rank.clone());
        placed[index] = Some(Placed { state, rank, held });
    }
    placed
}

fn target(bone: &Bone, waits: bool, start: Start) -> (CardState, bool) {
    let state = state_of(bone).unwrap_or(CardState::Triage);
    match state {
        CardState::Todo | CardState::Ready | CardState::Running if waits => (CardState::Todo, false),
        CardState::Todo | CardState::Ready | CardState::Running => match start {
            Start::AtOnce => (CardState::Ready, false),
            Start::Held => (CardState::Triage, true),
        },
        other => (other, false),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use protocol::CardState;

    use super::{Known, Start, asks_review, circles, place, state_of};
    use crate::import::source::{Block, Bone};

    fn bone(status: &str) -> Bone {
        Bone { rowid: 1, id: "t_1".into(), status: status.into(), priority: 0, created_at: 1, moved_at: 1, block: None }
    }

    fn states(statuses: &[&str], links: &[(usize, usize)], start: Start) -> Vec<(CardState, bool)> {
        let bones: Vec<Bone> = statuses.iter().map(|status| bone(status)).collect();
        let known = vec![Known::No; bones.len()];
        let placed = place(&bones, &known, links, start, HashMap::new());
        placed.into_iter().flatten().map(|placed| (placed.state, placed.held)).collect()
    }

    #[test]
    fn every_status_has_its_column() {
        use CardState::{Archived, Blocked, Done, Ready, Review, Scheduled, Triage};
        for (status, held, at_once) in [
            ("triage", (Triage, false), Triage),
            ("todo", (Triage, true), Ready),
            ("ready", (Triage, true), Ready),
            ("running", (Triage, true), Ready),
            ("in_progress", (Triage, true), Ready),
            ("scheduled", (Scheduled, false), Scheduled),
            ("review", (Review, false), Review),
            ("blocked", (Blocked, false), Blocked),
            ("done", (Done, false), Done),
            ("archived", (Archived, false), Archived),
            ("doing", (Triage, false), Triage),
            ("", (Triage, false), Triage),
        ] {
            assert_eq!(states(&[status], &[], Start::Held), [held], "{status}");
            assert_eq!(states(&[status], &[], Start::AtOnce), [(at_once, false)], "{status}");
        }
    }

    #[test]
    fn a_card_waits_exactly_while_a_parent_is_unfinished() {
        use CardState::{Ready, Todo};
        for (parent, child, wanted) in [
            ("running", "ready", Todo),
            ("blocked", "running", Todo),
            ("ready", "todo", Todo),
            ("nonsense", "todo", Todo),
            ("done", "todo", Ready),
            ("archived", "todo", Ready),
        ] {
            assert_eq!(states(&[parent, child], &[(0, 1)], Start::AtOnce)[1].0, wanted, "{parent} → {child}");
        }
        // What counts for a card that is here already is its state here.
        let bones = [bone("done"), bone("todo")];
        for (known, wanted) in
            [(Known::Here(CardState::Ready), Todo), (Known::Here(CardState::Done), Ready), (Known::Gone, Ready)]
        {
            let placed = place(&bones, &[known, Known::No], &[(0, 1)], Start::AtOnce, HashMap::new());
            assert_eq!(placed[0], None);
            assert_eq!(placed[1].as_ref().unwrap().state, wanted);
        }
    }

    #[test]
    fn a_request_for_review_is_a_review() {
        let mut card = bone("blocked");
        for (reason, wanted) in [
            ("review-required: look", CardState::Review),
            (" Review-Required:", CardState::Review),
            ("please review", CardState::Blocked),
            ("é", CardState::Blocked),
        ] {
            card.block = Some(Block { reason: reason.into(), ..Block::default() });
            assert_eq!(state_of(&card), Some(wanted), "{reason}");
        }
        assert!(!asks_review("review-requirée"));
    }

    #[test]
    fn columns_keep_the_order_people_saw() {
        let mut bones: Vec<Bone> = (0..4).map(|_| bone("todo")).collect();
        for (bone, (rowid, priority, created_at)) in bones.iter_mut().zip([(1, 0, 5), (2, 0, 3), (3, 9, 9), (4, -1, 1)])
        {
            (bone.rowid, bone.priority, bone.created_at) = (rowid, priority, created_at);
        }
        let order = |bones: &[Bone]| {
            let ends = HashMap::from([(CardState::Ready, "f".repeat(16))]);
            let placed = place(bones, &vec![Known::No; bones.len()], &[], Start::AtOnce, ends);
            let mut ranked: Vec<(String, i64)> =
                placed.into_iter().flatten().zip(bones).map(|(placed, bone)| (placed.rank, bone.rowid)).collect();
            ranked.sort();
            assert!(ranked[0].0 > "f".repeat(16) || bones[0].status == "done", "after what is here already");
            ranked.into_iter().map(|(_, rowid)| rowid).collect::<Vec<_>>()
        };
        assert_eq!(order(&bones), [3, 2, 1, 4]);
        for (bone, moved_at) in bones.iter_mut().zip([10, 40, 20, 30]) {
            (bone.status, bone.moved_at) = ("done".into(), moved_at);
        }
        assert_eq!(order(&bones), [2, 4, 3, 1]);
    }

    #[test]
    fn circles_lose_one_link_and_nothing_else() {
        assert_eq!(circles(3, &[(0, 1), (1, 2), (0, 2)]), [false; 3]);
        assert_eq!(circles(2, &[(0, 1), (1, 0)]), [false, true]);
        assert_eq!(circles(1, &[(0, 0)]), [true]);
        assert_eq!(circles(4, &[(0, 1), (1, 2), (2, 0), (2, 3)]), [false, false, true, false]);
        // A long chain must not need a deep stack.
        let chain: Vec<(usize, usize)> = (0..200_000).map(|n| (n, n + 1)).chain([(200_000, 0)]).collect();
        assert_eq!(circles(200_001, &chain).iter().filter(|dropped| **dropped).count(), 1);
    }
}
