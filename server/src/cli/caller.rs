//! Who runs the command: a person at the machine, or a worker that holds a ticket for its card.
//!
//! A worker is told apart by `HERMES_KANBAN_RUN_ID` and `HERMES_KANBAN_FENCE`, which its executor sets. It may only
//! do what workers may: no decision is ever settled on its behalf.

use agent_core::kanban::KanbanError;
use agent_core::kanban::worker::{self, Holder, RunTicket};
use agent_core::{Actor, Core};
use protocol::{CardId, CardRef};

use super::error::CliError;

const RUN: &str = "HERMES_KANBAN_RUN_ID";
const FENCE: &str = "HERMES_KANBAN_FENCE";

/// Who runs the command.
#[derive(Debug, Clone)]
pub(super) enum Caller {
    /// Somebody at the command line.
    Person(Actor),
    /// A worker.
    Worker { ticket: RunTicket, holder: Holder },
}

impl Caller {
    /// Reads the environment. A worker whose run is over is refused here, before it can do anything, and so is the
    /// shell of an agent, which has tools for its card and no ticket.
    pub(super) async fn find(core: &Core) -> Result<Self, CliError> {
        match claim()? {
            Claim::Ticket(ticket) => Ok(Self::Worker { ticket, holder: worker::holder(core, ticket).await? }),
            Claim::RunOnly => Err(CliError::failed(
                "denied",
                "a shell of an agent may look at cards, not change them; use the kanban_ tools for your own card",
            )),
            Claim::None => Ok(Self::Person(user())),
        }
    }

    /// The same for commands that only read: a worker whose run is over may still look, like anybody.
    pub(super) async fn find_reader(core: &Core) -> Result<Self, CliError> {
        let Claim::Ticket(ticket) = claim()? else { return Ok(Self::Person(user())) };
        match worker::holder(core, ticket).await {
            Ok(holder) => Ok(Self::Worker { ticket, holder }),
            Err(KanbanError::Fenced(_)) => Ok(Self::Person(user())),
            Err(error) => Err(error.into()),
        }
    }

    /// Refuses commands that no worker has any business with.
    pub(super) fn only_people(what: &str) -> Result<(), CliError> {
        match claim()? {
            Claim::None => Ok(()),
            Claim::Ticket(_) | Claim::RunOnly => Err(CliError::for_people(what)),
        }
    }

    /// The author of a write that only people may do.
    pub(super) fn person(&self, what: &str) -> Result<&Actor, CliError> {
        match self {
            Self::Person(actor) => Ok(actor),
            Self::Worker { .. } => Err(CliError::for_people(what)),
        }
    }

    /// The card of a worker.
    pub(super) fn own_card(&self) -> Option<CardId> {
        match self {
            Self::Person(_) => None,
            Self::Worker { holder, .. } => Some(holder.card),
        }
    }

    /// The board that is meant when none is named.
    pub(super) fn board(&self) -> &str {
        match self {
            Self::Person(_) => "",
            Self::Worker { holder, .. } => &holder.board,
        }
    }
}

impl Caller {
    /// Refuses another card than the worker's own.
    pub(super) async fn check_own(core: &Core, holder: &Holder, card: Option<CardRef>) -> Result<(), CliError> {
        let Some(card) = card else { return Ok(()) };
        if card == CardRef::Id(holder.card) || card == CardRef::Number(holder.number) {
            return Ok(());
        }
        let other = agent_core::kanban::card(core, card).await?;
        Err(CliError::failed(
            "denied",
            format!("T-{} is not this worker's card (T-{}); comment on it instead", other.number, holder.number),
        ))
    }
}

/// What the environment says about the caller.
enum Claim {
    /// Nothing: a person.
    None,
    /// A worker with its proof.
    Ticket(RunTicket),
    /// Something that a worker started without giving it the proof.
    RunOnly,
}

fn claim() -> Result<Claim, CliError> {
    let value = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let (run, fence) = match (value(RUN), value(FENCE)) {
        (None, None) => return Ok(Claim::None),
        (Some(_), None) => return Ok(Claim::RunOnly),
        (None, Some(_)) => {
            return Err(CliError::Usage(format!(
                "{FENCE} is set without {RUN}; a worker has both or leaves them alone"
            )));
        }
        (Some(run), Some(fence)) => (run, fence),
    };
    let parsed = run.to_str().and_then(|run| run.parse().ok()).zip(fence.to_str().and_then(|fence| fence.parse().ok()));
    match parsed {
        Some((run, fence)) => Ok(Claim::Ticket(RunTicket { run, fence })),
        None => {
            Err(CliError::Usage(format!("{RUN} and {FENCE} are not what Hermes gave this worker; leave them alone")))
        }
    }
}

/// A person at the command line, by login name.
fn user() -> Actor {
    let id = rustix::process::getuid().as_raw();
    let user = ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.trim().is_empty()))
        // silent-ok: the number says who it was as well
        .or_else(|| account(id, &std::fs::read_to_string("/etc/passwd").unwrap_or_default()))
        .unwrap_or_else(|| format!("user id {id}"));
    Actor::CommandLine { user }
}

/// The login name of an account (passwd(5)).
fn account(id: u32, accounts: &str) -> Option<String> {
    let mut lines = accounts.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let found = lines.find(|fields| fields.get(2).is_some_and(|field| field.parse() == Ok(id)))?;
    found.first().map(|name| (*name).to_owned()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::account;

    #[test]
    fn accounts_have_names() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\n# comment\nada:x:1000:1000::/home/ada:/bin/sh\n";
        assert_eq!(account(1000, accounts).as_deref(), Some("ada"));
        assert_eq!(account(0, accounts).as_deref(), Some("root"));
        assert_eq!(account(7, accounts), None);
    }
}
