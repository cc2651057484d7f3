//! §9.9: who is told what, and how often. That it arrives: `deliveries`; the sender against a push service: `it::push`;
//! requests: `server/tests/it`.
//!
//! | rule | why not, and what holds instead |
//! |---|---|
//! | subscriptions per card, chat and thread, with cursors | a person's devices get every decision; a device is its endpoint |
//! | crashes, completions and blocks are told | only a decision is: a first crash starts again by itself, a second asks |
//! | two watchers on one database send once | `it::push` holds it for two senders |
//! | a disconnected chat gets the event again | `it::push`: a message waits in the outbox until the service takes it or it is six hours old |
//! | a person's bot never speaks for another | there are no bots; a device belongs to one account |
//! | a review's text is redacted when it is patched | it is redacted before it is stored, see below |
//! | an empty title is 4xx, a priority that is text is 422 | both are refused before anything is written (`atypical`, `server/tests/cli`) |

use agent_core::kanban::{self, worker};
use agent_core::{accounts, decisions, push};
use protocol::{
    BlockKind, BoardView, CardSort, CardState, CreateCardParams, DecisionState, DecisionVerb, LaneBy, RunOutcome,
    SetUpParams, SettleDecisionParams, SubscribeParams, TaskCard, UserId,
};

use crate::support::{World, ada, bob};
use crate::{by, detail, fail, finish, number, settle, shift, start, start_again, titled};

/// A public key of a browser, and its secret, from RFC 8291 §5.
const P256DH: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

fn device(name: &str) -> SubscribeParams {
    SubscribeParams {
        endpoint: format!("https://push.example/{name}"),
        p256dh: P256DH.into(),
        auth: AUTH.into(),
        device: name.into(),
        origin: None,
    }
}

/// A world with an owner, whose devices are these.
pub async fn with_devices(names: &[&str]) -> (World, UserId) {
    let world =
        World::with_config("push:\n  allowed_origins: [\"https://push.example\"]\nkanban:\n  max_in_progress: 9").await;
    let token = accounts::issue_setup_token(&world.core).await.unwrap();
    let owner = SetUpParams { token, name: "Ada".into(), password: "three green bicycles".into() };
    let owner = accounts::set_up(&world.core, owner).await.unwrap().id;
    for name in names {
        push::subscribe(&world.core, owner, device(name)).await.unwrap();
    }
    (world, owner)
}

async fn outbox(world: &World) -> i64 {
    number(world, "SELECT count(*) FROM push_outbox").await
}

#[tokio::test]
async fn subscribing_a_device_twice_is_one_device_and_removing_one_leaves_the_others() {
    let (world, owner) = with_devices(&["phone", "laptop", "phone", "phone"]).await;
    let devices = push::state(&world.core, owner).await.unwrap().devices;
    assert_eq!(devices.len(), 2);
    world.create_with(CreateCardParams { blocked: true, ..titled("one") }).await;
    assert_eq!(outbox(&world).await, 2, "one message for each device");
    push::unsubscribe(&world.core, owner, devices[0].id).await.unwrap();
    assert!(push::unsubscribe(&world.core, owner, devices[0].id).await.is_err());
    let left = push::state(&world.core, owner).await.unwrap().devices;
    assert_eq!(left.iter().map(|device| device.id).collect::<Vec<_>>(), [devices[1].id]);
    world.create_with(CreateCardParams { blocked: true, ..titled("two") }).await;
    let of_left = "SELECT count(*) FROM push_outbox o JOIN push_subscription s ON s.id = o.subscription_id";
    assert_eq!(number(&world, of_left).await, 2);
    world.check_invariants().await;
}

#[tokio::test]
async fn a_new_device_hears_nothing_of_what_was_asked_before_it_came() {
    let (world, owner) = with_devices(&[]).await;
    for index in 0..5 {
        world.create_with(CreateCardParams { blocked: true, ..titled(&format!("old {index}")) }).await;
    }
    push::subscribe(&world.core, owner, device("phone")).await.unwrap();
    assert_eq!(outbox(&world).await, 0);
    world.create_with(CreateCardParams { blocked: true, ..titled("new") }).await;
    assert_eq!(outbox(&world).await, 1);
}

#[tokio::test]
async fn only_what_needs_a_person_is_told_and_it_is_told_once() {
    let (world, _) = with_devices(&["phone"]).await;
    let card = world.create("card").await;
    let ticket = start(&world).await;
    worker::comment(&world.core, ticket, by(&card), "half way").await.unwrap();
    fail(&world, ticket, RunOutcome::Crashed).await;
    let ticket = start_again(&world).await;
    fail(&world, ticket, RunOutcome::RateLimited).await;
    assert_eq!(outbox(&world).await, 0, "it goes on by itself");
    let ticket = start_again(&world).await;
    fail(&world, ticket, RunOutcome::Crashed).await;
    assert_eq!(outbox(&world).await, 1, "two crashes in a row need a person");
    settle(&world, &card, DecisionVerb::Retry, "").await;
    for round in 2..4 {
        // Crash, start, crash again: told again.
        let ticket = start_again(&world).await;
        fail(&world, ticket, RunOutcome::Crashed).await;
        let ticket = start_again(&world).await;
        fail(&world, ticket, RunOutcome::Crashed).await;
        assert_eq!(outbox(&world).await, round);
        settle(&world, &card, DecisionVerb::Retry, "").await;
    }
    let ticket = start_again(&world).await;
    worker::complete(&world.core, ticket, "done", None).await.unwrap();
    assert_eq!(outbox(&world).await, 3, "an end that went well calls nobody");
    // A reopened card speaks again.
    shift(&world, &card, CardState::Ready).await.unwrap();
    let ticket = start_again(&world).await;
    worker::block(&world.core, ticket, Some(BlockKind::Review), "look", "", vec![]).await.unwrap();
    assert_eq!(outbox(&world).await, 4);
    world.check_invariants().await;
}

#[tokio::test]
async fn a_refused_write_tells_nobody() {
    let (world, _) = with_devices(&["phone"]).await;
    let card = world.create("card").await;
    finish(&world, &card).await;
    assert!(kanban::block_card(&world.core, &ada(), by(&card), "why?").await.is_err());
    let asks = CreateCardParams { blocked: true, parents: vec![protocol::CardRef::Number(99)], ..titled("x") };
    assert!(kanban::create_card(&world.core, &ada(), asks).await.is_err());
    assert_eq!(outbox(&world).await, 0);
    assert_eq!(decisions::open_count(&world.core).await.unwrap(), 0);
    world.check_invariants().await;
}

#[tokio::test]
async fn events_of_a_run_can_be_followed_from_any_number_without_gap_or_repetition() {
    let world = World::new().await;
    let mut followed = Vec::new();
    let mut cursor = 0;
    for index in 0..10 {
        let card = world.create(&format!("card {index}")).await;
        let ticket = start_again(&world).await;
        worker::complete(&world.core, ticket, "done", None).await.unwrap();
        finish_nothing(&world, &card).await;
        for event in kanban::events(&world.core, "", None, cursor).await.unwrap() {
            cursor = event.seq;
            followed.push(event.seq);
        }
    }
    let all: Vec<i64> =
        kanban::events(&world.core, "", None, 0).await.unwrap().into_iter().map(|event| event.seq).collect();
    assert_eq!(followed, all);
    assert!(followed.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(kanban::events(&world.core, "", None, cursor).await.unwrap().is_empty());
}

/// The worker has finished it; whoever looks sees that, and nothing is written.
async fn finish_nothing(world: &World, card: &TaskCard) {
    let before = kanban::last_seq(&world.core).await.unwrap();
    assert_eq!(detail(world, card).await.card.state, CardState::Done);
    assert_eq!(kanban::last_seq(&world.core).await.unwrap(), before);
}

#[tokio::test]
async fn a_decision_is_answered_once_and_the_second_is_told_who_was_first() {
    let world = World::new().await;
    let card = world.create_with(CreateCardParams { blocked: true, ..titled("which?") }).await;
    let ask = card.ask.clone().unwrap();
    let answer = |comment: &str| SettleDecisionParams {
        id: ask.id,
        version: ask.version,
        verb: DecisionVerb::Answer,
        comment: comment.into(),
    };
    let first = decisions::settle(&world.core, &ada(), answer("left")).await.unwrap();
    let second = decisions::settle(&world.core, &bob(), answer("right")).await.unwrap();
    let settlement = second.decision.settlement.unwrap();
    assert!(first.decision.settlement.unwrap().by_you && !settlement.by_you);
    assert_eq!((settlement.by.as_str(), second.decision.state), ("Ada", DecisionState::Settled));
    let said = detail(&world, &card).await.comments;
    assert_eq!(said.len(), 1, "the second answer is not a word the worker reads");
    world.check_invariants().await;
}

#[tokio::test]
async fn secrets_of_a_worker_are_blacked_out_before_they_are_asked_about_or_told() {
    let (world, _) = with_devices(&["phone"]).await;
    let key = "sk-abcdefghijklmnop0123456789";
    let card = world.create("card").await;
    let ticket = start(&world).await;
    let said = format!("is {key} right?");
    worker::block(&world.core, ticket, Some(BlockKind::Review), &said, &said, vec![said.clone()]).await.unwrap();
    for sql in [
        "SELECT ask || summary FROM decision",
        "SELECT COALESCE(summary, '') FROM kanban_run",
        "SELECT payload FROM push_outbox",
        "SELECT group_concat(detail) FROM kanban_event",
        "SELECT group_concat(detail) FROM audit_row",
        "SELECT options FROM decision",
    ] {
        let text: String = sqlx::query_scalar(sql).fetch_one(world.core.store().reader()).await.unwrap();
        assert!(!text.contains("abcdefghijklmnop"), "{sql}: {text}");
    }
    assert_eq!(world.state(&card).await, CardState::Review);
    world.check_invariants().await;
}

#[tokio::test]
async fn an_empty_board_has_every_column_but_the_archive_and_a_count_for_each() {
    let world = World::new().await;
    let page = kanban::board_page(&world.core, "", &BoardView::default()).await.unwrap();
    let columns: Vec<CardState> = page.columns.iter().map(|column| column.state).collect();
    let shown: Vec<CardState> = CardState::ALL.iter().copied().filter(|state| *state != CardState::Archived).collect();
    assert_eq!(columns, shown);
    assert!(columns.contains(&CardState::Scheduled));
    assert!(page.columns.iter().all(|column| column.total == 0 && column.cards.is_empty()));
    let view = BoardView { archived: true, ..BoardView::default() };
    let page = kanban::board_page(&world.core, "", &view).await.unwrap();
    assert_eq!(page.columns.last().unwrap().state, CardState::Archived);
    assert!(kanban::board_page(&world.core, "nope", &BoardView::default()).await.is_err());
}

#[tokio::test]
async fn an_edit_that_changes_nothing_is_fine_and_a_board_directory_must_exist() {
    let world = World::new().await;
    let card = world.create("card").await;
    let before = crate::fingerprint(&world).await;
    let nothing = protocol::EditCardParams::of(card.id, card.revision);
    let written = kanban::edit_card(&world.core, &ada(), nothing).await.unwrap();
    assert_eq!((written.card.revision, written.undo), (card.revision, None));
    assert_eq!(crate::fingerprint(&world).await, before);
    for bad in ["relative", "/no/such/directory", "/etc/hostname"] {
        let settings = protocol::BoardSettings {
            name: "Home".into(),
            default_dir: Some(bad.into()),
            ..protocol::BoardSettings::default()
        };
        crate::refusal(kanban::edit_board(&world.core, &ada(), card.board_id, settings).await);
    }
    let detail = detail(&world, &card).await;
    assert!(detail.parents.is_empty() && detail.children.is_empty());
    let below = crate::child(&world, "below", &[&card]).await;
    let links = crate::detail(&world, &below).await;
    assert_eq!((links.parents[0].id, crate::detail(&world, &card).await.children[0].id), (card.id, below.id));
    world.check_invariants().await;
}

/// A card in every state, with what hangs on them: runs, events, comments, decisions, pauses, times to start.
async fn a_full_board(world: &World) -> Vec<TaskCard> {
    let asks = world.create("asks for review").await;
    let ticket = start(world).await;
    worker::block(&world.core, ticket, Some(BlockKind::Review), "look", "It is done.", vec![]).await.unwrap();
    let done = world.create("done").await;
    let ticket = start_again(world).await;
    worker::complete(&world.core, ticket, "done", None).await.unwrap();
    let fails = world.create("fails").await;
    let ticket = start_again(world).await;
    fail(world, ticket, RunOutcome::Crashed).await;
    kanban::reap(&world.core).await.unwrap();
    let runs = world.create_with(CreateCardParams { priority: 2, ..titled("runs") }).await;
    let ticket = start(world).await;
    worker::comment(&world.core, ticket, by(&runs), "half way").await.unwrap();
    worker::heartbeat(&world.core, ticket).await.unwrap();
    let blocked = world.create_with(CreateCardParams { blocked: true, ..titled("blocked") }).await;
    let triage = world.create_with(CreateCardParams { triage: true, ..titled("idea") }).await;
    let later = Some(world.core.now_ms() + 3_600_000);
    let scheduled = world.create_with(CreateCardParams { scheduled_at: later, due_at: later, ..titled("later") }).await;
    let waits = crate::child(world, "waits", &[&runs, &done]).await;
    let ready = world.create("ready").await;
    let archived = world.create("archived").await;
    shift(world, &archived, CardState::Archived).await.unwrap();
    vec![asks, done, fails, runs, blocked, triage, scheduled, waits, ready, archived]
}

/// Everything that is read for a page, a stream, a worker or the command line.
async fn read_everything(world: &World, cards: &[TaskCard], about: &str) {
    for sort in [CardSort::Manual, CardSort::Priority, CardSort::Created, CardSort::Updated] {
        for lanes in [LaneBy::None, LaneBy::Parent] {
            let view = BoardView { sort, lanes, archived: true, ..BoardView::default() };
            let page = kanban::board_page(&world.core, "", &view).await.expect(about);
            let shown: usize = page.columns.iter().map(|column| column.cards.len()).sum();
            assert_eq!(shown, cards.len(), "{about}: {sort:?}");
        }
    }
    for card in cards {
        let detail = kanban::card_detail(&world.core, by(card)).await.expect(about);
        kanban::card_graph(&world.core, by(card)).await.expect(about);
        kanban::events(&world.core, "", Some(by(card)), 0).await.expect(about);
        kanban::worker_context(&world.core, by(card)).await.expect(about);
        for run in &detail.runs {
            kanban::run_events(&world.core, run.id, 0).await.expect(about);
        }
        if let Some(ask) = &detail.card.ask {
            decisions::decision(&world.core, ask.id).await.expect(about);
        }
    }
    let inbox = decisions::inbox(&world.core).await.expect(about);
    assert_eq!(inbox.open.len(), 2, "{about}");
    let board = cards[0].board_id;
    kanban::board_delta(&world.core, board, 0).await.expect(about);
    kanban::board_pulse(&world.core, board).await.expect(about);
    kanban::stats(&world.core, "").await.expect(about);
    kanban::events(&world.core, "", None, 0).await.expect(about);
    kanban::diagnostics(&world.core, "").await.expect(about);
    kanban::attention(&world.core, "").await.expect(about);
    kanban::starting_next(&world.core, "").await.expect(about);
    kanban::last_undo(&world.core, &ada()).await.expect(about);
    let found = kanban::search_cards(&world.core, "done", None, 10).await.expect(about);
    assert!(!found.is_empty(), "{about}");
}

#[tokio::test]
async fn a_time_that_cannot_be_fails_neither_the_board_nor_what_looks_after_it() {
    const TIMES: &[(&str, &[&str])] = &[
        (
            "kanban_card",
            &[
                "created_at",
                "updated_at",
                "state_at",
                "started_at",
                "done_at",
                "scheduled_at",
                "due_at",
                "hold_until",
                "backoff_until",
            ],
        ),
        ("kanban_run", &["claimed_at", "started_at", "ended_at", "heartbeat_at", "lease_until"]),
        ("kanban_comment", &["created_at"]),
        ("kanban_event", &["at"]),
        ("kanban_run_event", &["at"]),
        ("kanban_undo", &["created_at"]),
        ("kanban_process", &["asked_at"]),
        ("decision", &["created_at"]),
    ];
    const FAR_FUTURE_MS: i64 = 253_402_300_800_000;
    for at in [i64::MIN, -1, 0, FAR_FUTURE_MS, i64::MAX] {
        let world = World::new().await;
        let cards = a_full_board(&world).await;
        read_everything(&world, &cards, "as it was made").await;
        for (table, columns) in TIMES {
            for column in *columns {
                let mut tx = world.core.write().await.unwrap();
                let sql = format!("UPDATE {table} SET {column} = ?1 WHERE {column} IS NOT NULL");
                sqlx::query(sqlx::AssertSqlSafe(sql)).bind(at).execute(&mut *tx).await.unwrap();
                tx.commit().await.unwrap();
                read_everything(&world, &cards, &format!("{table}.{column} = {at}")).await;
            }
        }
        // What looks after the board goes on, and so do people.
        kanban::release_due(&world.core).await.unwrap();
        kanban::sweep_runs(&world.core).await.unwrap();
        kanban::reap(&world.core).await.unwrap();
        kanban::housekeeping::tidy(&world.core).await.unwrap();
        let fresh = world.create("fresh").await;
        finish(&world, &fresh).await;
        settle(&world, &cards[0], DecisionVerb::Approve, "").await;
        shift(&world, &cards[5], CardState::Ready).await.unwrap();
        assert_eq!(world.state(&cards[0]).await, CardState::Done);
        kanban::board_page(&world.core, "", &BoardView::default()).await.unwrap();
    }
}
