//! How long an item of the work queue that failed waits until it is tried again: twice as
//! long after each failure, up to a limit by the kind of the error.

use super::{FsError, MS, RETRY_DELAY};

/// The delay, in nanoseconds, before what has failed so often is tried again.
pub(super) fn back_off(why: &FsError, failures: u8) -> u64 {
    let (first, longest) = match why {
        // Something is changing right now.
        FsError::NotFound => (RETRY_DELAY, 10_000 * MS),
        // A change of permissions has an event, mostly.
        FsError::PermissionDenied => (1000 * MS, 300_000 * MS),
        FsError::WatchLimit => (10_000 * MS, 300_000 * MS),
        FsError::Busy => (10 * MS, 1000 * MS),
        FsError::Stalled => (1000 * MS, 30_000 * MS),
        FsError::Io(_) => (RETRY_DELAY, 120_000 * MS),
    };
    let delay = first.saturating_mul(1 << failures.min(30));
    delay.min(longest)
}
