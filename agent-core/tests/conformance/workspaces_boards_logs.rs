//! §9.7: where workers work, which board a card is on, and what is kept of their output. Worktrees, cleaning up and
//! files: `it::workspaces`, `it::attachments`; the command line's boards, logs and environment: `server/tests/cli`.
//!
//! | rule | why not, and what holds instead |
//! |---|---|
//! | a relative path is stored and refused when the card runs | it is refused at once |
//! | boards are directories with databases of their own | they are rows of one database; a board that is put away is not made again by reading |
//! | a removed board that is made again has a fresh schema | there is one schema; a slug stays taken while its board is in the archive |
//! | the environment names database and workspaces root | it names the home, the card, the run and the board (`it::worker`) |
//! | old databases get columns and indexes when they are opened | they are imported (`it::import`); ours are migrated forward only (`store`) |
//! | a log is rotated when a worker starts | it is rotated while it is written, and never grows beyond two files of 2 MiB (`worker::run_log`) |
//! | old events of finished cards are removed | only with their card; lists are read by cursor and do not grow with them |

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use agent_core::kanban::{self, KanbanError, housekeeping, worker};
use agent_core::{Core, Home, OpenOptions};
use protocol::{BoardView, CardState, CreateCardParams, RunOutcome, TaskCard, WorkspaceKind};

use crate::support::{World, ada};
use crate::{by, child, detail, fingerprint, finish, outcomes, refusal, shift, start, start_again, titled};

const DAY_MS: i64 = 24 * 3_600_000;

fn in_dir(path: &str, title: &str) -> CreateCardParams {
    CreateCardParams { workspace: WorkspaceKind::Dir, workspace_path: Some(path.into()), ..titled(title) }
}

fn scratch(world: &World, card: &TaskCard) -> PathBuf {
    world.dir.path().join(format!("workspaces/T-{}", card.number))
}

#[tokio::test]
async fn paths_that_cannot_be_worked_in_are_refused_at_once() {
    let world = World::new().await;
    world.create("make the board").await;
    let before = fingerprint(&world).await;
    let file = world.dir.path().join("workspaces/file");
    std::fs::write(&file, "").unwrap();
    let file = file.to_string_lossy().into_owned();
    for bad in
        ["relative", "./x", "../x", "~", "", " ", "/no/such/dir", "/etc/passwd", file.as_str(), "/dev/null", "\0"]
    {
        for workspace in [WorkspaceKind::Dir, WorkspaceKind::Worktree] {
            let params = CreateCardParams { workspace, ..in_dir(bad, "x") };
            let refused = refusal(kanban::create_card(&world.core, &ada(), params).await);
            assert!(!refused.is_empty(), "{bad:?}");
        }
    }
    let named = CreateCardParams { workspace: WorkspaceKind::Scratch, ..in_dir("/tmp", "x") };
    assert!(refusal(kanban::create_card(&world.core, &ada(), named).await).contains("made by Hermes"));
    let branch = CreateCardParams { branch: Some("b".into()), ..titled("x") };
    assert!(refusal(kanban::create_card(&world.core, &ada(), branch).await).contains("only a worktree"));
    assert_eq!(fingerprint(&world).await, before);
    world.check_invariants().await;
}

#[tokio::test]
async fn a_directory_that_vanishes_fails_the_run_and_not_the_dispatcher() {
    let world = World::new().await;
    let dir = tempfile::tempdir().unwrap();
    let gone = world.create_with(in_dir(&dir.path().to_string_lossy(), "gone")).await;
    let fine = world.create("fine").await;
    drop(dir);
    let claim = world.claim().await;
    let error = worker::start(&world.core, claim.ticket, u32::MAX >> 1, 1).await.unwrap_err();
    assert!(matches!(&error, KanbanError::Invalid(text) if text.contains("is gone")), "{error}");
    worker::fail(&world.core, claim.ticket, RunOutcome::SpawnFailed, &error.to_string(), None).await.unwrap();
    assert_eq!(outcomes(&world, &gone).await, [Some(RunOutcome::SpawnFailed)]);
    assert_eq!(world.claim().await.number, fine.number);
    world.check_invariants().await;
}

#[tokio::test]
async fn a_board_gives_its_directory_to_cards_that_ask_for_one_and_never_to_scratch() {
    let world = World::new().await;
    let dir = tempfile::tempdir().unwrap();
    let first = world.create("first").await;
    let asks = || CreateCardParams { workspace: WorkspaceKind::Dir, ..titled("asks") };
    assert!(refusal(kanban::create_card(&world.core, &ada(), asks()).await).contains("absolute path"));
    let settings = protocol::BoardSettings {
        name: "Home".into(),
        default_dir: Some(dir.path().to_string_lossy().into_owned()),
        ..protocol::BoardSettings::default()
    };
    kanban::edit_board(&world.core, &ada(), first.board_id, settings).await.unwrap();
    let card = world.create_with(asks()).await;
    let path = detail(&world, &card).await.workspace_path.unwrap();
    assert_eq!(PathBuf::from(path), dir.path().canonicalize().unwrap());
    let plain = world.create("plain").await;
    assert_eq!(detail(&world, &plain).await.workspace_path, None);
    world.check_invariants().await;
}

#[tokio::test]
async fn cleaning_up_never_leaves_the_managed_root_and_never_takes_the_root() {
    let world = World::new().await;
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("precious"), "x").unwrap();
    let shared = world.create_with(in_dir(&outside.path().to_string_lossy(), "in a directory")).await;
    let ticket = start(&world).await;
    worker::complete(&world.core, ticket, "done", None).await.unwrap();
    // A scratch directory that is a link to somewhere else, and one whose row says it is elsewhere.
    let linked = world.create("linked").await;
    std::os::unix::fs::symlink(outside.path(), scratch(&world, &linked)).unwrap();
    finish(&world, &linked).await;
    let lying = world.create("lying").await;
    finish(&world, &lying).await;
    let mut tx = world.core.write().await.unwrap();
    for (path, card) in [(outside.path().to_path_buf(), &lying), (world.core.home().workspaces(), &shared)] {
        let path = path.to_string_lossy().into_owned();
        sqlx::query("UPDATE kanban_card SET workspace_path = ?1, workspace_kind = 'scratch' WHERE id = ?2")
            .bind(path)
            .bind(card.id.0)
            .execute(&mut *tx)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    for name in ["notes", "T-", "T-x", "T-0", "T--1", "..T-1"] {
        std::fs::create_dir_all(world.core.home().workspaces().join(name)).unwrap();
    }
    kanban::reap(&world.core).await.unwrap();
    world.clock.advance_ms(40 * DAY_MS);
    housekeeping::tidy(&world.core).await.unwrap();
    assert!(outside.path().join("precious").exists(), "nothing outside is removed");
    assert!(world.core.home().workspaces().is_dir(), "the root stays");
    assert!(world.core.home().workspaces().join("notes").is_dir(), "what belongs to no card stays");
    for card in [&shared, &linked, &lying] {
        kanban::delete_card(&world.core, &ada(), by(card)).await.unwrap();
    }
    world.clock.advance_ms(40 * DAY_MS);
    assert_eq!(housekeeping::tidy(&world.core).await.unwrap().cards, 3);
    assert!(outside.path().join("precious").exists() && world.core.home().workspaces().is_dir());
    world.check_invariants().await;
}

#[tokio::test]
async fn a_scratch_directory_waits_for_the_last_child_and_for_the_time_to_take_the_end_back() {
    let world = World::new().await;
    let parent = world.create("parent").await;
    let children = [child(&world, "one", &[&parent]).await, child(&world, "two", &[&parent]).await];
    let ticket = start(&world).await;
    worker::complete(&world.core, ticket, "done", None).await.unwrap();
    kanban::reap(&world.core).await.unwrap();
    let tidied = async || housekeeping::tidy(&world.core).await.unwrap().directories;
    world.clock.advance_ms(DAY_MS);
    assert_eq!(tidied().await, 0);
    finish(&world, &children[0]).await;
    assert_eq!(tidied().await, 0, "one child is open");
    shift(&world, &children[1], CardState::Archived).await.unwrap();
    assert_eq!(tidied().await, 1);
    assert!(!scratch(&world, &parent).exists());
    // Run again, it is made again.
    shift(&world, &parent, CardState::Ready).await.unwrap();
    let ticket = start_again(&world).await;
    assert!(scratch(&world, &parent).is_dir());
    worker::complete(&world.core, ticket, "done", None).await.unwrap();
    kanban::reap(&world.core).await.unwrap();
    assert_eq!(tidied().await, 0, "the end can still be taken back");
    world.check_invariants().await;
}

#[tokio::test]
async fn homes_with_spaces_and_any_script_work_and_two_names_of_one_home_are_one_database() {
    let base = tempfile::tempdir().unwrap();
    let real = base.path().join("my home 家 🏠 é");
    std::fs::create_dir(&real).unwrap();
    let links = [base.path().join("one"), base.path().join("two words")];
    for link in &links {
        std::os::unix::fs::symlink(&real, link).unwrap();
    }
    std::fs::create_dir_all(real.join("profiles/runner")).unwrap();
    std::fs::write(real.join("config.yaml"), "kanban:\n  default_assignee: runner\n").unwrap();
    std::fs::write(real.join("profiles/runner/config.yaml"), "command: [\"true\"]\n").unwrap();
    let open = async |path: &Path| Core::open(OpenOptions::new(Home::at(path))).await.unwrap();
    let cores = [open(&real).await, open(&links[0]).await, open(&links[1]).await];
    for (index, core) in cores.iter().enumerate() {
        kanban::create_card(core, &ada(), titled(&format!("card {index}"))).await.unwrap();
    }
    let mut claimed = Vec::new();
    for core in &cores {
        assert_eq!(kanban::list_cards(core, "", &BoardView::default(), None, 10).await.unwrap().len(), 3);
        let claim = kanban::claim_next(core, "x").await.unwrap().expect("a card");
        let assignment = worker::start(core, claim.ticket, u32::MAX >> 1, 1).await.unwrap();
        assert!(assignment.workspace.is_dir());
        claimed.push(claim.number);
    }
    claimed.sort_unstable();
    assert_eq!(claimed, [1, 2, 3]);
}

#[tokio::test]
async fn two_names_of_one_directory_are_one_directory() {
    let world = World::new().await;
    let dir = tempfile::tempdir().unwrap();
    let base = tempfile::tempdir().unwrap();
    let link = base.path().join("with space");
    std::os::unix::fs::symlink(dir.path(), &link).unwrap();
    let real = dir.path().canonicalize().unwrap();
    let dotted = format!("{}/../{}/.", real.display(), real.file_name().unwrap().to_string_lossy());
    for path in [real.to_string_lossy().into_owned(), link.to_string_lossy().into_owned(), dotted] {
        let card = world.create_with(in_dir(&path, &path)).await;
        let stored = detail(&world, &card).await.workspace_path;
        assert_eq!(stored.map(PathBuf::from).as_ref(), Some(&real), "{path}");
    }
    world.claim().await;
    crate::nothing_to_claim(&world).await;
    world.check_invariants().await;
}

#[tokio::test]
async fn slugs_follow_the_rule_and_a_taken_one_is_not_given_twice() {
    let world = World::new().await;
    let longest = "a".repeat(64);
    for (given, slug) in [("Home-Lab_2", "home-lab_2"), (" 9 ", "9"), (longest.as_str(), longest.as_str())] {
        let board = kanban::create_board(&world.core, &ada(), given, "").await.unwrap();
        assert_eq!(board.slug, slug);
    }
    for bad in ["", " ", "-a", "_a", "a b", "a/b", "..", "a.b", "ä", "日本", "a\0", &"a".repeat(65), "'; DROP TABLE x"]
    {
        refusal(kanban::create_board(&world.core, &ada(), bad, "").await);
        let card = CreateCardParams { board: bad.into(), ..titled("x") };
        if !bad.trim().is_empty() {
            refusal(kanban::create_card(&world.core, &ada(), card).await);
            refusal(kanban::board_page(&world.core, bad, &BoardView::default()).await);
            refusal(kanban::board_settings(&world.core, bad).await);
        }
    }
    for taken in ["home-lab_2", "HOME-LAB_2"] {
        assert!(refusal(kanban::create_board(&world.core, &ada(), taken, "").await).contains("already"));
    }
    kanban::archive_board(&world.core, &ada(), "home-lab_2").await.unwrap();
    assert!(refusal(kanban::create_board(&world.core, &ada(), "home-lab_2", "").await).contains("archived"));
    world.check_invariants().await;
}

#[tokio::test]
async fn cards_links_keys_and_lists_stay_on_their_board() {
    let world = World::new().await;
    kanban::create_board(&world.core, &ada(), "other", "").await.unwrap();
    let here = world.create("here").await;
    let there = world.create_with(CreateCardParams { board: "other".into(), ..titled("there") }).await;
    for (board, card) in [("", &here), ("default", &here), ("other", &there)] {
        let listed = kanban::list_cards(&world.core, board, &BoardView::default(), None, 10).await.unwrap();
        assert_eq!(listed.iter().map(|listed| listed.id).collect::<Vec<_>>(), [card.id], "{board:?}");
        assert_eq!(kanban::stats(&world.core, board).await.unwrap().by_state, [(CardState::Ready, 1)]);
        let told = kanban::events(&world.core, board, None, 0).await.unwrap();
        assert!(told.iter().all(|event| event.card == Some(card.number)));
    }
    world.check_invariants().await;
}

#[tokio::test]
async fn reading_an_unknown_or_archived_board_makes_none() {
    let world = World::new().await;
    kanban::create_board(&world.core, &ada(), "old", "").await.unwrap();
    kanban::archive_board(&world.core, &ada(), "old").await.unwrap();
    let before = fingerprint(&world).await;
    for slug in ["nope", "old"] {
        let _ = kanban::board_page(&world.core, slug, &BoardView::default()).await;
        let _ = kanban::list_cards(&world.core, slug, &BoardView::default(), None, 10).await;
        let _ = kanban::stats(&world.core, slug).await;
        let _ = kanban::events(&world.core, slug, None, 0).await;
        let _ = kanban::board_settings(&world.core, slug).await;
        let _ = kanban::diagnostics(&world.core, slug).await;
    }
    assert_eq!(fingerprint(&world).await, before);
    let open: Vec<String> =
        kanban::boards(&world.core, false).await.unwrap().into_iter().map(|board| board.slug).collect();
    assert_eq!(open, ["default"]);
    let all = kanban::boards(&world.core, true).await.unwrap();
    assert!(all.iter().any(|board| board.slug == "old" && board.archived_at.is_some()));
}

#[tokio::test]
async fn old_logs_go_for_finished_cards_only_and_missing_ones_are_no_error() {
    let world = World::new().await;
    let (live, done) = (world.create("live").await, world.create("done").await);
    finish(&world, &done).await;
    let logs = world.core.home().logs();
    let log = |card: &TaskCard, name: &str| logs.join(format!("{}-1{name}", card.number));
    let old = UNIX_EPOCH + Duration::from_secs(1);
    for card in [&live, &done] {
        for name in [".log", ".log.1", ".worker.log"] {
            std::fs::write(log(card, name), "old").unwrap();
            let file = std::fs::File::options().write(true).open(log(card, name)).unwrap();
            file.set_modified(old).unwrap();
        }
    }
    std::fs::write(logs.join("server.log"), "not a card's").unwrap();
    std::fs::File::options().write(true).open(logs.join("server.log")).unwrap().set_modified(old).unwrap();
    assert_eq!(housekeeping::tidy(&world.core).await.unwrap().logs, 0, "it was finished just now");
    world.clock.advance_ms(91 * 24 * 3_600_000);
    assert_eq!(housekeeping::tidy(&world.core).await.unwrap().logs, 3);
    assert!(log(&live, ".log").exists() && !log(&done, ".log").exists() && logs.join("server.log").exists());
    std::fs::remove_dir_all(&logs).unwrap();
    assert_eq!(housekeeping::tidy(&world.core).await.unwrap().logs, 0);
    world.check_invariants().await;
}
