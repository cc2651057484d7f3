//! Letting cards start that wait, or later, with the reason: all of it together, and taken back together.

use agent_core::kanban::{self, KanbanError, Promotion};
use protocol::{CardRef, CardState, CreateCardParams, Promoted, TaskCard, UndoId, UndoResult};

use crate::support::{START_MS, World, ada};

const HOUR: i64 = 3_600_000;

async fn promote(world: &World, card: &TaskCard, how: Promotion<'_>) -> Result<Promoted, KanbanError> {
    kanban::promote_card(&world.core, &ada(), CardRef::Id(card.id), how).await
}

async fn undo(world: &World, id: Option<UndoId>) -> UndoResult {
    let result = kanban::undo(&world.core, &ada(), id.expect("it can be taken back")).await.unwrap();
    assert!(result.refused.is_empty(), "{result:?}");
    world.check_invariants().await;
    result
}

/// Its state, its comments, and how many cards it waits for.
async fn stands(world: &World, card: &TaskCard) -> (CardState, u32, u32) {
    let detail = kanban::card_detail(&world.core, CardRef::Id(card.id)).await.unwrap();
    (detail.card.state, detail.card.comments, detail.parents_all)
}

fn after(parents: &[&TaskCard], title: &str) -> CreateCardParams {
    let parents = parents.iter().map(|parent| CardRef::Id(parent.id)).collect();
    CreateCardParams { title: title.into(), parents, ..CreateCardParams::default() }
}

#[tokio::test]
async fn a_card_that_waits_for_others_starts_when_it_is_forced() {
    let world = World::new().await;
    let (a, b) = (world.create("a").await, world.create("b").await);
    let child = world.create_with(after(&[&a, &b], "child")).await;
    for dry_run in [true, false] {
        let refused = promote(&world, &child, Promotion { dry_run, ..Promotion::default() }).await.unwrap_err();
        let said = refused.to_string();
        assert!(matches!(refused, KanbanError::Conflict(_)), "{said}");
        assert!(said.contains("T-3 waits for T-1, T-2") && said.contains("promote T-3 --force"), "{said}");
    }
    let forced = Promotion { reason: " it is urgent ", force: true, dry_run: false };
    let told = promote(&world, &child, Promotion { dry_run: true, ..forced }).await.unwrap();
    assert_eq!((told.to, told.unlinked.as_slice(), told.dry_run), (CardState::Ready, [1, 2].as_slice(), true));
    assert_eq!((told.written.card.state, told.written.undo), (CardState::Todo, None));
    assert_eq!(stands(&world, &child).await, (CardState::Todo, 0, 2), "nothing was written");

    let done = promote(&world, &child, forced).await.unwrap();
    assert_eq!((done.to, done.unlinked.as_slice(), done.dry_run), (CardState::Ready, [1, 2].as_slice(), false));
    assert_eq!(stands(&world, &child).await, (CardState::Ready, 1, 0));
    world.check_invariants().await;
    let back = undo(&world, done.written.undo).await;
    assert_eq!(stands(&world, &child).await, (CardState::Todo, 0, 2), "as it was");
    undo(&world, back.redo).await;
    assert_eq!(stands(&world, &child).await, (CardState::Ready, 0, 0), "and again, but for the comment");
}

#[tokio::test]
async fn a_scheduled_card_goes_where_its_parents_let_it() {
    let world = World::new().await;
    let parent = world.create("parent").await;
    let child = CreateCardParams { scheduled_at: Some(START_MS + HOUR), ..after(&[&parent], "child") };
    let child = world.create_with(child).await;
    assert_eq!(child.state, CardState::Scheduled);
    let waits = promote(&world, &child, Promotion::default()).await.unwrap();
    assert_eq!((waits.to, waits.unlinked.len()), (CardState::Todo, 0));
    undo(&world, waits.written.undo).await;
    assert_eq!(stands(&world, &child).await, (CardState::Scheduled, 0, 1));

    let starts = promote(&world, &child, Promotion { force: true, ..Promotion::default() }).await.unwrap();
    assert_eq!((starts.to, starts.unlinked.as_slice()), (CardState::Ready, [1].as_slice()));
    let back = undo(&world, starts.written.undo).await;
    assert_eq!(stands(&world, &child).await, (CardState::Scheduled, 0, 1));
    undo(&world, back.redo).await;
    assert_eq!(stands(&world, &child).await, (CardState::Ready, 0, 0));
}

#[tokio::test]
async fn what_runs_is_left_alone_and_what_is_ready_need_not_rest() {
    let world = World::new().await;
    let card = world.create("work").await;
    let ready = promote(&world, &card, Promotion::default()).await.unwrap();
    assert_eq!((ready.to, ready.written.undo), (CardState::Ready, None), "that it starts sooner is not taken back");
    let said = promote(&world, &card, Promotion { reason: "now", ..Promotion::default() }).await.unwrap();
    assert_eq!(stands(&world, &card).await.1, 1);
    undo(&world, said.written.undo).await;
    assert_eq!(stands(&world, &card).await.1, 0);
    world.claim().await;
    let refused = promote(&world, &card, Promotion { force: true, ..Promotion::default() }).await.unwrap_err();
    assert!(refused.to_string().contains("T-1 is running already"), "{refused}");
    assert_eq!(world.state(&card).await, CardState::Running);
}

#[tokio::test]
async fn the_reason_of_a_later_start_is_a_comment_that_goes_with_it() {
    let world = World::new().await;
    let card = world.create("work").await;
    let at = START_MS + HOUR;
    let later = kanban::schedule_with(&world.core, &ada(), CardRef::Id(card.id), at, "  after the release ").await;
    let later = later.unwrap();
    assert_eq!(stands(&world, &card).await, (CardState::Scheduled, 1, 0));
    undo(&world, later.undo).await;
    assert_eq!(stands(&world, &card).await, (CardState::Ready, 0, 0));
    let past = kanban::schedule_with(&world.core, &ada(), CardRef::Id(card.id), START_MS - 1, "why").await;
    assert!(past.is_err());
    assert_eq!(stands(&world, &card).await, (CardState::Ready, 0, 0), "no comment without the rest");
}
