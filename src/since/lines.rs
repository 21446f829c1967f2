//! A JSON stream, as bytes that arrive, to records.
//!
//! Lines end in a newline or, with `--print0`, in NUL, as the first one does; a run of NULs
//! is what a power loss makes of a tail. Memory is that of one line. Invariant: what is no
//! record is never passed over in silence: it becomes a gap.

use std::io::BufRead;

use super::record::Record;

/// No record is longer: 4 MiB.
const LONGEST: usize = 4 << 20;

/// What is in a stream, in its order.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Item<'a> {
    Record(Record<'a>),
    /// Something that is no record: some may be missing here.
    Gap,
}

impl Item<'_> {
    /// The same without the line that it was read from.
    pub(super) fn into_owned(self) -> Item<'static> {
        match self {
            Self::Record(record) => Item::Record(record.into_owned()),
            Self::Gap => Item::Gap,
        }
    }
}

/// The lines of a stream, in pieces of any size.
#[derive(Default)]
pub(super) struct Lines {
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// What ends a record, once there was one.
    separator: Option<u8>,
    /// Whether the line is too long to be one, and is left out.
    is_too_long: bool,
    /// Whether there was a whole line that is none.
    has_others: bool,
    /// Where the last record ends, in bytes from the start.
    end: u64,
    /// Bytes until now.
    read: u64,
}

impl Lines {
    /// Takes the next bytes, and gives what ends in them.
    pub(super) fn feed(&mut self, bytes: &[u8], take: &mut impl FnMut(Item<'_>)) {
        let mut rest = bytes;
        while let Some(at) = self.line_end(rest) {
            let (line, after) = (&rest[..at], &rest[at + 1..]);
            self.read += at as u64 + 1;
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
        if self.line.len() + rest.len() > LONGEST {
            self.is_too_long = true;
            self.line.clear();
        } else if !self.is_too_long {
            self.line.extend(rest);
        }
    }

    fn line_end(&self, mut bytes: &[u8]) -> Option<usize> {
        let Some(separator) = self.separator else {
            return bytes.iter().position(|byte| matches!(byte, b'\n' | 0));
        };
        let all = bytes;
        // memchr(3), which is not had otherwise; no error can come from memory.
        let end = bytes.skip_until(separator).ok()?.checked_sub(1)?;
        (all[end] == separator).then_some(end)
    }

    fn line(&mut self, line: &[u8], separator: u8, take: &mut impl FnMut(Item<'_>)) {
        if std::mem::take(&mut self.is_too_long) {
            return take(Item::Gap);
        }
        if line.is_empty() {
            if separator == 0 {
                // A run of NULs is what a crash leaves of bytes that were lost.
                take(Item::Gap);
            }
            return;
        }
        let Some(record) = Record::parse(line) else {
            self.has_others = true;
            return take(Item::Gap);
        };
        self.separator = Some(separator);
        self.end = self.read;
        take(Item::Record(record));
    }

    /// Where the last record ends, if anything comes after it: that is torn.
    pub(super) fn torn_at(&self) -> Option<u64> {
        (self.read > self.end).then_some(self.end)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.read == 0
    }

    /// Whether there was a record.
    pub(super) fn has_records(&self) -> bool {
        self.separator.is_some()
    }

    /// Whether it is a stream of balerion, or what a crash leaves of its first record.
    pub(super) fn is_ours(&self) -> bool {
        let begins = |line: &[u8]| {
            let first = b"{\"time\":\"";
            line.starts_with(first) || first.starts_with(line)
        };
        self.has_records() || !self.has_others && !self.is_too_long && begins(&self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;
    use crate::since::sessions::{Folded, Sessions};

    /// Why there is no tree.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    enum NoTree {
        NoStream,
        NoSession,
    }

    fn fold_pieces<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Result<Folded, NoTree> {
        let (mut lines, mut sessions) = (Lines::default(), Sessions::default());
        for piece in pieces {
            lines.feed(piece, &mut |item| sessions.apply(item));
        }
        match sessions.finish() {
            _ if !lines.has_records() => Err(NoTree::NoStream),
            folded => folded.ok_or(NoTree::NoSession),
        }
    }

    const TIME: &str = "1970-01-01T00:00:09Z";

    fn line(event: &str, fields: &str) -> String {
        format!("{{\"time\":\"{TIME}\",\"event\":\"{event}\"{fields}}}\n")
    }

    fn start(session: &str, resumes: Option<&str>) -> String {
        let resumes = resumes.map_or(String::new(), |id| format!(",\"resumes\":\"{id}\""));
        line(
            "start",
            &format!(
                ",\"paths\":[\"r\"],\"absolute\":[\"/r\"],\"session\":\"{session}\",\"hash\":\"eager\"{resumes}"
            ),
        )
    }

    fn name(event: &str, path: &str, digest: u8) -> String {
        let (kind, digest) = match digest {
            0 => ("directory", String::new()),
            digest => (
                "file",
                format!(",\"sha256\":\"{}\"", hex::encode([digest; 32])),
            ),
        };
        line(
            event,
            &format!(",\"kind\":\"{kind}\",\"path\":\"{path}\"{digest}"),
        )
    }

    fn snapshot(session: &str) -> String {
        [
            start(session, None),
            name("existing", "r", 0),
            name("existing", "r/a", 1),
            name("existing", "r/d", 0),
            name("existing", "r/d/b", 2),
            line("ready", ",\"directories\":2,\"files\":2"),
        ]
        .concat()
    }

    /// What the bytes fold to, in pieces of any size.
    fn fold(bytes: &[u8]) -> Result<(String, String), NoTree> {
        let mut results = Vec::new();
        for size in [1, 7, 1 << 20] {
            results.push(fold_pieces(bytes.chunks(size)).map(|folded| {
                let names = folded.tree.list().into_iter().map(|(path, _, digest)| {
                    digest.map_or(path.clone(), |digest| format!("{path}={digest}"))
                });
                (names.collect::<Vec<_>>().join(" "), folded.start.session)
            }));
        }
        assert!(
            results.iter().all(|result| *result == results[0]),
            "{results:?}"
        );
        results.swap_remove(0)
    }

    fn ok(tree: &str, session: &str) -> Result<(String, String), NoTree> {
        Ok((tree.to_owned(), session.to_owned()))
    }

    const BASE: &str = "r r/a=1 r/d r/d/b=2";

    #[test]
    fn the_last_complete_session_is_folded_with_what_follows_it() {
        let changes = [
            name("created", "r/c", 3),
            name("changed", "r/a", 4),
            line(
                "renamed",
                ",\"kind\":\"directory\",\"from\":\"r/d\",\"path\":\"r/e\"",
            ),
            name("deleted", "r/e/b", 2),
            line("frobnicated", ""),
        ]
        .concat();
        let cases = [
            ("a snapshot", snapshot("1"), ok(BASE, "1")),
            (
                "with changes",
                snapshot("1") + &changes,
                ok("r r/a=4 r/c=3 r/e", "1"),
            ),
            (
                "two sessions",
                snapshot("1") + &changes + &snapshot("2"),
                ok(BASE, "2"),
            ),
            (
                "a session that did not become ready",
                snapshot("1") + &changes + &start("2", None) + &name("existing", "r", 0),
                ok("r r/a=4 r/c=3 r/e", "1"),
            ),
            (
                "one that resumes",
                snapshot("1") + &start("2", Some("1")) + &name("created", "r/c", 3),
                ok("r r/a=1 r/c=3 r/d r/d/b=2", "2"),
            ),
            (
                "one that resumes over one that did not become ready",
                snapshot("1")
                    + &start("2", None)
                    + &start("3", Some("1"))
                    + &name("deleted", "r/a", 1),
                ok("r r/d r/d/b=2", "3"),
            ),
            (
                "a chain of them",
                snapshot("1")
                    + &start("2", Some("1"))
                    + &start("3", Some("2"))
                    + &name("deleted", "r/a", 1),
                ok("r r/d r/d/b=2", "3"),
            ),
            (
                "a PATH that was gone and is back",
                snapshot("1")
                    + &["r/a", "r/d/b", "r/d", "r"]
                        .map(|path| name("deleted", path, 1))
                        .concat()
                    + &name("created", "r", 0)
                    + &name("created", "r/c", 3),
                ok("r r/c=3", "1"),
            ),
        ];
        for (case, stream, expected) in cases {
            assert_eq!(fold(stream.as_bytes()), expected, "{case}");
        }
    }

    #[test]
    fn what_is_no_complete_session_gives_no_tree() {
        let cases = [
            ("nothing", String::new(), NoTree::NoStream),
            ("text", "New file: ./a\n".to_owned(), NoTree::NoStream),
            ("other JSON", "{\"a\":1}\n[]\n".to_owned(), NoTree::NoStream),
            ("NULs", "\0".repeat(5000), NoTree::NoStream),
            (
                "no ready",
                snapshot("1").replace("\"ready\"", "\"readier\""),
                NoTree::NoSession,
            ),
            (
                "no snapshot",
                start("1", None) + &line("ready", ",\"directories\":2,\"files\":2"),
                NoTree::NoSession,
            ),
            (
                "it resumes what is not here",
                start("2", Some("1")) + &name("created", "r/c", 3) + &line("ready", ""),
                NoTree::NoSession,
            ),
            (
                "a record is missing",
                snapshot("1") + &name("created", "r/x/c", 3),
                NoTree::NoSession,
            ),
            (
                "a line in the middle is none",
                snapshot("1") + "{\"time\":\"\n" + &name("created", "r/c", 3),
                NoTree::NoSession,
            ),
            (
                "zeroes in the middle",
                // The first record after them goes with them.
                snapshot("1")
                    + &"\0".repeat(99)
                    + &name("created", "r/c", 3)
                    + &name("created", "r/e", 3),
                NoTree::NoSession,
            ),
        ];
        for (case, stream, expected) in cases {
            assert_eq!(fold(stream.as_bytes()), Err(expected), "{case}");
        }
    }

    #[test]
    fn a_torn_or_zeroed_tail_is_left_out() {
        let whole = snapshot("1") + &name("created", "r/c", 3);
        let last = whole.len() - name("created", "r/c", 3).len();
        for cut in last..whole.len() {
            for tail in ["", "\0", "\0\0\0\0"] {
                let mut bytes = whole.as_bytes()[..cut].to_vec();
                bytes.extend(tail.bytes());
                assert_eq!(fold(&bytes), ok(BASE, "1"), "{cut} {tail:?}");
            }
        }
        // What comes after the tear begins a session.
        let torn = snapshot("1") + "{\"ti\n" + &snapshot("2");
        assert_eq!(fold(torn.as_bytes()), ok(BASE, "2"));
        let resumed = snapshot("1") + "{\"ti\n" + &start("2", Some("1"));
        assert_eq!(fold(resumed.as_bytes()), ok(BASE, "2"));
    }

    #[test]
    fn nul_may_end_records_and_long_lines_are_none() {
        let nul = snapshot("1").replace('\n', "\0");
        assert_eq!(fold(nul.as_bytes()), ok(BASE, "1"));
        let long = snapshot("1") + &"x".repeat(super::LONGEST + 9) + "\n" + &start("2", Some("1"));
        let folded = fold_pieces(long.as_bytes().chunks(1 << 16));
        assert_eq!(
            folded.map(|folded| folded.start.session).ok(),
            Some("2".to_owned())
        );
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(cut in 0..2000usize, at in 0..2000usize, byte: u8, junk in proptest::collection::vec(0..=255u8, 0..40)) {
            let mut bytes = (snapshot("1") + &start("2", Some("1")) + &name("created", "r/c", 3)).into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            let cut = cut % bytes.len();
            bytes.splice(cut..cut, junk);
            let _any = fold(&bytes);
        }
    }
}
