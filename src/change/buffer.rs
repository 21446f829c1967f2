//! Gathers changes and warnings until they are written.
//!
//! Invariant: all paths are in one buffer, so that a change costs no allocation of its own.

use super::{Before, Change, OwnedChange, Span, Warning};

/// Changes and warnings, in order.
#[derive(Default)]
pub(crate) struct ChangeBuffer {
    /// The paths, one after the other; some share bytes.
    bytes: Vec<u8>,
    /// The path that the next owned one may share bytes with.
    last: Span,
    changes: Vec<Change>,
    /// When the changes became known, in nanoseconds since 1970: the index of the first one of each
    /// time.
    times: Vec<(usize, i64)>,
    /// The time of the changes that are added next.
    time: i64,
    /// What was reported before some of the changes, with the index of each.
    before: Vec<(usize, Before)>,
    /// Whether `before` is kept.
    keeps_before: bool,
    warnings: Vec<(Span, Warning)>,
}

impl ChangeBuffer {
    /// An empty buffer that keeps what was reported before each change.
    pub(crate) fn keeping_before() -> Self {
        Self {
            keeps_before: true,
            ..Self::default()
        }
    }

    /// An empty buffer that keeps the same.
    pub(crate) fn successor(&self) -> Self {
        Self {
            keeps_before: self.keeps_before,
            ..Self::default()
        }
    }

    /// Appends another buffer.
    pub(crate) fn append(&mut self, mut next: Self) {
        let (bytes, changes) = (self.bytes.len(), self.changes.len());
        self.bytes.append(&mut next.bytes);
        let shift = |span: Span| span.start + bytes..span.end + bytes;
        self.changes
            .extend(next.changes.into_iter().map(|change| change.map(shift)));
        let times = next.times.into_iter();
        self.times
            .extend(times.map(|(number, time)| (number + changes, time)));
        let before = next.before.into_iter();
        self.before
            .extend(before.map(|(number, before)| (number + changes, before)));
        let warnings = next.warnings.into_iter();
        self.warnings
            .extend(warnings.map(|(path, warning)| (shift(path), warning)));
    }

    /// Appends the warnings of another buffer, without its changes.
    pub(crate) fn append_warnings(&mut self, other: &Self) {
        for (path, warning) in &other.warnings {
            let path = self.path(|bytes| bytes.extend(other.bytes(path)));
            self.warn(path, warning.clone());
        }
    }

    /// Adds the path that `write` appends.
    pub(crate) fn path(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Span {
        let start = self.bytes.len();
        write(&mut self.bytes);
        start..self.bytes.len()
    }

    /// The number of bytes of all paths.
    pub(crate) fn path_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Sets when the changes that are added from now on became known, in nanoseconds since 1970.
    pub(crate) fn set_time(&mut self, time: i64) {
        self.time = time;
    }

    /// When a change became known, in nanoseconds since 1970.
    pub(crate) fn time_of(&self, index: usize) -> i64 {
        let next = self.times.partition_point(|(first, _)| *first <= index);
        let run = next.checked_sub(1).and_then(|run| self.times.get(run));
        run.map_or(self.time, |(_, time)| *time)
    }

    pub(crate) fn push(&mut self, change: Change) {
        if self.times.last().is_none_or(|(_, last)| *last != self.time) {
            self.times.push((self.changes.len(), self.time));
        }
        self.changes.push(change);
    }

    /// Adds a change with its paths.
    pub(crate) fn push_owned(&mut self, owned: OwnedChange) {
        let change = owned.change.map(|path| self.share(&path));
        self.push_over(change, owned.before);
    }

    /// Adds a path. If that and the one before begin alike to the end of one of them, they share bytes:
    /// else the paths of a chain of directories would have the square of its length.
    fn share(&mut self, path: &[u8]) -> Span {
        let Span { start, end } = self.last;
        let last = &self.bytes[start..end];
        if last.starts_with(path) {
            return start..start + path.len();
        }
        self.last = match path.strip_prefix(last) {
            Some(rest) if end == self.bytes.len() => {
                self.bytes.extend(rest);
                start..self.bytes.len()
            }
            _ => self.path(|bytes| bytes.extend(path)),
        };
        self.last.clone()
    }

    /// Adds a change, with what was reported before at its path; for a rename, what it replaced.
    pub(crate) fn push_over(&mut self, change: Change, before: Option<Before>) {
        if let Some(before) = before.filter(|_| self.keeps_before) {
            self.before.push((self.changes.len(), before));
        }
        self.push(change);
    }

    /// Takes all changes out; their paths stay.
    pub(crate) fn take_changes(&mut self) -> Vec<(Change, Option<Before>)> {
        self.times.clear();
        let mut before = std::mem::take(&mut self.before).into_iter().peekable();
        let changes = std::mem::take(&mut self.changes).into_iter().enumerate();
        let pair = |(number, change)| {
            let found = before.next_if(|(other, _)| *other == number);
            (change, found.map(|(_, before)| before))
        };
        changes.map(pair).collect()
    }

    pub(crate) fn warn(&mut self, path: Span, warning: Warning) {
        self.warnings.push((path, warning));
    }

    pub(crate) fn bytes(&self, span: &Span) -> &[u8] {
        &self.bytes[span.clone()]
    }

    pub(crate) fn changes(&self) -> &[Change] {
        &self.changes
    }

    pub(crate) fn warnings(&self) -> &[(Span, Warning)] {
        &self.warnings
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.warnings.is_empty()
    }

    /// Removes everything, and gives memory back after a burst.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.last = 0..0;
        self.changes.clear();
        self.times.clear();
        self.before.clear();
        self.warnings.clear();
        self.bytes.shrink_to(64 << 10);
        self.changes.shrink_to(512);
        self.times.shrink_to(512);
    }
}

#[cfg(test)]
mod tests {
    use super::ChangeBuffer;
    use crate::change::{Change, Kind, OwnedChange, Warning};

    #[test]
    fn the_paths_of_a_chain_share_their_bytes() {
        let mut buffer = ChangeBuffer::default();
        buffer.path(|bytes| bytes.extend(b"before"));
        let chain: Vec<String> = (1..100).map(|depth| "/d".repeat(depth)).collect();
        let mut added = Vec::new();
        let add = |buffer: &mut ChangeBuffer, path: &str| {
            let (kind, path) = (Kind::Directory, path.into());
            let change = Change::Deleted { kind, path };
            let before = None;
            buffer.push_owned(OwnedChange { change, before });
        };
        for path in chain.iter().chain(chain.iter().rev()) {
            add(&mut buffer, path);
            added.push(path.as_str());
        }
        assert_eq!(buffer.path_bytes(), "before".len() + 99 * 2);
        for path in ["/d/e", "/d/e/f", "/x", "/d/e/f", "/d/e"] {
            add(&mut buffer, path);
            added.push(path);
        }
        let kept = buffer.changes().iter().map(|change| match change {
            Change::Deleted { path, .. } => buffer.bytes(path),
            other => panic!("{other:?}"),
        });
        let added: Vec<_> = added.iter().map(|path| path.as_bytes()).collect();
        assert_eq!(kept.collect::<Vec<_>>(), added);
    }

    #[test]
    fn each_change_has_the_time_that_was_set_before_it_was_added() {
        let [mut first, mut second] = [ChangeBuffer::default(), ChangeBuffer::default()];
        for (buffer, times) in [(&mut first, [1, 1, 2]), (&mut second, [2, 3, 5])] {
            for time in times {
                buffer.set_time(time);
                buffer.push(Change::Overflow);
            }
        }
        first.append(second);
        first.push(Change::Overflow);
        let times = (0..first.changes().len()).map(|index| first.time_of(index));
        assert_eq!(times.collect::<Vec<_>>(), [1, 1, 2, 2, 3, 5, 2]);
        first.set_time(9);
        assert_eq!(first.take_changes().len(), 7);
        first.push(Change::Overflow);
        assert_eq!(first.time_of(0), 9);
    }

    #[test]
    fn warnings_are_appended_without_the_changes_among_them() {
        let [mut first, mut second] = [ChangeBuffer::default(), ChangeBuffer::default()];
        for (buffer, path) in [(&mut first, "a"), (&mut second, "b")] {
            let path = buffer.path(|bytes| bytes.extend(path.as_bytes()));
            let kind = Kind::File;
            buffer.push(Change::Deleted {
                kind,
                path: path.clone(),
            });
            buffer.warn(path, Warning::OverLimit);
        }
        first.append_warnings(&second);
        let warned = first.warnings().iter().map(|(path, _)| first.bytes(path));
        assert_eq!(warned.collect::<Vec<_>>(), [b"a", b"b"]);
        assert_eq!(first.changes().len(), 1);
    }
}
