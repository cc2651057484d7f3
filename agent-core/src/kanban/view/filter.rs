//! A view of a board as SQL. Values are bound, never written into the statement.

use protocol::{BoardId, BoardView, CardId, CardRef, CardSort, CardState, WaitKind};
use sqlx::sqlite::Sqlite;
use sqlx::{QueryBuilder, Row, SqliteConnection};

use super::faces::{Face, face_columns, face_from};
use crate::kanban::KanbanError;
use crate::kanban::claim::dir_is_free;

/// Of the cards that contain some words, the newest that are looked at further: common words are in every card.
const MAX_TEXT_MATCHES: i64 = 5_000;
const CURSOR: &str = "SELECT rank, priority, created_at, updated_at, number FROM kanban_card
    WHERE id = ?1 AND board_id = ?2 AND state = ?3 AND deleted_at IS NULL";

/// Cards of one column, in the view's order.
#[derive(Clone, Copy)]
pub(super) struct Column<'a> {
    pub(super) board: BoardId,
    pub(super) state: CardState,
    pub(super) view: &'a BoardView,
    pub(super) now: i64,
}

impl Column<'_> {
    /// At most `limit` cards, after `after` when it is still in the column.
    pub(super) async fn faces(
        self,
        db: &mut SqliteConnection,
        after: Option<CardId>,
        limit: u32,
    ) -> Result<Vec<Face>, KanbanError> {
        let mut query = QueryBuilder::new(concat!("SELECT ", face_columns!(), face_from!()));
        self.push_where(&mut query);
        if let Some(after) = after {
            self.push_cursor(db, &mut query, after).await?;
        }
        query.push(match self.view.sort {
            CardSort::Manual => " ORDER BY c.rank, c.id",
            CardSort::Priority => " ORDER BY c.priority DESC, c.created_at, c.id",
            CardSort::Created => " ORDER BY c.number DESC",
            CardSort::Updated => " ORDER BY c.updated_at DESC, c.id",
        });
        query.push(" LIMIT ").push_bind(limit);
        Ok(query.build_query_as().fetch_all(db).await?)
    }

    /// How many there are, counted no further than `limit`.
    pub(super) async fn count(self, db: &mut SqliteConnection, limit: i64) -> Result<i64, KanbanError> {
        let mut query = QueryBuilder::new("SELECT count(*) FROM (SELECT 1 FROM kanban_card c ");
        self.push_where(&mut query);
        query.push(" LIMIT ").push_bind(limit).push(")");
        Ok(query.build_query_scalar().fetch_one(db).await?)
    }

    fn push_where(self, query: &mut QueryBuilder<Sqlite>) {
        query.push(" WHERE c.board_id = ").push_bind(self.board.0);
        query.push(" AND c.state = ").push_bind(self.state.as_str());
        query.push(" AND c.deleted_at IS NULL");
        push_filter(query, self.board, self.view, self.now);
    }

    async fn push_cursor(
        self,
        db: &mut SqliteConnection,
        query: &mut QueryBuilder<Sqlite>,
        after: CardId,
    ) -> Result<(), KanbanError> {
        let statement = sqlx::query(CURSOR).bind(after.0).bind(self.board.0).bind(self.state.as_str());
        // It has left the column meanwhile: from the start, the reader knows what it has already.
        let Some(row) = statement.fetch_optional(db).await? else { return Ok(()) };
        let id = after.0;
        match self.view.sort {
            CardSort::Manual => {
                query.push(" AND (c.rank, c.id) > (").push_bind(row.try_get::<String, _>("rank")?);
                query.push(", ").push_bind(id).push(")");
            }
            CardSort::Priority => {
                // Highest first, so the row value has the negative: one comparison serves all three columns.
                query.push(" AND (-c.priority, c.created_at, c.id) > (");
                query.push_bind(-row.try_get::<i64, _>("priority")?).push(", ");
                query.push_bind(row.try_get::<i64, _>("created_at")?).push(", ").push_bind(id).push(")");
            }
            CardSort::Created => {
                query.push(" AND c.number < ").push_bind(row.try_get::<i64, _>("number")?);
            }
            CardSort::Updated => {
                let at: i64 = row.try_get("updated_at")?;
                query.push(" AND (c.updated_at < ").push_bind(at).push(" OR (c.updated_at = ").push_bind(at);
                query.push(" AND c.id > ").push_bind(id).push("))");
            }
        }
        Ok(())
    }
}

fn push_filter(query: &mut QueryBuilder<Sqlite>, board: BoardId, view: &BoardView, now: i64) {
    push_text(query, view.text.trim());
    if !view.assignees.is_empty() {
        query.push(" AND (c.assignee IN (");
        let mut names = query.separated(", ");
        for name in &view.assignees {
            names.push_bind(name.to_lowercase());
        }
        query.push(if view.assignees.iter().any(String::is_empty) { ") OR c.assignee IS NULL)" } else { "))" });
    }
    for label in &view.labels {
        query.push(" AND c.id IN (SELECT l.card_id FROM kanban_card_label l WHERE l.board_id = ").push_bind(board.0);
        query.push(" AND l.label = ").push_bind(label.clone()).push(")");
    }
    if let Some(tenant) = &view.tenant {
        query.push(" AND c.tenant = ").push_bind(tenant.clone());
    }
    if let Some(priority) = view.priority {
        query.push(" AND c.priority >= ").push_bind(priority);
    }
    if view.needs_me {
        query.push(" AND c.open_decision_id IS NOT NULL");
    }
    if view.failing {
        query.push(" AND c.failures > 0");
    }
    if let Some(parent) = view.parent {
        query.push(
            " AND c.id IN (SELECT l.child_id FROM kanban_link l JOIN kanban_card p ON p.id = l.parent_id WHERE p.number = ",
        );
        query.push_bind(parent).push(")");
    }
    match view.wait {
        None => {}
        Some(WaitKind::Parents) => {
            query.push(" AND c.state = 'todo'");
        }
        Some(WaitKind::Time) => {
            query.push(" AND c.state = 'scheduled'");
        }
        Some(WaitKind::Person) => {
            query.push(" AND c.state IN ('review', 'blocked')");
        }
        Some(WaitKind::BackingOff) => {
            query.push(" AND c.state = 'ready' AND c.backoff_until > ").push_bind(now);
        }
    }
}

fn push_text(query: &mut QueryBuilder<Sqlite>, text: &str) {
    if text.is_empty() {
        return;
    }
    let number = text.trim_start_matches('#');
    if let Ok(CardRef::Number(number)) = number.parse::<CardRef>() {
        query.push(" AND c.number = ").push_bind(number);
        return;
    }
    query.push(" AND (");
    push_words(query, text);
    query.push(")");
}

/// Cards that contain the words. The tokenizer knows words by their spaces; where a script has none, titles are
/// looked through, too.
pub(super) fn push_words(query: &mut QueryBuilder<Sqlite>, text: &str) {
    query.push("c.number IN (SELECT rowid FROM kanban_search WHERE kanban_search MATCH ");
    query.push_bind(match_words(text)).push(" ORDER BY rowid DESC LIMIT ").push_bind(MAX_TEXT_MATCHES).push(")");
    if text.chars().any(|c| !c.is_ascii() && !c.is_lowercase() && !c.is_uppercase()) {
        query.push(" OR instr(c.title, ").push_bind(text.to_owned()).push(") > 0");
    }
}

/// The words as FTS5 wants them: each a quoted string, so that nothing in it is an operator, and the beginning of a
/// word is enough (<https://sqlite.org/fts5.html#full_text_query_syntax>).
fn match_words(text: &str) -> String {
    let words: Vec<String> = text
        .split_whitespace()
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .take(16)
        .map(|word| format!("\"{}\"*", word.replace('"', "\"\"").replace('\0', " ")))
        .collect();
    if words.is_empty() { "\"\"".to_owned() } else { words.join(" ") }
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[CURSOR];

#[cfg(test)]
mod tests {
    use super::match_words;

    #[test]
    fn operators_are_words() {
        assert_eq!(match_words("fix NOT login*"), "\"fix\"* \"NOT\"* \"login*\"*");
        assert_eq!(match_words("a\"b) OR (c"), "\"a\"\"b)\"* \"OR\"* \"(c\"*");
        assert_eq!(match_words(" -- ! "), "\"\"");
    }
}
