//! Runs the stages of the loop in their order: apply the events that were read, draining
//! the kernel queue meanwhile; take what workers have read; reconcile names; emit.
//!
//! The event loop and the unit tests' fake kernel implement [`Stages`], so that the tests run
//! this order. Knows no events, no tree and no clock.

/// Whether a stage may go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Time {
    /// It may.
    Left,
    /// Before that, the kernel queue is to be drained, and changes to be emitted.
    Pause,
    /// It is over: signals are to be served.
    Up,
}

/// Whether the kernel queue is drained while events are applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Draining {
    On,
    /// During the shutdown: events that are queued from now on are not read.
    Off,
}

/// What the loop does, one piece at a time.
pub(crate) trait Stages {
    type Error;

    /// Whether events were read and are not applied.
    fn has_events(&self) -> bool;
    /// Whether steps of a batch are left to apply.
    fn is_applying(&self) -> bool;
    /// Whether nothing may be emitted until the reader has taken more.
    fn is_full(&self) -> bool;
    /// Reads the kernel queue.
    fn drain(&mut self) -> Result<(), Self::Error>;
    /// Coalesces the events that were read into a batch; returns their number.
    fn begin_batch(&mut self) -> Result<usize, Self::Error>;
    /// Applies a few steps of the batch.
    fn apply(&mut self);
    /// Whether what workers have read has waited for long.
    fn are_answers_late(&self) -> bool;
    /// Takes what workers have read. Called when no batch is being applied, and, unless that has
    /// waited for long, when all events that came before it were.
    fn take_answers(&mut self);
    /// Makes the keys of the work queue ready that are due by now.
    fn begin_work(&mut self);
    /// Serves one key; `false`: none is ready, or events are to be read first.
    fn work(&mut self) -> bool;
    /// Writes the records of what has changed in the model.
    fn emit(&mut self) -> Result<(), Self::Error>;
    /// Begins the time of which [`Stages::time`] gives the state.
    fn begin_time(&mut self);
    fn time(&mut self) -> Time;
}

/// Runs each stage for a limited time. Returns the number of events that were applied, or are
/// being applied.
///
/// # Errors
/// Those of draining and emitting.
pub(crate) fn run<S: Stages>(stages: &mut S) -> Result<usize, S::Error> {
    let events = apply(stages, Draining::On)?;
    // Events without end would keep all answers waiting.
    if !stages.has_events() || !stages.is_applying() && stages.are_answers_late() {
        stages.take_answers();
    }
    reconcile(stages);
    stages.emit()?;
    Ok(events)
}

/// Applies a batch of events for a limited time. Returns the number of its events, or 1 for a batch
/// that was begun before.
///
/// # Errors
/// Those of draining and emitting.
pub(crate) fn apply<S: Stages>(stages: &mut S, draining: Draining) -> Result<usize, S::Error> {
    if !stages.has_events() || stages.is_full() {
        return Ok(0);
    }
    let count = if stages.is_applying() {
        1
    } else {
        stages.begin_batch()?
    };
    stages.begin_time();
    while stages.is_applying() {
        let time = stages.time();
        if time != Time::Left {
            if draining == Draining::On {
                stages.drain()?;
            }
            stages.emit()?;
            if time == Time::Up || stages.is_full() {
                return Ok(count);
            }
        }
        stages.apply();
    }
    stages.emit()?;
    Ok(count)
}

/// Serves the work queue for a limited time.
pub(crate) fn reconcile<S: Stages>(stages: &mut S) {
    stages.begin_work();
    stages.begin_time();
    while stages.work() && stages.time() == Time::Left {}
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;

    use super::{Draining, Stages, Time, apply, reconcile, run};

    /// Stages with more work than there is time for.
    struct Busy {
        times: VecDeque<Time>,
        /// Steps of the batch.
        steps: usize,
        are_answers_late: bool,
        done: Vec<&'static str>,
    }

    fn busy(times: &[Time]) -> Busy {
        Busy {
            times: times.iter().copied().collect(),
            steps: usize::MAX,
            are_answers_late: false,
            done: Vec::new(),
        }
    }

    impl Stages for Busy {
        type Error = Infallible;

        fn has_events(&self) -> bool {
            true
        }

        fn is_applying(&self) -> bool {
            self.steps > 0
        }

        fn is_full(&self) -> bool {
            false
        }

        fn drain(&mut self) -> Result<(), Infallible> {
            self.done.push("drain");
            Ok(())
        }

        fn begin_batch(&mut self) -> Result<usize, Infallible> {
            Ok(1)
        }

        fn apply(&mut self) {
            self.steps -= 1;
            self.done.push("apply");
        }

        fn are_answers_late(&self) -> bool {
            self.are_answers_late
        }

        fn take_answers(&mut self) {
            self.done.push("answers");
        }

        fn begin_work(&mut self) {}

        fn work(&mut self) -> bool {
            self.done.push("work");
            true
        }

        fn emit(&mut self) -> Result<(), Infallible> {
            self.done.push("emit");
            Ok(())
        }

        fn begin_time(&mut self) {}

        fn time(&mut self) -> Time {
            self.times.pop_front().expect("the stage is over")
        }
    }

    #[test]
    fn answers_wait_for_the_events_before_them_but_not_for_long() {
        for (are_answers_late, steps, expected) in [
            (false, 1, &["apply", "emit", "work", "emit"][..]),
            (true, 1, &["apply", "emit", "answers", "work", "emit"]),
            (true, 9, &["apply", "drain", "emit", "work", "emit"]), // The batch is not over.
        ] {
            let mut stages = Busy {
                steps,
                are_answers_late,
                ..busy(&[Time::Left, Time::Up, Time::Up])
            };
            let Ok(_) = run(&mut stages);
            assert_eq!(stages.done, expected);
        }
    }

    #[test]
    fn a_stage_ends_when_its_time_is_up_however_much_is_left() {
        use Time::{Left, Pause, Up};
        let mut stages = busy(&[Left, Pause, Left, Up]);
        let Ok(_) = apply(&mut stages, Draining::On);
        let with_pauses = ["apply", "drain", "emit", "apply", "apply", "drain", "emit"];
        assert_eq!(stages.done, with_pauses);
        let mut stages = busy(&[Left, Pause, Left, Up]);
        let Ok(_) = apply(&mut stages, Draining::Off);
        let without = ["apply", "emit", "apply", "apply", "emit"];
        assert_eq!(stages.done, without);
        for over in [Pause, Up] {
            let mut stages = busy(&[Left, Left, over]);
            reconcile(&mut stages);
            assert_eq!(stages.done, ["work"; 3]);
        }
    }
}
