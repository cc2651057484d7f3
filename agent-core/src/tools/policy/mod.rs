//! What an unattended worker must not run. Stands in front of the terminal; never runs anything itself.
//!
//! This is a guard rail, not a wall: it stops the accidents and the obvious mischief of a model that nobody watches,
//! and tells it why. A program that the worker writes itself can still do what the user may do; a sandbox is another
//! layer.

mod lexer;
mod rules;
mod walk;

use super::places::Places;

/// Why a command is not run, in a sentence for the model and for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) String);

/// Judges a shell command.
pub(crate) fn check(command: &str, places: &Places) -> Result<(), Refusal> {
    walk::check(command, places).map_err(|why| {
        Refusal(format!(
            "refused, not run: {why}. Nobody is watching this run, so find another way inside the workspace, or ask a \
             person with kanban_block"
        ))
    })
}

#[cfg(test)]
mod tests;
