//! Turns the number of printed changes, the time and signals into a reason to stop, and that into
//! an exit status. `shutdown` does the rest.
//!
//! Asks nothing and writes nothing; time is a parameter, in nanoseconds on the loop's clock.

use crate::sys::signal::Signal;

/// Why a watch ended without an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StopReason {
    /// A signal came, and exit status 0 is right.
    Signal,
    /// A signal came before the end that the user asked for: the process ends by that signal.
    EndedBy(Signal),
    /// `--count` was reached.
    Counted,
    ReaderGone,
    /// `--timeout` has passed. `printed`: whether a change was printed.
    TimedOut {
        printed: bool,
    },
    /// `--until-quiet`: nothing has changed for that time.
    Quiet,
}

/// How the process ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    Status(u8),
    Signal(Signal),
}

impl StopReason {
    pub(crate) fn exit(self) -> Exit {
        match self {
            Self::Signal | Self::Counted | Self::ReaderGone | Self::Quiet => Exit::Status(0),
            Self::TimedOut { printed } => Exit::Status(if printed { 0 } else { 3 }),
            Self::EndedBy(signal) => Exit::Signal(signal),
        }
    }
}

impl Exit {
    /// The exit status as a shell shows it.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Status(status) => status,
            Self::Signal(signal) => 128 | u8::try_from(signal.number()).expect("64 signals"),
        }
    }
}

/// The end that the user asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct StopOptions {
    /// After so many changes.
    pub(crate) count: Option<u64>,
    /// So long after ready, in nanoseconds.
    pub(crate) timeout: Option<u64>,
    /// When nothing has changed for so long, in nanoseconds.
    pub(crate) until_quiet: Option<u64>,
}

impl StopOptions {
    /// The reason to stop for a signal that came before there was a watch.
    pub(crate) fn before_start(self, signal: Signal) -> StopReason {
        StopConditions::new(self).signalled(signal)
    }
}

#[derive(Debug)]
pub(super) struct StopConditions {
    options: StopOptions,
    /// The number of printed changes.
    printed: u64,
    /// When the watch became ready.
    ready: Option<u64>,
    /// When the last change was emitted, or the watch became ready.
    last_change: u64,
    /// A reason that came before the loop began.
    ended: Option<StopReason>,
}

impl StopConditions {
    pub(super) fn new(options: StopOptions) -> Self {
        Self {
            options,
            printed: 0,
            ready: None,
            last_change: 0,
            ended: None,
        }
    }

    /// Sets a reason that came before the loop began.
    pub(super) fn set_ended(&mut self, reason: StopReason) {
        self.ended = Some(reason);
    }

    /// The reason that came before the loop began, if one did.
    pub(super) fn ended(&self) -> Option<StopReason> {
        self.ended
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// Notes that every watch is set.
    pub(super) fn set_ready(&mut self, now: u64) {
        self.ready = Some(now);
        self.last_change = self.last_change.max(now);
    }

    /// Counts a change that was printed.
    pub(super) fn add_printed(&mut self, now: u64) {
        self.printed += 1;
        self.note_change(now);
    }

    /// Notes that there was a change, which may only be held.
    pub(super) fn note_change(&mut self, now: u64) {
        self.last_change = self.last_change.max(now);
    }

    pub(super) fn printed(&self) -> u64 {
        self.printed
    }

    /// Whether as many changes were printed as `--count` asks for.
    pub(super) fn is_counted(&self) -> bool {
        self.options
            .count
            .is_some_and(|count| self.printed >= count)
    }

    /// When the watch ends by itself. `None` after the quiet time, as long as something is left to
    /// be reconciled: that has deadlines of its own.
    pub(super) fn deadline(&self, now: u64, is_done: impl FnOnce() -> bool) -> Option<u64> {
        let quiet_end = self.quiet_end().filter(|&end| end > now || is_done());
        [self.timeout_end(), quiet_end].into_iter().flatten().min()
    }

    /// The reason to stop, if its time has come. `is_done`: whether nothing is left to be
    /// reconciled; it is called only if that matters.
    pub(super) fn time_is_up(
        &self,
        now: u64,
        is_done: impl FnOnce() -> bool,
    ) -> Option<StopReason> {
        let has_passed = |end: Option<u64>| end.is_some_and(|end| end <= now);
        if has_passed(self.timeout_end()) {
            let printed = self.printed > 0;
            Some(StopReason::TimedOut { printed })
        } else if has_passed(self.quiet_end()) && is_done() {
            Some(StopReason::Quiet)
        } else {
            None
        }
    }

    /// The reason after the last changes were printed.
    pub(super) fn with_all_printed(&self, reason: StopReason) -> StopReason {
        match reason {
            StopReason::TimedOut { .. } => StopReason::TimedOut {
                printed: self.printed > 0,
            },
            other => other,
        }
    }

    /// The reason for a signal: if the user asked for an end that has not come, the exit status
    /// shows that.
    pub(super) fn signalled(&self, signal: Signal) -> StopReason {
        let asks_for_end = self.options != StopOptions::default();
        match signal {
            Signal::Other(_) => StopReason::EndedBy(signal),
            _ if asks_for_end && !self.is_counted() => StopReason::EndedBy(signal),
            _ => StopReason::Signal,
        }
    }

    fn timeout_end(&self) -> Option<u64> {
        let (ready, timeout) = (self.ready?, self.options.timeout?);
        Some(ready.saturating_add(timeout))
    }

    fn quiet_end(&self) -> Option<u64> {
        self.ready?;
        Some(self.last_change.saturating_add(self.options.until_quiet?))
    }
}

#[cfg(test)]
mod tests {
    use super::{Exit, StopConditions, StopOptions, StopReason};
    use crate::sys::signal::Signal;

    fn ready(options: StopOptions) -> StopConditions {
        let mut stop = StopConditions::new(options);
        stop.set_ready(100);
        stop
    }

    #[test]
    fn the_timeout_counts_from_ready_and_has_whether_a_change_was_printed() {
        let timeout = Some(50);
        let options = StopOptions {
            timeout,
            ..StopOptions::default()
        };
        assert_eq!(StopConditions::new(options).deadline(0, || true), None);
        let mut stop = ready(options);
        assert_eq!(stop.deadline(120, || true), Some(150));
        assert_eq!(stop.deadline(160, || false), Some(150));
        assert_eq!(stop.time_is_up(149, || true), None);
        let timed_out = |printed| Some(StopReason::TimedOut { printed });
        assert_eq!(stop.time_is_up(150, || false), timed_out(false));
        stop.note_change(130);
        assert_eq!(stop.time_is_up(150, || false), timed_out(false));
        stop.add_printed(130);
        assert_eq!(stop.time_is_up(150, || false), timed_out(true));
    }

    #[test]
    fn quiet_counts_from_the_last_change_and_waits_until_all_is_reconciled() {
        let options = StopOptions {
            until_quiet: Some(50),
            ..StopOptions::default()
        };
        let mut stop = ready(options);
        stop.note_change(130);
        assert_eq!(stop.deadline(140, || false), Some(180));
        assert_eq!(stop.time_is_up(179, || true), None);
        assert_eq!(stop.time_is_up(180, || false), None);
        // It must not make the loop turn until then.
        assert_eq!(stop.deadline(180, || false), None);
        assert_eq!(stop.deadline(190, || true), Some(180));
        assert_eq!(stop.time_is_up(180, || true), Some(StopReason::Quiet));
    }

    #[test]
    fn times_without_end_do_not_overflow() {
        let stop = ready(StopOptions {
            count: None,
            timeout: Some(u64::MAX),
            until_quiet: Some(u64::MAX - 1),
        });
        assert_eq!(stop.deadline(0, || true), Some(u64::MAX));
        assert_eq!(stop.time_is_up(1 << 60, || true), None);
    }

    #[test]
    fn a_signal_before_the_end_that_was_asked_for_is_how_it_ends() {
        let counted = StopOptions {
            count: Some(1),
            ..StopOptions::default()
        };
        let signal = Signal::Interrupt;
        let by_signal = StopReason::EndedBy(signal);
        assert_eq!(by_signal.exit(), Exit::Signal(signal));
        assert_eq!(by_signal.exit().code(), 130);
        let mut stop = StopConditions::new(counted);
        assert_eq!(stop.signalled(signal), by_signal);
        stop.set_ready(1);
        assert_eq!(stop.signalled(signal), by_signal);
        stop.add_printed(2);
        assert_eq!(stop.signalled(signal), StopReason::Signal);
        let endless = ready(StopOptions::default());
        assert_eq!(endless.signalled(signal), StopReason::Signal);
        let quit = Signal::Other(3);
        assert_eq!(endless.signalled(quit), StopReason::EndedBy(quit));
    }
}
