//! Writes files in the workspace: whole or not at all, and nowhere else.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::json;

use super::places::{Place, Places};
use super::{Tool, ToolContext, ToolOutcome, parse};
use crate::llm::ToolSpec;

const MAX_BYTES: usize = 2 * 1024 * 1024;

pub(super) struct WriteFile;

#[derive(Deserialize)]
struct Arguments {
    path: String,
    content: String,
}

#[async_trait::async_trait]
impl Tool for WriteFile {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "write_file",
            description: "Writes a text file in the workspace, replacing what was there. Missing directories are made.",
            parameters: json!({
                "type": "object",
                "properties": {
                    "path": { "type": "string", "description": "Relative to the workspace." },
                    "content": { "type": "string", "description": "The whole new text." }
                },
                "required": ["path", "content"]
            }),
        }
    }

    async fn run(&self, cx: &ToolContext, arguments: serde_json::Value) -> ToolOutcome {
        let arguments: Arguments = match parse(arguments) {
            Ok(arguments) => arguments,
            Err(outcome) => return outcome,
        };
        if arguments.content.len() > MAX_BYTES {
            return ToolOutcome::failed("the text is longer than 2 MB; write it in parts with a program");
        }
        let places = cx.places.clone();
        let work = tokio::task::spawn_blocking(move || write(&places, &arguments));
        work.await.unwrap_or_else(|error| ToolOutcome::failed(format!("writing failed: {error}")))
    }
}

fn write(places: &Places, arguments: &Arguments) -> ToolOutcome {
    if arguments.path.trim().is_empty() || arguments.path.ends_with('/') {
        return ToolOutcome::failed("the path names no file");
    }
    let target = match inside(places, &arguments.path) {
        Ok(target) => target,
        Err(why) => return ToolOutcome::refused(why),
    };
    match replace(places, &target, arguments.content.as_bytes()) {
        Ok(()) => {
            let lines = arguments.content.lines().count();
            ToolOutcome::done(format!("wrote {} ({} bytes, {lines} lines)", arguments.path, arguments.content.len()))
        }
        Err(error) if error.kind() == io::ErrorKind::StorageFull => {
            ToolOutcome::failed("the disk is full; nothing was written")
        }
        Err(error) => {
            ToolOutcome::failed(format!("cannot write {}: {error}; the old text is still there", arguments.path))
        }
    }
}

/// The real path, when it is in the workspace.
fn inside(places: &Places, path: &str) -> Result<PathBuf, String> {
    let (real, place) = places.of(&places.workspace, path);
    if place == Place::Workspace && real != places.workspace {
        return Ok(real);
    }
    Err(format!("refused: {} is outside the workspace {}", real.display(), places.workspace.display()))
}

fn replace(places: &Places, target: &Path, bytes: &[u8]) -> io::Result<()> {
    let parent = target.parent().ok_or_else(|| io::Error::other("the path names no file"))?;
    fs::create_dir_all(parent)?;
    // Looked at again now that it exists: a link made in between must not lead out.
    let parent = fs::canonicalize(parent)?;
    if !parent.starts_with(&places.workspace) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "its directory leads out of the workspace"));
    }
    let name = target.file_name().ok_or_else(|| io::Error::other("the path names no file"))?;
    let target = parent.join(name);
    let mode = match fs::symlink_metadata(&target) {
        Ok(meta) if meta.is_dir() => return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory")),
        Ok(meta) if meta.is_file() => Some(meta.permissions().mode() & 0o7777),
        Ok(_) => return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is no ordinary file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let beside = parent.join(format!(".{}.{}.new", name.to_string_lossy(), crate::kanban::new_id().simple()));
    let written = (|| {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode.unwrap_or(0o644)).open(&beside)?;
        file.write_all(bytes)?;
        if let Some(mode) = mode {
            file.set_permissions(fs::Permissions::from_mode(mode))?;
        }
        file.sync_all()?;
        fs::rename(&beside, &target)
    })();
    if written.is_err()
        && let Err(error) = fs::remove_file(&beside)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %beside.display(), "a half-written file could not be removed");
    }
    written
}
