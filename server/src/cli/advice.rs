//! What is said instead of "unrecognized": verbs and options of the Python hermes-agent that Hermes does without, one
//! line each.

use clap::error::{ContextKind, ContextValue, ErrorKind};

const PUT_AWAY: &str = "boards are put away, not deleted: `hermes kanban boards archive NAME`, and `restore` brings one \
                        back; `hermes kanban archive --rm T-12` deletes cards";

/// A line for a word that another Hermes knew.
pub(crate) fn advice(error: &clap::Error, args: &[String]) -> Option<String> {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let of_boards = args.iter().any(|arg| arg == "boards");
    match error.kind() {
        ErrorKind::InvalidSubcommand => instead_of(context(ContextKind::InvalidSubcommand)?, of_boards),
        ErrorKind::UnknownArgument if of_boards && context(ContextKind::InvalidArg)? == "--delete" => {
            Some(PUT_AWAY.to_owned())
        }
        ErrorKind::UnknownArgument if args.iter().any(|arg| arg == "kanban") => {
            without(context(ContextKind::InvalidArg)?).map(str::to_owned)
        }
        _ => None,
    }
}

fn instead_of(verb: &str, of_boards: bool) -> Option<String> {
    let line = match verb {
        "init" => {
            "`init` is not needed: the first command makes what it needs; begin with `hermes kanban create \"…\"`"
        }
        "daemon" | "gateway" => "there is no daemon of its own: `hermes serve` serves the app and runs the workers",
        "notify-subscribe" | "notify-list" | "notify-unsubscribe" => {
            "nothing is sent to chats: open the app on your phone and enable Settings → Notifications, which cover all \
             cards; `hermes kanban watch` shows what happens here"
        }
        "delete" | "rm" | "remove" if of_boards => PUT_AWAY,
        "delete" | "rm" | "remove" => {
            "cards are deleted with `hermes kanban archive --rm T-12`; they can be had back for 10 minutes"
        }
        _ => return None,
    };
    Some(line.to_owned())
}

/// What stands in for an option that there is not.
fn without(option: &str) -> Option<&'static str> {
    Some(match option.split_once('=').map_or(option, |(name, _)| name) {
        "--goal" | "--goal-max-turns" => {
            "there is no goal mode: say in the description what must be true in the end; a worker that blocks with \
             \"review-required: …\" has it looked at"
        }
        "--project" => "cards belong to boards: `--board NAME`, and `--workspace worktree:/path` for a repository",
        "--created-by" | "--author" => "Hermes notes by itself who does something; leave it out",
        "--session" => "cards belong to no chat session; find them with `--label`, `--tenant` or `--search`",
        "--workflow-template-id" | "--step-key" => {
            "there are no workflow steps: use `--label`, and `hermes kanban templates` for cards that are alike"
        }
        "--content-type" => "what a file is, is read from itself and its name; `--name report.md` gives it another one",
        "--max-len" => "comments are kept whole, up to a megabyte; leave it out",
        "--max" | "--failure-limit" => {
            "the server starts cards; its limits are `max_in_progress` and `failure_limit` under `kanban:` in config.yaml"
        }
        "--state-type" | "--state-name" => "`hermes kanban runs T-12` lists how each run ended",
        _ => return None,
    })
}
