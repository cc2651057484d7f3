//! Setting up and signing in. A password goes from its field to the server and nowhere else.
mod frame;
mod login;
mod next;
mod password_field;
mod server_fns;
#[cfg(feature = "ssr")]
mod session;
mod setup;

pub use login::LoginPage;
pub use server_fns::*;
pub use setup::SetupPage;
