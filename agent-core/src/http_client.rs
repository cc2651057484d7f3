//! HTTP clients of the core: one TLS provider, no OpenSSL.

use std::sync::Once;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

static CRYPTO: Once = Once::new();

/// A builder whose TLS works. Every client in the core starts from it.
pub(crate) fn builder() -> reqwest::ClientBuilder {
    CRYPTO.call_once(|| {
        // Fails only when one is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder().user_agent(concat!("hermes/", env!("CARGO_PKG_VERSION")))
}

/// `Retry-After` in milliseconds from now: seconds or an HTTP date (RFC 9110 §10.2.3).
pub(crate) fn retry_after_ms(text: &str, now_ms: i64) -> Option<i64> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<i64>() {
        return Some(seconds.clamp(0, 7 * 24 * 3600) * 1000);
    }
    // RFC 2822 writes the zone as an offset, HTTP as GMT.
    let at = OffsetDateTime::parse(&text.replace("GMT", "+0000"), &Rfc2822).ok()?;
    Some((at.unix_timestamp() * 1000 - now_ms).max(0))
}

#[cfg(test)]
mod tests {
    use super::retry_after_ms;

    #[test]
    fn reads_seconds_and_dates() {
        assert_eq!(retry_after_ms("7", 0), Some(7_000));
        assert_eq!(retry_after_ms("Thu, 01 Jan 1970 00:01:00 GMT", 10_000), Some(50_000));
        assert_eq!(retry_after_ms("Thu, 01 Jan 1970 00:00:00 GMT", 10_000), Some(0));
        assert_eq!(retry_after_ms("soon", 0), None);
    }
}
