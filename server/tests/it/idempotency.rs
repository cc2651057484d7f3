//! Writes that are sent again.

use std::time::Duration;

use agent_core::accounts::purge_answers;
use axum::body::Body;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::{ORIGIN, Site, body, cookie, header, request};

fn write(path: &str, key: &str, arguments: &Value) -> Request<Body> {
    request(Method::POST, path)
        .header("cookie", cookie())
        .header("origin", ORIGIN)
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .body(Body::from(arguments.to_string()))
        .unwrap()
}

fn create(key: &str, title: &str) -> Request<Body> {
    write("/api/kanban/create", key, &json!({ "params": { "title": title } }))
}

async fn cards(site: &Site) -> i64 {
    sqlx::query_scalar("SELECT COUNT(*) FROM kanban_card").fetch_one(site.core.store().reader()).await.unwrap()
}

#[tokio::test]
async fn a_write_that_is_sent_again_is_made_once_and_answered_alike() {
    let site = Site::with_user().await;
    let first = site.send(create("k1", "Once")).await;
    assert_eq!(first.status(), StatusCode::OK);
    let kind = header(&first, "content-type").to_owned();
    let first = body(first).await;
    assert!(first.contains("Once"), "{first}");
    let again = site.send(create("k1", "Once")).await;
    assert_eq!((again.status(), header(&again, "content-type")), (StatusCode::OK, kind.as_str()));
    assert_eq!(body(again).await, first);
    assert_eq!(cards(&site).await, 1);
    // Another key is another write.
    assert_eq!(site.send(create("k2", "Once")).await.status(), StatusCode::OK);
    assert_eq!(cards(&site).await, 2);
}

#[tokio::test]
async fn a_key_belongs_to_one_request() {
    let site = Site::with_user().await;
    site.send(create("k", "One")).await;
    let other = site.send(create("k", "Two")).await;
    assert_eq!(other.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(body(other).await.contains("used for another request"));
    assert_eq!(cards(&site).await, 1);
    for key in ["", &"x".repeat(101)] {
        assert_eq!(site.send(create(key, "Three")).await.status(), StatusCode::BAD_REQUEST, "{key}");
    }
    assert_eq!(cards(&site).await, 1);
}

#[tokio::test]
async fn what_was_refused_is_refused_again_in_the_same_words() {
    let site = Site::with_user().await;
    let first = site.send(create("k", " ")).await;
    assert_eq!(first.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let again = site.send(create("k", " ")).await;
    assert_eq!(again.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(body(again).await, body(first).await);
}

#[tokio::test]
async fn the_same_write_at_the_same_time_is_made_once() {
    let site = Site::with_user().await;
    let tries = (0..8).map(|_| async { body(site.send(create("k", "Once")).await).await });
    let mut answers = futures_util::future::join_all(tries).await;
    answers.dedup();
    assert_eq!(answers.len(), 1);
    assert_eq!(cards(&site).await, 1);
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_stop_its_write() {
    let site = Site::with_user().await;
    // Asked and dropped while it waits for another write, as a phone does that loses its network before the answer.
    let other = site.core.write().await.unwrap();
    let asked = tokio::time::timeout(Duration::from_millis(500), site.send(create("k", "Once"))).await;
    assert!(asked.is_err(), "nothing is answered while another write is under way");
    assert_eq!(cards(&site).await, 0);
    drop(other);
    let kept = async {
        let count = "SELECT COUNT(*) FROM idempotent_answer";
        while sqlx::query_scalar::<_, i64>(count).fetch_one(site.core.store().reader()).await.unwrap() == 0 {}
    };
    tokio::time::timeout(Duration::from_secs(20), kept).await.expect("it is made all the same");
    let answer = site.send(create("k", "Once")).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(cards(&site).await, 1);
}

#[tokio::test]
async fn nobody_signed_in_gets_a_kept_answer() {
    let site = Site::with_user().await;
    site.send(create("k", "Secret")).await;
    let mut stranger = create("k", "Secret");
    stranger.headers_mut().remove("cookie");
    let answer = site.send(stranger).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert!(!body(answer).await.contains("Secret"));
}

#[tokio::test]
async fn old_answers_go() {
    let site = Site::with_user().await;
    site.send(create("k", "Once")).await;
    assert_eq!(purge_answers(&site.core).await.unwrap(), 0);
    let mut tx = site.core.write().await.unwrap();
    sqlx::query("UPDATE idempotent_answer SET created_at = created_at - 9 * 86400000").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(purge_answers(&site.core).await.unwrap(), 1);
}
