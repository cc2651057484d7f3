//! Writes the hashed directory, the compressed twins and the manifest.
use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use anyhow::{Context, Result, anyhow};
use brotli::enc::{BrotliEncoderParams, backward_references::BrotliEncoderMode};
use flate2::{Compression, write::GzEncoder};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Output, hex};

const MANIFEST: &str = "manifest.json";
/// The manifest as plain lines, so that the server's build script needs no JSON parser.
const EMBED: &str = "embed.txt";
const HASH_LENGTH: usize = 16;

/// What a site directory holds.
#[derive(Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// Names the directory: `pkg/<hash>/`.
    pub(crate) hash: String,
    pub(crate) files: Vec<File>,
    /// Lazy function → the wasm files it needs, without `.wasm`: the form leptos preloads from.
    pub(crate) prefetch: BTreeMap<String, Vec<String>>,
    /// The directory that was current before. It stays, for pages opened with it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) previous: Option<String>,
}

/// One file of the client. Sizes are in bytes.
#[derive(Serialize, Deserialize)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) load: Load,
    pub(crate) raw: u64,
    pub(crate) br: u64,
    pub(crate) gz: u64,
}

/// When the browser fetches a file.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Load {
    /// With the page.
    Eager,
    /// When its route is first opened.
    Lazy,
}

impl Manifest {
    pub(crate) fn read(site: &Path) -> Result<Self> {
        let path = site.join(MANIFEST);
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is not a manifest", path.display()))
    }

    /// Whether everything it names is there.
    pub(super) fn is_complete(&self, site: &Path) -> bool {
        let dir = site.join("pkg").join(&self.hash);
        if !site.join(EMBED).is_file() {
            return false;
        }
        self.files
            .iter()
            .all(|file| ["", ".br", ".gz"].iter().all(|suffix| dir.join(format!("{}{suffix}", file.name)).is_file()))
    }
}

/// Writes `pkg/<hash>/…` and the manifest, and removes directories older than the previous one.
pub(super) fn write(
    site: &Path,
    mut outputs: Vec<Output>,
    prefetch: BTreeMap<String, Vec<String>>,
    dev: bool,
) -> Result<Manifest> {
    outputs.sort_by(|a, b| a.name.cmp(&b.name));
    let hash = content_hash(&outputs);
    let pkg = site.join("pkg");
    let dir = pkg.join(&hash);
    for output in &outputs {
        let path = dir.join(&output.name);
        fs::create_dir_all(path.parent().unwrap_or(&dir))?;
    }
    let files = compress_all(&outputs, &dir, dev)?;

    let before = Manifest::read(site).ok();
    let previous = before.and_then(|old| if old.hash == hash { old.previous } else { Some(old.hash) });
    let manifest = Manifest { hash, files, prefetch, previous };
    // The manifest is what makes a directory current, so it comes last and in one step.
    replace(&site.join(EMBED), embed_lines(&manifest).as_bytes())?;
    replace(&site.join(MANIFEST), &serde_json::to_vec_pretty(&manifest)?)?;
    remove_old(&pkg, &manifest)?;
    Ok(manifest)
}

/// One fact a line: `hash <hash>`, `eager <file>`, `lazy <file>`, `prefetch <function> <file>…`.
fn embed_lines(manifest: &Manifest) -> String {
    let mut lines = vec![format!("hash {}", manifest.hash)];
    lines.extend(manifest.files.iter().map(|file| match file.load {
        Load::Eager => format!("eager {}", file.name),
        Load::Lazy => format!("lazy {}", file.name),
    }));
    lines.extend(manifest.prefetch.iter().map(|(function, files)| format!("prefetch {function} {}", files.join(" "))));
    lines.join("\n") + "\n"
}

/// Replaces a file in one step. One that already says the same keeps its time, or the server would be compiled again
/// for nothing.
fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let mut staged = path.as_os_str().to_owned();
    staged.push(".new");
    fs::write(&staged, bytes)?;
    fs::rename(&staged, path)?;
    Ok(())
}

fn content_hash(outputs: &[Output]) -> String {
    let mut hasher = Sha256::new();
    for output in outputs {
        // Lengths first, so that no two different sets of files read the same.
        hasher.update((output.name.len() as u64).to_le_bytes());
        hasher.update(&output.name);
        hasher.update((output.bytes.len() as u64).to_le_bytes());
        hasher.update(&output.bytes);
    }
    let mut hash = hex(&hasher.finalize());
    hash.truncate(HASH_LENGTH);
    hash
}

fn compress_all(outputs: &[Output], dir: &Path, dev: bool) -> Result<Vec<File>> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<(usize, File)>> {
        let mut done = Vec::new();
        while let index = next.fetch_add(1, Ordering::Relaxed)
            && let Some(output) = outputs.get(index)
        {
            done.push((index, compress(output, dir, dev)?));
        }
        Ok(done)
    };
    let threads = thread::available_parallelism().map_or(2, usize::from);
    let mut files = Vec::new();
    thread::scope(|scope| -> Result<()> {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            files.extend(worker.join().map_err(|_| anyhow!("a compression thread panicked"))??);
        }
        Ok(())
    })?;
    files.sort_by_key(|(index, _)| *index);
    Ok(files.into_iter().map(|(_, file)| file).collect())
}

fn compress(output: &Output, dir: &Path, dev: bool) -> Result<File> {
    let br = brotli(&output.bytes, dev)?;
    let gz = gzip(&output.bytes, dev)?;
    let path = |suffix: &str| dir.join(format!("{}{suffix}", output.name));
    replace(&path(""), &output.bytes)?;
    replace(&path(".br"), &br)?;
    replace(&path(".gz"), &gz)?;
    Ok(File {
        name: output.name.clone(),
        load: output.load,
        raw: output.bytes.len() as u64,
        br: br.len() as u64,
        gz: gz.len() as u64,
    })
}

fn brotli(bytes: &[u8], dev: bool) -> Result<Vec<u8>> {
    let params = BrotliEncoderParams {
        quality: if dev { 2 } else { 11 },
        lgwin: 22,
        mode: BrotliEncoderMode::BROTLI_MODE_GENERIC,
        size_hint: bytes.len(),
        ..BrotliEncoderParams::default()
    };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &*bytes, &mut compressed, &params)?;
    Ok(compressed)
}

fn gzip(bytes: &[u8], dev: bool) -> Result<Vec<u8>> {
    let level = if dev { Compression::fast() } else { Compression::best() };
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

/// Removes hashed directories except the current and the previous one, and nothing that does not look like one.
fn remove_old(pkg: &Path, manifest: &Manifest) -> Result<()> {
    for entry in fs::read_dir(pkg)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_hash = name.len() == HASH_LENGTH && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hash && name != manifest.hash && manifest.previous.as_ref() != Some(&name) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(name: &str, text: &str) -> Output {
        Output { name: name.into(), bytes: text.into(), load: Load::Eager }
    }

    #[test]
    fn the_current_and_the_previous_directory_stay() {
        let site = tempfile::tempdir().unwrap();
        let write = |text| write(site.path(), vec![output("a/b.js", text)], BTreeMap::new(), false).unwrap();
        let (first, second, third) = (write("1"), write("2"), write("3"));
        let exists = |hash: &str| site.path().join("pkg").join(hash).exists();
        assert!(!exists(&first.hash) && exists(&second.hash) && exists(&third.hash));
        assert_eq!(third.previous.as_deref(), Some(second.hash.as_str()));
        assert_eq!(write("3").previous, third.previous, "building the same again forgets nothing");
        assert!(Manifest::read(site.path()).unwrap().is_complete(site.path()));
        fs::remove_file(site.path().join("pkg").join(&third.hash).join("a/b.js.br")).unwrap();
        assert!(!Manifest::read(site.path()).unwrap().is_complete(site.path()));
    }

    #[test]
    fn the_build_script_gets_one_fact_a_line() {
        let file = |name: &str, load| File { name: name.into(), load, raw: 0, br: 0, gz: 0 };
        let manifest = Manifest {
            hash: "00ff".into(),
            files: vec![file("boot.js", Load::Eager), file("split_x.wasm", Load::Lazy)],
            prefetch: BTreeMap::from([("x".into(), vec!["chunk_1".into(), "split_x".into()])]),
            previous: None,
        };
        let expected = "hash 00ff\neager boot.js\nlazy split_x.wasm\nprefetch x chunk_1 split_x\n";
        assert_eq!(embed_lines(&manifest), expected);
    }

    #[test]
    fn the_hash_covers_names_and_contents() {
        let hash = |name, text| content_hash(&[output(name, text)]);
        assert_eq!(hash("a", "1"), hash("a", "1"));
        assert_ne!(hash("a", "1"), hash("a", "2"));
        assert_ne!(hash("a", "1"), hash("a1", ""));
    }
}
