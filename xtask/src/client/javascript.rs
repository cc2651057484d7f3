//! The one script the page names, and what is mended in the loader that the splitter makes.

use anyhow::{Result, ensure};

/// Starts the client. It is a file and not an inline script, so that the content security policy needs no exception,
/// and it names its siblings relative to itself, so that it works from any directory.
pub(super) const BOOT: &str = "\
import init, { hydrate } from './hermes.js';
await init({ module_or_path: new URL('./hermes_bg.wasm', import.meta.url) });
hydrate();
";

/// Where the loader of the lazy parts fetches one. When that fails, the Rust around a part can only panic.
const FETCH: &str = "await callee();";
const FETCH_PERSISTENTLY: &str = "await persistently(callee);";

/// Says that a part cannot be fetched and tries again with the next press, for instance of "Try again". Nobody hears of
/// the failure but `app/src/ui/later.rs`. A server that no longer has even the loader has a newer version of it.
const PERSISTENTLY: &str = "\
async function persistently(load) {
    for (;;) {
        try {
            return await load();
        } catch (error) {
            console.warn(error);
            const found = await fetch(import.meta.url, { method: 'HEAD', cache: 'no-store' }).catch(() => undefined);
            await new Promise((again) => {
                const press = ({ target }) => {
                    if (!target.closest?.('a[href],button')) return;
                    removeEventListener('click', press, true);
                    again();
                };
                addEventListener('click', press, true);
                dispatchEvent(new CustomEvent('hermes:missing', { detail: found?.status === 404 }));
            });
        }
    }
}
";

/// The loader of the lazy parts as the splitter made it, but it does not give up.
pub(super) fn persistent(loader: &str) -> Result<String> {
    ensure!(loader.matches(FETCH).count() == 1, "the splitter's loader is another one than this build knows");
    Ok(loader.replace(FETCH, FETCH_PERSISTENTLY) + PERSISTENTLY)
}

#[cfg(test)]
mod tests {
    use super::persistent;

    #[test]
    fn a_loader_that_is_not_known_is_refused() {
        let known = "function wrapAsyncCb(callee) { return async () => { try { await callee(); } catch {} } }\n";
        let made = persistent(known).unwrap();
        assert!(made.contains("try { await persistently(callee); }") && made.contains("async function persistently("));
        assert!(persistent("async () => callee()").is_err());
    }
}
