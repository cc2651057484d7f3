//! `hermes serve` and `hermes setup-link`.

use std::net::SocketAddr;

use agent_core::{Core, accounts};
use clap::Args;
use serde::Serialize;
use server::ServeOptions;

use super::caller::Caller;
use super::error::CliError;
use super::open_core;
use super::output::{Out, Style};

/// Where the app is served unless something else is said.
const DEFAULT_ADDR: &str = "127.0.0.1:8787";

/// Serve the app and run the workers.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Address and port.
    #[arg(long, default_value = DEFAULT_ADDR)]
    addr: SocketAddr,
    /// Allow an address that other machines can reach without encryption.
    #[arg(long)]
    allow_non_loopback: bool,
}

impl ServeArgs {
    pub(super) async fn run(self) -> Result<(), CliError> {
        if !self.addr.ip().is_loopback() && !self.allow_non_loopback {
            return Err(CliError::failed(
                "denied",
                format!(
                    "{} can be reached by other machines without encryption, and phones refuse push there; serve on \
                     {DEFAULT_ADDR} and run `tailscale serve --bg {}`, or add --allow-non-loopback",
                    self.addr.ip(),
                    self.addr.port()
                ),
            ));
        }
        let core = open_core().await?;
        server::serve(core, ServeOptions { addr: self.addr })
            .await
            .map_err(|error| CliError::failed("unavailable", error.to_string()))
    }
}

/// Print a new single-use link.
#[derive(Debug, Args)]
pub(super) struct SetupLinkArgs {
    /// Address the link leads to when config.yaml names no server.public_url.
    #[arg(long, default_value = DEFAULT_ADDR)]
    addr: SocketAddr,
}

#[derive(Debug, Serialize)]
struct SetupLink {
    link: String,
    set_up: bool,
    expires_in_hours: u32,
}

impl SetupLinkArgs {
    pub(super) async fn run(self, out: Out) -> Result<(), CliError> {
        Caller::only_people("ask for a set-up link")?;
        let core = open_core().await?;
        let result = self.issue(&core, out).await;
        core.close().await;
        result
    }

    async fn issue(&self, core: &Core, out: Out) -> Result<(), CliError> {
        let set_up = accounts::is_set_up(core).await?;
        let token = accounts::issue_setup_token(core).await?;
        let link = self.link(core.config().server.public_url.as_deref(), &token);
        if out.is_json() {
            return out.json(&SetupLink { link, set_up, expires_in_hours: 24 });
        }
        let what = if set_up { "choose a new password" } else { "set Hermes up" };
        out.line(&out.styled(Style::Bold, &link))?;
        out.hint(&format!("Open it once within 24 hours to {what}. Links printed earlier no longer work."));
        Ok(())
    }

    /// The page of the app that takes the token.
    fn link(&self, public_url: Option<&str>, token: &str) -> String {
        let base = public_url.map(|url| url.trim().trim_end_matches('/')).filter(|url| !url.is_empty());
        let base = base.map_or_else(|| format!("http://{}", self.addr), str::to_owned);
        format!("{base}/setup?token={token}")
    }
}
