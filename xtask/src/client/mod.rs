//! Builds the browser client: compile, split, bind, style, compress, and put it all under one hashed directory.
//!
//! The directory is immutable: its name is a hash of everything in it, files refer to each other by relative names,
//! and nothing is renamed afterwards. `manifest.json` beside it says what is current; the server embeds that.
mod bundle;
mod css;
mod javascript;
mod wasm;

use std::{
    fs,
    path::PathBuf,
    time::{Instant, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

pub(crate) use bundle::{Load, Manifest};

use crate::{wasm_std::WasmStd, workspace};

pub(crate) struct Options {
    /// Unoptimised, with names.
    pub(crate) dev: bool,
    /// Where the site goes, when not to the usual place.
    pub(crate) out: Option<PathBuf>,
}

/// One produced file, before compression.
struct Output {
    /// Relative to the hashed directory, with forward slashes.
    name: String,
    bytes: Vec<u8>,
    load: Load,
}

/// Builds the client if anything changed, and returns the directory to embed.
pub(crate) fn build(options: &Options) -> Result<PathBuf> {
    let started = Instant::now();
    let default = if options.dev { "site-dev" } else { "site" };
    let site = options.out.clone().unwrap_or_else(|| workspace::output_dir().join(default));
    let site = std::path::absolute(site)?;

    let wasm_std = WasmStd::prepare()?;
    let linked = wasm::compile(options.dev, wasm_std)?;
    let wasm_bytes = fs::read(&linked).with_context(|| format!("reading {}", linked.display()))?;
    let style = css::bundle(&workspace::root().join("style"))?;

    let stamp = stamp(&wasm_bytes, &style, options.dev)?;
    let stamp_file = site.join(".stamp");
    if fs::read_to_string(&stamp_file).is_ok_and(|old| old == stamp)
        && let Ok(manifest) = Manifest::read(&site)
        && manifest.is_complete(&site)
    {
        println!("      client {} is up to date ({:.1} s)", manifest.hash, started.elapsed().as_secs_f32());
        return Ok(site);
    }

    let bound = wasm::split_and_bind(&wasm_bytes, &site, options.dev)?;
    let mut outputs = bound.outputs;
    outputs.push(Output { name: "hermes.css".into(), bytes: style.main.into_bytes(), load: Load::Eager });
    outputs.push(Output { name: "pages.css".into(), bytes: style.pages.into_bytes(), load: Load::Lazy });
    outputs.push(Output { name: "boot.js".into(), bytes: javascript::BOOT.into(), load: Load::Eager });
    let manifest = bundle::write(&site, outputs, bound.prefetch, options.dev)?;
    fs::write(&stamp_file, stamp)?;

    let first_load: u64 = manifest.files.iter().filter(|file| file.load == Load::Eager).map(|file| file.br).sum();
    let lazy = manifest.files.iter().filter(|file| file.load == Load::Lazy).count();
    println!(
        "      client {}: first load {:.1} KB brotli, {lazy} lazy files ({:.1} s)",
        manifest.hash,
        first_load as f64 / 1000.0,
        started.elapsed().as_secs_f32()
    );
    Ok(site)
}

/// Changes whenever the site could: with the linked client, the style, the mode, or this tool itself.
fn stamp(wasm: &[u8], style: &css::Sheets, dev: bool) -> Result<String> {
    let tool = fs::metadata(std::env::current_exe()?)?;
    let built = tool.modified()?.duration_since(UNIX_EPOCH)?.as_nanos();
    let mut hasher = Sha256::new();
    hasher.update(wasm);
    hasher.update(&style.main);
    hasher.update(&style.pages);
    Ok(format!("{} {dev} {} {built}", hex(&hasher.finalize()), tool.len()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
