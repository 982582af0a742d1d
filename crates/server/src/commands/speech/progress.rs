//! How far it is: a bar on a terminal, else a line now and then.

use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressStyle};

use crate::logs::say;

/// How many lines are written where there is no terminal.
const LINES: u64 = 10;

/// Shows how much of so many words is done.
pub(super) struct Progress {
    total: u64,
    done: u64,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Of so many words.
    pub(super) fn of(total: u64) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total);
            let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg} {eta}");
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { total, done: 0, bar }
    }

    /// One more is done, and that is how it stands.
    pub(super) fn step(&mut self, standing: &str) {
        self.done += 1;
        match &self.bar {
            Some(bar) => {
                bar.set_message(standing.to_owned());
                bar.inc(1);
            }
            None if self.is_worth_a_line() => say(&format!("{}/{} {standing}", self.done, self.total)),
            None => {}
        }
    }

    /// Leaves the terminal to others.
    pub(super) fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }

    fn is_worth_a_line(&self) -> bool {
        let tenth = |done: u64| done * LINES / self.total.max(1);
        tenth(self.done) > tenth(self.done - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_terminal_there_are_at_most_ten_lines() {
        for total in [1, 7, 10, 11, 300, 10_969] {
            let mut progress = Progress {
                total,
                done: 0,
                bar: None,
            };
            let mut lines = 0;
            for _ in 0..total {
                progress.done += 1;
                lines += u64::from(progress.is_worth_a_line());
            }
            assert!(lines <= LINES && progress.is_worth_a_line(), "{total}: {lines}");
        }
    }
}
