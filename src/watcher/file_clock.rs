//! Waits for the clock from which file systems take their times: it moves on with the kernel's tick,
//! each 1 to 10 ms, and so is behind the precise one.

use std::time::Duration;

use crate::sys::process::coarse_nanos;

/// Waits until it moves on, and returns its time, in nanoseconds since 1970: a file with that or a
/// later one was written after now.
pub(super) fn next_tick() -> i64 {
    let before = coarse_nanos();
    loop {
        let now = coarse_nanos();
        if now != before {
            return now;
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}

/// Ticks after which it has caught up with the precise clock, which it may follow by more than one.
const TICKS: u32 = 3;

/// Waits until it shows a time that has passed by the precise clock: a file that is written after
/// that has that time or a later one. If the clock was set back meanwhile, that is not waited for.
pub(super) fn wait_until(time: i64) {
    for _ in 0..TICKS {
        if coarse_nanos() >= time {
            return;
        }
        next_tick();
    }
}

#[cfg(test)]
mod tests {
    use super::{coarse_nanos, wait_until};
    use crate::sys::process::wall_nanos;

    #[test]
    fn what_is_written_after_the_wait_has_no_time_before_it() {
        for _ in 0..20 {
            let began = wall_nanos();
            wait_until(began);
            assert!(coarse_nanos() >= began);
        }
    }
}
