//! One binary for all core tests: real temporary databases, real processes.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::disallowed_methods, reason = "tests await the tasks they spawn, so no panic is lost")]

mod accounts;
mod attachments;
mod board_rules;
mod boards;
mod deleted;
mod fields;
mod history;
mod import;
mod invariants;
mod kanban;
mod outside;
mod place;
mod planning;
mod profiles;
mod promote;
mod provider;
mod push;
mod push_service;
mod random_operations;
mod random_processes;
mod recovery;
mod retention;
mod scripted_model;
mod snooze;
mod support;
mod text;
mod time_and_limits;
mod tools;
mod triage;
mod turn;
mod warnings;
mod worker;
mod workspaces;

/// Waits for a condition; fails when it does not come true within 20 s.
async fn eventually<F, R>(mut condition: F)
where
    F: FnMut() -> R,
    R: Future<Output = bool>,
{
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !condition().await {
        assert!(std::time::Instant::now() < deadline, "it did not happen in time");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}
