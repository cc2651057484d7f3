//! Keys of `config.yaml` that nothing reads. Most of them are misspelled.
//!
//! The file is shared with the Python hermes-agent: what that one knows is left alone here, whether or not it has a
//! meaning for this one.

use std::cell::Cell;

use serde::de::value::Error;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde_yaml_ng::{Mapping, Value};

use super::{AuxiliaryConfig, Config, KanbanConfig, ModelConfig, PushConfig, ServerConfig};

/// Keys of the `kanban` section that the Python product has and this one does not need.
const PYTHON_KANBAN: &[&str] = &[
    "dispatch_in_gateway",
    "dispatch_interval_seconds",
    "max_spawn",
    "orchestrator_profile",
    "auto_decompose",
    "auto_decompose_per_tick",
    "auto_promote_children",
    "dispatch_stale_timeout_seconds",
    "worker_log_rotate_bytes",
    "worker_log_backup_count",
    "auto_subscribe_on_create",
    "diagnostics",
];
/// Sections and keys of the Python product that look like ours.
const PYTHON_OTHERS: &[&str] = &[
    "models",
    "mode",
    "providers",
    "provider",
    "api_key",
    "api_mode",
    "context_length",
    "max_tokens",
    "supports_vision",
    "openai_runtime",
];

/// How the keys of a section are judged.
#[derive(Clone, Copy, PartialEq)]
enum Owner {
    /// Ours: whatever is not known has no effect.
    Hermes,
    /// The Python product's as well, which has keys we do not list: only what is nearly one of ours is named.
    Both,
}

/// A sentence for each key that has no effect. A file that cannot be read has none: loading it says why.
pub(super) fn unread(text: &str) -> Vec<String> {
    let Ok(Value::Mapping(file)) = serde_yaml_ng::from_str(text) else { return Vec::new() };
    let mut found = Vec::new();
    look("", &file, fields::<Config>(), PYTHON_OTHERS, Owner::Both, &mut found);
    for (section, known, foreign, owner) in [
        ("kanban", fields::<KanbanConfig>(), PYTHON_KANBAN, Owner::Hermes),
        ("server", fields::<ServerConfig>(), &[], Owner::Hermes),
        ("push", fields::<PushConfig>(), &[], Owner::Hermes),
        ("model", fields::<ModelConfig>(), PYTHON_OTHERS, Owner::Both),
        ("auxiliary", fields::<AuxiliaryConfig>(), &[], Owner::Both),
    ] {
        if let Some(Value::Mapping(keys)) = file.get(section) {
            look(section, keys, known, foreign, owner, &mut found);
        }
    }
    found
}

fn look(section: &str, keys: &Mapping, known: &[&str], foreign: &[&str], owner: Owner, found: &mut Vec<String>) {
    for key in keys.keys().filter_map(Value::as_str) {
        if known.contains(&key) || foreign.contains(&key) || key == "<<" {
            continue;
        }
        let near = nearest(key, known);
        let name = if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
        let name = crate::text::excerpt(&name, 80);
        match near {
            Some(near) => found.push(format!("{name} has no effect; did you mean {near}?")),
            None if owner == Owner::Hermes => {
                found.push(format!("{name} has no effect; {section} knows {}", known.join(", ")));
            }
            None => {}
        }
    }
}

/// The known word that a misspelled one most likely stands for.
fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase().replace(['-', ' '], "_");
    let distance = |other: &str| strsim::damerau_levenshtein(&word, other);
    let (far, near) = known.iter().map(|other| (distance(other), *other)).min()?;
    (far <= near.len().min(word.len()) / 4 + usize::from(near.len() > 5)).then_some(near)
}

/// The names a struct is read from, aliases too, as its derived reader knows them.
fn fields<T: DeserializeOwned>() -> &'static [&'static str] {
    let names = Cell::new(&[] as &[&str]);
    // silent-ok: it always fails, after it has been told the names
    let _ = T::deserialize(Names(&names));
    names.get()
}

struct Names<'a>(&'a Cell<&'static [&'static str]>);

impl<'de> Deserializer<'de> for Names<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("only the names are asked for"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.set(names);
        self.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::{PYTHON_KANBAN, fields, unread};
    use crate::{KanbanConfig, ModelConfig};

    #[test]
    fn misspelled_keys_are_named_with_what_was_meant() {
        for (text, wanted) in [
            (
                "kanban:\n  max_in_progres: 2\n",
                &["kanban.max_in_progres has no effect; did you mean max_in_progress?"][..],
            ),
            ("kanban:\n  Failure-Limit: 2\n", &["kanban.Failure-Limit has no effect; did you mean failure_limit?"]),
            ("server:\n  publik_url: x\n", &["server.publik_url has no effect; did you mean public_url?"]),
            ("push:\n  colour: x\n", &["push.colour has no effect; push knows subject, allowed_origins, hide_details"]),
            ("knaban:\n  x: 1\n", &["knaban has no effect; did you mean kanban?"]),
            ("model:\n  base_ulr: x\n", &["model.base_ulr has no effect; did you mean base_url?"]),
        ] {
            assert_eq!(unread(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_the_python_product_knows_is_left_alone() {
        let kanban: String = PYTHON_KANBAN.iter().map(|key| format!("  {key}: 1\n")).collect();
        let text = format!(
            "_config_version: 33\nkanban:\n{kanban}  max_in_progress: 2\nmodel:\n  provider: x\n  api_key: y\n  \
             name: z\nmcp_servers: {{}}\nauxiliary:\n  vision: {{}}\n  triage_specifier: {{timeout: 3}}\nmoa: {{}}\n\
             terminal: {{}}\nsecurity: {{}}\nsessions: {{}}\nplugins: {{}}\nmemory: {{}}\n7: x\n"
        );
        assert_eq!(unread(&text), Vec::<String>::new());
        assert_eq!(unread("{broken"), Vec::<String>::new());
        assert_eq!(unread("kanban: 5"), Vec::<String>::new());
    }

    #[test]
    fn the_names_come_from_the_structs_themselves() {
        assert!(fields::<KanbanConfig>().contains(&"claim_ttl_seconds"));
        assert!(fields::<ModelConfig>().contains(&"name"), "aliases, too");
    }
}
