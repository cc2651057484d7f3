//! Refusals name the field of a card that is to blame, for forms.

use agent_core::kanban::{self, KanbanError};
use protocol::{CardField, CardRef, CreateCardParams, EditCardParams, ErrorCode, WorkspaceKind};

use crate::support::{World, ada};

const FAR: i64 = 253_402_300_799_999;

fn params() -> CreateCardParams {
    CreateCardParams { title: "x".into(), ..CreateCardParams::default() }
}

#[tokio::test]
async fn a_refusal_of_a_new_card_names_the_field() {
    let world = World::new().await;
    let place =
        |path: &str| CreateCardParams { workspace: WorkspaceKind::Dir, workspace_path: Some(path.into()), ..params() };
    let no_repository = tempfile::tempdir().unwrap();
    let no_repository =
        CreateCardParams { workspace: WorkspaceKind::Worktree, ..place(no_repository.path().to_str().unwrap()) };
    let repository = tempfile::tempdir().unwrap();
    std::fs::create_dir(repository.path().join(".git")).unwrap();
    let no_branch = CreateCardParams {
        workspace: WorkspaceKind::Worktree,
        branch: Some("two words".into()),
        ..place(repository.path().to_str().unwrap())
    };
    kanban::create_board(&world.core, &ada(), "side", "").await.unwrap();
    let beside = world.create_with(CreateCardParams { board: "side".into(), ..params() }).await;
    for (wrong, field) in [
        (CreateCardParams { title: " ".into(), ..params() }, CardField::Title),
        (CreateCardParams { title: "two\nlines".into(), ..params() }, CardField::Title),
        (CreateCardParams { title: "x".repeat(501), ..params() }, CardField::Title),
        (CreateCardParams { body: "x".repeat(1_000_001), ..params() }, CardField::Body),
        (CreateCardParams { assignee: Some("a/b".into()), ..params() }, CardField::Assignee),
        (CreateCardParams { assignee: Some("x".repeat(65)), ..params() }, CardField::Assignee),
        (CreateCardParams { labels: vec!["x".repeat(60)], ..params() }, CardField::Labels),
        (CreateCardParams { labels: (0..21).map(|n| n.to_string()).collect(), ..params() }, CardField::Labels),
        (CreateCardParams { skills: vec!["a/b".into()], ..params() }, CardField::Skills),
        (CreateCardParams { tenant: Some("x".repeat(201)), ..params() }, CardField::Tenant),
        (CreateCardParams { model: Some("two words".into()), ..params() }, CardField::Model),
        (CreateCardParams { model: Some("x".repeat(201)), ..params() }, CardField::Model),
        (CreateCardParams { workspace: WorkspaceKind::Dir, ..params() }, CardField::WorkspacePath),
        (CreateCardParams { workspace_path: Some("/tmp".into()), ..params() }, CardField::WorkspacePath),
        (place("relative"), CardField::WorkspacePath),
        (place("/there/is/none"), CardField::WorkspacePath),
        (no_repository, CardField::WorkspacePath),
        (CreateCardParams { branch: Some("b".into()), ..params() }, CardField::Branch),
        (no_branch, CardField::Branch),
        (CreateCardParams { parents: vec![CardRef::Id(beside.id)], ..params() }, CardField::Parents),
        (CreateCardParams { scheduled_at: Some(FAR), ..params() }, CardField::ScheduledAt),
        (CreateCardParams { scheduled_at: Some(i64::MAX), ..params() }, CardField::ScheduledAt),
        (CreateCardParams { due_at: Some(i64::MAX), ..params() }, CardField::DueAt),
        (CreateCardParams { repeat: Some("sometimes".into()), ..params() }, CardField::Repeat),
        (CreateCardParams { max_cost_micros: Some(0), ..params() }, CardField::MaxCost),
        (CreateCardParams { max_tokens: Some(-1), ..params() }, CardField::MaxTokens),
        (CreateCardParams { max_runtime_s: Some(0), ..params() }, CardField::MaxRuntime),
        (CreateCardParams { max_attempts: Some(0), ..params() }, CardField::MaxAttempts),
    ] {
        let error = kanban::create_card(&world.core, &ada(), wrong).await.unwrap_err();
        assert_eq!((error.field(), error.code()), (Some(field), ErrorCode::Invalid), "{error}");
    }
    let elsewhere = CreateCardParams { triage: true, blocked: true, ..params() };
    let error = kanban::create_card(&world.core, &ada(), elsewhere).await.unwrap_err();
    assert!(matches!(error, KanbanError::Invalid(_)), "no field of the forms can be wrong like that: {error}");
}

#[tokio::test]
async fn a_refusal_of_an_edit_names_the_field() {
    let world = World::new().await;
    let card = world.create("x").await;
    let edit = || EditCardParams::of(card.id, card.revision);
    for (wrong, field) in [
        (EditCardParams { title: Some(String::new()), ..edit() }, CardField::Title),
        (EditCardParams { body: Some("x".repeat(1_000_001)), ..edit() }, CardField::Body),
        (EditCardParams { assignee: Some("two words".into()), ..edit() }, CardField::Assignee),
        (EditCardParams { labels: Some(vec!["x".repeat(60)]), ..edit() }, CardField::Labels),
        (EditCardParams { skills: Some(vec!["a,b".into()]), ..edit() }, CardField::Skills),
        (EditCardParams { tenant: Some("x".repeat(201)), ..edit() }, CardField::Tenant),
        (EditCardParams { model: Some("two words".into()), ..edit() }, CardField::Model),
        (EditCardParams { due_at: Some(i64::MAX), ..edit() }, CardField::DueAt),
        (EditCardParams { repeat: Some("0 0 30 2 *".into()), ..edit() }, CardField::Repeat),
        (EditCardParams { max_cost_micros: Some(-1), ..edit() }, CardField::MaxCost),
        (EditCardParams { max_tokens: Some(-1), ..edit() }, CardField::MaxTokens),
    ] {
        let error = kanban::edit_card(&world.core, &ada(), wrong).await.unwrap_err();
        assert_eq!((error.field(), error.code()), (Some(field), ErrorCode::Invalid), "{error}");
    }
}
