//! Turns `locales/*.toml` into typed functions, so that a missing text or a wrong placeholder is a compile error and
//! nothing is parsed in the browser.
//!
//! `[board]` + `empty = "…"` becomes `t::board_empty()`. `{name}` becomes an argument `name: &str`, `{count}` becomes
//! `count: i64`. A pair `key.one` / `key.other` becomes one function that picks by `count`. English decides which
//! functions exist; another language that lacks one uses the English text.
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

const BASE: &str = "en";

type Texts = BTreeMap<String, String>;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=locales");
    let result = locales(Path::new("locales")).and_then(|all| generate(&all)).and_then(|code| {
        let out = env::var_os("OUT_DIR").ok_or("OUT_DIR is not set: this script is run by cargo")?;
        fs::write(PathBuf::from(out).join("texts.rs"), code).map_err(|error| error.to_string())
    });
    if let Err(error) = result {
        println!("cargo::error=locales: {error}");
    }
}

/// Every language with its texts, English first.
fn locales(dir: &Path) -> Result<Vec<(String, Texts)>, String> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            println!("cargo::rerun-if-changed={}", path.display());
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
            all.push((name, parse(&text).map_err(|error| format!("{}: {error}", path.display()))?));
        }
    }
    all.sort_by_key(|(name, _)| (name != BASE, name.clone()));
    match all.first() {
        Some((name, _)) if name == BASE => Ok(all),
        _ => Err(format!("{BASE}.toml is missing")),
    }
}

/// The part of TOML that texts need: tables, comments and `key = "basic string"`.
fn parse(text: &str) -> Result<Texts, String> {
    let mut texts = Texts::new();
    let mut table = String::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        let wrong = |what: &str| format!("line {}: {what}: {line}", index + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            table = name.to_owned();
            continue;
        }
        let (key, value) = line.split_once('=').ok_or_else(|| wrong("expected key = \"text\""))?;
        let value = value.trim().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let value = value.ok_or_else(|| wrong("expected a text in double quotes"))?;
        let value = value.replace("\\\"", "\"").replace("\\n", "\n");
        if texts.insert(format!("{table}_{}", key.trim()), value).is_some() {
            return Err(wrong("this key is there twice"));
        }
    }
    Ok(texts)
}

fn generate(all: &[(String, Texts)]) -> Result<String, String> {
    let variant = |name: &str| -> String {
        name.split('-').map(|part| part[..1].to_uppercase() + &part[1..].to_lowercase()).collect()
    };
    let base = &all[0].1;
    for (name, texts) in &all[1..] {
        if let Some(key) = texts.keys().find(|key| !base.contains_key(*key)) {
            return Err(format!("{name}.toml has {key}, which {BASE}.toml does not have"));
        }
    }
    let mut code = String::from(
        "/// A language of the texts.\n#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]\npub enum Locale {\n",
    );
    for (index, (name, _)) in all.iter().enumerate() {
        let default = if index == 0 { "#[default] " } else { "" };
        let _ = writeln!(code, "/// `{name}`\n{default}{},", variant(name));
    }
    code.push_str("}\n/// The texts.\npub mod t {\nuse super::{Locale, locale};\n");
    for (key, text) in base {
        if key.ends_with(".other") {
            continue;
        }
        let plural = key.strip_suffix(".one");
        let name = plural.unwrap_or(key);
        let other_key = format!("{name}.other");
        let arguments = arguments(text, base.get(&other_key).filter(|_| plural.is_some()).map(String::as_str))?;
        let _ = writeln!(code, "/// `{}`", text.replace(['\n', '`'], " "));
        let signature: Vec<String> = arguments
            .iter()
            .map(|argument| if argument == "count" { "count: i64".into() } else { format!("{argument}: &str") })
            .collect();
        let returned = if arguments.is_empty() { "&'static str" } else { "String" };
        let _ =
            writeln!(code, "#[must_use] pub fn {name}({}) -> {returned} {{ match locale() {{", signature.join(", "));
        for (language, texts) in all {
            let get = |key: &str| texts.get(key).or_else(|| base.get(key));
            let body = if plural.is_some() {
                let other = get(&other_key).ok_or_else(|| format!("{name} has .one but no .other"))?;
                // Languages without a plural give both forms the same text.
                let one = texts.get(key).or_else(|| texts.get(&other_key)).unwrap_or(text);
                let (one, other) = (expression(one)?, expression(other)?);
                if one == other { other } else { format!("if count == 1 {{ {one} }} else {{ {other} }}") }
            } else {
                expression(get(key).unwrap_or(text))?
            };
            let _ = writeln!(code, "Locale::{} => {{ {body} }},", variant(language));
        }
        code.push_str("} }\n");
    }
    code.push_str("}\n");
    Ok(code)
}

/// The placeholders in order of appearance; both forms of a plural count.
fn arguments(text: &str, other: Option<&str>) -> Result<Vec<String>, String> {
    let mut found: Vec<String> = Vec::new();
    if other.is_some() {
        found.push("count".into());
    }
    for piece in pieces(text)?.into_iter().chain(pieces(other.unwrap_or_default())?) {
        if let Piece::Argument(name) = piece
            && !found.contains(&name)
        {
            found.push(name);
        }
    }
    Ok(found)
}

enum Piece {
    Literal(String),
    Argument(String),
}

fn pieces(mut text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    while let Some((before, rest)) = text.split_once('{') {
        let (name, after) = rest.split_once('}').ok_or_else(|| format!("a {{ is not closed in: {text}"))?;
        if !before.is_empty() {
            pieces.push(Piece::Literal(before.into()));
        }
        pieces.push(Piece::Argument(name.into()));
        text = after;
    }
    if !text.is_empty() {
        pieces.push(Piece::Literal(text.into()));
    }
    Ok(pieces)
}

/// A literal, or the pieces put together. `concat` and not `format!`: it is smaller in the browser.
fn expression(text: &str) -> Result<String, String> {
    let pieces = pieces(text)?;
    if !pieces.iter().any(|piece| matches!(piece, Piece::Argument(_))) {
        return Ok(format!("{text:?}"));
    }
    let parts: Vec<String> = pieces
        .into_iter()
        .map(|piece| match piece {
            Piece::Literal(text) => format!("{text:?}"),
            Piece::Argument(name) if name == "count" => "&count.to_string()".into(),
            Piece::Argument(name) => name,
        })
        .collect();
    Ok(format!("[{}].concat()", parts.join(", ")))
}
