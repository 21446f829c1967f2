//! Converts durations to nanoseconds, in which the loop counts; saturated, which is 584 years.

use std::time::Duration;

pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
