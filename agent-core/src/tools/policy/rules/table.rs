//! Programs and subcommands that are refused whatever files they name.

use super::super::walk::{Arg, Call};

/// Programs that are never for an unattended worker.
const PROGRAMS: &[(&[&str], &str)] = &[
    (&["sudo", "su", "doas", "pkexec", "run0", "gosu", "runuser"], "it asks for more rights than this run has"),
    (&["shutdown", "reboot", "halt", "poweroff", "telinit", "kexec"], "it stops the machine"),
    (
        &[
            "mkfs",
            "mke2fs",
            "mkswap",
            "fdisk",
            "sfdisk",
            "cfdisk",
            "parted",
            "wipefs",
            "cryptsetup",
            "lvremove",
            "vgremove",
            "pvremove",
            "blkdiscard",
            "hdparm",
        ],
        "it changes disks",
    ),
    (&["mount", "umount", "swapoff", "swapon", "losetup"], "it changes what is mounted"),
    (&["modprobe", "insmod", "rmmod"], "it changes the kernel"),
    (&["iptables", "ip6tables", "nft", "ufw", "firewall-cmd", "pfctl"], "it changes the firewall"),
    (
        &[
            "useradd", "userdel", "usermod", "groupadd", "groupdel", "passwd", "chpasswd", "visudo", "adduser",
            "deluser", "vipw",
        ],
        "it changes the machine's users",
    ),
    (
        &["killall", "pkill", "xkill", "skill", "killall5"],
        "it ends processes by name, which may be somebody else's; end them by their pid",
    ),
    (&["at", "batch", "atrm", "systemd-run"], "it leaves work behind that nobody watches"),
    (&["chattr"], "it changes what may be changed"),
    (&["twine"], "it publishes to the world"),
];

/// Subcommands: program, words that must all appear, why.
const SUBCOMMANDS: &[(&str, &[&str], &str)] = &[
    ("npm", &["publish"], PUBLISHES),
    ("npm", &["unpublish"], PUBLISHES),
    ("pnpm", &["publish"], PUBLISHES),
    ("yarn", &["publish"], PUBLISHES),
    ("cargo", &["publish"], PUBLISHES),
    ("cargo", &["yank"], PUBLISHES),
    ("gem", &["push"], PUBLISHES),
    ("poetry", &["publish"], PUBLISHES),
    ("uv", &["publish"], PUBLISHES),
    ("docker", &["push"], PUBLISHES),
    ("podman", &["push"], PUBLISHES),
    ("docker", &["--privileged"], HOST),
    ("podman", &["--privileged"], HOST),
    ("docker", &["prune"], SERVICES),
    ("docker", &["stop"], SERVICES),
    ("docker", &["kill"], SERVICES),
    ("docker", &["down"], SERVICES),
    ("docker", &["volume", "rm"], SERVICES),
    ("systemctl", &["stop"], SERVICES),
    ("systemctl", &["restart"], SERVICES),
    ("systemctl", &["disable"], SERVICES),
    ("systemctl", &["mask"], SERVICES),
    ("systemctl", &["kill"], SERVICES),
    ("systemctl", &["isolate"], SERVICES),
    ("systemctl", &["enable"], SERVICES),
    ("systemctl", &["poweroff"], "it stops the machine"),
    ("systemctl", &["reboot"], "it stops the machine"),
    ("systemctl", &["halt"], "it stops the machine"),
    ("systemctl", &["suspend"], "it stops the machine"),
    ("systemctl", &["hibernate"], "it stops the machine"),
    ("service", &["stop"], SERVICES),
    ("service", &["restart"], SERVICES),
    ("rc-service", &["stop"], SERVICES),
    ("launchctl", &["unload"], SERVICES),
    ("launchctl", &["bootout"], SERVICES),
    ("launchctl", &["remove"], SERVICES),
    ("init", &["0"], "it stops the machine"),
    ("init", &["6"], "it stops the machine"),
    ("kubectl", &["delete"], SERVICES),
    ("kubectl", &["drain"], SERVICES),
    ("helm", &["uninstall"], SERVICES),
    ("terraform", &["destroy"], SERVICES),
    ("terraform", &["apply"], SERVICES),
    ("gh", &["repo", "delete"], PUBLISHES),
    ("gh", &["pr", "merge"], PUBLISHES),
    ("gh", &["release", "create"], PUBLISHES),
    ("gh", &["auth", "token"], "it shows a key"),
    ("gh", &["auth", "status"], "it shows a key"),
    ("diskutil", &["eraseDisk"], "it changes disks"),
    ("zpool", &["destroy"], "it changes disks"),
    ("zfs", &["destroy"], "it changes disks"),
    ("sysctl", &["-w"], "it changes the kernel"),
    ("fuser", &["-k"], "it ends processes that may be somebody else's"),
    ("history", &["-c"], "it removes traces"),
];

const PUBLISHES: &str = "it publishes or changes something for others to see";
const SERVICES: &str = "it stops or changes services that others may use";
const HOST: &str = "it reaches around the container into the machine";
/// What an agent may ask the `hermes` program: looking only. Everything else has a tool, or is a person's to do.
const HERMES_LOOKS: &[&str] = &["show", "list"];

/// Why the program must not be run at all.
pub(super) fn refused(call: &Call<'_>) -> Option<String> {
    let name = call.name.as_str();
    if name.starts_with("mkfs.") {
        return Some("it changes disks".to_owned());
    }
    for (names, why) in PROGRAMS {
        // Asking for help or a version harms nobody.
        if names.contains(&name) && !(call.args.len() == 1 && (call.has("--help") || call.has("--version"))) {
            return Some((*why).to_owned());
        }
    }
    for (program, words, why) in SUBCOMMANDS {
        if name == *program && words.iter().all(|word| call.has(word)) {
            return Some((*why).to_owned());
        }
    }
    match name {
        "hermes" => hermes(call),
        "kill" => kill(call),
        "crontab" if !call.has("-l") => Some("it leaves work behind that nobody watches".to_owned()),
        "docker" | "podman" if call.texts().any(|text| text.starts_with("/:") || text.contains("docker.sock")) => {
            Some(HOST.to_owned())
        }
        "psql" | "mysql" | "mariadb" | "mongosh" | "redis-cli" => database(call),
        "aws" | "gcloud" | "az" => {
            let destroys = |text: &str| {
                text == "rb" || text == "rm" || text.starts_with("delete") || text.starts_with("terminate")
            };
            call.texts().any(destroys).then(|| SERVICES.to_owned())
        }
        _ => None,
    }
}

fn hermes(call: &Call<'_>) -> Option<String> {
    let looks = call.operand(0) == Some("kanban") && call.operand(1).is_some_and(|verb| HERMES_LOOKS.contains(&verb));
    let asks = call.args.len() == 1 && (call.has("--help") || call.has("--version"));
    (!looks && !asks).then(|| "hermes is run by people; use the kanban_ tools for your own card".to_owned())
}

fn kill(call: &Call<'_>) -> Option<String> {
    let mut args = call.args.as_slice();
    // The first word may be the signal: `-9`, `-TERM`, `-s TERM`.
    if let Some(first) = args.first().and_then(|arg| arg.text.as_deref())
        && first.starts_with('-')
        && args.len() > 1
    {
        args = &args[if first == "-s" { 2.min(args.len()) } else { 1 }..];
    }
    let everyone = args.iter().any(|arg| matches!(arg.text.as_deref(), Some("-1" | "1")));
    let parent = call.args.iter().any(|arg| arg.text.is_none() && arg.prefix == "-");
    (everyone || parent).then(|| "it ends processes that are not its own".to_owned())
}

fn database(call: &Call<'_>) -> Option<String> {
    let text = call.texts().chain(call.input).collect::<Vec<_>>().join(" ").to_uppercase();
    let destroys = ["DROP DATABASE", "DROP TABLE", "DROP SCHEMA", "TRUNCATE", "FLUSHALL", "FLUSHDB", "DROPDATABASE"];
    let unbounded_delete = text.contains("DELETE FROM") && !text.contains("WHERE");
    (unbounded_delete || destroys.iter().any(|word| text.contains(word)))
        .then(|| "it deletes data in a database".to_owned())
}

/// Where git works: `.`, or what `-C` says; `None` when that cannot be told beforehand.
pub(super) fn git_directory(call: &Call<'_>) -> Option<Arg> {
    let mut found = None;
    let mut words = call.args.iter();
    while let Some(arg) = words.next() {
        match arg.text.as_deref()? {
            // Two of them add up, which nobody does, so it is not worth following.
            "-C" if found.is_some() => return None,
            "-C" => found = Some(words.next()?.clone()),
            "-c" | "--namespace" => drop(words.next()),
            word if word.starts_with("--git-dir") || word.starts_with("--work-tree") => return None,
            word if word.starts_with('-') => {}
            _ => break,
        }
    }
    let here = || Arg { text: Some(".".to_owned()), prefix: String::new(), pattern: false, members: Vec::new() };
    Some(found.unwrap_or_else(here))
}

/// Git: nothing that takes work away from others or from the owner of the directory.
pub(super) fn git(call: &Call<'_>, workspace_is_users: bool) -> Option<String> {
    let mut words = call.args.iter().map(|arg| arg.text.as_deref().unwrap_or_default());
    let mut verb = "";
    while let Some(word) = words.next() {
        match word {
            "-C" | "-c" | "--git-dir" | "--work-tree" | "--namespace" => drop(words.next()),
            _ if word.starts_with('-') => {}
            _ => {
                verb = word;
                break;
            }
        }
    }
    let rest: Vec<&str> = words.collect();
    let long = |flag: &str| rest.iter().any(|word| *word == flag || word.starts_with(&format!("{flag}=")));
    let short = |letter: char| {
        rest.iter().any(|word| word.starts_with('-') && !word.starts_with("--") && word.contains(letter))
    };
    let text = |why: &str| Some(why.to_owned());
    match verb {
        "push"
            if long("--force")
                || long("--force-with-lease")
                || short('f')
                || long("--mirror")
                || long("--delete")
                || short('d')
                || long("--prune")
                || rest.iter().any(|word| word.starts_with('+') || word.starts_with(':')) =>
        {
            text("it overwrites or deletes what others have pushed")
        }
        "config"
            if (long("--global") || long("--system"))
                && rest.iter().filter(|word| !word.starts_with('-')).count() > 1 =>
        {
            text("it changes the user's own git settings; use --local")
        }
        "filter-branch" | "filter-repo" => text("it rewrites history"),
        "reset" if workspace_is_users && long("--hard") => text(LOSES),
        "clean" if workspace_is_users && (short('f') || long("--force")) => text(LOSES),
        "checkout" | "restore"
            if workspace_is_users && rest.iter().any(|word| matches!(*word, "." | "--" | "-f" | "--force")) =>
        {
            text(LOSES)
        }
        "branch" if workspace_is_users && (short('D') || (short('d') && short('f'))) => text(LOSES),
        "stash" if workspace_is_users && (rest.contains(&"drop") || rest.contains(&"clear")) => text(LOSES),
        _ => None,
    }
}

const LOSES: &str = "it throws away work of the owner of this directory";
