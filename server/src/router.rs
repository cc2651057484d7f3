//! All routes, in one table that tests walk.

use std::sync::{Arc, PoisonError, RwLock};

use agent_core::Core;
use app::ClientFiles;
use axum::Router;
use axum::body::Body;
use axum::extract::{FromRef, Request, State};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use http::StatusCode;
use leptos::WasmSplitManifest;
use leptos::prelude::{ArcStoredValue, LeptosOptions, provide_context};
use leptos_axum::{AxumRouteListing, LeptosRoutes, generate_route_list};
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;

use crate::guard::SignedIn;
use crate::idempotency::{self, UnderWay};
use crate::session::SessionLayers;
use crate::sse::Streams;
use crate::{assets, attachments, guard, headers, pwa, reply, session, sse};

/// The client's module that loads the code of lazy routes.
const SPLIT_LOADER: &str = "__wasm_split.js";

/// What handlers share. Clones are cheap.
#[derive(Debug, Clone)]
pub struct AppState {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    core: Core,
    files: ClientFiles,
    options: LeptosOptions,
    sessions: SessionLayers,
    streams: Streams,
    under_way: UnderWay,
    stop: CancellationToken,
    own_hosts: RwLock<Arc<Vec<String>>>,
}

impl AppState {
    /// `stop` ends the live streams, which would otherwise keep a server from shutting down.
    #[must_use]
    pub fn new(core: Core, stop: CancellationToken) -> Self {
        let files = assets::client().map_or_else(ClientFiles::default, |client| ClientFiles {
            hash: client.hash.to_owned(),
            eager: client.eager().map(|asset| asset.name.to_owned()).collect(),
        });
        let sessions = SessionLayers::new(&core);
        let options = LeptosOptions::builder().output_name("hermes").build();
        Self {
            inner: Arc::new(Inner {
                core,
                files,
                options,
                sessions,
                streams: Streams::default(),
                under_way: UnderWay::default(),
                stop,
                own_hosts: RwLock::default(),
            }),
        }
    }

    /// The core.
    #[must_use]
    pub fn core(&self) -> &Core {
        &self.inner.core
    }

    pub(crate) fn sessions(&self) -> &SessionLayers {
        &self.inner.sessions
    }

    pub(crate) fn streams(&self) -> &Streams {
        &self.inner.streams
    }

    pub(crate) fn under_way(&self) -> &UnderWay {
        &self.inner.under_way
    }

    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.inner.stop
    }

    /// Answers to one more host name: the address this server listens on, or the machine's name in its tailnet.
    pub fn answer_to(&self, host: &str) {
        let Some(host) = guard::host_name(host) else { return };
        let mut own = self.inner.own_hosts.write().unwrap_or_else(PoisonError::into_inner);
        if !own.contains(&host) {
            Arc::make_mut(&mut own).push(host);
        }
    }

    pub(crate) fn own_hosts(&self) -> Arc<Vec<String>> {
        Arc::clone(&self.inner.own_hosts.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The hash of the client; empty when the server was built without one.
    pub(crate) fn build(&self) -> &str {
        &self.inner.files.hash
    }
}

impl FromRef<AppState> for LeptosOptions {
    fn from_ref(state: &AppState) -> Self {
        state.inner.options.clone()
    }
}

/// A method a route answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET, and HEAD with it.
    Get,
    /// POST.
    Post,
    /// Whatever the server function at that address asks for.
    Any,
}

/// One route of the server's own; pages are listed by [`page_paths`].
#[derive(Debug, Clone, Copy)]
pub struct RouteSpec {
    /// As axum writes it.
    pub path: &'static str,
    /// Its method.
    pub method: Method,
    /// Whether it answers without a session.
    pub public: bool,
    target: Target,
}

#[derive(Debug, Clone, Copy)]
enum Target {
    Healthz,
    Worker,
    Manifest,
    OfflinePage,
    OfflineScript,
    OfflineStyle,
    Icon,
    FaviconSvg,
    FaviconIco,
    ClientFile,
    Stream,
    Attachment,
    Upload,
    RunLog,
    UnknownFn,
}

const fn public(path: &'static str, target: Target) -> RouteSpec {
    RouteSpec { path, method: Method::Get, public: true, target }
}

/// Every route that is not a page or a server function.
pub const ROUTES: &[RouteSpec] = &[
    public("/healthz", Target::Healthz),
    public("/sw.js", Target::Worker),
    public("/manifest.webmanifest", Target::Manifest),
    public("/offline", Target::OfflinePage),
    public("/offline.html", Target::OfflinePage),
    public("/offline.js", Target::OfflineScript),
    public("/offline.css", Target::OfflineStyle),
    public("/icons/{name}", Target::Icon),
    public("/favicon.svg", Target::FaviconSvg),
    public("/favicon.ico", Target::FaviconIco),
    public("/pkg/{hash}/{file}", Target::ClientFile),
    RouteSpec { path: "/stream", method: Method::Get, public: false, target: Target::Stream },
    RouteSpec { path: "/attachments/{id}", method: Method::Get, public: false, target: Target::Attachment },
    RouteSpec { path: attachments::UPLOAD_PATH, method: Method::Post, public: false, target: Target::Upload },
    RouteSpec { path: "/runs/{id}/log", method: Method::Get, public: false, target: Target::RunLog },
    RouteSpec { path: "/api/{*fn}", method: Method::Any, public: false, target: Target::UnknownFn },
];

fn mount(router: Router<AppState>, route: &RouteSpec) -> Router<AppState> {
    let handler = match route.target {
        Target::Healthz => get(healthz),
        Target::Worker => get(pwa::worker),
        Target::Manifest => get(pwa::manifest),
        Target::OfflinePage => get(pwa::offline_page),
        Target::OfflineScript => get(pwa::offline_script),
        Target::OfflineStyle => get(pwa::offline_style),
        Target::Icon => get(pwa::icon),
        Target::FaviconSvg => get(pwa::favicon_svg),
        Target::FaviconIco => get(pwa::favicon_ico),
        Target::ClientFile => get(pwa::client_file),
        Target::Stream => get(sse::stream),
        Target::Attachment => get(attachments::read),
        Target::Upload => post(attachments::upload),
        Target::RunLog => get(attachments::run_log),
        Target::UnknownFn => any(unknown_fn),
    };
    router.route(route.path, handler)
}

fn pages() -> Vec<AxumRouteListing> {
    generate_route_list(app::App)
}

/// The paths of all pages, as axum writes them.
#[must_use]
pub fn page_paths() -> Vec<String> {
    pages().iter().map(|page| page.path().to_owned()).collect()
}

/// What lazy routes need, so that a page that starts at one preloads it.
fn lazy_files() -> Option<WasmSplitManifest> {
    let client = assets::client()?;
    client.get(SPLIT_LOADER)?;
    let owned = |files: &[&str]| files.iter().map(|file| (*file).to_owned()).collect();
    let files = client.prefetch().iter().map(|(function, files)| ((*function).to_owned(), owned(files))).collect();
    Some(WasmSplitManifest(ArcStoredValue::new((format!("/pkg/{}", client.hash), files, SPLIT_LOADER.to_owned()))))
}

/// The whole server, ready to be served with connection information.
pub fn router(state: AppState) -> Router {
    let context = {
        let state = state.clone();
        let lazy = lazy_files();
        move || {
            if let Some(lazy) = &lazy {
                provide_context(lazy.clone());
            }
            provide_context(state.inner.core.clone());
            provide_context(state.inner.files.clone());
        }
    };
    let shell = {
        let state = state.clone();
        move || {
            headers::set_page_policy();
            app::shell(state.inner.files.clone())
        }
    };
    let not_found = leptos_axum::render_app_async_with_context(context.clone(), shell.clone());
    let fallback = move |request: Request| missing(request, not_found.clone());
    ROUTES
        .iter()
        .fold(Router::new(), mount)
        // Registers the server functions too, with the same context.
        .leptos_routes_with_context(&state, pages(), context, shell)
        .method_not_allowed_fallback(reply::method_not_allowed)
        .fallback(fallback)
        .layer(from_fn(reply::refusal_status))
        .layer(from_fn_with_state(state.clone(), idempotency::once))
        .layer(from_fn(headers::limit_body))
        .layer(from_fn_with_state(state.clone(), guard::require_user))
        .layer(from_fn_with_state(state.clone(), session::attach))
        .layer(from_fn(headers::limit_time))
        .layer(from_fn_with_state(state.clone(), guard::check_origin))
        // Leaves alone what is compressed already, images, and the stream.
        .layer(CompressionLayer::new())
        .layer(from_fn(headers::add))
        .with_state(state)
}

/// Says that the server answers and can read its database, and its version; no more, because everybody may ask.
async fn healthz(State(state): State<AppState>) -> Response {
    match agent_core::kanban::last_seq(state.core()).await {
        Ok(_) => (StatusCode::OK, concat!("ok ", env!("CARGO_PKG_VERSION"), "\n")).into_response(),
        Err(error) => {
            tracing::error!(%error, "the health check cannot read the database");
            (StatusCode::SERVICE_UNAVAILABLE, "the database cannot be read\n").into_response()
        }
    }
}

async fn unknown_fn() -> Response {
    reply::not_found()
}

/// The app's own "not found" page for people who are signed in, a sentence for everybody else.
async fn missing<H, F>(request: Request, render: H) -> Response
where
    H: Fn(Request<Body>) -> F,
    F: Future<Output = Response>,
{
    let is_get = matches!(*request.method(), http::Method::GET | http::Method::HEAD);
    if !is_get || request.extensions().get::<SignedIn>().is_none() {
        return reply::not_found();
    }
    let mut response = render(request).await;
    if response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}
