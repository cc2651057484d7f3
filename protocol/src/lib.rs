//! The wire contract between the core, the server, the command line and the browser.
//!
//! Ids, closed enums, `*Params` and the view types a screen needs. Only `serde` and `uuid`: everything here
//! compiles for the browser. No logic beyond parsing and naming, no I/O, no errors that know a library.

mod accounts;
mod decisions;
mod error;
mod ids;
mod kanban;
mod push;
mod settings;
mod stream;

pub use accounts::*;
pub use decisions::*;
pub use error::*;
pub use ids::*;
pub use kanban::*;
pub use push::*;
pub use settings::*;
pub use stream::*;
