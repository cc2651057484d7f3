//! `hermes serve` and `hermes setup-link`.

use std::net::SocketAddr;

use agent_core::{Core, Home, OpenOptions, accounts};
use clap::Args;
use serde::Serialize;
use server::{ServeOptions, running_at};

use super::caller::Caller;
use super::error::CliError;
use super::open_core;
use super::output::{Out, Style};
use super::parse::address;

/// Where the app is served unless something else is said.
const DEFAULT_ADDR: &str = "127.0.0.1:8787";
/// Requests that read the database at the same time; more wait their turn, which is short.
const READERS: u32 = 4;

/// Serve the app and run the workers.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Address and port.
    #[arg(long, default_value = DEFAULT_ADDR, value_parser = address, value_name = "ADDRESS")]
    addr: SocketAddr,
    /// Allow an address that other machines can reach without encryption.
    #[arg(long)]
    allow_non_loopback: bool,
}

impl ServeArgs {
    pub(super) async fn run(self) -> Result<(), CliError> {
        if !self.addr.ip().is_loopback() && !self.allow_non_loopback {
            let local = SocketAddr::from(([127, 0, 0, 1], if self.addr.port() == 0 { 8787 } else { self.addr.port() }));
            return Err(CliError::failed(
                "denied",
                format!(
                    "{} can be reached by other machines without encryption, and phones refuse push there; serve with \
                     `--addr {local}` and run `tailscale serve --bg {}`, or add --allow-non-loopback",
                    self.addr.ip(),
                    local.port()
                ),
            ));
        }
        let core = Core::open(OpenOptions { readers: READERS, ..OpenOptions::new(Home::from_env()?) }).await?;
        server::serve(core, ServeOptions { addr: self.addr })
            .await
            .map_err(|error| CliError::failed("unavailable", error.to_string()))
    }
}

/// Print a new single-use link.
#[derive(Debug, Args)]
pub(super) struct SetupLinkArgs {
    /// Address the link leads to when config.yaml names no server.public_url; that of the running server when left out.
    #[arg(long, value_parser = address, value_name = "ADDRESS")]
    addr: Option<SocketAddr>,
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
        let config = core.config();
        let public_url = config.server.public_url.as_deref().map(|url| url.trim().trim_end_matches('/'));
        let known = public_url.filter(|url| !url.is_empty()).map(str::to_owned);
        let known = known.or_else(|| self.addr.map(|addr| format!("http://{addr}"))).or_else(|| running_at(core));
        let base = known.clone().unwrap_or_else(|| format!("http://{DEFAULT_ADDR}"));
        let link = format!("{base}/setup?token={token}");
        if out.is_json() {
            return out.json(&SetupLink { link, set_up, expires_in_hours: 24 });
        }
        let what = if set_up { "choose a new password" } else { "set Hermes up" };
        out.line(&out.styled(Style::Bold, &link))?;
        out.hint(&format!("Open it once within 24 hours to {what}. Links printed earlier no longer work."));
        if known.is_none() {
            out.hint(&format!(
                "No server is running; the link is for `hermes serve` as it comes, on {DEFAULT_ADDR}. With another \
                 --addr, ask for the link with the same one."
            ));
        }
        Ok(())
    }
}
