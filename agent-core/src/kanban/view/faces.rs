//! Cards as their faces show them.

use protocol::{BoardId, CardAsk, CardId, CardState, DecisionId, DecisionKind, TaskCard, WaitReason};
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row, SqliteConnection};
use uuid::Uuid;

use crate::kanban::KanbanError;
use crate::kanban::card_row::word;
use crate::kanban::claim::dir_is_free;
use crate::kanban::readiness::{Candidate, Readiness};
use crate::text;

/// What a face shows. Long texts are not among it: a card may carry megabytes.
macro_rules! face_columns {
    () => {
        concat!(
            "c.id, c.number, c.board_id, c.title, c.state, c.rank, c.priority, c.assignee, c.hold_until, c.backoff_until,
             c.scheduled_at, c.failures, c.open_decision_id, c.comment_count, c.attachment_count, c.cost_micros,
             c.max_cost_micros, c.revision, c.demo, c.state_at, c.deleted_at, c.tenant, c.due_at, c.stale,
             c.repeat IS NOT NULL AS repeats,
             c.tokens - c.tokens_before >= COALESCE(c.max_tokens, 9223372036854775807)
               OR COALESCE(c.cost_micros, 0) - c.cost_micros_before >= COALESCE(c.max_cost_micros, 9223372036854775807)
               AS over_budget,
             (SELECT group_concat(l.label, char(31) ORDER BY l.label) FROM kanban_card_label l WHERE l.card_id = c.id)
               AS labels,
             (SELECT min(p.number) FROM kanban_link l JOIN kanban_card p ON p.id = l.parent_id
               WHERE l.child_id = c.id AND p.deleted_at IS NULL) AS parent,
             CASE WHEN c.state = 'ready' THEN EXISTS (SELECT 1 FROM kanban_process p WHERE p.card_id = c.id) ELSE 0 END
               AS earlier_worker,
             CASE WHEN c.state = 'ready' AND NOT ",
            dir_is_free!(),
            " THEN COALESCE((SELECT o.number FROM kanban_card o WHERE o.state = 'running'
                              AND o.workspace_path = c.workspace_path AND o.workspace_kind = 'dir'), c.number) END
               AS busy_directory,
             d.version AS ask_version, d.kind AS ask_kind, substr(CAST(d.ask AS BLOB), 1, 1600) AS ask_text,
             d.snoozed_until AS ask_snoozed_until, r.heartbeat_at,
             CASE WHEN c.state = 'todo' THEN (SELECT max(total) || ' ' || group_concat(number, ' ') FROM (
                SELECT p.number, count(*) OVER () AS total FROM kanban_link l JOIN kanban_card p ON p.id = l.parent_id
                 WHERE l.child_id = c.id AND p.state NOT IN ('done', 'archived') AND p.deleted_at IS NULL
                 ORDER BY p.number LIMIT 3)) END AS waiting_on,
             (SELECT count(*) FROM kanban_link l WHERE l.parent_id = c.id) AS children,
             (SELECT count(*) FROM kanban_link l JOIN kanban_card k ON k.id = l.child_id
               WHERE l.parent_id = c.id AND k.state IN ('done', 'archived')) AS children_done"
        )
    };
}
macro_rules! face_from {
    () => {
        " FROM kanban_card c
          LEFT JOIN decision d ON d.id = c.open_decision_id
          LEFT JOIN kanban_run r ON r.id = c.current_run_id "
    };
}
pub(super) use {face_columns, face_from};

const BY_ID: &str =
    concat!("SELECT ", face_columns!(), face_from!(), "WHERE c.id IN (SELECT unhex(value) FROM json_each(?1))");
const UNFINISHED_PARENTS: &str =
    "SELECT p.number, count(*) OVER () FROM kanban_link l JOIN kanban_card p ON p.id = l.parent_id
     WHERE l.child_id = ?1 AND p.state NOT IN ('done', 'archived') AND p.deleted_at IS NULL
     ORDER BY p.number LIMIT 5";

/// A card row with what its face needs.
pub(super) struct Face {
    pub(super) card: TaskCard,
    pub(super) deleted: bool,
    hold_until: Option<i64>,
    backoff_until: Option<i64>,
    scheduled_at: Option<i64>,
    over_budget: bool,
    earlier_worker: bool,
    busy_directory: Option<i64>,
    demo: bool,
    /// How many unfinished parents a card in `todo` has, then the numbers of the first three.
    waiting_on: Vec<i64>,
}

impl FromRow<'_, SqliteRow> for Face {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        let decision = row.try_get::<Option<Uuid>, _>("open_decision_id")?.map(DecisionId);
        let ask = match decision {
            Some(id) if row.try_get::<Option<i64>, _>("ask_version")?.is_some() => Some(CardAsk {
                id,
                version: row.try_get("ask_version")?,
                kind: word::<DecisionKind>(row, "ask_kind")?,
                ask: text::excerpt(&text::cut_bytes(row.try_get("ask_text")?), 140),
                snoozed_until: row.try_get("ask_snoozed_until")?,
            }),
            _ => None,
        };
        let labels: Option<String> = row.try_get("labels")?;
        let waiting_on: Option<String> = row.try_get("waiting_on")?;
        let card = TaskCard {
            id: CardId(row.try_get("id")?),
            number: row.try_get("number")?,
            board_id: BoardId(row.try_get("board_id")?),
            title: row.try_get("title")?,
            state: word(row, "state")?,
            rank: row.try_get("rank")?,
            priority: row.try_get("priority")?,
            assignee: row.try_get("assignee")?,
            revision: row.try_get("revision")?,
            state_at: row.try_get("state_at")?,
            heartbeat_at: row.try_get("heartbeat_at")?,
            wait: None,
            ask,
            children_done: row.try_get("children_done")?,
            children: row.try_get("children")?,
            comments: row.try_get("comment_count")?,
            failures: row.try_get("failures")?,
            cost_micros: row.try_get("cost_micros")?,
            max_cost_micros: row.try_get("max_cost_micros")?,
            labels: labels.map(|text| text.split('\u{1f}').map(str::to_owned).collect()).unwrap_or_default(),
            tenant: row.try_get("tenant")?,
            attachments: row.try_get("attachment_count")?,
            due_at: row.try_get("due_at")?,
            repeats: row.try_get("repeats")?,
            stale: row.try_get("stale")?,
            parent: row.try_get("parent")?,
        };
        Ok(Self {
            deleted: row.try_get::<Option<i64>, _>("deleted_at")?.is_some(),
            hold_until: row.try_get("hold_until")?,
            backoff_until: row.try_get("backoff_until")?,
            scheduled_at: row.try_get("scheduled_at")?,
            over_budget: row.try_get("over_budget")?,
            earlier_worker: row.try_get("earlier_worker")?,
            busy_directory: row.try_get("busy_directory")?,
            demo: row.try_get("demo")?,
            // silent-ok: the statement puts numbers there
            waiting_on: waiting_on.unwrap_or_default().split(' ').filter_map(|number| number.parse().ok()).collect(),
            card,
        })
    }
}

impl Face {
    fn into_task_card(self, readiness: &Readiness) -> TaskCard {
        let card = self.card;
        let wait = match (card.state, self.waiting_on.split_first()) {
            (CardState::Todo, Some((total, first))) => {
                let named = i64::try_from(first.len()).unwrap_or(i64::MAX);
                let more = u32::try_from(total.saturating_sub(named)).unwrap_or(0);
                Some(WaitReason::WaitingOn { cards: first.to_vec(), more })
            }
            (CardState::Scheduled, _) => self.scheduled_at.map(|until| WaitReason::Scheduled { until }),
            _ => readiness.wait(Candidate {
                board: card.board_id,
                state: card.state,
                assignee: card.assignee.as_deref(),
                hold_until: self.hold_until,
                backoff_until: self.backoff_until,
                over_budget: self.over_budget,
                earlier_worker: self.earlier_worker,
                busy_directory: self.busy_directory,
                demo: self.demo,
            }),
        };
        TaskCard { wait, ..card }
    }
}

pub(super) fn into_cards(readiness: &Readiness, faces: Vec<Face>) -> Vec<TaskCard> {
    faces.into_iter().map(|face| face.into_task_card(readiness)).collect()
}

/// Numbers of the first five parents a card waits for, each with how many there are.
pub(in crate::kanban) async fn unfinished_parents(
    connection: &mut SqliteConnection,
    card: CardId,
) -> Result<Vec<(i64, i64)>, KanbanError> {
    Ok(sqlx::query_as(UNFINISHED_PARENTS).bind(card.0).fetch_all(connection).await?)
}

/// The faces of these cards, in no particular order; deleted ones are among them.
pub(super) async fn by_id(connection: &mut SqliteConnection, ids: &[Uuid]) -> Result<Vec<Face>, KanbanError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<String> = ids.iter().map(|id| id.as_simple().to_string()).collect();
    let list = serde_json::json!(ids).to_string();
    Ok(sqlx::query_as(BY_ID).bind(list).fetch_all(connection).await?)
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[BY_ID, UNFINISHED_PARENTS];
