//! The cards around a card: what it waits for and what waits for it, two steps each way.

use std::collections::HashSet;

use protocol::{CardGraph, CardId, CardLink, CardRef, GraphColumn, GraphEdge};
use sqlx::{Row, SqliteConnection};
use uuid::Uuid;

use super::detail::link_from_row;
use crate::Core;
use crate::kanban::{KanbanError, card_row};

/// Cards of one column; with the card itself at most 24 are shown.
const PER_COLUMN: [usize; 4] = [6, 6, 6, 5];
/// Links that are read per column, unfinished cards first.
const MAX_LINKS: i64 = 200;

const BEFORE: &str = "SELECT l.parent_id, l.child_id, p.id, p.number, p.title, p.state
      FROM kanban_link l JOIN kanban_card p ON p.id = l.parent_id
     WHERE l.child_id IN (SELECT unhex(value) FROM json_each(?1)) AND p.deleted_at IS NULL
     ORDER BY p.state IN ('done', 'archived'), p.number LIMIT ?2";
const AFTER: &str = "SELECT l.parent_id, l.child_id, k.id, k.number, k.title, k.state
      FROM kanban_link l JOIN kanban_card k ON k.id = l.child_id
     WHERE l.parent_id IN (SELECT unhex(value) FROM json_each(?1)) AND k.deleted_at IS NULL
     ORDER BY k.state IN ('done', 'archived'), k.number LIMIT ?2";

/// The cards around a card.
///
/// # Errors
/// `NotFound` for an unknown card.
pub async fn card_graph(core: &Core, card: CardRef) -> Result<CardGraph, KanbanError> {
    let mut tx = core.store().reader().begin().await?;
    let row = card_row::load(&mut tx, card).await?;
    let own = CardLink { id: row.id, number: row.number, title: row.title, state: row.state };
    let mut walk = Walk { shown: HashSet::from([own.id]), edges: Vec::new() };
    let before = walk.column(&mut tx, BEFORE, -1, &[own.id], PER_COLUMN[1]).await?;
    let after = walk.column(&mut tx, AFTER, 1, &[own.id], PER_COLUMN[2]).await?;
    let first = walk.column(&mut tx, BEFORE, -2, &ids(&before), PER_COLUMN[0]).await?;
    let last = walk.column(&mut tx, AFTER, 2, &ids(&after), PER_COLUMN[3]).await?;
    tx.rollback().await?;
    let middle = GraphColumn { level: 0, cards: vec![own], more: 0 };
    let columns = [first, before, middle, after, last].into_iter().filter(|column| !column.cards.is_empty()).collect();
    let shown = walk.shown;
    let mut edges = walk.edges;
    edges.retain(|edge| shown.contains(&edge.parent) && shown.contains(&edge.child));
    Ok(CardGraph { columns, edges })
}

fn ids(column: &GraphColumn) -> Vec<CardId> {
    column.cards.iter().map(|card| card.id).collect()
}

struct Walk {
    shown: HashSet<CardId>,
    edges: Vec<GraphEdge>,
}

impl Walk {
    /// One step on from these cards. A card that is shown already keeps its place.
    async fn column(
        &mut self,
        connection: &mut SqliteConnection,
        sql: &'static str,
        level: i32,
        from: &[CardId],
        limit: usize,
    ) -> Result<GraphColumn, KanbanError> {
        let mut column = GraphColumn { level, cards: Vec::new(), more: 0 };
        if from.is_empty() {
            return Ok(column);
        }
        let list: Vec<String> = from.iter().map(|id| id.0.as_simple().to_string()).collect();
        let list = serde_json::json!(list).to_string();
        let rows = sqlx::query(sql).bind(list).bind(MAX_LINKS).fetch_all(connection).await?;
        let mut left_out: HashSet<CardId> = HashSet::new();
        for row in &rows {
            let card = link_from_row(row)?;
            let parent = CardId(row.try_get::<Uuid, _>("parent_id")?);
            let child = CardId(row.try_get::<Uuid, _>("child_id")?);
            let edge = GraphEdge { parent, child };
            if !self.edges.contains(&edge) {
                self.edges.push(edge);
            }
            if self.shown.contains(&card.id) {
                continue;
            }
            if column.cards.len() < limit {
                self.shown.insert(card.id);
                column.cards.push(card);
            } else {
                left_out.insert(card.id);
            }
        }
        column.more = u32::try_from(left_out.len()).unwrap_or(u32::MAX);
        Ok(column)
    }
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[BEFORE, AFTER];
