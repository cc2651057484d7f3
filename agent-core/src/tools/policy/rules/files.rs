//! Rules for programs that write, delete, or read whole trees.

use super::super::walk::{Arg, Call, Walk};
use crate::tools::places::Place;

/// Programs that read everything below a directory.
const TREE_READERS: &[&str] = &[
    "grep", "egrep", "fgrep", "rg", "ag", "ack", "tar", "zip", "7z", "rsync", "scp", "cp", "bsdtar", "cpio", "borg",
    "restic",
];
/// Programs whose last operand is written.
const COPIERS: &[&str] = &["cp", "mv", "install", "ln", "rsync", "scp", "link"];
/// Programs whose every operand is written.
const WRITERS: &[&str] = &["tee", "touch", "mkdir", "truncate", "shred", "unlink", "rmdir", "mkfifo", "mknod"];

/// A write must land in the workspace or among temporary files.
pub(in super::super) fn writes_to(arg: &Arg, walk: &Walk<'_>, doing: &str) -> Result<(), String> {
    let shown = arg.text.as_deref().unwrap_or("a computed place");
    let Some(found) = walk.places_of(arg) else {
        // A device or descriptor may be computed, and so may a file below a known directory.
        let known_part = arg.prefix.rsplit_once('/').map_or("", |(directory, _)| directory);
        let inside = !known_part.is_empty()
            && walk.directories.iter().all(|base| {
                base.as_ref().is_some_and(|base| {
                    matches!(walk.places.of(base, known_part), (_, Place::Workspace | Place::Temporary))
                        || known_part == "/tmp"
                })
            });
        let relative = arg.prefix.is_empty() || !arg.prefix.starts_with('/');
        let harmless = doing == "writes to" && (inside || relative && !arg.prefix.contains(".."));
        return if harmless {
            Ok(())
        } else {
            Err(format!("it {doing} a place that cannot be told beforehand; write the path out"))
        };
    };
    for (path, place) in found {
        if matches!(place, Place::Workspace | Place::Temporary | Place::Sink) {
            continue;
        }
        if path.starts_with("/dev") {
            return Err(format!("it writes to the device {}", path.display()));
        }
        return Err(format!("it {doing} {shown}, which is outside the workspace"));
    }
    Ok(())
}

/// Deleting is stricter: not even among temporary files when whole trees go, and never the workspace's parents.
fn deletes(arg: &Arg, walk: &Walk<'_>, trees: bool) -> Result<(), String> {
    let Some(found) = walk.places_of(arg) else {
        return Err("it deletes something that cannot be told beforehand; write the path out".to_owned());
    };
    for (path, place) in found {
        let fine = place == Place::Workspace || (!trees && place == Place::Temporary && !arg.pattern);
        let whole_home = trees && path == walk.places.workspace && walk.places.workspace_is_users && !arg.pattern;
        if !fine || whole_home {
            return Err(format!("it deletes {}, which is outside the workspace", path.display()));
        }
    }
    Ok(())
}

pub(super) fn program(call: &Call<'_>, walk: &Walk<'_>) -> Result<(), String> {
    let name = call.name.as_str();
    reads_trees(call, walk)?;
    match name {
        "rm" => remove(call, walk),
        "chmod" | "chown" | "chgrp" | "setfacl" => {
            let recursive = call.flag('R') || call.has("--recursive");
            let skip = usize::from(!call.texts().any(|text| text.starts_with("--reference")));
            for arg in call.operands().skip(skip) {
                let doing = if recursive { "changes the rights of everything in" } else { "changes the rights of" };
                writes_to(arg, walk, doing)?;
            }
            Ok(())
        }
        "sed" | "perl" if call.flag('i') || call.texts().any(|text| text.starts_with("--in-place")) => {
            let has_script = call.flag('e') || call.flag('f');
            call.operands().skip(usize::from(!has_script)).try_for_each(|arg| writes_to(arg, walk, "writes to"))
        }
        "dd" => {
            call.args.iter().try_for_each(|arg| match arg.text.as_deref().and_then(|text| text.strip_prefix("of=")) {
                Some(target) => writes_to(&Arg::plain(target), walk, "writes to"),
                None => Ok(()),
            })
        }
        "curl" | "wget" => {
            option_target(call, &["-o", "-O", "--output", "--output-document", "-P"], walk, name == "curl")
        }
        "tar" | "bsdtar" if !call.texts().any(|text| text.starts_with("-t") || text == "t") => {
            option_target(call, &["-C", "--directory"], walk, false)
        }
        "unzip" => option_target(call, &["-d"], walk, false),
        "mv" => call.operands().try_for_each(|arg| writes_to(arg, walk, "moves")),
        _ if COPIERS.contains(&name) => {
            option_target(call, &["-t", "--target-directory"], walk, false)?;
            let last = call.operands().last().filter(|_| call.operands().count() > 1);
            let local = last.filter(|arg| !(name == "scp" || name == "rsync") || !arg.prefix.contains(':'));
            local.map_or(Ok(()), |arg| writes_to(arg, walk, "writes to"))
        }
        "shred" if call.operands().any(|arg| arg.prefix.starts_with("/dev")) => {
            Err("it overwrites a device".to_owned())
        }
        _ if WRITERS.contains(&name) => {
            if matches!(name, "shred" | "unlink" | "rmdir") {
                return call.operands().try_for_each(|arg| deletes(arg, walk, false));
            }
            let takes_size = name == "truncate" && call.flag('s');
            call.operands().skip(usize::from(takes_size)).try_for_each(|arg| writes_to(arg, walk, "writes to"))
        }
        _ => Ok(()),
    }
}

/// The value of an option that names where to write.
fn option_target(call: &Call<'_>, options: &[&str], walk: &Walk<'_>, curl: bool) -> Result<(), String> {
    let mut args = call.args.iter();
    while let Some(arg) = args.next() {
        let Some(text) = arg.text.as_deref() else { continue };
        if options.contains(&text) && !(curl && text == "-O") {
            args.next()
                .filter(|arg| arg.text.as_deref() != Some("-"))
                .map_or(Ok(()), |arg| writes_to(arg, walk, "writes to"))?;
        }
    }
    Ok(())
}

fn remove(call: &Call<'_>, walk: &Walk<'_>) -> Result<(), String> {
    let trees = call.flag('r') || call.flag('R') || call.has("--recursive") || call.has("--no-preserve-root");
    if call.args.iter().any(|arg| arg.text.is_none()) && trees {
        return Err("it deletes whole directories that cannot be told beforehand; write the path out".to_owned());
    }
    if call.open_ended && (trees || call.upstream.is_empty()) {
        return Err("it deletes whatever another command names; name the files in the command".to_owned());
    }
    call.operands().try_for_each(|arg| deletes(arg, walk, trees))
}

fn reads_trees(call: &Call<'_>, walk: &Walk<'_>) -> Result<(), String> {
    let name = call.name.as_str();
    let recursive = match name {
        "grep" | "egrep" | "fgrep" | "zip" => call.flag('r') || call.flag('R') || call.has("--recursive"),
        "cp" => call.flag('r') || call.flag('R') || call.flag('a') || call.has("--recursive") || call.has("--archive"),
        "scp" => call.flag('r'),
        _ => true,
    };
    if !TREE_READERS.contains(&name) || !recursive {
        return Ok(());
    }
    let skip = usize::from(matches!(name, "grep" | "egrep" | "fgrep" | "rg" | "ag" | "ack"));
    for arg in call.operands().skip(skip) {
        for (path, _) in walk.places_of(arg).unwrap_or_default() {
            if walk.places.holds_private(&path) {
                return Err(format!(
                    "everything below {} includes Hermes's own files, which are not for workers",
                    path.display()
                ));
            }
        }
    }
    Ok(())
}

/// `find … -delete`, `-exec`, and what lies below Hermes's home.
pub(super) fn find(call: &Call<'_>, walk: &mut Walk<'_>) -> Result<(), String> {
    let split = call
        .args
        .iter()
        .position(|arg| arg.text.as_deref().is_some_and(|text| text.starts_with('-') || text == "(" || text == "!"));
    let (roots, tests) = call.args.split_at(split.unwrap_or(call.args.len()));
    let here = [Arg::plain(".")];
    let roots = if roots.is_empty() { &here } else { roots };
    if tests.iter().any(|arg| arg.text.as_deref() == Some("-delete")) {
        roots.iter().try_for_each(|root| deletes(root, walk, true))?;
    }
    let mut rest = tests;
    while let Some(at) = rest
        .iter()
        .position(|arg| matches!(arg.text.as_deref(), Some("-exec" | "-execdir" | "-ok" | "-okdir" | "-x" | "--exec")))
    {
        let command = &rest[at + 1..];
        let end =
            command.iter().position(|arg| matches!(arg.text.as_deref(), Some(";" | "+"))).unwrap_or(command.len());
        for root in roots {
            for (path, _) in walk.places_of(root).unwrap_or_default() {
                if walk.places.holds_private(&path) {
                    return Err(format!(
                        "everything below {} includes Hermes's own files, which are not for workers",
                        path.display()
                    ));
                }
            }
            // What is found lies below the root, so the root stands for it.
            let args = command[..end]
                .iter()
                .map(|arg| if arg.text.as_deref() == Some("{}") { root.clone() } else { arg.clone() });
            walk.call(args.collect(), false, &[], None)?;
        }
        rest = &command[end..];
    }
    Ok(())
}
