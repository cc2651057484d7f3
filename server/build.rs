//! Embeds the built browser client, so that `hermes` is one file.
//!
//! `HERMES_SITE_DIR` names the directory `cargo xtask build-client` wrote. Without it nothing is embedded: tests of
//! the server need no client.
use std::{env, fmt::Write, fs, path::Path, path::PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=HERMES_SITE_DIR");
    let code = match env::var_os("HERMES_SITE_DIR").filter(|dir| !dir.is_empty()) {
        None => "None".to_owned(),
        Some(dir) => {
            // A relative directory is meant from the workspace, where the caller most likely is; we are run in `server/`.
            let site = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(dir);
            let index = site.join("embed.txt");
            println!("cargo::rerun-if-changed={}", index.display());
            match fs::read_to_string(&index) {
                Ok(lines) => client(&site, &lines),
                Err(error) => {
                    println!(
                        "cargo::error=HERMES_SITE_DIR: {}: {error}. Run `cargo xtask build-client` first.",
                        index.display()
                    );
                    return;
                }
            }
        }
    };
    let Some(out) = env::var_os("OUT_DIR") else {
        println!("cargo::error=OUT_DIR is not set: this script is run by cargo");
        return;
    };
    if let Err(error) = fs::write(PathBuf::from(out).join("client.rs"), code) {
        println!("cargo::error=could not write the generated code: {error}");
    }
}

/// The expression `Some(Client { … })` for the lines of `embed.txt`; `src/assets.rs` includes it.
fn client(site: &Path, lines: &str) -> String {
    let mut hash = "";
    let mut files = Vec::new();
    let mut prefetch = String::new();
    for line in lines.lines() {
        match line.split_once(' ') {
            Some(("hash", value)) => hash = value,
            Some((load @ ("eager" | "lazy"), name)) => files.push((name, load == "eager")),
            Some(("prefetch", value)) => {
                let mut words = value.split_whitespace();
                let function = words.next().unwrap_or_default();
                // Debug of ASCII text is a valid Rust literal.
                let _ = writeln!(prefetch, "    ({function:?}, &{:?}),", words.collect::<Vec<_>>());
            }
            _ => println!("cargo::error=embed.txt has a line this build script does not know: {line}"),
        }
    }
    files.sort_unstable(); // looked up by binary search
    let dir = site.join("pkg").join(hash);
    let mut assets = String::new();
    for (name, eager) in files {
        let bytes = |suffix: &str| format!("include_bytes!({:?})", dir.join(format!("{name}{suffix}")));
        let (kind, br, gzip) = (content_type(name), bytes(".br"), bytes(".gz"));
        let _ = writeln!(
            assets,
            "    Asset {{ name: {name:?}, content_type: {kind:?}, eager: {eager}, br: {br}, gzip: {gzip} }},"
        );
    }
    format!("Some(Client {{ hash: {hash:?}, assets: &[\n{assets}], prefetch: &[\n{prefetch}] }})\n")
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "wasm")) => "application/wasm", // exactly this, or browsers refuse to compile while it arrives
        _ => "application/octet-stream",
    }
}
