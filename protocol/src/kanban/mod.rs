//! Boards, cards, runs and comments.

mod ages;
mod board;
mod card;
mod deleted;
mod diff;
mod history;
mod params;
mod recovery;
mod report;
mod triage;
mod view;
mod words;

pub use ages::*;
pub use board::*;
pub use card::*;
pub use deleted::*;
pub use diff::*;
pub use history::*;
pub use params::*;
pub use recovery::*;
pub use report::*;
pub use triage::*;
pub use view::*;
pub(crate) use words::closed_enum;
pub use words::*;

/// Longest title, in characters.
pub const MAX_TITLE_CHARS: usize = 500;
/// Longest body, comment or summary, in bytes (1 MB).
pub const MAX_TEXT_BYTES: usize = 1_000_000;
/// Cards of one column that travel in one page.
pub const COLUMN_PAGE: u32 = 30;
/// Most cards of a column that one answer has, when that many are on screen.
pub const MAX_COLUMN_PAGE: u32 = 500;
/// Cards that one bulk change reaches.
pub const MAX_BULK: usize = 1000;
/// Labels of one card.
pub const MAX_LABELS: usize = 20;
/// Largest file of a card, in bytes (25 MiB, as the Python product has it).
pub const MAX_ATTACHMENT_BYTES: i64 = 25 * 1024 * 1024;
/// Files of one card.
pub const MAX_ATTACHMENTS: usize = 100;
