//! What callers ask for.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{AttachmentView, BoardSummary, CardState, CommentView, LineAnchor, TaskCard, WorkspaceKind};
use crate::{BoardId, CardId, UndoId};

/// How a caller names a card: by id, or by number (`T-142` or `142`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CardRef {
    /// By id.
    Id(CardId),
    /// By number.
    Number(i64),
}

impl FromStr for CardRef {
    type Err = crate::ParseIdError;
    fn from_str(text: &str) -> Result<Self, crate::ParseIdError> {
        let text = text.trim();
        let digits = text.strip_prefix("T-").or_else(|| text.strip_prefix("t-")).unwrap_or(text);
        match digits.parse::<i64>() {
            Ok(number) if number > 0 => Ok(Self::Number(number)),
            _ => text.parse().map(Self::Id),
        }
    }
}

/// A state as people and older programs write it: what callers ask for is read so, what the database holds is not.
fn state<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<CardState, D::Error> {
    struct Word;

    impl serde::de::Visitor<'_> for Word {
        type Value = CardState;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a string")
        }

        // Here and not afterwards, so that the refusal is of this very word.
        fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<CardState, E> {
            CardState::parse_input(word).map_err(E::custom)
        }
    }

    deserializer.deserialize_str(Word)
}

/// Creates a card.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateCardParams {
    /// Board slug; empty for the default board.
    #[serde(default)]
    pub board: String,
    /// 1 to [`super::MAX_TITLE_CHARS`] characters, not blank.
    pub title: String,
    /// Markdown, at most [`super::MAX_TEXT_BYTES`].
    #[serde(default)]
    pub body: String,
    /// Profile; `None` for the board's default.
    #[serde(default)]
    pub assignee: Option<String>,
    /// Higher first.
    #[serde(default)]
    pub priority: i32,
    /// Starts in triage instead of ready or todo.
    #[serde(default)]
    pub triage: bool,
    /// Starts blocked, which opens a decision.
    #[serde(default)]
    pub blocked: bool,
    /// Parents that must be finished first.
    #[serde(default)]
    pub parents: Vec<CardRef>,
    /// A later time to become ready, Unix ms.
    #[serde(default)]
    pub scheduled_at: Option<i64>,
    /// The same key on the same board returns the card made first.
    #[serde(default)]
    pub idempotency_key: Option<String>,
    /// Where its worker works; a directory or a repository needs a path, or the board's default.
    #[serde(default)]
    pub workspace: WorkspaceKind,
    /// Absolute path of the directory, or of the repository a worktree is made from.
    #[serde(default)]
    pub workspace_path: Option<String>,
    /// The branch of a worktree card; `None` names one after the card.
    #[serde(default)]
    pub branch: Option<String>,
    /// Others may work in its directory at the same time.
    #[serde(default)]
    pub shared_dir: bool,
    /// Labels.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Whose work it is, where one board serves several.
    #[serde(default)]
    pub tenant: Option<String>,
    /// Names of skills its worker loads.
    #[serde(default)]
    pub skills: Vec<String>,
    /// The model to use instead of the profile's.
    #[serde(default)]
    pub model: Option<String>,
    /// When it should be finished, Unix ms.
    #[serde(default)]
    pub due_at: Option<i64>,
    /// When it comes again after it was finished: `every 2h` or five cron fields.
    #[serde(default)]
    pub repeat: Option<String>,
    /// Failures in a row before a person is asked.
    #[serde(default)]
    pub max_attempts: Option<u32>,
    /// Longest run in seconds.
    #[serde(default)]
    pub max_runtime_s: Option<u32>,
    /// Tokens all its runs may use together.
    #[serde(default)]
    pub max_tokens: Option<i64>,
    /// What all its runs may cost together, in millionths of a dollar.
    #[serde(default)]
    pub max_cost_micros: Option<i64>,
}

/// Changes what a card says. `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditCardParams {
    /// Card.
    pub id: CardId,
    /// The revision the editor saw.
    pub revision: i64,
    /// New title.
    #[serde(default)]
    pub title: Option<String>,
    /// New body.
    #[serde(default)]
    pub body: Option<String>,
    /// New priority.
    #[serde(default)]
    pub priority: Option<i32>,
    /// New assignee; `Some("")` clears it.
    #[serde(default)]
    pub assignee: Option<String>,
    /// All labels it shall have.
    #[serde(default)]
    pub labels: Option<Vec<String>>,
    /// New tenant; `Some("")` clears it.
    #[serde(default)]
    pub tenant: Option<String>,
    /// All skills it shall have.
    #[serde(default)]
    pub skills: Option<Vec<String>>,
    /// New model; `Some("")` goes back to the profile's.
    #[serde(default)]
    pub model: Option<String>,
    /// When it should be finished; `Some(0)` clears it.
    #[serde(default)]
    pub due_at: Option<i64>,
    /// When it comes again; `Some("")` clears it.
    #[serde(default)]
    pub repeat: Option<String>,
    /// Failures in a row; `Some(0)` goes back to the machine's limit. So with the three that follow.
    #[serde(default)]
    pub max_attempts: Option<u32>,
    /// Longest run in seconds.
    #[serde(default)]
    pub max_runtime_s: Option<u32>,
    /// Tokens of all runs together.
    #[serde(default)]
    pub max_tokens: Option<i64>,
    /// Cost of all runs together, in millionths of a dollar.
    #[serde(default)]
    pub max_cost_micros: Option<i64>,
    /// Where its worker works. So with the two that follow, as long as it does not run and nothing was made for it.
    #[serde(default)]
    pub workspace: Option<WorkspaceKind>,
    /// Absolute path of the directory, or of the repository; `Some("")` for the board's.
    #[serde(default)]
    pub workspace_path: Option<String>,
    /// The branch of a worktree; `Some("")` for one named after the card.
    #[serde(default)]
    pub branch: Option<String>,
    /// Whether others may work in its directory at the same time.
    #[serde(default)]
    pub shared_dir: Option<bool>,
}

impl EditCardParams {
    /// An edit of that revision which changes nothing yet.
    #[must_use]
    pub fn of(id: CardId, revision: i64) -> Self {
        Self {
            id,
            revision,
            title: None,
            body: None,
            priority: None,
            assignee: None,
            labels: None,
            tenant: None,
            skills: None,
            model: None,
            due_at: None,
            repeat: None,
            max_attempts: None,
            max_runtime_s: None,
            max_tokens: None,
            max_cost_micros: None,
            workspace: None,
            workspace_path: None,
            branch: None,
            shared_dir: None,
        }
    }
}

/// Moves a card to another column or place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveCardParams {
    /// Card.
    pub id: CardId,
    /// The revision the mover saw; `None` moves whatever is there.
    #[serde(default)]
    pub revision: Option<i64>,
    /// Target column; the present one only reorders.
    #[serde(deserialize_with = "state")]
    pub to: CardState,
    /// Place the card right after this one; `None` with `before: None` uses the column's usual place.
    #[serde(default)]
    pub after: Option<CardId>,
    /// Place the card right before this one.
    #[serde(default)]
    pub before: Option<CardId>,
}

/// Adds a comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddCommentParams {
    /// Card.
    pub id: CardId,
    /// Markdown, not blank, at most [`super::MAX_TEXT_BYTES`].
    pub body: String,
    /// The line of the card's diff it speaks of.
    #[serde(default)]
    pub anchor: Option<LineAnchor>,
}

/// Asks for more cards of a column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnPageParams {
    /// Board.
    pub board_id: BoardId,
    /// Column.
    #[serde(deserialize_with = "state")]
    pub state: CardState,
    /// What is shown and in which order, as the query of the board's address ([`super::BoardView`]).
    #[serde(default)]
    pub view: String,
    /// The last card already there.
    pub after: Option<CardId>,
}

/// Changes many cards at once. Each is changed or refused by itself; all of it is taken back together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkParams {
    /// Cards, at most [`super::MAX_BULK`].
    pub cards: Vec<CardId>,
    /// What to do with each.
    pub change: BulkChange,
}

/// One change to many cards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BulkChange {
    /// Move to a column; the cards keep their order among themselves.
    Move {
        /// Column.
        #[serde(deserialize_with = "state")]
        to: CardState,
        /// Right after this card.
        after: Option<CardId>,
        /// Right before this card.
        before: Option<CardId>,
    },
    /// Give to a profile; empty for the board's default.
    Assign(String),
    /// Set the priority.
    Priority(i32),
    /// Add a label.
    AddLabel(String),
    /// Remove a label.
    RemoveLabel(String),
    /// Start at a time, Unix ms.
    Schedule(i64),
    /// Delete softly.
    Delete,
}

/// What became of a change to many cards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkResult {
    /// Cards as they are now.
    pub changed: Vec<TaskCard>,
    /// Cards that stayed as they were.
    pub refused: Vec<BulkRefusal>,
    /// Takes all of it back.
    pub undo: Option<UndoId>,
}

/// A card that a change did not reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkRefusal {
    /// Card.
    pub id: CardId,
    /// Its number, when it exists.
    pub number: Option<i64>,
    /// Why, in a sentence.
    pub reason: String,
}

/// What a comment became, and how to take it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentAdded {
    /// The comment.
    pub comment: CommentView,
    /// Present for 10 minutes after a person's comment.
    pub undo: Option<UndoId>,
}

/// A file that was added or taken away, and how to take that back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachmentWritten {
    /// The file.
    pub attachment: AttachmentView,
    /// Present for 10 minutes after a person's write.
    pub undo: Option<UndoId>,
}

/// How to take a link, or its removal, back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkWritten {
    /// Present for 10 minutes after a person's write.
    pub undo: Option<UndoId>,
}

/// What taking a write back led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoResult {
    /// The cards as they are now; deleted ones are not among them.
    pub cards: Vec<TaskCard>,
    /// Cards that are gone again.
    pub removed: Vec<CardId>,
    /// Boards that are as before again, or whose views or templates are.
    #[serde(default)]
    pub boards: Vec<BoardSummary>,
    /// What could not be taken back, because the card has moved on.
    pub refused: Vec<BulkRefusal>,
    /// Does it again.
    pub redo: Option<UndoId>,
}

/// What a write returns: the card as it is now, and how to take the write back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardWritten {
    /// The card after the write.
    pub card: TaskCard,
    /// Present for 10 minutes after a person's write.
    pub undo: Option<UndoId>,
}

/// What letting a card start led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promoted {
    /// The card as it is now, and how to take it back.
    #[serde(flatten)]
    pub written: CardWritten,
    /// Where it went, or would go.
    pub to: CardState,
    /// Numbers of the cards it does not wait for any longer.
    pub unlinked: Vec<i64>,
    /// Nothing was written.
    pub dry_run: bool,
}

#[cfg(test)]
mod tests {
    use super::{BulkChange, CardState, MoveCardParams};

    #[test]
    fn callers_may_use_the_words_of_older_programs() {
        for (word, state) in
            [("in_progress", CardState::Running), ("in-progress", CardState::Running), ("Done", CardState::Done)]
        {
            let id = "018f0000-0000-7000-8000-000000000001";
            let json = format!("{{\"id\":\"{id}\",\"to\":\"{word}\"}}");
            assert_eq!(serde_json::from_str::<MoveCardParams>(&json).unwrap().to, state);
            let json = format!("{{\"move\":{{\"to\":\"{word}\",\"after\":null,\"before\":null}}}}");
            let change: BulkChange = serde_json::from_str(&json).unwrap();
            assert_eq!(change, BulkChange::Move { to: state, after: None, before: None });
        }
        let error =
            serde_json::from_str::<MoveCardParams>("{\"id\":\"018f0000-0000-7000-8000-000000000001\",\"to\":\"x\"}");
        assert!(error.unwrap_err().to_string().contains("is not one of triage"));
    }
}
