//! Worktrees on real git repositories: made, reused, compared, merged, taken away, and nothing else touched.

use std::path::{Path, PathBuf};
use std::process::Command;

use agent_core::kanban::worker::{self, BlockWords, Handover};
use agent_core::kanban::{self, CommitFirst, KanbanError, housekeeping};
use protocol::{
    BlockKind, CardChanges, CardRef, CardState, CreateCardParams, EditCardParams, FileDiffParams, FileStatus,
    MergeVerdict, MoveCardParams, RunOutcome, TaskCard, WorkspaceKind,
};

use crate::support::{World, ada};

/// Past the time in which the end of a card can be taken back.
const AFTER_UNDO_MS: i64 = 11 * 60_000;
const MONTH_MS: i64 = 31 * 24 * 3_600_000;

struct Repo {
    dir: tempfile::TempDir,
}

impl Repo {
    fn new() -> Self {
        let repo = Self { dir: tempfile::tempdir().unwrap() };
        repo.git(&["init", "-q", "-b", "main"]);
        repo.git(&["config", "user.name", "Grace"]);
        repo.git(&["config", "user.email", "grace@example.org"]);
        repo.write("a.txt", "one\ntwo\nthree\n");
        repo.commit("first");
        repo
    }

    fn path(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap()
    }

    fn git(&self, arguments: &[&str]) -> String {
        git(self.dir.path(), arguments)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.dir.path().join(name), text).unwrap();
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
    }
}

fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").args(arguments).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

async fn worktree_card(world: &World, repo: &Repo) -> TaskCard {
    worktree_card_on(world, repo, None).await
}

async fn worktree_card_on(world: &World, repo: &Repo, branch: Option<&str>) -> TaskCard {
    let params = CreateCardParams {
        title: "Mend it".into(),
        workspace: WorkspaceKind::Worktree,
        workspace_path: Some(repo.path().to_string_lossy().into_owned()),
        branch: branch.map(str::to_owned),
        ..CreateCardParams::default()
    };
    world.create_with(params).await
}

fn tree(world: &World, card: &TaskCard) -> PathBuf {
    world.dir.path().join(format!("workspaces/T-{}", card.number))
}

async fn changes(world: &World, card: &TaskCard) -> CardChanges {
    let changes = kanban::card_changes(&world.core, card.id).await.unwrap();
    assert_eq!(changes.problem, None);
    changes
}

async fn verdict(world: &World, card: &TaskCard) -> MergeVerdict {
    changes(world, card).await.merge.unwrap().verdict
}

async fn start_fails(world: &World) -> KanbanError {
    let claim = world.claim().await;
    let own = agent_core::process::own_identity().unwrap();
    let error = worker::start(&world.core, claim.ticket, own.pid, own.started).await.unwrap_err();
    worker::fail(&world.core, claim.ticket, RunOutcome::SpawnFailed, &error.to_string(), None).await.unwrap();
    error
}

/// Works on the claimed card: writes, commits, and finishes.
async fn work_and_finish(world: &World, card: &TaskCard, text: &str) {
    let ticket = world.claim_and_start().await;
    let at = tree(world, card);
    std::fs::write(at.join("a.txt"), text).unwrap();
    git(&at, &["commit", "-q", "-am", "work"]);
    worker::complete(&world.core, ticket, "done", None).await.unwrap();
}

/// The worker's process is this test's own, which goes on; the board must not wait for it.
async fn forget_processes(world: &World) {
    let mut tx = world.core.write().await.unwrap();
    sqlx::query("DELETE FROM kanban_process").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_worktree_is_made_and_used_again_on_the_next_attempt() {
    let (world, repo) = (World::new().await, Repo::new());
    let first = repo.git(&["rev-parse", "HEAD"]);
    // A hook of the repository would run in the name of Hermes.
    let hook = repo.path().join(".git/hooks/post-checkout");
    std::fs::write(&hook, "#!/bin/sh\ntouch \"$(git rev-parse --git-common-dir)/hook-ran\"\n").unwrap();
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let card = worktree_card(&world, &repo).await;
    let ticket = world.claim_and_start().await;
    let at = tree(&world, &card);
    assert_eq!(std::fs::read_to_string(at.join("a.txt")).unwrap(), "one\ntwo\nthree\n");
    assert_eq!(git(&at, &["branch", "--show-current"]), format!("hermes/T-{}", card.number));
    assert!(!repo.path().join(".git/hook-ran").exists(), "no hook ran");
    let detail = kanban::card_detail(&world.core, CardRef::Id(card.id)).await.unwrap();
    assert_eq!(detail.settings.branch, Some(format!("hermes/T-{}", card.number)));
    assert_eq!(detail.workspace_path, Some(at.to_string_lossy().into_owned()));
    let shown = worker::show(&world.core, None, CardRef::Id(card.id)).await.unwrap();
    assert_eq!(shown["base_commit"], serde_json::json!(first));
    std::fs::write(at.join("half.txt"), "half").unwrap();
    worker::fail(&world.core, ticket, RunOutcome::Crashed, "boom", None).await.unwrap();
    forget_processes(&world).await;
    world.clock.advance_ms(60_000);
    world.claim_and_start().await;
    assert_eq!(std::fs::read_to_string(at.join("half.txt")).unwrap(), "half", "what was begun is still there");
    world.check_invariants().await;
}

#[tokio::test]
async fn an_existing_branch_is_used_and_a_taken_one_is_told() {
    let (world, repo) = (World::new().await, Repo::new());
    repo.git(&["branch", "feature/x"]);
    let card = worktree_card_on(&world, &repo, Some("feature/x")).await;
    world.claim_and_start().await;
    assert_eq!(git(&tree(&world, &card), &["branch", "--show-current"]), "feature/x");

    let taken = worktree_card_on(&world, &repo, Some("main")).await;
    let error = start_fails(&world).await.to_string();
    assert!(error.contains("the branch main is checked out in") && error.contains("name another branch"), "{error}");
    let detail = kanban::card_detail(&world.core, CardRef::Id(taken.id)).await.unwrap();
    assert_eq!(detail.runs[0].outcome, Some(RunOutcome::SpawnFailed));
    assert!(kanban::claim_next(&world.core, "test").await.unwrap().is_none(), "it is not tried again at once");

    // What the message tells people to do can be done, until there is a worktree.
    world.forget_processes().await;
    let edit = |revision, branch: &str| EditCardParams {
        branch: Some(branch.into()),
        ..EditCardParams::of(taken.id, revision)
    };
    let named = world.card(&taken).await.revision;
    let edited = kanban::edit_card(&world.core, &ada(), edit(named, "feature/y")).await.unwrap();
    world.clock.advance_ms(60 * 60_000);
    world.claim_and_start().await;
    assert_eq!(git(&tree(&world, &taken), &["branch", "--show-current"]), "feature/y");
    let error = kanban::edit_card(&world.core, &ada(), edit(world.card(&taken).await.revision, "z")).await.unwrap_err();
    assert!(error.to_string().contains("is running"), "{error}");
    let undone = kanban::undo(&world.core, &ada(), edited.undo.unwrap()).await;
    assert!(undone.is_err(), "it has a worktree on that branch now");
}

#[tokio::test]
async fn what_is_in_the_way_is_told_and_left_alone() {
    let (world, repo) = (World::new().await, Repo::new());
    let gone = worktree_card(&world, &repo).await;
    let away = repo.path().with_extension("away");
    std::fs::rename(repo.path(), &away).unwrap();
    let error = start_fails(&world).await.to_string();
    assert!(error.contains("is gone or no longer a git repository"), "{error}");
    std::fs::rename(&away, repo.dir.path()).unwrap();
    kanban::delete_card(&world.core, &ada(), CardRef::Id(gone.id)).await.unwrap();

    let card = worktree_card(&world, &repo).await;
    std::fs::create_dir_all(tree(&world, &card)).unwrap();
    std::fs::write(tree(&world, &card).join("precious"), "x").unwrap();
    let error = start_fails(&world).await.to_string();
    assert!(error.contains("is in the way"), "{error}");
    assert!(tree(&world, &card).join("precious").exists());
    kanban::delete_card(&world.core, &ada(), CardRef::Id(card.id)).await.unwrap();

    let link = worktree_card(&world, &repo).await;
    std::os::unix::fs::symlink(repo.path(), tree(&world, &link)).unwrap();
    assert!(start_fails(&world).await.to_string().contains("is in the way"));
    kanban::delete_card(&world.core, &ada(), CardRef::Id(link.id)).await.unwrap();

    let empty = tempfile::tempdir().unwrap();
    git(empty.path(), &["init", "-q"]);
    let params = CreateCardParams {
        title: "Empty".into(),
        workspace: WorkspaceKind::Worktree,
        workspace_path: Some(empty.path().to_string_lossy().into_owned()),
        ..CreateCardParams::default()
    };
    world.create_with(params).await;
    assert!(start_fails(&world).await.to_string().contains("has no commit yet"));
}

#[tokio::test]
async fn changes_hold_what_is_committed_uncommitted_and_new() {
    let (world, repo) = (World::new().await, Repo::new());
    repo.write("old name.txt", &"same\n".repeat(20));
    repo.write("gone.txt", "bye\n");
    repo.commit("more");
    let card = worktree_card(&world, &repo).await;
    assert_eq!(changes(&world, &card).await, CardChanges::default(), "nothing before the first run");
    world.claim_and_start().await;
    let at = tree(&world, &card);
    git(&at, &["mv", "old name.txt", "größe.txt"]);
    git(&at, &["rm", "-q", "gone.txt"]);
    git(&at, &["commit", "-q", "-am", "moved"]);
    std::fs::write(at.join("a.txt"), "one\n2\nthree\nfour\n").unwrap();
    std::fs::write(at.join("new.txt"), "x\ny").unwrap();
    std::fs::write(at.join("blob.bin"), b"a\0b").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", at.join("link")).unwrap();
    // What changed on main meanwhile is not the card's doing.
    repo.write("later.txt", "later\n");
    repo.commit("later");
    let found = changes(&world, &card).await;
    let short: Vec<_> = found.files.iter().map(|f| (f.path.as_str(), f.status, f.added, f.removed, f.binary)).collect();
    assert_eq!(
        short,
        [
            ("a.txt", FileStatus::Modified, 2, 1, false),
            ("blob.bin", FileStatus::Added, 0, 0, true),
            ("gone.txt", FileStatus::Deleted, 0, 1, false),
            ("größe.txt", FileStatus::Renamed, 0, 0, false),
            ("link", FileStatus::Added, 1, 0, false),
            ("new.txt", FileStatus::Added, 2, 0, false),
        ]
    );
    assert_eq!((found.added, found.removed), (5, 2));
    let merge = found.merge.unwrap();
    assert_eq!((merge.ahead, merge.behind, merge.uncommitted), (1, 1, 4));
    assert_eq!((merge.target.as_str(), merge.verdict), ("main", MergeVerdict::Working));

    let diff =
        |path: &str| kanban::file_diff(&world.core, FileDiffParams { id: card.id, path: path.into(), old_path: None });
    let lines = |diff: protocol::FileDiff| -> Vec<String> {
        let lines = diff.hunks.into_iter().flat_map(|hunk| hunk.lines);
        lines
            .map(|line| match (line.old, line.new) {
                (None, _) => format!("+{}", line.text),
                (_, None) => format!("-{}", line.text),
                _ => format!(" {}", line.text),
            })
            .collect()
    };
    assert_eq!(lines(diff("a.txt").await.unwrap()), [" one", "-two", "+2", " three", "+four"]);
    assert_eq!(lines(diff("new.txt").await.unwrap()), ["+x", "+y"]);
    assert_eq!(lines(diff("link").await.unwrap()), ["+/etc/passwd"], "a link is its path, never what it leads to");
    assert!(diff("blob.bin").await.unwrap().binary);
    for hostile in ["../a.txt", "/etc/passwd", ""] {
        assert!(diff(hostile).await.is_err(), "{hostile}");
    }
    assert!(lines(diff("-O/etc/passwd").await.unwrap()).is_empty(), "a path is never an option");
}

#[tokio::test]
async fn huge_files_are_cut() {
    let (world, repo) = (World::new().await, Repo::new());
    let card = worktree_card(&world, &repo).await;
    world.claim_and_start().await;
    std::fs::write(tree(&world, &card).join("huge.txt"), "line\n".repeat(400_000)).unwrap();
    std::fs::write(tree(&world, &card).join("a.txt"), "changed\n".repeat(400_000)).unwrap();
    for path in ["huge.txt", "a.txt"] {
        let params = FileDiffParams { id: card.id, path: path.into(), old_path: None };
        let diff = kanban::file_diff(&world.core, params).await.unwrap();
        let lines: usize = diff.hunks.iter().map(|hunk| hunk.lines.len()).sum();
        assert!(diff.cut && lines <= protocol::MAX_DIFF_LINES, "{path}: {lines}");
    }
}

#[tokio::test]
async fn a_worktree_cannot_point_git_at_another_configuration() {
    let (world, repo) = (World::new().await, Repo::new());
    let card = worktree_card(&world, &repo).await;
    world.claim_and_start().await;
    let at = tree(&world, &card);
    std::fs::write(at.join("a.txt"), "changed\n").unwrap();
    // A worker that writes its own repository with a program git would run.
    let evil = world.dir.path().join("evil");
    std::fs::create_dir(&evil).unwrap();
    git(&evil, &["init", "-q"]);
    let mark = evil.join("ran");
    let command = format!("touch {}", mark.display());
    git(&evil, &["config", "core.fsmonitor", &command]);
    git(&evil, &["config", "diff.external", &command]);
    std::fs::write(at.join(".git"), format!("gitdir: {}\n", evil.join(".git").display())).unwrap();
    let found = changes(&world, &card).await;
    assert_eq!(found.files[0].path, "a.txt");
    let params = FileDiffParams { id: card.id, path: "a.txt".into(), old_path: None };
    assert!(!kanban::file_diff(&world.core, params).await.unwrap().hunks.is_empty());
    assert!(!mark.exists(), "nothing of the worker's ran");
}

#[tokio::test]
async fn merging_is_refused_until_both_sides_are_clean_and_then_it_is_done_once() {
    let (world, repo) = (World::new().await, Repo::new());
    let card = worktree_card(&world, &repo).await;
    let ticket = world.claim_and_start().await;
    let at = tree(&world, &card);
    let merge = |commit| kanban::merge_card(&world.core, ada_ref(), card.id, commit);
    let refused = |result: Result<protocol::MergeOutcome, KanbanError>| match result {
        Err(KanbanError::Conflict(why)) => why,
        other => panic!("{other:?}"),
    };
    assert!(refused(merge(CommitFirst::No).await).contains("a worker is still at"));
    std::fs::write(at.join("a.txt"), "one\n2\nthree\n").unwrap();
    let words = BlockWords { kind: Some(BlockKind::Review), reason: "Look.", summary: "", options: &[] };
    worker::block_with(&world.core, ticket, words, &Handover::default()).await.unwrap();
    assert_eq!(verdict(&world, &card).await, MergeVerdict::Uncommitted);
    assert!(refused(merge(CommitFirst::No).await).contains("1 file in the worktree"));
    repo.write("a.txt", "dirty\n");
    assert!(refused(merge(CommitFirst::Yes).await).contains("not committed"));
    assert_eq!(verdict(&world, &card).await, MergeVerdict::TargetDirty, "the worktree is committed now");
    repo.git(&["checkout", "-q", "--", "a.txt"]);
    assert_eq!(verdict(&world, &card).await, MergeVerdict::Ready);
    repo.git(&["checkout", "-q", "--detach"]);
    assert_eq!(verdict(&world, &card).await, MergeVerdict::TargetDetached);
    repo.git(&["checkout", "-q", "main"]);
    repo.write("other.txt", "other\n");
    repo.commit("meanwhile");
    let outcome = merge(CommitFirst::No).await.unwrap();
    assert_eq!((outcome.target.as_str(), outcome.fast_forward), ("main", false));
    assert_eq!(std::fs::read_to_string(repo.path().join("a.txt")).unwrap(), "one\n2\nthree\n");
    assert_eq!(repo.git(&["log", "-1", "--format=%s|%an"]), format!("T-{}: Mend it|Grace", card.number));
    assert_eq!(verdict(&world, &card).await, MergeVerdict::Merged);
    assert_eq!(changes(&world, &card).await.files.len(), 1, "what was merged can still be read");
    assert!(refused(merge(CommitFirst::No).await).contains("has all of"));
    let worker = agent_core::Actor::Worker { run: ticket.run, profile: "runner".into() };
    let denied = kanban::merge_card(&world.core, &worker, card.id, CommitFirst::No).await;
    assert!(matches!(denied, Err(KanbanError::Denied(_))));
}

fn ada_ref() -> &'static agent_core::Actor {
    static ADA: std::sync::OnceLock<agent_core::Actor> = std::sync::OnceLock::new();
    ADA.get_or_init(ada)
}

#[tokio::test]
async fn conflicts_are_named_and_nothing_is_merged() {
    let (world, repo) = (World::new().await, Repo::new());
    let card = worktree_card(&world, &repo).await;
    work_and_finish(&world, &card, "one\nours\nthree\n").await;
    repo.write("a.txt", "one\ntheirs\nthree\n");
    repo.commit("theirs");
    let before = repo.git(&["rev-parse", "HEAD"]);
    let state = changes(&world, &card).await.merge.unwrap();
    assert_eq!((state.verdict, state.conflicts), (MergeVerdict::Conflicts, vec!["a.txt".to_owned()]));
    let error = kanban::merge_card(&world.core, &ada(), card.id, CommitFirst::Yes).await.unwrap_err().to_string();
    assert!(error.contains("a.txt") && error.contains("send the card back"), "{error}");
    assert_eq!(repo.git(&["rev-parse", "HEAD"]), before);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[tokio::test]
async fn a_locked_index_is_told_with_the_next_step() {
    let (world, repo) = (World::new().await, Repo::new());
    let card = worktree_card(&world, &repo).await;
    work_and_finish(&world, &card, "new\n").await;
    std::fs::write(repo.path().join(".git/index.lock"), "").unwrap();
    let error = kanban::merge_card(&world.core, &ada(), card.id, CommitFirst::No).await.unwrap_err().to_string();
    assert!(error.contains("another git is at work") && error.contains("index.lock"), "{error}");
    std::fs::remove_file(repo.path().join(".git/index.lock")).unwrap();
    let outcome = kanban::merge_card(&world.core, &ada(), card.id, CommitFirst::No).await.unwrap();
    assert!(outcome.fast_forward);
}

#[tokio::test]
async fn worktrees_go_when_merged_and_stay_while_they_hold_work() {
    let (world, repo) = (World::new().await, Repo::new());
    let card = worktree_card(&world, &repo).await;
    work_and_finish(&world, &card, "new\n").await;
    let tidy = || housekeeping::tidy(&world.core);
    world.clock.advance_ms(AFTER_UNDO_MS);
    assert_eq!(tidy().await.unwrap().directories, 0, "a worker of it may live");
    forget_processes(&world).await;
    let done = tidy().await.unwrap();
    assert_eq!((done.directories, done.kept.len()), (0, 1));
    assert_eq!(done.kept[0].why, "its branch is neither merged nor pushed");
    assert_eq!(housekeeping::leftovers(&world.core).await.unwrap()[0].card, card.number);
    kanban::merge_card(&world.core, &ada(), card.id, CommitFirst::No).await.unwrap();
    std::fs::write(tree(&world, &card).join("precious.txt"), "x").unwrap();
    assert_eq!(tidy().await.unwrap().kept[0].why, "1 file is not committed");
    std::fs::remove_file(tree(&world, &card).join("precious.txt")).unwrap();
    let done = tidy().await.unwrap();
    assert_eq!((done.directories, done.kept.len()), (1, 0), "{done:?}");
    assert!(!tree(&world, &card).exists());
    assert_eq!(repo.git(&["worktree", "list", "--porcelain"]).matches("worktree ").count(), 1);
    assert_eq!(repo.git(&["branch", "--list", "hermes/*"]), "", "a merged branch of ours goes too");
    let found = changes(&world, &card).await;
    assert_eq!((found.files.len(), found.merge.unwrap().verdict), (1, MergeVerdict::Merged), "it can still be read");
}

#[tokio::test]
async fn a_pushed_branch_lets_its_worktree_go_and_stays_itself() {
    let (world, repo) = (World::new().await, Repo::new());
    let remote = tempfile::tempdir().unwrap();
    git(remote.path(), &["init", "-q", "--bare"]);
    repo.git(&["remote", "add", "origin", &remote.path().to_string_lossy()]);
    let card = worktree_card(&world, &repo).await;
    work_and_finish(&world, &card, "new\n").await;
    let branch = format!("hermes/T-{}", card.number);
    repo.git(&["push", "-q", "origin", &branch]);
    assert!(changes(&world, &card).await.merge.unwrap().pushed);
    forget_processes(&world).await;
    world.clock.advance_ms(AFTER_UNDO_MS);
    assert_eq!(housekeeping::tidy(&world.core).await.unwrap().directories, 1);
    assert!(!tree(&world, &card).exists() && repo.git(&["branch", "--list", &branch]).contains(&branch));
}

#[tokio::test]
async fn scratch_directories_stay_for_children_and_undo_and_then_go() {
    let world = World::new().await;
    let parent = world.create("parent").await;
    let child = world
        .create_with(CreateCardParams {
            title: "child".into(),
            parents: vec![CardRef::Id(parent.id)],
            ..CreateCardParams::default()
        })
        .await;
    let ticket = world.claim_and_start().await;
    std::fs::write(tree(&world, &parent).join("result"), "x").unwrap();
    worker::complete(&world.core, ticket, "done", None).await.unwrap();
    forget_processes(&world).await;
    let tidy = || async { housekeeping::tidy(&world.core).await.unwrap().directories };
    world.clock.advance_ms(AFTER_UNDO_MS);
    assert_eq!(tidy().await, 0, "the child may still read it");
    kanban::complete_card(&world.core, &ada(), CardRef::Id(child.id), "").await.unwrap();
    assert_eq!(tidy().await, 1);
    assert!(!tree(&world, &parent).exists());

    let other = world.create("other").await;
    let ticket = world.claim_and_start().await;
    worker::complete(&world.core, ticket, "done", None).await.unwrap();
    forget_processes(&world).await;
    assert_eq!(tidy().await, 0, "its end can still be taken back");
    // Somebody else's directory is inside it.
    let inside = tree(&world, &other).join("deep");
    std::fs::create_dir(&inside).unwrap();
    let guest = world
        .create_with(CreateCardParams {
            title: "guest".into(),
            triage: true,
            workspace: WorkspaceKind::Dir,
            workspace_path: Some(inside.to_string_lossy().into_owned()),
            ..CreateCardParams::default()
        })
        .await;
    world.clock.advance_ms(AFTER_UNDO_MS);
    assert_eq!(tidy().await, 0, "another card works in it");
    kanban::delete_card(&world.core, &ada(), CardRef::Id(guest.id)).await.unwrap();
    std::fs::create_dir_all(world.dir.path().join("workspaces/T-999")).unwrap();
    assert_eq!(tidy().await, 1);
    assert!(world.dir.path().join("workspaces/T-999").exists(), "what belongs to no card is not ours to remove");
}

#[tokio::test]
async fn cards_deleted_a_month_ago_go_with_everything() {
    let (world, repo) = (World::new().await, Repo::new());
    let card = worktree_card(&world, &repo).await;
    let ticket = world.claim_and_start().await;
    let at = tree(&world, &card);
    std::fs::write(at.join("report.txt"), "report").unwrap();
    let file = worker::attach(&world.core, ticket, Path::new("report.txt"), None).await.unwrap();
    worker::comment(&world.core, ticket, CardRef::Id(card.id), "hello").await.unwrap();
    worker::complete(&world.core, ticket, "done", None).await.unwrap();
    let log = world.dir.path().join(format!("logs/{}-1.log", card.number));
    std::fs::write(&log, "log").unwrap();
    let keep = world.create("stays").await;
    kanban::delete_card(&world.core, &ada(), CardRef::Id(card.id)).await.unwrap();
    world.clock.advance_ms(MONTH_MS);
    assert_eq!(housekeeping::tidy(&world.core).await.unwrap().cards, 0, "a worker of it may live");
    forget_processes(&world).await;
    let bytes = world.dir.path().join(format!("attachments/{}", file.id));
    assert!(bytes.exists() && at.exists() && log.exists());
    let done = housekeeping::tidy(&world.core).await.unwrap();
    assert_eq!((done.cards, done.files, done.logs), (1, 1, 1));
    assert!(!bytes.exists() && !at.exists() && !log.exists());
    assert!(repo.git(&["branch", "--list", "hermes/*"]).contains("hermes/"), "the branch is the repository's");
    let mut tx = world.core.write().await.unwrap();
    for table in ["kanban_run", "kanban_comment", "kanban_attachment", "session"] {
        let sql = format!("SELECT count(*) FROM {table}");
        let rows: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut *tx).await.unwrap();
        assert_eq!(rows, 0, "{table}");
    }
    drop(tx);
    assert_eq!(world.state(&keep).await, CardState::Ready);
    world.check_invariants().await;
}

#[tokio::test]
async fn however_many_cards_were_deleted_they_go_in_one_round() {
    let world = World::new().await;
    for _ in 0..45 {
        let card = world.create("unwanted").await;
        kanban::delete_card(&world.core, &ada(), CardRef::Id(card.id)).await.unwrap();
    }
    world.clock.advance_ms(MONTH_MS);
    assert_eq!(housekeeping::tidy(&world.core).await.unwrap().cards, 45);
    world.check_invariants().await;
}

#[tokio::test]
async fn a_review_can_ask_to_go_on_after_the_approval() {
    let world = World::new().await;
    let card = world.create("two steps").await;
    let ticket = world.claim_and_start().await;
    let go_on = Handover { then_continue: true, ..Handover::default() };
    let ask = |kind| BlockWords { kind: Some(kind), reason: "Shall I go on?", summary: "", options: &[] };
    let refused = worker::block_with(&world.core, ticket, ask(BlockKind::NeedsInput), &go_on).await;
    assert!(matches!(refused, Err(KanbanError::Invalid(_))));
    assert_eq!(world.state(&card).await, CardState::Running);
    worker::block_with(&world.core, ticket, ask(BlockKind::Review), &go_on).await.unwrap();
    let id = kanban::open_decision_of(&world.core, CardRef::Id(card.id)).await.unwrap();
    let version = agent_core::decisions::decision(&world.core, id).await.unwrap().version;
    let verb = protocol::DecisionVerb::Approve;
    let params = protocol::SettleDecisionParams { id, version, verb, comment: String::new() };
    agent_core::decisions::settle(&world.core, &ada(), params).await.unwrap();
    assert_eq!(world.state(&card).await, CardState::Ready, "the worker goes on");
    let to = MoveCardParams { id: card.id, revision: None, to: CardState::Done, after: None, before: None };
    kanban::move_card(&world.core, &ada(), to).await.unwrap();
}
