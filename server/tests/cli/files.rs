//! Files of cards on the command line, by people and by workers, and tidying up.

use agent_core::kanban::{self, worker};
use protocol::{AttachmentView, CardDetail, CardState, CardWritten, DecisionView};
use serde_json::Value;

use crate::home::Home;

/// A home with one card that this very process works on, and its workspace.
async fn working() -> (Home, String, std::path::PathBuf) {
    let mut home = Home::new();
    home.write("config.yaml", "kanban:\n  default_assignee: runner\n");
    home.write("profiles/runner/config.yaml", "command: [\"true\"]\n");
    let card = home.card("work");
    let core = home.core().await;
    let claim = kanban::claim_next(&core, "test").await.unwrap().expect("a card to claim");
    let own = agent_core::process::own_identity().unwrap();
    let assignment = worker::start(&core, claim.ticket, own.pid, own.started).await.unwrap();
    core.close().await;
    home.set_env("HERMES_KANBAN_RUN_ID", &claim.ticket.run.to_string());
    home.set_env("HERMES_KANBAN_FENCE", &claim.ticket.fence.to_string());
    (home, card, assignment.workspace)
}

#[test]
fn a_person_keeps_lists_and_takes_away() {
    let home = Home::new();
    let card = home.card("files");
    home.write("report.txt", "report");
    let path = home.path().join("report.txt").to_string_lossy().into_owned();
    let kept: AttachmentView = home.json(&["kanban", "attach", &card, &path, "--name", "a/b.md"]);
    assert_eq!((kept.name.as_str(), kept.media_type.as_str(), kept.bytes), ("b.md", "text/markdown", 6));
    let ran = home.run(&["kanban", "attach", &card, &path]);
    assert!(ran.code == 0 && ran.stdout.starts_with("Attached report.txt") && ran.stderr.contains("undo"), "{ran:?}");
    let files: Vec<AttachmentView> = home.json(&["kanban", "attachments", &card]);
    assert_eq!(files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), ["b.md", "report.txt"]);
    assert_eq!(home.face(&card).attachments, 2);
    let gone: AttachmentView = home.json(&["kanban", "attach-rm", &card, "1"]);
    assert_eq!(gone.id, kept.id);
    let gone: AttachmentView = home.json(&["kanban", "attach-rm", &card, &files[1].id.to_string()]);
    assert_eq!(gone.name, "report.txt");
    assert_eq!(home.run(&["kanban", "attachments", &card]).stdout, "The card has no files.\n");
    for (args, part) in [
        (&["kanban", "attach", &card, "/no/such/file"][..], "cannot be read: No such file or directory\n"),
        (&["kanban", "attach", &card, "/"], "no ordinary file"),
        (&["kanban", "attach", "999", &path], "no card T-999"),
        (&["kanban", "attach-rm", &card, "1"], "has no file"),
    ] {
        let ran = home.run(args);
        assert!(ran.code == 1 && ran.stderr.contains(part), "{args:?}: {ran:?}");
    }
    assert_eq!(home.run(&["kanban", "attach", &path]).code, 2);
}

#[tokio::test]
async fn a_worker_hands_files_over_and_asks_to_go_on() {
    let (home, card, workspace) = working().await;
    std::fs::write(workspace.join("a.txt"), "a").unwrap();
    std::fs::write(workspace.join("b.txt"), "b").unwrap();
    let inside = |name: &str| workspace.join(name).to_string_lossy().into_owned();
    let kept: AttachmentView = home.json(&["kanban", "attach", &inside("a.txt")]);
    assert!(kept.by_worker);
    let refused = home.run(&["kanban", "attach", "/etc/passwd"]);
    assert!(refused.code == 1 && refused.stderr.contains("not in the workspace"), "{refused:?}");
    let refused = home.run(&["kanban", "complete", "--summary", "x", "--artifact", &inside("missing")]);
    assert!(refused.code == 1 && refused.stderr.contains("there is no file"), "{refused:?}");
    assert_eq!(home.face(&card).state, CardState::Running);
    let _: AttachmentView = home.json(&["kanban", "attach-rm", "1"]);
    let blocked: Value = home.json(&[
        "kanban",
        "block",
        "review-required: look",
        "--then",
        "continue",
        "--artifact",
        &inside("a.txt"),
        "--artifact",
        &inside("b.txt"),
    ]);
    assert_eq!(blocked["kind"], "review");
    let detail: CardDetail = home.json(&["kanban", "show", &card]);
    assert_eq!(detail.attachments.len(), 2);
    let decision: DecisionView = detail.decision.unwrap();
    assert!(decision.then_continue);
}

#[tokio::test]
async fn a_worker_completes_with_a_file() {
    let (home, card, workspace) = working().await;
    std::fs::write(workspace.join("a.txt"), "a").unwrap();
    let artifact = workspace.join("a.txt").to_string_lossy().into_owned();
    let done: CardWritten = home.json(&["kanban", "complete", "--summary", "done", "--artifact", &artifact]);
    assert_eq!((done.card.state, done.card.attachments), (CardState::Done, 1));
    assert_eq!(home.face(&card).attachments, 1);
    let refused = home.run(&["kanban", "gc"]);
    assert!(refused.code != 0, "tidying up is for people: {refused:?}");
}

#[test]
fn people_do_not_hand_over_and_can_tidy_up() {
    let home = Home::new();
    let card = home.card("a card");
    for args in [
        &["kanban", "complete", &card, "--artifact", "x"][..],
        &["kanban", "block", &card, "why", "--then", "continue"],
        &["kanban", "block", &card, "why", "--then", "sometime"],
    ] {
        assert_eq!(home.run(args).code, 2, "{args:?}");
    }
    let asked: Value = home.json(&["kanban", "gc", "--event-retention-days", "30", "--log-retention-days", "0"]);
    assert_eq!((&asked["runs"], &asked["events"]), (&serde_json::json!(0), &serde_json::json!(0)));
    assert_eq!(home.run(&["kanban", "gc", "--log-retention-days", "soon"]).code, 2);
    let done: Value = home.json(&["kanban", "gc"]);
    assert_eq!((&done["directories"], &done["kept"]), (&serde_json::json!(0), &serde_json::json!([])));
    assert!(home.run(&["kanban", "gc"]).stdout.starts_with("Removed 0 directories"));
    std::fs::create_dir_all(home.path().join("workspaces/T-99")).unwrap();
    let told = home.run(&["doctor", "--fix"]);
    assert!(told.stdout.contains("T-99") && told.stdout.contains("belongs to no card"), "{told:?}");
    assert!(home.path().join("workspaces/T-99").exists());
}
