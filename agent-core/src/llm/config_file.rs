//! Edits the `model` section of `config.yaml` and nothing else.
//!
//! The file is people's own: comments, order, unknown keys and layout stay as they are. The edit works on lines, and
//! its result is parsed again and compared with what was wanted before anything is written. When in doubt it refuses.

use serde_yaml_ng::{Mapping, Value};

use super::ModelError;
use crate::Config;

const SECTION: &str = "model";
/// Names under which `Config` accepts the model's name.
const MODEL_KEYS: &[&str] = &["default", "model", "name"];

/// What to set.
#[derive(Debug, Clone, Copy)]
pub(super) struct ModelKeys<'a> {
    pub(super) base_url: &'a str,
    pub(super) model: &'a str,
    /// Set only when a key is stored and the file names no variable yet.
    pub(super) key_env: Option<&'a str>,
}

/// The text with the model's keys set.
pub(super) fn edited(text: &str, keys: ModelKeys<'_>) -> Result<String, ModelError> {
    let before = parse(text)?;
    let section = before.get(SECTION).cloned().unwrap_or(Value::Null);
    let known = match &section {
        Value::Null => Mapping::new(),
        Value::Mapping(known) => known.clone(),
        _ => return Err(refuse("its model section is not a list of keys")),
    };
    let model_key = MODEL_KEYS.iter().find(|key| known.contains_key(**key)).copied().unwrap_or("default");
    let mut wanted = vec![("base_url", keys.base_url), (model_key, keys.model)];
    wanted.extend(keys.key_env.map(|name| ("key_env", name)));

    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let mut section_at = find_section(&lines)?;
    if section_at.is_none() {
        if before.get(SECTION).is_some() {
            return Err(refuse("its model section is written in a way that cannot be edited line by line"));
        }
        section_at = Some(append_section(&mut lines, line_end(text)));
    }
    let Some(at) = section_at else { return Err(refuse("its model section was not found")) };
    for (key, value) in &wanted {
        set(&mut lines, at, key, value, line_end(text));
    }
    let after: String = lines.concat();
    verify(&before, &after, &wanted, keys)?;
    Ok(after)
}

fn refuse(why: &str) -> ModelError {
    ModelError::Invalid(format!(
        "config.yaml was left alone: {why}. Set model.base_url and model.default in it by hand, then try again"
    ))
}

fn parse(text: &str) -> Result<Mapping, ModelError> {
    if text.trim_start_matches('\u{feff}').trim().is_empty() {
        return Ok(Mapping::new());
    }
    match serde_yaml_ng::from_str(text) {
        Ok(Value::Mapping(mapping)) => Ok(mapping),
        Ok(Value::Null) => Ok(Mapping::new()),
        Ok(_) => Err(refuse("it is not a list of keys")),
        Err(error) => Err(refuse(&format!("it is not readable ({error})"))),
    }
}

fn line_end(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// A scalar that means the text whatever it looks like: JSON strings are YAML strings.
fn scalar(value: &str) -> String {
    Value::String(value.to_owned()).as_str().map_or_else(String::new, |text| serde_json::Value::from(text).to_string())
}

/// The line of `model:` at the left edge.
fn find_section(lines: &[String]) -> Result<Option<usize>, ModelError> {
    let mut found = None;
    for (at, line) in lines.iter().enumerate() {
        let Some((key, rest)) = key_of(line.trim_start_matches('\u{feff}')) else { continue };
        if key == SECTION && indent(line) == 0 {
            if !(rest.trim().is_empty() || rest.trim_start().starts_with('#')) {
                return Err(refuse("its model section is written on one line"));
            }
            found = Some(at);
        }
    }
    Ok(found)
}

fn append_section(lines: &mut Vec<String>, end: &str) -> usize {
    if let Some(last) = lines.last_mut()
        && !last.ends_with('\n')
    {
        last.push_str(end);
    }
    lines.push(format!("{SECTION}:{end}"));
    lines.len() - 1
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

fn is_blank(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

/// The key of a `key: value` line, and what follows the colon.
fn key_of(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_end_matches(['\n', '\r']);
    let (key, rest) = line.split_once(':')?;
    let key = key.trim();
    let key = key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(key);
    let key = key.strip_prefix('\'').and_then(|key| key.strip_suffix('\'')).unwrap_or(key);
    let plain = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (plain && (rest.is_empty() || rest.starts_with([' ', '\t']))).then_some((key, rest))
}

/// Sets a key of the section that starts at `section`.
fn set(lines: &mut Vec<String>, section: usize, key: &str, value: &str, end: &str) {
    let children = section + 1..lines.len();
    let last = children
        .clone()
        .take_while(|at| lines.get(*at).is_some_and(|line| is_blank(line) || indent(line) > 0))
        .filter(|at| lines.get(*at).is_some_and(|line| !is_blank(line)))
        .last();
    let depth = children
        .clone()
        .take_while(|at| last.is_some_and(|last| *at <= last))
        .find_map(|at| lines.get(at).filter(|line| !is_blank(line)).map(|line| indent(line)))
        .unwrap_or(2);
    for at in section + 1..=last.unwrap_or(section) {
        let Some(line) = lines.get_mut(at) else { break };
        if indent(line) == depth
            && let Some((found, rest)) = key_of(line)
            && found == key
        {
            let body = line.trim_end_matches(['\n', '\r']);
            let (head, tail) = (&body[..body.len() - rest.len()], &line[body.len()..]);
            *line = format!("{head} {}{}{tail}", scalar(value), comment(rest));
            return;
        }
    }
    let insert_at = last.unwrap_or(section);
    if let Some(line) = lines.get_mut(insert_at)
        && !line.ends_with('\n')
    {
        line.push_str(end);
    }
    lines.insert(insert_at + 1, format!("{}{key}: {}{end}", " ".repeat(depth), scalar(value)));
}

/// The comment behind a value, with the space before it.
fn comment(rest: &str) -> &str {
    let value = rest.trim_start();
    let start = rest.len() - value.len();
    let mut inside: Option<char> = None;
    let mut previous = ' ';
    for (at, c) in value.char_indices() {
        match inside {
            Some(mark) if c == mark && !(mark == '"' && previous == '\\') => inside = None,
            Some(_) => {}
            None if at == 0 && matches!(c, '"' | '\'') => inside = Some(c),
            None if c == '#' && previous.is_whitespace() => {
                let head = rest[..start + at].trim_end().len();
                return &rest[head..];
            }
            None => {}
        }
        previous = c;
    }
    ""
}

/// The new text must mean the old one with exactly the wanted keys set, and Hermes must understand it.
fn verify(before: &Mapping, after: &str, wanted: &[(&str, &str)], keys: ModelKeys<'_>) -> Result<(), ModelError> {
    let mut expected = before.clone();
    let mut section = before.get(SECTION).and_then(Value::as_mapping).cloned().unwrap_or_default();
    for (key, value) in wanted {
        section.insert((*key).into(), (*value).into());
    }
    expected.insert(SECTION.into(), section.into());
    if parse(after).ok().as_ref() != Some(&expected) {
        return Err(refuse("it is laid out in a way that cannot be edited without losing something"));
    }
    let config: Config = serde_yaml_ng::from_str(after).map_err(|error| refuse(&error.to_string()))?;
    if config.model.base_url != keys.base_url || config.model.default != keys.model {
        return Err(refuse("the settings would not come back as they were entered"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{ModelKeys, edited};

    fn set(text: &str) -> Result<String, String> {
        let keys = ModelKeys { base_url: "http://h/v1", model: "m:7b", key_env: None };
        edited(text, keys).map_err(|error| error.to_string())
    }

    #[test]
    fn everything_else_stays_as_it_was() {
        let before = "# mine\n_config_version: 33\nmodel:\n  # which one\n  default: \"old # not a comment\"   # why\n  provider: custom\n  base_url: http://old  # home\n  extra: {a: 1}\n\nterminal:\n  backend: local\n";
        let after = "# mine\n_config_version: 33\nmodel:\n  # which one\n  default: \"m:7b\"   # why\n  provider: custom\n  base_url: \"http://h/v1\"  # home\n  extra: {a: 1}\n\nterminal:\n  backend: local\n";
        assert_eq!(set(before).unwrap(), after);
        assert_eq!(set(after).unwrap(), after, "a second time changes nothing");
    }

    #[test]
    fn missing_parts_are_added_where_they_belong() {
        let cases = [
            ("", "model:\n  base_url: \"http://h/v1\"\n  default: \"m:7b\"\n"),
            ("# only a comment", "# only a comment\nmodel:\n  base_url: \"http://h/v1\"\n  default: \"m:7b\"\n"),
            ("a: 1", "a: 1\nmodel:\n  base_url: \"http://h/v1\"\n  default: \"m:7b\"\n"),
            ("a: 1\r\n", "a: 1\r\nmodel:\r\n  base_url: \"http://h/v1\"\r\n  default: \"m:7b\"\r\n"),
            (
                "model:\n\n# later\nb: 2\n",
                "model:\n  base_url: \"http://h/v1\"\n  default: \"m:7b\"\n\n# later\nb: 2\n",
            ),
            (
                "model:\n    name: old\n    nested:\n        base_url: other\nb: 2",
                "model:\n    name: \"m:7b\"\n    nested:\n        base_url: other\n    base_url: \"http://h/v1\"\nb: 2",
            ),
        ];
        for (before, after) in cases {
            assert_eq!(set(before).unwrap(), after, "{before:?}");
        }
    }

    #[test]
    fn what_cannot_be_edited_safely_is_refused() {
        for text in [
            "model: {default: old}\n",
            "model: old\n",
            "{model: {default: old}}\n",
            "- a\n",
            "a: [1\n",
            "model:\n  default: >\n    folded\n    text\n",
            "model: &anchor\n  default: x\n",
            "a: |\n  model:\nmodel: null\n",
            "a: 1\n...\n",
            "a: 1\n---\nb: 2\n",
        ] {
            let refused = set(text).unwrap_err();
            assert!(refused.contains("left alone"), "{text:?}: {refused}");
        }
    }

    #[test]
    fn the_variable_is_named_once() {
        let keys = ModelKeys { base_url: "http://h", model: "m", key_env: Some("HERMES_MODEL_KEY") };
        let after = edited("model:\n  default: x\n", keys).unwrap();
        assert!(after.contains("  key_env: \"HERMES_MODEL_KEY\"\n"));
    }
}
