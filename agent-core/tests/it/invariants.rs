//! What must hold of every committed database, whoever wrote it: I1 to I12 and what else is always so.

use sqlx::SqliteConnection;

/// Whether the machine's clock has run forward all the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "the suites that share this file need one or both")]
pub enum Times {
    Forward,
    /// Nothing is said about times.
    Any,
}

/// The names of the rules that do not hold, each with the number of rows that break it. Call it in a transaction, so that
/// what others write meanwhile is seen by all of them or by none.
pub async fn broken(connection: &mut SqliteConnection, times: Times) -> Vec<String> {
    let mut broken = Vec::new();
    let timed = if times == Times::Forward { TIMED_INVARIANTS } else { &[][..] };
    for (name, sql) in INVARIANTS.iter().chain(timed) {
        let bad: i64 = sqlx::query_scalar(*sql).fetch_one(&mut *connection).await.unwrap();
        if bad != 0 {
            broken.push(format!("{name}: {bad} row(s)"));
        }
    }
    let dangling: Vec<(String,)> =
        sqlx::query_as("SELECT \"table\" FROM pragma_foreign_key_check").fetch_all(connection).await.unwrap();
    if !dangling.is_empty() {
        broken.push(format!("nothing refers to what is gone: {dangling:?}"));
    }
    broken
}

/// I1 to I12, and what else must hold after every step. I10 and I12 are wider than their names in the Python product:
/// a run is also a lease, and a finished card has no run at all.
const INVARIANTS: &[(&str, &str)] = &[
    (
        "I1 the current run exists and is open",
        "SELECT count(*) FROM kanban_card c WHERE c.current_run_id IS NOT NULL AND NOT EXISTS
           (SELECT 1 FROM kanban_run r WHERE r.id = c.current_run_id AND r.ended_at IS NULL AND r.card_id = c.id)",
    ),
    (
        "I2 an open run is the current one of one card",
        "SELECT count(*) FROM kanban_run r WHERE r.ended_at IS NULL AND
           (SELECT count(*) FROM kanban_card c WHERE c.current_run_id = r.id AND c.id = r.card_id) <> 1",
    ),
    (
        "I3 every state is known",
        "SELECT count(*) FROM kanban_card WHERE state NOT IN
        ('triage', 'todo', 'scheduled', 'ready', 'running', 'review', 'blocked', 'done', 'archived')",
    ),
    (
        "I4 a lease belongs to the open run of a running card",
        "SELECT count(*) FROM kanban_run r JOIN kanban_card c ON c.id = r.card_id
           WHERE r.lease_until IS NOT NULL
             AND (r.ended_at IS NOT NULL OR c.state <> 'running' OR c.current_run_id IS NOT r.id)",
    ),
    ("I6 an outcome means an end", "SELECT count(*) FROM kanban_run WHERE (outcome IS NULL) <> (ended_at IS NULL)"),
    (
        "I7 no event is newer than the newest number",
        "SELECT count(*) FROM kanban_event
           WHERE seq > (SELECT seq FROM sqlite_sequence WHERE name = 'kanban_event')",
    ),
    (
        "I8 an event's run exists",
        "SELECT count(*) FROM kanban_event e WHERE e.run_id IS NOT NULL AND NOT EXISTS
           (SELECT 1 FROM kanban_run r WHERE r.id = e.run_id)",
    ),
    (
        "I9 nothing waits in todo for finished parents only",
        "SELECT count(*) FROM kanban_card c WHERE c.state = 'todo' AND c.deleted_at IS NULL AND NOT EXISTS
           (SELECT 1 FROM kanban_link l JOIN kanban_card p ON p.id = l.parent_id
             WHERE l.child_id = c.id AND p.state NOT IN ('done', 'archived') AND p.deleted_at IS NULL)",
    ),
    (
        "I9b nothing is ready while a parent is unfinished",
        "SELECT count(*) FROM kanban_card c WHERE c.state = 'ready' AND c.deleted_at IS NULL AND EXISTS
           (SELECT 1 FROM kanban_link l JOIN kanban_card p ON p.id = l.parent_id
             WHERE l.child_id = c.id AND p.state NOT IN ('done', 'archived') AND p.deleted_at IS NULL)",
    ),
    (
        "I10 running means a run with a lease and the card's fencing token",
        "SELECT count(*) FROM kanban_card c LEFT JOIN kanban_run r ON r.id = c.current_run_id
           WHERE c.state = 'running' AND (r.id IS NULL OR r.lease_until IS NULL OR r.fence <> c.fence)",
    ),
    (
        "I11 links have no cycle",
        "WITH RECURSIVE walk (start, at) AS (
            SELECT parent_id, child_id FROM kanban_link
            UNION SELECT walk.start, l.child_id FROM walk JOIN kanban_link l ON l.parent_id = walk.at)
         SELECT count(*) FROM walk WHERE start = at",
    ),
    (
        "I12 a finished card has no open run",
        "SELECT count(*) FROM kanban_card c JOIN kanban_run r ON r.card_id = c.id
          WHERE c.state IN ('done', 'archived') AND r.ended_at IS NULL",
    ),
    (
        "a card asks exactly when its decision is open",
        "SELECT count(*) FROM kanban_card c WHERE c.deleted_at IS NULL AND
           (c.open_decision_id IS NOT NULL) <> EXISTS
           (SELECT 1 FROM decision d WHERE d.card_id = c.id AND d.state = 'open' AND d.id IS c.open_decision_id)",
    ),
    (
        "only review and blocked cards ask, and they do",
        "SELECT count(*) FROM kanban_card WHERE deleted_at IS NULL
           AND (state IN ('review', 'blocked')) <> (open_decision_id IS NOT NULL)",
    ),
    (
        "column counts are right",
        "WITH is_so AS (SELECT board_id, state, count(*) FROM kanban_card WHERE deleted_at IS NULL GROUP BY 1, 2),
          counted AS (SELECT board_id, state, cards FROM kanban_column_count WHERE cards <> 0)
         SELECT count(*) FROM (
            SELECT * FROM (SELECT * FROM is_so EXCEPT SELECT * FROM counted)
            UNION ALL SELECT * FROM (SELECT * FROM counted EXCEPT SELECT * FROM is_so))",
    ),
    (
        "cards of assignees are counted",
        "WITH is_so AS (SELECT board_id, COALESCE(assignee, '') AS assignee, state, count(*) FROM kanban_card
             WHERE deleted_at IS NULL GROUP BY 1, 2, 3),
          counted AS (SELECT board_id, assignee, state, cards FROM kanban_assignee_count WHERE cards <> 0)
         SELECT count(*) FROM (
            SELECT * FROM (SELECT * FROM is_so EXCEPT SELECT * FROM counted)
            UNION ALL SELECT * FROM (SELECT * FROM counted EXCEPT SELECT * FROM is_so))",
    ),
    (
        "slots in use are counted",
        "WITH is_so (board, profile, runs) AS (
            SELECT c.board_id, r.profile, count(*) FROM kanban_run r JOIN kanban_card c ON c.id = r.card_id
             WHERE r.ended_at IS NULL AND c.demo = 0 GROUP BY 1, 2),
          counted (board, profile, runs) AS (SELECT * FROM kanban_slot_count WHERE runs <> 0)
         SELECT count(*) FROM (
            SELECT * FROM (SELECT * FROM is_so EXCEPT SELECT * FROM counted)
            UNION ALL SELECT * FROM (SELECT * FROM counted EXCEPT SELECT * FROM is_so))",
    ),
    (
        // In the Python product scheduled was a word without a time: such a card waits for a person.
        "scheduled means a time, and only scheduled cards have one",
        "SELECT count(*) FROM kanban_card WHERE (state = 'scheduled') <> (scheduled_at IS NOT NULL)
          AND NOT (state = 'scheduled' AND id IN (SELECT id FROM import_ref WHERE kind = 'card'))",
    ),
    (
        "labels are counted",
        "WITH is_so AS (SELECT board_id, label, count(*) FROM kanban_card_label GROUP BY 1, 2),
          counted AS (SELECT board_id, label, cards FROM kanban_label_count WHERE cards <> 0)
         SELECT count(*) FROM (
            SELECT * FROM (SELECT * FROM is_so EXCEPT SELECT * FROM counted)
            UNION ALL SELECT * FROM (SELECT * FROM counted EXCEPT SELECT * FROM is_so))",
    ),
    (
        "a card comes again at most once",
        "SELECT count(*) FROM (SELECT previous FROM kanban_card WHERE previous IS NOT NULL AND deleted_at IS NULL
            GROUP BY previous HAVING count(*) > 1)",
    ),
    (
        "every card is found by its words",
        "SELECT count(*) FROM kanban_card c WHERE NOT EXISTS
           (SELECT 1 FROM kanban_search_docsize d WHERE d.id = c.number)",
    ),
    (
        "comments and files are counted",
        "SELECT count(*) FROM kanban_card c
          WHERE c.comment_count <> (SELECT count(*) FROM kanban_comment m WHERE m.card_id = c.id)
             OR c.attachment_count <>
                (SELECT count(*) FROM kanban_attachment a WHERE a.card_id = c.id AND a.removed_at IS NULL)",
    ),
];

/// Rules about times: they hold while the machine's clock runs forward.
const TIMED_INVARIANTS: &[(&str, &str)] = &[
    (
        "I5 a closed run does not end before it starts",
        "SELECT count(*) FROM kanban_run WHERE started_at > ended_at OR claimed_at > ended_at",
    ),
    (
        // What an import brings over happened long before it was numbered.
        "I7 a later event has no earlier time",
        "SELECT count(*) FROM kanban_event a JOIN kanban_event b ON b.seq = a.seq + 1 WHERE b.at < a.at
          AND IFNULL(b.card_id, x'') NOT IN (SELECT id FROM import_ref WHERE kind = 'card')",
    ),
];
