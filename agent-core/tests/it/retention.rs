//! What is kept of cards that were finished long ago.

use agent_core::audit;
use agent_core::kanban::housekeeping::{self, Retention, Tidied};
use agent_core::kanban::worker::{self, NewRunEvent, RunTicket};
use agent_core::kanban::{self, KanbanError};
use protocol::{
    CardDetail, CardRef, CardState, LogPart, MoveCardParams, RetryCardParams, RunEventKind, RunLogParams, RunOutcome,
    TaskCard,
};

use crate::support::{World, ada};

const DAY: i64 = 24 * 3_600_000;

async fn detail(world: &World, card: &TaskCard) -> CardDetail {
    kanban::card_detail(&world.core, CardRef::Id(card.id)).await.unwrap()
}

async fn tidy(world: &World) -> Tidied {
    let done = housekeeping::tidy(&world.core).await.unwrap();
    world.check_invariants().await;
    done
}

/// A run that did and wrote something.
async fn works(world: &World, card: &TaskCard) -> RunTicket {
    world.forget_processes().await;
    let ticket = world.claim_and_start().await;
    let said = NewRunEvent { kind: RunEventKind::Output, name: String::new(), detail: "hello".into(), ok: true };
    worker::record(&world.core, ticket, vec![said]).await.unwrap();
    let attempt = detail(world, card).await.runs[0].attempt;
    for ending in [".log", ".log.1", ".worker.log"] {
        let path = world.core.home().logs().join(format!("{}-{attempt}{ending}", card.number));
        std::fs::write(path, "written\n").unwrap();
    }
    ticket
}

async fn finished(world: &World, title: &str) -> (TaskCard, RunTicket) {
    let card = world.create(title).await;
    let ticket = works(world, &card).await;
    worker::complete(&world.core, ticket, "it is done", None).await.unwrap();
    (card, ticket)
}

async fn log(world: &World, ticket: RunTicket) -> Result<String, KanbanError> {
    let params = RunLogParams { run: ticket.run, source: None, part: LogPart::End };
    Ok(kanban::run_log(&world.core, params).await?.text)
}

async fn count(world: &World, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(world.core.store().reader()).await.unwrap()
}

fn again(card: &TaskCard) -> RetryCardParams {
    RetryCardParams { id: card.id, assignee: None, model: None, comment: String::new() }
}

#[tokio::test]
async fn what_the_runs_of_a_card_finished_long_ago_did_goes_and_how_they_ended_stays() {
    let world = World::new().await;
    let (done, ticket) = finished(&world, "done").await;
    let open = world.create("open").await;
    let other = works(&world, &open).await;
    worker::fail(&world.core, other, RunOutcome::Crashed, "boom", None).await.unwrap();
    world.clock.advance_ms(89 * DAY);
    let early = tidy(&world).await;
    assert_eq!((early.runs, early.logs, early.events), (0, 0, 0));
    assert_eq!(log(&world, ticket).await.unwrap(), "written\nwritten\n");

    world.clock.advance_ms(2 * DAY);
    let late = tidy(&world).await;
    assert_eq!((late.runs, late.logs, late.events), (1, 3, 0));
    let gone = log(&world, ticket).await.unwrap_err();
    assert!(matches!(&gone, KanbanError::NotFound(why) if why.contains("90 days after")), "{gone}");
    assert!(kanban::run_events(&world.core, ticket.run, 0).await.unwrap().is_empty());
    let now = detail(&world, &done).await;
    let run = &now.runs[0];
    assert_eq!((run.outcome, run.summary.as_deref()), (Some(RunOutcome::Completed), Some("it is done")));
    assert_eq!((run.tidied_days, now.activity.len(), now.runs.len()), (Some(90), 0, 1));
    assert!(now.summary_html.is_some());
    let history = kanban::card_history(&world.core, CardRef::Id(done.id), None).await.unwrap();
    assert!(history.tidied_days.is_none() && history.entries.iter().any(|entry| entry.kind == "claimed"));
    // Of the card that is not finished all is there, and there is nothing left to do.
    assert_eq!(log(&world, other).await.unwrap(), "written\nwritten\n");
    assert_eq!(detail(&world, &open).await.runs[0].tidied_days, None);
    assert_eq!(tidy(&world).await.runs, 0);
    assert!(matches!(audit::verify(&world.core).await.unwrap(), audit::ChainState::Whole { .. }));
}

#[tokio::test]
async fn a_card_that_was_taken_up_again_keeps_everything_until_it_is_finished_anew() {
    let world = World::new().await;
    let (card, first) = finished(&world, "again").await;
    world.clock.advance_ms(89 * DAY);
    kanban::retry_card(&world.core, &ada(), again(&card)).await.unwrap();
    world.clock.advance_ms(100 * DAY);
    assert_eq!(tidy(&world).await.runs, 0);
    let second = works(&world, &card).await;
    worker::complete(&world.core, second, "once more", None).await.unwrap();
    assert_eq!(tidy(&world).await.runs, 0);
    assert!(log(&world, first).await.is_ok());
    // Put away it is finished as well; the days count from there.
    world.clock.advance_ms(60 * DAY);
    let archived = MoveCardParams { id: card.id, to: CardState::Archived, revision: None, before: None, after: None };
    kanban::move_card(&world.core, &ada(), archived).await.unwrap();
    world.clock.advance_ms(60 * DAY);
    assert_eq!(tidy(&world).await.runs, 0);
    world.clock.advance_ms(31 * DAY);
    assert_eq!(tidy(&world).await.runs, 2);
    let days: Vec<_> = detail(&world, &card).await.runs.iter().map(|run| run.tidied_days).collect();
    assert_eq!(days, [Some(90), Some(90)]);
}

#[tokio::test]
async fn the_history_stays_unless_it_is_asked_to_go_and_then_keeps_its_beginning_and_its_end() {
    let world = World::new().await;
    let (card, ticket) = finished(&world, "old").await;
    let open = world.create("open").await;
    world.clock.advance_ms(1_000 * DAY);
    let newest = kanban::last_seq(&world.core).await.unwrap();
    assert_eq!(tidy(&world).await.events, 0);
    let asked = Retention { events: 30, logs: 0 };
    let done = housekeeping::tidy_keeping(&world.core, asked).await.unwrap();
    assert!(done.events > 0 && done.runs == 0, "{done:?}");
    world.check_invariants().await;
    let page = kanban::card_history(&world.core, CardRef::Id(card.id), None).await.unwrap();
    let kinds: Vec<&str> = page.entries.iter().map(|entry| entry.kind.as_str()).collect();
    assert_eq!((kinds.as_slice(), page.tidied_days, page.more), (&["completed", "created"][..], Some(30), false));
    assert_eq!(detail(&world, &card).await.runs[0].id, ticket.run, "its runs are told all the same");
    let other = kanban::card_history(&world.core, CardRef::Id(open.id), None).await.unwrap();
    assert!(other.tidied_days.is_none() && !other.entries.is_empty());
    assert_eq!(kanban::last_seq(&world.core).await.unwrap(), newest, "nobody who follows falls behind");
    assert_eq!(housekeeping::tidy_keeping(&world.core, asked).await.unwrap().events, 0);
}

#[tokio::test]
async fn nothing_goes_where_the_settings_keep_it_and_a_word_for_once_is_heard() {
    let world = World::with_config("kanban:\n  max_in_progress: 5\n  log_retention_days: 0").await;
    let (card, ticket) = finished(&world, "kept").await;
    world.clock.advance_ms(2_000 * DAY);
    assert_eq!(tidy(&world).await.runs, 0);
    assert!(log(&world, ticket).await.is_ok());
    let once = housekeeping::tidy_keeping(&world.core, Retention { events: 0, logs: 7 }).await.unwrap();
    assert_eq!((once.runs, once.logs, once.events), (1, 3, 0));
    assert_eq!(detail(&world, &card).await.runs[0].tidied_days, Some(7));
    world.check_invariants().await;
}

#[tokio::test]
async fn a_long_activity_goes_in_several_steps_and_many_cards_in_several_reads() {
    let world = World::new().await;
    let (_, ticket) = finished(&world, "long").await;
    let mut tx = world.core.write().await.unwrap();
    sqlx::query(
        "WITH RECURSIVE n (i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 5100)
         INSERT INTO kanban_run_event (run_id, seq, kind, detail, at) SELECT ?1, i, 'output', 'x', 0 FROM n",
    )
    .bind(ticket.run.0)
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
    for at in 0..150 {
        let card = world.create(&format!("card {at}")).await;
        kanban::complete_card(&world.core, &ada(), CardRef::Id(card.id), "").await.unwrap();
    }
    world.clock.advance_ms(91 * DAY);
    assert_eq!(tidy(&world).await.runs, 1);
    assert_eq!(count(&world, "SELECT count(*) FROM kanban_run_event").await, 0);
    assert_eq!(count(&world, "SELECT count(*) FROM kanban_card WHERE runs_tidied_at IS NULL").await, 0);
}
