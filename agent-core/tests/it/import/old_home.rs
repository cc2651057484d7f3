//! A home of the Python hermes-agent, made by SQL.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{Connection, SqliteConnection};

const SCHEMA: &str = include_str!("schema.sql");

pub struct OldHome {
    pub dir: tempfile::TempDir,
}

/// The file's bytes, its mode and when it was changed.
pub type Tree = BTreeMap<PathBuf, (Vec<u8>, u32, std::time::SystemTime)>;

impl OldHome {
    /// A home with an empty default board.
    pub async fn new() -> Self {
        let home = Self { dir: tempfile::tempdir().unwrap() };
        home.sql("", "SELECT 1").await;
        home
    }

    pub fn root(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap()
    }

    /// The directory of a board; the empty name is the default board.
    pub fn board(&self, board: &str) -> PathBuf {
        if board.is_empty() { self.root() } else { self.root().join("kanban/boards").join(board) }
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.root().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Opens a board as the old product does, and keeps it open.
    pub async fn open(&self, board: &str) -> SqliteConnection {
        let dir = self.board(board);
        std::fs::create_dir_all(&dir).unwrap();
        let options = SqliteConnectOptions::new()
            .filename(dir.join("kanban.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .pragma("wal_autocheckpoint", "100");
        let mut db = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(SCHEMA)).execute(&mut db).await.unwrap();
        db
    }

    /// Runs statements on a board.
    pub async fn sql(&self, board: &str, statements: &str) {
        let mut db = self.open(board).await;
        sqlx::raw_sql(sqlx::AssertSqlSafe(statements.to_owned())).execute(&mut db).await.unwrap();
        db.close().await.unwrap();
    }

    /// A card with a title and a status.
    pub async fn card(&self, id: &str, status: &str) {
        self.sql(
            "",
            &format!(
                "INSERT INTO tasks (id, title, status, created_at) VALUES ('{id}', 'title of {id}', '{status}',
                     1700000000 + (SELECT count(*) FROM tasks));"
            ),
        )
        .await;
    }

    /// Everything below the home.
    pub fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        visit(&self.root(), &mut tree);
        tree
    }
}

fn visit(dir: &Path, tree: &mut Tree) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let meta = std::fs::symlink_metadata(&path).unwrap();
        let bytes = if meta.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
        tree.insert(path.clone(), (bytes, meta.permissions().mode(), meta.modified().unwrap()));
        if meta.is_dir() {
            visit(&path, tree);
        }
    }
}
