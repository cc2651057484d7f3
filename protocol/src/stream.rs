//! The live stream: what changed since a sequence number.

use serde::{Deserialize, Serialize};

use crate::{BoardId, CardId, CardState, RunEventView, RunId, Slots, TaskCard};

/// Cards of one board that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardDelta {
    /// Board.
    pub board_id: BoardId,
    /// Last event this delta contains; the next one starts after it.
    pub seq: i64,
    /// Cards as they are now.
    pub cards: Vec<TaskCard>,
    /// Cards that are no longer on the board.
    pub removed: Vec<CardId>,
    /// Cards per column, all columns.
    pub totals: Vec<(CardState, i64)>,
    /// Slots.
    pub slots: Slots,
}

/// New activity of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunDelta {
    /// Run.
    pub run_id: RunId,
    /// Card.
    pub card_id: CardId,
    /// New entries, in order.
    pub events: Vec<RunEventView>,
}

/// One message of the stream at `/stream`. Externally tagged, as is everything the browser reads: telling variants
/// apart by a field inside them makes serde buffer, which costs tens of kilobytes of client.
///
/// The name of the server-sent event is the variant in snake case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamMessage {
    /// The stream is up; carries the sequence number it starts after.
    Hello {
        /// Sequence number.
        seq: i64,
        /// Open decisions.
        inbox: i64,
        /// Hash of the client this server serves; another one means "new version ready".
        build: String,
    },
    /// Cards changed.
    Board(BoardDelta),
    /// The watched card changed: read it again.
    Card {
        /// Card.
        card_id: CardId,
        /// Sequence number.
        seq: i64,
    },
    /// A watched run did something.
    Run(RunDelta),
    /// The number of open decisions changed, or one of them was settled.
    Inbox {
        /// Open decisions.
        inbox: i64,
        /// Sequence number.
        seq: i64,
    },
    /// Too much was missed to send it piece by piece: read the page again.
    Snapshot {
        /// Sequence number.
        seq: i64,
    },
    /// Nothing happened; sent every 15 s so that silence means a dead connection.
    Ping {
        /// Sequence number.
        seq: i64,
    },
}
