//! Finds the boards of a Python home. Reads directories and `board.json`; opens no database and writes nothing.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::report::ImportError;
use super::values::BoardLook;
use crate::Home;
use crate::kanban;

/// `board.json` is a few lines; more than this is something else.
const MAX_META_BYTES: u64 = 1 << 20;
const MAX_BOARDS: usize = 10_000;

/// The home of a Python hermes-agent.
#[derive(Debug, Clone)]
pub struct PythonHome {
    pub(super) root: PathBuf,
    pub(super) boards: Vec<SourceBoard>,
}

/// One board of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SourceBoard {
    /// Its name for people: `work`, or `_archived/work-1795261915`.
    pub(super) label: String,
    /// The slug it shall have here.
    pub(super) slug: String,
    /// `None` when there is a description of the board and nothing else.
    pub(super) database: Option<PathBuf>,
    /// Where its files lie.
    pub(super) attachments: PathBuf,
    pub(super) archived: bool,
    /// Unix ms, when the directory's name says so.
    pub(super) archived_at: Option<i64>,
    pub(super) look: BoardLook,
    pub(super) created_at: Option<i64>,
    /// Whether there is a `board.json`, and what is wrong with it.
    described: bool,
    pub(super) problems: Vec<String>,
}

impl PythonHome {
    /// Looks for boards below `from`, which may also be a profile's home inside one.
    ///
    /// # Errors
    /// When there is no such directory, it has no boards, or it is the home of this Hermes.
    pub fn find(from: &Path, own: &Home) -> Result<Self, ImportError> {
        let root = match from.canonicalize() {
            Ok(root) => root,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(ImportError::Missing(from.to_path_buf()));
            }
            Err(source) => return Err(ImportError::File { what: "look at", path: from.to_path_buf(), source }),
        };
        if !root.is_dir() {
            let why = "it is a file; give the directory it lies in".to_owned();
            return Err(ImportError::NotPython { path: root, why });
        }
        let root = match profile_root(&root) {
            Some(shared) if !has_boards(&root) && has_boards(&shared) => shared,
            _ => root,
        };
        let own = real(own.root());
        if own.starts_with(&root) && has_boards(&root) {
            return Err(if own == root {
                ImportError::OwnHome(root)
            } else {
                ImportError::AroundOwnHome { path: root, own }
            });
        }
        if own == root {
            let why = "it is this Hermes's own home, and no boards of the other product are in it; give the directory that \
                       HERMES_HOME named for the Python hermes-agent";
            return Err(ImportError::NotPython { path: root, why: why.to_owned() });
        }
        if own.starts_with(&root) {
            let own = own.display();
            let why = format!(
                "neither kanban.db nor kanban/boards is in it, only this Hermes's own home ({own}) is below it; give the \
                 directory that HERMES_HOME (or HERMES_KANBAN_HOME) named"
            );
            return Err(ImportError::NotPython { path: root, why });
        }
        if !has_boards(&root) {
            let why = if root.join("hermes.db").exists() {
                "it belongs to a Hermes like this one, which needs no import; to use it, set HERMES_HOME to it"
            } else {
                "neither kanban.db nor kanban/boards is in it; give the directory that HERMES_HOME (or \
                 HERMES_KANBAN_HOME) named"
            };
            return Err(ImportError::NotPython { path: root, why: why.to_owned() });
        }
        let boards = boards(&root, &own)?;
        Ok(Self { root, boards })
    }

    /// The directory, with links followed.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }
}

fn has_boards(root: &Path) -> bool {
    root.join("kanban.db").is_file() || root.join("kanban/boards").is_dir()
}

/// `<root>` of `<root>/profiles/<profile>`.
fn profile_root(dir: &Path) -> Option<PathBuf> {
    let profiles = dir.parent()?;
    (profiles.file_name()? == "profiles").then(|| profiles.parent().map(Path::to_path_buf)).flatten()
}

/// The path with links followed, as far as it exists.
pub(super) fn real(path: &Path) -> PathBuf {
    match (path.canonicalize(), path.parent(), path.file_name()) {
        (Ok(path), ..) => path,
        (Err(_), Some(parent), Some(name)) => real(parent).join(name),
        _ => path.to_path_buf(),
    }
}

fn boards(root: &Path, own: &Path) -> Result<Vec<SourceBoard>, ImportError> {
    let kanban = root.join("kanban");
    let mut found = Vec::new();
    let default = board(&kanban.join("boards/default"), "default", false, own);
    found.push(SourceBoard {
        database: Some(root.join("kanban.db")).filter(|file| file.is_file()),
        attachments: kanban.join("attachments"),
        archived: false,
        archived_at: None,
        ..default
    });
    for name in directories(&kanban.join("boards"))? {
        if name != "default" && name != "_archived" {
            found.push(board(&kanban.join("boards").join(&name), &name.to_string_lossy(), false, own));
        }
    }
    for name in directories(&kanban.join("boards/_archived"))? {
        found.push(board(&kanban.join("boards/_archived").join(&name), &name.to_string_lossy(), true, own));
    }
    // A directory without database and description is no board.
    found.retain(|board| board.database.is_some() || board.described);
    Ok(found)
}

impl SourceBoard {
    /// Where it was seen.
    pub(super) fn identity(&self, root: &Path) -> String {
        format!("{}#{}", root.display(), self.label)
    }
}

/// Names of the directories in a directory that may be missing, sorted.
fn directories(dir: &Path) -> Result<Vec<std::ffi::OsString>, ImportError> {
    let failed = |source| ImportError::File { what: "list", path: dir.to_path_buf(), source };
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(failed(source)),
    };
    let mut names = Vec::new();
    for entry in entries.take(MAX_BOARDS) {
        let entry = entry.map_err(failed)?;
        if entry.path().is_dir() {
            names.push(entry.file_name());
        }
    }
    names.sort();
    Ok(names)
}

fn board(dir: &Path, name: &str, archived: bool, own: &Path) -> SourceBoard {
    let (meta, mut problems) = match meta(&dir.join("board.json")) {
        Ok(meta) => (meta, Vec::new()),
        Err(problem) => (Value::Null, vec![problem]),
    };
    let text = |key: &str| meta.get(key).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    let look = BoardLook {
        name: text("name"),
        description: text("description"),
        icon: text("icon"),
        color: text("color"),
        default_dir: Some(text("default_workdir")).filter(|dir| !dir.is_empty()),
    };
    let (base, stamp) = if archived { split_stamp(name) } else { (name, None) };
    let look = look.checked(title_case(base), own, &mut problems);
    let said = meta.get("archived").and_then(Value::as_bool).unwrap_or(false);
    let seconds = meta.get("created_at").and_then(|at| at.as_i64().or_else(|| at.as_f64().map(|at| at as i64)));
    SourceBoard {
        label: if archived { format!("_archived/{name}") } else { name.to_owned() },
        slug: slug(name),
        database: Some(dir.join("kanban.db")).filter(|file| file.is_file()),
        attachments: dir.join("attachments"),
        archived: archived || said,
        archived_at: stamp,
        look,
        created_at: seconds.and_then(super::map::millis),
        described: dir.join("board.json").is_file(),
        problems,
    }
}

/// The description; a missing one says nothing.
fn meta(path: &Path) -> Result<Value, String> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Value::Null),
        Err(error) => {
            return Err(format!("board.json cannot be read: {error}; the board goes by its directory's name"));
        }
    };
    let mut bytes = Vec::new();
    let read = file.take(MAX_META_BYTES).read_to_end(&mut bytes);
    match read.map(|_| serde_json::from_str::<Value>(&String::from_utf8_lossy(&bytes))) {
        Ok(Ok(meta)) if meta.is_object() => Ok(meta),
        _ => Err("board.json is damaged; the board goes by its directory's name".to_owned()),
    }
}

/// `work-1795261915` or `work-1795261915-1` as `work` and when it was archived.
fn split_stamp(name: &str) -> (&str, Option<i64>) {
    let stamp = |text: &str| text.parse::<i64>().ok().filter(|at| *at > 1_000_000_000);
    let Some((base, last)) = name.rsplit_once('-') else { return (name, None) };
    if let Some(at) = stamp(last) {
        return (base, super::map::millis(at));
    }
    match base.rsplit_once('-') {
        Some((base, at)) if last.parse::<u32>().is_ok() && stamp(at).is_some() => {
            (base, stamp(at).and_then(super::map::millis))
        }
        _ => (name, None),
    }
}

/// A slug as near to the name as the rule allows.
fn slug(name: &str) -> String {
    let name = name.trim().to_lowercase();
    if let Ok(slug) = kanban::checked_slug(&name) {
        return slug;
    }
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' }).collect();
    let plain: String = plain.trim_start_matches(['-', '_']).chars().take(60).collect();
    if plain.is_empty() { "board".to_owned() } else { plain }
}

/// `my-board` as `My Board`, which is how the old product called boards without a name.
fn title_case(slug: &str) -> String {
    let words = slug.split(['-', '_']).filter(|word| !word.is_empty());
    let titled: Vec<String> = words
        .map(|word| {
            let mut chars = word.chars();
            chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
        })
        .collect();
    if titled.is_empty() { slug.to_owned() } else { titled.join(" ") }
}

/// The last part of a path, as text.
pub(super) fn file_name(path: &str) -> Option<&OsStr> {
    Path::new(path).file_name()
}

#[cfg(test)]
mod tests {
    use super::{slug, split_stamp, title_case};

    #[test]
    fn archived_directories_say_which_board_and_when() {
        let at = Some(1_795_261_915_000);
        for (name, wanted) in [
            ("work-1795261915", ("work", at)),
            ("work-1795261915-2", ("work", at)),
            ("a-b_c-1795261915", ("a-b_c", at)),
            ("work", ("work", None)),
            ("work-7", ("work-7", None)),
            ("-", ("-", None)),
        ] {
            assert_eq!(split_stamp(name), wanted, "{name}");
        }
    }

    #[test]
    fn every_name_gets_a_lawful_slug() {
        for (name, wanted) in [
            ("Work", "work"),
            ("a b", "a-b"),
            ("ä", "board"),
            ("", "board"),
            ("-x", "x"),
            ("x-1795261915", "x-1795261915"),
        ] {
            assert_eq!(slug(name), wanted, "{name}");
            assert!(crate::kanban::checked_slug(&slug(name)).is_ok());
        }
        assert!(crate::kanban::checked_slug(&slug(&"é-x".repeat(99))).is_ok());
        assert_eq!(title_case("my-first_board"), "My First Board");
    }
}
