//! JSON that people, programs and models wrote, read into what it shall be. What cannot be read is answered with the
//! field and what it must be, never with names of Rust.
//!
//! Only the reading itself is compiled for each type. Where it stopped is a place in the text, and which field that is,
//! the text alone tells.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Notation, misread};

/// Why a text is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonProblem {
    /// It is no JSON at all from there on.
    #[error("it is no longer JSON at line {line}, column {column}")]
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column, in bytes.
        column: usize,
    },
    /// A field cannot be used: a sentence, without its end.
    #[error("{0}")]
    Field(String),
}

/// Reads JSON.
///
/// # Errors
/// Says which field cannot be used, and what it must be.
pub fn read_json<T: DeserializeOwned>(text: &[u8]) -> Result<T, JsonProblem> {
    serde_json::from_slice(text).map_err(|error| problem(text, &error))
}

fn problem(text: &[u8], error: &serde_json::Error) -> JsonProblem {
    if let Err(error) = serde_json::from_slice::<Value>(text) {
        return JsonProblem::NotJson { line: error.line(), column: error.column() };
    }
    let (path, value) = place(text, offset(text, error.line(), error.column()));
    let said = error.to_string();
    let message = match said.rsplit_once(" at line ") {
        // What the parser says of whatever is none of an enumeration's words.
        Some(("expected value", _)) => &format!("invalid type: {}, expected string or map", kind(value)),
        Some((message, _)) => message,
        None => &said,
    };
    JsonProblem::Field(misread(&path, message, Notation::Json))
}

/// A value as serde speaks of it.
fn kind(value: &[u8]) -> String {
    match serde_json::from_slice(value) {
        Ok(Value::Bool(flag)) => format!("boolean `{flag}`"),
        Ok(Value::Number(number)) => format!("integer `{number}`"),
        Ok(Value::String(text)) => format!("string {text:?}"),
        Ok(Value::Array(_)) => "sequence".to_owned(),
        Ok(Value::Object(_)) => "map".to_owned(),
        Ok(Value::Null) | Err(_) => "null".to_owned(),
    }
}

fn offset(text: &[u8], line: usize, column: usize) -> usize {
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    lines.take(line.saturating_sub(1)).map(<[u8]>::len).sum::<usize>() + column
}

/// The path of the innermost value that holds that place, and the value.
fn place(text: &[u8], target: usize) -> (String, &[u8]) {
    let mut walk = Walk { text, at: 0, target, path: String::new(), found: None };
    walk.value();
    let Walk { found, .. } = walk;
    found.map_or_else(|| (String::new(), text), |(path, from, to)| (path, text.get(from..to).unwrap_or_default()))
}

/// Goes through a text that is known to be JSON, of a depth that is known to be bearable.
struct Walk<'a> {
    text: &'a [u8],
    at: usize,
    target: usize,
    path: String,
    found: Option<(String, usize, usize)>,
}

impl Walk<'_> {
    fn peek(&mut self) -> u8 {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.text.get(self.at).copied().unwrap_or_default()
    }

    fn value(&mut self) {
        let first = self.peek();
        let begin = self.at;
        match first {
            b'{' | b'[' => self.members(first),
            b'"' => drop(self.string()),
            _ => {
                let end = |byte: &u8| matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace();
                let rest = self.text.get(self.at..).unwrap_or_default();
                self.at += rest.iter().position(end).unwrap_or(rest.len());
            }
        }
        // Members are met before what holds them.
        if self.found.is_none() && (begin..=self.at).contains(&self.target) {
            self.found = Some((self.path.clone(), begin, self.at));
        }
    }

    fn members(&mut self, opening: u8) {
        self.at += 1;
        let mut index = 0;
        while !matches!(self.peek(), b'}' | b']' | 0) && self.found.is_none() {
            let outer = self.path.len();
            if opening == b'{' {
                let key = self.string();
                let dot = if outer == 0 { "" } else { "." };
                self.path.push_str(&format!("{dot}{key}"));
                self.peek();
                self.at += 1; // the colon
            } else {
                self.path.push_str(&format!("[{index}]"));
            }
            self.value();
            self.path.truncate(outer);
            index += 1;
            if self.peek() == b',' {
                self.at += 1;
            }
        }
        self.at += 1;
    }

    fn string(&mut self) -> String {
        self.peek();
        let begin = self.at;
        self.at += 1;
        while let Some(byte) = self.text.get(self.at).filter(|byte| **byte != b'"') {
            self.at += if *byte == b'\\' { 2 } else { 1 };
        }
        self.at += 1;
        let text = self.text.get(begin..self.at).unwrap_or_default();
        serde_json::from_slice(text).unwrap_or_default() // silent-ok: it was read before
    }
}

#[cfg(test)]
mod tests {
    use protocol::{CreateCardParams, MoveCardParams};
    use serde::Deserialize;

    use super::read_json;

    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only read")]
    struct Create {
        params: CreateCardParams,
    }

    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only read")]
    struct Move {
        params: MoveCardParams,
    }

    #[test]
    fn refusals_name_the_field_and_what_it_must_be() {
        for (body, wanted) in [
            ("{bad", "no longer JSON at line 1, column 2"),
            ("", "no longer JSON"),
            ("{\"params\":\n{\"title\":}}", "line 2, column 10"),
            ("[]", "must be an object"),
            ("7", "it is 7, but must be an object"),
            ("{}", "\"params\" is missing"),
            (r#"{"params":{}}"#, "\"params.title\" is missing"),
            (r#"{"params":{"title":5}}"#, "\"params.title\" is 5, but must be text"),
            (r#"{"params": {"title": null }}"#, "\"params.title\" is empty, but must be text"),
            (r#"{"params":{"title":{"a":[1]}}}"#, "\"params.title\" is an object, but must be text"),
            (r#"{"params":{"title":["a"]}}"#, "\"params.title\" is a list, but must be text"),
            (
                r#"{"params":{"title":"a\"}","priority":"b"}}"#,
                "\"params.priority\" is \"b\", but must be a whole number",
            ),
            (r#"{"params":{"title":"x","priority":2147483648}}"#, "from -2147483648 to 2147483647"),
            (r#"{"params":{"title":"x","priority":1.5}}"#, "\"params.priority\" is 1.5"),
            (r#"{"params":{"title":"x","triage":1}}"#, "\"params.triage\" is 1, but must be true or false"),
            (r#"{"params":{"title":"x","labels":["a",7]}}"#, "\"params.labels[1]\" is 7, but must be text"),
            (r#"{"params":{"title":"x","labels":"a"}}"#, "\"params.labels\" is \"a\", but must be a list"),
            (r#"{"params":{"title":"x","parents":[{"id":"x"}]}}"#, "\"params.parents[0].id\" is no id"),
            (r#"{"params":{"title":"x","workspace":"moon"}}"#, "must be one of scratch, dir, worktree"),
            (r#"{"params":{"title":"x","workspace":7}}"#, "\"params.workspace\" is 7, but must be one of the accepted"),
            ("{\n \"params\": {\n  \"title\": \"x\",\n  \"due_at\": [ ]\n }\n}", "\"params.due_at\" is a list"),
        ] {
            let why = read_json::<Create>(body.as_bytes()).unwrap_err().to_string();
            assert!(why.contains(wanted), "{body}: {why}");
            for word in ["struct", "i32", "enum", "expected", "at line 1 column"] {
                assert!(!why.contains(word), "{body}: {why}");
            }
        }
        let body = br#"{"params":{"id":"018f0000-0000-7000-8000-000000000001","to":"frob"}}"#;
        let why = read_json::<Move>(body).unwrap_err().to_string();
        assert!(why.contains("\"params.to\"") && why.contains("running"), "{why}");
        assert!(read_json::<Create>(b"{\"params\":{\"title\":\"\xff\"}}").is_err());
        assert!(read_json::<Create>(br#" {"params":{"title":"x"}} "#).is_ok());
    }
}
