//! One binary for all core tests: real temporary databases, real processes.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod accounts;
mod kanban;
mod push;
mod profiles;
mod random_operations;
mod support;
mod text;
