//! The rules: what each program must not be asked to do unattended.

use super::lexer::{Piece, Word};
use super::walk::{Arg, Call, Walk, base_name};
use crate::tools::places::{Place, Places};

mod files;
mod table;

pub(super) use files::writes_to;

const SHELLS: &[&str] = &["sh", "bash", "zsh", "dash", "ksh", "fish", "ash"];
const INTERPRETERS: &[&str] = &["python", "python3", "perl", "ruby", "node", "php", "deno", "bun", "lua"];
const FETCHERS: &[&str] = &["curl", "wget", "fetch", "http", "https", "aria2c", "nc", "ncat", "socat"];

pub(super) fn is_fetcher(name: &str) -> bool {
    FETCHERS.contains(&base_name(name))
}

/// What shows whatever the structure: Hermes's private files named in full inside other languages, fork bombs.
pub(super) fn whole_text(command: &str, places: &Places) -> Result<(), String> {
    let home = places.hermes_home.to_string_lossy();
    for name in [".env", "keys/", "hermes.db", "config.yaml", "profiles/"] {
        if command.contains(&format!("{home}/{name}")) {
            return Err(private());
        }
    }
    let squeezed: String = command.chars().filter(|c| !c.is_whitespace()).collect();
    for (at, _) in squeezed.match_indices("(){") {
        let name: String = squeezed[..at]
            .chars()
            .rev()
            .take_while(|c| !";&|(){}\"'".contains(*c))
            .collect::<Vec<_>>()
            .iter()
            .rev()
            .collect();
        if !name.is_empty() && squeezed.contains(&format!("{name}|{name}&")) {
            return Err("it starts copies of itself without end (a fork bomb)".to_owned());
        }
    }
    let forks = squeezed.contains("os.fork()") && (squeezed.contains("while") || squeezed.contains("for"));
    if forks || squeezed.contains("forkwhile") || squeezed.contains("whiletrue;do$0&") {
        return Err("it starts copies of itself without end (a fork bomb)".to_owned());
    }
    Ok(())
}

fn private() -> String {
    "it reads Hermes's own files (keys, database, settings), which are not for workers".to_owned()
}

/// Rules for any word of any command: it must not name private places.
pub(super) fn word(arg: &Arg, walk: &Walk<'_>) -> Result<(), String> {
    arg.members.iter().try_for_each(|member| word(&Arg::plain(member.as_str()), walk))?;
    let text = arg.text.as_deref().unwrap_or(&arg.prefix);
    if text.len() > 4096 || text.contains('\n') {
        return Ok(());
    }
    let after_equals = text.split_once('=').map(|(_, value)| value);
    let after_at = text.rsplit_once('@').map(|(_, value)| value);
    let after_colon = text.split_once(':').map(|(_, value)| value);
    let after_flag = text.strip_prefix('-').and_then(|flag| flag.find('/').map(|at| &flag[at..]));
    for candidate in [Some(text), after_equals, after_at, after_colon, after_flag].into_iter().flatten() {
        if candidate.is_empty() {
            continue;
        }
        let home = walk.places.user_home.to_string_lossy();
        let candidate = candidate
            .strip_prefix('~')
            .filter(|rest| rest.starts_with('/') || rest.is_empty())
            .map_or_else(|| candidate.to_owned(), |rest| format!("{home}{rest}"));
        for base in walk.directories.iter().flatten() {
            if arg.pattern && walk.places.may_match_private(base, &candidate) {
                return Err(private());
            }
            match walk.places.of(base, &candidate).1 {
                Place::Private => return Err(private()),
                Place::Secret => return Err(format!("{candidate} holds keys or passwords")),
                _ => {}
            }
        }
    }
    Ok(())
}

/// How many words a wrapper and its own options take, when the program is one.
pub(super) fn wrapper(name: &str, args: &[Arg]) -> Option<usize> {
    let texts: Vec<&str> = args.iter().map(|arg| arg.text.as_deref().unwrap_or("?")).collect();
    let options = |with_value: &[&str]| {
        let mut at = 1;
        while let Some(text) = texts.get(at).filter(|text| text.starts_with('-') && text.len() > 1) {
            at += if with_value.contains(text) { 2 } else { 1 };
        }
        at
    };
    Some(match name {
        "command" if texts.get(1).is_some_and(|text| text.starts_with("-v") || text.starts_with("-V")) => return None,
        "command" | "builtin" | "nohup" | "setsid" | "busybox" | "catchsegv" | "unshare" => options(&[]),
        "flock" => options(&["-E", "-w", "--timeout", "--conflict-exit-code"]) + 1,
        "taskset" | "chroot" => options(&[]) + 1,
        "strace" | "ltrace" => options(&["-e", "-o", "-p", "-s", "-u"]),
        "prlimit" => options(&["-p", "--pid"]),
        "env" if texts.iter().any(|text| text.starts_with("-S") || text.starts_with("--split-string")) => return None,
        "exec" => options(&["-a"]),
        "time" => options(&["-f", "-o"]),
        "nice" | "ionice" | "chrt" => options(&["-n", "-c", "-p"]),
        "stdbuf" => options(&["-i", "-o", "-e"]),
        "timeout" => options(&["-s", "-k", "--signal", "--kill-after"]) + 1,
        "watch" => options(&["-n", "--interval"]),
        "xargs" => {
            options(&["-I", "-n", "-P", "-L", "-d", "-s", "-a", "-E", "--max-args", "--max-procs", "--delimiter"])
        }
        "parallel" => options(&["-j", "--jobs", "-n"]),
        "env" => {
            let mut at = options(&["-u", "-C", "--unset", "--chdir"]);
            while texts.get(at).is_some_and(|text| text.contains('=') && !text.starts_with('=')) {
                at += 1;
            }
            at
        }
        _ => return None,
    })
}

/// Rules for one program.
pub(super) fn program(program: &Arg, call: &Call<'_>, walk: &mut Walk<'_>) -> Result<(), String> {
    from_network(program, call, walk)?;
    if let Some(why) = table::refused(call) {
        return Err(why);
    }
    match call.name.as_str() {
        name if SHELLS.contains(&name) => shell(call, walk),
        "eval" => {
            let text = joined(call).ok_or("eval runs text that cannot be read beforehand")?;
            walk.script(&text)
        }
        "source" | "." => Ok(()),
        "ssh" => {
            let command: Vec<&str> = call.operands().skip(1).filter_map(|arg| arg.text.as_deref()).collect();
            walk.script(&command.join(" "))
        }
        "trap" => call.operand(0).map_or(Ok(()), |text| walk.script(text)),
        name if is_interpreter(name) => interpreter(call, walk),
        "find" | "fd" | "fdfind" => files::find(call, walk),
        "curl" | "wget" => {
            downloads(call, walk);
            files::program(call, walk)
        }
        "env"
            if call.args.iter().any(|arg| {
                arg.text.as_deref().is_none_or(|text| text.starts_with("-S") || text.starts_with("--split-string"))
            }) =>
        {
            Err("env -S hides what it runs; write the command as it is".to_owned())
        }
        "git" => {
            // Only the card's own workspace may be thrown away; where nobody knows where it is, it is somebody's.
            let places = match table::git_directory(call) {
                Some(directory) => walk.places_of(&directory),
                None => None,
            };
            let own = places.is_some_and(|found| found.iter().all(|(_, place)| *place == Place::Workspace));
            table::git(call, walk.places.workspace_is_users || !own).map_or(Ok(()), Err)
        }
        _ => files::program(call, walk),
    }
}

fn is_interpreter(name: &str) -> bool {
    INTERPRETERS.iter().any(|known| {
        name == *known
            || name.strip_prefix(known).is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.'))
    })
}

fn joined(call: &Call<'_>) -> Option<String> {
    let texts: Option<Vec<&str>> = call.args.iter().map(|arg| arg.text.as_deref()).collect();
    texts.map(|texts| texts.join(" "))
}

/// Whatever came over the network is not run unseen.
fn from_network(program: &Arg, call: &Call<'_>, walk: &Walk<'_>) -> Result<(), String> {
    let piped = || "it runs text from the network or an encoded text without anybody having seen it".to_owned();
    let runs =
        SHELLS.contains(&call.name.as_str()) || is_interpreter(&call.name) || call.name == "source" || call.name == ".";
    if runs {
        let reads_input =
            call.operands().next().is_none() && !call.flag('c') && !call.flag('e') || call.has("-") || call.flag('s');
        let decodes = |name: &String| {
            matches!(name.as_str(), "base64" | "base32" | "xxd" | "openssl" | "uudecode" | "gunzip" | "zcat")
        };
        if reads_input && call.upstream.iter().any(|name| is_fetcher(name) || decodes(name)) {
            return Err(piped());
        }
    }
    let candidates = runs.then(|| call.operands().next()).flatten().into_iter().chain([program]);
    let chmod = (call.name == "chmod").then(|| call.operands().skip(1)).into_iter().flatten();
    for arg in candidates.chain(chmod) {
        let found = walk.places_of(arg).unwrap_or_default();
        if found.iter().any(|(path, _)| walk.downloads.contains(path)) {
            return Err(piped());
        }
    }
    Ok(())
}

/// `sh -c "$(curl …)"`, `source <(curl …)`, `eval "$(base64 -d …)"`.
pub(super) fn fetched_code(words: &[Word]) -> Result<(), String> {
    let runs = words.iter().filter_map(Word::plain).any(|text| {
        let name = base_name(&text);
        SHELLS.contains(&name) || is_interpreter(name) || matches!(name, "eval" | "source" | ".")
    });
    if !runs {
        return Ok(());
    }
    for piece in words.iter().flat_map(|word| &word.0) {
        if let Piece::Sub(inner) = piece {
            let fetches = inner
                .split(|c: char| c.is_whitespace() || ";|&(".contains(c))
                .any(|word| is_fetcher(word) || matches!(base_name(word), "base64" | "base32" | "xxd" | "openssl"));
            if fetches {
                return Err(
                    "it runs text from the network or an encoded text without anybody having seen it".to_owned()
                );
            }
        }
    }
    Ok(())
}

fn downloads(call: &Call<'_>, walk: &mut Walk<'_>) {
    let mut args = call.args.iter();
    while let Some(arg) = args.next() {
        let Some(text) = arg.text.as_deref() else { continue };
        let is_output = matches!(text, "-o" | "--output" | "--output-document")
            || (call.name == "wget" && matches!(text, "-O" | "-qO" | "-nvO"))
            || (call.name == "curl" && text.starts_with('-') && !text.starts_with("--") && text.ends_with('o'));
        if is_output && let Some(target) = args.next() {
            walk.remember_download(target);
        } else if text.contains("://") {
            // Without a name, the last part of the address becomes the file's.
            let path = text.split(['?', '#']).next().unwrap_or(text);
            let name = base_name(path).to_owned();
            if !name.is_empty() {
                walk.remember_download(&Arg::plain(name));
            }
        }
    }
}

fn shell(call: &Call<'_>, walk: &mut Walk<'_>) -> Result<(), String> {
    if call.flag('c') {
        let at = call.args.iter().position(|arg| {
            arg.text
                .as_deref()
                .is_some_and(|text| text.starts_with('-') && !text.starts_with("--") && text.contains('c'))
        });
        let script = at.and_then(|at| call.args.get(at + 1));
        return match script.and_then(|arg| arg.text.clone()) {
            Some(text) => walk.script(&text),
            None if call.open_ended => Err("it runs commands that cannot be read beforehand".to_owned()),
            // Parts of the script are computed: what is written out is still judged.
            None => walk.script(script.map(|arg| arg.prefix.as_str()).unwrap_or_default()),
        };
    }
    match call.input {
        Some(text) if call.operands().next().is_none() => walk.script(text),
        _ => script_file(call, walk),
    }
}

/// A script in the workspace is read before it is run.
fn script_file(call: &Call<'_>, walk: &mut Walk<'_>) -> Result<(), String> {
    let Some(found) = call.operands().next().and_then(|arg| walk.places_of(arg)) else { return Ok(()) };
    for (path, _) in found {
        let is_small = std::fs::metadata(&path).is_ok_and(|meta| meta.is_file() && meta.len() < 64 * 1024);
        if is_small && let Ok(text) = std::fs::read_to_string(&path) {
            walk.script(&text).map_err(|why| format!("in {}: {why}", path.display()))?;
        }
    }
    Ok(())
}

/// Programs in other languages are looked through for shell commands and for private paths.
fn interpreter(call: &Call<'_>, walk: &mut Walk<'_>) -> Result<(), String> {
    let inline = call.args.iter().position(|arg| {
        arg.text
            .as_deref()
            .is_some_and(|text| matches!(text, "-c" | "-e" | "-E" | "-r" | "--eval" | "-p" | "-ne" | "-pe"))
    });
    let code =
        inline.and_then(|at| call.args.get(at + 1)).map(|arg| arg.text.clone().unwrap_or_else(|| arg.prefix.clone()));
    let Some(code) = code.or_else(|| call.input.map(str::to_owned)) else { return Ok(()) };
    let starts_commands =
        ["system", "popen", "subprocess", "exec", "spawn", "`", "Open3"].iter().any(|word| code.contains(word));
    let deletes = ["rmtree", "rmSync", "unlink", "rm_rf", "remove(", "removedirs", "rmdir"]
        .iter()
        .any(|word| code.contains(word));
    for literal in literals(&code) {
        let arg = Arg::plain(literal.as_str());
        word(&arg, walk)?;
        if deletes && literal.starts_with(['/', '~']) {
            writes_to(&arg, walk, "deletes")?;
        }
        if starts_commands && literal.contains(char::is_alphabetic) {
            judge_literal(&literal, walk)?;
        }
    }
    Ok(())
}

/// A literal that is not a shell command is no reason to refuse.
fn judge_literal(literal: &str, walk: &mut Walk<'_>) -> Result<(), String> {
    match super::lexer::read(literal) {
        Ok(_) => walk.script(literal),
        Err(_not_shell) => Ok(()),
    }
}

fn literals(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut chars = code.chars();
    while let Some(c) = chars.next() {
        if !matches!(c, '"' | '\'' | '`') {
            continue;
        }
        let mut text = String::new();
        while let Some(inner) = chars.next() {
            match inner {
                '\\' => text.extend(chars.next()),
                _ if inner == c => break,
                _ => text.push(inner),
            }
        }
        if !text.is_empty() {
            found.push(text);
        }
    }
    found
}
