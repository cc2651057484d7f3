//! From Rust to the wasm and JavaScript files the browser loads.
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use wasm_bindgen_cli_support::Bindgen;

use super::{Load, Output, javascript};
use crate::{
    build::{WITH_MESSAGES, artifact},
    wasm_std::{WasmStd, cargo_for_wasm},
    workspace::files_below,
};

/// The loader of the lazy parts. `hermes.js` imports it, and it imports `hermes.js`: both by relative name.
const SPLIT_LOADER: &str = "./__wasm_split.js";

/// What the split and bind steps produced.
pub(super) struct Bound {
    pub(super) outputs: Vec<Output>,
    /// Lazy function → the files it needs (without `.wasm`, as leptos wants them), for a server to preload.
    pub(super) prefetch: BTreeMap<String, Vec<String>>,
}

/// Compiles the `frontend` crate and returns the linked, not yet processed, wasm file.
pub(super) fn compile(dev: bool, wasm_std: WasmStd) -> Result<PathBuf> {
    let profile = if dev { "dev" } else { "wasm-release" };
    let mut command = cargo_for_wasm("rustc", wasm_std);
    command.args(["--package", "frontend", "--lib", "--crate-type", "cdylib"]);
    command.args(["--profile", profile, WITH_MESSAGES]);
    // Only the last crate is linked, so only it needs the flag: splitting follows the relocations to find out what
    // each lazy route needs. Given as RUSTFLAGS it would make every dependency be compiled once more.
    command.args(["--", "-Clink-args=--emit-relocs"]);
    artifact(&mut command, |message| {
        if message["target"]["name"] != "frontend" {
            return None;
        }
        let files = message["filenames"].as_array()?.iter().filter_map(|file| file.as_str());
        files.map(PathBuf::from).find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
    })
}

/// Splits the lazy routes off, then generates the JavaScript around the main part.
pub(super) fn split_and_bind(wasm: &[u8], site: &Path, dev: bool) -> Result<Bound> {
    let work = site.join(".work");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    let out = work.join("out");
    fs::create_dir_all(&out)?;

    let main = work.join("main.wasm");
    let mut options = wasm_split_cli_support::Options::new(wasm);
    options.output_dir = &out;
    options.main_out_path = &main;
    options.main_module = "./hermes.js";
    options.link_name = SPLIT_LOADER;
    let split =
        wasm_split_cli_support::transform(options).map_err(|error| anyhow!("splitting the client: {error:?}"))?;

    Bindgen::new()
        .web(true)?
        .typescript(false)
        .keep_lld_exports(true) // the lazy parts import the function table from the main part
        .demangle(false) // the splitter's names are not Rust's
        .keep_debug(dev)
        .input_path(&main)
        .out_name("hermes")
        .generate(&out)
        .context("generating the client's JavaScript")?;

    let mut outputs = Vec::new();
    for name in files_below(&out)? {
        let mut bytes = fs::read(out.join(&name))?;
        if name.ends_with(".wasm") && !dev {
            bytes = without_custom_sections(&bytes).with_context(|| format!("shrinking {name}"))?;
        }
        if SPLIT_LOADER.strip_prefix("./") == Some(name.as_str()) {
            bytes = javascript::persistent(std::str::from_utf8(&bytes)?)?.into_bytes();
        }
        let lazy = split.split_modules.iter().any(|path| path.ends_with(&name));
        outputs.push(Output { load: if lazy { Load::Lazy } else { Load::Eager }, name, bytes });
    }
    fs::remove_dir_all(&work)?;

    Ok(Bound { outputs, prefetch: split.prefetch_map.into_iter().collect() })
}

/// Removes what a browser never reads: names, producers, relocations, target features. Half of the file.
fn without_custom_sections(wasm: &[u8]) -> Result<Vec<u8>> {
    const HEADER: usize = 8;
    ensure!(wasm.starts_with(b"\0asm\x01\0\0\0"), "not a wasm module");
    let mut kept = wasm[..HEADER].to_vec();
    let mut at = HEADER;
    while at < wasm.len() {
        let id = wasm[at];
        let (length, size_bytes) = leb128(&wasm[at + 1..])?;
        let end = at + 1 + size_bytes + length;
        ensure!(end <= wasm.len(), "a section reaches past the end of the file");
        if id != 0 {
            kept.extend_from_slice(&wasm[at..end]);
        }
        at = end;
    }
    Ok(kept)
}

/// An unsigned LEB128 number and how many bytes it took.
fn leb128(bytes: &[u8]) -> Result<(usize, usize)> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok((value, index + 1));
        }
    }
    bail!("a section has no valid length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn custom_sections_go_and_the_others_stay() {
        let mut wasm = b"\0asm\x01\0\0\0".to_vec();
        wasm.extend([0, 5, 4, b'n', b'a', b'm', b'e']); // custom, "name"
        wasm.extend([1, 1, 0]); // an empty type section
        wasm.extend([0, 0x82, 0x00, 1, b'x']); // custom, with a length padded to two bytes
        let mut expected = b"\0asm\x01\0\0\0".to_vec();
        expected.extend([1, 1, 0]);
        assert_eq!(without_custom_sections(&wasm).unwrap(), expected);
    }

    #[test]
    fn a_broken_file_is_an_error() {
        assert!(without_custom_sections(b"not wasm").is_err());
        assert!(without_custom_sections(b"\0asm\x01\0\0\0\x01\x09").is_err());
        assert!(without_custom_sections(b"\0asm\x01\0\0\0\x01\xff\xff\xff\xff\xff\xff").is_err());
    }
}
