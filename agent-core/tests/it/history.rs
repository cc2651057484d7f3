//! What people are told of a card's past: newest first, a page at a time, with who did it and to what.

use agent_core::kanban::{self, KanbanError, worker};
use protocol::{
    AddCommentParams, BlockKind, CardId, CardRef, CardState, DecisionVerb, EditCardParams, HISTORY_PAGE, HistoryEntry,
    SettleDecisionParams, TaskCard,
};

use crate::support::{World, ada};

async fn say(world: &World, card: &TaskCard, body: &str) {
    let params = AddCommentParams { id: card.id, body: body.into(), anchor: None };
    kanban::add_comment(&world.core, &ada(), params).await.unwrap();
}

async fn newest(world: &World, card: &TaskCard) -> Vec<HistoryEntry> {
    kanban::card_history(&world.core, CardRef::Id(card.id), None).await.unwrap().entries
}

fn of<'a>(entries: &'a [HistoryEntry], kind: &str) -> &'a HistoryEntry {
    entries.iter().find(|entry| entry.kind == kind).unwrap_or_else(|| panic!("no {kind} in {entries:?}"))
}

#[tokio::test]
async fn a_long_history_comes_a_page_at_a_time_newest_first() {
    let world = World::new().await;
    let card = world.create("talked about").await;
    let other = world.create("something else").await;
    for number in 0..25 {
        say(&world, &card, &format!("remark {number}")).await;
        say(&world, &other, "aside").await;
    }
    let by = CardRef::Number(card.number);
    let first = kanban::card_history(&world.core, by, None).await.unwrap();
    assert!(first.more && first.entries.len() == HISTORY_PAGE as usize);
    let last = first.entries.last().unwrap().seq;
    let second = kanban::card_history(&world.core, by, Some(last)).await.unwrap();
    assert_eq!((second.more, second.entries.len()), (false, 26 - HISTORY_PAGE as usize));
    let all: Vec<&HistoryEntry> = first.entries.iter().chain(&second.entries).collect();
    assert!(all.windows(2).all(|pair| pair[0].seq > pair[1].seq));
    assert!(all[..25].iter().all(|entry| entry.kind == "commented" && entry.by == "Ada"));
    assert_eq!(all[25].kind, "created");
    let nothing = kanban::card_history(&world.core, by, Some(all[25].seq)).await.unwrap();
    assert!(nothing.entries.is_empty() && !nothing.more);
    let unknown = CardRef::Id(CardId(uuid::Uuid::now_v7()));
    assert!(matches!(kanban::card_history(&world.core, unknown, None).await, Err(KanbanError::NotFound(_))));
}

#[tokio::test]
async fn each_entry_says_who_did_it_and_what_it_is_about() {
    let world = World::new().await;
    let card = world.create("first").await;
    let below = world.create("second").await;
    kanban::link(&world.core, &ada(), CardRef::Id(card.id), CardRef::Id(below.id)).await.unwrap();
    assert_eq!(of(&newest(&world, &card).await, "linked").cards, [below.number]);
    assert_eq!(of(&newest(&world, &below).await, "linked").cards, [card.number]);

    let edit = EditCardParams {
        priority: Some(5),
        model: Some("big".into()),
        ..EditCardParams::of(card.id, world.card(&card).await.revision)
    };
    kanban::edit_card(&world.core, &ada(), edit).await.unwrap();
    let mut fields = of(&newest(&world, &card).await, "edited").fields.clone();
    fields.sort();
    assert_eq!(fields, ["model", "priority"]);

    let ticket = world.claim_and_start().await;
    worker::block(&world.core, ticket, Some(BlockKind::NeedsInput), "Which colour?", "", vec![]).await.unwrap();
    let ask = world.card(&card).await.ask.unwrap();
    let verb = DecisionVerb::Answer;
    let params = SettleDecisionParams { id: ask.id, version: ask.version, verb, comment: "Blue.".into() };
    agent_core::decisions::settle(&world.core, &ada(), params).await.unwrap();
    kanban::schedule_card(&world.core, &ada(), CardRef::Id(card.id), world.core.now_ms() + 60_000).await.unwrap();

    let entries = newest(&world, &card).await;
    let claimed = of(&entries, "claimed");
    assert_eq!((claimed.by.as_str(), claimed.attempt, claimed.said.as_str()), ("Hermes", Some(1), "runner"));
    let blocked = of(&entries, "blocked");
    assert_eq!((blocked.by.as_str(), blocked.to), ("runner", Some(CardState::Blocked)));
    assert_eq!(blocked.said, "Which colour?");
    let settled = of(&entries, "decision_settled");
    assert_eq!((settled.by.as_str(), settled.verb, settled.to), ("Ada", Some(verb), Some(CardState::Ready)));
    let scheduled = of(&entries, "scheduled");
    assert_eq!((scheduled.starts_at, scheduled.at), (Some(world.core.now_ms() + 60_000), world.core.now_ms()));
}

#[tokio::test]
async fn what_another_hermes_wrote_is_told_whatever_it_says() {
    let world = World::new().await;
    let card = world.create("from afar").await;
    let huge = serde_json::json!({ "reason": "long ".repeat(200_000) }).to_string();
    let mut tx = world.core.write().await.unwrap();
    for (kind, actor, detail) in
        [("spilled", "import", "no JSON"), ("noted", "import:bo", &huge), ("kept", "x:", "[1]")]
    {
        sqlx::query(
            "INSERT INTO kanban_event (board_id, card_id, kind, actor, detail, at)
             SELECT board_id, id, ?2, ?3, ?4, 0 FROM kanban_card WHERE id = ?1",
        )
        .bind(card.id.0)
        .bind(kind)
        .bind(actor)
        .bind(detail)
        .execute(&mut *tx)
        .await
        .unwrap();
    }
    tx.commit().await.unwrap();
    let entries = newest(&world, &card).await;
    let told: Vec<(&str, &str, &str)> =
        entries.iter().map(|entry| (entry.kind.as_str(), entry.by.as_str(), entry.said.as_str())).collect();
    assert_eq!(told[..3], [("kept", "Hermes", ""), ("noted", "bo", ""), ("spilled", "Hermes", "")]);
}
