//! Remembers the directories of which not all rules could be read, and when each is tried again.
//!
//! Counts checks, which come at a constant interval, in place of time. Reads nothing. Invariant: a
//! directory stays until its rules are forgotten, and is tried again ever more rarely.

use std::collections::BTreeMap;

/// Checks between two tries at most.
const MOST_CHECKS: u32 = 128;

/// Directories that are tried in one check; the others take their turn later.
const TRIED_AT_ONCE: usize = 32;

/// A directory with rules.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct RuleDirectory {
    /// The absolute path of its PATH.
    pub(crate) root: Vec<u8>,
    /// Its path from there. `None`: the directories above the PATH, together.
    pub(crate) relative_path: Option<Vec<u8>>,
}

impl RuleDirectory {
    /// Whether it is at `relative_path` in that PATH, or below.
    fn is_within(&self, root: &[u8], relative_path: &[u8]) -> bool {
        let is_below = |path: &Vec<u8>| is_below(path, relative_path);
        self.root == root && self.relative_path.as_ref().is_some_and(is_below)
    }
}

/// Whether a relative path is `above`, or leads below it.
pub(super) fn is_below(path: &[u8], above: &[u8]) -> bool {
    let rest = path.strip_prefix(above);
    above.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// The first relative path that can be below `above`, in the order of the bytes, in which all these
/// are next to each other. Between `above` itself and them are paths such as `above-1`.
pub(super) fn first_below(above: &[u8]) -> Vec<u8> {
    if above.is_empty() {
        Vec::new()
    } else {
        [above, b"/"].concat()
    }
}

/// Removes a directory and those below it from a map; what they had.
pub(super) fn remove_within<T>(
    map: &mut BTreeMap<RuleDirectory, T>,
    root: &[u8],
    relative_path: &[u8],
) -> Vec<(RuleDirectory, T)> {
    let directory = |relative_path| RuleDirectory {
        root: root.to_vec(),
        relative_path: Some(relative_path),
    };
    let top = map.remove_entry(&directory(relative_path.to_vec()));
    let first = directory(first_below(relative_path));
    let from_first = map.range(first..).map(|(directory, _)| directory);
    let below = from_first.take_while(|other| other.is_within(root, relative_path));
    let below: Vec<_> = below.cloned().collect();
    let below = below
        .iter()
        .filter_map(|directory| map.remove_entry(directory));
    top.into_iter().chain(below).collect()
}

struct Retry {
    failures: u32,
    /// Checks until it is tried again.
    checks_left: u32,
}

#[derive(Default)]
pub(super) struct Retries {
    all: BTreeMap<RuleDirectory, Retry>,
    /// Whether all are to be tried at the next check.
    is_hastened: bool,
}

impl Retries {
    /// Adds a directory, unless it is there. Whether it was added.
    pub(super) fn add(&mut self, directory: &RuleDirectory) -> bool {
        let is_new = !self.has(directory);
        if is_new {
            self.put(directory.clone(), 0);
        }
        is_new
    }

    pub(super) fn has(&self, directory: &RuleDirectory) -> bool {
        self.all.contains_key(directory)
    }

    fn put(&mut self, directory: RuleDirectory, failures: u32) {
        let checks = 1_u32.checked_shl(failures).unwrap_or(MOST_CHECKS);
        let checks_left = checks.min(MOST_CHECKS);
        let retry = Retry {
            failures,
            checks_left,
        };
        self.all.insert(directory, retry);
    }

    /// Counts a check, and takes some of the directories that are due.
    pub(super) fn take_due(&mut self) -> Vec<DueRetry> {
        let mut due = Vec::new();
        let is_hastened = std::mem::take(&mut self.is_hastened);
        for (directory, retry) in &mut self.all {
            retry.checks_left = if is_hastened {
                0
            } else {
                retry.checks_left.saturating_sub(1)
            };
            if retry.checks_left == 0 && due.len() < TRIED_AT_ONCE {
                let directory = directory.clone();
                let failures = retry.failures;
                due.push(DueRetry {
                    directory,
                    failures,
                });
            }
        }
        for retry in &due {
            self.all.remove(&retry.directory);
        }
        due
    }

    /// Puts a directory back that could still not be read.
    pub(super) fn put_back(&mut self, retry: DueRetry) {
        self.put(retry.directory, retry.failures.saturating_add(1));
    }

    /// Lets all directories be tried at the next check. There may be many of them, and many calls.
    pub(super) fn hasten(&mut self) {
        self.is_hastened = true;
    }

    /// Removes a directory and those below it.
    pub(super) fn forget(&mut self, root: &[u8], relative_path: &[u8]) {
        remove_within(&mut self.all, root, relative_path);
    }

    pub(super) fn clear(&mut self) {
        self.all.clear();
    }
}

pub(super) struct DueRetry {
    pub(super) directory: RuleDirectory,
    failures: u32,
}

#[cfg(test)]
mod tests {
    use super::{MOST_CHECKS, Retries, RuleDirectory, TRIED_AT_ONCE};

    fn directory(relative_path: &[u8]) -> RuleDirectory {
        RuleDirectory {
            root: b"/t".to_vec(),
            relative_path: Some(relative_path.to_vec()),
        }
    }

    #[test]
    fn what_cannot_be_read_is_tried_ever_more_rarely() {
        let mut retries = Retries::default();
        assert!(retries.add(&directory(b"a")));
        assert!(!retries.add(&directory(b"a")));
        let mut delays = Vec::new();
        for _ in 0..9 {
            let mut checks = 1;
            let due = loop {
                let mut due = retries.take_due();
                if let Some(due) = due.pop() {
                    break due;
                }
                checks += 1;
            };
            delays.push(checks);
            retries.put_back(due);
        }
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 64, MOST_CHECKS, MOST_CHECKS]);
        retries.hasten();
        assert_eq!(retries.take_due().len(), 1);
    }

    #[test]
    fn many_take_turns() {
        let mut retries = Retries::default();
        let all: Vec<_> = (0..TRIED_AT_ONCE + 1)
            .map(|number| directory(number.to_string().as_bytes()))
            .collect();
        assert!(all.iter().all(|directory| retries.add(directory)));
        assert_eq!(retries.take_due().len(), TRIED_AT_ONCE);
        assert_eq!(retries.take_due().len(), 1);
    }

    #[test]
    fn what_is_forgotten_is_tried_no_longer() {
        let mut retries = Retries::default();
        for path in [&b""[..], b"a", b"a-b", b"a/b", b"a/b/c", b"a0", b"ab"] {
            retries.add(&directory(path));
        }
        retries.forget(b"/other", b"");
        retries.forget(b"/t", b"a");
        let left = retries.all.keys();
        let left: Vec<_> = left
            .flat_map(|left| left.relative_path.as_deref())
            .collect();
        assert_eq!(left, [&b""[..], b"a-b", b"a0", b"ab"]);
        retries.forget(b"/t", b"");
        assert!(retries.all.is_empty());
    }
}
