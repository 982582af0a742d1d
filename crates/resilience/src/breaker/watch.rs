//! What a closed breaker remembers of the calls that went through.

use std::collections::VecDeque;
use std::time::Duration;

use super::Opens;

/// In how many parts a window slides on.
const PARTS: u32 = 10;
/// How many of these are recent, the present one included.
const RECENT: u32 = 3;

/// How the calls of late went.
#[derive(Debug)]
pub(super) enum Watch {
    InARow { failures: u32, most: u32 },
    Share(Window),
}

/// The calls of a sliding window, counted part by part.
#[derive(Debug)]
pub(super) struct Window {
    percent: u32,
    calls: u32,
    part: Duration,
    parts: VecDeque<Part>,
}

#[derive(Debug)]
struct Part {
    number: u128,
    calls: u32,
    failures: u32,
}

impl Watch {
    pub(super) fn new(opens: Opens) -> Self {
        match opens {
            Opens::InARow(most) => Self::InARow { failures: 0, most },
            Opens::Share {
                percent,
                calls,
                window,
            } => Self::Share(Window {
                percent,
                calls: calls.max(1),
                part: (window / PARTS).max(Duration::from_nanos(1)),
                parts: VecDeque::new(),
            }),
        }
    }

    pub(super) fn succeeded(&mut self, now: Duration) {
        match self {
            Self::InARow { failures, .. } => *failures = 0,
            Self::Share(window) => window.part(now).calls += 1,
        }
    }

    /// Whether that was one failure too many.
    pub(super) fn failed(&mut self, now: Duration) -> bool {
        match self {
            Self::InARow { failures, most } => {
                *failures += 1;
                *failures >= *most
            }
            Self::Share(window) => {
                let part = window.part(now);
                part.calls += 1;
                part.failures += 1;
                window.is_too_much()
            }
        }
    }

    /// What was, no longer counts.
    pub(super) fn clear(&mut self) {
        match self {
            Self::InARow { failures, .. } => *failures = 0,
            Self::Share(window) => window.parts.clear(),
        }
    }
}

impl Window {
    /// The part of now; those that have left the window are dropped.
    fn part(&mut self, now: Duration) -> &mut Part {
        let number = now.as_nanos() / self.part.as_nanos();
        while let Some(oldest) = self.parts.front()
            && oldest.number + u128::from(PARTS) <= number
        {
            self.parts.pop_front();
        }
        let is_there = self.parts.back().is_some_and(|part| part.number >= number);
        let last = if is_there { self.parts.pop_back() } else { None };
        self.parts.push_back(last.unwrap_or(Part {
            number,
            calls: 0,
            failures: 0,
        }));
        let end = self.parts.len() - 1;
        &mut self.parts[end]
    }

    /// Whether too many failed over the whole window, or recently: what went well for long shall not hide that it no
    /// longer does.
    fn is_too_much(&self) -> bool {
        let newest = self.parts.back().map_or(0, |part| part.number);
        let is_recent = |part: &&Part| part.number + u128::from(RECENT) > newest;
        self.are_too_many(self.parts.iter()) || self.are_too_many(self.parts.iter().filter(is_recent))
    }

    fn are_too_many<'a>(&self, parts: impl Iterator<Item = &'a Part>) -> bool {
        let (calls, failures) = parts.fold((0, 0), |(calls, failures), part| {
            (calls + part.calls, failures + part.failures)
        });
        calls >= self.calls && u64::from(failures) * 100 >= u64::from(calls) * u64::from(self.percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(30);

    fn watch() -> Watch {
        Watch::new(Opens::Share {
            percent: 50,
            calls: 10,
            window: WINDOW,
        })
    }

    #[test]
    fn nothing_follows_from_a_few_calls() {
        let mut watch = watch();
        assert!((0..9).all(|_| !watch.failed(Duration::ZERO)));
        assert!(watch.failed(Duration::ZERO));
    }

    #[test]
    fn half_of_the_calls_is_too_much_and_less_is_not() {
        let mut watch = watch();
        for _ in 0..6 {
            watch.succeeded(Duration::ZERO);
        }
        assert!((0..5).all(|_| !watch.failed(Duration::ZERO)));
        assert!(watch.failed(Duration::ZERO));
    }

    #[test]
    fn what_went_well_for_long_does_not_hide_what_fails_now() {
        let mut watch = watch();
        // Twenty seconds, of which the last two are recent.
        for tenth in 0..200 {
            watch.succeeded(Duration::from_millis(100 * tenth));
        }
        let now = WINDOW * 8 / 10;
        assert!((0..19).all(|_| !watch.failed(now)));
        assert!(watch.failed(now));
    }

    #[test]
    fn what_has_left_the_window_does_not_count() {
        let mut watch = watch();
        for second in 0..9 {
            assert!(!watch.failed(Duration::from_secs(second)));
        }
        // The first three have left: six count.
        assert!((0..3).all(|_| !watch.failed(WINDOW)));
        assert!(watch.failed(WINDOW));
    }

    #[test]
    fn a_window_takes_no_more_room_however_long_it_slides() {
        let mut watch = watch();
        for tenth in 0..99_990 {
            watch.succeeded(Duration::from_millis(100 * tenth));
        }
        let Watch::Share(window) = watch else {
            unreachable!("it watches a share")
        };
        assert_eq!(window.parts.len(), 10);
        assert_eq!(window.parts.iter().map(|part| part.calls).sum::<u32>(), 300);
    }
}
