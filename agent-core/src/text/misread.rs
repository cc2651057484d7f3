//! What serde says of a value it cannot read, in words for people: no types of Rust, and which values are accepted.

/// Longest piece of a value that is repeated.
const MAX_VALUE_CHARS: usize = 60;
/// How serde's messages about a value begin.
const BEGINNINGS: &[&str] = &[
    "invalid type: ",
    "invalid value: ",
    "invalid length ",
    "unknown variant ",
    "unknown field ",
    "missing field ",
    "duplicate field ",
    "data did not match ",
];

/// What values that hold others are called where the text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notation {
    /// They are objects.
    Json,
    /// They are sections.
    Yaml,
}

impl Notation {
    const fn group(self) -> &'static str {
        match self {
            Self::Json => "an object",
            Self::Yaml => "a section with keys of its own",
        }
    }
}

/// A sentence, without its end, about the field at `path`, for instance `"params.title" is 5, but must be text`.
/// A path in the message itself counts, too.
#[must_use]
pub fn misread(path: &str, message: &str, notation: Notation) -> String {
    let (message, line) = split_position(message);
    let (inner, message) = split_path(message);
    let path = match (path.trim_matches('.'), inner) {
        ("", inner) => inner.to_owned(),
        (outer, "") => outer.to_owned(),
        (outer, inner) => format!("{outer}.{inner}"),
    };
    let said = said(&path, message, notation);
    line.map_or_else(|| said.clone(), |line| format!("{said} (line {line})"))
}

fn said(path: &str, message: &str, notation: Notation) -> String {
    let at = if path.is_empty() { "it".to_owned() } else { format!("\"{path}\"") };
    if let Some(name) = message.strip_prefix("missing field ") {
        let dot = if path.is_empty() { "" } else { "." };
        return format!("\"{path}{dot}{}\" is missing", name.trim_matches('`'));
    }
    if let Some(name) = message.strip_prefix("duplicate field ") {
        return format!("\"{}\" is there twice", name.trim_matches('`'));
    }
    if let Some((word, known)) = unknown(message) {
        return format!("{at} is \"{}\", but must be {known}", shortened(word));
    }
    let found = ["invalid type: ", "invalid value: "].iter().find_map(|head| message.strip_prefix(head));
    match found.and_then(|rest| rest.rsplit_once(", expected ")) {
        Some((value, wanted)) => format!("{at} is {}, but must be {}", value_in_words(value, notation), {
            wanted_in_words(wanted, notation)
        }),
        None if message.starts_with("UUID parsing failed") => format!("{at} is no id"),
        None if message.starts_with("invalid length ") && message.contains("struct") => {
            format!("{at} is a list, but must be {}", notation.group())
        }
        None if message.starts_with("invalid length ") => format!("{at} has the wrong number of values"),
        None if message.starts_with("data did not match ") => format!("{at} is of a kind that has no meaning there"),
        None if message.starts_with('"') => format!("{at}: {message}"),
        None => format!("{at} cannot be read: {message}"),
    }
}

/// `… at line 2 column 20` without its end, and the line.
fn split_position(message: &str) -> (&str, Option<&str>) {
    let Some((head, position)) = message.rsplit_once(" at line ") else { return (message, None) };
    match position.split_once(" column ") {
        Some((line, _)) if line.bytes().all(|byte| byte.is_ascii_digit()) => (head, Some(line)),
        _ => (message, None),
    }
}

/// The path that YAML's reader puts before the message.
fn split_path(message: &str) -> (&str, &str) {
    let start = BEGINNINGS.iter().filter_map(|head| message.find(head)).min();
    match start.map(|start| message.split_at(start)) {
        Some((path, rest)) if path.ends_with(": ") && !path.contains('"') => (path.trim_end_matches(": "), rest),
        _ => ("", message),
    }
}

/// The word of an unknown variant or field, and those that are known.
fn unknown(message: &str) -> Option<(&str, String)> {
    let rest = message.strip_prefix("unknown variant ").or_else(|| message.strip_prefix("unknown field "))?;
    let (word, known) = rest.rsplit_once(", expected ").unwrap_or((rest, ""));
    let words: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    let known = match words.as_slice() {
        [] => "something else".to_owned(),
        [only] => format!("\"{only}\""),
        many => format!("one of {}", many.join(", ")),
    };
    Some((word.trim_matches('`'), known))
}

fn value_in_words(value: &str, notation: Notation) -> String {
    for kind in ["integer `", "floating point `", "boolean `", "character `"] {
        if let Some(value) = value.strip_prefix(kind) {
            return value.trim_end_matches('`').to_owned();
        }
    }
    match value {
        "null" | "unit value" | "Option value" => "empty".to_owned(),
        "sequence" => "a list".to_owned(),
        "map" => notation.group().to_owned(),
        other => match other.strip_prefix("string ") {
            Some(text) => format!("\"{}\"", shortened(text.trim_matches('"'))),
            None => "of another kind".to_owned(),
        },
    }
}

fn wanted_in_words(wanted: &str, notation: Notation) -> String {
    match wanted {
        "a string" | "string" | "a borrowed string" => "text".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "u8" => whole(u8::MIN, u8::MAX),
        "u16" => whole(u16::MIN, u16::MAX),
        "u32" => whole(u32::MIN, u32::MAX),
        "u64" | "usize" => whole(u64::MIN, u64::MAX),
        "i8" => whole(i8::MIN, i8::MAX),
        "i16" => whole(i16::MIN, i16::MAX),
        "i32" => whole(i32::MIN, i32::MAX),
        "i64" | "isize" => whole(i64::MIN, i64::MAX),
        text if text.contains("UUID") => "an id".to_owned(),
        text if text.contains("tuple") => "a list".to_owned(),
        "unit" => "empty".to_owned(),
        "string or map" => format!("one of the accepted words or {}", notation.group()),
        text if text.contains("variant") => "one of the accepted words".to_owned(),
        text if text.starts_with("a map") || text.contains("struct") || text.contains("enum") => {
            notation.group().to_owned()
        }
        other => other.to_owned(),
    }
}

fn whole(least: impl std::fmt::Display, most: impl std::fmt::Display) -> String {
    format!("a whole number from {least} to {most}")
}

fn shortened(text: &str) -> String {
    super::excerpt(text, MAX_VALUE_CHARS)
}

#[cfg(test)]
mod tests {
    use super::{Notation, misread};

    #[test]
    fn what_serde_says_becomes_a_sentence_without_types() {
        for (path, message, wanted) in [
            ("params.title", "invalid type: integer `5`, expected a string", "\"params.title\" is 5, but must be text"),
            (
                "params.priority",
                "invalid value: integer `2147483648`, expected i32",
                "\"params.priority\" is 2147483648, but must be a whole number from -2147483648 to 2147483647",
            ),
            ("a", "invalid type: string \"x, expected y\", expected u32", {
                "\"a\" is \"x, expected y\", but must be a whole number from 0 to 4294967295"
            }),
            ("params", "missing field `title`", "\"params.title\" is missing"),
            (".", "missing field `params`", "\"params\" is missing"),
            (".", "invalid type: sequence, expected struct CreateCard", "it is a list, but must be an object"),
            (
                "kind",
                "unknown variant `frob`, expected one of `a`, `b`",
                "\"kind\" is \"frob\", but must be one of a, b",
            ),
            (".", "invalid length 0, expected struct Create with 1 element", "it is a list, but must be an object"),
            ("kind", "unknown variant `frob`, expected `a`", "\"kind\" is \"frob\", but must be \"a\""),
            ("id", "UUID parsing failed: invalid length: found 1", "\"id\" is no id"),
            ("id", "invalid type: null, expected a formatted UUID string", "\"id\" is empty, but must be an id"),
            ("to", "\"frob\" is not one of todo, done", "\"to\": \"frob\" is not one of todo, done"),
        ] {
            assert_eq!(misread(path, message, Notation::Json), wanted);
        }
    }

    #[test]
    fn yaml_names_path_and_line_itself() {
        for (message, wanted) in [
            (
                "kanban: invalid type: string \"x\", expected struct KanbanConfig at line 1 column 9",
                "\"kanban\" is \"x\", but must be a section with keys of its own (line 1)",
            ),
            (
                "kanban.max_in_progress: invalid type: string \"many\", expected u32 at line 2 column 20",
                "\"kanban.max_in_progress\" is \"many\", but must be a whole number from 0 to 4294967295 (line 2)",
            ),
            (
                "command: data did not match any variant of untagged enum CommandField at line 4 column 1",
                "\"command\" is of a kind that has no meaning there (line 4)",
            ),
            ("did not find expected key at line 3 column 1", "it cannot be read: did not find expected key (line 3)"),
        ] {
            assert_eq!(misread("", message, Notation::Yaml), wanted);
        }
    }
}
