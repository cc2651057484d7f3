//! Where a card's worker works is changed as long as nothing was made for it, and taken back like any other field.

use std::path::Path;

use agent_core::kanban::{self, KanbanError, worker};
use protocol::{CardDetail, CardField, CardRef, CreateCardParams, EditCardParams, ErrorCode, TaskCard, WorkspaceKind};

use crate::support::{World, ada};

fn text(path: &Path) -> String {
    path.canonicalize().unwrap().to_string_lossy().into_owned()
}

async fn detail(world: &World, card: &TaskCard) -> CardDetail {
    kanban::card_detail(&world.core, CardRef::Id(card.id)).await.unwrap()
}

async fn now(world: &World, card: &TaskCard) -> EditCardParams {
    EditCardParams::of(card.id, world.card(card).await.revision)
}

async fn to_dir(world: &World, card: &TaskCard, path: &Path) -> EditCardParams {
    let path = Some(path.to_string_lossy().into_owned());
    EditCardParams { workspace: Some(WorkspaceKind::Dir), workspace_path: path, ..now(world, card).await }
}

async fn refusal(world: &World, edit: EditCardParams) -> KanbanError {
    kanban::edit_card(&world.core, &ada(), edit).await.unwrap_err()
}

#[tokio::test]
async fn a_card_gets_another_place_and_has_the_old_one_back() {
    let (world, dir) = (World::new().await, tempfile::tempdir().unwrap());
    let card = world.create("x").await;
    let edit = EditCardParams { shared_dir: Some(true), ..to_dir(&world, &card, dir.path()).await };
    let edited = kanban::edit_card(&world.core, &ada(), edit).await.unwrap();
    let there = detail(&world, &card).await;
    assert_eq!((there.workspace_kind, there.workspace_path), (WorkspaceKind::Dir, Some(text(dir.path()))));
    assert!(there.settings.shared_dir);

    let undone = kanban::undo(&world.core, &ada(), edited.undo.unwrap()).await.unwrap();
    let back = detail(&world, &card).await;
    assert_eq!((back.workspace_kind, back.workspace_path), (WorkspaceKind::Scratch, None));
    assert!(!back.settings.shared_dir);
    kanban::undo(&world.core, &ada(), undone.redo.unwrap()).await.unwrap();
    assert_eq!(detail(&world, &card).await.workspace_kind, WorkspaceKind::Dir);

    std::fs::create_dir(dir.path().join(".git")).unwrap();
    let edit = EditCardParams {
        workspace: Some(WorkspaceKind::Worktree),
        branch: Some("feature/x".into()),
        ..to_dir(&world, &card, dir.path()).await
    };
    kanban::edit_card(&world.core, &ada(), edit).await.unwrap();
    let tree = detail(&world, &card).await;
    assert_eq!((tree.workspace_kind, tree.workspace_path), (WorkspaceKind::Worktree, None));
    assert_eq!((tree.settings.repository, tree.settings.branch), (Some(text(dir.path())), Some("feature/x".into())));
    assert!(!tree.settings.shared_dir, "nobody shares a worktree");
    let edit = EditCardParams { workspace: Some(WorkspaceKind::Scratch), ..now(&world, &card).await };
    kanban::edit_card(&world.core, &ada(), edit).await.unwrap();
    let settings = detail(&world, &card).await.settings;
    assert_eq!((settings.repository, settings.branch), (None, None));
    world.check_invariants().await;
}

#[tokio::test]
async fn what_can_be_no_place_is_refused_at_its_field() {
    let (world, dir) = (World::new().await, tempfile::tempdir().unwrap());
    let card = world.create("x").await;
    let here = dir.path().canonicalize().unwrap();
    let kind = |edit: EditCardParams, kind| EditCardParams { workspace: Some(kind), ..edit };
    for (wrong, field) in [
        (kind(now(&world, &card).await, WorkspaceKind::Dir), CardField::WorkspacePath),
        (kind(to_dir(&world, &card, &here).await, WorkspaceKind::Scratch), CardField::WorkspacePath),
        (kind(to_dir(&world, &card, &here).await, WorkspaceKind::Worktree), CardField::WorkspacePath),
        (to_dir(&world, &card, Path::new("relative")).await, CardField::WorkspacePath),
        (to_dir(&world, &card, &here.join("gone")).await, CardField::WorkspacePath),
        (EditCardParams { branch: Some("b".into()), ..now(&world, &card).await }, CardField::Branch),
    ] {
        let error = refusal(&world, wrong).await;
        assert_eq!((error.field(), error.code()), (Some(field), ErrorCode::Invalid), "{error}");
    }
    // What stays is not looked at again.
    kanban::edit_card(&world.core, &ada(), to_dir(&world, &card, &here).await).await.unwrap();
    dir.close().unwrap();
    let edit = EditCardParams { title: Some("y".into()), ..to_dir(&world, &card, &here).await };
    kanban::edit_card(&world.core, &ada(), edit).await.unwrap();
}

#[tokio::test]
async fn what_was_made_for_a_card_is_not_left_behind() {
    let (world, dir) = (World::new().await, tempfile::tempdir().unwrap());
    let card = world.create("x").await;
    world.claim_and_start().await;
    let error = refusal(&world, to_dir(&world, &card, dir.path()).await).await;
    assert!(matches!(error, KanbanError::Conflict(_)) && error.to_string().contains("is running"), "{error}");
    kanban::reclaim_card(&world.core, &ada(), CardRef::Id(card.id), "").await.unwrap();
    let error = refusal(&world, to_dir(&world, &card, dir.path()).await).await;
    assert!(error.to_string().contains("still ending"), "{error}");
    world.forget_processes().await;
    let error = refusal(&world, to_dir(&world, &card, dir.path()).await).await;
    assert!(error.to_string().contains("make a new card"), "{error}");
    assert_eq!((error.field(), error.code()), (Some(CardField::WorkspacePath), ErrorCode::Conflict));

    // Somebody's directory is theirs: nothing stays behind in it.
    let other = world
        .create_with(CreateCardParams {
            title: "y".into(),
            workspace: WorkspaceKind::Dir,
            workspace_path: Some(text(dir.path())),
            ..CreateCardParams::default()
        })
        .await;
    kanban::move_card(&world.core, &ada(), to_done(&card)).await.unwrap();
    let ticket = world.claim_and_start().await;
    worker::complete(&world.core, ticket, "done", None).await.unwrap();
    world.forget_processes().await;
    let edit = EditCardParams { workspace: Some(WorkspaceKind::Scratch), ..now(&world, &other).await };
    kanban::edit_card(&world.core, &ada(), edit).await.unwrap();
    world.check_invariants().await;
}

fn to_done(card: &TaskCard) -> protocol::MoveCardParams {
    protocol::MoveCardParams { id: card.id, revision: None, to: protocol::CardState::Done, after: None, before: None }
}
