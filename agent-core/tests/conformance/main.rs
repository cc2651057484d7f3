//! The conformance suite of the kanban: one test for each rule of the list that the Python product's behaviour implies,
//! named after the rule. Where `kanban.md` of the specification decides otherwise, the test holds what it says, and a
//! table at the top of the file names the rule that does not apply and what holds instead.
//!
//! What needs a real server and real workers is in `server/tests/processes`.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::disallowed_methods, reason = "tests await the tasks they spawn, so no panic is lost")]

mod atomicity;
mod atypical;
mod concurrency;
mod context_and_tools;
mod deliveries;
mod dependencies;
mod dispatcher;
mod failures;
#[path = "../it/invariants.rs"]
mod invariants;
mod leases;
mod lifecycle;
mod notifications;
mod numbers_and_clocks;
#[path = "../it/push_service.rs"]
mod push_service;
mod sleeper;
mod structure;
#[path = "../it/support.rs"]
mod support;
mod workspaces_boards_logs;

use std::fmt::Debug;
use std::time::{Duration, Instant};

use agent_core::kanban::worker::{self, RunTicket};
use agent_core::kanban::{self, KanbanError};
use agent_core::{Core, decisions};
use protocol::{
    BoardEvent, CardDetail, CardRef, CardState, CardWritten, CreateCardParams, DecisionVerb, EditCardParams,
    MoveCardParams, RunOutcome, SettleDecisionOutcome, SettleDecisionParams, TaskCard,
};

use support::{World, ada};

/// Past the pause after a failure, the hold after a decision and the last words of a run.
const A_WHILE_MS: i64 = 10 * 60_000;

fn by(card: &TaskCard) -> CardRef {
    CardRef::Id(card.id)
}

fn titled(title: &str) -> CreateCardParams {
    CreateCardParams { title: title.into(), ..CreateCardParams::default() }
}

fn to(card: &TaskCard, state: CardState) -> MoveCardParams {
    MoveCardParams { id: card.id, revision: None, to: state, after: None, before: None }
}

async fn child(world: &World, title: &str, parents: &[&TaskCard]) -> TaskCard {
    let parents = parents.iter().map(|parent| by(parent)).collect();
    world.create_with(CreateCardParams { parents, ..titled(title) }).await
}

async fn shift(world: &World, card: &TaskCard, state: CardState) -> Result<CardWritten, KanbanError> {
    kanban::move_card(&world.core, &ada(), to(card, state)).await
}

async fn edit(world: &World, card: &TaskCard, change: impl FnOnce(&mut EditCardParams)) {
    let now = world.card(card).await;
    let mut params = EditCardParams::of(now.id, now.revision);
    change(&mut params);
    kanban::edit_card(&world.core, &ada(), params).await.unwrap();
}

async fn finish(world: &World, card: &TaskCard) {
    kanban::complete_card(&world.core, &ada(), by(card), "").await.unwrap();
}

async fn detail(world: &World, card: &TaskCard) -> CardDetail {
    kanban::card_detail(&world.core, by(card)).await.unwrap()
}

/// How the card's runs ended, oldest first.
async fn outcomes(world: &World, card: &TaskCard) -> Vec<Option<RunOutcome>> {
    detail(world, card).await.runs.iter().rev().map(|run| run.outcome).collect()
}

async fn events(world: &World, card: &TaskCard) -> Vec<BoardEvent> {
    kanban::events(&world.core, "", Some(by(card)), 0).await.unwrap()
}

/// The kinds of the card's events, oldest first.
async fn kinds(world: &World, card: &TaskCard) -> Vec<String> {
    events(world, card).await.into_iter().map(|event| event.kind).collect()
}

/// The last event of that kind, with its particulars.
async fn last_event(world: &World, card: &TaskCard, kind: &str) -> serde_json::Value {
    let found = events(world, card).await.into_iter().rev().find(|event| event.kind == kind);
    serde_json::from_str(&found.unwrap_or_else(|| panic!("no event {kind}")).detail).unwrap()
}

/// Claims the next card for a worker whose process is gone already, so that looking after processes ends nobody.
async fn start(world: &World) -> RunTicket {
    start_on(&world.core).await
}

async fn start_on(core: &Core) -> RunTicket {
    let claim = kanban::claim_next(core, "test").await.unwrap().expect("a card to claim");
    worker::start(core, claim.ticket, u32::MAX >> 1, 1).await.unwrap();
    claim.ticket
}

/// Waits until an earlier worker is known to be gone and the card may start again, and starts it.
async fn start_again(world: &World) -> RunTicket {
    kanban::reap(&world.core).await.unwrap();
    world.clock.advance_ms(A_WHILE_MS);
    kanban::release_due(&world.core).await.unwrap();
    start(world).await
}

async fn fail(world: &World, ticket: RunTicket, outcome: RunOutcome) {
    worker::fail(&world.core, ticket, outcome, "it broke", None).await.unwrap();
}

async fn nothing_to_claim(world: &World) {
    let claim = kanban::claim_next(&world.core, "test").await.unwrap();
    assert!(claim.is_none(), "nothing may start: {claim:?}");
}

async fn settle(world: &World, card: &TaskCard, verb: DecisionVerb, comment: &str) -> SettleDecisionOutcome {
    let ask = world.card(card).await.ask.expect("an open decision");
    let params = SettleDecisionParams { id: ask.id, version: ask.version, verb, comment: comment.into() };
    decisions::settle(&world.core, &ada(), params).await.unwrap()
}

/// The refusal, in words. A fault of the database is none.
fn refusal<T: Debug>(result: Result<T, KanbanError>) -> String {
    match result {
        Ok(done) => panic!("it was not refused: {done:?}"),
        Err(KanbanError::Internal(error)) => panic!("it broke instead of being refused: {error}"),
        Err(error) => error.to_string(),
    }
}

/// Everything in the database that could have changed, as one text.
async fn fingerprint(world: &World) -> String {
    let mut tx = world.core.store().reader().begin().await.unwrap();
    let counts: String = sqlx::query_scalar(
        "SELECT (SELECT group_concat(hex(id) || revision || state, ',') FROM (SELECT * FROM kanban_card ORDER BY id))
             || '|' || (SELECT count(*) FROM kanban_event) || '|' || (SELECT count(*) FROM audit_row)
             || '|' || (SELECT count(*) FROM kanban_run) || '|' || (SELECT count(*) FROM kanban_link)
             || '|' || (SELECT count(*) FROM kanban_comment) || '|' || (SELECT count(*) FROM kanban_card_label)
             || '|' || (SELECT count(*) FROM decision) || '|' || (SELECT next_number FROM kanban_counter)",
    )
    .fetch_optional(&mut *tx)
    .await
    .unwrap()
    .unwrap_or_default();
    counts
}

/// Every row of every table, for what must leave no trace at all.
async fn everything(world: &World) -> Vec<String> {
    let mut tx = world.core.store().reader().begin().await.unwrap();
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_schema
          WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name",
    )
    .fetch_all(&mut *tx)
    .await
    .unwrap();
    let mut found = Vec::new();
    for table in tables {
        let columns: String = sqlx::query_scalar(
            "SELECT group_concat('quote(\"' || name || '\")', ' || '' '' || ') FROM pragma_table_info(?1)",
        )
        .bind(&table)
        .fetch_one(&mut *tx)
        .await
        .unwrap();
        let rows = format!("SELECT {columns} FROM \"{table}\" ORDER BY 1");
        let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(rows)).fetch_all(&mut *tx).await.unwrap();
        found.extend(rows.into_iter().map(|row| format!("{table}: {row}")));
    }
    found
}

/// A number from the database, for what no function tells.
async fn number(world: &World, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(world.core.store().reader()).await.unwrap()
}

/// Writes past the core, as another program or a failing disk could.
async fn tamper(world: &World, sql: &'static str) {
    let mut tx = world.core.write().await.unwrap();
    sqlx::query(sql).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}

/// Waits for a condition; fails when it does not come true within 20 s.
async fn eventually<F, R>(mut condition: F)
where
    F: FnMut() -> R,
    R: Future<Output = bool>,
{
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition().await {
        assert!(Instant::now() < deadline, "it did not happen in time");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
