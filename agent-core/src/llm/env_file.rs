//! `.env`: `NAME=value` lines. Only the line that is changed is touched; every other byte stays.

use std::path::{Path, PathBuf};

use super::ModelError;
use super::files::{self, Mode};

/// Longest key.
const MAX_VALUE_BYTES: usize = 8 * 1024;
/// Names that would change how programs run instead of holding a key.
const FORBIDDEN: &[&str] = &["PATH", "HOME", "SHELL", "EDITOR", "GIT_SSH_COMMAND", "HERMES_HOME", "HERMES_PROFILE"];
const FORBIDDEN_PREFIXES: &[&str] = &["LD_", "DYLD_", "PYTHON", "NODE_"];

/// The file as it is on disk.
pub(super) struct EnvFile {
    path: PathBuf,
    text: String,
}

impl EnvFile {
    /// Reads it; a missing one is empty.
    pub(super) fn read(path: &Path) -> Result<Self, ModelError> {
        Ok(Self { path: path.to_path_buf(), text: files::read(path)?.unwrap_or_default() })
    }

    /// The value of a variable; the last line that sets it counts.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        self.text.lines().rev().filter_map(assignment).find(|(key, _)| *key == name).map(|(_, value)| unquote(value))
    }

    /// Every value.
    pub(super) fn values(&self) -> Vec<String> {
        self.text.lines().filter_map(assignment).map(|(_, value)| unquote(value)).collect()
    }

    /// Sets or removes a variable and writes the file, 0600.
    pub(super) fn store(&mut self, name: &str, value: Option<&str>) -> Result<(), ModelError> {
        let fresh = edited(&self.text, name, value)?;
        if fresh != self.text || value.is_some() {
            files::replace(&self.path, &fresh, Mode::Secret)?;
            self.text = fresh;
        }
        Ok(())
    }
}

/// Whether a variable of this name may hold a key.
pub(super) fn check_name(name: &str) -> Result<(), ModelError> {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    let fits = first && name.len() <= 128 && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let forbidden = FORBIDDEN.contains(&name) || FORBIDDEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    if fits && !forbidden {
        return Ok(());
    }
    Err(ModelError::Invalid(format!(
        "model.key_env in config.yaml is \"{name}\", which cannot hold a key; use a name like HERMES_MODEL_KEY"
    )))
}

/// Whether a key can be sent in a header.
pub(super) fn check_key(key: &str) -> Result<(), ModelError> {
    if key.len() > MAX_VALUE_BYTES {
        return Err(ModelError::Invalid("the key is longer than any key; paste only the key".to_owned()));
    }
    if key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(ModelError::Invalid(
        "the key contains spaces, line breaks or other characters no key has; paste only the key".to_owned(),
    ))
}

fn edited(text: &str, name: &str, value: Option<&str>) -> Result<String, ModelError> {
    check_name(name)?;
    let mut out = String::with_capacity(text.len() + 64);
    let mut written = false;
    for line in text.split_inclusive('\n') {
        let body = line.trim_end_matches(['\n', '\r']);
        if assignment(body).is_none_or(|(key, _)| key != name) {
            out.push_str(line);
            continue;
        }
        // The first line that set it carries the new value, further ones go: the last would win otherwise.
        if let Some(value) = value.filter(|_| !written) {
            let export = if body.trim_start().starts_with("export ") { "export " } else { "" };
            out.push_str(&format!("{export}{name}={}{}", quote(value), &line[body.len()..]));
            written = true;
        }
    }
    if let Some(value) = value.filter(|_| !written) {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        out.push_str(&format!("{name}={}\n", quote(value)));
    }
    Ok(out)
}

fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start_matches('\u{feff}').trim();
    if line.starts_with('#') {
        return None;
    }
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    (!name.is_empty()).then_some((name, value.trim()))
}

fn quote(value: &str) -> String {
    let plain = value.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'"' | b'\'' | b'\\'));
    if plain { value.to_owned() } else { format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")) }
}

fn unquote(value: &str) -> String {
    for mark in ['"', '\''] {
        let Some(inner) = value.strip_prefix(mark) else { continue };
        let mut out = String::new();
        let mut chars = inner.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' if mark == '"' => match chars.next() {
                    Some(escaped @ ('"' | '\\')) => out.push(escaped),
                    Some(other) => out.extend(['\\', other]),
                    None => out.push('\\'),
                },
                _ if c == mark => return out,
                _ => out.push(c),
            }
        }
        return value.to_owned();
    }
    // A comment after an unquoted value starts with a space.
    value.split(" #").next().unwrap_or(value).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::{EnvFile, check_key, check_name, edited};

    const BEFORE: &str = "# my keys\nOTHER='a b' # keep\n\nexport KEY=old\r\nKEY=older\nodd line\n";

    #[test]
    fn only_the_variables_own_lines_change() {
        assert_eq!(
            edited(BEFORE, "KEY", Some("new")).unwrap(),
            "# my keys\nOTHER='a b' # keep\n\nexport KEY=new\r\nodd line\n"
        );
        assert_eq!(edited(BEFORE, "KEY", None).unwrap(), "# my keys\nOTHER='a b' # keep\n\nodd line\n");
        assert_eq!(edited("A=1", "KEY", Some("x#y")).unwrap(), "A=1\nKEY=\"x#y\"\n");
        assert_eq!(edited("# KEY=not this\n", "KEY", None).unwrap(), "# KEY=not this\n");
    }

    #[test]
    fn values_come_back_as_they_were_stored_and_the_file_is_the_owners() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".env");
        std::fs::write(&path, "A=\"x\\\"y\" \nB=plain # note\nC='it is'\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        for value in ["sk-abc", "with#hash", "with\"quote\\back", "a=b"] {
            EnvFile::read(&path).unwrap().store("KEY", Some(value)).unwrap();
            assert_eq!(EnvFile::read(&path).unwrap().get("KEY").as_deref(), Some(value));
        }
        let file = EnvFile::read(&path).unwrap();
        assert_eq!(
            (file.get("A"), file.get("B"), file.get("C")),
            (Some("x\"y".into()), Some("plain".into()), Some("it is".into()))
        );
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing half-written is left");
    }

    #[test]
    fn a_link_stays_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join(".env"));
        std::fs::write(&real, "A=1\n").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        EnvFile::read(&link).unwrap().store("KEY", Some("x")).unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read_to_string(&real).unwrap(), "A=1\nKEY=x\n");
    }

    #[test]
    fn names_and_keys_are_checked() {
        for good in ["OPENAI_API_KEY", "_x", "K1"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "1A", "A B", "A=B", "PATH", "LD_PRELOAD", "A\nB"] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        for bad in ["a b", "a\nb", "schlüssel", &"x".repeat(9000)] {
            assert!(check_key(bad).is_err());
        }
        assert!(check_key("sk-abc_123.x/y+z=").is_ok());
    }
}
