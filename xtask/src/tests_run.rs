//! Runs test commands: the user sees their output as it comes, and we learn how many tests there were.
use std::{
    io::{BufRead, BufReader, Read},
    process::{Command, Stdio},
    thread,
};

use anyhow::{Context, Result, anyhow, ensure};

#[derive(Default, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// Reads a summary line of cargo test, nextest or Playwright; any other line counts nothing.
    fn of_line(line: &str) -> Self {
        let mut counts = Self::default();
        // nextest repeats, further in, what a failing test printed: the summary of that one test.
        let cargo = line.starts_with("test result:");
        let line = line.trim();
        let playwright = line.split_once(' ').is_some_and(|(number, word)| {
            number.parse::<u64>().is_ok()
                && ["passed", "failed", "flaky", "skipped"].iter().any(|w| word.starts_with(w))
        });
        if !(cargo || line.starts_with("Summary [") || playwright) {
            return counts;
        }
        let words: Vec<&str> = line.split([' ', ',', ';', '.', ':']).filter(|word| !word.is_empty()).collect();
        for pair in words.windows(2) {
            if let [number, word] = pair
                && let Ok(number) = number.parse::<u64>()
            {
                match *word {
                    // A flaky test is one that failed and was tried again: it is not good enough to count as passed.
                    "failed" | "flaky" => counts.failed += number,
                    "passed" => counts.passed += number,
                    "ignored" | "skipped" => counts.skipped += number,
                    _ => {}
                }
            }
        }
        counts
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// Runs one test command to its end.
pub(crate) fn run(command: &mut Command) -> Result<Counts> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("could not start {program}"))?;
    let stdout = child.stdout.take().context("no standard output")?;
    let stderr = child.stderr.take().context("no standard error")?;
    let errors = thread::spawn(move || pass_on(stderr, |line| eprint!("{line}")));
    let mut counts = pass_on(stdout, |line| print!("{line}"))?;
    counts.add(errors.join().map_err(|_| anyhow!("reading the output of {program} panicked"))??);
    let status = child.wait()?;
    ensure!(status.success(), "tests failed ({counts})");
    Ok(counts)
}

fn pass_on(from: impl Read, print: impl Fn(&str)) -> Result<Counts> {
    let mut from = BufReader::new(from);
    let mut counts = Counts::default();
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        print(&text);
        counts.add(Counts::of_line(&text));
        line.clear();
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_of_three_runners_are_understood() {
        let check = |line: &str, passed, failed, skipped| {
            assert_eq!(Counts::of_line(line), Counts { passed, failed, skipped }, "{line}");
        };
        check("test result: ok. 7 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.01s", 7, 0, 2);
        check("test result: FAILED. 7 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out", 7, 3, 0);
        check("     Summary [   0.012s] 8 tests run: 8 passed, 1 skipped", 8, 0, 1);
        check("     Summary [   0.012s] 8 tests run: 6 passed, 2 failed, 1 skipped", 6, 2, 1);
        check("  14 passed (32.1s)", 14, 0, 0);
        check("  2 failed", 0, 2, 0);
        check("  1 flaky", 0, 1, 0);
        check("test kanban::moves::a_test_with_3_passed ... ok", 0, 0, 0);
        check("running 7 tests", 0, 0, 0);
        check("    test result: FAILED. 0 passed; 1 failed; 0 ignored", 0, 0, 0);
    }
}
