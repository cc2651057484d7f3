//! The live stream.

use std::time::Duration;

use agent_core::{Actor, kanban};
use axum::body::{Body, BodyDataStream};
use futures_util::StreamExt;
use http::StatusCode;
use protocol::{BoardId, CardRef, CreateCardParams, StreamMessage};

use crate::{Site, cookie, get};

struct Tab {
    body: BodyDataStream,
    text: String,
}

impl Tab {
    async fn open(site: &Site, query: &str) -> Self {
        let request = get(&format!("/stream?{query}")).header("cookie", cookie());
        let response = site.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert!(response.headers().get("content-encoding").is_none());
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// Name, id and message of the next event; `None` at the end.
    async fn next(&mut self) -> Option<(String, String, StreamMessage)> {
        let wait = async {
            while !self.text.contains("\n\n") {
                let chunk = self.body.next().await?.unwrap();
                self.text.push_str(std::str::from_utf8(&chunk).unwrap());
            }
            let (event, rest) = self.text.split_once("\n\n").unwrap();
            let field = |name: &str| {
                event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim_start().to_owned()
            };
            let found = (field("event:"), field("id:"), serde_json::from_str(&field("data:")).unwrap());
            self.text = rest.to_owned();
            Some(found)
        };
        tokio::time::timeout(Duration::from_secs(5), wait).await.unwrap()
    }
}

async fn add_card(site: &Site, title: &str) {
    let actor = Actor::CommandLine { user: "ada".to_owned() };
    let params: CreateCardParams = serde_json::from_value(serde_json::json!({ "title": title })).unwrap();
    kanban::create_card(&site.core, &actor, params).await.unwrap();
}

async fn board(site: &Site) -> BoardId {
    kanban::board_page(&site.core, "", &protocol::BoardView::default()).await.unwrap();
    kanban::boards(&site.core, false).await.unwrap().remove(0).id
}

#[tokio::test]
async fn a_tab_hears_of_a_new_card_and_another_goes_on_where_it_was() {
    let site = Site::with_user().await;
    let board = board(&site).await;
    let mut tab = Tab::open(&site, &format!("board={board}")).await;
    let (name, start, hello) = tab.next().await.unwrap();
    assert_eq!(name, "hello");
    assert!(matches!(hello, StreamMessage::Hello { inbox: 0, .. }));
    add_card(&site, "one").await;
    let (name, id, message) = tab.next().await.unwrap();
    assert_eq!(name, "board");
    let StreamMessage::Board(delta) = message else { panic!("{message:?}") };
    assert_eq!(delta.cards.len(), 1);
    assert_eq!(id, delta.seq.to_string());

    // A tab that slept since the start gets the card at once; one that saw it does not.
    let mut late = Tab::open(&site, &format!("board={board}&after={start}")).await;
    assert_eq!(late.next().await.unwrap().0, "hello");
    assert_eq!(late.next().await.unwrap().0, "board");
    let mut fresh = Tab::open(&site, &format!("board={board}&after={id}")).await;
    assert_eq!(fresh.next().await.unwrap().0, "hello");
    add_card(&site, "two").await;
    let StreamMessage::Board(delta) = fresh.next().await.unwrap().2 else { panic!() };
    assert_eq!(delta.cards.iter().map(|card| card.title.as_str()).collect::<Vec<_>>(), ["two"]);
}

#[tokio::test]
async fn numbers_from_another_database_mean_reading_the_page_again() {
    let site = Site::with_user().await;
    let mut tab = Tab::open(&site, "after=999999").await;
    assert_eq!(tab.next().await.unwrap().0, "hello");
    assert_eq!(tab.next().await.unwrap().0, "snapshot");
}

#[tokio::test]
async fn streams_end_with_the_server_and_make_room_when_closed() {
    let site = Site::with_user().await;
    let mut tabs = Vec::new();
    for _ in 0..10 {
        tabs.push(Tab::open(&site, "").await);
    }
    let one_more = || get("/stream").header("cookie", cookie()).body(Body::empty()).unwrap();
    assert_eq!(site.send(one_more()).await.status(), StatusCode::TOO_MANY_REQUESTS);
    tabs.pop();
    assert_eq!(site.send(one_more()).await.status(), StatusCode::OK);
    let mut tab = tabs.remove(0);
    assert_eq!(tab.next().await.unwrap().0, "hello");
    site.stop.cancel();
    assert!(tab.next().await.is_none());
}

#[tokio::test]
async fn a_stream_ends_with_its_session_and_says_nothing_after_it() {
    let site = Site::with_user().await;
    let board = board(&site).await;
    let mut tab = Tab::open(&site, &format!("board={board}")).await;
    assert_eq!(tab.next().await.unwrap().0, "hello");
    agent_core::accounts::delete_session(&site.core, crate::SESSION).await.unwrap();
    add_card(&site, "secret").await;
    assert!(tab.next().await.is_none());
}

#[tokio::test]
async fn a_tab_hears_of_another_decision_in_the_place_of_one_that_went() {
    let site = Site::with_user().await;
    let actor = Actor::CommandLine { user: "ada".to_owned() };
    let blocked = async |title: &str| {
        let params = serde_json::json!({ "title": title, "blocked": true });
        kanban::create_card(&site.core, &actor, serde_json::from_value(params).unwrap()).await.unwrap().card
    };
    let first = blocked("First").await;
    let mut tab = Tab::open(&site, "").await;
    let (_, _, hello) = tab.next().await.unwrap();
    assert!(matches!(hello, StreamMessage::Hello { inbox: 1, .. }), "{hello:?}");
    kanban::delete_card(&site.core, &actor, CardRef::Id(first.id)).await.unwrap();
    blocked("Second").await;
    let (_, _, message) = tab.next().await.unwrap();
    assert!(matches!(message, StreamMessage::Inbox { inbox: 1, .. }), "{message:?}");
}
