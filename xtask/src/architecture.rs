//! The dependency arrows, checked against what cargo resolves.
//!
//! `protocol ← agent-core ← app[ssr] ← server` and `protocol ← app[hydrate] ← frontend`.
use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{
    wasm_std::TARGET,
    workspace::{cargo, output},
};

/// What one crate of the workspace may use.
struct Rule {
    name: &'static str,
    /// The workspace crates it may depend on.
    uses: &'static [&'static str],
    /// The crates it must not name as a dependency, apart from tests.
    never: &'static [&'static str],
}

const RULES: [Rule; 6] = [
    // The contract is compiled into the browser, so it stays small.
    Rule { name: "protocol", uses: &[], never: &["leptos", "axum", "tokio", "sqlx", "reqwest"] },
    // The core does not know that HTTP servers, pages or sessions exist.
    Rule {
        name: "agent-core",
        uses: &["protocol"],
        never: &["leptos", "leptos_axum", "axum", "server_fn", "tower-http", "tower-sessions"],
    },
    // The app has no SQL, no outgoing HTTP and no processes: those are the core's.
    Rule {
        name: "app",
        uses: &["protocol", "agent-core"],
        never: &["sqlx", "reqwest", "rmcp", "libsqlite3-sys", "rusqlite"],
    },
    Rule { name: "frontend", uses: &["app"], never: &["tokio", "sqlx", "reqwest"] },
    Rule { name: "server", uses: &["protocol", "agent-core", "app"], never: &["sqlx", "rmcp"] },
    Rule { name: "xtask", uses: &[], never: &["leptos", "tokio"] },
];

/// What would make the browser client large or could only be there by mistake.
const NEVER_IN_WASM: [&str; 10] =
    ["agent-core", "ammonia", "chrono", "comrak", "pulldown-cmark", "regex", "reqwest", "sqlx", "syntect", "tokio"];

/// Heavy crates that leptos lists and the client never calls, so the linker leaves them out: (crate, its user).
const UNUSED_IN_WASM: [(&str, &str); 1] = [("regex", "leptos_config")];

/// Fails with every arrow that points the wrong way.
pub(crate) fn check() -> Result<()> {
    let text = output(cargo().args(["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_str(&text).context("cargo metadata printed no JSON")?;
    let mut broken = check_packages(&metadata)?;

    let tree = wasm_tree(&[])?;
    for name in heavy_in(&tree)? {
        let users = wasm_tree(&["--invert", name, "--depth", "1"])?;
        broken.extend(judge_heavy(name, &users));
    }
    ensure!(broken.is_empty(), "{}", broken.join("\n       "));
    println!("      dependency arrows are as ARCHITECTURE.md draws them");
    Ok(())
}

fn check_packages(metadata: &Value) -> Result<Vec<String>> {
    let packages = metadata["packages"].as_array().context("metadata without packages")?;
    let members: BTreeSet<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut broken = Vec::new();
    for member in &members {
        if !RULES.iter().any(|rule| rule.name == *member) {
            broken.push(format!("{member} is a new crate: give it a rule in xtask/src/architecture.rs"));
        }
    }
    for rule in &RULES {
        let package = packages.iter().find(|package| package["name"] == rule.name);
        let package = package.with_context(|| format!("there is no crate {}", rule.name))?;
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let Some(name) = dependency["name"].as_str() else {
                continue;
            };
            if dependency["kind"] == "dev" {
                continue;
            }
            if members.contains(name) && !rule.uses.contains(&name) {
                broken.push(format!("{} must not depend on {name}", rule.name));
            }
            if rule.never.contains(&name) {
                broken.push(format!("{} must not use {name}", rule.name));
            }
            broken.extend(check_features(rule.name, name, dependency));
        }
    }
    Ok(broken)
}

/// The arrows that depend on features: which side of `app` a crate sees.
fn check_features(user: &str, used: &str, dependency: &Value) -> Option<String> {
    let features: Vec<&str> = dependency["features"].as_array()?.iter().filter_map(Value::as_str).collect();
    let expected = match (user, used) {
        ("frontend", "app") => ["hydrate"],
        ("server", "app") => ["ssr"],
        ("app", "agent-core") if dependency["optional"] != true => {
            return Some("app's dependency on agent-core must be optional: only `ssr` has it".into());
        }
        ("app", "tokio") if features.iter().any(|feature| matches!(*feature, "process" | "full")) => {
            return Some("app must not start processes: no tokio with `process`".into());
        }
        _ => return None,
    };
    (features != expected).then(|| format!("{user} must use {used} with exactly the feature {}", expected[0]))
}

/// The crates of the browser client, one a line.
fn wasm_tree(more: &[&str]) -> Result<String> {
    let mut command = cargo();
    command.args(["tree", "--package", "frontend", "--target", TARGET, "--edges", "normal,no-proc-macro"]);
    output(command.args(["--prefix", "none", "--format", "{p}"]).args(more))
}

fn names_in(tree: &str) -> impl Iterator<Item = &str> {
    tree.lines().filter_map(|line| line.split(' ').next()).filter(|name| !name.is_empty())
}

fn heavy_in(tree: &str) -> Result<Vec<&'static str>> {
    let crates: BTreeSet<&str> = names_in(tree).collect();
    ensure!(crates.contains("leptos"), "cargo tree shows no leptos in the browser client: the check is broken");
    Ok(NEVER_IN_WASM.into_iter().filter(|name| crates.contains(name)).collect())
}

/// What is wrong with a heavy crate that the crates in `users` (itself first) bring into the client.
fn judge_heavy(name: &str, users: &str) -> Option<String> {
    let excused = |user: &&str| !UNUSED_IN_WASM.contains(&(name, user));
    let users: Vec<&str> = names_in(users).skip(1).filter(excused).collect();
    (!users.is_empty()).then(|| format!("{name} is in the browser client, because of {}", users.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn this_workspace_keeps_its_arrows() {
        check().unwrap();
    }

    /// The packages as they should be, with `dependency` added to `user`.
    fn broken_by(user: &str, dependency: Value) -> Vec<String> {
        let package = |name: &str| {
            let dependencies = if name == user { json!([dependency]) } else { json!([]) };
            json!({"name": name, "dependencies": dependencies})
        };
        let packages: Vec<_> = RULES.iter().map(|rule| package(rule.name)).collect();
        check_packages(&json!({"packages": packages})).unwrap()
    }

    #[test]
    fn wrong_arrows_are_named() {
        let check = |user, dependency, expected: &[&str]| assert_eq!(broken_by(user, dependency), expected);
        let normal = |name: &str| json!({"name": name, "kind": null, "features": [], "optional": false});
        check("protocol", normal("serde"), &[]);
        check("protocol", normal("agent-core"), &["protocol must not depend on agent-core"]);
        check("agent-core", normal("axum"), &["agent-core must not use axum"]);
        check("agent-core", json!({"name": "axum", "kind": "dev", "features": []}), &[]);
        check("app", normal("sqlx"), &["app must not use sqlx"]);
        check("app", normal("agent-core"), &["app's dependency on agent-core must be optional: only `ssr` has it"]);
        check("frontend", normal("app"), &["frontend must use app with exactly the feature hydrate"]);
        let process = json!({"name": "tokio", "kind": null, "features": ["process"], "optional": true});
        check("app", process, &["app must not start processes: no tokio with `process`"]);
    }

    #[test]
    fn heavy_crates_in_the_client_are_named() {
        assert!(heavy_in("frontend v0.1.0\nleptos v0.8.23\ntokio-util v0.7").unwrap().is_empty());
        assert_eq!(heavy_in("leptos v0.8.23\nregex v1.13.1 (*)").unwrap(), ["regex"]);
        assert!(heavy_in("").is_err(), "an empty tree checks nothing");
    }

    #[test]
    fn only_the_known_user_of_a_heavy_crate_is_excused() {
        assert_eq!(judge_heavy("regex", "regex v1.13.1\nleptos_config v0.8.10\n"), None);
        let both = judge_heavy("regex", "regex v1.13.1\nleptos_config v0.8.10\napp v0.1.0 (/x)\n");
        assert_eq!(both.unwrap(), "regex is in the browser client, because of app");
        assert!(judge_heavy("tokio", "tokio v1.0.0\nleptos_config v0.8.10").is_some());
    }
}
