//! Where messages may go. An endpoint comes from a browser, so it could name anything; only push services pass.

use reqwest::Url;

use super::PushError;

/// Push services of the browsers there are. A leading dot means any subdomain.
const HOSTS: &[&str] =
    &["fcm.googleapis.com", "jmt17.google.com", ".push.services.mozilla.com", ".push.apple.com", ".notify.windows.com"];
const MAX_ENDPOINT_BYTES: usize = 2048;

/// Accepts an https address of a known service, or any address below an origin that the configuration allows.
pub(super) fn check(endpoint: &str, allowed_origins: &[String]) -> Result<Url, PushError> {
    let invalid = |what: &str| PushError::Invalid(format!("this push address {what}"));
    if endpoint.len() > MAX_ENDPOINT_BYTES {
        return Err(invalid("is longer than 2,048 bytes"));
    }
    let url = Url::parse(endpoint).map_err(|error| invalid(&format!("is no URL ({error})")))?;
    let origin = url.origin().ascii_serialization();
    if allowed_origins.iter().any(|allowed| allowed.trim_end_matches('/') == origin) {
        return Ok(url);
    }
    let host = url.host_str().unwrap_or_default();
    let known = HOSTS.iter().any(|known| if known.starts_with('.') { host.ends_with(known) } else { host == *known });
    if url.scheme() != "https" || url.port().is_some() || !url.username().is_empty() || !known {
        return Err(invalid(&format!(
            "is at {origin}, which is no push service Hermes knows; if it is yours, list it under push.allowed_origins in config.yaml"
        )));
    }
    Ok(url)
}

/// Checks where a device says that it has the app open: a bare `http` or `https` origin.
pub(super) fn check_app_origin(origin: &str) -> Result<&str, PushError> {
    let bare = Url::parse(origin)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == origin);
    if bare && origin.len() <= MAX_ENDPOINT_BYTES {
        Ok(origin)
    } else {
        Err(PushError::Invalid("the app's own address must be like https://host, without a path".into()))
    }
}

/// The host, for the device list.
pub(super) fn host(endpoint: &str) -> String {
    Url::parse(endpoint).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn only_push_services_pass() {
        let allowed = ["http://127.0.0.1:9999".to_owned()];
        for good in [
            "https://fcm.googleapis.com/fcm/send/abc",
            "https://web.push.apple.com/Qabc",
            "https://updates.push.services.mozilla.com/wpush/v2/abc",
            "https://wns2-par02p.notify.windows.com/w/?token=abc",
            "http://127.0.0.1:9999/push/1",
        ] {
            assert!(check(good, &allowed).is_ok(), "{good}");
        }
        for bad in [
            "http://fcm.googleapis.com/x",
            "https://fcm.googleapis.com.evil.example/x",
            "https://evilpush.apple.com.example/",
            "https://fcm.googleapis.com:8443/x",
            "https://user@fcm.googleapis.com/x",
            "https://127.0.0.1/x",
            "https://[::1]/x",
            "https://169.254.169.254/latest",
            "http://127.0.0.1:9998/x",
            "http://127.0.0.1/x",
            "https://2130706433/",
            "file:///etc/passwd",
            "ftp://web.push.apple.com/",
            "javascript:alert(1)",
            "",
        ] {
            assert!(check(bad, &allowed).is_err(), "{bad}");
        }
    }
}
