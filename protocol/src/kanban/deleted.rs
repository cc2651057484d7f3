//! Cards that were deleted and can still be had back.

use serde::{Deserialize, Serialize};

use super::CardState;
use crate::CardId;

/// Deleted cards that a list shows at once.
pub const DELETED_PAGE: u32 = 30;

/// A card that was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedCard {
    /// Its id.
    pub id: CardId,
    /// Its number.
    pub number: i64,
    /// Its title.
    pub title: String,
    /// Where it was before; `archived` for one that was deleted before that was written down.
    pub state: CardState,
    /// When it was deleted, Unix ms.
    pub deleted_at: i64,
    /// After so many days it is gone for good.
    pub days_left: u32,
}

/// The last card of a page. It is named by what it was, because it may be restored while the list is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedCursor {
    /// When it was deleted, Unix ms.
    pub deleted_at: i64,
    /// Its id.
    pub id: CardId,
}

/// Some of a board's deleted cards, newest deletion first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedPage {
    /// Cards.
    pub cards: Vec<DeletedCard>,
    /// Where the next page begins, if there is one.
    pub next: Option<DeletedCursor>,
}
