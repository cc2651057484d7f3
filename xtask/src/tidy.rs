//! Rules about source files that no compiler knows.
use std::{fs, path::Path};

use anyhow::{Result, ensure};

use crate::workspace::{self, files_below};

/// Lines without tests. A file that grows past the first has more than one responsibility; past the second it has
/// been ignored for too long.
const WARN_LINES: usize = 400;
const FAIL_LINES: usize = 700;

/// The one file that may call `tokio::spawn`: it adds the name, the span and the report of a panic.
const SPAWN_WRAPPER: &str = "agent-core/src/task_spawn.rs";

/// What no source may contain, and what to do instead. In two parts, so that this file does not contain them.
const FORBIDDEN: [([&str; 2], &str); 2] = [
    (["todo", "!("], "finish it, or leave it out"),
    (["tokio::", "spawn("], "use `agent_core::task::spawn`, which names the task and reports its panic"),
];

/// Prints the largest files and fails on what breaks a rule.
pub(crate) fn check() -> Result<()> {
    let mut sizes = Vec::new();
    let mut broken = Vec::new();
    for name in sources()? {
        let text = fs::read_to_string(workspace::root().join(&name))?;
        let code = without_tests(&text);
        sizes.push((code.len(), name.clone()));
        if !is_test(&name) {
            broken.extend(forbidden(&name, &code));
        }
    }
    ensure!(!sizes.is_empty(), "found no source files: run from a clone of the repository");
    sizes.retain(|(_, name)| !is_test(name));
    sizes.sort_by(|a, b| b.cmp(a));

    println!("      lines without tests, the ten largest files:");
    for (lines, name) in sizes.iter().take(10) {
        let mark = if *lines > WARN_LINES { "  ← consider splitting it by responsibility" } else { "" };
        println!("      {lines:5}  {name}{mark}");
    }
    for (lines, name) in sizes.iter().take_while(|(lines, _)| *lines > FAIL_LINES) {
        broken.push(format!("{name} has {lines} lines; the limit is {FAIL_LINES}: split it by responsibility"));
    }
    ensure!(broken.is_empty(), "{}", broken.join("\n       "));
    Ok(())
}

/// All Rust files of the workspace.
fn sources() -> Result<Vec<String>> {
    const CRATES: [&str; 6] = ["agent-core", "app", "frontend", "protocol", "server", "xtask"];
    let mut sources = Vec::new();
    for member in CRATES {
        for name in files_below(&workspace::root().join(member))? {
            let generated = name.starts_with("target/");
            if !generated && Path::new(&name).extension().is_some_and(|extension| extension == "rs") {
                sources.push(format!("{member}/{name}"));
            }
        }
    }
    Ok(sources)
}

fn is_test(name: &str) -> bool {
    name.contains("/tests/") || name.contains("/benches/")
}

/// The numbered lines of a file, without its `#[cfg(test)]` modules. Relies on rustfmt: a module's closing brace is as
/// far in as its attribute.
fn without_tests(text: &str) -> Vec<(usize, &str)> {
    let mut code = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let opens_module = |next: &str| next.trim_start().starts_with("mod ") && next.ends_with('{');
        if line.trim_start() == "#[cfg(test)]" && lines.peek().is_some_and(|(_, next)| opens_module(next)) {
            let closing = format!("{}}}", &line[..line.len() - line.trim_start().len()]);
            lines.find(|(_, line)| *line == closing);
        } else {
            code.push((index + 1, line));
        }
    }
    code
}

fn forbidden(name: &str, code: &[(usize, &str)]) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in code {
        let line = line.split("//").next().unwrap_or(line);
        for (parts, instead) in FORBIDDEN {
            let word = parts.concat();
            if line.contains(&word) && !(name == SPAWN_WRAPPER && word.starts_with("tokio")) {
                found.push(format!("{name}:{number}: `{word}…)` is not allowed: {instead}"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_repository_is_tidy() {
        check().unwrap();
    }

    #[test]
    fn tests_do_not_count() {
        let text = "a\n#[cfg(test)]\nmod tests {\n    fn x() {\n    }\n}\nb\n#[cfg(test)]\nuse c;\n";
        assert_eq!(without_tests(text), [(1, "a"), (7, "b"), (8, "#[cfg(test)]"), (9, "use c;")]);
    }

    #[test]
    fn forbidden_calls_are_found_with_their_line() {
        let (spawn, unfinished) = (FORBIDDEN[1].0.concat(), FORBIDDEN[0].0.concat());
        let text = format!("ok();\n// {spawn}x)\n    {spawn}x);\n{unfinished});");
        let code = without_tests(&text);
        let found = forbidden("server/src/x.rs", &code);
        assert_eq!(found.len(), 2);
        assert!(found[0].starts_with("server/src/x.rs:3:") && found[1].starts_with("server/src/x.rs:4:"));
        assert_eq!(forbidden(SPAWN_WRAPPER, &code).len(), 1, "the wrapper may spawn");
    }
}
