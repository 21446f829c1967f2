//! How the loop is paced: what belongs together is given time to gather, and directories are
//! held open only while events come. Reads no clock: times are in nanoseconds on the loop's.

use std::time::Duration;

use crate::stage_order::Time;

/// How long a stage goes on before the kernel's queue is drained again: 1 ms.
const DRAIN_EVERY: u64 = 1_000_000;

/// How long a stage goes on before signals are served: 5 ms.
const STAGE: u64 = 5_000_000;

/// Directories are held open for no longer than this, however busy the loop is: 1 s.
const HOLD: u64 = 1_000_000_000;

/// More events than this at once are a burst, which will go on: a pause lets events gather,
/// so that each costs less. Never after a single change.
const BURST: usize = 6;

/// The first pause: the kernel's queue has room for many times what comes meanwhile.
const COALESCE_DELAY: Duration = Duration::from_micros(700);

/// The longest pause is this many times as long.
const MAX_COALESCE_FACTOR: u32 = 4;

pub(super) struct Pace {
    /// Whether events came just now: then more may come, and directories are held open.
    is_busy: bool,
    /// Since when they are.
    held_since: u64,
    /// Consecutive bursts, this one included; the coalescing delay grows with it.
    bursts: u32,
    /// When the stage began, and when its time was last up.
    began: u64,
    paused: u64,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            is_busy: false,
            held_since: 0,
            bursts: 1,
            began: 0,
            paused: 0,
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// The loop has waited; `is_woken`: and something came.
    pub(super) fn note_wait(&mut self, is_woken: bool) {
        self.is_busy &= is_woken;
    }

    /// A turn of the loop is over that applied so many events; `is_idle`: nothing else is to be
    /// done. How long it pauses.
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

    /// Whether directories are to be closed now: the loop is going to wait, or they were held
    /// for long enough.
    pub(super) fn end_hold(&mut self, waits: bool, now: u64) -> bool {
        let ends = waits || now > self.held_since.saturating_add(HOLD);
        if ends {
            self.held_since = now;
        }
        ends
    }

    pub(super) fn begin_stage(&mut self, now: u64) {
        (self.began, self.paused) = (now, now);
    }

    /// How much is left of the stage's time.
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
