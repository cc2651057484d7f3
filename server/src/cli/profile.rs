//! `hermes profile …`: worker identities.

use agent_core::Home;
use agent_core::profiles::{self, Profile};
use clap::{Args, Subcommand};
use protocol::{ExecutorKind, ProfileSummary};
use serde::Serialize;

use super::caller::Caller;
use super::error::CliError;
use super::output::{Out, Style, one_line};

/// Worker identities.
#[derive(Debug, Args)]
pub(super) struct ProfileArgs {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List profiles; a broken one says what to mend.
    #[command(visible_alias = "ls")]
    List,
    /// Make a profile.
    #[command(visible_alias = "new")]
    Create {
        /// Short name: small letters, digits, - and _.
        id: String,
        /// Who does the work: agent (our own loop with a model) or command (any program). Command when --command is given.
        #[arg(long, value_name = "EXECUTOR")]
        executor: Option<ExecutorKind>,
        /// Program and arguments as one text, split as a shell would.
        #[arg(long, value_name = "LINE", allow_hyphen_values = true, conflicts_with = "words")]
        command: Option<String>,
        /// Program and arguments as words of their own.
        #[arg(last = true, value_name = "PROGRAM")]
        words: Vec<String>,
    },
}

/// A profile with what lists leave out.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    summary: ProfileSummary,
    dir: String,
    command: &'a [String],
    model: Option<&'a str>,
    problem: Option<&'a str>,
}

impl<'a> From<&'a Profile> for Listed<'a> {
    fn from(profile: &'a Profile) -> Self {
        Self {
            summary: profile.into(),
            dir: profile.dir.to_string_lossy().into_owned(),
            command: &profile.command,
            model: profile.model.as_deref(),
            problem: profile.problem.as_deref(),
        }
    }
}

impl ProfileArgs {
    pub(super) fn run(self, out: Out) -> Result<(), CliError> {
        let home = Home::from_env()?;
        match self.command {
            Verb::List => list(out, &home),
            Verb::Create { id, executor, command, words } => {
                Caller::only_people("make profiles")?;
                let words = match command {
                    Some(line) => {
                        profiles::split_command(&line).map_err(|problem| CliError::failed("invalid", problem))?
                    }
                    None => words,
                };
                home.create()?;
                create(out, &home, &id, executor, &words)
            }
        }
    }
}

fn list(out: Out, home: &Home) -> Result<(), CliError> {
    let all = profiles::list(home)?;
    if out.is_json() {
        return out.json(&all.iter().map(Listed::from).collect::<Vec<_>>());
    }
    let rows: Vec<_> = all
        .iter()
        .map(|profile| {
            let (style, what) = match &profile.problem {
                Some(problem) => (Style::Red, problem.clone()),
                None if profile.command.is_empty() => (Style::Plain, profile.model.clone().unwrap_or_default()),
                None => (Style::Plain, profile.command.join(" ")),
            };
            vec![(Style::Bold, profile.id.clone()), (Style::Plain, profile.executor.to_string()), (style, what)]
        })
        .collect();
    out.table(&["PROFILE", "EXECUTOR", "RUNS"], &rows)
}

fn create(out: Out, home: &Home, id: &str, executor: Option<ExecutorKind>, words: &[String]) -> Result<(), CliError> {
    let executor = executor.unwrap_or(if words.is_empty() { ExecutorKind::Agent } else { ExecutorKind::Command });
    let made = profiles::create(home, id, executor, words)?;
    if out.is_json() {
        return out.json(&Listed::from(&made));
    }
    out.line(&format!(
        "Created the profile {}  ({})  in {}",
        made.id,
        made.executor,
        one_line(&made.dir.to_string_lossy())
    ))
}
