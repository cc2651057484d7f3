//! Single values of a card of the Python hermes-agent, held to the rules of cards made here: what breaks one is cut,
//! brought into range or left out, and every time a remark says so. Pure.

use std::path::Path;

use serde_json::Value;

use super::place::real;
use crate::kanban::{self, KanbanError, input};
use crate::text::excerpt;

const MAX_NAME_CHARS: usize = 200;
/// As much of a value that was left out is repeated in its remark.
const SHOWN_CHARS: usize = 120;

fn left_out(what: &str, value: &str, why: &str) -> String {
    format!("its {what} \"{}\" was left out: {why}", excerpt(value, SHOWN_CHARS))
}

/// The name, trimmed and cut to what fits.
pub(super) fn short(name: &str, what: &str, remarks: &mut Vec<String>) -> String {
    let name = name.trim();
    let kept: String = name.chars().take(MAX_NAME_CHARS).collect();
    if kept.len() < name.len() {
        remarks.push(format!("its {what} was cut to {MAX_NAME_CHARS} characters"));
    }
    kept
}

pub(super) fn priority(number: i64, remarks: &mut Vec<String>) -> i32 {
    let kept = i32::try_from(number).unwrap_or(if number > 0 { i32::MAX } else { i32::MIN });
    if i64::from(kept) != number {
        remarks.push(format!("its priority {number} is out of range; it has {kept} now"));
    }
    kept
}

/// A limit of runs; nothing and zero meant "none of its own".
pub(super) fn limit(what: &str, number: Option<i64>, remarks: &mut Vec<String>) -> Option<u32> {
    let number = number.filter(|number| *number != 0)?;
    let kept = u32::try_from(number).ok();
    if kept.is_none() {
        remarks.push(left_out(what, &number.to_string(), "it is out of range, so the machine's limit holds"));
    }
    kept
}

pub(super) fn failures(number: i64, remarks: &mut Vec<String>) -> u32 {
    let kept = u32::try_from(number.max(0)).unwrap_or(u32::MAX);
    if i64::from(kept) != number {
        remarks.push(format!("its {number} failures in a row are out of range; it has {kept} now"));
    }
    kept
}

/// A tenant's name, cut to what fits: work of one must not become work of nobody.
pub(super) fn tenant(name: Option<&str>, remarks: &mut Vec<String>) -> Option<String> {
    name.map(|name| short(name, "tenant", remarks)).filter(|name| !name.is_empty())
}

pub(super) fn model(name: Option<&str>, remarks: &mut Vec<String>) -> Option<String> {
    let name = name?;
    input::model(name).unwrap_or_else(|error| {
        remarks.push(left_out("model", name, &format!("{error}; it uses its profile's")));
        None
    })
}

pub(super) fn branch(name: Option<&str>, remarks: &mut Vec<String>) -> Option<String> {
    let name = name?;
    match input::branch(name) {
        Ok(name) => Some(name),
        Err(error) => {
            remarks.push(left_out("branch", name, &format!("{error}; it gets one named after it")));
            None
        }
    }
}

pub(super) fn key(key: Option<&str>, remarks: &mut Vec<String>) -> Option<String> {
    let key = key?;
    match input::key(key) {
        Ok(key) => key.map(str::to_owned),
        Err(error) => {
            remarks.push(left_out("idempotency key", key, &error.to_string()));
            None
        }
    }
}

/// A JSON array of names, however it was written, without those that are none.
pub(super) fn skills(raw: Option<&str>, remarks: &mut Vec<String>) -> String {
    let Some(raw) = raw else { return "[]".to_owned() };
    let names: Vec<String> = match serde_json::from_str::<Value>(raw) {
        Ok(Value::Array(values)) => values
            .iter()
            .filter(|value| !value.is_null())
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .collect(),
        Ok(Value::Null) => Vec::new(),
        _ => {
            remarks.push("its skills are no list; they were read as names between commas".to_owned());
            raw.split(',').map(str::to_owned).collect()
        }
    };
    let mut kept = Vec::new();
    for name in names {
        // The rule holds for all together, so each is tried with those before it.
        kept.push(name);
        if let Err(error) = input::skills(&kept)
            && let Some(name) = kept.pop()
        {
            remarks.push(left_out("skill", &name, &error.to_string()));
        }
    }
    // silent-ok: what is kept has just been accepted
    input::skills(&kept).unwrap_or_else(|_| "[]".to_owned())
}

/// A path at which a worker may work, as far as its text says; the directory itself may be gone.
pub(super) fn path<'a>(path: &'a str, home: &Path) -> Result<&'a str, String> {
    if !path.starts_with('/') {
        return Err(format!("its directory \"{}\" is not absolute", excerpt(path, SHOWN_CHARS)));
    }
    let (real_path, home) = (real(Path::new(path)), real(home));
    // What cannot be followed must not lead out of where it seems to be.
    if real_path.components().any(|part| part == std::path::Component::ParentDir) {
        return Err(format!("its directory \"{}\" leads upwards from one that is gone", excerpt(path, SHOWN_CHARS)));
    }
    if real_path.starts_with(&home) {
        return Err(format!("its directory {} holds Hermes's own data", excerpt(path, SHOWN_CHARS)));
    }
    Ok(path)
}

/// What a board looks like, of which each value is held to the rule for boards made here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BoardLook {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) icon: String,
    pub(super) color: String,
    pub(super) default_dir: Option<String>,
}

impl BoardLook {
    /// `otherwise` is the name of a board that says none that can be used.
    pub(super) fn checked(self, otherwise: String, home: &Path, remarks: &mut Vec<String>) -> Self {
        let Self { name, mut description, icon, color, default_dir } = self;
        let keep = |what: &str, value: &str, checked: Result<String, KanbanError>, remarks: &mut Vec<String>| {
            checked.unwrap_or_else(|error| {
                remarks.push(left_out(what, value, &error.to_string()));
                String::new()
            })
        };
        let said = if name.trim().is_empty() {
            String::new()
        } else {
            keep("name", &name, kanban::board_name(&name), remarks)
        };
        if description.len() > kanban::MAX_DESCRIPTION_BYTES {
            remarks.push(format!(
                "its description has {} bytes; the first {} were kept",
                description.len(),
                kanban::MAX_DESCRIPTION_BYTES
            ));
            description.truncate(description.floor_char_boundary(kanban::MAX_DESCRIPTION_BYTES));
        }
        let default_dir = default_dir.filter(|dir| match path(dir, home) {
            Ok(_) => true,
            Err(why) => {
                remarks.push(format!("{why}; it has no default directory now"));
                false
            }
        });
        Self {
            name: if said.is_empty() { otherwise } else { said },
            description,
            icon: keep("icon", &icon, kanban::board_icon(&icon), remarks),
            color: keep("colour", &color, kanban::board_color(&color), remarks),
            default_dir,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{BoardLook, branch, key, limit, model, path, priority, skills, tenant};

    #[test]
    fn what_breaks_a_rule_is_bent_or_left_out_and_said() {
        let told = |check: &dyn Fn(&mut Vec<String>)| {
            let mut remarks = Vec::new();
            check(&mut remarks);
            remarks.join("; ")
        };
        assert!(told(&|r| assert_eq!(tenant(Some(&"x".repeat(500)), r), Some("x".repeat(200)))).contains("tenant"));
        assert!(told(&|r| assert_eq!(model(Some("a\nb"), r), None)).contains("model \"a"));
        assert!(told(&|r| assert_eq!(branch(Some("--evil"), r), None)).contains("--evil"));
        assert!(told(&|r| assert_eq!(key(Some(&"k".repeat(1001)), r), None)).contains("idempotency"));
        assert!(told(&|r| assert_eq!(priority(1 << 40, r), i32::MAX)).contains("1099511627776"));
        assert!(told(&|r| assert_eq!(limit("longest run", Some(-5), r), None)).contains("-5"));
        let bad = "[\"a,b\", \"../x\", \"ok\", 7]";
        let said = told(&|r| assert_eq!(skills(Some(bad), r), "[\"ok\",\"7\"]"));
        assert!(said.contains("a,b") && said.contains("../x"), "{said}");
        let many = serde_json::json!((0..25).map(|n| n.to_string()).collect::<Vec<_>>()).to_string();
        assert!(told(&|r| assert_eq!(skills(Some(&many), r).matches('"').count(), 40)).contains("at most 20"));
    }

    #[test]
    fn what_keeps_the_rules_is_taken_without_a_word() {
        let mut remarks = Vec::new();
        assert_eq!(tenant(Some(" a "), &mut remarks).as_deref(), Some("a"));
        assert_eq!(model(Some("x/y:1"), &mut remarks).as_deref(), Some("x/y:1"));
        assert_eq!(branch(Some("x/y"), &mut remarks).as_deref(), Some("x/y"));
        assert_eq!(limit("longest run", Some(60), &mut remarks), Some(60));
        assert_eq!(limit("longest run", Some(0), &mut remarks), None);
        assert_eq!(priority(-3, &mut remarks), -3);
        assert_eq!(remarks, Vec::<String>::new());
    }

    #[test]
    fn a_board_looks_as_boards_here_may() {
        let look = |name: &str, icon: &str, color: &str, dir: &str| {
            let mut remarks = Vec::new();
            let look = BoardLook {
                name: name.into(),
                description: "é".repeat(6_000),
                icon: icon.into(),
                color: color.into(),
                default_dir: Some(dir.into()),
            };
            let look = look.checked("Work".into(), Path::new("/home/x/.hermes"), &mut remarks);
            assert_eq!(look.description.len(), 10_000);
            assert!(remarks.iter().any(|said| said.starts_with("its description has 12000 bytes")), "{remarks:?}");
            (look.name, look.icon, look.color, look.default_dir, remarks.len() - 1)
        };
        let kept = ("Mine".to_owned(), "🏠".to_owned(), "teal".to_owned(), Some("/gone".to_owned()), 0);
        assert_eq!(look(" Mine ", "🏠", "teal", "/gone"), kept);
        let left = look(&"x".repeat(101), "no emoji at all", "#ff0000", "../x");
        assert_eq!(left, ("Work".to_owned(), String::new(), String::new(), None, 4));
        assert_eq!(look("\u{200b}", "", "", "/home/x/.hermes/keys").0, "Work");
    }

    #[test]
    fn a_path_is_absolute_and_not_ours() {
        let home = Path::new("/home/x/.hermes");
        for good in ["/srv/../srv", "/gone/with/the/wind"] {
            assert_eq!(path(good, home), Ok(good));
        }
        for bad in ["../../x", "x", "/gone/../../../home/x/.hermes", "/home/x/.hermes/keys"] {
            assert!(path(bad, home).is_err(), "{bad}");
        }
    }

    #[test]
    fn skills_are_names_however_they_were_written() {
        for (raw, wanted, told) in [
            (None, "[]", false),
            (Some("[\"a\", \"b c\"]"), "[\"a\",\"b c\"]", false),
            (Some("[1, \"\", \" x \"]"), "[\"1\",\"x\"]", false),
            (Some("null"), "[]", false),
            (Some("a, b,"), "[\"a\",\"b\"]", true),
            (Some("\"a\""), "[\"\\\"a\\\"\"]", true),
        ] {
            let mut remarks = Vec::new();
            assert_eq!(skills(raw, &mut remarks), wanted, "{raw:?}");
            assert_eq!(!remarks.is_empty(), told, "{raw:?}");
        }
    }
}
