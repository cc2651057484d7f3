//! The agent core: everything Hermes does, with no web in it.
//!
//! It owns the database, the files under `HERMES_HOME`, the workers and the model. It must never know HTTP
//! servers, Leptos or browser sessions exist.

mod actor;
mod changes;
mod clock;
mod config;
mod core;
mod home;
mod http_client;
mod task_spawn;
mod workspaces;

pub mod accounts;
pub mod audit;
pub mod decisions;
pub mod demo;
pub mod doctor;
pub mod import;
pub mod kanban;
pub mod llm;
pub mod process;
pub mod profiles;
pub mod push;
pub mod store;
pub mod text;
pub mod tools;
pub mod turn;
pub mod worker;

pub use actor::Actor;
pub use changes::Changes;
pub use clock::{Clock, SystemClock, TestClock};
pub use config::{
    AuxiliaryConfig, AuxiliaryModel, Config, ConfigError, KanbanConfig, ModelConfig, PushConfig, ServerConfig,
};
pub use core::{Core, CoreError, OpenOptions};
pub use home::{Home, HomeError};

/// Background tasks: named, traced, and reported when they panic.
pub mod task {
    pub use crate::task_spawn::{Tasks, spawn};
}
