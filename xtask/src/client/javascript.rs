//! The one script the page names.

/// Starts the client. It is a file and not an inline script, so that the content security policy needs no exception,
/// and it names its siblings relative to itself, so that it works from any directory.
pub(super) const BOOT: &str = "\
import init, { hydrate } from './hermes.js';
await init({ module_or_path: new URL('./hermes_bg.wasm', import.meta.url) });
hydrate();
";
