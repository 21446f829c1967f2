//! Paces the loop: lets the events of a burst gather, limits the time of a stage, and decides how
//! long directories are held open. Reads no clock: times are in nanoseconds on the loop's.

use std::time::Duration;

use crate::stage_order::Time;

/// How long a stage goes on before the kernel queue is drained again: 1 ms.
const DRAIN_EVERY: u64 = 1_000_000;

/// How long a stage goes on before signals are served: 5 ms.
const STAGE: u64 = 5_000_000;

/// Directories are held open for no longer than this, even while events come: 1 s.
const HOLD: u64 = 1_000_000_000;

/// Answers of workers wait for no longer than this until all events that are there are applied: 1 s.
const ANSWERS_WAIT: u64 = 1_000_000_000;

/// More events than this at once are a burst: a pause lets further events gather, so that each
/// costs less. There is no pause after a single change, which makes fewer events.
const BURST: usize = 6;

/// The first pause of a burst: 700 µs. The kernel queue has room for many times the events that
/// come meanwhile.
const COALESCE_DELAY: Duration = Duration::from_micros(700);

/// The longest pause is this many times as long.
const MAX_COALESCE_FACTOR: u32 = 4;

pub(super) struct Pace {
    /// Whether events were applied in the last turn: then directories are held open for the next.
    is_busy: bool,
    /// Since when directories are held open.
    held_since: u64,
    /// When the answers of workers were last taken.
    answers_taken: u64,
    /// Consecutive bursts, this one included; the coalescing delay grows with it.
    bursts: u32,
    /// When the stage began.
    began: u64,
    /// When the kernel queue was last drained in it.
    paused: u64,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            is_busy: false,
            held_since: 0,
            answers_taken: 0,
            bursts: 1,
            began: 0,
            paused: 0,
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// Notes that the loop has waited. `is_woken`: something came.
    pub(super) fn note_wait(&mut self, is_woken: bool) {
        self.is_busy &= is_woken;
    }

    /// Ends a turn of the loop that applied `events`; returns how long it is to pause. `is_idle`:
    /// there is nothing else to be done.
    pub(super) fn end_turn(&mut self, events: usize, is_idle: bool) -> Option<Duration> {
        self.is_busy = events > 0;
        if events <= BURST || !is_idle {
            self.bursts = 1;
            return None;
        }
        let delay = COALESCE_DELAY * self.bursts;
        self.bursts = (self.bursts + 1).min(MAX_COALESCE_FACTOR);
        Some(delay)
    }

    /// Whether directories are to be closed now: the loop is going to wait (`waits`), or they were
    /// held open for [`HOLD`].
    pub(super) fn end_hold(&mut self, waits: bool, now: u64) -> bool {
        let ends = waits || now > self.held_since.saturating_add(HOLD);
        if ends {
            self.held_since = now;
        }
        ends
    }

    pub(super) fn are_answers_late(&self, now: u64) -> bool {
        now > self.answers_taken.saturating_add(ANSWERS_WAIT)
    }

    pub(super) fn note_answers_taken(&mut self, now: u64) {
        self.answers_taken = now;
    }

    pub(super) fn begin_stage(&mut self, now: u64) {
        (self.began, self.paused) = (now, now);
    }

    /// Whether the stage may go on, is to be interrupted for the kernel queue, or is over.
    pub(super) fn time(&mut self, now: u64) -> Time {
        if now - self.paused <= DRAIN_EVERY {
            return Time::Left;
        }
        self.paused = now;
        if now - self.began > STAGE {
            Time::Up
        } else {
            Time::Pause
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn bursts_in_a_row_pause_the_loop_for_longer_and_longer_up_to_a_bound() {
        let mut pace = Pace::new();
        let pause = |pace: &mut Pace, events| pace.end_turn(events, true);
        let factors = [1, 2, 3, 4, 4];
        for factor in factors {
            assert_eq!(pause(&mut pace, BURST + 1), Some(COALESCE_DELAY * factor));
        }
        assert_eq!(pause(&mut pace, BURST), None);
        assert_eq!(pause(&mut pace, BURST + 1), Some(COALESCE_DELAY));
        assert_eq!(pace.end_turn(BURST + 1, false), None);
    }

    #[test]
    fn the_queue_is_drained_every_millisecond_and_signals_are_served_after_five() {
        let mut pace = Pace::new();
        pace.begin_stage(100 * MS);
        let times = [(1, Time::Left), (2, Time::Pause), (3, Time::Left)];
        for (after, expected) in times {
            assert_eq!(pace.time((100 + after) * MS), expected);
        }
        assert_eq!(pace.time(106 * MS), Time::Up);
        pace.begin_stage(106 * MS);
        assert_eq!(pace.time(107 * MS), Time::Left);
    }

    #[test]
    fn directories_are_closed_before_the_loop_waits_and_after_a_second() {
        let mut pace = Pace::new();
        assert!(pace.end_hold(true, 10 * MS));
        assert!(!pace.end_hold(false, 1010 * MS));
        assert!(pace.end_hold(false, 1011 * MS));
        assert!(!pace.end_hold(false, 1012 * MS));
    }
}
