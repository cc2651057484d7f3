//! What cannot be imported is said in a sentence, and changes nothing.

use agent_core::import::{ImportError, Mode, PythonHome, Start};
use agent_core::{Home, import};
use sqlx::Connection;

use super::old_home::OldHome;
use super::{find, said, try_import, value};
use crate::support::{World, ada};

fn refusal(path: &std::path::Path, own: &Home) -> String {
    PythonHome::find(path, own).unwrap_err().to_string()
}

#[tokio::test]
async fn only_a_python_home_is_a_source() {
    let (world, old) = (World::new().await, OldHome::new().await);
    let own = world.core.home();
    let empty = tempfile::tempdir().unwrap();
    assert!(refusal(&empty.path().join("nope"), own).contains("there is no"));
    assert!(refusal(empty.path(), own).contains("neither kanban.db nor kanban/boards"));
    assert!(refusal(&old.root().join("kanban.db"), own).contains("a file"));
    let other = World::new().await;
    assert!(refusal(other.dir.path(), own).contains("needs no import"));
    let said = refusal(own.root(), own);
    assert!(said.contains("this Hermes's own home, and no boards"), "{said}");
    // A directory around our home is not our home.
    let around = Home::at(empty.path().join("a/home"));
    std::fs::create_dir_all(around.root()).unwrap();
    let said = refusal(empty.path(), &around);
    assert!(said.contains("neither kanban.db nor kanban/boards") && said.contains("a/home"), "{said}");
    // A profile's home leads to the one that holds the boards.
    let profile = old.root().join("profiles/coder");
    std::fs::create_dir_all(&profile).unwrap();
    assert_eq!(PythonHome::find(&profile, own).unwrap().root(), old.root());
}

#[tokio::test]
async fn our_own_home_is_no_source_even_when_both_products_used_it() {
    let old = OldHome::new().await;
    for own in [old.root(), old.root().join("."), old.root().join("rust/home")] {
        let own = Home::at(own);
        let said = refusal(&old.root(), &own);
        assert!(said.contains("own home") && said.contains("HERMES_HOME"), "{said}");
    }
    let alias = tempfile::tempdir().unwrap();
    let link = alias.path().join("link");
    std::os::unix::fs::symlink(old.root(), &link).unwrap();
    assert!(refusal(&link, &Home::at(old.root())).contains("own home"));
    assert!(refusal(&old.root(), &Home::at(&link)).contains("own home"));
    let beside = format!("{}-rust", old.root().display());
    assert!(PythonHome::find(&old.root(), &Home::at(beside)).is_ok(), "a name that begins the same is another");
}

#[tokio::test]
async fn a_damaged_board_is_named_and_the_others_come() {
    let (world, old) = (World::new().await, OldHome::new().await);
    old.card("t_1", "done").await;
    old.write("kanban/boards/text/kanban.db", "this is no database at all, but some text");
    old.write("kanban/boards/short/kanban.db", b"SQLite format 3\0garbage");
    old.write("kanban/boards/zero/kanban.db", "");
    old.sql(
        "torn",
        &"INSERT INTO task_comments (task_id, author, body, created_at) VALUES ('t', 'a', hex(randomblob(2000)), 1);"
            .repeat(20),
    )
    .await;
    let torn = old.board("torn").join("kanban.db");
    let mut bytes = std::fs::read(&torn).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 9000].fill(0x5a);
    std::fs::write(&torn, bytes).unwrap();
    let future = old.root().join("kanban/boards/future/kanban.db");
    std::fs::create_dir_all(future.parent().unwrap()).unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&future).create_if_missing(true);
    let mut db = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("CREATE TABLE tasks (uuid TEXT, heading TEXT)").execute(&mut db).await.unwrap();
    db.close().await.unwrap();

    let before = old.tree();
    let report = try_import(&world, &old, Start::Held, Mode::Write).await.unwrap();
    assert!(before == old.tree(), "the source was changed");
    assert!(!report.complete());
    for (board, part) in [
        ("text", "is damaged"),
        ("short", "is damaged"),
        ("torn", "is damaged"),
        ("future", "none of hermes-agent up to 0.19"),
    ] {
        let found = report.boards.iter().find(|found| found.source == board).unwrap();
        let why = found.error.as_deref().unwrap_or_else(|| panic!("{found:?}"));
        assert!(why.contains(part) && why.contains(&format!("\"{board}\"")), "{board}: {why}");
        assert_eq!(found.taken.total(), 0);
    }
    let zero = report.boards.iter().find(|found| found.source == "zero").unwrap();
    assert_eq!(zero.error, None, "a board into which nothing was written is empty, not damaged");
    find(&world, "t_1").await;
    let boards: i64 = value(&world, "SELECT count(*) FROM kanban_board").await;
    assert_eq!(boards, 2, "no board is made for a damaged one");
}

#[tokio::test]
async fn remarks_are_bounded_and_counted() {
    let (world, old) = (World::new().await, OldHome::new().await);
    old.sql(
        "",
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
         INSERT INTO task_links SELECT 'p' || i, 'c' || i FROM n",
    )
    .await;
    let report = try_import(&world, &old, Start::Held, Mode::Write).await.unwrap();
    assert_eq!((report.left_out.total, report.left_out.first.len()), (5000, import::MAX_REMARKS));
    assert!(said(&report.left_out, "p1 → c1").contains("gone"));
}

#[tokio::test]
async fn two_imports_do_not_run_at_once() {
    let (world, old) = (World::new().await, OldHome::new().await);
    old.card("t_1", "done").await;
    let lock = std::fs::File::create(world.dir.path().join("import.lock")).unwrap();
    lock.lock().unwrap();
    let error = try_import(&world, &old, Start::Held, Mode::Write).await.unwrap_err();
    assert!(matches!(error, ImportError::Running) && error.to_string().contains("wait"));
    drop(lock);
    // What a killed import left behind is cleared.
    std::fs::create_dir(world.dir.path().join("import")).unwrap();
    std::fs::write(world.dir.path().join("import/board.db-wal"), "old frames").unwrap();
    let home = PythonHome::find(&old.root(), world.core.home()).unwrap();
    let report = import::run(&world.core, &ada(), &home, Start::Held, Mode::Write).await.unwrap();
    assert_eq!(report.taken.cards, 1);
}
