//! Turns the bytes of a rule file into a matcher, up to a limit.
//!
//! The files lie in the watched tree, where any user may put anything: a FIFO, a device, a
//! symbolic link, millions of globs. `ignore::IncrementalIgnore` opens them by path and
//! compiles whatever it finds, so that only the matcher of that crate is used. Opens no file
//! itself. Invariant: the number of compiled globs has a limit for each file, and so has what a
//! match costs.

use std::path::Path;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::match_cost::match_cost;
use crate::sys::read_regular::Read;

/// Bytes read of one rule file: 256 KiB. The largest that are known have a tenth of it.
pub(super) const MAX_BYTES: u64 = 256 << 10;

/// Globs of one rule file: a compiled glob takes some 7 KiB and 60 µs.
pub(super) const MAX_GLOBS: usize = 2_000;

/// What of one rule file may be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Limits {
    /// Globs.
    pub(super) globs: usize,
    /// What they cost, by [`match_cost`].
    pub(super) cost: usize,
}

/// The bytes of a rule file.
pub(super) struct Source {
    pub(super) read: Read,
    /// The same for the same bytes.
    pub(super) key: u64,
}

impl Source {
    /// Number of lines: there are no more globs.
    pub(super) fn lines(&self) -> usize {
        let ends = self.read.bytes.iter().filter(|&&byte| byte == b'\n');
        ends.count() + 1
    }
}

/// A compiled rule file.
#[derive(Debug)]
pub(super) struct RuleFile {
    pub(super) matcher: Gitignore,
    /// Number of globs, which count against the budget.
    pub(super) globs: usize,
    /// What they cost, by [`match_cost`].
    pub(super) cost: usize,
    /// Whether it has more bytes or globs than are used.
    pub(super) is_cut: bool,
    /// The user ID of the owner of the file.
    pub(super) owner: u32,
    /// The key of its [`Source`]. `None`: there is no file.
    key: Option<u64>,
    /// The number of globs that it might have had.
    most: usize,
}

impl RuleFile {
    pub(super) fn empty() -> Self {
        Self {
            matcher: Gitignore::empty(),
            globs: 0,
            cost: 0,
            is_cut: false,
            owner: 0,
            key: None,
            most: 0,
        }
    }

    /// Whether compiling these bytes would give the same.
    pub(super) fn is_of(&self, source: &Source, limits: Limits) -> bool {
        let most = limits.globs;
        let is_whole = self.globs < self.most;
        self.key == Some(source.key)
            && self.owner == source.read.owner
            && self.globs <= most
            && (is_whole || most <= self.most)
    }

    /// Compiles the bytes of a file, up to limits that depend on its owner. A line that is no glob matches nothing, as
    /// with git.
    pub(super) fn compile(source: &Source, limits: Limits) -> Self {
        let bytes = &source.read.bytes;
        let mut is_cut = source.read.is_cut;
        let mut builder = builder();
        let (mut globs, mut cost) = (0, 0);
        let whole = if is_cut { whole_lines(bytes) } else { bytes };
        for line in lines(whole).filter_map(|line| std::str::from_utf8(line).ok()) {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let more = match_cost(line);
            if globs == limits.globs || cost + more > limits.cost {
                is_cut = true;
                break;
            }
            cost += more;
            globs += usize::from(builder.add_line(None, line).is_ok());
        }
        // It fails if the globs are too large together: then none is held.
        let matcher = builder.build().ok();
        Self {
            globs: matcher.as_ref().map_or(0, Gitignore::len),
            cost,
            is_cut: is_cut || matcher.is_none(),
            matcher: matcher.unwrap_or_else(Gitignore::empty),
            owner: source.read.owner,
            key: Some(source.key),
            most: limits.globs,
        }
    }
}

/// A builder to which `[` alone is no glob, as with git.
pub(super) fn builder() -> GitignoreBuilder {
    let mut builder = GitignoreBuilder::new("");
    builder.allow_unclosed_class(false);
    builder
}

/// Whether a name is hidden (`true`) or brought back by a negated glob (`false`). `None`: no glob
/// matches.
pub(super) fn hides(matcher: &Gitignore, path: &Path, is_dir: bool) -> Option<bool> {
    match matcher.matched(path, is_dir) {
        Match::None => None,
        Match::Ignore(_) => Some(true),
        Match::Whitelist(_) => Some(false),
    }
}

/// The lines of a rule file, without a byte order mark and carriage returns.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    bytes
        .split(|&byte| byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// The whole lines at the beginning: half a glob would be another glob.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|&byte| byte == b'\n').unwrap_or(0);
    &bytes[..end]
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;

    use super::{Limits, MAX_GLOBS, RuleFile, Source, lines};
    use crate::filter::match_cost::MAX_COST;
    use crate::sys::read_regular::Read;

    pub(in crate::filter) fn source_of(owner: u32, text: &str, is_cut: bool) -> Source {
        let bytes = text.as_bytes().to_vec();
        let read = Read {
            bytes,
            is_cut,
            owner,
        };
        Source { read, key: 1 }
    }

    fn up_to(globs: usize) -> Limits {
        let cost = MAX_COST;
        Limits { globs, cost }
    }

    fn source(text: &str, is_cut: bool) -> Source {
        source_of(0, text, is_cut)
    }

    #[test]
    fn lines_end_as_in_any_editor() {
        let bytes = "\u{feff}a\r\nb\n\nc".as_bytes();
        assert_eq!(
            lines(bytes).collect::<Vec<_>>(),
            [&b"a"[..], b"b", b"", b"c"]
        );
    }

    #[test]
    fn a_file_holds_no_more_globs_than_its_bound_and_has_whether_it_was_cut() {
        let text: String = (0..MAX_GLOBS + 5).map(|n| format!("/name{n}\n")).collect();
        let rules = RuleFile::compile(&source(&text, false), up_to(MAX_GLOBS));
        assert!(rules.is_cut);
        let is_ignored = |name: &str| rules.matcher.matched(Path::new(name), false).is_ignore();
        assert!(is_ignored(&format!("name{}", MAX_GLOBS - 1)));
        assert!(!is_ignored(&format!("name{MAX_GLOBS}")));
    }

    #[test]
    fn half_a_line_at_the_bound_is_no_glob() {
        let rules = RuleFile::compile(&source("abc\nde", true), up_to(MAX_GLOBS));
        assert!(rules.is_cut);
        assert!(rules.matcher.matched(Path::new("abc"), false).is_ignore());
        assert!(rules.matcher.matched(Path::new("de"), false).is_none());
    }

    #[test]
    fn the_same_bytes_are_compiled_again_only_if_more_of_them_may_be_used() {
        let text = source("a\nb\nc\n", false);
        for (then, now, is_same) in [
            (3, 3, true),
            (4, 3, true),
            (4, 5, true),
            (2, 2, true),
            (2, 3, false),
            (3, 2, false),
            (4, 2, false),
        ] {
            let rules = RuleFile::compile(&text, up_to(then));
            assert_eq!(rules.is_of(&text, up_to(now)), is_same, "{then}, {now}");
        }
        let other = Source {
            key: 2,
            ..source("a\n", false)
        };
        assert!(!RuleFile::compile(&text, up_to(4)).is_of(&other, up_to(4)));
        let of_another = source_of(1, "a\nb\nc\n", false);
        assert!(!RuleFile::compile(&text, up_to(4)).is_of(&of_another, up_to(4)));
        assert!(!RuleFile::empty().is_of(&text, up_to(0)));
    }
}
