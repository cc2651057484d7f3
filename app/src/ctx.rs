//! Who asks, and the core they ask: the only way for a server function to reach the core, so that nobody forgets to
//! look who it is.
use agent_core::{Actor, Core};
use leptos::prelude::use_context;
use protocol::{ErrorCode, UserId, Viewer};
use tower_sessions::Session;

use crate::error::ApiError;
use crate::i18n::t;

/// A signed-in person's request.
#[derive(Debug, Clone)]
pub struct Cx {
    /// The core.
    pub core: Core,
    /// The person.
    pub viewer: Viewer,
    /// The person as the author of writes.
    pub actor: Actor,
}

/// The core and the signed-in person.
///
/// # Errors
/// `Unauthenticated` when nobody is signed in.
pub async fn ctx() -> Result<Cx, ApiError> {
    let core = core()?;
    let session = session()?;
    let signed_out = || ApiError::new(ErrorCode::Unauthenticated, t::error_signed_out());
    let id: Option<UserId> = session.get(agent_core::accounts::SESSION_USER).await.map_err(session_failed)?;
    let viewer = agent_core::accounts::viewer(&core, id.ok_or_else(signed_out)?).await?.ok_or_else(signed_out)?;
    let actor = Actor::Person { id: viewer.id, name: viewer.name.clone(), device: device() };
    Ok(Cx { core, viewer, actor })
}

/// The core, for the few functions that work before anyone is signed in.
///
/// # Errors
/// When the server forgot to provide it.
pub fn core() -> Result<Core, ApiError> {
    use_context::<Core>().ok_or_else(|| missing("Core"))
}

/// The browser session of the request.
///
/// # Errors
/// When the server forgot to provide it.
pub fn session() -> Result<Session, ApiError> {
    let parts = use_context::<http::request::Parts>().ok_or_else(|| missing("request parts"))?;
    parts.extensions.get::<Session>().cloned().ok_or_else(|| missing("Session"))
}

/// The device of the request in words, for instance "iPhone" or "Chrome on Linux".
#[must_use]
pub fn device() -> String {
    device_name(&user_agent())
}

/// Whether the request comes from a phone, as far as its browser says. A tablet has room for more than one thing.
#[must_use]
pub fn is_phone() -> bool {
    is_phones(&user_agent())
}

fn user_agent() -> String {
    let parts = use_context::<http::request::Parts>();
    let agent = parts.as_ref().and_then(|parts| parts.headers.get(http::header::USER_AGENT)?.to_str().ok());
    agent.unwrap_or_default().to_owned()
}

fn is_phones(agent: &str) -> bool {
    agent.contains("Mobi") && !agent.contains("iPad")
}

/// What the browser remembers for us under a name; it may say anything.
#[must_use]
pub fn cookie(name: &str) -> Option<String> {
    let parts = use_context::<http::request::Parts>()?;
    let headers = parts.headers.get_all(http::header::COOKIE).iter().filter_map(|header| header.to_str().ok());
    let mut pairs = headers.flat_map(|header| header.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value.to_owned())
}

/// What went wrong with the session store, logged; the person gets a plain sentence.
pub fn session_failed(error: tower_sessions::session::Error) -> ApiError {
    tracing::error!(%error, "the session store failed");
    ApiError::new(ErrorCode::Internal, t::error_internal())
}

fn missing(what: &str) -> ApiError {
    tracing::error!(what, "the server does not provide what pages need");
    ApiError::new(ErrorCode::Internal, t::error_internal())
}

/// Names a browser by its User-Agent. Order matters: every browser claims to be several others.
#[must_use]
pub fn device_name(agent: &str) -> String {
    let pick =
        |list: &[(&str, &'static str)]| list.iter().find(|(sign, _)| agent.contains(sign)).map(|(_, name)| *name);
    if let Some(device) = pick(&[("iPhone", "iPhone"), ("iPad", "iPad")]) {
        return device.to_owned();
    }
    let system = pick(&[
        ("Android", "Android"),
        ("Mac OS X", "Mac"),
        ("Windows", "Windows"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ]);
    let browser = pick(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => t::shell_unknown_device().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{device_name, is_phones};

    #[test]
    fn phones_are_told_from_what_stands_on_a_desk() {
        let check = |agent: &str, phone: bool| assert_eq!(is_phones(agent), phone, "{agent}");
        check("Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) Version/18.4 Mobile/15E148 Safari/604.1", true);
        check("Mozilla/5.0 (Linux; Android 15) Chrome/142.0.0.0 Mobile Safari/537.36", true);
        check("Mozilla/5.0 (Linux; Android 15) Chrome/142.0.0.0 Safari/537.36", false);
        check("Mozilla/5.0 (iPad; CPU OS 18_4 like Mac OS X) Version/18.4 Mobile/15E148 Safari/604.1", false);
        check("Mozilla/5.0 (X11; Linux x86_64) Chrome/142.0.0.0 Safari/537.36", false);
        check("", false);
    }

    #[test]
    fn browsers_are_named_as_people_name_them() {
        let check = |agent: &str, name: &str| assert_eq!(device_name(agent), name, "{agent}");
        check(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 Version/18.4 Safari/604.1",
            "iPhone",
        );
        check("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36", "Chrome on Linux");
        check(
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18 Safari/605.1.15",
            "Safari on Mac",
        );
        check(
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
            "Edge on Windows",
        );
        check("Mozilla/5.0 (Linux; Android 15) Chrome/142.0.0.0 Mobile Safari/537.36", "Chrome on Android");
        check("curl/8", "an unknown device");
        check("", "an unknown device");
    }
}
