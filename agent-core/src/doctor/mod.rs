//! Looks at everything Hermes needs and says, for each thing, how it is and the one step that mends it.
//!
//! It repairs nothing itself; [`crate::kanban::housekeeping::tidy`] removes what is safe to remove. It opens the database as every command does, which may bring it up to date, but never
//! makes a home that is not there. It must never print a key.

mod machine;
mod store;

use std::path::Path;
use std::time::Duration;

use protocol::{ExecutorKind, ProviderTest, SaveProviderParams};
use serde::Serialize;

use crate::kanban::{dispatcher, housekeeping};
use crate::process::{self, Identity};
use crate::store::StoreError;
use crate::{Config, Core, CoreError, Home, OpenOptions, accounts, audit, llm, profiles};

/// A provider that has not answered by then is reported as silent.
const PROVIDER_PATIENCE: Duration = Duration::from_secs(15);
/// Directories of finished cards that are named one by one.
const MAX_LEFTOVERS: usize = 10;

/// How a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// As it should be.
    Ok,
    /// Works; there is more to have.
    Note,
    /// Works, but not for long or not for everybody.
    Warning,
    /// Does not work.
    Broken,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// A stable word: `home`, `config`, `database`, …
    pub name: &'static str,
    /// How it is.
    pub health: Health,
    /// What was found, one sentence.
    pub found: String,
    /// The one step that mends it.
    pub fix: Option<String>,
}

impl Row {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, health: Health::Ok, found: found.into(), fix: None }
    }

    fn bad(name: &'static str, health: Health, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, health, found: found.into(), fix: Some(fix.into()) }
    }
}

/// Looks at everything. What cannot be looked at because of an earlier row is left out.
pub async fn examine(home: &Home) -> Vec<Row> {
    let mut rows = vec![machine::home(home)];
    if rows[0].health == Health::Broken {
        return rows;
    }
    rows.push(machine::disk(home));
    rows.push(machine::git().await);
    let config = Config::load(home);
    rows.push(match &config {
        Ok(_) => config_keys(home),
        Err(error) => Row::bad("config", Health::Broken, error.to_string(), "mend config.yaml, or move it away"),
    });
    rows.push(machine::keys(home));
    rows.extend(profile_rows(home));
    // Without a configuration the core does not open, and its message would say the same twice.
    if config.is_err() {
        return rows;
    }
    match Core::open(OpenOptions::new(home.clone())).await {
        Ok(core) => {
            rows.extend(core_rows(&core).await);
            core.close().await;
        }
        Err(error) => {
            let fix = match &error {
                CoreError::Store(StoreError::Emptied { .. }) => {
                    "restore a backup of hermes.db, or remove the empty file to begin anew"
                }
                _ => {
                    "free the disk or mend the rights if that is what it says; otherwise restore a backup of hermes.db"
                }
            };
            rows.push(Row::bad("database", Health::Broken, error.to_string(), fix));
        }
    }
    rows
}

/// A configuration that can be read, and whether all of it has an effect.
fn config_keys(home: &Home) -> Row {
    match Config::keys_without_effect(home) {
        Ok(keys) if keys.is_empty() => Row::ok("config", "config.yaml is readable"),
        Ok(keys) => {
            let fix = "correct the names in config.yaml, or remove these lines";
            Row::bad("config", Health::Warning, format!("config.yaml: {}", keys.join("; ")), fix)
        }
        Err(error) => Row::bad("config", Health::Broken, error.to_string(), "mend config.yaml, or move it away"),
    }
}

async fn core_rows(core: &Core) -> Vec<Row> {
    let alive = dispatcher::is_running(core);
    let mut rows = vec![
        database(core).await.unwrap_or_else(|error| failed("database", &error)),
        audit_chain(core).await.unwrap_or_else(|error| failed("audit", &error)),
        owner(core).await,
        provider(core).await,
        if alive {
            Row::ok("dispatcher", "a server is running and starts workers")
        } else {
            Row::bad(
                "dispatcher",
                Health::Note,
                "no server is running, so no card starts",
                "start one with `hermes serve`",
            )
        },
        workers(core, alive).await.unwrap_or_else(|error| failed("workers", &error)),
    ];
    rows.push(workspaces(core).await);
    rows.push(public_url(core.config().server.public_url.as_deref()));
    rows
}

/// Directories of finished cards that hold work nobody has taken yet.
async fn workspaces(core: &Core) -> Row {
    let kept = match housekeeping::leftovers(core).await {
        Ok(kept) => kept,
        Err(error) => return Row::bad("workspaces", Health::Warning, error.to_string(), "look at that folder"),
    };
    if kept.is_empty() {
        return Row::ok("workspaces", "no directory of a finished card is left over");
    }
    let named: Vec<String> = kept
        .iter()
        .take(MAX_LEFTOVERS)
        .map(|left| format!("{} ({}): {}", left.path.display(), machine::size_in_words(left.bytes), left.why))
        .collect();
    let more = kept.len() - named.len();
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    Row::bad(
        "workspaces",
        Health::Note,
        format!("finished cards keep {}{more}", named.join("; ")),
        "merge or push what is worth it; `hermes doctor --fix` then removes what is safe to remove",
    )
}

fn failed(name: &'static str, error: &StoreError) -> Row {
    Row::bad(name, Health::Broken, error.to_string(), "restore a backup of hermes.db, or report this with the message")
}

async fn database(core: &Core) -> Result<Row, StoreError> {
    let mut reader = core.store().reader().acquire().await?;
    let version = store::sqlite_version(&mut reader).await?;
    let problems = store::quick_check(&mut reader).await?;
    let size = machine::size_in_words(std::fs::metadata(core.store().path()).map_or(0, |found| found.len()));
    if problems.is_empty() {
        match core.store().check_writable().await {
            Ok(()) => {}
            Err(StoreError::Busy) => {
                let fix = "run `hermes doctor` again; if it stays so, look which program has hermes.db open";
                return Ok(Row::bad("database", Health::Warning, "another program has been writing for seconds", fix));
            }
            Err(error) => return Ok(not_writable(core.store().path(), &error)),
        }
        return Ok(Row::ok("database", format!("hermes.db is consistent ({size}, SQLite {version})")));
    }
    Ok(Row::bad(
        "database",
        Health::Broken,
        format!("hermes.db is damaged: {}", problems.join("; ")),
        "stop the server and restore a backup of hermes.db",
    ))
}

/// Names the files whose rights are in the way, where they are.
fn not_writable(database: &Path, error: &StoreError) -> Row {
    const NAME: &str = "database";
    if !matches!(error, StoreError::ReadOnly) {
        let fix = "mend what it says, then run `hermes doctor` again";
        return Row::bad(NAME, Health::Broken, error.to_string(), fix);
    }
    let wanted = rustix::fs::Access::WRITE_OK | rustix::fs::Access::READ_OK;
    let locked: Vec<String> = ["", "-wal", "-shm"]
        .iter()
        .map(|end| format!("{}{end}", database.display()))
        .filter(|path| Path::new(path).exists() && rustix::fs::access(path.as_str(), wanted).is_err())
        .collect();
    if locked.is_empty() {
        let found = format!("{} can only be read, so nothing can be saved", database.display());
        return Row::bad(NAME, Health::Broken, found, "look whether its disk is mounted read-only, or is failing");
    }
    let files = locked.join(" ");
    let fix = format!("make it yours and writable: `chown \"$USER\" {files}` and `chmod u+rw {files}`");
    Row::bad(NAME, Health::Broken, format!("{} cannot be written, so nothing can be saved", locked.join(", ")), fix)
}

async fn audit_chain(core: &Core) -> Result<Row, StoreError> {
    Ok(match audit::verify(core).await? {
        audit::ChainState::Whole { rows } => Row::ok("audit", format!("the record of {rows} changes is unbroken")),
        audit::ChainState::BrokenAt { seq } => Row::bad(
            "audit",
            Health::Broken,
            format!("row {seq} of the audit was changed, or one before it is missing"),
            "find out who wrote to hermes.db by other means, and compare with a backup",
        ),
    })
}

async fn owner(core: &Core) -> Row {
    match accounts::is_set_up(core).await {
        Ok(true) => Row::ok("owner", "an owner is set up"),
        Ok(false) => {
            Row::bad("owner", Health::Note, "nobody can sign in yet", "open the link that `hermes setup-link` prints")
        }
        Err(error) => Row::bad("owner", Health::Broken, error.to_string(), "restore a backup of hermes.db"),
    }
}

/// Asks the model for one word: only an answer shows that address, key and model fit together.
async fn provider(core: &Core) -> Row {
    let view = match llm::provider(core).await {
        Ok(view) if view.ready => view,
        Ok(_) => {
            return Row::bad(
                "provider",
                Health::Note,
                "no model is set up, so agents cannot work",
                "choose one in the app under Settings",
            );
        }
        Err(error) => {
            return Row::bad("provider", Health::Broken, error.to_string(), "set the model up again under Settings");
        }
    };
    let params = SaveProviderParams { base_url: view.base_url.clone(), model: view.model.clone(), key: None };
    match tokio::time::timeout(PROVIDER_PATIENCE, llm::test_provider(core, params)).await {
        Ok(Ok(ProviderTest::Works { first_token_ms, .. })) => {
            Row::ok("provider", format!("{} answers after {first_token_ms} ms", view.model))
        }
        Ok(Ok(ProviderTest::Fails { message, hint })) => {
            Row::bad("provider", Health::Broken, format!("{} says: {message}", view.base_url), hint)
        }
        Ok(Err(error)) => {
            Row::bad("provider", Health::Broken, error.to_string(), "look at it in the app under Settings")
        }
        Err(_) => Row::bad(
            "provider",
            Health::Warning,
            format!("{} has not answered within {} s", view.base_url, PROVIDER_PATIENCE.as_secs()),
            "try again, or choose another model under Settings",
        ),
    }
}

/// Workers at work, and processes that nobody looks after.
async fn workers(core: &Core, alive: bool) -> Result<Row, StoreError> {
    let mut reader = core.store().reader().acquire().await?;
    let here = crate::kanban::host_name();
    let (mut working, mut gone, mut left) = (0_u32, Vec::new(), Vec::new());
    for run in store::processes(&mut reader, core.now_ms(), here).await? {
        let process = Identity { pid: run.pid, started: run.pid_started };
        // A process that cannot be asked about is taken for alive: a false alarm would get somebody's program killed.
        let lives =
            if run.ended { process::session_is_alive(process) } else { process::is_alive(process) }.unwrap_or(true);
        match (run.ended, lives) {
            (false, true) => working += 1,
            (false, false) => gone.push(format!("T-{}", run.card_number)),
            (true, true) => left.push(run.pid.to_string()),
            (true, false) => {}
        }
    }
    let mend = if alive {
        "the server takes care of it within seconds; if not, restart it"
    } else {
        "start `hermes serve`, which takes care of it"
    };
    if !gone.is_empty() {
        return Ok(Row::bad("workers", Health::Warning, format!("the workers of {} are gone", gone.join(", ")), mend));
    }
    if !left.is_empty() {
        let found = format!("processes of finished runs are still there (pid {})", left.join(", "));
        return Ok(Row::bad("workers", Health::Warning, found, mend));
    }
    Ok(Row::ok("workers", if working == 0 { "none is working".to_owned() } else { format!("{working} working") }))
}

fn profile_rows(home: &Home) -> Vec<Row> {
    let all = match profiles::list(home) {
        Ok(all) => all,
        Err(error) => {
            return vec![Row::bad("profiles", Health::Broken, error.to_string(), "mend the rights of that folder")];
        }
    };
    let mut rows = Vec::new();
    for profile in &all {
        if let Some(problem) = &profile.problem {
            let fix = format!("mend that file; until then cards for {} wait", profile.id);
            rows.push(Row::bad("profiles", Health::Warning, format!("{} cannot be used: {problem}", profile.id), fix));
        } else if profile.executor == ExecutorKind::Command
            && let Some(program) = profile.command.first()
            && !machine::is_program(program)
        {
            let found = format!("{} runs \"{program}\", which is not a program here", profile.id);
            rows.push(Row::bad("profiles", Health::Warning, found, "install it, or name it by its whole path"));
        }
    }
    if rows.is_empty() {
        let names: Vec<&str> = all.iter().take(12).map(|profile| profile.id.as_str()).collect();
        let more =
            if all.len() > names.len() { format!(" and {} more", all.len() - names.len()) } else { String::new() };
        rows.push(Row::ok("profiles", format!("{}{more}", names.join(", "))));
    }
    rows
}

fn public_url(url: Option<&str>) -> Row {
    let advice =
        "run `tailscale serve --bg 8787` and set server.public_url in config.yaml to the https address it prints";
    match url.map(str::trim).filter(|url| !url.is_empty()) {
        None => Row::bad(
            "public_url",
            Health::Note,
            "not set; phones need an https address for installing and push",
            advice,
        ),
        Some(url) if url.starts_with("https://") => Row::ok("public_url", url),
        Some(url) => {
            let found = format!("{url} is not https, so phones refuse to install the app and to receive push");
            Row::bad("public_url", Health::Warning, found, advice)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Health, config_keys, database};
    use crate::{Core, Home, OpenOptions};

    #[tokio::test]
    async fn a_database_that_takes_no_writes_is_broken() {
        let dir = tempfile::tempdir().unwrap();
        let core = Core::open(OpenOptions::new(Home::at(dir.path()))).await.unwrap();
        assert_eq!(database(&core).await.unwrap().health, Health::Ok);
        let mut tx = core.write().await.unwrap();
        sqlx::query("PRAGMA query_only = ON").execute(&mut *tx).await.unwrap();
        drop(tx);
        let row = database(&core).await.unwrap();
        assert_eq!(row.health, Health::Broken, "{row:?}");
        assert!(row.found.contains("can only be read"), "{row:?}");
    }

    #[test]
    fn a_key_without_effect_is_worth_a_look() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        assert_eq!(config_keys(&home).health, Health::Ok);
        std::fs::write(home.config(), "kanban:\n  max_in_progres: 2\n").unwrap();
        let row = config_keys(&home);
        assert_eq!(row.health, Health::Warning);
        assert!(row.found.contains("did you mean max_in_progress"), "{row:?}");
    }

    #[tokio::test]
    async fn every_statement_prepares() {
        crate::store::tests::prepare_all(super::store::ALL_SQL).await;
    }
}
