//! A real process in the place of a worker: it lives until it is ended.

use std::process::{Child, Command};

use agent_core::kanban::worker::{self, RunTicket};
use agent_core::process;

use crate::support::World;

/// A process that lives until it is ended.
pub struct Sleeper(pub Child);

impl Sleeper {
    pub fn new() -> Self {
        Self(Command::new("sleep").arg("300").spawn().unwrap())
    }

    pub fn identity(&self) -> process::Identity {
        process::identity_of(self.0.id()).unwrap().unwrap()
    }

    pub fn is_alive(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Claims the next card for a worker that is this sleeping process.
pub async fn start_as(world: &World, sleeper: &Sleeper) -> RunTicket {
    let claim = world.claim().await;
    let own = sleeper.identity();
    worker::start(&world.core, claim.ticket, own.pid, own.started).await.unwrap();
    claim.ticket
}
