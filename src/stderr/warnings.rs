//! Decides which warnings are written: the first ones of each kind, and then how many more there
//! were.
//!
//! Writes nothing itself; time is a parameter, in nanoseconds on the loop's clock.
//! Invariant: however many warnings come, the lines become ever rarer, down to one an hour of each
//! kind.

use crate::change::Warning;

/// How long after the first warning that is not written the number is: 1 s. The delay doubles each
/// time.
const FIRST_DELAY: u64 = 1_000_000_000;

/// The longest delay: 1 h.
const LONGEST_DELAY: u64 = 3600 * FIRST_DELAY;

/// A kind of warnings, which are counted together.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    UnreadableDirectory,
    UnreadableFile,
    NoWatch,
    OverLimit,
    /// Any other error.
    Failed,
}

impl Kind {
    /// In the order of declaration, which is that of `--stats`.
    const ALL: [Self; 5] = [
        Self::UnreadableDirectory,
        Self::UnreadableFile,
        Self::NoWatch,
        Self::OverLimit,
        Self::Failed,
    ];

    /// Its name in `--stats`.
    fn row(self) -> &'static str {
        match self {
            Self::UnreadableDirectory => "unreadable dirs",
            Self::UnreadableFile => "unreadable files",
            Self::NoWatch => "unwatched dirs",
            Self::OverLimit => "over the limit",
            Self::Failed => "other errors",
        }
    }

    /// Its name after a number.
    fn what(self) -> &'static str {
        match self {
            Self::UnreadableDirectory => "directories that may not be read",
            Self::UnreadableFile => "files that may not be read",
            Self::NoWatch => "directories without a watch",
            Self::OverLimit => "files larger than --hash-limit",
            Self::Failed => "errors",
        }
    }

    /// How many are written one by one. Where it is one, that one announces that there may be more.
    fn shown(self) -> u64 {
        match self {
            Self::NoWatch | Self::OverLimit => 1,
            Self::UnreadableDirectory | Self::UnreadableFile | Self::Failed => 10,
        }
    }
}

impl From<&Warning> for Kind {
    fn from(warning: &Warning) -> Self {
        match warning {
            Warning::UnreadableDirectory => Self::UnreadableDirectory,
            Warning::UnreadableFile => Self::UnreadableFile,
            Warning::NoWatch => Self::NoWatch,
            Warning::OverLimit => Self::OverLimit,
            Warning::Failed(_) => Self::Failed,
        }
    }
}

/// The number of warnings of a kind.
#[derive(Clone, Copy, Default)]
struct Count {
    total: u64,
    /// Those that were written, one by one or as a number.
    written: u64,
}

#[derive(Default)]
pub(super) struct Warnings {
    /// By kind.
    counts: [Count; Kind::ALL.len()],
    due: Option<u64>,
    delay: u64,
}

impl Warnings {
    /// Counts a warning; returns whether it is to be written.
    pub(super) fn record(&mut self, kind: Kind, now: u64) -> bool {
        let shown = kind.shown();
        let count = &mut self.counts[kind as usize];
        count.total += 1;
        if count.total <= shown {
            count.written += 1;
            return true;
        }
        if shown > 1 && self.due.is_none() {
            self.delay = (self.delay * 2).clamp(FIRST_DELAY, LONGEST_DELAY);
            self.due = Some(now.saturating_add(self.delay));
        }
        false
    }

    /// When the next summary is due.
    pub(super) fn due(&self) -> Option<u64> {
        self.due
    }

    /// The lines about warnings that were not written since the last summary, one for each kind.
    pub(super) fn summary(&mut self, now: u64) -> Vec<String> {
        self.due = self.due.filter(|&due| due > now);
        let mut lines = Vec::new();
        for (count, kind) in self.counts.iter_mut().zip(Kind::ALL) {
            let more = count.total - count.written;
            if more > 0 && kind.shown() > 1 {
                count.written = count.total;
                let what = kind.what();
                lines.push(format!("and {more} more {what} (--stats lists the counts)"));
            }
        }
        lines
    }

    pub(super) fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.counts.iter().zip(Kind::ALL);
        let counts = counts.map(|(count, kind)| (kind.row(), count.total));
        counts.filter(|(_, total)| *total > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::{FIRST_DELAY, Kind, LONGEST_DELAY, Warnings};

    #[test]
    fn ten_of_a_kind_are_written_and_then_their_number() {
        let mut warnings = Warnings::default();
        for number in 0..2700 {
            let is_shown = warnings.record(Kind::UnreadableDirectory, number);
            assert_eq!(is_shown, number < 10);
        }
        assert!(warnings.record(Kind::UnreadableFile, 2700));
        let due = warnings.due().expect("a summary");
        assert_eq!(due, 10 + FIRST_DELAY);
        let line = "and 2690 more directories that may not be read (--stats lists the counts)";
        assert_eq!(warnings.summary(due), [line]);
        assert_eq!(warnings.due(), None);
        let counts: Vec<_> = warnings.counts().collect();
        assert_eq!(counts, [("unreadable dirs", 2700), ("unreadable files", 1)]);
    }

    #[test]
    fn summaries_become_rare() {
        let mut warnings = Warnings::default();
        let mut now = 0;
        let mut lines = 0;
        // A warning each second, for two days.
        for _ in 0..2 * 24 * 3600 {
            now += FIRST_DELAY;
            warnings.record(Kind::Failed, now);
            if warnings.due().is_some_and(|due| due <= now) {
                lines += warnings.summary(now).len();
            }
        }
        assert!((12..60).contains(&lines), "{lines}");
        assert!(warnings.delay <= LONGEST_DELAY);
    }

    #[test]
    fn what_is_written_once_has_no_summary() {
        let mut warnings = Warnings::default();
        for number in 0..100 {
            let is_shown = warnings.record(Kind::NoWatch, number);
            assert_eq!(is_shown, number == 0);
        }
        assert_eq!(warnings.due(), None);
        assert_eq!(warnings.summary(100), Vec::<String>::new());
    }
}
