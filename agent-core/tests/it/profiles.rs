//! Profiles on disk: what counts, what is broken, and that one broken profile never hides the others.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use agent_core::Home;
use agent_core::profiles::{self, Profile, ProfileError};
use protocol::{ExecutorKind, ProfileSummary};

fn home() -> (tempfile::TempDir, Home) {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::at(dir.path());
    home.create().unwrap();
    (dir, home)
}

fn with_config(home: &Home, id: &str, text: &str) -> Profile {
    let dir = home.profiles().join(id);
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("config.yaml"), text).unwrap();
    profiles::find(home, id).unwrap().unwrap()
}

#[test]
fn the_home_itself_is_the_default_agent() {
    let (_dir, home) = home();
    let all = profiles::list(&home).unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(ProfileSummary::from(&all[0]), ProfileSummary { id: "default".into(), executor: ExecutorKind::Agent });
    assert_eq!(all[0].dir, home.root());
    fs::write(home.root().join("SOUL.md"), "Be kind.").unwrap();
    fs::write(home.config(), "model:\n  default: big-model\n  base_url: http://x\n").unwrap();
    let default = profiles::find(&home, "default").unwrap().unwrap();
    assert_eq!(default.soul, Some(home.root().join("SOUL.md")));
    assert_eq!(default.model.as_deref(), Some("big-model"));
}

#[test]
fn reads_what_people_write() {
    let (_dir, home) = home();
    let check = |text: &str, executor: ExecutorKind, command: &[&str], model: Option<&str>| {
        let profile = with_config(&home, "coder", text);
        assert_eq!(profile.problem, None, "{text:?}");
        assert_eq!((profile.executor, profile.model.as_deref()), (executor, model), "{text:?}");
        assert_eq!(profile.command, command, "{text:?}");
    };
    use ExecutorKind::{Agent, Command};
    check("", Agent, &[], None);
    check("# only a comment\n", Agent, &[], None);
    check("executor: agent\nmodel: small\nunknown: {a: [1]}\n", Agent, &[], Some("small"));
    check("model: {name: small}\nexecutor: agent\ncommand: kept but unused\n", Agent, &[], Some("small"));
    check("executor: command\ncommand: [claude, -p, \"two words\"]\n", Command, &["claude", "-p", "two words"], None);
    check(
        "command: claude -p 'two words' \"$HOME\" a\\ b\n",
        Command,
        &["claude", "-p", "two words", "$HOME", "a b"],
        None,
    );
    let beside = home.profiles().join("coder/bin/run.sh");
    check("command: ./bin/run.sh --fast\n", Command, &[beside.to_str().unwrap(), "--fast"], None);
    check("command: [/usr/bin/env]\n", Command, &["/usr/bin/env"], None);
}

#[test]
fn a_broken_profile_says_so_and_hides_nobody() {
    let (_dir, home) = home();
    with_config(&home, "good", "executor: agent\n");
    for (id, text, part) in [
        ("a", "executor: [", "not usable"),
        ("b", "executor: robot\n", "\"robot\" is not one of agent, command"),
        ("c", "executor: command\n", "command: is missing"),
        ("d", "command: []\n", "command: is empty"),
        ("e", "command: \"a 'b\"\n", "never closed"),
        ("f", "command: [\"a\\0b\"]\n", "NUL"),
        ("g", "- just\n- a list\n", "not usable"),
        ("h", "command: {a: b}\n", "not usable"),
    ] {
        let profile = with_config(&home, id, text);
        let problem = profile.problem.unwrap_or_else(|| panic!("{text:?} is broken"));
        assert!(problem.contains(part), "{problem:?} does not contain {part:?}");
        assert!(problem.contains("config.yaml"), "{problem:?} names the file");
    }
    fs::create_dir(home.profiles().join("Upper Case")).unwrap();
    fs::create_dir(home.profiles().join(".hidden")).unwrap();
    fs::write(home.profiles().join("a-file"), "").unwrap();
    fs::write(home.profiles().join("h/config.yaml"), vec![b'#'; 300 * 1024]).unwrap();
    fs::write(home.profiles().join("g/config.yaml"), b"executor: \xff\n").unwrap();
    let all = profiles::list(&home).unwrap();
    let ids: Vec<&str> = all.iter().map(|profile| profile.id.as_str()).collect();
    assert_eq!(ids, ["default", "Upper Case", "a", "b", "c", "d", "e", "f", "g", "good", "h"]);
    let usable: Vec<&str> =
        all.iter().filter(|profile| profile.problem.is_none()).map(|profile| profile.id.as_str()).collect();
    assert_eq!(usable, ["default", "good"]);
}

#[test]
fn only_plain_names_are_found() {
    let (_dir, home) = home();
    with_config(&home, "ok-1_x", "");
    for id in ["", ".", "..", "../profiles/ok-1_x", "OK-1_X", "-a", "_a", "a/b", "a b", "é", "missing", &"a".repeat(65)]
    {
        assert_eq!(profiles::find(&home, id).unwrap(), None, "{id:?}");
    }
    assert!(profiles::find(&home, "ok-1_x").unwrap().is_some());
}

#[test]
fn creates_whole_profiles_once() {
    let (_dir, home) = home();
    let words = ["claude".to_owned(), "-p".to_owned(), "say \"hi\"\n: # {}".to_owned()];
    let made = profiles::create(&home, " Coder ", ExecutorKind::Command, &words).unwrap();
    assert_eq!((made.id.as_str(), made.executor, made.problem.as_deref()), ("coder", ExecutorKind::Command, None));
    assert_eq!(made.command, words, "a command survives the way through the file");
    assert!(made.soul.is_some());
    assert_eq!(fs::metadata(&made.dir).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(profiles::create(&home, "writer", ExecutorKind::Agent, &[]).unwrap().executor, ExecutorKind::Agent);
    for (id, executor, command) in [
        ("coder", ExecutorKind::Agent, &[][..]),
        ("default", ExecutorKind::Agent, &[][..]),
        ("root", ExecutorKind::Agent, &[][..]),
        ("", ExecutorKind::Agent, &[][..]),
        ("../x", ExecutorKind::Agent, &[][..]),
        ("a\nb", ExecutorKind::Agent, &[][..]),
        ("new", ExecutorKind::Command, &[][..]),
        ("new", ExecutorKind::Agent, &words[..]),
    ] {
        let error = profiles::create(&home, id, executor, command).unwrap_err();
        assert!(!matches!(error, ProfileError::Unavailable { .. }), "{id:?}: {error}");
    }
    let left: Vec<_> = fs::read_dir(home.profiles()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "nothing half-made is left: {left:?}");
}

#[test]
fn says_when_the_folder_cannot_be_written() {
    let (_dir, home) = home();
    fs::remove_dir(home.profiles()).unwrap();
    fs::write(home.profiles(), "in the way").unwrap();
    let error = profiles::create(&home, "coder", ExecutorKind::Agent, &[]).unwrap_err();
    assert!(matches!(error, ProfileError::Unavailable { .. }) && error.to_string().contains("profiles"), "{error}");
    assert!(profiles::list(&home).is_err());
}
