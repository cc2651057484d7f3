//! Imports from homes of the Python hermes-agent: faithful, repeatable, and never a write to the source.

mod again;
mod nasty;
mod old_home;
mod real;
mod refused;
mod story;

use agent_core::import::{self, ImportError, Mode, PythonHome, Report, Start};
use agent_core::kanban;
use protocol::{CardDetail, CardRef, TaskCard};
use sqlx::{Connection, SqliteConnection};

use crate::support::{World, ada};
use old_home::OldHome;

/// Imports, checks that the source is as it was and that our invariants hold.
async fn import(world: &World, old: &OldHome, start: Start) -> Report {
    let before = old.tree();
    let report = try_import(world, old, start, Mode::Write).await.unwrap();
    assert!(before == old.tree(), "the source was changed");
    world.check_invariants().await;
    assert!(!world.dir.path().join("import").exists(), "the copy is gone");
    report
}

async fn try_import(world: &World, old: &OldHome, start: Start, mode: Mode) -> Result<Report, ImportError> {
    let home = PythonHome::find(&old.root(), world.core.home())?;
    import::run(&world.core, &ada(), &home, start, mode).await
}

async fn find(world: &World, old_id: &str) -> TaskCard {
    let mut cards = import::find(&world.core, old_id).await.unwrap();
    assert_eq!(cards.len(), 1, "{old_id}: {cards:?}");
    cards.remove(0)
}

async fn detail(world: &World, old_id: &str) -> CardDetail {
    kanban::card_detail(&world.core, CardRef::Id(find(world, old_id).await.id)).await.unwrap()
}

/// What a person does to a card after an import.
async fn rename(world: &World, card: &TaskCard, title: &str) {
    let edit = serde_json::json!({ "id": card.id, "revision": card.revision, "title": title });
    kanban::edit_card(&world.core, &ada(), serde_json::from_value(edit).unwrap()).await.unwrap();
}

/// One value of our database.
async fn value<T>(world: &World, sql: &str) -> T
where
    T: Send + Unpin + sqlx::Type<sqlx::Sqlite> + for<'r> sqlx::Decode<'r, sqlx::Sqlite>,
{
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(world.core.home().database()).read_only(true);
    let mut db = SqliteConnection::connect_with(&options).await.unwrap();
    let value = sqlx::query_scalar(sqlx::AssertSqlSafe(sql.to_owned())).fetch_one(&mut db).await.unwrap();
    db.close().await.unwrap();
    value
}

/// The remarks about something, as one text.
fn said(remarks: &import::Remarks, what: &str) -> String {
    let about: Vec<&str> =
        remarks.first.iter().filter(|remark| remark.what.contains(what)).map(|remark| remark.why.as_str()).collect();
    about.join("; ")
}
