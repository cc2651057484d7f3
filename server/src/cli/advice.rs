//! What is said instead of "unrecognized": verbs of the Python hermes-agent that Hermes does without, one line each.

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
