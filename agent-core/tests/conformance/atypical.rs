//! Input that nobody means to give: endless, empty, of any script, hostile. It comes back exactly
//! as it was given, or it is refused in a sentence and nothing is changed.

use agent_core::kanban::{self, KanbanError, worker};
use agent_core::{audit, decisions};
use protocol::{
    AddCommentParams, BoardView, BulkChange, BulkParams, CardId, CardRef, CardState, CreateCardParams, DecisionId,
    DecisionVerb, EditCardParams, MAX_LABELS, MAX_TEXT_BYTES, MAX_TITLE_CHARS, RunId, SettleDecisionParams, TaskCard,
    UndoId, WaitReason,
};
use serde_json::{Value, json};

use crate::support::{START_MS, World, ada};
use crate::{by, detail, fingerprint, finish, number, refusal, shift, start, titled};

/// Texts of one line that any field may hold.
const LINES: &[&str] = &[
    "مرحبا بالعالم",
    "שלום \u{202e}hcraes\u{202c} world",
    "👩‍👩‍👧‍👦🏳️‍🌈🇪🇺",
    "e\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}",
    "Z\u{336}a\u{334}l\u{335}g\u{337}o",
    "a\u{0}b",
    "\u{1}\u{2}\u{7}\u{8}\u{1b}[31mred\u{1b}[0m\u{7f}",
    "\u{feff}mark\u{200b}joiner\u{200d}",
    "\u{2028}line\u{2029}paragraph\u{85}next",
    "'; DROP TABLE kanban_card; --",
    "\" OR 1=1 --",
    "%_*?[]{}()^$|\\",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "$(touch /tmp/owned) `id` && rm -rf / ; | > < &",
    "{{7*7}} ${7*7} #{7*7} <%= 7*7 %>",
    "../../../../etc/passwd",
    "null",
    "undefined",
    "NaN",
    "-1",
    "T-1",
    "\u{10ffff}\u{e000}",
    "ﷺ𝕳𝖊𝖗𝖒𝖊𝖘ｗｉｄｅ",
];

pub async fn create(world: &World, params: CreateCardParams) -> Result<TaskCard, KanbanError> {
    kanban::create_card(&world.core, &ada(), params).await.map(|written| written.card)
}

/// A text of exactly that many bytes that is not all the same.
fn text_of(bytes: usize) -> String {
    let mut text = "Grüße 世界 🎉\n".repeat(bytes / 20);
    text.extend(std::iter::repeat_n('x', bytes - text.len()));
    assert_eq!(text.len(), bytes);
    text
}

#[tokio::test]
async fn every_line_comes_back_exactly_wherever_a_person_writes() {
    let world = World::new().await;
    for line in LINES {
        let params = CreateCardParams {
            body: format!("{line}\n\n{line}"),
            tenant: Some((*line).to_owned()),
            idempotency_key: Some((*line).to_owned()),
            triage: true,
            ..titled(line)
        };
        let card = create(&world, params).await.unwrap_or_else(|error| panic!("{line:?}: {error}"));
        let comment = AddCommentParams { id: card.id, body: (*line).to_owned(), anchor: None };
        kanban::add_comment(&world.core, &ada(), comment).await.unwrap();
        kanban::complete_card(&world.core, &ada(), by(&card), line).await.unwrap();
        let shown = worker::show(&world.core, None, by(&card)).await.unwrap();
        let trimmed = line.trim();
        for (field, value) in [
            ("title", shown["title"].as_str()),
            ("tenant", shown["tenant"].as_str()),
            ("summary", shown["summary"].as_str()),
        ] {
            assert_eq!(value, Some(trimmed), "{field}");
        }
        assert_eq!(shown["body"].as_str(), Some(format!("{line}\n\n{line}").as_str()));
        assert_eq!(shown["comments"][0]["body"].as_str(), Some(*line));
        let now = detail(&world, &card).await;
        for html in [&now.body_html, &now.comments[0].html, now.summary_html.as_ref().unwrap()] {
            assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
        }
        // The board, the search and the delta show it, too.
        let view = BoardView { tenant: Some(trimmed.to_owned()), ..BoardView::default() };
        let listed =
            kanban::list_cards(&world.core, "", &BoardView::from_query(&view.to_query()), None, 9).await.unwrap();
        assert_eq!(listed.iter().map(|listed| listed.id).collect::<Vec<_>>(), [card.id], "{line:?}");
        kanban::search_cards(&world.core, line, None, 10).await.unwrap();
        world.check_invariants().await;
    }
    assert!(matches!(audit::verify(&world.core).await.unwrap(), audit::ChainState::Whole { .. }));
}

#[tokio::test]
async fn every_line_comes_back_exactly_wherever_a_worker_writes() {
    let world = World::new().await;
    for line in LINES {
        let card = world.create("card").await;
        let ticket = start(&world).await;
        worker::comment(&world.core, ticket, by(&card), line).await.unwrap();
        let metadata = json!({ "fact": line, (line.to_string()): [line, { "deep": line }] });
        worker::complete(&world.core, ticket, line, Some(metadata.clone())).await.unwrap();
        let now = detail(&world, &card).await;
        assert_eq!(now.runs[0].summary.as_deref(), Some(*line));
        let stored: String = sqlx::query_scalar("SELECT metadata FROM kanban_run WHERE card_id = ?1")
            .bind(card.id.0)
            .fetch_one(world.core.store().reader())
            .await
            .unwrap();
        assert_eq!(serde_json::from_str::<Value>(&stored).unwrap(), metadata);
        world.check_invariants().await;
    }
    for line in LINES {
        let card = world.create("asks").await;
        let ticket = start(&world).await;
        worker::block(&world.core, ticket, None, line, line, vec![(*line).to_owned()]).await.unwrap();
        assert_eq!(detail(&world, &card).await.decision.unwrap().ask, line.trim());
        let ask = world.card(&card).await.ask.unwrap();
        let verb = DecisionVerb::Answer;
        let params = SettleDecisionParams { id: ask.id, version: ask.version, verb, comment: (*line).to_owned() };
        decisions::settle(&world.core, &ada(), params).await.unwrap();
        kanban::delete_card(&world.core, &ada(), by(&card)).await.unwrap();
        world.check_invariants().await;
    }
}

#[tokio::test]
async fn a_megabyte_is_kept_and_one_byte_more_is_refused_everywhere() {
    let world = World::new().await;
    let (most, more) = (text_of(MAX_TEXT_BYTES), text_of(MAX_TEXT_BYTES + 1));
    let card = create(&world, CreateCardParams { body: most.clone(), ..titled("full") }).await.unwrap();
    assert_eq!(detail(&world, &card).await.body, most);
    let comment = |body: &str| AddCommentParams { id: card.id, body: body.into(), anchor: None };
    kanban::add_comment(&world.core, &ada(), comment(&most)).await.unwrap();
    let card = world.card(&card).await;
    let ticket = start(&world).await;
    let before = fingerprint(&world).await;
    let edit = EditCardParams { body: Some(more.clone()), ..EditCardParams::of(card.id, card.revision + 1) };
    for refused in [
        kanban::create_card(&world.core, &ada(), CreateCardParams { body: more.clone(), ..titled("x") })
            .await
            .map(drop),
        kanban::add_comment(&world.core, &ada(), comment(&more)).await.map(drop),
        kanban::edit_card(&world.core, &ada(), edit).await.map(drop),
        kanban::block_card(&world.core, &ada(), by(&card), &more).await.map(drop),
        kanban::complete_card(&world.core, &ada(), by(&card), &more).await.map(drop),
        kanban::reclaim_card(&world.core, &ada(), by(&card), &more).await.map(drop),
        worker::complete(&world.core, ticket, &more, None).await,
        worker::block(&world.core, ticket, None, &more, "", vec![]).await.map(drop),
        worker::block(&world.core, ticket, None, "why", &more, vec![]).await.map(drop),
        worker::comment(&world.core, ticket, by(&card), &more).await,
    ] {
        assert!(refusal(refused).contains("1000000"));
    }
    assert_eq!(fingerprint(&world).await, before);
    worker::complete(&world.core, ticket, &most, None).await.unwrap();
    assert_eq!(detail(&world, &card).await.runs[0].summary.as_deref(), Some(most.as_str()));
    world.check_invariants().await;
}

#[tokio::test]
async fn titles_are_kept_to_their_limit_and_blank_or_many_lines_are_refused() {
    let world = World::new().await;
    for unit in ["x", "é", "字", "🎉"] {
        let most = unit.repeat(MAX_TITLE_CHARS);
        let card = create(&world, titled(&most)).await.unwrap();
        assert_eq!(card.title, most);
        let before = fingerprint(&world).await;
        let more = unit.repeat(MAX_TITLE_CHARS + 1);
        assert!(refusal(create(&world, titled(&more)).await).contains("501 characters"));
        let edit = EditCardParams { title: Some(more), ..EditCardParams::of(card.id, card.revision) };
        assert!(refusal(kanban::edit_card(&world.core, &ada(), edit).await).contains("501 characters"));
        assert_eq!(fingerprint(&world).await, before);
    }
    let before = fingerprint(&world).await;
    let card = world.card(&create(&world, titled("kept")).await.unwrap()).await;
    for blank in ["", " ", "\t\n\r", "\u{a0}\u{2003}\u{3000}", "two\nlines", "two\rlines"] {
        refusal(create(&world, titled(blank)).await);
        let edit = EditCardParams { title: Some(blank.into()), ..EditCardParams::of(card.id, card.revision) };
        refusal(kanban::edit_card(&world.core, &ada(), edit).await);
    }
    assert_ne!(fingerprint(&world).await, before);
    assert_eq!(world.card(&card).await, card);
    assert_eq!(detail(&world, &card).await.body, "", "a description may be empty");
    world.check_invariants().await;
}

#[tokio::test]
async fn names_of_200_characters_are_kept_and_of_201_refused() {
    let world = World::new().await;
    let name = |length: usize| "ü".repeat(length);
    type Field = fn(&mut CreateCardParams, String);
    let fields: [(&str, Field); 3] = [
        ("tenant", |card, name| card.tenant = Some(name)),
        ("model", |card, name| card.model = Some(name)),
        ("skills", |card, name| card.skills = vec![name]),
    ];
    for (field, set) in fields {
        let mut params = titled(field);
        set(&mut params, name(200));
        let card = create(&world, params).await.unwrap();
        let shown = worker::show(&world.core, None, by(&card)).await.unwrap();
        let kept = if field == "skills" { &shown[field][0] } else { &shown[field] };
        assert_eq!(kept.as_str(), Some(name(200).as_str()), "{field}");
        let before = fingerprint(&world).await;
        let mut params = titled(field);
        set(&mut params, name(201));
        refusal(create(&world, params).await);
        assert_eq!(fingerprint(&world).await, before, "{field}");
    }
    // An assignee is a profile's name, whose letters and length are fewer.
    let of = |length| CreateCardParams { assignee: Some("a".repeat(length)), ..titled("whose") };
    assert_eq!(create(&world, of(64)).await.unwrap().assignee, of(64).assignee);
    let before = fingerprint(&world).await;
    for refused in [of(65), CreateCardParams { assignee: Some(name(3)), ..titled("whose") }] {
        refusal(create(&world, refused).await);
    }
    assert_eq!(fingerprint(&world).await, before);
    let multiline =
        create(&world, CreateCardParams { tenant: Some("two\nlines".into()), ..titled("x") }).await.unwrap();
    assert_eq!(multiline.tenant.as_deref(), Some("two\nlines"));
    world.check_invariants().await;
}

#[tokio::test]
async fn an_endless_key_is_refused() {
    let world = World::new().await;
    let keyed = |bytes: usize| CreateCardParams { idempotency_key: Some("k".repeat(bytes)), ..titled("x") };
    let first = create(&world, keyed(1000)).await.unwrap();
    assert_eq!(create(&world, keyed(1000)).await.unwrap().id, first.id);
    let before = fingerprint(&world).await;
    assert!(refusal(create(&world, keyed(1001)).await).contains("key"));
    assert_eq!(fingerprint(&world).await, before);
}

#[tokio::test]
async fn endless_lists_of_labels_and_skills_are_refused_and_doubled_ones_are_one() {
    let world = World::new().await;
    let words = |count: usize| (0..count).map(|index| format!("word {index}")).collect::<Vec<_>>();
    let most = create(&world, CreateCardParams { labels: words(MAX_LABELS), ..titled("most") }).await.unwrap();
    assert_eq!(most.labels.len(), MAX_LABELS);
    let doubled = vec![" same ".to_owned(); 10_000];
    let one = CreateCardParams { labels: doubled.clone(), skills: doubled, ..titled("one") };
    assert_eq!(create(&world, one).await.unwrap().labels, ["same"]);
    let before = fingerprint(&world).await;
    for count in [MAX_LABELS + 1, 100_000] {
        refusal(create(&world, CreateCardParams { labels: words(count), ..titled("x") }).await);
        refusal(create(&world, CreateCardParams { skills: words(count), ..titled("x") }).await);
        let edit = EditCardParams { labels: Some(words(count)), ..EditCardParams::of(most.id, most.revision) };
        refusal(kanban::edit_card(&world.core, &ada(), edit).await);
    }
    for bad in ["x".repeat(51), "two\nlines".into(), "nul\0".into(), "unit\u{1f}separator".into()] {
        refusal(create(&world, CreateCardParams { labels: vec![bad.clone()], ..titled("x") }).await);
        let params = BulkParams { cards: vec![most.id], change: BulkChange::AddLabel(bad) };
        let refused = kanban::change_cards(&world.core, &ada(), params).await.unwrap();
        assert_eq!((refused.changed.len(), refused.refused.len()), (0, 1));
    }
    assert_eq!(fingerprint(&world).await, before);
    world.check_invariants().await;
}

#[tokio::test]
async fn metadata_50_levels_deep_comes_back_exactly() {
    let world = World::new().await;
    for depth in [50, 120] {
        let mut deep = json!("bottom");
        for level in 0..depth {
            deep = if level % 2 == 0 { json!({ "next": deep }) } else { json!([deep]) };
        }
        let deep = json!({ "deep": deep });
        let card = world.create("deep").await;
        let ticket = start(&world).await;
        worker::complete(&world.core, ticket, "done", Some(deep.clone())).await.unwrap();
        let stored: String = sqlx::query_scalar("SELECT metadata FROM kanban_run WHERE card_id = ?1")
            .bind(card.id.0)
            .fetch_one(world.core.store().reader())
            .await
            .unwrap();
        assert_eq!(serde_json::from_str::<Value>(&stored).unwrap(), deep);
        world.check_invariants().await;
    }
}

#[tokio::test]
async fn secrets_in_metadata_are_blacked_out_and_what_is_left_is_still_json() {
    let world = World::new().await;
    let card = world.create("careless").await;
    let ticket = start(&world).await;
    let metadata = json!({
        "api_key": "sk-abcdefghijklmnop0123456789",
        "password": "hunter2 \"quoted\" \\ and more",
        "note": "token=abc123def456ghi789, and then \"some\" words",
        "nested": [{ "client_secret": "s3cr3t-v4lue-0123456789" }],
        "plain": "stays",
    });
    worker::complete(&world.core, ticket, "done", Some(metadata)).await.unwrap();
    let stored: String = sqlx::query_scalar("SELECT metadata FROM kanban_run WHERE card_id = ?1")
        .bind(card.id.0)
        .fetch_one(world.core.store().reader())
        .await
        .unwrap();
    assert!(!stored.contains("abcdefghijklmnop"), "{stored}");
    let read: Value = serde_json::from_str(&stored).unwrap_or_else(|error| panic!("{error}: {stored}"));
    assert_eq!(read["plain"], "stays");
}

#[tokio::test]
async fn half_characters_in_json_are_refused_before_anything_is_made_of_them() {
    for bad in
        [r#"{"title":"\ud800"}"#, r#"{"title":"\udc00x"}"#, r#"{"title":"\ud83d \ude00"}"#, r#"{"title":"\u12"}"#]
    {
        assert!(serde_json::from_str::<CreateCardParams>(bad).is_err(), "{bad}");
    }
    let world = World::new().await;
    let whole: CreateCardParams = serde_json::from_str(r#"{"title":"\ud83d\ude00 \u0000"}"#).unwrap();
    assert_eq!(create(&world, whole).await.unwrap().title, "😀 \u{0}");
}

#[tokio::test]
async fn unknown_ids_are_not_found_by_every_verb_and_change_nothing() {
    let world = World::new().await;
    world.create("here").await;
    let before = fingerprint(&world).await;
    let unknown = CardId(uuid::Uuid::max());
    let edit = EditCardParams { title: Some("x".into()), ..EditCardParams::of(unknown, 1) };
    let move_it =
        protocol::MoveCardParams { id: unknown, revision: None, to: CardState::Done, after: None, before: None };
    let settle = SettleDecisionParams {
        id: DecisionId(uuid::Uuid::max()),
        version: 1,
        verb: DecisionVerb::Approve,
        comment: String::new(),
    };
    let comment = AddCommentParams { id: unknown, body: "x".into(), anchor: None };
    for missing in [
        kanban::card(&world.core, CardRef::Id(unknown)).await.map(drop),
        kanban::card(&world.core, CardRef::Number(0)).await.map(drop),
        kanban::card(&world.core, CardRef::Number(i64::MIN)).await.map(drop),
        kanban::card_detail(&world.core, CardRef::Number(i64::MAX)).await.map(drop),
        kanban::edit_card(&world.core, &ada(), edit).await.map(drop),
        kanban::move_card(&world.core, &ada(), move_it).await.map(drop),
        kanban::complete_card(&world.core, &ada(), CardRef::Id(unknown), "").await.map(drop),
        kanban::block_card(&world.core, &ada(), CardRef::Id(unknown), "why").await.map(drop),
        kanban::schedule_card(&world.core, &ada(), CardRef::Id(unknown), START_MS + 1).await.map(drop),
        kanban::reclaim_card(&world.core, &ada(), CardRef::Id(unknown), "").await.map(drop),
        kanban::delete_card(&world.core, &ada(), CardRef::Id(unknown)).await.map(drop),
        kanban::add_comment(&world.core, &ada(), comment).await.map(drop),
        kanban::undo(&world.core, &ada(), UndoId(uuid::Uuid::max())).await.map(drop),
        decisions::settle(&world.core, &ada(), settle).await.map(drop),
        worker::show(&world.core, None, CardRef::Id(unknown)).await.map(drop),
    ] {
        assert!(matches!(missing, Err(KanbanError::NotFound(_))), "{missing:?}");
    }
    let nobody = worker::RunTicket { run: RunId(uuid::Uuid::max()), fence: i64::MAX };
    assert!(matches!(worker::heartbeat(&world.core, nobody).await, Err(KanbanError::Fenced(_))));
    assert_eq!(fingerprint(&world).await, before);
    for bad in ["", "T-", "T--1", "t-0", "99999999999999999999", "1; DROP TABLE x", "T-1 ", "１"] {
        let parsed = bad.parse::<CardRef>();
        assert!(parsed.is_err() || parsed == Ok(CardRef::Number(1)), "{bad:?}: {parsed:?}");
    }
}

/// Two thousand cards; those that are made at the same time share the wait for the disk.
async fn create_many(world: &World, params: impl Fn(u32) -> CreateCardParams) -> Vec<CardRef> {
    let mut made = Vec::new();
    for first in (0..2000).step_by(100) {
        let cards = (first..first + 100).map(|index| create(world, params(index)));
        made.extend(futures_util::future::join_all(cards).await.into_iter().map(|card| by(&card.unwrap())));
    }
    made
}

#[tokio::test]
async fn two_thousand_parents_and_two_thousand_children_are_linked_shown_and_told() {
    let world = World::new().await;
    let parents =
        create_many(&world, |index| CreateCardParams { triage: true, ..titled(&format!("parent {index}")) }).await;
    // Each of them twice: a link is there once.
    let doubled = parents.iter().chain(&parents).copied().collect();
    let middle = create(&world, CreateCardParams { parents: doubled, ..titled("middle") }).await.unwrap();
    assert!(matches!(middle.wait, Some(WaitReason::WaitingOn { .. })));
    let under = |index| CreateCardParams { parents: vec![by(&middle)], ..titled(&format!("child {index}")) };
    create_many(&world, under).await;
    assert_eq!(number(&world, "SELECT count(*) FROM kanban_link").await, 4000);
    let now = detail(&world, &middle).await;
    assert_eq!((now.card.children, now.parents.len(), now.children.len()), (2000, 100, 100));
    assert_eq!((now.parents_done, now.parents_all), (0, 2000));
    assert!(kanban::worker_context(&world.core, by(&middle)).await.unwrap().len() < 200 * 1024);
    for ids in parents.chunks(1000) {
        let cards = ids.iter().filter_map(|card| if let CardRef::Id(id) = card { Some(*id) } else { None }).collect();
        let change = BulkChange::Move { to: CardState::Archived, after: None, before: None };
        let done = kanban::change_cards(&world.core, &ada(), BulkParams { cards, change }).await.unwrap();
        assert!(done.refused.is_empty());
        let now = detail(&world, &middle).await;
        let unfinished = now.parents.iter().filter(|parent| !parent.state.is_finished()).count();
        let left = usize::try_from(now.parents_all - now.parents_done).unwrap();
        assert_eq!(unfinished, left.min(100), "what is still waited for comes first");
    }
    assert_eq!(world.state(&middle).await, CardState::Ready);
    finish(&world, &middle).await;
    assert_eq!(number(&world, "SELECT count(*) FROM kanban_card WHERE state = 'ready'").await, 2000);
    shift(&world, &middle, CardState::Ready).await.unwrap();
    assert_eq!(number(&world, "SELECT count(*) FROM kanban_card WHERE state = 'todo'").await, 2000);
    world.check_invariants().await;
}

#[tokio::test]
async fn hostile_searches_and_views_find_nothing_and_break_nothing() {
    let world = World::new().await;
    world.create("plain").await;
    let before = fingerprint(&world).await;
    let endless = "word ".repeat(10_000);
    for text in LINES.iter().copied().chain(["\"", "*", "NEAR(", "a AND", "^", "title:", "\"\"\"", endless.as_str()]) {
        kanban::search_cards(&world.core, text, None, u32::MAX).await.unwrap();
        let view = BoardView {
            text: text.into(),
            labels: vec![text.into()],
            assignees: vec![text.into()],
            ..BoardView::default()
        };
        kanban::board_page(&world.core, "", &view).await.unwrap();
        assert_eq!(BoardView::from_query(&view.to_query()), view);
        let _whatever_it_is = BoardView::from_query(text);
    }
    assert_eq!(fingerprint(&world).await, before);
}
