//! Keeps the current time, and which times the wall clock has shown since the watch began: a file
//! that changed since then has one of them. Reads no clock.
//!
//! The wall clock may be years behind the files (a board before NTP) and may be set at any time,
//! so that a file may have a later time and be unchanged. Invariant: the spans cover all times
//! that the clock has shown, however it was set.

use super::Timestamps;

/// The wall clock may gain or lose this much between two readings without having been set:
/// adjtime(3) slews, and a reading takes time. 100 ms.
const TOLERANCE: i64 = 100_000_000;

/// A file may have changed this long after the last reading of the clock: 10 s.
const AHEAD: i64 = 10_000_000_000;

/// With more spans than this, two are joined, and the time between them.
const MOST: usize = 16;

/// A file whose birth time is this much older than the moment when the kernel queue was last
/// empty was not created by an event that was queued after that: 20 ms, more than the resolution
/// of a file system's clock.
const COARSE: i64 = 20_000_000;

/// Times of the wall clock are in nanoseconds since 1970.
pub(super) struct Clock {
    now: Timestamps,
    /// When the watch began.
    began: i64,
    /// If a directory is polled: the first time of the coarse clock, from which file systems take
    /// their times, after the walk; else `began`.
    began_coarse: i64,
    shown: ShownTimes,
    /// When the kernel queue was last empty, and all events were applied.
    queue_empty: i64,
    /// The same, on the monotonic clock.
    queue_empty_tick: u64,
}

impl Clock {
    pub(super) fn new(now: Timestamps) -> Self {
        Self {
            now,
            began: now.wall,
            began_coarse: now.wall,
            shown: ShownTimes::new(now),
            queue_empty: now.wall,
            queue_empty_tick: now.tick,
        }
    }

    pub(super) fn set(&mut self, now: Timestamps) {
        if self.shown.observe(now) {
            // The clock was set: no birth time can be compared with a time before that.
            self.queue_empty = i64::MIN;
        }
        self.now = now;
    }

    /// Notes that the kernel queue was empty: all events that were queued before were applied.
    pub(super) fn set_queue_empty(&mut self, at: Timestamps) {
        self.queue_empty = at.wall;
        self.queue_empty_tick = at.tick;
    }

    /// When the kernel queue was last empty, on the monotonic clock.
    pub(super) fn queue_empty_tick(&self) -> u64 {
        self.queue_empty_tick
    }

    /// The monotonic clock, in nanoseconds.
    pub(super) fn tick(&self) -> u64 {
        self.now.tick
    }

    pub(super) fn wall(&self) -> i64 {
        self.now.wall
    }

    /// Whether a birth time is before all events that are unread or being applied.
    pub(super) fn is_before_queued_events(&self, birth: i64) -> bool {
        birth < self.queue_empty.saturating_sub(COARSE)
    }

    /// Whether the wall clock has shown this time since the watch began.
    pub(super) fn has_shown(&self, time: i64) -> bool {
        self.shown.has_shown(time, None)
    }

    /// As [`Self::has_shown`], where nothing was watched before the walk was over.
    pub(super) fn has_shown_since_walk(&self, time: i64) -> bool {
        self.shown.has_shown(time, Some(self.began_coarse))
    }

    /// When the watch began.
    pub(super) fn began(&self) -> i64 {
        self.began
    }

    /// Sets the first time of the coarse clock after the walk.
    pub(super) fn set_began_coarse(&mut self, time: i64) {
        self.began_coarse = time;
    }
}

/// From the first to the last time, both included.
struct Span {
    first: i64,
    last: i64,
}

struct ShownTimes {
    /// The last one goes on until now. When the clock is set, another one begins.
    spans: Vec<Span>,
    /// When the clock was last read.
    seen: Timestamps,
}

impl ShownTimes {
    fn new(now: Timestamps) -> Self {
        let (first, last) = (now.wall, now.wall);
        Self {
            spans: vec![Span { first, last }],
            seen: now,
        }
    }

    /// Takes a reading of the clock; whether it was set since the last one.
    fn observe(&mut self, now: Timestamps) -> bool {
        let passed = now.tick.saturating_sub(self.seen.tick);
        let passed = i64::try_from(passed).unwrap_or(i64::MAX);
        let expected = self.seen.wall.saturating_add(passed);
        let tolerance = TOLERANCE.saturating_add(passed / 1000);
        let was_set = now.wall.abs_diff(expected) > tolerance.unsigned_abs();
        self.seen = now;
        if let Some(span) = self.spans.last_mut() {
            // It was set somewhere between the two readings.
            span.last = span.last.max(if was_set { expected } else { now.wall });
        }
        if was_set {
            self.spans.push(Span {
                first: now.wall.saturating_sub(passed).saturating_sub(tolerance),
                last: now.wall,
            });
        }
        if self.spans.len() > MOST {
            let Span { first, last } = self.spans.remove(1);
            let span = &mut self.spans[0];
            (span.first, span.last) = (span.first.min(first), span.last.max(last));
        }
        was_set
    }

    /// Whether a span has this time. `from`: the first span is taken to begin there.
    fn has_shown(&self, time: i64, from: Option<i64>) -> bool {
        self.spans.iter().enumerate().any(|(at, span)| {
            let is_last = at + 1 == self.spans.len();
            let last = span.last.saturating_add(if is_last { AHEAD } else { 0 });
            let first = from.filter(|_| at == 0).unwrap_or(span.first);
            (first..=last).contains(&time)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{AHEAD, Clock};
    use crate::tracker::Timestamps;

    const SECOND: i64 = 1_000_000_000;
    const YEAR: i64 = 365 * 24 * 3600 * SECOND;

    fn at(seconds: u64, wall: i64) -> Timestamps {
        Timestamps {
            tick: seconds * 1_000_000_000,
            wall,
        }
    }

    #[test]
    fn a_time_between_the_beginning_and_now_was_shown() {
        let mut clock = Clock::new(at(0, 50 * YEAR));
        clock.set(at(100, 50 * YEAR + 100 * SECOND));
        assert!(!clock.has_shown(50 * YEAR - 1));
        assert!(clock.has_shown(50 * YEAR));
        assert!(clock.has_shown(50 * YEAR + 100 * SECOND));
        assert!(!clock.has_shown(50 * YEAR + 101 * SECOND + AHEAD));
        assert!(
            !clock.has_shown(51 * YEAR),
            "it is of a clock that was right once"
        );
    }

    #[test]
    fn a_clock_that_is_set_has_not_shown_what_lies_between() {
        let mut clock = Clock::new(at(0, 0));
        assert!(!clock.shown.observe(at(10, 10 * SECOND)));
        assert!(clock.shown.observe(at(20, 50 * YEAR)));
        assert!(!clock.shown.observe(at(30, 50 * YEAR + 10 * SECOND)));
        for (time, shown) in [
            (5 * SECOND, true),
            (20 * SECOND, true),
            (YEAR, false),
            (50 * YEAR - 20 * SECOND, false),
            (50 * YEAR - 5 * SECOND, true),
            (50 * YEAR + 5 * SECOND, true),
        ] {
            assert_eq!(clock.has_shown(time), shown, "{time}");
        }
        assert!(clock.shown.observe(at(40, 20 * SECOND)), "and back again");
        assert!(clock.has_shown(25 * SECOND));
    }

    #[test]
    fn a_clock_that_is_set_all_the_time_takes_no_more_memory() {
        let mut clock = Clock::new(at(0, 0));
        for step in 1..1000 {
            clock.shown.observe(at(
                step,
                i64::try_from(step).expect("a few steps") % 7 * YEAR,
            ));
        }
        assert!(clock.shown.spans.len() <= super::MOST);
    }
}
