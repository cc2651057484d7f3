//! What makes the client installable, and the client's own files: all inside the binary, none of it a person's.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use protocol::ErrorCode;
use sha2::{Digest, Sha256};

use crate::assets;
use crate::headers::{CSP_OFFLINE, CSP_WORKER};
use crate::reply::{not_found, problem};

const WORKER: &str = include_str!("../../manifest/sw.js");
const MANIFEST: &str = include_str!("../../manifest/manifest.webmanifest");
const OFFLINE_HTML: &str = include_str!("../../manifest/offline.html");
const OFFLINE_JS: &str = include_str!("../../manifest/offline.js");
const OFFLINE_CSS: &str = include_str!("../../manifest/offline.css");

const PNG: &str = "image/png";
const SVG: &str = "image/svg+xml";

const ICONS: &[(&str, &str, &[u8])] = &[
    ("180.png", PNG, include_bytes!("../../manifest/icons/180.png")),
    ("192.png", PNG, include_bytes!("../../manifest/icons/192.png")),
    ("512.png", PNG, include_bytes!("../../manifest/icons/512.png")),
    ("icon.svg", SVG, include_bytes!("../../manifest/icons/icon.svg")),
    ("maskable-512.png", PNG, include_bytes!("../../manifest/icons/maskable-512.png")),
    ("mono-96.png", PNG, include_bytes!("../../manifest/icons/mono-96.png")),
];
const FAVICON_SVG: &[u8] = include_bytes!("../../public/favicon.svg");
const FAVICON_ICO: &[u8] = include_bytes!("../../public/favicon.ico");

const REVALIDATE: &str = "no-cache";
const A_DAY: &str = "public, max-age=86400";
const FOREVER: &str = "public, max-age=31536000, immutable";

/// The worker with its constants filled in. Its version changes with any byte it caches.
static FILLED_WORKER: LazyLock<String> = LazyLock::new(|| {
    let client = assets::client();
    let mut hash = Sha256::new();
    for text in [WORKER, OFFLINE_HTML, OFFLINE_JS, OFFLINE_CSS, client.map_or("", |client| client.hash)] {
        hash.update(text);
        hash.update([0]);
    }
    for (_, _, bytes) in ICONS {
        hash.update(bytes);
    }
    let version: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let urls: Vec<String> =
        client.map_or_else(Vec::new, |client| client.names().map(|name| client.url(name)).collect());
    WORKER.replace("__VERSION__", &version).replace("__ASSETS__", &serde_json::json!(urls).to_string())
});

fn file(kind: &'static str, cache: &'static str, bytes: impl IntoResponse) -> Response {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, cache)], bytes).into_response()
}

fn with_policy(policy: &'static str, response: Response) -> Response {
    ([(header::CONTENT_SECURITY_POLICY, policy)], response).into_response()
}

pub(crate) async fn worker() -> Response {
    with_policy(CSP_WORKER, file("text/javascript; charset=utf-8", REVALIDATE, FILLED_WORKER.as_str()))
}

pub(crate) async fn manifest() -> Response {
    file("application/manifest+json", REVALIDATE, MANIFEST)
}

pub(crate) async fn offline_page() -> Response {
    with_policy(CSP_OFFLINE, file("text/html; charset=utf-8", REVALIDATE, OFFLINE_HTML))
}

pub(crate) async fn offline_script() -> Response {
    file("text/javascript; charset=utf-8", REVALIDATE, OFFLINE_JS)
}

pub(crate) async fn offline_style() -> Response {
    file("text/css; charset=utf-8", REVALIDATE, OFFLINE_CSS)
}

pub(crate) async fn favicon_svg() -> Response {
    file(SVG, A_DAY, FAVICON_SVG)
}

pub(crate) async fn favicon_ico() -> Response {
    file("image/x-icon", A_DAY, FAVICON_ICO)
}

pub(crate) async fn icon(Path(name): Path<String>) -> Response {
    match ICONS.iter().find(|(known, _, _)| *known == name) {
        Some((_, kind, bytes)) => file(kind, A_DAY, *bytes),
        None => not_found(),
    }
}

/// Whether `Accept-Encoding` takes that coding (RFC 9110, 12.5.3; `*` counts for codings not named).
fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    let mut any = false;
    for value in headers.get_all(header::ACCEPT_ENCODING) {
        for item in value.to_str().unwrap_or_default().split(',') {
            let (name, weight) = item.split_once(';').unwrap_or((item, ""));
            let refused =
                weight.trim().strip_prefix("q=").is_some_and(|q| q.trim().parse::<f32>().is_ok_and(|q| q <= 0.0));
            if name.trim().eq_ignore_ascii_case(coding) {
                return !refused;
            }
            any |= name.trim() == "*" && !refused;
        }
    }
    any
}

/// A file of the client. Its address names the build, so the answer never changes.
pub(crate) async fn client_file(Path((hash, name)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let Some(asset) = assets::client().filter(|client| client.hash == hash).and_then(|client| client.get(&name)) else {
        return not_found();
    };
    let (coding, bytes) = if accepts(&headers, "br") {
        ("br", asset.br)
    } else if accepts(&headers, "gzip") {
        ("gzip", asset.gzip)
    } else {
        let message = "The client's files are sent compressed only: ask with Accept-Encoding: br or gzip.";
        return problem(StatusCode::NOT_ACCEPTABLE, ErrorCode::Invalid, message);
    };
    let extra = [(header::CONTENT_ENCODING, coding), (header::VARY, "accept-encoding")];
    (extra, file(asset.content_type, FOREVER, bytes)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worker_has_both_constants_filled_in() {
        assert!(!FILLED_WORKER.contains("__VERSION__") && !FILLED_WORKER.contains("__ASSETS__"));
    }

    #[test]
    fn codings_are_taken_unless_refused() {
        let check = |value: &'static str, coding| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, http::HeaderValue::from_static(value));
            accepts(&headers, coding)
        };
        assert!(check("gzip, deflate, br, zstd", "br"));
        assert!(check("gzip;q=0.5, BR;q=1.0", "br"));
        assert!(check("*", "gzip"));
        assert!(!check("br;q=0, *", "br"));
        assert!(!check("gzip", "br"));
        assert!(!check("", "br"));
    }
}
