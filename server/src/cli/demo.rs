//! `hermes demo`: sample cards for a first look, screenshots and benchmarks.

use agent_core::{Core, demo};
use clap::Args;
use serde::Serialize;

use super::caller::Caller;
use super::error::CliError;
use super::open_core;
use super::output::Out;

/// Fill a board with sample cards.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// How many.
    #[arg(long, default_value_t = 24, value_parser = super::parse::whole::<u32>(1..=100_000))]
    cards: u32,
    /// Take every sample card away again, and nothing else.
    #[arg(long, conflicts_with = "cards")]
    remove: bool,
}

#[derive(Debug, Serialize)]
struct Changed {
    added: u64,
    removed: u64,
}

impl DemoArgs {
    pub(super) async fn run(self, out: Out) -> Result<(), CliError> {
        let core = open_core().await?;
        let result = self.change(&core, out).await;
        core.close().await;
        result
    }

    async fn change(&self, core: &Core, out: Out) -> Result<(), CliError> {
        let caller = Caller::find(core).await?;
        let actor = caller.person("fill a board with sample cards")?;
        let changed = if self.remove {
            Changed { added: 0, removed: demo::remove(core, actor).await? }
        } else {
            Changed { added: demo::add(core, actor, self.cards).await?, removed: 0 }
        };
        if out.is_json() {
            return out.json(&changed);
        }
        if self.remove {
            return out.line(&format!("Removed {} sample cards.", changed.removed));
        }
        out.line(&format!("Added {} sample cards to the default board.", changed.added))?;
        out.hint("No worker touches them and nobody is called for them. `hermes demo --remove` takes them away.");
        Ok(())
    }
}
