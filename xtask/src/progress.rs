//! Says what is being done, how far it is, and how long it took.
use std::{
    env,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Numbers the steps of one `make` target.
pub(crate) struct Progress {
    started: Instant,
    total: usize,
    done: usize,
}

impl Progress {
    /// A run of `steps` steps. `run.sh` counts the step before us (building this tool) through the environment.
    pub(crate) fn new(steps: usize) -> Self {
        let number = |name: &str| env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
        let done = number("HERMES_STEPS_DONE").map_or(0, |steps| usize::try_from(steps).unwrap_or(0));
        let spent = number("HERMES_STARTED").and_then(|at| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
            now.checked_sub(Duration::from_secs(at))
        });
        let now = Instant::now();
        let started = spent.and_then(|spent| now.checked_sub(spent)).unwrap_or(now);
        Self { started, total: steps + done, done }
    }

    pub(crate) fn step(&mut self, what: &str) {
        self.done += 1;
        println!("[{}/{}] {what}", self.done, self.total);
    }

    /// How long everything took so far, for the closing line.
    pub(crate) fn elapsed(&self) -> String {
        spoken(self.started.elapsed())
    }
}

pub(crate) fn spoken(duration: Duration) -> String {
    match duration.as_secs() {
        0..10 => format!("{:.1} s", duration.as_secs_f32()),
        seconds @ 10..100 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        let check = |millis, expected| assert_eq!(spoken(Duration::from_millis(millis)), expected);
        check(340, "0.3 s");
        check(42_000, "42 s");
        check(185_000, "3 min 5 s");
    }
}
