//! Files of cards over HTTP: for who is signed in, from our own pages, whole or not at all, and harmless in a browser.

use agent_core::kanban;
use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use protocol::{AttachmentWritten, CreateCardParams, MAX_ATTACHMENT_BYTES, TaskCard};

use crate::{ORIGIN, Site, body, cookie, get, header, request};

async fn site_with_card() -> (Site, TaskCard) {
    let site = Site::with_user().await;
    let params = CreateCardParams { title: "Files".into(), triage: true, ..CreateCardParams::default() };
    let actor = agent_core::Actor::CommandLine { user: "ada".into() };
    let card = kanban::create_card(&site.core, &actor, params).await.unwrap().card;
    (site, card)
}

fn upload(card: &TaskCard, name: &str) -> http::request::Builder {
    let path = format!("/attachments?card=T-{}&name={name}", card.number);
    request(Method::POST, &path).header("origin", ORIGIN).header("cookie", cookie())
}

async fn add(site: &Site, card: &TaskCard, name: &str, bytes: &'static [u8]) -> AttachmentWritten {
    let response = site.send(upload(card, name).body(Body::from(bytes)).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
    serde_json::from_str(&body(response).await).unwrap()
}

async fn read(site: &Site, written: &AttachmentWritten) -> Response {
    let path = format!("/attachments/{}", written.attachment.id);
    site.send(get(&path).header("cookie", cookie()).body(Body::empty()).unwrap()).await
}

fn on_disk(site: &Site) -> usize {
    std::fs::read_dir(site.core.home().attachments()).unwrap().count()
}

#[tokio::test]
async fn a_database_that_takes_nothing_is_told_in_its_own_words() {
    let (site, card) = site_with_card().await;
    let mut tx = site.core.write().await.unwrap();
    sqlx::query("PRAGMA query_only = ON").execute(&mut *tx).await.unwrap();
    drop(tx);
    let response = site.send(upload(&card, "a.txt").body(Body::from("x")).unwrap()).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let said = body(response).await;
    assert!(said.contains("\"unavailable\"") && said.contains("can only be read"), "{said}");
}

#[tokio::test]
async fn what_was_sent_is_what_is_read() {
    let (site, card) = site_with_card().await;
    let png = b"\x89PNG\r\n\x1a\npicture";
    let written = add(&site, &card, "sh%C3%B6t.png", png).await;
    assert_eq!((written.attachment.name.as_str(), written.attachment.bytes), ("shöt.png", 15));
    assert!(written.undo.is_some() && !written.attachment.by_worker && written.attachment.author == "Ada");
    let response = read(&site, &written).await;
    assert_eq!(response.status(), StatusCode::OK);
    for (name, value) in [
        ("content-type", "image/png"),
        ("content-length", "15"),
        ("content-disposition", "inline; filename=\"sh_t.png\"; filename*=UTF-8''sh%C3%B6t.png"),
        ("content-security-policy", "default-src 'none'; sandbox; frame-ancestors 'none'"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "private, max-age=86400, immutable"),
    ] {
        assert_eq!(header(&response, name), value, "{name}");
    }
    let bytes = axum::body::to_bytes(response.into_body(), 1000).await.unwrap();
    assert_eq!(bytes.as_ref(), png);
}

#[tokio::test]
async fn nothing_a_browser_could_run_is_sent_as_such() {
    let (site, card) = site_with_card().await;
    for (name, bytes, media_type, kind) in [
        ("evil.html", &b"<script>alert(1)</script>"[..], "text/plain; charset=utf-8", "inline"),
        (
            "evil.svg",
            b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
            "text/plain; charset=utf-8",
            "inline",
        ),
        ("fake.png", b"\0\0<html>", "application/octet-stream", "attachment"),
        ("notes.md", b"# hi", "text/plain; charset=utf-8", "inline"),
        ("paper.pdf", b"%PDF-1.7", "application/pdf", "inline"),
    ] {
        let written = add(&site, &card, name, bytes).await;
        let response = read(&site, &written).await;
        assert_eq!(header(&response, "content-type"), media_type, "{name}");
        assert!(header(&response, "content-disposition").starts_with(&format!("{kind}; ")), "{name}");
        assert!(header(&response, "content-security-policy").contains("sandbox"), "{name}");
    }
}

#[tokio::test]
async fn text_is_compressed_for_who_asks_for_it() {
    let (site, card) = site_with_card().await;
    let text = "the same again ".repeat(200);
    let response = site.send(upload(&card, "long.txt").body(Body::from(text.clone())).unwrap()).await;
    let written: AttachmentWritten = serde_json::from_str(&body(response).await).unwrap();
    let path = format!("/attachments/{}", written.attachment.id);
    let request = get(&path).header("cookie", cookie()).header("accept-encoding", "gzip");
    let response = site.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!((header(&response, "content-encoding"), header(&response, "content-length")), ("gzip", ""));
    let bytes = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
    assert!(!bytes.is_empty() && bytes.len() < text.len());
}

#[tokio::test]
async fn only_signed_in_people_and_our_own_pages() {
    let (site, card) = site_with_card().await;
    let written = add(&site, &card, "a.txt", b"a").await;
    let path = format!("/attachments/{}", written.attachment.id);
    let signed_out = site.send(get(&path).body(Body::empty()).unwrap()).await;
    assert_eq!(signed_out.status(), StatusCode::UNAUTHORIZED);
    let before = on_disk(&site);
    let address = format!("/attachments?card=T-{}&name=b.txt", card.number);
    for (origin, with_cookie, status) in [
        (Some("https://evil.example"), true, StatusCode::FORBIDDEN),
        (Some("null"), true, StatusCode::FORBIDDEN),
        (None, true, StatusCode::FORBIDDEN),
        (Some(ORIGIN), false, StatusCode::UNAUTHORIZED),
    ] {
        let mut request = request(Method::POST, &address);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        if with_cookie {
            request = request.header("cookie", cookie());
        }
        let response = site.send(request.body(Body::from("b")).unwrap()).await;
        assert_eq!(response.status(), status, "{origin:?} {with_cookie}");
    }
    assert_eq!(on_disk(&site), before);
}

#[tokio::test]
async fn paths_and_unknown_files_lead_nowhere() {
    let (site, card) = site_with_card().await;
    let gone = add(&site, &card, "gone.txt", b"x").await;
    let actor = agent_core::Actor::CommandLine { user: "ada".into() };
    kanban::attachments::remove(&site.core, &actor, gone.attachment.id).await.unwrap();
    // What is no file of a card, by every way to say it.
    let removed = gone.attachment.id.to_string();
    for id in ["..%2Fhermes.db", "%2e%2e%2fhermes.db", "x", ".", USER_LIKE, removed.as_str()] {
        let response =
            site.send(get(&format!("/attachments/{id}")).header("cookie", cookie()).body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{id}");
    }
    // A link in a file's place is not followed.
    let written = add(&site, &card, "link.txt", b"x").await;
    let at = site.core.home().attachments().join(written.attachment.id.to_string());
    std::fs::remove_file(&at).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &at).unwrap();
    assert_eq!(read(&site, &written).await.status(), StatusCode::NOT_FOUND);
    let nowhere =
        request(Method::POST, "/attachments?card=T-999&name=a").header("origin", ORIGIN).header("cookie", cookie());
    assert_eq!(site.send(nowhere.body(Body::from("x")).unwrap()).await.status(), StatusCode::NOT_FOUND);
}

const USER_LIKE: &str = "018f0000-0000-7000-8000-000000000001";

#[tokio::test]
async fn too_much_is_refused_announced_or_not() {
    let (site, card) = site_with_card().await;
    let limit = usize::try_from(MAX_ATTACHMENT_BYTES).unwrap();
    let announced = upload(&card, "big").header("content-length", (limit + 1).to_string());
    let response = site.send(announced.body(Body::empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let chunk = vec![b'x'; 1024 * 1024];
    let chunks = futures_util::stream::iter((0..26).map(move |_| Ok::<_, std::io::Error>(chunk.clone())));
    let response = site.send(upload(&card, "big").body(Body::from_stream(chunks)).unwrap()).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(body(response).await.contains("25 MiB"));
    let broken = futures_util::stream::iter([Ok(vec![b'x']), Err(std::io::Error::other("gone"))]);
    let response = site.send(upload(&card, "half").body(Body::from_stream(broken)).unwrap()).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(on_disk(&site), 0, "nothing is left of any of them");
    let whole = upload(&card, "whole").body(Body::from(vec![b'x'; limit])).unwrap();
    assert_eq!(site.send(whole).await.status(), StatusCode::OK);
}
