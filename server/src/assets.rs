//! The browser client inside the binary: hashed, compressed, ready to send.
//!
//! It knows names and bytes and nothing of HTTP: the router decides about routes, headers and caching.
use std::sync::LazyLock;

/// One file of the client. Only compressed forms are kept: every browser that can run the client accepts one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asset {
    /// Relative to `/pkg/<hash>/`.
    pub(crate) name: &'static str,
    pub(crate) content_type: &'static str,
    /// Fetched with the page, not when a lazy route is first opened.
    pub(crate) eager: bool,
    pub(crate) br: &'static [u8],
    pub(crate) gzip: &'static [u8],
}

/// Everything `/pkg/<hash>/` holds.
#[derive(Debug)]
pub(crate) struct Client {
    /// Changes with any byte of any file, so a response below it never does.
    pub(crate) hash: &'static str,
    /// Sorted by name.
    assets: &'static [Asset],
    prefetch: &'static [(&'static str, &'static [&'static str])],
}

impl Client {
    /// The file of that name, which is relative to `/pkg/<hash>/`.
    pub(crate) fn get(&self, name: &str) -> Option<&'static Asset> {
        let index = self.assets.binary_search_by(|asset| asset.name.cmp(name)).ok()?;
        self.assets.get(index)
    }

    /// All file names, for the service worker.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.assets.iter().map(|asset| asset.name)
    }

    /// The files the page needs at once, for its preloads.
    pub(crate) fn eager(&self) -> impl Iterator<Item = &'static Asset> + use<> {
        self.assets.iter().filter(|asset| asset.eager)
    }

    /// Lazy function → the files it needs, without `.wasm`. leptos preloads from a map of this form
    /// (`WasmSplitManifest`) when a lazy route is the first page.
    pub(crate) fn prefetch(&self) -> &'static [(&'static str, &'static [&'static str])] {
        self.prefetch
    }

    /// The address of a file on this server.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("/pkg/{}/{name}", self.hash)
    }
}

/// The client this binary was built with. `None` when it was built without one, as for the server's own tests.
pub(crate) fn client() -> Option<&'static Client> {
    static CLIENT: LazyLock<Option<Client>> = LazyLock::new(|| include!(concat!(env!("OUT_DIR"), "/client.rs")));
    CLIENT.as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn asset(name: &'static str, eager: bool) -> Asset {
        Asset { name, content_type: "", eager, br: b"br", gzip: b"gz" }
    }

    const CLIENT: Client = Client {
        hash: "00ff",
        assets: &[
            asset("boot.js", true),
            asset("hermes.css", true),
            asset("hermes_bg.wasm", true),
            asset("split_settings.wasm", false),
        ],
        prefetch: &[("settings", &["split_settings"])],
    };

    #[test]
    fn files_are_found_by_their_exact_name_only() {
        assert_eq!(CLIENT.get("hermes.css"), Some(&asset("hermes.css", true)));
        for name in ["", "hermes", "hermes.css.br", "/hermes.css", "../hermes.css", "HERMES.CSS"] {
            assert_eq!(CLIENT.get(name), None, "{name}");
        }
    }

    #[test]
    fn the_page_preloads_what_is_eager_and_the_worker_caches_all() {
        let eager: Vec<_> = CLIENT.eager().map(|asset| asset.name).collect();
        assert_eq!(eager, ["boot.js", "hermes.css", "hermes_bg.wasm"]);
        assert_eq!(CLIENT.names().count(), 4);
        assert_eq!(CLIENT.prefetch(), [("settings", &["split_settings"] as &[_])]);
        assert_eq!(CLIENT.url("boot.js"), "/pkg/00ff/boot.js");
    }

    /// Only in a build with `HERMES_SITE_DIR`; the others have nothing to look at.
    #[test]
    fn the_embedded_client_is_whole() {
        let Some(client) = client() else { return };
        assert!(client.assets.is_sorted_by(|a, b| a.name < b.name));
        let check = |name, content_type| {
            let asset = client.get(name).unwrap();
            assert_eq!(asset.content_type, content_type);
            assert!(asset.eager && !asset.br.is_empty() && asset.gzip.starts_with(&[0x1f, 0x8b]), "{name}");
        };
        check("boot.js", "text/javascript; charset=utf-8");
        check("hermes.js", "text/javascript; charset=utf-8");
        check("hermes.css", "text/css; charset=utf-8");
        check("hermes_bg.wasm", "application/wasm");
        for (function, files) in client.prefetch() {
            for file in *files {
                assert!(client.get(&format!("{file}.wasm")).is_some_and(|asset| !asset.eager), "{function}: {file}");
            }
        }
    }
}
