//! Follows a script command by command: where it may be, what its variables hold, what it has downloaded.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::lexer::{self, Item, Joint, Piece, Simple, Word};
use super::rules;
use crate::tools::places::{Place, Places};

/// Scripts inside scripts.
const MAX_DEPTH: u8 = 6;
const MAX_DIRECTORIES: usize = 8;
/// Words before a command that do not change what it does.
const SHELL_WORDS: &[&str] =
    &["if", "then", "else", "elif", "do", "while", "until", "!", "{", "}", "fi", "done", "esac"];

/// A command with its wrappers (`env`, `nohup`, `xargs` …) taken off.
pub(super) struct Call<'a> {
    /// Name without directory.
    pub(super) name: String,
    pub(super) args: Vec<Arg>,
    /// Run by `xargs` or `find -exec`: further arguments are unknown.
    pub(super) open_ended: bool,
    /// The commands before it in its pipeline.
    pub(super) upstream: &'a [String],
    pub(super) input: Option<&'a str>,
}

impl Call<'_> {
    /// Known texts of the arguments.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.args.iter().filter_map(|arg| arg.text.as_deref())
    }

    /// Whether a short flag is set, alone or in a cluster, before `--`.
    pub(super) fn flag(&self, letter: char) -> bool {
        self.texts()
            .take_while(|text| *text != "--")
            .any(|text| text.len() > 1 && text.starts_with('-') && !text.starts_with("--") && text.contains(letter))
    }

    pub(super) fn has(&self, word: &str) -> bool {
        self.texts().any(|text| text == word)
    }

    /// Arguments that are no flags.
    pub(super) fn operands(&self) -> impl Iterator<Item = &Arg> {
        let mut only_operands = false;
        self.args.iter().filter(move |arg| match arg.text.as_deref() {
            Some("--") if !only_operands => {
                only_operands = true;
                false
            }
            Some(text) => only_operands || !text.starts_with('-') || text == "-",
            None => true,
        })
    }

    pub(super) fn operand(&self, at: usize) -> Option<&str> {
        self.operands().nth(at).and_then(|arg| arg.text.as_deref())
    }
}

/// An argument.
#[derive(Debug, Clone)]
pub(super) struct Arg {
    /// Its text, when it is known; with the signs of patterns in it.
    pub(super) text: Option<String>,
    /// The known text before the first unknown part.
    pub(super) prefix: String,
    pub(super) pattern: bool,
    /// What else it may mean: the members of `{a,b}`.
    pub(super) members: Vec<String>,
}

impl Arg {
    /// A text that means itself.
    pub(super) fn plain(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { prefix: text.clone(), text: Some(text), pattern: false, members: Vec::new() }
    }
}

pub(super) struct Walk<'a> {
    pub(super) places: &'a Places,
    /// Where the script may stand now; `None` is somewhere unknown.
    pub(super) directories: Vec<Option<PathBuf>>,
    variables: HashMap<String, Option<String>>,
    /// Files that came from the network.
    pub(super) downloads: Vec<PathBuf>,
    depth: u8,
}

pub(super) fn check(command: &str, places: &Places) -> Result<(), String> {
    rules::whole_text(command, places)?;
    let mut walk = Walk {
        places,
        directories: vec![Some(places.workspace.clone())],
        variables: HashMap::new(),
        downloads: Vec::new(),
        depth: 0,
    };
    walk.script(command)
}

impl Walk<'_> {
    /// Judges a script inside this one.
    pub(super) fn script(&mut self, source: &str) -> Result<(), String> {
        if self.depth >= MAX_DEPTH {
            return Err("commands are nested too deeply to be read".to_owned());
        }
        self.depth += 1;
        let items = lexer::read(source).map_err(|unreadable| format!("it cannot be read: {}", unreadable.0))?;
        let mut saved: Vec<Vec<Option<PathBuf>>> = Vec::new();
        let mut upstream: Vec<String> = Vec::new();
        for item in &items {
            match item {
                Item::Open => saved.push(self.directories.clone()),
                Item::Close => {
                    if let Some(outer) = saved.pop() {
                        self.directories = outer;
                    }
                }
                Item::Command(command) => {
                    if command.joint != Joint::Pipe {
                        upstream.clear();
                    }
                    let name = self.command(command, &upstream)?;
                    upstream.push(name);
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn command(&mut self, command: &Simple, upstream: &[String]) -> Result<String, String> {
        let every_word = command.words.iter().chain(command.redirects.iter().map(|redirect| &redirect.target));
        for word in every_word {
            for piece in &word.0 {
                if let Piece::Sub(inner) = piece {
                    self.script(inner)?;
                }
            }
        }
        if command.input_expands
            && let Some(text) = &command.input
        {
            self.expanding_text(text)?;
        }
        let from_network = command.words.first().and_then(Word::plain).is_some_and(|name| rules::is_fetcher(&name));
        for redirect in &command.redirects {
            let target = self.arg(&redirect.target);
            rules::word(&target, self)?;
            if redirect.writes {
                rules::writes_to(&target, self, "writes to")?;
                if from_network {
                    self.remember_download(&target);
                }
            }
        }
        let mut words = command.words.as_slice();
        while let Some((first, rest)) = words.split_first() {
            let text = first.plain();
            if text.as_deref().is_some_and(|text| SHELL_WORDS.contains(&text)) {
                words = rest;
            } else if let Some((name, value)) = self.assignment(first) {
                self.assign(command.joint, name, value)?;
                words = rest;
            } else {
                break;
            }
        }
        let Some(first) = words.first() else { return Ok(String::new()) };
        let args: Vec<Arg> = words.iter().map(|word| self.arg(word)).collect();
        for arg in &args {
            rules::word(arg, self)?;
        }
        if args.first().is_some_and(|arg| arg.text.is_none()) && self.program_of(first).is_none() {
            return Err("the name of its program is computed; write it out".to_owned());
        }
        rules::fetched_code(words)?;
        self.remember_loop(&args);
        self.call(args, false, upstream, command.input.as_deref())
    }

    /// Takes wrappers off and judges what is left. Returns the name of the program.
    pub(super) fn call(
        &mut self,
        mut args: Vec<Arg>,
        mut open_ended: bool,
        upstream: &[String],
        input: Option<&str>,
    ) -> Result<String, String> {
        loop {
            let Some(first) = args.first() else { return Ok(String::new()) };
            let name = first.text.as_deref().map(base_name).unwrap_or_default().to_owned();
            let Some(skip) = rules::wrapper(&name, &args) else { break };
            open_ended |= matches!(name.as_str(), "xargs" | "parallel");
            args.drain(..skip.min(args.len()));
        }
        if args.is_empty() {
            return Ok(String::new());
        }
        let program = args.remove(0);
        let name = program.text.as_deref().map(base_name).unwrap_or_default().to_owned();
        let call = Call { name: name.clone(), args, open_ended, upstream, input };
        rules::program(&program, &call, self)?;
        self.change_directory(&call);
        Ok(name)
    }

    fn change_directory(&mut self, call: &Call<'_>) {
        match call.name.as_str() {
            "cd" | "pushd" => {
                let target = match call.operands().next() {
                    None => Some(self.places.user_home.to_string_lossy().into_owned()),
                    Some(arg) => arg.text.clone().filter(|text| !arg.pattern && text != "-"),
                };
                // It may fail or be skipped, so where it stood before stays possible.
                let mut fresh: Vec<Option<PathBuf>> = Vec::new();
                for base in &self.directories {
                    fresh.push(match (&target, base) {
                        (Some(target), Some(base)) => Some(self.places.of(base, target).0),
                        (Some(target), None) if target.starts_with('/') => {
                            Some(self.places.of(Path::new("/"), target).0)
                        }
                        _ => None,
                    });
                }
                for directory in fresh {
                    if !self.directories.contains(&directory) && self.directories.len() < MAX_DIRECTORIES {
                        self.directories.push(directory);
                    } else if self.directories.len() >= MAX_DIRECTORIES && !self.directories.contains(&None) {
                        self.directories.push(None);
                    }
                }
            }
            "popd" if !self.directories.contains(&None) => self.directories.push(None),
            _ => {}
        }
    }

    fn expanding_text(&mut self, text: &str) -> Result<(), String> {
        // Read as one quoted word, only what the shell would run is found.
        let quoted = format!("echo \"{}\"", text.replace('"', " "));
        let items = lexer::read(&quoted).map_err(|unreadable| format!("it cannot be read: {}", unreadable.0))?;
        for item in &items {
            let Item::Command(command) = item else { continue };
            for piece in command.words.iter().flat_map(|word| &word.0) {
                if let Piece::Sub(inner) = piece {
                    self.script(inner)?;
                }
            }
        }
        Ok(())
    }

    fn assignment(&self, word: &Word) -> Option<(String, Option<String>)> {
        let Some(Piece::Text(start)) = word.0.first() else { return None };
        let (name, value) = start.split_once('=')?;
        let name = name.strip_suffix('+').unwrap_or(name);
        let is_name = !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_name {
            return None;
        }
        let mut rest = word.clone();
        rest.0[0] = Piece::Text(value.to_owned());
        Some((name.to_owned(), self.arg(&rest).text))
    }

    fn assign(&mut self, joint: Joint, name: String, value: Option<String>) -> Result<(), String> {
        if let Some(text) = &value {
            rules::word(&Arg::plain(text.as_str()), self)?;
        }
        if matches!(name.as_str(), "PATH" | "IFS" | "LD_PRELOAD" | "BASH_ENV" | "ENV") && name != "PATH" {
            return Err(format!("it sets {name}, which changes what other commands do"));
        }
        // Set twice or only perhaps, its value is not known.
        let known = if joint == Joint::Sequence && !self.variables.contains_key(&name) { value } else { None };
        self.variables.insert(name, known);
        Ok(())
    }

    /// `for name in words`: the variable stands for any of the words; one in the workspace stands for all that are.
    fn remember_loop(&mut self, args: &[Arg]) {
        let texts: Vec<Option<&str>> = args.iter().map(|arg| arg.text.as_deref()).collect();
        let [Some("for"), Some(name), Some("in"), first, ..] = texts.as_slice() else { return };
        let all_inside = args.iter().skip(3).all(|arg| {
            self.places_of(arg).is_some_and(|found| found.iter().all(|(_, place)| *place == Place::Workspace))
        });
        let value = first.map(|text| text.replace(['*', '?', '['], "x")).filter(|_| all_inside);
        self.variables.insert((*name).to_owned(), value);
    }

    fn variable(&self, name: &str) -> Option<String> {
        if let Some(value) = self.variables.get(name) {
            return value.clone();
        }
        match name {
            "HOME" => Some(self.places.user_home.to_string_lossy().into_owned()),
            "HERMES_HOME" => Some(self.places.hermes_home.to_string_lossy().into_owned()),
            "PWD" => match self.directories.as_slice() {
                [Some(only)] => Some(only.to_string_lossy().into_owned()),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn arg(&self, word: &Word) -> Arg {
        let mut prefix = String::new();
        let mut pattern = false;
        let mut known = true;
        for piece in &word.0 {
            let text = match piece {
                Piece::Text(text) => Some(text.clone()),
                Piece::Glob(c) => {
                    pattern = true;
                    Some(c.to_string())
                }
                Piece::Home => Some(self.places.user_home.to_string_lossy().into_owned()),
                Piece::Var(name) => self.variable(name),
                Piece::Sub(_) | Piece::Unknown => None,
            };
            match text {
                Some(text) => prefix.push_str(&text),
                None => {
                    known = false;
                    break;
                }
            }
        }
        let members = if known { Vec::new() } else { members(word, &prefix) };
        Arg { text: known.then(|| prefix.clone()), prefix, pattern, members }
    }

    /// The program behind `$(which x)`.
    fn program_of(&self, word: &Word) -> Option<String> {
        match word.0.as_slice() {
            [Piece::Sub(inner)] => {
                let mut words = inner.split_whitespace();
                match (words.next(), words.next(), words.next()) {
                    (Some("which"), Some(name), None) | (Some("command"), Some("-v"), Some(name)) => {
                        Some(name.to_owned())
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Every place an argument may mean. Nothing when it cannot be told.
    pub(super) fn places_of(&self, arg: &Arg) -> Option<Vec<(PathBuf, Place)>> {
        let text = arg.text.as_deref()?;
        // Whatever a pattern matches lies in the directory before it.
        let text = if arg.pattern {
            text.split(['*', '?', '['])
                .next()
                .and_then(|head| head.rsplit_once('/'))
                .map_or(".", |(dir, _)| if dir.is_empty() { "/" } else { dir })
        } else {
            text
        };
        self.directories
            .iter()
            .map(|base| match base {
                Some(base) => Some(self.places.of(base, text)),
                None if text.starts_with('/') => Some(self.places.of(Path::new("/"), text)),
                None => None,
            })
            .collect()
    }

    pub(super) fn remember_download(&mut self, target: &Arg) {
        if let Some(found) = self.places_of(target) {
            self.downloads.extend(found.into_iter().map(|(path, _)| path));
        }
    }
}

fn members(word: &Word, prefix: &str) -> Vec<String> {
    let rest = word.0.iter().skip_while(|piece| **piece != Piece::Unknown);
    let texts = rest.filter_map(|piece| if let Piece::Text(text) = piece { Some(text) } else { None });
    texts
        .flat_map(|text| text.split([',', '{', '}']))
        .filter(|part| !part.is_empty())
        .map(|part| format!("{prefix}{part}"))
        .collect()
}

pub(super) fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
