//! The command line as people and scripts use it: the real binary on a real home.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

mod board;
mod demo;
mod edges;
mod failures;
mod files;
mod home;
mod import;
mod serve;
mod show;
mod start;
mod templates;
mod text;
mod triage;
mod verbs;
mod worker;
