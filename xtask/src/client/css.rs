//! Two style sheets out of `style/*.css`, in the order of the `@import`s in `style/main.css` and `style/pages.css`.
use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};

/// What the first page needs, and what later ones do.
#[derive(Debug)]
pub(super) struct Sheets {
    pub(super) main: String,
    pub(super) pages: String,
}

/// Reads `main.css` and `pages.css` below `dir`, puts their imports in place, and removes comments and needless white
/// space.
pub(super) fn bundle(dir: &Path) -> Result<Sheets> {
    let mut bundler = Bundler { open: Vec::new(), used: Vec::new() };
    let sheets =
        Sheets { main: bundler.inline(&dir.join("main.css"))?, pages: bundler.inline(&dir.join("pages.css"))? };
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "css") && !bundler.used.contains(&path.canonicalize()?)
        {
            println!("      note: no @import reaches {}, so it is left out", path.display());
        }
    }
    Ok(sheets)
}

struct Bundler {
    /// The files being read now, outermost first.
    open: Vec<PathBuf>,
    /// Every file that was read.
    used: Vec<PathBuf>,
}

impl Bundler {
    /// The minified text of a file, each `@import` replaced by what it names.
    fn inline(&mut self, path: &Path) -> Result<String> {
        let path = path.canonicalize().with_context(|| format!("style sheet {} not found", path.display()))?;
        ensure!(!self.open.contains(&path), "style sheet {} imports itself", path.display());
        self.open.push(path.clone());
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let text = minify(&text);
        let css = self.inline_text(&path, &text).with_context(|| format!("in style sheet {}", path.display()))?;
        self.open.pop();
        self.used.push(path);
        Ok(css)
    }

    fn inline_text(&mut self, path: &Path, mut rest: &str) -> Result<String> {
        let mut css = String::new();
        // Imports come first; between them only `@charset` and the statement form of `@layer` may stand.
        while rest.starts_with("@import") || rest.starts_with("@charset") || rest.starts_with("@layer") {
            let end = rest.find([';', '{']).context("a statement has no end")?;
            if rest[end..].starts_with('{') {
                break;
            }
            let statement = &rest[..end];
            rest = &rest[end + 1..];
            if let Some(import) = statement.strip_prefix("@import") {
                let (target, layer) = import_target(import.trim()).with_context(|| statement.to_owned())?;
                let imported = self.inline(&path.with_file_name(target))?;
                match layer {
                    Some(layer) => css.push_str(&format!("@layer {layer}{{{imported}}}")),
                    None => css.push_str(&imported),
                }
            } else if statement.starts_with("@layer") {
                css.push_str(&format!("{statement};"));
            }
        }
        // A browser ignores an @import that follows a rule. Here that would be a silently missing style sheet.
        if rest.contains("@import") {
            bail!("every @import must come before the first rule");
        }
        css.push_str(rest);
        Ok(css)
    }
}

/// The file and the layer of `"file.css" layer(name)`.
fn import_target(import: &str) -> Result<(&str, Option<&str>)> {
    let quoted = import.strip_prefix("url(").unwrap_or(import);
    let quote = quoted.chars().next().filter(|first| matches!(first, '"' | '\'')).context("expected a quoted name")?;
    let (target, after) = quoted[1..].split_once(quote).context("the name has no closing quote")?;
    let after = if quoted.len() < import.len() { after.strip_prefix(')').context("expected )")? } else { after };
    let after = after.trim();
    if after.is_empty() {
        return Ok((target, None));
    }
    let layer = after.strip_prefix("layer(").and_then(|layer| layer.strip_suffix(')'));
    Ok((target, Some(layer.context("only layer(name) may follow the name; media belong into the file")?)))
}

/// Removes comments, and white space where it can have no meaning: around `{`, `}`, `;` and `,`. Strings stay as they
/// are. More would save less than one percent after compression.
fn minify(css: &str) -> String {
    const TIGHT: [char; 4] = ['{', '}', ';', ','];
    let mut result = String::with_capacity(css.len());
    let mut pending_space = false;
    let mut rest = css;
    while let Some(next) = rest.chars().next() {
        if let Some(comment) = rest.strip_prefix("/*") {
            // A comment separates tokens like a space does.
            pending_space = true;
            rest = comment.split_once("*/").map_or("", |(_, after)| after);
        } else if next.is_ascii_whitespace() {
            pending_space = true;
            rest = &rest[1..];
        } else {
            if pending_space
                && !TIGHT.contains(&next)
                && result.chars().next_back().is_some_and(|last| !TIGHT.contains(&last))
            {
                result.push(' ');
            }
            // `--name: ;` is a value (an empty one) only as long as something stands between the two.
            if pending_space && next == ';' && result.ends_with(':') {
                result.push(' ');
            }
            pending_space = false;
            if next == '}' && result.ends_with(';') {
                result.pop();
            }
            let length = if matches!(next, '"' | '\'') { string_length(rest, next) } else { next.len_utf8() };
            result.push_str(&rest[..length]);
            rest = &rest[length..];
        }
    }
    result
}

/// The length of the string literal at the start of `text`, with its quotes.
fn string_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (index, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return index + character.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minify_keeps_meaning() {
        let check = |css: &str, expected: &str| assert_eq!(minify(css), expected, "{css}");
        check("a :hover { color : red ; }", "a :hover{color : red}");
        check("a/* x */b {}", "a b{}");
        check(
            "a { width: calc(1px + 2px); }\n\n.b > c , d { margin: 0 auto }",
            "a{width: calc(1px + 2px)}.b > c,d{margin: 0 auto}",
        );
        check(r#"a::after { content: "  /* no */ \" ; }"; }"#, r#"a::after{content: "  /* no */ \" ; }"}"#);
        check(":root { --empty: ; --b: 1 }", ":root{--empty: ;--b: 1}");
        check("a { color: red /* never closed", "a{color: red");
        check("a { content: \"never closed", "a{content: \"never closed");
        check("/* ü */ a { content: 'é — ü' }", "a{content: 'é — ü'}");
    }

    #[test]
    fn imports_are_put_in_place_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, css: &str| fs::write(dir.path().join(name), css).unwrap();
        write(
            "main.css",
            "@layer base, ui;\n/* x */\n@import \"tokens.css\";\n@import url('ui.css') layer(ui);\nb { c: d }",
        );
        write("tokens.css", ":root { --a: 1 }");
        write("ui.css", "@layer inner { i { j: k } }");
        let expected = "@layer base,ui;:root{--a: 1}@layer ui{@layer inner{i{j: k}}}b{c: d}";
        write("pages.css", "@import \"card.css\";");
        write("card.css", "l { m: n }");
        let sheets = bundle(dir.path()).unwrap();
        assert_eq!((sheets.main.as_str(), sheets.pages.as_str()), (expected, "l{m: n}"));
    }

    #[test]
    fn what_a_browser_would_ignore_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let check = |css: &str, expected: &str| {
            fs::write(dir.path().join("main.css"), css).unwrap();
            let error = format!("{:#}", bundle(dir.path()).unwrap_err());
            assert!(error.contains(expected), "{error}");
        };
        check("a { b: c } @import \"x.css\";", "before the first rule");
        check("@import \"missing.css\";", "not found");
        check("@import \"main.css\";", "imports itself");
        check("@import \"main.css\" print;", "only layer(name)");
        check("@import x.css;", "quoted name");
    }
}
