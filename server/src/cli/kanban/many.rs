//! What a command answers that was given several cards: a line for each, or exactly one JSON value for all.

use std::process::ExitCode;

use protocol::CardRef;
use serde::Serialize;
use serde_json::Value;

use super::Cx;
use crate::cli::error::{self, CliError};

/// The cards in their order, each as often as it makes sense: once.
pub(super) fn each_once(cards: impl Iterator<Item = CardRef>) -> Vec<CardRef> {
    let mut once: Vec<CardRef> = Vec::new();
    for card in cards {
        if !once.contains(&card) {
            once.push(card);
        }
    }
    once
}

/// Collects the answers for one or several cards. All are tried, and any failure fails the command.
pub(super) struct Answers<'a> {
    cx: &'a Cx,
    /// Whether several were asked for, whatever becomes of them.
    several: bool,
    done: Vec<Value>,
    failed: Vec<(CardRef, CliError)>,
}

impl<'a> Answers<'a> {
    /// For so many cards as were named.
    pub(super) fn for_cards(cx: &'a Cx, cards: &[CardRef]) -> Self {
        Self::new(cx, cards.len() > 1)
    }

    /// For a list, however long it is.
    pub(super) fn new(cx: &'a Cx, several: bool) -> Self {
        Self { cx, several, done: Vec::new(), failed: Vec::new() }
    }

    /// What became of a card: told at once to people, kept for scripts.
    pub(super) fn take<T: Serialize>(
        &mut self,
        card: CardRef,
        result: Result<T, CliError>,
        tell: impl FnOnce(&T) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let json = self.cx.out.is_json();
        let told = result.and_then(|value| {
            if json {
                let value = serde_json::to_value(&value).map_err(CliError::no_json)?;
                self.done.push(value);
                return Ok(());
            }
            tell(&value)
        });
        match told {
            Ok(()) => Ok(()),
            Err(CliError::Closed) => Err(CliError::Closed),
            Err(error) => {
                if !json && self.several {
                    error.report(false);
                }
                self.failed.push((card, error));
                Ok(())
            }
        }
    }

    /// The one JSON value of the whole, and the exit code.
    pub(super) fn finish(mut self) -> Result<ExitCode, CliError> {
        if !self.several {
            return match (self.done.pop(), self.failed.pop()) {
                (_, Some((_, error))) => Err(error),
                (Some(value), None) => self.cx.out.json(&value).map(|()| ExitCode::SUCCESS),
                (None, None) => Ok(ExitCode::SUCCESS),
            };
        }
        if self.cx.out.is_json() {
            self.cx.out.json(&self.done)?;
            if !self.failed.is_empty() {
                error::report_all(&self.failed);
            }
        }
        Ok(self.failed.last().map_or(ExitCode::SUCCESS, |(_, error)| error.exit_code()))
    }
}
