//! A view of a board as SQL. Values are bound, never written into the statement.

use std::collections::HashMap;

use protocol::{BoardId, BoardView, CardId, CardRef, CardSort, CardState, WaitKind};
use sqlx::sqlite::Sqlite;
use sqlx::{QueryBuilder, Row, SqliteConnection};

use super::faces::{Face, face_columns, face_from};
use crate::kanban::KanbanError;
use crate::kanban::claim::dir_is_free;
use crate::kanban::readiness::LONGEST_PAUSE_MS;

/// Of the cards that contain some words, the newest that are looked at further: common words are in every card.
const MAX_TEXT_MATCHES: i64 = 5_000;
const CURSOR: &str = "SELECT rank, priority, created_at, updated_at, number FROM kanban_card
    WHERE id = ?1 AND board_id = ?2 AND state = ?3 AND deleted_at IS NULL";

/// When so few cards can match, they are looked up one by one; else columns are walked in their order, which finds the
/// first page soon because many match.
const FEW: usize = 5_000;
const WITH_WORDS: &str = "SELECT rowid FROM kanban_search WHERE kanban_search MATCH ?1 ORDER BY rowid DESC LIMIT ?2";
const CARDS_WITH_LABEL: &str = "SELECT cards FROM kanban_label_count WHERE board_id = ?1 AND label = ?2";
// A row for each column: a row for each card would cost more than finding it.
const STATES_BY_NUMBER: &str = "SELECT c.state, json_group_array(hex(c.id)), count(*)
    FROM json_each(?1) n CROSS JOIN kanban_card c ON c.number = n.value
    WHERE c.board_id = ?2 AND c.deleted_at IS NULL GROUP BY c.state";
const STATES_BY_LABEL: &str = "SELECT c.state, json_group_array(hex(c.id)), count(*)
    FROM kanban_card_label l CROSS JOIN kanban_card c ON c.id = l.card_id
    WHERE l.board_id = ?2 AND l.label = ?1 AND c.deleted_at IS NULL GROUP BY c.state";

/// A view of a board, with what is known of it before its columns are read.
pub(super) struct Filter<'a> {
    board: BoardId,
    view: &'a BoardView,
    now: i64,
    few: Option<Few>,
}

/// The cards that can match at most.
struct Few {
    by_state: HashMap<CardState, Ids>,
    found_by: FoundBy,
    /// Nothing else is asked of them, so each of them matches.
    all_match: bool,
}

struct Ids {
    /// A JSON array of hexadecimal text.
    json: String,
    count: i64,
}

/// What all of the few have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
enum FoundBy {
    Words,
    Label(String),
}

impl<'a> Filter<'a> {
    pub(super) async fn prepare(
        db: &mut SqliteConnection,
        board: BoardId,
        view: &'a BoardView,
        now: i64,
    ) -> Result<Self, KanbanError> {
        let few = Few::find(db, board, view).await?;
        Ok(Self { board, view, now, few })
    }

    pub(super) fn is_filtered(&self) -> bool {
        self.view.is_filtered()
    }

    pub(super) fn column(&self, state: CardState) -> Column<'_> {
        Column { filter: self, state }
    }
}

impl Few {
    async fn find(db: &mut SqliteConnection, board: BoardId, view: &BoardView) -> Result<Option<Self>, KanbanError> {
        let text = view.text.trim();
        if !text.is_empty() && number_of(text).is_none() && !may_lack_spaces(text) {
            let query = sqlx::query_scalar(WITH_WORDS).bind(match_words(text));
            let numbers: Vec<i64> = query.bind(i64::try_from(FEW + 1).unwrap_or(i64::MAX)).fetch_all(&mut *db).await?;
            if numbers.len() <= FEW {
                let query = sqlx::query_as(STATES_BY_NUMBER).bind(serde_json::json!(numbers).to_string());
                return Self::of(query.bind(board.0).fetch_all(db).await?, FoundBy::Words, view).map(Some);
            }
        }
        let mut rarest: Option<(i64, &str)> = None;
        for label in &view.labels {
            let query = sqlx::query_scalar(CARDS_WITH_LABEL).bind(board.0).bind(label);
            let cards: i64 = query.fetch_optional(&mut *db).await?.unwrap_or(0);
            if rarest.is_none_or(|(fewest, _)| cards < fewest) {
                rarest = Some((cards, label));
            }
        }
        let is_few = |cards: i64| usize::try_from(cards).is_ok_and(|cards| cards <= FEW);
        let Some((_, label)) = rarest.filter(|(cards, _)| is_few(*cards)) else { return Ok(None) };
        let query = sqlx::query_as(STATES_BY_LABEL).bind(label);
        let found_by = FoundBy::Label(label.to_owned());
        Self::of(query.bind(board.0).fetch_all(db).await?, found_by, view).map(Some)
    }

    fn of(rows: Vec<(String, String, i64)>, found_by: FoundBy, view: &BoardView) -> Result<Self, KanbanError> {
        let mut by_state = HashMap::new();
        for (state, json, count) in rows {
            let state = state.parse().map_err(|error| sqlx::Error::Decode(Box::<protocol::UnknownWord>::new(error)))?;
            by_state.insert(state, Ids { json, count });
        }
        let mut further = view.clone();
        match &found_by {
            FoundBy::Words => further.text.clear(),
            FoundBy::Label(label) => further.labels.retain(|other| other != label),
        }
        Ok(Self { by_state, found_by, all_match: !further.is_filtered() })
    }
}

/// Cards of one column, in the view's order.
#[derive(Clone, Copy)]
pub(super) struct Column<'a> {
    filter: &'a Filter<'a>,
    pub(super) state: CardState,
}

impl Column<'_> {
    /// Whether no card of it can match.
    fn is_empty(self) -> bool {
        self.filter.few.as_ref().is_some_and(|few| !few.by_state.contains_key(&self.state))
    }

    /// At most `limit` cards, after `after` when it is still in the column.
    pub(super) async fn faces(
        self,
        db: &mut SqliteConnection,
        after: Option<CardId>,
        limit: u32,
    ) -> Result<Vec<Face>, KanbanError> {
        if self.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = QueryBuilder::new(concat!("SELECT ", face_columns!(), face_from!()));
        self.push_where(&mut query);
        if let Some(after) = after {
            self.push_cursor(db, &mut query, after).await?;
        }
        query.push(match self.filter.view.sort {
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
        if self.is_empty() {
            return Ok(0);
        }
        if let Some(few) = self.filter.few.as_ref().filter(|few| few.all_match) {
            return Ok(few.by_state.get(&self.state).map_or(0, |ids| ids.count.min(limit)));
        }
        let mut query = QueryBuilder::new("SELECT count(*) FROM (SELECT 1 FROM kanban_card c ");
        self.push_where(&mut query);
        query.push(" LIMIT ").push_bind(limit).push(")");
        Ok(query.build_query_scalar().fetch_one(db).await?)
    }

    fn push_where(self, query: &mut QueryBuilder<Sqlite>) {
        let Filter { board, view, few, .. } = self.filter;
        if let Some(cards) = few.as_ref().and_then(|few| few.by_state.get(&self.state)) {
            query.push(" WHERE c.id IN (SELECT unhex(value) FROM json_each(");
            query.push_bind(cards.json.clone()).push("))");
        } else {
            query.push(" WHERE c.board_id = ").push_bind(board.0);
            query.push(" AND c.state = ").push_bind(self.state.as_str());
        }
        query.push(" AND c.deleted_at IS NULL");
        if few.as_ref().is_none_or(|few| few.found_by != FoundBy::Words) {
            push_text(query, view.text.trim());
        }
        push_filter(query, self.filter);
    }

    async fn push_cursor(
        self,
        db: &mut SqliteConnection,
        query: &mut QueryBuilder<Sqlite>,
        after: CardId,
    ) -> Result<(), KanbanError> {
        let statement = sqlx::query(CURSOR).bind(after.0).bind(self.filter.board.0).bind(self.state.as_str());
        // It has left the column meanwhile: from the start, the reader knows what it has already.
        let Some(row) = statement.fetch_optional(db).await? else { return Ok(()) };
        let id = after.0;
        match self.filter.view.sort {
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

fn push_filter(query: &mut QueryBuilder<Sqlite>, filter: &Filter<'_>) {
    let Filter { board, view, now, few } = filter;
    if !view.assignees.is_empty() {
        query.push(" AND (c.assignee IN (");
        let mut names = query.separated(", ");
        for name in &view.assignees {
            names.push_bind(name.to_lowercase());
        }
        query.push(if view.assignees.iter().any(String::is_empty) { ") OR c.assignee IS NULL)" } else { "))" });
    }
    for label in &view.labels {
        if few.as_ref().is_some_and(|few| few.found_by == FoundBy::Label(label.clone())) {
            continue;
        }
        if few.is_some() {
            query.push(" AND EXISTS (SELECT 1 FROM kanban_card_label l WHERE l.card_id = c.id AND l.label = ");
        } else {
            query.push(" AND c.id IN (SELECT l.card_id FROM kanban_card_label l WHERE l.board_id = ");
            query.push_bind(board.0).push(" AND l.label = ");
        }
        query.push_bind(label.clone()).push(")");
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
            query.push(" AND c.state = 'ready' AND c.backoff_until > ").push_bind(*now);
            // As `pauses!` has it, which takes no bound values of a builder.
            query.push(" AND c.backoff_until <= ").push_bind(*now + LONGEST_PAUSE_MS);
        }
    }
}

/// `T-12`, `#12` and `12` mean a card.
fn number_of(text: &str) -> Option<i64> {
    match text.trim_start_matches('#').parse() {
        Ok(CardRef::Number(number)) => Some(number),
        _ => None,
    }
}

/// The tokenizer knows words by their spaces, which some scripts have not.
fn may_lack_spaces(text: &str) -> bool {
    text.chars().any(|c| !c.is_ascii() && !c.is_lowercase() && !c.is_uppercase())
}

fn push_text(query: &mut QueryBuilder<Sqlite>, text: &str) {
    if text.is_empty() {
        return;
    }
    if let Some(number) = number_of(text) {
        query.push(" AND c.number = ").push_bind(number);
        return;
    }
    query.push(" AND (");
    push_words(query, text);
    query.push(")");
}

/// Cards that contain the words. Where a script has no spaces, titles are looked through, too.
pub(super) fn push_words(query: &mut QueryBuilder<Sqlite>, text: &str) {
    query.push("c.number IN (SELECT rowid FROM kanban_search WHERE kanban_search MATCH ");
    query.push_bind(match_words(text)).push(" ORDER BY rowid DESC LIMIT ").push_bind(MAX_TEXT_MATCHES).push(")");
    if may_lack_spaces(text) {
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
pub(super) const ALL_SQL: &[&str] = &[CURSOR, WITH_WORDS, CARDS_WITH_LABEL, STATES_BY_NUMBER, STATES_BY_LABEL];

#[cfg(test)]
mod tests {
    use super::match_words;

    #[test]
    fn operators_are_words() {
        assert_eq!(match_words("fix NOT login*"), "\"fix\"* \"NOT\"* \"login*\"*");
        assert_eq!(match_words("a\"b) OR (c"), "\"a\"\"b)\"* \"OR\"* \"(c\"*");
        assert_eq!(match_words(" -- ! "), "\"\"");
    }

    /// Looking a few cards up and walking the columns are two ways to one answer.
    #[tokio::test]
    async fn few_and_many_find_the_same_cards() {
        use protocol::{BoardView, CardSort, CardState, CreateCardParams};
        let dir = tempfile::tempdir().unwrap();
        let core = crate::Core::open(crate::OpenOptions::new(crate::Home::at(dir.path()))).await.unwrap();
        let ada = crate::Actor::CommandLine { user: "ada".into() };
        for at in 0..30 {
            let labels = [(at % 2 == 0, "even"), (at % 3 == 0, "third")];
            let params = CreateCardParams {
                title: format!("card {at} about {}", if at % 5 == 0 { "fish" } else { "birds" }),
                labels: labels.iter().filter(|(has, _)| *has).map(|(_, label)| (*label).to_owned()).collect(),
                assignee: (at % 7 == 0).then(|| "coder".to_owned()),
                priority: at % 3,
                triage: at % 4 == 0,
                ..CreateCardParams::default()
            };
            crate::kanban::create_card(&core, &ada, params).await.unwrap();
        }
        let mut db = core.store().reader().acquire().await.unwrap();
        let board = crate::kanban::boards::find(&mut db, "", 0).await.unwrap().id;
        let words = |text: &str| BoardView { text: text.into(), ..BoardView::default() };
        let with = |labels: &[&str], text: &str| BoardView {
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            ..words(text)
        };
        let mut found = 0;
        for view in [
            words("fish"),
            words("bir card"),
            words("nothing"),
            with(&["even"], ""),
            with(&["even", "third"], "birds"),
            with(&["unknown"], ""),
            BoardView { assignees: vec!["coder".into()], priority: Some(1), ..with(&["even"], "card") },
        ] {
            for sort in [CardSort::Manual, CardSort::Priority, CardSort::Created, CardSort::Updated] {
                let view = BoardView { sort, ..view.clone() };
                let few = super::Filter::prepare(&mut db, board, &view, 0).await.unwrap();
                assert!(few.few.is_some(), "{view:?}");
                let many = super::Filter { board, view: &view, now: 0, few: None };
                for state in [CardState::Triage, CardState::Ready, CardState::Done] {
                    let mut after = None;
                    loop {
                        let one = few.column(state).faces(&mut db, after, 3).await.unwrap();
                        let other = many.column(state).faces(&mut db, after, 3).await.unwrap();
                        let numbers =
                            |faces: &[super::Face]| -> Vec<i64> { faces.iter().map(|face| face.card.number).collect() };
                        assert_eq!(numbers(&one), numbers(&other), "{view:?} {state}");
                        found += one.len();
                        match one.last() {
                            Some(last) => after = Some(last.card.id),
                            None => break,
                        }
                    }
                    let counts =
                        (few.column(state).count(&mut db, 99).await, many.column(state).count(&mut db, 99).await);
                    assert_eq!(counts.0.unwrap(), counts.1.unwrap(), "{view:?} {state}");
                }
            }
        }
        assert!(found > 200, "{found}");
    }
}
