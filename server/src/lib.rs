//! The web server: routes, sessions, who may ask, the live stream, and the files of the browser client.
//!
//! It translates between HTTP and the core and decides nothing about cards. It must never hold SQL.

// The type of a page is as deep as the page.
#![recursion_limit = "512"]

mod assets;
mod attachments;
mod guard;
mod headers;
mod idempotency;
mod pwa;
mod reply;
mod router;
mod serve;
mod session;
mod sse;
mod tailnet;

pub use guard::is_public;
pub use headers::MAX_BODY_BYTES;
pub use router::{AppState, Method, ROUTES, RouteSpec, page_paths, router};
pub use serve::{ServeError, ServeOptions, running_at, serve};
pub use session::{COOKIE, SECURE_COOKIE, Sessions, with_sessions};
