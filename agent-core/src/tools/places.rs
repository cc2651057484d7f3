//! Which places a worker may read and write. The same answer for commands and for file tools.

use std::path::{Component, Path, PathBuf};

/// Directories below `HERMES_HOME` that workers may see; everything else in it is private.
const OPEN_IN_HOME: &[&str] = &["workspaces", "attachments", "skills", "memories"];
/// Files and directories of the user that hold keys.
const USER_SECRETS: &[&str] = &[
    ".ssh",
    ".aws",
    ".gnupg",
    ".netrc",
    ".pgpass",
    ".pypirc",
    ".git-credentials",
    ".kube",
    ".docker/config.json",
    ".config/gh/hosts.yml",
    ".config/gcloud",
    ".azure",
    ".cargo/credentials.toml",
    ".password-store",
];
/// Files in `HERMES_HOME` whose names patterns are compared with.
const PRIVATE_NAMES: &[&str] = &[".env", "keys", "hermes.db", "hermes.db-wal", "config.yaml", "settings.lock"];

/// A kind of place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the card's workspace.
    Workspace,
    /// In a directory for temporary files.
    Temporary,
    /// A device that swallows or shows text.
    Sink,
    /// Hermes's own files.
    Private,
    /// The user's keys, passwords of the system, other processes' memory.
    Secret,
    /// Anywhere else.
    Elsewhere,
}

/// The places of one run. All paths are absolute and free of links.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub(crate) workspace: PathBuf,
    /// Whether the workspace is somebody's own directory.
    pub(crate) workspace_is_users: bool,
    pub(crate) hermes_home: PathBuf,
    pub(crate) user_home: PathBuf,
}

impl Places {
    /// Resolves links in the three roots.
    pub(crate) fn new(workspace: &Path, workspace_is_users: bool, hermes_home: &Path, user_home: &Path) -> Self {
        Self {
            workspace: resolve(workspace),
            workspace_is_users,
            hermes_home: resolve(hermes_home),
            user_home: resolve(user_home),
        }
    }

    /// What kind of place a path is; it may be relative to `base` and need not exist.
    pub(crate) fn of(&self, base: &Path, path: &str) -> (PathBuf, Place) {
        let path = resolve(&base.join(path));
        let place = self.kind(&path);
        (path, place)
    }

    fn kind(&self, path: &Path) -> Place {
        let in_own_workspace =
            path.starts_with(&self.workspace) && self.workspace.starts_with(self.hermes_home.join("workspaces"));
        if in_own_workspace {
            return Place::Workspace;
        }
        if let Ok(inside) = path.strip_prefix(&self.hermes_home) {
            let first = inside.components().next();
            let open = first.is_some_and(|part| OPEN_IN_HOME.iter().any(|name| part.as_os_str() == *name));
            return if open { Place::Elsewhere } else { Place::Private };
        }
        if self.is_secret(path) {
            return Place::Secret;
        }
        if path.starts_with(&self.workspace) {
            return Place::Workspace;
        }
        if ["/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty", "/dev/zero", "/dev/urandom", "/dev/random"]
            .iter()
            .any(|sink| path == Path::new(sink))
            || path.starts_with("/dev/fd")
            || path.starts_with("/dev/pts")
        {
            return Place::Sink;
        }
        // A home below a directory for temporary files is a home all the same.
        let at_home = path.starts_with(&self.user_home) && self.user_home != Path::new("/");
        let temporary = ["/tmp", "/var/tmp", "/dev/shm"];
        if !at_home && temporary.iter().any(|temp| path.starts_with(temp) && path != Path::new(temp)) {
            return Place::Temporary;
        }
        Place::Elsewhere
    }

    fn is_secret(&self, path: &Path) -> bool {
        if let Ok(inside) = path.strip_prefix(&self.user_home)
            && USER_SECRETS.iter().any(|secret| inside.starts_with(secret))
        {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            return !(name.ends_with(".pub") || name.starts_with("known_hosts"));
        }
        let system = ["/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/sudoers.d", "/root/.ssh"];
        if system.iter().any(|secret| path.starts_with(secret)) {
            return true;
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        path.starts_with("/proc") && matches!(name.as_str(), "environ" | "mem" | "kcore" | "auxv")
            || path.starts_with("/dev/mem")
            || path.starts_with("/dev/kmem")
    }

    /// Whether everything below a path would include Hermes's private files.
    pub(crate) fn holds_private(&self, path: &Path) -> bool {
        self.hermes_home.starts_with(path)
    }

    /// Whether a pattern with `*`, `?` or `[` could name one of Hermes's private files.
    pub(crate) fn may_match_private(&self, base: &Path, pattern: &str) -> bool {
        let pattern = lexical(&base.join(pattern));
        let parts: Vec<String> =
            pattern.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
        PRIVATE_NAMES.iter().any(|name| {
            let private = self.hermes_home.join(name);
            let known: Vec<String> =
                private.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
            parts.len() >= known.len() && known.iter().zip(&parts).all(|(name, part)| matches(part, name))
        })
    }
}

/// Whether a shell pattern matches a name. `[…]` counts as any character.
fn matches(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some('[') => {
                p = pattern.iter().skip(p).position(|c| *c == ']').map_or(pattern.len(), |end| p + end + 1);
                n += 1;
            }
            Some(c) if *c == '?' || Some(c) == name.get(n) => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    n = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

/// The path without links, `.` and `..`, as the kernel would walk it. Parts that do not exist yet are kept as written.
pub(crate) fn resolve(path: &Path) -> PathBuf {
    let mut known = path.to_path_buf();
    let mut rest: Vec<Component<'_>> = Vec::new();
    let mut parts: Vec<Component<'_>> = path.components().collect();
    loop {
        if let Ok(real) = std::fs::canonicalize(&known) {
            return lexical(&rest.iter().rev().fold(real, |path, part| path.join(part)));
        }
        // A link to nothing still leads somewhere: a write would make its target.
        if let Ok(target) = std::fs::read_link(&known)
            && rest.len() < 64
        {
            let parent = known.parent().map(resolve).unwrap_or_default();
            let whole = rest.iter().rev().fold(lexical(&parent.join(target)), |path, part| path.join(part));
            return lexical(&whole);
        }
        match parts.pop() {
            Some(part @ (Component::Normal(_) | Component::ParentDir | Component::CurDir)) => rest.push(part),
            _ => return lexical(path),
        }
        known = parts.iter().collect();
    }
}

fn lexical(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            _ => out.push(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Place, Places, matches, resolve};

    #[test]
    fn places_are_told_apart() {
        let dir = tempfile::tempdir_in(std::env::current_exe().unwrap().parent().unwrap()).unwrap();
        let home = dir.path().join("home/.hermes");
        let workspace = home.join("workspaces/T-1");
        std::fs::create_dir_all(&workspace).unwrap();
        std::os::unix::fs::symlink("/etc", workspace.join("link")).unwrap();
        std::os::unix::fs::symlink(home.join(".env"), workspace.join("dangling")).unwrap();
        let places = Places::new(&workspace, false, &home, &dir.path().join("home"));
        let cases = [
            ("a/b.txt", Place::Workspace),
            (".", Place::Workspace),
            ("x/../../T-1/y", Place::Workspace),
            ("..", Place::Elsewhere),
            ("../T-2/x", Place::Elsewhere),
            ("../../.env", Place::Private),
            ("../..", Place::Private),
            ("../../keys/vapid", Place::Private),
            ("../../hermes.db-wal", Place::Private),
            ("../../profiles/a/.env", Place::Private),
            ("../../skills/x/SKILL.md", Place::Elsewhere),
            ("../../../.ssh/id_ed25519", Place::Secret),
            ("../../../.ssh/id_ed25519.pub", Place::Elsewhere),
            ("link/passwd", Place::Elsewhere),
            ("link/shadow", Place::Secret),
            ("dangling", Place::Private),
            ("/proc/1/environ", Place::Secret),
            ("/dev/null", Place::Sink),
            ("/tmp/x", Place::Temporary),
            ("/tmp", Place::Elsewhere),
            ("/", Place::Elsewhere),
        ];
        for (path, expected) in cases {
            assert_eq!(places.of(&places.workspace, path).1, expected, "{path}");
        }
        assert!(places.may_match_private(&places.workspace, "../../.e*"));
        assert!(places.may_match_private(&places.user_home, ".h*/*.db"));
        assert!(!places.may_match_private(&places.user_home, "*/*.db"), "a star does not match a leading dot");
        assert!(!places.may_match_private(&places.workspace, "*.db"));
        assert!(places.holds_private(Path::new("/")));
        assert!(!places.holds_private(&places.workspace));
    }

    #[test]
    fn a_users_directory_around_the_home_does_not_open_it() {
        let dir = tempfile::tempdir_in(std::env::current_exe().unwrap().parent().unwrap()).unwrap();
        let home = dir.path().join(".hermes");
        std::fs::create_dir_all(&home).unwrap();
        let places = Places::new(dir.path(), true, &home, dir.path());
        assert_eq!(places.of(&places.workspace, ".hermes/.env").1, Place::Private);
        assert_eq!(places.of(&places.workspace, "notes.txt").1, Place::Workspace);
        assert!(places.holds_private(&places.workspace));
    }

    #[test]
    fn patterns_match_like_the_shells() {
        for (pattern, name, hit) in [
            ("*", "abc", true),
            ("*", ".abc", false),
            (".*", ".abc", true),
            ("a?c", "abc", true),
            ("a[xyz]c", "abc", true),
            ("*.db", "hermes.db", true),
            ("*b", "abc", false),
            ("", "", true),
            ("a*b*c", "aXbYc", true),
        ] {
            assert_eq!(matches(pattern, name), hit, "{pattern} {name}");
        }
        assert_eq!(resolve(Path::new("/no/such/../place")), Path::new("/no/place"));
    }
}
