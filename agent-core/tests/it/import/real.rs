//! A home that the real package made, with its own command line.

use std::path::PathBuf;
use std::process::Command;

use agent_core::import::{Counts, Start};
use protocol::{CardState, RunOutcome};

use super::old_home::OldHome;
use super::{detail, find, import, value};
use crate::support::World;

/// `hermes` of the Python package. `make test` installs it; by hand: `cargo xtask old-hermes`.
fn program() -> PathBuf {
    let given = std::env::var_os("HERMES_OLD_BIN").filter(|path| !path.is_empty()).map(PathBuf::from);
    let here = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/old-hermes/bin/hermes");
    let program = given.unwrap_or_else(here);
    assert!(program.is_file(), "the Python hermes-agent is not installed: run `cargo xtask old-hermes` once");
    program
}

struct OldCli {
    home: OldHome,
    user: tempfile::TempDir,
}

impl OldCli {
    fn new() -> Self {
        Self { home: OldHome { dir: tempfile::tempdir().unwrap() }, user: tempfile::tempdir().unwrap() }
    }

    fn run(&self, args: &[&str]) -> String {
        let output = Command::new(program())
            .arg("kanban")
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.user.path())
            .env("HERMES_HOME", self.home.root())
            .env("HERMES_KANBAN_HOME", self.home.root())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        // It ends with 0 whatever happened, so what it says is what counts.
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !error.contains("Traceback"), "{args:?}: {text}{error}");
        text
    }

    fn create(&self, args: &[&str]) -> String {
        let said = self.run(&[args, &["--json"]].concat());
        let card: serde_json::Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{args:?}: {said}"));
        card["id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_home_of_the_real_package_comes_over() {
    let old = OldCli::new();
    let parent = old.create(&["create", "parent 修", "--body", "the body", "--assignee", "coder", "--priority", "3"]);
    let child = old.create(&[
        "create",
        "child",
        "--parent",
        &parent,
        "--skill",
        "a",
        "--skill",
        "b",
        "--max-retries",
        "3",
        "--max-runtime",
        "2h",
        "--tenant",
        "acme",
        "--idempotency-key",
        "k1",
    ]);
    let waiting = old.create(&["create", "grandchild", "--parent", &child]);
    let running = old.create(&["create", "under way", "--assignee", "coder"]);
    let review = old.create(&["create", "wants a look", "--assignee", "coder"]);
    let gate = old.create(&["create", "a gate", "--initial-status", "blocked"]);
    let idea = old.create(&["create", "an idea", "--triage"]);
    let away = old.create(&["create", "put away"]);
    old.run(&["comment", &parent, &format!("see {child}"), "--author", "ada"]);
    let note = old.user.path().join("note.txt");
    std::fs::write(&note, "hello").unwrap();
    old.run(&["attach", &parent, note.to_str().unwrap()]);
    old.run(&["claim", &parent]);
    old.run(&["complete", &parent, "--summary", "all done", "--metadata", "{\"a\":1}", "--result", "short"]);
    old.run(&["claim", &running]);
    old.run(&["claim", &review]);
    old.run(&["block", &review, "review-required: look at it"]);
    old.run(&["block", &child, "which colour?", "--kind", "needs_input"]);
    old.run(&["archive", &away]);
    old.run(&["boards", "create", "work", "--name", "Work", "--icon", "🚀", "--default-workdir", "/srv"]);
    let worktree = old.create(&["--board", "work", "create", "in work", "--workspace", "dir:/srv"]);
    old.run(&["boards", "create", "former"]);
    let former = old.create(&["--board", "former", "create", "old news"]);
    old.run(&["boards", "rm", "former"]);

    let world = World::new().await;
    // The package lives now, the test's clock in the past.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    world.clock.advance_ms(i64::try_from(now).unwrap() + 60_000 - world.core.now_ms());
    let report = import(&world, &old.home, Start::Held).await;
    assert!(report.complete(), "{report:?}");
    assert_eq!((report.taken.cards, report.taken.links, report.taken.attachments), (10, 2, 1));
    assert_eq!(report.left_out.total, 0, "{:?}", report.left_out);

    use CardState::{Archived, Blocked, Done, Review, Todo, Triage};
    for (id, state) in [
        (&parent, Done),
        (&child, Blocked),
        (&waiting, Todo),
        (&running, Triage),
        (&review, Review),
        // The old product lets a gate go at its next look at the board: it was ready by then.
        (&gate, Triage),
        (&idea, Triage),
        (&away, Archived),
        (&worktree, Triage),
        (&former, Triage),
    ] {
        assert_eq!(find(&world, id).await.state, state, "{id}");
    }
    assert_eq!(report.held, 4);
    let card = detail(&world, &parent).await;
    assert_eq!((card.card.title.as_str(), card.body.as_str()), ("parent 修", "the body"));
    assert_eq!((card.card.priority, card.card.assignee.as_deref(), card.card.comments), (3, Some("coder"), 1));
    assert_eq!(card.runs[0].outcome, Some(RunOutcome::Completed));
    assert_eq!(card.runs[0].summary.as_deref(), Some("all done"));
    assert!(card.comments[0].html.contains(&child), "the old id stays in the text, and leads to the card");
    assert_eq!(detail(&world, &running).await.runs[0].outcome, Some(RunOutcome::Reclaimed));
    let asked = detail(&world, &child).await;
    assert!(asked.card.ask.unwrap().ask.contains("which colour?"));
    let files: i64 =
        value(&world, "SELECT count(*) FROM kanban_attachment WHERE name = 'note.txt' AND bytes = 5").await;
    assert_eq!(files, 1);
    let boards: String = value(
        &world,
        "SELECT group_concat(name || (archived_at IS NOT NULL), ' ') FROM (SELECT * FROM kanban_board ORDER BY name)",
    )
    .await;
    assert_eq!(boards, "Former1 Home0 Work0");

    let again = import(&world, &old.home, Start::Held).await;
    assert_eq!((again.taken, again.known), (Counts::default(), report.taken));
    old.run(&["comment", &idea, "later"]);
    assert_eq!(import(&world, &old.home, Start::Held).await.taken.comments, 1);
}
