//! Files of cards: kept whole or not at all, from inside the workspace only, and taken back.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use agent_core::kanban::attachments::{self, Incoming};
use agent_core::kanban::worker::{self, BlockWords, Handover, RunTicket};
use agent_core::kanban::{self, KanbanError, housekeeping};
use protocol::{
    AttachmentView, BlockKind, CardRef, CardState, CreateCardParams, MAX_ATTACHMENT_BYTES, TaskCard, WorkspaceKind,
};

use crate::support::{World, ada};

async fn add(world: &World, card: &TaskCard, name: &str, bytes: &[u8]) -> protocol::AttachmentWritten {
    let mut incoming = Incoming::begin(&world.core, name).await.unwrap();
    incoming.write(bytes).await.unwrap();
    let staged = incoming.finish().await.unwrap();
    attachments::add(&world.core, &ada(), CardRef::Id(card.id), staged).await.unwrap()
}

async fn files(world: &World, card: &TaskCard) -> Vec<AttachmentView> {
    let files = attachments::list(&world.core, CardRef::Id(card.id)).await.unwrap();
    assert_eq!(world.card(card).await.attachments as usize, files.len(), "the count is right");
    files
}

/// Files that lie on the disk, staged ones too.
fn on_disk(world: &World) -> usize {
    std::fs::read_dir(world.dir.path().join("attachments")).unwrap().count()
}

async fn working() -> (World, TaskCard, RunTicket, PathBuf) {
    let world = World::new().await;
    let card = world.create("report").await;
    let ticket = world.claim_and_start().await;
    let workspace = world.dir.path().join(format!("workspaces/T-{}", card.number));
    (world, card, ticket, workspace)
}

fn with(paths: &[&str]) -> Handover {
    Handover { artifacts: paths.iter().map(PathBuf::from).collect(), ..Handover::default() }
}

#[tokio::test]
async fn a_person_adds_reads_removes_and_takes_it_back() {
    let world = World::new().await;
    let card = world.create("files").await;
    let png = b"\x89PNG\r\n\x1a\n-and-more";
    let first = add(&world, &card, "../shot.png", png).await;
    let second = add(&world, &card, "shot.png", b"<script>alert(1)</script>").await;
    assert_eq!((first.attachment.name.as_str(), first.attachment.media_type.as_str()), ("shot.png", "image/png"));
    assert_eq!(
        (second.attachment.name.as_str(), second.attachment.media_type.as_str()),
        ("shot (1).png", "text/plain")
    );
    let path = world.dir.path().join(format!("attachments/{}", first.attachment.id));
    assert_eq!(std::fs::read(&path).unwrap(), png);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(files(&world, &card).await.len(), 2);

    let removed = attachments::remove(&world.core, &ada(), first.attachment.id).await.unwrap();
    assert_eq!(files(&world, &card).await.len(), 1);
    assert!(attachments::open(&world.core, first.attachment.id).await.is_err());
    kanban::undo(&world.core, &ada(), removed.undo.unwrap()).await.unwrap();
    assert_eq!(files(&world, &card).await.len(), 2);
    kanban::undo(&world.core, &ada(), second.undo.unwrap()).await.unwrap();
    assert_eq!(files(&world, &card).await[0].id, first.attachment.id);

    // What stays taken away goes from the disk an hour later, and so does what was never finished.
    std::fs::write(world.dir.path().join("attachments/.half.new"), "half").unwrap();
    let long_ago = std::time::UNIX_EPOCH;
    let touch =
        |path: PathBuf| std::fs::File::options().write(true).open(path).unwrap().set_modified(long_ago).unwrap();
    touch(world.dir.path().join("attachments/.half.new"));
    touch(path.clone());
    world.clock.advance_ms(2 * 3_600_000);
    assert_eq!(housekeeping::tidy(&world.core).await.unwrap().files, 2);
    assert!(path.exists() && on_disk(&world) == 1);
}

#[tokio::test]
async fn too_much_is_refused_and_leaves_nothing() {
    let world = World::new().await;
    let card = world.create("files").await;
    let mut incoming = Incoming::begin(&world.core, "big").await.unwrap();
    let chunk = vec![b'x'; 1024 * 1024];
    for _ in 0..25 {
        incoming.write(&chunk).await.unwrap();
    }
    let error = incoming.write(b"x").await.unwrap_err().to_string();
    assert!(error.contains("25 MiB"), "{error}");
    drop(incoming);
    assert_eq!(on_disk(&world), 0);
    for n in 0..100 {
        add(&world, &card, &format!("{n}.txt"), b"x").await;
    }
    let staged = Incoming::begin(&world.core, "one more").await.unwrap().finish().await.unwrap();
    let error = attachments::add(&world.core, &ada(), CardRef::Id(card.id), staged).await.unwrap_err().to_string();
    assert!(error.contains("at most 100 files"), "{error}");
    assert_eq!(on_disk(&world), 100);
}

#[tokio::test]
async fn a_worker_hands_files_over_with_its_card() {
    let (world, card, ticket, workspace) = working().await;
    std::fs::create_dir(workspace.join("out")).unwrap();
    std::fs::write(workspace.join("out/report.md"), "# Report").unwrap();
    std::fs::write(workspace.join("data.bin"), b"\0\x01").unwrap();
    let absolute = workspace.join("data.bin").to_string_lossy().into_owned();
    let handover = with(&["./out/../out/report.md", &absolute]);
    worker::complete_with(&world.core, ticket, "done", None, &handover).await.unwrap();
    let found = files(&world, &card).await;
    let short: Vec<_> = found.iter().map(|f| (f.name.as_str(), f.media_type.as_str(), f.by_worker)).collect();
    assert_eq!(short, [("report.md", "text/markdown", true), ("data.bin", "application/octet-stream", true)]);
    assert_eq!(world.state(&card).await, CardState::Done);
    world.check_invariants().await;
}

#[tokio::test]
async fn what_cannot_be_handed_over_leaves_everything_as_it_was() {
    let (world, card, ticket, workspace) = working().await;
    std::fs::write(workspace.join("good.txt"), "good").unwrap();
    std::fs::write(world.dir.path().join("secret.txt"), "secret").unwrap();
    symlink(world.dir.path().join("secret.txt"), workspace.join("link.txt")).unwrap();
    symlink(world.dir.path(), workspace.join("linked")).unwrap();
    std::fs::create_dir(workspace.join("folder")).unwrap();
    let huge = std::fs::File::create(workspace.join("huge")).unwrap();
    huge.set_len(MAX_ATTACHMENT_BYTES.unsigned_abs() + 1).unwrap();
    let outside = world.dir.path().join("secret.txt").to_string_lossy().into_owned();
    let pipe = workspace.join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (bad, says) in [
        ("missing.txt", "there is no file"),
        ("link.txt", "through a link"),
        ("linked/secret.txt", "through a link"),
        ("../../secret.txt", "not in the workspace"),
        (outside.as_str(), "not in the workspace"),
        ("/etc/passwd", "not in the workspace"),
        ("folder", "no ordinary file"),
        ("pipe", "no ordinary file"),
        ("huge", "25 MiB"),
        ("", "not in the workspace"),
        (".", "not in the workspace"),
    ] {
        let handover = with(&["good.txt", bad]);
        let done = worker::complete_with(&world.core, ticket, "done", None, &handover).await;
        let error = done.unwrap_err().to_string();
        assert!(error.contains(says), "{bad}: {error}");
        let words = BlockWords { kind: Some(BlockKind::Review), reason: "Look.", summary: "", options: &[] };
        assert!(worker::block_with(&world.core, ticket, words, &handover).await.is_err(), "{bad}");
        assert!(worker::attach(&world.core, ticket, Path::new(bad), None).await.is_err(), "{bad}");
    }
    assert_eq!(world.state(&card).await, CardState::Running);
    assert!(files(&world, &card).await.is_empty());
    assert_eq!(on_disk(&world), 0, "nothing is left of the good one either");
    // The whole workspace was replaced by a link.
    std::fs::rename(&workspace, workspace.with_extension("away")).unwrap();
    symlink(world.dir.path(), &workspace).unwrap();
    assert!(worker::attach(&world.core, ticket, Path::new("secret.txt"), None).await.is_err());
}

#[tokio::test]
async fn a_workspace_around_the_home_hands_over_nothing_of_it() {
    let world = World::new().await;
    let home = world.dir.path().canonicalize().unwrap();
    let around = home.parent().unwrap().to_path_buf();
    let own = format!("{}/hermes.db", home.file_name().unwrap().to_string_lossy());
    let card = world
        .create_with(CreateCardParams {
            workspace: WorkspaceKind::Dir,
            workspace_path: Some(around.to_string_lossy().into_owned()),
            title: "nosy".into(),
            ..CreateCardParams::default()
        })
        .await;
    let ticket = world.claim_and_start().await;
    let attached = worker::attach(&world.core, ticket, Path::new(&own), None).await;
    assert!(matches!(attached, Err(KanbanError::Denied(_))), "{attached:?}");
    let done = worker::complete_with(&world.core, ticket, "done", None, &with(&[&own])).await;
    assert!(matches!(done, Err(KanbanError::Denied(_))), "{done:?}");
    assert_eq!(world.state(&card).await, CardState::Running);
    assert_eq!(on_disk(&world), 0);
}

#[tokio::test]
async fn a_late_worker_keeps_and_removes_nothing() {
    let (world, card, ticket, workspace) = working().await;
    std::fs::write(workspace.join("a.txt"), "a").unwrap();
    let own = worker::attach(&world.core, ticket, Path::new("a.txt"), Some("b.md")).await.unwrap();
    assert_eq!((own.name.as_str(), own.media_type.as_str()), ("b.md", "text/markdown"));
    let persons = add(&world, &card, "ada.txt", b"ada").await.attachment;
    assert!(matches!(worker::detach(&world.core, ticket, persons.id).await, Err(KanbanError::Denied(_))));
    worker::detach(&world.core, ticket, own.id).await.unwrap();
    let late = RunTicket { fence: ticket.fence + 1, ..ticket };
    assert!(matches!(worker::attach(&world.core, late, Path::new("a.txt"), None).await, Err(KanbanError::Fenced(_))));
    assert!(matches!(worker::detach(&world.core, late, persons.id).await, Err(KanbanError::Fenced(_))));
    assert_eq!(files(&world, &card).await.len(), 1);
}
