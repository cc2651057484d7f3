//! What programs of a worker inherit: enough to work, no key, nothing that changes what they do.

use std::ffi::OsString;

use crate::process::NETWORK;

/// Passed on when set.
const INHERITED: &[&str] = &["HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"];
const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The environment of a program: this list and nothing else.
pub(crate) fn clean_environment() -> Vec<(OsString, OsString)> {
    let path = std::env::var_os("PATH").filter(|path| !path.is_empty()).unwrap_or_else(|| USUAL_PATH.into());
    let mut environment: Vec<(OsString, OsString)> = vec![("PATH".into(), path), ("TERM".into(), "dumb".into())];
    for name in INHERITED.iter().chain(NETWORK) {
        if let Some(value) = std::env::var_os(name) {
            environment.push((name.into(), value));
        }
    }
    if !environment.iter().any(|(name, _)| name == "LANG" || name == "LC_ALL") {
        environment.push(("LANG".into(), "C.UTF-8".into()));
    }
    environment
}
