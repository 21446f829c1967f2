//! Decides how long an item of the work queue that failed waits until it is tried again (longer
//! after each failure, up to a limit that depends on the error), and from which failure on it is
//! not expected to work soon.

use super::{FsError, MS, RETRY_DELAY};

/// Consecutive failures after which what is busy is taken to stay so: it was for 10 s.
const LONG_BUSY: u8 = 16;

/// Whether a failure that follows `failures` consecutive ones is to be reported: the first one; of
/// what is busy, the one that shows that it stays so.
pub(super) fn is_to_report(error: &FsError, failures: u8) -> bool {
    match error {
        FsError::Busy => failures == LONG_BUSY,
        _ => failures == 0,
    }
}

/// Whether an error that follows `failures` consecutive ones shows that something stays busy.
pub(super) fn is_long_busy(error: &FsError, failures: u8) -> bool {
    *error == FsError::Busy && failures >= LONG_BUSY
}

/// The delay in nanoseconds after an error that follows `failures` consecutive ones.
pub(super) fn back_off(error: &FsError, failures: u8) -> u64 {
    let (first, factor, longest) = match error {
        // Something is changing right now.
        FsError::NotFound => (RETRY_DELAY, 2, 10_000 * MS),
        // A change of permissions mostly has an event, which hastens the retry.
        FsError::PermissionDenied => (1000 * MS, 2, 300_000 * MS),
        FsError::WatchLimit => (10_000 * MS, 2, 300_000 * MS),
        FsError::Busy if failures >= LONG_BUSY => {
            let delay = (1000 * MS) << (failures - LONG_BUSY).min(5);
            (delay, 1, 30_000 * MS)
        }
        FsError::Busy | FsError::Unanswered | FsError::NoDescriptor => (10 * MS, 2, 1000 * MS),
        FsError::Stalled => (1000 * MS, 2, 30_000 * MS),
        // A transient error has passed by the second try. Any other may affect thousands of files.
        FsError::Io(_) if failures == 0 => (RETRY_DELAY, 1, RETRY_DELAY),
        FsError::Io(_) => (125 * MS, 4, 120_000 * MS),
    };
    let delay = first.saturating_mul(u64::saturating_pow(factor, u32::from(failures)));
    delay.min(longest)
}

/// Whether an item is not expected to work soon, after `failures` consecutive failures: its next
/// try is after 1 s at the earliest.
fn is_stuck(error: &FsError, failures: u8) -> bool {
    match error {
        FsError::PermissionDenied | FsError::WatchLimit | FsError::Stalled => true,
        FsError::NotFound | FsError::Busy | FsError::Unanswered | FsError::NoDescriptor => {
            failures > 9
        }
        FsError::Io(_) => failures > 2,
    }
}

/// A failure, as far as it decides what may hasten the next try, and whether that is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Failure {
    pub(super) kind: FailureKind,
    /// Whether the key is not expected to work soon.
    pub(super) is_stuck: bool,
}

impl Failure {
    /// `failures`: the consecutive ones, this one included.
    pub(super) fn new(error: &FsError, failures: u8) -> Self {
        Self {
            kind: FailureKind::from(error),
            is_stuck: is_stuck(error, failures),
        }
    }

    /// The same, where there is a reason to try sooner.
    pub(super) fn hastened(self) -> Self {
        Self {
            is_stuck: false,
            ..self
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FailureKind {
    /// By an I/O error: it is not tried sooner than planned.
    Io,
    /// Its file system did not answer.
    NoAnswer,
    Other,
}

impl From<&FsError> for FailureKind {
    fn from(error: &FsError) -> Self {
        match error {
            FsError::Io(_) => Self::Io,
            FsError::Unanswered | FsError::Stalled => Self::NoAnswer,
            FsError::NotFound
            | FsError::PermissionDenied
            | FsError::WatchLimit
            | FsError::Busy
            | FsError::NoDescriptor => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FsError, LONG_BUSY, MS, back_off, is_long_busy, is_stuck, is_to_report};

    #[test]
    fn a_file_system_that_has_not_answered_yet_is_asked_every_second() {
        assert_eq!(back_off(&FsError::Unanswered, u8::MAX), 1000 * MS);
        assert!(!is_long_busy(&FsError::Unanswered, u8::MAX));
        assert!(!is_to_report(&FsError::Unanswered, LONG_BUSY));
    }

    #[test]
    fn what_is_busy_for_ten_seconds_is_reported_and_tried_ever_more_rarely() {
        let delays: Vec<u64> = (0..=u8::MAX)
            .map(|failures| back_off(&FsError::Busy, failures) / MS)
            .collect();
        let until: u64 = delays[..usize::from(LONG_BUSY)].iter().sum();
        assert!((9_000..11_000).contains(&until), "{until} ms");
        let later = [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000];
        assert_eq!(delays[usize::from(LONG_BUSY)..][..7], later);
        assert_eq!(delays[255], 30_000);
        let reported = (0..=u8::MAX).filter(|&failures| is_to_report(&FsError::Busy, failures));
        assert_eq!(reported.collect::<Vec<_>>(), [LONG_BUSY]);
        assert!(!is_long_busy(&FsError::Busy, LONG_BUSY - 1));
        assert!(is_long_busy(&FsError::Busy, u8::MAX));
    }

    #[test]
    fn what_cannot_be_read_is_tried_three_times_in_two_seconds_and_then_ever_more_rarely() {
        let error = FsError::Io("Input/output error".to_owned());
        let delays: Vec<u64> = (0..8)
            .map(|failures| back_off(&error, failures) / MS)
            .collect();
        let expected = [2, 500, 2000, 8000, 32_000, 120_000, 120_000, 120_000];
        assert_eq!(delays, expected);
        assert_eq!(back_off(&error, u8::MAX), 120_000 * MS);
        assert_eq!(
            [1, 2, 3].map(|failures| is_stuck(&error, failures)),
            [false, false, true]
        );
    }
}
