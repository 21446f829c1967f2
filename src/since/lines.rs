//! Splits the bytes of a JSON stream into lines, and turns each into a record.
//!
//! Lines end in a newline or, with `--print0`, in NUL, as the first one does. A run of NULs
//! is what a power loss leaves of the end of a file. Memory is that of one line. Invariant: a
//! line that is no record is never skipped in silence.

use std::io::BufRead;

use serde::de::IgnoredAny;

use super::record::{Record, RecordPath};

/// A longer line is no record, where fewer bytes of records come before it: 4 MiB, and few in tests.
const LONGEST: usize = if cfg!(test) { 64 << 10 } else { 4 << 20 };

/// One line of a stream.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Item<P> {
    /// The number of the line, from 1 on.
    pub(super) line: u64,
    /// `None`: it is no record, so that records may be missing here.
    pub(super) record: Option<Record<P>>,
}

impl<P> Item<P> {
    /// The item with the paths of its record held by something else.
    pub(super) fn map<Q>(self, hold: impl FnMut(P) -> Q) -> Item<Q> {
        Item {
            line: self.line,
            record: self.record.map(|record| record.map(hold)),
        }
    }
}

/// The lines of a stream whose bytes come in pieces of any size.
#[derive(Default)]
pub(super) struct Lines {
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// The byte that ends a line, once there was a record.
    separator: Option<u8>,
    /// Whether the line has become longer than any record, so that it is not kept.
    is_too_long: bool,
    /// Whether the line that is not kept holds records that end in another byte.
    is_mixed: bool,
    /// Whether a line was no record.
    has_others: bool,
    /// Offset at which the last record ends.
    end: u64,
    /// Bytes fed until now.
    read: u64,
    /// Lines that have ended.
    ended: u64,
}

impl Lines {
    /// Adds bytes, and gives each line that ends in them to `take`.
    pub(super) fn feed(&mut self, bytes: &[u8], take: &mut impl FnMut(Item<RecordPath<'_>>)) {
        let mut rest = bytes;
        while let Some(at) = self.line_end(rest) {
            let (line, after) = (&rest[..at], &rest[at + 1..]);
            self.read += at as u64 + 1;
            self.ended += 1;
            let separator = rest[at];
            rest = after;
            if self.line.is_empty() && !self.is_too_long {
                self.line(line, separator, take);
            } else {
                self.line.extend(line);
                let line = std::mem::take(&mut self.line);
                self.line(&line, separator, take);
                self.line = line;
                self.line.clear();
            }
        }
        self.read += rest.len() as u64;
        if (self.line.len() + rest.len()) as u64 > self.longest() {
            self.is_too_long = true;
            self.is_mixed |= self.has_others_left();
            self.line.clear();
        } else if !self.is_too_long {
            self.line.extend(rest);
        }
    }

    /// The length of the longest record: a path may be of any length, but the names on it are in records
    /// before its own, which are longer together.
    fn longest(&self) -> u64 {
        self.end.max(LONGEST as u64)
    }

    fn line_end(&self, mut bytes: &[u8]) -> Option<usize> {
        let Some(separator) = self.separator else {
            return bytes.iter().position(|byte| matches!(byte, b'\n' | 0));
        };
        let all = bytes;
        // The standard library's only access to memchr(3); reading from memory cannot fail.
        let end = bytes.skip_until(separator).ok()?.checked_sub(1)?;
        (all[end] == separator).then_some(end)
    }

    fn line(&mut self, line: &[u8], separator: u8, take: &mut impl FnMut(Item<RecordPath<'_>>)) {
        let number = self.ended;
        let item = |record| Item {
            line: number,
            record,
        };
        if std::mem::take(&mut self.is_too_long) {
            self.is_mixed = false;
            return take(item(None));
        }
        if line.is_empty() {
            if separator == 0 {
                // Between the NULs of a run, which stand for bytes that were lost.
                take(item(None));
            }
            return;
        }
        let Some(record) = Record::parse(line) else {
            let is_first = self.read == line.len() as u64 + 1;
            let is_zeroed = separator == 0 && is_first && is_torn_record(line);
            self.has_others |= !is_zeroed;
            return take(item(None));
        };
        self.separator = Some(separator);
        self.end = self.read;
        take(item(Some(record)));
    }

    /// The offset at which the last record ends, if anything follows it: a torn line.
    pub(super) fn torn_at(&self) -> Option<u64> {
        (self.read > self.end).then_some(self.end)
    }

    /// The byte that ends a record, if there was one.
    pub(super) fn separator(&self) -> Option<u8> {
        self.separator
    }

    /// Whether the line that has not ended holds records, with and without `--print0`: it is not torn.
    pub(super) fn is_mixed(&self) -> bool {
        self.is_mixed || self.has_others_left()
    }

    /// Whether two records in the line that has not ended do so in the other byte. One may be torn,
    /// with NULs in place of its end.
    fn has_others_left(&self) -> bool {
        let Some(separator) = self.separator else {
            return false;
        };
        let other = if separator == 0 { b'\n' } else { 0 };
        let lines = self.line.split_inclusive(|&byte| byte == other);
        let lines = lines.filter_map(|line| line.strip_suffix(&[other]));
        lines.filter_map(Record::parse).nth(1).is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.read == 0
    }

    pub(super) fn has_records(&self) -> bool {
        self.separator.is_some()
    }

    /// Whether it is a stream of balerion, or what a crash leaves of its first record, or empty.
    pub(super) fn may_be_appended_to(&self) -> bool {
        self.has_records() || !self.has_others && !self.is_too_long && is_torn_record(&self.line)
    }
}

/// Whether a line may be what a crash leaves of a record: its beginning, or all but what ends it.
fn is_torn_record(line: &[u8]) -> bool {
    let first = b"{\"time\":\"";
    let is_whole = || serde_json::from_slice::<IgnoredAny>(line).is_ok();
    (line.starts_with(first) || first.starts_with(line))
        && (!is_whole() || Record::parse(line).is_some())
}

#[cfg(test)]
mod tests;
