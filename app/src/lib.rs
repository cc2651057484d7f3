//! The Leptos app: shell, router and features.
use leptos::prelude::*;
use leptos_router::{
    Lazy, LazyRoute, components::{Route, Router, Routes}, lazy_route, path,
};

/// The root component.
#[component]
pub fn App() -> impl IntoView {
    view! {
        <Router>
            <Routes fallback=|| "Not found">
                <Route path=path!("/") view=|| view! { <p>"home"</p> <a href="/settings">"settings"</a> } />
                <Route path=path!("/settings") view={Lazy::<SettingsPage>::new()} />
            </Routes>
        </Router>
    }
}

/// A lazily loaded route.
#[derive(Debug, Clone)]
pub struct SettingsPage;

#[lazy_route]
impl LazyRoute for SettingsPage {
    fn data() -> Self {
        Self
    }
    fn view(_this: Self) -> AnyView {
        view! { <p>"settings"</p> }.into_any()
    }
}

/// Names of the client's files, which only the server knows. In the browser it is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientFiles {
    /// The directory below `/pkg/`; empty when the server was built without a client.
    pub hash: String,
    /// Files to fetch early, relative to that directory.
    pub eager: Vec<String>,
}

/// The whole document.
pub fn shell(_options: LeptosOptions, files: ClientFiles) -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html lang="en" data-build=files.hash>
            <head><meta charset="utf-8" /></head>
            <body><App /></body>
        </html>
    }
}
