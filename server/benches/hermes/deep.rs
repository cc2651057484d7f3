//! What a card costs that has much of everything, and what is asked of the whole board, at every size of the board.

use std::time::Instant;

use agent_core::Core;
use agent_core::kanban;
use protocol::{BoardId, CardRef, CardState, MoveCardParams, RUN_PAGE};
use sqlx::{Connection, SqliteConnection};

use crate::me;
use crate::scale::{row, timed};

const CHILDREN: i64 = 1_000;
const RUNS: i64 = 1_000;
const COMMENTS: i64 = 300;
/// Each writes a thousand cards twice.
const PROMOTIONS: usize = 7;
/// Finished cards that a worker reads the results of.
const PARENTS: [i64; 3] = [1, 10, 50];

/// Numbers of the cards that were made for this.
struct Made {
    /// A thousand cards wait for it, each for four finished ones as well.
    parent: i64,
    first_child: i64,
    /// One for each of [`PARENTS`]; the last has the runs and the comments.
    readers: [i64; 3],
}

pub(crate) async fn run(core: &Core, board: BoardId) {
    let made = seed(core, board).await;
    promotion(core, &made).await;
    contexts(core, &made).await;
    runs(core, made.readers[2]).await;
    let (times, stats) = timed(async |_| kanban::stats(core, "").await.unwrap()).await;
    let cards: i64 = stats.by_state.iter().map(|(_, cards)| cards).sum();
    row("stats of the board", times, &format!("{cards} cards counted"));
    let (times, wrong) = timed(async |_| kanban::diagnostics(core, "").await.unwrap()).await;
    row("diagnostics of the board", times, &format!("{} cards", wrong.len()));
}

/// Writes the cards as rows, beside those that are there.
async fn seed(core: &Core, board: BoardId) -> Made {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(core.home().database()).foreign_keys(true);
    let mut db = SqliteConnection::connect_with(&options).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    let next: i64 = sqlx::query_scalar("SELECT next_number FROM kanban_counter").fetch_one(&mut *tx).await.unwrap();
    let first_child = next + 1;
    let readers = [0, 1, 2].map(|at| first_child + CHILDREN + at);
    let cards = "WITH RECURSIVE n (i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
        INSERT INTO kanban_card (id, number, board_id, title, body, state, rank, assignee, created_by, created_at,
                                 updated_at, state_at)
        SELECT unhex(printf('%032x', i)), i, ?3, printf('Deep %d', i), printf('%.*c', 500, 'b'),
               CASE WHEN i = ?1 THEN 'ready' WHEN i < ?4 THEN 'todo' ELSE 'triage' END,
               printf('%016x', 9223372036854775808 / 2 + i), CASE WHEN i >= ?4 THEN 'coder' END, 'bench', ?5, ?5, ?5
          FROM n";
    let query = sqlx::query(cards).bind(next).bind(readers[2]).bind(board.0).bind(readers[0]).bind(core.now_ms());
    query.execute(&mut *tx).await.unwrap();
    let links = "INSERT INTO kanban_link (parent_id, child_id)
        SELECT p.id, k.id FROM kanban_card k JOIN kanban_card p ON p.number IN (2, 3, 4, 5, ?1)
         WHERE k.number >= ?2 AND k.number < ?3";
    sqlx::query(links).bind(next).bind(first_child).bind(readers[0]).execute(&mut *tx).await.unwrap();
    // Results of cards that the board has finished long ago, and of its newest ones.
    let summaries = "UPDATE kanban_card SET summary = printf('%.*c', 2000, 's'), assignee = 'coder'
         WHERE state = 'done' AND (number < 100 OR number > ?1 - 100)";
    sqlx::query(summaries).bind(next).execute(&mut *tx).await.unwrap();
    for (reader, parents) in readers.iter().zip(PARENTS) {
        let links = "INSERT INTO kanban_link (parent_id, child_id)
            SELECT id, unhex(printf('%032x', ?1)) FROM kanban_card
             WHERE state = 'done' AND number < 100 ORDER BY number LIMIT ?2";
        sqlx::query(links).bind(reader).bind(parents).execute(&mut *tx).await.unwrap();
    }
    let runs = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
        INSERT INTO kanban_run (id, card_id, attempt, fence, profile, executor, lease_owner, claimed_at, started_at,
                                ended_at, outcome, summary, metadata)
        SELECT randomblob(16), unhex(printf('%032x', ?1)), i, i, 'coder', 'command', 'bench', ?3, ?3, ?3, 'blocked',
               printf('%.*c', 500, 's'), '{\"fact\":1}' FROM n";
    sqlx::query(runs).bind(readers[2]).bind(RUNS).bind(core.now_ms()).execute(&mut *tx).await.unwrap();
    let comments = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
        INSERT INTO kanban_comment (id, card_id, author, body, created_at)
        SELECT randomblob(16), unhex(printf('%032x', ?1)), 'bench', printf('%.*c', 500, 'c'), ?3 FROM n";
    sqlx::query(comments).bind(readers[2]).bind(COMMENTS).bind(core.now_ms()).execute(&mut *tx).await.unwrap();
    sqlx::query("UPDATE kanban_card SET attempts = ?2, fence = ?2, comment_count = ?3 WHERE number = ?1")
        .bind(readers[2])
        .bind(RUNS)
        .bind(COMMENTS)
        .execute(&mut *tx)
        .await
        .unwrap();
    // Something to find for the diagnosis.
    sqlx::query("UPDATE kanban_card SET failures = 1 WHERE state = 'ready' AND number < ?1 AND number % 60 = 1")
        .bind(next)
        .execute(&mut *tx)
        .await
        .unwrap();
    sqlx::query("UPDATE kanban_counter SET next_number = ?1 + 1").bind(readers[2]).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut db).await.unwrap();
    db.close().await.unwrap();
    Made { parent: next, first_child, readers }
}

/// What waits is looked at again by the write that ends what it waits for.
async fn promotion(core: &Core, made: &Made) {
    let parent = kanban::card(core, CardRef::Number(made.parent)).await.unwrap().id;
    let (mut promoted, mut taken_back) = (Vec::new(), Vec::new());
    for _ in 0..PROMOTIONS {
        let ways =
            [(CardState::Done, CardState::Ready, &mut promoted), (CardState::Ready, CardState::Todo, &mut taken_back)];
        for (to, of_children, times) in ways {
            let params = MoveCardParams { id: parent, revision: None, to, after: None, before: None };
            let begun = Instant::now();
            kanban::move_card(core, &me(), params).await.unwrap();
            times.push(begun.elapsed().as_secs_f64() * 1000.0);
            for child in [made.first_child, made.first_child + CHILDREN - 1] {
                assert_eq!(kanban::card(core, CardRef::Number(child)).await.unwrap().state, of_children);
            }
        }
    }
    row("1,000 children promoted by their parent", promoted, "each has 5 parents; one transaction");
    row("… and taken back when it is reopened", taken_back, "");
}

async fn contexts(core: &Core, made: &Made) {
    for (reader, parents) in made.readers.iter().zip(PARENTS) {
        let (times, text) =
            timed(async |_| kanban::worker_context(core, CardRef::Number(*reader)).await.unwrap()).await;
        let more = if *reader == made.readers[2] { ", 1,000 runs" } else { "" };
        row(&format!("worker's context, {parents} parents{more}"), times, &format!("{} B", text.len()));
    }
}

async fn runs(core: &Core, number: i64) {
    let card = CardRef::Number(number);
    let (times, _) = timed(async |_| kanban::earlier_runs(core, card, u32::MAX).await.unwrap()).await;
    row("newest runs of a card with 1,000", times, &format!("{RUN_PAGE} of them"));
    let (times, seen) = timed(async |_| {
        let (mut before, mut seen) = (u32::MAX, 0);
        loop {
            let page = kanban::earlier_runs(core, card, before).await.unwrap();
            seen += page.runs.len();
            match page.runs.last() {
                Some(oldest) if page.more => before = oldest.attempt,
                _ => break seen,
            }
        }
    })
    .await;
    assert_eq!(i64::try_from(seen).unwrap(), RUNS);
    row("… all of them, page by page", times, "");
    let (times, _) = timed(async |_| kanban::card_detail(core, card).await.unwrap()).await;
    row("page of that card", times, &format!("{COMMENTS} comments, 50 parents"));
}
