//! Who may ask: known host names, no foreign pages, and somebody signed in.

use std::net::SocketAddr;

use agent_core::Config;
use agent_core::accounts::{self, SESSION_USER};
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, header};
use protocol::{ErrorCode, UserId};
use tower_sessions::Session;

use crate::reply::{fault, problem};
use crate::router::AppState;

/// What everybody may read: what the sign-in page and the service worker need, and nothing of a person's.
const PUBLIC: &[&str] = &[
    "/login",
    "/setup",
    "/healthz",
    "/sw.js",
    "/manifest.webmanifest",
    "/theme.js",
    "/api/accounts/set_up",
    "/api/accounts/sign_in",
    "/api/accounts/state",
];
const PUBLIC_PREFIXES: &[&str] = &["/offline", "/icons/", "/pkg/", "/favicon"];

/// The session's key for the day it was last used.
const LAST_DAY: &str = "last_day";
const DAY_MS: i64 = 24 * 3_600_000;

/// Set by Tailscale on requests from the public internet.
const FUNNEL: &str = "tailscale-funnel-request";

/// How the browser reached us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    /// https only when a proxy on this machine says so: anybody else could write that header.
    pub(crate) fn of(request: &Request) -> Self {
        let local = request
            .extensions()
            .get::<ConnectInfo<SocketAddr>>()
            .is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback());
        let said =
            text(request.headers(), "x-forwarded-proto").is_some_and(|proto| proto.eq_ignore_ascii_case("https"));
        if local && said { Self::Https } else { Self::Http }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// The person of the request, for handlers behind [`require_user`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct SignedIn(pub(crate) UserId);

/// Whether a path needs no session.
#[must_use]
pub fn is_public(path: &str) -> bool {
    PUBLIC.contains(&path) || PUBLIC_PREFIXES.iter().any(|prefix| path.starts_with(prefix))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// `Example.org.:8787` → `example.org`; `None` when it is not a host with an optional port.
pub(crate) fn host_name(authority: &str) -> Option<String> {
    let (host, port) = if authority.starts_with('[') {
        let end = authority.find(']')?;
        let (host, rest) = authority.split_at(end + 1);
        (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    if port.is_some_and(|port| port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit())) {
        return None;
    }
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    (!host.is_empty()).then_some(host)
}

fn host_allowed(config: &Config, own: &[String], authority: &str) -> bool {
    let Some(host) = host_name(authority) else { return false };
    if matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]") || own.contains(&host) {
        return true;
    }
    let public = config.server.public_url.as_deref().and_then(|url| url.parse::<http::Uri>().ok());
    public
        .as_ref()
        .and_then(|url| url.authority())
        .and_then(|name| host_name(name.as_str()))
        .is_some_and(|name| name == host)
        || config.server.allowed_hosts.iter().filter_map(|name| host_name(name)).any(|name| name == host)
}

/// The authority the client meant; `None` when there is none or they contradict each other.
fn authority(request: &Request) -> Option<String> {
    let mut named = request.headers().get_all(header::HOST).iter().map(|value| value.to_str().ok());
    let in_target = request.uri().authority().map(http::uri::Authority::as_str);
    match (in_target, named.next(), named.next()) {
        (Some(target), None, None) => Some(target.to_owned()),
        (Some(target), Some(Some(host)), None) if target.eq_ignore_ascii_case(host) => Some(target.to_owned()),
        (None, Some(Some(host)), None) => Some(host.to_owned()),
        _ => None,
    }
}

/// Whether a request comes from our own pages. Browsers send `Sec-Fetch-Site` to trustworthy addresses only; over plain
/// http on a private network `Origin`, and for reads `Referer`, is what there is.
///
/// A proxy may change scheme and port, which the browser's word on the site makes up for; the name in `Origin` must be
/// one of ours even so.
fn same_origin(request: &Request, origin: &str, is_our_name: impl Fn(&str) -> bool) -> bool {
    let headers = request.headers();
    match (text(headers, "sec-fetch-site"), text(headers, "origin")) {
        (Some("same-origin"), None) => !headers.contains_key(header::ORIGIN),
        (Some("same-origin"), Some(from)) => from.split_once("://").is_some_and(|(_, name)| is_our_name(name)),
        (Some("none"), None) => !headers.contains_key(header::ORIGIN),
        (None, Some(from)) => from.eq_ignore_ascii_case(origin),
        (None, None) if is_read(request.method()) && !headers.contains_key(header::ORIGIN) => text(headers, "referer")
            .is_some_and(|from| {
                from.get(..origin.len()).is_some_and(|start| start.eq_ignore_ascii_case(origin))
                    && from.as_bytes().get(origin.len()) == Some(&b'/')
            }),
        _ => false,
    }
}

/// Whether a browser says that a foreign page asks.
fn is_foreign(request: &Request, origin: &str) -> bool {
    let headers = request.headers();
    text(headers, "sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none"))
        || text(headers, "origin").is_some_and(|from| !from.eq_ignore_ascii_case(origin))
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Middleware: refuses unknown hosts, the public internet, and requests made by foreign pages.
pub(crate) async fn check_origin(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let denied = |message: &str| problem(StatusCode::FORBIDDEN, ErrorCode::Denied, message);
    let config = state.core().config();
    let own = state.own_hosts();
    let is_our_name = |name: &str| host_allowed(&config, &own, name);
    let Some(host) = authority(&request).filter(|host| is_our_name(host)) else {
        return problem(
            StatusCode::MISDIRECTED_REQUEST,
            ErrorCode::Denied,
            "Hermes does not answer to this host name. If it is yours, add it to server.allowed_hosts in config.yaml, \
             or set server.public_url, and start the server again.",
        );
    };
    if request.headers().contains_key(FUNNEL) {
        return denied("Hermes is private and does not answer requests from the public internet (Tailscale Funnel).");
    }
    let origin = format!("{}://{host}", Scheme::of(&request).as_str());
    let path = request.uri().path();
    let refused = if is_read(request.method()) && !path.starts_with("/api/") {
        path == "/stream" && is_foreign(&request, &origin)
    } else {
        !same_origin(&request, &origin, is_our_name)
    };
    if refused {
        return denied("This request did not come from a page of this Hermes, so it was refused. Nothing was changed.");
    }
    next.run(request).await
}

/// Middleware: everything that is not public needs somebody signed in who still exists.
pub(crate) async fn require_user(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    if is_public(request.uri().path()) {
        return next.run(request).await;
    }
    let Some(session) = request.extensions().get::<Session>().cloned() else {
        return fault("a request has no session attached", &"the session layer is missing");
    };
    let user: Option<UserId> = match session.get(SESSION_USER).await {
        Ok(user) => user,
        Err(error) => return fault("a session cannot be read", &error),
    };
    let Some(user) = user else { return signed_out(&request) };
    match accounts::session_user_exists(state.core(), user).await {
        Ok(true) => {
            if let Err(error) = renew(&session, state.core().now_ms()).await {
                return fault("a session cannot be renewed", &error);
            }
            request.extensions_mut().insert(SignedIn(user));
            next.run(request).await
        }
        Ok(false) => signed_out(&request),
        Err(error) => fault("the person of a session cannot be read", &error),
    }
}

/// Once a day a session that is used is written again, so that it and its cookie end after a month without use and not
/// a month after signing in.
async fn renew(session: &Session, now_ms: i64) -> Result<(), tower_sessions::session::Error> {
    let today = now_ms / DAY_MS;
    if session.get::<i64>(LAST_DAY).await? == Some(today) {
        return Ok(());
    }
    session.insert(LAST_DAY, today).await
}

/// People are led to the sign-in page and back; programs are told.
fn signed_out(request: &Request) -> Response {
    let path = request.uri().path();
    let page = is_read(request.method())
        && path != "/stream"
        && !path.starts_with("/api/")
        && (text(request.headers(), "sec-fetch-mode") == Some("navigate")
            // The service worker passes navigations on as fetches of its own, with the headers they came with.
            || text(request.headers(), "accept").is_some_and(|accept| accept.contains("text/html")));
    if !page {
        return problem(
            StatusCode::UNAUTHORIZED,
            ErrorCode::Unauthenticated,
            "You are signed out. Sign in and try again.",
        );
    }
    let target = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let location = format!("/login?next={}", encode(target));
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}

/// Percent-encodes everything but the unreserved characters of RFC 3986 and `/`.
fn encode(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // silent-ok: writing to a String cannot fail
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_without_port_case_and_trailing_dot() {
        for (authority, host) in [
            ("localhost", Some("localhost")),
            ("LocalHost.:8787", Some("localhost")),
            ("127.0.0.1:80", Some("127.0.0.1")),
            ("[::1]:8787", Some("[::1]")),
            ("[::1]", Some("[::1]")),
            ("[::1]evil", None),
            ("[::1", None),
            ("localhost:evil", None),
            ("localhost:", None),
            ("", None),
            (":80", None),
        ] {
            assert_eq!(host_name(authority).as_deref(), host, "{authority}");
        }
    }

    #[test]
    fn the_way_back_after_signing_in_is_one_query_value() {
        assert_eq!(encode("/board/a b?x=1&y=//e"), "/board/a%20b%3Fx%3D1%26y%3D//e");
    }
}
