//! The HTML document around the app: head, preloads and the first script.
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_meta::MetaTags;
use leptos_router::location::RequestUrl;

use crate::App;
use crate::i18n::t;

/// The files of the browser client this server serves.
#[derive(Debug, Clone, Default)]
pub struct ClientFiles {
    /// Names their directory, `/pkg/<hash>/`, and changes with any byte of them.
    pub hash: String,
    /// The names, relative to that directory, of what the page needs at once.
    pub eager: Vec<String>,
}

impl ClientFiles {
    fn address(&self, name: &str) -> String {
        format!("/pkg/{}/{name}", self.hash)
    }
}

/// Applies the stored theme before the first paint. It runs before anything else and must not fail.
const THEME: &str = "try{var t=localStorage.getItem('hermes.theme');if(t==='light'||t==='dark'){\
document.documentElement.dataset.theme=t;\
document.querySelectorAll('meta[name=theme-color]').forEach(function(m){\
m.removeAttribute('media');m.content=t==='dark'?'#0E0F12':'#FAFAF8'})}}catch(e){}";

/// The whole document.
pub fn shell(files: ClientFiles) -> impl IntoView {
    let preloads: Vec<_> = files.eager.iter().filter_map(|name| preload(&files, name)).collect();
    view! {
        <!DOCTYPE html>
        <html lang="en" dir="ltr" data-build=files.hash.clone()>
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content" />
                <meta name="theme-color" media="(prefers-color-scheme: light)" content="#FAFAF8" />
                <meta name="theme-color" media="(prefers-color-scheme: dark)" content="#0E0F12" />
                <meta name="color-scheme" content="light dark" />
                <script nonce=use_nonce() inner_html=THEME></script>
                <link rel="stylesheet" href=files.address("hermes.css") />
                {needs_pages().then(|| view! { <link rel="stylesheet" href=files.address("pages.css") data-pages="" /> })}
                {preloads}
                <script type="module" nonce=use_nonce() src=files.address("boot.js")></script>
                <link rel="manifest" href="/manifest.webmanifest" />
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                <link rel="icon" href="/favicon.ico" sizes="32x32" />
                <link rel="apple-touch-icon" href="/icons/180.png" />
                <meta name="mobile-web-app-capable" content="yes" />
                <meta name="apple-mobile-web-app-capable" content="yes" />
                <meta name="apple-mobile-web-app-title" content=t::shell_app() />
                <meta name="apple-mobile-web-app-status-bar-style" content="default" />
                <meta name="format-detection" content="telephone=no" />
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}

/// Whether this page needs more than the board's style sheet at once; the board fetches the rest when it is alive.
fn needs_pages() -> bool {
    use_context::<RequestUrl>().is_none_or(|url| {
        let path = url.as_ref().split(['?', '#']).next().unwrap_or_default();
        !(path == "/" || path == "/board" || path.starts_with("/board/"))
    })
}

/// The style sheet loads by its own element.
fn preload(files: &ClientFiles, name: &str) -> Option<AnyView> {
    let address = files.address(name);
    match name.rsplit_once('.')?.1 {
        "js" => Some(view! { <link rel="modulepreload" href=address /> }.into_any()),
        "wasm" => {
            Some(view! { <link rel="preload" href=address r#as="fetch" r#type="application/wasm" crossorigin="anonymous" /> }.into_any())
        }
        _ => None,
    }
}
