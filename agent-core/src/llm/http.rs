//! Connections to model servers: one client per endpoint, with time limits, size limits and no redirects.

use std::error::Error as _;
use std::net::IpAddr;
use std::sync::Once;
use std::time::Duration;

use reqwest::{Client, Response, Url, redirect};

use super::{CallError, FailureKind, failure};
use crate::llm::secret::Redactor;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Silence allowed between two pieces. Models on this machine may load for minutes before the first one.
const IDLE_TIMEOUT: Duration = Duration::from_secs(180);
const IDLE_TIMEOUT_LOCAL: Duration = Duration::from_secs(600);
/// Bytes of an error that are read.
const MAX_ERROR_BYTES: usize = 64 * 1024;

static CRYPTO: Once = Once::new();

/// Where a model lives.
#[derive(Clone)]
pub(super) struct Endpoint {
    base: Url,
    key: Option<String>,
    client: Client,
    pub(super) redactor: Redactor,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

impl Endpoint {
    pub(super) fn new(base_url: &str, key: Option<String>, redactor: Redactor) -> Result<Self, CallError> {
        let base = parse_base(base_url).map_err(|problem| CallError::new(FailureKind::Refused, problem))?;
        let client = client(&base)?;
        Ok(Self { base, key: key.filter(|key| !key.is_empty()), client, redactor })
    }

    pub(super) fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }

    /// Posts JSON and returns the response once its head says success.
    pub(super) async fn post(&self, path: &str, body: &serde_json::Value) -> Result<Response, CallError> {
        let mut request = self.client.post(format!("{}/{path}", self.base.as_str().trim_end_matches('/'))).json(body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        let request = request.header(reqwest::header::ACCEPT, "text/event-stream, application/json");
        let response = request.send().await.map_err(|error| self.broken(error))?;
        if response.status().is_success() { Ok(response) } else { Err(self.refused(response).await) }
    }

    /// Turns a transport error into a failure.
    pub(super) fn broken(&self, error: reqwest::Error) -> CallError {
        let mut failure = from_transport(error);
        let port = self.base.port().map(|port| format!(":{port}")).unwrap_or_default();
        failure.message = self.redactor.clean(&format!("{}{port}: {}", self.host(), failure.message));
        failure
    }

    async fn refused(&self, response: Response) -> CallError {
        let status = response.status();
        let retry_after = response
            .headers()
            .get(reqwest::header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| retry_after_ms(value, time::OffsetDateTime::now_utc()));
        if status.is_redirection() {
            let target = response.headers().get(reqwest::header::LOCATION).and_then(|to| to.to_str().ok());
            let message = format!(
                "HTTP {}: the server sends us on to {}; use that address",
                status.as_u16(),
                target.unwrap_or("elsewhere")
            );
            return failure::from_status(status.as_u16(), &self.redactor.clean(&message), retry_after);
        }
        let body = match read_bounded(response, MAX_ERROR_BYTES).await {
            Ok(body) => String::from_utf8_lossy(&body).into_owned(),
            Err(error) => format!("(its explanation could not be read: {error})"),
        };
        failure::from_status(status.as_u16(), &self.redactor.clean(&body), retry_after)
    }
}

/// Reads at most `limit` bytes and ignores the rest.
pub(super) async fn read_bounded(mut response: Response, limit: usize) -> Result<Vec<u8>, CallError> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(from_transport)? {
        let room = limit - body.len();
        body.extend_from_slice(piece.get(..room).unwrap_or(&piece));
        if body.len() >= limit {
            break;
        }
    }
    Ok(body)
}

/// Checks a base URL as a person typed it.
pub(super) fn parse_base(text: &str) -> Result<Url, String> {
    let text = text.trim().trim_end_matches('/').trim_end_matches("/chat/completions");
    let example = "for instance https://api.openai.com/v1";
    let url = Url::parse(text).map_err(|error| format!("the base address is not a URL ({error}); {example}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(format!("the base address must start with http:// or https://; {example}"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the base address must not contain a name or password; enter the key in its own field".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("the base address must end before ? and #; {example}"));
    }
    Ok(url)
}

/// Whether the host is this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.ends_with(".localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn client(base: &Url) -> Result<Client, CallError> {
    install_crypto();
    let local = is_loopback(base);
    let mut builder = Client::builder()
        .user_agent(concat!("hermes/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(if local { IDLE_TIMEOUT_LOCAL } else { IDLE_TIMEOUT });
    if local {
        builder = builder.no_proxy();
    }
    if base.scheme() == "http" {
        // No certificates are needed, so a machine without any can still use a local model.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|error| {
        CallError::new(FailureKind::Tls, format!("{}; install the system's ca-certificates", chain(&error)))
    })
}

/// A client for quick looks at this machine.
pub(super) fn probe_client(timeout: Duration) -> Result<Client, CallError> {
    install_crypto();
    Client::builder()
        .redirect(redirect::Policy::none())
        .timeout(timeout)
        .no_proxy()
        .tls_certs_only([])
        .build()
        .map_err(|error| CallError::new(FailureKind::Tls, chain(&error)))
}

fn install_crypto() {
    CRYPTO.call_once(|| {
        // An error means that another part of the process has installed one already, which is just as good.
        if rustls::crypto::ring::default_provider().install_default().is_err() {
            tracing::debug!("a TLS provider was installed before");
        }
    });
}

pub(super) fn from_transport(error: reqwest::Error) -> CallError {
    let text = chain(&error);
    let lower = text.to_lowercase();
    let kind = if error.is_timeout() {
        FailureKind::Timeout
    } else if lower.contains("dns error") || lower.contains("failed to lookup address") {
        FailureKind::UnknownHost
    } else if has_tls_cause(&error) || lower.contains("certificate") {
        FailureKind::Tls
    } else if error.is_connect() || error.is_request() {
        FailureKind::Unreachable
    } else {
        FailureKind::Broken
    };
    let text = match kind {
        FailureKind::Timeout => format!("no answer in time ({text})"),
        FailureKind::Broken => format!("the connection broke off ({text})"),
        _ => text,
    };
    CallError::new(kind, text)
}

fn has_tls_cause(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.is::<rustls::Error>() {
            return true;
        }
        // An I/O error's source is that of the error inside it, so the inside must be looked at, however deep.
        let mut io = inner.downcast_ref::<std::io::Error>();
        while let Some(inside) = io.and_then(std::io::Error::get_ref) {
            if inside.is::<rustls::Error>() {
                return true;
            }
            io = inside.downcast_ref::<std::io::Error>();
        }
        cause = inner.source();
    }
    false
}

/// The innermost causes, without the address: it is known, and may hold what should not be repeated.
fn chain(error: &reqwest::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        // The library's own word for "it went wrong"; what went wrong follows.
        if text.starts_with("client error") && inner.source().is_some() {
            cause = inner.source();
            continue;
        }
        if parts.last().is_none_or(|last| !last.contains(&text)) {
            parts.push(text);
        }
        cause = inner.source();
    }
    if parts.is_empty() { "the request failed".to_owned() } else { parts.join(": ") }
}

/// `Retry-After` in seconds or as a date (RFC 9110 §10.2.3), bounded to a day.
pub(super) fn retry_after_ms(value: &str, now: time::OffsetDateTime) -> Option<i64> {
    const DAY_MS: i64 = 24 * 3_600_000;
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        // Some servers send fractions. The cast saturates.
        return seconds.is_finite().then(|| ((seconds.max(0.0) * 1000.0).ceil() as i64).min(DAY_MS));
    }
    let at = time::OffsetDateTime::parse(value, &time::format_description::well_known::Rfc2822).ok()?;
    let wait = (at - now).whole_milliseconds().clamp(0, i128::from(DAY_MS));
    i64::try_from(wait).ok()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::{is_loopback, parse_base, retry_after_ms};

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = datetime!(2015-10-21 07:28:00 UTC);
        for (value, expected) in [
            ("3", Some(3_000)),
            ("0.5", Some(500)),
            ("-4", Some(0)),
            ("999999999", Some(86_400_000)),
            ("Wed, 21 Oct 2015 07:28:07 GMT", Some(7_000)),
            ("Wed, 21 Oct 2015 07:27:00 GMT", Some(0)),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after_ms(value, now), expected, "{value:?}");
        }
    }

    #[test]
    fn base_addresses_are_checked() {
        let base = |text| parse_base(text).map(|url| url.to_string());
        assert_eq!(base(" https://api.openai.com/v1/ ").unwrap(), "https://api.openai.com/v1");
        assert_eq!(base("http://localhost:11434/v1/chat/completions").unwrap(), "http://localhost:11434/v1");
        for bad in ["", "api.openai.com", "ftp://x/v1", "https://u:p@x/v1", "https://x/v1?key=1", "file:///etc/passwd"]
        {
            assert!(base(bad).is_err(), "{bad}");
        }
        for (url, local) in [
            ("http://127.0.0.1:1/v1", true),
            ("http://[::1]:1/v1", true),
            ("http://localhost/v1", true),
            ("https://api.openai.com/v1", false),
        ] {
            assert_eq!(is_loopback(&parse_base(url).unwrap()), local, "{url}");
        }
    }
}
