//! Worker identities on disk: the home itself is `default`, others are `profiles/<id>/`.
//!
//! One broken profile never hides the others: it is listed with the sentence that says what to mend. Nothing here
//! starts a program or reads a secret.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use protocol::{ExecutorKind, ProfileSummary};
use serde::Deserialize;

use crate::Home;
use crate::text::{Notation, misread};

/// The profile that is the home itself.
pub const DEFAULT_PROFILE: &str = "default";
/// Profiles that are listed at most.
pub const MAX_PROFILES: usize = 500;
/// Longest configuration of a profile, in bytes.
const MAX_CONFIG_BYTES: u64 = 256 * 1024;
const MAX_DESCRIPTION_CHARS: usize = 300;
/// The word for no profile at all.
pub const NOBODY: &str = "none";
/// Names that would be mistaken for something else.
const RESERVED: &[&str] = &[NOBODY, "hermes", "test", "tmp", "root", "sudo"];

/// A worker identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Folder name under `profiles/`; `default` is the home itself.
    pub id: String,
    /// The folder.
    pub dir: PathBuf,
    /// Who does its work.
    pub executor: ExecutorKind,
    /// Program and arguments of a `command` profile. A program named by a relative path is relative to the folder
    /// in the file, and absolute here.
    pub command: Vec<String>,
    /// `SOUL.md`, when there is one.
    pub soul: Option<PathBuf>,
    /// Model of its own; `None` means the home's.
    pub model: Option<String>,
    /// What it is good at, at most 300 characters; whoever hands out work chooses by it.
    pub description: Option<String>,
    /// Why it cannot be used, in a sentence for people.
    pub problem: Option<String>,
}

impl From<&Profile> for ProfileSummary {
    fn from(profile: &Profile) -> Self {
        Self { id: profile.id.clone(), executor: profile.executor }
    }
}

/// A refusal or a fault, in a sentence for people.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The name or the command is not acceptable.
    #[error("{0}")]
    Invalid(String),
    /// The name is taken.
    #[error("{0}")]
    Conflict(String),
    /// The folder cannot be read or written.
    #[error("cannot use {path}: {source}; check who owns it and what may be done with it")]
    Unavailable {
        /// The folder or file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// All profiles, `default` first, then by name; at most [`MAX_PROFILES`].
///
/// # Errors
/// When the folder of profiles cannot be read. A broken profile is listed with its problem instead.
pub fn list(home: &Home) -> Result<Vec<Profile>, ProfileError> {
    let mut names = Vec::new();
    let folder = home.profiles();
    let unavailable = |source| ProfileError::Unavailable { path: folder.clone(), source };
    match fs::read_dir(&folder) {
        Ok(entries) => {
            for entry in entries {
                let entry = entry.map_err(unavailable)?;
                let name = entry.file_name().to_string_lossy().into_owned();
                // `metadata` follows links: a profile may be kept elsewhere.
                let is_folder = fs::metadata(entry.path()).is_ok_and(|found| found.is_dir());
                if is_folder && !name.starts_with('.') && name != DEFAULT_PROFILE {
                    names.push((name, entry.path()));
                }
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(unavailable(error)),
    }
    names.sort();
    names.truncate(MAX_PROFILES - 1);
    let mut profiles = vec![read(DEFAULT_PROFILE, home.root().to_path_buf())];
    profiles.extend(names.into_iter().map(|(name, path)| read(&name, path)));
    Ok(profiles)
}

/// One profile; `None` when there is none of that name.
///
/// # Errors
/// When its folder cannot be looked at.
pub fn find(home: &Home, id: &str) -> Result<Option<Profile>, ProfileError> {
    if id == DEFAULT_PROFILE {
        return Ok(Some(read(id, home.root().to_path_buf())));
    }
    if !is_valid_id(id) {
        return Ok(None);
    }
    let dir = home.profiles().join(id);
    match fs::metadata(&dir) {
        Ok(found) => Ok(found.is_dir().then(|| read(id, dir))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ProfileError::Unavailable { path: dir, source }),
    }
}

/// Makes a profile with a configuration and an empty `SOUL.md`. It appears whole or not at all.
///
/// # Errors
/// When the name is not acceptable or taken, the command is missing, or the folder cannot be written.
pub fn create(home: &Home, id: &str, executor: ExecutorKind, command: &[String]) -> Result<Profile, ProfileError> {
    let id = id.trim().to_ascii_lowercase();
    check_new_id(&id)?;
    check_new_command(executor, command)?;
    let folder = home.profiles();
    let dir = folder.join(&id);
    let taken = || ProfileError::Conflict(format!("there is a profile \"{id}\" already; choose another name"));
    if dir.symlink_metadata().is_ok() {
        return Err(taken());
    }
    let draft = folder.join(format!(".new-{id}-{}", std::process::id()));
    let unavailable = |source| ProfileError::Unavailable { path: folder.clone(), source };
    let written = write_draft(&draft, executor, command).and_then(|()| fs::rename(&draft, &dir));
    if let Err(error) = written {
        // The draft is of no use; when it cannot be removed either, the first error says why.
        let _ = fs::remove_dir_all(&draft);
        let full = matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty);
        return Err(if full { taken() } else { unavailable(error) });
    }
    Ok(read(&id, dir))
}

/// Whether a text can name a profile: `[a-z0-9][a-z0-9_-]{0,63}`.
#[must_use]
pub fn is_valid_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    id.len() <= 64
        && id.bytes().next().is_some_and(plain)
        && id.bytes().all(|byte| plain(byte) || byte == b'_' || byte == b'-')
}

/// Splits a command line as a shell does, without variables, globs or substitutions.
///
/// # Errors
/// When a quote is never closed.
pub fn split_command(line: &str) -> Result<Vec<String>, String> {
    shlex::split(line).ok_or_else(|| "command: has a quote that is never closed".to_owned())
}

fn check_new_id(id: &str) -> Result<(), ProfileError> {
    if !is_valid_id(id) {
        return Err(ProfileError::Invalid(format!(
            "\"{id}\" cannot name a profile: use 1 to 64 of a-z, 0-9, - and _, and start with a letter or digit"
        )));
    }
    if id == DEFAULT_PROFILE {
        return Err(ProfileError::Conflict(
            "\"default\" is the home itself and exists already; choose another name".into(),
        ));
    }
    if RESERVED.contains(&id) {
        return Err(ProfileError::Invalid(format!("\"{id}\" is reserved; choose another name")));
    }
    Ok(())
}

fn check_new_command(executor: ExecutorKind, command: &[String]) -> Result<(), ProfileError> {
    match (executor, command.first()) {
        (ExecutorKind::Command, None) => {
            Err(ProfileError::Invalid("a command profile needs the program to run; name it after --command".into()))
        }
        (ExecutorKind::Agent, Some(_)) => Err(ProfileError::Invalid(
            "an agent profile runs no program; leave the command out or choose executor command".into(),
        )),
        (ExecutorKind::Command, Some(_)) => check_words(command).map_err(ProfileError::Invalid),
        (ExecutorKind::Agent, None) => Ok(()),
    }
}

/// The configuration as written in the file. Keys of others are left alone.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ProfileFile {
    executor: Option<String>,
    command: Option<CommandField>,
    model: Option<ModelField>,
    description: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum CommandField {
    Line(String),
    Words(Vec<String>),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum ModelField {
    Name(String),
    Section {
        #[serde(default, alias = "model", alias = "name")]
        default: Option<String>,
    },
}

/// Reads a profile; whatever is wrong becomes its problem.
fn read(id: &str, dir: PathBuf) -> Profile {
    let soul = Some(dir.join("SOUL.md")).filter(|path| path.is_file());
    let mut profile = Profile {
        id: id.to_owned(),
        dir,
        executor: ExecutorKind::Agent,
        command: Vec::new(),
        soul,
        model: None,
        description: None,
        problem: None,
    };
    if !is_valid_id(id) {
        profile.problem = Some(format!(
            "the folder name \"{}\" cannot name a profile; rename it to 1 to 64 of a-z, 0-9, - and _",
            crate::text::excerpt(id, 60)
        ));
        return profile;
    }
    let config = profile.dir.join("config.yaml");
    let file = match read_file(&config) {
        Ok(file) => file,
        Err(problem) => {
            profile.problem =
                Some(format!("{} is not usable: {problem}. Mend that line, or move the file away", config.display()));
            return profile;
        }
    };
    let description = file.description.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    profile.description =
        description.filter(|text| !text.is_empty()).map(|text| text.chars().take(MAX_DESCRIPTION_CHARS).collect());
    profile.model = file.model.and_then(|model| match model {
        ModelField::Name(name) => Some(name),
        ModelField::Section { default } => default,
    });
    profile.model = profile.model.filter(|name| !name.trim().is_empty());
    match settle(file.executor.as_deref(), file.command, &profile.dir) {
        Ok((executor, command)) => (profile.executor, profile.command) = (executor, command),
        Err(problem) => {
            profile.executor =
                if file.executor.as_deref() == Some("command") { ExecutorKind::Command } else { ExecutorKind::Agent };
            profile.problem = Some(format!("{}: {problem}", config.display()));
        }
    }
    profile
}

fn read_file(path: &Path) -> Result<ProfileFile, String> {
    let mut text = String::new();
    match fs::File::open(path) {
        Ok(file) => file.take(MAX_CONFIG_BYTES + 1).read_to_string(&mut text).map_err(|error| error.to_string())?,
        // A folder without configuration is an agent with the home's settings.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ProfileFile::default()),
        Err(error) => return Err(error.to_string()),
    };
    if text.len() as u64 > MAX_CONFIG_BYTES {
        return Err(format!("it is longer than {} KB", MAX_CONFIG_BYTES / 1024));
    }
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(ProfileFile::default());
    }
    serde_yaml_ng::from_str(&text).map_err(|error| misread("", &error.to_string(), Notation::Yaml))
}

/// Executor and command that belong together.
fn settle(
    executor: Option<&str>,
    command: Option<CommandField>,
    dir: &Path,
) -> Result<(ExecutorKind, Vec<String>), String> {
    let executor = match executor.map(str::trim) {
        Some(word) => word.parse().map_err(|error| format!("executor {error}"))?,
        None if command.is_some() => ExecutorKind::Command,
        None => ExecutorKind::Agent,
    };
    if executor == ExecutorKind::Agent {
        return Ok((executor, Vec::new()));
    }
    let mut words = match command {
        None => return Err("executor is command, but command: is missing; name the program to run".into()),
        Some(CommandField::Words(words)) => words,
        Some(CommandField::Line(line)) => split_command(&line)?,
    };
    check_words(&words)?;
    if let Some(program) = words.first_mut() {
        *program = absolute_program(program, dir);
    }
    Ok((executor, words))
}

fn check_words(words: &[String]) -> Result<(), String> {
    if words.first().is_none_or(|program| program.trim().is_empty()) {
        return Err("command: is empty; name the program to run".into());
    }
    if words.iter().any(|word| word.contains('\0')) {
        return Err("command: has a NUL character, which no program can be given".into());
    }
    Ok(())
}

/// Workers run in other folders, so a program beside the profile must be found from everywhere.
fn absolute_program(program: &str, dir: &Path) -> String {
    if let Some(rest) = program.strip_prefix("~/")
        && let Some(user) = std::env::home_dir()
    {
        return user.join(rest).to_string_lossy().into_owned();
    }
    if program.contains('/') && !program.starts_with('/') {
        let relative = program.strip_prefix("./").unwrap_or(program);
        return dir.join(relative).to_string_lossy().into_owned();
    }
    program.to_owned()
}

fn write_draft(draft: &Path, executor: ExecutorKind, command: &[String]) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(draft)?;
    let mut text =
        String::from("# A worker of Hermes. Keys that are missing here are taken from config.yaml of the home.\n");
    text.push_str(&format!("executor: {executor}\n"));
    if executor == ExecutorKind::Command {
        let words = serde_json::to_string(command).map_err(io::Error::other)?;
        text.push_str(
            "# The card comes as JSON on stdin and in $HERMES_TASK_FILE; answer with `hermes kanban complete|block`.\n",
        );
        // A list in JSON is one in YAML, too.
        text.push_str(&format!("command: {words}\n"));
    }
    write_synced(&draft.join("config.yaml"), &text)?;
    write_synced(&draft.join("SOUL.md"), "")
}

fn write_synced(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
