//! Who is let in.

use axum::body::Body;
use http::{Method, StatusCode};
use server::{ROUTES, is_public, page_paths};

use crate::{HOST, ORIGIN, Site, body, cookie, fill, get, header, request, via};

fn every_path() -> Vec<String> {
    let own = ROUTES.iter().map(|route| fill(route.path));
    let pages = page_paths().into_iter().map(|path| fill(&path));
    let functions = server_fn::axum::server_fn_paths().map(|(path, _)| path.to_owned());
    own.chain(pages).chain(functions).chain(["/nowhere".to_owned()]).collect()
}

#[tokio::test]
async fn without_a_session_only_what_is_public_answers() {
    let site = Site::new().await;
    for path in every_path().iter().filter(|path| !is_public(path)) {
        let navigation = get(path).header("accept", "text/html").header("sec-fetch-site", "none");
        let navigation = site.send(navigation.header("sec-fetch-mode", "navigate").body(Body::empty()).unwrap()).await;
        let program = get(path).header("sec-fetch-site", "same-origin").header("sec-fetch-mode", "cors");
        let program = site.send(program.body(Body::empty()).unwrap()).await;
        let post = request(Method::POST, path).header("origin", ORIGIN);
        let post = site.send(post.body(Body::from("{}")).unwrap()).await;
        assert_eq!(program.status(), StatusCode::UNAUTHORIZED, "GET {path}");
        assert_eq!(post.status(), StatusCode::UNAUTHORIZED, "POST {path}");
        if path.starts_with("/api/") || path == "/stream" {
            assert_eq!(navigation.status(), StatusCode::UNAUTHORIZED, "open {path}");
        } else {
            assert_eq!(navigation.status(), StatusCode::SEE_OTHER, "open {path}");
            assert_eq!(header(&navigation, "location"), format!("/login?next={path}"));
        }
        let refusal: serde_json::Value = serde_json::from_str(&body(program).await).unwrap();
        assert_eq!(refusal["code"], "unauthenticated");
        assert!(refusal["message"].as_str().unwrap().ends_with('.'));
    }
}

#[tokio::test]
async fn the_table_says_what_is_public() {
    for route in ROUTES {
        assert_eq!(is_public(&fill(route.path)), route.public, "{}", route.path);
    }
    for path in
        ["/", "/inbox", "/board", "/settings", "/stream", "/loginx", "/login/x", "/api/accounts/sign_out", "/Login"]
    {
        assert!(!is_public(path), "{path}");
    }
}

#[tokio::test]
async fn a_disabled_person_is_signed_out_at_once() {
    let site = Site::with_user().await;
    let stream = || get("/nowhere").header("cookie", cookie()).body(Body::empty()).unwrap();
    assert_eq!(site.send(stream()).await.status(), StatusCode::NOT_FOUND);
    site.disable_user().await;
    assert_eq!(site.send(stream()).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_way_back_keeps_the_query() {
    let site = Site::new().await;
    let open = get("/board/a?card=1&x=2").header("accept", "text/html").body(Body::empty()).unwrap();
    assert_eq!(header(&site.send(open).await, "location"), "/login?next=/board/a%3Fcard%3D1%26x%3D2");
}

/// (method, path, headers, whether it passes the origin check)
type Case<'a> = (Method, &'a str, &'a [(&'a str, &'a str)], bool);

#[tokio::test]
async fn only_our_own_pages_write_and_call_functions() {
    let site = Site::new().await;
    let cases: &[Case<'_>] = &[
        (Method::POST, "/api/x", &[("sec-fetch-site", "same-origin")], true),
        (Method::POST, "/api/x", &[("sec-fetch-site", "same-origin"), ("origin", ORIGIN)], true),
        (Method::POST, "/api/x", &[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")], false),
        (Method::POST, "/api/x", &[("sec-fetch-site", "none")], true),
        (Method::POST, "/api/x", &[("sec-fetch-site", "none"), ("origin", "null")], false),
        (Method::POST, "/api/x", &[("sec-fetch-site", "same-site"), ("origin", "http://localhost:9999")], false),
        (Method::POST, "/api/x", &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")], false),
        (Method::POST, "/api/x", &[("sec-fetch-site", "cross-site")], false),
        (Method::POST, "/api/x", &[("origin", ORIGIN)], true),
        (Method::POST, "/api/x", &[("origin", "http://localhost:9999")], false),
        (Method::POST, "/api/x", &[("origin", "https://localhost:8787")], false),
        (Method::POST, "/api/x", &[("origin", "http://localhost:8787.evil.example")], false),
        (Method::POST, "/api/x", &[("origin", "null")], false),
        (Method::POST, "/api/x", &[("referer", "http://localhost:8787/board")], false),
        (Method::POST, "/api/x", &[], false),
        (Method::PUT, "/", &[], false),
        (Method::DELETE, "/login", &[("origin", "null")], false),
        (Method::OPTIONS, "/", &[("origin", "https://evil.example")], false),
        (Method::GET, "/api/x", &[], false),
        (Method::GET, "/api/x", &[("origin", ORIGIN)], true),
        (Method::GET, "/api/x", &[("sec-fetch-site", "cross-site")], false),
        (Method::GET, "/api/x", &[("referer", "http://localhost:8787/board")], true),
        (Method::GET, "/api/x", &[("referer", "http://localhost:8787.evil.example/")], false),
        (Method::GET, "/stream", &[("sec-fetch-site", "cross-site")], false),
        (Method::GET, "/stream", &[("origin", "https://evil.example")], false),
        (Method::GET, "/stream", &[], true),
        (Method::GET, "/", &[("sec-fetch-site", "cross-site")], true),
    ];
    for (method, path, headers, passes) in cases {
        let request =
            headers.iter().fold(request(method.clone(), path), |request, (name, value)| request.header(*name, *value));
        let status = site.send(request.body(Body::empty()).unwrap()).await.status();
        assert_eq!(status != StatusCode::FORBIDDEN, *passes, "{method} {path} {headers:?}: {status}");
    }
}

#[tokio::test]
async fn every_function_refuses_foreign_pages() {
    let site = Site::with_user().await;
    assert!(server_fn::axum::server_fn_paths().count() > 0);
    for (path, method) in server_fn::axum::server_fn_paths() {
        for foreign in [("sec-fetch-site", "cross-site"), ("origin", "null"), ("origin", "https://evil.example")] {
            let request = request(method.clone(), path).header("cookie", cookie()).header(foreign.0, foreign.1);
            let response = site.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{method} {path} {foreign:?}");
        }
    }
}

#[tokio::test]
async fn only_known_host_names_are_answered() {
    let yaml = "server:\n  public_url: https://hermes.tail1.ts.net\n  allowed_hosts: [hermes]\n";
    let site = Site::with_config(yaml).await;
    for (host, known) in [
        ("localhost", true),
        ("localhost:8787", true),
        ("LOCALHOST.:1", true),
        ("127.0.0.1:8787", true),
        ("[::1]:8787", true),
        ("hermes.tail1.ts.net", true),
        ("Hermes.Tail1.ts.net:443", true),
        ("hermes:8787", true),
        ("evil.example", false),
        ("localhost.evil.example", false),
        ("hermes.tail1.ts.net.evil.example", false),
        ("127.0.0.1.evil.example", false),
        ("127.0.0.2", false),
        ("localhost:x", false),
        ("", false),
    ] {
        let request = http::Request::get("/healthz").header("host", host).body(Body::empty()).unwrap();
        let response = site.send(request).await;
        let expected = if known { StatusCode::OK } else { StatusCode::MISDIRECTED_REQUEST };
        assert_eq!(response.status(), expected, "{host}");
        if !known {
            assert!(body(response).await.contains("server.allowed_hosts"), "{host}");
        }
    }
    for path in every_path() {
        let request = http::Request::get(&path).header("host", "evil.example").body(Body::empty()).unwrap();
        assert_eq!(site.send(request).await.status(), StatusCode::MISDIRECTED_REQUEST, "{path}");
    }
    let twice = get("/healthz").header("host", "evil.example").body(Body::empty()).unwrap();
    assert_eq!(site.send(twice).await.status(), StatusCode::MISDIRECTED_REQUEST);
    let none = http::Request::get("/healthz").body(Body::empty()).unwrap();
    assert_eq!(site.send(none).await.status(), StatusCode::MISDIRECTED_REQUEST);
    let http2 = http::Request::get("http://localhost:8787/healthz").body(Body::empty()).unwrap();
    assert_eq!(site.send(http2).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_server_answers_to_the_names_it_learns_of_itself() {
    let site = Site::new().await;
    let state = server::AppState::new(site.core.clone(), site.stop.clone());
    let app = server::router(state.clone());
    let status = async |host: &str| {
        let request = http::Request::get("/healthz").header("host", host).body(Body::empty()).unwrap();
        tower::ServiceExt::oneshot(app.clone(), request).await.unwrap().status()
    };
    for host in ["100.64.0.1:8787", "box.tail1234.ts.net", "[fd7a::1]:8787"] {
        assert_eq!(status(host).await, StatusCode::MISDIRECTED_REQUEST, "{host}");
        state.answer_to(host);
        assert_eq!(status(host).await, StatusCode::OK, "{host}");
    }
    assert_eq!(status("BOX.tail1234.ts.net.:443").await, StatusCode::OK);
    assert_eq!(status("other.tail1234.ts.net").await, StatusCode::MISDIRECTED_REQUEST);
}

#[tokio::test]
async fn the_public_internet_is_refused() {
    let site = Site::new().await;
    let request = get("/healthz").header("tailscale-funnel-request", "?1").body(Body::empty()).unwrap();
    assert_eq!(site.send(request).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_scheme_is_believed_from_this_machine_only() {
    let site = Site::new().await;
    let post = |peer: &str| {
        let request = request(Method::POST, "/api/x").header("x-forwarded-proto", "https");
        via(request.header("origin", format!("https://{HOST}")).body(Body::empty()).unwrap(), peer)
    };
    assert_eq!(site.send(post("127.0.0.1:5")).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(site.send(post("[::ffff:127.0.0.1]:5")).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(site.send(post("100.64.0.9:5")).await.status(), StatusCode::FORBIDDEN);
}
