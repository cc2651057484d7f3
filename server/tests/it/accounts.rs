//! Setting up, signing in and out, as a browser does it.

use agent_core::accounts;
use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};

use crate::{HOST, Site, body, header, request, via};

const PASSWORD: &str = "three green bicycles";

/// Calls a server function from one of our own pages.
async fn call(site: &Site, name: &str, json: serde_json::Value, cookie: &str, https: bool) -> Response {
    let mut request = request(Method::POST, &format!("/api/accounts/{name}"))
        .header("content-type", "application/json")
        .header("sec-fetch-site", "same-origin")
        .header("cookie", cookie);
    if https {
        request = request.header("x-forwarded-proto", "https").header("origin", format!("https://{HOST}"));
    }
    site.send(via(request.body(Body::from(json.to_string())).unwrap(), "127.0.0.1:5")).await
}

fn set_up(token: &str) -> serde_json::Value {
    serde_json::json!({ "params": { "token": token, "name": "Ada", "password": PASSWORD } })
}

fn password(text: &str) -> serde_json::Value {
    serde_json::json!({ "params": { "password": text } })
}

/// `name=value` of the cookie the answer sets.
fn set_cookie(response: &Response) -> String {
    header(response, "set-cookie").split(';').next().unwrap().to_owned()
}

async fn is_signed_in(site: &Site, cookie: &str, https: bool) -> bool {
    let mut request = request(Method::GET, "/nowhere").header("cookie", cookie);
    if https {
        request = request.header("x-forwarded-proto", "https");
    }
    let status = site.send(via(request.body(Body::empty()).unwrap(), "127.0.0.1:5")).await.status();
    assert!([StatusCode::NOT_FOUND, StatusCode::UNAUTHORIZED].contains(&status), "{status}");
    status == StatusCode::NOT_FOUND
}

#[tokio::test]
async fn the_set_up_link_signs_in_once() {
    let site = Site::new().await;
    let invented = call(&site, "set_up", set_up("invented"), "", false).await;
    assert_eq!(invented.status(), StatusCode::FORBIDDEN);
    assert_eq!(header(&invented, "set-cookie"), "");
    let token = accounts::issue_setup_token(&site.core).await.unwrap();
    let done = call(&site, "set_up", set_up(&token), "", false).await;
    assert_eq!(done.status(), StatusCode::OK);
    assert!(is_signed_in(&site, &set_cookie(&done), false).await);
    let again = call(&site, "set_up", set_up(&token), "", false).await;
    assert_eq!(again.status(), StatusCode::FORBIDDEN);
    assert_eq!(header(&again, "set-cookie"), "");
    assert!(body(again).await.contains("hermes setup-link"));
}

#[tokio::test]
async fn signing_in_gives_a_new_cookie_and_signing_out_ends_it() {
    let site = Site::new().await;
    let token = accounts::issue_setup_token(&site.core).await.unwrap();
    let first = set_cookie(&call(&site, "set_up", set_up(&token), "", false).await);
    let response = call(&site, "sign_in", password(PASSWORD), &first, false).await;
    assert_eq!(response.status(), StatusCode::OK);
    let second = set_cookie(&response);
    assert_ne!(first, second, "an id known from before signing in is worth nothing");
    assert!(!is_signed_in(&site, &first, false).await);
    assert!(is_signed_in(&site, &second, false).await);
    let secret = second.split_once('=').unwrap().1.as_bytes();
    let stored: Vec<u8> =
        sqlx::query_scalar("SELECT id_hash FROM account_session").fetch_one(site.core.store().reader()).await.unwrap();
    assert_ne!(stored, secret);
    assert!(!String::from_utf8_lossy(&stored).contains(std::str::from_utf8(secret).unwrap()));
    assert_eq!(call(&site, "sign_out", serde_json::json!({}), &second, false).await.status(), StatusCode::OK);
    assert!(!is_signed_in(&site, &second, false).await);
}

#[tokio::test]
async fn over_https_the_cookie_is_bound_to_the_host() {
    let site = Site::new().await;
    let token = accounts::issue_setup_token(&site.core).await.unwrap();
    let response = call(&site, "set_up", set_up(&token), "", true).await;
    let whole = header(&response, "set-cookie").to_owned();
    assert!(whole.starts_with("__Host-hermes="), "{whole}");
    for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=2592000"] {
        assert!(whole.split("; ").any(|found| found == attribute), "{attribute} in {whole}");
    }
    assert!(!whole.contains("Domain"), "{whole}");
    assert!(is_signed_in(&site, &set_cookie(&response), true).await);
}

#[tokio::test]
async fn the_eleventh_guess_waits() {
    let site = Site::new().await;
    let token = accounts::issue_setup_token(&site.core).await.unwrap();
    accounts::set_up(&site.core, serde_json::from_value(set_up(&token)["params"].clone()).unwrap()).await.unwrap();
    for _ in 0..10 {
        let wrong = call(&site, "sign_in", password("wrong"), "", false).await;
        assert_eq!((wrong.status(), header(&wrong, "set-cookie")), (StatusCode::FORBIDDEN, ""));
    }
    // The right password waits, too, or guessing would tell which one it is.
    for text in ["wrong", PASSWORD] {
        let refused = call(&site, "sign_in", password(text), "", false).await;
        assert_eq!((refused.status(), header(&refused, "set-cookie")), (StatusCode::TOO_MANY_REQUESTS, ""));
        let seconds: u32 = header(&refused, "retry-after").parse().unwrap();
        assert!((1..=5).contains(&seconds), "{seconds}");
        assert!(body(refused).await.contains("too_many"));
    }
}
