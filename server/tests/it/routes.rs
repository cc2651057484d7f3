//! What the routes answer.

use agent_core::kanban;
use axum::body::Body;
use axum::routing::get as on_get;
use http::{Method, StatusCode};
use serde_json::json;
use server::{AppState, MAX_BODY_BYTES, ROUTES, Sessions, with_sessions};
use tower_sessions::{Session, SessionStore};

use crate::{ORIGIN, SESSION, Site, body, cookie, fill, get, header, request, via};

#[tokio::test]
async fn every_answer_carries_the_headers() {
    let site = Site::with_user().await;
    let paths = ROUTES.iter().map(|route| fill(route.path)).chain(["/".to_owned(), "/nowhere".to_owned()]);
    for path in paths {
        for signed_in in [false, true] {
            let request = get(&path).header("cookie", if signed_in { cookie() } else { String::new() });
            let response = site.send(request.body(Body::empty()).unwrap()).await;
            for (name, value) in [
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "same-origin"),
                ("cross-origin-opener-policy", "same-origin"),
                ("cross-origin-resource-policy", "same-origin"),
                ("strict-transport-security", ""),
            ] {
                assert_eq!(header(&response, name), value, "{path}: {name}");
            }
            assert!(header(&response, "permissions-policy").contains("camera=()"), "{path}");
            assert!(header(&response, "content-security-policy").starts_with("default-src 'none';"), "{path}");
            assert!(!header(&response, "cache-control").is_empty(), "{path}");
        }
    }
}

#[tokio::test]
async fn a_page_runs_only_scripts_with_its_own_nonce() {
    let site = Site::with_user().await;
    let page = || get("/inbox").header("cookie", cookie()).header("accept", "text/html").body(Body::empty()).unwrap();
    let (one, two) = (site.send(page()).await, site.send(page()).await);
    assert_eq!(one.status(), StatusCode::OK);
    assert_eq!(header(&one, "cache-control"), "no-store");
    let policy = header(&one, "content-security-policy").to_owned();
    assert_ne!(policy, header(&two, "content-security-policy"));
    let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned();
    assert!(nonce.len() >= 16);
    let without = policy.replace(&nonce, "N");
    assert_eq!(
        without,
        "default-src 'none'; script-src 'self' 'nonce-N' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' blob: data:; connect-src 'self'; font-src 'self'; manifest-src 'self'; worker-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    let html = body(one).await;
    for script in html.split("<script").skip(1) {
        let tag = script.split('>').next().unwrap();
        assert!(tag.contains(&nonce) || tag.contains("src="), "<script{tag}>");
    }
}

#[tokio::test]
async fn the_board_that_was_left_opens_again_while_it_is_there() {
    let site = Site::with_user().await;
    let person = agent_core::Actor::CommandLine { user: "ada".into() };
    kanban::create_board(&site.core, &person, "work", "Work").await.unwrap();
    let title = async |path: &str, left: &str| {
        let request = get(path).header("cookie", cookie()).header("cookie", left).header("accept", "text/html");
        let response = site.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::OK, "{path} {left}");
        let html = body(response).await;
        html.split("<title>").nth(1).unwrap().split('<').next().unwrap().to_owned()
    };
    assert_eq!(title("/board", "x=1").await, "Home · Hermes", "nothing is remembered");
    assert_eq!(title("/board", "x=1; hermes_board=work; y=2").await, "Work · Hermes");
    assert_eq!(title("/board/default", "hermes_board=work").await, "Home · Hermes", "an address that says which");
    for left in ["hermes_board=gone", "hermes_board=", "hermes_board='; --", "hermes_board"] {
        assert_eq!(title("/board", left).await, "Home · Hermes", "{left}");
    }
    kanban::archive_board(&site.core, &person, "work").await.unwrap();
    assert_eq!(title("/board", "hermes_board=work").await, "Home · Hermes", "it was put away");
    let start = get("/").header("cookie", cookie()).header("accept", "text/html").body(Body::empty()).unwrap();
    assert_eq!(header(&site.send(start).await, "location"), "/board");
}

#[tokio::test]
async fn the_front_door_leads_a_phone_to_what_waits_and_a_desk_to_the_board() {
    const PHONE: &str =
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) Version/18.4 Mobile/15E148 Safari/604.1";
    const DESK: &str = "Mozilla/5.0 (X11; Linux x86_64) Chrome/142.0.0.0 Safari/537.36";
    let site = Site::with_user().await;
    let door = async |agent: &str| {
        let request = get("/").header("cookie", cookie()).header("accept", "text/html").header("user-agent", agent);
        let response = site.send(request.body(Body::empty()).unwrap()).await;
        header(&response, "location").to_owned()
    };
    assert_eq!((door(PHONE).await.as_str(), door(DESK).await.as_str()), ("/board", "/board"), "nothing waits");
    let person = agent_core::Actor::CommandLine { user: "ada".into() };
    let asks = protocol::CreateCardParams { title: "Which way?".into(), blocked: true, ..Default::default() };
    kanban::create_card(&site.core, &person, asks).await.unwrap();
    assert_eq!((door(PHONE).await.as_str(), door(DESK).await.as_str()), ("/inbox", "/board"));
    assert_eq!(door("").await, "/board", "a browser without a name");
}

#[tokio::test]
async fn https_is_remembered_by_the_browser() {
    let site = Site::new().await;
    let request = || get("/healthz").header("x-forwarded-proto", "https").body(Body::empty()).unwrap();
    let response = site.send(via(request(), "127.0.0.1:5")).await;
    assert_eq!(header(&response, "strict-transport-security"), "max-age=31536000");
    let response = site.send(via(request(), "100.64.0.9:5")).await;
    assert_eq!(header(&response, "strict-transport-security"), "");
}

#[tokio::test]
async fn a_foreign_session_name_is_not_taken() {
    let site = Site::with_user().await;
    let status = async |name: &str, https: bool| {
        let mut request = get("/nowhere").header("cookie", format!("{name}={SESSION}"));
        if https {
            request = request.header("x-forwarded-proto", "https");
        }
        site.send(via(request.body(Body::empty()).unwrap(), "127.0.0.1:5")).await.status()
    };
    assert_eq!(status("hermes", false).await, StatusCode::NOT_FOUND);
    assert_eq!(status("__Host-hermes", false).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status("__Host-hermes", true).await, StatusCode::NOT_FOUND);
    assert_eq!(status("hermes", true).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_cookie_has_its_attributes() {
    let site = Site::new().await;
    for (https, name, secure) in [(false, "hermes", false), (true, "__Host-hermes", true)] {
        let touch = async |session: Session| session.insert("seen", 1).await.map_err(|_| StatusCode::BAD_REQUEST);
        let state = AppState::new(site.core.clone(), site.stop.clone());
        let app = with_sessions(axum::Router::new().route("/", on_get(touch)), &state);
        let mut request = get("/");
        if https {
            request = request.header("x-forwarded-proto", "https");
        }
        let request = via(request.body(Body::empty()).unwrap(), "127.0.0.1:5");
        let response = tower::ServiceExt::oneshot(app, request).await.unwrap();
        let cookie = header(&response, "set-cookie");
        let (value, attributes) = cookie.split_once("; ").unwrap();
        let (found, token) = value.split_once('=').unwrap();
        assert_eq!((found, token.len()), (name, 22));
        let mut attributes: Vec<&str> = attributes.split("; ").collect();
        attributes.sort_unstable();
        let mut expected = vec!["HttpOnly", "Max-Age=2592000", "Path=/", "SameSite=Lax"];
        if secure {
            expected.push("Secure");
        }
        assert_eq!(attributes.iter().filter(|a| !a.starts_with("Expires=")).copied().collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn a_deleted_session_is_gone() {
    let site = Site::with_user().await;
    let sessions = Sessions::new(site.core.clone());
    let id = SESSION.parse().unwrap();
    let record = sessions.load(&id).await.unwrap().unwrap();
    assert!(record.data.contains_key("user_id"));
    sessions.delete(&id).await.unwrap();
    assert!(sessions.load(&id).await.unwrap().is_none());
    // A request that was under way writes its session at its end.
    sessions.save(&record).await.unwrap();
    assert!(sessions.load(&id).await.unwrap().is_none(), "what has ended stays so");
    sessions.create(&mut record.clone()).await.unwrap();
    assert_eq!(sessions.load(&id).await.unwrap().unwrap().data, record.data);
}

#[tokio::test]
async fn a_session_in_use_is_renewed_once_a_day() {
    let site = Site::with_user().await;
    let open = async || site.send(get("/nowhere").header("cookie", cookie()).body(Body::empty()).unwrap()).await;
    let first = open().await;
    let renewed = header(&first, "set-cookie");
    assert!(renewed.starts_with(&format!("{}; ", cookie())) && renewed.contains("Max-Age=2592000"), "{renewed}");
    assert_eq!(header(&open().await, "set-cookie"), "", "not with every request");
    let sessions = Sessions::new(site.core.clone());
    let record = sessions.load(&SESSION.parse().unwrap()).await.unwrap().unwrap();
    let left = record.expiry_date.unix_timestamp() - site.core.now_ms() / 1000;
    assert!(left > 29 * 24 * 3600, "{left} s");
}

#[tokio::test]
async fn the_health_check_says_ok_and_the_version_only() {
    let site = Site::new().await;
    let response = site.send(get("/healthz").body(Body::empty()).unwrap()).await;
    assert_eq!(body(response).await, format!("ok {}\n", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn the_worker_and_the_offline_page_can_do_their_work() {
    let site = Site::new().await;
    let worker = site.send(get("/sw.js").body(Body::empty()).unwrap()).await;
    assert_eq!(worker.status(), StatusCode::OK);
    assert_eq!(header(&worker, "cache-control"), "no-cache");
    assert!(header(&worker, "content-security-policy").contains("connect-src 'self'"));
    assert!(body(worker).await.contains("const ASSETS = ["));
    let page = site.send(get("/offline").body(Body::empty()).unwrap()).await;
    assert!(header(&page, "content-security-policy").contains("script-src 'self'; style-src 'self'"));
    for path in [
        "/offline.js",
        "/offline.css",
        "/icons/180.png",
        "/icons/192.png",
        "/icons/mono-96.png",
        "/favicon.ico",
        "/manifest.webmanifest",
    ] {
        assert_eq!(site.send(get(path).body(Body::empty()).unwrap()).await.status(), StatusCode::OK, "{path}");
    }
    for path in ["/icons/none.png", "/pkg/0/boot.js", "/icons/..%2fsw.js", "/offline-not"] {
        assert_eq!(site.send(get(path).body(Body::empty()).unwrap()).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn too_much_text_is_refused_in_a_sentence() {
    let site = Site::with_user().await;
    let post = |length: usize| {
        let request = request(Method::POST, "/api/x").header("origin", ORIGIN).header("cookie", cookie());
        request.body(Body::from(vec![b'x'; length])).unwrap()
    };
    assert_eq!(site.send(post(MAX_BODY_BYTES)).await.status(), StatusCode::NOT_FOUND);
    let refused = site.send(post(MAX_BODY_BYTES + 1)).await;
    assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(body(refused).await.contains("1.2 MB"));
}

/// A signed-in person's request, as it was answered: status, code, message.
async fn refusal(site: &Site, request: http::request::Builder, body_text: &str) -> (u16, String, String) {
    let request =
        request.header("cookie", cookie()).header("origin", ORIGIN).header("content-type", "application/json");
    let response = site.send(request.body(Body::from(body_text.to_owned())).unwrap()).await;
    let status = response.status().as_u16();
    let text = body(response).await;
    let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text:?}"));
    (status, json["code"].as_str().unwrap().to_owned(), json["message"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn what_cannot_be_understood_is_refused_with_the_field_and_what_it_must_be() {
    let site = Site::with_user().await;
    let id = "018f0000-0000-7000-8000-000000000001";
    for (name, json, status, wanted) in [
        ("kanban/create", "{bad".to_owned(), 400, "not JSON"),
        ("kanban/create", String::new(), 400, "not JSON"),
        ("kanban/create", r#"{"params":{"title":5}}"#.into(), 422, "\"params.title\" is 5, but must be text"),
        ("kanban/create", r#"{"params":{"title":""}}"#.into(), 422, "title"),
        ("kanban/create", r#"{"params":{"title":" \t "}}"#.into(), 422, "title"),
        ("kanban/create", r#"{"params":{"title":"x","priority":"high"}}"#.into(), 422, "\"params.priority\""),
        ("kanban/create", r#"{"params":{"title":"x","priority":2147483648}}"#.into(), 422, "2147483647"),
        ("kanban/delete", r#"{"id":"x"}"#.into(), 422, "\"id\" is no id"),
        ("kanban/move", format!(r#"{{"params":{{"id":"{id}","to":"frob"}}}}"#), 422, "\"params.to\""),
        ("kanban/propose", format!(r#"{{"id":"{id}","kind":"frob"}}"#), 422, "must be one of"),
        ("kanban/create", r#"{"params":{"title":"x","triage":true,"blocked":true}}"#.into(), 422, "not both"),
        ("kanban/create", r#"{"params":{"title":"x","due_at":-5}}"#.into(), 422, "9999"),
        ("kanban/create", r#"{"params":{"title":"x","repeat":"0 0 30 2 *"}}"#.into(), 422, "never comes"),
    ] {
        let (found, code, message) = refusal(&site, request(Method::POST, &format!("/api/{name}")), &json).await;
        assert_eq!((found, code.as_str()), (status, "invalid"), "{name} {json}: {message}");
        assert!(message.contains(wanted), "{name} {json}: {message}");
        assert!(!message.contains("struct ") && !message.contains("i32"), "{message}");
    }
}

#[tokio::test]
async fn an_edit_of_nothing_is_fine_a_place_must_exist_and_a_page_has_links_both_ways() {
    let site = Site::with_user().await;
    let post = async |name: &str, arguments: serde_json::Value| -> (u16, serde_json::Value) {
        let request = request(Method::POST, &format!("/api/kanban/{name}"))
            .header("cookie", cookie())
            .header("origin", ORIGIN)
            .header("content-type", "application/json");
        let response = site.send(request.body(Body::from(arguments.to_string())).unwrap()).await;
        let status = response.status().as_u16();
        (status, serde_json::from_str(&body(response).await).unwrap())
    };
    let (status, parent) = post("create", json!({ "params": { "title": "parent" } })).await;
    assert_eq!(status, 200, "{parent}");
    let (id, revision) = (&parent["card"]["id"], &parent["card"]["revision"]);
    let (status, same) = post("edit", json!({ "params": { "id": id, "revision": revision } })).await;
    assert_eq!((status, &same["card"]["revision"], &same["undo"]), (200, revision, &serde_json::Value::Null));
    let (status, child) = post("create", json!({ "params": { "title": "child", "parents": [{ "id": id }] } })).await;
    assert_eq!((status, child["card"]["state"].as_str()), (200, Some("todo")), "{child}");
    let (_, above) = post("card", json!({ "card": { "id": id } })).await;
    let (_, below) = post("card", json!({ "card": { "id": child["card"]["id"] } })).await;
    assert_eq!((&above["children"][0]["id"], &below["parents"][0]["id"]), (&child["card"]["id"], id));
    for bad in ["relative", "/no/such/directory", "/etc/hostname"] {
        let place = json!({ "title": "x", "workspace": "dir", "workspace_path": bad });
        let (status, refused) = post("create", json!({ "params": place })).await;
        assert_eq!((status, refused["code"].as_str()), (422, Some("invalid")), "{bad}: {refused}");
    }
}

#[tokio::test]
async fn a_card_is_moved_with_the_words_of_older_programs() {
    let site = Site::with_user().await;
    let id = "018f0000-0000-7000-8000-000000000001";
    let json = format!(r#"{{"params":{{"id":"{id}","to":"in_progress"}}}}"#);
    let (status, code, _) = refusal(&site, request(Method::POST, "/api/kanban/move"), &json).await;
    assert_eq!((status, code.as_str()), (404, "not_found"), "the word is understood; there is no such card");
}

#[tokio::test]
async fn addresses_and_methods_that_make_no_sense_are_refused_in_the_same_shape() {
    let site = Site::with_user().await;
    for (method, path, status, wanted) in [
        (Method::GET, "/stream?board=x", 422, "\"board\""),
        (Method::GET, "/stream?after=soon", 422, "\"after\""),
        (Method::POST, "/attachments", 422, "?card="),
        (Method::POST, "/attachments?card=x", 422, "?card="),
        (Method::POST, "/stream", 405, "method"),
        (Method::DELETE, "/healthz", 405, "method"),
        (Method::PUT, "/api/kanban/create", 405, "method"),
        (Method::GET, "/attachments", 405, "method"),
    ] {
        let request_of = request(method.clone(), path).header("sec-fetch-site", "same-origin");
        let (found, code, message) = refusal(&site, request_of, "").await;
        assert_eq!((found, code.as_str()), (status, "invalid"), "{method} {path}: {message}");
        assert!(message.contains(wanted) && !message.contains("deserialize"), "{method} {path}: {message}");
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_one() {
    let site = Site::with_user().await;
    let response = site.send(request(Method::DELETE, "/healthz").header("origin", ORIGIN).body(Body::empty()).unwrap());
    assert_eq!(header(&response.await, "allow"), "GET,HEAD");
}
